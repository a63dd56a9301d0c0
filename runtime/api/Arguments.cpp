//===- Arguments.cpp - Tensors and values of a call -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments are checked when they are set and kept as what kernels read:
// descriptors and values.  Only their sizes are compared at a launch.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "ArgumentChecker.h"

#include <cstring>

using namespace attn;
using namespace attn::api;

static_assert(
    int(ElementType::f32) == ATTN_F32 && int(ElementType::f16) == ATTN_F16 &&
    int(ElementType::bf16) == ATTN_BF16 && int(ElementType::f64) == ATTN_F64 &&
    int(ElementType::i32) == ATTN_I32 && int(ElementType::i64) == ATTN_I64 &&
    int(ElementType::index) == ATTN_INDEX && int(ElementType::i8) == ATTN_I8 &&
    int(ElementType::i1) == ATTN_I1);

/// "query, key, value and the outputs output, lse".
static std::string listArguments(const ManifestEntry &entry) {
  std::string inputs, outputs;
  for (const ManifestArgument &argument : entry.arguments) {
    std::string &names = argument.isOutput ? outputs : inputs;
    names += (names.empty() ? "'" : ", '") + argument.name + "'";
  }
  return "the inputs " + inputs + " and the outputs " + outputs;
}

static Result<size_t> findArgument(const ManifestEntry &entry,
                                   const char *name) {
  for (size_t i = 0; name && i < entry.arguments.size(); ++i)
    if (entry.arguments[i].name == name)
      return i;
  return failure("'" + entry.name + "' has no argument '" +
                 (name ? name : "(null)") + "'; it has " +
                 listArguments(entry));
}

static Status checkHeader(const attn_tensor &tensor, const std::string &name) {
  if (tensor.rank < 0 || tensor.rank > ATTN_MAX_RANK)
    return failure("argument '" + name + "': the rank is " +
                   std::to_string(tensor.rank) + ", expected 0 to " +
                   std::to_string(ATTN_MAX_RANK));
  if (tensor.type < ATTN_F32 || tensor.type > ATTN_I1)
    return failure("argument '" + name + "': there is no element type " +
                   std::to_string(tensor.type));
  return Status::success();
}

Status ArgumentSlots::setTensor(size_t argument, const attn_tensor &tensor) {
  uint64_t bit = uint64_t(1) << argument;
  isSet &= ~bit;
  if (Status status = checkHeader(tensor, entry->arguments[argument].name);
      !status)
    return status;
  TensorView view{tensor.data, static_cast<ElementType>(tensor.type),
                  tensor.rank, tensor.shape, tensor.strides};
  if (Status status = ArgumentChecker(*entry).checkTensor(argument, view,
                                                          /*withData=*/true);
      !status)
    return status;

  int64_t *words = slot(argument);
  words[0] = words[1] =
      static_cast<int64_t>(reinterpret_cast<intptr_t>(tensor.data));
  words[2] = 0;
  size_t rank = static_cast<size_t>(tensor.rank);
  std::memcpy(words + 3, tensor.shape, rank * sizeof(int64_t));
  std::memcpy(words + 3 + rank, tensor.strides, rank * sizeof(int64_t));
  // Kernels rely on an innermost stride of 1 even where it does not matter.
  if (rank > 0)
    words[3 + 2 * rank - 1] = 1;
  isSet |= bit;
  return Status::success();
}

Status ArgumentSlots::check() const {
  size_t count = entry->arguments.size();
  uint64_t all = count == 64 ? ~uint64_t(0) : (uint64_t(1) << count) - 1;
  if (isSet != all) {
    std::string missing;
    for (size_t i = 0; i < count; ++i)
      if (!(isSet >> i & 1))
        missing +=
            (missing.empty() ? "'" : ", '") + entry->arguments[i].name + "'";
    return failure("'" + entry->name + "' was called without " + missing +
                   "; it takes " + listArguments(*entry));
  }
  ArgumentChecker checker(*entry);
  auto sizeOf = [this](ManifestDimRef ref) { return size(ref); };
  if (Status status = checker.checkInputSizes(sizeOf); !status)
    return status;
  return checker.checkOutputSizes(sizeOf);
}

//===----------------------------------------------------------------------===//
// The C interface
//===----------------------------------------------------------------------===//

attn_status attn_args_create(const attn_kernel *kernel, attn_args **args,
                             attn_error **error) {
  return guardedCall(error, [&] {
    if (!kernel || !args)
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "attn_args_create: 'kernel' or 'args' is null");
    auto made = std::make_unique<attn_args>();
    made->words.resize(kernel->entry->arguments.size() * slotWords);
    made->slots.entry = kernel->entry;
    made->slots.words = made->words.data();
    made->kernel = const_cast<attn_kernel *>(kernel);
    attn_kernel_retain(made->kernel);
    *args = made.release();
    return ATTN_OK;
  });
}

void attn_args_free(attn_args *args) {
  if (!args)
    return;
  attn_kernel_free(args->kernel);
  delete args;
}

/// Finds an argument and calls `set(number)`, which returns a Status.
template <typename Set>
static attn_status setArgument(attn_args *args, const char *name,
                               attn_error **error, const Set &set) {
  return guardedCall(error, [&] {
    if (!args)
      return fail(error, ATTN_ERROR_ARGUMENTS, "'args' is null");
    Result<size_t> number = findArgument(*args->slots.entry, name);
    if (!number)
      return fail(error, number.takeFailure(), ATTN_ERROR_ARGUMENTS);
    if (Status status = set(*number); !status)
      return fail(error, status.takeFailure(), ATTN_ERROR_ARGUMENTS);
    return ATTN_OK;
  });
}

attn_status attn_args_tensor(attn_args *args, const char *name,
                             const attn_tensor *tensor, attn_error **error) {
  return setArgument(args, name, error, [&](size_t number) -> Status {
    if (!tensor)
      return failure(std::string("argument '") + name +
                     "': the tensor is null");
    return args->slots.setTensor(number, *tensor);
  });
}

/// "argument 2 'window' of 'prefill': an integer was given, expected ...".
static Failure failKind(const ManifestEntry &entry, size_t number,
                        const char *given) {
  const ManifestArgument &described = entry.arguments[number];
  return ArgumentChecker(entry).fail(
      number, std::string(given) + " was given, expected " +
                  (described.isTensor ? "a tensor of " : "a value of type ") +
                  elementTypeName(described.type));
}

static Status setInt(ArgumentSlots &slots, size_t number, int64_t value) {
  const ManifestArgument &described = slots.entry->arguments[number];
  slots.isSet &= ~(uint64_t(1) << number);
  ElementType type = described.type;
  bool isInteger = type == ElementType::i1 || type == ElementType::i32 ||
                   type == ElementType::i64 || type == ElementType::index;
  if (described.isTensor || !isInteger)
    return failKind(*slots.entry, number, "an integer");
  if ((type == ElementType::i1 && value != 0 && value != 1) ||
      (type == ElementType::i32 && value != static_cast<int32_t>(value)))
    return ArgumentChecker(*slots.entry)
        .fail(number, std::to_string(value) + " does not fit in " +
                          elementTypeName(type));
  // Little-endian: the low bytes are those of the narrower types.
  *slots.slot(number) = value;
  slots.isSet |= uint64_t(1) << number;
  return Status::success();
}

static Status setFloat(ArgumentSlots &slots, size_t number, double value) {
  const ManifestArgument &described = slots.entry->arguments[number];
  slots.isSet &= ~(uint64_t(1) << number);
  if (described.isTensor || (described.type != ElementType::f32 &&
                             described.type != ElementType::f64))
    return failKind(*slots.entry, number, "a floating-point number");
  int64_t word = 0;
  if (described.type == ElementType::f32) {
    float narrow = static_cast<float>(value);
    std::memcpy(&word, &narrow, sizeof(narrow));
  } else {
    std::memcpy(&word, &value, sizeof(value));
  }
  *slots.slot(number) = word;
  slots.isSet |= uint64_t(1) << number;
  return Status::success();
}

attn_status attn_args_int(attn_args *args, const char *name, int64_t value,
                          attn_error **error) {
  return setArgument(args, name, error, [&](size_t number) {
    return setInt(args->slots, number, value);
  });
}

attn_status attn_args_float(attn_args *args, const char *name, double value,
                            attn_error **error) {
  return setArgument(args, name, error, [&](size_t number) {
    return setFloat(args->slots, number, value);
  });
}
