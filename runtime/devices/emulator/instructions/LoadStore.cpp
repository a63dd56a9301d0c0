//===- LoadStore.cpp - ld, st and what goes with them ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Data movement and conversion instructions": ld, ld.global.nc, st,
// prefetch, prefetchu, discard, applypriority, createpolicy. Cache operators,
// eviction priorities, prefetch sizes and cache policies are hints about speed
// and have no effect here. A discard has: it writes what nobody knows.
//
//===----------------------------------------------------------------------===//

#include "../Access.h"
#include "../Decoder.h"

#include <cstring>

using namespace attn;
using namespace attn::emulator;

namespace {

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// Element n of op's vector has a row of 8 bytes for each lane.
bool hasWideRow(const Op &op, unsigned n) { return op.detail >> n & 1; }

template <typename Body>
void forLanes(LaneMask lanes, Body body) {
  if (lanes == allLanes) {
    for (int lane = 0; lane < lanesPerWarp; ++lane)
      body(lane);
    return;
  }
  for (; lanes; lanes &= lanes - 1)
    body(__builtin_ctz(lanes));
}

template <typename T>
bool locate(Warp &warp, const Op &op, LaneMask lanes, Intent intent,
            uint8_t **places) {
  PackedAccess packed = PackedAccess::of(op.bits);
  AccessKind kind;
  kind.space = packed.space;
  kind.strength = packed.strength;
  kind.intent = intent;
  kind.isOfCta = packed.isOfCta;
  kind.isReadOnly = packed.isReadOnly;
  kind.bytes = kind.alignment = sizeof(T) * op.listCount;
  uint64_t addresses[lanesPerWarp];
  laneAddresses(warp, op, 0, packed.isWide, addresses);
  return access(warp, op, lanes, kind, addresses, places);
}

/// T is what is in memory; it is extended to the row, with its sign if it has
/// one.
template <typename T>
Flow load(Warp &warp, const Op &op, LaneMask lanes) {
  uint8_t *places[lanesPerWarp];
  if (!locate<T>(warp, op, lanes, Intent::read, places))
    return Flow::stop;
  const Ref *list = warp.cta.program.lists.data() + op.listBegin;
  for (unsigned n = 0; n < op.listCount; ++n) {
    auto fill = [&](auto *row) {
      forLanes(lanes, [&](int lane) {
        T value;
        std::memcpy(&value, places[lane] + n * sizeof(T), sizeof(T));
        row[lane] = value;
      });
    };
    if (hasWideRow(op, n))
      fill(warp.row<uint64_t>(list[n]));
    else
      fill(warp.row<uint32_t>(list[n]));
  }
  return Flow::next;
}

template <typename T>
Flow store(Warp &warp, const Op &op, LaneMask lanes) {
  uint8_t *places[lanesPerWarp];
  if (!locate<T>(warp, op, lanes, Intent::write, places))
    return Flow::stop;
  const Ref *list = warp.cta.program.lists.data() + op.listBegin;
  for (unsigned n = 0; n < op.listCount; ++n) {
    auto spill = [&](const auto *row) {
      forLanes(lanes, [&](int lane) {
        T value = static_cast<T>(row[lane]);
        std::memcpy(places[lane] + n * sizeof(T), &value, sizeof(T));
      });
    };
    if (hasWideRow(op, n))
      spill(warp.row<uint64_t>(list[n]));
    else
      spill(warp.row<uint32_t>(list[n]));
  }
  return Flow::next;
}

/// discard: 128 bytes of global memory.
Flow discard(Warp &warp, const Op &op, LaneMask lanes) {
  AccessKind kind;
  kind.space = StateSpace::global;
  kind.intent = Intent::write;
  kind.bytes = kind.alignment = 128;
  uint64_t addresses[lanesPerWarp];
  uint8_t *places[lanesPerWarp];
  laneAddresses(warp, op, 0, op.bits, addresses);
  if (!access(warp, op, lanes, kind, addresses, places))
    return Flow::stop;
  for (; lanes; lanes &= lanes - 1) {
    const uint64_t address = addresses[__builtin_ctz(lanes)];
    // With the check of bounds off, it may be none.
    if (Allocation *allocation = warp.cta.launch.findGlobal(address);
        allocation && allocation->contains(address, kind.bytes))
      allocation->forget(address - reinterpret_cast<uint64_t>(allocation->data),
                         kind.bytes);
  }
  return Flow::next;
}

/// A hint: nothing happens.
Flow nothing(Warp &, const Op &, LaneMask) { return Flow::next; }

/// createpolicy: policies are hints, any value does.
Flow makePolicy(Warp &warp, const Op &op, LaneMask lanes) {
  uint64_t *row = warp.row<uint64_t>(op.dst);
  forLanes(lanes, [&](int lane) { row[lane] = 0; });
  return Flow::next;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// The modifiers that matter, wherever they stand; the others are hints.
struct Modifiers {
  PackedAccess packed;
  std::string_view space;
  Type type;
  size_t count = 1; ///< elements of the vector
  bool hasPolicy = false;

  explicit Modifiers(std::string_view opcode) {
    while (!opcode.empty()) {
      size_t end = std::min(opcode.find('.', 1), opcode.size());
      take(opcode.substr(0, end));
      opcode.remove_prefix(end);
    }
    packed.space = stateSpaceOf(space);
  }

private:
  void take(std::string_view modifier) {
    if (modifier == ".L2::cache_hint")
      hasPolicy = true;
    else if (modifier == ".volatile" || modifier == ".relaxed" ||
             modifier == ".acquire" || modifier == ".release")
      packed.strength = strengthOf(modifier);
    else if (modifier == ".cta" || modifier == ".cluster")
      packed.isOfCta = true; // a CTA is its whole cluster
    else if (modifier == ".global" || modifier == ".local" ||
             modifier == ".const" || modifier.substr(0, 7) == ".shared" ||
             modifier.substr(0, 6) == ".param")
      space = modifier;
    else if (modifier == ".nc")
      packed.isReadOnly = true;
    else if (modifier == ".v2" || modifier == ".v4")
      count = static_cast<size_t>(modifier[2] - '0');
    else
      type = typeOf(modifier); // of the last one in the end
  }
};

/// Notes which rows are wide; `bits` are those of the register, 0 of anything
/// else.
void noteRow(Decoder &decoder, size_t n, const ptx::Operand &operand,
             Type type) {
  int bits = decoder.registerBits(operand);
  bool isWide =
      bits ? bits > 32 : !Decoder::isDiscard(operand) && type.rowBytes() == 8;
  if (isWide)
    decoder.op.detail |= uint64_t(1) << n;
}

/// The register or vector of registers at operand `n`.
void registers(Decoder &decoder, size_t n, const Modifiers &modifiers,
               bool isLoad) {
  const ptx::Operand &given = decoder.operand(n);
  bool isVector = given.kind == ptx::Operand::Kind::vector;
  size_t size = isVector ? given.elements.size() : 1;
  if (size != modifiers.count || isVector != (modifiers.count > 1))
    return decoder.fail("a vector of " + std::to_string(modifiers.count) +
                        " registers is expected, not of " +
                        std::to_string(size));
  decoder.allowWider = true;
  for (size_t k = 0; k < size; ++k) {
    const ptx::Operand &element = isVector ? given.elements[k] : given;
    noteRow(decoder, k, element, modifiers.type);
    decoder.list(isLoad ? decoder.destination(element, modifiers.type)
                        : decoder.source(element, modifiers.type));
  }
  decoder.allowWider = false;
}

template <template <typename> class Pick>
Handler handlerFor(Type type, bool isSigned) {
  switch (type.width) {
  case 8:
    return isSigned ? Pick<int8_t>::handler : Pick<uint8_t>::handler;
  case 16:
    return isSigned ? Pick<int16_t>::handler : Pick<uint16_t>::handler;
  case 32:
    return isSigned ? Pick<int32_t>::handler : Pick<uint32_t>::handler;
  }
  return Pick<uint64_t>::handler;
}
template <typename T>
struct PickLoad {
  static constexpr Handler handler = load<T>;
};
template <typename T>
struct PickStore {
  static constexpr Handler handler = store<T>;
};

/// A cache policy is read, so that a register that was never written is found.
void policy(Decoder &decoder, size_t n, bool hasPolicy) {
  size_t count = n + (hasPolicy ? 1 : 0);
  if (decoder.expectOperands(count) && hasPolicy)
    decoder.source(n, Type{Type::bits, 64});
}

void address(Decoder &decoder, size_t n, Modifiers &modifiers) {
  PackedAccess &packed = modifiers.packed;
  packed.isWide = decoder.address(n, modifiers.space, 0) == 64;
  // The parameters of functions are in local memory.
  if (packed.space == StateSpace::param && !decoder.isInKernel() &&
      modifiers.space != ".param::entry")
    packed.space = StateSpace::local;
  decoder.op.bits = packed.bits();
}

void decodeLoad(Decoder &decoder, const Match &) {
  Modifiers modifiers(decoder.instruction().opcode);
  policy(decoder, 2, modifiers.hasPolicy);
  registers(decoder, 0, modifiers, /*isLoad=*/true);
  address(decoder, 1, modifiers);
  decoder.op.handler =
      handlerFor<PickLoad>(modifiers.type, modifiers.type.isSigned());
}

void decodeStore(Decoder &decoder, const Match &) {
  Modifiers modifiers(decoder.instruction().opcode);
  policy(decoder, 2, modifiers.hasPolicy);
  registers(decoder, 1, modifiers, /*isLoad=*/false);
  address(decoder, 0, modifiers);
  decoder.op.handler = handlerFor<PickStore>(modifiers.type, false);
}

/// prefetch, discard, applypriority: an address, and perhaps a size. True if
/// the address has 64 bits.
bool decodePlace(Decoder &decoder) {
  if (!decoder.expectOperands(1, 2))
    return false;
  const std::string &opcode = decoder.instruction().opcode;
  const char *space = "";
  for (const char *each : {".global", ".local"})
    if (opcode.find(each) != std::string::npos)
      space = each;
  if (decoder.operandCount() == 2 && decoder.constant(1) != 128)
    decoder.fail("the size must be 128");
  return decoder.address(0, space, 0) == 64;
}

void decodeHint(Decoder &decoder, const Match &) {
  decodePlace(decoder);
  decoder.op.handler = nothing;
}

void decodeDiscard(Decoder &decoder, const Match &) {
  decoder.op.bits = decodePlace(decoder);
  decoder.op.handler = discard;
}

void decodePolicy(Decoder &decoder, const Match &) {
  const Type wide{Type::bits, 64}, word{Type::bits, 32},
      single{Type::floating, 32};
  decoder.op.dst = decoder.destination(0, wide);
  decoder.op.handler = makePolicy;
  std::string_view opcode = decoder.instruction().opcode;
  if (opcode.find(".fractional") != std::string_view::npos) {
    if (decoder.expectOperands(1, 2) && decoder.operandCount() == 2)
      decoder.source(1, single);
  } else if (opcode.find(".range") != std::string_view::npos) {
    if (!decoder.expectOperands(4))
      return;
    decoder.address(1, ".global", 0);
    decoder.source(2, word);
    decoder.source(3, word);
  } else if (decoder.expectOperands(2)) {
    decoder.source(1, wide);
  }
}

} // namespace

// A form for scalars, one for vectors of two, and one for those of four, which
// have at most 128 bits. `n` is the number of the group of types.
#define SMALL_TYPES "<.b8|.b16|.b32|.u8|.u16|.u32|.s8|.s16|.s32|.f32>"
#define ALL_TYPES                                                              \
  "<.b8|.b16|.b32|.b64|.u8|.u16|.u32|.u64|.s8|.s16|.s32|.s64|.f32|.f64>"
#define LOADS(spelling, n, rest, ...)                                          \
  {spelling ALL_TYPES, "%$" n "0, " rest, decodeLoad, __VA_ARGS__},            \
      {spelling ".v2" ALL_TYPES, "{%$" n "0, %$" n "1}, " rest, decodeLoad,    \
       __VA_ARGS__},                                                           \
  {                                                                            \
    spelling ".v4" SMALL_TYPES,                                                \
        "{%$" n "0, %$" n "1, %$" n "2, %$" n "3}, " rest, decodeLoad,         \
        __VA_ARGS__                                                            \
  }
#define STORES(spelling, n, place, rest, ...)                                  \
  {spelling ALL_TYPES, place ", %$" n "0" rest, decodeStore, __VA_ARGS__},     \
      {spelling ".v2" ALL_TYPES, place ", {%$" n "0, %$" n "1}" rest,          \
       decodeStore, __VA_ARGS__},                                              \
  {                                                                            \
    spelling ".v4" SMALL_TYPES,                                                \
        place ", {%$" n "0, %$" n "1, %$" n "2, %$" n "3}" rest, decodeStore,  \
        __VA_ARGS__                                                            \
  }
#define EVICT                                                                  \
  ".L1::evict_normal|.L1::evict_unchanged|.L1::evict_first|.L1::evict_last|"   \
  ".L1::no_allocate"

std::vector<Form> attn::emulator::memoryForms() {
  return {
      LOADS("ld[.weak][.global|.shared|.shared::cta|.local|.const]", "2",
            "[%d9]", 0),
      LOADS("ld<.param|.param::entry>", "1", "[%d9]", 0),
      LOADS("ld.volatile[.global|.shared|.shared::cta]", "1", "[%d9]", 0),
      LOADS("ld<.relaxed|.acquire><.cta|.gpu|.sys>"
            "[.global|.shared|.shared::cta]",
            "3", "[%d9]", 0),
      LOADS("ld<.relaxed|.acquire>.cluster[.global|.shared|.shared::cta]", "2",
            "[%d9]", 90, false, 78),
      LOADS("ld[.global|.shared|.shared::cta|.local|.const]"
            "<.ca|.cg|.cs|.lu|.cv>",
            "2", "[%d9]", 0),
      // Of memory that nobody writes while the kernel runs.
      LOADS("ld.global[.ca|.cg|.cs].nc[.L2::64B|.L2::128B]", "2", "[%d9]", 0),
      LOADS("ld.global[.nc]<" EVICT ">[.L2::64B|.L2::128B]", "3", "[%d9]", 0),
      LOADS("ld.global<.L2::64B|.L2::128B>", "1", "[%d9]", 0),
      LOADS("ld.global[.nc][.L1::no_allocate].L2::256B", "2", "[%d9]", 80),
      LOADS("ld.global[.nc][.L1::no_allocate].L2::cache_hint[.L2::128B]", "3",
            "[%d9], %d8", 80),

      STORES("st[.weak][.global|.shared|.shared::cta|.local]", "2", "[%d9]", "",
             0),
      // Arguments of functions; ptxas wants to see the call.
      STORES("st.param", "0", "[param_]", "; call callee_, (param_)", 0),
      STORES("st.volatile[.global|.shared|.shared::cta]", "1", "[%d9]", "", 0),
      STORES("st<.relaxed|.release><.cta|.gpu|.sys>"
             "[.global|.shared|.shared::cta]",
             "3", "[%d9]", "", 0),
      STORES("st<.relaxed|.release>.cluster[.global|.shared|.shared::cta]", "2",
             "[%d9]", "", 90, false, 78),
      STORES("st[.global|.shared|.shared::cta|.local]<.wb|.cg|.cs|.wt>", "2",
             "[%d9]", "", 0),
      STORES("st.global<" EVICT ">", "1", "[%d9]", "", 0),
      STORES("st.global[.L1::no_allocate].L2::cache_hint", "1", "[%d9]",
             ", %d8", 80),

      {"prefetch[.global|.local]<.L1|.L2>", "[%d9]", decodeHint},
      {"prefetch.global<.L2::evict_last|.L2::evict_normal>", "[%d9]",
       decodeHint, 80},
      {"prefetchu.L1", "[%d9]", decodeHint},
      {"discard[.global].L2", "[%d9], 128", decodeDiscard, 80},
      {"applypriority[.global].L2::evict_normal", "[%d9], 128", decodeHint, 80},
      {"createpolicy.fractional<.L2::evict_last|.L2::evict_normal|"
       ".L2::evict_first|.L2::evict_unchanged>"
       "[.L2::evict_first|.L2::evict_unchanged].b64",
       "%d0, 0f3F800000", decodePolicy, 80},
      {"createpolicy.range[.global]<.L2::evict_last|.L2::evict_normal|"
       ".L2::evict_first|.L2::evict_unchanged>"
       "[.L2::evict_first|.L2::evict_unchanged].b64",
       "%d0, [%d9], %r0, %r1", decodePolicy, 80},
      {"createpolicy.cvt.L2.b64", "%d0, %d1", decodePolicy, 80},
  };
}
