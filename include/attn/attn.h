//===- attn.h - The C++ interface of attn-mlir ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles attention kernels, keeps them in a cache, and runs them.  C++17,
// header only over the C interface in attn/c.h; needs neither exceptions nor
// run-time type information.
//
//   attn::Attention spec;
//   spec.heads = 32, spec.kvHeads = 8, spec.headDim = 128;
//   spec.mask = attn::causal() && attn::window(attn::value("window"));
//   attn::Engine engine{attn::cpu()};
//   attn::Result<attn::Kernel> kernel = engine.compile(spec);
//   if (!kernel)
//     return report(kernel.error());
//
// docs/api.md is the guide.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_ATTN_H
#define ATTN_ATTN_H

#include "attn/cpp/Attention.h"
#include "attn/cpp/BlockMask.h"
#include "attn/cpp/Engine.h"
#include "attn/cpp/Result.h"
#include "attn/cpp/Trace.h"

#endif // ATTN_ATTN_H
