//===- Package.h - Compiled kernels in one file -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A package (.attnpkg) holds the payloads of one or more targets and a manifest
// that says what they are.  It is what the cache keeps and what is shipped to
// machines without a compiler.  All numbers are little-endian:
//
//   offset  bytes
//        0      8  "ATTNPKG\n"
//        8      4  format version: 1
//       12      4  0
//       16      8  bytes of the manifest
//       24     16  XXH3-128 of everything from offset 40 on (canonical form)
//       40         the manifest, JSON
//                  the payloads, each at the next multiple of 64; 0 between
//
// The manifest:
//
//   {"format": 1, "compiler": "...", "key": "...", "payloads": [
//     {"kind": "object", "offset": 4096, "size": 12345, "manifest": {...}}]}
//
// "key" names what was compiled (see Cache.h) and may be missing.  Kinds are
// "object" (code for a CPU, see Module.h), and "cubin", "ptx" and "cuda" (code
// for GPUs, see GpuModule.h; CUDA C++ is for people and is never loaded), each
// with a manifest as in Manifest.h.  Payloads of kinds that this runtime does
// not know are kept and skipped.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_PACKAGE_H
#define ATTN_RUNTIME_PACKAGE_H

#include "attn/Runtime/GpuModule.h"
#include "attn/Runtime/Module.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attn {

/// The version of the file format that this runtime writes and reads.
constexpr uint32_t packageFormat = 1;

/// What a package begins with.
constexpr std::string_view packageMagic = "ATTNPKG\n";

/// A payload on its way into a package.
struct PackagePayload {
  /// "object" is an ELF shared object as attn/Runtime/CpuAbi.h describes it;
  /// "cubin", "ptx" and "cuda" are for GPUs.
  std::string kind;
  std::string manifestJson;
  std::string bytes;
};

/// The bytes of a package.  An error if a manifest is not one.
Result<std::string> writePackage(const std::string &compiler,
                                 const std::vector<PackagePayload> &payloads,
                                 const std::string &key = "");

/// A package in memory.  Everything in it has been checked.  Copies share the
/// bytes.
class Package {
public:
  struct Payload {
    std::string kind;
    /// Of any kind, for those who know it.
    std::string manifestJson;
    /// Of the kinds that this runtime knows; otherwise without entries.
    Manifest manifest;
    std::string_view bytes;
  };

  /// Reads a package; `origin` names it in errors, with quotes where they
  /// belong.
  static Result<Package> fromBytes(std::string bytes,
                                   const std::string &origin);
  /// Reads the package in a file.
  static Result<Package> open(const std::string &path);

  const std::string &compiler() const { return contents->compiler; }
  /// Empty if the package has none.
  const std::string &key() const { return contents->key; }
  const std::vector<Payload> &payloads() const { return contents->payloads; }

  /// Loads the first object that this CPU can run.  If there is none, the error
  /// says what each of them lacks.
  Result<std::shared_ptr<const Module>> loadForHost() const;

  /// What a GPU runs.
  struct GpuCapability {
    /// 10 times its compute capability.
    int number = 0;
    /// Machine code; otherwise PTX only.
    bool runsCubins = true;
  };
  /// The payload that suits a GPU best: machine code rather than PTX, then the
  /// newest target, then the one with features of this architecture alone.  If
  /// there is none, the error says what each of them lacks.
  Result<std::shared_ptr<const GpuModule>>
  loadFor(const GpuCapability &capability) const;

private:
  struct Contents {
    std::string origin;
    std::string bytes;
    std::string compiler;
    std::string key;
    std::vector<Payload> payloads;
  };
  Package() = default;
  static Status parse(Contents &contents);

  std::shared_ptr<const Contents> contents;
};

} // namespace attn

#endif // ATTN_RUNTIME_PACKAGE_H
