//===- Problem.cpp - One attention op with its inputs ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks the inputs of an entry, evaluates masks, and counts kept keys.
//
//===----------------------------------------------------------------------===//

#include "Problem.h"

#include "Philox.h"
#include "dialect/Attn/Attn.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <thread>

namespace attn::reference {

using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

std::string shapeText(ArrayRef<int64_t> shape) {
  return "[" +
         llvm::join(llvm::map_range(shape,
                                    [](int64_t size) {
                                      return mlir::ShapedType::isDynamic(size)
                                                 ? std::string("?")
                                                 : std::to_string(size);
                                    }),
                    ", ") +
         "]";
}

/// Checks one input against its argument and rounds it.
static Expected<Array> checkInput(mlir::func::FuncOp entry, unsigned number,
                                  const Array &input) {
  mlir::Type type = entry.getArgument(number).getType(), element = type;
  ArrayRef<int64_t> expected;
  if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type)) {
    expected = tensor.getShape();
    element = tensor.getElementType();
  }
  bool matches = expected.size() == input.shape.size();
  for (size_t d = 0; matches && d < expected.size(); ++d)
    matches =
        input.shape[d] >= 0 && (mlir::ShapedType::isDynamic(expected[d]) ||
                                expected[d] == input.shape[d]);
  if (!matches)
    return opError(entry, "input " + Twine(number) + " has the shape " +
                              shapeText(input.shape) + ", expected " +
                              shapeText(expected));
  size_t elements = std::accumulate(input.shape.begin(), input.shape.end(),
                                    int64_t(1), std::multiplies<>());
  if (!input.data.empty() && input.data.size() != elements)
    return opError(entry, "input " + Twine(number) + " has " +
                              Twine(input.data.size()) + " values, expected " +
                              Twine(elements));
  Array rounded = input;
  for (double &value : rounded.data)
    value = roundToType(value, element);
  return rounded;
}

Expected<std::vector<Array>> checkInputs(mlir::func::FuncOp entry,
                                         ArrayRef<Array> inputs) {
  if (inputs.size() != entry.getNumArguments())
    return opError(entry, Twine(inputs.size()) + " inputs were given for " +
                              Twine(entry.getNumArguments()) + " arguments");
  std::vector<Array> rounded;
  for (unsigned number = 0; number < inputs.size(); ++number) {
    Expected<Array> input = checkInput(entry, number, inputs[number]);
    if (!input)
      return input.takeError();
    rounded.push_back(std::move(*input));
  }
  return rounded;
}

Expected<std::unique_ptr<Problem>> Problem::create(mlir::func::FuncOp entry,
                                                   ArrayRef<Array> inputs,
                                                   const Options &options) {
  mlir::attn::AttentionOp op;
  int64_t ops = 0;
  entry.walk([&](mlir::attn::AttentionOp found) {
    op = found;
    ++ops;
  });
  if (ops != 1)
    return opError(entry, "has " + Twine(ops) +
                              " attn.attention ops, the reference evaluates "
                              "entries with exactly one");
  auto self = std::make_unique<Problem>();
  Expected<std::vector<Array>> checked = checkInputs(entry, inputs);
  if (!checked)
    return checked.takeError();
  self->inputs = std::move(*checked);
  Environment environment{entry, self->inputs, 0, 0, options.inFloat};
  const std::pair<mlir::Value, const Array **> operands[] = {
      {op.getQuery(), &self->query},
      {op.getKey(), &self->key},
      {op.getValue(), &self->value}};
  for (auto [operand, array] : operands) {
    Expected<const Array *> resolved =
        resolveTensor(operand, environment, self->constants);
    if (!resolved)
      return resolved.takeError();
    *array = *resolved;
    ArrayRef<int64_t> shape = (*array)->shape;
    if (shape.size() != 4)
      return opError(op, "query, key and value need 4 dimensions, one has the "
                         "shape " +
                             shapeText(shape));
    if (options.needsData && (*array)->data.empty() &&
        !llvm::is_contained(shape, 0))
      return opError(op, "query, key and value need values, one has none");
  }
  const std::vector<int64_t> &query = self->query->shape,
                             &key = self->key->shape,
                             &value = self->value->shape;
  if (query[0] != key[0] || query[0] != value[0] || key[1] != value[1] ||
      key[1] < 1 || query[1] % key[1] != 0 || key[2] != value[2] ||
      query[3] != key[3])
    return opError(op, "query " + shapeText(query) + ", key " + shapeText(key) +
                           " and value " + shapeText(value) +
                           " do not fit each other");
  self->sizes = {query[0], query[1], key[1], query[2], key[2]};
  self->headDim = query[3];
  self->valueDim = value[3];
  environment.queries = query[2];
  environment.keys = key[2];
  mlir::FloatAttr scale = op.getScaleAttr();
  self->scale = scale ? scale.getValueAsDouble()
                      : 1 / std::sqrt(static_cast<double>(self->headDim));

  self->elementType = op.getQuery().getType().getElementType();
  if (mlir::Attribute mask = op.getMaskAttr()) {
    mlir::ValueRange values = op.getMaskOperands();
    Expected<MaskEvaluator> evaluator =
        MaskEvaluator::create(mask, values, environment);
    if (!evaluator)
      return evaluator.takeError();
    self->maskAttribute = std::move(*evaluator);
  }
  if (Error error = self->takeBlockMask(op, environment))
    return error;
  if (options.needsData) {
    Expected<ScoreEvaluator> evaluator =
        ScoreEvaluator::create(op, environment);
    if (!evaluator)
      return evaluator.takeError();
    self->scoreAttributes = std::move(*evaluator);
  }
  if (mlir::Value sinks = op.getSinks(); sinks && options.needsData) {
    Expected<const Array *> resolved =
        resolveTensor(sinks, environment, self->constants);
    if (!resolved)
      return resolved.takeError();
    self->sinks = *resolved;
    if (self->sinks->data.size() != static_cast<size_t>(query[1]))
      return opError(op, "has " + Twine(self->sinks->data.size()) +
                             " sinks for " + Twine(query[1]) + " query heads");
  }
  if (op.getDropoutProbability() && options.needsData) {
    const mlir::Value operands[] = {op.getDropoutProbability(),
                                    op.getDropoutSeed(), op.getDropoutOffset()};
    Scalar values[3];
    for (auto [value, operand] : llvm::zip_equal(values, operands)) {
      Expected<Scalar> scalar =
          RegionInterpreter::evaluate(operand, environment);
      if (!scalar)
        return scalar.takeError();
      value = *scalar;
    }
    self->dropout = Dropout{values[0].real, uint64_t(values[1].integer),
                            uint64_t(values[2].integer)};
  }
  if (options.needsData && !op.getScoreMod().empty()) {
    auto region = RegionInterpreter::create(op.getScoreMod(), environment);
    if (!region)
      return region.takeError();
    self->scoreMod = std::move(*region);
  }
  if (!op.getMaskMod().empty()) {
    auto region = RegionInterpreter::create(op.getMaskMod(), environment);
    if (!region)
      return region.takeError();
    self->maskMod = std::move(*region);
  }
  return self;
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

double Dropout::weightOf(int64_t b, int64_t h, int64_t i, int64_t j) const {
  if (std::isnan(probability) || probability >= 1)
    return std::isnan(probability) ? probability : 0;
  double p = std::max(probability, 0.0);
  std::array<uint32_t, 4> words =
      philox4x32({uint32_t(j / 4), uint32_t(i), uint32_t(h), uint32_t(b)},
                 seed + offset * 0x9E3779B97F4A7C15);
  return words[j % 4] < std::floor(p * 0x1p32) ? 0 : 1 / (1 - p);
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

Error Problem::takeBlockMask(mlir::attn::AttentionOp op,
                             const Environment &environment) {
  if (!op.getBlockOffsets())
    return Error::success();
  BlockMask blocks;
  blocks.queryBlock = op.getQueryBlock();
  blocks.keyBlock = op.getKeyBlock();
  const std::pair<mlir::Value, const Array **> operands[] = {
      {op.getBlockOffsets(), &blocks.offsets},
      {op.getBlockColumns(), &blocks.columns},
      {op.getBlockFull(), &blocks.flags}};
  for (auto [operand, array] : operands) {
    if (!operand)
      continue;
    Expected<const Array *> resolved =
        resolveTensor(operand, environment, constants);
    if (!resolved)
      return resolved.takeError();
    *array = *resolved;
    if ((*array)->data.empty() && !llvm::is_contained((*array)->shape, 0))
      return opError(op, "the tensors of block_mask need values, one has none");
  }
  ArrayRef<int64_t> shape = blocks.offsets->shape;
  int64_t rows = (sizes.queries + blocks.queryBlock - 1) / blocks.queryBlock;
  if ((shape[0] != 1 && shape[0] != sizes.batch) ||
      (shape[1] != 1 && shape[1] != sizes.queryHeads) || shape[2] != rows + 1 ||
      (blocks.flags && blocks.flags->shape != blocks.columns->shape))
    return opError(op, "the offsets of block_mask are " + shapeText(shape) +
                           ", expected [1 or " + Twine(sizes.batch) +
                           ", 1 or " + Twine(sizes.queryHeads) + ", " +
                           Twine(rows + 1) + "], and as many flags as columns");
  blockMask = blocks;
  return Error::success();
}

void BlockMask::kindsOf(int64_t b, int64_t h, int64_t i,
                        std::vector<Kind> &kinds) const {
  std::fill(kinds.begin(), kinds.end(), notListed);
  ArrayRef<int64_t> shape = offsets->shape;
  int64_t row =
      (std::min(b, shape[0] - 1) * shape[1] + std::min(h, shape[1] - 1)) *
          shape[2] +
      i / queryBlock;
  double count = columns->data.size();
  auto begin = static_cast<int64_t>(std::clamp(offsets->data[row], 0.0, count)),
       end =
           static_cast<int64_t>(std::clamp(offsets->data[row + 1], 0.0, count));
  for (int64_t n = begin; n < end; ++n) {
    double column = columns->data[n];
    if (column < 0 || column >= static_cast<double>(kinds.size()))
      continue;
    Kind &kind = kinds[static_cast<size_t>(column)];
    kind = std::max(kind, flags && flags->data[n] != 0 ? full : listed);
  }
}

int64_t BlockMask::countFaults(int64_t keys) const {
  const double count = columns->data.size(),
               end = double((keys + keyBlock - 1) / keyBlock);
  auto isOutside = [](double value, double least, double most) {
    return value < least || value > most;
  };
  int64_t faults = 0;
  const int64_t pitch = offsets->shape[2];
  for (size_t n = 0; n + 1 < offsets->data.size(); ++n) {
    if (int64_t(n) % pitch == pitch - 1)
      continue;
    double first = offsets->data[n], last = offsets->data[n + 1];
    bool isBad = isOutside(first, 0, count) || isOutside(last, 0, count) ||
                 first > last;
    for (double at = std::clamp(first, 0.0, count);
         at < std::clamp(last, 0.0, count); ++at)
      isBad |= isOutside(columns->data[size_t(at)], 0, end - 1);
    faults += isBad;
  }
  return faults;
}

Frames::Frames(const Problem &problem, int64_t keys) {
  if (problem.scoreMod)
    scoreMod = problem.scoreMod->makeFrame(keys);
  if (problem.maskMod)
    maskMod = problem.maskMod->makeFrame(keys);
  if (problem.blockMask)
    blockKinds.resize((keys + problem.blockMask->keyBlock - 1) /
                      problem.blockMask->keyBlock);
}

bool Problem::mask(Frames &frames, int64_t b, int64_t h, int64_t i,
                   uint8_t *keep, KeyRange &range) const {
  int64_t begin = 0, end = sizes.keys;
  std::fill(keep, keep + end, 1);
  if (maskAttribute)
    for (int64_t j = 0; j < end; ++j)
      keep[j] = maskAttribute->keeps(i + sizes.keys - sizes.queries, j);
  // Other masks decide in listed blocks that are not full.
  auto kindOf = [&](int64_t j) {
    return frames.blockKinds[j / blockMask->keyBlock];
  };
  if (blockMask) {
    blockMask->kindsOf(b, h, i, frames.blockKinds);
    for (int64_t j = 0; j < end; ++j)
      keep[j] = keep[j] && kindOf(j) == BlockMask::listed;
  }
  if (maskMod && end > 0) {
    if (!maskMod->run(frames.maskMod, b, h, i, 0, end, /*score=*/nullptr,
                      /*active=*/keep))
      return false;
    for (int64_t j = 0; j < end; ++j)
      keep[j] = keep[j] && maskMod->keeps(frames.maskMod, j);
  }
  if (blockMask)
    for (int64_t j = 0; j < end; ++j)
      keep[j] = keep[j] || kindOf(j) == BlockMask::full;
  while (end > 0 && !keep[end - 1])
    --end;
  while (begin < end && !keep[begin])
    ++begin;
  range = {begin, end};
  return true;
}

void Failure::record(const Frames &frames) {
  std::lock_guard<std::mutex> lock(mutex);
  for (const RegionInterpreter::Frame *frame :
       {&frames.scoreMod, &frames.maskMod})
    if (frame->failure && !what) {
      op = frame->failedOp;
      what = frame->failure;
    }
}

Error Failure::take() const {
  return what ? opError(op, what) : Error::success();
}

void onAllCores(
    int64_t count,
    llvm::function_ref<void(llvm::function_ref<int64_t()> next)> body) {
  std::atomic<int64_t> counter{0};
  auto next = [&] { return counter.fetch_add(1); };
  int64_t helpers =
      std::min<int64_t>(std::max(1u, std::thread::hardware_concurrency()),
                        count) -
      1;
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < helpers; ++t)
    threads.emplace_back([&] { body(next); });
  body(next);
  for (std::thread &thread : threads)
    thread.join();
}

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

Expected<std::vector<int64_t>> keptCounts(mlir::func::FuncOp entry,
                                          ArrayRef<Array> inputs) {
  Expected<std::unique_ptr<Problem>> made =
      Problem::create(entry, inputs, {/*needsData=*/false, /*inFloat=*/false});
  if (!made)
    return made.takeError();
  const Problem &problem = **made;
  const Geometry &sizes = problem.sizes;
  int64_t heads = sizes.batch * sizes.queryHeads;
  int64_t rows = heads * sizes.queries;
  std::vector<int64_t> counts(rows);
  // Without a dependence on the head, the first head's rows stand for all.
  bool perHead = problem.maskDependsOnHead();
  int64_t needed = perHead ? rows : std::min(rows, sizes.queries);
  Failure failure;
  onAllCores(needed, [&](llvm::function_ref<int64_t()> next) {
    Frames frames(problem, sizes.keys);
    std::vector<uint8_t> keep(sizes.keys);
    KeyRange range;
    for (int64_t row = next(); row < needed; row = next()) {
      int64_t bh = row / sizes.queries;
      if (!problem.mask(frames, bh / sizes.queryHeads, bh % sizes.queryHeads,
                        row % sizes.queries, keep.data(), range))
        return failure.record(frames);
      counts[row] = std::accumulate(keep.begin(), keep.end(), int64_t(0));
    }
  });
  if (Error error = failure.take())
    return error;
  for (int64_t row = needed; row < rows; ++row)
    counts[row] = counts[row - needed];
  return counts;
}

} // namespace attn::reference
