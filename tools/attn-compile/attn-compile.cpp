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

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

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
                                                  {"object", Emit::object},
                                                  {"package", Emit::package}};

/// Writes to a file, which is removed again if that fails, or to "-", standard
/// output.
static Status write(const std::string &path, const std::string &bytes) {
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_None);
  if (!error) {
    file.os() << bytes;
    file.os().flush();
    error = file.os().error();
    // An error that nobody has cleared ends the process in the destructor.
    file.os().clear_error();
  }
  if (error)
    return failure("cannot write '" + path + "': " + error.message());
  file.keep();
  return Status::success();
}

static Status run(const Options &options) {
  Emit emit = emits.at(options.emit);
  if ((emit == Emit::object || emit == Emit::package) && options.output == "-")
    return failure("--emit=" + options.emit +
                   " writes a binary file: give its name with -o FILE, or "
                   "choose --emit=tile, thread or llvm");
  Result<std::string> text = tool::readModule(options.input);
  if (!text)
    return text.takeFailure();
  Result<std::string> result =
      compile(*text, options.input, options.compile, emit);
  if (!result)
    return result.takeFailure();
  return write(options.output, *result);
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Compiles attention kernels.", "attn-compile");
  tool::addCommonFlags(app, options.input);
  app.add_option("--emit", options.emit,
                 "tile: kernels over tiles\n"
                 "thread: loops over vectors\n"
                 "llvm: LLVM IR\n"
                 "object: an ELF shared object\n"
                 "package: a package (.attnpkg) with that object")
      ->check(
          tool::oneOf("kind", {"tile", "thread", "llvm", "object", "package"}))
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
