//===- MatrixCases.cpp - ldmatrix, stmatrix, movmatrix --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Warp-level matrix instructions": matrices of 8 x 8 numbers of 16
// bits between registers and shared memory. Lane 8i + r has the address of row r
// of matrix i; the rows are in no order.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <numeric>

using namespace attn;
using namespace attn::conformance;

namespace {
constexpr unsigned lanes = 32, rowBytes = 16;

/// Row in shared memory of the address of each lane.
std::vector<uint64_t> rowOrder() {
  std::vector<uint64_t> order(lanes);
  std::iota(order.begin(), order.end(), 0);
  Random random(24);
  for (unsigned i = lanes - 1; i > 0; --i)
    std::swap(order[i], order[random.below(i + 1)]);
  return order;
}

/// "{r0, r1, r2, r3}".
std::string registers(unsigned count) {
  std::string list;
  for (unsigned i = 0; i < count; ++i)
    list += (i ? ", %r" : "%r") + std::to_string(i);
  return "{" + list + "}";
}

/// Element e (0, 1) of a lane's register of a matrix: row and column.
std::pair<unsigned, unsigned> placeOf(unsigned lane, unsigned e,
                                      bool isTransposed) {
  unsigned row = lane / 4, column = lane % 4 * 2 + e;
  return isTransposed ? std::make_pair(column, row)
                      : std::make_pair(row, column);
}

/// Shared memory `tile` is filled from `input`; then $BODY; %address is that of
/// the lane's row.
std::string kernel(const Target &target, const std::string &body) {
  return header(target) +
         fill(R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .shared .align 16 .b8 tile[512];
  .reg .b64 %in, %out, %at;
  .reg .b32 %lane, %address, %row, %r<4>;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  mov.u32 %lane, %tid.x;
  mad.wide.u32 %at, %lane, 16, %in;
  ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%at];
  mov.u32 %row, tile;
  mad.lo.u32 %address, %lane, 16, %row;
  st.shared.v4.b32 [%address], {%r0, %r1, %r2, %r3};
  mad.wide.u32 %at, %lane, 4, %in;
  ld.global.b32 %address, [%at+512];
  mad.lo.u32 %address, %address, 16, %row;
  bar.sync 0;
$BODY
  ret;
}
)",
              {{"BODY", body}});
}

/// 512 bytes of numbers, then the order of the rows.
std::string tileAndOrder() {
  std::string input;
  for (unsigned i = 0; i < lanes * 8; ++i)
    append(input, i * 257 + 3, 2);
  for (uint64_t row : rowOrder())
    append(input, row, 4);
  return input;
}
} // namespace

static void addLoad(Cases &cases, unsigned count, bool isTransposed) {
  std::string suffix =
      "x" + std::to_string(count) + (isTransposed ? ".trans" : "");
  cases.push_back(
      {"ldmatrix." + suffix, {}, [=] {
         std::string body = "  ldmatrix.sync.aligned.m8n8." + suffix +
                            ".shared.b16 " + registers(count) +
                            ", [%address];\n"
                            "  mad.wide.u32 %at, %lane, 4, %out;\n";
         for (unsigned i = 0; i < count; ++i)
           body += "  st.global.b32 [%at+" + std::to_string(i * 128) + "], %r" +
                   std::to_string(i) + ";\n";
         Problem problem;
         problem.ptx = kernel({}, body);
         problem.input = tileAndOrder();
         problem.addOutput("registers", Element::b16, count, lanes * 2);
         problem.where = [](const Output &, uint32_t row, uint32_t column) {
           return "register " + std::to_string(row) + " of lane " +
                  std::to_string(column / 2) + ", half " +
                  std::to_string(column % 2);
         };
         problem.expected = [=] {
           std::string tile = tileAndOrder(), all;
           auto order = rowOrder();
           for (unsigned i = 0; i < count; ++i)
             for (unsigned lane = 0; lane < lanes; ++lane)
               for (unsigned e = 0; e < 2; ++e) {
                 auto [row, column] = placeOf(lane, e, isTransposed);
                 append(all,
                        read(tile, order[i * 8 + row] * rowBytes + column * 2,
                             2),
                        2);
               }
           return all;
         };
         return problem;
       }});
}

static void addStore(Cases &cases, unsigned count, bool isTransposed) {
  std::string suffix =
      "x" + std::to_string(count) + (isTransposed ? ".trans" : "");
  Target sm90 = {90, false, 80};
  cases.push_back(
      {"stmatrix." + suffix, sm90, [=] {
         std::string body;
         for (unsigned i = 0; i < count; ++i)
           // Half e of register i of lane l holds 0x1000 i + 0x10 l + e.
           body += fill(R"(  mad.lo.u32 %r$I, %lane, 0x100010, $BASE;
)",
                        {{"I", std::to_string(i)},
                         {"BASE", std::to_string(0x10001000u * i + 0x10000u)}});
         body += "  stmatrix.sync.aligned.m8n8." + suffix +
                 ".shared.b16 [%address], " + registers(count) + ";\n" +
                 R"(  bar.sync 0;
  mad.lo.u32 %address, %lane, 16, %row;
  ld.shared.v4.b32 {%r0, %r1, %r2, %r3}, [%address];
  mad.wide.u32 %at, %lane, 16, %out;
  st.global.v4.b32 [%at], {%r0, %r1, %r2, %r3};
)";
         Problem problem;
         problem.ptx = kernel(sm90, body);
         problem.input = tileAndOrder();
         problem.addOutput("tile", Element::b16, lanes, 8);
         problem.expected = [=] {
           std::string tile = tileAndOrder();
           tile.resize(512);
           auto order = rowOrder();
           for (unsigned i = 0; i < count; ++i)
             for (unsigned lane = 0; lane < lanes; ++lane)
               for (unsigned e = 0; e < 2; ++e) {
                 auto [row, column] = placeOf(lane, e, isTransposed);
                 write(tile, order[i * 8 + row] * rowBytes + column * 2,
                       i * 0x1000 + lane * 0x10 + e, 2);
               }
           return tile;
         };
         return problem;
       }});
}

static void addMove(Cases &cases) {
  cases.push_back(
      {"movmatrix.trans", {}, [] {
         Elementwise given;
         given.inputs = "b16x2 a";
         given.outputs = "b16x2 d";
         given.code = "movmatrix.sync.aligned.m8n8.trans.b16 d, a;";
         for (uint64_t i = 0; i < 128; ++i)
           given.rows.push_back({i * 2 | (i * 2 + 1) << 16});
         Problem problem = elementwise({}, given);
         problem.expected = [] {
           std::string all;
           for (unsigned warp = 0; warp < 4; ++warp)
             for (unsigned lane = 0; lane < lanes; ++lane)
               for (unsigned e = 0; e < 2; ++e) {
                 auto [row, column] = placeOf(lane, e, true);
                 append(all, warp * 64 + row * 8 + column, 2);
               }
           return all;
         };
         return problem;
       }});
}

void conformance::addMatrixCases(Cases &cases) {
  for (unsigned count : {1, 2, 4})
    for (bool isTransposed : {false, true}) {
      addLoad(cases, count, isTransposed);
      addStore(cases, count, isTransposed);
    }
  addMove(cases);
}
