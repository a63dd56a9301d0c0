//===- Elementwise.h - Cases of one instruction per element -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arithmetic is tested by kernels in which thread i reads element i of each
// input, executes a few instructions and writes element i of each output.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_ELEMENTWISE_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_ELEMENTWISE_H

#include "Case.h"

namespace attn::conformance {

/// "f16x2 a": a register of the kernel. Its element may be "pred" too, which
/// is stored as a byte.
struct Operand {
  std::string name;
  Element element = Element::b32;
  unsigned count = 1; ///< elements packed into it
  bool isPredicate = false;

  unsigned bytes() const { return bytesOf(element) * count; }
};

/// Reads "f32 a, f16x2 b".
std::vector<Operand> operandsOf(const std::string &text);

/// The operands of each element, as bits; packed ones in one number.
using Rows = std::vector<std::vector<uint64_t>>;
using Reference = void (*)(const uint64_t *inputs, uint64_t *outputs);

struct Elementwise {
  std::string inputs, outputs; ///< "f32 a, f32 b"
  /// Instructions between the registers that are called so. %p and %q are
  /// predicates, %t0 to %t9 words, %h0 to %h9 of 16 and %d0 to %d9 of 64 bits.
  std::string code;
  Rows rows;
  std::function<void(const uint64_t *, uint64_t *)> reference;
  Tolerance tolerance;
};

Problem elementwise(const Target &target, const Elementwise &given);

/// Values at which operations of the type behave differently.
std::vector<uint64_t> edgesOf(Element element);
/// Random bits of which many are ordinary numbers.
uint64_t randomBits(Element element, Random &random);

/// Rows for "f32 a, f32 b": every combination of edges where there are one or
/// two operands, then random ones (each an edge with a chance of 1/2) up to
/// `count`. `edges` replaces those of an operand where it is not empty.
Rows rowsFor(const std::string &inputs, size_t count, uint64_t seed,
             const Rows &edges = {});

/// Every value of 8 or 16 bits.
Rows allValues(unsigned bits);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_ELEMENTWISE_H
