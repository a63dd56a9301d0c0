//===- Channels.cpp - Copies into shared memory ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Channels of the sm_80 family: groups of cp.async, and barriers.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

static SwizzleLayout layoutOf(TileType type) {
  return {type.getRows(), type.getCols(),
          cast<SwizzleAttr>(type.getLayout()).getBytes()};
}

/// After the tensor whose tiles come through a channel.
static std::string nameOf(ChannelOp channel, KernelEmitter &kernel) {
  for (Operation *user : channel->getUsers())
    if (auto put = dyn_cast<PutOp>(user))
      if (auto view = put.getView().getDefiningOp<tile::ViewOp>())
        return kernel.argumentOf(view) +
               (channel.getChannel().getType().getStages() == 1 ? "_tile"
                                                                : "_tiles");
  return "channel";
}

LogicalResult KernelEmitter::emitChannel(ChannelOp channel) {
  Location loc = channel.getLoc();
  ChannelType type = channel.getChannel().getType();
  SwizzleLayout layout = ::layoutOf(type.getTile());
  auto space = gpu::AddressSpaceAttr::get(builder.getContext(),
                                          gpu::AddressSpace::Workgroup);
  auto bufferType = MemRefType::get({type.getStages(), layout.elements()},
                                    type.getTile().getElementType(),
                                    MemRefLayoutAttrInterface(), space);
  // The pattern of a swizzle repeats after 8 rows of a slab.
  constexpr int64_t alignment = 1024;
  sharedBytes = llvm::alignTo(sharedBytes, alignment);
  auto view = memref::ViewOp::create(builder, loc, bufferType, sharedMemory,
                                     index(loc, sharedBytes), ValueRange());
  name(view, nameOf(channel, *this));
  buffers[channel.getChannel()] = view;
  sharedBytes +=
      type.getStages() * layout.elements() * SwizzleLayout::elementBytes;
  return success();
}

LogicalResult KernelEmitter::emitPut(PutOp put) {
  Location loc = put.getLoc();
  ChannelType type = put.getChannel().getType();
  // Operands of the view are read through the mapping.
  auto lowered = mapping.lookup(put.getView()).getDefiningOp<tile::ViewOp>();
  if (!lowered)
    return put.emitOpError() << "copies from a view that is not of tile.view";
  barrierAfterReads(loc);
  Value stage =
      (expr(mapping.lookup(put.getNumber())) % type.getStages()).value;
  const bool isInLoop = put->getParentOfType<scf::ForOp>() != nullptr;
  nameValue(stage, isInLoop ? "next_stage" : "stage");
  nameValue(mapping.lookup(put.getRow()),
            (isInLoop ? "next_" : "first_") + argumentOf(lowered));
  if (Value condition = put.getCondition())
    nameValue(mapping.lookup(condition), isInLoop ? "has_next" : "has_tiles");
  scf::IfOp branch;
  if (Value condition = put.getCondition()) {
    branch = scf::IfOp::create(builder, loc, mapping.lookup(condition));
    builder.setInsertionPointToStart(branch.thenBlock());
  }
  emitCopies(put, lowered, stage);
  if (branch)
    builder.setInsertionPointAfter(branch);
  // Of all puts, also of those that copy nothing, so that waits can count.
  NVVM::CpAsyncCommitGroupOp::create(builder, loc);
  return success();
}

int64_t KernelEmitter::alignmentOf(tile::ViewOp view) {
  auto memref = view.getSource().getType();
  const int64_t elementBytes = memref.getElementTypeBitWidth() / 8;
  auto argument = dyn_cast<BlockArgument>(view.getSource());
  if (!argument || argument.getOwner() != &function.getBody().front())
    return elementBytes;
  auto given = function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(),
                                                      kAlignmentAttrName);
  return given ? std::min<int64_t>(given.getInt(), 16) : elementBytes;
}

void KernelEmitter::forEachPiece(Location loc, int64_t pieces,
                                 function_ref<void(IndexExpr)> body) {
  const int64_t threads = warps * lanesPerWarp;
  const int64_t turns = llvm::divideCeil(pieces, threads);
  auto turn = [&](Value number) {
    IndexExpr piece = expr(number) * threads + expr(thread);
    if (pieces % threads == 0)
      return body(piece);
    Value exists =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                              piece.value, index(loc, pieces));
    auto branch = scf::IfOp::create(builder, loc, exists);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    body(piece);
  };
  // Of unaligned tensors there are too many.
  constexpr int64_t mostUnrolled = 16;
  if (turns <= mostUnrolled)
    return unrolled(loc, turns, turn);
  auto loop = scf::ForOp::create(builder, loc, index(loc, 0), index(loc, turns),
                                 index(loc, 1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  turn(loop.getInductionVar());
}

/// Each thread copies pieces as large as the alignment of the rows; nothing is
/// read outside of the view, and what is there becomes zero.
void KernelEmitter::emitCopies(PutOp put, tile::ViewOp view, Value stage) {
  Location loc = put.getLoc();
  SwizzleLayout layout = ::layoutOf(put.getChannel().getType().getTile());
  constexpr int64_t chunkCols = SwizzleLayout::chunkCols;
  const int64_t pieceBytes = alignmentOf(view);
  const int64_t pieceCols = pieceBytes / SwizzleLayout::elementBytes;
  const int64_t piecesOfRow = layout.cols / pieceCols;
  Value row0 = mapping.lookup(put.getRow()),
        col0 = mapping.lookup(put.getCol());
  Value numRows = view.getNumRows(builder, loc);
  Value numCols = view.getNumCols(builder, loc);
  nameValue(numRows, argumentOf(view) + "_rows");
  std::optional<int64_t> staticCols = view.getStaticNumCols();
  const bool isCut = !staticCols || *staticCols < layout.cols;
  Value buffer = buffers[put.getChannel()];
  Value zero = index(loc, 0), full = index(loc, pieceCols);
  forEachPiece(loc, layout.rows * piecesOfRow, [&](IndexExpr number) {
    IndexExpr row = number / piecesOfRow, part = number % piecesOfRow,
              col = part * pieceCols;
    nameValue(part.value, "part");
    nameValue(number.value, "piece");
    nameValue(row.value, "row");
    Value target = layout.offset(row, col / chunkCols, col % chunkCols).value;
    Value fromRow = add(loc, row0, row.value);
    nameValue(fromRow, "from_row");
    Value fromCol = add(loc, col0, col.value);
    Value isInside = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, fromRow, numRows);
    SmallVector<Value> source = view.getIndices(builder, loc, fromRow, fromCol);
    // cp.async copies at least 4 bytes.
    if (pieceCols == 1) {
      Value isInRow = arith::CmpIOp::create(
          builder, loc, arith::CmpIPredicate::slt, fromCol, numCols);
      isInside = arith::AndIOp::create(builder, loc, isInside, isInRow);
      Value element = emitGuardedLoad(loc, isInside, view.getSource(), source);
      memref::StoreOp::create(builder, loc, element, buffer,
                              ValueRange{stage, target});
      return;
    }
    Value count = full;
    if (isCut) {
      Value left = arith::SubIOp::create(builder, loc, numCols, fromCol);
      left = arith::MaxSIOp::create(builder, loc, left, zero);
      count = arith::MinSIOp::create(builder, loc, left, full);
    }
    count = arith::SelectOp::create(builder, loc, isInside, count, zero);
    nvgpu::DeviceAsyncCopyOp::create(
        builder, loc, nvgpu::DeviceAsyncTokenType::get(builder.getContext()),
        buffer, ValueRange{stage, target}, view.getSource(), source,
        builder.getIndexAttr(pieceCols), count,
        pieceBytes == 16 ? builder.getUnitAttr() : UnitAttr());
  });
}

LogicalResult KernelEmitter::emitTake(TakeOp take) {
  Location loc = take.getLoc();
  NVVM::CpAsyncWaitGroupOp::create(
      builder, loc, builder.getI32IntegerAttr(take.getInFlight()));
  gpu::BarrierOp::create(builder, loc);
  hasReaders = false;
  Value stage = (expr(mapping.lookup(take.getNumber())) %
                 take.getChannel().getType().getStages())
                    .value;
  nameValue(stage, "stage");
  if (auto number =
          mapping.lookup(take.getNumber()).getDefiningOp<arith::AddIOp>())
    nameValue(number.getLhs(), "tiles_before");
  places[take.getTile()] = {buffers[take.getChannel()], stage};
  return success();
}
