//===- Access.cpp - Loads and stores, checked -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"

#include "GlobalShadow.h"
#include "Releases.h"

using namespace attn;
using namespace attn::emulator;

StateSpace attn::emulator::stateSpaceOf(std::string_view text) {
  if (text == ".global")
    return StateSpace::global;
  if (text == ".const")
    return StateSpace::constant;
  if (text == ".shared" || text == ".shared::cta")
    return StateSpace::shared;
  if (text == ".local")
    return StateSpace::local;
  if (text.substr(0, 6) == ".param")
    return StateSpace::param;
  return StateSpace::generic;
}

Strength attn::emulator::strengthOf(std::string_view text) {
  if (text.empty() || text == ".weak")
    return Strength::weak;
  if (text.substr(0, 8) == ".acquire")
    return Strength::acquire;
  if (text.substr(0, 8) == ".release")
    return Strength::release;
  if (text.substr(0, 8) == ".acq_rel")
    return Strength::acquireRelease;
  return Strength::relaxed;
}

static std::string bytesText(uint64_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

std::string attn::emulator::notSharedText(uint64_t address, bool isGeneric) {
  const uint64_t window = address & windowMask;
  std::string text = hex(address) + ", which is no address of shared memory";
  if (!isGeneric && window == sharedWindow)
    text += ", but a generic one: cvta.to.shared must come first";
  else if (isGeneric && !window && !(address >> 32))
    text += " among generic ones: cvta.shared must come first";
  return text;
}

std::string attn::emulator::describe(const Accessor &who) {
  std::string text = "warp " + std::to_string(who.warp.index);
  if (who.lane != Accessor::collective)
    text += ", lane " + std::to_string(who.lane);
  return text;
}

static bool report(const Accessor &who, ReportKind kind, std::string what,
                   std::string other = {}) {
  int lane = who.lane == Accessor::collective ? -1 : who.lane;
  return who.warp.cta.report(kind, &who.warp, &who.op, lane, std::move(what),
                             std::move(other));
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

/// Where an address lies, by the nearest allocation.
static std::string placeOf(Launch &launch, uint64_t address, uint64_t bytes) {
  Allocation *nearest = launch.memory.nearest(address);
  Allocation *variable = launch.program.variables->nearest(address);
  auto distance = [&](const Allocation &allocation) {
    uint64_t begin = reinterpret_cast<uint64_t>(allocation.data);
    uint64_t end = begin + allocation.bytes;
    return address < begin ? begin - address
           : address < end ? 0
                           : address - end;
  };
  if (!nearest || (variable && distance(*variable) < distance(*nearest)))
    nearest = variable;
  if (!nearest)
    return "there is no allocation at all";
  uint64_t begin = reinterpret_cast<uint64_t>(nearest->data);
  uint64_t end = begin + nearest->bytes;
  std::string name =
      "'" + nearest->name + "' (" + bytesText(nearest->bytes) + ")";
  if (address < begin)
    return "that is " + bytesText(begin - address) +
           " before the beginning of " + name;
  if (address < end)
    return "that is " + bytesText(address + bytes - end) + " over the end of " +
           name;
  return "that is " + bytesText(address - end) + " behind the end of " + name;
}

/// An access that is not within one allocation. True if it can go on all the
/// same.
static bool outsideGlobal(const Accessor &who, uint64_t address, uint64_t bytes,
                          Intent intent) {
  Launch &launch = who.warp.cta.launch;
  if (!launch.options.bounds)
    for (Memory *memory : {&launch.memory, launch.program.variables})
      if (Allocation *near = memory->nearest(address);
          near && near->surrounds(address, bytes))
        return true;
  report(who, ReportKind::bounds,
         std::string(verbOf(intent)) + " " + bytesText(bytes) +
             " of global memory at " + hex(address) +
             (address & windowMask
                  ? ", which is a generic address of another memory"
                  : ", in no allocation: " + placeOf(launch, address, bytes)));
  return false;
}

static size_t offsetIn(const Allocation &allocation, uint64_t address) {
  return address - reinterpret_cast<uint64_t>(allocation.data);
}

/// The labels of an allocation; null if races are not looked for.
static GlobalShadow::OfAllocation *shadowOf(Launch &launch,
                                            const Allocation &allocation) {
  if (!launch.options.race)
    return nullptr;
  if (!launch.globalShadow)
    launch.globalShadow = std::make_shared<GlobalShadow>();
  return &launch.globalShadow->of(allocation);
}

/// The checks of an access that lies within an allocation. False: given up.
static bool checkGlobal(const Accessor &who, Allocation &allocation,
                        GlobalShadow::OfAllocation *shadow, uint64_t address,
                        uint64_t bytes, Intent intent, const AccessOrder &how) {
  const size_t offset = offsetIn(allocation, address);
  const LaunchOptions &options = who.warp.cta.options;
  if (intent != Intent::write && options.uninitialized &&
      !allocation.isWritten(offset, bytes)) {
    allocation.markWritten(offset, bytes);
    if (!report(who, ReportKind::uninitialized,
                "reads " + bytesText(bytes) + " at offset " +
                    std::to_string(offset) + " of '" + allocation.name +
                    "', which nothing has written"))
      return false;
  }
  if (intent != Intent::read) {
    if (allocation.isConstant && options.bounds &&
        !report(who, ReportKind::bounds,
                "writes '" + allocation.name + "', which is constant"))
      return false;
    if (options.uninitialized)
      allocation.markWritten(offset, bytes);
    else
      allocation.isInitialized = true;
  }
  return !shadow || shadow->access(who, offset, bytes, intent, how);
}

/// A strong access releases or acquires.
static void order(std::shared_ptr<Releases> &releases, const Accessor &who,
                  uint64_t address, const AccessKind &kind) {
  if (kind.strength == Strength::weak || !who.warp.cta.options.race)
    return;
  if (!releases)
    releases = std::make_shared<Releases>();
  releases->access(who, address, kind.intent, {kind.strength, kind.isOfCta},
                   kind.publishesFences);
}

uint8_t *attn::emulator::accessGlobal(const Accessor &who, uint64_t address,
                                      uint64_t bytes, Intent intent,
                                      const AccessOrder &how) {
  Launch &launch = who.warp.cta.launch;
  Allocation *allocation = launch.findGlobal(address);
  if (!allocation || !allocation->contains(address, bytes)) {
    if (!outsideGlobal(who, address, bytes, intent))
      return nullptr;
  } else if (!checkGlobal(who, *allocation, shadowOf(launch, *allocation),
                          address, bytes, intent, how)) {
    return nullptr;
  }
  return reinterpret_cast<uint8_t *>(address);
}

//===----------------------------------------------------------------------===//
// The lanes of a warp
//===----------------------------------------------------------------------===//

namespace {

/// An access of a warp, taken lane by lane.
struct WarpAccess {
  Warp &warp;
  const Op &op;
  const AccessKind &kind;
  const uint64_t *addresses;
  uint8_t **places;

  bool global(LaneMask lanes);
  bool checkInside(Allocation &allocation, LaneMask lanes);
  /// `window`: that of generic addresses, or 0.
  bool shared(LaneMask lanes, uint64_t window);
  bool local(LaneMask lanes);
  bool param(LaneMask lanes);
  bool inSpace(StateSpace space, LaneMask lanes, bool isGeneric);
  bool checkAlignment(LaneMask lanes);
  bool outside(int lane, const std::string &where);
};

} // namespace

/// Calls `body(lane)` for each lane until one returns false.
template <typename Body>
static bool forLanes(LaneMask lanes, Body body) {
  for (; lanes; lanes &= lanes - 1)
    if (!body(__builtin_ctz(lanes)))
      return false;
  return true;
}

bool WarpAccess::checkAlignment(LaneMask lanes) {
  return forLanes(lanes, [&](int lane) {
    return addresses[lane] % kind.alignment == 0 ||
           report({warp, op, lane}, ReportKind::alignment,
                  std::string(verbOf(kind.intent)) + " " +
                      bytesText(kind.bytes) + " at address " +
                      hex(addresses[lane]) + ", which is not a multiple of " +
                      std::to_string(kind.alignment));
  });
}

bool WarpAccess::outside(int lane, const std::string &where) {
  report({warp, op, lane}, ReportKind::bounds,
         std::string(verbOf(kind.intent)) + " " + bytesText(kind.bytes) + " " +
             where);
  return false;
}

bool WarpAccess::global(LaneMask lanes) {
  // Other lanes may be in other spaces.
  for (int l = 0; l < lanesPerWarp; ++l)
    places[l] =
        lanes >> l & 1 ? reinterpret_cast<uint8_t *>(addresses[l]) : places[l];
  while (lanes) {
    // Mostly, all are in one allocation.
    const int first = __builtin_ctz(lanes);
    Allocation *allocation = warp.cta.launch.findGlobal(addresses[first]);
    if (!allocation || !allocation->contains(addresses[first], kind.bytes)) {
      if (!outsideGlobal({warp, op, first}, addresses[first], kind.bytes,
                         kind.intent))
        return false;
      lanes &= lanes - 1;
      continue;
    }
    const uint64_t begin = reinterpret_cast<uint64_t>(allocation->data),
                   last = allocation->bytes - kind.bytes;
    LaneMask inside = 0;
    for (int l = 0; l < lanesPerWarp; ++l)
      inside |= LaneMask(addresses[l] - begin <= last) << l;
    inside &= lanes;
    if (!checkInside(*allocation, inside))
      return false;
    lanes &= ~inside;
  }
  return true;
}

/// The checks of lanes that are within an allocation.
bool WarpAccess::checkInside(Allocation &allocation, LaneMask lanes) {
  Launch &launch = warp.cta.launch;
  GlobalShadow::OfAllocation *shadow = shadowOf(launch, allocation);
  const AccessOrder how{kind.strength, kind.isOfCta};
  if (kind.space == StateSpace::constant && !allocation.isConstant &&
      launch.options.bounds && lanes) {
    const int lane = __builtin_ctz(lanes);
    if (!report({warp, op, lane}, ReportKind::bounds,
                std::string(verbOf(kind.intent)) + " constant memory at " +
                    hex(addresses[lane]) + ": that is in '" + allocation.name +
                    "', which is not constant"))
      return false;
  }
  return forLanes(lanes, [&](int lane) {
    if (!checkGlobal({warp, op, lane}, allocation, shadow, addresses[lane],
                     kind.bytes, kind.intent, how))
      return false;
    if (shadow && kind.isReadOnly &&
        !shadow->checkUnwritten({warp, op, lane},
                                offsetIn(allocation, addresses[lane]),
                                kind.bytes))
      return false;
    order(launch.releases, {warp, op, lane}, addresses[lane], kind);
    return true;
  });
}

bool WarpAccess::shared(LaneMask lanes, uint64_t window) {
  SharedMemory &memory = warp.cta.shared;
  uint32_t narrow[lanesPerWarp];
  uint64_t high = 0;
  uint8_t *origin = memory.at(sharedBase);
  for (int l = 0; l < lanesPerWarp; ++l) {
    uint64_t isThere = 0 - uint64_t(lanes >> l & 1);
    high |= (addresses[l] ^ window) & isThere;
    narrow[l] = static_cast<uint32_t>(addresses[l] & isThere);
    places[l] = isThere ? origin + (narrow[l] - sharedBase) : places[l];
  }
  if (high >> 32)
    return forLanes(lanes, [&](int lane) {
      return !((addresses[lane] ^ window) >> 32) ||
             outside(lane, "of shared memory at " +
                               notSharedText(addresses[lane], window != 0));
    });
  if (!memory.access(warp, op, lanes, /*isCollective=*/false, kind.intent,
                     kind.strength, narrow, kind.bytes))
    return false;
  if (warp.cta.options.bankConflicts)
    memory.countBankConflicts(op, narrow, lanes, kind.bytes);
  if (kind.strength != Strength::weak)
    forLanes(lanes, [&](int lane) {
      order(warp.cta.releases, {warp, op, lane}, narrow[lane], kind);
      return true;
    });
  return true;
}

bool WarpAccess::local(LaneMask lanes) {
  uint64_t bytes = warp.cta.program.localBytes;
  return forLanes(lanes, [&](int lane) {
    // Variables have generic addresses where the decoder may choose.
    const uint64_t window = addresses[lane] & windowMask,
                   offset = addresses[lane] ^ window;
    if (window && window != localWindow)
      return outside(lane, "of local memory at " + hex(addresses[lane]) +
                               ", which is a generic address of another "
                               "memory");
    if (offset > bytes || kind.bytes > bytes - offset)
      return outside(lane, "at " + std::to_string(offset) +
                               " of local memory, of which the kernel has " +
                               bytesText(bytes));
    places[lane] = warp.localMemory(lane) + offset;
    return true;
  });
}

bool WarpAccess::param(LaneMask lanes) {
  std::vector<uint8_t> &parameters = warp.cta.launch.parameters;
  return forLanes(lanes, [&](int lane) {
    uint64_t offset = addresses[lane] & ~windowMask;
    if (kind.intent != Intent::read)
      return outside(lane, "of a kernel parameter, which is constant");
    if (offset > parameters.size() || kind.bytes > parameters.size() - offset)
      return outside(lane, "at " + std::to_string(offset) +
                               " of the kernel parameters, which have " +
                               bytesText(parameters.size()));
    places[lane] = parameters.data() + offset;
    return true;
  });
}

bool WarpAccess::inSpace(StateSpace space, LaneMask lanes, bool isGeneric) {
  switch (space) {
  case StateSpace::global:
  case StateSpace::constant:
    return global(lanes);
  case StateSpace::shared:
    return shared(lanes, isGeneric ? sharedWindow : 0);
  case StateSpace::local:
    return local(lanes);
  case StateSpace::param:
  case StateSpace::generic:
    break;
  }
  return param(lanes);
}

/// The memory of a generic address; generic if there is none.
static StateSpace spaceOfGeneric(uint64_t address) {
  switch (address & windowMask) {
  case 0:
    return StateSpace::global;
  case sharedWindow:
    return StateSpace::shared;
  case localWindow:
    return StateSpace::local;
  case paramWindow:
    return StateSpace::param;
  }
  return StateSpace::global; // in no allocation
}

bool attn::emulator::access(Warp &warp, const Op &op, LaneMask lanes,
                            const AccessKind &kind, const uint64_t *addresses,
                            uint8_t **places) {
  WarpAccess all{warp, op, kind, addresses, places};
  if (warp.cta.options.alignment) {
    uint64_t low = 0;
    for (int l = 0; l < lanesPerWarp; ++l)
      low |= addresses[l] & (0 - uint64_t(lanes >> l & 1));
    if (low % kind.alignment && !all.checkAlignment(lanes))
      return false;
  }
  if (kind.space != StateSpace::generic && kind.space != StateSpace::param)
    return all.inSpace(kind.space, lanes, /*isGeneric=*/false);
  // Lanes may differ in what they address. Parameters of functions are in
  // local memory.
  while (lanes) {
    uint64_t first = addresses[__builtin_ctz(lanes)];
    LaneMask same = 0;
    for (int l = 0; l < lanesPerWarp; ++l)
      same |= LaneMask(((addresses[l] ^ first) & windowMask) == 0) << l;
    same &= lanes;
    StateSpace space = spaceOfGeneric(first);
    if (kind.space == StateSpace::param && space == StateSpace::global)
      space = StateSpace::param;
    if (!all.inSpace(space, same, /*isGeneric=*/true))
      return false;
    lanes &= ~same;
  }
  return true;
}

void attn::emulator::laneAddresses(Warp &warp, const Op &op, int slot,
                                   bool wide, uint64_t *addresses) {
  const uint64_t displacement = static_cast<uint64_t>(op.immediate);
  if (wide) {
    const uint64_t *row = warp.row<uint64_t>(op.src[slot]);
    for (int lane = 0; lane < lanesPerWarp; ++lane)
      addresses[lane] = row[lane] + displacement;
    return;
  }
  // Addresses of 32 bits wrap around.
  const uint32_t *row = warp.row<uint32_t>(op.src[slot]);
  for (int lane = 0; lane < lanesPerWarp; ++lane)
    addresses[lane] = row[lane] + static_cast<uint32_t>(displacement);
}
