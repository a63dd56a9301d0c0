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

#include "tools/CommandLine.h"

#include <map>

using namespace attn;

namespace {
struct Options {
  std::string input;
  std::string output = "-";
  std::string target = "cpu";
  std::string emit = "object";
  CompileOptions compile;
};
} // namespace

static const std::map<std::string, Emit> emits = {{"tile", Emit::tile},
                                                  {"thread", Emit::thread},
                                                  {"llvm", Emit::llvm},
                                                  {"object", Emit::object}};

static Status run(const Options &options) {
  Emit emit = emits.at(options.emit);
  if (emit == Emit::object && options.output == "-")
    return failure("--emit=object writes a binary file: give its name with "
                   "-o FILE, or choose --emit=tile, thread or llvm");
  Result<std::string> text = tool::readModule(options.input);
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
  app.add_option("--emit", options.emit,
                 "tile: kernels over tiles\n"
                 "thread: loops over vectors\n"
                 "llvm: LLVM IR\n"
                 "object: an ELF shared object")
      ->check(tool::oneOf("kind", {"tile", "thread", "llvm", "object"}))
      ->type_name("KIND")
      ->capture_default_str();
  app.add_option("-o", options.output, "Where to; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  tool::addCompileFlags(app, options.target, options.compile);
  app.footer("Example:\n"
             "  attn-compile examples/bert.mlir --target=cpu --emit=tile -o -");
  if (std::optional<int> exitCode = tool::parse(app, argc, argv))
    return *exitCode;
  return tool::runBody(app, [&] { return run(options); });
}
