//===- NpyTypes.h - Element types of .npy files -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_NPYTYPES_H
#define ATTN_RUNTIME_NPYTYPES_H

#include "attn/Runtime/Npy.h"

namespace attn {

/// The type that saveNpy writes for an element type.
NpyType npyTypeOf(ElementType type);

/// Reads the element at `data`, which needs no alignment, as a value of `type`
/// and writes it, as npyTypeOf(type), to `target`.
void storeAsNpy(const void *data, ElementType type, unsigned char *target);

} // namespace attn

#endif // ATTN_RUNTIME_NPYTYPES_H
