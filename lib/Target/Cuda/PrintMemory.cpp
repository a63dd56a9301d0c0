//===- PrintMemory.cpp - Tensors, tiles and private arrays ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor parameter is a struct whose member at() gives an address; a tile of
// shared memory and any view is a pointer to its first element; a private array
// is an array of C++.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "attn/Target/ThreadLevel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

const Buffer &KernelPrinter::buffer(Value memref) {
  auto it = buffers.find(memref);
  if (it != buffers.end())
    return it->second;
  Buffer &made = buffers[memref];
  made = {Buffer::pointer, "0", {}, {}, makeConstant(0), {}, false};
  auto type = cast<MemRefType>(memref.getType());
  for (int64_t size : type.getShape())
    made.sizes.push_back(makeConstant(size));
  made.strides.assign(type.getRank(), makeConstant(1));
  if (auto dynamic = memref.getDefiningOp<gpu::DynamicSharedMemoryOp>())
    made.name = "shared";
  else
    fail(memref.getDefiningOp() ? memref.getDefiningOp() : function,
         "a memref of it is of no known origin");
  return made;
}

/// An index that lies in a small buffer.
static Number narrow(Number number) {
  if (number.isWide)
    number.expr = castTo("int", number.expr);
  number.isWide = false;
  if (!number.constant)
    number.range = {0, 0};
  return number;
}

Number KernelPrinter::linearIndex(const Buffer &buffer,
                                  llvm::ArrayRef<Number> indices,
                                  bool isSmall) {
  // What is constant comes last, in one number.
  Number sum = isSmall ? narrow(buffer.offset) : buffer.offset;
  Number constant = makeConstant(0);
  for (auto [index, stride] : llvm::zip(indices, buffer.strides)) {
    Number product = isSmall ? multiplyIndices(narrow(index), narrow(stride))
                             : multiplyIndices(index, stride);
    Number &part = product.constant ? constant : sum;
    part = addIndices(part, product);
  }
  return addIndices(sum, constant);
}

Number KernelPrinter::smallNumber(Value value) {
  Number result = number(value);
  auto sum = value.getDefiningOp<arith::AddIOp>();
  if (!result.isWide || !sum || !inlined.contains(sum))
    return narrow(result);
  // No overflow, as the sum fits. A part may be too large only if it is
  // computed on 64 bits itself.
  Number a = number(sum.getLhs()), b = number(sum.getRhs());
  if (a.isWide || b.isWide)
    return narrow(result);
  return narrow({{a.expr.text + " + " + b.expr.as(Binding::multiplicative),
                  Binding::additive},
                 {},
                 false});
}

/// Whether offsets of elements fit into 32 bits: all but global memory does.
static bool isSmall(MemRefType type) {
  return gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(type) ||
         (type.hasStaticShape() && type.getLayout().isIdentity() &&
          type.getNumElements() < (int64_t(1) << 31));
}

llvm::SmallVector<Number> KernelPrinter::numbersOf(Value memref,
                                                   ValueRange indices) {
  bool small = isSmall(cast<MemRefType>(memref.getType()));
  llvm::SmallVector<Number> numbers;
  for (Value index : indices)
    numbers.push_back(small ? smallNumber(index) : number(index));
  return numbers;
}

Expr KernelPrinter::access(Value memref, ValueRange indices) {
  const Buffer &source = buffer(memref);
  if (source.isPairs)
    indices = indices.drop_back();
  llvm::SmallVector<Number> numbers = numbersOf(memref, indices);
  if (source.kind == Buffer::array) {
    std::string text = source.name;
    // Dimensions of one element are not printed.
    for (auto [index, size] : llvm::zip_first(
             numbers, cast<MemRefType>(memref.getType()).getShape()))
      if (size != 1)
        text += "[" + index.expr.text + "]";
    if (text == source.name)
      text += "[0]";
    return {text};
  }
  if (source.kind == Buffer::tensor && source.hasAccessor)
    return {"*" + address(memref, indices).text, Binding::unary};
  Number index =
      linearIndex(source, numbers, isSmall(cast<MemRefType>(memref.getType())));
  std::string base =
      source.kind == Buffer::tensor ? source.name + ".data" : source.name;
  return {base + "[" + index.expr.text + "]"};
}

Expr KernelPrinter::address(Value memref, ValueRange indices) {
  const Buffer &source = buffer(memref);
  if (source.kind == Buffer::array) {
    if (indices.empty())
      return {source.name};
    return {"&" + access(memref, indices).text, Binding::unary};
  }
  llvm::SmallVector<Number> numbers = numbersOf(memref, indices);
  if (source.kind == Buffer::tensor && source.hasAccessor && !indices.empty()) {
    std::string arguments;
    for (const Number &index : numbers)
      arguments += (arguments.empty() ? "" : ", ") + index.expr.text;
    return {source.name + ".at(" + arguments + ")"};
  }
  std::string base =
      source.kind == Buffer::tensor ? source.name + ".data" : source.name;
  if (indices.empty())
    return {base};
  Number index =
      linearIndex(source, numbers, isSmall(cast<MemRefType>(memref.getType())));
  if (index.constant == 0)
    return {base};
  return {"&" + base + "[" + index.expr.text + "]", Binding::unary};
}

Expr KernelPrinter::computeLoad(Value memref, ValueRange indices, Type type) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (type == element || countElements(type) == 1 || buffer(memref).isPairs)
    return access(memref, indices);
  std::string name = prelude.typeOf(type);
  return {"*(const " + name + " *)" +
              address(memref, indices).as(Binding::unary),
          Binding::unary};
}

std::string KernelPrinter::assigned(llvm::StringRef target, Value value,
                                    const std::string &text) {
  Operation *made = value ? value.getDefiningOp() : nullptr;
  llvm::StringRef sign = !made || !inlined.contains(made) ? ""
                         : isa<arith::MulFOp>(made)       ? " *= "
                         : isa<arith::AddFOp>(made)       ? " += "
                         : isa<arith::OrIOp>(made)        ? " |= "
                         : isa<arith::XOrIOp>(made)       ? " ^= "
                                                          : "";
  if (sign.empty() || expr(made->getOperand(0)).text != target)
    return " = " + text;
  return (sign + expr(made->getOperand(1)).text).str();
}

void KernelPrinter::printStore(Operation *op, Value value, Value memref,
                               ValueRange indices) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Expr stored = expr(value);
  std::string type = typeOf(value);
  if (type.empty()) {
    fail(op, "it stores a value of a type that has no counterpart");
    return;
  }
  if (value.getType() == element || countElements(value.getType()) == 1 ||
      buffer(memref).isPairs) {
    std::string target = access(memref, indices).text;
    line(target + assigned(target, value, stored.text) + ";");
  } else
    line("*(" + type + " *)" + address(memref, indices).as(Binding::unary) +
         " = " + stored.text + ";");
}

//===----------------------------------------------------------------------===//
// Arrays and views
//===----------------------------------------------------------------------===//

void KernelPrinter::printAlloca(memref::AllocaOp op) {
  MemRefType type = op.getType();
  std::string element = prelude.typeOf(type.getElementType());
  if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
      element.empty()) {
    fail(op, "it must have a static shape");
    return;
  }
  std::string name = nameResult(op->getResult(0), "array");
  bool isPairs = isPairArray(op);
  if (isPairs)
    element = prelude.typeOf(VectorType::get(2, type.getElementType()));
  std::string extents;
  for (int64_t size : type.getShape().drop_back(isPairs))
    if (size != 1)
      extents += "[" + std::to_string(size) + "]";
  if (extents.empty())
    extents = "[1]";
  bool hasVectors = llvm::any_of(op->getUsers(), [&](Operation *user) {
    return isa<vector::LoadOp, vector::StoreOp>(user);
  });
  std::string start = hasVectors && !isPairs ? "__align__(16) " : "";
  start += element + " ";
  // Behind the array before, if that is of the same type.
  size_t last = text.rfind('\n', text.size() - 2) + 1;
  if (isa_and_nonnull<memref::AllocaOp>(op->getPrevNode()) &&
      !op->hasAttr(kCommentAttrName) &&
      llvm::StringRef(text).drop_front(last).ltrim().starts_with(start) &&
      text.size() - last + name.size() + extents.size() <= 79)
    text.replace(text.size() - 2, 2, ", " + name + extents + ";\n");
  else
    line(start + name + extents + ";");
  Buffer array{Buffer::array, name, {}, {}, makeConstant(0), type, false};
  for (int64_t size : type.getShape())
    array.sizes.push_back(makeConstant(size));
  int64_t stride = 1;
  for (int64_t size : llvm::reverse(type.getShape())) {
    array.strides.insert(array.strides.begin(), makeConstant(stride));
    stride *= size;
  }
  array.isPairs = isPairs;
  buffers[op.getResult()] = array;
}

void KernelPrinter::declarePointer(OpResult result, llvm::StringRef fallback,
                                   const Expr &address,
                                   llvm::SmallVector<Number> sizes,
                                   llvm::SmallVector<Number> strides) {
  auto type = cast<MemRefType>(result.getType());
  std::string element = prelude.typeOf(type.getElementType());
  if (element.empty()) {
    fail(result.getOwner(), "its elements are of a type that has no "
                            "counterpart");
    return;
  }
  std::string name = nameResult(result, fallback);
  line(element + " *" + name + " = " + address.text + ";");
  buffers[result] = {Buffer::pointer,
                     name,
                     std::move(sizes),
                     std::move(strides),
                     makeConstant(0),
                     type,
                     false};
}

void KernelPrinter::printView(memref::ViewOp op) {
  MemRefType type = op.getType();
  std::string element = prelude.typeOf(type.getElementType());
  if (!type.hasStaticShape() || !type.getLayout().isIdentity() ||
      element.empty()) {
    fail(op, "it must have a static shape");
    return;
  }
  Expr bytes = address(op.getSource(), {});
  Number shift = number(op.getByteShift());
  if (shift.constant != 0)
    bytes = {bytes.as(Binding::additive) + " + " +
                 shift.expr.as(Binding::multiplicative),
             Binding::additive};
  llvm::SmallVector<Number> sizes, strides;
  int64_t stride = 1;
  for (int64_t size : llvm::reverse(type.getShape())) {
    sizes.insert(sizes.begin(), makeConstant(size));
    strides.insert(strides.begin(), makeConstant(stride));
    stride *= size;
  }
  declarePointer(op->getResult(0), "tile", castTo(element + " *", bytes), sizes,
                 strides);
}

/// An index of an op that may be a constant of it.
static Number mixed(OpFoldResult value,
                    llvm::function_ref<Number(Value)> number) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return makeConstant(*constant);
  return number(cast<Value>(value));
}

void KernelPrinter::printSubView(memref::SubViewOp op) {
  Buffer source = buffer(op.getSource());
  auto numberOf = [&](Value value) { return number(value); };
  bool small =
      isSmall(op.getSource().getType()) || source.kind == Buffer::array;
  llvm::SmallVector<Number> offsets, sizes, strides;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (int64_t i = 0; i < op.getSource().getType().getRank(); ++i) {
    offsets.push_back(mixed(op.getMixedOffsets()[i], numberOf));
    if (dropped.test(i))
      continue;
    auto size = dyn_cast<Value>(op.getMixedSizes()[i]);
    // One that was not computed has no text.
    sizes.push_back(size && skipped.contains(size.getDefiningOp())
                        ? Number()
                        : mixed(op.getMixedSizes()[i], numberOf));
    strides.push_back(multiplyIndices(mixed(op.getMixedStrides()[i], numberOf),
                                      source.strides[i]));
  }
  if (source.kind == Buffer::tensor && source.hasAccessor) {
    std::string arguments;
    for (const Number &index : offsets)
      arguments += (arguments.empty() ? "" : ", ") + index.expr.text;
    declarePointer(op->getResult(0), source.name + "_part",
                   {source.name + ".at(" + arguments + ")"}, sizes, strides);
    return;
  }
  Number offset = linearIndex(source, offsets, small);
  if (source.kind == Buffer::array) {
    std::string first = "&" + source.name;
    for (size_t i = 0; i < offsets.size(); ++i)
      if (op.getSource().getType().getDimSize(i) != 1)
        first += "[" + offsets[i].expr.text + "]";
    if (llvm::StringRef(first).drop_front() == source.name)
      first += "[0]";
    declarePointer(op->getResult(0), source.name + "_part",
                   {first, Binding::unary}, sizes, strides);
    return;
  }
  std::string base =
      source.kind == Buffer::tensor ? source.name + ".data" : source.name;
  Expr address{base};
  if (offset.constant != 0)
    address = {base + " + " + offset.expr.as(Binding::additive),
               Binding::additive};
  declarePointer(op->getResult(0), source.name + "_part", address, sizes,
                 strides);
}

/// The part of a loop's argument that the loop goes on with, or null.
static memref::SubViewOp nextPart(BlockArgument argument) {
  auto loop = cast<scf::ForOp>(argument.getOwner()->getParentOp());
  auto part = loop.getTiedLoopYieldedValue(argument)
                  ->get()
                  .getDefiningOp<memref::SubViewOp>();
  return part && part->hasOneUse() && part.getSource() == argument
             ? part
             : memref::SubViewOp();
}

void KernelPrinter::carryPointer(Value init, BlockArgument argument,
                                 OpResult result) {
  Buffer first = buffer(init);
  memref::SubViewOp next = nextPart(argument);
  if (first.kind != Buffer::pointer || !next || !result.use_empty()) {
    fail(result.getOwner(),
         "it carries a memref that does not only move through a tensor");
    return;
  }
  // A pointer that nobody else needs moves itself.
  if (init.hasOneUse() && init.getDefiningOp<memref::SubViewOp>())
    buffers[argument] = first;
  else {
    declarePointer(result, "from", {first.name}, first.sizes, first.strides);
    buffers[argument] = Buffer(buffers[result]);
  }
  skipped.insert(next);
}

void KernelPrinter::movePointer(Value pointer) {
  auto next = nextPart(cast<BlockArgument>(pointer));
  llvm::SmallVector<Number> offsets;
  for (OpFoldResult offset : next.getMixedOffsets())
    offsets.push_back(
        mixed(offset, [&](Value value) { return number(value); }));
  const Buffer &moved = buffer(pointer);
  line(moved.name +
       " += " + linearIndex(moved, offsets, /*isSmall=*/false).expr.text + ";");
}

void KernelPrinter::printReinterpretCast(memref::ReinterpretCastOp op) {
  auto numberOf = [&](Value value) { return number(value); };
  // The offset counts from where the source's elements would begin at offset 0.
  Expr base = address(op.getSource(), {});
  Number offset = mixed(op.getMixedOffsets()[0], numberOf);
  if (offset.constant != 0)
    base = {base.as(Binding::additive) + " + " +
                offset.expr.as(Binding::multiplicative),
            Binding::additive};
  llvm::SmallVector<Number> sizes, strides;
  for (OpFoldResult size : op.getMixedSizes())
    sizes.push_back(mixed(size, numberOf));
  for (OpFoldResult stride : op.getMixedStrides())
    strides.push_back(mixed(stride, numberOf));
  if (buffer(op.getSource()).kind == Buffer::array) {
    fail(op, "of a private array");
    return;
  }
  declarePointer(op->getResult(0), "view", base, sizes, strides);
}

void KernelPrinter::printMetadata(memref::ExtractStridedMetadataOp op) {
  const Buffer source = buffer(op.getSource());
  if (source.kind == Buffer::array) {
    fail(op, "of a private array");
    return;
  }
  buffers[op.getBaseBuffer()] = {Buffer::pointer,
                                 address(op.getSource(), {}).text,
                                 {},
                                 {},
                                 makeConstant(0),
                                 cast<MemRefType>(op.getBaseBuffer().getType()),
                                 false};
  // Words of a parameter, or what a view was made of.
  auto set = [&](Value value, const Number &number) {
    values[value] = number.expr;
    widths[value] = number.isWide;
    if (number.isWide && ranges.of(value).fitsInt()) {
      values[value] = castTo("int", number.expr);
      widths[value] = false;
    }
  };
  set(op.getOffset(), source.offset);
  for (auto [value, size] : llvm::zip(op.getSizes(), source.sizes))
    set(value, size);
  for (auto [value, stride] : llvm::zip(op.getStrides(), source.strides))
    set(value, stride);
}
