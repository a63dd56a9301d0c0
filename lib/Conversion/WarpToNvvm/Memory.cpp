//===- Memory.cpp - Tiles from and to global memory -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads and stores of tiles in registers, which never leave the view.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

namespace {
/// A view, and whether an element is inside.
struct Window {
  KernelEmitter &kernel;
  tile::ViewOp view;
  Value row0, col0, numRows, numCols;

  Window(KernelEmitter &kernel, Location loc, Value given, Value row, Value col)
      : kernel(kernel),
        view(kernel.mapping.lookup(given).getDefiningOp<tile::ViewOp>()),
        row0(kernel.mapping.lookup(row)), col0(kernel.mapping.lookup(col)) {
    if (!view)
      return;
    numRows = view.getNumRows(kernel.builder, loc);
    KernelEmitter::nameValue(numRows, kernel.argumentOf(view) + "_rows");
    numCols = view.getNumCols(kernel.builder, loc);
  }

  Value isInside(Location loc, Value row, Value col) const {
    OpBuilder &builder = kernel.builder;
    Value isRow = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                        row, numRows);
    Value isCol = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                        col, numCols);
    return arith::AndIOp::create(builder, loc, isRow, isCol);
  }
};
} // namespace

Value KernelEmitter::emitGuardedLoad(Location loc, Value condition,
                                     Value memref, ValueRange indices) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  auto branch = scf::IfOp::create(builder, loc, element, condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  Value value = memref::LoadOp::create(builder, loc, memref, indices);
  scf::YieldOp::create(builder, loc, value);
  builder.setInsertionPointToStart(branch.elseBlock());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
  scf::YieldOp::create(builder, loc, zero);
  return branch.getResult(0);
}

Value KernelEmitter::emitLoadedElement(tile::LoadOp load, const Register &at) {
  Location loc = load.getLoc();
  TileType type = load.getTile().getType();
  Window window(*this, loc, load.getView(), load.getRow(), load.getCol());
  Value row = add(loc, window.row0, rowOf(loc, type, at));
  Value col = add(loc, window.col0, colOf(loc, type, at));
  Value value = emitGuardedLoad(loc, window.isInside(loc, row, col),
                                window.view.getSource(),
                                window.view.getIndices(builder, loc, row, col));
  if (value.getType() != type.getElementType())
    value = arith::ExtFOp::create(builder, loc, type.getElementType(), value);
  return value;
}

LogicalResult KernelEmitter::emitLoad(tile::LoadOp load) {
  Location loc = load.getLoc();
  TileType type = load.getTile().getType();
  if (!mapping.lookup(load.getView()).getDefiningOp<tile::ViewOp>())
    return load.emitOpError() << "reads from a view that is not of tile.view";
  if (isFused(load))
    return success();
  Value target = fragment(load.getTile());
  forEachRegister(loc, type, /*byPair=*/false, [&](const Register &at) {
    memref::StoreOp::create(builder, loc, emitLoadedElement(load, at), target,
                            indicesOf(type, at));
  });
  return success();
}

/// Where a tile of results may be put in shared memory: the channel of the
/// queries, if it has the same shape. A warp reads none but its own rows there,
/// and has read them before it has results.
static ChannelOp findRoom(KernelEmitter &kernel, tile::StoreOp store) {
  TileType type = store.getTile().getType();
  if (store->getParentOp() != kernel.kernel)
    return {};
  for (Operation *op = store->getNextNode(); op; op = op->getNextNode())
    if (isa<scf::ForOp, DotOp, ReadOp>(op))
      return {};
  for (auto channel : kernel.kernel.getOps<ChannelOp>()) {
    ChannelType ring = channel.getChannel().getType();
    TileType tile = ring.getTile();
    if (ring.getStages() == 1 && tile.getRows() == type.getRows() &&
        tile.getCols() == type.getCols() &&
        tile.getElementType() == type.getElementType())
      return channel;
  }
  return {};
}

/// Each warp writes its rows to shared memory and from there, 16 bytes a lane,
/// to the view, so that lanes side by side write what lies side by side.
static void storeInPieces(KernelEmitter &kernel, tile::StoreOp store,
                          Window &window, ChannelOp room) {
  OpBuilder &builder = kernel.builder;
  Location loc = store.getLoc();
  TileType type = store.getTile().getType();
  SwizzleLayout layout{
      type.getRows(), type.getCols(),
      cast<SwizzleAttr>(room.getChannel().getType().getTile().getLayout())
          .getBytes()};
  constexpr int64_t chunkCols = SwizzleLayout::chunkCols;
  Value source = kernel.fragment(store.getTile());
  Value shared = kernel.buffers[room.getChannel()];
  auto pairType = VectorType::get(2, type.getElementType());
  kernel.forEachRegister(
      loc, type, /*byPair=*/true, [&](const KernelEmitter::Register &at) {
        IndexExpr row = kernel.expr(kernel.rowOf(loc, type, at));
        Value offset = layout
                           .offset(row, kernel.expr(at.colBlock),
                                   kernel.expr(kernel.lane) % 4 * 2)
                           .value;
        Value pair = vector::LoadOp::create(builder, loc, pairType, source,
                                            kernel.indicesOf(type, at));
        vector::StoreOp::create(builder, loc, pair, shared, offset);
      });
  NVVM::SyncWarpOp::create(builder, loc,
                           arith::ConstantIntOp::create(builder, loc, -1, 32));

  const int64_t lanesOfRow = layout.slabCols() / chunkCols,
                rowsOfTurn = lanesPerWarp / lanesOfRow,
                rows = layout.rows / kernel.warps;
  IndexExpr lane = kernel.expr(kernel.lane), chunk = lane % lanesOfRow;
  auto pieceType = VectorType::get(chunkCols, type.getElementType());
  const bool isCut = *window.view.getStaticNumCols() < layout.cols;
  kernel.unrolled(loc, rows / rowsOfTurn, [&](Value turn) {
    IndexExpr tileRow = kernel.expr(kernel.warp) * rows +
                        kernel.expr(turn) * rowsOfTurn + lane / lanesOfRow;
    Value row = kernel.add(loc, window.row0, tileRow.value);
    KernelEmitter::nameValue(tileRow.value, "tile_row");
    KernelEmitter::nameValue(row, "row");
    OpBuilder::InsertionGuard guard(builder);
    auto storeIf = [&](Value condition) {
      auto branch = scf::IfOp::create(builder, loc, condition);
      builder.setInsertionPointToStart(branch.thenBlock());
    };
    storeIf(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, row,
                                  window.numRows));
    kernel.unrolled(loc, layout.cols / layout.slabCols(), [&](Value slab) {
      IndexExpr place = kernel.expr(slab);
      IndexExpr zero = kernel.expr(kernel.index(loc, 0));
      Value col = (place * layout.slabCols() + chunk * chunkCols).value;
      if (isCut)
        storeIf(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                      col, window.numCols));
      Value offset = (place * (layout.rows * layout.slabCols()) +
                      layout.offset(tileRow, chunk, zero))
                         .value;
      Value piece =
          vector::LoadOp::create(builder, loc, pieceType, shared, offset);
      vector::StoreOp::create(builder, loc, piece, window.view.getSource(),
                              window.view.getIndices(builder, loc, row, col));
    });
  });
}

LogicalResult KernelEmitter::emitStore(tile::StoreOp store) {
  Location loc = store.getLoc();
  TileType type = store.getTile().getType();
  Window window(*this, loc, store.getView(), store.getRow(), store.getCol());
  if (!window.view)
    return store.emitOpError() << "writes to a view that is not of tile.view";
  if (store.getView().getType().getElementType() != type.getElementType())
    return store.emitOpError() << "rounds " << type.getElementType() << " to "
                               << store.getView().getType().getElementType()
                               << " on its way to memory, which is not "
                                  "supported on a GPU";
  auto cols = window.view.getStaticNumCols();
  constexpr int64_t pieceBytes = 16;
  if (ChannelOp room = findRoom(*this, store);
      room && cols && isConstantIntValue(window.col0, 0) &&
      alignmentOf(window.view) == pieceBytes &&
      *cols * SwizzleLayout::elementBytes % pieceBytes == 0) {
    storeInPieces(*this, store, window, room);
    return success();
  }
  Value source = fragment(store.getTile());
  // Pairs of columns are written together if the view ends after one.
  const int64_t pairBytes =
      2 * type.getElementType().getIntOrFloatBitWidth() / 8;
  const bool hasPairs = type.getCols() != 1 && cols && *cols % 2 == 0 &&
                        alignmentOf(window.view) >= pairBytes;
  forEachRegister(loc, type, hasPairs, [&](const Register &at) {
    Value row = add(loc, window.row0, rowOf(loc, type, at));
    Value col = colOf(loc, type, at);
    if (!isConstantIntValue(window.col0, 0))
      col = add(loc, window.col0, col);
    nameValue(row, "row");
    nameValue(col, "column");
    Value isInside = window.isInside(loc, row, col);
    if (type.getCols() == 1) {
      // The four lanes of a row hold the same.
      Value isFirst =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                (expr(lane) % 4).value, index(loc, 0));
      isInside = arith::AndIOp::create(builder, loc, isInside, isFirst);
    }
    auto branch = scf::IfOp::create(builder, loc, isInside);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    SmallVector<Value> indices = window.view.getIndices(builder, loc, row, col);
    if (hasPairs) {
      auto pair = VectorType::get(2, type.getElementType());
      Value value = vector::LoadOp::create(builder, loc, pair, source,
                                           indicesOf(type, at));
      vector::StoreOp::create(builder, loc, value, window.view.getSource(),
                              indices);
    } else {
      Value value =
          memref::LoadOp::create(builder, loc, source, indicesOf(type, at));
      memref::StoreOp::create(builder, loc, value, window.view.getSource(),
                              indices);
    }
  });
  return success();
}
