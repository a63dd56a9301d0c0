//===- LaunchProgram.cpp - What an entry launches -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Gpu/LaunchProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using llvm::json::Array;
using llvm::json::Object;

namespace {
/// A tensor in the workspace: numbers of values.
struct WorkspaceTensor {
  int64_t offset;
  SmallVector<int64_t> sizes, strides;
};

class ProgramWriter {
public:
  FailureOr<Object> run(func::FuncOp entry);

private:
  LogicalResult writeBlock(Block &block);
  LogicalResult write(Operation *op);
  LogicalResult writeView(memref::ViewOp view);
  LogicalResult writeLaunch(gpu::LaunchFuncOp launch);

  /// Adds a value, or finds an equal one.
  int64_t add(Array value);
  int64_t constant(int64_t value) { return add(Array{"const", value}); }
  int64_t binary(StringRef operation, int64_t a, int64_t b) {
    return add(Array{operation, a, b});
  }
  /// The number of the argument of the entry that a value is, or -1.
  int64_t argumentOf(Value value) const {
    auto found = arguments.find(value);
    return found == arguments.end() ? -1 : found->second;
  }

  Array values, launches;
  llvm::StringMap<int64_t> known;
  DenseMap<Value, int64_t> numbers, arguments;
  DenseMap<Value, WorkspaceTensor> tensors;
  Value workspace;
  /// A value that must be true here, or -1.
  int64_t condition = -1;
};
} // namespace

int64_t ProgramWriter::add(Array value) {
  std::string key;
  llvm::raw_string_ostream(key) << llvm::json::Value(Array(value));
  auto [place, isNew] = known.try_emplace(key, int64_t(values.size()));
  if (isNew)
    values.push_back(std::move(value));
  return place->second;
}

/// The name of an operation on integers in a program; empty if it has none.
static StringRef operationName(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::eq:
      return "eq";
    case arith::CmpIPredicate::ne:
      return "ne";
    case arith::CmpIPredicate::slt:
      return "lts";
    case arith::CmpIPredicate::sle:
      return "les";
    case arith::CmpIPredicate::sgt:
      return "gts";
    case arith::CmpIPredicate::sge:
      return "ges";
    case arith::CmpIPredicate::ult:
      return "ltu";
    case arith::CmpIPredicate::ule:
      return "leu";
    case arith::CmpIPredicate::ugt:
      return "gtu";
    case arith::CmpIPredicate::uge:
      return "geu";
    }
  }
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("arith.addi", "add")
      .Case("arith.subi", "sub")
      .Case("arith.muli", "mul")
      .Case("arith.divsi", "divs")
      .Case("arith.divui", "divu")
      .Case("arith.remsi", "rems")
      .Case("arith.remui", "remu")
      .Case("arith.ceildivsi", "ceildivs")
      .Case("arith.ceildivui", "ceildivu")
      .Case("arith.floordivsi", "floordivs")
      .Case("arith.minsi", "mins")
      .Case("arith.maxsi", "maxs")
      .Case("arith.minui", "minu")
      .Case("arith.maxui", "maxu")
      .Case("arith.andi", "and")
      .Case("arith.ori", "or")
      .Case("arith.xori", "xor")
      .Case("arith.shli", "shl")
      .Case("arith.shrsi", "shrs")
      .Case("arith.shrui", "shru")
      .Case("arith.select", "select")
      .Default("");
}

LogicalResult ProgramWriter::writeView(memref::ViewOp view) {
  if (view.getSource() != workspace)
    return view.emitOpError() << "is of another memref than the workspace";
  WorkspaceTensor tensor;
  tensor.offset = numbers.lookup(view.getByteShift());
  auto dynamic = view.getSizes().begin();
  for (int64_t size : view.getType().getShape())
    tensor.sizes.push_back(ShapedType::isDynamic(size)
                               ? numbers.lookup(*dynamic++)
                               : constant(size));
  int64_t stride = constant(1);
  for (int64_t size : llvm::reverse(tensor.sizes)) {
    tensor.strides.push_back(stride);
    stride = binary("mul", stride, size);
  }
  std::reverse(tensor.strides.begin(), tensor.strides.end());
  tensors[view.getResult()] = tensor;
  return success();
}

LogicalResult ProgramWriter::writeLaunch(gpu::LaunchFuncOp launch) {
  auto threads = getConstantIntValue(launch.getBlockSizeX());
  auto shared = launch.getDynamicSharedMemorySize()
                    ? getConstantIntValue(launch.getDynamicSharedMemorySize())
                    : std::optional<int64_t>(0);
  if (!threads || !shared)
    return launch.emitOpError()
           << "has a block or shared memory of a size that "
              "is not constant";
  Array parameters;
  for (Value operand : launch.getKernelOperands()) {
    if (int64_t argument = argumentOf(operand); argument >= 0) {
      parameters.push_back(Object{{"argument", argument}});
    } else if (auto tensor = tensors.find(operand); tensor != tensors.end()) {
      parameters.push_back(Object{{"workspace", tensor->second.offset},
                                  {"sizes", Array(tensor->second.sizes)},
                                  {"strides", Array(tensor->second.strides)}});
    } else if (auto number = numbers.find(operand); number != numbers.end()) {
      StringRef type = operand.getType().isIndex()       ? "index"
                       : operand.getType().isInteger(64) ? "i64"
                                                         : "i32";
      parameters.push_back(Object{{"value", number->second}, {"type", type}});
    } else {
      return launch.emitOpError()
             << "has an argument of type " << operand.getType()
             << " that a program cannot make";
    }
  }
  Object described{{"kernel", launch.getKernelName().getValue()},
                   {"grid", numbers.lookup(launch.getGridSizeX())},
                   {"block", *threads},
                   {"shared", *shared},
                   {"arguments", std::move(parameters)}};
  if (condition >= 0)
    described["if"] = condition;
  launches.push_back(std::move(described));
  return success();
}

LogicalResult ProgramWriter::write(Operation *op) {
  IntegerAttr value;
  if (matchPattern(op, m_Constant(&value))) {
    numbers[op->getResult(0)] = constant(value.getInt());
    return success();
  }
  if (isa<arith::ConstantOp, func::ReturnOp, scf::YieldOp>(op))
    return success();
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    int64_t argument = argumentOf(dim.getSource());
    std::optional<int64_t> index = dim.getConstantIndex();
    if (argument < 0 || !index)
      return op->emitOpError() << "is not a size of an argument";
    numbers[dim] = add(Array{"dim", argument, *index});
    return success();
  }
  if (isa<arith::IndexCastOp, arith::ExtUIOp>(op)) {
    numbers[op->getResult(0)] = numbers.lookup(op->getOperand(0));
    return success();
  }
  if (auto cast = dyn_cast<memref::CastOp>(op)) {
    if (auto found = tensors.find(cast.getSource()); found != tensors.end()) {
      WorkspaceTensor tensor = found->second;
      tensors[cast.getResult()] = tensor;
    } else if (int64_t argument = argumentOf(cast.getSource()); argument >= 0) {
      arguments[cast.getResult()] = argument;
    }
    return success();
  }
  if (auto view = dyn_cast<memref::ViewOp>(op))
    return writeView(view);
  if (auto launch = dyn_cast<gpu::LaunchFuncOp>(op))
    return writeLaunch(launch);
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    if (branch.getNumResults() || branch.elseBlock())
      return op->emitOpError() << "has results or an else, which a program "
                                  "does not";
    int64_t outer = condition, own = numbers.lookup(branch.getCondition());
    condition = outer < 0 ? own : binary("and", outer, own);
    LogicalResult result = writeBlock(*branch.thenBlock());
    condition = outer;
    return result;
  }
  StringRef name = operationName(op);
  if (name.empty())
    return op->emitOpError() << "has no counterpart in a launch program";
  Array described{name};
  for (Value operand : op->getOperands()) {
    auto number = numbers.find(operand);
    if (number == numbers.end())
      return op->emitOpError() << "works on " << operand.getType()
                               << ", which is no number of a launch program";
    described.push_back(number->second);
  }
  numbers[op->getResult(0)] = add(std::move(described));
  return success();
}

LogicalResult ProgramWriter::writeBlock(Block &block) {
  for (Operation &op : block)
    if (failed(write(&op)))
      return failure();
  return success();
}

FailureOr<Object> ProgramWriter::run(func::FuncOp entry) {
  auto take = [&](func::FuncOp function) {
    for (BlockArgument argument : function.getArguments()) {
      auto role = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                     "attn.role");
      if (role && role.getValue() == "workspace") {
        workspace = argument;
        continue;
      }
      arguments[argument] = argument.getArgNumber();
      if (argument.getType().isIntOrIndex())
        numbers[argument] = add(Array{"scalar", argument.getArgNumber()});
    }
  };
  take(entry);
  if (failed(writeBlock(entry.getBody().front())))
    return failure();
  int64_t bytes = constant(0);
  // The function that says how many bytes has the inputs as arguments.
  auto sizes = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      entry,
      StringAttr::get(entry.getContext(), entry.getName() + "_workspace"));
  if (sizes) {
    take(sizes);
    Block &block = sizes.getBody().front();
    if (failed(writeBlock(block)))
      return failure();
    bytes = numbers.lookup(block.getTerminator()->getOperand(0));
  }
  return Object{{"values", std::move(values)},
                {"workspace", bytes},
                {"launches", std::move(launches)}};
}

FailureOr<Object> attn::writeLaunchProgram(func::FuncOp entry) {
  return ProgramWriter().run(entry);
}
