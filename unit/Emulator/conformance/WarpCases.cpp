//===- WarpCases.cpp - What lanes of a warp do together -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA: shfl.sync, vote.sync, match.sync, redux.sync, elect.sync, special
// registers.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <algorithm>

using namespace attn;
using namespace attn::conformance;

using emulator::Dim3;

namespace {
constexpr unsigned lanes = 32;
/// Lanes that take part where not all do.
constexpr uint32_t someLanes = 0x5555aaaa;

/// Computes the outputs of a warp from the rows of its lanes.
using WarpReference =
    std::function<void(const std::vector<uint64_t> *rows,
                       std::vector<std::vector<uint64_t>> &outputs)>;

/// A case whose results depend on all lanes of a warp. The number of rows is a
/// multiple of 128.
void add(Cases &cases, const std::string &name, Target target,
         const std::string &inputs, const std::string &outputs,
         const std::string &code, const std::function<Rows()> &makeRows,
         const WarpReference &reference) {
  cases.push_back({"warp." + name, target, [=] {
                     Elementwise given{inputs, outputs, code, makeRows(),
                                       nullptr, {}};
                     Problem problem = elementwise(target, given);
                     problem.expected = [=] {
                       auto operands = operandsOf(outputs);
                       std::vector<std::string> columns(operands.size());
                       Rows rows = given.rows;
                       for (size_t w = 0; w < rows.size(); w += lanes) {
                         std::vector<std::vector<uint64_t>> results(
                             operands.size(), std::vector<uint64_t>(lanes));
                         reference(&rows[w], results);
                         for (size_t k = 0; k < operands.size(); ++k)
                           for (uint64_t value : results[k])
                             append(columns[k], value, operands[k].bytes());
                       }
                       std::string all;
                       for (const std::string &column : columns)
                         all += column;
                       return all;
                     };
                     return problem;
                   }});
}

/// `$MEMBERS` lanes only: the others keep the value 0.
const char *guard = R"(mov.u32 %t0, %laneid;
  shr.u32 %t0, $MEMBERS, %t0;
  and.b32 %t0, %t0, 1;
  setp.ne.u32 %p, %t0, 0;
  )";

std::string memberText(uint32_t members) { return std::to_string(members); }
} // namespace

//===----------------------------------------------------------------------===//
// shfl
//===----------------------------------------------------------------------===//

/// The lane that a shuffle reads and whether it is in range.
static std::pair<unsigned, bool> shuffle(const std::string &mode, int lane,
                                         uint64_t b, uint64_t c) {
  int value = b & 31, clamp = c & 31, segment = c >> 8 & 31;
  int most = (lane & segment) | (clamp & ~segment);
  int least = lane & segment;
  int from = 0;
  bool inRange = false;
  if (mode == "up") {
    from = lane - value;
    inRange = from >= most;
  } else {
    from = mode == "down"   ? lane + value
           : mode == "bfly" ? lane ^ value
                            : least | (value & ~segment);
    inRange = from <= most;
  }
  return {inRange ? from : lane, inRange};
}

static void addShuffles(Cases &cases) {
  for (std::string mode : {"up", "down", "bfly", "idx"}) {
    // c in all its forms: segments of 32 to 1 lanes, with their usual clamps
    // and with others.
    add(cases, "shfl." + mode, {}, "b32 a, b32 b, b32 c", "b32 d, pred p",
        "shfl.sync." + mode + ".b32 d|p, a, b, c, 0xffffffff;",
        [=] {
          Random random(17);
          Rows rows;
          for (int warp = 0; warp < 32; ++warp) {
            uint64_t segment = (32 - (uint64_t(1) << warp % 6)) & 31;
            uint64_t clamp = mode == "up" ? 0 : 31;
            bool isUsual = warp < 12, isUniform = warp % 2 == 0;
            uint64_t distance = random.below(32);
            for (unsigned lane = 0; lane < lanes; ++lane) {
              uint64_t c = isUsual ? segment << 8 | clamp
                                   : random.next() & 0x1f1f;
              // Bits above the fifth are ignored.
              uint64_t b = isUniform ? distance : random.below(64);
              rows.push_back({random.next() & 0xffffffff, b, c});
            }
          }
          return rows;
        },
        [=](const std::vector<uint64_t> *rows, auto &out) {
          for (unsigned lane = 0; lane < lanes; ++lane) {
            auto [from, inRange] =
                shuffle(mode, lane, rows[lane][1], rows[lane][2]);
            out[0][lane] = rows[from][0];
            out[1][lane] = inRange;
          }
        });
  }
  add(cases, "shfl.immediate", {}, "b32 a",
      "b32 up, b32 down, b32 butterfly, b32 first, b32 segment",
      R"(shfl.sync.up.b32 up, a, 3, 0, 0xffffffff;
  shfl.sync.down.b32 down, a, 5, 31, 0xffffffff;
  shfl.sync.bfly.b32 butterfly, a, 16, 31, 0xffffffff;
  shfl.sync.idx.b32 first, a, 0, 31, 0xffffffff;
  shfl.sync.idx.b32 segment, a, 2, 0x181f, 0xffffffff;)",
      [] { return rowsFor("b32 a", 128, 18); },
      [](const std::vector<uint64_t> *rows, auto &out) {
        for (unsigned lane = 0; lane < lanes; ++lane) {
          out[0][lane] = rows[lane < 3 ? lane : lane - 3][0];
          out[1][lane] = rows[lane + 5 > 31 ? lane : lane + 5][0];
          out[2][lane] = rows[lane ^ 16][0];
          out[3][lane] = rows[0][0];
          out[4][lane] = rows[(lane & ~7u) | 2][0];
        }
      });
  add(cases, "shfl.some-lanes", {}, "b32 a, b32 b", "b32 d",
      fill(guard, {{"MEMBERS", memberText(someLanes)}}) +
          "mov.b32 d, 0;\n  @%p shfl.sync.idx.b32 d, a, b, 31, " +
          memberText(someLanes) + ";",
      [] {
        Random random(19);
        std::vector<uint64_t> members;
        for (unsigned lane = 0; lane < lanes; ++lane)
          if (someLanes >> lane & 1)
            members.push_back(lane);
        return rowsFor("b32 a, b32 b", 256, 19, {{}, members});
      },
      [](const std::vector<uint64_t> *rows, auto &out) {
        for (unsigned lane = 0; lane < lanes; ++lane)
          if (someLanes >> lane & 1)
            out[0][lane] = rows[rows[lane][1]][0];
      });
}

//===----------------------------------------------------------------------===//
// vote, match, redux
//===----------------------------------------------------------------------===//

/// Warps in which all, none, one and some lanes have a value of 1, and warps
/// of few different values.
static Rows votes() {
  Random random(20);
  Rows rows;
  for (unsigned warp = 0; warp < 16; ++warp)
    for (unsigned lane = 0; lane < lanes; ++lane) {
      bool some = random.below(2);
      uint64_t value = warp % 4 == 0   ? 1
                       : warp % 4 == 1 ? 0
                       : warp % 4 == 2 ? lane == warp * 2
                                       : some;
      rows.push_back({value});
    }
  return rows;
}

static Rows fewValues(uint64_t scale) {
  Random random(21);
  Rows rows;
  for (unsigned warp = 0; warp < 16; ++warp)
    for (unsigned lane = 0; lane < lanes; ++lane)
      rows.push_back({(7 + random.below(warp % 4 ? warp : 1)) * scale});
  return rows;
}

static void addVotes(Cases &cases) {
  for (uint32_t members : {0xffffffffu, someLanes}) {
    std::string suffix = members == someLanes ? ".some-lanes" : "";
    std::string begin = fill(guard, {{"MEMBERS", memberText(members)}});
    std::vector<std::pair<std::string, std::string>> names = {
        {"M", memberText(members)}};
    add(cases, "vote" + suffix, {}, "b32 a",
        "b32 all, b32 any, b32 uniform, b32 ballot, b32 not_all",
        begin + fill(R"(mov.b32 all, 0;
  mov.b32 any, 0;
  mov.b32 uniform, 0;
  mov.b32 ballot, 0;
  mov.b32 not_all, 0;
  .reg .pred vote, result;
  setp.ne.u32 vote, a, 0;
  @!%p bra done;
  vote.sync.all.pred result, vote, $M;
  selp.b32 all, 1, 0, result;
  vote.sync.any.pred result, vote, $M;
  selp.b32 any, 1, 0, result;
  vote.sync.uni.pred result, vote, $M;
  selp.b32 uniform, 1, 0, result;
  vote.sync.ballot.b32 ballot, vote, $M;
  vote.sync.all.pred result, !vote, $M;
  selp.b32 not_all, 1, 0, result;
done:)",
                     names),
        votes,
        [=](const std::vector<uint64_t> *rows, auto &out) {
          uint32_t ballot = 0;
          for (unsigned lane = 0; lane < lanes; ++lane)
            ballot |= uint32_t(rows[lane][0]) << lane;
          ballot &= members;
          for (unsigned lane = 0; lane < lanes; ++lane) {
            if (!(members >> lane & 1))
              continue;
            out[0][lane] = ballot == members;
            out[1][lane] = ballot != 0;
            out[2][lane] = ballot == members || ballot == 0;
            out[3][lane] = ballot;
            out[4][lane] = ballot == 0;
          }
        });
    for (std::string bits : {"b32", "b64"})
      add(cases, "match." + bits + suffix, {}, bits + " a",
          "b32 any, b32 all, b32 matched",
          begin + fill(R"(mov.b32 any, 0;
  mov.b32 all, 0;
  mov.b32 matched, 0;
  .reg .pred result;
  @!%p bra done;
  match.any.sync.$B any, a, $M;
  match.all.sync.$B all|result, a, $M;
  selp.b32 matched, 1, 0, result;
done:)",
                       {{"M", memberText(members)}, {"B", bits}}),
          [=] { return fewValues(bits == "b64" ? 0x100000001 : 3); },
          [=](const std::vector<uint64_t> *rows, auto &out) {
            for (unsigned lane = 0; lane < lanes; ++lane) {
              if (!(members >> lane & 1))
                continue;
              uint32_t same = 0;
              for (unsigned other = 0; other < lanes; ++other)
                if (members >> other & 1 && rows[other][0] == rows[lane][0])
                  same |= 1u << other;
              out[0][lane] = same;
              out[1][lane] = same == members ? members : 0;
              out[2][lane] = same == members;
            }
          });
    add(cases, "redux" + suffix, {}, "b32 a",
        "b32 sum, b32 sum_s, b32 low, b32 high, b32 low_s, b32 high_s, "
        "b32 both, b32 either, b32 one",
        begin + fill(R"(mov.b32 sum, 0;
  mov.b32 sum_s, 0;
  mov.b32 low, 0;
  mov.b32 high, 0;
  mov.b32 low_s, 0;
  mov.b32 high_s, 0;
  mov.b32 both, 0;
  mov.b32 either, 0;
  mov.b32 one, 0;
  @!%p bra done;
  redux.sync.add.u32 sum, a, $M;
  redux.sync.add.s32 sum_s, a, $M;
  redux.sync.min.u32 low, a, $M;
  redux.sync.max.u32 high, a, $M;
  redux.sync.min.s32 low_s, a, $M;
  redux.sync.max.s32 high_s, a, $M;
  redux.sync.and.b32 both, a, $M;
  redux.sync.or.b32 either, a, $M;
  redux.sync.xor.b32 one, a, $M;
done:)",
                     names),
        [] { return rowsFor("b32 a", 512, 22); },
        [=](const std::vector<uint64_t> *rows, auto &out) {
          uint32_t sum = 0, both = ~0u, either = 0, one = 0, low = ~0u,
                   high = 0;
          int32_t lowS = INT32_MAX, highS = INT32_MIN;
          for (unsigned lane = 0; lane < lanes; ++lane) {
            if (!(members >> lane & 1))
              continue;
            auto a = static_cast<uint32_t>(rows[lane][0]);
            auto s = static_cast<int32_t>(a);
            sum += a;
            both &= a;
            either |= a;
            one ^= a;
            low = std::min(low, a);
            high = std::max(high, a);
            lowS = std::min(lowS, s);
            highS = std::max(highS, s);
          }
          const uint32_t results[] = {
              sum,  sum,    low, high, uint32_t(lowS), uint32_t(highS),
              both, either, one};
          for (unsigned lane = 0; lane < lanes; ++lane)
            for (int k = 0; k < 9; ++k)
              out[k][lane] = members >> lane & 1 ? results[k] : 0;
        });
  }
  // Which lane is elected is not specified; that it is one is.
  Target sm90 = {90, false, 80};
  add(cases, "elect", sm90, "b32 a", "b32 elected, b32 agreed",
      R"(.reg .pred mine;
  elect.sync %t0|mine, 0xffffffff;
  vote.sync.ballot.b32 %t1, mine, 0xffffffff;
  popc.b32 elected, %t1;
  shfl.sync.idx.b32 %t2, %t0, 0, 31, 0xffffffff;
  setp.eq.u32 %p, %t0, %t2;
  bfind.u32 %t1, %t1;
  setp.eq.and.u32 %p, %t0, %t1, %p;
  selp.b32 agreed, 1, 0, %p;)",
      [] { return rowsFor("b32 a", 128, 23); },
      [](const std::vector<uint64_t> *, auto &out) {
        for (unsigned lane = 0; lane < lanes; ++lane)
          out[0][lane] = out[1][lane] = 1;
      });
}

//===----------------------------------------------------------------------===//
// Special registers
//===----------------------------------------------------------------------===//

static void addRegisters(Cases &cases) {
  const std::vector<std::string> registers = {
      "tid.x",       "tid.y",       "tid.z",       "ntid.x",      "ntid.y",
      "ntid.z",      "ctaid.x",     "ctaid.y",     "ctaid.z",     "nctaid.x",
      "nctaid.y",    "nctaid.z",    "laneid",      "lanemask_eq", "lanemask_le",
      "lanemask_lt", "lanemask_ge", "lanemask_gt"};
  constexpr Dim3 grid{2, 3, 2}, block{8, 3, 3};
  cases.push_back(
      {"warp.special-registers", {}, [=] {
         Problem problem;
         problem.grid = grid;
         problem.block = block;
         std::string stores;
         for (size_t k = 0; k < registers.size(); ++k)
           stores += "  mov.u32 %v, %" + registers[k] + ";\n  st.global.u32 " +
                     "[%at+" + std::to_string(k * 4) + "], %v;\n";
         problem.ptx =
             header({}) +
             fill(R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .reg .b64 %at;
  .reg .b32 %i, %j, %n, %v;
  ld.param.u64 %at, [output];
  // i = ((((cz * ncy + cy) * ncx + cx) * nz + z) * ny + y) * nx + x
  mov.u32 %i, %ctaid.z;
$STEPS  mad.wide.u32 %at, %i, $SIZE, %at;
$STORES  ret;
}
)",
                  {{"STEPS",
                    [] {
                      std::string steps;
                      const char *dims[][2] = {
                          {"nctaid.y", "ctaid.y"}, {"nctaid.x", "ctaid.x"},
                          {"ntid.z", "tid.z"},     {"ntid.y", "tid.y"},
                          {"ntid.x", "tid.x"}};
                      for (auto &dim : dims)
                        steps += fill("  mov.u32 %n, %$N;\n  mov.u32 %j, "
                                      "%$J;\n  mad.lo.u32 %i, %i, %n, %j;\n",
                                      {{"N", dim[0]}, {"J", dim[1]}});
                      return steps;
                    }()},
                   {"SIZE", std::to_string(registers.size() * 4)},
                   {"STORES", stores}});
         problem.addOutput("registers", Element::b32,
                           grid.count() * block.count(), registers.size());
         problem.where = [=](const Output &, uint32_t row, uint32_t column) {
           return "%" + registers[column] + " of thread " +
                  std::to_string(row % block.count()) + " of CTA " +
                  std::to_string(row / block.count());
         };
         problem.expected = [=] {
           std::string all;
           for (uint32_t cta = 0; cta < grid.count(); ++cta)
             for (uint32_t thread = 0; thread < block.count(); ++thread) {
               uint32_t lane = thread % lanes, bit = 1u << lane;
               for (uint32_t value :
                    {thread % block.x, thread / block.x % block.y,
                     thread / block.x / block.y, block.x, block.y, block.z,
                     cta % grid.x, cta / grid.x % grid.y,
                     cta / grid.x / grid.y, grid.x, grid.y, grid.z, lane, bit,
                     bit | (bit - 1), bit - 1, ~(bit - 1),
                     ~(bit | (bit - 1))})
                 append(all, value, 4);
             }
           return all;
         };
         return problem;
       }});
}

void conformance::addWarpCases(Cases &cases) {
  addShuffles(cases);
  addVotes(cases);
  addRegisters(cases);
}
