//===- Launch.cpp - Launches of kernels -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// Checks before anything is executed
//===----------------------------------------------------------------------===//

static std::string text(const Dim3 &size) {
  return "(" + std::to_string(size.x) + ", " + std::to_string(size.y) + ", " +
         std::to_string(size.z) + ")";
}

/// Shared memory that a CTA of this target can have, in bytes.
static uint32_t sharedLimit(int sm) {
  switch (sm) {
  case 75:
    return 64 * 1024;
  case 80:
  case 87:
    return 163 * 1024;
  case 86:
  case 89:
  case 120:
  case 121:
    return 99 * 1024;
  default:
    return 227 * 1024;
  }
}

static Status checkDimensions(const Program &program,
                              const LaunchDimensions &dimensions) {
  const ptx::Function &kernel = *program.function;
  const Dim3 &grid = dimensions.grid, &block = dimensions.block;
  if (grid.count() == 0 || grid.x > 0x7fffffffu || grid.y > 65535 ||
      grid.z > 65535)
    return failure("the grid of '" + kernel.name + "' is " + text(grid) +
                   "; allowed are 1 to (2147483647, 65535, 65535)");
  if (block.count() == 0 || block.x > 1024 || block.y > 1024 || block.z > 64 ||
      block.count() > 1024)
    return failure("the block of '" + kernel.name + "' is " + text(block) +
                   "; allowed are 1 to 1024 threads, at most 64 of them in z");
  const uint32_t given[3] = {block.x, block.y, block.z};
  uint64_t most = 1, required = 1;
  for (int d = 0; d < 3; ++d) {
    most *= std::max(1u, kernel.maxThreads[d]);
    required *= std::max(1u, kernel.requiredThreads[d]);
    if (kernel.requiredThreads[0] &&
        given[d] != std::max(1u, kernel.requiredThreads[d]))
      return failure(
          "the block of '" + kernel.name + "' is " + text(block) +
          "; .reqntid wants (" +
          std::to_string(std::max(1u, kernel.requiredThreads[0])) + ", " +
          std::to_string(std::max(1u, kernel.requiredThreads[1])) + ", " +
          std::to_string(std::max(1u, kernel.requiredThreads[2])) + ")");
  }
  if (kernel.maxThreads[0] && block.count() > most)
    return failure("the block of '" + kernel.name + "' has " +
                   std::to_string(block.count()) +
                   " threads; .maxntid allows " + std::to_string(most));
  if (std::max({kernel.requiredCluster[0], kernel.requiredCluster[1],
                kernel.requiredCluster[2]}) > 1)
    return failure("'" + kernel.name +
                   "' wants clusters of several CTAs, which are not emulated");
  if (dimensions.registersPerThread > 255)
    return failure("a thread of '" + kernel.name + "' is to have " +
                   std::to_string(dimensions.registersPerThread) +
                   " registers; at most 255 are allowed");
  if (constexpr uint32_t most = 48 * 1024; program.staticSharedBytes > most)
    return failure("'" + kernel.name + "' has " +
                   std::to_string(program.staticSharedBytes) +
                   " bytes of static shared memory; at most " +
                   std::to_string(most) + " are allowed, more must be dynamic");
  uint64_t shared = program.staticSharedBytes;
  if (dimensions.dynamicSharedBytes)
    shared = alignUp(shared, program.sharedAlignment) +
             dimensions.dynamicSharedBytes;
  uint32_t limit = sharedLimit(program.module->sm);
  if (shared > limit)
    return failure("'" + kernel.name + "' needs " + std::to_string(shared) +
                   " bytes of shared memory (" +
                   std::to_string(program.staticSharedBytes) + " static, " +
                   std::to_string(dimensions.dynamicSharedBytes) +
                   " dynamic); " + program.module->target + " has " +
                   std::to_string(limit));
  return Status::success();
}

static Status checkArguments(const Program &program,
                             const std::vector<Argument> &arguments) {
  const auto &parameters = program.function->parameters;
  if (arguments.size() != parameters.size())
    return failure("'" + program.function->name + "' takes " +
                   std::to_string(parameters.size()) + " arguments, and " +
                   std::to_string(arguments.size()) + " are given");
  for (size_t n = 0; n < parameters.size(); ++n)
    if (arguments[n].bytes.size() != parameters[n].bytes)
      return failure("argument " + std::to_string(n) + " of '" +
                     program.function->name + "' has " +
                     std::to_string(arguments[n].bytes.size()) +
                     " bytes; the parameter '" + parameters[n].name + "' has " +
                     std::to_string(parameters[n].bytes));
  for (size_t n = 0; n < parameters.size(); ++n) {
    uint64_t address = 0;
    if (parameters[n].pointeeAlignment == 1 ||
        parameters[n].bytes > sizeof address)
      continue;
    std::memcpy(&address, arguments[n].bytes.data(), parameters[n].bytes);
    if (address % parameters[n].pointeeAlignment)
      return failure(
          "argument " + std::to_string(n) + " of '" + program.function->name +
          "' is the address " + hex(address) + "; the parameter '" +
          parameters[n].name + "' wants a multiple of " +
          std::to_string(parameters[n].pointeeAlignment) + " (.ptr .align)");
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// The launch
//===----------------------------------------------------------------------===//

Launch::Launch(const Program &program, const LaunchDimensions &dimensions,
               Memory &memory, const LaunchOptions &options)
    : program(program), dimensions(dimensions), memory(memory),
      options(options), constants(program.constants),
      registersPerThread(dimensions.registersPerThread),
      executedByOp(program.ops.size(), 0),
      bankConflictsByOp(program.ops.size(), 0) {
  uint32_t threads =
      static_cast<uint32_t>((dimensions.block.count() + lanesPerWarp - 1) /
                            lanesPerWarp * lanesPerWarp);
  if (!registersPerThread)
    registersPerThread = std::min(255u, 65536 / threads) / 8 * 8;
  sharedBytes = program.staticSharedBytes;
  if (dimensions.dynamicSharedBytes)
    sharedBytes =
        static_cast<uint32_t>(alignUp(sharedBytes, program.sharedAlignment)) +
        dimensions.dynamicSharedBytes;
}

/// The instruction of the other party.
static std::string_view otherInstruction(const Report &report) {
  std::string_view other = report.other;
  return other.substr(0, other.find(" of "));
}

bool Launch::report(Report report) {
  for (Report &known : result.reports)
    if (known.kind == report.kind && known.ptxLine == report.ptxLine &&
        otherInstruction(known) == otherInstruction(report)) {
      ++known.count;
      return true;
    }
  result.reports.push_back(std::move(report));
  return result.reports.size() < options.maxReports;
}

void Launch::run() {
  const Dim3 &grid = dimensions.grid;
  bool goesOn = true;
  result.statistics.byWarp.assign((dimensions.block.count() + 31) / 32, 0);
  for (uint32_t z = 0; z < grid.z && goesOn; ++z)
    for (uint32_t y = 0; y < grid.y && goesOn; ++y)
      for (uint32_t x = 0; x < grid.x && goesOn; ++x) {
        Cta cta(*this, {x, y, z});
        goesOn = cta.run();
        for (const auto &warp : cta.warps)
          result.statistics.byWarp[warp->index] += warp->instructions;
      }
  collectStatistics();
}

void Launch::collectStatistics() {
  Statistics &statistics = result.statistics;
  for (size_t n = 0; n < program.ops.size(); ++n) {
    const ptx::Instruction &instruction = program.instructionOf(program.ops[n]);
    if (executedByOp[n])
      statistics.byOpcode[instruction.opcode] += executedByOp[n];
    statistics.instructions += executedByOp[n];
    if (bankConflictsByOp[n])
      statistics.bankConflictsByLine[instruction.line] += bankConflictsByOp[n];
    statistics.bankConflicts += bankConflictsByOp[n];
  }
}

Result<LaunchResult>
attn::emulator::launch(const Module &module, std::string_view kernel,
                       const LaunchDimensions &dimensions,
                       const std::vector<Argument> &arguments, Memory &memory,
                       const LaunchOptions &options) {
  Result<const Program *> program = module.find(kernel);
  if (!program)
    return program.takeFailure();
  if (Status status = checkDimensions(**program, dimensions); !status)
    return status.takeFailure();
  if (Status status = checkArguments(**program, arguments); !status)
    return status.takeFailure();
  Launch launch(**program, dimensions, memory, options);
  launch.parameters.assign((*program)->parameterBytes, 0);
  for (size_t n = 0; n < arguments.size(); ++n)
    std::memcpy(launch.parameters.data() + (*program)->parameterOffsets[n],
                arguments[n].bytes.data(), arguments[n].bytes.size());
  launch.run();
  return std::move(launch.result);
}
