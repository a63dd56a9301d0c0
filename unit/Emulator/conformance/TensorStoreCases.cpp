//===- TensorStoreCases.cpp - TMA from shared to global memory ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cp.async.bulk.tensor" and "cp.reduce.async.bulk.tensor" to global
// memory. Each kernel stores boxes to several places one after the other; what
// lies outside of the tensor must stay as it was.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "TensorCopies.h"

using namespace attn;
using namespace attn::conformance;

using T = TensorMapType;

static const Target sm90 = {90, false, 80};

static const char *storeKernel = R"(.visible .entry kernel(.param .u64 input, .param .u64 output, .param .align 64 .b8 map0[128])
{
  .shared .align 1024 .b8 tile[$BYTES];
  .reg .b64 %in, %data, %at, %map;
  .reg .b32 %t, %base, %n, %i, %s, %v, %c<5>;
  .reg .pred %p, %q;
  ld.param.u64 %in, [input];
  mov.b64 %map, map0;
  cvta.param.u64 %map, %map;
  cvta.to.global.u64 %in, %in;
  add.u64 %data, %in, 256;
  mov.u32 %t, %tid.x;
  mov.u32 %base, tile;
  setp.eq.u32 %p, %t, 0;
  mov.b32 %n, 0;
next:
  mov.b32 %i, %t;
fill:
  mad.wide.u32 %at, %i, 4, %data;
  ld.global.b32 %v, [%at];
  mad.lo.u32 %s, %i, 4, %base;
  st.shared.b32 [%s], %v;
  add.u32 %i, %i, 128;
  setp.lt.u32 %q, %i, $WORDS;
  @%q bra fill;
  add.u64 %data, %data, $BYTES;
  fence.proxy.async;
  bar.sync 0;
  @!%p bra stored;
  mad.wide.u32 %at, %n, 32, %in;
$LOADS  $INSTRUCTION [%map, $LIST], [%base];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
stored:
  bar.sync 0;
  add.u32 %n, %n, 1;
  setp.lt.u32 %q, %n, $PLACES;
  @%q bra next;
  ret;
}
)";

namespace {
using Combine = uint64_t (*)(Element, uint64_t, uint64_t);

/// `operation` is empty for a store.
struct Reduction {
  const char *operation;
  T type;
  Combine combine;
};

uint64_t replace(Element, uint64_t, uint64_t b) { return b; }
/// Subnormal numbers of f32 are zeros, before and after.
uint64_t flushed(Element element, uint64_t bits) {
  return element != Element::f32 || bits & 0x7f800000 ? bits
                                                      : bits & 0x80000000;
}
uint64_t sum(Element element, uint64_t a, uint64_t b) {
  if (isFloat(element))
    return flushed(
        element, encode(element, addOdd(decode(element, flushed(element, a)),
                                        decode(element, flushed(element, b)))));
  return a + b;
}
/// Of bits that have no sign; s32 and s64 are told apart by the type below.
uint64_t smaller(Element element, uint64_t a, uint64_t b) {
  return decode(element, b) < decode(element, a) ? b : a;
}
uint64_t larger(Element element, uint64_t a, uint64_t b) {
  return decode(element, b) > decode(element, a) ? b : a;
}
uint64_t increment(Element, uint64_t a, uint64_t b) {
  return a >= b ? 0 : a + 1;
}
uint64_t decrement(Element, uint64_t a, uint64_t b) {
  return a == 0 || a > b ? b : a - 1;
}

const Reduction reductions[] = {
    {"add", T::u32, sum},
    {"add", T::s32, sum},
    {"add", T::u64, sum},
    {"add", T::f32, sum},
    {"add", T::f16, sum},
    {"add", T::bf16, sum},
    {"min", T::u32, smaller},
    {"max", T::s32, larger},
    {"max", T::u64, larger},
    {"min", T::s64, smaller},
    {"min", T::f16, smaller},
    {"max", T::bf16, larger},
    {"inc", T::u32, increment},
    {"dec", T::u32, decrement},
    {"and", T::u32, [](Element, uint64_t a, uint64_t b) { return a & b; }},
    {"or", T::u64, [](Element, uint64_t a, uint64_t b) { return a | b; }},
    {"xor", T::s32, [](Element, uint64_t a, uint64_t b) { return a ^ b; }},
};

/// Numbers whose sums are exact and that are limits of counters.
std::string numbers(T type, bool isReduction, size_t bytes, uint64_t seed) {
  if (!isReduction)
    return elementsFor(type, bytes, seed);
  Tensor tensor;
  tensor.type = type;
  Random random(seed);
  std::string numbers;
  while (numbers.size() < bytes) {
    uint64_t bits = random.below(2) ? random.next() : random.below(9);
    if (emulator::isFloat(type))
      bits = encode(tensor.element(), random.between(-30, 30));
    if (type == T::f32 && random.below(4) == 0)
      bits = random.next() & 0x807fffff;
    append(numbers, bits, tensor.elementBytes());
  }
  numbers.resize(bytes);
  return numbers;
}
} // namespace

static void add(Cases &cases, const std::string &name, const Tensor &tensor,
                const Reduction &reduction) {
  bool isReduction = *reduction.operation;
  cases.push_back(
      {(isReduction ? "tma.reduce." : "tma.store.") + name, sm90, [=] {
         std::vector<Coordinates> places = tensor.places();
         unsigned size = tensor.elementBytes();
         uint32_t sharedBytes = (tensor.boxBytes() + 511) / 512 * 512;
         std::string instruction =
             isReduction ? "cp.reduce.async.bulk.tensor.$Rd.global.shared::cta."
                           "$O.tile.bulk_group"
                         : "cp.async.bulk.tensor.$Rd.global.shared::cta.tile."
                           "bulk_group";
         instruction = fill(instruction, {{"R", std::to_string(tensor.rank())},
                                          {"O", reduction.operation}});
         Problem problem;
         problem.ptx = header(sm90) +
                       fill(storeKernel,
                            {{"BYTES", std::to_string(sharedBytes)},
                             {"WORDS", std::to_string(sharedBytes / 4)},
                             {"LOADS", coordinateLoads(tensor.rank())},
                             {"INSTRUCTION", instruction},
                             {"LIST", coordinateList(tensor.rank())},
                             {"PLACES", std::to_string(places.size())}});
         problem.block = {128, 1, 1};
         for (const Coordinates &at : places)
           for (unsigned d = 0; d < 8; ++d)
             append(problem.input, d < at.size() ? at[d] : 0, 4);
         problem.input.resize(256);
         std::string data = numbers(tensor.type, isReduction,
                                    sharedBytes * places.size(), 32);
         problem.input += data;
         problem.maps = {tensor.map(true, 0)};
         problem.addOutput("tensor", tensor.element(), 1,
                           tensor.bytes() / size);
         std::string initial =
             numbers(tensor.type, isReduction, tensor.bytes(), 33);
         problem.initialOutput = initial;
         problem.where = [=](const Output &, uint32_t, uint32_t column) {
           std::string at;
           uint64_t rest = uint64_t(column) * size;
           std::vector<uint64_t> strides = tensor.strides();
           for (unsigned d = tensor.rank(); d-- > 0; rest %= strides[d])
             at = std::to_string(rest / strides[d]) + (at.empty() ? "" : ", ") +
                  at;
           return "element (" + at + ")";
         };
         problem.expected = [=] {
           std::string all = initial;
           // Signed numbers are compared as such.
           Element element = tensor.type == T::s32   ? Element::s32
                             : tensor.type == T::s64 ? Element::s64
                                                     : tensor.element();
           for (size_t n = 0; n < places.size(); ++n)
             tensor.forEach(
                 places[n], [&](uint32_t from, bool isInside, uint64_t to) {
                   if (!isInside)
                     return;
                   uint64_t b = read(data, n * sharedBytes + from, size);
                   write(all, to,
                         reduction.combine(element, read(all, to, size), b),
                         size);
                 });
           return all;
         };
         return problem;
       }});
}

void conformance::addTensorStoreCases(Cases &cases) {
  const Reduction store = {"", T::bf16, replace};
  for (unsigned swizzle : {0, 32, 64, 128}) {
    for (unsigned rank = 1; rank <= 5; ++rank) {
      Tensor tensor = Tensor::sample(rank, T::bf16, swizzle);
      add(cases, tensor.name(), tensor, store);
    }
    for (T type : {T::u8, T::u32, T::u64, T::f32}) {
      Tensor tensor = Tensor::sample(2, type, swizzle);
      add(cases, tensor.name(), tensor, store);
    }
  }
  Tensor sparse = Tensor::sample(3, T::bf16, 64);
  sparse.box = {32, 5, 4};
  sparse.elementStrides = {1, 2, 3};
  add(cases, "element-strides.sw64.bf16", sparse, store);
  unsigned number = 0;
  for (const Reduction &reduction : reductions) {
    // Each swizzle and each rank once in a while.
    unsigned swizzle = number % 4 ? 16u << number % 4 : 0;
    Tensor tensor = Tensor::sample(2 + number % 3, reduction.type, swizzle);
    add(cases, reduction.operation + std::string(".") + tensor.name(), tensor,
        reduction);
    ++number;
  }
}
