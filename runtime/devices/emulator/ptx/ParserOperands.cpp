//===- ParserOperands.cpp - Operands of instructions ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

#include <algorithm>
#include <iterator>

using namespace attn;
using namespace attn::emulator::ptx;

static bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

void Parser::parseOperands(Instruction &instruction) {
  if (startsWith(instruction.opcode, "call"))
    return parseCall(instruction.operands);
  bool isBranch = startsWith(instruction.opcode, "bra");
  do {
    Operand &operand = instruction.operands.emplace_back();
    if (isBranch)
      parseBranchTarget(operand);
    else
      parseOperand(operand);
  } while (!lexer.failed() && lexer.accept(','));
}

/// call (results), function, (arguments), prototype; only the function must be
/// there.
void Parser::parseCall(std::vector<Operand> &operands) {
  if (peek().is('(')) {
    parseElements(operands.emplace_back(), Operand::Kind::list, ')');
    expect(',');
  }
  auto parseSymbol = [&](std::string_view what) {
    if (peek().kind != Kind::identifier)
      return failExpected(what);
    parseSimple(operands.emplace_back());
  };
  parseSymbol("a function");
  bool more = lexer.accept(',');
  if (more && peek().is('(')) {
    parseElements(operands.emplace_back(), Operand::Kind::list, ')');
    more = lexer.accept(',');
  }
  if (more)
    parseSymbol("arguments in parentheses or a prototype");
}

void Parser::parseOperand(Operand &into) {
  if (peek().is('['))
    return parseAddress(into, false);
  if (peek().is('{'))
    return parseElements(into, Operand::Kind::vector, '}');
  if (lexer.accept('!'))
    return parseNegated(into);
  Token token = peek();
  parseSimple(into);
  if (into.kind == Operand::Kind::symbol) {
    if (peek().is('['))
      into.offset = parseIndex(token);
    else
      into.offset = parseOffset();
  }
  if (lexer.accept('|'))
    parsePair(into);
}

void Parser::parseSimple(Operand &into) {
  const Token &next = peek();
  if (next.kind == Kind::number || next.is('-') || next.is('+'))
    return parseImmediate(into);
  if (next.kind != Kind::identifier)
    return failExpected("an operand");
  Token token = lexer.take();
  if (token.text != "_")
    parseName(into, token);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

void Parser::parseName(Operand &into, const Token &token) {
  auto setSymbol = [&](std::string_view name) {
    into.kind = Operand::Kind::symbol;
    into.name = name;
  };
  if (std::optional<Name> name = findName(token.text)) {
    switch (name->kind) {
    case Name::Kind::reg:
      return setRegister(into, token, *name);
    case Name::Kind::parameter:
    case Name::Kind::prototype:
      return setSymbol(token.text);
    case Name::Kind::variable:
      return setSymbol(function.variables[name->index].name);
    case Name::Kind::global:
      return setSymbol(module.variables[name->index].name);
    case Name::Kind::targets:
      into.index = name->index;
      return setSymbol(token.text);
    case Name::Kind::label:
      return lexer.fail(token, "expected a register, a variable or a function, "
                               "not the label " +
                                   describe(token));
    }
  }
  if (moduleVariables.count(token.text) || moduleFunctions.count(token.text))
    return setSymbol(token.text);
  if (setSpecial(into, token))
    return;
  lexer.fail(token, (token.text[0] == '%' ? "the register " : "") +
                        describe(token) + " is not declared" +
                        (token.text[0] == '%'
                             ? ""
                             : "; a register, variable or function was "
                               "expected"));
}

void Parser::setRegister(Operand &into, const Token &token, Name name) {
  into.kind = Operand::Kind::reg;
  into.index = name.index;
  bool hasLane = peek().kind == Kind::directive && lexer.isAdjacent(token);
  if (hasLane) {
    // The lane has two names: .x and .r.
    std::string_view lanes = "xyzwrgba";
    size_t lane = peek().text.size() == 2 ? lanes.find(peek().text[1])
                                          : std::string_view::npos;
    if (name.lanes == 1 || lane == std::string_view::npos ||
        static_cast<int>(lane % 4) >= name.lanes)
      return fail(describe(token) + " has no part " + describe(peek()));
    lexer.take();
    into.index += static_cast<int>(lane % 4);
    return;
  }
  if (name.lanes == 1)
    return;
  into.kind = Operand::Kind::vector;
  for (int lane = 0; lane < name.lanes; ++lane) {
    Operand &element = into.elements.emplace_back();
    element.kind = Operand::Kind::reg;
    element.index = into.index + lane;
  }
  into.index = -1;
}

/// Names without their percent sign. Those of the first row have parts.
static const std::string_view dimensions[] = {
    "tid",       "ntid",       "ctaid",         "nctaid",
    "clusterid", "nclusterid", "cluster_ctaid", "cluster_nctaid"};
static const std::string_view specials[] = {
    "aggr_smem_size",
    "clock",
    "clock64",
    "clock_hi",
    "cluster_ctarank",
    "cluster_nctarank",
    "current_graph_exec",
    "dynamic_smem_size",
    "globaltimer",
    "globaltimer_hi",
    "globaltimer_lo",
    "gridid",
    "is_explicit_cluster",
    "laneid",
    "lanemask_eq",
    "lanemask_ge",
    "lanemask_gt",
    "lanemask_le",
    "lanemask_lt",
    "nsmid",
    "nwarpid",
    "reserved_smem_offset_begin",
    "reserved_smem_offset_cap",
    "reserved_smem_offset_end",
    "smid",
    "total_smem_size",
    "warpid",
};

/// Those that end in a number below a limit.
static const struct {
  std::string_view prefix, suffix;
  int count;
} numberedSpecials[] = {{"envreg", "", 32},
                        {"pm", "", 8},
                        {"pm", "_64", 8},
                        {"reserved_smem_offset_", "", 2}};

static bool isNumberedSpecial(std::string_view name) {
  for (const auto &special : numberedSpecials) {
    if (name.size() < special.suffix.size() ||
        name.substr(name.size() - special.suffix.size()) != special.suffix)
      continue;
    auto split =
        splitNumber(name.substr(0, name.size() - special.suffix.size()));
    if (split && split->first == special.prefix &&
        split->second < special.count)
      return true;
  }
  return false;
}

bool Parser::setSpecial(Operand &into, const Token &token) {
  if (token.text == "WARP_SZ") {
    into.kind = Operand::Kind::integer;
    into.bits = 32;
    return true;
  }
  if (token.text[0] != '%')
    return false;
  std::string_view name = token.text.substr(1);
  bool hasParts = std::find(std::begin(dimensions), std::end(dimensions),
                            name) != std::end(dimensions);
  if (!hasParts &&
      !std::binary_search(std::begin(specials), std::end(specials), name) &&
      !isNumberedSpecial(name))
    return false;
  into.kind = Operand::Kind::special;
  into.name = name;
  if (peek().kind == Kind::directive && lexer.isAdjacent(token)) {
    std::string_view part = peek().text;
    if (!hasParts || (part != ".x" && part != ".y" && part != ".z"))
      fail(describe(token) + " has no part " + describe(peek()));
    into.name += part;
    lexer.take();
  }
  return true;
}

void Parser::parseBranchTarget(Operand &into) {
  into.kind = Operand::Kind::label;
  Scope::Use use;
  use.token = expectIdentifier("a label");
  use.instruction = static_cast<int>(function.instructions.size()) - 1;
  use.operand =
      static_cast<int>(function.instructions.back().operands.size()) - 1;
  scopes.back().uses.push_back(use);
}

void Parser::parseNegated(Operand &into) {
  Token token = expectIdentifier("a predicate register after '!'");
  if (lexer.failed())
    return;
  parseName(into, token);
  if (into.kind != Operand::Kind::reg ||
      function.registers[into.index].bits != 1)
    lexer.fail(token, "expected a register of type .pred after '!', not " +
                          describe(token));
  into.negated = true;
}

void Parser::parsePair(Operand &into) {
  Operand first = std::move(into);
  into = Operand();
  into.kind = Operand::Kind::pair;
  into.elements.push_back(std::move(first));
  parseSimple(into.elements.emplace_back());
  for (const Operand &element : into.elements)
    if (element.kind != Operand::Kind::reg &&
        element.kind != Operand::Kind::discard)
      return fail("expected registers or '_' on both sides of '|'");
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

void Parser::failSign(const Token &token) {
  lexer.fail(token, describe(token) + " has its sign in its digits, expected "
                                      "it without '-'");
}

void Parser::parseImmediate(Operand &into) {
  bool negative = lexer.accept('-');
  if (!negative)
    lexer.accept('+');
  if (peek().kind != Kind::number)
    return failExpected("a number");
  Token token = peek();
  Number number = takeNumber();
  if (lexer.failed())
    return;
  if (negative && number.kind == Number::Kind::single)
    return failSign(token);
  into.bits = number.bits;
  switch (number.kind) {
  case Number::Kind::integer:
    into.kind = Operand::Kind::integer;
    if (negative && number.bits > uint64_t(1) << 63)
      lexer.fail(token,
                 "-" + quote(token.text) + " is smaller than 64 bits hold");
    if (negative)
      into.bits = 0 - number.bits;
    break;
  case Number::Kind::single:
    into.kind = Operand::Kind::single;
    break;
  case Number::Kind::real:
    into.kind = Operand::Kind::real;
    if (negative)
      into.bits ^= uint64_t(1) << 63;
    break;
  }
}

int64_t Parser::parseOffset() {
  int64_t sum = 0;
  while (peek().is('+') || peek().is('-')) {
    bool negative = lexer.take().is('-');
    if (peek().is('+') || peek().is('-'))
      negative ^= lexer.take().is('-');
    Token token = peek();
    auto value = static_cast<int64_t>(
        expectInteger("an integer as offset", 0, INT64_MAX));
    if (__builtin_add_overflow(sum, negative ? -value : value, &sum))
      lexer.fail(token, "the offset is larger than 64 bits hold");
  }
  return sum;
}

/// The bytes of an index: it counts elements, and lanes of vectors, whatever
/// the dimensions of the array are.
int64_t Parser::parseIndex(const Token &array) {
  const Variable *variable = nullptr;
  std::optional<Name> name = findName(array.text);
  auto global = moduleVariables.find(array.text);
  if (name && name->kind == Name::Kind::variable)
    variable = &function.variables[name->index];
  else if (name && name->kind == Name::Kind::global)
    variable = &module.variables[name->index];
  else if (!name && global != moduleVariables.end())
    variable = &module.variables[global->second];
  if (!variable) {
    lexer.fail(array, "expected a variable before '[', not " + describe(array));
    return 0;
  }
  expect('[');
  auto index = static_cast<int64_t>(
      expectInteger("the number of an element", 0, INT32_MAX));
  expect(']');
  return index * variable->elementBytes;
}

//===----------------------------------------------------------------------===//
// Brackets and braces
//===----------------------------------------------------------------------===//

/// [base + offset], or [map, {c0, c1}] with any number of parts.
void Parser::parseAddress(Operand &into, bool isNested) {
  expect('[');
  into.kind = Operand::Kind::address;
  Token token = peek();
  parseSimple(into.elements.emplace_back());
  Operand::Kind base = into.elements[0].kind;
  if (base != Operand::Kind::reg && base != Operand::Kind::symbol &&
      base != Operand::Kind::integer)
    return lexer.fail(token, "expected a register, a variable or an integer "
                             "as address, not " +
                                 describe(token));
  bool hasOffset = peek().is('+') || peek().is('-');
  into.offset = parseOffset();
  if (!hasOffset && base != Operand::Kind::integer && peek().is(','))
    into.kind = Operand::Kind::tensor;
  while (into.kind == Operand::Kind::tensor && !lexer.failed() &&
         lexer.accept(',')) {
    Operand &part = into.elements.emplace_back();
    if (peek().is('{'))
      parseElements(part, Operand::Kind::vector, '}');
    else if (peek().is('[') && !isNested)
      parseAddress(part, true);
    else if (peek().kind == Kind::identifier)
      parseSimple(part);
    else
      failExpected("coordinates in braces");
  }
  expect(']');
}

/// {a, b} or (a, b). Only a call may have an empty list.
void Parser::parseElements(Operand &into, Operand::Kind kind, char close) {
  into.kind = kind;
  lexer.take();
  if (kind == Operand::Kind::list && lexer.accept(close))
    return;
  do
    parseSimple(into.elements.emplace_back());
  while (!lexer.failed() && lexer.accept(','));
  expect(close);
}
