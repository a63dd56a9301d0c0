//===- IndexEvaluator.h - Values of index arithmetic ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates the integer operations of a function or kernel one by one, and
// keeps the shapes of memrefs and the integers in them.  What cannot be
// evaluated is unknown, which is an error only if somebody asks for it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_INDEXEVALUATOR_H
#define ATTN_LIB_ANALYSIS_INDEXEVALUATOR_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/DenseMap.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir::tile {

/// A memref without its data.
struct Buffer {
  /// Unset where a size is not known.
  std::vector<std::optional<int64_t>> shape;
  /// Which of the entry's arguments it belongs to.
  unsigned root = 0;
  /// The elements, row major, where they were given.
  const std::vector<int64_t> *elements = nullptr;
  /// Those of memory that kernels write.
  std::shared_ptr<std::vector<std::optional<int64_t>>> written;
};

/// The values of one function or kernel.  Operations are prepared once and then
/// evaluated as often as needed.
class IndexEvaluator {
public:
  /// The position of an integer, index or memref value.
  using Slot = unsigned;

  Slot slotOf(Value value);

  void set(Slot slot, int64_t value) { integers[slot] = {value, true}; }
  void setUnknown(Slot slot) { integers[slot].known = false; }
  void setBuffer(Slot slot, Buffer buffer) {
    buffers[slot] = std::move(buffer);
  }
  std::optional<int64_t> get(Slot slot) const {
    if (!integers[slot].known)
      return std::nullopt;
    return integers[slot].value;
  }
  /// What messages call an argument.
  void setName(Value argument, std::string name) {
    names[argument] = std::move(name);
  }
  const Buffer &getBuffer(Slot slot) const { return buffers[slot]; }

  /// The value of `value`; without one, a diagnostic at the operation that is
  /// to blame.
  FailureOr<int64_t> demand(Value value);

  /// An operation, ready to be evaluated.
  struct Step {
    Operation *op;
    using Function = std::optional<APInt> (*)(Operation *, const APInt &,
                                              const APInt &);
    /// Null: not an operation on one or two integers.
    Function function = nullptr;
    unsigned width = 0, resultWidth = 0;
    Slot first = 0, second = 0, result = 0;
  };
  Step prepare(Operation *op);
  void evaluate(const Step &step);

private:
  struct Integer {
    /// Sign-extended from the width of its type.
    int64_t value = 0;
    bool known = false;
  };
  void evaluateOther(const Step &step);
  std::optional<size_t> findPosition(Value memref, ValueRange indices);
  void evaluateLoad(memref::LoadOp load, Slot result);
  void evaluateStore(memref::StoreOp store);
  void evaluateView(memref::ViewOp view, Buffer &buffer);
  std::optional<int64_t> valueOf(OpFoldResult value);
  void emitBlame(Value value);

  llvm::DenseMap<Value, Slot> slots;
  llvm::DenseMap<Value, std::string> names;
  std::vector<Integer> integers;
  std::vector<Buffer> buffers;
};

} // namespace mlir::tile

#endif // ATTN_LIB_ANALYSIS_INDEXEVALUATOR_H
