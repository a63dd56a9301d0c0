//===- Attributes.cpp - Masks and scores by definition --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definitions are those of docs/semantics.md.
//
//===----------------------------------------------------------------------===//

#include "Attributes.h"

#include <cmath>

namespace attn::reference {

using llvm::Expected;
namespace dialect = mlir::attn;

/// `number`, or the next of `values` if it is given at run time.
static Expected<int64_t> takeNumber(int64_t number, mlir::ValueRange &values,
                                    const Environment &environment) {
  if (!mlir::ShapedType::isDynamic(number))
    return number;
  mlir::Value value = values.front();
  values = values.drop_front();
  Expected<Scalar> scalar = RegionInterpreter::evaluate(value, environment);
  if (!scalar)
    return scalar.takeError();
  return scalar->integer;
}

Expected<MaskEvaluator> MaskEvaluator::create(mlir::Attribute mask,
                                              mlir::ValueRange &values,
                                              const Environment &environment) {
  MaskEvaluator self;
  self.mask = mask;
  llvm::SmallVector<int64_t> numbers;
  llvm::SmallVector<mlir::Attribute> members;
  if (auto window = mlir::dyn_cast<dialect::WindowAttr>(mask))
    numbers = {window.getLeft(), window.getRight()};
  else if (auto prefix = mlir::dyn_cast<dialect::PrefixAttr>(mask))
    numbers = {prefix.getNumber()};
  else if (auto global = mlir::dyn_cast<dialect::GlobalAttr>(mask))
    numbers = {global.getNumber()};
  else if (auto dilated = mlir::dyn_cast<dialect::DilatedAttr>(mask))
    numbers = {dilated.getNumber()};
  else if (auto chunk = mlir::dyn_cast<dialect::ChunkAttr>(mask))
    numbers = {chunk.getNumber()};
  else if (auto all = mlir::dyn_cast<dialect::AllOfAttr>(mask))
    llvm::append_range(members, all.getMasks());
  else if (auto any = mlir::dyn_cast<dialect::AnyOfAttr>(mask))
    llvm::append_range(members, any.getMasks());
  else if (auto negated = mlir::dyn_cast<dialect::NotAttr>(mask))
    members = {negated.getMask()};
  else if (!mlir::isa<dialect::CausalAttr>(mask)) {
    std::string text;
    llvm::raw_string_ostream(text) << mask;
    return opError(environment.entry,
                   "the reference does not know the mask " + text);
  }
  for (auto [n, number] : llvm::enumerate(numbers)) {
    Expected<int64_t> value = takeNumber(number, values, environment);
    if (!value)
      return value.takeError();
    self.numbers[n] = *value;
  }
  if (mlir::isa<dialect::DilatedAttr, dialect::ChunkAttr>(mask))
    self.numbers[0] = std::max<int64_t>(self.numbers[0], 1);
  for (mlir::Attribute member : members) {
    Expected<MaskEvaluator> evaluator = create(member, values, environment);
    if (!evaluator)
      return evaluator.takeError();
    self.members.push_back(std::move(*evaluator));
  }
  return self;
}

/// The quotient rounded down.
static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

bool MaskEvaluator::keeps(int64_t position, int64_t j) const {
  auto memberKeeps = [&](const MaskEvaluator &member) {
    return member.keeps(position, j);
  };
  if (mlir::isa<dialect::CausalAttr>(mask))
    return j <= position;
  if (mlir::isa<dialect::WindowAttr>(mask))
    return (numbers[0] == dialect::kUnlimited || position - j <= numbers[0]) &&
           (numbers[1] == dialect::kUnlimited || j - position <= numbers[1]);
  if (mlir::isa<dialect::PrefixAttr>(mask))
    return j < numbers[0];
  if (mlir::isa<dialect::GlobalAttr>(mask))
    return position < numbers[0] || j < numbers[0];
  if (mlir::isa<dialect::DilatedAttr>(mask))
    return (position - j) % numbers[0] == 0;
  if (mlir::isa<dialect::ChunkAttr>(mask))
    return floorDiv(position, numbers[0]) == floorDiv(j, numbers[0]);
  if (mlir::isa<dialect::AllOfAttr>(mask))
    return llvm::all_of(members, memberKeeps);
  if (mlir::isa<dialect::AnyOfAttr>(mask))
    return llvm::any_of(members, memberKeeps);
  return !memberKeeps(members[0]);
}

/// The slopes of Press et al. 2022; see #attn.alibi.
static std::vector<double> alibiSlopes(int64_t heads) {
  int64_t whole = 1;
  while (2 * whole <= heads)
    whole *= 2;
  std::vector<double> slopes;
  for (int64_t h = 0; h < std::min(heads, whole); ++h)
    slopes.push_back(std::pow(2.0, -8.0 * double(h + 1) / double(whole)));
  for (int64_t h = whole; h < heads; ++h)
    slopes.push_back(
        std::pow(2.0, -8.0 * double(2 * (h - whole) + 1) / double(2 * whole)));
  return slopes;
}

Expected<ScoreEvaluator>
ScoreEvaluator::create(dialect::AttentionOp op,
                       const Environment &environment) {
  ScoreEvaluator self;
  mlir::ValueRange values = op.getScoreOperands();
  mlir::ArrayAttr scores = op.getScoreAttr();
  if (!scores)
    return self;
  for (mlir::Attribute score : scores) {
    if (auto softcap = mlir::dyn_cast<dialect::SoftcapAttr>(score)) {
      Function function{};
      if (softcap.getCap()) {
        function.cap = softcap.getCap().getValueAsDouble();
      } else {
        Expected<Scalar> cap =
            RegionInterpreter::evaluate(values.front(), environment);
        if (!cap)
          return cap.takeError();
        values = values.drop_front();
        function.cap = cap->real;
      }
      self.functions.push_back(function);
    } else if (mlir::isa<dialect::AlibiAttr>(score)) {
      self.functions.push_back({0});
      self.slopes = alibiSlopes(op.getQueryHeads());
    } else {
      std::string text;
      llvm::raw_string_ostream(text) << score;
      return opError(op, "the reference does not know the score " + text);
    }
  }
  return self;
}

template <typename T>
T ScoreEvaluator::apply(T score, int64_t h, int64_t distance) const {
  for (const Function &function : functions) {
    if (function.cap != 0)
      score = T(function.cap) * std::tanh(score / T(function.cap));
    else
      score -= T(slopes[h]) * T(distance);
  }
  return score;
}

template float ScoreEvaluator::apply(float, int64_t, int64_t) const;
template double ScoreEvaluator::apply(double, int64_t, int64_t) const;

} // namespace attn::reference
