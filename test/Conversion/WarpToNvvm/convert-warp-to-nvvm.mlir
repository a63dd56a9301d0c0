// RUN: attn-opt %s --convert-warp-to-nvvm | FileCheck %s

!keys = !tile.tile<32x64xbf16, #warp.swizzle<128>>
!wide = !tile.tile<64x96xbf16, #warp.swizzle<64>>
!wide_keys = !tile.tile<32x96xbf16, #warp.swizzle<64>>
!query = !tile.tile<64x64xbf16, #warp.mma<4>>
!scores = !tile.tile<64x32xf32, #warp.mma<4>>
!rows = !tile.tile<64x1xf32, #warp.mma<4>>

// The entry's names and alignments come with the launch.

// CHECK-LABEL: func.func @entry
// CHECK: gpu.launch_func @kernels::@scores
// CHECK-SAME: dynamic_shared_memory_size
func.func @entry(%k: memref<?x64xbf16> {attn.name = "key", attn.alignment = 16 : i64}, %m: memref<?xf32> {attn.name = "maxima"}, %n: index, %i: memref<?xi32>) {
  tile.launch @scores[%n](%k, %m, %n) : memref<?x64xbf16>, memref<?xf32>, index
  // CHECK: %[[BLOCKS:.*]] = arith.ceildivui %[[N:.*]], %{{.*}}
  // CHECK: gpu.launch_func @kernels::@scalar blocks in (%[[BLOCKS]], {{.*}} args(%{{.*}}, %[[N]] : index)
  tile.launch @scalar[%n](%i) : memref<?xi32>
  return
}

// CHECK: gpu.module @kernels
// CHECK: gpu.func @scores(%[[K:.*]]: memref<?x64xbf16> {attn.alignment = 16 : i64, attn.name = "key"}, %[[M:.*]]: memref<?xf32> {attn.name = "maxima"}, %{{.*}}: index)
// Two stages of 32 x 64 elements of 2 bytes.
// CHECK-SAME: attn.shared_bytes = 8192 : i64
// CHECK-SAME: known_block_size = array<i32: 128, 1, 1>
tile.kernel private @scores(%work: index, %k: memref<?x64xbf16>, %m: memref<?xf32>, %n: index) attributes {warp.warps = 4 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %K = tile.view %k[rows, cols] : memref<?x64xbf16>
  %M = tile.view %m[rows] : memref<?xf32>
  %q = tile.map() : () -> !query {
    %x = arith.truncf %zero : f32 to bf16
    tile.yield %x : bf16
  }
  // CHECK: memref.view {{.*}} to memref<4096xbf16, #gpu.address_space<workgroup>>
  %channel = warp.channel : !warp.channel<2 x !keys>
  // Pieces of 16 bytes; rows behind the end become zero.
  // CHECK: %[[FROM:.*]] = memref.subview %[[K]]
  // CHECK: scf.for
  // CHECK: arith.cmpi slt
  // CHECK: nvgpu.device_async_copy %[[FROM]]{{.*}}, 8, %{{.*}} {bypassL1}
  // CHECK: nvvm.cp.async.commit.group
  warp.put %K[%work, %c0], %channel[%c0] : !tile.view<bf16>, !warp.channel<2 x !keys>
  // If there is nothing behind the end, nothing asks for it.
  // CHECK-NOT: arith.cmpi
  // CHECK: nvgpu.device_async_copy %{{.*}}, 8 {bypassL1}
  // CHECK: nvvm.cp.async.commit.group
  warp.put %K[%work, %c0], %channel[%c1] in_bounds : !tile.view<bf16>, !warp.channel<2 x !keys>
  // CHECK: nvvm.cp.async.wait.group 1
  // CHECK: gpu.barrier
  %t = warp.take %channel[%c0] in_flight 1 : !warp.channel<2 x !keys>
  // CHECK: nvgpu.ldmatrix {{.*}} -> vector<4x2xbf16>
  // CHECK: nvvm.mma.sync
  // CHECK: nvvm.mma.sync
  %d = warp.dot %q, %t transpose_b : (!query, !keys) -> !warp.pending<!scores>
  %s = warp.await %d : !warp.pending<!scores>
  // Four lanes have a row.
  // CHECK: arith.maxnumf
  // CHECK: gpu.shuffle xor
  // CHECK: gpu.shuffle xor
  %max = tile.reduce max rows %s : (!scores) -> !rows
  // One of them writes.
  // CHECK: memref.store %{{.*}}, %[[M]]
  tile.store %max, %M[%work, %c0] : !rows, !tile.view<f32>
  // CHECK: gpu.return
  tile.return
}

// Where queries stay in shared memory, few of their fragments are under way at
// the same time: the six steps are unrolled by three.

// CHECK: gpu.func @wide
tile.kernel private @wide(%work: index, %q: memref<?x96xbf16>, %k: memref<?x96xbf16>, %m: memref<?xf32>) attributes {warp.warps = 4 : i64} {
  %c0 = arith.constant 0 : index
  %Q = tile.view %q[rows, cols] : memref<?x96xbf16>
  %K = tile.view %k[rows, cols] : memref<?x96xbf16>
  %M = tile.view %m[rows] : memref<?xf32>
  %queries = warp.channel : !warp.channel<1 x !wide>
  %channel = warp.channel : !warp.channel<1 x !wide_keys>
  warp.put %Q[%work, %c0], %queries[%c0] : !tile.view<bf16>, !warp.channel<1 x !wide>
  warp.put %K[%work, %c0], %channel[%c0] : !tile.view<bf16>, !warp.channel<1 x !wide_keys>
  %a = warp.take %queries[%c0] in_flight 0 : !warp.channel<1 x !wide>
  %b = warp.take %channel[%c0] in_flight 0 : !warp.channel<1 x !wide_keys>
  // CHECK: scf.for
  // CHECK: nvvm.mma.sync
  // CHECK: } {attn.unroll}
  // CHECK: } {attn.unroll = 3 : i64}
  %d = warp.dot %a, %b transpose_b : (!wide, !wide_keys) -> !warp.pending<!scores>
  %s = warp.await %d : !warp.pending<!scores>
  %max = tile.reduce max rows %s : (!scores) -> !rows
  tile.store %max, %M[%work, %c0] : !rows, !tile.view<f32>
  tile.return
}

// A kernel without tiles: each thread has a task, and the last block may have
// more threads than tasks.

// CHECK: gpu.func @scalar(%[[X:[^:]*]]: memref<?xi32>, %[[COUNT:[^:]*]]: index)
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[THREAD:.*]] = gpu.thread_id x
// CHECK: %[[FIRST:.*]] = arith.muli %[[BLOCK]], %c128
// CHECK: %[[WORK:.*]] = arith.addi %[[FIRST]], %[[THREAD]]
// CHECK: %[[EXISTS:.*]] = arith.cmpi slt, %[[WORK]], %[[COUNT]]
// CHECK: scf.if %[[EXISTS]] {
// CHECK: memref.store %{{.*}}, %[[X]][%[[WORK]]]
// CHECK: gpu.return
tile.kernel private @scalar(%work: index, %x: memref<?xi32>) attributes {warp.warps = 4 : i64} {
  %n = arith.index_cast %work : index to i32
  memref.store %n, %x[%work] : memref<?xi32>
  tile.return
}
