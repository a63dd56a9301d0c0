// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(convert-tile-to-warp{warps=4 stages=2}))' | FileCheck %s

// What a product reads from memory goes through a channel; the first operand is
// read into registers, and probabilities are rounded.

// CHECK-LABEL: tile.kernel @attention
// CHECK-SAME: warp.warps = 4
tile.kernel @attention(%work: index, %q: memref<?x64xbf16>, %k: memref<?x64xbf16>, %v: memref<?x64xbf16>, %o: memref<?x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %zero = arith.constant 0.0 : f32
  %Q = tile.view %q[rows, cols] : memref<?x64xbf16>
  %K = tile.view %k[rows, cols] : memref<?x64xbf16>
  %V = tile.view %v[rows, cols] : memref<?x64xbf16>
  %O = tile.view %o[rows, cols] : memref<?x64xf32>
  // CHECK: %[[KEYS:.*]] = warp.channel : !warp.channel<2 x !tile.tile<32x64xbf16, #warp.swizzle<128>>>
  // CHECK: %[[QUERIES:.*]] = warp.channel : !warp.channel<1 x !tile.tile<64x64xbf16, #warp.swizzle<128>>>
  // CHECK: %[[VALUES:.*]] = warp.channel : !warp.channel<2 x !tile.tile<32x64xbf16, #warp.swizzle<128>>>
  // CHECK: warp.put %{{.*}}, %[[QUERIES]][%{{.*}}]
  // CHECK: %[[SHARED:.*]] = warp.take %[[QUERIES]][%{{.*}}]
  // CHECK: %[[QUERY:.*]] = warp.read %[[SHARED]] : {{.*}} -> !tile.tile<64x64xbf16, #warp.mma<4>>
  %tq = tile.load %Q[%work, %c0] : !tile.view<bf16> -> !tile.tile<64x64xbf16>
  // CHECK: %[[ZERO:.*]] = tile.map() : () -> !tile.tile<64x64xf32, #warp.mma<4>>
  %acc0 = tile.map() : () -> !tile.tile<64x64xf32> {
    tile.yield %zero : f32
  }
  // CHECK: scf.for %[[T:.*]] = %{{.*}} iter_args(%[[SUMS:.*]] = %[[ZERO]])
  %acc = scf.for %t = %c0 to %n step %c1 iter_args(%sums = %acc0) -> (!tile.tile<64x64xf32>) {
    %j = arith.muli %t, %c32 : index
    // The number of the tile in its channel.
    // CHECK: %[[TURN:.*]] = arith.subi %[[T]], %{{.*}}
    // CHECK: %[[N:.*]] = arith.addi %{{.*}}, %[[TURN]]
    // CHECK: warp.put %{{.*}}, %[[KEYS]][%[[N]]]
    // CHECK: %[[KEY:.*]] = warp.take %[[KEYS]][%[[N]]]
    %tk = tile.load %K[%j, %c0] : !tile.view<bf16> -> !tile.tile<32x64xbf16>
    // CHECK: %[[PENDING:.*]] = warp.dot %[[QUERY]], %[[KEY]] transpose_b
    // CHECK: %[[SCORES:.*]] = warp.await %[[PENDING]]
    // CHECK: warp.release %[[KEYS]][%[[N]]]
    %s = tile.dot %tq, %tk transpose_b : (!tile.tile<64x64xbf16>, !tile.tile<32x64xbf16>) -> !tile.tile<64x32xf32>
    // CHECK: warp.put %{{.*}}, %[[VALUES]][
    // CHECK: %[[VALUE:.*]] = warp.take %[[VALUES]][
    %tv = tile.load %V[%j, %c0] : !tile.view<bf16> -> !tile.tile<32x64xbf16>
    // CHECK: %[[ROUNDED:.*]] = tile.map(%{{.*}} = %[[SCORES]]) : {{.*}} -> !tile.tile<64x32xbf16, #warp.mma<4>>
    // CHECK: arith.truncf
    // CHECK: warp.dot %[[ROUNDED]], %[[VALUE]], %[[SUMS]] :
    %next = tile.dot %s, %tv, %sums : (!tile.tile<64x32xf32>, !tile.tile<32x64xbf16>, !tile.tile<64x64xf32>) -> !tile.tile<64x64xf32>
    scf.yield %next : !tile.tile<64x64xf32>
  }
  // CHECK: tile.store %{{.*}} : !tile.tile<64x64xf32, #warp.mma<4>>, !tile.view<f32>
  tile.store %acc, %O[%work, %c0] : !tile.tile<64x64xf32>, !tile.view<f32>
  tile.return
}

// A second loop over the same tiles goes on counting.

// CHECK-LABEL: tile.kernel @loops
tile.kernel @loops(%work: index, %q: memref<?x64xf16>, %k: memref<?x64xf16>, %n: index, %m: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %Q = tile.view %q[rows, cols] : memref<?x64xf16>
  %K = tile.view %k[rows, cols] : memref<?x64xf16>
  %tq = tile.load %Q[%work, %c0] : !tile.view<f16> -> !tile.tile<64x64xf16>
  scf.for %t = %c0 to %n step %c1 {
    %tk = tile.load %K[%t, %c0] : !tile.view<f16> -> !tile.tile<32x64xf16>
    %s = tile.dot %tq, %tk transpose_b : (!tile.tile<64x64xf16>, !tile.tile<32x64xf16>) -> !tile.tile<64x32xf32>
  }
  // CHECK: warp.release
  // CHECK: %[[TURNS:.*]] = arith.subi %{{.*}}, %{{.*}}
  // CHECK-NEXT: %[[TRIPS:.*]] = arith.maxsi %[[TURNS]]
  // CHECK: %[[COUNT:.*]] = arith.addi %{{.*}}, %[[TRIPS]]
  // CHECK: scf.for %[[T:.*]] =
  scf.for %t = %c0 to %m step %c1 {
    // CHECK: %[[TURN:.*]] = arith.subi %[[T]], %{{.*}}
    // CHECK: %[[N:.*]] = arith.addi %[[COUNT]], %[[TURN]]
    // CHECK: warp.take %{{.*}}[%[[N]]]
    %tk = tile.load %K[%t, %c0] : !tile.view<f16> -> !tile.tile<32x64xf16>
    %s = tile.dot %tq, %tk transpose_b : (!tile.tile<64x64xf16>, !tile.tile<32x64xf16>) -> !tile.tile<64x32xf32>
  }
  tile.return
}
