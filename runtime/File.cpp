//===- File.cpp - Files by descriptor -------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "File.h"

#include <cerrno>
#include <system_error>
#include <unistd.h>
#include <utility>

using namespace attn;

FileDescriptor &FileDescriptor::operator=(FileDescriptor &&other) noexcept {
  std::swap(number, other.number);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (number >= 0)
    close(number);
}

int FileDescriptor::release() {
  int released = number;
  number = -1;
  return released;
}

std::string attn::errorText(int error) {
  return std::generic_category().message(error);
}

Status attn::readFileAt(const FileDescriptor &file, size_t offset, void *target,
                        size_t size, const std::string &name) {
  size_t done = 0;
  while (done < size) {
    ssize_t count = pread(file.get(), static_cast<char *>(target) + done,
                          size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failure("cannot read " + name + ": " + errorText(errno));
    if (count == 0)
      return failure("cannot read " + name + ": it ends after " +
                     std::to_string(offset + done) + " bytes, expected " +
                     std::to_string(offset + size));
    done += static_cast<size_t>(count);
  }
  return Status::success();
}

Result<std::string> attn::readFile(const FileDescriptor &file, size_t size,
                                   const std::string &name) {
  std::string bytes(size, '\0');
  if (Status status = readFileAt(file, 0, bytes.data(), size, name); !status)
    return status.takeFailure();
  return bytes;
}

Status attn::writeFile(const FileDescriptor &file, std::string_view bytes,
                       const std::string &name) {
  while (!bytes.empty()) {
    ssize_t count = write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failure("cannot write " + name + ": " + errorText(errno));
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return Status::success();
}
