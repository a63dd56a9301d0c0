//===- LaunchFile.cpp - What launch.json says -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/attn-emulate/LaunchFile.h"

#include "runtime/devices/emulator/TensorMap.h"
#include "tools/CommandLine.h"

#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

using namespace attn;
using namespace attn::tool;
using emulator::Dim3;
using nlohmann::json;

namespace {

/// How elements of a data type are stored.
struct DataType {
  NpyType npy;
  std::optional<emulator::TensorMapType> map;
};

using Map = emulator::TensorMapType;
const std::map<std::string, DataType> dataTypes = {
    {"bf16", {NpyType::u2, Map::bf16}}, {"f16", {NpyType::f2, Map::f16}},
    {"f32", {NpyType::f4, Map::f32}},   {"f64", {NpyType::f8, Map::f64}},
    {"tf32", {NpyType::f4, Map::tf32}}, {"e4m3", {NpyType::u1, Map::u8}},
    {"e5m2", {NpyType::u1, Map::u8}},   {"u8", {NpyType::u1, Map::u8}},
    {"i8", {NpyType::i1, Map::u8}},     {"u16", {NpyType::u2, Map::u16}},
    {"i16", {NpyType::i2, Map::u16}},   {"u32", {NpyType::u4, Map::u32}},
    {"i32", {NpyType::i4, Map::s32}},   {"i64", {NpyType::i8, Map::s64}},
};

/// Reads values out of the JSON; the first error stays.
class Reader {
public:
  Reader(std::string path, emulator::Memory &memory)
      : path(std::move(path)), memory(memory) {}

  Result<LaunchFile> run();

private:
  void fail(const std::string &what) {
    if (error.empty())
      error = "'" + path + "': " + what;
  }
  /// An integer of the object within limits.
  int64_t integer(const json &value, const std::string &what, int64_t least,
                  int64_t most);
  std::string text(const json &value, const std::string &what);
  std::vector<int64_t> integers(const json &value, const std::string &what,
                                size_t least, size_t most, int64_t smallest,
                                int64_t largest);
  Dim3 dim3(const json &value, const std::string &what);
  void onlyKeys(const json &object, const std::string &what,
                std::initializer_list<const char *> allowed);
  const DataType *dataType(const json &value, const std::string &what);
  void readBuffer(const json &value, const std::string &what);
  void readArgument(const json &value, const std::string &what);
  void readTensorMap(const json &value, const std::string &what);
  void readOptions(const json &file);
  const Buffer *bufferOf(const json &value, const std::string &what);

  std::string path;
  emulator::Memory &memory;
  LaunchFile launch;
  std::string error;
};

} // namespace

int64_t Reader::integer(const json &value, const std::string &what,
                        int64_t least, int64_t most) {
  // A number above 2^63 - 1 is unsigned to the library.
  bool fits =
      value.is_number_integer() &&
      !(value.is_number_unsigned() &&
        value.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()));
  int64_t number = fits ? value.get<int64_t>() : 0;
  if (fits && number >= least && number <= most)
    return number;
  fail(what + " is " + value.dump().substr(0, 60) +
       "; allowed are integers from " + std::to_string(least) + " to " +
       std::to_string(most));
  return least;
}

std::string Reader::text(const json &value, const std::string &what) {
  if (value.is_string())
    return value.get<std::string>();
  fail(what + " is " + value.dump().substr(0, 60) + "; a string is expected");
  return {};
}

std::vector<int64_t> Reader::integers(const json &value,
                                      const std::string &what, size_t least,
                                      size_t most, int64_t smallest,
                                      int64_t largest) {
  std::vector<int64_t> result;
  if (!value.is_array() || value.size() < least || value.size() > most) {
    fail(what + " is " + value.dump().substr(0, 60) + "; a list of " +
         std::to_string(least) +
         (least == most ? "" : " to " + std::to_string(most)) +
         " integers is expected");
    return result;
  }
  for (const json &element : value)
    result.push_back(
        integer(element, "a number of " + what, smallest, largest));
  return result;
}

Dim3 Reader::dim3(const json &value, const std::string &what) {
  std::vector<int64_t> sizes =
      integers(value, what, 1, 3, 0, std::numeric_limits<int32_t>::max());
  sizes.resize(3, 1);
  return {static_cast<uint32_t>(sizes[0]), static_cast<uint32_t>(sizes[1]),
          static_cast<uint32_t>(sizes[2])};
}

void Reader::onlyKeys(const json &object, const std::string &what,
                      std::initializer_list<const char *> allowed) {
  if (!object.is_object())
    return fail(what + " is " + object.dump().substr(0, 60) +
                "; an object is expected");
  for (const auto &item : object.items()) {
    bool isKnown = false;
    std::string list;
    for (const char *name : allowed) {
      isKnown |= item.key() == name;
      list += (list.empty() ? "" : ", ") + std::string(name);
    }
    if (!isKnown)
      return fail(what + " has the unknown key '" + item.key() +
                  "'; allowed are " + list);
  }
}

const DataType *Reader::dataType(const json &value, const std::string &what) {
  std::string name = text(value, what);
  auto found = dataTypes.find(name);
  if (found != dataTypes.end())
    return &found->second;
  std::string list;
  for (const auto &type : dataTypes)
    list += (list.empty() ? "" : ", ") + type.first;
  fail(what + " is '" + name + "'; allowed are " + list);
  return nullptr;
}

void Reader::readBuffer(const json &value, const std::string &what) {
  onlyKeys(value, what, {"in", "out", "shape", "dtype"});
  if (!error.empty())
    return;
  Buffer buffer;
  if (value.contains("in"))
    buffer.in = text(value["in"], what + ", 'in'");
  if (value.contains("out"))
    buffer.out = text(value["out"], what + ", 'out'");
  if (!buffer.in.empty()) {
    if (value.contains("shape") || value.contains("dtype"))
      return fail(what +
                  " has 'shape' or 'dtype' beside 'in'; the file of 'in' "
                  "decides both");
    Result<NpyArray> array = loadNpy(buffer.in);
    if (!array)
      return fail(what + ": " + array.error());
    buffer.type = array->type;
    buffer.shape = std::move(array->shape);
    buffer.initial = std::move(array->bytes);
    buffer.bytes = buffer.initial.size();
  } else {
    if (!value.contains("shape") || !value.contains("dtype"))
      return fail(what + " needs 'in', or 'shape' and 'dtype'");
    buffer.shape = integers(value["shape"], what + ", 'shape'", 0, 16, 0,
                            int64_t(1) << 40);
    const DataType *type = dataType(value["dtype"], what + ", 'dtype'");
    if (!type)
      return;
    buffer.type = type->npy;
    int64_t size = npyTypeBytes(type->npy);
    Result<int64_t> count = elementCount(buffer.shape, size);
    if (!count)
      return fail(what + ", 'shape': " + count.error());
    if (*count * size > int64_t(1) << 34)
      return fail(what + " has " + std::to_string(*count * size) +
                  " bytes; at most 2^34 are allowed");
    buffer.bytes = static_cast<uint64_t>(*count * size);
  }
  std::string name = "buffer " + std::to_string(launch.buffers.size());
  if (const std::string &file = buffer.in.empty() ? buffer.out : buffer.in;
      !file.empty())
    name += " (" + file + ")";
  buffer.data = memory.allocate(buffer.bytes, name);
  if (!buffer.data)
    return fail("there is no memory for the " + std::to_string(buffer.bytes) +
                " bytes of " + name);
  if (!buffer.initial.empty()) {
    std::memcpy(buffer.data, buffer.initial.data(), buffer.initial.size());
    memory.markInitialized(buffer.data, buffer.initial.size());
    buffer.initial.clear();
  }
  launch.buffers.push_back(std::move(buffer));
}

const Buffer *Reader::bufferOf(const json &value, const std::string &what) {
  int64_t number =
      integer(value, what, 0, static_cast<int64_t>(launch.buffers.size()) - 1);
  return error.empty() ? &launch.buffers[static_cast<size_t>(number)] : nullptr;
}

void Reader::readTensorMap(const json &value, const std::string &what) {
  onlyKeys(value, what,
           {"buffer", "offset", "dtype", "dims", "strides", "box",
            "element_strides", "swizzle", "interleave", "fill"});
  for (const char *key : {"buffer", "dtype", "dims", "strides", "box"})
    if (error.empty() && !value.contains(key))
      fail(what + " lacks '" + key + "'");
  if (!error.empty())
    return;
  const Buffer *buffer = bufferOf(value["buffer"], what + ", 'buffer'");
  const DataType *type = dataType(value["dtype"], what + ", 'dtype'");
  const int64_t most = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> dims =
      integers(value["dims"], what + ", 'dims'", 1, 5, 0, most);
  std::vector<int64_t> strides =
      integers(value["strides"], what + ", 'strides'", dims.size() - 1,
               dims.size() - 1, 0, most);
  std::vector<int64_t> box =
      integers(value["box"], what + ", 'box'", dims.size(), dims.size(), 0,
               std::numeric_limits<int32_t>::max());
  std::vector<int64_t> steps(dims.size(), 1);
  if (value.contains("element_strides"))
    steps = integers(value["element_strides"], what + ", 'element_strides'",
                     dims.size(), dims.size(), 0,
                     std::numeric_limits<int32_t>::max());
  int64_t offset = value.contains("offset")
                       ? integer(value["offset"], what + ", 'offset'", 0, most)
                       : 0;
  int64_t swizzle =
      value.contains("swizzle")
          ? integer(value["swizzle"], what + ", 'swizzle'", 0, 128)
          : 0;
  std::string fill =
      value.contains("fill") ? text(value["fill"], what + ", 'fill'") : "zero";
  int64_t interleave =
      value.contains("interleave")
          ? integer(value["interleave"], what + ", 'interleave'", 0, 32)
          : 0;
  if (!error.empty())
    return;
  emulator::TensorMapDescription map;
  map.type = *type->map;
  map.rank = static_cast<uint32_t>(dims.size());
  map.base = static_cast<uint8_t *>(buffer->data) + offset;
  for (size_t d = 0; d < dims.size(); ++d) {
    map.dims[d] = static_cast<uint64_t>(dims[d]);
    map.box[d] = static_cast<uint32_t>(box[d]);
    map.elementStrides[d] = static_cast<uint32_t>(steps[d]);
    if (d + 1 < dims.size())
      map.strides[d] = static_cast<uint64_t>(strides[d]);
  }
  switch (swizzle) {
  case 0:
    map.swizzle = emulator::TensorMapSwizzle::none;
    break;
  case 32:
    map.swizzle = emulator::TensorMapSwizzle::of32Bytes;
    break;
  case 64:
    map.swizzle = emulator::TensorMapSwizzle::of64Bytes;
    break;
  case 128:
    map.swizzle = emulator::TensorMapSwizzle::of128Bytes;
    break;
  default:
    return fail(what + ", 'swizzle' is " + std::to_string(swizzle) +
                "; allowed are 0, 32, 64 and 128");
  }
  switch (interleave) {
  case 0:
    map.interleave = emulator::TensorMapInterleave::none;
    break;
  case 16:
    map.interleave = emulator::TensorMapInterleave::of16Bytes;
    break;
  case 32:
    map.interleave = emulator::TensorMapInterleave::of32Bytes;
    break;
  default:
    return fail(what + ", 'interleave' is " + std::to_string(interleave) +
                "; allowed are 0, 16 and 32");
  }
  if (fill != "zero" && fill != "nan")
    return fail(what + ", 'fill' is '" + fill + "'; allowed are zero and nan");
  map.fill = fill == "nan" ? emulator::TensorMapFill::nan
                           : emulator::TensorMapFill::zero;
  Result<emulator::TensorMapBits> bits = emulator::encodeTiled(map);
  if (!bits)
    return fail(what + ": " + bits.error());
  launch.arguments.push_back(emulator::Argument::of(*bits));
}

void Reader::readArgument(const json &value, const std::string &what) {
  if (!value.is_object() || value.size() != 1)
    return fail(what + " is " + value.dump().substr(0, 60) +
                "; an object with one key is expected: buffer, tensormap, i32, "
                "i64, u32, u64, f32, f64 or bytes");
  const std::string kind = value.begin().key();
  const json &given = value.begin().value();
  const std::string name = what + ", '" + kind + "'";
  auto add = [&](auto number) {
    launch.arguments.push_back(emulator::Argument::of(number));
  };
  auto number = [&]() -> double {
    // JSON has no infinities.
    if (given.is_string()) {
      std::string word = given.get<std::string>();
      if (word == "inf" || word == "-inf")
        return word == "inf" ? std::numeric_limits<double>::infinity()
                             : -std::numeric_limits<double>::infinity();
      if (word == "nan")
        return std::numeric_limits<double>::quiet_NaN();
    }
    if (given.is_number())
      return given.get<double>();
    fail(name + " is " + given.dump().substr(0, 60) +
         "; a number, \"inf\", \"-inf\" or \"nan\" is expected");
    return 0;
  };
  const int64_t least = std::numeric_limits<int64_t>::min(),
                most = std::numeric_limits<int64_t>::max();
  if (kind == "buffer") {
    if (const Buffer *buffer = bufferOf(given, name))
      add(reinterpret_cast<uint64_t>(buffer->data));
  } else if (kind == "tensormap") {
    readTensorMap(given, name);
  } else if (kind == "i32") {
    add(static_cast<int32_t>(integer(given, name,
                                     std::numeric_limits<int32_t>::min(),
                                     std::numeric_limits<int32_t>::max())));
  } else if (kind == "u32") {
    add(static_cast<uint32_t>(
        integer(given, name, 0, std::numeric_limits<uint32_t>::max())));
  } else if (kind == "i64") {
    add(integer(given, name, least, most));
  } else if (kind == "u64") {
    add(given.is_number_unsigned()
            ? given.get<uint64_t>()
            : static_cast<uint64_t>(integer(given, name, 0, most)));
  } else if (kind == "f32") {
    add(static_cast<float>(number()));
  } else if (kind == "f64") {
    add(number());
  } else if (kind == "bytes") {
    emulator::Argument argument;
    for (int64_t byte : integers(given, name, 0, 4096, 0, 255))
      argument.bytes += static_cast<char>(byte);
    launch.arguments.push_back(std::move(argument));
  } else {
    fail(what + " has the unknown kind '" + kind +
         "'; allowed are buffer, tensormap, i32, i64, u32, u64, f32, f64 and "
         "bytes");
  }
}

void Reader::readOptions(const json &file) {
  emulator::LaunchOptions &options = launch.options;
  if (file.contains("checks")) {
    options = emulator::LaunchOptions::unchecked();
    if (!file["checks"].is_array())
      return fail("'checks' is " + file["checks"].dump().substr(0, 60) +
                  "; a list of names is expected");
    for (const json &entry : file["checks"]) {
      std::string name = text(entry, "an element of 'checks'");
      if (Status status = options.enableCheck(name); !status)
        return fail(status.error());
    }
  }
  if (file.contains("async")) {
    if (Status status = options.setAsync(text(file["async"], "'async'"));
        !status)
      return fail(status.error());
  }
  const int64_t most = std::numeric_limits<int64_t>::max();
  if (file.contains("seed"))
    options.seed =
        static_cast<uint64_t>(integer(file["seed"], "'seed'", 0, most));
  if (file.contains("spurious_try_waits"))
    options.spuriousTryWaits = static_cast<unsigned>(integer(
        file["spurious_try_waits"], "'spurious_try_waits'", 0, 1 << 20));
  if (file.contains("approximation_jitter"))
    options.approximationJitter = static_cast<unsigned>(integer(
        file["approximation_jitter"], "'approximation_jitter'", 0, 1 << 10));
  if (file.contains("max_instructions"))
    options.maxInstructions = static_cast<uint64_t>(
        integer(file["max_instructions"], "'max_instructions'", 1, most));
  if (file.contains("max_idle_instructions"))
    options.maxIdleInstructions = static_cast<uint64_t>(integer(
        file["max_idle_instructions"], "'max_idle_instructions'", 1, most));
}

Result<LaunchFile> Reader::run() {
  Result<std::string> content = readInput(path);
  if (!content)
    return content.takeFailure();
  json file = json::parse(*content, nullptr, /*allow_exceptions=*/false);
  if (file.is_discarded())
    return failure("'" + path + "' is not valid JSON");
  onlyKeys(file, "the launch",
           {"kernel", "grid", "block", "cluster", "shared", "registers",
            "buffers", "args", "checks", "async", "seed", "spurious_try_waits",
            "approximation_jitter", "max_instructions",
            "max_idle_instructions"});
  for (const char *key : {"kernel", "grid", "block"})
    if (error.empty() && !file.contains(key))
      fail(std::string("the launch lacks '") + key + "'");
  if (!error.empty())
    return failure(error);
  launch.kernel = text(file["kernel"], "'kernel'");
  launch.dimensions.grid = dim3(file["grid"], "'grid'");
  launch.dimensions.block = dim3(file["block"], "'block'");
  if (file.contains("cluster"))
    if (Dim3 cluster = dim3(file["cluster"], "'cluster'"); cluster.count() != 1)
      fail("'cluster' is " + file["cluster"].dump() +
           "; clusters of several CTAs are not emulated");
  if (file.contains("shared"))
    launch.dimensions.dynamicSharedBytes =
        static_cast<uint32_t>(integer(file["shared"], "'shared'", 0, 1 << 20));
  if (file.contains("registers"))
    launch.dimensions.registersPerThread = static_cast<uint32_t>(
        integer(file["registers"], "'registers'", 1, 255));
  for (const char *key : {"buffers", "args"}) {
    if (!file.contains(key))
      continue;
    const json &list = file[key];
    if (!list.is_array())
      fail(std::string("'") + key + "' is " + list.dump().substr(0, 60) +
           "; a list is expected");
    bool isBuffer = std::string(key) == "buffers";
    for (size_t n = 0; n < list.size() && error.empty(); ++n)
      if (isBuffer)
        readBuffer(list[n], "buffer " + std::to_string(n));
      else
        readArgument(list[n], "argument " + std::to_string(n));
  }
  if (error.empty())
    readOptions(file);
  if (!error.empty())
    return failure(error);
  return std::move(launch);
}

Result<LaunchFile> attn::tool::loadLaunch(const std::string &path,
                                          emulator::Memory &memory) {
  return Reader(path, memory).run();
}

Status attn::tool::saveOutputs(const LaunchFile &launch) {
  for (const Buffer &buffer : launch.buffers) {
    if (buffer.out.empty())
      continue;
    NpyArray array;
    array.type = buffer.type;
    array.shape = buffer.shape;
    const auto *bytes = static_cast<const unsigned char *>(buffer.data);
    array.bytes.assign(bytes, bytes + buffer.bytes);
    if (Status status = saveNpy(buffer.out, array); !status)
      return status;
  }
  return Status::success();
}
