//===- Call.cpp - Checks arguments and binds them -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentChecker.h"
#include "Guard.h"
#include "attn/Runtime/Module.h"

#include <algorithm>
#include <cstring>

using namespace attn;

static ArgumentView viewOf(const Argument &argument) {
  if (const Tensor *tensor = std::get_if<Tensor>(&argument))
    return *tensor;
  return std::get<Scalar>(argument);
}

static const Tensor &tensorOf(const std::vector<Argument> &inputs,
                              const std::vector<Tensor> &outputs,
                              int64_t argument) {
  size_t number = static_cast<size_t>(argument);
  return number < inputs.size() ? std::get<Tensor>(inputs[number])
                                : outputs[number - inputs.size()];
}

/// Checks all arguments; `withData` is false if there are no outputs yet.
static Status checkArguments(const ManifestEntry &entry,
                             const std::vector<Argument> &inputs,
                             const std::vector<Tensor> &outputs,
                             bool withData) {
  ArgumentChecker checker(entry);
  auto sizeOf = [&](ManifestDimRef ref) {
    return tensorOf(inputs, outputs, ref.argument)
        .shape[static_cast<size_t>(ref.dimension)];
  };
  if (Status status =
          checker.checkCount("input", inputs.size(), entry.numInputs());
      !status)
    return status;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Status status = checker.checkArgument(i, viewOf(inputs[i]), withData);
        !status)
      return status;
  if (Status status = checker.checkSizes(sizeOf, /*withOutputs=*/false);
      !status || !withData)
    return status;
  if (Status status =
          checker.checkCount("output", outputs.size(), entry.numOutputs());
      !status)
    return status;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status status =
            checker.checkArgument(inputs.size() + i, outputs[i], withData);
        !status)
      return status;
  return checker.checkSizes(sizeOf, /*withOutputs=*/true);
}

Result<const ManifestEntry *> Module::findEntry(std::string_view entry) const {
  if (const ManifestEntry *found = parsed.find(entry))
    return found;
  std::string names;
  for (const ManifestEntry &other : parsed.entries)
    names += (names.empty() ? "'" : ", '") + other.name + "'";
  return failure("there is no entry '" + std::string(entry) +
                 "'; the module has " + (names.empty() ? "none" : names));
}

Result<std::vector<int64_t>>
Module::outputShape(std::string_view entryName,
                    const std::vector<Argument> &inputs, int64_t output) const {
  return guarded([&]() -> Result<std::vector<int64_t>> {
    auto entry = findEntry(entryName);
    if (!entry)
      return entry.takeFailure();
    if (output < 0 || output >= (*entry)->numOutputs())
      return failure("'" + (*entry)->name + "' has no output number " +
                     std::to_string(output) + "; it has " +
                     std::to_string((*entry)->numOutputs()) +
                     ", counted from 0");
    if (Status status = checkArguments(**entry, inputs, {}, /*withData=*/false);
        !status)
      return status.takeFailure();
    size_t argument = inputs.size() + static_cast<size_t>(output);
    const ManifestArgument &described = (*entry)->arguments[argument];
    std::vector<int64_t> shape = described.shape;
    for (size_t i = 0; i < shape.size(); ++i)
      if (shape[i] == ManifestArgument::dynamic)
        shape[i] =
            tensorOf(inputs, {}, described.sources[i].argument)
                .shape[static_cast<size_t>(described.sources[i].dimension)];
    auto count =
        elementCount(shape, elementBytes((*entry)->arguments[argument].type));
    if (!count)
      return failure("output '" + (*entry)->arguments[argument].name +
                     "' of '" + (*entry)->name + "': " + count.error());
    return shape;
  });
}

/// Words of a descriptor.
static size_t descriptorWords(size_t rank) { return 3 + 2 * rank; }

static int64_t addressWord(const void *data) {
  return static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
}

static void appendDescriptor(const Tensor &tensor,
                             std::vector<int64_t> &words) {
  words.push_back(addressWord(tensor.data));
  words.push_back(addressWord(tensor.data));
  words.push_back(0);
  words.insert(words.end(), tensor.shape.begin(), tensor.shape.end());
  words.insert(words.end(), tensor.strides.begin(), tensor.strides.end());
  // Kernels rely on an innermost stride of 1 even where it does not matter.
  if (tensor.rank() > 0)
    words.back() = 1;
}

Result<Call> Module::bind(std::string_view entryName,
                          const std::vector<Argument> &inputs,
                          const std::vector<Tensor> &outputs) const {
  return guarded([&]() -> Result<Call> {
    auto entry = findEntry(entryName);
    if (!entry)
      return entry.takeFailure();
    if (Status status =
            checkArguments(**entry, inputs, outputs, /*withData=*/true);
        !status)
      return status.takeFailure();

    Call call;
    call.module = shared_from_this();
    call.manifestEntry = *entry;
    const Code &entryCode =
        code[static_cast<size_t>(*entry - parsed.entries.data())];
    call.run = entryCode.run;

    std::vector<size_t> offsets;
    auto append = [&](const Tensor &tensor) {
      offsets.push_back(call.words.size());
      appendDescriptor(tensor, call.words);
    };
    for (const Argument &input : inputs) {
      if (const Tensor *tensor = std::get_if<Tensor>(&input)) {
        append(*tensor);
        continue;
      }
      offsets.push_back(call.words.size());
      call.words.push_back(0);
      std::memcpy(&call.words.back(), std::get<Scalar>(input).bytes,
                  sizeof(int64_t));
    }
    for (const Tensor &output : outputs)
      append(output);
    append(Tensor(nullptr, ElementType::i8, {0}));
    for (size_t offset : offsets)
      call.arguments.push_back(call.words.data() + offset);

    std::vector<void *> inputArguments(call.arguments.size(), nullptr);
    std::copy_n(call.arguments.begin(), inputs.size(), inputArguments.begin());
    call.workspaceSize = entryCode.workspace(inputArguments.data());
    if (call.workspaceSize < 0)
      return failure("'" + (*entry)->name +
                     "' needs more workspace than 63 bits can count (" +
                     std::to_string(call.workspaceSize) + " bytes)");
    return call;
  });
}

void Call::setWorkspace(void *data, int64_t bytes) {
  int64_t *descriptor = words.data() + words.size() - descriptorWords(1);
  descriptor[0] = descriptor[1] = addressWord(data);
  descriptor[3] = bytes;
}
