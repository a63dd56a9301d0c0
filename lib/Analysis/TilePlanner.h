//===- TilePlanner.h - Runs an entry without its data -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What TilePlan.cpp, which runs programs, and TilePlanTiles.cpp, which records
// the tiles that they touch, have in common.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_ANALYSIS_TILEPLANNER_H
#define ATTN_LIB_ANALYSIS_TILEPLANNER_H

#include "IndexEvaluator.h"
#include "TileMeeting.h"
#include "attn/Analysis/TilePlan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::tile {

/// What is done at one operation.
struct Instruction {
  enum Kind {
    evaluate,
    loop,
    whileLoop,
    branch,
    launch,
    access,
    product,
    map,
    meet
  };
  Kind kind;
  Operation *op;
  IndexEvaluator::Step step = {nullptr};
  /// Indices of the blocks of a loop or a branch; -1 is none.
  int blocks[2] = {-1, -1};
  /// Of a product: operations; of a map: exponentials. Of a meeting: the sweep.
  int64_t amount = 0;
  Meeting meeting = {};
};

/// A function or kernel, ready to be run.
struct Program {
  IndexEvaluator values;
  std::vector<std::vector<Instruction>> blocks;
};

class Planner {
public:
  explicit Planner(func::FuncOp entry)
      : entry(entry), module(entry->getParentOfType<ModuleOp>()) {}

  LogicalResult run(ArrayRef<PlanArgument> arguments);

  TilePlan plan;

private:
  LogicalResult setArguments(ArrayRef<PlanArgument> arguments);
  LogicalResult planWorkspace(unsigned numInputs);
  void bind(Program &program, Value argument, unsigned number);

  int prepare(Program &program, Block &block);
  void prepareLoops(Operation *root);
  LogicalResult execute(Program &program, int block);
  LogicalResult executeLoop(Program &program, const Instruction &instruction);
  LogicalResult executeWhile(Program &program, const Instruction &instruction);
  LogicalResult executeLaunch(Program &program, LaunchOp op);
  LogicalResult access(Program &program, Operation *op);
  LogicalResult meet(Program &program, const Instruction &instruction);
  LogicalResult allocate(Program &program, Sweep &sweep, Meeting meeting);
  LogicalResult countIteration(Operation *op);

  func::FuncOp entry;
  ModuleOp module;
  /// The entry's arguments.
  std::vector<Buffer> buffers;
  std::vector<std::optional<int64_t>> scalars;
  std::vector<TensorTraffic> traffic;
  /// Sweeps of the loops of a kernel.
  llvm::DenseMap<Operation *, size_t> sweepOf;
  int64_t iterations = 0, pairs = 0;
};

} // namespace mlir::tile

#endif // ATTN_LIB_ANALYSIS_TILEPLANNER_H
