//===- Lanes.h - Instructions that treat each lane alone --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A handler from a function of one lane: `lanewise<f>` applies f to all lanes
// of a warp, in a loop that the compiler vectorises. The parameters of f say
// how the sources lie in their rows, its result says how the destination does:
//
//   float, double, integers, BF16 ...   a lane of a row of 4 or 8 bytes
//   bool                                a bit of a predicate
//
//   static uint32_t maximum(uint32_t a, uint32_t b) { return a > b ? a : b; }
//   {"max.u32", "%r0, %r1, %r2", decodeLanewise<maximum>}
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_LANES_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_LANES_H

#include "../Decoder.h"
#include "../Machine.h"

#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace attn::emulator {

template <typename To, typename From>
inline To bitCast(const From &from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// What of a row belongs to a lane of type T.
template <typename T>
using Stored = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

/// An integer of the size of T.
template <typename T>
using BitsOf = std::conditional_t<
    sizeof(T) == 8, uint64_t,
    std::conditional_t<sizeof(T) == 4, uint32_t,
                       std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;

/// The lane without what lies above its width, which is undefined.
template <typename T>
inline T fromStored(Stored<T> stored) {
  return bitCast<T>(static_cast<BitsOf<T>>(stored));
}
template <typename T>
inline Stored<T> toStored(T value) {
  return bitCast<BitsOf<T>>(value);
}

/// 0 or ~0 for each lane.
inline uint32_t laneSelect(LaneMask lanes, int lane) {
  return uint32_t(0) - ((lanes >> lane) & 1);
}

/// Takes over the lanes of the mask.
template <typename T>
inline void copyLanes(T *row, const T *values, LaneMask lanes) {
#pragma GCC ivdep
  for (int l = 0; l < lanesPerWarp; ++l) {
    T select = T(0) - T((lanes >> l) & 1);
    row[l] = (values[l] & select) | (row[l] & ~select);
  }
}

/// row[l] = compute(l) for the lanes of the mask; compute is called for the
/// others too. It reads rows at lane l only: these are this row or apart from
/// it, never half over it, as the decoder places rows by the sizes of lanes.
template <typename T, typename Compute>
inline void writeLanes(T *row, LaneMask lanes, Compute compute) {
  alignas(64) T buffer[lanesPerWarp];
  T *target = lanes == allLanes ? row : buffer;
#pragma GCC ivdep
  for (int l = 0; l < lanesPerWarp; ++l)
    target[l] = compute(l);
  if (lanes != allLanes)
    copyLanes(row, buffer, lanes);
}

/// The predicate becomes `values` in the lanes of the mask.
inline void writePredicate(Warp &warp, Ref ref, LaneMask lanes,
                           LaneMask values) {
  LaneMask &predicate = warp.predicate(ref);
  predicate = (predicate & ~lanes) | (values & lanes);
}

/// A bit for each lane.
template <typename Compute>
inline LaneMask collectLanes(Compute compute) {
  LaneMask mask = 0;
  for (int l = 0; l < lanesPerWarp; ++l)
    mask |= LaneMask(compute(l)) << l;
  return mask;
}

/// The type of an instruction whose lanes are a T.
template <typename T>
constexpr Type typeFor() {
  if constexpr (std::is_same_v<T, bool>)
    return {Type::predicate, 1, false};
  else if constexpr (std::is_floating_point_v<T>)
    return {Type::floating, 8 * sizeof(T), false};
  else if constexpr (std::is_integral_v<T>)
    return {std::is_signed_v<T> ? Type::signedInt : Type::unsignedInt,
            8 * sizeof(T), false};
  else
    return T::type;
}

namespace detail {

/// Reads lanes of a source: from its row, or from a predicate, which Op::bits
/// may negate.
template <typename T>
struct Source {
  using Lane = Stored<T>;
  const Lane *row;
  Source(Warp &warp, const Op &op, int slot)
      : row(warp.row<Lane>(op.src[slot])) {}
  T operator[](int lane) const { return fromStored<T>(row[lane]); }
};
template <>
struct Source<bool> {
  LaneMask mask;
  Source(Warp &warp, const Op &op, int slot)
      : mask(warp.predicate(op.src[slot]) ^
             ((op.bits >> slot) & 1 ? allLanes : 0)) {}
  bool operator[](int lane) const { return (mask >> lane) & 1; }
};

template <auto f>
struct Lanewise;

template <typename R, typename... A, R (*f)(A...)>
struct Lanewise<f> {
  template <size_t... n>
  static void write(Warp &warp, const Op &op, LaneMask lanes,
                    std::index_sequence<n...>) {
    std::tuple<Source<A>...> sources{
        Source<A>(warp, op, static_cast<int>(n))...};
    auto compute = [=](int l) { return f(std::get<n>(sources)[l]...); };
    if constexpr (std::is_same_v<R, bool>)
      writePredicate(warp, op.dst, lanes, collectLanes(compute));
    else
      writeLanes(warp.row<Stored<R>>(op.dst), lanes,
                 [=](int l) { return toStored<R>(compute(l)); });
  }

  static Flow run(Warp &warp, const Op &op, LaneMask lanes) {
    write(warp, op, lanes, std::index_sequence_for<A...>());
    return Flow::next;
  }

  template <size_t... n>
  static void decodeSources(Decoder &decoder, std::index_sequence<n...>) {
    (decodeSource<A>(decoder, n), ...);
  }
  template <typename T>
  static void decodeSource(Decoder &decoder, size_t n) {
    if constexpr (std::is_same_v<T, bool>) {
      bool negated = false;
      decoder.op.src[n] = decoder.sourcePredicate(n + 1, &negated);
      decoder.op.bits |= uint8_t(negated) << n;
    } else {
      decoder.op.src[n] = decoder.source(n + 1, typeFor<T>());
    }
  }
  static void decode(Decoder &decoder) {
    if (!decoder.expectOperands(1 + sizeof...(A)))
      return;
    decodeSources(decoder, std::index_sequence_for<A...>());
    if constexpr (std::is_same_v<R, bool>)
      decoder.op.dst = decoder.destinationPredicate(0);
    else
      decoder.op.dst = decoder.destination(0, typeFor<R>());
    decoder.op.handler = run;
  }
};

} // namespace detail

/// Destination = f(sources), lane by lane. Op: dst, src[n]; bit n of `bits`
/// negates src[n] if it is a predicate.
template <auto f>
constexpr Handler lanewise = detail::Lanewise<f>::run;

/// Decodes "d, a, b, ..." for lanewise<f>.
template <auto f>
inline void setLanewise(Decoder &decoder) {
  detail::Lanewise<f>::decode(decoder);
}
template <auto f>
inline void decodeLanewise(Decoder &decoder, const Match &) {
  setLanewise<f>(decoder);
}

/// Stands for a type in a call of a generic lambda.
template <typename T>
struct TypeTag {
  using type = T;
};

/// Calls function(TypeTag<T>()) with the first T of the list that is what the
/// text says, such as ".s32"; ".b32" is uint32_t.
template <typename... T, typename Function>
inline void withType(std::string_view text, Function function) {
  Type wanted = typeOf(text);
  auto matches = [&](Type type) {
    bool isUnsigned =
        wanted.kind == Type::bits && type.kind == Type::unsignedInt;
    return (type.kind == wanted.kind || isUnsigned) &&
           type.width == wanted.width && type.packed == wanted.packed;
  };
  (void)((matches(typeFor<T>()) && (function(TypeTag<T>()), true)) || ...);
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_LANES_H
