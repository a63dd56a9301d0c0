//===- ControlFlowOrder.cpp - Where lanes meet again ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Orders instructions so that lanes meet again after a branch if those that are
// at the earliest place go first. The order of the text will not do: compilers
// put the block that ends a loop, or a rare one, anywhere. Here a block comes
// after all that lead to it, but for those that jump back, and the blocks of a
// loop come before what follows the loop.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include <algorithm>

using namespace attn;
using namespace attn::emulator;

namespace {
struct Block {
  uint32_t begin = 0, end = 0;
  std::vector<uint32_t> successors, predecessors;
  /// The set of blocks that is being ordered.
  uint32_t part = 0;
  /// Begins a loop: edges to it do not count while the loop is ordered.
  bool isHeader = false;
  // Of Tarjan's algorithm (Depth-first search and linear graph algorithms,
  // 1972).
  uint32_t number = 0, lowest = 0;
  bool isOnStack = false;
};

class Orderer {
public:
  explicit Orderer(const Program &program) : program(program) { makeBlocks(); }

  std::vector<uint32_t> run();

private:
  void makeBlocks();
  /// Loops in loops; beyond this depth the order is that of the text.
  static constexpr int maxDepth = 256;
  void order(const std::vector<uint32_t> &nodes, int depth);
  /// Strongly connected parts of the nodes, last ones first.
  std::vector<std::vector<uint32_t>>
  findParts(const std::vector<uint32_t> &nodes);

  const Program &program;
  std::vector<Block> blocks;
  std::vector<uint32_t> sequence;
  uint32_t parts = 0;
};
} // namespace

void Orderer::makeBlocks() {
  const std::vector<Op> &ops = program.ops;
  std::vector<bool> leads(ops.size() + 1, false);
  leads[0] = true;
  auto forEachTarget = [&](const Op &op, auto function) {
    if (op.isBranch)
      function(static_cast<size_t>(op.target));
    if (op.isIndirect)
      for (int32_t target : program.targets[op.detail])
        function(static_cast<size_t>(target));
  };
  for (size_t n = 0; n < ops.size(); ++n) {
    forEachTarget(ops[n], [&](size_t target) { leads[target] = true; });
    // The function of a call is a graph of its own.
    if (ops[n].isCall)
      leads[static_cast<size_t>(ops[n].target)] = true;
    if (ops[n].isBranch || ops[n].isIndirect || ops[n].isEnd)
      leads[n + 1] = true;
  }
  std::vector<uint32_t> blockAt(ops.size());
  for (size_t n = 0; n < ops.size(); ++n) {
    if (leads[n]) {
      blocks.emplace_back();
      blocks.back().begin = static_cast<uint32_t>(n);
    }
    blockAt[n] = static_cast<uint32_t>(blocks.size()) - 1;
    blocks.back().end = static_cast<uint32_t>(n) + 1;
  }
  for (uint32_t n = 0; n < blocks.size(); ++n) {
    const Op &last = ops[blocks[n].end - 1];
    auto add = [&](size_t target) {
      if (target >= ops.size())
        return;
      blocks[n].successors.push_back(blockAt[target]);
      blocks[blockAt[target]].predecessors.push_back(n);
    };
    forEachTarget(last, add);
    if (!last.isEnd || last.hasGuard)
      add(blocks[n].end);
  }
}

std::vector<std::vector<uint32_t>>
Orderer::findParts(const std::vector<uint32_t> &nodes) {
  const uint32_t part = ++parts;
  for (uint32_t node : nodes) {
    blocks[node].part = part;
    blocks[node].number = 0;
  }
  std::vector<std::vector<uint32_t>> found;
  std::vector<uint32_t> stack;
  /// A node and how many of its successors have been looked at.
  std::vector<std::pair<uint32_t, size_t>> path;
  uint32_t count = 0;
  auto enter = [&](uint32_t node) {
    blocks[node].number = blocks[node].lowest = ++count;
    blocks[node].isOnStack = true;
    stack.push_back(node);
    path.emplace_back(node, 0);
  };
  for (uint32_t root : nodes) {
    if (blocks[root].number)
      continue;
    enter(root);
    while (!path.empty()) {
      auto &[node, next] = path.back();
      Block &block = blocks[node];
      if (next < block.successors.size()) {
        const Block &successor = blocks[block.successors[next++]];
        if (successor.part != part || successor.isHeader)
          continue;
        if (!successor.number)
          enter(block.successors[next - 1]);
        else if (successor.isOnStack)
          block.lowest = std::min(block.lowest, successor.number);
        continue;
      }
      if (block.lowest == block.number) {
        found.emplace_back();
        uint32_t member;
        do {
          member = stack.back();
          stack.pop_back();
          blocks[member].isOnStack = false;
          found.back().push_back(member);
        } while (member != node);
      }
      const uint32_t lowest = block.lowest;
      path.pop_back();
      if (!path.empty()) {
        Block &parent = blocks[path.back().first];
        parent.lowest = std::min(parent.lowest, lowest);
      }
    }
  }
  return found;
}

void Orderer::order(const std::vector<uint32_t> &nodes, int depth) {
  std::vector<std::vector<uint32_t>> found = findParts(nodes);
  for (size_t n = found.size(); n-- > 0;) {
    std::vector<uint32_t> &members = found[n];
    std::sort(members.begin(), members.end());
    if (members.size() == 1 || depth == maxDepth) {
      sequence.insert(sequence.end(), members.begin(), members.end());
      continue;
    }
    // A loop begins where it is entered.
    auto isMember = [&](uint32_t node) {
      return std::binary_search(members.begin(), members.end(), node);
    };
    auto header =
        std::find_if(members.begin(), members.end(), [&](uint32_t node) {
          const auto &from = blocks[node].predecessors;
          return !std::all_of(from.begin(), from.end(), isMember);
        });
    if (header == members.end())
      header = members.begin();
    blocks[*header].isHeader = true;
    std::rotate(members.begin(), header, header + 1);
    order(members, depth + 1);
  }
}

std::vector<uint32_t> Orderer::run() {
  std::vector<uint32_t> all(blocks.size());
  for (uint32_t n = 0; n < all.size(); ++n)
    all[n] = n;
  order(all, 0);
  std::vector<uint32_t> places(program.ops.size());
  uint32_t place = 0;
  for (uint32_t node : sequence)
    for (uint32_t n = blocks[node].begin; n < blocks[node].end; ++n)
      places[n] = place++;
  return places;
}

std::vector<uint32_t> emulator::orderControlFlow(const Program &program) {
  return Orderer(program).run();
}
