//===- Version.cpp - The version of the runtime ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

extern "C" const char *attn_version(void);

const char *attn_version(void) { return ATTN_VERSION; }
