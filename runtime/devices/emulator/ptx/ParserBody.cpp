//===- ParserBody.cpp - Blocks, labels, instructions ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

using namespace attn;
using namespace attn::emulator::ptx;

void Parser::parseBody() {
  expect('{');
  while (!lexer.failed() && !scopes.empty()) {
    lexer.beginStatement();
    parseStatement();
  }
}

void Parser::parseStatement() {
  switch (peek().kind) {
  case Kind::identifier:
    return lexer.isLabel() ? parseLabel() : parseInstruction();
  case Kind::punctuation:
    if (peek().is('@'))
      return parseInstruction();
    if (lexer.accept('}'))
      return closeBlock();
    if (peek().is('{')) {
      if (scopes.size() == maxBlockDepth)
        return fail("blocks are nested at most " +
                    std::to_string(maxBlockDepth) + " deep");
      lexer.take();
      scopes.emplace_back();
      return;
    }
    break;
  case Kind::directive:
    if (acceptDirective(".loc"))
      return parseLocation();
    if (acceptDirective(".reg"))
      return parseRegisters();
    if (acceptDirective(".param"))
      return parseVariables(Space::param, false);
    if (acceptDirective(".local"))
      return parseVariables(Space::local, false);
    if (acceptDirective(".shared"))
      return parseVariables(Space::shared, false);
    if (acceptDirective(".global"))
      return parseVariables(Space::global, false);
    if (acceptDirective(".const"))
      return parseVariables(Space::constant, false);
    if (acceptDirective(".pragma"))
      return parsePragma();
    break;
  default:
    break;
  }
  failExpected("an instruction, a declaration, or the '}' of the function " +
               quote(function.name) + " that begins in line " +
               std::to_string(function.line));
}

/// .loc file line column [, function_name label [+ n]] [, inlined_at f l c]
void Parser::parseLocation() {
  auto expectPlace = [&] {
    uint64_t file = expectInteger("the number of a file", 0, maxFileNumber);
    uint64_t line = expectInteger("the number of a line", 0, INT32_MAX);
    expectInteger("the number of a column", 0, INT32_MAX);
    return Location{static_cast<int>(file), static_cast<int>(line)};
  };
  location = expectPlace();
  files = std::max<uint64_t>(files, location.file + 1);
  while (lexer.accept(',')) {
    if (acceptIdentifier("function_name")) {
      expectIdentifier("the label of a name");
      parseOffset();
    } else if (acceptIdentifier("inlined_at")) {
      expectPlace();
    } else {
      return failExpected("'function_name' or 'inlined_at'");
    }
  }
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

void Parser::declareName(const Token &token, Name name) {
  if (!lexer.failed() && !scopes.back().declare(token.text, name))
    lexer.fail(token, describe(token) + " is declared already in this block");
}

std::optional<Name> Parser::findName(std::string_view name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
    if (auto found = scope->find(name))
      return found;
  return std::nullopt;
}

/// Labels may be used before they stand. What this block does not declare may
/// be declared further down in the block around it.
void Parser::closeBlock() {
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  for (Scope::Use &use : scope.uses) {
    std::optional<Name> name = scope.find(use.token.text);
    if (name && name->kind == Name::Kind::label) {
      if (use.table >= 0)
        function.branchTargets[use.table].labels[use.entry] = name->index;
      else
        function.instructions[use.instruction].operands[use.operand].index =
            name->index;
    } else if (!scopes.empty()) {
      scopes.back().uses.push_back(use);
    } else {
      return lexer.fail(use.token,
                        "the label " + describe(use.token) +
                            " is not declared in this block or around it");
    }
  }
}

//===----------------------------------------------------------------------===//
// Labels and what they name
//===----------------------------------------------------------------------===//

void Parser::parseLabel() {
  Token name = expectIdentifier("a label");
  expect(':');
  if (acceptDirective(".branchtargets"))
    return parseBranchTargets(name);
  if (acceptDirective(".calltargets"))
    return parseCallTargets(name);
  if (acceptDirective(".callprototype"))
    return parsePrototype(name);
  declareName(name,
              {Name::Kind::label, static_cast<int>(function.labels.size())});
  function.labels.push_back(
      {std::string(name.text), static_cast<int>(function.instructions.size())});
}

void Parser::parseBranchTargets(const Token &name) {
  int table = static_cast<int>(function.branchTargets.size());
  declareName(name, {Name::Kind::targets, table});
  BranchTargets targets{std::string(name.text), {}};
  do {
    Scope::Use use;
    use.token = expectIdentifier("a label");
    use.table = table;
    use.entry = static_cast<int>(targets.labels.size());
    scopes.back().uses.push_back(use);
    targets.labels.push_back(-1);
  } while (lexer.accept(','));
  expect(';');
  function.branchTargets.push_back(std::move(targets));
}

void Parser::parseCallTargets(const Token &name) {
  declareName(name, {Name::Kind::prototype});
  do {
    Token target = expectIdentifier("a function");
    if (!lexer.failed() && !moduleFunctions.count(target.text))
      lexer.fail(target,
                 "the function " + describe(target) + " is not declared");
  } while (lexer.accept(','));
  expect(';');
}

/// What an indirect call passes: the call has it all itself.
void Parser::parsePrototype(const Token &name) {
  declareName(name, {Name::Kind::prototype});
  std::vector<Variable> results, parameters;
  if (peek().is('('))
    parseParameters(results, true);
  if (!acceptIdentifier("_"))
    return failExpected("'_' in place of a function's name");
  if (peek().is('('))
    parseParameters(parameters, true);
  acceptDirective(".noreturn");
  if (acceptDirective(".abi_preserve") ||
      acceptDirective(".abi_preserve_control"))
    expectInteger("a number of registers", 0, INT32_MAX);
  expect(';');
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

void Parser::parseInstruction() {
  Instruction &instruction = function.instructions.emplace_back();
  instruction.location = location;
  if (lexer.accept('@')) {
    instruction.guardNegated = lexer.accept('!');
    Token token = expectIdentifier("a predicate register");
    if (lexer.failed())
      return;
    auto name = findName(token.text);
    bool isPredicate = name && name->kind == Name::Kind::reg &&
                       function.registers[name->index].bits == 1;
    if (!isPredicate)
      return lexer.fail(token, "expected a register of type .pred as guard, "
                               "not " +
                                   describe(token));
    instruction.guard = name->index;
  }
  if (peek().kind != Kind::identifier || peek().text == "_")
    return failExpected("an instruction");
  instruction.line = peek().line;
  instruction.opcode = lexer.takeOpcode();
  if (!peek().is(';'))
    parseOperands(instruction);
  if (!lexer.accept(';'))
    failExpected("',' or ';' after an operand");
}
