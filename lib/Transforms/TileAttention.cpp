//===- TileAttention.cpp - attn-tile --------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Replaces functions on tensors by functions that launch tile kernels on
// memrefs.
//
//===----------------------------------------------------------------------===//

#include "attn/Transforms/Passes.h"

#include "KernelBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::tile;

namespace mlir::tile {
#define GEN_PASS_DEF_ATTNTILEPASS
#include "attn/Transforms/Passes.h.inc"
} // namespace mlir::tile

namespace {

enum class Algorithm { standard, memoryEfficient, flash };

/// The memref that stands for a tensor: any strides, the innermost dimension
/// contiguous.
MemRefType toMemRef(RankedTensorType type) {
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  if (!strides.empty())
    strides.back() = 1;
  return MemRefType::get(
      type.getShape(), type.getElementType(),
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides));
}

/// Rewrites one function.
class EntryBuilder {
public:
  EntryBuilder(func::FuncOp function, attn::AttentionOp op, int64_t tileQ,
               int64_t tileKv)
      : function(function), op(op), tileQ(tileQ), tileKv(tileKv) {}

  LogicalResult run(Algorithm algorithm, StringRef algorithmName);

private:
  LogicalResult checkFunction();
  void nameArguments();
  StringAttr argumentName(Value tensor) const;
  func::FuncOp createEntry(StringRef algorithmName);
  Value buildScoresBytes(OpBuilder &builder, Location loc, Block &entry);
  void createWorkspaceFunction(bool needsScores);
  void launch(OpBuilder &builder, KernelOp kernel, Value count,
              const KernelData<Value> &data);

  func::FuncOp function;
  attn::AttentionOp op;
  int64_t tileQ, tileKv;
  SmallVector<StringAttr> names;        // of the inputs
  SmallVector<BlockArgument> captures;  // arguments that regions use
  SmallVector<unsigned> resultOfReturn; // result of op that is returned n-th
};

} // namespace

/// The function must be nothing but the attention and what its regions use.
LogicalResult EntryBuilder::checkFunction() {
  if (op.getMaskAttr() || op.getScoreAttr())
    return op.emitOpError() << "still has a mask or score attribute; run "
                               "attn-expand-variant first";
  for (Value operand : {op.getQuery(), op.getKey(), op.getValue()})
    if (!isa<BlockArgument>(operand))
      return op.emitOpError() << "query, key and value must be arguments of "
                                 "the function";
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError()
           << "a function with attn.attention must be a single block";
  Block &body = function.getBody().front();
  auto ret = dyn_cast<func::ReturnOp>(body.getTerminator());
  if (!ret)
    return body.getTerminator()->emitError()
           << "a function with attn.attention must end with func.return";
  for (Operation &other : body.without_terminator())
    if (&other != op && !isMemoryEffectFree(&other))
      return other.emitError() << "has side effects; a function with "
                                  "attn.attention may hold only what its "
                                  "regions use";
  if (!SymbolTable::symbolKnownUseEmpty(function,
                                        function->getParentOfType<ModuleOp>()))
    return function.emitError()
           << "a function with attn.attention becomes an entry of the runtime "
              "and cannot be called from other functions";
  for (Value returned : ret.getOperands()) {
    auto result = dyn_cast<OpResult>(returned);
    if (!result || result.getOwner() != op)
      return ret.emitError() << "a function with attn.attention must return "
                                "its results and nothing else";
    if (llvm::is_contained(resultOfReturn, result.getResultNumber()))
      return ret.emitError() << "returns a result of attn.attention twice";
    resultOfReturn.push_back(result.getResultNumber());
  }
  if (!llvm::is_contained(resultOfReturn, 0u))
    return ret.emitError() << "must return the output of attn.attention";
  for (Type type : function.getArgumentTypes())
    if (!isa<RankedTensorType>(type) && !type.isIntOrIndexOrFloat())
      return function.emitError() << "takes an argument of type " << type
                                  << "; allowed are ranked tensors and scalars";
  FailureOr<SmallVector<BlockArgument>> collected = collectCaptures(op);
  if (failed(collected))
    return failure();
  captures = *collected;
  return success();
}

/// Names each argument: by its attribute attn.name, else by what it is.
void EntryBuilder::nameArguments() {
  MLIRContext *context = function.getContext();
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(number, "attn.name");
    if (!name && argument == op.getQuery())
      name = StringAttr::get(context, "query");
    else if (!name && argument == op.getKey())
      name = StringAttr::get(context, "key");
    else if (!name && argument == op.getValue())
      name = StringAttr::get(context, "value");
    else if (!name)
      name = StringAttr::get(context, "arg" + Twine(number));
    names.push_back(name);
  }
}

StringAttr EntryBuilder::argumentName(Value tensor) const {
  return names[cast<BlockArgument>(tensor).getArgNumber()];
}

/// Creates the function on memrefs next to the old one. What a caller must
/// know about its arguments is in attributes, from which the manifest of a
/// payload is made.
func::FuncOp EntryBuilder::createEntry(StringRef algorithmName) {
  OpBuilder builder(function);
  Location loc = function.getLoc();
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  auto add = [&](Type type, Attribute name, StringRef role,
                 ArrayAttr shape = {}) {
    types.push_back(type);
    SmallVector<NamedAttribute> attrs = {
        builder.getNamedAttr("attn.name", name),
        builder.getNamedAttr("attn.role", builder.getStringAttr(role))};
    if (shape)
      attrs.push_back(builder.getNamedAttr("attn.shape", shape));
    attributes.push_back(builder.getDictionaryAttr(attrs));
  };
  for (BlockArgument argument : function.getArguments()) {
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    add(tensor ? Type(toMemRef(tensor)) : argument.getType(),
        names[argument.getArgNumber()], "input");
  }
  StringRef query = argumentName(op.getQuery()).getValue();
  for (unsigned result : resultOfReturn) {
    auto type = cast<RankedTensorType>(op->getResult(result).getType());
    SmallVector<Attribute> shape;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        shape.push_back(builder.getStringAttr(query + "[" + Twine(dim) + "]"));
      else
        shape.push_back(builder.getI64IntegerAttr(size));
    add(toMemRef(type), builder.getStringAttr(result == 0 ? "output" : "lse"),
        "output", builder.getArrayAttr(shape));
  }
  add(MemRefType::get({ShapedType::kDynamic}, builder.getI8Type()),
      builder.getStringAttr("workspace"), "workspace");

  auto entry = func::FuncOp::create(builder, loc, function.getName(),
                                    builder.getFunctionType(types, {}));
  entry.setAllArgAttrs(attributes);
  auto dimName = [&](Value tensor, int64_t dim) {
    return builder.getStringAttr(argumentName(tensor).getValue() + "[" +
                                 Twine(dim) + "]");
  };
  Value q = op.getQuery(), k = op.getKey(), v = op.getValue();
  Attribute batches =
      builder.getArrayAttr({dimName(q, 0), dimName(k, 0), dimName(v, 0)});
  Attribute keys = builder.getArrayAttr({dimName(k, 2), dimName(v, 2)});
  entry->setAttr("attn.equal_dims", builder.getArrayAttr({batches, keys}));
  entry->setAttr("attn.algorithm", builder.getStringAttr(algorithmName));
  entry->setAttr("attn.tile_q", builder.getI64IntegerAttr(tileQ));
  entry->setAttr("attn.tile_kv", builder.getI64IntegerAttr(tileKv));
  entry.addEntryBlock();
  return entry;
}

/// Bytes of all scores: batch * query heads * queries * keys * 4.
Value EntryBuilder::buildScoresBytes(OpBuilder &builder, Location loc,
                                     Block &entry) {
  auto dim = [&](Value tensor, int64_t number) -> Value {
    Value memref =
        entry.getArgument(cast<BlockArgument>(tensor).getArgNumber());
    return memref::DimOp::create(builder, loc, memref, number);
  };
  Value bytes = arith::ConstantIndexOp::create(builder, loc, 4);
  for (Value factor : {dim(op.getQuery(), 0), dim(op.getQuery(), 1),
                       dim(op.getQuery(), 2), dim(op.getKey(), 2)})
    bytes = arith::MulIOp::create(builder, loc, bytes, factor);
  return bytes;
}

void EntryBuilder::createWorkspaceFunction(bool needsScores) {
  OpBuilder builder(function);
  Location loc = function.getLoc();
  SmallVector<Type> types;
  for (Type type : function.getArgumentTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    types.push_back(tensor ? Type(toMemRef(tensor)) : type);
  }
  auto workspace = func::FuncOp::create(
      builder, loc, (function.getName() + "_workspace").str(),
      builder.getFunctionType(types, builder.getIndexType()));
  Block *block = workspace.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  Value bytes = needsScores ? buildScoresBytes(builder, loc, *block)
                            : arith::ConstantIndexOp::create(builder, loc, 0);
  func::ReturnOp::create(builder, loc, bytes);
}

void EntryBuilder::launch(OpBuilder &builder, KernelOp kernel, Value count,
                          const KernelData<Value> &data) {
  LaunchOp::create(builder, op.getLoc(),
                   FlatSymbolRefAttr::get(kernel.getSymNameAttr()), count,
                   data.flat());
}

LogicalResult EntryBuilder::run(Algorithm algorithm, StringRef algorithmName) {
  if (failed(checkFunction()))
    return failure();
  nameArguments();
  Location loc = op.getLoc();
  StringRef name = function.getName();
  func::FuncOp entry = createEntry(algorithmName);
  createWorkspaceFunction(algorithm == Algorithm::standard);
  Block &block = entry.getBody().front();
  auto argument = [&](Value tensor) -> Value {
    return block.getArgument(cast<BlockArgument>(tensor).getArgNumber());
  };

  KernelData<Value> all;
  all.query = argument(op.getQuery());
  all.key = argument(op.getKey());
  all.value = argument(op.getValue());
  for (auto [position, result] : llvm::enumerate(resultOfReturn))
    (result == 0 ? all.output : all.lse) =
        block.getArgument(function.getNumArguments() + position);
  for (BlockArgument capture : captures)
    all.captures.push_back(argument(capture));

  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  KernelBuilder kernels(op, captures, tileQ, tileKv);
  Value count = kernels.buildTaskCount(builder, loc, all.query);
  OpBuilder moduleBuilder(function);
  auto typesOf = [](const KernelData<Value> &data) {
    auto typeOf = [](Value value) { return value ? value.getType() : Type(); };
    KernelData<Type> types{typeOf(data.query),
                           typeOf(data.key),
                           typeOf(data.value),
                           typeOf(data.output),
                           typeOf(data.lse),
                           typeOf(data.scores),
                           {}};
    for (Value capture : data.captures)
      types.captures.push_back(capture.getType());
    return types;
  };

  if (algorithm != Algorithm::standard) {
    KernelOp kernel = kernels.buildMemoryEfficient(
        moduleBuilder, (name + "_attention").str(), typesOf(all));
    if (algorithm == Algorithm::flash)
      fuseOnlineSoftmax(kernel);
    launch(builder, kernel, count, all);
  } else {
    // Scores as [batch, kv_heads, queries * group, keys] in the workspace.
    Value workspace = block.getArguments().back();
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value batch = memref::DimOp::create(builder, loc, all.query, 0);
    Value queries = memref::DimOp::create(builder, loc, all.query, 2);
    Value keys = memref::DimOp::create(builder, loc, all.key, 2);
    Value group =
        arith::ConstantIndexOp::create(builder, loc, op.getGroupSize());
    Value rows = arith::MulIOp::create(builder, loc, queries, group);
    auto scoresType =
        MemRefType::get({ShapedType::kDynamic, op.getKvHeads(),
                         ShapedType::kDynamic, ShapedType::kDynamic},
                        builder.getF32Type());
    Value scores = memref::ViewOp::create(builder, loc, scoresType, workspace,
                                          zero, ValueRange{batch, rows, keys});
    KernelData<Value> first{all.query, all.key, {},          {},
                            {},        scores,  all.captures};
    KernelData<Value> second{all.query, {}, {}, {}, all.lse, scores, {}};
    KernelData<Value> third{all.query, {},     all.value, all.output,
                            {},        scores, {}};
    launch(builder,
           kernels.buildScores(moduleBuilder, (name + "_scores").str(),
                               typesOf(first)),
           count, first);
    launch(builder,
           kernels.buildSoftmax(moduleBuilder, (name + "_softmax").str(),
                                typesOf(second)),
           count, second);
    launch(builder,
           kernels.buildValues(moduleBuilder, (name + "_values").str(),
                               typesOf(third)),
           count, third);
  }
  func::ReturnOp::create(builder, loc);
  function.erase();
  return success();
}

namespace {
struct TileAttention : tile::impl::AttnTilePassBase<TileAttention> {
  using AttnTilePassBase::AttnTilePassBase;

  void runOnOperation() override {
    auto parsed = llvm::StringSwitch<std::optional<Algorithm>>(algorithm)
                      .Case("standard", Algorithm::standard)
                      .Case("memory-efficient", Algorithm::memoryEfficient)
                      .Case("flash", Algorithm::flash)
                      .Default(std::nullopt);
    if (!parsed) {
      getOperation().emitError()
          << "unknown algorithm '" << algorithm
          << "'; allowed are standard, memory-efficient and flash";
      return signalPassFailure();
    }
    constexpr int64_t maxTile = 4096;
    if (tileQ < 1 || tileKv < 1 || tileQ > maxTile || tileKv > maxTile ||
        unmaskedTileKv < 0 || unmaskedTileKv > maxTile) {
      getOperation().emitError()
          << "tile sizes must be between 1 and " << maxTile
          << ", got tile-q=" << int64_t(tileQ) << " tile-kv=" << int64_t(tileKv)
          << " unmasked-tile-kv=" << int64_t(unmaskedTileKv);
      return signalPassFailure();
    }
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      SmallVector<attn::AttentionOp> attentions;
      function.walk([&](attn::AttentionOp op) { attentions.push_back(op); });
      if (attentions.empty())
        continue;
      if (attentions.size() > 1) {
        attentions[1].emitOpError()
            << "is the second one in function '" << function.getName()
            << "'; attn-tile takes one in a function";
        return signalPassFailure();
      }
      bool unmasked = attentions[0].getMaskMod().empty();
      int64_t keys = unmasked && unmaskedTileKv != 0 ? unmaskedTileKv : tileKv;
      if (failed(EntryBuilder(function, attentions[0], tileQ, keys)
                     .run(*parsed, algorithm)))
        return signalPassFailure();
    }
  }
};
} // namespace
