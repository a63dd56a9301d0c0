//===- Program.h - A decoded kernel -----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the interpreter executes: one Op for each PTX instruction, with operands
// that are rows of 32 lanes.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_PROGRAM_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_PROGRAM_H

#include "ptx/Ast.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace attn::emulator {

class Warp;
struct Op;

inline uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

/// Bit l stands for lane l.
using LaneMask = uint32_t;
constexpr int lanesPerWarp = 32;
constexpr LaneMask allLanes = 0xffffffffu;

/// What happens to the lanes that executed an instruction.
enum class Flow : uint8_t {
  next, ///< on to the following instruction
  jump, ///< the handler has changed the fragments of the warp itself
  wait, ///< the same instruction again once something has changed
  stop, ///< the launch is given up; a report says why
};

/// Executes an instruction for the lanes of the mask, which is never empty.
using Handler = Flow (*)(Warp &warp, const Op &op, LaneMask lanes);

/// An operand: a row of 32 lanes, of 4 bytes (types up to 32 bits) or 8 bytes
/// each, or a predicate: one LaneMask. Not negative: a byte offset in the
/// registers of the warp; negative: ~offset in the constants of the program.
using Ref = int32_t;

struct Op {
  Handler handler = nullptr;
  Ref dst = 0;
  Ref src[5] = {0, 0, 0, 0, 0};
  Ref guard = 0; ///< a predicate, if hasGuard
  bool hasGuard = false;
  bool guardNegated = false;
  /// `.aligned`: all lanes that have not exited must execute it together.
  bool isAligned = false;
  uint8_t bits = 0;   ///< free for the handler
  int32_t target = 0; ///< of a branch: an index in Program::ops
  /// Address displacements, counts; what the handler wants.
  int64_t immediate = 0;
  uint64_t detail = 0; ///< free for the handler
  /// Further operands, e.g. of vectors: in Program::lists.
  uint32_t listBegin = 0;
  uint16_t listCount = 0;
  /// The registers that it reads and writes: in Program::uses.
  uint16_t useCount = 0;
  uint32_t useBegin = 0;
  int32_t instruction = 0; ///< in Program::instructions
  /// A wgmma: its registers may be those of products in flight.
  bool ownsAsyncRegisters = false;
  /// Another instruction that touches a register of a wgmma.
  bool touchesAsync = false;
  /// It touches a register of Program::watched, or calls a function that has
  /// some.
  bool isWatched = false;
  // Where lanes can go from here.
  bool isBranch = false;   ///< to `target`
  bool isIndirect = false; ///< to one of Program::targets[detail]
  bool isCall = false;     ///< to `target` and back
  bool isEnd = false;      ///< not to the next instruction, without a guard
};

/// A register that an Op reads or writes.
struct RegisterUse {
  Ref ref;
  uint8_t bits; ///< 1, 32 or 64: what a lane takes
  bool isWrite;
};

/// A register that the hardware fills.
enum class Special : uint8_t {
  tidX,
  tidY,
  tidZ,
  ntidX,
  ntidY,
  ntidZ,
  ctaidX,
  ctaidY,
  ctaidZ,
  nctaidX,
  nctaidY,
  nctaidZ,
  laneid,
  warpid,
  nwarpid,
  lanemaskEq,
  lanemaskLe,
  lanemaskLt,
  lanemaskGe,
  lanemaskGt,
  smid,
  nsmid,
  gridid,
  dynamicSharedSize,
  totalSharedSize,
  aggregateSharedSize,
  clusteridX,
  clusteridY,
  clusteridZ,
  nclusteridX,
  nclusteridY,
  nclusteridZ,
  clusterCtaidX,
  clusterCtaidY,
  clusterCtaidZ,
  clusterNctaidX,
  clusterNctaidY,
  clusterNctaidZ,
  clusterCtarank,
  clusterNctarank,
};

class Memory;

struct Program {
  const ptx::Module *module = nullptr;
  const ptx::Function *function = nullptr; ///< the kernel
  /// Of the kernel, then of the functions that it calls.
  std::vector<Op> ops;
  /// The place of each in an order in which lanes meet again after a branch if
  /// those at the earliest place go first.
  std::vector<uint32_t> places;
  std::vector<const ptx::Instruction *> instructions;
  std::vector<Ref> lists;
  /// Of indirect branches; of calls, what they copy.
  std::vector<std::vector<int32_t>> targets;
  std::vector<RegisterUse> uses;
  /// Rows of constants.
  std::vector<uint64_t> constants;
  /// Bytes of the registers of a warp; a multiple of 128.
  uint32_t registerBytes = 0;
  /// Rows that are filled when a warp starts.
  std::vector<std::pair<Special, Ref>> specials;
  /// Registers that may be read before they were written.
  struct Watched {
    Ref ref;
    int32_t entry; ///< of its function: a call begins without its value
  };
  std::vector<Watched> watched;
  /// Global and constant variables of the module; never null.
  Memory *variables = nullptr;

  /// Byte offsets in the parameter window, and its size.
  std::vector<uint32_t> parameterOffsets;
  uint32_t parameterBytes = 0;
  /// Where variables of the module and of the function lie.
  uint32_t staticSharedBytes = 0; ///< without `extern .shared`
  uint32_t sharedAlignment = 16;  ///< of `extern .shared`
  uint32_t localBytes = 0;        ///< of a lane

  bool usesWgmma = false;

  /// The lines of the PTX text.
  const std::vector<std::string> *lines = nullptr;

  const ptx::Instruction &instructionOf(const Op &op) const {
    return *instructions[op.instruction];
  }
  /// "line 12".
  std::string lineOf(const Op &op) const {
    return "line " + std::to_string(instructionOf(op).line);
  }
  /// "line 12: st.shared.b32".
  std::string describe(const Op &op) const {
    return lineOf(op) + ": " + instructionOf(op).opcode;
  }
};

/// The addresses of global and constant variables.
using VariableAddresses = std::unordered_map<std::string, uint64_t>;

/// Decodes a kernel. Errors name line and text.
Result<std::unique_ptr<Program>> decode(const ptx::Module &module,
                                        const ptx::Function &kernel,
                                        const VariableAddresses &variables);

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_PROGRAM_H
