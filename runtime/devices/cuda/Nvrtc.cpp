//===- Nvrtc.cpp - CUDA C++ to machine code at run time -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Nvrtc.h"
#include "CudaDriver.h"
#include "Guard.h"
#include "Neighbour.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

using namespace attn;

//===----------------------------------------------------------------------===//
// The library
//===----------------------------------------------------------------------===//

/// nvrtc opens a second library by its name alone while it compiles.  The
/// loader does not look for that beside nvrtc, but takes what is open already.
static void openBuiltins(const std::string &nvrtc, int major, int minor) {
  size_t slash = nvrtc.rfind('/');
  if (slash == std::string::npos)
    return;
  dlopen((nvrtc.substr(0, slash + 1) + "libnvrtc-builtins.so." +
          std::to_string(major) + "." + std::to_string(minor))
             .c_str(),
         RTLD_NOW | RTLD_LOCAL);
}

Status Nvrtc::load(const std::string &path) {
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    bool exists = access(path.c_str(), F_OK) == 0;
    return failure(path + (exists && reason ? std::string(" (") + reason + ")"
                                            : std::string()));
  }
  std::string missing;
  auto resolve = [&](auto &function, const char *name) {
    void *symbol = dlsym(handle, name);
    if (!symbol)
      missing = name;
    std::memcpy(&function, &symbol, sizeof(symbol));
  };
  int (*getVersion)(int *, int *) = nullptr;
  resolve(getVersion, "nvrtcVersion");
  resolve(createProgram, "nvrtcCreateProgram");
  resolve(destroyProgram, "nvrtcDestroyProgram");
  resolve(compileProgram, "nvrtcCompileProgram");
  resolve(getLogSize, "nvrtcGetProgramLogSize");
  resolve(getLog, "nvrtcGetProgramLog");
  resolve(getPtxSize, "nvrtcGetPTXSize");
  resolve(getPtx, "nvrtcGetPTX");
  resolve(getCubinSize, "nvrtcGetCUBINSize");
  resolve(getCubin, "nvrtcGetCUBIN");
  resolve(getErrorString, "nvrtcGetErrorString");
  int major = 0, minor = 0;
  if (!missing.empty() || getVersion(&major, &minor) != 0) {
    dlclose(handle);
    return failure(path + " (it has no function '" + missing + "')");
  }
  libraryVersion = major * 1000 + minor * 10;
  if (libraryVersion < oldest) {
    dlclose(handle);
    return failure(path + " (CUDA " + cuda::versionText(libraryVersion) +
                   ", too old)");
  }
  openBuiltins(path, major, minor);
  libraryPath = path;
  return Status::success();
}

static const char *const fileNames[] = {"libnvrtc.so.13", "libnvrtc.so.12"};

static const char *textOf(const char *variable) {
  const char *text = std::getenv(variable);
  return text ? text : "";
}

/// Where nvrtc may be, the best place first.
static std::vector<std::string> candidates(const std::string &chosen) {
  std::vector<std::string> folders;
  struct stat info;
  if (!chosen.empty()) {
    if (stat(chosen.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
      return {chosen};
    folders = {chosen + "/", chosen + "/lib64/", chosen + "/lib/"};
  } else {
    if (auto runtime = runtimeFolder()) {
      folders.push_back(*runtime + "/");
      // Of a build folder: what scripts/fetch-cuda makes in the checkout.
      folders.push_back(*runtime + "/../../.cuda/lib64/");
    }
    for (const char *variable : {"CUDA_PATH", "CUDA_HOME"})
      if (const char *root = textOf(variable); *root)
        folders.push_back(std::string(root) + "/lib64/");
    folders.push_back("/usr/local/cuda/lib64/");
    folders.push_back(""); // the loader's own search
  }
  std::vector<std::string> paths;
  for (const std::string &folder : folders)
    for (const char *name : fileNames)
      paths.push_back(folder + name);
  return paths;
}

Result<const Nvrtc *> Nvrtc::open() {
  return guarded([&]() -> Result<const Nvrtc *> {
    static std::mutex mutex;
    static std::map<std::string, std::unique_ptr<const Nvrtc>> opened;
    std::lock_guard<std::mutex> lock(mutex);
    std::string chosen = textOf("ATTN_NVRTC");
    if (auto found = opened.find(chosen); found != opened.end())
      return found->second.get();
    std::string tried;
    for (const std::string &path : candidates(chosen)) {
      auto library = std::make_unique<Nvrtc>();
      Status status = library->load(path);
      if (status)
        return (opened[chosen] = std::move(library)).get();
      tried += (tried.empty() ? "" : ", ") + status.error();
    }
    return failure(
        std::string("there is no nvrtc, which compiles kernels for GPUs: "
                    "tried ") +
        tried +
        (chosen.empty()
             ? "; install a CUDA toolkit, 12.8 or newer, or run 'pip install "
               "nvidia-cuda-nvrtc' and set ATTN_NVRTC to the libnvrtc.so.13 "
               "that it brings"
             : "; ATTN_NVRTC must name libnvrtc.so of CUDA 12.8 or newer, or "
               "its folder") +
        "; packages with cubins need none");
  });
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

/// A text or binary that nvrtc hands out by a size and a copy function.
static std::string fetch(void *program, int (*getSize)(void *, size_t *),
                         int (*get)(void *, char *)) {
  size_t size = 0;
  if (getSize(program, &size) != 0 || size == 0)
    return "";
  std::string bytes(size, '\0');
  if (get(program, bytes.data()) != 0)
    return "";
  return bytes;
}

/// The same for text: the size counts a final zero.
static std::string fetchText(void *program, int (*getSize)(void *, size_t *),
                             int (*get)(void *, char *)) {
  std::string text = fetch(program, getSize, get);
  while (!text.empty() && text.back() == '\0')
    text.pop_back();
  return text;
}

/// Whether a line of the log tells of slow code.
static bool isWarning(const std::string &line) {
  // "0 bytes spill stores, 0 bytes spill loads" is what is hoped for.
  bool spills = line.find("spill") != std::string::npos &&
                line.find(" 0 bytes spill stores, 0 bytes spill loads") ==
                    std::string::npos;
  return spills || line.find("(C75") != std::string::npos ||
         (line.find("setmaxnreg") != std::string::npos &&
          line.find("ignored") != std::string::npos);
}

static std::vector<std::string> warningsOf(const std::string &log) {
  std::vector<std::string> warnings;
  for (size_t begin = 0; begin < log.size();) {
    size_t end = std::min(log.find('\n', begin), log.size());
    std::string line = log.substr(begin, end - begin);
    if (isWarning(line))
      warnings.push_back(line);
    begin = end + 1;
  }
  return warnings;
}

Result<NvrtcOutput> Nvrtc::compile(const std::string &source,
                                   const std::string &name,
                                   const GpuTarget &target,
                                   const NvrtcOptions &options) const {
  return guarded([&]() -> Result<NvrtcOutput> {
    Program program = nullptr;
    if (int code = createProgram(&program, source.c_str(), name.c_str(), 0,
                                 nullptr, nullptr))
      return failure("nvrtc could not start on " + name + ": " +
                     getErrorString(code));
    std::string architecture =
        options.ptxOnly ? target.virtualName() : target.name();
    std::vector<std::string> all = {"--gpu-architecture=" + architecture};
    if (options.lineInfo)
      all.push_back("-lineinfo");
    if (!options.ptxOnly)
      all.push_back("--ptxas-options=--warn-on-spills");
    all.insert(all.end(), options.further.begin(), options.further.end());
    std::vector<const char *> pointers;
    for (const std::string &option : all)
      pointers.push_back(option.c_str());
    int code = compileProgram(program, int(pointers.size()), pointers.data());
    NvrtcOutput output;
    output.log = fetchText(program, getLogSize, getLog);
    if (code == 0) {
      output.ptx = fetchText(program, getPtxSize, getPtx);
      if (!options.ptxOnly)
        output.cubin = fetch(program, getCubinSize, getCubin);
    }
    destroyProgram(&program);
    std::string versionName = "nvrtc " + cuda::versionText(libraryVersion);
    if (code == builtinsMissing)
      return failure(versionName +
                         " does not find its second library: put "
                         "libnvrtc-builtins.so." +
                         cuda::versionText(libraryVersion) + " beside '" +
                         libraryPath + "'",
                     code);
    if (code != 0)
      return failure(versionName + " could not compile " + name + " for " +
                         architecture + ": " + getErrorString(code) + "\n" +
                         output.log,
                     code);
    if (output.ptx.empty() || (!options.ptxOnly && output.cubin.empty()))
      return failure(versionName + " made nothing of " + name + " for " +
                     architecture);
    output.warnings = warningsOf(output.log);
    return output;
  });
}
