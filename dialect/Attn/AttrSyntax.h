//===- AttrSyntax.h - Numbers in attributes -------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Syntax of numbers that may be given at run time.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_ATTRSYNTAX_H
#define ATTN_DIALECT_ATTN_ATTRSYNTAX_H

#include "dialect/Attn/Attn.h"
#include "mlir/IR/DialectImplementation.h"

namespace mlir::attn {

/// Parses a number, or `?` for one that is given at run time.
inline ParseResult parseNumberOrRunTime(AsmParser &parser, int64_t &number) {
  if (succeeded(parser.parseOptionalQuestion())) {
    number = ShapedType::kDynamic;
    return success();
  }
  return parser.parseInteger(number);
}

inline void printNumberOrRunTime(AsmPrinter &printer, int64_t number) {
  if (ShapedType::isDynamic(number))
    printer << '?';
  else
    printer << number;
}

/// The same for a float; null stands for `?`.
inline ParseResult parseCapOrRunTime(AsmParser &parser, FloatAttr &cap) {
  if (succeeded(parser.parseOptionalQuestion()))
    return success();
  double value;
  if (failed(parser.parseFloat(value)))
    return failure();
  cap = parser.getBuilder().getF64FloatAttr(value);
  return success();
}

inline void printCapOrRunTime(AsmPrinter &printer, FloatAttr cap) {
  if (cap)
    printer.printFloat(cap.getValue());
  else
    printer << '?';
}

} // namespace mlir::attn

#endif // ATTN_DIALECT_ATTN_ATTRSYNTAX_H
