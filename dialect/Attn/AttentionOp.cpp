//===- AttentionOp.cpp - attn.attention -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Syntax, verification and shape of attn.attention.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Attn.h"
#include "dialect/Attn/OperandRules.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectImplementation.h"

#include <cmath>

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Syntax of the regions
//===----------------------------------------------------------------------===//

/// The types of a region's arguments: a score if there is one, then batch,
/// head, query and key.
static SmallVector<Type> getModArgumentTypes(Builder &builder, bool hasScore) {
  SmallVector<Type> types;
  if (hasScore)
    types.push_back(builder.getF32Type());
  types.append(4, builder.getIndexType());
  return types;
}

/// Parses `keyword (%a, %b, ...) { ... }`, or nothing.
static ParseResult parseMod(OpAsmParser &parser, Region &region,
                            StringRef keyword, bool hasScore) {
  if (failed(parser.parseOptionalKeyword(keyword)))
    return success();
  SmallVector<OpAsmParser::Argument> arguments;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren))
    return failure();
  SmallVector<Type> types = getModArgumentTypes(parser.getBuilder(), hasScore);
  if (arguments.size() != types.size())
    return parser.emitError(loc)
           << keyword << " takes " << types.size() << " arguments ("
           << (hasScore ? "score, " : "") << "batch, head, query, key), got "
           << arguments.size();
  for (auto [argument, type] : llvm::zip(arguments, types))
    argument.type = type;
  return parser.parseRegion(region, arguments);
}

static void printMod(OpAsmPrinter &printer, Region &region, StringRef keyword) {
  if (region.empty())
    return;
  printer << keyword << " (";
  llvm::interleaveComma(region.getArguments(), printer,
                        [&](BlockArgument arg) { printer << arg; });
  printer << ") ";
  printer.printRegion(region, /*printEntryBlockArgs=*/false);
}

static ParseResult parseScoreMod(OpAsmParser &parser, Region &region) {
  return parseMod(parser, region, "score_mod", /*hasScore=*/true);
}
static ParseResult parseMaskMod(OpAsmParser &parser, Region &region) {
  return parseMod(parser, region, "mask_mod", /*hasScore=*/false);
}
static void printScoreMod(OpAsmPrinter &printer, Operation *, Region &region) {
  printMod(printer, region, "score_mod");
}
static void printMaskMod(OpAsmPrinter &printer, Operation *, Region &region) {
  printMod(printer, region, "mask_mod");
}

//===----------------------------------------------------------------------===//
// Syntax of attributes with run-time values
//===----------------------------------------------------------------------===//

using RunTimeValues = SmallVectorImpl<OpAsmParser::UnresolvedOperand>;

/// `attribute)`, and `[%a, %b]` if it takes run-time values, whose type is
/// known.
static ParseResult parseWithValues(OpAsmParser &parser, Attribute &attribute,
                                   RunTimeValues &values) {
  return failure(failed(parser.parseAttribute(attribute)) ||
                 failed(parser.parseRParen()) ||
                 failed(parser.parseOperandList(
                     values, OpAsmParser::Delimiter::OptionalSquare)));
}

static void printWithValues(OpAsmPrinter &printer, Attribute attribute,
                            OperandRange values) {
  printer << attribute << ')';
  if (!values.empty())
    printer << '[' << values << ']';
}

static ParseResult parseMask(OpAsmParser &parser, MaskAttrInterface &mask,
                             RunTimeValues &values) {
  SMLoc loc = parser.getCurrentLocation();
  Attribute attribute;
  if (failed(parseWithValues(parser, attribute, values)))
    return failure();
  mask = dyn_cast<MaskAttrInterface>(attribute);
  if (!mask)
    return parser.emitError(loc)
           << "mask takes a mask, such as #attn.causal, got " << attribute;
  return success();
}

static void printMask(OpAsmPrinter &printer, Operation *,
                      MaskAttrInterface mask, OperandRange values) {
  printWithValues(printer, mask, values);
}

/// One score function or a list of them in brackets.
static ParseResult parseScores(OpAsmParser &parser, ArrayAttr &scores,
                               RunTimeValues &values) {
  SMLoc loc = parser.getCurrentLocation();
  Attribute attribute;
  if (failed(parseWithValues(parser, attribute, values)))
    return failure();
  scores = dyn_cast<ArrayAttr>(attribute);
  if (!scores)
    scores = parser.getBuilder().getArrayAttr(attribute);
  for (Attribute score : scores)
    if (!isa<ScoreAttrInterface>(score))
      return parser.emitError(loc)
             << "score takes score functions, such as #attn.softcap<50.0>, got "
             << score;
  return success();
}

static void printScores(OpAsmPrinter &printer, Operation *, ArrayAttr scores,
                        OperandRange values) {
  printWithValues(printer, scores.size() == 1 ? scores[0] : Attribute(scores),
                  values);
}

using OptionalOperand = std::optional<OpAsmParser::UnresolvedOperand>;

/// `%p, %seed, %offset`
static ParseResult parseDropout(OpAsmParser &parser,
                                OptionalOperand &probability,
                                OptionalOperand &seed,
                                OptionalOperand &offset) {
  return failure(failed(parser.parseOperand(probability.emplace())) ||
                 failed(parser.parseComma()) ||
                 failed(parser.parseOperand(seed.emplace())) ||
                 failed(parser.parseComma()) ||
                 failed(parser.parseOperand(offset.emplace())));
}

static void printDropout(OpAsmPrinter &printer, Operation *, Value probability,
                         Value seed, Value offset) {
  printer << probability << ", " << seed << ", " << offset;
}

/// `%offsets, %columns` or `%offsets, %columns, %full`
static ParseResult parseBlockMask(OpAsmParser &parser, OptionalOperand &offsets,
                                  OptionalOperand &columns,
                                  OptionalOperand &full) {
  if (failed(parser.parseOperand(offsets.emplace())) ||
      failed(parser.parseComma()) ||
      failed(parser.parseOperand(columns.emplace())))
    return failure();
  if (failed(parser.parseOptionalComma()))
    return success();
  return parser.parseOperand(full.emplace());
}

static void printBlockMask(OpAsmPrinter &printer, Operation *, Value offsets,
                           Value columns, Value full) {
  printer << offsets << ", " << columns;
  if (full)
    printer << ", " << full;
}

/// `[128, 64]`
static ParseResult parseBlockSize(OpAsmParser &parser,
                                  DenseI64ArrayAttr &sizes) {
  sizes =
      dyn_cast_or_null<DenseI64ArrayAttr>(DenseI64ArrayAttr::parse(parser, {}));
  return success(bool(sizes));
}

static void printBlockSize(OpAsmPrinter &printer, Operation *,
                           DenseI64ArrayAttr sizes) {
  sizes.print(printer);
}

/// The type of the sinks of a query: one logit for each of its heads.
static RankedTensorType getSinksType(Type query) {
  auto tensor = dyn_cast<RankedTensorType>(query);
  bool isKnown = tensor && tensor.getRank() == 4;
  return RankedTensorType::get(isKnown ? tensor.getDimSize(1)
                                       : ShapedType::kDynamic,
                               Float32Type::get(query.getContext()));
}

/// A status has integers, a log-sum-exp has not.
static bool isStatusType(Type type) {
  return getElementTypeOrSelf(type).isInteger();
}

/// `(query, key, value) -> output` or `-> (output, lse, status)`, of which the
/// last two may be left out. The tensors of a block mask follow the value; the
/// type of sinks follows from the query's.
static ParseResult
parseAttentionType(OpAsmParser &parser, Type &query, Type &key, Type &value,
                   const OptionalOperand &sinks, Type &sinksType,
                   const OptionalOperand &offsets, Type &offsetsType,
                   Type &columnsType, const OptionalOperand &full,
                   Type &fullType, Type &output, Type &lse, Type &status) {
  unsigned blockInputs = full ? 3 : offsets ? 2 : 0;
  FunctionType type;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseType(type)))
    return failure();
  ArrayRef<Type> results = type.getResults();
  const bool hasStatus = results.size() > 1 && isStatusType(results.back());
  if (type.getNumInputs() != 3 + blockInputs || results.empty() ||
      results.size() > (hasStatus ? 3 : 2)) {
    StringRef inputs = full      ? "(query, key, value, offsets, columns, full)"
                       : offsets ? "(query, key, value, offsets, columns)"
                                 : "(query, key, value)";
    return parser.emitError(loc)
           << "the type must be " << inputs << " -> output or " << inputs
           << " -> (output, log-sum-exp)"
           << (offsets ? ", and may have a status as the last result" : "")
           << ", got " << type;
  }
  query = type.getInput(0);
  key = type.getInput(1);
  value = type.getInput(2);
  output = results[0];
  if (hasStatus)
    status = results.back();
  if (results.size() > (hasStatus ? 2 : 1))
    lse = results[1];
  if (sinks)
    sinksType = getSinksType(query);
  if (offsets) {
    offsetsType = type.getInput(3);
    columnsType = type.getInput(4);
  }
  if (full)
    fullType = type.getInput(5);
  return success();
}

static void printAttentionType(OpAsmPrinter &printer, Operation *op, Type, Type,
                               Type, Value, Type, Value, Type, Type, Value,
                               Type, Type, Type, Type) {
  auto attention = cast<AttentionOp>(op);
  SmallVector<Type> inputs;
  for (Value input :
       {Value(attention.getQuery()), Value(attention.getKey()),
        Value(attention.getValue()), Value(attention.getBlockOffsets()),
        Value(attention.getBlockColumns()), Value(attention.getBlockFull())})
    if (input)
      inputs.push_back(input.getType());
  printer.printFunctionalType(inputs, op->getResultTypes());
}

#define GET_OP_CLASSES
#include "dialect/Attn/AttnOps.cpp.inc"

void AttentionOp::getAsmBlockArgumentNames(Region &region,
                                           OpAsmSetValueNameFn setName) {
  static constexpr StringLiteral names[] = {"s", "b", "h", "i", "j"};
  size_t skip = region.getNumArguments() == 5 ? 0 : 1;
  for (BlockArgument arg : region.getArguments())
    if (arg.getArgNumber() + skip < std::size(names))
      setName(arg, names[arg.getArgNumber() + skip]);
}

void AttentionOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getOutput(), "output");
  if (getLse())
    setName(getLse(), "lse");
  if (getStatus())
    setName(getStatus(), "status");
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

double AttentionOp::getScaleValue() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  return 1.0 / std::sqrt(double(getHeadDim()));
}

/// The rules of the operands and the attribute of block_mask.
static LogicalResult verifyBlockMask(AttentionOp op) {
  Value offsets = op.getBlockOffsets(), columns = op.getBlockColumns(),
        full = op.getBlockFull();
  auto sizes = op.getBlockSize();
  if (bool(offsets) != bool(columns) || bool(offsets) != bool(sizes) ||
      (full && !offsets))
    return op.emitOpError() << "block_mask takes offsets, columns and a block "
                               "size, and may take flags of full blocks; given "
                               "were "
                            << (offsets ? "offsets" : "no offsets") << ", "
                            << (columns ? "columns" : "no columns") << ", "
                            << (sizes ? "a block size" : "no block size")
                            << " and " << (full ? "flags" : "no flags");
  auto status = RankedTensorType::get({1}, Builder(op).getI32Type());
  if (op.getStatus() && (!offsets || op.getStatus().getType() != status))
    return op.emitOpError() << "the status is that of a block mask and must "
                               "have type "
                            << status << ", but "
                            << (offsets ? "has" : "there is no block mask for")
                            << " type " << op.getStatus().getType();
  if (!offsets)
    return success();
  if (sizes->size() != 2)
    return op.emitOpError() << "block_size must have two numbers, the queries "
                               "and the keys of a block, but has "
                            << sizes->size();
  for (auto [name, size] :
       {std::pair("queries", (*sizes)[0]), {"keys", (*sizes)[1]}})
    if (size < 16 || size > kMaxBlockSize || size % 16 != 0)
      return op.emitOpError()
             << "the " << name
             << " of a block must be a multiple of 16 between 16 and "
             << kMaxBlockSize << ", but are " << size;

  // Element types, ranks and encodings.
  Builder builder(op.getContext());
  const struct {
    StringRef name, shape;
    Value value;
    int64_t rank;
    Type element;
  } rules[] = {{"offsets", "[1 or batch, 1 or query heads, block rows + 1]",
                offsets, 3, builder.getI32Type()},
               {"columns", "[listed blocks]", columns, 1, builder.getI32Type()},
               {"flags", "[listed blocks]", full, 1, builder.getI8Type()}};
  for (const auto &rule : rules) {
    if (!rule.value)
      continue;
    auto type = cast<RankedTensorType>(rule.value.getType());
    if (type.getRank() != rule.rank || type.getElementType() != rule.element ||
        type.getEncoding())
      return op.emitOpError()
             << "the " << rule.name << " of block_mask must be " << rule.shape
             << " of " << rule.element << ", without an encoding, but are "
             << type;
  }

  auto offsetsType = cast<RankedTensorType>(offsets.getType()),
       columnsType = cast<RankedTensorType>(columns.getType());
  RankedTensorType query = op.getQuery().getType();
  for (auto [dimension, name] :
       {std::pair(0, "the batch size"), {1, "the number of query heads"}}) {
    int64_t size = offsetsType.getDimSize(dimension);
    if (size != 1 && (size == 0 || differ(size, query.getDimSize(dimension))))
      return op.emitOpError()
             << "dimension " << dimension << " of the offsets must be 1 or "
             << name << ", but the offsets are " << offsetsType
             << " and the query is " << query;
  }
  int64_t queries = query.getDimSize(2);
  if (ShapedType::isStatic(queries)) {
    int64_t rows = llvm::divideCeil(queries, op.getQueryBlock());
    if (differ(offsetsType.getDimSize(2), rows + 1))
      return op.emitOpError()
             << "the offsets must have " << rows + 1 << " numbers for the "
             << rows << " block rows of " << queries << " queries in blocks of "
             << op.getQueryBlock() << ", but are " << offsetsType;
  }
  if (full && differ(columnsType.getDimSize(0),
                     cast<RankedTensorType>(full.getType()).getDimSize(0)))
    return op.emitOpError() << "columns and full must have the same length, "
                               "but are "
                            << columnsType << " and " << full.getType();
  return success();
}

LogicalResult AttentionOp::verify() {
  auto typeOf = [](Value value) {
    return cast<RankedTensorType>(value.getType());
  };
  RankedTensorType q = typeOf(getQuery()), k = typeOf(getKey()),
                   v = typeOf(getValue());
  for (auto [name, type] : {std::pair("query", q), {"key", k}, {"value", v}}) {
    if (type.getRank() != 4)
      return emitOpError() << name
                           << " must have the 4 dimensions [batch, heads, "
                              "sequence, head_dim], but is "
                           << type;
    if (type.isDynamicDim(1) || type.isDynamicDim(3))
      return emitOpError() << "the number of heads and the head dimension of "
                           << name << " must be static, but it is " << type;
    if (type.getEncoding())
      return emitOpError() << name << " must not have an encoding, but is "
                           << type;
    if (type.getDimSize(1) > kMaxStaticSize ||
        type.getDimSize(3) > kMaxStaticSize)
      return emitOpError() << name << " has more than " << kMaxStaticSize
                           << " heads, or a head dimension of more than "
                           << kMaxStaticSize << ": " << type;
    if (type.getDimSize(1) == 0 || type.getDimSize(3) == 0)
      return emitOpError() << name
                           << " must have at least one head and a head "
                              "dimension of at least 1, but is "
                           << type;
  }

  Type element = q.getElementType();
  if (!isElementType(element))
    return emitOpError() << "query has element type " << element
                         << "; allowed are f32, f16 and bf16";
  if (k.getElementType() != element || v.getElementType() != element)
    return emitOpError() << "query, key and value must have the same element "
                            "type, but have "
                         << element << ", " << k.getElementType() << " and "
                         << v.getElementType();
  if (differ(q.getDimSize(0), k.getDimSize(0)) ||
      differ(q.getDimSize(0), v.getDimSize(0)) ||
      differ(k.getDimSize(0), v.getDimSize(0)))
    return emitOpError() << "query, key and value must have the same batch "
                            "size, but are "
                         << q << ", " << k << " and " << v;
  if (k.getDimSize(1) != v.getDimSize(1))
    return emitOpError() << "key has " << k.getDimSize(1)
                         << " heads and value has " << v.getDimSize(1)
                         << "; they must have the same number";
  if (q.getDimSize(1) % k.getDimSize(1) != 0)
    return emitOpError() << "query has " << q.getDimSize(1)
                         << " heads, which is not a multiple of the "
                         << k.getDimSize(1) << " heads of key and value";
  if (q.getDimSize(3) != k.getDimSize(3))
    return emitOpError() << "query has head dimension " << q.getDimSize(3)
                         << " and key has " << k.getDimSize(3)
                         << "; they must be equal";
  if (differ(k.getDimSize(2), v.getDimSize(2)))
    return emitOpError() << "key has " << k.getDimSize(2)
                         << " rows and value has " << v.getDimSize(2)
                         << "; they must have the same sequence length";

  ArrayRef<int64_t> shape = q.getShape();
  auto expectedOutput = RankedTensorType::get(
      {shape[0], shape[1], shape[2], v.getDimSize(3)}, element);
  if (getOutput().getType() != expectedOutput)
    return emitOpError() << "the output must have type " << expectedOutput
                         << " (the query's shape with the head dimension of "
                            "value), but is "
                         << getOutput().getType();
  if (getLse()) {
    auto expectedLse = RankedTensorType::get({shape[0], shape[1], shape[2]},
                                             Float32Type::get(getContext()));
    if (getLse().getType() != expectedLse)
      return emitOpError() << "the log-sum-exp must have type " << expectedLse
                           << ", but is " << getLse().getType();
  }
  unsigned maskValues =
      getMask() ? cast<MaskAttrInterface>(*getMask()).getNumRunTimeValues() : 0;
  if (getMaskOperands().size() != maskValues)
    return emitOpError() << "the mask has " << maskValues
                         << " numbers that are given at run time (?), but "
                         << getMaskOperands().size() << " values";
  unsigned scoreValues = 0;
  if (ArrayAttr scores = getScoreAttr())
    for (Attribute score : scores)
      scoreValues += cast<ScoreAttrInterface>(score).getNumRunTimeValues();
  if (getScoreOperands().size() != scoreValues)
    return emitOpError() << "the score functions have " << scoreValues
                         << " numbers that are given at run time (?), but "
                         << getScoreOperands().size() << " values";
  if (getScale() && !getScale()->isFinite())
    return emitOpError() << "scale must be finite";
  if (Value sinks = getSinks(); sinks && sinks.getType() != getSinksType(q))
    return emitOpError() << "sinks must have type " << getSinksType(q)
                         << " (a logit for each query head), but have "
                         << sinks.getType();
  unsigned given = bool(getDropoutProbability()) + bool(getDropoutSeed()) +
                   bool(getDropoutOffset());
  if (given != 0 && given != 3)
    return emitOpError() << "dropout takes a probability, a seed and an "
                            "offset, but "
                         << given << " of the three were given";
  return verifyBlockMask(*this);
}

/// Whether an operation may be part of score_mod or mask_mod.
static bool isAllowedInRegion(Operation *op) {
  if (isa<LengthOp, tensor::ExtractOp, tensor::DimOp>(op))
    return true;
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) &&
         op->getNumRegions() == 0 && isMemoryEffectFree(op);
}

/// Checks one region: its arguments, what it yields, what it holds.
static LogicalResult verifyMod(AttentionOp op, Region &region, StringRef name,
                               bool hasScore, Type yielded) {
  if (region.empty())
    return success();
  Builder builder(op.getContext());
  SmallVector<Type> types = getModArgumentTypes(builder, hasScore);
  if (!llvm::hasSingleElement(region))
    return op.emitOpError() << name << " must be a single block";
  if (region.getArgumentTypes() != TypeRange(types))
    return op.emitOpError()
           << name << " must have the arguments (" << TypeRange(types)
           << "), but has (" << region.getArgumentTypes() << ")";
  Block &block = region.front();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return op.emitOpError() << name << " must end with attn.yield";
  if (yield.getResult().getType() != yielded)
    return yield.emitOpError()
           << name << " must yield " << yielded << ", but yields "
           << yield.getResult().getType();
  for (Operation &nested : block.without_terminator()) {
    if (!isAllowedInRegion(&nested))
      return nested.emitOpError()
             << "is not allowed in " << name
             << ", which may hold elementwise operations of arith and math, "
                "tensor.extract, tensor.dim and attn.length";
    for (Type type : nested.getResultTypes())
      if (!type.isIntOrIndexOrFloat())
        return nested.emitOpError() << "is not allowed in " << name
                                    << ", which computes on scalars, but the "
                                       "operation gives "
                                    << type;
  }
  return success();
}

LogicalResult AttentionOp::verifyRegions() {
  Builder builder(getContext());
  if (failed(verifyMod(*this, getScoreMod(), "score_mod", /*hasScore=*/true,
                       builder.getF32Type())))
    return failure();
  return verifyMod(*this, getMaskMod(), "mask_mod", /*hasScore=*/false,
                   builder.getI1Type());
}

LogicalResult
AttentionOp::reifyResultShapes(OpBuilder &builder,
                               ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> dims =
      tensor::getMixedSizes(builder, getLoc(), getQuery());
  dims[3] = builder.getIndexAttr(getValueDim());
  shapes.push_back(dims);
  if (getLse())
    shapes.push_back({dims[0], dims[1], dims[2]});
  if (getStatus())
    shapes.push_back({builder.getIndexAttr(1)});
  return success();
}
