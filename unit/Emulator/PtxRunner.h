//===- PtxRunner.h - Runs lines of PTX on the emulator ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel around given lines: every thread loads the registers that are
// inputs, executes the lines and stores those that are outputs. So an
// instruction is tried with many operands in one launch.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_PTXRUNNER_H
#define ATTN_UNIT_EMULATOR_PTXRUNNER_H

#include "runtime/devices/emulator/Emulator.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace attn::test {

/// The letter of a register says its width: %h 16 bits (0 to 19), %r 32 (0 to
/// 99), %d 64 (0 to 19), %p 1 (0 to 9). `shared` is an array of 4096 bytes.
struct PtxLines {
  std::string text;
  std::vector<std::string> inputs = {}, outputs = {};
  std::string target = "sm_90a";
  emulator::LaunchOptions options = {};
};

/// The values of one register, one for each thread, in the low bits.
using Column = std::vector<uint64_t>;

/// Runs the lines with inputs[i][n] in the i-th input register of thread n.
/// Returns outputs[o][n]. All columns have one length; the last warp is filled
/// up with copies of the last thread. Reports of the emulator are an error.
Result<std::vector<Column>> runLines(const PtxLines &lines,
                                     const std::vector<Column> &inputs);

/// PTX of such a kernel, named "kernel".
std::string kernelOf(const PtxLines &lines, size_t threads);

/// What an instruction should do: outputs from inputs.
using Reference = std::function<void(const uint64_t *in, uint64_t *out)>;
/// If given and wanted != got are the bits of an output; true if that is fine.
using Tolerance = std::function<bool(uint64_t wanted, uint64_t got)>;

/// Runs the lines and fails the test where they and the reference differ.
void expectLines(const PtxLines &lines, const std::vector<Column> &inputs,
                 const Reference &reference, const Tolerance &tolerance = {});

/// The same for one instruction: "add.s32 %r0, %r1, %r2;". The first register
/// is the output, all others are inputs, in the order of the text.
void expectInstruction(const std::string &text,
                       const std::vector<Column> &inputs,
                       const std::function<uint64_t(const uint64_t *)> &result,
                       const Tolerance &tolerance = {});

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Zeros, ones, powers of two and their neighbours, the extremes.
Column integerEdges(int bits);
/// Zeros, subnormal and normal numbers, halves, extremes, infinities, NaNs, of
/// the IEEE-like format with so many bits.
Column floatEdges(int exponentBits, int mantissaBits);
inline Column f32Edges() { return floatEdges(8, 23); }
inline Column f64Edges() { return floatEdges(11, 52); }
inline Column f16Edges() { return floatEdges(5, 10); }
inline Column bf16Edges() { return floatEdges(8, 7); }

/// Every combination of the values, and `random` rows of bits drawn from all
/// values (of as many bits as the greatest edge has) after that.
std::vector<Column> combine(const std::vector<Column> &edges,
                            size_t random = 2000);
/// All numbers of so many bits.
Column allOf(int bits);

template <typename To, typename From>
To bitsAs(From from) {
  static_assert(sizeof(To) <= sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to); // little endian
  return to;
}
inline float f32(uint64_t bits) { return bitsAs<float>(bits); }
inline double f64(uint64_t bits) { return bitsAs<double>(bits); }
inline uint64_t bits(float value) { return bitsAs<uint32_t>(value); }
inline uint64_t bits(double value) { return bitsAs<uint64_t>(value); }

/// f64: any NaN is as good as any other.
bool sameF64(uint64_t wanted, uint64_t got);

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_PTXRUNNER_H
