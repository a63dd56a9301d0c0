// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(warp-row-sum))' | FileCheck %s

!scores = !tile.tile<64x32xf32, #warp.mma<4>>
!rounded = !tile.tile<64x32xbf16, #warp.mma<4>>
!rows = !tile.tile<64x1xf32, #warp.mma<4>>

// What is rounded for a product is added up as it is multiplied.

// CHECK-LABEL: tile.kernel @sums
tile.kernel @sums(%work: index) {
  %zero = arith.constant 0.0 : f32
  // CHECK: %[[INIT:.*]] = tile.map() : () -> !tile.tile<64x1xf32
  %l = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  // CHECK: %[[P:.*]] = tile.map() : () -> !tile.tile<64x32xf32
  %p = tile.map() : () -> !scores {
    tile.yield %zero : f32
  }
  // CHECK: %[[ROUNDED:.*]] = tile.map(%{{.*}} = %[[P]]) {{.*}} -> !tile.tile<64x32xbf16
  // CHECK: warp.row_sum %[[ROUNDED]], %[[INIT]]
  // CHECK-NOT: tile.reduce
  %l1 = tile.reduce add rows %p, %l : (!scores, !rows) -> !rows
  %r = tile.map(%a = %p) : (!scores) -> !rounded {
    %x = arith.truncf %a : f32 to bf16
    tile.yield %x : bf16
  }
  tile.return
}

// Maxima, and what is not rounded, stay.

// CHECK-LABEL: tile.kernel @others
tile.kernel @others(%work: index) {
  %zero = arith.constant 0.0 : f32
  %l = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  %p = tile.map() : () -> !scores {
    tile.yield %zero : f32
  }
  // CHECK: tile.reduce add rows
  %l1 = tile.reduce add rows %p, %l : (!scores, !rows) -> !rows
  %q = tile.map() : () -> !scores {
    tile.yield %zero : f32
  }
  // CHECK: tile.reduce max rows
  %m1 = tile.reduce max rows %q, %l : (!scores, !rows) -> !rows
  %r = tile.map(%a = %q) : (!scores) -> !rounded {
    %x = arith.truncf %a : f32 to bf16
    tile.yield %x : bf16
  }
  tile.return
}
