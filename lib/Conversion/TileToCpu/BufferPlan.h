//===- BufferPlan.h - Where tiles are in the arena --------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Assigns tiles of a kernel to buffers in the worker's arena.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_CONVERSION_TILETOCPU_BUFFERPLAN_H
#define ATTN_LIB_CONVERSION_TILETOCPU_BUFFERPLAN_H

#include "attn/Conversion/Passes.h"

namespace mlir::tile {

/// Whether a loaded tile is only the second operand of products, which read it
/// in its natural layout.
bool isStreamed(LoadOp load);

/// Which tiles share a buffer. A buffer holds a tile transposed,
/// `[cols][rows]`, or a streamed tile `[rows][cols]` that had to be copied.
class BufferPlan {
public:
  explicit BufferPlan(KernelOp kernel);

  /// The buffer of a tile.
  unsigned getBuffer(Value tile) const { return bufferOf.lookup(tile); }
  /// Byte offset of a buffer in the arena, a multiple of 64.
  int64_t getOffset(unsigned buffer) const { return offsets[buffer]; }
  int64_t getArenaBytes() const { return arenaBytes; }

private:
  void assignBlock(Block &block);
  void assignLoop(scf::ForOp loop);
  void assignGroup(GroupOp group);
  unsigned newBuffer(TileType type);
  void assign(Value tile, unsigned buffer) { bufferOf[tile] = buffer; }

  llvm::DenseMap<Value, unsigned> bufferOf;
  SmallVector<int64_t> offsets;
  int64_t top = kArenaHeaderBytes, arenaBytes = kArenaHeaderBytes;
};

} // namespace mlir::tile

#endif // ATTN_LIB_CONVERSION_TILETOCPU_BUFFERPLAN_H
