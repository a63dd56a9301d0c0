//===- DriverState.cpp - Streams and graphs of the emulated driver --------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DriverState.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace attn;
using namespace attn::test;

void DriverState::reset() {
  version = 13000;
  gpus = 1;
  capability = 90;
  initError = sticky = ok;
  isChecked = isDiscarding = false;
  for (Counter &counter : counters)
    counter.calls = 0;
}

void DriverState::count(const char *name) {
  for (Counter &counter : counters) {
    if (!counter.name)
      counter.name = name;
    if (std::strcmp(counter.name, name) == 0) {
      ++counter.calls;
      return;
    }
  }
}

int64_t DriverState::calls(const char *name) const {
  int64_t calls = 0;
  for (const Counter &counter : counters)
    if (counter.name && (!*name || std::strcmp(counter.name, name) == 0))
      calls += counter.calls;
  return calls;
}

bool DriverState::isCapturing() const {
  return std::any_of(streams.begin(), streams.end(),
                     [](const auto &stream) { return bool(stream->capture); });
}

bool DriverState::breakCaptures() {
  bool was = false;
  for (const auto &stream : streams)
    if (stream->capture)
      stream->isCaptureBroken = was = true;
  return was;
}

Stream *DriverState::addStream() {
  return streams.emplace_back(std::make_unique<Stream>()).get();
}

void DriverState::removeStream(Stream *stream) {
  drain([&] { return stream->queue.empty(); });
  streams.erase(
      std::find_if(streams.begin(), streams.end(),
                   [&](const auto &other) { return other.get() == stream; }));
}

int DriverState::submit(Stream *stream, Work work) {
  if (sticky)
    return sticky;
  if (!stream) {
    // The default stream would have to wait for those that are captured.
    if (breakCaptures())
      return captureImplicit;
    run(work);
    return ok;
  }
  if (stream->capture) {
    if (stream->isCaptureBroken)
      return captureInvalidated;
    stream->capture->work.push_back(std::move(work));
    return ok;
  }
  stream->queue.push_back(std::move(work));
  return ok;
}

bool DriverState::runOneOfEach() {
  bool ran = false;
  for (size_t i = 0; i < streams.size(); ++i) {
    Stream &stream = *streams[i];
    if (stream.queue.empty())
      continue;
    Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    run(work);
    ran = true;
  }
  return ran;
}

/// True if an environment variable names text of the module.
static bool isAskedTo(const char *what, const std::string &ptx) {
  const char *text =
      std::getenv((std::string("ATTN_EMULATED_DRIVER_") + what).c_str());
  return text && ptx.find(text) != std::string::npos;
}

void DriverState::run(const Work &work) {
  if (work.event) {
    work.event->isRecorded = true;
    work.event->time = std::chrono::steady_clock::now();
    return;
  }
  if (sticky)
    return;
  const LoadedModule &loaded = *work.function->module;
  if (isAskedTo("DIES", loaded.ptx))
    _exit(1);
  while (isAskedTo("HANGS", loaded.ptx))
    sleep(1);
  if (isAskedTo("FAILS", loaded.ptx)) {
    sticky = illegalAddress;
    return;
  }
  auto result =
      emulator::launch(loaded.module, work.function->name, work.dimensions,
                       work.arguments, memory,
                       isChecked ? emulator::LaunchOptions()
                                 : emulator::LaunchOptions::unchecked());
  if (result && result->ok())
    return;
  sticky = illegalAddress;
  report = result ? result->reports.front().str() : result.error();
}
