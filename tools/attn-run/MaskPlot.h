//===- MaskPlot.h - A picture of masks and tiles ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Draws what a mask leaves of each tile, by the reference, and what the kernel
// visits, by its tile plan.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_MASKPLOT_H
#define ATTN_TOOLS_RUN_MASKPLOT_H

#include "tools/Variant.h"

namespace attn::tool {

/// Pairs of tiles over all batches and KV heads.
struct MaskFindings {
  int64_t total = 0, empty = 0, partial = 0, full = 0;
  int64_t visitedPartial = 0, visitedFull = 0;
  /// Visited although empty; visited with mask code although full. These cost
  /// time only.
  int64_t wasted = 0, maskedFull = 0;
  /// Not visited although not empty; visited without mask code although not
  /// full; visited twice in one pass. These are wrong.
  int64_t missing = 0, unmasked = 0, repeated = 0;

  bool isWrong() const { return missing + unmasked + repeated != 0; }
  bool isTight() const { return wasted + maskedFull == 0; }
};

struct MaskPlot {
  std::string svg;
  MaskFindings findings;
};

/// Plots the mask of `variant` for these inputs; values are needed only where
/// the mask reads them.
Result<MaskPlot> plotMask(Variant &variant, const CompileOptions &options,
                          const std::vector<reference::Array> &inputs);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_MASKPLOT_H
