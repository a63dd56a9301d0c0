//===- PrintArith.cpp - arith and math ------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floating-point ops are rows of a table. Integers are signed in C++; where a
// sum might wrap, or an operand of an unsigned op might be negative, the op is
// done on the unsigned type.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

//===----------------------------------------------------------------------===//
// The table of operations on f32
//===----------------------------------------------------------------------===//

namespace {
struct FloatOp {
  llvm::StringLiteral name;
  /// An infix or prefix operator, or a function of C++ or of the prelude.
  llvm::StringLiteral text;
  enum { infix, prefix, builtin, prelude } kind;
  Binding binding = Binding::postfix;
};
} // namespace

static const FloatOp kFloatOps[] = {
    {"arith.addf", " + ", FloatOp::infix, Binding::additive},
    {"arith.subf", " - ", FloatOp::infix, Binding::additive},
    {"arith.mulf", " * ", FloatOp::infix, Binding::multiplicative},
    {"arith.divf", " / ", FloatOp::infix, Binding::multiplicative},
    {"arith.negf", "-", FloatOp::prefix, Binding::unary},
    {"arith.maxnumf", "fmaxf", FloatOp::builtin},
    {"arith.minnumf", "fminf", FloatOp::builtin},
    {"arith.maximumf", "max_nan", FloatOp::prelude},
    {"arith.minimumf", "min_nan", FloatOp::prelude},
    {"math.absf", "fabsf", FloatOp::builtin},
    {"math.ceil", "ceilf", FloatOp::builtin},
    {"math.floor", "floorf", FloatOp::builtin},
    {"math.trunc", "truncf", FloatOp::builtin},
    {"math.roundeven", "rintf", FloatOp::builtin},
    {"math.copysign", "copysignf", FloatOp::builtin},
    {"math.fma", "fmaf", FloatOp::builtin},
    {"math.sqrt", "sqrtf", FloatOp::builtin},
    {"math.exp2", "ex2_approx", FloatOp::prelude},
    {"math.log2", "lg2_approx", FloatOp::prelude},
    {"math.tanh", "tanh_approx", FloatOp::prelude},
    {"math.sin", "sin_approx", FloatOp::prelude},
    {"math.cos", "cos_approx", FloatOp::prelude},
    {"math.rsqrt", "rsqrt_approx", FloatOp::prelude},
};

//===----------------------------------------------------------------------===//
// Literals
//===----------------------------------------------------------------------===//

/// The shortest decimal that is read as the same f32.
static Expr printFloat(const APFloat &value) {
  float number = value.convertToFloat();
  if (!value.isFinite())
    return {"__int_as_float(0x" +
            llvm::utohexstr(value.bitcastToAPInt().getZExtValue(),
                            /*LowerCase=*/true) +
            ")"};
  char text[32];
  for (int digits = 1; digits <= 9; ++digits) {
    snprintf(text, sizeof(text), "%.*g", digits, double(number));
    if (strtof(text, nullptr) == number)
      break;
  }
  std::string result = text;
  if (result.find_first_of(".e") == std::string::npos)
    result += ".0";
  return {result + "f", result[0] == '-' ? Binding::unary : Binding::postfix};
}

Expr KernelPrinter::literal(Operation *op, TypedAttr value) {
  if (auto elements = dyn_cast<DenseElementsAttr>(value)) {
    if (is16BitFloat(elements.getElementType()) &&
        elements.getNumElements() == 2) {
      auto bits = [&](int64_t n) {
        return elements.getValues<APFloat>()[n].bitcastToAPInt().getZExtValue();
      };
      return {"0x" + llvm::utohexstr(bits(0) | bits(1) << 16,
                                     /*LowerCase=*/true)};
    }
    llvm::SmallVector<Expr> parts;
    for (Attribute part : elements.getValues<Attribute>())
      parts.push_back(literal(op, cast<TypedAttr>(part)));
    return makeVector(value.getType(), parts);
  }
  if (auto integer = dyn_cast<IntegerAttr>(value)) {
    if (integer.getType().isInteger(1))
      return {integer.getValue().isZero() ? "false" : "true"};
    return makeConstant(integer.getValue().getSExtValue()).expr;
  }
  if (auto number = dyn_cast<FloatAttr>(value)) {
    if (number.getType().isF32())
      return printFloat(number.getValue());
    if (is16BitFloat(number.getType()))
      return castTo(
          prelude.typeOf(number.getType()),
          {"0x" +
           llvm::utohexstr(number.getValue().bitcastToAPInt().getZExtValue(),
                           /*LowerCase=*/true)});
  }
  return fail(op);
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

static std::string unsignedType(Type type) {
  return type.isIndex() || type.isInteger(64) ? "u64" : "u32";
}

/// A call of a function of C++ or of the prelude.
static Expr call(llvm::StringRef name, llvm::ArrayRef<Expr> arguments) {
  std::string text;
  for (const Expr &argument : arguments)
    text += (text.empty() ? "" : ", ") + argument.text;
  return {(name + "(" + text + ")").str()};
}

static Expr infix(const Expr &a, llvm::StringRef sign, const Expr &b,
                  Binding binding) {
  // Few know how tightly bits and shifts bind beside sums.
  if (binding == Binding::shift ||
      (binding >= Binding::bitOr && binding <= Binding::bitAnd))
    return {(a.as(Binding::unary) + sign + b.as(Binding::unary)).str(),
            binding};
  // All associate to the left.
  return {(a.as(binding) + sign + b.as(Binding(int(binding) + 1))).str(),
          binding};
}

Expr KernelPrinter::computeCompare(arith::CmpIOp op, const Number &a,
                                   const Number &b) {
  static constexpr const char *kSigns[] = {
      " == ", " != ", " < ",  " <= ", " > ",
      " >= ", " < ",  " <= ", " > ",  " >= "};
  arith::CmpIPredicate predicate = op.getPredicate();
  bool isEquality = predicate == arith::CmpIPredicate::eq ||
                    predicate == arith::CmpIPredicate::ne;
  bool isUnsigned = predicate >= arith::CmpIPredicate::ult;
  Binding binding = isEquality ? Binding::equality : Binding::relational;
  Expr left = a.expr, right = b.expr;
  Type type = op.getLhs().getType();
  if (isUnsigned && !(a.range.isNonNegative() && b.range.isNonNegative())) {
    if (getElementType(type).isInteger(8) || getElementType(type).isInteger(16))
      return fail(op, "unsigned comparison of narrow integers");
    // An int is extended by its sign first.
    std::string cast = unsignedType(getElementType(type));
    prelude.useUnsigned(cast);
    left = castTo(cast, left);
    right = castTo(cast, right);
  }
  return infix(left, kSigns[int(predicate)], right, binding);
}

Expr KernelPrinter::computeCompare(arith::CmpFOp op, const Expr &a,
                                   const Expr &b) {
  using P = arith::CmpFPredicate;
  if (!getElementType(op.getLhs().getType()).isF32())
    return fail(op, "only f32 is compared");
  auto relation = [&](const char *sign, bool isNegated = false) {
    Expr result = infix(a, sign, b, Binding::relational);
    return isNegated ? Expr{"!(" + result.text + ")", Binding::unary} : result;
  };
  auto negated = [](Expr expr) {
    return Expr{"!" + expr.as(Binding::unary), Binding::unary};
  };
  switch (op.getPredicate()) {
  case P::AlwaysFalse:
    return {"false"};
  case P::AlwaysTrue:
    return {"true"};
  case P::OEQ:
    return infix(a, " == ", b, Binding::equality);
  case P::UNE:
    return infix(a, " != ", b, Binding::equality);
  case P::OGT:
    return relation(" > ");
  case P::OGE:
    return relation(" >= ");
  case P::OLT:
    return relation(" < ");
  case P::OLE:
    return relation(" <= ");
  // Unordered: true unless the ordered opposite holds.
  case P::UGT:
    return relation(" <= ", true);
  case P::UGE:
    return relation(" < ", true);
  case P::ULT:
    return relation(" >= ", true);
  case P::ULE:
    return relation(" > ", true);
  case P::UEQ:
    return call(prelude.use("is_equal_or_nan"), {a, b});
  case P::ONE:
    return negated(call(prelude.use("is_equal_or_nan"), {a, b}));
  case P::UNO:
    return call(prelude.use("is_nan_pair"), {a, b});
  case P::ORD:
    return negated(call(prelude.use("is_nan_pair"), {a, b}));
  }
  return fail(op);
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

Expr KernelPrinter::computeInteger(Operation *op,
                                   llvm::ArrayRef<Number> operands, Type type,
                                   bool isWide) {
  const Number &a = operands[0], &b = operands.back();
  llvm::StringRef name = op->getName().stripDialect();
  bool is64Bits = type.isIndex() || type.isInteger(64);
  bool anyWide = a.isWide || b.isWide;
  bool areNonNegative = a.range.isNonNegative() && b.range.isNonNegative();
  std::string resultType = prelude.typeOf(type, isWide);
  bool isNarrowType = type.isInteger(8) || type.isInteger(16);
  auto asUnsigned = [&](const Number &operand) {
    std::string cast = unsignedType(type);
    prelude.useUnsigned(cast);
    return castTo(cast, operand.expr);
  };
  // One operand decides for both.
  auto asSecond = [&](const Number &operand) {
    return operand.constant && *operand.constant >= 0 ? operand.expr
                                                      : asUnsigned(operand);
  };
  // The type of a C++ expression of these operands is the wider one's; the
  // result's type may be another.
  auto fitted = [&](const Expr &expr, bool exprIsWide) {
    return isNarrowType || (exprIsWide && !isWide && is64Bits)
               ? castTo(resultType, expr)
               : expr;
  };
  auto widened = [&](const Number &operand) {
    return isWide && !anyWide ? castTo("long long", operand.expr)
                              : operand.expr;
  };

  if (type.isInteger(1)) {
    if (name == "andi")
      return infix(a.expr, " && ", b.expr, Binding::logicalAnd);
    if (name == "ori")
      return infix(a.expr, " || ", b.expr, Binding::logicalOr);
    if (name == "xori" && b.expr.text == "true")
      return {"!" + a.expr.as(Binding::unary), Binding::unary};
    if (name == "xori")
      return infix(a.expr, " != ", b.expr, Binding::equality);
    return fail(op, "on i1");
  }

  // Sums and products.
  struct Sum {
    const char *name, *sign;
    Binding binding;
    Interval range;
  };
  const Sum sums[] = {
      {"addi", " + ", Binding::additive, add(a.range, b.range)},
      {"subi", " - ", Binding::additive, subtract(a.range, b.range)},
      {"muli", " * ", Binding::multiplicative, multiply(a.range, b.range)},
  };
  for (const Sum &sum : sums) {
    if (name != sum.name)
      continue;
    // The arithmetic of an index does not overflow: it is about memory.
    bool mayWrap = type.isInteger(64)   ? sum.range.min == Interval().min
                   : type.isInteger(32) ? !sum.range.fitsInt()
                                        : false;
    if (auto flags = dyn_cast<arith::ArithIntegerOverflowFlagsInterface>(op))
      mayWrap = mayWrap && !flags.hasNoSignedWrap();
    if (mayWrap)
      return castTo(resultType,
                    infix(asUnsigned(a), sum.sign, asUnsigned(b), sum.binding));
    if (name == "addi" && b.constant && *b.constant < 0 &&
        *b.constant > std::numeric_limits<int32_t>::min())
      return fitted(infix(widened(a), " - ", makeConstant(-*b.constant).expr,
                          Binding::additive),
                    anyWide || isWide);
    return fitted(infix(widened(a), sum.sign, b.expr, sum.binding),
                  anyWide || isWide);
  }

  // Division.
  bool isPower = b.constant && *b.constant > 0 &&
                 llvm::isPowerOf2_64(uint64_t(*b.constant));
  int64_t log = isPower ? llvm::Log2_64(uint64_t(*b.constant)) : 0;
  auto divide = [&](const Expr &dividend, bool dividendIsWide) {
    // Shifts where C++ would have to mind negative numbers.
    if (isPower && areNonNegative)
      return fitted(
          infix(dividend, " >> ", makeConstant(log).expr, Binding::shift),
          dividendIsWide);
    return fitted(infix(dividend, " / ", b.expr, Binding::multiplicative),
                  dividendIsWide || b.isWide);
  };
  if (name == "divsi" ||
      ((name == "divui" || name == "floordivsi") && areNonNegative))
    return divide(a.expr, a.isWide);
  if (name == "remsi" || (name == "remui" && areNonNegative)) {
    if (isPower && areNonNegative)
      return fitted(infix(a.expr, " & ", makeConstant(*b.constant - 1).expr,
                          Binding::bitAnd),
                    a.isWide);
    return fitted(infix(a.expr, " % ", b.expr, Binding::multiplicative),
                  anyWide);
  }
  if ((name == "ceildivsi" || name == "ceildivui") && areNonNegative) {
    Number less = b.constant
                      ? makeConstant(*b.constant - 1)
                      : Number{infix(b.expr, " - ", {"1"}, Binding::additive),
                               b.range, b.isWide};
    Number sum = addIndices(a, less);
    if (is64Bits || !sum.isWide)
      return divide(sum.expr, sum.isWide);
  }
  if (name == "ceildivsi" || name == "floordivsi")
    return castTo(
        resultType,
        call(prelude.use(name == "ceildivsi" ? "ceildivs" : "floordivs"),
             {a.expr, b.expr}));
  if (isNarrowType && name.ends_with("ui"))
    return fail(op, "unsigned division of narrow integers");
  if (name == "ceildivui")
    return castTo(resultType, call(prelude.use("ceildivu"),
                                   {asUnsigned(a), asUnsigned(b)}));
  if (name == "divui" || name == "remui")
    return castTo(resultType,
                  infix(asUnsigned(a), name == "divui" ? " / " : " % ",
                        asSecond(b), Binding::multiplicative));

  // Bits.
  if (name == "andi")
    return fitted(infix(a.expr, " & ", b.expr, Binding::bitAnd), anyWide);
  if (name == "ori")
    return fitted(infix(a.expr, " | ", b.expr, Binding::bitOr), anyWide);
  if (name == "xori")
    return fitted(infix(a.expr, " ^ ", b.expr, Binding::bitXor), anyWide);
  if (name == "shli") {
    Interval shifted = b.constant && *b.constant >= 0 && *b.constant < 32
                           ? multiply(a.range, {int64_t(1) << *b.constant,
                                                int64_t(1) << *b.constant})
                           : Interval();
    if (a.range.isNonNegative() &&
        (isWide ? shifted.min >= 0 : shifted.fitsInt()))
      return fitted(
          infix(isWide && !a.isWide ? castTo("long long", a.expr) : a.expr,
                " << ", b.expr, Binding::shift),
          a.isWide);
    return castTo(resultType,
                  infix(asUnsigned(a), " << ", b.expr, Binding::shift));
  }
  if (name == "shrsi" || (name == "shrui" && a.range.isNonNegative()))
    return fitted(infix(a.expr, " >> ", b.expr, Binding::shift), a.isWide);
  if (name == "shrui" && !isNarrowType)
    return castTo(resultType,
                  infix(asUnsigned(a), " >> ", b.expr, Binding::shift));

  // Extrema. The operands of max and min must have one type.
  if (name == "maxsi" || name == "minsi" || name == "maxui" ||
      name == "minui") {
    llvm::StringRef which = name.take_front(3);
    if (name.ends_with("ui") && !areNonNegative) {
      if (isNarrowType)
        return fail(op, "on narrow integers");
      return castTo(resultType, call(which, {asUnsigned(a), asUnsigned(b)}));
    }
    auto equal = [&](const Number &operand) {
      if (isNarrowType)
        return castTo("int", operand.expr);
      if (!anyWide || operand.isWide)
        return operand.expr;
      return castTo("long long", operand.expr);
    };
    return fitted(call(which, {equal(a), equal(b)}), anyWide);
  }
  if (name == "absi")
    return fitted(call("abs", {a.expr}), a.isWide);
  return fail(op);
}

/// Both words of a product of two unsigned words.
void KernelPrinter::printWideProduct(arith::MulUIExtendedOp op) {
  if (!op.getLhs().getType().isInteger(32)) {
    fail(op, "both halves of a product are known for i32 only");
    return;
  }
  prelude.useUnsigned("u32");
  auto asUnsigned = [&](Value operand) -> Expr {
    Number factor = number(operand);
    if (factor.constant)
      return {std::to_string(uint32_t(*factor.constant)) + "u"};
    return castTo("u32", factor.expr);
  };
  Expr a = asUnsigned(op.getLhs()), b = asUnsigned(op.getRhs());
  auto print = [&](OpResult result, llvm::StringRef wish, const Expr &init) {
    if (result.use_empty())
      return;
    std::string name = makeName(wish);
    values[result] = {name};
    printDeclaration("int", name, castTo("int", init).text);
  };
  print(op->getResult(0), "low", infix(a, " * ", b, Binding::multiplicative));
  print(op->getResult(1), "high", call("__umulhi", {a, b}));
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

Expr KernelPrinter::computeCast(Operation *op, const Number &operand, Type from,
                                Type to, bool isWide) {
  const Expr &expr = operand.expr;
  std::string type = prelude.typeOf(to, isWide);
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp,
          arith::ExtUIOp, arith::TruncIOp>(op)) {
    bool isUnsigned = isa<arith::IndexCastUIOp, arith::ExtUIOp>(op);
    if (to.isInteger(1))
      return infix(infix(expr, " & ", {"1"}, Binding::bitAnd), " != ", {"0"},
                   Binding::equality);
    if (from.isInteger(1))
      return isUnsigned ? castTo(type, expr)
                        : castTo(type, {"-" + castTo("int", expr).text,
                                        Binding::unary});
    if (isUnsigned && !operand.range.isNonNegative()) {
      if (from.isInteger(8))
        return castTo(type, castTo("unsigned char", expr));
      if (from.isInteger(16))
        return castTo(type, castTo("unsigned short", expr));
      prelude.useUnsigned("u32");
      if (from.isInteger(32))
        return castTo(type, castTo("u32", expr));
    }
    // The same C++ type: an index that fits is an int already.
    bool isInt = !operand.isWide && (from.isIndex() || from.isInteger(32));
    return (isInt && type == "int") || (operand.isWide && type == "long long")
               ? expr
               : castTo(type, expr);
  }
  if (isa<arith::SIToFPOp, arith::UIToFPOp>(op) && to.isF32()) {
    if (isa<arith::UIToFPOp>(op) && !operand.range.isNonNegative()) {
      if (!from.isInteger(32) && !from.isInteger(64))
        return fail(op, "from an unsigned narrow integer");
      prelude.useUnsigned(unsignedType(from));
      return castTo("float", castTo(unsignedType(from), expr));
    }
    if (isa<arith::SIToFPOp>(op) && from.isInteger(1))
      return castTo("float", {"-" + castTo("int", expr).text, Binding::unary});
    return castTo("float", expr);
  }
  if (isa<arith::FPToSIOp>(op) && from.isF32() && !to.isInteger(1))
    return castTo(type, expr);
  if (isa<arith::FPToUIOp>(op) && from.isF32() &&
      (to.isInteger(32) || to.isInteger(64))) {
    prelude.useUnsigned(unsignedType(to));
    return castTo(type, castTo(unsignedType(to), expr));
  }
  if (isa<arith::ExtFOp>(op) && is16BitFloat(from) && to.isF32())
    return call(prelude.use(from.isBF16() ? "bf16_to_float" : "f16_to_float"),
                {expr});
  if (auto truncate = dyn_cast<arith::TruncFOp>(op);
      truncate && from.isF32() && is16BitFloat(to)) {
    if (auto mode = truncate.getRoundingmode();
        mode && *mode != arith::RoundingMode::to_nearest_even)
      return fail(op, "numbers are rounded to nearest even");
    return call(prelude.use(to.isBF16() ? "float_to_bf16" : "float_to_f16"),
                {expr});
  }
  if (isa<arith::BitcastOp>(op)) {
    if (from.isF32() && to.isInteger(32))
      return call("__float_as_int", {expr});
    if (from.isInteger(32) && to.isF32())
      return call("__int_as_float", {expr});
    if ((is16BitFloat(from) && to.isInteger(16)) ||
        (from.isInteger(16) && is16BitFloat(to)))
      return castTo(type, expr);
  }
  return fail(op, "it has no cast between these types");
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

Expr KernelPrinter::computeScalar(Operation *op,
                                  llvm::ArrayRef<Number> operands,
                                  bool isWide) {
  Type type = getElementType(op->getResult(0).getType());
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return computeCompare(compare, operands[0], operands[1]);
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return computeCompare(compare, operands[0].expr, operands[1].expr);
  if (isa<arith::SelectOp>(op)) {
    const Number &yes = operands[1], &no = operands[2];
    bool isWiderThanResult =
        type.isIndex() && !isWide && (yes.isWide || no.isWide);
    Expr condition = operands[0].expr;
    const Number *chosen = &yes, *other = &no;
    // !(a) ? b : c is a ? c : b.
    if (condition.binding == Binding::unary &&
        llvm::StringRef(condition.text).starts_with("!(")) {
      condition = {condition.text.substr(2, condition.text.size() - 3),
                   Binding::relational};
      std::swap(chosen, other);
    }
    Expr expr{condition.as(Binding::logicalOr) + " ? " +
                  chosen->expr.as(Binding::logicalOr) + " : " +
                  other->expr.as(Binding::conditional),
              Binding::conditional};
    return isWiderThanResult ? castTo("int", expr) : expr;
  }
  if (isa<CastOpInterface>(op))
    return computeCast(op, operands[0],
                       getElementType(op->getOperand(0).getType()), type,
                       isWide);
  if (type.isIntOrIndex() &&
      isa<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return computeInteger(op, operands, type, isWide);

  llvm::StringRef name = op->getName().getStringRef();
  const FloatOp *row = llvm::find_if(
      kFloatOps, [&](const FloatOp &entry) { return entry.name == name; });
  if (row == std::end(kFloatOps))
    return fail(op);
  if (!type.isF32())
    return fail(op, "floating-point arithmetic is in f32 only");
  if (auto flags = dyn_cast<arith::ArithFastMathInterface>(op);
      flags && isa<arith::DivFOp>(op) &&
      arith::bitEnumContainsAny(flags.getFastMathFlagsAttr().getValue(),
                                arith::FastMathFlags::arcp |
                                    arith::FastMathFlags::afn))
    return call(prelude.use("div_approx"),
                {operands[0].expr, operands[1].expr});
  switch (row->kind) {
  case FloatOp::infix:
    return infix(operands[0].expr, row->text, operands[1].expr, row->binding);
  case FloatOp::prefix: {
    // Two signs in a row would be a decrement.
    Expr operand = operands[0].expr;
    if (llvm::StringRef(operand.text).starts_with("-"))
      operand = {"(" + operand.text + ")"};
    return {row->text.str() + operand.as(row->binding), row->binding};
  }
  default: {
    llvm::SmallVector<Expr> arguments;
    for (const Number &operand : operands)
      arguments.push_back(operand.expr);
    if (row->kind == FloatOp::prelude)
      prelude.use(row->text);
    return call(row->text, arguments);
  }
  }
}
