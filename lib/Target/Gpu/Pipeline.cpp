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
