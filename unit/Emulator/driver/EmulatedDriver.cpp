//===- EmulatedDriver.cpp - A driver without a GPU, for tests -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A libcuda.so.1 whose kernels run on the emulator, so that the way to a GPU is
// tested on machines that have none.  As NVIDIA's, it fails for good once a
// kernel has failed.  It counts calls, and fails those that may not happen
// while a stream is captured: it is stricter there and allows nothing but
// launches and events.
//
// ATTN_EMULATED_DRIVER_FAILS, _DIES and _HANGS hold text; a module with this
// text in it does so when it runs.
//
//===----------------------------------------------------------------------===//

#include "EmulatedDriver.h"
#include "DriverState.h"

#include "runtime/devices/emulator/LaunchBuffer.h"
#include "runtime/devices/emulator/TensorMap.h"
#include "runtime/devices/emulator/ptx/Ast.h"

#include <cstdio>
#include <cstring>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

// Of cuda.h.
static constexpr int multiprocessorCount = 16, majorNumber = 75,
                     minorNumber = 76, maxSharedBytes = 97;

static DriverState &state() {
  static DriverState state;
  return state;
}

namespace {
/// At the beginning of each function: counts it, and holds the lock.
class Call {
public:
  explicit Call(const char *name) : lock(state().mutex) { state().count(name); }

private:
  std::lock_guard<std::recursive_mutex> lock;
};
} // namespace

/// A call that may not happen during a capture: the error to return.
static int refuseInCapture() {
  if (state().breakCaptures())
    return captureUnsupported;
  return state().sticky;
}

extern "C" {
extern const EmulatedDriverControl emulatedDriverControl;
const EmulatedDriverControl emulatedDriverControl = {
    [] { state().reset(); },
    [](const char *name) { return state().calls(name); },
    [](int version) { state().version = version; },
    [](int count, int capability) {
      state().gpus = count;
      state().capability = capability;
    },
    [](int error) { state().initError = error; },
    [](bool checked) { state().isChecked = checked; },
    [](bool discarding) { state().isDiscarding = discarding; },
};

int cuInit(unsigned) {
  Call call("cuInit");
  return state().initError ? state().initError : state().sticky;
}
/// nvrtc asks the driver of the process, if there is one, for interfaces that
/// are not public, and does without them.
int cuGetExportTable(const void **table, const void *) {
  *table = nullptr;
  return notFound;
}
int cuDriverGetVersion(int *version) {
  *version = state().version;
  return ok;
}
int cuGetErrorName(int error, const char **name) {
  switch (error) {
  case invalidPtx:
    *name = "CUDA_ERROR_INVALID_PTX";
    break;
  case noDevice:
    *name = "CUDA_ERROR_NO_DEVICE";
    break;
  case notFound:
    *name = "CUDA_ERROR_NOT_FOUND";
    break;
  case captureUnsupported:
    *name = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
    break;
  default:
    *name = error == illegalAddress ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                    : "CUDA_ERROR_OF_TEST";
  }
  return ok;
}
int cuGetErrorString(int error, const char **text) {
  *text = error == illegalAddress && !state().report.empty()
              ? state().report.c_str()
              : "said by the emulated driver";
  return ok;
}

int cuDeviceGetCount(int *count) {
  *count = state().gpus;
  return ok;
}
int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal < state().gpus ? ok : invalidDevice;
}
int cuDeviceGetName(char *name, int size, int) {
  std::snprintf(name, static_cast<size_t>(size), "Emulated GPU");
  return ok;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
  int capability = state().capability;
  *value = attribute == majorNumber           ? capability / 10
           : attribute == minorNumber         ? capability % 10
           : attribute == multiprocessorCount ? 132
           : attribute == maxSharedBytes
               ? (capability < 90 ? 163 * 1024 : 227 * 1024)
               : 0;
  return ok;
}
int cuDevicePrimaryCtxRetain(void **context, int) {
  Call call("cuDevicePrimaryCtxRetain");
  *context = &state();
  return ok;
}
int cuDevicePrimaryCtxRelease_v2(int) {
  Call call("cuDevicePrimaryCtxRelease");
  return ok;
}
int cuCtxGetCurrent(void **context) {
  *context = state().currentContext;
  return ok;
}
int cuCtxSetCurrent(void *context) {
  Call call("cuCtxSetCurrent");
  state().currentContext = context;
  return ok;
}
int cuCtxGetDevice(int *device) {
  *device = 0;
  return ok;
}
int cuCtxSynchronize() {
  Call call("cuCtxSynchronize");
  if (int error = refuseInCapture())
    return error;
  state().drainAll();
  return state().sticky;
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  Call call("cuMemAlloc");
  if (int error = refuseInCapture())
    return error;
  if (bytes == 0)
    return invalidValue;
  *address =
      reinterpret_cast<uint64_t>(state().memory.allocate(bytes, "buffer"));
  return ok;
}
int cuMemFree_v2(uint64_t address) {
  Call call("cuMemFree");
  if (int error = refuseInCapture())
    return error;
  state().drainAll();
  state().memory.free(reinterpret_cast<void *>(address));
  return state().sticky;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  Call call("cuMemcpyHtoD");
  if (int error = refuseInCapture())
    return error;
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  state().memory.markInitialized(reinterpret_cast<void *>(to), bytes);
  return ok;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  Call call("cuMemcpyDtoH");
  if (int error = refuseInCapture())
    return error;
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return ok;
}

int cuModuleLoadDataEx(void **module, const void *image, unsigned count,
                       int *options, void **values) {
  Call call("cuModuleLoadDataEx");
  if (int error = refuseInCapture())
    return error;
  if (std::memcmp(image, "\177ELF", 4) == 0)
    return noBinaryForGpu;
  std::string ptx = static_cast<const char *>(image);
  Result<Module> parsed = Module::parse(ptx);
  if (!parsed) {
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5) // CU_JIT_ERROR_LOG_BUFFER
        std::snprintf(static_cast<char *>(values[i]), 1000, "%s",
                      parsed.error().c_str());
    return invalidPtx;
  }
  *module = new LoadedModule{ptx, std::move(*parsed), {}};
  return ok;
}
int cuModuleUnload(void *module) {
  Call call("cuModuleUnload");
  if (int error = refuseInCapture())
    return error;
  state().drainAll();
  delete static_cast<LoadedModule *>(module);
  return state().sticky;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  Call call("cuModuleGetFunction");
  if (int error = refuseInCapture())
    return error;
  auto *loaded = static_cast<LoadedModule *>(module);
  if (!loaded->module.find(name))
    return notFound;
  *function = &loaded->functions.emplace_back(Function{loaded, name});
  return ok;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  Call call("cuFuncSetAttribute");
  if (int error = refuseInCapture())
    return error;
  if (attribute == 8) // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    static_cast<Function *>(function)->maxDynamicShared =
        static_cast<unsigned>(value);
  return ok;
}
int cuFuncGetAttribute(int *value, int attribute, void *) {
  Call call("cuFuncGetAttribute");
  // CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
  *value = attribute == 0 ? 1024 : 0;
  return state().sticky;
}

int cuLaunchKernel(void *handle, unsigned gridX, unsigned gridY, unsigned gridZ,
                   unsigned blockX, unsigned blockY, unsigned blockZ,
                   unsigned shared, void *stream, void **parameters,
                   void **extra) {
  Call call("cuLaunchKernel");
  auto *function = static_cast<Function *>(handle);
  if (shared > function->maxDynamicShared)
    return invalidValue;
  if (state().isDiscarding)
    return ok;
  Work work;
  work.function = function;
  work.dimensions = {
      {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, shared, 0};
  const Module &module = function->module->module;
  if (extra) {
    const void *buffer = nullptr;
    size_t bytes = 0;
    for (void **item = extra; *item; item += 2) {
      if (*item == reinterpret_cast<void *>(1)) // ..._BUFFER_POINTER
        buffer = item[1];
      else if (*item == reinterpret_cast<void *>(2)) // ..._BUFFER_SIZE
        bytes = *static_cast<size_t *>(item[1]);
      else
        return invalidValue;
    }
    auto cut = cutParameters(module, function->name, buffer, bytes);
    if (!cut)
      return invalidValue;
    work.arguments = *cut;
  } else {
    for (const ptx::Function &kernel : module.ast().functions) {
      if (kernel.name != function->name)
        continue;
      for (const ptx::Variable &parameter : kernel.parameters) {
        const void *value = parameters[work.arguments.size()];
        work.arguments.push_back(
            {std::string(static_cast<const char *>(value),
                         static_cast<size_t>(parameter.bytes))});
      }
    }
  }
  return state().submit(static_cast<Stream *>(stream), std::move(work));
}

int cuStreamCreate(void **stream, unsigned) {
  Call call("cuStreamCreate");
  if (int error = refuseInCapture())
    return error;
  *stream = state().addStream();
  return ok;
}
int cuStreamDestroy_v2(void *stream) {
  Call call("cuStreamDestroy");
  if (int error = refuseInCapture())
    return error;
  state().removeStream(static_cast<Stream *>(stream));
  return ok;
}
int cuStreamSynchronize(void *stream) {
  Call call("cuStreamSynchronize");
  if (int error = refuseInCapture())
    return error;
  auto *waited = static_cast<Stream *>(stream);
  state().drain([&] { return waited && waited->queue.empty(); });
  return state().sticky;
}

int cuEventCreate(void **event, unsigned) {
  Call call("cuEventCreate");
  *event = new Event();
  return ok;
}
int cuEventDestroy_v2(void *event) {
  Call call("cuEventDestroy");
  delete static_cast<Event *>(event);
  return ok;
}
int cuEventRecord(void *event, void *stream) {
  Call call("cuEventRecord");
  Work work;
  work.event = static_cast<Event *>(event);
  work.event->isRecorded = false;
  return state().submit(static_cast<Stream *>(stream), std::move(work));
}
int cuEventSynchronize(void *event) {
  Call call("cuEventSynchronize");
  if (int error = refuseInCapture())
    return error;
  state().drain([&] { return static_cast<Event *>(event)->isRecorded; });
  return state().sticky;
}
int cuEventElapsedTime(float *milliseconds, void *begin, void *end) {
  auto *first = static_cast<Event *>(begin), *last = static_cast<Event *>(end);
  if (!first->isRecorded || !last->isRecorded)
    return notReady;
  *milliseconds =
      std::chrono::duration<float, std::milli>(last->time - first->time)
          .count();
  return ok;
}

int cuStreamBeginCapture_v2(void *stream, int) {
  Call call("cuStreamBeginCapture");
  auto *captured = static_cast<Stream *>(stream);
  if (!captured)
    return captureUnsupported;
  captured->capture = std::make_unique<Graph>();
  captured->isCaptureBroken = false;
  return ok;
}
int cuStreamEndCapture(void *stream, void **graph) {
  Call call("cuStreamEndCapture");
  auto *captured = static_cast<Stream *>(stream);
  std::unique_ptr<Graph> made = std::move(captured->capture);
  *graph = nullptr;
  if (captured->isCaptureBroken)
    return captureInvalidated;
  *graph = made.release();
  return ok;
}
int cuGraphInstantiateWithFlags(void **executable, void *graph, uint64_t) {
  Call call("cuGraphInstantiate");
  *executable = new Graph(*static_cast<Graph *>(graph));
  return ok;
}
int cuGraphLaunch(void *executable, void *stream) {
  Call call("cuGraphLaunch");
  for (const Work &work : static_cast<Graph *>(executable)->work)
    if (int error = state().submit(static_cast<Stream *>(stream), work))
      return error;
  return ok;
}
int cuGraphDestroy(void *graph) {
  Call call("cuGraphDestroy");
  delete static_cast<Graph *>(graph);
  return ok;
}
int cuGraphExecDestroy(void *executable) {
  Call call("cuGraphExecDestroy");
  delete static_cast<Graph *>(executable);
  return ok;
}

int cuTensorMapEncodeTiled(void *map, uint32_t type, uint32_t rank, void *base,
                           const uint64_t *dims, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *elementStrides,
                           uint32_t interleave, uint32_t swizzle,
                           uint32_t l2Promotion, uint32_t fill) {
  TensorMapDescription given;
  given.type = static_cast<TensorMapType>(type);
  given.rank = rank;
  given.base = base;
  for (uint32_t i = 0; i < rank; ++i) {
    given.dims[i] = dims[i];
    given.box[i] = box[i];
    given.elementStrides[i] = elementStrides[i];
    if (i)
      given.strides[i - 1] = strides[i - 1];
  }
  given.interleave = static_cast<TensorMapInterleave>(interleave);
  given.swizzle = static_cast<TensorMapSwizzle>(swizzle);
  given.l2Promotion = static_cast<TensorMapL2Promotion>(l2Promotion);
  given.fill = static_cast<TensorMapFill>(fill);
  Result<TensorMapBits> bits = encodeTiled(given);
  if (!bits)
    return 1;
  std::memcpy(map, &*bits, sizeof(*bits));
  return state().sticky;
}

/// By the names without a version, as programs ask for them.
int cuGetProcAddress_v2(const char *name, void **function, int version,
                        uint64_t, int *) {
  struct Entry {
    const char *name;
    void *function;
  };
#define ENTRY(name) {#name, reinterpret_cast<void *>(name)}
#define VERSIONED(name)                                                        \
  {                                                                            \
    #name, reinterpret_cast<void *>(name##_v2)                                 \
  }
  const Entry entries[] = {ENTRY(cuInit),
                           ENTRY(cuGetErrorName),
                           ENTRY(cuGetErrorString),
                           ENTRY(cuDeviceGetCount),
                           ENTRY(cuDeviceGet),
                           ENTRY(cuDeviceGetName),
                           ENTRY(cuDeviceGetAttribute),
                           ENTRY(cuDevicePrimaryCtxRetain),
                           VERSIONED(cuDevicePrimaryCtxRelease),
                           ENTRY(cuCtxGetCurrent),
                           ENTRY(cuCtxSetCurrent),
                           ENTRY(cuCtxGetDevice),
                           ENTRY(cuCtxSynchronize),
                           VERSIONED(cuMemAlloc),
                           VERSIONED(cuMemFree),
                           VERSIONED(cuMemcpyHtoD),
                           VERSIONED(cuMemcpyDtoH),
                           ENTRY(cuModuleLoadDataEx),
                           ENTRY(cuModuleUnload),
                           ENTRY(cuModuleGetFunction),
                           ENTRY(cuFuncSetAttribute),
                           ENTRY(cuFuncGetAttribute),
                           ENTRY(cuLaunchKernel),
                           ENTRY(cuStreamCreate),
                           VERSIONED(cuStreamDestroy),
                           ENTRY(cuStreamSynchronize),
                           ENTRY(cuEventCreate),
                           VERSIONED(cuEventDestroy),
                           ENTRY(cuEventRecord),
                           ENTRY(cuEventSynchronize),
                           ENTRY(cuEventElapsedTime)};
#undef VERSIONED
#undef ENTRY
  *function = nullptr;
  if (version > state().version)
    return invalidValue;
  for (const Entry &entry : entries)
    if (std::strcmp(entry.name, name) == 0)
      *function = entry.function;
  return *function ? ok : notFound;
}
}
