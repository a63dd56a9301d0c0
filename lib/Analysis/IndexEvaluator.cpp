//===- IndexEvaluator.cpp - Values of index arithmetic --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each operation computes.
//
//===----------------------------------------------------------------------===//

#include "IndexEvaluator.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::tile;

using Result = std::optional<APInt>;
using llvm::APIntOps::RoundingSDiv;
using llvm::APIntOps::RoundingUDiv;

/// The width of an integer type; 64 for index, 0 for other types.
static unsigned widthOf(Type type) {
  if (type.isIndex())
    return 64;
  auto integer = dyn_cast<IntegerType>(type);
  return integer && integer.getWidth() <= 64 ? integer.getWidth() : 0;
}

//===----------------------------------------------------------------------===//
// Operations on one or two integers
//===----------------------------------------------------------------------===//

/// A quotient or remainder, which has no value for a divisor of zero or on
/// overflow.
template <typename Fn>
static Result divide(const APInt &a, const APInt &b, Fn fn) {
  if (b.isZero() || (a.isMinSignedValue() && b.isAllOnes()))
    return std::nullopt;
  return fn(a, b);
}

template <typename Fn>
static Result shift(const APInt &a, const APInt &b, Fn fn) {
  if (b.uge(a.getBitWidth()))
    return std::nullopt;
  return fn(a, unsigned(b.getZExtValue()));
}

static IndexEvaluator::Step::Function functionOf(Operation *op) {
  using Fn = IndexEvaluator::Step::Function;
  using A = const APInt &;
  return llvm::TypeSwitch<Operation *, Fn>(op)
      .Case([](arith::AddIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a + b; };
      })
      .Case([](arith::SubIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a - b; };
      })
      .Case([](arith::MulIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a * b; };
      })
      .Case([](arith::AndIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a & b; };
      })
      .Case([](arith::OrIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a | b; };
      })
      .Case([](arith::XOrIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a ^ b; };
      })
      .Case([](arith::MinSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a.slt(b) ? a : b; };
      })
      .Case([](arith::MaxSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a.sgt(b) ? a : b; };
      })
      .Case([](arith::MinUIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a.ult(b) ? a : b; };
      })
      .Case([](arith::MaxUIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result { return a.ugt(b) ? a : b; };
      })
      .Case([](arith::DivUIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return b.isZero() ? Result() : a.udiv(b);
        };
      })
      .Case([](arith::RemUIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return b.isZero() ? Result() : a.urem(b);
        };
      })
      .Case([](arith::CeilDivUIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return b.isZero() ? Result()
                            : RoundingUDiv(a, b, APInt::Rounding::UP);
        };
      })
      .Case([](arith::DivSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return divide(a, b, [](A x, A y) { return x.sdiv(y); });
        };
      })
      .Case([](arith::RemSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return divide(a, b, [](A x, A y) { return x.srem(y); });
        };
      })
      .Case([](arith::CeilDivSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return divide(a, b, [](A x, A y) {
            return RoundingSDiv(x, y, APInt::Rounding::UP);
          });
        };
      })
      .Case([](arith::FloorDivSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return divide(a, b, [](A x, A y) {
            return RoundingSDiv(x, y, APInt::Rounding::DOWN);
          });
        };
      })
      .Case([](arith::ShLIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return shift(a, b, [](A x, unsigned n) { return x.shl(n); });
        };
      })
      .Case([](arith::ShRSIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return shift(a, b, [](A x, unsigned n) { return x.ashr(n); });
        };
      })
      .Case([](arith::ShRUIOp) -> Fn {
        return [](Operation *, A a, A b) -> Result {
          return shift(a, b, [](A x, unsigned n) { return x.lshr(n); });
        };
      })
      .Case([](arith::CmpIOp) -> Fn {
        return [](Operation *op, A a, A b) -> Result {
          return APInt(1, arith::applyCmpPredicate(
                              cast<arith::CmpIOp>(op).getPredicate(), a, b));
        };
      })
      .Case<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(
          [](Operation *) -> Fn {
            return [](Operation *op, A a, A) -> Result {
              return a.sextOrTrunc(widthOf(op->getResult(0).getType()));
            };
          })
      .Case<arith::IndexCastUIOp, arith::ExtUIOp>([](Operation *) -> Fn {
        return [](Operation *op, A a, A) -> Result {
          return a.zextOrTrunc(widthOf(op->getResult(0).getType()));
        };
      })
      .Default(Fn());
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

IndexEvaluator::Slot IndexEvaluator::slotOf(Value value) {
  auto [it, isNew] = slots.try_emplace(value, integers.size());
  if (isNew) {
    integers.emplace_back();
    buffers.emplace_back();
  }
  return it->second;
}

IndexEvaluator::Step IndexEvaluator::prepare(Operation *op) {
  Step step{op};
  for (Value operand : op->getOperands())
    slotOf(operand);
  for (Value result : op->getResults())
    slotOf(result);
  if (op->getNumResults() == 0)
    return step;
  step.result = slotOf(op->getResult(0));
  if (op->getNumResults() != 1 || op->getNumOperands() < 1 ||
      op->getNumOperands() > 2)
    return step;
  step.width = widthOf(op->getOperand(0).getType());
  step.resultWidth = widthOf(op->getResult(0).getType());
  if (step.width == 0 || step.resultWidth == 0)
    return step;
  step.function = functionOf(op);
  step.first = slotOf(op->getOperand(0));
  step.second = slotOf(op->getOperands().back());
  return step;
}

void IndexEvaluator::evaluate(const Step &step) {
  if (!step.function)
    return evaluateOther(step);
  const Integer &a = integers[step.first], &b = integers[step.second];
  Integer &result = integers[step.result];
  result.known = false;
  if (!a.known || !b.known)
    return;
  auto toInt = [&](int64_t value) {
    return APInt(step.width, value, /*isSigned=*/true, /*implicitTrunc=*/true);
  };
  if (Result value = step.function(step.op, toInt(a.value), toInt(b.value)))
    result = {value->getSExtValue(), true};
}

std::optional<int64_t> IndexEvaluator::valueOf(OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  return get(slotOf(llvm::cast<Value>(value)));
}

/// Where an element lies, row major.
std::optional<size_t> IndexEvaluator::findPosition(Value memref,
                                                   ValueRange indices) {
  size_t position = 0;
  for (auto [size, index] :
       llvm::zip_first(buffers[slotOf(memref)].shape, indices)) {
    std::optional<int64_t> at = get(slotOf(index));
    if (!size || !at || *at < 0 || *at >= *size)
      return std::nullopt;
    position = position * *size + *at;
  }
  return position;
}

void IndexEvaluator::evaluateLoad(memref::LoadOp load, Slot result) {
  const Buffer &buffer = buffers[slotOf(load.getMemRef())];
  std::optional<size_t> position =
      findPosition(load.getMemRef(), load.getIndices());
  if (!position)
    return;
  std::optional<int64_t> element;
  if (buffer.elements && *position < buffer.elements->size())
    element = (*buffer.elements)[*position];
  else if (buffer.written && *position < buffer.written->size())
    element = (*buffer.written)[*position];
  if (element)
    set(result, *element);
}

void IndexEvaluator::evaluateStore(memref::StoreOp store) {
  const Buffer &buffer = buffers[slotOf(store.getMemRef())];
  std::optional<size_t> position =
      findPosition(store.getMemRef(), store.getIndices());
  if (position && buffer.written && *position < buffer.written->size())
    (*buffer.written)[*position] = get(slotOf(store.getValue()));
}

/// Tables in the workspace have elements, as long as there are not too many.
void IndexEvaluator::evaluateView(memref::ViewOp view, Buffer &buffer) {
  constexpr int64_t maxElements = int64_t(1) << 28;
  buffer.root = buffers[slotOf(view.getSource())].root;
  auto sizes = view.getSizes().begin();
  int64_t elements = widthOf(view.getType().getElementType()) != 0;
  for (int64_t size : view.getType().getShape()) {
    std::optional<int64_t> known = ShapedType::isDynamic(size)
                                       ? get(slotOf(*sizes++))
                                       : std::optional<int64_t>(size);
    buffer.shape.push_back(known);
    if (!known || *known < 0 || llvm::MulOverflow(elements, *known, elements))
      elements = 0;
  }
  if (elements > 0 && elements <= maxElements)
    buffer.written =
        std::make_shared<std::vector<std::optional<int64_t>>>(elements);
}

void IndexEvaluator::evaluateOther(const Step &step) {
  for (Value result : step.op->getResults()) {
    integers[slotOf(result)].known = false;
    buffers[slotOf(result)] = Buffer();
  }
  llvm::TypeSwitch<Operation *>(step.op)
      .Case([&](arith::ConstantOp op) {
        auto value = dyn_cast<IntegerAttr>(op.getValue());
        if (value && widthOf(op.getType()) != 0)
          set(step.result, value.getValue().getSExtValue());
      })
      .Case([&](arith::SelectOp op) {
        std::optional<int64_t> condition = get(slotOf(op.getCondition()));
        if (!condition || widthOf(op.getType()) == 0)
          return;
        Value chosen = *condition ? op.getTrueValue() : op.getFalseValue();
        integers[step.result] = integers[slotOf(chosen)];
      })
      .Case([&](memref::DimOp op) {
        const Buffer &buffer = buffers[slotOf(op.getSource())];
        std::optional<int64_t> dim = get(slotOf(op.getIndex()));
        if (dim && *dim >= 0 && size_t(*dim) < buffer.shape.size() &&
            buffer.shape[*dim])
          set(step.result, *buffer.shape[*dim]);
      })
      .Case([&](memref::LoadOp op) { evaluateLoad(op, step.result); })
      .Case([&](memref::CastOp op) {
        buffers[step.result] = buffers[slotOf(op.getSource())];
      })
      .Case([&](memref::StoreOp op) { evaluateStore(op); })
      .Case([&](memref::ViewOp op) { evaluateView(op, buffers[step.result]); })
      .Case([&](memref::SubViewOp op) {
        Buffer &buffer = buffers[step.result];
        buffer.root = buffers[slotOf(op.getSource())].root;
        llvm::SmallBitVector dropped = op.getDroppedDims();
        for (auto [dim, size] : llvm::enumerate(op.getMixedSizes()))
          if (!dropped.test(dim))
            buffer.shape.push_back(valueOf(size));
      });
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

void IndexEvaluator::emitBlame(Value value) {
  // The first operation on the way back whose operands are all known.  Values
  // of other types than integers and memrefs are never known, but that is no
  // fault of theirs.
  while (Operation *op = value.getDefiningOp()) {
    auto isMissing = [&](Value operand) {
      return widthOf(operand.getType()) != 0 && !get(slotOf(operand));
    };
    auto missing = llvm::find_if(op->getOperands(), isMissing);
    if (missing != op->operand_end()) {
      value = *missing;
      continue;
    }
    bool divides =
        isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp, arith::DivSIOp,
            arith::RemSIOp, arith::CeilDivSIOp, arith::FloorDivSIOp>(op);
    op->emitOpError() << (divides ? "divides by zero"
                                  : "cannot be evaluated for a tile plan, "
                                    "which depends on its result");
    return;
  }
  auto argument = cast<BlockArgument>(value);
  std::string name = names.lookup(argument);
  if (name.empty())
    name = std::to_string(argument.getArgNumber());
  argument.getOwner()->getParentOp()->emitOpError()
      << "argument '" << name
      << "' decides which tiles are visited, but its value was not given";
}

FailureOr<int64_t> IndexEvaluator::demand(Value value) {
  if (std::optional<int64_t> known = get(slotOf(value)))
    return *known;
  emitBlame(value);
  return failure();
}
