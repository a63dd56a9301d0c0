//===- ApiTestSupport.h - What the tests of the API share -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_API_APITESTSUPPORT_H
#define ATTN_UNIT_API_APITESTSUPPORT_H

#include "attn/attn.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace attn::test {

/// A folder that vanishes with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "attn-api.XXXXXX").string();
    path = mkdtemp(name.data()) ? name : "";
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

/// The folder where the tests of one program keep compiled kernels.
inline const std::string &sharedCache() {
  static TemporaryFolder folder;
  return folder.path;
}

struct Shape {
  int64_t batch = 1, heads = 4, kvHeads = 2, queries = 37, keys = 53,
          headDim = 32, valueDim = 32;
};

/// Random tensors of a shape, contiguous, and room for the results.
struct Problem {
  explicit Problem(const Shape &shape, unsigned seed = 1)
      : shape(shape),
        query(fill(shape.batch * shape.heads * shape.queries * shape.headDim,
                   seed)),
        key(fill(shape.batch * shape.kvHeads * shape.keys * shape.headDim,
                 seed + 1)),
        value(fill(shape.batch * shape.kvHeads * shape.keys * shape.valueDim,
                   seed + 2)),
        output(static_cast<size_t>(shape.batch * shape.heads * shape.queries *
                                   shape.valueDim),
               NAN),
        lse(static_cast<size_t>(shape.batch * shape.heads * shape.queries),
            NAN) {}

  static std::vector<float> fill(int64_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float &value : values)
      value = normal(random);
    return values;
  }

  Tensor q() const {
    return {query.data(),
            {shape.batch, shape.heads, shape.queries, shape.headDim}};
  }
  Tensor k() const {
    return {key.data(),
            {shape.batch, shape.kvHeads, shape.keys, shape.headDim}};
  }
  Tensor v() const {
    return {value.data(),
            {shape.batch, shape.kvHeads, shape.keys, shape.valueDim}};
  }
  Tensor o() {
    return {output.data(),
            {shape.batch, shape.heads, shape.queries, shape.valueDim}};
  }
  Tensor l() { return {lse.data(), {shape.batch, shape.heads, shape.queries}}; }

  Shape shape;
  std::vector<float> query, key, value, output, lse;
};

/// A scaled score and its head, query and key to a score; -inf drops it.
using NaiveScore =
    std::function<double(double score, int64_t head, int64_t i, int64_t j)>;

/// The largest difference of `problem.output` from attention in float64, by the
/// definition and without tiles; infinity if something is not a number.
inline double compareWithNaive(const Problem &problem,
                               const NaiveScore &change) {
  const Shape &s = problem.shape;
  double largest = 0;
  for (int64_t row = 0; row < s.batch * s.heads * s.queries; ++row) {
    int64_t i = row % s.queries, head = row / s.queries % s.heads,
            batch = row / (s.queries * s.heads);
    int64_t group = batch * s.kvHeads + head / (s.heads / s.kvHeads);
    const float *q = problem.query.data() + row * s.headDim;
    std::vector<double> scores;
    double maximum = -INFINITY, sum = 0;
    for (int64_t j = 0; j < s.keys; ++j) {
      const float *k = problem.key.data() + (group * s.keys + j) * s.headDim;
      double dot = 0;
      for (int64_t d = 0; d < s.headDim; ++d)
        dot += double(q[d]) * double(k[d]);
      scores.push_back(change(dot / std::sqrt(double(s.headDim)), head, i, j));
      maximum = std::max(maximum, scores.back());
    }
    std::vector<double> expected(static_cast<size_t>(s.valueDim));
    for (int64_t j = 0; j < s.keys && maximum > -INFINITY; ++j) {
      double p = std::exp(scores[size_t(j)] - maximum);
      sum += p;
      const float *v = problem.value.data() + (group * s.keys + j) * s.valueDim;
      for (int64_t d = 0; d < s.valueDim; ++d)
        expected[size_t(d)] += p * double(v[d]);
    }
    for (int64_t d = 0; d < s.valueDim; ++d) {
      double wanted = sum > 0 ? expected[size_t(d)] / sum : 0;
      double difference = std::abs(
          wanted - double(problem.output[size_t(row * s.valueDim + d)]));
      largest = difference <= largest  ? largest
                : difference > largest ? difference
                                       : INFINITY; // NaN
    }
  }
  return largest;
}

inline Attention makeSpec(const Shape &shape) {
  Attention spec;
  spec.heads = shape.heads;
  spec.kvHeads = shape.kvHeads;
  spec.headDim = shape.headDim;
  spec.valueDim = shape.valueDim;
  return spec;
}

inline Options makeOptions(int threads = 1) {
  Options options;
  options.threads = threads;
  options.cacheDirectory = sharedCache();
  return options;
}

} // namespace attn::test

#endif // ATTN_UNIT_API_APITESTSUPPORT_H
