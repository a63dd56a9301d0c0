//===- Products.cpp - Products on tensor cores ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of the sm_80 family: ldmatrix and mma.sync.m16n8k16.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

namespace {
/// Loads the block of 16 x 16 elements that begins at (row, 8 * chunk) of a
/// tile in shared memory, as two elements for each of four matrices.
struct BlockLoader {
  KernelEmitter &kernel;
  Location loc;
  TileType type;
  Value buffer, stage;
  bool isTransposed;
  Position<IndexExpr> lanes;

  Value load(IndexExpr row, IndexExpr chunk) const {
    OpBuilder &builder = kernel.builder;
    SwizzleLayout layout{type.getRows(), type.getCols(),
                         cast<SwizzleAttr>(type.getLayout()).getBytes()};
    IndexExpr offset = layout.offset(row + lanes.row, chunk + lanes.col,
                                     kernel.expr(kernel.index(loc, 0)));
    auto result = VectorType::get({4, 2}, type.getElementType());
    return nvgpu::LdMatrixOp::create(builder, loc, result, buffer,
                                     ValueRange{stage, offset.value},
                                     isTransposed, /*numTiles=*/4);
  }
};
} // namespace

/// Reads 16 columns of a warp's rows in shared memory into blocks of 8 columns
/// of a fragment.
static void readColumns(const BlockLoader &loader, MmaLayout layout,
                        IndexExpr from, Value rowBlock, Value fragment,
                        IndexExpr to) {
  KernelEmitter &kernel = loader.kernel;
  OpBuilder &builder = kernel.builder;
  Location loc = loader.loc;
  Value matrices =
      loader.load(kernel.expr(kernel.warp) * (layout.rows / layout.warps) +
                      kernel.expr(rowBlock) * MmaLayout::blockRows,
                  from * 2);
  for (int64_t n = 0; n < 4; ++n) {
    Value elements = vector::ExtractOp::create(builder, loc, matrices, n);
    Value colBlock = (to * 2 + kernel.expr(kernel.index(loc, n / 2))).value;
    vector::StoreOp::create(builder, loc, elements, fragment,
                            ValueRange{rowBlock, colBlock,
                                       kernel.index(loc, n % 2),
                                       kernel.index(loc, 0)});
  }
}

LogicalResult KernelEmitter::emitRead(ReadOp read) {
  Location loc = read.getLoc();
  TileType type = read.getTile().getType();
  MmaLayout layout = layoutOf(type);
  if (type.getCols() % 16 != 0)
    return read.emitOpError()
           << "reads " << type << "; its columns must be a multiple of 16";
  auto [buffer, stage] = places[read.getSource()];
  BlockLoader loader{*this,
                     loc,
                     read.getSource().getType(),
                     buffer,
                     stage,
                     /*isTransposed=*/false,
                     ldmatrixRows(expr(lane))};
  Value target = fragment(read.getTile());
  unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
    unrolled(loc, layout.colBlocks() / 2, [&](Value columns) {
      readColumns(loader, layout, expr(columns), rowBlock, target,
                  expr(columns));
    });
  });
  hasReaders = true;
  return success();
}

/// Operands of mma are words if their elements are bf16.
static Value asOperand(OpBuilder &builder, Location loc, Value pair) {
  if (!cast<VectorType>(pair.getType()).getElementType().isBF16())
    return pair;
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), pair);
}

LogicalResult KernelEmitter::emitDot(DotOp dot) {
  Location loc = dot.getLoc();
  TileType typeA = dot.getA().getType(), typeB = dot.getB().getType(),
           type = dot.getProduct().getType().getTile();
  MmaLayout layout = layoutOf(type);
  const int64_t depth = typeA.getCols();
  if (depth % 16 != 0 || layout.cols % 16 != 0)
    return dot.emitOpError() << "is " << layout.rows << "x" << layout.cols
                             << " with an inner size of " << depth
                             << "; columns and inner size must be multiples "
                                "of 16";
  auto [buffer, stage] = places[dot.getB()];
  // A matrix of K is columns of the product; one of V is rows of the inner
  // dimension and is transposed on its way.
  const bool isTransposed = !dot.getTransposeB();
  BlockLoader loader{*this,
                     loc,
                     typeB,
                     buffer,
                     stage,
                     isTransposed,
                     isTransposed ? ldmatrixRows(expr(lane))
                                  : ldmatrixColumns(expr(lane))};
  // What is in shared memory is read again for every step.
  const bool isSharedA = isa<SwizzleAttr>(typeA.getLayout());
  auto stepTypeA = TileType::get(typeA.getContext(), typeA.getRows(), 16,
                                 typeA.getElementType());
  Value a =
      isSharedA ? createFragment(stepTypeA, "operand") : fragment(dot.getA());
  Value sums = fragment(dot.getProduct());
  if (dot.getAccumulator()) {
    copyFragment(dot.getAccumulator(), dot.getProduct());
  } else {
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0.0f));
    forEachRegister(loc, type, /*byPair=*/false, [&](const Register &at) {
      memref::StoreOp::create(builder, loc, zero, sums, indicesOf(type, at));
    });
  }
  auto pair = VectorType::get(2, typeA.getElementType());
  auto f32 = builder.getF32Type();
  auto four = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                               {f32, f32, f32, f32});
  const auto kind = pair.getElementType().isBF16() ? NVVM::MMATypes::bf16
                                                   : NVVM::MMATypes::f16;
  unrolled(loc, depth / 16, [&](Value step) {
    IndexExpr stepOfA = isSharedA ? expr(index(loc, 0)) : expr(step);
    if (isSharedA) {
      auto [bufferA, stageA] = places[dot.getA()];
      BlockLoader loaderA{*this,
                          loc,
                          typeA,
                          bufferA,
                          stageA,
                          /*isTransposed=*/false,
                          ldmatrixRows(expr(lane))};
      unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
        readColumns(loaderA, layout, expr(step), rowBlock, a, stepOfA);
      });
    }
    unrolled(loc, layout.colBlocks() / 2, [&](Value columns) {
      IndexExpr inner = expr(step), outer = expr(columns);
      Value matrices = dot.getTransposeB() ? loader.load(outer * 16, inner * 2)
                                           : loader.load(inner * 16, outer * 2);
      unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
        SmallVector<Value> operandA;
        for (int64_t n = 0; n < 4; ++n) {
          Value colBlock = (stepOfA * 2 + expr(index(loc, n / 2))).value;
          operandA.push_back(
              asOperand(builder, loc,
                        vector::LoadOp::create(builder, loc, pair, a,
                                               ValueRange{rowBlock, colBlock,
                                                          index(loc, n % 2),
                                                          index(loc, 0)})));
        }
        for (int64_t n = 0; n < 2; ++n) {
          Value colBlock = (outer * 2 + expr(index(loc, n))).value;
          SmallVector<Value> operandB, operandC;
          for (int64_t m = 0; m < 2; ++m)
            operandB.push_back(asOperand(
                builder, loc,
                vector::ExtractOp::create(builder, loc, matrices, 2 * n + m)));
          auto at = [&](int64_t r) {
            return SmallVector<Value>{rowBlock, colBlock, index(loc, r / 2),
                                      index(loc, r % 2)};
          };
          for (int64_t r = 0; r < 4; ++r)
            operandC.push_back(
                memref::LoadOp::create(builder, loc, sums, at(r)));
          Value product = NVVM::MmaOp::create(
              builder, loc, four, operandA, operandB, operandC,
              ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
              std::array{kind, kind},
              std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
          for (int64_t r = 0; r < 4; ++r) {
            Value sum = LLVM::ExtractValueOp::create(builder, loc, product, r);
            memref::StoreOp::create(builder, loc, sum, sums, at(r));
          }
        }
      });
    });
  });
  hasReaders = true;
  return success();
}
