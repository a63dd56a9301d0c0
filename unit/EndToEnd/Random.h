//===- Random.h - Reproducible random numbers -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same numbers on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_RANDOM_H
#define ATTN_UNIT_ENDTOEND_RANDOM_H

#include <cstddef>
#include <cstdint>
#include <random>

namespace attn::testing {

class Random {
public:
  explicit Random(uint32_t seed) : engine(seed) {}
  /// From `low` to `high`, both included. The standard's distributions differ
  /// between libraries.
  int64_t number(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() % uint64_t(high - low + 1));
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  template <typename T, size_t N>
  const T &choose(const T (&values)[N]) {
    return values[number(0, N - 1)];
  }

private:
  std::mt19937_64 engine;
};

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_RANDOM_H
