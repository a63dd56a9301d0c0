//===- Result.h - A value or an error sentence ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How functions of the runtime report errors: they return the value or one
// sentence that says what was given and what is allowed.  No exceptions.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_SUPPORT_RESULT_H
#define ATTN_SUPPORT_RESULT_H

#include <cassert>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace attn {

/// An error sentence on its way into a `Result` or a `Status`.
struct Failure {
  std::string message;
  /// The class of the error where a caller tells classes apart, else 0.
  int code = 0;
};

/// Makes the failed value of any `Result<T>` and of `Status`.
inline Failure failure(std::string message, int code = 0) {
  return Failure{std::move(message), code};
}

/// A value of type T or an error sentence.
template <typename T>
class [[nodiscard]] Result {
public:
  using value_type = T;

  Result(Failure failure) : state(std::move(failure)) {}
  template <typename U,
            std::enable_if_t<std::is_constructible_v<T, U &&> &&
                                 std::is_convertible_v<U &&, T> &&
                                 !std::is_same_v<std::decay_t<U>, Failure> &&
                                 !std::is_same_v<std::decay_t<U>, Result>,
                             int> = 0>
  Result(U &&value) : state(std::in_place_type<T>, std::forward<U>(value)) {}

  /// True if there is a value.
  explicit operator bool() const { return std::holds_alternative<T>(state); }

  /// The value; only if there is one.
  T &operator*() & { return *get(); }
  const T &operator*() const & { return *get(); }
  T &&operator*() && { return std::move(*get()); }
  T *operator->() { return get(); }
  const T *operator->() const { return get(); }

  /// The error sentence; only if there is no value.
  const std::string &error() const { return getFailure().message; }
  /// The class of the error; only if there is no value.
  int code() const { return getFailure().code; }

  /// The failure, to be returned by a function with another result type.
  Failure takeFailure() const { return getFailure(); }

private:
  const Failure &getFailure() const {
    const Failure *failure = std::get_if<Failure>(&state);
    assert(failure && "error() of a Result that holds a value");
    return *failure;
  }
  T *get() {
    T *value = std::get_if<T>(&state);
    assert(value && "value of a Result that holds an error");
    return value;
  }
  const T *get() const { return const_cast<Result *>(this)->get(); }

  std::variant<T, Failure> state;
};

/// Success or an error sentence.
class [[nodiscard]] Status {
public:
  Status(Failure failure) : failed(true), failure(std::move(failure)) {}
  static Status success() { return Status(); }

  /// True on success.
  explicit operator bool() const { return !failed; }
  /// The error sentence; empty on success.
  const std::string &error() const { return failure.message; }
  /// The class of the error; 0 on success.
  int code() const { return failure.code; }
  Failure takeFailure() const { return failure; }

private:
  Status() = default;
  bool failed = false;
  Failure failure;
};

} // namespace attn

#endif // ATTN_SUPPORT_RESULT_H
