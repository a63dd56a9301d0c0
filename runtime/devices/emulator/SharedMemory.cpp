//===- SharedMemory.cpp - The shared memory of a CTA ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"

#include "Machine.h"
#include "SharedShadow.h"

#include <algorithm>
#include <cstring>

using namespace attn::emulator;
using Kind = SharedShadow::Kind;
using Viewer = SharedShadow::Viewer;

/// What fresh shared memory holds, and destinations of copies in flight: NaN in
/// bf16, f16 and f32.
static constexpr int freshByte = 0xfe, inFlightByte = 0xff;

SharedMemory::SharedMemory(Cta &cta, uint32_t bytes)
    : cta(cta), bytes(bytes), storage(new uint8_t[bytes]) {
  std::memset(storage.get(), freshByte, bytes);
  const LaunchOptions &options = cta.options;
  if (!bytes || !(options.race || options.uninitialized || options.mbarriers))
    return;
  // The shadow of the last CTA has its pages already.
  std::shared_ptr<SharedShadow> &spare = cta.launch.spareShadow;
  if (spare && spare->reset(bytes, cta.readDimensions()))
    shadow = std::move(spare);
  else
    shadow = std::make_shared<SharedShadow>(bytes, cta.readDimensions());
}

SharedMemory::~SharedMemory() {
  if (shadow)
    cta.launch.spareShadow = std::move(shadow);
}

bool SharedMemory::checkBounds(const Accessor &who, const char *verb,
                               uint32_t address, uint32_t count) {
  if (contains(address, count))
    return true;
  std::string where = bytes
                          ? "the CTA has " + std::to_string(bytes) +
                                " bytes from " + std::to_string(sharedBase) +
                                " to " + std::to_string(sharedBase + bytes - 1)
                          : "the CTA has none";
  cta.report(ReportKind::bounds, &who.warp, &who.op,
             who.lane == Accessor::collective ? -1 : who.lane,
             std::string(verb) + " " + std::to_string(count) + " bytes at " +
                 std::to_string(address) + " of shared memory, of which " +
                 where);
  return false;
}

//===----------------------------------------------------------------------===//
// The generic proxy
//===----------------------------------------------------------------------===//

bool SharedMemory::access(const Accessor &who, Intent intent, Strength strength,
                          uint32_t address, uint32_t count) {
  if (!checkBounds(who, verbOf(intent), address, count))
    return false;
  if (!shadow)
    return true;
  Viewer viewer(who, strength, false);
  return shadow->access(viewer, 1, /*isCollective=*/true, intent, &address,
                        count);
}

bool SharedMemory::checkBounds(Warp &warp, const Op &op, LaneMask lanes,
                               const char *verb, const uint32_t *addresses,
                               uint32_t count) {
  const uint32_t last = bytes - count;
  uint32_t outside = count > bytes;
  for (int l = 0; l < lanesPerWarp; ++l)
    outside |= (addresses[l] - sharedBase > last) & (lanes >> l);
  if (!(outside & 1))
    return true;
  for (; lanes; lanes &= lanes - 1)
    if (int lane = __builtin_ctz(lanes);
        !checkBounds({warp, op, lane}, verb, addresses[lane], count))
      break;
  return false;
}

bool SharedMemory::access(Warp &warp, const Op &op, LaneMask lanes,
                          bool isCollective, Intent intent, Strength strength,
                          const uint32_t *addresses, uint32_t count) {
  if (!checkBounds(warp, op, lanes, verbOf(intent), addresses, count))
    return false;
  if (!shadow)
    return true;
  Viewer viewer({warp, op}, strength, false);
  return shadow->access(viewer, lanes, isCollective, intent, addresses, count);
}

//===----------------------------------------------------------------------===//
// Asynchronous work
//===----------------------------------------------------------------------===//

bool SharedMemory::beginCopies(Warp &warp, const Op &op, LaneMask lanes,
                               const uint32_t *addresses, uint32_t count) {
  if (!checkBounds(warp, op, lanes, "copies", addresses, count))
    return false;
  Viewer viewer({warp, op}, Strength::weak, false);
  for (; lanes; lanes &= lanes - 1) {
    int lane = __builtin_ctz(lanes);
    viewer.lane = static_cast<uint8_t>(lane);
    std::memset(at(addresses[lane]), inFlightByte, count);
    if (shadow && !shadow->write(viewer, addresses[lane] - sharedBase, count,
                                 Kind::copy, inFlight, false))
      return false;
  }
  return true;
}

void SharedMemory::endCopies(Warp &warp, const Op &op, LaneMask lanes,
                             const uint32_t *addresses, uint32_t count,
                             uint32_t dimension, Clock clock) {
  if (!shadow || !cta.options.race)
    return;
  Viewer viewer({warp, op}, Strength::weak, false);
  for (; lanes; lanes &= lanes - 1) {
    int lane = __builtin_ctz(lanes);
    viewer.lane = static_cast<uint8_t>(lane);
    shadow->endWrite(viewer, addresses[lane] - sharedBase, count, Kind::copy,
                     dimension, clock);
  }
}

bool SharedMemory::asyncRead(const Accessor &who, uint32_t address,
                             uint32_t count, uint32_t dimension, Clock clock) {
  if (!checkBounds(who, "reads", address, count))
    return false;
  return !shadow || shadow->read(Viewer(who, Strength::weak, true),
                                 address - sharedBase, count, dimension, clock);
}

bool SharedMemory::beginAsyncWrite(const Accessor &who, uint32_t address,
                                   uint32_t count) {
  if (!checkBounds(who, "writes", address, count))
    return false;
  std::memset(at(address), inFlightByte, count);
  return !shadow ||
         shadow->write(Viewer(who, Strength::weak, true), address - sharedBase,
                       count, Kind::async, inFlight, false);
}

void SharedMemory::endAsyncWrite(const Accessor &who, uint32_t address,
                                 uint32_t count, uint32_t dimension,
                                 Clock clock) {
  if (shadow && cta.options.race)
    shadow->endWrite(Viewer(who, Strength::weak, true), address - sharedBase,
                     count, Kind::async, dimension, clock);
}

void SharedMemory::setBarrierStorage(uint32_t address, bool isBarrier) {
  if (shadow)
    shadow->setBarrier(address - sharedBase, isBarrier);
}

//===----------------------------------------------------------------------===//
// Bank conflicts
//===----------------------------------------------------------------------===//

/// Cycles for lanes that are served together: the most different words that
/// they want of one bank.
static uint32_t cyclesOf(const uint32_t *addresses, LaneMask lanes,
                         uint32_t words) {
  constexpr uint32_t banks = 32;
  uint32_t wanted[banks][lanesPerWarp], counts[banks] = {}, most = 0;
  for (; lanes; lanes &= lanes - 1)
    for (uint32_t word = 0; word < words; ++word) {
      uint32_t number = addresses[__builtin_ctz(lanes)] / 4 + word;
      uint32_t bank = number % banks, *begin = wanted[bank],
               *end = begin + counts[bank];
      if (std::find(begin, end, number) != end)
        continue;
      *end = number;
      most = std::max(most, ++counts[bank]);
    }
  return most;
}

void SharedMemory::countBankConflicts(const Op &op, const uint32_t *addresses,
                                      LaneMask lanes, uint32_t bytesPerLane) {
  uint32_t words = std::max(1u, bytesPerLane / 4);
  // 8 bytes are served for half a warp, 16 for a quarter, which is a matrix of
  // ldmatrix.
  uint32_t together = lanesPerWarp / words;
  uint64_t extra = 0;
  for (uint32_t first = 0; first < lanesPerWarp; first += together) {
    LaneMask group = together == lanesPerWarp
                         ? lanes
                         : lanes & (((LaneMask(1) << together) - 1) << first);
    if (group)
      extra += cyclesOf(addresses, group, words) - 1;
  }
  cta.launch
      .bankConflictsByOp[static_cast<size_t>(&op - cta.program.ops.data())] +=
      extra;
}
