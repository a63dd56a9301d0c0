//===- ReferenceTestSupport.h - Problems by hand ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of the reference share: entries, arrays and comparisons.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_REFERENCE_REFERENCETESTSUPPORT_H
#define ATTN_UNIT_REFERENCE_REFERENCETESTSUPPORT_H

#include "attn/Reference/Reference.h"

#include "dialect/Attn/Attn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace attn::reference {

inline const double infinity = std::numeric_limits<double>::infinity();
inline const double notANumber = std::numeric_limits<double>::quiet_NaN();

class ReferenceTest : public ::testing::Test {
protected:
  ReferenceTest() {
    context.loadDialect<mlir::attn::AttnDialect, mlir::arith::ArithDialect,
                        mlir::func::FuncDialect, mlir::math::MathDialect,
                        mlir::tensor::TensorDialect>();
  }

  /// An entry over f32 with `heads` query heads of dimension `dim`, `kvHeads`
  /// KV heads with values of dimension `valueDim`; `clauses` follow the
  /// operands, `captures` follow the arguments, `before` precedes the op.
  mlir::func::FuncOp entry(int heads, int kvHeads, int dim, int valueDim,
                           const std::string &clauses,
                           const std::string &captures = "",
                           const std::string &before = "") {
    auto tensor = [](int heads, int dim) {
      return "tensor<?x" + std::to_string(heads) + "x?x" + std::to_string(dim) +
             "xf32>";
    };
    std::string q = tensor(heads, dim), k = tensor(kvHeads, dim),
                v = tensor(kvHeads, valueDim), o = tensor(heads, valueDim);
    module = mlir::parseSourceString<mlir::ModuleOp>(
        "func.func @f(%q: " + q + ", %k: " + k + ", %v: " + v + captures +
            ") -> " + o + " {\n" + before +
            "\n%o = attn.attention %q, %k, %v " + clauses + " : (" + q + ", " +
            k + ", " + v + ") -> " + o + "\nreturn %o : " + o + "\n}",
        &context);
    EXPECT_TRUE(module);
    return *module->getOps<mlir::func::FuncOp>().begin();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// An array with the given values, or without any.
inline Array array(std::vector<int64_t> shape, std::vector<double> data = {}) {
  return {std::move(shape), std::move(data)};
}

/// An array filled by a function of the linear index.
inline Array generated(std::vector<int64_t> shape,
                       const std::function<double(int64_t)> &value) {
  int64_t elements = std::accumulate(shape.begin(), shape.end(), int64_t(1),
                                     std::multiplies<>());
  Array result{std::move(shape), {}};
  for (int64_t n = 0; n < elements; ++n)
    result.data.push_back(value(n));
  return result;
}

inline Array zeros(std::vector<int64_t> shape) {
  return generated(std::move(shape), [](int64_t) { return 0; });
}

template <typename T>
T valueOf(llvm::Expected<T> result) {
  if (!result) {
    ADD_FAILURE() << llvm::toString(result.takeError());
    return T();
  }
  return std::move(*result);
}

template <typename T>
std::string errorOf(llvm::Expected<T> result) {
  return result ? "" : llvm::toString(result.takeError());
}

inline void expectNear(const std::vector<double> &actual,
                       const std::vector<double> &expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t n = 0; n < actual.size(); ++n)
    if (std::isfinite(expected[n]))
      EXPECT_NEAR(actual[n], expected[n], 1e-14) << "element " << n;
    else
      EXPECT_EQ(actual[n], expected[n]) << "element " << n;
}

} // namespace attn::reference

#endif // ATTN_UNIT_REFERENCE_REFERENCETESTSUPPORT_H
