//===- InitAll.cpp - Dialects and passes of attn-mlir ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers dialects, passes and pipelines.
//
//===----------------------------------------------------------------------===//

#include "attn/InitAll.h"

#include "attn/Conversion/Passes.h"
#include "attn/Target/Cpu/Pipeline.h"
#include "attn/Transforms/Passes.h"
#include "dialect/Attn/Attn.h"
#include "dialect/Warp/Warp.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace attn {

void registerAllAttnDialects(mlir::DialectRegistry &registry) {
  registry
      .insert<mlir::attn::AttnDialect, mlir::tile::TileDialect,
              mlir::warp::WarpDialect, mlir::arith::ArithDialect,
              mlir::func::FuncDialect, mlir::LLVM::LLVMDialect,
              mlir::math::MathDialect, mlir::memref::MemRefDialect,
              mlir::scf::SCFDialect, mlir::tensor::TensorDialect,
              mlir::vector::VectorDialect, mlir::x86vector::X86VectorDialect>();
}

void registerAllAttnPasses() {
  mlir::tile::registerAttnTransformsPasses();
  mlir::tile::registerAttnConversionPasses();
  registerCpuPipelines();
}

} // namespace attn
