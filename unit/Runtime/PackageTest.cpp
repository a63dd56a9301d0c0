//===- PackageTest.cpp - Packages, whole and damaged ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Package.h"
#include "TestSupport.h"
#include "attn/Runtime/Hash.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::test;

namespace {
PackagePayload object(const std::string &entry, const std::string &bytes,
                      const std::string &required = "") {
  return {"object", manifestText(emptyEntry(entry), "1", required), bytes};
}

/// Two payloads; the second is of a kind from the future.
std::string samplePackage() {
  auto bytes = writePackage("test 1.0",
                            {object("f", std::string(100, 'x')),
                             {"hologram", R"({"shine": [1, 2]})", "light"}},
                            "00ff");
  EXPECT_TRUE(bytes) << bytes.error();
  return *bytes;
}

/// After a change to what the checksum covers.
std::string withChecksum(std::string bytes) {
  Digest digest = hashBytes(std::string_view(bytes).substr(40));
  std::memcpy(bytes.data() + 24, digest.data(), digest.size());
  return bytes;
}

bool isSample(const Package &package) {
  return package.compiler() == "test 1.0" && package.key() == "00ff" &&
         package.payloads().size() == 2 &&
         package.payloads()[0].kind == "object" &&
         package.payloads()[0].bytes == std::string(100, 'x') &&
         package.payloads()[0].manifest.find("f") &&
         package.payloads()[1].kind == "hologram" &&
         package.payloads()[1].manifestJson == R"({"shine":[1,2]})" &&
         package.payloads()[1].bytes == "light";
}

void expectError(const std::string &bytes, const std::string &text) {
  auto package = Package::fromBytes(bytes, "'p'");
  ASSERT_FALSE(package) << text;
  EXPECT_NE(package.error().find(text), std::string::npos) << package.error();
}

TEST(Package, ReadsWhatItWrote) {
  std::string bytes = samplePackage();
  auto package = Package::fromBytes(bytes, "'p'");
  ASSERT_TRUE(package) << package.error();
  EXPECT_TRUE(isSample(*package));
  for (const Package::Payload &payload : package->payloads()) {
    size_t offset = bytes.find(std::string(payload.bytes));
    EXPECT_EQ(offset % 64, 0u) << payload.kind;
  }

  TemporaryFolder folder;
  writeBytes(folder / "p.attnpkg", bytes);
  auto opened = Package::open(folder / "p.attnpkg");
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_TRUE(isSample(*opened));
  EXPECT_FALSE(Package::open(folder / "missing.attnpkg"));
  EXPECT_FALSE(Package::open(folder.path));

  auto nothing = Package::fromBytes(*writePackage("c", {}), "'p'");
  ASSERT_TRUE(nothing) << nothing.error();
  EXPECT_TRUE(nothing->payloads().empty());
}

// Offsets are written in the manifest and move with its length.
TEST(Package, FindsALayoutForEverySize) {
  for (size_t size : {0, 1, 63, 64, 65, 99000, 100000})
    for (size_t count = 0; count < 14; ++count) {
      std::vector<PackagePayload> payloads(count,
                                           {"k", "{}", std::string(size, 'y')});
      auto bytes = writePackage(std::string(size % 97, 'c'), payloads);
      ASSERT_TRUE(bytes) << bytes.error();
      auto package = Package::fromBytes(*bytes, "'p'");
      ASSERT_TRUE(package) << size << " " << count << " " << package.error();
      ASSERT_EQ(package->payloads().size(), count);
    }
}

TEST(Package, RejectsEveryTruncation) {
  std::string bytes = samplePackage();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Package::fromBytes(bytes.substr(0, size), "'p'")) << size;
    // Whoever truncates may also compute the checksum anew.
    if (size >= 40) {
      EXPECT_FALSE(
          Package::fromBytes(withChecksum(bytes.substr(0, size)), "'p'"))
          << size;
    }
  }
  EXPECT_FALSE(Package::fromBytes(bytes + '\0', "'p'"));
  EXPECT_FALSE(Package::fromBytes(withChecksum(bytes + '\0'), "'p'"));
}

TEST(Package, SurvivesEveryFlippedBit) {
  const std::string bytes = samplePackage();
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      auto package = Package::fromBytes(damaged, "'p'");
      EXPECT_TRUE(!package || isSample(*package)) << i;
      // With a checksum that matches, a manifest may say anything.
      if (i >= 40)
        (void)Package::fromBytes(withChecksum(damaged), "'p'");
    }
}

TEST(Package, ExplainsErrors) {
  std::string bytes = samplePackage();
  expectError("", "'p' is not a package: it does not begin with 'ATTNPKG'");
  expectError("module {}", "is not a package");
  expectError(bytes.substr(0, 20), "it has 20 bytes, fewer than a header");
  std::string changed = bytes;
  changed[8] = 2;
  expectError(changed, "'p' has package format 2, but this runtime reads "
                       "format 1; compile it again with");
  changed = bytes;
  changed[12] = 1;
  expectError(changed, "a reserved field is 1, expected 0");
  changed = bytes;
  changed[50] = static_cast<char>(changed[50] ^ 4);
  expectError(changed, "its checksum does not match");
  changed = bytes;
  changed[22] = 1;
  expectError(changed, "truncated within its manifest");

  auto replaceInManifest = [&](const std::string &from, const std::string &to) {
    std::string text = bytes;
    size_t position = text.find(from);
    EXPECT_NE(position, std::string::npos) << from;
    return withChecksum(text.replace(position, from.size(), to));
  };
  expectError(replaceInManifest("\"offset\":", "\"OFFSET\":"),
              "payload 1 must have 'kind', 'offset', 'size' and 'manifest'");
  expectError(replaceInManifest("\"size\":100", "\"size\":130"),
              "payload 2 is not where it should be");
  expectError(replaceInManifest("\"size\":5", "\"size\":4"),
              "bytes, expected ");
  expectError(replaceInManifest("\"size\":5", "\"size\":6"),
              "payload 2 is not where it should be");
  expectError(replaceInManifest("\"payloads\"", "\"PAYLOADS\""),
              "its manifest must have");
  expectError(replaceInManifest("\"tile_q\"", "\"TILE_Q\""),
              "the manifest of payload 1 of 'p': entries[0]: has no member "
              "'tile_q'");
}

TEST(Package, RejectsDeepManifests) {
  std::string deep = std::string(100000, '[') + std::string(100000, ']');
  auto written = writePackage("c", {{"k", deep, ""}});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().find("nested more than 32 levels"),
            std::string::npos)
      << written.error();
  std::string bytes = *writePackage("c", {});
  bytes.resize(40);
  bytes += deep;
  uint64_t size = deep.size();
  std::memcpy(bytes.data() + 16, &size, sizeof(size));
  expectError(withChecksum(bytes), "nested more than 32 levels");
  EXPECT_FALSE(parseManifest(deep, "'a.so'"));
}

TEST(Package, WritesOnlyManifests) {
  EXPECT_FALSE(writePackage("c", {{"object", "{}", ""}}));
  EXPECT_FALSE(writePackage("c", {{"k", "{", ""}}));
  EXPECT_FALSE(writePackage("c", {{"k", std::string("{}\0", 3), ""}}));
}

TEST(Package, LoadsTheFirstObjectForThisCpu) {
  auto code = [](const std::string &name) {
    return compilePayload(manifestCode(emptyEntry(name)) + emptyCode(name));
  };
  std::string first = code("first"), second = code("second");
  auto load = [](const std::vector<PackagePayload> &payloads) {
    return Package::fromBytes(*writePackage("c", payloads), "'p'")
        ->loadForHost();
  };
  auto module = load({{"hologram", "{}", "?"},
                      object("none", "?", "\"fma-of-2090\""),
                      object("first", first),
                      object("second", second)});
  ASSERT_TRUE(module) << module.error();
  EXPECT_TRUE((*module)->manifest().find("first"));

  EXPECT_EQ(load({}).error(), "'p' has no code for CPUs: it holds nothing; "
                              "compile it with --target=cpu");
  EXPECT_EQ(load({{"hologram", "{}", ""}, {"dream", "{}", ""}}).error(),
            "'p' has no code for CPUs: it holds payloads of kind 'hologram', "
            "'dream'; compile it with --target=cpu");
  std::string missing = load({object("a", first, "\"fma-of-2090\""),
                              object("b", first, "\"avx-of-2095\"")})
                            .error();
  EXPECT_NE(missing.find("lacks fma-of-2090"), std::string::npos) << missing;
  EXPECT_NE(missing.find("lacks avx-of-2095"), std::string::npos) << missing;
  EXPECT_FALSE(load({object("a", "no ELF")}));
}
} // namespace
