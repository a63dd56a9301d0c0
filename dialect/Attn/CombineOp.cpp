//===- CombineOp.cpp - attn.combine ---------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verification and shape of attn.combine.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Attn.h"
#include "dialect/Attn/OperandRules.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::attn;

void CombineOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getOutput(), "output");
  if (getLse())
    setName(getLse(), "lse");
}

LogicalResult CombineOp::verify() {
  RankedTensorType outputs = getOutputs().getType(), lses = getLses().getType();
  if (outputs.getRank() != 5)
    return emitOpError() << "outputs must have the 5 dimensions [parts, batch, "
                            "heads, queries, value_dim], but is "
                         << outputs;
  if (lses.getRank() != 4)
    return emitOpError() << "lses must have the 4 dimensions [parts, batch, "
                            "heads, queries], but is "
                         << lses;
  for (auto [name, type] : {std::pair("outputs", outputs), {"lses", lses}})
    if (type.getEncoding())
      return emitOpError() << name << " must not have an encoding, but is "
                           << type;
  if (outputs.isDynamicDim(2) || outputs.isDynamicDim(4))
    return emitOpError() << "the number of heads and value_dim of outputs must "
                            "be static, but it is "
                         << outputs;
  for (int64_t size : {outputs.getDimSize(2), outputs.getDimSize(4)})
    if (size < 1 || size > kMaxStaticSize)
      return emitOpError() << "the number of heads and value_dim of outputs "
                              "must be between 1 and "
                           << kMaxStaticSize << ", but it is " << outputs;
  if (!isElementType(outputs.getElementType()))
    return emitOpError() << "outputs has element type "
                         << outputs.getElementType()
                         << "; allowed are f32, f16 and bf16";
  if (!lses.getElementType().isF32())
    return emitOpError() << "lses has element type " << lses.getElementType()
                         << "; allowed is f32";
  if (outputs.getDimSize(2) != lses.getDimSize(2) ||
      differ(outputs.getDimSize(0), lses.getDimSize(0)) ||
      differ(outputs.getDimSize(1), lses.getDimSize(1)) ||
      differ(outputs.getDimSize(3), lses.getDimSize(3)))
    return emitOpError() << "outputs and lses must have the same parts, batch, "
                            "heads and queries, but are "
                         << outputs << " and " << lses;

  RankedTensorType output = getOutput().getType();
  if (!isElementType(output.getElementType()))
    return emitOpError() << "the output has element type "
                         << output.getElementType()
                         << "; allowed are f32, f16 and bf16";
  ArrayRef<int64_t> shape = outputs.getShape().drop_front();
  auto expectedOutput = RankedTensorType::get(shape, output.getElementType());
  if (output != expectedOutput)
    return emitOpError() << "the output must have type " << expectedOutput
                         << " (the shape of outputs without the parts), but is "
                         << output;
  auto expectedLse =
      RankedTensorType::get(shape.drop_back(), Float32Type::get(getContext()));
  if (getLse() && getLse().getType() != expectedLse)
    return emitOpError() << "the log-sum-exp must have type " << expectedLse
                         << ", but is " << getLse().getType();
  return success();
}

LogicalResult
CombineOp::reifyResultShapes(OpBuilder &builder,
                             ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(builder, getLoc(), getOutputs());
  sizes.erase(sizes.begin());
  shapes.push_back(sizes);
  if (getLse())
    shapes.push_back({sizes[0], sizes[1], sizes[2]});
  return success();
}
