//===- Layouts.h - Where the elements of matrices lie -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables and figures of the PTX ISA, as functions: fragments of mma.sync
// and wgmma, swizzles, and the layouts of wgmma's matrices in shared memory.
// Written without the emulator's code, which is held against them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_LAYOUTS_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_LAYOUTS_H

#include "Numbers.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn::conformance {

struct Place {
  unsigned row, column;
};

// Fragments of mma.sync, "Matrix fragments for mma.m16n8k16" and others: lane
// 4g + t, register r, and element e of the `perRegister` that a register of 32
// bits holds (1 for f64, which has registers of 64 bits).

/// A, rows x K: registers go first to the lower half of 16 rows, then on in K.
Place placeOfA(unsigned lane, unsigned r, unsigned e, unsigned perRegister,
               unsigned rows);
/// B, K x 8.
Place placeOfB(unsigned lane, unsigned r, unsigned e, unsigned perRegister);
/// C and D, rows x 8: element i of a lane.
Place placeOfC(unsigned lane, unsigned i);
/// D of wgmma, 64 x N: element i of a thread of the warpgroup.
Place placeOfD(unsigned thread, unsigned i);

/// A matrix of numbers.
struct Matrix {
  unsigned rows, columns;
  Element element;
  std::vector<uint64_t> bits;

  Matrix(unsigned rows, unsigned columns, Element element)
      : rows(rows), columns(columns), element(element),
        bits(size_t(rows) * columns) {}
  uint64_t &at(unsigned row, unsigned column) {
    return bits[size_t(row) * columns + column];
  }
  uint64_t at(unsigned row, unsigned column) const {
    return bits[size_t(row) * columns + column];
  }
  Wide value(unsigned row, unsigned column) const {
    return decode(element, at(row, column));
  }
};

/// Bits of an integer in a type.
uint64_t ofInteger(Element element, int value);

/// The shared-memory address that a swizzle of 32, 64 or 128 bytes (0: none)
/// makes of another: 16-byte chunks change places.
uint32_t swizzled(uint32_t address, unsigned swizzle);

/// Where wgmma looks for element (mn, k) of an operand: bytes from the start of
/// the matrix, before the swizzle. `elementBytes` is 1, 2 or 4; the offsets are
/// in bytes, as the descriptor has them times 16.
struct SharedLayout {
  bool isMnMajor = false;
  unsigned swizzle = 0; ///< bytes
  uint32_t leadingOffset = 0, strideOffset = 0;

  uint32_t offsetOf(unsigned mn, unsigned k, unsigned elementBytes) const;
};

/// A descriptor of wgmma without its address: offsets and swizzle.
uint64_t descriptorOf(const SharedLayout &layout);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_LAYOUTS_H
