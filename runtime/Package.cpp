//===- Package.cpp - Compiled kernels in one file -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes and reads packages.  What is read is not trusted: the layout of a file
// is recomputed from the sizes of its parts and must be the one it claims.
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Package.h"
#include "File.h"
#include "Guard.h"
#include "Json.h"
#include "attn/Runtime/Hash.h"
#include "attn/Runtime/Host.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <tuple>

using namespace attn;
using nlohmann::json;

namespace {
struct Header {
  char magic[8];
  uint32_t format;
  uint32_t reserved;
  uint64_t manifestBytes;
  Digest checksum;
};
} // namespace

static constexpr size_t headerBytes = 40;
static constexpr size_t alignment = 64;
static_assert(sizeof(Header) == headerBytes);
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

static size_t alignUp(size_t offset) {
  return (offset + alignment - 1) / alignment * alignment;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

/// The manifest of a package whose first payload may begin at `offset`.
static std::string makeManifest(const std::string &compiler,
                                const std::string &key,
                                const std::vector<PackagePayload> &payloads,
                                const std::vector<json> &manifests,
                                size_t offset) {
  json list = json::array();
  for (size_t i = 0; i < payloads.size(); ++i) {
    offset = alignUp(offset);
    list.push_back({{"kind", payloads[i].kind},
                    {"offset", offset},
                    {"size", payloads[i].bytes.size()},
                    {"manifest", manifests[i]}});
    offset += payloads[i].bytes.size();
  }
  json root = {{"format", packageFormat},
               {"compiler", compiler},
               {"payloads", std::move(list)}};
  if (!key.empty())
    root["key"] = key;
  return root.dump();
}

Result<std::string>
attn::writePackage(const std::string &compiler,
                   const std::vector<PackagePayload> &payloads,
                   const std::string &key) {
  return guarded([&]() -> Result<std::string> {
    std::vector<json> manifests;
    for (size_t i = 0; i < payloads.size(); ++i) {
      auto parsed = parseJson(payloads[i].manifestJson);
      if (!parsed)
        return failure("the manifest of payload " + std::to_string(i + 1) +
                       " " + parsed.error());
      manifests.push_back(*std::move(parsed));
    }
    // The manifest holds offsets, which depend on its own length.  Both only
    // grow from one round to the next, by a digit now and then.
    std::string manifest;
    for (size_t begin = 0; begin != headerBytes + manifest.size();) {
      begin = headerBytes + manifest.size();
      manifest = makeManifest(compiler, key, payloads, manifests, begin);
    }

    std::string bytes(headerBytes, '\0');
    bytes += manifest;
    for (const PackagePayload &payload : payloads) {
      bytes.resize(alignUp(bytes.size()), '\0');
      bytes += payload.bytes;
    }
    Header header = {};
    std::memcpy(header.magic, packageMagic.data(), sizeof(header.magic));
    header.format = packageFormat;
    header.manifestBytes = manifest.size();
    header.checksum = hashBytes(std::string_view(bytes).substr(headerBytes));
    std::memcpy(bytes.data(), &header, headerBytes);
    // What cannot be read is not written.
    if (auto package = Package::fromBytes(bytes, "the new package"); !package)
      return package.takeFailure();
    return bytes;
  });
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Status Package::parse(Contents &contents) {
  const std::string &origin = contents.origin;
  std::string_view bytes = contents.bytes;
  auto damaged = [&](const std::string &what) {
    return failure(origin + " is a damaged package: " + what +
                   "; compile it again");
  };
  if (bytes.substr(0, packageMagic.size()) != packageMagic)
    return failure(origin + " is not a package: it does not begin with "
                            "'ATTNPKG' and a line feed; attn-compile "
                            "--emit=package writes packages");
  if (bytes.size() < headerBytes)
    return damaged("it has " + std::to_string(bytes.size()) +
                   " bytes, fewer than a header");
  Header header;
  std::memcpy(&header, bytes.data(), headerBytes);
  if (header.format != packageFormat)
    return failure(
        origin + " has package format " + std::to_string(header.format) +
        ", but this runtime reads format " + std::to_string(packageFormat) +
        "; compile it again with the attn-compile of this version, "
        "or use the runtime of that one");
  if (header.reserved != 0)
    return damaged("a reserved field is " + std::to_string(header.reserved) +
                   ", expected 0");
  if (header.manifestBytes > bytes.size() - headerBytes)
    return damaged("it is truncated within its manifest");
  if (header.checksum != hashBytes(bytes.substr(headerBytes)))
    return damaged("its checksum does not match");

  size_t offset = headerBytes + size_t(header.manifestBytes);
  auto parsed = parseJson(bytes.substr(headerBytes, header.manifestBytes));
  if (!parsed)
    return damaged("its manifest " + parsed.error());
  const json &root = *parsed;
  auto hasText = [](const json &object, const char *name) {
    return object.contains(name) && object[name].is_string();
  };
  if (!root.is_object() || !root.contains("format") ||
      root["format"] != packageFormat || !hasText(root, "compiler") ||
      (root.contains("key") && !hasText(root, "key")) ||
      !root.contains("payloads") || !root["payloads"].is_array())
    return damaged("its manifest must have 'format' " +
                   std::to_string(packageFormat) +
                   ", 'compiler' and 'payloads'");
  contents.compiler = root["compiler"].get<std::string>();
  contents.key = root.value("key", "");

  for (const json &described : root["payloads"]) {
    std::string name =
        "payload " + std::to_string(contents.payloads.size() + 1);
    if (!described.is_object() || !hasText(described, "kind") ||
        !described.contains("offset") || !described.contains("size") ||
        !described.contains("manifest"))
      return damaged(name +
                     " must have 'kind', 'offset', 'size' and 'manifest'");
    offset = alignUp(offset);
    if (described["offset"] != offset || !isInteger(described["size"]) ||
        offset > bytes.size() || described["size"].get<int64_t>() < 0 ||
        described["size"].get<uint64_t>() > bytes.size() - offset)
      return damaged(name + " is not where it should be");
    Payload payload;
    payload.kind = described["kind"].get<std::string>();
    size_t size = described["size"].get<size_t>();
    payload.bytes = bytes.substr(offset, size);
    offset += size;
    payload.manifestJson = described["manifest"].dump();
    bool isGpu = payload.kind == "cubin" || payload.kind == "ptx" ||
                 payload.kind == "cuda";
    if (isGpu || payload.kind == "object") {
      std::string what = name + " of " + origin;
      auto manifest = isGpu ? parseGpuManifest(payload.manifestJson, what)
                            : parseManifest(payload.manifestJson, what);
      if (!manifest)
        return manifest.takeFailure();
      payload.manifest = *std::move(manifest);
    }
    contents.payloads.push_back(std::move(payload));
  }
  if (offset != bytes.size())
    return damaged("it has " + std::to_string(bytes.size()) +
                   " bytes, expected " + std::to_string(offset));
  return Status::success();
}

Result<Package> Package::fromBytes(std::string bytes,
                                   const std::string &origin) {
  return guarded([&]() -> Result<Package> {
    auto contents = std::make_shared<Contents>();
    contents->origin = origin;
    contents->bytes = std::move(bytes);
    if (Status status = parse(*contents); !status)
      return status.takeFailure();
    Package package;
    package.contents = std::move(contents);
    return package;
  });
}

Result<Package> Package::open(const std::string &path) {
  return guarded([&]() -> Result<Package> {
    std::string origin = "'" + path + "'";
    FileDescriptor file(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info;
    if (!file || fstat(file.get(), &info) != 0)
      return failure("cannot open " + origin + ": " + errorText(errno));
    if (!S_ISREG(info.st_mode))
      return failure(origin + " is not a regular file");
    auto bytes = readFile(file, static_cast<size_t>(info.st_size), origin);
    if (!bytes)
      return bytes.takeFailure();
    return fromBytes(*std::move(bytes), origin);
  });
}

/// "payloads of kind 'cubin', 'ptx'".
static std::string listKinds(const std::vector<Package::Payload> &payloads) {
  std::string kinds;
  for (const Package::Payload &payload : payloads)
    kinds += (kinds.empty() ? "'" : ", '") + payload.kind + "'";
  return kinds.empty() ? "nothing" : "payloads of kind " + kinds;
}

Result<std::shared_ptr<const Module>> Package::loadForHost() const {
  return guarded([&]() -> Result<std::shared_ptr<const Module>> {
    const std::string &origin = contents->origin;
    std::string reasons;
    for (const Payload &payload : contents->payloads) {
      if (payload.kind != "object")
        continue;
      Status runs = checkHostFeatures(payload.manifest.requiredFeatures,
                                      payload.manifest.cpu);
      if (!runs) {
        reasons += (reasons.empty() ? "" : "; ") + runs.error();
        continue;
      }
      auto module = Module::loadFromMemory(payload.bytes);
      if (!module)
        return failure(origin + " cannot be loaded: " + module.error());
      return module;
    }
    if (!reasons.empty())
      return failure(origin + ": " + reasons);
    return failure(origin + " has no code for CPUs: it holds " +
                   listKinds(contents->payloads) +
                   "; compile it with --target=cpu");
  });
}

Result<std::shared_ptr<const GpuModule>>
Package::loadFor(const GpuCapability &capability) const {
  return guarded([&]() -> Result<std::shared_ptr<const GpuModule>> {
    const std::string &origin = contents->origin;
    const Payload *best = nullptr;
    std::tuple<bool, int, GpuTarget::Scope> bestRank;
    std::string reasons;
    for (const Payload &payload : contents->payloads) {
      bool isCubin = payload.kind == "cubin";
      if (!isCubin && payload.kind != "ptx")
        continue;
      // Package::parse has checked it.
      GpuTarget target = *GpuTarget::parse(payload.manifest.target);
      Status runs = isCubin ? target.runsBinaryOn(capability.number)
                            : target.runsPtxOn(capability.number);
      if (runs && isCubin && !capability.runsCubins)
        runs = failure("its cubin for " + target.name() +
                       " is machine code, and the emulator runs PTX");
      if (!runs) {
        reasons += (reasons.empty() ? "" : "; ") + runs.error();
        continue;
      }
      std::tuple rank(isCubin, target.number, target.scope);
      if (!best || rank > bestRank) {
        best = &payload;
        bestRank = rank;
      }
    }
    if (best)
      return GpuModule::create(best->kind == "cubin" ? GpuModule::Kind::cubin
                                                     : GpuModule::Kind::ptx,
                               best->manifestJson, best->bytes, origin);
    std::string fix = "; compile it with --target=" +
                      suggestedTarget(capability.number).name();
    if (!reasons.empty())
      return failure(origin + " has no code for compute capability " +
                     capabilityText(capability.number) + ": " + reasons + fix);
    return failure(origin + " has no code for GPUs: it holds " +
                   listKinds(contents->payloads) + fix);
  });
}
