//===- ArgumentFrame.h - Arguments as code reads them -----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a caller gives for an entry, checked against the manifest and laid out
// as compiled code reads it.  The same for all devices.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_ARGUMENTFRAME_H
#define ATTN_RUNTIME_ARGUMENTFRAME_H

#include "attn/Runtime/Manifest.h"

#include <vector>

namespace attn {

/// Descriptors and scalars of a call, as CpuAbi.h describes them.
class ArgumentFrame {
public:
  explicit ArgumentFrame(const ManifestEntry &entry);
  ArgumentFrame(ArgumentFrame &&) = default;
  ArgumentFrame &operator=(ArgumentFrame &&) = default;

  /// Checks the arguments as Module::bind says, and stores them.  After an
  /// error the frame is as it was.  Allocates for errors only.
  Status bind(const ManifestEntry &entry, const ArgumentView *inputs,
              size_t numInputs, const TensorView *outputs, size_t numOutputs);
  /// Checks inputs likewise, except for their data pointers, and stores them.
  /// Outputs get the sizes that follow and no data.
  Status bindInputs(const ManifestEntry &entry, const ArgumentView *inputs,
                    size_t numInputs);

  /// Inputs, outputs, workspace.
  void *const *arguments() const { return pointers.data(); }
  /// The same with null for outputs and workspace.
  void *const *inputs() const { return inputPointers.data(); }

  /// Sets the descriptor of the workspace.
  void setWorkspace(void *data, int64_t bytes);

private:
  int64_t *fillInputs(const ManifestEntry &entry, const ArgumentView *inputs);

  /// Descriptors and scalars, one after another.
  std::vector<int64_t> words;
  /// Into `words`.
  std::vector<void *> pointers, inputPointers;
};

/// Arguments that own their shapes as views, which stay valid as long as the
/// arguments.
struct ArgumentViews {
  std::vector<ArgumentView> inputs;
  std::vector<TensorView> outputs;

  /// An error if a tensor has not one stride for each size.
  static Result<ArgumentViews> create(const ManifestEntry &entry,
                                      const std::vector<Argument> &inputs,
                                      const std::vector<Tensor> &outputs = {});
};

/// The shape of output number `output` (from 0) of an entry for these inputs,
/// which are checked as Module::bind checks them, except for data pointers.
Result<std::vector<int64_t>> outputShape(const ManifestEntry &entry,
                                         const std::vector<Argument> &inputs,
                                         int64_t output);

} // namespace attn

#endif // ATTN_RUNTIME_ARGUMENTFRAME_H
