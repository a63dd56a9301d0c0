//===- KernelBuilder.cpp - Tile kernels of an attention -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds the kernels of the algorithms that attn-tile offers.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "TilePieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;
using namespace mlir::tile;

/// The probability of a score, or the factor between two maxima: exp2(a - b).
/// Scores of a score region are in natural units. They become binary after the
/// subtraction, because a product with a large score would be rounded.
Value KernelBuilder::exp2Difference(OpBuilder &builder, Location loc,
                                    TileType type, Value a, Value b) {
  return MapOp::create(
      builder, loc, type, {a, b}, ValueRange(),
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Value d = arith::SubFOp::create(nested, l, args[0], args[1]);
        if (!op.getScoreMod().empty())
          d = arith::MulFOp::create(nested, l, d,
                                    constantF32(nested, l, kLog2E));
        return math::Exp2Op::create(nested, l, d);
      });
}

TileType KernelBuilder::tileType(int64_t rows, int64_t cols) {
  return TileType::get(op.getContext(), rows, cols,
                       Float32Type::get(op.getContext()));
}

/// A tile of query, key or value, whose element type it has.
Value KernelBuilder::loadInput(OpBuilder &builder, Location loc, Value view,
                               int64_t rows, int64_t cols, Value firstRow) {
  auto type = TileType::get(op.getContext(), rows, cols,
                            op.getQuery().getType().getElementType());
  return LoadOp::create(builder, loc, type, view, firstRow,
                        constantIndex(builder, loc, 0));
}

/// Stores an f32 tile, rounded to the element type of the output.
void KernelBuilder::storeOutput(OpBuilder &builder, Location loc, Value tile,
                                Value view, Value firstRow) {
  Type element = op.getOutput().getType().getElementType();
  auto type = cast<TileType>(tile.getType());
  if (type.getElementType() != element)
    tile = MapOp::create(
        builder, loc,
        TileType::get(op.getContext(), type.getRows(), type.getCols(), element),
        {tile}, ValueRange(),
        [&](OpBuilder &b, Location l, ValueRange args) -> Value {
          return arith::TruncFOp::create(b, l, element, args[0]);
        });
  StoreOp::create(builder, loc, tile, view, firstRow,
                  constantIndex(builder, loc, 0));
}

//===----------------------------------------------------------------------===//
// Frame of a kernel
//===----------------------------------------------------------------------===//

Value KernelBuilder::buildTaskCount(OpBuilder &builder, Location loc,
                                    Value query) {
  Value batch = memref::DimOp::create(builder, loc, query, 0);
  Value queries = memref::DimOp::create(builder, loc, query, 2);
  Value group = constantIndex(builder, loc, op.getGroupSize());
  Value rows = arith::MulIOp::create(builder, loc, queries, group);
  Value tiles = arith::CeilDivUIOp::create(builder, loc, rows,
                                           constantIndex(builder, loc, tileQ));
  Value kvHeads = constantIndex(builder, loc, op.getKvHeads());
  Value heads = arith::MulIOp::create(builder, loc, batch, kvHeads);
  return arith::MulIOp::create(builder, loc, heads, tiles);
}

KernelBuilder::Frame KernelBuilder::begin(OpBuilder &builder, StringRef name,
                                          const KernelData<Type> &types) {
  Location loc = op.getLoc();
  SmallVector<Type> arguments = {builder.getIndexType()};
  llvm::append_range(arguments, types.flat());
  Frame frame;
  frame.kernel = KernelOp::create(builder, loc, name, arguments);
  frame.kernel.setTileQ(tileQ);
  frame.kernel.setTileKv(tileKv);
  frame.kernel.setPrivate();
  Block &body = frame.kernel.getBody().front();
  builder.setInsertionPointToEnd(&body);

  unsigned next = 1;
  auto bind = [&](Type type) {
    return type ? Value(body.getArgument(next++)) : Value();
  };
  KernelData<Value> &data = frame.data;
  data.query = bind(types.query);
  data.key = bind(types.key);
  data.value = bind(types.value);
  data.output = bind(types.output);
  data.lse = bind(types.lse);
  data.scores = bind(types.scores);
  data.sinks = bind(types.sinks);
  data.blocks = bind(types.blocks);
  for (Type type : types.captures)
    data.captures.push_back(bind(type));

  // work = (batch * kv_heads + kv_head) * tiles + (tiles - 1 - tile)
  frame.zero = constantIndex(builder, loc, 0);
  frame.one = constantIndex(builder, loc, 1);
  Value group = constantIndex(builder, loc, op.getGroupSize());
  Value kvHeads = constantIndex(builder, loc, op.getKvHeads());
  Value rowsPerTile = constantIndex(builder, loc, tileQ);
  frame.queries = memref::DimOp::create(builder, loc, data.query, 2);
  frame.keys = memref::DimOp::create(
      builder, loc, data.key ? data.key : data.scores, data.key ? 2 : 3);
  Value rows = arith::MulIOp::create(builder, loc, frame.queries, group);
  Value tiles = arith::CeilDivUIOp::create(builder, loc, rows, rowsPerTile);
  Value work = frame.kernel.getWork();
  Value reversed = arith::RemUIOp::create(builder, loc, work, tiles);
  Value headIndex = arith::DivUIOp::create(builder, loc, work, tiles);
  Value last = arith::SubIOp::create(builder, loc, tiles, frame.one);
  Value tile = arith::SubIOp::create(builder, loc, last, reversed);
  frame.firstRow = arith::MulIOp::create(builder, loc, tile, rowsPerTile);
  frame.kvHead = arith::RemUIOp::create(builder, loc, headIndex, kvHeads);
  frame.batch = arith::DivUIOp::create(builder, loc, headIndex, kvHeads);
  frame.head = arith::MulIOp::create(builder, loc, frame.kvHead, group);
  frame.keyTiles = arith::CeilDivUIOp::create(
      builder, loc, frame.keys, constantIndex(builder, loc, tileKv));
  return frame;
}

/// A view of a memref whose rows are queries packed over the group's heads.
Value KernelBuilder::viewQueries(OpBuilder &builder, Frame &frame,
                                 Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  bool packed = op.getGroupSize() != 1;
  return ViewOp::create(
      builder, op.getLoc(),
      ViewType::get(op.getContext(), type.getElementType()), memref,
      ValueRange{frame.batch, frame.head}, builder.getI64IntegerAttr(2),
      type.getRank() == 4 ? builder.getI64IntegerAttr(3) : IntegerAttr(),
      packed ? builder.getI64IntegerAttr(1) : IntegerAttr(),
      builder.getI64IntegerAttr(op.getGroupSize()));
}

Value KernelBuilder::viewKeys(OpBuilder &builder, Frame &frame, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  return ViewOp::create(builder, op.getLoc(),
                        ViewType::get(op.getContext(), type.getElementType()),
                        memref, ValueRange{frame.batch, frame.kvHead},
                        builder.getI64IntegerAttr(2),
                        builder.getI64IntegerAttr(3), IntegerAttr(),
                        builder.getI64IntegerAttr(1));
}

/// The scores of the task's KV head: their rows are packed already.
Value KernelBuilder::viewScores(OpBuilder &builder, Frame &frame) {
  return viewKeys(builder, frame, frame.data.scores);
}

/// for t in 0 .. key_tiles: body(first key of the tile, carried values)
SmallVector<Value> KernelBuilder::buildKeyLoop(OpBuilder &builder, Frame &frame,
                                               ValueRange init, LoopBody body) {
  auto loop = scf::ForOp::create(
      builder, op.getLoc(), frame.zero, frame.keyTiles, frame.one, init,
      [&](OpBuilder &b, Location loc, Value t, ValueRange carried) {
        Value firstKey =
            arith::MulIOp::create(b, loc, t, constantIndex(b, loc, tileKv));
        scf::YieldOp::create(b, loc, body(b, loc, firstKey, carried));
      });
  return SmallVector<Value>(loop.getResults());
}

/// The modified, masked scores of a query tile and a key tile.
Value KernelBuilder::buildMaskedScores(OpBuilder &builder, Location loc,
                                       Frame &frame, ScoreRegion &region,
                                       Value query, Value keyView,
                                       Value firstKey) {
  Value key =
      loadInput(builder, loc, keyView, tileKv, op.getHeadDim(), firstKey);
  TileType type = tileType(tileQ, tileKv);
  Value dot = DotOp::create(builder, loc, type, query, key, Value(),
                            /*transpose_a=*/false, /*transpose_b=*/true);
  return MapOp::create(builder, loc, type, {dot}, {frame.firstRow, firstKey},
                       [&](OpBuilder &b, Location l, ValueRange args) {
                         return region.emit(b, l, args[0], args[1], args[2]);
                       });
}

/// Completes statistics of the keys by the sinks, each of which is one more
/// score, and by the factor that normalises. The loops over the keys know
/// nothing of sinks, so that their results can be split and combined.
void KernelBuilder::addSinks(OpBuilder &builder, Frame &frame,
                             RowStatistics &rows) {
  Location loc = op.getLoc();
  if (!frame.data.sinks) {
    rows.inverse = reciprocalOrZero(builder, loc, rows.sum);
    return;
  }
  TileType column = tileType(tileQ, 1);
  Value sinks = MapOp::create(
      builder, loc, column, ValueRange(), {frame.firstRow, frame.zero},
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value head = frame.head;
        if (op.getGroupSize() != 1) {
          Value group =
              arith::ConstantIntOp::create(b, l, op.getGroupSize(), 32);
          Value member = arith::RemUIOp::create(b, l, args[0], group);
          member = arith::IndexCastOp::create(b, l, b.getIndexType(), member);
          head = arith::AddIOp::create(b, l, head, member);
        }
        Value sink = memref::LoadOp::create(b, l, frame.data.sinks, head);
        if (!op.getScoreMod().empty())
          return sink;
        return arith::MulFOp::create(b, l, sink, constantF32(b, l, kLog2E));
      });
  // A sink of +inf leaves weights of 0, not the difference of two infinities;
  // a sink of NaN reaches the sum.
  Value max = MapOp::create(
      builder, loc, column, {rows.max, sinks}, ValueRange(),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value larger = arith::CmpFOp::create(b, l, arith::CmpFPredicate::OGT,
                                             args[1], args[0]);
        Value finite = arith::MinNumFOp::create(b, l, args[1],
                                                constantF32(b, l, -kLowest));
        return arith::SelectOp::create(b, l, larger, finite, args[0]);
      });
  Value weight = exp2Difference(builder, loc, column, rows.max, max);
  Value sinkWeight = exp2Difference(builder, loc, column, sinks, max);
  rows.max = max;
  rows.sum = MapOp::create(
      builder, loc, column, {rows.sum, weight, sinkWeight}, ValueRange(),
      [](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value keys = arith::MulFOp::create(b, l, args[0], args[1]);
        return arith::AddFOp::create(b, l, keys, args[2]);
      });
  rows.inverse =
      multiply(builder, loc, reciprocalOrZero(builder, loc, rows.sum), weight);
}

/// Stores the natural-log log-sum-exp.
void KernelBuilder::buildLse(OpBuilder &builder, Frame &frame,
                             const RowStatistics &rows) {
  if (!frame.data.lse)
    return;
  Location loc = op.getLoc();
  Value lse = MapOp::create(
      builder, loc, tileType(tileQ, 1), {rows.max, rows.sum}, ValueRange(),
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        Value log = math::Log2Op::create(b, l, args[1]);
        Value ln2 = constantF32(b, l, kLn2);
        if (op.getScoreMod().empty()) {
          Value total = arith::AddFOp::create(b, l, args[0], log);
          return arith::MulFOp::create(b, l, total, ln2);
        }
        log = arith::MulFOp::create(b, l, log, ln2);
        return arith::AddFOp::create(b, l, args[0], log);
      });
  Value view = viewQueries(builder, frame, frame.data.lse);
  StoreOp::create(builder, loc, lse, view, frame.firstRow, frame.zero);
}

//===----------------------------------------------------------------------===//
// The algorithms
//===----------------------------------------------------------------------===//

IRMapping KernelBuilder::mapCaptures(const Frame &frame) {
  IRMapping mapping;
  for (auto [argument, value] : llvm::zip_equal(captures, frame.data.captures))
    mapping.map(argument, value);
  return mapping;
}

std::optional<Dropout> KernelBuilder::makeDropout(OpBuilder &builder,
                                                  const Frame &frame) {
  if (!op.getDropoutProbability())
    return std::nullopt;
  return Dropout(builder, op.getLoc(), op, mapCaptures(frame), frame.batch,
                 frame.head);
}

KernelOp KernelBuilder::buildMemoryEfficient(OpBuilder &builder, StringRef name,
                                             const KernelData<Type> &types) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  Frame frame = begin(builder, name, types);
  ScoreRegion region(builder, loc, op, mapCaptures(frame), frame.batch,
                     frame.head, frame.queries, frame.keys, frame.data.blocks);
  std::optional<Dropout> dropout = makeDropout(builder, frame);
  Value queryView = viewQueries(builder, frame, frame.data.query);
  Value keyView = viewKeys(builder, frame, frame.data.key);
  Value valueView = viewKeys(builder, frame, frame.data.value);
  Value outputView = viewQueries(builder, frame, frame.data.output);
  Value query = loadInput(builder, loc, queryView, tileQ, op.getHeadDim(),
                          frame.firstRow);

  TileType column = tileType(tileQ, 1),
           outputType = tileType(tileQ, op.getValueDim());
  Value lowest = splat(builder, loc, column, kLowest);
  Value max = buildKeyLoop(
      builder, frame, lowest,
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange carried) {
        Value scores =
            buildMaskedScores(b, l, frame, region, query, keyView, firstKey);
        Value m = ReduceOp::create(b, l, column, ReduceKind::max,
                                   ReduceAxis::rows, scores, carried[0]);
        return SmallVector<Value>{m};
      })[0];

  Value noSum = splat(builder, loc, column, 0.0);
  Value noOutput = splat(builder, loc, outputType, 0.0);
  SmallVector<Value> sums = buildKeyLoop(
      builder, frame, {noOutput, noSum},
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange carried) {
        Value scores =
            buildMaskedScores(b, l, frame, region, query, keyView, firstKey);
        Value p = exp2Difference(b, l, tileType(tileQ, tileKv), scores, max);
        Value sum = ReduceOp::create(b, l, column, ReduceKind::add,
                                     ReduceAxis::rows, p, carried[1]);
        if (dropout)
          p = dropout->keepSome(b, l, p, frame.firstRow, firstKey);
        Value value =
            loadInput(b, l, valueView, tileKv, op.getValueDim(), firstKey);
        Value output = DotOp::create(b, l, outputType, p, value, carried[0],
                                     /*transpose_a=*/false,
                                     /*transpose_b=*/false);
        return SmallVector<Value>{output, sum};
      });

  RowStatistics rows{max, sums[1], {}};
  addSinks(builder, frame, rows);
  if (dropout)
    rows.inverse = dropout->makeUpFor(builder, loc, rows.inverse);
  Value output = multiply(builder, loc, sums[0], rows.inverse);
  storeOutput(builder, loc, output, outputView, frame.firstRow);
  buildLse(builder, frame, rows);
  ReturnOp::create(builder, loc);
  return frame.kernel;
}

KernelOp KernelBuilder::buildScores(OpBuilder &builder, StringRef name,
                                    const KernelData<Type> &types) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  Frame frame = begin(builder, name, types);
  ScoreRegion region(builder, loc, op, mapCaptures(frame), frame.batch,
                     frame.head, frame.queries, frame.keys, frame.data.blocks);
  Value queryView = viewQueries(builder, frame, frame.data.query);
  Value keyView = viewKeys(builder, frame, frame.data.key);
  Value scoresView = viewScores(builder, frame);
  Value query = loadInput(builder, loc, queryView, tileQ, op.getHeadDim(),
                          frame.firstRow);
  buildKeyLoop(
      builder, frame, {},
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange) {
        Value scores =
            buildMaskedScores(b, l, frame, region, query, keyView, firstKey);
        StoreOp::create(b, l, scores, scoresView, frame.firstRow, firstKey);
        return SmallVector<Value>();
      });
  ReturnOp::create(builder, loc);
  return frame.kernel;
}

KernelOp KernelBuilder::buildSoftmax(OpBuilder &builder, StringRef name,
                                     const KernelData<Type> &types) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  Frame frame = begin(builder, name, types);
  std::optional<Dropout> dropout = makeDropout(builder, frame);
  Value scoresView = viewScores(builder, frame);
  TileType column = tileType(tileQ, 1), type = tileType(tileQ, tileKv);

  // Columns beyond the last key read as 0 and must not count.
  Value keys = arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                          frame.keys);
  auto load = [&](OpBuilder &b, Location l, Value firstKey) -> Value {
    Value raw =
        LoadOp::create(b, l, type, scoresView, frame.firstRow, firstKey);
    return MapOp::create(
        b, l, type, {raw}, {frame.firstRow, firstKey},
        [&](OpBuilder &n, Location nl, ValueRange args) -> Value {
          Value keep = arith::CmpIOp::create(n, nl, arith::CmpIPredicate::slt,
                                             args[2], keys);
          Value negInf =
              constantF32(n, nl, -std::numeric_limits<float>::infinity());
          return arith::SelectOp::create(n, nl, keep, args[0], negInf);
        });
  };
  Value lowest = splat(builder, loc, column, kLowest);
  Value max = buildKeyLoop(
      builder, frame, lowest,
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange carried) {
        Value scores = load(b, l, firstKey);
        Value m = ReduceOp::create(b, l, column, ReduceKind::max,
                                   ReduceAxis::rows, scores, carried[0]);
        return SmallVector<Value>{m};
      })[0];
  Value zero = splat(builder, loc, column, 0.0);
  Value sum = buildKeyLoop(
      builder, frame, zero,
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange carried) {
        Value scores = load(b, l, firstKey);
        Value p = exp2Difference(b, l, type, scores, max);
        Value s = ReduceOp::create(b, l, column, ReduceKind::add,
                                   ReduceAxis::rows, p, carried[0]);
        return SmallVector<Value>{s};
      })[0];
  RowStatistics rows{max, sum, {}};
  addSinks(builder, frame, rows);
  if (dropout)
    rows.inverse = dropout->makeUpFor(builder, loc, rows.inverse);
  buildKeyLoop(
      builder, frame, {},
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange) {
        Value scores = load(b, l, firstKey);
        Value p = exp2Difference(b, l, type, scores, max);
        Value normalised = multiply(b, l, p, rows.inverse);
        if (dropout)
          normalised =
              dropout->keepSome(b, l, normalised, frame.firstRow, firstKey);
        StoreOp::create(b, l, normalised, scoresView, frame.firstRow, firstKey);
        return SmallVector<Value>();
      });
  buildLse(builder, frame, rows);
  ReturnOp::create(builder, loc);
  return frame.kernel;
}

KernelOp KernelBuilder::buildValues(OpBuilder &builder, StringRef name,
                                    const KernelData<Type> &types) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  Frame frame = begin(builder, name, types);
  Value scoresView = viewScores(builder, frame);
  Value valueView = viewKeys(builder, frame, frame.data.value);
  Value outputView = viewQueries(builder, frame, frame.data.output);
  TileType outputType = tileType(tileQ, op.getValueDim());
  Value zero = splat(builder, loc, outputType, 0.0);
  Value output = buildKeyLoop(
      builder, frame, zero,
      [&](OpBuilder &b, Location l, Value firstKey, ValueRange carried) {
        Value p = LoadOp::create(b, l, tileType(tileQ, tileKv), scoresView,
                                 frame.firstRow, firstKey);
        Value value =
            loadInput(b, l, valueView, tileKv, op.getValueDim(), firstKey);
        Value sum = DotOp::create(b, l, outputType, p, value, carried[0],
                                  /*transpose_a=*/false,
                                  /*transpose_b=*/false);
        return SmallVector<Value>{sum};
      })[0];
  storeOutput(builder, loc, output, outputView, frame.firstRow);
  ReturnOp::create(builder, loc);
  return frame.kernel;
}
