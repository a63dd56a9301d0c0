//===- TensorMap.h - What TMA is told about a tensor ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bulk tensor copies (cp.async.bulk.tensor) take a tensor map: 128 bytes that
// describe a tensor in global memory and the box that one copy moves.  Their
// contents are the driver's secret, so the emulator has its own; what may be
// described, and the numbers of the enumerators, are those of
// cuTensorMapEncodeTiled in cuda.h of CUDA 13.0.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_TENSORMAP_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_TENSORMAP_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <string_view>

namespace attn::emulator {

/// CUtensorMapDataType.  Its packed types of 4 and 6 bits are not supported.
enum class TensorMapType : uint32_t {
  u8,
  u16,
  u32,
  s32,
  u64,
  s64,
  f16,
  f32,
  f64,
  bf16,
  f32Ftz,  ///< f32, subnormal numbers become 0
  tf32,    ///< f32, rounded to tf32
  tf32Ftz, ///< both
};

/// Bytes of an element in memory; 0 for types that are not supported.
uint32_t bytesOf(TensorMapType type);
bool isFloat(TensorMapType type);
/// "u8", "bf16", "f32_ftz" ...
const char *nameOf(TensorMapType type);

/// The type called "u8", "bf16", "f32_ftz", ...; the error lists the names.
Result<TensorMapType> tensorMapTypeCalled(std::string_view name);

/// CUtensorMapInterleave: layouts such as NC/8HWC8 and NC/16HWC16.
enum class TensorMapInterleave : uint32_t { none, of16Bytes, of32Bytes };

/// CUtensorMapSwizzle: chunks of 16 bytes change places within so many bytes of
/// shared memory.
enum class TensorMapSwizzle : uint32_t {
  none,
  of32Bytes,
  of64Bytes,
  of128Bytes
};

/// Bytes in which chunks change places; 0 for none.
inline uint32_t bytesOf(TensorMapSwizzle swizzle) {
  return swizzle == TensorMapSwizzle::none
             ? 0
             : 16u << static_cast<uint32_t>(swizzle);
}

/// CUtensorMapL2promotion: how much the L2 cache fetches at once.
enum class TensorMapL2Promotion : uint32_t {
  none,
  to64Bytes,
  to128Bytes,
  to256Bytes
};

/// CUtensorMapFloatOOBfill: what elements outside of the tensor read as.
enum class TensorMapFill : uint32_t { zero, nan };

/// A tensor and the box of one copy.  Dimension 0 is the innermost, whose
/// elements are neighbours.  What lies beyond `rank` is ignored.
struct TensorMapDescription {
  static constexpr uint32_t maxRank = 5;

  TensorMapType type = TensorMapType::u8;
  uint32_t rank = 0;
  void *base = nullptr;
  /// Elements: 1 to 2^32.
  uint64_t dims[maxRank] = {};
  /// Bytes from one element to the next in dimensions 1 and up: multiples of
  /// 16 (of 32 if interleaved by 32 bytes), less than 2^40.
  uint64_t strides[maxRank - 1] = {};
  /// Elements of the tensor that the box spans: 1 to 256.
  uint32_t box[maxRank] = {};
  /// The box takes each n-th element: 1 to 8.  That of dimension 0 counts only
  /// in interleaved layouts.
  uint32_t elementStrides[maxRank] = {1, 1, 1, 1, 1};
  TensorMapInterleave interleave = TensorMapInterleave::none;
  TensorMapSwizzle swizzle = TensorMapSwizzle::none;
  TensorMapL2Promotion l2Promotion = TensorMapL2Promotion::none;
  TensorMapFill fill = TensorMapFill::zero;

  /// The step in a dimension, as it counts.
  uint32_t step(uint32_t dimension) const {
    bool counts = dimension != 0 || interleave != TensorMapInterleave::none;
    return counts ? elementStrides[dimension] : 1;
  }
  /// Elements that a copy moves along a dimension.
  uint32_t boxExtent(uint32_t dimension) const {
    uint32_t n = step(dimension);
    return (box[dimension] + n - 1) / n;
  }
  /// Bytes of the box in shared memory; what a copy adds to the transaction
  /// count, also where the box reaches beyond the tensor.
  uint64_t boxBytes() const {
    uint64_t bytes = bytesOf(type);
    for (uint32_t i = 0; i < rank; ++i)
      bytes *= boxExtent(i);
    return bytes;
  }
};

/// A tensor map, as kernels get it: by value in a `__grid_constant__`
/// parameter, or in global memory.
struct alignas(64) TensorMapBits {
  uint64_t words[16];
};

/// Who is to understand a tensor map.
enum class TensorMapReader { emulator, cuda };

/// Makes a tensor map.  All rules of the driver are checked first; the error
/// says what was given and what is allowed.  For TensorMapReader::cuda the
/// driver encodes it; without one that is an error.
Result<TensorMapBits>
encodeTiled(const TensorMapDescription &description,
            TensorMapReader reader = TensorMapReader::emulator);

/// Reads a tensor map that was made for the emulator.  Any 128 bytes may be
/// given; the error says that they are none, or that they were changed.
Result<TensorMapDescription> decodeTiled(const TensorMapBits &bits);

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_TENSORMAP_H
