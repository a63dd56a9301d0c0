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

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <new>
#include <system_error>

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

void addHelpAndVersion(CLI::App &app, const std::string &version) {
  app.set_help_flag("--help,-h", "Show this and end");
  app.set_version_flag("--version", version, "Show the version and end");
  app.get_formatter()->column_width(32);
}

/// Prints a sentence; diagnostics of MLIR, which begin with a location, stay as
/// they are so that editors find it.
static int fail(const CLI::App &app, const std::string &message) {
  // Behind the first line may be the log of another compiler.
  bool isDiagnostic = message.find(": error: ") < message.find('\n');
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

Result<std::string> readInput(const std::string &path) {
  bool isStandard = path == "-";
  std::FILE *file = isStandard ? stdin : std::fopen(path.c_str(), "rb");
  std::string bytes;
  int error = file ? 0 : errno;
  if (file) {
    char buffer[1 << 16];
    while (size_t count = std::fread(buffer, 1, sizeof(buffer), file))
      bytes.append(buffer, count);
    if (std::ferror(file))
      error = errno;
    if (!isStandard)
      std::fclose(file);
  }
  if (error)
    return failure("cannot read '" + path +
                   "': " + std::generic_category().message(error));
  return bytes;
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
