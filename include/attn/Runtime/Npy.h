//===- Npy.h - NumPy's .npy files -------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes the .npy format, versions 1.0, 2.0 and 3.0:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
// Arrays are in C order and little-endian.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_NPY_H
#define ATTN_RUNTIME_NPY_H

#include "attn/Runtime/Tensor.h"

#include <string>
#include <vector>

namespace attn {

/// Element types of .npy files, by NumPy's names.
enum class NpyType { b1, i1, u1, i2, u2, i4, u4, i8, f2, f4, f8 };

/// "f4" and so on.
const char *npyTypeName(NpyType type);
/// Bytes of one element.
int64_t npyTypeBytes(NpyType type);

/// A whole .npy file in memory.
struct NpyArray {
  NpyType type = NpyType::f4;
  /// Empty for a scalar (a 0-d array).
  std::vector<int64_t> shape;
  /// Row major; as many bytes as shape and type demand.
  std::vector<unsigned char> bytes;
};

/// Memory that belongs to the array: what an entry's argument can refer to.
struct OwnedTensor {
  ElementType type = ElementType::f32;
  std::vector<int64_t> shape;
  /// Row major; 64 bytes aligned storage is not promised.
  std::vector<unsigned char> bytes;

  /// A view, valid as long as `bytes` is neither resized nor destroyed.
  Tensor view();
};

/// Reads a file.  Errors name the file, what is wrong, and what is allowed.
Result<NpyArray> loadNpy(const std::string &path);

/// Converts to an element type.  Floating-point results are rounded once, to
/// nearest, ties to even, and overflow to infinity; integer results are rounded
/// likewise and it is an error if a value does not fit or is NaN; for i1 all
/// but zero is true.
Result<OwnedTensor> convertTo(const NpyArray &array, ElementType type);

/// The scalar in a 0-d array, converted by the same rules; an error if the
/// array is not 0-d or `type` is not a scalar's type.
Result<Scalar> convertToScalar(const NpyArray &array, ElementType type);

/// Writes a tensor of any strides in C order.  f16 and bf16 are written as f4,
/// index as i8, i8 as i1, i1 as b1.
Status saveNpy(const std::string &path, const Tensor &tensor);

/// Writes an array as it is.
Status saveNpy(const std::string &path, const NpyArray &array);

} // namespace attn

#endif // ATTN_RUNTIME_NPY_H
