//===- BlockMask.h - Lists of blocks that are kept --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of attn/attn.h: makes the tensors that a block mask takes at each call.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CPP_BLOCKMASK_H
#define ATTN_CPP_BLOCKMASK_H

#include "attn/cpp/Engine.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace attn {
inline namespace v1 {

/// Which blocks of queries and keys are kept, in the form that
/// Attention::blockMask takes: for each batch entry, head and block row a list
/// of block columns.  Query i is in block row i / queryBlock, key j in block
/// column j / keyBlock.  docs/semantics.md has the rules.
struct BlockMask {
  /// What is divided into blocks.
  struct Shape {
    /// Sequence lengths.
    int64_t queries = 0, keys = 0;
    /// Queries and keys of a block: multiples of 16, at most 4096.
    int64_t queryBlock = 128, keyBlock = 64;
    /// 1, or as many as at the call.  A list that all share needs 1.
    int64_t batch = 1, heads = 1;

    /// Block rows and block columns.
    int64_t rows() const { return (queries + queryBlock - 1) / queryBlock; }
    int64_t columns() const { return (keys + keyBlock - 1) / keyBlock; }
  };

  Shape shape;
  /// `[batch, heads, rows + 1]`: list r is columns[offsets[r] .. offsets[r + 1]
  /// - 1].
  std::vector<int32_t> offsets;
  /// The block columns of all lists.
  std::vector<int32_t> columns;
  /// For each of them, whether other masks are left out (not 0).
  std::vector<int8_t> full;

  /// The three as tensors in host memory, for Args::set; they point into this.
  Tensor offsetsTensor() const {
    return {offsets.data(), {shape.batch, shape.heads, shape.rows() + 1}};
  }
  Tensor columnsTensor() const {
    return {columns.data(), {static_cast<int64_t>(columns.size())}};
  }
  Tensor fullTensor() const {
    return {full.data(), {static_cast<int64_t>(full.size())}};
  }

  /// Of a dense mask `[batch, heads, queries, keys]`, row major, in which 0 is
  /// a masked score.  Blocks with a score that is kept are listed; those in
  /// which all are kept are full.  Where a listed block is not full, the kernel
  /// still needs the mask itself.
  template <typename T>
  static Result<BlockMask> fromDense(const Shape &shape,
                                     const std::vector<T> &mask) {
    if (std::string problem = checkShape(shape); !problem.empty())
      return Error(ErrorClass::arguments, problem);
    int64_t size = shape.batch * shape.heads * shape.queries * shape.keys;
    if (static_cast<int64_t>(mask.size()) != size)
      return Error(ErrorClass::arguments,
                   "a dense mask has " + std::to_string(mask.size()) +
                       " elements, expected batch * heads * queries * keys = " +
                       std::to_string(size));
    return fromPredicate(
        shape, [&](int64_t b, int64_t h, int64_t i, int64_t j) {
          int64_t row = (b * shape.heads + h) * shape.queries + i;
          return mask[static_cast<size_t>(row * shape.keys + j)] != T(0);
        });
  }

  /// The same of keeps(batch, head, query, key), which is asked for every
  /// score.
  template <typename Keeps>
  static Result<BlockMask> fromPredicate(const Shape &shape, Keeps keeps) {
    return build(shape, [&](int64_t b, int64_t h, int64_t r,
                            std::vector<Entry> &row) {
      int64_t lastQuery = std::min((r + 1) * shape.queryBlock, shape.queries);
      for (int64_t c = 0; c < shape.columns(); ++c) {
        int64_t lastKey = std::min((c + 1) * shape.keyBlock, shape.keys);
        bool any = false, all = true;
        for (int64_t i = r * shape.queryBlock; i < lastQuery; ++i)
          for (int64_t j = c * shape.keyBlock; j < lastKey; ++j) {
            bool kept = static_cast<bool>(keeps(b, h, i, j));
            any = any || kept;
            all = all && kept;
          }
        if (any)
          row.push_back({c, all});
      }
    });
  }

  /// The `count` blocks of each block row with the highest score(batch, head,
  /// block row, block column), or all if there are less; of equal ones the
  /// first.  None is full: other masks apply to all of them.
  template <typename Score>
  static Result<BlockMask> topK(const Shape &shape, int64_t count,
                                Score score) {
    if (count < 0)
      return Error(ErrorClass::arguments,
                   "topK takes a number of blocks that is 0 or more, got " +
                       std::to_string(count));
    return build(shape, [&](int64_t b, int64_t h, int64_t r,
                            std::vector<Entry> &row) {
      std::vector<double> scores;
      for (int64_t c = 0; c < shape.columns(); ++c)
        scores.push_back(static_cast<double>(score(b, h, r, c)));
      std::vector<int64_t> order(scores.size());
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t z) {
        // NaN is less than every number, so that the order is one.
        double x = scores[static_cast<size_t>(a)],
               y = scores[static_cast<size_t>(z)];
        return y != y ? x == x : x > y;
      });
      order.resize(static_cast<size_t>(
          std::min(count, static_cast<int64_t>(order.size()))));
      std::sort(order.begin(), order.end());
      for (int64_t c : order)
        row.push_back({c, false});
    });
  }

  /// An error, in a sentence, if a number or a length does not fit `shape`.  A
  /// kernel reads nothing out of bounds then, but keeps other blocks than are
  /// meant.
  Result<void> check() const {
    auto failure = [](const std::string &text) {
      return Error(ErrorClass::arguments, text);
    };
    if (std::string problem = checkShape(shape); !problem.empty())
      return failure(problem);
    int64_t lists = shape.batch * shape.heads, pitch = shape.rows() + 1;
    if (static_cast<int64_t>(offsets.size()) != lists * pitch)
      return failure("a block mask has " + std::to_string(offsets.size()) +
                     " offsets, expected batch * heads * (block rows + 1) = " +
                     std::to_string(lists * pitch));
    if (full.size() != columns.size() && !full.empty())
      return failure("a block mask has " + std::to_string(columns.size()) +
                     " columns and " + std::to_string(full.size()) +
                     " flags of full blocks; they must be as many");
    const int64_t listed = static_cast<int64_t>(columns.size());
    for (int64_t n = 0; n < lists * pitch; ++n) {
      int64_t offset = offsets[static_cast<size_t>(n)];
      if (offset < 0 || offset > listed)
        return failure("offset " + std::to_string(n) + " of a block mask is " +
                       std::to_string(offset) + ", expected 0 to " +
                       std::to_string(listed) + ", the number of columns");
      if (n % pitch != 0 && offset < offsets[static_cast<size_t>(n - 1)])
        return failure("offset " + std::to_string(n) + " of a block mask is " +
                       std::to_string(offset) + ", less than the one before (" +
                       std::to_string(offsets[static_cast<size_t>(n - 1)]) +
                       "); offsets of a head must not decrease");
    }
    for (int64_t n = 0; n < listed; ++n) {
      int64_t column = columns[static_cast<size_t>(n)];
      if (column < 0 || column >= shape.columns())
        return failure("column " + std::to_string(n) + " of a block mask is " +
                       std::to_string(column) + ", expected 0 to less than " +
                       std::to_string(shape.columns()) +
                       ", the number of block columns");
    }
    return {};
  }

private:
  struct Entry {
    int64_t column;
    bool isFull;
  };

  static std::string checkShape(const Shape &shape) {
    if (shape.queries < 0 || shape.keys < 0 || shape.batch < 0 ||
        shape.heads < 0)
      return "a block mask has a length, a batch size or a number of heads "
             "that is negative";
    for (int64_t size : {shape.queryBlock, shape.keyBlock})
      if (size < 16 || size > 4096 || size % 16 != 0)
        return "a block has " + std::to_string(size) +
               " queries or keys, expected a multiple of 16 between 16 and "
               "4096";
    return "";
  }

  /// Appends the rows that fill(batch, head, block row, row) makes.
  template <typename Fill>
  static Result<BlockMask> build(const Shape &shape, Fill fill) {
    if (std::string problem = checkShape(shape); !problem.empty())
      return Error(ErrorClass::arguments, problem);
    BlockMask result;
    result.shape = shape;
    std::vector<Entry> row;
    for (int64_t b = 0; b < shape.batch; ++b)
      for (int64_t h = 0; h < shape.heads; ++h) {
        result.offsets.push_back(static_cast<int32_t>(result.columns.size()));
        for (int64_t r = 0; r < shape.rows(); ++r) {
          row.clear();
          fill(b, h, r, row);
          for (const Entry &entry : row) {
            result.columns.push_back(static_cast<int32_t>(entry.column));
            result.full.push_back(entry.isFull);
          }
          if (result.columns.size() > INT32_MAX)
            return Error(ErrorClass::arguments,
                         "a block mask has more than 2^31 - 1 blocks");
          result.offsets.push_back(static_cast<int32_t>(result.columns.size()));
        }
      }
    return result;
  }
};

} // namespace v1
} // namespace attn

#endif // ATTN_CPP_BLOCKMASK_H
