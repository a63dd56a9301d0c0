//===- ControlTest.cpp - Branches, calls and ends -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

#include <functional>

using namespace attn;
using namespace attn::emulator;

namespace {

const std::string head = ".version 8.7\n.target sm_90\n.address_size 64\n";

/// A kernel of one warp. %t is the thread; %v is stored to out[%t] in the end.
std::string kernelOf(const std::string &functions, const std::string &body) {
  return head + functions + R"(
.visible .entry kernel(.param .u64 out)
{
  .reg .pred %p<8>;
  .reg .b32 %r<16>, %t, %v;
  .reg .b64 %d<4>;
  mov.u32 %t, %tid.x;
  mov.u32 %v, 0;
)" + body +
         R"(
store:
  ld.param.u64 %d0, [out];
  mul.wide.u32 %d1, %t, 4;
  add.u64 %d0, %d0, %d1;
  st.global.u32 [%d0], %v;
  ret;
}
)";
}

/// What the threads store; `unwritten` where they store nothing.
constexpr uint32_t unwritten = 0xfefefefe;
LaunchResult run(const std::string &text, std::vector<uint32_t> &out,
                 const LaunchOptions &options = {}) {
  auto module = Module::parse(text);
  EXPECT_TRUE(module) << module.error() << "\n" << text;
  if (!module)
    return {};
  Memory memory;
  auto *data = static_cast<uint32_t *>(memory.allocate(128, "out"));
  LaunchDimensions dimensions;
  dimensions.block.x = 32;
  auto result = launch(*module, "kernel", dimensions, {Argument::of(data)},
                       memory, options);
  EXPECT_TRUE(result) << result.error();
  out.assign(data, data + 32);
  return result ? std::move(*result) : LaunchResult();
}

void expectValues(const std::string &text,
                  const std::function<uint32_t(uint32_t)> &reference) {
  std::vector<uint32_t> out;
  LaunchResult result = run(text, out);
  for (const Report &report : result.reports)
    ADD_FAILURE() << report.str();
  for (uint32_t t = 0; t < 32 && !out.empty(); ++t)
    EXPECT_EQ(out[t], reference(t)) << "thread " << t;
}

void expectError(const std::string &text, const std::string &what) {
  auto module = Module::parse(text);
  ASSERT_FALSE(module) << text;
  EXPECT_NE(module.error().find(what), std::string::npos) << module.error();
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

TEST(Control, Loops) {
  // The sum of 1 to the thread's number: lanes leave one after another.
  expectValues(kernelOf("", R"(
  mov.u32 %r0, 0;
loop:
  setp.ge.u32 %p0, %r0, %t;
  @%p0 bra store;
  add.u32 %r0, %r0, 1;
  add.u32 %v, %v, %r0;
  bra.uni loop;
)"),
               [](uint32_t t) { return t * (t + 1) / 2; });
}

TEST(Control, IndirectBranches) {
  for (const char *uni : {"", ".uni"}) {
    // With .uni, all threads give the same index.
    const std::string index = *uni ? "mov.u32 %r0, 2;" : "rem.u32 %r0, %t, 3;";
    expectValues(kernelOf("", index + R"(
  targets: .branchtargets zero, one, two;
  brx.idx)" + uni + R"( %r0, targets;
zero:
  mov.u32 %v, 100;
  bra store;
one:
  mov.u32 %v, 101;
  bra store;
two:
  mov.u32 %v, 102;
)"),
                 [&](uint32_t t) { return 100 + (*uni ? 2 : t % 3); });
  }
}

TEST(Control, GuardedIndirectBranches) {
  expectValues(kernelOf("", R"(
  targets: .branchtargets one;
  mov.u32 %r0, 0;
  setp.lt.u32 %p0, %t, 10;
  @%p0 brx.idx %r0, targets;
  mov.u32 %v, 1;
  bra store;
one:
  mov.u32 %v, 2;
)"),
               [](uint32_t t) { return t < 10 ? 2 : 1; });
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// collatz(n): 3 n + 1, or n / 2 by an early return.
const std::string collatz = R"(
.func (.param .b32 result) collatz(.param .b32 n)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  ld.param.b32 %r0, [n];
  and.b32 %r1, %r0, 1;
  setp.eq.u32 %p0, %r1, 0;
  shr.u32 %r2, %r0, 1;
  st.param.b32 [result], %r2;
  @%p0 ret;
  mad.lo.u32 %r3, %r0, 3, 1;
  st.param.b32 [result], %r3;
  ret.uni;
}
)";

std::string call(const char *suffix, const char *from, const char *to) {
  return std::string("{\n.param .b32 given, taken;\nst.param.b32 [given], ") +
         from + ";\ncall" + suffix + " (taken), collatz, (given);\n" +
         "ld.param.b32 " + to + ", [taken];\n}\n";
}

uint32_t collatzOf(uint32_t n) { return n % 2 ? 3 * n + 1 : n / 2; }

TEST(Control, CallsReturnResults) {
  for (const char *suffix : {"", ".uni"})
    expectValues(kernelOf(collatz, call(suffix, "%t", "%v")), collatzOf);
}

TEST(Control, LanesCallFromTwoPlaces) {
  // They run through the function together, and return to where they were.
  expectValues(kernelOf(collatz, "setp.lt.u32 %p0, %t, 13;\n"
                                 "@%p0 bra other;\n" +
                                     call("", "%t", "%v") +
                                     "add.u32 %v, %v, 1000;\nbra store;\n"
                                     "other:\n" +
                                     call("", "%t", "%r0") +
                                     call("", "%r0", "%v")),
               [](uint32_t t) {
                 return t < 13 ? collatzOf(collatzOf(t)) : collatzOf(t) + 1000;
               });
}

TEST(Control, FunctionsCallFunctions) {
  const std::string twice = collatz + R"(
.func (.param .b32 result) named(.param .b32 n);
.func (.param .b32 result) twice(.param .b32 n)
{
  .reg .b32 %r<4>;
  .param .b32 given, taken;
  ld.param.b32 %r0, [n];
  st.param.b32 [given], %r0;
  call (taken), collatz, (given);
  ld.param.b32 %r1, [taken];
  st.param.b32 [given], %r1;
  call (taken), collatz, (given);
  ld.param.b32 %r2, [taken];
  st.param.b32 [result], %r2;
  ret;
}
.alias named, twice;
)";
  for (std::string name : {"twice", "named"})
    expectValues(kernelOf(twice, "{\n.param .b32 given, taken;\n"
                                 "st.param.b32 [given], %t;\n"
                                 "call (taken), " +
                                     name +
                                     ", (given);\n"
                                     "ld.param.b32 %v, [taken];\n}\n"),
                 [](uint32_t t) { return collatzOf(collatzOf(t)); });
}

TEST(Control, ExitInAFunctionEndsTheThread) {
  std::vector<uint32_t> out;
  LaunchResult result = run(kernelOf(R"(
.func leave(.param .b32 n)
{
  .reg .pred %p;
  .reg .b32 %r;
  ld.param.b32 %r, [n];
  setp.gt.u32 %p, %r, 4;
  @%p exit;
  ret;
}
)",
                                     R"({
  .param .b32 given;
  st.param.b32 [given], %t;
  call leave, (given);
}
)"),
                            out);
  EXPECT_TRUE(result.ok());
  for (uint32_t t = 0; t < 32; ++t)
    EXPECT_EQ(out[t], t > 4 ? unwritten : 0u) << t;
}

TEST(ControlErrors, Calls) {
  expectError(kernelOf(collatz, R"({
  .param .b8 small;
  .param .b32 given;
  call (small), collatz, (given);
}
)"),
              "passes 'small' of 1 bytes, where 'result' of 'collatz' has 4");
  expectError(kernelOf(collatz, "call collatz;"), "passes 0 arguments");
  expectError(kernelOf(collatz, "{ .local .b32 l;\n.param .b32 g;\n"
                                "call (l), collatz, (g);\n}"),
              "must be .param variables");
  expectError(kernelOf(".func missing();\n", "call missing;"),
              "'missing' has no body in this module");
  const std::string even = R"(
.func odd();
.func even() { call odd; ret; }
.func odd() { call even; ret; }
)";
  expectError(kernelOf(even, "call even;"), "recursion is not emulated");
  // Not called: no matter.
  EXPECT_TRUE(Module::parse(kernelOf(even, "")));
}

//===----------------------------------------------------------------------===//
// Ends
//===----------------------------------------------------------------------===//

TEST(Control, Traps) {
  for (const char *end : {"trap", "brkpt"}) {
    std::vector<uint32_t> out;
    LaunchResult result = run(
        kernelOf("", std::string("setp.eq.u32 %p0, %t, 5;\n@%p0 ") + end + ";"),
        out);
    ASSERT_EQ(result.reports.size(), 1u);
    EXPECT_EQ(result.reports[0].kind, ReportKind::trap);
    EXPECT_EQ(result.reports[0].lane, 5);
    EXPECT_EQ(out[0], unwritten);
  }
  expectValues(kernelOf("", "pmevent 3;"), [](uint32_t) { return 0u; });
}

TEST(Control, Limits) {
  const std::string endless = kernelOf("", "endless: bra endless;");
  for (bool isIdle : {false, true}) {
    LaunchOptions options;
    (isIdle ? options.maxIdleInstructions : options.maxInstructions) = 1000;
    std::vector<uint32_t> out;
    LaunchResult result = run(endless, out, options);
    ASSERT_EQ(result.reports.size(), 1u);
    EXPECT_EQ(result.reports[0].kind, ReportKind::limit);
    EXPECT_NE(result.reports[0].what.find("1000"), std::string::npos);
  }
}

//===----------------------------------------------------------------------===//
// Operands and sizes
//===----------------------------------------------------------------------===//

TEST(ControlErrors, Operands) {
  expectError(kernelOf("", "add.s32 %v, %t, 0f3F800000;"),
              "a floating-point number needs a type");
  expectError(kernelOf("", "add.f16x2 %v, %t, 0f3F800000;"),
              "a floating-point number needs a type");
  expectError(kernelOf("", "add.u64 %d0, %d1, %tid.x;"),
              "'%tid.x' has 32 bits where 64 are expected");
  expectError(kernelOf("", ".shared .b32 s;\nld.global.u32 %v, [s];"),
              "'s' is not in global memory");
  expectError(kernelOf("", ".shared .b32 s;\nld.local.u32 %v, [s];"),
              "'s' is not in local memory");
  expectError(kernelOf(".global .b32 g;\n", "ld.shared.u32 %v, [g];"),
              "'g' is not in shared memory");
}

TEST(ControlErrors, Sizes) {
  expectError(kernelOf("", ".local .b8 l[600000];\nmov.u32 %v, l;"),
              "of local memory; at most 524288 are allowed");
  expectError(head + ".entry k(.param .b8 p[40000]) { ret; }",
              "the parameters have 40000 bytes; at most 32764 are allowed");
  expectError(head + ".global .b8 g[300000000];", "268435456");
  expectError(head + ".entry k() .blocksareclusters { ret; }",
              ".blocksareclusters");
}

} // namespace
