//===- Manifest.cpp - What a payload says about itself --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the attributes that attn-tile puts on entries and writes them as JSON.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Cpu/Codegen.h"

#include "attn/Engine/Compiler.h"
#include "attn/Runtime/Host.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Support/JSON.h"
#include "llvm/Target/TargetMachine.h"

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

static llvm::json::Object describeEntry(func::FuncOp entry) {
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
  return llvm::json::Object{
      {"name", entry.getName()},
      {"algorithm",
       entry->getAttrOfType<StringAttr>("attn.algorithm").getValue()},
      {"tile_q", entry->getAttrOfType<IntegerAttr>("attn.tile_q").getInt()},
      {"tile_kv", entry->getAttrOfType<IntegerAttr>("attn.tile_kv").getInt()},
      {"arguments", std::move(arguments)},
      {"dims", std::move(dims)}};
}

/// What the code may use of its own accord.  A CPU's name stands for more, such
/// as pku, which virtual machines often lack; no kernel uses that.
static llvm::json::Array requiredFeatures(const llvm::TargetMachine &machine) {
  const llvm::MCSubtargetInfo *subtarget = machine.getMCSubtargetInfo();
  llvm::json::Array features;
  for (const llvm::SubtargetFeatureKV &feature :
       subtarget->getAllProcessorFeatures())
    if (subtarget->hasFeature(feature.Value) &&
        llvm::is_contained(attn::knownCpuFeatures(),
                           std::string_view(feature.Key)))
      features.push_back(feature.Key);
  return features;
}

std::string attn::buildManifest(ModuleOp module,
                                const llvm::TargetMachine &machine) {
  llvm::json::Array entries;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("attn.algorithm"))
      entries.push_back(describeEntry(function));
  llvm::json::Object manifest{
      {"format", 1},
      {"compiler", compilerVersion()},
      {"target",
       llvm::json::Object{{"triple", machine.getTargetTriple().str()},
                          {"cpu", machine.getTargetCPU()},
                          {"features", machine.getTargetFeatureString()},
                          {"requires", requiredFeatures(machine)}}},
      {"entries", std::move(entries)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(manifest));
  return text;
}
