//===- Combine.cpp - attn.combine by its formula --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All log-sum-exps of a row at once: first their maximum, then the weights,
// then the weighted sum.
//
//===----------------------------------------------------------------------===//

#include "Combine.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace attn::reference {

using llvm::ArrayRef;
using llvm::Expected;
using llvm::Twine;

bool hasCombine(mlir::func::FuncOp entry) {
  return entry
      .walk([](mlir::attn::CombineOp) { return mlir::WalkResult::interrupt(); })
      .wasInterrupted();
}

/// The entry's one op; an error if there are others.
static Expected<mlir::attn::CombineOp> findOp(mlir::func::FuncOp entry) {
  mlir::attn::CombineOp op;
  int64_t ops = 0;
  entry.walk([&](mlir::Operation *found) {
    if (!mlir::isa<mlir::attn::CombineOp, mlir::attn::AttentionOp>(found))
      return;
    ++ops;
    if (auto combine = mlir::dyn_cast<mlir::attn::CombineOp>(found))
      op = combine;
  });
  if (ops != 1)
    return opError(entry, "has " + Twine(ops) +
                              " attn.attention and attn.combine ops, the "
                              "reference evaluates entries with exactly one");
  return op;
}

namespace {
/// The parts of one row.
template <typename T>
struct Row {
  std::vector<T> lses, weights;
  T lse;
  int64_t kept;

  explicit Row(size_t parts) : lses(parts), weights(parts) {}

  /// Weights that sum to 1 if any part counts.
  void weigh() {
    const T infinity = std::numeric_limits<T>::infinity();
    T largest = -infinity, sum = 0;
    kept = 0;
    for (T value : lses) {
      kept += value != -infinity;
      // Once NaN, the maximum stays NaN.
      if (!(value <= largest) && !std::isnan(largest))
        largest = value;
    }
    lse = -infinity;
    if (kept == 0)
      return;
    for (size_t p = 0; p < lses.size(); ++p) {
      weights[p] = lses[p] == -infinity ? T(0) : std::exp(lses[p] - largest);
      sum += weights[p];
    }
    for (T &weight : weights)
      weight /= sum;
    lse = largest + std::log(sum);
  }

  bool counts(size_t part) const {
    return lses[part] != -std::numeric_limits<T>::infinity();
  }
};
} // namespace

template <typename T>
Expected<Combined<T>> combine(mlir::func::FuncOp entry,
                              ArrayRef<Array> inputs) {
  Expected<mlir::attn::CombineOp> found = findOp(entry);
  if (!found)
    return found.takeError();
  mlir::attn::CombineOp op = *found;
  Expected<std::vector<Array>> checked = checkInputs(entry, inputs);
  if (!checked)
    return checked.takeError();
  std::vector<std::unique_ptr<Array>> constants;
  Environment environment{entry, *checked, 0, 0, std::is_same_v<T, float>};
  const Array *arrays[2];
  mlir::Value operands[2] = {op.getOutputs(), op.getLses()};
  for (int n = 0; n < 2; ++n) {
    Expected<const Array *> resolved =
        resolveTensor(operands[n], environment, constants);
    if (!resolved)
      return resolved.takeError();
    arrays[n] = *resolved;
    if (arrays[n]->data.empty() && !llvm::is_contained(arrays[n]->shape, 0))
      return opError(op, "outputs and lses need values, one has none");
  }
  const Array &outputs = *arrays[0], &lses = *arrays[1];
  ArrayRef<int64_t> shape = outputs.shape;
  if (shape.drop_back() != ArrayRef<int64_t>(lses.shape))
    return opError(op, "outputs " + shapeText(shape) + " and lses " +
                           shapeText(lses.shape) + " do not fit each other");

  size_t parts = shape[0], columns = shape[4];
  size_t rows = shape[1] * shape[2] * shape[3];
  Combined<T> result;
  result.shape = shape.drop_front().vec();
  result.elementType = op.getOutput().getType().getElementType();
  result.output.resize(rows * columns);
  result.lse.resize(rows);
  result.kept.resize(rows);
  Row<T> row(parts);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t p = 0; p < parts; ++p)
      row.lses[p] = static_cast<T>(lses.data[p * rows + r]);
    row.weigh();
    result.lse[r] = row.lse;
    result.kept[r] = row.kept;
    T *output = result.output.data() + r * columns;
    for (size_t p = 0; p < parts; ++p)
      if (row.counts(p))
        for (size_t c = 0; c < columns; ++c)
          output[c] +=
              row.weights[p] *
              static_cast<T>(outputs.data[(p * rows + r) * columns + c]);
  }
  return result;
}

template Expected<Combined<double>> combine(mlir::func::FuncOp,
                                            ArrayRef<Array>);
template Expected<Combined<float>> combine(mlir::func::FuncOp, ArrayRef<Array>);

} // namespace attn::reference
