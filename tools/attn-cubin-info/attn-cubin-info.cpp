//===- attn-cubin-info.cpp - What GPU code needs and consists of ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints the resources of the kernels in a cubin and their instructions, from
// the file alone: no CUDA, no GPU.
//
//===----------------------------------------------------------------------===//

#include "tools/CommandLine.h"

#include "attn/Runtime/Cubin.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

using namespace attn;

namespace {
struct Options {
  std::string input;
  bool json = false;
};
} // namespace

static std::string toText(int64_t number, const char *unit) {
  return std::to_string(number) + " " + unit + (number == 1 ? "" : "s");
}

static std::string toText(const SpillCount &stores, const SpillCount &loads) {
  if (stores.instructions == 0 && loads.instructions == 0)
    return "none";
  return toText(stores.instructions, "store") + " of " +
         toText(stores.bytes, "byte") + ", " +
         toText(loads.instructions, "load") + " of " +
         toText(loads.bytes, "byte");
}

static void addLine(std::string &text, std::string name,
                    const std::string &value) {
  name.resize(14, ' ');
  text += "  " + name + value + "\n";
}

static std::string toText(const Cubin &cubin) {
  if (cubin.kernels.empty())
    return "no kernels (" + cubin.architecture + ")\n";
  std::string text;
  for (const CubinKernel &kernel : cubin.kernels) {
    text += kernel.name + " (" + cubin.architecture + ")\n";
    addLine(text, "registers", std::to_string(kernel.registers));
    addLine(text, "stack",
            toText(kernel.stack, "byte") +
                (kernel.stack == kernel.stackFrame
                     ? ""
                     : ", " + std::to_string(kernel.stackFrame) +
                           " without functions that it calls"));
    addLine(text, "spills", toText(kernel.spillStores, kernel.spillLoads));
    addLine(text, "shared memory",
            toText(kernel.sharedMemory, "byte") +
                (kernel.reservedSharedMemory == 0
                     ? ""
                     : ", and " + std::to_string(kernel.reservedSharedMemory) +
                           " for the system"));
    addLine(text, "barriers", std::to_string(kernel.barriers));
    addLine(text, "parameters", toText(kernel.parameters, "byte"));
    addLine(text, "instructions", std::to_string(kernel.instructions));
    std::vector<std::pair<std::string, int64_t>> opcodes(kernel.opcodes.begin(),
                                                         kernel.opcodes.end());
    std::stable_sort(
        opcodes.begin(), opcodes.end(),
        [](const auto &a, const auto &b) { return a.second > b.second; });
    for (const auto &[name, count] : opcodes)
      addLine(text, "  " + name, std::to_string(count));
  }
  return text;
}

static nlohmann::ordered_json toJson(const SpillCount &count) {
  return {{"instructions", count.instructions}, {"bytes", count.bytes}};
}

static std::string toJson(const Cubin &cubin) {
  nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
  for (const CubinKernel &kernel : cubin.kernels)
    kernels.push_back({{"name", kernel.name},
                       {"registers", kernel.registers},
                       {"stack_frame_bytes", kernel.stackFrame},
                       {"stack_bytes", kernel.stack},
                       {"spill_stores", toJson(kernel.spillStores)},
                       {"spill_loads", toJson(kernel.spillLoads)},
                       {"shared_bytes", kernel.sharedMemory},
                       {"reserved_shared_bytes", kernel.reservedSharedMemory},
                       {"barriers", kernel.barriers},
                       {"parameter_bytes", kernel.parameters},
                       {"instructions", kernel.instructions},
                       {"opcodes", kernel.opcodes}});
  nlohmann::ordered_json root = {{"architecture", cubin.architecture},
                                 {"kernels", std::move(kernels)}};
  // A damaged name need not be UTF-8.
  return root.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

static Status run(const Options &options) {
  Result<std::string> bytes = tool::readInput(options.input);
  if (!bytes)
    return bytes.takeFailure();
  Result<Cubin> cubin = readCubin(*bytes, "'" + options.input + "'");
  if (!cubin)
    return cubin.takeFailure();
  std::string text = options.json ? toJson(*cubin) : toText(*cubin);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    return failure("cannot write to standard output");
  return Status::success();
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Prints the resources of the kernels in a cubin (machine code "
               "for NVIDIA's GPUs),\nand how often each instruction occurs.",
               "attn-cubin-info");
  app.add_option("input", options.input, "A cubin; - is standard input")
      ->required()
      ->type_name("FILE.cubin");
  app.add_flag("--json", options.json, "Print one JSON object");
  tool::addHelpAndVersion(app, "attn-mlir " ATTN_VERSION);
  if (std::optional<int> exitCode = tool::parse(app, argc, argv))
    return *exitCode;
  return tool::runBody(app, [&] { return run(options); });
}
