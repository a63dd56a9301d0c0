//===- PrintControl.cpp - Loops and conditions ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Results of loops and conditions are variables that their bodies assign.
//
//===----------------------------------------------------------------------===//

#include "KernelPrinter.h"

#include "attn/Target/ThreadLevel.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

std::string KernelPrinter::declareVariable(OpResult result, bool isWide,
                                           const Expr *init) {
  std::string type = prelude.typeOf(result.getType(), isWide);
  if (type.empty()) {
    fail(result.getOwner(), "it makes a value of a type that has no "
                            "counterpart");
    return "";
  }
  std::string name = nameResult(
      result, isa<scf::IfOp>(result.getOwner()) ? "chosen" : "carried");
  if (init)
    printDeclaration(type, name, init->text);
  else
    line(type + " " + name + ";");
  values[result] = {name};
  widths[result] = isWide;
  return name;
}

/// Whether the identifier occurs in the text.
static bool mentions(llvm::StringRef text, llvm::StringRef name) {
  auto isPartOfName = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  for (size_t at = text.find(name); at != llvm::StringRef::npos;
       at = text.find(name, at + 1)) {
    size_t end = at + name.size();
    if ((at == 0 || !isPartOfName(text[at - 1])) &&
        (end == text.size() || !isPartOfName(text[end])))
      return true;
  }
  return false;
}

void KernelPrinter::assign(ValueRange targets, ValueRange sources,
                           Operation *op) {
  struct Assignment {
    std::string target, source, type;
    Value value;
  };
  llvm::SmallVector<Assignment> assignments;
  for (auto [target, source] : llvm::zip_equal(targets, sources)) {
    if (isa<MemRefType>(target.getType())) {
      movePointer(target);
      continue;
    }
    Expr value = expr(source), name = expr(target);
    if (isWide(source) && !isWide(target))
      value = castTo("int", value);
    if (value.text != name.text)
      assignments.push_back({name.text, value.text, typeOf(target), source});
  }
  // What a later source reads must not be overwritten before.
  bool conflicts = false;
  for (size_t i = 0; i < assignments.size(); ++i)
    for (size_t j = i + 1; j < assignments.size(); ++j)
      conflicts |= mentions(assignments[j].source, assignments[i].target);
  if (conflicts)
    for (Assignment &assignment : assignments) {
      std::string next = makeName("next_" + assignment.target);
      line(assignment.type + " " + next + " = " + assignment.source + ";");
      assignment.source = next;
      assignment.value = Value();
    }
  for (const Assignment &assignment : assignments)
    line(assignment.target +
         assigned(assignment.target, assignment.value, assignment.source) +
         ";");
}

bool KernelPrinter::printBody(llvm::function_ref<void()> print,
                              bool mayLackBraces) {
  size_t begin = text.size();
  Body outer = body;
  {
    Scope scope(*this);
    body = {indent, 0, !mayLackBraces};
    print();
  }
  bool hasBraces = body.needsBraces || body.statements != 1;
  body = outer;
  if (hasBraces)
    return true;
  std::string printed = text.substr(begin);
  text.erase(begin - 3); // of " {\n"
  size_t start = text.rfind('\n') + 1;
  llvm::StringRef header = llvm::StringRef(text).drop_front(start);
  auto [first, rest] = llvm::StringRef(printed).split('\n');
  first = first.trim();
  // Loops of a nest stand on one line, and what they repeat if there is room.
  size_t loops = 0;
  while (first.drop_front(loops).starts_with("UNROLL("))
    loops = std::min(first.find(')', loops) + 2, first.size());
  if (header.ltrim().starts_with("UNROLL(")) {
    bool isWhole = loops == first.size() || first.ends_with("{");
    if ((rest.empty() || (loops != 0 && isWhole)) &&
        header.size() + 1 + first.size() <= kColumns) {
      text += " " + first.str() + "\n";
      for (llvm::StringRef line :
           llvm::split(rest.drop_back(!rest.empty()), '\n'))
        if (!rest.empty())
          text += line.drop_front(line.starts_with("  ") ? 2 : 0).str() + "\n";
      return false;
    }
    if (rest.empty() && loops != 0 && header.size() + 1 + loops <= kColumns) {
      text += " " + first.take_front(loops - 1).str() + "\n" +
              std::string(indent + 2, ' ') + first.drop_front(loops).str() +
              "\n";
      return false;
    }
  }
  text += "\n" + printed;
  return false;
}

void KernelPrinter::printFor(scf::ForOp op) {
  Value iv = op.getInductionVar();
  if (!iv.getType().isIndex() && !iv.getType().isInteger(32)) {
    fail(op, "the type of its induction variable is neither index nor i32");
    return;
  }
  Number lower = number(op.getLowerBound()), upper = number(op.getUpperBound()),
         step = number(op.getStep());
  if (op.getUnsignedCmp() &&
      !(lower.range.isNonNegative() && upper.range.isNonNegative())) {
    fail(op, "its bounds, compared without a sign, might be negative");
    return;
  }
  for (auto [init, argument, result] : llvm::zip_equal(
           op.getInitArgs(), op.getRegionIterArgs(), op.getResults())) {
    if (isa<MemRefType>(init.getType())) {
      carryPointer(init, argument, result);
      continue;
    }
    bool wide = isWide(init) || isWide(argument) || isWide(result);
    Expr start = expr(init);
    values[argument] = {declareVariable(result, wide, &start)};
    widths[argument] = wide;
  }

  // The variable goes one step past the bound.
  bool wide =
      iv.getType().isIndex() &&
      !(lower.range.fitsInt() && add(upper.range, step.range).fitsInt());
  bool isUnrolled = op->hasAttrOfType<UnitAttr>(kUnrollAttrName);
  auto factor = op->getAttrOfType<IntegerAttr>(kUnrollAttrName);
  if (isUnrolled)
    prelude.useUnrolled();
  else
    line("#pragma unroll " + std::to_string(factor ? factor.getInt() : 1));
  Scope scope(*this);
  indent -= 2;
  std::string name;
  if (auto wish = op->getAttrOfType<StringAttr>(kInductionVarAttrName)) {
    name = makeName(wish.getValue());
  } else {
    // The first letter of i, j, ... that is free.
    for (char letter = 'i'; letter <= 'n' && name.empty(); ++letter) {
      std::string wish(1, letter);
      if (llvm::none_of(scopes, [&](const llvm::StringSet<> &scope) {
            return scope.contains(wish);
          }))
        name = makeName(wish);
    }
    if (name.empty())
      name = makeName("i");
  }
  values[iv] = {name};
  widths[iv] = wide;
  std::string increment =
      step.constant == 1 ? "++" + name : name + " += " + step.expr.text;
  if (isUnrolled && !wide && lower.constant == 0 && step.constant == 1)
    line("UNROLL(" + name + ", " + upper.expr.text + ") {");
  else
    line(std::string(isUnrolled ? "_Pragma(\"unroll\") " : "") + "for (" +
         (wide ? "long long " : "int ") + name + " = " + lower.expr.text +
         "; " + name + " < " + upper.expr.as(Binding::shift) + "; " +
         increment + ") {");
  if (printBody([&] {
        printBlock(*op.getBody());
        assign(op.getRegionIterArgs(), op.getYieldedValues(), op);
      }))
    line("}");
  indent += 2;
}

void KernelPrinter::printIf(scf::IfOp op) {
  for (OpResult result : op.getResults()) {
    bool wide = isWide(result);
    for (Region *region : {&op.getThenRegion(), &op.getElseRegion()})
      wide |= isWide(region->front().getTerminator()->getOperand(
          result.getResultNumber()));
    declareVariable(result, wide, nullptr);
  }
  bool hasElse =
      op.elseBlock() &&
      (op.getNumResults() > 0 || !op.elseBlock()->without_terminator().empty());
  line("if (" + expr(op.getCondition()).text + ") {");
  bool hasBraces = printBody(
      [&] {
        printBlock(*op.thenBlock());
        assign(op.getResults(), op.thenYield().getResults(), op);
      },
      /*mayLackBraces=*/!hasElse);
  if (hasElse) {
    line("} else {");
    Scope scope(*this);
    printBlock(*op.elseBlock());
    assign(op.getResults(), op.elseYield().getResults(), op);
  }
  if (hasBraces)
    line("}");
}

void KernelPrinter::printWhile(scf::WhileOp op) {
  // One variable for each value that the first region takes, and one for each
  // that it passes on, unless that is such a variable.
  scf::ConditionOp condition = op.getConditionOp();
  llvm::SmallVector<Value> passed, results;
  for (auto [init, argument, yielded] :
       llvm::zip_equal(op.getInits(), op.getBeforeArguments(),
                       op.getYieldOp().getResults())) {
    bool wide = isWide(init) || isWide(argument) || isWide(yielded);
    std::string name = makeName("state");
    for (auto [value, result] :
         llvm::zip_equal(condition.getArgs(), op.getResults()))
      if (value == argument && !values.contains(result)) {
        scopes.back().erase(name);
        name = nameResult(result, "state");
        values[result] = {name};
        widths[result] = wide;
        break;
      }
    line(prelude.typeOf(argument.getType(), wide) + " " + name + " = " +
         expr(init).text + ";");
    values[argument] = {name};
    widths[argument] = wide;
  }
  for (auto [value, result, argument] : llvm::zip_equal(
           condition.getArgs(), op.getResults(), op.getAfterArguments())) {
    if (!values.contains(result)) {
      declareVariable(result, isWide(value) || isWide(result), nullptr);
      passed.push_back(value);
      results.push_back(result);
    }
    values[argument] = Expr(values[result]);
    widths[argument] = bool(widths[result]);
  }

  Block &before = *op.getBeforeBody();
  findInPlaceProducts(before);
  plan(before);
  bool isSimple =
      passed.empty() &&
      llvm::all_of(before.without_terminator(), [&](Operation &inner) {
        return inlined.contains(&inner) ||
               (isExpression(&inner) && inner.use_empty());
      });
  line("#pragma unroll 1");
  std::optional<Scope> scope(std::in_place, *this);
  indent -= 2;
  line(isSimple ? "while (" + expr(condition.getCondition()).text + ") {"
                : "while (true) {");
  indent += 2;
  if (!isSimple) {
    for (Operation &inner : before.without_terminator())
      printStatement(&inner);
    std::string test = expr(condition.getCondition()).as(Binding::unary);
    // The condition is about the state before the results are set.
    assign(results, passed, op);
    line("if (!" + test + ")");
    line("  break;");
  }
  printBlock(*op.getAfterBody());
  assign(op.getBeforeArguments(), op.getYieldOp().getResults(), op);
  scope.reset();
  line("}");
}
