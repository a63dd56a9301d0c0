//===- SharedShadow.cpp - Who touched shared memory last ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedShadow.h"

#include <algorithm>
#include <cstring>

using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

/// What is kept of a reader.
static uint32_t packReader(uint32_t op, bool isStrong, uint32_t lane) {
  return op << 8 | uint32_t(isStrong) << 7 | lane;
}
static uint32_t laneOf(uint32_t reader) { return reader & 63; }
static bool isStrong(uint32_t reader) { return reader & 128; }
static uint32_t opOf(uint32_t reader) { return reader >> 8; }

SharedShadow::SharedShadow(uint32_t bytes, uint32_t dimensions)
    : bytes(bytes), dimensions(dimensions), stride((dimensions + 3) / 4 * 4) {
  size_t count = (bytes + granuleBytes - 1) / granuleBytes;
  granules.resize(count);
  size_t cells = count * (granuleBytes + 1);
  // Pages of cells that nobody touches cost nothing.
  parts.reset(new Cell[count * granuleBytes]);
  reads.reset(new Read[cells * stride]);
  reset(bytes, dimensions);
}

bool SharedShadow::reset(uint32_t bytes, uint32_t dimensions) {
  if (bytes != this->bytes || dimensions != this->dimensions)
    return false;
  std::fill(granules.begin(), granules.end(),
            Granule{Cell{0, 0, 0, 0, 0}, 0, granuleBytes, 0});
  return true;
}

static const View &viewOf(const Accessor &who) {
  return who.view ? *who.view : who.warp.view;
}

SharedShadow::Viewer::Viewer(const Accessor &who, Strength strength,
                             bool isAsync)
    : warp(who.warp), op(who.op),
      seen(isAsync ? viewOf(who).async.data() : viewOf(who).generic.data()),
      generic(viewOf(who).generic.data()), own(who.warp.index),
      clock(who.warp.clock), lastSync(who.warp.lastSyncClock),
      opIndex(static_cast<uint32_t>(&who.op - who.warp.cta.program.ops.data())),
      lane(static_cast<uint8_t>(who.lane)), isAsync(isAsync),
      isStrong(strength != Strength::weak),
      checksRaces(who.warp.cta.options.race),
      checksInit(who.warp.cta.options.uninitialized),
      checksMbarriers(who.warp.cta.options.mbarriers) {}

void SharedShadow::copyPlace(const Place &from, const Place &to) {
  to.cell = from.cell;
  if (!(from.cell.flags & hasReads))
    return;
  std::memcpy(to.reads, from.reads, stride * sizeof(Read));
}

/// Splits a granule into cells of so many bytes. Part n of words is at place n,
/// as part n of bytes is.
void SharedShadow::refine(uint32_t granule, uint32_t cellBytes) {
  Granule &state = granules[granule];
  uint32_t before = state.cellBytes;
  if (before <= cellBytes)
    return;
  state.cellBytes = static_cast<uint8_t>(cellBytes);
  uint32_t each = before / cellBytes;
  if (before == granuleBytes) {
    for (uint32_t part = 0; part < each; ++part)
      copyPlace(wholeOf(granule), partOf(granule, part));
    return;
  }
  // Words into bytes: from the last on, so that none is overwritten too early.
  for (uint32_t part = granuleBytes / cellBytes; part-- > 0;)
    if (part != part / each)
      copyPlace(partOf(granule, part / each), partOf(granule, part));
}

template <typename Visit>
bool SharedShadow::forCells(uint32_t granule, uint32_t begin, uint32_t end,
                            Visit visit) {
  Granule &state = granules[granule];
  if (begin != 0 || end != granuleBytes)
    refine(granule, begin % 4 || end % 4 ? 1 : 4);
  if (state.cellBytes == granuleBytes)
    return visit(wholeOf(granule));
  for (uint32_t part = begin / state.cellBytes; part < end / state.cellBytes;
       ++part)
    if (!visit(partOf(granule, part)))
      return false;
  return true;
}

/// Calls visit(granule, begin, end) for the bytes of each granule.
template <typename Visit>
static bool forGranules(uint32_t offset, uint32_t count, Visit visit) {
  const uint32_t last = offset + count;
  while (offset < last) {
    uint32_t granule = offset / 16, first = granule * 16;
    uint32_t end = std::min(last - first, 16u);
    if (!visit(granule, offset - first, end))
      return false;
    offset = first + 16;
  }
  return true;
}

static uint32_t maskOf(uint32_t begin, uint32_t end) {
  return (1u << end) - (1u << begin);
}

/// The halves of a granule, of 8 bytes each, that a range touches.
static uint32_t halvesOf(uint32_t begin, uint32_t end) {
  return (begin < 8 ? 1 : 0) | (end > 8 ? 2 : 0);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// The common case of an order; reportWrite decides about the rest.
inline bool SharedShadow::isOrdered(const Viewer &viewer,
                                    const Cell &cell) const {
  return cell.clock <= viewer.seen[cell.dimension] &&
         (cell.dimension != viewer.own || cell.clock < viewer.lastSync ||
          (cell.lane == viewer.lane && cell.lane != Accessor::collective));
}

inline bool SharedShadow::checkWrite(const Viewer &viewer, const Place &place,
                                     uint32_t offset, uint32_t count,
                                     const char *verb) {
  return isOrdered(viewer, place.cell) ||
         reportWrite(viewer, place.cell, offset, count, verb);
}

inline bool SharedShadow::checkReads(const Viewer &viewer, const Place &place,
                                     uint32_t offset, uint32_t count,
                                     const char *verb) {
  if (!(place.cell.flags & hasReads))
    return true;
  const Clock *seen =
      viewer.isAsync && viewer.warp.cta.options.warNeedsProxyFence
          ? viewer.seen
          : viewer.generic;
  // The slots above `dimensions` are zero, and views have more dimensions.
  uint32_t late = 0;
  for (uint32_t d = 0; d < stride; ++d)
    late |= place.reads[d].clock > seen[d];
  const Read &own = place.reads[viewer.own];
  late |= own.clock >= viewer.lastSync && laneOf(own.reader) != viewer.lane;
  return !late || reportReads(viewer, place, offset, count, verb);
}

/// Remembers a read.
inline void SharedShadow::note(const Viewer &viewer, const Place &place,
                               uint32_t dimension, Clock clock) {
  if (!(place.cell.flags & hasReads)) {
    std::memset(place.reads, 0, stride * sizeof(Read));
    place.cell.flags |= hasReads;
  }
  uint32_t lane = viewer.lane;
  Read &last = place.reads[dimension];
  if (dimension == viewer.own && last.clock >= viewer.lastSync) {
    // A collective read orders later writes of all lanes after itself, but not
    // after what single lanes have read before.
    uint32_t reader = laneOf(last.reader);
    if (reader != lane && reader != Accessor::collective)
      lane =
          lane == Accessor::collective ? reader : uint32_t(Accessor::several);
  }
  last = {std::max(last.clock, clock),
          packReader(viewer.opIndex, viewer.isStrong, lane)};
}

template <uint32_t count>
bool SharedShadow::accessCells(Viewer &viewer, LaneMask lanes,
                               bool isCollective, Intent intent,
                               const uint32_t *addresses) {
  const bool reads = intent != Intent::write, writes = intent != Intent::read;
  const char *verb = reads ? writes ? "modifies" : "reads" : "writes";
  const Kind kind = viewer.isStrong ? Kind::strong : Kind::plain;
  const uint32_t wanted = reads && viewer.checksInit ? maskOf(0, count) : 0;
  for (; lanes; lanes &= lanes - 1) {
    int lane = __builtin_ctz(lanes);
    uint32_t offset = addresses[lane] - sharedBase,
             granule = offset / granuleBytes, byte = offset % granuleBytes;
    if (!isCollective)
      viewer.lane = static_cast<uint8_t>(lane);
    Granule &state = granules[granule];
    // What needs refinement or is special takes the long way.
    if (offset % count || (viewer.checksRaces && state.cellBytes != count) ||
        state.barriers || wanted & ~(uint32_t(state.initialized) >> byte)) {
      if (!(writes ? write(viewer, offset, count, kind, viewer.clock, reads)
                   : read(viewer, offset, count, viewer.own, viewer.clock)))
        return false;
      continue;
    }
    if (writes)
      state.initialized |= static_cast<uint16_t>(maskOf(0, count) << byte);
    if (!viewer.checksRaces)
      continue;
    Place place = count == granuleBytes ? wholeOf(granule)
                                        : partOf(granule, byte / count);
    if (!checkWrite(viewer, place, offset, count, verb))
      return false;
    if (!writes) {
      note(viewer, place, viewer.own, viewer.clock);
      continue;
    }
    if (!checkReads(viewer, place, offset, count, verb))
      return false;
    place.cell = {viewer.clock, viewer.opIndex,
                  static_cast<uint16_t>(viewer.own), viewer.lane,
                  static_cast<uint8_t>(kind)};
  }
  return true;
}

bool SharedShadow::access(Viewer &viewer, LaneMask lanes, bool isCollective,
                          Intent intent, const uint32_t *addresses,
                          uint32_t count) {
  switch (count) {
  case 1:
    return accessCells<1>(viewer, lanes, isCollective, intent, addresses);
  case 4:
    return accessCells<4>(viewer, lanes, isCollective, intent, addresses);
  case 16:
    return accessCells<16>(viewer, lanes, isCollective, intent, addresses);
  }
  const Kind kind = viewer.isStrong ? Kind::strong : Kind::plain;
  for (; lanes; lanes &= lanes - 1) {
    int lane = __builtin_ctz(lanes);
    uint32_t offset = addresses[lane] - sharedBase;
    if (!isCollective)
      viewer.lane = static_cast<uint8_t>(lane);
    if (!(intent == Intent::read
              ? read(viewer, offset, count, viewer.own, viewer.clock)
              : write(viewer, offset, count, kind, viewer.clock,
                      intent == Intent::modify)))
      return false;
  }
  return true;
}

bool SharedShadow::read(const Viewer &viewer, uint32_t offset, uint32_t count,
                        uint32_t dimension, Clock clock) {
  return forGranules(
      offset, count, [&](uint32_t granule, uint32_t begin, uint32_t end) {
        Granule &state = granules[granule];
        uint32_t mask = maskOf(begin, end);
        if (viewer.checksInit && (state.initialized & mask) != mask &&
            !reportUninitialized(viewer, granule, mask, offset, count))
          return false;
        if (state.barriers & halvesOf(begin, end) &&
            !reportBarrier(viewer, granule, offset, count, "reads"))
          return false;
        if (!viewer.checksRaces)
          return true;
        return forCells(granule, begin, end, [&](const Place &place) {
          if (!checkWrite(viewer, place, offset, count, "reads"))
            return false;
          note(viewer, place, dimension, clock);
          return true;
        });
      });
}

bool SharedShadow::write(const Viewer &viewer, uint32_t offset, uint32_t count,
                         Kind kind, Clock clock, bool modifies) {
  const char *verb = modifies ? "modifies" : "writes";
  const Cell label{clock, viewer.opIndex, static_cast<uint16_t>(viewer.own),
                   viewer.lane, static_cast<uint8_t>(kind)};
  return forGranules(
      offset, count, [&](uint32_t granule, uint32_t begin, uint32_t end) {
        Granule &state = granules[granule];
        uint32_t mask = maskOf(begin, end);
        if (modifies && viewer.checksInit &&
            (state.initialized & mask) != mask &&
            !reportUninitialized(viewer, granule, mask, offset, count))
          return false;
        state.initialized |= static_cast<uint16_t>(mask);
        if (state.barriers & halvesOf(begin, end) &&
            !reportBarrier(viewer, granule, offset, count, verb))
          return false;
        if (!viewer.checksRaces)
          return true;
        if (!forCells(granule, begin, end, [&](const Place &place) {
              if (!checkWrite(viewer, place, offset, count, verb) ||
                  !checkReads(viewer, place, offset, count, verb))
                return false;
              place.cell = label;
              return true;
            }))
          return false;
        if (mask == 0xffff && state.cellBytes != granuleBytes) {
          state.cellBytes = granuleBytes;
          state.whole = label;
        }
        return true;
      });
}

void SharedShadow::endWrite(const Viewer &viewer, uint32_t offset,
                            uint32_t count, Kind kind, uint32_t dimension,
                            Clock clock) {
  const Cell label{clock, viewer.opIndex, static_cast<uint16_t>(dimension),
                   viewer.lane, static_cast<uint8_t>(kind)};
  forGranules(offset, count,
              [&](uint32_t granule, uint32_t begin, uint32_t end) {
                return forCells(granule, begin, end, [&](const Place &place) {
                  // Whoever read in flight has been reported.
                  place.cell = label;
                  return true;
                });
              });
}

void SharedShadow::setBarrier(uint32_t offset, bool isBarrier) {
  forGranules(offset, 8, [&](uint32_t granule, uint32_t begin, uint32_t end) {
    uint32_t halves = halvesOf(begin, end);
    uint8_t &barriers = granules[granule].barriers;
    barriers = static_cast<uint8_t>(isBarrier ? barriers | halves
                                              : barriers & ~halves);
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

static std::string bytesAt(uint32_t offset, uint32_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes") + " at " +
         std::to_string(offset + sharedBase) + " of shared memory";
}

/// "line 12: st.shared.b32 [%r1], %r2; (warp 3, lane 5)". The line comes first:
/// reports about the same two instructions are counted, not repeated.
static std::string describe(const Cta &cta, uint32_t op, uint32_t dimension,
                            uint32_t lane) {
  std::string text = cta.program.describe(cta.program.ops[op]) + " of ";
  if (dimension < cta.warpCount)
    text += "warp " + std::to_string(dimension);
  else if (dimension < cta.dimensionOfBulkReads(0))
    text += "warpgroup " + std::to_string(dimension - cta.warpCount);
  else if (dimension < cta.readDimensions())
    text += "warp " + std::to_string(dimension - cta.dimensionOfBulkReads(0));
  else
    text += "the async proxy";
  if (lane < lanesPerWarp)
    text += ", lane " + std::to_string(lane);
  else if (lane == uint32_t(Accessor::several))
    text += ", several lanes";
  return text;
}

static bool report(const SharedShadow::Viewer &viewer, ReportKind kind,
                   std::string what, std::string other = {}) {
  int lane = viewer.lane < lanesPerWarp ? viewer.lane : -1;
  return viewer.warp.cta.report(kind, &viewer.warp, &viewer.op, lane,
                                std::move(what), std::move(other));
}

/// True if a fence.proxy.async covers what the warp itself has written.
static bool isFenced(const SharedShadow::Viewer &viewer, Clock clock,
                     uint32_t lane) {
  const Warp &warp = viewer.warp;
  return clock <= viewer.seen[viewer.own] ||
         warp.fencedShared.covers(int(lane), clock);
}

/// The access is not obviously ordered after the last write.
bool SharedShadow::reportWrite(const Viewer &viewer, const Cell &cell,
                               uint32_t offset, uint32_t count,
                               const char *verb) {
  std::string missing;
  ReportKind kind = ReportKind::race;
  if (cell.clock == inFlight) {
    missing = cell.flags & uint8_t(Kind::copy)
                  ? ", to which a cp.async is under way: cp.async.wait_group "
                    "must come first"
                  : ", to which a bulk copy is under way: it must have been "
                    "waited for";
  } else if (viewer.isStrong && cell.flags & uint8_t(Kind::strong)) {
    return true;
  } else if (cell.dimension == viewer.own) {
    bool isOrdered =
        viewer.warp.areOrdered(viewer.lane, cell.lane, cell.clock) ||
        (cell.lane == viewer.lane && viewer.lane != Accessor::collective) ||
        (viewer.isAsync && viewer.lane == Accessor::collective);
    if (!isOrdered)
      missing = ", which another lane of the warp has written: bar.warp.sync "
                "(__syncwarp) is missing between";
    else if (!viewer.isAsync || isFenced(viewer, cell.clock, cell.lane))
      return true;
  } else if (cell.clock > viewer.generic[cell.dimension]) {
    missing = ", which has been written, and no barrier or wait orders the two";
  }
  if (missing.empty()) {
    kind = ReportKind::proxyRace;
    missing = " through the async proxy, which has been written through the "
              "generic proxy: fence.proxy.async is missing after the write";
  }
  return report(viewer, kind, verb + (" " + bytesAt(offset, count)) + missing,
                describe(viewer.warp.cta, cell.op, cell.dimension, cell.lane));
}

/// Some of the last reads are not obviously before this write.
bool SharedShadow::reportReads(const Viewer &viewer, const Place &place,
                               uint32_t offset, uint32_t count,
                               const char *verb) {
  const bool isStrict =
      viewer.isAsync && viewer.warp.cta.options.warNeedsProxyFence;
  for (uint32_t d = 0; d < dimensions; ++d) {
    auto [clock, reader] = place.reads[d];
    if (!clock)
      continue;
    uint32_t lane = laneOf(reader);
    if (viewer.isStrong && isStrong(reader))
      continue;
    std::string missing;
    ReportKind kind = ReportKind::race;
    if (clock == inFlight) {
      missing = ", which an asynchronous operation still reads: it must have "
                "been waited for";
    } else if (clock > viewer.generic[d]) {
      missing = d < viewer.warp.cta.warpCount
                    ? ", which has been read, and no barrier orders the two"
                    : ", which an asynchronous operation may still read: it "
                      "must have been waited for";
    } else if (d == viewer.own &&
               !viewer.warp.areOrdered(viewer.lane, int(lane), clock) &&
               lane != viewer.lane && lane != Accessor::collective &&
               viewer.lane != Accessor::collective) {
      missing = ", which another lane of the warp has read: bar.warp.sync "
                "(__syncwarp) is missing between";
    } else if (isStrict && (d == viewer.own ? !isFenced(viewer, clock, lane)
                                            : clock > viewer.seen[d])) {
      kind = ReportKind::proxyRace;
      missing = " through the async proxy, which has been read through the "
                "generic proxy: fence.proxy.async is missing after the read";
    } else {
      continue;
    }
    if (!report(viewer, kind, verb + (" " + bytesAt(offset, count)) + missing,
                describe(viewer.warp.cta, opOf(reader), d, lane)))
      return false;
  }
  return true;
}

bool SharedShadow::reportUninitialized(const Viewer &viewer, uint32_t granule,
                                       uint32_t mask, uint32_t offset,
                                       uint32_t count) {
  uint32_t missing = mask & ~uint32_t(granules[granule].initialized);
  // Once is enough.
  granules[granule].initialized |= static_cast<uint16_t>(mask);
  uint32_t first =
      granule * granuleBytes + static_cast<uint32_t>(__builtin_ctz(missing));
  return report(viewer, ReportKind::uninitialized,
                "reads " + bytesAt(offset, count) +
                    ", and nothing has written "
                    "the byte at " +
                    std::to_string(first + sharedBase));
}

bool SharedShadow::reportBarrier(const Viewer &viewer, uint32_t granule,
                                 uint32_t offset, uint32_t count,
                                 const char *verb) {
  if (!viewer.checksMbarriers)
    return true;
  uint32_t address = granule * granuleBytes + sharedBase +
                     (granules[granule].barriers & 1 ? 0 : 8);
  return report(viewer, ReportKind::mbarrier,
                verb + (" " + bytesAt(offset, count)) +
                    ", where there is an mbarrier at " +
                    std::to_string(address));
}
