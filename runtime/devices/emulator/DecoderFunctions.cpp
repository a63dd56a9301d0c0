//===- DecoderFunctions.cpp - Functions, variables and labels -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the functions of a program have their registers, parameters and local
// variables, where shared variables lie, and what calls and branches lead to.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "Machine.h"

#include <algorithm>
#include <set>

using namespace attn;
using namespace attn::emulator;
using ptx::Operand;
using Kind = ptx::Operand::Kind;

const ptx::Function *Decoder::findFunction(const std::string &name) const {
  const ptx::Function *found = nullptr;
  for (const ptx::Function &function : module.functions)
    if (function.name == name && (!found || function.hasBody))
      found = &function;
  // The target of an alias has a body.
  return found && !found->aliasOf.empty() ? findFunction(found->aliasOf)
                                          : found;
}

Decoder::Body &Decoder::bodyOf(const ptx::Function &function) {
  for (auto &known : bodies)
    if (known->function == &function)
      return *known;
  auto added = std::make_unique<Body>();
  added->function = &function;
  // Predicates take one word, other registers a row.
  for (const ptx::Register &reg : function.registers)
    added->registers.push_back(
        reg.bits == 1 ? newRow(4)
                      : newRow(lanesPerWarp * (reg.bits > 32 ? 8 : 4)));
  program.registerBytes =
      static_cast<uint32_t>(alignUp(program.registerBytes, 128));
  auto place = [&](const ptx::Variable &variable) {
    // Sizes are bounded by the parser, so that this cannot overflow.
    localBytes = alignUp(localBytes, std::max(1u, variable.alignment));
    uint64_t address = localWindow | localBytes;
    localBytes += variable.bytes;
    added->locals[variable.name] = address;
    return address;
  };
  if (!function.isKernel) {
    for (const ptx::Variable &parameter : function.parameters)
      added->parameters.push_back(place(parameter));
    for (const ptx::Variable &result : function.results)
      added->results.push_back(place(result));
  }
  for (const ptx::Variable &variable : function.variables)
    if (variable.space == ptx::Space::local ||
        variable.space == ptx::Space::param)
      place(variable);
  bodies.push_back(std::move(added));
  return *bodies.back();
}

void Decoder::callTarget(const std::string &name) {
  const ptx::Function *function = findFunction(name);
  if (!function || !function->hasBody)
    return fail("'" + name +
                "' has no body in this module, and calls to the "
                "system, such as vprintf, are not emulated");
  calls.push_back({program.ops.size(), body->function, function});
  bodyOf(*function);
}

uint64_t Decoder::functionParameter(const std::string &name, size_t n,
                                    bool isResult) {
  const ptx::Function *function = findFunction(name);
  if (!function || !function->hasBody)
    return 0; // callTarget says so
  Body &callee = bodyOf(*function);
  auto &places = isResult ? callee.results : callee.parameters;
  if (n < places.size())
    return places[n];
  fail("'" + name + "' has " + std::to_string(places.size()) +
       (isResult ? " results" : " parameters"));
  return 0;
}

std::optional<uint64_t> Decoder::localAddress(const std::string &name) const {
  auto found = body->locals.find(name);
  if (found == body->locals.end())
    return std::nullopt;
  return found->second;
}

const ptx::Variable *Decoder::localParameter(const std::string &name) const {
  for (const ptx::Variable &variable : body->function->variables)
    if (variable.space == ptx::Space::param && variable.name == name)
      return &variable;
  return nullptr;
}

/// Functions have one place for their registers and variables, so none may call
/// itself, not even through others.
Status Decoder::checkCalls() const {
  // Those that call only functions already found are no part of a cycle.
  std::set<const ptx::Function *> finished;
  for (bool isChanged = true; isChanged;) {
    isChanged = false;
    for (const auto &candidate : bodies) {
      bool isFinished = true;
      for (const CallSite &call : calls)
        isFinished &=
            call.caller != candidate->function || finished.count(call.callee);
      isChanged |= isFinished && finished.insert(candidate->function).second;
    }
  }
  for (const CallSite &call : calls)
    if (!finished.count(call.caller) && !finished.count(call.callee))
      return attn::failure(
          "line " +
          std::to_string(program.instructionOf(program.ops[call.op]).line) +
          ": '" + call.caller->name + "' calls '" + call.callee->name +
          "', which leads back to it; recursion is not emulated");
  return Status::success();
}

void Decoder::branchTarget(size_t n) {
  const Operand &label = operand(n);
  if (label.kind != Kind::label)
    return fail("a label is expected");
  op.target = body->begin + body->function->labels[label.index].instruction;
}

std::vector<int32_t> Decoder::branchTargets(const Operand &operand) {
  std::vector<int32_t> result;
  if (operand.kind != Kind::symbol || operand.index < 0)
    fail("the name of a list of .branchtargets is expected");
  else
    for (int label : body->function->branchTargets[operand.index].labels)
      result.push_back(body->begin + body->function->labels[label].instruction);
  return result;
}

/// Shared variables of the module that the program names, and those of its
/// functions.
void Decoder::placeShared() {
  std::set<std::string> named;
  std::vector<const Operand *> left;
  for (const ptx::Function &function : module.functions)
    for (const ptx::Instruction &instruction : function.instructions)
      for (const Operand &operand : instruction.operands)
        left.push_back(&operand);
  while (!left.empty()) {
    const Operand *operand = left.back();
    left.pop_back();
    if (operand->kind == Kind::symbol)
      named.insert(operand->name);
    for (const Operand &element : operand->elements)
      left.push_back(&element);
  }
  uint64_t end = 0;
  std::vector<const ptx::Variable *> dynamic;
  auto place = [&](const ptx::Variable &variable) {
    if (variable.space != ptx::Space::shared || !named.count(variable.name))
      return;
    if (variable.bytes == 0) {
      dynamic.push_back(&variable);
      program.sharedAlignment =
          std::max(program.sharedAlignment, variable.alignment);
      return;
    }
    end = alignUp(end, std::max(1u, variable.alignment));
    sharedAddresses[variable.name] = sharedBase + end;
    end += variable.bytes;
  };
  for (const ptx::Variable &variable : module.variables)
    place(variable);
  for (const ptx::Function &function : module.functions)
    for (const ptx::Variable &variable : function.variables)
      place(variable);
  program.staticSharedBytes = static_cast<uint32_t>(end);
  end = alignUp(end, program.sharedAlignment);
  for (const ptx::Variable *variable : dynamic)
    sharedAddresses[variable->name] = sharedBase + end;
}
