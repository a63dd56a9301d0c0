//===- PrintVector.cpp - Register vectors ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A vector is a struct of its elements; one of 16-bit floats, of words that
// hold two; and two of them are one word.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

static std::string partOf(const Expr &vector, llvm::StringRef index) {
  return vector.as(Binding::postfix) + ".v[" + index.str() + "]";
}

Expr KernelPrinter::element(Value vector, int64_t index) {
  Type type = vector.getType();
  if (countElements(type) == 1)
    return expr(vector);
  if (Operation *op = vector.getDefiningOp(); op && inlined.contains(op)) {
    // Not through a struct that is taken apart at once.
    if (auto elements = dyn_cast<vector::FromElementsOp>(op))
      return expr(elements.getElements()[index]);
    if (auto broadcast = dyn_cast<vector::BroadcastOp>(op);
        broadcast && !isa<VectorType>(broadcast.getSourceType()))
      return expr(broadcast.getSource());
    if (isa<vector::BitCastOp>(op) && !is16BitFloat(getElementType(type)) &&
        countParts(type) == countParts(op->getOperand(0).getType())) {
      Expr part = word(op->getOperand(0), index);
      return getElementType(type).isF32()
                 ? Expr{"__int_as_float((int)" + part.as(Binding::unary) + ")"}
                 : castTo("int", part);
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
        return literal(op,
                       cast<TypedAttr>(dense.getValues<Attribute>()[index]));
  }
  int64_t parts = countParts(type);
  if (!is16BitFloat(getElementType(type)))
    return {partOf(expr(vector), std::to_string(index))};
  Expr pair = parts == 0
                  ? expr(vector)
                  : Expr{partOf(expr(vector), std::to_string(index / 2))};
  llvm::StringRef half = prelude.use(index % 2 ? "high_half" : "low_half");
  return {(half + "(" + pair.text + ")").str()};
}

Expr KernelPrinter::word(Value value, int64_t index) {
  Type type = value.getType(), scalar = getElementType(type);
  Expr part = countParts(type) == 0
                  ? expr(value)
                  : Expr{partOf(expr(value), std::to_string(index))};
  prelude.useUnsigned("u32");
  if (scalar.isF32())
    return castTo("u32", {"__float_as_int(" + part.text + ")"});
  if (scalar.isInteger(32))
    return castTo("u32", part);
  if (is16BitFloat(scalar) && countElements(type) % 2 == 0)
    return part;
  return fail(value.getDefiningOp(), "its words are not of 32 bits");
}

Expr KernelPrinter::makeFromParts(Type type, llvm::ArrayRef<Expr> parts) {
  if (parts.size() == 1)
    return parts[0];
  std::string list;
  for (const Expr &part : parts)
    list += (list.empty() ? "" : ", ") + part.text;
  return {prelude.typeOf(type) + "{{" + list + "}}"};
}

Expr KernelPrinter::makeVector(Type type, llvm::ArrayRef<Expr> elements) {
  if (!is16BitFloat(getElementType(type)) || elements.size() == 1)
    return makeFromParts(type, elements);
  llvm::SmallVector<Expr> words;
  for (size_t i = 0; i + 1 < elements.size(); i += 2)
    words.push_back({(prelude.use("pack_b16") + "(" + elements[i].text + ", " +
                      elements[i + 1].text + ")")
                         .str()});
  return makeFromParts(type, words);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Expr KernelPrinter::computeBitcast(Operation *op) {
  Value source = op->getOperand(0);
  Type to = op->getResult(0).getType(), scalar = getElementType(to);
  if (isa<LLVM::LLVMDialect>(op->getDialect()) &&
      !(isa<VectorType>(source.getType()) || source.getType().isIntOrFloat()))
    return fail(op);
  int64_t words = std::max<int64_t>(countParts(to), 1);
  if (words != std::max<int64_t>(countParts(source.getType()), 1))
    return fail(op, "its words are not of 32 bits");
  llvm::SmallVector<Expr> parts;
  for (int64_t i = 0; i < words; ++i) {
    Expr part = word(source, i);
    if (scalar.isF32())
      part = {"__int_as_float((int)" + part.as(Binding::unary) + ")"};
    else if (scalar.isInteger(32))
      part = castTo("int", part);
    else if (!is16BitFloat(scalar) || countElements(to) % 2 != 0)
      return fail(op, "its words are not of 32 bits");
    parts.push_back(part);
  }
  return makeFromParts(to, parts);
}

Expr KernelPrinter::computeExtract(vector::ExtractOp op) {
  auto source = cast<VectorType>(op.getSource().getType());
  Type type = op.getType();
  int64_t count = countElements(type);
  // The first of the elements, row by row.
  if (op.hasDynamicPosition()) {
    if (source.getRank() != 1 || is16BitFloat(source.getElementType()) ||
        op.getNumIndices() != 1)
      return fail(op, "at a position that is not constant");
    return {partOf(expr(op.getSource()),
                   number(op.getDynamicPosition()[0]).expr.text)};
  }
  int64_t first = 0;
  for (int64_t i = 0; i < source.getRank(); ++i)
    first = first * source.getDimSize(i) +
            (i < op.getNumIndices() ? op.getStaticPosition()[i] : 0);
  if (!isa<VectorType>(type))
    return element(op.getSource(), first);
  if (is16BitFloat(getElementType(type)) && count % 2 == 0) {
    if (first % 2 != 0)
      return fail(op, "at an odd position");
    llvm::SmallVector<Expr> words;
    for (int64_t i = 0; i < count / 2; ++i)
      words.push_back(countParts(source) == 0
                          ? expr(op.getSource())
                          : Expr{partOf(expr(op.getSource()),
                                        std::to_string(first / 2 + i))});
    return makeFromParts(type, words);
  }
  llvm::SmallVector<Expr> elements;
  for (int64_t i = 0; i < count; ++i)
    elements.push_back(element(op.getSource(), first + i));
  return makeVector(type, elements);
}

Expr KernelPrinter::computeVector(Operation *op) {
  Type type = op->getResult(0).getType();
  int64_t count = countElements(type);
  if (isa<vector::ShapeCastOp>(op))
    return expr(op->getOperand(0));
  if (isa<vector::BitCastOp, LLVM::BitcastOp>(op))
    return computeBitcast(op);
  if (auto extract = dyn_cast<vector::ExtractOp>(op))
    return computeExtract(extract);
  if (auto from = dyn_cast<vector::FromElementsOp>(op)) {
    llvm::SmallVector<Expr> elements;
    for (Value value : from.getElements())
      elements.push_back(expr(value));
    return makeVector(type, elements);
  }
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
    if (isa<VectorType>(broadcast.getSourceType()))
      return fail(op, "of a vector");
    return makeVector(
        type, llvm::SmallVector<Expr>(count, expr(broadcast.getSource())));
  }
  if (!OpTrait::hasElementwiseMappableTraits(op))
    return fail(op);
  if (isa<arith::SelectOp>(op) && op->getOperand(0).getType().isInteger(1)) {
    Expr condition = expr(op->getOperand(0));
    return {condition.as(Binding::logicalOr) + " ? " +
                expr(op->getOperand(1)).as(Binding::logicalOr) + " : " +
                expr(op->getOperand(2)).as(Binding::conditional),
            Binding::conditional};
  }
  // Two numbers are rounded and packed at once.
  Type from = getElementType(op->getOperand(0).getType());
  if (isa<arith::TruncFOp>(op) && from.isF32() &&
      is16BitFloat(getElementType(type)) && count % 2 == 0) {
    llvm::StringRef pack = prelude.use(
        getElementType(type).isBF16() ? "pack_bf16x2" : "pack_f16x2");
    llvm::SmallVector<Expr> words;
    for (int64_t i = 0; i < count; i += 2)
      words.push_back({(pack + "(" + element(op->getOperand(0), i).text + ", " +
                        element(op->getOperand(0), i + 1).text + ")")
                           .str()});
    return makeFromParts(type, words);
  }
  llvm::SmallVector<Expr> elements;
  for (int64_t i = 0; i < count; ++i) {
    llvm::SmallVector<Number> operands;
    for (Value operand : op->getOperands())
      operands.push_back({element(operand, i), Interval(), true});
    elements.push_back(computeScalar(op, operands, true));
  }
  return makeVector(type, elements);
}

void KernelPrinter::printVectorLoop(Operation *op) {
  Type type = op->getResult(0).getType(), scalar = getElementType(type);
  Type from = getElementType(op->getOperands().back().getType());
  std::string name = nameResult(op->getResult(0), "t");
  std::string typeName = prelude.typeOf(type);
  if (typeName.empty()) {
    fail(op, "it makes a value of a type that has no counterpart");
    return;
  }
  values[op->getResult(0)] = {name};
  line(typeName + " " + name + ";");
  prelude.useUnrolled();
  line("UNROLL(e, " + std::to_string(countParts(type)) + ")");
  std::string target = "  " + name + ".v[e] = ";
  if (isa<arith::TruncFOp>(op) && from.isF32() && is16BitFloat(scalar)) {
    Expr source = expr(op->getOperand(0));
    llvm::StringRef pack =
        prelude.use(scalar.isBF16() ? "pack_bf16x2" : "pack_f16x2");
    line(target + pack + "(" + partOf(source, "2 * e") + ", " +
         partOf(source, "2 * e + 1") + ");");
    return;
  }
  if (is16BitFloat(scalar)) {
    fail(op, "arithmetic is in f32 only");
    return;
  }
  llvm::SmallVector<Number> operands;
  for (Value operand : op->getOperands()) {
    Expr part;
    bool isSplat = false;
    if (auto broadcast = operand.getDefiningOp<vector::BroadcastOp>())
      isSplat = inlined.contains(broadcast);
    if (auto constant = operand.getDefiningOp<arith::ConstantOp>())
      if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
        isSplat = dense.isSplat();
    if (!isa<VectorType>(operand.getType())) {
      part = expr(operand);
    } else if (isSplat) {
      part = element(operand, 0);
    } else if (is16BitFloat(getElementType(operand.getType()))) {
      std::string pair = partOf(expr(operand), "e / 2");
      part = {(llvm::Twine("e % 2 ? ") + prelude.use("high_half") + "(" + pair +
               ") : " + prelude.use("low_half") + "(" + pair + ")")
                  .str(),
              Binding::conditional};
    } else {
      part = {partOf(expr(operand), "e")};
    }
    operands.push_back({part, Interval(), true});
  }
  line(target + computeScalar(op, operands, true).text + ";");
}

void KernelPrinter::printInsert(vector::InsertOp op) {
  auto type = cast<VectorType>(op.getResult().getType());
  Type inserted = op.getValueToStore().getType();
  int64_t count = countElements(inserted), first = 0;
  if (op.hasDynamicPosition() || countParts(type) == 0) {
    fail(op, "at a position that is not constant, or into a single register");
    return;
  }
  for (int64_t i = 0; i < type.getRank(); ++i)
    first = first * type.getDimSize(i) +
            (i < op.getNumIndices() ? op.getStaticPosition()[i] : 0);
  int64_t step = is16BitFloat(type.getElementType()) ? 2 : 1;
  if (first % step != 0 || count % step != 0) {
    fail(op, "of half a word");
    return;
  }
  Expr value = expr(op.getValueToStore());
  declare(op->getResult(0), expr(op.getDest()));
  std::string name = values[op.getResult()].text;
  for (int64_t i = 0; i < count; i += step) {
    std::string part = countParts(inserted) == 0
                           ? value.text
                           : partOf(value, std::to_string(i / step));
    line(partOf({name}, std::to_string((first + i) / step)) + " = " + part +
         ";");
  }
}
