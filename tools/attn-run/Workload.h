//===- Workload.h - What an entry has to compute ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attention op behind an entry: how much work it is, and what the result
// should be.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_WORKLOAD_H
#define ATTN_TOOLS_RUN_WORKLOAD_H

#include "tools/attn-run/Inputs.h"

#include "dialect/Attn/Attn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>

namespace attn::tool {

/// The result of --check for f32.
struct Check {
  /// The output passes if each row's relative error is below this, the
  /// log-sum-exp if its error is at most this.
  static constexpr double limit = 1e-5;

  reference::Comparison errors;
  /// Whether the entry returns the log-sum-exp.
  bool hasLse = false;

  bool passed() const {
    return errors.maxRowRelativeError < limit &&
           (!hasLse || errors.lseError <= limit);
  }
};

class Workload {
public:
  /// Parses the module again; `name` is what diagnostics call it.
  static Result<std::unique_ptr<Workload>> create(const std::string &text,
                                                  const std::string &name,
                                                  const std::string &function);

  /// Floating-point operations of the scores that the mask keeps: two for each
  /// element of query and key that is multiplied, and of P and value.
  Result<int64_t> flops(const std::vector<Value> &inputs);
  /// Pairs of query tiles and key tiles, whether they are visited or not.  A
  /// query tile holds rows of all query heads that share a KV head.
  int64_t totalTiles(const std::vector<Value> &inputs, int64_t tileQ,
                     int64_t tileKv);
  /// Compares with the float64 reference.
  Result<Check> check(const std::vector<Value> &inputs,
                      const ManifestEntry &entry,
                      const std::vector<Value> &outputs);

private:
  Workload();
  /// The shape of query, key or value.
  std::vector<int64_t> shapeOf(mlir::Value operand,
                               const std::vector<Value> &inputs) const;

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  mlir::attn::AttentionOp op;
};

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_WORKLOAD_H
