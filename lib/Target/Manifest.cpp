//===- Manifest.cpp - What a payload says about its entries ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Manifest.h"

#include "attn/Target/ThreadLevel.h"

using namespace mlir;

static std::string printType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Sizes of a memref; a dynamic one is -1, or names its source where the
/// attribute attn.shape says so.
static llvm::json::Array shapeOf(MemRefType type, ArrayAttr shape) {
  llvm::json::Array sizes;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    auto source =
        shape ? dyn_cast<StringAttr>(shape.getValue()[dim]) : StringAttr();
    if (source)
      sizes.push_back(source.getValue());
    else
      sizes.push_back(ShapedType::isDynamic(size) ? int64_t(-1) : size);
  }
  return sizes;
}

llvm::json::Object attn::describeEntry(func::FuncOp entry) {
  llvm::json::Array arguments;
  for (auto [number, type] : llvm::enumerate(entry.getArgumentTypes())) {
    auto role = entry.getArgAttrOfType<StringAttr>(number, "attn.role");
    if (role.getValue() == "workspace")
      continue;
    llvm::json::Object argument{
        {"name",
         entry.getArgAttrOfType<StringAttr>(number, "attn.name").getValue()},
        {"role", role.getValue()}};
    if (auto memref = dyn_cast<MemRefType>(type)) {
      argument["type"] = printType(memref.getElementType());
      if (auto alignment =
              entry.getArgAttrOfType<IntegerAttr>(number, kAlignmentAttrName))
        argument["alignment"] = alignment.getInt();
      argument["shape"] = shapeOf(
          memref, entry.getArgAttrOfType<ArrayAttr>(number, "attn.shape"));
    } else {
      argument["type"] = printType(type);
    }
    arguments.push_back(std::move(argument));
  }
  llvm::json::Array dims;
  for (Attribute set : entry->getAttrOfType<ArrayAttr>("attn.equal_dims")) {
    llvm::json::Array names;
    for (Attribute name : cast<ArrayAttr>(set))
      names.push_back(cast<StringAttr>(name).getValue());
    dims.push_back(std::move(names));
  }
  llvm::json::Object described{
      {"name", entry.getName()},
      {"algorithm",
       entry->getAttrOfType<StringAttr>("attn.algorithm").getValue()},
      {"tile_q", entry->getAttrOfType<IntegerAttr>("attn.tile_q").getInt()},
      {"tile_kv", entry->getAttrOfType<IntegerAttr>("attn.tile_kv").getInt()},
      {"arguments", std::move(arguments)},
      {"dims", std::move(dims)}};
  if (auto derived = entry->getAttrOfType<ArrayAttr>("attn.derived_dims")) {
    llvm::json::Array rules;
    for (auto rule : derived.getAsRange<DictionaryAttr>())
      rules.push_back(llvm::json::Object{
          {"dim", rule.getAs<StringAttr>("dim").getValue()},
          {"source", rule.getAs<StringAttr>("source").getValue()},
          {"divisor", rule.getAs<IntegerAttr>("divisor").getInt()},
          {"extra", rule.getAs<IntegerAttr>("extra").getInt()},
          {"can_be_one", rule.getAs<BoolAttr>("can_be_one").getValue()}});
    described["derived_dims"] = std::move(rules);
  }
  return described;
}

bool attn::isEntry(func::FuncOp function) {
  return function->hasAttr("attn.algorithm");
}

llvm::json::Array attn::describeEntries(ModuleOp module) {
  llvm::json::Array entries;
  for (auto function : module.getOps<func::FuncOp>())
    if (isEntry(function))
      entries.push_back(describeEntry(function));
  return entries;
}
