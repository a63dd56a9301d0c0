//===- Parser.h - From PTX text to a syntax tree ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A parser by recursive descent; see ptx::parse. What it accepts is what ptxas
// accepts, as far as nvrtc, nvcc, clang and people who write inline assembly
// make use of it.
//
//   Parser.cpp           the module: header, files, functions
//   ParserVariables.cpp  variables, registers, initial values
//   ParserBody.cpp       blocks, labels, instructions
//   ParserOperands.cpp   operands
//
// After an error the lexer gives nothing but the end of the text, so the
// functions go on with harmless values until they come to their end.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_PTX_PARSER_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_PTX_PARSER_H

#include "Ast.h"
#include "Lexer.h"
#include "Scope.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace attn::emulator::ptx {

/// Bounds of what a text may ask for, in all of a module where not said
/// otherwise. Real modules stay far below.
constexpr size_t maxTextBytes = size_t(1) << 26;
constexpr uint64_t maxRegisters = 1 << 20;
constexpr size_t maxRangeName = 64; ///< characters of "%r" in "%r<9>"
constexpr uint64_t maxVariableBytes = uint64_t(1) << 28;
constexpr uint64_t maxInitialBytes = uint64_t(1) << 26;
constexpr uint64_t maxAlignment = 1 << 20; ///< of a variable
constexpr size_t maxDimensions = 8;        ///< of a variable
constexpr size_t maxBlockDepth = 64;       ///< braces in a function
constexpr uint64_t maxFileNumber = 1 << 16;

/// A type of registers and variables.
struct DataType {
  std::string_view name; ///< with its dot
  int bits;
  /// What an initial value may be: a float for `floating`, an integer or an
  /// address for `integer`, either for `untyped`.
  enum Class : uint8_t { integer, untyped, floating, none } initial;
};

class Parser {
public:
  explicit Parser(std::string_view text) : lexer(text) {}
  Result<Module> run();

private:
  using Kind = Token::Kind;

  // Tokens.
  const Token &peek() const { return lexer.peek(); }
  bool isDirective(std::string_view name) const {
    return peek().kind == Kind::directive && peek().text == name;
  }
  bool acceptDirective(std::string_view name);
  bool acceptIdentifier(std::string_view name);
  void fail(std::string what) { lexer.fail(std::move(what)); }
  void failExpected(std::string_view what) { lexer.failExpected(what); }
  void expect(char c);
  Token expectIdentifier(std::string_view what);
  std::string_view expectString(std::string_view what);
  uint64_t expectInteger(std::string_view what, uint64_t least, uint64_t most);
  Number takeNumber();
  /// Of a minus sign before 0f3F800000.
  void failSign(const Token &token);

  // The module.
  void parseVersion();
  void parseTarget();
  void parseAddressSize();
  void parseTopLevel();
  void parseFile();
  void parseSection();
  void parsePragma();
  void parseAlias();
  void parseAttribute();
  void parseFunction(bool isKernel);
  void parseParameters(std::vector<Variable> &into, bool isPrototype);
  void parseFunctionDirectives();
  void parseTriple(uint32_t (&into)[3], std::string_view what);
  /// The index in Module::functions that the current function gets.
  int declareFunction(const Token &name);

  // Variables.
  /// What stands between the space and the name.
  struct Head {
    const DataType *type;
    int lanes = 1;
    uint32_t alignment = 1;
  };
  Head parseHead(bool isRegister);
  const DataType *parseType();
  uint32_t parseAlignment();
  Variable parseParameter(bool isPrototype);
  /// The brackets behind a name. A first dimension without a number is 0.
  std::vector<uint64_t> parseDimensions();
  /// Elements times bytes; fails if they are too many.
  uint64_t sizeOf(const Head &head, const std::vector<uint64_t> &dimensions);
  void parseVariables(Space space, bool isExternal);
  void parseVariable(const Head &head, Space space, bool isExternal);
  void parseRegisters();
  void parseRegister(const Head &head);
  void declareVariable(const Token &name, Variable variable);
  void declareLocally(const Token &name, Variable variable);

  struct Initial {
    Variable &variable;
    const DataType &type;
    std::vector<uint64_t> dimensions; ///< with that of a vector at the end
    bool isVector;
  };
  void parseList(Initial &into, size_t level, uint64_t offset);
  void parseValue(Initial &into, uint64_t offset);
  void parseMaskedValue(Initial &into, uint64_t offset, const Token &token,
                        uint64_t mask);
  void parseAddressValue(Initial &into, uint64_t offset, int shift);
  void store(Variable &variable, uint64_t offset, uint64_t bits, int bytes);

  // Bodies.
  void parseBody();
  void parseStatement();
  void parseLocation();
  void parseLabel();
  void parseBranchTargets(const Token &name);
  void parseCallTargets(const Token &name);
  void parsePrototype(const Token &name);
  void parseInstruction();
  void closeBlock();
  void declareName(const Token &token, Name name);
  std::optional<Name> findName(std::string_view name) const;

  // Operands.
  void parseOperands(Instruction &instruction);
  void parseCall(std::vector<Operand> &operands);
  void parseOperand(Operand &into);
  /// An operand without brackets or braces.
  void parseSimple(Operand &into);
  void parseName(Operand &into, const Token &token);
  void parseBranchTarget(Operand &into);
  void parseNegated(Operand &into);
  void parseImmediate(Operand &into);
  void parsePair(Operand &into);
  void parseAddress(Operand &into, bool isNested);
  void parseElements(Operand &into, Operand::Kind kind, char close);
  /// "+ 4", "+-4", "- 4" or nothing.
  int64_t parseOffset();
  int64_t parseIndex(const Token &array);
  void setRegister(Operand &into, const Token &token, Name name);
  bool setSpecial(Operand &into, const Token &token);

  Lexer lexer;
  Module module;
  std::unordered_map<std::string_view, int> moduleVariables, moduleFunctions;
  /// Names of .shared variables of all functions.
  std::unordered_set<std::string_view> sharedNames;
  uint64_t registersLeft = maxRegisters;
  uint64_t variableBytesLeft = maxVariableBytes;
  uint64_t initialBytesLeft = maxInitialBytes;
  uint64_t files = 0; ///< numbers of files that `.loc` used

  int renamed = 0; ///< variables so far

  // Of the current function.
  Function function;
  std::vector<Scope> scopes;
  std::unordered_set<std::string_view> variableNames;
  Location location;
};

} // namespace attn::emulator::ptx

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_PTX_PARSER_H
