//===- TensorLoadCases.cpp - TMA from global to shared memory -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cp.async.bulk.tensor". Each kernel copies boxes from several places
// one after the other: inside of the tensor, across its edges, beyond them.
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "TensorCopies.h"

#include <algorithm>

using namespace attn;
using namespace attn::conformance;

static const Target sm90 = {90, false, 80};

/// The wait gives up after a while, so that a wrong byte count is seen as a
/// difference instead of a kernel that does not end.
static const char *loadKernel = R"(.visible .entry kernel(.param .u64 input, .param .u64 output, .param .align 64 .b8 map0[128])
{
  .shared .align 1024 .b8 tile[$BYTES];
  .shared .align 8 .b64 barrier;
  .reg .b64 %in, %out, %at, %map;
  .reg .b32 %t, %base, %bar, %n, %parity, %i, %s, %tries, %v, %c<5>;
  .reg .pred %p, %q, %r;
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  mov.b64 %map, map0;
  cvta.param.u64 %map, %map;
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %t, %tid.x;
  mov.u32 %base, tile;
  mov.u32 %bar, barrier;
  setp.eq.u32 %p, %t, 0;
  @%p mbarrier.init.shared::cta.b64 [%bar], 1;
  fence.mbarrier_init.release.cluster;
  bar.sync 0;
  mov.b32 %n, 0;
next:
  mov.b32 %i, %t;
  mov.b32 %v, 0xeeeeeeee;
paint:
  mad.lo.u32 %s, %i, 4, %base;
  st.shared.b32 [%s], %v;
  add.u32 %i, %i, 128;
  setp.lt.u32 %q, %i, $WORDS;
  @%q bra paint;
  fence.proxy.async;
  bar.sync 0;
  @!%p bra wait;
  mad.wide.u32 %at, %n, 32, %in;
$LOADS  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%bar], $EXPECT;
  cp.async.bulk.tensor.$RANKd.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%base], [%map, $LIST], [%bar];
wait:
  and.b32 %parity, %n, 1;
  mov.b32 %tries, 0;
again:
  mbarrier.try_wait.parity.shared::cta.b64 %q, [%bar], %parity;
  add.u32 %tries, %tries, 1;
  setp.lt.and.u32 %r, %tries, 10000, !%q;
  @%r bra again;
  mov.b32 %i, %t;
read:
  mad.lo.u32 %s, %i, 4, %base;
  ld.shared.b32 %v, [%s];
  mad.wide.u32 %at, %i, 4, %out;
  st.global.b32 [%at], %v;
  add.u32 %i, %i, 128;
  setp.lt.u32 %q, %i, $WORDS;
  @%q bra read;
  add.u64 %out, %out, $BYTES;
  bar.sync 0;
  add.u32 %n, %n, 1;
  setp.lt.u32 %q, %n, $PLACES;
  @%q bra next;
  ret;
}
)";

/// Input: the places, 32 bytes each, then the tensor.
static Problem problemOf(const Tensor &tensor, uint32_t sharedBytes) {
  std::vector<Coordinates> places = tensor.places();
  Problem problem;
  std::string rank = std::to_string(tensor.rank());
  problem.ptx = header(sm90) +
                fill(loadKernel,
                     {{"BYTES", std::to_string(sharedBytes)},
                      {"WORDS", std::to_string(sharedBytes / 4)},
                      {"LOADS", coordinateLoads(tensor.rank())},
                      {"EXPECT", std::to_string(tensor.boxBytes())},
                      {"RANK", rank},
                      {"LIST", coordinateList(tensor.rank())},
                      {"PLACES", std::to_string(places.size())}});
  problem.block = {128, 1, 1};
  for (const Coordinates &at : places)
    for (unsigned d = 0; d < 8; ++d)
      append(problem.input, d < at.size() ? at[d] : 0, 4);
  problem.input.resize(256);
  std::string elements = elementsFor(tensor.type, tensor.bytes(), 31);
  problem.input += elements;
  problem.maps = {tensor.map(false, 256)};
  Tolerance tolerance;
  tolerance.anyNan = tensor.fillsNan;
  problem.addOutput("tiles", tensor.element(), places.size(),
                    sharedBytes / tensor.elementBytes(), tolerance);
  problem.where = [=](const Output &, uint32_t row, uint32_t column) {
    std::string at;
    for (int c : places[row])
      at += (at.empty() ? "" : ", ") + std::to_string(c);
    return "box at (" + at + "), element " + std::to_string(column) +
           " of shared memory";
  };
  return problem;
}

/// What the element becomes on its way.
static uint64_t converted(const Tensor &tensor, uint64_t bits) {
  bool flushes = tensor.type == TensorMapType::f32Ftz ||
                 tensor.type == TensorMapType::tf32Ftz;
  bool rounds = tensor.type == TensorMapType::tf32 ||
                tensor.type == TensorMapType::tf32Ftz;
  if (flushes)
    bits = flushBits(Element::f32, bits);
  return rounds ? encode(Element::tf32, decode(Element::f32, bits)) : bits;
}

static void add(Cases &cases, const std::string &name, const Tensor &tensor) {
  cases.push_back(
      {"tma.load." + name, sm90, [=] {
         // Four bytes for each thread.
         bool isNarrow = tensor.rowBytes() < tensor.swizzle;
         uint32_t bytes = isNarrow ? tensor.rows() * tensor.swizzle
                                   : tensor.boxBytes();
         uint32_t sharedBytes = (bytes + 511) / 512 * 512;
         Problem problem = problemOf(tensor, sharedBytes);
         // Where rows go that are shorter than the swizzle is not described.
         if (isNarrow)
           return problem;
         problem.expected = [=] {
           std::string elements = elementsFor(tensor.type, tensor.bytes(), 31);
           std::string all;
           unsigned size = tensor.elementBytes();
           for (const Coordinates &at : tensor.places()) {
             std::string tile(sharedBytes, '\xee');
             tensor.forEach(at, [&](uint32_t to, bool isInside, uint64_t from) {
               uint64_t bits =
                   isInside ? converted(tensor, read(elements, from, size))
                   : tensor.fillsNan ? nanOf(tensor.element())
                                     : 0;
               write(tile, to, bits, size);
             });
             all += tile;
           }
           return all;
         };
         return problem;
       }});
}

void conformance::addTensorLoadCases(Cases &cases) {
  using T = TensorMapType;
  const unsigned swizzles[] = {0, 32, 64, 128};
  for (unsigned swizzle : swizzles) {
    for (unsigned rank = 1; rank <= 5; ++rank) {
      Tensor tensor = Tensor::sample(rank, T::bf16, swizzle);
      add(cases, tensor.name(), tensor);
    }
    for (T type : {T::u8, T::u32, T::u64, T::f16, T::f32, T::f64, T::s32}) {
      Tensor tensor = Tensor::sample(2, type, swizzle);
      add(cases, tensor.name(), tensor);
    }
    for (T type : {T::f16, T::bf16, T::f32, T::f64}) {
      Tensor tensor = Tensor::sample(3, type, swizzle);
      tensor.fillsNan = true;
      add(cases, tensor.name(), tensor);
    }
  }
  for (T type : {T::f32Ftz, T::tf32, T::tf32Ftz}) {
    Tensor tensor = Tensor::sample(2, type, 128);
    add(cases, tensor.name(), tensor);
  }
  // A box of every second and third row.
  Tensor sparse = Tensor::sample(3, T::bf16, 64);
  sparse.box = {32, 5, 4};
  sparse.elementStrides = {1, 2, 3};
  add(cases, "element-strides.sw64.bf16", sparse);
  sparse.swizzle = 0;
  sparse.elementStrides = {1, 3, 2};
  add(cases, "element-strides.plain.bf16", sparse);
  // Boxes that are larger than the tensor, and of the largest size.
  Tensor large = Tensor::sample(2, T::bf16, 128);
  large.dims = {40, 5};
  large.box = {64, 16};
  add(cases, "larger-than-tensor.sw128.bf16", large);
  Tensor wide = Tensor::sample(2, T::u8, 0);
  wide.dims = {300, 260};
  wide.box = {256, 8};
  add(cases, "wide.plain.u8", wide);
  Tensor high = Tensor::sample(2, T::u8, 32);
  high.dims = {40, 300};
  high.box = {32, 256};
  add(cases, "high.sw32.u8", high);
  for (unsigned swizzle : {64, 128}) {
    Tensor narrow = Tensor::sample(2, T::bf16, swizzle);
    narrow.box[0] /= 2;
    add(cases, "narrow.sw" + std::to_string(swizzle) + ".bf16", narrow);
  }
}
