//===- Cache.cpp - Kernels that were compiled before ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The cache in memory, and the order in which memory, files and compiler are
// asked.
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Cache.h"
#include "CacheDirectory.h"
#include "Guard.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

using namespace attn;

static constexpr int64_t defaultMaxBytes = int64_t(1) << 30;
static constexpr int64_t defaultMaxKernels = 1024;

const char *attn::cacheSourceName(CacheSource source) {
  switch (source) {
  case CacheSource::compiled:
    return "cold";
  case CacheSource::disk:
    return "disk";
  case CacheSource::memory:
    return "memory";
  }
  return "";
}

namespace {
/// A request that is being answered by the thread that made it first.
struct Request {
  bool isDone = false;
  /// Null if it failed.
  std::shared_ptr<const LoadedCode> code;
  /// Stays if there is no memory to say more.
  Failure failed{"out of memory"};
};

/// A kernel in memory, and when it was asked for.
struct KeptKernel {
  std::shared_ptr<const LoadedCode> code;
  int64_t used = 0;
};
} // namespace

struct Cache::State {
  std::function<Result<std::shared_ptr<const LoadedCode>>(const Package &)>
      load;
  std::function<void(const std::string &)> warn;
  std::optional<CacheDirectory> directory;
  std::string path;

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::shared_ptr<Request>, std::less<>> requests;
  /// By request key.
  std::map<std::string, KeptKernel, std::less<>> kept;
  size_t maxKernels = 0;
  /// The number of hits and of kernels that were kept: the time of `used`.
  int64_t uses = 0;
  /// By content key: what is kept, and what is not any more but still in use.
  std::map<std::string, std::weak_ptr<const LoadedCode>, std::less<>> modules;
  /// The content keys that threads compile.
  std::set<std::string> compiling;
  std::once_flag warned;
  /// Why there is no directory; empty if there is one, or none is wanted.
  std::string reason;

  class Turn;
  void open(const CacheOptions &options);
  Result<CachedCode> find(std::string_view requestKey,
                          const CacheCompiler &compiler);
  std::optional<CachedCode> findOnDisk(std::string_view requestKey);
  std::optional<CachedCode> findContent(const std::string &contentKey);
  Result<CachedCode> compile(std::string_view requestKey,
                             const CacheCompiler &compiler);
  void addModule(const std::string &contentKey,
                 const std::shared_ptr<const LoadedCode> &module);
  std::shared_ptr<const LoadedCode>
  keep(std::string_view requestKey, std::shared_ptr<const LoadedCode> module);
  void warnOnce(const std::string &sentence);
};

/// The right to compile a content, which one thread has at a time.
class Cache::State::Turn {
public:
  Turn(State &state, const std::string &contentKey)
      : state(state), contentKey(contentKey) {
    std::unique_lock<std::mutex> lock(state.mutex);
    state.changed.wait(
        lock, [&] { return state.compiling.insert(contentKey).second; });
  }
  ~Turn() {
    {
      std::lock_guard<std::mutex> lock(state.mutex);
      state.compiling.erase(contentKey);
    }
    state.changed.notify_all();
  }
  Turn(const Turn &) = delete;
  Turn &operator=(const Turn &) = delete;

private:
  State &state;
  const std::string &contentKey;
};

void Cache::State::warnOnce(const std::string &sentence) {
  std::call_once(warned, [&] {
    if (warn)
      warn(sentence);
  });
}

void Cache::State::open(const CacheOptions &options) {
  if (!options.useDirectory)
    return;
  int64_t maxBytes = options.maxBytes > 0 ? options.maxBytes : defaultMaxBytes;
  const char *size = std::getenv("ATTN_CACHE_SIZE");
  if (options.maxBytes <= 0 && size && *size) {
    auto parsed = parseCacheSize(size);
    if (!parsed) {
      reason = "ATTN_CACHE_SIZE is '" + std::string(size) +
               "', expected a number of bytes from 1 on, with or without a "
               "suffix K, M or G";
      return;
    }
    maxBytes = *parsed;
  }
  Result<std::string> chosen = options.directory;
  if (options.directory.empty())
    chosen = CacheDirectory::defaultPath();
  if (!chosen) {
    reason = chosen.error();
    return;
  }
  auto opened = CacheDirectory::open(*chosen, maxBytes);
  if (!opened) {
    reason = opened.error();
    return;
  }
  directory = *std::move(opened);
  path = directory->path();
}

Cache::Cache(CacheOptions options) : state(std::make_shared<State>()) {
  state->warn = options.warn;
  state->load = options.load;
  if (!state->load)
    state->load = [](const Package &package)
        -> Result<std::shared_ptr<const LoadedCode>> {
      auto module = package.loadForHost();
      if (!module)
        return module.takeFailure();
      return std::shared_ptr<const LoadedCode>(*std::move(module));
    };
  state->maxKernels = static_cast<size_t>(
      options.maxKernels > 0 ? options.maxKernels : defaultMaxKernels);
  if (Status status = guarded([&] {
        state->open(options);
        return Status::success();
      });
      !status)
    state->reason = status.error();
}

const std::string &Cache::directory() const { return state->path; }
bool Cache::hasDirectory() const { return state->directory.has_value(); }

void Cache::State::addModule(const std::string &contentKey,
                             const std::shared_ptr<const LoadedCode> &module) {
  std::lock_guard<std::mutex> lock(mutex);
  modules[contentKey] = module;
}

/// Keeps the kernel of a request; with `mutex` held.  Returns the one that has
/// to go for it, which is to be unloaded without the mutex.
std::shared_ptr<const LoadedCode>
Cache::State::keep(std::string_view requestKey,
                   std::shared_ptr<const LoadedCode> module) {
  kept[std::string(requestKey)] = {std::move(module), ++uses};
  if (kept.size() <= maxKernels)
    return nullptr;
  // Searching all of them takes less time than loading one did.
  auto oldest = std::min_element(kept.begin(), kept.end(),
                                 [](const auto &a, const auto &b) {
                                   return a.second.used < b.second.used;
                                 });
  std::shared_ptr<const LoadedCode> dropped = std::move(oldest->second.code);
  kept.erase(oldest);
  for (auto item = modules.begin(); item != modules.end();)
    item = item->second.expired() ? modules.erase(item) : std::next(item);
  return dropped;
}

/// What memory or the directory have for a content key.
std::optional<CachedCode>
Cache::State::findContent(const std::string &contentKey) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (auto found = modules.find(contentKey); found != modules.end())
      if (auto module = found->second.lock())
        return CachedCode{module, CacheSource::memory};
  }
  if (!directory)
    return std::nullopt;
  auto package = directory->load(contentKey);
  if (!package)
    return std::nullopt;
  auto module = load(*package);
  if (!module) {
    directory->remove(contentKey);
    return std::nullopt;
  }
  addModule(contentKey, *module);
  return CachedCode{*module, CacheSource::disk};
}

std::optional<CachedCode>
Cache::State::findOnDisk(std::string_view requestKey) {
  if (!directory)
    return std::nullopt;
  auto contentKey = directory->lookup(requestKey);
  return contentKey ? findContent(*contentKey) : std::nullopt;
}

Result<CachedCode> Cache::State::compile(std::string_view requestKey,
                                         const CacheCompiler &compiler) {
  auto contentKey = compiler.contentKey();
  if (!contentKey)
    return contentKey.takeFailure();
  if (!isCacheKey(*contentKey))
    return failure("the compiler returned '" + *contentKey +
                   "' as a content key; expected 1 to 128 lower-case "
                   "hexadecimal digits");
  // Other texts of this content wait here, and find it.
  Turn turn(*this, *contentKey);
  auto found = findContent(*contentKey);
  CacheDirectory::Lock lock;
  if (!found && directory) {
    lock = directory->lockContent(*contentKey);
    found = findContent(*contentKey);
  }
  Status stored = Status::success();
  if (found) {
    if (directory)
      stored = directory->refer(requestKey, *contentKey);
  } else {
    auto bytes = compiler.package();
    if (!bytes)
      return bytes.takeFailure();
    auto package = Package::fromBytes(*bytes, "the compiled kernel");
    if (!package)
      return package.takeFailure();
    auto module = load(*package);
    if (!module)
      return module.takeFailure();
    addModule(*contentKey, *module);
    if (directory)
      stored = directory->store(requestKey, *contentKey, *bytes);
    found = CachedCode{*module, CacheSource::compiled};
  }
  if (!stored)
    warnOnce("compiled kernels are kept in memory only: " + stored.error());
  return *found;
}

Result<CachedCode> Cache::State::find(std::string_view requestKey,
                                      const CacheCompiler &compiler) {
  if (!reason.empty())
    warnOnce("compiled kernels are kept in memory only: " + reason);
  if (auto found = findOnDisk(requestKey))
    return *found;
  CacheDirectory::Lock lock;
  if (directory) {
    lock = directory->lockRequest(requestKey);
    // Somebody else may have compiled it meanwhile.
    if (auto found = findOnDisk(requestKey))
      return *found;
  }
  return compile(requestKey, compiler);
}

Result<CachedCode> Cache::get(std::string_view requestKey,
                              const CacheCompiler &compiler) const {
  return guarded([&]() -> Result<CachedCode> {
    if (!isCacheKey(requestKey))
      return failure("'" + std::string(requestKey) +
                     "' is not a cache key: expected 1 to 128 lower-case "
                     "hexadecimal digits");
    std::shared_ptr<Request> request;
    {
      std::unique_lock<std::mutex> lock(state->mutex);
      if (auto found = state->kept.find(requestKey);
          found != state->kept.end()) {
        found->second.used = ++state->uses;
        return CachedCode{found->second.code, CacheSource::memory};
      }
      auto known = state->requests.find(requestKey);
      if (known != state->requests.end()) {
        request = known->second;
        state->changed.wait(lock, [&] { return request->isDone; });
        if (!request->code)
          return request->failed;
        return CachedCode{request->code, CacheSource::memory};
      }
      request = std::make_shared<Request>();
      state->requests.emplace(requestKey, request);
    }
    auto result = guarded([&] { return state->find(requestKey, compiler); });
    if (!result)
      (void)guarded([&] {
        request->failed = result.takeFailure();
        return Status::success();
      });
    std::shared_ptr<const LoadedCode> dropped;
    {
      std::lock_guard<std::mutex> lock(state->mutex);
      if (result) {
        request->code = result->code;
        // Without memory for it, the kernel is not kept.
        (void)guarded([&] {
          dropped = state->keep(requestKey, result->code);
          return Status::success();
        });
      }
      state->requests.erase(state->requests.find(requestKey));
      request->isDone = true;
    }
    state->changed.notify_all();
    return result;
  });
}
