//===- Ptxas.cpp - What NVIDIA's assembler says ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ptxas reports any number of errors of its parser in one run, up to the first
// line that is no PTX at all, and gives their lines.  What its code generator
// rejects comes only when the parser is content, one at a time and without a
// line: those are found by halving.
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sys/wait.h>

using namespace attn;
using namespace attn::test;

namespace {
/// A folder that vanishes with the object.
struct Scratch {
  Scratch() {
    std::string name =
        (std::filesystem::temp_directory_path() / "attn-ptxas.XXXXXX").string();
    path = mkdtemp(name.data()) ? name : "";
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};
} // namespace

static constexpr const char *ptxas = ATTN_CUDA_ROOT "/bin/ptxas";

Result<PtxasOutput> test::runPtxas(const std::string &ptx,
                                   const std::string &arch,
                                   const std::string &options) {
  if (!std::filesystem::exists(ptxas))
    return failure(std::string("there is no ") + ptxas +
                   "; run scripts/setup, or configure with "
                   "-DATTN_CUDA_ROOT=<folder of a CUDA 13 toolkit>");
  Scratch scratch;
  std::string input = scratch.path + "/in.ptx",
              output = scratch.path + "/out.cubin";
  std::ofstream(input, std::ios::binary) << ptx;
  // From within the folder, so that messages name the file in one way.
  std::string command = "cd '" + scratch.path + "' && '" + ptxas +
                        "' -arch=" + arch + " " + options +
                        " in.ptx -o out.cubin 2>&1";
  FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return failure("cannot start '" + command + "'");
  PtxasOutput result;
  std::array<char, 1 << 16> buffer;
  while (size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    result.log.append(buffer.data(), count);
  int status = pclose(pipe);
  // 126 and 127 are the shell's; ptxas itself ends with 255 after errors.
  if (!WIFEXITED(status) || WEXITSTATUS(status) == 126 ||
      WEXITSTATUS(status) == 127)
    return failure("'" + command + "' did not run: " + result.log);
  if (WEXITSTATUS(status) == 0) {
    std::ifstream file(output, std::ios::binary);
    result.cubin = {std::istreambuf_iterator<char>(file), {}};
  } else if (result.log.empty()) {
    return failure("'" + command + "' fails and says nothing");
  }
  return result;
}

namespace {
class ErrorFinder {
public:
  ErrorFinder(const std::string &ptx, const std::string &arch);

  Result<std::vector<PtxasLine>> run();

private:
  /// Finds the errors of the lines in [begin, end) of `instructions`; the
  /// others are left out.
  Status find(size_t begin, size_t end);
  std::string text(size_t begin, size_t end) const;
  /// Notes the errors that have lines; false if there is none.
  Result<bool> note(const std::string &log);

  std::vector<std::string> lines;
  /// Numbers of the lines that are instructions, from 0.
  std::vector<size_t> instructions;
  std::map<size_t, std::string> found; // by number of the line, from 0
  const std::string &arch;
};
} // namespace

/// A line that ends with ';' and begins with neither a directive nor a brace.
static bool isInstruction(const std::string &line) {
  size_t first = line.find_first_not_of(" \t"),
         last = line.find_last_not_of(" \t\r");
  return first != std::string::npos && line[last] == ';' &&
         line[first] != '.' && line[first] != '{' && line[first] != '}' &&
         line.compare(first, 2, "//") != 0;
}

ErrorFinder::ErrorFinder(const std::string &ptx, const std::string &arch)
    : arch(arch) {
  for (size_t begin = 0; begin < ptx.size();) {
    size_t end = std::min(ptx.find('\n', begin), ptx.size());
    lines.push_back(ptx.substr(begin, end - begin));
    if (isInstruction(lines.back()))
      instructions.push_back(lines.size() - 1);
    begin = end + 1;
  }
}

/// The file, with all instructions left out that are not in [begin, end) of
/// `instructions` or were rejected.
std::string ErrorFinder::text(size_t begin, size_t end) const {
  std::string result;
  size_t next = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    bool isKept = !found.count(i);
    if (next < instructions.size() && instructions[next] == i) {
      isKept &= next >= begin && next < end;
      ++next;
    }
    result += (isKept ? lines[i] : "") + "\n";
  }
  return result;
}

Result<bool> ErrorFinder::note(const std::string &log) {
  bool noted = false;
  static const std::string mark = "in.ptx, line ";
  for (size_t at = log.find(mark); at != std::string::npos;
       at = log.find(mark, at + 1)) {
    // ptxas in.ptx, line 19; error   : Unknown modifier '.bogus'
    char *rest;
    long line = std::strtol(log.c_str() + at + mark.size(), &rest, 10);
    std::string message(rest, log.find('\n', at) - (rest - log.c_str()));
    if (message.compare(0, 7, "; error") != 0 &&
        message.compare(0, 7, "; fatal") != 0)
      continue;
    message.erase(0, message.find(": ") + 2);
    auto number = static_cast<size_t>(line - 1);
    if (!std::binary_search(instructions.begin(), instructions.end(), number))
      return failure("ptxas rejects line " + std::to_string(line) +
                     ", which is no instruction: " + message);
    noted |= found.emplace(number, message).second;
  }
  return noted;
}

Status ErrorFinder::find(size_t begin, size_t end) {
  while (true) {
    // Without optimisation no instruction is dropped, and it is faster.
    auto output = runPtxas(text(begin, end), arch, "-O0");
    if (!output)
      return output.takeFailure();
    if (!output->cubin.empty())
      return Status::success();
    auto noted = note(output->log);
    if (!noted)
      return noted.takeFailure();
    if (*noted)
      continue;
    if (begin + 1 == end) {
      found.emplace(instructions[begin], output->log);
      return Status::success();
    }
    size_t before = found.size(), middle = (begin + end) / 2;
    if (Status status = find(begin, middle); !status)
      return status;
    if (Status status = find(middle, end); !status)
      return status;
    if (found.size() == before)
      return failure("ptxas rejects instructions together that it accepts "
                     "apart: " +
                     output->log);
  }
}

Result<std::vector<PtxasLine>> ErrorFinder::run() {
  auto frame = runPtxas(text(0, 0), arch, "-O0");
  if (!frame)
    return frame.takeFailure();
  if (frame->cubin.empty())
    return failure("ptxas rejects the file without its instructions: " +
                   frame->log);
  if (Status status = find(0, instructions.size()); !status)
    return status.takeFailure();
  std::vector<PtxasLine> errors;
  for (const auto &[number, message] : found)
    errors.push_back({static_cast<int>(number) + 1, message});
  return errors;
}

Result<std::vector<PtxasLine>> test::ptxasErrors(const std::string &ptx,
                                                 const std::string &arch) {
  return ErrorFinder(ptx, arch).run();
}
