//===- PrintCuda.cpp - Thread-level IR as CUDA C++ ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The entry point: the prelude, then the kernels of a module.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Cuda/PrintCuda.h"

#include "KernelPrinter.h"

#include "attn/Target/ExpandGpuMath.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

FailureOr<std::string> attn::printCuda(gpu::GPUModuleOp module) {
  OwningOpRef<gpu::GPUModuleOp> copy = cast<gpu::GPUModuleOp>(module->clone());
  expandGpuMath(*copy);
  IndexRanges ranges;
  if (mlir::failed(ranges.run(*copy)))
    return module.emitError("the ranges of its integers cannot be found");

  Prelude prelude;
  std::string kernels;
  bool failed = false;
  for (Operation &op : copy->getBody()->getOperations()) {
    auto function = dyn_cast<gpu::GPUFuncOp>(op);
    if (!function) {
      op.emitOpError("cannot be printed as CUDA C++: a module holds kernels");
      failed = true;
      continue;
    }
    FailureOr<std::string> kernel =
        KernelPrinter(function, ranges, prelude).print();
    if (mlir::failed(kernel))
      failed = true;
    else
      kernels += "\n" + *kernel;
  }
  if (failed)
    return failure();
  return prelude.str() + kernels;
}
