//===- Warpgroup.cpp - Products in flight of four warps -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Warpgroup.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace attn::emulator;

static size_t rowOf(Ref ref) { return static_cast<size_t>(ref) / 128; }

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void WgmmaTask::run(Cta &cta) {
  // Those before it come first; this one is the oldest then.
  if (number > group.performed + 1)
    group.performUntil(number - 1);
  group.performed = number;
  auto self = group.tasks.front(); // keeps it alive
  group.tasks.pop_front();

  static thread_local WgmmaOperands operands;
  const uint8_t *memory = cta.shared.at(sharedBase) - sharedBase;
  if (kind.takesRegistersA)
    operands.loadA(kind, fragments.get());
  else
    operands.loadA(kind, a, memory);
  operands.loadB(kind, b, memory);
  uint32_t *sums[4 * WgmmaOperands::maxColumns / 2];
  uint32_t **next = sums;
  for (unsigned w = 0; w < 4; ++w) {
    Warp &warp = *cta.warps[group.firstWarp + w];
    for (unsigned n = 0; n < kind.sumRegisters(); ++n)
      *next++ = warp.row<uint32_t>(warp.listed(op, n));
  }
  multiply(kind, operands, accumulates, sums);
}

Warpgroup::Warpgroup(Cta &cta, unsigned index)
    : cta(cta), index(index), firstWarp(4 * index) {
  for (WarpgroupMember &member : members) {
    member.lastUse.assign(cta.program.registerBytes / 128 + 1, 0);
    member.shapes.assign(cta.program.registerBytes / 128 + 1, 0);
  }
}

void Warpgroup::performUntil(uint64_t number) {
  while (performed < number) {
    std::shared_ptr<WgmmaTask> task = tasks.front();
    task->perform(cta);
  }
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

void attn::emulator::markAsyncRegisters(Program &program) {
  std::vector<bool> rows(program.registerBytes / 128 + 1, false);
  for (const Op &op : program.ops)
    if (op.ownsAsyncRegisters)
      for (unsigned n = 0; n < op.listCount; ++n)
        if (Ref ref = program.lists[op.listBegin + n]; ref > 0)
          rows[rowOf(ref)] = true;
  for (Op &op : program.ops)
    for (unsigned k = 0; k < op.useCount && !op.ownsAsyncRegisters; ++k)
      if (const RegisterUse &use = program.uses[op.useBegin + k];
          use.ref > 0 && use.bits != 1)
        op.touchesAsync |= rows[rowOf(use.ref)];
}

static uint16_t shapeOf(const WgmmaKind &kind) {
  return static_cast<uint16_t>(kind.columns * 4 +
                               static_cast<unsigned>(kind.sum) + 1);
}

/// Registers of a product that other instructions have touched since the last
/// wgmma.fence, or that nothing has written.
bool Warpgroup::checkRegisters(Warp &warp, WarpgroupMember &member,
                               const WgmmaTask &task) {
  auto report = [&](ReportKind kind, std::string what) {
    return cta.report(kind, &warp, &task.op, -1, std::move(what));
  };
  const unsigned sums = task.kind.sumRegisters();
  const uint16_t shape = shapeOf(task.kind);
  bool isTouched = false, isOtherShape = false, isUnwritten = false;
  for (unsigned n = 0; n < task.op.listCount; ++n) {
    const Ref ref = warp.listed(task.op, n);
    if (ref <= 0)
      continue;
    const uint8_t state = warp.asyncRows[rowOf(ref)];
    const bool isSum = n < sums;
    isTouched |= state & touchedSinceFence;
    isOtherShape |= member.shapes[rowOf(ref)] != 0 &&
                    (!isSum || member.shapes[rowOf(ref)] != shape);
    isUnwritten |= isSum && task.accumulates && !(state & everWritten);
  }
  if (cta.options.uninitialized && isUnwritten &&
      !report(ReportKind::uninitialized,
              "the product adds to accumulators that nothing has written"))
    return false;
  if (!cta.options.asyncRegisters)
    return true;
  if (!member.isFenced) {
    member.isFenced = true;
    return report(ReportKind::asyncRegisters,
                  "wgmma.fence must come before the first wgmma.mma_async");
  }
  if (isTouched)
    return report(ReportKind::asyncRegisters,
                  "other instructions have touched registers of this product "
                  "since the last wgmma.fence; another must come between");
  if (isOtherShape)
    return report(ReportKind::asyncRegisters,
                  "products of another shape have used registers of this "
                  "product since the last wgmma.fence; another must come "
                  "between");
  return true;
}

void Warpgroup::holdRegisters(Warp &warp, WarpgroupMember &member,
                              const WgmmaTask &task) {
  const unsigned sums = task.kind.sumRegisters();
  const uint16_t shape = shapeOf(task.kind);
  for (unsigned n = 0; n < task.op.listCount; ++n) {
    const Ref ref = warp.listed(task.op, n);
    if (ref <= 0)
      continue;
    const size_t row = rowOf(ref);
    uint8_t &state = warp.asyncRows[row];
    if (!(state & (asyncReads | asyncWrites)))
      member.rows.push_back(static_cast<uint32_t>(row));
    if (n < sums) {
      state |= asyncWrites | everWritten;
      member.shapes[row] = shape;
    } else {
      state |= asyncReads;
    }
    member.lastUse[row] = task.number;
  }
  warp.asyncRowCount = static_cast<unsigned>(member.rows.size());
}

void Warpgroup::freeRegisters(Warp &warp, WarpgroupMember &member) {
  auto isFree = [&](uint32_t row) {
    if (member.lastUse[row] > member.waited)
      return false;
    warp.asyncRows[row] &= static_cast<uint8_t>(~(asyncReads | asyncWrites));
    return true;
  };
  member.rows.erase(
      std::remove_if(member.rows.begin(), member.rows.end(), isFree),
      member.rows.end());
  warp.asyncRowCount = static_cast<unsigned>(member.rows.size());
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

bool Warpgroup::fence(Warp &warp) {
  WarpgroupMember &member = members[warp.index % 4];
  member.isFenced = true;
  for (uint8_t &state : warp.asyncRows)
    state &= static_cast<uint8_t>(~touchedSinceFence);
  std::fill(member.shapes.begin(), member.shapes.end(), uint16_t(0));
  return true;
}

/// The value that all lanes give for an operand.
static bool uniform(Warp &warp, const Op &op, int slot, const char *what,
                    uint64_t &value) {
  const uint64_t *row = warp.row<uint64_t>(op.src[slot]);
  const int first = __builtin_ctz(warp.alive);
  value = row[first];
  for (LaneMask left = warp.alive; left; left &= left - 1)
    if (const int lane = __builtin_ctz(left); row[lane] != value)
      return warp.cta.report(
          ReportKind::descriptor, &warp, &op, lane,
          std::string("the lanes give different ") + what + ", " +
              hex(value, 16) + " and " + hex(row[lane], 16) +
              "; all threads of the warpgroup must give the same");
  return true;
}

bool Warpgroup::issue(Warp &warp, const Op &op) {
  const unsigned w = warp.index % 4;
  WarpgroupMember &member = members[w];
  const uint64_t number = ++member.issued;
  member.lastOp = &op;
  if (firstWarp + 4 > cta.warps.size()) {
    cta.report(ReportKind::divergence, &warp, &op, -1,
               "wgmma is for four warps that begin at a multiple of 4; the "
               "CTA ends with warp " +
                   std::to_string(cta.warps.size() - 1));
    return false;
  }

  std::shared_ptr<WgmmaTask> task =
      taskOf(std::min<uint64_t>(number, performed + tasks.size()));
  const bool isFirst = number > performed + tasks.size();
  if (isFirst) {
    task = std::make_shared<WgmmaTask>(*this, op, number);
    if (task->kind.takesRegistersA)
      task->fragments = std::make_unique<uint32_t[][4][32]>(4);
    tasks.push_back(task);
  } else if (&task->op != &op) {
    cta.report(ReportKind::divergence, &warp, &op, -1,
               "the warps of a warpgroup must execute the same wgmma",
               "others are at the one of " + cta.program.lineOf(task->op));
    return false;
  }

  // Descriptors and scale-d are the same in all threads.
  const WgmmaKind &kind = task->kind;
  uint64_t given[2] = {0, 0};
  if ((!kind.takesRegistersA &&
       !uniform(warp, op, 1, "descriptors of A", given[0])) ||
      !uniform(warp, op, 2, "descriptors of B", given[1]))
    return false;
  LaneMask scale =
      warp.predicate(op.src[0]) ^ (kind.negatesScaleD ? allLanes : LaneMask(0));
  scale &= warp.alive;
  if (scale && scale != warp.alive &&
      !cta.report(ReportKind::descriptor, &warp, &op,
                  __builtin_ctz(warp.alive & ~scale),
                  "the lanes give different values for scale-d; all threads "
                  "of the warpgroup must give the same"))
    return false;
  if (isFirst) {
    task->descriptors[0] = given[0];
    task->descriptors[1] = given[1];
    task->accumulates = scale != 0;
    task->view = warp.view;
  } else {
    for (int n = 0; n < 2; ++n)
      if (given[n] != task->descriptors[n] &&
          !cta.report(ReportKind::descriptor, &warp, &op, -1,
                      std::string("the warps give different descriptors of ") +
                          (n ? "B, " : "A, ") + hex(given[n], 16) + " and " +
                          hex(task->descriptors[n], 16) +
                          "; all threads of the warpgroup must give the same"))
        return false;
    if (task->accumulates != (scale != 0) &&
        !cta.report(ReportKind::descriptor, &warp, &op, -1,
                    "the warps give different values for scale-d; all threads "
                    "of the warpgroup must give the same"))
      return false;
    for (size_t d = 0; d < task->view.async.size(); ++d) {
      task->view.generic[d] =
          std::min(task->view.generic[d], warp.view.generic[d]);
      task->view.async[d] = std::min(task->view.async[d], warp.view.async[d]);
    }
  }
  if (!checkRegisters(warp, member, *task))
    return false;
  holdRegisters(warp, member, *task);
  if (kind.takesRegistersA)
    for (unsigned n = 0; n < 4; ++n)
      std::memcpy(task->fragments[w][n],
                  warp.row<uint32_t>(warp.listed(op, kind.sumRegisters() + n)),
                  sizeof task->fragments[w][n]);
  task->issuers |= static_cast<uint8_t>(1 << w);
  if (!task->isIssued())
    return true;
  ++cta.events;
  if (!announce(warp, *task))
    return false;
  cta.async.issue(std::move(task));
  return true;
}

/// Checks the descriptors and what they point to, when all warps have issued
/// the product.
bool Warpgroup::announce(Warp &warp, WgmmaTask &task) {
  const WgmmaKind &kind = task.kind;
  Accessor who{warp, task.op};
  who.view = &task.view;
  const uint32_t dimension = cta.dimensionOfWarpgroup(index);
  auto read = [&](const char *name, uint64_t bits, bool isTransposed,
                  uint32_t extent, MatrixDescriptor &descriptor) {
    std::string error =
        MatrixDescriptor::read(bits, isTransposed, extent, descriptor);
    if (!error.empty()) {
      cta.report(ReportKind::descriptor, &warp, &task.op, -1,
                 std::string("the descriptor of ") + name + ", " +
                     hex(bits, 16) + ", " + error);
      return false;
    }
    return descriptor.forEachPiece(
        extent, isTransposed, [&](uint32_t address, uint32_t count) {
          return cta.shared.asyncRead(who, address, count, dimension,
                                      static_cast<Clock>(task.number));
        });
  };
  return (kind.takesRegistersA ||
          read("A", task.descriptors[0], kind.transposesA, WgmmaOperands::rows,
               task.a)) &&
         read("B", task.descriptors[1], kind.transposesB, kind.columns, task.b);
}

bool Warpgroup::commit(Warp &warp, const Op &op) {
  WarpgroupMember &member = members[warp.index % 4];
  const uint64_t number = member.committed++;
  member.groups.push_back(member.issued);
  if (number == commits.size())
    commits.push_back(member.issued);
  else if (commits[number] != member.issued)
    return cta.complain(ReportKind::divergence, &warp, &op, -1,
                        "the warps of a warpgroup must commit the same "
                        "products; this one commits those up to number " +
                            std::to_string(member.issued) +
                            ", another those up to " +
                            std::to_string(commits[number]));
  return true;
}

bool Warpgroup::wait(Warp &warp, uint32_t left, bool &isReady) {
  WarpgroupMember &member = members[warp.index % 4];
  isReady = true;
  if (member.groups.size() <= left)
    return true;
  const uint64_t last = member.groups[member.groups.size() - left - 1];
  if (last > performed && !taskOf(last)->isIssued()) {
    isReady = false;
    return true;
  }
  member.groups.erase(member.groups.begin(), member.groups.end() - left);
  performUntil(last);
  member.waited = std::max(member.waited, last);
  freeRegisters(warp, member);
  const uint32_t dimension = cta.dimensionOfWarpgroup(index);
  const Clock clock = static_cast<Clock>(member.waited);
  warp.view.generic[dimension] = std::max(warp.view.generic[dimension], clock);
  warp.view.async[dimension] = std::max(warp.view.async[dimension], clock);
  return true;
}

//===----------------------------------------------------------------------===//
// All warpgroups of a CTA
//===----------------------------------------------------------------------===//

Warpgroups::Warpgroups(Cta &cta) {
  for (unsigned n = 0; n < cta.warpgroupCount; ++n)
    all.push_back(std::make_unique<Warpgroup>(cta, n));
}

void Warpgroups::warpExited(Warp &warp) {
  Warpgroup &group = of(warp);
  const WarpgroupMember &member = group.members[warp.index % 4];
  if (member.waited == member.issued)
    return;
  const bool isCommitted =
      !member.groups.empty() && member.groups.back() == member.issued;
  warp.cta.complain(
      ReportKind::pending, &warp, member.lastOp, -1,
      "the warp ends while " + std::to_string(member.issued - member.waited) +
          " of its products are in flight: " +
          (isCommitted ? "wgmma.wait_group" : "wgmma.commit_group") +
          " is missing");
}

std::string Warpgroups::describe() {
  std::string text;
  for (const auto &group : all) {
    if (group->tasks.empty() || group->tasks.back()->isIssued())
      continue;
    const WgmmaTask *open = nullptr;
    for (const auto &task : group->tasks)
      if (!open && !task->isIssued())
        open = task.get();
    std::string missing;
    for (unsigned w = 0; w < 4; ++w)
      if (!(open->issuers >> w & 1))
        missing += (missing.empty() ? "" : ", ") +
                   std::to_string(group->firstWarp + w);
    text += (text.empty() ? "" : "; ") + std::string("the wgmma of ") +
            group->cta.program.lineOf(open->op) + " lacks warps " + missing;
  }
  return text;
}
