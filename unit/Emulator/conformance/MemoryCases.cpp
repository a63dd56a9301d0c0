//===- MemoryCases.cpp - ld, st, barriers, setmaxnreg ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads and stores between registers and memory of other widths, in each state
// space, and what threads see of each other across barriers.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"

using namespace attn;
using namespace attn::conformance;

static constexpr uint32_t threads = 128;

static std::string kernel(const Target &target, const std::string &directives,
                          const std::string &body) {
  return header(target) +
         fill(R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
$DIRECTIVES{
  .shared .align 16 .b8 words[4096];
  .local .align 16 .b8 own[64];
  .reg .b64 %in, %out, %at, %generic, %d<8>;
  .reg .b32 %t, %s, %base, %r<12>;
  .reg .b16 %h<8>;
  .reg .pred %p, %q;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %t, %tid.x;
  mov.u32 %base, words;
  mad.lo.u32 %s, %t, 16, %base;
$BODY  ret;
}
)",
              {{"DIRECTIVES", directives}, {"BODY", body}});
}

static std::string randomInput(size_t bytes) {
  Random random(35);
  std::string input;
  while (input.size() < bytes)
    append(input, random.next(), 8);
  return input;
}

//===----------------------------------------------------------------------===//
// ld and st
//===----------------------------------------------------------------------===//

/// 16 bytes of each thread go into a space, and out again as numbers of each
/// type in registers of 64 bits.
static void addWidening(Cases &cases) {
  struct Space {
    const char *name, *put, *address;
  };
  const Space spaces[] = {
      {"global", "", "%at"},
      {"shared", "  st.shared.v4.b32 [%s], {%r0, %r1, %r2, %r3};\n", "%s"},
      {"local", "  st.local.v4.b32 [own], {%r0, %r1, %r2, %r3};\n", "own"},
      // By an address that does not tell the space.
      {"generic",
       "  st.shared.v4.b32 [%s], {%r0, %r1, %r2, %r3};\n"
       "  mov.b64 %generic, words;\n  cvta.shared.u64 %generic, %generic;\n"
       "  mad.wide.u32 %generic, %t, 16, %generic;\n",
       "%generic"},
  };
  static const Element types[] = {Element::b8,  Element::s8,  Element::b16,
                                  Element::s16, Element::b32, Element::s32};
  for (const Space &space : spaces)
    cases.push_back(
        {"memory.widen." + std::string(space.name), {}, [=] {
           std::string body = "  mad.wide.u32 %at, %t, 16, %in;\n  ld.global."
                              "v4.b32 {%r0, %r1, %r2, %r3}, [%at];\n" +
                              std::string(space.put);
           std::string qualifier = space.name == std::string("generic")
                                       ? ""
                                       : "." + std::string(space.name);
           std::string stores;
           unsigned number = 0;
           for (Element type : types) {
             std::string name = nameOf(type);
             name[0] = name[0] == 'b' ? 'u' : 's';
             // The last number of 4 bytes that is aligned.
             unsigned offset = 16 - bytesOf(type);
             body += "  ld" + qualifier + "." + name + " %d" +
                     std::to_string(number) + ", [" + space.address + "+" +
                     std::to_string(offset) + "];\n";
             stores += "  st.global.b64 [%at+" + std::to_string(number * 8) +
                       "], %d" + std::to_string(number) + ";\n";
             ++number;
           }
           Problem problem;
           problem.ptx = kernel({}, "",
                                body + "  mad.wide.u32 %at, %t, 48, %out;\n" +
                                    stores);
           problem.block = {threads, 1, 1};
           problem.input = randomInput(threads * 16);
           problem.addOutput("numbers", Element::b64, threads, 6);
           std::string input = problem.input;
           problem.expected = [=] {
             std::string all;
             for (uint32_t t = 0; t < threads; ++t)
               for (Element type : types) {
                 unsigned size = bytesOf(type);
                 auto value = static_cast<int64_t>(
                     decode(type, read(input, t * 16 + 16 - size, size)));
                 append(all, static_cast<uint64_t>(value), 8);
               }
             return all;
           };
           return problem;
         }});
}

/// The low bytes of wide registers, and vectors of each length.
static void addNarrowing(Cases &cases) {
  cases.push_back(
      {"memory.narrow", {}, [] {
         Problem problem;
         problem.ptx = kernel({}, "", R"(  mad.wide.u32 %at, %t, 16, %in;
  ld.global.v2.b64 {%d0, %d1}, [%at];
  st.shared.u8 [%s], %d0;
  st.shared.u8 [%s+1], %d1;
  st.shared.u16 [%s+2], %d0;
  st.shared.u32 [%s+4], %d1;
  ld.global.v4.b16 {%h0, %h1, %h2, %h3}, [%at];
  st.shared.v2.b16 [%s+8], {%h3, %h1};
  ld.global.v4.u8 {%r0, %r1, %r2, %r3}, [%at+4];
  st.shared.v4.u8 [%s+12], {%r3, %r0, %r1, %r2};
  ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%s];
  mad.wide.u32 %at, %t, 16, %out;
  st.global.v4.b32 [%at], {%r0, %r1, %r2, %r3};
)");
         problem.block = {threads, 1, 1};
         problem.input = randomInput(threads * 16);
         problem.addOutput("bytes", Element::b8, threads, 16);
         std::string input = problem.input;
         problem.expected = [=] {
           std::string all;
           for (uint32_t t = 0; t < threads; ++t)
             for (int from : {0, 8, 0, 1, 8, 9, 10, 11, 6, 7, 2, 3, 7, 4, 5, 6})
               all += input[t * 16 + from];
           return all;
         };
         return problem;
       }});
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

/// Numbers of threads for which something holds, by barriers of some warps.
static void addReductions(Cases &cases) {
  cases.push_back(
      {"barrier.reductions", {}, [] {
         Problem problem;
         // Warps 0 and 1 use barrier 1, the others 2.
         problem.ptx = kernel({}, "", R"(  mad.wide.u32 %at, %t, 4, %in;
  ld.global.b32 %r0, [%at];
  and.b32 %r0, %r0, 3;
  setp.eq.u32 %p, %r0, 0;
  shr.u32 %r4, %t, 6;
  add.u32 %r4, %r4, 1;
  barrier.red.popc.u32 %r1, %r4, 64, %p;
  barrier.red.or.pred %q, %r4, 64, %p;
  selp.b32 %r2, 1, 0, %q;
  setp.lt.u32 %p, %t, 64;
  setp.lt.or.u32 %p, %r0, 4, !%p;
  barrier.red.and.pred %q, %r4, 64, %p;
  selp.b32 %r3, 1, 0, %q;
  mad.wide.u32 %at, %t, 16, %out;
  st.global.v4.b32 [%at], {%r1, %r2, %r3, %r4};
)");
         problem.block = {threads, 1, 1};
         problem.input = randomInput(threads * 4);
         problem.addOutput("results", Element::b32, threads, 4);
         std::string input = problem.input;
         problem.expected = [=] {
           std::string all;
           uint32_t counts[2] = {};
           for (uint32_t t = 0; t < threads; ++t)
             counts[t / 64] += (read(input, t * 4, 4) & 3) == 0;
           for (uint32_t t = 0; t < threads; ++t)
             for (uint32_t value :
                  {counts[t / 64], uint32_t(counts[t / 64] > 0), 1u,
                   t / 64 + 1})
               append(all, value, 4);
           return all;
         };
         return problem;
       }});
}

/// Two warps write and arrive, two wait and read, by two barriers in turn.
static void addHandover(Cases &cases) {
  cases.push_back(
      {"barrier.handover", {}, [] {
         Problem problem;
         problem.ptx = kernel({}, "", R"(  and.b32 %r0, %t, 63;
  mad.lo.u32 %r1, %r0, 4, %base;
  mov.b32 %r2, 0;
  mov.b32 %r3, 0;
  setp.ge.u32 %p, %t, 64;
  @%p bra read;
write:
  mad.lo.u32 %r4, %t, 100, %r2;
  st.shared.b32 [%r1], %r4;
  bar.arrive 1, 128;
  bar.sync 2, 128;
  add.u32 %r2, %r2, 1;
  setp.lt.u32 %q, %r2, 5;
  @%q bra write;
  bra done;
read:
  bar.sync 1, 128;
  xor.b32 %r5, %r0, 63;
  mad.lo.u32 %r5, %r5, 4, %base;
  ld.shared.b32 %r4, [%r5];
  mad.lo.u32 %r3, %r3, 31, %r4;
  bar.arrive 2, 128;
  add.u32 %r2, %r2, 1;
  setp.lt.u32 %q, %r2, 5;
  @%q bra read;
done:
  mad.wide.u32 %at, %t, 4, %out;
  st.global.b32 [%at], %r3;
)");
         problem.block = {threads, 1, 1};
         problem.addOutput("sums", Element::b32, 1, threads);
         problem.expected = [] {
           std::string all;
           for (uint32_t t = 0; t < threads; ++t) {
             uint32_t sum = 0;
             for (uint32_t i = 0; i < 5 && t >= 64; ++i)
               sum = sum * 31 + ((t - 64) ^ 63) * 100 + i;
             append(all, sum, 4);
           }
           return all;
         };
         return problem;
       }});
}

/// Registers go from one warpgroup to two others (168 * 3 = 40 + 232 * 2) and
/// nothing else changes.
static void addRegisterPool(Cases &cases) {
  Target sm90a = {90, true, 80};
  cases.push_back({"barrier.setmaxnreg", sm90a, [=] {
                     Problem problem;
                     problem.ptx = kernel(sm90a, ".reqntid 384, 1, 1\n",
                                          R"(  mad.lo.u32 %r0, %t, %t, 17;
  setp.ge.u32 %p, %t, 128;
  @%p bra more;
  setmaxnreg.dec.sync.aligned.u32 40;
  bra done;
more:
  setmaxnreg.inc.sync.aligned.u32 232;
done:
  mad.wide.u32 %at, %t, 4, %out;
  st.global.b32 [%at], %r0;
)");
                     problem.block = {384, 1, 1};
                     problem.addOutput("squares", Element::b32, 1, 384);
                     problem.expected = [] {
                       std::string all;
                       for (uint32_t t = 0; t < 384; ++t)
                         append(all, t * t + 17, 4);
                       return all;
                     };
                     return problem;
                   }});
}

void conformance::addMemoryCases(Cases &cases) {
  addWidening(cases);
  addNarrowing(cases);
  addReductions(cases);
  addHandover(cases);
  addRegisterPool(cases);
}
