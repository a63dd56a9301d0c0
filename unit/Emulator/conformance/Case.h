//===- Case.h - A micro-kernel of the conformance corpus --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator is right if it computes what a GPU computes. The corpus is a
// list of small kernels as data: PTX text, launch dimensions, input bytes, and
// what is to be compared afterwards. The same case runs on a GPU, whose results
// are kept as golden vectors, and on the emulator.
//
// Every kernel is called `kernel` and takes the addresses of an input and an
// output buffer, then tensor maps:
//
//   .visible .entry kernel(.param .u64 input, .param .u64 output,
//                          .param .align 64 .b8 map0[128], ...)
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_CASE_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_CASE_H

#include "Numbers.h"

#include "runtime/devices/emulator/Report.h"
#include "runtime/devices/emulator/TensorMap.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace attn::conformance {

/// What a kernel is assembled for: `.target sm_90a`, `.version 8.0`.
struct Target {
  int sm = 80;
  bool archSpecific = false;
  int ptxVersion = 80; ///< 10 * major + minor

  /// "sm_90a".
  std::string name() const;
  /// True if a GPU of this compute capability (90 for 9.0) runs it.
  bool runsOn(int computeCapability) const;
};

/// How far results may lie apart. A pair is equal if either bound holds.
struct Tolerance {
  double ulps = 0;     ///< of the expected value
  double absolute = 0; ///< in the units of the value
  /// NaNs are equal whatever their bits. Always so if a bound is not 0.
  bool anyNan = false;

  bool isExact() const { return ulps == 0 && absolute == 0 && !anyNan; }
};

/// An array of the output: rows * columns elements, one after the other.
struct Output {
  std::string name;
  Element element = Element::b32;
  uint32_t rows = 1, columns = 1;
  Tolerance tolerance;

  size_t count() const { return size_t(rows) * columns; }
  size_t bytes() const { return count() * bytesOf(element); }
};

/// A tensor map of a tensor in the input or the output buffer. The base of the
/// description is set when the buffers have been allocated.
struct TensorMapAt {
  emulator::TensorMapDescription description;
  bool inOutput = false;
  uint64_t offset = 0; ///< of the base in the buffer, in bytes
};

/// All that it takes to run a case.
struct Problem {
  std::string ptx;
  emulator::Dim3 grid, block{32, 1, 1};
  uint32_t dynamicShared = 0; ///< bytes
  std::string input;
  /// What the output buffer holds before the launch. As long as all outputs.
  std::string initialOutput;
  std::vector<Output> outputs;
  std::vector<TensorMapAt> maps;

  /// What the PTX ISA says should come out, computed without the emulator; may
  /// be empty.
  std::function<std::string()> expected;
  /// Where an element is, for messages; empty: "row 1, column 2".
  std::function<std::string(const Output &, uint32_t row, uint32_t column)>
      where;

  /// Adds an output that begins as bytes of 0xcd.
  Output &addOutput(std::string name, Element element, uint32_t rows,
                    uint32_t columns, Tolerance tolerance = {});
  /// Of everything that decides what comes out.
  uint64_t hash() const;
};

struct Case {
  std::string name; ///< "family.what": letters, digits, '.', '_' and '-'
  Target target;
  std::function<Problem()> make;
};

/// The first lines of a module for a target.
std::string header(const Target &target);

/// The whole corpus, in a fixed order; names are unique.
const std::vector<Case> &allCases();

/// FNV-1a of bytes, from a state.
constexpr uint64_t hashSeed = 0xcbf29ce484222325;
uint64_t hashOf(const void *bytes, size_t size, uint64_t state = hashSeed);

/// Numbers that are the same everywhere (splitmix64).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next();
  /// 0 <= result < n.
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(next() % n); }
  /// low <= result <= high.
  int between(int low, int high) {
    return low + static_cast<int>(below(high - low + 1));
  }
  /// 0 <= result < 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
  uint64_t state;
};

/// Replaces each "$NAME" of a text; the longest name that fits is taken.
std::string
fill(std::string text,
     const std::vector<std::pair<std::string, std::string>> &names);

/// Appends and reads the bytes of a number, little endian.
void append(std::string &bytes, uint64_t value, unsigned size);
uint64_t read(const std::string &bytes, size_t offset, unsigned size);
/// `size` bytes of the number.
void write(std::string &bytes, size_t offset, uint64_t value, unsigned size);

/// What differs between two outputs of a case.
struct Comparison {
  size_t differing = 0; ///< elements
  size_t elements = 0;  ///< compared
  /// The first difference, as a sentence; empty if there is none.
  std::string first;
  /// Largest distance among the values that are compared with a tolerance.
  double worstUlps = 0, worstAbsolute = 0;
};

/// Compares the bytes of one output.
void compareOutput(const Problem &problem, const Output &output,
                   const std::string &expected, const std::string &actual,
                   const std::string &expectedName,
                   const std::string &actualName, Comparison &result);

/// Compares the bytes of all outputs. `expectedName` and `actualName` say whose
/// they are, for the sentence.
Comparison compare(const Problem &problem, const std::string &expected,
                   const std::string &actual, const std::string &expectedName,
                   const std::string &actualName);

/// "row 1, column 2 of 'd'" or what the problem says.
std::string whereIs(const Problem &problem, const Output &output,
                    size_t element);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_CASE_H
