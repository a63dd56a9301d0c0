//===- Lexer.h - The tokens of PTX text -------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_PTX_LEXER_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_PTX_LEXER_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace attn::emulator::ptx {

struct Token {
  enum class Kind : uint8_t {
    end,
    identifier, ///< %r1, $L__BB0_1, _
    directive,  ///< .reg, .b32
    number,     ///< 42, 0x2a, 1.5, 0f3F800000: see parseNumber
    string,     ///< without its quotes
    punctuation ///< one character
  };
  Kind kind = Kind::end;
  std::string_view text;
  int line = 1;

  bool is(char c) const {
    return kind == Kind::punctuation && text.front() == c;
  }
};

/// The value of a number token, without a sign.
struct Number {
  enum class Kind : uint8_t { integer, single, real };
  Kind kind = Kind::integer;
  uint64_t bits = 0; ///< of the integer, of the float, of the double
};

/// The error is a clause that follows the quoted text: "is not a number".
Result<Number> parseNumber(std::string_view text);

/// Reads tokens one after the other. The first error stays, and from then on
/// there is nothing but the end, so that loops over tokens come to an end.
class Lexer {
public:
  explicit Lexer(std::string_view text);

  const Token &peek() const { return current; }
  /// The reference is valid up to the next call.
  const Token &take();
  /// Takes the punctuation if it is next.
  bool accept(char c);

  /// The current token is an identifier: does a colon follow it?
  bool isLabel() const;
  /// Takes the current identifier and the modifiers that follow it, spaces
  /// between them left out: "ld.shared::cta.b32".
  std::string takeOpcode();

  /// The token begins where the one before it ended.
  bool isAdjacent(const Token &before) const {
    return before.text.data() + before.text.size() == current.text.data();
  }

  /// From here on, errors quote the text.
  void beginStatement() { statement = current.text.data(); }

  /// Reports an error at the current token or at another place.
  void fail(std::string what) { fail(current, std::move(what)); }
  void fail(const Token &at, std::string what);
  /// "expected WHAT, not 'token'". If the statement went on up to a line before
  /// the token, that is where something is missing.
  void failExpected(std::string_view what);
  bool failed() const { return error.has_value(); }
  Failure takeFailure() { return std::move(*error); }

private:
  void advance();
  /// Skips spaces and comments; stops at a comment without end.
  const char *skipBlank(const char *at, int &lines) const;
  const char *scanNumber(const char *at) const;

  std::string_view text;
  const char *end;
  const char *cursor; ///< behind the current token
  int line = 1;       ///< of the cursor
  Token current, previous;
  const char *statement;
  std::optional<Failure> error;
};

/// "'ld'", or "the end of the text".
std::string describe(const Token &token);
/// 'text', shortened, with what cannot be printed replaced.
std::string quote(std::string_view text);

} // namespace attn::emulator::ptx

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_PTX_LEXER_H
