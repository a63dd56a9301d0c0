//===- CopyCases.cpp - cp.async and bulk copies ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA: cp.async with its groups, cp.async.mbarrier.arrive, cp.async.bulk
// and cp.reduce.async.bulk.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <algorithm>

using namespace attn;
using namespace attn::conformance;

namespace {
constexpr uint32_t threads = 128;
const Target sm80, sm90 = {90, false, 80};

std::string randomInput(size_t bytes) {
  Random random(28);
  std::string input;
  while (input.size() < bytes)
    append(input, random.next(), 8);
  input.resize(bytes);
  return input;
}

const char *begin = R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .shared .align 128 .b8 tile[$BYTES];
  .shared .align 8 .b64 barrier;
  .reg .b64 %in, %out, %at, %from;
  .reg .b32 %t, %s, %base, %bar, %n, %r<4>;
  .reg .b64 %d<2>;
  .reg .pred %p, %q;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %t, %tid.x;
  mov.u32 %base, tile;
  mov.u32 %bar, barrier;
  mad.lo.u32 %s, %t, 16, %base;
)";

/// 16 bytes of each thread from shared memory to the output.
const char *end = R"(  ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%s];
  mad.wide.u32 %at, %t, 16, %out;
  st.global.v4.b32 [%at], {%r0, %r1, %r2, %r3};
  ret;
}
)";

/// Waits for phase 0 of the mbarrier.
const char *waitPhase = R"(wait:
  mbarrier.try_wait.parity.shared::cta.b64 %q, [%bar], $PARITY;
  @!%q bra wait;
)";

std::string kernel(const Target &target, size_t sharedBytes,
                   const std::string &body) {
  return header(target) +
         fill(std::string(begin) + body + end,
              {{"BYTES", std::to_string(sharedBytes)}});
}
} // namespace

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// Every source size up to the size of the copy; the rest becomes 0. Where it
/// is 0 the address lies behind the input.
static void addSourceSizes(Cases &cases, const char *cache, uint32_t size) {
  cases.push_back(
      {"cp-async." + std::string(cache) + std::to_string(size), sm80, [=] {
         Problem problem;
         problem.ptx = kernel(sm80, threads * 16, fill(R"(  mov.b32 %r0, 0xa5a5a5a5;
  st.shared.v4.b32 [%s], {%r0, %r0, %r0, %r0};
  mad.wide.u32 %from, %t, 16, %in;
  mad.wide.u32 %at, %t, 4, %in;
  ld.global.b32 %n, [%at+$SIZES];
  setp.eq.u32 %p, %n, 0;
  add.u64 %at, %in, $PAST;
  selp.b64 %from, %at, %from, %p;
  cp.async.$CACHE.shared.global [%s], [%from], $SIZE, %n;
  cp.async.commit_group;
  cp.async.wait_group 0;
)",
                                               {{"SIZES", std::to_string(threads * 16)},
                                                {"PAST", std::to_string(threads * 20)},
                                                {"CACHE", cache},
                                                {"SIZE", std::to_string(size)}}));
         problem.block = {threads, 1, 1};
         problem.input = randomInput(threads * 16);
         for (uint32_t t = 0; t < threads; ++t)
           append(problem.input, t % (size + 1), 4);
         problem.addOutput("tile", Element::b8, threads, 16);
         std::string input = problem.input;
         problem.expected = [=] {
           std::string all(threads * 16, '\xa5');
           for (uint32_t t = 0; t < threads; ++t)
             for (uint32_t i = 0; i < size; ++i)
               all[t * 16 + i] = i < t % (size + 1) ? input[t * 16 + i] : '\0';
           return all;
         };
         return problem;
       }});
}

/// The predicate that makes a copy write zeros.
static void addIgnoredSource(Cases &cases) {
  cases.push_back(
      {"cp-async.ignore-src", sm80, [] {
         Problem problem;
         problem.ptx = kernel(sm80, threads * 16, R"(  mad.wide.u32 %from, %t, 16, %in;
  and.b32 %n, %t, 3;
  setp.eq.u32 %p, %n, 1;
  cp.async.cg.shared.global [%s], [%from], 16, %p;
  cp.async.wait_all;
)");
         problem.block = {threads, 1, 1};
         problem.input = randomInput(threads * 16);
         problem.addOutput("tile", Element::b8, threads, 16);
         std::string input = problem.input;
         problem.expected = [=] {
           std::string all = input;
           for (uint32_t t = 1; t < threads; t += 4)
             all.replace(t * 16, 16, 16, '\0');
           return all;
         };
         return problem;
       }});
}

/// Four groups; after each wait the groups that must have arrived are added up.
static void addGroups(Cases &cases) {
  cases.push_back(
      {"cp-async.groups", sm80, [] {
         std::string body;
         for (int group = 0; group < 4; ++group)
           body += fill(R"(  mad.wide.u32 %from, %t, 16, %in;
  cp.async.cg.shared.global [%s+$TO], [%from+$TO], 16;
  cp.async.commit_group;
)",
                        {{"TO", std::to_string(group * threads * 16)}});
         body += "  mov.b32 %r1, 0;\n";
         for (int group = 0; group < 4; ++group)
           body += fill(R"(  cp.async.wait_group $LEFT;
  ld.shared.b32 %r0, [%s+$TO];
  mad.lo.u32 %r1, %r1, 31, %r0;
  mad.wide.u32 %at, %t, 4, %out;
  st.global.b32 [%at+$SUMS], %r1;
)",
                        {{"LEFT", std::to_string(3 - group)},
                         {"TO", std::to_string(group * threads * 16)},
                         {"SUMS", std::to_string(threads * (16 + group * 4))}});
         Problem problem;
         problem.ptx = kernel(sm80, 4 * threads * 16, body);
         problem.block = {threads, 1, 1};
         problem.input = randomInput(4 * threads * 16);
         problem.addOutput("tile", Element::b8, threads, 16);
         problem.addOutput("sums", Element::b32, 4, threads);
         std::string input = problem.input;
         problem.expected = [=] {
           std::string all = input.substr(0, threads * 16);
           std::vector<uint32_t> sums(threads);
           for (uint32_t group = 0; group < 4; ++group)
             for (uint32_t t = 0; t < threads; ++t) {
               sums[t] = sums[t] * 31 +
                         read(input, (group * threads + t) * 16, 4);
               append(all, sums[t], 4);
             }
           return all;
         };
         return problem;
       }});
}

/// Copies that arrive on an mbarrier when they are done; each thread reads what
/// another has copied.
static void addCopyArrivals(Cases &cases) {
  for (bool noInc : {false, true})
    cases.push_back(
        {std::string("cp-async.mbarrier") + (noInc ? ".noinc" : ""), sm90, [=] {
           Problem problem;
           // Without .noinc the pending count is raised first: the threads
           // arrive on their own.
           problem.ptx = kernel(sm90, threads * 16,
                                fill(R"(  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared::cta.b64 [%bar], $THREADS;
  bar.sync 0;
  mad.wide.u32 %from, %t, 16, %in;
  cp.async.ca.shared.global [%s], [%from], 16;
  cp.async.mbarrier.arrive$NOINC.shared::cta.b64 [%bar];
$ARRIVE$WAIT  xor.b32 %n, %t, 77;
  mad.lo.u32 %s, %n, 16, %base;
)",
                                     {{"THREADS", std::to_string(threads)},
                                      {"NOINC", noInc ? ".noinc" : ""},
                                      {"ARRIVE",
                                       noInc ? ""
                                             : "  mbarrier.arrive.shared::cta."
                                               "b64 _, [%bar];\n"},
                                      {"WAIT", fill(waitPhase,
                                                    {{"PARITY", "0"}})}}));
           problem.block = {threads, 1, 1};
           problem.input = randomInput(threads * 16);
           problem.addOutput("tile", Element::b8, threads, 16);
           std::string input = problem.input;
           problem.expected = [=] {
             std::string all;
             for (uint32_t t = 0; t < threads; ++t)
               all += input.substr((t ^ 77) * 16, 16);
             return all;
           };
           return problem;
         }});
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

/// From global memory in pieces of 16 to 1008 bytes on one mbarrier.
static void addBulkLoad(Cases &cases) {
  cases.push_back(
      {"bulk.load", sm90, [] {
         constexpr uint32_t pieces[] = {16, 32, 48, 240, 704, 1008};
         std::string copies;
         uint32_t offset = 0;
         for (uint32_t bytes : pieces) {
           copies += fill(R"(  add.u32 %n, %base, $AT;
  @%p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%n], [%in+$AT], $BYTES, [%bar];
)",
                          {{"AT", std::to_string(offset)},
                           {"BYTES", std::to_string(bytes)}});
           offset += bytes;
         }
         Problem problem;
         problem.ptx = kernel(
             sm90, threads * 16,
             fill(R"(  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared::cta.b64 [%bar], 1;
  fence.mbarrier_init.release.cluster;
  bar.sync 0;
  @%p mbarrier.arrive.expect_tx.shared::cta.b64 _, [%bar], $SUM;
$COPIES$WAIT)",
                  {{"SUM", std::to_string(offset)},
                   {"COPIES", copies},
                   {"WAIT", fill(waitPhase, {{"PARITY", "0"}})}}));
         problem.block = {threads, 1, 1};
         problem.input = randomInput(threads * 16);
         problem.addOutput("tile", Element::b8, threads, 16);
         std::string input = problem.input;
         problem.expected = [=] { return input; };
         return problem;
       }});
}

namespace {
/// Threads write the input to shared memory, one copies or reduces it to the
/// second output.
Problem bulkStore(const std::string &instruction, Element element,
                  const std::string &input, const std::string &initial) {
  Problem problem;
  problem.ptx = kernel(sm90, threads * 16,
                       fill(R"(  mad.wide.u32 %at, %t, 16, %in;
  ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%at];
  st.shared.v4.b32 [%s], {%r0, %r1, %r2, %r3};
  fence.proxy.async;
  bar.sync 0;
  setp.eq.u32 %p, %t, 0;
  @!%p bra done;
  $INSTRUCTION [%out+2048], [%base], 1024;
  add.u32 %n, %base, 1024;
  $INSTRUCTION [%out+3072], [%n], 1008;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
done:
)",
                            {{"INSTRUCTION", instruction}}));
  problem.block = {threads, 1, 1};
  problem.input = input;
  problem.addOutput("tile", Element::b8, threads, 16);
  problem.addOutput("stored", element, 2048 / bytesOf(element), 1);
  problem.initialOutput.replace(2048, 2048, initial);
  return problem;
}

using Combine = uint64_t (*)(Element, uint64_t, uint64_t);

struct Reduction {
  const char *operation, *type;
  Combine combine;
};

uint64_t bits(Element element, uint64_t value) {
  return value & (~uint64_t(0) >> (64 - bytesOf(element) * 8));
}
/// Subnormal numbers of f32 are zeros, before and after.
uint64_t flushed(Element element, uint64_t bits) {
  return element != Element::f32 || bits & 0x7f800000 ? bits
                                                      : bits & 0x80000000;
}
uint64_t sum(Element element, uint64_t a, uint64_t b) {
  if (isFloat(element))
    return flushed(
        element, encode(element, addOdd(decode(element, flushed(element, a)),
                                        decode(element, flushed(element, b)))));
  return bits(element, a + b);
}
uint64_t smaller(Element element, uint64_t a, uint64_t b) {
  return decode(element, b) < decode(element, a) ? b : a;
}
uint64_t larger(Element element, uint64_t a, uint64_t b) {
  return decode(element, b) > decode(element, a) ? b : a;
}

const Reduction reductions[] = {
    {"add", "u32", sum},
    {"add", "s32", sum},
    {"add", "u64", sum},
    {"add", "f32", sum},
    {"add", "f64", sum},
    {"add.noftz", "f16", sum},
    {"add.noftz", "bf16", sum},
    {"min", "u32", smaller},
    {"max", "s32", larger},
    {"min", "s64", smaller},
    {"max", "u64", larger},
    {"min", "f16", smaller},
    {"max", "bf16", larger},
    {"inc", "u32",
     [](Element, uint64_t a, uint64_t b) { return a >= b ? 0 : a + 1; }},
    {"dec", "u32",
     [](Element, uint64_t a, uint64_t b) {
       return a == 0 || a > b ? b : a - 1;
     }},
    {"and", "b32", [](Element, uint64_t a, uint64_t b) { return a & b; }},
    {"or", "b64", [](Element, uint64_t a, uint64_t b) { return a | b; }},
    {"xor", "b32", [](Element, uint64_t a, uint64_t b) { return a ^ b; }},
};

std::string numbers(const Reduction &reduction, uint64_t seed) {
  Element element = elementCalled(reduction.type);
  std::string operation = reduction.operation, bytes;
  bool isCounter = operation == "inc" || operation == "dec";
  Random random(seed);
  while (bytes.size() < 2048) {
    uint64_t value = bits(element, random.next());
    if (isFloat(element))
      value = encode(element, random.between(-60, 60));
    if (element == Element::f32 && random.below(4) == 0)
      value = random.next() & 0x807fffff;
    if (isCounter)
      value = random.below(4);
    append(bytes, value, bytesOf(element));
  }
  return bytes;
}
} // namespace

static void addBulkStores(Cases &cases) {
  cases.push_back({"bulk.store", sm90, [] {
                     std::string input = randomInput(2048),
                                 initial(2048, '\x11');
                     Problem problem =
                         bulkStore("cp.async.bulk.global.shared::cta.bulk_group",
                                   Element::b32, input, initial);
                     problem.expected = [=] {
                       std::string all = input + input;
                       return all.replace(4080, 16, initial, 0, 16);
                     };
                     return problem;
                   }});
  for (const Reduction &reduction : reductions)
    cases.push_back(
        {"bulk.reduce." + std::string(reduction.operation) + "." +
             reduction.type,
         sm90, [&reduction] {
           Element element = elementCalled(reduction.type);
           std::string input = numbers(reduction, 29),
                       initial = numbers(reduction, 30);
           Problem problem =
               bulkStore("cp.reduce.async.bulk.global.shared::cta.bulk_group." +
                             std::string(reduction.operation) + "." +
                             reduction.type,
                         element, input, initial);
           problem.expected = [=, &reduction] {
             std::string all = input + initial;
             unsigned size = bytesOf(element);
             for (size_t at = 0; at < 2032; at += size)
               write(all, 2048 + at,
                     reduction.combine(element, read(initial, at, size),
                                       read(input, at, size)),
                     size);
             return all;
           };
           return problem;
         }});
}

void conformance::addCopyCases(Cases &cases) {
  addSourceSizes(cases, "ca", 4);
  addSourceSizes(cases, "ca", 8);
  addSourceSizes(cases, "ca", 16);
  addSourceSizes(cases, "cg", 16);
  addIgnoredSource(cases);
  addGroups(cases);
  addCopyArrivals(cases);
  addBulkLoad(cases);
  addBulkStores(cases);
}
