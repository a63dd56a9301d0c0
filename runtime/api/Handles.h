//===- Handles.h - The objects behind the C interface -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the opaque types of attn/c.h are, and the helpers that its functions
// share.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_API_HANDLES_H
#define ATTN_RUNTIME_API_HANDLES_H

#include "EngineState.h"
#include "attn/Runtime/Module.h"
#include "attn/c.h"

#include <atomic>
#include <memory>
#include <string>

struct attn_error {
  attn_status status = ATTN_ERROR_ARGUMENTS;
  std::string message, location, log;
};

struct attn_engine {
  std::shared_ptr<attn::api::EngineState> state;
};

struct attn_kernel {
  std::atomic<int64_t> references{1};
  /// A kernel outlives the engine that made it.
  std::shared_ptr<attn::api::EngineState> engine;
  /// For the device cpu: the payload.
  std::shared_ptr<const attn::Module> module;
  attn::Module::Code code{};
  /// For a GPU: the code on it.
  std::shared_ptr<const attn::GpuCode> gpuCode;
  const attn::ManifestEntry *entry = nullptr;
};

namespace attn::api {

/// Stores an error if the caller wants one; `error` may be null.
attn_status fail(attn_error **error, attn_status status,
                 std::string message) noexcept;
/// The class of the failure is its code, or `status` where it has none.  What a
/// compiler said is split into location, sentence and log.
attn_status fail(attn_error **error, const Failure &failure,
                 attn_status status) noexcept;

/// Runs the body of a function of the C interface: no exception leaves it.
template <typename Function>
attn_status guardedCall(attn_error **error, Function &&function) noexcept {
  if (error)
    *error = nullptr;
  try {
    return function();
  } catch (const std::bad_alloc &) {
    return fail(error, ATTN_ERROR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &exception) {
    return fail(error, ATTN_ERROR_DEVICE, exception.what());
  } catch (...) {
    return fail(error, ATTN_ERROR_DEVICE, "unknown exception");
  }
}

/// A copy of a structure that begins with `size`, as far as the version of the
/// caller reaches; fields behind are zero.
template <typename T>
T copySized(const T *given) {
  T copy{};
  if (given)
    __builtin_memcpy(&copy, given,
                     given->size < sizeof(T) ? given->size : sizeof(T));
  return copy;
}

/// The kernel of an entry, or of the only one, of what EngineState::loadCode
/// has made.
Result<attn_kernel *> makeKernel(std::shared_ptr<EngineState> engine,
                                 std::shared_ptr<const LoadedCode> code,
                                 const char *name);

} // namespace attn::api

#endif // ATTN_RUNTIME_API_HANDLES_H
