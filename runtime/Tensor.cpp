//===- Tensor.cpp - Strided tensors of the runtime ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Tensor.h"

#include <cstring>

using namespace attn;

namespace {
struct TypeInfo {
  ElementType type;
  const char *name;
  int64_t bytes;
};
constexpr TypeInfo typeInfos[] = {
    {ElementType::f32, "f32", 4},     {ElementType::f16, "f16", 2},
    {ElementType::bf16, "bf16", 2},   {ElementType::f64, "f64", 8},
    {ElementType::i32, "i32", 4},     {ElementType::i64, "i64", 8},
    {ElementType::index, "index", 8}, {ElementType::i8, "i8", 1},
    {ElementType::i1, "i1", 1},
};

const TypeInfo &typeInfo(ElementType type) {
  const TypeInfo &info = typeInfos[static_cast<size_t>(type)];
  assert(info.type == type && "the table is in the order of the enum");
  return info;
}

template <typename T>
Scalar makeScalar(ElementType type, T value) {
  Scalar scalar;
  scalar.type = type;
  std::memcpy(scalar.bytes, &value, sizeof(value));
  return scalar;
}
} // namespace

int64_t attn::elementBytes(ElementType type) { return typeInfo(type).bytes; }

const char *attn::elementTypeName(ElementType type) {
  return typeInfo(type).name;
}

Result<ElementType> attn::parseElementType(std::string_view name) {
  std::string allowed;
  for (const TypeInfo &info : typeInfos) {
    if (name == info.name)
      return info.type;
    allowed += (allowed.empty() ? "" : ", ") + std::string(info.name);
  }
  return failure("'" + std::string(name) +
                 "' is not an element type; allowed are " + allowed);
}

std::string attn::formatShape(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Result<int64_t> attn::elementCount(const std::vector<int64_t> &shape,
                                   int64_t bytesPerElement) {
  // An empty tensor is fine whatever its other sizes are, but strides are
  // computed from them, so that their product must fit all the same.
  int64_t count = 1, product = bytesPerElement;
  for (int64_t size : shape) {
    if (size < 0)
      return failure("the shape " + formatShape(shape) +
                     " has a negative size");
    count *= size == 0 ? 0 : 1;
    if (size != 0 && __builtin_mul_overflow(product, size, &product))
      return failure("the shape " + formatShape(shape) +
                     " is too large: its bytes exceed 63 bits");
  }
  return count == 0 ? 0 : product / bytesPerElement;
}

std::vector<int64_t> attn::rowMajorStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * (shape[i] > 0 ? shape[i] : 1);
  return strides;
}

Tensor::Tensor(void *data, ElementType type, std::vector<int64_t> shape)
    : data(data), type(type), shape(std::move(shape)) {
  // A shape that elementCount refuses has no strides; bind reports it.
  if (elementCount(this->shape))
    strides = rowMajorStrides(this->shape);
}

Scalar Scalar::f32(float value) { return makeScalar(ElementType::f32, value); }
Scalar Scalar::f64(double value) { return makeScalar(ElementType::f64, value); }
Scalar Scalar::i32(int32_t value) {
  return makeScalar(ElementType::i32, value);
}
Scalar Scalar::i64(int64_t value) {
  return makeScalar(ElementType::i64, value);
}
Scalar Scalar::index(int64_t value) {
  return makeScalar(ElementType::index, value);
}
Scalar Scalar::i1(bool value) {
  return makeScalar(ElementType::i1, static_cast<uint8_t>(value));
}
