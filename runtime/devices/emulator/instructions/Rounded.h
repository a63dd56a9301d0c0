//===- Rounded.h - Rounding modes -------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_ROUNDED_H
#define ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_ROUNDED_H

#include "Floats.h"

#include <cfenv>

namespace attn::emulator {

/// True if a group of the form was given this text.
inline bool chosen(const Match &match, std::string_view text) {
  return std::find(match.choices.begin(), match.choices.end(), text) !=
         match.choices.end();
}

/// The first rounding among the choices.
inline Rounding roundingOf(const Match &match) {
  for (std::string_view choice : match.choices)
    if (Rounding rounding = roundingOf(choice); rounding != Rounding::nearest)
      return rounding;
  return Rounding::nearest;
}

/// A handler under another rounding mode of the host. Its operands and results
/// are in memory that the calls may change, so nothing is computed outside of
/// them.
template <Handler inner, int mode>
Flow underMode(Warp &warp, const Op &op, LaneMask lanes) {
  std::fesetround(mode);
  Flow flow = inner(warp, op, lanes);
  std::fesetround(FE_TONEAREST);
  return flow;
}

/// lanewise<f> where f consists of operations that the host rounds.
template <auto f>
void setRounded(Decoder &decoder, Rounding rounding) {
  setLanewise<f>(decoder);
  switch (rounding) {
  case Rounding::zero:
    decoder.op.handler = underMode<lanewise<f>, FE_TOWARDZERO>;
    break;
  case Rounding::down:
    decoder.op.handler = underMode<lanewise<f>, FE_DOWNWARD>;
    break;
  case Rounding::up:
    decoder.op.handler = underMode<lanewise<f>, FE_UPWARD>;
    break;
  case Rounding::nearest:
  case Rounding::nearestAway:
    break;
  }
}

} // namespace attn::emulator

#endif // ATTN_RUNTIME_DEVICES_EMULATOR_INSTRUCTIONS_ROUNDED_H
