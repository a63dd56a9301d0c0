//===- GpuCompilation.cpp - From attention in MLIR to code of a GPU -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chooses the schedule and runs the stages of the GPU pipeline.
//
//===----------------------------------------------------------------------===//

#include "Compilation.h"

#include "attn/Runtime/LaunchProgram.h"
#include "attn/Runtime/Nvrtc.h"
#include "attn/Runtime/Package.h"
#include "attn/Target/Cuda/PrintCuda.h"
#include "attn/Target/Gpu/LaunchProgram.h"
#include "attn/Target/Gpu/Pipeline.h"
#include "attn/Target/Gpu/Schedule.h"
#include "attn/Target/Manifest.h"
#include "attn/Target/Ptx/TranslateToPtx.h"
#include "attn/Target/ThreadLevel.h"
#include "dialect/Attn/Attn.h"
#include "mlir/IR/Remarks.h"
#include <numeric>

using namespace attn;

// What code generators rely on is what the runtime checks.
static_assert(kMaxTensorExtent == LaunchProgram::maxExtent);

/// The largest head dimensions of queries and of values in the module, padded
/// as tiles are.
static GpuProblem describeProblem(mlir::ModuleOp module) {
  GpuProblem problem{0, 0};
  module.walk([&](mlir::attn::AttentionOp attention) {
    auto dimOf = [](mlir::Value tensor) {
      auto type = mlir::cast<mlir::RankedTensorType>(tensor.getType());
      return int64_t(llvm::alignTo(type.getShape().back(), 16));
    };
    problem.headDim = std::max(problem.headDim, dimOf(attention.getQuery()));
    problem.valueDim = std::max(problem.valueDim, dimOf(attention.getValue()));
    if (mlir::Attribute mask = attention.getMaskAttr())
      mask.walk(
          [&](mlir::attn::AnyOfAttr) { problem.hasScoreFunction = true; });
    constexpr unsigned head = 1;
    if (mlir::Region &mask = attention.getMaskMod();
        !mask.empty() && !mask.getArgument(head).use_empty() &&
        attention.getGroupSize() > 1)
      problem.headsWithMasks =
          std::max(problem.headsWithMasks, attention.getGroupSize());
    // Heads with block lists of their own.
    if (mlir::Value offsets = attention.getBlockOffsets())
      if (mlir::cast<mlir::RankedTensorType>(offsets.getType())
                  .getDimSize(head) != 1 &&
          attention.getGroupSize() > 1)
        problem.headsWithMasks =
            std::max(problem.headsWithMasks, attention.getGroupSize());
    problem.hasDropout |= bool(attention.getDropoutProbability());
    problem.hasExactSums |= attention.getLse() || problem.hasDropout;
    problem.hasScoreFunction |=
        attention.getScore() || !attention.getScoreMod().empty() ||
        !attention.getMaskMod().empty() || attention.getBlockOffsets() ||
        problem.hasDropout;
  });
  return problem;
}

/// Writes down what tensors of attention are aligned to.
static Status setAlignments(mlir::ModuleOp module, int64_t given) {
  if (given != 0 && given != 2 && given != 4 && given != 8 && given != 16)
    return failure("an alignment of " + std::to_string(given) +
                   " bytes; 2, 4, 8 and 16 are allowed");
  module.walk([&](mlir::attn::AttentionOp attention) {
    auto function = attention->getParentOfType<mlir::func::FuncOp>();
    mlir::Builder builder(function.getContext());
    auto alignmentOf = [&](mlir::Value tensor) {
      auto type = mlir::cast<mlir::RankedTensorType>(tensor.getType());
      int64_t rowBytes =
          type.getShape().back() * type.getElementTypeBitWidth() / 8;
      return builder.getI64IntegerAttr(given ? given
                                             : std::gcd(rowBytes, int64_t(16)));
    };
    for (mlir::Value tensor :
         {attention.getQuery(), attention.getKey(), attention.getValue()})
      if (auto argument = mlir::dyn_cast<mlir::BlockArgument>(tensor))
        if (unsigned n = argument.getArgNumber();
            !function.getArgAttr(n, kAlignmentAttrName))
          function.setArgAttr(n, kAlignmentAttrName, alignmentOf(tensor));
    for (mlir::OpOperand &use : attention.getOutput().getUses())
      if (mlir::isa<mlir::func::ReturnOp>(use.getOwner()))
        if (unsigned n = use.getOperandNumber();
            !function.getResultAttr(n, kAlignmentAttrName))
          function.setResultAttr(n, kAlignmentAttrName, alignmentOf(use.get()));
  });
  return Status::success();
}

Result<std::string> Compilation::runForGpu(const CompileOptions &options,
                                           Emit emit) {
  auto unsupported = [](const Failure &given) {
    return failure(given.message, ATTN_ERROR_UNSUPPORTED);
  };
  Result<GpuTargetInfo> target = findGpuTarget(options.target);
  if (!target)
    return unsupported(target.takeFailure());
  mlir::SourceMgrDiagnosticHandler handler(sources, &context, stream);
  if (Status parsed = parse(); !parsed)
    return parsed.takeFailure();
  Result<std::string> key = keyOf(options, describeGpu(options));
  if (!key)
    return key;
  GpuProblem problem = describeProblem(*module);
  problem.hasLongLives = options.algorithm == "memory-efficient" ||
                         options.algorithm == "flash-decoding";
  Result<GpuChoice> choice = chooseGpuSchedule(
      *target, problem,
      {options.tileQ, options.tileKv, options.warps, options.stages});
  if (!choice)
    return unsupported(choice.takeFailure());
  const GpuSchedule *schedule = &choice->schedule;
  module->walk([&](mlir::attn::AttentionOp attention) {
    namespace remark = mlir::remark;
    remark::passed(
        attention.getLoc(),
        remark::RemarkOpts::name("gpu-schedule").category("attn.schedule"))
        << choice->reason;
  });
  GpuPipelineOptions pipeline;
  pipeline.tiles.algorithm = options.algorithm;
  pipeline.tiles.tileQ = schedule->tileQ;
  pipeline.tiles.tileKv = pipeline.tiles.unmaskedTileKv = schedule->tileKv;
  pipeline.warps = schedule->warps;
  pipeline.stages = schedule->stages;
  pipeline.queryInRegisters = schedule->queryInRegisters;
  pipeline.sumRounded = !problem.hasExactSums;

  if (Status status = setAlignments(*module, options.alignment); !status)
    return unsupported(status.takeFailure());
  if (!runStage<TileStageOptions>(buildTileStage, pipeline.tiles))
    return failStage("lowering to tiles failed");
  if (Status checked = checkEntries(); !checked)
    return checked.takeFailure();
  if (emit == Emit::tile)
    return print();
  if (!runStage(buildWarpStage, pipeline))
    return failStage("lowering to warps failed");
  if (emit == Emit::warp)
    return print();
  if (!runStage(buildGpuThreadStage, pipeline))
    return failStage("lowering to threads failed");
  if (emit == Emit::thread)
    return print();
  return finishForGpu(*GpuTarget::parse(options.target), options, *key, emit);
}

/// The module at thread level as text or code.
Result<std::string> Compilation::finishForGpu(const GpuTarget &target,
                                              const CompileOptions &options,
                                              const std::string &key,
                                              Emit emit) {
  if (emit == Emit::llvm || emit == Emit::object)
    return failure("LLVM IR and shared objects are for the CPU, and the target "
                   "is " +
                       target.name(),
                   ATTN_ERROR_UNSUPPORTED);
  auto kernels = *module->getOps<mlir::gpu::GPUModuleOp>().begin();
  std::vector<PackagePayload> payloads;
  if (options.codegen == "llvm") {
    if (emit == Emit::cuda || emit == Emit::cubin)
      return failure("the code generator 'llvm' writes PTX only; CUDA C++ and "
                     "machine code come from 'cuda'",
                     ATTN_ERROR_UNSUPPORTED);
    if (options.lineInfo)
      return failure("the code generator 'llvm' writes no line information; "
                     "'cuda' does",
                     ATTN_ERROR_UNSUPPORTED);
    mlir::FailureOr<std::string> ptx =
        timeBackend([&] { return translateToPtx(kernels, target.number); });
    if (mlir::failed(ptx))
      return failInside("translating to PTX failed");
    if (emit == Emit::ptx)
      return *ptx;
    payloads.push_back({"ptx", "", *std::move(ptx)});
  } else if (options.codegen == "cuda") {
    mlir::FailureOr<std::string> source = printCuda(kernels);
    if (mlir::failed(source))
      return failInside("printing CUDA C++ failed");
    if (emit == Emit::cuda)
      return *source;
    Result<const Nvrtc *> nvrtc = Nvrtc::open();
    if (!nvrtc)
      return failure(nvrtc.error(), ATTN_ERROR_COMPILE);
    NvrtcOptions how;
    how.ptxOnly = emit == Emit::ptx;
    how.lineInfo = options.lineInfo;
    // A name that begins like an option is one for nvrtc.
    const std::string file = (name == "-"           ? "stdin"
                              : name.front() == '-' ? "./" + name
                                                    : name) +
                             ".cu";
    Result<NvrtcOutput> code = timeBackend(
        [&] { return (*nvrtc)->compile(*source, file, target, how); });
    if (!code) {
      // The first line says that it failed, the others why.
      findings = {*source,
                  llvm::StringRef(code.error()).split('\n').second.str()};
      ourMistake = code.code() != Nvrtc::builtinsMissing;
      return failure(code.error(), ATTN_ERROR_COMPILE);
    }
    if (emit == Emit::ptx)
      return code->ptx;
    if (emit == Emit::cubin)
      return code->cubin;
    payloads.push_back({"cubin", "", std::move(code->cubin)});
    payloads.push_back({"ptx", "", std::move(code->ptx)});
    payloads.push_back({"cuda", "", *std::move(source)});
  } else {
    return failure("there is no code generator '" + options.codegen +
                       "'; there are 'cuda' and 'llvm'",
                   ATTN_ERROR_UNSUPPORTED);
  }
  Result<std::string> manifest = writeManifest(target);
  if (!manifest)
    return manifest;
  for (PackagePayload &payload : payloads)
    payload.manifestJson = *manifest;
  return writePackage(compilerVersion(), payloads, key);
}

Result<std::string> Compilation::writeManifest(const GpuTarget &target) {
  llvm::json::Array entries;
  for (auto entry : module->getOps<mlir::func::FuncOp>()) {
    if (!isEntry(entry))
      continue;
    mlir::FailureOr<llvm::json::Object> program = writeLaunchProgram(entry);
    if (mlir::failed(program))
      return failInside("writing the launch program failed");
    llvm::json::Object described = describeEntry(entry);
    described["program"] = std::move(*program);
    entries.push_back(std::move(described));
  }
  llvm::json::Object manifest{{"format", 1},
                              {"compiler", compilerVersion()},
                              {"target", target.name()},
                              {"entries", std::move(entries)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(manifest));
  return text;
}
