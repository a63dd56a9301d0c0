//===- WarpToNvvm.cpp - convert-warp-to-nvvm ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers kernels to the code of one thread: their signature and their loops.
//
//===----------------------------------------------------------------------===//

#include "KernelEmitter.h"

#include <numeric>

using namespace mlir;
using namespace mlir::warp;
using tile::TileType;

namespace mlir::tile {
#define GEN_PASS_DEF_CONVERTWARPTONVVMPASS
#include "attn/Conversion/Passes.h.inc"
} // namespace mlir::tile

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

template <typename Op>
static IndexExpr combine(IndexExpr a, Value b) {
  return {a.builder, a.builder->createOrFold<Op>(a.value.getLoc(), a.value, b)};
}

static Value constantFor(IndexExpr a, int64_t value) {
  return arith::ConstantIndexOp::create(*a.builder, a.value.getLoc(), value);
}

IndexExpr IndexExpr::operator+(IndexExpr other) const {
  return combine<arith::AddIOp>(*this, other.value);
}
IndexExpr IndexExpr::operator*(int64_t factor) const {
  return combine<arith::MulIOp>(*this, constantFor(*this, factor));
}
/// The factor of a product with a constant, else 0.
static int64_t factorOf(Value value) {
  auto product = value.getDefiningOp<arith::MulIOp>();
  return product ? getConstantIntValue(product.getRhs()).value_or(0) : 0;
}

IndexExpr IndexExpr::operator/(int64_t divisor) const {
  if (factorOf(value) == divisor)
    return {builder, value.getDefiningOp()->getOperand(0)};
  return combine<arith::DivUIOp>(*this, constantFor(*this, divisor));
}
IndexExpr IndexExpr::operator%(int64_t divisor) const {
  if (int64_t factor = factorOf(value); factor != 0 && factor % divisor == 0)
    return {builder, constantFor(*this, 0)};
  return combine<arith::RemUIOp>(*this, constantFor(*this, divisor));
}
IndexExpr IndexExpr::operator^(IndexExpr other) const {
  return combine<arith::XOrIOp>(*this, other.value);
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

TileType warp::tileTypeOf(Value value) {
  if (auto pending = dyn_cast<PendingType>(value.getType()))
    return pending.getTile();
  return cast<TileType>(value.getType());
}

Value KernelEmitter::createFragment(TileType type, StringRef called) {
  MmaLayout layout = layoutOf(type);
  SmallVector<int64_t> shape;
  if (type.getRows() != 1)
    shape.push_back(layout.rowBlocks());
  if (type.getCols() != 1)
    shape.push_back(layout.colBlocks());
  if (type.getRows() != 1)
    shape.push_back(2);
  if (type.getCols() != 1)
    shape.push_back(2);
  auto space = gpu::AddressSpaceAttr::get(builder.getContext(),
                                          gpu::AddressSpace::Private);
  auto memref = MemRefType::get(shape, type.getElementType(),
                                MemRefLayoutAttrInterface(), space);
  // One that only a loop used that is complete.
  Block &entry = function.getBody().front();
  for (auto known : entry.getOps<memref::AllocaOp>()) {
    if (known.getType() != memref || known->use_empty() ||
        known->getAttrOfType<StringAttr>(kNameAttrName) != called)
      continue;
    Operation *user = entry.findAncestorOpInBlock(**known->user_begin());
    // What was there before the loop, or is after it, has users elsewhere.
    if (isa<scf::ForOp>(user) && !user->hasAttr(kUnrollAttrName) &&
        !user->isAncestor(builder.getInsertionBlock()->getParentOp()) &&
        llvm::all_of(known->getUsers(),
                     [&](Operation *other) { return user->isAncestor(other); }))
      return known;
  }
  return createArray(memref, called);
}

Value KernelEmitter::createArray(MemRefType type, StringRef called) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  auto alloca = memref::AllocaOp::create(builder, kernel.getLoc(), type);
  name(alloca, called);
  return alloca;
}

bool KernelEmitter::diesAt(Value tile, Operation *op) {
  Block *block = op->getBlock();
  return tile.getParentBlock() == block &&
         llvm::all_of(tile.getUsers(), [&](Operation *user) {
           Operation *top = block->findAncestorOpInBlock(*user);
           return top == op || top->isBeforeInBlock(op);
         });
}

bool KernelEmitter::reuse(Value tile, Value result, Operation *op) {
  TileType type = tileTypeOf(tile), wanted = tileTypeOf(result);
  if (type != wanted || !diesAt(tile, op))
    return false;
  fragments[result] = fragment(tile);
  return true;
}

void KernelEmitter::unrolled(Location loc, int64_t end,
                             function_ref<void(Value)> body,
                             std::optional<int64_t> factor) {
  if (end == 1)
    return body(index(loc, 0));
  auto loop = scf::ForOp::create(builder, loc, index(loc, 0), index(loc, end),
                                 index(loc, 1));
  loop->setAttr(kUnrollAttrName, factor && *factor < end
                                     ? builder.getI64IntegerAttr(*factor)
                                     : Attribute(builder.getUnitAttr()));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void KernelEmitter::forEachRegister(Location loc, TileType type, bool byPair,
                                    function_ref<void(const Register &)> body) {
  MmaLayout layout = layoutOf(type);
  const bool hasRows = type.getRows() != 1, hasCols = type.getCols() != 1;
  unrolled(loc, hasRows ? layout.rowBlocks() : 1, [&](Value rowBlock) {
    unrolled(loc, hasCols ? layout.colBlocks() : 1, [&](Value colBlock) {
      unrolled(loc, hasRows ? 2 : 1, [&](Value half) {
        unrolled(loc, hasCols && !byPair ? 2 : 1,
                 [&](Value pair) { body({rowBlock, half, colBlock, pair}); });
      });
    });
  });
}

SmallVector<Value> KernelEmitter::indicesOf(TileType type, const Register &at) {
  SmallVector<Value> indices;
  if (type.getRows() != 1)
    indices.push_back(at.rowBlock);
  if (type.getCols() != 1)
    indices.push_back(at.colBlock);
  if (type.getRows() != 1)
    indices.push_back(at.half);
  if (type.getCols() != 1)
    indices.push_back(at.pair);
  return indices;
}

Value KernelEmitter::rowOf(Location loc, TileType type, const Register &at) {
  if (type.getRows() == 1)
    return index(loc, 0);
  return layoutOf(type)
      .row(expr(warp), expr(lane), expr(at.rowBlock), expr(at.half))
      .value;
}

Value KernelEmitter::colOf(Location loc, TileType type, const Register &at) {
  if (type.getCols() == 1)
    return index(loc, 0);
  return layoutOf(type).col(expr(lane), expr(at.colBlock), expr(at.pair)).value;
}

void KernelEmitter::copyFragment(Value from, Value to) {
  if (from == to)
    return;
  Location loc = kernel.getLoc();
  TileType type = tileTypeOf(from);
  Value source = fragment(from), target = fragment(to);
  if (source == target)
    return;
  forEachRegister(loc, type, /*byPair=*/false, [&](const Register &at) {
    SmallVector<Value> indices = indicesOf(type, at);
    Value value = memref::LoadOp::create(builder, loc, source, indices);
    memref::StoreOp::create(builder, loc, value, target, indices);
  });
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

LogicalResult KernelEmitter::emitLoop(scf::ForOp loop) {
  Location loc = loop.getLoc();
  // Tiles live in their fragments; other values are carried as they are.
  SmallVector<Value> inits;
  SmallVector<unsigned> carried;
  for (auto [number, init, argument] :
       llvm::enumerate(loop.getInitArgs(), loop.getRegionIterArgs())) {
    if (isa<TileType>(argument.getType())) {
      // Two that begin alike do not stay so.
      if (llvm::count(loop.getInitArgs(), init) != 1 ||
          !reuse(init, argument, loop))
        copyFragment(init, argument);
    } else {
      inits.push_back(mapping.lookup(init));
      carried.push_back(number);
    }
  }
  auto lowered =
      scf::ForOp::create(builder, loc, mapping.lookup(loop.getLowerBound()),
                         mapping.lookup(loop.getUpperBound()),
                         mapping.lookup(loop.getStep()), inits);
  lowered->setAttr(kInductionVarAttrName, builder.getStringAttr("tile"));
  StringRef tiles = "tiles";
  if (auto visit = loop->getAttrOfType<StringAttr>("tile.visit")) {
    const bool isFull = visit.getValue() == "full";
    tiles = isFull ? "full_tiles" : "masked_tiles";
    comment(lowered, isFull ? "Key tiles without a mask."
                            : "Key tiles that the mask cuts.");
  }
  nameBounds(lowered.getUpperBound(), tiles);
  {
    OpBuilder::InsertionGuard guard(builder);
    if (inits.empty())
      builder.setInsertionPoint(lowered.getBody()->getTerminator());
    else
      builder.setInsertionPointToEnd(lowered.getBody());
    mapping.map(loop.getInductionVar(), lowered.getInductionVar());
    for (auto [number, argument] :
         llvm::zip_equal(carried, lowered.getRegionIterArgs()))
      mapping.map(loop.getRegionIterArg(number), argument);
    // Those of the turn before may still be at its end.
    hasReaders = true;
    if (failed(emitBlock(*loop.getBody())))
      return failure();
    // A tile may be yielded in the place of one that another result needs.
    for (auto [yielded, argument] :
         llvm::zip_equal(loop.getYieldedValues(), loop.getRegionIterArgs()))
      if (auto other = dyn_cast<BlockArgument>(yielded);
          other && other != argument && isa<TileType>(other.getType()) &&
          other.getOwner() == loop.getBody())
        return loop.emitOpError()
               << "yields one of its tiles in the place of another, which is "
                  "not supported";
    SmallVector<Value> yields;
    for (auto [yielded, argument] :
         llvm::zip_equal(loop.getYieldedValues(), loop.getRegionIterArgs()))
      if (isa<TileType>(yielded.getType()))
        copyFragment(yielded, argument);
      else
        yields.push_back(mapping.lookup(yielded));
    if (!inits.empty())
      scf::YieldOp::create(builder, loc, yields);
  }
  hasReaders = true;
  for (auto [result, argument] :
       llvm::zip_equal(loop.getResults(), loop.getRegionIterArgs()))
    if (isa<TileType>(result.getType()))
      fragments[result] = fragment(argument);
  for (auto [number, result] : llvm::zip_equal(carried, lowered.getResults()))
    mapping.map(loop.getResult(number), result);
  return success();
}

LogicalResult KernelEmitter::emitIf(scf::IfOp branch) {
  Location loc = branch.getLoc();
  if (!branch.elseBlock() ||
      !llvm::all_of(branch.getResultTypes(), llvm::IsaPred<TileType>))
    return branch.emitOpError() << "must have two branches that yield tiles";
  // A tile that one branch leaves alone is changed in its place.
  for (auto [result, kept] :
       llvm::zip_equal(branch.getResults(), branch.elseYield().getOperands()))
    if (!reuse(kept, result, branch))
      fragment(result);
  auto lowered =
      scf::IfOp::create(builder, loc, mapping.lookup(branch.getCondition()),
                        /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(builder);
  for (auto [from, to] : {std::pair(branch.thenBlock(), lowered.thenBlock()),
                          std::pair(branch.elseBlock(), lowered.elseBlock())}) {
    builder.setInsertionPointToStart(to);
    // The last map of a tile that is changed in its place does so.
    for (auto [yielded, kept, result] :
         llvm::zip_equal(from->getTerminator()->getOperands(),
                         branch.elseYield().getOperands(), branch.getResults()))
      if (auto map = yielded.getDefiningOp<tile::MapOp>();
          map && map->getBlock() == from && map->hasOneUse() &&
          llvm::all_of(kept.getUsers(), [&](Operation *user) {
            return user->getBlock() != from || user == map ||
                   user->isBeforeInBlock(map);
          }))
        fragments[yielded] = fragment(result);
    if (failed(emitBlock(*from)))
      return failure();
    for (auto [yielded, result] : llvm::zip_equal(
             from->getTerminator()->getOperands(), branch.getResults()))
      copyFragment(yielded, result);
  }
  if (lowered.elseBlock()->without_terminator().empty())
    lowered.getElseRegion().getBlocks().clear();
  return success();
}

LogicalResult KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block) {
    LogicalResult result = success();
    auto place = builder.getInsertionPoint();
    Block *target = builder.getInsertionBlock();
    Operation *last = place == target->begin() ? nullptr : &*std::prev(place);
    if (op.getNumRegions() != 0 && tile::isScalarCode(&op))
      builder.clone(op, mapping);
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      result = emitLoop(loop);
    else if (auto branch = dyn_cast<scf::IfOp>(op))
      result = emitIf(branch);
    else if (auto map = dyn_cast<tile::MapOp>(op))
      result = emitMap(map);
    else if (auto reduce = dyn_cast<tile::ReduceOp>(op))
      result = emitReduce(reduce);
    else if (auto load = dyn_cast<tile::LoadOp>(op))
      result = emitLoad(load);
    else if (auto store = dyn_cast<tile::StoreOp>(op))
      result = emitStore(store);
    else if (auto channel = dyn_cast<ChannelOp>(op))
      result = emitChannel(channel);
    else if (auto put = dyn_cast<PutOp>(op))
      result = emitPut(put);
    else if (auto take = dyn_cast<TakeOp>(op))
      result = emitTake(take);
    else if (auto read = dyn_cast<ReadOp>(op))
      result = emitRead(read);
    else if (auto dot = dyn_cast<DotOp>(op))
      result = emitDot(dot);
    else if (auto sum = dyn_cast<RowSumOp>(op))
      result = emitRowSum(sum);
    else if (auto reaches = dyn_cast<ReachesTwoOp>(op))
      emitReachesTwo(reaches);
    else if (auto await = dyn_cast<AwaitOp>(op))
      // mma.sync is complete when it is issued.
      fragments[await.getTile()] = Value(fragments.lookup(await.getProduct()));
    else if (isa<tile::ReturnOp>(op))
      gpu::ReturnOp::create(builder, op.getLoc());
    else if (isa<scf::YieldOp, ReleaseOp>(op))
      // A stage is filled again after the barrier of a later take.
      continue;
    else if (op.getNumRegions() != 0 ||
             llvm::any_of(op.getResultTypes(), llvm::IsaPred<TileType>))
      result = op.emitOpError() << "is not supported in a kernel by "
                                   "convert-warp-to-nvvm";
    else
      nameIndices(builder.clone(op, mapping));
    if (failed(result))
      return failure();
    describeFrom(last, op);
  }
  return success();
}

void KernelEmitter::barrierAfterReads(Location loc) {
  if (hasReaders)
    gpu::BarrierOp::create(builder, loc);
  hasReaders = false;
}

gpu::GPUFuncOp mlir::warp::createFunction(OpBuilder &builder,
                                          tile::KernelOp kernel,
                                          TypeRange types, int64_t warps) {
  auto function =
      gpu::GPUFuncOp::create(builder, kernel.getLoc(), kernel.getName(),
                             builder.getFunctionType(types, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                    builder.getUnitAttr());
  function.setKnownBlockSizeAttr(
      builder.getDenseI32ArrayAttr({int32_t(warps * lanesPerWarp), 1, 1}));
  // Without a number, ptxas saves registers for more CTAs and may spill.
  function->setAttr(kMinBlocksAttrName, builder.getI64IntegerAttr(1));
  // The work index is no argument.
  for (unsigned n = 1; n < kernel.getNumArguments(); ++n)
    if (auto given = kernel.getArgAttrDict(n))
      function.setArgAttrs(n - 1, given);
  return function;
}

LogicalResult KernelEmitter::run(gpu::GPUModuleOp module) {
  Location loc = kernel.getLoc();
  builder.setInsertionPointToEnd(module.getBody());
  // The work index is the number of the thread block.
  function = createFunction(
      builder, kernel, ArrayRef(kernel.getArgumentTypes()).drop_front(), warps);
  Block *entry = &function.getBody().front();
  builder.setInsertionPointToStart(entry);
  thread = gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
  name(thread.getDefiningOp(), "thread");
  warp = arith::DivUIOp::create(builder, loc, thread, index(loc, lanesPerWarp));
  name(warp.getDefiningOp(), "warp");
  lane = arith::RemUIOp::create(builder, loc, thread, index(loc, lanesPerWarp));
  name(lane.getDefiningOp(), "lane");
  Value work = gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
  name(work.getDefiningOp(), "work");
  auto space = gpu::AddressSpaceAttr::get(builder.getContext(),
                                          gpu::AddressSpace::Workgroup);
  sharedMemory = gpu::DynamicSharedMemoryOp::create(
      builder, loc,
      MemRefType::get({ShapedType::kDynamic}, builder.getI8Type(),
                      MemRefLayoutAttrInterface(), space));
  mapping.map(kernel.getWork(), work);
  mapping.map(kernel.getBody().getArguments().drop_front(),
              entry->getArguments());
  if (failed(emitBlock(kernel.getBody().front())))
    return failure();
  nameTasks(work);
  function->setAttr(kSharedBytesAttrName,
                    builder.getI64IntegerAttr(sharedBytes));
  // Views were only needed for what they compute.
  function.walk([](tile::ViewOp view) {
    if (view->use_empty())
      view.erase();
  });
  return success();
}

/// A thread block for each work index, or a thread.
static void lower(tile::LaunchOp launch, gpu::GPUModuleOp module) {
  const bool isScalar =
      isScalarKernel(SymbolTable::lookupNearestSymbolFrom<tile::KernelOp>(
          launch, launch.getKernelAttr()));
  auto kernel = module.lookupSymbol<gpu::GPUFuncOp>(launch.getKernel());
  OpBuilder builder(launch);
  Location loc = launch.getLoc();
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value threads = arith::ConstantIndexOp::create(
      builder, loc, (*kernel.getKnownBlockSize())[0]);
  Value shared = arith::ConstantIntOp::create(
      builder, loc,
      kernel->getAttrOfType<IntegerAttr>(kSharedBytesAttrName).getInt(), 32);
  Value blocks = launch.getCount();
  SmallVector<Value> arguments(launch.getArguments());
  if (isScalar) {
    arguments.push_back(blocks);
    blocks = arith::CeilDivUIOp::create(builder, loc, blocks, threads);
  }
  gpu::LaunchFuncOp::create(
      builder, loc, kernel, gpu::KernelDim3{blocks, one, one},
      gpu::KernelDim3{threads, one, one}, shared, arguments);
  launch.erase();
}

/// Takes names and alignments of a kernel's arguments from its launch.
static void describeArguments(tile::LaunchOp launch, tile::KernelOp kernel) {
  Builder builder(kernel.getContext());
  for (auto [number, operand] : llvm::enumerate(launch.getArguments())) {
    // The first argument is the work index.
    const unsigned argument = number + 1;
    if (auto view = operand.getDefiningOp<memref::ViewOp>()) {
      // Tensors in the workspace are dense, one behind the other.
      auto type = view.getType();
      int64_t rowBytes = type.getShape().back();
      if (ShapedType::isDynamic(rowBytes))
        rowBytes = 1;
      rowBytes *= type.getElementTypeBitWidth() / 8;
      kernel.setArgAttr(argument, kAlignmentAttrName,
                        builder.getI64IntegerAttr(std::gcd(rowBytes, 16)));
      continue;
    }
    auto given = dyn_cast<BlockArgument>(operand);
    auto entry = given ? dyn_cast<func::FuncOp>(given.getOwner()->getParentOp())
                       : func::FuncOp();
    if (!entry)
      continue;
    for (StringRef name : {kNameAttrName, kAlignmentAttrName})
      if (Attribute attr = entry.getArgAttr(given.getArgNumber(), name))
        kernel.setArgAttr(argument, name, attr);
  }
}

namespace {
struct ConvertWarpToNvvm
    : tile::impl::ConvertWarpToNvvmPassBase<ConvertWarpToNvvm> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<tile::KernelOp> kernels(module.getOps<tile::KernelOp>());
    if (kernels.empty())
      return;
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(module.getBody());
    auto gpuModule =
        gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
    module.walk([&](tile::LaunchOp launch) {
      describeArguments(
          launch, module.lookupSymbol<tile::KernelOp>(launch.getKernel()));
    });
    for (tile::KernelOp kernel : kernels) {
      auto warps = kernel->getAttrOfType<IntegerAttr>(tile::kWarpsAttrName);
      if (!warps) {
        kernel.emitOpError() << "has no attribute '" << tile::kWarpsAttrName
                             << "'; run convert-tile-to-warp first";
        return signalPassFailure();
      }
      if (isScalarKernel(kernel))
        emitScalarKernel(kernel, warps.getInt(), gpuModule);
      else if (failed(KernelEmitter(kernel, warps.getInt()).run(gpuModule)))
        return signalPassFailure();
    }
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    builder.getUnitAttr());
    module.walk([&](tile::LaunchOp launch) { lower(launch, gpuModule); });
    for (tile::KernelOp kernel : kernels)
      kernel.erase();
  }
};
} // namespace
