//===- ExpandMath.cpp - cpu-expand-math -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exponentials as arithmetic. Upstream has no approximation of exp2, and its
// exp clamps its argument, so that exp(-inf) is not 0.
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
  Arithmetic(PatternRewriter &rewriter, Location loc, Type type)
      : rewriter(rewriter), loc(loc), type(type) {}

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
  Value roundEven(Value a) {
    return math::RoundEvenOp::create(rewriter, loc, a);
  }
  Value asInt(Value a) {
    return arith::BitcastOp::create(rewriter, loc, intType(), a);
  }
  Value asFloat(Value a) {
    return arith::BitcastOp::create(rewriter, loc, type, a);
  }
  Value scaleByPowerOfTwo(Value mantissa, Value exponent, bool scalef);

  Type intType() {
    Type i32 = rewriter.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(i32);
    return i32;
  }

  PatternRewriter &rewriter;
  Location loc;
  Type type;

private:
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

/// mantissa * 2^exponent for a mantissa near 1 and an integral exponent. The
/// result is 0 below the normal numbers, inf above them, NaN for NaN.
Value Arithmetic::scaleByPowerOfTwo(Value mantissa, Value exponent,
                                    bool scalef) {
  auto vector = dyn_cast<VectorType>(type);
  if (scalef && vector && vector.getShape() == ArrayRef<int64_t>(16)) {
    // The instruction gives 0 for an exponent of -inf even if the mantissa is
    // NaN, as it is after the range reduction of -inf.
    Value lanes = arith::ConstantIntOp::create(rewriter, loc, -1, 16);
    Value rounding = arith::ConstantIntOp::create(rewriter, loc, 4, 32);
    Value zero = constant(0.0);
    return LLVM::CallIntrinsicOp::create(
               rewriter, loc, type,
               rewriter.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
               ValueRange{mantissa, exponent, zero, lanes, rounding})
        .getResult(0);
  }
  // Adding 1.5 * 2^23 leaves an integer in the low bits; with 127 it is the
  // biased exponent.
  Value biased = asInt(add(exponent, constant(12582912.0 + 127.0)));
  Value power =
      asFloat(arith::ShLIOp::create(rewriter, loc, biased, constantInt(23)));
  Value result = mul(mantissa, power);
  Value lowest = constant(-126.0), highest = constant(127.0);
  Value zero = constant(0.0), inf = constant(INFINITY);
  result = select(arith::CmpFPredicate::OLT, exponent, lowest, zero, result);
  return select(arith::CmpFPredicate::OGT, exponent, highest, inf, result);
}

/// 2^f for |f| <= 1/2: 1 + f * q(f), minimax in the relative error (1.1e-7
/// with the coefficients rounded to f32). Exact at 0. Evaluated in pairs
/// (Estrin), because the latency of a chain of multiply-adds limits how many
/// exponentials a core has under way.
static Value exp2Fraction(Arithmetic &a, Value f) {
  Value square = a.mul(f, f);
  auto pair = [&](double high, double low) {
    return a.fma(a.constant(high), f, a.constant(low));
  };
  Value p = pair(0.0013264727217612428, 0.009671512639582283);
  p = a.fma(p, square, pair(0.05550733743189852, 0.24022242085377857));
  return a.fma(p, square, pair(0.6931469775991943, 1.0));
}

static bool isF32(Operation *op) {
  return getElementTypeOrSelf(op->getResult(0).getType()).isF32();
}

namespace {
struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, bool scalef)
      : OpRewritePattern(context), scalef(scalef) {}

  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return failure();
    Arithmetic a(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand();
    Value n = a.roundEven(x);
    Value p = exp2Fraction(a, a.sub(x, n));
    rewriter.replaceOp(op, a.scaleByPowerOfTwo(p, n, scalef));
    return success();
  }
  bool scalef;
};

/// e^x = 2^n * 2^f with n + f = x / ln(2), where f is computed from the
/// remainder of x by n * ln(2) with ln(2) in two parts (Cody and Waite 1980).
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  ExpandExp(MLIRContext *context, bool scalef)
      : OpRewritePattern(context), scalef(scalef) {}

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return failure();
    Arithmetic a(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand();
    Value log2e = a.constant(1.4426950408889634);
    Value n = a.roundEven(a.mul(x, log2e));
    Value r = a.fma(n, a.constant(-0.693359375), x);
    r = a.fma(n, a.constant(2.12194440e-4), r);
    Value p = exp2Fraction(a, a.mul(r, log2e));
    rewriter.replaceOp(op, a.scaleByPowerOfTwo(p, n, scalef));
    return success();
  }
  bool scalef;
};

struct ExpandMath : tile::impl::CpuExpandMathPassBase<ExpandMath> {
  using CpuExpandMathPassBase::CpuExpandMathPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp2, ExpandExp>(&getContext(), bool(scalef));
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
