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
/// Loads blocks of 16 x 16 elements of a tile in shared memory, as two elements
/// for each of four matrices.
class BlockLoader {
public:
  /// `isSecond`: of a second operand whose rows are columns of the product.
  /// With `isTransposed` matrices are transposed on their way.
  BlockLoader(KernelEmitter &kernel, Location loc, Value tile, bool isSecond,
              bool isTransposed)
      : kernel(kernel), loc(loc), type(cast<TileType>(tile.getType())),
        layout{type.getRows(), type.getCols(),
               cast<SwizzleAttr>(type.getLayout()).getBytes()},
        isSecond(isSecond), isTransposed(isTransposed) {
    auto [memory, stage] = kernel.places[tile];
    buffer = memory;
    // A block is smaller than what stages are a multiple of, so that this is a
    // sum that a loop can change by an exclusive or.
    IndexExpr lane = kernel.expr(kernel.laneOffsetOf(layout, isSecond));
    start = (lane ^ kernel.expr(stage)).value;
    KernelEmitter::nameValue(start, isTransposed ? "values_at"
                                    : isSecond   ? "keys_at"
                                                 : "block_at");
  }

  Value load(IndexExpr rowBlock, IndexExpr colBlock) const {
    OpBuilder &builder = kernel.builder;
    IndexExpr lane = kernel.expr(start) ^ layout.blockSwizzle(colBlock);
    Value offset = (layout.blockOffset(rowBlock, colBlock) + lane).value;
    auto result = VectorType::get({4, 2}, type.getElementType());
    auto matrices = nvgpu::LdMatrixOp::create(builder, loc, result, buffer,
                                              offset, isTransposed,
                                              /*numTiles=*/4);
    KernelEmitter::name(matrices, isTransposed ? "values"
                                  : isSecond   ? "keys"
                                               : "block");
    return matrices;
  }

private:
  KernelEmitter &kernel;
  Location loc;
  TileType type;
  SwizzleLayout layout;
  bool isSecond, isTransposed;
  Value buffer, start;
};
} // namespace

Value KernelEmitter::laneOffsetOf(SwizzleLayout layout, bool isSecond) {
  Value &offset = laneOffsets[{layout.bytes, isSecond}];
  if (offset)
    return offset;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(lane);
  Position<IndexExpr> at =
      isSecond ? ldmatrixColumns(expr(lane)) : ldmatrixRows(expr(lane));
  nameValue(at.row.value, "lane_row");
  nameValue(at.col.value, "lane_chunk");
  IndexExpr start = expr(index(kernel.getLoc(), 0));
  offset = layout.offset(at.row, at.col, start).value;
  nameValue(offset, isSecond ? "column_offset" : "row_offset");
  return offset;
}

/// Reads 16 columns of a warp's rows in shared memory into blocks of 8 columns
/// of a fragment.
static void readColumns(KernelEmitter &kernel, Location loc,
                        const BlockLoader &loader, MmaLayout layout,
                        IndexExpr from, Value rowBlock, Value fragment,
                        IndexExpr to) {
  OpBuilder &builder = kernel.builder;
  Value matrices = loader.load(kernel.expr(kernel.warp) * layout.rowBlocks() +
                                   kernel.expr(rowBlock),
                               from);
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
  BlockLoader loader(*this, loc, read.getSource(), /*isSecond=*/false,
                     /*isTransposed=*/false);
  Value target = fragment(read.getTile());
  unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
    unrolled(loc, layout.colBlocks() / 2, [&](Value columns) {
      readColumns(*this, loc, loader, layout, expr(columns), rowBlock, target,
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

SmallVector<Value> KernelEmitter::operandOf(Location loc, Value fragment,
                                            Value rowBlock, IndexExpr step) {
  auto type = cast<MemRefType>(fragment.getType());
  auto pair = VectorType::get(2, type.getElementType());
  SmallVector<Value> words;
  for (int64_t n = 0; n < 4; ++n) {
    Value colBlock = (step * 2 + expr(index(loc, n / 2))).value;
    words.push_back(asOperand(
        builder, loc,
        vector::LoadOp::create(
            builder, loc, pair, fragment,
            ValueRange{rowBlock, colBlock, index(loc, n % 2), index(loc, 0)})));
  }
  return words;
}

void KernelEmitter::emitMma(Location loc, Value sums, Value rowBlock,
                            Value colBlock, ValueRange operandA,
                            ValueRange operandB) {
  auto at = [&](int64_t n) {
    return SmallVector<Value>{rowBlock, colBlock, index(loc, n / 2),
                              index(loc, n % 2)};
  };
  SmallVector<Value> operandC;
  for (int64_t n = 0; n < 4; ++n)
    operandC.push_back(memref::LoadOp::create(builder, loc, sums, at(n)));
  auto f32 = builder.getF32Type();
  auto four = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                               {f32, f32, f32, f32});
  const auto kind = operandA[0].getType().isInteger() ? NVVM::MMATypes::bf16
                                                      : NVVM::MMATypes::f16;
  Value product = NVVM::MmaOp::create(
      builder, loc, four, operandA, operandB, operandC,
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array{kind, kind},
      std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t n = 0; n < 4; ++n) {
    Value sum = LLVM::ExtractValueOp::create(builder, loc, product, n);
    memref::StoreOp::create(builder, loc, sum, sums, at(n));
  }
}

LogicalResult KernelEmitter::emitDot(DotOp dot) {
  Location loc = dot.getLoc();
  TileType typeA = dot.getA().getType(),
           type = dot.getProduct().getType().getTile();
  MmaLayout layout = layoutOf(type);
  const int64_t depth = typeA.getCols();
  if (depth % 16 != 0 || layout.cols % 16 != 0)
    return dot.emitOpError() << "is " << layout.rows << "x" << layout.cols
                             << " with an inner size of " << depth
                             << "; columns and inner size must be multiples "
                                "of 16";
  // A matrix of K is columns of the product; one of V is rows of the inner
  // dimension and is transposed on its way.
  BlockLoader loaderB(*this, loc, dot.getB(), /*isSecond=*/dot.getTransposeB(),
                      /*isTransposed=*/!dot.getTransposeB());
  // What is in shared memory is read again for every step.
  const bool isSharedA = isa<SwizzleAttr>(typeA.getLayout());
  std::optional<BlockLoader> loaderA;
  Value a;
  if (isSharedA) {
    loaderA.emplace(*this, loc, dot.getA(), /*isSecond=*/false,
                    /*isTransposed=*/false);
    a = createFragment(TileType::get(typeA.getContext(), typeA.getRows(), 16,
                                     typeA.getElementType()),
                       "queries");
  } else {
    a = fragment(dot.getA());
  }
  Value accumulator = dot.getAccumulator();
  if (accumulator && !reuse(accumulator, dot.getProduct(), dot))
    copyFragment(accumulator, dot.getProduct());
  Value sums = fragment(dot.getProduct());
  if (!accumulator) {
    Value zero =
        arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0.0f));
    forEachRegister(loc, type, /*byPair=*/false, [&](const Register &at) {
      memref::StoreOp::create(builder, loc, zero, sums, indicesOf(type, at));
    });
  }
  // Unrolled whole, a loop that reads A from shared memory has ptxas keep up to
  // 50 registers more, most of them for what it reads ahead.
  constexpr int64_t mostSteps = 4;
  const int64_t steps = depth / 16;
  std::optional<int64_t> factor;
  if (isSharedA)
    factor = llvm::divideCeil(steps, llvm::divideCeil(steps, mostSteps));
  auto emitStep = [&](Value step) {
    IndexExpr stepOfA = isSharedA ? expr(index(loc, 0)) : expr(step);
    if (isSharedA)
      unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
        readColumns(*this, loc, *loaderA, layout, expr(step), rowBlock, a,
                    stepOfA);
      });
    unrolled(loc, layout.colBlocks() / 2, [&](Value columns) {
      IndexExpr inner = expr(step), outer = expr(columns);
      Value matrices = dot.getTransposeB() ? loaderB.load(outer, inner)
                                           : loaderB.load(inner, outer);
      unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
        SmallVector<Value> operandA = operandOf(loc, a, rowBlock, stepOfA);
        for (int64_t n = 0; n < 2; ++n) {
          Value colBlock = (outer * 2 + expr(index(loc, n))).value;
          SmallVector<Value> operandB;
          for (int64_t m = 0; m < 2; ++m)
            operandB.push_back(asOperand(
                builder, loc,
                vector::ExtractOp::create(builder, loc, matrices, 2 * n + m)));
          emitMma(loc, sums, rowBlock, colBlock, operandA, operandB);
        }
      });
    });
  };
  unrolled(loc, steps, emitStep, factor);
  hasReaders = true;
  return success();
}

LogicalResult KernelEmitter::emitRowSum(RowSumOp sum) {
  Location loc = sum.getLoc();
  TileType input = sum.getInput().getType(), type = sum.getSum().getType();
  if (input.getCols() % 16 != 0)
    return sum.emitOpError()
           << "adds " << input << "; its columns must be a multiple of 16";
  Type element = input.getElementType();
  MmaLayout layout = layoutOf(input);
  // All eight columns of a product with ones are the sum.
  Value sums =
      createFragment(TileType::get(type.getContext(), type.getRows(),
                                   MmaLayout::blockCols, type.getElementType()),
                     "ones_product");
  if (!reuse(sum.getInit(), sum.getSum(), sum))
    copyFragment(sum.getInit(), sum.getSum());
  Value target = fragment(sum.getSum());
  auto pair = VectorType::get(2, element);
  Value ones = asOperand(
      builder, loc,
      arith::ConstantOp::create(
          builder, loc,
          DenseElementsAttr::get(pair, builder.getFloatAttr(element, 1.0))));
  Value first = index(loc, 0);
  unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
    auto forEachHalf = [&](function_ref<void(Value)> body) {
      unrolled(loc, 2, body);
    };
    forEachHalf([&](Value half) {
      unrolled(loc, 2, [&](Value pair) {
        Value init = memref::LoadOp::create(builder, loc, target,
                                            ValueRange{rowBlock, half});
        memref::StoreOp::create(builder, loc, init, sums,
                                ValueRange{rowBlock, first, half, pair});
      });
    });
    unrolled(loc, layout.colBlocks() / 2, [&](Value step) {
      emitMma(loc, sums, rowBlock, first,
              operandOf(loc, fragment(sum.getInput()), rowBlock, expr(step)),
              {ones, ones});
    });
    forEachHalf([&](Value half) {
      Value done = memref::LoadOp::create(
          builder, loc, sums, ValueRange{rowBlock, first, half, first});
      memref::StoreOp::create(builder, loc, done, target,
                              ValueRange{rowBlock, half});
    });
  });
  return success();
}
