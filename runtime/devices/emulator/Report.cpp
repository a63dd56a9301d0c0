//===- Report.cpp - What the emulator's checks found ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <cstdio>

using namespace attn::emulator;

std::string attn::emulator::hex(uint64_t value, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%0*llx", digits,
                static_cast<unsigned long long>(value));
  return text;
}

const char *attn::emulator::nameOf(ReportKind kind) {
  switch (kind) {
  case ReportKind::race:
    return "race";
  case ReportKind::proxyRace:
    return "proxy";
  case ReportKind::uninitialized:
    return "uninit";
  case ReportKind::bounds:
    return "bounds";
  case ReportKind::alignment:
    return "align";
  case ReportKind::barrier:
    return "barrier";
  case ReportKind::mbarrier:
    return "mbarrier";
  case ReportKind::deadlock:
    return "deadlock";
  case ReportKind::asyncRegisters:
    return "async-registers";
  case ReportKind::pending:
    return "pending";
  case ReportKind::divergence:
    return "divergence";
  case ReportKind::registerPool:
    return "register-pool";
  case ReportKind::descriptor:
    return "descriptor";
  case ReportKind::limit:
    return "limit";
  case ReportKind::trap:
    return "trap";
  }
  return "unknown";
}

std::string Report::str() const {
  std::string text = std::string(nameOf(kind)) + ": " + what;
  text += "\n  in kernel '" + kernel + "'";
  if (ptxLine)
    text += ", PTX line " + std::to_string(ptxLine) + ": " + instruction;
  if (cudaLine)
    text += "\n  from " + cudaFile + ":" + std::to_string(cudaLine);
  text += "\n  CTA (" + std::to_string(cta.x) + ", " + std::to_string(cta.y) +
          ", " + std::to_string(cta.z) + ")";
  if (warp >= 0)
    text += ", warp " + std::to_string(warp);
  if (lane >= 0)
    text += ", lane " + std::to_string(lane);
  if (!other.empty())
    text += "\n  other party: " + other;
  if (count > 1)
    text += "\n  " + std::to_string(count) + " times";
  return text;
}
