//===- Attention.h - Which attention is wanted ------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of attn/attn.h: masks, scores, and the MLIR text of a variant.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CPP_ATTENTION_H
#define ATTN_CPP_ATTENTION_H

#include "attn/cpp/Trace.h"

#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace attn {
inline namespace v1 {

/// A number of a mask or a score: a literal, which the compiler may specialise
/// for, or attn::value("name"), which is given at each call.
template <typename T>
class Number {
public:
  template <typename U, detail::IfNumber<U> = 0>
  Number(U literal) : literal(static_cast<T>(literal)) {
    static_assert(std::is_floating_point_v<T> || std::is_integral_v<U>,
                  "masks count in whole positions");
  }
  Number(const Value &value) : name(value.name()) {}

  /// The text of the literal, or "?" and a name for `names`.
  std::string print(std::vector<std::string> &names) const {
    if (name.empty()) {
      if constexpr (std::is_integral_v<T>)
        return std::to_string(literal);
      else
        return detail::formatFloat(static_cast<double>(literal), 8);
    }
    names.push_back(name);
    return "?";
  }

private:
  T literal = 0;
  std::string name;
};

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// Which keys j a query i keeps.  Positions are aligned at the end: with i' = i
/// + keys - queries, the last query has the position of the last key.
class Mask {
public:
  /// Keeps all keys.
  Mask() = default;

  bool isEmpty() const { return attribute.empty(); }
  /// The attribute as MLIR, with "?" for run-time values.
  const std::string &text() const { return attribute; }
  /// Names of the run-time values, in the order of the "?".
  const std::vector<std::string> &values() const { return names; }

  /// Keys that both keep.
  friend Mask operator&&(const Mask &a, const Mask &b) {
    return combine("all_of", a, b);
  }
  /// Keys that at least one keeps.
  friend Mask operator||(const Mask &a, const Mask &b) {
    return combine("any_of", a, b);
  }
  friend Mask operator!(const Mask &a) {
    Mask result;
    result.attribute = "#attn.not<" + a.orAll() + ">";
    result.names = a.names;
    return result;
  }

  template <typename... Numbers>
  static Mask make(const char *kind, const Numbers &...numbers) {
    Mask mask;
    mask.attribute = std::string("#attn.") + kind;
    std::string list;
    ((list += (list.empty() ? "" : ", ") + numbers.print(mask.names)), ...);
    if (!list.empty())
      mask.attribute += "<" + list + ">";
    return mask;
  }
  static Mask makeWindow(const Number<int64_t> *left,
                         const Number<int64_t> *right) {
    Mask mask;
    mask.attribute = "#attn.window<";
    if (left)
      mask.attribute += "left = " + left->print(mask.names);
    if (right)
      mask.attribute +=
          (left ? ", right = " : "right = ") + right->print(mask.names);
    mask.attribute += ">";
    return mask;
  }

private:
  /// A mask in a combination; the one that keeps all keys is an empty "and".
  std::string orAll() const {
    return attribute.empty() ? "#attn.all_of<[]>" : attribute;
  }
  /// `a && b && c` is one list of three.
  static Mask combine(const std::string &kind, const Mask &a, const Mask &b) {
    Mask result;
    result.kind = kind;
    for (const Mask *mask : {&a, &b}) {
      result.elements += (result.elements.empty() ? "" : ", ") +
                         (mask->kind == kind ? mask->elements : mask->orAll());
      result.names.insert(result.names.end(), mask->names.begin(),
                          mask->names.end());
    }
    result.attribute = "#attn." + kind + "<[" + result.elements + "]>";
    return result;
  }

  std::string attribute;
  std::vector<std::string> names;
  /// Of a combination: "all_of" or "any_of", and its list.
  std::string kind, elements;
};

/// j <= i'
inline Mask causal() { return Mask::make("causal"); }
/// i' - left <= j <= i' + right
inline Mask window(Number<int64_t> left, Number<int64_t> right) {
  return Mask::makeWindow(&left, &right);
}
/// i' - left <= j
inline Mask window(Number<int64_t> left) {
  return Mask::makeWindow(&left, nullptr);
}
/// j < n
inline Mask prefix(Number<int64_t> n) { return Mask::make("prefix", n); }
/// i' < n or j < n
inline Mask global(Number<int64_t> n) { return Mask::make("global", n); }
/// (i' - j) mod d == 0
inline Mask dilated(Number<int64_t> d) { return Mask::make("dilated", d); }
/// floor(i' / n) == floor(j / n)
inline Mask chunk(Number<int64_t> n) { return Mask::make("chunk", n); }

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

/// A change of the scaled scores that has a name.
class ScoreFunction {
public:
  ScoreFunction(std::string text, std::vector<std::string> names)
      : attribute(std::move(text)), names(std::move(names)) {}
  const std::string &text() const { return attribute; }
  const std::vector<std::string> &values() const { return names; }

private:
  std::string attribute;
  std::vector<std::string> names;
};

/// cap * tanh(s / cap)
inline ScoreFunction softcap(Number<double> cap) {
  std::vector<std::string> names;
  std::string text = "#attn.softcap<" + cap.print(names) + ">";
  return ScoreFunction(std::move(text), std::move(names));
}
/// s - slope(head) * |i' - j| with the slopes 2^(-8 (head + 1) / heads) of
/// Press et al., "Train Short, Test Long" (ALiBi).
inline ScoreFunction alibi() { return ScoreFunction("#attn.alibi", {}); }

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

/// Drops weights of values while a model is trained.  All three are given at
/// each call, by name: the probability, from 0 to below 1, with Args::set(name,
/// float); seed and offset, any 64-bit integers, with Args::set(name, integer).
/// The same ones drop the same weights on every device; another offset is
/// another draw.
struct Dropout {
  Value probability, seed, offset;
};

//===----------------------------------------------------------------------===//
// Block masks
//===----------------------------------------------------------------------===//

/// Keeps scores by blocks.  The lists are given at each call, by name: offsets
/// [1 or batch, 1 or heads, block rows + 1] and columns [blocks] in i32, full
/// [blocks] in i8.  BlockMask makes them.
struct BlockLists {
  Value offsets, columns;
  /// Marks blocks in which other masks are left out.
  std::optional<Value> full;
  /// Queries and keys of a block: multiples of 16, at most 4096.
  int64_t queryBlock = 128, keyBlock = 64;
  /// Whether batch entries and heads have lists of their own.
  bool perBatch = false, perHead = false;
  /// Adds an output `status`, one i32: the number of block rows with an offset
  /// or a column that is out of range, or with offsets that fall.  For lists
  /// that BlockMask::check cannot see, because a device has made them.
  bool status = false;
};

//===----------------------------------------------------------------------===//
// The variant
//===----------------------------------------------------------------------===//

/// softmax(score(scale * Q K^T), masked) V.  Batch and lengths are not part of
/// a variant: they may differ at each call.  Tensors: query [batch, heads,
/// queries, headDim], key [batch, kvHeads, keys, headDim], value [batch,
/// kvHeads, keys, valueDim], output [batch, heads, queries, valueDim], and lse
/// [batch, heads, queries] in f32.
struct Attention {
  /// Of the function; it appears in errors, profiles and symbols.
  std::string name = "attention";
  /// Query heads; a multiple of kvHeads.
  int64_t heads = 0;
  /// Heads of key and value; 0: as many as query heads.
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  /// Columns of value and output; 0: headDim.
  int64_t valueDim = 0;
  /// Of query, key, value and output: f32, f16 or bf16.
  Type type = Type::f32;
  /// Factor of the scores; without one, 1 / sqrt(headDim).
  std::optional<double> scale;
  /// Whether the log-sum-exp of each query's scores is a second output.
  bool lse = false;

  Mask mask;
  /// Applied in order, before scoreMod.
  std::vector<ScoreFunction> scores;
  /// Changes a scaled score; -inf drops it.
  std::function<Float(Score, At)> scoreMod;
  /// True keeps the score; `mask` must keep it too.
  std::function<Bool(At)> maskMod;

  /// The name of a tensor [heads] in f32: a logit for each query head, which
  /// takes part in the softmax like the score of one more key without a value
  /// (natural-log units, not scaled).  -inf is none.
  std::optional<Value> sinks;
  /// lse does not show what is dropped.
  std::optional<Dropout> dropout;
  /// Blocks that are kept; in those that are not full, `mask` and `maskMod`
  /// must keep a score too.
  std::optional<BlockLists> blockMask;

  /// The variant as MLIR.
  Result<std::string> text() const;

private:
  std::string printRegions(detail::Signature &signature) const;
  std::string printAttributes(detail::Signature &signature) const;
  std::string printBlockMask(detail::Signature &signature,
                             std::string &types) const;
};

namespace detail {
/// "[%window, %other]"; nothing if there are no values.
inline std::string printValues(Signature &signature,
                               const std::vector<std::string> &names,
                               const char *type) {
  std::string list;
  for (const std::string &name : names)
    list += (list.empty() ? "[" : ", ") + signature.capture(name, type);
  return list.empty() ? "" : list + "]";
}
} // namespace detail

inline std::string
Attention::printAttributes(detail::Signature &signature) const {
  std::string clauses;
  if (!mask.isEmpty())
    clauses += " mask(" + mask.text() + ")" +
               detail::printValues(signature, mask.values(), "index");
  if (!scores.empty()) {
    std::string list;
    std::vector<std::string> names;
    for (const ScoreFunction &score : scores) {
      list += (list.empty() ? "" : ", ") + score.text();
      names.insert(names.end(), score.values().begin(), score.values().end());
    }
    clauses += " score(" + (scores.size() > 1 ? "[" + list + "]" : list) + ")" +
               detail::printValues(signature, names, "f32");
  }
  if (scale)
    clauses += " scale(" + detail::formatFloat(*scale, 17) + ")";
  if (sinks)
    clauses += " sinks(" +
               signature.capture(sinks->name(),
                                 "tensor<" + std::to_string(heads) + "xf32>") +
               ")";
  if (dropout) {
    // The order of the arguments is not left to the C++ compiler.
    std::string probability =
        signature.capture(dropout->probability.name(), "f32");
    std::string seed = signature.capture(dropout->seed.name(), "i64");
    std::string offset = signature.capture(dropout->offset.name(), "i64");
    clauses += " dropout(" + probability + ", " + seed + ", " + offset + ")";
  }
  return clauses.empty() ? "" : "\n     " + clauses;
}

/// The clause; the types of its operands are added to `types`.
inline std::string Attention::printBlockMask(detail::Signature &signature,
                                             std::string &types) const {
  if (!blockMask)
    return "";
  std::string operands;
  auto add = [&](const Value &name, const std::string &type) {
    operands +=
        (operands.empty() ? "" : ", ") + signature.capture(name.name(), type);
    types += ", " + type;
  };
  std::string entries = blockMask->perBatch ? "?" : "1",
              lists = std::to_string(blockMask->perHead ? heads : 1);
  add(blockMask->offsets, "tensor<" + entries + "x" + lists + "x?xi32>");
  add(blockMask->columns, "tensor<?xi32>");
  if (blockMask->full)
    add(*blockMask->full, "tensor<?xi8>");
  return "\n     block_mask(" + operands + ") block_size [" +
         std::to_string(blockMask->queryBlock) + ", " +
         std::to_string(blockMask->keyBlock) + "]";
}

inline std::string Attention::printRegions(detail::Signature &signature) const {
  std::string regions;
  auto write = [&](const char *header, const detail::NodeRef &result,
                   const char *type, bool hasScore) {
    detail::RegionWriter writer(signature, hasScore);
    std::string name = writer.write(result);
    regions += std::string("\n    ") + header + " {\n" + writer.text() +
               "      attn.yield " + name + " : " + type + "\n    }";
  };
  if (scoreMod)
    write("score_mod (%s, %b, %h, %i, %j)",
          scoreMod(Score(detail::makeLeaf("%s")), At()).node(), "f32",
          /*hasScore=*/true);
  if (maskMod)
    write("mask_mod (%b, %h, %i, %j)", maskMod(At()).node(), "i1",
          /*hasScore=*/false);
  return regions;
}

inline Result<std::string> Attention::text() const {
  detail::Signature signature;
  for (auto [field, size, least] :
       {std::tuple("heads", heads, 1), std::tuple("kvHeads", kvHeads, 0),
        std::tuple("headDim", headDim, 1), std::tuple("valueDim", valueDim, 0)})
    if (size < least)
      signature.fail(std::string("Attention::") + field + " is " +
                     std::to_string(size) + ", expected at least " +
                     std::to_string(least));
  if (!detail::Signature::isName(name))
    signature.fail("Attention::name is '" + name +
                   "'; allowed are letters, digits and '_', without a digit in "
                   "front or a '_' at the end");
  if (scale && !(*scale - *scale == 0))
    signature.fail("Attention::scale must be finite");

  int64_t groups = kvHeads ? kvHeads : heads;
  int64_t columns = valueDim ? valueDim : headDim;
  auto tensor = [&](int64_t count, int64_t width) {
    return "tensor<?x" + std::to_string(count) + "x?x" + std::to_string(width) +
           "x" + detail::typeName(type) + ">";
  };
  std::string query = tensor(heads, headDim), key = tensor(groups, headDim),
              value = tensor(groups, columns), output = tensor(heads, columns);
  std::string results = output, returned = "%o";
  if (lse) {
    results += ", tensor<?x" + std::to_string(heads) + "x?xf32>";
    returned += ", %lse";
  }
  if (blockMask && blockMask->status) {
    results += ", tensor<1xi32>";
    returned += ", %status";
  }

  std::string inputs = query + ", " + key + ", " + value;
  std::string attributes = printAttributes(signature);
  attributes += printBlockMask(signature, inputs);
  std::string regions = printRegions(signature);
  std::string arguments = "%query: " + query + " {attn.name = \"query\"}" +
                          ", %key: " + key + " {attn.name = \"key\"}" +
                          ", %value: " + value + " {attn.name = \"value\"}";
  for (const detail::Capture &capture : signature.captures)
    arguments += ", " + detail::Signature::variable(capture.name) + ": " +
                 capture.type + " {attn.name = \"" + capture.name + "\"}";
  if (!signature.problem.empty())
    return Error(ErrorClass::arguments, signature.problem);

  std::string type = results == output ? output : "(" + results + ")";
  return "func.func @" + name + "(" + arguments + ") -> " + type + " {\n  " +
         returned + " = attn.attention %query, %key, %value" + attributes +
         regions + "\n      : (" + inputs + ") -> " + type + "\n  return " +
         returned + " : " + results + "\n}\n";
}

} // namespace v1
} // namespace attn

#endif // ATTN_CPP_ATTENTION_H
