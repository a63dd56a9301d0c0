//===- Engine.h - Engines, kernels, plans and calls -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of attn/attn.h.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CPP_ENGINE_H
#define ATTN_CPP_ENGINE_H

#include "attn/cpp/Attention.h"

#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>

namespace attn {
inline namespace v1 {

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Sizes or strides: {1, 32, 1024, 128}.
class Dims {
public:
  Dims(std::initializer_list<int64_t> sizes)
      : Dims(sizes.begin(), sizes.size()) {}
  Dims(const std::vector<int64_t> &sizes) : Dims(sizes.data(), sizes.size()) {}
  Dims(const int64_t *sizes, size_t count) : rank(count) {
    for (size_t i = 0; i < count && i < ATTN_MAX_RANK; ++i)
      values[i] = sizes[i];
  }
  size_t rank = 0;
  int64_t values[ATTN_MAX_RANK] = {};
};

/// A view of memory that belongs to the caller.  Strides count elements; the
/// innermost one must be 1.  Inputs are only read.
struct Tensor : attn_tensor {
  /// Contiguous, row major.
  Tensor(const void *data, Type type, const Dims &shape)
      : attn_tensor(attn_tensor_make(
            const_cast<void *>(data), static_cast<attn_type>(type),
            static_cast<int32_t>(shape.rank), shape.values)) {}
  /// With a different number of strides than sizes, the tensor is refused by
  /// every kernel.
  Tensor(const void *data, Type type, const Dims &shape, const Dims &strides)
      : Tensor(data, type, shape) {
    for (size_t i = 0; i < ATTN_MAX_RANK; ++i)
      this->strides[i] = strides.values[i];
    if (strides.rank != shape.rank)
      rank = -1;
  }
  Tensor(const float *data, const Dims &shape)
      : Tensor(data, Type::f32, shape) {}
  Tensor(const float *data, const Dims &shape, const Dims &strides)
      : Tensor(data, Type::f32, shape, strides) {}
  Tensor(const int32_t *data, const Dims &shape)
      : Tensor(data, Type::i32, shape) {}
  Tensor(const int8_t *data, const Dims &shape)
      : Tensor(data, Type::i8, shape) {}
  explicit Tensor(const attn_tensor &tensor) : attn_tensor(tensor) {}

  /// A view of a DLPack tensor, version 1.x or the one before.  The caller
  /// keeps it as long as the view is used, and then calls its deleter.
  static Result<Tensor> fromDLPack(const DLManagedTensorVersioned *managed) {
    attn_tensor tensor;
    attn_error *error = nullptr;
    if (attn_tensor_from_dlpack(managed, &tensor, &error) != ATTN_OK)
      return Error(error);
    return Tensor(tensor);
  }
  static Result<Tensor> fromDLPack(const DLManagedTensor *managed) {
    attn_tensor tensor;
    attn_error *error = nullptr;
    if (attn_tensor_from_dlpack_legacy(managed, &tensor, &error) != ATTN_OK)
      return Error(error);
    return Tensor(tensor);
  }
};
static_assert(sizeof(Tensor) == sizeof(attn_tensor));

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

enum class Jit {
  Allow = ATTN_JIT_ALLOW, ///< compile what is not in the cache
  Never = ATTN_JIT_NEVER  ///< never open the compiler
};

enum class LogLevel { info = ATTN_LOG_INFO, warning = ATTN_LOG_WARNING };

enum class EventKind {
  compiled = ATTN_EVENT_COMPILED,
  diskHit = ATTN_EVENT_DISK_HIT,
  memoryHit = ATTN_EVENT_MEMORY_HIT,
  compilerOpened = ATTN_EVENT_COMPILER_OPENED
};

struct Event {
  EventKind kind;
  std::string_view kernel;
  double seconds;        ///< that it took
  double backendSeconds; ///< of these, nvrtc (on a CPU, LLVM's back end)
};

/// Of an engine.  Hooks may be called by several threads at once.
struct Options {
  Jit jit = Jit::Allow;
  /// Threads that run a kernel, the calling one among them; 0: one for each
  /// processor.  With 1, kernels run on the calling thread.
  int threads = 0;
  /// Without one: $ATTN_CACHE_DIR, else the user's cache directory.  Empty:
  /// nothing is kept on disk.
  std::optional<std::string> cacheDirectory;
  /// Kernels that the engine keeps in memory; 0: 1024.  Those that were not
  /// asked for for the longest time go first; a Kernel keeps its own.
  int64_t maxKernels = 0;
  /// Calls body(0), ..., body(count - 1), at the same time or one after
  /// another, and returns when all have returned; count <= threads.  Replaces
  /// oneTBB.
  std::function<void(int64_t count, const std::function<void(int64_t)> &body)>
      parallelFor;
  std::function<void(LogLevel, std::string_view)> log;
  std::function<void(const Event &)> onEvent;
  /// Memory aligned to `alignment`, or null; both or none.
  std::function<void *(size_t bytes, size_t alignment)> allocate;
  std::function<void(void *memory, size_t bytes)> deallocate;
};

/// What kernels run on.
class Device {
public:
  explicit Device(std::string name) : deviceName(std::move(name)) {}
  const std::string &name() const { return deviceName; }

private:
  std::string deviceName;
};

/// The processor of this machine.
inline Device cpu() { return Device("cpu"); }
/// An NVIDIA GPU, as CUDA_VISIBLE_DEVICES leaves them.
inline Device cuda(int ordinal = 0) {
  return Device("cuda:" + std::to_string(ordinal));
}
/// A GPU that is emulated, with checks.
inline Device emulator(const std::string &target = "sm_80") {
  return Device("emulator:" + target);
}

/// A CUstream; null is the default stream.
using Stream = void *;

/// What an engine has done so far; see attn_stats.
struct Stats {
  int64_t compiled = 0, diskHits = 0, memoryHits = 0, launches = 0;
};

/// How to compile; see attn_compile_options.
struct CompileOptions {
  std::string name, entry, algorithm, cpu, features;
  int64_t tileQ = 0, tileKv = 0;
  int64_t warps = 0, stages = 0, alignment = 0;
  bool lineInfo = false;
};

/// Upper bounds of the calls that a plan is for.
struct Limits {
  int64_t batch = 1;
  int64_t queries = 1; ///< of each sequence
  int64_t keys = 1;    ///< of each sequence
  int threads = 0;     ///< 0: those of the engine
};

namespace detail {
/// An engine of the C interface and the hooks that it calls.
struct EngineHandle {
  attn_engine *engine = nullptr;
  Options options;
  Error error;

  EngineHandle(const Device &device, Options given)
      : options(std::move(given)) {
    attn_options c{};
    c.size = sizeof(c);
    c.jit = static_cast<attn_jit>(options.jit);
    c.threads = options.threads;
    c.cache_directory =
        options.cacheDirectory ? options.cacheDirectory->c_str() : nullptr;
    c.max_kernels = options.maxKernels;
    c.parallel_for_context = c.log_context = c.on_event_context =
        c.allocate_context = this;
    if (options.parallelFor)
      c.parallel_for = [](void *self, int64_t count,
                          void (*body)(void *, int64_t), void *data) {
        static_cast<EngineHandle *>(self)->options.parallelFor(
            count, [body, data](int64_t index) { body(data, index); });
      };
    if (options.log)
      c.log = [](void *self, attn_log_level level, const char *message) {
        static_cast<EngineHandle *>(self)->options.log(
            static_cast<LogLevel>(level), message);
      };
    if (options.onEvent)
      c.on_event = [](void *self, const attn_event *event) {
        static_cast<EngineHandle *>(self)->options.onEvent(
            Event{static_cast<EventKind>(event->kind), event->kernel,
                  event->seconds, event->backend_seconds});
      };
    if (options.allocate)
      c.allocate = [](void *self, size_t bytes, size_t alignment) {
        return static_cast<EngineHandle *>(self)->options.allocate(bytes,
                                                                   alignment);
      };
    if (options.deallocate)
      c.deallocate = [](void *self, void *memory, size_t bytes) {
        static_cast<EngineHandle *>(self)->options.deallocate(memory, bytes);
      };
    attn_error *failure = nullptr;
    attn_engine_create(device.name().c_str(), &c, &engine, &failure);
    error = Error(failure);
  }
  ~EngineHandle() { attn_engine_free(engine); }
  EngineHandle(const EngineHandle &) = delete;
  EngineHandle &operator=(const EngineHandle &) = delete;
};
} // namespace detail

//===----------------------------------------------------------------------===//
// Plans, workspaces, arguments
//===----------------------------------------------------------------------===//

class Kernel;
class Engine;

/// Sizes of calls up to some limits; immutable, for any number of calls, layers
/// and threads.  Made by Kernel::plan.
class Plan {
public:
  /// Bytes of workspace of a call within the limits.
  size_t workspaceBytes() const {
    return attn_plan_workspace_bytes(plan.get());
  }
  /// Units of work of a call at the limits.
  int64_t tasks() const { return attn_plan_tasks(plan.get()); }
  const attn_plan *get() const { return plan.get(); }

private:
  friend class Kernel;
  Plan(std::shared_ptr<detail::EngineHandle> engine, attn_plan *plan)
      : engine(std::move(engine)), plan(plan, attn_plan_free) {}
  std::shared_ptr<detail::EngineHandle> engine;
  std::shared_ptr<attn_plan> plan;
};

/// Memory of a call: all that changes while a kernel runs.  Used by one call at
/// a time.
class Workspace {
public:
  /// Memory of the caller, aligned to 64 bytes.
  Workspace(void *data, size_t bytes) : memory(data), size(bytes) {}
  /// Memory of the engine's allocate hook.
  static Result<Workspace> allocate(const Engine &engine, size_t bytes);

  void *data() const { return memory; }
  size_t bytes() const { return size; }

private:
  void *memory = nullptr;
  size_t size = 0;
  std::shared_ptr<void> owner;
};

/// Tensors and named values of a call.  Not to be changed while another thread
/// uses it.
class Args {
public:
  explicit Args(const Kernel &kernel);

  Args &set(const char *name, const Tensor &tensor) {
    return note(name, [&](attn_error **error) {
      return attn_args_tensor(args.get(), name, &tensor, error);
    });
  }
  /// A value: an integer for i1, i32, i64 and index, a floating-point number
  /// for f32 and f64.
  template <typename T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Args &set(const char *name, T value) {
    return note(name, [&](attn_error **error) {
      if constexpr (std::is_floating_point_v<T>)
        return attn_args_float(args.get(), name, static_cast<double>(value),
                               error);
      else
        return attn_args_int(args.get(), name, static_cast<int64_t>(value),
                             error);
    });
  }

  /// The first `set` that failed; calls fail with it until `set` succeeds for
  /// that name.
  const Error &error() const { return failure; }
  const attn_args *get() const { return args.get(); }

private:
  template <typename Set>
  Args &note(const char *name, const Set &set) {
    attn_error *error = nullptr;
    if (set(&error) != ATTN_OK) {
      Error made(error);
      if (!failure) {
        failure = std::move(made);
        failedName = name ? name : "";
      }
    } else if (failure && failedName == name) {
      failure = Error();
    }
    return *this;
  }

  std::shared_ptr<detail::EngineHandle> engine;
  std::shared_ptr<attn_args> args;
  Error failure;
  std::string failedName;
};

//===----------------------------------------------------------------------===//
// Kernels and engines
//===----------------------------------------------------------------------===//

/// Code for one variant on one device.  Immutable, for any thread; copies share
/// the code.
class Kernel {
public:
  const char *name() const { return attn_kernel_name(kernel.get()); }
  const char *algorithm() const { return attn_kernel_algorithm(kernel.get()); }
  /// Inputs, then outputs.
  std::vector<attn_argument> arguments() const {
    std::vector<attn_argument> all;
    for (int32_t i = 0; i < attn_kernel_num_arguments(kernel.get()); ++i) {
      attn_argument argument{};
      argument.size = sizeof(argument);
      attn_kernel_argument(kernel.get(), i, &argument);
      all.push_back(argument);
    }
    return all;
  }

  /// Puts everything on the device, so that no call has to.  That has happened
  /// when the kernel was made.
  Result<void> load() const { return {}; }

  /// Runs on dense or strided inputs in the order of the arguments; for kernels
  /// without values and without workspace.
  Result<void> operator()(std::initializer_list<Tensor> inputs,
                          std::initializer_list<Tensor> outputs) const {
    attn_error *error = nullptr;
    attn_kernel_call(kernel.get(), inputs.begin(), inputs.size(),
                     outputs.begin(), outputs.size(), &error);
    return Error(error);
  }

  /// The same on a GPU, in a stream, without waiting.
  Result<void> operator()(std::initializer_list<Tensor> inputs,
                          std::initializer_list<Tensor> outputs,
                          Stream stream) const {
    attn_error *error = nullptr;
    attn_kernel_call_on(kernel.get(), inputs.begin(), inputs.size(),
                        outputs.begin(), outputs.size(), stream, &error);
    return Error(error);
  }

  Result<Plan> plan(const Limits &limits) const {
    attn_limits c{sizeof(c), limits.batch, limits.queries, limits.keys,
                  limits.threads};
    attn_error *error = nullptr;
    attn_plan *plan = nullptr;
    if (attn_plan_create(kernel.get(), &c, &plan, &error) != ATTN_OK)
      return Error(error);
    return Plan(engine, plan);
  }

  /// Arguments for calls of this kernel, none of which are set.
  Args args() const { return Args(*this); }

  /// Runs and returns when the outputs are written.  Allocates nothing.
  Result<void> operator()(const Args &args, const Plan &plan,
                          const Workspace &workspace) const {
    if (args.error())
      return args.error();
    attn_error *error = nullptr;
    attn_launch(args.get(), plan.get(), workspace.data(), workspace.bytes(),
                &error);
    return Error(error);
  }

  /// The same on a GPU, in a stream, without waiting.
  Result<void> operator()(const Args &args, const Plan &plan,
                          const Workspace &workspace, Stream stream) const {
    if (args.error())
      return args.error();
    attn_error *error = nullptr;
    attn_launch_on(args.get(), plan.get(), workspace.data(), workspace.bytes(),
                   stream, &error);
    return Error(error);
  }

  attn_kernel *get() const { return kernel.get(); }

private:
  friend class Engine;
  friend class Args;
  Kernel(std::shared_ptr<detail::EngineHandle> engine, attn_kernel *kernel)
      : engine(std::move(engine)), kernel(kernel, attn_kernel_free) {}
  std::shared_ptr<detail::EngineHandle> engine;
  std::shared_ptr<attn_kernel> kernel;
};

inline Args::Args(const Kernel &kernel) : engine(kernel.engine) {
  attn_args *made = nullptr;
  attn_error *error = nullptr;
  attn_args_create(kernel.get(), &made, &error);
  args = std::shared_ptr<attn_args>(made, attn_args_free);
  failure = Error(error);
}

/// A device, a cache and hooks; makes kernels.  For any thread; copies share
/// everything.
class Engine {
public:
  /// An engine that could not be made gives its error to every call.
  explicit Engine(const Device &device, Options options = {})
      : handle(std::make_shared<detail::EngineHandle>(device,
                                                      std::move(options))) {}

  const Error &error() const { return handle->error; }
  attn_engine *get() const { return handle->engine; }

  /// Makes a kernel: from this engine's memory, else from the cache directory,
  /// else with the compiler.
  Result<Kernel> compile(const Attention &spec,
                         const CompileOptions &options = {}) const {
    Result<std::string> text = spec.text();
    if (!text)
      return text.error();
    return compile(std::string_view(*text), options);
  }
  /// The same for MLIR text.
  Result<Kernel> compile(std::string_view text,
                         const CompileOptions &options = {}) const {
    if (error())
      return error();
    attn_compile_options c{};
    c.size = sizeof(c);
    auto orNull = [](const std::string &text) {
      return text.empty() ? nullptr : text.c_str();
    };
    c.name = orNull(options.name);
    c.entry = orNull(options.entry);
    c.algorithm = orNull(options.algorithm);
    c.cpu = orNull(options.cpu);
    c.features = orNull(options.features);
    c.tile_q = options.tileQ;
    c.tile_kv = options.tileKv;
    c.warps = options.warps;
    c.stages = options.stages;
    c.alignment = options.alignment;
    c.line_info = options.lineInfo;
    attn_kernel *kernel = nullptr;
    attn_error *failure = nullptr;
    if (attn_engine_compile(get(), text.data(), text.size(), &c, &kernel,
                            &failure) != ATTN_OK)
      return Error(failure);
    return Kernel(handle, kernel);
  }
  /// Makes a kernel of the bytes of a package (.attnpkg).
  Result<Kernel> load(std::string_view package,
                      const std::string &entry = "") const {
    if (error())
      return error();
    attn_kernel *kernel = nullptr;
    attn_error *failure = nullptr;
    if (attn_engine_load(get(), package.data(), package.size(),
                         entry.empty() ? nullptr : entry.c_str(), &kernel,
                         &failure) != ATTN_OK)
      return Error(failure);
    return Kernel(handle, kernel);
  }

  /// Copy to and from memory of the device, and wait for it.
  Result<void> copyIn(void *to, const void *from, size_t bytes) const {
    if (error())
      return error();
    attn_error *failure = nullptr;
    attn_engine_copy_in(get(), to, from, bytes, &failure);
    return Error(failure);
  }
  Result<void> copyOut(void *to, const void *from, size_t bytes) const {
    if (error())
      return error();
    attn_error *failure = nullptr;
    attn_engine_copy_out(get(), to, from, bytes, &failure);
    return Error(failure);
  }

  Stats stats() const {
    attn_stats c{};
    c.size = sizeof(c);
    attn_engine_stats(get(), &c);
    return Stats{c.compiled, c.disk_hits, c.memory_hits, c.launches};
  }
  int threads() const { return attn_engine_threads(get()); }
  /// Empty if nothing is kept on disk.
  const char *cacheDirectory() const {
    return attn_engine_cache_directory(get());
  }

private:
  friend class Workspace;
  std::shared_ptr<detail::EngineHandle> handle;
};

inline Result<Workspace> Workspace::allocate(const Engine &engine,
                                             size_t bytes) {
  if (engine.error())
    return engine.error();
  void *memory = attn_engine_allocate(engine.get(), bytes);
  if (!memory)
    return Error(ErrorClass::outOfMemory,
                 "there is no memory for a workspace of " +
                     std::to_string(bytes) + " bytes");
  Workspace workspace(memory, bytes);
  workspace.owner = std::shared_ptr<void>(
      memory, [handle = engine.handle, bytes](void *memory) {
        attn_engine_deallocate(handle->engine, memory, bytes);
      });
  return workspace;
}

} // namespace v1
} // namespace attn

#endif // ATTN_CPP_ENGINE_H
