//===- GroupEmitter.cpp - tile.group as a loop nest -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A group sweeps over blocks of rows (a few vectors) and, within, over the
// columns of its tiles:
//
//   for each block of rows
//     values per row that do not need a reduction of the group
//     for each step of columns, carrying the reductions
//       the product, the maps, the reductions
//     values per row that need a reduction
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"
#include "RegionVectorizer.h"

using namespace mlir;
using namespace mlir::tile;

namespace {

/// Vectors of one value: `rowVectors` for each column of a step.
using Vectors = SmallVector<Value>;

class GroupEmitter {
public:
  GroupEmitter(KernelEmitter &kernel, GroupOp group)
      : kernel(kernel), group(group), builder(kernel.builder),
        loc(group.getLoc()), width(kernel.schedule.vectorWidth) {}

  LogicalResult run();

private:
  LogicalResult check();
  void emitRowBlock(Value firstRow);
  SmallVector<Vectors> emitStep(Value firstCol, int64_t cols,
                                ArrayRef<Vectors> carried);
  Vectors emitProduct(DotOp dot, Value firstCol, int64_t cols, Vectors init);
  Value loadRowPairs(Value memref, Value k, int64_t vector);
  Value repeatPair(Value memref, ArrayRef<Value> place);
  Vectors emitMap(MapOp map, Value firstCol, int64_t cols);
  void emitRowMaps(bool needReduction);
  Vectors getElements(Value tile, Value firstCol, int64_t cols);
  void loadRowValue(Value tile);
  void storeResult(Value tile, Value firstCol, int64_t cols,
                   ArrayRef<Value> vectors);
  void storePairs(Value memref, Value firstCol, int64_t cols,
                  ArrayRef<Value> vectors);
  int64_t getColsPerStep();
  Value combine(ReduceKind kind, Value a, Value b);
  Value getRow(Value firstRow, int64_t vector) {
    return kernel.add(loc, firstRow, vector * width);
  }
  TileType typeOf(Value tile) { return cast<TileType>(tile.getType()); }
  bool isInside(Value tile) {
    return tile.getParentBlock() == &group.getBody().front();
  }

  KernelEmitter &kernel;
  GroupOp group;
  OpBuilder &builder;
  Location loc;
  int64_t width;

  int64_t rows = 0, domain = 1, rowVectors = 1;
  SmallVector<ReduceOp> reductions;
  DotOp product;
  /// Whether a result is held in pairs of columns.
  bool makesPairs = false;
  llvm::DenseMap<Value, Value> results;   // inner value -> result of the group
  llvm::DenseSet<Operation *> afterSweep; // row maps that need a reduction
  // In the current block of rows:
  SmallVector<Value> rowIndices;            // first row of each vector
  llvm::DenseMap<Value, Vectors> rowValues; // tiles with one column
  llvm::DenseMap<Operation *, Vectors> rowCoordinates;
  llvm::DenseMap<Value, Vectors> elements; // tiles in the current step
  bool failedRegion = false;
};

} // namespace

LogicalResult GroupEmitter::check() {
  Block &body = group.getBody().front();
  auto yield = cast<YieldOp>(body.getTerminator());
  for (auto [inner, outer] :
       llvm::zip_equal(yield.getValues(), group.getTiles()))
    results[inner] = outer;

  llvm::DenseSet<Value> reduced;
  for (Operation &op : body.without_terminator()) {
    TileType type = typeOf(op.getResult(0));
    TileType swept = type;
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      if (reduce.getAxis() != ReduceAxis::rows)
        return op.emitOpError()
               << "reduces along " << stringifyReduceAxis(reduce.getAxis())
               << "; convert-tile-to-cpu supports rows";
      swept = reduce.getInput().getType();
      reductions.push_back(reduce);
      reduced.insert(reduce.getResult());
    }
    if (auto dot = dyn_cast<DotOp>(op)) {
      if (product)
        return op.emitOpError() << "is the second product of a group";
      product = dot;
      if (dot.getTransposeA() || isInside(dot.getA()) ||
          !kernel.windows.contains(dot.getB()))
        return op.emitOpError()
               << "must have a first operand that is not transposed and a "
                  "second operand that is loaded from memory";
    }
    bool rounds = isa<MapOp>(op) && isPaired(type) && type.getCols() % 2 == 0;
    if (!type.getElementType().isF32() && !rounds)
      return op.emitOpError() << "computes " << type
                              << "; convert-tile-to-cpu supports f32, and maps "
                                 "to an even number "
                                 "of columns of bf16";
    if (isa<MapOp, ReduceOp>(op))
      for (Value operand : op.getOperands())
        if (auto tile = dyn_cast<TileType>(operand.getType()))
          if (!tile.getElementType().isF32())
            return op.emitOpError()
                   << "reads " << tile << "; convert-tile-to-cpu supports f32";
    makesPairs |= rounds;
    for (Value operand : op.getOperands())
      if (auto tile = dyn_cast<TileType>(operand.getType()))
        if (!isa<DotOp>(op) && tile.getRows() != swept.getRows())
          return op.emitOpError() << "repeats the row of " << tile
                                  << ", which is not supported on a CPU";
    if (rows != 0 && rows != swept.getRows())
      return op.emitOpError() << "has another number of rows than its group";
    rows = swept.getRows();
    domain = std::max(domain, swept.getCols());
    bool needsReduction = llvm::any_of(op.getOperands(), [&](Value operand) {
      return reduced.contains(operand);
    });
    if (needsReduction && !isa<ReduceOp>(op)) {
      afterSweep.insert(&op);
      reduced.insert(op.getResult(0));
    }
  }
  if (product && domain == 1 &&
      llvm::any_of(product->getUsers(), llvm::IsaPred<MapOp, ReduceOp>))
    return product.emitOpError()
           << "has a single column, which another operation of its group uses; "
              "convert-tile-to-cpu supports that for two columns and more";
  if (rows % width != 0)
    return group.emitOpError() << "has tiles with " << rows
                               << " rows, which is not a multiple of the "
                                  "vector width "
                               << width;
  rowVectors = std::min(kernel.schedule.rowVectors, rows / width);
  while ((rows / width) % rowVectors != 0)
    --rowVectors;
  return success();
}

/// Loads a tile with one column from outside of the group.
void GroupEmitter::loadRowValue(Value tile) {
  if (isInside(tile) || rowValues.contains(tile))
    return;
  Value memref = kernel.buffer(tile);
  Vectors vectors;
  for (int64_t v = 0; v < rowVectors; ++v)
    vectors.push_back(vector::LoadOp::create(
        builder, loc, kernel.vectorOf(builder.getF32Type()), memref,
        ValueRange{kernel.index(loc, 0), rowIndices[v]}));
  rowValues[tile] = vectors;
}

/// The vectors of `tile` in columns `firstCol ..`; a single column is repeated.
Vectors GroupEmitter::getElements(Value tile, Value firstCol, int64_t cols) {
  Vectors vectors;
  if (typeOf(tile).getCols() == 1 && domain != 1) {
    for (int64_t c = 0; c < cols; ++c)
      llvm::append_range(vectors, rowValues.lookup(tile));
    return vectors;
  }
  if (domain == 1)
    return rowValues.lookup(tile);
  if (auto it = elements.find(tile); it != elements.end())
    return it->second;
  Value memref = kernel.buffer(tile);
  for (int64_t c = 0; c < cols; ++c) {
    Value col = kernel.add(loc, firstCol, c);
    for (int64_t v = 0; v < rowVectors; ++v)
      vectors.push_back(vector::LoadOp::create(
          builder, loc, kernel.vectorOf(builder.getF32Type()), memref,
          ValueRange{col, rowIndices[v]}));
  }
  elements[tile] = vectors;
  return vectors;
}

void GroupEmitter::storeResult(Value tile, Value firstCol, int64_t cols,
                               ArrayRef<Value> vectors) {
  Value result = results.lookup(tile);
  if (!result)
    return;
  Value memref = kernel.buffer(result);
  if (isPaired(typeOf(tile)))
    return storePairs(memref, firstCol, cols, vectors);
  for (int64_t c = 0; c < cols; ++c) {
    Value col = kernel.add(loc, firstCol, c);
    for (int64_t v = 0; v < rowVectors; ++v)
      vector::StoreOp::create(builder, loc, vectors[c * rowVectors + v], memref,
                              ValueRange{col, rowIndices[v]});
  }
}

/// Stores an even number of columns as `[columns / 2][rows][2]`.
void GroupEmitter::storePairs(Value memref, Value firstCol, int64_t cols,
                              ArrayRef<Value> vectors) {
  Value two = kernel.index(loc, 2);
  Value firstPair = arith::DivUIOp::create(builder, loc, firstCol, two);
  for (int64_t c = 0; c < cols; c += 2)
    for (int64_t v = 0; v < rowVectors; ++v) {
      Value both = vector::InterleaveOp::create(
          builder, loc, vectors[c * rowVectors + v],
          vectors[(c + 1) * rowVectors + v]);
      Value row = arith::MulIOp::create(builder, loc, rowIndices[v], two);
      vector::StoreOp::create(
          builder, loc, both, memref,
          ValueRange{kernel.add(loc, firstPair, c / 2), row});
    }
}

/// One instruction each on x86: a comparison and a select become vmaxps or
/// vminps, which pass over a NaN in `b`.
Value GroupEmitter::combine(ReduceKind kind, Value a, Value b) {
  if (kind == ReduceKind::add)
    return arith::AddFOp::create(builder, loc, a, b);
  auto predicate = kind == ReduceKind::max ? arith::CmpFPredicate::OGT
                                           : arith::CmpFPredicate::OLT;
  Value better = arith::CmpFOp::create(builder, loc, predicate, b, a);
  return arith::SelectOp::create(builder, loc, better, b, a);
}

Vectors GroupEmitter::emitMap(MapOp map, Value firstCol, int64_t cols) {
  SmallVector<Vectors> inputs;
  for (Value input : map.getInputs())
    inputs.push_back(getElements(input, firstCol, cols));
  Vectors vectors;
  for (int64_t c = 0; c < cols; ++c) {
    Value col;
    if (map.hasIndices()) {
      Value origin = kernel.mapping.lookup(map.getOrigin()[1]);
      Value at = arith::AddIOp::create(builder, loc, origin,
                                       kernel.add(loc, firstCol, c));
      col = arith::IndexCastOp::create(builder, loc, builder.getI32Type(), at);
    }
    for (int64_t v = 0; v < rowVectors; ++v) {
      SmallVector<Value> arguments;
      for (Vectors &input : inputs)
        arguments.push_back(input[c * rowVectors + v]);
      if (map.hasIndices()) {
        arguments.push_back(rowCoordinates.lookup(map)[v]);
        arguments.push_back(col);
      }
      FailureOr<Value> value =
          vectorizeRegion(builder, map, arguments, kernel.mapping, width);
      failedRegion |= failed(value);
      vectors.push_back(failed(value) ? arguments.front()
                                      : asVector(builder, loc, *value, width));
    }
  }
  return vectors;
}

/// The maps on single columns, before or after the sweep.
void GroupEmitter::emitRowMaps(bool needReduction) {
  Value zero = kernel.index(loc, 0);
  for (auto map : group.getBody().front().getOps<MapOp>()) {
    if (map.getResult().getType().getCols() != 1 ||
        afterSweep.contains(map) != needReduction)
      continue;
    int64_t swept = std::exchange(domain, 1);
    Vectors vectors = emitMap(map, zero, 1);
    domain = swept;
    rowValues[map.getResult()] = vectors;
    storeResult(map.getResult(), zero, 1, vectors);
  }
}

/// The pairs number `k` of a vector of rows.
Value GroupEmitter::loadRowPairs(Value memref, Value k, int64_t vector) {
  Value two = kernel.index(loc, 2);
  Value row = arith::MulIOp::create(builder, loc, rowIndices[vector], two);
  return vector::LoadOp::create(
      builder, loc, VectorType::get(2 * width, builder.getBF16Type()), memref,
      ValueRange{k, row});
}

/// The pair at `place` in all lanes.
Value GroupEmitter::repeatPair(Value memref, ArrayRef<Value> place) {
  Type bf16 = builder.getBF16Type(), i32 = builder.getI32Type();
  Value pair = vector::LoadOp::create(builder, loc, VectorType::get(2, bf16),
                                      memref, place);
  Value word =
      vector::BitCastOp::create(builder, loc, VectorType::get(1, i32), pair);
  Value scalar = vector::ExtractOp::create(builder, loc, word, 0);
  Value words = vector::BroadcastOp::create(
      builder, loc, VectorType::get(width, i32), scalar);
  return vector::BitCastOp::create(builder, loc,
                                   VectorType::get(2 * width, bf16), words);
}

/// The register tile of a product: `cols` columns times `rowVectors` vectors
/// of rows, accumulated over the inner dimension.
Vectors GroupEmitter::emitProduct(DotOp dot, Value firstCol, int64_t cols,
                                  Vectors init) {
  Value a = kernel.buffer(dot.getA()), b = kernel.windows.lookup(dot.getB());
  VectorType vector = kernel.vectorOf(builder.getF32Type());
  if (init.empty()) {
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getZeroAttr(vector));
    init.assign(cols * rowVectors, zero);
  }
  SmallVector<Value> colIndices;
  for (int64_t c = 0; c < cols; ++c)
    colIndices.push_back(kernel.add(loc, firstCol, c));

  // The next register tiles read the rows below (transposed), or further on in
  // each row. Every element is read once and alone, so that a miss would hold
  // up all accumulators.
  bool paired = isPaired(dot.getA().getType());
  int64_t line = 64 / (paired ? 2 : 4); // elements
  // Position of an element, or of a pair along the inner dimension.
  auto at = [&](Value k, Value col) -> SmallVector<Value> {
    if (!paired)
      return dot.getTransposeB() ? SmallVector<Value>{col, k}
                                 : SmallVector<Value>{k, col};
    Value two = kernel.index(loc, 2);
    Value pair = dot.getTransposeB() ? k : col;
    Value first = arith::MulIOp::create(builder, loc, pair, two);
    return dot.getTransposeB() ? SmallVector<Value>{col, first}
                               : SmallVector<Value>{k, first};
  };
  Value next = kernel.add(loc, firstCol,
                          dot.getTransposeB() ? cols : line / (paired ? 2 : 1));
  auto prefetch = [&](ArrayRef<Value> place) {
    memref::PrefetchOp::create(builder, loc, b, place, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  };
  auto emitOne = [&](Value k, const Vectors &accumulators) {
    Vectors lanes, sums;
    if (!dot.getTransposeB())
      prefetch(at(k, next));
    for (int64_t v = 0; v < rowVectors; ++v)
      lanes.push_back(
          paired ? loadRowPairs(a, k, v)
                 : vector::LoadOp::create(builder, loc, vector, a,
                                          ValueRange{k, rowIndices[v]}));
    for (int64_t c = 0; c < cols; ++c) {
      SmallVector<Value> place = at(k, colIndices[c]);
      Value repeated =
          paired ? repeatPair(b, place)
                 : vector::BroadcastOp::create(
                       builder, loc, vector,
                       memref::LoadOp::create(builder, loc, b, place));
      for (int64_t v = 0; v < rowVectors; ++v) {
        Value sum = accumulators[c * rowVectors + v];
        sums.push_back(paired
                           ? Value(x86vector::DotBF16Op::create(
                                 builder, loc, vector, sum, lanes[v], repeated))
                           : Value(vector::FMAOp::create(builder, loc, lanes[v],
                                                         repeated, sum)));
      }
    }
    return sums;
  };

  // Branch predictors foresee the end of a loop of few iterations, and the
  // next register tile can begin before this one has ended.
  int64_t inner = typeOf(dot.getA()).getCols() / (paired ? 2 : 1), unroll = 4;
  while (inner % unroll != 0)
    unroll /= 2;
  auto loop = scf::ForOp::create(builder, loc, kernel.index(loc, 0),
                                 kernel.index(loc, inner),
                                 kernel.index(loc, unroll), init);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  Value firstK = loop.getInductionVar();
  if (dot.getTransposeB()) {
    // One line in each iteration; a row of the operand has `lines` of them.
    int64_t lines = llvm::divideCeil(typeOf(dot.getA()).getCols(), line);
    Value count =
        arith::DivUIOp::create(builder, loc, firstK, kernel.index(loc, unroll));
    Value below =
        arith::DivUIOp::create(builder, loc, count, kernel.index(loc, lines));
    Value which =
        arith::RemUIOp::create(builder, loc, count, kernel.index(loc, lines));
    prefetch(
        {arith::AddIOp::create(builder, loc, next, below),
         arith::MulIOp::create(builder, loc, which, kernel.index(loc, line))});
  }
  Vectors sums(loop.getRegionIterArgs());
  for (int64_t n = 0; n < unroll; ++n)
    sums = emitOne(kernel.add(loc, firstK, n), sums);
  scf::YieldOp::create(builder, loc, sums);
  return Vectors(loop.getResults());
}

/// The columns of a register tile: as many as there are registers for the
/// accumulators, beside the vectors of rows, the reductions and the repeated
/// element.
int64_t GroupEmitter::getColsPerStep() {
  int64_t others = 1 + rowVectors * (1 + int64_t(reductions.size()));
  return std::max<int64_t>(1,
                           (kernel.schedule.registers - others) / rowVectors);
}

/// One step of the sweep: `cols` columns from `firstCol` on. Returns the
/// reductions so far.
SmallVector<Vectors> GroupEmitter::emitStep(Value firstCol, int64_t cols,
                                            ArrayRef<Vectors> carried) {
  elements.clear();
  SmallVector<Vectors> reduced(carried);
  for (Operation &op : group.getBody().front().without_terminator()) {
    Value result = op.getResult(0);
    if (auto reduce = dyn_cast<ReduceOp>(op)) {
      Vectors input = getElements(reduce.getInput(), firstCol, cols);
      Vectors &sum =
          reduced[llvm::find(reductions, reduce) - reductions.begin()];
      for (auto [n, vector] : llvm::enumerate(input))
        sum[n % rowVectors] =
            combine(reduce.getKind(), sum[n % rowVectors], vector);
      continue;
    }
    if (typeOf(result).getCols() == 1 && !isa<DotOp>(op))
      continue;
    Vectors vectors;
    if (auto dot = dyn_cast<DotOp>(op)) {
      Vectors init;
      if (dot.getAccumulator())
        init = getElements(dot.getAccumulator(), firstCol, cols);
      vectors = emitProduct(dot, firstCol, cols, init);
    } else {
      vectors = emitMap(cast<MapOp>(op), firstCol, cols);
    }
    elements[result] = vectors;
    storeResult(result, firstCol, cols, vectors);
  }
  return reduced;
}

void GroupEmitter::emitRowBlock(Value firstRow) {
  rowIndices.clear();
  rowValues.clear();
  rowCoordinates.clear();
  for (int64_t v = 0; v < rowVectors; ++v)
    rowIndices.push_back(getRow(firstRow, v));
  Type i32 = builder.getI32Type();
  auto lanes = llvm::to_vector(llvm::seq<int32_t>(0, width));
  for (Operation &op : group.getBody().front().without_terminator()) {
    for (Value operand : op.getOperands())
      if (auto tile = dyn_cast<TileType>(operand.getType()))
        if (tile.getCols() == 1 || domain == 1)
          loadRowValue(operand);
    auto map = dyn_cast<MapOp>(op);
    if (!map || !map.hasIndices())
      continue;
    Value step = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(kernel.vectorOf(i32), ArrayRef(lanes)));
    for (int64_t v = 0; v < rowVectors; ++v) {
      Value origin = kernel.mapping.lookup(map.getOrigin()[0]);
      Value row = arith::AddIOp::create(builder, loc, origin, rowIndices[v]);
      Value first = arith::IndexCastOp::create(builder, loc, i32, row);
      Value repeated = asVector(builder, loc, first, width);
      rowCoordinates[map].push_back(
          arith::AddIOp::create(builder, loc, repeated, step));
    }
  }
  emitRowMaps(/*needReduction=*/false);

  bool sweeps = domain != 1 || product || !reductions.empty();
  SmallVector<Vectors> reduced;
  for (ReduceOp reduce : reductions) {
    if (reduce.getInit()) {
      reduced.push_back(rowValues.lookup(reduce.getInit()));
      continue;
    }
    double neutral = reduce.getKind() == ReduceKind::add   ? 0.0
                     : reduce.getKind() == ReduceKind::max ? -INFINITY
                                                           : INFINITY;
    Value constant = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(kernel.vectorOf(builder.getF32Type()),
                               float(neutral)));
    reduced.push_back(Vectors(rowVectors, constant));
  }
  if (sweeps) {
    // Elementwise sweeps have enough parallelism in one column.
    int64_t step = makesPairs ? 2 : 1;
    if (product)
      step = std::min(std::max(getColsPerStep() / step * step, step), domain);
    int64_t main = domain / step * step;
    SmallVector<Value> init;
    for (Vectors &vectors : reduced)
      llvm::append_range(init, vectors);
    auto unflatten = [&](ValueRange values) {
      SmallVector<Vectors> grouped;
      for (size_t n = 0; n < reductions.size(); ++n)
        grouped.emplace_back(values.slice(n * rowVectors, rowVectors));
      return grouped;
    };
    auto loop = scf::ForOp::create(builder, loc, kernel.index(loc, 0),
                                   kernel.index(loc, main),
                                   kernel.index(loc, step), init);
    {
      OpBuilder::InsertionGuard guard(builder);
      if (!loop.getBody()->empty())
        loop.getBody()->back().erase();
      builder.setInsertionPointToEnd(loop.getBody());
      SmallVector<Vectors> next =
          emitStep(loop.getInductionVar(), step,
                   unflatten(ValueRange(loop.getRegionIterArgs())));
      SmallVector<Value> yielded;
      for (Vectors &vectors : next)
        llvm::append_range(yielded, vectors);
      scf::YieldOp::create(builder, loc, yielded);
    }
    reduced = unflatten(loop.getResults());
    if (main != domain)
      reduced = emitStep(kernel.index(loc, main), domain - main, reduced);
  }
  for (auto [reduce, vectors] : llvm::zip_equal(reductions, reduced)) {
    rowValues[reduce.getResult()] = vectors;
    storeResult(reduce.getResult(), kernel.index(loc, 0), 1, vectors);
  }
  emitRowMaps(/*needReduction=*/true);
}

LogicalResult GroupEmitter::run() {
  if (failed(check()))
    return failure();
  kernel.forEach(loc, rows, rowVectors * width,
                 [&](Value firstRow) { emitRowBlock(firstRow); });
  return failure(failedRegion);
}

LogicalResult mlir::tile::emitGroup(KernelEmitter &kernel, GroupOp group) {
  return GroupEmitter(kernel, group).run();
}
