//===- TracedBool.cpp - What must not compile -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/attn.h"

attn::Float relu(attn::Score s, attn::At) { return s > 0 ? s : attn::Float(0); }
