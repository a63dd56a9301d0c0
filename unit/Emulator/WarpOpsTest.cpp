//===- WarpOpsTest.cpp - shfl, vote, match, redux, elect ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"
#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

// Lanes of one column of runLines: any number of warps.
constexpr size_t threads = 1024, lanes = 32;

Column randomColumn(std::mt19937_64 &random, uint64_t mask) {
  Column column(threads);
  for (uint64_t &value : column)
    value = random() & mask;
  return column;
}

/// The same value for all lanes of a warp.
Column perWarp(std::mt19937_64 &random, const std::function<uint64_t()> &one) {
  static_cast<void>(random);
  Column column(threads);
  for (size_t t = 0; t < threads; ++t)
    column[t] = t % lanes ? column[t - 1] : one();
  return column;
}

/// Runs the lines; wanted(inputs of a warp, lane, outputs).
void expectWarps(const PtxLines &lines, const std::vector<Column> &inputs,
                 const std::function<void(const std::vector<Column> &, size_t,
                                          uint64_t *)> &wanted) {
  auto outputs = runLines(lines, inputs);
  ASSERT_TRUE(outputs) << lines.text << "\n" << outputs.error();
  for (size_t t = 0; t < threads; ++t) {
    std::vector<Column> warp;
    size_t first = t / lanes * lanes;
    for (const Column &input : inputs)
      warp.emplace_back(input.begin() + static_cast<long>(first),
                        input.begin() + static_cast<long>(first + lanes));
    std::vector<uint64_t> values(lines.outputs.size(), 0);
    wanted(warp, t - first, values.data());
    for (size_t o = 0; o < values.size(); ++o)
      ASSERT_EQ((*outputs)[o][t], values[o])
          << lines.text << " " << lines.outputs[o] << " of thread " << t;
  }
}

//===----------------------------------------------------------------------===//
// shfl
//===----------------------------------------------------------------------===//

TEST(WarpOps, Shuffles) {
  std::mt19937_64 random(1);
  for (const char *mode : {"up", "down", "bfly", "idx"}) {
    PtxLines lines;
    lines.text =
        std::string("shfl.sync.") + mode + ".b32 %r4|%p0, %r0, %r1, %r2, -1;";
    lines.inputs = {"%r0", "%r1", "%r2"};
    lines.outputs = {"%r4", "%p0"};
    std::vector<Column> inputs = {randomColumn(random, 0xffffffff),
                                  randomColumn(random, 0xff),
                                  randomColumn(random, 0x1f1f)};
    // What CUDA's __shfl functions pass, beside what they do not.
    for (size_t t = 0; t < threads / 2; ++t) {
      uint64_t width = uint64_t(1) << (t / lanes % 6);
      inputs[2][t] = (32 - width) << 8 | (std::string(mode) == "up" ? 0 : 0x1f);
      inputs[1][t] %= 33;
    }
    expectWarps(lines, inputs,
                [&](const std::vector<Column> &in, size_t l, uint64_t *out) {
                  // The pseudocode of the ISA.
                  int lane = static_cast<int>(l);
                  int bval = in[1][l] & 0x1f, cval = in[2][l] & 0x1f,
                      mask = in[2][l] >> 8 & 0x1f;
                  int maxLane = (lane & mask) | (cval & ~mask & 0x1f),
                      minLane = lane & mask, j = 0;
                  bool p = false;
                  switch (mode[0]) {
                  case 'u':
                    j = lane - bval;
                    p = j >= maxLane;
                    break;
                  case 'd':
                    j = lane + bval;
                    p = j <= maxLane;
                    break;
                  case 'b':
                    j = lane ^ bval;
                    p = j <= maxLane;
                    break;
                  case 'i':
                    j = minLane | (bval & ~mask & 0x1f);
                    p = j <= maxLane;
                    break;
                  }
                  out[0] = in[0][p ? static_cast<size_t>(j) : l];
                  out[1] = p;
                });
  }
}

TEST(WarpOps, ShufflesWithoutPredicateAndInPlace) {
  std::mt19937_64 random(2);
  PtxLines lines;
  lines.text = "mov.b32 %r4, %r0;\n"
               "shfl.sync.bfly.b32 %r4, %r4, 1, 31, 0xffffffff;\n"
               "shfl.sync.idx.b32 %r4, %r4, 5, 31, 0xffffffff;\n";
  lines.inputs = {"%r0"};
  lines.outputs = {"%r4"};
  expectWarps(lines, {randomColumn(random, 0xffffffff)},
              [](const std::vector<Column> &in, size_t, uint64_t *out) {
                out[0] = in[0][4];
              });
}

//===----------------------------------------------------------------------===//
// vote, match, activemask
//===----------------------------------------------------------------------===//

// Votes of the lanes that take part: those with %r1 set go another way. The
// membermask is computed by the lanes themselves.
const std::string split = "setp.ne.u32 %p9, %r1, 0;\n"
                          "vote.sync.ballot.b32 %r9, %p9, -1;\n"
                          "@%p9 bra other;\nnot.b32 %r9, %r9;\n";

TEST(WarpOps, Votes) {
  std::mt19937_64 random(3);
  PtxLines lines;
  std::string votes = "vote.sync.all.pred %p1, %p0, %r9;\n"
                      "vote.sync.any.pred %p2, %p0, %r9;\n"
                      "vote.sync.uni.pred %p3, %p0, %r9;\n"
                      "vote.sync.ballot.b32 %r4, %p0, %r9;\n"
                      "vote.sync.all.pred %p4, !%p0, %r9;\n"
                      "vote.sync.ballot.b32 %r5, !%p0, %r9;\n"
                      "activemask.b32 %r6;\n";
  lines.text = split + votes + "bra.uni done;\nother:\n" + votes + "done:\n";
  lines.inputs = {"%p0", "%r1"};
  lines.outputs = {"%p1", "%p2", "%p3", "%r4", "%p4", "%r5", "%r6"};
  std::vector<Column> inputs = {randomColumn(random, 1),
                                randomColumn(random, 1)};
  for (size_t t = 0; t < threads; ++t) {
    if (t / lanes % 4 == 0)
      inputs[0][t] = t / lanes % 8 == 0; // all the same
    if (t / lanes % 3 == 0)
      inputs[1][t] = 0;
  }
  expectWarps(lines, inputs,
              [](const std::vector<Column> &in, size_t l, uint64_t *out) {
                uint64_t members = 0, yes = 0;
                for (size_t o = 0; o < lanes; ++o)
                  if (in[1][o] == in[1][l]) {
                    members |= uint64_t(1) << o;
                    yes |= in[0][o] << o;
                  }
                out[0] = yes == members;
                out[1] = yes != 0;
                out[2] = yes == members || yes == 0;
                out[3] = yes;
                out[4] = yes == 0;
                out[5] = members & ~yes;
                out[6] = members;
              });
}

TEST(WarpOps, Matches) {
  std::mt19937_64 random(4);
  for (bool isWide : {false, true}) {
    std::string type = isWide ? ".b64" : ".b32", reg = isWide ? "%d0" : "%r0";
    PtxLines lines;
    std::string matches = "match.any.sync" + type + " %r4, " + reg +
                          ", %r9;\n"
                          "match.all.sync" +
                          type + " %r5|%p0, " + reg +
                          ", %r9;\n"
                          "match.all.sync" +
                          type + " %r6, " + reg + ", %r9;\n";
    lines.text =
        split + matches + "bra.uni done;\nother:\n" + matches + "done:\n";
    lines.inputs = {reg, "%r1"};
    lines.outputs = {"%r4", "%r5", "%p0", "%r6"};
    std::vector<Column> inputs = {
        perWarp(random, [&] { return random() & 0xffffffff; }),
        randomColumn(random, 1)};
    for (size_t t = 0; t < threads; ++t) {
      if (t / lanes % 2)
        inputs[0][t] = random() % 3 + 1;
      if (isWide && t / lanes % 4 > 1) // only the upper half differs
        inputs[0][t] = 7 | inputs[0][t] << 32;
    }
    expectWarps(lines, inputs,
                [](const std::vector<Column> &in, size_t l, uint64_t *out) {
                  uint64_t members = 0, same = 0;
                  for (size_t o = 0; o < lanes; ++o)
                    if (in[1][o] == in[1][l]) {
                      members |= uint64_t(1) << o;
                      if (in[0][o] == in[0][l])
                        same |= uint64_t(1) << o;
                    }
                  out[0] = same;
                  out[2] = same == members;
                  out[1] = out[3] = same == members ? members : 0;
                });
  }
}

//===----------------------------------------------------------------------===//
// redux, elect
//===----------------------------------------------------------------------===//

TEST(WarpOps, Reductions) {
  std::mt19937_64 random(5);
  struct Case {
    const char *name;
    std::function<uint32_t(uint32_t, uint32_t)> combine;
  };
  auto asSigned = [](uint32_t value) { return static_cast<int32_t>(value); };
  const Case cases[] = {
      {"add.u32", [](uint32_t a, uint32_t b) { return a + b; }},
      {"add.s32", [](uint32_t a, uint32_t b) { return a + b; }},
      {"min.u32", [](uint32_t a, uint32_t b) { return std::min(a, b); }},
      {"max.u32", [](uint32_t a, uint32_t b) { return std::max(a, b); }},
      {"min.s32",
       [&](uint32_t a, uint32_t b) {
         return asSigned(a) < asSigned(b) ? a : b;
       }},
      {"max.s32",
       [&](uint32_t a, uint32_t b) {
         return asSigned(a) > asSigned(b) ? a : b;
       }},
      {"and.b32", [](uint32_t a, uint32_t b) { return a & b; }},
      {"or.b32", [](uint32_t a, uint32_t b) { return a | b; }},
      {"xor.b32", [](uint32_t a, uint32_t b) { return a ^ b; }}};
  std::vector<Column> inputs = {randomColumn(random, 0xffffffff),
                                randomColumn(random, 1)};
  for (size_t t = 0; t < 4 * lanes; ++t) // few bits in common otherwise
    inputs[0][t] |= 0xf0000000;
  for (const Case &one : cases) {
    PtxLines lines;
    std::string reduce =
        std::string("redux.sync.") + one.name + " %r4, %r0, %r9;\n";
    lines.text =
        split + reduce + "bra.uni done;\nother:\n" + reduce + "done:\n";
    lines.inputs = {"%r0", "%r1"};
    lines.outputs = {"%r4"};
    expectWarps(lines, inputs,
                [&](const std::vector<Column> &in, size_t l, uint64_t *out) {
                  uint32_t result = static_cast<uint32_t>(in[0][l]);
                  for (size_t o = 0; o < lanes; ++o)
                    if (o != l && in[1][o] == in[1][l])
                      result =
                          one.combine(result, static_cast<uint32_t>(in[0][o]));
                  out[0] = result;
                });
  }
}

TEST(WarpOps, ReductionsOfFloats) {
  std::mt19937_64 random(6);
  const Column edges = f32Edges();
  for (bool isMax : {false, true})
    for (bool isAbsolute : {false, true})
      for (bool wantsNaN : {false, true}) {
        PtxLines lines;
        lines.text = std::string("redux.sync.") + (isMax ? "max" : "min") +
                     (isAbsolute ? ".abs" : "") + (wantsNaN ? ".NaN" : "") +
                     ".f32 %r4, %r0, -1;";
        lines.target = "sm_100a";
        lines.inputs = {"%r0"};
        lines.outputs = {"%r4"};
        Column values(threads);
        for (size_t t = 0; t < threads; ++t) {
          values[t] = edges[random() % edges.size()];
          if (t / lanes % 2 && std::isnan(f32(values[t])))
            values[t] = 0;
          if (t / lanes % 4 == 1)
            values[t] &= 0x80000000; // zeros
          if (t / lanes == 2)
            values[t] = 0x7fc00000 + t;
        }
        expectWarps(lines, {values},
                    [&](const std::vector<Column> &in, size_t, uint64_t *out) {
                      // Keys that sort as the numbers do, -0 below 0.
                      bool hasNaN = false, hasNumber = false;
                      int64_t best = 0;
                      for (uint64_t bits : in[0]) {
                        if (isAbsolute)
                          bits &= 0x7fffffff;
                        if (std::isnan(f32(bits))) {
                          hasNaN = true;
                          continue;
                        }
                        int64_t key = bits & 0x80000000
                                          ? -int64_t(bits & 0x7fffffff) - 1
                                          : int64_t(bits);
                        if (!hasNumber || (isMax ? key > best : key < best))
                          best = key;
                        hasNumber = true;
                      }
                      out[0] = !hasNumber || (wantsNaN && hasNaN) ? 0x7fffffff
                               : best < 0 ? static_cast<uint64_t>(-best - 1) |
                                                0x80000000
                                          : static_cast<uint64_t>(best);
                    });
      }
}

TEST(WarpOps, Elections) {
  bool isOther = false;
  for (uint64_t seed : {0, 1, 2, 3, 4}) {
    PtxLines lines;
    lines.text = split +
                 "elect.sync %r4|%p0, %r9;\nelect.sync _|%p1, %r9;\n"
                 "bra.uni done;\n"
                 "other:\nelect.sync %r4|%p0, %r9;\nelect.sync _|%p1, %r9;\n"
                 "done:\n";
    lines.inputs = {"%r0", "%r1"};
    lines.outputs = {"%r4", "%p0", "%p1"};
    lines.options.seed = seed;
    std::mt19937_64 random(7);
    std::vector<Column> inputs = {randomColumn(random, 1),
                                  randomColumn(random, 1)};
    auto outputs = runLines(lines, inputs);
    ASSERT_TRUE(outputs) << outputs.error();
    for (size_t t = 0; t < threads; ++t) {
      size_t first = t / lanes * lanes, leader = (*outputs)[0][t];
      // One of the members, the same for all of them, every time.
      ASSERT_LT(leader, lanes);
      EXPECT_EQ(inputs[1][first + leader], inputs[1][t]);
      EXPECT_EQ((*outputs)[0][first + leader], leader);
      EXPECT_EQ((*outputs)[1][t], uint64_t(t == first + leader));
      EXPECT_EQ((*outputs)[2][t], (*outputs)[1][t]);
      size_t lowest = 0;
      while (inputs[1][first + lowest] != inputs[1][t])
        ++lowest;
      isOther |= leader != lowest;
      EXPECT_TRUE(seed != 0 || leader == lowest);
    }
  }
  EXPECT_TRUE(isOther);
}

//===----------------------------------------------------------------------===//
// Membermasks
//===----------------------------------------------------------------------===//

TEST(WarpOps, LanesMustBeInTheirMask) {
  expectReport({"vote.sync.ballot.b32 %r0, %lane0, 0xfffffffe;"},
               ReportKind::divergence,
               "the membermask 0xfffffffe does not contain the lane that "
               "executes the instruction, 0");
}

TEST(WarpOps, MembersMustTakePart) {
  expectReport({"@!%lane0 shfl.sync.idx.b32 %r0, %lane, 1, 31, -1;"},
               ReportKind::divergence,
               "contains a lane that does not take part, 0");
  // Those that have exited need not, nor those that have never been.
  expectSilent({"@%lane0 ret;\nbar.warp.sync -1;"});
  expectSilent({"vote.sync.ballot.b32 %r0, %lane0, -1;", 48});
}

TEST(WarpOps, MembersWaitForEachOther) {
  // Lane 0 comes later, by another way.
  Outcome outcome = runKernel({"mov.u32 %r1, 7;\n"
                               "@%lane0 bra late;\n"
                               "back:\nshfl.sync.idx.b32 %r0, %r1, 0, 31, -1;\n"
                               "st.global.b32 [%lout], %r0;\nret;\n"
                               "late:\nmov.u32 %r1, 9;\nbra back;\n"});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  for (size_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(outcome.word(4 * lane), 9u);
  // Who waits for a lane that waits for them is stuck.
  expectReport({"@%lane0 bra late;\n"
                "bar.warp.sync -1;\nret;\n"
                "late:\nbar.warp.sync -1;\n"},
               ReportKind::deadlock,
               "the other lanes of the membermask 0xffffffff");
}

TEST(WarpOps, ShufflesFromLanesThatTakeNoPart) {
  expectReport({"setp.gt.u32 %p0, %lane, 3;\n@%p0 ret;\n"
                "shfl.sync.idx.b32 %r0, %lane, 5, 31, 15;"},
               ReportKind::divergence,
               "takes the value of lane 5, which does not take part");
}

} // namespace
