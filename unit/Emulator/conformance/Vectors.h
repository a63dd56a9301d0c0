//===- Vectors.h - What a GPU computed --------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Golden vectors: a file with the results of all cases on one device. It begins
// with lines of text that say which, so that `head -6` shows them.
//
// Results that are compared exactly and take more than 1 KB are kept as hashes
// of 512 bytes each: enough to find a difference and where it is.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_VECTORS_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_VECTORS_H

#include "Devices.h"

namespace attn::conformance {

constexpr int vectorsVersion = 1;

/// The result of a case.
struct Vector {
  std::string name;
  uint64_t hash = 0; ///< of the problem
  bool failed = false;
  /// What was kept of the output; or why it failed.
  std::string bytes;
};

struct Vectors {
  DeviceInfo device;
  std::string date; ///< "2026-11-21"
  std::vector<Vector> vectors;
};

std::string encodeVectors(const Vectors &vectors);
/// The error says what is wrong with the bytes: no vectors, another version,
/// truncated, or damaged.
Result<Vectors> decodeVectors(const std::string &bytes);

/// The same with a file; the error names it.
Status writeVectors(const std::string &path, const Vectors &vectors);
Result<Vectors> readVectors(const std::string &path);

/// "nvidia-h200-90.bin": the file of a device among others.
std::string fileNameFor(const DeviceInfo &device);

/// What is kept of an output of a case.
std::string keep(const Problem &problem, const std::string &output);
/// Compares what was kept of one output with another.
Comparison compareKept(const Problem &problem, const std::string &kept,
                       const std::string &actual,
                       const std::string &expectedName,
                       const std::string &actualName);

/// Cases with a filter: all whose name contains it.
std::vector<const Case *> casesCalled(const std::string &filter);

/// Today, for Vectors::date.
std::string today();

/// Runs cases on a device. A case that fails is recorded so.
Vectors record(Device &device, const std::vector<const Case *> &cases,
               const std::function<void(const Case &)> &progress = {});

struct Replay {
  size_t compared = 0;    ///< cases
  size_t failedThere = 0; ///< cases without a result in the file
  /// A sentence for each case that differs or fails here.
  std::vector<std::string> differences;
  /// Cases that are not in the file.
  std::vector<std::string> missing;
};

/// Runs what is in the vectors on a device and compares. The error says that
/// the vectors are of other cases than these.
Result<Replay> replay(const Vectors &vectors, Device &device,
                      const std::string &filter = {});

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_VECTORS_H
