//===- ScalarKernels.cpp - Kernels without tiles --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A task without tiles has nothing that threads could share: each thread has a
// task of its own.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::tile;
using namespace mlir::warp;

bool mlir::warp::isScalarKernel(KernelOp kernel) {
  return llvm::all_of(kernel.getBody().front().without_terminator(),
                      [](Operation &op) { return isScalarCode(&op); });
}

/// The number of tasks is one more argument: the last thread block may have
/// more threads.
void mlir::warp::emitScalarKernel(KernelOp kernel, int64_t warps,
                                  gpu::GPUModuleOp module) {
  OpBuilder builder(kernel.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  Location loc = kernel.getLoc();
  SmallVector<Type> types(ArrayRef(kernel.getArgumentTypes()).drop_front());
  types.push_back(builder.getIndexType());
  gpu::GPUFuncOp function = createFunction(builder, kernel, types, warps);
  function->setAttr(kSharedBytesAttrName, builder.getI64IntegerAttr(0));
  Block *entry = &function.getBody().front();
  builder.setInsertionPointToStart(entry);
  Value block = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x),
        thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  Value threads = arith::ConstantIndexOp::create(
      builder, loc, (*function.getKnownBlockSize())[0]);
  Value first = arith::MulIOp::create(builder, loc, block, threads);
  Value work = arith::AddIOp::create(builder, loc, first, thread);
  KernelEmitter::name(thread.getDefiningOp(), "thread");
  KernelEmitter::name(work.getDefiningOp(), "work");
  Value exists = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt,
                                       work, entry->getArguments().back());
  auto branch = scf::IfOp::create(builder, loc, exists, /*withElse=*/false);
  gpu::ReturnOp::create(builder, loc);
  builder.setInsertionPointToStart(branch.thenBlock());
  IRMapping mapping;
  mapping.map(kernel.getBody().getArguments().drop_front(),
              entry->getArguments().drop_back());
  mapping.map(kernel.getWork(), work);
  for (Operation &op : kernel.getBody().front().without_terminator())
    builder.clone(op, mapping);
}
