//===- BlockMask.cpp - Which blocks of scores are kept --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the block_mask clause of attn.attention.
//
//===----------------------------------------------------------------------===//

#include "BlockMask.h"

#include "TilePieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;

static Value compare(OpBuilder &builder, Location loc,
                     arith::CmpIPredicate predicate, Value a, Value b) {
  return arith::CmpIOp::create(builder, loc, predicate, a, b);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

SmallVector<Value> mlir::tile::buildBlockTableSizes(OpBuilder &builder,
                                                    attn::AttentionOp op,
                                                    Value query, Value key) {
  Location loc = op.getLoc();
  auto dim = [&](Value memref, int64_t number) -> Value {
    return memref::DimOp::create(builder, loc, memref, number);
  };
  // Lists that are known to be shared have one entry. The sizes do not depend
  // on the offsets otherwise, so that they are known where those are not.
  auto offsets = cast<RankedTensorType>(op.getBlockOffsets().getType());
  auto entries = [&](int64_t dimension) -> Value {
    return offsets.getDimSize(dimension) == 1 ? constantIndex(builder, loc, 1)
                                              : dim(query, dimension);
  };
  auto blocks = [&](Value length, int64_t block) -> Value {
    return arith::CeilDivUIOp::create(builder, loc, length,
                                      constantIndex(builder, loc, block));
  };
  return {entries(0), entries(1), blocks(dim(query, 2), op.getQueryBlock()),
          blocks(dim(key, 2), op.getKeyBlock())};
}

KernelOp mlir::tile::buildBlockTable(OpBuilder &builder, attn::AttentionOp op,
                                     StringRef name, TypeRange arguments) {
  using Predicate = arith::CmpIPredicate;
  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  SmallVector<Type> types = {builder.getIndexType()};
  llvm::append_range(types, arguments);
  auto kernel = KernelOp::create(builder, loc, name, types);
  kernel.setPrivate();
  Block &body = kernel.getBody().front();
  builder.setInsertionPointToEnd(&body);
  Value offsets = body.getArgument(1), columns = body.getArgument(2),
        flags = op.getBlockFull() ? body.getArgument(3) : Value(),
        table = body.getArgument(flags ? 4 : 3);
  // Where faults are left, if they are.
  Value faults = table == body.getArguments().back()
                     ? Value()
                     : body.getArguments().back();
  auto dim = [&](Value memref, int64_t number) -> Value {
    return memref::DimOp::create(builder, loc, memref, number);
  };
  auto integer = [&](OpBuilder &b, int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  };
  auto read = [&](OpBuilder &b, Value memref, ValueRange at) -> Value {
    return arith::IndexCastOp::create(
        b, loc, b.getIndexType(), memref::LoadOp::create(b, loc, memref, at));
  };

  Value zero = constantIndex(builder, loc, 0),
        one = constantIndex(builder, loc, 1);
  Value heads = dim(table, 1), rows = dim(table, 2), width = dim(table, 3);
  Value work = kernel.getWork();
  Value row = arith::RemUIOp::create(builder, loc, work, rows);
  Value batchAndHead = arith::DivUIOp::create(builder, loc, work, rows);
  Value head = arith::RemUIOp::create(builder, loc, batchAndHead, heads);
  Value batch = arith::DivUIOp::create(builder, loc, batchAndHead, heads);
  scf::ForOp::create(builder, loc, zero, width, one, ValueRange(),
                     [&](OpBuilder &b, Location, Value column, ValueRange) {
                       memref::StoreOp::create(
                           b, loc, integer(b, kNotListed), table,
                           ValueRange{batch, head, row, column});
                       scf::YieldOp::create(b, loc);
                     });

  // Rows that the offsets do not have list nothing.
  Value next = arith::AddIOp::create(builder, loc, row, one);
  Value exists = compare(builder, loc, Predicate::slt, next, dim(offsets, 2));
  SmallVector<Value> list;
  for (auto [at, dimension] : {std::pair(batch, 0), {head, 1}}) {
    Value size = dim(offsets, dimension);
    exists = arith::AndIOp::create(
        builder, loc, exists,
        compare(builder, loc, Predicate::sgt, size, zero));
    list.push_back(arith::MinSIOp::create(
        builder, loc, at, arith::SubIOp::create(builder, loc, size, one)));
  }
  Value count = dim(columns, 0);
  if (flags)
    count = arith::MinSIOp::create(builder, loc, count, dim(flags, 0));
  auto branch = scf::IfOp::create(
      builder, loc, faults ? TypeRange(builder.getI1Type()) : TypeRange(),
      exists, /*withElse=*/bool(faults));
  auto boolean = [&](OpBuilder &b, bool value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getBoolAttr(value));
  };
  if (faults) {
    // A row that several share is counted once.
    Value isFault = branch.getResult(0);
    for (auto [at, shared] : {std::pair(batch, list[0]), {head, list[1]}})
      isFault = arith::AndIOp::create(
          builder, loc, isFault,
          compare(builder, loc, Predicate::eq, at, shared));
    Value fault =
        arith::ExtUIOp::create(builder, loc, builder.getI32Type(), isFault);
    memref::StoreOp::create(builder, loc, fault, faults, work);
    builder.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(builder, loc, boolean(builder, true));
  }
  builder.setInsertionPointToEnd(&body);
  ReturnOp::create(builder, loc);

  builder.setInsertionPointToStart(branch.thenBlock());
  Value isBad = boolean(builder, false);
  auto readOffset = [&](Value at) -> Value {
    Value given = read(builder, offsets, {list[0], list[1], at});
    Value offset = arith::MaxSIOp::create(builder, loc, given, zero);
    offset = arith::MinSIOp::create(builder, loc, offset, count);
    isBad = arith::OrIOp::create(
        builder, loc, isBad,
        compare(builder, loc, Predicate::ne, given, offset));
    return offset;
  };
  Value begin = readOffset(row), end = readOffset(next);
  isBad = arith::OrIOp::create(
      builder, loc, isBad, compare(builder, loc, Predicate::sgt, begin, end));
  auto loop = scf::ForOp::create(
      builder, loc, begin, end, one, faults ? ValueRange(isBad) : ValueRange(),
      [&](OpBuilder &b, Location, Value n, ValueRange known) {
        Value column = read(b, columns, n);
        Value isBlock = arith::AndIOp::create(
            b, loc, compare(b, loc, Predicate::sge, column, zero),
            compare(b, loc, Predicate::slt, column, width));
        scf::IfOp::create(b, loc, isBlock, [&](OpBuilder &then, Location) {
          Value kind = integer(then, kListed);
          if (flags) {
            Value flag = memref::LoadOp::create(then, loc, flags, n);
            Value isFull =
                compare(then, loc, Predicate::ne, flag,
                        arith::ConstantIntOp::create(then, loc, 0, 8));
            kind = arith::SelectOp::create(then, loc, isFull,
                                           integer(then, kFull), kind);
          }
          // A column that is listed twice is full if one of them is.
          SmallVector<Value> at = {batch, head, row, column};
          Value known = memref::LoadOp::create(then, loc, table, at);
          memref::StoreOp::create(
              then, loc, arith::MaxSIOp::create(then, loc, known, kind), table,
              at);
          scf::YieldOp::create(then, loc);
        });
        if (!faults) {
          scf::YieldOp::create(b, loc);
          return;
        }
        Value isNone = arith::XOrIOp::create(b, loc, isBlock, boolean(b, true));
        Value yielded = arith::OrIOp::create(b, loc, known[0], isNone);
        scf::YieldOp::create(b, loc, yielded);
      });
  if (faults)
    scf::YieldOp::create(builder, loc, loop.getResult(0));
  return kernel;
}

KernelOp mlir::tile::buildBlockStatus(OpBuilder &builder, Location loc,
                                      StringRef name, TypeRange arguments) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> types = {builder.getIndexType()};
  llvm::append_range(types, arguments);
  auto kernel = KernelOp::create(builder, loc, name, types);
  kernel.setPrivate();
  Block &body = kernel.getBody().front();
  builder.setInsertionPointToEnd(&body);
  Value faults = body.getArgument(1), status = body.getArgument(2);
  Value zero = constantIndex(builder, loc, 0);
  Value none = arith::ConstantIntOp::create(builder, loc, 0, 32);
  auto sum = scf::ForOp::create(
      builder, loc, zero, memref::DimOp::create(builder, loc, faults, 0),
      constantIndex(builder, loc, 1), none,
      [&](OpBuilder &b, Location, Value n, ValueRange known) {
        Value fault = memref::LoadOp::create(b, loc, faults, n);
        Value next = arith::AddIOp::create(b, loc, known[0], fault);
        scf::YieldOp::create(b, loc, next);
      });
  memref::StoreOp::create(builder, loc, sum.getResult(0), status, zero);
  ReturnOp::create(builder, loc);
  return kernel;
}

//===----------------------------------------------------------------------===//
// Kernels on scores
//===----------------------------------------------------------------------===//

BlockMask::BlockMask(OpBuilder &builder, Location loc, attn::AttentionOp op,
                     IntegerType integer, Value table, Value batchIndex)
    : op(op), integer(integer), table(table) {
  auto last = [&](int64_t dimension) -> Value {
    Value size = memref::DimOp::create(builder, loc, table, dimension);
    return arith::SubIOp::create(builder, loc, size,
                                 constantIndex(builder, loc, 1));
  };
  auto narrow = [&](Value index) -> Value {
    return arith::IndexCastOp::create(builder, loc, integer, index);
  };
  batch = arith::MinSIOp::create(builder, loc, batchIndex, last(0));
  auto offsets = cast<RankedTensorType>(op.getBlockOffsets().getType());
  if (offsets.getDimSize(1) != 1)
    lastHead = narrow(last(1));
  lastRow = narrow(last(2));
  lastColumn = narrow(last(3));
}

Value BlockMask::emit(OpBuilder &builder, Location loc, Value head, Value query,
                      Value key, Value mask) {
  auto constant = [&](int64_t value, IntegerType type) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(type, value));
  };
  // Coordinates are no less than 0.
  auto place = [&](Value value, Value last) -> Value {
    value = arith::MinSIOp::create(builder, loc, value, last);
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      value);
  };
  auto blockOf = [&](Value coordinate, int64_t size) -> Value {
    return arith::DivUIOp::create(builder, loc, coordinate,
                                  constant(size, integer));
  };
  Value headIndex =
      lastHead ? place(head, lastHead) : constantIndex(builder, loc, 0);
  Value row = place(blockOf(query, op.getQueryBlock()), lastRow),
        column = place(blockOf(key, op.getKeyBlock()), lastColumn);
  Value kind = memref::LoadOp::create(
      builder, loc, table, ValueRange{batch, headIndex, row, column});
  auto i32 = builder.getI32Type();
  Value keep = compare(builder, loc, arith::CmpIPredicate::ne, kind,
                       constant(kNotListed, i32));
  if (!mask)
    return keep;
  keep = arith::AndIOp::create(builder, loc, mask, keep);
  if (!op.getBlockFull())
    return keep;
  Value isFull = compare(builder, loc, arith::CmpIPredicate::eq, kind,
                         constant(kFull, i32));
  return arith::OrIOp::create(builder, loc, keep, isFull);
}
