//===- attn-translate.cpp - Translate kernels at thread level -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-translate for gpu.module: to CUDA C++ and to PTX.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Cuda/PrintCuda.h"
#include "attn/Target/Ptx/TranslateToPtx.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"

using namespace mlir;

static void registerDialects(DialectRegistry &registry) {
  registerAllDialects(registry);
  registerAllExtensions(registry);
}

/// Each gpu.module of the input.
template <typename Translate>
static LogicalResult translateModules(Operation *op, raw_ostream &os,
                                      Translate translate) {
  WalkResult result = op->walk([&](gpu::GPUModuleOp module) {
    FailureOr<std::string> text = translate(module);
    if (failed(text))
      return WalkResult::interrupt();
    os << *text;
    return WalkResult::skip();
  });
  return failure(result.wasInterrupted());
}

int main(int argc, char **argv) {
  TranslateFromMLIRRegistration cuda(
      "attn-to-cuda", "print kernels at thread level as CUDA C++",
      [](Operation *op, raw_ostream &os) {
        return translateModules(op, os, attn::printCuda);
      },
      registerDialects);
  TranslateFromMLIRRegistration ptx(
      "attn-to-ptx", "translate kernels at thread level to PTX for sm_80",
      [](Operation *op, raw_ostream &os) {
        return translateModules(op, os, [](gpu::GPUModuleOp module) {
          return attn::translateToPtx(module, /*sm=*/80);
        });
      },
      registerDialects);
  return failed(mlirTranslateMain(argc, argv,
                                  "attn-translate: kernels at "
                                  "thread level as code\n"));
}
