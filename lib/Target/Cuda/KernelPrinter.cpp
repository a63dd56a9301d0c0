//===- KernelPrinter.cpp - One kernel as CUDA C++ -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names, lines, and the dispatch over ops.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "attn/Target/ThreadLevel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

/// Where to break a line that is too long: behind the last space before the
/// limit at the least depth of parentheses, 0 if there is none.
static size_t findBreak(llvm::StringRef text, size_t begin, size_t limit) {
  size_t best = 0;
  int depth = 0, bestDepth = 1 << 20;
  bool isQuoted = false;
  for (size_t i = begin; i < std::min(limit, text.size()); ++i) {
    char c = text[i];
    if (c == '"')
      isQuoted = !isQuoted;
    if (isQuoted)
      continue;
    if (c == '(' || c == '{' || c == '[')
      ++depth;
    else if (c == ')' || c == '}' || c == ']')
      --depth;
    // Not between a type and its name: at operators and commas only.
    else if (c == ' ' && i > begin &&
             llvm::StringRef(",=+-*/%?:&|<>^;").contains(text[i - 1])) {
      // Of the operators at one depth those that bind least.
      llvm::StringRef before = text.substr(i - 1, 1);
      int binding = llvm::StringRef(",=;").contains(before)    ? 0
                    : llvm::StringRef("?:&|").contains(before) ? 1
                    : llvm::StringRef("*/%").contains(before)  ? 3
                                                               : 2;
      if (4 * depth + binding <= bestDepth) {
        best = i;
        bestDepth = 4 * depth + binding;
      }
    }
  }
  return best;
}

void KernelPrinter::line(const llvm::Twine &twine) {
  std::string content = twine.str();
  llvm::StringRef rest = content;
  size_t margin = indent;
  if (indent == body.indent) {
    body.statements += !rest.starts_with("}");
    // What belongs to the next line.
    body.needsBraces |= rest.starts_with("//") || rest.starts_with("#");
  }
  while (margin + rest.size() > kColumns && !rest.starts_with("//") &&
         !rest.starts_with("#")) {
    size_t at = findBreak(rest, 0, kColumns - margin + 1);
    // Behind "=" only if that saves a line.
    if (rest.take_front(at).ends_with(" =") &&
        rest.size() - at + indent + 4 > kColumns)
      if (size_t later = findBreak(rest, at, kColumns - margin + 1))
        at = later;
    if (at == 0)
      break;
    text.append(margin, ' ');
    text += rest.take_front(at).str() + "\n";
    rest = rest.drop_front(at).ltrim(' ');
    margin = indent + 4;
  }
  if (!rest.empty())
    text.append(margin, ' ');
  text += rest.str() + "\n";
}

void KernelPrinter::comment(llvm::StringRef content) {
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString(content, words, " \n\t");
  std::string current = "//";
  for (llvm::StringRef word : words) {
    if (current.size() > 2 &&
        indent + current.size() + 1 + word.size() > kColumns) {
      line(current);
      current = "//";
    }
    current += " " + word.str();
  }
  line(current);
}

Expr KernelPrinter::fail(Operation *op, const llvm::Twine &reason) {
  // What follows from an error is none of its own.
  if (failed)
    return {"0"};
  failed = true;
  InFlightDiagnostic diagnostic =
      op->emitOpError("cannot be printed as CUDA C++");
  if (!reason.isTriviallyEmpty())
    diagnostic << ": " << reason;
  return {"0"};
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

std::string KernelPrinter::makeName(llvm::StringRef wish) {
  std::string base;
  for (char c : wish)
    base += llvm::isAlnum(c) ? c : '_';
  if (base.empty() || llvm::isDigit(base[0]))
    base = "_" + base;
  auto isTaken = [&](llvm::StringRef name) {
    return Prelude::isReserved(name) ||
           llvm::any_of(scopes, [&](const llvm::StringSet<> &scope) {
             return scope.contains(name);
           });
  };
  std::string name = base;
  for (int n = 2; isTaken(name); ++n)
    name = base + "_" + std::to_string(n);
  scopes.back().insert(name);
  return name;
}

std::string KernelPrinter::nameResult(OpResult result,
                                      llvm::StringRef fallback) {
  Operation *op = result.getOwner();
  if (auto names = op->getAttrOfType<ArrayAttr>(kNameAttrName);
      names && result.getResultNumber() < names.size())
    if (auto name = dyn_cast<StringAttr>(names[result.getResultNumber()]))
      return makeName(name.getValue());
  if (auto name = op->getAttrOfType<StringAttr>(kNameAttrName))
    fallback = name.getValue();
  if (op->getNumResults() == 1)
    return makeName(fallback);
  return makeName((fallback + llvm::Twine(result.getResultNumber())).str());
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Expr cuda::castTo(llvm::StringRef type, const Expr &expr) {
  return {("(" + type + ")" + expr.as(Binding::unary)).str(), Binding::unary};
}

Number cuda::makeConstant(int64_t value) {
  Number number;
  number.range = {value, value};
  number.isWide = !number.range.fitsInt();
  number.constant = value;
  // The negative number whose absolute value is no number of its type.
  if (value == std::numeric_limits<int32_t>::min())
    number.expr = {"-2147483647 - 1", Binding::additive};
  else if (value == std::numeric_limits<int64_t>::min())
    number.expr = {"-9223372036854775807ll - 1", Binding::additive};
  else
    number.expr = {std::to_string(value) + (number.isWide ? "ll" : ""),
                   value < 0 ? Binding::unary : Binding::postfix};
  return number;
}

/// a + b or a * b.
static Number combine(const Number &a, const Number &b, Interval range,
                      const char *sign, Binding binding, Binding next) {
  Number result;
  result.range = range;
  result.isWide = a.isWide || b.isWide || !range.fitsInt();
  Expr left = a.expr;
  if (result.isWide && !a.isWide && !b.isWide)
    left = castTo("long long", left);
  result.expr = {left.as(binding) + sign + b.expr.as(next), binding};
  return result;
}

Number cuda::addIndices(const Number &a, const Number &b) {
  if (a.constant == 0)
    return b;
  if (b.constant == 0)
    return a;
  Interval range = add(a.range, b.range);
  if (a.constant && b.constant)
    return makeConstant(range.min);
  // Sums on 32 bits that do not overflow associate.
  bool isSum = b.expr.binding == Binding::additive &&
               !llvm::StringRef(b.expr.text).contains(" - ") &&
               range.fitsInt() && !a.isWide && !b.isWide;
  return combine(a, b, range, " + ", Binding::additive,
                 isSum ? Binding::additive : Binding::multiplicative);
}

Number cuda::multiplyIndices(const Number &a, const Number &b) {
  if (a.constant == 0 || b.constant == 1)
    return a;
  if (b.constant == 0 || a.constant == 1)
    return b;
  Interval range = multiply(a.range, b.range);
  if (a.constant && b.constant)
    return makeConstant(range.min);
  return combine(a, b, range, " * ", Binding::multiplicative, Binding::unary);
}

bool KernelPrinter::isWide(Value value) const {
  if (auto it = widths.find(value); it != widths.end())
    return it->second;
  if (value.getType().isInteger(64))
    return true;
  return value.getType().isIndex() && !ranges.of(value).fitsInt();
}

Number KernelPrinter::number(Value value) {
  if (value.getType().isIntOrIndex())
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      if (auto integer = dyn_cast<IntegerAttr>(constant.getValue());
          integer && !value.getType().isInteger(1)) {
        Number result = makeConstant(integer.getValue().getSExtValue());
        if (value.getType().isInteger(64) && !result.isWide) {
          result.expr.text += "ll";
          result.isWide = true;
        }
        return result;
      }
  Number result;
  result.expr = expr(value);
  if (value.getType().isIntOrIndex()) {
    result.range = ranges.of(value);
    result.isWide = isWide(value);
    if (value.getType().isInteger(1))
      result.range = {0, 1};
  }
  return result;
}

std::string KernelPrinter::typeOf(Value value) {
  return prelude.typeOf(value.getType(), isWide(value));
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

Expr KernelPrinter::expr(Value value) {
  if (auto it = values.find(value); it != values.end())
    return it->second;
  Operation *op = value.getDefiningOp();
  if (op && inlined.contains(op))
    return compute(op);
  return fail(op ? op : value.getParentRegion()->getParentOp(),
              "a value of it has no name");
}

Expr KernelPrinter::compute(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return op->getResult(0).getType().isIntOrIndex() &&
                   !op->getResult(0).getType().isInteger(1)
               ? number(op->getResult(0)).expr
               : literal(op, constant.getValue());
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return computeLoad(load.getMemRef(), load.getIndices(), load.getType());
  if (auto load = dyn_cast<vector::LoadOp>(op))
    return computeLoad(load.getBase(), load.getIndices(), load.getVectorType());
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    const Buffer &source = buffer(dim.getSource());
    if (!index || *index >= int64_t(source.sizes.size()))
      return fail(op, "the dimension must be a constant");
    Expr size = source.sizes[*index].expr;
    return isWide(dim) || !source.sizes[*index].isWide ? size
                                                       : castTo("int", size);
  }
  if (auto extract = dyn_cast<LLVM::ExtractValueOp>(op)) {
    if (extract.getPosition().size() != 1)
      return fail(op);
    return {expr(extract.getContainer()).as(Binding::postfix) + ".v[" +
            std::to_string(extract.getPosition()[0]) + "]"};
  }
  if (auto cast = dyn_cast<memref::ExtractAlignedPointerAsIndexOp>(op)) {
    Expr pointer = address(cast.getSource(), {});
    if (gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(
            dyn_cast<MemRefType>(cast.getSource().getType()))) {
      prelude.use("shared_address");
      pointer = {"shared_address(" + pointer.text + ")"};
    }
    return castTo("long long", pointer);
  }
  if (auto code = dyn_cast<LLVM::InlineAsmOp>(op)) {
    if (!code.getAsmString().empty() || code.getOperands().size() != 2 ||
        code.getNumResults() != 1 ||
        !llvm::all_of(code.getOperandTypes(),
                      [](Type type) { return type.isInteger(32); }))
      return fail(op, "only an empty one of two words and a result is known");
    std::string text = prelude.use("in_turn").str();
    return {text + "(" + expr(code.getOperand(0)).text + ", " +
            expr(code.getOperand(1)).text + ")"};
  }
  Type type = op->getNumResults() == 1 ? op->getResult(0).getType() : Type();
  StringRef dialect = op->getName().getDialectNamespace();
  if (!type || (dialect != "arith" && dialect != "math" &&
                dialect != "vector" && !isa<LLVM::BitcastOp>(op)))
    return fail(op);
  if (prelude.typeOf(type).empty())
    return fail(op, "it makes a value of a type that has no counterpart");
  if (isa<VectorType>(type) || dialect == "vector" || isa<LLVM::BitcastOp>(op))
    return computeVector(op);
  llvm::SmallVector<Number> operands;
  for (Value operand : op->getOperands())
    operands.push_back(number(operand));
  return computeScalar(op, operands, isWide(op->getResult(0)));
}

void KernelPrinter::declare(OpResult result, const Expr &expr) {
  llvm::StringRef fallback =
      llvm::TypeSwitch<Operation *, llvm::StringRef>(result.getOwner())
          .Case<gpu::ThreadIdOp>([](auto) { return "thread"; })
          .Case<gpu::BlockIdOp>([](auto) { return "block"; })
          .Case<gpu::LaneIdOp>([](auto) { return "lane"; })
          .Case<gpu::SubgroupIdOp>([](auto) { return "warp"; })
          .Case<gpu::ShuffleOp>([](auto) { return "other"; })
          .Case<nvgpu::LdMatrixOp>([](auto) { return "fragment"; })
          .Case<NVVM::MmaOp>([](auto) { return "product"; })
          .Default([&](Operation *) {
            Type type = result.getType();
            return type.isInteger(1)      ? "condition"
                   : type.isIntOrIndex()  ? "n"
                   : isa<FloatType>(type) ? "x"
                                          : "words";
          });
  declareAs(result, fallback, expr);
}

void KernelPrinter::declareAs(OpResult result, llvm::StringRef fallback,
                              const Expr &expr) {
  std::string type = typeOf(result);
  if (type.empty()) {
    fail(result.getOwner(), "it makes a value of a type that has no "
                            "counterpart");
    return;
  }
  std::string name = nameResult(result, fallback);
  values[result] = {name};
  printDeclaration(type, name, expr.text);
}

void KernelPrinter::printDeclaration(const std::string &type,
                                     const std::string &name,
                                     const std::string &init) {
  // Behind the declaration before, if that is of the same type.
  std::string start = std::string(indent, ' ') + type + " ";
  std::string added = ", " + name + " = " + init;
  size_t last = text.rfind('\n', text.size() - 2) + 1;
  llvm::StringRef before = llvm::StringRef(text).drop_front(last);
  if (before.starts_with(start) && before.contains(" = ") &&
      before.ends_with(";\n") && before.size() - 1 + added.size() <= kColumns)
    text.insert(text.size() - 2, added);
  else
    line(type + " " + name + " = " + init + ";");
}

void KernelPrinter::printStatement(Operation *op) {
  if (inlined.contains(op) || skipped.contains(op))
    return;
  if (op->use_empty() && isExpression(op))
    return;
  if (auto text = op->getAttrOfType<StringAttr>(kCommentAttrName)) {
    if (!llvm::StringRef(this->text).ends_with("{\n"))
      line("");
    comment(text.getValue());
  }
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](scf::ForOp op) { printFor(op); })
      .Case([&](scf::IfOp op) { printIf(op); })
      .Case([&](scf::WhileOp op) { printWhile(op); })
      .Case([&](memref::AllocaOp op) { printAlloca(op); })
      .Case([&](memref::ViewOp op) { printView(op); })
      .Case([&](memref::SubViewOp op) { printSubView(op); })
      .Case([&](memref::ReinterpretCastOp op) { printReinterpretCast(op); })
      .Case([&](memref::ExtractStridedMetadataOp op) { printMetadata(op); })
      .Case([&](memref::CastOp op) {
        Buffer source = buffer(op.getSource());
        buffers[op.getResult()] = source;
      })
      .Case([&](memref::StoreOp op) {
        printStore(op, op.getValue(), op.getMemRef(), op.getIndices());
      })
      .Case([&](vector::StoreOp op) {
        printStore(op, op.getValueToStore(), op.getBase(), op.getIndices());
      })
      .Case([&](vector::InsertOp op) { printInsert(op); })
      .Case([&](arith::MulUIExtendedOp op) { printWideProduct(op); })
      .Case([&](vector::ToElementsOp op) {
        for (auto [index, result] : llvm::enumerate(op->getResults()))
          values[result] = element(op.getSource(), index);
      })
      .Default([&](Operation *op) {
        if (isVectorLoop(op))
          printVectorLoop(op);
        else if (isExpression(op))
          declare(op->getResult(0), compute(op));
        else if (!printGpuStatement(op))
          fail(op);
      });
}

void KernelPrinter::printBlock(Block &block) {
  findInPlaceProducts(block);
  plan(block);
  for (Operation &op : block.without_terminator())
    printStatement(&op);
}

void KernelPrinter::printParameters() {
  std::string parameters;
  for (BlockArgument argument : function.getArguments()) {
    auto wish = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      kNameAttrName);
    std::string name =
        makeName(wish ? wish.getValue()
                      : "arg" + std::to_string(argument.getArgNumber()));
    std::string type;
    if (auto memref = dyn_cast<MemRefType>(argument.getType())) {
      if (prelude.typeOf(memref.getElementType()).empty() ||
          memref.getMemorySpace()) {
        fail(function, "an argument is no tensor in global memory");
        continue;
      }
      type = prelude.tensorOf(memref);
      auto [strides, offset] = memref.getStridesAndOffset();
      Buffer tensor{Buffer::tensor,     name, {}, {}, makeConstant(0), memref,
                    hasAccessor(memref)};
      auto word = [&](int64_t constant, std::string text, Interval range) {
        if (!ShapedType::isDynamic(constant))
          return makeConstant(constant);
        Number number;
        number.expr = {name + "." + text};
        number.range = range;
        number.isWide = true;
        return number;
      };
      for (int64_t i = 0; i < memref.getRank(); ++i) {
        std::string at = "[" + std::to_string(i) + "]";
        Number size =
            word(memref.getDimSize(i), "sizes" + at, {0, kMaxTensorExtent});
        if (!size.constant) {
          size.expr = {name + ".size(" + std::to_string(i) + ")"};
          size.isWide = false;
        }
        tensor.sizes.push_back(size);
        tensor.strides.push_back(word(strides[i], "strides" + at, {}));
      }
      tensor.offset = word(offset, "offset", {});
      buffers[argument] = tensor;
    } else if (argument.getType().isIndex() || argument.getType().isF32() ||
               argument.getType().isInteger(32) ||
               argument.getType().isInteger(64)) {
      type = prelude.typeOf(argument.getType());
      values[argument] = {name};
      widths[argument] = true;
      if (argument.getType().isInteger(32))
        widths[argument] = false;
      // An int of its own, if it fits: arithmetic on it is then on 32 bits.
      if (argument.getType().isIndex() && ranges.of(argument).fitsInt()) {
        values[argument] = castTo("int", {name});
        widths[argument] = false;
      }
    } else {
      fail(function, "an argument is neither a memref nor index, i32, i64 or "
                     "f32");
    }
    parameters += (parameters.empty() ? "" : ", ") + type + " " + name;
  }
  std::string bounds;
  if (auto size = function.getKnownBlockSize()) {
    int64_t threads = 1;
    for (int32_t extent : *size)
      threads *= extent;
    bounds = std::to_string(threads);
    if (auto blocks = function->getAttrOfType<IntegerAttr>(kMinBlocksAttrName))
      bounds += ", " + std::to_string(blocks.getInt());
    bounds = " __launch_bounds__(" + bounds + ")";
  }
  line("extern \"C\" __global__ void" + bounds);
  line(function.getName() + "(" + parameters + ") {");
}

FailureOr<std::string> KernelPrinter::print() {
  if (!function.isKernel() || !function.getBody().hasOneBlock() ||
      function.getNumWorkgroupAttributions() != 0 ||
      function.getNumPrivateAttributions() != 0) {
    fail(function, "it must be a kernel with one block and without "
                   "attributions");
    return failure();
  }
  scopes.emplace_back();
  if (auto text = function->getAttrOfType<StringAttr>(kCommentAttrName))
    comment(text.getValue());
  printParameters();
  {
    Scope scope(*this);
    bool usesShared = false;
    function.walk([&](gpu::DynamicSharedMemoryOp) { usesShared = true; });
    if (usesShared)
      line("extern __shared__ __align__(" + llvm::Twine(kSharedAlignment) +
           ") unsigned char shared[];");
    printBlock(function.getBody().front());
  }
  line("}");
  if (failed)
    return failure();
  return text;
}
