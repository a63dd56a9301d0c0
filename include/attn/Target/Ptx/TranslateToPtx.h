//===- TranslateToPtx.h - Thread-level IR to PTX by LLVM --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_PTX_TRANSLATETOPTX_H
#define ATTN_TARGET_PTX_TRANSLATETOPTX_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <string>

namespace attn {

/// The kernels of a module as PTX for sm_<sm>, made by LLVM's NVPTX back end
/// without libdevice. docs/thread-level.md lists the ops; an op that has no
/// lowering is an error at that op. A memref parameter is one parameter for
/// each word of its descriptor.
mlir::FailureOr<std::string> translateToPtx(mlir::gpu::GPUModuleOp module,
                                            int sm);

} // namespace attn

#endif // ATTN_TARGET_PTX_TRANSLATETOPTX_H
