//===- OperandRules.h - What verifiers of attn ops share --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules for tensors that several operations have in common.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_OPERANDRULES_H
#define ATTN_DIALECT_ATTN_OPERANDRULES_H

#include "mlir/IR/BuiltinTypes.h"

namespace mlir::attn {

/// The largest number of heads, and the largest head dimension.
inline constexpr int64_t kMaxStaticSize = 1 << 16;

/// The largest number of queries, and of keys, in a block of a block mask.
inline constexpr int64_t kMaxBlockSize = 4096;

/// Element types of queries, keys, values and outputs.
inline bool isElementType(Type type) {
  return type.isF32() || type.isF16() || type.isBF16();
}

/// Two sizes that are both known and differ.
inline bool differ(int64_t a, int64_t b) {
  return ShapedType::isStatic(a) && ShapedType::isStatic(b) && a != b;
}

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_OPERANDRULES_H
