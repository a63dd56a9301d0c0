//===- CaseTable.h - The cases that every device must pass ------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table of attention problems for all devices: which kernel (heads, head
// dimensions, mask, score, algorithm, target) on which data (batch, lengths,
// memory layout).  Nothing here knows how a device runs them.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_CASETABLE_H
#define ATTN_UNIT_ENDTOEND_CASETABLE_H

#include "BlockLists.h"
#include "RegionKinds.h"

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace attn::testing {

/// Where the elements of a [B, H, S, D] tensor lie.
enum class Layout {
  contiguous, ///< B, H, S, D
  bshd,       ///< B, S, H, D
  padded,     ///< rows, heads and batches further apart than they need to be
  packed,     ///< the slice of a tensor that holds Q, K and V of a token
};

/// The vector instructions that the kernel may use: all of the host, those
/// without AVX-512, or those of a CPU whose dot products of bf16 pairs are
/// worth using (Zen 4).
enum class Isa { host, avx2, bf16dot };

/// Something that a region takes from outside: an argument of the entry.
struct Capture {
  std::string name;
  /// MLIR type.
  std::string type;
  /// Empty for a scalar.
  std::vector<int64_t> shape;
  std::vector<double> values;
};

/// One kernel on one shape.
struct Case {
  // What decides the kernel.
  /// As CompileOptions has it: cpu, sm_80, ...
  std::string target = "cpu", codegen = "cuda";
  std::string algorithm = "flash";
  int64_t queryHeads = 2, kvHeads = 2, headDim = 64, valueDim = 64;
  const RegionKind *mask = nullptr;
  const RegionKind *score = nullptr;
  bool withLse = true;
  bool withSinks = false;
  /// The probability of dropping a key.
  std::optional<double> dropout;
  std::optional<BlockKind> blocks;
  Isa isa = Isa::host;
  /// Of query, key, value and output: f32, bf16 or f16.
  std::string type = "f32";
  std::optional<double> scale;
  /// Batch and lengths are in the types.
  bool staticShapes = false;
  int64_t tileQ = 0, tileKv = 0; ///< 0: the target's

  // What a kernel learns at run time.
  int64_t batch = 1, queries = 64, keys = 64;
  Layout layout = Layout::contiguous;

  /// Query heads for each KV head.
  int64_t groupSize() const { return queryHeads / kvHeads; }
  /// Multiplications of Q K^T and P V.
  double work() const;
  /// All of the above in words, unique, of letters, digits and underscores.
  std::string name() const;
};

std::ostream &operator<<(std::ostream &stream, const Case &c);

/// LLVM's CPU and features for the instruction set: what CompileOptions takes.
std::string cpuOf(Isa isa);
std::string featuresOf(Isa isa);

/// What the regions and clauses of the case take from outside, in the order of
/// the entry's arguments after query, key and value.
std::vector<Capture> captures(const Case &c);

/// The module: one function @attention(query, key, value, captures...) that
/// returns the output and, with LSE, the LSE.
std::string moduleText(const Case &c);

/// Strides in elements of a [B, H, S, D] tensor of the case.  `heads` and `dim`
/// say which one.
std::vector<int64_t> strides(const Case &c, int64_t heads, int64_t length,
                             int64_t dim);

/// The cases of a target with this algorithm: pairs of parameters are all met,
/// and the odd ones are listed by hand.  With ATTN_TEST_ALL=1 in the
/// environment all triples are met.  On a GPU tensors are bf16 and f16.
std::vector<Case> casesOf(const std::string &algorithm,
                          const std::string &target = "cpu");

/// Those of them that meet all pairs, of all algorithms.
const std::vector<Case> &pairwiseCases(const std::string &target);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_CASETABLE_H
