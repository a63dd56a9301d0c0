//===- Manifest.cpp - What a payload says about itself --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest of a CPU payload.
//
//===----------------------------------------------------------------------===//

#include "attn/Target/Cpu/Codegen.h"

#include "attn/Engine/Compiler.h"
#include "attn/Runtime/Host.h"
#include "attn/Target/Manifest.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Support/JSON.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

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
  llvm::json::Object manifest{
      {"format", 1},
      {"compiler", compilerVersion()},
      {"target",
       llvm::json::Object{{"triple", machine.getTargetTriple().str()},
                          {"cpu", machine.getTargetCPU()},
                          {"features", machine.getTargetFeatureString()},
                          {"requires", requiredFeatures(machine)}}},
      {"entries", describeEntries(module)}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(manifest));
  return text;
}
