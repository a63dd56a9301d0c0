//===- PackageFuzzer.cpp - Feeds anything to the package loader -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks that reading a package fails with a sentence or gives what was
// written. The checksum is computed anew, or nothing would come past it.
// Payloads are not loaded: machine code is trusted once the package is.
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Hash.h"
#include "attn/Runtime/Package.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace attn;

static constexpr size_t headerBytes = 40;

/// A manifest that a package may hold; mutations start from it.
static const char *const seedManifest =
    R"({"format":1,"compiler":"c","target":{"triple":"t","cpu":"c",)"
    R"("features":"","requires":["avx2"]},"entries":[{"name":"f",)"
    R"("algorithm":"flash","tile_q":64,"tile_kv":32,"arguments":[)"
    R"({"name":"query","role":"input","type":"f32","shape":[-1,2,-1,4]},)"
    R"({"name":"w","role":"input","type":"index"},)"
    R"({"name":"out","role":"output","type":"f32","shape":["query[0]",2]}],)"
    R"("dims":[["query[0]","query[2]"]]}]})";

/// The same for a GPU.
static const char *const seedGpuManifest =
    R"({"format":1,"compiler":"c","target":"sm_80","entries":[{"name":"f",)"
    R"("algorithm":"flash","tile_q":64,"tile_kv":32,"arguments":[)"
    R"({"name":"query","role":"input","type":"f32","shape":[-1,2,-1,4]},)"
    R"({"name":"w","role":"input","type":"index"},)"
    R"({"name":"out","role":"output","type":"f32","shape":["query[0]",2]}],)"
    R"("dims":[],"program":{"values":[["dim",0,0],["stride",2,1],["scalar",1],)"
    R"(["const",4],["ceildivs",0,3],["select",0,1,2]],"workspace":4,)"
    R"("launches":[{"kernel":"k","grid":4,"block":128,"shared":64,"if":0,)"
    R"("arguments":[{"argument":0},{"value":2,"type":"i32"},)"
    R"({"workspace":3,"sizes":[0],"strides":[1]}]}]}}]})";

static void require(bool condition) {
  if (!condition)
    std::abort();
}

/// Evaluates the launch program of an entry for arguments of zeros.
static void evaluate(const ManifestEntry &entry) {
  ArgumentFrame frame(entry);
  LaunchValues values;
  const LaunchProgram &program = *entry.program;
  program.evaluate(frame.arguments(), values);
  unsigned char parameters[LaunchProgram::maxParameterBytes];
  (void)program.workspaceBytes(values);
  for (size_t i = 0; i < program.launches().size(); ++i) {
    (void)program.gridOf(i, values);
    (void)program.writeParameters(i, frame.arguments(), values, nullptr,
                                  INT64_MAX, parameters);
  }
}

/// What was read can be used: every view is readable, every index in range.
static void use(const Package &package) {
  size_t sum = 0;
  for (const Package::Payload &payload : package.payloads()) {
    for (char c : payload.bytes)
      sum += static_cast<unsigned char>(c);
    for (const ManifestEntry &entry : payload.manifest.entries) {
      require(payload.manifest.find(entry.name));
      for (const ManifestArgument &argument : entry.arguments)
        for (ManifestDimRef ref : argument.sources)
          sum += entry.dimName(ref).size();
      for (const std::vector<ManifestDimRef> &set : entry.equalDims)
        for (ManifestDimRef ref : set)
          sum += static_cast<size_t>(
              entry.arguments[static_cast<size_t>(ref.argument)]
                  .shape[static_cast<size_t>(ref.dimension)]);
      if (entry.program)
        evaluate(entry);
    }
  }
  require(sum != SIZE_MAX);
}

static void read(std::string bytes) {
  auto package = Package::fromBytes(std::move(bytes), "'fuzz'");
  if (package)
    use(*package);
  else
    require(!package.error().empty());
}

static std::string withChecksum(std::string bytes) {
  Digest digest = hashBytes(std::string_view(bytes).substr(headerBytes));
  std::memcpy(bytes.data() + 24, digest.data(), digest.size());
  return bytes;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string input(reinterpret_cast<const char *>(data), size);
  read(input);
  if (size >= headerBytes)
    read(withChecksum(input));

  // The input as the manifest of a package.
  std::string package = *writePackage("fuzz", {});
  package.resize(headerBytes);
  package += input;
  uint64_t manifestBytes = size;
  std::memcpy(package.data() + 16, &manifestBytes, sizeof(manifestBytes));
  read(withChecksum(std::move(package)));

  // The input as the manifest of a payload: what is written can be read.
  bool isGpu = input.find("program") != std::string::npos;
  auto written =
      writePackage("fuzz", {{isGpu ? "ptx" : "object", input, "code"}}, "00");
  if (!written)
    return 0;
  auto again = Package::fromBytes(*written, "'fuzz'");
  require(static_cast<bool>(again));
  require(again->payloads().size() == 1 &&
          again->payloads()[0].bytes == "code" && again->key() == "00");
  use(*again);
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  // Now and then from a valid input, of either form.
  if (seed % 64 < 3) {
    std::string fresh = seed % 64 == 2 ? seedGpuManifest : seedManifest;
    if (seed % 64 == 0)
      fresh = *writePackage(
          "c", {{"object", seedManifest, "code"}, {"other", "{}", "more"}});
    size = std::min(fresh.size(), maxSize);
    std::memcpy(data, fresh.data(), size);
  }
  return LLVMFuzzerMutate(data, size, maxSize);
}
