//===- MaskFormula.cpp - Masks as comparisons of query and key ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic that is emitted is 64-bit, so that it cannot overflow.
//
//===----------------------------------------------------------------------===//

#include "MaskFormula.h"

#include "attn/Analysis/MaskBounds.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::tile;

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
  // With what is left out, the formula says less than the mask, and never more.
  auto limited = [&](Disjunction formula) {
    return formula.size() <= kMostConjunctions ? formula : unknown();
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
    using arith::CmpIPredicate;
    CmpIPredicate predicate = compare.getPredicate();
    if (compare.getLhs().getType().isInteger(1) &&
        (predicate == CmpIPredicate::eq || predicate == CmpIPredicate::ne))
      return differ(compare.getLhs(), compare.getRhs(),
                    negated != (predicate == CmpIPredicate::eq));
    return limited(readCompare(compare, negated));
  }
  return unknown();
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

Disjunction MaskFormula::readCompare(arith::CmpIOp op, bool negated) {
  using arith::CmpIPredicate;
  // Only what is known not to overflow has 32 bits.
  if (!op.getLhs().getType().isInteger(32))
    return unknown();
  CmpIPredicate predicate =
      negated ? arith::invertPredicate(op.getPredicate()) : op.getPredicate();
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

/// Without casts, which change nothing: 32 bits hold all values that occur.
static Value skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::IndexCastOp, arith::ExtSIOp>(op) ||
        op->getOperand(0).getType().isInteger(1))
      break;
    value = op->getOperand(0);
  }
  return value;
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

/// The dividend and divisor, if the value is rounded down and the divisor a
/// positive constant.
static std::optional<std::pair<Value, int64_t>>
matchQuotient(MapOp map, Value value, function_ref<bool(Value)> isNonNegative) {
  Operation *op = value.getDefiningOp();
  if (value.getParentRegion() != &map.getBody() ||
      !isa_and_nonnull<arith::FloorDivSIOp, arith::DivSIOp, arith::DivUIOp>(op))
    return std::nullopt;
  APInt divisor;
  if (!matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) ||
      !divisor.isStrictlyPositive() ||
      (!isa<arith::FloorDivSIOp>(op) && !isNonNegative(op->getOperand(0))))
    return std::nullopt;
  return std::pair(op->getOperand(0), divisor.getSExtValue());
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

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

bool MaskFormula::isUniform(Value value) {
  auto loop = map->getParentOfType<LoopLikeOpInterface>();
  return value.getParentRegion() != &map.getBody() &&
         (!loop || loop.isDefinedOutsideOfLoop(value));
}

/// The first row r of a member has r % group == member.
Value MaskFormula::getFirstQuery() {
  if (rows.group == 1)
    return rows.first;
  if (!firstQuery) {
    int64_t skipped = rows.member ? rows.group - 1 - *rows.member : 0;
    firstQuery = index.builder.createOrFold<arith::DivUIOp>(
        index.loc, index.add(rows.first, index.constant(skipped)),
        index.constant(rows.group));
  }
  return firstQuery;
}

Value MaskFormula::getLastQuery() {
  if (rows.group == 1)
    return rows.last;
  if (!lastQuery)
    lastQuery =
        rows.member
            ? index.floorDiv(index.sub(rows.last, index.constant(*rows.member)),
                             rows.group)
            : index.builder.createOrFold<arith::DivUIOp>(
                  index.loc, rows.last, index.constant(rows.group));
  return lastQuery;
}

Term MaskFormula::enclose(Term term) {
  if (term.query == 0)
    return term;
  Value first = index.mul(getFirstQuery(), term.query),
        last = index.mul(getLastQuery(), term.query);
  if (term.query < 0)
    std::swap(first, last);
  term.query = 0;
  term.least = index.add(term.least, first);
  term.most = index.add(term.most, last);
  return term;
}

Term MaskFormula::add(const Term &a, const Term &b) {
  assert(canAdd(a, b) && "the sum has two numbers, or two quotients");
  Term sum = a;
  if (b.factor != 0) {
    sum.factor = b.factor;
    sum.number = b.number;
  }
  if (b.divisor != 1) {
    sum.divisor = b.divisor;
    sum.offset = b.offset;
  }
  bool isUniform = a.least == a.most && b.least == b.most;
  sum.query = a.query + b.query;
  sum.key = a.key + b.key;
  sum.ofHead = a.ofHead || b.ofHead;
  sum.least = index.add(a.least, b.least);
  sum.most = isUniform ? sum.least : index.add(a.most, b.most);
  return sum;
}

Term MaskFormula::multiply(Term term, int64_t factor) {
  bool isUniform = term.least == term.most;
  term.query *= factor;
  term.key *= factor;
  term.factor *= factor;
  term.least = index.mul(term.least, factor);
  term.most = isUniform ? term.least : index.mul(term.most, factor);
  if (factor < 0)
    std::swap(term.least, term.most);
  return term;
}

bool MaskFormula::isNonNegative(Value value) {
  value = skipCasts(value);
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return !constant.isNegative();
  if (value == map.getRowIndex() || value == map.getColIndex())
    return true;
  Operation *op = value.getDefiningOp();
  return isa_and_nonnull<arith::AddIOp, arith::DivUIOp, arith::RemUIOp,
                         arith::DivSIOp, arith::FloorDivSIOp, arith::RemSIOp,
                         arith::MulIOp, arith::MinSIOp>(op) &&
         llvm::all_of(op->getOperands(),
                      [&](Value operand) { return isNonNegative(operand); });
}

/// Quotients of the key or without it; a row that is divided by the heads of a
/// group is a query.
std::optional<Term> MaskFormula::readQuotientTerm(Operation *op) {
  auto match = matchQuotient(map, op->getResult(0), [&](Value operand) {
    return isNonNegative(operand);
  });
  if (!match)
    return std::nullopt;
  auto [dividend, divisor] = *match;
  if (skipCasts(dividend) == map.getRowIndex() && divisor == rows.group) {
    Value zero = index.constant(0);
    return Term{1, 0, zero, zero};
  }
  std::optional<Term> term = read(dividend);
  if (!term)
    return std::nullopt;
  if (term->key == 1 && term->divisor == 1 && term->query == 0 &&
      term->factor == 0 && term->least == term->most) {
    Value zero = index.constant(0);
    return Term{0, 1, zero, zero, divisor, term->least};
  }
  if (term->dependsOnKey())
    return std::nullopt;
  Term quotient = enclose(*term);
  const bool isUniform = quotient.isUniform();
  quotient.least = index.floorDiv(quotient.least, divisor);
  quotient.most =
      isUniform ? quotient.least : index.floorDiv(quotient.most, divisor);
  return quotient;
}

static bool isMember(MapOp map, Operation *op, int64_t group) {
  APInt divisor;
  return isa<arith::RemUIOp>(op) &&
         skipCasts(op->getOperand(0)) == map.getRowIndex() &&
         matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) &&
         divisor == uint64_t(group);
}

bool mlir::tile::dependsOnHead(MapOp map, Value keep, int64_t group) {
  Operation *op = keep.getDefiningOp();
  return op && keep.getParentRegion() == &map.getBody() && group != 1 &&
         (isMember(map, op, group) ||
          llvm::any_of(op->getOperands(), [&](Value operand) {
            return dependsOnHead(map, operand, group);
          }));
}

/// Rests by a positive constant may be anything, but for the head of the row.
std::optional<Term> MaskFormula::readRest(Operation *op) {
  const bool isHead = isMember(map, op, rows.group);
  if (rows.member && isHead) {
    Term head = number(*rows.member);
    head.ofHead = true;
    return head;
  }
  APInt divisor;
  if (!matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) ||
      !divisor.isStrictlyPositive())
    return std::nullopt;
  bool isNatural = isNonNegative(op->getOperand(0));
  if (isa<arith::RemUIOp>(op) && !isNatural)
    return std::nullopt;
  int64_t most = divisor.getSExtValue() - 1;
  Term rest =
      range(index.constant(isNatural ? 0 : -most), index.constant(most));
  rest.ofHead = isHead;
  return rest;
}

std::optional<Term> MaskFormula::read(Value value) {
  value = skipCasts(value);
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return this->number(number.getSExtValue());
  Value zero = index.constant(0);
  if (value == map.getColIndex())
    return Term{0, 1, zero, zero};
  if (value == map.getRowIndex())
    return rows.group == 1 ? Term{1, 0, zero, zero}
                           : range(rows.first, rows.last);
  if (isUniform(value))
    return uniform(index.cast(value));
  if (value.getParentRegion() != &map.getBody())
    return std::nullopt;
  Operation *op = value.getDefiningOp();
  if (isa<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp>(op))
    return readQuotientTerm(op);
  if (isa<arith::RemUIOp, arith::RemSIOp>(op))
    return readRest(op);
  if (isa<memref::LoadOp>(op))
    return readLoad(op);
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    APInt number;
    if (!matchPattern(dim.getIndex(), m_ConstantInt(&number)))
      return std::nullopt;
    return uniform(index.builder.createOrFold<memref::DimOp>(
        index.loc, dim.getSource(), index.constant(number.getSExtValue())));
  }
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::MinSIOp,
           arith::MaxSIOp>(op))
    return std::nullopt;
  std::optional<Term> a = read(op->getOperand(0)), b = read(op->getOperand(1));
  if (!a || !b || !canAdd(*a, *b))
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return add(*a, *b);
  if (isa<arith::SubIOp>(op))
    return add(*a, negate(*b));
  if (isa<arith::MulIOp>(op)) {
    if (a->isUniform())
      std::swap(a, b);
    if (!b->isUniform() || !matchPattern(b->least, m_ConstantInt(&number)))
      return std::nullopt;
    return multiply(*a, number.getSExtValue());
  }
  if (a->dependsOnKey() || b->dependsOnKey())
    return std::nullopt;
  Term x = enclose(*a), y = enclose(*b);
  auto extreme = [&](Value x, Value y) {
    return isa<arith::MinSIOp>(op) ? index.min(x, y) : index.max(x, y);
  };
  const bool isUniform = x.isUniform() && y.isUniform();
  Term result = x;
  result.ofHead |= y.ofHead;
  result.least = extreme(x.least, y.least);
  result.most = isUniform ? result.least : extreme(x.most, y.most);
  return result;
}

/// The key index, or the nearest index that the memref has.
static bool isKeyIndex(MapOp map, Value value) {
  value = skipCasts(value);
  if (value == map.getColIndex())
    return true;
  Operation *op = value.getDefiningOp();
  return isa_and_nonnull<arith::MinSIOp, arith::MaxSIOp>(op) &&
         value.getParentRegion() == &map.getBody() &&
         isKeyIndex(map, op->getOperand(0));
}

/// Whether the value depends on the element of the map.
static bool dependsOnElement(MapOp map, Value value) {
  if (value.getParentRegion() != &map.getBody())
    return false;
  Operation *op = value.getDefiningOp();
  return !op || llvm::any_of(op->getOperands(), [&](Value operand) {
    return dependsOnElement(map, operand);
  });
}

std::optional<unsigned> mlir::tile::findKeyDimension(MapOp map,
                                                     memref::LoadOp load) {
  // Wider ones are not compared.
  auto type = dyn_cast<IntegerType>(load.getType());
  if (!type || type.getWidth() > 32 || type.getWidth() < 8)
    return std::nullopt;
  std::optional<unsigned> dimension;
  for (auto [n, at] : llvm::enumerate(load.getIndices())) {
    if (!dependsOnElement(map, at))
      continue;
    if (dimension || !isKeyIndex(map, at))
      return std::nullopt;
    dimension = n;
  }
  return dimension;
}

MaskFormula::Envelopes MaskFormula::getEnvelopes(memref::LoadOp load) {
  auto kernel = map->getParentOfType<KernelOp>();
  auto tables = load->getAttrOfType<DenseI64ArrayAttr>(kEnvelopesAttrName);
  Block &body = kernel.getBody().front();
  Value row = index.constant(0);
  for (auto [n, at] : llvm::enumerate(load.getIndices())) {
    if (dependsOnElement(map, at))
      continue;
    Value size = index.builder.createOrFold<memref::DimOp>(
        index.loc, load.getMemRef(), index.constant(n));
    row = index.add(
        index.builder.createOrFold<arith::MulIOp>(index.loc, row, size),
        read(at)->least);
  }
  return {body.getArgument(tables[0]), body.getArgument(tables[1]), row};
}

/// A number from memory: one at the key index, or one for all elements, or the
/// least and the largest of those that the rows of the tile read.
std::optional<Term> MaskFormula::readLoad(Operation *op) {
  auto load = cast<memref::LoadOp>(op);
  if (load->hasAttr(kEnvelopesAttrName)) {
    Value zero = index.constant(0);
    Term number{0, 0, zero, zero};
    number.factor = 1;
    number.number = load;
    return number;
  }
  if (auto known = loads.find(op); known != loads.end())
    return known->second;
  SmallVector<Value> indices;
  std::optional<unsigned> varying;
  Value first, last;
  bool ofHead = false;
  for (auto [dim, index] : llvm::enumerate(load.getIndices())) {
    std::optional<Term> term = read(index);
    if (!term || term->dependsOnKey())
      return std::nullopt;
    Term enclosed = enclose(*term);
    ofHead |= enclosed.ofHead;
    indices.push_back(enclosed.least);
    if (enclosed.isUniform())
      continue;
    if (varying)
      return std::nullopt;
    varying = dim;
    first = enclosed.least;
    last = enclosed.most;
  }
  auto read = [&](OpBuilder &builder, ValueRange indices) -> Value {
    Value value =
        memref::LoadOp::create(builder, index.loc, load.getMemRef(), indices);
    return arith::IndexCastOp::create(builder, index.loc,
                                      builder.getIndexType(), value);
  };
  Value start = read(index.builder, indices);
  auto keep = [&](Term term) {
    term.ofHead = ofHead;
    return loads[op] = term;
  };
  if (!varying)
    return keep(uniform(start));
  Value one = index.constant(1);
  auto loop = scf::ForOp::create(
      index.builder, index.loc, index.add(first, one), index.add(last, one),
      one, ValueRange{start, start},
      [&](OpBuilder &body, Location loc, Value n, ValueRange known) {
        SmallVector<Value> at = indices;
        at[*varying] = n;
        Value value = read(body, at);
        Value least = arith::MinSIOp::create(body, loc, known[0], value),
              most = arith::MaxSIOp::create(body, loc, known[1], value);
        scf::YieldOp::create(body, loc, ValueRange{least, most});
      });
  return keep(range(loop.getResult(0), loop.getResult(1)));
}
