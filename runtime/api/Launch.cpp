//===- Launch.cpp - Runs entries on the host's cores ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include "ArgumentChecker.h"
#include "devices/cpu/Tasks.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::api;

//===----------------------------------------------------------------------===//
// What entries call
//===----------------------------------------------------------------------===//

namespace {
/// Scratch memory of a launch: that of a worker is `stride` bytes from the
/// next.
struct Arenas {
  char *memory = nullptr;
  int64_t stride = 0;

  void *operator()(int64_t worker) const {
    char *arena = memory + worker * stride;
    std::memset(arena, 0, ATTN_CPU_COUNTER_BYTES);
    return arena;
  }
};

/// One call of an entry.
class Run {
public:
  Run(EngineState &engine, const Scratch &scratch, int threads,
      const ParallelFor &parallelFor)
      : engine(engine), scratch(scratch), threads(threads),
        parallelFor(parallelFor) {}
  ~Run() {
    if (block.memory)
      engine.arenas.giveBack(block);
  }

  void launch(attn_cpu_task task, void *const *arguments, int64_t count,
              int64_t arenaBytes);

  Status status = Status::success();

private:
  /// Its memory is null if there is none.
  Arenas findArenas(int64_t workers, int64_t arenaBytes);

  EngineState &engine;
  const Scratch &scratch;
  int threads;
  ParallelFor parallelFor;
  /// Scratch memory of the engine, if the call brings none.
  ArenaPool::Block block;
};
} // namespace

int64_t attn::api::arenaStrideFor(int64_t arenaBytes) {
  arenaBytes = std::max<int64_t>(arenaBytes, ATTN_CPU_COUNTER_BYTES);
  return (arenaBytes + arenaAlignment - 1) / arenaAlignment * arenaAlignment;
}

Arenas Run::findArenas(int64_t workers, int64_t arenaBytes) {
  if (scratch.arenas)
    return {arenaBytes <= scratch.arenaStride ? scratch.arenas : nullptr,
            scratch.arenaStride};
  int64_t stride = arenaStrideFor(arenaBytes);
  size_t bytes = static_cast<size_t>(stride * workers);
  if (block.bytes < bytes) {
    if (block.memory)
      engine.arenas.giveBack(block);
    block = engine.arenas.take(bytes);
  }
  if (!block.memory)
    block.bytes = 0;
  return {static_cast<char *>(block.memory), stride};
}

void Run::launch(attn_cpu_task task, void *const *arguments, int64_t count,
                 int64_t arenaBytes) {
  if (!status || count <= 0)
    return;
  int64_t workers = std::min<int64_t>(threads, count);
  Arenas arenas = findArenas(workers, arenaBytes);
  if (!arenas.memory) {
    status = failure("there is no scratch memory of " +
                         std::to_string(arenaStrideFor(arenaBytes)) +
                         " bytes for each of " + std::to_string(workers) +
                         " threads",
                     ATTN_ERROR_OUT_OF_MEMORY);
    return;
  }
  Tasks tasks(task, arguments, count, workers, arenas);
  if (int64_t ran = tasks.run(parallelFor); ran != workers)
    status = failure("the hook parallelFor ran " + std::to_string(ran) +
                         " of " + std::to_string(workers) +
                         " calls; it must run each one before it returns",
                     ATTN_ERROR_DEVICE);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

namespace {
/// Pointers to the arguments and to the descriptor of the workspace.
struct EntryArguments {
  EntryArguments(const ArgumentSlots &arguments, void *data, int64_t bytes) {
    size_t count = arguments.entry->arguments.size();
    for (size_t i = 0; i < count; ++i)
      pointers[i] = arguments.slot(i);
    auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
    workspace[0] = workspace[1] = address;
    workspace[3] = bytes;
    pointers[count] = workspace;
  }

  int64_t workspace[5] = {0, 0, 0, 0, 1};
  void *pointers[ATTN_MAX_ARGUMENTS + 1];
};
} // namespace

Result<int64_t> attn::api::entryWorkspaceBytes(const attn_kernel &kernel,
                                               const ArgumentSlots &arguments) {
  EntryArguments given(arguments, nullptr, 0);
  if (kernel.gpuCode) {
    LaunchValues values;
    kernel.entry->program->evaluate(given.pointers, values);
    return kernel.entry->program->workspaceBytes(values);
  }
  // Only inputs may be read.
  for (size_t i = static_cast<size_t>(kernel.entry->numInputs());
       i <= kernel.entry->arguments.size(); ++i)
    given.pointers[i] = nullptr;
  return kernel.code.workspace(given.pointers);
}

Result<LaunchSizes> attn::api::measure(const attn_kernel &kernel,
                                       const ArgumentSlots &arguments) {
  LaunchSizes sizes;
  Result<int64_t> bytes = entryWorkspaceBytes(kernel, arguments);
  if (!bytes)
    return bytes.takeFailure();
  sizes.workspaceBytes = *bytes;
  if (kernel.gpuCode) {
    EntryArguments given(arguments, nullptr, 0);
    const LaunchProgram &program = *kernel.entry->program;
    LaunchValues values;
    program.evaluate(given.pointers, values);
    for (size_t i = 0; i < program.launches().size(); ++i) {
      Result<int64_t> grid = program.gridOf(i, values);
      if (!grid)
        return grid.takeFailure();
      sizes.tasks += *grid;
    }
    return sizes;
  }
  EntryArguments given(arguments, nullptr, sizes.workspaceBytes);
  attn_cpu_host host;
  host.self = &sizes;
  host.launch = [](void *self, attn_cpu_task, void *const *, int64_t count,
                   int64_t arenaBytes) {
    auto *sizes = static_cast<LaunchSizes *>(self);
    sizes->tasks += std::max<int64_t>(count, 0);
    sizes->arenaBytes = std::max(sizes->arenaBytes, arenaBytes);
  };
  kernel.code.run(&host, given.pointers);
  return sizes;
}

Status attn::api::launch(const attn_kernel &kernel,
                         const ArgumentSlots &arguments, const Scratch &scratch,
                         const Place &place) {
  EngineState &engine = *kernel.engine;
  if (kernel.gpuCode) {
    EntryArguments given(arguments, nullptr, 0);
    Status status =
        kernel.gpuCode->launch(*kernel.entry, given.pointers, scratch.workspace,
                               scratch.workspaceBytes, place.stream);
    if (status && place.waits)
      status = engine.gpu->synchronize(place.stream);
    // The codes of drivers are none of attn_status.
    if (!status)
      return failure(status.error(), ATTN_ERROR_DEVICE);
    engine.launches.fetch_add(1, std::memory_order_relaxed);
    return status;
  }
  ParallelFor parallelFor;
  if (place.threads > 1) {
    Result<ParallelFor> found = engine.parallelFor();
    if (!found)
      return found.takeFailure();
    parallelFor = *found;
  }
  EntryArguments given(arguments, scratch.workspace, scratch.workspaceBytes);
  Run run(engine, scratch, place.threads, parallelFor);
  attn_cpu_host host;
  host.self = &run;
  host.launch = [](void *self, attn_cpu_task task, void *const *arguments,
                   int64_t count, int64_t arenaBytes) {
    static_cast<Run *>(self)->launch(task, arguments, count, arenaBytes);
  };
  kernel.code.run(&host, given.pointers);
  if (!run.status)
    return failure("'" + kernel.entry->name + "' failed: " + run.status.error(),
                   run.status.code());
  engine.launches.fetch_add(1, std::memory_order_relaxed);
  return Status::success();
}

/// An error if a stream is given to a kernel for the CPU.
static Status checkStream(const attn_kernel &kernel, const Place &place) {
  if (kernel.gpuCode || !place.stream)
    return Status::success();
  return failure("'" + kernel.entry->name +
                 "' runs on the device 'cpu', which has no streams");
}

static attn_status callKernel(const attn_kernel *kernel,
                              const attn_tensor *inputs, size_t num_inputs,
                              const attn_tensor *outputs, size_t num_outputs,
                              Place place, attn_error **error) {
  return guardedCall(error, [&] {
    auto reject = [&](const Failure &failure) {
      return fail(error, failure, ATTN_ERROR_ARGUMENTS);
    };
    if (!kernel || (num_inputs && !inputs) || (num_outputs && !outputs))
      return reject(failure("attn_kernel_call: 'kernel' or the tensors are "
                            "null"));
    const ManifestEntry &entry = *kernel->entry;
    if (Status status = checkStream(*kernel, place); !status)
      return reject(status.takeFailure());
    ArgumentChecker checker(entry);
    for (const ManifestArgument &argument : entry.arguments)
      if (!argument.isTensor)
        return reject(failure("'" + entry.name + "' takes the value '" +
                              argument.name +
                              "'; such kernels are called with args"));
    if (Status status =
            checker.checkCount("input", num_inputs, entry.numInputs());
        !status)
      return reject(status.takeFailure());
    if (Status status =
            checker.checkCount("output", num_outputs, entry.numOutputs());
        !status)
      return reject(status.takeFailure());

    int64_t words[ATTN_MAX_ARGUMENTS * slotWords];
    ArgumentSlots slots{&entry, words};
    for (size_t i = 0; i < num_inputs + num_outputs; ++i) {
      const attn_tensor &tensor =
          i < num_inputs ? inputs[i] : outputs[i - num_inputs];
      if (Status status = slots.setTensor(i, tensor); !status)
        return reject(status.takeFailure());
    }
    if (Status status = slots.check(); !status)
      return reject(status.takeFailure());
    Result<int64_t> bytes = entryWorkspaceBytes(*kernel, slots);
    if (!bytes)
      return reject(bytes.takeFailure());
    if (*bytes != 0)
      return reject(failure("'" + entry.name + "' needs a workspace (" +
                            std::to_string(*bytes) +
                            " bytes for these shapes); make a plan and call it "
                            "with args"));
    place.threads = kernel->engine->threads;
    if (Status status = launch(*kernel, slots, Scratch(), place); !status)
      return fail(error, status.takeFailure(), ATTN_ERROR_DEVICE);
    return ATTN_OK;
  });
}

attn_status attn_kernel_call(const attn_kernel *kernel,
                             const attn_tensor *inputs, size_t num_inputs,
                             const attn_tensor *outputs, size_t num_outputs,
                             attn_error **error) {
  return callKernel(kernel, inputs, num_inputs, outputs, num_outputs, Place(),
                    error);
}

/// In a stream, without waiting.
static Place inStream(void *stream) {
  Place place;
  place.stream = stream;
  place.waits = false;
  return place;
}

attn_status attn_kernel_call_on(const attn_kernel *kernel,
                                const attn_tensor *inputs, size_t num_inputs,
                                const attn_tensor *outputs, size_t num_outputs,
                                void *stream, attn_error **error) {
  return callKernel(kernel, inputs, num_inputs, outputs, num_outputs,
                    inStream(stream), error);
}

/// Checks the sizes of a call against the limits of its plan.
static Status checkLimits(const attn_plan &plan,
                          const ArgumentSlots &arguments) {
  struct {
    const char *name;
    ManifestDimRef ref;
    int64_t limit;
  } bounds[] = {{"batch", plan.batch, plan.limits.batch},
                {"queries", plan.queries, plan.limits.queries},
                {"keys", plan.keys, plan.limits.keys}};
  for (const auto &bound : bounds) {
    if (bound.ref.argument < 0)
      continue;
    if (int64_t size = arguments.size(bound.ref); size > bound.limit)
      return failure("'" + arguments.entry->name +
                     "': " + arguments.entry->dimName(bound.ref) + " is " +
                     std::to_string(size) + ", but the plan is for " +
                     bound.name + " <= " + std::to_string(bound.limit));
  }
  return Status::success();
}

static attn_status launchArgs(const attn_args *args, const attn_plan *plan,
                              void *workspace, size_t workspace_bytes,
                              Place place, attn_error **error) {
  return guardedCall(error, [&] {
    auto reject = [&](const std::string &what) {
      return fail(error, ATTN_ERROR_ARGUMENTS, what);
    };
    if (!args || !plan)
      return reject("attn_launch: 'args' or 'plan' is null");
    const attn_kernel &kernel = *args->kernel;
    const std::string &name = kernel.entry->name;
    if (plan->kernel->entry != kernel.entry)
      return reject("the plan is for '" + plan->kernel->entry->name +
                    "', but the args are for another kernel, '" + name + "'");
    if (Status status = checkStream(kernel, place); !status)
      return reject(status.error());
    if (Status status = args->slots.check(); !status)
      return reject(status.error());
    if (Status status = checkLimits(*plan, args->slots); !status)
      return reject(status.error());
    if (workspace_bytes < plan->workspaceBytes)
      return reject("the workspace of '" + name + "' has " +
                    std::to_string(workspace_bytes) +
                    " bytes, the plan needs " +
                    std::to_string(plan->workspaceBytes));
    bool isNeeded = !kernel.gpuCode || plan->workspaceBytes > 0;
    if ((isNeeded && !workspace) || reinterpret_cast<uintptr_t>(workspace) % 64)
      return reject("the workspace of '" + name + "' is " +
                    (workspace ? "not aligned to 64 bytes" : "null"));
    Result<int64_t> needed = entryWorkspaceBytes(kernel, args->slots);
    if (!needed)
      return reject(needed.error());
    if (*needed < 0 || *needed > plan->sizes.workspaceBytes)
      return reject("'" + name + "' needs " + std::to_string(*needed) +
                    " bytes of workspace for these shapes, but the plan has " +
                    std::to_string(plan->sizes.workspaceBytes));
    Scratch scratch;
    scratch.arenas = static_cast<char *>(workspace);
    scratch.arenaStride = plan->arenaStride;
    scratch.workspace = scratch.arenas + plan->arenaStride * plan->threads;
    scratch.workspaceBytes = plan->sizes.workspaceBytes;
    place.threads = plan->threads;
    if (Status status = launch(kernel, args->slots, scratch, place); !status)
      return fail(error, status.takeFailure(), ATTN_ERROR_DEVICE);
    return ATTN_OK;
  });
}

attn_status attn_launch(const attn_args *args, const attn_plan *plan,
                        void *workspace, size_t workspace_bytes,
                        attn_error **error) {
  return launchArgs(args, plan, workspace, workspace_bytes, Place(), error);
}

attn_status attn_launch_on(const attn_args *args, const attn_plan *plan,
                           void *workspace, size_t workspace_bytes,
                           void *stream, attn_error **error) {
  return launchArgs(args, plan, workspace, workspace_bytes, inStream(stream),
                    error);
}
