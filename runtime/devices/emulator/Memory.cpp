//===- Memory.cpp - Global memory of the emulator -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

using namespace attn::emulator;

/// What fresh memory and the red zones hold. Both are NaN in bf16, f16 and
/// f32, so that a value that should not have been read shows in the result.
static constexpr int freshByte = 0xfe, redZoneByte = 0xff;

/// An overrun by rows or tiles should not reach another allocation: the zone
/// grows with the allocation.
static size_t redZoneFor(size_t bytes) {
  constexpr size_t least = 4096, most = 65536;
  size_t zone = least;
  while (zone < most && zone < bytes)
    zone *= 2;
  return zone;
}

/// Bits `begin` to `end` (below 64) of a word.
static uint64_t bitRange(size_t begin, size_t end) {
  uint64_t upTo = end == 64 ? ~uint64_t(0) : (uint64_t(1) << end) - 1;
  return upTo & ~((uint64_t(1) << begin) - 1);
}

bool Allocation::areWritten(size_t offset, size_t size) const {
  for (size_t end = offset + size; offset < end;) {
    size_t next = std::min(end, (offset / 64 + 1) * 64);
    uint64_t bits = bitRange(offset % 64, next - offset / 64 * 64);
    if ((initialized[offset / 64] & bits) != bits)
      return false;
    offset = next;
  }
  return true;
}

void Allocation::markAll(size_t offset, size_t size) {
  if (size == bytes) {
    isInitialized = true;
    return;
  }
  for (size_t end = offset + size; offset < end;) {
    size_t next = std::min(end, (offset / 64 + 1) * 64);
    initialized[offset / 64] |= bitRange(offset % 64, next - offset / 64 * 64);
    offset = next;
  }
}

void Allocation::forget(size_t offset, size_t size) {
  std::memset(data + offset, freshByte, size);
  if (isInitialized)
    std::fill(initialized.begin(), initialized.end(), ~uint64_t(0));
  isInitialized = false;
  for (size_t end = offset + size; offset < end;) {
    size_t next = std::min(end, (offset / 64 + 1) * 64);
    initialized[offset / 64] &= ~bitRange(offset % 64, next - offset / 64 * 64);
    offset = next;
  }
}

void *Memory::allocate(size_t bytes, std::string name, size_t alignment) {
  alignment = std::max<size_t>(alignment, 256);
  auto added = std::make_unique<Allocation>();
  added->name = std::move(name);
  added->bytes = bytes;
  added->redZone = redZoneFor(bytes);
  const size_t extra = 2 * added->redZone + alignment;
  if (bytes > std::numeric_limits<ptrdiff_t>::max() - extra)
    return nullptr;
  const size_t all = bytes + extra;
  // Not value-initialised: it is filled below.
  added->storage.reset(new (std::nothrow) uint8_t[all]);
  if (!added->storage)
    return nullptr;
  uint64_t begin =
      reinterpret_cast<uint64_t>(added->storage.get()) + added->redZone;
  begin = (begin + alignment - 1) / alignment * alignment;
  added->data = reinterpret_cast<uint8_t *>(begin);
  std::memset(added->storage.get(), redZoneByte, all);
  std::memset(added->data, freshByte, bytes);
  added->initialized.resize((bytes + 63) / 64, 0);
  uint8_t *data = added->data;
  allocations[begin] = std::move(added);
  return data;
}

void Memory::free(void *pointer) {
  last = nullptr;
  allocations.erase(reinterpret_cast<uint64_t>(pointer));
}

void Memory::markInitialized(void *pointer, size_t bytes) {
  uint64_t address = reinterpret_cast<uint64_t>(pointer);
  if (Allocation *allocation = nearest(address);
      allocation && bytes && allocation->contains(address, bytes))
    allocation->markWritten(
        address - reinterpret_cast<uint64_t>(allocation->data), bytes);
}

void Memory::markConstant(void *pointer) {
  if (Allocation *allocation = find(reinterpret_cast<uint64_t>(pointer)))
    allocation->isConstant = true;
}

Allocation *Memory::find(uint64_t address) {
  if (last && last->contains(address, 1))
    return last;
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return nullptr;
  Allocation *candidate = std::prev(after)->second.get();
  if (!candidate->contains(address, 1))
    return nullptr;
  return last = candidate;
}

/// Bytes between an address and an allocation.
static uint64_t distance(const Allocation &allocation, uint64_t address) {
  uint64_t begin = reinterpret_cast<uint64_t>(allocation.data);
  if (address < begin)
    return begin - address;
  return address < begin + allocation.bytes
             ? 0
             : address - begin - allocation.bytes;
}

Allocation *Memory::nearest(uint64_t address) {
  auto after = allocations.upper_bound(address);
  Allocation *above =
      after == allocations.end() ? nullptr : after->second.get();
  Allocation *below =
      after == allocations.begin() ? nullptr : std::prev(after)->second.get();
  if (!above || !below)
    return above ? above : below;
  return distance(*below, address) <= distance(*above, address) ? below : above;
}
