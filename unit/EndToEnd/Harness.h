//===- Harness.h - Compiles and runs the cases ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the data of a case, runs it on a device, and asks the reference.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_HARNESS_H
#define ATTN_UNIT_ENDTOEND_HARNESS_H

#include "CaseTable.h"
#include "GuardedTensor.h"
#include "attn/Engine/Compiler.h"
#include "attn/Reference/Reference.h"
#include "attn/Runtime/CpuDevice.h"
#include "attn/Runtime/GpuDevice.h"

namespace attn::testing {

/// Whether this machine can run the case.
bool isSupported(const Case &c);

/// Names of the symbols that an ELF object expects others to define, separated
/// by spaces.
std::string undefinedSymbols(std::string_view object);

/// The loaded code of a module, for the CPU.  Each distinct one is compiled
/// once in a process.  An error holds the diagnostics and the module; it is
/// one, too, if the object has undefined symbols.
Result<std::shared_ptr<const Module>> compiled(const std::string &text,
                                               const std::string &name,
                                               const CompileOptions &options);
/// The same for the kernel of a case.
Result<std::shared_ptr<const Module>> compiled(const Case &c);
/// The PTX of the kernel of a case whose target is a GPU.
Result<std::shared_ptr<const GpuModule>> compiledForGpu(const Case &c);
/// What both compile.
CompileOptions compileOptions(const Case &c);
/// How many kernels this process has compiled.
int64_t compiledKernels();
/// Forgets them: each one keeps a file open.
void unloadKernels();

/// The first function of a module, for the reference.
mlir::func::FuncOp parsed(const std::string &text);
/// The case's function.
mlir::func::FuncOp parsed(const Case &c);

/// The CPU with this number of threads.
Result<CpuDevice *> device(int threads);

/// About normally distributed numbers that f32 and the type (f32, f16 or bf16)
/// can hold, and the same on every machine.
reference::Array makeRandom(const std::vector<int64_t> &shape, uint64_t seed,
                            const std::string &type);
/// The seed of query, key or value: input number `n`.
uint64_t inputSeed(const Case &c, size_t n);
/// Values for every argument of the entry; query, key and value are normally
/// distributed.
std::vector<reference::Array> makeInputs(const Case &c);
/// Multiplies all values.
void scaleValues(reference::Array &array, double factor);

/// The strides of the LSE: rows of heads have gaps where those of the output
/// do.
std::vector<int64_t> lseStrides(const Case &c);

/// What a run left behind.
struct Outcome {
  /// Row major.
  std::vector<float> output, lse;
  RunStats stats;
  /// Cycles that lanes waited for each other's shared memory, if they were
  /// counted.
  uint64_t bankConflicts = 0;
  /// What was written outside of the results; empty if nothing was.
  std::string damage;
};

/// The arguments of a run, in host memory.
struct Tensors {
  Tensors(const Case &c, const std::vector<reference::Array> &inputs,
          const ManifestEntry &entry, Placement placement);
  /// Reads the results, and looks for damage.
  void finish(const Case &c, Outcome &outcome) const;

  std::vector<std::unique_ptr<GuardedTensor>> given;
  GuardedTensor output, lse;
  /// Views of them, and scalars.
  std::vector<Argument> arguments;
  std::vector<Tensor> outputs;
};

struct RunOptions {
  Placement placement = Placement::guardAfter;
  int threads = 1;
  /// On the emulator, count bank conflicts, and check nothing else.
  bool countsBankConflicts = false;
};

/// Runs the case in the memory layout that it says, with NaN between and around
/// all elements, in results and in the workspace.  On the CPU guard pages are
/// around all that.  If the target is a GPU, the emulator runs it with all its
/// checks; each placement and number of threads is another order of its warps
/// and another time at which asynchronous copies happen.
Result<Outcome> run(const Case &c, const std::vector<reference::Array> &inputs,
                    const RunOptions &options = {});

/// What run does for a GPU.
Result<Outcome> runOnEmulator(const Case &c,
                              const std::vector<reference::Array> &inputs,
                              const RunOptions &options);
/// The entry of a case's manifest, checked.
Result<const ManifestEntry *>
entryOf(const Case &c, const Manifest &manifest,
        const std::vector<reference::Array> &inputs);

/// Bytes of workspace that the case needs.  No memory of that size is used.
Result<int64_t> workspaceBytes(const Case &c);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_HARNESS_H
