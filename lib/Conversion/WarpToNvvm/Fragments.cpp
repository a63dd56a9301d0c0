//===- Fragments.cpp - Maps, reductions, loads and stores -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens to tiles in registers.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

bool KernelEmitter::isFused(tile::LoadOp load) {
  auto map = load->hasOneUse()
                 ? dyn_cast<tile::MapOp>(*load->getUsers().begin())
                 : tile::MapOp();
  if (!map || map->getBlock() != load->getBlock())
    return false;
  for (Operation *op = load->getNextNode(); op != map; op = op->getNextNode())
    if (!isMemoryEffectFree(op) && !isa<tile::LoadOp>(op))
      return false;
  return true;
}

/// A row's number that compilers take for another one in each turn of the loop
/// over key tiles. They would compute what an element's row and column make
/// together before the loop, and keep it in a register for each element.
static Value inTurn(OpBuilder &builder, Location loc, Value row) {
  Operation *parent = builder.getInsertionBlock()->getParentOp();
  while (parent &&
         !(isa<scf::ForOp>(parent) && !parent->hasAttr(kUnrollAttrName)))
    parent = parent->getParentOp();
  if (!parent)
    return row;
  Value turn =
      arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                 cast<scf::ForOp>(parent).getInductionVar());
  auto dialect =
      LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT);
  return LLVM::InlineAsmOp::create(
             builder, loc, row.getType(), ValueRange{row, turn},
             /*asm_string=*/"", /*constraints=*/"=r,0,r",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None, dialect, ArrayAttr())
      .getResult(0);
}

/// Emits the region of a map for one register. With `isUnrounded` the value
/// before a rounding at the end.
static Value emitElement(KernelEmitter &kernel, tile::MapOp map,
                         const KernelEmitter::Register &at, bool isUnrounded) {
  OpBuilder &builder = kernel.builder;
  Location loc = map.getLoc();
  IRMapping mapping = kernel.mapping;
  for (auto [input, argument] :
       llvm::zip(map.getInputs(), map.getBlock()->getArguments())) {
    auto type = cast<TileType>(input.getType());
    auto load = input.getDefiningOp<tile::LoadOp>();
    if (load && KernelEmitter::isFused(load))
      mapping.map(argument, kernel.emitLoadedElement(load, at));
    else
      mapping.map(argument,
                  memref::LoadOp::create(builder, loc, kernel.fragment(input),
                                         kernel.indicesOf(type, at)));
  }
  if (map.hasIndices()) {
    TileType type = map.getResult().getType();
    KernelEmitter::nameValue(mapping.lookup(map.getOrigin()[1]), "tile_key");
    Value row = kernel.add(loc, mapping.lookup(map.getOrigin()[0]),
                           kernel.rowOf(loc, type, at));
    Value col = kernel.add(loc, mapping.lookup(map.getOrigin()[1]),
                           kernel.colOf(loc, type, at));
    KernelEmitter::nameValue(row, "row");
    KernelEmitter::nameValue(col, "column");
    row = arith::IndexCastOp::create(builder, loc, builder.getI32Type(), row);
    mapping.map(map.getRowIndex(), inTurn(builder, loc, row));
    mapping.map(
        map.getColIndex(),
        arith::IndexCastOp::create(builder, loc, builder.getI32Type(), col));
  }
  Operation *rounding =
      isUnrounded ? map.getYielded().getDefiningOp() : nullptr;
  for (Operation &op : map.getBlock()->without_terminator())
    if (&op != rounding)
      builder.clone(op, mapping);
  return mapping.lookupOrDefault(rounding ? rounding->getOperand(0)
                                          : map.getYielded());
}

LogicalResult KernelEmitter::emitMap(tile::MapOp map) {
  Location loc = map.getLoc();
  TileType type = map.getResult().getType();
  if (!fragments.contains(map.getResult()))
    for (Value input : map.getInputs())
      if (reuse(input, map.getResult(), map))
        break;
  Value target = fragment(map.getResult());
  auto rounding = map.getYielded().getDefiningOp<arith::TruncFOp>();
  if (!rounding || rounding->getBlock() != map.getBlock() ||
      !rounding->hasOneUse() || type.getCols() == 1) {
    forEachRegister(loc, type, /*byPair=*/false, [&](const Register &at) {
      Value value = emitElement(*this, map, at, /*isUnrounded=*/false);
      memref::StoreOp::create(builder, loc, value, target, indicesOf(type, at));
    });
    return success();
  }
  // Two elements are rounded by one instruction.
  forEachRegister(loc, type, /*byPair=*/true, [&](const Register &at) {
    SmallVector<Value> elements;
    for (int64_t n = 0; n < 2; ++n)
      elements.push_back(emitElement(
          *this, map, {at.rowBlock, at.half, at.colBlock, index(loc, n)},
          /*isUnrounded=*/true));
    auto wide = VectorType::get(2, elements[0].getType());
    Value pair = vector::FromElementsOp::create(builder, loc, wide, elements);
    pair = arith::TruncFOp::create(
        builder, loc, VectorType::get(2, type.getElementType()), pair);
    vector::StoreOp::create(builder, loc, pair, target, indicesOf(type, at));
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static Value combine(OpBuilder &builder, Location loc, tile::ReduceKind kind,
                     Value a, Value b) {
  switch (kind) {
  case tile::ReduceKind::add:
    return arith::AddFOp::create(builder, loc, a, b);
  case tile::ReduceKind::max:
    return arith::MaxNumFOp::create(builder, loc, a, b);
  case tile::ReduceKind::min:
    return arith::MinNumFOp::create(builder, loc, a, b);
  }
  llvm_unreachable("all kinds are handled");
}

LogicalResult KernelEmitter::emitReduce(tile::ReduceOp reduce) {
  Location loc = reduce.getLoc();
  if (reduce.getAxis() != tile::ReduceAxis::rows ||
      !reduce.getResult().getType().getElementType().isF32())
    return reduce.emitOpError()
           << "is not a reduction of rows of f32, which is "
              "what convert-warp-to-nvvm supports";
  TileType inputType = reduce.getInput().getType(),
           type = reduce.getResult().getType();
  const tile::ReduceKind kind = reduce.getKind();
  Value input = fragment(reduce.getInput());
  Value target = fragment(reduce.getResult());
  MmaLayout layout = layoutOf(inputType);
  unrolled(loc, layout.rowBlocks(), [&](Value rowBlock) {
    unrolled(loc, 2, [&](Value half) {
      SmallVector<Value> place = {rowBlock, half};
      auto elementAt = [&](Value colBlock, int64_t pair) -> Value {
        return memref::LoadOp::create(
            builder, loc, input,
            ValueRange{rowBlock, colBlock, half, index(loc, pair)});
      };
      // What this thread has of the row.
      Value first = combine(builder, loc, kind, elementAt(index(loc, 0), 0),
                            elementAt(index(loc, 0), 1));
      memref::StoreOp::create(builder, loc, first, target, place);
      if (layout.colBlocks() > 1)
        unrolled(loc, layout.colBlocks() - 1, [&](Value turn) {
          Value colBlock = (expr(turn) + expr(index(loc, 1))).value;
          Value known = memref::LoadOp::create(builder, loc, target, place);
          Value both = combine(builder, loc, kind, elementAt(colBlock, 0),
                               elementAt(colBlock, 1));
          memref::StoreOp::create(builder, loc,
                                  combine(builder, loc, kind, known, both),
                                  target, place);
        });
      // The four lanes of the row.
      Value value = memref::LoadOp::create(builder, loc, target, place);
      nameValue(value, "own");
      for (int32_t distance : {1, 2}) {
        if (distance == 2)
          nameValue(value, "pair");
        auto other = gpu::ShuffleOp::create(
            builder, loc, value, distance, lanesPerWarp, gpu::ShuffleMode::XOR);
        value = combine(builder, loc, kind, value, other.getShuffleResult());
      }
      if (reduce.getInit()) {
        Value init = memref::LoadOp::create(
            builder, loc, fragment(reduce.getInit()),
            indicesOf(type, {rowBlock, half, Value(), Value()}));
        value = combine(builder, loc, kind, init, value);
      }
      memref::StoreOp::create(builder, loc, value, target, place);
    });
  });
  return success();
}

void KernelEmitter::emitReachesTwo(ReachesTwoOp reaches) {
  Location loc = reaches.getLoc();
  TileType type = reaches.getTile().getType();
  Value source = fragment(reaches.getTile());
  Type word = builder.getI32Type();
  if (!bits) {
    auto space = gpu::AddressSpaceAttr::get(builder.getContext(),
                                            gpu::AddressSpace::Private);
    bits = createArray(
        MemRefType::get({1}, word, MemRefLayoutAttrInterface(), space), "bits");
  }
  Value first = index(loc, 0);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, value, 32);
  };
  memref::StoreOp::create(builder, loc, constant(0), bits, first);
  auto pairType = VectorType::get(2, type.getElementType());
  forEachRegister(loc, type, /*byPair=*/true, [&](const Register &at) {
    Value known = memref::LoadOp::create(builder, loc, bits, first);
    Value pair = vector::LoadOp::create(builder, loc, pairType, source,
                                        indicesOf(type, at));
    pair = LLVM::BitcastOp::create(builder, loc, word, pair);
    memref::StoreOp::create(builder, loc,
                            arith::OrIOp::create(builder, loc, known, pair),
                            bits, first);
  });
  // Of bf16 and of f16 alike: the highest bit of the exponent.
  Value found = memref::LoadOp::create(builder, loc, bits, first);
  found = arith::AndIOp::create(builder, loc, found, constant(0x40004000));
  Value large = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                      found, constant(0));
  Value vote =
      NVVM::VoteSyncOp::create(builder, loc, builder.getI1Type(), constant(-1),
                               large, NVVM::VoteSyncKind::any);
  mapping.map(reaches.getResult(), vote);
}
