//===- ExpandGpuMath.cpp - Functions that a GPU has no instruction for ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Short formulas on what there are approximations for: the code that comes of
// them is the same in CUDA C++ and in PTX.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/ExpandGpuMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

static Value makeNumber(ImplicitLocOpBuilder &b, Type type, double value) {
  TypedAttr number = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    number = DenseElementsAttr::get(vector, Attribute(number));
  return arith::ConstantOp::create(b, number);
}

/// x - 2 pi n for the nearest integer n, with 2 pi as a sum of two: the
/// instructions are exact to 2^-20 in [-pi, pi] only.
static Value reduceAngle(ImplicitLocOpBuilder &b, Value x) {
  Type type = x.getType();
  Value turns =
      arith::MulFOp::create(b, x, makeNumber(b, type, 0.15915494309189535));
  Value minus = arith::NegFOp::create(b, math::RoundEvenOp::create(b, turns));
  constexpr double twoPi = 6.283185307179586, high = 0x1.921fb6p+2;
  Value reduced = math::FmaOp::create(b, minus, makeNumber(b, type, high), x);
  return math::FmaOp::create(b, minus, makeNumber(b, type, twoPi - high),
                             reduced);
}

static Value expand(Operation *op, ImplicitLocOpBuilder &b) {
  Type type = op->getResult(0).getType();
  if (auto exp = dyn_cast<math::ExpOp>(op)) {
    Value log2e = makeNumber(b, type, 1.4426950408889634);
    return math::Exp2Op::create(
        b, arith::MulFOp::create(b, exp.getOperand(), log2e));
  }
  if (auto log = dyn_cast<math::LogOp>(op))
    return arith::MulFOp::create(b, math::Log2Op::create(b, log.getOperand()),
                                 makeNumber(b, type, 0.6931471805599453));
  if (auto log = dyn_cast<math::Log10Op>(op))
    return arith::MulFOp::create(b, math::Log2Op::create(b, log.getOperand()),
                                 makeNumber(b, type, 0.3010299956639812));
  if (auto sine = dyn_cast<math::SinOp>(op))
    return math::SinOp::create(b, reduceAngle(b, sine.getOperand()));
  if (auto cosine = dyn_cast<math::CosOp>(op))
    return math::CosOp::create(b, reduceAngle(b, cosine.getOperand()));
  if (auto sum = dyn_cast<arith::AddFOp>(op))
    for (auto [product, other] : {std::pair{sum.getLhs(), sum.getRhs()},
                                  std::pair{sum.getRhs(), sum.getLhs()}}) {
      auto mul = product.getDefiningOp<arith::MulFOp>();
      auto mayFuse = [](auto op) {
        return arith::bitEnumContainsAny(op.getFastmath(),
                                         arith::FastMathFlags::contract);
      };
      if (mul && mul->hasOneUse() && mayFuse(mul) && mayFuse(sum))
        return math::FmaOp::create(b, mul.getLhs(), mul.getRhs(), other);
    }
  return {};
}

void attn::expandGpuMath(Operation *root) {
  root->getContext()->loadDialect<arith::ArithDialect, math::MathDialect>();
  llvm::SmallVector<Operation *> ops;
  root->walk([&](Operation *op) {
    if (op->getNumResults() == 1 &&
        isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType())))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    ImplicitLocOpBuilder builder(op->getLoc(), op);
    if (Value value = expand(op, builder)) {
      // The name and the comment stay with the result.
      value.getDefiningOp()->setDiscardableAttrs(
          op->getDiscardableAttrDictionary());
      op->getResult(0).replaceAllUsesWith(value);
      op->erase();
    }
  }
}
