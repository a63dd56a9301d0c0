//===- TilePlan.cpp - What tile kernels do for given shapes ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs an entry, the launches in it, and the kernels, task by task.
//
//===----------------------------------------------------------------------===//

#include "attn/Analysis/TilePlan.h"

#include "TilePlanner.h"
#include "attn/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::tile;

static constexpr int64_t kMaxIterations = int64_t(1) << 30;

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

static std::string nameOf(func::FuncOp entry, unsigned number) {
  auto name = entry.getArgAttrOfType<StringAttr>(number, "attn.name");
  return name ? name.str() : "arg" + std::to_string(number);
}

/// Carries the values of `from` to `to`, which may overlap.
static void transfer(IndexEvaluator &values, ValueRange from, ValueRange to) {
  SmallVector<std::optional<int64_t>> old;
  for (Value value : from)
    old.push_back(values.get(values.slotOf(value)));
  for (auto [value, target] : llvm::zip_equal(old, to))
    if (value)
      values.set(values.slotOf(target), *value);
    else
      values.setUnknown(values.slotOf(target));
}

static int64_t countExponentials(MapOp map) {
  int64_t count = 0;
  for (Operation &op : *map.getBlock())
    count += isa<math::ExpOp, math::Exp2Op>(op);
  TileType type = map.getResult().getType();
  return count * type.getRows() * type.getCols();
}

int Planner::prepare(Program &program, Block &block) {
  int number = program.blocks.size();
  program.blocks.emplace_back();
  std::vector<Instruction> list;
  for (Operation &op : block) {
    for (Value operand : op.getOperands())
      program.values.slotOf(operand);
    for (Value result : op.getResults())
      program.values.slotOf(result);
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      Instruction instruction{Instruction::loop, &op};
      instruction.blocks[0] = prepare(program, *loop.getBody());
      list.push_back(instruction);
    } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
      Instruction instruction{Instruction::whileLoop, &op};
      instruction.blocks[0] = prepare(program, *loop.getBeforeBody());
      instruction.blocks[1] = prepare(program, *loop.getAfterBody());
      list.push_back(instruction);
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      Instruction instruction{Instruction::branch, &op};
      instruction.blocks[0] = prepare(program, branch.getThenRegion().front());
      if (!branch.getElseRegion().empty())
        instruction.blocks[1] =
            prepare(program, branch.getElseRegion().front());
      list.push_back(instruction);
    } else if (isa<LaunchOp>(op)) {
      list.push_back({Instruction::launch, &op});
    } else if (isa<LoadOp, StoreOp>(op)) {
      list.push_back({Instruction::access, &op});
    } else if (isa<DotOp, MapOp, ReduceOp, GroupOp>(op)) {
      op.walk([&](Operation *nested) {
        Instruction instruction{Instruction::product, nested};
        if (auto dot = dyn_cast<DotOp>(nested)) {
          TileType a = dot.getA().getType(), c = dot.getResult().getType();
          int64_t inner = dot.getTransposeA() ? a.getRows() : a.getCols();
          instruction.amount = 2 * c.getRows() * c.getCols() * inner;
          list.push_back(instruction);
        } else if (auto map = dyn_cast<MapOp>(nested)) {
          instruction.kind = Instruction::map;
          instruction.amount = countExponentials(map);
          if (instruction.amount != 0)
            list.push_back(instruction);
        }
      });
    } else if (!isa<ViewOp>(op)) {
      Instruction instruction{Instruction::evaluate, &op};
      instruction.step = program.values.prepare(&op);
      list.push_back(instruction);
    }
  }
  // Last, when the origins of the tiles have been computed.
  auto it = sweepOf.find(block.getParentOp());
  if (it != sweepOf.end()) {
    Instruction instruction{Instruction::meet, block.getParentOp()};
    instruction.amount = it->second;
    instruction.meeting = *findMeeting(cast<scf::ForOp>(block.getParentOp()));
    list.push_back(instruction);
  }
  program.blocks[number] = std::move(list);
  return number;
}

/// A loop over full tiles goes on where the one over partial tiles before it
/// ended.
static bool continues(scf::ForOp previous, scf::ForOp loop) {
  auto visitOf = [](scf::ForOp op) {
    auto visit = op->getAttrOfType<StringAttr>(kVisitAttrName);
    return visit ? visit.getValue() : StringRef();
  };
  return previous && previous->getBlock() == loop->getBlock() &&
         visitOf(previous) == "partial" && visitOf(loop) == "full";
}

void Planner::prepareLoops(Operation *root) {
  scf::ForOp previous;
  root->walk([&](scf::ForOp loop) {
    std::optional<Meeting> meeting = findMeeting(loop);
    if (!meeting)
      return;
    if (!continues(previous, loop)) {
      Sweep sweep;
      sweep.kernel = cast<KernelOp>(root).getName();
      plan.sweeps.push_back(std::move(sweep));
    }
    sweepOf[loop] = plan.sweeps.size() - 1;
    previous = loop;
  });
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

LogicalResult Planner::countIteration(Operation *op) {
  if (++iterations <= kMaxIterations)
    return success();
  return op->emitOpError() << "the tile plan takes more than " << kMaxIterations
                           << " iterations; choose shorter lengths or larger "
                              "tiles";
}

LogicalResult Planner::executeLoop(Program &program,
                                   const Instruction &instruction) {
  auto loop = cast<scf::ForOp>(instruction.op);
  IndexEvaluator &values = program.values;
  FailureOr<int64_t> lower = values.demand(loop.getLowerBound()),
                     upper = values.demand(loop.getUpperBound()),
                     step = values.demand(loop.getStep());
  if (failed(lower) || failed(upper) || failed(step))
    return failure();
  if (*step <= 0)
    return loop.emitOpError() << "has a step of " << *step;
  transfer(values, loop.getInitArgs(), loop.getRegionIterArgs());
  IndexEvaluator::Slot variable = values.slotOf(loop.getInductionVar());
  for (int64_t i = *lower; i < *upper;) {
    values.set(variable, i);
    if (failed(countIteration(loop)) ||
        failed(execute(program, instruction.blocks[0])))
      return failure();
    transfer(values, loop.getYieldedValues(), loop.getRegionIterArgs());
    if (llvm::AddOverflow(i, *step, i))
      break;
  }
  transfer(values, loop.getRegionIterArgs(), loop.getResults());
  return success();
}

LogicalResult Planner::executeWhile(Program &program,
                                    const Instruction &instruction) {
  auto loop = cast<scf::WhileOp>(instruction.op);
  IndexEvaluator &values = program.values;
  scf::ConditionOp condition = loop.getConditionOp();
  transfer(values, loop.getInits(), loop.getBeforeArguments());
  for (;;) {
    if (failed(countIteration(loop)) ||
        failed(execute(program, instruction.blocks[0])))
      return failure();
    FailureOr<int64_t> goesOn = values.demand(condition.getCondition());
    if (failed(goesOn))
      return failure();
    if (!*goesOn)
      break;
    transfer(values, condition.getArgs(), loop.getAfterArguments());
    if (failed(execute(program, instruction.blocks[1])))
      return failure();
    transfer(values, loop.getYieldOp().getOperands(),
             loop.getBeforeArguments());
  }
  transfer(values, condition.getArgs(), loop.getResults());
  return success();
}

LogicalResult Planner::execute(Program &program, int block) {
  for (const Instruction &instruction : program.blocks[block]) {
    LogicalResult result = success();
    switch (instruction.kind) {
    case Instruction::evaluate:
      program.values.evaluate(instruction.step);
      break;
    case Instruction::loop:
      result = executeLoop(program, instruction);
      break;
    case Instruction::whileLoop:
      result = executeWhile(program, instruction);
      break;
    case Instruction::branch: {
      auto branch = cast<scf::IfOp>(instruction.op);
      FailureOr<int64_t> condition =
          program.values.demand(branch.getCondition());
      if (failed(condition))
        return failure();
      int chosen = instruction.blocks[*condition ? 0 : 1];
      if (chosen < 0)
        break;
      if (failed(execute(program, chosen)))
        return failure();
      Region &region =
          *condition ? branch.getThenRegion() : branch.getElseRegion();
      transfer(program.values, region.front().getTerminator()->getOperands(),
               branch.getResults());
      break;
    }
    case Instruction::launch:
      result = executeLaunch(program, cast<LaunchOp>(instruction.op));
      break;
    case Instruction::access:
      result = access(program, instruction.op);
      break;
    case Instruction::product:
      plan.launches.back().flops += instruction.amount;
      break;
    case Instruction::map:
      plan.launches.back().exponentials += instruction.amount;
      break;
    case Instruction::meet:
      result = meet(program, instruction);
      break;
    }
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult Planner::executeLaunch(Program &program, LaunchOp op) {
  auto kernel =
      SymbolTable::lookupNearestSymbolFrom<KernelOp>(op, op.getKernelAttr());
  if (!kernel)
    return op.emitOpError() << "@" << op.getKernel()
                            << " is no tile.kernel any more; a tile plan is "
                               "made before the conversion for a device";
  FailureOr<int64_t> count = program.values.demand(op.getCount());
  if (failed(count))
    return failure();
  plan.launches.push_back({});
  plan.launches.back().kernel = kernel.getName();
  plan.launches.back().tasks = *count;

  prepareLoops(kernel);
  Program callee;
  Block &body = kernel.getBody().front();
  int block = prepare(callee, body);
  for (auto [value, argument] :
       llvm::zip_equal(op.getArguments(), body.getArguments().drop_front())) {
    IndexEvaluator::Slot from = program.values.slotOf(value),
                         to = callee.values.slotOf(argument);
    callee.values.setBuffer(to, program.values.getBuffer(from));
    if (std::optional<int64_t> known = program.values.get(from))
      callee.values.set(to, *known);
    if (auto source = dyn_cast<BlockArgument>(value);
        source && source.getOwner()->getParentOp() == entry)
      callee.values.setName(argument, nameOf(entry, source.getArgNumber()));
  }
  IndexEvaluator::Slot work = callee.values.slotOf(kernel.getWork());
  for (int64_t task = 0; task < *count; ++task) {
    callee.values.set(work, task);
    if (failed(countIteration(op)) || failed(execute(callee, block)))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

static StringRef roleOf(func::FuncOp entry, unsigned number) {
  auto role = entry.getArgAttrOfType<StringAttr>(number, "attn.role");
  return role ? role.getValue() : StringRef();
}

LogicalResult Planner::setArguments(ArrayRef<PlanArgument> arguments) {
  llvm::StringMap<int64_t> dims;
  unsigned next = 0;
  buffers.resize(entry.getNumArguments());
  scalars.resize(entry.getNumArguments());
  traffic.resize(entry.getNumArguments());
  for (auto [number, type] : llvm::enumerate(entry.getArgumentTypes())) {
    std::string name = nameOf(entry, number);
    traffic[number].name = name;
    Buffer &buffer = buffers[number];
    buffer.root = number;
    StringRef role = roleOf(entry, number);
    auto memref = dyn_cast<MemRefType>(type);
    if (role == "input") {
      if (next == arguments.size())
        return entry.emitOpError() << "takes more than the " << next
                                   << " arguments that were given";
      const PlanArgument &argument = arguments[next++];
      if (!memref) {
        if (!argument.elements.empty())
          scalars[number] = argument.elements.front();
        continue;
      }
      if (argument.shape.size() != size_t(memref.getRank()))
        return entry.emitOpError()
               << "argument '" << name << "' has rank " << memref.getRank()
               << ", but a shape of rank " << argument.shape.size()
               << " was given";
      for (auto [dim, size] : llvm::enumerate(argument.shape)) {
        if (size < 0 ||
            (!memref.isDynamicDim(dim) && memref.getDimSize(dim) != size))
          return entry.emitOpError()
                 << "argument '" << name << "' of type " << memref
                 << " cannot have size " << size << " in dimension " << dim;
        buffer.shape.push_back(size);
        dims[name + "[" + std::to_string(dim) + "]"] = size;
      }
      if (!argument.elements.empty())
        buffer.elements = &argument.elements;
    } else if (role == "output") {
      auto shape = entry.getArgAttrOfType<ArrayAttr>(number, "attn.shape");
      if (!shape || !memref || shape.size() != size_t(memref.getRank()))
        return entry.emitOpError()
               << "output '" << name << "' needs its shape in attn.shape";
      for (Attribute size : shape)
        if (auto dim = dyn_cast<StringAttr>(size))
          buffer.shape.push_back(dims.lookup(dim.getValue()));
        else
          buffer.shape.push_back(cast<IntegerAttr>(size).getInt());
    } else if (role != "workspace") {
      return entry.emitOpError()
             << "argument " << number
             << " has no attn.role; a tile plan is made of functions that "
                "attn-tile made";
    }
    if (memref && !buffer.shape.empty()) {
      int64_t bytes =
          llvm::divideCeil(memref.getElementType().getIntOrFloatBitWidth(), 8);
      for (std::optional<int64_t> size : buffer.shape)
        if (llvm::MulOverflow(bytes, *size, bytes))
          return entry.emitOpError()
                 << "argument '" << name << "' is larger than any memory";
      traffic[number].bytes = bytes;
    }
  }
  if (next != arguments.size())
    return entry.emitOpError() << "takes " << next << " arguments, but "
                               << arguments.size() << " were given";
  return success();
}

void Planner::bind(Program &program, Value argument, unsigned number) {
  IndexEvaluator::Slot slot = program.values.slotOf(argument);
  program.values.setBuffer(slot, buffers[number]);
  program.values.setName(argument, traffic[number].name);
  if (scalars[number])
    program.values.set(slot, *scalars[number]);
}

/// Asks NAME_workspace for the size of the workspace.
LogicalResult Planner::planWorkspace(unsigned numInputs) {
  auto function =
      module.lookupSymbol<func::FuncOp>((entry.getName() + "_workspace").str());
  if (!function || function.isExternal() ||
      function.getNumArguments() != numInputs)
    return success();
  Program program;
  Block &body = function.getBody().front();
  int block = prepare(program, body);
  for (auto [number, argument] : llvm::enumerate(function.getArguments()))
    bind(program, argument, number);
  if (failed(execute(program, block)))
    return failure();
  FailureOr<int64_t> bytes =
      program.values.demand(body.getTerminator()->getOperand(0));
  if (failed(bytes))
    return failure();
  plan.workspaceBytes = *bytes;
  for (auto [number, item] : llvm::enumerate(traffic))
    if (roleOf(entry, number) == "workspace") {
      item.bytes = *bytes;
      buffers[number].shape = {*bytes};
    }
  return success();
}

LogicalResult Planner::run(ArrayRef<PlanArgument> arguments) {
  if (!module || entry.isExternal() || !entry.getBody().hasOneBlock())
    return entry.emitOpError() << "is no entry of one block in a module";
  if (failed(setArguments(arguments)) ||
      failed(planWorkspace(arguments.size())))
    return failure();
  Program program;
  int block = prepare(program, entry.getBody().front());
  for (auto [number, argument] : llvm::enumerate(entry.getArguments()))
    bind(program, argument, number);
  if (failed(execute(program, block)))
    return failure();
  for (TensorTraffic &item : traffic)
    if (item.movedBytes() != 0)
      plan.tensors.push_back(std::move(item));
  return success();
}

FailureOr<TilePlan> mlir::tile::planTiles(func::FuncOp entry,
                                          ArrayRef<PlanArgument> arguments) {
  Planner planner(entry);
  if (failed(planner.run(arguments)))
    return failure();
  return std::move(planner.plan);
}
