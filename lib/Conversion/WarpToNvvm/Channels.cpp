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
  name(view, "channel");
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
  Operation *first = stage.getDefiningOp();
  scf::IfOp branch;
  if (Value condition = put.getCondition()) {
    branch = scf::IfOp::create(builder, loc, mapping.lookup(condition));
    first = branch;
    builder.setInsertionPointToStart(branch.thenBlock());
  }
  comment(first, "Copy a tile to shared memory.");
  if (failed(emitCopies(put, lowered, stage)))
    return failure();
  if (branch)
    builder.setInsertionPointAfter(branch);
  // Of all puts, also of those that copy nothing, so that waits can count.
  NVVM::CpAsyncCommitGroupOp::create(builder, loc);
  return success();
}

/// Each thread copies pieces of 16 bytes; nothing is read outside of the view,
/// and what is there becomes zero.
LogicalResult KernelEmitter::emitCopies(PutOp put, tile::ViewOp view,
                                        Value stage) {
  Location loc = put.getLoc();
  SwizzleLayout layout = ::layoutOf(put.getChannel().getType().getTile());
  constexpr int64_t chunkCols = SwizzleLayout::chunkCols;
  const int64_t chunksOfRow = layout.cols / chunkCols;
  const int64_t chunks = layout.rows * chunksOfRow;
  const int64_t threads = warps * lanesPerWarp;
  if (chunks % threads != 0)
    return put.emitOpError()
           << "copies " << chunks << " pieces of 16 bytes, which " << threads
           << " threads cannot share evenly";
  Value row0 = mapping.lookup(put.getRow()),
        col0 = mapping.lookup(put.getCol());
  Value numRows = view.getNumRows(builder, loc);
  Value numCols = view.getNumCols(builder, loc);
  std::optional<int64_t> staticCols = view.getStaticNumCols();
  const bool isCut = !staticCols || *staticCols < layout.cols;
  Value zero = index(loc, 0), full = index(loc, chunkCols);
  unrolled(loc, chunks / threads, [&](Value turn) {
    IndexExpr number = expr(turn) * threads + expr(thread);
    IndexExpr row = number / chunksOfRow, chunk = number % chunksOfRow;
    Value target = layout.offset(row, chunk, expr(zero)).value;
    Value fromRow = add(loc, row0, row.value);
    Value fromCol = add(loc, col0, (chunk * chunkCols).value);
    Value isInside = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, fromRow, numRows);
    Value count = full;
    if (isCut) {
      Value left = arith::SubIOp::create(builder, loc, numCols, fromCol);
      left = arith::MaxSIOp::create(builder, loc, left, zero);
      count = arith::MinSIOp::create(builder, loc, left, full);
    }
    count = arith::SelectOp::create(builder, loc, isInside, count, zero);
    nvgpu::DeviceAsyncCopyOp::create(
        builder, loc, nvgpu::DeviceAsyncTokenType::get(builder.getContext()),
        buffers[put.getChannel()], ValueRange{stage, target}, view.getSource(),
        view.getIndices(builder, loc, fromRow, fromCol),
        builder.getIndexAttr(chunkCols), count, builder.getUnitAttr());
  });
  return success();
}

LogicalResult KernelEmitter::emitTake(TakeOp take) {
  Location loc = take.getLoc();
  auto wait = NVVM::CpAsyncWaitGroupOp::create(
      builder, loc, builder.getI32IntegerAttr(take.getInFlight()));
  comment(wait, "Wait for a tile, of all threads.");
  gpu::BarrierOp::create(builder, loc);
  hasReaders = false;
  Value stage = (expr(mapping.lookup(take.getNumber())) %
                 take.getChannel().getType().getStages())
                    .value;
  places[take.getTile()] = {buffers[take.getChannel()], stage};
  return success();
}
