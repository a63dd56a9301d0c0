//===- Parser.cpp - The module: header, files, functions ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

#include <algorithm>

using namespace attn;
using namespace attn::emulator::ptx;

Result<Module> emulator::ptx::parse(std::string_view text) {
  if (text.size() > maxTextBytes)
    return failure("the PTX text has " + std::to_string(text.size()) +
                   " bytes; at most " + std::to_string(maxTextBytes) +
                   " are supported");
  while (!text.empty() && text.back() == '\0')
    text.remove_suffix(1);
  return Parser(text).run();
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

bool Parser::acceptDirective(std::string_view name) {
  if (!isDirective(name))
    return false;
  lexer.take();
  return true;
}

bool Parser::acceptIdentifier(std::string_view name) {
  if (peek().kind != Kind::identifier || peek().text != name)
    return false;
  lexer.take();
  return true;
}

void Parser::expect(char c) {
  if (!lexer.accept(c))
    failExpected(std::string("'") + c + "'");
}

Token Parser::expectIdentifier(std::string_view what) {
  if (peek().kind != Kind::identifier || peek().text == "_")
    failExpected(what);
  return lexer.take();
}

std::string_view Parser::expectString(std::string_view what) {
  if (peek().kind != Kind::string)
    failExpected(what);
  return lexer.take().text;
}

Number Parser::takeNumber() {
  auto number = parseNumber(peek().text);
  if (!number) {
    fail(quote(peek().text) + " " + number.error());
    return {};
  }
  lexer.take();
  return *number;
}

uint64_t Parser::expectInteger(std::string_view what, uint64_t least,
                               uint64_t most) {
  if (peek().kind != Kind::number) {
    failExpected(what);
    return least;
  }
  Token token = peek();
  Number number = takeNumber();
  if (lexer.failed())
    return least;
  if (number.kind != Number::Kind::integer || number.bits < least ||
      number.bits > most) {
    lexer.fail(token, "expected " + std::string(what) + " from " +
                          std::to_string(least) + " to " +
                          std::to_string(most) + ", not " + describe(token));
    return least;
  }
  return number.bits;
}

//===----------------------------------------------------------------------===//
// The header
//===----------------------------------------------------------------------===//

Result<Module> Parser::run() {
  parseVersion();
  parseTarget();
  parseAddressSize();
  while (peek().kind != Kind::end) {
    lexer.beginStatement();
    parseTopLevel();
  }
  if (lexer.failed())
    return lexer.takeFailure();
  if (module.files.size() < files)
    module.files.resize(files);
  return std::move(module);
}

void Parser::parseVersion() {
  lexer.beginStatement();
  if (!acceptDirective(".version"))
    return failExpected("'.version' at the beginning");
  Token token = lexer.take();
  std::string_view text = token.text;
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  bool valid = token.kind == Kind::number && text.size() == 3 &&
               isDigit(text[0]) && text[1] == '.' && isDigit(text[2]);
  if (!valid || text < "6.0")
    return lexer.fail(
        token, "expected a version of PTX from 6.0 to 9.9 after '.version', "
               "not " +
                   describe(token));
  module.versionMajor = text[0] - '0';
  module.versionMinor = text[2] - '0';
}

/// A target, and 10 * the version of PTX that brought it.
struct Target {
  int sm, version;
};

static const Target *findTarget(int sm) {
  static constexpr Target targets[] = {
      {75, 63}, {80, 70},  {86, 71},  {87, 74},  {88, 90},  {89, 78},
      {90, 78}, {100, 86}, {103, 88}, {110, 90}, {120, 87}, {121, 88}};
  for (const Target &target : targets)
    if (target.sm == sm)
      return &target;
  return nullptr;
}

void Parser::parseTarget() {
  lexer.beginStatement();
  if (!acceptDirective(".target"))
    return failExpected("'.target' after '.version'");
  Token token = lexer.take();
  std::string_view number = token.text;
  bool valid = token.kind == Kind::identifier && number.substr(0, 3) == "sm_";
  if (valid) {
    number.remove_prefix(3);
    char suffix = number.empty() ? 0 : number.back();
    module.archSpecific = suffix == 'a';
    module.familySpecific = suffix == 'f';
    if (suffix == 'a' || suffix == 'f')
      number.remove_suffix(1);
    valid = (number.size() == 2 || number.size() == 3) && number[0] != '0' &&
            number.find_first_not_of("0123456789") == std::string_view::npos;
  }
  if (!valid)
    return lexer.fail(token, "expected a target such as sm_80 or sm_90a, not " +
                                 describe(token));
  module.target = token.text;
  module.sm = static_cast<int>(parseNumber(number)->bits);
  const Target *target = findTarget(module.sm);
  if (!target || (module.archSpecific && module.sm < 90) ||
      (module.familySpecific && module.sm < 100))
    return lexer.fail(token, "expected a target from sm_75 to sm_121 that "
                             "exists, not " +
                                 describe(token));
  // sm_90a came later than sm_90.
  const int version = module.archSpecific && module.sm == 90 ? 80
                      : module.familySpecific                ? 88
                                                             : target->version;
  if (10 * module.versionMajor + module.versionMinor < version)
    return lexer.fail(token, describe(token) + " needs .version " +
                                 std::to_string(version / 10) + "." +
                                 std::to_string(version % 10) + " or later");
  while (lexer.accept(',')) {
    if (!acceptIdentifier("debug") && !acceptIdentifier("texmode_unified") &&
        !acceptIdentifier("texmode_independent"))
      return failExpected(
          "'debug', 'texmode_unified' or 'texmode_independent'");
  }
}

void Parser::parseAddressSize() {
  lexer.beginStatement();
  if (!acceptDirective(".address_size"))
    return;
  Token size = lexer.take();
  if (size.text != "64")
    lexer.fail(size, "expected an address size of 64, the only one that is "
                     "supported, not " +
                         describe(size));
}

//===----------------------------------------------------------------------===//
// Directives of the module
//===----------------------------------------------------------------------===//

void Parser::parseTopLevel() {
  if (acceptDirective(".file"))
    return parseFile();
  if (acceptDirective(".section"))
    return parseSection();
  if (acceptDirective(".pragma")) {
    parsePragma();
    return;
  }
  if (acceptDirective(".alias"))
    return parseAlias();

  bool isExternal = acceptDirective(".extern");
  if (!isExternal && !acceptDirective(".visible") && !acceptDirective(".weak"))
    acceptDirective(".common");
  if (isDirective(".entry") || isDirective(".func"))
    return parseFunction(lexer.take().text == ".entry");
  if (acceptDirective(".global"))
    return parseVariables(Space::global, isExternal);
  if (acceptDirective(".const"))
    return parseVariables(Space::constant, isExternal);
  if (acceptDirective(".shared"))
    return parseVariables(Space::shared, isExternal);
  failExpected("a function (.entry, .func), a variable (.global, .const, "
               ".shared), '.file', '.section', '.pragma' or '.alias'");
}

void Parser::parseFile() {
  uint64_t number = expectInteger("the number of a file", 0, maxFileNumber);
  std::string_view name = expectString("the name of a file in quotes");
  if (lexer.accept(',')) {
    expectInteger("the time of the file", 0, UINT64_MAX);
    expect(',');
    expectInteger("the size of the file", 0, UINT64_MAX);
  }
  if (lexer.failed())
    return;
  if (module.files.size() <= number)
    module.files.resize(number + 1);
  module.files[number] = name;
}

/// Debug information; what counts for us is in `.loc`.
void Parser::parseSection() {
  if (peek().kind != Kind::directive && peek().kind != Kind::identifier)
    failExpected("the name of a section");
  Token name = lexer.take();
  expect('{');
  while (peek().kind != Kind::end && !peek().is('}') && !peek().is('{'))
    lexer.take();
  if (!lexer.accept('}'))
    failExpected("'}' at the end of the section " + describe(name) +
                 " of line " + std::to_string(name.line));
}

/// Advice for ptxas.
void Parser::parsePragma() {
  do
    expectString("a pragma in quotes");
  while (lexer.accept(','));
  expect(';');
}

static bool haveSameSizes(const std::vector<Variable> &a,
                          const std::vector<Variable> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Variable &x, const Variable &y) {
                      return x.bytes == y.bytes && x.alignment == y.alignment;
                    });
}

static bool haveSameSignature(const Function &a, const Function &b) {
  return a.isKernel == b.isKernel && haveSameSizes(a.results, b.results) &&
         haveSameSizes(a.parameters, b.parameters);
}

void Parser::parseAlias() {
  auto expectFunction = [&](std::string_view what) -> int {
    Token name = expectIdentifier(what);
    auto it = moduleFunctions.find(name.text);
    if (it != moduleFunctions.end())
      return it->second;
    lexer.fail(name, "the function " + describe(name) + " is not declared");
    return -1;
  };
  Token first = peek();
  int alias = expectFunction("the name of the alias");
  expect(',');
  Token second = peek();
  int target = expectFunction("the name of a function");
  expect(';');
  if (lexer.failed())
    return;
  Function &from = module.functions[alias], &to = module.functions[target];
  if (from.hasBody || !from.aliasOf.empty())
    return lexer.fail(first, describe(first) +
                                 " cannot be an alias, because it is defined "
                                 "already");
  if (!to.hasBody)
    return lexer.fail(second, "expected a function with a body, not " +
                                  describe(second));
  if (!haveSameSignature(from, to))
    return lexer.fail(first, "the function " + describe(first) +
                                 " differs from " + describe(second) +
                                 ", for which it stands");
  from.aliasOf = to.name;
}

void Parser::parseAttribute() {
  expect('(');
  do {
    if (acceptDirective(".managed"))
      continue;
    if (!acceptDirective(".unified")) {
      failExpected("'.managed' or '.unified'");
      break;
    }
    expect('(');
    expectInteger("a number", 0, UINT64_MAX);
    expect(',');
    expectInteger("a number", 0, UINT64_MAX);
    expect(')');
  } while (lexer.accept(','));
  expect(')');
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void Parser::parseFunction(bool isKernel) {
  function = Function();
  function.isKernel = isKernel;
  scopes.emplace_back();
  variableNames.clear();
  location = Location();

  if (acceptDirective(".attribute"))
    parseAttribute();
  if (!isKernel && peek().is('('))
    parseParameters(function.results, false);
  Token name = expectIdentifier("the name of a function");
  function.name = name.text;
  function.line = name.line;
  if (peek().is('('))
    parseParameters(function.parameters, false);
  parseFunctionDirectives();
  function.hasBody = peek().is('{');
  if (!function.hasBody && !peek().is(';'))
    failExpected("'{' or ';' after the head of the function " + describe(name));

  int index = declareFunction(name);
  if (lexer.failed())
    return;
  if (function.hasBody)
    parseBody();
  else
    expect(';');
  scopes.clear();
  module.functions[index] = std::move(function);
}

void Parser::parseParameters(std::vector<Variable> &into, bool isPrototype) {
  expect('(');
  if (lexer.accept(')'))
    return;
  do
    into.push_back(parseParameter(isPrototype));
  while (!lexer.failed() && lexer.accept(','));
  expect(')');
}

void Parser::parseTriple(uint32_t (&into)[3], std::string_view what) {
  into[1] = into[2] = 1;
  for (uint32_t &value : into) {
    value = static_cast<uint32_t>(expectInteger(what, 1, INT32_MAX));
    if (!lexer.accept(','))
      return;
  }
  failExpected("at most three numbers");
}

void Parser::parseFunctionDirectives() {
  constexpr uint64_t most = INT32_MAX;
  while (peek().kind == Kind::directive) {
    if (acceptDirective(".pragma")) {
      parsePragma();
    } else if (!function.isKernel && acceptDirective(".noreturn")) {
      continue;
    } else if (acceptDirective(".abi_preserve") ||
               acceptDirective(".abi_preserve_control")) {
      expectInteger("a number of registers", 0, most);
    } else if (!function.isKernel) {
      return failExpected("'.noreturn', '.pragma', '{' or ';'");
    } else if (acceptDirective(".maxntid")) {
      parseTriple(function.maxThreads, "a number of threads");
    } else if (acceptDirective(".reqntid")) {
      parseTriple(function.requiredThreads, "a number of threads");
    } else if (acceptDirective(".reqnctapercluster")) {
      parseTriple(function.requiredCluster, "a number of CTAs");
    } else if (acceptDirective(".maxnreg")) {
      function.maxRegisters = static_cast<uint32_t>(
          expectInteger("a number of registers", 1, most));
    } else if (acceptDirective(".minnctapersm")) {
      function.minCtas =
          static_cast<uint32_t>(expectInteger("a number of CTAs", 1, most));
    } else if (acceptDirective(".maxnctapersm") ||
               acceptDirective(".maxclusterrank")) {
      expectInteger("a number of CTAs", 1, most);
    } else if (!acceptDirective(".explicitcluster")) {
      return failExpected("a directive of a kernel such as '.maxntid', or '{'");
    }
  }
}

int Parser::declareFunction(const Token &name) {
  if (lexer.failed())
    return -1;
  if (moduleVariables.count(name.text)) {
    lexer.fail(name, describe(name) + " is declared already, as a variable");
    return -1;
  }
  auto [it, isNew] = moduleFunctions.emplace(
      name.text, static_cast<int>(module.functions.size()));
  if (isNew) {
    // The body may name the function itself.
    module.functions.emplace_back();
  } else {
    const Function &before = module.functions[it->second];
    std::string line = " in line " + std::to_string(before.line);
    if (before.hasBody || !before.aliasOf.empty())
      lexer.fail(name, "the function " + describe(name) +
                           " is defined already" + line);
    else if (!haveSameSignature(before, function))
      lexer.fail(name, "the function " + describe(name) +
                           " differs from its declaration" + line);
  }
  return it->second;
}
