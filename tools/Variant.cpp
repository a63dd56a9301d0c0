//===- Variant.cpp - An entry at given lengths ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the attention op, makes arguments and plans tiles.
//
//===----------------------------------------------------------------------===//

#include "tools/Variant.h"

#include "attn/InitAll.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <charconv>
#include <cmath>

namespace attn::tool {

//===----------------------------------------------------------------------===//
// Flags
//===----------------------------------------------------------------------===//

std::string Lengths::text() const {
  return std::to_string(batch) + ":" + std::to_string(queries) + ":" +
         std::to_string(keys);
}

Result<Lengths> parseLengths(const std::string &text) {
  Lengths lengths;
  const char *at = text.data(), *end = at + text.size();
  for (int64_t *size : {&lengths.batch, &lengths.queries, &lengths.keys}) {
    int32_t number = 0;
    auto [rest, error] = std::from_chars(at, end, number);
    bool isLast = size == &lengths.keys;
    if (error != std::errc() || number < 1 ||
        (isLast ? rest != end : rest == end || *rest != ':'))
      return failure("'" + text +
                     "' is not of the form B:Sq:Skv; allowed are three "
                     "integers from 1 to 2147483647, such as 1:1024:1024");
    *size = number;
    at = isLast ? rest : rest + 1;
  }
  return lengths;
}

void addValueFlag(CLI::App &app, NamedValues &values) {
  app.add_option_function<std::vector<std::string>>(
         "--value",
         [&values](const std::vector<std::string> &items) {
           for (const std::string &item : items) {
             size_t equals = item.find('=');
             values[item.substr(0, equals)] =
                 std::strtod(item.c_str() + equals + 1, nullptr);
           }
         },
         "The value of a scalar argument, for lengths\n"
         "given as B:Sq:Skv; may be repeated")
      ->check(CLI::Validator(
          [](const std::string &item) -> std::string {
            size_t equals = item.find('=');
            char *end = nullptr;
            if (equals != std::string::npos && equals != 0 &&
                equals + 1 < item.size()) {
              double value = std::strtod(item.c_str() + equals + 1, &end);
              if (*end == '\0' && std::isfinite(value))
                return "";
            }
            return "'" + item +
                   "' is not of the form NAME=NUMBER, such as window=128";
          },
          /*validator_desc=*/""))
      ->allow_extra_args(false)
      ->type_name("NAME=NUMBER");
}

//===----------------------------------------------------------------------===//
// Variant
//===----------------------------------------------------------------------===//

static mlir::DialectRegistry makeRegistry() {
  mlir::DialectRegistry registry;
  registerAllAttnDialects(registry);
  return registry;
}

/// Collects diagnostics as text while it lives.
namespace {
class Diagnostics {
public:
  explicit Diagnostics(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          llvm::raw_string_ostream out(text);
          auto location =
              mlir::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation());
          if (location)
            out << location.getFilename().getValue() << ':'
                << location.getLine() << ':' << location.getColumn() << ": ";
          else
            out << diagnostic.getLocation() << ": ";
          bool isError =
              diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
          out << (isError ? "error: " : "note: ") << diagnostic.str() << '\n';
          return mlir::success();
        }) {}

  Failure take(const std::string &otherwise) const {
    return failure(text.empty() ? otherwise : text);
  }

private:
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};
} // namespace

Variant::Variant()
    : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED) {}

Result<std::unique_ptr<Variant>> Variant::create(const std::string &text,
                                                 const std::string &name,
                                                 const std::string &function) {
  std::unique_ptr<Variant> self(new Variant());
  self->text = text;
  self->name = name;
  Diagnostics diagnostics(&self->context);
  self->module = mlir::parseSourceString<mlir::ModuleOp>(
      text, mlir::ParserConfig(&self->context), name);
  if (!self->module)
    return diagnostics.take("cannot parse '" + name + "'");
  std::vector<std::string> names;
  for (auto candidate : self->module->getOps<mlir::func::FuncOp>()) {
    mlir::attn::AttentionOp found;
    candidate.walk([&](mlir::attn::AttentionOp op) { found = op; });
    if (!found)
      continue;
    names.push_back("'" + candidate.getName().str() + "'");
    if (function.empty() || candidate.getName() == function) {
      self->function = candidate;
      self->op = found;
    }
  }
  if (names.empty())
    return failure("'" + name + "' has no function with attn.attention");
  if (!self->function)
    return failure("there is no function '" + function + "'; '" + name +
                   "' has " + listOf(names));
  if (function.empty() && names.size() > 1)
    return failure("choose a function with --function=NAME; '" + name +
                   "' has " + listOf(names));
  return self;
}

/// The name that an argument has in a manifest.
static std::string nameOf(mlir::func::FuncOp function,
                          mlir::attn::AttentionOp op,
                          mlir::BlockArgument argument) {
  unsigned number = argument.getArgNumber();
  auto name = function.getArgAttrOfType<mlir::StringAttr>(number, "attn.name");
  if (name)
    return name.str();
  return argument == op.getQuery()   ? "query"
         : argument == op.getKey()   ? "key"
         : argument == op.getValue() ? "value"
                                     : "arg" + std::to_string(number);
}

Result<std::vector<reference::Array>>
Variant::inputsFor(const Lengths &lengths, const NamedValues &values) {
  std::vector<reference::Array> inputs;
  NamedValues unused = values;
  std::vector<std::string> scalars;
  for (mlir::BlockArgument argument : function.getArguments()) {
    std::string argumentName = nameOf(function, op, argument);
    reference::Array array;
    auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(argument.getType());
    if (!tensor) {
      scalars.push_back(argumentName);
      if (auto it = unused.find(argumentName); it != unused.end()) {
        array.data = {it->second};
        unused.erase(it);
      }
      inputs.push_back(std::move(array));
      continue;
    }
    bool isKeys = argument == op.getKey() || argument == op.getValue();
    bool isKnown = isKeys || argument == op.getQuery();
    for (auto [dim, size] : llvm::enumerate(tensor.getShape())) {
      int64_t wanted = size;
      if (isKnown && dim == 0)
        wanted = lengths.batch;
      else if (isKnown && dim == 2)
        wanted = isKeys ? lengths.keys : lengths.queries;
      if (mlir::ShapedType::isDynamic(wanted))
        return failure("lengths do not give the size of dimension " +
                       std::to_string(dim) + " of argument '" + argumentName +
                       "'; give it a static size, or give attn-run --inputs");
      if (!mlir::ShapedType::isDynamic(size) && size != wanted)
        return failure("argument '" + argumentName + "' has the static size " +
                       std::to_string(size) + " in dimension " +
                       std::to_string(dim) + ", but the lengths " +
                       lengths.text() + " ask for " + std::to_string(wanted));
      array.shape.push_back(wanted);
    }
    inputs.push_back(std::move(array));
  }
  if (!unused.empty())
    return failure("--value: '" + function.getName().str() +
                   "' has no scalar argument '" + unused.begin()->first + "'" +
                   (scalars.empty() ? "" : "; it has " + listOf(scalars)));
  return inputs;
}

Result<PlannedEntry>
Variant::plan(const CompileOptions &options,
              const std::vector<reference::Array> &inputs) {
  Result<std::string> lowered = compile(text, name, options, Emit::tile);
  if (!lowered)
    return lowered.takeFailure();
  Diagnostics diagnostics(&context);
  auto tiles = mlir::parseSourceString<mlir::ModuleOp>(
      *lowered, mlir::ParserConfig(&context), name + ".tile.mlir");
  auto entry = tiles
                   ? tiles->lookupSymbol<mlir::func::FuncOp>(function.getName())
                   : mlir::func::FuncOp();
  if (!entry)
    return diagnostics.take("the tile kernels of '" + name +
                            "' could not be read again");

  std::vector<mlir::tile::PlanArgument> arguments;
  for (auto [input, argument] : llvm::zip(inputs, function.getArguments())) {
    mlir::tile::PlanArgument item;
    item.shape = input.shape;
    mlir::Type element = mlir::getElementTypeOrSelf(argument.getType());
    if (element.isIntOrIndex())
      for (double value : input.data)
        item.elements.push_back(static_cast<int64_t>(value));
    arguments.push_back(std::move(item));
  }
  mlir::FailureOr<mlir::tile::TilePlan> plan =
      mlir::tile::planTiles(entry, arguments);
  if (mlir::failed(plan))
    return diagnostics.take("'" + name + "' has no tile plan");
  auto sizeOf = [&](llvm::StringRef attribute) -> int64_t {
    auto size = entry->getAttrOfType<mlir::IntegerAttr>(attribute);
    return size ? size.getInt() : 1;
  };
  return PlannedEntry{std::move(*plan), sizeOf("attn.tile_q"),
                      sizeOf("attn.tile_kv")};
}

} // namespace attn::tool
