//===- Arguments.h - Tensors and values of a call ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arguments of one call, as kernels read them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_API_ARGUMENTS_H
#define ATTN_RUNTIME_API_ARGUMENTS_H

#include "Handles.h"

#include <vector>

namespace attn::api {

/// Words of an argument: a descriptor of the largest rank, or a value.
constexpr size_t slotWords = 3 + 2 * ATTN_MAX_RANK;

/// Arguments in memory that somebody else owns: a caller's args object, or the
/// stack of a call.
struct ArgumentSlots {
  const ManifestEntry *entry = nullptr;
  int64_t *words = nullptr;
  /// One bit for each argument.
  uint64_t isSet = 0;

  int64_t *slot(size_t argument) const { return words + argument * slotWords; }
  /// Size of a dimension of a tensor that is set.
  int64_t size(ManifestDimRef ref) const {
    return slot(static_cast<size_t>(ref.argument))[3 + ref.dimension];
  }
  /// Checks an argument on its own and stores it.
  Status setTensor(size_t argument, const attn_tensor &tensor);
  /// Checks that all are set and that their sizes agree.
  Status check() const;
};

} // namespace attn::api

struct attn_args {
  attn_kernel *kernel = nullptr;
  std::vector<int64_t> words;
  attn::api::ArgumentSlots slots;
};

#endif // ATTN_RUNTIME_API_ARGUMENTS_H
