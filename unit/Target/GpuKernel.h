//===- GpuKernel.h - Runs kernels at thread level ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel written in MLIR, compiled by either code generator, on the emulator
// with all checks on.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_TARGET_GPUKERNEL_H
#define ATTN_UNIT_TARGET_GPUKERNEL_H

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <cstring>
#include <string>
#include <vector>

namespace attn::test {

/// From thread-level IR to PTX.
enum class CodeGenerator {
  cuda, ///< CUDA C++ and nvrtc
  llvm, ///< LLVM's back end
};

/// The parameters of a kernel: one buffer, as a launch on a GPU takes it.
class Parameters {
public:
  /// The words of a memref's descriptor.
  void addTensor(void *data, const std::vector<int64_t> &sizes,
                 const std::vector<int64_t> &strides);
  template <typename T>
  void add(const T &value) {
    bytes.resize((bytes.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T));
    bytes.append(reinterpret_cast<const char *>(&value), sizeof(T));
  }
  const std::string &buffer() const { return bytes; }

private:
  std::string bytes;
};

/// PTX of a module, or what the compilers said.
Result<std::string> compileModule(const std::string &mlir,
                                  CodeGenerator generator);

/// The text of unit/Target/kernels/<name>.mlir.
std::string readKernel(const std::string &name);

/// Runs the only kernel of a module under several seeds and modes of
/// asynchronous work, and fails the test if there is any report.
void runKernel(const std::string &ptx, uint32_t grid, uint32_t sharedBytes,
               const Parameters &parameters, emulator::Memory &memory);

/// Rounded to nearest even; no NaN comes here.
uint16_t toBf16(float number);
float fromBf16(uint16_t bits);
float fromF16(uint16_t bits);
uint16_t toF16(float number);

} // namespace attn::test

#endif // ATTN_UNIT_TARGET_GPUKERNEL_H
