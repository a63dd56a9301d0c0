//===- Cache.h - Kernels that were compiled before --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keeps compiled kernels in memory and, as packages, in a directory.  There are
// two keys.  The request key hashes what was asked for, as it was written, and
// is computed without a compiler.  The content key hashes the canonical form of
// it, which only a compiler knows.  The directory maps requests to contents, so
// that a warm start needs no compiler, and the same kernel written in two ways
// is kept once:
//
//   REQUEST.req      the content key, and a checksum
//   CONTENT.attnpkg  a package
//   REQUEST.lock     held (flock) by the process that asks the compiler for the
//                    content key, so that others need not open a compiler
//   CONTENT.attnpkg.lock
//                    held by the one that compiles
//
// Files appear by rename, so that readers see a whole file or none; they belong
// to the user alone, and what is damaged is removed and compiled again.  It is
// safe to delete any of them at any time.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_CACHE_H
#define ATTN_RUNTIME_CACHE_H

#include "attn/Runtime/Package.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace attn {

struct CacheOptions {
  /// Where files are kept.  Empty means the user's cache: $ATTN_CACHE_DIR, else
  /// $XDG_CACHE_HOME/attn-mlir (if absolute, as the XDG specification demands),
  /// else $HOME/.cache/attn-mlir.  An empty variable counts as unset.  If the
  /// chosen directory cannot be used, no other one is tried.
  std::string directory;
  /// With false, kernels are kept in memory only.
  bool useDirectory = true;
  /// Bytes that the directory may hold; 0 means $ATTN_CACHE_SIZE, a number with
  /// an optional suffix K, M or G, or 1 GiB.  The files that were not used for
  /// the longest time go first.
  int64_t maxBytes = 0;
  /// Kernels that are kept in memory; 0 means 1024.  Those that were not asked
  /// for for the longest time go first; what is in use stays loaded.  A kernel
  /// that is asked for by several requests counts for each of them.
  int64_t maxKernels = 0;
  /// Loads what a package has for the device; without it, for the CPU.
  std::function<Result<std::shared_ptr<const LoadedCode>>(const Package &)>
      load;
  /// Is told, once, why the directory cannot be used; all works without.  May
  /// be called by any thread that uses the cache.
  std::function<void(const std::string &sentence)> warn;
};

/// What a compiler answers when the cache has no kernel.  Both may be called by
/// any thread that asks for the kernel.  Failures and their codes reach all who
/// asked for it, and are not kept.
struct CacheCompiler {
  /// The content key: 1 to 128 lower-case hexadecimal digits.
  std::function<Result<std::string>()> contentKey;
  /// The bytes of a package, see Package.h.
  std::function<Result<std::string>()> package;
};

/// Where a kernel came from.
enum class CacheSource { compiled, disk, memory };
/// "cold", "disk" or "memory".
const char *cacheSourceName(CacheSource source);

struct CachedCode {
  std::shared_ptr<const LoadedCode> code;
  CacheSource source = CacheSource::compiled;

  /// Of a cache for the CPU.
  std::shared_ptr<const Module> module() const {
    return std::static_pointer_cast<const Module>(code);
  }
};

/// A cache.  Copies share it.  Usable from any thread, and with the same
/// directory from any number of processes.
class Cache {
public:
  explicit Cache(CacheOptions options = {});

  /// The directory; empty if there is none.
  const std::string &directory() const;
  /// Whether files can be read from the directory.
  bool hasDirectory() const;

  /// The kernel of a request: from memory, else from the directory, else from
  /// the compiler.  However many threads and processes ask at once, be it with
  /// one request or with several of the same content, one of them compiles, and
  /// the others wait for it; those of another process stop waiting after some
  /// minutes and compile as well.  The compiler must not ask the cache for the
  /// same request or content.
  Result<CachedCode> get(std::string_view requestKey,
                         const CacheCompiler &compiler) const;

private:
  struct State;
  std::shared_ptr<State> state;
};

} // namespace attn

#endif // ATTN_RUNTIME_CACHE_H
