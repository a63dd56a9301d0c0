//===- Names.cpp - Names and comments of generated code -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a reader of the CUDA C++ should know, as attributes. Names are given by
// what a value is used for, since what computes it may be an op of any pass.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

void KernelEmitter::comment(Operation *op, StringRef text) {
  op->setAttr(kCommentAttrName, StringAttr::get(op->getContext(), text));
}

void KernelEmitter::name(Operation *op, StringRef text) {
  op->setAttr(kNameAttrName, StringAttr::get(op->getContext(), text));
}

void KernelEmitter::nameValue(Value value, StringRef text) {
  Operation *op = value.getDefiningOp();
  // What is written where it is used has no name, and the first one stays.
  if (op && !matchPattern(op, m_Constant()) && !isa<memref::DimOp>(op) &&
      !op->hasAttr(kNameAttrName))
    name(op, text);
}

std::string KernelEmitter::argumentOf(tile::ViewOp view) {
  auto argument = dyn_cast<BlockArgument>(view.getSource());
  if (!argument)
    return "tensor";
  // Of the kernel as it is, or as it is lowered.
  Attribute given;
  if (argument.getOwner()->getParentOp() == kernel)
    given = kernel.getArgAttr(argument.getArgNumber(), kNameAttrName);
  else if (argument.getOwner()->getParentOp() == function)
    given = function.getArgAttr(argument.getArgNumber(), kNameAttrName);
  auto text = dyn_cast_or_null<StringAttr>(given);
  return text ? text.str() : "tensor";
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// What a tile is called after what makes it; `depth` ends the search through
/// the values of loops.
static std::string nameOf(KernelEmitter &kernel, Value tile, int depth) {
  if (depth == 0)
    return "tile";
  if (auto argument = dyn_cast<BlockArgument>(tile)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    OpOperand *yielded =
        loop ? loop.getTiedLoopYieldedValue(argument) : nullptr;
    std::string name =
        yielded ? nameOf(kernel, yielded->get(), depth - 1) : "tile";
    // The maximum of a tile becomes that of the row.
    return name == "new_max" ? "row_max" : name;
  }
  Operation *op = tile.getDefiningOp();
  if (auto dot = dyn_cast<DotOp>(op))
    return dot.getTransposeB() ? "scores" : "sums";
  if (auto await = dyn_cast<AwaitOp>(op))
    return nameOf(kernel, await.getProduct(), depth);
  if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    if (reduce.getKind() == tile::ReduceKind::add)
      return "row_sum";
    return op->getParentOfType<scf::ForOp>() ? "new_max" : "row_max";
  }
  if (isa<RowSumOp>(op))
    return "row_sum";
  if (isa<ReadOp>(op))
    return "queries";
  if (auto load = dyn_cast<tile::LoadOp>(op))
    if (auto view = load.getView().getDefiningOp<tile::ViewOp>())
      return kernel.argumentOf(view) + "_tile";
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return nameOf(
        kernel,
        branch.thenYield().getOperand(cast<OpResult>(tile).getResultNumber()),
        depth - 1);
  auto map = dyn_cast<tile::MapOp>(op);
  if (!map)
    return "tile";
  // What a loop begins with is called as what it ends with.
  if (map.getInputs().empty())
    for (OpOperand &use : tile.getUses())
      if (auto loop = dyn_cast<scf::ForOp>(use.getOwner()))
        return nameOf(kernel, loop.getTiedLoopRegionIterArg(&use), depth - 1);
  Operation *last = map.getYielded().getDefiningOp();
  if (isa_and_nonnull<math::Exp2Op>(last))
    return cast<TileType>(tile.getType()).getCols() == 1 ? "correction"
                                                         : "weights";
  if (auto rounding = dyn_cast_or_null<arith::TruncFOp>(last))
    return rounding.getIn().getDefiningOp<math::Exp2Op>() ||
                   llvm::any_of(tile.getUsers(), llvm::IsaPred<DotOp>)
               ? "weights"
               : "rounded";
  for (Value input : map.getInputs())
    if (input.getType() == tile.getType())
      return nameOf(kernel, input, depth - 1);
  return "tile";
}

Value KernelEmitter::fragment(Value tile) {
  Value &memref = fragments[tile];
  if (!memref)
    memref = createFragment(tileTypeOf(tile), nameOf(*this, tile, 8));
  return memref;
}

//===----------------------------------------------------------------------===//
// Comments
//===----------------------------------------------------------------------===//

/// What an op of the schedule does, for those where a reader looks for it.
static StringRef describe(Operation &op) {
  if (auto dot = dyn_cast<DotOp>(op))
    return dot.getTransposeB() ? "Scores of a key tile."
                               : "The weighted sum of its values.";
  if (auto reduce = dyn_cast<tile::ReduceOp>(op);
      reduce && reduce.getKind() == tile::ReduceKind::max &&
      op.getParentOfType<scf::ForOp>())
    return "The maxima of the rows.";
  if (isa<RowSumOp>(op))
    return "The sums of the rows, as a product with ones.";
  if (auto map = dyn_cast<tile::MapOp>(op);
      map && map.hasIndices() &&
      isa_and_nonnull<arith::SelectOp>(map.getYielded().getDefiningOp()))
    return map.getBlock()->getOps<arith::MulUIExtendedOp>().empty()
               ? "The mask."
               : "Dropout: random words decide which weights are left.";
  if (auto map = dyn_cast<tile::MapOp>(op);
      map && llvm::any_of(map->getUsers(), llvm::IsaPred<ReachesTwoOp>))
    return "Online softmax: weights with the maxima so far.";
  if (auto branch = dyn_cast<scf::IfOp>(op);
      branch && branch.getCondition().getDefiningOp<ReachesTwoOp>())
    return "Too large a weight: what was added up follows new maxima.";
  if (isa<ReadOp>(op))
    return "A warp keeps its queries in registers.";
  if (isa<tile::StoreOp>(op))
    return "Output.";
  return "";
}

void KernelEmitter::describeFrom(Operation *last, Operation &op) {
  StringRef text = describe(op);
  if (text.empty())
    return;
  Operation *first =
      last ? last->getNextNode() : &builder.getInsertionBlock()->front();
  // Constants move and other arithmetic may be written elsewhere.
  while (first && first->getNumRegions() == 0)
    first = first->getNextNode();
  if (first && !first->hasAttr(kCommentAttrName))
    comment(first, text);
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

void KernelEmitter::nameIndices(Operation *op) {
  auto isExtent = [](Value value) {
    return isa_and_nonnull<memref::DimOp>(value.getDefiningOp());
  };
  if (auto tiles = dyn_cast<arith::CeilDivUIOp>(op);
      tiles && isExtent(tiles.getLhs()))
    nameValue(tiles.getResult(), "all_tiles");
  if (auto difference = dyn_cast<arith::SubIOp>(op);
      difference && isExtent(difference.getLhs()) &&
      isExtent(difference.getRhs()))
    nameValue(difference.getResult(), "added_keys");
  auto view = dyn_cast<tile::ViewOp>(op);
  if (!view)
    return;
  // As the passes that make kernels lay out tensors.
  const bool isOfKeys = llvm::is_contained({"key", "value"}, argumentOf(view));
  for (auto [number, index] : llvm::enumerate(view.getFixed()))
    nameValue(index, number == 0           ? "batch"
                     : view.getGroup() > 1 ? "first_head"
                     : isOfKeys            ? "kv_head"
                                           : "head");
}

void KernelEmitter::nameBounds(Value turns, StringRef text) {
  nameValue(turns, text);
  // max(end - begin, 0)
  auto positive = turns.getDefiningOp<arith::MaxSIOp>();
  auto difference = positive ? positive.getLhs().getDefiningOp<arith::SubIOp>()
                             : arith::SubIOp();
  if (!difference)
    return;
  nameValue(difference.getLhs(), "end_tile");
  nameValue(difference.getRhs(), "begin_tile");
}

void KernelEmitter::nameTasks(Value work) {
  // A task is a tile of rows of one KV head of one sequence.
  for (Operation *user : work.getUsers())
    if (auto quotient = dyn_cast<arith::DivUIOp>(user);
        quotient && quotient.getLhs() == work) {
      nameValue(quotient.getRhs(), "row_tiles");
      if (auto tiles = quotient.getRhs().getDefiningOp<arith::CeilDivUIOp>())
        nameValue(tiles.getLhs(), "query_rows");
      nameValue(quotient.getResult(), "sequence_head");
    }
}
