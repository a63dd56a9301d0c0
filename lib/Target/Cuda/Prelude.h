//===- Prelude.h - What stands before the kernels ---------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The types and the wrappers of single instructions that printed kernels use.
// No header of CUDA is included: reading them is most of nvrtc's time.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_LIB_TARGET_CUDA_PRELUDE_H
#define ATTN_LIB_TARGET_CUDA_PRELUDE_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSet.h"

#include <map>
#include <string>

namespace attn::cuda {

/// Collects what the kernels of a module use.
class Prelude {
public:
  /// A function of the table in Prelude.cpp, with all that it needs itself.
  /// Returns its name.
  llvm::StringRef use(llvm::StringRef function);

  /// "u32" or "u64".
  void useUnsigned(llvm::StringRef type);

  /// The macro UNROLL.
  void useUnrolled() { hasUnrolled = true; }

  /// The C++ type of a scalar or a register vector; empty if there is none.
  /// `isWide`: whether an index takes 64 bits.
  std::string typeOf(mlir::Type type, bool isWide = true);
  /// The struct of a tensor parameter.
  std::string tensorOf(mlir::MemRefType type);

  /// Whether a local name would hide something of the prelude or of C++.
  static bool isReserved(llvm::StringRef name);

  std::string str() const;

private:
  llvm::StringSet<> functions;
  bool hasUnrolled = false;
  /// Declarations by name.
  std::map<std::string, std::string> scalars, vectors, tensors;
};

/// f16 or bf16.
bool is16BitFloat(mlir::Type type);
/// Elements of a vector in all, 1 for a scalar.
int64_t countElements(mlir::Type type);
/// Of a vector, or the type itself.
mlir::Type getElementType(mlir::Type type);
/// A vector that is kept as `n` words, "v[n]", or as `n` elements; 0 if it is
/// one register (a scalar, or two 16-bit floats).
int64_t countParts(mlir::Type type);
/// Whether tensor parameters of this type have a member function at().
bool hasAccessor(mlir::MemRefType type);

} // namespace attn::cuda

#endif // ATTN_LIB_TARGET_CUDA_PRELUDE_H
