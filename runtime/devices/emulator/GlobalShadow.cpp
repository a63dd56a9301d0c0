//===- GlobalShadow.cpp - Who touched global memory last ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalShadow.h"

#include <algorithm>

using namespace attn::emulator;

static constexpr size_t granuleBytes = 16;
/// A Label::laneShift: all bytes are of one lane.
static constexpr uint32_t wholeShift = 4;

GlobalShadow::OfAllocation &GlobalShadow::of(const Allocation &allocation) {
  if (lastAllocation != &allocation) {
    std::unique_ptr<OfAllocation> &place = all[&allocation];
    if (!place)
      place = std::make_unique<OfAllocation>(allocation);
    lastAllocation = &allocation;
    last = place.get();
  }
  return *last;
}

GlobalShadow::OfAllocation::OfAllocation(const Allocation &allocation)
    : allocation(allocation) {
  // Pages of granules that nobody touches cost nothing.
  size_t count = (allocation.bytes + granuleBytes - 1) / granuleBytes;
  granules.reset(static_cast<Granule *>(
      std::calloc(std::max<size_t>(count, 1), sizeof(Granule))));
}

//===----------------------------------------------------------------------===//
// Labels
//===----------------------------------------------------------------------===//

uint32_t GlobalShadow::OfAllocation::dimensionOf(const Viewer &viewer,
                                                 const Label &label) {
  return label.isBulkWrite
             ? viewer.who.warp.cta.dimensionOfBulkWrites(label.warp)
             : label.warp;
}

/// The same of lanes of one warp. Only these bytes count.
bool GlobalShadow::OfAllocation::areLanesBefore(const Viewer &viewer,
                                                const Label &label,
                                                uint32_t mask) {
  const int own = viewer.who.lane;
  for (; mask; mask &= mask - 1) {
    const int lane = label.laneAt(static_cast<uint32_t>(__builtin_ctz(mask)));
    if (lane != own && lane != Accessor::collective &&
        !viewer.who.warp.areOrdered(own, lane, label.clock))
      return false;
  }
  return true;
}

/// True if the access of the label is before the viewer's.
inline bool GlobalShadow::OfAllocation::isBefore(const Viewer &viewer,
                                                 const Label &label,
                                                 uint32_t mask) {
  const Label &own = viewer.label;
  const Warp &warp = viewer.who.warp;
  if (label.cta != own.cta) {
    if (!warp.view.foreign)
      return false;
    // Of several CTAs it is not known which have been acquired from.
    return label.cta == severalCtas ||
           warp.view.foreign->clockOf(
               label.cta - 1, dimensionOf(viewer, label)) >= label.clock;
  }
  if (label.isSeveral)
    return true;
  if (label.warp != own.warp || label.isBulkWrite)
    return label.clock <= warp.view.generic[dimensionOf(viewer, label)];
  return label.clock < warp.lastSyncClock ||
         areLanesBefore(viewer, label, mask);
}

/// True if it is, or cannot race with it.
inline bool GlobalShadow::OfAllocation::isOrdered(const Viewer &viewer,
                                                  const Label &label,
                                                  uint32_t mask) {
  const Label &own = viewer.label;
  if (label.isStrong && own.isStrong &&
      (label.cta == own.cta || !(label.isOfCta | own.isOfCta)))
    return true;
  return isBefore(viewer, label, mask);
}

/// True if the viewer, who is of the async proxy, knows of a generic access
/// that is before its own.
bool GlobalShadow::OfAllocation::isFenced(const Viewer &viewer,
                                          const Label &label, uint32_t mask) {
  if (label.isBulkWrite || (label.isStrong && viewer.label.isStrong))
    return true;
  const Warp &warp = viewer.who.warp;
  const View &view = warp.view;
  if (label.cta != viewer.label.cta)
    return view.foreignAsync && (label.cta == severalCtas ||
                                 view.foreignAsync->clockOf(
                                     label.cta - 1, label.warp) >= label.clock);
  if (label.isSeveral || (label.warp < view.asyncGlobal.size() &&
                          label.clock <= view.asyncGlobal[label.warp]))
    return true;
  if (label.warp != viewer.label.warp)
    return false;
  for (; mask; mask &= mask - 1)
    if (!warp.fencedGlobal.covers(
            label.laneAt(static_cast<uint32_t>(__builtin_ctz(mask))),
            label.clock))
      return false;
  return true;
}

/// What is kept of two readers: the later, or that there are several.
GlobalShadow::OfAllocation::Label
GlobalShadow::OfAllocation::merged(const Viewer &viewer, const Label &before,
                                   uint32_t mask) {
  Label label = viewer.label;
  if (!before.cta)
    return label;
  label.isStrong &= before.isStrong;
  label.isOfCta |= before.isOfCta;
  if (before.cta != label.cta) {
    if (before.cta == severalCtas || !isBefore(viewer, before, mask))
      label.cta = severalCtas;
  } else if (before.isSeveral) {
    label.isSeveral = 1;
  } else if (!isBefore(viewer, before, mask)) {
    if (before.warp != label.warp) {
      label.isSeveral = 1;
    } else {
      label.lane = Accessor::several;
      label.laneShift = wholeShift;
    }
  }
  return label;
}

void GlobalShadow::OfAllocation::noteInCell(const Viewer &viewer, Cell &cell,
                                            uint32_t mask) {
  if (viewer.intent == Intent::read) {
    cell.read = merged(viewer, cell.read, mask);
    return;
  }
  cell.write = viewer.label;
  // Whoever is ordered after this write is ordered after what was read before.
  cell.read = Label{};
}

inline bool GlobalShadow::OfAllocation::checkCell(const Viewer &viewer,
                                                  const Cell &cell,
                                                  uint32_t written,
                                                  uint32_t read) {
  if (written && cell.write.cta) {
    if (!isOrdered(viewer, cell.write, written))
      return report(viewer, cell.write, written, "written");
    if (viewer.isAsync && !isFenced(viewer, cell.write, written))
      return reportProxy(viewer, cell.write, written, "written");
  }
  if (viewer.intent != Intent::read && read && cell.read.cta) {
    if (!isOrdered(viewer, cell.read, read))
      return report(viewer, cell.read, read, "read");
    if (viewer.isAsync && viewer.who.warp.cta.options.warNeedsProxyFence &&
        !isFenced(viewer, cell.read, read))
      return reportProxy(viewer, cell.read, read, "read");
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Granules
//===----------------------------------------------------------------------===//

void GlobalShadow::OfAllocation::split(Granule &granule, bool intoBytes) {
  if (granule.parts) {
    if (!intoBytes || granule.parts & splitIntoBytes)
      return;
    // The words stay behind, unused.
    std::array<Cell, 16> cells;
    for (size_t n = 0; n < cells.size(); ++n)
      cells[n] = words[granule.parts - 1][n / 4];
    bytes.push_back(cells);
    granule.parts = static_cast<uint32_t>(bytes.size()) | splitIntoBytes;
    return;
  }
  auto part = [&](uint32_t mask) {
    Cell cell = granule.cell;
    if (!(granule.written & mask))
      cell.write = Label{};
    if (!(granule.read & mask))
      cell.read = Label{};
    return cell;
  };
  if (intoBytes) {
    bytes.emplace_back();
    for (size_t n = 0; n < 16; ++n)
      bytes.back()[n] = part(1u << n);
    granule.parts = static_cast<uint32_t>(bytes.size()) | splitIntoBytes;
  } else {
    words.emplace_back();
    for (size_t n = 0; n < 4; ++n)
      words.back()[n] = part(15u << 4 * n);
    granule.parts = static_cast<uint32_t>(words.size());
  }
}

/// True if a set of bytes consists of words.
static bool isOfWords(uint32_t mask) {
  for (uint32_t word = 15; word < 0x10000; word <<= 4)
    if ((mask & word) != 0 && (mask & word) != word)
      return false;
  return true;
}

bool GlobalShadow::OfAllocation::accessParts(const Viewer &viewer,
                                             Granule &granule, uint32_t mask) {
  const bool areBytes = granule.parts & splitIntoBytes;
  const uint32_t number = (granule.parts & ~splitIntoBytes) - 1;
  Cell *cells = areBytes ? bytes[number].data() : words[number].data();
  const uint32_t each = areBytes ? 1 : 4;
  for (uint32_t n = 0; n < 16 / each; ++n) {
    if (!(mask >> n * each & 1))
      continue;
    const uint32_t part = ((1u << each) - 1) << n * each;
    if (!checkCell(viewer, cells[n], part, part))
      return false;
    noteInCell(viewer, cells[n], part);
  }
  return true;
}

bool GlobalShadow::OfAllocation::accessWhole(const Viewer &viewer,
                                             Granule &granule, uint32_t mask) {
  Cell &cell = granule.cell;
  if (granule.parts) {
    split(granule, !isOfWords(mask));
    return accessParts(viewer, granule, mask);
  }
  // One label will do if it is about the same bytes, or if a warp goes on where
  // it was, lane by lane, or if the label is not needed any more.
  const Label &own = viewer.label;
  const uint32_t written = granule.written, read = granule.read;
  const uint32_t first = static_cast<uint32_t>(__builtin_ctz(mask)),
                 last = 31 - static_cast<uint32_t>(__builtin_clz(mask));
  auto continues = [&](const Label &label) {
    return label.cta == own.cta && label.clock == own.clock &&
           label.warp == own.warp && label.isStrong == own.isStrong &&
           label.isOfCta == own.isOfCta &&
           label.isBulkWrite == own.isBulkWrite && !label.isSeveral &&
           label.laneAt(first) == own.laneAt(first) &&
           label.laneAt(last) == own.laneAt(last);
  };
  auto continued = [&](const Label &label) {
    Label result = label;
    result.op = own.op;
    return result;
  };
  const bool reads = viewer.intent == Intent::read;
  const bool goesOn = continues(reads ? cell.read : cell.write);
  auto isMergedOne = [&] {
    if (read & ~mask)
      return false;
    const Label label = merged(viewer, cell.read, read);
    return label.cta != severalCtas && label.lane != Accessor::several;
  };
  const bool isOne =
      goesOn ||
      (reads ? !read || read == mask ||
                   (cell.read.cta == severalCtas && !(mask & ~read)) ||
                   isMergedOne()
             : !(written & ~mask));
  if (!isOne) {
    split(granule, !isOfWords(mask) || !isOfWords(written) || !isOfWords(read));
    return accessParts(viewer, granule, mask);
  }
  if (!checkCell(viewer, cell, written & mask, read & mask))
    return false;
  if (reads) {
    cell.read = goesOn ? continued(cell.read)
                : read ? merged(viewer, cell.read, read & mask)
                       : own;
    granule.read |= static_cast<uint16_t>(mask);
    return true;
  }
  cell.write = goesOn ? continued(cell.write) : own;
  granule.written |= static_cast<uint16_t>(mask);
  granule.read &= static_cast<uint16_t>(~mask);
  return true;
}

/// Calls visit(granule, its bytes) until one returns false.
template <typename Visit>
static bool forGranules(size_t offset, size_t count, Visit visit) {
  for (size_t end = offset + count; offset < end;) {
    size_t number = offset / granuleBytes, first = number * granuleBytes;
    size_t last = std::min(end - first, granuleBytes);
    if (!visit(number, (1u << last) - (1u << (offset - first))))
      return false;
    offset = first + granuleBytes;
  }
  return true;
}

bool GlobalShadow::OfAllocation::access(const Accessor &who, size_t offset,
                                        size_t count, Intent intent,
                                        const AccessOrder &how) {
  const Cta &cta = who.warp.cta;
  const bool isBulkRead = how.isAsync && intent == Intent::read;
  Label label{};
  label.cta = cta.linearId + 1;
  label.op = static_cast<uint32_t>(&who.op - cta.program.ops.data());
  label.warp = who.warp.index & 31;
  label.isStrong = how.strength != Strength::weak;
  label.isOfCta = how.isOfCta;
  label.isBulkWrite = how.isAsync && !isBulkRead;
  label.clock = label.isBulkWrite ? how.ticket : who.warp.clock;
  // All lanes may wait for what one of them loads.
  label.lane = isBulkRead ? Accessor::collective : who.lane;
  label.laneShift = wholeShift;
  if (count < granuleBytes && !(count & (count - 1)) && offset % count == 0 &&
      label.lane < lanesPerWarp) {
    label.laneShift = static_cast<uint32_t>(__builtin_ctzll(count));
    label.lane -= static_cast<int>(offset % granuleBytes / count);
  }
  const Viewer viewer{who, label, intent, offset, count, how.isAsync};
  return forGranules(offset, count, [&](size_t number, uint32_t mask) {
    return accessWhole(viewer, granules[number], mask);
  });
}

/// The bytes of a granule that have been written.
uint32_t GlobalShadow::OfAllocation::writtenBytes(const Granule &granule) {
  if (!granule.parts)
    return granule.written;
  const bool areBytes = granule.parts & splitIntoBytes;
  const uint32_t number = (granule.parts & ~splitIntoBytes) - 1;
  uint32_t mask = 0;
  for (uint32_t n = 0; n < granuleBytes; ++n)
    if ((areBytes ? bytes[number][n] : words[number][n / 4]).write.cta)
      mask |= 1u << n;
  return mask;
}

static std::string accessText(Intent intent, size_t count, size_t offset,
                              const Allocation &allocation) {
  return std::string(verbOf(intent)) + " " + std::to_string(count) +
         (count == 1 ? " byte" : " bytes") + " at offset " +
         std::to_string(offset) + " of '" + allocation.name + "'";
}

bool GlobalShadow::OfAllocation::checkUnwritten(const Accessor &who,
                                                size_t offset, size_t count) {
  bool isWritten = false;
  forGranules(offset, count, [&](size_t number, uint32_t mask) {
    isWritten |= (writtenBytes(granules[number]) & mask) != 0;
    return true;
  });
  return !isWritten ||
         who.warp.cta.report(
             ReportKind::race, &who.warp, &who.op, who.lane,
             accessText(Intent::read, count, offset, allocation) +
                 ", which this launch has written: .nc is for memory that "
                 "nothing writes while the kernel runs");
}

//===----------------------------------------------------------------------===//
// Reports
//===----------------------------------------------------------------------===//

static std::string nameOfCta(const Cta &cta, uint32_t number) {
  const Dim3 &grid = cta.launch.dimensions.grid;
  return "CTA (" + std::to_string(number % grid.x) + ", " +
         std::to_string(number / grid.x % grid.y) + ", " +
         std::to_string(number / grid.x / grid.y) + ")";
}

bool GlobalShadow::OfAllocation::report(const Viewer &viewer,
                                        const Label &label, uint32_t mask,
                                        const char *did) {
  const Accessor &who = viewer.who;
  const Cta &cta = who.warp.cta;
  const bool isOwn = label.cta == viewer.label.cta,
             isSeveral = label.isSeveral || label.cta == severalCtas;
  std::string by, missing;
  if (!isOwn) {
    by =
        label.cta == severalCtas ? "other CTAs" : nameOfCta(cta, label.cta - 1);
    missing = " in this launch, and no release and acquire order the two";
    if (label.isStrong && viewer.label.isStrong)
      missing += "; the scope .cta does not reach that far";
  } else if (label.isBulkWrite) {
    by = "a bulk copy";
    missing = ", and nobody has waited for its end: "
              "cp.async.bulk.wait_group, without .read, is missing";
  } else if (label.isSeveral || label.warp != viewer.label.warp) {
    by = label.isSeveral ? "other warps" : "another warp";
    missing = ", and no barrier orders the two";
  } else {
    by = "another lane of the warp";
    missing = ": bar.warp.sync (__syncwarp) is missing between";
  }
  return tell(viewer, ReportKind::race,
              ", which " + by + (isSeveral ? " have " : " has ") + did +
                  missing,
              label, mask);
}

bool GlobalShadow::OfAllocation::reportProxy(const Viewer &viewer,
                                             const Label &label, uint32_t mask,
                                             const char *did) {
  return tell(viewer, ReportKind::proxyRace,
              std::string(" through the async proxy, which has been ") + did +
                  " through the generic proxy: fence.proxy.async is missing "
                  "after the " +
                  (did[0] == 'w' ? "write" : "read"),
              label, mask);
}

bool GlobalShadow::OfAllocation::tell(const Viewer &viewer, ReportKind kind,
                                      const std::string &what,
                                      const Label &label, uint32_t mask) {
  const Accessor &who = viewer.who;
  const Cta &cta = who.warp.cta;
  std::string other = cta.program.describe(cta.program.ops[label.op]) + " of ";
  if (label.isSeveral || label.cta == severalCtas) {
    other += "several";
  } else {
    other += "warp " + std::to_string(label.warp);
    const int lane = label.laneAt(static_cast<uint32_t>(__builtin_ctz(mask)));
    if (lane < lanesPerWarp)
      other += ", lane " + std::to_string(lane);
    else if (lane == Accessor::several)
      other += ", several lanes";
  }
  if (label.cta != viewer.label.cta && label.cta != severalCtas)
    other += " of " + nameOfCta(cta, label.cta - 1);
  int lane = who.lane == Accessor::collective ? -1 : who.lane;
  return who.warp.cta.report(
      kind, &who.warp, &who.op, lane,
      accessText(viewer.intent, viewer.count, viewer.offset, allocation) + what,
      std::move(other));
}
