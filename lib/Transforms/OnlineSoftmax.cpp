//===- OnlineSoftmax.cpp - tile-online-softmax ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fuses a loop that computes row maxima with the loop that uses them.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILEONLINESOFTMAXPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {
/// The two loops of a safe softmax.
struct SoftmaxLoops {
  scf::ForOp maxLoop, sumLoop;
  /// One of the maps exp2(x - m) of sumLoop.
  MapOp exponential;
};
} // namespace

/// Whether `map` is exp2(x - m) or exp2((x - m) * constant), with `m` its
/// second input.
static bool isExponentialOf(MapOp map, Value max) {
  if (map.getInputs().size() != 2 || map.getInputs()[1] != max)
    return false;
  auto exp = map.getYielded().getDefiningOp<math::Exp2Op>();
  Value exponent = exp ? exp.getOperand() : Value();
  if (auto scale = exponent ? exponent.getDefiningOp<arith::MulFOp>() : nullptr;
      scale && matchPattern(scale.getRhs(), m_Constant()))
    exponent = scale.getLhs();
  auto difference =
      exponent ? exponent.getDefiningOp<arith::SubFOp>() : nullptr;
  return difference && difference.getLhs() == map.getBlock()->getArgument(0) &&
         difference.getRhs() == map.getBlock()->getArgument(1);
}

/// What `map` chooses some elements of, by anything but their values: c ? x :
/// 0. Null if it does something else.
static Value getSelected(MapOp map) {
  auto select = map.getYielded().getDefiningOp<arith::SelectOp>();
  if (map.getInputs().size() != 1 || !select ||
      select.getTrueValue() != map.getBlock()->getArgument(0) ||
      !select.getTrueValue().hasOneUse() ||
      !matchPattern(select.getFalseValue(), m_AnyZeroFloat()))
    return {};
  return map.getInputs()[0];
}

/// Whether carried value `index` of `loop` is a sum of products of
/// exponentials: carried + reduce(p), or carried + p * v. Some p may be left
/// out.
static bool isSumOfExponentials(scf::ForOp loop, unsigned index, Value max) {
  Value carried = loop.getRegionIterArg(index);
  Value yielded = loop.getYieldedValues()[index];
  if (!carried.hasOneUse())
    return false;
  auto isExponential = [&](Value value) {
    auto map = value.getDefiningOp<MapOp>();
    if (Value all = map ? getSelected(map) : Value())
      map = all.getDefiningOp<MapOp>();
    return map && isExponentialOf(map, max);
  };
  if (auto reduce = yielded.getDefiningOp<ReduceOp>())
    return reduce.getKind() == ReduceKind::add &&
           reduce.getAxis() == ReduceAxis::rows &&
           reduce.getInit() == carried && isExponential(reduce.getInput());
  if (auto dot = yielded.getDefiningOp<DotOp>())
    return dot.getAccumulator() == carried && isExponential(dot.getA()) &&
           !dot.getTransposeA();
  return false;
}

static remark::RemarkOpts getRemarkOptions() {
  return remark::RemarkOpts::name("tile-online-softmax")
      .category("attn.softmax");
}

/// Matches the pair whose first loop is `maxLoop`; says in a remark why a loop
/// with a maximum does not fit.
static std::optional<SoftmaxLoops> matchLoops(scf::ForOp maxLoop) {
  if (maxLoop.getNumResults() != 1)
    return std::nullopt;
  auto reduce = maxLoop.getYieldedValues()[0].getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getKind() != ReduceKind::max ||
      reduce.getAxis() != ReduceAxis::rows ||
      reduce.getInit() != maxLoop.getRegionIterArg(0) ||
      !maxLoop.getRegionIterArg(0).hasOneUse())
    return std::nullopt;
  auto miss = [&](StringRef why) {
    remark::missed(maxLoop.getLoc(), getRemarkOptions())
        << ("the loop that computes the row maximum was not fused: " + why)
               .str();
    return std::nullopt;
  };

  SoftmaxLoops loops{maxLoop, nullptr, nullptr};
  Value max = maxLoop.getResult(0);
  SmallVector<Operation *> others;
  for (Operation *user : max.getUsers()) {
    Operation *outer = maxLoop->getBlock()->findAncestorOpInBlock(*user);
    auto loop = dyn_cast<scf::ForOp>(outer);
    if (!loop || outer == user) {
      others.push_back(outer);
      continue;
    }
    if (loops.sumLoop && loops.sumLoop != loop)
      return miss("its result is used in several loops");
    loops.sumLoop = loop;
    auto map = dyn_cast<MapOp>(user);
    if (!map || map->getBlock() != loop.getBody() || !isExponentialOf(map, max))
      return miss("its result is used in something other than exp2(x - max)");
    loops.exponential = map;
  }
  if (!loops.sumLoop)
    return miss("no later loop uses its result");
  for (Operation *other : others)
    if (other == loops.sumLoop || other->isBeforeInBlock(loops.sumLoop))
      return miss("its result is used before the loop that sums");
  // The first loop moves to the place of the second.
  for (Operation *op = maxLoop; op != loops.sumLoop->getNextNode();
       op = op->getNextNode()) {
    // A map is pure: its region may read captured tables, which nobody writes.
    bool writes =
        op->walk<WalkOrder::PreOrder>([](Operation *nested) {
            if (isa<MapOp>(nested))
              return WalkResult::skip();
            bool pure =
                isa<LoadOp>(nested) ||
                nested->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                isMemoryEffectFree(nested);
            return pure ? WalkResult::advance() : WalkResult::interrupt();
          }).wasInterrupted();
    if (writes)
      return miss("memory may be written in the loops or between them");
  }
  scf::ForOp sumLoop = loops.sumLoop;
  if (sumLoop.getLowerBound() != maxLoop.getLowerBound() ||
      sumLoop.getUpperBound() != maxLoop.getUpperBound() ||
      sumLoop.getStep() != maxLoop.getStep())
    return miss("the loop that uses its result has other bounds");
  if (sumLoop.getNumResults() == 0)
    return miss("the loop that uses its result carries no sum");
  for (unsigned index = 0; index < sumLoop.getNumResults(); ++index)
    if (!isSumOfExponentials(sumLoop, index, max))
      return miss("the loop that uses its result carries something other than "
                  "sums of exp2(x - max)");
  return loops;
}

/// Builds the loop that does both, and replaces the two.
static void fuse(IRRewriter &rewriter, const SoftmaxLoops &loops) {
  scf::ForOp maxLoop = loops.maxLoop, sumLoop = loops.sumLoop;
  Location loc = sumLoop.getLoc();
  rewriter.setInsertionPoint(sumLoop);
  SmallVector<Value> init = {maxLoop.getInitArgs()[0]};
  llvm::append_range(init, sumLoop.getInitArgs());
  auto fused =
      scf::ForOp::create(rewriter, loc, sumLoop.getLowerBound(),
                         sumLoop.getUpperBound(), sumLoop.getStep(), init);
  if (!fused.getBody()->empty())
    rewriter.eraseOp(fused.getBody()->getTerminator());
  rewriter.setInsertionPointToEnd(fused.getBody());
  Value oldMax = fused.getRegionIterArg(0);

  IRMapping mapping;
  mapping.map(maxLoop.getInductionVar(), fused.getInductionVar());
  mapping.map(maxLoop.getRegionIterArg(0), oldMax);
  for (Operation &op : maxLoop.getBody()->without_terminator())
    rewriter.clone(op, mapping);
  Value newMax = mapping.lookup(maxLoop.getYieldedValues()[0]);

  // alpha = exp2(old - new), in the way that the loop computes exponentials.
  auto alpha = MapOp::create(
      rewriter, loc, newMax.getType(), {oldMax, newMax}, ValueRange(),
      [&](OpBuilder &builder, Location, ValueRange args) {
        IRMapping inner;
        MapOp exponential = loops.exponential;
        inner.map(exponential.getBlock()->getArguments(), args);
        for (Operation &op : exponential.getBlock()->without_terminator())
          builder.clone(op, inner);
        return inner.lookup(exponential.getYielded());
      });

  mapping.map(sumLoop.getInductionVar(), fused.getInductionVar());
  mapping.map(maxLoop.getResult(0), newMax);
  for (auto [index, carried] : llvm::enumerate(sumLoop.getRegionIterArgs())) {
    Value sum = fused.getRegionIterArg(index + 1);
    Value scaled = MapOp::create(
        rewriter, loc, sum.getType(), {sum, alpha}, ValueRange(),
        [](OpBuilder &builder, Location l, ValueRange args) -> Value {
          return arith::MulFOp::create(builder, l, args[0], args[1]);
        });
    mapping.map(carried, scaled);
  }
  for (Operation &op : sumLoop.getBody()->without_terminator())
    rewriter.clone(op, mapping);
  SmallVector<Value> yielded = {newMax};
  for (Value value : sumLoop.getYieldedValues())
    yielded.push_back(mapping.lookup(value));
  scf::YieldOp::create(rewriter, loc, yielded);

  rewriter.replaceOp(sumLoop, fused.getResults().drop_front());
  rewriter.replaceOp(maxLoop, fused.getResults().take_front());
}

void mlir::tile::fuseOnlineSoftmax(KernelOp kernel) {
  SmallVector<SoftmaxLoops> pairs;
  kernel.walk([&](scf::ForOp loop) {
    if (std::optional<SoftmaxLoops> loops = matchLoops(loop))
      pairs.push_back(*loops);
  });
  if (pairs.empty())
    return;
  IRRewriter rewriter(kernel.getContext());
  for (SoftmaxLoops &loops : pairs) {
    remark::passed(loops.sumLoop.getLoc(), getRemarkOptions())
        << ("one loop with a running maximum and " +
            std::to_string(loops.sumLoop.getNumResults()) + " sums");
    fuse(rewriter, loops);
  }
  // Both loops computed the same scores; once is enough.
  DominanceInfo dominance(kernel);
  eliminateCommonSubExpressions(rewriter, dominance, kernel);
}

namespace {
struct OnlineSoftmax : tile::impl::TileOnlineSoftmaxPassBase<OnlineSoftmax> {
  void runOnOperation() override { fuseOnlineSoftmax(getOperation()); }
};
} // namespace
