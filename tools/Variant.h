//===- Variant.h - An entry at given lengths --------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What tools need to talk about a kernel without running it: the attention op
// as the user wrote it, arguments of the lengths asked for, and the tile plan.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_VARIANT_H
#define ATTN_TOOLS_VARIANT_H

#include "tools/CompilerFlags.h"

#include "attn/Analysis/TilePlan.h"
#include "attn/Reference/Reference.h"
#include "dialect/Attn/Attn.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>
#include <memory>

namespace attn::tool {

/// Batch and sequence lengths.
struct Lengths {
  int64_t batch = 1, queries = 0, keys = 0;

  /// "1:1024:1024".
  std::string text() const;
};

/// Parses "B:Sq:Skv", sizes from 1 to 2^31 - 1.
Result<Lengths> parseLengths(const std::string &text);

/// Values of scalar arguments by name.
using NamedValues = std::map<std::string, double>;
/// Adds --value NAME=NUMBER, which may be repeated.
void addValueFlag(CLI::App &app, NamedValues &values);

/// A tile-level module and the plan of one entry.
struct PlannedEntry {
  mlir::tile::TilePlan plan;
  int64_t tileQ = 0, tileKv = 0;
};

/// One function with an attn.attention op.
class Variant {
public:
  /// Parses a module that compiles. `function` may be empty if there is only
  /// one; `name` is what diagnostics call the module.
  static Result<std::unique_ptr<Variant>> create(const std::string &text,
                                                 const std::string &name,
                                                 const std::string &function);

  /// Arguments of these lengths, without data but for the scalars in `values`.
  /// An error for a static size that does not fit, a dynamic size that lengths
  /// do not give, and a value for no argument.
  Result<std::vector<reference::Array>> inputsFor(const Lengths &lengths,
                                                  const NamedValues &values);

  /// Lowers the module to tiles and plans the entry.
  Result<PlannedEntry> plan(const CompileOptions &options,
                            const std::vector<reference::Array> &inputs);

  mlir::func::FuncOp getFunction() { return function; }
  mlir::attn::AttentionOp getOp() { return op; }

private:
  Variant();

  std::string text, name;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::attn::AttentionOp op;
};

} // namespace attn::tool

#endif // ATTN_TOOLS_VARIANT_H
