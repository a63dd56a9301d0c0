//===- DriverState.h - Streams and graphs of the emulated driver -*- C++
//-*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_DRIVER_DRIVERSTATE_H
#define ATTN_UNIT_EMULATOR_DRIVER_DRIVERSTATE_H

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attn::test {

// Of cuda.h.
constexpr int ok = 0, invalidValue = 1, noDevice = 100, invalidDevice = 101,
              noBinaryForGpu = 209, invalidPtx = 218, notFound = 500,
              notReady = 600, illegalAddress = 700, captureUnsupported = 900,
              captureInvalidated = 901, captureImplicit = 906;

struct LoadedModule;

struct Function {
  LoadedModule *module = nullptr;
  std::string name;
  /// What a launch may have without cuFuncSetAttribute.
  unsigned maxDynamicShared = 48 * 1024;
};

struct LoadedModule {
  std::string ptx;
  emulator::Module module;
  std::deque<Function> functions;
};

struct Event {
  bool isRecorded = false;
  std::chrono::steady_clock::time_point time;
};

/// What a stream does: a launch with its own copy of the parameters, or an
/// event.
struct Work {
  Function *function = nullptr;
  emulator::LaunchDimensions dimensions;
  std::vector<emulator::Argument> arguments;
  Event *event = nullptr;
};

struct Graph {
  std::vector<Work> work;
};

struct Stream {
  std::deque<Work> queue;
  /// Set while the stream is captured.
  std::unique_ptr<Graph> capture;
  bool isCaptureBroken = false;
};

/// Work waits in its stream until somebody waits for it.  Then one piece of
/// each stream runs in turn: what streams share without order goes wrong.
class DriverState {
public:
  std::recursive_mutex mutex;
  emulator::Memory memory;
  int version = 13000, gpus = 1, capability = 90, initError = ok;
  bool isChecked = false, isDiscarding = false;
  /// As the driver's, an error of a kernel stays.
  int sticky = ok;
  std::string report;
  void *currentContext = nullptr;

  void reset();
  void count(const char *name);
  int64_t calls(const char *name) const;

  bool isCapturing() const;
  /// A call that capture forbids: breaks all captures, and says whether there
  /// were any.
  bool breakCaptures();

  Stream *addStream();
  void removeStream(Stream *stream);
  /// Captures, queues, or runs at once in the default stream, which is null.
  int submit(Stream *stream, Work work);
  /// Until `isDone`.
  template <typename IsDone>
  void drain(const IsDone &isDone) {
    while (!isDone() && runOneOfEach())
      ;
  }
  void drainAll() {
    drain([] { return false; });
  }

private:
  void run(const Work &work);
  /// False if there was nothing to do.
  bool runOneOfEach();

  std::vector<std::unique_ptr<Stream>> streams;
  /// A fixed array: counting must not allocate.
  struct Counter {
    const char *name = nullptr;
    int64_t calls = 0;
  };
  Counter counters[64];
};

} // namespace attn::test

#endif // ATTN_UNIT_EMULATOR_DRIVER_DRIVERSTATE_H
