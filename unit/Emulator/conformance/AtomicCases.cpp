//===- AtomicCases.cpp - atom and red -------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "atom" and "red". First every thread works on a place of its own, so
// that the old values are known, then all threads work on a few places with
// operations for which the order does not matter.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <algorithm>

using namespace attn;
using namespace attn::conformance;

namespace {
constexpr uint32_t threads = 128, places = 8;

/// What an operation does to the old value, given those of a thread.
using Operation = uint64_t (*)(Element element, uint64_t old, uint64_t b,
                               uint64_t c);

struct Atomic {
  const char *operation;     ///< "add"
  const char *type;          ///< "f16x2"
  Operation apply;           ///< on each element of a packed type
  const char *modifiers = ""; ///< between operation and type: ".noftz"
  Target target = {};
  bool commutes = true; ///< the order of the threads does not matter
  bool compares = false; ///< a second operand
};

uint64_t add(Element element, uint64_t old, uint64_t b, uint64_t) {
  if (isFloat(element))
    return encode(element, addOdd(decode(element, old), decode(element, b)));
  return old + b;
}
uint64_t smaller(Element element, uint64_t old, uint64_t b, uint64_t) {
  return decode(element, b) < decode(element, old) ? b : old;
}
uint64_t larger(Element element, uint64_t old, uint64_t b, uint64_t) {
  return decode(element, b) > decode(element, old) ? b : old;
}
uint64_t conjunction(Element, uint64_t old, uint64_t b, uint64_t) {
  return old & b;
}
uint64_t disjunction(Element, uint64_t old, uint64_t b, uint64_t) {
  return old | b;
}
uint64_t exclusive(Element, uint64_t old, uint64_t b, uint64_t) {
  return old ^ b;
}
uint64_t increment(Element, uint64_t old, uint64_t b, uint64_t) {
  return old >= b ? 0 : old + 1;
}
uint64_t decrement(Element, uint64_t old, uint64_t b, uint64_t) {
  return old == 0 || old > b ? b : old - 1;
}
uint64_t exchange(Element, uint64_t, uint64_t b, uint64_t) { return b; }
uint64_t compareAndSwap(Element, uint64_t old, uint64_t b, uint64_t c) {
  return old == b ? c : old;
}

const Target sm80, sm90 = {90, false, 80};

const Atomic atomics[] = {
    {"add", "u32", add},
    {"add", "s32", add},
    {"add", "u64", add},
    {"add", "f32", add},
    {"add", "f64", add},
    {"add", "f16", add, ".noftz"},
    {"add", "f16x2", add, ".noftz"},
    {"add", "bf16", add, ".noftz", sm90},
    {"add", "bf16x2", add, ".noftz", sm90},
    {"min", "u32", smaller},
    {"min", "s32", smaller},
    {"min", "u64", smaller},
    {"min", "s64", smaller},
    {"max", "u32", larger},
    {"max", "s32", larger},
    {"max", "u64", larger},
    {"max", "s64", larger},
    {"and", "b32", conjunction},
    {"and", "b64", conjunction},
    {"or", "b32", disjunction},
    {"or", "b64", disjunction},
    {"xor", "b32", exclusive},
    {"xor", "b64", exclusive},
    {"inc", "u32", increment},
    {"dec", "u32", decrement},
    {"exch", "b32", exchange, "", sm80, false},
    {"exch", "b64", exchange, "", sm80, false},
    {"cas", "b32", compareAndSwap, "", sm80, false, true},
    {"cas", "b64", compareAndSwap, "", sm80, false, true},
};

/// A number such that sums of 128 of them are exact in any order.
uint64_t number(const Atomic &atomic, const Operand &operand, Random &random) {
  if (isFloat(operand.element)) {
    int most = bytesOf(operand.element) == 2 ? 1 : 1000;
    uint64_t word = 0;
    for (unsigned i = 0; i < operand.count; ++i)
      word |= encode(operand.element, random.between(-most, most))
              << (i * bytesOf(operand.element) * 8);
    return word;
  }
  std::string operation = atomic.operation;
  // Counters that turn over, and words that are found equal.
  if (operation == "inc" || operation == "dec" || operation == "cas")
    return random.below(3);
  return random.next() & (~uint64_t(0) >> (64 - operand.bytes() * 8));
}

struct Data {
  std::vector<uint64_t> own, operands, swaps, common;
};

Data dataOf(const Atomic &atomic, const Operand &operand) {
  Random random(26);
  Data data;
  std::string operation = atomic.operation;
  bool isCounter = operation == "inc" || operation == "dec";
  for (uint32_t i = 0; i < threads; ++i) {
    data.own.push_back(number(atomic, operand, random));
    // Threads that count in the same place need the same limit.
    data.operands.push_back(isCounter ? i % places + 1
                                      : number(atomic, operand, random));
    data.swaps.push_back(number(atomic, operand, random));
  }
  for (uint32_t i = 0; i < places; ++i)
    data.common.push_back(number(atomic, operand, random));
  return data;
}

uint64_t apply(const Atomic &atomic, const Operand &operand, uint64_t old,
               uint64_t b, uint64_t c) {
  unsigned width = bytesOf(operand.element) * 8;
  uint64_t all = ~uint64_t(0) >> (64 - width), word = 0;
  for (unsigned i = 0; i < operand.count; ++i) {
    unsigned at = i * width;
    word |= (atomic.apply(operand.element, old >> at & all, b >> at & all,
                          c >> at & all) &
             all)
            << at;
  }
  return word;
}

/// Old values of atom, then what atom and red leave in the places.
const char *globalCode = R"(  mad.wide.u32 %at, %t, $BYTES, %out;
  atom$SEM.global.$OP$MOD.$TYPE %old, [%at], %b$C;
  st.global.b$BITS [%at+$OLD], %old;
$COMMON)";
const char *globalCommon = R"(  and.b32 %t, %t, 7;
  mad.wide.u32 %at, %t, $BYTES, %out;
  red$SEM.global.$OP$MOD.$TYPE [%at+$PLACES], %b;
)";
const char *sharedCode = R"(  mov.u32 %base, words;
  mad.lo.u32 %s, %t, $BYTES, %base;
  mad.wide.u32 %at, %t, $BYTES, %out;
  ld.global.b$BITS %old, [%at];
  st.shared.b$BITS [%s], %old;
  setp.ge.u32 %p, %t, 8;
  @%p bra filled;
  ld.global.b$BITS %old, [%at+$PLACES];
  st.shared.b$BITS [%s+$OWN], %old;
filled:
  bar.sync 0;
  atom$SEM.shared.$OP$MOD.$TYPE %old, [%s], %b$C;
  st.global.b$BITS [%at+$OLD], %old;
  ld.shared.b$BITS %old, [%s];
  st.global.b$BITS [%at], %old;
$COMMON)";
const char *sharedCommon = R"(  and.b32 %j, %t, 7;
  mad.lo.u32 %s, %j, $BYTES, %base;
  red$SEM.shared.$OP$MOD.$TYPE [%s+$OWN], %b;
  bar.sync 0;
  @%p bra done;
  mad.lo.u32 %s, %t, $BYTES, %base;
  ld.shared.b$BITS %old, [%s+$OWN];
  st.global.b$BITS [%at+$PLACES], %old;
done:
)";

Problem problemOf(const Atomic &atomic, bool isShared,
                  const std::string &semantics) {
  Operand operand = operandsOf(atomic.type + std::string(" x"))[0];
  unsigned bytes = operand.bytes();
  Data data = dataOf(atomic, operand);
  Problem problem;
  std::vector<std::pair<std::string, std::string>> names = {
      {"BYTES", std::to_string(bytes)},
      {"BITS", std::to_string(bytes * 8)},
      {"OWN", std::to_string(threads * bytes)},
      {"OLD", std::to_string(threads * bytes)},
      {"PLACES", std::to_string(2 * threads * bytes)},
      {"SWAPS", std::to_string(threads * bytes)},
      {"WORDS", std::to_string((threads + places) * bytes)},
      {"SEM", semantics},
      {"OP", atomic.operation},
      {"MOD", atomic.modifiers},
      {"TYPE", atomic.type},
      {"C", atomic.compares ? ", %c" : ""}};
  std::string common;
  if (atomic.commutes)
    common = fill(isShared ? sharedCommon : globalCommon, names);
  names.push_back({"COMMON", common});
  std::string body = fill(isShared ? sharedCode : globalCode, names);
  names.push_back({"BODY", body});
  names.push_back({"HEADER", header(atomic.target)});
  problem.ptx = fill(R"($HEADER.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .shared .align 8 .b8 words[$WORDS];
  .reg .b64 %in, %out, %at;
  .reg .b32 %t, %j, %s, %base;
  .reg .b$BITS %b, %c, %old;
  .reg .pred %p;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %t, %tid.x;
  mad.wide.u32 %at, %t, $BYTES, %in;
  ld.global.b$BITS %b, [%at];
  ld.global.b$BITS %c, [%at+$SWAPS];
$BODY  ret;
}
)",
                     names);
  problem.block = {threads, 1, 1};
  for (const auto *column : {&data.operands, &data.swaps})
    for (uint64_t value : *column)
      append(problem.input, value, bytes);
  problem.addOutput("memory", operand.element, threads, operand.count);
  problem.addOutput("old", operand.element, threads, operand.count);
  problem.addOutput("common", operand.element, places, operand.count);
  std::string initial;
  for (const auto *column : {&data.own, &data.own, &data.common})
    for (uint64_t value : *column)
      append(initial, value, bytes);
  problem.initialOutput = initial;
  problem.expected = [=] {
    std::string memory, old, common;
    Data after = data;
    for (uint32_t i = 0; i < threads; ++i) {
      uint64_t b = data.operands[i], c = data.swaps[i];
      append(memory, apply(atomic, operand, data.own[i], b, c), bytes);
      append(old, data.own[i], bytes);
      uint64_t &place = after.common[i % places];
      if (atomic.commutes)
        place = apply(atomic, operand, place, b, c);
    }
    for (uint64_t value : after.common)
      append(common, value, bytes);
    return memory + old + common;
  };
  return problem;
}
} // namespace

/// Four numbers at once.
static void addVectors(Cases &cases) {
  cases.push_back(
      {"atomic.global.vectors.f32", {90, false, 81}, [] {
         Problem problem;
         problem.ptx = header({90, false, 81}) +
                       R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .reg .b64 %in, %out, %at;
  .reg .b32 %t, %a<4>, %b<4>;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  cvta.to.global.u64 %out, %out;
  mov.u32 %t, %tid.x;
  mad.wide.u32 %at, %t, 16, %in;
  ld.global.v4.b32 {%a0, %a1, %a2, %a3}, [%at];
  mad.wide.u32 %at, %t, 16, %out;
  atom.global.v4.f32.add {%b0, %b1, %b2, %b3}, [%at], {%a0, %a1, %a2, %a3};
  st.global.v4.b32 [%at+2048], {%b0, %b1, %b2, %b3};
  red.global.v2.f32.add [%out+4096], {%a0, %a1};
  red.global.v4.f32.add [%out+4112], {%a0, %a1, %a2, %a3};
  ret;
}
)";
         problem.block = {threads, 1, 1};
         Random random(27);
         for (uint32_t i = 0; i < threads * 4; ++i)
           append(problem.input,
                  encode(Element::f32, random.between(-999, 999)), 4);
         problem.addOutput("memory", Element::f32, threads, 4);
         problem.addOutput("old", Element::f32, threads, 4);
         problem.addOutput("common", Element::f32, 2, 4);
         for (size_t i = 0; i < problem.initialOutput.size(); i += 4)
           write(problem.initialOutput, i,
                 encode(Element::f32, random.between(-999, 999)), 4);
         std::string initial = problem.initialOutput, input = problem.input;
         problem.expected = [=] {
           std::string all = initial;
           auto add = [&](size_t to, size_t from) {
             Wide sum = decode(Element::f32, read(all, to, 4)) +
                        decode(Element::f32, read(input, from, 4));
             write(all, to, encode(Element::f32, sum), 4);
           };
           all.replace(2048, 2048, initial, 0, 2048);
           for (size_t i = 0; i < threads * 4; ++i) {
             add(i * 4, i * 4);
             if (i % 4 < 2)
               add(4096 + i % 4 * 4, i * 4);
             add(4112 + i % 4 * 4, i * 4);
           }
           return all;
         };
         return problem;
       }});
}

/// Each thread adds its number by cas until nobody came in between.
static void addCasLoop(Cases &cases) {
  cases.push_back(
      {"atomic.cas-loop", {}, [] {
         Problem problem;
         problem.ptx = header({}) +
                       R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .reg .b64 %out;
  .reg .b32 %t, %seen, %old, %new;
  .reg .pred %p;
  ld.param.u64 %out, [output];
  mov.u32 %t, %tid.x;
  ld.volatile.global.u32 %seen, [%out];
again:
  mov.u32 %old, %seen;
  mad.lo.u32 %new, %t, %t, %old;
  atom.global.cas.b32 %seen, [%out], %old, %new;
  setp.ne.u32 %p, %seen, %old;
  @%p bra again;
  ret;
}
)";
         problem.block = {threads, 1, 1};
         problem.grid = {3, 1, 1};
         problem.addOutput("sum", Element::b32, 1, 1);
         problem.initialOutput = std::string(4, '\0');
         problem.expected = [] {
           std::string all;
           uint32_t sum = 0;
           for (uint32_t t = 0; t < threads; ++t)
             sum += 3 * t * t;
           append(all, sum, 4);
           return all;
         };
         return problem;
       }});
}

void conformance::addAtomicCases(Cases &cases) {
  for (const Atomic &atomic : atomics)
    for (bool isShared : {false, true})
      cases.push_back({"atomic." + std::string(isShared ? "shared." : "global.") +
                           atomic.operation + "." + atomic.type,
                       atomic.target,
                       [&atomic, isShared] {
                         return problemOf(atomic, isShared, "");
                       }});
  // Orders and scopes change nothing in what one CTA computes.
  for (std::string order : {".relaxed.gpu", ".release.sys"})
    for (bool isShared : {false, true})
      cases.push_back({"atomic." + std::string(isShared ? "shared" : "global") +
                           order + ".add.u32",
                       {},
                       [=] { return problemOf(atomics[0], isShared, order); }});
  addVectors(cases);
  addCasLoop(cases);
}
