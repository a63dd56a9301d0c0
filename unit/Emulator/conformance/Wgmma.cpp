//===- Wgmma.cpp - A product of a warpgroup as a case ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Wgmma.h"

#include <algorithm>

using namespace attn;
using namespace attn::conformance;

static constexpr unsigned rows = 64, threads = 128, lanes = 32;
static constexpr unsigned registersA = 4; ///< 64 x 32 bytes in 128 threads

namespace {
/// An operand in shared memory.
struct Placed {
  SharedLayout layout;
  uint32_t bytes = 0;       ///< of shared memory
  uint32_t bytesPerStep = 0; ///< from one instruction to the next...
  unsigned stepsPerAtom = 1; ///< ... within an atom of the swizzle,
  uint32_t bytesPerAtom = 0; ///< and from one atom to the next

  uint32_t offsetOf(unsigned step) const {
    return step % stepsPerAtom * bytesPerStep +
           step / stepsPerAtom * bytesPerAtom;
  }
};
} // namespace

static unsigned roundUp(unsigned value, unsigned unit) {
  return (value + unit - 1) / unit * unit;
}

/// Chooses strides for an operand of `extent` rows or columns. Parts of shared
/// memory ("atoms": 8 rows of a swizzle, or 8 x 16 bytes without) follow each
/// other along M or N and along K.
static Placed place(SharedLayout layout, Strides strides, unsigned extent,
                    unsigned depth, unsigned elementBytes) {
  Placed placed;
  unsigned row = layout.swizzle ? layout.swizzle : 16;
  unsigned atom = 8 * row;
  // Elements of an atom along M or N, and along K.
  unsigned along = row / elementBytes;
  unsigned mn = layout.isMnMajor ? along : 8, k = layout.isMnMajor ? 8 : along;
  unsigned atomsMn = roundUp(extent, mn) / mn, atomsK = roundUp(depth, k) / k;
  uint32_t strideMn = atom, strideK = atom;
  if (strides == Strides::kFirst) {
    strideMn = atomsK * atom;
  } else {
    if (strides == Strides::padded)
      strideMn = 2 * atom;
    strideK = atomsMn * strideMn + (strides == Strides::padded ? atom : 0);
  }
  // Which of them is called leading, see SharedLayout::offsetOf.
  if (layout.swizzle == 0) {
    layout.leadingOffset = strideK;
    layout.strideOffset = strideMn;
  } else if (layout.isMnMajor) {
    layout.leadingOffset = strideMn;
    layout.strideOffset = strideK;
  } else {
    // The leading offset is not used: all K of an instruction is in the atom.
    layout.leadingOffset = 16;
    layout.strideOffset = strideMn;
  }
  placed.layout = layout;
  placed.bytes = (atomsMn - 1) * strideMn + (atomsK - 1) * strideK + atom;
  unsigned perStep = 32 / elementBytes; // of K
  if (!layout.isMnMajor && layout.swizzle) {
    placed.stepsPerAtom = row / 32;
    placed.bytesPerStep = 32;
    placed.bytesPerAtom = strideK;
  } else {
    placed.bytesPerAtom = perStep / k * strideK;
  }
  return placed;
}

namespace {
struct Data {
  Matrix a, b, d;
};
} // namespace

static uint64_t number(Element element, bool isExact, Random &random) {
  if (!isFloat(element))
    return random.next() & (~uint64_t(0) >> (64 - bytesOf(element) * 8));
  if (isExact)
    return ofInteger(element, random.between(-3, 3));
  return encode(element, random.unit() * 2 - 1);
}

static Data dataOf(const Wgmma &wgmma) {
  Random random(34);
  Data data{{rows, wgmma.depth, wgmma.a},
            {wgmma.depth, wgmma.n, wgmma.b},
            {rows, wgmma.n, wgmma.d}};
  for (uint64_t &bits : data.a.bits)
    bits = number(wgmma.a, wgmma.isExact, random);
  for (uint64_t &bits : data.b.bits)
    bits = number(wgmma.b, wgmma.isExact, random);
  for (uint64_t &bits : data.d.bits) {
    bits = number(wgmma.d, wgmma.isExact, random);
    if (wgmma.d == Element::s32)
      bits = uint32_t(wgmma.overflows
                          ? (random.below(2) ? INT32_MAX : INT32_MIN)
                          : random.between(-1000, 1000));
  }
  return data;
}

/// The value of an element of D. Sums of integers saturate or wrap after each
/// instruction.
static uint64_t product(const Wgmma &wgmma, const Data &data, unsigned row,
                        unsigned column) {
  Wide sum = wgmma.scaleD ? data.d.value(row, column) : Wide(0);
  for (unsigned k = 0; k < wgmma.depth; ++k) {
    Wide a = data.a.value(row, k), b = data.b.value(k, column);
    sum += a * b * (wgmma.scaleA * wgmma.scaleB);
    if (wgmma.satfinite && k % wgmma.k() == wgmma.k() - 1)
      sum = std::min(std::max(sum, -power2(31)), power2(31) - 1);
  }
  if (isFloat(wgmma.d))
    return encode(wgmma.d, sum);
  return static_cast<uint32_t>(static_cast<int64_t>(sum));
}

static const char *text = R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
.reqntid 128, 1, 1
{
  .shared .align 1024 .b8 tiles[$BYTES];
  .reg .b64 %in, %out, %at, %a, %b;
  .reg .b32 %t, %i, %s, %base, %v<4>, %f<$FRAGMENTS>;
  .reg .b32 %d<$REGISTERS>;
  .reg .pred %p, %first;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %t, %tid.x;
  mov.u32 %base, tiles;
  mov.b32 %i, %t;
copy:
  mad.wide.u32 %at, %i, 16, %in;
  ld.global.v4.b32 {%v0, %v1, %v2, %v3}, [%at];
  mad.lo.u32 %s, %i, 16, %base;
  st.shared.v4.b32 [%s], {%v0, %v1, %v2, %v3};
  add.u32 %i, %i, 128;
  setp.lt.u32 %p, %i, $CHUNKS;
  @%p bra copy;
  mad.wide.u32 %at, %t, 4, %in;
$LOADS  fence.proxy.async;
  bar.sync 0;
  shr.u32 %s, %base, 4;
  and.b32 %s, %s, 0x3fff;
  mov.b32 %i, 0;
  mov.b64 %a, {%s, %i};
  add.u64 %b, %a, $TILEB;
  or.b64 %a, %a, $DESCRIPTORA;
  or.b64 %b, %b, $DESCRIPTORB;
  setp.ne.u32 %first, %t, $NEVER;
  wgmma.fence.sync.aligned;
$PRODUCTS  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;
  mad.wide.u32 %at, %t, 4, %out;
$STORES  ret;
}
)";

/// "{%d0, %d1}".
static std::string list(const char *name, unsigned first, unsigned count) {
  std::string list;
  for (unsigned i = 0; i < count; ++i)
    list += (i ? ", " : "") + std::string(name) + std::to_string(first + i);
  return "{" + list + "}";
}

/// The instructions, one for each step; the descriptors move on in between.
static std::string products(const Wgmma &wgmma, const Placed &a,
                            const Placed &b) {
  std::string spelling = "  wgmma.mma_async.sync.aligned.m64n" +
                         std::to_string(wgmma.n) + "k" +
                         std::to_string(wgmma.k()) +
                         (wgmma.satfinite ? ".satfinite." : ".") +
                         nameOf(wgmma.d) + "." + wgmma.typeA + "." +
                         wgmma.typeB + " ";
  std::string immediates;
  if (isFloat(wgmma.a))
    immediates = ", " + std::to_string(wgmma.scaleA) + ", " +
                 std::to_string(wgmma.scaleB);
  if (bytesOf(wgmma.a) == 2) {
    if (!wgmma.takesRegisters)
      immediates += wgmma.layoutA.isMnMajor ? ", 1" : ", 0";
    immediates += wgmma.layoutB.isMnMajor ? ", 1" : ", 0";
  }
  std::string all;
  uint32_t atA = 0, atB = 0;
  for (unsigned step = 0; step < wgmma.steps(); ++step) {
    if (step) {
      // Before the products: differences in units of 16 bytes.
      uint32_t nextA = a.offsetOf(step), nextB = b.offsetOf(step);
      if (!wgmma.takesRegisters)
        all += "  add.s64 %a, %a, " +
               std::to_string((int(nextA) - int(atA)) / 16) + ";\n";
      all += "  add.s64 %b, %b, " +
             std::to_string((int(nextB) - int(atB)) / 16) + ";\n";
      atA = nextA;
      atB = nextB;
    }
    std::string operandA = wgmma.takesRegisters
                               ? list("%f", step * registersA, registersA)
                               : "%a";
    // D is replaced by the first product only.
    const char *scaleD = step ? "1" : "%first";
    all += spelling + list("%d", 0, wgmma.registersD()) + ", " + operandA +
           ", %b, " + scaleD + immediates + ";\n";
  }
  return all;
}

Problem Wgmma::problem(const Target &target) const {
  Data data = dataOf(*this);
  Placed placedA =
      place(layoutA, strides, rows, depth, bytesOf(a));
  Placed placedB = place(layoutB, strides, n, depth, bytesOf(b));
  uint32_t tileB = takesRegisters ? 0 : roundUp(placedA.bytes, 1024);
  uint32_t sharedBytes = roundUp(tileB + placedB.bytes, threads * 16);

  // Shared memory, then the fragments of A, then those of D, by register.
  Problem problem;
  problem.input.assign(sharedBytes, '\x3b');
  auto put = [&](uint32_t tile, const Placed &placed, unsigned mn, unsigned at,
                 uint64_t bits, unsigned size) {
    // K beyond an instruction is where the descriptor has moved to.
    uint32_t offset = placed.offsetOf(at / k()) +
                      placed.layout.offsetOf(mn, at % k(), size);
    write(problem.input, swizzled(tile + offset, placed.layout.swizzle), bits,
          size);
  };
  for (unsigned kk = 0; kk < depth; ++kk) {
    for (unsigned m = 0; m < rows && !takesRegisters; ++m)
      put(0, placedA, m, kk, data.a.at(m, kk), bytesOf(a));
    for (unsigned column = 0; column < n; ++column)
      put(tileB, placedB, column, kk, data.b.at(kk, column), bytesOf(b));
  }
  std::string loads;
  auto addLoad = [&](const std::string &reg) {
    loads += "  ld.global.b32 " + reg + ", [%at+" +
             std::to_string(problem.input.size()) + "];\n";
  };
  unsigned per = 4 / bytesOf(a), fragments = steps() * registersA;
  for (unsigned r = 0; r < fragments && takesRegisters; ++r) {
    addLoad("%f" + std::to_string(r));
    for (unsigned t = 0; t < threads; ++t)
      for (unsigned e = 0; e < per; ++e) {
        Place at = placeOfA(t % lanes, r % registersA, e, per, 16);
        append(problem.input,
               data.a.at(t / lanes * 16 + at.row,
                         r / registersA * k() + at.column),
               bytesOf(a));
      }
  }
  unsigned perD = perRegisterD();
  for (unsigned r = 0; r < registersD() && scaleD; ++r) {
    addLoad("%d" + std::to_string(r));
    for (unsigned t = 0; t < threads; ++t)
      for (unsigned e = 0; e < perD; ++e) {
        Place at = placeOfD(t, r * perD + e);
        append(problem.input, data.d.at(at.row, at.column), bytesOf(d));
      }
  }
  std::string stores;
  for (unsigned r = 0; r < registersD(); ++r)
    stores += "  st.global.b32 [%at+" + std::to_string(r * threads * 4) +
              "], %d" + std::to_string(r) + ";\n";
  problem.ptx =
      header(target) +
      fill(text, {{"BYTES", std::to_string(sharedBytes)},
                  {"CHUNKS", std::to_string(sharedBytes / 16)},
                  {"FRAGMENTS", std::to_string(fragments)},
                  {"REGISTERS", std::to_string(registersD())},
                  {"LOADS", loads},
                  {"TILEB", std::to_string(tileB / 16)},
                  {"DESCRIPTORA", std::to_string(descriptorOf(placedA.layout))},
                  {"DESCRIPTORB", std::to_string(descriptorOf(placedB.layout))},
                  // True or false in all threads, but not known to ptxas.
                  {"NEVER", scaleD ? "4096" : "%t"},
                  {"PRODUCTS", products(*this, placedA, placedB)},
                  {"STORES", stores}});
  problem.block = {threads, 1, 1};
  Tolerance tolerance;
  if (!isExact) {
    // See MmaCases.cpp.
    double part = bytesOf(a) == 1 ? 0x1p-12 : 0x1p-21;
    tolerance = {1, part * depth, true};
  }
  problem.addOutput("d", d, registersD(), threads * perD, tolerance);
  problem.where = [=](const Output &, uint32_t r, uint32_t column) {
    unsigned thread = column / perD;
    Place at = placeOfD(thread, r * perD + column % perD);
    return "row " + std::to_string(at.row) + ", column " +
           std::to_string(at.column) + " (register " + std::to_string(r) +
           " of thread " + std::to_string(thread) + ")";
  };
  problem.expected = [wgmma = *this, data, perD] {
    std::string all;
    for (unsigned r = 0; r < wgmma.registersD(); ++r)
      for (unsigned t = 0; t < threads; ++t)
        for (unsigned e = 0; e < perD; ++e) {
          Place at = placeOfD(t, r * perD + e);
          append(all, product(wgmma, data, at.row, at.column),
                 bytesOf(wgmma.d));
        }
    return all;
  };
  return problem;
}
