//===- Bulk.cpp - Bulk copies of a CTA ------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bulk.h"

#include "Access.h"
#include "Mbarrier.h"
#include "instructions/Reductions.h"

#include <numeric>

using namespace attn;
using namespace attn::emulator;

static constexpr uint32_t chunkBytes = 16;

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// Calls function(address, offset in the run, count) for the pieces of shared
/// memory in which bytes `begin` to `end` of the run lie in their order.
template <typename Function>
static void forEachChunk(const BulkRun &run, uint32_t begin, uint32_t end,
                         uint32_t mask, Function function) {
  if (!mask && begin < end)
    return function(run.shared + begin, begin, end - begin);
  while (begin < end) {
    uint32_t count =
        std::min(end, (begin / chunkBytes + 1) * chunkBytes) - begin;
    function(swizzled(run.shared + begin, mask), begin, count);
    begin += count;
  }
}

/// Calls function(address, count) for these pieces in any order, until one
/// returns false.
template <typename Function>
static bool forEachPiece(const BulkRun &run, uint32_t begin, uint32_t end,
                         uint32_t mask, Function function) {
  if (begin == end)
    return true;
  // A whole line is the same bytes, swizzled or not.
  const uint32_t line = mask + chunkBytes;
  if (begin == 0 && end == run.total && end % line == 0 &&
      run.shared % line == 0)
    return function(run.shared, end);
  bool goesOn = true;
  forEachChunk(run, begin, end, mask,
               [&](uint32_t address, uint32_t, uint32_t count) {
                 goesOn = goesOn && function(address, count);
               });
  return goesOn;
}

/// The same for several runs, with neighbours joined; function(address, count).
template <typename Function>
static bool forEachPiece(const std::vector<BulkRun> &runs, bool isWhole,
                         uint32_t mask, Function function) {
  uint32_t first = 0, next = 0;
  for (const BulkRun &run : runs)
    if (!forEachPiece(run, isWhole ? 0 : run.begin,
                      isWhole ? run.total : run.end, mask,
                      [&](uint32_t address, uint32_t count) {
                        bool isNeighbour = address == next;
                        if (!isNeighbour) {
                          if (first != next && !function(first, next - first))
                            return false;
                          first = address;
                        }
                        next = address + count;
                        return true;
                      }))
      return false;
  return first == next || function(first, next - first);
}

static bool accessRuns(const Accessor &who, const std::vector<BulkRun> &runs,
                       Intent intent, const AccessOrder &how) {
  for (const BulkRun &run : runs)
    if (run.begin != run.end &&
        !accessGlobal(who, reinterpret_cast<uint64_t>(run.global),
                      run.end - run.begin, intent, how))
      return false;
  return true;
}

bool attn::emulator::isAligned(const Accessor &who, uint64_t address,
                               uint32_t unit, const char *what) {
  if (address % unit == 0)
    return true;
  if (who.warp.cta.options.alignment)
    who.warp.cta.report(ReportKind::alignment, &who.warp, &who.op, who.lane,
                        std::string(what) + " is " + hex(address) +
                            ", which is not a multiple of " +
                            std::to_string(unit));
  return false;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Fills with the bytes of an element that is outside of the tensor.
static void fillOutside(uint8_t *bytes, uint32_t count, TensorMapType type,
                        TensorMapFill fill) {
  if (fill == TensorMapFill::zero) {
    std::memset(bytes, 0, count);
    return;
  }
  // The canonical NaN has all bits but the sign.
  const uint32_t size = bytesOf(type);
  for (uint32_t n = 0; n < count; ++n)
    bytes[n] = n % size == size - 1 ? 0x7f : 0xff;
}

/// What TMA does with elements of some types.
static void convert(uint8_t *bytes, uint32_t count, TensorMapType type) {
  const bool flushes =
      type == TensorMapType::f32Ftz || type == TensorMapType::tf32Ftz;
  const bool rounds =
      type == TensorMapType::tf32 || type == TensorMapType::tf32Ftz;
  if (!flushes && !rounds)
    return;
  for (uint32_t n = 0; n < count; n += 4) {
    float value;
    std::memcpy(&value, bytes + n, 4);
    if (flushes)
      value = flush(value);
    if (rounds)
      value = bitCast<float>(round<FormatTF32>(value, Rounding::nearest) << 13);
    std::memcpy(bytes + n, &value, 4);
  }
}

bool BulkLoad::announce() {
  AccessOrder how;
  how.isAsync = true;
  if (!accessRuns(who, runs, Intent::read, how))
    return false;
  SharedMemory &shared = who.warp.cta.shared;
  if (!forEachPiece(runs, true, mask, [&](uint32_t address, uint32_t count) {
        return shared.beginAsyncWrite(who, address, count);
      }))
    return false;
  ++barrier.copies;
  barrier.copyOp = &who.op;
  return true;
}

void BulkLoad::copy(Cta &cta, const BulkRun &run) {
  alignas(16) uint8_t bytes[2048];
  static_assert(sizeof bytes >= 256 * 8, "the longest row of a box");
  fillOutside(bytes, run.begin, type, fill);
  fillOutside(bytes + run.end, run.total - run.end, type, fill);
  if (run.begin != run.end)
    std::memcpy(bytes + run.begin, run.global, run.end - run.begin);
  convert(bytes, run.total, type);
  forEachChunk(run, 0, run.total, mask,
               [&](uint32_t address, uint32_t offset, uint32_t count) {
                 std::memcpy(cta.shared.at(address), bytes + offset, count);
               });
  forEachPiece(run, 0, run.total, mask, [&](uint32_t address, uint32_t count) {
    cta.shared.endAsyncWrite(who, address, count, barrier.dimension,
                             barrier.clockOf(barrier.phase));
    return true;
  });
}

void BulkLoad::run(Cta &cta) {
  Mbarriers &mbarriers = cta.get(cta.mbarriers);
  --barrier.copies;
  // Parts come in any order, and each is counted when it comes: who expects too
  // few bytes goes on too early.
  const size_t count = runs.size();
  size_t at = count ? cta.random() % count : 0;
  size_t step = count > 2 ? cta.random() % (count - 1) + 1 : 1;
  while (std::gcd(step, count) > 1)
    ++step;
  for (size_t n = 0; n < count; ++n) {
    copy(cta, runs[at]);
    // Reports are counted even where nothing can be given up any more.
    static_cast<void>(mbarriers.complete(who, barrier, runs[at].total));
    at = (at + step) % count;
  }
  ++cta.events;
}

//===----------------------------------------------------------------------===//
// Stores and reductions
//===----------------------------------------------------------------------===//

bool BulkStore::announce() {
  Cta &cta = who.warp.cta;
  AccessOrder how;
  how.isAsync = true;
  how.ticket = ticket;
  // Reductions are relaxed atomics at the scope of the GPU.
  if (reduction)
    how.strength = Strength::relaxed;
  if (!accessRuns(who, runs, reduction ? Intent::modify : Intent::write, how))
    return false;
  const uint32_t dimension = cta.dimensionOfBulkReads(who.warp.index);
  return forEachPiece(runs, false, mask, [&](uint32_t address, uint32_t count) {
    return cta.shared.asyncRead(who, address, count, dimension, ticket);
  });
}

void BulkStore::run(Cta &cta) {
  alignas(16) uint8_t bytes[2048];
  for (const BulkRun &run : runs) {
    if (run.begin == run.end)
      continue;
    forEachChunk(run, run.begin, run.end, mask,
                 [&](uint32_t address, uint32_t offset, uint32_t count) {
                   std::memcpy(bytes + offset, cta.shared.at(address), count);
                 });
    if (reduction)
      reduction(run.global, bytes + run.begin, run.end - run.begin);
    else
      std::memcpy(run.global, bytes + run.begin, run.end - run.begin);
  }
  ++cta.events;
}

template <typename Operation, typename T>
static void reduce(uint8_t *global, const uint8_t *shared, uint32_t count) {
  for (uint32_t n = 0; n + sizeof(T) <= count; n += sizeof(T)) {
    T a, b;
    std::memcpy(&a, global + n, sizeof(T));
    std::memcpy(&b, shared + n, sizeof(T));
    a = combine<Operation>(a, b, /*isGlobal=*/true);
    std::memcpy(global + n, &a, sizeof(T));
  }
}

namespace {
struct NamedReduction {
  std::string_view operation, type;
  BulkReduction function;
};
} // namespace

static constexpr NamedReduction reductions[] = {
    {"", "", nullptr},
    {".add", ".u32", reduce<Add, uint32_t>},
    {".add", ".s32", reduce<Add, uint32_t>},
    {".add", ".u64", reduce<Add, uint64_t>},
    {".add", ".f16", reduce<Add, F16>},
    {".add", ".bf16", reduce<Add, BF16>},
    {".add", ".f32", reduce<Add, float>},
    {".add", ".f64", reduce<Add, double>},
    {".min", ".u32", reduce<Min, uint32_t>},
    {".min", ".s32", reduce<Min, int32_t>},
    {".min", ".u64", reduce<Min, uint64_t>},
    {".min", ".s64", reduce<Min, int64_t>},
    {".min", ".f16", reduce<Min, F16>},
    {".min", ".bf16", reduce<Min, BF16>},
    {".max", ".u32", reduce<Max, uint32_t>},
    {".max", ".s32", reduce<Max, int32_t>},
    {".max", ".u64", reduce<Max, uint64_t>},
    {".max", ".s64", reduce<Max, int64_t>},
    {".max", ".f16", reduce<Max, F16>},
    {".max", ".bf16", reduce<Max, BF16>},
    {".inc", ".u32", reduce<Inc, uint32_t>},
    {".dec", ".u32", reduce<Dec, uint32_t>},
    {".and", ".b32", reduce<And, uint32_t>},
    {".and", ".b64", reduce<And, uint64_t>},
    {".or", ".b32", reduce<Or, uint32_t>},
    {".or", ".b64", reduce<Or, uint64_t>},
    {".xor", ".b32", reduce<Xor, uint32_t>},
    {".xor", ".b64", reduce<Xor, uint64_t>},
};

uint8_t attn::emulator::bulkReductionNumber(std::string_view operation,
                                            std::string_view type) {
  for (uint8_t n = 1; n < std::size(reductions); ++n)
    if (reductions[n].operation == operation && reductions[n].type == type)
      return n;
  return 0;
}

BulkReduction attn::emulator::bulkReduction(uint8_t number) {
  return reductions[number].function;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

void BulkGroups::add(std::shared_ptr<BulkStore> store) {
  warps[store->who.warp.index].lanes[store->who.lane].open.push_back(
      std::move(store));
}

void BulkGroups::commit(Warp &warp, LaneMask lanes) {
  for (; lanes; lanes &= lanes - 1) {
    OfLane &lane = warps[warp.index].lanes[__builtin_ctz(lanes)];
    Group group;
    for (const auto &store : lane.open)
      group.lastTicket = std::max(group.lastTicket, store->ticket);
    group.stores = std::move(lane.open);
    lane.open.clear();
    // An empty group counts, too.
    lane.committed.push_back(std::move(group));
  }
}

void BulkGroups::wait(Warp &warp, LaneMask lanes, uint32_t left, bool isRead) {
  Clock seen = 0;
  for (; lanes; lanes &= lanes - 1) {
    OfLane &lane = warps[warp.index].lanes[__builtin_ctz(lanes)];
    // Both happen at once, but who waits for the reading knows of that only.
    for (; lane.performed + left < lane.committed.size(); ++lane.performed) {
      Group &group = lane.committed[lane.performed];
      for (const auto &store : group.stores)
        store->perform(cta);
      group.stores.clear();
      seen = std::max(seen, group.lastTicket);
    }
    for (; !isRead && lane.committed.size() > left; --lane.performed) {
      seen = std::max(seen, lane.committed.front().lastTicket);
      lane.committed.pop_front();
    }
  }
  auto join = [&](uint32_t dimension) {
    warp.view.generic[dimension] = std::max(warp.view.generic[dimension], seen);
    warp.view.async[dimension] = std::max(warp.view.async[dimension], seen);
  };
  join(cta.dimensionOfBulkReads(warp.index));
  if (!isRead)
    join(cta.dimensionOfBulkWrites(warp.index));
}

void BulkGroups::warpExited(Warp &warp) {
  for (int n = 0; n < lanesPerWarp; ++n) {
    const OfLane &lane = warps[warp.index].lanes[n];
    for (const Group &group : lane.committed)
      if (!group.stores.empty()) {
        cta.complain(
            ReportKind::pending, &warp, &group.stores.front()->who.op, n,
            "the thread ends without having waited for this copy out "
            "of shared memory: cp.async.bulk.wait_group.read is missing");
        break;
      }
    if (!lane.open.empty())
      cta.complain(ReportKind::pending, &warp, &lane.open.front()->who.op, n,
                   "the thread ends without having waited for this copy out of "
                   "shared memory: cp.async.bulk.commit_group is missing");
  }
}
