//===- Manifest.cpp - Parses the manifest of a payload --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Manifest.h"
#include "Guard.h"
#include "Json.h"
#include "LaunchProgramParser.h"
#include "attn/Runtime/GpuTarget.h"

using namespace attn;
using nlohmann::json;

namespace {
/// Walks the JSON.  Errors say where in the manifest they are, such as
/// "entries[0].arguments[2]".
class ManifestParser {
public:
  ManifestParser(const std::string &origin, bool isGpu)
      : origin(origin), isGpu(isGpu) {}
  Result<Manifest> parse(std::string_view text);

private:
  Result<ManifestEntry> parseEntry(const json &object,
                                   const std::string &where);
  Result<ManifestArgument> parseArgument(const json &object,
                                         const ManifestEntry &entry,
                                         const std::string &where);
  Status parseDimension(const json &value, const ManifestEntry &entry,
                        const std::string &where, ManifestArgument &argument);
  /// "query[0]", a dimension of an input that is already in the entry.
  Result<ManifestDerivedDim> parseDerivedDim(const json &object,
                                             const ManifestEntry &entry,
                                             const std::string &where);
  Result<ManifestDimRef> parseDimRef(const json &value,
                                     const ManifestEntry &entry,
                                     const std::string &where);

  Failure fail(const std::string &where, const std::string &what) {
    return failure("the manifest of " + origin + ": " +
                   (where.empty() ? "" : where + ": ") + what);
  }
  /// The member of an object, which must have the given type.
  Result<const json *> member(const json &object, const char *name,
                              json::value_t type, const std::string &where);
  Result<std::string> string(const json &object, const char *name,
                             const std::string &where);

  /// "target" of a manifest for CPUs.
  Status parseCpuTarget(const json &root, Manifest &manifest);
  Status parseGpuTarget(const json &root, Manifest &manifest);

  const std::string &origin;
  const bool isGpu;
};
} // namespace

/// Names become symbols and appear in errors.
static bool isIdentifier(const std::string &name) {
  if (name.empty())
    return false;
  for (char c : name)
    if (!(c == '_' || c == '.' || c == '$' || (c >= '0' && c <= '9') ||
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
      return false;
  return true;
}

Result<const json *> ManifestParser::member(const json &object,
                                            const char *name,
                                            json::value_t type,
                                            const std::string &where) {
  if (!object.is_object())
    return fail(where,
                std::string("expected an object, found ") + object.type_name());
  auto found = object.find(name);
  if (found == object.end())
    return fail(where, std::string("has no member '") + name + "'");
  bool matches = type == json::value_t::number_integer ? isInteger(*found)
                                                       : found->type() == type;
  if (!matches)
    return fail(where,
                std::string("member '") + name + "' must be " +
                    (type == json::value_t::number_integer
                         ? "a 64-bit integer"
                         : std::string("of type ") + json(type).type_name()) +
                    ", found " + found->dump().substr(0, 60));
  return &*found;
}

Result<std::string> ManifestParser::string(const json &object, const char *name,
                                           const std::string &where) {
  auto value = member(object, name, json::value_t::string, where);
  if (!value)
    return value.takeFailure();
  return (*value)->get<std::string>();
}

Result<ManifestDimRef> ManifestParser::parseDimRef(const json &value,
                                                   const ManifestEntry &entry,
                                                   const std::string &where) {
  std::string text = value.is_string() ? value.get<std::string>() : "";
  size_t bracket = text.find('[');
  std::string digits;
  if (bracket != std::string::npos && text.back() == ']')
    digits = text.substr(bracket + 1, text.size() - bracket - 2);
  bool isNumber = !digits.empty() && digits.size() <= 4 &&
                  digits.find_first_not_of("0123456789") == std::string::npos;
  if (!isNumber)
    return fail(where, "expected a dimension such as \"query[0]\", found " +
                           value.dump().substr(0, 60));
  std::string name = text.substr(0, bracket);
  int64_t dimension = std::stoll(digits);
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const ManifestArgument &argument = entry.arguments[i];
    if (argument.name != name || argument.isOutput)
      continue;
    if (dimension >= static_cast<int64_t>(argument.shape.size()))
      return fail(where, "'" + text + "' does not exist: '" + name +
                             "' has rank " +
                             std::to_string(argument.shape.size()));
    return ManifestDimRef{static_cast<int64_t>(i), dimension};
  }
  return fail(where, "'" + text + "' does not refer to an input");
}

Status ManifestParser::parseDimension(const json &value,
                                      const ManifestEntry &entry,
                                      const std::string &where,
                                      ManifestArgument &argument) {
  ManifestDimRef source;
  int64_t size = ManifestArgument::dynamic;
  if (isInteger(value)) {
    size = value.get<int64_t>();
    if (size < ManifestArgument::dynamic)
      return fail(where, "a size must be -1 (dynamic) or at least 0, found " +
                             std::to_string(size));
    if (argument.isOutput && size == ManifestArgument::dynamic)
      return fail(where, "a dynamic size of an output must name its source, "
                         "such as \"query[0]\"");
  } else if (argument.isOutput) {
    auto parsed = parseDimRef(value, entry, where);
    if (!parsed)
      return parsed.takeFailure();
    source = *parsed;
  } else {
    return fail(where, "a size of an input must be an integer, found " +
                           value.dump().substr(0, 60));
  }
  argument.shape.push_back(size);
  if (argument.isOutput)
    argument.sources.push_back(source);
  return Status::success();
}

Result<ManifestArgument>
ManifestParser::parseArgument(const json &object, const ManifestEntry &entry,
                              const std::string &where) {
  ManifestArgument argument;
  auto name = string(object, "name", where);
  if (!name)
    return name.takeFailure();
  argument.name = *name;
  if (!isIdentifier(argument.name))
    return fail(where, "'" + argument.name + "' is not a name");
  for (const ManifestArgument &other : entry.arguments)
    if (other.name == argument.name)
      return fail(where, "there are two arguments '" + argument.name + "'");

  auto role = string(object, "role", where);
  if (!role)
    return role.takeFailure();
  if (*role != "input" && *role != "output")
    return fail(where, "the role must be \"input\" or \"output\", found \"" +
                           *role + "\"");
  argument.isOutput = *role == "output";
  if (!argument.isOutput && !entry.arguments.empty() &&
      entry.arguments.back().isOutput)
    return fail(where, "inputs must come before outputs");

  auto typeName = string(object, "type", where);
  if (!typeName)
    return typeName.takeFailure();
  auto type = parseElementType(*typeName);
  if (!type)
    return fail(where, type.error());
  argument.type = *type;

  argument.isTensor = object.contains("shape");
  if (!argument.isTensor) {
    if (argument.isOutput)
      return fail(where, "an output must have a shape");
    if (argument.type == ElementType::f16 ||
        argument.type == ElementType::bf16 || argument.type == ElementType::i8)
      return fail(where, "a scalar must be f32, f64, i32, i64, index or i1, "
                         "found " +
                             *typeName);
    return argument;
  }
  argument.alignment = elementBytes(argument.type);
  if (object.contains("alignment")) {
    auto given =
        member(object, "alignment", json::value_t::number_integer, where);
    if (!given)
      return given.takeFailure();
    argument.alignment = (*given)->get<int64_t>();
    if (argument.alignment < elementBytes(argument.type) ||
        argument.alignment > 128 ||
        (argument.alignment & (argument.alignment - 1)))
      return fail(where, "the alignment must be a power of two from the size "
                         "of an element to 128, found " +
                             std::to_string(argument.alignment));
  }
  auto shape = member(object, "shape", json::value_t::array, where);
  if (!shape)
    return shape.takeFailure();
  for (const json &value : **shape)
    if (Status status = parseDimension(value, entry, where, argument); !status)
      return status.takeFailure();
  return argument;
}

Result<ManifestDerivedDim>
ManifestParser::parseDerivedDim(const json &object, const ManifestEntry &entry,
                                const std::string &where) {
  ManifestDerivedDim derived;
  for (auto [key, target] :
       {std::pair{"dim", &derived.dim}, std::pair{"source", &derived.source}}) {
    auto value = member(object, key, json::value_t::string, where);
    if (!value)
      return value.takeFailure();
    auto ref = parseDimRef(**value, entry, where);
    if (!ref)
      return ref.takeFailure();
    *target = *ref;
  }
  for (auto [key, target] : {std::pair{"divisor", &derived.divisor},
                             std::pair{"extra", &derived.extra}}) {
    auto value = member(object, key, json::value_t::number_integer, where);
    if (!value)
      return value.takeFailure();
    *target = (*value)->get<int64_t>();
  }
  constexpr int64_t largest = int64_t(1) << 31;
  if (derived.divisor < 1 || derived.divisor > largest || derived.extra < 0 ||
      derived.extra > largest)
    return fail(where, "the divisor must be from 1 to 2^31 and what is added "
                       "from 0 to 2^31, found " +
                           std::to_string(derived.divisor) + " and " +
                           std::to_string(derived.extra));
  auto canBeOne = member(object, "can_be_one", json::value_t::boolean, where);
  if (!canBeOne)
    return canBeOne.takeFailure();
  derived.canBeOne = (*canBeOne)->get<bool>();
  return derived;
}

Result<ManifestEntry> ManifestParser::parseEntry(const json &object,
                                                 const std::string &where) {
  ManifestEntry entry;
  auto name = string(object, "name", where);
  if (!name)
    return name.takeFailure();
  entry.name = *name;
  if (!isIdentifier(entry.name))
    return fail(where, "'" + entry.name + "' is not a name");
  auto algorithm = string(object, "algorithm", where);
  if (!algorithm)
    return algorithm.takeFailure();
  entry.algorithm = *algorithm;
  for (auto [key, target] : {std::pair{"tile_q", &entry.tileQ},
                             std::pair{"tile_kv", &entry.tileKv}}) {
    auto value = member(object, key, json::value_t::number_integer, where);
    if (!value)
      return value.takeFailure();
    *target = (*value)->get<int64_t>();
  }

  auto arguments = member(object, "arguments", json::value_t::array, where);
  if (!arguments)
    return arguments.takeFailure();
  for (const json &value : **arguments) {
    auto argument = parseArgument(
        value, entry,
        where + ".arguments[" + std::to_string(entry.arguments.size()) + "]");
    if (!argument)
      return argument.takeFailure();
    entry.arguments.push_back(*std::move(argument));
  }

  auto dims = member(object, "dims", json::value_t::array, where);
  if (!dims)
    return dims.takeFailure();
  for (const json &set : **dims) {
    std::string setWhere =
        where + ".dims[" + std::to_string(entry.equalDims.size()) + "]";
    if (!set.is_array())
      return fail(setWhere, "expected an array of dimensions, found " +
                                set.dump().substr(0, 60));
    std::vector<ManifestDimRef> refs;
    for (const json &value : set) {
      auto ref = parseDimRef(value, entry, setWhere);
      if (!ref)
        return ref.takeFailure();
      refs.push_back(*ref);
    }
    entry.equalDims.push_back(std::move(refs));
  }
  if (object.contains("derived_dims")) {
    auto derived = member(object, "derived_dims", json::value_t::array, where);
    if (!derived)
      return derived.takeFailure();
    for (const json &value : **derived) {
      auto dim =
          parseDerivedDim(value, entry,
                          where + ".derived_dims[" +
                              std::to_string(entry.derivedDims.size()) + "]");
      if (!dim)
        return dim.takeFailure();
      entry.derivedDims.push_back(*dim);
    }
  }
  if (!isGpu)
    return entry;
  auto program = member(object, "program", json::value_t::object, where);
  if (!program)
    return program.takeFailure();
  auto parsed = parseLaunchProgram(**program, entry);
  if (!parsed)
    return fail(where + ".program", parsed.error());
  entry.program = std::make_shared<const LaunchProgram>(*std::move(parsed));
  return entry;
}

Status ManifestParser::parseCpuTarget(const json &root, Manifest &manifest) {
  auto target = member(root, "target", json::value_t::object, "");
  if (!target)
    return target.takeFailure();
  for (auto [key, field] :
       {std::pair{"triple", &manifest.triple}, std::pair{"cpu", &manifest.cpu},
        std::pair{"features", &manifest.features}}) {
    auto value = string(**target, key, "target");
    if (!value)
      return value.takeFailure();
    *field = *value;
  }
  // Manifests written by hand may leave it out: then the code needs nothing.
  if ((*target)->contains("requires")) {
    auto features =
        member(**target, "requires", json::value_t::array, "target");
    if (!features)
      return features.takeFailure();
    for (const json &feature : **features) {
      if (!feature.is_string())
        return fail("target.requires",
                    "expected names of CPU features, found " +
                        feature.dump().substr(0, 60));
      manifest.requiredFeatures.push_back(feature.get<std::string>());
    }
  }
  return Status::success();
}

Status ManifestParser::parseGpuTarget(const json &root, Manifest &manifest) {
  auto name = string(root, "target", "");
  if (!name)
    return name.takeFailure();
  auto target = GpuTarget::parse(*name);
  if (!target)
    return fail("target", target.error());
  manifest.target = *name;
  return Status::success();
}

Result<Manifest> ManifestParser::parse(std::string_view text) {
  auto parsed = parseJson(text);
  if (!parsed)
    return fail("", parsed.error());
  const json &root = *parsed;
  auto format = member(root, "format", json::value_t::number_integer, "");
  if (!format)
    return format.takeFailure();
  if ((*format)->get<int64_t>() != manifestFormat)
    return fail("", "has format " + (*format)->dump() +
                        ", but this runtime reads format " +
                        std::to_string(manifestFormat) +
                        "; compile the payload again");

  Manifest manifest;
  auto compiler = string(root, "compiler", "");
  if (!compiler)
    return compiler.takeFailure();
  manifest.compiler = *compiler;
  if (Status status = isGpu ? parseGpuTarget(root, manifest)
                            : parseCpuTarget(root, manifest);
      !status)
    return status.takeFailure();
  auto entries = member(root, "entries", json::value_t::array, "");
  if (!entries)
    return entries.takeFailure();
  for (const json &value : **entries) {
    std::string where =
        "entries[" + std::to_string(manifest.entries.size()) + "]";
    auto entry = parseEntry(value, where);
    if (!entry)
      return entry.takeFailure();
    if (manifest.find(entry->name))
      return fail(where, "there are two entries '" + entry->name + "'");
    manifest.entries.push_back(*std::move(entry));
  }
  return manifest;
}

int64_t ManifestEntry::numOutputs() const {
  int64_t count = 0;
  for (const ManifestArgument &argument : arguments)
    count += argument.isOutput;
  return count;
}

int64_t ManifestEntry::numInputs() const {
  return static_cast<int64_t>(arguments.size()) - numOutputs();
}

std::string ManifestEntry::dimName(ManifestDimRef ref) const {
  return arguments[static_cast<size_t>(ref.argument)].name + "[" +
         std::to_string(ref.dimension) + "]";
}

const ManifestEntry *Manifest::find(std::string_view name) const {
  for (const ManifestEntry &entry : entries)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

Result<const ManifestEntry *> Manifest::get(std::string_view name) const {
  if (const ManifestEntry *found = find(name))
    return found;
  std::string names;
  for (const ManifestEntry &other : entries)
    names += (names.empty() ? "'" : ", '") + other.name + "'";
  return failure("there is no entry '" + std::string(name) +
                 "'; the module has " + (names.empty() ? "none" : names));
}

Result<Manifest> attn::parseManifest(std::string_view text,
                                     const std::string &origin) {
  return guarded([&] { return ManifestParser(origin, false).parse(text); });
}

Result<Manifest> attn::parseGpuManifest(std::string_view text,
                                        const std::string &origin) {
  return guarded([&] { return ManifestParser(origin, true).parse(text); });
}
