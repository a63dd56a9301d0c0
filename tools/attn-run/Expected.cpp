//===- Expected.cpp - Results that were given in advance ------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads what --expect names, and compares with it.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/Expected.h"

#include "attn/Runtime/Npy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace attn::tool {

/// The values of a file that has the shape of a result.
static Result<std::vector<double>>
loadValues(const std::string &file, const std::vector<int64_t> &shape) {
  Result<NpyArray> array = loadNpy(file);
  if (!array)
    return array.takeFailure();
  if (array->shape != shape)
    return failure("'" + file + "' has the shape " + formatShape(array->shape) +
                   ", but the result has " + formatShape(shape));
  Result<OwnedTensor> converted = convertTo(*array, ElementType::f64);
  if (!converted)
    return converted.takeFailure();
  std::vector<double> values(converted->bytes.size() / sizeof(double));
  if (!values.empty())
    std::memcpy(values.data(), converted->bytes.data(),
                converted->bytes.size());
  return values;
}

Result<std::vector<Expected>>
loadExpected(const ManifestEntry &entry, const std::vector<Value> &outputs,
             const std::vector<std::string> &files) {
  std::vector<Expected> expected;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty())
      continue;
    const std::string &name = entry.arguments[entry.numInputs() + i].name;
    Result<std::vector<double>> values =
        loadValues(files[i], outputs[i].shape());
    if (!values)
      return failure("--expect, result " + std::to_string(i + 1) + " '" + name +
                     "' of '" + entry.name + "': " + values.error());
    expected.push_back({i, name, *std::move(values)});
  }
  return expected;
}

static double absDifference(double actual, double expected) {
  if (actual == expected || (std::isnan(actual) && std::isnan(expected)))
    return 0;
  double difference = std::fabs(actual - expected);
  return std::isnan(difference) ? std::numeric_limits<double>::infinity()
                                : difference;
}

std::vector<Difference> differences(const std::vector<Value> &outputs,
                                    const std::vector<Expected> &expected,
                                    double tolerance) {
  std::vector<Difference> result;
  for (const Expected &item : expected) {
    reference::Array actual = outputs[item.result].toArray(/*withData=*/true);
    double maxAbs = 0;
    for (size_t k = 0; k < item.values.size(); ++k)
      maxAbs = std::max(maxAbs, absDifference(actual.data[k], item.values[k]));
    result.push_back({item.name, maxAbs, tolerance});
  }
  return result;
}

} // namespace attn::tool
