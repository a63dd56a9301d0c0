//===- Call.cpp - Checks arguments and binds them -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Guard.h"
#include "attn/Runtime/Module.h"

#include <algorithm>
#include <cstring>

using namespace attn;

namespace {
/// Arguments as views.
struct Inputs {
  const ArgumentView *data;
  size_t count;

  int64_t sizeOf(ManifestDimRef ref) const {
    return data[ref.argument].tensor.shape[ref.dimension];
  }
};

/// Checks what a caller gives against an entry of a manifest.  Allocates only
/// to report errors.
class ArgumentChecker {
public:
  ArgumentChecker(const ManifestEntry &entry, Inputs inputs)
      : entry(entry), inputs(inputs) {}

  Status checkInputs(bool withData) const;
  /// After checkInputs.
  Status checkOutputs(const TensorView *outputs, size_t count) const;
  /// The size that an argument must have, or ManifestArgument::dynamic.  Of an
  /// output after checkInputs only.
  int64_t expectedSize(size_t argument, size_t dimension) const;

private:
  Status checkInput(size_t argument, bool withData) const;
  Status checkEqualDims() const;
  Status checkTensor(size_t argument, const TensorView &tensor,
                     bool withData) const;
  Status checkMemory(size_t argument, const TensorView &tensor,
                     bool withData) const;
  Status checkCount(const char *role, size_t given, int64_t expected) const;
  /// "argument 2 'key' of 'prefill': ...", counting from 1.
  Failure fail(size_t argument, const std::string &what) const;

  const ManifestEntry &entry;
  Inputs inputs;
};
} // namespace

static std::string shapeText(const TensorView &tensor) {
  if (tensor.rank <= 0 || !tensor.shape)
    return "[]";
  return formatShape({tensor.shape, tensor.shape + tensor.rank});
}

Failure ArgumentChecker::fail(size_t argument, const std::string &what) const {
  return failure("argument " + std::to_string(argument + 1) + " '" +
                 entry.arguments[argument].name + "' of '" + entry.name +
                 "': " + what);
}

Status ArgumentChecker::checkCount(const char *role, size_t given,
                                   int64_t expected) const {
  if (given == static_cast<size_t>(expected))
    return Status::success();
  std::string names;
  for (const ManifestArgument &argument : entry.arguments)
    if (argument.isOutput == (role[0] == 'o'))
      names += (names.empty() ? "" : ", ") + argument.name;
  return failure("'" + entry.name + "' has " + std::to_string(expected) + " " +
                 role + (expected == 1 ? "" : "s") +
                 (names.empty() ? "" : " (" + names + ")") + ", but " +
                 std::to_string(given) + (given == 1 ? " was" : " were") +
                 " given");
}

Status ArgumentChecker::checkMemory(size_t argument, const TensorView &tensor,
                                    bool withData) const {
  bool isOutput = entry.arguments[argument].isOutput;
  int64_t bytes = elementBytes(tensor.type);
  // A stride of 0 lets a shape have more elements than its memory.  Sizes of 0
  // do not count, so that row-major strides fit as well.
  int64_t total = bytes, reach = 0, rowMajor = 1;
  bool isEmpty = false, isTooLarge = false, overflows = false;
  for (int64_t i = 0; i < tensor.rank; ++i) {
    isEmpty |= tensor.shape[i] == 0;
    isTooLarge |= tensor.shape[i] != 0 &&
                  __builtin_mul_overflow(total, tensor.shape[i], &total);
  }
  if (isTooLarge)
    return fail(argument, "the shape " + shapeText(tensor) +
                              " is too large: its bytes exceed 63 bits");
  if (isEmpty)
    return Status::success();
  for (int64_t i = tensor.rank; i-- > 0;) {
    int64_t size = tensor.shape[i], extent;
    int64_t stride = tensor.strides ? tensor.strides[i] : rowMajor;
    rowMajor *= size;
    if (size < 2)
      continue;
    if (i + 1 == tensor.rank && stride != 1)
      return fail(argument, "the innermost stride is " +
                                std::to_string(stride) +
                                ", expected 1 (contiguous)");
    if (isOutput && stride == 0)
      return fail(argument, "the stride of dimension " + std::to_string(i) +
                                " is 0, which would make elements of an "
                                "output overlap");
    overflows |= stride == INT64_MIN ||
                 __builtin_mul_overflow(size - 1, stride < 0 ? -stride : stride,
                                        &extent) ||
                 __builtin_mul_overflow(extent, bytes, &extent) ||
                 __builtin_add_overflow(reach, extent, &reach);
  }
  if (overflows)
    return fail(argument, "the shape " + shapeText(tensor) + " with strides " +
                              formatShape({tensor.strides,
                                           tensor.strides + tensor.rank}) +
                              " spans more than 63 bits of bytes");
  if (!withData)
    return Status::success();
  if (!tensor.data)
    return fail(argument, "the data pointer is null, but the shape is " +
                              shapeText(tensor));
  if (reinterpret_cast<uintptr_t>(tensor.data) % static_cast<uint64_t>(bytes))
    return fail(argument, std::string("the data pointer is not aligned to the "
                                      "elements of type ") +
                              elementTypeName(tensor.type) + " (" +
                              std::to_string(bytes) + " bytes)");
  return Status::success();
}

int64_t ArgumentChecker::expectedSize(size_t argument, size_t dimension) const {
  const ManifestArgument &described = entry.arguments[argument];
  int64_t size = described.shape[dimension];
  return described.isOutput && size == ManifestArgument::dynamic
             ? inputs.sizeOf(described.sources[dimension])
             : size;
}

Status ArgumentChecker::checkTensor(size_t argument, const TensorView &tensor,
                                    bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  if (tensor.type != described.type)
    return fail(argument, std::string("the element type is ") +
                              elementTypeName(tensor.type) + ", expected " +
                              elementTypeName(described.type));
  if (tensor.rank != static_cast<int64_t>(described.shape.size()))
    return fail(argument, "the rank is " + std::to_string(tensor.rank) +
                              " (shape " + shapeText(tensor) + "), expected " +
                              std::to_string(described.shape.size()));
  if (tensor.rank > 0 && !tensor.shape)
    return fail(argument, "there is no shape");
  for (size_t i = 0; i < described.shape.size(); ++i) {
    int64_t size = tensor.shape[i];
    if (size < 0)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) + ", expected at least 0");
    int64_t expected = expectedSize(argument, i);
    if (expected == ManifestArgument::dynamic || expected == size)
      continue;
    bool isDerived =
        described.isOutput && described.shape[i] == ManifestArgument::dynamic;
    return fail(
        argument,
        "dimension " + std::to_string(i) + " is " + std::to_string(size) +
            ", expected " + std::to_string(expected) +
            (isDerived ? " (" + entry.dimName(described.sources[i]) + ")"
                       : ""));
  }
  return checkMemory(argument, tensor, withData);
}

Status ArgumentChecker::checkInput(size_t argument, bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  const ArgumentView &given = inputs.data[argument];
  if (given.isTensor && described.isTensor)
    return checkTensor(argument, given.tensor, withData);
  std::string typeName = elementTypeName(described.type);
  if (given.isTensor)
    return fail(argument, "a tensor of shape " + shapeText(given.tensor) +
                              " was given, expected a scalar of type " +
                              typeName);
  std::string found = elementTypeName(given.scalar.type);
  if (described.isTensor)
    return fail(argument, "a scalar of type " + found +
                              " was given, expected a tensor of " + typeName);
  if (given.scalar.type != described.type)
    return fail(argument, "a scalar of type " + found +
                              " was given, expected " + typeName);
  return Status::success();
}

Status ArgumentChecker::checkEqualDims() const {
  for (const std::vector<ManifestDimRef> &set : entry.equalDims)
    for (const ManifestDimRef &ref : set) {
      int64_t expected = inputs.sizeOf(set.front());
      int64_t size = inputs.sizeOf(ref);
      if (size != expected)
        return fail(static_cast<size_t>(ref.argument),
                    "dimension " + std::to_string(ref.dimension) + " is " +
                        std::to_string(size) + ", expected " +
                        std::to_string(expected) + ", equal to " +
                        entry.dimName(set.front()));
    }
  return Status::success();
}

Status ArgumentChecker::checkInputs(bool withData) const {
  if (Status status = checkCount("input", inputs.count, entry.numInputs());
      !status)
    return status;
  for (size_t i = 0; i < inputs.count; ++i)
    if (Status status = checkInput(i, withData); !status)
      return status;
  return checkEqualDims();
}

Status ArgumentChecker::checkOutputs(const TensorView *outputs,
                                     size_t count) const {
  if (Status status = checkCount("output", count, entry.numOutputs()); !status)
    return status;
  for (size_t i = 0; i < count; ++i)
    if (Status status =
            checkTensor(inputs.count + i, outputs[i], /*withData=*/true);
        !status)
      return status;
  return Status::success();
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
  if (tensor.strides.size() == tensor.shape.size())
    return Status::success();
  std::string name = argument < entry.arguments.size()
                         ? " '" + entry.arguments[argument].name + "'"
                         : "";
  return failure("argument " + std::to_string(argument + 1) + name + " of '" +
                 entry.name + "': there are " +
                 std::to_string(tensor.strides.size()) +
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
    ArgumentChecker checker(**entry, {views->data(), views->size()});
    if (Status status = checker.checkInputs(/*withData=*/false); !status)
      return status.takeFailure();
    size_t argument = inputs.size() + static_cast<size_t>(output);
    const ManifestArgument &described = (*entry)->arguments[argument];
    std::vector<int64_t> shape;
    for (size_t i = 0; i < described.shape.size(); ++i)
      shape.push_back(checker.expectedSize(argument, i));
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
    ArgumentChecker checker(**entry, {views->data(), views->size()});
    if (Status status = checker.checkInputs(/*withData=*/false); !status)
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
    ArgumentChecker checker(*manifestEntry, {inputs, numInputs});
    if (Status status = checker.checkInputs(/*withData=*/true); !status)
      return status;
    if (Status status = checker.checkOutputs(outputs, numOutputs); !status)
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
