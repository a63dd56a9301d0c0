//===- Replay.cpp - What repeats a failed compilation ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes replay folders and keeps their number within its bound.
//
//===----------------------------------------------------------------------===//

#include "Replay.h"

#include "attn/Runtime/Hash.h"
#include "attn/Runtime/Host.h"
#include "attn/Runtime/Nvrtc.h"
#include "runtime/CacheDirectory.h"
#include "runtime/Neighbour.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace attn;
namespace fs = llvm::sys::fs;

//===----------------------------------------------------------------------===//
// The request
//===----------------------------------------------------------------------===//

/// Every option that decides about the code, by its name in attn-compile; what
/// is empty is not given there.
static std::vector<std::pair<const char *, std::string>>
flagsOf(const CompileOptions &options) {
  auto number = [](int64_t value) {
    return value ? std::to_string(value) : std::string();
  };
  return {{"target", options.target},
          {"algorithm", options.algorithm},
          {"cpu", options.cpu},
          {"cpu-features", options.features},
          {"tile-q", number(options.tileQ)},
          {"tile-kv", number(options.tileKv)},
          {"warps", number(options.warps)},
          {"stages", number(options.stages)},
          {"codegen", options.codegen},
          {"alignment", number(options.alignment)},
          {"lineinfo", options.lineInfo ? "true" : ""}};
}

std::string attn::requestKeyOf(std::string_view text,
                               const CompileOptions &options) {
  std::string described;
  for (const auto &[name, value] : flagsOf(options))
    described += value + ";";
  return hashHex({text, compilerVersion(), described, hostIdentity()});
}

static const char *emitName(Emit emit) {
  switch (emit) {
  case Emit::tile:
    return "tile";
  case Emit::warp:
    return "warp";
  case Emit::thread:
    return "thread";
  case Emit::cuda:
    return "cuda";
  case Emit::ptx:
    return "ptx";
  case Emit::cubin:
    return "cubin";
  case Emit::llvm:
    return "llvm";
  case Emit::object:
    return "object";
  case Emit::package:
    return "package";
  }
  return "";
}

//===----------------------------------------------------------------------===//
// The files
//===----------------------------------------------------------------------===//

static std::string toText(llvm::json::Object object) {
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(object)));
  return text;
}

static std::string describeOptions(const CompileOptions &options, Emit emit) {
  llvm::json::Object object{{"emit", emitName(emit)}};
  for (auto &[name, value] : flagsOf(options))
    object[name] = llvm::json::fixUTF8(value);
  return toText(std::move(object));
}

static std::string describeVersions(const CompileOptions &options) {
  llvm::json::Object object{{"compiler", compilerVersion()},
                            {"llvm", LLVM_VERSION_STRING},
                            {"host", llvm::json::fixUTF8(hostIdentity())}};
  if (options.target != "cpu" && options.codegen == "cuda") {
    if (Result<const Nvrtc *> nvrtc = Nvrtc::open()) {
      // As nvrtc.h has it: 1000 * major + 10 * minor.
      object["nvrtc"] = (*nvrtc)->version();
      object["nvrtc-file"] = llvm::json::fixUTF8((*nvrtc)->path());
    } else {
      object["nvrtc"] = nullptr;
    }
  }
  return toText(std::move(object));
}

/// For a shell.
static std::string quote(const std::string &word) {
  std::string text = "'";
  for (char c : word)
    text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

/// The attn-compile that belongs to this compiler, if it is there.
static std::string findTool() {
  if (Result<std::string> folder = runtimeFolder())
    for (const char *place : {"/attn-compile", "/../bin/attn-compile"})
      if (fs::can_execute(*folder + place))
        return *folder + place;
  return "attn-compile";
}

static std::string writeCommand(const CompileOptions &options, Emit emit) {
  std::string text =
      "#!/bin/sh\n"
      "# Repeats the compilation; $ATTN_COMPILE is another attn-compile.\n"
      "# The result, if there is one, goes to the first argument.\n"
      "cd \"$(dirname \"$0\")\" || exit 1\n"
      "tool=" +
      quote(findTool()) +
      "\n"
      "exec \"${ATTN_COMPILE:-$tool}\" module.mlir --emit=" +
      emitName(emit);
  for (const auto &[name, value] : flagsOf(options))
    if (!value.empty())
      text += " --" + std::string(name) + "=" + quote(value);
  return text + " -o \"${1:-output}\"\n";
}

static llvm::Error writeFile(const llvm::Twine &path, llvm::StringRef bytes) {
  std::error_code error;
  // Not by way of llvm::writeToOutput, which installs handlers of signals in
  // the process of whoever uses the compiler.
  llvm::raw_fd_ostream out(path.str(), error);
  if (!error) {
    out << bytes;
    out.close();
    error = out.error();
    // Or the destructor ends the process.
    out.clear_error();
  }
  return llvm::errorCodeToError(error);
}

//===----------------------------------------------------------------------===//
// The folder
//===----------------------------------------------------------------------===//

/// Where folders are kept; empty: nowhere.
static Result<std::string> chooseParent(const CompileOptions &options) {
  std::string chosen = options.replayDirectory;
  if (const char *variable = std::getenv("ATTN_REPLAY_DIR");
      chosen.empty() && variable)
    chosen = variable;
  if (chosen == "none")
    return std::string();
  if (!chosen.empty())
    return chosen;
  Result<std::string> cache = CacheDirectory::defaultPath();
  return cache ? *cache + "/replay" : cache;
}

/// Removes the oldest folders beyond the bound.  Those of other names are not
/// ours.
static void removeOldest(const std::string &parent) {
  std::vector<std::pair<llvm::sys::TimePoint<>, std::string>> folders;
  std::error_code error;
  for (fs::directory_iterator item(parent, error, /*follow_symlinks=*/false),
       end;
       item != end && !error; item.increment(error))
    if (fs::file_status status;
        isCacheKey(llvm::sys::path::filename(item->path())) &&
        !fs::status(item->path(), status, /*follow=*/false) &&
        status.type() == fs::file_type::directory_file)
      folders.emplace_back(status.getLastModificationTime(), item->path());
  llvm::sort(folders);
  for (size_t i = 0; i + kMaxReplayFolders < folders.size(); ++i)
    (void)fs::remove_directories(folders[i].second);
}

static llvm::Error
writeFolder(const std::string &folder,
            const std::vector<std::pair<const char *, std::string>> &files) {
  // An older one may hold files that this one does not have.
  (void)fs::remove_directories(folder);
  if (std::error_code error = fs::create_directories(
          folder, /*IgnoreExisting=*/true, fs::owner_all))
    return llvm::errorCodeToError(error);
  for (const auto &[name, bytes] : files)
    if (!bytes.empty())
      if (llvm::Error error = writeFile(folder + "/" + name, bytes))
        return error;
  return llvm::errorCodeToError(
      fs::setPermissions(folder + "/command", fs::owner_all));
}

Failure attn::writeReplay(const Failure &failed, std::string_view text,
                          const CompileOptions &options, Emit emit,
                          const ReplayFindings &findings) {
  Result<std::string> parent = chooseParent(options);
  if (parent && parent->empty())
    return failed;
  std::string note;
  if (!parent) {
    note = "what repeats this could not be written: " + parent.error();
  } else {
    std::string folder =
        *parent + "/" +
        hashHex({requestKeyOf(text, options), std::string(emitName(emit))});
    llvm::Error error =
        writeFolder(folder, {{"module.mlir", std::string(text)},
                             {"options.json", describeOptions(options, emit)},
                             {"versions.json", describeVersions(options)},
                             {"error.txt", failed.message + "\n"},
                             {"kernel.cu", findings.cudaSource},
                             {"nvrtc.log", findings.nvrtcLog},
                             {"command", writeCommand(options, emit)}});
    note = error ? "what repeats this could not be written to '" + folder +
                       "': " + llvm::toString(std::move(error))
                 : "what repeats this is in '" + folder +
                       "' (run its file 'command')";
    removeOldest(*parent);
  }
  // The first line is the sentence; the log comes behind it.
  std::string message = failed.message;
  message.insert(std::min(message.find('\n'), message.size()), "; " + note);
  return failure(message, failed.code);
}
