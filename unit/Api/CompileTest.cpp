//===- CompileTest.cpp - Kernels are made once and compute attention ------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <fstream>
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

#define ASSERT_OK(result)                                                      \
  ASSERT_TRUE(bool(result)) << (result).error().text() << "\n"                 \
                            << (result).error().log()

static double keepAll(double score, int64_t, int64_t, int64_t) { return score; }

/// A mask and a score whose numbers are given at run time.
static Attention makeVariant(const Shape &shape) {
  Attention spec = makeSpec(shape);
  spec.name = "variant";
  spec.lse = true;
  spec.scoreMod = [](Score s, At at) {
    Float capped = value("cap") * tanh(s / value("cap"));
    return capped +
           table("slopes", {-1}, f32)[at.head] * toFloat(at.key - at.query);
  };
  spec.maskMod = [](At at) {
    Int last = at.query + at.keyLength - at.queryLength;
    return at.key <= last && at.key >= last - value("window");
  };
  return spec;
}

/// Runs the variant and compares it with the definition.
static double runVariant(const Engine &engine, const Kernel &kernel,
                         Problem &problem, double cap, int64_t window) {
  const Shape &s = problem.shape;
  std::vector<float> slopes;
  for (int64_t head = 0; head < s.heads; ++head)
    slopes.push_back(0.125f * float(head + 1));
  Result<Plan> plan = kernel.plan({s.batch, s.queries, s.keys});
  EXPECT_TRUE(bool(plan)) << plan.error().text();
  Result<Workspace> workspace =
      Workspace::allocate(engine, plan->workspaceBytes());
  EXPECT_TRUE(bool(workspace)) << workspace.error().text();
  Args args = kernel.args();
  args.set("query", problem.q()).set("key", problem.k());
  args.set("value", problem.v()).set("output", problem.o());
  args.set("lse", problem.l()).set("cap", cap).set("window", window);
  args.set("slopes", Tensor(slopes.data(), {s.heads}));
  Result<void> ran = kernel(args, *plan, *workspace);
  EXPECT_TRUE(bool(ran)) << ran.error().text();
  return compareWithNaive(
      problem, [&](double score, int64_t head, int64_t i, int64_t j) {
        int64_t last = i + s.keys - s.queries;
        if (j > last || j < last - window)
          return -double(INFINITY);
        return cap * std::tanh(score / cap) +
               double(slopes[size_t(head)]) * double(j - i);
      });
}

TEST(CompileTest, denseWithoutPlan) {
  Shape shape;
  shape.valueDim = 48;
  Problem problem(shape);
  Attention spec = makeSpec(shape);
  spec.lse = true;
  for (int threads : {1, 2}) {
    Engine engine(cpu(), makeOptions(threads));
    Result<Kernel> kernel = engine.compile(spec);
    ASSERT_OK(kernel);
    ASSERT_OK((*kernel)({problem.q(), problem.k(), problem.v()},
                        {problem.o(), problem.l()}));
    EXPECT_LT(compareWithNaive(problem, keepAll), 1e-5);
    EXPECT_EQ(engine.stats().launches, 1);
  }
}

TEST(CompileTest, causalMask) {
  Shape shape;
  Problem problem(shape);
  Attention spec = makeSpec(shape);
  spec.mask = causal();
  Engine engine(cpu(), makeOptions());
  Result<Kernel> kernel = engine.compile(spec);
  ASSERT_OK(kernel);
  ASSERT_OK((*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()}));
  EXPECT_LT(compareWithNaive(problem,
                             [&](double score, int64_t, int64_t i, int64_t j) {
                               return j <= i + shape.keys - shape.queries
                                          ? score
                                          : -INFINITY;
                             }),
            1e-5);
}

TEST(CompileTest, changingRunTimeValuesCompilesNothing) {
  Engine engine(cpu(), makeOptions(2));
  Result<Kernel> kernel = engine.compile(makeVariant(Shape()));
  ASSERT_OK(kernel);
  Stats before = engine.stats();
  int64_t launches = 0;
  for (int64_t batch : {1, 3})
    for (int64_t queries : {1, 5, 64, 130})
      for (int64_t keys : {1, 63, 130}) {
        Shape shape;
        shape.batch = batch;
        shape.queries = queries;
        shape.keys = keys;
        Problem problem(shape, unsigned(batch * 7 + queries));
        double cap = 1.0 + double(queries);
        EXPECT_LT(runVariant(engine, *kernel, problem, cap, keys / 2 + 1), 2e-5)
            << batch << " " << queries << " " << keys;
        ++launches;
        // The specification is compiled again by nobody.
        ASSERT_OK(engine.compile(makeVariant(shape)));
      }
  Stats after = engine.stats();
  EXPECT_EQ(after.compiled, before.compiled);
  EXPECT_EQ(after.diskHits, before.diskHits);
  EXPECT_EQ(after.memoryHits, before.memoryHits + launches);
  EXPECT_EQ(after.launches, before.launches + launches);
}

TEST(CompileTest, strides) {
  // The memory is [batch, sequence, heads, head_dim].
  Shape shape;
  Problem problem(shape);
  auto transpose = [](const std::vector<float> &from, int64_t batch,
                      int64_t heads, int64_t length, int64_t width) {
    std::vector<float> to(from.size());
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < length; ++i)
          for (int64_t d = 0; d < width; ++d)
            to[size_t(((b * length + i) * heads + h) * width + d)] =
                from[size_t(((b * heads + h) * length + i) * width + d)];
    return to;
  };
  auto query = transpose(problem.query, shape.batch, shape.heads, shape.queries,
                         shape.headDim);
  auto key = transpose(problem.key, shape.batch, shape.kvHeads, shape.keys,
                       shape.headDim);
  auto strided = [](const float *data, int64_t batch, int64_t heads,
                    int64_t length, int64_t width) {
    return Tensor(data, {batch, heads, length, width},
                  {heads * length * width, width, heads * width, 1});
  };
  Engine engine(cpu(), makeOptions());
  Result<Kernel> kernel = engine.compile(makeSpec(shape));
  ASSERT_OK(kernel);
  ASSERT_OK((*kernel)({strided(query.data(), shape.batch, shape.heads,
                               shape.queries, shape.headDim),
                       strided(key.data(), shape.batch, shape.kvHeads,
                               shape.keys, shape.headDim),
                       problem.v()},
                      {problem.o()}));
  EXPECT_LT(compareWithNaive(problem, keepAll), 1e-5);
}

TEST(CompileTest, everyAlgorithm) {
  Shape shape;
  for (const char *algorithm : {"flash", "memory-efficient", "standard"}) {
    Problem problem(shape);
    Engine engine(cpu(), makeOptions(2));
    CompileOptions options;
    options.algorithm = algorithm;
    Result<Kernel> kernel = engine.compile(makeVariant(shape), options);
    ASSERT_OK(kernel);
    EXPECT_STREQ(kernel->algorithm(), algorithm);
    EXPECT_LT(runVariant(engine, *kernel, problem, 3.0, 20), 2e-5) << algorithm;
  }
}

TEST(CompileTest, countersAndEvents) {
  TemporaryFolder folder;
  std::vector<EventKind> events;
  Options options;
  options.cacheDirectory = folder.path;
  options.threads = 1;
  options.onEvent = [&](const Event &event) { events.push_back(event.kind); };
  Attention spec = makeSpec(Shape());
  {
    Engine engine(cpu(), options);
    ASSERT_OK(engine.compile(spec));
    ASSERT_OK(engine.compile(spec));
    EXPECT_EQ(engine.stats().compiled, 1);
    EXPECT_EQ(engine.stats().memoryHits, 1);
    EXPECT_EQ(engine.stats().diskHits, 0);
    EXPECT_EQ(engine.cacheDirectory(), folder.path);
  }
  Engine second(cpu(), options);
  ASSERT_OK(second.compile(spec));
  EXPECT_EQ(second.stats().compiled, 0);
  EXPECT_EQ(second.stats().diskHits, 1);
  // Another text of the same content is the same kernel.
  Result<std::string> text = spec.text();
  ASSERT_OK(second.compile("// comment\n" + *text));
  EXPECT_EQ(second.stats().compiled, 0);
  EXPECT_EQ(second.stats().diskHits, 1);
  EXPECT_EQ(second.stats().memoryHits, 1);
  if (events.front() == EventKind::compilerOpened)
    events.erase(events.begin());
  EXPECT_EQ(events,
            (std::vector<EventKind>{EventKind::compiled, EventKind::memoryHit,
                                    EventKind::diskHit, EventKind::memoryHit}));
}

TEST(CompileTest, forgetsKernelsBeyondTheBound) {
  Options options;
  options.cacheDirectory = "";
  options.threads = 1;
  options.maxKernels = 1;
  Engine engine(cpu(), options);
  std::string text = *makeSpec(Shape()).text();
  ASSERT_OK(engine.compile(text));
  ASSERT_OK(engine.compile(text));
  EXPECT_EQ(engine.stats().memoryHits, 1);
  CompileOptions standard;
  standard.algorithm = "standard";
  ASSERT_OK(engine.compile(text, standard));
  ASSERT_OK(engine.compile(text));
  EXPECT_EQ(engine.stats().compiled, 3);
}

TEST(CompileTest, withoutDirectory) {
  Options options;
  options.cacheDirectory = "";
  options.threads = 1;
  Engine engine(cpu(), options);
  EXPECT_STREQ(engine.cacheDirectory(), "");
  ASSERT_OK(engine.compile(makeSpec(Shape())));
  ASSERT_OK(engine.compile(makeSpec(Shape())));
  EXPECT_EQ(engine.stats().compiled, 1);
  EXPECT_EQ(engine.stats().memoryHits, 1);
}

TEST(CompileTest, package) {
  TemporaryFolder folder;
  Shape shape;
  Options options;
  options.cacheDirectory = folder.path;
  options.threads = 1;
  ASSERT_OK(Engine(cpu(), options).compile(makeSpec(shape)));
  std::string bytes;
  for (const auto &file : std::filesystem::directory_iterator(folder.path))
    if (file.path().extension() == ".attnpkg") {
      std::ifstream stream(file.path(), std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(stream), {});
    }
  options.cacheDirectory = "";
  options.jit = Jit::Never;
  Engine engine(cpu(), options);
  Result<Kernel> kernel = engine.load(bytes);
  ASSERT_OK(kernel);
  ASSERT_OK(kernel->load());
  Problem problem(shape);
  ASSERT_OK((*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()}));
  EXPECT_LT(compareWithNaive(problem, keepAll), 1e-5);
  EXPECT_EQ(engine.load(bytes, "other").error().message(),
            "there is no entry 'other'; there is 'attention'");
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_EQ(engine.load(bytes).error().kind(), ErrorClass::cache);
}

TEST(CompileTest, kernelOutlivesItsEngine) {
  Shape shape;
  Problem problem(shape);
  std::optional<Kernel> kernel;
  {
    Engine engine(cpu(), makeOptions(2));
    Result<Kernel> made = engine.compile(makeSpec(shape));
    ASSERT_OK(made);
    kernel = *made;
  }
  ASSERT_OK((*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()}));
  EXPECT_LT(compareWithNaive(problem, keepAll), 1e-5);
}

TEST(CompileTest, argumentsAreDescribed) {
  Engine engine(cpu(), makeOptions());
  Result<Kernel> kernel = engine.compile(makeVariant(Shape()));
  ASSERT_OK(kernel);
  EXPECT_STREQ(kernel->name(), "variant");
  std::string all;
  for (const attn_argument &argument : kernel->arguments())
    all += std::string(argument.is_output ? "out " : "in ") + argument.name +
           (argument.is_tensor ? " tensor " : " value ") +
           std::to_string(argument.rank) + "; ";
  EXPECT_EQ(all, "in query tensor 4; in key tensor 4; in value tensor 4; "
                 "in cap value 0; in slopes tensor 1; in window value 0; "
                 "out output tensor 4; out lse tensor 3; ");
}

//===----------------------------------------------------------------------===//
// Masks and scores by name
//===----------------------------------------------------------------------===//

namespace {
/// A mask and its definition: i is the position of the query among the keys.
struct MaskCase {
  const char *name;
  Mask mask;
  bool (*keeps)(int64_t i, int64_t j);
};
} // namespace

static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

TEST(CompileTest, masks) {
  const MaskCase cases[] = {
      {"causal", causal(), [](int64_t i, int64_t j) { return j <= i; }},
      {"window", window(5, 2),
       [](int64_t i, int64_t j) { return i - 5 <= j && j <= i + 2; }},
      {"left", window(5), [](int64_t i, int64_t j) { return i - 5 <= j; }},
      {"prefix", prefix(9), [](int64_t, int64_t j) { return j < 9; }},
      {"global", global(9),
       [](int64_t i, int64_t j) { return i < 9 || j < 9; }},
      {"dilated", dilated(3),
       [](int64_t i, int64_t j) { return (i - j) % 3 == 0; }},
      {"chunk", chunk(7),
       [](int64_t i, int64_t j) { return floorDiv(i, 7) == floorDiv(j, 7); }},
      {"and", causal() && window(9) && chunk(20),
       [](int64_t i, int64_t j) {
         return j <= i && i - 9 <= j && floorDiv(i, 20) == floorDiv(j, 20);
       }},
      {"or", (causal() && window(4)) || prefix(2),
       [](int64_t i, int64_t j) { return (j <= i && i - 4 <= j) || j < 2; }},
      {"not", !causal() || dilated(2),
       [](int64_t i, int64_t j) { return j > i || (i - j) % 2 == 0; }},
  };
  Engine engine(cpu(), makeOptions());
  Shape shape;
  Problem problem(shape);
  for (const MaskCase &test : cases) {
    Attention spec = makeSpec(shape);
    spec.mask = test.mask;
    Result<Kernel> kernel = engine.compile(spec);
    ASSERT_OK(kernel);
    ASSERT_OK(
        (*kernel)({problem.q(), problem.k(), problem.v()}, {problem.o()}));
    EXPECT_LT(
        compareWithNaive(problem,
                         [&](double score, int64_t, int64_t i, int64_t j) {
                           return test.keeps(i + shape.keys - shape.queries, j)
                                      ? score
                                      : -INFINITY;
                         }),
        1e-5)
        << test.name;
  }
}

TEST(CompileTest, changingWindowAndSoftcapCompilesNothing) {
  Shape shape;
  Attention spec = makeSpec(shape);
  spec.mask = causal() && window(value("window"));
  spec.scores = {softcap(value("cap")), alibi()};
  Engine engine(cpu(), makeOptions(2));
  Result<Kernel> kernel = engine.compile(spec);
  ASSERT_OK(kernel);
  Stats before = engine.stats();
  Result<Plan> plan = kernel->plan({1, 64, 64});
  ASSERT_OK(plan);
  Result<Workspace> workspace =
      Workspace::allocate(engine, plan->workspaceBytes());
  ASSERT_OK(workspace);
  Problem problem(shape);
  Args args = kernel->args();
  args.set("query", problem.q()).set("key", problem.k());
  args.set("value", problem.v()).set("output", problem.o());
  for (int64_t left : {0, 1, 16, 1000})
    for (double cap : {0.5, 3.0, 50.0}) {
      args.set("window", left).set("cap", cap);
      ASSERT_OK((*kernel)(args, *plan, *workspace));
      EXPECT_LT(compareWithNaive(
                    problem,
                    [&](double score, int64_t head, int64_t i, int64_t j) {
                      i += shape.keys - shape.queries;
                      double slope = std::exp2(-8.0 * double(head + 1) /
                                               double(shape.heads));
                      return j <= i && i - left <= j
                                 ? cap * std::tanh(score / cap) -
                                       slope * double(std::abs(i - j))
                                 : -INFINITY;
                    }),
                2e-5)
          << left << " " << cap;
    }
  EXPECT_EQ(engine.stats().compiled, before.compiled);
  EXPECT_EQ(engine.stats().diskHits, before.diskHits);
  EXPECT_EQ(engine.stats().memoryHits, before.memoryHits);
}
