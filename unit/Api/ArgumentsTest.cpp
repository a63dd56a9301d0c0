//===- ArgumentsTest.cpp - What is checked before a launch ----------------===//
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

namespace {
/// A kernel with an lse, a value of each kind and a table.
class ArgumentsTest : public testing::Test {
protected:
  void SetUp() override {
    Attention spec = makeSpec(problem.shape);
    spec.name = "f";
    spec.lse = true;
    spec.scoreMod = [](Score s, At at) {
      return s * value("factor") + table("slopes", {4}, f32)[at.head];
    };
    spec.maskMod = [](At at) { return at.key < value("end"); };
    Result<Kernel> made = engine.compile(spec);
    ASSERT_TRUE(bool(made)) << made.error().text();
    kernel = *made;
    Result<Plan> planned = kernel->plan({1, 64, 64});
    ASSERT_TRUE(bool(planned)) << planned.error().text();
    plan = *planned;
    Result<Workspace> allocated =
        Workspace::allocate(engine, plan->workspaceBytes());
    ASSERT_TRUE(bool(allocated)) << allocated.error().text();
    workspace = *allocated;
  }

  Args makeArgs() {
    Args args = kernel->args();
    args.set("query", problem.q()).set("key", problem.k());
    args.set("value", problem.v()).set("output", problem.o());
    args.set("lse", problem.l()).set("factor", 1.f).set("end", 20);
    args.set("slopes", Tensor(slopes, {4}));
    return args;
  }
  /// The message of a call, empty on success.
  std::string call(const Args &args) {
    Result<void> ran = (*kernel)(args, *plan, *workspace);
    if (!ran) {
      EXPECT_EQ(ran.error().kind(), ErrorClass::arguments);
    }
    return ran.error().message();
  }

  Engine engine{cpu(), makeOptions()};
  Problem problem{Shape()};
  float slopes[4] = {};
  std::optional<Kernel> kernel;
  std::optional<Plan> plan;
  std::optional<Workspace> workspace;
};
} // namespace

static const char *const allNames =
    "the inputs 'query', 'key', 'value', 'factor', 'slopes', 'end' and the "
    "outputs 'output', 'lse'";

TEST_F(ArgumentsTest, complete) {
  EXPECT_EQ(call(makeArgs()), "");
  EXPECT_LT(compareWithNaive(problem,
                             [](double score, int64_t, int64_t, int64_t j) {
                               return j < 20 ? score : -INFINITY;
                             }),
            1e-5);
}

TEST_F(ArgumentsTest, missing) {
  Args args = kernel->args();
  args.set("query", problem.q()).set("key", problem.k());
  args.set("output", problem.o()).set("lse", problem.l()).set("end", 3);
  EXPECT_EQ(call(args),
            std::string("'f' was called without 'value', 'factor', 'slopes'; "
                        "it takes ") +
                allNames);
}

TEST_F(ArgumentsTest, unknown) {
  Args args = makeArgs();
  args.set("window", 3);
  EXPECT_EQ(call(args),
            std::string("'f' has no argument 'window'; it has ") + allNames);
}

TEST_F(ArgumentsTest, mistyped) {
  Args args = makeArgs();
  args.set("factor", 3);
  EXPECT_EQ(call(args), "argument 4 'factor' of 'f': an integer was given, "
                        "expected a value of type f32");
  // A later success takes the error back.
  args.set("factor", 3.0);
  EXPECT_EQ(call(args), "");
  args.set("end", 3.0);
  EXPECT_EQ(call(args), "argument 6 'end' of 'f': a floating-point number was "
                        "given, expected a value of type index");
  args = makeArgs();
  args.set("slopes", 1.0);
  EXPECT_EQ(call(args), "argument 5 'slopes' of 'f': a floating-point number "
                        "was given, expected a tensor of f32");
  args = makeArgs();
  args.set("end", problem.q());
  EXPECT_NE(call(args).find("expected a scalar of type index"),
            std::string::npos);
  args = makeArgs();
  args.set("key", Tensor(problem.key.data(), bf16, {1, 2, 53, 32}));
  EXPECT_EQ(call(args), "argument 2 'key' of 'f': the element type is bf16, "
                        "expected f32");
}

TEST_F(ArgumentsTest, shapes) {
  const float *data = problem.key.data();
  auto messageOf = [&](const char *name, const Tensor &tensor) {
    Args args = makeArgs();
    args.set(name, tensor);
    return call(args);
  };
  EXPECT_EQ(messageOf("key", Tensor(data, {2, 53, 32})),
            "argument 2 'key' of 'f': the rank is 3 (shape [2, 53, 32]), "
            "expected 4");
  EXPECT_EQ(messageOf("key", Tensor(data, {1, 1, 53, 32})),
            "argument 2 'key' of 'f': dimension 1 is 1, expected 2");
  EXPECT_EQ(messageOf("key", Tensor(data, {1, 2, 52, 32})),
            "argument 3 'value' of 'f': dimension 2 is 53, expected 52, equal "
            "to key[2]");
  EXPECT_EQ(messageOf("key", Tensor(data, {1, 2, -1, 32})),
            "argument 2 'key' of 'f': dimension 2 is -1, expected at least 0");
  EXPECT_EQ(messageOf("key", Tensor(data, {1, 2, 53, 32}, {0, 0, 64, 2})),
            "argument 2 'key' of 'f': the innermost stride is 2, expected 1 "
            "(contiguous)");
  EXPECT_EQ(messageOf("key", Tensor(data, {1, 2, 53, 32}, {0, 0, 64})),
            "argument 'key': the rank is -1, expected 0 to 8");
  EXPECT_EQ(messageOf("key", Tensor(data, {1, 1, 1, 1, 1, 1, 1, 1, 1})),
            "argument 'key': the rank is 9, expected 0 to 8");
  EXPECT_EQ(messageOf("lse", Tensor(data, {1, 4, 36})),
            "argument 8 'lse' of 'f': dimension 2 is 36, expected 37 "
            "(query[2])");
  EXPECT_EQ(messageOf("key", Tensor(nullptr, f32, {1, 2, 53, 32})),
            "argument 2 'key' of 'f': the data pointer is null, but the shape "
            "is [1, 2, 53, 32]");
  EXPECT_NE(messageOf("key", Tensor(reinterpret_cast<const char *>(data) + 1,
                                    f32, {1, 2, 53, 32}))
                .find("not aligned"),
            std::string::npos);
  EXPECT_NE(
      messageOf("key", Tensor(data, {1, 2, INT64_MAX, 32})).find("63 bits"),
      std::string::npos);
  EXPECT_NE(messageOf("output", Tensor(data, {1, 4, 37, 32}, {0, 0, 32, 1}))
                .find("the stride of dimension 1 is 0"),
            std::string::npos);
}

TEST_F(ArgumentsTest, limits) {
  Result<Plan> small = kernel->plan({1, 36, 64});
  ASSERT_TRUE(bool(small)) << small.error().text();
  Args args = makeArgs();
  EXPECT_EQ((*kernel)(args, *small, *workspace).error().message(),
            "'f': query[2] is 37, but the plan is for queries <= 36");
  EXPECT_EQ(kernel->plan({0, 1, 1}).error().message(),
            "the limit 'batch' is 0, expected 1 to 2147483648");
  EXPECT_EQ(kernel->plan({1, 1, 1, 2}).error().message(),
            "the limit 'threads' is 2, expected 1 to 1 (the threads of the "
            "engine), or 0 for all");
}

TEST_F(ArgumentsTest, workspace) {
  Args args = makeArgs();
  EXPECT_EQ((*kernel)(args, *plan, Workspace(workspace->data(), 64))
                .error()
                .message(),
            "the workspace of 'f' has 64 bytes, the plan needs " +
                std::to_string(plan->workspaceBytes()));
  EXPECT_EQ((*kernel)(args, *plan,
                      Workspace(static_cast<char *>(workspace->data()) + 4,
                                workspace->bytes()))
                .error()
                .message(),
            "the workspace of 'f' is not aligned to 64 bytes");
  EXPECT_EQ(
      (*kernel)(args, *plan, Workspace(nullptr, 1 << 30)).error().message(),
      "the workspace of 'f' is null");
}

TEST_F(ArgumentsTest, anotherKernel) {
  Result<Kernel> other = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(other));
  Args args = makeArgs();
  Result<Plan> otherPlan = other->plan({1, 64, 64});
  ASSERT_TRUE(bool(otherPlan));
  EXPECT_EQ((*other)(args, *otherPlan, *workspace).error().message(),
            "the plan is for 'attention', but the args are for another kernel, "
            "'f'");
}

TEST_F(ArgumentsTest, convenienceCall) {
  EXPECT_EQ((*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()})
                .error()
                .message(),
            "'f' takes the value 'factor'; such kernels are called with args");
  Result<Kernel> dense = engine.compile(makeSpec(Shape()));
  ASSERT_TRUE(bool(dense));
  EXPECT_EQ(
      (*dense)({problem.q(), problem.k()}, {problem.o()}).error().message(),
      "'attention' has 3 inputs (query, key, value), but 2 were given");
  CompileOptions options;
  options.algorithm = "standard";
  Result<Kernel> standard = engine.compile(makeSpec(Shape()), options);
  ASSERT_TRUE(bool(standard));
  EXPECT_NE((*standard)({problem.q(), problem.k(), problem.v()}, {problem.o()})
                .error()
                .message()
                .find("needs a workspace"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// DLPack
//===----------------------------------------------------------------------===//

// As dlpack.h of DLPack 1.0 declares them.
extern "C" {
struct TestDLTensor {
  void *data;
  int32_t deviceType, deviceId, ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;
  uint64_t byteOffset;
};
struct DLManagedTensor {
  TestDLTensor tensor;
  void *context;
  void (*deleter)(DLManagedTensor *);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void *context;
  void (*deleter)(DLManagedTensorVersioned *);
  uint64_t flags;
  TestDLTensor tensor;
};
}

TEST(DLPackTest, versioned) {
  float data[64];
  int64_t shape[] = {2, 3, 4}, strides[] = {20, 5, 1};
  DLManagedTensorVersioned managed{
      1, 1, nullptr, nullptr, 0, {data, 1, 0, 3, 2, 32, 1, shape, strides, 8}};
  Result<Tensor> tensor = Tensor::fromDLPack(&managed);
  ASSERT_TRUE(bool(tensor)) << tensor.error().text();
  EXPECT_EQ(tensor->data, data + 2);
  EXPECT_EQ(tensor->type, ATTN_F32);
  EXPECT_EQ(tensor->rank, 3);
  EXPECT_EQ(tensor->shape[2], 4);
  EXPECT_EQ(tensor->strides[0], 20);

  managed.major = 2;
  EXPECT_EQ(Tensor::fromDLPack(&managed).error().message(),
            "the tensor is of DLPack 2.1; this version reads 1.x");
  managed.major = 1;
  managed.tensor.deviceType = 2;
  EXPECT_NE(Tensor::fromDLPack(&managed).error().message().find(
                "on a device of type 2"),
            std::string::npos);
  managed.tensor.deviceType = 1;
  managed.tensor.ndim = 9;
  EXPECT_NE(Tensor::fromDLPack(&managed).error().message().find("9 dimensions"),
            std::string::npos);
}

TEST(DLPackTest, legacyAndTypes) {
  char data[64];
  int64_t shape[] = {2, 3};
  DLManagedTensor managed{
      {data, 1, 0, 2, 4, 16, 1, shape, nullptr, 0}, nullptr, nullptr};
  struct {
    uint8_t code, bits;
    attn_type type;
  } types[] = {{4, 16, ATTN_BF16}, {2, 16, ATTN_F16}, {2, 64, ATTN_F64},
               {0, 8, ATTN_I8},    {0, 32, ATTN_I32}, {0, 64, ATTN_I64},
               {6, 8, ATTN_I1}};
  for (const auto &type : types) {
    managed.tensor.code = type.code;
    managed.tensor.bits = type.bits;
    Result<Tensor> tensor = Tensor::fromDLPack(&managed);
    ASSERT_TRUE(bool(tensor)) << tensor.error().text();
    EXPECT_EQ(tensor->type, type.type);
    EXPECT_EQ(tensor->strides[0], 3);
    EXPECT_EQ(tensor->strides[1], 1);
  }
  managed.tensor.lanes = 4;
  EXPECT_FALSE(bool(Tensor::fromDLPack(&managed)));
  EXPECT_FALSE(
      bool(Tensor::fromDLPack(static_cast<DLManagedTensor *>(nullptr))));
}
