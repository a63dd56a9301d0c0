//===- TensorCopies.cpp - What the cases of TMA share ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorCopies.h"

#include "Layouts.h"

using namespace attn;
using namespace attn::conformance;

Tensor Tensor::sample(unsigned rank, TensorMapType type, unsigned swizzle) {
  static const std::vector<uint32_t> dims[] = {
      {}, {}, {11}, {7, 5}, {5, 4, 3}, {5, 3, 4, 3}};
  static const std::vector<uint32_t> boxes[] = {
      {}, {}, {9}, {5, 3}, {3, 3, 2}, {3, 2, 2, 2}};
  Tensor tensor;
  tensor.type = type;
  tensor.swizzle = swizzle;
  uint32_t row = (swizzle ? swizzle : 48) / emulator::bytesOf(type);
  tensor.box = {row};
  // Not a multiple of the box, nor of 16 bytes.
  tensor.dims = {row + row / 2 + 3};
  tensor.dims.insert(tensor.dims.end(), dims[rank].begin(), dims[rank].end());
  tensor.box.insert(tensor.box.end(), boxes[rank].begin(), boxes[rank].end());
  return tensor;
}

Element Tensor::element() const {
  switch (type) {
  case TensorMapType::f16:
    return Element::f16;
  case TensorMapType::bf16:
    return Element::bf16;
  case TensorMapType::f32:
  case TensorMapType::f32Ftz:
  case TensorMapType::tf32:
  case TensorMapType::tf32Ftz:
    return Element::f32;
  case TensorMapType::f64:
    return Element::f64;
  default:
    break;
  }
  switch (elementBytes()) {
  case 1:
    return Element::b8;
  case 2:
    return Element::b16;
  case 4:
    return Element::b32;
  default:
    return Element::b64;
  }
}

uint32_t Tensor::step(unsigned d) const {
  // That of dimension 0 does not count.
  return d == 0 || elementStrides.empty() ? 1 : elementStrides[d];
}

uint32_t Tensor::extent(unsigned d) const {
  return (box[d] + step(d) - 1) / step(d);
}

uint32_t Tensor::rows() const {
  uint32_t rows = 1;
  for (unsigned d = 1; d < rank(); ++d)
    rows *= extent(d);
  return rows;
}

std::vector<uint64_t> Tensor::strides() const {
  std::vector<uint64_t> strides = {elementBytes()};
  for (unsigned d = 1; d < rank(); ++d)
    strides.push_back((strides.back() * dims[d - 1] + 31) / 16 * 16);
  return strides;
}

uint64_t Tensor::bytes() const { return strides().back() * dims.back(); }

TensorMapAt Tensor::map(bool inOutput, uint64_t offset) const {
  TensorMapAt at;
  emulator::TensorMapDescription &map = at.description;
  map.type = type;
  map.rank = rank();
  for (unsigned d = 0; d < rank(); ++d) {
    map.dims[d] = dims[d];
    map.box[d] = box[d];
    if (!elementStrides.empty())
      map.elementStrides[d] = elementStrides[d];
    if (d)
      map.strides[d - 1] = strides()[d];
  }
  map.swizzle = swizzle == 128  ? emulator::TensorMapSwizzle::of128Bytes
                : swizzle == 64 ? emulator::TensorMapSwizzle::of64Bytes
                : swizzle == 32 ? emulator::TensorMapSwizzle::of32Bytes
                                : emulator::TensorMapSwizzle::none;
  map.fill = fillsNan ? emulator::TensorMapFill::nan
                      : emulator::TensorMapFill::zero;
  at.inOutput = inOutput;
  at.offset = offset;
  return at;
}

void Tensor::forEach(
    const Coordinates &at,
    const std::function<void(uint32_t, bool, uint64_t)> &body) const {
  std::vector<uint64_t> stride = strides();
  for (uint32_t row = 0; row < rows(); ++row)
    for (uint32_t i = 0; i < extent(0); ++i) {
      bool isInside = true;
      uint64_t global = 0;
      uint32_t rest = row;
      for (unsigned d = 0; d < rank(); ++d) {
        uint32_t index = d == 0 ? i : rest % extent(d);
        if (d)
          rest /= extent(d);
        int64_t place = at[d] + int64_t(index) * step(d);
        isInside = isInside && place >= 0 && place < int64_t(dims[d]);
        global += static_cast<uint64_t>(place) * stride[d];
      }
      uint32_t shared = row * rowBytes() + i * elementBytes();
      body(swizzled(shared, swizzle), isInside, global);
    }
}

std::vector<Coordinates> Tensor::places() const {
  Coordinates zero(rank()), across(rank()), before(rank()), corner(rank());
  std::vector<Coordinates> places;
  for (unsigned d = 0; d < rank(); ++d) {
    across[d] = int(dims[d]) - int(box[d]) / 2;
    before[d] = -(int(box[d]) / 2);
    corner[d] = d % 2 ? across[d] : before[d];
  }
  places = {zero, across, before, corner};
  // Beyond in one dimension only; then far away.
  Coordinates out = zero, far = zero, inside = zero;
  out.back() = int(dims.back());
  far[0] = -100000;
  for (unsigned d = 0; d < rank(); ++d)
    inside[d] = dims[d] > box[d] ? 1 : 0;
  places.push_back(out);
  places.push_back(far);
  places.push_back(inside);
  return places;
}

static const char *nameOf(TensorMapType type) {
  const char *names[] = {"u8",  "u16", "u32",  "s32",     "u64",
                         "s64", "f16", "f32",  "f64",     "bf16",
                         "f32_ftz", "tf32", "tf32_ftz"};
  return names[static_cast<size_t>(type)];
}

std::string Tensor::name() const {
  std::string name = std::to_string(rank()) + "d.";
  name += swizzle ? "sw" + std::to_string(swizzle) : "plain";
  return name + "." + ::nameOf(type) + (fillsNan ? ".nan" : "");
}

std::string conformance::elementsFor(TensorMapType type, size_t bytes,
                                     uint64_t seed) {
  std::string elements;
  Random random(seed);
  bool isReal = emulator::isFloat(type);
  Tensor tensor;
  tensor.type = type;
  while (elements.size() < bytes) {
    uint64_t bits = random.next();
    // Numbers of moderate size, and all of their bits in f32.
    if (isReal)
      bits = encode(tensor.element(), random.unit() * 512 - 256);
    append(elements, bits, tensor.elementBytes());
  }
  elements.resize(bytes);
  return elements;
}

std::string conformance::coordinateList(unsigned rank) {
  std::string list;
  for (unsigned d = 0; d < rank; ++d)
    list += (d ? ", %c" : "%c") + std::to_string(d);
  return "{" + list + "}";
}

std::string conformance::coordinateLoads(unsigned rank) {
  std::string loads;
  for (unsigned d = 0; d < rank; ++d)
    loads += "  ld.global.b32 %c" + std::to_string(d) + ", [%at+" +
             std::to_string(d * 4) + "];\n";
  return loads;
}
