//===- Lexer.cpp - The tokens of PTX text ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

using namespace attn;
using namespace attn::emulator::ptx;

namespace {
enum CharClass : uint8_t { space = 1, letter = 2, digit = 4, newline = 8 };

/// Letters are all characters that begin an identifier.
constexpr std::array<uint8_t, 256> makeClasses() {
  std::array<uint8_t, 256> classes{};
  for (char c : {' ', '\t', '\r', '\v', '\f'})
    classes[static_cast<unsigned char>(c)] = space;
  classes['\n'] = space | newline;
  for (int c = '0'; c <= '9'; ++c)
    classes[c] = digit;
  for (int c = 'a'; c <= 'z'; ++c)
    classes[c] = classes[c - 'a' + 'A'] = letter;
  for (char c : {'_', '$', '%'})
    classes[static_cast<unsigned char>(c)] = letter;
  return classes;
}
constexpr std::array<uint8_t, 256> charClasses = makeClasses();

bool is(char c, unsigned classes) {
  return charClasses[static_cast<unsigned char>(c)] & classes;
}

const char *scan(const char *at, const char *end, unsigned classes) {
  while (at != end && is(*at, classes))
    ++at;
  return at;
}

/// An error quotes so much of the text.
constexpr size_t quotedBytes = 100;

bool parseDigits(std::string_view digits, int base, uint64_t &value) {
  auto [end, error] = std::from_chars(
      digits.data(), digits.data() + digits.size(), value, base);
  return error == std::errc() && end == digits.data() + digits.size();
}
} // namespace

std::string emulator::ptx::quote(std::string_view text) {
  std::string quoted = "'";
  for (char c : text.substr(0, quotedBytes))
    quoted += c == '\t' ? ' ' : c < 32 || c > 126 ? '?' : c;
  if (text.size() > quotedBytes)
    quoted += "...";
  return quoted + "'";
}

std::string emulator::ptx::describe(const Token &token) {
  if (token.kind == Token::Kind::end)
    return "the end of the text";
  return quote(token.text);
}

Result<Number> emulator::ptx::parseNumber(std::string_view text) {
  const Failure notANumber = failure("is not a number");
  Number number;
  char prefix = text.size() > 1 && text[0] == '0' ? text[1] | 0x20 : 0;
  if (prefix == 'f' || prefix == 'd') {
    size_t digits = prefix == 'f' ? 8 : 16;
    number.kind = prefix == 'f' ? Number::Kind::single : Number::Kind::real;
    if (text.size() != digits + 2 ||
        !parseDigits(text.substr(2), 16, number.bits))
      return failure(std::string("is not a number: after ") +
                     std::string(text.substr(0, 2)) + " there are " +
                     std::to_string(digits) + " hexadecimal digits");
    return number;
  }
  if (prefix != 'x' && prefix != 'b' &&
      text.find_first_of(".eE") != std::string_view::npos) {
    double value = 0;
    auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range)
      return failure("is out of the range of a double");
    if (error != std::errc() || end != text.data() + text.size())
      return notANumber;
    number.kind = Number::Kind::real;
    std::memcpy(&number.bits, &value, sizeof(value));
    return number;
  }
  int base = prefix == 'x' ? 16 : prefix == 'b' ? 2 : prefix ? 8 : 10;
  std::string_view digits = text.substr(base == 16 || base == 2 ? 2 : 0);
  if (!digits.empty() && digits.back() == 'U')
    digits.remove_suffix(1);
  if (!parseDigits(digits, base, number.bits)) {
    bool valid = !digits.empty() &&
                 std::all_of(digits.begin(), digits.end(), [&](char c) {
                   uint64_t value;
                   return parseDigits({&c, 1}, base, value);
                 });
    return valid ? failure("is larger than 64 bits hold") : notANumber;
  }
  return number;
}

Lexer::Lexer(std::string_view text)
    : text(text), end(text.data() + text.size()), cursor(text.data()),
      statement(text.data()) {
  advance();
}

const Token &Lexer::take() {
  previous = current;
  advance();
  return previous;
}

bool Lexer::accept(char c) {
  if (!current.is(c))
    return false;
  take();
  return true;
}

const char *Lexer::skipBlank(const char *at, int &lines) const {
  while (true) {
    for (; at != end && is(*at, space); ++at)
      lines += *at == '\n';
    if (end - at < 2 || at[0] != '/')
      return at;
    if (at[1] == '/') {
      at = std::find(at, end, '\n');
    } else if (at[1] == '*') {
      std::string_view rest(at + 2, end - at - 2);
      size_t length = rest.find("*/");
      if (length == std::string_view::npos)
        return at;
      lines += static_cast<int>(
          std::count(rest.begin(), rest.begin() + length, '\n'));
      at += length + 4;
    } else {
      return at;
    }
  }
}

/// A sign belongs to a decimal number only, after its 'e'.
const char *Lexer::scanNumber(const char *at) const {
  bool decimal = !(end - at > 1 && at[0] == '0' && is(at[1], letter));
  for (; at != end; ++at) {
    if (decimal && (*at == 'e' || *at == 'E') && end - at > 1 &&
        (at[1] == '+' || at[1] == '-'))
      ++at;
    else if (!is(*at, letter | digit) && *at != '.')
      break;
  }
  return at;
}

void Lexer::advance() {
  if (error)
    return;
  int lines = 0;
  const char *begin = skipBlank(cursor, lines);
  line += lines;
  current.line = line;
  if (begin == end) {
    current.kind = Token::Kind::end;
    current.text = {end, 0};
    cursor = end;
    return;
  }
  const char *at = begin + 1;
  size_t rest = end - at;
  if (is(*begin, letter)) {
    current.kind = Token::Kind::identifier;
    at = scan(at, end, letter | digit);
  } else if (is(*begin, digit) || (*begin == '.' && rest && is(*at, digit))) {
    current.kind = Token::Kind::number;
    at = scanNumber(begin);
  } else if (*begin == '.' && rest && is(*at, letter)) {
    current.kind = Token::Kind::directive;
    at = scan(at, end, letter | digit);
  } else if (*begin == '"') {
    at = std::find_if(at, end, [](char c) { return c == '"' || c == '\n'; });
    current.text = {begin, static_cast<size_t>(at - begin)};
    if (at == end || *at != '"')
      return fail("the string has no end, expected '\"' in this line");
    current = {Token::Kind::string, current.text.substr(1), line};
    cursor = at + 1;
    return;
  } else {
    current.kind = Token::Kind::punctuation;
    current.text = {begin, 1};
    if (*begin == '/' && rest && *at == '*')
      return fail("the comment has no end, expected '*/'");
    if (!std::strchr("{}[]()<>,;:@!|+-=", *begin) || !*begin)
      return fail(*begin >= ' ' && *begin <= '~'
                      ? "the character " + quote(current.text) +
                            " does not belong to PTX"
                      : "the byte " +
                            std::to_string(static_cast<uint8_t>(*begin)) +
                            " does not belong to PTX");
  }
  current.text = {begin, static_cast<size_t>(at - begin)};
  cursor = at;
}

bool Lexer::isLabel() const {
  int lines = 0;
  const char *at = skipBlank(cursor, lines);
  return at != end && *at == ':';
}

std::string Lexer::takeOpcode() {
  std::string opcode(current.text);
  previous = current;
  while (true) {
    const char *begin = cursor;
    while (cursor != end &&
           (is(*cursor, letter | digit) || *cursor == '.' || *cursor == ':'))
      ++cursor;
    opcode.append(begin, cursor);
    int lines = 0;
    const char *next = skipBlank(cursor, lines);
    if (next == end || *next != '.')
      break;
    cursor = next;
    line += lines;
  }
  advance();
  return opcode;
}

void Lexer::fail(const Token &at, std::string what) {
  if (error)
    return;
  // The line of the token, without statements before this one.
  const char *place = at.text.data();
  const char *begin = place;
  while (begin != text.data() && begin != statement && begin[-1] != '\n')
    --begin;
  const char *lineEnd = std::find(place, end, '\n');
  begin = scan(begin, lineEnd, space);
  while (lineEnd != begin && is(lineEnd[-1], space))
    --lineEnd;
  // Of a line without end, what is around the token.
  if (place > begin && static_cast<size_t>(place - begin) > quotedBytes / 2)
    begin = std::min(place - quotedBytes / 2, lineEnd);
  std::string_view quoted(begin, lineEnd - begin);
  std::string message = "line " + std::to_string(at.line) + ": ";
  if (!quoted.empty())
    message += quote(quoted) + ": ";
  error = failure(message + what);
  current.kind = Token::Kind::end;
  current.text = {end, 0};
  cursor = end;
}

void Lexer::failExpected(std::string_view what) {
  std::string message =
      "expected " + std::string(what) + ", not " + describe(current);
  bool continues = previous.text.data() >= statement;
  if (!continues || previous.line == current.line)
    return fail(current, std::move(message));
  if (current.kind != Token::Kind::end)
    message += " of line " + std::to_string(current.line);
  fail(previous, std::move(message));
}
