//===- Workload.h - What an entry has to compute ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The attention or combination behind an entry: how much work it is, and what the result
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
#include <optional>

namespace attn::tool {

/// The result of --check.
struct Check {
  /// An f32 output passes if each row's relative error is below this, its
  /// log-sum-exp if its error is at most this.
  static constexpr double limit = 1e-5;
  /// The log-sum-exp beside a narrower output passes if it is off by this at
  /// most.
  static constexpr double narrowLseLimit = 1e-3;

  reference::Comparison errors;
  /// Whether the entry returns the log-sum-exp.
  bool hasLse = false;

  /// If the output is narrower than f32: its largest error may be twice that of
  /// plain attention, and `limit` more.
  std::optional<double> narrowLimit;

  bool passed() const {
    if (narrowLimit)
      return errors.maxAbsError <= *narrowLimit &&
             (!hasLse || errors.lseAbsError <= narrowLseLimit);
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
  /// element of query and key that is multiplied, and of P and value.  Of a
  /// combination two for each element of a part.
  Result<int64_t> flops(const std::vector<Value> &inputs);
  /// Pairs of query tiles and key tiles, whether they are visited or not.  A
  /// query tile holds rows of all query heads that share a KV head.  A
  /// combination has parts in the place of key tiles, and rows of all heads.
  int64_t totalTiles(const std::vector<Value> &inputs, int64_t tileQ,
                     int64_t tileKv);
  /// Compares with the float64 reference.
  Result<Check> check(const std::vector<Value> &inputs,
                      const ManifestEntry &entry,
                      const std::vector<Value> &outputs);

private:
  Workload();
  /// The shape of an operand.
  std::vector<int64_t> shapeOf(mlir::Value operand,
                               const std::vector<Value> &inputs) const;

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  /// An attn.attention or an attn.combine.
  mlir::Operation *op = nullptr;
};

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_WORKLOAD_H
