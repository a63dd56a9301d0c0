//===- CombineTest.cpp - attn.combine against the reference ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Partial results that were made up, and those of attention over parts of the
// keys, merged on the CPU.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include "llvm/Support/Error.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace attn;
using namespace attn::testing;
using reference::Array;

namespace {

const double infinity = std::numeric_limits<double>::infinity();
const double notANumber = std::numeric_limits<double>::quiet_NaN();

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

struct CombineKernel {
  int64_t heads, dim;
  /// Element types of the parts and of the output.
  const char *type, *outputType;
  bool withLse = true;
  Isa isa = Isa::host;
  int64_t tileQ = 0;
};

/// The memory of [parts, batch, heads, queries, dim].
enum class PartsLayout {
  contiguous,
  bshd,   ///< parts, batch, queries, heads, dim
  inner,  ///< batch, heads, queries, parts, dim
  padded, ///< everything further apart than it needs to be
};

struct CombineShape {
  int64_t parts, batch, queries;
  PartsLayout layout = PartsLayout::contiguous;
};

const CombineKernel kernels[] = {{4, 128, "f32", "f32"},
                                 {1, 32, "f32", "bf16"},
                                 {8, 64, "bf16", "bf16", false},
                                 {3, 256, "f16", "f16"},
                                 {5, 17, "f32", "f32", false},
                                 {2, 1, "bf16", "f32"},
                                 {32, 96, "f32", "f16"},
                                 {7, 33, "f16", "f32", true, Isa::avx2},
                                 {4, 128, "f32", "f32", true, Isa::avx2},
                                 {6, 80, "f32", "f32", true, Isa::host, 16}};

const CombineShape shapes[] = {{1, 2, 1},
                               {2, 3, 7, PartsLayout::bshd},
                               {3, 1, 33, PartsLayout::inner},
                               {4, 2, 16, PartsLayout::padded},
                               {5, 1, 3},
                               {5, 3, 65, PartsLayout::padded},
                               {0, 2, 5},
                               {2, 0, 5},
                               {2, 2, 0}};

std::string moduleText(const CombineKernel &k) {
  std::string rows = "x" + std::to_string(k.heads) + "x?",
              dim = "x" + std::to_string(k.dim) + "x";
  std::string outputs = "tensor<?x?" + rows + dim + k.type + ">",
              lses = "tensor<?x?" + rows + "xf32>",
              output = "tensor<?" + rows + dim + k.outputType + ">",
              lse = "tensor<?" + rows + "xf32>";
  std::string results = k.withLse ? "(" + output + ", " + lse + ")" : output;
  return "func.func @merge(%outputs: " + outputs + ", %lses: " + lses +
         ") -> " + results + " {\n  " + (k.withLse ? "%o, %lse" : "%o") +
         " = attn.combine %outputs, %lses : (" + outputs + ", " + lses +
         ") -> " + results + "\n  return " +
         (k.withLse ? "%o, %lse : " + output + ", " + lse : "%o : " + output) +
         "\n}\n";
}

std::string nameOf(const CombineKernel &k, const CombineShape &s) {
  return std::to_string(s.parts) + " parts, batch " + std::to_string(s.batch) +
         ", " + std::to_string(k.heads) + " heads, " +
         std::to_string(s.queries) + " queries, dim " + std::to_string(k.dim) +
         ", " + k.type + " to " + k.outputType +
         (k.isa == Isa::avx2 ? ", avx2" : "") + ", layout " +
         std::to_string(static_cast<int>(s.layout));
}

/// Strides of a shape whose dimensions lie in memory in this order, outermost
/// first, `gap` elements further apart than necessary.
std::vector<int64_t> stridesInOrder(const std::vector<int64_t> &shape,
                                    const std::vector<int> &order,
                                    int64_t gap) {
  std::vector<int64_t> strides(shape.size());
  int64_t next = 1;
  for (auto dim = order.rbegin(); dim != order.rend(); ++dim) {
    strides[*dim] = next;
    next = next * shape[*dim] + gap;
  }
  return strides;
}

/// Dimensions are parts, batch, heads, queries, and dim for outputs.
std::vector<int64_t> stridesOf(const std::vector<int64_t> &shape,
                               PartsLayout layout) {
  bool isLse = shape.size() == 4;
  switch (layout) {
  case PartsLayout::bshd:
    // The innermost dimension of an LSE is that of the queries.
    if (!isLse)
      return stridesInOrder(shape, {0, 1, 3, 2, 4}, 0);
    break;
  case PartsLayout::inner:
    return isLse ? stridesInOrder(shape, {1, 2, 0, 3}, 0)
                 : stridesInOrder(shape, {1, 2, 3, 0, 4}, 0);
  case PartsLayout::padded:
    return isLse ? stridesInOrder(shape, {0, 1, 2, 3}, 3)
                 : stridesInOrder(shape, {0, 1, 2, 3, 4}, 3);
  case PartsLayout::contiguous:
    break;
  }
  return rowMajorStrides(shape);
}

/// outputs, lses.
std::vector<Array> makeParts(const CombineKernel &k, const CombineShape &s) {
  std::vector<int64_t> rows = {s.parts, s.batch, k.heads, s.queries};
  std::vector<int64_t> outputs = rows;
  outputs.push_back(k.dim);
  std::vector<Array> inputs = {makeRandom(outputs, 11 + k.dim, k.type),
                               makeRandom(rows, 12 + k.dim, "f32")};
  scaleValues(inputs[1], 3);
  return inputs;
}

/// Makes parts empty, with NaN as output: about a third, and all of every fifth
/// row.
void emptyParts(std::vector<Array> &inputs) {
  Array &outputs = inputs[0], &lses = inputs[1];
  int64_t columns = outputs.shape.back(),
          rows = lses.shape[1] * lses.shape[2] * lses.shape[3];
  for (int64_t n = 0; n < static_cast<int64_t>(lses.data.size()); ++n) {
    int64_t part = n / rows, row = n % rows;
    if (row % 5 != 4 && (row * 7 + part * 5) % 3 != 0)
      continue;
    lses.data[n] = -infinity;
    std::fill_n(outputs.data.begin() + n * columns, columns, notANumber);
  }
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

std::optional<Outcome> expectRun(const CombineKernel &k, const CombineShape &s,
                                 const std::vector<Array> &inputs,
                                 const RunOptions &options = {}) {
  std::string name = nameOf(k, s);
  auto runIt = [&]() -> Result<Outcome> {
    CompileOptions compileOptions;
    compileOptions.features = featuresOf(k.isa);
    compileOptions.tileQ = k.tileQ;
    auto module = compiled(moduleText(k), "merge", compileOptions);
    if (!module)
      return module.takeFailure();
    auto type = [](const char *text) { return *parseElementType(text); };
    GuardedTensor outputs("outputs", type(k.type), inputs[0].shape,
                          stridesOf(inputs[0].shape, s.layout),
                          options.placement);
    GuardedTensor lses("lses", ElementType::f32, inputs[1].shape,
                       stridesOf(inputs[1].shape, s.layout), options.placement);
    outputs.write(inputs[0].data);
    lses.write(inputs[1].data);
    // A result lies like one part.
    auto resultStrides = [&](const Array &parts) {
      std::vector<int64_t> one = parts.shape;
      one[0] = 1;
      std::vector<int64_t> strides = stridesOf(one, s.layout);
      return std::vector<int64_t>(strides.begin() + 1, strides.end());
    };
    auto resultShape = [&](const Array &parts) {
      return std::vector<int64_t>(parts.shape.begin() + 1, parts.shape.end());
    };
    GuardedTensor output("output", type(k.outputType), resultShape(inputs[0]),
                         resultStrides(inputs[0]), options.placement);
    GuardedTensor lse("lse", ElementType::f32, resultShape(inputs[1]),
                      resultStrides(inputs[1]), options.placement);
    std::vector<Tensor> results = {output.view()};
    if (k.withLse)
      results.push_back(lse.view());
    auto call =
        (*module)->bind("merge", {outputs.view(), lses.view()}, results);
    if (!call)
      return call.takeFailure();
    if (call->workspaceBytes() != 0)
      return failure("it wants a workspace");
    auto cpu = device(options.threads);
    if (!cpu)
      return cpu.takeFailure();
    setGuardContext(name);
    auto stats = (*cpu)->run(*call, nullptr, 0);
    if (!stats)
      return stats.takeFailure();
    Outcome outcome;
    outcome.output = output.read();
    if (k.withLse)
      outcome.lse = lse.read();
    for (const GuardedTensor *tensor : {&outputs, &lses, &output, &lse})
      outcome.damage += tensor->damage();
    return outcome;
  };
  Result<Outcome> outcome = runIt();
  if (outcome)
    return *std::move(outcome);
  ADD_FAILURE() << name << ": " << outcome.error();
  return std::nullopt;
}

/// The criterion of docs/semantics.md.
void expectCriterion(const std::string &name, mlir::func::FuncOp entry,
                     const std::vector<Array> &inputs, const Outcome &outcome,
                     bool isNarrow) {
  auto exact = reference::evaluate(entry, inputs);
  auto plain = reference::plainAttention(entry, inputs);
  ASSERT_TRUE(bool(exact)) << llvm::toString(exact.takeError());
  ASSERT_TRUE(bool(plain)) << llvm::toString(plain.takeError());
  reference::Comparison error =
      reference::compare(*exact, outcome.output, outcome.lse);
  reference::Comparison yardstick = reference::compare(*exact, *plain);
  EXPECT_LE(error.maxAbsError, 1e-5 + 2 * yardstick.maxAbsError) << name;
  if (!isNarrow)
    EXPECT_LT(error.maxRowRelativeError, 1e-5) << name;
  EXPECT_LE(error.lseError, 1e-5) << name;
}

void expectSameBits(const std::string &name, const std::vector<float> &a,
                    const std::vector<float> &b) {
  ASSERT_EQ(a.size(), b.size()) << name;
  for (size_t n = 0; n < a.size(); ++n)
    ASSERT_EQ(std::memcmp(&a[n], &b[n], sizeof(float)), 0)
        << name << ": element " << n << " is " << a[n] << " and " << b[n];
}

class Combine : public ::testing::TestWithParam<CombineKernel> {
protected:
  void SetUp() override {
    Case c;
    c.isa = GetParam().isa;
    if (!isSupported(c))
      GTEST_SKIP() << "this machine has no AVX-512 to be left out";
  }
};

TEST_P(Combine, Criterion) {
  const CombineKernel &k = GetParam();
  bool isNarrow = std::string(k.outputType) != "f32";
  for (const CombineShape &s : shapes)
    for (bool empty : {false, true}) {
      std::vector<Array> inputs = makeParts(k, s);
      if (empty)
        emptyParts(inputs);
      if (auto outcome = expectRun(k, s, inputs))
        expectCriterion(nameOf(k, s) + (empty ? ", empty parts" : ""),
                        parsed(moduleText(k)), inputs, *outcome, isNarrow);
    }
}

/// Log-sum-exps of thousands, and few parts with all the weight.
TEST_P(Combine, LargeLse) {
  const CombineKernel &k = GetParam();
  bool isNarrow = std::string(k.outputType) != "f32";
  for (double shift : {-20000.0, 0.0, 20000.0}) {
    CombineShape s = {5, 2, 9, PartsLayout::contiguous};
    std::vector<Array> inputs = makeParts(k, s);
    for (double &lse : inputs[1].data)
      lse = static_cast<float>(lse * 10 + shift);
    if (auto outcome = expectRun(k, s, inputs))
      expectCriterion(nameOf(k, s) + ", shift " + std::to_string(shift),
                      parsed(moduleText(k)), inputs, *outcome, isNarrow);
  }
}

/// All memory beside the elements is NaN or may not be touched.
TEST_P(Combine, Poison) {
  const CombineKernel &k = GetParam();
  for (const CombineShape &s : shapes) {
    std::vector<Array> inputs = makeParts(k, s);
    emptyParts(inputs);
    CombineShape dense = s;
    dense.layout = PartsLayout::contiguous;
    auto after = expectRun(k, s, inputs, {Placement::guardAfter});
    auto before = expectRun(k, s, inputs, {Placement::guardBefore, 2});
    auto contiguous = expectRun(k, dense, inputs);
    if (!after || !before || !contiguous)
      return;
    EXPECT_EQ(after->damage, "") << nameOf(k, s);
    EXPECT_EQ(before->damage, "") << nameOf(k, s);
    for (float value : after->output)
      ASSERT_FALSE(std::isnan(value)) << nameOf(k, s);
    for (const auto &other : {before, contiguous}) {
      expectSameBits(nameOf(k, s), after->output, other->output);
      expectSameBits(nameOf(k, s), after->lse, other->lse);
    }
  }
}

std::string kernelName(const ::testing::TestParamInfo<CombineKernel> &info) {
  const CombineKernel &k = info.param;
  return "h" + std::to_string(k.heads) + "_d" + std::to_string(k.dim) + "_" +
         k.type + "_" + k.outputType + (k.isa == Isa::avx2 ? "_avx2" : "") +
         (k.tileQ ? "_q" + std::to_string(k.tileQ) : "");
}

INSTANTIATE_TEST_SUITE_P(Combine, Combine, ::testing::ValuesIn(kernels),
                         kernelName);

//===----------------------------------------------------------------------===//
// Promises about values that are not finite
//===----------------------------------------------------------------------===//

TEST(CombineValues, RowsWithoutKeysAreExactlyZero) {
  const CombineKernel &k = kernels[0];
  CombineShape s = {3, 1, 9, PartsLayout::contiguous};
  std::vector<Array> inputs = makeParts(k, s);
  emptyParts(inputs);
  auto outcome = expectRun(k, s, inputs);
  if (!outcome)
    return;
  for (size_t row = 4; row < outcome->lse.size(); row += 5) {
    EXPECT_EQ(outcome->lse[row], -infinity);
    for (int64_t column = 0; column < k.dim; ++column)
      ASSERT_EQ(outcome->output[row * k.dim + column], 0.0f);
  }
}

/// The output of one part is given back bit by bit.
TEST(CombineValues, OnePartIsTheResult) {
  const CombineKernel &k = kernels[0];
  CombineShape s = {1, 2, 17, PartsLayout::contiguous};
  std::vector<Array> inputs = makeParts(k, s);
  auto outcome = expectRun(k, s, inputs);
  if (!outcome)
    return;
  for (size_t n = 0; n < outcome->output.size(); ++n)
    ASSERT_EQ(outcome->output[n], inputs[0].data[n]);
  for (size_t n = 0; n < outcome->lse.size(); ++n)
    ASSERT_NEAR(outcome->lse[n], inputs[1].data[n], 1e-6);
}

TEST(CombineValues, NaNAndInfinitePropagate) {
  for (const CombineKernel &k : {kernels[0], kernels[8]}) {
    Case c;
    c.isa = k.isa;
    if (!isSupported(c))
      continue;
    CombineShape s = {3, 1, 9, PartsLayout::contiguous};
    int64_t rows = k.heads * s.queries;
    auto inputs = makeParts(k, s);
    auto clean = expectRun(k, s, inputs);
    // Row 5, first and last part: NaN and +inf; row 7: a NaN in column 3.
    for (int64_t part : {0, 2})
      for (double value : {notANumber, infinity}) {
        std::vector<Array> poisoned = inputs;
        poisoned[1].data[part * rows + 5] = value;
        poisoned[0].data[(part * rows + 7) * k.dim + 3] = notANumber;
        auto outcome = expectRun(k, s, poisoned);
        auto exact = reference::evaluate(parsed(moduleText(k)), poisoned);
        ASSERT_TRUE(bool(exact)) << llvm::toString(exact.takeError());
        if (!clean || !outcome)
          return;
        EXPECT_TRUE(std::isnan(exact->lse.data[5]));
        for (int64_t row = 0; row < rows; ++row) {
          bool isBad = row == 5;
          EXPECT_EQ(std::isnan(outcome->lse[row]), isBad) << row;
          for (int64_t column = 0; column < k.dim; ++column) {
            int64_t n = row * k.dim + column;
            bool isNaN = isBad || (row == 7 && column == 3);
            ASSERT_EQ(std::isnan(exact->output.data[n]), isNaN);
            ASSERT_EQ(std::isnan(outcome->output[n]), isNaN)
                << "row " << row << ", column " << column;
            if (!isNaN)
              ASSERT_EQ(outcome->output[n], clean->output[n]);
          }
        }
      }
  }
}

//===----------------------------------------------------------------------===//
// Attention over parts of the keys
//===----------------------------------------------------------------------===//

/// What examples/shared-prefix.mlir does: sequences with a common prefix, whose
/// keys exist once, and keys of their own. Both attentions write directly into
/// the parts of the combination.
void expectPartsMakeTheWhole(int64_t batch, int64_t queries, int64_t prefix,
                             int64_t own, const std::string &algorithm) {
  const int64_t heads = 6, kvHeads = 2, dim = 64;
  auto attention = [&](const std::string &mask) {
    std::string q = "tensor<?x6x?x64xf32>", k = "tensor<?x2x?x64xf32>",
                results = "(" + q + ", tensor<?x6x?xf32>)";
    return "func.func @attention(%q: " + q + ", %k: " + k + ", %v: " + k +
           ") -> " + results + " {\n  %o, %lse = attn.attention %q, %k, %v " +
           mask + " : (" + q + ", " + k + ", " + k + ") -> " + results +
           "\n  return %o, %lse : " + q + ", tensor<?x6x?xf32>\n}\n";
  };
  std::string full = attention(""), causal = attention("mask(#attn.causal)");
  const CombineKernel merge = {heads, dim, "f32", "f32"};
  auto random = [](std::vector<int64_t> shape, uint64_t seed) {
    return makeRandom(shape, seed, "f32");
  };
  // Memory is [batch, queries, heads, dim] for queries and outputs, so that
  // queries of all sequences are those of one.
  Array query = random({batch, queries, heads, dim}, 1);
  Array prefixKey = random({kvHeads, prefix, dim}, 2),
        prefixValue = random({kvHeads, prefix, dim}, 3),
        ownKey = random({batch, kvHeads, own, dim}, 4),
        ownValue = random({batch, kvHeads, own, dim}, 5);

  auto floats = [](const Array &array) {
    return std::vector<float>(array.data.begin(), array.data.end());
  };
  std::vector<float> q = floats(query), pk = floats(prefixKey),
                     pv = floats(prefixValue), ok = floats(ownKey),
                     ov = floats(ownValue);
  int64_t rows = batch * queries * heads;
  std::vector<float> outputs(2 * rows * dim), lses(2 * rows),
      output(rows * dim), lse(rows);
  auto f32 = ElementType::f32;
  auto launch = [&](const std::string &text, const char *entry,
                    const std::vector<Argument> &inputs,
                    const std::vector<Tensor> &results) {
    CompileOptions options;
    options.algorithm = algorithm;
    auto module = compiled(text, "parts", options);
    ASSERT_TRUE(module) << module.error();
    auto call = (*module)->bind(entry, inputs, results);
    ASSERT_TRUE(call) << call.error();
    GuardedBuffer workspace("workspace", call->workspaceBytes(), 64,
                            Placement::guardAfter);
    auto cpu = device(1);
    ASSERT_TRUE(cpu) << cpu.error();
    auto stats = (*cpu)->run(*call, workspace.data(), workspace.size());
    ASSERT_TRUE(stats) << stats.error();
  };
  int64_t token = heads * dim, sequence = queries * token;
  std::vector<int64_t> foldedShape = {1, heads, batch * queries, dim},
                       foldedStrides = {0, dim, token, 1};
  launch(full, "attention",
         {Tensor(q.data(), f32, foldedShape, foldedStrides),
          Tensor(pk.data(), f32, {1, kvHeads, prefix, dim}),
          Tensor(pv.data(), f32, {1, kvHeads, prefix, dim})},
         {Tensor(outputs.data(), f32, foldedShape, foldedStrides),
          Tensor(lses.data(), f32, {1, heads, batch * queries})});
  std::vector<int64_t> shape = {batch, heads, queries, dim},
                       strides = {sequence, dim, token, 1},
                       lseShape = {batch, heads, queries},
                       lseStrides = {queries, batch * queries, 1};
  launch(causal, "attention",
         {Tensor(q.data(), f32, shape, strides),
          Tensor(ok.data(), f32, {batch, kvHeads, own, dim}),
          Tensor(ov.data(), f32, {batch, kvHeads, own, dim})},
         {Tensor(outputs.data() + rows * dim, f32, shape, strides),
          Tensor(lses.data() + rows, f32, lseShape, lseStrides)});
  launch(
      moduleText(merge), "merge",
      {Tensor(outputs.data(), f32, {2, batch, heads, queries, dim},
              {rows * dim, sequence, dim, token, 1}),
       Tensor(lses.data(), f32, {2, batch, heads, queries},
              {rows, queries, batch * queries, 1})},
      {Tensor(output.data(), f32, shape), Tensor(lse.data(), f32, lseShape)});

  // Attention over all keys. Those of the prefix are kept for all queries.
  std::string whole = attention("mask(#attn.any_of<[#attn.prefix<" +
                                std::to_string(prefix) + ">, #attn.causal]>)");
  auto gather = [&](const Array &common, const Array &ownKeys) {
    Array all{{batch, kvHeads, prefix + own, dim}, {}};
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t g = 0; g < kvHeads; ++g) {
        auto append = [&](const Array &from, int64_t block, int64_t keys) {
          auto first = from.data.begin() + block * keys * dim;
          all.data.insert(all.data.end(), first, first + keys * dim);
        };
        append(common, g, prefix);
        append(ownKeys, b * kvHeads + g, own);
      }
    return all;
  };
  Array queryOfHeads{{batch, heads, queries, dim}, {}};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < queries; ++i)
        for (int64_t d = 0; d < dim; ++d)
          queryOfHeads.data.push_back(
              query.data[((b * queries + i) * heads + h) * dim + d]);
  Outcome outcome;
  outcome.output = output;
  outcome.lse = lse;
  expectCriterion(
      "batch " + std::to_string(batch) + ", " + std::to_string(queries) +
          " queries, " + std::to_string(prefix) + " + " + std::to_string(own) +
          " keys, " + algorithm,
      parsed(whole),
      {queryOfHeads, gather(prefixKey, ownKey), gather(prefixValue, ownValue)},
      outcome, /*isNarrow=*/false);
}

TEST(CombineParts, AttentionOverTwoPartsIsAttentionOverAll) {
  for (const char *algorithm : {"flash", "flash-decoding"}) {
    expectPartsMakeTheWhole(1, 64, 64, 64, algorithm);
    expectPartsMakeTheWhole(3, 1, 1000, 17, algorithm);
    expectPartsMakeTheWhole(2, 33, 113, 33, algorithm);
    // The first queries of a sequence see no key of its own.
    expectPartsMakeTheWhole(2, 33, 113, 7, algorithm);
    expectPartsMakeTheWhole(2, 5, 1, 97, algorithm);
    expectPartsMakeTheWhole(2, 5, 97, 0, algorithm);
  }
}

} // namespace
