//===- TensorCopyTest.cpp - cp.async.bulk.tensor --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Boxes of tensors of every rank against an enumeration, element by element,
// of what the copy should move.
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

#include "runtime/devices/emulator/TensorMap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

using namespace attn::emulator;
using namespace attn::test;
using attn::emulator::bytesOf;

namespace {

constexpr uint32_t sharedBegin = 1024;

/// A tensor, a box of it and where the copy begins.
struct Copy {
  TensorMapDescription map;
  std::vector<int32_t> origin;
  /// Bytes before the tensor in its buffer.
  uint32_t baseOffset = 0;
  /// Bytes from the beginning of shared memory to the box.
  uint32_t sharedOffset = 0;
};

/// A dense tensor, with `padding` more bytes in each stride.
Copy copyOf(TensorMapType type, std::vector<uint64_t> dims,
            std::vector<uint32_t> box, std::vector<int32_t> origin,
            TensorMapSwizzle swizzle = TensorMapSwizzle::none,
            uint64_t padding = 0) {
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

uint64_t tensorBytes(const Copy &copy) {
  uint64_t bytes = copy.baseOffset + bytesOf(copy.map.type);
  for (uint32_t d = 0; d < copy.map.rank; ++d)
    bytes += (copy.map.dims[d] - 1) *
             (d ? copy.map.strides[d - 1] : bytesOf(copy.map.type));
  return bytes;
}

/// Calls visit(place in shared memory, place in the buffer or -1) for each
/// element of the box.
template <typename Visit>
void forElements(const Copy &copy, Visit visit) {
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

std::string coordinates(const Copy &copy) {
  std::string text;
  for (int32_t coordinate : copy.origin)
    text += (text.empty() ? "" : ", ") + std::to_string(coordinate);
  return "{" + text + "}";
}

std::string rankOf(const Copy &copy) {
  return std::to_string(copy.map.rank) + "d";
}

uint32_t sharedBytesOf(const Copy &copy) {
  return static_cast<uint32_t>(
      (copy.sharedOffset + copy.map.boxBytes() + 1023) / 1024 * 1024);
}

void setMap(TestKernel &kernel, const Copy &copy) {
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
std::string initBarrier(uint32_t bytes) {
  return "mov.u32 %r0, shared;\nadd.u32 %r1, %r0, " + std::to_string(bytes) +
         ";\n@%is0 mbarrier.init.shared.b64 [%r1], 1;\n"
         "@%is0 fence.mbarrier_init.release.cluster;\nbar.sync 0;\n";
}
const std::string waitForCopy =
    "wait:\nmbarrier.try_wait.parity.shared.b64 %p9, [%r1], 0;\n"
    "@!%p9 bra wait;\n";

/// Copies words between shared memory and buffer 1.
std::string copyShared(uint32_t bytes, bool isLoad) {
  return "mov.u32 %r20, %thread;\nloop:\nsetp.ge.u32 %p1, %r20, " +
         std::to_string(bytes / 4) +
         ";\n@%p1 bra end;\nmul.wide.u32 %d2, %r20, 4;\nadd.u64 %d2, %b1, "
         "%d2;\nshl.b32 %r21, %r20, 2;\nadd.u32 %r21, %r0, %r21;\n" +
         (isLoad
              ? "ld.global.b32 %r22, [%d2];\nst.shared.b32 [%r21], %r22;\n"
              : "ld.shared.b32 %r22, [%r21];\nst.global.b32 [%d2], %r22;\n") +
         "add.u32 %r20, %r20, 128;\nbra loop;\nend:\n";
}

std::vector<uint8_t> randomBytes(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes((count + 15) / 16 * 16);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  return bytes;
}

TestKernel loadKernel(const Copy &copy) {
  const uint32_t bytes = sharedBytesOf(copy);
  TestKernel kernel;
  kernel.sharedBytes = bytes + 16;
  kernel.buffers = {randomBytes(tensorBytes(copy), 1),
                    std::vector<uint8_t>(bytes)};
  setMap(kernel, copy);
  kernel.body =
      initBarrier(bytes) +
      "@!%is0 bra wait;\nmbarrier.arrive.expect_tx.shared.b64 _, [%r1], " +
      std::to_string(copy.map.boxBytes()) + ";\ncp.async.bulk.tensor." +
      rankOf(copy) +
      ".shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r0+" +
      std::to_string(copy.sharedOffset) + "], [%m0, " + coordinates(copy) +
      "], [%r1];\n" + waitForCopy;
  return kernel;
}

/// Loads a box and compares all of it.
void checkLoad(const Copy &copy) {
  SCOPED_TRACE(rankOf(copy) + " of " + std::string(nameOf(copy.map.type)) +
               " at " + coordinates(copy) + ", swizzle " +
               std::to_string(bytesOf(copy.map.swizzle)));
  TestKernel kernel = loadKernel(copy);
  // What the copy does not write is not read, either.
  const uint32_t first = copy.sharedOffset / 4 * 4,
                 bytes = static_cast<uint32_t>(copy.map.boxBytes());
  kernel.body += "add.u32 %r0, %r0, " + std::to_string(first) +
                 ";\nadd.u64 %b1, %b1, " + std::to_string(first) + ";\n" +
                 copyShared(bytes, false);
  kernel.options.async = AsyncMode::random;
  auto result = run(kernel);
  ASSERT_TRUE(result) << result.error();
  ASSERT_TRUE(result->ok()) << result->reports[0].str();
  const uint32_t size = bytesOf(copy.map.type);
  unsigned wrong = 0;
  forElements(copy, [&](uint64_t place, int64_t source) {
    uint8_t wanted[8] = {};
    if (source >= 0)
      std::memcpy(wanted, &kernel.buffers[0][static_cast<size_t>(source)],
                  size);
    else if (copy.map.fill == TensorMapFill::nan)
      std::memset(wanted, 0xff, size), wanted[size - 1] = 0x7f;
    if (std::memcmp(wanted, &kernel.buffers[1][place], size) != 0 &&
        ++wrong < 4)
      ADD_FAILURE() << "the element at byte " << place << " of shared memory";
  });
  EXPECT_EQ(wrong, 0u);
}

TestKernel storeKernel(const Copy &copy, const std::string &reduction) {
  const uint32_t bytes = sharedBytesOf(copy);
  TestKernel kernel;
  kernel.sharedBytes = bytes;
  kernel.buffers = {randomBytes(tensorBytes(copy), 1), randomBytes(bytes, 2)};
  setMap(kernel, copy);
  kernel.body =
      "mov.u32 %r0, shared;\n" + copyShared(bytes, true) +
      "fence.proxy.async.shared::cta;\nbar.sync 0;\n@!%is0 bra done;\n" +
      (reduction.empty()
           ? "cp.async.bulk.tensor." + rankOf(copy) +
                 ".global.shared::cta.tile.bulk_group"
           : "cp.reduce.async.bulk.tensor." + rankOf(copy) +
                 ".global.shared::cta" + reduction + ".tile.bulk_group") +
      " [%m0, " + coordinates(copy) + "], [%r0+" +
      std::to_string(copy.sharedOffset) +
      "];\ncp.async.bulk.commit_group;\ncp.async.bulk.wait_group 0;\n";
  return kernel;
}

using Combine = std::function<uint64_t(uint64_t global, uint64_t shared)>;

/// Stores a box, or combines it with the tensor, and compares all of the
/// buffer.
void checkStore(const Copy &copy, const std::string &reduction = "",
                const Combine &combine = {}) {
  SCOPED_TRACE(rankOf(copy) + " of " + std::string(nameOf(copy.map.type)) +
               " at " + coordinates(copy) + ", swizzle " +
               std::to_string(bytesOf(copy.map.swizzle)) + reduction);
  TestKernel kernel = storeKernel(copy, reduction);
  std::vector<uint8_t> wanted = kernel.buffers[0];
  const uint32_t size = bytesOf(copy.map.type);
  forElements(copy, [&](uint64_t place, int64_t target) {
    if (target < 0)
      return;
    uint64_t before = 0, given = 0;
    std::memcpy(&before, &wanted[static_cast<size_t>(target)], size);
    std::memcpy(&given, &kernel.buffers[1][place], size);
    uint64_t after = combine ? combine(before, given) : given;
    std::memcpy(&wanted[static_cast<size_t>(target)], &after, size);
  });
  kernel.options.async = AsyncMode::random;
  auto result = run(kernel);
  ASSERT_TRUE(result) << result.error();
  ASSERT_TRUE(result->ok()) << result->reports[0].str();
  EXPECT_TRUE(kernel.buffers[0] == wanted);
}

/// Copies of all ranks, inside and across the borders of the tensor.
std::vector<Copy> allCopies() {
  using Type = TensorMapType;
  using Swizzle = TensorMapSwizzle;
  std::vector<Copy> copies = {
      copyOf(Type::u8, {100}, {64}, {0}),
      copyOf(Type::u8, {100}, {64}, {50}),
      copyOf(Type::u8, {100}, {64}, {-7}),
      copyOf(Type::f32, {100}, {256}, {-3}),
      copyOf(Type::u64, {33}, {256}, {1}),
      copyOf(Type::u16, {10}, {64}, {100}),
      copyOf(Type::u16, {10}, {64}, {-64}),
      copyOf(Type::bf16, {64, 40}, {64, 16}, {0, 8}),
      copyOf(Type::bf16, {100, 40}, {32, 16}, {80, 30}, Swizzle::none, 48),
  };
  for (Swizzle swizzle : {Swizzle::none, Swizzle::of32Bytes, Swizzle::of64Bytes,
                          Swizzle::of128Bytes}) {
    const uint32_t span = swizzle == Swizzle::none ? 128 : bytesOf(swizzle);
    const uint32_t halves = span / 2, words = span / 4;
    for (Copy copy : {
             copyOf(Type::f16, {64, 40}, {halves, 33}, {0, 0}, swizzle),
             copyOf(Type::f16, {64, 40}, {halves, 33}, {-5, 20}, swizzle),
             copyOf(Type::f32, {64, 40}, {words, 24}, {60, -10}, swizzle, 16),
             copyOf(Type::u8, {96, 20}, {span / 2, 24}, {-16, -2}, swizzle),
             copyOf(Type::u8, {96, 20}, {16, 24}, {88, 1}, swizzle),
             copyOf(Type::bf16, {72, 9, 5}, {halves, 8, 3}, {0, 4, -1}, swizzle,
                    32),
             copyOf(Type::u32, {40, 9, 5, 4}, {words, 4, 3, 2}, {20, 7, 3, -1},
                    swizzle),
             copyOf(Type::u64, {30, 3, 5, 4, 3}, {span / 8, 2, 3, 2, 2},
                    {-1, 2, -2, 3, 1}, swizzle, 64),
             copyOf(Type::bf16, {30, 3, 5, 4, 3}, {halves, 2, 3, 2, 2},
                    {9, 1, 1, 1, 1}, swizzle),
         })
      copies.push_back(copy);
  }
  // Every n-th element.
  Copy strided = copyOf(Type::u32, {40, 30, 20}, {32, 16, 9}, {3, -4, 7});
  strided.map.elementStrides[0] = 3; // does not count
  strided.map.elementStrides[1] = 2;
  strided.map.elementStrides[2] = 4;
  copies.push_back(strided);
  // NaN outside.
  for (Type type : {Type::f16, Type::bf16, Type::f32, Type::f64}) {
    Copy filled = copyOf(type, {20, 9}, {16, 4}, {-4, 7});
    filled.map.fill = TensorMapFill::nan;
    copies.push_back(filled);
  }
  return copies;
}

TEST(TensorCopy, Loads) {
  for (const Copy &copy : allCopies()) {
    checkLoad(copy);
    if (HasFailure())
      return;
  }
}

TEST(TensorCopy, LoadsToPlacesThatAreNotTheBeginning) {
  // A multiple of the size of the pattern, behind other data.
  Copy copy = copyOf(TensorMapType::bf16, {64, 40}, {32, 12}, {0, 3},
                     TensorMapSwizzle::of64Bytes);
  copy.sharedOffset = 1536;
  checkLoad(copy);
  copy.map.swizzle = TensorMapSwizzle::none;
  copy.sharedOffset = 128;
  checkLoad(copy);
}

TEST(TensorCopy, Stores) {
  for (const Copy &copy : allCopies()) {
    checkStore(copy);
    if (HasFailure())
      return;
  }
}

TEST(TensorCopy, TypesThatAreConverted) {
  for (TensorMapType type :
       {TensorMapType::f32Ftz, TensorMapType::tf32, TensorMapType::tf32Ftz}) {
    Copy copy = copyOf(type, {32}, {32}, {0});
    TestKernel kernel = loadKernel(copy);
    std::vector<uint32_t> values = {
        0x3f800000, 0x3f800fff, 0x3f801000, 0x3f801001, 0x3f803000,
        0x00000001, 0x807fffff, 0x00800000, 0x7f800000, 0xbf9aeb1c};
    values.resize(32, 0x40490fdb);
    kernel.buffers[0] = attn::test::bytesOf(values);
    kernel.body += copyShared(128, false);
    auto result = run(kernel);
    ASSERT_TRUE(result) << result.error();
    ASSERT_TRUE(result->ok()) << result->reports[0].str();
    const std::vector<uint32_t> got = wordsOf(kernel.buffers[1]);
    for (size_t n = 0; n < values.size(); ++n) {
      uint32_t wanted = values[n];
      bool isSubnormal = (wanted & 0x7f800000) == 0;
      if (type != TensorMapType::tf32 && isSubnormal)
        wanted &= 0x80000000;
      if (type != TensorMapType::f32Ftz) {
        // To 10 bits, to nearest, ties to even.
        uint32_t tail = wanted & 0x1fff, last = wanted >> 13 & 1;
        wanted &= ~0x1fffu;
        if (tail > 0x1000 || (tail == 0x1000 && last))
          wanted += 0x2000;
      }
      EXPECT_EQ(got[n], wanted) << std::hex << values[n];
    }
  }
}

TEST(TensorCopy, Reductions) {
  using Type = TensorMapType;
  auto each = [](Type type, const std::string &operation, Combine combine) {
    checkStore(copyOf(type, {40, 9}, {16, 8}, {30, 4}), operation, combine);
    checkStore(copyOf(type, {40, 9, 3}, {128 / bytesOf(type), 8, 2},
                      {-3, -1, 2}, TensorMapSwizzle::of128Bytes),
               operation, combine);
  };
  each(Type::u32, ".add",
       [](uint64_t a, uint64_t b) { return uint32_t(a + b); });
  each(Type::s32, ".min", [](uint64_t a, uint64_t b) {
    return uint32_t(std::min(int32_t(a), int32_t(b)));
  });
  each(Type::u32, ".max",
       [](uint64_t a, uint64_t b) { return std::max(a, b); });
  each(Type::s64, ".max", [](uint64_t a, uint64_t b) {
    return uint64_t(std::max(int64_t(a), int64_t(b)));
  });
  each(Type::u64, ".min",
       [](uint64_t a, uint64_t b) { return std::min(a, b); });
  each(Type::u64, ".add", [](uint64_t a, uint64_t b) { return a + b; });
  each(Type::u32, ".inc",
       [](uint64_t a, uint64_t b) { return a >= b ? 0 : a + 1; });
  each(Type::u32, ".dec",
       [](uint64_t a, uint64_t b) { return a == 0 || a > b ? b : a - 1; });
  each(Type::u32, ".and", [](uint64_t a, uint64_t b) { return a & b; });
  each(Type::s32, ".or", [](uint64_t a, uint64_t b) { return a | b; });
  each(Type::u64, ".xor", [](uint64_t a, uint64_t b) { return a ^ b; });
  TestKernel kernel = storeKernel(copyOf(Type::f32, {32}, {32}, {0}), ".min");
  expectReport(kernel, ReportKind::descriptor,
               "no reduction .min of the type of the tensor, f32");
}

TEST(TensorCopy, Prefetches) {
  Copy copy = copyOf(TensorMapType::bf16, {64, 40}, {32, 8}, {0, 4});
  TestKernel kernel = loadKernel(copy);
  kernel.body = "@%is0 prefetch.tensormap [%m0];\n"
                "@%is0 cp.async.bulk.prefetch.tensor.2d.L2.global.tile [%m0, "
                "{0, 4}];\n" +
                kernel.body;
  expectSilent(kernel);
}

//===----------------------------------------------------------------------===//
// Mistakes
//===----------------------------------------------------------------------===//

Copy usualCopy() {
  return copyOf(TensorMapType::bf16, {64, 40}, {64, 8}, {0, 4},
                TensorMapSwizzle::of128Bytes);
}

/// Replaces text that must be there.
void replace(std::string &text, const std::string &from,
             const std::string &to) {
  size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST(TensorCopyChecks, WhatIsUsualIsSilent) {
  expectSilent(loadKernel(usualCopy()));
  expectSilent(storeKernel(usualCopy(), ""));
  expectSilent(storeKernel(
      copyOf(TensorMapType::bf16, {64, 40}, {64, 8}, {0, 4}), ".add"));
}

TEST(TensorCopyChecks, Maps) {
  TestKernel kernel = loadKernel(usualCopy());
  kernel.prepare = nullptr; // all zero
  expectReport(kernel, ReportKind::descriptor, "tensor map");
  kernel = loadKernel(usualCopy());
  replace(kernel.body, "cp.async.bulk.tensor.2d", "cp.async.bulk.tensor.3d");
  replace(kernel.body, "{0, 4}", "{0, 4, 0}");
  expectReport(kernel, ReportKind::descriptor,
               "the copy is of 3 dimensions, and the tensor map has 2");
  kernel = loadKernel(usualCopy());
  replace(kernel.body, "[%m0,", "[%d7,");
  kernel.body = "add.u64 %d7, %m0, 16;\n" + kernel.body;
  expectReport(kernel, ReportKind::descriptor, "multiple of 64");
  // A copy of the map in local memory.
  kernel = loadKernel(usualCopy());
  replace(kernel.body, "[%m0,", "[%d7,");
  kernel.body = ".local .align 64 .b8 map[128];\nmov.b64 %d7, map;\n"
                "cvta.local.u64 %d7, %d7;\n" +
                kernel.body;
  expectReport(kernel, ReportKind::descriptor, "address of local memory");
  // Interleaved tensors are refused.
  Copy interleaved =
      copyOf(TensorMapType::u8, {16, 9, 5}, {16, 8, 2}, {0, 0, 0});
  interleaved.map.interleave = TensorMapInterleave::of16Bytes;
  expectReport(loadKernel(interleaved), ReportKind::descriptor,
               "interleaved tensors are not emulated");
}

TEST(TensorCopyChecks, Alignment) {
  Copy copy = usualCopy();
  copy.sharedOffset = 128;
  expectReport(loadKernel(copy), ReportKind::alignment,
               "not a multiple of 1024");
  copy.map.swizzle = TensorMapSwizzle::none;
  expectSilent(loadKernel(copy));
  copy.sharedOffset = 64;
  expectReport(loadKernel(copy), ReportKind::alignment,
               "not a multiple of 128");
}

TEST(TensorCopyChecks, Bounds) {
  Copy copy = usualCopy();
  TestKernel kernel = loadKernel(copy);
  kernel.buffers[0].resize(11 * 128); // rows 4 to 11 are read
  expectReport(kernel, ReportKind::bounds, "in no allocation");
  kernel = storeKernel(copy, "");
  kernel.buffers[0].resize(11 * 128);
  expectReport(kernel, ReportKind::bounds, "in no allocation");
  kernel = loadKernel(copy);
  kernel.sharedBytes = 1024;
  replace(kernel.body, "add.u32 %r1, %r0, 1024;", "mov.u32 %r1, %r0;");
  expectAmongReports(kernel, ReportKind::mbarrier,
                     "where there is an mbarrier");
  kernel = loadKernel(copy);
  replace(kernel.body, "[%r0+0]", "[%r0+1024]");
  expectReport(kernel, ReportKind::bounds, "of shared memory");
}

TEST(TensorCopyChecks, BytesThatAreExpected) {
  // Too many: nobody ever goes on.
  TestKernel kernel = loadKernel(usualCopy());
  replace(kernel.body, "[%r1], 1024;", "[%r1], 1152;");
  expectReport(kernel, ReportKind::deadlock, "nothing can go on");
  // Too few: the phase ends before all bytes are there.
  for (const char *bytes : {"896", "512", "128"}) {
    kernel = loadKernel(usualCopy());
    replace(kernel.body, "[%r1], 1024;", std::string("[%r1], ") + bytes + ";");
    kernel.body += copyShared(1024, false);
    expectAnyReport(kernel);
  }
  // Bytes of elements outside of the tensor count, too.
  Copy outside = usualCopy();
  outside.origin = {32, 38};
  expectSilent(loadKernel(outside));
}

TEST(TensorCopyChecks, CopiesThatNobodyWaitsFor) {
  TestKernel kernel = loadKernel(usualCopy());
  replace(kernel.body, waitForCopy, "wait:\n");
  expectReport(kernel, ReportKind::pending, "nobody has waited for");
  replace(kernel.body, "wait:\n", "wait:\nld.shared.u32 %r9, [%r0];\n");
  expectAmongReports(kernel, ReportKind::race, "");
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "cp.async.bulk.wait_group 0;\n", "");
  expectReport(kernel, ReportKind::pending, "wait_group.read is missing");
  replace(kernel.body, "cp.async.bulk.commit_group;\n", "");
  expectReport(kernel, ReportKind::pending, "commit_group is missing");
}

TEST(TensorCopyChecks, Fences) {
  TestKernel kernel = loadKernel(usualCopy());
  replace(kernel.body, "@%is0 fence.mbarrier_init.release.cluster;\n", "");
  expectReport(kernel, ReportKind::proxyRace, "fence.mbarrier_init");
  for (const char *fence : {"fence.proxy.async;\n", "@%is0 fence.proxy.async;\n"}) {
    TestKernel fenced = kernel;
    replace(fenced.body, "bar.sync 0;\n", fence + std::string("bar.sync 0;\n"));
    expectSilent(fenced);
  }
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "fence.proxy.async.shared::cta;\n", "");
  expectReport(kernel, ReportKind::proxyRace, "fence.proxy.async is missing");
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "bar.sync 0;\n", "");
  expectAmongReports(kernel, ReportKind::race, "");
}

TEST(TensorCopyChecks, WritesBeforeTheCopyHasRead) {
  const std::string write = "st.shared.u32 [%r0], %r0;\n";
  TestKernel kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "cp.async.bulk.wait_group 0;\n",
          write + "cp.async.bulk.wait_group 0;\n");
  expectReport(kernel, ReportKind::race, "may still read");
  kernel = storeKernel(usualCopy(), "");
  replace(kernel.body, "cp.async.bulk.wait_group 0;\n",
          "cp.async.bulk.wait_group.read 0;\n" + write);
  expectSilent(kernel);
}

TEST(TensorCopyChecks, LoadsOverDataThatIsStillRead) {
  // All threads read; thread 0 loads again, with and without a barrier.
  for (bool hasBarrier : {true, false}) {
    TestKernel kernel = loadKernel(usualCopy());
    kernel.body +=
        "shl.b32 %r30, %thread, 2;\nadd.u32 %r30, %r0, %r30;\n"
        "ld.shared.u32 %r31, [%r30];\n" +
        std::string(hasBarrier ? "bar.sync 0;\n" : "") +
        "@!%is0 bra again;\n"
        "mbarrier.arrive.expect_tx.shared.b64 _, [%r1], 1024;\n"
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::"
        "bytes [%r0], [%m0, {0, 4}], [%r1];\n"
        "again:\nmbarrier.try_wait.parity.shared.b64 %p9, [%r1], 1;\n"
        "@!%p9 bra again;\n";
    if (hasBarrier)
      expectSilent(kernel);
    else
      expectAmongReports(kernel, ReportKind::race, "");
  }
}

} // namespace
