//===- EntryFunction.cpp - Functions that launch kernels ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attn-tile does to a function whatever operation it holds.
//
//===----------------------------------------------------------------------===//

#include "EntryFunction.h"

#include "attn/Target/ThreadLevel.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mlir::tile;
using ::attn::kAlignmentAttrName;

/// The memref that stands for a tensor: any strides, the innermost dimension
/// contiguous. Scalars stay as they are.
static Type toMemRef(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  SmallVector<int64_t> strides(tensor.getRank(), ShapedType::kDynamic);
  if (!strides.empty())
    strides.back() = 1;
  return MemRefType::get(
      tensor.getShape(), tensor.getElementType(),
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides));
}

/// "query, key and value".
static std::string listOf(ArrayRef<std::pair<Value, StringRef>> tensors) {
  std::string text;
  for (auto [number, tensor] : llvm::enumerate(tensors)) {
    if (number != 0)
      text += number + 1 == tensors.size() ? " and " : ", ";
    text += tensor.second;
  }
  return text;
}

LogicalResult EntryFunction::check() {
  Operation *op = operation.op;
  StringRef name = op->getName().getStringRef();
  for (auto [operand, unused] : operation.tensors)
    if (!isa<BlockArgument>(operand))
      return op->emitOpError() << listOf(operation.tensors)
                               << " must be arguments of the function";
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError()
           << "a function with " << name << " must be a single block";
  Block &body = function.getBody().front();
  auto ret = dyn_cast<func::ReturnOp>(body.getTerminator());
  if (!ret)
    return body.getTerminator()->emitError()
           << "a function with " << name << " must end with func.return";
  for (Operation &other : body.without_terminator())
    if (&other != op && !isMemoryEffectFree(&other))
      return other.emitError()
             << "has side effects; a function with " << name
             << " may hold only that and operations without side effects";
  if (!SymbolTable::symbolKnownUseEmpty(function,
                                        function->getParentOfType<ModuleOp>()))
    return function.emitError()
           << "a function with " << name
           << " becomes an entry of the runtime and cannot be called from "
              "other functions";
  for (Value returned : ret.getOperands()) {
    auto result = dyn_cast<OpResult>(returned);
    if (!result || result.getOwner() != op)
      return ret.emitError() << "a function with " << name
                             << " must return its results and nothing else";
    if (llvm::is_contained(resultOfReturn, result.getResultNumber()))
      return ret.emitError() << "returns a result of " << name << " twice";
    resultOfReturn.push_back(result.getResultNumber());
  }
  if (!llvm::is_contained(resultOfReturn, 0u))
    return ret.emitError() << "must return the output of " << name;
  for (Type type : function.getArgumentTypes())
    if (!isa<RankedTensorType>(type) && !type.isIntOrIndexOrFloat())
      return function.emitError() << "takes an argument of type " << type
                                  << "; allowed are ranked tensors and scalars";
  return success();
}

/// Names each argument: by its attribute attn.name, else by what it is.
SmallVector<StringAttr> EntryFunction::getInputNames() {
  MLIRContext *context = function.getContext();
  SmallVector<StringAttr> names;
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(number, "attn.name");
    const auto *tensor = llvm::find_if(
        operation.tensors, [&](auto pair) { return pair.first == argument; });
    if (!name && tensor != operation.tensors.end())
      name = StringAttr::get(context, tensor->second);
    if (!name)
      name = StringAttr::get(context, "arg" + Twine(number));
    names.push_back(name);
  }
  return names;
}

void EntryFunction::create(StringRef algorithm, int64_t tileQ, int64_t tileKv) {
  OpBuilder builder(function);
  SmallVector<StringAttr> names = getInputNames();
  auto nameOf = [&](Value tensor, int64_t dimension) -> Attribute {
    unsigned number = cast<BlockArgument>(tensor).getArgNumber();
    return builder.getStringAttr(names[number].getValue() + "[" +
                                 Twine(dimension) + "]");
  };
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  auto add = [&](Type type, Attribute name, StringRef role,
                 Attribute alignment = {}, ArrayAttr shape = {}) {
    types.push_back(toMemRef(type));
    SmallVector<NamedAttribute> attrs = {
        builder.getNamedAttr("attn.name", name),
        builder.getNamedAttr("attn.role", builder.getStringAttr(role))};
    if (alignment)
      attrs.push_back(builder.getNamedAttr(kAlignmentAttrName, alignment));
    if (shape)
      attrs.push_back(builder.getNamedAttr("attn.shape", shape));
    attributes.push_back(builder.getDictionaryAttr(attrs));
  };
  for (BlockArgument argument : function.getArguments())
    add(argument.getType(), names[argument.getArgNumber()], "input",
        function.getArgAttr(argument.getArgNumber(), kAlignmentAttrName));
  auto [source, firstDimension] = operation.resultSizes;
  for (auto [number, result] : llvm::enumerate(resultOfReturn)) {
    auto type =
        cast<RankedTensorType>(operation.op->getResult(result).getType());
    SmallVector<Attribute> shape;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        shape.push_back(nameOf(source, firstDimension + dim));
      else
        shape.push_back(builder.getI64IntegerAttr(size));
    add(type, builder.getStringAttr(operation.resultNames[result]), "output",
        function.getResultAttr(number, kAlignmentAttrName),
        builder.getArrayAttr(shape));
  }
  add(MemRefType::get({ShapedType::kDynamic}, builder.getI8Type()),
      builder.getStringAttr("workspace"), "workspace");

  entry = func::FuncOp::create(builder, function.getLoc(), function.getName(),
                               builder.getFunctionType(types, {}));
  entry.setAllArgAttrs(attributes);
  SmallVector<Attribute> equal;
  for (ArrayRef<EntryOperation::Dimension> set : operation.equalDimensions) {
    SmallVector<Attribute> members;
    for (auto [tensor, dimension] : set)
      members.push_back(nameOf(tensor, dimension));
    equal.push_back(builder.getArrayAttr(members));
  }
  entry->setAttr("attn.equal_dims", builder.getArrayAttr(equal));
  SmallVector<Attribute> derived;
  for (const auto &rule : operation.derivedDimensions) {
    auto name = [&](EntryOperation::Dimension dimension) {
      return nameOf(dimension.first, dimension.second);
    };
    derived.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("dim", name(rule.dimension)),
         builder.getNamedAttr("source", name(rule.source)),
         builder.getNamedAttr("divisor",
                              builder.getI64IntegerAttr(rule.divisor)),
         builder.getNamedAttr("extra", builder.getI64IntegerAttr(rule.extra)),
         builder.getNamedAttr("can_be_one",
                              builder.getBoolAttr(rule.canBeOne))}));
  }
  if (!derived.empty())
    entry->setAttr("attn.derived_dims", builder.getArrayAttr(derived));
  entry->setAttr("attn.algorithm", builder.getStringAttr(algorithm));
  entry->setAttr("attn.tile_q", builder.getI64IntegerAttr(tileQ));
  entry->setAttr("attn.tile_kv", builder.getI64IntegerAttr(tileKv));
  entry.addEntryBlock();
}

void EntryFunction::createWorkspaceFunction(
    function_ref<Value(OpBuilder &, Location, Block &)> buildBytes) {
  OpBuilder builder(function);
  Location loc = function.getLoc();
  auto types = llvm::map_to_vector(function.getArgumentTypes(), toMemRef);
  auto workspace = func::FuncOp::create(
      builder, loc, (function.getName() + "_workspace").str(),
      builder.getFunctionType(types, builder.getIndexType()));
  Block *block = workspace.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  func::ReturnOp::create(builder, loc, buildBytes(builder, loc, *block));
}

Value EntryFunction::getInput(Value argument) {
  return entry.getArgument(cast<BlockArgument>(argument).getArgNumber());
}

Value EntryFunction::getResult(unsigned number) {
  for (auto [position, result] : llvm::enumerate(resultOfReturn))
    if (result == number)
      return entry.getArgument(function.getNumArguments() + position);
  return {};
}

void EntryFunction::finish() {
  OpBuilder builder = getBodyBuilder();
  func::ReturnOp::create(builder, function.getLoc());
  function.erase();
}
