//===- attn-lsp-server.cpp - Editor support for attention in MLIR ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-lsp-server with the dialects of attn-mlir: diagnostics, hover, jump to
// definition and code completion in editors that speak the Language Server
// Protocol.
//
//===----------------------------------------------------------------------===//

#include "attn/InitAll.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  attn::registerAllAttnDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
