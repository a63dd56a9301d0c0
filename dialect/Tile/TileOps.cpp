//===- TileOps.cpp - tile.dot, tile.map and tile.reduce -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The operations that compute on tiles.
//
//===----------------------------------------------------------------------===//

#include "dialect/Tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace mlir::tile;

#define GET_OP_CLASSES
#include "dialect/Tile/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// DotOp
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  TileType a = getA().getType(), b = getB().getType(),
           result = getResult().getType();
  int64_t m = a.getRows(), ka = a.getCols(), kb = b.getRows(), n = b.getCols();
  if (getTransposeA())
    std::swap(m, ka);
  if (getTransposeB())
    std::swap(kb, n);
  auto isFloat = [](TileType type) {
    return isa<FloatType>(type.getElementType());
  };
  if (isFloat(a) != isFloat(b) || isFloat(a) != isFloat(result))
    return emitOpError() << "multiplies " << a << " with " << b << " to "
                         << result << "; all must hold floats, or all integers";
  if (ka != kb)
    return emitOpError() << "multiplies " << m << "x" << ka << " with " << kb
                         << "x" << n << "; the inner sizes must be equal";
  if (result.getRows() != m || result.getCols() != n)
    return emitOpError() << "the product is " << m << "x" << n
                         << ", but the result is " << result;
  if (getAccumulator() && getAccumulator().getType() != result)
    return emitOpError() << "the accumulator must have the result's type "
                         << result << ", but is " << getAccumulator().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// MapOp
//===----------------------------------------------------------------------===//

void MapOp::build(OpBuilder &builder, OperationState &state, Type result,
                  ValueRange inputs, ValueRange origin,
                  function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  state.addOperands(inputs);
  state.addOperands(origin);
  state.getOrAddProperties<Properties>().operandSegmentSizes = {
      int32_t(inputs.size()), int32_t(origin.size())};
  state.addTypes(result);
  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(region);
  for (Value input : inputs)
    block->addArgument(cast<TileType>(input.getType()).getElementType(),
                       state.location);
  for (size_t i = 0; i < origin.size(); ++i)
    block->addArgument(builder.getI32Type(), state.location);
  Value yielded = body(builder, state.location, block->getArguments());
  YieldOp::create(builder, state.location, yielded);
}

Value MapOp::getYielded() {
  return cast<YieldOp>(getBlock()->getTerminator()).getValues().front();
}

/// Parses `(%arg = %operand, ...)`.
static ParseResult
parseBindings(OpAsmParser &parser,
              SmallVectorImpl<OpAsmParser::Argument> &arguments,
              SmallVectorImpl<OpAsmParser::UnresolvedOperand> &operands) {
  return parser.parseCommaSeparatedList(
      OpAsmParser::Delimiter::Paren, [&]() -> ParseResult {
        return failure(parser.parseArgument(arguments.emplace_back()) ||
                       parser.parseEqual() ||
                       parser.parseOperand(operands.emplace_back()));
      });
}

ParseResult MapOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> inputs, origin;
  FunctionType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parseBindings(parser, arguments, inputs))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("at"))) {
    if (parseBindings(parser, arguments, origin))
      return failure();
    if (origin.size() != 2)
      return parser.emitError(loc) << "at(...) takes a row and a column, got "
                                   << origin.size() << " values";
  }
  Region *body = result.addRegion();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperands(inputs, type.getInputs(), loc, result.operands) ||
      parser.resolveOperands(origin, parser.getBuilder().getIndexType(),
                             result.operands))
    return failure();
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    if (index >= inputs.size()) {
      argument.type = parser.getBuilder().getI32Type();
      continue;
    }
    auto tile = dyn_cast<TileType>(type.getInput(index));
    if (!tile)
      return parser.emitError(loc)
             << "input " << index << " must be a tile, not "
             << type.getInput(index);
    argument.type = tile.getElementType();
  }
  result.getOrAddProperties<Properties>().operandSegmentSizes = {
      int32_t(inputs.size()), int32_t(origin.size())};
  result.addTypes(type.getResults());
  return parser.parseRegion(*body, arguments);
}

void MapOp::print(OpAsmPrinter &printer) {
  auto bind = [&](auto pair) {
    printer << std::get<0>(pair) << " = " << std::get<1>(pair);
  };
  auto arguments = getBlock()->getArguments();
  printer << '(';
  llvm::interleaveComma(llvm::zip_first(getInputs(), arguments), printer,
                        [&](auto pair) {
                          bind(std::pair(std::get<1>(pair), std::get<0>(pair)));
                        });
  printer << ')';
  if (hasIndices()) {
    printer << " at(";
    bind(std::pair(getRowIndex(), getOrigin()[0]));
    printer << ", ";
    bind(std::pair(getColIndex(), getOrigin()[1]));
    printer << ')';
  }
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getOperandSegmentSizesAttrName()});
  printer << " : ";
  printer.printFunctionalType(getInputs().getTypes(),
                              getOperation()->getResultTypes());
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult MapOp::verify() {
  TileType result = getResult().getType();
  for (Value input : getInputs()) {
    auto type = cast<TileType>(input.getType());
    if ((type.getRows() != 1 && type.getRows() != result.getRows()) ||
        (type.getCols() != 1 && type.getCols() != result.getCols()))
      return emitOpError() << "an input of type " << type
                           << " cannot be repeated to " << result;
    if (type.getLayout() != result.getLayout())
      return emitOpError() << "the layouts of the input " << type
                           << " and of the result " << result << " differ";
  }
  if (!getOrigin().empty() && getOrigin().size() != 2)
    return emitOpError() << "takes a row and a column as origin, got "
                         << getOrigin().size() << " values";
  SmallVector<Type> expected;
  for (Value input : getInputs())
    expected.push_back(cast<TileType>(input.getType()).getElementType());
  expected.append(getOrigin().size(), IntegerType::get(getContext(), 32));
  if (getBody().getArgumentTypes() != TypeRange(expected))
    return emitOpError() << "the region must have the arguments ("
                         << TypeRange(expected) << "), but has ("
                         << getBody().getArgumentTypes() << ")";
  auto yield = dyn_cast<YieldOp>(getBlock()->back());
  if (!yield || yield.getValues().size() != 1 ||
      yield.getValues().front().getType() != result.getElementType())
    return emitOpError() << "the region must yield one value of type "
                         << result.getElementType();
  for (Operation &op : getBlock()->without_terminator())
    if (op.getNumRegions() != 0 ||
        (!isa<memref::LoadOp>(op) && !isMemoryEffectFree(&op)))
      return op.emitOpError()
             << "is not allowed in tile.map, which holds operations without "
                "regions and side effects, and memref.load";
  return success();
}

OpFoldResult MapOp::fold(FoldAdaptor) {
  // A region that gives back an input of the result's type does nothing.
  auto argument = dyn_cast<BlockArgument>(getYielded());
  if (!argument || argument.getOwner() != getBlock() ||
      argument.getArgNumber() >= getInputs().size())
    return {};
  Value input = getInputs()[argument.getArgNumber()];
  return input.getType() == getResult().getType() ? input : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

LogicalResult ReduceOp::verify() {
  TileType input = getInput().getType(), result = getResult().getType();
  int64_t rows = getAxis() == ReduceAxis::rows ? input.getRows() : 1;
  int64_t cols = getAxis() == ReduceAxis::cols ? input.getCols() : 1;
  auto expected = TileType::get(getContext(), rows, cols,
                                input.getElementType(), input.getLayout());
  if (result != expected)
    return emitOpError() << "reduces " << input << " to " << expected
                         << ", but the result is " << result;
  if (getInit() && getInit().getType() != expected)
    return emitOpError() << "the initial value must be " << expected
                         << ", but is " << getInit().getType();
  return success();
}
