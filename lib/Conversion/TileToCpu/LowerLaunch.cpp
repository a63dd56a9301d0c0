//===- LowerLaunch.cpp - cpu-lower-launch ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calling convention of attn/Runtime/CpuAbi.h: arguments are passed as an
// array of pointers to memref descriptors and scalars.
//
//===----------------------------------------------------------------------===//

#include "attn/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_CPULOWERLAUNCHPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

namespace {
class LaunchLowering {
public:
  explicit LaunchLowering(ModuleOp module)
      : builder(module.getContext()), converter(module.getContext()),
        module(module),
        pointer(LLVM::LLVMPointerType::get(&converter.getContext())),
        i64(builder.getI64Type()) {}

  void lowerKernel(func::FuncOp kernel);
  LogicalResult lowerEntry(func::FuncOp entry);
  void lowerQuery(func::FuncOp query);

private:
  Value cast(Location loc, Type type, Value value) {
    if (value.getType() == type)
      return value;
    return UnrealizedConversionCastOp::create(builder, loc, type, value)
        .getResult(0);
  }
  void unpackArguments(func::FuncOp function, Value pointers, unsigned begin,
                       unsigned end);
  Value loadField(Location loc, Value object, int64_t field);
  LogicalResult lowerLaunch(LaunchOp launch, Value host);
  void setSignature(func::FuncOp function, TypeRange types, TypeRange results);

  OpBuilder builder;
  LLVMTypeConverter converter;
  ModuleOp module;
  Type pointer, i64;
};
} // namespace

/// Replaces arguments `begin .. end - 1` by what `pointers[0 ..]` point to.
void LaunchLowering::unpackArguments(func::FuncOp function, Value pointers,
                                     unsigned begin, unsigned end) {
  for (unsigned n = begin; n < end; ++n) {
    BlockArgument argument = function.getArgument(n);
    if (argument.use_empty())
      continue;
    Location loc = argument.getLoc();
    Value address =
        LLVM::GEPOp::create(builder, loc, pointer, pointer, pointers,
                            ArrayRef<LLVM::GEPArg>{int32_t(n - begin)});
    Value object = LLVM::LoadOp::create(builder, loc, pointer, address);
    Type type = converter.convertType(argument.getType());
    Value value = LLVM::LoadOp::create(builder, loc, type, object);
    argument.replaceAllUsesWith(cast(loc, argument.getType(), value));
  }
}

/// The old arguments must be unused.
void LaunchLowering::setSignature(func::FuncOp function, TypeRange types,
                                  TypeRange results) {
  Block &entry = function.getBody().front();
  entry.eraseArguments(0, entry.getNumArguments() - types.size());
  function.setFunctionType(builder.getFunctionType(types, results));
  function.removeArgAttrsAttr();
}

void LaunchLowering::lowerKernel(func::FuncOp kernel) {
  Block &entry = kernel.getBody().front();
  Location loc = kernel.getLoc();
  unsigned last = entry.getNumArguments() - 1;
  SmallVector<Type> types = {pointer, i64, pointer};
  for (Type type : types)
    entry.addArgument(type, loc);
  Value args = entry.getArgument(last + 1), work = entry.getArgument(last + 2),
        arena = entry.getArgument(last + 3);
  builder.setInsertionPointToStart(&entry);
  entry.getArgument(0).replaceAllUsesWith(
      arith::IndexCastOp::create(builder, loc, builder.getIndexType(), work));
  unpackArguments(kernel, args, 1, last);
  auto arenaType = mlir::cast<MemRefType>(entry.getArgument(last).getType());
  Value descriptor = MemRefDescriptor::fromStaticShape(builder, loc, converter,
                                                       arenaType, arena);
  entry.getArgument(last).replaceAllUsesWith(cast(loc, arenaType, descriptor));
  setSignature(kernel, types, {});
}

Value LaunchLowering::loadField(Location loc, Value object, int64_t field) {
  Value address = LLVM::GEPOp::create(builder, loc, pointer, pointer, object,
                                      ArrayRef<LLVM::GEPArg>{int32_t(field)});
  return LLVM::LoadOp::create(builder, loc, pointer, address);
}

/// host->launch(host->self, task, pointers to arguments, count, arena bytes)
LogicalResult LaunchLowering::lowerLaunch(LaunchOp launch, Value host) {
  Location loc = launch.getLoc();
  auto kernel = module.lookupSymbol<func::FuncOp>(launch.getKernel());
  auto bytes = kernel ? kernel->getAttrOfType<IntegerAttr>(kArenaBytesAttrName)
                      : IntegerAttr();
  if (!bytes)
    return launch.emitOpError() << "launches @" << launch.getKernel()
                                << ", which convert-tile-to-cpu has not made";
  builder.setInsertionPoint(launch);
  Value one = LLVM::ConstantOp::create(builder, loc, i64, 1);
  Value number =
      LLVM::ConstantOp::create(builder, loc, i64, launch.getArguments().size());
  Value pointers =
      LLVM::AllocaOp::create(builder, loc, pointer, pointer, number);
  for (auto [n, argument] : llvm::enumerate(launch.getArguments())) {
    Type type = converter.convertType(argument.getType());
    Value object = LLVM::AllocaOp::create(builder, loc, pointer, type, one);
    LLVM::StoreOp::create(builder, loc, cast(loc, type, argument), object);
    Value address =
        LLVM::GEPOp::create(builder, loc, pointer, pointer, pointers,
                            ArrayRef<LLVM::GEPArg>{int32_t(n)});
    LLVM::StoreOp::create(builder, loc, object, address);
  }
  Value self = loadField(loc, host, 0), service = loadField(loc, host, 1);
  Value function =
      func::ConstantOp::create(builder, loc, kernel.getFunctionType(),
                               FlatSymbolRefAttr::get(kernel.getNameAttr()));
  Value task = cast(loc, pointer, function);
  Value count =
      arith::IndexCastOp::create(builder, loc, i64, launch.getCount());
  Value arena = LLVM::ConstantOp::create(builder, loc, i64, bytes.getInt());
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  {pointer, pointer, pointer, i64, i64});
  LLVM::CallOp::create(builder, loc, type,
                       ValueRange{service, self, task, pointers, count, arena});
  launch.erase();
  return success();
}

LogicalResult LaunchLowering::lowerEntry(func::FuncOp entry) {
  Block &block = entry.getBody().front();
  Location loc = entry.getLoc();
  unsigned count = block.getNumArguments();
  Value host = block.addArgument(pointer, loc);
  Value args = block.addArgument(pointer, loc);
  for (auto launch : llvm::make_early_inc_range(block.getOps<LaunchOp>()))
    if (failed(lowerLaunch(launch, host)))
      return failure();
  builder.setInsertionPointToStart(&block);
  unpackArguments(entry, args, 0, count);
  setSignature(entry, {pointer, pointer}, {});
  return success();
}

/// A function that returns a number: `(args) -> i64`.
void LaunchLowering::lowerQuery(func::FuncOp query) {
  Block &block = query.getBody().front();
  unsigned count = block.getNumArguments();
  Value args = block.addArgument(pointer, query.getLoc());
  builder.setInsertionPointToStart(&block);
  unpackArguments(query, args, 0, count);
  setSignature(query, {pointer}, query.getResultTypes());
}

namespace {
struct LowerLaunch : tile::impl::CpuLowerLaunchPassBase<LowerLaunch> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    LaunchLowering lowering(module);
    SmallVector<func::FuncOp> kernels, entries;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      if (function->hasAttr(kArenaBytesAttrName))
        kernels.push_back(function);
      else if (function.getNumResults() != 0)
        lowering.lowerQuery(function);
      else
        entries.push_back(function);
    }
    for (func::FuncOp kernel : kernels) {
      ArrayRef<Type> types = kernel.getArgumentTypes();
      if (types.size() < 2 || !types.front().isIndex() ||
          kernel.getNumResults() != 0 || !isa<MemRefType>(types.back()) ||
          !cast<MemRefType>(types.back()).hasStaticShape()) {
        kernel.emitError() << "has the attribute " << kArenaBytesAttrName
                           << " of a kernel, but does not take a work index "
                              "first and an arena of static size last, or "
                              "has results";
        return signalPassFailure();
      }
    }
    // Signatures first: a launch takes the address of a kernel.
    for (func::FuncOp kernel : kernels)
      lowering.lowerKernel(kernel);
    for (func::FuncOp entry : entries)
      if (failed(lowering.lowerEntry(entry)))
        return signalPassFailure();
    module.walk([&](LaunchOp launch) {
      launch.emitOpError() << "must be directly in a function without results";
      signalPassFailure();
    });
  }
};
} // namespace
