//===- RefusalTest.cpp - Mistakes of users and of the compiler ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Engine/Compilation.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace attn;

TEST(Refusal, IsSaidAndLeavesAValidModule) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "func.func @f(%x: f32) -> f32 { return %x : f32 }", &context);
  ASSERT_TRUE(module);
  const char *said = "x.mlir:1:2: error: tiles of f32 are for the CPU\n";
  EXPECT_TRUE(isRefusal(said, *module));
  EXPECT_FALSE(isRefusal("", *module));
  EXPECT_FALSE(isRefusal("x.mlir:1:2: warning: slow\n", *module));
  EXPECT_FALSE(isRefusal("x.mlir:1:2: error: failed to legalize operation "
                         "'math.erf'\n",
                         *module));

  // What a pass breaks is the compiler's mistake, whatever it says.
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  function.getBody().front().getTerminator()->erase();
  std::string noise;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          noise += diagnostic.str();
                                          return mlir::success();
                                        });
  EXPECT_FALSE(isRefusal(said, *module));
  EXPECT_EQ(noise, "");
}
