//===- LoadStoreTest.cpp - ld, st and what goes with them -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxRunner.h"

#include <gtest/gtest.h>

#include <random>

using namespace attn;
using namespace attn::test;

namespace {

struct MemoryType {
  const char *name;
  int bits;
  bool isSigned;
};
const MemoryType types[] = {
    {"b8", 8, false},   {"u8", 8, false},   {"s8", 8, true},
    {"b16", 16, false}, {"u16", 16, false}, {"s16", 16, true},
    {"b32", 32, false}, {"u32", 32, false}, {"s32", 32, true},
    {"f32", 32, false}, {"b64", 64, false}, {"u64", 64, false},
    {"s64", 64, true},  {"f64", 64, false}};

/// Where 16 bytes of each thread are: the modifiers of ld and st, and an
/// address.
struct Home {
  const char *load, *store, *address;
};
// %d15 is in global memory, %d18 and %d19 are generic addresses of the places
// in shared and local memory.
const Home homes[] = {
    {".shared", ".shared", "%r90"},
    {".shared::cta", ".shared::cta", "%d16"},
    {".local", ".local", "%d17"},
    {".global", ".global", "%d15"},
    {"", "", "%d18"},
    {"", "", "%d19"},
    {".weak", ".weak.global", "%d15"},
    {".volatile.shared", ".volatile.shared", "%r90"},
    {".volatile.global", ".volatile", "%d15"},
    {".relaxed.cta.shared", ".relaxed.cta.shared", "%r90"},
    {".relaxed.gpu.global", ".relaxed.sys", "%d15"},
    {".relaxed.cluster", ".relaxed.cluster.global", "%d15"},
    {".acquire.gpu.global", ".release.gpu", "%d15"},
    {".acquire.sys", ".release.sys.global", "%d15"},
    {".acquire.cta", ".release.cta", "%d18"},
    {".acquire.cta.shared::cta", ".release.cta.shared::cta", "%d16"},
    {".acquire.cluster.shared", ".release.cluster.shared", "%r90"},
    {".global.ca", ".global.wb", "%d15"},
    {".shared.cg", ".shared.cg", "%r90"},
    {".cs", ".global.cs", "%d15"},
    {".local.lu", ".local.wt", "%d17"},
    {".cv", ".wb", "%d18"},
    {".global.L1::evict_last", ".global.L1::no_allocate", "%d15"}};

const std::string places = ".local .align 16 .b8 local_[16];\n"
                           "mov.u32 %r91, %tid.x;\nmov.u32 %r90, shared;\n"
                           "mad.lo.u32 %r90, %r91, 16, %r90;\n"
                           "mul.wide.u32 %d16, %r90, 1;\n"
                           "mov.u64 %d17, local_;\n"
                           "cvta.shared.u64 %d18, %d16;\n"
                           "cvta.local.u64 %d19, %d17;\n"
                           // Over the inputs, which all have read by then.
                           "mul.wide.u32 %d15, %r91, 8;\n"
                           "add.u64 %d15, %d15, %in;\nbar.sync 0;\n";

std::string registerOf(int bits, int number) {
  return std::string("%") +
         (bits == 16   ? "h"
          : bits == 32 ? "r"
                       : "d") +
         std::to_string(number);
}

/// "%r4", or "{%r4, %r5}" with so many.
std::string vectorOf(int bits, int first, int count,
                     std::vector<std::string> &names) {
  std::string list;
  for (int n = 0; n < count; ++n) {
    names.push_back(registerOf(bits, first + n));
    list += (n ? ", " : "") + names.back();
  }
  return count == 1 ? list : "{" + list + "}";
}

std::vector<Column> randomInputs(size_t columns) {
  std::mt19937_64 random(1);
  std::vector<Column> inputs(columns, Column(128));
  for (Column &column : inputs)
    for (uint64_t &value : column)
      value = random();
  return inputs;
}

uint64_t cut(uint64_t value, int bits) {
  return bits == 64 ? value : value & ((uint64_t(1) << bits) - 1);
}

/// Element n of 16 bytes, extended to so many bits.
uint64_t element(const uint64_t *words, int n, const MemoryType &type,
                 int bits) {
  uint64_t value =
      cut(words[n * type.bits / 64] >> (n * type.bits % 64), type.bits);
  if (type.isSigned && type.bits < 64 && value >> (type.bits - 1))
    value |= ~uint64_t(0) << type.bits;
  return cut(value, bits);
}

TEST(LoadStore, LoadsExtendToTheRegister) {
  const auto inputs = randomInputs(2);
  for (const Home &home : homes)
    for (const MemoryType &type : types)
      for (int count : {1, 2, 4})
        for (int bits : {16, 32, 64}) {
          if (type.bits * count > 128 || bits < type.bits)
            continue;
          PtxLines lines;
          std::string list = vectorOf(bits, 4, count, lines.outputs);
          // Floats are not extended.
          if (type.name[0] == 'f' && bits != type.bits)
            continue;
          lines.inputs = {"%d0", "%d1"};
          std::string address = std::string("[") + home.address + "]";
          lines.text = places + "st" + home.store + ".v2.b64 " + address +
                       ", {%d0, %d1};\nld" + home.load +
                       (count > 1 ? ".v" + std::to_string(count) : "") + "." +
                       type.name + " " + list + ", " + address + ";\n";
          expectLines(lines, inputs, [&](const uint64_t *in, uint64_t *out) {
            for (int n = 0; n < count; ++n)
              out[n] = element(in, n, type, bits);
          });
        }
}

TEST(LoadStore, StoresCutTheRegister) {
  const auto inputs = randomInputs(6);
  for (const Home &home : homes)
    for (const MemoryType &type : types)
      for (int count : {1, 2, 4})
        for (int bits : {16, 32, 64}) {
          if (type.bits * count > 128 || bits < type.bits ||
              (type.name[0] == 'f' && bits != type.bits))
            continue;
          PtxLines lines;
          lines.inputs = {"%d0", "%d1"};
          std::string list = vectorOf(bits, 4, count, lines.inputs);
          std::string address = std::string("[") + home.address + "]";
          lines.text = places + "st" + home.store + ".v2.b64 " + address +
                       ", {%d0, %d1};\nst" + home.store +
                       (count > 1 ? ".v" + std::to_string(count) : "") + "." +
                       type.name + " " + address + ", " + list + ";\nld" +
                       home.load + ".v2.b64 {%d2, %d3}, " + address + ";\n";
          lines.outputs = {"%d2", "%d3"};
          std::vector<Column> given(inputs.begin(), inputs.begin() + 2 + count);
          expectLines(lines, given, [&](const uint64_t *in, uint64_t *out) {
            out[0] = in[0];
            out[1] = in[1];
            for (int n = 0; n < count; ++n) {
              uint64_t &word = out[n * type.bits / 64];
              int shift = n * type.bits % 64;
              word &= ~(cut(~uint64_t(0), type.bits) << shift);
              word |= cut(in[2 + n], type.bits) << shift;
            }
          });
        }
}

TEST(LoadStore, ImmediatesSymbolsAndDiscardedElements) {
  PtxLines lines;
  lines.text = places + "st.shared.v4.b32 [%r90], {1, 2, 3, 4};\n"
                        "ld.shared.v4.b32 {_, %r0, _, %r1}, [%r90];\n"
                        "st.shared.f32 [%r90+8], 0f3F800000;\n"
                        "st.shared.b16 [%r90], -1;\n"
                        "ld.shared.v4.b32 {%r2, %r3, %r4, %r5}, [%r90];\n"
                        "bar.sync 0;\n"
                        "ld.shared.b32 %r6, [shared+20];\n";
  lines.outputs = {"%r0", "%r1", "%r2", "%r3", "%r4", "%r5", "%r6"};
  expectLines(lines, {}, [](const uint64_t *, uint64_t *out) {
    const uint64_t wanted[] = {2, 4, 0xffff, 2, 0x3f800000, 4, 2};
    std::copy(std::begin(wanted), std::end(wanted), out);
  });
}

TEST(LoadStore, GuardsAndDivergence) {
  // Odd threads store, and load into registers that others keep.
  PtxLines lines;
  lines.text = places + "st.shared.b32 [%r90], 5;\nand.b32 %r92, %r91, 1;\n"
                        "setp.eq.u32 %p0, %r92, 1;\nmov.b32 %r1, 7;\n"
                        "@%p0 st.shared.b32 [%r90], %r0;\n"
                        "@%p0 ld.shared.b32 %r1, [%r90];\n"
                        "ld.shared.b32 %r2, [%r90];\n";
  lines.inputs = {"%r0"};
  lines.outputs = {"%r92", "%r1", "%r2"};
  auto outputs = runLines(lines, randomInputs(1));
  ASSERT_TRUE(outputs) << outputs.error();
  auto inputs = randomInputs(1);
  for (size_t t = 0; t < 128; ++t) {
    uint64_t given = inputs[0][t] & 0xffffffff;
    EXPECT_EQ((*outputs)[1][t], t % 2 ? given : 7u);
    EXPECT_EQ((*outputs)[2][t], t % 2 ? given : 5u);
  }
}

// A warp may touch several memories at once.
TEST(LoadStore, GenericAddressesOfSeveralSpaces) {
  PtxLines lines;
  lines.text = places + "st.shared.b32 [%r90], 1;\nst.local.b32 [%d17], 2;\n"
                        "and.b32 %r92, %r91, 3;\n"
                        "setp.eq.u32 %p0, %r92, 0;\nsetp.eq.u32 %p1, %r92, 1;\n"
                        "mov.b64 %d0, %in;\n@%p0 mov.b64 %d0, %d18;\n"
                        "@%p1 mov.b64 %d0, %d19;\n"
                        "ld.b32 %r1, [%d0];\nst.b32 [%d0], 9;\n"
                        "ld.shared.b32 %r2, [%r90];\n"
                        "ld.local.b32 %r3, [%d17];\n"
                        "ld.global.b32 %r4, [%in];\n";
  lines.inputs = {"%r0"};
  lines.outputs = {"%r92", "%r1", "%r2", "%r3", "%r4"};
  auto inputs = randomInputs(1);
  auto outputs = runLines(lines, inputs);
  ASSERT_TRUE(outputs) << outputs.error();
  for (size_t t = 0; t < 128; ++t) {
    uint64_t given = inputs[0][t] & 0xffffffff;
    EXPECT_EQ((*outputs)[1][t], t % 4 == 0 ? 1 : t % 4 == 1 ? 2 : given);
    EXPECT_EQ((*outputs)[2][t], t % 4 == 0 ? 9u : 1u);
    EXPECT_EQ((*outputs)[3][t], t % 4 == 1 ? 9u : 2u);
    EXPECT_EQ((*outputs)[4][t], t % 4 > 1 ? 9u : given);
  }
}

TEST(LoadStore, HintsHaveNoEffect) {
  const auto inputs = randomInputs(1);
  for (const char *hint :
       {".ca", ".cg", ".cs", ".lu", ".cv", ".nc", ".ca.nc", ".nc.L2::128B",
        ".L1::evict_last", ".nc.L1::no_allocate.L2::64B", ".L2::256B",
        ".nc.L1::no_allocate.L2::256B"}) {
    PtxLines lines;
    lines.text = std::string("ld.global") + hint + ".b32 %r1, [%in];";
    lines.inputs = {"%r0"};
    lines.outputs = {"%r1"};
    expectLines(lines, inputs, [](const uint64_t *in, uint64_t *out) {
      out[0] = cut(in[0], 32);
    });
  }
  PtxLines lines;
  lines.text = "createpolicy.fractional.L2::evict_first.b64 %d1, 0f3F000000;\n"
               "createpolicy.cvt.L2.b64 %d1, %d1;\n"
               "prefetch.global.L1 [%in];\nprefetch.L2 [%in];\n"
               "prefetch.global.L2::evict_last [%in];\nprefetchu.L1 [%in];\n"
               "applypriority.global.L2::evict_normal [%in], 128;\n"
               "ld.global.L2::cache_hint.b32 %r1, [%in], %d1;\n"
               "st.global.L1::no_allocate.L2::cache_hint.b32 [%in], 7, %d1;\n"
               "st.global.wt.b32 [%in], 8;\n"
               "ld.global.L1::no_allocate.L2::cache_hint.L2::128B.b32 %r2, "
               "[%in], %d1;\n";
  lines.inputs = {"%r0"};
  lines.outputs = {"%r1", "%r2"};
  expectLines(lines, inputs, [](const uint64_t *in, uint64_t *out) {
    out[0] = cut(in[0], 32);
    out[1] = 8;
  });
}

TEST(LoadStore, VectorsMustFit) {
  auto errorOf = [](const std::string &text) {
    PtxLines lines;
    lines.text = text;
    auto outputs = runLines(lines, {});
    return outputs ? std::string() : outputs.error();
  };
  EXPECT_NE(errorOf("ld.shared.v2.b32 {%r0, %r1, %r2}, [shared];")
                .find("a vector of 2 registers is expected, not of 3"),
            std::string::npos);
  EXPECT_NE(errorOf("ld.shared.v2.b32 %r0, [shared];")
                .find("a vector of 2 registers is expected"),
            std::string::npos);
  EXPECT_NE(errorOf("ld.shared.b32 %h0, [shared];").find("has 16 bits"),
            std::string::npos);
  EXPECT_NE(errorOf("ld.shared.v4.b64 {%d0, %d1, %d2, %d3}, [shared];")
                .find("is not known"),
            std::string::npos);
}

} // namespace
