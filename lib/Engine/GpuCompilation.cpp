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

#include "attn/Target/Gpu/Pipeline.h"
#include "attn/Target/Gpu/Schedule.h"
#include "dialect/Attn/Attn.h"

using namespace attn;

/// The largest head dimensions of queries and of values in the module, padded
/// as tiles are.
static std::pair<int64_t, int64_t> headDimsOf(mlir::ModuleOp module) {
  int64_t head = 0, value = 0;
  module.walk([&](mlir::attn::AttentionOp attention) {
    auto dimOf = [](mlir::Value tensor) {
      auto type = mlir::cast<mlir::RankedTensorType>(tensor.getType());
      return int64_t(llvm::alignTo(type.getShape().back(), 16));
    };
    head = std::max(head, dimOf(attention.getQuery()));
    value = std::max(value, dimOf(attention.getValue()));
  });
  return {head, value};
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
  auto [headDim, valueDim] = headDimsOf(*module);
  Result<GpuSchedule> schedule = chooseGpuSchedule(
      *target, headDim, valueDim,
      {options.tileQ, options.tileKv, options.warps, options.stages});
  if (!schedule)
    return unsupported(schedule.takeFailure());
  GpuPipelineOptions pipeline;
  pipeline.tiles.algorithm = options.algorithm;
  pipeline.tiles.tileQ = schedule->tileQ;
  pipeline.tiles.tileKv = pipeline.tiles.unmaskedTileKv = schedule->tileKv;
  pipeline.warps = schedule->warps;
  pipeline.stages = schedule->stages;

  if (!runStage<TileStageOptions>(buildTileStage, pipeline.tiles))
    return fail(ATTN_ERROR_UNSUPPORTED, "lowering to tiles failed");
  if (Status checked = checkEntries(); !checked)
    return checked.takeFailure();
  if (emit == Emit::tile)
    return print();
  if (!runStage(buildWarpStage, pipeline))
    return fail(ATTN_ERROR_UNSUPPORTED, "lowering to warps failed");
  if (emit == Emit::warp)
    return print();
  if (!runStage(buildGpuThreadStage, pipeline))
    return fail(ATTN_ERROR_UNSUPPORTED, "lowering to threads failed");
  if (emit == Emit::thread)
    return print();
  return failure("only the levels tile, warp and thread are there for a GPU",
                 ATTN_ERROR_UNSUPPORTED);
}
