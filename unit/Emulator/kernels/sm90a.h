//===- sm90a.h - Instructions of sm_90a for CUDA C++ ------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attention_sm90a.cu needs of PTX, by names: mbarriers and named barriers,
// TMA, wgmma, registers. A part of that file: it takes the place of the include
// directive, uses what is defined above that, and bugs are injected here too.
//
//===----------------------------------------------------------------------===//

//===----------------------------------------------------------------------===//
// mbarriers and named barriers
//===----------------------------------------------------------------------===//

__device__ __forceinline__ void initBarrier(u32 barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier),
               "r"(arrivals)
               : "memory");
}

/// Makes initialised mbarriers known to the async proxy.
__device__ __forceinline__ void fenceBarrierInit() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void arrive(u32 barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier)
               : "memory");
}

/// Arrives, and lets the phase wait for `bytes` that TMA will deliver.
__device__ __forceinline__ void arriveAndExpect(u32 barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
      "r"(bytes)
      : "memory");
}

/// Waits for the completion of the phase with this parity.
__device__ __forceinline__ void wait(u32 barrier, u32 parity) {
  u32 complete = 0;
  while (!complete)
    asm volatile("{\n"
                 ".reg .pred complete;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], "
                 "%2;\n"
                 "selp.u32 %0, 1, 0, complete;\n"
                 "}"
                 : "=r"(complete)
                 : "r"(barrier), "r"(parity)
                 : "memory");
}

__device__ __forceinline__ void syncNamed(int barrier, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

__device__ __forceinline__ void arriveNamed(int barrier, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

/// True in one lane of the warp, which has to be converged.
__device__ __forceinline__ bool electOne() {
  u32 elected;
  asm volatile("{\n"
               ".reg .pred elected;\n"
               "elect.sync _|elected, 0xffffffff;\n"
               "selp.u32 %0, 1, 0, elected;\n"
               "}"
               : "=r"(elected));
  return elected;
}

//===----------------------------------------------------------------------===//
// TMA
//===----------------------------------------------------------------------===//

__device__ __forceinline__ void prefetchMap(const TensorMap &map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

/// Starts to load the box of rows from `row` on; its bytes count on `barrier`.
__device__ __forceinline__ void loadBox(u32 shared, const TensorMap &map,
                                        int row, int head, u32 barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::"
      "complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(shared),
      "l"(&map), "r"(0), "r"(row), "r"(head), "r"(barrier)
      : "memory");
}

/// Starts to store a box; rows past the end are dropped.
__device__ __forceinline__ void storeBox(const TensorMap &map, int row,
                                         int head, u32 shared) {
  asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group "
               "[%0, {%1, %2, %3}], [%4];" ::"l"(&map),
               "r"(0), "r"(row), "r"(head), "r"(shared)
               : "memory");
}

__device__ __forceinline__ void commitStores() {
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}

/// Waits until the stores have read shared memory, which ends with the CTA.
__device__ __forceinline__ void waitForStores() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

/// Makes this thread's writes to shared memory visible to TMA.
__device__ __forceinline__ void fenceForTma() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// Describes a tile of rows of 128 bytes with swizzle 128B to wgmma: groups of
/// eight rows are 1024 bytes apart. For keys (K-major) that is along N, for
/// values (MN-major) along K. The tile is one swizzle span wide, which leaves
/// the leading byte offset without a meaning.
__device__ __forceinline__ u64 describe(u32 tile) {
  u64 address = (tile & 0x3ffff) >> 4;
  u64 leadingOffset = 1;
  u64 strideOffset = 8 * kRowBytes >> 4;
  u64 swizzle128B = 1;
  return address | leadingOffset << 16 | strideOffset << 32 | swizzle128B << 62;
}

/// The same description, `bytes` further on.
__device__ __forceinline__ u64 advance(u64 descriptor, int bytes) {
  return descriptor + (bytes >> 4);
}

/// Registers written so far are ready for the wgmmas that follow.
__device__ __forceinline__ void fenceProducts() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Waits until at most `pending` groups of wgmmas are not complete.
template <int pending>
__device__ __forceinline__ void waitForProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

/// Holds registers in place: the compiler moves no use of them across.
template <int count>
__device__ __forceinline__ void pin(float (&registers)[count]) {
#pragma unroll
  for (int i = 0; i < count; ++i)
    asm volatile("" : "+f"(registers[i])::"memory");
}

__device__ __forceinline__ void pin(u32 (&registers)[32]) {
#pragma unroll
  for (int i = 0; i < 32; ++i)
    asm volatile("" : "+r"(registers[i])::"memory");
}

/// Eight accumulators as operands of an inline asm.
#define OPERANDS_8(x, i)                                                       \
  "+f"(x[i]), "+f"(x[i + 1]), "+f"(x[i + 2]), "+f"(x[i + 3]), "+f"(x[i + 4]),  \
      "+f"(x[i + 5]), "+f"(x[i + 6]), "+f"(x[i + 7])

/// Starts S = Q K^T (or S += Q K^T) for 64 queries, 128 keys and 16 columns;
/// both operands in shared memory, K-major.
__device__ __forceinline__ void multiplyQueryKey(float (&s)[64], u64 query,
                                                 u64 key, int accumulate) {
  asm volatile(
      "{\n"
      ".reg .pred accumulate;\n"
      "setp.ne.b32 accumulate, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, "
      "%30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, "
      "%44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, "
      "%58, %59, %60, %61, %62, %63}, %64, %65, accumulate, 1, 1, 0, 0;\n"
      "}"
      : OPERANDS_8(s, 0), OPERANDS_8(s, 8), OPERANDS_8(s, 16),
        OPERANDS_8(s, 24), OPERANDS_8(s, 32), OPERANDS_8(s, 40),
        OPERANDS_8(s, 48), OPERANDS_8(s, 56)
      : "l"(query), "l"(key), "r"(accumulate)
      : "memory");
}

/// Starts O += P V for 64 queries, 16 keys and 64 columns; P in registers, V in
/// shared memory, MN-major.
__device__ __forceinline__ void
multiplyProbabilityValue(float (&o)[32], const u32 *p, u64 value) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, "
      "%30, %31}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
      : OPERANDS_8(o, 0), OPERANDS_8(o, 8), OPERANDS_8(o, 16), OPERANDS_8(o, 24)
      : "r"(p[0]), "r"(p[1]), "r"(p[2]), "r"(p[3]), "l"(value)
      : "memory");
}

//===----------------------------------------------------------------------===//
// Registers and lanes
//===----------------------------------------------------------------------===//

__device__ __forceinline__ void lowerRegisterLimit() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
}

__device__ __forceinline__ void raiseRegisterLimit() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
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

/// Stores four 8x8 blocks; lane 8i + r gives the address of row r of block i.
__device__ __forceinline__ void storeBlocks(u32 shared, u32 b0, u32 b1, u32 b2,
                                            u32 b3) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared::cta.b16 [%0], "
               "{%1, %2, %3, %4};" ::"r"(shared),
               "r"(b0), "r"(b1), "r"(b2), "r"(b3)
               : "memory");
}
