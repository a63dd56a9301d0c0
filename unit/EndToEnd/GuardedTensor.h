//===- GuardedTensor.h - Memory that notices wrong accesses -----*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors between pages that may not be touched, with NaN in every gap between
// their elements.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_GUARDEDTENSOR_H
#define ATTN_UNIT_ENDTOEND_GUARDEDTENSOR_H

#include "attn/Runtime/Tensor.h"

#include <string>
#include <vector>

namespace attn::testing {

/// What lies directly next to the memory: a guard page before its first byte,
/// or one after its last.  The other side is filled up to the page's end.
enum class Placement { guardBefore, guardAfter };

/// Memory between guard pages, filled with a pattern that is NaN as f32, f16,
/// bf16 and f64, and out of range as an index.  An access to a guard page ends
/// the process with a sentence that names the buffer.
class GuardedBuffer {
public:
  /// `alignment` is a power of two, at most a page.  With guardAfter the guard
  /// page follows the last byte, rounded up to the alignment.
  GuardedBuffer(std::string name, int64_t bytes, int64_t alignment,
                Placement placement);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer &) = delete;
  GuardedBuffer &operator=(const GuardedBuffer &) = delete;

  /// Not null, even for 0 bytes.
  char *data() const { return start; }
  int64_t size() const { return bytes; }

  /// Writes the pattern everywhere.
  void fill();
  /// What was written outside of data() ... data() + size(); empty if nothing.
  std::string damage() const {
    return damage(std::vector<bool>(size() / 2, true));
  }
  /// The same, also for the 2-byte words inside for which `used` is false.
  std::string damage(const std::vector<bool> &used) const;

private:
  std::string name;
  int64_t bytes;
  char *mapping = nullptr; ///< with guard pages
  int64_t mappingBytes = 0;
  char *inner = nullptr; ///< without
  int64_t innerBytes = 0;
  char *start = nullptr;
  int slot;
};

/// A strided tensor in a guarded buffer.
class GuardedTensor {
public:
  GuardedTensor(std::string name, ElementType type, std::vector<int64_t> shape,
                std::vector<int64_t> strides, Placement placement);

  /// A view for the runtime.
  Tensor view() const;
  /// The memory, with what is between the elements.
  const GuardedBuffer &memory() const { return buffer; }
  /// Elements in row-major order, which the element type can hold.
  void write(const std::vector<double> &values);
  /// Elements of type f32, f16 or bf16 in row-major order.
  std::vector<float> read() const;
  /// What was written beside the elements; empty if nothing was.
  std::string damage() const;

private:
  /// Calls function(row-major number, byte offset) for each element.
  template <typename Function>
  void forEach(Function function) const;

  ElementType type;
  std::vector<int64_t> shape, strides;
  GuardedBuffer buffer;
};

/// What the message about an access to a guard page names besides the buffer.
void setGuardContext(const std::string &context);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_GUARDEDTENSOR_H
