//===- ExpandGpuMath.h - Functions that a GPU has no instruction for -*- C++
//-*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_EXPANDGPUMATH_H
#define ATTN_TARGET_EXPANDGPUMATH_H

#include "mlir/IR/Operation.h"

namespace attn {

/// Writes functions of math on f32 as formulas on those that are one
/// instruction of a GPU (exp2, log2, sin and cos of small angles):
///
///   exp(x)           exp2(x log2(e)): relative error 2^-21 + |x| 2^-23
///   log(x), log10(x) log2(x) times a constant
///   sin(x), cos(x)   of x - 2 pi n: absolute error 2^-20 + |x| 2^-24
///   a b + c          fma(a, b, c) where both have the flag `contract`
void expandGpuMath(mlir::Operation *root);

} // namespace attn

#endif // ATTN_TARGET_EXPANDGPUMATH_H
