//===- Kernel.cpp - Kernels: from text or from packages -------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel comes from the cache; the compiler library is opened only if it is
// not there.
//
//===----------------------------------------------------------------------===//

#include "BuildId.h"
#include "Compiler.h"
#include "Handles.h"
#include "attn/Runtime/Hash.h"
#include "attn/Runtime/Host.h"
#include "attn/Runtime/Package.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

using namespace attn;
using namespace attn::api;

const char *attn_version(void) { return ATTN_VERSION; }

namespace {
/// A request with its defaults filled in, whose strings live as long as it.
struct Request {
  std::string_view text;
  const char *name = "<kernel>";
  const char *entry = nullptr;
  const char *algorithm = "flash";
  const char *cpu = "";
  const char *features = "";
  int64_t tileQ = 0, tileKv = 0;
  std::string target = "cpu";
  int64_t warps = 0, stages = 0, alignment = 0, lineInfo = 0;
  std::string replayDirectory;

  std::string key() const {
    // The processor does not change while the program runs.
    static const std::string host = hostIdentity();
    // The compiler is of the same build, see Compiler.cpp.
    return hashHex({"request", ATTN_VERSION, ATTN_BUILD_ID, text, algorithm,
                    cpu, features, std::to_string(tileQ),
                    std::to_string(tileKv), target, std::to_string(warps),
                    std::to_string(stages), std::to_string(alignment),
                    std::to_string(lineInfo), host});
  }
  attn_compiler_request forCompiler() const {
    return {sizeof(attn_compiler_request),
            text.data(),
            text.size(),
            name,
            algorithm,
            cpu,
            features,
            tileQ,
            tileKv,
            target.c_str(),
            warps,
            stages,
            alignment,
            lineInfo,
            replayDirectory.c_str()};
  }
};
} // namespace

static Result<Request> makeRequest(const char *text, size_t size,
                                   const attn_compile_options *given) {
  Request request;
  attn_compile_options options = copySized(given);
  request.text = {text, size};
  auto take = [](const char *&field, const char *option) {
    if (option)
      field = option;
  };
  take(request.name, options.name);
  take(request.entry, options.entry);
  take(request.algorithm, options.algorithm);
  take(request.cpu, options.cpu);
  take(request.features, options.features);
  request.tileQ = options.tile_q;
  request.tileKv = options.tile_kv;
  request.warps = options.warps;
  request.stages = options.stages;
  request.alignment = options.alignment;
  request.lineInfo = options.line_info != 0;
  std::string_view algorithm = request.algorithm;
  if (algorithm != "standard" && algorithm != "memory-efficient" &&
      algorithm != "flash" && algorithm != "flash-decoding")
    return failure("there is no algorithm '" + std::string(algorithm) +
                       "'; allowed are 'standard', 'memory-efficient', "
                       "'flash' and 'flash-decoding'",
                   ATTN_ERROR_ARGUMENTS);
  return request;
}

/// Where the compiler leaves what repeats a mistake of its own: with the
/// engine's cache, unless the user says otherwise.
static std::string chooseReplayDirectory(const Cache &cache) {
  const char *chosen = std::getenv("ATTN_REPLAY_DIR");
  if (chosen && *chosen)
    return chosen;
  return cache.hasDirectory() ? cache.directory() + "/replay" : "none";
}

/// Opens the compiler, if it may be opened.
static Result<const Compiler *> openCompiler(EngineState &state) {
  if (state.options.jit == ATTN_JIT_NEVER)
    return failure(
        "the kernel is not in the cache" +
            (state.cache.hasDirectory() ? " '" + state.cache.directory() + "'"
                                        : std::string()) +
            ", and jit is 'never'; run once with jit 'allow' and the same "
            "version, options and processor, or load a package",
        ATTN_ERROR_CACHE);
  auto begin = std::chrono::steady_clock::now();
  bool isFirst = false;
  Result<const Compiler *> compiler = Compiler::open(isFirst);
  if (compiler && isFirst)
    state.notify(
        ATTN_EVENT_COMPILER_OPENED, "",
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
            .count());
  return compiler;
}

/// Gets the module of a request and counts where it came from.
static Result<std::shared_ptr<const LoadedCode>>
getCode(EngineState &state, const Request &request, CacheSource &source,
        double &backendSeconds) {
  CacheCompiler compiler;
  compiler.contentKey = [&]() -> Result<std::string> {
    Result<const Compiler *> opened = openCompiler(state);
    return opened ? (*opened)->contentKey(request.forCompiler())
                  : opened.takeFailure();
  };
  compiler.package = [&]() -> Result<std::string> {
    Result<const Compiler *> opened = openCompiler(state);
    return opened ? (*opened)->package(request.forCompiler(), backendSeconds)
                  : opened.takeFailure();
  };
  Result<CachedCode> cached = state.cache.get(request.key(), compiler);
  if (!cached)
    return cached.takeFailure();
  source = cached->source;
  return cached->code;
}

/// The entry of this name, or the only one.
static Result<const ManifestEntry *> chooseEntry(const Manifest &manifest,
                                                 const char *name) {
  const std::vector<ManifestEntry> &entries = manifest.entries;
  std::string names;
  for (const ManifestEntry &entry : entries)
    names += (names.empty() ? "'" : ", '") + entry.name + "'";
  const ManifestEntry *entry = nullptr;
  if (name)
    entry = manifest.find(name);
  else if (entries.size() == 1)
    entry = &entries.front();
  if (!entry)
    return failure(
        name
            ? "there is no entry '" + std::string(name) + "'; there is " + names
            : "there are " + std::to_string(entries.size()) + " entries, " +
                  names + "; name the one that is wanted",
        ATTN_ERROR_ARGUMENTS);
  bool fits = entry->arguments.size() <= ATTN_MAX_ARGUMENTS;
  for (const ManifestArgument &argument : entry->arguments)
    fits &= argument.shape.size() <= ATTN_MAX_RANK;
  if (!fits)
    return failure("'" + entry->name + "' has more than " +
                       std::to_string(ATTN_MAX_ARGUMENTS) +
                       " arguments, or one with more than " +
                       std::to_string(ATTN_MAX_RANK) + " dimensions",
                   ATTN_ERROR_UNSUPPORTED);
  return entry;
}

Result<attn_kernel *>
attn::api::makeKernel(std::shared_ptr<EngineState> engine,
                      std::shared_ptr<const LoadedCode> code,
                      const char *name) {
  auto kernel = std::make_unique<attn_kernel>();
  // What EngineState::loadCode makes.
  const Manifest *manifest;
  if (engine->gpu) {
    kernel->gpuCode = std::static_pointer_cast<const GpuCode>(std::move(code));
    manifest = &kernel->gpuCode->module().manifest();
  } else {
    kernel->module = std::static_pointer_cast<const Module>(std::move(code));
    manifest = &kernel->module->manifest();
  }
  auto entry = chooseEntry(*manifest, name);
  if (!entry)
    return entry.takeFailure();
  kernel->entry = *entry;
  if (kernel->module)
    kernel->code = kernel->module->codeOf(**entry);
  kernel->engine = std::move(engine);
  return kernel.release();
}

attn_status attn_engine_compile(attn_engine *engine, const char *text,
                                size_t text_size,
                                const attn_compile_options *options,
                                attn_kernel **kernel, attn_error **error) {
  return guardedCall(error, [&] {
    if (!engine || !text || !kernel)
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "attn_engine_compile: 'engine', 'text' or 'kernel' is null");
    auto begin = std::chrono::steady_clock::now();
    EngineState &state = *engine->state;
    Result<Request> request = makeRequest(text, text_size, options);
    if (!request)
      return fail(error, request.takeFailure(), ATTN_ERROR_ARGUMENTS);
    if (state.gpu)
      request->target =
          suggestedTarget(state.gpu->info().computeCapability).name();
    request->replayDirectory = chooseReplayDirectory(state.cache);
    CacheSource source = CacheSource::memory;
    double backendSeconds = 0;
    auto code = getCode(state, *request, source, backendSeconds);
    if (!code)
      return fail(error, code.takeFailure(), ATTN_ERROR_COMPILE);
    Result<attn_kernel *> made =
        makeKernel(engine->state, *std::move(code), request->entry);
    if (!made)
      return fail(error, made.takeFailure(), ATTN_ERROR_ARGUMENTS);
    *kernel = *made;
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - begin;
    attn_event_kind kind = ATTN_EVENT_MEMORY_HIT;
    switch (source) {
    case CacheSource::compiled:
      kind = ATTN_EVENT_COMPILED;
      ++state.compiled;
      break;
    case CacheSource::disk:
      kind = ATTN_EVENT_DISK_HIT;
      ++state.diskHits;
      break;
    case CacheSource::memory:
      ++state.memoryHits;
      break;
    }
    state.notify(kind, (*made)->entry->name, elapsed.count(), backendSeconds);
    return ATTN_OK;
  });
}

attn_status attn_engine_load(attn_engine *engine, const void *package,
                             size_t package_size, const char *entry,
                             attn_kernel **kernel, attn_error **error) {
  return guardedCall(error, [&] {
    if (!engine || !package || !kernel)
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "attn_engine_load: 'engine', 'package' or 'kernel' is null");
    Result<Package> read = Package::fromBytes(
        std::string(static_cast<const char *>(package), package_size),
        "the package in memory");
    if (!read)
      return fail(error, read.takeFailure(), ATTN_ERROR_CACHE);
    auto code = engine->state->loadCode(*read);
    if (!code)
      return fail(error, code.takeFailure(), ATTN_ERROR_DEVICE);
    Result<attn_kernel *> made =
        makeKernel(engine->state, *std::move(code), entry);
    if (!made)
      return fail(error, made.takeFailure(), ATTN_ERROR_ARGUMENTS);
    *kernel = *made;
    return ATTN_OK;
  });
}

//===----------------------------------------------------------------------===//
// What a kernel says about itself
//===----------------------------------------------------------------------===//

void attn_kernel_retain(attn_kernel *kernel) {
  if (kernel)
    kernel->references.fetch_add(1, std::memory_order_relaxed);
}

void attn_kernel_free(attn_kernel *kernel) {
  if (kernel && kernel->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete kernel;
}

const char *attn_kernel_name(const attn_kernel *kernel) {
  return kernel ? kernel->entry->name.c_str() : "";
}

const char *attn_kernel_algorithm(const attn_kernel *kernel) {
  return kernel ? kernel->entry->algorithm.c_str() : "";
}

int32_t attn_kernel_num_arguments(const attn_kernel *kernel) {
  return kernel ? static_cast<int32_t>(kernel->entry->arguments.size()) : 0;
}

int32_t attn_kernel_argument(const attn_kernel *kernel, int32_t number,
                             attn_argument *argument) {
  if (!kernel || !argument || number < 0 ||
      number >= attn_kernel_num_arguments(kernel))
    return 0;
  const ManifestArgument &described =
      kernel->entry->arguments[static_cast<size_t>(number)];
  attn_argument filled{};
  filled.size = argument->size;
  filled.name = described.name.c_str();
  filled.is_output = described.isOutput;
  filled.is_tensor = described.isTensor;
  filled.type = static_cast<attn_type>(described.type);
  filled.rank = static_cast<int32_t>(described.shape.size());
  std::copy(described.shape.begin(), described.shape.end(), filled.shape);
  __builtin_memcpy(argument, &filled, std::min(argument->size, sizeof(filled)));
  return 1;
}
