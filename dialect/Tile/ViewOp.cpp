//===- ViewOp.cpp - tile.view, tile.load and tile.store -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The syntax of views, and where an element of a view lies in memory.
//
//===----------------------------------------------------------------------===//

#include "dialect/Tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::tile;

ParseResult ViewOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand source;
  SmallVector<OpAsmParser::UnresolvedOperand> fixed;
  Builder &builder = parser.getBuilder();
  int64_t dim = 0;
  auto setOnce = [&](StringAttr name, StringRef keyword) -> ParseResult {
    if (result.attributes.get(name))
      return parser.emitError(parser.getCurrentLocation())
             << "only one dimension can be '" << keyword << "'";
    result.addAttribute(name, builder.getI64IntegerAttr(dim));
    return success();
  };
  auto parseEntry = [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalKeyword("rows"))) {
      if (setOnce(getRowDimAttrName(result.name), "rows"))
        return failure();
    } else if (succeeded(parser.parseOptionalKeyword("cols"))) {
      if (setOnce(getColDimAttrName(result.name), "cols"))
        return failure();
    } else {
      if (parser.parseOperand(fixed.emplace_back()))
        return failure();
      if (succeeded(parser.parseOptionalColon())) {
        int64_t group;
        if (parser.parseInteger(group) ||
            setOnce(getGroupDimAttrName(result.name), "group"))
          return failure();
        result.addAttribute(getGroupAttrName(result.name),
                            builder.getI64IntegerAttr(group));
      }
    }
    ++dim;
    return success();
  };
  MemRefType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperand(source) ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square,
                                     parseEntry) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(source, type, result.operands) ||
      parser.resolveOperands(fixed, builder.getIndexType(), result.operands))
    return failure();
  if (dim != type.getRank())
    return parser.emitError(loc)
           << "the view has " << dim << " entries for a memref with "
           << type.getRank() << " dimensions";
  if (!result.attributes.get(getRowDimAttrName(result.name)))
    return parser.emitError(loc) << "one dimension must be 'rows'";
  result.addTypes(ViewType::get(parser.getContext(), type.getElementType()));
  return success();
}

void ViewOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getSource() << '[';
  auto nextFixed = getFixed().begin();
  for (int64_t dim :
       llvm::seq(cast<MemRefType>(getSource().getType()).getRank())) {
    if (dim != 0)
      printer << ", ";
    if (dim == int64_t(getRowDim()))
      printer << "rows";
    else if (getColDim() && dim == int64_t(*getColDim()))
      printer << "cols";
    else
      printer << *nextFixed++;
    if (getGroupDim() && dim == int64_t(*getGroupDim()))
      printer << " : " << getGroup();
  }
  printer << ']';
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getRowDimAttrName(), getColDimAttrName(),
                                 getGroupDimAttrName(), getGroupAttrName()});
  printer << " : " << getSource().getType();
}

LogicalResult ViewOp::verify() {
  auto type = cast<MemRefType>(getSource().getType());
  if (type.getElementType() != getView().getType().getElementType())
    return emitOpError() << "the view has elements of type "
                         << getView().getType().getElementType()
                         << ", the memref of type " << type.getElementType();
  int64_t rank = type.getRank(), running = getColDim() ? 2 : 1;
  auto inside = [&](uint64_t dim) { return dim < uint64_t(rank); };
  if (!inside(getRowDim()) || (getColDim() && !inside(*getColDim())) ||
      (getGroupDim() && !inside(*getGroupDim())) ||
      (getColDim() && *getColDim() == getRowDim()))
    return emitOpError() << "rows, cols and the group must be different "
                            "dimensions of "
                         << type;
  if (int64_t(getFixed().size()) != rank - running)
    return emitOpError() << "has " << getFixed().size()
                         << " fixed indices, but " << type << " needs "
                         << rank - running;
  if (getGroupDim() &&
      (*getGroupDim() == getRowDim() || getGroupDim() == getColDim()))
    return emitOpError() << "the group must be in a fixed dimension";
  if (!getGroupDim() && getGroup() != 1)
    return emitOpError() << "a group needs the dimension that it is in";
  if (int64_t(getGroup()) < 1)
    return emitOpError() << "the group must be at least 1, got "
                         << int64_t(getGroup());
  return success();
}

SmallVector<Value> ViewOp::getIndices(OpBuilder &builder, Location loc,
                                      Value row, Value col) {
  Value position = row, member;
  if (getGroup() != 1) {
    Value group = arith::ConstantIndexOp::create(builder, loc, getGroup());
    position = arith::DivUIOp::create(builder, loc, row, group);
    member = arith::RemUIOp::create(builder, loc, row, group);
  }
  SmallVector<Value> indices;
  auto nextFixed = getFixed().begin();
  for (int64_t dim :
       llvm::seq(cast<MemRefType>(getSource().getType()).getRank())) {
    if (dim == int64_t(getRowDim())) {
      indices.push_back(position);
    } else if (getColDim() && dim == int64_t(*getColDim())) {
      indices.push_back(col);
    } else {
      Value index = *nextFixed++;
      if (member && dim == int64_t(*getGroupDim()))
        index = arith::AddIOp::create(builder, loc, index, member);
      indices.push_back(index);
    }
  }
  return indices;
}

Value ViewOp::getNumRows(OpBuilder &builder, Location loc) {
  Value rows = memref::DimOp::create(builder, loc, getSource(), getRowDim());
  if (getGroup() == 1)
    return rows;
  Value group = arith::ConstantIndexOp::create(builder, loc, getGroup());
  return arith::MulIOp::create(builder, loc, rows, group);
}

Value ViewOp::getNumCols(OpBuilder &builder, Location loc) {
  if (!getColDim())
    return arith::ConstantIndexOp::create(builder, loc, 1);
  return memref::DimOp::create(builder, loc, getSource(), *getColDim());
}

std::optional<int64_t> ViewOp::getStaticNumCols() {
  if (!getColDim())
    return 1;
  auto type = cast<MemRefType>(getSource().getType());
  if (type.isDynamicDim(*getColDim()))
    return std::nullopt;
  return type.getDimSize(*getColDim());
}

static LogicalResult verifyAccess(Operation *op, ViewType view, TileType tile) {
  Type inMemory = view.getElementType(), inTile = tile.getElementType();
  if (inMemory == inTile ||
      (isa<FloatType>(inMemory) && isa<FloatType>(inTile) &&
       inMemory.getIntOrFloatBitWidth() < inTile.getIntOrFloatBitWidth()))
    return success();
  return op->emitOpError() << "the tile has elements of type " << inTile
                           << ", the view of type " << inMemory
                           << "; they must be equal, or the view's a narrower "
                              "floating-point type";
}

LogicalResult LoadOp::verify() {
  return verifyAccess(*this, getView().getType(), getTile().getType());
}

LogicalResult StoreOp::verify() {
  return verifyAccess(*this, getView().getType(), getTile().getType());
}
