//===- GroupTiles.cpp - cpu-group-tiles -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides which tile operations share a loop nest.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_CPUGROUPTILESPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

static bool isCompute(Operation *op) { return isa<DotOp, MapOp, ReduceOp>(op); }

/// Cheap maps may run between the multiply-adds of a product; functions of the
/// math dialect and divisions need registers for constants, or are slow.
static bool isCheap(MapOp map) {
  return llvm::none_of(map.getBlock()->getOperations(), [](Operation &op) {
    return isa<math::MathDialect>(op.getDialect()) ||
           isa<arith::DivFOp, memref::LoadOp>(op);
  });
}

/// The tile that an operation sweeps over.
static TileType getSwept(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getInput().getType();
  return cast<TileType>(op->getResult(0).getType());
}

namespace {
/// Operations of one block that will share a loop nest, in their order.
struct Group {
  SmallVector<Operation *> members;
  int64_t domain = 1;

  bool contains(Operation *op) const {
    return op && llvm::is_contained(members, op);
  }
};

class BlockGrouper {
public:
  explicit BlockGrouper(Block &block) : block(block) {}
  void run();

private:
  void groupProduct(DotOp dot);
  void groupRest();
  bool canAppend(const Group &group, Operation *op);
  bool dependsOnReduction(const Group &group, Operation *op);
  void wrap(Group &group);

  Block &block;
  SmallVector<Group> groups;
  /// The last member of the product group that an operation belongs to.
  llvm::DenseMap<Operation *, Operation *> grouped;
};
} // namespace

/// A product, the map that prepares its accumulator, and masks and reductions
/// of its result.
void BlockGrouper::groupProduct(DotOp dot) {
  Group group;
  group.domain = getSwept(dot).getCols();
  if (Value accumulator = dot.getAccumulator()) {
    auto map = accumulator.getDefiningOp<MapOp>();
    if (map && map->getBlock() == &block && map->hasOneUse() && isCheap(map) &&
        !grouped.contains(map))
      group.members.push_back(map);
  }
  group.members.push_back(dot);
  for (Operation *op = dot->getNextNode(); op; op = op->getNextNode()) {
    bool usesGroup = llvm::any_of(op->getOperands(), [&](Value operand) {
      return group.contains(operand.getDefiningOp());
    });
    if (!usesGroup)
      continue;
    auto map = dyn_cast<MapOp>(op);
    bool fits = isCompute(op) && !isa<DotOp>(op) && (!map || isCheap(map)) &&
                getSwept(op).getCols() == group.domain && canAppend(group, op);
    if (!fits)
      break;
    group.members.push_back(op);
  }
  for (Operation *member : group.members)
    grouped[member] = group.members.back();
  groups.push_back(std::move(group));
}

/// Whether `op` needs a reduction of the group before it can begin its sweep.
bool BlockGrouper::dependsOnReduction(const Group &group, Operation *op) {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    Operation *producer = operand.getDefiningOp();
    return group.contains(producer) &&
           (isa<ReduceOp>(producer) || (getSwept(producer).getCols() == 1 &&
                                        dependsOnReduction(group, producer)));
  });
}

/// Whether `op` can be computed in the sweep of `group`, which moves to the
/// place of `op`.
bool BlockGrouper::canAppend(const Group &group, Operation *op) {
  if (getSwept(op).getRows() != getSwept(group.members.front()).getRows())
    return false;
  int64_t domain = getSwept(op).getCols();
  if (domain != 1 && group.domain != 1 && domain != group.domain)
    return false;
  if (domain != 1 && dependsOnReduction(group, op))
    return false;
  if (auto reduce = dyn_cast<ReduceOp>(op);
      reduce && reduce.getInit() &&
      group.contains(reduce.getInit().getDefiningOp()) &&
      dependsOnReduction(group, reduce.getInit().getDefiningOp()))
    return false;
  // Nothing in between may use what the group computes; the members of a
  // product group stand where its last member is.
  for (Operation *between = group.members.back()->getNextNode(); between != op;
       between = between->getNextNode()) {
    if (Operation *last = grouped.lookup(between);
        last && op->isBeforeInBlock(last))
      continue;
    bool uses = false;
    between->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        uses |= group.contains(operand.getDefiningOp());
    });
    if (uses)
      return false;
  }
  return true;
}

void BlockGrouper::groupRest() {
  Group current;
  auto flush = [&] {
    if (!current.members.empty())
      groups.push_back(std::move(current));
    current = Group();
  };
  for (Operation &op : block) {
    if (!isCompute(&op) || grouped.contains(&op))
      continue;
    if (!current.members.empty() && !canAppend(current, &op))
      flush();
    current.members.push_back(&op);
    current.domain = std::max(current.domain, getSwept(&op).getCols());
  }
  flush();
}

/// Moves the members into a tile.group in the place of the last one.
void BlockGrouper::wrap(Group &group) {
  SmallVector<Value> results;
  for (Operation *op : group.members) {
    Value result = op->getResult(0);
    if (llvm::any_of(result.getUsers(), [&](Operation *user) {
          return !group.contains(user) && !group.contains(user->getParentOp());
        }))
      results.push_back(result);
  }
  OpBuilder builder(group.members.back());
  Location loc = group.members.back()->getLoc();
  auto op = GroupOp::create(builder, loc, ValueRange(results).getTypes());
  Block *body = builder.createBlock(&op.getBody());
  for (Operation *member : group.members)
    member->moveBefore(body, body->end());
  builder.setInsertionPointToEnd(body);
  YieldOp::create(builder, loc, results);
  for (auto [inner, outer] : llvm::zip_equal(results, op.getTiles()))
    inner.replaceUsesWithIf(
        outer, [&](OpOperand &use) { return !op->isAncestor(use.getOwner()); });
}

void BlockGrouper::run() {
  for (Operation &op : block)
    if (auto dot = dyn_cast<DotOp>(op))
      groupProduct(dot);
  groupRest();
  for (Group &group : groups)
    wrap(group);
}

namespace {
struct GroupTiles : tile::impl::CpuGroupTilesPassBase<GroupTiles> {
  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation().walk([&](Block *block) {
      if (!isa<MapOp, GroupOp>(block->getParentOp()))
        blocks.push_back(block);
    });
    for (Block *block : blocks)
      BlockGrouper(*block).run();
  }
};
} // namespace
