//===- Host.h - Whether this machine can run a payload ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A payload for another CPU would end the process with an illegal instruction.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_HOST_H
#define ATTN_TOOLS_RUN_HOST_H

#include "attn/Runtime/Module.h"

namespace attn::tool {

/// An error that names the features of the payload's CPU that this machine
/// does not have.
Status checkHost(const Manifest &manifest);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_HOST_H
