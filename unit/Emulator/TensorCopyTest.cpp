//===- TensorCopyTest.cpp - Copies and reductions of boxes of tensors -----===//
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

#include "TensorCopySupport.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace attn::emulator;
using namespace attn::test;
using namespace attn::test::tensor;
using attn::emulator::bytesOf;

namespace {

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
  // Each spelling for each rank, and more.
  for (size_t n = 0; n < copies.size(); ++n)
    copies[n].spelling = spellings[n % std::size(spellings)];
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

TEST(TensorCopy, MapsInConstantAndGlobalMemory) {
  const Copy copy = copyOf(TensorMapType::bf16, {64, 40}, {32, 8}, {40, 35});
  TestKernel usual = loadKernel(copy);
  usual.body += copyShared(512, false);
  expectSilent(usual, 1);
  for (const std::string space : {"const", "global"}) {
    TestKernel kernel = loadKernel(copy);
    kernel.prepare = [=, fill = kernel.prepare](
                         TestKernel &kernel,
                         const std::vector<uint8_t *> &buffers) {
      fill(kernel, buffers);
      kernel.module = "." + space + " .align 64 .b8 map[128] = {";
      for (size_t n = 0; n < 128; ++n)
        kernel.module += (n ? ", " : "") + std::to_string(kernel.maps[0][n]);
      kernel.module += "};\n";
      kernel.maps.clear();
    };
    for (size_t at; (at = kernel.body.find("%m0")) != std::string::npos;)
      kernel.body.replace(at, 3, "%d7");
    kernel.body =
        "mov.b64 %d7, map;\ncvta." + space + ".u64 %d7, %d7;\n@%is0 prefetch" +
        (space == "const" ? ".const.tensormap [map]" : ".tensormap [%d7]") +
        ";\n" + kernel.body + copyShared(512, false);
    expectSilent(kernel, 1);
    EXPECT_TRUE(kernel.buffers[1] == usual.buffers[1]) << space;
  }
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
  size_t number = 0;
  auto each = [&](Type type, const std::string &operation, Combine combine) {
    for (Copy copy :
         {copyOf(type, {40}, {32}, {20}),
          copyOf(type, {40, 9}, {16, 8}, {30, 4}),
          copyOf(type, {40, 9, 3}, {128 / bytesOf(type), 8, 2}, {-3, -1, 2},
                 TensorMapSwizzle::of128Bytes),
          copyOf(type, {40, 3, 3, 4}, {16, 2, 2, 2}, {8, 2, -1, 1}),
          copyOf(type, {40, 3, 3, 2, 2}, {16, 2, 2, 1, 2}, {8, 1, 1, 1, 1})}) {
      copy.spelling = spellings[number++ % std::size(spellings)];
      checkStore(copy, operation, combine);
    }
    ++number;
  };
  each(Type::u32, ".add",
       [](uint64_t a, uint64_t b) { return uint32_t(a + b); });
  each(Type::s32, ".add",
       [](uint64_t a, uint64_t b) { return uint32_t(a + b); });
  each(Type::u32, ".min",
       [](uint64_t a, uint64_t b) { return std::min(a, b); });
  each(Type::s32, ".max", [](uint64_t a, uint64_t b) {
    return uint32_t(std::max(int32_t(a), int32_t(b)));
  });
  each(Type::u64, ".max",
       [](uint64_t a, uint64_t b) { return std::max(a, b); });
  each(Type::s64, ".min", [](uint64_t a, uint64_t b) {
    return uint64_t(std::min(int64_t(a), int64_t(b)));
  });
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

/// Of floating-point types: numbers, and what is none.
TEST(TensorCopy, ReductionsOfFloats) {
  using Type = TensorMapType;
  // Pairs of bits in the order in which they are combined, with the sum, the
  // smaller and the greater. The last one of each type is no number.
  struct Case {
    uint32_t global, shared, sum, least, greatest;
  };
  const std::vector<Case> halves = {{0x3c00, 0x4000, 0x4200, 0x3c00,
                                     0x4000}, // 1 and 2
                                    {0x3c00, 0x1000, 0x3c00, 0x1000,
                                     0x3c00}, // half a step: to even
                                    {0x3c01, 0x1000, 0x3c02, 0x1000, 0x3c01},
                                    {0x7bff, 0x7bff, 0x7c00, 0x7bff,
                                     0x7bff}, // overflows
                                    {0x0001, 0x8003, 0x8002, 0x8003,
                                     0x0001}, // subnormal numbers
                                    {0x8000, 0x0000, 0x0000, 0x8000, 0x0000},
                                    {0x0000, 0x8000, 0x0000, 0x8000, 0x0000},
                                    {0x7c00, 0xfc00, 0x7fff, 0xfc00, 0x7c00},
                                    {0x7e01, 0x3c00, 0x7fff, 0x3c00, 0x3c00}},
                          brains = {{0x3f80, 0x4000, 0x4040, 0x3f80, 0x4000},
                                    {0x3f80, 0x3b80, 0x3f80, 0x3b80, 0x3f80},
                                    {0x3f81, 0x3b80, 0x3f82, 0x3b80, 0x3f81},
                                    {0x7f7f, 0x7f7f, 0x7f80, 0x7f7f, 0x7f7f},
                                    {0x0001, 0x8003, 0x8002, 0x8003, 0x0001},
                                    {0x8000, 0x0000, 0x0000, 0x8000, 0x0000},
                                    {0x0000, 0x8000, 0x0000, 0x8000, 0x0000},
                                    {0x7f80, 0xff80, 0x7fff, 0xff80, 0x7f80},
                                    {0x3f80, 0xffc1, 0x7fff, 0x3f80, 0x3f80}};
  // Subnormal numbers of f32 are zeros, before and after.
  const std::vector<Case> words = {{0x3f800000, 0x40000000, 0x40400000, 0, 0},
                                   {0x3f800000, 0x33800000, 0x3f800000, 0, 0},
                                   {0x3f800001, 0x33800000, 0x3f800002, 0, 0},
                                   {0x00400000, 0x00400000, 0x00000000, 0, 0},
                                   {0x80000001, 0x80000001, 0x80000000, 0, 0},
                                   {0x00800001, 0x80800000, 0x00000000, 0, 0},
                                   {0x80800001, 0x00800000, 0x80000000, 0, 0},
                                   {0x7f7fffff, 0x7f7fffff, 0x7f800000, 0, 0},
                                   {0x7f800000, 0xff800000, 0x7fffffff, 0, 0}};
  auto check = [](Type type, const std::vector<Case> &cases,
                  const std::string &operation, uint32_t Case::*wanted) {
    SCOPED_TRACE(std::string(nameOf(type)) + operation);
    TestKernel kernel = storeKernel(copyOf(type, {16}, {16}, {0}), operation);
    const uint32_t size = bytesOf(type);
    for (size_t n = 0; n < 16; ++n)
      for (int side : {0, 1}) {
        const Case &given = cases[n % cases.size()];
        std::memcpy(&kernel.buffers[static_cast<size_t>(side)][n * size],
                    side ? &given.shared : &given.global, size);
      }
    auto result = run(kernel);
    ASSERT_TRUE(result) << result.error();
    ASSERT_TRUE(result->ok()) << result->reports[0].str();
    for (size_t n = 0; n < 16; ++n) {
      uint32_t got = 0;
      std::memcpy(&got, &kernel.buffers[0][n * size], size);
      EXPECT_EQ(got, cases[n % cases.size()].*wanted) << "element " << n;
    }
  };
  check(Type::f16, halves, ".add", &Case::sum);
  check(Type::f16, halves, ".min", &Case::least);
  check(Type::f16, halves, ".max", &Case::greatest);
  check(Type::bf16, brains, ".add", &Case::sum);
  check(Type::bf16, brains, ".min", &Case::least);
  check(Type::bf16, brains, ".max", &Case::greatest);
  check(Type::f32, words, ".add", &Case::sum);
}

TEST(TensorCopy, Prefetches) {
  for (Copy copy :
       {copyOf(TensorMapType::u8, {100}, {64}, {50}),
        copyOf(TensorMapType::bf16, {64, 40}, {32, 8}, {0, 4}),
        copyOf(TensorMapType::bf16, {64, 9, 5}, {32, 8, 3}, {40, 4, -1}),
        copyOf(TensorMapType::u32, {40, 9, 5, 4}, {32, 4, 3, 2}, {0, 1, 2, 3}),
        copyOf(TensorMapType::f64, {30, 3, 5, 4, 3}, {2, 2, 3, 2, 2},
               {-1, 2, -2, 3, 1})})
    for (const Spelling &spelling : spellings) {
      copy.spelling = spelling;
      auto prefetch = [&](const std::string &rank) {
        return "@%is0 cp.async.bulk.prefetch.tensor." + rank + ".L2.global" +
               spelling.mode + spelling.hint() + " [%m0, " + coordinates(copy) +
               "]" + spelling.policy() + ";\n";
      };
      TestKernel kernel = loadKernel(copy);
      kernel.body = makePolicy +
                    "@%is0 prefetch.tensormap [%m0];\n"
                    "@%is0 prefetch.param.tensormap [map0];\n" +
                    prefetch(rankOf(copy)) + kernel.body;
      expectSilent(kernel, 1);
      // Of a map that is none.
      kernel.prepare = nullptr;
      kernel.body = makePolicy + prefetch(rankOf(copy));
      expectReport(kernel, ReportKind::descriptor, "tensor map", 1);
    }
}

} // namespace
