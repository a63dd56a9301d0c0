//===- Manifest.h - What a payload says about its entries -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of a manifest that payloads of all devices have: see
// attn/Runtime/Manifest.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_MANIFEST_H
#define ATTN_TARGET_MANIFEST_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace attn {

/// Whether attn-tile has made an entry of the function.
bool isEntry(mlir::func::FuncOp function);

/// An entry: its name, algorithm, tiles, arguments and sets of equal sizes,
/// from the attributes that attn-tile puts on it.
llvm::json::Object describeEntry(mlir::func::FuncOp entry);

/// All entries of a module.
llvm::json::Array describeEntries(mlir::ModuleOp module);

} // namespace attn

#endif // ATTN_TARGET_MANIFEST_H
