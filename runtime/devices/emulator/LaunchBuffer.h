//===- LaunchBuffer.h - Parameters in one buffer ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_LAUNCHBUFFER_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_LAUNCHBUFFER_H

#include "Emulator.h"

namespace attn::emulator {

/// The arguments of a kernel from one buffer with all parameters, as
/// CU_LAUNCH_PARAM_BUFFER_POINTER takes it.  An error if it is not as long as
/// the parameters.  Without a buffer, only that is checked.
Result<std::vector<Argument>> cutParameters(const Module &module,
                                            std::string_view kernel,
                                            const void *buffer, size_t bytes);

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_LAUNCHBUFFER_H
