//===- NpyTest.cpp - .npy files -------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Npy.h"
#include "TestSupport.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace attn;
using namespace attn::test;

namespace {
std::string npyFile(const std::string &header, const std::string &data,
                    int version = 1) {
  std::string file = std::string("\x93NUMPY") + char(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file += char(header.size() >> (8 * i) & 0xff);
  return file + header + data;
}

std::string header(const std::string &type, const std::string &shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape +
         ", }\n";
}

template <typename T>
NpyArray makeArray(NpyType type, const std::vector<T> &values) {
  NpyArray array;
  array.type = type;
  array.shape = {int64_t(values.size())};
  array.bytes.resize(values.size() * sizeof(T));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

template <typename T, typename S>
std::vector<T> convert(NpyType type, const std::vector<S> &values,
                       ElementType to) {
  auto tensor = convertTo(makeArray(type, values), to);
  EXPECT_TRUE(tensor) << tensor.error();
  std::vector<T> result(tensor->bytes.size() / sizeof(T));
  std::memcpy(result.data(), tensor->bytes.data(), tensor->bytes.size());
  return result;
}

class Npy : public testing::Test {
protected:
  Result<NpyArray> loadBytes(const std::string &bytes) {
    writeBytes(folder / "a.npy", bytes);
    return loadNpy(folder / "a.npy");
  }
  /// The error must name the file and hold `text`.
  void expectError(const std::string &bytes, const std::string &text) {
    auto loaded = loadBytes(bytes);
    ASSERT_FALSE(loaded) << "expected: " << text;
    EXPECT_NE(loaded.error().find("a.npy'"), std::string::npos)
        << loaded.error();
    EXPECT_NE(loaded.error().find(text), std::string::npos) << loaded.error();
  }
  TemporaryFolder folder;
};

TEST_F(Npy, LoadsAllVersionsTypesAndRanks) {
  for (int version : {1, 2, 3}) {
    auto loaded = loadBytes(
        npyFile(header("<f4", "(2, 3)"), std::string(24, '\1'), version));
    ASSERT_TRUE(loaded) << loaded.error();
    EXPECT_EQ(loaded->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(loaded->type, NpyType::f4);
    EXPECT_EQ(loaded->bytes.size(), 24u);
  }
  for (const char *type : {"<f2", "<f4", "<f8", "|i1", "|u1", "|b1", "<i2",
                           "<u2", "<i4", "<u4", "<i8"})
    EXPECT_TRUE(loadBytes(
        npyFile(header(type, "()"), std::string(size_t(type[2] - '0'), '\1'))))
        << type;
  auto empty = loadBytes(npyFile(header("<f4", "(0, 5)"), ""));
  ASSERT_TRUE(empty) << empty.error();
  EXPECT_TRUE(empty->bytes.empty());
}

TEST_F(Npy, LoadsKeysInAnyOrderAndLongHeaders) {
  EXPECT_TRUE(loadBytes(
      npyFile("{\"shape\":(1,),'fortran_order':False,'descr':'<f4'}", "abcd")));
  // A length whose low byte exceeds 127.
  std::string padded = header("<f4", "(1,)");
  padded.insert(padded.size() - 1, 250 - padded.size(), ' ');
  EXPECT_TRUE(loadBytes(npyFile(padded, "abcd")));
}

TEST_F(Npy, ExplainsWhatIsWrong) {
  std::string good = npyFile(header("<f4", "(2,)"), "abcdefgh");
  ASSERT_TRUE(loadBytes(good));
  expectError(good.substr(0, good.size() - 1),
              "is truncated: it has 7 bytes of data, expected 8 for shape [2] "
              "of f4");
  expectError(good + "x", "has trailing bytes: it has 9 bytes");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(loadBytes(good.substr(0, size))) << size;
  expectError("", "not a .npy file");
  expectError("\x7f"
              "ELF and so on",
              "not a .npy file");
  expectError(npyFile(header("<f4", "(2,)"), "abcdefgh", 4),
              "format version 4.0; allowed are 1.0, 2.0 and 3.0");
  expectError(npyFile(header(">f4", "(2,)"), "abcdefgh"),
              "unsupported dtype '>f4'; allowed are f2, f4, f8");
  expectError(npyFile(header("<c8", "(1,)"), "abcdefgh"), "dtype '<c8'");
  expectError(npyFile("{'descr': [('x', '<f4')], 'fortran_order': False, "
                      "'shape': (2,)}",
                      "abcdefgh"),
              "structured types are not supported");
  expectError(npyFile("{'descr': '<f4', 'fortran_order': True, "
                      "'shape': (2, 1), }",
                      "abcdefgh"),
              "is in Fortran order; allowed is C order");
  auto missing = loadNpy(folder / "missing.npy");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("missing.npy"), std::string::npos);
  EXPECT_FALSE(loadNpy(folder.path));
}

TEST_F(Npy, RejectsBadHeaders) {
  for (const char *text :
       {"", "{", "{}", "{'descr'", "{'descr': '<f4'}", "{'descr': '<f4",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f4', 'descr': '<f4', 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x"})
    expectError(npyFile(text, "abcd"), "has a bad header");
  for (const char *shape : {"(1)", "(-1,)", "(x,)", "1", "(1 1)", "(,)", "(1",
                            "(99999999999999999999,)"})
    expectError(npyFile(header("<f4", shape), "abcd"), "'shape' is not");
  expectError(npyFile(header("<f4", "(4294967296, 4294967296)"), "abcd"),
              "exceed 63 bits");
  expectError(npyFile(header("<f4", "(4294967296,)"), "abcd"), "is truncated");
}

TEST_F(Npy, SavesStridedTensorsInCOrder) {
  std::vector<float> data = {0, 1, 2, 3, 4, 5};
  // The transpose of 2x3.
  Tensor tensor(data.data(), ElementType::f32, {3, 2}, {1, 3});
  ASSERT_TRUE(saveNpy(folder / "t.npy", tensor));
  std::string file = readBytes(folder / "t.npy");
  EXPECT_EQ((file.size() - 24) % 64, 0u);
  auto loaded = loadNpy(folder / "t.npy");
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->shape, tensor.shape);
  float expected[] = {0, 3, 1, 4, 2, 5};
  EXPECT_EQ(std::memcmp(loaded->bytes.data(), expected, sizeof(expected)), 0);
}

TEST_F(Npy, SavesEveryElementType) {
  auto array = makeArray<double>(NpyType::f8, {0, 1, 1});
  for (ElementType type :
       {ElementType::f32, ElementType::f16, ElementType::bf16, ElementType::f64,
        ElementType::i32, ElementType::i64, ElementType::index, ElementType::i8,
        ElementType::i1}) {
    auto tensor = convertTo(array, type);
    ASSERT_TRUE(tensor) << tensor.error();
    ASSERT_TRUE(saveNpy(folder / "t.npy", tensor->view()));
    auto loaded = loadNpy(folder / "t.npy");
    ASSERT_TRUE(loaded) << loaded.error();
    auto back = convertTo(*loaded, ElementType::f64);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(back->bytes, array.bytes) << elementTypeName(type);
  }
  double scalar = 2.5;
  ASSERT_TRUE(saveNpy(folder / "s.npy", Tensor(&scalar, ElementType::f64, {})));
  EXPECT_TRUE(loadNpy(folder / "s.npy")->shape.empty());
  EXPECT_FALSE(saveNpy(folder / "no/such/folder.npy",
                       Tensor(&scalar, ElementType::f64, {})));
  EXPECT_TRUE(
      saveNpy(folder / "e.npy", Tensor(nullptr, ElementType::f32, {4, 0, 2})));
}

TEST(NpyConvert, RoundsToNearestEvenOnce) {
  const double inf = std::numeric_limits<double>::infinity();
  // Halves between two neighbours, and a bit on either side that a detour over
  // f32 would lose.
  EXPECT_EQ(
      convert<uint16_t>(
          NpyType::f8,
          std::vector<double>{1.0, 1 + 0x1p-8, 1 + 0x1p-8 + 0x1p-40,
                              1 + 3 * 0x1p-8, 1 + 3 * 0x1p-8 - 0x1p-40,
                              -1 - 0x1p-8 - 0x1p-40, 1e-60, -1e-60, 1e39, -inf},
          ElementType::bf16),
      (std::vector<uint16_t>{0x3f80, 0x3f80, 0x3f81, 0x3f82, 0x3f81, 0xbf81,
                             0x0000, 0x8000, 0x7f80, 0xff80}));
  EXPECT_EQ(convert<uint16_t>(
                NpyType::f8,
                std::vector<double>{1.0, 1 + 0x1p-11, 1 + 0x1p-11 + 0x1p-40,
                                    65519.0, 65520.0, -inf, 0x1p-24, 0x1p-25},
                ElementType::f16),
            (std::vector<uint16_t>{0x3c00, 0x3c00, 0x3c01, 0x7bff, 0x7c00,
                                   0xfc00, 0x0001, 0x0000}));
  EXPECT_EQ(convert<uint16_t>(NpyType::i8,
                              std::vector<int64_t>{(int64_t(0x101) << 54) + 1,
                                                   int64_t(0x101) << 54, 3},
                              ElementType::bf16),
            (std::vector<uint16_t>{0x5e81, 0x5e80, 0x4040}));
  auto nan = convert<uint16_t>(NpyType::f4, std::vector<float>{std::nanf("")},
                               ElementType::bf16);
  EXPECT_EQ(nan[0] & 0x7fc0, 0x7fc0);
  EXPECT_EQ(convert<float>(NpyType::f2, std::vector<uint16_t>{0x3c00, 0x0001},
                           ElementType::f32),
            (std::vector<float>{1.0f, 0x1p-24f}));
}

TEST(NpyConvert, ChecksIntegers) {
  EXPECT_EQ(convert<int32_t>(NpyType::f4,
                             std::vector<float>{0.5f, 1.5f, -2.5f, 7.0f},
                             ElementType::i32),
            (std::vector<int32_t>{0, 2, -2, 7}));
  EXPECT_EQ(convert<uint8_t>(NpyType::f4, std::vector<float>{0, 0.5f, -3},
                             ElementType::i1),
            (std::vector<uint8_t>{0, 1, 1}));
  for (double value : {0x1p63, -0x1p64, std::nan("")})
    EXPECT_FALSE(
        convertTo(makeArray<double>(NpyType::f8, {value}), ElementType::index));
  auto tooLarge =
      convertTo(makeArray<int64_t>(NpyType::i8, {1, 128}), ElementType::i8);
  ASSERT_FALSE(tooLarge);
  EXPECT_EQ(tooLarge.error(), "element 1 is 128, which does not fit in i8");
}

TEST(NpyConvert, MakesScalars) {
  NpyArray array = makeArray<int64_t>(NpyType::i8, {42});
  EXPECT_FALSE(convertToScalar(array, ElementType::index));
  array.shape.clear();
  auto scalar = convertToScalar(array, ElementType::f32);
  ASSERT_TRUE(scalar) << scalar.error();
  EXPECT_EQ(std::memcmp(scalar->bytes, Scalar::f32(42).bytes, 8), 0);
  EXPECT_FALSE(convertToScalar(array, ElementType::bf16));
}

TEST_F(Npy, SavesArraysAsTheyAre) {
  NpyArray array;
  array.type = NpyType::u2;
  array.shape = {2, 1};
  array.bytes = {0x80, 0x3f, 0xff, 0xff};
  std::string path = folder / "a.npy";
  Status saved = saveNpy(path, array);
  ASSERT_TRUE(saved) << saved.error();
  auto loaded = loadNpy(path);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->type, array.type);
  EXPECT_EQ(loaded->shape, array.shape);
  EXPECT_EQ(loaded->bytes, array.bytes);
  // An unsigned number is no negative one.
  auto converted = convertTo(*loaded, ElementType::i32);
  ASSERT_TRUE(converted) << converted.error();
  int32_t values[2];
  std::memcpy(values, converted->bytes.data(), sizeof(values));
  EXPECT_EQ(values[0], 0x3f80);
  EXPECT_EQ(values[1], 0xffff);

  array.shape = {3};
  Status wrong = saveNpy(path, array);
  EXPECT_NE(wrong.error().find("there are 4 bytes for the shape [3] of u2"),
            std::string::npos)
      << wrong.error();
}
} // namespace
