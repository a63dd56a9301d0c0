//===- BlockMaskTest.cpp - Block masks against dense masks ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The blocks that the reference keeps are those of a dense mask that is made
// beside their lists.
//
//===----------------------------------------------------------------------===//

#include "ReferenceTestSupport.h"
#include <random>

using namespace attn::reference;

namespace {

constexpr int64_t batch = 2, heads = 4, queries = 75, keys = 101;
constexpr int64_t queryBlock = 32, keyBlock = 16;
constexpr int64_t rows = 3, columns = 7; // of blocks

/// The three operands, and what they say of each block: 0 not listed, 1
/// listed, 2 full, as [batch, heads, rows, columns].
struct Lists {
  Array offsets, columns, full;
  std::vector<int> kinds;
};

/// Random lists of `b` batch entries and `h` heads, each 1 or all.
Lists makeLists(int64_t b, int64_t h, unsigned seed) {
  std::mt19937 random(seed);
  Lists lists;
  std::vector<int> some;
  lists.offsets.shape = {b, h, rows + 1};
  for (int64_t bh = 0; bh < b * h; ++bh) {
    lists.offsets.data.push_back(double(lists.columns.data.size()));
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<int> kinds(columns, 0);
      for (unsigned n = random() % 9; n > 0; --n) { // with repetitions
        unsigned column = random() % columns, isFull = random() % 3 == 0;
        lists.columns.data.push_back(column);
        lists.full.data.push_back(isFull ? -3 : 0);
        kinds[column] = std::max<int>(kinds[column], 1 + isFull);
      }
      some.insert(some.end(), kinds.begin(), kinds.end());
      lists.offsets.data.push_back(double(lists.columns.data.size()));
    }
  }
  lists.columns.shape = lists.full.shape = {int64_t(lists.columns.data.size())};
  for (int64_t n = 0; n < batch * heads; ++n) {
    int64_t row = std::min(n / heads, b - 1) * h + std::min(n % heads, h - 1);
    lists.kinds.insert(lists.kinds.end(), some.begin() + row * rows * columns,
                       some.begin() + (row + 1) * rows * columns);
  }
  return lists;
}

class BlockMaskTest : public ReferenceTest {
protected:
  /// What the reference keeps, as [batch, heads, queries, keys]: equal weights
  /// of keys that have a column each.
  std::vector<bool> keptOf(const std::string &masks, const Lists &lists,
                           bool withFull) {
    std::string full = withFull ? ", %full" : "";
    // The types of the block mask follow the value, which entry() writes.
    std::string q = "tensor<?x4x?x1xf32>", k = "tensor<?x2x?x1xf32>",
                v = "tensor<?x2x?x101xf32>", o = "tensor<?x4x?x101xf32>",
                lists3 = "tensor<?x?x?xi32>, tensor<?xi32>";
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + v +
            ", %offsets: tensor<?x?x?xi32>, %columns: tensor<?xi32>, %full: "
            "tensor<?xi8>) -> " +
            o + " {\n %o = attn.attention %q, %k, %v block_mask(%offsets, " +
            "%columns" + full + ") block_size [32, 16] " + masks + " : (" + q +
            ", " + k + ", " + v + ", " + lists3 +
            (withFull ? ", tensor<?xi8>" : "") + ") -> " + o +
            "\n return %o : " + o + "\n}",
        &context);
    EXPECT_TRUE(module);
    mlir::func::FuncOp f = *module->getOps<mlir::func::FuncOp>().begin();
    std::vector<Array> inputs = {
        zeros({batch, heads, queries, 1}),
        zeros({batch, 2, keys, 1}),
        generated({batch, 2, keys, keys},
                  [](int64_t n) { return n / keys % keys == n % keys; }),
        lists.offsets,
        lists.columns,
        lists.full};
    Result result = valueOf(evaluate(f, inputs));
    std::vector<bool> kept;
    for (double weight : result.output.data)
      kept.push_back(weight != 0);
    // Counts come from the same mask on another way.
    std::vector<int64_t> counts;
    for (size_t n = 0; n < kept.size(); n += keys)
      counts.push_back(
          std::count(kept.begin() + n, kept.begin() + n + keys, true));
    EXPECT_EQ(result.kept, counts);
    EXPECT_EQ(valueOf(keptCounts(f, inputs)), counts);
    return kept;
  }

  /// The same by definition.
  static std::vector<bool>
  denseMask(const Lists &lists, bool withFull,
            const std::function<bool(int64_t i, int64_t j)> &keeps) {
    std::vector<bool> mask;
    for (int64_t bh = 0; bh < batch * heads; ++bh)
      for (int64_t i = 0; i < queries; ++i)
        for (int64_t j = 0; j < keys; ++j) {
          int kind =
              lists
                  .kinds[(bh * rows + i / queryBlock) * columns + j / keyBlock];
          mask.push_back((kind == 2 && withFull) || (kind != 0 && keeps(i, j)));
        }
    return mask;
  }
};

TEST_F(BlockMaskTest, IsTheDenseMask) {
  unsigned seed = 0;
  for (int64_t b : {int64_t(1), batch})
    for (int64_t h : {int64_t(1), heads})
      for (bool withFull : {false, true}) {
        SCOPED_TRACE(::testing::Message()
                     << b << " x " << h << ", full: " << withFull);
        Lists lists = makeLists(b, h, ++seed);
        EXPECT_EQ(
            keptOf("", lists, withFull),
            denseMask(lists, withFull, [](int64_t, int64_t) { return true; }));
        EXPECT_EQ(keptOf("mask(#attn.causal)", lists, withFull),
                  denseMask(lists, withFull, [](int64_t i, int64_t j) {
                    return j <= i + keys - queries;
                  }));
        EXPECT_EQ(keptOf(R"(mask(#attn.prefix<90>)
                            mask_mod (%b, %h, %i, %j) {
                              %keep = arith.cmpi ne, %i, %j : index
                              attn.yield %keep : i1
                            })",
                         lists, withFull),
                  denseMask(lists, withFull, [](int64_t i, int64_t j) {
                    return j < 90 && i != j;
                  }));
      }
}

TEST_F(BlockMaskTest, BadNumbersListNothing) {
  // Row 0 from before the first column, row 1 beyond the last, row 2 with its
  // end in front of its begin; of the columns only 6 and 2 exist.
  Lists lists;
  lists.offsets = array({1, 1, rows + 1}, {-7, 3, 2147483647, 1});
  lists.columns = array({5}, {-1, 6, 7, 2147483647, 2});
  lists.full = array({5}, {1, 0, 1, 1, 1});
  lists.kinds.assign(batch * heads * rows * columns, 0);
  for (int64_t bh = 0; bh < batch * heads; ++bh) {
    lists.kinds[(bh * rows + 0) * columns + 6] = 1;
    lists.kinds[(bh * rows + 1) * columns + 2] = 2;
  }
  EXPECT_EQ(keptOf("mask(#attn.causal)", lists, /*withFull=*/true),
            denseMask(lists, /*withFull=*/true, [](int64_t i, int64_t j) {
              return j <= i + keys - queries;
            }));
}

TEST_F(BlockMaskTest, NoColumns) {
  Lists lists;
  lists.offsets = array({1, 1, rows + 1}, {0, 0, 2, 0});
  lists.columns = lists.full = array({0});
  EXPECT_EQ(keptOf("", lists, /*withFull=*/true),
            std::vector<bool>(size_t(batch * heads * queries * keys), false));
}

TEST_F(BlockMaskTest, ShapesThatDoNotFit) {
  Lists lists = makeLists(1, 1, 5);
  lists.offsets.shape = {1, 2, 2};
  keptOf("", makeLists(1, 1, 5), /*withFull=*/true); // makes the module
  mlir::func::FuncOp f = *module->getOps<mlir::func::FuncOp>().begin();
  EXPECT_NE(errorOf(evaluate(f, {zeros({batch, heads, queries, 1}),
                                 zeros({batch, 2, keys, 1}),
                                 zeros({batch, 2, keys, keys}), lists.offsets,
                                 lists.columns, lists.full}))
                .find("the offsets of block_mask are [1, 2, 2], expected [1 or "
                      "2, 1 or 4, 4]"),
            std::string::npos);
}

} // namespace
