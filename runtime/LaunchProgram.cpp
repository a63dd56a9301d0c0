//===- LaunchProgram.cpp - Evaluates what a GPU is to launch --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/LaunchProgram.h"
#include "LaunchProgramParser.h"

#include <algorithm>
#include <cstring>

using namespace attn;

using Operation = LaunchProgram::Operation;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Computes an operation on values.  Returns false if the result does not fit
/// or does not exist.
static bool compute(Operation operation, int64_t a, int64_t b, int64_t &to) {
  auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  // Unsigned results are numbers of things: they fit in 63 bits or are wrong.
  auto setUnsigned = [&](uint64_t result) {
    to = static_cast<int64_t>(result);
    return result <= static_cast<uint64_t>(INT64_MAX);
  };
  bool divides = b != 0 && !(a == INT64_MIN && b == -1);
  switch (operation) {
  case Operation::add:
    return !__builtin_add_overflow(a, b, &to);
  case Operation::sub:
    return !__builtin_sub_overflow(a, b, &to);
  case Operation::mul:
    return !__builtin_mul_overflow(a, b, &to);
  case Operation::divs:
    to = divides ? a / b : 0;
    return divides;
  case Operation::rems:
    to = divides ? a % b : 0;
    return divides;
  case Operation::floordivs:
    to = divides ? a / b - (a % b != 0 && (a < 0) != (b < 0)) : 0;
    return divides;
  case Operation::ceildivs:
    to = divides ? a / b + (a % b != 0 && (a < 0) == (b < 0)) : 0;
    return divides;
  case Operation::divu:
    return ub != 0 && setUnsigned(ua / ub);
  case Operation::remu:
    return ub != 0 && setUnsigned(ua % ub);
  case Operation::ceildivu:
    return ub != 0 && setUnsigned(ua / ub + (ua % ub != 0));
  case Operation::mins:
    to = std::min(a, b);
    return true;
  case Operation::maxs:
    to = std::max(a, b);
    return true;
  case Operation::minu:
    to = static_cast<int64_t>(std::min(ua, ub));
    return true;
  case Operation::maxu:
    to = static_cast<int64_t>(std::max(ua, ub));
    return true;
  case Operation::bitAnd:
    to = a & b;
    return true;
  case Operation::bitOr:
    to = a | b;
    return true;
  case Operation::bitXor:
    to = a ^ b;
    return true;
  case Operation::shl:
    if (ub > 63)
      return false;
    to = static_cast<int64_t>(ua << ub);
    return to >> ub == a;
  case Operation::shrs:
    if (ub > 63)
      return false;
    to = a >> ub;
    return true;
  case Operation::shru:
    if (ub > 63)
      return false;
    to = static_cast<int64_t>(ua >> ub);
    return true;
  case Operation::eq:
    to = a == b;
    return true;
  case Operation::ne:
    to = a != b;
    return true;
  case Operation::lts:
    to = a < b;
    return true;
  case Operation::les:
    to = a <= b;
    return true;
  case Operation::gts:
    to = a > b;
    return true;
  case Operation::ges:
    to = a >= b;
    return true;
  case Operation::ltu:
    to = ua < ub;
    return true;
  case Operation::leu:
    to = ua <= ub;
    return true;
  case Operation::gtu:
    to = ua > ub;
    return true;
  case Operation::geu:
    to = ua >= ub;
    return true;
  case Operation::dim:
  case Operation::stride:
  case Operation::scalar:
  case Operation::constant:
  case Operation::select:
    break;
  }
  return false;
}

void LaunchProgram::evaluate(ArgumentWords arguments,
                             LaunchValues &values) const {
  for (size_t i = 0; i < allValues.size(); ++i) {
    const Value &value = allValues[i];
    const auto &[first, second, third] = value.operands;
    int64_t &number = values.numbers[i];
    bool &isInvalid = values.isInvalid[i];
    isInvalid = false;
    auto copy = [&](int64_t from) {
      number = values.numbers[from];
      isInvalid = values.isInvalid[from];
    };
    switch (value.operation) {
    case Operation::constant:
      number = first;
      break;
    case Operation::dim:
    case Operation::stride:
      // The parser has stored the number of the word as the third operand.
      number = static_cast<const int64_t *>(arguments[first])[third];
      break;
    case Operation::scalar: {
      // The third operand is the number of bytes.
      int64_t word = 0;
      std::memcpy(&word, arguments[first], static_cast<size_t>(third));
      int unused = 64 - 8 * static_cast<int>(third);
      number =
          static_cast<int64_t>(static_cast<uint64_t>(word) << unused) >> unused;
      break;
    }
    case Operation::select:
      if (values.isInvalid[first])
        copy(first);
      else
        copy(values.numbers[first] ? second : third);
      break;
    default:
      if (values.isInvalid[first] || values.isInvalid[second]) {
        copy(values.isInvalid[first] ? first : second);
      } else if (!compute(value.operation, values.numbers[first],
                          values.numbers[second], number)) {
        number = static_cast<int64_t>(i);
        isInvalid = true;
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

Failure LaunchProgram::fail(const std::string &what) const {
  return failure("'" + entryName + "': " + what);
}

std::string LaunchProgram::launchName(size_t launch) const {
  return "launch " + std::to_string(launch) + " ('" +
         allLaunches[launch].kernel + "')";
}

Failure LaunchProgram::explain(size_t value, const LaunchValues &values,
                               const std::string &role) const {
  auto blamed = static_cast<size_t>(values.numbers[value]);
  const Value &operation = allValues[blamed];
  int64_t a = values.numbers[operation.operands[0]],
          b = values.numbers[operation.operands[1]];
  bool isDivision = operation.operation == Operation::divs ||
                    operation.operation == Operation::divu ||
                    operation.operation == Operation::rems ||
                    operation.operation == Operation::remu ||
                    operation.operation == Operation::ceildivs ||
                    operation.operation == Operation::ceildivu ||
                    operation.operation == Operation::floordivs;
  bool isShift = operation.operation == Operation::shl ||
                 operation.operation == Operation::shrs ||
                 operation.operation == Operation::shru;
  return fail(role + " cannot be computed from these sizes: value " +
              std::to_string(blamed) + " of the launch program, " +
              operationName(operation.operation) + " of " + std::to_string(a) +
              " and " + std::to_string(b) + ", " +
              (isDivision && b == 0           ? "divides by zero"
               : isShift && (b < 0 || b > 63) ? "shifts by more than 63 bits"
                                              : "does not fit in 63 bits"));
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Result<int64_t>
LaunchProgram::workspaceBytes(const LaunchValues &values) const {
  if (values.isInvalid[workspace])
    return explain(workspace, values, "the size of the workspace");
  int64_t bytes = values.numbers[workspace];
  if (bytes < 0)
    return fail("the launch program asks for " + std::to_string(bytes) +
                " bytes of workspace; expected at least 0");
  return bytes;
}

Result<int64_t> LaunchProgram::gridOf(size_t number,
                                      const LaunchValues &values) const {
  const Launch &launch = allLaunches[number];
  if (launch.condition != Launch::always) {
    if (values.isInvalid[launch.condition])
      return explain(launch.condition, values,
                     "the condition of " + launchName(number));
    if (!values.numbers[launch.condition])
      return 0;
  }
  if (values.isInvalid[launch.grid])
    return explain(launch.grid, values, "the grid of " + launchName(number));
  int64_t grid = values.numbers[launch.grid];
  if (grid < 0 || grid > maxExtent)
    return fail(launchName(number) + " has " + std::to_string(grid) +
                " work items for these sizes; kernels take 0 to " +
                std::to_string(maxExtent));
  return grid;
}

Status LaunchProgram::writeParameters(size_t number, ArgumentWords arguments,
                                      const LaunchValues &values,
                                      const void *workspaceData,
                                      int64_t bytesOfWorkspace,
                                      void *buffer) const {
  const Launch &launch = allLaunches[number];
  auto *bytes = static_cast<unsigned char *>(buffer);
  // What lies between parameters.
  std::memset(bytes, 0, launch.parameterBytes);
  for (size_t i = 0; i < launch.parameters.size(); ++i) {
    const Parameter &parameter = launch.parameters[i];
    unsigned char *to = bytes + parameter.offset;
    if (parameter.kind == Parameter::Kind::argument) {
      std::memcpy(to, arguments[parameter.index], parameter.bytes);
      continue;
    }
    auto role = [&] {
      return "parameter " + std::to_string(i) + " of " + launchName(number);
    };
    auto get = [&](size_t value, int64_t &to) -> Status {
      if (values.isInvalid[value])
        return explain(value, values, role());
      to = values.numbers[value];
      return Status::success();
    };
    int64_t word;
    if (Status status = get(parameter.index, word); !status)
      return status;
    if (parameter.kind == Parameter::Kind::value) {
      if (parameter.bytes == sizeof(int32_t) &&
          word != static_cast<int32_t>(word))
        return fail(role() + " is " + std::to_string(word) +
                    " for these sizes, which does not fit in i32");
      std::memcpy(to, &word, parameter.bytes);
      continue;
    }
    if (word < 0 || word > bytesOfWorkspace)
      return fail(role() + " lies at byte " + std::to_string(word) +
                  " of the workspace, which has " +
                  std::to_string(bytesOfWorkspace));
    auto address =
        static_cast<int64_t>(reinterpret_cast<uintptr_t>(workspaceData) +
                             static_cast<uintptr_t>(word));
    auto put = [&](int64_t word) {
      std::memcpy(to, &word, sizeof(word));
      to += sizeof(word);
    };
    put(address);
    put(address);
    put(0);
    for (const std::vector<size_t> *list :
         {&parameter.sizes, &parameter.strides})
      for (size_t value : *list) {
        if (Status status = get(value, word); !status)
          return status;
        put(word);
      }
  }
  return Status::success();
}
