//===- Result.h - Element types, errors and results -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of attn/attn.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CPP_RESULT_H
#define ATTN_CPP_RESULT_H

#include "attn/c.h"

#include <cassert>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace attn {
// Names of this version of the interface, so that programs that were compiled
// with different versions can be linked together.
inline namespace v1 {

/// Element types; attn::f32 and so on.  An index is an int64_t, an i1 a byte
/// that holds 0 or 1.
enum class Type {
  f32 = ATTN_F32,
  f16 = ATTN_F16,
  bf16 = ATTN_BF16,
  f64 = ATTN_F64,
  i32 = ATTN_I32,
  i64 = ATTN_I64,
  index = ATTN_INDEX,
  i8 = ATTN_I8,
  i1 = ATTN_I1
};
inline constexpr Type f32 = Type::f32, f16 = Type::f16, bf16 = Type::bf16,
                      f64 = Type::f64, i8 = Type::i8, i32 = Type::i32,
                      i64 = Type::i64;

namespace detail {
inline const char *typeName(Type type) {
  switch (type) {
  case Type::f32:
    return "f32";
  case Type::f16:
    return "f16";
  case Type::bf16:
    return "bf16";
  case Type::f64:
    return "f64";
  case Type::i32:
    return "i32";
  case Type::i64:
    return "i64";
  case Type::index:
    return "index";
  case Type::i8:
    return "i8";
  case Type::i1:
    return "i1";
  }
  return "unknown";
}
} // namespace detail

/// What kind of thing went wrong; see attn_status in attn/c.h.
enum class ErrorClass {
  none = ATTN_OK,
  parse = ATTN_ERROR_PARSE,
  verify = ATTN_ERROR_VERIFY,
  unsupported = ATTN_ERROR_UNSUPPORTED,
  compile = ATTN_ERROR_COMPILE,
  cache = ATTN_ERROR_CACHE,
  arguments = ATTN_ERROR_ARGUMENTS,
  device = ATTN_ERROR_DEVICE,
  outOfMemory = ATTN_ERROR_OUT_OF_MEMORY
};

/// Why something failed, or nothing.
class Error {
public:
  Error() = default;
  Error(ErrorClass kind, std::string message)
      : errorClass(kind), sentence(std::move(message)) {}
  /// Takes over an error of the C interface; null means there is none.
  explicit Error(attn_error *error) {
    if (!error)
      return;
    errorClass = static_cast<ErrorClass>(attn_error_status(error));
    sentence = attn_error_message(error);
    place = attn_error_location(error);
    details = attn_error_log(error);
    attn_error_free(error);
  }

  /// True if there is an error.
  explicit operator bool() const { return errorClass != ErrorClass::none; }
  ErrorClass kind() const { return errorClass; }
  /// One sentence: what was given, what is allowed.
  const std::string &message() const { return sentence; }
  /// "name:line:column" in the text that was compiled, or empty.
  const std::string &location() const { return place; }
  /// All that the compiler said, or empty.
  const std::string &log() const { return details; }
  /// Class, location and message in one line.
  std::string text() const {
    return std::string(attn_status_name(static_cast<attn_status>(errorClass))) +
           " error: " + (place.empty() ? "" : place + ": ") + sentence;
  }

private:
  ErrorClass errorClass = ErrorClass::none;
  std::string sentence, place, details;
};

/// A value or an error.  There must be a value where it is read.
template <typename T>
class [[nodiscard]] Result {
public:
  Result(Error error) : failure(std::move(error)) {}
  Result(T value) : made(std::move(value)) {}

  /// True if there is a value.
  explicit operator bool() const { return made.has_value(); }
  T &operator*() & {
    assert(made && "the value of a Result that holds an error");
    return *made;
  }
  const T &operator*() const & {
    assert(made && "the value of a Result that holds an error");
    return *made;
  }
  T &&operator*() && {
    assert(made && "the value of a Result that holds an error");
    return std::move(*made);
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }
  const Error &error() const { return failure; }

private:
  std::optional<T> made;
  Error failure;
};

/// Success or an error.
template <>
class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)) {}

  /// True on success.
  explicit operator bool() const { return !failure; }
  const Error &error() const { return failure; }

private:
  Error failure;
};

} // namespace v1
} // namespace attn

#endif // ATTN_CPP_RESULT_H
