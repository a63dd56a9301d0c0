//===- RecordingDriver.h - A libcuda.so.1 for tests -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A library with the name of NVIDIA's driver that keeps the arguments of
// cuTensorMapEncodeTiled, so that no GPU is needed to see what it is given.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_RECORDINGDRIVER_H
#define ATTN_UNIT_EMULATOR_RECORDINGDRIVER_H

#include <cstdint>

namespace attn::test {

/// What the library was called with last, and what it is to answer.  Its symbol
/// is `recordedCall`.
struct RecordedCall {
  int answer;
  int type;
  uint32_t rank;
  void *base;
  uint64_t dims[5], strides[4];
  uint32_t box[5], elementStrides[5];
  int interleave, swizzle, l2Promotion, fill;
};

/// Every word of the tensor maps that it makes.
constexpr uint64_t recordedWord = 0x0123456789abcdef;

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_RECORDINGDRIVER_H
