// Which operations share a loop nest.

// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(cpu-group-tiles))" \
// RUN:   | attn-opt | FileCheck %s
// A second run finds nothing left to do.
// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(cpu-group-tiles,cpu-group-tiles))" \
// RUN:   | FileCheck %s

!view = !tile.view<f32>
!q = !tile.tile<16x8xf32>
!s = !tile.tile<16x4xf32>
!kv = !tile.tile<4x8xf32>
!row = !tile.tile<16x1xf32>

// The online softmax: scores, mask and maximum in one nest; exponentials and
// their sum in another; the output with the scaling of its accumulator.

// CHECK-LABEL: tile.kernel @flash(
// CHECK: scf.for {{.*}} iter_args(%[[M:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}}, %[[ACC:.*]] = %{{.*}})
// CHECK: %[[SCORES:.*]]:2 = tile.group {
// CHECK-NEXT: %[[DOT:.*]] = tile.dot
// CHECK-NEXT: %[[MASKED:.*]] = tile.map(%{{.*}} = %[[DOT]]) at(
// CHECK: %[[M1:.*]] = tile.reduce max rows %[[MASKED]], %[[M]]
// CHECK-NEXT: tile.yield %[[MASKED]], %[[M1]] : !tile.tile<16x4xf32>, !tile.tile<16x1xf32>
// CHECK-NEXT: }
// CHECK: %[[SUMS:.*]]:3 = tile.group {
// CHECK-NEXT: %[[ALPHA:.*]] = tile.map(%{{.*}} = %[[M]], %{{.*}} = %[[SCORES]]#1)
// CHECK: %[[SCALED:.*]] = tile.map(%{{.*}} = %[[L]], %{{.*}} = %[[ALPHA]])
// CHECK: %[[P:.*]] = tile.map(%{{.*}} = %[[SCORES]]#0, %{{.*}} = %[[SCORES]]#1)
// CHECK: %[[L1:.*]] = tile.reduce add rows %[[P]], %[[SCALED]]
// CHECK-NEXT: tile.yield %[[ALPHA]], %[[P]], %[[L1]]
// CHECK-NEXT: }
// CHECK: %[[OUT:.*]] = tile.group {
// CHECK-NEXT: %[[INIT:.*]] = tile.map(%{{.*}} = %[[ACC]], %{{.*}} = %[[SUMS]]#0)
// CHECK: %[[DOT:.*]] = tile.dot %[[SUMS]]#1, %{{.*}}, %[[INIT]]
// CHECK-NEXT: tile.yield %[[DOT]] : !tile.tile<16x8xf32>
// CHECK-NEXT: }
// CHECK-NEXT: scf.yield %[[SCORES]]#1, %[[SUMS]]#2, %[[OUT]]
tile.kernel @flash(%r0: index, %n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f0 = arith.constant 0.0 : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %q = tile.load %X[%r0, %c0] : !view -> !q
  %low = tile.map() : () -> !row { tile.yield %f0 : f32 }
  %zeros = tile.map() : () -> !q { tile.yield %f0 : f32 }
  %max, %sum, %out = scf.for %t = %c0 to %n step %c1
      iter_args(%m = %low, %l = %low, %acc = %zeros) -> (!row, !row, !q) {
    %k = tile.load %X[%t, %c0] : !view -> !kv
    %s = tile.dot %q, %k transpose_b : (!q, !kv) -> !s
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %t) : (!s) -> !s {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!s, !row) -> !row
    %alpha = tile.map(%a = %m, %b = %m1) : (!row, !row) -> !row {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %acc0 = tile.map(%a = %acc, %b = %alpha) : (!q, !row) -> !q {
      %y = arith.mulf %a, %b : f32
      tile.yield %y : f32
    }
    %l0 = tile.map(%a = %l, %b = %alpha) : (!row, !row) -> !row {
      %y = arith.mulf %a, %b : f32
      tile.yield %y : f32
    }
    %p = tile.map(%a = %masked, %b = %m1) : (!s, !row) -> !s {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l0 : (!s, !row) -> !row
    %v = tile.load %X[%t, %c0] : !view -> !kv
    %acc1 = tile.dot %p, %v, %acc0 : (!s, !kv, !q) -> !q
    scf.yield %m1, %l1, %acc1 : !row, !row, !q
  }
  tile.store %out, %X[%r0, %c0] : !q, !view
  tile.return
}

// A slow map is not computed between the multiply-adds of a product, nor is
// what needs it.
// CHECK-LABEL: tile.kernel @slow_map(
// CHECK: tile.group {
// CHECK-NEXT: tile.dot
// CHECK-NEXT: tile.yield
// CHECK: tile.group {
// CHECK-NEXT: tile.map
// CHECK-NEXT: math.exp2
// CHECK: tile.reduce
// CHECK-NEXT: tile.yield %{{.*}} : !tile.tile<16x1xf32>
tile.kernel @slow_map(%r0: index, %x: memref<?x?xf32>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %q = tile.load %X[%r0, %r0] : !view -> !q
  %k = tile.load %X[%r0, %r0] : !view -> !kv
  %s = tile.dot %q, %k transpose_b : (!q, !kv) -> !s
  %p = tile.map(%a = %s) : (!s) -> !s {
    %e = math.exp2 %a : f32
    tile.yield %e : f32
  }
  %l = tile.reduce add rows %p : (!s) -> !row
  tile.store %l, %X[%r0, %r0] : !row, !view
  tile.return
}

// A map on all columns cannot run before a reduction over them is complete.
// CHECK-LABEL: tile.kernel @needs_reduction(
// CHECK: %[[MAX:.*]] = tile.group {
// CHECK-NEXT: tile.reduce
// CHECK-NEXT: tile.yield
// CHECK: tile.group {
// CHECK-NEXT: tile.map(%{{.*}} = %{{.*}}, %{{.*}} = %[[MAX]])
tile.kernel @needs_reduction(%r0: index, %x: memref<?x?xf32>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %s = tile.load %X[%r0, %r0] : !view -> !s
  %m = tile.reduce max rows %s : (!s) -> !row
  %p = tile.map(%a = %s, %b = %m) : (!s, !row) -> !s {
    %d = arith.subf %a, %b : f32
    tile.yield %d : f32
  }
  tile.store %p, %X[%r0, %r0] : !s, !view
  tile.return
}

// Nests sweep over one number of columns and of rows.
// CHECK-LABEL: tile.kernel @other_sizes(
// CHECK-COUNT-3: tile.group {
// CHECK-NOT: tile.group {
tile.kernel @other_sizes(%r0: index, %x: memref<?x?xf32>, %c: f32) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.map() : () -> !q { tile.yield %c : f32 }
  %b = tile.map() : () -> !s { tile.yield %c : f32 }
  %d = tile.map() : () -> !kv { tile.yield %c : f32 }
  tile.store %a, %X[%r0, %r0] : !q, !view
  tile.store %b, %X[%r0, %r0] : !s, !view
  tile.store %d, %X[%r0, %r0] : !kv, !view
  tile.return
}

// An accumulator that is used again is not computed in the product's nest.
// CHECK-LABEL: tile.kernel @accumulator_used_again(
// CHECK: %[[TWICE:.*]] = tile.group {
// CHECK-NEXT: tile.map
// CHECK: tile.group {
// CHECK-NEXT: tile.dot %{{.*}}, %{{.*}}, %[[TWICE]]
// CHECK-NEXT: tile.yield
tile.kernel @accumulator_used_again(%r0: index, %x: memref<?x?xf32>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %q = tile.load %X[%r0, %r0] : !view -> !q
  %k = tile.load %X[%r0, %r0] : !view -> !kv
  %acc = tile.load %X[%r0, %r0] : !view -> !s
  %twice = tile.map(%a = %acc) : (!s) -> !s {
    %y = arith.addf %a, %a : f32
    tile.yield %y : f32
  }
  %s = tile.dot %q, %k, %twice transpose_b : (!q, !kv, !s) -> !s
  tile.store %s, %X[%r0, %r0] : !s, !view
  tile.store %twice, %X[%r0, %r0] : !s, !view
  tile.return
}
