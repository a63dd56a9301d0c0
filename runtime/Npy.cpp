//===- Npy.cpp - Reads and writes .npy files ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Npy.h"
#include "File.h"
#include "Guard.h"
#include "NpyTypes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

using namespace attn;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "elements are copied without swapping bytes");

static constexpr std::string_view npyMagic("\x93NUMPY", 6);
static constexpr const char *allowedTypes =
    "f2, f4, f8, i1, i2, i4, i8, u1, u2, u4 and b1, little-endian";

namespace {
struct Header {
  std::string type;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Parses the header, a Python literal such as
///   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
/// with its keys in any order.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest(text) {}
  /// Nothing on any error; `problem` then says what is wrong.
  std::optional<Header> parse();
  std::string problem;

private:
  void skipSpace();
  bool consume(char c);
  bool consumeWord(std::string_view word);
  std::optional<std::string> parseString();
  bool parseShape(std::vector<int64_t> &shape);
  bool parseValue(const std::string &key, Header &header);
  std::nullopt_t fail(std::string what) {
    if (problem.empty())
      problem = std::move(what);
    return std::nullopt;
  }

  std::string_view rest;
};
} // namespace

void HeaderParser::skipSpace() {
  size_t count = rest.find_first_not_of(" \t\n\r");
  rest.remove_prefix(std::min(count, rest.size()));
}

bool HeaderParser::consume(char c) {
  skipSpace();
  if (rest.empty() || rest[0] != c)
    return false;
  rest.remove_prefix(1);
  return true;
}

bool HeaderParser::consumeWord(std::string_view word) {
  skipSpace();
  if (rest.substr(0, word.size()) != word)
    return false;
  rest.remove_prefix(word.size());
  return true;
}

std::optional<std::string> HeaderParser::parseString() {
  skipSpace();
  if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
    return std::nullopt;
  size_t end = rest.find(rest[0], 1);
  if (end == std::string_view::npos)
    return std::nullopt;
  std::string text(rest.substr(1, end - 1));
  rest.remove_prefix(end + 1);
  return text;
}

bool HeaderParser::parseShape(std::vector<int64_t> &shape) {
  if (!consume('('))
    return false;
  bool afterComma = true;
  while (!consume(')')) {
    skipSpace();
    size_t length = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (!afterComma || length == 0)
      return false;
    int64_t size = 0;
    for (char digit : rest.substr(0, length))
      if (__builtin_mul_overflow(size, 10, &size) ||
          __builtin_add_overflow(size, digit - '0', &size))
        return false;
    rest.remove_prefix(length);
    shape.push_back(size);
    afterComma = consume(',');
  }
  // (3) is a number in Python, not a tuple.
  return shape.size() != 1 || afterComma;
}

bool HeaderParser::parseValue(const std::string &key, Header &header) {
  if (key == "descr") {
    auto text = parseString();
    if (!text) {
      fail("'descr' is not a string: structured types are not supported; "
           "allowed are " +
           std::string(allowedTypes));
      return false;
    }
    header.type = *text;
    return true;
  }
  if (key == "fortran_order") {
    header.fortranOrder = consumeWord("True");
    if (header.fortranOrder || consumeWord("False"))
      return true;
    fail("'fortran_order' is neither True nor False");
    return false;
  }
  if (key == "shape") {
    if (parseShape(header.shape))
      return true;
    fail("'shape' is not a tuple of sizes of at most 63 bits");
    return false;
  }
  fail("there is an unknown key '" + key + "'");
  return false;
}

std::optional<Header> HeaderParser::parse() {
  Header header;
  std::vector<std::string> seen;
  if (!consume('{'))
    return fail("it does not start with '{'");
  while (!consume('}')) {
    auto key = parseString();
    if (!key || !consume(':'))
      return fail("expected a key and ':'");
    for (const std::string &other : seen)
      if (other == *key)
        return fail("the key '" + *key + "' occurs twice");
    seen.push_back(*key);
    if (!parseValue(*key, header))
      return fail("the value of '" + *key + "' cannot be read");
    if (!consume(',')) {
      if (!consume('}'))
        return fail("expected ',' or '}'");
      break;
    }
  }
  skipSpace();
  if (!rest.empty())
    return fail("there is text behind '}'");
  if (seen.size() != 3)
    return fail("expected the keys 'descr', 'fortran_order' and 'shape'");
  return header;
}

static std::optional<NpyType> parseNpyType(std::string_view text) {
  if (text.size() != 3)
    return std::nullopt;
  bool isSingleByte = text[2] == '1';
  bool isNativeOrder = text[0] == '<' || text[0] == '=' || text[0] == '|';
  if (!isNativeOrder && !(isSingleByte && text[0] == '>'))
    return std::nullopt;
  for (NpyType type : {NpyType::b1, NpyType::i1, NpyType::u1, NpyType::i2,
                       NpyType::u2, NpyType::i4, NpyType::u4, NpyType::i8,
                       NpyType::f2, NpyType::f4, NpyType::f8})
    if (text.substr(1) == npyTypeName(type))
      return type;
  return std::nullopt;
}

/// Bytes from the file may be anything, errors are text.
static std::string printable(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, 200))
    result += c >= ' ' && c <= '~' ? c : '?';
  return result;
}

namespace {
/// The header and where the data begins.
struct Preamble {
  Header header;
  NpyType type;
  size_t dataOffset;
};
} // namespace

static Result<Preamble> readPreamble(const FileDescriptor &file,
                                     size_t fileSize, const std::string &name) {
  auto truncated = [&](const std::string &where, size_t needed) {
    return failure(name + " is truncated in its " + where + ": it has " +
                   std::to_string(fileSize) + " bytes, expected at least " +
                   std::to_string(needed));
  };
  constexpr size_t maxPrefix = 12;
  auto prefix = readFile(file, std::min(fileSize, maxPrefix), name);
  if (!prefix)
    return prefix.takeFailure();
  if (prefix->compare(0, npyMagic.size(), npyMagic) != 0)
    return failure(name + " is not a .npy file: it does not start with "
                          "\\x93NUMPY");
  if (fileSize < 8)
    return truncated("version", 8);
  auto byte = [&](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>((*prefix)[i]));
  };
  if (byte(6) < 1 || byte(6) > 3 || byte(7) != 0)
    return failure(name + " has .npy format version " +
                   std::to_string(byte(6)) + "." + std::to_string(byte(7)) +
                   "; allowed are 1.0, 2.0 and 3.0");
  size_t headerOffset = byte(6) == 1 ? 10 : 12;
  if (fileSize < headerOffset)
    return truncated("header", headerOffset);
  size_t headerSize = byte(8) | byte(9) << 8;
  if (headerOffset == 12)
    headerSize |= byte(10) << 16 | byte(11) << 24;
  if (fileSize - headerOffset < headerSize)
    return truncated("header", headerOffset + headerSize);

  auto bytes = readFile(file, headerOffset + headerSize, name);
  if (!bytes)
    return bytes.takeFailure();
  HeaderParser parser(std::string_view(*bytes).substr(headerOffset));
  std::optional<Header> header = parser.parse();
  if (!header)
    return failure(name + " has a bad header: " + printable(parser.problem));
  std::optional<NpyType> type = parseNpyType(header->type);
  if (!type)
    return failure(name + " has the unsupported dtype '" +
                   printable(header->type) + "'; allowed are " + allowedTypes);
  if (header->fortranOrder)
    return failure(name + " is in Fortran order; allowed is C order "
                          "(numpy.ascontiguousarray)");
  return Preamble{*std::move(header), *type, headerOffset + headerSize};
}

Result<NpyArray> attn::loadNpy(const std::string &path) {
  return guarded([&]() -> Result<NpyArray> {
    std::string name = "'" + path + "'";
    FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info;
    if (!file || fstat(file.get(), &info) != 0)
      return failure("cannot open " + name + ": " + errorText(errno));
    if (!S_ISREG(info.st_mode))
      return failure(name + " is not a regular file");
    size_t fileSize = static_cast<size_t>(info.st_size);
    auto preamble = readPreamble(file, fileSize, name);
    if (!preamble)
      return preamble.takeFailure();

    NpyArray array;
    array.type = preamble->type;
    array.shape = std::move(preamble->header.shape);
    int64_t elementSize = npyTypeBytes(array.type);
    auto count = elementCount(array.shape, elementSize);
    if (!count)
      return failure(name + ": " + count.error());
    size_t expected = static_cast<size_t>(*count * elementSize);
    size_t found = fileSize - preamble->dataOffset;
    if (found != expected)
      return failure(
          name +
          (found < expected ? " is truncated: " : " has trailing bytes: ") +
          "it has " + std::to_string(found) + " bytes of data, expected " +
          std::to_string(expected) + " for shape " + formatShape(array.shape) +
          " of " + npyTypeName(array.type));
    array.bytes.resize(expected);
    if (Status status = readFileAt(file, preamble->dataOffset,
                                   array.bytes.data(), expected, name);
        !status)
      return status.takeFailure();
    return array;
  });
}

static std::string makePreamble(NpyType type,
                                const std::vector<int64_t> &shape) {
  std::string text = "{'descr': '";
  text += npyTypeBytes(type) == 1 ? '|' : '<';
  text +=
      std::string(npyTypeName(type)) + "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  text += shape.size() == 1 ? ",), }" : "), }";
  // Data starts at a multiple of 64 bytes. Version 1.0 is for headers below
  // 64 KiB.
  size_t prefix = 10;
  auto padded = [&] { return (prefix + text.size() + 1 + 63) / 64 * 64; };
  if (padded() - prefix > 0xffff)
    prefix = 12;
  size_t headerSize = padded() - prefix;
  text.resize(headerSize - 1, ' ');
  std::string preamble(npyMagic);
  preamble += prefix == 10 ? '\1' : '\2';
  preamble += '\0';
  for (size_t i = 8; i < prefix; ++i)
    preamble += static_cast<char>(headerSize >> (8 * (i - 8)) & 0xff);
  return preamble + text + '\n';
}

/// The elements of a tensor that is not empty, in C order.
static std::string gatherData(const Tensor &tensor, int64_t count) {
  auto size = static_cast<size_t>(npyTypeBytes(npyTypeOf(tensor.type)));
  std::string bytes(static_cast<size_t>(count) * size, '\0');
  auto *target = reinterpret_cast<unsigned char *>(bytes.data());
  std::vector<int64_t> position(tensor.shape.size(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i, target += size) {
    storeAsNpy(static_cast<const char *>(tensor.data) +
                   offset * elementBytes(tensor.type),
               tensor.type, target);
    for (size_t dim = position.size(); dim-- > 0;) {
      offset += tensor.strides[dim];
      if (++position[dim] < tensor.shape[dim])
        break;
      offset -= tensor.strides[dim] * tensor.shape[dim];
      position[dim] = 0;
    }
  }
  return bytes;
}

/// `name` is the path in quotes.
static Status writeNpy(const std::string &path, const std::string &name,
                       NpyType type, const std::vector<int64_t> &shape,
                       std::string_view data) {
  FileDescriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file)
    return failure("cannot create " + name + ": " + errorText(errno));
  Status status = writeFile(file, makePreamble(type, shape), name);
  if (status)
    status = writeFile(file, data, name);
  // Some file systems report a full disk only here.
  if (close(file.release()) != 0 && status)
    status = failure("cannot write " + name + ": " + errorText(errno));
  return status;
}

Status attn::saveNpy(const std::string &path, const NpyArray &array) {
  return guarded([&]() -> Status {
    std::string name = "'" + path + "'";
    int64_t size = npyTypeBytes(array.type);
    auto count = elementCount(array.shape, size);
    if (!count)
      return failure("cannot write " + name + ": " + count.error());
    if (static_cast<uint64_t>(*count * size) != array.bytes.size())
      return failure("cannot write " + name + ": there are " +
                     std::to_string(array.bytes.size()) +
                     " bytes for the shape " + formatShape(array.shape) +
                     " of " + npyTypeName(array.type));
    return writeNpy(path, name, array.type, array.shape,
                    {reinterpret_cast<const char *>(array.bytes.data()),
                     array.bytes.size()});
  });
}

Status attn::saveNpy(const std::string &path, const Tensor &tensor) {
  return guarded([&]() -> Status {
    std::string name = "'" + path + "'";
    auto count = elementCount(tensor.shape, 8);
    if (!count)
      return failure("cannot write " + name + ": " + count.error());
    if (tensor.strides.size() != tensor.shape.size())
      return failure("cannot write " + name + ": there are " +
                     std::to_string(tensor.strides.size()) +
                     " strides for the shape " + formatShape(tensor.shape));
    if (*count > 0 && !tensor.data)
      return failure("cannot write " + name + ": the data pointer is null");
    std::string data = *count > 0 ? gatherData(tensor, *count) : "";
    return writeNpy(path, name, npyTypeOf(tensor.type), tensor.shape, data);
  });
}
