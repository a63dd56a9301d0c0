//===- Pipeline.cpp - From attention to the threads of a GPU --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Gpu/Pipeline.h"

#include "attn/Conversion/Passes.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::tile;

// CUDA C++ Programming Guide, "Technical specifications per compute
// capability": maximum amount of shared memory per thread block.
static constexpr attn::GpuTargetInfo kTargets[] = {
    {"sm_80", 163 * 1024}, {"sm_86", 99 * 1024},   {"sm_89", 99 * 1024},
    {"sm_90", 227 * 1024}, {"sm_100", 227 * 1024}, {"sm_120", 99 * 1024},
};

attn::Result<attn::GpuTargetInfo> attn::findGpuTarget(std::string_view name) {
  std::string known;
  for (const GpuTargetInfo &target : kTargets) {
    if (target.name == name)
      return target;
    known += (known.empty() ? "" : ", ") + std::string(target.name);
  }
  return failure("there is no GPU target '" + std::string(name) +
                 "'; there are " + known);
}

void attn::buildWarpStage(OpPassManager &pm,
                          const GpuPipelineOptions &options) {
  pm.addNestedPass<KernelOp>(createTilePadColumnsPass());
  pm.addNestedPass<KernelOp>(createTileDeferScalePass());
  pm.addNestedPass<KernelOp>(createConvertTileToWarpPass(
      {options.warps, options.stages, options.queryInRegisters}));
  if (options.sumRounded)
    pm.addNestedPass<KernelOp>(createWarpRowSumPass());
  pm.addNestedPass<KernelOp>(createWarpLazyRescalePass());
  pm.addNestedPass<KernelOp>(createWarpPipelinePass());
  addCleanUp(pm);
}

void attn::buildGpuThreadStage(OpPassManager &pm, const GpuPipelineOptions &) {
  pm.addPass(createConvertWarpToNvvmPass());
  addCleanUp(pm);
  // Positions of lanes are small numbers.
  pm.addPass(arith::createIntRangeOptimizationsPass());
  pm.nest<gpu::GPUModuleOp>().addNestedPass<gpu::GPUFuncOp>(
      createThreadCarryAddressesPass());
  addCleanUp(pm);
}
