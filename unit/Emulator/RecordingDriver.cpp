//===- RecordingDriver.cpp - A libcuda.so.1 for tests ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions are declared as in cuda.h, with int for enumerations.
//
//===----------------------------------------------------------------------===//

#include "RecordingDriver.h"

#include <algorithm>
#include <iterator>

extern "C" {

attn::test::RecordedCall recordedCall = {};

int cuInit(unsigned flags) { return static_cast<int>(flags); }

int cuGetErrorName(int, const char **name) {
  *name = "CUDA_ERROR_OF_TEST";
  return 0;
}

int cuTensorMapEncodeTiled(uint64_t *map, int type, uint32_t rank, void *base,
                           const uint64_t *dims, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *elementStrides,
                           int interleave, int swizzle, int l2Promotion,
                           int fill) {
  recordedCall = {
      recordedCall.answer, type,    rank,        base, {}, {}, {}, {},
      interleave,          swizzle, l2Promotion, fill};
  for (uint32_t i = 0; i < rank && i < std::size(recordedCall.dims); ++i) {
    recordedCall.dims[i] = dims[i];
    recordedCall.box[i] = box[i];
    recordedCall.elementStrides[i] = elementStrides[i];
    if (i > 0)
      recordedCall.strides[i - 1] = strides[i - 1];
  }
  std::fill_n(map, 16, attn::test::recordedWord);
  return recordedCall.answer;
}
}
