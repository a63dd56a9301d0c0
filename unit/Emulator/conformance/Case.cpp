//===- Case.cpp - A micro-kernel of the conformance corpus ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Case.h"

#include <algorithm>
#include <cstring>

using namespace attn;
using namespace attn::conformance;

std::string Target::name() const {
  return "sm_" + std::to_string(sm) + (archSpecific ? "a" : "");
}

bool Target::runsOn(int computeCapability) const {
  return archSpecific ? computeCapability == sm : computeCapability >= sm;
}

std::string conformance::header(const Target &target) {
  return ".version " + std::to_string(target.ptxVersion / 10) + "." +
         std::to_string(target.ptxVersion % 10) + "\n.target " +
         target.name() + "\n.address_size 64\n\n";
}

//===----------------------------------------------------------------------===//
// Bytes and numbers
//===----------------------------------------------------------------------===//

uint64_t conformance::hashOf(const void *bytes, size_t size, uint64_t state) {
  auto *at = static_cast<const uint8_t *>(bytes);
  for (size_t i = 0; i < size; ++i)
    state = (state ^ at[i]) * 0x100000001b3;
  return state;
}

uint64_t Random::next() {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

std::string conformance::fill(
    std::string text,
    const std::vector<std::pair<std::string, std::string>> &names) {
  std::string filled;
  for (size_t i = 0; i < text.size();) {
    const std::pair<std::string, std::string> *best = nullptr;
    if (text[i] == '$')
      for (const auto &name : names)
        if (text.compare(i + 1, name.first.size(), name.first) == 0 &&
            (!best || name.first.size() > best->first.size()))
          best = &name;
    if (!best) {
      filled += text[i++];
      continue;
    }
    filled += best->second;
    i += 1 + best->first.size();
  }
  return filled;
}

void conformance::append(std::string &bytes, uint64_t value, unsigned size) {
  bytes.append(reinterpret_cast<const char *>(&value), size);
}

uint64_t conformance::read(const std::string &bytes, size_t offset,
                           unsigned size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, size);
  return value;
}

void conformance::write(std::string &bytes, size_t offset, uint64_t value,
                        unsigned size) {
  std::memcpy(&bytes[offset], &value, size);
}

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

Output &Problem::addOutput(std::string name, Element element, uint32_t rows,
                           uint32_t columns, Tolerance tolerance) {
  outputs.push_back({std::move(name), element, rows, columns, tolerance});
  initialOutput.append(outputs.back().bytes(), '\xcd');
  return outputs.back();
}

uint64_t Problem::hash() const {
  uint64_t state = hashSeed;
  auto add = [&](const std::string &bytes) {
    uint64_t size = bytes.size();
    state = hashOf(&size, sizeof(size), state);
    state = hashOf(bytes.data(), bytes.size(), state);
  };
  auto addNumber = [&](uint64_t value) {
    state = hashOf(&value, sizeof(value), state);
  };
  add(ptx);
  for (uint32_t n : {grid.x, grid.y, grid.z, block.x, block.y, block.z,
                     dynamicShared})
    addNumber(n);
  add(input);
  add(initialOutput);
  for (const TensorMapAt &map : maps) {
    const emulator::TensorMapDescription &d = map.description;
    addNumber(map.inOutput);
    addNumber(map.offset);
    for (uint64_t n : {uint64_t(d.type), uint64_t(d.rank),
                       uint64_t(d.interleave), uint64_t(d.swizzle),
                       uint64_t(d.fill)})
      addNumber(n);
    for (uint32_t i = 0; i < d.rank; ++i) {
      addNumber(d.dims[i]);
      addNumber(i ? d.strides[i - 1] : 0);
      addNumber(d.box[i]);
      addNumber(d.elementStrides[i]);
    }
  }
  for (const Output &output : outputs) {
    addNumber(uint64_t(output.element));
    addNumber(output.rows);
    addNumber(output.columns);
    addNumber(output.tolerance.isExact());
  }
  return state;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

std::string conformance::whereIs(const Problem &problem, const Output &output,
                                 size_t element) {
  auto row = static_cast<uint32_t>(element / output.columns);
  auto column = static_cast<uint32_t>(element % output.columns);
  std::string where;
  if (problem.where)
    where = problem.where(output, row, column);
  if (where.empty())
    where = "row " + std::to_string(row) + ", column " + std::to_string(column);
  return "'" + output.name + "', " + where;
}

/// True if the values count as equal; notes how far apart they are.
static bool isClose(const Output &output, uint64_t expected, uint64_t actual,
                    Comparison &result) {
  const Tolerance &tolerance = output.tolerance;
  if (tolerance.isExact())
    return expected == actual;
  Wide a = decode(output.element, expected), b = decode(output.element, actual);
  if (isNan(a) || isNan(b))
    return isNan(a) && isNan(b);
  if (expected == actual)
    return true;
  if (isInfinite(a) || isInfinite(b))
    return false;
  double ulps = ulpsBetween(output.element, a, b);
  auto absolute = static_cast<double>(conformance::absolute(a - b));
  bool close = ulps <= tolerance.ulps || absolute <= tolerance.absolute;
  // +0 and -0 are apart if the comparison is exact but for NaN.
  if (tolerance.ulps == 0 && tolerance.absolute == 0)
    close = false;
  // Each distance is told where its bound is the one that decides.
  if (ulps > tolerance.ulps)
    result.worstAbsolute = std::max(result.worstAbsolute, absolute);
  else
    result.worstUlps = std::max(result.worstUlps, ulps);
  return close;
}

void conformance::compareOutput(const Problem &problem, const Output &output,
                                const std::string &expected,
                                const std::string &actual,
                                const std::string &expectedName,
                                const std::string &actualName,
                                Comparison &result) {
  unsigned size = bytesOf(output.element);
  for (size_t i = 0; i < output.count(); ++i) {
    uint64_t a = read(expected, i * size, size),
             b = read(actual, i * size, size);
    ++result.elements;
    if (isClose(output, a, b, result))
      continue;
    ++result.differing;
    if (result.first.empty())
      result.first = whereIs(problem, output, i) + ": " + expectedName +
                     " has " + show(output.element, a) + ", " + actualName +
                     " " + show(output.element, b);
  }
}

Comparison conformance::compare(const Problem &problem,
                                const std::string &expected,
                                const std::string &actual,
                                const std::string &expectedName,
                                const std::string &actualName) {
  Comparison result;
  size_t offset = 0;
  for (const Output &output : problem.outputs) {
    compareOutput(problem, output, expected.substr(offset, output.bytes()),
                  actual.substr(offset, output.bytes()), expectedName,
                  actualName, result);
    offset += output.bytes();
  }
  return result;
}
