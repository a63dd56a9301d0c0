//===- TilePieces.cpp - Small pieces of tile kernels ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What several kernels begin with, and maps and constants that all kernels with
// a softmax need.
//
//===----------------------------------------------------------------------===//

#include "TilePieces.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

tile::KernelOp tile::beginKernel(OpBuilder &builder, Location loc,
                                 const Twine &name, TypeRange arguments) {
  SmallVector<Type> types = {builder.getIndexType()};
  llvm::append_range(types, arguments);
  auto kernel = tile::KernelOp::create(builder, loc, name.str(), types);
  kernel.setPrivate();
  builder.setInsertionPointToEnd(&kernel.getBody().front());
  return kernel;
}

Value tile::constantIndex(OpBuilder &builder, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value tile::constantF32(OpBuilder &builder, Location loc, double value) {
  return arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(builder.getF32Type(), value));
}

Value tile::splat(OpBuilder &builder, Location loc, TileType type,
                  double value) {
  return MapOp::create(builder, loc, type, ValueRange(), ValueRange(),
                       [&](OpBuilder &b, Location l, ValueRange) {
                         return constantF32(b, l, value);
                       });
}

Value tile::multiply(OpBuilder &builder, Location loc, Value a, Value b) {
  return MapOp::create(
      builder, loc, a.getType(), {a, b}, ValueRange(),
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        return arith::MulFOp::create(nested, l, args[0], args[1]);
      });
}

Value tile::reciprocalOrZero(OpBuilder &builder, Location loc, Value x) {
  return MapOp::create(
      builder, loc, x.getType(), {x}, ValueRange(),
      [&](OpBuilder &nested, Location l, ValueRange args) -> Value {
        Value zero = constantF32(nested, l, 0.0);
        Value one = constantF32(nested, l, 1.0);
        Value empty = arith::CmpFOp::create(
            nested, l, arith::CmpFPredicate::OEQ, args[0], zero);
        Value inverse = arith::DivFOp::create(nested, l, one, args[0]);
        return arith::SelectOp::create(nested, l, empty, zero, inverse);
      });
}
