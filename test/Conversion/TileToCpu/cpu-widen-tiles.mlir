// What is stored in 16 bits is computed in f32.

// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(cpu-widen-tiles,canonicalize))" \
// RUN:   | attn-opt | FileCheck %s

!view = !tile.view<bf16>
!narrow = !tile.tile<16x8xbf16>
!wide = !tile.tile<16x8xf32>

// Loads extend, and the store rounds: the map that only rounded is gone.
// CHECK-LABEL: tile.kernel @widen(
// CHECK: %[[A:.*]] = tile.load {{.*}} : !tile.view<bf16> -> !tile.tile<16x8xf32>
// CHECK: %[[B:.*]] = tile.load {{.*}} : !tile.view<bf16> -> !tile.tile<8x8xf32>
// CHECK: %[[C:.*]] = tile.dot %[[A]], %[[B]] : {{.*}} -> !tile.tile<16x8xf32>
// CHECK-NOT: tile.map
// CHECK: tile.store %[[C]], {{.*}} : !tile.tile<16x8xf32>, !tile.view<bf16>
tile.kernel @widen(%r0: index, %x: memref<?x?xbf16>, %o: memref<?x?xbf16>) {
  %c0 = arith.constant 0 : index
  %X = tile.view %x[rows, cols] : memref<?x?xbf16>
  %O = tile.view %o[rows, cols] : memref<?x?xbf16>
  %a = tile.load %X[%r0, %c0] : !view -> !narrow
  %b = tile.load %X[%c0, %c0] : !view -> !tile.tile<8x8xbf16>
  %c = tile.dot %a, %b : (!narrow, !tile.tile<8x8xbf16>) -> !wide
  %n = tile.map(%e = %c) : (!wide) -> !narrow {
    %r = arith.truncf %e : f32 to bf16
    tile.yield %r : bf16
  }
  tile.store %n, %O[%r0, %c0] : !narrow, !view
  tile.return
}

// A map keeps what it computes before it rounds.
// CHECK-LABEL: tile.kernel @scaled(
// CHECK: %[[S:.*]] = tile.map(%[[E:.*]] = %{{.*}}) : (!tile.tile<16x8xf32>) -> !tile.tile<16x8xf32> {
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[E]]
// CHECK-NEXT: tile.yield %[[P]] : f32
// CHECK: tile.store %[[S]]
tile.kernel @scaled(%r0: index, %x: memref<?x?xf32>, %o: memref<?x?xbf16>) {
  %c0 = arith.constant 0 : index
  %f2 = arith.constant 2.0 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xbf16>
  %a = tile.load %X[%r0, %c0] : !tile.view<f32> -> !wide
  %n = tile.map(%e = %a) : (!wide) -> !narrow {
    %p = arith.mulf %e, %f2 : f32
    %r = arith.truncf %p : f32 to bf16
    tile.yield %r : bf16
  }
  tile.store %n, %O[%r0, %c0] : !narrow, !view
  tile.return
}

// A tile that is used for something other than products stays as it is.
// CHECK-LABEL: tile.kernel @other(
// CHECK: tile.load {{.*}} -> !tile.tile<16x8xbf16>
tile.kernel @other(%r0: index, %x: memref<?x?xbf16>) {
  %c0 = arith.constant 0 : index
  %X = tile.view %x[rows, cols] : memref<?x?xbf16>
  %a = tile.load %X[%r0, %c0] : !view -> !narrow
  tile.store %a, %X[%c0, %r0] : !narrow, !view
  tile.return
}
