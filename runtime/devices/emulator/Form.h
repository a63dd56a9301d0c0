//===- Form.h - The spellings of instructions -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A form is one row of the tables of the PTX ISA: how an instruction is
// spelled, from which target on, and who decodes it. Forms are data, so that a
// test can write each of them down and ask ptxas whether it exists.
//
// A spelling consists of literal modifiers, required choices <.a|.b> and
// optional choices [.a|.b]:
//
//   "add[.sat].s32"     add.s32, add.sat.s32
//   "add<.u16|.u32>"    add.u16, add.u32
//
// An alternative may hold several modifiers, as in [.acquire.cta|.relaxed.cta].
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_FORM_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_FORM_H

#include "attn/Support/Result.h"

#include <string>
#include <string_view>
#include <vector>

namespace attn::emulator {

class Decoder;
struct Form;

/// A spelling taken apart: the form and what was chosen in each group.
struct Match {
  const Form *form = nullptr;
  /// With its dot (".f32"), or empty for an optional group that is not there.
  std::vector<std::string_view> choices;

  std::string_view operator[](size_t group) const { return choices[group]; }
  bool has(size_t group) const { return !choices[group].empty(); }
};

struct Form {
  const char *spelling;
  /// Operands for the test with ptxas. The registers %h, %r, %d and %p, each
  /// followed by a number from 0 to 9 (%r0 to %r255 for lists), have 16, 32, 64
  /// and 1 bits; %$n0 is the register 0 of the type chosen in group n;
  /// `shared`, `global_` and `local_` are arrays; `here` is a label after the
  /// instruction.
  const char *operands;
  /// Reads the operands and sets the handler.
  void (*decode)(Decoder &, const Match &);
  int sm = 0;                ///< the first target that has it; 0: all
  bool archSpecific = false; ///< "sm_90a" and not sm_90
  int ptxVersion = 0;        ///< 10 * major + minor; 0: all
  bool isGone = false;       ///< later targets do not have it
};

/// All forms of the emulator.
const std::vector<Form> &allForms();

/// Finds the form of an opcode as written; the error says what is unknown: the
/// instruction or a modifier, and which are close.
Result<Match> matchForm(std::string_view opcode);

/// Every opcode that a form spells.
std::vector<Match> expand(const Form &form);
/// The opcode of a match: "add.sat.s32".
std::string spell(const Match &match);

// The families, each in a file of its own.
std::vector<Form> moveForms();
std::vector<Form> integerForms();
std::vector<Form> bitForms();
std::vector<Form> floatForms();
std::vector<Form> halfForms();
std::vector<Form> convertForms();
std::vector<Form> compareForms();
std::vector<Form> controlForms();
std::vector<Form> memoryForms();
std::vector<Form> atomicForms();
std::vector<Form> copyForms();
std::vector<Form> warpForms();
std::vector<Form> matrixForms();
std::vector<Form> mmaForms();
std::vector<Form> barrierForms();
std::vector<Form> mbarrierForms();
std::vector<Form> bulkForms();
std::vector<Form> wgmmaForms();

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_FORM_H
