//===- instructions/Wgmma.cpp - wgmma.* -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Warpgroup.h"

#include "../Decoder.h"

#include <deque>

using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// fence, commit_group, wait_group
//===----------------------------------------------------------------------===//

static Warpgroup &groupOf(Warp &warp) {
  return warp.cta.get(warp.cta.warpgroups).of(warp);
}

static Flow runFence(Warp &warp, const Op &, LaneMask) {
  return groupOf(warp).fence(warp) ? Flow::next : Flow::stop;
}

static Flow runCommit(Warp &warp, const Op &op, LaneMask) {
  return groupOf(warp).commit(warp, op) ? Flow::next : Flow::stop;
}

static Flow runWait(Warp &warp, const Op &op, LaneMask) {
  bool isReady = false;
  if (!groupOf(warp).wait(warp, static_cast<uint32_t>(op.immediate), isReady))
    return Flow::stop;
  return isReady ? Flow::next
                 : warp.wait("the other warps of its warpgroup, which have not "
                             "issued the same products");
}

template <Handler handler>
static void decodePlain(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(0))
    return;
  decoder.op.isAligned = true;
  decoder.op.handler = handler;
}

static void decodeWait(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(1))
    return;
  int64_t left = decoder.constant(0);
  if (left < 0 || left > INT32_MAX)
    decoder.fail("the number of groups is " + std::to_string(left) +
                 "; it must not be negative");
  decoder.op.immediate = left;
  decoder.op.isAligned = true;
  decoder.op.handler = runWait;
}

//===----------------------------------------------------------------------===//
// mma_async
//===----------------------------------------------------------------------===//

static Flow runProduct(Warp &warp, const Op &op, LaneMask) {
  return groupOf(warp).issue(warp, op) ? Flow::next : Flow::stop;
}

static MatrixType matrixTypeOf(std::string_view text) {
  for (auto [name, type] : {std::pair{".f16", MatrixType::f16},
                            {".bf16", MatrixType::bf16},
                            {".tf32", MatrixType::tf32},
                            {".e4m3", MatrixType::e4m3},
                            {".e5m2", MatrixType::e5m2},
                            {".s8", MatrixType::s8}})
    if (text == name)
      return type;
  return MatrixType::u8;
}

/// An immediate of which two values are allowed; true for the second.
static bool choice(Decoder &decoder, size_t n, const char *name, int64_t first,
                   int64_t second) {
  int64_t given = decoder.constant(n);
  if (given != first && given != second)
    decoder.fail(std::string(name) + " is " + std::to_string(given) +
                 "; allowed are " + std::to_string(first) + " and " +
                 std::to_string(second));
  return given == second;
}

/// The number after "n" in ".m64n128k16".
static uint16_t columnsOf(std::string_view opcode) {
  uint16_t columns = 0;
  for (char digit : opcode.substr(opcode.find(".m64n") + 5)) {
    if (digit < '0' || digit > '9')
      break;
    columns = static_cast<uint16_t>(columns * 10 + (digit - '0'));
  }
  return columns;
}

/// `kind` holds the types of A, B and D; the rest is read here.
static void decodeProduct(Decoder &decoder, WgmmaKind kind) {
  const std::string &opcode = decoder.instruction().opcode;
  kind.columns = columnsOf(opcode);
  kind.saturates = opcode.find(".satfinite") != std::string::npos;
  const bool isInteger = kind.sum == SumType::s32;
  const bool isWide = bytesOf(kind.b) == 2; // has imm-trans
  const size_t immediates = isInteger ? 0 : 2;
  if (!decoder.expectOperands(4 + immediates, 4 + immediates + 2 * isWide))
    return;
  kind.takesRegistersA = decoder.operand(1).kind == ptx::Operand::Kind::vector;
  const size_t transposes = isWide ? (kind.takesRegistersA ? 1 : 2) : 0;
  if (!decoder.expectOperands(4 + immediates + transposes))
    return;
  if (!isInteger)
    kind.negates = choice(decoder, 4, "imm-scale-a", 1, -1) !=
                   choice(decoder, 5, "imm-scale-b", 1, -1);
  if (transposes == 2)
    kind.transposesA = choice(decoder, 6, "imm-trans-a", 0, 1);
  if (transposes)
    kind.transposesB = choice(decoder, 5 + transposes, "imm-trans-b", 0, 1);

  const Type word =
      typeOf(isInteger || kind.sum == SumType::f16 ? "b32" : "f32");
  decoder.listDestinations(0, word, kind.sumRegisters());
  if (kind.takesRegistersA)
    decoder.listSources(1, typeOf("b32"), 4);
  else
    decoder.op.src[1] = decoder.source(1, typeOf("b64"));
  decoder.op.src[2] = decoder.source(2, typeOf("b64"));
  decoder.op.src[0] = decoder.sourcePredicate(3, &kind.negatesScaleD);
  for (unsigned n = 0; n < decoder.op.listCount; ++n)
    decoder.keepApart(decoder.program.lists[decoder.op.listBegin + n]);
  decoder.op.detail = kind.pack();
  decoder.op.isAligned = true;
  decoder.op.ownsAsyncRegisters = true;
  decoder.program.usesWgmma = true;
  decoder.op.handler = runProduct;
}

/// D in f32 or f16: the types of A and B in one group, or in two.
template <SumType sum>
static void decodeFloat(Decoder &decoder, const Match &match) {
  WgmmaKind kind;
  kind.sum = sum;
  std::string_view a = match[0], b;
  if (match.choices.size() > 1) {
    b = match[1];
  } else {
    b = a.substr(a.find('.', 1));
    a = a.substr(0, a.find('.', 1));
  }
  kind.a = matrixTypeOf(a);
  kind.b = matrixTypeOf(b);
  decodeProduct(decoder, kind);
}

/// The last two groups are the types of A and B.
template <size_t first>
static void decodeInteger(Decoder &decoder, const Match &match) {
  WgmmaKind kind;
  kind.sum = SumType::s32;
  kind.a = matrixTypeOf(match[first]);
  kind.b = matrixTypeOf(match[first + 1]);
  decodeProduct(decoder, kind);
}

/// A form for each number of columns: their sample operands differ.
static std::vector<Form> productForms() {
  static std::deque<std::string> texts; // live as long as the forms
  std::vector<Form> forms;
  auto add = [&](unsigned columns, const std::string &depth,
                 const std::string &types, unsigned registers,
                 const char *immediates,
                 void (*decode)(Decoder &, const Match &)) {
    texts.push_back("wgmma.mma_async.sync.aligned.m64n" +
                    std::to_string(columns) + depth + types);
    const char *spelling = texts.back().c_str();
    std::string operands = "{";
    for (unsigned n = 0; n < registers; ++n)
      operands += (n ? ", %r" : "%r") + std::to_string(n);
    texts.push_back(operands + "}, %d1, %d2, %p1" + immediates);
    forms.push_back(
        {spelling, texts.back().c_str(), decode, 90, true, 80, true});
  };
  for (unsigned n = 8; n <= 256; n += 8) {
    add(n, "k16", ".f32<.f16.f16|.bf16.bf16>", n / 2, ", 1, -1, 0, 1",
        decodeFloat<SumType::f32>);
    add(n, "k16", ".f16<.f16.f16>", n / 4, ", 1, 1, 1, 0",
        decodeFloat<SumType::f16>);
    add(n, "k8", ".f32<.tf32.tf32>", n / 2, ", 1, 1",
        decodeFloat<SumType::f32>);
    add(n, "k32", ".f32<.e4m3|.e5m2><.e4m3|.e5m2>", n / 2, ", -1, 1",
        decodeFloat<SumType::f32>);
    add(n, "k32", ".f16<.e4m3|.e5m2><.e4m3|.e5m2>", n / 4, ", 1, 1",
        decodeFloat<SumType::f16>);
    // Integers: multiples of 16 from 32 on.
    if (n > 32 && n % 16)
      continue;
    add(n, "k32", "[.satfinite].s32<.s8|.u8><.s8|.u8>", n / 2, "",
        decodeInteger<1>);
    add(n, "k32", ".s32<.s8|.u8><.s8|.u8>.satfinite", n / 2, "",
        decodeInteger<0>);
  }
  return forms;
}

std::vector<Form> attn::emulator::wgmmaForms() {
  std::vector<Form> forms = productForms();
  forms.push_back({"wgmma.fence.sync.aligned", "", decodePlain<runFence>, 90,
                   true, 80, true});
  forms.push_back({"wgmma.commit_group.sync.aligned", "",
                   decodePlain<runCommit>, 90, true, 80, true});
  forms.push_back(
      {"wgmma.wait_group.sync.aligned", "1", decodeWait, 90, true, 80, true});
  return forms;
}
