//===- Cache.cpp - Object cache on disk -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Cache.h"
#include "File.h"
#include "Guard.h"
#include "attn/Runtime/Hash.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace attn;

// A file is the ELF object, which the loader reads from the front, and behind
// it the trailer: these 8 bytes and the hash of the key and the object.
static constexpr std::string_view trailerMagic = "ATTNOBJ1";
static constexpr size_t trailerBytes = 8 + sizeof(Digest);

static std::string makeTrailer(std::string_view key, std::string_view object) {
  Digest digest = hash128({key, object});
  std::string trailer(trailerMagic);
  trailer.append(reinterpret_cast<const char *>(digest.data()), digest.size());
  return trailer;
}

/// A key becomes a file name.
static bool isKey(std::string_view key) {
  return !key.empty() && key.size() <= 128 &&
         key.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

static bool isPrivate(const struct stat &info) {
  return info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Creates a directory and those above it.
static Status createDirectories(const std::string &path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    std::string prefix = path.substr(0, end);
    // A directory that exists may forbid creation (EACCES, EROFS) and still let
    // us pass; if it does not exist, the next step says so.
    if (mkdir(prefix.c_str(), 0700) != 0 && access(prefix.c_str(), F_OK) != 0)
      return failure("the cache directory '" + path +
                     "' cannot be created: " + errorText(errno));
  }
  return Status::success();
}

Cache Cache::disabled(std::string directory, std::string reason) {
  Cache cache;
  cache.path = std::move(directory);
  cache.reason = std::move(reason);
  return cache;
}

Cache Cache::at(std::string directory) {
  try {
    if (directory.empty())
      return disabled("", "no cache directory is given");
    if (directory.find('\0') != std::string::npos)
      return disabled("", "the cache directory has a NUL in its name");
    if (directory[0] != '/') {
      char current[PATH_MAX];
      if (!getcwd(current, sizeof(current)))
        return disabled("", "the cache directory '" + directory +
                                "' is relative, and the current directory "
                                "cannot be found: " +
                                errorText(errno));
      directory = std::string(current) + "/" + directory;
    }
    while (directory.size() > 1 && directory.back() == '/')
      directory.pop_back();

    std::string name = "the cache directory '" + directory + "'";
    if (Status status = createDirectories(directory); !status)
      return disabled(directory, status.error());
    struct stat info;
    if (stat(directory.c_str(), &info) != 0)
      return disabled(directory, name + " cannot be read: " + errorText(errno));
    if (!S_ISDIR(info.st_mode))
      return disabled(directory, name + " is not a directory");
    if (!isPrivate(info))
      return disabled(directory,
                      name + " belongs to another user or can be written by "
                             "others; it must be the user's own (chmod 700)");
    if (access(directory.c_str(), R_OK | W_OK | X_OK) != 0)
      return disabled(directory,
                      name + " cannot be written: " + errorText(errno));
    Cache cache;
    cache.path = std::move(directory);
    return cache;
  } catch (const std::exception &) {
    // The sentence fits in a string without memory from the heap.
    return disabled("", "out of memory");
  }
}

Cache Cache::open() {
  auto variable = [](const char *name) -> std::string_view {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  try {
    if (auto own = variable("ATTN_CACHE_DIR"); !own.empty())
      return at(std::string(own));
    if (auto xdg = variable("XDG_CACHE_HOME"); !xdg.empty() && xdg[0] == '/')
      return at(std::string(xdg) + "/attn-mlir");
    if (auto home = variable("HOME"); !home.empty() && home[0] == '/')
      return at(std::string(home) + "/.cache/attn-mlir");
    return disabled("", "no cache directory: neither ATTN_CACHE_DIR nor "
                        "XDG_CACHE_HOME nor HOME is set");
  } catch (const std::exception &) {
    return disabled("", "out of memory");
  }
}

/// Whether the file is a whole and trusted object of this key.
static bool isIntact(const std::string &path, std::string_view key) {
  FileDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info;
  if (!file || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      !isPrivate(info) || info.st_size < static_cast<off_t>(trailerBytes))
    return false;
  auto bytes = readFile(file, static_cast<size_t>(info.st_size), path);
  if (!bytes)
    return false;
  std::string_view all = *bytes;
  std::string_view object = all.substr(0, all.size() - trailerBytes);
  return all.substr(object.size()) == makeTrailer(key, object);
}

std::optional<std::string> Cache::lookup(std::string_view key) const {
  if (!enabled() || !isKey(key))
    return std::nullopt;
  try {
    std::string file = path + "/" + std::string(key) + ".so";
    struct stat info;
    if (lstat(file.c_str(), &info) != 0)
      return std::nullopt;
    if (isIntact(file, key))
      return file;
    unlink(file.c_str());
  } catch (const std::exception &) {
    // Without memory to check a file there is no file.
  }
  return std::nullopt;
}

Result<std::string> Cache::store(std::string_view key,
                                 std::string_view bytes) const {
  return guarded([&]() -> Result<std::string> {
    if (!enabled())
      return failure("the cache is disabled: " + reason);
    if (!isKey(key))
      return failure("'" + std::string(key) +
                     "' is not a cache key: expected 1 to 128 lower-case "
                     "hexadecimal digits");
    std::string target = path + "/" + std::string(key) + ".so";
    std::string temporary = target + ".XXXXXX";
    // Created with mode 0600.
    FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
    if (!file)
      return failure("cannot create '" + temporary + "': " + errorText(errno));
    Status status = writeFile(file, bytes, "'" + temporary + "'");
    if (status)
      status = writeFile(file, makeTrailer(key, bytes), "'" + temporary + "'");
    if (status && rename(temporary.c_str(), target.c_str()) != 0)
      status = failure("cannot rename '" + temporary + "' to '" + target +
                       "': " + errorText(errno));
    if (!status) {
      unlink(temporary.c_str());
      return status.takeFailure();
    }
    return target;
  });
}
