//===- LaunchFile.h - What launch.json says ---------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_ATTN_EMULATE_LAUNCHFILE_H
#define ATTN_TOOLS_ATTN_EMULATE_LAUNCHFILE_H

#include "attn/Runtime/Npy.h"
#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attn::tool {

/// A buffer of global memory. Elements are passed as stored: bf16 as uint16,
/// fp8 as uint8.
struct Buffer {
  std::string in, out; ///< files; either may be empty
  NpyType type = NpyType::f4;
  std::vector<int64_t> shape;
  std::vector<unsigned char> initial; ///< of `in`
  uint64_t bytes = 0;
  void *data = nullptr; ///< in the emulator's memory
};

/// A launch: everything that launch.json gives.
struct LaunchFile {
  std::string kernel;
  emulator::LaunchDimensions dimensions;
  emulator::LaunchOptions options;
  std::vector<Buffer> buffers;
  std::vector<emulator::Argument> arguments;
};

/// Reads the file and its inputs, and puts the buffers into `memory`. Errors
/// name the file and the key.
Result<LaunchFile> loadLaunch(const std::string &path,
                              emulator::Memory &memory);

/// Writes the buffers that have an `out`.
Status saveOutputs(const LaunchFile &launch);

} // namespace attn::tool

#endif // ATTN_TOOLS_ATTN_EMULATE_LAUNCHFILE_H
