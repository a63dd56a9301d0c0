//===- MaskCost.cpp - What masks cost and save ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times attention with masks on the CPU, 8 heads of dimension 64 in f32 with
// one thread. Each sample of a mask lies between two without a mask; printed
// are medians, of the seconds and of the share of the time without a mask.
//
//   attn-bench-masks [LENGTH [SAMPLES]]
//
//===----------------------------------------------------------------------===//

#include "attn/attn.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace attn;

namespace {
constexpr int64_t heads = 8, headDim = 64;

[[noreturn]] void fail(const Error &error) {
  std::fprintf(stderr, "%s\n", error.text().c_str());
  std::exit(1);
}

template <typename T>
T valueOf(Result<T> result) {
  if (!result)
    fail(result.error());
  return *std::move(result);
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

/// A kernel with its arguments.
class Run {
public:
  using SetMore = std::function<void(Args &)>;

  Run(Engine &engine, const Attention &spec, int64_t length,
      const std::vector<std::vector<float>> &data, std::vector<float> &output,
      const SetMore &setMore)
      : kernel(valueOf(engine.compile(spec))),
        plan(valueOf(kernel.plan({1, length, length}))),
        workspace(valueOf(Workspace::allocate(engine, plan.workspaceBytes()))),
        args(kernel.args()) {
    const char *names[] = {"query", "key", "value"};
    for (size_t n = 0; n < 3; ++n)
      args.set(names[n], Tensor(data[n].data(), {1, heads, length, headDim}));
    args.set("output", Tensor(output.data(), {1, heads, length, headDim}));
    setMore(args);
  }

  double time() {
    auto begin = std::chrono::steady_clock::now();
    if (Result<void> ran = kernel(args, plan, workspace); !ran)
      fail(ran.error());
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - begin;
    return elapsed.count();
  }
  int64_t workspaceBytes() const { return plan.workspaceBytes(); }

private:
  Kernel kernel;
  Plan plan;
  Workspace workspace;
  Args args;
};

/// Measures one mask after the other.
class Bench {
public:
  Bench(int64_t length, int samples)
      : engine(Device("cpu"), makeOptions()), length(length), samples(samples) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    data.resize(3, std::vector<float>(size_t(heads * length * headDim)));
    for (std::vector<float> &values : data)
      for (float &value : values)
        value = normal(random);
    output.resize(data[0].size());
    dense.emplace(makeRun(makeSpec(), [](Args &) {}));
    dense->time();
  }

  static Attention makeSpec() {
    Attention spec;
    spec.heads = heads;
    spec.headDim = headDim;
    return spec;
  }

  void measure(const std::string &name, const Attention &spec,
               const Run::SetMore &setMore) {
    Run run = makeRun(spec, setMore);
    run.time();
    std::vector<double> times, shares;
    double before = dense->time();
    for (int n = 0; n < samples; ++n) {
      double time = run.time(), after = dense->time();
      times.push_back(time);
      shares.push_back(2 * time / (before + after));
      before = after;
    }
    std::printf("%-44s %10.6f s %8.2f %% %12lld bytes\n", name.c_str(),
                median(times), 100 * median(shares),
                static_cast<long long>(run.workspaceBytes()));
    std::fflush(stdout);
  }

private:
  static Options makeOptions() {
    Options options;
    options.threads = 1;
    return options;
  }
  Run makeRun(const Attention &spec, const Run::SetMore &setMore) {
    return Run(engine, spec, length, data, output, setMore);
  }

  Engine engine;
  int64_t length;
  int samples;
  std::vector<std::vector<float>> data;
  std::vector<float> output;
  std::optional<Run> dense;
};

/// A share of the blocks of each block row, chosen at random.
void measureBlocks(Bench &bench, int64_t length, int64_t block, double density,
                   bool perHead) {
  BlockMask::Shape shape{length, length,      block,
                         block,  /*batch=*/1, perHead ? heads : 1};
  std::mt19937 random(2);
  auto count = static_cast<int64_t>(density * double(shape.columns()) + 0.5);
  BlockMask mask = valueOf(
      BlockMask::topK(shape, count, [&](int64_t, int64_t, int64_t, int64_t) {
        return double(random());
      }));
  Attention spec = Bench::makeSpec();
  spec.blockMask =
      BlockLists{value("offsets"), value("columns"), {}, block, block};
  spec.blockMask->perHead = perHead;
  char name[96];
  std::snprintf(name, sizeof(name), "%.2f %% of blocks of %lld%s",
                100 * double(count) / double(shape.columns()),
                static_cast<long long>(block), perHead ? ", of each head" : "");
  bench.measure(name, spec, [&](Args &args) {
    args.set("offsets", mask.offsetsTensor());
    args.set("columns", mask.columnsTensor());
  });
}

/// A number for each pair of query and key.
void measureTable(Bench &bench, int64_t length, const std::string &name,
                  const std::function<bool(int64_t, int64_t)> &keeps) {
  std::vector<int8_t> keep(static_cast<size_t>(length * length));
  for (int64_t i = 0; i < length; ++i)
    for (int64_t j = 0; j < length; ++j)
      keep[static_cast<size_t>(i * length + j)] = keeps(i, j);
  Attention spec = Bench::makeSpec();
  spec.maskMod = [](At at) {
    return Int(table("table", {-1, -1}, i8)(at.query, at.key)) != 0;
  };
  bench.measure(name, spec, [&](Args &args) {
    args.set("table", Tensor(keep.data(), {length, length}));
  });
}

/// Documents of 512 to 8192 tokens.
void measureDocuments(Bench &bench, int64_t length) {
  std::mt19937 random(3);
  std::vector<int32_t> documents;
  for (int32_t document = 0; int64_t(documents.size()) < length; ++document)
    documents.insert(documents.end(), 512 + random() % 7681, document);
  documents.resize(static_cast<size_t>(length));
  Attention spec = Bench::makeSpec();
  spec.mask = causal();
  spec.maskMod = [](At at) {
    Table document = table("documents", {-1}, i32);
    return Int(document[at.query]) == Int(document[at.key]);
  };
  bench.measure("causal, documents of 512 to 8192 tokens", spec,
                [&](Args &args) {
                  args.set("documents", Tensor(documents.data(), {length}));
                });
}
} // namespace

int main(int argc, char **argv) {
  int64_t length = argc > 1 ? std::atoll(argv[1]) : 8192;
  int samples = argc > 2 ? std::atoi(argv[2]) : 5;
  if (length < 256 || length > 65536 || samples < 1) {
    std::fprintf(stderr, "attn-bench-masks [LENGTH [SAMPLES]]: LENGTH must be "
                         "from 256 to 65536, SAMPLES from 1 on\n");
    return 1;
  }
  Bench bench(length, samples);
  Attention spec = Bench::makeSpec();
  bench.measure("no mask", spec, [](Args &) {});
  spec.mask = causal();
  bench.measure("causal", spec, [](Args &) {});
  spec.mask = causal() && window(1023);
  bench.measure("causal, window of 1024", spec, [](Args &) {});
  spec.mask = {};
  spec.maskMod = [](At at) { return at.key < at.key; };
  bench.measure("nothing is kept", spec, [](Args &) {});
  measureDocuments(bench, length);
  for (int64_t block : {64, 128})
    for (bool perHead : {false, true})
      measureBlocks(bench, length, block, 0.1, perHead);
  measureBlocks(bench, length, 64, 1, /*perHead=*/false);
  measureTable(bench, length, "table, all are kept",
               [](int64_t, int64_t) { return true; });
  measureTable(bench, length, "table, causal",
               [](int64_t i, int64_t j) { return j <= i; });
  return 0;
}
