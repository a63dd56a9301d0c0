//===- RegionInterpreterOps.cpp - What the single ops compute -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar ops of arith and math, and tensor.extract, as row instructions.
// Integers are held sign-extended to 64 bits; an unsigned op that cares masks
// its operands to the width of their type.  What MLIR calls poison has a value
// here: conversions saturate, shifts by too much give 0 or the sign.
//
//===----------------------------------------------------------------------===//

#include "RegionInterpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace attn::reference {

using llvm::ArrayRef;
using llvm::TypeSwitch;
using mlir::Operation;
using mlir::Type;
namespace arith = mlir::arith;
namespace math = mlir::math;

//===----------------------------------------------------------------------===//
// Loops over a row
//===----------------------------------------------------------------------===//

template <typename Out, typename In, typename Fn>
RegionInterpreter::Instruction
RegionInterpreter::unary(unsigned out, unsigned in, Fn fn) const {
  return [=, varying = isVarying(out)](Frame &frame) {
    Out *result = frame.row<Out>(out);
    const In *x = frame.row<In>(in);
    int64_t n = varying ? frame.count : 1;
    for (int64_t k = 0; k < n; ++k)
      result[k] = fn(x[k]);
  };
}

template <typename Out, typename A, typename B, typename Fn>
RegionInterpreter::Instruction
RegionInterpreter::binary(unsigned out, ArrayRef<unsigned> in, Fn fn) const {
  return
      [=, a = in[0], b = in[1], varying = isVarying(out),
       varyingA = isVarying(in[0]), varyingB = isVarying(in[1])](Frame &frame) {
        Out *result = frame.row<Out>(out);
        const A *x = frame.row<A>(a);
        const B *y = frame.row<B>(b);
        int64_t n = varying ? frame.count : 1;
        if (varyingA == varyingB) {
          for (int64_t k = 0; k < n; ++k)
            result[k] = fn(x[k], y[k]);
        } else if (varyingA) {
          for (int64_t k = 0; k < n; ++k)
            result[k] = fn(x[k], y[0]);
        } else {
          for (int64_t k = 0; k < n; ++k)
            result[k] = fn(x[0], y[k]);
        }
      };
}

template <typename Out, typename A, typename B, typename Fn>
RegionInterpreter::Instruction
RegionInterpreter::ternary(unsigned out, ArrayRef<unsigned> in, Fn fn) const {
  return
      [=, a = in[0], b = in[1], c = in[2], varying = isVarying(out),
       strideA = int64_t(isVarying(in[0])), strideB = int64_t(isVarying(in[1])),
       strideC = int64_t(isVarying(in[2]))](Frame &frame) {
        Out *result = frame.row<Out>(out);
        const A *x = frame.row<A>(a);
        const B *y = frame.row<B>(b);
        const B *z = frame.row<B>(c);
        int64_t n = varying ? frame.count : 1;
        for (int64_t k = 0; k < n; ++k)
          result[k] = fn(x[k * strideA], y[k * strideB], z[k * strideC]);
      };
}

template <typename Fn>
RegionInterpreter::Instruction
RegionInterpreter::division(Operation *op, unsigned out, ArrayRef<unsigned> in,
                            Fn fn) const {
  return [=, a = in[0], b = in[1], varying = isVarying(out),
          strideA = int64_t(isVarying(in[0])),
          strideB = int64_t(isVarying(in[1]))](Frame &frame) {
    int64_t *result = frame.row<int64_t>(out);
    const int64_t *x = frame.row<int64_t>(a);
    const int64_t *y = frame.row<int64_t>(b);
    int64_t n = varying ? frame.count : 1;
    for (int64_t k = 0; k < n; ++k) {
      int64_t dividend = x[k * strideA], divisor = y[k * strideB];
      if (divisor == 0) {
        frame.fail(op, "division by zero", varying ? k : -1);
        result[k] = 0;
      } else {
        result[k] = fn(dividend, divisor);
      }
    }
  };
}

RegionInterpreter::Instruction
RegionInterpreter::conversion(Type type, unsigned slot) const {
  if (type.isF32())
    return unary<double, double>(
        slot, slot, [](double x) -> double { return static_cast<float>(x); });
  if (slots[slot].isFloat)
    return unary<double, double>(
        slot, slot, [type](double x) { return roundToType(x, type); });
  unsigned shift = 64 - type.getIntOrFloatBitWidth();
  return unary<int64_t, int64_t>(slot, slot, [shift](int64_t x) {
    return static_cast<int64_t>(static_cast<uint64_t>(x) << shift) >> shift;
  });
}

/// Truncates towards zero; NaN gives 0 and what does not fit saturates.
static int64_t toInteger(double x) {
  if (std::isnan(x))
    return 0;
  if (x >= 0x1p63)
    return std::numeric_limits<int64_t>::max();
  if (x < -0x1p63)
    return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(x);
}

RegionInterpreter::Instruction
RegionInterpreter::extraction(Operation *op, const Array *array,
                              ArrayRef<unsigned> indices, unsigned out) const {
  std::vector<std::pair<unsigned, int64_t>> rows;
  for (unsigned index : indices)
    rows.push_back({index, isVarying(index)});
  return [=, varying = isVarying(out),
          isFloat = slots[out].isFloat](Frame &frame) {
    int64_t n = varying ? frame.count : 1;
    for (int64_t k = 0; k < n; ++k) {
      int64_t offset = 0;
      bool inBounds = true;
      for (size_t d = 0; d < rows.size(); ++d) {
        int64_t index = frame.ints[rows[d].first][k * rows[d].second];
        inBounds &= index >= 0 && index < array->shape[d];
        offset = inBounds ? offset * array->shape[d] + index : 0;
      }
      if (!inBounds)
        frame.fail(op, "index out of bounds", varying ? k : -1);
      double value = inBounds ? array->data[offset] : 0;
      if (isFloat)
        frame.floats[out][k] = value;
      else
        frame.ints[out][k] = toInteger(value);
    }
  };
}

//===----------------------------------------------------------------------===//
// Floats to float
//===----------------------------------------------------------------------===//

RegionInterpreter::Instruction
RegionInterpreter::floatInstruction(Operation *op, ArrayRef<unsigned> in,
                                    unsigned out) const {
  auto one = [&](auto fn) { return unary<double, double>(out, in[0], fn); };
  auto two = [&](auto fn) {
    return binary<double, double, double>(out, in, fn);
  };
  auto three = [&](auto fn) {
    return ternary<double, double, double>(out, in, fn);
  };
  using F = double;
  return TypeSwitch<Operation *, Instruction>(op)
      .Case([&](arith::AddFOp) { return two([](F x, F y) { return x + y; }); })
      .Case([&](arith::SubFOp) { return two([](F x, F y) { return x - y; }); })
      .Case([&](arith::MulFOp) { return two([](F x, F y) { return x * y; }); })
      .Case([&](arith::DivFOp) { return two([](F x, F y) { return x / y; }); })
      .Case([&](arith::RemFOp) {
        return two([](F x, F y) { return std::fmod(x, y); });
      })
      .Case([&](arith::NegFOp) { return one([](F x) { return -x; }); })
      .Case([&](arith::MaximumFOp) {
        return two([](F x, F y) {
          if (x == y) // Zeros of both signs.
            return std::signbit(x) ? y : x;
          return std::isnan(x) || x > y ? x : y;
        });
      })
      .Case([&](arith::MinimumFOp) {
        return two([](F x, F y) {
          if (x == y)
            return std::signbit(x) ? x : y;
          return std::isnan(x) || x < y ? x : y;
        });
      })
      .Case([&](arith::MaxNumFOp) {
        return two([](F x, F y) { return std::fmax(x, y); });
      })
      .Case([&](arith::MinNumFOp) {
        return two([](F x, F y) { return std::fmin(x, y); });
      })
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [&](auto) { return one([](F x) { return x; }); })
      .Case([&](math::ExpOp) { return one([](F x) { return std::exp(x); }); })
      .Case([&](math::Exp2Op) { return one([](F x) { return std::exp2(x); }); })
      .Case(
          [&](math::ExpM1Op) { return one([](F x) { return std::expm1(x); }); })
      .Case([&](math::LogOp) { return one([](F x) { return std::log(x); }); })
      .Case([&](math::Log2Op) { return one([](F x) { return std::log2(x); }); })
      .Case(
          [&](math::Log10Op) { return one([](F x) { return std::log10(x); }); })
      .Case(
          [&](math::Log1pOp) { return one([](F x) { return std::log1p(x); }); })
      .Case([&](math::SinOp) { return one([](F x) { return std::sin(x); }); })
      .Case([&](math::CosOp) { return one([](F x) { return std::cos(x); }); })
      .Case([&](math::TanOp) { return one([](F x) { return std::tan(x); }); })
      .Case([&](math::TanhOp) { return one([](F x) { return std::tanh(x); }); })
      .Case([&](math::SinhOp) { return one([](F x) { return std::sinh(x); }); })
      .Case([&](math::CoshOp) { return one([](F x) { return std::cosh(x); }); })
      .Case([&](math::AtanOp) { return one([](F x) { return std::atan(x); }); })
      .Case([&](math::ErfOp) { return one([](F x) { return std::erf(x); }); })
      .Case([&](math::ErfcOp) { return one([](F x) { return std::erfc(x); }); })
      .Case([&](math::SqrtOp) { return one([](F x) { return std::sqrt(x); }); })
      .Case([&](math::RsqrtOp) {
        return one([](F x) { return 1 / std::sqrt(x); });
      })
      .Case([&](math::CbrtOp) { return one([](F x) { return std::cbrt(x); }); })
      .Case([&](math::AbsFOp) { return one([](F x) { return std::fabs(x); }); })
      .Case(
          [&](math::FloorOp) { return one([](F x) { return std::floor(x); }); })
      .Case([&](math::CeilOp) { return one([](F x) { return std::ceil(x); }); })
      .Case(
          [&](math::RoundOp) { return one([](F x) { return std::round(x); }); })
      // The rounding mode is never changed from nearest, ties to even.
      .Case([&](math::RoundEvenOp) {
        return one([](F x) { return std::nearbyint(x); });
      })
      .Case(
          [&](math::TruncOp) { return one([](F x) { return std::trunc(x); }); })
      .Case([&](math::PowFOp) {
        return two([](F x, F y) { return std::pow(x, y); });
      })
      .Case([&](math::Atan2Op) {
        return two([](F x, F y) { return std::atan2(x, y); });
      })
      .Case([&](math::CopySignOp) {
        return two([](F x, F y) { return std::copysign(x, y); });
      })
      .Case([&](math::FmaOp) {
        return three([](F x, F y, F z) { return std::fma(x, y, z); });
      })
      .Case([&](math::ClampFOp) {
        return three([](F x, F low, F high) {
          return x < low ? low : x > high ? high : x;
        });
      })
      .Default(Instruction());
}

//===----------------------------------------------------------------------===//
// Integers to integer
//===----------------------------------------------------------------------===//

/// The bits of a value of type `type`, zero-extended.
static uint64_t zeroExtend(int64_t x, uint64_t mask) {
  return static_cast<uint64_t>(x) & mask;
}

static uint64_t maskOf(Type type) {
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  return width == 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
}

/// The quotient wraps around for the smallest dividend and -1.
static int64_t divideSigned(int64_t x, int64_t y) {
  return y == -1 ? static_cast<int64_t>(-static_cast<uint64_t>(x)) : x / y;
}
static int64_t remainderSigned(int64_t x, int64_t y) {
  return y == -1 ? 0 : x % y;
}

RegionInterpreter::Instruction
RegionInterpreter::integerInstruction(Operation *op, ArrayRef<unsigned> in,
                                      unsigned out) const {
  using I = int64_t;
  using U = uint64_t;
  auto one = [&](auto fn) { return unary<I, I>(out, in[0], fn); };
  auto two = [&](auto fn) { return binary<I, I, I>(out, in, fn); };
  auto divide = [&](auto fn) { return division(op, out, in, fn); };
  if (in.empty() || slots[in[0]].isFloat || slots[out].isFloat)
    return Instruction();
  U mask = maskOf(op->getOperand(0).getType());
  I width = llvm::popcount(mask);
  return TypeSwitch<Operation *, Instruction>(op)
      .Case([&](arith::AddIOp) { return two([](U x, U y) { return x + y; }); })
      .Case([&](arith::SubIOp) { return two([](U x, U y) { return x - y; }); })
      .Case([&](arith::MulIOp) { return two([](U x, U y) { return x * y; }); })
      .Case([&](arith::DivSIOp) { return divide(divideSigned); })
      .Case([&](arith::RemSIOp) { return divide(remainderSigned); })
      .Case([&](arith::FloorDivSIOp) {
        return divide([](I x, I y) {
          I rest = remainderSigned(x, y);
          return divideSigned(x, y) - (rest != 0 && (rest < 0) != (y < 0));
        });
      })
      .Case([&](arith::CeilDivSIOp) {
        return divide([](I x, I y) {
          I rest = remainderSigned(x, y);
          return divideSigned(x, y) + (rest != 0 && (rest < 0) == (y < 0));
        });
      })
      .Case([&](arith::DivUIOp) {
        return divide([mask](I x, I y) -> I {
          return zeroExtend(x, mask) / zeroExtend(y, mask);
        });
      })
      .Case([&](arith::RemUIOp) {
        return divide([mask](I x, I y) -> I {
          return zeroExtend(x, mask) % zeroExtend(y, mask);
        });
      })
      .Case([&](arith::CeilDivUIOp) {
        return divide([mask](I x, I y) -> I {
          U dividend = zeroExtend(x, mask), divisor = zeroExtend(y, mask);
          return dividend / divisor + (dividend % divisor != 0);
        });
      })
      .Case([&](arith::AndIOp) { return two([](I x, I y) { return x & y; }); })
      .Case([&](arith::OrIOp) { return two([](I x, I y) { return x | y; }); })
      .Case([&](arith::XOrIOp) { return two([](I x, I y) { return x ^ y; }); })
      .Case([&](arith::ShLIOp) {
        return two([width](U x, I y) -> I {
          return y < 0 || y >= width ? 0 : x << y;
        });
      })
      .Case([&](arith::ShRUIOp) {
        return two([mask, width](I x, I y) -> I {
          return y < 0 || y >= width ? 0 : zeroExtend(x, mask) >> y;
        });
      })
      .Case([&](arith::ShRSIOp) {
        return two([width](I x, I y) {
          return x >> (y < 0 || y >= width ? width - 1 : y);
        });
      })
      .Case([&](arith::MaxSIOp) {
        return two([](I x, I y) { return std::max(x, y); });
      })
      .Case([&](arith::MinSIOp) {
        return two([](I x, I y) { return std::min(x, y); });
      })
      // Sign extension keeps the unsigned order.
      .Case([&](arith::MaxUIOp) {
        return two([](U x, U y) { return std::max(x, y); });
      })
      .Case([&](arith::MinUIOp) {
        return two([](U x, U y) { return std::min(x, y); });
      })
      .Case<arith::ExtSIOp, arith::TruncIOp, arith::IndexCastOp>(
          [&](auto) { return one([](I x) { return x; }); })
      .Case<arith::ExtUIOp, arith::IndexCastUIOp>([&](auto) {
        return one([mask](I x) -> I { return zeroExtend(x, mask); });
      })
      .Case([&](math::AbsIOp) {
        return one([](I x) -> I { return x < 0 ? -static_cast<U>(x) : x; });
      })
      .Case([&](arith::CmpIOp compare) -> Instruction {
        switch (compare.getPredicate()) {
        case arith::CmpIPredicate::eq:
          return two([](I x, I y) { return -I(x == y); });
        case arith::CmpIPredicate::ne:
          return two([](I x, I y) { return -I(x != y); });
        case arith::CmpIPredicate::slt:
          return two([](I x, I y) { return -I(x < y); });
        case arith::CmpIPredicate::sle:
          return two([](I x, I y) { return -I(x <= y); });
        case arith::CmpIPredicate::sgt:
          return two([](I x, I y) { return -I(x > y); });
        case arith::CmpIPredicate::sge:
          return two([](I x, I y) { return -I(x >= y); });
        case arith::CmpIPredicate::ult:
          return two([](U x, U y) { return -I(x < y); });
        case arith::CmpIPredicate::ule:
          return two([](U x, U y) { return -I(x <= y); });
        case arith::CmpIPredicate::ugt:
          return two([](U x, U y) { return -I(x > y); });
        case arith::CmpIPredicate::uge:
          return two([](U x, U y) { return -I(x >= y); });
        }
        llvm_unreachable("unknown predicate of arith.cmpi");
      })
      .Case([&](arith::SelectOp) {
        return ternary<I, I, I>(out, in,
                                [](I c, I x, I y) { return c ? x : y; });
      })
      .Default(Instruction());
}

//===----------------------------------------------------------------------===//
// Between floats and integers
//===----------------------------------------------------------------------===//

RegionInterpreter::Instruction
RegionInterpreter::mixedInstruction(Operation *op, ArrayRef<unsigned> in,
                                    unsigned out) const {
  using I = int64_t;
  using F = double;
  auto test = [&](auto fn) { return unary<I, F>(out, in[0], fn); };
  auto compareRows = [&](auto fn) { return binary<I, F, F>(out, in, fn); };
  return TypeSwitch<Operation *, Instruction>(op)
      .Case([&](arith::SIToFPOp) {
        return unary<F, I>(out, in[0], [](I x) { return F(x); });
      })
      .Case([&](arith::UIToFPOp cast) {
        uint64_t mask = maskOf(cast.getIn().getType());
        return unary<F, I>(out, in[0],
                           [mask](I x) { return F(zeroExtend(x, mask)); });
      })
      .Case([&](arith::FPToSIOp cast) {
        uint64_t mask = maskOf(cast.getOut().getType());
        return test([low = -I(mask / 2) - 1, high = I(mask / 2)](F x) {
          return std::clamp(toInteger(x), low, high);
        });
      })
      .Case([&](arith::FPToUIOp cast) {
        uint64_t mask = maskOf(cast.getOut().getType());
        return test([mask](F x) -> I {
          if (!(x > 0))
            return 0;
          return x >= F(mask) ? mask : static_cast<uint64_t>(x);
        });
      })
      .Case([&](math::FPowIOp) {
        return binary<F, F, I>(out, in,
                               [](F x, I y) { return std::pow(x, F(y)); });
      })
      .Case([&](math::IsNaNOp) {
        return test([](F x) { return -I(std::isnan(x)); });
      })
      .Case([&](math::IsInfOp) {
        return test([](F x) { return -I(std::isinf(x)); });
      })
      .Case([&](math::IsFiniteOp) {
        return test([](F x) { return -I(std::isfinite(x)); });
      })
      .Case([&](arith::SelectOp) {
        return ternary<F, I, F>(out, in,
                                [](I c, F x, F y) { return c ? x : y; });
      })
      .Case([&](arith::CmpFOp compare) -> Instruction {
        using P = arith::CmpFPredicate;
        switch (compare.getPredicate()) {
        case P::AlwaysFalse:
          return compareRows([](F, F) { return I(0); });
        case P::AlwaysTrue:
          return compareRows([](F, F) { return I(-1); });
        case P::OEQ:
          return compareRows([](F x, F y) { return -I(x == y); });
        case P::OGT:
          return compareRows([](F x, F y) { return -I(x > y); });
        case P::OGE:
          return compareRows([](F x, F y) { return -I(x >= y); });
        case P::OLT:
          return compareRows([](F x, F y) { return -I(x < y); });
        case P::OLE:
          return compareRows([](F x, F y) { return -I(x <= y); });
        case P::ONE:
          return compareRows([](F x, F y) { return -I(x < y || x > y); });
        case P::ORD:
          return compareRows([](F x, F y) { return -I(x == x && y == y); });
        case P::UEQ:
          return compareRows([](F x, F y) { return -I(!(x < y || x > y)); });
        case P::UGT:
          return compareRows([](F x, F y) { return -I(!(x <= y)); });
        case P::UGE:
          return compareRows([](F x, F y) { return -I(!(x < y)); });
        case P::ULT:
          return compareRows([](F x, F y) { return -I(!(x >= y)); });
        case P::ULE:
          return compareRows([](F x, F y) { return -I(!(x > y)); });
        case P::UNE:
          return compareRows([](F x, F y) { return -I(x != y); });
        case P::UNO:
          return compareRows([](F x, F y) { return -I(x != x || y != y); });
        }
        llvm_unreachable("unknown predicate of arith.cmpf");
      })
      .Default(Instruction());
}

} // namespace attn::reference
