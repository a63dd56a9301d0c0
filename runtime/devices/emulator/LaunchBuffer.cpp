//===- LaunchBuffer.cpp - Parameters in one buffer ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaunchBuffer.h"
#include "Program.h"
#include "ptx/Ast.h"

using namespace attn;
using namespace attn::emulator;

Result<std::vector<Argument>>
attn::emulator::cutParameters(const Module &module, std::string_view kernel,
                              const void *buffer, size_t bytes) {
  Result<const Program *> program = module.find(kernel);
  if (!program)
    return program.takeFailure();
  const std::vector<ptx::Variable> &parameters =
      (*program)->function->parameters;
  size_t end = 0;
  if (!parameters.empty())
    end = (*program)->parameterOffsets.back() + parameters.back().bytes;
  if (bytes != end)
    return failure("'" + std::string(kernel) + "' takes " +
                   std::to_string(end) + " bytes of parameters, and " +
                   std::to_string(bytes) + " are given");
  std::vector<Argument> arguments;
  for (size_t n = 0; buffer && n < parameters.size(); ++n)
    arguments.push_back({std::string(static_cast<const char *>(buffer) +
                                         (*program)->parameterOffsets[n],
                                     parameters[n].bytes)});
  return arguments;
}
