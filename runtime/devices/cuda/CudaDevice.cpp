//===- CudaDevice.cpp - GPUs of this machine ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"
#include "Guard.h"
#include "attn/Runtime/GpuDevice.h"

#include <algorithm>
#include <charconv>
#include <elf.h>

using namespace attn;
using namespace attn::cuda;

namespace {
/// Makes a context current for the calling thread, and what was current
/// afterwards.  Neither call does anything on the GPU.
class CurrentContext {
public:
  CurrentContext(const CudaDriver &driver, Handle context) : driver(driver) {
    error = driver.ctxGetCurrent(&before);
    isOther = error == success && before != context;
    if (isOther)
      error = driver.ctxSetCurrent(context);
  }
  ~CurrentContext() {
    if (isOther)
      driver.ctxSetCurrent(before);
  }
  CurrentContext(const CurrentContext &) = delete;
  CurrentContext &operator=(const CurrentContext &) = delete;

  int error;

private:
  const CudaDriver &driver;
  Handle before = nullptr;
  bool isOther;
};

class CudaDevice : public GpuDevice {
public:
  static Result<std::shared_ptr<GpuDevice>> create(const CudaOptions &options);
  ~CudaDevice() override {
    if (isRetained)
      driver->primaryCtxRelease(number);
  }

  Result<std::shared_ptr<const GpuCode>>
  load(std::shared_ptr<const GpuModule> module) override;

  Result<void *> allocate(size_t bytes, const char *name) override;
  Status deallocate(void *memory) override {
    return call("cuMemFree", driver->memFree, addressOf(memory));
  }
  Status copyToDevice(void *to, const void *from, size_t bytes) override {
    return call("cuMemcpyHtoD", driver->memcpyHtoD, addressOf(to), from, bytes);
  }
  Status copyToHost(void *to, const void *from, size_t bytes) override {
    return call("cuMemcpyDtoH", driver->memcpyDtoH, to, addressOf(from), bytes);
  }

  Result<GpuStream> createStream() override {
    constexpr unsigned nonBlocking = 1;
    return create("cuStreamCreate", driver->streamCreate, nonBlocking);
  }
  Status destroyStream(GpuStream stream) override {
    return call("cuStreamDestroy", driver->streamDestroy, stream);
  }
  Status synchronize(GpuStream stream) override {
    return call("a kernel failed", driver->streamSynchronize, stream);
  }

  Result<GpuEvent> createEvent() override {
    return create("cuEventCreate", driver->eventCreate, 0);
  }
  Status destroyEvent(GpuEvent event) override {
    return call("cuEventDestroy", driver->eventDestroy, event);
  }
  Status record(GpuEvent event, GpuStream stream) override {
    return call("cuEventRecord", driver->eventRecord, event, stream);
  }
  Result<double> elapsed(GpuEvent begin, GpuEvent end) override;

  /// Calls a function of the driver in the context of this device.
  template <typename... Parameters, typename... Arguments>
  Status call(const char *what, int (*function)(Parameters...),
              Arguments... arguments) const {
    CurrentContext current(*driver, context);
    if (current.error != success)
      return driver->check(current.error, "the context of the GPU");
    int error = function(arguments...);
    return error == success ? Status::success() : driver->check(error, what);
  }

  const CudaDriver *driver = nullptr;
  Handle context = nullptr;

private:
  static Address addressOf(const void *memory) {
    return reinterpret_cast<Address>(memory);
  }
  Result<void *> create(const char *what, int (*function)(Handle *, unsigned),
                        unsigned flags) {
    Handle made = nullptr;
    if (Status status = call(what, function, &made, flags); !status)
      return status.takeFailure();
    return made;
  }
  Status chooseContext(const CudaOptions &options);
  Status describe();

  int number = 0;
  bool isRetained = false;
};

class CudaCode : public GpuCode {
public:
  CudaCode(std::shared_ptr<CudaDevice> device,
           std::shared_ptr<const GpuModule> module)
      : GpuCode(std::move(module)), device(std::move(device)) {}
  ~CudaCode() override {
    if (handle)
      (void)device->call("cuModuleUnload", device->driver->moduleUnload,
                         handle);
  }

  Status load();

private:
  Status checkVersion() const;
  Status loadFunction(const GpuModule::Kernel &kernel);
  Status launchKernel(const KernelLaunch &launch,
                      GpuStream stream) const override;

  std::shared_ptr<CudaDevice> device;
  Handle handle = nullptr;
  /// One for each kernel of the module.
  std::vector<Handle> functions;
};
} // namespace

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

Status CudaDevice::chooseContext(const CudaOptions &options) {
  if (options.context) {
    context = options.context;
    return call("the given context", driver->ctxGetDevice, &number);
  }
  int count = 0;
  if (Status status =
          driver->check(driver->deviceGetCount(&count), "cuDeviceGetCount");
      !status)
    return status;
  if (options.ordinal < 0 || options.ordinal >= count)
    return failure(
        "there is no GPU 'cuda:" + std::to_string(options.ordinal) + "'; " +
        (count ? "this process may use cuda:0" +
                     (count > 1 ? " to cuda:" + std::to_string(count - 1)
                                : std::string())
               : std::string("this process may use none")) +
        " (see CUDA_VISIBLE_DEVICES)");
  if (Status status = driver->check(driver->deviceGet(&number, options.ordinal),
                                    "cuDeviceGet");
      !status)
    return status;
  Status status = driver->check(driver->primaryCtxRetain(&context, number),
                                "cuDevicePrimaryCtxRetain");
  isRetained = static_cast<bool>(status);
  return status;
}

Status CudaDevice::describe() {
  char name[256] = {};
  int major = 0, minor = 0, sharedBytes = 0;
  if (Status status =
          driver->check(driver->deviceGetName(name, sizeof(name) - 1, number),
                        "cuDeviceGetName");
      !status)
    return status;
  for (auto [value, attribute] :
       {std::pair{&major, computeCapabilityMajor},
        std::pair{&minor, computeCapabilityMinor},
        std::pair{&deviceInfo.multiprocessors, multiprocessorCount},
        std::pair{&sharedBytes, maxSharedBytesOptin}})
    if (Status status =
            driver->check(driver->deviceGetAttribute(value, attribute, number),
                          "cuDeviceGetAttribute");
        !status)
      return status;
  deviceInfo.id = "cuda:" + std::to_string(number);
  deviceInfo.name = name;
  deviceInfo.computeCapability = major * 10 + minor;
  deviceInfo.maxSharedBytes = sharedBytes;
  deviceInfo.driverVersion = driver->version;
  return Status::success();
}

Result<std::shared_ptr<GpuDevice>>
CudaDevice::create(const CudaOptions &options) {
  Result<const CudaDriver *> driver = CudaDriver::open(options.driverLibrary);
  if (!driver)
    return driver.takeFailure();
  auto device = std::make_shared<CudaDevice>();
  device->driver = *driver;
  if (Status status = device->chooseContext(options); !status)
    return status.takeFailure();
  if (Status status = device->describe(); !status)
    return status.takeFailure();
  return std::shared_ptr<GpuDevice>(std::move(device));
}

Result<std::shared_ptr<GpuDevice>>
attn::createCudaDevice(const CudaOptions &options) {
  return guarded([&] { return CudaDevice::create(options); });
}

Result<void *> CudaDevice::allocate(size_t bytes, const char *name) {
  Address address = 0;
  // 0 bytes are an error of the driver.
  Status status = call("cuMemAlloc", driver->memAlloc, &address,
                       std::max<size_t>(bytes, 1));
  if (!status)
    return failure("there is no memory for the " + std::to_string(bytes) +
                       " bytes of '" + name + "' on " + deviceInfo.id + ": " +
                       status.error(),
                   status.code());
  return reinterpret_cast<void *>(address);
}

Result<double> CudaDevice::elapsed(GpuEvent begin, GpuEvent end) {
  for (GpuEvent event : {begin, end})
    if (Status status =
            call("cuEventSynchronize", driver->eventSynchronize, event);
        !status)
      return status.takeFailure();
  float milliseconds = 0;
  if (Status status = call("cuEventElapsedTime", driver->eventElapsedTime,
                           &milliseconds, begin, end);
      !status)
    return status.takeFailure();
  return double(milliseconds) * 1e-3;
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// The version of CUDA that PTX text belongs to, by its .version; 0 if it has
/// none.
static int cudaOfPtx(std::string_view ptx, std::string &version) {
  size_t found = ptx.find(".version");
  if (found == std::string_view::npos)
    return 0;
  std::string_view rest = ptx.substr(found + 8);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  int major = 0, minor = 0;
  const char *end = rest.data() + rest.size();
  auto [dot, error] = std::from_chars(rest.data(), end, major);
  if (error != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, minor).ec != std::errc())
    return 0;
  version = std::to_string(major) + "." + std::to_string(minor);
  // PTX 7.0 to 7.8 came with CUDA 11.0 to 11.8, PTX 8.0 to 8.5 with 12.0 to
  // 12.5; 8.5 also with 12.6, and 8.6 with 12.7.
  return (major + 4) * 1000 +
         10 * (major == 8 && minor >= 6 ? minor + 1 : minor);
}

/// Compares versions first: the driver's own words name neither.
Status CudaCode::checkVersion() const {
  int needed = 0, known = device->driver->version;
  std::string what, fix;
  const std::string &code = module().code();
  if (module().kind() == GpuModule::Kind::ptx) {
    std::string version;
    needed = cudaOfPtx(code, version);
    what = "is of PTX version " + version;
    fix = ", or ship a cubin, which any driver of the same major version runs";
  } else if (code.size() > EI_ABIVERSION &&
             static_cast<unsigned char>(code[EI_ABIVERSION]) >= 8) {
    // CUDA 13 changed the ABI of cubins; within a major version they run on
    // older drivers.
    needed = 13000;
    what = "was made by CUDA 13";
    fix = ", or compile it with CUDA 12.8 or 12.9";
  }
  if (needed <= known)
    return Status::success();
  return failure(module().description() + " " + what +
                 ", which needs a driver for CUDA " + versionText(needed) +
                 ", but this one knows CUDA " + versionText(known) +
                 "; install " + driverRelease(needed) + fix);
}

Status CudaCode::loadFunction(const GpuModule::Kernel &kernel) {
  const CudaDriver &driver = *device->driver;
  Handle function = nullptr;
  int error = driver.moduleGetFunction(&function, handle, kernel.name.c_str());
  if (error != success)
    return driver.check(error, module().description() + " has no kernel '" +
                                   kernel.name + "'");
  functions.push_back(function);
  int threads = 0, staticBytes = 0;
  for (auto [value, attribute] : {std::pair{&threads, maxThreadsPerBlock},
                                  std::pair{&staticBytes, staticSharedBytes}})
    if (Status status =
            driver.check(driver.funcGetAttribute(value, attribute, function),
                         "cuFuncGetAttribute");
        !status)
      return status;
  if (kernel.threads > threads)
    return failure("'" + kernel.name + "' in " + module().description() +
                   " is launched with " + std::to_string(kernel.threads) +
                   " threads, but can have " + std::to_string(threads) +
                   " with the registers that it uses");
  // Without asking for it, a launch may have 48 KiB, of both kinds together.
  constexpr int64_t granted = 48 * 1024;
  if (staticBytes + kernel.sharedBytes <= granted)
    return Status::success();
  return driver.check(
      driver.funcSetAttribute(function, maxDynamicSharedBytes,
                              static_cast<int>(kernel.sharedBytes)),
      "'" + kernel.name + "' cannot have " +
          std::to_string(kernel.sharedBytes) + " bytes of shared memory");
}

Status CudaCode::load() {
  if (Status status = checkVersion(); !status)
    return status;
  const CudaDriver &driver = *device->driver;
  CurrentContext current(driver, device->context);
  if (current.error != success)
    return driver.check(current.error, "the context of the GPU");
  std::string log(8192, '\0');
  int options[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size() - 1)};
  int error = driver.moduleLoadDataEx(&handle, module().code().c_str(), 2,
                                      options, values);
  if (error != success) {
    std::string said = log.c_str();
    return failure(
        driver.check(error, device->info().id + " (" + device->info().name +
                                ") does not load " + module().description())
                .error() +
            (said.empty() ? "" : "; it says: " + said),
        error);
  }
  for (const GpuModule::Kernel &kernel : module().kernels())
    if (Status status = loadFunction(kernel); !status)
      return status;
  return Status::success();
}

Status CudaCode::launchKernel(const KernelLaunch &launch,
                              GpuStream stream) const {
  // Of cuda.h: CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE and _END.
  size_t bytes = launch.parameterBytes;
  void *extra[] = {reinterpret_cast<void *>(1), launch.parameters,
                   reinterpret_cast<void *>(2), &bytes, nullptr};
  void *none[] = {nullptr};
  return device->call("cuLaunchKernel", device->driver->launchKernel,
                      functions[launch.kernel], launch.grid, 1u, 1u,
                      launch.block, 1u, 1u, launch.sharedBytes, stream,
                      static_cast<void **>(nullptr), bytes ? extra : none);
}

Result<std::shared_ptr<const GpuCode>>
CudaDevice::load(std::shared_ptr<const GpuModule> module) {
  return guarded([&]() -> Result<std::shared_ptr<const GpuCode>> {
    if (Status status = checkNeeds(*module); !status)
      return status.takeFailure();
    auto code = std::make_shared<CudaCode>(
        std::static_pointer_cast<CudaDevice>(shared_from_this()),
        std::move(module));
    if (Status status = code->load(); !status)
      return status.takeFailure();
    return std::shared_ptr<const GpuCode>(std::move(code));
  });
}
