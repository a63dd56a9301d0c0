//===- PhiloxTest.cpp - Random words that kernels compute -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is emitted for constants folds to constants.
//
//===----------------------------------------------------------------------===//

#include "lib/Transforms/Dropout.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace {

using Words = std::array<uint32_t, 4>;

Words philox(Words counter, std::array<uint32_t, 2> key) {
  MLIRContext context;
  context.loadDialect<arith::ArithDialect, func::FuncDialect>();
  Location loc = UnknownLoc::get(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder(module->getBodyRegion());
  SmallVector<Type> types(4, builder.getI32Type());
  auto function = func::FuncOp::create(builder, loc, "f",
                                       builder.getFunctionType({}, types));
  builder.setInsertionPointToEnd(function.addEntryBlock());
  auto constant = [&](uint32_t word) -> Value {
    return arith::ConstantIntOp::create(builder, loc, int32_t(word), 32);
  };
  std::array<Value, 4> words =
      tile::emitPhilox4x32(builder, loc,
                           {constant(counter[0]), constant(counter[1]),
                            constant(counter[2]), constant(counter[3])},
                           {constant(key[0]), constant(key[1])});
  auto ret = func::ReturnOp::create(builder, loc, ValueRange(words));
  EXPECT_TRUE(succeeded(applyPatternsGreedily(function, {})));
  Words result{};
  for (auto [word, value] : llvm::zip(result, ret.getOperands())) {
    APInt folded;
    EXPECT_TRUE(matchPattern(value, m_ConstantInt(&folded)));
    word = uint32_t(folded.getZExtValue());
  }
  return result;
}

/// The known answers of Random123 (kat_vectors), by the authors of Philox.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                   {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

} // namespace
