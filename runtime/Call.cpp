//===- Call.cpp - Checks arguments and binds them -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArgumentChecker.h"
#include "Guard.h"

#include <algorithm>
#include <cstring>

using namespace attn;

static Status checkInputs(const ManifestEntry &entry,
                          const ArgumentView *inputs, size_t count,
                          bool withData) {
  ArgumentChecker checker(entry);
  if (Status status = checker.checkCount("input", count, entry.numInputs());
      !status)
    return status;
  for (size_t i = 0; i < count; ++i)
    if (Status status = inputs[i].isTensor
                            ? checker.checkTensor(i, inputs[i].tensor, withData)
                            : checker.checkScalar(i, inputs[i].scalar.type);
        !status)
      return status;
  return checker.checkEqualSizes([&](ManifestDimRef ref) {
    return inputs[ref.argument].tensor.shape[ref.dimension];
  });
}

/// After checkInputs.
static Status checkOutputs(const ManifestEntry &entry,
                           const ArgumentView *inputs,
                           const TensorView *outputs, size_t count) {
  ArgumentChecker checker(entry);
  if (Status status = checker.checkCount("output", count, entry.numOutputs());
      !status)
    return status;
  int64_t numInputs = entry.numInputs();
  for (size_t i = 0; i < count; ++i)
    if (Status status = checker.checkTensor(static_cast<size_t>(numInputs) + i,
                                            outputs[i], /*withData=*/true);
        !status)
      return status;
  return checker.checkOutputSizes([&](ManifestDimRef ref) {
    const TensorView &tensor = ref.argument < numInputs
                                   ? inputs[ref.argument].tensor
                                   : outputs[ref.argument - numInputs];
    return tensor.shape[ref.dimension];
  });
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

const Module::Code &Module::codeOf(const ManifestEntry &entry) const {
  return code[static_cast<size_t>(&entry - parsed.entries.data())];
}

//===----------------------------------------------------------------------===//
// Vectors as views
//===----------------------------------------------------------------------===//

/// A tensor with one stride for each size.
static TensorView viewOf(const Tensor &tensor) {
  return {tensor.data, tensor.type, tensor.rank(), tensor.shape.data(),
          tensor.strides.data()};
}

/// Views say only once how many dimensions there are.
static Status checkRanks(const ManifestEntry &entry, size_t argument,
                         const Tensor &tensor) {
  // An argument that the entry does not have is reported by its number.
  if (tensor.strides.size() == tensor.shape.size() ||
      argument >= entry.arguments.size())
    return Status::success();
  return ArgumentChecker(entry).fail(
      argument, "there are " + std::to_string(tensor.strides.size()) +
                    " strides for the shape " + formatShape(tensor.shape) +
                    ", expected " + std::to_string(tensor.shape.size()));
}

static Result<std::vector<ArgumentView>>
viewsOf(const ManifestEntry &entry, const std::vector<Argument> &inputs) {
  std::vector<ArgumentView> views(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (const Scalar *scalar = std::get_if<Scalar>(&inputs[i])) {
      views[i].scalar = *scalar;
      continue;
    }
    const Tensor &tensor = std::get<Tensor>(inputs[i]);
    if (Status status = checkRanks(entry, i, tensor); !status)
      return status.takeFailure();
    views[i].isTensor = true;
    views[i].tensor = viewOf(tensor);
  }
  return views;
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

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
    auto views = viewsOf(**entry, inputs);
    if (!views)
      return views.takeFailure();
    if (Status status = checkInputs(**entry, views->data(), views->size(),
                                    /*withData=*/false);
        !status)
      return status.takeFailure();
    size_t argument = inputs.size() + static_cast<size_t>(output);
    const ManifestArgument &described = (*entry)->arguments[argument];
    std::vector<int64_t> shape = described.shape;
    for (size_t i = 0; i < shape.size(); ++i)
      if (ManifestDimRef source = described.sources[i];
          shape[i] == ManifestArgument::dynamic)
        shape[i] = (*views)[static_cast<size_t>(source.argument)]
                       .tensor.shape[source.dimension];
    auto count = elementCount(shape, elementBytes(described.type));
    if (!count)
      return failure("output '" + described.name + "' of '" + (*entry)->name +
                     "': " + count.error());
    return shape;
  });
}

static Status checkWorkspace(const ManifestEntry &entry, int64_t bytes) {
  if (bytes >= 0)
    return Status::success();
  return failure("'" + entry.name +
                 "' needs more workspace than 63 bits can count (" +
                 std::to_string(bytes) + " bytes)");
}

Result<int64_t>
Module::workspaceBytes(std::string_view entryName,
                       const std::vector<Argument> &inputs) const {
  return guarded([&]() -> Result<int64_t> {
    auto entry = findEntry(entryName);
    if (!entry)
      return entry.takeFailure();
    auto views = viewsOf(**entry, inputs);
    if (!views)
      return views.takeFailure();
    if (Status status = checkInputs(**entry, views->data(), views->size(),
                                    /*withData=*/false);
        !status)
      return status.takeFailure();
    Call::Frame frame(**entry);
    frame.fill(**entry, views->data(), /*outputs=*/nullptr);
    int64_t bytes = codeOf(**entry).workspace(frame.inputs.data());
    if (Status status = checkWorkspace(**entry, bytes); !status)
      return status.takeFailure();
    return bytes;
  });
}

Result<Call> Module::bind(std::string_view entryName,
                          const ArgumentView *inputs, size_t numInputs,
                          const TensorView *outputs, size_t numOutputs) const {
  return guarded([&]() -> Result<Call> {
    auto entry = findEntry(entryName);
    if (!entry)
      return entry.takeFailure();
    Call call(shared_from_this(), **entry);
    if (Status status = call.rebind(inputs, numInputs, outputs, numOutputs);
        !status)
      return status.takeFailure();
    return call;
  });
}

Result<Call> Module::bind(std::string_view entryName,
                          const std::vector<Argument> &inputs,
                          const std::vector<Tensor> &outputs) const {
  return guarded([&]() -> Result<Call> {
    auto entry = findEntry(entryName);
    if (!entry)
      return entry.takeFailure();
    auto inputViews = viewsOf(**entry, inputs);
    if (!inputViews)
      return inputViews.takeFailure();
    std::vector<TensorView> outputViews;
    for (const Tensor &output : outputs) {
      size_t argument = inputs.size() + outputViews.size();
      if (Status status = checkRanks(**entry, argument, output); !status)
        return status.takeFailure();
      outputViews.push_back(viewOf(output));
    }
    return bind(entryName, inputViews->data(), inputViews->size(),
                outputViews.data(), outputViews.size());
  });
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

/// Words of a descriptor.
static size_t descriptorWords(size_t rank) { return 3 + 2 * rank; }

static int64_t addressWord(const void *data) {
  return static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
}

static int64_t *writeDescriptor(const TensorView &tensor, int64_t *words) {
  *words++ = addressWord(tensor.data);
  *words++ = addressWord(tensor.data);
  *words++ = 0;
  int64_t *strides = std::copy_n(tensor.shape, tensor.rank, words);
  int64_t rowMajor = 1;
  for (int64_t i = tensor.rank; i-- > 0;) {
    strides[i] = tensor.strides ? tensor.strides[i] : rowMajor;
    rowMajor *= std::max<int64_t>(tensor.shape[i], 1);
  }
  // Kernels rely on an innermost stride of 1 even where it does not matter.
  if (tensor.rank > 0)
    strides[tensor.rank - 1] = 1;
  return strides + tensor.rank;
}

Call::Frame::Frame(const ManifestEntry &entry) {
  std::vector<size_t> offsets;
  size_t count = 0;
  for (const ManifestArgument &argument : entry.arguments) {
    offsets.push_back(count);
    count += argument.isTensor ? descriptorWords(argument.shape.size()) : 1;
  }
  offsets.push_back(count);
  words.resize(count + descriptorWords(1));
  for (size_t offset : offsets)
    arguments.push_back(words.data() + offset);
  inputs.resize(arguments.size());
  std::copy_n(arguments.begin(), entry.numInputs(), inputs.begin());
}

void Call::Frame::fill(const ManifestEntry &entry, const ArgumentView *given,
                       const TensorView *outputs) {
  int64_t *position = words.data();
  size_t numInputs = static_cast<size_t>(entry.numInputs());
  for (size_t i = 0; i < numInputs; ++i) {
    if (given[i].isTensor)
      position = writeDescriptor(given[i].tensor, position);
    else
      std::memcpy(position++, given[i].scalar.bytes, sizeof(int64_t));
  }
  if (!outputs)
    return;
  for (size_t i = numInputs; i < entry.arguments.size(); ++i)
    position = writeDescriptor(outputs[i - numInputs], position);
  int64_t noBytes = 0;
  TensorView workspace{nullptr, ElementType::i8, 1, &noBytes, nullptr};
  writeDescriptor(workspace, position);
}

Call::Call(std::shared_ptr<const Module> loaded, const ManifestEntry &entry)
    : module(std::move(loaded)), manifestEntry(&entry),
      run(module->codeOf(entry).run),
      workspace(module->codeOf(entry).workspace), current(entry), next(entry) {}

Status Call::rebind(const ArgumentView *inputs, size_t numInputs,
                    const TensorView *outputs, size_t numOutputs) {
  return guarded([&]() -> Status {
    if (Status status =
            checkInputs(*manifestEntry, inputs, numInputs, /*withData=*/true);
        !status)
      return status;
    if (Status status =
            checkOutputs(*manifestEntry, inputs, outputs, numOutputs);
        !status)
      return status;
    next.fill(*manifestEntry, inputs, outputs);
    int64_t bytes = workspace(next.inputs.data());
    if (Status status = checkWorkspace(*manifestEntry, bytes); !status)
      return status;
    std::swap(current, next);
    workspaceSize = bytes;
    return Status::success();
  });
}

void Call::setWorkspace(void *data, int64_t bytes) {
  int64_t *descriptor =
      current.words.data() + current.words.size() - descriptorWords(1);
  descriptor[0] = descriptor[1] = addressWord(data);
  descriptor[3] = bytes;
}
