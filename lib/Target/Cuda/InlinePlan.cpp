//===- InlinePlan.cpp - Which values need no variable ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decides from the end of a block to its beginning, so that it is known where
// the user of a value is evaluated.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "attn/Target/ThreadLevel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

/// Operations in one statement: longer ones are hard to read.
static constexpr int kMaxOperations = 12;

bool cuda::isFree(Operation *op) {
  // A part of a vector, or another type for the same register.
  if (auto extract = dyn_cast<vector::ExtractOp>(op))
    return !extract.hasDynamicPosition() &&
           countParts(extract.getType()) == 0 &&
           !is16BitFloat(extract.getType());
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op))
    return !isa<VectorType>(broadcast.getSourceType());
  if (isa<LLVM::BitcastOp>(op))
    return countParts(op->getResult(0).getType()) == 0;
  return isa<arith::ConstantOp, memref::DimOp, gpu::DynamicSharedMemoryOp,
             LLVM::ExtractValueOp, arith::IndexCastOp, vector::ShapeCastOp>(op);
}

bool cuda::isSimpleIndex(Operation *op) {
  if (!isa<arith::AddIOp, arith::MulIOp>(op) || op->hasAttr(kNameAttrName) ||
      !op->getResult(0).getType().isIndex() ||
      !getConstantIntValue(op->getOperand(1)))
    return false;
  if (auto argument = dyn_cast<BlockArgument>(op->getOperand(0)))
    return isa<scf::ForOp>(argument.getOwner()->getParentOp());
  Operation *inner = op->getOperand(0).getDefiningOp();
  // A product, and the sum of one, but no more.
  return isa<arith::AddIOp>(op) && isa<arith::MulIOp>(inner) &&
         isSimpleIndex(inner);
}

bool cuda::isVectorLoop(Operation *op) {
  if (op->getNumResults() != 1 || !OpTrait::hasElementwiseMappableTraits(op))
    return false;
  return isa<VectorType>(op->getResult(0).getType()) &&
         !isa<arith::SelectOp, arith::BitcastOp>(op) &&
         countParts(op->getResult(0).getType()) > 2;
}

bool cuda::isExpression(Operation *op) {
  if (isa<memref::LoadOp, vector::LoadOp, memref::DimOp, LLVM::ExtractValueOp,
          LLVM::BitcastOp, LLVM::InlineAsmOp,
          memref::ExtractAlignedPointerAsIndexOp>(op))
    return true;
  if (isa<vector::InsertOp, vector::ToElementsOp>(op))
    return false;
  // Division is not pure: it may trap.
  return op->getNumResults() == 1 && isMemoryEffectFree(op) &&
         !isVectorLoop(op) &&
         isa<arith::ArithDialect, math::MathDialect, vector::VectorDialect>(
             op->getDialect());
}

bool cuda::repeatsOperands(Operation *op) {
  if (isVectorLoop(op) ||
      isa<vector::BroadcastOp, vector::InsertOp, vector::ToElementsOp,
          memref::SubViewOp, memref::ReinterpretCastOp, arith::MulUIExtendedOp>(
          op))
    return true;
  if (auto extract = dyn_cast<vector::ExtractOp>(op))
    return isa<VectorType>(extract.getType()) &&
           countParts(extract.getType()) > 0;
  // By element or by word of it.
  return op->getNumResults() == 1 &&
         countParts(op->getResult(0).getType()) > 0 &&
         !isa<vector::FromElementsOp, vector::LoadOp, nvgpu::LdMatrixOp,
              NVVM::MmaOp, scf::ForOp, scf::IfOp, scf::WhileOp>(op);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value cuda::findBase(Value memref) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  return memref;
}

static bool isPrivate(Value base) {
  return isa_and_present<memref::AllocaOp>(base.getDefiningOp());
}

static bool mayAlias(Value a, Value b) {
  if (a == b)
    return true;
  if (isPrivate(a) || isPrivate(b))
    return false;
  return gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(
             cast<MemRefType>(a.getType())) ==
         gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(
             cast<MemRefType>(b.getType()));
}

bool cuda::mayTouch(Operation *op, Value base, bool orRead) {
  if (op->getNumRegions() > 0)
    return op
        ->walk([&](Operation *inner) {
          return inner != op && inner->getNumRegions() == 0 &&
                         mayTouch(inner, base, orRead)
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  if (isMemoryEffectFree(op) || isa<gpu::ShuffleOp, NVVM::MmaOp>(op))
    return false;
  Value touched;
  if (auto store = dyn_cast<memref::StoreOp>(op))
    touched = store.getMemRef();
  else if (auto store = dyn_cast<vector::StoreOp>(op))
    touched = store.getBase();
  else if (auto load = dyn_cast<memref::LoadOp>(op))
    touched = orRead ? load.getMemRef() : Value();
  else if (auto load = dyn_cast<vector::LoadOp>(op))
    touched = orRead ? load.getBase() : Value();
  else if (isa<nvgpu::LdMatrixOp, memref::AllocaOp>(op))
    return false;
  else
    return !isPrivate(base); // what other threads do
  return touched && mayAlias(findBase(touched), base);
}

bool cuda::isTouchedBetween(Operation *first, Operation *last, Value base,
                            bool orRead) {
  for (Operation *op = first->getNextNode(); op && op != last;
       op = op->getNextNode())
    if (mayTouch(op, base, orRead))
      return true;
  return false;
}

bool cuda::isUnreadSize(OpOperand &use) {
  auto part = dyn_cast<memref::SubViewOp>(use.getOwner());
  if (!part ||
      llvm::any_of(
          part->getUsers(),
          llvm::IsaPred<memref::DimOp, memref::ExtractStridedMetadataOp>))
    return false;
  const unsigned first = part.getOffsetSizeAndStrideStartOperandIndex() +
                         part.getOffsets().size(),
                 number = use.getOperandNumber();
  return number >= first && number < first + part.getSizes().size();
}

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

void KernelPrinter::plan(Block &block) {
  /// The statement in which an inlined op is evaluated, if there is one.
  llvm::DenseMap<Operation *, Operation *> statements;
  llvm::DenseMap<Operation *, int> sizes;
  // Indices that calls for products write.
  llvm::DenseSet<Operation *> written;
  for (const auto &[product, found] : inPlaceProducts)
    for (const ArrayPart *part : {&found.sums, &found.first})
      for (Value index : part->indices)
        written.insert(index.getDefiningOp());
  for (Operation &op : llvm::reverse(block)) {
    if (skipped.contains(&op))
      continue;
    // What only computes where a skipped access is, or a size that is not read.
    if (isExpression(&op) && !op.use_empty() && !written.contains(&op) &&
        llvm::all_of(op.getUses(), [&](OpOperand &use) {
          return skipped.contains(use.getOwner()) || isUnreadSize(use);
        })) {
      skipped.insert(&op);
      continue;
    }
    // The one statement of this block that uses it.
    Operation *statement = nullptr;
    Operation *user = nullptr;
    if (op.getNumResults() == 1 && op.getResult(0).hasOneUse()) {
      user = *op.getResult(0).user_begin();
      if (user->getBlock() == &block && !repeatsOperands(user))
        statement = inlined.contains(user) ? statements.lookup(user) : user;
    }
    // Of a private array that is named twice in one statement.
    if (auto load = dyn_cast<memref::LoadOp>(op);
        load && !statement && isPrivate(load.getMemRef()) &&
        llvm::range_size(op.getUsers()) == 2) {
      for (Operation *other : op.getUsers()) {
        Operation *place =
            inlined.contains(other) ? statements.lookup(other) : other;
        if (other->getBlock() != &block || repeatsOperands(other) ||
            (statement && place != statement)) {
          statement = nullptr;
          break;
        }
        statement = place;
        if (!statement)
          break;
      }
    }
    if (isFree(&op) || isSimpleIndex(&op)) {
      inlined.insert(&op);
      statements[&op] = statement;
      continue;
    }
    if (!isExpression(&op) || !statement || op.hasAttr(kNameAttrName) ||
        op.hasAttr(kCommentAttrName) || sizes[statement] >= kMaxOperations)
      continue;
    Value memref;
    if (auto load = dyn_cast<memref::LoadOp>(op))
      memref = load.getMemRef();
    else if (auto load = dyn_cast<vector::LoadOp>(op))
      memref = load.getBase();
    // A loop may evaluate its bound again in each turn.
    if (memref && (isa<LoopLikeOpInterface>(statement) ||
                   isTouchedBetween(&op, statement, findBase(memref))))
      continue;
    inlined.insert(&op);
    statements[&op] = statement;
    ++sizes[statement];
  }
}
