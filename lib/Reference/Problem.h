//===- Problem.h - One attention op with its inputs -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the evaluation of attention and the counts of keys and tiles have in
// common: checked inputs, sizes, and the mask of a row.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_PROBLEM_H
#define ATTN_LIB_REFERENCE_PROBLEM_H

#include "Attributes.h"
#include <mutex>

namespace attn::reference {

/// The smallest range that holds every kept key of a row.
struct KeyRange {
  int64_t begin = 0, end = 0;
};

struct Frames;

/// "[1, 32, ?]".
std::string shapeText(llvm::ArrayRef<int64_t> shape);

/// The inputs of an entry, rounded to the element types of its arguments. An
/// error if their number, a shape or a number of values does not fit; arrays
/// without values are allowed.
llvm::Expected<std::vector<Array>> checkInputs(mlir::func::FuncOp entry,
                                               llvm::ArrayRef<Array> inputs);

/// Which weights are dropped, and what the others are multiplied with.
struct Dropout {
  /// 1 / (1 - p) or 0.
  double weightOf(int64_t b, int64_t h, int64_t i, int64_t j) const;

  double probability;
  uint64_t seed, offset;
};

/// Which blocks of scores are kept; the clause block_mask.
struct BlockMask {
  enum Kind : uint8_t { notListed, listed, full };

  /// Of each block column of the row that holds query `i`.
  void kindsOf(int64_t b, int64_t h, int64_t i, std::vector<Kind> &kinds) const;
  /// The block rows with a number that is out of range, for `keys` keys.
  int64_t countFaults(int64_t keys) const;

  /// `[1 or batch, 1 or query heads, block rows + 1]`, and a number for each
  /// listed block; `flags` is null where no block is marked full.
  const Array *offsets, *columns, *flags = nullptr;
  int64_t queryBlock, keyBlock;
};

/// An attention op and its inputs.
struct Problem {
  struct Options {
    /// The values of query, key and value are read, and score_mod is run.
    bool needsData;
    /// Region results are rounded to their type.
    bool inFloat;
  };

  static llvm::Expected<std::unique_ptr<Problem>>
  create(mlir::func::FuncOp entry, llvm::ArrayRef<Array> inputs,
         const Options &options);

  bool maskDependsOnHead() const {
    return (maskMod && (maskMod->dependsOn() & (RegionInterpreter::Batch |
                                                RegionInterpreter::Head))) ||
           (blockMask && (blockMask->offsets->shape[0] > 1 ||
                          blockMask->offsets->shape[1] > 1));
  }

  /// Sets keep[j] for every key j of row (b, h, i) to 0 or 1, and `range`.
  /// Returns false when mask_mod failed; see frames.maskMod.
  bool mask(Frames &frames, int64_t b, int64_t h, int64_t i, uint8_t *keep,
            KeyRange &range) const;

  /// Sets blockMask, if the op has one. Sizes are known.
  llvm::Error takeBlockMask(mlir::attn::AttentionOp op,
                            const Environment &environment);

  /// The inputs, rounded to the element types of their arguments.
  std::vector<Array> inputs;
  std::vector<std::unique_ptr<Array>> constants;
  const Array *query, *key, *value;
  Geometry sizes;
  int64_t headDim, valueDim;
  double scale;
  /// Of query, key, value and output.
  mlir::Type elementType;
  std::optional<MaskEvaluator> maskAttribute;
  std::optional<BlockMask> blockMask;
  ScoreEvaluator scoreAttributes;
  /// One logit for each query head; null where the op has none, and when no
  /// data are needed.
  const Array *sinks = nullptr;
  /// None where the op has none, and when no data are needed.
  std::optional<Dropout> dropout;
  /// Null where the op has none; scoreMod also when no data are needed.
  std::unique_ptr<RegionInterpreter> scoreMod, maskMod;
};

/// The interpreters' state of one thread.
struct Frames {
  Frames(const Problem &problem, int64_t keys);
  /// Of the block row at hand.
  std::vector<BlockMask::Kind> blockKinds;
  RegionInterpreter::Frame scoreMod, maskMod;
};

/// The first failure of any thread.
class Failure {
public:
  void record(const Frames &frames);
  /// Not to be called while threads run.
  llvm::Error take() const;

private:
  std::mutex mutex;
  mlir::Operation *op = nullptr;
  const char *what = nullptr;
};

/// Runs `body` on every core.  next() hands out 0, 1, ... to whoever asks
/// first; a thread is done when it is given `count` or more.
void onAllCores(
    int64_t count,
    llvm::function_ref<void(llvm::function_ref<int64_t()> next)> body);

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_PROBLEM_H
