//===- TileToCpu.cpp - convert-tile-to-cpu --------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers kernels: their signature, their loops, and where their tiles are.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "attn/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_CONVERTTILETOCPUPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

Value KernelEmitter::buffer(Value tile) {
  unsigned number = plan.getBuffer(tile);
  auto type = cast<TileType>(tile.getType());
  Value &view = bytes[number];
  if (view)
    return view;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(arena);
  Location loc = kernel.getLoc();
  SmallVector<int64_t> shape = {type.getCols(), type.getRows()};
  if (isPaired(type))
    shape = {int64_t(llvm::divideCeil(type.getCols(), 2)), 2 * type.getRows()};
  view = memref::ViewOp::create(
      builder, loc, MemRefType::get(shape, type.getElementType()), arena,
      index(loc, plan.getOffset(number)), ValueRange());
  return view;
}

void KernelEmitter::forEach(Location loc, int64_t end, int64_t step,
                            function_ref<void(Value)> body) {
  if (end <= step) {
    body(index(loc, 0));
    return;
  }
  auto loop = scf::ForOp::create(builder, loc, index(loc, 0), index(loc, end),
                                 index(loc, step));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void KernelEmitter::copyBuffer(Value from, Value to) {
  Value source = buffer(from), target = buffer(to);
  if (source == target)
    return;
  Location loc = kernel.getLoc();
  auto type = cast<TileType>(from.getType());
  VectorType vector = vectorOf(type.getElementType());
  forEach(loc, type.getCols(), 1, [&](Value col) {
    for (int64_t row = 0; row < type.getRows(); row += schedule.vectorWidth) {
      SmallVector<Value> at = {col, index(loc, row)};
      Value lanes = vector::LoadOp::create(builder, loc, vector, source, at);
      vector::StoreOp::create(builder, loc, lanes, target, at);
    }
  });
}

/// Adds 1 to the worker's counter of partial or full tiles.
void KernelEmitter::countVisit(scf::ForOp loop) {
  auto visit = loop->getAttrOfType<StringAttr>(kVisitAttrName);
  if (!visit)
    return;
  Location loc = loop.getLoc();
  Value counters = memref::ViewOp::create(
      builder, loc,
      MemRefType::get({kArenaHeaderBytes / 8}, builder.getI64Type()), arena,
      index(loc, 0), ValueRange());
  Value which = index(loc, visit.getValue() == "full" ? 1 : 0);
  Value old = memref::LoadOp::create(builder, loc, counters, which);
  Value one = arith::ConstantIntOp::create(builder, loc, 1, 64);
  Value incremented = arith::AddIOp::create(builder, loc, old, one);
  memref::StoreOp::create(builder, loc, incremented, counters, which);
}

LogicalResult KernelEmitter::emitLoop(scf::ForOp loop) {
  for (Value carried : loop.getRegionIterArgs())
    if (!isa<TileType>(carried.getType()))
      return loop.emitOpError()
             << "carries a value of type " << carried.getType()
             << "; convert-tile-to-cpu supports tiles";
  for (auto [carried, yielded] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues())) {
    auto other = dyn_cast<BlockArgument>(yielded);
    if (other && other != carried && other.getOwner() == loop.getBody())
      return loop.emitOpError() << "yields one of its arguments in the place "
                                   "of another, which is not supported";
    if (cast<TileType>(carried.getType()).getRows() % schedule.vectorWidth)
      return loop.emitOpError()
             << "carries " << carried.getType()
             << ", whose rows are not a multiple of the vector width "
             << schedule.vectorWidth;
  }
  for (auto [init, carried] :
       llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs()))
    copyBuffer(init, carried);
  auto lowered = scf::ForOp::create(
      builder, loop.getLoc(), mapping.lookup(loop.getLowerBound()),
      mapping.lookup(loop.getUpperBound()), mapping.lookup(loop.getStep()));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(lowered.getBody());
  mapping.map(loop.getInductionVar(), lowered.getInductionVar());
  countVisit(loop);
  if (failed(emitBlock(*loop.getBody())))
    return failure();
  for (auto [yielded, carried] :
       llvm::zip_equal(loop.getYieldedValues(), loop.getRegionIterArgs()))
    copyBuffer(yielded, carried);
  return success();
}

LogicalResult KernelEmitter::emitLoad(LoadOp load) {
  if (!isStreamed(load))
    return emitPack(*this, load);
  bool isTransposed = llvm::all_of(load->getUsers(), [](Operation *user) {
    return cast<DotOp>(user).getTransposeB();
  });
  return isPaired(load.getTile().getType()) && !isTransposed
             ? emitPairWindow(*this, load)
             : emitWindow(*this, load);
}

LogicalResult KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block) {
    LogicalResult result = success();
    if (op.getNumRegions() != 0 && isScalarCode(&op))
      builder.clone(op, mapping);
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      result = emitLoop(loop);
    else if (auto group = dyn_cast<GroupOp>(op))
      result = emitGroup(*this, group);
    else if (auto load = dyn_cast<LoadOp>(op))
      result = emitLoad(load);
    else if (auto store = dyn_cast<StoreOp>(op))
      result = emitUnpack(*this, store);
    else if (isa<DotOp, MapOp, ReduceOp>(op))
      result = op.emitOpError() << "is not in a tile.group; run "
                                   "cpu-group-tiles before convert-tile-to-cpu";
    else if (isa<ReturnOp>(op))
      func::ReturnOp::create(builder, op.getLoc());
    else if (op.getNumRegions() != 0 ||
             llvm::any_of(op.getResultTypes(), llvm::IsaPred<TileType>))
      result = op.emitOpError() << "is not supported in a kernel by "
                                   "convert-tile-to-cpu";
    else if (!isa<scf::YieldOp>(op))
      builder.clone(op, mapping);
    if (failed(result))
      return failure();
  }
  return success();
}

FailureOr<func::FuncOp> KernelEmitter::run() {
  Location loc = kernel.getLoc();
  constexpr int64_t maxArena = 256 << 20;
  if (plan.getArenaBytes() > maxArena)
    return kernel.emitOpError()
           << "needs " << plan.getArenaBytes()
           << " bytes of scratch for its tiles; at most " << maxArena
           << " are allowed, so use smaller tiles or head dimensions";
  builder.setInsertionPoint(kernel);
  SmallVector<Type> types(kernel.getArgumentTypes());
  types.push_back(MemRefType::get({plan.getArenaBytes()}, builder.getI8Type()));
  auto function = func::FuncOp::create(builder, loc, kernel.getName(),
                                       builder.getFunctionType(types, {}));
  function.setPrivate();
  function->setAttr(kArenaBytesAttrName,
                    builder.getI64IntegerAttr(plan.getArenaBytes()));
  Block *entry = function.addEntryBlock();
  arena = entry->getArguments().back();
  mapping.map(kernel.getBody().getArguments(),
              entry->getArguments().drop_back());
  builder.setInsertionPointToStart(entry);
  if (failed(emitBlock(kernel.getBody().front())))
    return failure();
  // Views were only needed for what they compute.
  function.walk([](ViewOp view) {
    if (view->use_empty())
      view.erase();
  });
  return function;
}

namespace {
struct ConvertTileToCpu
    : tile::impl::ConvertTileToCpuPassBase<ConvertTileToCpu> {
  using ConvertTileToCpuPassBase::ConvertTileToCpuPassBase;

  void runOnOperation() override {
    if (vectorWidth < 2 || !llvm::isPowerOf2_64(vectorWidth) ||
        rowVectors < 1 || registers < 1) {
      getOperation().emitError()
          << "vector-width must be a power of two and at least 2, and "
             "row-vectors and registers at least 1; got vector-width="
          << int64_t(vectorWidth) << " row-vectors=" << int64_t(rowVectors)
          << " registers=" << int64_t(registers);
      return signalPassFailure();
    }
    CpuSchedule schedule{vectorWidth, rowVectors, registers};
    for (auto kernel :
         llvm::make_early_inc_range(getOperation().getOps<KernelOp>())) {
      KernelEmitter emitter(kernel, schedule);
      if (failed(emitter.run()))
        return signalPassFailure();
      kernel.erase();
    }
  }
};
} // namespace
