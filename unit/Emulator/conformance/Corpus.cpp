//===- Corpus.cpp - All conformance cases ---------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"

using namespace attn;
using namespace attn::conformance;

const std::vector<Case> &conformance::allCases() {
  static const Cases cases = [] {
    Cases all;
    addIntegerCases(all);
    addBitCases(all);
    addFloatCases(all);
    addHalfCases(all);
    addCompareCases(all);
    addConvertCases(all);
    addApproximationCases(all);
    addWarpCases(all);
    addMatrixCases(all);
    addMmaCases(all);
    addMemoryCases(all);
    addAtomicCases(all);
    addCopyCases(all);
    addMbarrierCases(all);
    addTensorLoadCases(all);
    addTensorStoreCases(all);
    addWgmmaCases(all);
    return all;
  }();
  return cases;
}
