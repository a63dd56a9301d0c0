//===- ParserVariables.cpp - Variables, registers, initial values ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::emulator::ptx;

//===----------------------------------------------------------------------===//
// Types and sizes
//===----------------------------------------------------------------------===//

static const DataType dataTypes[] = {
    {".b32", 32, DataType::untyped},  {".b64", 64, DataType::untyped},
    {".pred", 1, DataType::none},     {".b16", 16, DataType::untyped},
    {".f32", 32, DataType::floating}, {".b8", 8, DataType::untyped},
    {".u32", 32, DataType::integer},  {".u64", 64, DataType::integer},
    {".s32", 32, DataType::integer},  {".s64", 64, DataType::integer},
    {".f64", 64, DataType::floating}, {".u16", 16, DataType::integer},
    {".s16", 16, DataType::integer},  {".u8", 8, DataType::integer},
    {".s8", 8, DataType::integer},    {".f16", 16, DataType::none},
    {".f16x2", 32, DataType::none},   {".b128", 128, DataType::none},
};

const DataType *Parser::parseType() {
  if (peek().kind == Kind::directive)
    for (const DataType &type : dataTypes)
      if (type.name == peek().text) {
        lexer.take();
        return &type;
      }
  failExpected("a type such as '.b32' or '.f32'");
  return &dataTypes[0];
}

uint32_t Parser::parseAlignment() {
  Token token = peek();
  uint64_t alignment = expectInteger("an alignment", 1, maxAlignment);
  if (alignment & (alignment - 1))
    lexer.fail(token,
               "expected a power of two as alignment, not " + describe(token));
  return static_cast<uint32_t>(alignment);
}

Parser::Head Parser::parseHead(bool isRegister) {
  Head head;
  bool aligned = false;
  while (true) {
    if (acceptDirective(".align")) {
      head.alignment = parseAlignment();
      aligned = true;
    } else if (!isRegister && acceptDirective(".attribute")) {
      parseAttribute();
    } else {
      break;
    }
  }
  if (acceptDirective(".v2"))
    head.lanes = 2;
  else if (acceptDirective(".v4"))
    head.lanes = 4;
  Token token = peek();
  head.type = parseType();
  if (lexer.failed())
    return head;
  if (!isRegister && head.type->bits == 1)
    lexer.fail(token, "expected a type of a variable, not '.pred', which is "
                      "for registers only");
  else if (head.lanes > 1 && head.lanes * head.type->bits > 128)
    lexer.fail(token, "expected a type of at most " +
                          std::to_string(128 / head.lanes) +
                          " bits, so that a vector has at most 128, not " +
                          describe(token));
  else if (!aligned)
    head.alignment = head.lanes * head.type->bits / 8;
  return head;
}

std::vector<uint64_t> Parser::parseDimensions() {
  std::vector<uint64_t> dimensions;
  while (peek().is('[')) {
    if (dimensions.size() == maxDimensions)
      fail("an array has at most " + std::to_string(maxDimensions) +
           " dimensions");
    lexer.take();
    if (dimensions.empty() && lexer.accept(']')) {
      dimensions.push_back(0);
      continue;
    }
    dimensions.push_back(
        expectInteger("a number of elements", 1, maxVariableBytes));
    expect(']');
  }
  return dimensions;
}

uint64_t Parser::sizeOf(const Head &head,
                        const std::vector<uint64_t> &dimensions) {
  uint64_t bytes = head.lanes * head.type->bits / 8;
  for (uint64_t dimension : dimensions) {
    dimension = std::max<uint64_t>(dimension, 1);
    if (bytes > maxVariableBytes / dimension) {
      fail("an array has at most " + std::to_string(maxVariableBytes) +
           " bytes");
      return 0;
    }
    bytes *= dimension;
  }
  return !dimensions.empty() && dimensions[0] == 0 ? 0 : bytes;
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

Variable Parser::parseParameter(bool isPrototype) {
  Variable variable;
  variable.space = Space::param;
  if (!acceptDirective(".param")) {
    failExpected("'.param'");
    return variable;
  }
  Head head = parseHead(false);
  if (head.lanes > 1)
    fail("a parameter is no vector, expected an array of bytes");
  if (acceptDirective(".ptr")) {
    // Which space the pointer points to is advice.
    acceptDirective(".global") || acceptDirective(".shared") ||
        acceptDirective(".const") || acceptDirective(".local");
    if (acceptDirective(".align"))
      variable.pointeeAlignment = parseAlignment();
  }
  bool anonymous = isPrototype && acceptIdentifier("_");
  Token name = peek();
  if (!anonymous)
    expectIdentifier("the name of a parameter");
  std::vector<uint64_t> dimensions = parseDimensions();
  variable.name = name.text;
  variable.line = name.line;
  variable.elementBytes = head.type->bits / 8;
  variable.alignment = head.alignment;
  variable.bytes = sizeOf(head, dimensions);
  if (lexer.failed())
    return variable;
  if (!variable.bytes && function.isKernel && !isPrototype)
    lexer.fail(name,
               "the parameter " + describe(name) + " of a kernel needs a size");
  else if (!isPrototype) {
    declareName(name, {Name::Kind::parameter});
    variableNames.insert(name.text);
  }
  return variable;
}

void Parser::parseVariables(Space space, bool isExternal) {
  Head head = parseHead(false);
  do
    parseVariable(head, space, isExternal);
  while (!lexer.failed() && lexer.accept(','));
  expect(';');
}

void Parser::parseVariable(const Head &head, Space space, bool isExternal) {
  Token name = expectIdentifier("the name of a variable");
  std::vector<uint64_t> dimensions = parseDimensions();
  Variable variable;
  variable.space = space;
  variable.name = name.text;
  variable.line = name.line;
  variable.elementBytes = head.type->bits / 8;
  variable.alignment = head.alignment;
  variable.isExternal = isExternal;
  variable.bytes = sizeOf(head, dimensions);
  if (peek().is('=')) {
    bool allowed = space == Space::global || space == Space::constant;
    if (!allowed || isExternal)
      return fail("a variable " +
                  std::string(allowed ? "from another module"
                                      : "outside of .global "
                                        "and .const") +
                  " has no initial value");
    lexer.take();
    Initial initial{variable, *head.type, dimensions, head.lanes > 1};
    if (initial.isVector)
      initial.dimensions.push_back(head.lanes);
    if (initial.dimensions.empty())
      parseValue(initial, 0);
    else
      parseList(initial, 0, 0);
  }
  if (lexer.failed())
    return;
  if (!variable.bytes && !isExternal)
    return lexer.fail(name, "the array " + describe(name) +
                                " needs a size or an initial value");
  if (variable.bytes > variableBytesLeft)
    return lexer.fail(name, "the variables of a module have at most " +
                                std::to_string(maxVariableBytes) + " bytes");
  variableBytesLeft -= variable.bytes;
  if (scopes.empty())
    declareVariable(name, std::move(variable));
  else
    declareLocally(name, std::move(variable));
}

void Parser::declareVariable(const Token &name, Variable variable) {
  auto [it, isNew] = moduleVariables.emplace(
      name.text, static_cast<int>(module.variables.size()));
  if (!isNew || moduleFunctions.count(name.text)) {
    Variable *before = isNew ? nullptr : &module.variables[it->second];
    if (!before || !(before->isExternal || variable.isExternal))
      return lexer.fail(name, describe(name) + " is declared already");
    if (before->space != variable.space ||
        before->elementBytes != variable.elementBytes ||
        (before->bytes && variable.bytes && before->bytes != variable.bytes))
      return lexer.fail(name, describe(name) +
                                  " differs from its declaration in line " +
                                  std::to_string(before->line));
    if (before->isExternal)
      *before = std::move(variable);
    return;
  }
  module.variables.push_back(std::move(variable));
}

void Parser::declareLocally(const Token &name, Variable variable) {
  bool isGlobal =
      variable.space == Space::global || variable.space == Space::constant;
  std::vector<Variable> &into =
      isGlobal ? module.variables : function.variables;
  int index = static_cast<int>(into.size());
  // A name stands for one variable only, whatever the block; in shared memory,
  // whatever the function.
  bool isKnown = isGlobal || moduleVariables.count(name.text);
  isKnown |= !variableNames.insert(name.text).second;
  if (variable.space == Space::shared)
    isKnown |= !sharedNames.insert(name.text).second;
  if (isKnown)
    variable.name += "@" + std::to_string(renamed++);
  into.push_back(std::move(variable));
  declareName(name,
              {isGlobal ? Name::Kind::global : Name::Kind::variable, index});
}

void Parser::parseRegisters() {
  Head head = parseHead(true);
  do
    parseRegister(head);
  while (!lexer.failed() && lexer.accept(','));
  expect(';');
}

void Parser::parseRegister(const Head &head) {
  Token token = expectIdentifier("the name of a register");
  Name first{Name::Kind::reg, static_cast<int>(function.registers.size()),
             head.lanes};
  uint64_t count = 1;
  bool isRange = lexer.accept('<');
  if (isRange) {
    count = expectInteger("a number of registers", 0, maxRegisters);
    expect('>');
  }
  if (lexer.failed())
    return;
  if (isRange && (token.text.size() > maxRangeName ||
                  (token.text.back() >= '0' && token.text.back() <= '9')))
    return lexer.fail(token, "expected a name of at most " +
                                 std::to_string(maxRangeName) +
                                 " characters that does not end in a digit "
                                 "for a range of registers, not " +
                                 describe(token));
  if (count * head.lanes > registersLeft)
    return lexer.fail(token, "a module has at most " +
                                 std::to_string(maxRegisters) + " registers");
  registersLeft -= count * head.lanes;
  if (!isRange)
    declareName(token, first);
  else if (!scopes.back().declareRange(token.text, static_cast<int>(count),
                                       first))
    return lexer.fail(token,
                      "some of the registers '" + std::string(token.text) +
                          "0' to '" + std::string(token.text) +
                          std::to_string(count - 1) + "' are declared already");
  for (uint64_t n = 0; n < count; ++n) {
    std::string name(token.text);
    if (isRange)
      name += std::to_string(n);
    if (head.lanes == 1) {
      function.registers.push_back({std::move(name), head.type->bits});
      continue;
    }
    for (int lane = 0; lane < head.lanes; ++lane)
      function.registers.push_back(
          {name + "." + "xyzw"[lane], head.type->bits});
  }
}

//===----------------------------------------------------------------------===//
// Initial values
//===----------------------------------------------------------------------===//

/// {a, b} with a list for each element of the outer dimensions.
void Parser::parseList(Initial &into, size_t level, uint64_t offset) {
  uint64_t elementBytes = into.variable.elementBytes;
  for (size_t i = level + 1; i < into.dimensions.size(); ++i)
    elementBytes *= into.dimensions[i];
  bool isInnermost = level + 1 == into.dimensions.size();
  uint64_t expected = into.dimensions[level];

  expect('{');
  uint64_t count = 0;
  while (!lexer.failed() && !peek().is('}')) {
    if (count && !lexer.accept(','))
      return failExpected("',' or '}' in a list of initial values");
    if (expected && count == expected)
      return fail("expected at most " + std::to_string(expected) +
                  " initial values, one for each element");
    if (isInnermost)
      parseValue(into, offset + count * elementBytes);
    else
      parseList(into, level + 1, offset + count * elementBytes);
    ++count;
  }
  if (into.isVector && isInnermost && count != expected)
    return failExpected("the " + std::to_string(expected) +
                        " values of a vector");
  expect('}');
  if (!expected)
    into.variable.bytes = count * elementBytes;
}

void Parser::store(Variable &variable, uint64_t offset, uint64_t bits,
                   int bytes) {
  uint64_t end = offset + bytes;
  if (end > variable.initial.size()) {
    uint64_t more = end - variable.initial.size();
    if (more > initialBytesLeft)
      return fail("the initial values of a module have at most " +
                  std::to_string(maxInitialBytes) + " bytes");
    initialBytesLeft -= more;
    variable.initial.resize(end);
  }
  for (int i = 0; i < bytes; ++i)
    variable.initial[offset + i] = static_cast<char>(bits >> (8 * i));
}

/// The bits of the number as a float of 32 or 64 bits.
static uint64_t floatBits(const Number &number, int bits, bool negative) {
  // Conversions would make signalling NaNs quiet.
  bool sameBits =
      bits == (number.kind == Number::Kind::single ? 32 : 64) && !negative;
  if (sameBits)
    return number.bits;
  uint64_t result = 0;
  double value;
  float single;
  if (number.kind == Number::Kind::single) {
    std::memcpy(&single, &number.bits, sizeof(single));
    value = single;
  } else {
    std::memcpy(&value, &number.bits, sizeof(value));
  }
  if (negative)
    value = -value;
  if (bits == 64) {
    std::memcpy(&result, &value, sizeof(value));
  } else {
    single = static_cast<float>(value);
    std::memcpy(&result, &single, sizeof(single));
  }
  return result;
}

void Parser::parseValue(Initial &into, uint64_t offset) {
  const DataType &type = into.type;
  if (type.initial == DataType::none)
    return fail("a variable of type " + std::string(type.name) +
                " has no initial value, expected another type");
  if (peek().kind == Kind::identifier)
    return parseAddressValue(into, offset, 0);
  Token first = peek();
  bool negative = lexer.accept('-');
  if (peek().kind != Kind::number)
    return failExpected("an initial value");
  Token token = peek();
  Number number = takeNumber();
  if (lexer.failed())
    return;
  if (negative && number.kind == Number::Kind::single)
    return failSign(token);
  bool isInteger = number.kind == Number::Kind::integer;
  if (isInteger && !negative && peek().is('('))
    return parseMaskedValue(into, offset, token, number.bits);

  // Bits of either kind fit an untyped variable of the same size.
  int bits = number.kind == Number::Kind::single ? 32 : 64;
  if (isInteger ? type.initial == DataType::floating
                : type.initial != DataType::floating &&
                      (type.initial != DataType::untyped || bits != type.bits))
    return lexer.fail(token, std::string("expected ") +
                                 (isInteger ? "a floating-point number such as "
                                              "1.0 or 0f3F800000"
                                            : "an integer") +
                                 " for " + std::string(type.name) + ", not " +
                                 describe(token));
  uint64_t limit = negative ? uint64_t(1) << (type.bits - 1)
                            : ~uint64_t(0) >> (64 - type.bits);
  if (isInteger && number.bits > limit)
    return lexer.fail(first, (negative ? "-" : "") + quote(token.text) +
                                 " does not fit into " +
                                 std::string(type.name));
  uint64_t value = number.bits;
  if (isInteger)
    value = negative ? 0 - value : value;
  else
    value = floatBits(number, type.bits, negative);
  store(into.variable, offset, value, type.bits / 8);
}

/// Where in the source of a value the address is in "0xFF00(symbol)": this byte
/// of the address is the value.
void Parser::parseMaskedValue(Initial &into, uint64_t offset,
                              const Token &token, uint64_t mask) {
  int shift = 0;
  while (shift < 64 && uint64_t(0xff) << shift != mask)
    shift += 8;
  if (shift == 64)
    return lexer.fail(token, "expected a mask of one byte of the address such "
                             "as 0xFF00, not " +
                                 describe(token));
  if (into.type.bits != 8)
    return lexer.fail(token, "one byte of an address is the value of a "
                             "variable of type .b8 or .u8, not of " +
                                 std::string(into.type.name));
  expect('(');
  parseAddressValue(into, offset, shift);
  expect(')');
}

/// "symbol", "generic(symbol)", and either with "+ 4".
void Parser::parseAddressValue(Initial &into, uint64_t offset, int shift) {
  Variable::Relocation relocation;
  relocation.offset = offset;
  relocation.shift = shift;
  relocation.bytes = into.type.bits / 8;
  Token name = expectIdentifier("a symbol");
  if (name.text == "generic" && lexer.accept('(')) {
    relocation.generic = true;
    name = expectIdentifier("the name of a variable");
    expect(')');
  }
  relocation.addend = parseOffset();
  if (lexer.failed())
    return;
  bool isAddress = into.type.initial != DataType::floating &&
                   (relocation.bytes >= 4 || peek().is(')'));
  if (!isAddress)
    return lexer.fail(name, "expected a number for " +
                                std::string(into.type.name) + ", not " +
                                describe(name) +
                                "; an address needs .u64 or .b64");
  auto variable = moduleVariables.find(name.text);
  if (variable != moduleVariables.end()) {
    Space space = module.variables[variable->second].space;
    if (space != Space::global && space != Space::constant)
      return lexer.fail(name, "expected a variable in .global or .const, not " +
                                  describe(name));
  } else if (!moduleFunctions.count(name.text)) {
    return lexer.fail(name, describe(name) +
                                " is not declared; a variable or a function "
                                "was expected");
  }
  relocation.symbol = name.text;
  store(into.variable, offset, 0, relocation.bytes);
  into.variable.relocations.push_back(std::move(relocation));
}
