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

#ifndef ATTN_RUNTIME_ARGUMENTCHECKER_H
#define ATTN_RUNTIME_ARGUMENTCHECKER_H

#include "attn/Runtime/Module.h"

namespace attn {

/// Checks what a caller gives against an entry of a manifest.
class ArgumentChecker {
public:
  explicit ArgumentChecker(const ManifestEntry &entry) : entry(entry) {}

  Status checkCount(const char *role, size_t given, int64_t expected) const;

  /// Checks a tensor that is given for argument number `argument` (from 0), on
  /// its own: kind, element type, rank, static sizes, strides, that offsets fit
  /// in 63 bits and, with `withData`, the data pointer.
  Status checkTensor(size_t argument, const TensorView &tensor,
                     bool withData) const;
  /// The same for a scalar of a type.
  Status checkScalar(size_t argument, ElementType type) const;

  /// Checks the sizes of inputs that must be equal, or follow from others.
  /// `sizeOf(ManifestDimRef)` is the size of a dimension.
  template <typename SizeOf>
  Status checkInputSizes(const SizeOf &sizeOf) const {
    for (const std::vector<ManifestDimRef> &set : entry.equalDims)
      for (ManifestDimRef ref : set)
        if (sizeOf(ref) != sizeOf(set.front()))
          return failSize(ref, sizeOf(ref), set.front(), sizeOf(set.front()));
    for (const ManifestDerivedDim &derived : entry.derivedDims)
      if (Status status = checkDerived(derived, sizeOf(derived.dim),
                                       sizeOf(derived.source));
          !status)
        return status;
    return Status::success();
  }

  /// Checks the sizes of outputs that come from inputs.
  template <typename SizeOf>
  Status checkOutputSizes(const SizeOf &sizeOf) const {
    for (size_t i = size_t(entry.numInputs()); i < entry.arguments.size(); ++i)
      for (size_t dim = 0; dim < entry.arguments[i].shape.size(); ++dim) {
        if (entry.arguments[i].shape[dim] != ManifestArgument::dynamic)
          continue;
        ManifestDimRef ref{int64_t(i), int64_t(dim)},
            source = entry.arguments[i].sources[dim];
        if (sizeOf(ref) != sizeOf(source))
          return failSize(ref, sizeOf(ref), source, sizeOf(source));
      }
    return Status::success();
  }

  /// "argument 2 'key' of 'prefill': ...", counting from 1.
  Failure fail(size_t argument, const std::string &what) const;

private:
  Status checkMemory(size_t argument, const TensorView &tensor,
                     bool withData) const;
  /// "expected multiples of 16 bytes; ..."
  std::string alignmentText(size_t argument) const;
  Status checkDerived(const ManifestDerivedDim &derived, int64_t size,
                      int64_t source) const;
  Failure failSize(ManifestDimRef ref, int64_t size, ManifestDimRef source,
                   int64_t expected) const;

  const ManifestEntry &entry;
};

} // namespace attn

#endif // ATTN_RUNTIME_ARGUMENTCHECKER_H
