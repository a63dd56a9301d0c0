//===- Neighbour.cpp - Libraries next to the runtime ----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Neighbour.h"
#include "File.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

using namespace attn;

Result<std::string> attn::runtimeFolder() {
  Dl_info info;
  void *map = nullptr;
  if (!dladdr1(reinterpret_cast<void *>(&runtimeFolder), &info, &map,
               RTLD_DL_LINKMAP) ||
      !map)
    return failure("the loader does not say where the runtime is");
  // The program itself has no name here; what the loader calls it elsewhere is
  // only what its caller called it.
  const char *name = static_cast<link_map *>(map)->l_name;
  char resolved[PATH_MAX];
  if (!realpath(*name ? name : "/proc/self/exe", resolved))
    return failure("the file of the runtime cannot be found: " +
                   errorText(errno));
  std::string path = resolved;
  return path.substr(0, path.rfind('/'));
}

Result<void *> attn::openNeighbour(const std::string &fileName) {
  auto folder = runtimeFolder();
  if (!folder)
    return folder.takeFailure();
  std::string reason;
  for (const std::string &path :
       {*folder + "/" + fileName, *folder + "/../lib/" + fileName}) {
    if (void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return handle;
    // A file that is there and cannot be loaded is the better reason.
    const char *text = dlerror();
    if (reason.empty() || access(path.c_str(), F_OK) == 0)
      reason = text ? text : "unknown error of the loader";
  }
  return failure(fileName + " cannot be opened: " + reason);
}
