//===- Bits.cpp - Logic, shifts and bit fields ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Logic and Shift Instructions" and the bit fields among "Integer
// Arithmetic Instructions". Shifts by the width or more give 0 or the sign.
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"

#include <algorithm>

using namespace attn::emulator;

namespace {

struct And {
  template <typename T>
  static T of(T a, T b) {
    return a & b;
  }
};
struct Or {
  template <typename T>
  static T of(T a, T b) {
    return a | b;
  }
};
struct Xor {
  template <typename T>
  static T of(T a, T b) {
    return a ^ b;
  }
};
struct Not {
  template <typename T>
  static T of(T a) {
    return static_cast<T>(~a);
  }
};
/// 1 for 0, 0 for all else.
struct Cnot {
  template <typename T>
  static T of(T a) {
    return a == 0;
  }
};

template <typename T>
constexpr uint32_t widthOf = 8 * sizeof(T);

struct ShiftLeft {
  template <typename T>
  static T of(T a, uint32_t by) {
    return by < widthOf<T> ? static_cast<T>(a << (by & (widthOf<T> - 1))) : 0;
  }
};
struct ShiftRight {
  template <typename T>
  static T of(T a, uint32_t by) {
    uint32_t clamped = std::min(by, widthOf<T> - 1);
    T shifted = static_cast<T>(a >> clamped);
    return by < widthOf<T> || std::is_signed_v<T> ? shifted : T(0);
  }
};

/// A window of 32 bits in b:a.
template <bool left, bool wraps>
uint32_t funnelShift(uint32_t a, uint32_t b, uint32_t by) {
  uint32_t n = wraps ? by & 31 : std::min(by, 32u);
  uint64_t both = uint64_t(b) << 32 | a;
  return static_cast<uint32_t>(left ? (both << n) >> 32 : both >> n);
}

template <uint8_t table>
uint32_t lop3(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t result = 0;
  for (int n = 0; n < 8; ++n)
    if (table >> n & 1)
      result |= (n & 4 ? a : ~a) & (n & 2 ? b : ~b) & (n & 1 ? c : ~c);
  return result;
}

// Counts.

struct Popc {
  template <typename T>
  static uint32_t of(T a) {
    return static_cast<uint32_t>(__builtin_popcountll(a));
  }
};
struct Clz {
  template <typename T>
  static uint32_t of(T a) {
    if (a == 0)
      return widthOf<T>;
    return static_cast<uint32_t>(__builtin_clzll(a)) - (64 - widthOf<T>);
  }
};
struct Brev {
  template <typename T>
  static T of(T a) {
    T result = 0;
    for (uint32_t n = 0; n < widthOf<T>; ++n, a >>= 1)
      result = static_cast<T>(result << 1 | (a & 1));
    return result;
  }
};
/// The highest bit that is not the sign, or the shift that moves it to the top.
template <bool asShift>
struct Bfind {
  template <typename T>
  static uint32_t of(T a) {
    auto bits = static_cast<std::make_unsigned_t<T>>(a < 0 ? ~a : a);
    if (bits == 0)
      return ~0u;
    uint32_t zeros = Clz::of(bits);
    return asShift ? zeros : widthOf<T> - 1 - zeros;
  }
};

// Fields. Position and length are the lowest bytes of their operands.

struct Bfe {
  template <typename T>
  static T of(T a, uint32_t position, uint32_t length) {
    using U = std::make_unsigned_t<T>;
    constexpr uint32_t width = widthOf<T>;
    position &= 0xff;
    length &= 0xff;
    if (length == 0)
      return 0;
    bool isNegative = false;
    if (std::is_signed_v<T>)
      isNegative = a >> std::min(position + length - 1, width - 1) & 1;
    // Bits that are not there are copies of the sign.
    uint32_t kept = position < width ? std::min(length, width - position) : 0;
    U mask = kept >= width ? ~U(0) : (U(1) << kept) - 1;
    U field = kept ? static_cast<U>(a) >> position & mask : 0;
    return static_cast<T>(isNegative ? field | ~mask : field);
  }
};
struct Bfi {
  template <typename T>
  static T of(T a, T b, uint32_t position, uint32_t length) {
    constexpr uint32_t width = widthOf<T>;
    position &= 0xff;
    length &= 0xff;
    if (position >= width)
      return b;
    T mask = length >= width ? ~T(0) : (T(1) << length) - 1;
    mask <<= position;
    return (a << position & mask) | (b & ~mask);
  }
};

template <bool wraps>
uint32_t bmsk(uint32_t a, uint32_t b) {
  if (wraps) {
    a &= 31;
    b &= 31;
  }
  if (a >= 32)
    return 0;
  uint32_t end = std::min(b, 32u) + a;
  return (~0u << a) & (end >= 32 ? ~0u : ~(~0u << end));
}

template <bool wraps>
struct Szext {
  template <typename T>
  static T of(T a, uint32_t bits) {
    if (wraps)
      bits &= 31;
    if (bits >= 32)
      return a;
    if (bits == 0)
      return 0;
    uint32_t above = static_cast<uint32_t>(a) << (32 - bits);
    return static_cast<T>(above) >> (32 - bits);
  }
};

/// The |offset|-th set bit from `base` on, upwards or downwards.
uint32_t fns(uint32_t mask, uint32_t base, int32_t offset) {
  if (offset == 0)
    return base < 32 && mask >> base & 1 ? base : ~0u;
  int64_t left = offset > 0 ? int64_t(offset) : -int64_t(offset);
  for (int64_t at = base; at >= 0 && at < 32; at += offset > 0 ? 1 : -1)
    if (mask >> at & 1 && --left == 0)
      return static_cast<uint32_t>(at);
  return ~0u;
}

// Decoding. The last choice is the type.

template <typename Operation>
void decodeWords(Decoder &decoder, const Match &match) {
  withType<uint16_t, uint32_t, uint64_t>(match.choices.back(), [&](auto tag) {
    setLanewise<Operation::template of<typename decltype(tag)::type>>(decoder);
  });
}
template <typename Operation>
void decodeShift(Decoder &decoder, const Match &match) {
  withType<uint16_t, uint32_t, uint64_t, int16_t, int32_t, int64_t>(
      match.choices.back(), [&](auto tag) {
        setLanewise<Operation::template of<typename decltype(tag)::type>>(
            decoder);
      });
}
template <typename Operation>
void decodeField(Decoder &decoder, const Match &match) {
  withType<uint32_t, uint64_t, int32_t, int64_t>(
      match.choices.back(), [&](auto tag) {
        setLanewise<Operation::template of<typename decltype(tag)::type>>(
            decoder);
      });
}
template <typename Operation>
void decodeUnsignedField(Decoder &decoder, const Match &match) {
  withType<uint32_t, uint64_t>(match.choices.back(), [&](auto tag) {
    setLanewise<Operation::template of<typename decltype(tag)::type>>(decoder);
  });
}
template <typename Operation>
void decodeExtension(Decoder &decoder, const Match &match) {
  withType<uint32_t, int32_t>(match.choices.back(), [&](auto tag) {
    setLanewise<Operation::template of<typename decltype(tag)::type>>(decoder);
  });
}

// Predicates: 32 lanes at once.

template <typename Operation>
Flow runPredicates(Warp &warp, const Op &op, LaneMask lanes) {
  LaneMask a = warp.predicate(op.src[0]) ^ (op.bits & 1 ? allLanes : 0);
  LaneMask b = warp.predicate(op.src[1]) ^ (op.bits & 2 ? allLanes : 0);
  writePredicate(warp, op.dst, lanes, Operation::of(a, b));
  return Flow::next;
}
template <typename Operation>
void decodePredicates(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(3))
    return;
  for (int n = 0; n < 2; ++n) {
    bool negated = false;
    decoder.op.src[n] = decoder.sourcePredicate(n + 1, &negated);
    decoder.op.bits |= uint8_t(negated) << n;
  }
  decoder.op.dst = decoder.destinationPredicate(0);
  decoder.op.handler = runPredicates<Operation>;
}
void decodeNotPredicate(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(2))
    return;
  bool negated = false;
  decoder.op.src[0] = decoder.op.src[1] = decoder.sourcePredicate(1, &negated);
  decoder.op.bits = negated ? 0 : 3;
  decoder.op.dst = decoder.destinationPredicate(0);
  decoder.op.handler = runPredicates<And>;
}

/// Any table, as a choice by c of what a and b give. Op::detail is the table.
uint32_t lookUp(uint64_t table, uint32_t a, uint32_t b, uint32_t c) {
  auto spread = [&](int n) { return uint32_t(0) - uint32_t(table >> n & 1); };
  uint32_t with = (a & b & spread(7)) | (a & ~b & spread(5)) |
                  (~a & b & spread(3)) | (~a & ~b & spread(1));
  uint32_t without = (a & b & spread(6)) | (a & ~b & spread(4)) |
                     (~a & b & spread(2)) | (~a & ~b & spread(0));
  return (with & c) | (without & ~c);
}
Flow runLop3(Warp &warp, const Op &op, LaneMask lanes) {
  const uint32_t *a = warp.row<uint32_t>(op.src[0]),
                 *b = warp.row<uint32_t>(op.src[1]),
                 *c = warp.row<uint32_t>(op.src[2]);
  uint64_t table = op.detail;
  writeLanes(warp.row<uint32_t>(op.dst), lanes,
             [=](int l) { return lookUp(table, a[l], b[l], c[l]); });
  return Flow::next;
}
template <bool isOr>
Flow runLop3Predicate(Warp &warp, const Op &op, LaneMask lanes) {
  const uint32_t *a = warp.row<uint32_t>(op.src[0]),
                 *b = warp.row<uint32_t>(op.src[1]),
                 *c = warp.row<uint32_t>(op.src[2]);
  LaneMask q = warp.predicate(op.src[3]) ^ (op.bits & 1 ? allLanes : 0);
  uint64_t table = op.detail;
  LaneMask isSet =
      collectLanes([=](int l) { return lookUp(table, a[l], b[l], c[l]) != 0; });
  runLop3(warp, op, lanes);
  writePredicate(warp, op.src[4], lanes, isOr ? isSet | q : isSet & q);
  return Flow::next;
}

/// The tables that compilers write most.
Handler handlerOfTable(int64_t table) {
  switch (table) {
  case 0x80:
    return lanewise<lop3<0x80>>; // a & b & c
  case 0xfe:
    return lanewise<lop3<0xfe>>; // a | b | c
  case 0x96:
    return lanewise<lop3<0x96>>; // a ^ b ^ c
  case 0xca:
    return lanewise<lop3<0xca>>; // a ? b : c
  case 0xea:
    return lanewise<lop3<0xea>>; // (a & b) | c
  case 0xf8:
    return lanewise<lop3<0xf8>>; // a | (b & c)
  case 0x78:
    return lanewise<lop3<0x78>>; // a ^ (b & c)
  case 0x6a:
    return lanewise<lop3<0x6a>>; // (a & b) ^ c
  case 0xc0:
    return lanewise<lop3<0xc0>>; // a & b
  case 0xfc:
    return lanewise<lop3<0xfc>>; // a | b
  case 0x3c:
    return lanewise<lop3<0x3c>>; // a ^ b
  default:
    return runLop3;
  }
}

bool decodeLop3Operands(Decoder &decoder, const ptx::Operand &destination) {
  Type type = typeOf(".b32");
  for (size_t n = 0; n < 3; ++n)
    decoder.op.src[n] = decoder.source(n + 1, type);
  int64_t table = decoder.constant(4);
  if (table < 0 || table > 255)
    decoder.fail("the table is " + std::to_string(table) +
                 " and must be from 0 to 255");
  decoder.op.detail = static_cast<uint64_t>(table);
  decoder.op.dst = decoder.destination(destination, type);
  return !decoder.failed();
}
void decodeLop3(Decoder &decoder, const Match &) {
  if (decoder.expectOperands(5) &&
      decodeLop3Operands(decoder, decoder.operand(0)))
    decoder.op.handler =
        handlerOfTable(static_cast<int64_t>(decoder.op.detail));
}
void decodeLop3Predicate(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(6))
    return;
  const ptx::Operand &pair = decoder.operand(0);
  if (pair.kind != ptx::Operand::Kind::pair || pair.elements.size() != 2)
    return decoder.fail("the destination is a pair, as in %r0|%p0");
  if (!decodeLop3Operands(decoder, pair.elements[0]))
    return;
  bool negated = false;
  decoder.op.src[3] = decoder.sourcePredicate(5, &negated);
  decoder.op.bits = negated;
  decoder.op.src[4] = decoder.destinationPredicate(pair.elements[1]);
  decoder.op.handler =
      match[0] == ".or" ? runLop3Predicate<true> : runLop3Predicate<false>;
}

template <bool left>
void decodeFunnelShift(Decoder &decoder, const Match &match) {
  if (match[0] == ".wrap")
    setLanewise<funnelShift<left, true>>(decoder);
  else
    setLanewise<funnelShift<left, false>>(decoder);
}

} // namespace

std::vector<Form> attn::emulator::bitForms() {
  constexpr const char *two = "%$00, %$01", *three = "%$00, %$01, %$02",
                       *p3 = "%p0, %p1, %p2", *r3 = "%r0, %r1, %r2",
                       *shift = "%$00, %$01, %r2", *count = "%r0, %$01";
  return {
      {"and<.b16|.b32|.b64>", three, decodeWords<And>},
      {"or<.b16|.b32|.b64>", three, decodeWords<Or>},
      {"xor<.b16|.b32|.b64>", three, decodeWords<Xor>},
      {"not<.b16|.b32|.b64>", two, decodeWords<Not>},
      {"cnot<.b16|.b32|.b64>", two, decodeWords<Cnot>},
      {"and.pred", p3, decodePredicates<And>},
      {"or.pred", p3, decodePredicates<Or>},
      {"xor.pred", p3, decodePredicates<Xor>},
      {"not.pred", "%p0, %p1", decodeNotPredicate},
      {"lop3.b32", "%r0, %r1, %r2, %r3, 0x96", decodeLop3},
      {"lop3<.or|.and>.b32", "%r0|%p0, %r1, %r2, %r3, 0x3f, %p1",
       decodeLop3Predicate, 70, false, 82},

      {"shl<.b16|.b32|.b64>", shift, decodeShift<ShiftLeft>},
      {"shr<.b16|.b32|.b64|.u16|.u32|.u64|.s16|.s32|.s64>", shift,
       decodeShift<ShiftRight>},
      {"shf.l<.wrap|.clamp>.b32", "%r0, %r1, %r2, %r3",
       decodeFunnelShift<true>},
      {"shf.r<.wrap|.clamp>.b32", "%r0, %r1, %r2, %r3",
       decodeFunnelShift<false>},

      {"popc<.b32|.b64>", count, decodeUnsignedField<Popc>},
      {"clz<.b32|.b64>", count, decodeUnsignedField<Clz>},
      {"brev<.b32|.b64>", two, decodeUnsignedField<Brev>},
      {"bfind<.u32|.u64|.s32|.s64>", count, decodeField<Bfind<false>>},
      {"bfind.shiftamt<.u32|.u64|.s32|.s64>", count, decodeField<Bfind<true>>},
      {"bfe<.u32|.u64|.s32|.s64>", "%$00, %$01, %r2, %r3", decodeField<Bfe>},
      {"bfi<.b32|.b64>", "%$00, %$01, %$02, %r3, %r4",
       decodeUnsignedField<Bfi>},
      {"bmsk.clamp.b32", r3, decodeLanewise<bmsk<false>>, 70, false, 76},
      {"bmsk.wrap.b32", r3, decodeLanewise<bmsk<true>>, 70, false, 76},
      {"szext.clamp<.u32|.s32>", r3, decodeExtension<Szext<false>>, 70, false,
       76},
      {"szext.wrap<.u32|.s32>", r3, decodeExtension<Szext<true>>, 70, false,
       76},
      {"fns.b32", "%r0, %r1, %r2, %r3", decodeLanewise<fns>, 30, false, 60},
  };
}
