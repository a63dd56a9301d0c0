//===- WarpOps.cpp - shfl, vote, match, redux, elect, bar.warp.sync -------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA: shfl.sync, vote.sync, match.sync, redux.sync, elect.sync,
// activemask, bar.warp.sync, nanosleep. Each `.sync` instruction waits for the
// lanes of its membermask; lanes of a warp may form several groups, each with a
// mask of its own.
//
//===----------------------------------------------------------------------===//

#include "Floats.h"

using namespace attn;
using namespace attn::emulator;

namespace {

//===----------------------------------------------------------------------===//
// Membermasks
//===----------------------------------------------------------------------===//

/// The lanes with the same membermask as the first of `lanes`.
LaneMask sameMask(const uint32_t *masks, LaneMask lanes) {
  uint32_t first = masks[__builtin_ctz(lanes)];
  LaneMask same = 0;
  for (int l = 0; l < lanesPerWarp; ++l)
    same |= LaneMask(masks[l] == first) << l;
  return same & lanes;
}

/// What is wrong with a group of lanes that name `members`. Those that have
/// exited may be among them. False: given up.
bool checkMembers(Warp &warp, const Op &op, LaneMask group, LaneMask members) {
  if (!warp.cta.options.divergence)
    return true;
  auto report = [&](LaneMask lanes, const std::string &what) {
    int lane = __builtin_ctz(lanes);
    return warp.cta.report(ReportKind::divergence, &warp, &op, lane,
                           "the membermask " + hex(members, 8) + what +
                               std::to_string(lane));
  };
  if (LaneMask strangers = group & ~members)
    return report(strangers,
                  " does not contain the lane that executes the instruction, ");
  if (LaneMask absent = members & warp.alive & ~group)
    return report(absent, " contains a lane that does not take part, ");
  return true;
}

/// Calls `body(group, members)` for each group of lanes with one membermask,
/// where `members` are those that take part, once all have arrived.
template <typename Body>
Flow forGroups(Warp &warp, const Op &op, LaneMask lanes, Ref maskRow,
               Body body) {
  const uint32_t *masks = warp.row<uint32_t>(maskRow);
  for (LaneMask left = lanes; left;) {
    LaneMask members = masks[__builtin_ctz(left)];
    if (!warp.haveArrived(members))
      return warp.wait("the other lanes of the membermask " + hex(members, 8));
    left &= ~sameMask(masks, left);
  }
  for (LaneMask left = lanes; left;) {
    LaneMask members = masks[__builtin_ctz(left)];
    LaneMask group = sameMask(masks, left);
    if (!checkMembers(warp, op, group, members))
      return Flow::stop;
    body(group);
    left &= ~group;
  }
  return Flow::next;
}

void fill(Warp &warp, Ref ref, LaneMask lanes, uint32_t value) {
  writeLanes(warp.row<uint32_t>(ref), lanes, [=](int) { return value; });
}

//===----------------------------------------------------------------------===//
// shfl
//===----------------------------------------------------------------------===//

enum class Shuffle : uint8_t { up, down, bfly, idx };

// Sources: value, b, c, membermask. bits: a predicate is in the list.
template <Shuffle mode>
Flow shuffle(Warp &warp, const Op &op, LaneMask lanes) {
  const uint32_t *values = warp.row<uint32_t>(op.src[0]),
                 *bs = warp.row<uint32_t>(op.src[1]),
                 *cs = warp.row<uint32_t>(op.src[2]);
  uint32_t results[lanesPerWarp];
  LaneMask inRange = 0;
  bool goesOn = true;
  Flow flow = forGroups(warp, op, lanes, op.src[3], [&](LaneMask group) {
    for (LaneMask left = group; left; left &= left - 1) {
      int lane = __builtin_ctz(left);
      int b = static_cast<int>(bs[lane] & 31), c = cs[lane] & 31,
          segment = cs[lane] >> 8 & 31;
      int greatest = (lane & segment) | (c & ~segment), least = lane & segment;
      int from = lane;
      bool fits = false;
      switch (mode) {
      case Shuffle::up:
        from = lane - b;
        fits = from >= greatest;
        break;
      case Shuffle::down:
        from = lane + b;
        fits = from <= greatest;
        break;
      case Shuffle::bfly:
        from = lane ^ b;
        fits = from <= greatest;
        break;
      case Shuffle::idx:
        from = least | (b & ~segment);
        fits = from <= greatest;
        break;
      }
      if (fits)
        inRange |= LaneMask(1) << lane;
      else
        from = lane;
      results[lane] = values[from];
      if (!(group >> from & 1) && warp.cta.options.divergence && goesOn)
        goesOn =
            warp.cta.report(ReportKind::divergence, &warp, &op, lane,
                            "takes the value of lane " + std::to_string(from) +
                                ", which does not take part");
    }
  });
  if (flow != Flow::next)
    return flow;
  copyLanes(warp.row<uint32_t>(op.dst), results, lanes);
  if (op.bits)
    writePredicate(warp, warp.listed(op, 0), lanes, inRange);
  return goesOn ? Flow::next : Flow::stop;
}

//===----------------------------------------------------------------------===//
// vote, match, redux, elect
//===----------------------------------------------------------------------===//

// Sources: predicate (negated if bits), membermask.
enum class Vote : uint8_t { all, any, uni, ballot };

template <Vote mode>
Flow vote(Warp &warp, const Op &op, LaneMask lanes) {
  LaneMask values =
      warp.predicate(op.src[0]) ^ (op.bits ? allLanes : LaneMask(0));
  return forGroups(warp, op, lanes, op.src[1], [&](LaneMask group) {
    LaneMask yes = values & group;
    bool result = mode == Vote::all   ? yes == group
                  : mode == Vote::any ? yes != 0
                                      : yes == group || yes == 0;
    if (mode == Vote::ballot)
      fill(warp, op.dst, group, yes);
    else
      writePredicate(warp, op.dst, group, result ? allLanes : 0);
  });
}

// Sources: value, membermask.
template <typename T>
Flow matchAny(Warp &warp, const Op &op, LaneMask lanes) {
  const T *values = warp.row<T>(op.src[0]);
  uint32_t results[lanesPerWarp];
  Flow flow = forGroups(warp, op, lanes, op.src[1], [&](LaneMask group) {
    for (LaneMask left = group; left; left &= left - 1) {
      int lane = __builtin_ctz(left);
      results[lane] = group & collectLanes([&](int l) {
                        return values[l] == values[lane];
                      });
    }
  });
  if (flow == Flow::next)
    copyLanes(warp.row<uint32_t>(op.dst), results, lanes);
  return flow;
}

// The same, and in the list a predicate if bits.
template <typename T>
Flow matchAll(Warp &warp, const Op &op, LaneMask lanes) {
  const T *values = warp.row<T>(op.src[0]);
  return forGroups(warp, op, lanes, op.src[1], [&](LaneMask group) {
    T first = values[__builtin_ctz(group)];
    LaneMask same =
        group & collectLanes([&](int l) { return values[l] == first; });
    bool result = same == group;
    fill(warp, op.dst, group, result ? group : 0);
    if (op.bits)
      writePredicate(warp, warp.listed(op, 0), group, result ? allLanes : 0);
  });
}

// Functions of two lanes.
template <typename T>
T sum(T a, T b) {
  return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
template <typename T>
T least(T a, T b) {
  return b < a ? b : a;
}
template <typename T>
T greatest(T a, T b) {
  return b > a ? b : a;
}
uint32_t conjunction(uint32_t a, uint32_t b) { return a & b; }
uint32_t disjunction(uint32_t a, uint32_t b) { return a | b; }
uint32_t difference(uint32_t a, uint32_t b) { return a ^ b; }

// Sources: value, membermask.
template <typename T, T (*combine)(T, T)>
Flow reduce(Warp &warp, const Op &op, LaneMask lanes) {
  const T *values = warp.row<T>(op.src[0]);
  return forGroups(warp, op, lanes, op.src[1], [&](LaneMask group) {
    T result = values[__builtin_ctz(group)];
    for (LaneMask left = group & (group - 1); left; left &= left - 1)
      result = combine(result, values[__builtin_ctz(left)]);
    fill(warp, op.dst, group, static_cast<uint32_t>(result));
  });
}

// bits of op: what is asked of floats.
constexpr uint8_t wantsGreatest = 1, wantsAbsolute = 2, wantsNaN = 4;

Flow reduceFloat(Warp &warp, const Op &op, LaneMask lanes) {
  const float *values = warp.row<float>(op.src[0]);
  return forGroups(warp, op, lanes, op.src[1], [&](LaneMask group) {
    float result = std::nanf("");
    bool hasNaN = false;
    for (LaneMask left = group; left; left &= left - 1) {
      float value = values[__builtin_ctz(left)];
      if (op.bits & wantsAbsolute)
        value = std::fabs(value);
      hasNaN |= std::isnan(value);
      // -0 is below +0.
      bool isBelow =
          value < result ||
          (value == result && std::signbit(value) && !std::signbit(result));
      bool isAbove =
          value > result ||
          (value == result && !std::signbit(value) && std::signbit(result));
      if (std::isnan(result) || (op.bits & wantsGreatest ? isAbove : isBelow))
        result = value;
    }
    if (hasNaN && (op.bits & wantsNaN))
      result = std::nanf("");
    fill(warp, op.dst, group, bitCast<uint32_t>(canonical(result)));
  });
}

/// A leader of the lanes, the same whenever the same lanes ask. Programs must
/// not rely on which: a seed chooses another.
int leaderOf(const LaunchOptions &options, LaneMask group) {
  if (!options.seed)
    return __builtin_ctz(group);
  uint64_t mixed = (options.seed ^ group) * 0x9e3779b97f4a7c15;
  unsigned skip =
      static_cast<unsigned>((mixed >> 32) % __builtin_popcount(group));
  for (; skip; --skip)
    group &= group - 1;
  return __builtin_ctz(group);
}

// Source: membermask; in the list the predicate.
Flow elect(Warp &warp, const Op &op, LaneMask lanes) {
  return forGroups(warp, op, lanes, op.src[0], [&](LaneMask group) {
    int leader = leaderOf(warp.cta.options, group);
    fill(warp, op.dst, group, static_cast<uint32_t>(leader));
    writePredicate(warp, warp.listed(op, 0), group, LaneMask(1) << leader);
  });
}

Flow activeMask(Warp &warp, const Op &op, LaneMask lanes) {
  fill(warp, op.dst, lanes, lanes);
  return Flow::next;
}

// Source: membermask.
Flow synchronize(Warp &warp, const Op &op, LaneMask lanes) {
  return forGroups(warp, op, lanes, op.src[0],
                   [&](LaneMask group) { warp.synchronizeLanes(group); });
}

Flow nothing(Warp &, const Op &, LaneMask) { return Flow::next; }

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

const Type word{Type::bits, 32};

/// `d` or `d|p`: the predicate goes into the list, and bits become 1.
void destinationPair(Decoder &decoder) {
  const ptx::Operand &given = decoder.operand(0);
  if (given.kind != ptx::Operand::Kind::pair) {
    decoder.op.dst = decoder.destination(0, word);
    return;
  }
  decoder.op.dst = decoder.destination(given.elements[0], word);
  decoder.list(decoder.destinationPredicate(given.elements[1]));
  decoder.op.bits = 1;
}

void decodeShuffle(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(5))
    return;
  destinationPair(decoder);
  for (size_t n = 0; n < 4; ++n)
    decoder.op.src[n] = decoder.source(n + 1, word);
  decoder.op.handler = match[0] == ".up"     ? shuffle<Shuffle::up>
                       : match[0] == ".down" ? shuffle<Shuffle::down>
                       : match[0] == ".bfly" ? shuffle<Shuffle::bfly>
                                             : shuffle<Shuffle::idx>;
}

void voteSources(Decoder &decoder) {
  bool isNegated = false;
  decoder.op.src[0] = decoder.sourcePredicate(1, &isNegated);
  decoder.op.bits = isNegated;
  decoder.op.src[1] = decoder.source(2, word);
}

void decodeVote(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(3))
    return;
  decoder.op.dst = decoder.destinationPredicate(0);
  voteSources(decoder);
  decoder.op.handler = match[0] == ".all"   ? vote<Vote::all>
                       : match[0] == ".any" ? vote<Vote::any>
                                            : vote<Vote::uni>;
}

void decodeBallot(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(3))
    return;
  decoder.op.dst = decoder.destination(0, word);
  voteSources(decoder);
  decoder.op.handler = vote<Vote::ballot>;
}

/// Groups: all or any, type.
void decodeMatch(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(3))
    return;
  bool isAll = match[0] == ".all", isWide = match[1] == ".b64";
  destinationPair(decoder);
  if (decoder.op.bits && !isAll)
    return decoder.fail("only match.all has a predicate");
  decoder.op.src[0] = decoder.source(1, typeOf(match[1]));
  decoder.op.src[1] = decoder.source(2, word);
  if (isWide)
    decoder.op.handler = isAll ? matchAll<uint64_t> : matchAny<uint64_t>;
  else
    decoder.op.handler = isAll ? matchAll<uint32_t> : matchAny<uint32_t>;
}

void reduceOperands(Decoder &decoder, Type type, Handler handler) {
  if (!decoder.expectOperands(3))
    return;
  decoder.op.dst = decoder.destination(0, type);
  decoder.op.src[0] = decoder.source(1, type);
  decoder.op.src[1] = decoder.source(2, word);
  decoder.op.handler = handler;
}

template <typename T>
void decodeReduce(Decoder &decoder, const Match &match) {
  reduceOperands(decoder, typeFor<T>(),
                 match[0] == ".add"   ? reduce<T, sum<T>>
                 : match[0] == ".min" ? reduce<T, least<T>>
                                      : reduce<T, greatest<T>>);
}

void decodeReduceBits(Decoder &decoder, const Match &match) {
  reduceOperands(decoder, word,
                 match[0] == ".and"  ? reduce<uint32_t, conjunction>
                 : match[0] == ".or" ? reduce<uint32_t, disjunction>
                                     : reduce<uint32_t, difference>);
}

/// Groups: min or max, .abs, .NaN.
void decodeReduceFloat(Decoder &decoder, const Match &match) {
  decoder.op.bits = static_cast<uint8_t>(
      (match[0] == ".max" ? wantsGreatest : 0) |
      (match.has(1) ? wantsAbsolute : 0) | (match.has(2) ? wantsNaN : 0));
  reduceOperands(decoder, Type{Type::floating, 32}, reduceFloat);
}

void decodeElect(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(2))
    return;
  destinationPair(decoder);
  if (!decoder.op.bits)
    return decoder.fail("the destination must be 'd|p' with a predicate p");
  decoder.op.src[0] = decoder.source(1, word);
  decoder.op.handler = elect;
}

void decodeActiveMask(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(1))
    return;
  decoder.op.dst = decoder.destination(0, word);
  decoder.op.handler = activeMask;
}

void decodeSynchronize(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(1))
    return;
  decoder.op.src[0] = decoder.source(0, word);
  decoder.op.handler = synchronize;
}

/// nanosleep: other warps get their turns anyway.
void decodeSleep(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(1))
    return;
  decoder.source(0, word);
  decoder.op.handler = nothing;
}

} // namespace

std::vector<Form> attn::emulator::warpForms() {
  return {
      {"shfl.sync<.up|.down|.bfly|.idx>.b32", "%r0, %r1, %r2, 31, %r3",
       decodeShuffle},
      {"shfl.sync<.up|.down|.bfly|.idx>.b32", "%r0|%p0, %r1, 1, %r2, -1",
       decodeShuffle},
      {"vote.sync<.all|.any|.uni>.pred", "%p0, %p1, -1", decodeVote},
      {"vote.sync<.all|.any|.uni>.pred", "%p0, !%p1, %r0", decodeVote},
      {"vote.sync.ballot.b32", "%r0, %p1, -1", decodeBallot},
      {"match<.any|.all>.sync<.b32|.b64>", "%r0, %$10, %r1", decodeMatch},
      {"match<.all>.sync<.b32|.b64>", "%r0|%p0, %$10, -1", decodeMatch},
      {"redux.sync<.add|.min|.max>.u32", "%r0, %r1, -1", decodeReduce<uint32_t>,
       80},
      {"redux.sync<.add|.min|.max>.s32", "%r0, %r1, -1", decodeReduce<int32_t>,
       80},
      {"redux.sync<.and|.or|.xor>.b32", "%r0, %r1, %r2", decodeReduceBits, 80},
      {"redux.sync<.min|.max>[.abs][.NaN].f32", "%r0, %r1, -1",
       decodeReduceFloat, 100, true, 86},
      {"elect.sync", "%r0|%p0, %r1", decodeElect, 90, false, 80},
      {"elect.sync", "_|%p0, -1", decodeElect, 90, false, 80},
      {"activemask.b32", "%r0", decodeActiveMask},
      {"bar.warp.sync", "-1", decodeSynchronize},
      {"bar.warp.sync", "%r0", decodeSynchronize},
      {"nanosleep.u32", "20", decodeSleep},
      {"nanosleep.u32", "%r0", decodeSleep},
  };
}
