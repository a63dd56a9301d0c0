// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-pad-columns))' | FileCheck %s

// Head dimensions of 40 and 1 become multiples of 16; columns of scores and
// single values of rows stay as they are.

// CHECK-LABEL: tile.kernel @attention
tile.kernel @attention(%work: index, %q: memref<?x1xbf16>, %k: memref<?x1xbf16>, %v: memref<?x40xbf16>, %o: memref<?x40xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %Q = tile.view %q[rows, cols] : memref<?x1xbf16>
  %K = tile.view %k[rows, cols] : memref<?x1xbf16>
  %V = tile.view %v[rows, cols] : memref<?x40xbf16>
  %O = tile.view %o[rows, cols] : memref<?x40xf32>
  // CHECK: tile.load {{.*}} -> !tile.tile<64x16xbf16>
  %tq = tile.load %Q[%work, %c0] : !tile.view<bf16> -> !tile.tile<64x1xbf16>
  // CHECK: tile.load {{.*}} -> !tile.tile<32x16xbf16>
  %tk = tile.load %K[%c0, %c0] : !tile.view<bf16> -> !tile.tile<32x1xbf16>
  // CHECK: tile.dot {{.*}} -> !tile.tile<64x32xf32>
  %s = tile.dot %tq, %tk transpose_b : (!tile.tile<64x1xbf16>, !tile.tile<32x1xbf16>) -> !tile.tile<64x32xf32>
  // CHECK: %[[MAX:.*]] = tile.reduce max rows {{.*}} -> !tile.tile<64x1xf32>
  %m = tile.reduce max rows %s : (!tile.tile<64x32xf32>) -> !tile.tile<64x1xf32>
  // CHECK: tile.load {{.*}} -> !tile.tile<32x48xbf16>
  %tv = tile.load %V[%c0, %c0] : !tile.view<bf16> -> !tile.tile<32x40xbf16>
  // CHECK: %[[OUT:.*]] = tile.dot {{.*}} -> !tile.tile<64x48xf32>
  %p = tile.dot %s, %tv : (!tile.tile<64x32xf32>, !tile.tile<32x40xbf16>) -> !tile.tile<64x40xf32>
  // CHECK: tile.map({{.*}} = %[[OUT]], {{.*}} = %[[MAX]]) {{.*}} -> !tile.tile<64x48xf32>
  %r = tile.map(%a = %p, %b = %m) : (!tile.tile<64x40xf32>, !tile.tile<64x1xf32>) -> !tile.tile<64x40xf32> {
    %x = arith.mulf %a, %b : f32
    tile.yield %x : f32
  }
  // CHECK: tile.store {{.*}} : !tile.tile<64x48xf32>, !tile.view<f32>
  tile.store %r, %O[%work, %c0] : !tile.tile<64x40xf32>, !tile.view<f32>
  tile.return
}
