//===- ThreadLevel.h - Attributes of code for one thread --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel at thread level says beside its ops; docs/thread-level.md lists
// these.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TARGET_THREADLEVEL_H
#define ATTN_TARGET_THREADLEVEL_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace attn {

/// On an op, or among the attributes of an argument: its name in CUDA C++. A
/// string, or an array of one string for each result.
inline constexpr llvm::StringLiteral kNameAttrName = "attn.name";
/// On an op: a comment before it.
inline constexpr llvm::StringLiteral kCommentAttrName = "attn.comment";
/// On scf.for: to be unrolled, as a unit whole, as an integer by that factor.
inline constexpr llvm::StringLiteral kUnrollAttrName = "attn.unroll";
/// On scf.for: the name of the induction variable.
inline constexpr llvm::StringLiteral kInductionVarAttrName = "attn.iv";
/// On a kernel: bytes of dynamic shared memory of a launch.
inline constexpr llvm::StringLiteral kSharedBytesAttrName = "attn.shared_bytes";
/// Among the attributes of a tensor: what its address and all its strides but
/// the innermost are a multiple of, in bytes. Without it, the elements' size.
inline constexpr llvm::StringLiteral kAlignmentAttrName = "attn.alignment";
/// On a kernel: CTAs that an SM should hold.
inline constexpr llvm::StringLiteral kMinBlocksAttrName = "attn.min_blocks";
/// Among the attributes of an index argument: array<i64: min, max>.
inline constexpr llvm::StringLiteral kRangeAttrName = "attn.range";

/// No tensor of a launch has a larger extent, and no grid more CTAs: the
/// arithmetic on rows is then on 32 bits, also if they are those of all heads of
/// a group.
inline constexpr int64_t kMaxTensorExtent = int64_t(1) << 26;

/// Of dynamic shared memory, in bytes.
inline constexpr int64_t kSharedAlignment = 1024;

} // namespace attn

#endif // ATTN_TARGET_THREADLEVEL_H
