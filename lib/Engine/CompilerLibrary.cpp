//===- CompilerLibrary.cpp - libattn_compiler.so --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C interface of attn/Runtime/CompilerAbi.h on top of attn::compile.
//
//===----------------------------------------------------------------------===//

#include "attn/Engine/Compiler.h"
#include "attn/Runtime/CompilerAbi.h"

#include <cstring>
#include <new>

using namespace attn;

namespace {
/// A result and the strings that it points to.
struct OwnedResult : attn_compiler_result {
  std::string text;
};
} // namespace

/// A null result means that there is no memory.
static attn_compiler_result *makeResult(const Result<std::string> &made,
                                        const CompileTimes &times = {}) {
  auto *result = new OwnedResult();
  result->seconds = times.total;
  result->backend_seconds = times.backend;
  if (made) {
    result->text = *made;
    result->bytes = result->text.data();
    result->size = result->text.size();
  } else {
    result->status = made.code() ? made.code() : ATTN_ERROR_COMPILE;
    result->text = made.error();
  }
  result->message = result->status ? result->text.c_str() : "";
  return result;
}

/// Runs `function(text, name, options, times)`; no exception leaves it.
template <typename Function>
static attn_compiler_result *answer(const attn_compiler_request *given,
                                    Function &&function) {
  try {
    attn_compiler_request request{};
    std::memcpy(&request, given,
                given->size < sizeof(request) ? given->size : sizeof(request));
    CompileOptions options;
    auto take = [](std::string &field, const char *value) {
      if (value && *value)
        field = value;
    };
    take(options.algorithm, request.algorithm);
    take(options.cpu, request.cpu);
    take(options.features, request.features);
    options.tileQ = request.tile_q;
    options.tileKv = request.tile_kv;
    take(options.target, request.target);
    options.warps = request.warps;
    options.stages = request.stages;
    options.alignment = request.alignment;
    options.lineInfo = request.line_info != 0;
    take(options.replayDirectory, request.replay_directory);
    std::string name = request.name ? request.name : "<kernel>";
    CompileTimes times;
    Result<std::string> made =
        function(std::string_view(request.text, request.text_size), name,
                 options, times);
    return makeResult(made, times);
  } catch (const std::bad_alloc &) {
    return nullptr;
  } catch (const std::exception &exception) {
    return makeResult(failure(exception.what(), ATTN_ERROR_COMPILE));
  } catch (...) {
    return makeResult(failure("unknown exception", ATTN_ERROR_COMPILE));
  }
}

int attn_compiler_abi(void) { return ATTN_COMPILER_ABI; }

const char *attn_compiler_version(void) {
  static const std::string version = compilerVersion();
  return version.c_str();
}

attn_compiler_result *
attn_compiler_content_key(const attn_compiler_request *request) {
  return answer(request, [](std::string_view text, const std::string &name,
                            const CompileOptions &options, CompileTimes &) {
    return contentKey(text, name, options);
  });
}

attn_compiler_result *
attn_compiler_package(const attn_compiler_request *request) {
  return answer(request,
                [](std::string_view text, const std::string &name,
                   const CompileOptions &options, CompileTimes &times) {
                  return compile(text, name, options, Emit::package, &times);
                });
}

void attn_compiler_free(attn_compiler_result *result) {
  delete static_cast<OwnedResult *>(result);
}
