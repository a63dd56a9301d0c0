//===- Mma.cpp - mma.sync -------------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Warp-level matrix instructions: mma". A register of A holds a block
// of 8 rows and 16 bytes in each; seen as bytes, its 32 lanes are the block in
// row-major order. The registers of A go down first: rows 0-7, rows 8-15, then
// the next columns. The registers of B are the same blocks of its transpose.
// C and D of 32 bits have two registers for 8 rows: lane 4r + c holds columns
// 2c and 2c + 1 of row r.
//
//===----------------------------------------------------------------------===//

#include "Elements.h"
#include "Product.h"

using namespace attn;
using namespace attn::emulator;

namespace {

constexpr int blockRows = 8, rowsOfA = 16, columns = 8;

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// The rows of the operands, in the list of the Op: D, A, B, C.
struct Operands {
  Warp &warp;
  const Ref *refs;

  const uint32_t *row(unsigned n) const { return warp.row<uint32_t>(refs[n]); }
  uint32_t *target(unsigned n) const { return warp.row<uint32_t>(refs[n]); }
};

/// `count` registers, the blocks of a matrix: block n is at rows
/// 8 (n % down) and columns (n / down) blocks of a matrix of k columns.
template <typename Element, int k, int down>
void loadBlocks(const Operands &from, unsigned first, unsigned count,
                typename Element::Value *to) {
  using Stored = typename Element::Stored;
  constexpr int width = 16 / sizeof(Stored);
  for (unsigned n = 0; n < count; ++n) {
    Stored block[blockRows * width];
    std::memcpy(block, from.row(first + n), sizeof block);
    typename Element::Value *corner =
        to + (n % down) * blockRows * k + (n / down) * width;
    for (int r = 0; r < blockRows; ++r)
      for (int c = 0; c < width; ++c)
        corner[r * k + c] = Element::convert(block[r * width + c]);
  }
}

/// Accumulators of 32 bits.
template <typename T>
struct Wide {
  static constexpr unsigned registers = 4;

  static void load(const Operands &from, unsigned first, T *to) {
    for (int half = 0; half < 2; ++half) {
      const T *even = reinterpret_cast<const T *>(from.row(first + 2 * half));
      const T *odd =
          reinterpret_cast<const T *>(from.row(first + 2 * half + 1));
      T *out = to + blockRows * columns * half;
      for (int l = 0; l < lanesPerWarp; ++l) {
        out[2 * l] = even[l];
        out[2 * l + 1] = odd[l];
      }
    }
  }
  static void store(const Operands &to, const T *from) {
    for (int half = 0; half < 2; ++half) {
      T *even = reinterpret_cast<T *>(to.target(2 * half));
      T *odd = reinterpret_cast<T *>(to.target(2 * half + 1));
      const T *in = from + blockRows * columns * half;
      for (int l = 0; l < lanesPerWarp; ++l) {
        even[l] = in[2 * l];
        odd[l] = in[2 * l + 1];
      }
    }
  }
  static void finish(T *d) {
    if constexpr (std::is_same_v<T, float>)
      for (int n = 0; n < rowsOfA * columns; ++n)
        d[n] = canonical(d[n]);
  }
};

/// Accumulators of f16: each register is a block.
struct Half {
  static constexpr unsigned registers = 2;

  static void load(const Operands &from, unsigned first, float *to) {
    loadBlocks<ElementF16, columns, 2>(from, first, registers, to);
  }
  static void store(const Operands &to, const float *from) {
    for (unsigned half = 0; half < registers; ++half) {
      uint16_t block[blockRows * columns];
      for (int n = 0; n < blockRows * columns; ++n)
        block[n] = fromFloat<F16>(from[blockRows * columns * half + n]).bits;
      std::memcpy(to.target(half), block, sizeof block);
    }
  }
  static void finish(float *) {}
};

/// A m16 k and B k n8. `detail` of the Op: 1 for .satfinite.
template <typename ElementA, typename ElementB, typename Accumulator, int k>
Flow multiply(Warp &warp, const Op &op, LaneMask) {
  using Value = typename ElementA::Value;
  constexpr unsigned bytes = sizeof(typename ElementA::Stored);
  constexpr unsigned countB = k * bytes / 16, countA = 2 * countB;
  constexpr unsigned firstA = Accumulator::registers, firstB = firstA + countA,
                     firstC = firstB + countB;
  Operands operands{warp, warp.cta.program.lists.data() + op.listBegin};

  alignas(32) Value a[rowsOfA * k], transposed[columns * k], b[k * columns],
      d[rowsOfA * columns];
  loadBlocks<ElementA, k, 2>(operands, firstA, countA, a);
  loadBlocks<ElementB, k, 1>(operands, firstB, countB, transposed);
  if constexpr (k % 8 == 0) {
    for (int n = 0; n < k; n += 8)
      transpose8(transposed + n, k, b + n * columns);
  } else {
    for (int n = 0; n < k; ++n)
      for (int c = 0; c < columns; ++c)
        b[n * columns + c] = transposed[c * k + n];
  }
  Accumulator::load(operands, firstC, d);

  if (std::is_same_v<Value, int32_t> && op.detail) {
    // The sum of the products fits; only adding C may not.
    alignas(32) Value sums[rowsOfA * columns] = {};
    addProduct<8>(sums, a, b, k);
    addProduct<8>(sums + 8 * columns, a + 8 * k, b, k);
    for (int n = 0; n < rowsOfA * columns; ++n) {
      int64_t sum = int64_t(d[n]) + int64_t(sums[n]);
      d[n] = static_cast<Value>(
          std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX));
    }
  } else {
    addProduct<8>(d, a, b, k);
    addProduct<8>(d + 8 * columns, a + 8 * k, b, k);
  }
  Accumulator::finish(d);
  Accumulator::store(operands, d);
  return Flow::next;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// D, A, B, C in so many registers each.
void decodeOperands(Decoder &decoder, unsigned accumulators, unsigned countA,
                    unsigned countB, Type type, Handler handler) {
  if (!decoder.expectOperands(4))
    return;
  const Type bits{Type::bits, 32};
  decoder.listDestinations(0, type, accumulators);
  decoder.listSources(1, bits, countA);
  decoder.listSources(2, bits, countB);
  decoder.listSources(3, type, accumulators);
  decoder.op.isAligned = true;
  decoder.op.handler = handler;
}

template <typename ElementA, typename ElementB, typename Accumulator, int k>
void decodeProduct(Decoder &decoder, const Match &) {
  constexpr unsigned count = k * sizeof(typename ElementA::Stored) / 16;
  Type type{Type::bits, 32};
  if (std::is_same_v<Accumulator, Wide<float>>)
    type.kind = Type::floating;
  if (decoder.instruction().opcode.find(".satfinite") != std::string::npos)
    decoder.op.detail = 1;
  decodeOperands(decoder, Accumulator::registers, 2 * count, count, type,
                 multiply<ElementA, ElementB, Accumulator, k>);
}

#define D4 "{%r0, %r1, %r2, %r3}"
#define C4 "{%r10, %r11, %r12, %r13}"
#define D2 "{%r0, %r1}"
#define C2 "{%r10, %r11}"
#define AB1 ", {%r4, %r5}, {%r8}, "
#define AB2 ", {%r4, %r5, %r6, %r7}, {%r8, %r9}, "

template <typename A, typename B>
void addF8(std::vector<Form> &forms, const char *const (&spellings)[4]) {
  forms.push_back({spellings[0], D4 AB2 C4,
                   decodeProduct<A, B, Wide<float>, 32>, 89, false, 84});
  forms.push_back(
      {spellings[1], D2 AB2 C2, decodeProduct<A, B, Half, 32>, 89, false, 87});
  forms.push_back({spellings[2], D4 AB1 C4,
                   decodeProduct<A, B, Wide<float>, 16>, 89, false, 87});
  forms.push_back(
      {spellings[3], D2 AB1 C2, decodeProduct<A, B, Half, 16>, 89, false, 87});
}

template <typename A, typename B>
void addInteger(std::vector<Form> &forms, const char *const (&spellings)[2]) {
  forms.push_back(
      {spellings[0], D4 AB1 C4, decodeProduct<A, B, Wide<int32_t>, 16>, 80});
  forms.push_back(
      {spellings[1], D4 AB2 C4, decodeProduct<A, B, Wide<int32_t>, 32>, 80});
}

#define F8_SPELLINGS(a, b)                                                     \
  {"mma.sync.aligned.m16n8k32.row.col.f32." a "." b ".f32",                    \
   "mma.sync.aligned.m16n8k32.row.col.f16." a "." b ".f16",                    \
   "mma.sync.aligned.m16n8k16.row.col.f32." a "." b ".f32",                    \
   "mma.sync.aligned.m16n8k16.row.col.f16." a "." b ".f16"}
#define INTEGER_SPELLINGS(a, b)                                                \
  {"mma.sync.aligned.m16n8k16.row.col[.satfinite].s32." a "." b ".s32",        \
   "mma.sync.aligned.m16n8k32.row.col[.satfinite].s32." a "." b ".s32"}

} // namespace

std::vector<Form> attn::emulator::mmaForms() {
  std::vector<Form> forms = {
      {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", D4 AB2 C4,
       decodeProduct<ElementF16, ElementF16, Wide<float>, 16>, 80},
      {"mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16", D2 AB2 C2,
       decodeProduct<ElementF16, ElementF16, Half, 16>, 80},
      {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", D4 AB2 C4,
       decodeProduct<ElementBF16, ElementBF16, Wide<float>, 16>, 80},
      {"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", D4 AB1 C4,
       decodeProduct<ElementF16, ElementF16, Wide<float>, 8>},
      {"mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16", D2 AB1 C2,
       decodeProduct<ElementF16, ElementF16, Half, 8>},
      {"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", D4 AB1 C4,
       decodeProduct<ElementBF16, ElementBF16, Wide<float>, 8>, 80},
      {"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", D4 AB1 C4,
       decodeProduct<ElementTF32, ElementTF32, Wide<float>, 4>, 80},
      {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", D4 AB2 C4,
       decodeProduct<ElementTF32, ElementTF32, Wide<float>, 8>, 80},
  };
  addInteger<ElementS8, ElementS8>(forms, INTEGER_SPELLINGS("s8", "s8"));
  addInteger<ElementS8, ElementU8>(forms, INTEGER_SPELLINGS("s8", "u8"));
  addInteger<ElementU8, ElementS8>(forms, INTEGER_SPELLINGS("u8", "s8"));
  addInteger<ElementU8, ElementU8>(forms, INTEGER_SPELLINGS("u8", "u8"));
  addF8<ElementE4M3, ElementE4M3>(forms, F8_SPELLINGS("e4m3", "e4m3"));
  addF8<ElementE4M3, ElementE5M2>(forms, F8_SPELLINGS("e4m3", "e5m2"));
  addF8<ElementE5M2, ElementE4M3>(forms, F8_SPELLINGS("e5m2", "e4m3"));
  addF8<ElementE5M2, ElementE5M2>(forms, F8_SPELLINGS("e5m2", "e5m2"));
  return forms;
}
