//===- Harness.cpp - Compiles and runs the cases --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "attn/InitAll.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Object/ELFObjectFile.h"
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

using namespace attn;
using namespace attn::testing;
using reference::Array;

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

bool attn::testing::isSupported(const Case &c) {
#if defined(__x86_64__)
  // Without AVX-512, leaving it out changes nothing: the host's form is tested.
  if (c.isa == Isa::bf16dot)
    return __builtin_cpu_supports("avx512bf16") &&
           __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("avx512vpopcntdq") &&
           __builtin_cpu_supports("gfni");
  return c.isa == Isa::host || __builtin_cpu_supports("avx512f");
#else
  return c.isa == Isa::host;
#endif
}

std::string attn::testing::undefinedSymbols(std::string_view bytes) {
  auto object = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(bytes.data(), bytes.size()), ""));
  if (!object)
    return llvm::toString(object.takeError());
  auto &elf = llvm::cast<llvm::object::ELFObjectFileBase>(**object);
  std::string names;
  for (const llvm::object::ELFSymbolRef &symbol :
       elf.getDynamicSymbolIterators()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (!flags || !name)
      return llvm::toString(
          llvm::joinErrors(flags.takeError(), name.takeError()));
    if (*flags & llvm::object::SymbolRef::SF_Undefined)
      names += (names.empty() ? "" : " ") + name->str();
  }
  return names;
}

using Kernels = std::map<std::string, Result<std::shared_ptr<const Module>>>;

static Kernels &kernels() {
  static Kernels kernels;
  return kernels;
}

static Result<std::shared_ptr<const Module>>
compileAnew(const std::string &text, const std::string &name,
            const CompileOptions &options) {
  Result<std::string> object =
      compile(text, name + ".mlir", options, Emit::object);
  if (!object)
    return failure(object.error() + "\nin the module\n" + text);
  if (std::string names = undefinedSymbols(*object); !names.empty())
    return failure("undefined symbols: " + names + "\nin the module\n" + text);
  return Module::loadFromMemory(*object);
}

Result<std::shared_ptr<const Module>>
attn::testing::compiled(const std::string &text, const std::string &name,
                        const CompileOptions &options) {
  std::string key = options.algorithm + " " + options.cpu + " " +
                    options.features + " " + std::to_string(options.tileQ) +
                    " " + std::to_string(options.tileKv) + "\n" + text;
  auto found = kernels().find(key);
  if (found == kernels().end())
    found = kernels().emplace(key, compileAnew(text, name, options)).first;
  return found->second;
}

CompileOptions attn::testing::compileOptions(const Case &c) {
  CompileOptions options;
  options.target = c.target;
  options.codegen = c.codegen;
  options.algorithm = c.algorithm;
  options.cpu = cpuOf(c.isa);
  options.features = featuresOf(c.isa);
  options.tileQ = c.tileQ;
  options.tileKv = c.tileKv;
  // Rows that are an odd number of elements apart.
  if (c.target != "cpu" && c.layout == Layout::padded)
    options.alignment = 2;
  return options;
}

Result<std::shared_ptr<const Module>> attn::testing::compiled(const Case &c) {
  return compiled(moduleText(c), c.name(), compileOptions(c));
}

int64_t attn::testing::compiledKernels() { return kernels().size(); }

void attn::testing::unloadKernels() { kernels().clear(); }

mlir::func::FuncOp attn::testing::parsed(const std::string &text) {
  static const std::unique_ptr<mlir::MLIRContext> context = [] {
    mlir::DialectRegistry registry;
    registerAllAttnDialects(registry);
    return std::make_unique<mlir::MLIRContext>(registry);
  }();
  static std::map<std::string, mlir::OwningOpRef<mlir::ModuleOp>> modules;
  mlir::OwningOpRef<mlir::ModuleOp> &module = modules[text];
  if (!module)
    module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  if (!module) {
    std::fprintf(stderr, "a test made a bad module\n%s", text.c_str());
    std::abort();
  }
  return *module->getOps<mlir::func::FuncOp>().begin();
}

mlir::func::FuncOp attn::testing::parsed(const Case &c) {
  return parsed(moduleText(c));
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// About normally distributed numbers that are exact in f32, and the same on
/// every machine.
static void fillRandom(Array &array, uint64_t seed) {
  uint64_t state = seed;
  auto uniform = [&] { // splitmix64
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  };
  int64_t count = 1;
  for (int64_t size : array.shape)
    count *= size;
  array.data.resize(count);
  for (double &value : array.data) {
    // A sum of four 16-bit numbers has variance 1 after scaling by sqrt(3).
    uint64_t bits = uniform();
    double sum = 0;
    for (int part = 0; part < 4; ++part, bits >>= 16)
      sum += static_cast<double>(bits & 0xffff) / 65536 - 0.5;
    value = static_cast<float>(sum * 1.7320508);
  }
}

/// A number that the element type can hold, also if it is multiplied by 8. Not
/// the nearest one: that does not matter for a random number.
static double roundTo(const std::string &type, double value) {
  double step = type == "f32" ? 0x1p-24 : type == "f16" ? 0x1p-8 : 0x1p-5;
  return type == "f32" ? value : std::round(value / step) * step;
}

Array attn::testing::makeRandom(const std::vector<int64_t> &shape,
                                uint64_t seed, const std::string &type) {
  Array array{shape, {}};
  fillRandom(array, seed);
  for (double &value : array.data)
    value = roundTo(type, value);
  return array;
}

uint64_t attn::testing::inputSeed(const Case &c, size_t n) {
  return 1000 * (n + 1) + c.headDim;
}

std::vector<Array> attn::testing::makeInputs(const Case &c) {
  const std::vector<int64_t> shapes[] = {
      {c.batch, c.queryHeads, c.queries, c.headDim},
      {c.batch, c.kvHeads, c.keys, c.headDim},
      {c.batch, c.kvHeads, c.keys, c.valueDim}};
  std::vector<Array> inputs;
  for (const std::vector<int64_t> &shape : shapes) {
    uint64_t seed = inputSeed(c, inputs.size());
    inputs.push_back(makeRandom(shape, seed, c.type));
  }
  for (Capture &capture : captures(c))
    inputs.push_back({capture.shape, capture.values});
  return inputs;
}

void attn::testing::scaleValues(Array &array, double factor) {
  for (double &value : array.data)
    value *= factor;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static Scalar makeScalar(ElementType type, double value) {
  switch (type) {
  case ElementType::f32:
    return Scalar::f32(value);
  case ElementType::i32:
    return Scalar::i32(value);
  case ElementType::i64:
    return Scalar::i64(value);
  default:
    return Scalar::index(value);
  }
}

/// The strides of argument number `n`, which has this shape.
static std::vector<int64_t> stridesOf(const Case &c, size_t n,
                                      const std::vector<int64_t> &shape) {
  return n < 3 ? strides(c, shape[1], shape[2], shape[3])
               : rowMajorStrides(shape);
}

std::vector<int64_t> attn::testing::lseStrides(const Case &c) {
  int64_t row = c.layout == Layout::padded ? c.queries + 3 : c.queries;
  return {c.queryHeads * row, row, 1};
}

Result<CpuDevice *> attn::testing::device(int threads) {
  static std::map<int, std::unique_ptr<CpuDevice>> devices;
  std::unique_ptr<CpuDevice> &known = devices[threads];
  if (!known) {
    Result<std::unique_ptr<CpuDevice>> made = CpuDevice::create(threads);
    if (!made)
      return made.takeFailure();
    known = std::move(*made);
  }
  return known.get();
}

Tensors::Tensors(const Case &c, const std::vector<Array> &inputs,
                 const ManifestEntry &entry, Placement placement)
    : output("output", entry.arguments[inputs.size()].type,
             {c.batch, c.queryHeads, c.queries, c.valueDim},
             strides(c, c.queryHeads, c.queries, c.valueDim), placement),
      lse("lse", ElementType::f32, {c.batch, c.queryHeads, c.queries},
          lseStrides(c), placement) {
  for (size_t n = 0; n < inputs.size(); ++n) {
    const ManifestArgument &argument = entry.arguments[n];
    const std::vector<int64_t> &shape = inputs[n].shape;
    if (!argument.isTensor) {
      arguments.push_back(makeScalar(argument.type, inputs[n].data.front()));
      continue;
    }
    given.push_back(
        std::make_unique<GuardedTensor>(argument.name, argument.type, shape,
                                        stridesOf(c, n, shape), placement));
    given.back()->write(inputs[n].data);
    arguments.push_back(given.back()->view());
  }
  outputs.push_back(output.view());
  if (c.withLse)
    outputs.push_back(lse.view());
}

void Tensors::finish(const Case &c, Outcome &outcome) const {
  outcome.output = output.read();
  if (c.withLse)
    outcome.lse = lse.read();
  std::vector<const GuardedTensor *> all = {&output, &lse};
  for (const std::unique_ptr<GuardedTensor> &tensor : given)
    all.push_back(tensor.get());
  for (const GuardedTensor *tensor : all)
    if (outcome.damage.empty())
      outcome.damage = tensor->damage();
}

Result<const ManifestEntry *>
attn::testing::entryOf(const Case &c, const Manifest &manifest,
                       const std::vector<Array> &inputs) {
  const ManifestEntry *entry = manifest.find("attention");
  if (!entry || entry->numInputs() != static_cast<int64_t>(inputs.size()) ||
      entry->numOutputs() != 1 + c.withLse)
    return failure("the manifest has no entry 'attention' with " +
                   std::to_string(inputs.size()) + " inputs and " +
                   std::to_string(1 + c.withLse) + " outputs");
  return entry;
}

static Result<Outcome> runOnCpu(const Case &c, const std::vector<Array> &inputs,
                                const RunOptions &options) {
  Result<std::shared_ptr<const Module>> module = compiled(c);
  if (!module)
    return module.takeFailure();
  auto entry = entryOf(c, (*module)->manifest(), inputs);
  if (!entry)
    return entry.takeFailure();
  Tensors tensors(c, inputs, **entry, options.placement);
  Result<Call> call =
      (*module)->bind("attention", tensors.arguments, tensors.outputs);
  if (!call)
    return call.takeFailure();
  // A workspace that is full of NaN shows what is read before it is written.
  GuardedBuffer workspace("workspace", call->workspaceBytes(), 64,
                          options.placement);
  Result<CpuDevice *> cpu = device(options.threads);
  if (!cpu)
    return cpu.takeFailure();
  setGuardContext(c.name());
  Result<RunStats> stats =
      (*cpu)->run(*call, workspace.data(), workspace.size());
  if (!stats)
    return stats.takeFailure();

  Outcome outcome;
  outcome.stats = *stats;
  tensors.finish(c, outcome);
  if (outcome.damage.empty())
    outcome.damage = workspace.damage();
  return outcome;
}

Result<Outcome> attn::testing::run(const Case &c,
                                   const std::vector<Array> &inputs,
                                   const RunOptions &options) {
  return c.target == "cpu" ? runOnCpu(c, inputs, options)
                           : runOnEmulator(c, inputs, options);
}

Result<int64_t> attn::testing::workspaceBytes(const Case &c) {
  Result<std::shared_ptr<const Module>> module = compiled(c);
  if (!module)
    return module.takeFailure();
  if (c.type != "f32")
    return failure("the size of a workspace is asked for f32 only");
  static float element;
  auto tensor = [&](std::vector<int64_t> shape) {
    return Tensor(&element, ElementType::f32, std::move(shape));
  };
  std::vector<Tensor> outputs = {
      tensor({c.batch, c.queryHeads, c.queries, c.valueDim})};
  if (c.withLse)
    outputs.push_back(tensor({c.batch, c.queryHeads, c.queries}));
  Result<Call> call =
      (*module)->bind("attention",
                      {tensor({c.batch, c.queryHeads, c.queries, c.headDim}),
                       tensor({c.batch, c.kvHeads, c.keys, c.headDim}),
                       tensor({c.batch, c.kvHeads, c.keys, c.valueDim})},
                      outputs);
  if (!call)
    return call.takeFailure();
  return call->workspaceBytes();
}
