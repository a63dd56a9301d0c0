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
/// Checks what a caller gives against an entry of a manifest.
class ArgumentChecker {
public:
  explicit ArgumentChecker(const ManifestEntry &entry) : entry(entry) {}

  Status checkInputs(const std::vector<Argument> &inputs, bool withData) const;
  Status checkOutputs(const std::vector<Argument> &inputs,
                      const std::vector<Tensor> &outputs) const;
  std::vector<int64_t> outputShape(const std::vector<Argument> &inputs,
                                   size_t argument) const;

private:
  Status checkInput(size_t argument, const Argument &given,
                    bool withData) const;
  Status checkEqualDims(const std::vector<Argument> &inputs) const;
  /// `expected` holds sizes or ManifestArgument::dynamic.
  Status checkTensor(size_t argument, const Tensor &tensor,
                     const std::vector<int64_t> &expected, bool withData) const;
  Status checkMemory(size_t argument, const Tensor &tensor,
                     bool withData) const;
  Status checkCount(const char *role, size_t given, int64_t expected) const;
  /// "argument 2 'key' of 'prefill': ...", counting from 1.
  Failure fail(size_t argument, const std::string &what) const;

  const ManifestEntry &entry;
};
} // namespace

static int64_t sizeOf(const std::vector<Argument> &inputs, ManifestDimRef ref) {
  const Tensor &tensor =
      std::get<Tensor>(inputs[static_cast<size_t>(ref.argument)]);
  return tensor.shape[static_cast<size_t>(ref.dimension)];
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

Status ArgumentChecker::checkMemory(size_t argument, const Tensor &tensor,
                                    bool withData) const {
  bool isOutput = entry.arguments[argument].isOutput;
  int64_t bytes = elementBytes(tensor.type), reach = 0;
  bool overflows = false;
  // A stride of 0 lets a shape have more elements than its memory.
  auto count = elementCount(tensor.shape, bytes);
  if (!count)
    return fail(argument, count.error());
  if (*count == 0)
    return Status::success();
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t size = tensor.shape[i], stride = tensor.strides[i], extent;
    if (size < 2)
      continue;
    if (i + 1 == tensor.shape.size() && stride != 1)
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
    return fail(argument, "the shape " + formatShape(tensor.shape) +
                              " with strides " + formatShape(tensor.strides) +
                              " spans more than 63 bits of bytes");
  if (!withData)
    return Status::success();
  if (!tensor.data)
    return fail(argument, "the data pointer is null, but the shape is " +
                              formatShape(tensor.shape));
  if (reinterpret_cast<uintptr_t>(tensor.data) % static_cast<uint64_t>(bytes))
    return fail(argument, std::string("the data pointer is not aligned to the "
                                      "elements of type ") +
                              elementTypeName(tensor.type) + " (" +
                              std::to_string(bytes) + " bytes)");
  return Status::success();
}

Status ArgumentChecker::checkTensor(size_t argument, const Tensor &tensor,
                                    const std::vector<int64_t> &expected,
                                    bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  if (tensor.type != described.type)
    return fail(argument, std::string("the element type is ") +
                              elementTypeName(tensor.type) + ", expected " +
                              elementTypeName(described.type));
  if (tensor.shape.size() != expected.size())
    return fail(argument, "the rank is " + std::to_string(tensor.shape.size()) +
                              " (shape " + formatShape(tensor.shape) +
                              "), expected " + std::to_string(expected.size()));
  if (tensor.strides.size() != tensor.shape.size())
    return fail(argument, "there are " + std::to_string(tensor.strides.size()) +
                              " strides for the shape " +
                              formatShape(tensor.shape) + ", expected " +
                              std::to_string(tensor.shape.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    int64_t size = tensor.shape[i];
    if (size < 0)
      return fail(argument, "dimension " + std::to_string(i) + " is " +
                                std::to_string(size) + ", expected at least 0");
    if (expected[i] == ManifestArgument::dynamic || expected[i] == size)
      continue;
    bool isDerived =
        described.isOutput && described.shape[i] == ManifestArgument::dynamic;
    return fail(
        argument,
        "dimension " + std::to_string(i) + " is " + std::to_string(size) +
            ", expected " + std::to_string(expected[i]) +
            (isDerived ? " (" + entry.dimName(described.sources[i]) + ")"
                       : ""));
  }
  return checkMemory(argument, tensor, withData);
}

Status ArgumentChecker::checkInput(size_t argument, const Argument &given,
                                   bool withData) const {
  const ManifestArgument &described = entry.arguments[argument];
  std::string typeName = elementTypeName(described.type);
  if (const Scalar *scalar = std::get_if<Scalar>(&given)) {
    std::string found = elementTypeName(scalar->type);
    if (described.isTensor)
      return fail(argument, "a scalar of type " + found +
                                " was given, expected a tensor of " + typeName);
    if (scalar->type != described.type)
      return fail(argument, "a scalar of type " + found +
                                " was given, expected " + typeName);
    return Status::success();
  }
  const Tensor &tensor = std::get<Tensor>(given);
  if (!described.isTensor)
    return fail(argument, "a tensor of shape " + formatShape(tensor.shape) +
                              " was given, expected a scalar of type " +
                              typeName);
  return checkTensor(argument, tensor, described.shape, withData);
}

Status
ArgumentChecker::checkEqualDims(const std::vector<Argument> &inputs) const {
  for (const std::vector<ManifestDimRef> &set : entry.equalDims)
    for (const ManifestDimRef &ref : set) {
      int64_t expected = sizeOf(inputs, set.front());
      int64_t size = sizeOf(inputs, ref);
      if (size != expected)
        return fail(static_cast<size_t>(ref.argument),
                    "dimension " + std::to_string(ref.dimension) + " is " +
                        std::to_string(size) + ", expected " +
                        std::to_string(expected) + ", equal to " +
                        entry.dimName(set.front()));
    }
  return Status::success();
}

Status ArgumentChecker::checkInputs(const std::vector<Argument> &inputs,
                                    bool withData) const {
  if (Status status = checkCount("input", inputs.size(), entry.numInputs());
      !status)
    return status;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Status status = checkInput(i, inputs[i], withData); !status)
      return status;
  return checkEqualDims(inputs);
}

Status ArgumentChecker::checkOutputs(const std::vector<Argument> &inputs,
                                     const std::vector<Tensor> &outputs) const {
  if (Status status = checkCount("output", outputs.size(), entry.numOutputs());
      !status)
    return status;
  for (size_t i = 0; i < outputs.size(); ++i) {
    size_t argument = inputs.size() + i;
    if (Status status =
            checkTensor(argument, outputs[i], outputShape(inputs, argument),
                        /*withData=*/true);
        !status)
      return status;
  }
  return Status::success();
}

std::vector<int64_t>
ArgumentChecker::outputShape(const std::vector<Argument> &inputs,
                             size_t argument) const {
  const ManifestArgument &described = entry.arguments[argument];
  std::vector<int64_t> shape = described.shape;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == ManifestArgument::dynamic)
      shape[i] = sizeOf(inputs, described.sources[i]);
  return shape;
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
    ArgumentChecker checker(**entry);
    if (Status status = checker.checkInputs(inputs, /*withData=*/false);
        !status)
      return status.takeFailure();
    size_t argument = inputs.size() + static_cast<size_t>(output);
    std::vector<int64_t> shape = checker.outputShape(inputs, argument);
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
    ArgumentChecker checker(**entry);
    if (Status status = checker.checkInputs(inputs, /*withData=*/true); !status)
      return status.takeFailure();
    if (Status status = checker.checkOutputs(inputs, outputs); !status)
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
