//===- Corpus.h - The families of conformance cases -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_EMULATOR_CONFORMANCE_CORPUS_H
#define ATTN_UNIT_EMULATOR_CONFORMANCE_CORPUS_H

#include "Case.h"

namespace attn::conformance {

using Cases = std::vector<Case>;

// Each family adds its cases; a file of its own holds it.
void addIntegerCases(Cases &cases);
void addBitCases(Cases &cases);
void addFloatCases(Cases &cases);
void addHalfCases(Cases &cases);
void addCompareCases(Cases &cases);
void addConvertCases(Cases &cases);
void addApproximationCases(Cases &cases);
void addWarpCases(Cases &cases);
void addMatrixCases(Cases &cases);
void addMmaCases(Cases &cases);
void addMemoryCases(Cases &cases);
void addAtomicCases(Cases &cases);
void addCopyCases(Cases &cases);
void addMbarrierCases(Cases &cases);
void addTensorLoadCases(Cases &cases);
void addTensorStoreCases(Cases &cases);
void addWgmmaCases(Cases &cases);

} // namespace attn::conformance

#endif // ATTN_UNIT_EMULATOR_CONFORMANCE_CORPUS_H
