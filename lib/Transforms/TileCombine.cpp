//===- TileCombine.cpp - Lowering of attn.combine -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One kernel: a loop over the parts with a running maximum of their
// log-sum-exp, and sums that are scaled when it grows. Rows are queries packed
// over all heads, so that a single new token fills a tile.
//
//===----------------------------------------------------------------------===//

#include "TileCombine.h"

#include "EntryFunction.h"
#include "TilePieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

namespace {
class CombineTiler {
public:
  CombineTiler(func::FuncOp function, attn::CombineOp op, int64_t tileQ)
      : function(function), op(op), tileQ(tileQ), loc(op.getLoc()),
        entry(function, describe(op)) {}

  LogicalResult run();

private:
  static EntryOperation describe(attn::CombineOp op);
  KernelOp buildKernel(OpBuilder &builder, TypeRange types);
  SmallVector<Value> addPart(OpBuilder &b, Value part, ValueRange carried);
  void buildResults(OpBuilder &b, ValueRange sums);

  /// Tiles of a batch entry.
  Value countTiles(OpBuilder &b, Value outputs);
  /// The rows of one part, or of a result if `part` is null.
  Value view(OpBuilder &b, Value memref, Value part, bool hasColumns);
  TileType tileType(int64_t cols) {
    return TileType::get(op.getContext(), tileQ, cols,
                         Float32Type::get(op.getContext()));
  }

  func::FuncOp function;
  attn::CombineOp op;
  int64_t tileQ;
  Location loc;
  EntryFunction entry;

  // Values of the kernel.
  Value outputs, lses, output, lse;
  Value zero, batch, firstRow;
};
} // namespace

EntryOperation CombineTiler::describe(attn::CombineOp op) {
  Value outputs = op.getOutputs(), lses = op.getLses();
  return {op,
          {{outputs, "outputs"}, {lses, "lses"}},
          {{{outputs, 0}, {lses, 0}},
           {{outputs, 1}, {lses, 1}},
           {{outputs, 3}, {lses, 3}}},
          /*derivedDimensions=*/{},
          {outputs, 1},
          {"output", "lse"}};
}

Value CombineTiler::countTiles(OpBuilder &b, Value outputs) {
  Value queries = memref::DimOp::create(b, loc, outputs, 3);
  Value rows = arith::MulIOp::create(b, loc, queries,
                                     constantIndex(b, loc, op.getHeads()));
  return arith::CeilDivUIOp::create(b, loc, rows, constantIndex(b, loc, tileQ));
}

Value CombineTiler::view(OpBuilder &b, Value memref, Value part,
                         bool hasColumns) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<Value> fixed;
  if (part)
    fixed.push_back(part);
  int64_t heads = fixed.size() + 1;
  fixed.append({batch, zero});
  return ViewOp::create(
      b, loc, ViewType::get(op.getContext(), type.getElementType()), memref,
      fixed, b.getI64IntegerAttr(heads + 1),
      hasColumns ? b.getI64IntegerAttr(heads + 2) : IntegerAttr(),
      op.getHeads() == 1 ? IntegerAttr() : b.getI64IntegerAttr(heads),
      b.getI64IntegerAttr(op.getHeads()));
}

/// exp(a - b). The difference comes first: it is exact where both are close,
/// however large they are.
static Value expDifference(OpBuilder &builder, Location loc, Value a,
                           Value other) {
  return MapOp::create(builder, loc, a.getType(), {a, other}, ValueRange(),
                       [](OpBuilder &b, Location l, ValueRange args) -> Value {
                         Value difference =
                             arith::SubFOp::create(b, l, args[0], args[1]);
                         Value inLog2 = arith::MulFOp::create(
                             b, l, difference, constantF32(b, l, kLog2E));
                         return math::Exp2Op::create(b, l, inLog2);
                       });
}

/// Carried are the sum of weighted outputs, the maximum, the sum of weights.
SmallVector<Value> CombineTiler::addPart(OpBuilder &b, Value part,
                                         ValueRange carried) {
  Value sum = carried[0], max = carried[1], weights = carried[2];
  Value partLse =
      LoadOp::create(b, loc, tileType(1),
                     view(b, lses, part, /*hasColumns=*/false), firstRow, zero);
  Value newMax = MapOp::create(
      b, loc, tileType(1), {partLse, max}, ValueRange(),
      [](OpBuilder &n, Location l, ValueRange args) -> Value {
        Value larger = arith::CmpFOp::create(n, l, arith::CmpFPredicate::OGT,
                                             args[0], args[1]);
        return arith::SelectOp::create(n, l, larger, args[0], args[1]);
      });
  Value rescale = expDifference(b, loc, max, newMax);
  Value weight = expDifference(b, loc, partLse, newMax);
  Value newWeights = MapOp::create(
      b, loc, tileType(1), {weights, rescale, weight}, ValueRange(),
      [](OpBuilder &n, Location l, ValueRange args) -> Value {
        Value old = arith::MulFOp::create(n, l, args[0], args[1]);
        return arith::AddFOp::create(n, l, old, args[2]);
      });
  Value partOutput = LoadOp::create(b, loc, tileType(op.getValueDim()),
                                    view(b, outputs, part, /*hasColumns=*/true),
                                    firstRow, zero);
  // A weight of 0 is not enough to keep a NaN of an empty part out.
  Value newSum = MapOp::create(
      b, loc, sum.getType(), {sum, rescale, partOutput, weight, partLse},
      ValueRange(), [](OpBuilder &n, Location l, ValueRange args) -> Value {
        Value old = arith::MulFOp::create(n, l, args[0], args[1]);
        Value added = arith::MulFOp::create(n, l, args[2], args[3]);
        Value empty = arith::CmpFOp::create(
            n, l, arith::CmpFPredicate::OEQ, args[4],
            constantF32(n, l, -std::numeric_limits<float>::infinity()));
        added =
            arith::SelectOp::create(n, l, empty, constantF32(n, l, 0.0), added);
        return arith::AddFOp::create(n, l, old, added);
      });
  return {newSum, newMax, newWeights};
}

void CombineTiler::buildResults(OpBuilder &b, ValueRange sums) {
  Value sum = sums[0], max = sums[1], weights = sums[2];
  Value mean = multiply(b, loc, sum, reciprocalOrZero(b, loc, weights));
  StoreOp::create(b, loc, mean, view(b, output, {}, /*hasColumns=*/true),
                  firstRow, zero);
  if (!lse)
    return;
  Value total = MapOp::create(
      b, loc, tileType(1), {max, weights}, ValueRange(),
      [](OpBuilder &n, Location l, ValueRange args) -> Value {
        Value log = math::Log2Op::create(n, l, args[1]);
        log = arith::MulFOp::create(n, l, log, constantF32(n, l, kLn2));
        return arith::AddFOp::create(n, l, args[0], log);
      });
  StoreOp::create(b, loc, total, view(b, lse, {}, /*hasColumns=*/false),
                  firstRow, zero);
}

KernelOp CombineTiler::buildKernel(OpBuilder &builder, TypeRange types) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> arguments = {builder.getIndexType()};
  llvm::append_range(arguments, types);
  KernelOp kernel = KernelOp::create(
      builder, loc, (function.getName() + "_combine").str(), arguments);
  kernel.setPrivate();
  kernel.setTileQ(tileQ);
  Block &body = kernel.getBody().front();
  builder.setInsertionPointToEnd(&body);
  outputs = body.getArgument(1);
  lses = body.getArgument(2);
  output = body.getArgument(3);
  if (body.getNumArguments() > 4)
    lse = body.getArgument(4);

  // work = batch * tiles + tile
  zero = constantIndex(builder, loc, 0);
  Value tiles = countTiles(builder, outputs);
  batch = arith::DivUIOp::create(builder, loc, kernel.getWork(), tiles);
  Value tile = arith::RemUIOp::create(builder, loc, kernel.getWork(), tiles);
  firstRow = arith::MulIOp::create(builder, loc, tile,
                                   constantIndex(builder, loc, tileQ));
  SmallVector<Value> init = {
      splat(builder, loc, tileType(op.getValueDim()), 0.0),
      splat(builder, loc, tileType(1), kLowest),
      splat(builder, loc, tileType(1), 0.0)};
  Value parts = memref::DimOp::create(builder, loc, outputs, 0);
  auto loop = scf::ForOp::create(
      builder, loc, zero, parts, constantIndex(builder, loc, 1), init,
      [&](OpBuilder &b, Location l, Value part, ValueRange carried) {
        scf::YieldOp::create(b, l, addPart(b, part, carried));
      });
  buildResults(builder, loop.getResults());
  ReturnOp::create(builder, loc);
  return kernel;
}

LogicalResult CombineTiler::run() {
  if (failed(entry.check()))
    return failure();
  entry.create("combine", tileQ, /*tileKv=*/1);
  entry.createWorkspaceFunction(
      [](OpBuilder &b, Location l, Block &) { return constantIndex(b, l, 0); });
  Value parts = entry.getInput(op.getOutputs());
  SmallVector<Value> arguments = {parts, entry.getInput(op.getLses()),
                                  entry.getResult(0)};
  if (Value result = entry.getResult(1))
    arguments.push_back(result);
  OpBuilder builder = entry.getBodyBuilder(), moduleBuilder(function);
  KernelOp kernel =
      buildKernel(moduleBuilder, ValueRange(arguments).getTypes());
  Value batches = memref::DimOp::create(builder, loc, parts, 1);
  Value count =
      arith::MulIOp::create(builder, loc, batches, countTiles(builder, parts));
  LaunchOp::create(builder, loc,
                   FlatSymbolRefAttr::get(kernel.getSymNameAttr()), count,
                   arguments);
  entry.finish();
  return success();
}

/// Rows share nothing, so that large tiles gain nothing, and a few new tokens
/// would leave most of one empty. 16 rows are a multiple of every CPU's vector.
static constexpr int64_t kMaxRows = 16;

LogicalResult tile::tileCombine(func::FuncOp function, attn::CombineOp op,
                                int64_t tileQ) {
  return CombineTiler(function, op, std::min(tileQ, kMaxRows)).run();
}
