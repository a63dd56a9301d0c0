//===- AstCheck.h - What every parsed module keeps to -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decoder relies on these without a check of its own: indices are in range,
// operands have the parts of their kind, names stand for one variable. For
// tests and the fuzzer.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_ASTCHECK_H
#define ATTN_UNIT_EMULATOR_ASTCHECK_H

#include "runtime/devices/emulator/ptx/Ast.h"

#include <set>
#include <string>

namespace attn::emulator::ptx {

class AstCheck {
public:
  explicit AstCheck(const Module &module) : module(module) {
    for (const Variable &variable : module.variables) {
      checkVariable(variable);
      check(moduleNames.insert(variable.name).second, "twice", variable.name);
    }
    for (const Function &entry : module.functions)
      check(moduleNames.insert(entry.name).second, "twice", entry.name);
    for (const Function &entry : module.functions)
      checkFunction(entry);
  }

  /// The first thing that is wrong; empty if nothing is.
  const std::string &problem() const { return found; }

private:
  void check(bool condition, const char *what, const std::string &where) {
    if (!condition && found.empty())
      found = std::string(what) + ": " + where;
  }

  void checkVariable(const Variable &variable) {
    const std::string &name = variable.name;
    check(variable.initial.size() <= variable.bytes, "initial size", name);
    check(variable.alignment > 0 &&
              !(variable.alignment & (variable.alignment - 1)),
          "alignment", name);
    check(variable.elementBytes >= 1 && variable.elementBytes <= 16,
          "element size", name);
    for (const Variable::Relocation &relocation : variable.relocations)
      check(relocation.offset + relocation.bytes <= variable.bytes &&
                relocation.shift >= 0 && relocation.shift < 64,
            "relocation", name);
  }

  void checkFunction(const Function &entry) {
    function = &entry;
    check(entry.hasBody || entry.instructions.empty(), "no body", entry.name);
    names.clear();
    for (const auto *variables :
         {&entry.results, &entry.parameters, &entry.variables})
      for (const Variable &variable : *variables) {
        checkVariable(variable);
        check(names.insert(variable.name).second, "twice", variable.name);
        check(variable.space != Space::shared ||
                  sharedNames.insert(variable.name).second,
              "shared twice", variable.name);
      }
    for (const Register &reg : entry.registers)
      check(reg.bits >= 1 && reg.bits <= 128, "bits", reg.name);
    int count = static_cast<int>(entry.instructions.size());
    for (const Label &label : entry.labels)
      check(label.instruction >= 0 && label.instruction <= count, "label",
            label.name);
    for (const BranchTargets &targets : entry.branchTargets)
      for (int label : targets.labels)
        check(inRange(label, entry.labels), "target", targets.name);
    for (const Instruction &instruction : entry.instructions)
      checkInstruction(instruction);
  }

  void checkInstruction(const Instruction &instruction) {
    const std::string &opcode = instruction.opcode;
    check(!opcode.empty() && instruction.line > 0, "opcode", opcode);
    check(instruction.location.file >= 0 &&
              (instruction.location.file == 0 ||
               inRange(instruction.location.file, module.files)),
          "location", opcode);
    if (instruction.guard >= 0)
      check(isPredicate(instruction.guard), "guard", opcode);
    for (const Operand &operand : instruction.operands)
      checkOperand(operand, opcode, 0);
  }

  void checkOperand(const Operand &operand, const std::string &opcode,
                    int depth) {
    using Kind = Operand::Kind;
    check(depth <= 3, "depth", opcode);
    check(!operand.negated ||
              (operand.kind == Kind::reg && isPredicate(operand.index)),
          "negated", opcode);
    switch (operand.kind) {
    case Kind::reg:
      check(inRange(operand.index, function->registers), "register", opcode);
      break;
    case Kind::label:
      check(inRange(operand.index, function->labels), "label use", opcode);
      break;
    case Kind::symbol:
      check(operand.index < 0 ||
                inRange(operand.index, function->branchTargets),
            "table", opcode);
      check(operand.index >= 0 || !operand.name.empty(), "symbol", opcode);
      break;
    case Kind::special:
      check(!operand.name.empty() && operand.name[0] != '%', "special", opcode);
      break;
    case Kind::address: {
      check(operand.elements.size() == 1, "address", opcode);
      if (operand.elements.size() != 1)
        return;
      Kind base = operand.elements[0].kind;
      check(base == Kind::reg || base == Kind::symbol || base == Kind::integer,
            "base", opcode);
      break;
    }
    case Kind::pair:
    case Kind::tensor:
      check(operand.elements.size() >= 2, "parts", opcode);
      break;
    case Kind::vector:
      check(!operand.elements.empty(), "vector", opcode);
      break;
    case Kind::integer:
    case Kind::single:
    case Kind::real:
    case Kind::list:
    case Kind::discard:
      break;
    }
    for (const Operand &element : operand.elements)
      checkOperand(element, opcode, depth + 1);
  }

  template <typename T>
  static bool inRange(int index, const std::vector<T> &list) {
    return index >= 0 && static_cast<size_t>(index) < list.size();
  }
  bool isPredicate(int index) const {
    return inRange(index, function->registers) &&
           function->registers[index].bits == 1;
  }

  const Module &module;
  const Function *function = nullptr;
  std::set<std::string> moduleNames, names, sharedNames;
  std::string found;
};

} // namespace attn::emulator::ptx

#endif // ATTN_UNIT_EMULATOR_ASTCHECK_H
