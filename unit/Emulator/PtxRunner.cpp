//===- PtxRunner.cpp - Runs lines of PTX on the emulator ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PtxRunner.h"

#include "runtime/devices/emulator/Memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <random>
#include <sstream>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

static constexpr size_t blockThreads = 128;

static size_t roundUp(size_t threads) {
  return (threads + blockThreads - 1) / blockThreads * blockThreads;
}

static std::string loadOf(const std::string &reg, const std::string &address) {
  switch (reg[1]) {
  case 'h':
    return "ld.global.b16 " + reg + ", " + address + ";\n";
  case 'd':
    return "ld.global.b64 " + reg + ", " + address + ";\n";
  case 'p':
    return "ld.global.b32 %bit, " + address + ";\nsetp.ne.b32 " + reg +
           ", %bit, 0;\n";
  default:
    return "ld.global.b32 " + reg + ", " + address + ";\n";
  }
}

static std::string storeOf(const std::string &reg, const std::string &address) {
  switch (reg[1]) {
  case 'h':
    return "st.global.b16 " + address + ", " + reg + ";\n";
  case 'd':
    return "st.global.b64 " + address + ", " + reg + ";\n";
  case 'p':
    return "selp.b32 %bit, 1, 0, " + reg + ";\nst.global.b32 " + address +
           ", %bit;\n";
  default:
    return "st.global.b32 " + address + ", " + reg + ";\n";
  }
}

std::string attn::test::kernelOf(const PtxLines &lines, size_t threads) {
  std::string text = ".version 8.7\n.target " + lines.target +
                     "\n"
                     ".address_size 64\n"
                     ".visible .entry kernel(.param .u64 in, .param .u64 out)\n"
                     "{\n"
                     ".reg .pred %p<10>;\n"
                     ".reg .b16 %h<20>;\n"
                     ".reg .b32 %r<100>, %bit, %index, %block, %size;\n"
                     ".reg .b64 %d<20>, %in, %out, %offset;\n"
                     ".shared .align 128 .b8 shared[4096];\n"
                     "mov.u32 %index, %tid.x;\n"
                     "mov.u32 %block, %ctaid.x;\n"
                     "mov.u32 %size, %ntid.x;\n"
                     "mad.lo.u32 %index, %block, %size, %index;\n"
                     "mul.wide.u32 %offset, %index, 8;\n"
                     "ld.param.u64 %in, [in];\n"
                     "ld.param.u64 %out, [out];\n"
                     "add.u64 %in, %in, %offset;\n"
                     "add.u64 %out, %out, %offset;\n";
  auto at = [&](const char *base, size_t column) {
    return std::string("[") + base + "+" +
           std::to_string(column * roundUp(threads) * 8) + "]";
  };
  for (size_t i = 0; i < lines.inputs.size(); ++i)
    text += loadOf(lines.inputs[i], at("%in", i));
  text += lines.text + "\n";
  for (size_t o = 0; o < lines.outputs.size(); ++o)
    text += storeOf(lines.outputs[o], at("%out", o));
  return text + "ret;\n}\n";
}

Result<std::vector<Column>>
attn::test::runLines(const PtxLines &lines, const std::vector<Column> &inputs) {
  size_t threads = inputs.empty() ? 32 : inputs[0].size();
  size_t padded = roundUp(threads);
  auto module = Module::parse(kernelOf(lines, threads));
  if (!module)
    return module.takeFailure();
  Memory memory;
  size_t inBytes = std::max<size_t>(inputs.size() * padded * 8, 8),
         outBytes = std::max<size_t>(lines.outputs.size() * padded * 8, 8);
  auto *in = static_cast<uint64_t *>(memory.allocate(inBytes, "in"));
  auto *out = static_cast<uint64_t *>(memory.allocate(outBytes, "out"));
  std::fill_n(out, outBytes / 8, 0);
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t n = 0; n < padded; ++n)
      in[i * padded + n] = inputs[i][std::min(n, threads - 1)];
  memory.markInitialized(in, inBytes);
  memory.markInitialized(out, outBytes);
  LaunchDimensions dimensions;
  dimensions.grid.x = static_cast<uint32_t>(padded / blockThreads);
  dimensions.block.x = blockThreads;
  auto result =
      launch(*module, "kernel", dimensions,
             {Argument::of(in), Argument::of(out)}, memory, lines.options);
  if (!result)
    return result.takeFailure();
  if (!result->ok())
    return failure(result->reports[0].str());
  std::vector<Column> outputs;
  for (size_t o = 0; o < lines.outputs.size(); ++o)
    outputs.emplace_back(out + o * padded, out + o * padded + threads);
  return outputs;
}

void attn::test::expectLines(const PtxLines &lines,
                             const std::vector<Column> &inputs,
                             const Reference &reference,
                             const Tolerance &tolerance) {
  auto outputs = runLines(lines, inputs);
  ASSERT_TRUE(outputs) << lines.text << "\n" << outputs.error();
  size_t threads = inputs.empty() ? 32 : inputs[0].size(), wrong = 0;
  std::vector<uint64_t> in(inputs.size()), wanted(lines.outputs.size());
  for (size_t n = 0; n < threads; ++n) {
    for (size_t i = 0; i < inputs.size(); ++i)
      in[i] = inputs[i][n];
    std::fill(wanted.begin(), wanted.end(), 0);
    reference(in.data(), wanted.data());
    for (size_t o = 0; o < wanted.size(); ++o) {
      uint64_t got = (*outputs)[o][n];
      if (got == wanted[o] || (tolerance && tolerance(wanted[o], got)))
        continue;
      if (++wrong > 5)
        continue;
      std::string operands;
      for (size_t i = 0; i < inputs.size(); ++i)
        operands += " " + lines.inputs[i] + " = " + hex(in[i]);
      ADD_FAILURE() << lines.text << "\n  with" << operands << "\n  gives "
                    << lines.outputs[o] << " = " << hex(got) << " instead of "
                    << hex(wanted[o]);
    }
  }
  EXPECT_EQ(wrong, 0u) << "of " << threads << " threads of " << lines.text;
}

void attn::test::expectInstruction(
    const std::string &text, const std::vector<Column> &inputs,
    const std::function<uint64_t(const uint64_t *)> &result,
    const Tolerance &tolerance) {
  PtxLines lines;
  lines.text = text;
  for (size_t at = text.find('%'); at != std::string::npos;
       at = text.find('%', at + 1)) {
    size_t end = text.find_first_not_of("0123456789", at + 2);
    (lines.outputs.empty() ? lines.outputs : lines.inputs)
        .push_back(text.substr(at, end - at));
  }
  ASSERT_EQ(lines.inputs.size(), inputs.size()) << text;
  expectLines(
      lines, inputs,
      [&](const uint64_t *in, uint64_t *out) { out[0] = result(in); },
      tolerance);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

static uint64_t maskOf(int bits) {
  return bits >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
}

static void makeUnique(Column &values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

Column attn::test::integerEdges(int bits) {
  Column values;
  for (uint64_t small : {0, 1, 2, 3, 5, 7, 8, 31, 32, 33, 63, 64, 65, 100}) {
    values.push_back(small & maskOf(bits));
    values.push_back((0 - small) & maskOf(bits));
  }
  for (int bit : {7, 8, 15, 16, 23, 31, 32, 47, 63})
    for (int64_t near : {-1, 0, 1})
      if (bit < bits)
        values.push_back(((uint64_t(1) << bit) + uint64_t(near)) &
                         maskOf(bits));
  makeUnique(values);
  return values;
}

Column attn::test::floatEdges(int exponentBits, int mantissaBits) {
  uint64_t sign = uint64_t(1) << (exponentBits + mantissaBits),
           least = uint64_t(1) << mantissaBits, infinity = sign - least,
           one = (sign / 2 - least) & ~(least - 1);
  auto near = [&](int64_t power) { // a power of two
    return one + static_cast<uint64_t>(power) * least;
  };
  Column values = {0,
                   1,
                   2,
                   least / 2,
                   least - 1,
                   least,
                   least + 1,
                   one - 1,
                   one,
                   one + 1,
                   one + least / 2,
                   one + least / 2 + 1,
                   near(-1),
                   near(1),
                   near(1) + least / 2,
                   near(3) + 5,
                   near(-4) + least / 3,
                   near(mantissaBits),
                   near(mantissaBits) + 1,
                   near(-mantissaBits),
                   near(-mantissaBits - 1),
                   near(-mantissaBits - 1) + 1,
                   infinity - least,
                   infinity - 1,
                   infinity,
                   infinity + least / 2,
                   infinity + least / 2 + 3,
                   infinity + least - 1};
  for (size_t n = 0, count = values.size(); n < count; ++n)
    values.push_back(values[n] | sign);
  makeUnique(values);
  return values;
}

std::vector<Column> attn::test::combine(const std::vector<Column> &edges,
                                        size_t random) {
  size_t total = 1;
  for (const Column &column : edges)
    total *= column.size();
  std::vector<Column> rows(edges.size());
  for (size_t n = 0; n < total; ++n) {
    size_t rest = n;
    for (size_t i = 0; i < edges.size(); ++i) {
      rows[i].push_back(edges[i][rest % edges[i].size()]);
      rest /= edges[i].size();
    }
  }
  std::mt19937_64 generator(1);
  for (size_t i = 0; i < edges.size(); ++i) {
    uint64_t greatest = *std::max_element(edges[i].begin(), edges[i].end());
    int bits = greatest ? 64 - __builtin_clzll(greatest) : 1;
    for (size_t n = 0; n < random; ++n) {
      // Now and then an edge beside what is random.
      uint64_t value = generator();
      rows[i].push_back(generator() % 8 ? value & maskOf(bits)
                                        : edges[i][value % edges[i].size()]);
    }
  }
  return rows;
}

Column attn::test::allOf(int bits) {
  Column values(size_t(1) << bits);
  for (size_t n = 0; n < values.size(); ++n)
    values[n] = n;
  return values;
}

bool attn::test::sameF64(uint64_t wanted, uint64_t got) {
  return std::isnan(f64(wanted)) && std::isnan(f64(got));
}
