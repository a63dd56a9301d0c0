//===- Elementwise.cpp - Cases of one instruction per element -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"

#include <algorithm>
#include <memory>

using namespace attn;
using namespace attn::conformance;

static constexpr uint32_t threads = 128;

std::vector<Operand> conformance::operandsOf(const std::string &text) {
  std::vector<Operand> operands;
  for (size_t begin = 0; begin < text.size();) {
    size_t space = text.find(' ', begin), end = text.find(", ", begin);
    if (end == std::string::npos)
      end = text.size();
    std::string type = text.substr(begin, space - begin);
    Operand operand;
    operand.name = text.substr(space + 1, end - space - 1);
    if (type == "pred") {
      operand.isPredicate = true;
      operand.element = Element::b8;
    } else {
      size_t cross = type.find('x');
      if (cross != std::string::npos)
        operand.count = std::stoi(type.substr(cross + 1));
      operand.element = elementCalled(type.substr(0, cross));
    }
    operands.push_back(operand);
    begin = end + 2;
  }
  return operands;
}

/// The register of so many bytes: ".b16" also for one.
static std::string registerType(const Operand &operand) {
  if (operand.isPredicate)
    return ".pred";
  return ".b" + std::to_string(std::max(16u, operand.bytes() * 8));
}

/// The type of a load or store.
static std::string memoryType(const Operand &operand) {
  unsigned bits = operand.bytes() * 8;
  return (bits == 8 ? ".u" : ".b") + std::to_string(bits);
}

static std::string text(const Target &target, const Elementwise &given,
                        size_t count) {
  std::string declarations, loads, stores;
  size_t offset = 0;
  for (const Operand &operand : operandsOf(given.inputs)) {
    declarations +=
        "  .reg " + registerType(operand) + " " + operand.name + ";\n";
    loads += "  mad.wide.u32 %at, %i, " + std::to_string(operand.bytes()) +
             ", %in;\n  ld.global" + memoryType(operand) + " " + operand.name +
             ", [%at+" + std::to_string(offset) + "];\n";
    offset += operand.bytes() * count;
  }
  offset = 0;
  for (const Operand &operand : operandsOf(given.outputs)) {
    declarations +=
        "  .reg " + registerType(operand) + " " + operand.name + ";\n";
    std::string value = operand.name;
    if (operand.isPredicate) {
      stores += "  selp.b16 %byte, 1, 0, " + value + ";\n";
      value = "%byte";
    }
    stores += "  mad.wide.u32 %at, %i, " + std::to_string(operand.bytes()) +
              ", %out;\n  st.global" + memoryType(operand) + " [%at+" +
              std::to_string(offset) + "], " + value + ";\n";
    offset += operand.bytes() * count;
  }
  return header(target) + fill(R"(.visible .entry kernel(.param .u64 input, .param .u64 output)
{
  .reg .b64 %in, %out, %at;
  .reg .b32 %i, %cta, %size;
  .reg .b16 %byte;
  .reg .pred %p, %q;
  .reg .b16 %h<10>;
  .reg .b32 %t<10>;
  .reg .b64 %d<10>;
$DECLARATIONS
  ld.param.u64 %in, [input];
  ld.param.u64 %out, [output];
  cvta.to.global.u64 %in, %in;
  cvta.to.global.u64 %out, %out;
  mov.u32 %i, %tid.x;
  mov.u32 %cta, %ctaid.x;
  mov.u32 %size, %ntid.x;
  mad.lo.u32 %i, %cta, %size, %i;
$LOADS
  $CODE
$STORES
  ret;
}
)",
                               {{"DECLARATIONS", declarations},
                                {"LOADS", loads},
                                {"CODE", given.code},
                                {"STORES", stores}});
}

Problem conformance::elementwise(const Target &target,
                                 const Elementwise &given) {
  auto inputs = operandsOf(given.inputs), outputs = operandsOf(given.outputs);
  // All threads have work: the rows begin again at the end.
  size_t count = (given.rows.size() + threads - 1) / threads * threads;
  auto rowOf = [rows = std::make_shared<Rows>(given.rows)](
                   size_t i) -> const std::vector<uint64_t> & {
    return (*rows)[i % rows->size()];
  };
  Problem problem;
  problem.ptx = text(target, given, count);
  problem.block = {threads, 1, 1};
  problem.grid = {static_cast<uint32_t>(count / threads), 1, 1};
  for (size_t k = 0; k < inputs.size(); ++k)
    for (size_t i = 0; i < count; ++i)
      append(problem.input, rowOf(i)[k], inputs[k].bytes());
  for (const Operand &output : outputs)
    problem.addOutput(output.name, output.element, count, output.count,
                      isFloat(output.element) ? given.tolerance : Tolerance{});
  problem.where = [=](const Output &, uint32_t row, uint32_t column) {
    std::string where = "element " + std::to_string(row);
    for (size_t k = 0; k < inputs.size(); ++k) {
      unsigned bits = bytesOf(inputs[k].element) * 8;
      unsigned part = inputs[k].count > 1 ? column % inputs[k].count : 0;
      where += (k ? ", " : " of ") + inputs[k].name + " = " +
               show(inputs[k].element, rowOf(row)[k] >> (part * bits) &
                                           (~uint64_t(0) >> (64 - bits)));
    }
    return where;
  };
  if (given.reference)
    problem.expected = [=, reference = given.reference] {
      std::vector<std::string> columns(outputs.size());
      for (size_t i = 0; i < count; ++i) {
        std::vector<uint64_t> results(outputs.size());
        reference(rowOf(i).data(), results.data());
        for (size_t k = 0; k < outputs.size(); ++k)
          append(columns[k], results[k], outputs[k].bytes());
      }
      std::string all;
      for (const std::string &column : columns)
        all += column;
      return all;
    };
  return problem;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::vector<uint64_t> conformance::edgesOf(Element element) {
  unsigned bits = bytesOf(element) * 8;
  uint64_t all = ~uint64_t(0) >> (64 - bits), top = uint64_t(1) << (bits - 1);
  if (!isFloat(element))
    return {0,       1,       2,   3,           7,          all,
            all - 1, top - 1, top, top | 1, all / 3, 0x5a & all};
  auto of = [&](double value) { return encode(element, value); };
  uint64_t smallest = encode(element, smallestNormal(element));
  uint64_t unit = element == Element::tf32 ? uint64_t(1) << 13 : 1;
  uint64_t infinity = encode(element, Wide(1) / Wide(0.0));
  uint64_t most = encode(element, largest(element));
  std::vector<uint64_t> edges = {
      0,    top,        of(1),          of(-1),           of(2),
      of(0.5), of(-1.5), of(3),         of(1) + unit,     of(1) - unit,
      smallest, smallest - unit, top | unit, most, top | most,
      infinity, top | infinity, nanOf(element)};
  // A NaN with another payload and a signalling one, with the sign set.
  if (element != Element::e4m3) {
    edges.push_back(top | nanOf(element));
    edges.push_back(infinity + unit);
  }
  return edges;
}

uint64_t conformance::randomBits(Element element, Random &random) {
  unsigned bits = bytesOf(element) * 8;
  uint64_t all = ~uint64_t(0) >> (64 - bits);
  uint64_t value = random.next() & all;
  uint32_t choice = random.below(4);
  if (!isFloat(element))
    // Small numbers and random ones.
    return choice == 0 ? value & 0xff : value;
  if (choice == 0)
    return value;
  // Of magnitudes that meet each other in sums.
  double number = (random.unit() + 1) * (choice == 1 ? 1 : 1 << random.below(8));
  if (random.below(2))
    number = -number;
  if (random.below(2))
    number = 1 / number;
  return encode(element, number);
}

Rows conformance::rowsFor(const std::string &inputs, size_t count,
                          uint64_t seed, const Rows &edges) {
  std::vector<Operand> operands = operandsOf(inputs);
  std::vector<std::vector<uint64_t>> special;
  for (size_t k = 0; k < operands.size(); ++k)
    special.push_back(k < edges.size() && !edges[k].empty()
                          ? edges[k]
                          : edgesOf(operands[k].element));
  Random random(seed);
  // Packed operands get the chosen value in one place, random ones elsewhere.
  auto pack = [&](size_t k, uint64_t value) {
    const Operand &operand = operands[k];
    unsigned bits = bytesOf(operand.element) * 8;
    uint64_t packed = 0;
    unsigned place = operand.count > 1 ? random.below(operand.count) : 0;
    for (unsigned i = 0; i < operand.count; ++i)
      packed |= (i == place ? value : randomBits(operand.element, random))
                << (i * bits);
    return packed;
  };
  Rows rows;
  if (operands.size() == 1)
    for (uint64_t a : special[0])
      rows.push_back({pack(0, a)});
  if (operands.size() == 2)
    for (uint64_t a : special[0])
      for (uint64_t b : special[1])
        rows.push_back({pack(0, a), pack(1, b)});
  while (rows.size() < count) {
    std::vector<uint64_t> row;
    for (size_t k = 0; k < operands.size(); ++k) {
      bool isRestricted = k < edges.size() && !edges[k].empty();
      bool isEdge = isRestricted || random.below(2);
      row.push_back(pack(k, isEdge ? special[k][random.below(special[k].size())]
                                   : randomBits(operands[k].element, random)));
    }
    rows.push_back(row);
  }
  return rows;
}

Rows conformance::allValues(unsigned bits) {
  Rows rows;
  for (uint64_t i = 0; i < uint64_t(1) << bits; ++i)
    rows.push_back({i});
  return rows;
}
