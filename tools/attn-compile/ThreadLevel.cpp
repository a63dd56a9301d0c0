//===- ThreadLevel.cpp - Facts about kernels at thread level --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles to thread level and looks at the loops.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-compile/ThreadLevel.h"

#include "attn/Conversion/Passes.h"
#include "attn/InitAll.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

namespace attn::tool {

Result<std::vector<FunctionShape>>
inspectThreadLevel(const std::string &text, const std::string &name,
                   const CompileOptions &options) {
  Result<std::string> lowered = compile(text, name, options, Emit::thread);
  if (!lowered)
    return lowered.takeFailure();
  mlir::DialectRegistry registry;
  registerAllAttnDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      *lowered, mlir::ParserConfig(&context), name + " (thread)");
  if (!module)
    return failure("the loops of '" + name + "' could not be read again");

  std::vector<FunctionShape> shapes;
  for (auto function : module->getOps<mlir::func::FuncOp>()) {
    auto arena = function->getAttrOfType<mlir::IntegerAttr>(
        mlir::tile::kArenaBytesAttrName);
    if (!arena)
      continue;
    FunctionShape shape;
    shape.name = function.getName().str();
    shape.arenaBytes = arena.getInt();
    // The entry that launches a kernel knows the tiles; its name is the
    // kernel's without what follows the last underscore.
    auto entry = module->lookupSymbol<mlir::func::FuncOp>(
        llvm::StringRef(shape.name).rsplit('_').first);
    for (auto [attribute, size] : {std::pair{"attn.tile_q", &shape.tileQ},
                                   std::pair{"attn.tile_kv", &shape.tileKv}})
      if (auto value = entry
                           ? entry->getAttrOfType<mlir::IntegerAttr>(attribute)
                           : mlir::IntegerAttr())
        *size = value.getInt();
    function.walk([&](mlir::vector::FMAOp fma) {
      auto loop = fma->getParentOfType<mlir::scf::ForOp>();
      if (!loop)
        return;
      int64_t carried = llvm::count_if(loop.getResultTypes(),
                                       llvm::IsaPred<mlir::VectorType>);
      if (carried <= shape.accumulators)
        return;
      shape.accumulators = carried;
      shape.lanes =
          mlir::cast<mlir::VectorType>(fma.getType()).getNumElements();
    });
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

} // namespace attn::tool
