// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(warp-lazy-rescale{threshold=4}))' | FileCheck %s

!output = !tile.tile<64x32xf32, #warp.mma<4>>
!rows = !tile.tile<64x1xf32, #warp.mma<4>>

// The maximum grows in steps of more than the threshold, and what was added up
// is multiplied only then.

// CHECK-LABEL: tile.kernel @softmax
tile.kernel @softmax(%work: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %m0 = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  %o0 = tile.map() : () -> !output {
    tile.yield %zero : f32
  }
  // CHECK: scf.for {{.*}} iter_args(%[[M:.*]] = %{{.*}}, %[[O:.*]] = %{{.*}})
  %r:2 = scf.for %t = %c0 to %n step %c1 iter_args(%m = %m0, %o = %o0) -> (!rows, !output) {
    // CHECK: %[[MAX:.*]] = tile.reduce max rows %[[O]], %[[M]]
    %m1 = tile.reduce max rows %o, %m : (!output, !rows) -> !rows
    // CHECK: %[[NEXT:.*]] = tile.map(%[[A:.*]] = %[[MAX]], %[[B:.*]] = %[[M]])
    // CHECK: %[[FOUR:.*]] = arith.constant 4.0
    // CHECK: %[[LIMIT:.*]] = arith.addf %[[B]], %[[FOUR]]
    // CHECK: %[[GREW:.*]] = arith.cmpf ugt, %[[A]], %[[LIMIT]]
    // CHECK: arith.select %[[GREW]], %[[A]], %[[B]]
    // CHECK: %[[CHANGED:.*]] = warp.differs %[[NEXT]], %[[M]]
    // CHECK: %[[SCALED:.*]] = scf.if %[[CHANGED]]
    // CHECK: %[[FACTOR:.*]] = tile.map(%{{.*}} = %[[M]], %{{.*}} = %[[NEXT]])
    // CHECK: math.exp2
    // CHECK: %[[PRODUCT:.*]] = tile.map(%{{.*}} = %[[O]], %{{.*}} = %[[FACTOR]])
    // CHECK: scf.yield %[[PRODUCT]]
    // CHECK: else
    // CHECK: scf.yield %[[O]]
    %alpha = tile.map(%a = %m, %b = %m1) : (!rows, !rows) -> !rows {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %o1 = tile.map(%a = %o, %b = %alpha) : (!output, !rows) -> !output {
      %d = arith.mulf %a, %b : f32
      tile.yield %d : f32
    }
    // CHECK: scf.yield %[[NEXT]], %[[SCALED]]
    scf.yield %m1, %o1 : !rows, !output
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
  // CHECK-NOT: warp.differs
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
