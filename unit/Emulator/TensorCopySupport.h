//===- TensorCopySupport.h - Kernels that copy boxes of tensors -*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel that copies one box between a tensor and shared memory, and where
// each element of the box lies. For tests of cp.async.bulk.tensor.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_TENSORCOPYSUPPORT_H
#define ATTN_UNIT_EMULATOR_TENSORCOPYSUPPORT_H

#include "TestKernel.h"

#include "runtime/devices/emulator/TensorMap.h"

#include <functional>
#include <string>
#include <vector>

namespace attn::test::tensor {

using namespace attn::emulator;
using attn::emulator::bytesOf;

/// What may be written in several ways.
struct Spelling {
  const char *space = ".shared::cluster"; ///< where a load goes
  const char *mode = ".tile";             ///< or nothing, which is the same
  bool hasHint = false;

  std::string hint() const { return hasHint ? ".L2::cache_hint" : ""; }
  std::string policy() const { return hasHint ? ", %d30" : ""; }
};
extern const std::vector<Spelling> spellings;
/// Instructions that make the policy.
extern const std::string makePolicy;

/// A tensor, a box of it and where the copy begins.
struct Copy {
  TensorMapDescription map;
  std::vector<int32_t> origin;
  /// Bytes before the tensor in its buffer.
  uint32_t baseOffset = 0;
  /// Bytes from the beginning of shared memory to the box.
  uint32_t sharedOffset = 0;
  Spelling spelling = {};
};

/// A dense tensor, with `padding` more bytes in each stride.
Copy copyOf(TensorMapType type, std::vector<uint64_t> dims,
            std::vector<uint32_t> box, std::vector<int32_t> origin,
            TensorMapSwizzle swizzle = TensorMapSwizzle::none,
            uint64_t padding = 0);

/// Calls visit(place in shared memory, place in the buffer or -1) for each
/// element of the box.
void forElements(const Copy &copy,
                 const std::function<void(uint64_t, int64_t)> &visit);

/// "{0, 4}" and "2d".
std::string coordinates(const Copy &copy);
std::string rankOf(const Copy &copy);

/// Instructions in which all threads copy words between shared memory, from
/// %r0 on, and buffer 1.
std::string copyShared(uint32_t bytes, bool isLoad);
/// The wait for the mbarrier of loadKernel.
extern const std::string waitForCopy;

/// Thread 0 loads the box from buffer 0, and all threads wait for it. The
/// mbarrier is in %r1.
TestKernel loadKernel(const Copy &copy);
/// All threads copy buffer 1 to shared memory, and thread 0 stores the box to
/// buffer 0, or combines it with that: `reduction` is ".add" then.
TestKernel storeKernel(const Copy &copy, const std::string &reduction);

} // namespace attn::test::tensor

#endif // ATTN_UNIT_EMULATOR_TENSORCOPYSUPPORT_H
