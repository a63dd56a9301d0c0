//===- MutationsSm80.cpp - Bugs for the kernel with cp.async --------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutations.h"

using namespace attn::test;
using Kind = attn::emulator::ReportKind;

namespace {

const std::vector<Mutation> mutations = {
    //===------------------------------------------------------------------===//
    // Groups of copies, and waiting for them
    //===------------------------------------------------------------------===//
    {"commit-missing-in-the-loop",
     "    commitCopies(); // of the next stage\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"commit-missing-in-the-prologue",
     R"(      copyStage(step);
    commitCopies();
)",
     R"(      copyStage(step);
)",
     Exposure::report,
     {Kind::race}},
    {"one-group-too-few-waited-for",
     R"(    waitForCopies<kStages - 2>();
    __syncthreads(); // the stage of this step)",
     R"(    waitForCopies<kStages - 1>();
    __syncthreads(); // the stage of this step)",
     Exposure::report,
     {Kind::race}},
    {"no-wait-for-a-stage",
     R"(    waitForCopies<kStages - 2>();
    __syncthreads(); // the stage of this step)",
     "    __syncthreads();",
     Exposure::report,
     {Kind::race}},
    {"no-wait-for-the-queries",
     R"(  waitForCopies<kStages - 2>();
  __syncthreads(); // the queries of all threads)",
     "  __syncthreads();",
     Exposure::report,
     {Kind::race}},
    {"copies-pending-at-exit",
     R"(    if (next < keyTiles)
      copyStage(next);
)",
     R"(    if (next < keyTiles)
      copyStage(next);
    else
      copyTile(ring + next % kStages * kStageBytes, key, 0, length);
)",
     Exposure::report,
     {Kind::pending}},
    {"stage-refilled-while-it-is-read",
     "int next = step + kStages - 1;",
     "int next = step + kStages;",
     Exposure::report,
     {Kind::race}},
    {"ring-of-two-in-the-loop",
     "u32 keys = ring + step % kStages * kStageBytes;",
     "u32 keys = ring + step % 2 * kStageBytes;",
     Exposure::report,
     {Kind::race}},

    //===------------------------------------------------------------------===//
    // Barriers
    //===------------------------------------------------------------------===//
    {"no-barrier-for-the-queries",
     "  __syncthreads(); // the queries of all threads\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"no-barrier-for-a-stage",
     "    __syncthreads(); // the stage of this step\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"barrier-skipped-by-a-warp",
     "    __syncthreads(); // the stage of this step\n",
     R"(    if (warp != 3 || step != 2)
      __syncthreads();
)",
     Exposure::report,
     {Kind::race, Kind::barrier, Kind::deadlock}},
    {"barrier-by-half-of-each-warp",
     "    __syncthreads(); // the stage of this step\n",
     R"(    if (lane < 16)
      __syncthreads();
)",
     Exposure::report,
     {Kind::divergence}},
    {"no-syncwarp-before-reading-what-other-lanes-staged",
     "  __syncwarp();\n",
     "",
     Exposure::report,
     {Kind::race}},
    {"syncwarp-of-half-of-the-lanes",
     "  __syncwarp();\n",
     "  if (lane < 16)\n    __syncwarp(0x0000ffff);\n",
     Exposure::report,
     {Kind::race}},
    {"rows-of-two-warps-staged-in-one-place",
     "unsigned char *staged = shared + 16 * warp * kRowBytes;",
     "unsigned char *staged = shared + 8 * warp * kRowBytes;",
     Exposure::report,
     {Kind::race}},
    {"staged-where-other-warps-still-read",
     "unsigned char *staged = shared + 16 * warp * kRowBytes;",
     "unsigned char *staged = shared + kTileBytes + 16 * warp * kRowBytes;",
     Exposure::report,
     {Kind::race}},

    //===------------------------------------------------------------------===//
    // Addresses
    //===------------------------------------------------------------------===//
    {"rows-past-the-end-loaded",
     "int validBytes = firstRow + row < length ? 16 : 0;",
     "int validBytes = 16;",
     Exposure::report,
     {Kind::bounds}},
    {"rows-past-the-end-not-zeroed",
     "copyAsync(tile + chunkOffset(row, chunk), source, validBytes);",
     R"(if (validBytes != 0)
      copyAsync(tile + chunkOffset(row, chunk), source, validBytes);)",
     Exposure::report,
     {Kind::uninitialized}},
    {"half-a-chunk-loaded",
     "firstRow + row < length ? 16 : 0;",
     "firstRow + row < length ? 8 : 0;",
     Exposure::numbers,
     {}},
    {"rows-past-the-end-stored",
     R"(    if (queryIndex < length)
      *reinterpret_cast<uint4 *>)",
     "      *reinterpret_cast<uint4 *>",
     Exposure::report,
     {Kind::bounds, Kind::race}},
    {"lse-past-the-end-stored",
     "if (quad == 0 && queryIndex < length)",
     "if (quad == 0)",
     Exposure::report,
     {Kind::bounds, Kind::race}},
    {"copy-from-a-misaligned-address",
     "(firstRow + row) * kHeadDim + chunk * 8;",
     "(firstRow + row) * kHeadDim + chunk * 8 + 1;",
     Exposure::report,
     {Kind::alignment}},
    {"copy-to-a-misaligned-address",
     "copyAsync(tile + chunkOffset(row, chunk), source, validBytes);",
     "copyAsync(tile + chunkOffset(row, chunk) + 8, source, validBytes);",
     Exposure::report,
     {Kind::alignment}},
    {"misaligned-store-to-shared-memory",
     "chunkOffset(row, n) + 4 * quad",
     "chunkOffset(row, n) + 2 * quad",
     Exposure::report,
     {Kind::alignment}},
    {"heads-overlap",
     "size_t headOffset = static_cast<size_t>(blockIdx.y) * length;",
     "size_t headOffset = static_cast<size_t>(blockIdx.y) * (length - 64);",
     Exposure::report,
     {Kind::race}},
    {"shared-memory-too-small",
     "u32 ring = sharedBase + kTileBytes;",
     "u32 ring = sharedBase + 2 * kTileBytes;",
     Exposure::report,
     {Kind::bounds}},

    //===------------------------------------------------------------------===//
    // Swizzles and fragments
    //===------------------------------------------------------------------===//
    {"values-read-without-the-swizzle",
     "values + chunkOffset(16 * k + lane % 16, n + lane / 16)",
     "values + (16 * k + lane % 16) * kRowBytes + (n + lane / 16) * 16",
     Exposure::numbers,
     {}},
    {"no-swizzle",
     "int column = chunk ^ (row % 8);",
     "int column = chunk;",
     Exposure::bankConflicts,
     {}},
    {"values-not-transposed",
     "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16",
     "ldmatrix.sync.aligned.m8n8.x4.shared.b16",
     Exposure::numbers,
     {}},
    {"keys-in-the-order-of-values",
     R"(keys + chunkOffset(8 * n + lane % 8 + lane / 16 * 8,
                                         2 * k + lane / 8 % 2))",
     "keys + chunkOffset(8 * n + lane % 16, 2 * k + lane / 16)",
     Exposure::numbers,
     {}},
    {"halves-of-a-pair-swapped",
     R"("=r"(packed) : "f"(high), "f"(low))",
     R"("=r"(packed) : "f"(low), "f"(high))",
     Exposure::numbers,
     {}},
    {"product-by-half-of-the-lanes",
     "        multiply(scores[n], queries[k], b[0], b[1]);\n",
     R"(        if (lane < 16)
          multiply(scores[n], queries[k], b[0], b[1]);
)",
     Exposure::report,
     {Kind::divergence}},

    //===------------------------------------------------------------------===//
    // Softmax
    //===------------------------------------------------------------------===//
    {"accumulator-not-initialised",
     "float accumulator[kFragments][4] = {};",
     "float accumulator[kFragments][4];",
     Exposure::report,
     {Kind::uninitialized}},
    {"sum-not-initialised",
     "float rowSum[2] = {0.0f, 0.0f};",
     "float rowSum[2];",
     Exposure::report,
     {Kind::uninitialized}},
    {"shuffle-without-half-of-its-lanes",
     "x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, 2));",
     "x = fmaxf(x, __shfl_xor_sync(0x0000ffff, x, 2));",
     Exposure::report,
     {Kind::divergence}},
    {"shuffle-over-the-wrong-distance",
     "return x + __shfl_xor_sync(0xffffffff, x, 2);",
     "return x + __shfl_xor_sync(0xffffffff, x, 4);",
     Exposure::numbers,
     {}},
    {"mask-off-by-one",
     "if (firstColumn + 8 * n + pair >= limit)",
     "if (firstColumn + 8 * n + pair > limit)",
     Exposure::numbers,
     {}},
    {"accumulator-not-rescaled",
     "        accumulator[n][2 * half] *= correction;\n",
     "",
     Exposure::numbers,
     {}},
};

} // namespace

const std::vector<Mutation> &attn::test::mutationsOfSm80() { return mutations; }
