//===- Memory.h - Global memory of the emulator -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_MEMORY_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace attn::emulator {

/// One allocation of global memory, with shadow state for the checks.
struct Allocation {
  std::string name;
  uint8_t *data = nullptr;
  size_t bytes = 0;
  bool isConstant = false; ///< kernels may not write it
  /// Everything has been written: `initialized` is not looked at.
  bool isInitialized = false;
  /// One bit for each byte that has been written.
  std::vector<uint64_t> initialized;
  /// Bytes of filling on each side.
  size_t redZone = 0;
  std::unique_ptr<uint8_t[]> storage;

  bool contains(uint64_t address, size_t size) const {
    uint64_t begin = reinterpret_cast<uint64_t>(data);
    return address >= begin && size <= bytes && address - begin <= bytes - size;
  }
  /// The same with the red zones around it, which are memory of the process.
  bool surrounds(uint64_t address, size_t size) const {
    uint64_t begin = reinterpret_cast<uint64_t>(data) - redZone;
    size_t all = bytes + 2 * redZone;
    return address >= begin && size <= all && address - begin <= all - size;
  }

  /// True if all these bytes, which lie in it, have been written.
  bool isWritten(size_t offset, size_t size) const {
    if (isInitialized)
      return true;
    if (offset % 64 + size > 64 || size == 64)
      return areWritten(offset, size);
    uint64_t bits = ((uint64_t(1) << size) - 1) << offset % 64;
    return (initialized[offset / 64] & bits) == bits;
  }
  void markWritten(size_t offset, size_t size) {
    if (isInitialized)
      return;
    if (offset % 64 + size > 64 || size == 64)
      return markAll(offset, size);
    initialized[offset / 64] |= ((uint64_t(1) << size) - 1) << offset % 64;
  }
  /// These bytes, which lie in it, become as if nothing had written them.
  void forget(size_t offset, size_t size);

private:
  // The same over several words.
  bool areWritten(size_t offset, size_t size) const;
  void markAll(size_t offset, size_t size);
};

/// Device memory. Device pointers are host pointers, so the host fills and
/// reads buffers directly. Red zones lie around every allocation: what a kernel
/// reads there is 0xFF bytes, NaN in all floating-point types.
class Memory {
public:
  /// Memory of which nothing is initialised, aligned to 256 bytes as
  /// cudaMalloc's is (or more). A size of 0 is allowed. Null if there is not
  /// so much memory.
  void *allocate(size_t bytes, std::string name, size_t alignment = 256);
  void free(void *pointer);
  /// The host has written these bytes.
  void markInitialized(void *pointer, size_t bytes);
  /// Kernels may read but not write the allocation from now on.
  void markConstant(void *pointer);

  /// The allocation that holds the address, or null.
  Allocation *find(uint64_t address);
  /// The allocation next to the address, for messages; null if there is none.
  Allocation *nearest(uint64_t address);

  std::map<uint64_t, std::unique_ptr<Allocation>> &all() { return allocations; }

private:
  std::map<uint64_t, std::unique_ptr<Allocation>> allocations; ///< by address
  Allocation *last = nullptr;                                  ///< found last
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_MEMORY_H
