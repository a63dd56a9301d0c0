//===- instructions/Tma.cpp - cp.async.bulk.tensor ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies of boxes of tensors, tiled mode (PTX ISA, "Tensors" and "Tensor
// copy"). The box lies densely in shared memory, dimension 0 innermost, with
// chunks of 16 bytes swizzled by their absolute addresses.
//
//===----------------------------------------------------------------------===//

#include "../Bulk.h"

#include "../Access.h"
#include "../Mbarrier.h"
#include "BulkOperands.h"

using namespace attn;
using namespace attn::emulator;

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

static bool refuse(const Accessor &who, std::string what) {
  who.warp.cta.report(ReportKind::descriptor, &who.warp, &who.op, who.lane,
                      std::move(what));
  return false;
}

/// The 128 bytes at a generic address; null, with a report, if there are none.
static const uint8_t *mapBytes(const Accessor &who, uint64_t address) {
  if (address % 64) {
    refuse(who, "a tensor map lies at an address that is a multiple of 64; "
                "given is " +
                    hex(address));
    return nullptr;
  }
  const uint64_t offset = address & ~windowMask;
  std::vector<uint8_t> &parameters = who.warp.cta.launch.parameters;
  switch (address & windowMask) {
  case 0:
    return accessGlobal(who, address, sizeof(TensorMapBits), Intent::read);
  case paramWindow:
    if (offset <= parameters.size() &&
        parameters.size() - offset >= sizeof(TensorMapBits))
      return parameters.data() + offset;
    refuse(who, "the tensor map at offset " + std::to_string(offset) +
                    " reaches beyond the parameters, which have " +
                    std::to_string(parameters.size()) + " bytes");
    return nullptr;
  default:
    refuse(who,
           std::string("a tensor map lies in a __grid_constant__ "
                       "parameter, in global or in constant memory; "
                       "given is an address of ") +
               ((address & windowMask) == localWindow ? "local" : "shared") +
               " memory");
    return nullptr;
  }
}

const TensorMapDescription *
BulkGroups::tensorMap(const Accessor &who, uint64_t address, uint32_t rank) {
  const uint8_t *bytes = mapBytes(who, address);
  if (!bytes)
    return nullptr;
  std::unique_ptr<KnownMap> &known = maps[address];
  if (!known || std::memcmp(&known->bits, bytes, sizeof known->bits) != 0) {
    KnownMap map;
    std::memcpy(&map.bits, bytes, sizeof map.bits);
    Result<TensorMapDescription> description = decodeTiled(map.bits);
    if (!description) {
      refuse(who, description.error());
      return nullptr;
    }
    if (description->interleave != TensorMapInterleave::none) {
      refuse(who, "interleaved tensors are not emulated");
      return nullptr;
    }
    map.description = *description;
    known = std::make_unique<KnownMap>(map);
  }
  if (known->description.rank != rank) {
    refuse(who, "the copy is of " + std::to_string(rank) +
                    " dimensions, and the tensor map has " +
                    std::to_string(known->description.rank));
    return nullptr;
  }
  return &known->description;
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

namespace {

/// What an instruction says, for one lane.
struct TensorCopy {
  const Accessor who;
  const TensorMapDescription *map = nullptr;
  uint32_t shared = 0;

  /// Reads the operands. False if the launch must be given up.
  bool read(const BulkOperands &operands);
  std::vector<BulkRun> runs() const;
};

} // namespace

/// op.bits of these instructions: the rank in the low three bits, then the
/// number of the reduction.
static uint32_t rankOf(const Op &op) { return op.bits & 7; }

bool TensorCopy::read(const BulkOperands &operands) {
  Cta &cta = who.warp.cta;
  map = cta.get(cta.bulkGroups)
            .tensorMap(who, operands.global(who), rankOf(who.op));
  if (!map || !operands.shared(who, shared))
    return false;
  if (!isAligned(who, shared, 128, "the address of the box in shared memory"))
    return !cta.options.alignment;
  // The pattern of a swizzle repeats after 8 lines. Elsewhere the box is
  // swizzled all the same, but not as those who read it expect.
  const uint32_t repeat = 8 * bytesOf(map->swizzle);
  if (repeat)
    isAligned(who, shared, repeat,
              "the address of the swizzled box in shared memory");
  // Before anything is made of a size that a tensor map may give.
  const uint64_t bytes = std::min<uint64_t>(map->boxBytes(), UINT32_MAX);
  return who.warp.cta.shared.checkBounds(who, "copies", shared,
                                         static_cast<uint32_t>(bytes));
}

std::vector<BulkRun> TensorCopy::runs() const {
  const uint32_t rank = map->rank, elementBytes = bytesOf(map->type);
  int64_t origin[TensorMapDescription::maxRank];
  for (uint32_t d = 0; d < rank; ++d)
    origin[d] = static_cast<int32_t>(
        who.warp.row<uint32_t>(who.warp.listed(who.op, d))[who.lane]);
  // In dimension 0: elements of the box that are in the tensor.
  const int64_t extent = map->boxExtent(0);
  const int64_t first = std::max<int64_t>(0, -origin[0]);
  const int64_t last =
      std::min(extent, static_cast<int64_t>(map->dims[0]) - origin[0]);
  BulkRun run;
  run.total = static_cast<uint32_t>(extent) * elementBytes;
  run.shared = shared;
  std::vector<BulkRun> result;
  uint32_t index[TensorMapDescription::maxRank] = {};
  while (true) {
    bool isInside = first < last;
    uint64_t offset = static_cast<uint64_t>(origin[0] + first) * elementBytes;
    for (uint32_t d = 1; d < rank; ++d) {
      int64_t at = origin[d] + int64_t(index[d]) * map->step(d);
      isInside = isInside && at >= 0 && at < int64_t(map->dims[d]);
      offset += static_cast<uint64_t>(at) * map->strides[d - 1];
    }
    run.begin = isInside ? static_cast<uint32_t>(first) * elementBytes : 0;
    run.end = isInside ? static_cast<uint32_t>(last) * elementBytes : 0;
    run.global = static_cast<uint8_t *>(map->base) + (isInside ? offset : 0);
    result.push_back(run);
    run.shared += run.total;
    uint32_t d = 1;
    while (d < rank && ++index[d] == map->boxExtent(d))
      index[d++] = 0;
    if (d >= rank)
      return result;
  }
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

static Flow runTensorLoad(Warp &warp, const Op &op, LaneMask lanes) {
  Mbarriers &mbarriers = warp.cta.get(warp.cta.mbarriers);
  const BulkOperands operands(op);
  for (; lanes; lanes &= lanes - 1) {
    TensorCopy copy{{warp, op, __builtin_ctz(lanes)}};
    uint32_t address;
    if (!copy.read(operands) || !operands.mbarrier(copy.who, address))
      return Flow::stop;
    Mbarrier *barrier = mbarriers.use(copy.who, address, true);
    if (!barrier)
      return Flow::stop;
    auto load = std::make_shared<BulkLoad>(copy.who, *barrier);
    load->runs = copy.runs();
    load->mask = swizzleMask(copy.map->swizzle);
    load->type = copy.map->type;
    load->fill = copy.map->fill;
    if (!load->announce())
      return Flow::stop;
    warp.cta.async.issue(std::move(load));
  }
  return Flow::next;
}

/// The type of a reduction of elements of a tensor.
static std::string_view reductionType(TensorMapType type, bool isBitwise) {
  if (isBitwise && !isFloat(type))
    return bytesOf(type) == 8 ? ".b64" : bytesOf(type) == 4 ? ".b32" : "";
  switch (type) {
  case TensorMapType::u32:
    return ".u32";
  case TensorMapType::s32:
    return ".s32";
  case TensorMapType::u64:
    return ".u64";
  case TensorMapType::s64:
    return ".s64";
  case TensorMapType::f16:
    return ".f16";
  case TensorMapType::bf16:
    return ".bf16";
  case TensorMapType::f32:
    return ".f32";
  default:
    return "";
  }
}

static constexpr std::string_view operations[] = {
    "", ".add", ".min", ".max", ".inc", ".dec", ".and", ".or", ".xor"};

static Flow runTensorStore(Warp &warp, const Op &op, LaneMask lanes) {
  BulkGroups &groups = warp.cta.get(warp.cta.bulkGroups);
  const BulkOperands operands(op);
  const std::string_view operation = operations[op.bits >> 3];
  for (; lanes; lanes &= lanes - 1) {
    TensorCopy copy{{warp, op, __builtin_ctz(lanes)}};
    if (!copy.read(operands))
      return Flow::stop;
    auto store = std::make_shared<BulkStore>(copy.who, groups.nextTicket(warp));
    if (!operation.empty()) {
      bool isBitwise =
          operation == ".and" || operation == ".or" || operation == ".xor";
      store->reduction = bulkReduction(bulkReductionNumber(
          operation, reductionType(copy.map->type, isBitwise)));
      if (!store->reduction) {
        refuse(copy.who, "there is no reduction " + std::string(operation) +
                             " of the type of the tensor, " +
                             nameOf(copy.map->type));
        return Flow::stop;
      }
    }
    store->runs = copy.runs();
    store->mask = swizzleMask(copy.map->swizzle);
    if (!store->announce())
      return Flow::stop;
    groups.add(store);
    warp.cta.async.issue(std::move(store));
  }
  return Flow::next;
}

/// Caches are not emulated, but the map must be right.
static Flow runTensorPrefetch(Warp &warp, const Op &op, LaneMask lanes) {
  BulkGroups &groups = warp.cta.get(warp.cta.bulkGroups);
  const BulkOperands operands(op);
  for (; lanes; lanes &= lanes - 1) {
    Accessor who{warp, op, __builtin_ctz(lanes)};
    if (!groups.tensorMap(who, operands.global(who), rankOf(op)))
      return Flow::stop;
  }
  return Flow::next;
}

/// [map, {c0, c1}].
static void decodeTensor(Decoder &decoder, size_t n, std::string_view rank) {
  const ptx::Operand &operand = decoder.operand(n);
  const uint32_t dimensions = static_cast<uint32_t>(rank[1] - '0');
  decoder.op.bits = static_cast<uint8_t>(dimensions);
  if (operand.kind != ptx::Operand::Kind::tensor ||
      operand.elements.size() != 2 ||
      operand.elements[1].kind != ptx::Operand::Kind::vector)
    return decoder.fail("a tensor map with coordinates, [map, {c0, ...}], is "
                        "expected");
  ptx::Operand map = operand;
  map.kind = ptx::Operand::Kind::address;
  map.elements.resize(1);
  BulkOperands::decodeGlobal(decoder, map, "");
  const auto &coordinates = operand.elements[1].elements;
  if (coordinates.size() != dimensions)
    return decoder.fail("there are " + std::to_string(coordinates.size()) +
                        " coordinates, and the tensor has " +
                        std::to_string(dimensions) + " dimensions");
  for (const ptx::Operand &coordinate : coordinates)
    decoder.list(decoder.source(coordinate, typeOf("s32")));
}

static void decodeTensorLoad(Decoder &decoder, const Match &match) {
  if (!BulkOperands::expect(decoder, 3))
    return;
  BulkOperands::decodeShared(decoder, decoder.operand(0));
  decodeTensor(decoder, 1, match[0]);
  BulkOperands::decodeMbarrier(decoder, decoder.operand(2));
  decoder.op.handler = runTensorLoad;
}

/// The second group of a reduction is its operation.
static void decodeTensorStore(Decoder &decoder, const Match &match) {
  if (!BulkOperands::expect(decoder, 2))
    return;
  decodeTensor(decoder, 0, match[0]);
  BulkOperands::decodeShared(decoder, decoder.operand(1));
  for (size_t n = 1; n < std::size(operations); ++n)
    if (match.choices.size() > 1 && match[1] == operations[n])
      decoder.op.bits |= static_cast<uint8_t>(n << 3);
  decoder.op.handler = runTensorStore;
}

static void decodeTensorPrefetch(Decoder &decoder, const Match &match) {
  if (!BulkOperands::expect(decoder, 1))
    return;
  decodeTensor(decoder, 0, match[0]);
  decoder.op.handler = runTensorPrefetch;
}

/// The map is looked at when it is used.
static Flow runMapPrefetch(Warp &, const Op &, LaneMask) { return Flow::next; }

static void decodeMapPrefetch(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(1))
    return;
  BulkOperands::decodeGlobal(decoder, decoder.operand(0), match[0]);
  decoder.op.handler = runMapPrefetch;
}

std::vector<Form> attn::emulator::tensorCopyForms() {
#define HINT ".L2::cache_hint"
#define COMPLETE ".mbarrier::complete_tx::bytes"
#define TO_GLOBAL ".global.shared::cta"
#define OPERATIONS "<.add|.min|.max|.inc|.dec|.and|.or|.xor>"
#define RANK(rank, map, hint)                                                  \
  {"cp.async.bulk.tensor<." rank ">.shared::cluster.global[.tile]" COMPLETE,   \
   "[%r0], " map ", [%r8]",                                                    \
   decodeTensorLoad,                                                           \
   90,                                                                         \
   false,                                                                      \
   80},                                                                        \
      {"cp.async.bulk.tensor<." rank                                           \
       ">.shared::cluster.global[.tile]" COMPLETE HINT,                        \
       "[%r0], " map ", [%r8], " hint,                                         \
       decodeTensorLoad,                                                       \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {"cp.async.bulk.tensor<." rank ">.shared::cta.global[.tile]" COMPLETE,   \
       "[%r0], " map ", [%r8]",                                                \
       decodeTensorLoad,                                                       \
       90,                                                                     \
       false,                                                                  \
       86},                                                                    \
      {"cp.async.bulk.tensor<." rank                                           \
       ">.shared::cta.global[.tile]" COMPLETE HINT,                            \
       "[%r0], " map ", [%r8], " hint,                                         \
       decodeTensorLoad,                                                       \
       90,                                                                     \
       false,                                                                  \
       86},                                                                    \
      {"cp.async.bulk.tensor<." rank ">" TO_GLOBAL "[.tile].bulk_group",       \
       map ", [%r8]",                                                          \
       decodeTensorStore,                                                      \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {"cp.async.bulk.tensor<." rank ">" TO_GLOBAL "[.tile].bulk_group" HINT,  \
       map ", [%r8], " hint,                                                   \
       decodeTensorStore,                                                      \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {"cp.reduce.async.bulk.tensor<." rank ">" TO_GLOBAL OPERATIONS           \
       "[.tile].bulk_group",                                                   \
       map ", [%r8]",                                                          \
       decodeTensorStore,                                                      \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {"cp.reduce.async.bulk.tensor<." rank ">" TO_GLOBAL OPERATIONS           \
       "[.tile].bulk_group" HINT,                                              \
       map ", [%r8], " hint,                                                   \
       decodeTensorStore,                                                      \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {"cp.async.bulk.prefetch.tensor<." rank ">.L2.global[.tile]",            \
       map,                                                                    \
       decodeTensorPrefetch,                                                   \
       90,                                                                     \
       false,                                                                  \
       80},                                                                    \
      {"cp.async.bulk.prefetch.tensor<." rank ">.L2.global[.tile]" HINT,       \
       map ", " hint,                                                          \
       decodeTensorPrefetch,                                                   \
       90,                                                                     \
       false,                                                                  \
       80}
  return {
      RANK("1d", "[%d1, {%r2}]", "%d9"),
      RANK("2d", "[%d1, {%r2, %r3}]", "%d9"),
      RANK("3d", "[%d1, {%r2, %r3, %r4}]", "%d9"),
      RANK("4d", "[%d1, {%r2, %r3, %r4, %r5}]", "%d9"),
      RANK("5d", "[%d1, {%r2, %r3, %r4, %r5, %r6}]", "%d9"),
      {"prefetch[.param|.const].tensormap", "[%d0]", decodeMapPrefetch, 90,
       false, 80},
  };
#undef RANK
}
