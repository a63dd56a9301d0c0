//===- ArgumentChecker.cpp - Arguments against a manifest -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentChecker.h"
#include "attn/Runtime/LaunchProgram.h"

using namespace attn;

static std::string shapeText(const TensorView &tensor) {
  if (tensor.rank <= 0 || !tensor.shape)
    return "[]";
  return formatShape({tensor.shape, tensor.shape + tensor.rank});
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

std::string ArgumentChecker::alignmentText(size_t argument) const {
  return "expected multiples of " +
         std::to_string(entry.arguments[argument].alignment) +
         " bytes; for others compile with a smaller alignment "
         "(--alignment)";
}

Status ArgumentChecker::checkMemory(size_t argument, const TensorView &tensor,
                                    bool withData) const {
  bool isOutput = entry.arguments[argument].isOutput;
  int64_t bytes = elementBytes(tensor.type);
  const int64_t alignment = entry.arguments[argument].alignment;
  // A stride of 0 lets a shape have more elements than its memory.  Sizes of 0
  // do not count, so that row-major strides fit as well.
  int64_t total = bytes, reach = 0, rowMajor = 1;
  bool isEmpty = false, isTooLarge = false, overflows = false;
  for (int64_t i = 0; i < tensor.rank; ++i) {
    isEmpty |= tensor.shape[i] == 0;
    isTooLarge |= tensor.shape[i] != 0 &&
                  __builtin_mul_overflow(total, tensor.shape[i], &total);
  }
  if (isTooLarge)
    return fail(argument, "the shape " + shapeText(tensor) +
                              " is too large: its bytes exceed 63 bits");
  if (isEmpty)
    return Status::success();
  for (int64_t i = tensor.rank; i-- > 0;) {
    int64_t size = tensor.shape[i], extent;
    int64_t stride = tensor.strides ? tensor.strides[i] : rowMajor;
    rowMajor *= size;
    if (size < 2)
      continue;
    if (i + 1 == tensor.rank && stride != 1)
      return fail(argument, "the innermost stride is " +
                                std::to_string(stride) +
                                ", expected 1 (contiguous)");
    // In 64 bits also where the product overflows: bytes are a power of two.
    if (i + 1 < tensor.rank && static_cast<uint64_t>(stride) *
                                   static_cast<uint64_t>(bytes) %
                                   static_cast<uint64_t>(alignment))
      return fail(argument, "the stride of dimension " + std::to_string(i) +
                                " is " + std::to_string(stride) +
                                " elements of " + std::to_string(bytes) +
                                " bytes, " + alignmentText(argument));
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
    return fail(argument, "the shape " + shapeText(tensor) + " with strides " +
                              formatShape({tensor.strides,
                                           tensor.strides + tensor.rank}) +
                              " spans more than 63 bits of bytes");
  if (!withData)
    return Status::success();
  if (!tensor.data)
    return fail(argument, "the data pointer is null, but the shape is " +
                              shapeText(tensor));
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (address % static_cast<uint64_t>(bytes))
    return fail(argument, std::string("the data pointer is not aligned to the "
                                      "elements of type ") +
                              elementTypeName(tensor.type) + " (" +
                              std::to_string(bytes) + " bytes)");
  if (address % static_cast<uint64_t>(alignment))
    return fail(argument,
                "the data pointer is " +
                    std::to_string(address % static_cast<uint64_t>(alignment)) +
                    " bytes behind a multiple of " + std::to_string(alignment) +
                    ", " + alignmentText(argument));
  return Status::success();
}

Status ArgumentChecker::checkTensor(size_t argument, const TensorView &tensor,
                                    bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  if (!described.isTensor)
    return fail(argument, "a tensor of shape " + shapeText(tensor) +
                              " was given, expected a scalar of type " +
                              elementTypeName(described.type));
  if (tensor.type != described.type)
    return fail(argument, std::string("the element type is ") +
                              elementTypeName(tensor.type) + ", expected " +
                              elementTypeName(described.type));
  if (tensor.rank != static_cast<int64_t>(described.shape.size()))
    return fail(argument, "the rank is " + std::to_string(tensor.rank) +
                              " (shape " + shapeText(tensor) + "), expected " +
                              std::to_string(described.shape.size()));
  if (tensor.rank > 0 && !tensor.shape)
    return fail(argument, "there is no shape");
  for (size_t i = 0; i < described.shape.size(); ++i) {
    int64_t size = tensor.shape[i];
    if (size < 0)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) + ", expected at least 0");
    int64_t expected = described.shape[i];
    if (expected != ManifestArgument::dynamic && expected != size)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) + ", expected " +
                                std::to_string(expected));
    if (entry.program && size > LaunchProgram::maxExtent)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) +
                                "; kernels of GPUs take at most " +
                                std::to_string(LaunchProgram::maxExtent) +
                                ": split the tensor into several calls");
  }
  return checkMemory(argument, tensor, withData);
}

Status ArgumentChecker::checkScalar(size_t argument, ElementType type) const {
  const ManifestArgument &described = entry.arguments[argument];
  if (!described.isTensor && type == described.type)
    return Status::success();
  return fail(argument, std::string("a scalar of type ") +
                            elementTypeName(type) + " was given, expected " +
                            (described.isTensor ? "a tensor of " : "") +
                            elementTypeName(described.type));
}

Status ArgumentChecker::checkDerived(const ManifestDerivedDim &derived,
                                     int64_t size, int64_t source) const {
  int64_t quotient = source / derived.divisor + (source % derived.divisor != 0);
  int64_t expected = quotient + derived.extra;
  if (size == expected || (derived.canBeOne && size == 1))
    return Status::success();
  std::string formula = entry.dimName(derived.source);
  if (derived.divisor != 1)
    formula += " / " + std::to_string(derived.divisor) + " rounded up";
  if (derived.extra != 0)
    formula += " + " + std::to_string(derived.extra);
  return fail(static_cast<size_t>(derived.dim.argument),
              "dimension " + std::to_string(derived.dim.dimension) + " is " +
                  std::to_string(size) + ", expected " +
                  (derived.canBeOne ? "1 or " : "") + std::to_string(expected) +
                  " (" + formula + ")");
}

Failure ArgumentChecker::failSize(ManifestDimRef ref, int64_t size,
                                  ManifestDimRef source,
                                  int64_t expected) const {
  size_t argument = static_cast<size_t>(ref.argument);
  std::string name = entry.dimName(source);
  return fail(argument,
              "dimension " + std::to_string(ref.dimension) + " is " +
                  std::to_string(size) + ", expected " +
                  std::to_string(expected) +
                  (entry.arguments[argument].isOutput ? " (" + name + ")"
                                                      : ", equal to " + name));
}
