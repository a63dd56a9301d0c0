//===- NpyConvert.cpp - Element types of .npy files -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Guard.h"
#include "NpyTypes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace attn;

// f16 is the compiler's own type: conversions, to and from double too, round
// once, to nearest even.
using Half = _Float16;

const char *attn::npyTypeName(NpyType type) {
  switch (type) {
  case NpyType::b1:
    return "b1";
  case NpyType::i1:
    return "i1";
  case NpyType::u1:
    return "u1";
  case NpyType::i2:
    return "i2";
  case NpyType::u2:
    return "u2";
  case NpyType::i4:
    return "i4";
  case NpyType::u4:
    return "u4";
  case NpyType::i8:
    return "i8";
  case NpyType::f2:
    return "f2";
  case NpyType::f4:
    return "f4";
  case NpyType::f8:
    return "f8";
  }
  return "";
}

int64_t attn::npyTypeBytes(NpyType type) { return npyTypeName(type)[1] - '0'; }

NpyType attn::npyTypeOf(ElementType type) {
  switch (type) {
  case ElementType::f32:
  case ElementType::f16:
  case ElementType::bf16:
    return NpyType::f4;
  case ElementType::f64:
    return NpyType::f8;
  case ElementType::i32:
    return NpyType::i4;
  case ElementType::i64:
  case ElementType::index:
    return NpyType::i8;
  case ElementType::i8:
    return NpyType::i1;
  case ElementType::i1:
    return NpyType::b1;
  }
  return NpyType::f4;
}

template <typename T>
static T load(const void *source) {
  T value;
  std::memcpy(&value, source, sizeof(value));
  return value;
}

template <typename T>
static void store(unsigned char *target, T value) {
  std::memcpy(target, &value, sizeof(value));
}

void attn::storeAsNpy(const void *data, ElementType type,
                      unsigned char *target) {
  if (type == ElementType::f16)
    return store(target, static_cast<float>(load<Half>(data)));
  // A bf16 is the upper half of the f32 of the same value.
  if (type == ElementType::bf16)
    return store(target, static_cast<uint32_t>(load<uint16_t>(data)) << 16);
  std::memcpy(target, data, static_cast<size_t>(elementBytes(type)));
}

/// An f64 or i64 holds every value of every .npy type: nothing is rounded
/// before the conversion to the element type.
template <typename Visitor>
static bool visitElement(const unsigned char *source, NpyType type,
                         Visitor &&visit) {
  switch (type) {
  case NpyType::b1:
    return visit(int64_t(*source != 0));
  case NpyType::i1:
    return visit(int64_t(load<int8_t>(source)));
  case NpyType::u1:
    return visit(int64_t(*source));
  case NpyType::i2:
    return visit(int64_t(load<int16_t>(source)));
  case NpyType::u2:
    return visit(int64_t(load<uint16_t>(source)));
  case NpyType::i4:
    return visit(int64_t(load<int32_t>(source)));
  case NpyType::u4:
    return visit(int64_t(load<uint32_t>(source)));
  case NpyType::i8:
    return visit(load<int64_t>(source));
  case NpyType::f2:
    return visit(double(load<Half>(source)));
  case NpyType::f4:
    return visit(double(load<float>(source)));
  case NpyType::f8:
    return visit(load<double>(source));
  }
  return false;
}

/// Rounds to nearest even.  `exact` is the value of which `rounded` is the
/// nearest f32: where they differ, `rounded` is first moved to the neighbour
/// with an odd last bit ("round to odd"), so that the second rounding decides
/// as if it were the only one.
template <typename T>
static uint16_t roundToBf16(T exact) {
  float rounded = static_cast<float>(exact);
  uint32_t bits = load<uint32_t>(&rounded);
  if (std::isnan(rounded))
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  if (std::isinf(rounded))
    return static_cast<uint16_t>(bits >> 16);
  // Both sides are exact in this type: an i64 has 64 bits, a double 53.
  long double error =
      static_cast<long double>(exact) - static_cast<long double>(rounded);
  if (error != 0 && (bits & 1) == 0) {
    bool isFartherFromZero = (error > 0) == (std::signbit(rounded) == 0);
    bits += isFartherFromZero ? 1 : -1;
  }
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

template <typename Integer>
static bool storeInteger(int64_t value, unsigned char *target) {
  if (value < std::numeric_limits<Integer>::min() ||
      value > std::numeric_limits<Integer>::max())
    return false;
  store(target, static_cast<Integer>(value));
  return true;
}

/// False if the value does not fit.
template <typename T>
static bool storeElement(T value, ElementType type, unsigned char *target) {
  switch (type) {
  case ElementType::f32:
    store(target, static_cast<float>(value));
    return true;
  case ElementType::f64:
    store(target, static_cast<double>(value));
    return true;
  case ElementType::f16:
    // Through double, which is exact wherever the result is finite.
    store(target, static_cast<Half>(static_cast<double>(value)));
    return true;
  case ElementType::bf16:
    store(target, roundToBf16(value));
    return true;
  case ElementType::i1:
    store(target, static_cast<uint8_t>(value != 0));
    return true;
  case ElementType::i8:
  case ElementType::i32:
  case ElementType::i64:
  case ElementType::index:
    break;
  }
  int64_t integer;
  if constexpr (std::is_floating_point_v<T>) {
    // Written so that NaN fails. 2^63 is the first value beyond the range.
    value = std::nearbyint(value);
    if (!(value >= -0x1p63 && value < 0x1p63))
      return false;
    integer = static_cast<int64_t>(value);
  } else {
    integer = value;
  }
  if (type == ElementType::i8)
    return storeInteger<int8_t>(integer, target);
  if (type == ElementType::i32)
    return storeInteger<int32_t>(integer, target);
  return storeInteger<int64_t>(integer, target);
}

Tensor OwnedTensor::view() { return Tensor(bytes.data(), type, shape); }

Result<OwnedTensor> attn::convertTo(const NpyArray &array, ElementType type) {
  return guarded([&]() -> Result<OwnedTensor> {
    int64_t sourceSize = npyTypeBytes(array.type);
    int64_t targetSize = elementBytes(type);
    auto count = elementCount(array.shape, std::max(sourceSize, targetSize));
    if (!count)
      return count.takeFailure();
    if (array.bytes.size() != static_cast<size_t>(*count * sourceSize))
      return failure("the array has " + std::to_string(array.bytes.size()) +
                     " bytes, expected " + std::to_string(*count * sourceSize) +
                     " for shape " + formatShape(array.shape) + " of " +
                     npyTypeName(array.type));
    OwnedTensor tensor;
    tensor.type = type;
    tensor.shape = array.shape;
    tensor.bytes.resize(static_cast<size_t>(*count * targetSize));
    const unsigned char *source = array.bytes.data();
    unsigned char *target = tensor.bytes.data();
    std::string shown;
    for (int64_t i = 0; i < *count;
         ++i, source += sourceSize, target += targetSize) {
      bool fits = visitElement(source, array.type, [&](auto value) {
        bool stored = storeElement(value, type, target);
        if (!stored)
          shown = std::to_string(value);
        return stored;
      });
      if (!fits)
        return failure("element " + std::to_string(i) + " is " + shown +
                       ", which does not fit in " + elementTypeName(type));
    }
    return tensor;
  });
}

Result<Scalar> attn::convertToScalar(const NpyArray &array, ElementType type) {
  return guarded([&]() -> Result<Scalar> {
    if (type == ElementType::f16 || type == ElementType::bf16 ||
        type == ElementType::i8)
      return failure(std::string("there are no scalars of type ") +
                     elementTypeName(type) +
                     "; allowed are f32, f64, i32, i64, index and i1");
    if (!array.shape.empty())
      return failure("expected a 0-d array for a scalar, found shape " +
                     formatShape(array.shape));
    auto tensor = convertTo(array, type);
    if (!tensor)
      return tensor.takeFailure();
    Scalar scalar;
    scalar.type = type;
    std::memcpy(scalar.bytes, tensor->bytes.data(), tensor->bytes.size());
    return scalar;
  });
}
