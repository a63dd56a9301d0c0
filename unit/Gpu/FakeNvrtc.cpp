//===- FakeNvrtc.cpp - An nvrtc that compiles nothing ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opened by tests by way of $ATTN_NVRTC: refuses every source, with a log.  Its
// version is that in $ATTN_FAKE_NVRTC_VERSION, "12.4", else 13.0; its error
// that in $ATTN_FAKE_NVRTC_ERROR, else 6, NVRTC_ERROR_COMPILATION.
//
//===----------------------------------------------------------------------===//

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

static const char log[] = "kernel.cu(1): error: this compiler is a fake\n";

extern "C" {
int nvrtcVersion(int *major, int *minor) {
  const char *text = std::getenv("ATTN_FAKE_NVRTC_VERSION");
  return std::sscanf(text ? text : "13.0", "%d.%d", major, minor) == 2 ? 0 : 1;
}
int nvrtcCreateProgram(void **program, const char *, const char *, int,
                       const char *const *, const char *const *) {
  *program = nullptr;
  return 0;
}
int nvrtcDestroyProgram(void **) { return 0; }
int nvrtcCompileProgram(void *, int, const char *const *) {
  const char *error = std::getenv("ATTN_FAKE_NVRTC_ERROR");
  return error ? std::atoi(error) : 6;
}
int nvrtcGetProgramLogSize(void *, size_t *size) {
  *size = sizeof(log);
  return 0;
}
int nvrtcGetProgramLog(void *, char *to) {
  std::memcpy(to, log, sizeof(log));
  return 0;
}
// Of nothing there is nothing.
int nvrtcGetPTXSize(void *, size_t *) { return 1; }
int nvrtcGetPTX(void *, char *) { return 1; }
int nvrtcGetCUBINSize(void *, size_t *) { return 1; }
int nvrtcGetCUBIN(void *, char *) { return 1; }
const char *nvrtcGetErrorString(int) { return "NVRTC_ERROR_COMPILATION"; }
}
