//===- Compiler.h - The compiler library, opened when needed ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_API_COMPILER_H
#define ATTN_RUNTIME_API_COMPILER_H

#include "attn/Runtime/CompilerAbi.h"
#include "attn/Support/Result.h"

#include <string>

namespace attn::api {

/// libattn_compiler.so.  It stays open: LLVM cannot be unloaded.
class Compiler {
public:
  /// The library at $ATTN_COMPILER_LIBRARY, else the one next to the runtime.
  /// `isFirst` is set if this call opened it.  Thread-safe.
  static Result<const Compiler *> open(bool &isFirst);

  Result<std::string> contentKey(const attn_compiler_request &request) const {
    return run(keyFunction, request);
  }
  /// Adds to `backendSeconds` what nvrtc or LLVM's back end took.
  Result<std::string> package(const attn_compiler_request &request,
                              double &backendSeconds) const {
    return run(packageFunction, request, &backendSeconds);
  }

private:
  Status load();
  Result<std::string> run(attn_compiler_run_fn function,
                          const attn_compiler_request &request,
                          double *backendSeconds = nullptr) const;

  attn_compiler_run_fn keyFunction = nullptr, packageFunction = nullptr;
  attn_compiler_free_fn freeFunction = nullptr;
};

} // namespace attn::api

#endif // ATTN_RUNTIME_API_COMPILER_H
