//===- Error.cpp - Errors of the C interface ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handles.h"

using namespace attn;
using namespace attn::api;

const char *attn_status_name(attn_status status) {
  switch (status) {
  case ATTN_OK:
    return "ok";
  case ATTN_ERROR_PARSE:
    return "parse";
  case ATTN_ERROR_VERIFY:
    return "verify";
  case ATTN_ERROR_UNSUPPORTED:
    return "unsupported";
  case ATTN_ERROR_COMPILE:
    return "compile";
  case ATTN_ERROR_CACHE:
    return "cache";
  case ATTN_ERROR_ARGUMENTS:
    return "arguments";
  case ATTN_ERROR_DEVICE:
    return "device";
  case ATTN_ERROR_OUT_OF_MEMORY:
    return "out of memory";
  }
  return "unknown";
}

/// Where there is no memory for an error, this one is given.
static attn_error *outOfMemoryError() {
  static attn_error error{ATTN_ERROR_OUT_OF_MEMORY, "out of memory", "", ""};
  return &error;
}

/// "kernel:3:7" at the start of a diagnostic "kernel:3:7: error: ...".
static size_t locationLength(const std::string &line) {
  size_t end = line.find(": error: ");
  return end == std::string::npos ? 0 : end;
}

/// Splits what a compiler said: the first error is the message.
static void splitLog(const std::string &text, attn_error &error) {
  error.message = text.substr(0, text.find('\n'));
  if (text.find('\n') != std::string::npos)
    error.log = text;
  if (size_t length = locationLength(error.message)) {
    error.location = error.message.substr(0, length);
    error.message.erase(0, length + std::string(": error: ").size());
  }
}

attn_status attn::api::fail(attn_error **error, attn_status status,
                            std::string message) noexcept {
  return fail(error, Failure{std::move(message), status}, status);
}

attn_status attn::api::fail(attn_error **error, const Failure &failure,
                            attn_status status) noexcept {
  if (failure.code > ATTN_OK && failure.code <= ATTN_ERROR_OUT_OF_MEMORY)
    status = static_cast<attn_status>(failure.code);
  if (!error)
    return status;
  try {
    auto made = std::make_unique<attn_error>();
    made->status = status;
    splitLog(failure.message, *made);
    *error = made.release();
  } catch (...) {
    *error = outOfMemoryError();
  }
  return status;
}

attn_status attn_error_status(const attn_error *error) {
  return error ? error->status : ATTN_OK;
}
const char *attn_error_message(const attn_error *error) {
  return error ? error->message.c_str() : "";
}
const char *attn_error_location(const attn_error *error) {
  return error ? error->location.c_str() : "";
}
const char *attn_error_log(const attn_error *error) {
  return error ? error->log.c_str() : "";
}
void attn_error_free(attn_error *error) {
  if (error != outOfMemoryError())
    delete error;
}
