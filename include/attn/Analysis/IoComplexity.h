//===- IoComplexity.h - Memory traffic by the papers' formulas --*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The IO complexity of attention, as FlashAttention's theorem 2 and the
// Flash-Decoding article state it, without constants.  What kernels move is
// counted by TilePlan.h; a unit test states between which constants the ratio
// lies.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ANALYSIS_IOCOMPLEXITY_H
#define ATTN_ANALYSIS_IOCOMPLEXITY_H

namespace attn {

/// Sizes of one head, in elements: queries and keys, the head dimension, and
/// what fits on chip.
struct IoProblem {
  double queries, keys, headDim, onChip;
};

/// Standard attention, Theta(N d + N^2): scores and probabilities go to memory.
inline double standardIo(const IoProblem &p) {
  return (p.queries + p.keys) / 2 * p.headDim + p.queries * p.keys;
}

/// FlashAttention, Theta(N^2 d^2 / M) for d <= M <= N d: keys and values are
/// read once for each query tile, whose rows are bounded by M / d.
inline double flashIo(const IoProblem &p) {
  return p.queries * p.keys * p.headDim * p.headDim / p.onChip;
}

/// Flash-Decoding: a few queries fit into one tile, so that each key is read
/// once, whatever M is; `splits` parts leave a partial result each.
inline double decodingIo(const IoProblem &p, double splits) {
  return p.keys * p.headDim + splits * p.queries * p.headDim;
}

} // namespace attn

#endif // ATTN_ANALYSIS_IOCOMPLEXITY_H
