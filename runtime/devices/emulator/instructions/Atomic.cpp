//===- Atomic.cpp - atom and red ------------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Parallel synchronization and communication instructions": atom and
// red. The lanes of a warp do their operations one after the other.
//
//===----------------------------------------------------------------------===//

#include "../Access.h"
#include "Reductions.h"

using namespace attn;
using namespace attn::emulator;

namespace {

/// atom.exch and atom.cas.
struct Exch {
  template <typename T>
  static T apply(T, T b, bool) {
    return b;
  }
};
struct Cas {};

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// Elements of a vector.
constexpr unsigned maxCount = 8;

/// What op.detail holds. In the list of the Op come the sources, one for each
/// element of the vector, the second source of cas, and the destinations.
struct Layout {
  unsigned count = 1; ///< elements of the vector
  bool hasSecond = false, hasResult = false;

  uint64_t detail() const {
    return count | uint64_t(hasSecond) << 8 | uint64_t(hasResult) << 9;
  }
  static Layout of(uint64_t detail) {
    return {static_cast<unsigned>(detail & 255), (detail >> 8 & 1) != 0,
            (detail >> 9 & 1) != 0};
  }
};

template <typename Operation, typename T>
Flow atomic(Warp &warp, const Op &op, LaneMask lanes) {
  const Layout layout = Layout::of(op.detail);
  const PackedAccess packed = PackedAccess::of(op.bits);
  AccessKind kind;
  kind.space = packed.space;
  kind.strength = packed.strength;
  kind.isOfCta = packed.isOfCta;
  kind.intent = Intent::modify;
  kind.bytes = kind.alignment = sizeof(T) * layout.count;
  kind.publishesFences = std::is_integral_v<T>;
  uint64_t addresses[lanesPerWarp];
  uint8_t *places[lanesPerWarp];
  laneAddresses(warp, op, 0, packed.isWide, addresses);
  if (!access(warp, op, lanes, kind, addresses, places))
    return Flow::stop;

  const Ref *list = warp.cta.program.lists.data() + op.listBegin;
  const Ref *results = list + layout.count + (layout.hasSecond ? 1 : 0);
  for (; lanes; lanes &= lanes - 1) {
    int lane = __builtin_ctz(lanes);
    bool isGlobal = packed.space == StateSpace::global ||
                    (packed.space == StateSpace::generic &&
                     !(addresses[lane] & windowMask));
    auto source = [&](unsigned k) {
      return fromStored<T>(warp.row<Stored<T>>(list[k])[lane]);
    };
    T old[maxCount];
    for (unsigned n = 0; n < layout.count; ++n) {
      uint8_t *place = places[lane] + n * sizeof(T);
      std::memcpy(&old[n], place, sizeof(T));
      T result;
      if constexpr (std::is_same_v<Operation, Cas>)
        result = old[n] == source(0) ? source(1) : old[n];
      else
        result = combine<Operation>(old[n], source(n), isGlobal);
      std::memcpy(place, &result, sizeof(T));
    }
    // Only now: they may go into registers of the sources.
    for (unsigned n = 0; layout.hasResult && n < layout.count; ++n)
      warp.row<Stored<T>>(results[n])[lane] = toStored(old[n]);
  }
  return Flow::next;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

template <typename Operation, typename... T>
Handler pick(std::string_view type) {
  Handler handler = nullptr;
  withType<T...>(type, [&](auto tag) {
    handler = atomic<Operation, typename decltype(tag)::type>;
  });
  return handler;
}

Handler handlerFor(std::string_view operation, std::string_view type) {
  if (operation == ".add")
    return pick<Add, uint32_t, int32_t, uint64_t, float, double, F16, F16x2,
                BF16, BF16x2>(type);
  if (operation == ".min")
    return pick<Min, uint32_t, int32_t, uint64_t, int64_t, F16, F16x2, BF16,
                BF16x2>(type);
  if (operation == ".max")
    return pick<Max, uint32_t, int32_t, uint64_t, int64_t, F16, F16x2, BF16,
                BF16x2>(type);
  if (operation == ".and")
    return pick<And, uint32_t, uint64_t>(type);
  if (operation == ".or")
    return pick<Or, uint32_t, uint64_t>(type);
  if (operation == ".xor")
    return pick<Xor, uint32_t, uint64_t>(type);
  if (operation == ".inc")
    return pick<Inc, uint32_t>(type);
  if (operation == ".dec")
    return pick<Dec, uint32_t>(type);
  if (operation == ".exch")
    return pick<Exch, uint32_t, uint64_t>(type);
  return pick<Cas, uint16_t, uint32_t, uint64_t>(type);
}

/// The modifiers, wherever they stand.
struct Modifiers {
  PackedAccess packed;
  std::string_view space, operation, type;
  unsigned count = 1;
  bool hasPolicy = false;

  explicit Modifiers(std::string_view opcode) {
    packed.strength = Strength::relaxed;
    opcode.remove_prefix(opcode.find('.'));
    while (!opcode.empty()) {
      size_t end = std::min(opcode.find('.', 1), opcode.size());
      take(opcode.substr(0, end));
      opcode.remove_prefix(end);
    }
    packed.space = stateSpaceOf(space);
  }

private:
  void take(std::string_view modifier) {
    static const std::string_view operations[] = {
        ".add", ".min", ".max", ".and",  ".or",
        ".xor", ".inc", ".dec", ".exch", ".cas"};
    if (std::find(std::begin(operations), std::end(operations), modifier) !=
        std::end(operations))
      operation = modifier;
    else if (modifier == ".acquire" || modifier == ".release" ||
             modifier == ".acq_rel")
      packed.strength = strengthOf(modifier);
    else if (modifier == ".global" || modifier.substr(0, 7) == ".shared")
      space = modifier;
    else if (modifier == ".v2" || modifier == ".v4" || modifier == ".v8")
      count = static_cast<unsigned>(modifier[2] - '0');
    else if (modifier == ".L2::cache_hint")
      hasPolicy = true;
    else if (modifier == ".cta" || modifier == ".cluster")
      packed.isOfCta = true; // a CTA is its whole cluster
    else if (modifier == ".noftz" || modifier == ".relaxed" ||
             modifier == ".gpu" || modifier == ".sys")
      return;
    else
      type = modifier;
  }
};

void decodeAtomic(Decoder &decoder, bool hasResult) {
  Modifiers modifiers(decoder.instruction().opcode);
  Layout layout;
  layout.count = modifiers.count;
  layout.hasResult = hasResult;
  layout.hasSecond = modifiers.operation == ".cas";
  size_t first = hasResult ? 1 : 0;
  size_t sources = layout.hasSecond ? 2 : 1;
  if (!decoder.expectOperands(first + 1 + sources +
                              (modifiers.hasPolicy ? 1 : 0)))
    return;
  Type type = typeOf(modifiers.type);
  modifiers.packed.isWide = decoder.address(first, modifiers.space, 0) == 64;
  decoder.listSources(first + 1, type, layout.count);
  if (layout.hasSecond)
    decoder.list(decoder.source(first + 2, type));
  if (hasResult) {
    if (layout.count == 1)
      decoder.list(decoder.destination(0, type));
    else
      decoder.listDestinations(0, type, layout.count);
  }
  if (modifiers.hasPolicy)
    decoder.source(first + 1 + sources, Type{Type::bits, 64});
  decoder.op.bits = modifiers.packed.bits();
  decoder.op.detail = layout.detail();
  decoder.op.handler = handlerFor(modifiers.operation, modifiers.type);
  if (!decoder.op.handler)
    decoder.fail("atomics have no such type");
}

void decodeAtom(Decoder &decoder, const Match &) {
  decodeAtomic(decoder, /*hasResult=*/true);
}
void decodeRed(Decoder &decoder, const Match &) {
  decodeAtomic(decoder, /*hasResult=*/false);
}

} // namespace

#define SEMANTICS                                                              \
  "[.relaxed|.acquire|.release|.acq_rel][.cta|.gpu|.sys]"                      \
  "[.global|.shared|.shared::cta]"
#define RED_SEMANTICS                                                          \
  "[.relaxed|.release][.cta|.gpu|.sys][.global|.shared|.shared::cta]"
// A scope of clusters, and the order that some libraries write.
#define CLUSTER "<.relaxed|.acquire|.release|.acq_rel>.cluster[.global]"
#define AFTER "<.relaxed|.acquire|.release|.acq_rel><.cta|.gpu|.sys>"
#define RED_AFTER "<.relaxed|.release><.cta|.gpu|.sys>"

// For each group of operations and types: its number in the spelling is n.
#define FORMS(operations, types, n, after)                                     \
  {"atom" SEMANTICS operations types, "%$" n "0, [%d9], %$" n "1",             \
   decodeAtom},                                                                \
      {"atom" operations AFTER types, "%$" after "0, [%d9], %$" after "1",     \
       decodeAtom},                                                            \
      {"red" RED_SEMANTICS operations types, "[%d9], %$" n "1", decodeRed}, {  \
    "red" operations RED_AFTER types, "[%d9], %$" after "1", decodeRed         \
  }

std::vector<Form> attn::emulator::atomicForms() {
  return {
      FORMS(".add", "<.u32|.s32|.u64|.f32|.f64>", "3", "2"),
      FORMS("<.min|.max>", "<.u32|.s32|.u64|.s64>", "4", "3"),
      FORMS("<.and|.or|.xor>", "<.b32|.b64>", "4", "3"),
      FORMS("<.inc|.dec>", "<.u32>", "4", "3"),
      FORMS(".add.noftz", "<.f16|.f16x2>", "3", "2"),
      {"atom" SEMANTICS ".exch<.b32|.b64>", "%$30, [%d9], %$31", decodeAtom},
      {"atom.exch" AFTER "<.b32|.b64>", "%$20, [%d9], %$21", decodeAtom},
      {"atom" SEMANTICS ".cas<.b16|.b32|.b64>", "%$30, [%d9], %$31, %$32",
       decodeAtom},
      {"atom.cas" AFTER "<.b16|.b32|.b64>", "%$20, [%d9], %$21, %$22",
       decodeAtom},
      {"atom" CLUSTER ".add<.u32|.u64|.f32>", "%$20, [%d9], %$21", decodeAtom,
       90, false, 78},
      {"red<.relaxed|.release>.cluster[.global].add<.u32|.u64|.f32>",
       "[%d9], %$21", decodeRed, 90, false, 78},
      {"atom.global.add.L2::cache_hint<.u32|.s32|.u64|.f32|.f64>",
       "%$00, [%d9], %$01, %d8", decodeAtom, 80},
      {"red.global.add.L2::cache_hint<.u32|.s32|.u64|.f32|.f64>",
       "[%d9], %$01, %d8", decodeRed, 80},
      {"atom[.relaxed.gpu|.release.gpu][.global].add.noftz<.bf16|.bf16x2>",
       "%$20, [%d9], %$21", decodeAtom, 90, false, 78},
      {"red[.relaxed.gpu|.release.gpu][.global].add.noftz<.bf16|.bf16x2>",
       "[%d9], %$21", decodeRed, 90, false, 78},
      {"atom.shared.add.noftz<.bf16|.bf16x2>", "%$00, [%d9], %$01", decodeAtom,
       90, false, 78},
      {"red.shared.add.noftz<.bf16|.bf16x2>", "[%d9], %$01", decodeRed, 90,
       false, 78},
  // Vectors, of global memory only. The order .v2.f32.add is in use too.
#define H2 "{%h0, %h1}"
#define H4 "{%h0, %h1, %h2, %h3}"
#define H8 "{%h0, %h1, %h2, %h3, %h4, %h5, %h6, %h7}"
#define R2 "{%r0, %r1}"
#define R4 "{%r0, %r1, %r2, %r3}"
#define HALVES "<.add|.min|.max>.noftz"
#define ONES "<.f16|.bf16>"
#define PAIRS "<.f16x2|.bf16x2>"
#define VECTOR(spelling, registers, result, policy, decode)                    \
  {spelling, result(registers) "[%d9], " registers policy, decode, 90, false,  \
   81}
#define VECTORS(name, hint, policy, result, decode)                            \
  VECTOR(name ".add" hint ".v2.f32", R2, result, policy, decode),              \
      VECTOR(name ".add" hint ".v4.f32", R4, result, policy, decode),          \
      VECTOR(name ".v2.f32.add" hint, R2, result, policy, decode),             \
      VECTOR(name ".v4.f32.add" hint, R4, result, policy, decode),             \
      VECTOR(name HALVES hint ".v2" ONES, H2, result, policy, decode),         \
      VECTOR(name HALVES hint ".v4" ONES, H4, result, policy, decode),         \
      VECTOR(name HALVES hint ".v8" ONES, H8, result, policy, decode),         \
      VECTOR(name HALVES hint ".v2" PAIRS, R2, result, policy, decode),        \
      VECTOR(name HALVES hint ".v4" PAIRS, R4, result, policy, decode)
#define WITH_RESULT(result) result ", "
#define NO_RESULT(result)
#define SCOPES "[.cta|.cluster|.gpu|.sys][.global]"
#define HINT ".L2::cache_hint"
      VECTORS("atom[.relaxed|.acquire|.release|.acq_rel]" SCOPES, "", "",
              WITH_RESULT, decodeAtom),
      VECTORS("red[.relaxed|.release]" SCOPES, "", "", NO_RESULT, decodeRed),
      VECTORS("atom[.global]", HINT, ", %d8", WITH_RESULT, decodeAtom),
      VECTORS("red[.global]", HINT, ", %d8", NO_RESULT, decodeRed),
  };
}
