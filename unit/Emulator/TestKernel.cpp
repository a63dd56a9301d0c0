//===- TestKernel.cpp - Small kernels and their reports -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

std::string TestKernel::ptx() const {
  std::string parameters, loads;
  auto add = [&](const std::string &declaration) {
    parameters += (parameters.empty() ? "" : ", ") + declaration;
  };
  for (size_t n = 0; n < buffers.size(); ++n) {
    std::string number = std::to_string(n);
    add(".param .u64 buffer" + number);
    loads += ".reg .b64 %b" + number + ";\nld.param.u64 %b" + number +
             ", [buffer" + number + "];\n";
  }
  for (size_t n = 0; n < maps.size(); ++n) {
    std::string number = std::to_string(n);
    add(".param .align 64 .b8 map" + number + "[128]");
    loads += ".reg .b64 %m" + number + ";\nmov.b64 %m" + number + ", map" +
             number + ";\ncvta.param.u64 %m" + number + ", %m" + number + ";\n";
  }
  return ".version 8.6\n.target " + target +
         "\n.address_size 64\n.extern .shared .align 1024 .b8 shared[];\n" +
         module + ".visible .entry kernel(" + parameters + ")\n" +
         (hasBounds ? ".maxntid " + std::to_string(threads) + ", 1, 1\n" : "") +
         "{\n"
         ".reg .pred %p<10>, %is0;\n"
         ".reg .b16 %h<20>;\n"
         ".reg .b32 %r<400>, %thread, %warp, %lane;\n"
         ".reg .f32 %f<400>;\n"
         ".reg .b64 %d<40>;\n"
         "mov.u32 %thread, %tid.x;\n"
         "shr.u32 %warp, %thread, 5;\n"
         "and.b32 %lane, %thread, 31;\n"
         "setp.eq.u32 %is0, %thread, 0;\n" +
         loads + body + "\ndone:\nret;\n}\n";
}

Result<LaunchResult> attn::test::run(TestKernel &kernel) {
  Memory memory;
  std::vector<uint8_t *> addresses;
  for (const auto &buffer : kernel.buffers) {
    auto *data = static_cast<uint8_t *>(memory.allocate(
        buffer.size(), "buffer" + std::to_string(addresses.size())));
    std::copy(buffer.begin(), buffer.end(), data);
    memory.markInitialized(data, buffer.size());
    addresses.push_back(data);
  }
  if (kernel.prepare)
    kernel.prepare(kernel, addresses);
  auto module = Module::parse(kernel.ptx());
  if (!module)
    return module.takeFailure();
  std::vector<Argument> arguments;
  for (uint8_t *address : addresses)
    arguments.push_back(Argument::of(address));
  for (const auto &map : kernel.maps)
    arguments.push_back({std::string(map.begin(), map.end())});
  LaunchDimensions dimensions;
  dimensions.block.x = kernel.threads;
  dimensions.registersPerThread = kernel.registersPerThread;
  dimensions.dynamicSharedBytes = kernel.sharedBytes;
  auto result =
      launch(*module, "kernel", dimensions, arguments, memory, kernel.options);
  for (size_t n = 0; n < addresses.size(); ++n)
    std::copy_n(addresses[n], kernel.buffers[n].size(),
                kernel.buffers[n].begin());
  return result;
}

static std::string textOf(const LaunchResult &result) {
  std::string text;
  for (const Report &report : result.reports)
    text += report.str() + "\n";
  return text;
}

/// Calls check(result, how) for each mode and seed.
template <typename Check>
static void forRuns(const TestKernel &kernel, unsigned seeds, Check check) {
  for (AsyncMode mode : {AsyncMode::lazy, AsyncMode::eager, AsyncMode::random})
    for (unsigned seed = 0; seed < seeds; ++seed) {
      TestKernel copy = kernel;
      copy.options.async = mode;
      copy.options.seed = seed;
      auto result = run(copy);
      ASSERT_TRUE(result) << result.error() << "\n" << copy.ptx();
      const char *name = mode == AsyncMode::lazy    ? "lazy"
                         : mode == AsyncMode::eager ? "eager"
                                                    : "random";
      check(copy, *result,
            std::string(name) + ", seed " + std::to_string(seed));
      if (testing::Test::HasFailure())
        return; // the other runs would say the same
    }
}

void attn::test::expectSilent(TestKernel &kernel, unsigned seeds) {
  std::vector<std::vector<uint8_t>> last = kernel.buffers;
  forRuns(kernel, seeds,
          [&](const TestKernel &copy, const LaunchResult &result,
              const std::string &how) {
            EXPECT_TRUE(result.ok()) << how << "\n"
                                     << textOf(result) << copy.ptx();
            last = copy.buffers;
          });
  kernel.buffers = last;
}

static bool isWanted(const Report &report, ReportKind kind,
                     const std::string &text) {
  return report.kind == kind && report.what.find(text) != std::string::npos;
}

void attn::test::expectReport(const TestKernel &kernel, ReportKind kind,
                              const std::string &text, unsigned seeds) {
  forRuns(kernel, seeds,
          [&](const TestKernel &, const LaunchResult &result,
              const std::string &how) {
            bool isFound = false, isAlone = true;
            for (const Report &report : result.reports) {
              isFound |= isWanted(report, kind, text);
              isAlone &= report.kind == kind;
            }
            EXPECT_TRUE(isFound && isAlone)
                << how << ": wanted '" << nameOf(kind) << "' with '" << text
                << "', got\n"
                << textOf(result);
          });
}

void attn::test::expectAmongReports(const TestKernel &kernel, ReportKind kind,
                                    const std::string &text, unsigned seeds) {
  forRuns(kernel, seeds,
          [&](const TestKernel &, const LaunchResult &result,
              const std::string &how) {
            bool isFound = false;
            for (const Report &report : result.reports)
              isFound |= isWanted(report, kind, text);
            EXPECT_TRUE(isFound) << how << ": wanted '" << nameOf(kind)
                                 << "' with '" << text << "', got\n"
                                 << textOf(result);
          });
}

void attn::test::expectAnyReport(const TestKernel &kernel, unsigned seeds) {
  forRuns(kernel, seeds,
          [&](const TestKernel &copy, const LaunchResult &result,
              const std::string &how) {
            EXPECT_FALSE(result.ok()) << how << "\n" << copy.ptx();
          });
}

std::vector<uint32_t> attn::test::wordsOf(const std::vector<uint8_t> &bytes) {
  std::vector<uint32_t> words(bytes.size() / 4);
  std::memcpy(words.data(), bytes.data(), words.size() * 4);
  return words;
}

std::vector<uint8_t> attn::test::bytesOf(const std::vector<uint32_t> &words) {
  std::vector<uint8_t> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}
