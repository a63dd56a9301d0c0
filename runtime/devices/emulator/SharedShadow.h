//===- SharedShadow.h - Who touched shared memory last ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each 16 bytes, a granule: the label of the last write, and for each
// dimension the clock of the last read since. A granule of which only a part is
// touched is split into words of 4 bytes or into bytes, so that neighbours of
// different warps do not look like a race; a write to all of it makes it whole
// again.
//
// Reads need not be remembered once a write is ordered after them: whoever is
// ordered after that write is ordered after them too.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_SHAREDSHADOW_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_SHAREDSHADOW_H

#include "Machine.h"

namespace attn::emulator {

class SharedShadow {
public:
  SharedShadow(uint32_t bytes, uint32_t dimensions);
  /// As new, for memory of this size and so many dimensions of reads: false if
  /// it was made for others.
  bool reset(uint32_t bytes, uint32_t dimensions);

  /// Someone who makes accesses, with what it may rely on.
  struct Viewer {
    Viewer(const Accessor &who, Strength strength, bool isAsync);

    Warp &warp;
    const Op &op;
    const Clock *seen;    ///< of its proxy
    const Clock *generic; ///< of the generic proxy
    uint32_t own;         ///< dimension of its warp
    Clock clock, lastSync;
    uint32_t opIndex;
    uint8_t lane; ///< `collective` for the whole warp
    bool isAsync, isStrong;
    bool checksRaces, checksInit, checksMbarriers;
  };

  // Offsets count from the beginning of shared memory. Each returns false if
  // the launch must be given up.

  /// The generic proxy: the same number of bytes for each lane, at addresses.
  /// `isCollective`: the lanes act as one.
  bool access(Viewer &viewer, LaneMask lanes, bool isCollective, Intent intent,
              const uint32_t *addresses, uint32_t count);
  /// The reading is over when a view holds `clock` of `dimension`.
  bool read(const Viewer &viewer, uint32_t offset, uint32_t count,
            uint32_t dimension, Clock clock);

  enum class Kind : uint8_t {
    plain = 0,
    strong = 1, ///< never races with others of this kind
    async = 2,  ///< of the async proxy
    copy = 4    ///< cp.async
  };
  /// A write, which is seen by those who hold `clock` of the warp's dimension;
  /// `modifies`: it reads too.
  bool write(const Viewer &viewer, uint32_t offset, uint32_t count, Kind kind,
             Clock clock, bool modifies);
  /// A write with the clock inFlight has come to its end.
  void endWrite(const Viewer &viewer, uint32_t offset, uint32_t count,
                Kind kind, uint32_t dimension, Clock clock);

  /// 8 bytes are an mbarrier, or no longer.
  void setBarrier(uint32_t offset, bool isBarrier);

private:
  static constexpr uint32_t granuleBytes = 16;
  static constexpr uint8_t hasReads = 8; ///< in Cell::flags, beside the Kind

  /// The last write to some bytes.
  struct Cell {
    Clock clock;
    uint32_t op;
    uint16_t dimension;
    uint8_t lane;
    uint8_t flags;
  };
  struct Granule {
    Cell whole;           ///< if it is not split
    uint16_t initialized; ///< bytes
    uint8_t cellBytes;    ///< 16, or 4 or 1 if it is split
    uint8_t barriers;     ///< halves that are an mbarrier
  };
  /// The last read in a dimension.
  struct Read {
    Clock clock;
    uint32_t reader; ///< op, whether strong, lane
  };
  /// A cell with its reads, by dimension, which count only if it has some.
  struct Place {
    Cell &cell;
    Read *reads;
  };

  Place wholeOf(uint32_t granule) {
    return {granules[granule].whole, reads.get() + size_t(granule) * stride};
  }
  Place partOf(uint32_t granule, uint32_t part) {
    size_t index = size_t(granule) * granuleBytes + part;
    return {parts[index], reads.get() + (granules.size() + index) * stride};
  }
  void refine(uint32_t granule, uint32_t cellBytes);
  void copyPlace(const Place &from, const Place &to);

  /// Calls visit(place) for the cells of the bytes [begin, end) of a granule,
  /// splitting it as far as needed.
  template <typename Visit>
  bool forCells(uint32_t granule, uint32_t begin, uint32_t end, Visit visit);

  /// access() for accesses that touch one cell of so many bytes.
  template <uint32_t count>
  bool accessCells(Viewer &viewer, LaneMask lanes, bool isCollective,
                   Intent intent, const uint32_t *addresses);
  bool isOrdered(const Viewer &viewer, const Cell &cell) const;
  bool checkWrite(const Viewer &viewer, const Place &place, uint32_t offset,
                  uint32_t count, const char *verb);
  bool checkReads(const Viewer &viewer, const Place &place, uint32_t offset,
                  uint32_t count, const char *verb);
  void note(const Viewer &viewer, const Place &place, uint32_t dimension,
            Clock clock);

  bool reportWrite(const Viewer &viewer, const Cell &cell, uint32_t offset,
                   uint32_t count, const char *verb);
  bool reportReads(const Viewer &viewer, const Place &place, uint32_t offset,
                   uint32_t count, const char *verb);
  bool reportUninitialized(const Viewer &viewer, uint32_t granule,
                           uint32_t mask, uint32_t offset, uint32_t count);
  bool reportBarrier(const Viewer &viewer, uint32_t granule, uint32_t offset,
                     uint32_t count, const char *verb);

  uint32_t bytes, dimensions;
  uint32_t stride; ///< slots of reads for each cell
  std::vector<Granule> granules;
  // Not initialised: parts are when a granule is split, reads with the first
  // read after a write.
  std::unique_ptr<Cell[]> parts; ///< 16 for each granule
  std::unique_ptr<Read[]> reads;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_SHAREDSHADOW_H
