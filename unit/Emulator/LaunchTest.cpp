//===- LaunchTest.cpp - Launches that are refused, checks that are off ----===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

//===----------------------------------------------------------------------===//
// What cannot be started
//===----------------------------------------------------------------------===//

/// A kernel that sets the word at `out` to `value`.
const std::string store = R"(.version 8.7
.target sm_80
.address_size 64
.extern .shared .align 16 .b8 dynamic[];
.visible .entry store(.param .u64 .ptr .global .align 16 out,
                      .param .u32 value) .maxntid 64
{
  .reg .b32 %r<3>;
  .reg .b64 %d<2>;
  ld.param.u64 %d0, [out];
  ld.param.u32 %r0, [value];
  mov.u32 %r1, dynamic;
  st.global.u32 [%d0], %r0;
  ret;
}
)";

struct LaunchErrors : testing::Test {
  LaunchErrors() : module(Module::parse(store)) {
    out = static_cast<uint32_t *>(memory.allocate(64, "out"));
    *out = 1;
  }

  /// The launch with one change must say this, and must store nothing.
  void expectError(const std::string &what) {
    ASSERT_TRUE(module) << module.error();
    auto result = launch(*module, kernel, dimensions, arguments(), memory);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().find(what), std::string::npos) << result.error();
    EXPECT_EQ(*out, 1u);
  }
  std::vector<Argument> arguments() const {
    return given.empty()
               ? std::vector<Argument>{Argument::of(out), Argument::of(7)}
               : given;
  }

  Result<Module> module;
  Memory memory;
  uint32_t *out;
  std::string kernel = "store";
  LaunchDimensions dimensions;
  std::vector<Argument> given;
};

TEST_F(LaunchErrors, None) {
  ASSERT_TRUE(module) << module.error();
  auto result = launch(*module, kernel, dimensions, arguments(), memory);
  ASSERT_TRUE(result) << result.error();
  EXPECT_TRUE(result->ok());
  EXPECT_EQ(*out, 7u);
}

TEST_F(LaunchErrors, MissingEntry) {
  kernel = "load";
  expectError("the module has no kernel 'load'; it has 'store'");
}

TEST_F(LaunchErrors, NumberOfArguments) {
  given = {Argument::of(out)};
  expectError("'store' takes 2 arguments, and 1 are given");
  given = {Argument::of(out), Argument::of(7), Argument::of(7)};
  expectError("'store' takes 2 arguments, and 3 are given");
}

TEST_F(LaunchErrors, SizesOfArguments) {
  given = {Argument::of(out), Argument::of(7.0)};
  expectError("argument 1 of 'store' has 8 bytes; the parameter 'value' has 4");
  given = {Argument::of(7), Argument::of(7)};
  expectError("argument 0 of 'store' has 4 bytes; the parameter 'out' has 8");
}

TEST_F(LaunchErrors, MisalignedPointers) {
  given = {Argument::of(out + 1), Argument::of(7)};
  expectError("the parameter 'out' wants a multiple of 16 (.ptr .align)");
}

TEST_F(LaunchErrors, Dimensions) {
  dimensions.block.x = 0;
  expectError("the block of 'store' is (0, 1, 1)");
  dimensions.block = {65, 1, 1};
  expectError("has 65 threads; .maxntid allows 64");
  // A product of 2^69.
  dimensions.block = {0x40000000, 0x40000000, 32};
  expectError("allowed are 1 to 1024 threads");
  dimensions.block = {1, 1, 65};
  expectError("at most 64 of them in z");
  dimensions.block = {};
  dimensions.grid.y = 65536;
  expectError("the grid of 'store' is (1, 65536, 1)");
  dimensions.grid = {};
  dimensions.registersPerThread = 256;
  expectError("is to have 256 registers; at most 255 are allowed");
  dimensions.registersPerThread = 0;
  dimensions.dynamicSharedBytes = 163 * 1024 + 1;
  expectError("needs 166913 bytes of shared memory (0 static, 166913 dynamic); "
              "sm_80 has 166912");
}

/// Modules that make no sense for a target, or that end early.
TEST(ModuleErrors, Targets) {
  auto errorOf = [](std::string text) {
    auto module = Module::parse(text);
    return module ? "no error" : module.error();
  };
  auto replaced = [](const char *from, const char *to) {
    std::string text = store;
    return text.replace(text.find(from), std::string(from).size(), to);
  };
  EXPECT_NE(errorOf(replaced("sm_80", "sm_70"))
                .find("expected a target from sm_75 to sm_121 that exists, not "
                      "'sm_70'"),
            std::string::npos);
  for (const char *wrong : {"sm_99", "sm_80a", "sm_90f"})
    EXPECT_NE(errorOf(replaced("sm_80", wrong)).find("that exists, not"),
              std::string::npos)
        << wrong;
  std::string old = replaced("sm_80", "sm_90a");
  old.replace(old.find("8.7"), 3, "7.8");
  EXPECT_NE(errorOf(old).find("'sm_90a' needs .version 8.0 or later"),
            std::string::npos)
      << errorOf(old);
  EXPECT_NE(errorOf(replaced("st.global.u32 [%d0], %r0;", "fence.proxy.async;"))
                .find("needs .target sm_90 or later; this module is for sm_80"),
            std::string::npos);
  for (const char *target : {"sm_80", "sm_90", "sm_100a"}) {
    std::string text =
        replaced("st.global.u32 [%d0], %r0;", "wgmma.fence.sync.aligned;");
    text.replace(text.find("sm_80"), 5, target);
    EXPECT_NE(errorOf(text).find("needs .target sm_90a; this module is for " +
                                 std::string(target)),
              std::string::npos)
        << errorOf(text);
  }
  EXPECT_EQ(errorOf(store.substr(0, store.size() / 2)).compare(0, 5, "line "),
            0);
}

//===----------------------------------------------------------------------===//
// The number of reports
//===----------------------------------------------------------------------===//

TEST(Reports, ALaunchIsGivenUpAfterSoMany) {
  // Six reads of what nothing has written, and what is stored between them.
  PtxKernel kernel{""};
  for (unsigned n = 0; n < 6; ++n)
    kernel.text += "st.global.b32 [%lout], " + std::to_string(n) +
                   ";\nld.shared.b32 %r0, [%lshared+" + std::to_string(4 * n) +
                   "];\n";
  kernel.text += "st.global.b32 [%lout], 6;";
  kernel.threads = 16;
  for (unsigned most : {1u, 2u, 5u, 6u, 7u, 100u}) {
    kernel.options.maxReports = most;
    Outcome outcome = runKernel(kernel);
    ASSERT_EQ(outcome.reports.size(), std::min(most, 6u)) << most;
    for (size_t lane = 0; lane < 16; ++lane)
      EXPECT_EQ(outcome.word(4 * lane), most > 6 ? 6 : most - 1) << most;
    // What many lanes do is one report, if the launch goes on.
    EXPECT_EQ(outcome.reports[0].count, most > 1 ? 16u : 1u);
  }
}

TEST(Reports, TheSameOfManyCtasIsOne) {
  PtxKernel kernel{"ld.shared.b32 %r0, [%shared];", 32, 5};
  kernel.options.maxReports = 2;
  Outcome outcome = runKernel(kernel);
  ASSERT_EQ(outcome.reports.size(), 1u) << outcome.str();
  EXPECT_GE(outcome.reports[0].count, 5u);
  // Those after which a CTA cannot go on end the launch.
  kernel.text = "ld.shared.b32 %r0, [%shared+4096];";
  outcome = runKernel(kernel);
  ASSERT_EQ(outcome.reports.size(), 1u) << outcome.str();
  EXPECT_EQ(outcome.reports[0].count, 1u);
}

//===----------------------------------------------------------------------===//
// Checks that are off
//===----------------------------------------------------------------------===//

struct Switch {
  const char *name;
  bool LaunchOptions::*option;
  ReportKind kind;
  PtxKernel kernel;
};

std::ostream &operator<<(std::ostream &stream, const Switch &tested) {
  return stream << tested.name;
}

/// Nothing has written what the product reads.
LaunchOptions withoutUninitialized() {
  LaunchOptions options;
  options.uninitialized = false;
  return options;
}

class Switches : public testing::TestWithParam<Switch> {};

/// The mistake is reported, alone; without its check nothing is.
TEST_P(Switches, ACheckThatIsOffFindsNothing) {
  PtxKernel kernel = GetParam().kernel;
  expectReport(kernel, GetParam().kind, "");
  kernel.options.*GetParam().option = false;
  Outcome outcome = runKernel(kernel);
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
}

INSTANTIATE_TEST_SUITE_P(
    Checks, Switches,
    testing::Values(
        Switch{"race",
               &LaunchOptions::race,
               ReportKind::race,
               {"@%lane0 st.shared.u32 [%shared], %warp;", 64}},
        Switch{"proxy",
               &LaunchOptions::race,
               ReportKind::proxyRace,
               {"@%lane0 st.shared.v4.b32 [%shared], {0, 0, 0, 0};\n"
                "@%lane0 cp.async.bulk.global.shared::cta.bulk_group [%out], "
                "[%shared], 16;\n"
                "cp.async.bulk.commit_group;\n"
                "cp.async.bulk.wait_group 0;"}},
        Switch{"uninit",
               &LaunchOptions::uninitialized,
               ReportKind::uninitialized,
               {"ld.shared.u32 %r0, [%lshared];"}},
        Switch{"bounds",
               &LaunchOptions::bounds,
               ReportKind::bounds,
               {"ld.global.u32 %r0, [%in+4096];"}},
        Switch{"align",
               &LaunchOptions::alignment,
               ReportKind::alignment,
               {"ld.global.u32 %r0, [%in+2];"}},
        Switch{"barrier",
               &LaunchOptions::barriers,
               ReportKind::barrier,
               {"bar.arrive 1, 64;"}},
        Switch{"registerPool",
               &LaunchOptions::barriers,
               ReportKind::registerPool,
               {"setmaxnreg.dec.sync.aligned.u32 64;", 128}},
        Switch{"mbarrier",
               &LaunchOptions::mbarriers,
               ReportKind::mbarrier,
               {"@%lane0 mbarrier.init.shared::cta.b64 [%shared], 1;\n"
                "@%lane0 st.shared.b64 [%shared], %in;"}},
        Switch{"pending",
               &LaunchOptions::pending,
               ReportKind::pending,
               {"cp.async.cg.shared.global [%lshared], [%lin], 16;"}},
        Switch{"divergence",
               &LaunchOptions::divergence,
               ReportKind::divergence,
               {"@%lane0 barrier.sync.aligned 0, 32;"}},
        Switch{"asyncRegisters",
               &LaunchOptions::asyncRegisters,
               ReportKind::asyncRegisters,
               // The first product without wgmma.fence.
               {".reg .f32 %f<4>;\n"
                "mov.b32 %r0, 0;\n"
                "mov.b64 %d0, 0x4000004000000040;\n"
                "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 "
                "{%f0, %f1, %f2, %f3}, {%r0, %r0, %r0, %r0}, %d0, 0, 1, 1, "
                "0;\n"
                "wgmma.commit_group.sync.aligned;\n"
                "wgmma.wait_group.sync.aligned 0;",
                128, 1, "sm_90a", withoutUninitialized()}}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
