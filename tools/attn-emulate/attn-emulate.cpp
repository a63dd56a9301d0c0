//===- attn-emulate.cpp - Runs a kernel of a PTX file on the CPU ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/CommandLine.h"
#include "tools/attn-emulate/LaunchFile.h"

#include <cstdio>
#include <nlohmann/json.hpp>

using namespace attn;
using namespace attn::tool;
using emulator::LaunchResult;
using emulator::Report;

static void printText(const LaunchResult &result) {
  for (const Report &report : result.reports)
    std::printf("%s\n\n", report.str().c_str());
  const emulator::Statistics &statistics = result.statistics;
  std::printf("%zu reports\n", result.reports.size());
  std::printf("%llu warp instructions, %llu barrier waits, %llu extra cycles "
              "by bank conflicts\n",
              static_cast<unsigned long long>(statistics.instructions),
              static_cast<unsigned long long>(statistics.barrierWaits),
              static_cast<unsigned long long>(statistics.bankConflicts));
  for (size_t warp = 0; warp < statistics.byWarp.size(); ++warp)
    std::printf("  warp %-4zu %12llu\n", warp,
                static_cast<unsigned long long>(statistics.byWarp[warp]));
  for (const auto &[opcode, count] : statistics.byOpcode)
    std::printf("  %-40s %12llu\n", opcode.c_str(),
                static_cast<unsigned long long>(count));
  for (const auto &[line, cycles] : statistics.bankConflictsByLine)
    std::printf("  bank conflicts in line %-6d %12llu\n", line,
                static_cast<unsigned long long>(cycles));
}

static void printJson(const LaunchResult &result) {
  nlohmann::ordered_json root;
  root["reports"] = nlohmann::ordered_json::array();
  for (const Report &report : result.reports) {
    nlohmann::ordered_json entry;
    entry["kind"] = nameOf(report.kind);
    entry["what"] = report.what;
    entry["kernel"] = report.kernel;
    entry["ptx_line"] = report.ptxLine;
    entry["instruction"] = report.instruction;
    if (report.cudaLine) {
      entry["cuda_file"] = report.cudaFile;
      entry["cuda_line"] = report.cudaLine;
    }
    entry["cta"] = {report.cta.x, report.cta.y, report.cta.z};
    entry["warp"] = report.warp;
    entry["lane"] = report.lane;
    entry["other"] = report.other;
    entry["count"] = report.count;
    root["reports"].push_back(std::move(entry));
  }
  const emulator::Statistics &statistics = result.statistics;
  root["instructions"] = statistics.instructions;
  root["instructions_by_opcode"] = statistics.byOpcode;
  root["instructions_by_warp"] = statistics.byWarp;
  root["barrier_waits"] = statistics.barrierWaits;
  root["bank_conflicts"] = statistics.bankConflicts;
  auto &lines = root["bank_conflicts_by_line"] =
      nlohmann::ordered_json::object();
  for (const auto &[line, cycles] : statistics.bankConflictsByLine)
    lines[std::to_string(line)] = cycles;
  // Paths and PTX may hold bytes that are no UTF-8.
  std::printf(
      "%s\n",
      root.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
          .c_str());
}

namespace {
struct Options {
  std::string ptx, launch;
  bool json = false;
};
} // namespace

/// Sets `isClean` to whether nothing was found.
static Status run(const Options &options, bool &isClean) {
  Result<std::string> text = readInput(options.ptx);
  if (!text)
    return text.takeFailure();
  Result<emulator::Module> module = emulator::Module::parse(*text);
  if (!module)
    return failure("'" + options.ptx + "': " + module.error());
  emulator::Memory memory;
  Result<LaunchFile> launch = loadLaunch(options.launch, memory);
  if (!launch)
    return launch.takeFailure();
  Result<LaunchResult> result =
      emulator::launch(*module, launch->kernel, launch->dimensions,
                       launch->arguments, memory, launch->options);
  if (!result)
    return result.takeFailure();
  isClean = result->ok();
  if (options.json)
    printJson(*result);
  else
    printText(*result);
  return saveOutputs(*launch);
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Executes a kernel of a PTX file on the CPU and checks it for "
               "races,\nuninitialised reads, accesses out of bounds and misuse "
               "of barriers.\nExits with 1 if anything was found.",
               "attn-emulate");
  app.add_option("kernel", options.ptx,
                 "PTX for sm_75 to sm_90a; - is standard input")
      ->required()
      ->type_name("FILE.ptx");
  app.add_option("launch", options.launch,
                 "Grid, block, buffers, arguments and checks; see "
                 "docs/emulator.md")
      ->required()
      ->type_name("FILE.json");
  app.add_flag("--json", options.json,
               "Print reports and statistics as one JSON object");
  addHelpAndVersion(app, "attn-mlir " ATTN_VERSION);
  if (std::optional<int> exitCode = parse(app, argc, argv))
    return *exitCode;
  bool isClean = true;
  int exitCode = runBody(app, [&] { return run(options, isClean); });
  return isClean ? exitCode : 1;
}
