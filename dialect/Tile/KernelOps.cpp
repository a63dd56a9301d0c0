//===- KernelOps.cpp - tile.kernel and tile.launch ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels, their launches and groups.
//
//===----------------------------------------------------------------------===//

#include "dialect/Tile/Tile.h"

#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace mlir::tile;

void KernelOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                     TypeRange arguments) {
  state.addAttribute(getSymNameAttrName(state.name),
                     builder.getStringAttr(name));
  state.addAttribute(
      getFunctionTypeAttrName(state.name),
      TypeAttr::get(builder.getFunctionType(arguments, TypeRange())));
  Block &entry = state.addRegion()->emplaceBlock();
  for (Type type : arguments)
    entry.addArgument(type, state.location);
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> arguments,
                      ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(arguments, results);
  };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false,
      getFunctionTypeAttrName(result.name), buildType,
      getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

LogicalResult KernelOp::verify() {
  if (getFunctionType().getNumResults() != 0)
    return emitOpError() << "has no results, but its type gives "
                         << getFunctionType().getNumResults();
  ArrayRef<Type> types = getArgumentTypes();
  if (types.empty() || !types.front().isIndex())
    return emitOpError()
           << "must have the work index, of type index, as its first argument";
  for (Type type : types.drop_front())
    if (!isa<MemRefType>(type) && !type.isIntOrIndexOrFloat())
      return emitOpError() << "takes memrefs and scalars, not " << type;
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *callee = symbols.lookupNearestSymbolFrom(*this, getKernelAttr());
  if (!isa_and_nonnull<FunctionOpInterface>(callee))
    return emitOpError() << "there is no tile.kernel @" << getKernel();
  // A conversion may have turned the kernel into a function of the device,
  // with arguments of its own.
  auto kernel = dyn_cast<KernelOp>(callee);
  if (!kernel)
    return success();
  TypeRange expected = TypeRange(kernel.getArgumentTypes()).drop_front();
  if (getArguments().getTypes() != expected)
    return emitOpError() << "kernel @" << getKernel() << " takes (" << expected
                         << "), but is launched with ("
                         << getArguments().getTypes() << ")";
  return success();
}

LogicalResult GroupOp::verify() {
  auto yield = dyn_cast<YieldOp>(getBody().front().back());
  if (!yield || yield.getValues().getTypes() != getTiles().getTypes())
    return emitOpError() << "must yield its results, of types ("
                         << getTiles().getTypes() << ")";
  llvm::SmallPtrSet<Value, 4> yielded;
  for (Value value : yield.getValues())
    if (value.getParentBlock() != &getBody().front() ||
        !yielded.insert(value).second)
      return emitOpError() << "must yield each of its results once, and only "
                              "tiles that it computes";
  if (getBody().front().without_terminator().empty())
    return emitOpError() << "must hold at least one operation";
  for (Operation &op : getBody().front().without_terminator())
    if (!isa<DotOp, MapOp, ReduceOp>(op))
      return op.emitOpError()
             << "is not allowed in tile.group, which holds tile.dot, tile.map "
                "and tile.reduce only";
  return success();
}
