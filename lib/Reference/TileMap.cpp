//===- TileMap.cpp - What masks leave of tiles ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks at every score and says which tiles are empty, partial or full.
//
//===----------------------------------------------------------------------===//

#include "Problem.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

namespace attn::reference {

using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

int64_t TileMap::count(TileKind kind) const {
  return std::count(kinds.begin(), kinds.end(), kind);
}

/// Calls `row` with the mask of the packed rows `begin .. end - 1` of a KV
/// head.
static Error
forEachRow(const Problem &problem, int64_t batch, int64_t kvHead, int64_t begin,
           int64_t end, Frames &frames,
           llvm::function_ref<void(int64_t row, ArrayRef<uint8_t> keep)> row) {
  int64_t group = problem.sizes.queryHeads / problem.sizes.kvHeads;
  std::vector<uint8_t> keep(problem.sizes.keys);
  KeyRange range;
  // The heads of a group have the same mask unless it depends on the head.
  int64_t masked = -1;
  bool perHead = problem.maskDependsOnHead();
  for (int64_t r = begin; r < end; ++r) {
    int64_t position = r / group;
    if (perHead || position != masked) {
      if (!problem.mask(frames, batch, kvHead * group + r % group, position,
                        keep.data(), range)) {
        Failure failure;
        failure.record(frames);
        return failure.take();
      }
      masked = position;
    }
    row(r, keep);
  }
  return Error::success();
}

Expected<TileMap> classifyTiles(mlir::func::FuncOp entry,
                                ArrayRef<Array> inputs, int64_t tileQ,
                                int64_t tileKv) {
  Expected<std::unique_ptr<Problem>> made =
      Problem::create(entry, inputs, {/*needsData=*/false, /*inFloat=*/false});
  if (!made)
    return made.takeError();
  const Problem &problem = **made;
  const Geometry &sizes = problem.sizes;
  int64_t rows = sizes.queries * (sizes.queryHeads / sizes.kvHeads);
  TileMap map{sizes.batch,
              sizes.kvHeads,
              (rows + tileQ - 1) / tileQ,
              (sizes.keys + tileKv - 1) / tileKv,
              {}};
  constexpr int64_t maxPairs = int64_t(1) << 26;
  int64_t pairs = 1;
  for (int64_t factor :
       {map.batches, map.kvHeads, map.queryTiles, map.keyTiles})
    if (llvm::MulOverflow(pairs, factor, pairs) || pairs > maxPairs)
      return opError(entry, "has more than " + llvm::Twine(maxPairs) +
                                " pairs of tiles at these lengths; choose "
                                "shorter ones or larger tiles");
  map.kinds.resize(pairs, TileKind::empty);
  // Without a dependence on the head, the first KV head stands for all.
  int64_t heads =
      problem.maskDependsOnHead() || pairs == 0 ? map.batches * map.kvHeads : 1;
  int64_t perHead = map.queryTiles * map.keyTiles;
  std::mutex mutex;
  Error firstError = Error::success();
  onAllCores(
      pairs == 0 ? 0 : heads * map.queryTiles,
      [&](llvm::function_ref<int64_t()> next) {
        Frames frames(problem, sizes.keys);
        std::vector<uint8_t> any, all;
        for (int64_t tile = next(); tile < heads * map.queryTiles;
             tile = next()) {
          int64_t head = tile / map.queryTiles, first = tile % map.queryTiles;
          any.assign(map.keyTiles, 0);
          all.assign(map.keyTiles, 1);
          Error error =
              forEachRow(problem, head / map.kvHeads, head % map.kvHeads,
                         first * tileQ, std::min((first + 1) * tileQ, rows),
                         frames, [&](int64_t, ArrayRef<uint8_t> keep) {
                           for (int64_t t = 0; t < map.keyTiles; ++t) {
                             int64_t begin = t * tileKv,
                                     end = std::min(begin + tileKv, sizes.keys);
                             for (int64_t j = begin; j < end; ++j) {
                               any[t] |= keep[j];
                               all[t] &= keep[j];
                             }
                           }
                         });
          if (error) {
            std::lock_guard<std::mutex> lock(mutex);
            firstError = joinErrors(std::move(firstError), std::move(error));
            return;
          }
          for (int64_t t = 0; t < map.keyTiles; ++t) {
            bool ends = (t + 1) * tileKv <= sizes.keys;
            map.kinds[tile * map.keyTiles + t] = !any[t] ? TileKind::empty
                                                 : all[t] && ends
                                                     ? TileKind::full
                                                     : TileKind::partial;
          }
        }
      });
  if (firstError)
    return firstError;
  for (int64_t head = heads; head < map.batches * map.kvHeads; ++head)
    std::copy_n(map.kinds.begin(), perHead, map.kinds.begin() + head * perHead);
  return map;
}

Error forEachMaskRow(
    mlir::func::FuncOp entry, ArrayRef<Array> inputs, int64_t batch,
    int64_t kvHead,
    llvm::function_ref<void(int64_t row, ArrayRef<uint8_t> keep)> row) {
  Expected<std::unique_ptr<Problem>> made =
      Problem::create(entry, inputs, {/*needsData=*/false, /*inFloat=*/false});
  if (!made)
    return made.takeError();
  const Geometry &sizes = (*made)->sizes;
  Frames frames(**made, sizes.keys);
  return forEachRow(**made, batch, kvHead, 0,
                    sizes.queries * (sizes.queryHeads / sizes.kvHeads), frames,
                    row);
}

} // namespace attn::reference
