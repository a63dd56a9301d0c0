//===- KernelEmitter.h - State of lowering one kernel -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parts of convert-warp-to-nvvm share while they lower one kernel.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_WARPTONVVM_KERNELEMITTER_H
#define ATTN_LIB_CONVERSION_WARPTONVVM_KERNELEMITTER_H

#include "attn/Conversion/Passes.h"
#include "attn/Target/ThreadLevel.h"
#include "dialect/Warp/Layout.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/IRMapping.h"
#include <map>

namespace mlir::warp {

using ::attn::kAlignmentAttrName;
using ::attn::kCommentAttrName;
using ::attn::kInductionVarAttrName;
using ::attn::kMinBlocksAttrName;
using ::attn::kNameAttrName;
using ::attn::kSharedBytesAttrName;
using ::attn::kUnrollAttrName;

/// A value of type index with arithmetic, for the formulas of Layout.h.
struct IndexExpr {
  OpBuilder *builder;
  Value value;

  IndexExpr operator+(IndexExpr other) const;
  IndexExpr operator*(int64_t factor) const;
  IndexExpr operator/(int64_t divisor) const;
  IndexExpr operator%(int64_t divisor) const;
  IndexExpr operator^(IndexExpr other) const;
};

/// Of a tile, or of the product that becomes one.
tile::TileType tileTypeOf(Value value);

/// Creates the gpu.func of a kernel at the insertion point, without a body.
gpu::GPUFuncOp createFunction(OpBuilder &builder, tile::KernelOp kernel,
                              TypeRange types, int64_t warps);

// ScalarKernels.cpp
bool isScalarKernel(tile::KernelOp kernel);
/// Lowers a kernel without tiles, at the end of `module`.
void emitScalarKernel(tile::KernelOp kernel, int64_t warps,
                      gpu::GPUModuleOp module);

/// Lowers one kernel. Each emit function works at the insertion point of
/// `builder` and reads operands through `mapping`. A tile in registers is a
/// private memref: dimensions (row block, half) unless it has one row, then
/// (column block, pair) unless it has one column, and pairs last.
class KernelEmitter {
public:
  KernelEmitter(tile::KernelOp kernel, int64_t warps)
      : kernel(kernel), warps(warps), builder(kernel.getContext()) {}

  /// Creates the gpu.func at the end of `module`.
  LogicalResult run(gpu::GPUModuleOp module);

  /// A register of a fragment: indices of its row and column block, its half
  /// and its place in a pair.
  struct Register {
    Value rowBlock, half, colBlock, pair;
  };

  // Fragments.cpp
  LogicalResult emitMap(tile::MapOp map);
  LogicalResult emitReduce(tile::ReduceOp reduce);
  /// Whether a load is left to the map that is its only user, so that its tile
  /// is never in registers as a whole.
  static bool isFused(tile::LoadOp load);
  // Memory.cpp
  LogicalResult emitLoad(tile::LoadOp load);
  /// What a thread has of a load at one register.
  Value emitLoadedElement(tile::LoadOp load, const Register &at);
  LogicalResult emitStore(tile::StoreOp store);
  // Channels.cpp
  LogicalResult emitChannel(ChannelOp channel);
  LogicalResult emitPut(PutOp put);
  void emitCopies(PutOp put, tile::ViewOp view, Value stage);
  /// Where a thread begins to copy a tile: `lanes` side by side have one row of
  /// a slab, and the threads `rowsOfTurn` rows.
  struct CopyPlace {
    int64_t lanes = 0, rowsOfTurn = 0;
    Value row, col;
    /// In shared memory, if all turns have the same swizzle.
    Value offset;
  };
  const CopyPlace &copyPlaceOf(SwizzleLayout layout, int64_t pieceCols);
  void forEachPiece(Location loc, SwizzleLayout layout, const CopyPlace &place,
                    int64_t pieceCols,
                    function_ref<void(IndexExpr, IndexExpr)> body);
  LogicalResult emitTake(TakeOp take);
  Value stageOffset(ChannelType type, Value number);
  // Products.cpp
  LogicalResult emitRead(ReadOp read);
  LogicalResult emitDot(DotOp dot);
  LogicalResult emitRowSum(RowSumOp sum);
  /// Adds the product of a block of 16 x 16 elements of the first operand with
  /// one of 16 x 8 of the second to a block of `sums`.
  void emitMma(Location loc, Value sums, Value rowBlock, Value colBlock,
               ValueRange operandA, ValueRange operandB);
  /// The offset that a lane gives to ldmatrix for the first block of a tile.
  Value laneOffsetOf(SwizzleLayout layout, bool isSecond);
  /// The four words of a block of 16 x 16 elements of a first operand.
  SmallVector<Value> operandOf(Location loc, Value fragment, Value rowBlock,
                               IndexExpr step);
  void emitReachesTwo(ReachesTwoOp reaches);

  /// An element of a memref if the condition holds, else zero.
  Value emitGuardedLoad(Location loc, Value condition, Value memref,
                        ValueRange indices);

  /// The memref of a tile in registers.
  Value fragment(Value tile);
  Value createFragment(tile::TileType type, StringRef called);
  /// In the entry block, where LLVM turns memory into registers.
  Value createArray(MemRefType type, StringRef called);
  /// Whether nobody reads a tile after `op`, so that a result may take its
  /// fragment.
  static bool diesAt(Value tile, Operation *op);
  /// Gives `result` the fragment of a tile that dies at `op`.
  bool reuse(Value tile, Value result, Operation *op);
  MmaLayout layoutOf(tile::TileType type) const {
    return {type.getRows(), type.getCols(), warps};
  }
  void copyFragment(Value from, Value to);

  /// Calls body for the registers of a tile, in unrolled loops. With `byPair`
  /// for the first of each pair only.
  void forEachRegister(Location loc, tile::TileType type, bool byPair,
                       function_ref<void(const Register &)> body);
  /// The indices of a register in the fragment of a tile, which may repeat.
  SmallVector<Value> indicesOf(tile::TileType type, const Register &at);
  Value rowOf(Location loc, tile::TileType type, const Register &at);
  Value colOf(Location loc, tile::TileType type, const Register &at);

  IndexExpr expr(Value value) { return {&builder, value}; }
  Value index(Location loc, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value add(Location loc, Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  /// for i in 0 .. end, unrolled, or by a factor where that is less. Then i does
  /// not number registers.
  void unrolled(Location loc, int64_t end, function_ref<void(Value)> body,
                std::optional<int64_t> factor = std::nullopt);

  // Names.cpp: tell the printer what to write.
  static void comment(Operation *op, StringRef text);
  static void name(Operation *op, StringRef text);
  /// Unless it has a name or needs none.
  static void nameValue(Value value, StringRef text);
  /// What the tensor of a view is called.
  std::string argumentOf(tile::ViewOp view);
  /// Says what was made of `op`, behind `last` or else at the block's begin.
  void describeFrom(Operation *last, Operation &op);
  void nameIndices(Operation *op);
  /// The number of turns of a loop, and what it is computed from.
  static void nameBounds(Value turns, StringRef text);
  void nameTasks(Value work);

  /// What the rows of a view are aligned to, in bytes, and at most 16.
  int64_t alignmentOf(tile::ViewOp view);

  /// A barrier if shared memory has been read since the last one.
  void barrierAfterReads(Location loc);

  tile::KernelOp kernel;
  int64_t warps;
  OpBuilder builder;
  IRMapping mapping;
  gpu::GPUFuncOp function;
  Value thread, warp, lane, sharedMemory;
  int64_t sharedBytes = 0;
  /// Whether other warps may still read shared memory.
  bool hasReaders = false;
  llvm::DenseMap<Value, Value> fragments;
  /// By the width of slabs and the columns of a piece.
  std::map<std::pair<int64_t, int64_t>, CopyPlace> copyPlaces;
  /// For ldmatrix: the offset of a lane in the first block, by the width of
  /// slabs and whether lanes are those of columns.
  std::map<std::pair<int64_t, bool>, Value> laneOffsets;
  /// A word for warp.reaches_two.
  Value bits;
  /// Of a channel: its stages, one after another.
  llvm::DenseMap<Value, Value> buffers;
  /// Of a tile in shared memory: its buffer, and where it begins there.
  llvm::DenseMap<Value, std::pair<Value, Value>> places;

private:
  LogicalResult emitBlock(Block &block);
  LogicalResult emitLoop(scf::ForOp loop);
  LogicalResult emitIf(scf::IfOp branch);
};

} // namespace mlir::warp

#endif // ATTN_LIB_CONVERSION_WARPTONVVM_KERNELEMITTER_H
