//===- LaunchProgramParser.cpp - Reads launch programs --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is accepted here can be evaluated: every number of a value, an argument
// or a dimension is in range.
//
//===----------------------------------------------------------------------===//

#include "LaunchProgramParser.h"
#include "Guard.h"
#include "Json.h"

#include <algorithm>

using namespace attn;
using nlohmann::json;

using Operation = LaunchProgram::Operation;

namespace {
struct Form {
  const char *name;
  Operation operation;
  size_t operands;
};

constexpr Form forms[] = {
    {"dim", Operation::dim, 2},
    {"stride", Operation::stride, 2},
    {"scalar", Operation::scalar, 1},
    {"const", Operation::constant, 1},
    {"add", Operation::add, 2},
    {"sub", Operation::sub, 2},
    {"mul", Operation::mul, 2},
    {"divs", Operation::divs, 2},
    {"divu", Operation::divu, 2},
    {"rems", Operation::rems, 2},
    {"remu", Operation::remu, 2},
    {"ceildivs", Operation::ceildivs, 2},
    {"ceildivu", Operation::ceildivu, 2},
    {"floordivs", Operation::floordivs, 2},
    {"mins", Operation::mins, 2},
    {"maxs", Operation::maxs, 2},
    {"minu", Operation::minu, 2},
    {"maxu", Operation::maxu, 2},
    {"and", Operation::bitAnd, 2},
    {"or", Operation::bitOr, 2},
    {"xor", Operation::bitXor, 2},
    {"shl", Operation::shl, 2},
    {"shrs", Operation::shrs, 2},
    {"shru", Operation::shru, 2},
    {"eq", Operation::eq, 2},
    {"ne", Operation::ne, 2},
    {"lts", Operation::lts, 2},
    {"les", Operation::les, 2},
    {"gts", Operation::gts, 2},
    {"ges", Operation::ges, 2},
    {"ltu", Operation::ltu, 2},
    {"leu", Operation::leu, 2},
    {"gtu", Operation::gtu, 2},
    {"geu", Operation::geu, 2},
    {"select", Operation::select, 3},
};
} // namespace

const char *attn::operationName(Operation operation) {
  for (const Form &form : forms)
    if (form.operation == operation)
      return form.name;
  return "";
}

static std::string shortText(const json &value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace)
      .substr(0, 60);
}

namespace attn {
class LaunchProgramParser {
public:
  explicit LaunchProgramParser(const ManifestEntry &entry) : entry(entry) {}
  Result<LaunchProgram> parse(const json &object);

private:
  using Value = LaunchProgram::Value;
  using Parameter = LaunchProgram::Parameter;
  using Launch = LaunchProgram::Launch;

  Status parseValue(const json &list, const std::string &where);
  Status parseLaunch(const json &object, const std::string &where);
  Status parseParameter(const json &object, const std::string &where,
                        Launch &launch);
  Status parseWorkspaceTensor(const json &object, const std::string &where,
                              Parameter &parameter);

  Failure fail(const std::string &where, const std::string &what) {
    return failure(where + (where.empty() ? "" : ": ") + what);
  }
  Status checkMembers(const json &object, const std::string &where,
                      std::initializer_list<const char *> allowed);
  /// A member that is an integer from `least` to `most`.
  Result<int64_t> integer(const json &object, const char *name, int64_t least,
                          int64_t most, const std::string &where);
  /// The number of a value that is known already.
  Result<size_t> valueNumber(const json &number, const std::string &what,
                             const std::string &where);
  Result<size_t> valueMember(const json &object, const char *name,
                             const std::string &where);
  Result<size_t> argumentNumber(const json &number, const std::string &where);

  const ManifestEntry &entry;
  LaunchProgram program;
};
} // namespace attn

Status
LaunchProgramParser::checkMembers(const json &object, const std::string &where,
                                  std::initializer_list<const char *> allowed) {
  if (!object.is_object())
    return fail(where, "expected an object, found " + shortText(object));
  std::string names;
  for (const char *name : allowed)
    names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
  // A member that this runtime does not know may change what is meant.
  for (const auto &[name, value] : object.items())
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end())
      return fail(where, "unknown member '" + name.substr(0, 60) +
                             "'; allowed are " + names);
  return Status::success();
}

Result<int64_t> LaunchProgramParser::integer(const json &object,
                                             const char *name, int64_t least,
                                             int64_t most,
                                             const std::string &where) {
  auto found = object.find(name);
  if (found == object.end())
    return fail(where, std::string("has no member '") + name + "'");
  if (!isInteger(*found) || found->get<int64_t>() < least ||
      found->get<int64_t>() > most)
    return fail(where, std::string("'") + name + "' is " + shortText(*found) +
                           ", expected an integer from " +
                           std::to_string(least) + " to " +
                           std::to_string(most));
  return found->get<int64_t>();
}

Result<size_t> LaunchProgramParser::valueNumber(const json &number,
                                                const std::string &what,
                                                const std::string &where) {
  size_t count = program.allValues.size();
  if (isInteger(number) && number.get<int64_t>() >= 0 &&
      number.get<uint64_t>() < count)
    return number.get<size_t>();
  return fail(where, what + " is " + shortText(number) + ", but " +
                         (count ? "the values before it are 0 to " +
                                      std::to_string(count - 1)
                                : "there are no values before it"));
}

Result<size_t> LaunchProgramParser::valueMember(const json &object,
                                                const char *name,
                                                const std::string &where) {
  auto found = object.find(name);
  if (found == object.end())
    return fail(where, std::string("has no member '") + name + "'");
  return valueNumber(*found, std::string("'") + name + "'", where);
}

Result<size_t> LaunchProgramParser::argumentNumber(const json &number,
                                                   const std::string &where) {
  size_t count = entry.arguments.size();
  if (isInteger(number) && number.get<int64_t>() >= 0 &&
      number.get<uint64_t>() < count)
    return number.get<size_t>();
  return fail(where, "the argument is " + shortText(number) + ", but '" +
                         entry.name + "' has " + std::to_string(count) +
                         ", counted from 0");
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static bool isIntegerType(ElementType type) {
  return type == ElementType::i32 || type == ElementType::i64 ||
         type == ElementType::index || type == ElementType::i1;
}

Status LaunchProgramParser::parseValue(const json &list,
                                       const std::string &where) {
  if (!list.is_array() || list.empty() || !list[0].is_string())
    return fail(where, "expected a list that begins with an operation, such "
                       "as [\"add\", 0, 1], found " +
                           shortText(list));
  std::string name = list[0].get<std::string>();
  const Form *form =
      std::find_if(std::begin(forms), std::end(forms),
                   [&](const Form &form) { return name == form.name; });
  if (form == std::end(forms)) {
    std::string names;
    for (const Form &form : forms)
      names += (names.empty() ? "" : ", ") + std::string(form.name);
    return fail(where, "there is no operation '" + name.substr(0, 60) +
                           "'; allowed are " + names);
  }
  if (list.size() != form->operands + 1)
    return fail(where, "'" + name + "' takes " +
                           std::to_string(form->operands) +
                           (form->operands == 1 ? " operand" : " operands") +
                           ", found " + std::to_string(list.size() - 1));
  Value value;
  value.operation = form->operation;
  if (form->operation == Operation::constant) {
    if (!isInteger(list[1]))
      return fail(where, "a constant must be a 64-bit integer, found " +
                             shortText(list[1]));
    value.operands[0] = list[1].get<int64_t>();
  } else if (form->operation <= Operation::scalar) {
    Result<size_t> number = argumentNumber(list[1], where);
    if (!number)
      return number.takeFailure();
    const ManifestArgument &argument = entry.arguments[*number];
    value.operands[0] = static_cast<int64_t>(*number);
    if (form->operation == Operation::scalar) {
      if (argument.isTensor || !isIntegerType(argument.type))
        return fail(
            where,
            "'" + argument.name + "' is " +
                (argument.isTensor ? "a tensor" : "a scalar of type ") +
                (argument.isTensor ? "" : elementTypeName(argument.type)) +
                "; expected an integer");
      value.operands[2] = elementBytes(argument.type);
    } else {
      auto rank = static_cast<int64_t>(argument.shape.size());
      if (!isInteger(list[2]) || list[2].get<int64_t>() < 0 ||
          list[2].get<int64_t>() >= rank)
        return fail(where, "there is no dimension " + shortText(list[2]) +
                               " of '" + argument.name + "', which has rank " +
                               std::to_string(rank));
      value.operands[1] = list[2].get<int64_t>();
      value.operands[2] = 3 + value.operands[1] +
                          (form->operation == Operation::stride ? rank : 0);
    }
  } else {
    for (size_t i = 0; i < form->operands; ++i) {
      Result<size_t> operand = valueNumber(
          list[i + 1],
          "operand " + std::to_string(i + 1) + " of '" + name + "'", where);
      if (!operand)
        return operand.takeFailure();
      value.operands[i] = static_cast<int64_t>(*operand);
    }
  }
  program.allValues.push_back(value);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Status LaunchProgramParser::parseWorkspaceTensor(const json &object,
                                                 const std::string &where,
                                                 Parameter &parameter) {
  if (Status status =
          checkMembers(object, where, {"workspace", "sizes", "strides"});
      !status)
    return status;
  Result<size_t> offset = valueMember(object, "workspace", where);
  if (!offset)
    return offset.takeFailure();
  parameter.index = *offset;
  for (auto [name, list] : {std::pair{"sizes", &parameter.sizes},
                            std::pair{"strides", &parameter.strides}}) {
    auto found = object.find(name);
    if (found == object.end() || !found->is_array())
      return fail(where,
                  std::string("'") + name + "' must be a list of values");
    for (const json &number : *found) {
      Result<size_t> value =
          valueNumber(number, std::string("an item of '") + name + "'", where);
      if (!value)
        return value.takeFailure();
      list->push_back(*value);
    }
  }
  if (parameter.sizes.size() != parameter.strides.size())
    return fail(where, "there are " + std::to_string(parameter.sizes.size()) +
                           " sizes and " +
                           std::to_string(parameter.strides.size()) +
                           " strides; expected equally many");
  parameter.bytes = (3 + 2 * parameter.sizes.size()) * sizeof(int64_t);
  return Status::success();
}

Status LaunchProgramParser::parseParameter(const json &object,
                                           const std::string &where,
                                           Launch &launch) {
  Parameter parameter;
  size_t alignment = sizeof(int64_t);
  if (object.is_object() && object.contains("workspace")) {
    parameter.kind = Parameter::Kind::workspace;
    if (Status status = parseWorkspaceTensor(object, where, parameter); !status)
      return status;
  } else if (object.is_object() && object.contains("value")) {
    parameter.kind = Parameter::Kind::value;
    if (Status status = checkMembers(object, where, {"value", "type"}); !status)
      return status;
    Result<size_t> value = valueMember(object, "value", where);
    if (!value)
      return value.takeFailure();
    parameter.index = *value;
    auto type = object.find("type");
    if (type == object.end() ||
        (*type != "index" && *type != "i64" && *type != "i32"))
      return fail(where,
                  "'type' is " +
                      (type == object.end() ? "missing" : shortText(*type)) +
                      "; allowed are \"index\", \"i64\" and \"i32\"");
    alignment = parameter.bytes = *type == "i32" ? 4 : 8;
  } else if (object.is_object() && object.contains("argument")) {
    if (Status status = checkMembers(object, where, {"argument"}); !status)
      return status;
    Result<size_t> number = argumentNumber(object["argument"], where);
    if (!number)
      return number.takeFailure();
    const ManifestArgument &argument = entry.arguments[*number];
    parameter.index = *number;
    if (argument.isTensor)
      parameter.bytes = (3 + 2 * argument.shape.size()) * sizeof(int64_t);
    else
      alignment = parameter.bytes =
          static_cast<size_t>(elementBytes(argument.type));
  } else {
    return fail(where, "expected an object with 'argument', 'value' or "
                       "'workspace', found " +
                           shortText(object));
  }
  parameter.offset =
      (launch.parameterBytes + alignment - 1) / alignment * alignment;
  launch.parameterBytes = parameter.offset + parameter.bytes;
  launch.parameters.push_back(std::move(parameter));
  return Status::success();
}

Status LaunchProgramParser::parseLaunch(const json &object,
                                        const std::string &where) {
  if (Status status = checkMembers(
          object, where,
          {"kernel", "grid", "block", "shared", "if", "arguments"});
      !status)
    return status;
  Launch launch;
  auto kernel = object.find("kernel");
  if (kernel == object.end() || !kernel->is_string() ||
      kernel->get_ref<const std::string &>().empty())
    return fail(where, "'kernel' must be the name of a kernel");
  launch.kernel = kernel->get<std::string>();
  Result<size_t> grid = valueMember(object, "grid", where);
  if (!grid)
    return grid.takeFailure();
  launch.grid = *grid;
  Result<int64_t> block = integer(object, "block", 1, 1024, where);
  if (!block)
    return block.takeFailure();
  launch.block = *block;
  // The most that a CTA can have on any GPU so far.
  constexpr int64_t maxShared = 227 * 1024;
  Result<int64_t> shared = integer(object, "shared", 0, maxShared, where);
  if (!shared)
    return shared.takeFailure();
  launch.sharedBytes = *shared;
  if (object.contains("if")) {
    Result<size_t> condition = valueMember(object, "if", where);
    if (!condition)
      return condition.takeFailure();
    launch.condition = *condition;
  }
  auto arguments = object.find("arguments");
  if (arguments == object.end() || !arguments->is_array())
    return fail(where, "'arguments' must be a list");
  for (const json &argument : *arguments)
    if (Status status =
            parseParameter(argument,
                           where + ".arguments[" +
                               std::to_string(launch.parameters.size()) + "]",
                           launch);
        !status)
      return status;
  if (launch.parameterBytes > LaunchProgram::maxParameterBytes)
    return fail(where, "the parameters have " +
                           std::to_string(launch.parameterBytes) +
                           " bytes; a kernel takes at most " +
                           std::to_string(LaunchProgram::maxParameterBytes));
  program.allLaunches.push_back(std::move(launch));
  return Status::success();
}

Result<LaunchProgram> LaunchProgramParser::parse(const json &object) {
  program.entryName = entry.name;
  if (Status status =
          checkMembers(object, "", {"values", "workspace", "launches"});
      !status)
    return status.takeFailure();
  auto values = object.find("values"), launches = object.find("launches");
  if (values == object.end() || !values->is_array())
    return fail("values", "must be a list of operations");
  if (values->size() > LaunchProgram::maxValues)
    return fail("values",
                "there are " + std::to_string(values->size()) + "; at most " +
                    std::to_string(LaunchProgram::maxValues) + " are allowed");
  for (const json &value : *values)
    if (Status status = parseValue(
            value, "values[" + std::to_string(program.allValues.size()) + "]");
        !status)
      return status.takeFailure();
  Result<size_t> workspace = valueMember(object, "workspace", "");
  if (!workspace)
    return workspace.takeFailure();
  program.workspace = *workspace;
  if (launches == object.end() || !launches->is_array())
    return fail("launches", "must be a list of launches");
  for (const json &launch : *launches)
    if (Status status = parseLaunch(
            launch,
            "launches[" + std::to_string(program.allLaunches.size()) + "]");
        !status)
      return status.takeFailure();
  return std::move(program);
}

Result<LaunchProgram> attn::parseLaunchProgram(const json &object,
                                               const ManifestEntry &entry) {
  return LaunchProgramParser(entry).parse(object);
}

Result<LaunchProgram> LaunchProgram::parse(std::string_view text,
                                           const ManifestEntry &entry) {
  return guarded([&]() -> Result<LaunchProgram> {
    auto object = parseJson(text);
    if (!object)
      return failure("the launch program " + object.error());
    auto program = parseLaunchProgram(*object, entry);
    if (!program)
      return failure("the launch program: " + program.error());
    return program;
  });
}
