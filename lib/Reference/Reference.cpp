//===- Reference.cpp - Attention in float64 -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention by the textbook: a whole row of scores, the mask, a softmax in two
// passes, P V.  One template serves float64 (the reference) and float (plain
// attention, the yardstick of the criterion).
//
//===----------------------------------------------------------------------===//

#include "attn/Reference/Reference.h"

#include "Combine.h"
#include "Problem.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace attn::reference {

using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// The right factor of a product, cut into panels of `width` columns, so that
/// the loop over the inner dimension reads consecutive memory.
template <typename T>
struct Panels {
  /// Vectors of 16 bytes, which every machine has.
  typedef T Vector __attribute__((vector_size(16)));
  static constexpr int64_t lanes = 16 / sizeof(T);
  static constexpr int64_t vectors = 8;
  static constexpr int64_t width = lanes * vectors;

  int64_t inner = 0;
  std::vector<T> data;

  /// Packs `columns` columns of `inner` elements each; element (k, n) of the
  /// factor is source[k * strideInner + n * strideColumn].
  void pack(const double *source, int64_t innerSize, int64_t columns,
            int64_t strideInner, int64_t strideColumn) {
    inner = innerSize;
    data.assign((columns + width - 1) / width * width * inner, T(0));
    for (int64_t n = 0; n < columns; ++n)
      for (int64_t k = 0; k < inner; ++k)
        data[n / width * width * inner + k * width + n % width] =
            static_cast<T>(source[k * strideInner + n * strideColumn]);
  }

  /// out[0..width) = sum over k in [begin, end) of left[k] * column k of
  /// `panel`.  With skipZero, a factor of exactly zero contributes nothing,
  /// whatever it meets: a masked key must not bring in a NaN of V.
  template <bool skipZero>
  void multiply(const T *left, int64_t begin, int64_t end, int64_t panel,
                T *out) const {
    const T *right = data.data() + panel * width * inner;
    Vector s0{}, s1{}, s2{}, s3{}, s4{}, s5{}, s6{}, s7{};
    for (int64_t k = begin; k < end; ++k) {
      T factor = left[k];
      if (skipZero && factor == 0)
        continue;
      Vector r[vectors];
      std::memcpy(r, right + k * width, sizeof(r));
      s0 += factor * r[0];
      s1 += factor * r[1];
      s2 += factor * r[2];
      s3 += factor * r[3];
      s4 += factor * r[4];
      s5 += factor * r[5];
      s6 += factor * r[6];
      s7 += factor * r[7];
    }
    const Vector sums[vectors] = {s0, s1, s2, s3, s4, s5, s6, s7};
    std::memcpy(out, sums, sizeof(sums));
  }
};

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {

/// Computes rows of one problem in the type T.
template <typename T>
class Attention {
public:
  explicit Attention(const Problem &problem)
      : problem(problem), sizes(problem.sizes) {
    output.resize(sizes.batch * sizes.queryHeads * sizes.queries *
                  problem.valueDim);
    lse.resize(sizes.batch * sizes.queryHeads * sizes.queries);
    kept.resize(lse.size());
  }

  Error run();

  std::vector<T> output;
  std::vector<T> lse;
  std::vector<int64_t> kept;

private:
  /// Query rows that share the loads of a panel.
  static constexpr int64_t blockRows = 16;
  static constexpr int64_t width = Panels<T>::width;

  /// Working memory of one thread.
  struct Scratch {
    Scratch(const Attention &self, int64_t keys)
        : frames(self.problem, keys), pitch((keys + width - 1) / width * width),
          kept(blockRows * keys), scores(blockRows * pitch),
          query(self.problem.headDim), modified(keys) {}
    Frames frames;
    int64_t pitch;
    std::vector<uint8_t> kept;
    std::vector<T> scores;
    std::vector<T> query;
    std::vector<double> modified;
    KeyRange ranges[blockRows];
  };

  void pack();
  bool softmax(Scratch &scratch, int64_t b, int64_t h, int64_t i, int64_t r,
               T &lse, int64_t &kept) const;
  void compute(Scratch &scratch, int64_t b, int64_t h, int64_t i0,
               int64_t count, bool &ok);

  const Problem &problem;
  const Geometry &sizes;
  std::vector<Panels<T>> keys, values;
};

} // namespace

template <typename T>
void Attention<T>::pack() {
  int64_t heads = sizes.batch * sizes.kvHeads;
  keys.resize(heads);
  values.resize(heads);
  onAllCores(heads, [&](llvm::function_ref<int64_t()> next) {
    for (int64_t g = next(); g < heads; g = next()) {
      keys[g].pack(problem.key->data.data() + g * sizes.keys * problem.headDim,
                   problem.headDim, sizes.keys, 1, problem.headDim);
      values[g].pack(problem.value->data.data() +
                         g * sizes.keys * problem.valueDim,
                     sizes.keys, problem.valueDim, problem.valueDim, 1);
    }
  });
}

/// Rounds to the element type, if that is narrower than float.
static void roundNarrow(llvm::MutableArrayRef<float> values, mlir::Type type) {
  for (float &value : values) {
    if (type.isF16()) {
      value = static_cast<float>(static_cast<_Float16>(value));
    } else if (type.isBF16() && !std::isnan(value)) {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      // To nearest, ties to even.
      bits += 0x7fff + (bits >> 16 & 1);
      bits &= 0xffff0000;
      std::memcpy(&value, &bits, sizeof(value));
    }
  }
}

/// Turns row r of the scores into probabilities, in place.
template <typename T>
bool Attention<T>::softmax(Scratch &scratch, int64_t b, int64_t h, int64_t i,
                           int64_t r, T &lse, int64_t &count) const {
  const T infinity = std::numeric_limits<T>::infinity();
  KeyRange range = scratch.ranges[r];
  const uint8_t *keep = scratch.kept.data() + r * sizes.keys;
  T *scores = scratch.scores.data() + r * scratch.pitch;
  T scale = static_cast<T>(problem.scale);
  for (int64_t j = range.begin; j < range.end; ++j)
    scores[j] *= scale;
  if (!problem.scoreAttributes.empty()) {
    int64_t position = i + sizes.keys - sizes.queries;
    for (int64_t j = range.begin; j < range.end; ++j)
      scores[j] =
          problem.scoreAttributes.apply(scores[j], h, std::abs(position - j));
  }
  if (problem.scoreMod && range.begin < range.end) {
    std::copy(scores + range.begin, scores + range.end,
              scratch.modified.begin());
    RegionInterpreter::Frame &frame = scratch.frames.scoreMod;
    if (!problem.scoreMod->run(frame, b, h, i, range.begin,
                               range.end - range.begin, scratch.modified.data(),
                               keep + range.begin))
      return false;
    for (int64_t j = range.begin; j < range.end; ++j)
      scores[j] =
          static_cast<T>(problem.scoreMod->score(frame, j - range.begin));
  }

  // A sink is a score without a key; one of -inf is none.
  T sink = problem.sinks ? static_cast<T>(problem.sinks->data[h]) : -infinity;
  T largest = sink;
  count = 0;
  for (int64_t j = range.begin; j < range.end; ++j) {
    if (!keep[j])
      scores[j] = -infinity;
    if (scores[j] == -infinity)
      continue;
    ++count;
    // Once NaN, the maximum stays NaN.
    if (!(scores[j] <= largest) && !std::isnan(largest))
      largest = scores[j];
  }
  lse = sink;
  if (count == 0) {
    std::fill(scores + range.begin, scores + range.end, T(0));
    return true;
  }
  // Of a sink of +inf all other scores are infinitely far away.
  T sum = sink == infinity    ? infinity
          : sink == -infinity ? T(0)
                              : std::exp(sink - largest);
  for (int64_t j = range.begin; j < range.end; ++j) {
    scores[j] = scores[j] == -infinity ? T(0) : std::exp(scores[j] - largest);
    sum += scores[j];
  }
  for (int64_t j = range.begin; j < range.end; ++j)
    scores[j] /= sum;
  if (problem.dropout)
    for (int64_t j = range.begin; j < range.end; ++j)
      scores[j] *= static_cast<T>(problem.dropout->weightOf(b, h, i, j));
  if constexpr (std::is_same_v<T, float>)
    roundNarrow(llvm::MutableArrayRef(scores + range.begin, scores + range.end),
                problem.elementType);
  lse = largest + std::log(sum);
  return true;
}

/// Computes `count` rows from position i0 on; their masks are in `scratch`.
template <typename T>
void Attention<T>::compute(Scratch &scratch, int64_t b, int64_t h, int64_t i0,
                           int64_t count, bool &ok) {
  int64_t kvHead = h / (sizes.queryHeads / sizes.kvHeads);
  const Panels<T> &key = keys[b * sizes.kvHeads + kvHead];
  const Panels<T> &value = values[b * sizes.kvHeads + kvHead];
  int64_t firstRow = (b * sizes.queryHeads + h) * sizes.queries + i0;

  std::vector<T> &query = scratch.query;
  query.resize(count * problem.headDim);
  const double *source =
      problem.query->data.data() + firstRow * problem.headDim;
  std::copy(source, source + query.size(), query.begin());
  int64_t panels = (sizes.keys + width - 1) / width;
  for (int64_t panel = 0; panel < panels; ++panel)
    for (int64_t r = 0; r < count; ++r)
      if (scratch.ranges[r].begin < (panel + 1) * width &&
          panel * width < scratch.ranges[r].end)
        key.template multiply<false>(
            query.data() + r * problem.headDim, 0, problem.headDim, panel,
            scratch.scores.data() + r * scratch.pitch + panel * width);

  for (int64_t r = 0; r < count && ok; ++r)
    ok = softmax(scratch, b, h, i0 + r, r, lse[firstRow + r],
                 kept[firstRow + r]);
  if (!ok)
    return;

  for (int64_t column = 0; column < problem.valueDim; column += width) {
    int64_t columns = std::min(width, problem.valueDim - column);
    for (int64_t r = 0; r < count; ++r) {
      T sums[width];
      value.template multiply<true>(
          scratch.scores.data() + r * scratch.pitch, scratch.ranges[r].begin,
          scratch.ranges[r].end, column / width, sums);
      // A sink of NaN has no key that would bring it here.
      if (std::isnan(lse[firstRow + r]))
        std::fill(sums, sums + columns, lse[firstRow + r]);
      std::copy(sums, sums + columns,
                output.data() + (firstRow + r) * problem.valueDim + column);
    }
  }
}

template <typename T>
Error Attention<T>::run() {
  pack();
  // A work item is a block of query rows of some heads.  All heads in one item
  // share the mask where it does not depend on the head.
  int64_t heads = sizes.batch * sizes.queryHeads;
  int64_t blocks = (sizes.queries + blockRows - 1) / blockRows;
  bool perHead = problem.maskDependsOnHead();
  int64_t groups = perHead || blocks < 16 ? heads : 1;
  Failure failure;
  onAllCores(blocks * groups, [&](llvm::function_ref<int64_t()> next) {
    Scratch scratch(*this, sizes.keys);
    bool ok = true;
    for (int64_t work = next(); work < blocks * groups && ok; work = next()) {
      int64_t i0 = work % blocks * blockRows;
      int64_t count = std::min(blockRows, sizes.queries - i0);
      int64_t perGroup = heads / groups, first = work / blocks * perGroup;
      for (int64_t bh = first; bh < first + perGroup && ok; ++bh) {
        int64_t b = bh / sizes.queryHeads, h = bh % sizes.queryHeads;
        if (bh == first || perHead)
          for (int64_t r = 0; r < count && ok; ++r)
            ok = problem.mask(scratch.frames, b, h, i0 + r,
                              scratch.kept.data() + r * sizes.keys,
                              scratch.ranges[r]);
        if (ok)
          compute(scratch, b, h, i0, count, ok);
      }
    }
    if (!ok)
      failure.record(scratch.frames);
  });
  return failure.take();
}

Expected<Result> evaluate(mlir::func::FuncOp entry, ArrayRef<Array> inputs) {
  if (hasCombine(entry)) {
    Expected<Combined<double>> combined = combine<double>(entry, inputs);
    if (!combined)
      return combined.takeError();
    std::vector<int64_t> rows = combined->shape;
    rows.pop_back();
    return Result{{std::move(combined->shape), std::move(combined->output)},
                  {std::move(rows), std::move(combined->lse)},
                  std::move(combined->kept)};
  }
  Expected<std::unique_ptr<Problem>> problem =
      Problem::create(entry, inputs, {/*needsData=*/true, /*inFloat=*/false});
  if (!problem)
    return problem.takeError();
  Attention<double> attention(**problem);
  if (Error error = attention.run())
    return error;
  const Geometry &sizes = (*problem)->sizes;
  Result result;
  result.output = {
      {sizes.batch, sizes.queryHeads, sizes.queries, (*problem)->valueDim},
      std::move(attention.output)};
  result.lse = {{sizes.batch, sizes.queryHeads, sizes.queries},
                std::move(attention.lse)};
  result.kept = std::move(attention.kept);
  if ((*problem)->blockMask)
    result.status = (*problem)->blockMask->countFaults(sizes.keys);
  return result;
}

Expected<std::vector<float>> plainAttention(mlir::func::FuncOp entry,
                                            ArrayRef<Array> inputs) {
  if (hasCombine(entry)) {
    Expected<Combined<float>> combined = combine<float>(entry, inputs);
    if (!combined)
      return combined.takeError();
    roundNarrow(combined->output, combined->elementType);
    return std::move(combined->output);
  }
  Expected<std::unique_ptr<Problem>> problem =
      Problem::create(entry, inputs, {/*needsData=*/true, /*inFloat=*/true});
  if (!problem)
    return problem.takeError();
  Attention<float> attention(**problem);
  if (Error error = attention.run())
    return error;
  roundNarrow(attention.output, (*problem)->elementType);
  return std::move(attention.output);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// |actual - expected|; infinite if only one of them is NaN or infinite.
static double difference(double actual, double expected) {
  if (actual == expected || (std::isnan(actual) && std::isnan(expected)))
    return 0;
  double error = std::fabs(actual - expected);
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

Comparison compare(const Result &reference, ArrayRef<float> output,
                   ArrayRef<float> lse) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> &expected = reference.output.data;
  if (output.size() != expected.size() ||
      (!lse.empty() && lse.size() != reference.lse.data.size()))
    return {infinity, infinity, infinity, infinity};

  Comparison result;
  size_t columns = reference.output.shape.back();
  for (size_t row = 0; row < expected.size(); row += columns) {
    double error2 = 0, norm2 = 0;
    for (size_t c = row; c < row + columns; ++c) {
      double error = difference(output[c], expected[c]);
      result.maxAbsError = std::max(result.maxAbsError, error);
      error2 += error * error;
      // A NaN or an infinity that agrees says nothing about the scale.
      if (std::isfinite(expected[c]))
        norm2 += expected[c] * expected[c];
    }
    double relative = error2 == 0  ? 0
                      : norm2 == 0 ? infinity
                                   : std::sqrt(error2 / norm2);
    result.maxRowRelativeError = std::max(result.maxRowRelativeError, relative);
  }
  for (auto [actual, exact] : llvm::zip(lse, reference.lse.data)) {
    double error = difference(actual, exact);
    result.lseAbsError = std::max(result.lseAbsError, error);
    if (std::isfinite(exact))
      error /= std::max(1.0, std::fabs(exact));
    result.lseError = std::max(result.lseError, error);
  }
  return result;
}

} // namespace attn::reference
