//===- WarpDialect.cpp - The warp dialect ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers the dialect; checks its layouts, types and operations.
//
//===----------------------------------------------------------------------===//

#include "dialect/Warp/Warp.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

#include "dialect/Warp/WarpDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/Warp/WarpAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/Warp/WarpTypes.cpp.inc"

#define GET_OP_CLASSES
#include "dialect/Warp/WarpOps.cpp.inc"

void WarpDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Warp/WarpAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Warp/WarpTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Warp/WarpOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Layouts and types
//===----------------------------------------------------------------------===//

LogicalResult MmaAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              int64_t warps) {
  if (warps < 1 || warps > 16)
    return emitError() << "a tile is divided among 1 to 16 warps, got "
                       << warps;
  return success();
}

LogicalResult SwizzleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t bytes) {
  if (bytes != 32 && bytes != 64 && bytes != 128)
    return emitError() << "a slab has rows of 32, 64 or 128 bytes, got "
                       << bytes;
  return success();
}

/// Whether the tile is in shared memory.
static bool isShared(TileType type) {
  return isa_and_nonnull<SwizzleAttr>(type.getLayout());
}
static bool isInRegisters(TileType type) {
  return isa_and_nonnull<MmaAttr>(type.getLayout());
}

LogicalResult ChannelType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t stages, TileType tile) {
  if (stages < 1)
    return emitError() << "a channel has at least one stage, got " << stages;
  if (!isShared(tile))
    return emitError() << "a channel holds tiles with a #warp.swizzle layout, "
                          "got "
                       << tile;
  auto swizzle = cast<SwizzleAttr>(tile.getLayout());
  unsigned bits = tile.getElementType().getIntOrFloatBitWidth();
  if (tile.getCols() * bits % (8 * swizzle.getBytes()) != 0)
    return emitError() << "the columns of " << tile << " do not fill slabs of "
                       << swizzle.getBytes() << " bytes";
  if (tile.getRows() % 8 != 0)
    return emitError() << "the rows of " << tile
                       << " are no multiple of 8, the rows of a pattern";
  return success();
}

LogicalResult PendingType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  TileType tile) {
  if (!isInRegisters(tile))
    return emitError() << "a product is in registers, with a #warp.mma layout, "
                          "got "
                       << tile;
  return success();
}

//===----------------------------------------------------------------------===//
// Channels
//===----------------------------------------------------------------------===//

LogicalResult PutOp::verify() {
  Type given = getView().getType().getElementType(),
       wanted = getChannel().getType().getTile().getElementType();
  if (given != wanted)
    return emitOpError() << "copies bytes, but the view holds " << given
                         << " and the channel " << wanted;
  return success();
}

void TakeOp::build(OpBuilder &builder, OperationState &state, Value channel,
                   Value number, int64_t inFlight) {
  state.addOperands({channel, number});
  state.getOrAddProperties<Properties>().in_flight =
      builder.getI64IntegerAttr(inFlight);
  state.addTypes(cast<ChannelType>(channel.getType()).getTile());
}

ParseResult TakeOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand channel, number;
  ChannelType type;
  int64_t inFlight = 0;
  if (parser.parseOperand(channel) || parser.parseLSquare() ||
      parser.parseOperand(number) || parser.parseRSquare())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("in_flight")) &&
      parser.parseInteger(inFlight))
    return failure();
  Builder &builder = parser.getBuilder();
  result.getOrAddProperties<Properties>().in_flight =
      builder.getI64IntegerAttr(inFlight);
  if (parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(channel, type, result.operands) ||
      parser.resolveOperand(number, builder.getIndexType(), result.operands))
    return failure();
  result.addTypes(type.getTile());
  return success();
}

void TakeOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getChannel() << '[' << getNumber() << ']';
  if (getInFlight())
    printer << " in_flight " << getInFlight();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"in_flight"});
  printer << " : " << getChannel().getType();
}

LogicalResult TakeOp::verify() {
  TileType tile = getChannel().getType().getTile();
  if (getTile().getType() != tile)
    return emitOpError() << "takes " << tile << " from the channel, but the "
                         << "result is " << getTile().getType();
  if (getInFlightAttr().getInt() < 0)
    return emitOpError() << "cannot leave " << getInFlightAttr().getInt()
                         << " puts in flight";
  return success();
}

LogicalResult ReadOp::verify() {
  TileType from = getSource().getType(), to = getTile().getType();
  if (!isShared(from) || !isInRegisters(to))
    return emitOpError() << "reads from shared memory (#warp.swizzle) to "
                            "registers (#warp.mma), not from "
                         << from << " to " << to;
  if (from.getRows() != to.getRows() || from.getCols() != to.getCols() ||
      from.getElementType() != to.getElementType())
    return emitOpError() << "cannot change " << from << " to " << to;
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  TileType a = getA().getType(), b = getB().getType(),
           result = getProduct().getType().getTile();
  if (!(isShared(a) || a.getLayout() == result.getLayout()) || !isShared(b))
    return emitOpError() << "multiplies a tile in shared memory, or in "
                            "registers of the result's layout, with one in "
                            "shared memory; got "
                         << a << ", " << b << " and " << result;
  Type element = a.getElementType();
  if (element != b.getElementType() || !(element.isBF16() || element.isF16()) ||
      !result.getElementType().isF32())
    return emitOpError() << "multiplies tiles of bf16 or of f16 to f32, got "
                         << a << ", " << b << " and " << result;
  int64_t k = b.getRows(), n = b.getCols();
  if (getTransposeB())
    std::swap(k, n);
  if (a.getCols() != k || result.getRows() != a.getRows() ||
      result.getCols() != n)
    return emitOpError() << "multiplies " << a.getRows() << "x" << a.getCols()
                         << " with " << k << "x" << n << " to "
                         << result.getRows() << "x" << result.getCols();
  if (getAccumulator() && getAccumulator().getType() != result)
    return emitOpError() << "the accumulator must be " << result << ", but is "
                         << getAccumulator().getType();
  return success();
}

LogicalResult RowSumOp::verify() {
  TileType input = getInput().getType(), init = getInit().getType();
  Type element = input.getElementType();
  if (!(element.isBF16() || element.isF16()) || !isInRegisters(input) ||
      init.getLayout() != input.getLayout() ||
      init.getRows() != input.getRows() || init.getCols() != 1 ||
      !init.getElementType().isF32())
    return emitOpError() << "adds rows of bf16 or f16 in registers to one "
                            "column of f32 of the same layout, got "
                         << input << " and " << init;
  return success();
}

LogicalResult ReachesTwoOp::verify() {
  TileType type = getTile().getType();
  Type element = type.getElementType();
  if (!isInRegisters(type) || !(element.isBF16() || element.isF16()) ||
      type.getRows() == 1 || type.getCols() == 1)
    return emitOpError()
           << "looks at matrices of bf16 or f16 in registers, got " << type;
  return success();
}

void AwaitOp::build(OpBuilder &builder, OperationState &state, Value product) {
  state.addOperands(product);
  state.addTypes(cast<PendingType>(product.getType()).getTile());
}

ParseResult AwaitOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand product;
  PendingType type;
  if (parser.parseOperand(product) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(product, type, result.operands))
    return failure();
  result.addTypes(type.getTile());
  return success();
}

void AwaitOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getProduct();
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getProduct().getType();
}
