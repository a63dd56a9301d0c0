//===- Dropout.cpp - Which weights dropout keeps --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the dropout clause of attn.attention.
//
//===----------------------------------------------------------------------===//

#include "Dropout.h"

#include "ScoreRegion.h"
#include "TilePieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::tile;

static Value constantInt(OpBuilder &builder, Location loc, uint64_t value,
                         unsigned width) {
  return arith::ConstantOp::create(
      builder, loc,
      builder.getIntegerAttr(builder.getIntegerType(width),
                             APInt(width, value)));
}

//===----------------------------------------------------------------------===//
// Philox
//===----------------------------------------------------------------------===//

std::array<Value, 4> mlir::tile::emitPhilox4x32(OpBuilder &builder,
                                                Location loc,
                                                std::array<Value, 4> counter,
                                                std::array<Value, 2> key) {
  constexpr int rounds = 10;
  // Multipliers, and what is added to the key between rounds: parts of the
  // golden ratio and of sqrt(3) - 1.
  constexpr uint32_t multipliers[] = {0xD2511F53, 0xCD9E8D57};
  constexpr uint32_t increments[] = {0x9E3779B9, 0xBB67AE85};
  auto mix = [&](Value high, Value word, Value key) -> Value {
    Value mixed = arith::XOrIOp::create(builder, loc, high, word);
    return arith::XOrIOp::create(builder, loc, mixed, key);
  };
  for (int round = 0; round < rounds; ++round) {
    if (round != 0)
      for (int n = 0; n < 2; ++n)
        key[n] = arith::AddIOp::create(
            builder, loc, key[n], constantInt(builder, loc, increments[n], 32));
    auto first = arith::MulUIExtendedOp::create(
        builder, loc, counter[0],
        constantInt(builder, loc, multipliers[0], 32));
    auto second = arith::MulUIExtendedOp::create(
        builder, loc, counter[2],
        constantInt(builder, loc, multipliers[1], 32));
    counter = {mix(second.getHigh(), counter[1], key[0]), second.getLow(),
               mix(first.getHigh(), counter[3], key[1]), first.getLow()};
  }
  return counter;
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

Dropout::Dropout(OpBuilder &builder, Location loc, attn::AttentionOp op,
                 const IRMapping &arguments, Value batchIndex, Value headIndex)
    : group(op.getGroupSize()) {
  Type i32 = builder.getI32Type();
  batch = arith::IndexCastOp::create(builder, loc, i32, batchIndex);
  head = arith::IndexCastOp::create(builder, loc, i32, headIndex);
  IRMapping captured = arguments;
  Value p = emitCapture(builder, op.getDropoutProbability(), captured);
  Value seed = emitCapture(builder, op.getDropoutSeed(), captured);
  Value offset = emitCapture(builder, op.getDropoutOffset(), captured);

  // The key is seed + offset * (2^64 divided by the golden ratio): another one
  // for each offset, and no small difference of seeds makes up for one.
  Value step = arith::MulIOp::create(
      builder, loc, offset, constantInt(builder, loc, 0x9E3779B97F4A7C15, 64));
  Value sum = arith::AddIOp::create(builder, loc, seed, step);
  Value upper = arith::ShRUIOp::create(builder, loc, sum,
                                       constantInt(builder, loc, 32, 64));
  key = {arith::TruncIOp::create(builder, loc, i32, sum),
         arith::TruncIOp::create(builder, loc, i32, upper)};

  // p is brought into its range. Everything is dropped from 1 on by a factor of
  // 0, because the threshold would be one more than the largest word. NaN
  // passes on to the factor.
  Value zero = constantF32(builder, loc, 0), one = constantF32(builder, loc, 1);
  auto compare = [&](arith::CmpFPredicate predicate, Value a,
                     Value b) -> Value {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  };
  auto select = [&](Value condition, Value a, Value b) -> Value {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  };
  p = select(compare(arith::CmpFPredicate::OLT, p, zero), zero, p);
  Value drawn = select(compare(arith::CmpFPredicate::OLT, p, one), p, zero);
  // Exact but for what is rounded towards zero: all devices agree.
  Value scaled = arith::MulFOp::create(builder, loc, drawn,
                                       constantF32(builder, loc, 0x1p32));
  threshold = arith::FPToUIOp::create(builder, loc, i32, scaled);
  Value rest = arith::SubFOp::create(builder, loc, one, p);
  Value inverse = arith::DivFOp::create(builder, loc, one, rest);
  factor = select(compare(arith::CmpFPredicate::OGE, p, one), zero, inverse);
}

/// Each element computes its four words and uses one. Sharing them would need
/// an operation on four columns at once; a map has one element, whose
/// neighbours are in another register, lane or turn of a loop, on each device
/// in another way.
Value Dropout::keepSome(OpBuilder &builder, Location loc, Value weights,
                        Value firstRow, Value firstKey) {
  return MapOp::create(
      builder, loc, weights.getType(), {weights}, {firstRow, firstKey},
      [&](OpBuilder &b, Location l, ValueRange args) -> Value {
        auto constant = [&](uint64_t value) {
          return constantInt(b, l, value, 32);
        };
        Value row = args[1], col = args[2], query = row, queryHead = head;
        if (group != 1) {
          query = arith::DivUIOp::create(b, l, row, constant(group));
          Value member = arith::RemUIOp::create(b, l, row, constant(group));
          queryHead = arith::AddIOp::create(b, l, head, member);
        }
        Value block = arith::ShRUIOp::create(b, l, col, constant(2));
        std::array<Value, 4> words =
            emitPhilox4x32(b, l, {block, query, queryHead, batch}, key);
        // Number col % 4.
        auto isSet = [&](uint64_t bit) -> Value {
          Value masked = arith::AndIOp::create(b, l, col, constant(bit));
          return arith::CmpIOp::create(b, l, arith::CmpIPredicate::ne, masked,
                                       constant(0));
        };
        Value isOdd = isSet(1), isUpper = isSet(2);
        Value lower = arith::SelectOp::create(b, l, isOdd, words[1], words[0]);
        Value higher = arith::SelectOp::create(b, l, isOdd, words[3], words[2]);
        Value word = arith::SelectOp::create(b, l, isUpper, higher, lower);
        Value keep = arith::CmpIOp::create(b, l, arith::CmpIPredicate::uge,
                                           word, threshold);
        return arith::SelectOp::create(b, l, keep, args[0],
                                       constantF32(b, l, 0));
      });
}

Value Dropout::makeUpFor(OpBuilder &builder, Location loc, Value tile) {
  return MapOp::create(builder, loc, tile.getType(), {tile}, ValueRange(),
                       [&](OpBuilder &b, Location l, ValueRange args) -> Value {
                         return arith::MulFOp::create(b, l, args[0], factor);
                       });
}
