//===- RegisterAllocation.cpp - Rows for registers ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Liveness over the control-flow graph, then linear scan (Poletto and Sarkar,
// TOPLAS 1999) with one interval for each register.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

using namespace attn::emulator;

namespace {

using Bits = std::vector<uint64_t>;

bool test(const Bits &bits, size_t n) { return bits[n / 64] >> (n % 64) & 1; }
void set(Bits &bits, size_t n) { bits[n / 64] |= uint64_t(1) << (n % 64); }
void clear(Bits &bits, size_t n) { bits[n / 64] &= ~(uint64_t(1) << (n % 64)); }

struct Block {
  int32_t begin, end; ///< ops
  std::vector<int32_t> successors;
  Bits liveIn, liveOut;
};

struct Interval {
  Ref ref = 0;
  uint8_t bits = 32;
  int32_t begin = INT32_MAX, end = -1;
  Ref row = 0; ///< the result
};

class Allocator {
public:
  Allocator(Program &program, const std::vector<Ref> &apart)
      : program(program), apart(apart) {}

  void run() {
    number();
    makeBlocks();
    solve();
    findIntervals();
    assign();
    rewrite();
  }

private:
  void number();
  void makeBlocks();
  void solve();
  void findIntervals();
  void assign();
  void rewrite();
  size_t idOf(Ref ref) const { return ids.at(ref); }
  /// Visits the registers of an op from its end to its beginning.
  void transfer(const Op &op, Bits &live) const;

  Program &program;
  const std::vector<Ref> &apart;
  std::map<Ref, size_t> ids;
  std::vector<Interval> intervals;
  std::vector<Block> blocks;
  std::vector<int32_t> blockAt; ///< by op
};

void Allocator::number() {
  auto add = [&](Ref ref, uint8_t bits) {
    auto [place, isNew] = ids.try_emplace(ref, intervals.size());
    if (!isNew)
      return;
    Interval interval;
    interval.ref = ref;
    interval.bits = bits;
    intervals.push_back(interval);
  };
  for (const RegisterUse &use : program.uses)
    if (use.ref > 0)
      add(use.ref, use.bits);
  for (auto [special, ref] : program.specials)
    add(ref, 32);
}

void Allocator::makeBlocks() {
  const auto &ops = program.ops;
  size_t count = ops.size();
  std::vector<bool> leads(count + 1, false);
  leads[0] = true;
  auto mark = [&](int32_t target) {
    leads[static_cast<size_t>(target)] = true;
  };
  for (size_t n = 0; n < count; ++n) {
    const Op &op = ops[n];
    if (op.isBranch)
      mark(op.target);
    if (op.isIndirect)
      for (int32_t target : program.targets[op.detail])
        mark(target);
    if (op.isBranch || op.isIndirect || op.isEnd)
      leads[n + 1] = true;
  }
  blockAt.assign(count, 0);
  for (size_t n = 0; n < count; ++n) {
    if (leads[n])
      blocks.push_back({static_cast<int32_t>(n), 0, {}, {}, {}});
    blockAt[n] = static_cast<int32_t>(blocks.size()) - 1;
    blocks.back().end = static_cast<int32_t>(n) + 1;
  }
  size_t words = intervals.size() / 64 + 1;
  for (Block &block : blocks) {
    block.liveIn.assign(words, 0);
    block.liveOut.assign(words, 0);
    const Op &last = ops[static_cast<size_t>(block.end) - 1];
    auto add = [&](int32_t target) {
      if (static_cast<size_t>(target) < count)
        block.successors.push_back(blockAt[static_cast<size_t>(target)]);
    };
    if (last.isBranch)
      add(last.target);
    if (last.isIndirect)
      for (int32_t target : program.targets[last.detail])
        add(target);
    if (!last.isEnd || last.hasGuard)
      add(block.end);
  }
}

void Allocator::transfer(const Op &op, Bits &live) const {
  const RegisterUse *uses = program.uses.data() + op.useBegin;
  // A write under a guard may leave the old value.
  if (!op.hasGuard)
    for (unsigned k = 0; k < op.useCount; ++k)
      if (uses[k].isWrite && uses[k].ref > 0)
        clear(live, idOf(uses[k].ref));
  for (unsigned k = 0; k < op.useCount; ++k)
    if (!uses[k].isWrite && uses[k].ref > 0)
      set(live, idOf(uses[k].ref));
}

void Allocator::solve() {
  std::vector<std::vector<int32_t>> predecessors(blocks.size());
  for (size_t b = 0; b < blocks.size(); ++b)
    for (int32_t successor : blocks[b].successors)
      predecessors[static_cast<size_t>(successor)].push_back(
          static_cast<int32_t>(b));
  std::vector<int32_t> work;
  std::vector<bool> queued(blocks.size(), true);
  for (size_t b = 0; b < blocks.size(); ++b)
    work.push_back(static_cast<int32_t>(b));
  while (!work.empty()) {
    auto b = static_cast<size_t>(work.back());
    work.pop_back();
    queued[b] = false;
    Block &block = blocks[b];
    for (int32_t successor : block.successors)
      for (size_t w = 0; w < block.liveOut.size(); ++w)
        block.liveOut[w] |= blocks[static_cast<size_t>(successor)].liveIn[w];
    Bits live = block.liveOut;
    for (int32_t n = block.end; n-- > block.begin;)
      transfer(program.ops[static_cast<size_t>(n)], live);
    if (live == block.liveIn)
      continue;
    block.liveIn = std::move(live);
    for (int32_t predecessor : predecessors[b])
      if (!queued[static_cast<size_t>(predecessor)]) {
        queued[static_cast<size_t>(predecessor)] = true;
        work.push_back(predecessor);
      }
  }
}

void Allocator::findIntervals() {
  auto touch = [&](size_t id, int32_t at) {
    intervals[id].begin = std::min(intervals[id].begin, at);
    intervals[id].end = std::max(intervals[id].end, at);
  };
  for (const Block &block : blocks) {
    for (size_t id = 0; id < intervals.size(); ++id) {
      if (test(block.liveIn, id))
        touch(id, block.begin);
      if (test(block.liveOut, id))
        touch(id, block.end - 1);
    }
    for (int32_t n = block.begin; n < block.end; ++n) {
      const Op &op = program.ops[static_cast<size_t>(n)];
      for (unsigned k = 0; k < op.useCount; ++k)
        if (Ref ref = program.uses[op.useBegin + k].ref; ref > 0)
          touch(idOf(ref), n);
    }
  }
  auto whole = [&](Ref ref) {
    if (auto found = ids.find(ref); found != ids.end()) {
      intervals[found->second].begin = 0;
      intervals[found->second].end = static_cast<int32_t>(program.ops.size());
    }
  };
  for (Ref ref : apart)
    whole(ref);
  // What the entry of a function needs may be read before it is written.
  std::set<int32_t> entries;
  if (!blocks.empty())
    entries.insert(0);
  for (const Op &op : program.ops)
    if (op.isCall)
      entries.insert(op.target);
  std::set<Ref> specials;
  for (auto [special, ref] : program.specials)
    specials.insert(ref);
  for (int32_t entry : entries) {
    const Block &block =
        blocks[static_cast<size_t>(blockAt[static_cast<size_t>(entry)])];
    for (size_t id = 0; id < intervals.size(); ++id)
      if (Ref ref = intervals[id].ref;
          test(block.liveIn, id) && !specials.count(ref)) {
        whole(ref);
        program.watched.push_back({ref, entry});
      }
  }
}

void Allocator::assign() {
  std::vector<Interval *> order;
  for (Interval &interval : intervals)
    order.push_back(&interval);
  std::stable_sort(
      order.begin(), order.end(),
      [](const Interval *a, const Interval *b) { return a->begin < b->begin; });
  uint32_t next = lanesPerWarp * 8; // after the scratch row
  // Rows of 8 bytes a lane first, then of 4, then predicates: all are aligned.
  for (unsigned bits : {64u, 32u, 1u}) {
    const uint32_t bytes = bits == 1 ? 4 : bits / 8 * lanesPerWarp;
    std::vector<Ref> freeRows;
    using Busy = std::pair<int32_t, Ref>;
    std::priority_queue<Busy, std::vector<Busy>, std::greater<Busy>> busy;
    for (Interval *interval : order) {
      if (interval->bits != bits)
        continue;
      while (!busy.empty() && busy.top().first < interval->begin) {
        freeRows.push_back(busy.top().second);
        busy.pop();
      }
      if (freeRows.empty()) {
        freeRows.push_back(static_cast<Ref>(next));
        next += bytes;
      }
      interval->row = freeRows.back();
      freeRows.pop_back();
      busy.emplace(interval->end, interval->row);
    }
  }
  program.registerBytes = (next + 127) / 128 * 128;
}

void Allocator::rewrite() {
  auto map = [&](Ref &ref) {
    if (ref <= 0)
      return;
    auto found = ids.find(ref);
    ref = found == ids.end() ? 0 : intervals[found->second].row;
  };
  for (Op &op : program.ops) {
    map(op.dst);
    for (Ref &ref : op.src)
      map(ref);
    map(op.guard);
  }
  for (Ref &ref : program.lists)
    map(ref);
  for (RegisterUse &use : program.uses)
    map(use.ref);
  for (auto &special : program.specials)
    map(special.second);
  std::set<Ref> watched;
  std::set<int32_t> entries;
  for (Program::Watched &each : program.watched) {
    map(each.ref);
    watched.insert(each.ref);
    entries.insert(each.entry);
  }
  for (Op &op : program.ops) {
    op.isWatched = op.isCall && entries.count(op.target);
    for (unsigned k = 0; k < op.useCount; ++k)
      op.isWatched |= watched.count(program.uses[op.useBegin + k].ref) > 0;
  }
}

} // namespace

void attn::emulator::allocateRegisters(Program &program,
                                       const std::vector<Ref> &apart) {
  Allocator(program, apart).run();
}
