//===- CacheTest.cpp - The cache in one process ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CacheSupport.h"
#include "attn/Runtime/Hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <thread>

using namespace attn;
using namespace attn::test;

namespace {
using std::filesystem::exists;

mode_t modeOf(const std::string &path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

/// Sets when a file was used, in seconds before now.
void setAge(const std::string &path, time_t seconds) {
  timespec when = {time(nullptr) - seconds, 0};
  timespec times[] = {when, when};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0) << path;
}

size_t filesIn(const std::string &folder) {
  auto files = std::filesystem::directory_iterator(folder);
  return static_cast<size_t>(std::distance(begin(files), end(files)));
}

TEST(Hash, SeparatesFields) {
  EXPECT_EQ(hashHex({"ab", "c"}), hashHex({"ab", "c"}));
  EXPECT_NE(hashHex({"ab", "c"}), hashHex({"a", "bc"}));
  EXPECT_NE(hashHex({"ab"}), hashHex({"ab", ""}));
  EXPECT_EQ(hashHex({}).size(), 32u);
}

TEST(Cache, FindsInMemoryAndOnDisk) {
  TemporaryFolder folder;
  std::string path = folder / "a/b";
  FakeCompiler compiler;
  TestCache cache(path);
  EXPECT_EQ(modeOf(path), 0700u);
  EXPECT_EQ(cache.cache.directory(), path);
  EXPECT_EQ(cache.get("f0", compiler), "cold");
  EXPECT_EQ(cache.get("f0", compiler), "memory");
  EXPECT_EQ(TestCache(path).get("f0", compiler), "disk");
  EXPECT_EQ(compiler.keys, 1);
  EXPECT_EQ(compiler.packages, 1);
  EXPECT_TRUE(cache.warnings.empty());

  // Nothing but these, and for nobody else to read.
  EXPECT_EQ(filesIn(path), 2u);
  EXPECT_EQ(modeOf(path + "/f0.req"), 0600u);
  EXPECT_EQ(modeOf(path + "/c0.attnpkg"), 0600u);
  auto package = Package::open(path + "/c0.attnpkg");
  ASSERT_TRUE(package) << package.error();
  EXPECT_EQ(package->key(), "c0");
}

TEST(Cache, KeepsEqualContentsOnce) {
  TemporaryFolder folder;
  FakeCompiler compiler;
  TestCache cache(folder.path);
  EXPECT_EQ(cache.get("f0", compiler), "cold");
  EXPECT_EQ(cache.get("f1", compiler), "memory");
  TestCache other(folder.path);
  EXPECT_EQ(other.get("f2", compiler), "disk");
  EXPECT_EQ(other.get("f1", compiler), "memory");
  EXPECT_EQ(TestCache(folder.path).get("f1", compiler), "disk");
  EXPECT_EQ(compiler.keys, 3);
  EXPECT_EQ(compiler.packages, 1);
}

TEST(Cache, WorksWithoutADirectory) {
  CacheOptions options;
  options.useDirectory = false;
  bool warned = false;
  options.warn = [&](const std::string &) { warned = true; };
  Cache cache(options);
  FakeCompiler compiler;
  EXPECT_FALSE(cache.hasDirectory());
  EXPECT_EQ(cache.get("f0", compiler.functions())->source,
            CacheSource::compiled);
  EXPECT_EQ(cache.get("f0", compiler.functions())->source, CacheSource::memory);
  EXPECT_FALSE(warned) << "nobody wanted a directory";
}

TEST(Cache, ReportsFailuresToAllAndForgetsThem) {
  TemporaryFolder folder;
  TestCache cache(folder.path);
  std::atomic<int> calls{0};
  CacheCompiler failing;
  failing.contentKey = [&]() -> Result<std::string> {
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return failure("no such mask", 3);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      auto result = cache.cache.get("f0", failing);
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error(), "no such mask");
      EXPECT_EQ(result.code(), 3);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_GE(calls, 1);
  FakeCompiler compiler;
  EXPECT_EQ(cache.get("f0", compiler), "cold");

  failing.contentKey = [] { return Result<std::string>(std::string("c1")); };
  failing.package = [] { return Result<std::string>(std::string("junk")); };
  auto junk = cache.cache.get("f1", failing);
  ASSERT_FALSE(junk);
  EXPECT_NE(junk.error().find("the compiled kernel is not a package"),
            std::string::npos)
      << junk.error();
  compiler.key = "c1";
  EXPECT_EQ(cache.get("f3", compiler), "cold") << "after a failure";
  failing.contentKey = []() -> Result<std::string> { throw std::bad_alloc(); };
  EXPECT_EQ(cache.cache.get("f2", failing).error(), "out of memory");
  EXPECT_EQ(cache.get("f2", compiler), "memory");
  EXPECT_EQ(compiler.packages, 2);
}

// The bound holds for requests, whose kernels may be the same.
TEST(Cache, BoundsTheKernelsInMemory) {
  CacheOptions options;
  options.useDirectory = false;
  options.maxKernels = 2;
  Cache cache(options);
  FakeCompiler compiler;
  auto get = [&](const std::string &number) {
    compiler.key = "c" + number;
    auto result = cache.get("f" + number, compiler.functions());
    EXPECT_TRUE(result) << result.error();
    return *result;
  };
  std::weak_ptr<const Module> first = get("0").module();
  CachedCode used = get("1");
  EXPECT_EQ(get("0").source, CacheSource::memory);
  EXPECT_EQ(get("2").source, CacheSource::compiled) << "in place of 1";
  EXPECT_EQ(get("0").source, CacheSource::memory);
  EXPECT_EQ(get("2").source, CacheSource::memory);
  EXPECT_EQ(compiler.keys, 3);

  // Kernels that are in use stay, and are found again by their content.
  EXPECT_TRUE(used.module()->manifest().find("kernel"));
  EXPECT_FALSE(first.expired());
  EXPECT_EQ(get("1").module(), used.module()) << "in place of 0";
  EXPECT_EQ(compiler.keys, 4);
  EXPECT_EQ(compiler.packages, 3);
  EXPECT_TRUE(first.expired());
  EXPECT_EQ(get("0").source, CacheSource::compiled);
  EXPECT_EQ(compiler.packages, 4);
}

/// Asks for one content with several texts at once.
void expectOneCompilation(CacheOptions options) {
  Cache cache(options);
  FakeCompiler compiler;
  std::atomic<int> waiting{0}, cold{0};
  CacheCompiler functions = compiler.functions();
  functions.contentKey = [&, ask = functions.contentKey] {
    ++waiting;
    return ask();
  };
  functions.package = [&, make = functions.package] {
    while (waiting < 4)
      std::this_thread::yield();
    // The others are on their way to what holds them up.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return make();
  };
  std::vector<std::thread> threads;
  for (const char *request : {"f0", "f1", "f2", "f3"})
    threads.emplace_back([&, request] {
      auto result = cache.get(request, functions);
      ASSERT_TRUE(result) << result.error();
      cold += result->source == CacheSource::compiled;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(compiler.packages, 1);
  EXPECT_EQ(cold, 1);
}

TEST(Cache, CompilesOnceForTextsOfOneContent) {
  CacheOptions memory;
  memory.useDirectory = false;
  expectOneCompilation(memory);
  TemporaryFolder folder;
  CacheOptions disk;
  disk.directory = folder.path;
  expectOneCompilation(disk);
  EXPECT_EQ(filesIn(folder.path), 5u) << "a package, and what refers to it";
}

TEST(Cache, CompilesContentsAtTheSameTime) {
  TemporaryFolder folder;
  TestCache cache(folder.path);
  std::atomic<int> inside{0};
  auto get = [&](std::string number) {
    FakeCompiler compiler;
    compiler.key = "c" + number;
    CacheCompiler functions = compiler.functions();
    functions.package = [&, make = functions.package] {
      ++inside;
      // Returns when both have come here, or soon if one has to wait.
      for (int i = 0; i < 1000 && inside < 2; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      EXPECT_EQ(inside, 2);
      return make();
    };
    EXPECT_TRUE(cache.cache.get("f" + number, functions));
  };
  std::thread other(get, "1");
  get("0");
  other.join();
}

TEST(Cache, RejectsKeysThatAreNoFileNames) {
  TemporaryFolder folder;
  TestCache cache(folder.path);
  FakeCompiler compiler;
  for (const std::string &key :
       {std::string(), std::string("../ab"), std::string("AB"),
        std::string("a b"), std::string(129, 'a')}) {
    EXPECT_NE(cache.get(key, compiler).find("is not a cache key"),
              std::string::npos);
    compiler.key = key;
    EXPECT_NE(cache.get("ab", compiler).find("content key"), std::string::npos);
    compiler.key = "c0";
  }
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

/// What may happen to a file of the cache.
struct Damage {
  const char *name;
  std::function<void(const std::string &path, const std::string &bytes)> apply;
};

std::vector<Damage> damages() {
  auto rewrite = [](auto change) {
    return [=](const std::string &path, const std::string &bytes) {
      writeBytes(path, change(bytes));
    };
  };
  auto cut = [&](auto size) {
    return rewrite([=](const std::string &bytes) {
      return bytes.substr(0, size(bytes.size()));
    });
  };
  auto flip = [&](double where) {
    return rewrite([=](std::string bytes) {
      char &c = bytes[size_t(double(bytes.size() - 1) * where)];
      c = static_cast<char>(c ^ 1);
      return bytes;
    });
  };
  auto mode = [](mode_t mode) {
    return [=](const std::string &path, const std::string &) {
      chmod(path.c_str(), mode);
    };
  };
  return {
      {"empty", cut([](size_t) { return size_t(0); })},
      {"one byte", cut([](size_t) { return size_t(1); })},
      {"half", cut([](size_t size) { return size / 2; })},
      {"short of a byte", cut([](size_t size) { return size - 1; })},
      {"longer", rewrite([](std::string bytes) { return bytes + "x"; })},
      {"flipped at the start", flip(0)},
      {"flipped early", flip(0.3)},
      {"flipped late", flip(0.9)},
      {"flipped at the end", flip(1)},
      {"another version", rewrite([](std::string bytes) {
         bytes[8] = bytes[8] == 1 ? 2 : '2';
         return bytes;
       })},
      {"writable by the group", mode(0620)},
      {"writable by all", mode(0602)},
      {"a link",
       [](const std::string &path, const std::string &) {
         std::filesystem::rename(path, path + "-target");
         std::filesystem::create_symlink(path + "-target", path);
       }},
      {"a pipe",
       [](const std::string &path, const std::string &) {
         unlink(path.c_str());
         mkfifo(path.c_str(), 0600);
       }},
      {"a directory",
       [](const std::string &path, const std::string &) {
         unlink(path.c_str());
         mkdir(path.c_str(), 0700);
       }},
  };
}

TEST(Cache, ReplacesDamagedFiles) {
  for (const char *file : {"f0.req", "c0.attnpkg"})
    for (const Damage &damage : damages()) {
      TemporaryFolder folder;
      FakeCompiler compiler;
      EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
      std::string path = folder / file, bytes = readBytes(path);
      damage.apply(path, bytes);
      TestCache cache(folder.path);
      // Without the reference, the package is still good.
      bool isPackage = path.back() == 'g';
      EXPECT_EQ(cache.get("f0", compiler), isPackage ? "cold" : "disk")
          << file << " " << damage.name;
      EXPECT_EQ(compiler.packages, isPackage ? 2 : 1);
      EXPECT_EQ(compiler.keys, 2);
      EXPECT_EQ(readBytes(path), bytes) << file << " " << damage.name;
      EXPECT_EQ(modeOf(path), 0600u) << file << " " << damage.name;
      EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "disk");
      EXPECT_TRUE(cache.warnings.empty());
    }
}

TEST(Cache, RejectsFilesOfOtherKeys) {
  TemporaryFolder folder;
  FakeCompiler compiler, other;
  other.key = "c1";
  TestCache first(folder.path);
  EXPECT_EQ(first.get("f0", compiler), "cold");
  EXPECT_EQ(first.get("f1", other), "cold");
  std::filesystem::rename(folder / "c1.attnpkg", folder / "c0.attnpkg");
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  std::filesystem::rename(folder / "f1.req", folder / "f0.req");
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "disk");
  EXPECT_EQ(compiler.keys, 3);
}

TEST(Cache, ReplacesPackagesThatDoNotLoad) {
  TemporaryFolder folder;
  FakeCompiler compiler;
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  writeBytes(
      folder / "c0.attnpkg",
      *writePackage("c",
                    {{"object", manifestText(emptyEntry("kernel")), "no ELF"}},
                    "c0"));
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "disk");
}

//===----------------------------------------------------------------------===//
// The bound
//===----------------------------------------------------------------------===//

TEST(Cache, RemovesWhatWasNotUsedForLongest) {
  TemporaryFolder folder;
  FakeCompiler compiler;
  compiler.padding = 100000;
  auto get = [&](const std::string &number) {
    compiler.key = "c" + number;
    return TestCache(folder.path, 400000).get("f" + number, compiler);
  };
  auto age = [&](const std::string &number, time_t seconds) {
    setAge(folder / ("f" + number + ".req"), seconds);
    setAge(folder / ("c" + number + ".attnpkg"), seconds);
  };
  writeBytes(folder / "notes.txt", std::string(1000000, 'n'));
  for (const char *number : {"0", "1", "2"})
    EXPECT_EQ(get(number), "cold");
  age("0", 300);
  age("1", 200);
  age("2", 100);
  EXPECT_EQ(get("0"), "disk") << "which is a use";
  EXPECT_EQ(get("3"), "cold");
  EXPECT_FALSE(exists(folder / "c1.attnpkg"));
  EXPECT_EQ(get("0"), "disk");
  EXPECT_EQ(get("2"), "disk");
  EXPECT_EQ(get("3"), "disk");
  EXPECT_EQ(get("1"), "cold");
  EXPECT_TRUE(exists(folder / "notes.txt")) << "not a file of the cache";

  // A package that exceeds the bound on its own is not kept.
  TemporaryFolder small;
  EXPECT_EQ(TestCache(small.path, 1000).get("f0", compiler), "cold");
  EXPECT_FALSE(exists(small / "c0.attnpkg"));
}

TEST(Cache, RemovesWhatEndedProcessesLeft) {
  TemporaryFolder folder;
  FakeCompiler compiler;
  for (const char *name :
       {"c9.attnpkg.tmp.abcdef", "f9.req.tmp.abcdef", "f9.lock",
        "c9.attnpkg.lock", "c8.attnpkg.tmp.abcdef", "f8.lock"})
    writeBytes(folder / name, "partial");
  for (const char *name : {"c9.attnpkg.tmp.abcdef", "f9.req.tmp.abcdef",
                           "f9.lock", "c9.attnpkg.lock"})
    setAge(folder / name, 7200);
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  EXPECT_FALSE(exists(folder / "c9.attnpkg.tmp.abcdef"));
  EXPECT_FALSE(exists(folder / "f9.req.tmp.abcdef"));
  EXPECT_FALSE(exists(folder / "f9.lock"));
  EXPECT_FALSE(exists(folder / "c9.attnpkg.lock"));
  // These may belong to a process that is at work.
  EXPECT_TRUE(exists(folder / "c8.attnpkg.tmp.abcdef"));
  EXPECT_TRUE(exists(folder / "f8.lock"));
}

TEST(Cache, ReadsTheBoundFromTheEnvironment) {
  TemporaryFolder folder;
  FakeCompiler compiler;
  compiler.padding = 100000;
  {
    ScopedVariable size("ATTN_CACHE_SIZE", "64K");
    EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
    EXPECT_FALSE(exists(folder / "c0.attnpkg"));
    EXPECT_EQ(TestCache(folder.path, 1000000).get("f0", compiler), "cold");
    EXPECT_TRUE(exists(folder / "c0.attnpkg")) << "an option comes first";
  }
  for (const char *text : {"1M", "200000", "1G", ""}) {
    ScopedVariable size("ATTN_CACHE_SIZE", text);
    TestCache cache(folder.path);
    EXPECT_EQ(cache.get("f0", compiler), "disk");
    EXPECT_TRUE(cache.warnings.empty()) << text;
  }
  for (const char *text :
       {"many", "-1", "0", "1T", "M", "9999999999G", "99999999999999999999"}) {
    ScopedVariable size("ATTN_CACHE_SIZE", text);
    TestCache cache(folder.path);
    EXPECT_EQ(cache.get("f0", compiler), "cold");
    ASSERT_EQ(cache.warnings.size(), 1u) << text;
    EXPECT_NE(cache.warnings[0].find("ATTN_CACHE_SIZE is '"),
              std::string::npos);
  }
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

/// Compiles twice without a usable directory: one warning, with this text.
void expectMemoryOnly(TestCache &cache, const std::string &text) {
  FakeCompiler compiler;
  EXPECT_FALSE(cache.cache.hasDirectory());
  EXPECT_EQ(cache.get("f0", compiler), "cold");
  EXPECT_EQ(cache.get("f0", compiler), "memory");
  compiler.key = "c1";
  EXPECT_EQ(cache.get("f1", compiler), "cold");
  ASSERT_EQ(cache.warnings.size(), 1u);
  EXPECT_NE(cache.warnings[0].find("kept in memory only: "), std::string::npos);
  EXPECT_NE(cache.warnings[0].find(text), std::string::npos)
      << cache.warnings[0];
}

TEST(Cache, WarnsOnceAboutUnusableDirectories) {
  TemporaryFolder folder;
  writeBytes(folder / "file", "");
  TestCache file(folder / "file");
  expectMemoryOnly(file, "is not a directory");
  TestCache below(folder / "file/below");
  expectMemoryOnly(below, "cannot be created");
  std::filesystem::create_directory(folder / "open");
  ASSERT_EQ(chmod((folder / "open").c_str(), 0777), 0);
  TestCache open(folder / "open");
  expectMemoryOnly(open, "can be written by others");
}

TEST(Cache, ChoosesTheDirectoryFromTheEnvironment) {
  TemporaryFolder folder;
  ScopedVariable home("HOME", folder.path.c_str());
  ScopedVariable xdg("XDG_CACHE_HOME", (folder / "xdg").c_str());
  {
    ScopedVariable own("ATTN_CACHE_DIR", (folder / "own").c_str());
    EXPECT_EQ(Cache().directory(), folder / "own");
  }
  ScopedVariable own("ATTN_CACHE_DIR", "");
  EXPECT_EQ(Cache().directory(), folder / "xdg/attn-mlir");
  ScopedVariable relative("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(Cache().directory(), folder / ".cache/attn-mlir");
  ScopedVariable noHome("HOME", nullptr);
  TestCache none("");
  expectMemoryOnly(none, "neither ATTN_CACHE_DIR nor XDG_CACHE_HOME nor HOME");
}
} // namespace
