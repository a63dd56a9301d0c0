//===- Async.h - Work that goes on beside the warps -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_ASYNC_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_ASYNC_H

#include <cstddef>
#include <deque>
#include <memory>

namespace attn::emulator {

class Cta;

/// One asynchronous copy or product. What it reads is read when it is
/// performed, not when it was issued.
class AsyncTask {
public:
  virtual ~AsyncTask() = default;

  /// Does the work and announces its end; once.
  void perform(Cta &cta) {
    if (isDone)
      return;
    isDone = true;
    run(cta);
  }
  bool done() const { return isDone; }

protected:
  virtual void run(Cta &cta) = 0;

private:
  bool isDone = false;
};

/// The tasks of a CTA that have been issued and not performed. In lazy mode a
/// task is performed by the wait that needs it (which calls perform), or when
/// nothing else can go on; in eager mode at once; in random mode at any time.
class AsyncQueue {
public:
  explicit AsyncQueue(Cta &cta) : cta(cta) {}

  void issue(std::shared_ptr<AsyncTask> task);
  /// Performs one task that is left, the oldest or (in random mode) any. False
  /// if there is none.
  bool performOne();
  /// In random mode, now and then performs one.
  void tick();

private:
  /// Tasks that their waits have performed meanwhile count for nothing.
  void dropDone();

  Cta &cta;
  std::deque<std::shared_ptr<AsyncTask>> tasks;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_ASYNC_H
