//===- AlignedBuffer.cpp - Page-aligned memory ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/CpuDevice.h"

#include <cstdlib>
#include <sys/mman.h>
#include <utility>

using namespace attn;

static constexpr int64_t pageBytes = 4096;
static constexpr int64_t hugePageBytes = int64_t(2) << 20;
/// Larger than the memory of any machine, and small enough to be rounded up.
static constexpr int64_t maxBytes = int64_t(1) << 46;

AlignedBuffer::~AlignedBuffer() { release(); }

AlignedBuffer::AlignedBuffer(AlignedBuffer &&other) noexcept
    : allocator(other.allocator), memory(std::exchange(other.memory, nullptr)),
      bytes(std::exchange(other.bytes, 0)) {}

AlignedBuffer &AlignedBuffer::operator=(AlignedBuffer &&other) noexcept {
  std::swap(allocator, other.allocator);
  std::swap(memory, other.memory);
  std::swap(bytes, other.bytes);
  return *this;
}

void AlignedBuffer::release() {
  if (!allocator.deallocate)
    std::free(memory);
  else if (memory)
    allocator.deallocate(allocator.self, memory, static_cast<size_t>(bytes));
}

Status AlignedBuffer::reserve(int64_t wanted) {
  if (wanted <= bytes && wanted >= 0)
    return Status::success();
  void *grown = nullptr;
  int64_t alignment = wanted >= hugePageBytes ? hugePageBytes : pageBytes;
  int64_t rounded = 0;
  if (wanted >= 0 && wanted <= maxBytes) {
    rounded = (wanted + alignment - 1) / alignment * alignment;
    grown =
        allocator.allocate
            ? allocator.allocate(allocator.self, static_cast<size_t>(rounded),
                                 static_cast<size_t>(alignment))
            : std::aligned_alloc(static_cast<size_t>(alignment),
                                 static_cast<size_t>(rounded));
  }
  if (!grown)
    return failure("cannot allocate " + std::to_string(wanted) + " bytes");
  if (reinterpret_cast<uintptr_t>(grown) % static_cast<size_t>(alignment)) {
    allocator.deallocate(allocator.self, grown, static_cast<size_t>(rounded));
    return failure("the allocate hook returned memory that is not aligned to " +
                   std::to_string(alignment) + " bytes");
  }
  // Only a wish: systems without huge pages refuse it.
  if (alignment == hugePageBytes && !allocator.allocate)
    madvise(grown, static_cast<size_t>(rounded), MADV_HUGEPAGE);
  release();
  memory = grown;
  bytes = rounded;
  return Status::success();
}
