//===- attn-emulate.cpp - Runs a kernel of a PTX file on the CPU ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/attn-emulate/LaunchFile.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
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

static int fail(const std::string &message) {
  std::fprintf(stderr, "attn-emulate: error: %s\n", message.c_str());
  return 1;
}

int main(int argc, char **argv) {
  CLI::App app("Executes a kernel of a PTX file on the CPU and checks it for "
               "races, uninitialised reads, accesses out of bounds and misuse "
               "of barriers. Exits with 1 if anything was found.");
  std::string ptxFile, launchFile;
  bool json = false;
  app.add_option("kernel.ptx", ptxFile, "PTX for sm_75 to sm_90a")->required();
  app.add_option("launch.json", launchFile,
                 "Grid, block, buffers, arguments and checks; see "
                 "docs/emulator.md")
      ->required();
  app.add_flag("--json", json, "Print reports and statistics as one object");
  CLI11_PARSE(app, argc, argv);

  std::ifstream stream(ptxFile, std::ios::binary);
  if (!stream)
    return fail("cannot open '" + ptxFile + "'");
  std::string text((std::istreambuf_iterator<char>(stream)),
                   std::istreambuf_iterator<char>());
  Result<emulator::Module> module = emulator::Module::parse(text);
  if (!module)
    return fail("'" + ptxFile + "': " + module.error());
  emulator::Memory memory;
  Result<LaunchFile> launch = loadLaunch(launchFile, memory);
  if (!launch)
    return fail(launch.error());
  Result<LaunchResult> result =
      emulator::launch(*module, launch->kernel, launch->dimensions,
                       launch->arguments, memory, launch->options);
  if (!result)
    return fail(result.error());
  if (json)
    printJson(*result);
  else
    printText(*result);
  if (Status status = saveOutputs(*launch); !status)
    return fail(status.error());
  return result->ok() ? 0 : 1;
}
