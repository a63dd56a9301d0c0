//===- CommandLine.cpp - What the command line tools share ----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks values before CLI11 converts them, so that every message says what was
// given and what is allowed.
//
//===----------------------------------------------------------------------===//

#include "tools/CommandLine.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <new>

namespace attn::tool {

std::string listOf(const std::vector<std::string> &names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

CLI::Validator oneOf(const std::string &what,
                     const std::vector<std::string> &allowed) {
  return CLI::Validator(
      [what, allowed](const std::string &value) -> std::string {
        if (std::find(allowed.begin(), allowed.end(), value) != allowed.end())
          return "";
        return "unknown " + what + " '" + value + "'; allowed " +
               (allowed.size() == 1 ? "is " : "are ") + listOf(allowed);
      },
      /*validator_desc=*/"");
}

CLI::Validator integerFrom(int64_t least) {
  return CLI::Validator(
      [least](const std::string &value) -> std::string {
        int32_t number;
        const char *end = value.data() + value.size();
        auto [rest, error] = std::from_chars(value.data(), end, number);
        if (error == std::errc() && rest == end && number >= least)
          return "";
        return "'" + value + "' is not allowed; allowed are integers from " +
               std::to_string(least) + " to 2147483647";
      },
      /*validator_desc=*/"");
}

CLI::Validator numberFromZero() {
  return CLI::Validator(
      [](const std::string &value) -> std::string {
        double number;
        const char *end = value.data() + value.size();
        auto [rest, error] = std::from_chars(value.data(), end, number);
        if (error == std::errc() && rest == end && std::isfinite(number) &&
            number >= 0)
          return "";
        return "'" + value +
               "' is not allowed; allowed are numbers from 0 on, "
               "such as 1e-5";
      },
      /*validator_desc=*/"");
}

void addCommonFlags(CLI::App &app, std::string &input) {
  app.add_option("input", input, "A module in MLIR; - is standard input")
      ->required()
      ->type_name("FILE.mlir");
  app.set_help_flag("--help,-h", "Show this and end");
  app.set_version_flag("--version", compilerVersion(),
                       "Show the version and end");
  app.get_formatter()->column_width(32);
}

void addCompileFlags(CLI::App &app, std::string &target,
                     CompileOptions &options) {
  app.add_option("--target", target, "What to compile for: cpu")
      ->check(oneOf("target", {"cpu"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--algorithm", options.algorithm,
                 "standard, memory-efficient, flash or flash-decoding (split-KV)")
      ->check(oneOf("algorithm", {"standard", "memory-efficient", "flash",
                                  "flash-decoding"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--cpu", options.cpu, "LLVM's name of a CPU (this machine's)")
      ->type_name("NAME");
  app.add_option("--cpu-features", options.features,
                 "Changes to its features: +avx2,-avx512f")
      ->type_name("LIST");
  app.add_option("--tile-q", options.tileQ,
                 "Rows of a query tile (chosen for the CPU)")
      ->check(integerFrom(1))
      ->type_name("N");
  app.add_option("--tile-kv", options.tileKv,
                 "Rows of a key tile (chosen for the CPU)")
      ->check(integerFrom(1))
      ->type_name("N");
}

/// Prints a sentence; diagnostics of MLIR, which begin with a location, stay as
/// they are so that editors find it.
static int fail(const CLI::App &app, const std::string &message) {
  bool isDiagnostic = message.find(": error: ") != std::string::npos;
  std::string text =
      (isDiagnostic ? "" : app.get_name() + ": error: ") + message;
  if (text.back() != '\n')
    text += '\n';
  std::fputs(text.c_str(), stderr);
  return 1;
}

std::optional<int> parse(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success &success) {
    return app.exit(success);
  } catch (const CLI::ExtrasError &) {
    return fail(app, "unexpected argument '" + app.remaining().front() +
                         "'; see " + app.get_name() + " --help");
  } catch (const CLI::RequiredError &error) {
    return fail(app, std::string(error.what()) + "; see " + app.get_name() +
                         " --help");
  } catch (const std::exception &error) {
    return fail(app, error.what());
  }
}

Result<std::string> readModule(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    return failure("cannot read '" + path +
                   "': " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

Status writeFile(const std::string &path, const std::string &bytes) {
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

int runBody(const CLI::App &app, const std::function<Status()> &body) {
  try {
    Status status = body();
    return status ? 0 : fail(app, status.error());
  } catch (const std::bad_alloc &) {
    return fail(app, "out of memory");
  } catch (const std::exception &error) {
    return fail(app, error.what());
  }
}

} // namespace attn::tool
