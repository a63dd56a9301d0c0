//===- CaseTable.cpp - The cases that every device must pass --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CaseTable.h"

#include "CoveringArray.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

using namespace attn::testing;

//===----------------------------------------------------------------------===//
// Captures
//===----------------------------------------------------------------------===//

/// A tensor whose elements are a function of their coordinates.
template <typename Function>
static Capture tabulate(std::string name, std::string type,
                        std::vector<int64_t> shape, Function value) {
  Capture result{std::move(name), std::move(type), std::move(shape), {}};
  int64_t inner = result.shape.back();
  for (int64_t b = 0; b < (result.shape.size() == 2 ? result.shape[0] : 1); ++b)
    for (int64_t n = 0; n < inner; ++n)
      result.values.push_back(value(b, n));
  return result;
}

static Capture makeCapture(const std::string &name, const Case &c) {
  if (name == "window")
    return {name, "index", {}, {37}};
  if (name == "unlimited")
    return {name, "index", {}, {1099511627776}};
  if (name == "band")
    return {name, "i32", {}, {41}};
  if (name == "prefix")
    return {name, "index", {}, {50}};
  // Their values are those of the test that uses them.
  if (name.rfind("number", 0) == 0)
    return {name, "index", {}, {0}};
  if (name == "cap")
    return {name, "f32", {}, {5}};
  std::string heads = "tensor<" + std::to_string(c.queryHeads) + "x";
  if (name == "windows")
    return tabulate(name, heads + "i32>", {c.queryHeads},
                    [](int64_t, int64_t h) { return 11 * h; });
  if (name == "slopes")
    return tabulate(name, heads + "f32>", {c.queryHeads},
                    [](int64_t, int64_t h) {
                      return static_cast<float>(1. / (32 * (h + 1)));
                    });
  if (name == "probability")
    return {name, "f32", {}, {static_cast<float>(*c.dropout)}};
  // Both words of each count.
  if (name == "seed")
    return {name, "i64", {}, {double(0x9e3779b97f4a7)}};
  if (name == "offset")
    return {name, "i64", {}, {double(0x100000007)}};
  // None, and some that have more and less weight than a key.
  if (name == "sinks")
    return tabulate(
        name, heads + "f32>", {c.queryHeads}, [](int64_t, int64_t h) {
          const double infinity = std::numeric_limits<double>::infinity();
          const double logits[] = {0.75, -infinity, -2.5, 4};
          return logits[h % 4];
        });
  if (name == "query_ids")
    return tabulate(name, "tensor<?x?xi32>", {c.batch, c.queries},
                    [](int64_t b, int64_t i) {
                      return i % 7 == 3 ? -1 : (i + 10 * b) / 53;
                    });
  if (name == "key_ids")
    return tabulate(name, "tensor<?x?xi32>", {c.batch, c.keys},
                    [](int64_t b, int64_t j) { return (j + 10 * b) / 53; });
  if (name == "lengths")
    return tabulate(
        name, "tensor<?x?xi32>", {c.batch, c.queries},
        [](int64_t b, int64_t i) { return (i * 37 + b * 11) % 120 - 5; });
  // Whole tiles of 0 and of 1, and some with both.
  auto keeps = [](int64_t h, int64_t i, int64_t j) {
    int64_t kind = (i / 48 * 5 + j / 40 * 3 + h) % 7;
    return kind < 3 ? 0 : kind < 5 ? 1 : (i * j + h) % 3 == 0;
  };
  if (name == "table") {
    Capture table{name, "tensor<?x?xi1>", {c.queries, c.keys}, {}};
    for (int64_t i = 0; i < c.queries; ++i)
      for (int64_t j = 0; j < c.keys; ++j)
        table.values.push_back(keeps(0, i, j));
    return table;
  }
  if (name == "tables") {
    Capture tables{
        name, heads + "?x?xi8>", {c.queryHeads, c.queries, c.keys}, {}};
    for (int64_t h = 0; h < c.queryHeads; ++h)
      for (int64_t i = 0; i < c.queries; ++i)
        for (int64_t j = 0; j < c.keys; ++j)
          tables.values.push_back(keeps(h, i, j));
    return tables;
  }
  if (name == "kinds") {
    int64_t rows = (c.queries + 31) / 32, columns = (c.keys + 23) / 24;
    Capture kinds{name, "tensor<?x?x?xi32>", {c.batch, rows, columns}, {}};
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t n = 0; n < rows * columns; ++n)
        kinds.values.push_back(double((n * n + b) % 11 % 4 - 1));
    return kinds;
  }
  std::fprintf(stderr, "the case table has no capture '%s'\n", name.c_str());
  std::abort();
}

/// One list for all heads is known to the compiler, one for all batch entries
/// is not.
static std::string offsetsType(const Case &c) {
  std::string heads = std::to_string(c.blocks->ofHeads ? c.queryHeads : 1);
  return "tensor<?x" + heads + "x?xi32>";
}

std::vector<Capture> attn::testing::captures(const Case &c) {
  std::vector<Capture> result;
  for (const RegionKind *kind : {c.mask, c.score})
    for (const char *name : kind->captures)
      result.push_back(makeCapture(name, c));
  if (c.withSinks)
    result.push_back(makeCapture("sinks", c));
  if (c.dropout)
    for (const char *name : {"probability", "seed", "offset"})
      result.push_back(makeCapture(name, c));
  if (c.blocks) {
    BlockLists lists =
        makeBlockLists(*c.blocks, c.batch, c.queryHeads, c.queries, c.keys);
    auto size = static_cast<int64_t>(lists.columns.size());
    result.push_back({"block_offsets", offsetsType(c), lists.shape,
                      std::move(lists.offsets)});
    result.push_back(
        {"block_columns", "tensor<?xi32>", {size}, std::move(lists.columns)});
    if (c.blocks->withFull)
      result.push_back(
          {"block_full", "tensor<?xi8>", {size}, std::move(lists.full)});
  }
  return result;
}

//===----------------------------------------------------------------------===//
// A case
//===----------------------------------------------------------------------===//

double Case::work() const {
  return double(batch) * queryHeads * queries * keys * (headDim + valueDim);
}

/// "_scale" and a number.
static std::string nameNumber(const char *what, double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%g", std::fabs(value));
  return std::string(what) + (value < 0 ? "minus" : "") + digits;
}

static const char *layoutName(Layout layout) {
  static const char *const names[] = {"bhsd", "bshd", "padded", "packed"};
  return names[static_cast<int>(layout)];
}

std::string Case::name() const {
  auto number = [](const char *what, int64_t value) {
    return what + std::to_string(value);
  };
  std::string text = algorithm + number("_h", queryHeads) +
                     number("kv", kvHeads) + number("_d", headDim);
  if (valueDim != headDim)
    text += number("v", valueDim);
  text += std::string("_") + mask->name + "_" + score->name;
  text += target == "cpu" ? "" : "_" + target;
  text += codegen == "cuda" ? "" : "_" + codegen;
  text += withLse ? "_lse" : "";
  text += withSinks ? "_sinks" : "";
  text += dropout ? nameNumber("_dropout", *dropout) : "";
  if (blocks)
    text += number("_blocks", blocks->queryBlock) +
            number("x", blocks->keyBlock) + blocks->which +
            (blocks->ofBatches ? "b" : "") + (blocks->ofHeads ? "h" : "") +
            (blocks->withFull ? "full" : "");
  text += type == "f32" ? "" : "_" + type;
  text += isa == Isa::avx2 ? "_avx2" : isa == Isa::bf16dot ? "_bf16dot" : "";
  text += scale ? nameNumber("_scale", *scale) : "";
  if (tileQ || tileKv)
    text += number("_tile", tileQ) + number("x", tileKv);
  text += staticShapes ? "_static" : "";
  text += number("_b", batch) + number("_q", queries) + number("_k", keys);
  text += std::string("_") + layoutName(layout);
  std::replace(text.begin(), text.end(), '-', '_');
  std::replace(text.begin(), text.end(), '.', 'p');
  return text;
}

std::ostream &attn::testing::operator<<(std::ostream &stream, const Case &c) {
  return stream << c.name();
}

std::string attn::testing::featuresOf(Isa isa) {
  // AMD's own instructions are not needed.
  return isa == Isa::avx2 ? "-avx512f" : isa == Isa::bf16dot ? "-sse4a" : "";
}

std::string attn::testing::cpuOf(Isa isa) {
  return isa == Isa::bf16dot ? "znver4" : "";
}

std::string attn::testing::moduleText(const Case &c) {
  auto size = [&](int64_t value) {
    return c.staticShapes ? std::to_string(value) : std::string("?");
  };
  auto tensor = [&](int64_t heads, int64_t length, int64_t dim) {
    return "tensor<" + size(c.batch) + "x" + std::to_string(heads) + "x" +
           size(length) +
           (dim ? "x" + std::to_string(dim) + "x" + c.type : "xf32") + ">";
  };
  std::string query = tensor(c.queryHeads, c.queries, c.headDim),
              key = tensor(c.kvHeads, c.keys, c.headDim),
              value = tensor(c.kvHeads, c.keys, c.valueDim),
              results = tensor(c.queryHeads, c.queries, c.valueDim);
  if (c.withLse)
    results += ", " + tensor(c.queryHeads, c.queries, 0);

  std::string text = "func.func @attention(%query: " + query +
                     ", %key: " + key + ", %value: " + value;
  for (const Capture &capture : captures(c))
    text += ", %" + capture.name + ": " + capture.type + " {attn.name = \"" +
            capture.name + "\"}";
  text += ") -> (" + results + ") {\n";
  const char *names = c.withLse ? "%o, %lse" : "%o";
  text += std::string("  ") + names + " = attn.attention %query, %key, %value";
  auto attribute = [](const char *keyword, const RegionKind &kind) {
    std::string text = kind.attribute;
    if (text.empty())
      return text;
    return std::string(" ") + keyword + "(" + text +
           (text.back() == ']' && text.find(")[") != text.npos ? "" : ")");
  };
  text += attribute("mask", *c.mask) + attribute("score", *c.score);
  if (c.scale) {
    char digits[64];
    std::snprintf(digits, sizeof(digits), " scale(%.17e)", *c.scale);
    text += digits;
  }
  if (c.withSinks)
    text += " sinks(%sinks)";
  if (c.dropout)
    text += " dropout(%probability, %seed, %offset)";
  std::string inputs = query + ", " + key + ", " + value;
  if (c.blocks) {
    text += " block_mask(%block_offsets, %block_columns";
    inputs += ", " + offsetsType(c) + ", tensor<?xi32>";
    if (c.blocks->withFull) {
      text += ", %block_full";
      inputs += ", tensor<?xi8>";
    }
    text += ") block_size [" + std::to_string(c.blocks->queryBlock) + ", " +
            std::to_string(c.blocks->keyBlock) + "]";
  }
  if (*c.score->body)
    text += std::string("\n    score_mod (%s, %b, %h, %i, %j) {") +
            c.score->body + "\n    }";
  if (*c.mask->body)
    text += std::string("\n    mask_mod (%b, %h, %i, %j) {") + c.mask->body +
            "\n    }";
  text += "\n    : (" + inputs + ") -> (" + results + ")\n  return " + names +
          " : " + results + "\n}\n";
  std::string heads = std::to_string(c.queryHeads);
  for (size_t at; (at = text.find("$H")) != std::string::npos;)
    text.replace(at, 2, heads);
  return text;
}

std::vector<int64_t> attn::testing::strides(const Case &c, int64_t heads,
                                            int64_t length, int64_t dim) {
  switch (c.layout) {
  case Layout::contiguous:
    return {heads * length * dim, length * dim, dim, 1};
  case Layout::bshd:
    return {length * heads * dim, dim, heads * dim, 1};
  case Layout::padded: {
    int64_t row = dim + 5, head = (length + 2) * row;
    return {(heads + 1) * head, head, row, 1};
  }
  case Layout::packed: {
    int64_t token =
        (c.queryHeads + c.kvHeads) * c.headDim + c.kvHeads * c.valueDim;
    return {std::max(c.queries, c.keys) * token, dim, token, 1};
  }
  }
  return {};
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static const char *const algorithms[] = {"flash", "memory-efficient",
                                         "standard", "flash-decoding"};
/// MHA, groups of 3, 4, 7 and 8, and one KV head for all.
static const int64_t headCounts[][2] = {{3, 3}, {6, 2}, {4, 1},
                                        {7, 1}, {8, 1}, {5, 1}};
static const int64_t headDims[][2] = {{32, 32},   {40, 40},   {64, 64},
                                      {80, 80},   {96, 96},   {128, 128},
                                      {192, 192}, {256, 256}, {192, 128}};
static const int64_t lengths[] = {1,   3,   97,  113,  203,
                                  239, 257, 799, 1023, 1025};
static const char *const types[] = {"f32", "bf16", "f16"};
static const char *const gpuTypes[] = {"bf16", "f16"};
static const Isa isas[] = {Isa::host, Isa::avx2, Isa::bf16dot};
static const int64_t batches[] = {1, 3};
/// Those that meet all other parameters.
static const char *const masks[] = {
    "full",   "causal",   "sliding",    "longformer", "chunked",
    "window", "document", "headwindow", "prefix",     "gaps"};
static const char *const scores[] = {"plain", "softcapalibi", "alibi",
                                     "softcap", "silu"};
static const Layout layouts[] = {Layout::contiguous, Layout::bshd,
                                 Layout::padded, Layout::packed};

/// The parameters of a row, those of the kernel first.
enum Parameter {
  algorithmParameter,
  headsParameter,
  dimsParameter,
  maskParameter,
  scoreParameter,
  lseParameter,
  isaParameter,
  typeParameter,
  kernelParameters,
  queriesParameter = kernelParameters,
  keysParameter,
  batchParameter,
  layoutParameter,
};

template <typename T, size_t N>
static int count(const T (&)[N]) {
  return N;
}

/// The case of a row.  Unknown parameters are those that cost least.
static Case caseOf(const Row &row, const std::string &target) {
  auto value = [&](int parameter) {
    bool known =
        parameter < static_cast<int>(row.size()) && row[parameter] >= 0;
    return known ? row[parameter] : 0;
  };
  Case c;
  c.target = target;
  c.algorithm = algorithms[value(algorithmParameter)];
  c.queryHeads = headCounts[value(headsParameter)][0];
  c.kvHeads = headCounts[value(headsParameter)][1];
  c.headDim = headDims[value(dimsParameter)][0];
  c.valueDim = headDims[value(dimsParameter)][1];
  c.mask = findMask(masks[value(maskParameter)]);
  c.score = findScore(scores[value(scoreParameter)]);
  c.withLse = value(lseParameter) == 0;
  c.isa = isas[value(isaParameter)];
  c.type = (target == "cpu" ? types : gpuTypes)[value(typeParameter)];
  c.queries = lengths[value(queriesParameter)];
  c.keys = lengths[value(keysParameter)];
  c.batch = batches[value(batchParameter)];
  c.layout = layouts[value(layoutParameter)];
  return c;
}

/// All combinations of `strength` parameters, in cases that the reference
/// computes in reasonable time.
static std::vector<Case> coveringCases(const std::string &target, int strength,
                                       double maxWork) {
  const bool isCpu = target == "cpu";
  CoveringProblem kernels;
  kernels.levels = {
      count(algorithms),       count(headCounts),
      count(headDims),         count(masks),
      count(scores),           2,
      isCpu ? count(isas) : 1, isCpu ? count(types) : count(gpuTypes)};
  kernels.strength = strength;
  kernels.feasible = [](const Row &) { return true; };

  CoveringProblem problem = kernels;
  problem.prefixes = coveringArray(kernels);
  for (int levels :
       {count(lengths), count(lengths), count(batches), count(layouts)})
    problem.levels.push_back(levels);
  problem.feasible = [&](const Row &row) {
    return caseOf(row, target).work() <= maxWork;
  };
  std::vector<Row> rows = coveringArray(problem);
  // No kernel goes without a shape.
  std::set<Row> used;
  for (const Row &row : rows)
    used.insert(Row(row.begin(), row.begin() + kernelParameters));
  int next = 0;
  for (const Row &kernel : problem.prefixes) {
    if (used.count(kernel))
      continue;
    Row row = kernel;
    for (int levels :
         {count(lengths), count(lengths) - 1, count(batches), count(layouts)})
      row.push_back(++next % levels);
    while (!problem.feasible(row))
      --row[row[queriesParameter] > row[keysParameter] ? queriesParameter
                                                       : keysParameter];
    rows.push_back(row);
  }
  std::vector<Case> cases;
  for (const Row &row : rows)
    cases.push_back(caseOf(row, target));
  return cases;
}

/// What no combination of the parameters reaches.
static std::vector<Case> oddCases(const std::string &algorithm) {
  std::vector<Case> cases;
  auto add = [&](const char *mask, const char *score, int64_t queries,
                 int64_t keys) -> Case & {
    Case c;
    c.algorithm = algorithm;
    c.queryHeads = 4;
    c.kvHeads = 2;
    c.headDim = c.valueDim = 40;
    c.mask = findMask(mask);
    c.score = findScore(score);
    c.queries = queries;
    c.keys = keys;
    cases.push_back(c);
    return cases.back();
  };
  // Nothing to look at, or nobody to look.
  add("full", "plain", 7, 0).batch = 2;
  add("full", "plain", 0, 5);
  add("full", "plain", 0, 0);
  add("full", "plain", 3, 5).batch = 0;
  add("causal", "plain", 97, 0);
  add("causal", "plain", 0, 97);
  add("causal", "plain", 1025, 3); // most rows are empty
  add("causal", "plain", 3, 1025);
  add("document", "plain", 7, 0);
  add("document", "plain", 0, 7);
  // Masks.
  add("never", "plain", 97, 113);
  add("always", "plain", 97, 113);
  add("band", "plain", 203, 257);
  add("unlimited", "plain", 203, 113);
  add("hash", "plain", 113, 203);
  add("lengths", "plain", 113, 203).batch = 3;
  add("table", "plain", 113, 257);
  add("table", "cap50", 1, 239);
  add("headtable", "plain", 203, 239);
  add("blocktable", "plain", 257, 203).batch = 3;
  add("dilated", "plain", 113, 203);
  add("perbatch", "plain", 97, 203).batch = 3;
  add("anticausal", "plain", 257, 239);
  add("dilated", "alibi", 203, 97).layout = Layout::padded;
  add("window", "minusinf", 113, 257);
  add("full", "minusinf", 97, 97);
  add("full", "square", 97, 203);
  add("dilation", "plain", 203, 257);
  add("prefixlm", "plain", 257, 203);
  add("forward", "slopes", 203, 239);
  add("forward", "plain", 239, 97);
  add("notself", "plain", 97, 97);
  add("prefixonly", "cap50", 97, 257);
  add("chunks", "plain", 257, 257);
  add("sliding", "slopes", 113, 203).queryHeads = 6; // no power of two
  // Scales that are no factor between 0 and 1.
  add("causal", "plain", 113, 113).scale = -0.3;
  add("full", "plain", 97, 113).scale = 0.0;
  add("full", "softcap", 97, 113).scale = -1.5;
  // One KV head for very many.
  {
    Case &c = add("causal", "plain", 113, 257);
    c.queryHeads = 71;
    c.kvHeads = 1;
    c.headDim = c.valueDim = 64;
  }
  // Head dimensions that are no multiple of anything.
  {
    Case &c = add("causal", "plain", 97, 113);
    c.headDim = 33;
    c.valueDim = 7;
  }
  {
    Case &c = add("full", "plain", 97, 113);
    c.headDim = 1;
    c.valueDim = 16;
  }
  {
    Case &c = add("causal", "plain", 97, 113);
    c.headDim = 33;
    c.valueDim = 7;
    c.type = "bf16";
    c.layout = Layout::padded;
  }
  // Dot products of pairs, where pairs do not fit.
  for (int64_t dim : {18, 33, 40}) {
    Case &c = add("causal", "plain", 97, 113);
    c.headDim = dim;
    c.valueDim = dim + 1;
    c.type = "bf16";
    c.isa = Isa::bf16dot;
    c.layout = Layout::padded;
  }
  // Sinks, in groups of 1, 3, 4 and 8 heads; with rows and sequences that have
  // nothing else.
  auto addSinks = [&](const char *mask, const char *score, int64_t queries,
                      int64_t keys) -> Case & {
    Case &c = add(mask, score, queries, keys);
    c.withSinks = true;
    return c;
  };
  addSinks("full", "plain", 7, 0);
  addSinks("never", "plain", 97, 113);
  addSinks("causal", "plain", 239, 97).batch = 3;
  addSinks("full", "plain", 1, 1025);
  addSinks("gaps", "softcap", 113, 203).layout = Layout::padded;
  addSinks("causal", "minusinf", 97, 113).withLse = false;
  for (auto [queryHeads, kvHeads] : {std::pair(3, 3), {6, 2}, {4, 1}, {8, 1}}) {
    Case &c = addSinks("sliding", "plain", 113, 257);
    c.queryHeads = queryHeads;
    c.kvHeads = kvHeads;
    c.type = queryHeads == 4 ? "bf16" : queryHeads == 8 ? "f16" : "f32";
  }
  // Dropout, in the same groups.
  auto addDropout = [&](double probability, const char *mask, const char *score,
                        int64_t queries, int64_t keys) -> Case & {
    Case &c = add(mask, score, queries, keys);
    c.dropout = probability;
    return c;
  };
  addDropout(0.5, "full", "plain", 7, 0);
  addDropout(0.1, "never", "plain", 97, 113);
  addDropout(0.5, "causal", "plain", 239, 97).batch = 3;
  addDropout(0.1, "full", "plain", 1, 1025);
  addDropout(0.9, "gaps", "softcap", 113, 203).layout = Layout::padded;
  addDropout(0.25, "causal", "minusinf", 97, 113).withLse = false;
  addDropout(0.5, "chunked", "plain", 113, 257).withSinks = true;
  {
    Case &c = addDropout(0.5, "causal", "plain", 33, 65);
    c.headDim = c.valueDim = 256;
  }
  {
    Case &c = addDropout(0.5, "causal", "plain", 97, 113);
    c.type = "bf16";
    c.isa = Isa::bf16dot;
  }
  for (auto [queryHeads, kvHeads] : {std::pair(3, 3), {6, 2}, {4, 1}, {8, 1}}) {
    Case &c = addDropout(0.3, "sliding", "plain", 113, 257);
    c.queryHeads = queryHeads;
    c.kvHeads = kvHeads;
    c.type = queryHeads == 4 ? "bf16" : queryHeads == 8 ? "f16" : "f32";
  }
  // Block masks: one for all and one for each head, in groups and without.
  auto addBlocks = [&](const char *mask, const BlockKind &blocks,
                       int64_t queries, int64_t keys) -> Case & {
    Case &c = add(mask, "plain", queries, keys);
    c.blocks = blocks;
    return c;
  };
  addBlocks("full", {"some", 16, 16}, 97, 203).kvHeads = 4;
  addBlocks("full", {"some", 128, 64, true, true}, 257, 239).batch = 2;
  addBlocks("causal", {"some", 32, 64, false, true, true}, 113, 257);
  addBlocks("gaps", {"some", 16, 48, true, false, true}, 97, 113).batch = 3;
  addBlocks("causal", {"late", 32, 64, false, false, false}, 203, 203);
  addBlocks("causal", {"late", 32, 16, false, false, true}, 203, 113);
  addBlocks("headwindow", {"bad", 16, 32, true, true, true}, 203, 239)
      .withSinks = true;
  addBlocks("full", {"none", 64, 64, false, false, true}, 97, 113);
  addBlocks("hash", {"some", 32, 64, false, true, true}, 113, 203);
  addBlocks("sliding", {"some", 64, 128, false, false, true}, 1, 1025).withLse =
      false;
  addBlocks("full", {"some", 16, 16}, 7, 0);
  addBlocks("causal", {"some", 16, 16, false, true}, 0, 33);
  // Sizes in the types.
  {
    Case &c = add("causal", "plain", 97, 203);
    c.batch = 2;
    c.staticShapes = true;
  }
  return cases;
}

const std::vector<Case> &
attn::testing::pairwiseCases(const std::string &target) {
  static std::map<std::string, std::vector<Case>> known;
  auto found = known.find(target);
  if (found != known.end())
    return found->second;
  const char *all = std::getenv("ATTN_TEST_ALL");
  const bool isAll = all && std::string(all) == "1";
  // The emulator takes about 100 times as long as the CPU.
  const double maxWork =
      target == "cpu" ? (isAll ? 1e9 : 2.5e8) : (isAll ? 1e8 : 2.5e7);
  return known[target] = coveringCases(target, isAll ? 3 : 2, maxWork);
}

std::vector<Case> attn::testing::casesOf(const std::string &algorithm,
                                         const std::string &target) {
  std::vector<Case> cases;
  std::set<std::string> names;
  auto add = [&](const Case &c) {
    if (c.algorithm == algorithm && names.insert(c.name()).second)
      cases.push_back(c);
  };
  for (Case c : oddCases(algorithm)) {
    if (target != "cpu") {
      c.target = target;
      c.isa = Isa::host;
      // Some of each.
      if (c.type == "f32")
        c.type = gpuTypes[cases.size() % count(gpuTypes)];
    }
    add(c);
  }
  for (const Case &c : pairwiseCases(target))
    add(c);
  return cases;
}
