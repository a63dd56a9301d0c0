//===- PlotCommand.cpp - attn-run --plot-mask -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Draws the mask of an entry into a file, and prints its counts.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/PlotCommand.h"

#include "tools/attn-run/MaskPlot.h"

namespace attn::tool {

/// Draws the mask into a file. The picture is written even if it shows an
/// error of the kernel, which is then reported too.
static Status plot(const RunOptions &options, Variant &variant,
                   const std::vector<reference::Array> &inputs) {
  Result<MaskPlot> plot = plotMask(variant, options.compile, inputs);
  if (!plot)
    return plot.takeFailure();
  if (Status status = writeFile(options.plotMask, plot->svg); !status)
    return status;
  const MaskFindings &found = plot->findings;
  auto count = [](int64_t number) { return std::to_string(number); };
  if (found.isWrong())
    return failure("the kernel does not visit what the mask keeps: " +
                   count(found.missing) + " tiles are missing, " +
                   count(found.unmasked) + " lack the mask, " +
                   count(found.repeated) + " are visited twice; see '" +
                   options.plotMask + "'");
  if (options.plotMask == "-")
    return Status::success();
  std::string text =
      "tiles       " + count(found.total) + ": " + count(found.empty) +
      " empty, " + count(found.partial) + " partial, " + count(found.full) +
      " full\n" + "visited     " + count(found.visitedPartial) +
      " with mask code, " + count(found.visitedFull) + " without\n" +
      (found.isTight()
           ? ""
           : "not tight   " + count(found.wasted) +
                 " empty tiles are visited, " + count(found.maskedFull) +
                 " full ones have mask code\n");
  return writeFile("-", text);
}

Status plotShape(const RunOptions &options, const std::string &text) {
  Result<std::unique_ptr<Variant>> variant =
      Variant::create(text, options.module, options.function);
  if (!variant)
    return variant.takeFailure();
  Result<std::vector<reference::Array>> inputs =
      (*variant)->inputsFor(*options.shape, options.values);
  if (!inputs)
    return inputs.takeFailure();
  return plot(options, **variant, *inputs);
}

Status plotInputs(const RunOptions &options, const std::string &text,
                  const std::string &function,
                  const std::vector<Value> &values) {
  Result<std::unique_ptr<Variant>> variant =
      Variant::create(text, options.module, function);
  if (!variant)
    return variant.takeFailure();
  std::vector<reference::Array> inputs;
  for (const Value &value : values)
    inputs.push_back(value.toArray(/*withData=*/true));
  return plot(options, **variant, inputs);
}

Status checkPlotFlags(const RunOptions &options) {
  if (options.plotMask.empty())
    return options.shape ? failure("--shape gives the lengths of --plot-mask; "
                                   "to run a kernel, give --inputs")
                         : Status::success();
  if (options.shape && !options.inputs.empty())
    return failure("--shape and --inputs both give lengths; give one of them");
  if (!options.shape && options.inputs.empty())
    return failure("--plot-mask needs lengths: --shape=B:Sq:Skv or --inputs");
  return Status::success();
}

} // namespace attn::tool
