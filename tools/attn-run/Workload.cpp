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
#include "mlir/IR/TypeUtilities.h"
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
    self->function.walk([&](mlir::Operation *op) {
      if (!mlir::isa<mlir::attn::AttentionOp, mlir::attn::CombineOp>(op))
        return;
      self->op = op;
      ++found;
    });
  auto isArgument = [](mlir::Value operand) {
    return mlir::isa<mlir::BlockArgument>(operand);
  };
  if (found != 1 || !llvm::all_of(self->op->getOperands(), isArgument))
    return failure("'" + function + "' of '" + name + "' has " +
                   std::to_string(found) +
                   " attn.attention and attn.combine ops; attn-run expects "
                   "one, on arguments of the function");
  return self;
}

std::vector<int64_t> Workload::shapeOf(mlir::Value operand,
                                       const std::vector<Value> &inputs) const {
  return inputs[mlir::cast<mlir::BlockArgument>(operand).getArgNumber()]
      .shape();
}

Result<int64_t> Workload::flops(const std::vector<Value> &inputs) {
  if (auto combine = mlir::dyn_cast<mlir::attn::CombineOp>(op)) {
    std::vector<int64_t> parts = shapeOf(combine.getOutputs(), inputs);
    return 2 * std::accumulate(parts.begin(), parts.end(), int64_t(1),
                               std::multiplies<>());
  }
  auto attention = mlir::cast<mlir::attn::AttentionOp>(op);
  std::vector<reference::Array> arrays;
  for (auto [input, argument] : llvm::zip(inputs, function.getArguments())) {
    // No mask reads query, key and value.
    constexpr unsigned data = 3;
    bool isCaptured =
        llvm::any_of(argument.getUses(), [&](mlir::OpOperand &use) {
          return use.getOwner() != op || use.getOperandNumber() >= data;
        });
    arrays.push_back(input.toArray(/*withData=*/isCaptured));
  }
  llvm::Expected<std::vector<int64_t>> kept =
      reference::keptCounts(function, arrays);
  if (!kept)
    return failure(llvm::toString(kept.takeError()));
  return 2 * (attention.getHeadDim() + attention.getValueDim()) *
         std::accumulate(kept->begin(), kept->end(), int64_t(0));
}

int64_t Workload::totalTiles(const std::vector<Value> &inputs, int64_t tileQ,
                             int64_t tileKv) {
  auto ceilDiv = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  if (auto combine = mlir::dyn_cast<mlir::attn::CombineOp>(op)) {
    std::vector<int64_t> parts = shapeOf(combine.getOutputs(), inputs);
    return parts[0] * parts[1] * ceilDiv(parts[2] * parts[3], tileQ);
  }
  auto attention = mlir::cast<mlir::attn::AttentionOp>(op);
  std::vector<int64_t> query = shapeOf(attention.getQuery(), inputs);
  std::vector<int64_t> key = shapeOf(attention.getKey(), inputs);
  return key[0] * key[1] * ceilDiv(query[2] * attention.getGroupSize(), tileQ) *
         ceilDiv(key[2], tileKv);
}

Result<Check> Workload::check(const std::vector<Value> &inputs,
                              const ManifestEntry &entry,
                              const std::vector<Value> &outputs) {
  std::vector<float> output, lse, status;
  for (auto [i, value] : llvm::enumerate(outputs)) {
    const ManifestArgument &argument = entry.arguments[inputs.size() + i];
    reference::Array array = value.toArray(/*withData=*/true);
    (argument.name == "lse"      ? lse
     : argument.name == "status" ? status
                                 : output)
        .assign(array.data.begin(), array.data.end());
  }

  std::vector<reference::Array> arrays;
  for (const Value &input : inputs)
    arrays.push_back(input.toArray(/*withData=*/true));
  llvm::Expected<reference::Result> expected =
      reference::evaluate(function, arrays);
  if (!expected)
    return failure(llvm::toString(expected.takeError()));
  if (!status.empty() && status[0] != static_cast<float>(expected->status))
    return failure("the status of the block mask is " +
                   std::to_string(static_cast<int64_t>(status[0])) +
                   ", expected " + std::to_string(expected->status));
  Check check{reference::compare(*expected, output, lse), !lse.empty(), {}};
  if (!mlir::getElementTypeOrSelf(op->getResult(0)).isF32()) {
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
