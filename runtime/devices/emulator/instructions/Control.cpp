//===- instructions/Control.cpp - bra, brx, call, ret, exit, trap ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Decoder.h"
#include "../Machine.h"

#include <cstring>

using namespace attn::emulator;
using Kind = ptx::Operand::Kind;

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

static Flow runBranch(Warp &warp, const Op &op, LaneMask lanes) {
  warp.branch(lanes, static_cast<uint32_t>(op.target));
  return Flow::jump;
}

static void decodeBranch(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(1))
    return;
  decoder.branchTarget(0);
  decoder.op.isBranch = decoder.op.isEnd = true;
  decoder.op.handler = runBranch;
}

static Flow runIndirect(Warp &warp, const Op &op, LaneMask lanes) {
  const auto &targets = warp.cta.program.targets[op.detail];
  const uint32_t *index = warp.row<uint32_t>(op.src[0]);
  for (LaneMask left = lanes; left; left &= left - 1)
    if (uint32_t given = index[__builtin_ctz(left)]; given >= targets.size()) {
      warp.cta.report(ReportKind::bounds, &warp, &op, __builtin_ctz(left),
                      "the index is " + std::to_string(given) +
                          ", and there are " + std::to_string(targets.size()) +
                          " branch targets");
      return Flow::stop;
    }
  const size_t current = warp.currentFragment;
  while (lanes) {
    uint32_t chosen = index[__builtin_ctz(lanes)];
    LaneMask together = 0;
    for (LaneMask left = lanes; left; left &= left - 1)
      if (index[__builtin_ctz(left)] == chosen)
        together |= left & -left;
    lanes &= ~together;
    Fragment &from = warp.fragments[current];
    if (from.lanes == together) {
      from.pc = static_cast<uint32_t>(targets[chosen]);
    } else {
      from.lanes &= ~together;
      Fragment taken;
      taken.lanes = together;
      taken.pc = static_cast<uint32_t>(targets[chosen]);
      warp.fragments.push_back(std::move(taken));
      if (!lanes)
        ++warp.fragments[current].pc; // those that the guard keeps
    }
  }
  return Flow::jump;
}

static void decodeIndirect(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(2))
    return;
  decoder.op.src[0] = decoder.source(0, typeOf("u32"));
  decoder.op.detail = decoder.program.targets.size();
  decoder.program.targets.push_back(decoder.branchTargets(decoder.operand(1)));
  decoder.op.isIndirect = decoder.op.isEnd = true;
  decoder.op.handler = runIndirect;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

// Parameters and results are in local memory, each function's at places of its
// own: there is no recursion. The list of a call holds (from, to, bytes) of its
// parameters, then of its results, as offsets; `detail` says how many
// parameters.

static void copyLocal(Warp &warp, const std::vector<int32_t> &copies,
                      size_t begin, size_t end, LaneMask lanes) {
  for (size_t n = begin; n < end; n += 3)
    for (LaneMask left = lanes; left; left &= left - 1) {
      uint8_t *memory =
          warp.localMemory(static_cast<unsigned>(__builtin_ctz(left)));
      std::memmove(memory + copies[n + 1], memory + copies[n],
                   static_cast<size_t>(copies[n + 2]));
    }
}

static Flow runCall(Warp &warp, const Op &op, LaneMask lanes) {
  const auto &copies = warp.cta.program.targets[op.detail];
  copyLocal(warp, copies, 0, static_cast<size_t>(op.immediate), lanes);
  warp.callStack.push_back({lanes, warp.fragment().pc, &op});
  warp.branch(lanes, static_cast<uint32_t>(op.target));
  return Flow::jump;
}

static void decodeCall(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(1, 4))
    return;
  const ptx::Operand *results = nullptr, *arguments = nullptr,
                     *callee = nullptr;
  for (size_t n = 0; n < decoder.operandCount(); ++n) {
    const ptx::Operand &operand = decoder.operand(n);
    if (operand.kind == Kind::list)
      (callee ? arguments : results) = &operand;
    else if (!callee)
      callee = &operand;
  }
  if (!callee || callee->kind != Kind::symbol)
    return decoder.fail("calls through a register are not emulated");
  const ptx::Function *function = decoder.findFunction(callee->name);
  decoder.callTarget(callee->name);
  std::vector<int32_t> copies;
  auto offset = [&](const ptx::Operand &operand,
                    const ptx::Variable &wanted) -> int32_t {
    const ptx::Variable *given = operand.kind == Kind::symbol
                                     ? decoder.localParameter(operand.name)
                                     : nullptr;
    if (!given) {
      decoder.fail("arguments and results of calls must be .param variables");
      return 0;
    }
    if (given->bytes != wanted.bytes)
      decoder.fail("passes '" + given->name + "' of " +
                   std::to_string(given->bytes) + " bytes, where '" +
                   wanted.name + "' of '" + callee->name + "' has " +
                   std::to_string(wanted.bytes));
    return static_cast<int32_t>(*decoder.localAddress(operand.name) &
                                ~windowMask);
  };
  auto check = [&](const ptx::Operand *given, size_t wanted, const char *what) {
    size_t count = given ? given->elements.size() : 0;
    if (count != wanted)
      decoder.fail("passes " + std::to_string(count) + " " + what + ", and '" +
                   callee->name + "' has " + std::to_string(wanted));
    return count == wanted;
  };
  if (decoder.failed() ||
      !check(arguments, function->parameters.size(), "arguments") ||
      !check(results, function->results.size(), "results"))
    return;
  for (size_t n = 0; n < function->parameters.size(); ++n) {
    uint64_t to = decoder.functionParameter(callee->name, n, false);
    copies.insert(copies.end(),
                  {offset(arguments->elements[n], function->parameters[n]),
                   static_cast<int32_t>(to & ~windowMask),
                   static_cast<int32_t>(function->parameters[n].bytes)});
  }
  decoder.op.immediate = static_cast<int64_t>(copies.size());
  for (size_t n = 0; n < function->results.size(); ++n) {
    uint64_t from = decoder.functionParameter(callee->name, n, true);
    copies.insert(copies.end(),
                  {static_cast<int32_t>(from & ~windowMask),
                   offset(results->elements[n], function->results[n]),
                   static_cast<int32_t>(function->results[n].bytes)});
  }
  decoder.op.detail = decoder.program.targets.size();
  decoder.program.targets.push_back(std::move(copies));
  decoder.op.isCall = true;
  decoder.op.handler = runCall;
}

static Flow runReturn(Warp &warp, const Op &, LaneMask lanes) {
  for (size_t n = warp.callStack.size(); n-- > 0;) {
    Warp::Call &call = warp.callStack[n];
    LaneMask together = call.lanes & lanes;
    if (!together)
      continue;
    const auto &copies = warp.cta.program.targets[call.op->detail];
    copyLocal(warp, copies, static_cast<size_t>(call.op->immediate),
              copies.size(), together);
    uint32_t next = call.pc + 1;
    call.lanes &= ~together;
    if (!call.lanes)
      warp.callStack.erase(warp.callStack.begin() +
                           static_cast<std::ptrdiff_t>(n));
    // Lanes that came from other places return there in the next turn.
    Fragment &from = warp.fragment();
    if (from.lanes == together) {
      from.pc = next;
    } else {
      from.lanes &= ~together;
      Fragment back;
      back.lanes = together;
      back.pc = next;
      warp.fragments.push_back(std::move(back));
    }
    return Flow::jump;
  }
  warp.exit(lanes);
  return Flow::jump;
}

static void decodeReturn(Decoder &decoder, const Match &match) {
  decoder.expectOperands(0);
  decoder.op.isEnd = true;
  decoder.op.handler = runReturn;
}

//===----------------------------------------------------------------------===//
// Ends
//===----------------------------------------------------------------------===//

static Flow runExit(Warp &warp, const Op &, LaneMask lanes) {
  for (size_t n = warp.callStack.size(); n-- > 0;) {
    warp.callStack[n].lanes &= ~lanes;
    if (!warp.callStack[n].lanes)
      warp.callStack.erase(warp.callStack.begin() +
                           static_cast<std::ptrdiff_t>(n));
  }
  warp.exit(lanes);
  return Flow::jump;
}

static void decodeExit(Decoder &decoder, const Match &match) {
  decoder.expectOperands(0);
  decoder.op.isEnd = true;
  decoder.op.handler = runExit;
}

static Flow runTrap(Warp &warp, const Op &op, LaneMask lanes) {
  warp.cta.report(ReportKind::trap, &warp, &op, __builtin_ctz(lanes),
                  "the kernel stopped itself");
  return Flow::stop;
}

static void decodeTrap(Decoder &decoder, const Match &match) {
  decoder.expectOperands(0);
  decoder.op.isEnd = true;
  decoder.op.handler = runTrap;
}

/// Without a debugger there is nobody who would go on.
static Flow runBreakpoint(Warp &warp, const Op &op, LaneMask lanes) {
  warp.cta.report(ReportKind::trap, &warp, &op, __builtin_ctz(lanes),
                  "the kernel has a breakpoint, and there is no debugger");
  return Flow::stop;
}

static void decodeBreakpoint(Decoder &decoder, const Match &match) {
  decoder.expectOperands(0);
  decoder.op.isEnd = true;
  decoder.op.handler = runBreakpoint;
}

/// An event of the profiler.
static void decodeEvent(Decoder &decoder, const Match &match) {
  if (decoder.expectOperands(1))
    decoder.constant(0);
  decoder.op.handler = [](Warp &, const Op &, LaneMask) { return Flow::next; };
}

std::vector<Form> attn::emulator::controlForms() {
  return {
      {"bra[.uni]", "here", decodeBranch},
      {"brx.idx[.uni]", "%r0, targets", decodeIndirect},
      {"call[.uni]", "function", decodeCall},
      {"ret[.uni]", "", decodeReturn},
      {"exit", "", decodeExit},
      {"trap", "", decodeTrap},
      {"brkpt", "", decodeBreakpoint},
      {"pmevent", "0", decodeEvent},
  };
}
