//===- Ast.h - A parsed PTX module ------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parser makes of PTX text (PTX ISA 9.0, "Syntax" and "Directives").
// Names of registers and labels are resolved, because both are scoped by brace
// blocks; what an instruction means is the decoder's business.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_PTX_AST_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_PTX_AST_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attn::emulator::ptx {

/// A place in the CUDA source, from `.loc`.
struct Location {
  int file = 0; ///< index in Module::files; 0 is none
  int line = 0;
};

struct Operand {
  enum class Kind : uint8_t {
    reg,     ///< %r1, also !%p1 of a predicate
    special, ///< %tid.x: `name` without the percent sign
    integer, ///< 42, 0x2a: `bits`
    single,  ///< 0f3F800000: the low half of `bits`
    real,    ///< 0d3FF0000000000000, 1.5: `bits` of the double
    symbol,  ///< a variable, a function or a table: see `name`
    label,   ///< a branch target: index in Function::labels
    address, ///< [base + offset]; elements[0] is reg, symbol or integer
    vector,  ///< {a, b, ...}
    pair,    ///< p | q; each part may be a discard
    tensor,  ///< [map, {c0, c1}] and [map, {c0, c1}, [extra]]: its parts
    list,    ///< (a, b) of a call
    discard, ///< _
  };
  Kind kind = Kind::discard;
  bool negated = false; ///< !%p1
  /// Of a register or a label in its function; of a `.branchtargets` table in
  /// Function::branchTargets.
  int index = -1;
  int64_t offset = 0; ///< of an address or a symbol
  uint64_t bits = 0;
  /// Of a symbol: a variable or parameter of the function if it has one of that
  /// name, else a variable or function of the module. Where two variables of a
  /// function, or two in .shared of the module, had the same name, the second
  /// was given another, as in "param0@1".
  std::string name;
  std::vector<Operand> elements;
};

struct Instruction {
  int guard = -1; ///< index of the predicate register
  bool guardNegated = false;
  /// As written, without operands: "ld.global.v4.f32".
  std::string opcode;
  std::vector<Operand> operands;
  int line = 0; ///< in the PTX text, from 1
  Location location;
};

/// A declared register. Bits of a predicate: 1.
struct Register {
  std::string name;
  int bits = 0;
};

enum class Space : uint8_t { global, constant, shared, local, param };

/// A variable or a parameter.
struct Variable {
  Space space = Space::global;
  std::string name;
  int elementBytes = 4;
  uint64_t bytes = 0; ///< 0 for `extern .shared x[]`: what the launch gives
  uint32_t alignment = 4;
  /// `.ptr .align` of a parameter: of what the pointer points to; else 1.
  uint32_t pointeeAlignment = 1;
  bool isExternal = false;
  /// The initial bytes, at most `bytes`; the rest is zero.
  std::string initial;
  /// An address in the initial value: the low `bytes` bytes of
  /// (address of symbol + addend) >> shift, at `offset`.
  struct Relocation {
    uint64_t offset = 0;
    std::string symbol; ///< a variable or a function of the module
    int64_t addend = 0;
    bool generic = false;
    int bytes = 8;
    int shift = 0;
  };
  std::vector<Relocation> relocations;
  int line = 0;
};

struct Label {
  std::string name;
  int instruction = -1; ///< it stands before this one; maybe one past the last
};

/// `.branchtargets` of brx.idx: labels by index.
struct BranchTargets {
  std::string name;
  std::vector<int> labels;
};

struct Function {
  std::string name;
  bool isKernel = false;
  std::vector<Variable> results, parameters;
  /// Variables of the body: .local, .shared and .param. Those in .global and
  /// .const are in Module::variables.
  std::vector<Variable> variables;
  std::vector<Register> registers;
  std::vector<Label> labels;
  std::vector<BranchTargets> branchTargets;
  std::vector<Instruction> instructions;
  /// .maxntid, .reqntid, .reqnctapercluster; 0 where not given.
  uint32_t maxThreads[3] = {0, 0, 0}, requiredThreads[3] = {0, 0, 0};
  uint32_t requiredCluster[3] = {0, 0, 0};
  uint32_t maxRegisters = 0, minCtas = 0;
  bool hasBody = false;
  std::string aliasOf; ///< of `.alias`: the function that is meant
  int line = 0;
};

struct Module {
  int versionMajor = 0, versionMinor = 0;
  std::string target;                                ///< "sm_90a"
  int sm = 0;                                        ///< 90
  bool archSpecific = false, familySpecific = false; ///< "a", "f"
  int addressSize = 64;
  /// By the numbers of `.file`; has an entry for each number in a Location.
  std::vector<std::string> files;
  std::vector<Variable> variables;
  std::vector<Function> functions;
};

/// Parses a whole module. Errors name the line, the text and what was expected:
///   line 7: 'ld.global.f32 %f1, [%rd1;': expected ']', not ';'
/// Registers, labels and symbols are declared, guards are predicates, and sizes
/// are bounded, so that what is made of a module takes bounded memory. Zero
/// bytes at the end of the text, as nvrtc leaves one, are ignored.
Result<Module> parse(std::string_view text);

} // namespace attn::emulator::ptx

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_PTX_AST_H
