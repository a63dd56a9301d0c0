//===- Host.cpp - Whether this machine can run a payload ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares features as LLVM knows them.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Host.h"

#include "tools/CommandLine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>

namespace attn::tool {

/// Whether LLVM uses a feature of its own accord.  Virtual machines often lack
/// some of the others, such as pku, which a CPU's name also stands for.
static bool mayBeUsed(const llvm::Triple &triple, llvm::StringRef feature) {
  if (!triple.isX86())
    return true;
  static constexpr const char *prefixes[] = {
      "avx",   "bmi", "egpr",   "f16c", "fma",   "gfni", "lzcnt",
      "movbe", "ndd", "popcnt", "sse",  "ssse3", "tbm",  "xop"};
  return llvm::any_of(prefixes, [&](const char *prefix) {
    return feature.starts_with(prefix);
  });
}

Status checkHost(const Manifest &manifest) {
  llvm::Triple triple(manifest.triple);
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return failure("this machine does not run code for '" + manifest.triple +
                   "': " + message);
  std::unique_ptr<llvm::MCSubtargetInfo> payload(
      target->createMCSubtargetInfo(triple, manifest.cpu, manifest.features));
  std::vector<std::string> missing;
  for (const auto &feature : llvm::sys::getHostCPUFeatures()) {
    std::string name = feature.getKey().str();
    if (!feature.getValue() && mayBeUsed(triple, name) &&
        payload->checkFeatures("+" + name))
      missing.push_back(name);
  }
  if (missing.empty())
    return Status::success();
  std::sort(missing.begin(), missing.end());
  return failure("this machine (" + llvm::sys::getHostCPUName().str() +
                 ") lacks " + listOf(missing) + ", which code for '" +
                 manifest.cpu +
                 "' may use; choose --cpu and --cpu-features without, or only "
                 "compile with attn-compile");
}

} // namespace attn::tool
