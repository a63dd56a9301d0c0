// A constant factor of a product of tiles is applied to its first operand.

// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(tile-hoist-scale))" \
// RUN:   | attn-opt | FileCheck %s

!q = !tile.tile<4x8xf32>
!s = !tile.tile<4x4xf32>

// The query is scaled where it is loaded, outside of the loop. What follows
// the multiplication stays.
// CHECK-LABEL: tile.kernel @hoisted(
// CHECK: %[[Q:.*]] = tile.load
// CHECK: %[[SCALED:.*]] = tile.map(%[[A:.*]] = %[[Q]]) : (!tile.tile<4x8xf32>) -> !tile.tile<4x8xf32> {
// CHECK: arith.mulf %[[A]], %{{.*}} : f32
// CHECK: scf.for
// CHECK: %[[K:.*]] = tile.load
// CHECK: %[[S:.*]] = tile.dot %[[SCALED]], %[[K]] transpose_b
// CHECK-NEXT: tile.map(%[[X:.*]] = %[[S]]) at(%[[I:.*]] = %{{.*}}, %[[J:.*]] = %{{.*}})
// CHECK-NOT: arith.mulf
// CHECK: arith.select %{{.*}}, %[[X]]
tile.kernel @hoisted(%w: index, %q: memref<?x8xf32>, %o: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %scale = arith.constant 0.5 : f32
  %empty = arith.constant 0xFF800000 : f32
  %Q = tile.view %q[rows, cols] : memref<?x8xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xf32>
  %qt = tile.load %Q[%w, %c0] : !tile.view<f32> -> !q
  scf.for %t = %c0 to %w step %c1 {
    %kt = tile.load %Q[%t, %c0] : !tile.view<f32> -> !q
    %s = tile.dot %qt, %kt transpose_b : (!q, !q) -> !s
    %x = tile.map(%a = %s) at(%i = %w, %j = %t) : (!s) -> !s {
      %m = arith.mulf %a, %scale : f32
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %m, %empty : f32
      tile.yield %r : f32
    }
    tile.store %x, %O[%w, %t] : !s, !tile.view<f32>
  }
  tile.return
}

// The factor may be on either side, and nothing is left of a map that only
// multiplied.
// CHECK-LABEL: tile.kernel @factor_first(
// CHECK: tile.map
// CHECK: arith.mulf
// CHECK: %[[S:.*]] = tile.dot
// CHECK-NOT: tile.map
// CHECK: tile.store %[[S]]
tile.kernel @factor_first(%w: index, %q: memref<?x8xf32>, %o: memref<?x?xf32>) {
  %scale = arith.constant 0.5 : f32
  %Q = tile.view %q[rows, cols] : memref<?x8xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xf32>
  %qt = tile.load %Q[%w, %w] : !tile.view<f32> -> !q
  %kt = tile.load %Q[%w, %w] : !tile.view<f32> -> !q
  %s = tile.dot %qt, %kt transpose_b : (!q, !q) -> !s
  %x = tile.map(%a = %s) : (!s) -> !s {
    %m = arith.mulf %scale, %a : f32
    tile.yield %m : f32
  }
  tile.store %x, %O[%w, %w] : !s, !tile.view<f32>
  tile.return
}

// Cases that are left alone: a factor that is no constant, a product with an
// accumulator, a product that something else uses, a score that is used
// before the multiplication, and a factor that is added.
// CHECK-LABEL: tile.kernel @left_alone(
// CHECK: tile.load
// CHECK-NEXT: tile.load
// CHECK-NEXT: tile.load
// CHECK-NEXT: tile.dot
// CHECK-NEXT: tile.map
// CHECK-NEXT: arith.mulf
// CHECK: tile.dot
// CHECK-NEXT: tile.map
// CHECK-NEXT: arith.mulf
// CHECK: tile.dot
// CHECK-NEXT: tile.map
// CHECK-NEXT: arith.mulf
// CHECK: tile.dot
// CHECK-NEXT: tile.map
// CHECK-NEXT: arith.mulf
// CHECK: tile.dot
// CHECK-NEXT: tile.map
// CHECK-NEXT: arith.addf
tile.kernel @left_alone(%w: index, %q: memref<?x8xf32>, %o: memref<?x?xf32>,
                        %factor: f32) {
  %scale = arith.constant 0.5 : f32
  %Q = tile.view %q[rows, cols] : memref<?x8xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xf32>
  %qt = tile.load %Q[%w, %w] : !tile.view<f32> -> !q
  %kt = tile.load %Q[%w, %w] : !tile.view<f32> -> !q
  %acc = tile.load %O[%w, %w] : !tile.view<f32> -> !s

  %s0 = tile.dot %qt, %kt transpose_b : (!q, !q) -> !s
  %x0 = tile.map(%a = %s0) : (!s) -> !s {
    %m = arith.mulf %a, %factor : f32
    tile.yield %m : f32
  }
  tile.store %x0, %O[%w, %w] : !s, !tile.view<f32>

  %s1 = tile.dot %qt, %kt, %acc transpose_b : (!q, !q, !s) -> !s
  %x1 = tile.map(%a = %s1) : (!s) -> !s {
    %m = arith.mulf %a, %scale : f32
    tile.yield %m : f32
  }
  tile.store %x1, %O[%w, %w] : !s, !tile.view<f32>

  %s2 = tile.dot %qt, %kt transpose_b : (!q, !q) -> !s
  %x2 = tile.map(%a = %s2) : (!s) -> !s {
    %m = arith.mulf %a, %scale : f32
    tile.yield %m : f32
  }
  tile.store %s2, %O[%w, %w] : !s, !tile.view<f32>
  tile.store %x2, %O[%w, %w] : !s, !tile.view<f32>

  %s3 = tile.dot %qt, %kt transpose_b : (!q, !q) -> !s
  %x3 = tile.map(%a = %s3) : (!s) -> !s {
    %m = arith.mulf %a, %scale : f32
    %r = arith.addf %m, %a : f32
    tile.yield %r : f32
  }
  tile.store %x3, %O[%w, %w] : !s, !tile.view<f32>

  %s4 = tile.dot %qt, %kt transpose_b : (!q, !q) -> !s
  %x4 = tile.map(%a = %s4) : (!s) -> !s {
    %m = arith.addf %a, %scale : f32
    tile.yield %m : f32
  }
  tile.store %x4, %O[%w, %w] : !s, !tile.view<f32>
  tile.return
}
