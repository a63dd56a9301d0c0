//===- ReadOnlyMemoryTest.cpp - Constants, parameters, hints --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"
#include "PtxRunner.h"
#include "TestKernel.h"

#include <gtest/gtest.h>

#include <random>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

//===----------------------------------------------------------------------===//
// Loads of constants and parameters
//===----------------------------------------------------------------------===//

struct MemoryType {
  const char *name;
  unsigned bits;
  bool isSigned, isFloat;
};
const MemoryType types[] = {
    {"b8", 8, false, false},   {"u8", 8, false, false},
    {"s8", 8, true, false},    {"b16", 16, false, false},
    {"u16", 16, false, false}, {"s16", 16, true, false},
    {"b32", 32, false, false}, {"u32", 32, false, false},
    {"s32", 32, true, false},  {"f32", 32, false, true},
    {"b64", 64, false, false}, {"u64", 64, false, false},
    {"s64", 64, true, false},  {"f64", 64, false, true}};

/// Bytes of which many have their sign bit set.
std::vector<uint8_t> tableBytes() {
  std::mt19937 random(3);
  std::vector<uint8_t> bytes(128);
  for (uint8_t &byte : bytes)
    byte = static_cast<uint8_t>(random());
  return bytes;
}

uint64_t cut(uint64_t value, unsigned bits) {
  return bits == 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

/// How the 128 bytes are named: the modifiers of ld, and instructions that put
/// the address into %d1.
struct Table {
  std::string load, address;
};

/// Each of eight threads loads from 16 bytes of its own, with all types and
/// vectors, to registers of all widths.
void checkLoads(const Table &table) {
  const std::vector<uint8_t> bytes = tableBytes();
  for (const MemoryType &type : types)
    for (unsigned count : {1u, 2u, 4u})
      for (unsigned bits : {16u, 32u, 64u}) {
        if (type.bits * count > 128 || bits < type.bits ||
            (type.isFloat && bits != type.bits))
          continue;
        const std::string letter = bits == 16 ? "%h" : bits == 32 ? "%r" : "%d";
        const std::string opcode =
            "ld" + table.load +
            (count > 1 ? ".v" + std::to_string(count) : "") + "." + type.name;
        SCOPED_TRACE(opcode + " to " + letter);
        TestKernel kernel;
        kernel.threads = 8;
        kernel.module = ".const .align 16 .b8 table[128] = {";
        for (size_t n = 0; n < bytes.size(); ++n)
          kernel.module += (n ? ", " : "") + std::to_string(bytes[n]);
        kernel.module += "};\n";
        kernel.maps = {bytes};
        kernel.buffers = {std::vector<uint8_t>(8 * 32)};
        std::string list, store;
        for (unsigned n = 0; n < count; ++n) {
          const std::string name = letter + std::to_string(10 + n);
          list += (n ? ", " : "") + name;
          if (bits < 64)
            store +=
                "cvt.u64.u" + std::to_string(bits) + " %d2, " + name + ";\n";
          store += "st.global.b64 [%d3+" + std::to_string(8 * n) + "], " +
                   (bits < 64 ? "%d2" : name) + ";\n";
        }
        kernel.body =
            table.address +
            "mul.wide.u32 %d0, %thread, 16;\nadd.u64 %d1, %d1, %d0;\n" +
            opcode + " " + (count > 1 ? "{" + list + "}" : list) +
            ", [%d1];\nmul.wide.u32 %d3, %thread, 32;\n"
            "add.u64 %d3, %b0, %d3;\n" +
            store;
        auto result = run(kernel);
        ASSERT_TRUE(result) << result.error();
        ASSERT_TRUE(result->ok()) << result->reports[0].str();
        for (unsigned t = 0; t < 8; ++t)
          for (unsigned n = 0; n < count; ++n) {
            uint64_t wanted = 0, got;
            std::memcpy(&wanted, &bytes[16 * t + n * type.bits / 8],
                        type.bits / 8);
            if (type.isSigned && wanted >> (type.bits - 1) && type.bits < 64)
              wanted |= ~uint64_t(0) << type.bits;
            std::memcpy(&got, &kernel.buffers[0][32 * t + 8 * n], 8);
            EXPECT_EQ(got, cut(wanted, bits)) << "thread " << t << ", " << n;
          }
        if (testing::Test::HasFailure())
          return;
      }
}

TEST(Constants, AllWidthsAndVectors) {
  const std::string address = "mov.b64 %d1, table;\n",
                    generic = address + "cvta.const.u64 %d1, %d1;\n";
  for (const char *hint : {"", ".ca", ".cg", ".cs", ".lu", ".cv"})
    checkLoads({std::string(".const") + hint, address});
  checkLoads({".weak.const", address});
  // By generic addresses, and back from them.
  checkLoads({"", generic});
  checkLoads({".const", generic + "cvta.to.const.u64 %d1, %d1;\n"});
}

TEST(Constants, AreInTheirSpace) {
  expectReport(PtxKernel{"ld.const.b32 %r0, [%in];"}, ReportKind::bounds,
               "which is not constant");
  expectReport(PtxKernel{"mov.b64 %d0, global_;\nld.const.b32 %r0, [%d0];"},
               ReportKind::bounds, "which is not constant");
  expectReport(PtxKernel{"ld.const.b32 %r0, [constant_+16];"},
               ReportKind::bounds, "behind the end of 'constant_'");
  expectReport(
      PtxKernel{"cvta.shared.u64 %d0, shared;\ncvta.to.const.u64 %d0, %d0;\n"
                "ld.const.b32 %r0, [%d0];"},
      ReportKind::bounds, "generic address of another memory");
  PtxKernel off{"ld.const.b32 %r0, [%in];"};
  off.options.bounds = false;
  expectSilent(off);
}

TEST(Parameters, AllWidthsAndVectors) {
  const std::string address = "mov.b64 %d1, map0;\n";
  checkLoads({".param", address});
  checkLoads({".param::entry", address});
  // By generic addresses.
  checkLoads({"", address + "cvta.param.u64 %d1, %d1;\n"});
  checkLoads({".param::entry", address +
                                   "cvta.param::entry.u64 %d1, %d1;\n"
                                   "cvta.to.param::entry.u64 %d1, %d1;\n"});
}

/// Functions read the kernel's parameters, and their own.
TEST(Parameters, OfTheKernelInFunctions) {
  TestKernel kernel;
  kernel.threads = 1;
  kernel.maps = {tableBytes()};
  kernel.buffers = {std::vector<uint8_t>(16)};
  kernel.module = R"(
.func (.param .b32 result) fourth(.param .b64 place)
{
  .reg .b64 %d<3>;
  .reg .b32 %r<5>;
  ld.param.b64 %d0, [place];
  ld.param::entry.v4.b32 {%r0, %r1, %r2, %r3}, [%d0+16];
  st.param.b32 [result], %r3;
  ret;
}
)";
  kernel.body = R"(
    mov.b64 %d1, map0;
    .param .b64 given;
    .param .b32 returned;
    st.param.b64 [given], %d1;
    call (returned), fourth, (given);
    ld.param.b32 %r0, [returned];
    st.global.b32 [%b0], %r0;
)";
  expectSilent(kernel, 1);
  EXPECT_TRUE(std::equal(kernel.buffers[0].begin(),
                         kernel.buffers[0].begin() + 4,
                         tableBytes().begin() + 28));
}

//===----------------------------------------------------------------------===//
// Hints
//===----------------------------------------------------------------------===//

/// Policies of all kinds, used by a load and a store.
TEST(Hints, Policies) {
  std::string text = "mov.u32 %r10, 1024;\nmov.u32 %r11, 4096;\n";
  const char *levels[] = {"evict_last", "evict_normal", "evict_first",
                          "evict_unchanged"};
  for (const std::string first : levels)
    for (const std::string second :
         {"", ".L2::evict_first", ".L2::evict_unchanged"}) {
      const std::string chosen = ".L2::" + first + second + ".b64 %d1, ";
      text += "createpolicy.fractional" + chosen + "0f3F000000;\n";
      for (const char *space : {"", ".global"})
        text += std::string("createpolicy.range") + space + chosen +
                "[%in], %r10, %r11;\n";
      text += "createpolicy.range" + chosen + "[%in+64], 16, 32;\n";
    }
  text += "createpolicy.fractional.L2::evict_last.b64 %d2;\n"
          "createpolicy.cvt.L2.b64 %d3, %d2;\n"
          "ld.global.L2::cache_hint.v2.b32 {%r0, %r1}, [%lin], %d1;\n"
          "st.global.L2::cache_hint.b32 [%lout], %r0, %d2;\n"
          "st.global.L1::no_allocate.L2::cache_hint.b32 [%lout+4], %r1, %d3;\n";
  Outcome outcome = runKernel(PtxKernel{text});
  EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
  for (uint32_t t = 0; t < 32; ++t)
    for (uint32_t n = 0; n < 8; ++n)
      EXPECT_EQ(outcome.out[16 * t + n], (16 * t + n) % 251);
}

/// A policy that was never made is found where it is used.
TEST(Hints, PoliciesAreMadeBefore) {
  expectReport(PtxKernel{"ld.global.L2::cache_hint.b32 %r0, [%in], %d1;"},
               ReportKind::uninitialized, "");
  expectReport(PtxKernel{"red.global.add.L2::cache_hint.u32 [%in], 1, %d1;"},
               ReportKind::uninitialized, "");
}

TEST(Hints, PrefetchesTakeAllSpaces) {
  expectSilent(
      PtxKernel{"prefetch.global.L1 [%in];\nprefetch.global.L2 [global_];\n"
                "prefetch.local.L1 [local_];\nprefetch.local.L2 [local_+8];\n"
                "prefetch.L1 [%in];\nprefetch.L2 [shared];\n"
                "prefetchu.L1 [%in];\n"
                "prefetch.global.L2::evict_last [%in+16];\n"
                "prefetch.global.L2::evict_normal [global_+128];\n"
                "applypriority.L2::evict_normal [%in], 128;\n"
                "applypriority.global.L2::evict_normal [global_], 128;\n"});
}

//===----------------------------------------------------------------------===//
// discard
//===----------------------------------------------------------------------===//

// It writes values that nobody knows.

TEST(Discard, LeavesNothingToRead) {
  for (const char *space : {".global", ""}) {
    const std::string discard = std::string("@%lane0 discard") + space +
                                ".L2 [%in+128], 128;\n"
                                "bar.warp.sync -1;\n";
    for (const char *read :
         {"ld.global.b32 %r0, [%in+128];", "ld.global.b8 %r0, [%in+255];",
          "ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%in+240];",
          "@%lane0 atom.global.add.u32 %r0, [%in+200], 1;"})
      expectReport(PtxKernel{discard + read}, ReportKind::uninitialized,
                   "which nothing has written");
    // What lies around it stays.
    expectSilent(PtxKernel{discard + "ld.global.b32 %r0, [%in+124];\n"
                                     "ld.global.b32 %r0, [%in+256];\n"});
    // What is written afterwards is there.
    expectSilent(PtxKernel{discard + "@%lane0 st.global.b32 [%in+160], 7;\n"
                                     "bar.warp.sync -1;\n"
                                     "ld.global.b32 %r0, [%in+160];\n"});
  }
}

TEST(Discard, DestroysWhatWasThere) {
  // Each of two threads discards 128 bytes of the first 256.
  PtxKernel kernel{"st.global.v4.b32 [%lout], {5, 5, 5, 5};\n"
                   "bar.warp.sync -1;\nsetp.lt.u32 %p1, %lane, 2;\n"
                   "mul.wide.u32 %d0, %lane, 128;\nadd.u64 %d0, %d0, %out;\n"
                   "@%p1 discard.global.L2 [%d0], 128;\n"};
  for (bool isChecked : {true, false}) {
    kernel.options.uninitialized = isChecked;
    Outcome outcome = runKernel(kernel);
    EXPECT_TRUE(outcome.reports.empty()) << outcome.str();
    for (size_t n = 0; n < 128; ++n)
      EXPECT_EQ(outcome.word(n), n < 64 ? 0xfefefefeu : 5u) << n;
  }
}

TEST(Discard, IsAWrite) {
  const std::string discard = "@%warp0 discard.global.L2 [%in], 128;\n";
  expectReport(PtxKernel{"@%lane0 discard.global.L2 [%in+64], 128;"},
               ReportKind::alignment, "not a multiple of 128");
  expectReport(PtxKernel{"discard.global.L2 [%in+4096], 128;"},
               ReportKind::bounds, "behind the end of 'in'");
  expectReport(
      PtxKernel{"cvta.shared.u64 %d0, shared;\ndiscard.L2 [%d0], 128;"},
      ReportKind::bounds, "generic address of another memory");
  PtxKernel race{"@%lane1 bra end;\n@%lane0 " + discard.substr(8) +
                 "end:\n@%warp1 ld.global.b32 %r0, [%in+4];"};
  race.threads = 64;
  expectReport(race, ReportKind::race, "");
}

} // namespace
