//===- Tensor.h - Strided tensors of the runtime ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element types, non-owning strided tensors and scalars: what a caller hands to
// a compiled entry.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_TENSOR_H
#define ATTN_RUNTIME_TENSOR_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace attn {

/// Element types of tensors and scalars.  An `index` is a signed 64-bit
/// integer; an `i1` occupies one byte that holds 0 or 1.
enum class ElementType { f32, f16, bf16, f64, i32, i64, index, i8, i1 };

/// Bytes of one element.
int64_t elementBytes(ElementType type);
/// The spelling in IR and manifests, such as "bf16".
const char *elementTypeName(ElementType type);
/// The inverse of elementTypeName; the error lists what is allowed.
Result<ElementType> parseElementType(std::string_view name);

/// "[2, 32, 1024, 128]".
std::string formatShape(const std::vector<int64_t> &shape);
/// Number of elements; an error for a negative size or if the number, or the
/// bytes for elements of `bytesPerElement`, exceed 63 bits.
Result<int64_t> elementCount(const std::vector<int64_t> &shape,
                             int64_t bytesPerElement = 1);
/// Row-major strides in elements of a shape that elementCount accepts.
std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &shape);

/// A view of memory that belongs to the caller.  Strides count elements.  A
/// tensor that describes its memory falsely cannot be detected.
struct Tensor {
  void *data = nullptr;
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;

  Tensor() = default;
  Tensor(void *data, ElementType type, std::vector<int64_t> shape,
         std::vector<int64_t> strides)
      : data(data), type(type), shape(std::move(shape)),
        strides(std::move(strides)) {}
  /// Contiguous, row major.
  Tensor(void *data, ElementType type, std::vector<int64_t> shape);

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
};

/// A run-time scalar of type f32, f64, i32, i64, index or i1.
struct Scalar {
  ElementType type = ElementType::index;
  /// The value as the payload reads it (little-endian, zero-padded).
  alignas(8) unsigned char bytes[8] = {};

  static Scalar f32(float value);
  static Scalar f64(double value);
  static Scalar i32(int32_t value);
  static Scalar i64(int64_t value);
  static Scalar index(int64_t value);
  static Scalar i1(bool value);
};

/// What a caller gives for one argument of an entry.
using Argument = std::variant<Tensor, Scalar>;

/// A tensor as a caller holds it who wants no allocations: the arrays belong to
/// the caller.
struct TensorView {
  void *data = nullptr;
  ElementType type = ElementType::f32;
  int64_t rank = 0;
  /// `rank` sizes.
  const int64_t *shape = nullptr;
  /// `rank` strides in elements; null means contiguous, row major.
  const int64_t *strides = nullptr;
};

/// An argument in the same manner.
struct ArgumentView {
  bool isTensor = false;
  TensorView tensor;
  Scalar scalar;
};

} // namespace attn

#endif // ATTN_RUNTIME_TENSOR_H
