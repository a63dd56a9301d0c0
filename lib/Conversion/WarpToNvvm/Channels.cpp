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
  auto bufferType = MemRefType::get({type.getStages() * layout.elements()},
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

/// Where the tile of a number begins in its channel.
Value KernelEmitter::stageOffset(ChannelType type, Value number) {
  return (expr(mapping.lookup(number)) % type.getStages() *
          ::layoutOf(type.getTile()).elements())
      .value;
}

LogicalResult KernelEmitter::emitPut(PutOp put) {
  Location loc = put.getLoc();
  ChannelType type = put.getChannel().getType();
  // Operands of the view are read through the mapping.
  auto lowered = mapping.lookup(put.getView()).getDefiningOp<tile::ViewOp>();
  if (!lowered)
    return put.emitOpError() << "copies from a view that is not of tile.view";
  barrierAfterReads(loc);
  Value stage = stageOffset(type, put.getNumber());
  const bool isInLoop = put->getParentOfType<scf::ForOp>() != nullptr;
  nameValue(stage, isInLoop ? "next_stage" : "stage");
  nameValue(mapping.lookup(put.getRow()),
            (isInLoop ? "next_" : "first_") + argumentOf(lowered));
  if (Value condition = put.getCondition())
    nameValue(mapping.lookup(condition), isInLoop ? "has_next" : "has_tiles");
  emitCopies(put, lowered, stage);
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

const KernelEmitter::CopyPlace &KernelEmitter::copyPlaceOf(SwizzleLayout layout,
                                                           int64_t pieceCols) {
  CopyPlace &place = copyPlaces[{layout.bytes, pieceCols}];
  if (place.row)
    return place;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(lane);
  // A power of two, so that it divides the threads.
  place.lanes = std::min(layout.slabCols() / pieceCols, lanesPerWarp);
  place.rowsOfTurn = warps * lanesPerWarp / place.lanes;
  place.row = (expr(thread) / place.lanes).value;
  place.col = (expr(thread) % place.lanes * pieceCols).value;
  nameValue(place.row, "copy_row");
  nameValue(place.col, "copy_column");
  if (place.rowsOfTurn % SwizzleLayout::period != 0)
    return place;
  constexpr int64_t chunkCols = SwizzleLayout::chunkCols;
  IndexExpr col = expr(place.col);
  place.offset =
      layout.offset(expr(place.row), col / chunkCols, col % chunkCols).value;
  nameValue(place.offset, "copy_offset");
  return place;
}

/// Calls body for the pieces of a thread, with their distances in rows and
/// columns from its first one.
void KernelEmitter::forEachPiece(
    Location loc, SwizzleLayout layout, const CopyPlace &place,
    int64_t pieceCols, function_ref<void(IndexExpr, IndexExpr)> body) {
  const int64_t segmentCols = place.lanes * pieceCols;
  const int64_t segments = layout.cols / segmentCols;
  const int64_t turns = llvm::divideCeil(layout.rows, place.rowsOfTurn);
  auto turn = [&](Value number) {
    IndexExpr row = expr(number) * place.rowsOfTurn;
    auto columns = [&] {
      unrolled(loc, segments,
               [&](Value segment) { body(row, expr(segment) * segmentCols); });
    };
    if (layout.rows % place.rowsOfTurn == 0)
      return columns();
    Value exists = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, (row + expr(place.row)).value,
        index(loc, layout.rows));
    auto branch = scf::IfOp::create(builder, loc, exists);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    columns();
  };
  // Of unaligned tensors there are too many.
  constexpr int64_t mostUnrolled = 16;
  if (turns * segments <= mostUnrolled)
    return unrolled(loc, turns, turn);
  auto loop = scf::ForOp::create(builder, loc, index(loc, 0), index(loc, turns),
                                 index(loc, 1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  turn(loop.getInductionVar());
}

/// The part of the view that a thread copies from, if its rows lie at equal
/// distances: from `row`, `col` on, as rows and columns.
static Value subviewFrom(KernelEmitter &kernel, tile::ViewOp view, Value row,
                         Value col, SwizzleLayout layout) {
  if (view.getGroup() != 1 || !view.getColDim() ||
      *view.getColDim() < view.getRowDim())
    return {};
  OpBuilder &builder = kernel.builder;
  Location loc = view.getLoc();
  auto type = cast<MemRefType>(view.getSource().getType());
  SmallVector<OpFoldResult> offsets,
      one(type.getRank(), builder.getIndexAttr(1)), sizes = one;
  for (Value index : view.getIndices(builder, loc, row, col))
    offsets.push_back(getAsOpFoldResult(index));
  Value left =
      arith::SubIOp::create(builder, loc, view.getNumRows(builder, loc), row);
  sizes[view.getRowDim()] = left;
  sizes[*view.getColDim()] = builder.getIndexAttr(layout.cols);
  MemRefType part = memref::SubViewOp::inferRankReducedResultType(
      {ShapedType::kDynamic, layout.cols}, type, offsets, sizes, one);
  auto subview = memref::SubViewOp::create(builder, loc, part, view.getSource(),
                                           offsets, sizes, one);
  KernelEmitter::name(subview, "from_" + kernel.argumentOf(view));
  return subview;
}

/// Each thread copies pieces as large as the alignment of the rows; nothing is
/// read outside of the view, and what is there becomes zero. The lanes that
/// copy a row of a slab stand side by side, and a thread stays in its column,
/// so that all its pieces are at constant distances from the first. Addresses
/// are computed without the condition, so that compilers make them advance.
void KernelEmitter::emitCopies(PutOp put, tile::ViewOp view, Value stage) {
  Location loc = put.getLoc();
  SwizzleLayout layout = ::layoutOf(put.getChannel().getType().getTile());
  constexpr int64_t chunkCols = SwizzleLayout::chunkCols;
  const int64_t pieceBytes = alignmentOf(view);
  const int64_t pieceCols = pieceBytes / SwizzleLayout::elementBytes;
  const CopyPlace &place = copyPlaceOf(layout, pieceCols);
  Value numRows = view.getNumRows(builder, loc);
  Value numCols = view.getNumCols(builder, loc);
  nameValue(numRows, argumentOf(view) + "_rows");
  std::optional<int64_t> staticCols = view.getStaticNumCols();
  const bool isCut = !staticCols || *staticCols < layout.cols;
  Value buffer = buffers[put.getChannel()];
  Value zero = index(loc, 0), full = index(loc, pieceCols);
  Value firstRow = add(loc, mapping.lookup(put.getRow()), place.row);
  Value firstCol = place.col;
  if (Value col = mapping.lookup(put.getCol()); !isConstantIntValue(col, 0))
    firstCol = add(loc, col, firstCol);
  nameValue(firstRow, "from_row");
  Value part = subviewFrom(*this, view, firstRow, firstCol, layout);
  // In shared memory, if the swizzle of the first row repeats in all others.
  Value start;
  if (place.offset) {
    const uint64_t span =
        llvm::PowerOf2Ceil(place.rowsOfTurn * layout.slabCols());
    IndexExpr offset = expr(place.offset);
    // The same, but a loop can change it by an exclusive or.
    start = (layout.elements() % span == 0 ? offset ^ expr(stage)
                                           : offset + expr(stage))
                .value;
    nameValue(start, "to");
  }
  OpBuilder::InsertionGuard guard(builder);
  if (Value condition = put.getCondition()) {
    auto branch = scf::IfOp::create(builder, loc, mapping.lookup(condition));
    builder.setInsertionPointToStart(branch.thenBlock());
  }
  forEachPiece(
      loc, layout, place, pieceCols, [&](IndexExpr row, IndexExpr col) {
        const int64_t slabCols = layout.slabCols();
        IndexExpr tileCol = expr(place.col) + col;
        Value target =
            (start ? (expr(start) ^ col % slabCols) + row * slabCols +
                         col / slabCols * (layout.rows * slabCols)
                   : expr(stage) + layout.offset(expr(place.row) + row,
                                                 tileCol / chunkCols,
                                                 tileCol % chunkCols))
                .value;
        Value fromRow = add(loc, firstRow, row.value);
        Value fromCol = add(loc, firstCol, col.value);
        Value isInside;
        if (!put.getInBounds())
          isInside = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::slt, fromRow, numRows);
        Value from = part ? part : view.getSource();
        SmallVector<Value> source =
            part ? SmallVector<Value>{row.value, col.value}
                 : view.getIndices(builder, loc, fromRow, fromCol);
        // cp.async copies at least 4 bytes.
        if (pieceCols == 1) {
          Value isInRow = arith::CmpIOp::create(
              builder, loc, arith::CmpIPredicate::slt, fromCol, numCols);
          isInside =
              isInside ? arith::AndIOp::create(builder, loc, isInside, isInRow)
                       : isInRow;
          Value element = emitGuardedLoad(loc, isInside, from, source);
          memref::StoreOp::create(builder, loc, element, buffer, target);
          return;
        }
        Value count = full;
        if (isCut) {
          Value left = arith::SubIOp::create(builder, loc, numCols, fromCol);
          left = arith::MaxSIOp::create(builder, loc, left, zero);
          count = arith::MinSIOp::create(builder, loc, left, full);
        }
        if (isInside)
          count = arith::SelectOp::create(builder, loc, isInside, count, zero);
        nvgpu::DeviceAsyncCopyOp::create(
            builder, loc,
            nvgpu::DeviceAsyncTokenType::get(builder.getContext()), buffer,
            target, from, source, builder.getIndexAttr(pieceCols),
            count == full ? Value() : count,
            pieceBytes == 16 ? builder.getUnitAttr() : UnitAttr());
      });
}

LogicalResult KernelEmitter::emitTake(TakeOp take) {
  Location loc = take.getLoc();
  NVVM::CpAsyncWaitGroupOp::create(
      builder, loc, builder.getI32IntegerAttr(take.getInFlight()));
  gpu::BarrierOp::create(builder, loc);
  hasReaders = false;
  Value stage = stageOffset(take.getChannel().getType(), take.getNumber());
  nameValue(stage, "stage");
  if (auto number =
          mapping.lookup(take.getNumber()).getDefiningOp<arith::AddIOp>())
    nameValue(number.getLhs(), "tiles_before");
  places[take.getTile()] = {buffers[take.getChannel()], stage};
  return success();
}
