//===- Scores.cpp - Score attributes --------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each score function means, and the rules of its parameters.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Attn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attn;

static Value constant(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

LogicalResult SoftcapAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  FloatAttr cap) {
  if (!cap)
    return success();
  // As large as a score may be in f32, with room for the division.
  double value = cap.getValueAsDouble();
  if (value >= 1e-30 && value <= 1e30)
    return success();
  return emitError() << "the cap is " << value
                     << "; allowed are 1e-30 to 1e30 and ?";
}

unsigned SoftcapAttr::getNumRunTimeValues() const { return !getCap(); }

Value SoftcapAttr::buildScore(OpBuilder &builder, Location loc, Value score,
                              ValueRange coordinates, ValueRange values,
                              int64_t queryHeads) const {
  Value cap = getCap() ? constant(builder, loc, getCap().getValueAsDouble())
                       : values.front();
  // One division for all scores.
  Value reciprocal =
      getCap()
          ? constant(builder, loc, 1 / getCap().getValueAsDouble())
          : arith::DivFOp::create(builder, loc, constant(builder, loc, 1), cap)
                .getResult();
  Value ratio = arith::MulFOp::create(builder, loc, score, reciprocal);
  Value tanh = math::TanhOp::create(builder, loc, ratio);
  return arith::MulFOp::create(builder, loc, tanh, cap);
}

/// The slope of ALiBi (Press et al. 2022, and the authors' code for numbers of
/// heads that are no power of two), as an operation on the head.
static Value buildSlope(OpBuilder &builder, Location loc, Value head,
                        int64_t queryHeads) {
  int64_t whole = llvm::bit_floor(uint64_t(queryHeads));
  Value integer =
      arith::IndexCastOp::create(builder, loc, builder.getI32Type(), head);
  Value number =
      arith::SIToFPOp::create(builder, loc, builder.getF32Type(), integer);
  // The exponent is a linear function of the head.
  auto linear = [&](double factor, double addend) -> Value {
    Value scaled = arith::MulFOp::create(builder, loc, number,
                                         constant(builder, loc, factor));
    return arith::AddFOp::create(builder, loc, scaled,
                                 constant(builder, loc, addend));
  };
  double step = -8.0 / double(whole);
  Value exponent = linear(step, step);
  if (whole != queryHeads) {
    // Heads beyond: -8 (2 (h - whole) + 1) / (2 whole).
    Value beyond = linear(step, step * (0.5 - double(whole)));
    Value limit = arith::ConstantIndexOp::create(builder, loc, whole);
    Value isFirst = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, head, limit);
    exponent = arith::SelectOp::create(builder, loc, isFirst, exponent, beyond);
  }
  return math::Exp2Op::create(builder, loc, exponent);
}

Value AlibiAttr::buildScore(OpBuilder &builder, Location loc, Value score,
                            ValueRange coordinates, ValueRange values,
                            int64_t queryHeads) const {
  Type index = builder.getIndexType();
  Value queries = LengthOp::create(builder, loc, index, LengthKind::query);
  Value keys = LengthOp::create(builder, loc, index, LengthKind::key);
  Value shift = arith::SubIOp::create(builder, loc, keys, queries);
  Value position = arith::AddIOp::create(builder, loc, coordinates[2], shift);
  Value difference =
      arith::SubIOp::create(builder, loc, position, coordinates[3]);
  Value integer = arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                             difference);
  Value distance =
      arith::SIToFPOp::create(builder, loc, builder.getF32Type(), integer);
  distance = math::AbsFOp::create(builder, loc, distance);
  Value slope = buildSlope(builder, loc, coordinates[1], queryHeads);
  Value bias = arith::MulFOp::create(builder, loc, slope, distance);
  return arith::SubFOp::create(builder, loc, score, bias);
}
