//===- TileToWarp.cpp - convert-tile-to-warp ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gives every tile of a kernel its place: operands that tensor cores read from
// memory go through channels, everything else is in registers.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"
#include "attn/Transforms/Passes.h"
#include "dialect/Warp/Warp.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_CONVERTTILETOWARPPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

namespace {
/// Converts one kernel in place.
class KernelConverter {
public:
  KernelConverter(KernelOp kernel, int64_t warps, int64_t stages,
                  bool queryInRegisters)
      : kernel(kernel), warps(warps), stages(stages),
        queryInRegisters(queryInRegisters), builder(kernel.getContext()) {}

  LogicalResult run();

private:
  /// The tiles that are put into one channel, in the order of the program.
  struct Channel {
    Value channel;
    /// How many there are before the loop or block at hand.
    Value count;
  };

  LogicalResult checkTiles();
  LogicalResult convertDot(DotOp dot);
  /// A dot's operand that is loaded from memory, in shared memory.
  FailureOr<Value> share(LoadOp load);
  FailureOr<Channel *> channelOf(LoadOp load);
  TileType inRegisters(TileType type) {
    return TileType::get(type.getContext(), type.getRows(), type.getCols(),
                         type.getElementType(),
                         warp::MmaAttr::get(type.getContext(), warps));
  }

  KernelOp kernel;
  int64_t warps, stages;
  bool queryInRegisters;
  OpBuilder builder;
  llvm::MapVector<std::pair<Value, Type>, Channel> channels;
  /// Loops that have put tiles into a channel, which the next ones count on.
  llvm::DenseMap<std::pair<Operation *, Value>, Value> firstNumbers;
  llvm::DenseMap<Operation *, Value> shared;
};
} // namespace

/// The widest swizzle whose slabs the columns fill.
static int64_t swizzleBytesFor(TileType type) {
  int64_t bytes =
      type.getCols() * type.getElementType().getIntOrFloatBitWidth() / 8;
  return bytes % 128 == 0 ? 128 : bytes % 64 == 0 ? 64 : 32;
}

/// Whether the tiles in registers can be divided among the warps.
LogicalResult KernelConverter::checkTiles() {
  WalkResult result = kernel.walk([&](Operation *op) {
    for (Value value : op->getResults()) {
      auto type = dyn_cast<TileType>(value.getType());
      if (!type || !isa_and_nonnull<warp::MmaAttr>(type.getLayout()))
        continue;
      if (type.getRows() != 1 && type.getRows() % (16 * warps) != 0) {
        op->emitOpError() << "makes " << type << "; the rows of a tile must be "
                          << "a multiple of " << 16 * warps
                          << ", 16 for each of " << warps << " warps";
        return WalkResult::interrupt();
      }
      if (type.getCols() != 1 && type.getCols() % 8 != 0) {
        op->emitOpError() << "makes " << type
                          << "; the columns of a tile must be a multiple of 8";
        return WalkResult::interrupt();
      }
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

FailureOr<KernelConverter::Channel *> KernelConverter::channelOf(LoadOp load) {
  TileType type = load.getTile().getType();
  auto swizzle =
      warp::SwizzleAttr::get(type.getContext(), swizzleBytesFor(type));
  auto tile = TileType::get(type.getContext(), type.getRows(), type.getCols(),
                            type.getElementType(), swizzle);
  // What is loaded once needs one stage.
  bool isInLoop = isa<scf::ForOp>(load->getParentOp());
  auto channelType =
      warp::ChannelType::get(type.getContext(), isInLoop ? stages : 1, tile);
  auto [place, isNew] =
      channels.insert({{load.getView(), channelType}, Channel()});
  if (isNew) {
    OpBuilder::InsertionGuard guard(builder);
    if (channels.size() == 1)
      builder.setInsertionPointToStart(&kernel.getBody().front());
    else
      builder.setInsertionPointAfterValue(std::prev(place)->second.channel);
    place->second.channel =
        warp::ChannelOp::create(builder, load.getLoc(), channelType);
    place->second.count =
        arith::ConstantIndexOp::create(builder, load.getLoc(), 0);
  }
  return &place->second;
}

FailureOr<Value> KernelConverter::share(LoadOp load) {
  if (Value known = shared.lookup(load))
    return known;
  Type element = load.getView().getType().getElementType();
  if (element != load.getTile().getType().getElementType())
    return load.emitOpError()
           << "extends " << element << " to "
           << load.getTile().getType().getElementType()
           << " on its way to a product, which is not supported on a GPU";
  FailureOr<Channel *> channel = channelOf(load);
  if (failed(channel))
    return failure();
  Location loc = load.getLoc();
  builder.setInsertionPoint(load);
  Value number = (*channel)->count;
  auto loop = dyn_cast<scf::ForOp>(load->getParentOp());
  if (loop) {
    if (getConstantIntValue(loop.getStep()) != 1)
      return loop.emitOpError() << "must count in steps of 1";
    Value &first = firstNumbers[{loop, (*channel)->channel}];
    if (first)
      return load.emitOpError() << "is the second load of this tile in a loop";
    first = number;
    Value turn = arith::SubIOp::create(builder, loc, loop.getInductionVar(),
                                       loop.getLowerBound());
    number = arith::AddIOp::create(builder, loc, number, turn);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfter(loop);
    // The loop may be left without an iteration.
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value trips = arith::SubIOp::create(builder, loc, loop.getUpperBound(),
                                        loop.getLowerBound());
    trips = arith::MaxSIOp::create(builder, loc, trips, zero);
    (*channel)->count = arith::AddIOp::create(builder, loc, first, trips);
  } else if (load->getParentOp() != kernel) {
    return load.emitOpError()
           << "must be in the kernel or in a loop over tiles";
  }
  auto put =
      warp::PutOp::create(builder, loc, load.getView(), load.getRow(),
                          load.getCol(), (*channel)->channel, number, Value());
  // A tile that is seen whole has no keys behind the end.
  auto visit =
      loop ? loop->getAttrOfType<StringAttr>(kVisitAttrName) : StringAttr();
  put.setInBounds(visit && visit.getValue() == "full");
  Value tile = warp::TakeOp::create(builder, loc, (*channel)->channel, number);
  // Nobody needs it after the last use.
  Operation *last = load;
  for (Operation *user : load->getUsers()) {
    user = load->getBlock()->findAncestorOpInBlock(*user);
    if (last->isBeforeInBlock(user))
      last = user;
  }
  if (loop) {
    builder.setInsertionPointAfter(last);
    warp::ReleaseOp::create(builder, loc, (*channel)->channel, number);
  }
  shared[load] = tile;
  return tile;
}

LogicalResult KernelConverter::convertDot(DotOp dot) {
  Location loc = dot.getLoc();
  auto right = dot.getB().getDefiningOp<LoadOp>();
  if (!right || dot.getTransposeA())
    return dot.emitOpError() << "must multiply a tile with one that is loaded "
                                "from memory; on a GPU others are not "
                                "supported";
  Type element = right.getTile().getType().getElementType();
  if (!element.isBF16() && !element.isF16())
    return dot.emitOpError() << "multiplies tiles of " << element
                             << "; on a GPU the tensors must be bf16 or f16 "
                                "(f32 runs on the CPU)";
  FailureOr<Value> b = share(right);
  if (failed(b))
    return failure();
  Value a = dot.getA();
  auto typeA = cast<TileType>(a.getType());
  auto left = a.getDefiningOp<LoadOp>();
  if (left && left.getView().getType().getElementType() == element) {
    FailureOr<Value> tile = share(left);
    if (failed(tile))
      return failure();
    a = *tile;
    if (queryInRegisters) {
      builder.setInsertionPoint(left);
      a = warp::ReadOp::create(builder, loc, inRegisters(typeA), a);
    }
  } else if (typeA.getElementType() != element) {
    builder.setInsertionPoint(dot);
    auto rounded = TileType::get(dot.getContext(), typeA.getRows(),
                                 typeA.getCols(), element, typeA.getLayout());
    a = MapOp::create(
        builder, loc, rounded, a, ValueRange(),
        [&](OpBuilder &builder, Location loc, ValueRange args) {
          return Value(arith::TruncFOp::create(builder, loc, element, args[0]));
        });
  }
  builder.setInsertionPoint(dot);
  auto pending =
      warp::PendingType::get(dot.getContext(), dot.getResult().getType());
  Value product = warp::DotOp::create(
      builder, loc, pending, a, *b, dot.getAccumulator(), dot.getTransposeB());
  Value result = warp::AwaitOp::create(builder, loc, product);
  dot.getResult().replaceAllUsesWith(result);
  dot.erase();
  return success();
}

LogicalResult KernelConverter::run() {
  kernel.walk([&](Block *block) {
    for (BlockArgument argument : block->getArguments())
      if (auto type = dyn_cast<TileType>(argument.getType()))
        argument.setType(inRegisters(type));
    for (Operation &op : *block)
      for (Value result : op.getResults())
        if (auto type = dyn_cast<TileType>(result.getType()))
          result.setType(inRegisters(type));
  });
  SmallVector<DotOp> dots;
  kernel.walk([&](DotOp dot) { dots.push_back(dot); });
  for (DotOp dot : dots)
    if (failed(convertDot(dot)))
      return failure();
  kernel.walk([](LoadOp load) {
    if (load->use_empty())
      load.erase();
  });
  kernel->setAttr(kWarpsAttrName, builder.getI64IntegerAttr(warps));
  return checkTiles();
}

namespace {
struct ConvertTileToWarp
    : tile::impl::ConvertTileToWarpPassBase<ConvertTileToWarp> {
  using ConvertTileToWarpPassBase::ConvertTileToWarpPassBase;

  void runOnOperation() override {
    if (warps < 1 || warps > 16 || stages < 1) {
      getOperation().emitError()
          << "warps must be 1 to 16 and stages at least 1; got warps="
          << int64_t(warps) << " stages=" << int64_t(stages);
      return signalPassFailure();
    }
    if (failed(KernelConverter(getOperation(), warps, stages, queryInRegisters)
                   .run()))
      signalPassFailure();
  }
};
} // namespace
