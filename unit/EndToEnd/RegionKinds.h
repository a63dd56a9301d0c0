//===- RegionKinds.h - Masks and score functions of the cases ---*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_ENDTOEND_REGIONKINDS_H
#define ATTN_UNIT_ENDTOEND_REGIONKINDS_H

#include <string>
#include <vector>

namespace attn::testing {

/// A mask or a score function, as MLIR text.
struct RegionKind {
  /// Part of the name of a case.
  const char *name;
  /// An attribute, or empty. Values that it takes at run time follow it, as in
  /// "#attn.prefix<?>)[%prefix".
  const char *attribute;
  /// Operations of the region, or empty.  Values from outside are named like
  /// the captures; $H stands for the number of query heads.
  const char *body;
  /// Names of the captures, see captures().
  std::vector<const char *> captures;
  /// Of a score function: maps 0 to 0, if captured slopes are 0.
  bool keepsZero = true;
};

/// The mask or score function of this name; aborts if there is none.
const RegionKind *findMask(const std::string &name);
const RegionKind *findScore(const std::string &name);

} // namespace attn::testing

#endif // ATTN_UNIT_ENDTOEND_REGIONKINDS_H
