//===- KernelPrinter.h - One kernel as CUDA C++ -----------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prints a gpu.func as a __global__ function. A value becomes a variable, or
// is written where it is used: if that is one place of the same block, and
// nothing between could change it.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CUDA_KERNELPRINTER_H
#define ATTN_LIB_TARGET_CUDA_KERNELPRINTER_H

#include "IndexRanges.h"
#include "Prelude.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <optional>

namespace attn::cuda {

/// How tightly the outermost operator of an expression binds.
enum class Binding {
  conditional,
  logicalOr,
  logicalAnd,
  bitOr,
  bitXor,
  bitAnd,
  equality,
  relational,
  shift,
  additive,
  multiplicative,
  unary,
  postfix,
};

constexpr size_t kColumns = 80;

struct Expr {
  std::string text;
  Binding binding = Binding::postfix;

  /// In parentheses unless it binds at least as tightly.
  std::string as(Binding least) const {
    return binding < least ? "(" + text + ")" : text;
  }
};

/// An integer expression. A wide one has the type long long, or for i32 and
/// narrower never.
struct Number {
  Expr expr;
  Interval range;
  bool isWide = false;
  std::optional<int64_t> constant = std::nullopt;
};

Number makeConstant(int64_t value);
/// a + b and a * b on indices; not wide if the operands and the result are not.
Number addIndices(const Number &a, const Number &b);
Number multiplyIndices(const Number &a, const Number &b);
/// (type)expr.
Expr castTo(llvm::StringRef type, const Expr &expr);

/// How a memref is accessed.
struct Buffer {
  enum Kind {
    tensor,  ///< a parameter; its words are members
    pointer, ///< to the first element
    array,   ///< a local array
  };
  Kind kind;
  std::string name;
  llvm::SmallVector<Number> sizes, strides; ///< not of arrays
  Number offset;                            ///< of a tensor; else 0
  mlir::MemRefType type;                    ///< of a tensor: of the parameter
  bool hasAccessor = false;                 ///< a tensor with at()
  bool isPairs = false; ///< an array of pairs: see isPairArray
};

/// A part of a private array.
struct ArrayPart {
  mlir::Value memref;
  llvm::SmallVector<mlir::Value> indices; ///< all but the last ones
};

/// A product that updates four floats in place: see findInPlaceProducts.
struct InPlaceProduct {
  /// A row of 4 floats, or a block of 2 x 2.
  ArrayPart sums;
  bool isBlock = false;
  /// The first of two blocks of 2 words each of the first operand; null if that
  /// is no part of an array.
  ArrayPart first;
};

class KernelPrinter {
public:
  KernelPrinter(mlir::gpu::GPUFuncOp function, const IndexRanges &ranges,
                Prelude &prelude)
      : function(function), ranges(ranges), prelude(prelude) {}

  mlir::FailureOr<std::string> print();

private:
  //===--------------------------------------------------------------------===//
  // Text (KernelPrinter.cpp)
  //===--------------------------------------------------------------------===//

  void line(const llvm::Twine &text);
  void comment(llvm::StringRef text);
  /// Reports that `op` cannot be printed; the reason may be empty.
  Expr fail(mlir::Operation *op, const llvm::Twine &reason = "");

  /// A name that is not in use here, the wish if possible.
  std::string makeName(llvm::StringRef wish);
  /// The name that attn.name, or else `fallback`, gives to a result.
  std::string nameResult(mlir::OpResult result, llvm::StringRef fallback);
  /// Names of a scope end with it.
  struct Scope {
    explicit Scope(KernelPrinter &printer) : printer(printer) {
      printer.scopes.emplace_back();
      printer.indent += 2;
    }
    ~Scope() {
      printer.indent -= 2;
      printer.scopes.pop_back();
    }
    KernelPrinter &printer;
  };

  //===--------------------------------------------------------------------===//
  // Which values are written where they are used (InlinePlan.cpp)
  //===--------------------------------------------------------------------===//

  void plan(mlir::Block &block);
  // InPlaceProducts.cpp
  void findInPlaceProducts(mlir::Block &block);

  //===--------------------------------------------------------------------===//
  // Statements
  //===--------------------------------------------------------------------===//

  void printParameters();
  void printBlock(mlir::Block &block);
  void printStatement(mlir::Operation *op);
  /// type name = text;
  void declare(mlir::OpResult result, const Expr &expr);
  void printDeclaration(const std::string &type, const std::string &name,
                        const std::string &init);
  void declareAs(mlir::OpResult result, llvm::StringRef fallback,
                 const Expr &expr);

  // PrintControl.cpp
  void printFor(mlir::scf::ForOp op);
  void printIf(mlir::scf::IfOp op);
  void printWhile(mlir::scf::WhileOp op);
  /// Declares a variable that a loop or condition changes.
  std::string declareVariable(mlir::OpResult result, bool isWide,
                              const Expr *init);
  /// Assigns as if at the same time.
  void assign(mlir::ValueRange targets, mlir::ValueRange sources,
              mlir::Operation *op);

  // PrintMemory.cpp
  void printAlloca(mlir::memref::AllocaOp op);
  void printView(mlir::memref::ViewOp op);
  void printSubView(mlir::memref::SubViewOp op);
  void printReinterpretCast(mlir::memref::ReinterpretCastOp op);
  void printMetadata(mlir::memref::ExtractStridedMetadataOp op);
  /// " = text", or " *= y" if the value is a product of the target and y, and
  /// so on.
  std::string assigned(llvm::StringRef target, mlir::Value value,
                       const std::string &text);
  void printStore(mlir::Operation *op, mlir::Value value, mlir::Value memref,
                  mlir::ValueRange indices);
  /// Makes a pointer variable for a view.
  void declarePointer(mlir::OpResult result, llvm::StringRef fallback,
                      const Expr &address, llvm::SmallVector<Number> sizes,
                      llvm::SmallVector<Number> strides);
  /// A loop carries a pointer into a tensor, which moves at its end.
  void carryPointer(mlir::Value init, mlir::BlockArgument argument,
                    mlir::OpResult result);
  void movePointer(mlir::Value pointer);

  // PrintGpu.cpp
  void printAsyncCopy(mlir::nvgpu::DeviceAsyncCopyOp op);
  void printProduct(mlir::NVVM::MmaOp op);
  void printInlinePtx(mlir::NVVM::InlinePtxOp op);
  /// Whether it was one of gpu, nvgpu and nvvm.
  bool printGpuStatement(mlir::Operation *op);

  // PrintArith.cpp
  void printWideProduct(mlir::arith::MulUIExtendedOp op);

  // PrintVector.cpp
  void printVectorLoop(mlir::Operation *op);
  void printInsert(mlir::vector::InsertOp op);

  //===--------------------------------------------------------------------===//
  // Expressions
  //===--------------------------------------------------------------------===//

  /// A value: the name of its variable, or the expression.
  Expr expr(mlir::Value value);
  Number number(mlir::Value value);
  bool isWide(mlir::Value value) const;
  std::string typeOf(mlir::Value value);
  /// What the op computes.
  Expr compute(mlir::Operation *op);

  // PrintArith.cpp
  Expr literal(mlir::Operation *op, mlir::TypedAttr value);
  /// An op of arith or math on scalars with these operands.
  Expr computeScalar(mlir::Operation *op, llvm::ArrayRef<Number> operands,
                     bool isWide);
  Expr computeInteger(mlir::Operation *op, llvm::ArrayRef<Number> operands,
                      mlir::Type type, bool isWide);
  Expr computeCast(mlir::Operation *op, const Number &operand, mlir::Type from,
                   mlir::Type to, bool isWide);
  Expr computeCompare(mlir::arith::CmpIOp op, const Number &a, const Number &b);
  Expr computeCompare(mlir::arith::CmpFOp op, const Expr &a, const Expr &b);

  // PrintVector.cpp
  /// Element `index` of a vector.
  Expr element(mlir::Value vector, int64_t index);
  /// Word `index` as u32 of a value of one or more words.
  Expr word(mlir::Value value, int64_t index);
  /// A vector of these elements, or of these parts.
  Expr makeVector(mlir::Type type, llvm::ArrayRef<Expr> elements);
  Expr makeFromParts(mlir::Type type, llvm::ArrayRef<Expr> parts);
  Expr computeVector(mlir::Operation *op);
  Expr computeBitcast(mlir::Operation *op);
  Expr computeExtract(mlir::vector::ExtractOp op);

  // PrintMemory.cpp
  const Buffer &buffer(mlir::Value memref);
  Expr access(mlir::Value memref, mlir::ValueRange indices);
  Expr address(mlir::Value memref, mlir::ValueRange indices);
  Number linearIndex(const Buffer &buffer, llvm::ArrayRef<Number> indices,
                     bool isSmall);
  /// The numbers of indices into a memref.
  llvm::SmallVector<Number> numbersOf(mlir::Value memref,
                                      mlir::ValueRange indices);
  /// An index whose value is known to fit an int.
  Number smallNumber(mlir::Value value);
  Expr computeLoad(mlir::Value memref, mlir::ValueRange indices,
                   mlir::Type type);

  mlir::gpu::GPUFuncOp function;
  const IndexRanges &ranges;
  Prelude &prelude;

  std::string text;
  int indent = 0;
  /// What the innermost braces hold so far.
  struct Body {
    int indent = 0, statements = 0;
    bool needsBraces = false;
  };
  Body body;
  /// Prints what `print` does in braces behind the line that was just written,
  /// or without them if it is one statement. Returns whether there are braces.
  bool printBody(llvm::function_ref<void()> print, bool mayLackBraces = true);
  bool failed = false;
  llvm::SmallVector<llvm::StringSet<>> scopes;

  llvm::DenseMap<mlir::Value, Expr> values;
  llvm::DenseMap<mlir::Value, Buffer> buffers;
  /// Variables of indices whose width is not that of their range.
  llvm::DenseMap<mlir::Value, bool> widths;

  llvm::DenseSet<mlir::Operation *> inlined;
  /// Parts of what another op prints.
  llvm::DenseSet<mlir::Operation *> skipped;
  llvm::DenseMap<mlir::Operation *, InPlaceProduct> inPlaceProducts;
};

/// Whether all accesses to a private array are to pairs of 16-bit floats in its
/// last dimension: it is then an array of words, without that dimension.
bool isPairArray(mlir::memref::AllocaOp array);
/// Whether `op` is a sum or a product with a constant of the variable of a loop
/// or another such op: written wherever it is used.
bool isSimpleIndex(mlir::Operation *op);
/// What a view is of.
mlir::Value findBase(mlir::Value memref);
/// Whether `op`, or something in it, may change (or, if asked for, read) what
/// lies at `base`.
bool mayTouch(mlir::Operation *op, mlir::Value base, bool orRead);
/// Whether something between two ops of a block does.
bool isTouchedBetween(mlir::Operation *first, mlir::Operation *last,
                      mlir::Value base, bool orRead = false);
/// Whether printing `op` writes the text of an operand more than once.
bool repeatsOperands(mlir::Operation *op);
/// Whether `op` is written where it is used, however often: no code comes of
/// it.
bool isFree(mlir::Operation *op);
/// Whether a use is the size of a part of a memref, and nobody asks for it.
bool isUnreadSize(mlir::OpOperand &use);
/// Whether `op` can be written as an expression.
bool isExpression(mlir::Operation *op);
/// Elementwise on vectors that are longer than what is written as a list.
bool isVectorLoop(mlir::Operation *op);

} // namespace attn::cuda

#endif // ATTN_LIB_TARGET_CUDA_KERNELPRINTER_H
