//===- LaunchProgramParser.h - Reads launch programs ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LAUNCHPROGRAMPARSER_H
#define ATTN_RUNTIME_LAUNCHPROGRAMPARSER_H

#include "attn/Runtime/LaunchProgram.h"

#include <nlohmann/json_fwd.hpp>

namespace attn {

/// The spelling of an operation in manifests.
const char *operationName(LaunchProgram::Operation operation);

/// Parses the "program" of an entry.  An error says where in the program it is:
/// "values[3]: ...".
Result<LaunchProgram> parseLaunchProgram(const nlohmann::json &object,
                                         const ManifestEntry &entry);

} // namespace attn

#endif // ATTN_RUNTIME_LAUNCHPROGRAMPARSER_H
