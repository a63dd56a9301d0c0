//===- Workload.cpp - What an entry has to compute ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts and checks with the reference, which reads the module as the user
// wrote it.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Workload.h"

#include "attn/InitAll.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"

#include <numeric>

namespace attn::tool {

static mlir::DialectRegistry makeRegistry() {
  mlir::DialectRegistry registry;
  registerAllAttnDialects(registry);
  return registry;
}

Workload::Workload()
    : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED) {}

Result<std::unique_ptr<Workload>>
Workload::create(const std::string &text, const std::string &name,
                 const std::string &function) {
  std::unique_ptr<Workload> self(new Workload());
  self->module = mlir::parseSourceString<mlir::ModuleOp>(
      text, mlir::ParserConfig(&self->context), name);
  if (!self->module)
    return failure("cannot parse '" + name + "'");
  self->function = self->module->lookupSymbol<mlir::func::FuncOp>(function);
  int64_t found = 0;
  if (self->function)
    self->function.walk([&](mlir::attn::AttentionOp op) {
      self->op = op;
      ++found;
    });
  auto isArgument = [](mlir::Value operand) {
    return mlir::isa<mlir::BlockArgument>(operand);
  };
  if (found != 1 || !llvm::all_of(self->op->getOperands(), isArgument))
    return failure("'" + function + "' of '" + name + "' has " +
                   std::to_string(found) +
                   " attn.attention ops; attn-run expects one, on arguments "
                   "of the function");
  return self;
}

std::vector<int64_t> Workload::shapeOf(mlir::Value operand,
                                       const std::vector<Value> &inputs) const {
  return inputs[mlir::cast<mlir::BlockArgument>(operand).getArgNumber()]
      .shape();
}

Result<int64_t> Workload::flops(const std::vector<Value> &inputs) {
  std::vector<reference::Array> arrays;
  for (auto [input, argument] : llvm::zip(inputs, function.getArguments())) {
    // A mask does not read what only attention itself reads.
    bool isCaptured = llvm::any_of(argument.getUsers(), [&](auto *user) {
      return user != op.getOperation();
    });
    arrays.push_back(input.toArray(/*withData=*/isCaptured));
  }
  llvm::Expected<std::vector<int64_t>> kept =
      reference::keptCounts(function, arrays);
  if (!kept)
    return failure(llvm::toString(kept.takeError()));
  return 2 * (op.getHeadDim() + op.getValueDim()) *
         std::accumulate(kept->begin(), kept->end(), int64_t(0));
}

int64_t Workload::totalTiles(const std::vector<Value> &inputs, int64_t tileQ,
                             int64_t tileKv) {
  std::vector<int64_t> query = shapeOf(op.getQuery(), inputs);
  std::vector<int64_t> key = shapeOf(op.getKey(), inputs);
  auto ceilDiv = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  return key[0] * key[1] * ceilDiv(query[2] * op.getGroupSize(), tileQ) *
         ceilDiv(key[2], tileKv);
}

Result<Check> Workload::check(const std::vector<Value> &inputs,
                              const ManifestEntry &entry,
                              const std::vector<Value> &outputs) {
  std::vector<float> output, lse;
  for (auto [i, value] : llvm::enumerate(outputs)) {
    const ManifestArgument &argument = entry.arguments[inputs.size() + i];
    reference::Array array = value.toArray(/*withData=*/true);
    (argument.name == "lse" ? lse : output)
        .assign(array.data.begin(), array.data.end());
  }

  std::vector<reference::Array> arrays;
  for (const Value &input : inputs)
    arrays.push_back(input.toArray(/*withData=*/true));
  llvm::Expected<reference::Result> expected =
      reference::evaluate(function, arrays);
  if (!expected)
    return failure(llvm::toString(expected.takeError()));
  Check check{reference::compare(*expected, output, lse), !lse.empty(), {}};
  if (!op.getOutput().getType().getElementType().isF32()) {
    llvm::Expected<std::vector<float>> plain =
        reference::plainAttention(function, arrays);
    if (!plain)
      return failure(llvm::toString(plain.takeError()));
    check.narrowLimit =
        2 * reference::compare(*expected, *plain).maxAbsError + Check::limit;
  }
  return check;
}

} // namespace attn::tool
