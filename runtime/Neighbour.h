//===- Neighbour.h - Libraries next to the runtime --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime opens what it rarely needs at run time, from its own folder.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_NEIGHBOUR_H
#define ATTN_RUNTIME_NEIGHBOUR_H

#include "attn/Support/Result.h"

#include <string>

namespace attn {

/// The folder of the file that holds the runtime: libattn_runtime.so, or the
/// program that it is linked into.
Result<std::string> runtimeFolder();

/// Opens a shared library (RTLD_NOW, RTLD_LOCAL) in that folder, or in `lib`
/// beside it, where programs in `bin` have their libraries.
Result<void *> openNeighbour(const std::string &fileName);

} // namespace attn

#endif // ATTN_RUNTIME_NEIGHBOUR_H
