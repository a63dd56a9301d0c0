//===- CacheTest.cpp - The object cache -----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Cache.h"
#include "TestSupport.h"
#include "attn/Runtime/Hash.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

using namespace attn;
using namespace attn::test;

namespace {
mode_t modeOf(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

/// Restores an environment variable.
class ScopedVariable {
public:
  ScopedVariable(const char *name, const char *value) : name(name) {
    if (const char *old = std::getenv(name)) {
      before = old;
      wasSet = true;
    }
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~ScopedVariable() {
    wasSet ? setenv(name, before.c_str(), 1) : unsetenv(name);
  }

private:
  const char *name;
  std::string before;
  bool wasSet = false;
};

TEST(Hash, SeparatesFields) {
  EXPECT_EQ(hashHex({"ab", "c"}), hashHex({"ab", "c"}));
  EXPECT_NE(hashHex({"ab", "c"}), hashHex({"a", "bc"}));
  EXPECT_NE(hashHex({"ab"}), hashHex({"ab", ""}));
  EXPECT_EQ(hashHex({}).size(), 32u);
}

TEST(Cache, StoresAndFinds) {
  TemporaryFolder folder;
  Cache cache = Cache::at(folder / "a/b");
  ASSERT_TRUE(cache.enabled()) << cache.disabledReason();
  EXPECT_EQ(modeOf(folder / "a/b"), 0700u);
  EXPECT_FALSE(cache.lookup("00ff"));

  auto stored = cache.store("00ff", "object");
  ASSERT_TRUE(stored) << stored.error();
  EXPECT_EQ(*stored, folder / "a/b/00ff.so");
  EXPECT_EQ(modeOf(*stored), 0600u);
  EXPECT_EQ(readBytes(*stored).substr(0, 6), "object");
  EXPECT_EQ(cache.lookup("00ff"), *stored);

  ASSERT_TRUE(cache.store("00ff", "newer object"));
  EXPECT_EQ(cache.lookup("00ff"), *stored);
  EXPECT_EQ(readBytes(*stored).substr(0, 12), "newer object");
  auto files = std::filesystem::directory_iterator(folder / "a/b");
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(Cache, RemovesDamagedFiles) {
  TemporaryFolder folder;
  Cache cache = Cache::at(folder.path);
  std::string path = *cache.store("ab", "some object");
  std::string intact = readBytes(path);
  std::string flipped = intact;
  flipped[3] ^= 1;
  for (const std::string &bytes :
       {flipped, intact.substr(0, intact.size() - 1), intact + "x",
        std::string("x"), std::string()}) {
    writeBytes(path, bytes);
    EXPECT_FALSE(cache.lookup("ab"));
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(cache.store("ab", "some object"));
    EXPECT_TRUE(cache.lookup("ab"));
  }
}

TEST(Cache, RejectsFilesThatAreNotTheUsersOwn) {
  TemporaryFolder folder;
  Cache cache = Cache::at(folder.path);
  std::string path = *cache.store("ab", "some object");
  ASSERT_EQ(chmod(path.c_str(), 0620), 0);
  EXPECT_FALSE(cache.lookup("ab"));

  // Another key's file, and a link to the right one.
  path = *cache.store("ab", "some object");
  std::filesystem::rename(path, folder / "cd.so");
  EXPECT_FALSE(cache.lookup("cd"));
  path = *cache.store("ab", "some object");
  std::filesystem::rename(path, folder / "target");
  std::filesystem::create_symlink(folder / "target", path);
  EXPECT_FALSE(cache.lookup("ab"));
}

TEST(Cache, RejectsKeysThatAreNoFileNames) {
  TemporaryFolder folder;
  Cache cache = Cache::at(folder.path);
  for (const char *key : {"", "../ab", "AB", "a b"}) {
    EXPECT_FALSE(cache.lookup(key));
    EXPECT_FALSE(cache.store(key, "object"));
  }
  EXPECT_FALSE(cache.store(std::string(129, 'a'), "object"));
}

TEST(Cache, IsDisabledWithoutAUsableDirectory) {
  TemporaryFolder folder;
  writeBytes(folder / "file", "");
  Cache notADirectory = Cache::at(folder / "file");
  EXPECT_FALSE(notADirectory.enabled());
  EXPECT_FALSE(notADirectory.lookup("ab"));
  auto stored = notADirectory.store("ab", "object");
  ASSERT_FALSE(stored);
  EXPECT_NE(stored.error().find("is not a directory"), std::string::npos)
      << stored.error();
  EXPECT_FALSE(Cache::at(folder / "file/below").enabled());

  std::filesystem::create_directory(folder / "open");
  ASSERT_EQ(chmod((folder / "open").c_str(), 0777), 0);
  EXPECT_NE(Cache::at(folder / "open").disabledReason().find("by others"),
            std::string::npos);
}

TEST(Cache, ChoosesTheDirectoryFromTheEnvironment) {
  TemporaryFolder folder;
  ScopedVariable home("HOME", folder.path.c_str());
  ScopedVariable xdg("XDG_CACHE_HOME", (folder / "xdg").c_str());
  {
    ScopedVariable own("ATTN_CACHE_DIR", (folder / "own").c_str());
    EXPECT_EQ(Cache::open().directory(), folder / "own");
  }
  ScopedVariable own("ATTN_CACHE_DIR", "");
  EXPECT_EQ(Cache::open().directory(), folder / "xdg/attn-mlir");
  ScopedVariable relative("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(Cache::open().directory(), folder / ".cache/attn-mlir");
  ScopedVariable noHome("HOME", nullptr);
  EXPECT_FALSE(Cache::open().enabled());
}
} // namespace
