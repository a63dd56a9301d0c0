//===- LaunchProgram.h - What a GPU is to launch ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launch program of an entry: integer arithmetic on the sizes, strides and
// scalars of its arguments that gives the bytes of workspace, and for each
// kernel launch its grid and its parameters.  It takes the place of the host
// function that a CPU payload has as machine code.  In a manifest:
//
//   "program": {
//     "values": [["dim", 0, 2], ["const", 4], ["mul", 0, 1]],
//     "workspace": 2,
//     "launches": [{"kernel": "causal", "grid": 0, "block": 128,
//                   "shared": 98304, "if": 1, "arguments": [
//                     {"argument": 0}, {"value": 2, "type": "index"},
//                     {"workspace": 1, "sizes": [0, 1], "strides": [1, 1]}]}]
//   }
//
// `values` are computed in their order from earlier ones, which they name by
// number: dim and stride (argument, dimension), scalar (an integer argument),
// const; add, sub, mul; divs, rems, ceildivs, floordivs, mins, maxs, shrs,
// lts, les, gts, ges (signed); divu, remu, ceildivu, minu, maxu, shru, ltu,
// leu, gtu, geu (unsigned); and, or, xor, shl, eq, ne; select (condition, then,
// else).  All are 64 bits wide; comparisons give 0 or 1.
//
// `workspace`, `grid` and `if` are numbers of values.  A launch has `grid` work
// items (0: nothing to do) of `block` threads with `shared` bytes of dynamic
// shared memory, unless its `if`, which may be missing, is 0.  Launches run in
// their order.  A parameter is an argument of the entry, a value (index, i64 or
// i32), or a tensor in the workspace at an offset in bytes.
//
// Division by zero and results that do not fit are errors where they are used:
// a value that only a launch without work needs, or the other arm of a select,
// may be anything.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_LAUNCHPROGRAM_H
#define ATTN_RUNTIME_LAUNCHPROGRAM_H

#include "attn/Runtime/Manifest.h"

#include <array>

namespace attn {

/// The arguments of a call, inputs first: each points to the descriptor of a
/// tensor or to the 8 bytes of a scalar (see CpuAbi.h).
using ArgumentWords = void *const *;

struct LaunchValues;

/// Immutable.  Its functions allocate for errors only and may be called by any
/// thread.
class LaunchProgram {
public:
  static constexpr size_t maxValues = 4096;
  /// What every GPU takes.
  static constexpr size_t maxParameterBytes = 4096;
  /// No tensor of a call has a larger extent, and no launch more work items:
  /// kernels compute indices of rows with 32 bits.
  static constexpr int64_t maxExtent = int64_t(1) << 26;

  enum class Operation : uint8_t {
    dim,
    stride,
    scalar,
    constant,
    add,
    sub,
    mul,
    divs,
    divu,
    rems,
    remu,
    ceildivs,
    ceildivu,
    floordivs,
    mins,
    maxs,
    minu,
    maxu,
    bitAnd,
    bitOr,
    bitXor,
    shl,
    shrs,
    shru,
    eq,
    ne,
    lts,
    les,
    gts,
    ges,
    ltu,
    leu,
    gtu,
    geu,
    select,
  };

  struct Value {
    Operation operation = Operation::constant;
    /// Numbers of values; of dim and stride the argument and the dimension, of
    /// a scalar the argument, of a constant the constant.
    std::array<int64_t, 3> operands = {};
  };

  /// A parameter of a kernel: a tensor is the words of its descriptor.
  struct Parameter {
    enum class Kind : uint8_t { argument, value, workspace };
    Kind kind = Kind::argument;
    /// Number of the argument, or of the value: the number itself, or the
    /// offset in the workspace.
    size_t index = 0;
    /// Where it lies in the parameter buffer.
    size_t offset = 0, bytes = 0;
    /// Of a tensor in the workspace: numbers of values.
    std::vector<size_t> sizes, strides;
  };

  struct Launch {
    static constexpr size_t always = SIZE_MAX;

    std::string kernel;
    size_t grid = 0;
    int64_t block = 0, sharedBytes = 0;
    /// Number of a value, or `always`.
    size_t condition = always;
    std::vector<Parameter> parameters;
    size_t parameterBytes = 0;
  };

  /// Parses and checks the "program" of an entry whose arguments are known.
  static Result<LaunchProgram> parse(std::string_view json,
                                     const ManifestEntry &entry);

  const std::vector<Value> &values() const { return allValues; }
  const std::vector<Launch> &launches() const { return allLaunches; }

  /// Computes all values.
  void evaluate(ArgumentWords arguments, LaunchValues &values) const;
  /// Bytes of workspace, at least 0.
  Result<int64_t> workspaceBytes(const LaunchValues &values) const;
  /// Work items of a launch; 0 if there is nothing to do.
  Result<int64_t> gridOf(size_t launch, const LaunchValues &values) const;
  /// Writes the parameter buffer of a launch: its `parameterBytes` bytes.
  Status writeParameters(size_t launch, ArgumentWords arguments,
                         const LaunchValues &values, const void *workspace,
                         int64_t workspaceBytes, void *buffer) const;

private:
  friend class LaunchProgramParser;
  LaunchProgram() = default;
  /// Why a value could not be computed; calls it by `role`.
  Failure explain(size_t value, const LaunchValues &values,
                  const std::string &role) const;
  Failure fail(const std::string &what) const;
  std::string launchName(size_t launch) const;

  /// For errors.
  std::string entryName;
  std::vector<Value> allValues;
  std::vector<Launch> allLaunches;
  size_t workspace = 0;
};

/// The values of a program for one call.  For the stack: large enough for every
/// program, and not initialised.
struct LaunchValues {
  int64_t numbers[LaunchProgram::maxValues];
  /// Whether a number could not be computed; it is then the number of the value
  /// that is to blame.
  bool isInvalid[LaunchProgram::maxValues];
};

} // namespace attn

#endif // ATTN_RUNTIME_LAUNCHPROGRAM_H
