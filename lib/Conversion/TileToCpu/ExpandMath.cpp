//===- ExpandMath.cpp - cpu-expand-math -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exponentials as arithmetic. Upstream has no approximation of exp2, and its
// exp clamps its argument, so that exp(-inf) is not 0. Its logarithms take all
// subnormal numbers for the smallest normal one.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"

#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_CPUEXPANDMATHPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

namespace {

/// Emits f32 arithmetic on a scalar or vector type.
class Arithmetic {
public:
  Arithmetic(RewriterBase &rewriter, Operation *op, bool avx512)
      : rewriter(rewriter), loc(op->getLoc()), type(op->getResult(0).getType()),
        avx512(avx512 && isNative()) {}

  Value constant(double value) {
    return splat(rewriter.getF32FloatAttr(value));
  }
  Value constantInt(int32_t value) {
    return splat(rewriter.getI32IntegerAttr(value));
  }
  Value add(Value a, Value b) {
    return arith::AddFOp::create(rewriter, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubFOp::create(rewriter, loc, a, b);
  }
  Value mul(Value a, Value b) {
    return arith::MulFOp::create(rewriter, loc, a, b);
  }
  Value fma(Value a, Value b, Value c) {
    return math::FmaOp::create(rewriter, loc, a, b, c);
  }
  Value select(arith::CmpFPredicate predicate, Value a, Value b, Value yes,
               Value no) {
    Value condition = arith::CmpFOp::create(rewriter, loc, predicate, a, b);
    return arith::SelectOp::create(rewriter, loc, condition, yes, no);
  }
  Value floor(Value a) { return math::FloorOp::create(rewriter, loc, a); }
  Value fractionPart(Value a, Value floor);
  Value asInt(Value a) {
    return arith::BitcastOp::create(rewriter, loc, intType(), a);
  }
  Value asFloat(Value a) {
    return arith::BitcastOp::create(rewriter, loc, type, a);
  }
  Value clamp(Value x, double lowest, double highest);
  Value scaleByPowerOfTwo(Value mantissa, Value exponent);

  Type intType() {
    Type i32 = rewriter.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(i32);
    return i32;
  }

  RewriterBase &rewriter;
  Location loc;
  Type type;
  bool avx512;

private:
  bool isNative() {
    auto vector = dyn_cast<VectorType>(type);
    return vector && vector.getShape() == ArrayRef<int64_t>(16);
  }
  Value callAvx512(StringRef name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(
               rewriter, loc, type,
               rewriter.getStringAttr("llvm.x86.avx512.mask." + name), operands)
        .getResult(0);
  }
  Value i16(int64_t v) {
    return arith::ConstantIntOp::create(rewriter, loc, v, 16);
  }
  Value i32(int64_t v) {
    return arith::ConstantIntOp::create(rewriter, loc, v, 32);
  }
  Value splat(TypedAttr scalar) {
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(
          rewriter, loc,
          DenseElementsAttr::get(vector.clone(scalar.getType()),
                                 ArrayRef<Attribute>(scalar)));
    return arith::ConstantOp::create(rewriter, loc, scalar);
  }
};
} // namespace

/// What is left of `a` above `floor`, the next integer below. AVX-512 computes
/// it from `a` alone.
Value Arithmetic::fractionPart(Value a, Value floor) {
  if (!avx512)
    return sub(a, floor);
  constexpr int64_t downWithoutException = 9, currentRounding = 4;
  return callAvx512("reduce.ps.512",
                    {a, i32(downWithoutException), constant(0.0), i16(-1),
                     i32(currentRounding)});
}

/// `x` between two numbers; NaN stays NaN.
Value Arithmetic::clamp(Value x, double lowest, double highest) {
  Value low = constant(lowest), high = constant(highest);
  x = select(arith::CmpFPredicate::OGT, low, x, low, x);
  return select(arith::CmpFPredicate::OLT, high, x, high, x);
}

/// mantissa * 2^floor(exponent) for a mantissa in [1, 2]. Without AVX-512 the
/// exponent must be an integer from -127 on, where the result is 0, to 128,
/// where it is inf.
Value Arithmetic::scaleByPowerOfTwo(Value mantissa, Value exponent) {
  if (avx512) {
    // The instruction gives 0 for an exponent of -inf even if the mantissa is
    // NaN, as it can be after the range reduction of -inf.
    constexpr int64_t currentRounding = 4;
    return callAvx512("scalef.ps.512", {mantissa, exponent, constant(0.0),
                                        i16(-1), i32(currentRounding)});
  }
  // Adding 1.5 * 2^23 leaves an integer in the low bits; with 127 it is the
  // biased exponent.
  Value biased = asInt(add(exponent, constant(12582912.0 + 127.0)));
  Value power =
      asFloat(arith::ShLIOp::create(rewriter, loc, biased, constantInt(23)));
  return mul(mantissa, power);
}

/// 2^f for f in [0, 1]: minimax in the relative error among the polynomials of
/// degree 5 with f32 coefficients that are exact at 0 (8.3e-8; 1.5e-7 with the
/// rounding of the evaluation).
static Value exp2Fraction(Arithmetic &a, Value f) {
  Value p = a.constant(0.0018669525161385536);
  for (double coefficient : {0.009017480537295341, 0.055799514055252075,
                             0.2401645928621292, 0.6931512951850891, 1.0})
    p = a.fma(p, f, a.constant(coefficient));
  return p;
}

static bool isF32(Operation *op) {
  return getElementTypeOrSelf(op->getResult(0).getType()).isF32();
}

/// log(x) = log(2^24 * x) - 24 * log(2) for a subnormal x. `shift` is the last
/// term.
static void scaleSubnormals(Operation *op, double shift) {
  if (!isF32(op))
    return;
  IRRewriter rewriter(op);
  Arithmetic a(rewriter, op, /*avx512=*/false);
  Value x = op->getOperand(0), smallest = a.constant(0x1p-126);
  Value scaled = a.mul(x, a.constant(0x1p24));
  op->setOperand(0,
                 a.select(arith::CmpFPredicate::OLT, x, smallest, scaled, x));
  Value added = a.select(arith::CmpFPredicate::OLT, x, smallest,
                         a.constant(shift), a.constant(0.0));
  rewriter.setInsertionPointAfter(op);
  Value result = a.sub(op->getResult(0), added);
  rewriter.replaceAllUsesExcept(op->getResult(0), result,
                                result.getDefiningOp());
}

namespace {
struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, bool avx512)
      : OpRewritePattern(context), avx512(avx512) {}

  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return failure();
    Arithmetic a(rewriter, op, avx512);
    Value x = op.getOperand();
    if (!a.avx512)
      x = a.clamp(x, -127.0, 128.0);
    Value n = a.avx512 ? x : a.floor(x);
    Value p = exp2Fraction(a, a.fractionPart(x, n));
    rewriter.replaceOp(op, a.scaleByPowerOfTwo(p, n));
    return success();
  }
  bool avx512;
};

/// e^x = 2^n * 2^f with n + f = x / ln(2), where f is computed from the
/// remainder of x by n * ln(2) with ln(2) in two parts (Cody and Waite 1980).
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  ExpandExp(MLIRContext *context, bool avx512)
      : OpRewritePattern(context), avx512(avx512) {}

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return failure();
    Arithmetic a(rewriter, op, avx512);
    // Where the remainder by n * ln(2) is still exact, and just beyond what
    // gives numbers: -126 * ln(2), or -150 * ln(2) with subnormal ones, and
    // 128 * ln(2).
    Value x = a.clamp(op.getOperand(), a.avx512 ? -105.0 : -88.0, 89.0);
    Value log2e = a.constant(1.4426950408889634);
    Value n = a.floor(a.mul(x, log2e));
    Value r = a.fma(n, a.constant(-0.693359375), x);
    r = a.fma(n, a.constant(2.12194440e-4), r);
    Value p = exp2Fraction(a, a.mul(r, log2e));
    rewriter.replaceOp(op, a.scaleByPowerOfTwo(p, n));
    return success();
  }
  bool avx512;
};

struct ExpandMath : tile::impl::CpuExpandMathPassBase<ExpandMath> {
  using CpuExpandMathPassBase::CpuExpandMathPassBase;

  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (isa<math::LogOp>(op))
        scaleSubnormals(op, 24 * 0.6931471805599453);
      else if (isa<math::Log2Op>(op))
        scaleSubnormals(op, 24);
    });
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp2, ExpandExp>(&getContext(), bool(avx512));
    // Everything that the code generator would turn into a call. The names are
    // of operations whose expansion upstream has.
    auto expand = [](StringRef name) {
      return name != math::ExpOp::getOperationName() &&
             name != math::Exp2Op::getOperationName() &&
             name != math::RsqrtOp::getOperationName();
    };
    populateMathF32ExpansionPatterns(patterns, expand);
    populateMathPolynomialApproximationPatterns(patterns, expand);
    math::populateExpansionPatterns(patterns, {"tan", "sinh", "cosh", "asinh",
                                               "acosh", "atanh", "powf",
                                               "fpowi", "round", "clampf"});
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();

    // What is left must be instructions of the CPU.
    getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
          isa<math::FmaOp, math::SqrtOp, math::RsqrtOp, math::FloorOp,
              math::CeilOp, math::TruncOp, math::RoundEvenOp, math::AbsFOp,
              math::AbsIOp, math::CopySignOp, math::CountLeadingZerosOp,
              math::CountTrailingZerosOp, math::CtPopOp, math::IsNaNOp,
              math::IsInfOp, math::IsFiniteOp, math::IsNormalOp>(op))
        return;
      op->emitOpError() << "on " << op->getOperand(0).getType()
                        << " has no expansion for a CPU";
      signalPassFailure();
    });
  }
};
} // namespace
