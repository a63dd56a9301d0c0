//===- PtxFuzzer.cpp - Feeds anything to the PTX emulator -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks that parsing any text fails with a sentence or gives a module on which
// the decoder can rely, that decoding does the same, and that any kernel can be
// run. Half of the mutations work on tokens, or nearly every text would fail at
// its first change.
//
//===----------------------------------------------------------------------===//

#include "../Emulator/AstCheck.h"

#include "runtime/devices/emulator/Emulator.h"
#include "runtime/devices/emulator/Memory.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

using namespace attn::emulator;

static void require(bool condition, const std::string &what) {
  if (condition)
    return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

static void requireSentence(const std::string &error) {
  require(!error.empty() && error.size() < 1000 &&
              std::all_of(error.begin(), error.end(),
                          [](char c) { return c >= ' ' && c <= '~'; }),
          error);
}

/// Runs a kernel with arguments of zeros for a while.
static void run(const Module &module, const ptx::Function &kernel) {
  LaunchDimensions dimensions;
  dimensions.grid.x = 2;
  dimensions.block.x = 64;
  if (kernel.requiredThreads[0])
    dimensions.block = {kernel.requiredThreads[0],
                        std::max(1u, kernel.requiredThreads[1]),
                        std::max(1u, kernel.requiredThreads[2])};
  std::vector<Argument> arguments;
  for (const ptx::Variable &parameter : kernel.parameters) {
    if (parameter.bytes > 1 << 16)
      return;
    arguments.push_back({std::string(parameter.bytes, '\0')});
  }
  Memory memory;
  LaunchOptions options;
  options.maxInstructions = 2000;
  options.async = AsyncMode::random;
  auto result =
      launch(module, kernel.name, dimensions, arguments, memory, options);
  if (!result)
    return requireSentence(result.error());
  for (const Report &report : result->reports)
    require(!report.what.empty() && !report.str().empty(), "empty report");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Of exactly this size, so that the sanitizer sees reads behind its end.
  std::vector<char> text(data, data + size);
  auto ast = ptx::parse({text.data(), text.size()});
  if (!ast) {
    require(ast.error().compare(0, 5, "line ") == 0, ast.error());
    requireSentence(ast.error());
    return 0;
  }
  std::string problem = ptx::AstCheck(*ast).problem();
  require(problem.empty(), problem);
  auto module = Module::parse({text.data(), text.size()});
  if (!module) {
    requireSentence(module.error());
    return 0;
  }
  for (const ptx::Function &function : module->ast().functions)
    if (function.isKernel && function.hasBody)
      run(*module, function);
  return 0;
}

/// Splits into words, spaces and single characters.
static std::vector<std::string> tokensOf(const std::string &text) {
  auto classOf = [](char c) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isspace(byte))
      return 1;
    return std::isalnum(byte) || c == '_' || c == '$' || c == '%' || c == '.'
               ? 2
               : 0;
  };
  std::vector<std::string> tokens;
  for (size_t i = 0; i < text.size(); ++i)
    if (i > 0 && classOf(text[i]) && classOf(text[i]) == classOf(text[i - 1]))
      tokens.back() += text[i];
    else
      tokens.emplace_back(1, text[i]);
  return tokens;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::string> tokens;
  if (random() % 2)
    tokens = tokensOf(std::string(data, data + size));
  if (tokens.size() < 8)
    return LLVMFuzzerMutate(data, size, maxSize);
  for (unsigned count = 1 + random() % 3; count; --count) {
    std::string &token = tokens[random() % tokens.size()];
    const std::string &other = tokens[random() % tokens.size()];
    switch (random() % 4) {
    case 0:
      token.clear();
      break;
    case 1:
      token = other;
      break;
    case 2:
      token += " " + token;
      break;
    case 3:
      // A few tokens more, as in a further statement.
      for (size_t i = random() % tokens.size(), n = 1 + random() % 16;
           n && i < tokens.size(); ++i, --n)
        token += tokens[i];
      break;
    }
  }
  std::string text;
  for (const std::string &token : tokens)
    text += token;
  size = std::min(text.size(), maxSize);
  std::copy_n(text.begin(), size, data);
  return size;
}
