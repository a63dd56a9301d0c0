//===- PtxKernel.cpp - Small kernels and what is reported -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

static constexpr size_t bufferBytes = 4096;

static std::string textOf(const PtxKernel &kernel) {
  return ".version 8.7\n.target " + kernel.target +
         "\n"
         ".address_size 64\n"
         ".global .align 16 .b8 global_[256];\n"
         ".const .align 16 .b32 constant_[4] = {11, 22, 33, 44};\n"
         ".visible .entry kernel(.param .u64 in, .param .u64 out, "
         ".param .align 16 .b8 block[32])\n"
         "{\n"
         ".reg .pred %p<10>, %warp0, %warp1, %lane0, %lane1;\n"
         ".reg .b16 %h<20>;\n"
         ".reg .b32 %r<100>, %thread, %lane, %warp, %cta, %size, %shared, "
         "%lshared;\n"
         ".reg .b64 %d<20>, %in, %out, %lin, %lout, %offset;\n"
         ".shared .align 1024 .b8 shared[4096];\n"
         ".local .align 16 .b8 local_[64];\n"
         "mov.u32 %thread, %tid.x;\n"
         "mov.u32 %lane, %laneid;\n"
         "mov.u32 %warp, %warpid;\n"
         "mov.u32 %cta, %ctaid.x;\n"
         "mov.u32 %size, %ntid.x;\n"
         "mov.u32 %shared, shared;\n"
         "mad.lo.u32 %lshared, %thread, 16, %shared;\n"
         "setp.eq.u32 %warp0, %warp, 0;\n"
         "setp.eq.u32 %warp1, %warp, 1;\n"
         "setp.eq.u32 %lane0, %lane, 0;\n"
         "setp.eq.u32 %lane1, %lane, 1;\n"
         "ld.param.u64 %in, [in];\n"
         "ld.param.u64 %out, [out];\n"
         "mad.lo.u32 %size, %cta, %size, %thread;\n"
         "mul.wide.u32 %offset, %size, 16;\n"
         "add.u64 %lin, %in, %offset;\n"
         "add.u64 %lout, %out, %offset;\n" +
         kernel.text + "\nret;\n}\n";
}

uint32_t Outcome::word(size_t index) const {
  uint32_t value;
  std::memcpy(&value, out.data() + index * sizeof value, sizeof value);
  return value;
}

bool Outcome::has(ReportKind kind) const {
  for (const Report &report : reports)
    if (report.kind == kind)
      return true;
  return false;
}

std::string Outcome::str() const {
  std::string text;
  for (const Report &report : reports)
    text += report.str() + "\n";
  return text.empty() ? "no reports\n" : text;
}

Outcome attn::test::runKernel(const PtxKernel &kernel) {
  Outcome outcome;
  auto module = Module::parse(textOf(kernel));
  if (!module) {
    ADD_FAILURE() << module.error() << "\n" << kernel.text;
    return outcome;
  }
  Memory memory;
  auto *in = static_cast<uint8_t *>(memory.allocate(bufferBytes, "in"));
  auto *out = static_cast<uint8_t *>(memory.allocate(bufferBytes, "out"));
  for (size_t n = 0; n < bufferBytes; ++n)
    in[n] = static_cast<uint8_t>(n % 251);
  memory.markInitialized(in, bufferBytes);
  LaunchDimensions dimensions;
  dimensions.grid.x = kernel.ctas;
  dimensions.block.x = kernel.threads;
  std::vector<Argument> arguments = {Argument::of(in), Argument::of(out),
                                     Argument{std::string(32, '\x07')}};
  auto result =
      launch(*module, "kernel", dimensions, arguments, memory, kernel.options);
  if (!result) {
    ADD_FAILURE() << result.error();
    return outcome;
  }
  outcome.reports = std::move(result->reports);
  outcome.statistics = std::move(result->statistics);
  outcome.out.assign(out, out + bufferBytes);
  return outcome;
}

void attn::test::expectReport(PtxKernel kernel, ReportKind kind,
                              const std::string &what) {
  bool isSaid = false;
  std::string all;
  for (uint64_t seed : {0, 1, 2, 3}) {
    kernel.options.seed = seed;
    Outcome outcome = runKernel(kernel);
    EXPECT_TRUE(outcome.has(kind)) << kernel.text << "\nseed " << seed << "\n"
                                   << outcome.str();
    for (const Report &report : outcome.reports) {
      // Who reads too early may read what nobody has written yet.
      EXPECT_TRUE(report.kind == kind ||
                  (kind == ReportKind::race &&
                   report.kind == ReportKind::uninitialized))
          << kernel.text << "\nseed " << seed << "\n"
          << outcome.str();
      isSaid |=
          report.kind == kind && report.str().find(what) != std::string::npos;
    }
    all += outcome.str();
  }
  EXPECT_TRUE(isSaid) << kernel.text << "\n'" << what << "' in\n" << all;
}

void attn::test::expectSilent(PtxKernel kernel) {
  for (AsyncMode mode : {AsyncMode::lazy, AsyncMode::eager, AsyncMode::random})
    for (uint64_t seed : {0, 1, 2, 3}) {
      kernel.options.async = mode;
      kernel.options.seed = seed;
      Outcome outcome = runKernel(kernel);
      EXPECT_TRUE(outcome.reports.empty())
          << kernel.text << "\nseed " << seed << "\n"
          << outcome.str();
    }
}
