//===- Pending.cpp - Families that are not there yet ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Async.h"
#include "Form.h"

namespace attn::emulator {
#define FAMILY(name)                                                           \
  __attribute__((weak)) std::vector<Form> name() { return {}; }
FAMILY(halfForms)
FAMILY(convertForms)

__attribute__((weak)) void AsyncQueue::issue(std::shared_ptr<AsyncTask> task) {
  task->perform(cta);
}
__attribute__((weak)) bool AsyncQueue::performOne() { return false; }
__attribute__((weak)) void AsyncQueue::tick() {}
} // namespace attn::emulator
