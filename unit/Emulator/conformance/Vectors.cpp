//===- Vectors.cpp - What a GPU computed ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file:
//
//   attn-conformance <version>
//   device <name>
//   compute-capability <90>
//   driver <version>
//   date <2026-11-21>
//   cases <n>
//
// and after an empty line, for each case: u16 length and name, u64 hash of the
// problem, u8 1 if it failed, u32 length and bytes. The last 8 bytes are a hash
// of all others. Numbers are little endian.
//
//===----------------------------------------------------------------------===//

#include "Vectors.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

using namespace attn;
using namespace attn::conformance;

static constexpr size_t hashedAbove = 1024, hashedBytes = 512;

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

std::string conformance::encodeVectors(const Vectors &vectors) {
  std::string bytes =
      "attn-conformance " + std::to_string(vectorsVersion) + "\ndevice " +
      vectors.device.name + "\ncompute-capability " +
      std::to_string(vectors.device.computeCapability) + "\ndriver " +
      vectors.device.driver + "\ndate " + vectors.date + "\ncases " +
      std::to_string(vectors.vectors.size()) + "\n\n";
  for (const Vector &vector : vectors.vectors) {
    append(bytes, vector.name.size(), 2);
    bytes += vector.name;
    append(bytes, vector.hash, 8);
    append(bytes, vector.failed, 1);
    append(bytes, vector.bytes.size(), 4);
    bytes += vector.bytes;
  }
  append(bytes, hashOf(bytes.data(), bytes.size()), 8);
  return bytes;
}

namespace {
/// Reads from the front; what is not there is empty or 0.
class Reader {
public:
  explicit Reader(const std::string &bytes) : bytes(bytes) {}

  /// The rest of a line after a word, which must be there.
  std::string line(const std::string &word) {
    size_t end = bytes.find('\n', at);
    if (end == std::string::npos || bytes.compare(at, word.size(), word) != 0) {
      isBroken = true;
      return {};
    }
    size_t begin = std::min(at + word.size() + !word.empty(), end);
    at = end + 1;
    return bytes.substr(begin, end - begin);
  }
  uint64_t number(unsigned size) {
    if (bytes.size() - at < size) {
      isBroken = true;
      return 0;
    }
    at += size;
    return read(bytes, at - size, size);
  }
  std::string text(size_t size) {
    if (bytes.size() - at < size) {
      isBroken = true;
      return {};
    }
    at += size;
    return bytes.substr(at - size, size);
  }

  bool isBroken = false;
  size_t at = 0;

private:
  const std::string &bytes;
};
} // namespace

Result<Vectors> conformance::decodeVectors(const std::string &bytes) {
  Reader reader(bytes);
  std::string version = reader.line("attn-conformance");
  if (reader.isBroken)
    return failure("these are no conformance vectors: they do not begin with "
                   "'attn-conformance'");
  if (version != std::to_string(vectorsVersion))
    return failure("the vectors have format version " + version +
                   ", but this program reads version " +
                   std::to_string(vectorsVersion) +
                   "; write them again with scripts/gpu-conformance");
  Vectors vectors;
  vectors.device.name = reader.line("device");
  vectors.device.computeCapability =
      std::atoi(reader.line("compute-capability").c_str());
  vectors.device.driver = reader.line("driver");
  vectors.date = reader.line("date");
  std::string countText = reader.line("cases");
  reader.line("");
  size_t count = std::strtoull(countText.c_str(), nullptr, 10);
  for (size_t i = 0; i < count && !reader.isBroken; ++i) {
    Vector vector;
    vector.name = reader.text(reader.number(2));
    vector.hash = reader.number(8);
    vector.failed = reader.number(1) != 0;
    vector.bytes = reader.text(reader.number(4));
    vectors.vectors.push_back(std::move(vector));
  }
  size_t end = reader.at;
  uint64_t sum = reader.number(8);
  if (reader.isBroken)
    return failure("the vectors are truncated: they end after " +
                   std::to_string(bytes.size()) + " bytes, in case " +
                   std::to_string(vectors.vectors.size()) + " of " +
                   countText);
  if (sum != hashOf(bytes.data(), end) || reader.at != bytes.size())
    return failure("the vectors are damaged: their bytes do not have the hash "
                   "that was written with them");
  return vectors;
}

Status conformance::writeVectors(const std::string &path,
                                 const Vectors &vectors) {
  std::ofstream file(path, std::ios::binary);
  std::string bytes = encodeVectors(vectors);
  if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size())) ||
      !file.flush())
    return failure("cannot write '" + path + "'");
  return Status::success();
}

Result<Vectors> conformance::readVectors(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return failure("cannot read '" + path + "'");
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  Result<Vectors> vectors = decodeVectors(bytes);
  if (!vectors)
    return failure("'" + path + "': " + vectors.error());
  return vectors;
}

std::string conformance::fileNameFor(const DeviceInfo &device) {
  std::string name;
  for (char c : device.name)
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!name.empty() && name.back() != '-')
      name += '-';
  return name + "-" + std::to_string(device.computeCapability) + ".bin";
}

//===----------------------------------------------------------------------===//
// What is kept
//===----------------------------------------------------------------------===//

static bool isHashed(const Output &output) {
  return output.tolerance.ulps == 0 && output.tolerance.absolute == 0 &&
         output.bytes() > hashedAbove;
}

/// Hashes of 4 bytes. NaNs that count as equal become the same.
static std::string hashesOf(const Output &output, std::string bytes) {
  unsigned size = bytesOf(output.element);
  if (output.tolerance.anyNan)
    for (size_t at = 0; at < bytes.size(); at += size)
      if (isNan(decode(output.element, read(bytes, at, size))))
        write(bytes, at, nanOf(output.element), size);
  std::string hashes;
  for (size_t at = 0; at < bytes.size(); at += hashedBytes)
    append(hashes,
           hashOf(&bytes[at], std::min(hashedBytes, bytes.size() - at)), 4);
  return hashes;
}

std::string conformance::keep(const Problem &problem,
                              const std::string &output) {
  std::string kept;
  size_t offset = 0;
  for (const Output &one : problem.outputs) {
    std::string bytes = output.substr(offset, one.bytes());
    kept += isHashed(one) ? hashesOf(one, bytes) : bytes;
    offset += one.bytes();
  }
  return kept;
}

/// The hashes say where; what was expected there is known from the PTX ISA if
/// at all.
static void compareHashes(const Problem &problem, const Output &output,
                          const std::string &expected,
                          const std::string &actual, size_t offset,
                          const std::string &expectedName,
                          const std::string &actualName, Comparison &result) {
  std::string bytes = actual.substr(offset, output.bytes());
  std::string hashes = hashesOf(output, bytes);
  unsigned size = bytesOf(output.element);
  size_t perHash = hashedBytes / size;
  result.elements += output.count();
  for (size_t i = 0; i < hashes.size() / 4; ++i) {
    if (hashes.compare(i * 4, 4, expected, i * 4, 4) == 0)
      continue;
    size_t first = i * perHash;
    size_t last = std::min(first + perHash, output.count()) - 1;
    result.differing += last - first + 1;
    if (!result.first.empty())
      continue;
    result.first = "from " + whereIs(problem, output, first) + " to " +
                   whereIs(problem, output, last) + ": " + expectedName +
                   " has another hash than " + actualName;
    std::string isa = problem.expected ? problem.expected() : std::string();
    for (size_t e = first; e <= last && !isa.empty(); ++e) {
      uint64_t told = read(isa, offset + e * size, size),
               got = read(bytes, e * size, size);
      if (told == got)
        continue;
      result.first += "; in " + whereIs(problem, output, e) +
                      " the PTX ISA tells " + show(output.element, told) +
                      ", " + actualName + " has " + show(output.element, got);
      break;
    }
  }
}

Comparison conformance::compareKept(const Problem &problem,
                                    const std::string &kept,
                                    const std::string &actual,
                                    const std::string &expectedName,
                                    const std::string &actualName) {
  Comparison result;
  size_t offset = 0, keptOffset = 0;
  for (const Output &output : problem.outputs) {
    size_t size = output.bytes();
    if (isHashed(output))
      size = (size + hashedBytes - 1) / hashedBytes * 4;
    if (kept.size() < keptOffset + size) {
      result.differing += output.count();
      result.first = "only " + std::to_string(kept.size()) +
                     " bytes were kept of the output";
      return result;
    }
    std::string part = kept.substr(keptOffset, size);
    if (isHashed(output))
      compareHashes(problem, output, part, actual, offset, expectedName,
                    actualName, result);
    else
      compareOutput(problem, output, part,
                    actual.substr(offset, output.bytes()), expectedName,
                    actualName, result);
    keptOffset += size;
    offset += output.bytes();
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

std::vector<const Case *> conformance::casesCalled(const std::string &filter) {
  std::vector<const Case *> cases;
  for (const Case &one : allCases())
    if (one.name.find(filter) != std::string::npos)
      cases.push_back(&one);
  return cases;
}

std::string conformance::today() {
  std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

Vectors conformance::record(Device &device,
                            const std::vector<const Case *> &cases,
                            const std::function<void(const Case &)> &progress) {
  Vectors vectors;
  vectors.device = device.info();
  vectors.date = today();
  for (const Case *one : cases) {
    if (!one->target.runsOn(vectors.device.computeCapability))
      continue;
    if (progress)
      progress(*one);
    Problem problem = one->make();
    Result<std::string> output = device.run(*one, problem);
    vectors.vectors.push_back({one->name, problem.hash(), !output,
                               output ? keep(problem, *output)
                                      : output.error()});
  }
  return vectors;
}

Result<Replay> conformance::replay(const Vectors &vectors, Device &device,
                                   const std::string &filter) {
  Replay result;
  std::string from = vectors.device.name;
  std::vector<const Case *> cases = casesCalled(filter);
  auto changed = [&](const Vector &vector, const char *how) {
    return failure("the vectors of " + from + " are of " + vectors.date +
                   ", and case '" + vector.name + "' " + how +
                   " since; write them again with scripts/gpu-conformance");
  };
  for (const Vector &vector : vectors.vectors) {
    if (vector.name.find(filter) == std::string::npos)
      continue;
    auto found =
        std::find_if(cases.begin(), cases.end(), [&](const Case *one) {
          return one && one->name == vector.name;
        });
    if (found == cases.end())
      return changed(vector, "was removed");
    const Case &one = **found;
    *found = nullptr;
    Problem problem = one.make();
    if (problem.hash() != vector.hash)
      return changed(vector, "has changed");
    if (vector.failed) {
      ++result.failedThere;
      continue;
    }
    Result<std::string> output = device.run(one, problem);
    ++result.compared;
    if (!output) {
      result.differences.push_back(one.name + ": " + output.error());
      continue;
    }
    Comparison comparison = compareKept(problem, vector.bytes, *output, from,
                                        device.info().name);
    if (comparison.differing)
      result.differences.push_back(
          one.name + ": " + std::to_string(comparison.differing) + " of " +
          std::to_string(comparison.elements) + " elements differ, first " +
          comparison.first);
  }
  for (const Case *one : cases)
    if (one && one->target.runsOn(vectors.device.computeCapability))
      result.missing.push_back(one->name);
  return result;
}
