//===- AtomicVectorTest.cpp - Vectors, scopes and hints of atomics --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Exact.h"
#include "PtxKernel.h"
#include "PtxRunner.h"
#include "TestKernel.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

/// An element of a vector: f16, bf16 or f32.
struct Element {
  const char *name;
  FloatLayout layout;
  /// Global memory takes subnormal numbers of f32 as zeros.
  bool flushes = false;

  unsigned bytes() const {
    return unsigned(1 + layout.exponentBits + layout.mantissaBits) / 8;
  }
  uint64_t flushed(uint64_t bits) const {
    return flushes && layout.isSubnormal(bits) ? bits & layout.sign() : bits;
  }
  uint64_t combine(const std::string &operation, uint64_t a, uint64_t b) const {
    return operation == "add" ? flushed(sumOf(layout, flushed(a), flushed(b)))
                              : extremeOf(layout, a, b, operation == "max");
  }
};
const Element f16{"f16", layoutF16}, bf16{"bf16", layoutBF16},
    f32Element{"f32", layoutF32, true};

/// The spelling of an instruction on vectors.
struct Vector {
  std::string before; ///< "atom.global"
  std::string operation;
  std::string middle; ///< between it and the vector: ".noftz"
  const Element *element;
  unsigned count;
  bool isPacked = false;       ///< pairs: .f16x2
  bool isReverse = false;      ///< ".v2.f32.add"
  bool sharesRegisters = true; ///< the results go into the operands

  std::string opcode() const {
    std::string vector = ".v" + std::to_string(count) + "." + element->name +
                         (isPacked ? "x2" : "");
    return isReverse ? before + vector + "." + operation + middle
                     : before + "." + operation + middle + vector;
  }
  unsigned bytes() const {
    return count * element->bytes() * (isPacked ? 2 : 1);
  }
};

constexpr unsigned threads = 1024, bytesOfThread = 16;

/// Every two of the edges meet somewhere; all else is random.
std::vector<uint8_t> elements(const Element &element, bool isSecond) {
  const Column edges =
      floatEdges(element.layout.exponentBits, element.layout.mantissaBits);
  std::vector<Column> pairs = combine({edges, edges}, 10000);
  const Column &values = pairs[isSecond];
  std::vector<uint8_t> bytes(threads * bytesOfThread);
  // Not in their order, so that neighbours have nothing in common.
  size_t at = 0;
  for (size_t n = 0; n + element.bytes() <= bytes.size();
       n += element.bytes(), at = (at + 1009) % values.size())
    std::memcpy(&bytes[n], &values[at], element.bytes());
  return bytes;
}

/// "{%r4, %r5}"
std::string listOf(char letter, unsigned first, unsigned count, bool reversed) {
  std::string text = "{";
  for (unsigned n = 0; n < count; ++n)
    text += (n ? ", %" : "%") +
            (letter + std::to_string(first + (reversed ? count - 1 - n : n)));
  return text + "}";
}

void check(const Vector &vector) {
  SCOPED_TRACE(vector.opcode());
  const bool isAtom = vector.before.compare(0, 4, "atom") == 0;
  const bool isHalf = vector.element->bytes() == 2 && !vector.isPacked;
  const char letter = isHalf ? 'h' : 'r';
  const unsigned words = (vector.bytes() + 3) / 4;
  // Results in the operands, the last first: a result must not be taken for an
  // operand that is still to come.
  const unsigned result = vector.sharesRegisters ? 0 : 8;
  const std::string sources = listOf(letter, 0, vector.count, false),
                    results = listOf(letter, result, vector.count, true);
  const bool hasPolicy =
      vector.opcode().find("cache_hint") != std::string::npos;
  std::string load, store;
  for (unsigned n = 0; n < words; ++n) {
    const std::string at = "+" + std::to_string(4 * n) + "]";
    const unsigned word = isHalf ? 20 + n : n;
    load += "ld.global.b32 %r" + std::to_string(word) + ", [%d2" + at + ";\n";
    if (isHalf)
      load += "mov.b32 " + listOf('h', 2 * n, 2, false) + ", %r" +
              std::to_string(word) + ";\n";
    if (isHalf)
      store += "mov.b32 %r" + std::to_string(word) + ", {%h" +
               std::to_string(result + vector.count - 1 - 2 * n) + ", %h" +
               std::to_string(result + vector.count - 2 - 2 * n) + "};\n";
    store += "st.global.b32 [%d3" + at + ", %r" +
             std::to_string(isHalf ? word : result + vector.count - 1 - n) +
             ";\n";
  }
  TestKernel kernel;
  kernel.threads = threads;
  kernel.buffers = {elements(*vector.element, false),
                    elements(*vector.element, true),
                    std::vector<uint8_t>(threads * bytesOfThread)};
  kernel.body =
      "mul.wide.u32 %d0, %thread, 16;\nadd.u64 %d1, %b0, %d0;\n"
      "add.u64 %d2, %b1, %d0;\nadd.u64 %d3, %b2, %d0;\n" +
      load + "createpolicy.fractional.L2::evict_last.b64 %d4, 0f3F800000;\n" +
      vector.opcode() + " " + (isAtom ? results + ", " : "") + "[%d1], " +
      sources + (hasPolicy ? ", %d4" : "") + ";\n" + (isAtom ? store : "");
  const std::vector<uint8_t> before = kernel.buffers[0];
  std::vector<uint8_t> after = before, old(before.size());
  const unsigned size = vector.element->bytes();
  for (unsigned t = 0; t < threads; ++t)
    for (unsigned n = 0; n < vector.bytes(); n += size) {
      const size_t at = t * bytesOfThread + n;
      uint64_t a = 0, b = 0;
      std::memcpy(&a, &before[at], size);
      std::memcpy(&b, &kernel.buffers[1][at], size);
      uint64_t combined = vector.element->combine(vector.operation, a, b);
      std::memcpy(&after[at], &combined, size);
      if (isAtom)
        std::memcpy(&old[at], &a, size);
    }
  auto ran = run(kernel);
  ASSERT_TRUE(ran) << ran.error();
  ASSERT_TRUE(ran->ok()) << ran->reports[0].str();
  for (size_t n = 0; n < after.size(); n += size) {
    if (std::memcmp(&kernel.buffers[0][n], &after[n], size) == 0)
      continue;
    uint64_t a = 0, b = 0, wanted = 0, got = 0;
    std::memcpy(&a, &before[n], size);
    std::memcpy(&b, &kernel.buffers[1][n], size);
    std::memcpy(&wanted, &after[n], size);
    std::memcpy(&got, &kernel.buffers[0][n], size);
    ADD_FAILURE() << "byte " << n << ": " << hex(a) << " and " << hex(b)
                  << " give " << hex(got) << " instead of " << hex(wanted);
    return;
  }
  EXPECT_TRUE(kernel.buffers[2] == old) << "what was there before";
}

const std::vector<std::string> hints = {"", ".L2::cache_hint"};

TEST(AtomicVectors, OfHalves) {
  for (const char *name : {"atom", "red"})
    for (const Element *element : {&f16, &bf16})
      for (const char *operation : {"add", "min", "max"})
        for (const std::string &hint : hints) {
          const std::string before = std::string(name) + ".global",
                            middle = ".noftz" + hint;
          for (bool shares : {true, false}) {
            for (unsigned count : {2, 4})
              check({before, operation, middle, element, count, true, false,
                     shares});
            for (unsigned count : {2, 4, 8})
              check({before, operation, middle, element, count, false, false,
                     shares});
          }
          if (testing::Test::HasFailure())
            return;
        }
}

TEST(AtomicVectors, OfFloats) {
  for (const char *name : {"atom", "red"})
    for (const std::string &hint : hints)
      for (unsigned count : {2, 4})
        for (bool shares : {true, false})
          for (bool isReverse : {true, false})
            check({std::string(name) + ".global", "add", hint, &f32Element,
                   count, false, isReverse, shares});
}

TEST(AtomicVectors, OrdersAndScopes) {
  for (const std::string order :
       {"", ".relaxed", ".acquire", ".release", ".acq_rel"})
    for (const std::string scope : {"", ".cta", ".cluster", ".gpu", ".sys"})
      for (const std::string name : {"atom", "red"}) {
        if (name == "red" && (order == ".acquire" || order == ".acq_rel"))
          continue;
        for (const std::string space : {"", ".global"}) {
          const std::string before = name + order + scope + space;
          check({before, "add", "", &f32Element, 4});
          check({before, "max", ".noftz", &f16, 8});
          check({before, "add", ".noftz", &bf16, 2, true});
        }
      }
}

TEST(AtomicVectors, LanesGoOneAfterTheOther) {
  // Each lane adds 1 and gets what the lanes before it have made.
  Outcome outcome = runKernel(
      {"mov.b32 %r0, 0;\n"
       "@%lane0 st.global.v4.b32 [%out], {%r0, %r0, %r0, %r0};\n"
       "bar.warp.sync -1;\nmov.b32 %r1, 0f3F800000;\n"
       "atom.global.add.v2.f32 {%r2, %r3}, [%out], {%r1, %r1};\n"
       "add.u64 %d0, %lout, 1024;\nst.global.v2.b32 [%d0], {%r2, %r3};\n"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  EXPECT_EQ(f32(outcome.word(0)), 32.0f);
  float sum = 0;
  for (size_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(outcome.word(256 + 4 * lane), outcome.word(257 + 4 * lane));
    sum += f32(outcome.word(256 + 4 * lane));
  }
  EXPECT_EQ(sum, 31.0f * 32 / 2);
}

TEST(AtomicVectors, NeedTheAlignmentOfTheWhole) {
  expectReport(
      PtxKernel{"mov.b16 %h0, 0;\nst.global.v4.b32 [%lout], {0, 0, 0, 0};\n"
                "red.global.add.noftz.v4.f16 [%lout+4], {%h0, %h0, %h0, %h0};"},
      ReportKind::alignment, "modifies 8 bytes");
  expectReport(
      PtxKernel{"mov.b32 %r0, 0;\nst.global.v4.b32 [%lout], {0, 0, 0, 0};\n"
                "red.global.max.noftz.v2.bf16x2 [%lout+4], {%r0, %r0};"},
      ReportKind::alignment, "modifies 8 bytes");
  // Vectors are of global memory.
  expectReport(
      PtxKernel{"st.shared.v4.b32 [%lshared], {0, 0, 0, 0};\n"
                "cvt.u64.u32 %d0, %lshared;\n"
                "red.global.add.v2.f32 [%d0], {0f00000000, 0f00000000};"},
      ReportKind::bounds, "in no allocation");
}

//===----------------------------------------------------------------------===//
// Scopes and hints of others
//===----------------------------------------------------------------------===//

/// red or atom on 32 bits of each thread: what is there afterwards, and what
/// was there.
void checkWord(const std::string &spelling, const std::string &type,
               uint64_t (*add)(uint64_t, uint64_t)) {
  const bool isAtom = spelling.compare(0, 4, "atom") == 0,
             isShared = spelling.find(".shared") != std::string::npos,
             hasPolicy = spelling.find("cache_hint") != std::string::npos,
             isWide = type == "u64" || type == "f64";
  const std::string letter = isWide ? "%d" : "%r",
                    bits = isWide ? ".b64 " : ".b32 ",
                    place = isShared ? "[%r91]" : "[%in]",
                    space = isShared ? ".shared" : ".global";
  PtxLines lines;
  lines.inputs = {letter + "0", letter + "1"};
  lines.outputs = {letter + "2"};
  if (isAtom)
    lines.outputs.push_back(letter + "3");
  lines.text = "mov.u32 %r90, %tid.x;\nmov.u32 %r91, shared;\n"
               "mad.lo.u32 %r91, %r90, 8, %r91;\n"
               "createpolicy.fractional.L2::evict_first.b64 %d9;\nst" +
               space + bits + place + ", " + letter + "0;\n" + spelling + "." +
               type + " " + (isAtom ? letter + "3, " : "") + place + ", " +
               letter + "1" + (hasPolicy ? ", %d9" : "") + ";\nld" + space +
               bits + letter + "2, " + place + ";\n";
  std::vector<Column> inputs =
      type[0] == 'f'
          ? combine(
                {{bits == ".b64 " ? test::bits(1.5) : test::bits(1.5f)},
                 {bits == ".b64 " ? test::bits(-0.25) : test::bits(-0.25f)}},
                0)
          : combine({integerEdges(isWide ? 64 : 32),
                     integerEdges(isWide ? 64 : 32)},
                    0);
  expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
    out[0] = add(in[0], in[1]) & (isWide ? ~uint64_t(0) : 0xffffffff);
    if (isAtom)
      out[1] = in[0];
  });
}

uint64_t addOf(const std::string &type, uint64_t a, uint64_t b) {
  return type == "f32"   ? bits(f32(a) + f32(b))
         : type == "f64" ? bits(f64(a) + f64(b))
                         : a + b;
}

TEST(AtomicHints, ChangeNothing) {
  for (const std::string name : {"atom", "red"}) {
    const std::string spelling = name + ".global.add.L2::cache_hint";
    for (const char *type : {"u32", "s32", "u64"})
      checkWord(spelling, type, [](uint64_t a, uint64_t b) { return a + b; });
    checkWord(spelling, "f32",
              [](uint64_t a, uint64_t b) { return addOf("f32", a, b); });
    checkWord(spelling, "f64",
              [](uint64_t a, uint64_t b) { return addOf("f64", a, b); });
  }
}

TEST(AtomicScopes, ChangeNothingWithinAThread) {
  auto add = [](uint64_t a, uint64_t b) { return a + b; };
  for (const std::string order :
       {".relaxed", ".acquire", ".release", ".acq_rel"})
    for (const std::string scope : {".cta", ".gpu", ".sys", ".cluster"})
      for (const std::string name : {"atom", "red"}) {
        if (name == "red" && (order == ".acquire" || order == ".acq_rel"))
          continue;
        // Before the operation, or after it.
        checkWord(name + order + scope + ".global.add", "u32", add);
        if (scope == ".cluster")
          continue;
        checkWord(name + order + scope + ".shared.add", "u32", add);
        checkWord(name + ".add" + order + scope, "u64", add);
      }
}

} // namespace
