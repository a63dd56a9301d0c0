//===- Passes.h - Conversions out of the tile dialect -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the passes that lower tile kernels to a device.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_PASSES_H
#define ATTN_CONVERSION_PASSES_H

#include "dialect/Tile/Tile.h"
#include "dialect/Warp/Warp.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Pass/Pass.h"

namespace mlir::tile {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "attn/Conversion/Passes.h.inc"

/// Attribute of a kernel's function: bytes of scratch that a worker needs.
inline constexpr llvm::StringLiteral kArenaBytesAttrName = "cpu.arena_bytes";

/// Attribute of a kernel on a GPU: the warps of a thread block.
inline constexpr llvm::StringLiteral kWarpsAttrName = "warp.warps";

/// Bytes at the start of an arena that hold the worker's counters.
inline constexpr int64_t kArenaHeaderBytes = 64;

} // namespace mlir::tile

#endif // ATTN_CONVERSION_PASSES_H
