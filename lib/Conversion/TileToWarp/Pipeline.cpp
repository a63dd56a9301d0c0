//===- Pipeline.cpp - warp-pipeline ---------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Software pipelining of the copies of a loop: which operations run ahead. The
// transformation is upstream's.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_WARPPIPELINEPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

/// The operations of the loop's body that compute what `put` needs, in order.
static SetVector<Operation *> sliceOf(warp::PutOp put) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.filter = [&](Operation *op) {
    return op->getBlock() == put->getBlock();
  };
  (void)getBackwardSlice(put.getOperation(), &slice, options);
  return slice;
}

/// Gives `put` its own copies of what it needs, so that these can run ahead and
/// the rest of the loop keeps its values.
static void separate(warp::PutOp put) {
  OpBuilder builder(put);
  IRMapping mapping;
  for (Operation *op : sliceOf(put))
    builder.clone(*op, mapping);
  for (OpOperand &operand : put->getOpOperands())
    operand.set(mapping.lookupOrDefault(operand.get()));
}

/// The operations of the pipelined body with their stages: 0 runs ahead. A put
/// comes after the take before it, whose barrier says that everybody has left
/// the stage that it fills.
static void schedule(scf::ForOp loop, unsigned ahead,
                     std::vector<std::pair<Operation *, unsigned>> &result) {
  DenseSet<Operation *> isAhead;
  for (auto put : loop.getOps<warp::PutOp>()) {
    isAhead.insert(put);
    for (Operation *op : sliceOf(put))
      isAhead.insert(op);
  }
  std::vector<std::pair<Operation *, unsigned>> delayed;
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (isAhead.contains(&op)) {
      delayed.emplace_back(&op, 0);
      continue;
    }
    result.emplace_back(&op, ahead);
    if (isa<warp::TakeOp>(op)) {
      llvm::append_range(result, delayed);
      delayed.clear();
    }
  }
  llvm::append_range(result, delayed);
}

/// A put with a condition; anything else runs without harm. What is read from
/// memory is the number of a tile, and behind the last turn it is one, too (see
/// TileSequence).
static Operation *predicate(RewriterBase &rewriter, Operation *op,
                            Value condition) {
  auto put = dyn_cast<warp::PutOp>(op);
  if (!put)
    return isMemoryEffectFree(op) || isa<memref::LoadOp>(op) ? op : nullptr;
  rewriter.setInsertionPoint(put);
  if (Value given = put.getCondition())
    condition = arith::AndIOp::create(rewriter, put.getLoc(), given, condition);
  return rewriter.replaceOpWithNewOp<warp::PutOp>(
      put, put.getView(), put.getRow(), put.getCol(), put.getChannel(),
      put.getNumber(), condition, put.getInBounds());
}

static LogicalResult pipeline(scf::ForOp loop) {
  SmallVector<warp::PutOp> puts(loop.getOps<warp::PutOp>());
  if (puts.empty())
    return success();
  int64_t stages = puts.front().getChannel().getType().getStages();
  for (warp::PutOp put : puts)
    if (put.getChannel().getType().getStages() != stages)
      return put.emitOpError() << "fills a channel of another number of stages "
                                  "than the first of its loop";
  if (stages == 1)
    return success();
  for (warp::PutOp put : puts)
    separate(put);
  const unsigned ahead = stages - 1;
  // When a tile is taken, the others of the turns ahead may be under way.
  for (auto take : loop.getOps<warp::TakeOp>())
    take.setInFlight(ahead * puts.size() - 1);
  scf::PipeliningOption options;
  options.peelEpilogue = false;
  options.supportDynamicLoops = true;
  options.predicateFn = predicate;
  options.getScheduleFn =
      [ahead](scf::ForOp loop,
              std::vector<std::pair<Operation *, unsigned>> &result) {
        schedule(loop, ahead, result);
      };
  IRRewriter rewriter(loop);
  // Kept for the tile counters.
  auto visit = loop->getAttr(kVisitAttrName);
  FailureOr<scf::ForOp> pipelined =
      scf::pipelineForLoop(rewriter, loop, options);
  if (failed(pipelined))
    return loop.emitOpError() << "cannot be pipelined";
  if (visit)
    (*pipelined)->setAttr(kVisitAttrName, visit);
  return success();
}

namespace {
struct WarpPipeline : tile::impl::WarpPipelinePassBase<WarpPipeline> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      if (failed(pipeline(loop)))
        return signalPassFailure();
  }
};
} // namespace
