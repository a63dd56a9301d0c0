//===- TilePlanResults.cpp - Sums over a tile plan ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be asked of a tile plan.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/TilePlan.h"

#include <algorithm>

using namespace mlir::tile;

Visit Sweep::at(int64_t batch, int64_t kvHead, int64_t queryTile,
                int64_t keyTile) const {
  if (batch >= batches || kvHead >= kvHeads || queryTile >= queryTiles ||
      keyTile >= keyTiles)
    return Visit::none;
  return visits[((batch * kvHeads + kvHead) * queryTiles + queryTile) *
                    keyTiles +
                keyTile];
}

int64_t Sweep::count(Visit visit) const {
  return std::count(visits.begin(), visits.end(), visit);
}

template <typename Items, typename Fn>
static int64_t sumOf(const Items &items, Fn fn) {
  int64_t sum = 0;
  for (const auto &item : items)
    sum += fn(item);
  return sum;
}

int64_t TilePlan::flops() const {
  return sumOf(launches, [](const LaunchPlan &l) { return l.flops; });
}
int64_t TilePlan::exponentials() const {
  return sumOf(launches, [](const LaunchPlan &l) { return l.exponentials; });
}
int64_t TilePlan::movedBytes() const {
  return sumOf(tensors, [](const TensorTraffic &t) { return t.movedBytes(); });
}
