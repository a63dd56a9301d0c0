//===- TileAttention.cpp - attn-tile --------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Replaces functions on tensors by functions that launch tile kernels on
// memrefs: the pass, and what it does to attn.attention.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "EntryFunction.h"
#include "KernelBuilder.h"
#include "TileCombine.h"
#include "TilePieces.h"
#include "Workspace.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_ATTNTILEPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {

enum class Algorithm { standard, memoryEfficient, flash };

/// Rewrites a function with an attn.attention.
class AttentionTiler {
public:
  AttentionTiler(func::FuncOp function, attn::AttentionOp op, int64_t tileQ,
                 int64_t tileKv)
      : function(function), op(op), tileQ(tileQ), tileKv(tileKv),
        entry(function, describe(op)) {}

  LogicalResult run(Algorithm algorithm, StringRef algorithmName);

private:
  static EntryOperation describe(attn::AttentionOp op);
  Value buildScoresBytes(OpBuilder &builder, Location loc, Block &arguments);
  /// The memref of a result of the operation; null if it is not returned.
  Value getResult(Value result) {
    return entry.getResult(cast<OpResult>(result).getResultNumber());
  }
  FailureOr<Value> launchBlockTable(OpBuilder &builder);
  void launch(OpBuilder &builder, KernelOp kernel, Value count,
              const KernelData<Value> &data);

  func::FuncOp function;
  attn::AttentionOp op;
  int64_t tileQ, tileKv;
  EntryFunction entry;
  SmallVector<BlockArgument> captures; // arguments that regions use
};

} // namespace

EntryOperation AttentionTiler::describe(attn::AttentionOp op) {
  Value q = op.getQuery(), k = op.getKey(), v = op.getValue();
  EntryOperation described{op,
                           {{q, "query"}, {k, "key"}, {v, "value"}},
                           {{{q, 0}, {k, 0}, {v, 0}}, {{k, 2}, {v, 2}}},
                           /*derivedDimensions=*/{},
                           {q, 0},
                           {"output"}};
  if (op.getLse())
    described.resultNames.push_back("lse");
  if (op.getStatus())
    described.resultNames.push_back("status");
  if (op.getSinks())
    described.tensors.emplace_back(op.getSinks(), "sinks");
  for (auto [tensor, name] :
       {std::pair(Value(op.getBlockOffsets()), "block_offsets"),
        {Value(op.getBlockColumns()), "block_columns"},
        {Value(op.getBlockFull()), "block_full"}})
    if (tensor)
      described.tensors.emplace_back(tensor, name);
  if (Value offsets = op.getBlockOffsets())
    described.derivedDimensions = {
        {{offsets, 0}, {q, 0}, 1, 0, /*canBeOne=*/true},
        {{offsets, 1}, {q, 1}, 1, 0, /*canBeOne=*/true},
        {{offsets, 2}, {q, 2}, op.getQueryBlock(), 1}};
  if (op.getBlockFull())
    described.equalDimensions.push_back(
        {{op.getBlockColumns(), 0}, {op.getBlockFull(), 0}});
  return described;
}

/// Bytes of all scores: batch * query heads * queries * keys * 4.
Value AttentionTiler::buildScoresBytes(OpBuilder &builder, Location loc,
                                       Block &arguments) {
  auto dim = [&](Value tensor, int64_t number) -> Value {
    Value memref =
        arguments.getArgument(cast<BlockArgument>(tensor).getArgNumber());
    return memref::DimOp::create(builder, loc, memref, number);
  };
  Value bytes = arith::ConstantIndexOp::create(builder, loc, 4);
  for (Value factor : {dim(op.getQuery(), 0), dim(op.getQuery(), 1),
                       dim(op.getQuery(), 2), dim(op.getKey(), 2)})
    bytes = arith::MulIOp::create(builder, loc, bytes, factor);
  return bytes;
}

/// Launches the kernel that writes the table of the block mask, which is in the
/// workspace, and if the status is asked for the one that adds it up.
FailureOr<Value> AttentionTiler::launchBlockTable(OpBuilder &builder) {
  Location loc = op.getLoc();
  SmallVector<Value> lists = {entry.getInput(op.getBlockOffsets()),
                              entry.getInput(op.getBlockColumns())};
  if (op.getBlockFull())
    lists.push_back(entry.getInput(op.getBlockFull()));
  SmallVector<Value> sizes = buildBlockTableSizes(
      builder, op, entry.getInput(op.getQuery()), entry.getInput(op.getKey()));
  Value count = sizes[2];
  for (Value size : {sizes[0], sizes[1]})
    count = arith::MulIOp::create(builder, loc, count, size);
  std::string name = (function.getName() + "_blocks").str();
  auto launch = LaunchOp::create(
      builder, loc, FlatSymbolRefAttr::get(builder.getContext(), name), count,
      lists);
  FailureOr<Workspace> workspace = Workspace::open(launch);
  if (failed(workspace))
    return failure();
  Type i32 = builder.getI32Type();
  Value table = workspace->take(i32, sizes),
        faults = workspace->take(i32, count);
  launch.getArgumentsMutable().append({table, faults});
  if (failed(workspace->close()))
    return failure();
  OpBuilder moduleBuilder(function);
  buildBlockTable(moduleBuilder, op, name, launch.getArguments().getTypes());
  Value status = op.getStatus() ? getResult(op.getStatus()) : Value();
  if (!status)
    return table;
  KernelOp sum = buildBlockStatus(moduleBuilder, loc, name + "_status",
                                  {faults.getType(), status.getType()});
  LaunchOp::create(builder, loc, FlatSymbolRefAttr::get(sum.getSymNameAttr()),
                   constantIndex(builder, loc, 1), ValueRange{faults, status});
  return table;
}

void AttentionTiler::launch(OpBuilder &builder, KernelOp kernel, Value count,
                            const KernelData<Value> &data) {
  LaunchOp::create(builder, op.getLoc(),
                   FlatSymbolRefAttr::get(kernel.getSymNameAttr()), count,
                   data.flat());
}

LogicalResult AttentionTiler::run(Algorithm algorithm,
                                  StringRef algorithmName) {
  if (op.getMaskAttr() || op.getScoreAttr())
    return op.emitOpError() << "still has a mask or score attribute; run "
                               "attn-expand-variant first";
  if (failed(entry.check()))
    return failure();
  FailureOr<SmallVector<BlockArgument>> collected = collectCaptures(op);
  if (failed(collected))
    return failure();
  captures = *collected;
  StringRef name = function.getName();
  entry.create(algorithmName, tileQ, tileKv);
  entry.createWorkspaceFunction(
      [&](OpBuilder &builder, Location loc, Block &arguments) {
        return algorithm == Algorithm::standard
                   ? buildScoresBytes(builder, loc, arguments)
                   : constantIndex(builder, loc, 0);
      });

  KernelData<Value> all;
  all.query = entry.getInput(op.getQuery());
  all.key = entry.getInput(op.getKey());
  all.value = entry.getInput(op.getValue());
  all.output = entry.getResult(0);
  if (op.getLse())
    all.lse = getResult(op.getLse());
  if (op.getSinks())
    all.sinks = entry.getInput(op.getSinks());
  for (BlockArgument capture : captures)
    all.captures.push_back(entry.getInput(capture));

  Location loc = op.getLoc();
  OpBuilder builder = entry.getBodyBuilder();
  if (op.getBlockOffsets()) {
    FailureOr<Value> table = launchBlockTable(builder);
    if (failed(table))
      return failure();
    all.blocks = *table;
  }
  KernelBuilder kernels(op, captures, tileQ, tileKv);
  Value count = kernels.buildTaskCount(builder, loc, all.query);
  OpBuilder moduleBuilder(function);
  auto typesOf = [](const KernelData<Value> &data) {
    auto typeOf = [](Value value) { return value ? value.getType() : Type(); };
    KernelData<Type> types{
        typeOf(data.query),  typeOf(data.key),    typeOf(data.value),
        typeOf(data.output), typeOf(data.lse),    typeOf(data.scores),
        typeOf(data.sinks),  typeOf(data.blocks), {}};
    for (Value capture : data.captures)
      types.captures.push_back(capture.getType());
    return types;
  };

  if (algorithm != Algorithm::standard) {
    KernelOp kernel = kernels.buildMemoryEfficient(
        moduleBuilder, (name + "_attention").str(), typesOf(all));
    if (algorithm == Algorithm::flash)
      fuseOnlineSoftmax(kernel);
    launch(builder, kernel, count, all);
  } else {
    // Scores as [batch, kv_heads, queries * group, keys] in the workspace.
    Value workspace = entry.getWorkspace();
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value batch = memref::DimOp::create(builder, loc, all.query, 0);
    Value queries = memref::DimOp::create(builder, loc, all.query, 2);
    Value keys = memref::DimOp::create(builder, loc, all.key, 2);
    Value group =
        arith::ConstantIndexOp::create(builder, loc, op.getGroupSize());
    Value rows = arith::MulIOp::create(builder, loc, queries, group);
    auto scoresType =
        MemRefType::get({ShapedType::kDynamic, op.getKvHeads(),
                         ShapedType::kDynamic, ShapedType::kDynamic},
                        builder.getF32Type());
    Value scores = memref::ViewOp::create(builder, loc, scoresType, workspace,
                                          zero, ValueRange{batch, rows, keys});
    KernelData<Value> first{all.query, all.key, {},         {},          {},
                            scores,    {},      all.blocks, all.captures};
    KernelData<Value> second{all.query, {},        {}, {}, all.lse,
                             scores,    all.sinks, {}, {}};
    if (op.getDropoutProbability())
      second.captures = all.captures;
    KernelData<Value> third{all.query, {}, all.value, all.output, {},
                            scores,    {}, {},        {}};
    launch(builder,
           kernels.buildScores(moduleBuilder, (name + "_scores").str(),
                               typesOf(first)),
           count, first);
    launch(builder,
           kernels.buildSoftmax(moduleBuilder, (name + "_softmax").str(),
                                typesOf(second)),
           count, second);
    launch(builder,
           kernels.buildValues(moduleBuilder, (name + "_values").str(),
                               typesOf(third)),
           count, third);
  }
  entry.finish();
  return success();
}

namespace {
struct TileAttention : tile::impl::AttnTilePassBase<TileAttention> {
  using AttnTilePassBase::AttnTilePassBase;

  void runOnOperation() override {
    auto parsed = llvm::StringSwitch<std::optional<Algorithm>>(algorithm)
                      .Case("standard", Algorithm::standard)
                      .Case("memory-efficient", Algorithm::memoryEfficient)
                      .Case("flash", Algorithm::flash)
                      .Default(std::nullopt);
    if (!parsed) {
      getOperation().emitError()
          << "unknown algorithm '" << algorithm
          << "'; allowed are standard, memory-efficient and flash";
      return signalPassFailure();
    }
    constexpr int64_t maxTile = 4096;
    if (tileQ < 1 || tileKv < 1 || tileQ > maxTile || tileKv > maxTile ||
        unmaskedTileKv < 0 || unmaskedTileKv > maxTile) {
      getOperation().emitError()
          << "tile sizes must be between 1 and " << maxTile
          << ", got tile-q=" << int64_t(tileQ) << " tile-kv=" << int64_t(tileKv)
          << " unmasked-tile-kv=" << int64_t(unmaskedTileKv);
      return signalPassFailure();
    }
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      SmallVector<Operation *> found;
      function.walk([&](Operation *op) {
        if (isa<attn::AttentionOp, attn::CombineOp>(op))
          found.push_back(op);
      });
      if (found.empty())
        continue;
      if (found.size() > 1) {
        found[1]->emitOpError()
            << "is the second attention or combination in function '"
            << function.getName() << "'; attn-tile takes one in a function";
        return signalPassFailure();
      }
      if (failed(run(function, found.front(), *parsed)))
        return signalPassFailure();
    }
  }

  LogicalResult run(func::FuncOp function, Operation *op, Algorithm parsed) {
    if (auto combine = dyn_cast<attn::CombineOp>(op))
      return tileCombine(function, combine, tileQ);
    auto attention = cast<attn::AttentionOp>(op);
    bool unmasked =
        attention.getMaskMod().empty() && !attention.getBlockOffsets();
    int64_t keys = unmasked && unmaskedTileKv != 0 ? unmaskedTileKv : tileKv;
    return AttentionTiler(function, attention, tileQ, keys)
        .run(parsed, algorithm);
  }
};
} // namespace
