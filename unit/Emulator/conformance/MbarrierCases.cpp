//===- MbarrierCases.cpp - What can be seen of mbarriers ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "mbarrier": one thread counts arrivals and bytes and asks after each
// step which phases are complete; then 128 threads exchange data.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"

using namespace attn;
using namespace attn::conformance;

namespace {
const Target sm80, sm90 = {90, false, 80};

/// The object, as the PTX ISA describes it.
struct Model {
  uint32_t count = 0, pending = 0, phase = 0;
  int bytes = 0;

  void advance() {
    if (pending || bytes)
      return;
    ++phase;
    pending = count;
  }
};

struct Step {
  enum Kind { init, inval, arrive, noComplete, drop, expect, complete, both };
  Kind kind;
  uint32_t number = 1; ///< arrivals or bytes
};

/// The instruction; `hasState`: it returns one.
std::string instruction(const Step &step, bool &hasState) {
  std::string number = std::to_string(step.number);
  hasState = true;
  switch (step.kind) {
  case Step::arrive:
    // A count is new in sm_90.
    if (step.number == 1)
      return "mbarrier.arrive.shared.b64 %state, [%bar];";
    return "mbarrier.arrive.release.cta.shared::cta.b64 %state, [%bar], " +
           number + ";";
  case Step::noComplete:
    return "mbarrier.arrive.noComplete.shared.b64 %state, [%bar], " + number +
           ";";
  case Step::drop:
    return "mbarrier.arrive_drop.shared.b64 %state, [%bar];";
  case Step::both:
    return "mbarrier.arrive.expect_tx.shared::cta.b64 %state, [%bar], " +
           number + ";";
  case Step::init:
    hasState = false;
    return "mbarrier.init.shared.b64 [%bar], " + number + ";";
  case Step::inval:
    hasState = false;
    return "mbarrier.inval.shared.b64 [%bar];";
  case Step::expect:
    hasState = false;
    return "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%bar], " + number +
           ";";
  case Step::complete:
    hasState = false;
    return "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%bar], " +
           number + ";";
  }
  return {};
}

void apply(const Step &step, Model &model) {
  switch (step.kind) {
  case Step::init:
    model = {step.number, step.number, 0, 0};
    return;
  case Step::inval:
    return;
  case Step::drop:
    --model.count;
    --model.pending;
    break;
  case Step::arrive:
  case Step::noComplete:
    model.pending -= step.number;
    break;
  case Step::expect:
    model.bytes += step.number;
    break;
  case Step::complete:
    model.bytes -= step.number;
    break;
  case Step::both:
    model.bytes += step.number;
    --model.pending;
    break;
  }
  model.advance();
}

constexpr uint32_t nothing = 0xffffffff;

/// After each step: which parities have completed, whether the phase of the
/// state has, and its pending count.
void add(Cases &cases, const std::string &name, Target target,
         const std::vector<Step> &steps) {
  cases.push_back(
      {"mbarrier." + name, target, [=] {
         std::string body;
         for (size_t i = 0; i < steps.size(); ++i) {
           bool hasState;
           body += "  " + instruction(steps[i], hasState) + "\n";
           std::string questions;
           if (steps[i].kind != Step::inval)
             for (int parity : {0, 1})
               questions += fill(
                   R"(  mbarrier.test_wait.parity.shared.b64 %p, [%bar], $P;
  selp.b32 %v$P, 1, 0, %p;
)",
                   {{"P", std::to_string(parity)}});
           else
             questions = "  mov.b32 %v0, -1;\n  mov.b32 %v1, -1;\n";
           if (hasState)
             questions += R"(  mbarrier.test_wait.shared.b64 %p, [%bar], %state;
  selp.b32 %v2, 1, 0, %p;
  mbarrier.pending_count.b64 %v3, %state;
)";
           else
             questions += "  mov.b32 %v2, -1;\n  mov.b32 %v3, -1;\n";
           body += questions + "  st.global.v4.b32 [%out+" +
                   std::to_string(i * 16) + "], {%v0, %v1, %v2, %v3};\n";
         }
         Problem problem;
         problem.ptx =
             header(target) +
             fill(R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .shared .align 8 .b64 barrier;
  .reg .b64 %out, %state;
  .reg .b32 %bar, %v<4>;
  .reg .pred %p;
  ld.param.u64 %out, [output];
  mov.u32 %bar, barrier;
$BODY  ret;
}
)",
                  {{"BODY", body}});
         problem.block = {1, 1, 1};
         problem.addOutput("answers", Element::b32, steps.size(), 4);
         problem.where = [=](const Output &, uint32_t row, uint32_t column) {
           const char *columns[] = {"parity 0", "parity 1",
                                    "phase of the state", "pending count"};
           bool hasState;
           return std::string(columns[column]) + " after step " +
                  std::to_string(row) + ", " +
                  instruction(steps[row], hasState);
         };
         problem.expected = [=] {
           std::string all;
           Model model;
           for (const Step &step : steps) {
             bool hasState;
             instruction(step, hasState);
             Model before = model;
             apply(step, model);
             bool isOver = step.kind == Step::inval;
             for (uint32_t parity : {0, 1})
               append(all, isOver ? nothing : (model.phase & 1) != parity, 4);
             append(all, hasState ? model.phase != before.phase : nothing, 4);
             append(all, hasState ? before.pending : nothing, 4);
           }
           return all;
         };
         return problem;
       }});
}
} // namespace

/// In each of six phases every thread writes a number, and reads that of
/// another when all have arrived.
static void addExchange(Cases &cases) {
  constexpr uint32_t threads = 128, phases = 6;
  cases.push_back(
      {"mbarrier.exchange", sm90, [] {
         Problem problem;
         problem.ptx = header(sm90) +
                       R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .shared .align 8 .b64 barrier;
  .shared .align 4 .b8 words[1024];
  .reg .b64 %out;
  .reg .b32 %t, %bar, %base, %phase, %parity, %at, %other, %v, %sum;
  .reg .pred %p;
  ld.param.u64 %out, [output];
  mov.u32 %bar, barrier;
  mov.u32 %base, words;
  mov.u32 %t, %tid.x;
  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared.b64 [%bar], 128;
  bar.sync 0;
  mov.b32 %phase, 0;
  mov.b32 %sum, 0;
again:
  and.b32 %parity, %phase, 1;
  mad.lo.u32 %at, %parity, 512, %base;
  mad.lo.u32 %v, %t, 1000, %phase;
  mad.lo.u32 %other, %t, 4, %at;
  st.shared.b32 [%other], %v;
  mbarrier.arrive.shared.b64 _, [%bar];
wait:
  mbarrier.try_wait.parity.shared.b64 %p, [%bar], %parity;
  @!%p bra wait;
  mad.lo.u32 %other, %phase, 37, %t;
  and.b32 %other, %other, 127;
  mad.lo.u32 %other, %other, 4, %at;
  ld.shared.b32 %v, [%other];
  mad.lo.u32 %sum, %sum, 31, %v;
  add.u32 %phase, %phase, 1;
  setp.lt.u32 %p, %phase, 6;
  @%p bra again;
  mad.wide.u32 %out, %t, 4, %out;
  st.global.b32 [%out], %sum;
  ret;
}
)";
         problem.block = {threads, 1, 1};
         problem.addOutput("sums", Element::b32, 1, threads);
         problem.expected = [] {
           std::string all;
           for (uint32_t t = 0; t < threads; ++t) {
             uint32_t sum = 0;
             for (uint32_t phase = 0; phase < phases; ++phase)
               sum = sum * 31 + (t + phase * 37) % threads * 1000 + phase;
             append(all, sum, 4);
           }
           return all;
         };
         return problem;
       }});
}

void conformance::addMbarrierCases(Cases &cases) {
  using S = Step;
  add(cases, "arrivals", sm80,
      {{S::init, 3}, {S::arrive}, {S::arrive}, {S::arrive}, {S::arrive},
       {S::arrive}, {S::arrive}, {S::arrive}});
  add(cases, "one", sm80, {{S::init, 1}, {S::arrive}, {S::arrive}, {S::arrive}});
  add(cases, "no-complete", sm80,
      {{S::init, 5}, {S::noComplete, 3}, {S::noComplete, 1}, {S::arrive},
       {S::noComplete, 4}, {S::arrive}});
  add(cases, "drop", sm80,
      {{S::init, 3}, {S::drop}, {S::arrive}, {S::arrive}, {S::arrive},
       {S::arrive}, {S::drop}, {S::arrive}, {S::arrive}});
  add(cases, "again", sm80,
      {{S::init, 2}, {S::arrive}, {S::arrive}, {S::inval}, {S::init, 1},
       {S::arrive}, {S::arrive}});
  add(cases, "counts", sm90,
      {{S::init, 10}, {S::arrive, 4}, {S::arrive, 5}, {S::arrive},
       {S::arrive, 10}, {S::arrive, 9}, {S::arrive}});
  // Bytes that come before, between and after the arrivals, and before they
  // are expected.
  add(cases, "bytes", sm90,
      {{S::init, 2},      {S::expect, 64},    {S::arrive},
       {S::complete, 32}, {S::arrive},        {S::complete, 32},
       {S::both, 128},    {S::complete, 128}, {S::both, 16},
       {S::complete, 16}, {S::complete, 48},  {S::both, 64},
       {S::arrive},       {S::complete, 16}});
  addExchange(cases);
}
