//===- GpuTarget.cpp - Which GPUs run which code --------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/GpuTarget.h"

#include <charconv>

using namespace attn;

std::string attn::capabilityText(int capability) {
  return std::to_string(capability / 10) + "." +
         std::to_string(capability % 10);
}

Result<GpuTarget> GpuTarget::parse(std::string_view name) {
  GpuTarget target;
  std::string_view rest = name;
  bool isValid = rest.substr(0, 3) == "sm_";
  if (isValid) {
    rest.remove_prefix(3);
    auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), target.number);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    isValid =
        error == std::errc() && target.number >= 50 && target.number < 1000;
  }
  if (rest == "a")
    target.scope = Scope::architecture;
  else if (rest == "f")
    target.scope = Scope::family;
  else
    isValid &= rest.empty();
  if (!isValid)
    return failure("'" + std::string(name.substr(0, 40)) +
                   "' is not a GPU target; expected a name such as sm_80 or "
                   "sm_90a");
  return target;
}

GpuTarget attn::suggestedTarget(int capability) {
  GpuTarget target;
  for (int number : {80, 86, 89, 90, 100, 120})
    if (target.number == 0 || number <= capability)
      target.number = number;
  return target;
}

static const char *suffixOf(GpuTarget::Scope scope) {
  return scope == GpuTarget::Scope::architecture ? "a"
         : scope == GpuTarget::Scope::family     ? "f"
                                                 : "";
}

std::string GpuTarget::name() const {
  return "sm_" + std::to_string(number) + suffixOf(scope);
}

std::string GpuTarget::virtualName() const {
  return "compute_" + std::to_string(number) + suffixOf(scope);
}

static Failure doesNotRun(const GpuTarget &target, const char *kind,
                          const std::string &needed) {
  return failure("its " + std::string(kind) + " for " + target.name() +
                 " runs on compute capability " + needed);
}

Status GpuTarget::runsBinaryOn(int capability) const {
  int major = number / 10;
  if (scope == Scope::architecture) {
    if (capability == number)
      return Status::success();
    return doesNotRun(*this, "cubin", capabilityText(number) + " only");
  }
  if (capability / 10 == major && capability >= number)
    return Status::success();
  return doesNotRun(*this, "cubin",
                    capabilityText(number) + " to " + std::to_string(major) +
                        ".9");
}

Status GpuTarget::runsPtxOn(int capability) const {
  switch (scope) {
  case Scope::architecture:
    if (capability == number)
      return Status::success();
    return doesNotRun(*this, "PTX", capabilityText(number) + " only");
  case Scope::family:
    if (capability / 10 == number / 10 && capability >= number)
      return Status::success();
    return doesNotRun(*this, "PTX",
                      capabilityText(number) + " to " +
                          std::to_string(number / 10) + ".9");
  case Scope::portable:
    break;
  }
  if (capability >= number)
    return Status::success();
  return doesNotRun(*this, "PTX", capabilityText(number) + " and newer");
}
