// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-defer-scale))' | FileCheck %s

// CHECK-LABEL: tile.kernel @masked
tile.kernel @masked(%work: index, %x: f32, %n: i32, %o: memref<?x32xf32>) {
  %c0 = arith.constant 0 : index
  %scale = arith.constant 0.125 : f32
  %inf = arith.constant 0xFF800000 : f32
  %O = tile.view %o[rows, cols] : memref<?x32xf32>
  %d = tile.map() : () -> !tile.tile<64x32xf32> {
    tile.yield %x : f32
  }
  %m = tile.map() : () -> !tile.tile<64x1xf32> {
    tile.yield %x : f32
  }
  // CHECK: %[[SCORES:.*]] = tile.map(%[[A:.*]] = %{{.*}}) at
  // CHECK-NOT: arith.mulf
  // CHECK: arith.select %{{.*}}, %[[A]], %{{.*}}
  %s = tile.map(%a = %d) at(%i = %c0, %j = %c0) : (!tile.tile<64x32xf32>) -> !tile.tile<64x32xf32> {
    %scaled = arith.mulf %a, %scale : f32
    %keep = arith.cmpi slt, %j, %n : i32
    %r = arith.select %keep, %scaled, %inf : f32
    tile.yield %r : f32
  }
  // CHECK: %[[LARGEST:.*]] = tile.reduce max rows %[[SCORES]] :
  // CHECK: %[[MAX:.*]] = tile.map(%[[R:.*]] = %[[LARGEST]], %[[OLD:.*]] = %{{.*}})
  // CHECK-NEXT: %[[S:.*]] = arith.mulf %[[R]], %{{.*}} fastmath<contract>
  // CHECK-NEXT: arith.maxnumf %[[OLD]], %[[S]]
  %m1 = tile.reduce max rows %s, %m : (!tile.tile<64x32xf32>, !tile.tile<64x1xf32>) -> !tile.tile<64x1xf32>
  // CHECK: tile.map(%[[A:.*]] = %[[SCORES]], %[[B:.*]] = %[[MAX]])
  // CHECK-NEXT: %[[S:.*]] = arith.mulf %[[A]], %{{.*}} fastmath<contract>
  // CHECK-NEXT: %[[E:.*]] = arith.subf %[[S]], %[[B]] fastmath<contract>
  // CHECK-NEXT: math.exp2 %[[E]]
  %p = tile.map(%a = %s, %b = %m1) : (!tile.tile<64x32xf32>, !tile.tile<64x1xf32>) -> !tile.tile<64x32xf32> {
    %e = arith.subf %a, %b : f32
    %r = math.exp2 %e : f32
    tile.yield %r : f32
  }
  tile.store %p, %O[%work, %c0] : !tile.tile<64x32xf32>, !tile.view<f32>
  tile.return
}

// A negative scale would make the maximum a minimum; other users need the scores
// as they are.

// CHECK-LABEL: tile.kernel @kept
tile.kernel @kept(%work: index, %x: f32, %o: memref<?x32xf32>) {
  %c0 = arith.constant 0 : index
  %negative = arith.constant -0.125 : f32
  %positive = arith.constant 0.125 : f32
  %O = tile.view %o[rows, cols] : memref<?x32xf32>
  %d = tile.map() : () -> !tile.tile<64x32xf32> {
    tile.yield %x : f32
  }
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  %s = tile.map(%a = %d) : (!tile.tile<64x32xf32>) -> !tile.tile<64x32xf32> {
    %scaled = arith.mulf %a, %negative : f32
    tile.yield %scaled : f32
  }
  %m = tile.reduce max rows %s : (!tile.tile<64x32xf32>) -> !tile.tile<64x1xf32>
  // CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
  %t = tile.map(%a = %d) : (!tile.tile<64x32xf32>) -> !tile.tile<64x32xf32> {
    %scaled = arith.mulf %a, %positive : f32
    tile.yield %scaled : f32
  }
  // CHECK: tile.reduce max rows
  %n = tile.reduce max rows %t : (!tile.tile<64x32xf32>) -> !tile.tile<64x1xf32>
  tile.store %t, %O[%work, %c0] : !tile.tile<64x32xf32>, !tile.view<f32>
  %sum = tile.map(%a = %s, %b = %m, %c = %n) : (!tile.tile<64x32xf32>, !tile.tile<64x1xf32>, !tile.tile<64x1xf32>) -> !tile.tile<64x32xf32> {
    tile.yield %a : f32
  }
  tile.return
}
