//===- Matrix.cpp - ldmatrix, stmatrix, movmatrix -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Warp-level matrix load instruction: ldmatrix", stmatrix, movmatrix.
// Lane l holds elements 2 (l % 4) and 2 (l % 4) + 1 of row l / 4 of an 8x8
// matrix of 16-bit elements: the row of a register of 32 bits, seen as 64
// elements, is the matrix in row-major order. Loading it is copying eight rows
// of 16 bytes.
//
//===----------------------------------------------------------------------===//

#include "../Access.h"
#include "../Decoder.h"

#include <cstring>

using namespace attn;
using namespace attn::emulator;

namespace {

constexpr uint32_t rowBytes = 16, rowsOfMatrix = 8;

void transpose(uint16_t *matrix) {
  for (unsigned r = 0; r < rowsOfMatrix; ++r)
    for (unsigned c = 0; c < r; ++c)
      std::swap(matrix[r * 8 + c], matrix[c * 8 + r]);
}

/// Bits of op.bits.
constexpr uint8_t isTransposed = 1, isWide = 2, isGeneric = 4;

/// The addresses of the rows, which the first lanes give; those of lanes that
/// take no part are left out of `given`. False: given up.
bool rowAddresses(Warp &warp, const Op &op, LaneMask lanes, Intent intent,
                  uint32_t *rows, LaneMask &given) {
  uint64_t addresses[lanesPerWarp];
  laneAddresses(warp, op, 0, op.bits & isWide, addresses);
  unsigned count = op.listCount * rowsOfMatrix;
  given = lanes & (count == 32 ? allLanes : (LaneMask(1) << count) - 1);
  SharedMemory &shared = warp.cta.shared;
  const uint64_t window = op.bits & isGeneric ? sharedWindow : 0;
  uint64_t wrong = 0, low = 0;
  for (int l = 0; l < lanesPerWarp; ++l) {
    uint64_t offset = (addresses[l] ^ window) & (0 - uint64_t(given >> l & 1));
    wrong |= offset >> 32;
    low |= offset;
    rows[l] = static_cast<uint32_t>(offset);
  }
  if (wrong) {
    while ((addresses[__builtin_ctz(given)] ^ window) >> 32 == 0)
      given &= given - 1;
    const int lane = __builtin_ctz(given);
    warp.cta.report(ReportKind::bounds, &warp, &op, lane,
                    "the row is at " +
                        notSharedText(addresses[lane], window != 0));
    return false;
  }
  if (low % rowBytes && warp.cta.options.alignment)
    for (LaneMask rest = given; rest; rest &= rest - 1)
      if (int lane = __builtin_ctz(rest);
          rows[lane] % rowBytes &&
          !warp.cta.report(ReportKind::alignment, &warp, &op, lane,
                           "the row at address " + std::to_string(rows[lane]) +
                               " of shared memory must be aligned to 16 bytes"))
        return false;
  if (!shared.access(warp, op, given, /*isCollective=*/true, intent,
                     Strength::weak, rows, rowBytes))
    return false;
  if (warp.cta.options.bankConflicts)
    shared.countBankConflicts(op, rows, given, rowBytes);
  return true;
}

Flow loadMatrix(Warp &warp, const Op &op, LaneMask lanes) {
  uint32_t rows[lanesPerWarp];
  LaneMask given;
  if (!rowAddresses(warp, op, lanes, Intent::read, rows, given))
    return Flow::stop;
  // Destinations may be the register of the addresses.
  uint16_t matrices[4][64] = {};
  for (LaneMask rest = given; rest; rest &= rest - 1) {
    int lane = __builtin_ctz(rest);
    std::memcpy(&matrices[lane / 8][lane % 8 * 8],
                warp.cta.shared.at(rows[lane]), rowBytes);
  }
  for (unsigned n = 0; n < op.listCount; ++n) {
    if (op.bits & isTransposed)
      transpose(matrices[n]);
    uint32_t *row = warp.row<uint32_t>(warp.listed(op, n));
    if (lanes == allLanes) {
      std::memcpy(row, matrices[n], sizeof matrices[n]);
      continue;
    }
    for (LaneMask rest = lanes; rest; rest &= rest - 1) {
      int lane = __builtin_ctz(rest);
      std::memcpy(&row[lane], &matrices[n][2 * lane], sizeof(uint32_t));
    }
  }
  return Flow::next;
}

Flow storeMatrix(Warp &warp, const Op &op, LaneMask lanes) {
  uint32_t rows[lanesPerWarp];
  LaneMask given;
  if (!rowAddresses(warp, op, lanes, Intent::write, rows, given))
    return Flow::stop;
  uint16_t matrices[4][64];
  for (unsigned n = 0; n < op.listCount; ++n) {
    std::memcpy(matrices[n], warp.row<uint32_t>(warp.listed(op, n)),
                sizeof matrices[n]);
    if (op.bits & isTransposed)
      transpose(matrices[n]);
  }
  for (LaneMask rest = given; rest; rest &= rest - 1) {
    int lane = __builtin_ctz(rest);
    std::memcpy(warp.cta.shared.at(rows[lane]),
                &matrices[lane / 8][lane % 8 * 8], rowBytes);
  }
  return Flow::next;
}

Flow moveMatrix(Warp &warp, const Op &op, LaneMask lanes) {
  uint16_t matrix[64];
  std::memcpy(matrix, warp.row<uint32_t>(op.src[0]), sizeof matrix);
  transpose(matrix);
  uint32_t *row = warp.row<uint32_t>(op.dst);
  for (LaneMask rest = lanes; rest; rest &= rest - 1) {
    int lane = __builtin_ctz(rest);
    std::memcpy(&row[lane], &matrix[2 * lane], sizeof(uint32_t));
  }
  return Flow::next;
}

void decodeMatrix(Decoder &decoder, bool isLoad) {
  if (!decoder.expectOperands(2))
    return;
  std::string_view opcode = decoder.instruction().opcode;
  auto has = [&](std::string_view modifier) {
    return opcode.find(modifier) != std::string_view::npos;
  };
  size_t count = has(".x4") ? 4 : has(".x2") ? 2 : 1;
  if (isLoad)
    decoder.listDestinations(0, Type{Type::bits, 32}, count);
  else
    decoder.listSources(1, Type{Type::bits, 32}, count);
  int bits =
      decoder.address(isLoad ? 1 : 0, has(".shared") ? ".shared" : "", 0);
  decoder.op.bits = static_cast<uint8_t>((has(".trans") ? isTransposed : 0) |
                                         (bits == 64 ? isWide : 0) |
                                         (has(".shared") ? 0 : isGeneric));
  decoder.op.isAligned = true;
  decoder.op.handler = isLoad ? loadMatrix : storeMatrix;
}

void decodeLoadMatrix(Decoder &decoder, const Match &) {
  decodeMatrix(decoder, /*isLoad=*/true);
}

void decodeStoreMatrix(Decoder &decoder, const Match &) {
  decodeMatrix(decoder, /*isLoad=*/false);
}

void decodeMoveMatrix(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(2))
    return;
  decoder.op.dst = decoder.destination(0, Type{Type::bits, 32});
  decoder.op.src[0] = decoder.source(1, Type{Type::bits, 32});
  decoder.op.isAligned = true;
  decoder.op.handler = moveMatrix;
}

} // namespace

// Both orders of the modifiers are in use.
#define SPELLINGS(name, count, operands, decode, ...)                          \
  {name ".sync.aligned.m8n8" count "[.trans][.shared|.shared::cta].b16",       \
   operands, decode, __VA_ARGS__},                                             \
  {                                                                            \
    name ".sync.aligned" count "[.trans].m8n8[.shared|.shared::cta].b16",      \
        operands, decode, __VA_ARGS__                                          \
  }
#define LOADS(count, list)                                                     \
  SPELLINGS("ldmatrix", count, list ", [shared]", decodeLoadMatrix, 0)
#define STORES(count, list)                                                    \
  SPELLINGS("stmatrix", count, "[shared], " list, decodeStoreMatrix, 90,       \
            false, 78)

std::vector<Form> attn::emulator::matrixForms() {
  return {
      LOADS(".x1", "{%r0}"),
      LOADS(".x2", "{%r0, %r1}"),
      LOADS(".x4", "{%r0, %r1, %r2, %r3}"),
      STORES(".x1", "{%r0}"),
      STORES(".x2", "{%r0, %r1}"),
      STORES(".x4", "{%r0, %r1, %r2, %r3}"),
      {"movmatrix.sync.aligned.m8n8.trans.b16", "%r0, %r1", decodeMoveMatrix, 0,
       false, 78},
  };
}
