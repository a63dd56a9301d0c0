//===- SharedMemory.cpp - Shared memory with its shadow -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"

#include "Machine.h"

#include <cstring>

using namespace attn::emulator;

/// What fresh shared memory holds, and destinations of copies in flight: NaN in
/// bf16, f16 and f32.
static constexpr int freshByte = 0xfe, inFlightByte = 0xff;

struct SharedMemory::Shadow {};

SharedMemory::SharedMemory(Cta &cta, uint32_t bytes)
    : cta(cta), bytes(bytes), storage(new uint8_t[bytes]) {
  std::memset(storage.get(), freshByte, bytes);
}

SharedMemory::~SharedMemory() = default;

static bool checkBounds(Cta &cta, const SharedMemory &memory,
                        const Accessor &who, const char *verb, uint32_t address,
                        uint32_t count) {
  if (memory.contains(address, count))
    return true;
  cta.report(ReportKind::bounds, &who.warp, &who.op,
             who.lane == Accessor::collective ? -1 : who.lane,
             std::string(verb) + " " + std::to_string(count) +
                 " bytes of shared memory at " + std::to_string(address) +
                 "; the CTA has " + std::to_string(memory.size()) +
                 " bytes from " + std::to_string(sharedBase) + " on");
  return false;
}

bool SharedMemory::read(const Accessor &who, uint32_t address, uint32_t count) {
  return checkBounds(cta, *this, who, "reads", address, count);
}

bool SharedMemory::write(const Accessor &who, uint32_t address,
                         uint32_t count) {
  return checkBounds(cta, *this, who, "writes", address, count);
}

bool SharedMemory::atomic(const Accessor &who, uint32_t address,
                          uint32_t count) {
  return checkBounds(cta, *this, who, "modifies", address, count);
}

bool SharedMemory::beginCopy(const Accessor &who, uint32_t address,
                             uint32_t count) {
  if (!checkBounds(cta, *this, who, "copies", address, count))
    return false;
  std::memset(at(address), inFlightByte, count);
  return true;
}

void SharedMemory::endCopy(const Accessor &, uint32_t, uint32_t) {}

void SharedMemory::endCopy(const Accessor &, uint32_t, uint32_t, uint32_t,
                           Clock) {}

bool SharedMemory::asyncRead(const Accessor &who, uint32_t address,
                             uint32_t count, uint32_t, Clock) {
  return checkBounds(cta, *this, who, "reads", address, count);
}

void SharedMemory::endAsyncRead(const Accessor &, uint32_t, uint32_t,
                                uint32_t) {}

bool SharedMemory::beginAsyncWrite(const Accessor &who, uint32_t address,
                                   uint32_t count) {
  if (!checkBounds(cta, *this, who, "writes", address, count))
    return false;
  std::memset(at(address), inFlightByte, count);
  return true;
}

void SharedMemory::endAsyncWrite(const Accessor &, uint32_t, uint32_t, uint32_t,
                                 Clock) {}

void SharedMemory::setBarrierStorage(uint32_t, bool) {}

bool SharedMemory::useBarrier(const Accessor &who, uint32_t address) {
  return checkBounds(cta, *this, who, "uses", address, 8);
}

void SharedMemory::countBankConflicts(const Op &, const uint32_t *, LaneMask,
                                      uint32_t) {}
