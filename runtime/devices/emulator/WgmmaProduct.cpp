//===- WgmmaProduct.cpp - Products of a warpgroup -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row of 32 lanes of D holds 8 rows and 4 columns of the product: lane l of
// register 4j + 2h + e in warp w is row 16w + 8h + l / 4 and column
// 8j + 2 (l % 4) + e. The product works on these rows as they are: 8 lanes are
// two rows of A and four columns of B, which `WgmmaOperands` holds in the same
// order.
//
//===----------------------------------------------------------------------===//

#include "WgmmaProduct.h"

#include "instructions/Elements.h"

#include <cstring>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#endif

using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// Kinds and descriptors
//===----------------------------------------------------------------------===//

uint64_t WgmmaKind::pack() const {
  return columns | uint64_t(a) << 16 | uint64_t(b) << 20 | uint64_t(sum) << 24 |
         uint64_t(transposesA) << 32 | uint64_t(transposesB) << 33 |
         uint64_t(negates) << 34 | uint64_t(saturates) << 35 |
         uint64_t(takesRegistersA) << 36 | uint64_t(negatesScaleD) << 37;
}

WgmmaKind WgmmaKind::unpack(uint64_t bits) {
  WgmmaKind kind;
  kind.columns = static_cast<uint16_t>(bits);
  kind.a = static_cast<MatrixType>(bits >> 16 & 15);
  kind.b = static_cast<MatrixType>(bits >> 20 & 15);
  kind.sum = static_cast<SumType>(bits >> 24 & 15);
  kind.transposesA = bits >> 32 & 1;
  kind.transposesB = bits >> 33 & 1;
  kind.negates = bits >> 34 & 1;
  kind.saturates = bits >> 35 & 1;
  kind.takesRegistersA = bits >> 36 & 1;
  kind.negatesScaleD = bits >> 37 & 1;
  return kind;
}

std::string MatrixDescriptor::read(uint64_t bits, bool isTransposed,
                                   uint32_t extent, MatrixDescriptor &into) {
  static constexpr uint32_t rowBytesOf[] = {0, 128, 64, 32};
  static constexpr uint64_t reserved =
      ~(uint64_t(0x3fff) | uint64_t(0x3fff) << 16 | uint64_t(0x3fff) << 32 |
        uint64_t(7) << 49 | uint64_t(3) << 62);
  into.address = static_cast<uint32_t>(bits & 0x3fff) << 4;
  into.leadingBytes = static_cast<uint32_t>(bits >> 16 & 0x3fff) << 4;
  into.strideBytes = static_cast<uint32_t>(bits >> 32 & 0x3fff) << 4;
  into.rowBytes = rowBytesOf[bits >> 62];
  if (bits & reserved)
    return "has bits that must be zero: of 14, 15, 30, 31, 46 to 48 and 52 to "
           "61 (sm_90)";
  if (bits >> 49 & 7)
    return "has the base offset " + std::to_string(bits >> 49 & 7) +
           "; tiles whose swizzle pattern does not begin at a multiple of its "
           "size are not emulated";
  if (!into.rowBytes)
    return {};
  const uint32_t atom = 8 * into.rowBytes;
  auto must = [&](const char *what, uint32_t given) {
    return std::string("swizzles ") + std::to_string(into.rowBytes) +
           " bytes and has the " + what + " " + std::to_string(given) +
           "; it must be a multiple of " + std::to_string(atom);
  };
  // Within the first row of the pattern a tile may begin anywhere.
  if (into.address % atom >= into.rowBytes)
    return must("address", into.address) + " or lie in the first " +
           std::to_string(into.rowBytes) + " bytes after one";
  // An offset that leads nowhere may be anything.
  if (into.strideBytes % atom && (isTransposed || extent > 8))
    return must("stride byte offset", into.strideBytes);
  if (isTransposed && into.leadingBytes % atom && extent > into.rowBytes / 2)
    return must("leading byte offset", into.leadingBytes);
  return {};
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

template <MatrixType type>
struct ElementOf;
template <>
struct ElementOf<MatrixType::f16> : ElementF16 {};
template <>
struct ElementOf<MatrixType::bf16> : ElementBF16 {};
template <>
struct ElementOf<MatrixType::tf32> : ElementTF32 {};
template <>
struct ElementOf<MatrixType::e4m3> : ElementE4M3 {};
template <>
struct ElementOf<MatrixType::e5m2> : ElementE5M2 {};
template <>
struct ElementOf<MatrixType::s8> : ElementS8 {};
template <>
struct ElementOf<MatrixType::u8> : ElementU8 {};

/// In 16 bytes.
template <MatrixType type>
static constexpr unsigned perChunk =
    16 / sizeof(typename ElementOf<type>::Stored);

/// 16 bytes as numbers of 4 bytes.
template <MatrixType type>
static void convertChunk(const uint8_t *bytes, uint32_t *values) {
  using Element = ElementOf<type>;
  typename Element::Stored stored[perChunk<type>];
  std::memcpy(stored, bytes, 16);
  for (unsigned n = 0; n < perChunk<type>; ++n)
    values[n] = bitCast<uint32_t>(Element::convert(stored[n]));
}

/// Calls function(TypeTag) with the type as a constant.
template <typename Function>
static void withMatrixType(MatrixType type, Function function) {
  switch (type) {
#define CASE(name)                                                             \
  case MatrixType::name:                                                       \
    return function(std::integral_constant<MatrixType, MatrixType::name>());
    CASE(f16)
    CASE(bf16)
    CASE(tf32)
    CASE(e4m3)
    CASE(e5m2)
    CASE(s8)
    CASE(u8)
#undef CASE
  }
}

/// Calls put(mn, k, value) for all elements of an operand.
template <MatrixType type, typename Put>
static void forEachElement(const MatrixDescriptor &descriptor,
                           bool isTransposed, unsigned extent,
                           const uint8_t *memory, Put put) {
  constexpr unsigned count = perChunk<type>;
  uint32_t values[count];
  if (!isTransposed) {
    for (unsigned mn = 0; mn < extent; ++mn)
      for (unsigned chunk = 0; chunk < 2; ++chunk) {
        convertChunk<type>(memory + descriptor.kMajor(mn, chunk), values);
        for (unsigned n = 0; n < count; ++n)
          put(mn, chunk * count + n, values[n]);
      }
    return;
  }
  for (unsigned k = 0; k < 2 * count; ++k)
    for (unsigned chunk = 0; chunk < extent / count; ++chunk) {
      convertChunk<type>(memory + descriptor.mnMajor(k, chunk), values);
      for (unsigned n = 0; n < count; ++n)
        put(chunk * count + n, k, values[n]);
    }
}

void WgmmaOperands::loadA(const WgmmaKind &kind,
                          const MatrixDescriptor &descriptor,
                          const uint8_t *memory) {
  const uint32_t sign = kind.negates ? 0x80000000 : 0;
  withMatrixType(kind.a, [&](auto type) {
    forEachElement<type.value>(descriptor, kind.transposesA, rows, memory,
                               [&](unsigned m, unsigned k, uint32_t value) {
                                 for (unsigned c = 0; c < 4; ++c)
                                   a[k][m * 4 + c] = value ^ sign;
                               });
  });
}

void WgmmaOperands::loadA(const WgmmaKind &kind,
                          const uint32_t (*fragments)[4][32]) {
  const uint32_t sign = kind.negates ? 0x80000000 : 0;
  withMatrixType(kind.a, [&](auto type) {
    // A register holds 4 bytes of a row: register 2q + h of lane l those of row
    // 16w + 8h + l / 4 from byte 16q + 4 (l % 4) of K on.
    constexpr unsigned count = perChunk<type.value> / 4;
    for (unsigned w = 0; w < 4; ++w)
      for (unsigned reg = 0; reg < 4; ++reg)
        for (unsigned l = 0; l < 32; ++l) {
          uint8_t bytes[16] = {};
          uint32_t values[16];
          std::memcpy(bytes, &fragments[w][reg][l], 4);
          convertChunk<type.value>(bytes, values);
          unsigned m = 16 * w + 8 * (reg & 1) + l / 4;
          unsigned k = (reg >> 1) * perChunk<type.value> + l % 4 * count;
          for (unsigned n = 0; n < count; ++n)
            for (unsigned c = 0; c < 4; ++c)
              a[k + n][m * 4 + c] = values[n] ^ sign;
        }
  });
}

void WgmmaOperands::loadB(const WgmmaKind &kind,
                          const MatrixDescriptor &descriptor,
                          const uint8_t *memory) {
  withMatrixType(kind.b, [&](auto type) {
    forEachElement<type.value>(
        descriptor, kind.transposesB, kind.columns, memory,
        [&](unsigned n, unsigned k, uint32_t value) {
          // Column 8j + 2c + e is element c of vector 2j + e, and 4 + c too.
          unsigned at = (n / 8 * 2 + n % 2) * 8 + n % 8 / 2;
          b[k][at] = value;
          b[k][at + 4] = value;
        });
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

namespace {

/// 8 lanes of f32.
struct Floats8 {
#if defined(__AVX2__) && defined(__FMA__)
  __m256 lanes;
  static Floats8 zero() { return {_mm256_setzero_ps()}; }
  static Floats8 load(const uint32_t *from) {
    return {_mm256_loadu_ps(reinterpret_cast<const float *>(from))};
  }
  void store(uint32_t *to) const {
    // Sums that are not a number are the canonical NaN.
    __m256 isNan = _mm256_cmp_ps(lanes, lanes, _CMP_UNORD_Q);
    __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    _mm256_storeu_ps(reinterpret_cast<float *>(to),
                     _mm256_blendv_ps(lanes, nan, isNan));
  }
  void addProduct(const Floats8 &x, const Floats8 &y) {
    lanes = _mm256_fmadd_ps(x.lanes, y.lanes, lanes);
  }
#else
  float lanes[8];
  static Floats8 zero() { return {}; }
  static Floats8 load(const uint32_t *from) {
    Floats8 result;
    std::memcpy(result.lanes, from, sizeof result.lanes);
    return result;
  }
  void store(uint32_t *to) const {
    for (int l = 0; l < 8; ++l)
      to[l] = bitCast<uint32_t>(canonical(lanes[l]));
  }
  void addProduct(const Floats8 &x, const Floats8 &y) {
    for (int l = 0; l < 8; ++l)
      lanes[l] = std::fma(x.lanes[l], y.lanes[l], lanes[l]);
  }
#endif
};

} // namespace

/// The sums of 8 rows (4 vectors) and 8 columns (2 vectors): registers 4j + 2h
/// and 4j + 2h + 1 of a warp.
static void multiplyBlock(const WgmmaOperands &operands, unsigned depth,
                          bool accumulates, unsigned row, unsigned j,
                          uint32_t *even, uint32_t *odd) {
  Floats8 sums[2][4];
  for (unsigned v = 0; v < 4; ++v) {
    sums[0][v] = accumulates ? Floats8::load(even + 8 * v) : Floats8::zero();
    sums[1][v] = accumulates ? Floats8::load(odd + 8 * v) : Floats8::zero();
  }
  for (unsigned k = 0; k < depth; ++k) {
    const uint32_t *a = operands.a[k] + row * 4;
    const uint32_t *b = operands.b[k] + j * 16;
    Floats8 b0 = Floats8::load(b), b1 = Floats8::load(b + 8);
    for (unsigned v = 0; v < 4; ++v) {
      Floats8 rows = Floats8::load(a + 8 * v);
      sums[0][v].addProduct(rows, b0);
      sums[1][v].addProduct(rows, b1);
    }
  }
  for (unsigned v = 0; v < 4; ++v) {
    sums[0][v].store(even + 8 * v);
    sums[1][v].store(odd + 8 * v);
  }
}

static void multiplyFloat(const WgmmaKind &kind, const WgmmaOperands &operands,
                          bool accumulates, uint32_t *const *sums) {
  const unsigned registers = kind.columns / 2;
  for (unsigned w = 0; w < 4; ++w)
    for (unsigned h = 0; h < 2; ++h)
      for (unsigned j = 0; j < kind.columns / 8u; ++j) {
        uint32_t *const *at = sums + w * registers + 4 * j + 2 * h;
        multiplyBlock(operands, kind.depth(), accumulates, 16 * w + 8 * h, j,
                      at[0], at[1]);
      }
}

/// D in f16: register 2j + h holds two columns.
static void multiplyHalf(const WgmmaKind &kind, const WgmmaOperands &operands,
                         bool accumulates, uint32_t *const *sums) {
  const unsigned registers = kind.columns / 4;
  alignas(32) uint32_t even[32], odd[32];
  for (unsigned w = 0; w < 4; ++w)
    for (unsigned h = 0; h < 2; ++h)
      for (unsigned j = 0; j < kind.columns / 8u; ++j) {
        uint32_t *at = sums[w * registers + 2 * j + h];
        for (unsigned l = 0; l < 32; ++l) {
          even[l] = bitCast<uint32_t>(toFloat(lowOf(F16x2{at[l]})));
          odd[l] = bitCast<uint32_t>(toFloat(highOf(F16x2{at[l]})));
        }
        multiplyBlock(operands, kind.depth(), accumulates, 16 * w + 8 * h, j,
                      even, odd);
        for (unsigned l = 0; l < 32; ++l)
          at[l] = pairOf<F16x2>(fromFloat<F16>(bitCast<float>(even[l])),
                                fromFloat<F16>(bitCast<float>(odd[l])))
                      .bits;
      }
}

static void multiplyInteger(const WgmmaKind &kind,
                            const WgmmaOperands &operands, bool accumulates,
                            uint32_t *const *sums) {
  const unsigned registers = kind.columns / 2;
  for (unsigned w = 0; w < 4; ++w)
    for (unsigned r = 0; r < registers; ++r) {
      const unsigned row = 16 * w + 8 * (r >> 1 & 1),
                     vector = r / 4 * 2 + r % 2;
      uint32_t *at = sums[w * registers + r];
      for (unsigned v = 0; v < 4; ++v) {
        // 32 products of 16 bits cannot overflow.
        uint32_t products[8] = {};
        for (unsigned k = 0; k < kind.depth(); ++k)
          for (unsigned l = 0; l < 8; ++l)
            products[l] += operands.a[k][row * 4 + 8 * v + l] *
                           operands.b[k][vector * 8 + l];
        for (unsigned l = 0; l < 8; ++l) {
          uint32_t &sum = at[8 * v + l];
          int64_t exact = int64_t(static_cast<int32_t>(products[l])) +
                          (accumulates ? static_cast<int32_t>(sum) : 0);
          if (kind.saturates)
            exact = std::clamp<int64_t>(exact, INT32_MIN, INT32_MAX);
          sum = static_cast<uint32_t>(exact);
        }
      }
    }
}

void attn::emulator::multiply(const WgmmaKind &kind,
                              const WgmmaOperands &operands, bool accumulates,
                              uint32_t *const *sums) {
  switch (kind.sum) {
  case SumType::f32:
    return multiplyFloat(kind, operands, accumulates, sums);
  case SumType::f16:
    return multiplyHalf(kind, operands, accumulates, sums);
  case SumType::s32:
    return multiplyInteger(kind, operands, accumulates, sums);
  }
}
