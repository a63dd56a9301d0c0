//===- Trace.h - Score and mask functions in C++ ----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of attn/attn.h.  A scoreMod or a maskMod is called once, with arguments
// that stand for the coordinates of any score; each operation on them is
// written down as MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CPP_TRACE_H
#define ATTN_CPP_TRACE_H

#include "attn/cpp/Result.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace attn {
inline namespace v1 {

class Int;
class Float;

namespace detail {

/// A run-time value or tensor that a kernel takes besides query, key and value.
struct Capture {
  std::string name;
  std::string type; ///< "index", "f32", "tensor<32xf32>"
};

/// The captures of a kernel, in the order of their first use, and the first
/// thing that is wrong with it.
struct Signature {
  std::vector<Capture> captures;
  std::string problem;

  void fail(const std::string &what) {
    if (problem.empty())
      problem = what;
  }

  static bool isName(const std::string &name) {
    if (name.empty() || (name[0] >= '0' && name[0] <= '9') ||
        name.back() == '_')
      return false;
    for (char c : name)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || c == '_'))
        return false;
    return true;
  }

  /// The name in the text: those of coordinates and results are taken.
  static std::string variable(const std::string &name) {
    for (const char *taken :
         {"s", "b", "h", "i", "j", "nq", "nk", "o", "lse", "status"})
      if (name == taken)
        return "%" + name + "_";
    return "%" + name;
  }

  /// Adds a capture if it is new; returns its name in the text.
  std::string capture(const std::string &name, const std::string &type) {
    if (!isName(name))
      fail("'" + name +
           "' cannot be the name of a value; allowed are letters, digits and "
           "'_', without a digit in front or a '_' at the end");
    for (const char *taken :
         {"query", "key", "value", "output", "lse", "status"})
      if (name == taken)
        fail("a value cannot be called '" + name +
             "', which is an argument of every kernel");
    for (const Capture &known : captures)
      if (known.name == name) {
        if (known.type != type)
          fail("'" + name + "' is used as " + known.type + " and as " + type +
               "; a name stands for one value");
        return variable(name);
      }
    captures.push_back({name, type});
    return variable(name);
  }
};

/// A traced expression.  Expressions are written down when the function that
/// made them has returned: then their order does not depend on the order in
/// which a C++ compiler evaluates operands.
struct Node {
  /// "arith.addf"; of a leaf, its name in the text, "%s".
  std::string operation;
  /// "f32", "index to i32".
  std::string type;
  std::vector<std::shared_ptr<const Node>> operands;
  /// Of a run-time value or tensor: its name; `type` is its type.
  std::string capture;
  /// Whether the operands behind the first are indices in brackets.
  bool isElement = false;
  /// What is wrong with it, or empty.
  std::string problem;
};
using NodeRef = std::shared_ptr<const Node>;

inline NodeRef makeNode(std::string operation, std::vector<NodeRef> operands,
                        std::string type) {
  auto node = std::make_shared<Node>();
  node->operation = std::move(operation);
  node->operands = std::move(operands);
  node->type = std::move(type);
  return node;
}
/// A coordinate, a length or the score.
inline NodeRef makeLeaf(const char *name) { return makeNode(name, {}, ""); }
inline NodeRef makeCapture(std::string name, std::string type) {
  auto node = std::make_shared<Node>();
  node->capture = std::move(name);
  node->type = std::move(type);
  return node;
}

/// Writes the operations of one region, operands first and each one once.
class RegionWriter {
public:
  RegionWriter(Signature &signature, bool hasScore)
      : signature(signature), hasScore(hasScore) {}

  /// Writes what an expression needs; returns its name.
  std::string write(const NodeRef &node) {
    if (auto known = names.find(node.get()); known != names.end())
      return known->second;
    std::string name = writeNew(*node);
    names.emplace(node.get(), name);
    return name;
  }
  const std::string &text() const { return body; }

private:
  std::string writeNew(const Node &node) {
    if (!node.problem.empty())
      signature.fail(node.problem);
    if (!node.capture.empty())
      return signature.capture(node.capture, node.type);
    if (!node.operation.empty() && node.operation[0] == '%')
      return writeLeaf(node.operation);
    std::string list, close;
    for (size_t i = 0; i < node.operands.size(); ++i) {
      std::string operand = write(node.operands[i]);
      bool isFirstIndex = node.isElement && i == 1;
      list += (i == 0 ? " " : isFirstIndex ? "[" : ", ") + operand;
    }
    if (node.isElement)
      list += "]";
    std::string name = "%" + std::to_string(count++);
    body += "      " + name + " = " + node.operation + list +
            (node.type.empty() ? "" : " : " + node.type) + "\n";
    return name;
  }

  std::string writeLeaf(const std::string &name) {
    if (name == "%s" && !hasScore)
      signature.fail("maskMod uses the score, which only scoreMod has");
    for (const char *which : {"query", "key"})
      if (name == std::string("%n") + which[0])
        body += "      " + name + " = attn.length " + which + " : index\n";
    return name;
  }

  Signature &signature;
  bool hasScore;
  std::string body;
  std::unordered_map<const Node *, std::string> names;
  int count = 0;
};

/// A floating-point number as MLIR reads it, whatever the locale.
inline std::string formatFloat(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*e", digits, value);
  for (char &c : text)
    if (c == ',')
      c = '.';
  return text;
}

/// The same as a constant of type f32.
inline std::string formatF32(double value) {
  float narrow = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &narrow, sizeof(bits));
  if ((bits & 0x7f800000u) != 0x7f800000u)
    return formatFloat(static_cast<double>(narrow), 8);
  char text[16]; // an infinity or NaN
  std::snprintf(text, sizeof(text), "0x%08X", static_cast<unsigned>(bits));
  return text;
}

template <typename T>
using IfInteger =
    std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int>;
template <typename T>
using IfNumber =
    std::enable_if_t<std::is_arithmetic_v<T> && !std::is_same_v<T, bool>, int>;

template <typename T>
constexpr bool neverTrue = false;

} // namespace detail

/// A traced condition.  It has no value while it is traced: combine it with
/// &&, || and !, and choose with attn::select.
class Bool {
public:
  Bool(bool value)
      : expression(detail::makeNode(
            value ? "arith.constant true" : "arith.constant false", {}, "")) {}

  template <typename T, std::enable_if_t<std::is_same_v<T, bool>, int> = 0>
  explicit operator T() const {
    static_assert(
        detail::neverTrue<T>,
        "a traced condition has no value in C++: use attn::select(condition, "
        "a, b) instead of if, ?: and loops");
    return false;
  }

  explicit Bool(detail::NodeRef node) : expression(std::move(node)) {}
  const detail::NodeRef &node() const { return expression; }

private:
  detail::NodeRef expression;
};

/// A traced integer: a coordinate, a length, or computed from them.  Results
/// are exact below 2^31.
class Int {
public:
  template <typename T, detail::IfInteger<T> = 0>
  Int(T value)
      : expression(detail::makeNode(
            "arith.constant " + std::to_string(static_cast<long long>(value)),
            {}, "index")) {}

  explicit Int(detail::NodeRef node) : expression(std::move(node)) {}
  const detail::NodeRef &node() const { return expression; }

private:
  detail::NodeRef expression;
};

/// A traced number of type f32.
class Float {
public:
  template <typename T, detail::IfNumber<T> = 0>
  Float(T value)
      : expression(detail::makeNode(
            "arith.constant " + detail::formatF32(static_cast<double>(value)),
            {}, "f32")) {}

  explicit Float(detail::NodeRef node) : expression(std::move(node)) {}
  const detail::NodeRef &node() const { return expression; }

private:
  detail::NodeRef expression;
};

/// The scaled score (natural-log units) that a scoreMod changes.
using Score = Float;

/// Where a score is: all of type index.
struct At {
  Int batch = Int(detail::makeLeaf("%b"));
  Int head = Int(detail::makeLeaf("%h"));
  Int query = Int(detail::makeLeaf("%i")); ///< position in the queries, from 0
  Int key = Int(detail::makeLeaf("%j"));   ///< position in the keys, from 0
  Int queryLength = Int(detail::makeLeaf("%nq"));
  Int keyLength = Int(detail::makeLeaf("%nk"));
};

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

namespace detail {
inline Float floatOp(const char *op, const Float &a, const Float &b) {
  return Float(detail::makeNode(op, {a.node(), b.node()}, "f32"));
}
inline Float floatOp(const char *op, const Float &a) {
  return Float(detail::makeNode(op, {a.node()}, "f32"));
}
inline Int intOp(const char *op, const Int &a, const Int &b) {
  return Int(detail::makeNode(op, {a.node(), b.node()}, "index"));
}
inline Bool boolOp(const char *op, const Bool &a, const Bool &b) {
  return Bool(detail::makeNode(op, {a.node(), b.node()}, "i1"));
}
inline Bool compare(const char *op, const Float &a, const Float &b) {
  return Bool(detail::makeNode(std::string("arith.cmpf ") + op + ",",
                               {a.node(), b.node()}, "f32"));
}
inline Bool compare(const char *op, const Int &a, const Int &b) {
  return Bool(detail::makeNode(std::string("arith.cmpi ") + op + ",",
                               {a.node(), b.node()}, "index"));
}
} // namespace detail

inline Float operator+(const Float &a, const Float &b) {
  return detail::floatOp("arith.addf", a, b);
}
inline Float operator-(const Float &a, const Float &b) {
  return detail::floatOp("arith.subf", a, b);
}
inline Float operator*(const Float &a, const Float &b) {
  return detail::floatOp("arith.mulf", a, b);
}
inline Float operator/(const Float &a, const Float &b) {
  return detail::floatOp("arith.divf", a, b);
}
inline Float operator-(const Float &a) {
  return detail::floatOp("arith.negf", a);
}
inline Float &operator+=(Float &a, const Float &b) { return a = a + b; }
inline Float &operator-=(Float &a, const Float &b) { return a = a - b; }
inline Float &operator*=(Float &a, const Float &b) { return a = a * b; }
inline Float &operator/=(Float &a, const Float &b) { return a = a / b; }

inline Int operator+(const Int &a, const Int &b) {
  return detail::intOp("arith.addi", a, b);
}
inline Int operator-(const Int &a, const Int &b) {
  return detail::intOp("arith.subi", a, b);
}
inline Int operator*(const Int &a, const Int &b) {
  return detail::intOp("arith.muli", a, b);
}
/// Rounds towards zero, as in C++.
inline Int operator/(const Int &a, const Int &b) {
  return detail::intOp("arith.divsi", a, b);
}
/// Has the sign of `a`, as in C++.
inline Int operator%(const Int &a, const Int &b) {
  return detail::intOp("arith.remsi", a, b);
}
inline Int operator-(const Int &a) { return Int(0) - a; }

#define ATTN_COMPARISON(OPERATOR, FLOAT, INT)                                  \
  inline Bool operator OPERATOR(const Float &a, const Float &b) {              \
    return detail::compare(FLOAT, a, b);                                       \
  }                                                                            \
  inline Bool operator OPERATOR(const Int &a, const Int &b) {                  \
    return detail::compare(INT, a, b);                                         \
  }
ATTN_COMPARISON(==, "oeq", "eq")
ATTN_COMPARISON(!=, "une", "ne")
ATTN_COMPARISON(<, "olt", "slt")
ATTN_COMPARISON(<=, "ole", "sle")
ATTN_COMPARISON(>, "ogt", "sgt")
ATTN_COMPARISON(>=, "oge", "sge")
#undef ATTN_COMPARISON

/// Both sides are computed.
inline Bool operator&&(const Bool &a, const Bool &b) {
  return detail::boolOp("arith.andi", a, b);
}
inline Bool operator||(const Bool &a, const Bool &b) {
  return detail::boolOp("arith.ori", a, b);
}
inline Bool operator!(const Bool &a) {
  return detail::boolOp("arith.xori", a, Bool(true));
}

/// `a` where the condition holds, else `b`; both are computed.
inline Float select(const Bool &condition, const Float &a, const Float &b) {
  return Float(detail::makeNode("arith.select",
                                {condition.node(), a.node(), b.node()}, "f32"));
}
inline Int select(const Bool &condition, const Int &a, const Int &b) {
  return Int(detail::makeNode("arith.select",
                              {condition.node(), a.node(), b.node()}, "index"));
}
inline Bool select(const Bool &condition, const Bool &a, const Bool &b) {
  return Bool(detail::makeNode("arith.select",
                               {condition.node(), a.node(), b.node()}, "i1"));
}

/// A NaN wins.
inline Float min(const Float &a, const Float &b) {
  return detail::floatOp("arith.minimumf", a, b);
}
inline Float max(const Float &a, const Float &b) {
  return detail::floatOp("arith.maximumf", a, b);
}
inline Int min(const Int &a, const Int &b) {
  return detail::intOp("arith.minsi", a, b);
}
inline Int max(const Int &a, const Int &b) {
  return detail::intOp("arith.maxsi", a, b);
}
inline Float abs(const Float &a) { return detail::floatOp("math.absf", a); }
inline Int abs(const Int &a) { return max(a, -a); }

inline Float exp(const Float &a) { return detail::floatOp("math.exp", a); }
inline Float exp2(const Float &a) { return detail::floatOp("math.exp2", a); }
/// The natural logarithm.
inline Float log(const Float &a) { return detail::floatOp("math.log", a); }
inline Float tanh(const Float &a) { return detail::floatOp("math.tanh", a); }
inline Float sqrt(const Float &a) { return detail::floatOp("math.sqrt", a); }
inline Float sin(const Float &a) { return detail::floatOp("math.sin", a); }
inline Float cos(const Float &a) { return detail::floatOp("math.cos", a); }

/// The nearest f32.
inline Float toFloat(const Int &a) {
  return Float(detail::makeNode(
      "arith.sitofp",
      {detail::makeNode("arith.index_cast", {a.node()}, "index to i32")},
      "i32 to f32"));
}
/// Rounds towards zero; the value must be below 2^31 in magnitude.
inline Int toInt(const Float &a) {
  return Int(detail::makeNode(
      "arith.index_cast",
      {detail::makeNode("arith.fptosi", {a.node()}, "f32 to i32")},
      "i32 to index"));
}

//===----------------------------------------------------------------------===//
// Run-time values and tensors
//===----------------------------------------------------------------------===//

/// A value that is given at each call, by name: see attn::value.
class Value {
public:
  explicit Value(std::string name) : valueName(std::move(name)) {}
  const std::string &name() const { return valueName; }

  /// As a number of type f32; set it with Args::set(name, float).
  Float asFloat() const { return Float(detail::makeCapture(valueName, "f32")); }
  /// As an integer of type index; set it with Args::set(name, integer).
  Int asInt() const { return Int(detail::makeCapture(valueName, "index")); }
  operator Float() const { return asFloat(); }
  operator Int() const { return asInt(); }

private:
  std::string valueName;
};

/// A value that is given at each call; changing it compiles nothing.  In a
/// scoreMod or maskMod it is what the operation beside it needs, a Float or an
/// Int; where that does not decide, say value("x").asInt() or .asFloat().
inline Value value(std::string name) { return Value(std::move(name)); }

/// An element of a table: a Float or an Int, whichever the table holds.
class Element {
public:
  operator Float() const { return asFloat(); }
  operator Int() const { return asInt(); }

  Float asFloat() const {
    std::string name = detail::typeName(type);
    switch (type) {
    case Type::f32:
      return Float(element);
    case Type::f16:
    case Type::bf16:
      return Float(detail::makeNode("arith.extf", {element}, name + " to f32"));
    case Type::f64:
      return Float(
          detail::makeNode("arith.truncf", {element}, name + " to f32"));
    default:
      return toFloat(asInt());
    }
  }
  Int asInt() const {
    std::string name = detail::typeName(type);
    if (type == Type::index)
      return Int(element);
    if (type == Type::i8 || type == Type::i32 || type == Type::i64)
      return Int(
          detail::makeNode("arith.index_cast", {element}, name + " to index"));
    auto wrong = std::make_shared<detail::Node>(*element);
    wrong->problem = "an element of type " + name +
                     " is used as an integer; convert it with attn::toInt";
    return Int(wrong);
  }

private:
  friend class Table;
  Element(detail::NodeRef element, Type type)
      : element(std::move(element)), type(type) {}
  detail::NodeRef element;
  Type type;
};

/// A tensor that is given at each call, by name: see attn::table.
class Table {
public:
  Table(std::string name, std::vector<int64_t> shape, Type type)
      : name(std::move(name)), shape(std::move(shape)), type(type) {}

  /// Of a table with one dimension.
  Element operator[](const Int &index) const { return at({index.node()}); }
  /// One index for each dimension.  An index outside is moved to the nearest
  /// one inside.
  template <typename... Indices>
  Element operator()(const Indices &...indices) const {
    return at({Int(indices).node()...});
  }

private:
  Element at(std::vector<detail::NodeRef> indices) const {
    std::string tensor = "tensor<";
    for (int64_t size : shape)
      tensor += (size < 0 ? "?" : std::to_string(size)) + "x";
    tensor += std::string(detail::typeName(type)) + ">";
    auto element = std::make_shared<detail::Node>();
    if (indices.size() != shape.size())
      element->problem =
          "the table '" + name + "' has " + std::to_string(shape.size()) +
          " dimensions, but got " + std::to_string(indices.size()) + " indices";
    element->operation = "tensor.extract";
    element->type = tensor;
    element->isElement = true;
    element->operands = std::move(indices);
    element->operands.insert(element->operands.begin(),
                             detail::makeCapture(name, tensor));
    return Element(std::move(element), type);
  }

  std::string name;
  std::vector<int64_t> shape;
  Type type;
};

/// A tensor of any rank that is given at each call; -1 stands for a size that
/// may differ between calls.  table("slopes", {32}, attn::f32)[at.head]
inline Table table(std::string name, std::vector<int64_t> shape, Type type) {
  return Table(std::move(name), std::move(shape), type);
}

} // namespace v1
} // namespace attn

#endif // ATTN_CPP_TRACE_H
