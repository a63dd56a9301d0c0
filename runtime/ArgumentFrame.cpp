//===- ArgumentFrame.cpp - Checks arguments and lays them out -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/ArgumentFrame.h"
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
  return checker.checkInputSizes([&](ManifestDimRef ref) {
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

Result<ArgumentViews>
ArgumentViews::create(const ManifestEntry &entry,
                      const std::vector<Argument> &inputs,
                      const std::vector<Tensor> &outputs) {
  ArgumentViews views;
  views.inputs.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (const Scalar *scalar = std::get_if<Scalar>(&inputs[i])) {
      views.inputs[i].scalar = *scalar;
      continue;
    }
    const Tensor &tensor = std::get<Tensor>(inputs[i]);
    if (Status status = checkRanks(entry, i, tensor); !status)
      return status.takeFailure();
    views.inputs[i].isTensor = true;
    views.inputs[i].tensor = viewOf(tensor);
  }
  for (const Tensor &output : outputs) {
    size_t argument = inputs.size() + views.outputs.size();
    if (Status status = checkRanks(entry, argument, output); !status)
      return status.takeFailure();
    views.outputs.push_back(viewOf(output));
  }
  return views;
}

Result<std::vector<int64_t>>
attn::outputShape(const ManifestEntry &entry,
                  const std::vector<Argument> &inputs, int64_t output) {
  return guarded([&]() -> Result<std::vector<int64_t>> {
    if (output < 0 || output >= entry.numOutputs())
      return failure("'" + entry.name + "' has no output number " +
                     std::to_string(output) + "; it has " +
                     std::to_string(entry.numOutputs()) + ", counted from 0");
    auto views = ArgumentViews::create(entry, inputs);
    if (!views)
      return views.takeFailure();
    if (Status status = checkInputs(entry, views->inputs.data(),
                                    views->inputs.size(), /*withData=*/false);
        !status)
      return status.takeFailure();
    size_t argument = inputs.size() + static_cast<size_t>(output);
    const ManifestArgument &described = entry.arguments[argument];
    std::vector<int64_t> shape = described.shape;
    for (size_t i = 0; i < shape.size(); ++i)
      if (ManifestDimRef source = described.sources[i];
          shape[i] == ManifestArgument::dynamic)
        shape[i] = views->inputs[static_cast<size_t>(source.argument)]
                       .tensor.shape[source.dimension];
    auto count = elementCount(shape, elementBytes(described.type));
    if (!count)
      return failure("output '" + described.name + "' of '" + entry.name +
                     "': " + count.error());
    return shape;
  });
}

//===----------------------------------------------------------------------===//
// Frames
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

ArgumentFrame::ArgumentFrame(const ManifestEntry &entry) {
  std::vector<size_t> offsets;
  size_t count = 0;
  for (const ManifestArgument &argument : entry.arguments) {
    offsets.push_back(count);
    count += argument.isTensor ? descriptorWords(argument.shape.size()) : 1;
  }
  offsets.push_back(count);
  words.resize(count + descriptorWords(1));
  for (size_t offset : offsets)
    pointers.push_back(words.data() + offset);
  inputPointers.resize(pointers.size());
  std::copy_n(pointers.begin(), entry.numInputs(), inputPointers.begin());
}

int64_t *ArgumentFrame::fillInputs(const ManifestEntry &entry,
                                   const ArgumentView *given) {
  int64_t *position = words.data();
  size_t numInputs = static_cast<size_t>(entry.numInputs());
  for (size_t i = 0; i < numInputs; ++i) {
    if (given[i].isTensor)
      position = writeDescriptor(given[i].tensor, position);
    else
      std::memcpy(position++, given[i].scalar.bytes, sizeof(int64_t));
  }
  return position;
}

Status ArgumentFrame::bind(const ManifestEntry &entry,
                           const ArgumentView *inputs, size_t numInputs,
                           const TensorView *outputs, size_t numOutputs) {
  if (Status status = checkInputs(entry, inputs, numInputs, /*withData=*/true);
      !status)
    return status;
  if (Status status = checkOutputs(entry, inputs, outputs, numOutputs); !status)
    return status;
  int64_t *position = fillInputs(entry, inputs);
  for (size_t i = 0; i < numOutputs; ++i)
    position = writeDescriptor(outputs[i], position);
  setWorkspace(nullptr, 0);
  return Status::success();
}

Status ArgumentFrame::bindInputs(const ManifestEntry &entry,
                                 const ArgumentView *inputs, size_t numInputs) {
  if (Status status = checkInputs(entry, inputs, numInputs, /*withData=*/false);
      !status)
    return status;
  fillInputs(entry, inputs);
  for (size_t i = numInputs; i < entry.arguments.size(); ++i) {
    const ManifestArgument &argument = entry.arguments[i];
    std::vector<int64_t> shape = argument.shape;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      if (ManifestDimRef source = argument.sources[dim];
          shape[dim] == ManifestArgument::dynamic)
        shape[dim] = inputs[source.argument].tensor.shape[source.dimension];
    // The sizes of outputs have not been checked.
    if (auto count = elementCount(shape, elementBytes(argument.type)); !count)
      return failure("output '" + argument.name + "' of '" + entry.name +
                     "': " + count.error());
    writeDescriptor(
        {nullptr, argument.type, int64_t(shape.size()), shape.data(), nullptr},
        static_cast<int64_t *>(pointers[i]));
  }
  setWorkspace(nullptr, 0);
  return Status::success();
}

void ArgumentFrame::setWorkspace(void *data, int64_t bytes) {
  TensorView workspace{data, ElementType::i8, 1, &bytes, nullptr};
  writeDescriptor(workspace, words.data() + words.size() - descriptorWords(1));
}
