//===- Async.cpp - Work that goes on beside the warps ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>

using namespace attn::emulator;

void AsyncQueue::issue(std::shared_ptr<AsyncTask> task) {
  if (cta.options.async == AsyncMode::eager) {
    task->perform(cta);
    return;
  }
  dropDone();
  tasks.push_back(std::move(task));
}

bool AsyncQueue::performOne() {
  dropDone();
  if (tasks.empty())
    return false;
  size_t chosen =
      cta.options.async == AsyncMode::random ? cta.random() % tasks.size() : 0;
  std::shared_ptr<AsyncTask> task = std::move(tasks[chosen]);
  tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(chosen));
  task->perform(cta);
  return true;
}

void AsyncQueue::tick() {
  if (!tasks.empty() && cta.random() % 4 == 0 && performOne())
    ++cta.events;
}

void AsyncQueue::dropDone() {
  tasks.erase(std::remove_if(tasks.begin(), tasks.end(),
                             [](const auto &task) { return task->done(); }),
              tasks.end());
}
