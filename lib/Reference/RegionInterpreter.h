//===- RegionInterpreter.h - Regions over a row of keys ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interprets a score_mod or mask_mod region for many keys of one query row at
// a time: every op runs over the whole row before the next one starts, and a
// value that does not depend on the key or the score is computed once.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_REFERENCE_REGIONINTERPRETER_H
#define ATTN_LIB_REFERENCE_REGIONINTERPRETER_H

#include "attn/Reference/Reference.h"
#include "dialect/Attn/Attn.h"
#include "mlir/IR/Region.h"
#include "llvm/ADT/DenseMap.h"
#include <functional>
#include <memory>

namespace attn::reference {

/// Rounds `value` to the float type `type`; other types leave it unchanged.
double roundToType(double value, mlir::Type type);

/// An error that names `op` and its location.
llvm::Error opError(mlir::Operation *op, const llvm::Twine &what);

/// What a region sees from outside.
struct Environment {
  mlir::func::FuncOp entry;
  /// One for each argument of `entry`.
  llvm::ArrayRef<Array> inputs;
  /// The lengths that attn.length gives.
  int64_t queries, keys;
  /// Round every float result to its type instead of keeping a double.
  bool roundResults;
};

/// The array behind a tensor value: an argument of the entry, a dense constant
/// (kept alive in `constants`), or a cast of one.
llvm::Expected<const Array *>
resolveTensor(mlir::Value tensor, const Environment &environment,
              std::vector<std::unique_ptr<Array>> &constants);

/// A value: `real` of a float type, `integer` of another one.
struct Scalar {
  double real = 0;
  int64_t integer = 0;
};

/// A region translated to a list of row instructions.  Immutable once created;
/// every thread brings its own Frame.
class RegionInterpreter {
public:
  /// What a value depends on.
  enum Dependence : unsigned {
    Batch = 1,
    Head = 2,
    Query = 4,
    Key = 8,
    Score = 16
  };

  /// The mutable state of one thread.
  struct Frame {
    /// One row for each slot; the one that fits the slot's type is used.
    std::vector<std::vector<double>> floats;
    /// Integers are sign-extended to 64 bits, i1 included (true is -1).
    std::vector<std::vector<int64_t>> ints;
    /// Number of keys in this run.
    int64_t count = 1;
    /// count flags, or null: a key whose flag is 0 cannot fail.
    const uint8_t *active = nullptr;
    /// First failure, if any.
    mlir::Operation *failedOp = nullptr;
    const char *failure = nullptr;

    /// Records that `op` failed at the k-th key of a varying row, or at all
    /// keys (k < 0).
    void fail(mlir::Operation *op, const char *what, int64_t k) {
      if (!failure && (k < 0 || !active || active[k])) {
        failedOp = op;
        failure = what;
      }
    }

    template <typename T>
    T *row(unsigned slot) {
      if constexpr (std::is_same_v<T, double>)
        return floats[slot].data();
      else
        return ints[slot].data();
    }
  };

  /// Translates `region`, whose arguments are [f32 score,] b, h, i, j.
  static llvm::Expected<std::unique_ptr<RegionInterpreter>>
  create(mlir::Region &region, const Environment &environment);

  /// The value of a scalar outside of regions.
  static llvm::Expected<Scalar> evaluate(mlir::Value value,
                                         const Environment &environment);

  /// Dependence flags of the yielded value.
  unsigned dependsOn() const { return slots[result].dependsOn; }

  /// A frame for rows of up to `capacity` keys.
  Frame makeFrame(int64_t capacity) const;

  /// Evaluates the region at (b, h, i) for the keys [begin, begin + count).
  /// `score` has count elements and is null for a mask_mod.  Returns false
  /// when a key with a non-zero flag in `active` failed; see Frame::failure.
  bool run(Frame &frame, int64_t b, int64_t h, int64_t i, int64_t begin,
           int64_t count, const double *score, const uint8_t *active) const;

  /// The yielded value for the k-th key of the last run.
  double score(Frame &frame, int64_t k) const {
    return frame.floats[result][isVarying(result) ? k : 0];
  }
  bool keeps(Frame &frame, int64_t k) const {
    return frame.ints[result][isVarying(result) ? k : 0] != 0;
  }

private:
  using Instruction = std::function<void(Frame &)>;
  struct Slot {
    bool isFloat;
    unsigned dependsOn;
  };

  explicit RegionInterpreter(const Environment &environment)
      : environment(environment) {}

  bool isVarying(unsigned slot) const {
    return slots[slot].dependsOn & (Key | Score);
  }

  llvm::Expected<unsigned> addSlot(mlir::Type type, unsigned dependsOn,
                                   mlir::Operation *op);
  /// A slot with one fixed value of type `type`.
  llvm::Expected<unsigned> addConstant(mlir::Type type, double value,
                                       int64_t integer, mlir::Operation *op);
  /// The slot of `value`; translates what defines a captured value.
  llvm::Expected<unsigned> slotOf(mlir::Value value);
  llvm::Error translate(mlir::Operation *op, bool inRegion);
  /// Null when `op` is not of the kind in the name.
  Instruction floatInstruction(mlir::Operation *op, llvm::ArrayRef<unsigned> in,
                               unsigned out) const;
  Instruction integerInstruction(mlir::Operation *op,
                                 llvm::ArrayRef<unsigned> in,
                                 unsigned out) const;
  Instruction mixedInstruction(mlir::Operation *op, llvm::ArrayRef<unsigned> in,
                               unsigned out) const;
  Instruction extraction(mlir::Operation *op, const Array *array,
                         llvm::ArrayRef<unsigned> indices, unsigned out) const;
  int64_t rowLength(const Frame &frame, unsigned slot) const {
    return isVarying(slot) ? frame.count : 1;
  }

  template <typename Out, typename In, typename Fn>
  Instruction unary(unsigned out, unsigned in, Fn fn) const;
  template <typename Out, typename A, typename B, typename Fn>
  Instruction binary(unsigned out, llvm::ArrayRef<unsigned> in, Fn fn) const;
  template <typename Out, typename A, typename B, typename Fn>
  Instruction ternary(unsigned out, llvm::ArrayRef<unsigned> in, Fn fn) const;
  template <typename Fn>
  Instruction division(mlir::Operation *op, unsigned out,
                       llvm::ArrayRef<unsigned> in, Fn fn) const;
  /// Rounds or wraps the values of a slot to the type `type`, in place.
  Instruction conversion(mlir::Type type, unsigned slot) const;

  Environment environment;
  std::vector<Slot> slots;
  llvm::DenseMap<mlir::Value, unsigned> slotOfValue;
  /// Constants and captures: run once for each frame.
  std::vector<Instruction> prologue;
  std::vector<Instruction> body;
  std::vector<std::unique_ptr<Array>> constants;
  /// Slots of the region's arguments; scoreSlot is valid in a score_mod only.
  unsigned scoreSlot = 0, batchSlot = 0, headSlot = 0, querySlot = 0,
           keySlot = 0, result = 0;
  bool hasScore = false;
};

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_REGIONINTERPRETER_H
