//===- ArgumentChecker.cpp - Arguments against a manifest -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentChecker.h"

using namespace attn;
using namespace attn::api;

static std::string formatSizes(const int64_t *sizes, size_t count) {
  return formatShape(std::vector<int64_t>(sizes, sizes + count));
}

Failure ArgumentChecker::fail(size_t argument, const std::string &what) const {
  return failure("argument " + std::to_string(argument + 1) + " '" +
                 entry.arguments[argument].name + "' of '" + entry.name +
                 "': " + what);
}

Status ArgumentChecker::checkCount(const char *role, size_t given,
                                   int64_t expected) const {
  if (given == static_cast<size_t>(expected))
    return Status::success();
  std::string names;
  for (const ManifestArgument &argument : entry.arguments)
    if (argument.isOutput == (role[0] == 'o'))
      names += (names.empty() ? "" : ", ") + argument.name;
  return failure("'" + entry.name + "' has " + std::to_string(expected) + " " +
                 role + (expected == 1 ? "" : "s") +
                 (names.empty() ? "" : " (" + names + ")") + ", but " +
                 std::to_string(given) + (given == 1 ? " was" : " were") +
                 " given");
}

/// Number of bytes of a tensor if it is representable.  Does not allocate,
/// unlike elementCount.
static bool countFits(const GivenArgument &tensor, int64_t bytes,
                      int64_t &count) {
  count = 1;
  bool overflows = false;
  for (size_t i = 0; i < tensor.rank; ++i) {
    if (tensor.shape[i] == 0) {
      count = 0;
      return true;
    }
    overflows |= __builtin_mul_overflow(count, tensor.shape[i], &count);
  }
  int64_t all;
  return !overflows && !__builtin_mul_overflow(count, bytes, &all);
}

Status ArgumentChecker::checkMemory(size_t argument,
                                    const GivenArgument &tensor,
                                    bool withData) const {
  bool isOutput = entry.arguments[argument].isOutput;
  int64_t bytes = elementBytes(tensor.type), reach = 0, count;
  bool overflows = false;
  // A stride of 0 lets a shape have more elements than its memory.
  if (!countFits(tensor, bytes, count)) {
    auto counted = elementCount(
        std::vector<int64_t>(tensor.shape, tensor.shape + tensor.rank), bytes);
    return fail(argument, counted ? "the shape is too large" : counted.error());
  }
  if (count == 0)
    return Status::success();
  for (size_t i = 0; i < tensor.rank; ++i) {
    int64_t size = tensor.shape[i], stride = tensor.strides[i], extent;
    if (size < 2)
      continue;
    if (i + 1 == tensor.rank && stride != 1)
      return fail(argument, "the innermost stride is " +
                                std::to_string(stride) +
                                ", expected 1 (contiguous)");
    if (isOutput && stride == 0)
      return fail(argument, "the stride of dimension " + std::to_string(i) +
                                " is 0, which would make elements of an "
                                "output overlap");
    overflows |= stride == INT64_MIN ||
                 __builtin_mul_overflow(size - 1, stride < 0 ? -stride : stride,
                                        &extent) ||
                 __builtin_mul_overflow(extent, bytes, &extent) ||
                 __builtin_add_overflow(reach, extent, &reach);
  }
  if (overflows)
    return fail(argument, "the shape " +
                              formatSizes(tensor.shape, tensor.rank) +
                              " with strides " +
                              formatSizes(tensor.strides, tensor.rank) +
                              " spans more than 63 bits of bytes");
  if (!withData)
    return Status::success();
  if (!tensor.data)
    return fail(argument, "the data pointer is null, but the shape is " +
                              formatSizes(tensor.shape, tensor.rank));
  if (reinterpret_cast<uintptr_t>(tensor.data) % static_cast<uint64_t>(bytes))
    return fail(argument, std::string("the data pointer is not aligned to the "
                                      "elements of type ") +
                              elementTypeName(tensor.type) + " (" +
                              std::to_string(bytes) + " bytes)");
  return Status::success();
}

Status ArgumentChecker::checkTensor(size_t argument,
                                    const GivenArgument &tensor,
                                    bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  if (tensor.type != described.type)
    return fail(argument, std::string("the element type is ") +
                              elementTypeName(tensor.type) + ", expected " +
                              elementTypeName(described.type));
  if (tensor.rank != described.shape.size())
    return fail(argument,
                "the rank is " + std::to_string(tensor.rank) + " (shape " +
                    formatSizes(tensor.shape, tensor.rank) + "), expected " +
                    std::to_string(described.shape.size()));
  if (tensor.numStrides != tensor.rank)
    return fail(argument, "there are " + std::to_string(tensor.numStrides) +
                              " strides for the shape " +
                              formatSizes(tensor.shape, tensor.rank) +
                              ", expected " + std::to_string(tensor.rank));
  for (size_t i = 0; i < tensor.rank; ++i) {
    int64_t size = tensor.shape[i], expected = described.shape[i];
    if (size < 0)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) + ", expected at least 0");
    if (expected != ManifestArgument::dynamic && expected != size)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) + ", expected " +
                                std::to_string(expected));
  }
  return checkMemory(argument, tensor, withData);
}

Status ArgumentChecker::checkArgument(size_t argument,
                                      const GivenArgument &given,
                                      bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  auto typeName = [&] { return std::string(elementTypeName(described.type)); };
  if (!given.isTensor) {
    auto found = [&] { return std::string(elementTypeName(given.type)); };
    if (described.isTensor)
      return fail(argument, "a scalar of type " + found() +
                                " was given, expected a tensor of " +
                                typeName());
    if (given.type != described.type)
      return fail(argument, "a scalar of type " + found() +
                                " was given, expected " + typeName());
    return Status::success();
  }
  if (!described.isTensor)
    return fail(argument,
                "a tensor of shape " + formatSizes(given.shape, given.rank) +
                    " was given, expected a scalar of type " + typeName());
  return checkTensor(argument, given, withData);
}

Status ArgumentChecker::failEqual(ManifestDimRef ref, int64_t size,
                                  ManifestDimRef first,
                                  int64_t expected) const {
  return fail(static_cast<size_t>(ref.argument),
              "dimension " + std::to_string(ref.dimension) + " is " +
                  std::to_string(size) + ", expected " +
                  std::to_string(expected) + ", equal to " +
                  entry.dimName(first));
}

Status ArgumentChecker::failOutput(ManifestDimRef ref, int64_t size,
                                   ManifestDimRef source,
                                   int64_t expected) const {
  return fail(static_cast<size_t>(ref.argument),
              "dimension " + std::to_string(ref.dimension) + " is " +
                  std::to_string(size) + ", expected " +
                  std::to_string(expected) + " (" + entry.dimName(source) +
                  ")");
}
