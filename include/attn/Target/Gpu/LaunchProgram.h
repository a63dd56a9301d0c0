//===- LaunchProgram.h - What an entry launches -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the host function of an entry as the launch program of a GPU payload:
// see attn/Runtime/LaunchProgram.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_GPU_LAUNCHPROGRAM_H
#define ATTN_TARGET_GPU_LAUNCHPROGRAM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/JSON.h"

namespace attn {

/// The program of an entry after buildGpuThreadStage; fails with a diagnostic
/// on an operation that a program has no value for.
mlir::FailureOr<llvm::json::Object>
writeLaunchProgram(mlir::func::FuncOp entry);

} // namespace attn

#endif // ATTN_TARGET_GPU_LAUNCHPROGRAM_H
