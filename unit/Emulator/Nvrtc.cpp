//===- Nvrtc.cpp - CUDA C++ to PTX at run time ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Nvrtc.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace attn;
using namespace attn::test;

namespace {

// The part of nvrtc.h that is used. nvrtcProgram is an opaque pointer and
// nvrtcResult an enumeration whose 0 is success.
using Program = void *;

struct Library {
  int (*createProgram)(Program *, const char *source, const char *name,
                       int headers, const char *const *headerTexts,
                       const char *const *headerNames) = nullptr;
  int (*destroyProgram)(Program *) = nullptr;
  int (*compileProgram)(Program, int options, const char *const *) = nullptr;
  int (*getLogSize)(Program, size_t *) = nullptr;
  int (*getLog)(Program, char *) = nullptr;
  int (*getPtxSize)(Program, size_t *) = nullptr;
  int (*getPtx)(Program, char *) = nullptr;
  int (*getCubinSize)(Program, size_t *) = nullptr;
  int (*getCubin)(Program, char *) = nullptr;
  const char *(*getErrorString)(int) = nullptr;
};

template <typename Function>
bool resolve(void *handle, const char *symbol, Function &function) {
  function = reinterpret_cast<Function>(dlsym(handle, symbol));
  return function != nullptr;
}

/// nvrtc opens a second library by its name alone while it compiles. The loader
/// does not look for that beside nvrtc, but takes what is open already.
void openBuiltins(void *nvrtc, const std::string &folder) {
  int (*getVersion)(int *major, int *minor) = nullptr;
  int major, minor;
  if (!folder.empty() && resolve(nvrtc, "nvrtcVersion", getVersion) &&
      getVersion(&major, &minor) == 0)
    dlopen((folder + "libnvrtc-builtins.so." + std::to_string(major) + "." +
            std::to_string(minor))
               .c_str(),
           RTLD_NOW | RTLD_LOCAL);
}

Result<Library> openLibrary() {
  std::vector<std::string> folders;
  for (const char *variable : {"CUDA_PATH", "CUDA_HOME"})
    if (const char *root = std::getenv(variable); root && *root)
      folders.push_back(std::string(root) + "/lib64/");
#ifdef ATTN_CUDA_ROOT
  folders.push_back(ATTN_CUDA_ROOT "/lib64/");
#endif
  folders.push_back("/usr/local/cuda/lib64/");
  folders.push_back(""); // the loader's own search

  std::string tried;
  for (const std::string &folder : folders)
    for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12"}) {
      std::string path = folder + name;
      void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!handle) {
        tried += (tried.empty() ? "" : ", ") + path;
        continue;
      }
      Library library;
      if (resolve(handle, "nvrtcCreateProgram", library.createProgram) &&
          resolve(handle, "nvrtcDestroyProgram", library.destroyProgram) &&
          resolve(handle, "nvrtcCompileProgram", library.compileProgram) &&
          resolve(handle, "nvrtcGetProgramLogSize", library.getLogSize) &&
          resolve(handle, "nvrtcGetProgramLog", library.getLog) &&
          resolve(handle, "nvrtcGetPTXSize", library.getPtxSize) &&
          resolve(handle, "nvrtcGetPTX", library.getPtx) &&
          resolve(handle, "nvrtcGetCUBINSize", library.getCubinSize) &&
          resolve(handle, "nvrtcGetCUBIN", library.getCubin) &&
          resolve(handle, "nvrtcGetErrorString", library.getErrorString)) {
        openBuiltins(handle, folder);
        return library;
      }
      dlclose(handle);
      tried += (tried.empty() ? "" : ", ") + path + " (functions are missing)";
    }
  return failure("no libnvrtc could be opened; tried " + tried +
                 "; set CUDA_PATH to a CUDA 12 or 13 toolkit");
}

const Result<Library> &getLibrary() {
  static const Result<Library> library = openLibrary();
  return library;
}

/// A text or binary that nvrtc hands out by a size and a copy function.
std::string fetch(Program program, int (*getSize)(Program, size_t *),
                  int (*get)(Program, char *)) {
  size_t size = 0;
  if (getSize(program, &size) != 0 || size == 0)
    return "";
  std::string bytes(size, '\0');
  if (get(program, bytes.data()) != 0)
    return "";
  return bytes;
}

/// The same for text: the size counts a final zero.
std::string fetchText(Program program, int (*getSize)(Program, size_t *),
                      int (*get)(Program, char *)) {
  std::string text = fetch(program, getSize, get);
  while (!text.empty() && text.back() == '\0')
    text.pop_back();
  return text;
}

} // namespace

Status test::findNvrtc() {
  if (!getLibrary())
    return getLibrary().takeFailure();
  return Status::success();
}

Result<NvrtcOutput> test::compileCuda(const std::string &source,
                                      const std::string &name,
                                      const std::string &architecture,
                                      const std::vector<std::string> &options) {
  if (!getLibrary())
    return getLibrary().takeFailure();
  const Library &nvrtc = *getLibrary();

  Program program = nullptr;
  if (int code = nvrtc.createProgram(&program, source.c_str(), name.c_str(), 0,
                                     nullptr, nullptr))
    return failure("nvrtc could not start on " + name + ": " +
                   nvrtc.getErrorString(code));

  std::vector<std::string> all = {"--gpu-architecture=" + architecture};
  all.insert(all.end(), options.begin(), options.end());
  std::vector<const char *> pointers;
  for (const std::string &option : all)
    pointers.push_back(option.c_str());
  int code =
      nvrtc.compileProgram(program, int(pointers.size()), pointers.data());

  NvrtcOutput output;
  output.log = fetchText(program, nvrtc.getLogSize, nvrtc.getLog);
  if (code == 0) {
    bool cubin = architecture.compare(0, 3, "sm_") == 0;
    output.code = cubin ? fetch(program, nvrtc.getCubinSize, nvrtc.getCubin)
                        : fetchText(program, nvrtc.getPtxSize, nvrtc.getPtx);
  }
  nvrtc.destroyProgram(&program);
  if (code != 0)
    return failure("nvrtc could not compile " + name + " for " + architecture +
                   ": " + nvrtc.getErrorString(code) + "\n" + output.log);
  if (output.code.empty())
    return failure("nvrtc made nothing of " + name + " for " + architecture);
  return output;
}
