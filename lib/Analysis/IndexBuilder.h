//===- IndexBuilder.h - Index arithmetic ------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits arithmetic on index values that a reader would have written: constants
// are added last, and nothing is subtracted that was negated before.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_INDEXBUILDER_H
#define ATTN_LIB_ANALYSIS_INDEXBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

#include <optional>

namespace mlir::tile {

/// At the insertion point of a builder. Null values are absent bounds.
class IndexBuilder {
public:
  IndexBuilder(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  static std::optional<int64_t> constantOf(Value value) {
    APInt constant;
    if (!matchPattern(value, m_ConstantInt(&constant)))
      return std::nullopt;
    return constant.getSExtValue();
  }
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value add(Value a, Value b) {
    if (constantOf(a))
      std::swap(a, b);
    if (auto difference = b.getDefiningOp<arith::SubIOp>())
      return add(sub(a, difference.getRhs()), difference.getLhs());
    std::optional<int64_t> y = constantOf(b);
    if (auto sum = a.getDefiningOp<arith::AddIOp>(); sum && y)
      if (std::optional<int64_t> x = constantOf(sum.getRhs()))
        return add(sum.getLhs(), constant(*x + *y));
    return create<arith::AddIOp>(a, b);
  }
  Value sub(Value a, Value b) {
    if (std::optional<int64_t> y = constantOf(b))
      return add(a, constant(-*y));
    if (auto difference = b.getDefiningOp<arith::SubIOp>())
      return sub(add(a, difference.getRhs()), difference.getLhs());
    if (auto sum = b.getDefiningOp<arith::AddIOp>())
      if (std::optional<int64_t> y = constantOf(sum.getRhs()))
        return add(sub(a, sum.getLhs()), constant(-*y));
    return create<arith::SubIOp>(a, b);
  }
  Value negate(Value a) { return sub(constant(0), a); }
  Value mul(Value a, int64_t factor) {
    return factor == -1 ? negate(a)
                        : create<arith::MulIOp>(a, constant(factor));
  }
  /// Quotients, rounded down and up.
  Value floorDiv(Value a, int64_t size) {
    return create<arith::FloorDivSIOp>(a, constant(size));
  }
  Value ceilDiv(Value a, int64_t size) {
    return create<arith::CeilDivSIOp>(a, constant(size));
  }
  Value min(Value a, Value b) { return create<arith::MinSIOp>(a, b); }
  Value max(Value a, Value b) { return create<arith::MaxSIOp>(a, b); }
  void raise(Value &bound, Value value) {
    bound = bound ? max(bound, value) : value;
  }
  void lower(Value &bound, Value value) {
    bound = bound ? min(bound, value) : value;
  }
  Value lessEqual(Value a, Value b) {
    return builder.createOrFold<arith::CmpIOp>(loc, arith::CmpIPredicate::sle,
                                               a, b);
  }
  Value both(Value a, Value b) { return create<arith::AndIOp>(a, b); }
  Value select(Value condition, Value a, Value b) {
    return builder.createOrFold<arith::SelectOp>(loc, condition, a, b);
  }
  /// An integer as index; i1 has no sign.
  Value cast(Value value) {
    Type index = builder.getIndexType();
    return value.getType().isInteger(1)
               ? builder.createOrFold<arith::IndexCastUIOp>(loc, index, value)
               : builder.createOrFold<arith::IndexCastOp>(loc, index, value);
  }

  OpBuilder &builder;
  Location loc;

private:
  template <typename Op>
  Value create(Value a, Value b) {
    return builder.createOrFold<Op>(loc, a, b);
  }
};

} // namespace mlir::tile

#endif // ATTN_LIB_ANALYSIS_INDEXBUILDER_H
