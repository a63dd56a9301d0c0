//===- BlockLists.h - Block masks of the cases ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_BLOCKLISTS_H
#define ATTN_UNIT_ENDTOEND_BLOCKLISTS_H

#include <cstdint>
#include <vector>

namespace attn::testing {

/// The block mask of a case.
struct BlockKind {
  /// Part of the name of a case, and which blocks are listed: "some" (without
  /// those of every fourth row), "late" (above the diagonal, where
  /// `#attn.causal` keeps nothing), "none", or "bad" (some, with numbers that
  /// are out of range).
  const char *which = "some";
  int64_t queryBlock = 32, keyBlock = 64;
  /// Batch entries and heads have lists of their own.
  bool ofBatches = false, ofHeads = false;
  /// Some blocks are marked full.
  bool withFull = false;
};

/// The three operands of the clause.
struct BlockLists {
  std::vector<int64_t> shape; ///< of the offsets
  std::vector<double> offsets, columns, full;
};

BlockLists makeBlockLists(const BlockKind &kind, int64_t batch, int64_t heads,
                          int64_t queries, int64_t keys);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_BLOCKLISTS_H
