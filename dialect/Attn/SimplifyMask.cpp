//===- SimplifyMask.cpp - Canonical forms of masks ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Folds combinations of mask attributes.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Attn.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::attn;

static bool hasRunTimeValues(Attribute mask) {
  return cast<MaskAttrInterface>(mask).getNumRunTimeValues() != 0;
}

static Attribute simplify(Attribute mask);

/// Simplifies the members, takes in those of nested combinations, and drops
/// repetitions. Members with run-time values are kept, in their order, because
/// two equal `?` may stand for different values.
template <typename Combination>
static SmallVector<Attribute> flatten(Combination combination) {
  SmallVector<Attribute> members;
  for (Attribute member : combination.getMasks()) {
    member = simplify(member);
    if (auto nested = dyn_cast<Combination>(member))
      llvm::append_range(members, nested.getMasks());
    else
      members.push_back(member);
  }
  SmallVector<Attribute> unique;
  for (Attribute member : members)
    if (hasRunTimeValues(member) || !llvm::is_contained(unique, member))
      unique.push_back(member);
  return unique;
}

/// Whether `mask` keeps all keys up to the query's own position.
static bool isImpliedByCausal(Attribute mask) {
  auto window = dyn_cast<WindowAttr>(mask);
  return isa<CausalAttr>(mask) || (window && window.getLeft() == kUnlimited &&
                                   !ShapedType::isDynamic(window.getRight()));
}

/// Masks that all must keep: next to a causal mask, what lets through more is
/// dropped, and so is the right side of a window.
static void simplifyBesideCausal(SmallVectorImpl<Attribute> &masks) {
  MLIRContext *context = masks.front().getContext();
  auto causal = CausalAttr::get(context);
  if (!llvm::is_contained(masks, causal))
    return;
  llvm::erase_if(masks, [&](Attribute mask) {
    return mask != causal && isImpliedByCausal(mask);
  });
  for (Attribute &mask : masks)
    if (auto window = dyn_cast<WindowAttr>(mask))
      if (!ShapedType::isDynamic(window.getRight()))
        mask = WindowAttr::get(context, window.getLeft(), kUnlimited);
}

static Attribute simplify(Attribute mask) {
  MLIRContext *context = mask.getContext();
  if (auto window = dyn_cast<WindowAttr>(mask))
    return window.getLeft() == kUnlimited && window.getRight() == 0
               ? CausalAttr::get(context)
               : mask;
  if (auto negated = dyn_cast<NotAttr>(mask)) {
    Attribute inner = simplify(negated.getMask());
    if (auto twice = dyn_cast<NotAttr>(inner))
      return twice.getMask();
    return NotAttr::get(context, inner);
  }
  if (auto all = dyn_cast<AllOfAttr>(mask)) {
    SmallVector<Attribute> members = flatten(all);
    simplifyBesideCausal(members);
    return members.size() == 1 ? members.front()
                               : AllOfAttr::get(context, members);
  }
  if (auto any = dyn_cast<AnyOfAttr>(mask)) {
    SmallVector<Attribute> members = flatten(any);
    return members.size() == 1 ? members.front()
                               : AnyOfAttr::get(context, members);
  }
  return mask;
}

namespace {
struct SimplifyMask : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    Attribute mask = op.getMaskAttr();
    Attribute simplified = mask ? simplify(mask) : mask;
    if (mask == simplified)
      return failure();
    rewriter.modifyOpInPlace(
        op, [&] { op.setMaskAttr(cast<MaskAttrInterface>(simplified)); });
    return success();
  }
};
} // namespace

void AttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<SimplifyMask>(context);
}
