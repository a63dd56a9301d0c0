//===- ArgumentChecker.h - Arguments against a manifest ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules for what a caller gives to an entry.  Memory is allocated for
// errors only, so that a launch can check everything.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_API_ARGUMENTCHECKER_H
#define ATTN_RUNTIME_API_ARGUMENTCHECKER_H

#include "attn/Runtime/Module.h"

namespace attn::api {

/// One argument as a caller gives it; refers to the caller's sizes.
struct GivenArgument {
  bool isTensor = false;
  ElementType type = ElementType::f32;
  const void *data = nullptr;
  size_t rank = 0;
  size_t numStrides = 0;
  const int64_t *shape = nullptr;
  const int64_t *strides = nullptr;
};

/// Checks what a caller gives against an entry of a manifest.
class ArgumentChecker {
public:
  explicit ArgumentChecker(const ManifestEntry &entry) : entry(entry) {}

  /// Checks argument number `argument` (from 0) on its own: kind, element type,
  /// rank, static sizes, strides, that offsets fit in 63 bits and, with
  /// `withData`, the data pointer.
  Status checkArgument(size_t argument, const GivenArgument &given,
                       bool withData) const;
  Status checkCount(const char *role, size_t given, int64_t expected) const;

  /// Checks sizes that must agree, of inputs and, with `withOutputs`, of
  /// outputs.  `sizeOf(ManifestDimRef)` is the size of a dimension.
  template <typename SizeOf>
  Status checkSizes(const SizeOf &sizeOf, bool withOutputs) const {
    for (const std::vector<ManifestDimRef> &set : entry.equalDims) {
      int64_t expected = sizeOf(set.front());
      for (const ManifestDimRef &ref : set)
        if (int64_t size = sizeOf(ref); size != expected)
          return failEqual(ref, size, set.front(), expected);
    }
    for (size_t i = withOutputs ? size_t(entry.numInputs())
                                : entry.arguments.size();
         i < entry.arguments.size(); ++i) {
      const ManifestArgument &output = entry.arguments[i];
      for (size_t dim = 0; dim < output.shape.size(); ++dim) {
        if (output.shape[dim] != ManifestArgument::dynamic)
          continue;
        ManifestDimRef ref{int64_t(i), int64_t(dim)};
        int64_t size = sizeOf(ref), expected = sizeOf(output.sources[dim]);
        if (size != expected)
          return failOutput(ref, size, output.sources[dim], expected);
      }
    }
    return Status::success();
  }

private:
  Status checkTensor(size_t argument, const GivenArgument &tensor,
                     bool withData) const;
  Status checkMemory(size_t argument, const GivenArgument &tensor,
                     bool withData) const;
  Status failEqual(ManifestDimRef ref, int64_t size, ManifestDimRef first,
                   int64_t expected) const;
  Status failOutput(ManifestDimRef ref, int64_t size, ManifestDimRef source,
                    int64_t expected) const;
  /// "argument 2 'key' of 'prefill': ...", counting from 1.
  Failure fail(size_t argument, const std::string &what) const;

  const ManifestEntry &entry;
};

} // namespace attn::api

#endif // ATTN_RUNTIME_API_ARGUMENTCHECKER_H
