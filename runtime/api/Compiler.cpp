//===- Compiler.cpp - The compiler library, opened when needed ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compiler.h"

#include "BuildId.h"
#include "Neighbour.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>

using namespace attn;
using namespace attn::api;

static Failure missing(const std::string &reason) {
  return failure("the kernel is not in the cache, and " + reason +
                     "; install libattn_compiler.so next to the runtime, set "
                     "ATTN_COMPILER_LIBRARY to its path, or load a package",
                 ATTN_ERROR_COMPILE);
}

static Result<void *> openLibrary() {
  const char *path = std::getenv("ATTN_COMPILER_LIBRARY");
  if (!path || !*path)
    return openNeighbour("libattn_compiler.so");
  if (void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL))
    return handle;
  const char *text = dlerror();
  return failure("the compiler cannot be opened: " +
                 std::string(text ? text : "unknown error of the loader"));
}

Status Compiler::load() {
  Result<void *> handle = openLibrary();
  if (!handle)
    return missing(handle.error());
  auto get = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(
        dlsym(*handle, name));
    return function != nullptr;
  };
  attn_compiler_abi_fn abi;
  attn_compiler_version_fn version;
  if (!get(abi, "attn_compiler_abi") || !get(version, "attn_compiler_version"))
    return missing("the compiler library has no function attn_compiler_abi");
  // The request key holds the build of the runtime for that of the compiler.
  std::string build = "build " ATTN_BUILD_ID;
  if (abi() != ATTN_COMPILER_ABI ||
      std::string(version()).find(build) == std::string::npos)
    return missing("the compiler library is another one than this runtime was "
                   "built with (it is " +
                   std::string(version()) + ", expected " + build + ")");
  if (!get(keyFunction, "attn_compiler_content_key") ||
      !get(packageFunction, "attn_compiler_package") ||
      !get(freeFunction, "attn_compiler_free"))
    return missing("the compiler library lacks a function");
  return Status::success();
}

Result<const Compiler *> Compiler::open(bool &isFirst) {
  static std::mutex mutex;
  static Compiler compiler;
  static bool isOpen = false;
  std::lock_guard<std::mutex> lock(mutex);
  isFirst = !isOpen;
  if (isOpen)
    return &compiler;
  if (Status status = compiler.load(); !status)
    return status.takeFailure();
  isOpen = true;
  return &compiler;
}

Result<std::string> Compiler::run(attn_compiler_run_fn function,
                                  const attn_compiler_request &request,
                                  double *backendSeconds) const {
  attn_compiler_result *result = function(&request);
  if (!result)
    return failure("out of memory", ATTN_ERROR_OUT_OF_MEMORY);
  if (backendSeconds)
    *backendSeconds += result->backend_seconds;
  if (result->status != ATTN_OK) {
    Failure failed = failure(result->message, result->status);
    freeFunction(result);
    return failed;
  }
  std::string bytes(static_cast<const char *>(result->bytes), result->size);
  freeFunction(result);
  return bytes;
}
