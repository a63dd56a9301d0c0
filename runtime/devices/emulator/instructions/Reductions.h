//===- Reductions.h - What is done to memory at once ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What atom, red and bulk reductions make of an element in memory and an
// operand.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_REDUCTIONS_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_REDUCTIONS_H

#include "Floats.h"

namespace attn::emulator {

// Of one number; `isGlobal` says in which memory it is.

struct Add {
  template <typename T>
  static T apply(T old, T b, bool isGlobal) {
    if constexpr (std::is_integral_v<T>) {
      using Unsigned = std::make_unsigned_t<T>; // wraps around
      return static_cast<T>(static_cast<Unsigned>(old) +
                            static_cast<Unsigned>(b));
    } else if constexpr (std::is_same_v<T, float>) {
      // Global memory flushes subnormal numbers, shared memory does not.
      return isGlobal ? canonical(flush(flush(old) + flush(b)))
                      : canonical(old + b);
    } else if constexpr (std::is_same_v<T, double>) {
      return canonical(old + b);
    } else {
      // A sum of two in a double is exact enough to be rounded once.
      return fromFloat<T>(toFloatOdd(double(toFloat(old)) + toFloat(b)));
    }
  }
};

template <bool isGreater>
struct Extreme {
  template <typename T>
  static T apply(T old, T b, bool) {
    if constexpr (std::is_integral_v<T>)
      return (isGreater ? old < b : b < old) ? b : old;
    else
      return fromFloat<T>(
          extreme<float, isGreater, false, false>(toFloat(old), toFloat(b)));
  }
};
using Min = Extreme<false>;
using Max = Extreme<true>;

struct And {
  template <typename T>
  static T apply(T old, T b, bool) {
    return old & b;
  }
};
struct Or {
  template <typename T>
  static T apply(T old, T b, bool) {
    return old | b;
  }
};
struct Xor {
  template <typename T>
  static T apply(T old, T b, bool) {
    return old ^ b;
  }
};
/// Counters that wrap around at b.
struct Inc {
  template <typename T>
  static T apply(T old, T b, bool) {
    return old >= b ? 0 : old + 1;
  }
};
struct Dec {
  template <typename T>
  static T apply(T old, T b, bool) {
    return old == 0 || old > b ? b : old - 1;
  }
};

/// The same of numbers, and of both halves of a packed pair.
template <typename Operation, typename T>
inline T combine(T old, T b, bool isGlobal) {
  if constexpr (std::is_same_v<T, F16x2> || std::is_same_v<T, BF16x2>)
    return pairOf<T>(Operation::apply(lowOf(old), lowOf(b), isGlobal),
                     Operation::apply(highOf(old), highOf(b), isGlobal));
  else
    return Operation::apply(old, b, isGlobal);
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_REDUCTIONS_H
