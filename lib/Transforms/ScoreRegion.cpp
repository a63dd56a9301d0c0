//===- ScoreRegion.cpp - score_mod and mask_mod in a tile.map -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the regions of attn.attention inside a tile.map.
//
//===----------------------------------------------------------------------===//

#include "ScoreRegion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

#include <limits>

using namespace mlir;
using namespace mlir::tile;

static constexpr double kLog2E = 1.4426950408889634;

FailureOr<SmallVector<BlockArgument>>
mlir::tile::collectCaptures(attn::AttentionOp op) {
  llvm::SetVector<Value> used;
  for (Region *region : {&op.getScoreMod(), &op.getMaskMod()})
    if (!region->empty())
      getUsedValuesDefinedAbove(*region, used);
  SmallVector<BlockArgument> arguments;
  SmallVector<Value> worklist(used.begin(), used.end());
  llvm::SmallPtrSet<Value, 8> seen;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      arguments.push_back(argument);
      continue;
    }
    Operation *producer = value.getDefiningOp();
    if (!isMemoryEffectFree(producer) || producer->getNumRegions() != 0 ||
        !value.getType().isIntOrIndexOrFloat())
      return producer->emitError()
             << "a value used in score_mod or mask_mod must be an argument of "
                "the function, or computed from arguments by scalar "
                "operations without side effects";
    llvm::append_range(worklist, producer->getOperands());
  }
  llvm::sort(arguments, [](BlockArgument a, BlockArgument b) {
    return a.getArgNumber() < b.getArgNumber();
  });
  return arguments;
}

/// Coordinates and lengths are below 2^31, so that vectors of them have as
/// many lanes as vectors of scores.
static Type toI32(Type type) {
  return type.isIndex() ? IntegerType::get(type.getContext(), 32) : type;
}

static Value castToI32(OpBuilder &builder, Location loc, Value value) {
  if (!value.getType().isIndex())
    return value;
  return arith::IndexCastOp::create(builder, loc, builder.getI32Type(), value);
}

static Value castToIndex(OpBuilder &builder, Location loc, Value value) {
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                    value);
}

/// Emits a tensor.extract or tensor.dim on the memref that stands for the
/// tensor. `indices` are index values.
static Operation *emitTensorAccess(OpBuilder &builder, Operation &op,
                                   Value memref, ValueRange indices) {
  if (isa<tensor::DimOp>(op))
    return memref::DimOp::create(builder, op.getLoc(), memref, indices[0]);
  return memref::LoadOp::create(builder, op.getLoc(), memref, indices);
}

/// Captured operations are emitted once, as they are.
void ScoreRegion::emitCapture(OpBuilder &builder, Value value) {
  if (outside.contains(value))
    return;
  Operation *producer = value.getDefiningOp();
  for (Value operand : producer->getOperands())
    emitCapture(builder, operand);
  if (isa<tensor::ExtractOp, tensor::DimOp>(producer)) {
    SmallVector<Value> indices;
    for (Value index : producer->getOperands().drop_front())
      indices.push_back(outside.lookup(index));
    Operation *access = emitTensorAccess(
        builder, *producer, outside.lookup(producer->getOperand(0)), indices);
    outside.map(value, access->getResult(0));
    return;
  }
  builder.clone(*producer, outside);
}

ScoreRegion::ScoreRegion(OpBuilder &builder, Location loc, attn::AttentionOp op,
                         const IRMapping &arguments, Value batch, Value head,
                         Value queries, Value keys)
    : op(op), outside(arguments), batch(castToI32(builder, loc, batch)),
      head(castToI32(builder, loc, head)),
      queries(castToI32(builder, loc, queries)),
      keys(castToI32(builder, loc, keys)) {
  llvm::SetVector<Value> used;
  for (Region *region : {&op.getScoreMod(), &op.getMaskMod()})
    if (!region->empty())
      getUsedValuesDefinedAbove(*region, used);
  for (Value value : used) {
    emitCapture(builder, value);
    Value emitted = outside.lookup(value);
    outside.map(value, castToI32(builder, loc, emitted));
  }
}

/// Clones one operation of a region, with i32 in the place of index.
Operation *ScoreRegion::cloneAsI32(OpBuilder &builder, Operation &op,
                                   IRMapping &mapping) {
  Location loc = op.getLoc();
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(mapping.lookup(operand));

  if (isa<tensor::ExtractOp, tensor::DimOp>(op)) {
    SmallVector<Value> indices;
    for (Value index : ArrayRef(operands).drop_front())
      indices.push_back(castToIndex(builder, loc, index));
    Operation *access = emitTensorAccess(builder, op, operands[0], indices);
    if (!access->getResult(0).getType().isIndex())
      return access;
    return arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                      access->getResult(0));
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op);
      constant && constant.getType().isIndex()) {
    int64_t value = cast<IntegerAttr>(constant.getValue()).getInt();
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI32IntegerAttr(value));
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    // A cast between i32 and the other integer type.
    Type from = operands[0].getType(), to = toI32(op.getResult(0).getType());
    unsigned fromBits = from.getIntOrFloatBitWidth(),
             toBits = to.getIntOrFloatBitWidth();
    if (fromBits > toBits)
      return arith::TruncIOp::create(builder, loc, to, operands[0]);
    if (fromBits < toBits && isa<arith::IndexCastUIOp>(op))
      return arith::ExtUIOp::create(builder, loc, to, operands[0]);
    if (fromBits < toBits)
      return arith::ExtSIOp::create(builder, loc, to, operands[0]);
    mapping.map(op.getResult(0), operands[0]);
    return nullptr;
  }
  OperationState state(loc, op.getName());
  state.addOperands(operands);
  for (Type type : op.getResultTypes())
    state.addTypes(toI32(type));
  state.addAttributes(llvm::to_vector(op.getDiscardableAttrs()));
  state.propertiesAttr = op.getPropertiesAsAttribute();
  return builder.create(state);
}

Value ScoreRegion::emitRegion(OpBuilder &builder, Region &region,
                              ValueRange arguments) {
  IRMapping mapping = outside;
  mapping.map(region.getArguments(), arguments);
  for (Operation &nested : region.front().without_terminator()) {
    if (auto length = dyn_cast<attn::LengthOp>(nested)) {
      bool isQuery = length.getWhich() == attn::LengthKind::query;
      mapping.map(length.getLength(), isQuery ? queries : keys);
      continue;
    }
    if (Operation *emitted = cloneAsI32(builder, nested, mapping))
      mapping.map(nested.getResults(), emitted->getResults());
  }
  auto yield = cast<attn::YieldOp>(region.front().getTerminator());
  return mapping.lookup(yield.getResult());
}

Value ScoreRegion::emit(OpBuilder &builder, Location loc, Value dot, Value row,
                        Value col) {
  Type f32 = builder.getF32Type();
  auto multiply = [&](Value value, double factor) -> Value {
    Value constant = arith::ConstantOp::create(
        builder, loc, builder.getFloatAttr(f32, factor));
    return arith::MulFOp::create(builder, loc, value, constant);
  };

  // Rows are packed over the heads of a group.
  Value query = row, queryHead = head;
  if (int64_t group = op.getGroupSize(); group != 1) {
    Value size = arith::ConstantOp::create(builder, loc,
                                           builder.getI32IntegerAttr(group));
    query = arith::DivUIOp::create(builder, loc, row, size);
    Value member = arith::RemUIOp::create(builder, loc, row, size);
    queryHead = arith::AddIOp::create(builder, loc, head, member);
  }

  Value score;
  if (op.getScoreMod().empty()) {
    score = multiply(dot, op.getScaleValue() * kLog2E);
  } else {
    Value scaled = multiply(dot, op.getScaleValue());
    score = emitRegion(builder, op.getScoreMod(),
                       {scaled, batch, queryHead, query, col});
    score = multiply(score, kLog2E);
  }

  Value keep = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                     col, keys);
  if (!op.getMaskMod().empty()) {
    Value kept = emitRegion(builder, op.getMaskMod(),
                            {batch, queryHead, query, col});
    keep = arith::AndIOp::create(builder, loc, kept, keep);
  }
  Value negInf = arith::ConstantOp::create(
      builder, loc,
      builder.getFloatAttr(f32, -std::numeric_limits<float>::infinity()));
  return arith::SelectOp::create(builder, loc, keep, score, negInf);
}
