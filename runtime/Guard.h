//===- Guard.h - No exception leaves the runtime ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Public functions that allocate run inside of `guarded`, which turns
// exceptions of the standard library and of oneTBB into error sentences.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_GUARD_H
#define ATTN_RUNTIME_GUARD_H

#include "attn/Support/Result.h"

#include <exception>
#include <new>

namespace attn {

/// Calls `function`, which returns a Result or a Status.
template <typename Function>
auto guarded(Function &&function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc &) {
    return failure("out of memory");
  } catch (const std::exception &exception) {
    return failure(exception.what());
  } catch (...) {
    return failure("unknown exception");
  }
}

} // namespace attn

#endif // ATTN_RUNTIME_GUARD_H
