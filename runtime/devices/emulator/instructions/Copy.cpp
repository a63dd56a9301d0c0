//===- Copy.cpp - cp.async ------------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Data movement and conversion instructions: non-bulk copy":
// cp.async, cp.async.commit_group, cp.async.wait_group, cp.async.wait_all.
//
//===----------------------------------------------------------------------===//

#include "../Copies.h"

#include "../Access.h"
#include "../Decoder.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

void CopyTask::add(int lane, uint32_t destination, const uint8_t *source,
                   uint32_t sourceBytes, uint32_t group) {
  targets[lane] = destination;
  sources[lane] = source;
  sizes[lane] = sourceBytes;
  groups[lane] = group;
  all |= LaneMask(1) << lane;
  pending = all;
}

void CopyTask::run(Cta &cta) {
  for (LaneMask rest = all; rest; rest &= rest - 1) {
    int lane = __builtin_ctz(rest);
    uint8_t *destination = cta.shared.at(targets[lane]);
    if (sizes[lane] == 16) {
      std::memcpy(destination, sources[lane], 16);
      continue;
    }
    std::memset(destination, 0, bytes);
    if (sizes[lane])
      std::memcpy(destination, sources[lane], sizes[lane]);
  }
}

void CopyTask::finish(Cta &cta, LaneMask lanes, uint32_t dimension,
                      Clock clock) {
  perform(cta);
  cta.shared.endCopies(warp, op, lanes & pending, targets, bytes, dimension,
                       clock);
  pending &= ~lanes;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

Copies::Copies(Cta &cta) : warps(cta.warpCount) {}

std::vector<std::shared_ptr<CopyTask>>
Copies::OfWarp::pendingOf(int lane) const {
  std::vector<std::shared_ptr<CopyTask>> result;
  for (const auto &task : tasks)
    if (task->pendingLanes() >> lane & 1)
      result.push_back(task);
  return result;
}

void Copies::OfWarp::dropFinished() {
  tasks.erase(std::remove_if(
                  tasks.begin(), tasks.end(),
                  [](const auto &task) { return task->pendingLanes() == 0; }),
              tasks.end());
}

void Copies::warpExited(Warp &warp) {
  for (const auto &task : of(warp).tasks)
    if (LaneMask lanes = task->untrackedLanes())
      warp.cta.complain(ReportKind::pending, &warp, &task->instruction(),
                        __builtin_ctz(lanes),
                        "the thread ends without having waited for this copy: "
                        "cp.async.commit_group and wait_group, or wait_all, is "
                        "missing");
}

namespace {

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// What op.detail holds; op.immediate is the displacement of the source.
struct Packed {
  int32_t displacement = 0; ///< of the destination
  uint8_t bytes = 16;
  bool isWide = false; ///< the destination's addresses have 64 bits
  bool isSourceWide = false;
  bool hasSourceBytes = false;
  bool hasIgnore = false, isIgnoreNegated = false;

  uint64_t detail() const {
    return static_cast<uint32_t>(displacement) | uint64_t(bytes) << 32 |
           uint64_t(isWide) << 40 | uint64_t(isSourceWide) << 41 |
           uint64_t(hasSourceBytes) << 42 | uint64_t(hasIgnore) << 43 |
           uint64_t(isIgnoreNegated) << 44;
  }
  static Packed of(uint64_t detail) {
    auto bit = [&](int n) { return (detail >> n & 1) != 0; };
    return {static_cast<int32_t>(detail),
            static_cast<uint8_t>(detail >> 32),
            bit(40),
            bit(41),
            bit(42),
            bit(43),
            bit(44)};
  }
};

Copies::OfWarp &copiesOf(Warp &warp) {
  return warp.cta.get(warp.cta.copies).of(warp);
}

/// Bytes that each lane takes from its source. False: given up.
bool sourceSizes(Warp &warp, const Op &op, LaneMask lanes, const Packed &packed,
                 uint32_t *sizes) {
  std::fill(sizes, sizes + lanesPerWarp, packed.bytes);
  if (packed.hasIgnore) {
    LaneMask ignored = warp.predicate(op.src[2]);
    if (packed.isIgnoreNegated)
      ignored = ~ignored;
    for (int lane = 0; lane < lanesPerWarp; ++lane)
      if (ignored >> lane & 1)
        sizes[lane] = 0;
  }
  if (!packed.hasSourceBytes)
    return true;
  const uint32_t *row = warp.row<uint32_t>(op.src[2]);
  for (LaneMask rest = lanes; rest; rest &= rest - 1) {
    int lane = __builtin_ctz(rest);
    sizes[lane] = std::min<uint32_t>(row[lane], packed.bytes);
    if (row[lane] > packed.bytes &&
        !warp.cta.complain(ReportKind::bounds, &warp, &op, lane,
                           "the source has " + std::to_string(row[lane]) +
                               " bytes; it may have at most the " +
                               std::to_string(packed.bytes) +
                               " that are copied"))
      return false;
  }
  return true;
}

Flow copy(Warp &warp, const Op &op, LaneMask lanes) {
  const Packed packed = Packed::of(op.detail);
  Cta &cta = warp.cta;
  Copies::OfWarp &copies = copiesOf(warp);
  uint32_t sizes[lanesPerWarp];
  if (!sourceSizes(warp, op, lanes, packed, sizes))
    return Flow::stop;

  // A source of no bytes is not touched: it may lie anywhere.
  uint64_t sources[lanesPerWarp];
  uint8_t *places[lanesPerWarp] = {};
  laneAddresses(warp, op, 1, packed.isSourceWide, sources);
  AccessKind kind;
  kind.space = StateSpace::global;
  kind.alignment = packed.bytes;
  for (LaneMask left = lanes; left;) {
    kind.bytes = sizes[__builtin_ctz(left)];
    LaneMask same = 0;
    for (LaneMask rest = left; rest; rest &= rest - 1)
      if (int lane = __builtin_ctz(rest); sizes[lane] == kind.bytes)
        same |= LaneMask(1) << lane;
    if (kind.bytes && !access(warp, op, same, kind, sources, places))
      return Flow::stop;
    left &= ~same;
  }

  // One of them is the row of the addresses.
  const uint32_t *narrow = warp.row<uint32_t>(op.src[0]);
  const uint64_t *wide = warp.row<uint64_t>(op.src[0]);
  auto task = std::make_shared<CopyTask>(warp, op, packed.bytes);
  for (LaneMask rest = lanes; rest; rest &= rest - 1) {
    int lane = __builtin_ctz(rest);
    uint32_t address = narrow[lane];
    if (packed.isWide) {
      address = static_cast<uint32_t>(wide[lane]);
      if (address != wide[lane]) {
        cta.report(ReportKind::bounds, &warp, &op, lane,
                   "copies to " + notSharedText(wide[lane], false));
        return Flow::stop;
      }
    }
    address += static_cast<uint32_t>(packed.displacement);
    if (address % packed.bytes && cta.options.alignment &&
        !cta.report(ReportKind::alignment, &warp, &op, lane,
                    "copies " + std::to_string(packed.bytes) +
                        " bytes to address " + std::to_string(address) +
                        " of shared memory, which is not a multiple of " +
                        std::to_string(packed.bytes)))
      return Flow::stop;
    task->add(lane, address, places[lane], sizes[lane], copies.committed[lane]);
  }
  if (!cta.shared.beginCopies(warp, op, lanes, task->destinations(),
                              packed.bytes))
    return Flow::stop;
  if (cta.options.bankConflicts)
    cta.shared.countBankConflicts(op, task->destinations(), lanes,
                                  packed.bytes);
  copies.tasks.push_back(task);
  cta.async.issue(std::move(task));
  return Flow::next;
}

Flow commitGroup(Warp &warp, const Op &, LaneMask lanes) {
  Copies::OfWarp &copies = copiesOf(warp);
  for (int lane = 0; lane < lanesPerWarp; ++lane)
    copies.committed[lane] += lanes >> lane & 1;
  return Flow::next;
}

/// Finishes the copies of all but the last op.immediate groups of each lane.
Flow waitGroup(Warp &warp, const Op &op, LaneMask lanes) {
  Copies::OfWarp &copies = copiesOf(warp);
  uint32_t left = static_cast<uint32_t>(op.immediate);
  bool isFinished = false;
  for (auto &task : copies.tasks) {
    LaneMask covered = 0;
    for (LaneMask rest = lanes & task->pendingLanes(); rest; rest &= rest - 1) {
      int lane = __builtin_ctz(rest);
      if (uint64_t(task->groupOf(lane)) + left < copies.committed[lane])
        covered |= LaneMask(1) << lane;
    }
    if (covered)
      task->finish(warp.cta, covered);
    isFinished |= task->pendingLanes() == 0;
  }
  if (isFinished)
    copies.dropFinished();
  return Flow::next;
}

Flow waitAll(Warp &warp, const Op &, LaneMask lanes) {
  Copies::OfWarp &copies = copiesOf(warp);
  for (auto &task : copies.tasks)
    if (LaneMask covered = lanes & task->pendingLanes())
      task->finish(warp.cta, covered);
  copies.dropFinished();
  return Flow::next;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

void decodeCopy(Decoder &decoder, const Match &) {
  std::string_view opcode = decoder.instruction().opcode;
  bool hasPolicy = opcode.find(".L2::cache_hint") != std::string_view::npos;
  bool isCg = opcode.find(".cg") != std::string_view::npos;
  size_t hints = hasPolicy ? 1 : 0;
  if (!decoder.expectOperands(3 + hints, 4 + hints))
    return;
  Packed packed;
  packed.isWide = decoder.address(0, ".shared", 0) == 64;
  packed.displacement = static_cast<int32_t>(decoder.op.immediate);
  decoder.op.immediate = 0;
  packed.isSourceWide = decoder.address(1, ".global", 1) == 64;

  int64_t bytes = decoder.constant(2);
  if (isCg ? bytes != 16 : bytes != 4 && bytes != 8 && bytes != 16)
    return decoder.fail(
        "copies " + std::to_string(bytes) + " bytes; " +
        (isCg ? "with .cg it must be 16" : "it must be 4, 8 or 16"));
  packed.bytes = static_cast<uint8_t>(bytes);

  if (decoder.operandCount() == 4 + hints) {
    const ptx::Operand &given = decoder.operand(3);
    if (decoder.registerBits(given) == 1) {
      packed.hasIgnore = true;
      decoder.op.src[2] = decoder.sourcePredicate(3, &packed.isIgnoreNegated);
    } else {
      packed.hasSourceBytes = true;
      decoder.op.src[2] = decoder.source(3, Type{Type::bits, 32});
    }
  }
  if (hasPolicy)
    decoder.source(decoder.operandCount() - 1, Type{Type::bits, 64});
  decoder.op.detail = packed.detail();
  decoder.op.handler = copy;
}

void decodeCommit(Decoder &decoder, const Match &) {
  decoder.expectOperands(0);
  decoder.op.handler = commitGroup;
}

void decodeWaitGroup(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(1))
    return;
  int64_t groups = decoder.constant(0);
  if (groups < 0 || groups > INT32_MAX)
    return decoder.fail("the number of groups must not be negative");
  decoder.op.immediate = groups;
  decoder.op.handler = waitGroup;
}

void decodeWaitAll(Decoder &decoder, const Match &) {
  decoder.expectOperands(0);
  decoder.op.handler = waitAll;
}

} // namespace

#define SPACES "<.shared|.shared::cta>.global"
#define PREFETCH "[.L2::64B|.L2::128B|.L2::256B]"

std::vector<Form> attn::emulator::copyForms() {
  return {
      {"cp.async<.ca|.cg>" SPACES PREFETCH, "[shared], [global_], 16",
       decodeCopy, 80},
      {"cp.async.ca" SPACES PREFETCH, "[shared], [global_], 4", decodeCopy, 80},
      {"cp.async<.ca|.cg>" SPACES PREFETCH, "[%d0], [%d1], 16, %r0", decodeCopy,
       80},
      {"cp.async<.ca|.cg>" SPACES PREFETCH, "[%r0], [%d1], 16, %p0", decodeCopy,
       80},
      {"cp.async<.ca|.cg>" SPACES ".L2::cache_hint" PREFETCH,
       "[%r0], [%d1], 16, %d2", decodeCopy, 80},
      {"cp.async<.ca|.cg>" SPACES ".L2::cache_hint" PREFETCH,
       "[%r0], [%d1], 16, %r1, %d2", decodeCopy, 80},
      {"cp.async.commit_group", "", decodeCommit, 80},
      {"cp.async.wait_group", "2", decodeWaitGroup, 80},
      {"cp.async.wait_all", "", decodeWaitAll, 80},
  };
}
