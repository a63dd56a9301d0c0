//===- GuardedTensor.cpp - Memory that notices wrong accesses -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GuardedTensor.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace attn;
using namespace attn::testing;

//===----------------------------------------------------------------------===//
// Accesses to guard pages
//===----------------------------------------------------------------------===//

namespace {
/// A buffer as the signal handler knows it.
struct Slot {
  const char *mapping, *mappingEnd, *data, *dataEnd;
  char name[32];
};
} // namespace

static Slot slots[64];
static char guardContext[256];

/// Says which buffer was missed and by how much, then dies of the signal.
static void reportAccess(int signal, siginfo_t *info, void *) {
  const char *address = static_cast<const char *>(info->si_addr);
  for (const Slot &slot : slots) {
    if (address < slot.mapping || address >= slot.mappingEnd)
      continue;
    bool before = address < slot.data;
    char text[512];
    int length = std::snprintf(
        text, sizeof(text), "\n%s: access outside of '%s', %ld bytes %s\n",
        guardContext, slot.name,
        static_cast<long>(before ? slot.data - address
                                 : address - slot.dataEnd),
        before ? "before its first byte" : "behind its end");
    if (length > 0 && write(STDERR_FILENO, text, length) < 0)
      break;
  }
  std::signal(signal, SIG_DFL);
}

static void installHandler() {
  static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = reportAccess;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGSEGV, &action, nullptr) == 0 &&
           sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  (void)installed;
}

void attn::testing::setGuardContext(const std::string &context) {
  std::snprintf(guardContext, sizeof(guardContext), "%s", context.c_str());
}

//===----------------------------------------------------------------------===//
// GuardedBuffer
//===----------------------------------------------------------------------===//

/// A quiet NaN of each width; as an index, far beyond any tensor.
static const unsigned char pattern[4] = {0xad, 0x7f, 0xff, 0x7f};

/// Wide enough that a wrong row or tile does not jump over it.
static constexpr int64_t guardBytes = 1 << 20;

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

GuardedBuffer::GuardedBuffer(std::string name, int64_t bytes, int64_t alignment,
                             Placement placement)
    : name(std::move(name)), bytes(bytes) {
  installHandler();
  innerBytes = roundUp(bytes, sysconf(_SC_PAGESIZE));
  mappingBytes = innerBytes + 2 * guardBytes;
  void *memory = mmap(nullptr, mappingBytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap of a guarded buffer");
    std::abort();
  }
  mapping = static_cast<char *>(memory);
  inner = mapping + guardBytes;
  if (innerBytes && mprotect(inner, innerBytes, PROT_READ | PROT_WRITE)) {
    std::perror("mprotect of a guarded buffer");
    std::abort();
  }
  start = placement == Placement::guardBefore
              ? inner
              : inner + innerBytes - roundUp(bytes, alignment);
  fill();

  slot = std::find_if(std::begin(slots), std::end(slots),
                      [](const Slot &slot) { return !slot.mapping; }) -
         std::begin(slots);
  if (slot == std::end(slots) - std::begin(slots)) {
    std::fprintf(stderr, "too many guarded buffers\n");
    std::abort();
  }
  slots[slot] = {mapping, mapping + mappingBytes, start, start + bytes, {}};
  std::snprintf(slots[slot].name, sizeof(slots[slot].name), "%s",
                this->name.c_str());
}

GuardedBuffer::~GuardedBuffer() {
  slots[slot] = {};
  munmap(mapping, mappingBytes);
}

void GuardedBuffer::fill() {
  for (int64_t n = 0; n < innerBytes; n += sizeof(pattern))
    std::memcpy(inner + n, pattern, sizeof(pattern));
}

std::string GuardedBuffer::damage(const std::vector<bool> &used) const {
  int64_t halves = used.size(), count = 0, first = 0;
  for (int64_t n = 0; n < innerBytes; n += 2) {
    int64_t half = (n - (start - inner)) / 2;
    if (n >= start - inner && (half < halves ? used[half] : half * 2 < bytes))
      continue;
    if (std::memcmp(inner + n, pattern + n % 4, 2) == 0)
      continue;
    first = count++ ? first : n - (start - inner);
  }
  if (count == 0)
    return "";
  return std::to_string(count) + " half words beside the elements of '" + name +
         "' were overwritten, the first at byte " + std::to_string(first) +
         " of " + std::to_string(bytes);
}

//===----------------------------------------------------------------------===//
// GuardedTensor
//===----------------------------------------------------------------------===//

/// Bytes from the first to behind the last element.
static int64_t extent(ElementType type, const std::vector<int64_t> &shape,
                      const std::vector<int64_t> &strides) {
  int64_t last = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0)
      return 0;
    last += (shape[d] - 1) * strides[d];
  }
  return (last + 1) * elementBytes(type);
}

GuardedTensor::GuardedTensor(std::string name, ElementType type,
                             std::vector<int64_t> shape,
                             std::vector<int64_t> strides, Placement placement)
    : type(type), shape(shape), strides(strides),
      buffer(std::move(name), extent(type, shape, strides),
             std::max<int64_t>(elementBytes(type), 2), placement) {}

Tensor GuardedTensor::view() const {
  return Tensor(buffer.data(), type, shape, strides);
}

template <typename Function>
void GuardedTensor::forEach(Function function) const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  std::vector<int64_t> at(shape.size(), 0);
  int64_t offset = 0;
  for (int64_t n = 0; n < count; ++n) {
    function(n, offset * elementBytes(type));
    for (size_t d = shape.size(); d-- > 0;) {
      offset += strides[d];
      if (++at[d] < shape[d])
        break;
      offset -= shape[d] * strides[d];
      at[d] = 0;
    }
  }
}

template <typename T>
static void store(char *at, double value) {
  T converted = static_cast<T>(value);
  std::memcpy(at, &converted, sizeof(T));
}

/// The bits of a number that bf16 can hold.
static uint16_t toBf16(double value) {
  float single = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &single, sizeof(bits));
  if (!std::isnan(single) && bits & 0xffff) {
    std::fprintf(stderr, "%g is not a bf16\n", value);
    std::abort();
  }
  return bits >> 16;
}

void GuardedTensor::write(const std::vector<double> &values) {
  forEach([&](int64_t n, int64_t offset) {
    char *at = buffer.data() + offset;
    switch (type) {
    case ElementType::f32:
      return store<float>(at, values[n]);
    case ElementType::f16:
      return store<_Float16>(at, values[n]);
    case ElementType::bf16:
      return store<uint16_t>(at, toBf16(values[n]));
    case ElementType::i32:
      return store<int32_t>(at, values[n]);
    case ElementType::i64:
    case ElementType::index:
      return store<int64_t>(at, values[n]);
    case ElementType::i1:
    case ElementType::i8:
      return store<int8_t>(at, values[n]);
    default:
      std::fprintf(stderr, "guarded tensors do not hold %s\n",
                   elementTypeName(type));
      std::abort();
    }
  });
}

std::vector<float> GuardedTensor::read() const {
  std::vector<float> values;
  forEach([&](int64_t, int64_t offset) {
    const char *at = buffer.data() + offset;
    if (type == ElementType::f16) {
      _Float16 half;
      std::memcpy(&half, at, sizeof(half));
      values.push_back(half);
      return;
    }
    // A bf16 is the upper half of an f32.
    float value = 0;
    bool isHalf = type == ElementType::bf16;
    std::memcpy(reinterpret_cast<char *>(&value) + (isHalf ? 2 : 0), at,
                elementBytes(type));
    values.push_back(value);
  });
  return values;
}

std::string GuardedTensor::damage() const {
  // Of two bytes one may be an element.
  std::vector<bool> used((buffer.size() + 1) / 2);
  int64_t halves = std::max<int64_t>(elementBytes(type) / 2, 1);
  forEach([&](int64_t, int64_t offset) {
    std::fill_n(used.begin() + offset / 2, halves, true);
  });
  return buffer.damage(used);
}
