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

/// True if the access of the label is before the viewer's, or cannot race with
/// it.
inline bool GlobalShadow::OfAllocation::isOrdered(const Viewer &viewer,
                                                  const Label &label) {
  const Label &own = viewer.label;
  if (label.isStrong && own.isStrong)
    return true;
  const View &view = viewer.who.warp.view;
  if (label.cta == own.cta)
    return label.warp == own.warp || label.isSeveral ||
           label.clock <= view.generic[label.warp];
  if (!view.foreign)
    return false;
  // Of several CTAs it is not known which have been acquired from.
  return label.cta == severalCtas ||
         view.foreign->holds(label.cta - 1, label.warp, label.clock);
}

/// What is kept of two readers: the later, or that there are several.
GlobalShadow::OfAllocation::Label
GlobalShadow::OfAllocation::merged(const Viewer &viewer, const Label &before) {
  Label label = viewer.label;
  if (!before.cta)
    return label;
  label.isStrong &= before.isStrong;
  if (before.cta != label.cta) {
    if (before.cta == severalCtas || !isOrdered(viewer, before))
      label.cta = severalCtas;
  } else if (before.warp != label.warp &&
             (before.isSeveral || !isOrdered(viewer, before))) {
    label.isSeveral = 1;
  } else {
    label.isSeveral = before.isSeveral;
  }
  return label;
}

void GlobalShadow::OfAllocation::noteInCell(const Viewer &viewer, Cell &cell) {
  if (viewer.intent == Intent::read) {
    cell.read = merged(viewer, cell.read);
    return;
  }
  cell.write = viewer.label;
  // Whoever is ordered after this write is ordered after what was read before.
  cell.read = Label{};
}

bool GlobalShadow::OfAllocation::checkCell(const Viewer &viewer,
                                           const Cell &cell, bool isWritten,
                                           bool isRead) {
  if (isWritten && cell.write.cta && !isOrdered(viewer, cell.write))
    return report(viewer, cell.write, "written");
  if (viewer.intent != Intent::read && isRead && cell.read.cta &&
      !isOrdered(viewer, cell.read))
    return report(viewer, cell.read, "read");
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
    if (!checkCell(viewer, cells[n], true, true))
      return false;
    noteInCell(viewer, cells[n]);
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
  // it was, or if the label is not needed any more.
  const Label &own = viewer.label;
  const uint32_t written = granule.written, read = granule.read;
  auto isOwn = [&](const Label &label) {
    return label.cta == own.cta && label.warp == own.warp &&
           label.clock == own.clock && label.isStrong == own.isStrong &&
           !label.isSeveral;
  };
  const bool reads = viewer.intent == Intent::read;
  const bool isOne =
      reads ? !read || read == mask || isOwn(cell.read) ||
                  (cell.read.cta == severalCtas && !(mask & ~read)) ||
                  (!(read & ~mask) &&
                   merged(viewer, cell.read).cta != severalCtas)
            : !(written & ~mask) || isOwn(cell.write);
  if (!isOne) {
    split(granule, !isOfWords(mask) || !isOfWords(written) || !isOfWords(read));
    return accessParts(viewer, granule, mask);
  }
  if (!checkCell(viewer, cell, written & mask, read & mask))
    return false;
  if (reads) {
    cell.read = read & mask ? merged(viewer, cell.read) : viewer.label;
    granule.read |= static_cast<uint16_t>(mask);
    return true;
  }
  cell.write = viewer.label;
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
                                        Strength strength) {
  const Cta &cta = who.warp.cta;
  Label label{};
  label.cta = cta.linearId + 1;
  label.clock = who.warp.clock;
  label.op = static_cast<uint32_t>(&who.op - cta.program.ops.data()) & 0xffffff;
  label.warp = who.warp.index & 31;
  label.isStrong = strength != Strength::weak;
  const Viewer viewer{who, label, intent, offset, count};
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
             "reads " + std::to_string(count) + " bytes at offset " +
                 std::to_string(offset) + " of '" + allocation.name +
                 "', which this launch has written: .nc is for memory that "
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
                                        const Label &label, const char *did) {
  const Accessor &who = viewer.who;
  const Cta &cta = who.warp.cta;
  const bool isOwn = label.cta == viewer.label.cta;
  std::string by = isOwn ? label.isSeveral ? "other warps" : "another warp"
                   : label.cta == severalCtas ? "other CTAs"
                                              : nameOfCta(cta, label.cta - 1);
  std::string what =
      std::string(viewer.intent == Intent::read    ? "reads "
                  : viewer.intent == Intent::write ? "writes "
                                                   : "modifies ") +
      std::to_string(viewer.count) + " bytes at offset " +
      std::to_string(viewer.offset) + " of '" + allocation.name + "', which " +
      by + (label.cta == severalCtas || label.isSeveral ? " have " : " has ") +
      did +
      (isOwn ? ", and no barrier orders the two"
             : " in this launch, and no release and acquire order the two");
  const ptx::Instruction &instruction =
      cta.program.instructionOf(cta.program.ops[label.op]);
  std::string other = "line " + std::to_string(instruction.line) + ": " +
                      instruction.opcode + " of ";
  if (label.isSeveral || label.cta == severalCtas)
    other += "several";
  else
    other += "warp " + std::to_string(label.warp);
  if (!isOwn && label.cta != severalCtas)
    other += " of " + nameOfCta(cta, label.cta - 1);
  int lane = who.lane == Accessor::collective ? -1 : who.lane;
  return who.warp.cta.report(ReportKind::race, &who.warp, &who.op, lane,
                             std::move(what), std::move(other));
}
