//===- TileStage.cpp - Passes that all devices share ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/TileStage.h"

#include "attn/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::tile;

void attn::addCleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void attn::buildTileStage(OpPassManager &pm, const TileStageOptions &options) {
  pm.addPass(createAttnExpandVariantPass());
  bool splits = options.algorithm == "flash-decoding";
  pm.addPass(
      createAttnTilePass({splits ? "flash" : options.algorithm, options.tileQ,
                          options.tileKv, options.unmaskedTileKv}));
  pm.addNestedPass<KernelOp>(createTileHoistScalePass());
  addCleanUp(pm);
  pm.addPass(createTileSummarizeKeysPass());
  pm.addPass(createTileListTilesPass());
  pm.addNestedPass<KernelOp>(createTileBoundPass());
  addCleanUp(pm);
  if (splits) {
    pm.addPass(createTileSplitKvPass());
    addCleanUp(pm);
  }
}
