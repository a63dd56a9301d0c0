//===- Options.cpp - The command line of attn-run -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the flags of attn-run.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Options.h"

namespace attn::tool {

/// "a,b" into {"a", "b"}; an item may be empty, an empty text has no items.
static std::vector<std::string> splitList(const std::string &text) {
  std::vector<std::string> items;
  if (text.empty())
    return items;
  size_t begin = 0;
  for (size_t end; (end = text.find(',', begin)) != std::string::npos;
       begin = end + 1)
    items.push_back(text.substr(begin, end - begin));
  items.push_back(text.substr(begin));
  return items;
}

void addRunFlags(CLI::App &app, RunOptions &options) {
  addCommonFlags(app, options.module);
  app.get_option("input")
      ->description("A module in MLIR (- is standard input) or a package")
      ->type_name("FILE");
  app.add_option("--device", options.device,
                 "Where to run: cpu; packages also on cuda (a GPU)\n"
                 "or emulator")
      ->check(oneOf("device", {"cpu", "emulator", "cuda"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--function", options.function,
                 "What to run, if the module has several functions")
      ->type_name("NAME");
  app.add_option_function<std::string>(
         "--inputs",
         [&options](const std::string &text) {
           options.inputs = splitList(text);
         },
         "One for each argument, separated by commas: q.npy,\n"
         "random:1x8x512x64[:SEED] (normal distribution),\n"
         "zeros:SHAPE, ones:SHAPE, range:SHAPE[:N] (positions, divided\n"
         "by N), multiples:SHAPE:N (positions times N),\n"
         "integers:SHAPE:N (random, below N), or a number for a scalar")
      ->type_name("LIST");
  app.add_option_function<std::string>(
         "--outputs",
         [&options](const std::string &text) {
           options.outputs = splitList(text);
         },
         "Files for the results, in their order: o.npy,lse.npy")
      ->type_name("LIST");
  app.add_option("--plot-mask", options.plotMask,
                 "Draw the mask and the tiles that the kernel visits\n"
                 "instead of running it: an SVG picture")
      ->type_name("FILE.svg");
  app.add_option_function<std::string>(
         "--shape",
         [&options](const std::string &text) {
           options.shape = *parseLengths(text);
         },
         "Batch and lengths for --plot-mask without --inputs")
      ->check(CLI::Validator(
          [](const std::string &text) -> std::string {
            Result<Lengths> lengths = parseLengths(text);
            return lengths ? "" : lengths.error();
          },
          /*validator_desc=*/""))
      ->type_name("B:Sq:Skv");
  addValueFlag(app, options.values);
  CLI::Option *expect =
      app.add_option_function<std::string>(
             "--expect",
             [&options](const std::string &text) {
               options.expected = splitList(text);
             },
             "Files to compare the results with, in their order:\n"
             "o.npy,lse.npy")
          ->type_name("LIST");
  app.add_option("--tolerance", options.tolerance,
                 "Largest absolute difference that --expect allows")
      ->check(numberFromZero())
      ->needs(expect)
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--repeat", options.repeat, "Timed runs, after one untimed")
      ->check(integerFrom(1))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads (all cores)")
      ->check(integerFrom(1))
      ->type_name("N");
  app.add_flag("--check", options.check,
               "Compare the results with a float64 reference");
  app.add_flag("--json", options.json, "Print one JSON object");
  app.add_flag("--no-cache", options.noCache,
               "Compile even if the cache has the kernel");
  addCompileFlags(app, options.compile);
  // Unlike what compiles, this tool can do with any GPU.
  app.remove_option(app.get_option("--target"));
  app.add_option("--target", options.compile.target,
                 "cpu, or the GPU that is emulated: sm_80, sm_90a")
      ->check(CLI::Validator(
          [](const std::string &text) -> std::string {
            Result<GpuTarget> target = GpuTarget::parse(text);
            return text == "cpu" || target ? "" : target.error();
          },
          /*validator_desc=*/""))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--emulator-checks", options.emulator.checks,
                 "What the emulator checks: race,uninit,... or none (all)")
      ->type_name("LIST");
  app.add_option("--emulator-async", options.emulator.async,
                 "When asynchronous copies happen: lazy, eager or random")
      ->check(oneOf("mode", {"lazy", "eager", "random"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--emulator-seed", options.emulator.seed,
                 "Order of the emulator's warps")
      ->type_name("N")
      ->capture_default_str();
  app.footer("Example:\n"
             "  attn-run examples/bert.mlir --check --inputs=random:1x12x512x64"
             ",random:1x12x512x64,random:1x12x512x64");
}

} // namespace attn::tool
