//===- WgmmaProduct.h - Products of a warpgroup -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What wgmma.mma_async computes: D = A * B + D with a 64xK tile A in registers
// or in shared memory, a KxN tile B in shared memory and D in registers (PTX
// ISA, "Asynchronous Warpgroup Level Matrix Instructions").
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_WGMMAPRODUCT_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_WGMMAPRODUCT_H

#include "Swizzle.h"

#include <cstdint>
#include <string>

namespace attn::emulator {

/// Element types of the operands.
enum class MatrixType : uint8_t { f16, bf16, tf32, e4m3, e5m2, s8, u8 };
inline unsigned bytesOf(MatrixType type) {
  return type <= MatrixType::bf16 ? 2 : type == MatrixType::tf32 ? 4 : 1;
}
/// Of D.
enum class SumType : uint8_t { f32, f16, s32 };

/// What the spelling and the immediates of a wgmma say.
struct WgmmaKind {
  uint16_t columns = 8; ///< N
  MatrixType a = MatrixType::f16, b = MatrixType::f16;
  SumType sum = SumType::f32;
  bool transposesA = false, transposesB = false; ///< MN-major
  bool negates = false;                          ///< scale-a * scale-b is -1
  bool saturates = false;
  bool takesRegistersA = false;
  bool negatesScaleD = false; ///< the predicate is !p

  /// K: 32 bytes of an operand.
  unsigned depth() const { return 32 / bytesOf(b); }
  /// Registers of D in a thread.
  unsigned sumRegisters() const {
    return sum == SumType::f16 ? columns / 4 : columns / 2;
  }

  uint64_t pack() const;
  static WgmmaKind unpack(uint64_t bits);
};

/// A matrix descriptor of sm_90.
struct MatrixDescriptor {
  uint32_t address = 0;      ///< of shared memory
  uint32_t leadingBytes = 0; ///< LBO
  uint32_t strideBytes = 0;  ///< SBO
  uint32_t rowBytes = 0;     ///< 128, 64 or 32 with that swizzle; 0 for none

  /// Reads a descriptor for an operand of `extent` rows (M or N) that is
  /// K-major or (`isTransposed`) MN-major. What breaks a rule, or empty.
  static std::string read(uint64_t bits, bool isTransposed, uint32_t extent,
                          MatrixDescriptor &into);

  /// The address of 16 bytes of the operand: in K-major layout the elements of
  /// row `mn` from byte 16 * `chunk` of K on; in MN-major layout those of
  /// position `k` from byte 16 * `chunk` of M or N on.
  uint32_t kMajor(uint32_t mn, uint32_t chunk) const;
  uint32_t mnMajor(uint32_t k, uint32_t chunk) const;

  /// Calls function(address, count) for the bytes of an operand of `extent`
  /// rows and 32 bytes along K, until one returns false.
  template <typename Function>
  bool forEachPiece(uint32_t extent, bool isTransposed,
                    Function function) const;
};

/// Operands as the product wants them, for each k: a row of A four times, since
/// a row of a fragment has four lanes; a fragment's columns of B twice.
struct WgmmaOperands {
  static constexpr unsigned maxDepth = 32, maxColumns = 256, rows = 64;
  // Of 4 bytes: f32, or s32 for the integer types.
  alignas(64) uint32_t a[maxDepth][rows * 4];
  alignas(64) uint32_t b[maxDepth][maxColumns * 2];

  /// From shared memory; `memory` is the byte at address 0.
  void loadA(const WgmmaKind &kind, const MatrixDescriptor &descriptor,
             const uint8_t *memory);
  void loadB(const WgmmaKind &kind, const MatrixDescriptor &descriptor,
             const uint8_t *memory);
  /// From the fragments of four warps: 4 registers of 32 lanes each.
  void loadA(const WgmmaKind &kind, const uint32_t (*fragments)[4][32]);
};

/// D = A * B + (accumulates ? D : 0). `sums[w * sumRegisters + r]` is the row
/// of register r in warp w. Products are exact; they are added in the order of
/// k, each with one rounding to f32 (or to 32 bits), and to f16 at the end.
void multiply(const WgmmaKind &kind, const WgmmaOperands &operands,
              bool accumulates, uint32_t *const *sums);

//===----------------------------------------------------------------------===//
// Inline functions
//===----------------------------------------------------------------------===//

inline uint32_t MatrixDescriptor::kMajor(uint32_t mn, uint32_t chunk) const {
  uint32_t group = address + mn / 8 * strideBytes;
  return rowBytes
             ? swizzled(group + mn % 8 * rowBytes + chunk * 16, rowBytes - 16)
             : group + mn % 8 * 16 + chunk * leadingBytes;
}

inline uint32_t MatrixDescriptor::mnMajor(uint32_t k, uint32_t chunk) const {
  if (!rowBytes)
    return address + chunk * strideBytes + k / 8 * leadingBytes + k % 8 * 16;
  const uint32_t perRow = rowBytes / 16;
  return swizzled(address + chunk / perRow * leadingBytes +
                      chunk % perRow * 16 + k / 8 * strideBytes +
                      k % 8 * rowBytes,
                  rowBytes - 16);
}

template <typename Function>
bool MatrixDescriptor::forEachPiece(uint32_t extent, bool isTransposed,
                                    Function function) const {
  // Neighbours, in either order.
  auto pair = [&](uint32_t first, uint32_t second) {
    return (first ^ second) == 16
               ? function(first & ~31u, 32u)
               : function(first, 16u) && function(second, 16u);
  };
  if (!isTransposed) {
    for (uint32_t mn = 0; mn < extent; ++mn)
      if (!pair(kMajor(mn, 0), kMajor(mn, 1)))
        return false;
    return true;
  }
  // Only types of 16 bits: 8 elements in a chunk, 16 positions along K.
  for (uint32_t k = 0; k < 16; ++k)
    for (uint32_t chunk = 0; chunk < extent / 8; chunk += 2)
      if (chunk + 1 == extent / 8
              ? !function(mnMajor(k, chunk), 16u)
              : !pair(mnMajor(k, chunk), mnMajor(k, chunk + 1)))
        return false;
  return true;
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_WGMMAPRODUCT_H
