//===- MaskTerms.cpp - Numbers of a mask ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads integers as sums of query, key and what lies between two values. The
// arithmetic that is emitted is 64-bit, so that it cannot overflow.
//
//===----------------------------------------------------------------------===//

#include "MaskFormula.h"

#include "attn/Analysis/MaskBounds.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::tile;

//===----------------------------------------------------------------------===//
// Arithmetic
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

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Value mlir::tile::skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::IndexCastOp, arith::ExtSIOp>(op) ||
        op->getOperand(0).getType().isInteger(1))
      break;
    value = op->getOperand(0);
  }
  return value;
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

bool mlir::tile::isMember(MapOp map, Operation *op, int64_t group) {
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
