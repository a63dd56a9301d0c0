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
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
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
    bool isScalar = isa<tensor::ExtractOp, tensor::DimOp>(producer) ||
                    isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
                        producer->getDialect());
    if (!isScalar || !isMemoryEffectFree(producer) ||
        producer->getNumRegions() != 0 ||
        !value.getType().isIntOrIndexOrFloat())
      return producer->emitError()
             << "a value used in score_mod or mask_mod must be an argument of "
                "the function, or computed from arguments by operations of "
                "arith and math, tensor.extract and tensor.dim";
    llvm::append_range(worklist, producer->getOperands());
  }
  llvm::sort(arguments, [](BlockArgument a, BlockArgument b) {
    return a.getArgNumber() < b.getArgNumber();
  });
  return arguments;
}

//===----------------------------------------------------------------------===//
// Width of integers
//===----------------------------------------------------------------------===//

/// Coordinates and lengths have a magnitude below 2^29.
static constexpr unsigned kCoordinateBits = 29;

namespace {
/// What is known of an index value: |value| < 2^bits. A captured value may be
/// anything, for example "unlimited"; it is saturated to the range of
/// coordinates, which comparisons with coordinates do not notice.
struct Magnitude {
  unsigned bits = 64;
  bool saturated = false;
};

/// Decides whether 32-bit arithmetic gives the results of 64-bit arithmetic.
class WidthAnalysis {
public:
  bool fitsInI32(Region &region) {
    if (region.empty())
      return true;
    for (BlockArgument argument : region.getArguments())
      known[argument] = {kCoordinateBits, false};
    return llvm::all_of(region.front().without_terminator(),
                        [&](Operation &op) { return visit(op); });
  }

private:
  Magnitude get(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return {constant.getSignificantBits() - 1, false};
    return {kCoordinateBits, true}; // a capture
  }

  bool visit(Operation &op) {
    auto isIndex = [](Type type) { return type.isIndex(); };
    if (llvm::none_of(op.getOperandTypes(), isIndex) &&
        llvm::none_of(op.getResultTypes(), isIndex))
      return true;
    SmallVector<Magnitude> operands;
    for (Value operand : op.getOperands())
      operands.push_back(get(operand));
    bool saturated =
        llvm::any_of(operands, [](const Magnitude &m) { return m.saturated; });
    Magnitude result;
    if (isa<attn::LengthOp, tensor::DimOp>(op)) {
      result = {kCoordinateBits, false};
    } else if (isa<arith::ConstantOp>(op)) {
      result = get(op.getResult(0));
    } else if (isa<arith::AddIOp, arith::SubIOp>(op)) {
      if (operands[0].saturated && operands[1].saturated)
        return false;
      result = {std::max(operands[0].bits, operands[1].bits) + 1, saturated};
    } else if (isa<arith::MinSIOp, arith::MaxSIOp>(op)) {
      result = {std::max(operands[0].bits, operands[1].bits), saturated};
    } else if (isa<arith::SelectOp>(op)) {
      result = {std::max(operands[1].bits, operands[2].bits),
                operands[1].saturated || operands[2].saturated};
    } else if (isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp,
                   arith::CeilDivSIOp>(op)) {
      if (saturated)
        return false;
      result = {std::max(operands[0].bits, operands[1].bits), false};
    } else if (isa<arith::IndexCastOp>(op)) {
      if (op.getResult(0).getType().isIndex())
        result.bits = op.getOperand(0).getType().getIntOrFloatBitWidth() - 1;
      else
        return !saturated;
    } else if (isa<arith::CmpIOp>(op)) {
      return true;
    } else if (isa<tensor::ExtractOp>(op)) {
      return !op.getResult(0).getType().isIndex();
    } else {
      return false;
    }
    known[op.getResult(0)] = result;
    return result.bits <= 31;
  }

  llvm::DenseMap<Value, Magnitude> known;
};
} // namespace

static unsigned chooseWidth(attn::AttentionOp op) {
  return WidthAnalysis().fitsInI32(op.getScoreMod()) &&
                 WidthAnalysis().fitsInI32(op.getMaskMod())
             ? 32
             : 64;
}

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

Type ScoreRegion::convertType(Type type) {
  return type.isIndex() ? Type(integer) : type;
}

static Value castIndex(OpBuilder &builder, Location loc, Type type,
                       Value value) {
  return arith::IndexCastOp::create(builder, loc, type, value);
}

/// Captured operations are emitted once, as they are.
void ScoreRegion::emitCapture(OpBuilder &builder, Value value) {
  if (outside.contains(value))
    return;
  Operation *producer = value.getDefiningOp();
  SmallVector<Value> operands;
  for (Value operand : producer->getOperands()) {
    emitCapture(builder, operand);
    operands.push_back(outside.lookup(operand));
  }
  if (isa<tensor::ExtractOp, tensor::DimOp>(producer))
    outside.map(value, emitAccess(builder, *producer, operands)->getResult(0));
  else
    builder.clone(*producer, outside);
}

/// A captured index as the integer that stands for it in the regions.
Value ScoreRegion::castCapture(OpBuilder &builder, Location loc, Value value) {
  if (!value.getType().isIndex())
    return value;
  APInt constant;
  if (integer.getWidth() == 32 &&
      !matchPattern(value, m_ConstantInt(&constant))) {
    auto limit = [&](int64_t bound) -> Value {
      return arith::ConstantIndexOp::create(builder, loc, bound);
    };
    constexpr int64_t bound = (int64_t(1) << kCoordinateBits) - 1;
    value = arith::MaxSIOp::create(builder, loc, value, limit(-bound));
    value = arith::MinSIOp::create(builder, loc, value, limit(bound));
  }
  return castIndex(builder, loc, integer, value);
}

ScoreRegion::ScoreRegion(OpBuilder &builder, Location loc, attn::AttentionOp op,
                         const IRMapping &arguments, Value batch, Value head,
                         Value queries, Value keys)
    : op(op), integer(builder.getIntegerType(chooseWidth(op))),
      outside(arguments), batch(castIndex(builder, loc, integer, batch)),
      head(castIndex(builder, loc, integer, head)),
      queries(castIndex(builder, loc, integer, queries)),
      keys(castIndex(builder, loc, integer, keys)) {
  llvm::SetVector<Value> used;
  for (Region *region : {&op.getScoreMod(), &op.getMaskMod()})
    if (!region->empty())
      getUsedValuesDefinedAbove(*region, used);
  for (Value value : used)
    emitCapture(builder, value);
  for (Value value : used)
    outside.map(value, castCapture(builder, loc, outside.lookup(value)));
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// A tensor.extract or tensor.dim on the memref that stands for the tensor.
/// Regions are also computed where a tile reaches beyond the last query or key
/// and where the mask drops the score, so that an element that does not exist
/// may be asked for; the nearest one is read instead.
Operation *ScoreRegion::emitAccess(OpBuilder &builder, Operation &op,
                                   ArrayRef<Value> operands) {
  Location loc = op.getLoc();
  Value memref = operands[0];
  SmallVector<Value> indices;
  for (Value operand : operands.drop_front())
    indices.push_back(
        operand.getType().isIndex()
            ? operand
            : castIndex(builder, loc, builder.getIndexType(), operand));
  if (isa<tensor::DimOp>(op))
    return memref::DimOp::create(builder, loc, memref, indices[0]);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  for (auto [dim, index] : llvm::enumerate(indices)) {
    Value size = memref::DimOp::create(builder, loc, memref, dim);
    Value last = arith::SubIOp::create(builder, loc, size, one);
    index = arith::MinSIOp::create(builder, loc, index, last);
    index = arith::MaxSIOp::create(builder, loc, index, zero);
  }
  return memref::LoadOp::create(builder, loc, memref, indices);
}

/// Emits one operation of a region; null if it needs none.
Operation *ScoreRegion::emitOperation(OpBuilder &builder, Operation &op,
                                      IRMapping &mapping) {
  Location loc = op.getLoc();
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(mapping.lookup(operand));

  if (isa<tensor::ExtractOp, tensor::DimOp>(op)) {
    Operation *access = emitAccess(builder, op, operands);
    if (!access->getResult(0).getType().isIndex())
      return access;
    return arith::IndexCastOp::create(builder, loc, integer,
                                      access->getResult(0));
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op);
      constant && constant.getType().isIndex()) {
    int64_t value = cast<IntegerAttr>(constant.getValue()).getInt();
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(integer, value));
  }
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    // A cast between two integer types.
    Type from = operands[0].getType(),
         to = convertType(op.getResult(0).getType());
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
    state.addTypes(convertType(type));
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
    if (Operation *emitted = emitOperation(builder, nested, mapping))
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

  if (integer.getWidth() != 32) {
    row = arith::ExtSIOp::create(builder, loc, integer, row);
    col = arith::ExtSIOp::create(builder, loc, integer, col);
  }
  // Rows are packed over the heads of a group.
  Value query = row, queryHead = head;
  if (int64_t group = op.getGroupSize(); group != 1) {
    Value size = arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(integer, group));
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

  Value keep =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, col, keys);
  if (!op.getMaskMod().empty()) {
    Value kept =
        emitRegion(builder, op.getMaskMod(), {batch, queryHead, query, col});
    keep = arith::AndIOp::create(builder, loc, kept, keep);
  }
  Value negInf = arith::ConstantOp::create(
      builder, loc,
      builder.getFloatAttr(f32, -std::numeric_limits<float>::infinity()));
  return arith::SelectOp::create(builder, loc, keep, score, negInf);
}
