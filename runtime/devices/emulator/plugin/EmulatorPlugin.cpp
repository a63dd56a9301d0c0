//===- EmulatorPlugin.cpp - The emulator behind a C interface -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EmulatorPlugin.h"

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/LaunchBuffer.h"
#include "runtime/devices/emulator/Memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

using namespace attn;
using namespace attn::emulator;

struct attn_emulator {
  LaunchOptions options;
  Memory memory;
};

struct attn_emulator_module {
  Module module;
};

/// A text for the other side, which cannot free memory of this one.
static char *textOf(const std::string &text) {
  return strdup(text.empty() ? "unknown error" : text.c_str());
}

/// Calls `body`, which returns a Status: nothing is thrown through the
/// interface.
template <typename Body>
static char *call(const Body &body) {
  try {
    Status status = body();
    return status ? nullptr : textOf(status.error());
  } catch (const std::bad_alloc &) {
    return strdup("out of memory");
  }
}

static char *create(const attn_emulator_options *given, attn_emulator **made) {
  return call([&]() -> Status {
    auto emulator = std::make_unique<attn_emulator>();
    if (*given->checks)
      if (Status status = emulator->options.setChecks(given->checks); !status)
        return status;
    if (Status status = emulator->options.setAsync(given->async); !status)
      return status;
    emulator->options.seed = given->seed;
    *made = emulator.release();
    return Status::success();
  });
}

static void destroy(attn_emulator *emulator) { delete emulator; }

static void *allocate(attn_emulator *emulator, size_t bytes, const char *name) {
  try {
    return emulator->memory.allocate(bytes, name);
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

static char *deallocate(attn_emulator *emulator, void *memory) {
  return call([&]() -> Status {
    Allocation *found =
        emulator->memory.find(reinterpret_cast<uint64_t>(memory));
    if (memory && (!found || found->data != memory))
      return failure(hex(reinterpret_cast<uint64_t>(memory)) +
                     " is no memory of the emulator");
    if (memory)
      emulator->memory.free(memory);
    return Status::success();
  });
}

/// Checks the end of a copy that is memory of the emulator.
static Status checkRange(attn_emulator &emulator, const void *memory,
                         size_t bytes) {
  auto address = reinterpret_cast<uint64_t>(memory);
  Allocation *found = emulator.memory.find(address);
  if (bytes == 0 || (found && found->contains(address, bytes)))
    return Status::success();
  return failure("a copy of " + std::to_string(bytes) + " bytes at " +
                 hex(address) +
                 (found ? " reaches beyond '" + found->name + "', which has " +
                              std::to_string(found->bytes) + " bytes"
                        : std::string(" is outside of all memory of the "
                                      "emulator")));
}

static char *copyIn(attn_emulator *emulator, void *to, const void *from,
                    size_t bytes) {
  return call([&]() -> Status {
    if (Status status = checkRange(*emulator, to, bytes); !status)
      return status;
    if (bytes) {
      std::memcpy(to, from, bytes);
      emulator->memory.markInitialized(to, bytes);
    }
    return Status::success();
  });
}

static char *copyOut(attn_emulator *emulator, void *to, const void *from,
                     size_t bytes) {
  return call([&]() -> Status {
    if (Status status = checkRange(*emulator, from, bytes); !status)
      return status;
    if (bytes)
      std::memcpy(to, from, bytes);
    return Status::success();
  });
}

static char *load(const char *ptx, size_t bytes, attn_emulator_module **made) {
  return call([&]() -> Status {
    Result<Module> module = Module::parse({ptx, bytes});
    if (!module)
      return module.takeFailure();
    *made = new attn_emulator_module{std::move(*module)};
    return Status::success();
  });
}

static void unload(attn_emulator_module *module) { delete module; }

static char *checkKernel(const attn_emulator_module *module, const char *kernel,
                         size_t bytes) {
  return call([&]() -> Status {
    Result<std::vector<Argument>> arguments =
        cutParameters(module->module, kernel, nullptr, bytes);
    return arguments ? Status::success() : arguments.takeFailure();
  });
}

static char *runKernel(attn_emulator *emulator,
                       const attn_emulator_module *module,
                       const attn_emulator_launch *given,
                       attn_emulator_statistics *statistics) {
  return call([&]() -> Status {
    Result<std::vector<Argument>> arguments =
        cutParameters(module->module, given->kernel, given->parameters,
                      given->parameter_bytes);
    if (!arguments)
      return arguments.takeFailure();
    const uint32_t *grid = given->grid, *block = given->block;
    LaunchDimensions dimensions{{grid[0], grid[1], grid[2]},
                                {block[0], block[1], block[2]},
                                given->shared_bytes,
                                0};
    Result<LaunchResult> result =
        launch(module->module, given->kernel, dimensions, *arguments,
               emulator->memory, emulator->options);
    if (!result)
      return result.takeFailure();
    statistics->instructions = result->statistics.instructions;
    statistics->bank_conflicts = result->statistics.bankConflicts;
    if (result->ok())
      return Status::success();
    std::string reports;
    for (const Report &report : result->reports)
      reports += "\n" + report.str();
    return failure("the emulator found " +
                   std::to_string(result->reports.size()) +
                   (result->reports.size() == 1 ? " mistake" : " mistakes") +
                   " in '" + given->kernel + "':" + reports);
  });
}

static void freeText(char *text) { std::free(text); }

extern "C" const attn_emulator_functions *attn_emulator_functions_1(void) {
  static const attn_emulator_functions functions = {
      create, destroy, allocate,    deallocate, copyIn,  copyOut,
      load,   unload,  checkKernel, runKernel,  freeText};
  return &functions;
}
