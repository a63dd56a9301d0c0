//===- TileDialect.cpp - The tile dialect and its types -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers the dialect; parses, prints and checks the tile type.
//
//===----------------------------------------------------------------------===//

#include "dialect/Tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::tile;

#include "dialect/Tile/TileDialect.cpp.inc"
#include "dialect/Tile/TileEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialect/Tile/TileTypes.cpp.inc"

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Tile/TileOps.cpp.inc"
      >();
}

Type TileType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type element;
  Attribute layout;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(element))
    return {};
  if (succeeded(parser.parseOptionalComma()) && parser.parseAttribute(layout))
    return {};
  if (parser.parseGreater())
    return {};
  if (shape.size() != 2) {
    parser.emitError(loc) << "a tile has two dimensions, got " << shape.size();
    return {};
  }
  return parser.getChecked<TileType>(loc, parser.getContext(), shape[0],
                                     shape[1], element, layout);
}

void TileType::print(AsmPrinter &printer) const {
  printer << '<' << getRows() << 'x' << getCols() << 'x' << getElementType();
  if (getLayout())
    printer << ", " << getLayout();
  printer << '>';
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t rows, int64_t cols, Type element,
                               Attribute) {
  if (rows < 1 || cols < 1)
    return emitError() << "a tile has at least one row and one column, got "
                       << rows << "x" << cols;
  if (!element.isIntOrFloat())
    return emitError() << "a tile holds integers or floats, not " << element;
  return success();
}

bool mlir::tile::isScalarCode(Operation *root) {
  auto isTile = [](Type type) { return isa<TileType>(type); };
  auto isMark = [](NamedAttribute attribute) {
    return isa_and_nonnull<TileDialect>(attribute.getNameDialect());
  };
  return !root
              ->walk([&](Operation *op) {
                bool hasTiles = isa<TileDialect>(op->getDialect()) ||
                                llvm::any_of(op->getAttrs(), isMark) ||
                                llvm::any_of(op->getOperandTypes(), isTile) ||
                                llvm::any_of(op->getResultTypes(), isTile);
                return hasTiles ? WalkResult::interrupt()
                                : WalkResult::advance();
              })
              .wasInterrupted();
}
