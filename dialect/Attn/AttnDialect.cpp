//===- AttnDialect.cpp - The attn dialect and its masks -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers the dialect and defines what each mask attribute expands to.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Attn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::attn;

#include "dialect/Attn/AttnAttrInterfaces.cpp.inc"
#include "dialect/Attn/AttnDialect.cpp.inc"
#include "dialect/Attn/AttnEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/Attn/AttnAttrs.cpp.inc"

void AttnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Attn/AttnAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Attn/AttnOps.cpp.inc"
      >();
}

Value CausalAttr::buildKeep(OpBuilder &builder, Location loc,
                            ValueRange coordinates) const {
  Value i = coordinates[2], j = coordinates[3];
  Type index = builder.getIndexType();
  Value queries = LengthOp::create(builder, loc, index, LengthKind::query);
  Value keys = LengthOp::create(builder, loc, index, LengthKind::key);
  Value shift = arith::SubIOp::create(builder, loc, keys, queries);
  Value last = arith::AddIOp::create(builder, loc, i, shift);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sle, j,
                               last);
}
