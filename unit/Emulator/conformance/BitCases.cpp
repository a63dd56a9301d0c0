//===- BitCases.cpp - Logic, shifts, bit fields, permutations -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Logic and shift instructions", the bit instructions of "Integer
// arithmetic instructions", prmt, selp and slct.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <algorithm>
#include <cstdlib>

using namespace attn;
using namespace attn::conformance;

namespace {
struct Adder {
  Cases &cases;

  void operator()(const std::string &name, const std::string &inputs,
                  const std::string &outputs, const std::string &code,
                  Reference reference, size_t count = 256, Rows edges = {},
                  Target target = {}) {
    cases.push_back({"bits." + name, target, [=] {
                       Elementwise given{inputs, outputs, code, {}, reference,
                                         {}};
                       given.rows = rowsFor(inputs, count, 2, edges);
                       return elementwise(target, given);
                     }});
  }
};
} // namespace

/// Shift amounts around the widths of registers.
static const std::vector<uint64_t> amounts = {
    0,  1,  5,  15, 16, 17,  31,         32,         33,
    47, 63, 64, 65, 96, 255, 0x80000000, 0xffffffff, 0x100};

static uint64_t ones(unsigned count) {
  return count >= 64 ? ~uint64_t(0) : (uint64_t(1) << count) - 1;
}

template <unsigned width>
static int64_t extend(uint64_t value) {
  return static_cast<int64_t>(value << (64 - width)) >> (64 - width);
}

//===----------------------------------------------------------------------===//
// By width
//===----------------------------------------------------------------------===//

template <unsigned width>
static void logic(const uint64_t *in, uint64_t *out) {
  uint64_t a = in[0], b = in[1];
  out[0] = a & b;
  out[1] = a | b;
  out[2] = a ^ b;
  out[3] = ~a & ones(width);
  out[4] = a == 0;
}

template <unsigned width>
static void shifts(const uint64_t *in, uint64_t *out) {
  uint64_t a = in[0], n = in[1];
  bool clamped = n >= width;
  out[0] = clamped ? 0 : a << n & ones(width);
  out[1] = out[2] = clamped ? 0 : a >> n;
  out[3] = extend<width>(a) >> (clamped ? 63 : n) & ones(width);
}

/// The highest bit that differs from the sign; ~0 if there is none.
static uint64_t find(uint64_t a, unsigned width) {
  for (int i = width - 1; i >= 0; --i)
    if (a >> i & 1)
      return i;
  return 0xffffffff;
}

template <unsigned width>
static void counts(const uint64_t *in, uint64_t *out) {
  uint64_t a = in[0], reversed = 0, population = 0, zeros = 0;
  for (unsigned i = 0; i < width; ++i) {
    population += a >> i & 1;
    reversed |= (a >> i & 1) << (width - 1 - i);
  }
  while (zeros < width && !(a >> (width - 1 - zeros) & 1))
    ++zeros;
  uint64_t b = a >> (width - 1) ? ~a & ones(width) : a;
  out[0] = population;
  out[1] = zeros;
  out[2] = reversed;
  out[3] = find(a, width);
  out[4] = find(b, width);
  out[5] = out[3] == 0xffffffff ? out[3] : width - 1 - out[3];
  out[6] = out[4] == 0xffffffff ? out[4] : width - 1 - out[4];
}

template <unsigned width>
static uint64_t extract(uint64_t a, unsigned position, unsigned length,
                        bool isSigned) {
  const unsigned most = width - 1;
  bool sign = false;
  if (isSigned && length != 0)
    sign = a >> std::min(position + length - 1, most) & 1;
  uint64_t field = 0;
  for (unsigned i = 0; i < width; ++i) {
    bool bit = i < length && position + i <= most ? a >> (position + i) & 1
                                                  : sign;
    field |= uint64_t(bit) << i;
  }
  return field;
}

/// bfe and bfi look at the low 8 bits of position and length.
template <unsigned width>
static void fields(const uint64_t *in, uint64_t *out) {
  uint64_t a = in[0], b = in[1];
  unsigned position = in[2] & 0xff, length = in[3] & 0xff;
  out[0] = extract<width>(a, position, length, false);
  out[1] = extract<width>(a, position, length, true);
  out[2] = b;
  for (unsigned i = 0; i < length && position + i < width; ++i) {
    uint64_t bit = uint64_t(1) << (position + i);
    out[2] = (out[2] & ~bit) | (a >> i & 1 ? bit : 0);
  }
}

template <unsigned width>
static void addWidth(Cases &cases) {
  Adder add{cases};
  std::string bits = std::to_string(width);
  std::vector<std::pair<std::string, std::string>> names = {{"W", bits}};
  auto of = [&](const char *text) { return fill(text, names); };
  add("logic.b" + bits, of("b$W a, b$W b"),
      of("b$W both, b$W any, b$W one, b$W flipped, b$W none"),
      of(R"(and.b$W both, a, b;
  or.b$W any, a, b;
  xor.b$W one, a, b;
  not.b$W flipped, a;
  cnot.b$W none, a;)"),
      logic<width>, 128);
  add("shift.b" + bits, of("b$W a, b32 n"),
      of("b$W left, b$W right, b$W right_u, b$W right_s"),
      of(R"(shl.b$W left, a, n;
  shr.b$W right, a, n;
  shr.u$W right_u, a, n;
  shr.s$W right_s, a, n;)"),
      shifts<width>, 256, {{}, amounts});
  if constexpr (width != 16) {
    add("count.b" + bits, of("b$W a"),
        of("b32 ones, b32 zeros, b$W reversed, b32 top, b32 top_s, "
           "b32 shift, b32 shift_s"),
        of(R"(popc.b$W ones, a;
  clz.b$W zeros, a;
  brev.b$W reversed, a;
  bfind.u$W top, a;
  bfind.s$W top_s, a;
  bfind.shiftamt.u$W shift, a;
  bfind.shiftamt.s$W shift_s, a;)"),
        counts<width>, 128);
    add("field.b" + bits, of("b$W a, b$W b, b32 position, b32 length"),
        of("b$W part, b$W part_s, b$W inserted"),
        of(R"(bfe.u$W part, a, position, length;
  bfe.s$W part_s, a, position, length;
  bfi.b$W inserted, a, b, position, length;)"),
        fields<width>, 768, {{}, {}, amounts, amounts});
  }
}

//===----------------------------------------------------------------------===//
// Of 32 bits
//===----------------------------------------------------------------------===//

static void addFunnelShifts(Cases &cases) {
  Adder{cases}("funnel-shift", "b32 low, b32 high, b32 n",
               "b32 l_wrap, b32 l_clamp, b32 r_wrap, b32 r_clamp",
               R"(shf.l.wrap.b32 l_wrap, low, high, n;
  shf.l.clamp.b32 l_clamp, low, high, n;
  shf.r.wrap.b32 r_wrap, low, high, n;
  shf.r.clamp.b32 r_clamp, low, high, n;)",
               [](const uint64_t *in, uint64_t *out) {
                 unsigned __int128 both = in[0] | in[1] << 32;
                 unsigned wrap = in[2] & 31,
                          clamp = std::min<uint64_t>(in[2], 32);
                 out[0] = static_cast<uint32_t>((both << wrap) >> 32);
                 out[1] = static_cast<uint32_t>((both << clamp) >> 32);
                 out[2] = static_cast<uint32_t>(both >> wrap);
                 out[3] = static_cast<uint32_t>(both >> clamp);
               },
               384, {{}, {}, amounts});
}

static uint64_t extended(uint64_t a, uint64_t n, bool isWrap, bool isSigned) {
  bool isTooLarge = n >= 32 && !isWrap;
  n &= 31;
  uint64_t mask = isTooLarge ? 0 : ~ones(n) & 0xffffffff;
  bool sign = isSigned && n && !isTooLarge && (a >> (n - 1) & 1);
  return (a & ~mask) | (sign ? mask : 0);
}

static void addMasks(Cases &cases) {
  Adder add{cases};
  add("mask", "b32 a, b32 b", "b32 clamped, b32 wrapped",
      "bmsk.clamp.b32 clamped, a, b;\n  bmsk.wrap.b32 wrapped, a, b;",
      [](const uint64_t *in, uint64_t *out) {
        uint64_t first = std::min<uint64_t>(in[0], 32),
                 count = std::min<uint64_t>(in[1], 32);
        out[0] = static_cast<uint32_t>(ones(count) << first);
        out[1] = static_cast<uint32_t>(ones(in[1] & 31) << (in[0] & 31));
      },
      256, {amounts, amounts});
  add("extend", "b32 a, b32 n",
      "b32 clamped, b32 wrapped, b32 clamped_s, b32 wrapped_s",
      R"(szext.clamp.u32 clamped, a, n;
  szext.wrap.u32 wrapped, a, n;
  szext.clamp.s32 clamped_s, a, n;
  szext.wrap.s32 wrapped_s, a, n;)",
      [](const uint64_t *in, uint64_t *out) {
        for (int i = 0; i < 4; ++i)
          out[i] = extended(in[0], in[1], i & 1, i & 2);
      },
      256, {{}, amounts});
  add("nth-set", "b32 mask, b32 base, s32 offset", "b32 position",
      "fns.b32 position, mask, base, offset;",
      [](const uint64_t *in, uint64_t *out) {
        auto base = static_cast<int>(in[1]), offset = static_cast<int32_t>(in[2]);
        out[0] = 0xffffffff;
        if (offset == 0 && in[0] >> base & 1)
          out[0] = base;
        int left = std::abs(offset) - 1;
        for (int i = base; offset != 0 && i >= 0 && i < 32;
             i += offset > 0 ? 1 : -1)
          if (in[0] >> i & 1 && left-- == 0)
            out[0] = i;
      },
      256,
      {{0, 0xffffffff, 1, 0x80000000, 0x5a5a5a5a, 0x00ff1200},
       {0, 1, 4, 15, 30, 31},
       {0, 1, 2, 3, 9, 32, 33, uint32_t(-1), uint32_t(-2), uint32_t(-7)}});
}

/// What each mode of prmt selects: four numbers of bytes of b:a.
static void permute(const char *mode, const uint64_t *in, uint64_t *out) {
  uint64_t bytes = in[0] | in[1] << 32;
  unsigned selector = in[2] & 0xffff, n = selector & 3;
  std::string name = mode;
  for (unsigned i = 0; i < 4; ++i) {
    unsigned from = selector >> (4 * i) & 15;
    if (name == ".f4e")
      from = n + i;
    else if (name == ".b4e")
      from = (n - i) & 7;
    else if (name == ".rc8")
      from = n;
    else if (name == ".ecl")
      from = std::max(i, n);
    else if (name == ".ecr")
      from = std::min(i, n);
    else if (name == ".rc16")
      from = (n & 1) * 2 + (i & 1);
    uint64_t byte = bytes >> (8 * (from & 7)) & 0xff;
    if (from & 8)
      byte = byte & 0x80 ? 0xff : 0;
    out[0] |= byte << (8 * i);
  }
}

static void addPermutations(Cases &cases) {
  for (const char *mode :
       {"", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"})
    cases.push_back(
        {"bits.permute" + std::string(*mode ? mode : ".default"), {}, [=] {
           Elementwise given;
           given.inputs = "b32 a, b32 b, b32 selector";
           given.outputs = "b32 d";
           given.code = "prmt.b32" + std::string(mode) + " d, a, b, selector;";
           // Every digit in every place: 0xf7e6d5c4 is negative in each other.
           for (uint64_t i = 0; i < 256; ++i)
             given.rows.push_back({0x03820180 + i * 0x01010101 % 0x7f,
                                   0xf70615c4, (i * 0x1357 + i / 16) & 0xffff});
           given.reference = [=](const uint64_t *in, uint64_t *out) {
             permute(mode, in, out);
           };
           return elementwise({}, given);
         }});
}

/// All 256 tables at once: inputs that hold the eight combinations in 4 bits
/// each, so that each result holds its table.
static void addLogicTables(Cases &cases) {
  cases.push_back({"bits.tables", {}, [] {
                     Elementwise given;
                     given.inputs = "b32 a, b32 b, b32 c";
                     for (int table = 0; table < 256; ++table) {
                       std::string number = std::to_string(table);
                       given.outputs +=
                           (table ? ", b32 d" : "b32 d") + number;
                       given.code += "lop3.b32 d" + number + ", a, b, c, " +
                                     number + ";\n  ";
                     }
                     given.rows = {{0xf0f0f0f0, 0xcccccccc, 0xaaaaaaaa}};
                     given.reference = [](const uint64_t *, uint64_t *out) {
                       for (uint64_t table = 0; table < 256; ++table)
                         out[table] = table * 0x01010101;
                     };
                     return elementwise({}, given);
                   }});
  Adder{cases}("table-predicate", "b32 a, b32 b, b32 c",
               "b32 d, b32 e, pred p, pred q",
               R"(setp.ne.b32 %p, c, 0;
  lop3.or.b32 d|p, a, b, c, 0x96, %p;
  lop3.and.b32 e|q, a, b, c, 0xc0, %p;)",
               [](const uint64_t *in, uint64_t *out) {
                 out[0] = in[0] ^ in[1] ^ in[2];
                 out[1] = in[0] & in[1];
                 out[2] = out[0] != 0 || in[2] != 0;
                 out[3] = out[1] != 0 && in[2] != 0;
               },
               256, {}, {80, false, 82});
}

static void addSelections(Cases &cases) {
  Adder{cases}("select", "b32 a, b32 b, s32 c, f32 f",
               "b32 by_sign, b32 by_float, b32 by_float_ftz, b32 chosen",
               R"(slct.b32.s32 by_sign, a, b, c;
  slct.b32.f32 by_float, a, b, f;
  slct.ftz.b32.f32 by_float_ftz, a, b, f;
  setp.gt.s32 %p, c, 2;
  selp.b32 chosen, a, b, %p;)",
               [](const uint64_t *in, uint64_t *out) {
                 // Negative subnormal numbers are -0 with .ftz, which is not
                 // less than 0. NaN takes b.
                 Wide f = decode(Element::f32, in[3]);
                 out[0] = static_cast<int32_t>(in[2]) >= 0 ? in[0] : in[1];
                 out[1] = f >= 0 ? in[0] : in[1];
                 out[2] = flush(Element::f32, f) >= 0 ? in[0] : in[1];
                 out[3] = static_cast<int32_t>(in[2]) > 2 ? in[0] : in[1];
               },
               256);
}

void conformance::addBitCases(Cases &cases) {
  addWidth<16>(cases);
  addWidth<32>(cases);
  addWidth<64>(cases);
  addFunnelShifts(cases);
  addMasks(cases);
  addPermutations(cases);
  addLogicTables(cases);
  addSelections(cases);
}
