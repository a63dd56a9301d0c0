//===- MaskFormula.cpp - Masks as comparisons of query and key ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Boolean combinations and comparisons; MaskTerms.cpp reads what is compared.
//
//===----------------------------------------------------------------------===//

#include "MaskFormula.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::tile;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Normal form
//===----------------------------------------------------------------------===//

/// More conjunctions than this are not worth their code.
static constexpr size_t kMostConjunctions = 256;

/// Adds a conjunction, unless another one says less.
static void addConjunction(Disjunction &all, Conjunction added) {
  auto implies = [](const Conjunction &a, const Conjunction &b) {
    return std::includes(a.begin(), a.end(), b.begin(), b.end());
  };
  if (llvm::any_of(all, [&](auto &known) { return implies(added, known); }))
    return;
  llvm::erase_if(all, [&](auto &known) { return implies(known, added); });
  all.push_back(std::move(added));
}

static Disjunction either(Disjunction a, const Disjunction &b) {
  for (const Conjunction &conjunction : b)
    addConjunction(a, conjunction);
  return a;
}

static Disjunction both(const Disjunction &a, const Disjunction &b) {
  Disjunction result;
  for (const Conjunction &x : a)
    for (const Conjunction &y : b) {
      Conjunction joined;
      std::set_union(x.begin(), x.end(), y.begin(), y.end(),
                     std::back_inserter(joined));
      addConjunction(result, std::move(joined));
    }
  return result;
}

/// Whether the value is an i1 that one operation combines from two others.
template <typename Op>
static Op combination(Value condition) {
  return condition.getType().isInteger(1) ? condition.getDefiningOp<Op>()
                                          : Op();
}

Disjunction MaskFormula::read(Value keep, bool negated) {
  auto limited = [&](Disjunction formula) {
    return formula.size() <= kMostConjunctions ? formula
                                               : literal(keep, negated);
  };
  const Disjunction always = {Conjunction()}, never;
  APInt value;
  if (matchPattern(keep, m_ConstantInt(&value)))
    return value.isZero() == negated ? always : never;
  if (isUniform(keep)) {
    Value holds = index.cast(keep);
    Term isFalse = add(number(1), negate(uniform(holds)));
    return compare(negated ? uniform(holds) : isFalse, number(0),
                   /*strict=*/false);
  }
  // Of two negated parts, one is false.
  auto combine = [&](Value a, Value b, bool isAnd, bool negateA, bool negateB) {
    Disjunction x = read(a, negateA), y = read(b, negateB);
    return limited(isAnd ? both(x, y) : either(std::move(x), y));
  };
  if (auto op = combination<arith::AndIOp>(keep))
    return combine(op.getLhs(), op.getRhs(), !negated, negated, negated);
  if (auto op = combination<arith::OrIOp>(keep))
    return combine(op.getLhs(), op.getRhs(), negated, negated, negated);
  auto differ = [&](Value a, Value b, bool negated) {
    return limited(either(combine(a, b, true, false, !negated),
                          combine(a, b, true, true, negated)));
  };
  if (auto op = combination<arith::XOrIOp>(keep)) {
    if (matchPattern(op.getRhs(), m_One()))
      return read(op.getLhs(), !negated);
    return differ(op.getLhs(), op.getRhs(), negated);
  }
  if (auto op = combination<arith::SelectOp>(keep))
    return limited(either(
        combine(op.getCondition(), op.getTrueValue(), true, false, negated),
        combine(op.getCondition(), op.getFalseValue(), true, true, negated)));
  if (auto compare = keep.getDefiningOp<arith::CmpIOp>()) {
    CmpIPredicate predicate = compare.getPredicate();
    if (compare.getLhs().getType().isInteger(1) &&
        (predicate == CmpIPredicate::eq || predicate == CmpIPredicate::ne))
      return differ(compare.getLhs(), compare.getRhs(),
                    negated != (predicate == CmpIPredicate::eq));
    return limited(readCompare(compare, negated));
  }
  return literal(keep, negated);
}

Disjunction MaskFormula::literal(Value condition, bool negated) {
  complete = false;
  auto isSame = [&](const Term &term) {
    return term.condition == condition && term.negated == negated;
  };
  unsigned number = llvm::find_if(terms, isSame) - terms.begin();
  if (number == terms.size()) {
    Term term;
    term.condition = condition;
    term.negated = negated;
    term.ofHead = dependsOnHead(map, condition, rows.group);
    terms.push_back(term);
  }
  return {Conjunction{number}};
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

Disjunction MaskFormula::readCompare(arith::CmpIOp op, bool negated) {
  const bool wasComplete = std::exchange(complete, true);
  CmpIPredicate predicate =
      negated ? arith::invertPredicate(op.getPredicate()) : op.getPredicate();
  // Only what is known not to overflow has 32 bits.
  Disjunction result = op.getLhs().getType().isInteger(32)
                           ? readCompare(op, predicate)
                           : unknown();
  // What was left out is in the comparison as a whole.
  if (!complete)
    result = both(result, literal(op.getResult(), negated));
  complete &= wasComplete;
  return result;
}

Disjunction MaskFormula::readCompare(arith::CmpIOp op,
                                     CmpIPredicate predicate) {
  Value a = op.getLhs(), b = op.getRhs();
  switch (predicate) {
  case CmpIPredicate::slt:
    return readLess(a, b, /*strict=*/true);
  case CmpIPredicate::sle:
    return readLess(a, b, /*strict=*/false);
  case CmpIPredicate::sgt:
    return readLess(b, a, /*strict=*/true);
  case CmpIPredicate::sge:
    return readLess(b, a, /*strict=*/false);
  case CmpIPredicate::eq:
    return both(readLess(a, b, /*strict=*/false),
                readLess(b, a, /*strict=*/false));
  case CmpIPredicate::ne:
    return either(readLess(a, b, /*strict=*/true),
                  readLess(b, a, /*strict=*/true));
  default:
    break;
  }
  if (!isNonNegative(a) || !isNonNegative(b))
    return unknown();
  bool isLess =
      predicate == CmpIPredicate::ult || predicate == CmpIPredicate::ule;
  bool strict =
      predicate == CmpIPredicate::ult || predicate == CmpIPredicate::ugt;
  return isLess ? readLess(a, b, strict) : readLess(b, a, strict);
}

/// `lhs <= rhs`, or `lhs < rhs`.
Disjunction MaskFormula::readLess(Value lhs, Value rhs, bool strict) {
  lhs = skipCasts(lhs);
  rhs = skipCasts(rhs);
  if (std::optional<Disjunction> read = readMinMax(lhs, rhs, strict))
    return *read;
  if (std::optional<Disjunction> read = readAbsolute(lhs, rhs, strict))
    return *read;
  return compare(read(lhs), read(rhs), strict);
}

/// A value of the region that this kind of operation computes.
template <typename Op>
static Op computation(MapOp map, Value value) {
  return value.getParentRegion() == &map.getBody() ? value.getDefiningOp<Op>()
                                                   : Op();
}

std::optional<Disjunction> MaskFormula::readMinMax(Value lhs, Value rhs,
                                                   bool strict) {
  auto less = [&](Value a, Value b) { return readLess(a, b, strict); };
  if (auto op = computation<arith::MinSIOp>(map, lhs))
    return either(less(op.getLhs(), rhs), less(op.getRhs(), rhs));
  if (auto op = computation<arith::MaxSIOp>(map, lhs))
    return both(less(op.getLhs(), rhs), less(op.getRhs(), rhs));
  if (auto op = computation<arith::MinSIOp>(map, rhs))
    return both(less(lhs, op.getLhs()), less(lhs, op.getRhs()));
  if (auto op = computation<arith::MaxSIOp>(map, rhs))
    return either(less(lhs, op.getLhs()), less(lhs, op.getRhs()));
  // One of two values.
  auto choose = [&](arith::SelectOp op, auto compareWith) {
    return either(
        both(read(op.getCondition(), false), compareWith(op.getTrueValue())),
        both(read(op.getCondition(), true), compareWith(op.getFalseValue())));
  };
  if (auto op = computation<arith::SelectOp>(map, lhs))
    return choose(op, [&](Value value) { return less(value, rhs); });
  if (auto op = computation<arith::SelectOp>(map, rhs))
    return choose(op, [&](Value value) { return less(lhs, value); });
  return std::nullopt;
}

std::optional<Disjunction> MaskFormula::readAbsolute(Value lhs, Value rhs,
                                                     bool strict) {
  if (auto op = computation<math::AbsIOp>(map, lhs)) {
    std::optional<Term> value = read(op.getOperand()), bound = read(rhs);
    if (!value)
      return unknown();
    return both(compare(value, bound, strict),
                compare(negate(*value), bound, strict));
  }
  if (auto op = computation<math::AbsIOp>(map, rhs)) {
    std::optional<Term> value = read(op.getOperand()), bound = read(lhs);
    if (!value)
      return unknown();
    return either(compare(bound, value, strict),
                  compare(bound, negate(*value), strict));
  }
  return std::nullopt;
}

/// `floor(x / n) + rest <= 0` is `x + n rest - (n - 1) <= 0`, and
/// `rest - floor(x / n) <= 0` is `n rest - x <= 0`.
std::optional<Term> MaskFormula::withoutQuotient(const Term &term) {
  if (term.divisor == 1)
    return term;
  if (std::abs(term.key) != 1 || term.factor != 0)
    return std::nullopt;
  Term scaled = enclose(term);
  scaled.divisor = 1;
  scaled.offset = {};
  bool isUniform = scaled.least == scaled.most;
  auto scale = [&](Value rest) {
    Value product = index.mul(rest, term.divisor);
    return term.key < 0 ? index.sub(product, term.offset)
                        : index.add(index.add(product, term.offset),
                                    index.constant(1 - term.divisor));
  };
  scaled.least = scale(scaled.least);
  scaled.most = isUniform ? scaled.least : scale(scaled.most);
  return scaled;
}

/// As `term <= 0` with factors of -1, 0 or 1, of which two are opposite.
Disjunction MaskFormula::compare(const std::optional<Term> &lhs,
                                 const std::optional<Term> &rhs, bool strict) {
  if (!lhs || !rhs || !canAdd(*lhs, *rhs))
    return unknown();
  Term sum = add(*lhs, negate(*rhs));
  if (strict)
    sum = add(sum, number(1));
  std::optional<Term> whole = withoutQuotient(sum);
  if (!whole)
    return unknown();
  Term term = *whole;
  if (term.factor != 0) {
    if (term.key != 0 || std::abs(term.factor) != 1)
      return unknown();
    term = enclose(term);
    terms.push_back(term);
    return {Conjunction{unsigned(terms.size() - 1)}};
  }
  if (term.key != 0 && term.query != 0 && term.key != -term.query)
    term = enclose(term);
  if (int64_t size = std::max(std::abs(term.key), std::abs(term.query));
      size > 1) {
    auto divide = [&](Value rest) { return index.ceilDiv(rest, size); };
    bool isUniform = term.least == term.most;
    term.query /= size;
    term.key /= size;
    term.least = divide(term.least);
    term.most = isUniform ? term.least : divide(term.most);
  }
  APInt least;
  // What depends on the head is decided for each head.
  if (term.query == 0 && term.key == 0 && (!term.ofHead || rows.member) &&
      matchPattern(term.least, m_ConstantInt(&least)))
    return least.isStrictlyPositive() ? Disjunction()
                                      : Disjunction{Conjunction()};
  // Neither queries nor keys are negative.
  if ((term.query == 0) != (term.key == 0) &&
      matchPattern(term.least, m_ConstantInt(&least))) {
    bool isUpper = term.query + term.key > 0;
    if (isUpper && least.isStrictlyPositive())
      return {};
    if (!isUpper && !least.isStrictlyPositive())
      return {Conjunction()};
  }
  terms.push_back(term);
  return {Conjunction{unsigned(terms.size() - 1)}};
}
