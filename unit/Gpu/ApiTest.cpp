//===- ApiTest.cpp - The C++ API on GPUs ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Through libattn_runtime.so and the installed headers, as programs of users
// do.
//
//===----------------------------------------------------------------------===//

#include "OpenDriver.h"
#include "TestPackage.h"
#include "unit/Runtime/TestSupport.h"

#include "attn/attn.h"

#include <gtest/gtest.h>
#include <optional>

using namespace attn;

namespace {
class GpuApi : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    if (!test::openDriver())
      GTEST_SKIP() << "this process has another driver";
    driver = test::driverControl();
    driver->reset();
    driver->setChecked(true);
    Options options;
    options.cacheDirectory = "";
    engine.emplace(Device(GetParam()), options);
    ASSERT_FALSE(engine->error()) << engine->error().message();
  }

  /// Memory with these numbers.
  Tensor make(const std::vector<int32_t> &values) {
    size_t bytes = values.size() * sizeof(int32_t);
    auto memory = Workspace::allocate(*engine, bytes);
    EXPECT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(engine->copyIn(memory->data(), values.data(), bytes));
    owners.push_back(*memory);
    return Tensor(memory->data(), Type::i32, {int64_t(values.size())});
  }
  std::vector<int32_t> read(const Tensor &tensor) {
    std::vector<int32_t> values(size_t(tensor.shape[0]));
    auto copied = engine->copyOut(values.data(), tensor.data,
                                  values.size() * sizeof(int32_t));
    EXPECT_TRUE(copied) << copied.error().message();
    return values;
  }

  const test::EmulatedDriverControl *driver = nullptr;
  std::optional<Engine> engine;
  std::vector<Workspace> owners;
};

TEST_P(GpuApi, CallsKernelsOfPackages) {
  auto kernel = engine->load(test::testPackage(), "accumulate");
  ASSERT_TRUE(kernel) << kernel.error().message();
  Tensor x = make({1, 2, 3}), sum = make({10, 20, 30});
  auto called = (*kernel)({x}, {sum});
  ASSERT_TRUE(called) << called.error().message();
  EXPECT_EQ(read(sum), (std::vector<int32_t>{11, 22, 33}));
  called = (*kernel)({x}, {sum}, Stream());
  ASSERT_TRUE(called) << called.error().message();
  EXPECT_EQ(read(sum), (std::vector<int32_t>{12, 24, 36}));
  EXPECT_EQ(engine->stats().launches, 2);
  EXPECT_EQ(engine->threads(), 1);

  // Checked as on the CPU.
  Tensor two = make({1, 2});
  EXPECT_EQ((*kernel)({x}, {two}).error().message(),
            "argument 2 'y' of 'accumulate': dimension 0 is 2, expected 3 "
            "(x[0])");
  auto mix = engine->load(test::testPackage(), "mix");
  ASSERT_TRUE(mix) << mix.error().message();
  EXPECT_EQ((*mix)({x}, {sum}).error().message(),
            "'mix' takes the value 'weight'; such kernels are called with "
            "args");
}

TEST_P(GpuApi, LaunchesWithAPlan) {
  auto kernel = engine->load(test::testPackage(), "attend");
  ASSERT_TRUE(kernel) << kernel.error().message();
  Limits limits;
  limits.queries = 100;
  limits.keys = 7;
  auto plan = kernel->plan(limits);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(plan->workspaceBytes(), 400u);
  EXPECT_EQ(plan->tasks(), 4);
  auto workspace = Workspace::allocate(*engine, plan->workspaceBytes());
  ASSERT_TRUE(workspace) << workspace.error().message();
  Tensor query = make({1, 2, 3, 4, 5}), key = make({10, 20}),
         y = make({0, 0, 0, 0, 0});
  auto rank4 = [](const Tensor &tensor, int64_t size) {
    return Tensor(tensor.data, Type::i32, {1, 1, size, 1});
  };
  Args args = kernel->args();
  args.set("query", rank4(query, 5)).set("key", rank4(key, 2));
  args.set("y", rank4(y, 5));
  auto ran = (*kernel)(args, *plan, *workspace);
  ASSERT_TRUE(ran) << ran.error().message();
  EXPECT_EQ(read(y), (std::vector<int32_t>{11, 12, 13, 14, 15}));
  // Another length, in a stream.
  args.set("query", rank4(query, 2)).set("key", rank4(query, 1));
  args.set("y", rank4(y, 2));
  ran = (*kernel)(args, *plan, *workspace, Stream());
  ASSERT_TRUE(ran) << ran.error().message();
  EXPECT_EQ(read(y), (std::vector<int32_t>{2, 3, 13, 14, 15}));

  Workspace odd(static_cast<char *>(workspace->data()) + 64, 400);
  EXPECT_EQ((*kernel)(args, *plan, odd).error().message(),
            "the workspace of 'attend' is not aligned to 256 bytes");
  Workspace small(workspace->data(), 399);
  EXPECT_EQ((*kernel)(args, *plan, small).error().message(),
            "the workspace of 'attend' has 399 bytes, the plan needs 400");
}

/// Attention in bf16 whose keys are all alike: the mean of the values.
constexpr const char *kAttention = R"(
func.func @mean(%q: tensor<1x2x?x64xbf16>, %k: tensor<1x1x?x64xbf16>,
                %v: tensor<1x1x?x64xbf16>) -> tensor<1x2x?x64xbf16> {
  %o = attn.attention %q, %k, %v
      : (tensor<1x2x?x64xbf16>, tensor<1x1x?x64xbf16>, tensor<1x1x?x64xbf16>)
     -> tensor<1x2x?x64xbf16>
  return %o : tensor<1x2x?x64xbf16>
})";

TEST_P(GpuApi, CompilesForTheDevice) {
  auto kernel = engine->compile(kAttention);
  ASSERT_TRUE(kernel) << kernel.error().message();
  constexpr int64_t queries = 5, keys = 3, dim = 64;
  auto makeHalves = [&](int64_t heads, int64_t rows,
                        const std::vector<uint16_t> &ofRow) {
    std::vector<uint16_t> values;
    for (int64_t n = 0; n < heads * rows * dim; ++n)
      values.push_back(ofRow[size_t(n / dim) % ofRow.size()]);
    size_t bytes = values.size() * sizeof(uint16_t);
    auto memory = Workspace::allocate(*engine, bytes);
    EXPECT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(engine->copyIn(memory->data(), values.data(), bytes));
    owners.push_back(*memory);
    return Tensor(memory->data(), Type::bf16, {1, heads, rows, dim});
  };
  constexpr uint16_t one = 0x3f80, two = 0x4000, three = 0x4040;
  Tensor query = makeHalves(2, queries, {one}),
         key = makeHalves(1, keys, {two}),
         value = makeHalves(1, keys, {one, two, three}),
         output = makeHalves(2, queries, {0});
  auto called = (*kernel)({query, key, value}, {output});
  ASSERT_TRUE(called) << called.error().message();
  std::vector<uint16_t> results(2 * queries * dim);
  ASSERT_TRUE(engine->copyOut(results.data(), output.data, results.size() * 2));
  EXPECT_EQ(results, std::vector<uint16_t>(results.size(), two));

  // From memory the second time.
  ASSERT_TRUE(engine->compile(kAttention));
  EXPECT_EQ(engine->stats().compiled, 1);
  EXPECT_EQ(engine->stats().memoryHits, 1);

  // Rows at an odd distance need another kernel.
  Tensor odd(output.data, Type::bf16, {1, 2, queries, dim},
             {2 * queries * 65, queries * 65, 65, 1});
  auto refused = (*kernel)({query, key, value}, {odd});
  EXPECT_NE(refused.error().message().find(
                "argument 4 'output' of 'mean': the stride of dimension 2 is "
                "65 elements of 2 bytes, expected multiples of 16 bytes"),
            std::string::npos)
      << refused.error().message();
}

TEST_P(GpuApi, LeavesWhatRepeatsAMistake) {
  test::TemporaryFolder folder;
  Options options;
  options.cacheDirectory = folder.path;
  Engine failing{Device(GetParam()), options};
  test::ScopedVariable nvrtc("ATTN_NVRTC", ATTN_FAKE_NVRTC),
      variable("ATTN_REPLAY_DIR", nullptr);
  auto kernel = failing.compile(kAttention);
  ASSERT_FALSE(kernel);
  const std::string &message = kernel.error().message();
  std::string begin = "; what repeats this is in '" + folder.path + "/replay/";
  size_t at = message.find(begin);
  ASSERT_NE(at, std::string::npos) << message;
  std::string replay = message.substr(at + begin.size(), 32);
  EXPECT_EQ(test::readBytes(folder / "replay/" + replay + "/module.mlir"),
            kAttention);
  EXPECT_EQ(message.substr(message.size() - 26), "' (run its file 'command')")
      << message;
  EXPECT_NE(std::string(kernel.error().log()).find("this compiler is a fake"),
            std::string::npos);

  // An engine that keeps nothing leaves nothing.
  kernel = engine->compile(kAttention);
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().message().find("repeats"), std::string::npos)
      << kernel.error().message();
  // Unless the user says where.
  test::ScopedVariable chosen("ATTN_REPLAY_DIR", (folder / "chosen").c_str());
  kernel = engine->compile(kAttention);
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message().find(folder / "chosen"), std::string::npos)
      << kernel.error().message();
}

TEST_P(GpuApi, MakesAnotherKernelWithLineInfo) {
  ASSERT_TRUE(engine->compile(kAttention));
  CompileOptions options;
  options.lineInfo = true;
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(engine->compile(kAttention, options));
  EXPECT_EQ(engine->stats().compiled, 2);
  EXPECT_EQ(engine->stats().memoryHits, 1);
}

TEST_P(GpuApi, SaysHowLongTheBackEndTook) {
  Options options;
  options.cacheDirectory = "";
  std::vector<Event> events;
  options.onEvent = [&](const Event &event) { events.push_back(event); };
  Engine observed{Device(GetParam()), options};
  for (int i = 0; i < 2; ++i) {
    auto kernel = observed.compile(kAttention);
    ASSERT_TRUE(kernel) << kernel.error().message();
  }
  // The compiler may have been opened before.
  ASSERT_GE(events.size(), 2u);
  const Event &compiled = events[events.size() - 2], &hit = events.back();
  EXPECT_EQ(compiled.kind, EventKind::compiled);
  EXPECT_GT(compiled.backendSeconds, 0.01);
  EXPECT_LT(compiled.backendSeconds, compiled.seconds);
  EXPECT_EQ(hit.kind, EventKind::memoryHit);
  EXPECT_EQ(hit.backendSeconds, 0);
}

TEST_P(GpuApi, SaysWhatIsMissing) {
  auto kernel = engine->compile("module {}");
  ASSERT_FALSE(kernel);
  EXPECT_NE(kernel.error().message().find("attn.attention"), std::string::npos)
      << kernel.error().message();

  auto several = engine->load(test::testPackage());
  ASSERT_FALSE(several);
  EXPECT_NE(several.error().message().find("name the one that is wanted"),
            std::string::npos);
  Engine cpuEngine{cpu()};
  auto onCpu = cpuEngine.load(test::testPackage(), "mix");
  ASSERT_FALSE(onCpu);
  EXPECT_NE(onCpu.error().message().find("has no code for CPUs: it holds "
                                         "payloads of kind 'ptx'"),
            std::string::npos)
      << onCpu.error().message();
}

INSTANTIATE_TEST_SUITE_P(Devices, GpuApi,
                         testing::Values("cuda", "cuda:0", "emulator:sm_80",
                                         "emulator:sm_90a"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (c == ':')
                               c = '_';
                           return name;
                         });

TEST(GpuApiErrors, NameTheDevice) {
  if (!test::openDriver())
    GTEST_SKIP() << "this process has another driver";
  Engine second{cuda(1)};
  EXPECT_EQ(second.error().message(),
            "there is no GPU 'cuda:1'; this process may use cuda:0 (see "
            "CUDA_VISIBLE_DEVICES)");
  Engine unknown{emulator("sm_8")};
  EXPECT_EQ(unknown.error().message(),
            "'sm_8' is not a GPU target; expected a name such as sm_80 or "
            "sm_90a");
}
} // namespace
