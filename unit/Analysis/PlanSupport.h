//===- PlanSupport.h - Kernels to plan --------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses modules, lowers them to tiles, and keeps the diagnostics.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ANALYSIS_PLANSUPPORT_H
#define ATTN_UNIT_ANALYSIS_PLANSUPPORT_H

#include "attn/Analysis/TilePlan.h"
#include "attn/InitAll.h"
#include "attn/Target/Cpu/Pipeline.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

namespace attn {

class PlanTest : public ::testing::Test {
protected:
  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerAllAttnDialects(registry);
    return registry;
  }

  PlanTest()
      : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED),
        handler(&context, [this](mlir::Diagnostic &diagnostic) {
          llvm::raw_string_ostream(messages)
              << diagnostic.getLocation() << ": " << diagnostic << '\n';
          return mlir::success();
        }) {}

  /// The function of a module that has one entry.
  mlir::func::FuncOp parse(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        text, mlir::ParserConfig(&context), "test");
    EXPECT_TRUE(module) << messages;
    return *module->getOps<mlir::func::FuncOp>().begin();
  }

  /// The entry of `text` as tile kernels.
  mlir::func::FuncOp lower(const std::string &text,
                           const std::string &algorithm, int64_t tileQ,
                           int64_t tileKv) {
    std::string name = parse(text).getName().str();
    CpuPipelineOptions options{algorithm, getCpuTargets().front()};
    options.target.tileQ = tileQ;
    options.target.tileKv = options.target.unmaskedTileKv = tileKv;
    mlir::PassManager manager(&context);
    buildTileStage(manager, options);
    EXPECT_TRUE(mlir::succeeded(manager.run(*module))) << messages;
    return module->lookupSymbol<mlir::func::FuncOp>(name);
  }

  /// Attention of `heads` query heads on `kvHeads` with head dimension `dim`.
  static std::string attention(int64_t heads, int64_t kvHeads, int64_t dim,
                               const std::string &clauses = "",
                               const std::string &captures = "") {
    auto tensor = [&](int64_t count) {
      return "tensor<?x" + std::to_string(count) + "x?x" + std::to_string(dim) +
             "xf32>";
    };
    std::string q = tensor(heads), k = tensor(kvHeads);
    return "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + k + captures +
           ") -> " + q + " {\n%o = attn.attention %q, %k, %v " + clauses +
           " : (" + q + ", " + k + ", " + k + ") -> " + q +
           "\nreturn %o : " + q + "\n}";
  }

  static std::vector<mlir::tile::PlanArgument>
  arguments(int64_t batch, int64_t heads, int64_t kvHeads, int64_t queries,
            int64_t keys, int64_t dim) {
    return {{{batch, heads, queries, dim}, {}},
            {{batch, kvHeads, keys, dim}, {}},
            {{batch, kvHeads, keys, dim}, {}}};
  }

  std::string messages;
  mlir::MLIRContext context;
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace attn

#endif // ATTN_UNIT_ANALYSIS_PLANSUPPORT_H
