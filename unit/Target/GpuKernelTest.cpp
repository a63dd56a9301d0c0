//===- GpuKernelTest.cpp - Kernels of both code generators ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that were written by hand at thread level, as CUDA C++ and as PTX of
// LLVM, against scalar references.
//
//===----------------------------------------------------------------------===//

#include "GpuKernel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace attn;
using namespace attn::test;

namespace {

class GpuKernels : public testing::TestWithParam<CodeGenerator> {
protected:
  /// PTX of a kernel in unit/Target/kernels.
  std::string compile(const std::string &name) {
    Result<std::string> ptx = compileModule(readKernel(name), GetParam());
    EXPECT_TRUE(ptx) << ptx.error();
    return ptx ? *ptx : "";
  }

  template <typename T>
  T *allocate(size_t count, const char *name) {
    return static_cast<T *>(memory.allocate(count * sizeof(T), name));
  }
  /// Numbers between -range and range.
  template <typename T, typename Round>
  T *fill(size_t count, const char *name, float range, Round round) {
    std::uniform_real_distribution<float> uniform(-range, range);
    T *data = allocate<T>(count, name);
    for (size_t i = 0; i < count; ++i)
      data[i] = round(uniform(random));
    memory.markInitialized(data, count * sizeof(T));
    return data;
  }

  emulator::Memory memory;
  std::mt19937 random{1};
};

TEST_P(GpuKernels, VectorAdd) {
  std::string ptx = compile("vector_add");
  if (ptx.empty())
    return;
  for (int64_t length : {1, 4, 511, 513, 1030}) {
    auto same = [](float x) { return x; };
    float *a = fill<float>(length, "a", 10, same);
    float *b = fill<float>(length, "b", 10, same);
    float *c = allocate<float>(length, "c");
    Parameters parameters;
    for (float *vector : {a, b, c})
      parameters.addTensor(vector, {length}, {1});
    parameters.add(0.5f);
    ASSERT_NO_FATAL_FAILURE(
        runKernel(ptx, uint32_t((length + 511) / 512), 0, parameters, memory));
    for (int64_t i = 0; i < length; ++i)
      ASSERT_EQ(c[i], a[i] * 0.5f + b[i]) << i << " of " << length;
  }
}

TEST_P(GpuKernels, RowSoftmax) {
  std::string ptx = compile("row_softmax");
  if (ptx.empty())
    return;
  for (int64_t columns : {1, 31, 32, 100, 256}) {
    int64_t rows = 7, stride = columns + 3;
    uint16_t *in = fill<uint16_t>(rows * stride, "in", 20, toBf16);
    float *out = allocate<float>(rows * stride, "out");
    float *lse = allocate<float>(rows * 2, "lse");
    Parameters parameters;
    parameters.addTensor(in, {rows, columns}, {stride, 1});
    parameters.addTensor(out, {rows, columns}, {stride, 1});
    parameters.addTensor(lse, {rows}, {2});
    parameters.add(columns);
    ASSERT_NO_FATAL_FAILURE(
        runKernel(ptx, uint32_t((rows + 3) / 4), 0, parameters, memory));
    for (int64_t row = 0; row < rows; ++row) {
      double max = -INFINITY, sum = 0;
      for (int64_t i = 0; i < columns; ++i)
        max = std::fmax(max, fromBf16(in[row * stride + i]));
      for (int64_t i = 0; i < columns; ++i)
        sum += std::exp(fromBf16(in[row * stride + i]) - max);
      ASSERT_NEAR(lse[2 * row], max + std::log(sum), 1e-5) << columns;
      for (int64_t i = 0; i < columns; ++i) {
        double p = std::exp(fromBf16(in[row * stride + i]) - max) / sum;
        ASSERT_NEAR(out[row * stride + i], p, 1e-5 * p + 1e-12)
            << "row " << row << ", column " << i << " of " << columns;
      }
    }
  }
}

TEST_P(GpuKernels, Product) {
  struct Format {
    const char *name;
    uint16_t (*round)(float);
    float (*widen)(uint16_t);
  };
  for (const Format &format : {Format{"product_bf16", toBf16, fromBf16},
                               Format{"product_f16", toF16, fromF16}}) {
    std::string ptx = compile(format.name);
    if (ptx.empty())
      return;
    EXPECT_NE(ptx.find("mma.sync.aligned.m16n8k16"), std::string::npos);
    EXPECT_NE(ptx.find("cp.async.cg.shared.global"), std::string::npos);
    // Fragments are registers.
    EXPECT_EQ(ptx.find(".local"), std::string::npos) << ptx;
    for (int32_t rows : {64, 37}) {
      constexpr int64_t n = 64, stride = 72;
      uint16_t *a = fill<uint16_t>(n * stride, "a", 1, format.round);
      uint16_t *b = fill<uint16_t>(n * stride, "b", 1, format.round);
      uint16_t *c = allocate<uint16_t>(n * stride, "c");
      Parameters parameters;
      for (uint16_t *matrix : {a, b, c})
        parameters.addTensor(matrix, {n, n}, {stride, 1});
      parameters.add(rows);
      ASSERT_NO_FATAL_FAILURE(runKernel(ptx, 1, 16384, parameters, memory));
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t k = 0; k < n && i < rows; ++k)
            sum += double(format.widen(a[i * stride + k])) *
                   format.widen(b[k * stride + j]);
          ASSERT_NEAR(format.widen(c[i * stride + j]), sum,
                      std::abs(sum) / 256 + 1e-5)
              << format.name << " " << i << ", " << j;
        }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , GpuKernels, testing::Values(CodeGenerator::cuda, CodeGenerator::llvm),
    [](const testing::TestParamInfo<CodeGenerator> &info) {
      return std::string(info.param == CodeGenerator::cuda ? "Cuda" : "Llvm");
    });

} // namespace
