//===- Pipeline.cpp - Passes from attn to LLVM on a CPU -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of the passes, and the table of targets.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Cpu/Pipeline.h"

#include "attn/Conversion/Passes.h"
#include "attn/Target/TileStage.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::tile;

// Measured; a product is fastest if the register tile leaves no register unused
// and the tiles of one step fit into the first-level cache.
static constexpr attn::CpuTargetInfo kTargets[] = {
    // name     features      lanes vectors registers tiles       math
    {"avx512", "+avx512f,+avx512dq", 16, 4, 32, 64, 64, 128, true},
    {"avx2", "+avx2,+fma", 8, 2, 16, 64, 64, 64, false},
};

llvm::ArrayRef<attn::CpuTargetInfo> attn::getCpuTargets() { return kTargets; }

void attn::buildTileStage(OpPassManager &pm,
                          const CpuPipelineOptions &options) {
  const CpuTargetInfo &target = options.target;
  buildTileStage(pm, TileStageOptions{options.algorithm, target.tileQ,
                                      target.tileKv, target.unmaskedTileKv});
}

void attn::buildThreadStage(OpPassManager &pm,
                            const CpuPipelineOptions &options) {
  pm.addNestedPass<KernelOp>(createCpuWidenTilesPass({options.target.bf16Dot}));
  pm.addNestedPass<KernelOp>(createTileHoistScalePass());
  addCleanUp(pm);
  pm.addNestedPass<KernelOp>(createCpuGroupTilesPass());
  pm.addPass(createConvertTileToCpuPass({options.target.vectorWidth,
                                         options.target.rowVectors,
                                         options.target.registers}));
  addCleanUp(pm);
}

void attn::buildLlvmStage(OpPassManager &pm,
                          const CpuPipelineOptions &options) {
  pm.addPass(createCpuExpandMathPass({options.target.avx512Math}));
  pm.addPass(createCpuLowerLaunchPass());
  // Other CPUs than those with AVX-512 BF16 have no rounding to bf16.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = !options.target.bf16Dot;
  pm.addPass(arith::createArithExpandOpsPass(expand));
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = options.target.bf16Dot;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  addCleanUp(pm);
}

namespace {
enum class Target { cpu };
enum class Isa { avx512, avx2, avx512bf16 };

struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<Target> target{
      *this, "target", llvm::cl::desc("device to lower for"),
      llvm::cl::init(Target::cpu),
      llvm::cl::values(clEnumValN(Target::cpu, "cpu", "CPU"))};
  Option<Isa> isa{
      *this, "isa", llvm::cl::desc("vector instructions of the CPU"),
      llvm::cl::init(Isa::avx512),
      llvm::cl::values(clEnumValN(Isa::avx512, "avx512", "16 lanes"),
                       clEnumValN(Isa::avx2, "avx2", "8 lanes"),
                       clEnumValN(Isa::avx512bf16, "avx512bf16",
                                  "16 lanes, dot products of bf16 pairs"))};
  Option<std::string> algorithm{
      *this, "algorithm",
      llvm::cl::desc("standard, memory-efficient, flash or flash-decoding"),
      llvm::cl::init("flash")};
};
} // namespace

void attn::registerCpuPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "attn-pipeline", "From attn to loops over native vectors of a CPU",
      [](OpPassManager &pm, const PipelineOptions &options) {
        bool bf16Dot = options.isa == Isa::avx512bf16;
        CpuPipelineOptions pipeline{options.algorithm,
                                    kTargets[options.isa == Isa::avx2]};
        pipeline.target.bf16Dot = bf16Dot;
        buildTileStage(pm, pipeline);
        buildThreadStage(pm, pipeline);
      });
}
