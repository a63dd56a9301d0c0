//===- Plan.cpp - Sizes for upper bounds of the shapes --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::api;

/// The input that is called `name` or `shortName`, else tensor number `place`
/// of rank 4; -1 if there is none.
static int64_t findInput(const ManifestEntry &entry, const char *name,
                         const char *shortName, int64_t place) {
  for (int64_t i = 0; i < entry.numInputs(); ++i) {
    const ManifestArgument &argument = entry.arguments[size_t(i)];
    if (argument.isTensor && argument.shape.size() == 4 &&
        (argument.name == name || argument.name == shortName))
      return i;
  }
  for (int64_t i = 0; i < entry.numInputs(); ++i) {
    const ManifestArgument &argument = entry.arguments[size_t(i)];
    if (argument.isTensor && argument.shape.size() == 4 && place-- == 0)
      return i;
  }
  return -1;
}

/// Descriptors of the largest call: a dimension that the limits do not bound is
/// as large as the largest limit.
static void fillLimits(const attn_plan &plan, ArgumentSlots &slots) {
  const attn_limits &limits = plan.limits;
  int64_t largest = std::max({limits.batch, limits.queries, limits.keys});
  const ManifestEntry &entry = *slots.entry;
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const ManifestArgument &argument = entry.arguments[i];
    std::memset(slots.slot(i), 0, slotWords * sizeof(int64_t));
    size_t rank = argument.shape.size();
    int64_t stride = 1;
    for (size_t dim = rank; dim-- > 0;) {
      int64_t size = argument.shape[dim];
      if (size == ManifestArgument::dynamic)
        size = rank != 4                                      ? largest
               : dim == 0                                     ? limits.batch
               : dim == 2 && int64_t(i) == plan.keys.argument ? limits.keys
               : dim == 2 && int64_t(i) == plan.queries.argument
                   ? limits.queries
                   : largest;
      slots.slot(i)[3 + dim] = size;
      slots.slot(i)[3 + rank + dim] = stride;
      if (__builtin_mul_overflow(stride, size, &stride))
        stride = INT64_MAX;
    }
  }
  // What must be equal takes the size of what a limit bounds.
  auto setEqual = [&](ManifestDimRef bound) {
    if (bound.argument < 0)
      return;
    for (const std::vector<ManifestDimRef> &set : entry.equalDims)
      if (std::any_of(set.begin(), set.end(), [&](ManifestDimRef ref) {
            return ref.argument == bound.argument &&
                   ref.dimension == bound.dimension;
          }))
        for (ManifestDimRef ref : set)
          slots.slot(size_t(ref.argument))[3 + ref.dimension] =
              slots.size(bound);
  };
  for (ManifestDimRef bound : {plan.batch, plan.queries, plan.keys})
    setEqual(bound);
}

static Status checkGiven(const attn_limits &limits, int threads) {
  constexpr int64_t largest = int64_t(1) << 31;
  auto check = [&](const char *name, int64_t value) -> Status {
    if (value >= 1 && value <= largest)
      return Status::success();
    return failure(std::string("the limit '") + name + "' is " +
                   std::to_string(value) + ", expected 1 to " +
                   std::to_string(largest));
  };
  for (auto [name, value] : {std::pair("batch", limits.batch),
                             {"queries", limits.queries},
                             {"keys", limits.keys}})
    if (Status status = check(name, value); !status)
      return status;
  if (limits.threads < 0 || limits.threads > threads)
    return failure("the limit 'threads' is " + std::to_string(limits.threads) +
                   ", expected 1 to " + std::to_string(threads) +
                   " (the threads of the engine), or 0 for all");
  return Status::success();
}

attn_status attn_plan_create(const attn_kernel *kernel,
                             const attn_limits *limits, attn_plan **plan,
                             attn_error **error) {
  return guardedCall(error, [&] {
    auto reject = [&](const std::string &what) {
      return fail(error, ATTN_ERROR_ARGUMENTS, what);
    };
    if (!kernel || !limits || !plan)
      return reject("attn_plan_create: 'kernel', 'limits' or 'plan' is null");
    auto made = std::make_unique<attn_plan>();
    made->limits = copySized(limits);
    if (Status status = checkGiven(made->limits, kernel->engine->threads);
        !status)
      return reject(status.error());
    const ManifestEntry &entry = *kernel->entry;
    int64_t query = findInput(entry, "query", "q", 0),
            key = findInput(entry, "key", "k", 1);
    if (query < 0 || key < 0)
      return reject("'" + entry.name +
                    "' has no query and key of rank 4 that limits could bound");
    made->batch = {query, 0};
    made->queries = {query, 2};
    made->keys = {key, 2};
    made->threads =
        made->limits.threads ? made->limits.threads : kernel->engine->threads;

    std::vector<int64_t> words(entry.arguments.size() * slotWords);
    ArgumentSlots slots{&entry, words.data()};
    fillLimits(*made, slots);
    Result<LaunchSizes> sizes = measure(*kernel, slots);
    if (!sizes)
      return reject(sizes.error());
    made->sizes = *sizes;
    // Tasks on a GPU have shared memory instead.
    if (!kernel->gpuCode)
      made->arenaStride = arenaStrideFor(made->sizes.arenaBytes);
    int64_t bytes;
    if (made->sizes.workspaceBytes < 0 ||
        __builtin_add_overflow(made->sizes.workspaceBytes,
                               made->arenaStride * made->threads, &bytes))
      return reject("'" + entry.name +
                    "' needs more workspace at these limits than 63 bits can "
                    "count");
    made->workspaceBytes = static_cast<size_t>(bytes);
    made->kernel = const_cast<attn_kernel *>(kernel);
    attn_kernel_retain(made->kernel);
    *plan = made.release();
    return ATTN_OK;
  });
}

void attn_plan_free(attn_plan *plan) {
  if (!plan)
    return;
  attn_kernel_free(plan->kernel);
  delete plan;
}

size_t attn_plan_workspace_bytes(const attn_plan *plan) {
  return plan ? plan->workspaceBytes : 0;
}

int64_t attn_plan_tasks(const attn_plan *plan) {
  return plan ? plan->sizes.tasks : 0;
}
