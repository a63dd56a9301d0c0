//===- MaskFormula.h - Masks as comparisons of query and key ----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the condition of a mask as a boolean combination of linear inequalities
// in the query index i and the key index j, in disjunctive normal form.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_MASKFORMULA_H
#define ATTN_LIB_ANALYSIS_MASKFORMULA_H

#include "IndexBuilder.h"
#include "dialect/Tile/Tile.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::tile {

/// query * i + key * floor((j + offset) / divisor) + factor * number + rest.
/// The offset is the same for all elements, and null if the divisor is 1. The
/// number is read from memory at the key index. The rest lies between `least`
/// and `most` (index values), over all rows of the query tile; the same value
/// if it is the same for all of them.
struct Term {
  int64_t query = 0, key = 0;
  Value least, most;
  int64_t divisor = 1;
  Value offset;
  int64_t factor = 0;
  memref::LoadOp number;
  /// Whether it depends on the head of a row, where heads are packed.
  bool ofHead = false;
  /// Instead of all that, an i1 of the region that was not understood: the
  /// condition, or with `negated` its negation, holds.
  Value condition;
  bool negated = false;

  bool dependsOnKey() const { return key != 0 || factor != 0; }
  bool isUniform() const {
    return query == 0 && !dependsOnKey() && least == most;
  }
};

/// Conditions `term <= 0`, or those that were not understood, by their number,
/// all of which hold. Sorted.
using Conjunction = SmallVector<unsigned, 4>;

/// What holds if one of some conjunctions does; an empty list is false, an
/// empty conjunction true.
using Disjunction = SmallVector<Conjunction, 4>;

/// The rows of a query tile that exist, inclusive, as index values. Row r is
/// the query r / group of head r % group.
struct RowRange {
  Value first, last;
  int64_t group;
  /// Only the rows of this head of the group, if it is given.
  std::optional<int64_t> member;
};

/// Whether an i1 in the region of `map` depends on the head of a row, of
/// `group` heads that are packed.
bool dependsOnHead(MapOp map, Value keep, int64_t group);

/// Whether the value is the rest of the row index by `group`.
bool isMember(MapOp map, Operation *op, int64_t group);

/// Without casts, which change nothing: 32 bits hold all values that occur.
Value skipCasts(Value value);

/// The condition of a mask and its negation.
class MaskFormula {
public:
  /// Reads `keep`, an i1 in the region of `map`. What does not depend on the
  /// element is emitted at the insertion point of `builder`, where the rows are
  /// known.
  MaskFormula(OpBuilder &builder, Location loc, MapOp map, RowRange rows)
      : index(builder, loc), map(map), rows(rows) {}

  /// What some kept element satisfies, or with `negated` some masked one.
  Disjunction read(Value keep, bool negated);

  /// Whether all of it was understood.
  bool isComplete() const { return complete; }
  const Term &operator[](unsigned number) const { return terms[number]; }
  /// The tables of numbers at the key index (see kEnvelopesAttrName), and the
  /// row of them that `load` reads from.
  struct Envelopes {
    Value least, most, row;
  };
  Envelopes getEnvelopes(memref::LoadOp load);
  /// The queries of the rows, inclusive. There may be none if there is a
  /// member.
  Value getFirstQuery();
  Value getLastQuery();
  bool hasMember() const { return rows.member.has_value(); }
  const RowRange &getRows() const { return rows; }

private:
  Disjunction readCompare(arith::CmpIOp compare, bool negated);
  Disjunction readCompare(arith::CmpIOp compare,
                          arith::CmpIPredicate predicate);
  Disjunction readLess(Value lhs, Value rhs, bool strict);
  Disjunction compare(const std::optional<Term> &lhs,
                      const std::optional<Term> &rhs, bool strict);
  std::optional<Disjunction> readMinMax(Value lhs, Value rhs, bool strict);
  std::optional<Disjunction> readAbsolute(Value lhs, Value rhs, bool strict);
  /// A comparison that is left out, as if it held.
  Disjunction unknown() {
    complete = false;
    return {Conjunction()};
  }
  Disjunction literal(Value condition, bool negated);

  std::optional<Term> read(Value value);
  std::optional<Term> readQuotientTerm(Operation *op);
  std::optional<Term> readRest(Operation *op);
  std::optional<Term> readLoad(Operation *op);
  bool isNonNegative(Value value);
  /// Whether the value is the same for all tiles of the loop.
  bool isUniform(Value value);
  Term range(Value least, Value most) { return {0, 0, least, most}; }
  Term uniform(Value value) { return range(value, value); }
  /// With the query in the range of the rest.
  Term enclose(Term term);
  /// Whether the sum is a term.
  static bool canAdd(const Term &a, const Term &b) {
    bool hasQuotient = a.divisor != 1 || b.divisor != 1;
    return !(a.factor != 0 && b.factor != 0) &&
           !(a.key != 0 && b.key != 0 && hasQuotient);
  }
  Term add(const Term &a, const Term &b);
  std::optional<Term> withoutQuotient(const Term &term);
  Term multiply(Term term, int64_t factor);
  Term negate(const Term &a) { return multiply(a, -1); }
  Term number(int64_t value) { return uniform(index.constant(value)); }

  IndexBuilder index;
  MapOp map;
  RowRange rows;
  Value firstQuery, lastQuery;
  SmallVector<Term> terms;
  /// What loads read, so that it is emitted once.
  llvm::DenseMap<Operation *, Term> loads;
  bool complete = true;
};

} // namespace mlir::tile

#endif // ATTN_LIB_ANALYSIS_MASKFORMULA_H
