//===- LaunchOptions.cpp - What a launch checks ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emulator.h"

using namespace attn;
using namespace attn::emulator;

LaunchOptions LaunchOptions::unchecked() {
  LaunchOptions options;
  options.race = options.uninitialized = options.bounds = options.alignment =
      options.barriers = options.mbarriers = options.pending =
          options.divergence = options.asyncRegisters = false;
  return options;
}

bool LaunchOptions::checks(ReportKind kind) const {
  switch (kind) {
  case ReportKind::race:
  case ReportKind::proxyRace:
    return race;
  case ReportKind::uninitialized:
    return uninitialized;
  case ReportKind::bounds:
    return bounds;
  case ReportKind::alignment:
    return alignment;
  case ReportKind::barrier:
  case ReportKind::registerPool:
    return barriers;
  case ReportKind::mbarrier:
    return mbarriers;
  case ReportKind::asyncRegisters:
    return asyncRegisters;
  case ReportKind::pending:
    return pending;
  case ReportKind::divergence:
    return divergence;
  case ReportKind::deadlock:
  case ReportKind::descriptor:
  case ReportKind::limit:
  case ReportKind::trap:
    return true;
  }
  return true;
}

constexpr struct {
  std::string_view name;
  bool LaunchOptions::*option;
} namedChecks[] = {
    {"align", &LaunchOptions::alignment},
    {"async-registers", &LaunchOptions::asyncRegisters},
    {"banks", &LaunchOptions::bankConflicts},
    {"barrier", &LaunchOptions::barriers},
    {"bounds", &LaunchOptions::bounds},
    {"divergence", &LaunchOptions::divergence},
    {"mbarrier", &LaunchOptions::mbarriers},
    {"pending", &LaunchOptions::pending},
    {"race", &LaunchOptions::race},
    {"uninit", &LaunchOptions::uninitialized},
};

Status LaunchOptions::enableCheck(std::string_view name) {
  std::string names;
  for (const auto &check : namedChecks) {
    if (check.name == name) {
      this->*check.option = true;
      return Status::success();
    }
    names += (names.empty() ? "" : ", ") + std::string(check.name);
  }
  return failure("'checks' has the unknown name '" + std::string(name) +
                 "'; allowed are " + names);
}

Status LaunchOptions::setChecks(std::string_view list) {
  for (const auto &check : namedChecks)
    this->*check.option = false;
  if (list == "none")
    return Status::success();
  while (true) {
    size_t comma = list.find(',');
    if (Status status = enableCheck(list.substr(0, comma)); !status)
      return status;
    if (comma == std::string_view::npos)
      return Status::success();
    list.remove_prefix(comma + 1);
  }
}

Status LaunchOptions::setAsync(std::string_view name) {
  if (name == "lazy")
    async = AsyncMode::lazy;
  else if (name == "eager")
    async = AsyncMode::eager;
  else if (name == "random")
    async = AsyncMode::random;
  else
    return failure("'async' is '" + std::string(name) +
                   "'; allowed are lazy, eager and random");
  return Status::success();
}
