//===- ExportCases.cpp - Writes cases of the table to a folder ------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// attn_export_cases: a selection of the GPU cases as modules, seeds of inputs
// and results of the float64 reference, for machines that have no LLVM.
// scripts/gpu-pack adds the compiled kernels.
//
// Query, key and value are large and no two runs need to store them: a seed
// says what they are, and a checksum whether another program made the same.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "tools/CommandLine.h"

#include "attn/Runtime/Npy.h"
#include "llvm/Support/CRC.h"
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

using namespace attn;
using namespace attn::testing;
using reference::Array;
using Json = nlohmann::ordered_json;

namespace {
struct Options {
  std::string folder;
  int64_t perAlgorithm = 32;
  /// Of the output of a case.
  int64_t maxElements = 65536;
};

/// Names of the files of modules, each of which is written once.
using Modules = std::map<std::string, std::string>;
} // namespace

static const char *const algorithms[] = {"flash", "memory-efficient",
                                         "standard", "flash-decoding"};

static int64_t outputElements(const Case &c) {
  return c.batch * c.queryHeads * c.queries * c.valueDim;
}

/// Some of the cases that are small enough, evenly spread over the table: each
/// part of the table tests something else.
static std::vector<Case> selectCases(const std::string &algorithm,
                                     const Options &options) {
  std::vector<Case> small, selected;
  for (const Case &c : casesOf(algorithm, "sm_80"))
    if (outputElements(c) <= options.maxElements)
      small.push_back(c);
  int64_t count =
      std::min(static_cast<int64_t>(small.size()), options.perAlgorithm);
  for (int64_t n = 0; n < count; ++n)
    selected.push_back(small[(2 * n + 1) * small.size() / (2 * count)]);
  return selected;
}

/// The bytes of values as T, in row-major order.
template <typename T>
static std::vector<unsigned char> bytesAs(const std::vector<double> &values) {
  std::vector<T> converted(values.begin(), values.end());
  std::vector<unsigned char> bytes(converted.size() * sizeof(T));
  if (!bytes.empty())
    std::memcpy(bytes.data(), converted.data(), bytes.size());
  return bytes;
}

static Status writeText(const std::string &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file ? Status::success() : failure("cannot write '" + path + "'");
}

static Json describeInput(const Case &c, size_t n, const Array &array) {
  if (n >= 3) {
    Capture capture = captures(c)[n - 3];
    std::string type = capture.type;
    if (size_t at = type.rfind('x'); at != type.npos && type.back() == '>')
      type = type.substr(at + 1, type.size() - at - 2);
    Json json = {{"name", capture.name}, {"type", type}};
    if (capture.type.rfind("tensor", 0) != 0) {
      json["value"] = array.data.front();
      return json;
    }
    json["shape"] = array.shape;
    json["strides"] = rowMajorStrides(array.shape);
    json["values"] = Json::array();
    // JSON has no infinities.
    for (double value : array.data)
      json["values"].push_back(std::isfinite(value) ? Json(value)
                               : value < 0          ? Json("-inf")
                                                    : Json("inf"));
    return json;
  }
  static const char *const names[] = {"query", "key", "value"};
  const std::vector<int64_t> &shape = array.shape;
  return {{"name", names[n]},
          {"type", c.type},
          {"shape", shape},
          {"strides", strides(c, shape[1], shape[2], shape[3])},
          {"seed", inputSeed(c, n)},
          {"crc32_as_f32", llvm::crc32(bytesAs<float>(array.data))}};
}

/// Twice the error of plain attention and 1e-5, as docs/semantics.md says; of
/// the LSE as expectCriterion says.
struct Tolerances {
  double output, lse;
};

static Result<Tolerances> tolerancesOf(const Case &c,
                                       const std::vector<Array> &inputs,
                                       const reference::Result &exact) {
  auto plain = reference::plainAttention(parsed(c), inputs);
  if (!plain)
    return failure(c.name() + ": " + llvm::toString(plain.takeError()));
  bool isCancelling = !c.score->keepsZero && *c.score->body;
  return Tolerances{2 * reference::compare(exact, *plain).maxAbsError + 1e-5,
                    isCancelling ? 8e-3 : 1e-3};
}

/// Writes an array beside the manifest, and returns the name of its file.
template <typename T>
static Result<std::string> writeArray(const Options &options, const Case &c,
                                      const char *what, NpyType type,
                                      const std::vector<int64_t> &shape,
                                      const std::vector<double> &data) {
  std::string file = "expected/" + c.name() + "." + what + ".npy";
  NpyArray array{type, shape, bytesAs<T>(data)};
  if (Status status = saveNpy(options.folder + "/" + file, array); !status)
    return status.takeFailure();
  return file;
}

/// Whether the number of kept keys can be read off the LSE if the query is 0.
static bool countsKeys(const Case &c) {
  return c.withLse && c.score->keepsZero && !*c.score->body;
}

static Result<Json> writeExpected(const Options &options, const Case &c,
                                  const std::vector<Array> &inputs,
                                  Json &json) {
  auto exact = reference::evaluate(parsed(c), inputs);
  if (!exact)
    return failure(c.name() + ": " + llvm::toString(exact.takeError()));
  Result<Tolerances> tolerances = tolerancesOf(c, inputs, *exact);
  if (!tolerances)
    return tolerances.takeFailure();
  auto output = writeArray<float>(options, c, "output", NpyType::f4,
                                  exact->output.shape, exact->output.data);
  if (!output)
    return output.takeFailure();
  const std::vector<int64_t> &shape = exact->output.shape;
  json["outputs"].push_back(
      {{"name", "output"},
       {"type", c.type},
       {"shape", shape},
       {"strides", strides(c, shape[1], shape[2], shape[3])},
       {"expected", *output},
       {"tolerance", tolerances->output}});
  if (!c.withLse)
    return json;
  auto lse = writeArray<float>(options, c, "lse", NpyType::f4, exact->lse.shape,
                               exact->lse.data);
  if (!lse)
    return lse.takeFailure();
  json["outputs"].push_back({{"name", "lse"},
                             {"type", "f32"},
                             {"shape", exact->lse.shape},
                             {"strides", lseStrides(c)},
                             {"expected", *lse},
                             {"tolerance", tolerances->lse}});
  if (!countsKeys(c))
    return json;
  auto kept = reference::keptCounts(parsed(c), inputs);
  if (!kept)
    return failure(c.name() + ": " + llvm::toString(kept.takeError()));
  std::vector<double> counts(kept->begin(), kept->end());
  auto file = writeArray<int32_t>(options, c, "kept", NpyType::i4,
                                  exact->lse.shape, counts);
  if (!file)
    return file.takeFailure();
  json["kept_keys"] = *file;
  return json;
}

static Result<Json> exportCase(const Options &options, const Case &c,
                               Modules &modules) {
  std::string text = moduleText(c);
  auto [module, isNew] = modules.emplace(
      text, "modules/" + std::to_string(modules.size()) + ".mlir");
  if (isNew)
    if (Status status = writeText(options.folder + "/" + module->second, text);
        !status)
      return status.takeFailure();
  std::vector<Array> inputs = makeInputs(c);
  CompileOptions compile = compileOptions(c);
  Json json = {{"name", c.name()},
               {"module", module->second},
               {"entry", "attention"},
               {"algorithm", compile.algorithm},
               {"tile_q", compile.tileQ},
               {"tile_kv", compile.tileKv},
               {"alignment", compile.alignment},
               {"batch", c.batch},
               {"queries", c.queries},
               {"keys", c.keys},
               {"inputs", Json::array()},
               {"outputs", Json::array()}};
  for (size_t n = 0; n < inputs.size(); ++n)
    json["inputs"].push_back(describeInput(c, n, inputs[n]));
  return writeExpected(options, c, inputs, json);
}

static Status exportAll(const Options &options) {
  for (const char *folder : {"modules", "expected"}) {
    std::error_code error;
    std::filesystem::create_directories(options.folder + "/" + folder, error);
    if (error)
      return failure("cannot make the folder '" + options.folder + "/" +
                     folder + "': " + error.message());
  }
  Modules modules;
  Json cases = Json::array();
  for (const char *algorithm : algorithms)
    for (const Case &c : selectCases(algorithm, options)) {
      Result<Json> json = exportCase(options, c, modules);
      if (!json)
        return json.takeFailure();
      cases.push_back(*std::move(json));
    }
  Json root = {{"format", 1}, {"cases", cases}};
  if (Status status =
          writeText(options.folder + "/cases.json", root.dump(1) + "\n");
      !status)
    return status;
  std::printf("%zu cases, %zu modules in %s\n", cases.size(), modules.size(),
              options.folder.c_str());
  return Status::success();
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app(
      "Writes cases of the end-to-end table for GPUs, with the results "
      "of the float64 reference, to a folder.",
      "attn_export_cases");
  app.set_help_flag("--help,-h", "Show this and end");
  app.add_option("folder", options.folder, "Where to; it is made")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--per-algorithm", options.perAlgorithm,
                 "Cases of each algorithm, evenly spread over the table")
      ->check(tool::integerFrom(1))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--max-elements", options.maxElements,
                 "Only cases whose output has at most this many elements")
      ->check(tool::integerFrom(1))
      ->type_name("N")
      ->capture_default_str();
  if (std::optional<int> exitCode = tool::parse(app, argc, argv))
    return *exitCode;
  return tool::runBody(app, [&] { return exportAll(options); });
}
