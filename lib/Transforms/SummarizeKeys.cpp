//===- SummarizeKeys.cpp - tile-summarize-keys ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Computes for each key tile how large and how small the numbers are that a
// mask reads at the keys before it and after it.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "TilePieces.h"
#include "Workspace.h"
#include "attn/Analysis/MaskBounds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_TILESUMMARIZEKEYSPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {
/// Numbers that a mask reads, one for each key.
struct KeyNumbers {
  /// The argument of the kernel that they are in, and the dimension of keys.
  BlockArgument source;
  unsigned dimension;
  /// Keys of a tile.
  int64_t tileKeys;

  bool operator==(const KeyNumbers &other) const {
    return source == other.source && dimension == other.dimension &&
           tileKeys == other.tileKeys;
  }
};

/// Builds the kernels and launches for one kernel with a mask.
class Summarizer {
public:
  Summarizer(KernelOp kernel, LaunchOp launch)
      : kernel(kernel), launch(launch), builder(kernel), loc(kernel.getLoc()) {}

  LogicalResult run();

private:
  LogicalResult summarize(Workspace &workspace, const KeyNumbers &numbers,
                          unsigned index);
  KernelOp begin(const Twine &suffix, MemRefType source);
  KernelOp buildRanges(const KeyNumbers &numbers, const Twine &name);
  KernelOp buildEnvelopes(const KeyNumbers &numbers, const Twine &name);

  Value constant(int64_t value) { return constantIndex(builder, loc, value); }
  Value dim(Value memref, int64_t number) {
    return memref::DimOp::create(builder, loc, memref, number);
  }
  Value load(OpBuilder &b, Value memref, ValueRange at) {
    return arith::IndexCastOp::create(
        b, loc, b.getIndexType(), memref::LoadOp::create(b, loc, memref, at));
  }
  void store(OpBuilder &b, Value value, Value memref, ValueRange at) {
    Type element = cast<MemRefType>(memref.getType()).getElementType();
    memref::StoreOp::create(
        b, loc, arith::IndexCastOp::create(b, loc, element, value), memref, at);
  }

  KernelOp kernel;
  LaunchOp launch;
  OpBuilder builder;
  Location loc;
};
} // namespace

/// Where the kernel's masks read numbers at the key index.
static SmallVector<std::pair<memref::LoadOp, KeyNumbers>>
findKeyNumbers(KernelOp kernel) {
  SmallVector<std::pair<memref::LoadOp, KeyNumbers>> found;
  kernel.walk([&](MapOp map) {
    auto loop = dyn_cast<scf::ForOp>(map->getParentOp());
    if (!loop || !map.hasIndices() || !loop.getOps<StoreOp>().empty())
      return;
    for (auto load : map.getBlock()->getOps<memref::LoadOp>()) {
      auto source = dyn_cast<BlockArgument>(load.getMemRef());
      std::optional<unsigned> dimension = findKeyDimension(map, load);
      if (source && source.getOwner() == &kernel.getBody().front() && dimension)
        found.push_back(
            {load, {source, *dimension, map.getResult().getType().getCols()}});
    }
  });
  return found;
}

/// A kernel on the numbers, and the least and largest of each tile.
KernelOp Summarizer::begin(const Twine &name, MemRefType source) {
  auto table = MemRefType::get({ShapedType::kDynamic, ShapedType::kDynamic},
                               source.getElementType());
  builder.setInsertionPoint(kernel);
  return beginKernel(builder, loc, name, {source, table, table});
}

/// A task for each tile: the least and the largest of its numbers.
KernelOp Summarizer::buildRanges(const KeyNumbers &numbers, const Twine &name) {
  KernelOp created = begin(name, cast<MemRefType>(numbers.source.getType()));
  ArrayRef<BlockArgument> arguments = created.getBody().getArguments();
  Value source = arguments[1], least = arguments[2], most = arguments[3];
  Value tiles = dim(least, 1);
  Value tile = arith::RemUIOp::create(builder, loc, created.getWork(), tiles);
  Value row = arith::DivUIOp::create(builder, loc, created.getWork(), tiles);
  // The row counts the other dimensions, the last one first.
  SmallVector<Value> at(cast<MemRefType>(source.getType()).getRank());
  Value rest = row;
  for (unsigned n = at.size(); n-- > 0;) {
    if (n == numbers.dimension)
      continue;
    Value size = dim(source, n);
    at[n] = arith::RemUIOp::create(builder, loc, rest, size);
    rest = arith::DivUIOp::create(builder, loc, rest, size);
  }
  Value first =
      arith::MulIOp::create(builder, loc, tile, constant(numbers.tileKeys));
  Value next =
      arith::AddIOp::create(builder, loc, first, constant(numbers.tileKeys));
  Value end = arith::MinSIOp::create(builder, loc, next,
                                     dim(source, numbers.dimension));
  at[numbers.dimension] = first;
  Value start = load(builder, source, at);
  Value one = constant(1);
  auto loop = scf::ForOp::create(
      builder, loc, arith::AddIOp::create(builder, loc, first, one), end, one,
      ValueRange{start, start},
      [&](OpBuilder &body, Location, Value key, ValueRange known) {
        at[numbers.dimension] = key;
        Value number = load(body, source, at);
        Value lower = arith::MinSIOp::create(body, loc, known[0], number),
              upper = arith::MaxSIOp::create(body, loc, known[1], number);
        scf::YieldOp::create(body, loc, ValueRange{lower, upper});
      });
  store(builder, loop.getResult(0), least, {row, tile});
  store(builder, loop.getResult(1), most, {row, tile});
  ReturnOp::create(builder, loc);
  return created;
}

/// A task for each row: the least number of a tile and those after it, and the
/// largest of a tile and those before it.
KernelOp Summarizer::buildEnvelopes(const KeyNumbers &numbers,
                                    const Twine &name) {
  KernelOp created = begin(name, cast<MemRefType>(numbers.source.getType()));
  ArrayRef<BlockArgument> arguments = created.getBody().getArguments();
  Value row = arguments[0], least = arguments[2], most = arguments[3];
  Value tiles = dim(least, 1), one = constant(1);
  Value last = arith::SubIOp::create(builder, loc, tiles, one);
  Value firstMost = load(builder, most, {row, constant(0)}),
        lastLeast = load(builder, least, {row, last});
  scf::ForOp::create(
      builder, loc, one, tiles, one, ValueRange{firstMost, lastLeast},
      [&](OpBuilder &body, Location, Value n, ValueRange known) {
        Value largest = arith::MaxSIOp::create(body, loc, known[0],
                                               load(body, most, {row, n}));
        store(body, largest, most, {row, n});
        Value tile = arith::SubIOp::create(body, loc, last, n);
        Value smallest = arith::MinSIOp::create(body, loc, known[1],
                                                load(body, least, {row, tile}));
        store(body, smallest, least, {row, tile});
        scf::YieldOp::create(body, loc, ValueRange{largest, smallest});
      });
  ReturnOp::create(builder, loc);
  return created;
}

/// Adds the two launches; their tables become arguments of the kernel.
LogicalResult Summarizer::summarize(Workspace &workspace,
                                    const KeyNumbers &numbers, unsigned index) {
  std::string name = (kernel.getName() + "_keys" + Twine(index)).str();
  KernelOp ranges = buildRanges(numbers, name + "_ranges"),
           envelopes = buildEnvelopes(numbers, name + "_envelopes");
  builder.setInsertionPoint(launch);
  Value source = launch.getArguments()[numbers.source.getArgNumber() - 1];
  Value rows = constant(1), tiles;
  for (int64_t n : llvm::seq(cast<MemRefType>(source.getType()).getRank())) {
    if (n == numbers.dimension)
      tiles = arith::CeilDivUIOp::create(builder, loc, dim(source, n),
                                         constant(numbers.tileKeys));
    else
      rows = arith::MulIOp::create(builder, loc, rows, dim(source, n));
  }
  Type element = cast<MemRefType>(source.getType()).getElementType();
  Value least = workspace.take(element, {rows, tiles}),
        most = workspace.take(element, {rows, tiles});
  auto add = [&](KernelOp created, Value count) {
    LaunchOp::create(builder, loc,
                     FlatSymbolRefAttr::get(created.getSymNameAttr()), count,
                     ValueRange{source, least, most});
  };
  add(ranges, arith::MulIOp::create(builder, loc, rows, tiles));
  // Without keys there is nothing to go through.
  Value any = arith::MinUIOp::create(builder, loc, tiles, constant(1));
  add(envelopes, arith::MulIOp::create(builder, loc, rows, any));
  launch.getArgumentsMutable().append({least, most});
  for (Value table : {least, most})
    if (failed(kernel.insertArgument(kernel.getNumArguments(), table.getType(),
                                     DictionaryAttr(), loc)))
      return failure();
  return success();
}

LogicalResult Summarizer::run() {
  auto found = findKeyNumbers(kernel);
  if (found.empty())
    return success();
  FailureOr<Workspace> workspace = Workspace::open(launch);
  if (failed(workspace))
    return failure();
  SmallVector<KeyNumbers> known;
  const int64_t before = kernel.getNumArguments();
  for (auto &[load, numbers] : found) {
    size_t index = llvm::find(known, numbers) - known.begin();
    if (index == known.size()) {
      known.push_back(numbers);
      if (failed(summarize(*workspace, numbers, index)))
        return failure();
    }
    load->setAttr(kEnvelopesAttrName, builder.getDenseI64ArrayAttr(
                                          {before + 2 * int64_t(index),
                                           before + 2 * int64_t(index) + 1}));
  }
  remark::passed(
      loc,
      remark::RemarkOpts::name("tile-summarize-keys").category("attn.bound"))
      << "the mask reads a number for each key; the least and the largest of "
         "each key tile are computed first";
  return workspace->close();
}

namespace {
struct SummarizeKeys : tile::impl::TileSummarizeKeysPassBase<SummarizeKeys> {
  void runOnOperation() override {
    auto transform = [](KernelOp kernel, LaunchOp launch) {
      return Summarizer(kernel, launch).run();
    };
    if (failed(forEachLaunch(getOperation(), transform)))
      signalPassFailure();
  }
};
} // namespace
