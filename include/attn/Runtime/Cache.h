//===- Cache.h - Object cache on disk ---------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A directory of compiled payloads, one file `<key>.so` each.  A file is an ELF
// shared object, loadable in place, with a trailer behind it that holds a
// checksum.  Files appear by rename, so that readers see a whole file or none,
// and belong to the user alone.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_CACHE_H
#define ATTN_RUNTIME_CACHE_H

#include "attn/Support/Result.h"

#include <optional>
#include <string>
#include <string_view>

namespace attn {

/// An object cache, or none: without a usable directory a cache is disabled,
/// finds nothing, and fails to store.
class Cache {
public:
  /// The user's cache: $ATTN_CACHE_DIR, else $XDG_CACHE_HOME/attn-mlir (if
  /// absolute, as the XDG specification demands), else $HOME/.cache/attn-mlir.
  /// An empty variable counts as unset.  If the chosen directory cannot be
  /// used, no other one is tried.
  static Cache open();
  /// A cache in `directory`, which is created with mode 0700 where it is
  /// missing.  The cache is disabled if the directory belongs to another user
  /// or can be written by others.
  static Cache at(std::string directory);

  bool enabled() const { return reason.empty(); }
  /// Why the cache is disabled, as a sentence; empty if it is enabled.
  const std::string &disabledReason() const { return reason; }
  /// Absolute path; may be empty if the cache is disabled.
  const std::string &directory() const { return path; }

  /// The path of the file of `key`, ready to be loaded, or nothing.  A file
  /// that is damaged, belongs to another key or another user, or can be written
  /// by others, is removed.  A key is 1 to 128 lower-case hexadecimal digits.
  std::optional<std::string> lookup(std::string_view key) const;

  /// Writes `bytes`, an ELF shared object, as the file of `key`, in place of an
  /// older one, and returns its path.
  Result<std::string> store(std::string_view key, std::string_view bytes) const;

private:
  Cache() = default;
  static Cache disabled(std::string directory, std::string reason);

  std::string path;
  std::string reason;
};

} // namespace attn

#endif // ATTN_RUNTIME_CACHE_H
