//===- KernelEmitter.h - State of lowering one kernel -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parts of convert-tile-to-cpu share while they lower one kernel.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_KERNELEMITTER_H
#define ATTN_LIB_CONVERSION_TILETOCPU_KERNELEMITTER_H

#include "BufferPlan.h"
#include "attn/Conversion/Passes.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::tile {

/// The register tile; see the pass's options.
struct CpuSchedule {
  int64_t vectorWidth, rowVectors, registers;
};

/// Lowers one kernel. Each emit function works at the insertion point of
/// `builder` and reads operands through `mapping`.
class KernelEmitter {
public:
  KernelEmitter(KernelOp kernel, const CpuSchedule &schedule)
      : kernel(kernel), schedule(schedule), plan(kernel),
        builder(kernel.getContext()) {}

  /// Creates the function before the kernel.
  FailureOr<func::FuncOp> run();

  LogicalResult emitBlock(Block &block);
  LogicalResult emitLoop(scf::ForOp loop);
  LogicalResult emitLoad(LoadOp load);
  void copyBuffer(Value from, Value to);
  void countVisit(scf::ForOp loop);

  Value index(Location loc, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value add(Location loc, Value a, int64_t b) {
    return b == 0 ? a : arith::AddIOp::create(builder, loc, a, index(loc, b));
  }
  VectorType vectorOf(Type type) {
    return VectorType::get(schedule.vectorWidth, type);
  }
  /// The memref `[cols][rows]` of a tile, or `[cols / 2][2 * rows]` of pairs.
  Value buffer(Value tile);
  /// for i in begin .. end step step; no loop if there is one iteration.
  void forEach(Location loc, int64_t end, int64_t step,
               function_ref<void(Value)> body);

  KernelOp kernel;
  CpuSchedule schedule;
  BufferPlan plan;
  OpBuilder builder;
  IRMapping mapping;
  Value arena;
  llvm::DenseMap<unsigned, Value> bytes; // the arena's part of a buffer
  llvm::DenseMap<Value, Value> windows;  // streamed tiles, `[rows][cols]`
};

/// Emits tile.group: dots, maps and reductions in one loop nest.
LogicalResult emitGroup(KernelEmitter &kernel, GroupOp group);

/// Emits a load that transposes a tile, or its pairs, into its buffer.
LogicalResult emitPack(KernelEmitter &kernel, LoadOp load);

/// Emits a streamed load: the tile in its natural layout, in the tensor or, if
/// it reaches beyond the tensor, copied with zeros.
LogicalResult emitWindow(KernelEmitter &kernel, LoadOp load);

/// Whether the elements of a tile are held in pairs along its columns.
inline bool isPaired(TileType type) { return type.getElementType().isBF16(); }

/// Emits a streamed load of a tile that is held in pairs along its rows: a copy
/// `[rows / 2][columns][2]`.
LogicalResult emitPairWindow(KernelEmitter &kernel, LoadOp load);

/// Emits a store that transposes a tile out of its buffer.
LogicalResult emitUnpack(KernelEmitter &kernel, StoreOp store);

} // namespace mlir::tile

#endif // ATTN_LIB_CONVERSION_TILETOCPU_KERNELEMITTER_H
