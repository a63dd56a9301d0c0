//===- Releases.h - What strong writes make visible -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A release pattern on an address: a write with .release, or a relaxed one
// after a fence. An acquire pattern: a read with .acquire, or a relaxed one
// before a fence. Who acquires what another has released is ordered after it
// (PTX ISA, "Release and acquire patterns"). Atomics pass on what the writes
// before them have released.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_RELEASES_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_RELEASES_H

#include "Machine.h"

#include <unordered_map>

namespace attn::emulator {

/// The releases at the addresses of one memory.
class Releases {
public:
  /// A strong access, which is about to happen. `publishesFences`: as a relaxed
  /// write it releases what is before the last fence.
  void access(const Accessor &who, uint64_t address, Intent intent,
              const AccessOrder &how, bool publishesFences);

private:
  /// What warps of a CTA have released, to all or (`isOfCta`) within the CTA.
  struct Entry {
    uint32_t cta;
    bool isOfCta;
    std::shared_ptr<const View> view;
  };

  static void acquire(const Accessor &who, const Entry &entry,
                      const AccessOrder &how);
  static void add(std::vector<Entry> &entries, Entry added);

  std::unordered_map<uint64_t, std::vector<Entry>> all;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_RELEASES_H
