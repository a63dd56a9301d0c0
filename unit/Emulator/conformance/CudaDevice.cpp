//===- CudaDevice.cpp - Conformance cases on a GPU ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After an error in a kernel nothing works any more in its process, and a
// kernel that hangs cannot be stopped from within. So the GPU belongs to a
// child process, which gets the numbers of cases and answers with bytes. It is
// a copy of this process and has the same cases.
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace attn;
using namespace attn::conformance;

static constexpr int patienceAtStart = 120; ///< seconds

namespace {
enum class Answer : uint8_t {
  ok,
  failed,
  spent, ///< failed, and this process is of no more use
};

/// A stream to another process.
class Channel {
public:
  explicit Channel(int file) : file(file) {}

  bool send(const void *data, size_t size) const {
    auto *at = static_cast<const char *>(data);
    while (size) {
      ssize_t sent = ::send(file, at, size, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR)
        continue;
      if (sent <= 0)
        return false;
      at += sent;
      size -= static_cast<size_t>(sent);
    }
    return true;
  }
  /// Waits for so many seconds; without end if there are none.
  bool receive(void *data, size_t size, int seconds, bool &isLate) const {
    auto *at = static_cast<char *>(data);
    isLate = false;
    while (size) {
      pollfd what{file, POLLIN, 0};
      int ready = poll(&what, 1, seconds ? seconds * 1000 : -1);
      if (ready < 0 && errno == EINTR)
        continue;
      isLate = ready == 0;
      if (ready <= 0)
        return false;
      ssize_t received = recv(file, at, size, 0);
      if (received < 0 && errno == EINTR)
        continue;
      if (received <= 0)
        return false;
      at += received;
      size -= static_cast<size_t>(received);
    }
    return true;
  }

  bool answer(Answer kind, const std::string &bytes) const {
    auto size = static_cast<uint32_t>(bytes.size());
    return send(&kind, 1) && send(&size, sizeof(size)) &&
           send(bytes.data(), bytes.size());
  }
  bool listen(Answer &kind, std::string &bytes, int seconds,
              bool &isLate) const {
    uint32_t size = 0;
    if (!receive(&kind, 1, seconds, isLate) ||
        !receive(&size, sizeof(size), seconds, isLate))
      return false;
    bytes.resize(size);
    return receive(bytes.data(), size, seconds, isLate);
  }

private:
  int file;
};

class CudaDevice : public Device {
public:
  explicit CudaDevice(int patience) : patience(patience) {}
  ~CudaDevice() override { stop(); }

  const DeviceInfo &info() const override { return deviceInfo; }
  Result<std::string> run(const Case &given, const Problem &problem) override;
  /// Starts the process and asks for the GPU.
  Status start();

private:
  void stop();

  const int patience;
  DeviceInfo deviceInfo;
  pid_t child = -1;
  int file = -1;
};
} // namespace

//===----------------------------------------------------------------------===//
// In the child
//===----------------------------------------------------------------------===//

[[noreturn]] static void serve(int file) {
  Channel channel(file);
  Result<CudaDriver> driver = CudaDriver::open();
  if (!driver) {
    channel.answer(Answer::spent, driver.error());
    _exit(0);
  }
  Result<DeviceInfo> info = driver->info();
  if (!info) {
    channel.answer(Answer::spent, info.error());
    _exit(0);
  }
  channel.answer(Answer::ok, info->name + "\n" +
                                 std::to_string(info->computeCapability) +
                                 "\n" + info->driver);
  uint64_t number = 0;
  bool isLate, isSpent = false;
  while (!isSpent && channel.receive(&number, sizeof(number), 0, isLate)) {
    Result<std::string> output =
        driver->run(allCases()[number].make(), isSpent);
    channel.answer(output    ? Answer::ok
                   : isSpent ? Answer::spent
                             : Answer::failed,
                   output ? *output : output.error());
  }
  _exit(0);
}

//===----------------------------------------------------------------------===//
// In the parent
//===----------------------------------------------------------------------===//

void CudaDevice::stop() {
  if (child < 0)
    return;
  close(file);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  child = -1;
}

Status CudaDevice::start() {
  int files[2];
  // The child must know the cases.
  allCases();
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, files) != 0)
    return failure(std::string("no socket for the process of the GPU: ") +
                   std::strerror(errno));
  child = fork();
  if (child == 0) {
    close(files[0]);
    serve(files[1]);
  }
  close(files[1]);
  file = files[0];
  if (child < 0) {
    close(file);
    return failure(std::string("no process for the GPU: ") +
                   std::strerror(errno));
  }
  Answer kind;
  std::string bytes;
  bool isLate;
  if (!Channel(file).listen(kind, bytes, patienceAtStart, isLate)) {
    stop();
    return failure(isLate ? "the GPU did not answer within " +
                                std::to_string(patienceAtStart) + " s"
                          : "the process of the GPU ended at its start");
  }
  if (kind != Answer::ok) {
    stop();
    return failure(bytes);
  }
  size_t first = bytes.find('\n'), second = bytes.find('\n', first + 1);
  deviceInfo = {bytes.substr(0, first), std::atoi(&bytes[first + 1]),
                bytes.substr(second + 1)};
  return Status::success();
}

Result<std::string> CudaDevice::run(const Case &given, const Problem &) {
  if (child < 0)
    if (Status status = start(); !status)
      return status.takeFailure();
  uint64_t number = &given - allCases().data();
  Channel channel(file);
  Answer kind;
  std::string bytes;
  bool isLate = false;
  if (!channel.send(&number, sizeof(number)) ||
      !channel.listen(kind, bytes, patience, isLate)) {
    stop();
    return failure(isLate ? "the kernel did not end within " +
                                std::to_string(patience) + " s"
                          : "the process that ran the kernel ended");
  }
  if (kind == Answer::spent)
    stop();
  if (kind != Answer::ok)
    return failure(bytes);
  return bytes;
}

Result<std::unique_ptr<Device>> conformance::makeCudaDevice(int patience) {
  auto device = std::make_unique<CudaDevice>(patience);
  if (Status status = device->start(); !status)
    return status.takeFailure();
  return std::unique_ptr<Device>(std::move(device));
}
