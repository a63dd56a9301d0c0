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
// runs them; the warps of a CTA are ordered as in shared memory. For each 16
// bytes it holds the last write and the last read, and the bytes that they
// touched; where these cannot be told by one label, there are labels for each 4
// bytes or each byte.
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
              Strength strength);
  /// ld.global.nc: nothing in this launch may have written the bytes.
  bool checkUnwritten(const Accessor &who, size_t offset, size_t count);

private:
  /// An access; none if cta is 0.
  struct Label {
    uint32_t cta; ///< its number + 1, or severalCtas
    Clock clock;  ///< of the warp
    uint32_t op : 24;
    uint32_t warp : 5;
    uint32_t isStrong : 1;
    uint32_t isSeveral : 1; ///< warps of one CTA
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
    Label label;
    Intent intent;
    size_t offset, count;
  };

  bool accessWhole(const Viewer &viewer, Granule &granule, uint32_t mask);
  bool accessParts(const Viewer &viewer, Granule &granule, uint32_t mask);
  bool checkCell(const Viewer &viewer, const Cell &cell, bool isWritten,
                 bool isRead);
  static Label merged(const Viewer &viewer, const Label &before);
  static void noteInCell(const Viewer &viewer, Cell &cell);
  void split(Granule &granule, bool intoBytes);
  uint32_t writtenBytes(const Granule &granule);
  static bool isOrdered(const Viewer &viewer, const Label &label);
  bool report(const Viewer &viewer, const Label &label, const char *did);

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
