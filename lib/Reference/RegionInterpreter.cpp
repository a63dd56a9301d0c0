//===- RegionInterpreter.cpp - Regions over a row of keys -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Translates a region to row instructions and runs them.  What the single ops
// compute is in RegionInterpreterOps.cpp.
//
//===----------------------------------------------------------------------===//

#include "RegionInterpreter.h"

#include "dialect/Attn/Attn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <numeric>

namespace attn::reference {

using llvm::Error;
using llvm::Expected;
using mlir::Operation;
using mlir::Type;
using mlir::Value;

Error opError(Operation *op, const llvm::Twine &what) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto loc = mlir::dyn_cast<mlir::FileLineColLoc>(op->getLoc()))
    os << loc.getFilename().getValue() << ':' << loc.getLine() << ':'
       << loc.getColumn();
  else
    os << op->getLoc();
  os << ": '" << op->getName() << "': " << what;
  return llvm::createStringError(text);
}

static double toDouble(llvm::APFloat value) {
  bool losesInfo;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

double roundToType(double value, Type type) {
  if (type.isF32())
    return static_cast<float>(value);
  auto floatType = mlir::dyn_cast<mlir::FloatType>(type);
  if (!floatType || type.isF64())
    return value;
  llvm::APFloat rounded(value);
  bool losesInfo;
  rounded.convert(floatType.getFloatSemantics(),
                  llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return toDouble(rounded);
}

Expected<const Array *>
resolveTensor(Value tensor, const Environment &environment,
              std::vector<std::unique_ptr<Array>> &constants) {
  if (auto argument = mlir::dyn_cast<mlir::BlockArgument>(tensor)) {
    mlir::func::FuncOp entry = environment.entry;
    if (argument.getOwner() == &entry.front())
      return &environment.inputs[argument.getArgNumber()];
    return opError(argument.getOwner()->getParentOp(),
                   "the reference cannot read a tensor that is an argument of "
                   "this op");
  }
  Operation *op = tensor.getDefiningOp();
  if (auto cast = mlir::dyn_cast<mlir::tensor::CastOp>(op))
    return resolveTensor(cast.getSource(), environment, constants);
  auto constant = mlir::dyn_cast<mlir::arith::ConstantOp>(op);
  auto elements =
      constant ? mlir::dyn_cast<mlir::DenseElementsAttr>(constant.getValue())
               : mlir::DenseElementsAttr();
  if (!elements)
    return opError(op, "the reference reads only tensors that are arguments "
                       "of the entry or dense constants");
  auto array = std::make_unique<Array>();
  array->shape.assign(elements.getType().getShape().begin(),
                      elements.getType().getShape().end());
  array->data.reserve(elements.getNumElements());
  if (mlir::isa<mlir::FloatType>(elements.getElementType()))
    for (const llvm::APFloat &value : elements.getValues<llvm::APFloat>())
      array->data.push_back(toDouble(value));
  else
    for (const llvm::APInt &value : elements.getValues<llvm::APInt>())
      array->data.push_back(static_cast<double>(value.getSExtValue()));
  constants.push_back(std::move(array));
  return constants.back().get();
}

//===----------------------------------------------------------------------===//
// Translation
//===----------------------------------------------------------------------===//

Expected<unsigned> RegionInterpreter::addSlot(Type type, unsigned dependsOn,
                                              Operation *op) {
  auto integer = mlir::dyn_cast<mlir::IntegerType>(type);
  bool isFloat = mlir::isa<mlir::FloatType>(type);
  if (!isFloat && !type.isIndex() && !(integer && integer.getWidth() <= 64)) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return opError(op, "values of type " + text +
                           " are not supported by the reference");
  }
  slots.push_back({isFloat, dependsOn});
  return slots.size() - 1;
}

Expected<unsigned> RegionInterpreter::addConstant(Type type, double value,
                                                  int64_t integer,
                                                  Operation *op) {
  Expected<unsigned> slot = addSlot(type, 0, op);
  if (!slot)
    return slot.takeError();
  prologue.push_back([slot = *slot, isFloat = slots[*slot].isFloat, value,
                      integer](Frame &frame) {
    if (isFloat)
      frame.floats[slot][0] = value;
    else
      frame.ints[slot][0] = integer;
  });
  return slot;
}

Expected<unsigned> RegionInterpreter::slotOf(Value value) {
  if (auto it = slotOfValue.find(value); it != slotOfValue.end())
    return it->second;
  if (Operation *op = value.getDefiningOp()) {
    if (Error error = translate(op, /*inRegion=*/false))
      return error;
    if (auto it = slotOfValue.find(value); it != slotOfValue.end())
      return it->second;
    return opError(op, "the reference cannot use the result of this op");
  }

  // A captured scalar argument of the entry.
  auto argument = mlir::cast<mlir::BlockArgument>(value);
  mlir::func::FuncOp entry = environment.entry;
  unsigned number = argument.getArgNumber();
  if (argument.getOwner() != &entry.front())
    return opError(argument.getOwner()->getParentOp(),
                   "the reference cannot read an argument of this op");
  const Array &input = environment.inputs[number];
  if (input.data.size() != 1)
    return opError(entry, "argument " + llvm::Twine(number) +
                              " is read by a region, but has no value");
  Type type = argument.getType();
  Expected<unsigned> slot = addConstant(
      type, input.data[0], static_cast<int64_t>(input.data[0]), entry);
  if (!slot)
    return slot.takeError();
  // An i1 argument is given as 0 or 1.
  if (type.isInteger())
    prologue.push_back(conversion(type, *slot));
  slotOfValue[value] = *slot;
  return slot;
}

Error RegionInterpreter::translate(Operation *op, bool inRegion) {
  if (op->getNumResults() == 1 &&
      mlir::isa<mlir::RankedTensorType>(op->getResult(0).getType()))
    return Error::success(); // Resolved where it is read.

  auto defineConstant = [&](double value, int64_t integer) -> Error {
    Expected<unsigned> slot =
        addConstant(op->getResult(0).getType(), value, integer, op);
    if (!slot)
      return slot.takeError();
    slotOfValue[op->getResult(0)] = *slot;
    return Error::success();
  };
  if (auto length = mlir::dyn_cast<mlir::attn::LengthOp>(op))
    return defineConstant(0, length.getWhich() == mlir::attn::LengthKind::query
                                 ? environment.queries
                                 : environment.keys);
  if (auto constant = mlir::dyn_cast<mlir::arith::ConstantOp>(op)) {
    if (auto value = mlir::dyn_cast<mlir::FloatAttr>(constant.getValue()))
      return defineConstant(toDouble(value.getValue()), 0);
    if (auto value = mlir::dyn_cast<mlir::IntegerAttr>(constant.getValue()))
      return defineConstant(0, value.getValue().getSExtValue());
    return opError(op, "constants of this type are not supported by the "
                       "reference");
  }
  if (auto dim = mlir::dyn_cast<mlir::tensor::DimOp>(op)) {
    Expected<const Array *> array =
        resolveTensor(dim.getSource(), environment, constants);
    if (!array)
      return array.takeError();
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!index || *index < 0 || *index >= (int64_t)(*array)->shape.size())
      return opError(op, "the reference needs a constant dimension in bounds");
    return defineConstant(0, (*array)->shape[*index]);
  }

  // Everything else computes a scalar from scalars.
  const Array *array = nullptr;
  mlir::ValueRange operands = op->getOperands();
  if (auto extract = mlir::dyn_cast<mlir::tensor::ExtractOp>(op)) {
    Expected<const Array *> source =
        resolveTensor(extract.getTensor(), environment, constants);
    if (!source)
      return source.takeError();
    array = *source;
    int64_t elements = std::accumulate(array->shape.begin(), array->shape.end(),
                                       int64_t(1), std::multiplies<>());
    if (static_cast<int64_t>(array->data.size()) != elements)
      return opError(op, "the tensor is read by a region, but has no values");
    operands = extract.getIndices();
  }
  if (op->getNumResults() != 1 || op->getNumRegions() != 0)
    return opError(op, "is not supported by the reference interpreter");
  std::vector<unsigned> in;
  unsigned dependsOn = 0;
  for (Value operand : operands) {
    Expected<unsigned> slot = slotOf(operand);
    if (!slot)
      return slot.takeError();
    in.push_back(*slot);
    dependsOn |= slots[*slot].dependsOn;
  }
  Type type = op->getResult(0).getType();
  Expected<unsigned> out = addSlot(type, dependsOn, op);
  if (!out)
    return out.takeError();

  Instruction instruction;
  if (array)
    instruction = extraction(op, array, in, *out);
  if (!instruction)
    instruction = floatInstruction(op, in, *out);
  if (!instruction)
    instruction = integerInstruction(op, in, *out);
  if (!instruction)
    instruction = mixedInstruction(op, in, *out);
  if (!instruction)
    return opError(op, "is not supported by the reference interpreter");

  std::vector<Instruction> &list = inRegion ? body : prologue;
  list.push_back(std::move(instruction));
  // These give values of their type whenever their operands are.
  bool isExact =
      mlir::isa<mlir::arith::CmpIOp, mlir::arith::CmpFOp, mlir::arith::AndIOp,
                mlir::arith::OrIOp, mlir::arith::XOrIOp, mlir::arith::SelectOp,
                mlir::arith::ExtSIOp>(op);
  bool rounds = slots[*out].isFloat && (environment.roundResults ||
                                        mlir::isa<mlir::arith::TruncFOp>(op));
  if (rounds ? !type.isF64()
             : type.isInteger() && !type.isInteger(64) && !isExact)
    list.push_back(conversion(type, *out));
  slotOfValue[op->getResult(0)] = *out;
  return Error::success();
}

Expected<std::unique_ptr<RegionInterpreter>>
RegionInterpreter::create(mlir::Region &region,
                          const Environment &environment) {
  std::unique_ptr<RegionInterpreter> self(new RegionInterpreter(environment));
  Operation *parent = region.getParentOp();
  if (!region.hasOneBlock())
    return opError(parent, "the reference supports one block in a region");
  mlir::Block &block = region.front();
  self->hasScore = block.getNumArguments() == 5;
  const std::pair<unsigned, unsigned *> kinds[] = {{Score, &self->scoreSlot},
                                                   {Batch, &self->batchSlot},
                                                   {Head, &self->headSlot},
                                                   {Query, &self->querySlot},
                                                   {Key, &self->keySlot}};
  auto kind = std::begin(kinds) + (self->hasScore ? 0 : 1);
  for (mlir::BlockArgument argument : block.getArguments()) {
    Expected<unsigned> slot =
        self->addSlot(argument.getType(), kind->first, parent);
    if (!slot)
      return slot.takeError();
    self->slotOfValue[argument] = *slot;
    *(kind++)->second = *slot;
  }
  for (Operation &op : block.without_terminator())
    if (Error error = self->translate(&op, /*inRegion=*/true))
      return error;
  Expected<unsigned> result =
      self->slotOf(block.getTerminator()->getOperand(0));
  if (!result)
    return result.takeError();
  self->result = *result;
  return self;
}

Expected<Scalar> RegionInterpreter::evaluate(Value value,
                                             const Environment &environment) {
  RegionInterpreter interpreter(environment);
  Expected<unsigned> slot = interpreter.slotOf(value);
  if (!slot)
    return slot.takeError();
  Frame frame = interpreter.makeFrame(/*capacity=*/1);
  if (frame.failure)
    return opError(frame.failedOp, frame.failure);
  if (interpreter.slots[*slot].isFloat)
    return Scalar{frame.floats[*slot][0], 0};
  return Scalar{0, frame.ints[*slot][0]};
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

RegionInterpreter::Frame RegionInterpreter::makeFrame(int64_t capacity) const {
  Frame frame;
  frame.floats.resize(slots.size());
  frame.ints.resize(slots.size());
  for (auto [index, slot] : llvm::enumerate(slots)) {
    int64_t size = isVarying(index) ? std::max<int64_t>(capacity, 1) : 1;
    if (slot.isFloat)
      frame.floats[index].resize(size);
    else
      frame.ints[index].resize(size);
  }
  for (const Instruction &instruction : prologue)
    instruction(frame);
  return frame;
}

bool RegionInterpreter::run(Frame &frame, int64_t b, int64_t h, int64_t i,
                            int64_t begin, int64_t count, const double *score,
                            const uint8_t *active) const {
  frame.count = count;
  frame.active = active;
  frame.ints[batchSlot][0] = b;
  frame.ints[headSlot][0] = h;
  frame.ints[querySlot][0] = i;
  std::iota(frame.ints[keySlot].begin(), frame.ints[keySlot].begin() + count,
            begin);
  if (hasScore)
    std::copy(score, score + count, frame.floats[scoreSlot].begin());
  for (const Instruction &instruction : body)
    instruction(frame);
  return !frame.failure;
}

} // namespace attn::reference
