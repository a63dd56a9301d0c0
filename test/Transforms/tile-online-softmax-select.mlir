// Some of the weights may be left out of a sum, as dropout does, if their
// values do not decide which.

// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(tile.kernel(tile-online-softmax))" \
// RUN:   | attn-opt --split-input-file | FileCheck %s

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!out = !tile.tile<4x8xf32>
!score = !tile.tile<4x16xf32>

// What is left of a weight is scaled as the weight itself is.

// CHECK-LABEL: tile.kernel @by_place(
// CHECK: scf.for
// CHECK: %[[P:.*]] = tile.map(%{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}) : {{.*}} -> !tile.tile<4x16xf32> {
// CHECK: %[[SOME:.*]] = tile.map(%{{.*}} = %[[P]])
// CHECK: tile.dot %[[SOME]]
// CHECK-NOT: scf.for
// CHECK: tile.return
tile.kernel @by_place(%n: index, %x: memref<?x?xf32>, %o: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f0 = arith.constant 0.0 : f32
  %i3 = arith.constant 3 : i32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %zeros = tile.map() : () -> !out { tile.yield %f0 : f32 }
  %out = scf.for %t = %c0 to %n step %c1 iter_args(%acc = %zeros) -> (!out) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %some = tile.map(%a = %p) at(%i = %c0, %j = %t) : (!score) -> !score {
      %keep = arith.cmpi ne, %j, %i3 : i32
      %r = arith.select %keep, %a, %f0 : f32
      tile.yield %r : f32
    }
    %v = tile.load %X[%t, %c0] : !view -> !tile.tile<16x8xf32>
    %acc1 = tile.dot %some, %v, %acc
        : (!score, !tile.tile<16x8xf32>, !out) -> !out
    scf.yield %acc1 : !out
  }
  tile.store %out, %O[%c0, %c0] : !out, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!out = !tile.tile<4x8xf32>
!score = !tile.tile<4x16xf32>

// A weight that is small beside the final maximum may not be small beside the
// one so far.

// CHECK-LABEL: tile.kernel @by_value(
// CHECK-COUNT-2: scf.for
// CHECK: tile.return
tile.kernel @by_value(%n: index, %x: memref<?x?xf32>, %o: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f0 = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %zeros = tile.map() : () -> !out { tile.yield %f0 : f32 }
  %out = scf.for %t = %c0 to %n step %c1 iter_args(%acc = %zeros) -> (!out) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %some = tile.map(%a = %p) : (!score) -> !score {
      %keep = arith.cmpf ogt, %a, %half : f32
      %r = arith.select %keep, %a, %f0 : f32
      tile.yield %r : f32
    }
    %v = tile.load %X[%t, %c0] : !view -> !tile.tile<16x8xf32>
    %acc1 = tile.dot %some, %v, %acc
        : (!score, !tile.tile<16x8xf32>, !out) -> !out
    scf.yield %acc1 : !out
  }
  tile.store %out, %O[%c0, %c0] : !out, !view
  tile.return
}
