//===- AttentionKernels.cpp - The kernels, ready to run -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionKernels.h"

#include "Nvrtc.h"
#include "runtime/devices/emulator/Memory.h"
#include "runtime/devices/emulator/TensorMap.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <random>

using namespace attn;
using namespace attn::test;
using namespace attn::emulator;

namespace {

constexpr int headDim = AttentionProblem::headDim;

/// To nearest, ties to even; no NaN comes here.
uint16_t toBf16(double number) {
  float rounded = static_cast<float>(number);
  uint32_t bits;
  std::memcpy(&bits, &rounded, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

double fromBf16(uint16_t bf16) {
  uint32_t bits = uint32_t(bf16) << 16;
  float number;
  std::memcpy(&number, &bits, sizeof(number));
  return number;
}

/// |computed - exact|, infinite where `computed` is not finite.
double errorOf(double computed, double exact) {
  return std::isfinite(computed) ? std::abs(computed - exact)
                                 : std::numeric_limits<double>::infinity();
}

/// One row of attention. `keys` and `values` are those of the head. Returns
/// LSE; adds up the largest error of the rounded variant.
double attendRow(const AttentionProblem &problem, const double *query,
                 const double *keys, const double *values, int visibleKeys,
                 double *output, double &plainError) {
  std::vector<double> scores(visibleKeys);
  for (int j = 0; j < visibleKeys; ++j) {
    double dot = 0.0;
    for (int d = 0; d < headDim; ++d)
      dot += query[d] * keys[j * headDim + d];
    scores[j] = dot * problem.scale;
  }
  double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0.0;
  std::vector<double> rounded(headDim, 0.0);
  std::fill(output, output + headDim, 0.0);
  for (double score : scores)
    sum += std::exp(score - max);
  for (int j = 0; j < visibleKeys; ++j) {
    double p = std::exp(scores[j] - max);
    double roundedP = fromBf16(toBf16(p));
    for (int d = 0; d < headDim; ++d) {
      output[d] += p / sum * values[j * headDim + d];
      rounded[d] += roundedP / sum * values[j * headDim + d];
    }
  }
  for (int d = 0; d < headDim; ++d)
    plainError = std::max(plainError,
                          std::abs(fromBf16(toBf16(rounded[d])) - output[d]));
  return max + std::log(sum);
}

/// Time that this thread has had a processor.
double cpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// A buffer of the emulator with these bytes.
void *upload(Memory &memory, const std::vector<uint16_t> &numbers,
             const char *name) {
  size_t bytes = numbers.size() * sizeof(uint16_t);
  void *buffer = memory.allocate(bytes, name);
  std::memcpy(buffer, numbers.data(), bytes);
  memory.markInitialized(buffer, bytes);
  return buffer;
}

/// The map of a tensor [heads, length, 64] in boxes of so many rows of a head.
Result<TensorMapBits> mapRows(void *tensor, const AttentionProblem &problem,
                              uint32_t rows) {
  constexpr uint64_t rowBytes = headDim * sizeof(uint16_t);
  TensorMapDescription description;
  description.type = TensorMapType::bf16;
  description.rank = 3;
  description.base = tensor;
  description.dims[0] = headDim;
  description.dims[1] = uint64_t(problem.length);
  description.dims[2] = uint64_t(problem.heads);
  description.strides[0] = rowBytes;
  description.strides[1] = rowBytes * uint64_t(problem.length);
  description.box[0] = headDim;
  description.box[1] = rows;
  description.box[2] = 1;
  description.swizzle = TensorMapSwizzle::of128Bytes;
  return encodeTiled(description);
}

std::vector<double> widen(const std::vector<uint16_t> &numbers) {
  std::vector<double> wide(numbers.size());
  std::transform(numbers.begin(), numbers.end(), wide.begin(), fromBf16);
  return wide;
}

} // namespace

AttentionProblem::AttentionProblem(int heads, int length, bool causal)
    : heads(heads), length(length), causal(causal),
      scale(1.0f / std::sqrt(float(headDim))) {
  size_t rows = size_t(heads) * length;
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  for (std::vector<uint16_t> *tensor : {&query, &key, &value}) {
    tensor->resize(rows * headDim);
    for (uint16_t &number : *tensor)
      number = toBf16(normal(random));
  }

  std::vector<double> q = widen(query), k = widen(key), v = widen(value);
  output.resize(rows * headDim);
  lse.resize(rows);
  for (size_t row = 0; row < rows; ++row) {
    size_t head = row / length * length * headDim;
    lse[row] = attendRow(*this, &q[row * headDim], &k[head], &v[head],
                         causal ? int(row % length) + 1 : length,
                         &output[row * headDim], plainError);
  }
}

bool KernelRun::isAccurate(const AttentionProblem &problem) const {
  return outputError <= 2.0 * problem.plainError + 1e-5 && lseError <= 1e-3;
}

const std::vector<AttentionKernel> &test::attentionKernels() {
  static const std::vector<AttentionKernel> kernels = {
      {"attention_sm80", "compute_80", 64, 128, 57344, 0, false,
       mutationsOfSm80},
      {"attention_sm90a", "compute_90a", 128, 384, 81992, 168, true,
       mutationsOfSm90a}};
  return kernels;
}

static Result<std::string> readFile(const std::string &name) {
  std::string path = std::string(ATTN_EMULATOR_KERNELS "/") + name;
  std::ifstream file(path);
  if (!file)
    return failure("cannot open " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// With its headers, so that bugs can be injected there too.
Result<std::string> test::readSource(const AttentionKernel &kernel) {
  const std::string name = std::string(kernel.name) + ".cu";
  Result<std::string> source = readFile(name);
  const std::string directive = "#include \"";
  size_t at = source ? source->find("\n" + directive) : std::string::npos;
  if (at == std::string::npos)
    return source;
  const size_t begin = ++at + directive.size(), end = source->find('"', begin);
  const std::string header = source->substr(begin, end - begin);
  Result<std::string> text = readFile(header);
  if (!text)
    return text;
  const auto next =
      std::count(source->begin(), source->begin() + long(end), '\n') + 2;
  source->replace(at, end + 1 - at,
                  "#line 1 \"" + header + "\"\n" + *text + "#line " +
                      std::to_string(next) + " \"" + name + "\"");
  return source;
}

Result<Module> test::compileKernel(const AttentionKernel &kernel,
                                   const std::string &source) {
  // Reports then name lines of the CUDA source.
  auto compiled = compileCuda(source, std::string(kernel.name) + ".cu",
                              kernel.architecture, {"-lineinfo"});
  if (!compiled)
    return compiled.takeFailure();
  return Module::parse(compiled->code);
}

const Result<Module> &test::originalOf(const AttentionKernel &kernel) {
  static std::map<std::string, Result<Module>> compiled;
  auto found = compiled.find(kernel.name);
  if (found != compiled.end())
    return found->second;
  Result<std::string> source = readSource(kernel);
  Result<Module> module = source ? compileKernel(kernel, *source)
                                 : Result<Module>(source.takeFailure());
  return compiled.emplace(kernel.name, std::move(module)).first->second;
}

std::string test::reportsOf(const LaunchResult &result) {
  std::string text;
  for (const Report &report : result.reports)
    text += report.str() + "\n";
  return text;
}

Result<KernelRun> test::runKernel(const AttentionKernel &kernel,
                                  const Module &module,
                                  const AttentionProblem &problem,
                                  const LaunchOptions &options) {
  Memory memory;
  void *query = upload(memory, problem.query, "query");
  void *key = upload(memory, problem.key, "key");
  void *value = upload(memory, problem.value, "value");
  auto *output = static_cast<uint16_t *>(
      memory.allocate(problem.output.size() * sizeof(uint16_t), "output"));
  auto *lse = static_cast<float *>(
      memory.allocate(problem.lse.size() * sizeof(float), "lse"));

  std::vector<Argument> arguments;
  if (kernel.hasTensorMaps) {
    // Q and O by consumer, which has 64 rows; K and V by tile.
    const std::pair<void *, uint32_t> tensors[] = {
        {query, 64}, {key, 128}, {value, 128}, {output, 64}};
    for (auto [tensor, rows] : tensors) {
      Result<TensorMapBits> map = mapRows(tensor, problem, rows);
      if (!map)
        return map.takeFailure();
      arguments.push_back(Argument::of(*map));
    }
  } else {
    for (void *tensor : {query, key, value, static_cast<void *>(output)})
      arguments.push_back(Argument::of(tensor));
  }
  arguments.push_back(Argument::of(lse));
  arguments.push_back(Argument::of(int32_t(problem.length)));
  arguments.push_back(Argument::of(problem.scale));
  arguments.push_back(Argument::of(int32_t(problem.causal)));

  LaunchDimensions dimensions;
  dimensions.grid.x =
      uint32_t((problem.length + kernel.queries - 1) / kernel.queries);
  dimensions.grid.y = uint32_t(problem.heads);
  dimensions.block.x = uint32_t(kernel.threads);
  dimensions.dynamicSharedBytes = kernel.sharedBytes;
  dimensions.registersPerThread = kernel.registers;

  auto begin = std::chrono::steady_clock::now();
  double cpuBegin = cpuSeconds();
  Result<LaunchResult> launched =
      launch(module, kernel.name, dimensions, arguments, memory, options);
  double cpuEnd = cpuSeconds();
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - begin;
  if (!launched)
    return launched.takeFailure();

  KernelRun run;
  run.launch = std::move(*launched);
  run.seconds = elapsed.count();
  run.cpuSeconds = cpuEnd - cpuBegin;
  for (size_t i = 0; i < problem.output.size(); ++i)
    run.outputError = std::max(run.outputError,
                               errorOf(fromBf16(output[i]), problem.output[i]));
  for (size_t i = 0; i < problem.lse.size(); ++i)
    run.lseError = std::max(run.lseError, errorOf(lse[i], problem.lse[i]));
  return run;
}
