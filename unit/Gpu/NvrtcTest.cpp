//===- NvrtcTest.cpp - The compiler of NVIDIA -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Nvrtc.h"
#include "attn/Runtime/Cubin.h"
#include "unit/Runtime/TestSupport.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {
const char *const source = R"(
extern "C" __global__ void plus(float *x, float y) { x[threadIdx.x] += y; }
)";

const Nvrtc &openNvrtc() {
  static Result<const Nvrtc *> nvrtc = [] {
    ScopedVariable variable("ATTN_NVRTC", ATTN_CUDA_ROOT "/lib64");
    return Nvrtc::open();
  }();
  EXPECT_TRUE(nvrtc) << nvrtc.error();
  return **nvrtc;
}

GpuTarget target(const char *name) { return *GpuTarget::parse(name); }

bool contains(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos;
}

TEST(Nvrtc, MakesCubinsAndPtx) {
  const Nvrtc &nvrtc = openNvrtc();
  EXPECT_GE(nvrtc.version(), Nvrtc::oldest);
  EXPECT_TRUE(contains(nvrtc.path(), "libnvrtc.so."));
  for (const char *name : {"sm_80", "sm_86", "sm_90a", "sm_120"}) {
    auto output = nvrtc.compile(source, "plus.cu", target(name));
    ASSERT_TRUE(output) << output.error();
    EXPECT_TRUE(contains(output->ptx, ".entry plus(")) << output->ptx;
    EXPECT_FALSE(contains(output->ptx, "plus.cu"));
    EXPECT_TRUE(output->warnings.empty());
    auto cubin = readCubin(output->cubin, "'plus'");
    ASSERT_TRUE(cubin) << cubin.error();
    EXPECT_EQ(cubin->architecture, name);
    EXPECT_EQ(cubin->kernels.at(0).name, "plus");
  }
  NvrtcOptions options;
  options.ptxOnly = options.lineInfo = true;
  auto output = nvrtc.compile(source, "plus.cu", target("sm_90a"), options);
  ASSERT_TRUE(output) << output.error();
  EXPECT_TRUE(output->cubin.empty());
  EXPECT_TRUE(contains(output->ptx, ".target sm_90a")) << output->ptx;
  EXPECT_TRUE(contains(output->ptx, "plus.cu")) << output->ptx;
}

TEST(Nvrtc, SaysWhatIsWrongWithASource) {
  auto output = openNvrtc().compile("__global__ void f() { return 1 + ; }",
                                    "wrong.cu", target("sm_80"));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().find("nvrtc 1"), 0u) << output.error();
  EXPECT_TRUE(contains(output.error(), "could not compile wrong.cu for sm_80"))
      << output.error();
  EXPECT_TRUE(contains(output.error(), "wrong.cu(1): error")) << output.error();
}

TEST(Nvrtc, WarnsOfSpills) {
  // More values than registers, all of which are needed at the end.
  auto output = openNvrtc().compile(R"(
extern "C" __global__ void __launch_bounds__(1024) f(float *x) {
  float v[96];
#pragma unroll
  for (int i = 0; i < 96; ++i) v[i] = x[i * 1024 + threadIdx.x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 96; ++i) x[(95 - i) * 1024 + threadIdx.x] = v[i] * v[0];
})",
                                    "spill.cu", target("sm_80"));
  ASSERT_TRUE(output) << output.error();
  ASSERT_EQ(output->warnings.size(), 1u) << output->log;
  EXPECT_TRUE(contains(output->warnings[0], "spill")) << output->log;
}

TEST(Nvrtc, WarnsOfRegistersThatAreNotSet) {
  // Without a bound on the threads, the pool of registers is not known.
  auto output = openNvrtc().compile(R"(
extern "C" __global__ void f(float *x) {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
  x[threadIdx.x] = 1;
})",
                                    "registers.cu", target("sm_90a"));
  ASSERT_TRUE(output) << output.error();
  ASSERT_EQ(output->warnings.size(), 1u) << output->log;
  EXPECT_TRUE(contains(output->warnings[0], "setmaxnreg")) << output->log;
}

TEST(Nvrtc, SaysThatThereIsNone) {
  TemporaryFolder folder;
  {
    ScopedVariable variable("ATTN_NVRTC", (folder / "libnvrtc.so.13").c_str());
    auto nvrtc = Nvrtc::open();
    ASSERT_FALSE(nvrtc);
    EXPECT_EQ(nvrtc.error(),
              "there is no nvrtc, which compiles kernels for GPUs: tried " +
                  (folder / "libnvrtc.so.13") +
                  "; ATTN_NVRTC must name libnvrtc.so of CUDA 12.8 or newer, "
                  "or its folder; packages with cubins need none");
  }
  // Something else in a file of that name.
  writeBytes(folder / "libnvrtc.so.12", "text");
  ScopedVariable variable("ATTN_NVRTC", folder.path.c_str());
  auto nvrtc = Nvrtc::open();
  ASSERT_FALSE(nvrtc);
  EXPECT_TRUE(contains(nvrtc.error(), "/libnvrtc.so.13, ")) << nvrtc.error();
  EXPECT_TRUE(contains(nvrtc.error(), "/libnvrtc.so.12 (")) << nvrtc.error();
}

TEST(Nvrtc, SaysThatItsSecondLibraryIsMissing) {
  ScopedVariable variable("ATTN_NVRTC", ATTN_FAKE_NVRTC),
      error("ATTN_FAKE_NVRTC_ERROR", "7");
  auto nvrtc = Nvrtc::open();
  ASSERT_TRUE(nvrtc) << nvrtc.error();
  EXPECT_EQ((*nvrtc)->compile(source, "plus.cu", target("sm_80")).error(),
            "nvrtc 13.0 does not find its second library: put "
            "libnvrtc-builtins.so.13.0 beside '" +
                std::string(ATTN_FAKE_NVRTC) + "'");
}

TEST(Nvrtc, SaysThatItIsTooOld) {
  // What has been opened is kept; under another name it is another.
  std::string path = std::string("/") + ATTN_FAKE_NVRTC;
  ScopedVariable variable("ATTN_NVRTC", path.c_str()),
      version("ATTN_FAKE_NVRTC_VERSION", "12.4");
  auto nvrtc = Nvrtc::open();
  ASSERT_FALSE(nvrtc);
  EXPECT_EQ(nvrtc.error(),
            "there is no nvrtc, which compiles kernels for GPUs: tried " +
                path +
                " (CUDA 12.4, too old); ATTN_NVRTC must name libnvrtc.so of "
                "CUDA 12.8 or newer, or its folder; packages with cubins need "
                "none");
}
} // namespace
