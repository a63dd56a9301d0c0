//===- Inputs.h - Arguments and results of an entry -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the inputs that --inputs describes and the memory of the outputs, and
// shows them to the reference.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TOOLS_RUN_INPUTS_H
#define ATTN_TOOLS_RUN_INPUTS_H

#include "attn/Reference/Reference.h"
#include "attn/Runtime/CpuDevice.h"
#include "attn/Runtime/Module.h"

namespace attn::tool {

/// A tensor, row major, in memory of its own that is aligned as kernels like
/// it, or a scalar.
struct Value {
  Argument argument;
  AlignedBuffer memory;

  /// Null for a scalar.
  const Tensor *tensor() const { return std::get_if<Tensor>(&argument); }
  std::vector<int64_t> shape() const;
  /// 0 for a scalar.
  int64_t bytes() const;
  /// For the reference; without data only the shape.
  reference::Array toArray(bool withData) const;
};

/// Makes the inputs of an entry, one for each of `specs`:
///
///   FILE.npy               rounded to the argument's element type
///   random:SHAPE[:SEED]    normal distribution, mean 0, variance 1; the seed
///                          is the position, from 0, unless given
///   zeros:SHAPE ones:SHAPE
///   range:SHAPE[:N]        the position along the last dimension, divided by N
///                          (1) and rounded down
///   multiples:SHAPE:N      the position along the last dimension times N
///   integers:SHAPE:N       random integers from 0 to N - 1
///   a number               for a scalar
///
/// SHAPE is 1x32x1024x128.  The same spec gives the same values everywhere.
/// Values are only checked as far as needed to make them; Module::bind checks
/// the rest.
Result<std::vector<Value>> makeInputs(const ManifestEntry &entry,
                                      const std::vector<std::string> &specs);

/// Makes the memory of the outputs.
Result<std::vector<Value>> makeOutputs(const ManifestEntry &entry,
                                       const std::vector<Argument> &inputs);

} // namespace attn::tool

#endif // ATTN_TOOLS_RUN_INPUTS_H
