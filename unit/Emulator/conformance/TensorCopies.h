//===- TensorCopies.h - What the cases of TMA share -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_TENSORCOPIES_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_TENSORCOPIES_H

#include "Case.h"

namespace attn::conformance {

using emulator::TensorMapType;
using Coordinates = std::vector<int>;

/// A tensor in global memory and the box that a copy moves. Dimension 0 is the
/// innermost.
struct Tensor {
  TensorMapType type = TensorMapType::u16;
  std::vector<uint32_t> dims, box;
  unsigned swizzle = 0; ///< bytes
  bool fillsNan = false;
  std::vector<uint32_t> elementStrides = {}; ///< empty: 1

  /// A tensor of a few KB and a smaller box, whose rows are as long as the
  /// swizzle (or 48 bytes).
  static Tensor sample(unsigned rank, TensorMapType type, unsigned swizzle);

  unsigned rank() const { return dims.size(); }
  unsigned elementBytes() const { return emulator::bytesOf(type); }
  Element element() const;
  /// Elements that a copy moves along a dimension.
  uint32_t extent(unsigned d) const;
  uint32_t step(unsigned d) const;
  uint32_t rows() const; ///< of the box: all but dimension 0
  uint32_t rowBytes() const { return extent(0) * elementBytes(); }
  uint32_t boxBytes() const { return rows() * rowBytes(); }

  /// Bytes from one element to the next; rows are padded to multiples of 16
  /// bytes and by 16 more.
  std::vector<uint64_t> strides() const;
  uint64_t bytes() const;
  TensorMapAt map(bool inOutput, uint64_t offset) const;

  /// Calls body(shared, isInside, global) for the elements of the box at some
  /// coordinates: offsets in bytes.
  void
  forEach(const Coordinates &at,
          const std::function<void(uint32_t, bool, uint64_t)> &body) const;

  /// Places inside, across each edge, and outside of the tensor.
  std::vector<Coordinates> places() const;
  /// "2d.sw128.bf16"
  std::string name() const;
};

/// Elements whose values depend on where they are.
std::string elementsFor(TensorMapType type, size_t bytes, uint64_t seed);

/// "{%c0, %c1}" for the rank.
std::string coordinateList(unsigned rank);
/// Loads %c0 ... from the numbers at [%at].
std::string coordinateLoads(unsigned rank);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_TENSORCOPIES_H
