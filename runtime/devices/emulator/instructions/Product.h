//===- Product.h - Products of small matrices -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// D = A B + C on matrices that have been taken out of their registers. The
// elements are float or int32_t. A product of two numbers of at most 16 bits is
// exact in a float of fused multiply-add; sums are rounded to float, in the
// order of k. The hardware aligns and truncates the products of a block of k
// before it adds them, so results may differ from it in the last bits.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_PRODUCT_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_PRODUCT_H

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace attn::emulator {

/// Eight elements of a row of B, C and D.
template <typename T>
struct Eight;

template <>
struct Eight<float> {
#ifdef __AVX2__
  __m256 values;
  static Eight load(const float *from) { return {_mm256_loadu_ps(from)}; }
  void store(float *to) const { _mm256_storeu_ps(to, values); }
  void addProduct(float a, Eight b) {
    values = _mm256_fmadd_ps(_mm256_set1_ps(a), b.values, values);
  }
#else
  float values[8];
  static Eight load(const float *from) {
    Eight result;
    std::memcpy(result.values, from, sizeof values);
    return result;
  }
  void store(float *to) const { std::memcpy(to, values, sizeof values); }
  void addProduct(float a, Eight b) {
    for (int n = 0; n < 8; ++n)
      values[n] = std::fma(a, b.values[n], values[n]);
  }
#endif
};

template <>
struct Eight<int32_t> {
#ifdef __AVX2__
  __m256i values;
  static Eight load(const int32_t *from) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(from))};
  }
  void store(int32_t *to) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), values);
  }
  void addProduct(int32_t a, Eight b) {
    values = _mm256_add_epi32(
        values, _mm256_mullo_epi32(_mm256_set1_epi32(a), b.values));
  }
#else
  uint32_t values[8]; // unsigned: sums wrap around
  static Eight load(const int32_t *from) {
    Eight result;
    std::memcpy(result.values, from, sizeof values);
    return result;
  }
  void store(int32_t *to) const { std::memcpy(to, values, sizeof values); }
  void addProduct(int32_t a, Eight b) {
    for (int n = 0; n < 8; ++n)
      values[n] += static_cast<uint32_t>(a) * b.values[n];
  }
#endif
};

/// D += A B; A has `rows` rows of k elements, B has k rows of 8, and D has
/// `rows` rows of 8, all without gaps. Eight rows fill the registers.
template <int rows, typename T>
inline void addProduct(T *d, const T *a, const T *b, int k) {
  Eight<T> sums[rows];
  for (int r = 0; r < rows; ++r)
    sums[r] = Eight<T>::load(d + 8 * r);
  for (int n = 0; n < k; ++n) {
    Eight<T> row = Eight<T>::load(b + 8 * n);
    for (int r = 0; r < rows; ++r)
      sums[r].addProduct(a[r * k + n], row);
  }
  for (int r = 0; r < rows; ++r)
    sums[r].store(d + 8 * r);
}

/// to[c][r] = from[r][c] of an 8x8 matrix; the rows of `from` are `stride`
/// elements apart, those of `to` eight.
inline void transpose8(const float *from, int stride, float *to) {
#ifdef __AVX2__
  auto row = [&](int low, int high) {
    return _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps(from + low)),
        _mm_loadu_ps(from + high), 1);
  };
  // Two halves of four columns each, rows r and r + 4 side by side.
  for (int half = 0; half < 2; ++half) {
    int c = 4 * half;
    __m256 r0 = row(c, 4 * stride + c), r1 = row(stride + c, 5 * stride + c),
           r2 = row(2 * stride + c, 6 * stride + c),
           r3 = row(3 * stride + c, 7 * stride + c);
    __m256 low01 = _mm256_unpacklo_ps(r0, r1),
           high01 = _mm256_unpackhi_ps(r0, r1),
           low23 = _mm256_unpacklo_ps(r2, r3),
           high23 = _mm256_unpackhi_ps(r2, r3);
    float *out = to + 8 * c;
    _mm256_storeu_ps(out, _mm256_shuffle_ps(low01, low23, 0x44));
    _mm256_storeu_ps(out + 8, _mm256_shuffle_ps(low01, low23, 0xee));
    _mm256_storeu_ps(out + 16, _mm256_shuffle_ps(high01, high23, 0x44));
    _mm256_storeu_ps(out + 24, _mm256_shuffle_ps(high01, high23, 0xee));
  }
#else
  for (int r = 0; r < 8; ++r)
    for (int c = 0; c < 8; ++c)
      to[8 * c + r] = from[r * stride + c];
#endif
}
inline void transpose8(const int32_t *from, int stride, int32_t *to) {
  transpose8(reinterpret_cast<const float *>(from), stride,
             reinterpret_cast<float *>(to));
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_PRODUCT_H
