//===- CacheProcessTest.cpp - The cache among processes -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens when processes share a directory, are killed, or meet a disk
// that refuses to write.
//
//===----------------------------------------------------------------------===//

#include "CacheSupport.h"

#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>

using namespace attn;
using namespace attn::test;

namespace {
using std::filesystem::exists;

std::vector<std::string> filesWith(const std::string &folder,
                                   const std::string &part) {
  std::vector<std::string> found;
  for (const auto &item : std::filesystem::directory_iterator(folder))
    if (item.path().filename().string().find(part) != std::string::npos)
      found.push_back(item.path().string());
  return found;
}

/// In a child: becomes a user who has to obey permissions, and hands over the
/// folder.
void dropPrivileges(const std::string &folder) {
  constexpr uid_t nobody = 65534;
  if (geteuid() != 0)
    return;
  for (const auto &item : std::filesystem::recursive_directory_iterator(folder))
    ASSERT_EQ(chown(item.path().c_str(), nobody, nobody), 0);
  ASSERT_EQ(chown(folder.c_str(), nobody, nobody), 0);
  ASSERT_EQ(setgroups(0, nullptr), 0);
  ASSERT_EQ(setgid(nobody), 0);
  ASSERT_EQ(setuid(nobody), 0);
}

/// 8 processes with 8 threads each ask for one content at once; each process
/// with the request that `requestOf` names for its number.
void expectOneCompilation(const std::function<std::string(int)> &requestOf) {
  TemporaryFolder folder;
  std::string log = folder / "log", directory = folder / "cache";
  kernelObject();
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  auto work = [&](const std::string &request) {
    // All begin when the parent closes its end.
    close(gate[1]);
    char byte;
    ASSERT_EQ(read(gate[0], &byte, 1), 0);
    FakeCompiler fake;
    CacheCompiler compiler = fake.functions();
    auto make = compiler.package;
    compiler.package = [&] {
      int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      EXPECT_EQ(write(file, "x", 1), 1);
      close(file);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      return make();
    };
    CacheOptions options;
    options.directory = directory;
    Cache cache(options);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        auto result = cache.get(request, compiler);
        ASSERT_TRUE(result) << result.error();
        EXPECT_TRUE(result->module()->manifest().find("kernel"));
      });
    for (std::thread &thread : threads)
      thread.join();
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      work(requestOf(i));
      std::fflush(nullptr);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]);
  for (pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(readBytes(log), "x") << "one letter for each compilation";
  EXPECT_TRUE(filesWith(directory, ".lock").empty());
  EXPECT_TRUE(filesWith(directory, ".tmp.").empty());
}

TEST(CacheProcesses, CompileOnce) {
  expectOneCompilation([](int) { return "f0"; });
}

TEST(CacheProcesses, CompileOnceForTextsOfOneContent) {
  expectOneCompilation([](int number) { return "f" + std::to_string(number); });
}

// Engines of the same process have caches of their own.
TEST(CacheProcesses, CompileOnceWithSeveralCaches) {
  TemporaryFolder folder;
  FakeCompiler compiler;
  CacheCompiler slow = compiler.functions();
  slow.package = [&, make = slow.package] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return make();
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      CacheOptions options;
      options.directory = folder.path;
      EXPECT_TRUE(Cache(options).get("f0", slow));
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(compiler.packages, 1);
}

// A process that dies while it compiles releases its locks.
TEST(CacheProcesses, SurviveTheDeathOfACompiler) {
  TemporaryFolder folder;
  kernelObject();
  int started[2];
  ASSERT_EQ(pipe(started), 0);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    CacheCompiler hangs;
    hangs.contentKey = []() -> Result<std::string> { return "c0"; };
    hangs.package = [&]() -> Result<std::string> {
      if (write(started[1], "x", 1) == 1)
        pause();
      _exit(1);
    };
    CacheOptions options;
    options.directory = folder.path;
    (void)Cache(options).get("f0", hangs);
    _exit(1);
  }
  char byte;
  ASSERT_EQ(read(started[0], &byte, 1), 1);
  EXPECT_TRUE(exists(folder / "f0.lock"));
  EXPECT_TRUE(exists(folder / "c0.attnpkg.lock"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(started[0]);
  close(started[1]);
  FakeCompiler compiler;
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  EXPECT_FALSE(exists(folder / "f0.lock"));
  EXPECT_FALSE(exists(folder / "c0.attnpkg.lock"));
}

TEST(CacheProcesses, SurviveAKillWhileWriting) {
  constexpr size_t size = size_t(48) << 20;
  const std::string package = kernelPackage("c0", size);
  bool caught = false;
  for (int attempt = 0; attempt < 20 && !caught; ++attempt) {
    TemporaryFolder folder;
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      CacheCompiler compiler;
      compiler.contentKey = [] {
        return Result<std::string>(std::string("c0"));
      };
      compiler.package = [&] { return Result<std::string>(package); };
      CacheOptions options;
      options.directory = folder.path;
      (void)Cache(options).get("f0", compiler);
      _exit(0);
    }
    std::vector<std::string> partial;
    while (partial.empty() && waitpid(child, nullptr, WNOHANG) == 0)
      partial = filesWith(folder.path, "attnpkg.tmp.");
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    // Too late if the file has its name already.
    caught = !partial.empty() && exists(partial[0]);
    if (!caught)
      continue;
    EXPECT_LT(std::filesystem::file_size(partial[0]), package.size());
    EXPECT_FALSE(exists(folder / "c0.attnpkg"));

    FakeCompiler compiler;
    TestCache cache(folder.path);
    EXPECT_EQ(cache.get("f0", compiler), "cold");
    EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "disk");
    EXPECT_TRUE(cache.warnings.empty());
    // The rest is removed once nobody can be writing it any more.
    EXPECT_TRUE(exists(partial[0]));
    timespec old = {time(nullptr) - 7200, 0};
    timespec times[] = {old, old};
    ASSERT_EQ(utimensat(AT_FDCWD, partial[0].c_str(), times, 0), 0);
    compiler.key = "c1";
    EXPECT_EQ(TestCache(folder.path).get("f1", compiler), "cold");
    EXPECT_FALSE(exists(partial[0]));
  }
  EXPECT_TRUE(caught) << "the child was never killed while it wrote";
}

TEST(CacheProcesses, ServeFromAReadOnlyDirectory) {
  TemporaryFolder folder;
  FakeCompiler known;
  EXPECT_EQ(TestCache(folder.path).get("f0", known), "cold");
  EXPECT_TRUE(passesInChild([&] {
    dropPrivileges(folder.path);
    ASSERT_EQ(chmod(folder.path.c_str(), 0500), 0);
    TestCache cache(folder.path);
    EXPECT_EQ(cache.get("f0", known), "disk");
    EXPECT_TRUE(cache.warnings.empty());
    FakeCompiler compiler;
    for (const char *number : {"1", "2"}) {
      compiler.key = std::string("c") + number;
      std::string request = std::string("f") + number;
      EXPECT_EQ(cache.get(request, compiler), "cold");
      EXPECT_EQ(cache.get(request, compiler), "memory");
    }
    ASSERT_EQ(cache.warnings.size(), 1u);
    EXPECT_NE(cache.warnings[0].find("Permission denied"), std::string::npos)
        << cache.warnings[0];
    EXPECT_EQ(TestCache(folder.path).get("f1", compiler), "cold");
    // TemporaryFolder removes it again.
    chmod(folder.path.c_str(), 0700);
  }));
}

TEST(CacheProcesses, ReplaceUnreadableFiles) {
  for (const char *file : {"f0.req", "c0.attnpkg"}) {
    TemporaryFolder folder;
    FakeCompiler compiler;
    EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
    EXPECT_TRUE(passesInChild([&] {
      dropPrivileges(folder.path);
      std::string path = folder / file;
      ASSERT_EQ(chmod(path.c_str(), 0), 0);
      TestCache cache(folder.path);
      EXPECT_EQ(cache.get("f0", compiler), file[0] == 'f' ? "disk" : "cold");
      EXPECT_EQ(compiler.keys, 2);
      EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "disk");
      EXPECT_TRUE(cache.warnings.empty());
    }));
  }
}

// A file of another user is not trusted, even if it can be read.
TEST(CacheProcesses, RejectFilesOfOtherUsers) {
  if (geteuid() != 0)
    GTEST_SKIP() << "only root can give files away";
  TemporaryFolder folder;
  FakeCompiler compiler;
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  ASSERT_EQ(chown((folder / "c0.attnpkg").c_str(), 65534, 65534), 0);
  EXPECT_EQ(TestCache(folder.path).get("f0", compiler), "cold");
  ASSERT_EQ(chown(folder.path.c_str(), 65534, 65534), 0);
  EXPECT_FALSE(TestCache(folder.path).cache.hasDirectory());
}

// A limit on the size of files makes write() fail part of the way, as a full
// disk does.
TEST(CacheProcesses, GoOnWithAFullDisk) {
  TemporaryFolder folder;
  kernelObject();
  EXPECT_TRUE(passesInChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = {4096, 4096};
    FakeCompiler compiler;
    // What the module is loaded from is a file, too, but in memory: it is
    // smaller than the package.
    limit.rlim_cur = limit.rlim_max = kernelObject().size() + 64;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    TestCache cache(folder.path);
    for (const char *number : {"0", "1"}) {
      compiler.key = std::string("c") + number;
      std::string request = std::string("f") + number;
      EXPECT_EQ(cache.get(request, compiler), "cold");
      EXPECT_EQ(cache.get(request, compiler), "memory");
    }
    ASSERT_EQ(cache.warnings.size(), 1u);
    EXPECT_NE(cache.warnings[0].find("cannot write"), std::string::npos)
        << cache.warnings[0];
    auto files = std::filesystem::directory_iterator(folder.path);
    EXPECT_EQ(std::distance(begin(files), end(files)), 0)
        << "a partial file was left";
  }));
}

TEST(CacheProcesses, GoOnWithoutHome) {
  EXPECT_TRUE(passesInChild([] {
    for (const char *name : {"ATTN_CACHE_DIR", "XDG_CACHE_HOME", "HOME"})
      unsetenv(name);
    TestCache cache("");
    FakeCompiler compiler;
    EXPECT_EQ(cache.get("f0", compiler), "cold");
    EXPECT_EQ(cache.get("f0", compiler), "memory");
    EXPECT_EQ(cache.warnings.size(), 1u);
  }));
}
} // namespace
