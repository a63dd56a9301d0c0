//===- SplitKv.cpp - tile-split-kv ----------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lets several tasks share the keys of a query tile.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "Workspace.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILESPLITKVPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {
/// A kernel whose KV loops can be cut.
struct SplitKernel {
  KernelOp kernel;
  /// The KV loops, each starting with the results of the one before.
  SmallVector<scf::ForOp> loops;
  /// Which carried value is the row maximum; the others are sums that are
  /// scaled to a new maximum.
  unsigned max;
  /// The map of (old maximum, new maximum) that they are scaled by.
  MapOp weight;
  /// The argument whose rows the loops stream, and the dimension of the rows.
  unsigned keyArgument, keyDimension;
};
} // namespace

static auto missed(Location loc) {
  return remark::missed(
      loc, remark::RemarkOpts::name("tile-split-kv").category("attn.split"));
}

/// The factor for each row, if `value` is a sum of `carried` scaled by one.
static MapOp findWeight(Value value, BlockArgument carried) {
  Value start;
  if (auto reduce = value.getDefiningOp<ReduceOp>()) {
    if (reduce.getKind() == ReduceKind::add)
      start = reduce.getInit();
  } else if (auto dot = value.getDefiningOp<DotOp>()) {
    start = dot.getAccumulator();
  }
  auto scale = start ? start.getDefiningOp<MapOp>() : MapOp();
  if (!scale || scale.getInputs().size() != 2 ||
      scale.getInputs()[0] != carried ||
      cast<TileType>(scale.getInputs()[1].getType()).getCols() != 1 ||
      !isa_and_nonnull<arith::MulFOp>(scale.getYielded().getDefiningOp()))
    return {};
  return scale.getInputs()[1].getDefiningOp<MapOp>();
}

/// Whether the body of a map uses its arguments and constants alone.
static bool dependsOnInputsOnly(MapOp map) {
  for (Operation &op : map.getBlock()->without_terminator())
    for (Value operand : op.getOperands())
      if (operand.getParentBlock() != map.getBlock() &&
          !matchPattern(operand, m_Constant()))
        return false;
  return true;
}

/// Finds the tensor that the loops stream by the position of a load in the
/// loop.
static bool findKeys(SplitKernel &split) {
  scf::ForOp loop = split.loops.back();
  for (auto load : loop.getBody()->getOps<LoadOp>()) {
    auto view = load.getView().getDefiningOp<ViewOp>();
    if (!view || loop.isDefinedOutsideOfLoop(load.getRow()))
      continue;
    auto argument = dyn_cast<BlockArgument>(view.getSource());
    if (!argument || argument.getOwner() != &split.kernel.getBody().front())
      continue;
    split.keyArgument = argument.getArgNumber();
    split.keyDimension = view.getRowDim();
    return true;
  }
  return false;
}

static std::optional<SplitKernel> match(KernelOp kernel) {
  SplitKernel split{kernel, {}, 0, {}, 0, 0};
  Block &body = kernel.getBody().front();
  auto miss = [&](StringRef why) {
    missed(kernel.getLoc()) << ("the kernel is not split: " + why).str();
    return std::nullopt;
  };
  for (auto loop : body.getOps<scf::ForOp>())
    if (!isScalarCode(loop))
      split.loops.push_back(loop);
  if (split.loops.empty())
    return miss("it has no loop");
  for (unsigned n = 1; n < split.loops.size(); ++n)
    if (split.loops[n].getInitArgs() != split.loops[n - 1].getResults())
      return miss("its loops do not continue each other (run "
                  "tile-online-softmax first)");
  scf::ForOp last = split.loops.back();
  for (scf::ForOp loop : split.loops)
    if (!matchPattern(loop.getStep(), m_One()))
      return miss("a loop has another step than 1");

  std::optional<unsigned> max;
  SmallVector<MapOp> weights;
  for (auto [index, carried, yielded] :
       llvm::enumerate(last.getRegionIterArgs(), last.getYieldedValues())) {
    auto reduce = yielded.getDefiningOp<ReduceOp>();
    if (reduce && reduce.getKind() == ReduceKind::max &&
        reduce.getInit() == carried && !max)
      max = index;
    else if (MapOp weight = findWeight(yielded, carried))
      weights.push_back(weight);
    else
      return miss("a loop carries something other than a row maximum and sums "
                  "that are scaled by it");
  }
  if (!max)
    return miss("its loops carry no row maximum");
  split.max = *max;
  for (MapOp weight : weights) {
    if (weight.getInputs().size() != 2 || !weight.getOrigin().empty() ||
        weight.getInputs()[0] != last.getRegionIterArg(*max) ||
        weight.getInputs()[1] != last.getYieldedValues()[*max] ||
        !dependsOnInputsOnly(weight))
      return miss("its sums are scaled by something other than a function of "
                  "the old and the new row maximum");
    split.weight = weight;
  }
  if (!split.weight)
    return miss("its loops carry no sum");

  // What is between the loops moves in front of them.
  for (Operation &op : body) {
    if (&op == last)
      break;
    if (isa<scf::ForOp>(op))
      continue;
    auto writes = op.walk([](Operation *inner) {
      return hasEffect<MemoryEffects::Write>(inner) ? WalkResult::interrupt()
                                                    : WalkResult::advance();
    });
    if (writes.wasInterrupted())
      return miss("there are writes before the last loop");
    if (llvm::any_of(op.getOperands(), [](Value operand) {
          return isa_and_nonnull<scf::ForOp>(operand.getDefiningOp());
        }))
      return miss("something between the loops uses their results");
  }
  if (!findKeys(split))
    return miss("its loops read no argument of the kernel");
  return split;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// Replaces one kernel and its launch.
class Splitter {
public:
  Splitter(SplitKernel split, LaunchOp launch, int64_t minTasks,
           int64_t minTiles)
      : split(split), launch(launch), minTasks(minTasks), minTiles(minTiles),
        builder(split.kernel), loc(split.kernel.getLoc()) {}

  LogicalResult run();

private:
  /// A new kernel with the arguments of the old one, the number of splits, and
  /// a memref of partial results for each carried value.
  struct NewKernel {
    KernelOp kernel;
    IRMapping mapping;
    Value splits;
    SmallVector<Value> partials; // views
  };
  NewKernel begin(StringRef suffix, bool worksOnSplits, Value &which);
  KernelOp buildPartial();
  KernelOp buildCombine();
  SmallVector<Value> combine(OpBuilder &b, ValueRange carried,
                             ValueRange partial);
  Value getFirstRow(OpBuilder &b, Value task, Value splits, Value which);
  LogicalResult replaceLaunch(KernelOp partial, KernelOp combine);

  Value constant(OpBuilder &b, int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  TileType carriedType(unsigned index) {
    return cast<TileType>(split.loops.back().getResultTypes()[index]);
  }
  unsigned numCarried() { return split.loops.back().getNumResults(); }
  MemRefType partialType() {
    return MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                           builder.getF32Type());
  }

  SplitKernel split;
  LaunchOp launch;
  int64_t minTasks, minTiles;
  OpBuilder builder;
  Location loc;
};
} // namespace

/// The row of a partial result: those of one task follow each other.
Value Splitter::getFirstRow(OpBuilder &b, Value task, Value splits,
                            Value which) {
  Value number = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, task, splits), which);
  return arith::MulIOp::create(b, loc, number,
                               constant(b, carriedType(split.max).getRows()));
}

Splitter::NewKernel Splitter::begin(StringRef suffix, bool worksOnSplits,
                                    Value &which) {
  NewKernel created;
  SmallVector<Type> types(split.kernel.getArgumentTypes());
  types.push_back(builder.getIndexType());
  types.append(numCarried(), partialType());
  builder.setInsertionPoint(split.kernel);
  created.kernel = KernelOp::create(
      builder, loc, (split.kernel.getName() + suffix).str(), types);
  created.kernel.setPrivate();
  created.kernel.setTileQAttr(split.kernel.getTileQAttr());
  created.kernel.setTileKvAttr(split.kernel.getTileKvAttr());
  Block &body = created.kernel.getBody().front();
  Block &old = split.kernel.getBody().front();
  builder.setInsertionPointToEnd(&body);
  unsigned arguments = old.getNumArguments();
  created.mapping.map(old.getArguments(),
                      body.getArguments().take_front(arguments));
  created.splits = body.getArgument(arguments);
  if (worksOnSplits) {
    Value work = body.getArgument(0);
    which = arith::RemUIOp::create(builder, loc, work, created.splits);
    created.mapping.map(
        old.getArgument(0),
        arith::DivUIOp::create(builder, loc, work, created.splits));
  }
  for (unsigned index = 0; index < numCarried(); ++index)
    created.partials.push_back(ViewOp::create(
        builder, loc, ViewType::get(builder.getContext(), builder.getF32Type()),
        body.getArgument(arguments + 1 + index), ValueRange(),
        builder.getI64IntegerAttr(0), builder.getI64IntegerAttr(1),
        IntegerAttr(), builder.getI64IntegerAttr(1)));
  for (Operation &op : old) {
    if (&op == split.loops.back())
      break;
    if (!isa<scf::ForOp>(op) || isScalarCode(&op))
      builder.clone(op, created.mapping);
  }
  return created;
}

/// The loops, cut: split s of n takes the tiles from s * total / n on, of all
/// the tiles that the loops visit one after the other.
KernelOp Splitter::buildPartial() {
  Value which;
  NewKernel created = begin("_split", /*worksOnSplits=*/true, which);
  IRMapping &mapping = created.mapping;
  auto add = [&](Value a, Value b) -> Value {
    return arith::AddIOp::create(builder, loc, a, b);
  };
  auto sub = [&](Value a, Value b) -> Value {
    return arith::SubIOp::create(builder, loc, a, b);
  };
  Value zero = constant(builder, 0);
  SmallVector<Value> counts, starts;
  Value total = zero;
  for (scf::ForOp loop : split.loops) {
    Value count = sub(mapping.lookup(loop.getUpperBound()),
                      mapping.lookup(loop.getLowerBound()));
    counts.push_back(arith::MaxSIOp::create(builder, loc, count, zero));
    starts.push_back(total);
    total = add(total, counts.back());
  }
  auto share = [&](Value n) -> Value {
    return arith::DivUIOp::create(builder, loc,
                                  arith::MulIOp::create(builder, loc, n, total),
                                  created.splits);
  };
  Value begin = share(which), end = share(add(which, constant(builder, 1)));
  for (auto [loop, count, start] : llvm::zip(split.loops, counts, starts)) {
    auto place = [&](Value position) -> Value {
      Value inside =
          arith::MaxSIOp::create(builder, loc, sub(position, start), zero);
      return add(mapping.lookup(loop.getLowerBound()),
                 arith::MinSIOp::create(builder, loc, inside, count));
    };
    Value lower = place(begin), upper = place(end);
    auto cut = cast<scf::ForOp>(builder.clone(*loop, mapping));
    cut.setLowerBound(lower);
    cut.setUpperBound(upper);
  }
  Value firstRow = getFirstRow(builder, mapping.lookup(split.kernel.getWork()),
                               created.splits, which);
  for (auto [view, result] :
       llvm::zip(created.partials, split.loops.back().getResults()))
    StoreOp::create(builder, loc, mapping.lookup(result), view, firstRow, zero);
  ReturnOp::create(builder, loc);
  return created.kernel;
}

/// Adds partial results to those of other splits: both are scaled to the
/// larger of the two maxima.
SmallVector<Value> Splitter::combine(OpBuilder &b, ValueRange carried,
                                     ValueRange partial) {
  Value oldMax = carried[split.max], otherMax = partial[split.max];
  Value max = MapOp::create(
      b, loc, oldMax.getType(), {oldMax, otherMax}, ValueRange(),
      [](OpBuilder &n, Location l, ValueRange args) -> Value {
        Value larger = arith::CmpFOp::create(n, l, arith::CmpFPredicate::OGT,
                                             args[0], args[1]);
        return arith::SelectOp::create(n, l, larger, args[0], args[1]);
      });
  auto weight = [&](Value ofMax) -> Value {
    return MapOp::create(
        b, loc, ofMax.getType(), {ofMax, max}, ValueRange(),
        [&](OpBuilder &n, Location l, ValueRange args) -> Value {
          IRMapping inner;
          MapOp weight = split.weight;
          inner.map(weight.getBlock()->getArguments(), args);
          for (Operation &op : weight.getBlock()->without_terminator()) {
            for (Value operand : op.getOperands())
              if (!inner.contains(operand)) // a constant of the kernel
                inner.map(operand,
                          n.clone(*operand.getDefiningOp())->getResult(0));
            n.clone(op, inner);
          }
          return inner.lookup(weight.getYielded());
        });
  };
  Value oldWeight = weight(oldMax), otherWeight = weight(otherMax);
  SmallVector<Value> combined;
  for (auto [index, sum, other] : llvm::enumerate(carried, partial)) {
    if (index == split.max) {
      combined.push_back(max);
      continue;
    }
    combined.push_back(MapOp::create(
        b, loc, sum.getType(), {sum, oldWeight, other, otherWeight},
        ValueRange(), [](OpBuilder &n, Location l, ValueRange args) -> Value {
          Value a = arith::MulFOp::create(n, l, args[0], args[1]);
          Value c = arith::MulFOp::create(n, l, args[2], args[3]);
          return arith::AddFOp::create(n, l, a, c);
        }));
  }
  return combined;
}

/// A loop over the partial results in the place of the KV loops, and then what
/// followed them.
KernelOp Splitter::buildCombine() {
  Value which;
  NewKernel created = begin("_combine", /*worksOnSplits=*/false, which);
  IRMapping &mapping = created.mapping;
  Value zero = constant(builder, 0), one = constant(builder, 1);
  SmallVector<Value> init;
  for (Value value : split.loops.front().getInitArgs())
    init.push_back(mapping.lookup(value));
  auto loop = scf::ForOp::create(
      builder, loc, zero, created.splits, one, init,
      [&](OpBuilder &b, Location l, Value s, ValueRange carried) {
        Value firstRow = getFirstRow(b, mapping.lookup(split.kernel.getWork()),
                                     created.splits, s);
        SmallVector<Value> partial;
        for (auto [index, view] : llvm::enumerate(created.partials))
          partial.push_back(
              LoadOp::create(b, l, carriedType(index), view, firstRow, zero));
        scf::YieldOp::create(b, l, combine(b, carried, partial));
      });
  scf::ForOp last = split.loops.back();
  mapping.map(last.getResults(), loop.getResults());
  for (Operation *op = last->getNextNode(); op; op = op->getNextNode())
    builder.clone(*op, mapping);
  return created.kernel;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

LogicalResult Splitter::replaceLaunch(KernelOp partial, KernelOp combine) {
  FailureOr<Workspace> workspace = Workspace::open(launch);
  if (failed(workspace))
    return failure();
  OpBuilder b(launch);
  Value one = constant(b, 1);
  Value tasks = launch.getCount();

  // Enough splits for `minTasks` tasks, with `minTiles` key tiles each.
  Value keys = memref::DimOp::create(
      b, loc, launch.getArguments()[split.keyArgument - 1], split.keyDimension);
  int64_t tileKv = split.kernel.getTileKv().value_or(1);
  Value most =
      arith::DivUIOp::create(b, loc, keys, constant(b, minTiles * tileKv));
  Value nonzero = arith::MaxUIOp::create(b, loc, tasks, one);
  Value wanted =
      arith::CeilDivUIOp::create(b, loc, constant(b, minTasks), nonzero);
  Value splits = arith::MaxUIOp::create(
      b, loc, arith::MinUIOp::create(b, loc, wanted, most), one);

  SmallVector<Value> arguments(launch.getArguments());
  arguments.push_back(splits);
  Value count = arith::MulIOp::create(b, loc, tasks, splits);
  for (unsigned index = 0; index < numCarried(); ++index) {
    TileType type = carriedType(index);
    Value rows =
        arith::MulIOp::create(b, loc, count, constant(b, type.getRows()));
    arguments.push_back(
        workspace->take(b.getF32Type(), {rows, constant(b, type.getCols())}));
  }
  LaunchOp::create(b, loc, FlatSymbolRefAttr::get(partial.getSymNameAttr()),
                   count, arguments);
  LaunchOp::create(b, loc, FlatSymbolRefAttr::get(combine.getSymNameAttr()),
                   tasks, arguments);
  launch->getParentOfType<func::FuncOp>()->setAttr(
      "attn.algorithm", b.getStringAttr("flash-decoding"));
  if (failed(workspace->close()))
    return failure();
  launch.erase();
  return success();
}

LogicalResult Splitter::run() {
  KernelOp partial = buildPartial();
  KernelOp combine = buildCombine();
  if (failed(replaceLaunch(partial, combine)))
    return failure();
  remark::passed(
      loc, remark::RemarkOpts::name("tile-split-kv").category("attn.split"))
      << "the keys are split over tasks; a second kernel combines them";
  return success();
}

namespace {
struct SplitKv : tile::impl::TileSplitKvPassBase<SplitKv> {
  using TileSplitKvPassBase::TileSplitKvPassBase;

  void runOnOperation() override {
    if (minTasks < 1 || minTiles < 1) {
      getOperation().emitError()
          << "min-tasks and min-tiles must be at least 1, got min-tasks="
          << int64_t(minTasks) << " min-tiles=" << int64_t(minTiles);
      return signalPassFailure();
    }
    auto transform = [&](KernelOp kernel, LaunchOp launch) {
      std::optional<SplitKernel> split = match(kernel);
      if (!split)
        return success();
      if (failed(Splitter(*split, launch, minTasks, minTiles).run()))
        return failure();
      if (SymbolTable::symbolKnownUseEmpty(kernel, getOperation()))
        kernel.erase();
      return success();
    };
    if (failed(forEachLaunch(getOperation(), transform)))
      signalPassFailure();
  }
};
} // namespace
