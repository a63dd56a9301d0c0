// The loop for the row maximum and the loop for the sums become one, if the
// second uses the maximum only in exp2(x - max) and carries only sums of those.

// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(tile.kernel(tile-online-softmax))" \
// RUN:   | attn-opt --split-input-file | FileCheck %s
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(tile.kernel(tile-online-softmax))" \
// RUN:   --remark-policy=all --remark-format=emitRemark \
// RUN:   --remarks-filter=attn.softmax 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!out = !tile.tile<4x8xf32>
!score = !tile.tile<4x16xf32>

// Every sum is scaled by exp2(old maximum - new maximum) before it grows, and
// the scores are computed once.

// REMARK: remark: [Passed] tile-online-softmax | Category:attn.softmax{{.*}}one loop with a running maximum and {{.*}}2{{.*}} sums
// CHECK-LABEL: tile.kernel @fused(
// CHECK: %[[LOW:.*]] = tile.map() : () -> !tile.tile<4x1xf32>
// CHECK: %[[ZERO:.*]] = tile.map() : () -> !tile.tile<4x1xf32>
// CHECK: %[[ZEROS:.*]] = tile.map() : () -> !tile.tile<4x8xf32>
// CHECK-NOT: scf.for
// CHECK: %[[R:.*]]:3 = scf.for {{.*}} iter_args(%[[MAX:.*]] = %[[LOW]], %[[OUT:.*]] = %[[ZEROS]], %[[SUM:.*]] = %[[ZERO]])
// CHECK-NEXT: %[[X:.*]] = tile.load
// CHECK-NEXT: %[[NEWMAX:.*]] = tile.reduce max rows %[[X]], %[[MAX]]
// CHECK-NEXT: %[[ALPHA:.*]] = tile.map(%[[A:.*]] = %[[MAX]], %[[B:.*]] = %[[NEWMAX]]) : (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x1xf32> {
// CHECK-NEXT: %[[D:.*]] = arith.subf %[[A]], %[[B]]
// CHECK-NEXT: %[[E:.*]] = math.exp2 %[[D]]
// CHECK-NEXT: tile.yield %[[E]]
// CHECK-NEXT: }
// CHECK-NEXT: %[[SCALEDOUT:.*]] = tile.map(%[[A:.*]] = %[[OUT]], %[[B:.*]] = %[[ALPHA]]) : {{.*}} -> !tile.tile<4x8xf32> {
// CHECK-NEXT: arith.mulf %[[A]], %[[B]]
// CHECK: %[[SCALEDSUM:.*]] = tile.map(%[[A:.*]] = %[[SUM]], %[[B:.*]] = %[[ALPHA]]) : {{.*}} -> !tile.tile<4x1xf32> {
// CHECK-NEXT: arith.mulf %[[A]], %[[B]]
// CHECK-NOT: tile.load %{{.*}} -> !tile.tile<4x16xf32>
// CHECK: %[[P:.*]] = tile.map(%{{.*}} = %[[X]], %{{.*}} = %[[NEWMAX]])
// CHECK: %[[NEWSUM:.*]] = tile.reduce add rows %[[P]], %[[SCALEDSUM]]
// CHECK: %[[V:.*]] = tile.load {{.*}} -> !tile.tile<16x8xf32>
// CHECK-NEXT: %[[NEWOUT:.*]] = tile.dot %[[P]], %[[V]], %[[SCALEDOUT]]
// CHECK-NEXT: scf.yield %[[NEWMAX]], %[[NEWOUT]], %[[NEWSUM]]
// CHECK-NOT: scf.for
// After the loop the maximum is the final one.
// CHECK: tile.map(%{{.*}} = %[[R]]#2, %{{.*}} = %[[R]]#0)
// CHECK: tile.store %[[R]]#1
tile.kernel @fused(%n: index, %x: memref<?x?xf32>, %o: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f0 = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %O = tile.view %o[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %zero = tile.map() : () -> !row { tile.yield %f0 : f32 }
  %zeros = tile.map() : () -> !out { tile.yield %f0 : f32 }
  %out, %sum = scf.for %t = %c0 to %n step %c1
      iter_args(%acc = %zeros, %l = %zero) -> (!out, !row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    %v = tile.load %X[%t, %c0] : !view -> !tile.tile<16x8xf32>
    %acc1 = tile.dot %p, %v, %acc
        : (!score, !tile.tile<16x8xf32>, !out) -> !out
    scf.yield %acc1, %l1 : !out, !row
  }
  %lse = tile.map(%a = %sum, %b = %max) : (!row, !row) -> !row {
    %r = arith.addf %a, %b : f32
    tile.yield %r : f32
  }
  tile.store %out, %O[%c0, %c0] : !out, !view
  tile.store %lse, %O[%c0, %c1] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// Only maxima have something to fuse: no remark.
// CHECK-LABEL: tile.kernel @minimum(
// CHECK-COUNT-2: scf.for
tile.kernel @minimum(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce min rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// A maximum that is the result.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}no later loop uses its result
// CHECK-LABEL: tile.kernel @unused(
// CHECK-COUNT-1: scf.for
tile.kernel @unused(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// Fewer tiles in the second loop.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}the loop that uses its result has other bounds
// CHECK-LABEL: tile.kernel @bounds(
// CHECK-COUNT-2: scf.for
tile.kernel @bounds(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %c1 step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// max - x has the opposite sign.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}its result is used in something other than exp2(x - max)
// CHECK-LABEL: tile.kernel @sign(
// CHECK-COUNT-2: scf.for
tile.kernel @sign(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %b, %a : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// The maximum itself is needed, in the loop.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}its result is used in something other than exp2(x - max)
// CHECK-LABEL: tile.kernel @other_use(
// CHECK-COUNT-2: scf.for
tile.kernel @other_use(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    tile.store %max, %X[%c0, %t] : !row, !view
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// A minimum of exponentials is not scaled by exp2(old - new) alone.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}the loop that uses its result carries something other than sums of exp2(x - max)
// CHECK-LABEL: tile.kernel @not_a_sum(
// CHECK-COUNT-2: scf.for
tile.kernel @not_a_sum(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce min rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// A sum of something else.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}the loop that uses its result carries something other than sums of exp2(x - max)
// CHECK-LABEL: tile.kernel @other_sum(
// CHECK-COUNT-2: scf.for
tile.kernel @other_sum(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %s, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// A sum that is used before it is complete.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}the loop that uses its result carries something other than sums of exp2(x - max)
// CHECK-LABEL: tile.kernel @sum_used(
// CHECK-COUNT-2: scf.for
tile.kernel @sum_used(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %early = tile.map(%a = %l) : (!row) -> !row {
      %d = arith.addf %a, %a : f32
      tile.yield %d : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// Nothing that could be scaled.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}the loop that uses its result carries no sum
// CHECK-LABEL: tile.kernel @no_sum(
// CHECK-COUNT-2: scf.for
tile.kernel @no_sum(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  scf.for %t = %c0 to %n step %c1 {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// Two loops with sums.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}its result is used in several loops
// CHECK-LABEL: tile.kernel @several(
// CHECK-COUNT-3: scf.for
tile.kernel @several(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  %again = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %again, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// The final maximum is needed before the sums.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}its result is used before the loop that sums
// CHECK-LABEL: tile.kernel @early_use(
// CHECK-COUNT-2: scf.for
tile.kernel @early_use(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %twice = tile.map(%a = %max) : (!row) -> !row {
    %d = arith.addf %a, %a : f32
    tile.yield %d : f32
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// A store between the loops: the maximum must not see it, the sums must.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}memory may be written in the loops or between them
// CHECK-LABEL: tile.kernel @store_between(
// CHECK-COUNT-2: scf.for
tile.kernel @store_between(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %low, %X[%c0, %c0] : !row, !view
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// The second loop writes over scores that the first one has read.

// REMARK: remark: [Missed] tile-online-softmax | Category:attn.softmax{{.*}}the loop that computes the row maximum was not fused: {{.*}}memory may be written in the loops or between them
// CHECK-LABEL: tile.kernel @store_inside(
// CHECK-COUNT-2: scf.for
tile.kernel @store_inside(%n: index, %x: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %m1 = tile.reduce max rows %s, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    tile.store %low, %X[%c0, %t] : !row, !view
    %p = tile.map(%a = %s, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>
!score = !tile.tile<4x16xf32>

// Scores from a map that reads memory, such as a bias: nothing writes it
// between the loops, so that both compute the same scores.

// REMARK: remark: [Passed] tile-online-softmax | Category:attn.softmax{{.*}}one loop with a running maximum and {{.*}}1{{.*}} sums
// CHECK-LABEL: tile.kernel @captured(
// CHECK-SAME: %[[BIAS:[^:]*]]: memref<16xf32>)
// CHECK: scf.for {{.*}} -> (!tile.tile<4x1xf32>, !tile.tile<4x1xf32>)
// CHECK: %[[SCORES:.*]] = tile.map{{.*}} at(
// CHECK: memref.load %[[BIAS]]
// CHECK: %[[MAX:.*]] = tile.reduce max rows %[[SCORES]]
// CHECK-NOT: memref.load
// CHECK: tile.map(%{{.*}} = %[[SCORES]], %{{.*}} = %[[MAX]])
// CHECK-NOT: scf.for
tile.kernel @captured(%n: index, %x: memref<?x?xf32>, %bias: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %biased = tile.map(%a = %s) at(%i = %c0, %j = %t) : (!score) -> !score {
      %at = arith.index_cast %j : i32 to index
      %b = memref.load %bias[%at] : memref<16xf32>
      %r = arith.addf %a, %b : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %biased, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %sum = scf.for %t = %c0 to %n step %c1 iter_args(%l = %low) -> (!row) {
    %s = tile.load %X[%c0, %t] : !view -> !score
    %biased = tile.map(%a = %s) at(%i = %c0, %j = %t) : (!score) -> !score {
      %at = arith.index_cast %j : i32 to index
      %b = memref.load %bias[%at] : memref<16xf32>
      %r = arith.addf %a, %b : f32
      tile.yield %r : f32
    }
    %p = tile.map(%a = %biased, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    scf.yield %l1 : !row
  }
  tile.store %sum, %X[%c0, %c0] : !row, !view
  tile.return
}
