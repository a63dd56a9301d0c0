//===- GpuRun.cpp - Runs packages on GPUs ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/GpuRun.h"

namespace attn::tool {

Result<std::shared_ptr<GpuDevice>> openGpu(const RunOptions &options) {
  if (options.device == "cpu") {
    if (options.compile.target != "cpu")
      return failure("--target=" + options.compile.target +
                     " is for --device=emulator or cuda; the device is 'cpu'");
    return std::shared_ptr<GpuDevice>();
  }
  if (options.device != "emulator")
    return createGpuDevice(options.device);
  EmulatorOptions emulated = options.emulator;
  if (options.compile.target != "cpu")
    emulated.target = options.compile.target;
  auto device = createEmulatorDevice(emulated);
  if (!device)
    return device.takeFailure();
  return std::shared_ptr<GpuDevice>(*std::move(device));
}

Result<std::shared_ptr<const GpuCode>> loadOnGpu(GpuDevice &device,
                                                 const Package &package,
                                                 const RunOptions &options) {
  auto module = package.loadFor(device.info().capability());
  if (!module)
    return module.takeFailure();
  if (options.device == "cuda" && options.compile.target != "cpu" &&
      (*module)->target().name() != options.compile.target)
    return failure("what suits " + device.info().id + " (" +
                   device.info().name + ") best in '" + options.module +
                   "' is " + (*module)->description() +
                   ", and not for the --target=" + options.compile.target);
  return device.load(*std::move(module));
}

namespace {
/// A value on the device: the same view with another pointer.
struct DeviceValue {
  Argument argument;
  GpuBuffer buffer;
};
} // namespace

static Result<DeviceValue>
copyToDevice(const std::shared_ptr<GpuDevice> &device, const Value &value,
             const std::string &name, bool withData) {
  DeviceValue copy;
  copy.argument = value.argument;
  if (!value.tensor())
    return copy;
  auto bytes = static_cast<size_t>(value.bytes());
  auto buffer = GpuBuffer::allocate(device, bytes, name.c_str());
  if (!buffer)
    return buffer.takeFailure();
  copy.buffer = *std::move(buffer);
  std::get<Tensor>(copy.argument).data = copy.buffer.data();
  if (withData && bytes)
    if (Status status = device->copyToDevice(copy.buffer.data(),
                                             value.tensor()->data, bytes);
        !status)
      return status.takeFailure();
  return copy;
}

namespace {
/// A stream and two events, which go with the object.
class Timer {
public:
  explicit Timer(GpuDevice &device) : device(device) {}
  ~Timer() {
    for (GpuEvent event : {begin, end})
      if (event)
        (void)device.destroyEvent(event);
    if (stream)
      (void)device.destroyStream(stream);
  }
  Status open() {
    Result<GpuStream> madeStream = device.createStream();
    if (!madeStream)
      return madeStream.takeFailure();
    stream = *madeStream;
    for (GpuEvent *event : {&begin, &end}) {
      Result<GpuEvent> made = device.createEvent();
      if (!made)
        return made.takeFailure();
      *event = *made;
    }
    return Status::success();
  }

  /// Seconds that a call took on the device.
  Result<double> measure(const GpuCode &code, const GpuCall &call,
                         void *workspace) {
    for (Status status :
         {device.record(begin, stream),
          code.launch(call, workspace, call.workspaceBytes(), stream),
          device.record(end, stream), device.synchronize(stream)})
      if (!status)
        return status.takeFailure();
    return device.elapsed(begin, end);
  }

private:
  GpuDevice &device;
  GpuStream stream = nullptr;
  GpuEvent begin = nullptr, end = nullptr;
};
} // namespace

Status measureOnGpu(const std::shared_ptr<GpuDevice> &device,
                    const GpuCode &code, const ManifestEntry &entry,
                    const std::vector<Value> &inputs,
                    const std::vector<Value> &outputs, int repeat,
                    Report &report) {
  std::vector<DeviceValue> copies;
  std::vector<Argument> arguments;
  std::vector<Tensor> results;
  for (size_t i = 0; i < inputs.size() + outputs.size(); ++i) {
    bool isInput = i < inputs.size();
    const Value &value = isInput ? inputs[i] : outputs[i - inputs.size()];
    auto copy = copyToDevice(device, value, entry.arguments[i].name, isInput);
    if (!copy)
      return copy.takeFailure();
    if (isInput)
      arguments.push_back(copy->argument);
    else
      results.push_back(std::get<Tensor>(copy->argument));
    copies.push_back(*std::move(copy));
  }
  auto call = code.module().bind(entry.name, arguments, results);
  if (!call)
    return call.takeFailure();
  report.workspaceBytes = call->workspaceBytes();
  auto workspace = GpuBuffer::allocate(
      device, static_cast<size_t>(call->workspaceBytes()), "workspace");
  if (!workspace)
    return workspace.takeFailure();
  Timer timer(*device);
  if (Status status = timer.open(); !status)
    return status;
  for (int i = -1; i < repeat; ++i) {
    Result<double> seconds = timer.measure(code, *call, workspace->data());
    if (!seconds)
      return seconds.takeFailure();
    if (i >= 0)
      report.seconds.push_back(*seconds);
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (auto bytes = static_cast<size_t>(outputs[i].bytes()))
      if (Status status = device->copyToHost(outputs[i].tensor()->data,
                                             results[i].data, bytes);
          !status)
        return status;
  return Status::success();
}

} // namespace attn::tool
