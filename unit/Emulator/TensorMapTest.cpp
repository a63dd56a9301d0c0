//===- TensorMapTest.cpp - Tests of tensor maps ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/TensorMap.h"

#include "RecordingDriver.h"

#include <gtest/gtest.h>

#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <string>
#include <vector>

using namespace attn;
using namespace attn::emulator;

namespace {

using Description = TensorMapDescription;

void *address(uint64_t number) { return reinterpret_cast<void *>(number); }

/// Keys of [2, 512, 64] in bf16, boxes of 64 rows.
Description keys() {
  Description map;
  map.type = TensorMapType::bf16;
  map.rank = 3;
  map.base = address(0x7f0000001230);
  map.dims[0] = 64, map.dims[1] = 512, map.dims[2] = 2;
  map.strides[0] = 128, map.strides[1] = 65536;
  map.box[0] = 64, map.box[1] = 64, map.box[2] = 1;
  map.swizzle = TensorMapSwizzle::of128Bytes;
  return map;
}

Description interleaved() {
  Description map = keys();
  map.interleave = TensorMapInterleave::of32Bytes;
  map.swizzle = TensorMapSwizzle::of32Bytes;
  map.base = address(0x7f0000001220);
  return map;
}

/// The error of a description that differs from `map` by `change`; empty if
/// there is none.
std::string errorOf(Description map,
                    const std::function<void(Description &)> &change) {
  change(map);
  auto bits = encodeTiled(map);
  return bits ? "" : bits.error();
}

std::string errorOf(const std::function<void(Description &)> &change) {
  return errorOf(keys(), change);
}

TEST(TensorMap, RoundTrip) {
  Description map = keys();
  map.elementStrides[1] = 3;
  map.l2Promotion = TensorMapL2Promotion::to256Bytes;
  map.fill = TensorMapFill::nan;
  auto bits = encodeTiled(map);
  ASSERT_TRUE(bits) << bits.error();
  auto read = decodeTiled(*bits);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->type, map.type);
  EXPECT_EQ(read->rank, map.rank);
  EXPECT_EQ(read->base, map.base);
  for (uint32_t i = 0; i < map.rank; ++i) {
    EXPECT_EQ(read->dims[i], map.dims[i]);
    EXPECT_EQ(read->box[i], map.box[i]);
    EXPECT_EQ(read->elementStrides[i], map.elementStrides[i]);
  }
  EXPECT_EQ(read->strides[0], map.strides[0]);
  EXPECT_EQ(read->strides[1], map.strides[1]);
  EXPECT_EQ(read->interleave, map.interleave);
  EXPECT_EQ(read->swizzle, map.swizzle);
  EXPECT_EQ(read->l2Promotion, map.l2Promotion);
  EXPECT_EQ(read->fill, map.fill);
}

TEST(TensorMap, LimitsRoundTrip) {
  Description map;
  map.type = TensorMapType::f64;
  map.rank = 5;
  map.base = address(0xfffffffffff0);
  for (uint32_t i = 0; i < 5; ++i) {
    map.dims[i] = uint64_t(1) << 32;
    map.box[i] = 256;
    map.elementStrides[i] = 8;
    if (i > 0)
      map.strides[i - 1] = (uint64_t(1) << 40) - 16 * i;
  }
  auto bits = encodeTiled(map);
  ASSERT_TRUE(bits) << bits.error();
  auto read = decodeTiled(*bits);
  ASSERT_TRUE(read) << read.error();
  for (uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(read->dims[i], map.dims[i]);
    EXPECT_EQ(read->box[i], 256u);
    EXPECT_EQ(read->elementStrides[i], 8u);
    if (i > 0) {
      EXPECT_EQ(read->strides[i - 1], map.strides[i - 1]);
    }
  }
}

TEST(TensorMap, BoxExtents) {
  Description map = keys();
  EXPECT_EQ(map.boxBytes(), 64u * 64 * 2);
  map.elementStrides[0] = 2; // ignored without interleaving
  map.elementStrides[1] = 3;
  EXPECT_EQ(map.boxExtent(0), 64u);
  EXPECT_EQ(map.boxExtent(1), 22u);
  EXPECT_EQ(map.boxBytes(), 64u * 22 * 2);
  map.interleave = TensorMapInterleave::of16Bytes;
  EXPECT_EQ(map.boxExtent(0), 32u);
}

// Every rule, with a description on each side of it.

TEST(TensorMap, DataType) {
  EXPECT_EQ(
      errorOf([](Description &map) { map.type = TensorMapType(13); }),
      "tensor map: data type is 13, a packed type of 4 or 6 bits; allowed are "
      "u8, u16, u32, s32, u64, s64, f16, f32, f64, bf16, f32_ftz, tf32 and "
      "tf32_ftz, 0 to 12");
  EXPECT_NE(errorOf([](Description &map) { map.type = TensorMapType(16); }),
            "");
  const struct {
    const char *name;
    uint32_t bytes;
    bool isFloat;
  } types[] = {{"u8", 1, false},     {"u16", 2, false},    {"u32", 4, false},
               {"s32", 4, false},    {"u64", 8, false},    {"s64", 8, false},
               {"f16", 2, true},     {"f32", 4, true},     {"f64", 8, true},
               {"bf16", 2, true},    {"f32_ftz", 4, true}, {"tf32", 4, true},
               {"tf32_ftz", 4, true}};
  uint32_t number = 0;
  for (const auto &expected : types) {
    auto type = tensorMapTypeCalled(expected.name);
    ASSERT_TRUE(type) << type.error();
    EXPECT_EQ(static_cast<uint32_t>(*type), number++);
    EXPECT_EQ(bytesOf(*type), expected.bytes);
    EXPECT_EQ(isFloat(*type), expected.isFloat);
    EXPECT_EQ(errorOf([&](Description &map) {
                map.type = *type;
                map.box[0] = 16;
              }),
              "");
  }
  EXPECT_EQ(tensorMapTypeCalled("fp8").error(),
            "tensor map: unknown data type 'fp8'; allowed are u8, u16, u32, "
            "s32, u64, s64, f16, f32, f64, bf16, f32_ftz, tf32 and tf32_ftz");
}

TEST(TensorMap, Rank) {
  EXPECT_EQ(errorOf([](Description &map) { map.rank = 0; }),
            "tensor map: rank is 0; allowed are 1 to 5");
  EXPECT_EQ(errorOf([](Description &map) { map.rank = 6; }),
            "tensor map: rank is 6; allowed are 1 to 5");
  EXPECT_EQ(errorOf([](Description &map) { map.rank = 1; }), "");
  EXPECT_EQ(errorOf(interleaved(), [](Description &map) { map.rank = 2; }),
            "tensor map: rank is 2; allowed are 3 to 5 in an interleaved "
            "layout");
  EXPECT_EQ(errorOf(interleaved(), [](Description &) {}), "");
}

TEST(TensorMap, Base) {
  EXPECT_EQ(
      errorOf([](Description &map) { map.base = address(0x7f08); }),
      "tensor map: base address is 0x7f08; it must be a multiple of 16 bytes");
  EXPECT_EQ(errorOf([](Description &map) { map.base = address(0x7f10); }), "");
  EXPECT_EQ(errorOf(interleaved(),
                    [](Description &map) { map.base = address(0x7f10); }),
            "tensor map: base address is 0x7f10; it must be a multiple of 32 "
            "bytes with an interleave of 32 bytes");
}

TEST(TensorMap, Dimensions) {
  EXPECT_EQ(errorOf([](Description &map) { map.dims[2] = 0; }),
            "tensor map: dimension 2 has 0 elements; allowed are 1 to "
            "4294967296");
  EXPECT_EQ(errorOf([](Description &map) { map.dims[0] = 4294967297; }),
            "tensor map: dimension 0 has 4294967297 elements; allowed are 1 to "
            "4294967296");
  EXPECT_EQ(errorOf([](Description &map) { map.dims[0] = 4294967296; }), "");
  // Beyond the rank.
  EXPECT_EQ(errorOf([](Description &map) { map.dims[3] = 4294967297; }), "");
}

TEST(TensorMap, Strides) {
  EXPECT_EQ(errorOf([](Description &map) { map.strides[1] = 65544; }),
            "tensor map: stride of dimension 2 is 65544 bytes; it must be a "
            "multiple of 16 bytes and less than 1099511627776");
  EXPECT_EQ(
      errorOf([](Description &map) { map.strides[0] = uint64_t(1) << 40; }),
      "tensor map: stride of dimension 1 is 1099511627776 bytes; it must "
      "be a multiple of 16 bytes and less than 1099511627776");
  EXPECT_EQ(errorOf([](Description &map) { map.strides[0] = 16; }), "");
  EXPECT_EQ(errorOf([](Description &map) { map.strides[2] = 1; }), "");
  EXPECT_EQ(
      errorOf(interleaved(), [](Description &map) { map.strides[0] = 144; }),
      "tensor map: stride of dimension 1 is 144 bytes; it must be a "
      "multiple of 32 bytes with an interleave of 32 bytes and less than "
      "1099511627776");
}

TEST(TensorMap, Box) {
  EXPECT_EQ(errorOf([](Description &map) { map.box[1] = 0; }),
            "tensor map: box has 0 elements in dimension 1; allowed are 1 to "
            "256");
  EXPECT_EQ(errorOf([](Description &map) { map.box[2] = 257; }),
            "tensor map: box has 257 elements in dimension 2; allowed are 1 to "
            "256");
  EXPECT_EQ(errorOf([](Description &map) { map.box[2] = 256; }), "");
  EXPECT_EQ(errorOf([](Description &map) { map.box[0] = 12; }),
            "tensor map: rows of the box have 24 bytes (12 elements of 2); it "
            "must be a multiple of 16 bytes");
  // Only without interleaving.
  EXPECT_EQ(errorOf(interleaved(), [](Description &map) { map.box[0] = 12; }),
            "");
}

TEST(TensorMap, ElementStrides) {
  EXPECT_EQ(errorOf([](Description &map) { map.elementStrides[1] = 0; }),
            "tensor map: element stride of dimension 1 is 0; allowed are 1 to "
            "8");
  EXPECT_EQ(errorOf([](Description &map) { map.elementStrides[2] = 9; }),
            "tensor map: element stride of dimension 2 is 9; allowed are 1 to "
            "8");
  EXPECT_EQ(errorOf([](Description &map) { map.elementStrides[2] = 8; }), "");
}

TEST(TensorMap, Interleave) {
  EXPECT_EQ(errorOf([](Description &map) {
              map.interleave = TensorMapInterleave(3);
            }),
            "tensor map: interleave is 3; allowed are 0 to 2");
  EXPECT_EQ(errorOf(interleaved(),
                    [](Description &map) {
                      map.swizzle = TensorMapSwizzle::of64Bytes;
                    }),
            "tensor map: swizzle is 64 bytes with an interleave of 32 bytes, "
            "which needs a swizzle of 32 bytes");
  EXPECT_EQ(errorOf([](Description &map) {
              map.interleave = TensorMapInterleave::of16Bytes;
            }),
            "");
}

TEST(TensorMap, Swizzle) {
  EXPECT_EQ(
      errorOf([](Description &map) { map.swizzle = TensorMapSwizzle(4); }),
      "tensor map: swizzle is 4; allowed are 0 to 3");
  for (auto [swizzle, bytes] :
       {std::pair(TensorMapSwizzle::of32Bytes, 32u),
        std::pair(TensorMapSwizzle::of64Bytes, 64u),
        std::pair(TensorMapSwizzle::of128Bytes, 128u)}) {
    EXPECT_EQ(bytesOf(swizzle), bytes);
    auto withRow = [&, swizzle = swizzle](uint32_t elements) {
      return errorOf([&](Description &map) {
        map.swizzle = swizzle;
        map.box[0] = elements;
      });
    };
    EXPECT_EQ(withRow(bytes / 2), "");
    std::string span = std::to_string(bytes);
    EXPECT_EQ(withRow(bytes / 2 + 8),
              "tensor map: rows of the box have " + std::to_string(bytes + 16) +
                  " bytes (" + std::to_string(bytes / 2 + 8) +
                  " elements of 2); with a swizzle of " + span +
                  " bytes at most " + span + " are allowed");
  }
  EXPECT_EQ(errorOf([](Description &map) {
              map.swizzle = TensorMapSwizzle::none;
              map.box[0] = 256;
            }),
            "");
}

TEST(TensorMap, L2Promotion) {
  EXPECT_EQ(errorOf([](Description &map) {
              map.l2Promotion = TensorMapL2Promotion(4);
            }),
            "tensor map: L2 promotion is 4; allowed are 0 to 3");
}

TEST(TensorMap, Fill) {
  EXPECT_EQ(errorOf([](Description &map) { map.fill = TensorMapFill(2); }),
            "tensor map: fill is 2; allowed are 0 to 1");
  auto withNan = [](TensorMapType type) {
    return errorOf([=](Description &map) {
      map.type = type;
      map.box[0] = 16;
      map.fill = TensorMapFill::nan;
    });
  };
  EXPECT_EQ(withNan(TensorMapType::u16),
            "tensor map: fill is NaN and the data type u16; NaN is allowed for "
            "floating-point types");
  EXPECT_EQ(withNan(TensorMapType::tf32Ftz), "");
  EXPECT_EQ(withNan(TensorMapType::f64), "");
}

TEST(TensorMap, ForeignBytes) {
  TensorMapBits bits = {};
  EXPECT_EQ(decodeTiled(bits).error(),
            "tensor map: these 128 bytes are none; encodeTiled makes them");
}

TEST(TensorMap, OtherVersion) {
  TensorMapBits bits = *encodeTiled(keys());
  uint32_t version = 7;
  std::memcpy(reinterpret_cast<char *>(&bits) + 8, &version, sizeof(version));
  EXPECT_EQ(decodeTiled(bits).error(),
            "tensor map: version is 7, but this emulator reads version 1");
}

TEST(TensorMap, EveryChangedBitIsFound) {
  for (size_t bit = 0; bit < 8 * sizeof(TensorMapBits); ++bit) {
    TensorMapBits bits = *encodeTiled(keys());
    bits.words[bit / 64] ^= uint64_t(1) << bit % 64;
    EXPECT_FALSE(decodeTiled(bits)) << "bit " << bit;
  }
}

//===----------------------------------------------------------------------===//
// With a driver
//===----------------------------------------------------------------------===//

TEST(TensorMapDriver, RulesAreCheckedFirst) {
  Description map = keys();
  map.rank = 9;
  EXPECT_EQ(encodeTiled(map, TensorMapReader::cuda).error(),
            "tensor map: rank is 9; allowed are 1 to 5");
}

TEST(TensorMapDriver, IsMissing) {
  if (void *driver = dlopen("libcuda.so.1", RTLD_NOW)) {
    dlclose(driver);
    GTEST_SKIP() << "there is a driver";
  }
  auto bits = encodeTiled(keys(), TensorMapReader::cuda);
  ASSERT_FALSE(bits);
  EXPECT_EQ(bits.error(),
            "tensor map: a real one is made by NVIDIA's driver, which cannot "
            "be opened: libcuda.so.1: cannot open shared object file: No such "
            "file or directory");
}

/// Opens a library that calls itself libcuda.so.1 and keeps the arguments of
/// cuTensorMapEncodeTiled; encodeTiled gets the same one, whatever the system
/// has.  Null if the real one is already open.
void *openRecorder() {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD))
    return nullptr;
  return dlopen(ATTN_TEST_DRIVER, RTLD_NOW);
}

TEST(TensorMapDriver, GetsWhatWasGiven) {
  void *driver = openRecorder();
  if (!driver)
    GTEST_SKIP() << "another driver is open in this process";
  auto *call = static_cast<test::RecordedCall *>(dlsym(driver, "recordedCall"));
  ASSERT_TRUE(call);

  Description map = keys();
  map.elementStrides[1] = 2;
  map.l2Promotion = TensorMapL2Promotion::to128Bytes;
  map.fill = TensorMapFill::nan;
  auto bits = encodeTiled(map, TensorMapReader::cuda);
  ASSERT_TRUE(bits) << bits.error();
  for (uint64_t word : bits->words)
    EXPECT_EQ(word, test::recordedWord);
  EXPECT_EQ(call->type, 9); // CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
  EXPECT_EQ(call->rank, 3u);
  EXPECT_EQ(call->base, map.base);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(call->dims[i], map.dims[i]);
    EXPECT_EQ(call->box[i], map.box[i]);
    EXPECT_EQ(call->elementStrides[i], map.elementStrides[i]);
  }
  EXPECT_EQ(call->strides[0], map.strides[0]);
  EXPECT_EQ(call->strides[1], map.strides[1]);
  EXPECT_EQ(call->interleave, 0);
  EXPECT_EQ(call->swizzle, 3);     // CU_TENSOR_MAP_SWIZZLE_128B
  EXPECT_EQ(call->l2Promotion, 2); // CU_TENSOR_MAP_L2_PROMOTION_L2_128B
  EXPECT_EQ(call->fill, 1);

  call->answer = 1;
  EXPECT_EQ(encodeTiled(map, TensorMapReader::cuda).error(),
            "tensor map: cuTensorMapEncodeTiled of NVIDIA's driver answers "
            "CUDA_ERROR_OF_TEST (1)");
  call->answer = 0;
}

} // namespace
