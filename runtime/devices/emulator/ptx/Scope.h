//===- Scope.h - Names of registers, labels and variables -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_PTX_SCOPE_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_PTX_SCOPE_H

#include "Lexer.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace attn::emulator::ptx {

/// What a name in a function stands for.
struct Name {
  enum class Kind : uint8_t {
    reg,       ///< Function::registers
    parameter, ///< a parameter or a result: under its own name
    variable,  ///< Function::variables
    global,    ///< Module::variables
    label,     ///< Function::labels
    targets,   ///< Function::branchTargets
    prototype, ///< of `.callprototype` and `.calltargets`
  };
  Kind kind = Kind::reg;
  int index = -1;
  int lanes = 1; ///< of a vector register, which has so many indices
};

/// The names of one brace block. They are views of the text.
class Scope {
public:
  std::optional<Name> find(std::string_view name) const;
  /// Fails if there is one already.
  bool declare(std::string_view name, Name what);
  /// Declares the registers prefix0 to prefix(count - 1); `first` is the first.
  /// The prefix does not end in a digit. Fails if one of them exists.
  bool declareRange(std::string_view prefix, int count, Name first);

  /// A use of a label, which may stand further down in the block.
  struct Use {
    Token token;
    int instruction = -1, operand = -1;
    int table = -1, entry = -1; ///< of Function::branchTargets
  };
  std::vector<Use> uses;

private:
  struct Range {
    Name first;
    int count;
  };
  std::unordered_map<std::string_view, Name> names;
  std::unordered_map<std::string_view, Range> ranges;
  /// Of the names that look like those of a range: their smallest number.
  std::unordered_map<std::string_view, int> numbered;
};

/// "%r" and 12 of "%r12"; nothing for names that no range has.
std::optional<std::pair<std::string_view, int>>
splitNumber(std::string_view name);

} // namespace attn::emulator::ptx

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_PTX_SCOPE_H
