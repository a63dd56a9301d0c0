//===- StepTest.cpp - Decode steps of kernels that the compiler made ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a server does: a step of 32 layers is captured once and replayed with
// lengths that change on the device, and two steps are in flight at once.
//
//===----------------------------------------------------------------------===//

#include "OpenDriver.h"
#include "TestPackage.h"

#include "attn/attn.h"

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>

using namespace attn;

namespace {
constexpr int64_t heads = 2, capacity = 48, dim = 16;
constexpr int numLayers = 32, numSteps = 1000;

/// One query attends to as many keys as a tensor on the device says.
constexpr const char *kLayer = R"(
func.func @layer(%q: tensor<1x2x1x16xbf16>, %k: tensor<1x1x48x16xbf16>,
                 %v: tensor<1x1x48x16xbf16>,
                 %length: tensor<1xi32> {attn.name = "length"})
    -> tensor<1x2x1x16xbf16> {
  %o = attn.attention %q, %k, %v
      mask_mod (%b, %h, %i, %j) {
        %n = tensor.extract %length[%b] : tensor<1xi32>
        %end = arith.index_cast %n : i32 to index
        %keep = arith.cmpi slt, %j, %end : index
        attn.yield %keep : i1
      }
      : (tensor<1x2x1x16xbf16>, tensor<1x1x48x16xbf16>, tensor<1x1x48x16xbf16>)
     -> tensor<1x2x1x16xbf16>
  return %o : tensor<1x2x1x16xbf16>
})";

class GeneratedSteps : public testing::Test {
protected:
  using Words = std::vector<int32_t>;

  void SetUp() override {
    if (!test::openDriver())
      GTEST_SKIP() << "this process has another driver";
    driver = test::driverControl();
    driver->reset();
    Options options;
    options.cacheDirectory = "";
    engine.emplace(cuda(), options);
    ASSERT_FALSE(engine->error()) << engine->error().message();
    // Splits the keys, and so has two launches and a workspace.
    CompileOptions how;
    how.algorithm = "flash-decoding";
    how.tileKv = 16;
    auto made = engine->compile(kLayer, how);
    ASSERT_TRUE(made) << made.error().text();
    layer.emplace(*made);
    Limits limits;
    limits.keys = capacity;
    auto planned = layer->plan(limits);
    ASSERT_TRUE(planned) << planned.error().message();
    ASSERT_GT(planned->workspaceBytes(), 0u);
    plan.emplace(*planned);
    for (int i = 0; i < numLayers; ++i)
      keys.push_back(make(1, capacity, 2 * i)),
          values.push_back(make(1, capacity, 2 * i + 1));
  }

  Tensor make(Type type, const Dims &shape, const void *data, size_t bytes) {
    auto memory = Workspace::allocate(*engine, bytes);
    EXPECT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(engine->copyIn(memory->data(), data, bytes));
    owners.push_back(*memory);
    return Tensor(memory->data(), type, shape);
  }
  /// bf16 from -4 to 4; the upper half of a float is one.
  Tensor make(int64_t heads, int64_t rows, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> numbers(-4, 4);
    std::vector<uint16_t> halves;
    for (int64_t n = heads * rows * dim; n > 0; --n) {
      float number = numbers(random);
      uint32_t bits;
      memcpy(&bits, &number, sizeof(bits));
      halves.push_back(uint16_t(bits >> 16));
    }
    return make(Type::bf16, {1, heads, rows, dim}, halves.data(),
                2 * halves.size());
  }
  Tensor make(const Words &words) {
    return make(Type::i32, {int64_t(words.size())}, words.data(),
                4 * words.size());
  }
  Workspace makeWorkspace() {
    auto memory = Workspace::allocate(*engine, plan->workspaceBytes());
    EXPECT_TRUE(memory) << memory.error().message();
    return *memory;
  }
  void write(const Tensor &tensor, int32_t word) {
    EXPECT_TRUE(engine->copyIn(tensor.data, &word, sizeof(word)));
  }
  Words read(const Tensor &tensor) {
    Words words(size_t(heads * dim / 2));
    EXPECT_TRUE(engine->copyOut(words.data(), tensor.data, 4 * words.size()));
    return words;
  }
  /// The same memory, as words.
  static Tensor asWords(const Tensor &halves) {
    return Tensor(halves.data, Type::i32, {heads * dim / 2});
  }

  /// What one step works on: a state before each layer and after the last.
  struct Step {
    std::vector<Tensor> states;
    Tensor length;
    Workspace workspace;
  };
  Step makeStep(unsigned seed, int32_t length) {
    Step step{{}, make(Words{length}), makeWorkspace()};
    for (int i = 0; i <= numLayers; ++i)
      step.states.push_back(make(heads, 1, seed));
    return step;
  }
  void enqueue(const Step &step, Stream stream) {
    Args args = layer->args();
    for (size_t i = 0; i < numLayers; ++i) {
      args.set("query", step.states[i])
          .set("key", keys[i])
          .set("value", values[i]);
      args.set("length", step.length).set("output", step.states[i + 1]);
      auto ran = (*layer)(args, *plan, step.workspace, stream);
      ASSERT_TRUE(ran) << ran.error().message();
    }
  }

  // Functions of the driver that a host program calls.
  template <typename... Arguments>
  static int call(const char *name, Arguments... arguments) {
    auto function = reinterpret_cast<int (*)(Arguments...)>(
        dlsym(test::openDriver(), name));
    EXPECT_TRUE(function) << name;
    return function ? function(arguments...) : -1;
  }
  static Stream makeStream() {
    void *stream = nullptr;
    EXPECT_EQ(call("cuStreamCreate", &stream, 0u), 0);
    return stream;
  }

  const test::EmulatedDriverControl *driver = nullptr;
  std::optional<Engine> engine;
  std::optional<Kernel> layer;
  std::optional<Plan> plan;
  std::vector<Workspace> owners;
  std::vector<Tensor> keys, values;
};

TEST_F(GeneratedSteps, AreReplayedWithoutForbiddenCalls) {
  auto advance = engine->load(test::testPackage(), "advance"),
       accumulate = engine->load(test::testPackage(), "accumulate");
  ASSERT_TRUE(advance && accumulate);
  Step step = makeStep(/*seed=*/100, /*length=*/1);
  Tensor sums = make(Words(size_t(heads * dim / 2)));
  Stream stream = makeStream();

  driver->reset();
  ASSERT_EQ(call("cuStreamBeginCapture_v2", stream, 0), 0);
  ASSERT_TRUE((*advance)({}, {step.length}, stream));
  enqueue(step, stream);
  ASSERT_TRUE((*accumulate)({asWords(step.states.back())}, {sums}, stream));
  void *graph = nullptr, *executable = nullptr;
  ASSERT_EQ(call("cuStreamEndCapture", stream, &graph), 0);
  ASSERT_EQ(
      call("cuGraphInstantiateWithFlags", &executable, graph, uint64_t(0)), 0);
  EXPECT_EQ(driver->calls("cuLaunchKernel"), 2 * numLayers + 2);
  for (int i = 0; i < numSteps; ++i)
    ASSERT_EQ(call("cuGraphLaunch", executable, stream), 0);
  EXPECT_EQ(driver->calls("cuLaunchKernel"), 2 * numLayers + 2);
  EXPECT_EQ(driver->calls("cuGraphLaunch"), numSteps);
  for (const char *forbidden : attn::test::forbiddenInCapture)
    EXPECT_EQ(driver->calls(forbidden), 0) << forbidden;
  ASSERT_EQ(call("cuStreamSynchronize", stream), 0);
  Words found = read(sums);

  // The same without a graph, each length once, with all checks.
  driver->setChecked(true);
  std::map<int32_t, Words> results;
  std::vector<uint32_t> expected(found.size());
  int32_t length = 1;
  for (int i = 0; i < numSteps; ++i) {
    length = (7 * length + 3) % 41;
    if (!results.count(length)) {
      write(step.length, length);
      enqueue(step, nullptr);
      results[length] = read(step.states.back());
    }
    for (size_t n = 0; n < expected.size(); ++n)
      expected[n] += uint32_t(results[length][n]);
  }
  EXPECT_EQ(found, Words(expected.begin(), expected.end()));
  // The lengths mattered.
  EXPECT_GT(results.size(), 20u);
  EXPECT_NE(results.begin()->second, results.rbegin()->second);
  EXPECT_EQ(call("cuGraphDestroy", graph), 0);
  EXPECT_EQ(call("cuGraphExecDestroy", executable), 0);
  EXPECT_EQ(call("cuStreamDestroy_v2", stream), 0);
}

TEST_F(GeneratedSteps, InFlightOnTwoStreamsAreBitwiseEqualToSerial) {
  Stream streams[] = {makeStream(), makeStream()};
  auto run = [&](bool isSerial, bool sharesWorkspace) {
    Step steps[] = {makeStep(7, 40), makeStep(8, 23)};
    if (sharesWorkspace)
      steps[1].workspace = steps[0].workspace;
    for (int i = 0; i < 2; ++i) {
      enqueue(steps[i], streams[i]);
      if (isSerial)
        EXPECT_EQ(call("cuStreamSynchronize", streams[i]), 0);
    }
    for (Stream stream : streams)
      EXPECT_EQ(call("cuStreamSynchronize", stream), 0);
    std::vector<Words> all;
    for (const Step &step : steps)
      for (const Tensor &state : step.states)
        all.push_back(read(state));
    return all;
  };
  auto serial = run(/*isSerial=*/true, /*sharesWorkspace=*/false);
  EXPECT_EQ(run(false, false), serial);
  EXPECT_EQ(run(true, true), serial);
  // They were in flight at the same time.
  EXPECT_NE(run(false, true), serial);
  for (Stream stream : streams)
    EXPECT_EQ(call("cuStreamDestroy_v2", stream), 0);
}
} // namespace
