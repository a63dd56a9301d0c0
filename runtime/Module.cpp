//===- Module.cpp - Loads payloads ----------------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Module.h"
#include "File.h"
#include "Guard.h"
#include "attn/Runtime/Host.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace attn;

#if defined(__x86_64__)
static constexpr Elf64_Half hostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr Elf64_Half hostMachine = EM_AARCH64;
#else
#error "the CPU runtime is for x86-64 and AArch64"
#endif

static Status checkElfRange(uint64_t offset, uint64_t size, uint64_t fileSize,
                            const std::string &origin) {
  uint64_t end;
  if (__builtin_add_overflow(offset, size, &end) || end > fileSize)
    return failure(origin + " is truncated or damaged: it has " +
                   std::to_string(fileSize) +
                   " bytes, fewer than its headers "
                   "say");
  return Status::success();
}

/// The loader maps segments without looking at the size of the file: a
/// truncated file would end the process with SIGBUS at the first access.
static Status checkElf(const FileDescriptor &file, const std::string &origin) {
  struct stat info;
  if (fstat(file.get(), &info) != 0)
    return failure("cannot read " + origin + ": " + errorText(errno));
  if (!S_ISREG(info.st_mode))
    return failure(origin + " is not a regular file");
  uint64_t fileSize = static_cast<uint64_t>(info.st_size);

  Elf64_Ehdr header;
  std::string bytes;
  if (fileSize >= sizeof(header)) {
    auto read = readFile(file, sizeof(header), origin);
    if (!read)
      return read.takeFailure();
    bytes = *std::move(read);
  }
  if (bytes.size() < sizeof(header) ||
      std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0)
    return failure(origin + " is not an ELF shared object");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_type != ET_DYN ||
      header.e_phentsize != sizeof(Elf64_Phdr))
    return failure(origin + " is not a 64-bit ELF shared object");
  if (header.e_machine != hostMachine)
    return failure(origin +
                   " is for another architecture: its ELF machine is " +
                   std::to_string(header.e_machine) + ", this host's is " +
                   std::to_string(hostMachine));

  uint64_t tableSize = uint64_t(header.e_phnum) * sizeof(Elf64_Phdr);
  if (Status status =
          checkElfRange(header.e_phoff, tableSize, fileSize, origin);
      !status)
    return status;
  auto read = readFile(file, header.e_phoff + tableSize, origin);
  if (!read)
    return read.takeFailure();
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, read->data() + header.e_phoff + i * sizeof(segment),
                sizeof(segment));
    if (segment.p_type != PT_LOAD)
      continue;
    if (Status status =
            checkElfRange(segment.p_offset, segment.p_filesz, fileSize, origin);
        !status)
      return status;
  }
  return Status::success();
}

static std::string descriptorPath(int number) {
  return "/proc/self/fd/" + std::to_string(number);
}

static Failure dlFailure(const std::string &origin) {
  const char *text = dlerror();
  return failure("cannot load " + origin + ": " +
                 (text ? text : "unknown error of the loader"));
}

Result<std::shared_ptr<const Module>>
Module::loadFrom(const std::string &path, int file, const std::string &origin) {
  std::shared_ptr<Module> module;
  {
    FileDescriptor owner(file);
    module.reset(new Module());
    module->memoryFile = owner.release();
  }
  module->memoryPath = file >= 0 ? path : "";
  module->handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module->handle)
    return dlFailure(origin);

  auto *text =
      static_cast<const char *>(dlsym(module->handle, "attn_manifest"));
  if (!text)
    return failure(origin + " is not a payload of attn-mlir: it does not "
                            "export 'attn_manifest'");
  auto manifest = parseManifest(text, origin);
  if (!manifest)
    return manifest.takeFailure();
  module->parsed = *std::move(manifest);
  if (Status status = checkHostFeatures(module->parsed.requiredFeatures,
                                        module->parsed.cpu);
      !status)
    return status.takeFailure();

  for (const ManifestEntry &entry : module->parsed.entries) {
    Code code;
    std::string workspaceName = entry.name + "_workspace";
    code.run = reinterpret_cast<attn_cpu_entry>(
        dlsym(module->handle, entry.name.c_str()));
    code.workspace = reinterpret_cast<attn_cpu_workspace>(
        dlsym(module->handle, workspaceName.c_str()));
    if (!code.run || !code.workspace)
      return failure(origin + " does not export '" +
                     (code.run ? workspaceName : entry.name) +
                     "', which its manifest names");
    module->code.push_back(code);
  }
  return std::shared_ptr<const Module>(std::move(module));
}

Module::~Module() {
  if (handle)
    dlclose(handle);
  if (memoryFile < 0)
    return;
  // A payload that the loader refused to unload keeps its file: see memoryFile.
  if (void *loaded = dlopen(memoryPath.c_str(), RTLD_NOW | RTLD_NOLOAD)) {
    dlclose(loaded);
    return;
  }
  close(memoryFile);
}

Result<std::shared_ptr<const Module>> Module::load(const std::string &path) {
  return guarded([&]() -> Result<std::shared_ptr<const Module>> {
    std::string origin = "'" + path + "'";
    FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file)
      return failure("cannot open " + origin + ": " + errorText(errno));
    if (Status status = checkElf(file, origin); !status)
      return status.takeFailure();
    // Without a slash the loader would search the system's directories.
    std::string name = path.find('/') == std::string::npos ? "./" + path : path;
    // The loader takes equal paths for the same object, although the file may
    // have been replaced since.  Through the descriptor it compares the files.
    if (void *loaded = dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD)) {
      dlclose(loaded);
      int number = file.release();
      return loadFrom(descriptorPath(number), number, origin);
    }
    return loadFrom(name, -1, origin);
  });
}

Result<std::shared_ptr<const Module>>
Module::loadFromMemory(std::string_view bytes) {
  return guarded([&]() -> Result<std::shared_ptr<const Module>> {
    std::string origin = "the payload in memory";
    FileDescriptor file(memfd_create("attn-payload", MFD_CLOEXEC));
    if (!file)
      return failure("cannot create a file in memory: " + errorText(errno));
    if (Status status = writeFile(file, bytes, origin); !status)
      return status.takeFailure();
    if (Status status = checkElf(file, origin); !status)
      return status.takeFailure();
    int number = file.release();
    return loadFrom(descriptorPath(number), number, origin);
  });
}
