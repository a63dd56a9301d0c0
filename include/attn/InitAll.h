//===- InitAll.h - Dialects and passes of attn-mlir -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers what attn-mlir adds to MLIR, and the upstream dialects that its
// input and its pipelines use.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_INITALL_H
#define ATTN_INITALL_H

namespace mlir {
class DialectRegistry;
}

namespace attn {

/// attn, tile and the upstream dialects that may appear beside them.
void registerAllAttnDialects(mlir::DialectRegistry &registry);

/// The passes and the pipelines `attn-pipeline` and `attn-to-llvm`.
void registerAllAttnPasses();

} // namespace attn

#endif // ATTN_INITALL_H
