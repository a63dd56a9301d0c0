//===- Combine.h - attn.combine by its formula ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Merges partial results in the type T: double for the reference, float for
// plain attention.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_COMBINE_H
#define ATTN_LIB_REFERENCE_COMBINE_H

#include "Problem.h"
#include "dialect/Attn/Attn.h"

namespace attn::reference {

template <typename T>
struct Combined {
  /// [B, H, S, D]
  std::vector<int64_t> shape;
  std::vector<T> output, lse;
  /// Parts of each row that count.
  std::vector<int64_t> kept;
  /// Of the op's output; `output` is not rounded to it.
  mlir::Type elementType;
};

/// Whether the entry holds an attn.combine.
bool hasCombine(mlir::func::FuncOp entry);

/// Evaluates the one attn.combine of the entry.
template <typename T>
llvm::Expected<Combined<T>> combine(mlir::func::FuncOp entry,
                                    llvm::ArrayRef<Array> inputs);

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_COMBINE_H
