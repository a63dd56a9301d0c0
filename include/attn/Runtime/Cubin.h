//===- Cubin.h - What a cubin says about its kernels ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Machine code for NVIDIA's GPUs is an ELF file, a cubin.  What ptxas -v prints
// is in there, and the instructions: enough to see without a GPU whether a
// kernel spills or lost its tensor cores.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_CUBIN_H
#define ATTN_RUNTIME_CUBIN_H

#include "attn/Support/Result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

/// Accesses to memory: instructions in the code, and what they move for one
/// thread when each is executed once.
struct SpillCount {
  int64_t instructions = 0;
  int64_t bytes = 0;
};

/// One kernel.  The numbers are those of `ptxas -v`, if nothing else is said.
struct CubinKernel {
  /// The symbol: mangled if it is a C++ name.
  std::string name;
  /// 32-bit registers of a thread, when the kernel starts.
  int64_t registers = 0;
  /// Local memory of a thread in bytes: of the kernel itself, and with the
  /// functions that it calls.
  int64_t stackFrame = 0;
  int64_t stack = 0;
  /// Registers put aside.  Other accesses to local memory (to arrays with a
  /// variable index) are in `opcodes` only, with these, as STL and LDL.
  SpillCount spillStores, spillLoads;
  /// Bytes of a CTA that the kernel declares, and those that come on top for
  /// the system: 1024 from sm_90 on, if there is any shared memory.
  int64_t sharedMemory = 0;
  int64_t reservedSharedMemory = 0;
  /// Named barriers, of 16.
  int64_t barriers = 0;
  /// Bytes of all parameters.  (ptxas counts other constants, too.)
  int64_t parameters = 0;
  /// Instructions, with functions that were not inlined and with padding.
  int64_t instructions = 0;
  /// How many of them, by mnemonic without modifiers ("HMMA"), or by the low 12
  /// bits of the instruction if those are not known ("0x7ff").
  std::map<std::string, int64_t> opcodes;
};

struct Cubin {
  /// "sm_80", "sm_90a".  The suffix f (sm_100f) is not recorded in the file.
  std::string architecture;
  /// In the order of the symbol table.
  std::vector<CubinKernel> kernels;
};

/// Reads a cubin as CUDA 12.8 and newer write them, for sm_70 and newer.
/// `origin` names it in errors, with quotes where they belong.  Errors: not a
/// cubin, relocatable, for an older architecture, truncated or damaged.
Result<Cubin> readCubin(std::string_view bytes, const std::string &origin);

/// The mnemonic of an instruction of sm_NN, without modifiers, by its lowest 12
/// bits; empty if it is not known.
std::string_view sassMnemonic(unsigned opcode, unsigned sm);

} // namespace attn

#endif // ATTN_RUNTIME_CUBIN_H
