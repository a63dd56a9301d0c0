//===- instructions/Fence.h - membar and fence ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_FENCE_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_FENCE_H

#include "../Form.h"

namespace attn::emulator {

/// A part of barrierForms.
std::vector<Form> fenceForms();

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_FENCE_H
