//===- CacheDirectory.cpp - The files of the cache ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CacheDirectory.h"
#include "attn/Runtime/Hash.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace attn;

static constexpr const char *packageSuffix = ".attnpkg";
static constexpr const char *requestSuffix = ".req";
static constexpr const char *requestLockSuffix = ".lock";
static constexpr const char *packageLockSuffix = ".attnpkg.lock";
/// Of a file that is being written; six random characters follow.
static constexpr const char *temporarySuffix = ".tmp.";
/// Seconds after which a temporary file or a lock belongs to nobody any more:
/// writing one takes far less.
static constexpr time_t staleAge = 3600;
/// How long a process waits for another one that compiles.
static constexpr int64_t maxWaitMilliseconds = 120000;

bool attn::isCacheKey(std::string_view key) {
  return !key.empty() && key.size() <= 128 &&
         key.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<int64_t> attn::parseCacheSize(std::string_view text) {
  int shift = 0;
  if (!text.empty()) {
    size_t unit = std::string_view("KMG").find(text.back());
    if (unit != std::string_view::npos) {
      shift = 10 * (static_cast<int>(unit) + 1);
      text.remove_suffix(1);
    }
  }
  if (text.empty() || text.size() > 18)
    return std::nullopt;
  int64_t number = 0;
  for (char c : text) {
    if (c < '0' || c > '9')
      return std::nullopt;
    number = number * 10 + (c - '0');
  }
  if (number == 0 || number > INT64_MAX >> shift)
    return std::nullopt;
  return number << shift;
}

//===----------------------------------------------------------------------===//
// The directory
//===----------------------------------------------------------------------===//

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
    if (mkdir(prefix.c_str(), 0700) == 0)
      continue;
    int error = errno;
    if (access(prefix.c_str(), F_OK) != 0)
      return failure("the cache directory '" + path +
                     "' cannot be created: " + errorText(error));
  }
  return Status::success();
}

Result<CacheDirectory> CacheDirectory::open(std::string path,
                                            int64_t maxBytes) {
  if (path.empty())
    return failure("no cache directory is given");
  if (path.find('\0') != std::string::npos)
    return failure("the cache directory has a NUL in its name");
  if (path[0] != '/') {
    char current[PATH_MAX];
    if (!getcwd(current, sizeof(current)))
      return failure("the cache directory '" + path +
                     "' is relative, and the current directory cannot be "
                     "found: " +
                     errorText(errno));
    path = std::string(current) + "/" + path;
  }
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();

  std::string name = "the cache directory '" + path + "'";
  if (Status status = createDirectories(path); !status)
    return status.takeFailure();
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return failure(name + " cannot be read: " + errorText(errno));
  if (!S_ISDIR(info.st_mode))
    return failure(name + " is not a directory");
  if (!isPrivate(info))
    return failure(name + " belongs to another user or can be written by "
                          "others; it must be the user's own (chmod 700)");
  if (access(path.c_str(), R_OK | X_OK) != 0)
    return failure(name + " cannot be read: " + errorText(errno));
  CacheDirectory directory;
  directory.folder = std::move(path);
  directory.maxBytes = maxBytes;
  return directory;
}

Result<std::string> CacheDirectory::defaultPath() {
  auto variable = [](const char *name) -> std::string {
    const char *value = std::getenv(name);
    return value ? value : "";
  };
  if (std::string own = variable("ATTN_CACHE_DIR"); !own.empty())
    return own;
  if (std::string xdg = variable("XDG_CACHE_HOME");
      !xdg.empty() && xdg[0] == '/')
    return xdg + "/attn-mlir";
  if (std::string home = variable("HOME"); !home.empty() && home[0] == '/')
    return home + "/.cache/attn-mlir";
  return failure("there is no cache directory: neither ATTN_CACHE_DIR nor "
                 "XDG_CACHE_HOME nor HOME is set");
}

std::string CacheDirectory::pathOf(std::string_view key,
                                   const char *suffix) const {
  return folder + "/" + std::string(key) + suffix;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The bytes of a file that is the user's own, or nothing.
static std::optional<std::string> readPrivate(const std::string &path) {
  FileDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info;
  if (!file || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      !isPrivate(info))
    return std::nullopt;
  auto bytes = readFile(file, static_cast<size_t>(info.st_size), path);
  if (!bytes)
    return std::nullopt;
  // Used now: see clean().
  futimens(file.get(), nullptr);
  return *std::move(bytes);
}

static bool exists(const std::string &path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

/// The text of a file that refers a request to a content.
static std::string referenceText(std::string_view requestKey,
                                 std::string_view contentKey) {
  std::string text = "attnreq 1 " + std::string(contentKey) + " ";
  return text + hashHex({text, requestKey}) + "\n";
}

std::optional<std::string>
CacheDirectory::lookup(std::string_view requestKey) const {
  std::string path = pathOf(requestKey, requestSuffix);
  if (!exists(path))
    return std::nullopt;
  if (auto text = readPrivate(path)) {
    constexpr size_t begin = 10;
    size_t end = text->find(' ', begin);
    if (end != std::string::npos) {
      std::string contentKey = text->substr(begin, end - begin);
      if (isCacheKey(contentKey) &&
          *text == referenceText(requestKey, contentKey))
        return contentKey;
    }
  }
  // Whatever it is, it is in the way; remove() also takes empty directories.
  std::remove(path.c_str());
  return std::nullopt;
}

std::optional<Package> CacheDirectory::load(std::string_view contentKey) const {
  std::string path = pathOf(contentKey, packageSuffix);
  if (!exists(path))
    return std::nullopt;
  if (auto bytes = readPrivate(path)) {
    auto package = Package::fromBytes(*std::move(bytes), "'" + path + "'");
    // A package without a key was not renamed by anybody who knew it.
    if (package && (package->key().empty() || package->key() == contentKey))
      return *package;
  }
  std::remove(path.c_str());
  return std::nullopt;
}

void CacheDirectory::remove(std::string_view contentKey) const {
  unlink(pathOf(contentKey, packageSuffix).c_str());
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Status CacheDirectory::write(const std::string &target,
                             std::string_view bytes) const {
  std::string temporary = target + temporarySuffix + "XXXXXX";
  // Created with mode 0600.
  FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (!file)
    return failure("cannot create '" + temporary + "': " + errorText(errno));
  Status status = writeFile(file, bytes, "'" + temporary + "'");
  if (status && rename(temporary.c_str(), target.c_str()) != 0)
    status = failure("cannot rename '" + temporary + "' to '" + target +
                     "': " + errorText(errno));
  if (!status)
    unlink(temporary.c_str());
  return status;
}

Status CacheDirectory::refer(std::string_view requestKey,
                             std::string_view contentKey) const {
  Status status = write(pathOf(requestKey, requestSuffix),
                        referenceText(requestKey, contentKey));
  clean();
  return status;
}

Status CacheDirectory::store(std::string_view requestKey,
                             std::string_view contentKey,
                             std::string_view package) const {
  // In this order, so that a reference never leads nowhere.
  if (Status status = write(pathOf(contentKey, packageSuffix), package);
      !status) {
    // Room for the next one, if the disk is full.
    clean();
    return status;
  }
  return refer(requestKey, contentKey);
}

//===----------------------------------------------------------------------===//
// Locks
//===----------------------------------------------------------------------===//

/// Whether the file is still the one of this path.
static bool isAt(const FileDescriptor &file, const std::string &path) {
  struct stat opened, named;
  return fstat(file.get(), &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

CacheDirectory::Lock
CacheDirectory::lockRequest(std::string_view requestKey) const {
  return lock(pathOf(requestKey, requestLockSuffix));
}

CacheDirectory::Lock
CacheDirectory::lockContent(std::string_view contentKey) const {
  return lock(pathOf(contentKey, packageLockSuffix));
}

CacheDirectory::Lock CacheDirectory::lock(const std::string &path) const {
  Lock lock;
  int64_t waited = 0, pause = 1;
  while (true) {
    FileDescriptor file(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file)
      return lock;
    // Polled, because a process that is stopped while it compiles must not stop
    // all others.
    while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR)
        continue;
      if (errno != EWOULDBLOCK || waited > maxWaitMilliseconds)
        return lock;
      timespec time = {0, pause * 1000000};
      nanosleep(&time, nullptr);
      waited += pause;
      pause = std::min<int64_t>(pause * 2, 20);
    }
    // Whoever held the lock before has removed the file; others may lock a new
    // one of the same name.
    if (!isAt(file, path))
      continue;
    lock.file = std::move(file);
    lock.path = path;
    return lock;
  }
}

CacheDirectory::Lock::~Lock() {
  // While the lock is held: see isAt.
  if (file)
    unlink(path.c_str());
}

//===----------------------------------------------------------------------===//
// Cleaning
//===----------------------------------------------------------------------===//

namespace {
struct Entry {
  std::string path;
  int64_t bytes;
  timespec used;

  bool isOlderThan(const Entry &other) const {
    return used.tv_sec != other.used.tv_sec ? used.tv_sec < other.used.tv_sec
                                            : used.tv_nsec < other.used.tv_nsec;
  }
};
} // namespace

/// Removes a lock that nobody holds.
static void removeLock(const std::string &path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file && flock(file.get(), LOCK_EX | LOCK_NB) == 0 && isAt(file, path))
    unlink(path.c_str());
}

void CacheDirectory::clean() const {
  DIR *stream = opendir(folder.c_str());
  if (!stream)
    return;
  std::vector<Entry> entries;
  int64_t total = 0;
  time_t now = time(nullptr);
  while (const dirent *item = readdir(stream)) {
    // Files that are not the cache's are left alone.
    std::string_view name = item->d_name;
    size_t dot = name.find('.');
    if (dot == std::string_view::npos || !isCacheKey(name.substr(0, dot)))
      continue;
    std::string_view suffix = name.substr(dot);
    std::string path = folder + "/" + std::string(name);
    struct stat info;
    if (lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
      continue;
    bool isStale = now - info.st_mtim.tv_sec > staleAge;
    if (suffix == packageSuffix || suffix == requestSuffix) {
      entries.push_back({path, info.st_size, info.st_mtim});
      total += info.st_size;
    } else if (suffix == requestLockSuffix || suffix == packageLockSuffix) {
      if (isStale)
        removeLock(path);
    } else if (suffix.find(temporarySuffix) != std::string_view::npos) {
      if (isStale)
        unlink(path.c_str());
      else
        total += info.st_size;
    }
  }
  closedir(stream);

  if (total <= maxBytes)
    return;
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.isOlderThan(b); });
  for (const Entry &entry : entries) {
    if (total <= maxBytes)
      break;
    if (unlink(entry.path.c_str()) == 0)
      total -= entry.bytes;
  }
}
