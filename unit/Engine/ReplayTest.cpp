//===- ReplayTest.cpp - What repeats a failed compilation -----------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// test/Tools/attn-compile-replay.mlir shows a whole folder.
//
//===----------------------------------------------------------------------===//

#include "lib/Engine/Replay.h"
#include "unit/Runtime/TestSupport.h"

#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>

using namespace attn;
using namespace attn::test;

namespace {
/// The folder that a message names; empty if there is none.
std::string folderOf(const std::string &message) {
  std::string before = "what repeats this is in '";
  size_t begin = message.find(before);
  if (begin == std::string::npos)
    return "";
  begin += before.size();
  return message.substr(begin, message.find('\'', begin) - begin);
}

std::vector<std::string> filesOf(const std::string &folder) {
  std::set<std::string> names;
  for (const auto &item : std::filesystem::directory_iterator(folder))
    names.insert(item.path().filename().string());
  return {names.begin(), names.end()};
}

class Replay : public testing::Test {
protected:
  Replay() { options.replayDirectory = folder.path; }
  std::string write(const std::string &text,
                    const ReplayFindings &findings = {}) {
    return writeReplay(failure("it failed\nfor a reason", 4), text, options,
                       Emit::ptx, findings)
        .message;
  }
  TemporaryFolder folder;
  CompileOptions options;
};

TEST_F(Replay, NamesTheFolderInTheFirstLine) {
  Failure failed = writeReplay(failure("it failed\nfor a reason", 4), "text",
                               options, Emit::ptx, {});
  EXPECT_EQ(failed.code, 4);
  std::string made = folderOf(failed.message);
  EXPECT_EQ(failed.message, "it failed; what repeats this is in '" + made +
                                "' (run its file 'command')\nfor a reason");
  EXPECT_EQ(made.compare(0, folder.path.size(), folder.path), 0) << made;
  EXPECT_EQ(readBytes(made + "/module.mlir"), "text");
  EXPECT_EQ(readBytes(made + "/error.txt"), "it failed\nfor a reason\n");
  // The user's alone.
  struct stat info;
  ASSERT_EQ(stat(made.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(Replay, HasOneFolderForEachRequest) {
  std::string first = folderOf(write("text", {"source", "log"}));
  std::vector<std::string> files = {"command", "error.txt", "module.mlir",
                                    "options.json", "versions.json"};
  // What an older version left goes.
  EXPECT_EQ(folderOf(write("text")), first);
  EXPECT_EQ(filesOf(first), files);
  EXPECT_NE(folderOf(write("other text")), first);
  options.warps = 4;
  EXPECT_NE(folderOf(write("text")), first);
}

TEST_F(Replay, KeepsTheNewestFolders) {
  std::filesystem::create_directory(folder / "mine");
  std::string first = folderOf(write("first"));
  // The clock of files is coarse.
  std::filesystem::last_write_time(
      first,
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  std::string last;
  for (size_t i = 0; i < kMaxReplayFolders; ++i) {
    last = folderOf(write("text " + std::to_string(i)));
    EXPECT_TRUE(std::filesystem::exists(last));
  }
  EXPECT_FALSE(std::filesystem::exists(first));
  // Folders of other names stay.
  EXPECT_EQ(filesOf(folder.path).size(), kMaxReplayFolders + 1);
  EXPECT_TRUE(std::filesystem::exists(folder / "mine"));
}

TEST_F(Replay, IsWrittenWhereTheUserWants) {
  ScopedVariable cache("ATTN_CACHE_DIR", (folder / "cache").c_str());
  {
    ScopedVariable none("ATTN_REPLAY_DIR", "none");
    options.replayDirectory = "";
    EXPECT_EQ(write("text"), "it failed\nfor a reason");
    options.replayDirectory = folder.path;
    EXPECT_NE(folderOf(write("text")), "");
  }
  ScopedVariable unset("ATTN_REPLAY_DIR", nullptr);
  options.replayDirectory = "";
  EXPECT_EQ(folderOf(write("text")).find(folder / "cache/replay/"), 0u);
  options.replayDirectory = "none";
  EXPECT_EQ(write("text"), "it failed\nfor a reason");
}

TEST_F(Replay, SaysWhyItCouldNotBeWritten) {
  writeBytes(folder / "file", "");
  options.replayDirectory = folder / "file";
  std::string message = write("text");
  EXPECT_EQ(message.find("it failed; what repeats this could not be written "
                         "to '" +
                         (folder / "file/")),
            0u)
      << message;
  EXPECT_NE(message.find(": Not a directory\nfor a reason"), std::string::npos)
      << message;
}

TEST_F(Replay, QuotesForTheShell) {
  options.features = "it's; touch pwned";
  std::string made = folderOf(write("text"));
  std::string command = readBytes(made + "/command");
  EXPECT_NE(command.find("--cpu-features='it'\\''s; touch pwned'"),
            std::string::npos)
      << command;
  // What the environment holds is nobody's business.
  ScopedVariable secret("ATTN_TEST_SECRET", "swordfish");
  made = folderOf(write("text"));
  for (const std::string &name : filesOf(made))
    EXPECT_EQ(readBytes(made + "/" + name).find("swordfish"), std::string::npos)
        << name;
}

TEST(RequestKey, HoldsEveryOption) {
  std::set<std::string> keys;
  CompileOptions none;
  auto add = [&](auto CompileOptions::*field, auto value) {
    CompileOptions options;
    options.*field = value;
    keys.insert(requestKeyOf("text", options));
  };
  keys.insert(requestKeyOf("text", none));
  keys.insert(requestKeyOf("texts", none));
  add(&CompileOptions::target, "sm_80");
  add(&CompileOptions::algorithm, "standard");
  add(&CompileOptions::cpu, "haswell");
  add(&CompileOptions::features, "haswell");
  for (auto field :
       {&CompileOptions::tileQ, &CompileOptions::tileKv, &CompileOptions::warps,
        &CompileOptions::stages, &CompileOptions::alignment})
    add(field, 16);
  add(&CompileOptions::codegen, "llvm");
  add(&CompileOptions::lineInfo, true);
  EXPECT_EQ(keys.size(), 13u);
  // Where folders go does not matter.
  add(&CompileOptions::replayDirectory, "none");
  EXPECT_EQ(keys.size(), 13u);
}
} // namespace
