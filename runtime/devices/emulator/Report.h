//===- Report.h - What the emulator's checks found --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_REPORT_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_REPORT_H

#include <cstdint>
#include <string>
#include <vector>

namespace attn::emulator {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

/// What kind of mistake a report is about.
enum class ReportKind : uint8_t {
  race,           ///< two accesses that nothing orders
  proxyRace,      ///< generic and async proxy without a proxy fence
  uninitialized,  ///< memory or a register read before it was written
  bounds,         ///< an address outside of every object
  alignment,      ///< an address that the instruction does not allow
  barrier,        ///< named barriers: counts, reuse, arrivals left over
  mbarrier,       ///< mbarriers: counts, phases, bytes, use without init
  deadlock,       ///< nothing can go on
  asyncRegisters, ///< registers of a wgmma that is in flight
  pending,        ///< asynchronous work that nobody waited for at exit
  divergence,     ///< lanes missing in an instruction that needs them
  registerPool,   ///< setmaxnreg
  descriptor,     ///< matrix descriptors and tensor maps
  limit,          ///< more instructions than the launch allows
  trap,           ///< the kernel executed trap
};

/// "0x400", with at least so many digits.
std::string hex(uint64_t value, int digits = 1);

/// "race", "uninit", ...: the names of attn-emulate.
const char *nameOf(ReportKind kind);

struct Report {
  ReportKind kind;
  /// One sentence.
  std::string what;
  std::string kernel;
  /// The instruction: its text and its line in the PTX; 0 for none.
  std::string instruction;
  int ptxLine = 0;
  /// From `.loc`; empty and 0 without -lineinfo.
  std::string cudaFile;
  int cudaLine = 0;
  Dim3 cta{0, 0, 0};
  int warp = -1, lane = -1; ///< -1: not about one
  /// The other party of a race, "line 7: st.shared.u32 of warp 3". Or empty.
  std::string other;
  /// How often the same thing was found at the same place.
  uint64_t count = 1;

  /// All of it, on a few lines.
  std::string str() const;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_REPORT_H
