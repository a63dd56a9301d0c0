//===- File.h - Files by descriptor -----------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few POSIX calls that the runtime needs, with errors as sentences.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_FILE_H
#define ATTN_RUNTIME_FILE_H

#include "attn/Support/Result.h"

#include <string>
#include <string_view>

namespace attn {

/// Owns a file descriptor.
class FileDescriptor {
public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number(number) {}
  FileDescriptor(FileDescriptor &&other) noexcept : number(other.release()) {}
  FileDescriptor &operator=(FileDescriptor &&other) noexcept;
  ~FileDescriptor();

  explicit operator bool() const { return number >= 0; }
  int get() const { return number; }
  int release();

private:
  int number = -1;
};

/// The text of an errno value.
std::string errorText(int error);

/// Reads `size` bytes from the start of the file; `name` is for errors, with
/// quotes where they belong.
Result<std::string> readFile(const FileDescriptor &file, size_t size,
                             const std::string &name);
/// Reads `size` bytes from `offset` on to `target`.
Status readFileAt(const FileDescriptor &file, size_t offset, void *target,
                  size_t size, const std::string &name);
/// Writes all bytes at the current position.
Status writeFile(const FileDescriptor &file, std::string_view bytes,
                 const std::string &name);

} // namespace attn

#endif // ATTN_RUNTIME_FILE_H
