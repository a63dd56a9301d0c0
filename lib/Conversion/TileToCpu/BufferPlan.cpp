//===- BufferPlan.cpp - Where tiles are in the arena ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Assigns buffers in program order. A tile shares the buffer of another one
// where that saves a copy and the other is not read any more.
//
//===----------------------------------------------------------------------===//

#include "BufferPlan.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::tile;

bool mlir::tile::isStreamed(LoadOp load) {
  return !load->use_empty() &&
         llvm::all_of(load->getUses(), [](OpOperand &use) {
           auto dot = dyn_cast<DotOp>(use.getOwner());
           return dot && use.get() == dot.getB() && use.get() != dot.getA();
         });
}

/// The operation of `block` that `op` is or is nested in.
static Operation *ancestorIn(Block &block, Operation *op) {
  return block.findAncestorOpInBlock(*op);
}

/// Whether `user` is the last operation of its block that uses `tile`, which
/// belongs to the same block.
static bool isLastUse(Value tile, Operation *user) {
  return llvm::all_of(tile.getUsers(), [&](Operation *other) {
    Operation *ancestor = ancestorIn(*user->getBlock(), other);
    return ancestor && (ancestor == user || ancestor->isBeforeInBlock(user));
  });
}

/// Whether `group` reads each element of `tile` only where it computes the
/// element of the result in the same place; a product reads its first operand
/// for every column.
static bool isReadInPlace(Value tile, GroupOp group) {
  return llvm::none_of(tile.getUsers(), [&](Operation *user) {
    auto dot = dyn_cast<DotOp>(user);
    return dot && group->isAncestor(user) &&
           (dot.getA() == tile || dot.getB() == tile);
  });
}

unsigned BufferPlan::newBuffer(TileType type) {
  int64_t bytes = type.getRows() * type.getCols() *
                  type.getElementType().getIntOrFloatBitWidth() / 8;
  offsets.push_back(top);
  top += llvm::alignTo(bytes, 64);
  arenaBytes = std::max(arenaBytes, top);
  return offsets.size() - 1;
}

/// Results take the place of an operand of the same size that dies here, so
/// that a sweep over a tile writes where it read.
void BufferPlan::assignGroup(GroupOp group) {
  llvm::SmallDenseSet<unsigned> taken;
  for (Value result : group.getTiles()) {
    if (bufferOf.contains(result)) {
      taken.insert(bufferOf.lookup(result));
      continue;
    }
    std::optional<unsigned> reused;
    for (Operation &op : group.getBody().front().without_terminator())
      for (Value operand : op.getOperands()) {
        bool isOutside =
            operand.getParentBlock() == group->getBlock() &&
            isa_and_nonnull<GroupOp, LoadOp>(operand.getDefiningOp());
        if (isOutside && !reused && operand.getType() == result.getType() &&
            cast<TileType>(operand.getType()).getCols() != 1 &&
            isLastUse(operand, group) && isReadInPlace(operand, group) &&
            !taken.contains(bufferOf.lookup(operand)))
          reused = bufferOf.lookup(operand);
      }
    unsigned buffer =
        reused ? *reused : newBuffer(cast<TileType>(result.getType()));
    taken.insert(buffer);
    assign(result, buffer);
  }
}

void BufferPlan::assignLoop(scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  for (auto [init, carried, result, yielded] :
       llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs(),
                       loop.getResults(), yield.getOperands())) {
    auto type = dyn_cast<TileType>(carried.getType());
    if (!type)
      continue;
    // The start value is computed in place if nothing else needs it.
    bool inPlace = init.hasOneUse() && bufferOf.contains(init) &&
                   init.getParentBlock() == loop->getBlock() &&
                   llvm::count(loop.getInitArgs(), init) == 1;
    unsigned buffer = inPlace ? bufferOf.lookup(init) : newBuffer(type);
    assign(carried, buffer);
    assign(result, buffer);
    // So is the next value, if its group is the last to read the old one.
    auto group = yielded.getDefiningOp<GroupOp>();
    if (group && group->getBlock() == loop.getBody() &&
        llvm::count(yield.getOperands(), yielded) == 1 &&
        isLastUse(carried, group) && isReadInPlace(carried, group))
      assign(yielded, buffer);
  }
  // What the body allocates is free again after the loop.
  int64_t mark = top;
  assignBlock(*loop.getBody());
  top = mark;
}

void BufferPlan::assignBlock(Block &block) {
  for (Operation &op : block) {
    if (auto loop = dyn_cast<scf::ForOp>(op))
      assignLoop(loop);
    else if (auto group = dyn_cast<GroupOp>(op))
      assignGroup(group);
    else if (auto load = dyn_cast<LoadOp>(op))
      assign(load.getTile(), newBuffer(load.getTile().getType()));
  }
}

BufferPlan::BufferPlan(KernelOp kernel) {
  assignBlock(kernel.getBody().front());
}
