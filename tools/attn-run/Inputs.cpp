//===- Inputs.cpp - Arguments and results of an entry ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses what --inputs says about each argument, and fills memory with it.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Inputs.h"

#include "attn/Runtime/Npy.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <string_view>

namespace attn::tool {

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::vector<int64_t> Value::shape() const {
  return tensor() ? tensor()->shape : std::vector<int64_t>();
}

int64_t Value::bytes() const {
  if (!tensor())
    return 0;
  int64_t count = 1;
  for (int64_t size : tensor()->shape)
    count *= size;
  return count * elementBytes(tensor()->type);
}

template <typename T>
static void appendAs(const void *data, int64_t count, std::vector<double> &to) {
  const T *elements = static_cast<const T *>(data);
  to.assign(elements, elements + count);
}

static std::vector<double> toDoubles(const void *data, ElementType type,
                                     int64_t count) {
  std::vector<double> doubles;
  switch (type) {
  case ElementType::f32:
    appendAs<float>(data, count, doubles);
    break;
  case ElementType::f64:
    appendAs<double>(data, count, doubles);
    break;
  case ElementType::f16:
    appendAs<_Float16>(data, count, doubles);
    break;
  case ElementType::bf16:
    // A bf16 is the upper half of the f32 of the same value.
    for (int64_t i = 0; i < count; ++i) {
      uint32_t bits = static_cast<const uint16_t *>(data)[i];
      bits <<= 16;
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      doubles.push_back(value);
    }
    break;
  case ElementType::i32:
    appendAs<int32_t>(data, count, doubles);
    break;
  case ElementType::i64:
  case ElementType::index:
    appendAs<int64_t>(data, count, doubles);
    break;
  case ElementType::i8:
  case ElementType::i1:
    appendAs<int8_t>(data, count, doubles);
    break;
  }
  return doubles;
}

reference::Array Value::toArray(bool withData) const {
  if (const Scalar *scalar = std::get_if<Scalar>(&argument))
    return {{}, toDoubles(scalar->bytes, scalar->type, 1)};
  const Tensor &view = *tensor();
  if (!withData)
    return {view.shape, {}};
  return {view.shape,
          toDoubles(view.data, view.type, bytes() / elementBytes(view.type))};
}

/// Allocates a tensor whose shape has been checked with elementCount.
static Result<Value> allocate(ElementType type,
                              const std::vector<int64_t> &shape) {
  Value value;
  value.argument = Tensor(nullptr, type, shape);
  // An empty tensor has an address too.
  if (Status status = value.memory.reserve(std::max<int64_t>(value.bytes(), 1));
      !status)
    return status.takeFailure();
  std::get<Tensor>(value.argument).data = value.memory.data();
  return value;
}

//===----------------------------------------------------------------------===//
// What --inputs says
//===----------------------------------------------------------------------===//

template <typename Number>
static std::optional<Number> parseNumber(std::string_view text) {
  Number number;
  auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size())
    return std::nullopt;
  return number;
}

/// "1x32x1024x128".
static std::optional<std::vector<int64_t>> parseShape(std::string_view text) {
  std::vector<int64_t> shape;
  while (true) {
    size_t end = text.find('x');
    std::optional<int64_t> size = parseNumber<int64_t>(text.substr(0, end));
    if (!size || *size < 0)
      return std::nullopt;
    shape.push_back(*size);
    if (end == std::string_view::npos)
      return shape;
    text.remove_prefix(end + 1);
  }
}

/// Normally distributed values: Box and Muller's transform of a generator that
/// the C++ standard defines bit by bit.  (std::normal_distribution is not.)
static void fillNormal(float *data, int64_t count, uint64_t seed) {
  std::mt19937_64 generator(seed);
  // Uniform in (0, 1).
  auto uniform = [&] {
    return (static_cast<double>(generator() >> 11) + 0.5) * 0x1p-53;
  };
  const double fullTurn = 6.283185307179586;
  for (int64_t i = 0; i < count; i += 2) {
    double radius = std::sqrt(-2 * std::log(uniform()));
    double angle = fullTurn * uniform();
    data[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count)
      data[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

/// What can be generated, and what its last number is, if it has one.
struct Generator {
  std::string_view kind, last;
  uint64_t least;
  bool isOptional;
};
static constexpr Generator generators[] = {
    {"random", "SEED", 0, true},  {"zeros", "", 0, true},
    {"ones", "", 0, true},        {"range", "N", 1, true},
    {"multiples", "N", 0, false}, {"integers", "N", 1, false}};

/// A generated array; an error for what is not of the form KIND:SHAPE[:NUMBER].
static Result<NpyArray> generate(const Generator &generator,
                                 const std::string &spec, uint64_t seed) {
  std::string kind(generator.kind);
  size_t colon = spec.find(':'), second = spec.find(':', colon + 1);
  std::string_view shapeText =
      std::string_view(spec).substr(colon + 1, second - colon - 1);
  std::optional<std::vector<int64_t>> shape = parseShape(shapeText);
  if (!shape)
    return failure("'" + std::string(shapeText) +
                   "' is not a shape; allowed are sizes from 0 on, separated "
                   "by 'x', such as 1x32x1024x128");
  uint64_t number = kind == "random" ? seed : 1;
  if (second != std::string::npos || !generator.isOptional) {
    std::string text =
        second == std::string::npos ? "" : spec.substr(second + 1);
    std::optional<uint64_t> given = parseNumber<uint64_t>(text);
    if (generator.last.empty())
      return failure("':" + text + "' does not belong to '" + kind +
                     ":SHAPE', which ends there");
    std::string last(generator.last);
    if (!given || *given < generator.least)
      return failure("':" + text + "' does not belong to '" + kind +
                     ":SHAPE'; allowed is " + kind + ":SHAPE:" + last +
                     ", where " + last + " is an integer from " +
                     std::to_string(generator.least) + " on");
    number = *given;
  }

  Result<int64_t> count = elementCount(*shape, sizeof(float));
  if (!count)
    return count.takeFailure();
  NpyArray array;
  array.shape = *shape;
  array.bytes.resize(*count * sizeof(float));
  float *data = reinterpret_cast<float *>(array.bytes.data());
  if (kind == "random")
    fillNormal(data, *count, number);
  else if (kind == "range")
    for (int64_t n = 0; n < *count; ++n)
      data[n] = static_cast<float>(uint64_t(n % shape->back()) / number);
  else if (kind == "multiples")
    for (int64_t n = 0; n < *count; ++n)
      data[n] = static_cast<float>(uint64_t(n % shape->back()) * number);
  else if (kind == "integers")
    std::generate(data, data + *count,
                  [&, engine = std::mt19937_64(seed)]() mutable {
                    return static_cast<float>(engine() % number);
                  });
  else
    std::fill(data, data + *count, kind == "ones" ? 1.f : 0.f);
  return array;
}

static bool startsWith(const std::string &text, std::string_view prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

/// A 0-d array that holds the number exactly: integers up to 64 bits.
template <typename Number>
static NpyArray scalarArray(NpyType type, Number number) {
  NpyArray array;
  array.type = type;
  array.bytes.resize(sizeof(number));
  std::memcpy(array.bytes.data(), &number, sizeof(number));
  return array;
}

static Result<NpyArray> parseInput(const std::string &spec, uint64_t seed) {
  for (const Generator &generator : generators)
    if (startsWith(spec, std::string(generator.kind) + ":"))
      return generate(generator, spec, seed);
  if (std::optional<int64_t> number = parseNumber<int64_t>(spec))
    return scalarArray(NpyType::i8, *number);
  if (std::optional<double> number = parseNumber<double>(spec))
    return scalarArray(NpyType::f8, *number);
  const char *allowed = "; allowed are FILE.npy, random:SHAPE[:SEED], "
                        "zeros:SHAPE, ones:SHAPE, range:SHAPE[:N], "
                        "multiples:SHAPE:N, integers:SHAPE:N, and a number for "
                        "a scalar";
  if (spec.empty())
    return failure(std::string("it is empty") + allowed);
  Result<NpyArray> array = loadNpy(spec);
  // Perhaps it was not meant to be a file.
  bool isNpy = spec.size() > 4 && spec.substr(spec.size() - 4) == ".npy";
  if (!array && !isNpy)
    return failure(array.error() + allowed);
  return array;
}

/// "tensor<?x32x?x128xf32>" or "f32".
static std::string typeOf(const ManifestArgument &argument) {
  std::string element = elementTypeName(argument.type);
  if (!argument.isTensor)
    return element;
  std::string text = "tensor<";
  for (int64_t size : argument.shape)
    text += (size == ManifestArgument::dynamic ? "?" : std::to_string(size)) +
            std::string("x");
  return text + element + ">";
}

static Result<Value> makeInput(const ManifestArgument &argument,
                               const std::string &spec, uint64_t seed) {
  Result<NpyArray> array = parseInput(spec, seed);
  if (!array)
    return array.takeFailure();
  if (!argument.isTensor) {
    Result<Scalar> scalar = convertToScalar(*array, argument.type);
    if (!scalar)
      return scalar.takeFailure();
    Value value;
    value.argument = *scalar;
    return value;
  }
  if (array->shape.size() != argument.shape.size())
    return failure("the rank is " + std::to_string(array->shape.size()) +
                   " (shape " + formatShape(array->shape) + "), expected " +
                   std::to_string(argument.shape.size()) + " for " +
                   typeOf(argument));
  Result<OwnedTensor> converted = convertTo(*array, argument.type);
  if (!converted)
    return converted.takeFailure();
  Result<Value> value = allocate(converted->type, converted->shape);
  if (value && !converted->bytes.empty())
    std::memcpy(value->memory.data(), converted->bytes.data(),
                converted->bytes.size());
  return value;
}

Result<std::vector<Value>> makeInputs(const ManifestEntry &entry,
                                      const std::vector<std::string> &specs) {
  if (specs.size() != static_cast<size_t>(entry.numInputs())) {
    std::string expected;
    for (int64_t i = 0; i < entry.numInputs(); ++i)
      expected += (i ? ", " : "") + entry.arguments[i].name + " " +
                  typeOf(entry.arguments[i]);
    return failure("--inputs has " + std::to_string(specs.size()) +
                   (specs.size() == 1 ? " item" : " items") + ", but '" +
                   entry.name + "' takes " + std::to_string(entry.numInputs()) +
                   ": " + expected);
  }
  std::vector<Value> inputs;
  for (size_t i = 0; i < specs.size(); ++i) {
    Result<Value> input = makeInput(entry.arguments[i], specs[i], i);
    if (!input)
      return failure("input " + std::to_string(i + 1) + " '" +
                     entry.arguments[i].name + "' of '" + entry.name +
                     "': " + input.error());
    inputs.push_back(*std::move(input));
  }
  return inputs;
}

Result<std::vector<Value>> makeOutputs(const ManifestEntry &entry,
                                       const std::vector<Argument> &inputs) {
  std::vector<Value> outputs;
  for (int64_t i = 0; i < entry.numOutputs(); ++i) {
    Result<std::vector<int64_t>> shape = outputShape(entry, inputs, i);
    if (!shape)
      return shape.takeFailure();
    Result<Value> output =
        allocate(entry.arguments[entry.numInputs() + i].type, *shape);
    if (!output)
      return output.takeFailure();
    outputs.push_back(*std::move(output));
  }
  return outputs;
}

} // namespace attn::tool
