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

namespace {
/// Builds the kernel with a task for each row of the table.
class BlockTableBuilder {
public:
  BlockTableBuilder(OpBuilder &builder, attn::AttentionOp op)
      : builder(builder), op(op), loc(op.getLoc()) {}

  KernelOp run(StringRef name, TypeRange arguments);

private:
  using Predicate = arith::CmpIPredicate;

  void findRow(Value work);
  void clearRow();
  Value findList();
  Value readOffset(Value at, Value count, Value &isFault);
  Value fillRow();
  void listBlock(Value number, Value column);

  template <typename Op>
  Value make(Value a, Value b) {
    return Op::create(builder, loc, a, b);
  }
  Value compare(Predicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  Value dim(Value memref, int64_t number) {
    return memref::DimOp::create(builder, loc, memref, number);
  }
  Value constant(int64_t value) { return constantIndex(builder, loc, value); }
  Value integer(int64_t value, unsigned width) {
    return arith::ConstantIntOp::create(builder, loc, value, width);
  }
  Value load(Value memref, ValueRange at) {
    return memref::LoadOp::create(builder, loc, memref, at);
  }
  Value loadIndex(Value memref, ValueRange at) {
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      load(memref, at));
  }
  void yield(ValueRange values = {}) {
    scf::YieldOp::create(builder, loc, values);
  }

  OpBuilder &builder;
  attn::AttentionOp op;
  Location loc;
  Value offsets, columns, flags, table, faults;
  /// The row of the table, and the list of blocks for it.
  Value batch, head, row, listBatch, listHead;
};
} // namespace

void BlockTableBuilder::findRow(Value work) {
  Value heads = dim(table, 1), rows = dim(table, 2);
  row = make<arith::RemUIOp>(work, rows);
  Value rest = make<arith::DivUIOp>(work, rows);
  head = make<arith::RemUIOp>(rest, heads);
  batch = make<arith::DivUIOp>(rest, heads);
}

void BlockTableBuilder::clearRow() {
  scf::ForOp::create(
      builder, loc, constant(0), dim(table, 3), constant(1), ValueRange(),
      [&](OpBuilder &, Location, Value column, ValueRange) {
        memref::StoreOp::create(builder, loc, integer(kNotListed, 32), table,
                                ValueRange{batch, head, row, column});
        yield();
      });
}

/// Finds the list of the row, which others may share; the result says whether
/// there is one.
Value BlockTableBuilder::findList() {
  Value next = make<arith::AddIOp>(row, constant(1));
  Value exists = compare(Predicate::slt, next, dim(offsets, 2));
  auto find = [&](Value at, int64_t dimension) {
    Value size = dim(offsets, dimension);
    exists =
        make<arith::AndIOp>(exists, compare(Predicate::sgt, size, constant(0)));
    return make<arith::MinSIOp>(at, make<arith::SubIOp>(size, constant(1)));
  };
  listBatch = find(batch, 0);
  listHead = find(head, 1);
  return exists;
}

/// An offset, brought into the range of the columns.
Value BlockTableBuilder::readOffset(Value at, Value count, Value &isFault) {
  Value given = loadIndex(offsets, {listBatch, listHead, at});
  Value offset =
      make<arith::MinSIOp>(make<arith::MaxSIOp>(given, constant(0)), count);
  isFault = make<arith::OrIOp>(isFault, compare(Predicate::ne, given, offset));
  return offset;
}

/// Writes the blocks of the list; the result says whether a number is out of
/// range.
Value BlockTableBuilder::fillRow() {
  Value count = dim(columns, 0);
  if (flags)
    count = make<arith::MinSIOp>(count, dim(flags, 0));
  Value isFault = integer(0, 1);
  Value begin = readOffset(row, count, isFault);
  Value next = make<arith::AddIOp>(row, constant(1));
  Value end = readOffset(next, count, isFault);
  isFault = make<arith::OrIOp>(isFault, compare(Predicate::sgt, begin, end));
  Value width = dim(table, 3);
  auto loop = scf::ForOp::create(
      builder, loc, begin, end, constant(1), isFault,
      [&](OpBuilder &, Location, Value number, ValueRange known) {
        Value column = loadIndex(columns, number);
        Value isBlock =
            make<arith::AndIOp>(compare(Predicate::sge, column, constant(0)),
                                compare(Predicate::slt, column, width));
        scf::IfOp::create(builder, loc, isBlock, [&](OpBuilder &, Location) {
          listBlock(number, column);
          yield();
        });
        Value isNone = make<arith::XOrIOp>(isBlock, integer(1, 1));
        yield(make<arith::OrIOp>(known[0], isNone));
      });
  return loop.getResult(0);
}

/// A column that is listed twice is full if one of them is.
void BlockTableBuilder::listBlock(Value number, Value column) {
  Value kind = integer(kListed, 32);
  if (flags) {
    Value isFull = compare(Predicate::ne, load(flags, number), integer(0, 8));
    kind =
        arith::SelectOp::create(builder, loc, isFull, integer(kFull, 32), kind);
  }
  SmallVector<Value> at = {batch, head, row, column};
  Value largest = make<arith::MaxSIOp>(load(table, at), kind);
  memref::StoreOp::create(builder, loc, largest, table, at);
}

KernelOp BlockTableBuilder::run(StringRef name, TypeRange arguments) {
  OpBuilder::InsertionGuard guard(builder);
  KernelOp kernel = beginKernel(builder, loc, name, arguments);
  Block &body = kernel.getBody().front();
  offsets = body.getArgument(1);
  columns = body.getArgument(2);
  if (op.getBlockFull())
    flags = body.getArgument(3);
  faults = body.getArguments().back();
  table = body.getArguments().drop_back().back();

  findRow(kernel.getWork());
  clearRow();
  // Without a list, nothing is listed.
  Value isFault = scf::IfOp::create(
                      builder, loc, findList(),
                      [&](OpBuilder &, Location) { yield(fillRow()); },
                      [&](OpBuilder &, Location) { yield(integer(1, 1)); })
                      .getResult(0);
  // A list that several rows share is counted once.
  for (auto [at, shared] : {std::pair(batch, listBatch), {head, listHead}})
    isFault = make<arith::AndIOp>(isFault, compare(Predicate::eq, at, shared));
  memref::StoreOp::create(
      builder, loc,
      arith::ExtUIOp::create(builder, loc, builder.getI32Type(), isFault),
      faults, kernel.getWork());
  ReturnOp::create(builder, loc);
  return kernel;
}

KernelOp mlir::tile::buildBlockTable(OpBuilder &builder, attn::AttentionOp op,
                                     StringRef name, TypeRange arguments) {
  return BlockTableBuilder(builder, op).run(name, arguments);
}

KernelOp mlir::tile::buildBlockStatus(OpBuilder &builder, Location loc,
                                      StringRef name, TypeRange arguments) {
  OpBuilder::InsertionGuard guard(builder);
  KernelOp kernel = beginKernel(builder, loc, name, arguments);
  Block &body = kernel.getBody().front();
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
