//===- CacheDirectory.h - The files of the cache ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes the files that attn/Runtime/Cache.h describes.  Nothing here
// keeps state: other processes change the directory at any time.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_CACHEDIRECTORY_H
#define ATTN_RUNTIME_CACHEDIRECTORY_H

#include "File.h"
#include "attn/Runtime/Package.h"

#include <optional>
#include <string>
#include <string_view>

namespace attn {

/// Whether a key can be a file name: 1 to 128 lower-case hexadecimal digits.
bool isCacheKey(std::string_view key);

/// Bytes in a text such as "500M"; nothing if it is not a size.
std::optional<int64_t> parseCacheSize(std::string_view text);

class CacheDirectory {
public:
  /// Opens a directory; creates it with mode 0700 where it is missing.  An
  /// error if it cannot be read, belongs to another user, or can be written by
  /// others.
  static Result<CacheDirectory> open(std::string path, int64_t maxBytes);

  /// The directory that the environment names.
  static Result<std::string> defaultPath();

  const std::string &path() const { return folder; }

  /// The content of a request, or nothing.  What is damaged, is of another
  /// request, belongs to another user or can be written by others is removed.
  std::optional<std::string> lookup(std::string_view requestKey) const;
  /// The package of a content key, or nothing, in the same manner.
  std::optional<Package> load(std::string_view contentKey) const;
  /// Removes a package that turned out not to be usable.
  void remove(std::string_view contentKey) const;

  /// Writes a package and what refers to it, each in place of an older one, and
  /// keeps the directory within its bound.
  Status store(std::string_view requestKey, std::string_view contentKey,
               std::string_view package) const;
  /// The same for a package that is there already.
  Status refer(std::string_view requestKey, std::string_view contentKey) const;

  /// Held by the process that compiles; closing it releases the lock.
  class Lock {
  public:
    Lock() = default;
    Lock(Lock &&) = default;
    Lock &operator=(Lock &&) = default;
    ~Lock();

  private:
    friend class CacheDirectory;
    FileDescriptor file;
    std::string path;
  };

  /// Waits until no other thread or process holds the lock of a request.  A
  /// lock without effect if the directory does not allow any, or if another
  /// process holds it for too long.
  Lock lockRequest(std::string_view requestKey) const;
  /// The same for a content.  Who has it waits for no other lock.
  Lock lockContent(std::string_view contentKey) const;

private:
  CacheDirectory() = default;
  std::string pathOf(std::string_view key, const char *suffix) const;
  Lock lock(const std::string &path) const;
  Status write(const std::string &target, std::string_view bytes) const;
  /// Removes what exceeds the bound, and what ended processes left.
  void clean() const;

  std::string folder;
  int64_t maxBytes = 0;
};

} // namespace attn

#endif // ATTN_RUNTIME_CACHEDIRECTORY_H
