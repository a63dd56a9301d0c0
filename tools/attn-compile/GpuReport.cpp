//===- GpuReport.cpp - What became of kernels for a GPU -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the cubin, counts instructions at thread level, and asks the cost
// model.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-compile/GpuReport.h"

#include "attn/InitAll.h"
#include "attn/Runtime/Cubin.h"
#include "attn/Target/Gpu/CostModel.h"
#include "attn/Target/ThreadLevel.h"
#include "dialect/Attn/Attn.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

namespace attn::tool {

namespace {
/// What a warp executes for one key tile.
struct TileCounts {
  /// mma.sync, ldmatrix, and the bytes that these move.
  int64_t products = 0, loads = 0, loadedBytes = 0;
};

/// A kernel as thread level has it.
struct GpuKernelShape {
  int64_t threads = 0, dynamicSharedBytes = 0;
  /// Of its entry; 0 if they are not known.
  int64_t tileQ = 0, tileKv = 0;
  /// Zero if there is no loop over key tiles.
  TileCounts tile;
};
} // namespace

/// How often an operation runs in one round of the innermost loop around it
/// that is not unrolled, and that loop.
static std::pair<mlir::Operation *, int64_t> roundOf(mlir::Operation *op) {
  int64_t times = 1;
  for (auto loop = op->getParentOfType<mlir::scf::ForOp>(); loop;
       loop = loop->getParentOfType<mlir::scf::ForOp>()) {
    if (!loop->hasAttr(kUnrollAttrName))
      return {loop, times};
    if (std::optional<llvm::APInt> trips = loop.getStaticTripCount())
      times *= trips->getSExtValue();
  }
  return {nullptr, times};
}

/// Tiles are known to the entry, which is called as the kernel is without what
/// follows the last underscore.
static mlir::func::FuncOp entryOf(mlir::ModuleOp module,
                                  llvm::StringRef kernel) {
  return module.lookupSymbol<mlir::func::FuncOp>(kernel.rsplit('_').first);
}

static GpuKernelShape inspect(mlir::ModuleOp module,
                              mlir::gpu::GPUFuncOp kernel) {
  GpuKernelShape shape;
  if (auto size = kernel.getKnownBlockSize())
    shape.threads = (*size)[0];
  auto numberOf = [](mlir::Operation *op, llvm::StringRef name) {
    auto value = op ? op->getAttrOfType<mlir::IntegerAttr>(name) : nullptr;
    return value ? value.getInt() : 0;
  };
  shape.dynamicSharedBytes = numberOf(kernel, kSharedBytesAttrName);
  mlir::func::FuncOp entry = entryOf(module, kernel.getName());
  shape.tileQ = numberOf(entry, "attn.tile_q");
  shape.tileKv = numberOf(entry, "attn.tile_kv");

  // There may be several loops over key tiles, with a mask and without one,
  // which have the same products.
  llvm::DenseMap<mlir::Operation *, TileCounts> loops;
  kernel.walk([&](mlir::Operation *op) {
    auto [loop, times] = roundOf(op);
    if (!loop)
      return;
    if (mlir::isa<mlir::NVVM::MmaOp>(op)) {
      loops[loop].products += times;
    } else if (auto load = mlir::dyn_cast<mlir::nvgpu::LdMatrixOp>(op)) {
      // A matrix has 8 x 8 elements of 16 bits.
      loops[loop].loads += times;
      loops[loop].loadedBytes += times * load.getNumTiles() * 128;
    }
  });
  for (const auto &[loop, counts] : loops)
    if (counts.products > shape.tile.products)
      shape.tile = counts;
  return shape;
}

/// The head dimensions of an entry's attention, padded as tiles are; none if it
/// has none.
static std::optional<GpuProblem> problemOf(mlir::func::FuncOp entry) {
  std::optional<GpuProblem> problem;
  if (entry)
    entry.walk([&](mlir::attn::AttentionOp attention) {
      auto dimOf = [](mlir::Value tensor) {
        auto type = mlir::cast<mlir::RankedTensorType>(tensor.getType());
        return int64_t(llvm::alignTo(type.getShape().back(), 16));
      };
      problem = {dimOf(attention.getQuery()), dimOf(attention.getValue())};
    });
  return problem;
}

/// The work of a key tile comes from the schedule, but for what can be counted.
static void printPrediction(llvm::raw_ostream &out, const GpuTargetInfo &target,
                            const GpuKernelShape &shape,
                            const GpuProblem &problem, int64_t blocks) {
  GpuSchedule schedule{shape.tileQ, shape.tileKv, shape.threads / 32,
                       /*stages=*/1};
  // Each warp reads keys and values; more are queries.
  schedule.queryInRegisters =
      shape.tile.loadedBytes <=
      shape.tileKv * (problem.headDim + problem.valueDim) * 2;
  // What is more than both products have adds up rows.
  GpuKernelTraits traits;
  traits.sumsOnTensorCores =
      shape.tile.products * schedule.warps * 4096 >
      2 * shape.tileQ * shape.tileKv * (problem.headDim + problem.valueDim);
  GpuPrediction full{}, causal{};
  for (bool isCausal : {false, true})
    (isCausal ? causal : full) =
        predict(target, schedule, problem, referenceWorkload(problem, isCausal),
                blocks, traits);
  const GpuWorkload workload = referenceWorkload(problem, false);
  out << "  prediction       " << speedOf(full) << " without a mask, "
      << speedOf(causal) << " causal (" << workload.batch << " x "
      << workload.queries << " tokens, " << workload.heads << " heads)\n"
      << "  bound            " << nameOf(full.bound) << ";";
  for (size_t unit = 0; unit < kGpuUnits; ++unit)
    out << (unit == 0 ? " " : ", ") << nameOf(GpuUnit(unit)) << " "
        << std::lround(100 * full.busy[unit]) << " %";
  out << "\n";
}

static void printKernel(llvm::raw_ostream &out, const GpuTargetInfo &target,
                        const CubinKernel &kernel, const GpuKernelShape &shape,
                        const std::optional<GpuProblem> &problem) {
  out << "\n@" << kernel.name << "\n";
  if (shape.tileQ != 0)
    out << "  tiles            " << shape.tileQ << " rows x " << shape.tileKv
        << " keys\n";
  out << "  code             " << kernel.instructions << " instructions\n"
      << "  threads          " << shape.threads << "\n"
      << "  registers        " << kernel.registers << "\n"
      << "  spills           " << kernel.spillStores.instructions << " stores, "
      << kernel.spillLoads.instructions << " loads, " << kernel.stack
      << " bytes of stack\n"
      << "  shared memory    " << kernel.sharedMemory << " bytes static, "
      << shape.dynamicSharedBytes << " dynamic\n";
  const GpuOccupancy occupancy =
      occupancyOf(target, shape.threads, kernel.registers,
                  kernel.sharedMemory + shape.dynamicSharedBytes);
  out << "  occupancy        " << occupancy.blocks
      << (occupancy.blocks == 1 ? " thread block" : " thread blocks")
      << " on a multiprocessor, " << std::lround(100 * occupancy.fraction)
      << " % of its warps; limited by " << occupancy.limit << "\n";
  if (shape.tile.products == 0)
    return;
  out << "  key tile         " << shape.tile.products
      << " tensor-core instructions of a warp, " << shape.tile.loads
      << " loads of fragments\n";
  if (problem && shape.tileQ != 0)
    printPrediction(out, target, shape, *problem, occupancy.blocks);
}

Result<std::string> reportGpuKernels(const std::string &text,
                                     const std::string &name,
                                     const CompileOptions &options) {
  Result<GpuTargetInfo> target = findGpuTarget(options.target);
  if (!target)
    return target.takeFailure();
  if (options.codegen != "cuda")
    return failure("--report reads machine code, which --codegen=" +
                   options.codegen + " does not write; leave it out");
  mlir::DialectRegistry registry;
  registerAllAttnDialects(registry);
  registry.insert<mlir::gpu::GPUDialect, mlir::LLVM::LLVMDialect,
                  mlir::nvgpu::NVGPUDialect, mlir::NVVM::NVVMDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto parse = [&](const std::string &module, const std::string &what) {
    return mlir::parseSourceString<mlir::ModuleOp>(
        module, mlir::ParserConfig(&context), what);
  };

  Result<std::string> lowered = compile(text, name, options, Emit::thread);
  if (!lowered)
    return lowered.takeFailure();
  auto module = parse(*lowered, name + " (thread)"), input = parse(text, name);
  if (!module || !input)
    return failure("the kernels of '" + name + "' could not be read again");

  CompileTimes times;
  Result<std::string> code = compile(text, name, options, Emit::cubin, &times);
  if (!code)
    return code;
  Result<Cubin> cubin = readCubin(*code, name);
  if (!cubin)
    return cubin.takeFailure();

  std::string result;
  llvm::raw_string_ostream out(result);
  out << name << ": " << options.algorithm << ", for " << options.target << " ("
      << target->device << ")\n"
      << "cubin              " << code->size() << " bytes\n"
      << "compile time       " << llvm::format("%.2f", times.total)
      << " s, of which nvrtc " << std::lround(100 * times.backend / times.total)
      << " %\n";
  // The model is about one loop with both products.
  const bool isModelled =
      options.algorithm == "flash" || options.algorithm == "flash-decoding";
  module->walk([&](mlir::gpu::GPUFuncOp function) {
    auto kernel = llvm::find_if(cubin->kernels, [&](const CubinKernel &item) {
      return item.name == function.getName();
    });
    if (kernel == cubin->kernels.end())
      return;
    std::optional<GpuProblem> problem;
    if (isModelled)
      problem = problemOf(entryOf(*input, kernel->name));
    printKernel(out, *target, *kernel, inspect(*module, function), problem);
  });
  return result;
}

} // namespace attn::tool
