//===- Attn.h - The attn dialect --------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the attn dialect: its operations, attributes and interfaces.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_H
#define ATTN_DIALECT_ATTN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <limits>

namespace mlir::attn {
/// The side of a window that has no limit.
inline constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
} // namespace mlir::attn

#include "dialect/Attn/AttnAttrInterfaces.h.inc"
#include "dialect/Attn/AttnDialect.h.inc"
#include "dialect/Attn/AttnEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/Attn/AttnAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialect/Attn/AttnOps.h.inc"

#endif // ATTN_DIALECT_ATTN_H
