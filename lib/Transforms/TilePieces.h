//===- TilePieces.h - Small pieces of tile kernels --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What several kernels begin with, and maps and constants that all kernels with
// a softmax need.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TRANSFORMS_TILEPIECES_H
#define ATTN_LIB_TRANSFORMS_TILEPIECES_H

#include "dialect/Tile/Tile.h"

#include <limits>

namespace mlir::tile {

inline constexpr double kLn2 = 0.6931471805599453;
inline constexpr double kLog2E = 1.4426950408889634;

/// The start value of a row maximum. It is finite, so that exp2(-inf - m) is 0
/// and not NaN as long as a row has seen no key; no finite score is below it.
inline constexpr double kLowest = -std::numeric_limits<float>::max();

/// Creates a private kernel with the number of the task in front of
/// `arguments`. The builder goes on in its body.
KernelOp beginKernel(OpBuilder &builder, Location loc, const Twine &name,
                     TypeRange arguments);

Value constantIndex(OpBuilder &builder, Location loc, int64_t value);
Value constantF32(OpBuilder &builder, Location loc, double value);

/// A tile with the same value everywhere.
Value splat(OpBuilder &builder, Location loc, TileType type, double value);

/// a * b; b may be one column.
Value multiply(OpBuilder &builder, Location loc, Value a, Value b);

/// 1 / x, or 0 where x is 0: a row without keys has output 0.
Value reciprocalOrZero(OpBuilder &builder, Location loc, Value x);

} // namespace mlir::tile

#endif // ATTN_LIB_TRANSFORMS_TILEPIECES_H
