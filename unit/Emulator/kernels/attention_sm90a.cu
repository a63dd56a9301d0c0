//===- attention_sm90a.cu - Attention with TMA and wgmma ------------------===//
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
// A CTA computes 128 queries of one head, with three warpgroups. One lane of
// the first, the producer, loads tiles by TMA. The others are consumers: each
// has 64 of the queries, and overlaps the softmax of a tile with the product
// P V of the tile before. They take turns with the tensor cores (ping-pong):
// while one computes a softmax, the products of the other are running.
//
// Keys and values come in tiles of 128 through a ring of two stages each. The
// tiles are visited from right to left: the first one is the only one with a
// mask, be it the diagonal or the ragged end.
//
// A stage has two mbarriers. `full`: one arrival of the producer, and all bytes
// have landed. `empty`: one arrival of each consumer. The n-th use of a stage
// waits for phase n of `full`; the producer waits for phase n - 1 of `empty`,
// which a fresh barrier counts as complete if n is 0.
//
// Launch: grid (ceil(length / 128), heads), 384 threads, 81992 bytes of shared
// memory. The tensor maps are (64, length, heads) with swizzle 128B and boxes
// of 64 rows for Q and O, and of 128 rows for K and V.
//
//===----------------------------------------------------------------------===//

typedef unsigned int u32;
typedef unsigned long long u64;

struct alignas(64) TensorMap {
  u64 words[16];
};

enum : int {
  kHeadDim = 64,
  kTileQueries = 128,
  kTileKeys = 128,
  kStages = 2,
  kConsumers = 2,
  kConsumerRows = kTileQueries / kConsumers, // 64, the rows of a wgmma
  kRowBytes = kHeadDim * 2,                  // 128, the span of the swizzle
  kQueryBytes = kTileQueries * kRowBytes,
  kTileBytes = kTileKeys * kRowBytes,
};

// Offsets in shared memory. O takes the place of Q at the end.
enum : int {
  kQueryOffset = 0,
  kKeyOffset = kQueryOffset + kQueryBytes,
  kValueOffset = kKeyOffset + kStages * kTileBytes,
  kBarrierOffset = kValueOffset + kStages * kTileBytes,
};

// Named barriers; 0 is that of __syncthreads.
enum : int {
  kTurnBarrier = 1,   // and 2: a consumer's turn with the tensor cores
  kOutputBarrier = 3, // and 4: a consumer's rows of O are in shared memory
};

#include "sm90a.h"

//===----------------------------------------------------------------------===//
// The two roles
//===----------------------------------------------------------------------===//

/// Where this CTA works.
struct Work {
  int head;
  int firstQuery;
  int keyTiles;

  __device__ int firstKey(int step) const {
    return (keyTiles - 1 - step) * kTileKeys;
  }
};

/// Addresses in shared memory.
struct Shared {
  u32 base;

  __device__ u32 query(int consumer) const {
    return base + kQueryOffset + consumer * kConsumerRows * kRowBytes;
  }
  __device__ u32 key(int stage) const {
    return base + kKeyOffset + stage * kTileBytes;
  }
  __device__ u32 value(int stage) const {
    return base + kValueOffset + stage * kTileBytes;
  }
  __device__ u32 barrier(int index) const {
    return base + kBarrierOffset + index * 8;
  }
  __device__ u32 keyFull(int stage) const { return barrier(stage); }
  __device__ u32 keyEmpty(int stage) const { return barrier(kStages + stage); }
  __device__ u32 valueFull(int stage) const {
    return barrier(2 * kStages + stage);
  }
  __device__ u32 valueEmpty(int stage) const {
    return barrier(3 * kStages + stage);
  }
  __device__ u32 queryFull() const { return barrier(4 * kStages); }
};

/// Loads Q, and then K one step ahead of V, as they are consumed.
__device__ __forceinline__ void produce(const Work &work, const Shared &shared,
                                        const TensorMap &queryMap,
                                        const TensorMap &keyMap,
                                        const TensorMap &valueMap) {
  auto loadKeys = [&](int step) {
    int stage = step % kStages;
    u32 phase = step / kStages % 2;
    wait(shared.keyEmpty(stage), phase ^ 1);
    arriveAndExpect(shared.keyFull(stage), kTileBytes);
    loadBox(shared.key(stage), keyMap, work.firstKey(step), work.head,
            shared.keyFull(stage));
  };
  auto loadValues = [&](int step) {
    int stage = step % kStages;
    u32 phase = step / kStages % 2;
    wait(shared.valueEmpty(stage), phase ^ 1);
    arriveAndExpect(shared.valueFull(stage), kTileBytes);
    loadBox(shared.value(stage), valueMap, work.firstKey(step), work.head,
            shared.valueFull(stage));
  };

  arriveAndExpect(shared.queryFull(), kQueryBytes);
#pragma unroll
  for (int consumer = 0; consumer < kConsumers; ++consumer)
    loadBox(shared.query(consumer), queryMap,
            work.firstQuery + consumer * kConsumerRows, work.head,
            shared.queryFull());
  loadKeys(0);
#pragma unroll 1
  for (int step = 1; step < work.keyTiles; ++step) {
    loadKeys(step);
    loadValues(step - 1);
  }
  loadValues(work.keyTiles - 1);
}

/// Starts S = Q K^T of a whole tile.
__device__ __forceinline__ void startScores(float (&scores)[64], u32 query,
                                            u32 key) {
  u64 queryTile = describe(query);
  u64 keyTile = describe(key);
  pin(scores);
  fenceProducts();
#pragma unroll
  for (int k = 0; k < kHeadDim / 16; ++k)
    multiplyQueryKey(scores, advance(queryTile, 32 * k),
                     advance(keyTile, 32 * k), k > 0);
  commitProducts();
}

/// Starts O += P V of a whole tile.
__device__ __forceinline__ void
startOutput(float (&output)[32], u32 (&probabilities)[32], u32 value) {
  u64 valueTile = describe(value);
  pin(output);
  pin(probabilities);
  fenceProducts();
#pragma unroll
  for (int k = 0; k < kTileKeys / 16; ++k)
    multiplyProbabilityValue(output, probabilities + 4 * k,
                             advance(valueTile, 16 * kRowBytes * k));
  commitProducts();
}

/// Running maximum and sum of this thread's two rows.
struct Softmax {
  float scaleLog2;
  float rowMax[2]; // of raw scores
  float rowSum[2]; // of this thread's columns

  /// Turns scores into probabilities. What was summed under the old maximum has
  /// to be multiplied with `correction`.
  __device__ void update(float (&scores)[64], float (&correction)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float newMax = rowMax[half];
#pragma unroll
      for (int n = 0; n < 16; ++n)
        newMax = fmaxf(newMax, fmaxf(scores[4 * n + 2 * half],
                                     scores[4 * n + 2 * half + 1]));
      newMax = maxOfRow(newMax);
      float shift = -newMax * scaleLog2;
      correction[half] = exp2Approx(fmaf(rowMax[half], scaleLog2, shift));
      rowMax[half] = newMax;
      rowSum[half] *= correction[half];
#pragma unroll
      for (int n = 0; n < 16; ++n)
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
          float &score = scores[4 * n + 2 * half + pair];
          score = exp2Approx(fmaf(score, scaleLog2, shift));
          rowSum[half] += score;
        }
    }
  }
};

/// Rounds P. Accumulators in their order are the A fragments of the k-steps.
__device__ __forceinline__ void roundProbabilities(u32 (&probabilities)[32],
                                                   const float (&scores)[64]) {
#pragma unroll
  for (int i = 0; i < 32; ++i)
    probabilities[i] = packBf16(scores[2 * i], scores[2 * i + 1]);
}

/// Computes the 64 rows of one consumer.
__device__ __forceinline__ void consume(const Work &work, const Shared &shared,
                                        int consumer,
                                        const TensorMap &outputMap, float *lse,
                                        int length, float scale, int causal) {
  int warp = threadIdx.x / 32 % 4;
  int lane = threadIdx.x % 32;
  int group = lane / 4; // row of a fragment; the other one is 8 below
  int quad = lane % 4;  // pair of columns of a fragment
  int firstRow = work.firstQuery + consumer * kConsumerRows;
  bool firstThread = threadIdx.x % 128 == 0;
  int ownTurn = kTurnBarrier + consumer;
  int otherTurn = kTurnBarrier + 1 - consumer;
  u32 queryTile = shared.query(consumer);

  float scores[64];
  u32 probabilities[32];
  float output[32];
#pragma unroll
  for (int i = 0; i < 64; ++i)
    scores[i] = 0.0f;
#pragma unroll
  for (int i = 0; i < 32; ++i)
    output[i] = 0.0f;
  Softmax softmax{scale * 1.4426950408889634f,
                  {minusInfinity(), minusInfinity()},
                  {0.0f, 0.0f}};
  float correction[2];

  // The first turn belongs to consumer 0. The last step of consumer 1 hands on
  // no turn, as nobody is left to take it.
  if (consumer == 1)
    arriveNamed(otherTurn, 256);

  // First tile: the scores, with the mask. Each row keeps the keys below its
  // limit; none is left without a key.
  wait(shared.queryFull(), 0);
  wait(shared.keyFull(0), 0);
  syncNamed(ownTurn, 256); // the first step
  startScores(scores, queryTile, shared.key(0));
  if (consumer == 0 || work.keyTiles > 1)
    arriveNamed(otherTurn, 256);
  waitForProducts<0>(); // the first scores
  pin(scores);
  if (firstThread)
    arrive(shared.keyEmpty(0));
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    int row = firstRow + 16 * warp + group + 8 * half;
    int limit = causal ? min(row + 1, length) : length;
    int firstColumn = work.firstKey(0) + 2 * quad;
#pragma unroll
    for (int n = 0; n < 16; ++n)
#pragma unroll
      for (int pair = 0; pair < 2; ++pair)
        if (firstColumn + 8 * n + pair >= limit)
          scores[4 * n + 2 * half + pair] = minusInfinity();
  }
  softmax.update(scores, correction);
  roundProbabilities(probabilities, scores);

  // Main loop: the scores of this step and the output of the one before are
  // queued together; then the softmax runs beside the latter.
#pragma unroll 1
  for (int step = 1; step < work.keyTiles; ++step) {
    int keyStage = step % kStages;
    u32 keyPhase = step / kStages % 2;
    int valueStage = (step - 1) % kStages;
    u32 valuePhase = (step - 1) / kStages % 2;

    wait(shared.keyFull(keyStage), keyPhase);
    syncNamed(ownTurn, 256); // every further step
    startScores(scores, queryTile, shared.key(keyStage));
    wait(shared.valueFull(valueStage), valuePhase);
    startOutput(output, probabilities, shared.value(valueStage));
    if (consumer == 0 || step + 1 < work.keyTiles)
      arriveNamed(otherTurn, 256);

    waitForProducts<1>(); // the scores; the output is still in flight
    pin(scores);
    if (firstThread)
      arrive(shared.keyEmpty(keyStage));
    softmax.update(scores, correction);

    waitForProducts<0>(); // the output, which also reads the probabilities
    pin(output);
    pin(probabilities);
    if (firstThread)
      arrive(shared.valueEmpty(valueStage));
#pragma unroll
    for (int i = 0; i < 32; ++i)
      output[i] *= correction[i / 2 % 2];
    roundProbabilities(probabilities, scores);
  }

  // The output of the last tile; meanwhile the sums and LSE.
  int lastStage = (work.keyTiles - 1) % kStages;
  u32 lastPhase = (work.keyTiles - 1) / kStages % 2;
  wait(shared.valueFull(lastStage), lastPhase);
  startOutput(output, probabilities, shared.value(lastStage));
  float inverse[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = sumOfRow(softmax.rowSum[half]);
    inverse[half] = 1.0f / sum;
    int row = firstRow + 16 * warp + group + 8 * half;
    if (quad == 0 && row < length)
      lse[row] =
          softmax.rowMax[half] * scale + log2Approx(sum) * 0.6931471805599453f;
  }
  waitForProducts<0>(); // the last output
  pin(output);

  // Epilogue: O replaces this consumer's rows of Q, with the swizzle that the
  // tensor map has, and one thread stores them.
  int outputRow = 16 * warp + lane % 16;
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    int chunk = (2 * n + lane / 16) ^ (outputRow % 8);
    const float *block = output + 8 * n;
    storeBlocks(queryTile + outputRow * kRowBytes + chunk * 16,
                packBf16(block[0] * inverse[0], block[1] * inverse[0]),
                packBf16(block[2] * inverse[1], block[3] * inverse[1]),
                packBf16(block[4] * inverse[0], block[5] * inverse[0]),
                packBf16(block[6] * inverse[1], block[7] * inverse[1]));
  }
  fenceForTma();
  syncNamed(kOutputBarrier + consumer, 128);
  if (firstThread) {
    storeBox(outputMap, firstRow, work.head, queryTile);
    commitStores();
    waitForStores();
  }
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

extern "C" __global__ void __launch_bounds__(384, 1)
    attention_sm90a(const __grid_constant__ TensorMap queryMap,
                    const __grid_constant__ TensorMap keyMap,
                    const __grid_constant__ TensorMap valueMap,
                    const __grid_constant__ TensorMap outputMap, float *lse,
                    int length, float scale, int causal) {
  extern __shared__ __align__(1024) unsigned char sharedBytes[];
  Shared shared{static_cast<u32>(__cvta_generic_to_shared(sharedBytes))};

  // With a causal mask the last queries have the most work: they start first.
  int tileIndex = gridDim.x - 1 - blockIdx.x;
  int allTiles = (length + kTileKeys - 1) / kTileKeys;
  Work work{static_cast<int>(blockIdx.y), tileIndex * kTileQueries,
            causal ? tileIndex + 1 : allTiles};

  // The shuffle tells the compiler that the role is the same for a whole warp.
  int warp = __shfl_sync(0xffffffff, threadIdx.x / 32, 0);
  int warpgroup = warp / 4;

  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kStages; ++stage) {
      initBarrier(shared.keyFull(stage), 1);
      initBarrier(shared.keyEmpty(stage), kConsumers);
      initBarrier(shared.valueFull(stage), 1);
      initBarrier(shared.valueEmpty(stage), kConsumers);
    }
    initBarrier(shared.queryFull(), 1);
    fenceBarrierInit();
  }
  __syncthreads();

  if (warpgroup == 0) {
    lowerRegisterLimit();
    if (warp == 0 && electOne()) {
      prefetchMap(queryMap);
      prefetchMap(keyMap);
      prefetchMap(valueMap);
      produce(work, shared, queryMap, keyMap, valueMap);
    }
  } else {
    raiseRegisterLimit();
    consume(work, shared, warpgroup - 1, outputMap,
            lse + static_cast<size_t>(work.head) * length, length, scale,
            causal);
  }
}
