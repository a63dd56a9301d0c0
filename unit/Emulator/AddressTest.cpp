//===- AddressTest.cpp - Addresses of one memory and generic ones ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions that name a memory want its own addresses, the others generic
// ones.
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

const std::string
    // %d0: 16 bytes of shared memory in its window, %d1: a generic address of
    // them, %d2, %d3: the same of local memory.
    addresses = "st.shared.v4.b32 [%lshared], {%thread, %thread, %thread, "
                "%thread};\n"
                "bar.warp.sync -1;\n"
                "cvt.u64.u32 %d0, %lshared;\ncvta.shared.u64 %d1, %d0;\n"
                "mov.b64 %d2, local_;\ncvta.local.u64 %d3, %d2;\n"
                "st.local.b32 [local_], %thread;\n",
    missing = "but a generic one: cvta.to.shared must come first";

void expectFault(const std::string &text, const std::string &what) {
  expectReport({addresses + text}, ReportKind::bounds, what);
}
void expectNone(const std::string &text) { expectSilent({addresses + text}); }

TEST(Addresses, OfSharedMemory) {
  expectNone("ld.shared.b32 %r0, [%d0];\nst.shared.b32 [%d0], %r0;\n"
             "atom.shared.add.u32 %r0, [%d0], 1;\n"
             "ld.b32 %r0, [%d1];\nst.b32 [%d1], %r0;\n");
  expectFault("ld.shared.b32 %r0, [%d1];", missing);
  expectFault("st.shared.b32 [%d1], %thread;", missing);
  expectFault("atom.shared.add.u32 %r0, [%d1], 1;", missing);
  expectFault("ld.shared.b32 %r0, [%in];",
              "which is no address of shared memory");
  expectFault("ld.shared.b32 %r0, [%d3];",
              "which is no address of shared memory");
  // The one that is not shared by all is found.
  EXPECT_EQ(runKernel({addresses + "@%lane1 mov.b64 %d0, %d1;\n"
                                   "ld.shared.b32 %r0, [%d0];"})
                .reports[0]
                .lane,
            1);
}

TEST(Addresses, OfLocalMemory) {
  expectNone("ld.local.b32 %r0, [%d2];\nst.local.b32 [%d2], %r0;\n"
             "ld.b32 %r0, [%d3];\nst.b32 [%d3], %r0;\n");
  expectFault("ld.local.b32 %r0, [%d1];",
              "which is a generic address of another memory");
  expectFault("ld.local.b32 %r0, [%in];", "of local memory");
}

TEST(Addresses, OfGlobalMemory) {
  expectFault("ld.global.b32 %r0, [%d1];",
              "which is a generic address of another memory");
  expectFault("ld.global.b32 %r0, [%d3];",
              "which is a generic address of another memory");
}

TEST(Addresses, OfCopies) {
  auto copy = [](const std::string &to) {
    return "cp.async.cg.shared.global [" + to +
           "], [%lin], 16;\ncp.async.wait_all;\n";
  };
  expectNone(copy("%d0"));
  expectFault(copy("%d1"), missing);
  expectFault(copy("%in"), "which is no address of shared memory");
}

TEST(Addresses, OfMatrices) {
  const std::string load = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, ",
                    loadGeneric = "ldmatrix.sync.aligned.m8n8.x1.b16 {%r0}, ",
                    store = "stmatrix.sync.aligned.m8n8.x1.shared.b16 ";
  expectNone(load + "[%d0];\n" + loadGeneric + "[%d1];\nbar.warp.sync -1;\n" +
             store + "[%d0], {%r0};\n");
  expectFault(load + "[%d1];", missing);
  expectFault("mov.b32 %r0, 0;\n" + store + "[%d1], {%r0};", missing);
  expectFault(loadGeneric + "[%d0];",
              "among generic ones: cvta.shared must come first");
  expectFault(loadGeneric + "[%in];", "which is no address of shared memory");
}

TEST(Addresses, Conversions) {
  expectNone("cvta.to.shared.u64 %d4, %d1;\nld.shared.b32 %r0, [%d4];\n"
             "cvta.to.local.u64 %d5, %d3;\nld.local.b32 %r0, [%d5];\n"
             "cvta.to.global.u64 %d6, %in;\nld.global.b32 %r0, [%d6];\n");
  // What is no generic address of that memory does not become one.
  expectFault("cvta.to.shared.u64 %d4, %d3;\nld.shared.b32 %r0, [%d4];",
              "which is no address of shared memory");
  expectFault("cvta.to.shared.u64 %d4, %in;\nld.shared.b32 %r0, [%d4];",
              "which is no address of shared memory");
  expectFault("cvta.to.local.u64 %d4, %d1;\nld.local.b32 %r0, [%d4];",
              "which is a generic address of another memory");
  expectFault("cvta.to.global.u64 %d4, %d1;\nld.global.b32 %r0, [%d4];",
              "which is a generic address of another memory");
}

TEST(Addresses, Isspacep) {
  // A bit for each of .const, .global, .shared, .local.
  const char *spaces[] = {".const", ".global", ".shared", ".local"};
  struct {
    const char *address;
    uint32_t wanted;
  } cases[] = {
      {"constant_", 1}, {"global_", 2}, {"%out", 2}, {"%d1", 4}, {"%d3", 8}};
  for (const auto &[address, wanted] : cases) {
    std::string text =
        addresses + "mov.b64 %d4, " + address + ";\nmov.b32 %r0, 0;\n";
    for (int n = 0; n < 4; ++n)
      text += std::string("isspacep") + spaces[n] + " %p1, %d4;\n@%p1 or.b32 " +
              "%r0, %r0, " + std::to_string(1 << n) + ";\n";
    Outcome outcome = runKernel({text + "st.global.b32 [%lout], %r0;"});
    EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
    EXPECT_EQ(outcome.word(0), wanted) << address;
    EXPECT_EQ(outcome.word(4 * 31), wanted) << address;
  }
}

} // namespace
