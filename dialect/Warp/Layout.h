//===- Layout.h - Where the elements of a tile are --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic behind #warp.mma and #warp.swizzle. It is written once, for
// numbers (`int64_t`) and for whatever else has +, *, /, % and ^, such as
// values of the IR.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_WARP_LAYOUT_H
#define ATTN_DIALECT_WARP_LAYOUT_H

#include <cstdint>

namespace mlir::warp {

constexpr int64_t lanesPerWarp = 32;

template <typename T>
struct Position {
  T row, col;
};

/// A tile of `rows` by `cols` in the registers of `warps` warps, as
/// mma.m16n8k16 accumulates it (PTX ISA, "Matrix fragments for mma.m16n8k16").
/// A register is named by its block of 16 rows, its block of 8 columns, its
/// half (rows 0 to 7 or 8 to 15) and its place in a pair of columns.
struct MmaLayout {
  int64_t rows, cols, warps;

  static constexpr int64_t blockRows = 16, blockCols = 8;

  int64_t rowBlocks() const { return rows / warps / blockRows; }
  int64_t colBlocks() const { return cols / blockCols; }

  template <typename T>
  T row(T warp, T lane, T block, T half) const {
    return warp * (rows / warps) + block * blockRows + lane / 4 + half * 8;
  }
  template <typename T>
  T col(T lane, T block, T pair) const {
    return block * blockCols + lane % 4 * 2 + pair;
  }
};

/// A tile of 16-bit elements in shared memory, in slabs of `bytes` bytes of
/// columns, swizzled. Offsets are in elements.
struct SwizzleLayout {
  int64_t rows, cols, bytes;

  static constexpr int64_t elementBytes = 2, chunkCols = 16 / elementBytes;
  /// The swizzle of a row is that of the row this many below.
  static constexpr int64_t period = 8;

  int64_t slabCols() const { return bytes / elementBytes; }
  int64_t elements() const { return rows * cols; }

  /// Blocks of 16 x 16 elements: offset(16 * b + row, 2 * p + chunk, 0) is
  /// blockOffset(b, p) + (offset(row, chunk, 0) ^ blockSwizzle(p)) for chunks 0
  /// and 1. Only offset(row, chunk, 0) depends on the lane.
  int64_t blocksOfSlab() const { return slabCols() / 16; }
  template <typename T>
  T blockSwizzle(T colBlock) const {
    return colBlock % blocksOfSlab() * 16;
  }
  template <typename T>
  T blockOffset(T rowBlock, T colBlock) const {
    return colBlock / blocksOfSlab() * (rows * slabCols()) +
           rowBlock * (16 * slabCols());
  }

  /// Of an element whose column is `chunk` times 8 columns, plus `within`.
  template <typename T>
  T offset(T row, T chunk, T within) const {
    const int64_t chunks = slabCols() / chunkCols;
    T swizzled = chunk % chunks ^ row / (128 / bytes) % chunks;
    return chunk / chunks * (rows * slabCols()) + row * slabCols() +
           swizzled * chunkCols + within;
  }
};

/// Where a lane points so that `ldmatrix` with four matrices reads a block of
/// 16 x 16 elements, as row and chunk of 8 columns in the block.
/// Of a first operand: registers as in MmaLayout, block by block, half by half.
template <typename T>
Position<T> ldmatrixRows(T lane) {
  return {lane % 16, lane / 16};
}
/// Of a second operand whose rows are columns of the product: the matrices of
/// columns 0 to 7, then of 8 to 15. The same as ldmatrixRows with the roles of
/// lanes 8 to 15 and 16 to 23 exchanged.
template <typename T>
Position<T> ldmatrixColumns(T lane) {
  return {lane % 8 + lane / 16 * 8, lane / 8 % 2};
}

} // namespace mlir::warp

#endif // ATTN_DIALECT_WARP_LAYOUT_H
