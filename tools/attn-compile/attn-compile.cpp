//===- attn-compile.cpp - Compile attention ahead of time -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a module down to the level that --emit names.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-compile/Explain.h"
#include "tools/attn-compile/GpuReport.h"
#include "tools/attn-compile/KernelReport.h"

#include <cstring>
#include <map>

using namespace attn;

namespace {
struct Options {
  std::string input;
  std::string output = "-";
  std::string emit = "object";
  CompileOptions compile;
  /// B:Sq:Skv, or kDefaultLengths; empty: do not explain.
  std::string explain;
  tool::NamedValues values;
  tool::DeviceOptions device;
  bool report = false;
};
} // namespace

static const std::map<std::string, Emit> emits = {
    {"tile", Emit::tile}, {"warp", Emit::warp},     {"thread", Emit::thread},
    {"cuda", Emit::cuda}, {"ptx", Emit::ptx},       {"cubin", Emit::cubin},
    {"llvm", Emit::llvm}, {"object", Emit::object}, {"package", Emit::package}};

/// What --explain without lengths stands for.
static constexpr const char *kDefaultLengths = "default";

/// Prints tables instead of code.
static Status describe(const Options &options, const std::string &text) {
  std::string result;
  if (!options.explain.empty()) {
    std::optional<tool::Lengths> lengths;
    if (options.explain != kDefaultLengths)
      lengths = *tool::parseLengths(options.explain);
    Result<tool::DeviceModel> device = tool::chooseDevice(options.device);
    if (!device)
      return device.takeFailure();
    Result<std::string> explained = tool::explain(
        text, options.input, options.compile, lengths, options.values, *device);
    if (!explained)
      return explained.takeFailure();
    result += *explained;
  }
  if (options.report) {
    Result<std::string> report =
        options.compile.target == "cpu"
            ? tool::reportKernels(text, options.input, options.compile)
            : tool::reportGpuKernels(text, options.input, options.compile);
    if (!report)
      return report.takeFailure();
    result += (result.empty() ? "" : "\n") + *report;
  }
  return tool::writeFile(options.output, result);
}

static Status run(Options &options) {
  options.compile.onRemarks = [](const std::string &remarks) {
    std::fputs(remarks.c_str(), stderr);
  };
  if (!options.explain.empty() || options.report) {
    Result<std::string> text = tool::readInput(options.input);
    return text ? describe(options, *text) : text.takeFailure();
  }
  Emit emit = emits.at(options.emit);
  if ((emit == Emit::object || emit == Emit::cubin || emit == Emit::package) &&
      options.output == "-")
    return failure("--emit=" + options.emit +
                   " writes a binary file: give its name with -o FILE, or "
                   "choose a kind that is text");
  Result<std::string> text = tool::readInput(options.input);
  if (!text)
    return text.takeFailure();
  Result<std::string> result =
      compile(*text, options.input, options.compile, emit);
  if (!result)
    return result.takeFailure();
  return tool::writeFile(options.output, *result);
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Compiles attention kernels.", "attn-compile");
  tool::addCommonFlags(app, options.input);
  app.add_option(
         "--emit", options.emit,
         "tile: kernels over tiles\n"
         "warp: on a GPU, the schedule of a thread block\n"
         "thread: the code of one thread\n"
         "cuda, ptx, cubin: on a GPU, CUDA C++ and what nvrtc makes of\n"
         "it\n"
         "llvm: LLVM IR\n"
         "object: an ELF shared object\n"
         "package: a package (.attnpkg) with that object, or with\n"
         "cubin, PTX and CUDA C++")
      ->check(tool::oneOf("kind", {"tile", "warp", "thread", "cuda", "ptx",
                                   "cubin", "llvm", "object", "package"}))
      ->type_name("KIND")
      ->capture_default_str();
  app.add_option("-o", options.output, "Where to; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  app.add_option("--explain", options.explain,
                 "Instead of code, print what each algorithm computes,\n"
                 "moves and needs at these lengths: --explain or\n"
                 "--explain=B:Sq:Skv")
      ->check(CLI::Validator(
          [](const std::string &lengths) -> std::string {
            if (lengths == kDefaultLengths)
              return "";
            Result<tool::Lengths> parsed = tool::parseLengths(lengths);
            return parsed ? "" : parsed.error();
          },
          /*validator_desc=*/""))
      ->type_name("[=B:Sq:Skv]");
  tool::addValueFlag(app, options.values);
  tool::addDeviceFlags(app, options.device);
  app.add_flag("--report", options.report,
               "Instead of code, print its size, memory, registers and\n"
               "spills, and on a GPU how fast it should be");
  app.add_option("--remarks-filter", options.compile.remarks,
                 "Print the remarks of categories that a regular expression\n"
                 "matches: attn.schedule says which tiles were chosen and why")
      ->type_name("REGEX");
  tool::addCompileFlags(app, options.compile);
  app.footer("Example:\n"
             "  attn-compile examples/bert.mlir --target=cpu --emit=tile -o -");
  // An option of CLI11 that may go without a value would take the next
  // argument for it.
  std::string explainDefault = std::string("--explain=") + kDefaultLengths;
  for (int i = 1; i < argc; ++i)
    if (std::strcmp(argv[i], "--explain") == 0)
      argv[i] = explainDefault.data();
  if (std::optional<int> exitCode = tool::parse(app, argc, argv))
    return *exitCode;
  return tool::runBody(app, [&] { return run(options); });
}
