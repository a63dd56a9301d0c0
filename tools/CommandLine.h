//===- CommandLine.h - What the command line tools share --------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsing with CLI11, errors, and reading the input; no LLVM.  Every failure of
// a tool is a sentence on standard error and exit code 1.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_COMMANDLINE_H
#define ATTN_TOOLS_COMMANDLINE_H

#include "attn/Support/Result.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace attn::tool {

/// "a, b and c".
std::string listOf(const std::vector<std::string> &names);

/// Accepts the values listed.  A message calls them by `what`: "unknown
/// algorithm 'fast'; allowed are standard, memory-efficient, flash and
/// flash-decoding".
CLI::Validator oneOf(const std::string &what,
                     const std::vector<std::string> &allowed);
/// Accepts integers from `least` to 2^31 - 1.
CLI::Validator integerFrom(int64_t least);
/// Accepts finite numbers from 0 on.
CLI::Validator numberFromZero();

/// Adds --help and --version, and sets the width of the help.
void addHelpAndVersion(CLI::App &app, const std::string &version);

/// Parses the command line.  Returns the exit code if the tool is to end:
/// after --help and --version, or after an error, which is printed.
std::optional<int> parse(CLI::App &app, int argc, char **argv);

/// The contents of a file; "-" is standard input.
Result<std::string> readInput(const std::string &path);

/// Runs the body of a tool and returns its exit code.  An error that the body
/// returns, or an exception that it throws, is printed.
int runBody(const CLI::App &app, const std::function<Status()> &body);

} // namespace attn::tool

#endif // ATTN_TOOLS_COMMANDLINE_H
