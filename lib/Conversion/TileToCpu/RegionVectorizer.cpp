//===- RegionVectorizer.cpp - The region of a map on vectors --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the region of a tile.map for one vector of rows.
//
//===----------------------------------------------------------------------===//

#include "RegionVectorizer.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;

Value mlir::tile::asVector(OpBuilder &builder, Location loc, Value value,
                           int64_t width) {
  if (isa<VectorType>(value.getType()))
    return value;
  auto type = VectorType::get(width, value.getType());
  Attribute constant;
  if (matchPattern(value, m_Constant(&constant)))
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(type, ArrayRef(constant)));
  return vector::BroadcastOp::create(builder, loc, type, value);
}

/// Reads a memref at indices that differ between lanes, lane by lane.
static Value gather(OpBuilder &builder, memref::LoadOp load, Value memref,
                    ArrayRef<Value> indices, int64_t width) {
  Location loc = load.getLoc();
  auto type = VectorType::get(width, load.getType());
  Value result =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type));
  for (int64_t lane = 0; lane < width; ++lane) {
    SmallVector<Value> scalars;
    for (Value index : indices)
      scalars.push_back(
          isa<VectorType>(index.getType())
              ? vector::ExtractOp::create(builder, loc, index, lane)
              : index);
    Value element = memref::LoadOp::create(builder, loc, memref, scalars);
    result = vector::InsertOp::create(builder, loc, element, result, lane);
  }
  return result;
}

FailureOr<Value> mlir::tile::vectorizeRegion(OpBuilder &builder, MapOp map,
                                             ValueRange arguments,
                                             const IRMapping &outside,
                                             int64_t width) {
  IRMapping mapping = outside;
  mapping.map(map.getBlock()->getArguments(), arguments);
  for (Operation &op : map.getBlock()->without_terminator()) {
    Location loc = op.getLoc();
    SmallVector<Value> operands;
    bool uniform = true;
    for (Value operand : op.getOperands()) {
      operands.push_back(mapping.lookupOrDefault(operand));
      uniform &= !isa<VectorType>(operands.back().getType());
    }
    if (uniform) {
      builder.clone(op, mapping);
      continue;
    }
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      mapping.map(load.getResult(),
                  gather(builder, load, operands[0],
                         ArrayRef(operands).drop_front(), width));
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&op))
      return op.emitOpError()
             << "has no vector form; score_mod and mask_mod may use "
                "elementwise operations of arith and math, and tensor.extract";
    OperationState state(loc, op.getName());
    for (Value operand : operands)
      state.addOperands(asVector(builder, loc, operand, width));
    for (Type type : op.getResultTypes())
      state.addTypes(VectorType::get(width, type));
    state.addAttributes(llvm::to_vector(op.getDiscardableAttrs()));
    state.propertiesAttr = op.getPropertiesAsAttribute();
    Operation *vectorized = builder.create(state);
    mapping.map(op.getResults(), vectorized->getResults());
  }
  return mapping.lookupOrDefault(map.getYielded());
}
