//===- TilePlanTiles.cpp - Which tiles a plan touches ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts bytes, and records which key tiles a query tile meets.
//
//===----------------------------------------------------------------------===//

#include "TilePlanner.h"

#include "attn/Transforms/Passes.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::tile;

static constexpr int64_t kMaxPairs = int64_t(1) << 26;

/// The size of dimension `dim` of the memref under `view`, at run time.
static FailureOr<int64_t> sizeOf(IndexEvaluator &values, ViewOp view,
                                 int64_t dim) {
  const Buffer &buffer = values.getBuffer(values.slotOf(view.getSource()));
  if (size_t(dim) < buffer.shape.size() && buffer.shape[dim])
    return *buffer.shape[dim];
  return view.emitOpError() << "the tile plan does not know the size of "
                               "dimension "
                            << dim << " of its memref";
}

static ViewOp viewOf(Operation *op) {
  if (auto load = dyn_cast<LoadOp>(op))
    return load.getView().getDefiningOp<ViewOp>();
  return cast<StoreOp>(op).getView().getDefiningOp<ViewOp>();
}

LogicalResult Planner::access(Program &program, Operation *op) {
  auto load = dyn_cast<LoadOp>(op);
  auto store = dyn_cast<StoreOp>(op);
  ViewOp view = viewOf(op);
  if (!view)
    return op->emitOpError() << "the tile plan needs a view that tile.view "
                                "makes in this kernel";
  IndexEvaluator &values = program.values;
  FailureOr<int64_t> row = values.demand(load ? load.getRow() : store.getRow()),
                     col = values.demand(load ? load.getCol() : store.getCol());
  FailureOr<int64_t> positions = sizeOf(values, view, view.getRowDim());
  FailureOr<int64_t> cols =
      view.getColDim() ? sizeOf(values, view, *view.getColDim()) : int64_t(1);
  if (failed(row) || failed(col) || failed(positions) || failed(cols))
    return failure();
  TileType type = load ? load.getTile().getType() : store.getTile().getType();
  int64_t rows = *positions * int64_t(view.getGroup());
  int64_t insideRows = std::clamp<int64_t>(rows - *row, 0, type.getRows());
  int64_t insideCols = std::clamp<int64_t>(*cols - *col, 0, type.getCols());
  int64_t bytes =
      insideRows * insideCols *
      llvm::divideCeil(type.getElementType().getIntOrFloatBitWidth(), 8);
  unsigned root = values.getBuffer(values.slotOf(view.getSource())).root;
  LaunchPlan &launch = plan.launches.back();
  (load ? traffic[root].loadedBytes : traffic[root].storedBytes) += bytes;
  (load ? launch.loadedBytes : launch.storedBytes) += bytes;
  return success();
}

/// Gives a sweep its sizes at its first visit.
LogicalResult Planner::allocate(Program &program, Sweep &sweep,
                                Meeting meeting) {
  ViewOp query = viewOf(meeting.query), key = viewOf(meeting.key);
  if (key.getFixed().size() != 2)
    return key.emitOpError()
           << "fixes " << key.getFixed().size()
           << " dimensions; the tile plan expects a batch and a KV head";
  // The two dimensions that are neither rows nor columns, in their order.
  SmallVector<int64_t> fixed;
  for (int64_t dim :
       llvm::seq(cast<MemRefType>(key.getSource().getType()).getRank()))
    if (dim != int64_t(key.getRowDim()) &&
        !(key.getColDim() && dim == int64_t(*key.getColDim())))
      fixed.push_back(dim);
  FailureOr<int64_t> batches = sizeOf(program.values, key, fixed[0]),
                     heads = sizeOf(program.values, key, fixed[1]),
                     keys = sizeOf(program.values, key, key.getRowDim()),
                     queries = sizeOf(program.values, query, query.getRowDim());
  if (failed(batches) || failed(heads) || failed(keys) || failed(queries))
    return failure();
  sweep.tileQ = meeting.query.getTile().getType().getRows();
  sweep.tileKv = meeting.key.getTile().getType().getRows();
  sweep.batches = *batches;
  sweep.kvHeads = *heads;
  sweep.queryTiles =
      llvm::divideCeil(*queries * int64_t(query.getGroup()), sweep.tileQ);
  sweep.keyTiles = llvm::divideCeil(*keys, sweep.tileKv);
  int64_t size = 1;
  for (int64_t factor :
       {sweep.batches, sweep.kvHeads, sweep.queryTiles, sweep.keyTiles})
    if (llvm::MulOverflow(size, factor, size) || size + pairs > kMaxPairs)
      return meeting.key.emitOpError()
             << "the tile plan has more than " << kMaxPairs
             << " pairs of tiles; choose shorter lengths or larger tiles";
  pairs += size;
  sweep.visits.assign(size, Visit::none);
  return success();
}

LogicalResult Planner::meet(Program &program, const Instruction &instruction) {
  Meeting meeting = instruction.meeting;
  Sweep &sweep = plan.sweeps[instruction.amount];
  if (sweep.visits.empty() && failed(allocate(program, sweep, meeting)))
    return failure();
  ViewOp view = viewOf(meeting.key);
  LoadOp query = meeting.query, key = meeting.key;
  IndexEvaluator &values = program.values;
  FailureOr<int64_t> batch = values.demand(view.getFixed()[0]),
                     head = values.demand(view.getFixed()[1]),
                     firstRow = values.demand(query.getRow()),
                     firstKey = values.demand(key.getRow());
  if (failed(batch) || failed(head) || failed(firstRow) || failed(firstKey))
    return failure();
  if (*firstRow % sweep.tileQ != 0 || *firstKey % sweep.tileKv != 0)
    return key.emitOpError()
           << "visits rows from " << *firstRow << " and keys from " << *firstKey
           << " on; the tile plan expects multiples of the tile sizes "
           << sweep.tileQ << " and " << sweep.tileKv;
  int64_t queryTile = *firstRow / sweep.tileQ,
          keyTile = *firstKey / sweep.tileKv;
  auto isIn = [](int64_t index, int64_t size) {
    return index >= 0 && index < size;
  };
  if (!isIn(*batch, sweep.batches) || !isIn(*head, sweep.kvHeads) ||
      !isIn(queryTile, sweep.queryTiles) || !isIn(keyTile, sweep.keyTiles))
    return key.emitOpError()
           << "visits batch " << *batch << ", KV head " << *head
           << ", query tile " << queryTile << " and key tile " << keyTile
           << ", which lie outside of the tensors";
  auto visit = instruction.op->getAttrOfType<StringAttr>(kVisitAttrName);
  Visit &state =
      sweep.visits[((*batch * sweep.kvHeads + *head) * sweep.queryTiles +
                    queryTile) *
                       sweep.keyTiles +
                   keyTile];
  sweep.repeats += state != Visit::none;
  state = visit && visit.getValue() == "full" ? Visit::full : Visit::partial;
  return success();
}
