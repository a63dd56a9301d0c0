//===- Report.cpp - What attn-run prints ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints measurements.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Report.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace attn::tool {

double Report::medianSeconds() const {
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle]
                           : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Report::minSeconds() const {
  return *std::min_element(seconds.begin(), seconds.end());
}

static std::string withUnit(double value, const char *unit) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.4g ", value) << unit;
  return text;
}

static std::string formatSeconds(double seconds) {
  if (seconds < 1e-3)
    return withUnit(seconds * 1e6, "us");
  if (seconds < 1)
    return withUnit(seconds * 1e3, "ms");
  return withUnit(seconds, "s");
}

static std::string formatBytes(int64_t bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  const char *const *unit = std::begin(units);
  for (; value >= 1024 && unit + 1 != std::end(units); ++unit)
    value /= 1024;
  return withUnit(value, *unit);
}

std::string Report::toText() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  double median = medianSeconds();
  os << function << ": " << algorithm << ", tiles of " << tileQ << " x "
     << tileKv << ", on " << device << " (" << cpu << ")";
  if (threads)
    os << ", " << threads << (threads == 1 ? " thread" : " threads");
  os << "\n";
  os << "  compile  " << formatSeconds(compileSeconds);
  if (cache == "disk")
    os << ", from the cache";
  else if (cache == "package")
    os << ", from a package";
  else if (backendSeconds > 0)
    os << ", of which " << formatSeconds(backendSeconds) << " in the back end";
  os << "\n";
  os << "  time     " << formatSeconds(median) << " median, "
     << formatSeconds(minSeconds()) << " minimum of " << seconds.size() << "\n";
  if (median > 0) {
    os << "  speed    ";
    if (flops)
      os << llvm::format("%.4g", double(*flops) / median * 1e-12)
         << " TFLOP/s, ";
    os << llvm::format("%.4g", double(bytes) / median * 1e-9) << " GB/s\n";
  }
  os << "  memory   " << formatBytes(bytes) << " of inputs and outputs, "
     << formatBytes(workspaceBytes) << " of workspace";
  if (stats)
    os << ", " << formatBytes(stats->arenaBytes) << " of scratch";
  // Kernels of GPUs do not count: an atomic operation for each tile would cost
  // time that is measured here.
  os << "\n  tiles    ";
  if (stats)
    os << stats->partialTiles + stats->fullTiles << " visited ("
       << stats->partialTiles << " partial, " << stats->fullTiles << " full)";
  else
    os << "not counted on a GPU";
  if (totalTiles)
    os << ", " << *totalTiles << " in total";
  os << "\n";
  if (check) {
    os << "  check    " << (check->passed() ? "PASS" : "FAIL")
       << ": max abs error " << llvm::format("%.2g", check->errors.maxAbsError)
       << ", row-relative error "
       << llvm::format("%.2g", check->errors.maxRowRelativeError);
    if (check->hasLse)
      os << ", LSE error " << llvm::format("%.2g", check->errors.lseError);
    if (check->narrowLimit)
      os << "; allowed " << llvm::format("%.2g", *check->narrowLimit)
         << " in the output (twice plain attention's, and "
         << llvm::format("%g", Check::limit) << "), "
         << llvm::format("%g", Check::narrowLseLimit) << " in the LSE\n";
    else
      os << "; allowed " << llvm::format("%g", Check::limit) << "\n";
  }
  for (const Difference &difference : differences)
    os << "  expect   " << (difference.passed() ? "PASS" : "FAIL") << ": "
       << difference.name << ", max abs difference "
       << llvm::format("%.2g", difference.maxAbs) << "; allowed "
       << llvm::format("%g", difference.tolerance) << "\n";
  return text;
}

/// Null where nobody knows.
static nlohmann::json toJson(const std::optional<int64_t> &number) {
  return number ? nlohmann::json(*number) : nlohmann::json();
}

std::string Report::toJson() const {
  double median = medianSeconds();
  auto count = [&](auto &&of) {
    return stats ? nlohmann::json(of(*stats)) : nlohmann::json();
  };
  nlohmann::ordered_json json = {
      {"function", function},
      {"device", device},
      {"target", target},
      {"cpu", cpu},
      {"algorithm", algorithm},
      {"tile_q", tileQ},
      {"tile_kv", tileKv},
      {"threads", threads},
      {"compile_s", compileSeconds},
      {"backend_s", backendSeconds},
      {"cache", cache},
      {"repeat", seconds.size()},
      {"median_s", median},
      {"min_s", minSeconds()},
      {"flops", tool::toJson(flops)},
      {"bytes", bytes},
      {"workspace_bytes", workspaceBytes},
      {"arena_bytes", count([](auto &run) { return run.arenaBytes; })},
      {"tiles",
       {{"visited",
         count([](auto &run) { return run.partialTiles + run.fullTiles; })},
        {"partial", count([](auto &run) { return run.partialTiles; })},
        {"full", count([](auto &run) { return run.fullTiles; })},
        {"total", tool::toJson(totalTiles)}}}};
  if (check) {
    json["check"] = {
        {"passed", check->passed()},
        {"max_abs_error", check->errors.maxAbsError},
        {"max_row_relative_error", check->errors.maxRowRelativeError}};
    if (check->hasLse)
      json["check"]["lse_error"] = check->errors.lseError;
  }
  for (const Difference &difference : differences)
    json["expect"].push_back({{"result", difference.name},
                              {"passed", difference.passed()},
                              {"max_abs_difference", difference.maxAbs},
                              {"tolerance", difference.tolerance}});
  // Names may hold bytes that are not UTF-8.
  return json.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                   nlohmann::json::error_handler_t::replace) +
         "\n";
}

} // namespace attn::tool
