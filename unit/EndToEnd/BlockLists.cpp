//===- BlockLists.cpp - Block masks of the cases --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockLists.h"

#include <string>

using namespace attn::testing;

/// A number that looks random and is the same on every machine.
static uint64_t hash(uint64_t value) {
  value *= 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  return value ^ (value >> 31);
}

/// Replaces some numbers by ones that list nothing, or less.
static void spoil(BlockLists &lists) {
  const double limits[] = {-1, -2147483648, 2147483647, 1e6};
  for (size_t n = 0; n < lists.columns.size(); n += 5)
    lists.columns[n] = limits[n % 4];
  for (size_t n = 0; n < lists.offsets.size(); n += 3)
    lists.offsets[n] = limits[n % 4];
}

BlockLists attn::testing::makeBlockLists(const BlockKind &kind, int64_t batch,
                                         int64_t heads, int64_t queries,
                                         int64_t keys) {
  const std::string which = kind.which;
  int64_t rows = (queries + kind.queryBlock - 1) / kind.queryBlock,
          columns = (keys + kind.keyBlock - 1) / kind.keyBlock;
  BlockLists lists;
  lists.shape = {kind.ofBatches ? batch : 1, kind.ofHeads ? heads : 1,
                 rows + 1};
  for (int64_t bh = 0; bh < lists.shape[0] * lists.shape[1]; ++bh) {
    lists.offsets.push_back(double(lists.columns.size()));
    for (int64_t r = 0; r < rows; ++r) {
      // The last one first, and some of them twice.
      for (int64_t c = columns - 1; c >= 0 && which != "none"; --c) {
        uint64_t bits = hash((bh * 1000 + r) * 1000 + c);
        bool isLate =
            c * kind.keyBlock > keys - queries + (r + 1) * kind.queryBlock - 1;
        bool isListed =
            which == "late" ? isLate : (r + bh) % 4 != 1 && bits % 8 < 5;
        for (uint64_t n = 0; isListed && n < 1 + (bits >> 8) % 2; ++n) {
          lists.columns.push_back(double(c));
          lists.full.push_back((bits >> (16 + 4 * n)) % 4 == 0 ? -1 : 0);
        }
      }
      lists.offsets.push_back(double(lists.columns.size()));
    }
  }
  if (which == "bad")
    spoil(lists);
  return lists;
}
