// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(warp-lazy-rescale{headroom=5}))' | FileCheck %s

!output = !tile.tile<64x32xf32, #warp.mma<4>>
!scores = !tile.tile<64x16xf32, #warp.mma<4>>
!weights = !tile.tile<64x16xbf16, #warp.mma<4>>
!rows = !tile.tile<64x1xf32, #warp.mma<4>>

// Weights come with the maximum that there is, rounded at once; where one is too
// large, they come again with a new maximum.

// CHECK-LABEL: tile.kernel @softmax
tile.kernel @softmax(%work: index, %n: index, %s: memref<?x16xf32>, %w: memref<?x16xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %S = tile.view %s[rows, cols] : memref<?x16xf32>
  %W = tile.view %w[rows, cols] : memref<?x16xbf16>
  %m0 = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  %o0 = tile.map() : () -> !output {
    tile.yield %zero : f32
  }
  // CHECK: scf.for {{.*}} iter_args(%[[M:.*]] = %{{.*}}, %[[O:.*]] = %{{.*}})
  %r:2 = scf.for %t = %c0 to %n step %c1 iter_args(%m = %m0, %o = %o0) -> (!rows, !output) {
    // CHECK: %[[S:.*]] = tile.load
    // CHECK-NOT: tile.reduce
    // CHECK: %[[W:.*]] = tile.map(%{{.*}} = %[[S]], %{{.*}} = %[[M]])
    // CHECK: math.exp2
    // CHECK: arith.truncf
    // CHECK: %[[LARGE:.*]] = warp.reaches_two %[[W]]
    // CHECK: %[[R:.*]]:3 = scf.if %[[LARGE]]
    // CHECK: %[[TILE:.*]] = tile.reduce max rows %[[S]]
    // CHECK: %[[MAX:.*]] = tile.map(%{{.*}} = %[[TILE]], %{{.*}} = %[[M]])
    // CHECK: arith.maxnumf
    // CHECK: %[[NEXT:.*]] = tile.map(%[[A:.*]] = %[[MAX]], %[[B:.*]] = %[[M]])
    // CHECK: %[[FIVE:.*]] = arith.constant 5.0
    // CHECK: %[[ABOVE:.*]] = arith.addf %[[A]], %[[FIVE]]
    // CHECK: %[[GREW:.*]] = arith.cmpf ogt, %[[A]], %[[B]]
    // CHECK: arith.select %[[GREW]], %[[ABOVE]], %[[B]]
    // CHECK: %[[FACTOR:.*]] = tile.map(%{{.*}} = %[[M]], %{{.*}} = %[[NEXT]])
    // CHECK: %[[SCALED:.*]] = tile.map(%{{.*}} = %[[O]], %{{.*}} = %[[FACTOR]])
    // CHECK: %[[AGAIN:.*]] = tile.map(%{{.*}} = %[[S]], %{{.*}} = %[[NEXT]])
    // CHECK: arith.truncf
    // CHECK: scf.yield %[[NEXT]], %[[AGAIN]], %[[SCALED]]
    // CHECK: else
    // CHECK: scf.yield %[[M]], %[[W]], %[[O]]
    // CHECK: tile.store %[[R]]#1
    // CHECK: scf.yield %[[R]]#0, %[[R]]#2
    %x = tile.load %S[%t, %c0] : !tile.view<f32> -> !scores
    %max = tile.reduce max rows %x : (!scores) -> !rows
    %m1 = tile.map(%a = %max, %b = %m) : (!rows, !rows) -> !rows {
      %d = arith.maxnumf %a, %b : f32
      tile.yield %d : f32
    }
    %alpha = tile.map(%a = %m, %b = %m1) : (!rows, !rows) -> !rows {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %o1 = tile.map(%a = %o, %b = %alpha) : (!output, !rows) -> !output {
      %d = arith.mulf %a, %b : f32
      tile.yield %d : f32
    }
    %p = tile.map(%a = %x, %b = %m1) : (!scores, !rows) -> !scores {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %rounded = tile.map(%a = %p) : (!scores) -> !weights {
      %d = arith.truncf %a : f32 to bf16
      tile.yield %d : bf16
    }
    tile.store %rounded, %W[%t, %c0] : !weights, !tile.view<bf16>
    scf.yield %m1, %o1 : !rows, !output
  }
  tile.return
}

// Exact sums are taken of probabilities before they are rounded, in both cases.

// CHECK-LABEL: tile.kernel @exact_sum
tile.kernel @exact_sum(%work: index, %n: index, %s: memref<?x16xf32>, %w: memref<?x16xbf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %S = tile.view %s[rows, cols] : memref<?x16xf32>
  %W = tile.view %w[rows, cols] : memref<?x16xbf16>
  %m0 = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  %l0 = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  // CHECK: iter_args(%{{.*}} = %{{.*}}, %[[L:.*]] = %{{.*}})
  %r:2 = scf.for %t = %c0 to %n step %c1 iter_args(%m = %m0, %l = %l0) -> (!rows, !rows) {
    // CHECK: %[[SUM:.*]] = tile.reduce add rows %{{.*}}, %[[L]]
    // CHECK: warp.reaches_two
    // CHECK: scf.if
    // CHECK: %[[SCALED:.*]] = tile.map(%{{.*}} = %[[L]],
    // CHECK: %[[AGAIN:.*]] = tile.reduce add rows %{{.*}}, %[[SCALED]]
    // CHECK: scf.yield %{{.*}}, %{{.*}}, %[[AGAIN]]
    // CHECK: scf.yield %{{.*}}, %{{.*}}, %[[SUM]]
    %x = tile.load %S[%t, %c0] : !tile.view<f32> -> !scores
    %m1 = tile.reduce max rows %x, %m : (!scores, !rows) -> !rows
    %alpha = tile.map(%a = %m, %b = %m1) : (!rows, !rows) -> !rows {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.map(%a = %l, %b = %alpha) : (!rows, !rows) -> !rows {
      %d = arith.mulf %a, %b : f32
      tile.yield %d : f32
    }
    %p = tile.map(%a = %x, %b = %m1) : (!scores, !rows) -> !scores {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l2 = tile.reduce add rows %p, %l1 : (!scores, !rows) -> !rows
    %rounded = tile.map(%a = %p) : (!scores) -> !weights {
      %d = arith.truncf %a : f32 to bf16
      tile.yield %d : bf16
    }
    tile.store %rounded, %W[%t, %c0] : !weights, !tile.view<bf16>
    scf.yield %m1, %l2 : !rows, !rows
  }
  tile.return
}

// A factor that somebody else reads is needed in any case.

// CHECK-LABEL: tile.kernel @factor
tile.kernel @factor(%work: index, %n: index, %f: memref<?x1xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %F = tile.view %f[rows, cols] : memref<?x1xf32>
  %m0 = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  // CHECK-NOT: warp.reaches_two
  %r = scf.for %t = %c0 to %n step %c1 iter_args(%m = %m0) -> (!rows) {
    %m1 = tile.map(%a = %m) : (!rows) -> !rows {
      tile.yield %a : f32
    }
    %alpha = tile.map(%a = %m, %b = %m1) : (!rows, !rows) -> !rows {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    tile.store %alpha, %F[%t, %c0] : !rows, !tile.view<f32>
    scf.yield %m1 : !rows
  }
  tile.return
}
