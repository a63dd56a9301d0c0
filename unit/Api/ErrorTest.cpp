//===- ErrorTest.cpp - Errors of each class, as a user sees them ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

static Error compileError(const std::string &text,
                          const CompileOptions &options = {}) {
  Engine engine(cpu(), makeOptions());
  Result<Kernel> kernel = engine.compile(text, options);
  return kernel ? Error() : kernel.error();
}

TEST(ErrorTest, parse) {
  CompileOptions options;
  options.name = "model.mlir";
  Error error = compileError("func.func @f() {\n  what is this\n}", options);
  EXPECT_EQ(error.kind(), ErrorClass::parse);
  EXPECT_EQ(error.location(), "model.mlir:2:3");
  EXPECT_FALSE(error.message().empty());
  EXPECT_EQ(error.message().find("model.mlir"), std::string::npos);
  EXPECT_NE(error.log().find("what is this"), std::string::npos);
  EXPECT_EQ(error.text(), "parse error: model.mlir:2:3: " + error.message());
}

TEST(ErrorTest, parseOfAnEmptyText) {
  EXPECT_EQ(compileError("").kind(), ErrorClass::unsupported);
  EXPECT_EQ(compileError(std::string(3, '\0')).kind(), ErrorClass::unsupported);
}

TEST(ErrorTest, verify) {
  Shape shape;
  shape.heads = 5;
  Engine engine(cpu(), makeOptions());
  Result<Kernel> kernel = engine.compile(makeSpec(shape));
  ASSERT_FALSE(bool(kernel));
  Error error = kernel.error();
  EXPECT_EQ(error.kind(), ErrorClass::verify);
  EXPECT_EQ(error.location(), "<kernel>:2:8");
  EXPECT_EQ(error.message(),
            "'attn.attention' op query has 5 heads, which is not a multiple of "
            "the 2 heads of key and value");
}

TEST(ErrorTest, unsupported) {
  Error error = compileError("func.func @f() { return }");
  EXPECT_EQ(error.kind(), ErrorClass::unsupported);
  EXPECT_NE(error.message().find("has no function with attn.attention"),
            std::string::npos)
      << error.message();
}

TEST(ErrorTest, unsupportedTarget) {
  Result<std::string> text = makeSpec(Shape()).text();
  CompileOptions options;
  options.tileQ = 7;
  Error error = compileError(*text, options);
  EXPECT_EQ(error.kind(), ErrorClass::unsupported);
  EXPECT_NE(error.message().find("a query tile of 7 rows; allowed are"),
            std::string::npos)
      << error.message();
  options = CompileOptions();
  options.cpu = "pentium-4000";
  EXPECT_EQ(compileError(*text, options).kind(), ErrorClass::unsupported);
}

TEST(ErrorTest, options) {
  Result<std::string> text = makeSpec(Shape()).text();
  CompileOptions options;
  options.algorithm = "fast";
  Error error = compileError(*text, options);
  EXPECT_EQ(error.kind(), ErrorClass::arguments);
  EXPECT_EQ(error.message(),
            "there is no algorithm 'fast'; allowed are "
            "'standard', 'memory-efficient', 'flash' and 'flash-decoding'");
  options = CompileOptions();
  options.entry = "g";
  EXPECT_EQ(compileError(*text, options).message(),
            "there is no entry 'g'; there is 'attention'");
}

TEST(ErrorTest, specification) {
  Engine engine(cpu(), makeOptions());
  Attention spec = makeSpec(Shape());
  spec.headDim = -1;
  Result<Kernel> kernel = engine.compile(spec);
  ASSERT_FALSE(bool(kernel));
  EXPECT_EQ(kernel.error().text(), "arguments error: Attention::headDim is -1, "
                                   "expected at least 1");
}

TEST(ErrorTest, cache) {
  TemporaryFolder folder;
  Options options;
  options.threads = 1;
  options.cacheDirectory = folder.path;
  options.jit = Jit::Never;
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
  ASSERT_FALSE(bool(kernel));
  EXPECT_EQ(kernel.error().kind(), ErrorClass::cache);
  EXPECT_EQ(kernel.error().message(),
            "the kernel is not in the cache '" + folder.path +
                "', and jit is 'never'; run once with jit 'allow' and the same "
                "version, options and processor, or load a package");
  EXPECT_EQ(engine.stats().compiled, 0);
}

TEST(ErrorTest, package) {
  Engine engine(cpu(), makeOptions());
  Result<Kernel> kernel = engine.load("no package");
  ASSERT_FALSE(bool(kernel));
  EXPECT_EQ(kernel.error().kind(), ErrorClass::cache);
  EXPECT_NE(kernel.error().message().find("the package in memory"),
            std::string::npos)
      << kernel.error().message();
}

TEST(ErrorTest, device) {
  Engine engine(Device("abacus"));
  EXPECT_EQ(engine.error().kind(), ErrorClass::device);
  EXPECT_EQ(engine.error().message(),
            "there is no device 'abacus'; allowed are 'cpu', 'cuda:0' and its "
            "like, and 'emulator:sm_80' and its like");
  EXPECT_EQ(engine.compile(makeSpec(Shape())).error().message(),
            engine.error().message());
  EXPECT_FALSE(bool(engine.load("")));
  EXPECT_FALSE(bool(Workspace::allocate(engine, 64)));
  EXPECT_EQ(engine.stats().launches, 0);
}

TEST(ErrorTest, engineOptions) {
  Options options;
  options.threads = -3;
  EXPECT_EQ(Engine(cpu(), options).error().text(),
            "arguments error: the number of threads is -3, expected 1 to 1024, "
            "or 0 for one per processor");
  options = Options();
  options.allocate = [](size_t, size_t) -> void * { return nullptr; };
  EXPECT_EQ(Engine(cpu(), options).error().kind(), ErrorClass::arguments);
  options = Options();
  options.maxKernels = -1;
  EXPECT_EQ(Engine(cpu(), options).error().text(),
            "arguments error: max_kernels is -1, expected at least 1, or 0 for "
            "1024");
}

TEST(ErrorTest, unusableDirectoryWarnsOnce) {
  std::vector<std::string> warnings;
  Options options;
  options.threads = 1;
  options.cacheDirectory = "/proc/no/such/folder";
  options.log = [&](LogLevel level, std::string_view message) {
    EXPECT_EQ(level, LogLevel::warning);
    warnings.emplace_back(message);
  };
  Engine engine(cpu(), options);
  for (int i = 0; i < 2; ++i) {
    Result<Kernel> kernel = engine.compile(makeSpec(Shape()));
    ASSERT_TRUE(bool(kernel)) << kernel.error().text();
  }
  EXPECT_EQ(warnings.size(), 1u);
  EXPECT_EQ(engine.stats().memoryHits, 1);
}

TEST(ErrorTest, nullArgumentsOfTheCInterface) {
  attn_error *error = nullptr;
  EXPECT_EQ(attn_engine_create("cpu", nullptr, nullptr, &error),
            ATTN_ERROR_ARGUMENTS);
  EXPECT_STREQ(attn_error_message(error),
               "attn_engine_create: 'engine' is null");
  attn_error_free(error);
  EXPECT_EQ(attn_engine_create("cpu", nullptr, nullptr, nullptr),
            ATTN_ERROR_ARGUMENTS);
  attn_kernel *kernel = nullptr;
  EXPECT_EQ(attn_engine_compile(nullptr, "", 0, nullptr, &kernel, nullptr),
            ATTN_ERROR_ARGUMENTS);
  EXPECT_EQ(attn_engine_load(nullptr, "", 0, nullptr, &kernel, nullptr),
            ATTN_ERROR_ARGUMENTS);
  EXPECT_EQ(attn_kernel_call(nullptr, nullptr, 0, nullptr, 0, nullptr),
            ATTN_ERROR_ARGUMENTS);
  EXPECT_EQ(attn_launch(nullptr, nullptr, nullptr, 0, nullptr),
            ATTN_ERROR_ARGUMENTS);
  EXPECT_EQ(attn_plan_create(nullptr, nullptr, nullptr, nullptr),
            ATTN_ERROR_ARGUMENTS);
  EXPECT_EQ(attn_args_create(nullptr, nullptr, nullptr), ATTN_ERROR_ARGUMENTS);
  EXPECT_EQ(attn_args_int(nullptr, "x", 1, nullptr), ATTN_ERROR_ARGUMENTS);
  attn_engine_free(nullptr);
  attn_kernel_free(nullptr);
  attn_plan_free(nullptr);
  attn_args_free(nullptr);
  attn_error_free(nullptr);
}
