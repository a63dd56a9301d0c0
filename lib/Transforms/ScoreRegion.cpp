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

#include "TilePieces.h"
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

FailureOr<SmallVector<BlockArgument>>
mlir::tile::collectCaptures(attn::AttentionOp op) {
  llvm::SetVector<Value> used;
  for (Region *region : {&op.getScoreMod(), &op.getMaskMod()})
    if (!region->empty())
      getUsedValuesDefinedAbove(*region, used);
  for (Value operand :
       std::initializer_list<Value>{op.getDropoutProbability(),
                                    op.getDropoutSeed(), op.getDropoutOffset()})
    if (operand)
      used.insert(operand);
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
             << "a value used in score_mod, mask_mod or dropout must be an "
                "argument of the function, or computed from arguments by "
                "operations of "
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

/// Coordinates and lengths are smaller.
static constexpr int64_t kCoordinateLimit = int64_t(1) << 29;

namespace {
/// The values that an index value can have, both ends included. A captured
/// value may be anything, for example "unlimited"; it is saturated to the range
/// of coordinates, which comparisons with coordinates do not notice.
struct IndexRange {
  int64_t least, most;
  bool saturated = false;

  bool fitsInI32() const {
    return least >= std::numeric_limits<int32_t>::min() &&
           most <= std::numeric_limits<int32_t>::max();
  }
};

/// Decides whether 32-bit arithmetic gives the results of 64-bit arithmetic.
class WidthAnalysis {
public:
  bool fitsInI32(Region &region) {
    if (region.empty())
      return true;
    for (BlockArgument argument : region.getArguments())
      known.insert({argument, coordinate()});
    return llvm::all_of(region.front().without_terminator(),
                        [&](Operation &op) { return visit(op); });
  }

private:
  static IndexRange coordinate() { return {0, kCoordinateLimit - 1}; }

  IndexRange get(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return {constant.getSExtValue(), constant.getSExtValue()};
    return {1 - kCoordinateLimit, kCoordinateLimit - 1, true}; // a capture
  }

  /// The range of `op`, whose operands fit in 32 bits; none if it is unknown.
  std::optional<IndexRange> compute(Operation &op, ArrayRef<IndexRange> in);

  bool visit(Operation &op) {
    auto isIndex = [](Type type) { return type.isIndex(); };
    if (llvm::none_of(op.getOperandTypes(), isIndex) &&
        llvm::none_of(op.getResultTypes(), isIndex))
      return true;
    SmallVector<IndexRange> operands;
    for (Value operand : op.getOperands())
      operands.push_back(get(operand));
    if (isa<arith::CmpIOp>(op))
      return true;
    if (isa<tensor::ExtractOp>(op))
      return !op.getResult(0).getType().isIndex();
    if (isa<arith::IndexCastOp>(op) && !op.getResult(0).getType().isIndex())
      return !operands[0].saturated;
    std::optional<IndexRange> result = compute(op, operands);
    if (!result || !result->fitsInI32())
      return false;
    known.insert({op.getResult(0), *result});
    return true;
  }

  llvm::DenseMap<Value, IndexRange> known;
};
} // namespace

std::optional<IndexRange> WidthAnalysis::compute(Operation &op,
                                                 ArrayRef<IndexRange> in) {
  if (isa<attn::LengthOp, tensor::DimOp>(op))
    return coordinate();
  if (isa<arith::ConstantOp>(op))
    return get(op.getResult(0));
  if (isa<arith::IndexCastOp>(op)) {
    unsigned width = op.getOperand(0).getType().getIntOrFloatBitWidth();
    if (width > 32)
      return std::nullopt;
    return IndexRange{llvm::minIntN(width), llvm::maxIntN(width)};
  }
  if (isa<arith::SelectOp>(op))
    return IndexRange{std::min(in[1].least, in[2].least),
                      std::max(in[1].most, in[2].most),
                      in[1].saturated || in[2].saturated};
  if (op.getNumOperands() != 2)
    return std::nullopt;
  IndexRange a = in[0], b = in[1];
  // A sum with one saturated term stays beyond all coordinates.
  bool saturated = a.saturated || b.saturated;
  if (isa<arith::MinSIOp>(op))
    return IndexRange{std::min(a.least, b.least), std::min(a.most, b.most),
                      saturated};
  if (isa<arith::MaxSIOp>(op))
    return IndexRange{std::max(a.least, b.least), std::max(a.most, b.most),
                      saturated};
  if (a.saturated && b.saturated)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return IndexRange{a.least + b.least, a.most + b.most, saturated};
  if (isa<arith::SubIOp>(op))
    return IndexRange{a.least - b.most, a.most - b.least, saturated};
  if (saturated)
    return std::nullopt;
  if (isa<arith::MulIOp>(op)) {
    // A quotient times its divisor is the dividend or less.
    auto quotient = op.getOperand(0).getDefiningOp<arith::FloorDivSIOp>();
    if (quotient && quotient.getRhs() == op.getOperand(1) && b.least > 0)
      return IndexRange{get(quotient.getLhs()).least - b.most,
                        get(quotient.getLhs()).most};
    auto ends = {a.least * b.least, a.least * b.most, a.most * b.least,
                 a.most * b.most};
    return IndexRange{std::min(ends), std::max(ends)};
  }
  if (isa<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp,
          arith::CeilDivSIOp>(op)) {
    // Nothing is larger than the dividend.
    int64_t largest = std::max(std::abs(a.least), std::abs(a.most));
    return IndexRange{-largest, largest};
  }
  // Without a sign, a negative number would be a large one.
  if (a.least < 0 || b.least < 0)
    return std::nullopt;
  if (isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp, arith::ShRUIOp,
          arith::ShRSIOp>(op))
    return IndexRange{0, a.most};
  if (isa<arith::MinUIOp, arith::AndIOp>(op))
    return IndexRange{0, std::min(a.most, b.most)};
  if (isa<arith::MaxUIOp>(op))
    return IndexRange{0, std::max(a.most, b.most)};
  return std::nullopt;
}

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

/// A tensor.extract or tensor.dim on the memref that stands for the tensor.
/// Regions are also computed where a tile reaches beyond the last query or key
/// and where the mask drops the score, so that an element that does not exist
/// may be asked for; the nearest one is read instead.
static Operation *emitAccess(OpBuilder &builder, Operation &op,
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

/// Captured operations are emitted once, as they are.
Value mlir::tile::emitCapture(OpBuilder &builder, Value value,
                              IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *producer = value.getDefiningOp();
  SmallVector<Value> operands;
  for (Value operand : producer->getOperands())
    operands.push_back(emitCapture(builder, operand, mapping));
  if (isa<tensor::ExtractOp, tensor::DimOp>(producer))
    mapping.map(value, emitAccess(builder, *producer, operands)->getResult(0));
  else
    builder.clone(*producer, mapping);
  return mapping.lookup(value);
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
    constexpr int64_t bound = kCoordinateLimit - 1;
    value = arith::MaxSIOp::create(builder, loc, value, limit(-bound));
    value = arith::MinSIOp::create(builder, loc, value, limit(bound));
  }
  return castIndex(builder, loc, integer, value);
}

ScoreRegion::ScoreRegion(OpBuilder &builder, Location loc, attn::AttentionOp op,
                         const IRMapping &arguments, Value batch, Value head,
                         Value queries, Value keys, Value blocks)
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
    emitCapture(builder, value, outside);
  for (Value value : used)
    outside.map(value, castCapture(builder, loc, outside.lookup(value)));
  if (blocks)
    blockMask.emplace(builder, loc, op, integer, blocks, batch);
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

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
  }

  Value keep =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, col, keys);
  Value kept;
  if (!op.getMaskMod().empty())
    kept = emitRegion(builder, op.getMaskMod(), {batch, queryHead, query, col});
  if (blockMask)
    kept = blockMask->emit(builder, loc, queryHead, query, col, kept);
  if (kept)
    keep = arith::AndIOp::create(builder, loc, kept, keep);
  Value negInf = arith::ConstantOp::create(
      builder, loc,
      builder.getFloatAttr(f32, -std::numeric_limits<float>::infinity()));
  return arith::SelectOp::create(builder, loc, keep, score, negInf);
}
