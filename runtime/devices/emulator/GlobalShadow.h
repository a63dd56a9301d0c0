//===- GlobalShadow.h - Who touched global memory last ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The race check of a launch in global memory. Nothing orders the CTAs of a
// launch but releases and acquires, whatever the order in which the emulator
// runs them; the warps and lanes of a CTA are ordered as in shared memory. For
// each 16 bytes it holds the last write and the last read, and the bytes that
// they touched; where these cannot be told by one label, there are labels for
// each 4 bytes or each byte. One label will do for lanes that touch elements
// side by side, as they mostly do.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_GLOBALSHADOW_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_GLOBALSHADOW_H

#include "Machine.h"

#include <array>
#include <cstdlib>
#include <unordered_map>

namespace attn::emulator {

class GlobalShadow {
public:
  class OfAllocation;

  /// The shadow of an allocation; it is made at the first access.
  OfAllocation &of(const Allocation &allocation);

private:
  std::unordered_map<const Allocation *, std::unique_ptr<OfAllocation>> all;
  const Allocation *lastAllocation = nullptr;
  OfAllocation *last = nullptr;
};

/// Labels of one allocation.
class GlobalShadow::OfAllocation {
public:
  explicit OfAllocation(const Allocation &allocation);

  /// Checks and remembers an access. False if the launch must be given up.
  bool access(const Accessor &who, size_t offset, size_t count, Intent intent,
              const AccessOrder &how);
  /// ld.global.nc: nothing in this launch may have written the bytes.
  bool checkUnwritten(const Accessor &who, size_t offset, size_t count);

private:
  /// An access; none if cta is 0.
  struct Label {
    uint32_t cta; ///< its number + 1, or severalCtas
    Clock clock;  ///< of the warp; of its bulk writes for one of those
    uint32_t op;
    uint32_t warp : 5;
    /// The lane of byte b of the 16 is lane + (b >> laneShift). It may be
    /// Accessor::collective, which is in order with all lanes of the warp, or
    /// Accessor::several.
    int32_t lane : 8;
    uint32_t laneShift : 3;
    uint32_t isStrong : 1;
    uint32_t isOfCta : 1; ///< its scope
    uint32_t isBulkWrite : 1;
    uint32_t isSeveral : 1; ///< warps of one CTA

    int laneAt(uint32_t byte) const {
      return lane + static_cast<int>(byte >> laneShift);
    }
  };
  static constexpr uint32_t severalCtas = 0xffffffffu;
  struct Cell {
    Label write, read;
  };
  /// All zero at the beginning.
  struct Granule {
    Cell cell;
    uint16_t written, read; ///< bytes that the labels are about
    /// Number of the cells that it is split into, + 1; of bytes if the highest
    /// bit is set.
    uint32_t parts;
  };
  static constexpr uint32_t splitIntoBytes = 0x80000000u;

  /// Who makes the access, what it does, and where.
  struct Viewer {
    const Accessor &who;
    Label label; ///< what it leaves behind
    Intent intent;
    size_t offset, count;
    bool isAsync;
  };

  bool accessWhole(const Viewer &viewer, Granule &granule, uint32_t mask);
  bool accessParts(const Viewer &viewer, Granule &granule, uint32_t mask);
  /// `written` and `read`: the bytes of the access that the labels are about.
  bool checkCell(const Viewer &viewer, const Cell &cell, uint32_t written,
                 uint32_t read);
  static Label merged(const Viewer &viewer, const Label &before, uint32_t mask);
  static void noteInCell(const Viewer &viewer, Cell &cell, uint32_t mask);
  void split(Granule &granule, bool intoBytes);
  uint32_t writtenBytes(const Granule &granule);
  static uint32_t dimensionOf(const Viewer &viewer, const Label &label);
  static bool isBefore(const Viewer &viewer, const Label &label, uint32_t mask);
  static bool areLanesBefore(const Viewer &viewer, const Label &label,
                             uint32_t mask);
  static bool isOrdered(const Viewer &viewer, const Label &label,
                        uint32_t mask);
  static bool isFenced(const Viewer &viewer, const Label &label, uint32_t mask);
  bool report(const Viewer &viewer, const Label &label, uint32_t mask,
              const char *did);
  bool reportProxy(const Viewer &viewer, const Label &label, uint32_t mask,
                   const char *did);
  bool tell(const Viewer &viewer, ReportKind kind, const std::string &what,
            const Label &label, uint32_t mask);

  const Allocation &allocation;
  struct Free {
    void operator()(Granule *granules) const { std::free(granules); }
  };
  std::unique_ptr<Granule[], Free> granules;
  std::vector<std::array<Cell, 4>> words;
  std::vector<std::array<Cell, 16>> bytes;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_GLOBALSHADOW_H
