//===- TensorCopySupport.cpp - Kernels that copy boxes of tensors ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorCopySupport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

using namespace attn::emulator;
using namespace attn::test;
using namespace attn::test::tensor;
using attn::emulator::bytesOf;

static constexpr uint32_t sharedBegin = 1024;

const std::vector<Spelling> tensor::spellings = {
    {},
    {".shared::cta", ".tile", true},
    {".shared::cluster", "", true},
    {".shared::cta", "", false},
    {".shared::cluster", ".tile", true}};
const std::string tensor::makePolicy =
    "createpolicy.fractional.L2::evict_first.b64 %d30;\n";

Copy tensor::copyOf(TensorMapType type, std::vector<uint64_t> dims,
                    std::vector<uint32_t> box, std::vector<int32_t> origin,
                    TensorMapSwizzle swizzle, uint64_t padding) {
  Copy copy;
  copy.map.type = type;
  copy.map.rank = static_cast<uint32_t>(dims.size());
  copy.map.swizzle = swizzle;
  uint64_t stride = bytesOf(type);
  for (size_t d = 0; d < dims.size(); ++d) {
    copy.map.dims[d] = dims[d];
    copy.map.box[d] = box[d];
    stride = (stride * dims[d] + 15) / 16 * 16 + padding;
    if (d + 1 < dims.size())
      copy.map.strides[d] = stride;
  }
  copy.origin = std::move(origin);
  return copy;
}

static uint64_t tensorBytes(const Copy &copy) {
  uint64_t bytes = copy.baseOffset + bytesOf(copy.map.type);
  for (uint32_t d = 0; d < copy.map.rank; ++d)
    bytes += (copy.map.dims[d] - 1) *
             (d ? copy.map.strides[d - 1] : bytesOf(copy.map.type));
  return bytes;
}

void tensor::forElements(const Copy &copy,
                         const std::function<void(uint64_t, int64_t)> &visit) {
  const TensorMapDescription &map = copy.map;
  const uint32_t size = bytesOf(map.type);
  // Elements of the box in each dimension.
  uint64_t extents[5] = {1, 1, 1, 1, 1}, count = 1;
  for (uint32_t d = 0; d < map.rank; ++d) {
    uint32_t step = d ? map.elementStrides[d] : 1;
    extents[d] = (map.box[d] + step - 1) / step;
    count *= extents[d];
  }
  for (uint64_t n = 0; n < count; ++n) {
    uint64_t rest = n;
    int64_t offset = copy.baseOffset;
    bool isInside = true;
    for (uint32_t d = 0; d < map.rank; ++d) {
      int64_t step = d ? map.elementStrides[d] : 1;
      int64_t at = copy.origin[d] + int64_t(rest % extents[d]) * step;
      rest /= extents[d];
      isInside = isInside && at >= 0 && at < int64_t(map.dims[d]);
      offset += at * int64_t(d ? map.strides[d - 1] : size);
    }
    // The swizzle is of addresses: 16 bytes are a chunk, and the number of the
    // chunk in its line is XORed with the number of the line, of 128 bytes.
    uint64_t address = sharedBegin + copy.sharedOffset + n * size;
    uint64_t chunk = address / 16, line = address / 128;
    const uint64_t chunks[] = {1, 2, 4, 8};
    chunk ^= line % chunks[static_cast<int>(map.swizzle)];
    visit(chunk * 16 + address % 16 - sharedBegin, isInside ? offset : -1);
  }
}

std::string tensor::coordinates(const Copy &copy) {
  std::string text;
  for (int32_t coordinate : copy.origin)
    text += (text.empty() ? "" : ", ") + std::to_string(coordinate);
  return "{" + text + "}";
}

std::string tensor::rankOf(const Copy &copy) {
  return std::to_string(copy.map.rank) + "d";
}

static uint32_t sharedBytesOf(const Copy &copy) {
  return static_cast<uint32_t>(
      (copy.sharedOffset + copy.map.boxBytes() + 1023) / 1024 * 1024);
}

static void setMap(TestKernel &kernel, const Copy &copy) {
  kernel.maps = {std::vector<uint8_t>(128)};
  kernel.prepare = [map = copy.map, offset = copy.baseOffset](
                       TestKernel &kernel,
                       const std::vector<uint8_t *> &buffers) {
    TensorMapDescription description = map;
    description.base = buffers[0] + offset;
    auto bits = encodeTiled(description);
    ASSERT_TRUE(bits) << bits.error();
    std::memcpy(kernel.maps[0].data(), &*bits, 128);
  };
}

/// The barrier lies behind the box.
static std::string initBarrier(uint32_t bytes) {
  return "mov.u32 %r0, shared;\nadd.u32 %r1, %r0, " + std::to_string(bytes) +
         ";\n@%is0 mbarrier.init.shared.b64 [%r1], 1;\n"
         "@%is0 fence.mbarrier_init.release.cluster;\nbar.sync 0;\n";
}
const std::string tensor::waitForCopy =
    "wait:\nmbarrier.try_wait.parity.shared.b64 %p9, [%r1], 0;\n"
    "@!%p9 bra wait;\n";

std::string tensor::copyShared(uint32_t bytes, bool isLoad) {
  return "mov.u32 %r20, %thread;\nloop:\nsetp.ge.u32 %p1, %r20, " +
         std::to_string(bytes / 4) +
         ";\n@%p1 bra end;\nmul.wide.u32 %d2, %r20, 4;\nadd.u64 %d2, %b1, "
         "%d2;\nshl.b32 %r21, %r20, 2;\nadd.u32 %r21, %r0, %r21;\n" +
         (isLoad
              ? "ld.global.b32 %r22, [%d2];\nst.shared.b32 [%r21], %r22;\n"
              : "ld.shared.b32 %r22, [%r21];\nst.global.b32 [%d2], %r22;\n") +
         "add.u32 %r20, %r20, 128;\nbra loop;\nend:\n";
}

static std::vector<uint8_t> randomBytes(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes((count + 15) / 16 * 16);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  return bytes;
}

TestKernel tensor::loadKernel(const Copy &copy) {
  const uint32_t bytes = sharedBytesOf(copy);
  TestKernel kernel;
  kernel.sharedBytes = bytes + 16;
  kernel.buffers = {randomBytes(tensorBytes(copy), 1),
                    std::vector<uint8_t>(bytes)};
  setMap(kernel, copy);
  kernel.body =
      initBarrier(bytes) + makePolicy +
      "@!%is0 bra wait;\nmbarrier.arrive.expect_tx.shared.b64 _, [%r1], " +
      std::to_string(copy.map.boxBytes()) + ";\ncp.async.bulk.tensor." +
      rankOf(copy) + copy.spelling.space + ".global" + copy.spelling.mode +
      ".mbarrier::complete_tx::bytes" + copy.spelling.hint() + " [%r0+" +
      std::to_string(copy.sharedOffset) + "], [%m0, " + coordinates(copy) +
      "], [%r1]" + copy.spelling.policy() + ";\n" + waitForCopy;
  return kernel;
}

TestKernel tensor::storeKernel(const Copy &copy, const std::string &reduction) {
  const uint32_t bytes = sharedBytesOf(copy);
  TestKernel kernel;
  kernel.sharedBytes = bytes;
  kernel.buffers = {randomBytes(tensorBytes(copy), 1), randomBytes(bytes, 2)};
  setMap(kernel, copy);
  kernel.body =
      "mov.u32 %r0, shared;\n" + copyShared(bytes, true) + makePolicy +
      "fence.proxy.async.shared::cta;\nbar.sync 0;\n@!%is0 bra done;\n" +
      (reduction.empty() ? "cp.async" : "cp.reduce.async") + ".bulk.tensor." +
      rankOf(copy) + ".global.shared::cta" + reduction + copy.spelling.mode +
      ".bulk_group" + copy.spelling.hint() + " [%m0, " + coordinates(copy) +
      "], [%r0+" + std::to_string(copy.sharedOffset) + "]" +
      copy.spelling.policy() +
      ";\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n";
  return kernel;
}
