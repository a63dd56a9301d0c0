//===- WidenTiles.cpp - cpu-widen-tiles -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes all tiles f32.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_CPUWIDENTILESPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

static TileType widen(TileType type) {
  return TileType::get(type.getContext(), type.getRows(), type.getCols(),
                       Float32Type::get(type.getContext()));
}

static bool isNarrow(TileType type) {
  return isa<FloatType>(type.getElementType()) &&
         type.getElementType().getIntOrFloatBitWidth() < 32;
}

/// A product extends its operands anyway.
static void widenLoad(LoadOp load) {
  if (isNarrow(load.getTile().getType()) &&
      llvm::all_of(load->getUsers(), llvm::IsaPred<DotOp>))
    load.getTile().setType(widen(load.getTile().getType()));
}

/// Leaves the rounding at the end of the map that made the tile to the store.
static void widenStore(StoreOp store) {
  auto map = store.getTile().getDefiningOp<MapOp>();
  if (!map || !isNarrow(map.getResult().getType()) || !map->hasOneUse())
    return;
  auto yield = cast<YieldOp>(map.getBlock()->getTerminator());
  auto truncate = map.getYielded().getDefiningOp<arith::TruncFOp>();
  if (!truncate || !truncate.getIn().getType().isF32())
    return;
  yield->setOperand(0, truncate.getIn());
  if (truncate->use_empty())
    truncate.erase();
  map.getResult().setType(widen(map.getResult().getType()));
}

/// Rounds an f32 first operand to bf16 if the second one is of bf16 and both
/// can be multiplied in pairs. Returns whether they can.
static bool makeBf16Product(DotOp dot) {
  TileType a = dot.getA().getType(), b = dot.getB().getType();
  if (!b.getElementType().isBF16() || dot.getTransposeA() ||
      a.getCols() % 2 != 0 || !dot.getB().getDefiningOp<LoadOp>())
    return false;
  if (a.getElementType().isBF16())
    return dot.getA().getDefiningOp<LoadOp>() != nullptr;
  if (!a.getElementType().isF32())
    return false;
  OpBuilder builder(dot);
  Type bf16 = b.getElementType();
  Value rounded = MapOp::create(
      builder, dot.getLoc(),
      TileType::get(dot.getContext(), a.getRows(), a.getCols(), bf16),
      {dot.getA()}, ValueRange(),
      [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
        return arith::TruncFOp::create(nested, loc, bf16, args[0]);
      });
  dot.getAMutable().assign(rounded);
  return true;
}

namespace {
struct WidenTiles : tile::impl::CpuWidenTilesPassBase<WidenTiles> {
  using CpuWidenTilesPassBase::CpuWidenTilesPassBase;

  void runOnOperation() override {
    llvm::DenseSet<Operation *> products;
    if (bf16Dot)
      getOperation().walk([&](DotOp dot) {
        if (makeBf16Product(dot))
          products.insert(dot);
      });
    getOperation().walk([&](LoadOp load) {
      if (llvm::none_of(load->getUsers(), [&](Operation *user) {
            return products.contains(user);
          }))
        widenLoad(load);
    });
    getOperation().walk(widenStore);
  }
};
} // namespace
