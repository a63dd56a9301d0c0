//===- CarryAddresses.cpp - thread-carry-addresses ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Strength reduction of what a loop over tiles addresses.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "attn/Target/ThreadLevel.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace mlir::tile {
#define GEN_PASS_DEF_THREADCARRYADDRESSESPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

/// What a value grows by in each turn, if that is a constant.
static std::optional<int64_t> growthOf(Value value, scf::ForOp loop) {
  if (value == loop.getInductionVar())
    return getConstantIntValue(loop.getStep());
  if (loop.isDefinedOutsideOfLoop(value))
    return 0;
  Operation *op = value.getDefiningOp();
  if (!op || !isPure(op))
    return std::nullopt;
  SmallVector<int64_t> growths;
  for (Value operand : op->getOperands()) {
    std::optional<int64_t> growth = growthOf(operand, loop);
    if (!growth)
      return std::nullopt;
    growths.push_back(*growth);
  }
  if (op->getNumRegions() == 0 &&
      llvm::all_of(growths, [](int64_t growth) { return growth == 0; }))
    return 0;
  if (isa<arith::AddIOp>(op))
    return growths[0] + growths[1];
  if (isa<arith::SubIOp>(op))
    return growths[0] - growths[1];
  if (auto factor = isa<arith::MulIOp>(op)
                        ? getConstantIntValue(op->getOperand(1))
                        : std::nullopt)
    return growths[0] * *factor;
  return std::nullopt;
}

/// How far a part of a tensor moves in each turn, for each dimension of its
/// type. None if it does not only move.
static std::optional<SmallVector<int64_t>> motionOf(memref::SubViewOp part,
                                                    scf::ForOp loop) {
  if (!part.hasUnitStride() || !loop.isDefinedOutsideOfLoop(part.getSource()))
    return std::nullopt;
  SmallVector<int64_t> motion;
  llvm::SmallBitVector dropped = part.getDroppedDims();
  bool moves = false;
  for (auto [dim, offset, size] :
       llvm::enumerate(part.getMixedOffsets(), part.getMixedSizes())) {
    std::optional<int64_t> growth = 0;
    if (auto value = dyn_cast<Value>(offset))
      growth = growthOf(value, loop);
    // What moves is what is left, which becomes smaller.
    const bool isLeft = isa<Value>(size) && !dropped.test(dim);
    if (!growth || (*growth != 0 && !isLeft) ||
        (isLeft && growthOf(cast<Value>(size), loop) != -*growth))
      return std::nullopt;
    if (!dropped.test(dim))
      motion.push_back(*growth);
    moves |= *growth != 0;
  }
  if (!moves)
    return std::nullopt;
  return motion;
}

/// The c of `a xor (n mod 2) * c` where only n changes, by odd numbers.
static std::optional<int64_t> toggleOf(arith::XOrIOp value, scf::ForOp loop) {
  if (!loop.isDefinedOutsideOfLoop(value.getLhs()))
    return std::nullopt;
  auto product = value.getRhs().getDefiningOp<arith::MulIOp>();
  auto remainder =
      product ? product.getLhs().getDefiningOp<arith::RemUIOp>() : nullptr;
  if (!remainder || getConstantIntValue(remainder.getRhs()) != 2)
    return std::nullopt;
  std::optional<int64_t> growth = growthOf(remainder.getLhs(), loop);
  if (!growth || *growth % 2 == 0)
    return std::nullopt;
  return getConstantIntValue(product.getRhs());
}

/// The value in the first turn, before the loop.
static Value cloneFirst(RewriterBase &rewriter, Value value, scf::ForOp loop) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [&](Operation *op) {
    return op->getBlock() == loop.getBody();
  };
  (void)getBackwardSlice(value, &slice, options);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(loop);
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), loop.getLowerBound());
  for (Operation *op : slice)
    rewriter.clone(*op, mapping);
  Value first = mapping.lookup(value);
  if (isa<MemRefType>(first.getType()))
    return first;
  // Shared memory is small; the loop's variable has the name.
  first.getDefiningOp()->removeAttr(attn::kNameAttrName);
  return arith::IndexCastOp::create(rewriter, value.getLoc(),
                                    rewriter.getI32Type(), first);
}

static void carryAddresses(RewriterBase &rewriter, scf::ForOp loop) {
  struct Carried {
    Value value;
    /// Of a part of a tensor, or what an offset is toggled with.
    SmallVector<int64_t> motion;
    int64_t toggle = 0;
  };
  SmallVector<Carried> all;
  for (Operation &op : loop.getBody()->without_terminator())
    if (auto part = dyn_cast<memref::SubViewOp>(op)) {
      if (auto motion = motionOf(part, loop))
        all.push_back({part.getResult(), *motion, 0});
    } else if (auto offset = dyn_cast<arith::XOrIOp>(op)) {
      if (auto toggle = toggleOf(offset, loop))
        all.push_back({offset.getResult(), {}, *toggle});
    }
  if (all.empty())
    return;

  auto next = [&](OpBuilder &builder, Location loc, const Carried &carried,
                  Value current) -> Value {
    if (carried.toggle) {
      Value toggle =
          arith::ConstantIntOp::create(builder, loc, carried.toggle, 32);
      return arith::XOrIOp::create(builder, loc, current, toggle);
    }
    auto type = cast<MemRefType>(current.getType());
    SmallVector<OpFoldResult> offsets, sizes, strides;
    for (auto [dim, growth] : llvm::enumerate(carried.motion)) {
      offsets.push_back(builder.getIndexAttr(growth));
      strides.push_back(builder.getIndexAttr(1));
      sizes.push_back(builder.getIndexAttr(type.getDimSize(dim)));
      if (!type.isDynamicDim(dim))
        continue;
      Value size = memref::DimOp::create(builder, loc, current, dim);
      Value step = arith::ConstantIndexOp::create(builder, loc, growth);
      sizes.back() =
          Value(arith::SubIOp::create(builder, loc, size, step).getResult());
    }
    return memref::SubViewOp::create(builder, loc, type, current, offsets,
                                     sizes, strides);
  };
  SmallVector<Value> inits;
  for (const Carried &carried : all)
    inits.push_back(cloneFirst(rewriter, carried.value, loop));
  SmallVector<Attribute> names(loop->getNumResults(),
                               rewriter.getStringAttr("carried"));
  for (const Carried &carried : all) {
    Operation *op = carried.value.getDefiningOp();
    auto name = op->getAttrOfType<StringAttr>(attn::kNameAttrName);
    names.push_back(name ? name : rewriter.getStringAttr("address"));
  }
  auto attributes = llvm::to_vector(loop->getDiscardableAttrs());
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      rewriter, inits, /*replaceInitOperandUsesInLoop=*/false,
      [&](OpBuilder &builder, Location loc, ArrayRef<BlockArgument> arguments) {
        SmallVector<Value> yields;
        for (auto [carried, argument] : llvm::zip_equal(all, arguments)) {
          Value current = argument;
          if (carried.toggle) {
            OpBuilder::InsertionGuard guard(builder);
            builder.setInsertionPointAfterValue(carried.value);
            current = arith::IndexCastOp::create(
                builder, loc, builder.getIndexType(), argument);
          }
          rewriter.replaceAllUsesWith(carried.value, current);
          yields.push_back(next(builder, loc, carried, argument));
        }
        return yields;
      });
  if (failed(replaced))
    return;
  for (NamedAttribute attribute : attributes)
    (*replaced)->setAttr(attribute.getName(), attribute.getValue());
  (*replaced)->setAttr(attn::kNameAttrName, rewriter.getArrayAttr(names));
}

namespace {
struct ThreadCarryAddresses
    : tile::impl::ThreadCarryAddressesPassBase<ThreadCarryAddresses> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (!loop->hasAttr(attn::kUnrollAttrName))
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      carryAddresses(rewriter, loop);
  }
};
} // namespace
