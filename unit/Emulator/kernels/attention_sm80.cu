//===- attention_sm80.cu - Attention with cp.async and mma.sync -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// O = softmax(scale * Q K^T) V and LSE, the natural logarithm of the sum of
// exponentials, with or without a causal mask. Q, K, V and O are bf16
// [heads, length, 64], LSE is f32 [heads, length]; the length is arbitrary.
//
// A CTA of four warps computes 64 queries of one head; each warp owns 16 of
// them, so that a row of scores never leaves its warp. Keys and values come in
// tiles of 64 through a ring of three stages, which cp.async fills two tiles
// ahead. The tiles are visited from right to left: the first one is the only
// one with a mask, be it the diagonal or the ragged end.
//
// Launch: grid (ceil(length / 64), heads), 128 threads, 57344 bytes of shared
// memory.
//
//===----------------------------------------------------------------------===//

typedef unsigned short bf16; // the bits
typedef unsigned int u32;

enum : int {
  kHeadDim = 64,
  kTile = 64, // queries, and keys
  kStages = 3,
  kRowBytes = kHeadDim * 2,
  kTileBytes = kTile * kRowBytes,
  kStageBytes = 2 * kTileBytes, // keys, then values
  kFragments = 8,               // 8-wide column blocks of 64 columns
};

//===----------------------------------------------------------------------===//
// One instruction each
//===----------------------------------------------------------------------===//

/// Copies 16 bytes of which the first `validBytes` are read and the others 0.
__device__ __forceinline__ void copyAsync(u32 shared, const bf16 *global,
                                          int validBytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared),
               "l"(global), "r"(validBytes)
               : "memory");
}

__device__ __forceinline__ void commitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most `pending` of this thread's groups have not landed.
template <int pending>
__device__ __forceinline__ void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

/// Loads four 8x8 blocks; lane 8i + r gives the address of row r of block i.
__device__ __forceinline__ void loadBlocks(u32 (&blocks)[4], u32 shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, "
               "[%4];"
               : "=r"(blocks[0]), "=r"(blocks[1]), "=r"(blocks[2]),
                 "=r"(blocks[3])
               : "r"(shared)
               : "memory");
}

/// The same, each block transposed.
__device__ __forceinline__ void loadBlocksTransposed(u32 (&blocks)[4],
                                                     u32 shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, "
               "%3}, [%4];"
               : "=r"(blocks[0]), "=r"(blocks[1]), "=r"(blocks[2]),
                 "=r"(blocks[3])
               : "r"(shared)
               : "memory");
}

/// c += a b with a 16x16, b 16x8 and c 16x8.
__device__ __forceinline__ void multiply(float (&c)[4], const u32 (&a)[4],
                                         u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ float exp2Approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ float log2Approx(float x) {
  float y;
  asm("lg2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ __forceinline__ float minusInfinity() {
  return __int_as_float(0xff800000);
}

/// Two numbers as bf16, `low` in the lower half.
__device__ __forceinline__ u32 packBf16(float low, float high) {
  u32 packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// Maximum and sum over the four lanes that share a row of a fragment.
__device__ __forceinline__ float maxOfRow(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, 2));
  return fmaxf(x, __shfl_xor_sync(0xffffffff, x, 1));
}

__device__ __forceinline__ float sumOfRow(float x) {
  x += __shfl_xor_sync(0xffffffff, x, 1);
  return x + __shfl_xor_sync(0xffffffff, x, 2);
}

//===----------------------------------------------------------------------===//
// Tiles in shared memory
//===----------------------------------------------------------------------===//

/// Offset of a 16-byte chunk in a tile. Eight rows of a column of chunks lie in
/// eight different bank groups, for ldmatrix.
__device__ __forceinline__ u32 chunkOffset(int row, int chunk) {
  int column = chunk ^ (row % 8);
  return row * kRowBytes + column * 16;
}

/// Starts the copy of 64 rows from `firstRow` on. Rows past the end become 0:
/// values there meet probabilities of 0, and 0 times garbage may be NaN.
__device__ __forceinline__ void copyTile(u32 tile, const bf16 *matrix,
                                         int firstRow, int length) {
#pragma unroll
  for (int part = 0; part < 4; ++part) {
    int row = threadIdx.x / 8 + 16 * part;
    int chunk = threadIdx.x % 8;
    const bf16 *source = matrix + (firstRow + row) * kHeadDim + chunk * 8;
    int validBytes = firstRow + row < length ? 16 : 0;
    copyAsync(tile + chunkOffset(row, chunk), source, validBytes);
  }
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

extern "C" __global__ void __launch_bounds__(128)
    attention_sm80(const bf16 *query, const bf16 *key, const bf16 *value,
                   bf16 *output, float *lse, int length, float scale,
                   int causal) {
  extern __shared__ __align__(128) unsigned char shared[];
  u32 sharedBase = static_cast<u32>(__cvta_generic_to_shared(shared));
  u32 queryTile = sharedBase;
  u32 ring = sharedBase + kTileBytes;

  int warp = threadIdx.x / 32;
  int lane = threadIdx.x % 32;
  int group = lane / 4; // row of a fragment; the other one is 8 below
  int quad = lane % 4;  // pair of columns of a fragment

  // With a causal mask the last queries have the most work: they start first.
  int tileIndex = gridDim.x - 1 - blockIdx.x;
  int firstQuery = tileIndex * kTile;
  int allTiles = (length + kTile - 1) / kTile;
  int keyTiles = causal ? tileIndex + 1 : allTiles;

  size_t headOffset = static_cast<size_t>(blockIdx.y) * length;
  query += headOffset * kHeadDim;
  key += headOffset * kHeadDim;
  value += headOffset * kHeadDim;
  output += headOffset * kHeadDim;
  lse += headOffset;

  // Starts the copy of the keys and values of a step, from right to left.
  auto copyStage = [&](int step) {
    u32 stage = ring + step % kStages * kStageBytes;
    int firstKey = (keyTiles - 1 - step) * kTile;
    copyTile(stage, key, firstKey, length);
    copyTile(stage + kTileBytes, value, firstKey, length);
  };

  // Prologue: one group for each stage, with or without a tile in it, so that
  // the number of groups to wait for is the same throughout.
  copyTile(queryTile, query, firstQuery, length);
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < keyTiles)
      copyStage(step);
    commitCopies();
  }

  // The queries stay in registers: 16 rows, four k-steps.
  waitForCopies<kStages - 2>();
  __syncthreads(); // the queries of all threads
  u32 queries[4][4];
#pragma unroll
  for (int k = 0; k < 4; ++k)
    loadBlocks(queries[k], queryTile + chunkOffset(16 * warp + lane % 16,
                                                   2 * k + lane / 16));

  float accumulator[kFragments][4] = {};
  float rowMax[2] = {minusInfinity(), minusInfinity()}; // of raw scores
  float rowSum[2] = {0.0f, 0.0f}; // of this thread's columns
  float scaleLog2 = scale * 1.4426950408889634f;

#pragma unroll 1
  for (int step = 0; step < keyTiles; ++step) {
    // The barrier shows what the others copied, and says that everybody is done
    // with the stage of the previous step, which is filled next.
    waitForCopies<kStages - 2>();
    __syncthreads(); // the stage of this step
    int next = step + kStages - 1;
    if (next < keyTiles)
      copyStage(next);
    commitCopies(); // of the next stage
    u32 keys = ring + step % kStages * kStageBytes;
    u32 values = keys + kTileBytes;

    // S = Q K^T.
    float scores[kFragments][4] = {};
#pragma unroll
    for (int k = 0; k < 4; ++k)
#pragma unroll
      for (int n = 0; n < kFragments; n += 2) {
        u32 b[4];
        loadBlocks(b, keys + chunkOffset(8 * n + lane % 8 + lane / 16 * 8,
                                         2 * k + lane / 8 % 2));
        multiply(scores[n], queries[k], b[0], b[1]);
        multiply(scores[n + 1], queries[k], b[2], b[3]);
      }

    // Each row keeps the keys below its limit. None is left without a key.
    if (step == 0) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        int row = firstQuery + 16 * warp + group + 8 * half;
        int limit = causal ? min(row + 1, length) : length;
        int firstColumn = (keyTiles - 1) * kTile + 2 * quad;
#pragma unroll
        for (int n = 0; n < kFragments; ++n)
#pragma unroll
          for (int pair = 0; pair < 2; ++pair)
            if (firstColumn + 8 * n + pair >= limit)
              scores[n][2 * half + pair] = minusInfinity();
      }
    }

    // Online softmax: S becomes P, and what was summed so far is rescaled.
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float newMax = rowMax[half];
#pragma unroll
      for (int n = 0; n < kFragments; ++n)
        newMax =
            fmaxf(newMax, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
      newMax = maxOfRow(newMax);
      float shift = -newMax * scaleLog2;
      float correction = exp2Approx(fmaf(rowMax[half], scaleLog2, shift));
      rowMax[half] = newMax;
      rowSum[half] *= correction;
#pragma unroll
      for (int n = 0; n < kFragments; ++n) {
        accumulator[n][2 * half] *= correction;
        accumulator[n][2 * half + 1] *= correction;
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
          float &score = scores[n][2 * half + pair];
          score = exp2Approx(fmaf(score, scaleLog2, shift));
          rowSum[half] += score;
        }
      }
    }

    // O += P V. The C fragments of two column blocks of S are, once rounded,
    // the A fragment of a k-step.
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      u32 probabilities[4] = {
          packBf16(scores[2 * k][0], scores[2 * k][1]),
          packBf16(scores[2 * k][2], scores[2 * k][3]),
          packBf16(scores[2 * k + 1][0], scores[2 * k + 1][1]),
          packBf16(scores[2 * k + 1][2], scores[2 * k + 1][3])};
#pragma unroll
      for (int n = 0; n < kFragments; n += 2) {
        u32 b[4];
        loadBlocksTransposed(
            b, values + chunkOffset(16 * k + lane % 16, n + lane / 16));
        multiply(accumulator[n], probabilities, b[0], b[1]);
        multiply(accumulator[n + 1], probabilities, b[2], b[3]);
      }
    }
  }

  // Epilogue: normalise, and stage O in this warp's rows of the query tile,
  // which no other warp reads.
  unsigned char *staged = shared + 16 * warp * kRowBytes;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = sumOfRow(rowSum[half]);
    float inverse = 1.0f / sum;
    int row = group + 8 * half;
#pragma unroll
    for (int n = 0; n < kFragments; ++n)
      *reinterpret_cast<u32 *>(staged + chunkOffset(row, n) + 4 * quad) =
          packBf16(accumulator[n][2 * half] * inverse,
                   accumulator[n][2 * half + 1] * inverse);
    int queryIndex = firstQuery + 16 * warp + row;
    if (quad == 0 && queryIndex < length)
      lse[queryIndex] =
          rowMax[half] * scale + log2Approx(sum) * 0.6931471805599453f;
  }
  __syncwarp();

  // Eight lanes store a row, 16 bytes each.
#pragma unroll
  for (int part = 0; part < 4; ++part) {
    int row = lane / 8 + 4 * part;
    int chunk = lane % 8;
    int queryIndex = firstQuery + 16 * warp + row;
    if (queryIndex < length)
      *reinterpret_cast<uint4 *>(output + queryIndex * kHeadDim + chunk * 8) =
          *reinterpret_cast<const uint4 *>(staged + chunkOffset(row, chunk));
  }
}
