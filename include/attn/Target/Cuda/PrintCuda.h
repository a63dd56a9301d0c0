//===- PrintCuda.h - Thread-level IR as CUDA C++ ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_CUDA_PRINTCUDA_H
#define ATTN_TARGET_CUDA_PRINTCUDA_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <string>

namespace attn {

/// The kernels of a module as one CUDA C++ file for sm_80 and later that
/// includes nothing. docs/thread-level.md lists the ops; any other op is an
/// error at that op. A memref parameter is a struct of the words of its
/// descriptor, by value.
///
/// To be compiled with --fmad=false: products and sums are fused where the IR
/// says so (math.fma), so that all code generators round alike.
mlir::FailureOr<std::string> printCuda(mlir::gpu::GPUModuleOp module);

} // namespace attn

#endif // ATTN_TARGET_CUDA_PRINTCUDA_H
