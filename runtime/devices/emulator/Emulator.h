//===- Emulator.h - Executes PTX on the CPU, with checks --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator runs the PTX that a compiler made, instruction by instruction,
// and reports what a GPU would not tell: races, reads of uninitialised memory,
// accesses out of bounds, misuse of barriers, asynchronous work that nobody
// waited for. Use:
//
//   auto module = Module::parse(text);
//   Memory memory;
//   float *out = static_cast<float *>(memory.allocate(bytes, "out"));
//   auto result = launch(*module, "kernel", {grid, block}, arguments, memory);
//
// Numbers of CTAs, warps and lanes are those of the PTX ISA. Nothing here
// throws or aborts.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_EMULATOR_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_EMULATOR_H

#include "Report.h"

#include "attn/Support/Result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attn::emulator {

namespace ptx {
struct Module;
}
class Memory;
struct Program;

/// A module whose kernels are ready to run.
class Module {
public:
  /// Parses and checks the whole text: an unknown instruction in any kernel is
  /// an error that names line and text.
  static Result<Module> parse(std::string_view text);

  Module(Module &&);
  Module &operator=(Module &&);
  ~Module();

  std::vector<std::string> kernelNames() const;
  /// 90 for sm_90 and sm_90a.
  int sm() const;
  /// The decoded kernel, or a sentence that lists those that exist.
  Result<const Program *> find(std::string_view kernel) const;
  const ptx::Module &ast() const { return *module; }

private:
  Module();
  std::unique_ptr<ptx::Module> module;
  std::unique_ptr<std::vector<std::string>> lines; ///< of the text
  std::unique_ptr<Memory> variables;
  std::vector<std::unique_ptr<Program>> programs;
};

struct LaunchDimensions {
  Dim3 grid, block;
  uint32_t dynamicSharedBytes = 0;
  /// Registers for each thread at launch, as ptxas chose them: the pool of
  /// setmaxnreg. 0: 65536 / threads, at most 255, rounded down to 8s.
  uint32_t registersPerThread = 0;
};

/// When asynchronous copies and products happen: as late as a wait allows, at
/// once, or at any time between.
enum class AsyncMode : uint8_t { lazy, eager, random };

struct LaunchOptions {
  // Checks. What keeps a launch from going on (a deadlock, a trap, a descriptor
  // that means nothing, an address where there is no memory) is always
  // reported.
  bool race = true;          ///< shared and global memory
  bool uninitialized = true; ///< memory and registers
  bool bounds = true;
  bool alignment = true;
  bool barriers = true;       ///< named barriers, and setmaxnreg
  bool mbarriers = true;      ///< counts, phases and bytes
  bool pending = true;        ///< asynchronous work at exit
  bool divergence = true;     ///< lanes missing in `.aligned` instructions
  bool asyncRegisters = true; ///< wgmma registers in flight
  bool bankConflicts = false; ///< count them: statistics, never a report
  AsyncMode async = AsyncMode::lazy;
  /// Order of the warps, lengths of their turns, choice of elect.sync and what
  /// is random otherwise. The same seed gives the same run.
  uint64_t seed = 0;
  /// mbarrier.try_wait fails up to so many times although the phase completed.
  unsigned spuriousTryWaits = 0;
  /// Approximate functions (ex2, lg2, rcp, ...) are off by up to so many ulp.
  unsigned approximationJitter = 0;
  /// Strict reading of the proxy rules: a generic read before an async write
  /// needs a proxy fence too.
  bool warNeedsProxyFence = false;
  /// Warp instructions after which the launch is given up: of all CTAs, and of
  /// one CTA in which nothing happens (no barrier, copy or exit) meanwhile.
  uint64_t maxInstructions = uint64_t(1) << 36;
  uint64_t maxIdleInstructions = uint64_t(1) << 26;
  /// Reports after which the launch is given up.
  unsigned maxReports = 100;

  /// Everything off.
  static LaunchOptions unchecked();
  /// Turns a check on, by the name that attn-emulate has for it.
  Status enableCheck(std::string_view name);
  /// The checks that are listed and no others: "race,uninit", or "none".
  Status setChecks(std::string_view list);
  /// "lazy", "eager" or "random".
  Status setAsync(std::string_view name);
  /// Whether a mistake of this kind is looked for.
  bool checks(ReportKind kind) const;
};

/// One kernel argument: its bytes, in the order of the parameters.
struct Argument {
  std::string bytes;

  template <typename T>
  static Argument of(const T &value) {
    return {std::string(reinterpret_cast<const char *>(&value), sizeof(T))};
  }
};

struct Statistics {
  /// Warp instructions executed, by opcode as written.
  std::map<std::string, uint64_t> byOpcode;
  /// By number of the warp in its CTA, over all CTAs.
  std::vector<uint64_t> byWarp;
  uint64_t instructions = 0;
  /// Extra shared-memory cycles by PTX line (with `bankConflicts`).
  std::map<int, uint64_t> bankConflictsByLine;
  uint64_t bankConflicts = 0;
  /// Times that a warp had to wait at a barrier or an mbarrier.
  uint64_t barrierWaits = 0;
};

struct LaunchResult {
  std::vector<Report> reports;
  Statistics statistics;
  bool ok() const { return reports.empty(); }
};

/// Runs a kernel to its end. An error is a launch that could not be started:
/// nothing was executed then. What the checks find is in the reports; a run
/// that cannot go on (an access out of bounds, a deadlock) ends with its
/// report.
Result<LaunchResult> launch(const Module &module, std::string_view kernel,
                            const LaunchDimensions &dimensions,
                            const std::vector<Argument> &arguments,
                            Memory &memory, const LaunchOptions &options = {});

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_EMULATOR_H
