//===- Masks.cpp - Mask attributes ----------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What each mask means, its syntax, and the rules of its parameters.
//
//===----------------------------------------------------------------------===//

#include "AttrSyntax.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attn;

//===----------------------------------------------------------------------===//
// Syntax and verification
//===----------------------------------------------------------------------===//

static bool isRunTime(int64_t number) { return ShapedType::isDynamic(number); }

/// Checks a number of a mask, which a coordinate is compared with.
static LogicalResult verifyNumber(function_ref<InFlightDiagnostic()> emitError,
                                  StringRef what, int64_t number,
                                  int64_t least) {
  constexpr int64_t most = (int64_t(1) << 29) - 1;
  if (isRunTime(number) || (number >= least && number <= most))
    return success();
  return emitError() << what << " is " << number << "; allowed are " << least
                     << " to " << most << " and ?";
}

LogicalResult PrefixAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t number) {
  return verifyNumber(emitError, "the length of a prefix", number, 0);
}

LogicalResult GlobalAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t number) {
  return verifyNumber(emitError, "the number of global positions", number, 0);
}

LogicalResult DilatedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t number) {
  return verifyNumber(emitError, "the dilation", number, 1);
}

LogicalResult ChunkAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t number) {
  return verifyNumber(emitError, "the size of a chunk", number, 1);
}

LogicalResult WindowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t left, int64_t right) {
  if (left == kUnlimited && right == kUnlimited)
    return emitError() << "a window needs left or right; a side that is left "
                          "out is unlimited";
  for (auto [what, side] : {std::pair("the left side of a window", left),
                            {"the right side of a window", right}})
    if (side != kUnlimited && failed(verifyNumber(emitError, what, side, 0)))
      return failure();
  return success();
}

Attribute WindowAttr::parse(AsmParser &parser, Type) {
  int64_t left = kUnlimited, right = kUnlimited;
  auto parseSide = [&]() -> ParseResult {
    StringRef side;
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseKeyword(&side)))
      return failure();
    if (side != "left" && side != "right")
      return parser.emitError(loc)
             << "a window has the sides left and right, got " << side;
    int64_t &number = side == "left" ? left : right;
    if (number != kUnlimited || (side == "left" && right != kUnlimited))
      return parser.emitError(loc)
             << "left comes first, and each side once at most";
    return failure(failed(parser.parseEqual()) ||
                   failed(parseNumberOrRunTime(parser, number)));
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseSide))
    return {};
  return WindowAttr::getChecked([&] { return parser.emitError(loc); },
                                parser.getContext(), left, right);
}

void WindowAttr::print(AsmPrinter &printer) const {
  printer << '<';
  if (getLeft() != kUnlimited) {
    printer << "left = ";
    printNumberOrRunTime(printer, getLeft());
  }
  if (getRight() != kUnlimited) {
    printer << (getLeft() != kUnlimited ? ", right = " : "right = ");
    printNumberOrRunTime(printer, getRight());
  }
  printer << '>';
}

static LogicalResult verifyMask(function_ref<InFlightDiagnostic()> emitError,
                                StringRef name, Attribute mask) {
  if (isa<MaskAttrInterface>(mask))
    return success();
  return emitError() << name << " takes masks, such as #attn.causal, got "
                     << mask;
}

static LogicalResult verifyMasks(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef name, ArrayRef<Attribute> masks) {
  if (masks.empty())
    return emitError() << name << " needs at least one mask";
  for (Attribute mask : masks)
    if (failed(verifyMask(emitError, name, mask)))
      return failure();
  return success();
}

LogicalResult AllOfAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<Attribute> masks) {
  return verifyMasks(emitError, "all_of", masks);
}

LogicalResult AnyOfAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<Attribute> masks) {
  return verifyMasks(emitError, "any_of", masks);
}

LogicalResult NotAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              Attribute mask) {
  return verifyMask(emitError, "not", mask);
}

//===----------------------------------------------------------------------===//
// Run-time values
//===----------------------------------------------------------------------===//

unsigned WindowAttr::getNumRunTimeValues() const {
  return isRunTime(getLeft()) + isRunTime(getRight());
}
unsigned PrefixAttr::getNumRunTimeValues() const {
  return isRunTime(getNumber());
}
unsigned GlobalAttr::getNumRunTimeValues() const {
  return isRunTime(getNumber());
}
unsigned DilatedAttr::getNumRunTimeValues() const {
  return isRunTime(getNumber());
}
unsigned ChunkAttr::getNumRunTimeValues() const {
  return isRunTime(getNumber());
}

static unsigned countRunTimeValues(ArrayRef<Attribute> masks) {
  unsigned count = 0;
  for (Attribute mask : masks)
    count += cast<MaskAttrInterface>(mask).getNumRunTimeValues();
  return count;
}

unsigned AllOfAttr::getNumRunTimeValues() const {
  return countRunTimeValues(getMasks());
}
unsigned AnyOfAttr::getNumRunTimeValues() const {
  return countRunTimeValues(getMasks());
}
unsigned NotAttr::getNumRunTimeValues() const {
  return countRunTimeValues(getMask());
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

namespace {
/// Emits comparisons of coordinates.
class KeepBuilder {
public:
  KeepBuilder(OpBuilder &builder, Location loc, ValueRange coordinates,
              ValueRange values)
      : query(coordinates[2]), key(coordinates[3]), builder(builder), loc(loc),
        values(values) {}

  /// The position of the query among the keys, aligned bottom-right.
  Value position() {
    Type index = builder.getIndexType();
    Value queries = LengthOp::create(builder, loc, index, LengthKind::query);
    Value keys = LengthOp::create(builder, loc, index, LengthKind::key);
    return add(query, sub(keys, queries));
  }
  /// A number of the mask; those given at run time are taken in order.
  Value number(int64_t number) {
    if (!isRunTime(number))
      return constant(number);
    Value value = values.front();
    values = values.drop_front();
    return value;
  }
  /// The same, but at least 1.
  Value positive(int64_t number) {
    Value value = this->number(number);
    return isRunTime(number)
               ? arith::MaxSIOp::create(builder, loc, value, constant(1))
               : value;
  }
  Value constant(int64_t number) {
    return arith::ConstantIndexOp::create(builder, loc, number);
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubIOp::create(builder, loc, a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  Value lessEqual(Value a, Value b) {
    return compare(arith::CmpIPredicate::sle, a, b);
  }
  Value less(Value a, Value b) {
    return compare(arith::CmpIPredicate::slt, a, b);
  }
  Value both(Value a, Value b) {
    return arith::AndIOp::create(builder, loc, a, b);
  }
  Value either(Value a, Value b) {
    return arith::OrIOp::create(builder, loc, a, b);
  }

  Value query, key;
  OpBuilder &builder;
  Location loc;

private:
  ValueRange values;
};
} // namespace

Value CausalAttr::buildKeep(OpBuilder &builder, Location loc,
                            ValueRange coordinates, ValueRange values) const {
  KeepBuilder keep(builder, loc, coordinates, values);
  return keep.lessEqual(keep.key, keep.position());
}

Value WindowAttr::buildKeep(OpBuilder &builder, Location loc,
                            ValueRange coordinates, ValueRange values) const {
  KeepBuilder keep(builder, loc, coordinates, values);
  Value position = keep.position(), left, right;
  if (getLeft() != kUnlimited)
    left = keep.lessEqual(keep.sub(position, keep.number(getLeft())), keep.key);
  if (getRight() != kUnlimited)
    right =
        keep.lessEqual(keep.key, keep.add(position, keep.number(getRight())));
  return left && right ? keep.both(left, right) : left ? left : right;
}

Value PrefixAttr::buildKeep(OpBuilder &builder, Location loc,
                            ValueRange coordinates, ValueRange values) const {
  KeepBuilder keep(builder, loc, coordinates, values);
  return keep.less(keep.key, keep.number(getNumber()));
}

Value GlobalAttr::buildKeep(OpBuilder &builder, Location loc,
                            ValueRange coordinates, ValueRange values) const {
  KeepBuilder keep(builder, loc, coordinates, values);
  Value number = keep.number(getNumber());
  return keep.either(keep.less(keep.position(), number),
                     keep.less(keep.key, number));
}

Value DilatedAttr::buildKeep(OpBuilder &builder, Location loc,
                             ValueRange coordinates, ValueRange values) const {
  KeepBuilder keep(builder, loc, coordinates, values);
  Value distance = keep.sub(keep.position(), keep.key);
  Value rest = arith::RemSIOp::create(builder, loc, distance,
                                      keep.positive(getNumber()));
  return keep.compare(arith::CmpIPredicate::eq, rest, keep.constant(0));
}

/// As two comparisons with the chunk's ends, which bounds can be derived from.
Value ChunkAttr::buildKeep(OpBuilder &builder, Location loc,
                           ValueRange coordinates, ValueRange values) const {
  KeepBuilder keep(builder, loc, coordinates, values);
  Value size = keep.positive(getNumber());
  Value chunk =
      arith::FloorDivSIOp::create(builder, loc, keep.position(), size);
  Value begin = arith::MulIOp::create(builder, loc, chunk, size);
  return keep.both(keep.lessEqual(begin, keep.key),
                   keep.less(keep.key, keep.add(begin, size)));
}

/// Combines masks, each with its own run-time values.
template <typename CombineOp>
static Value buildCombined(OpBuilder &builder, Location loc,
                           ValueRange coordinates, ValueRange values,
                           ArrayRef<Attribute> masks) {
  Value combined;
  for (Attribute attribute : masks) {
    auto mask = cast<MaskAttrInterface>(attribute);
    unsigned count = mask.getNumRunTimeValues();
    Value keep =
        mask.buildKeep(builder, loc, coordinates, values.take_front(count));
    values = values.drop_front(count);
    combined =
        combined ? CombineOp::create(builder, loc, combined, keep) : keep;
  }
  return combined;
}

Value AllOfAttr::buildKeep(OpBuilder &builder, Location loc,
                           ValueRange coordinates, ValueRange values) const {
  return buildCombined<arith::AndIOp>(builder, loc, coordinates, values,
                                      getMasks());
}

Value AnyOfAttr::buildKeep(OpBuilder &builder, Location loc,
                           ValueRange coordinates, ValueRange values) const {
  return buildCombined<arith::OrIOp>(builder, loc, coordinates, values,
                                     getMasks());
}

Value NotAttr::buildKeep(OpBuilder &builder, Location loc,
                         ValueRange coordinates, ValueRange values) const {
  Value keep = cast<MaskAttrInterface>(getMask()).buildKeep(
      builder, loc, coordinates, values);
  Value one = arith::ConstantIntOp::create(builder, loc, 1, /*width=*/1);
  return arith::XOrIOp::create(builder, loc, keep, one);
}
