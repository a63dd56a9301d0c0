// KV loops visit the key tiles that the mask leaves: first the partial ones,
// with the mask, then the full ones, without.

// The canonicalizer makes the bounds short enough to read.
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(tile.kernel(tile-bound,canonicalize,cse))" \
// RUN:   | attn-opt --split-input-file | FileCheck %s
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(tile.kernel(tile-bound))" \
// RUN:   --remark-policy=all --remark-format=emitRemark \
// RUN:   --remarks-filter=attn.bound 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Causal, aligned at the end: query i keeps key j <= i + shift. The last key
// of the tile's last row that exists ends the kept keys; the last key of its
// first row ends those that all rows keep.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @causal(
// CHECK-SAME: %[[R0:[^:]*]]: index, %[[X:[^:]*]]: memref<?x?xf32>, %[[N:[^:]*]]: index, %[[SHIFT:[^:]*]]: i32)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C16:.*]] = arith.constant 16 : index
// CHECK: %[[LOW:.*]] = tile.map()
// CHECK: %[[ROWS:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[R0]], %[[C16]]
// CHECK: %[[ENDROW:.*]] = arith.minsi %[[NEXT]], %[[ROWS]]
// CHECK: %[[LASTROW:.*]] = arith.subi %[[ENDROW]], %[[C1]]
// CHECK: %[[S:.*]] = arith.index_cast %[[SHIFT]] : i32 to index
// CHECK: %[[LASTKEY:.*]] = arith.addi %[[LASTROW]], %[[S]]
// CHECK: %[[KEPTEND:.*]] = arith.addi %[[LASTKEY]], %[[C1]]
// CHECK: %[[KEPTTILES:.*]] = arith.ceildivsi %[[KEPTEND]], %[[C8]]
// CHECK: %[[FIRSTKEY:.*]] = arith.addi %[[R0]], %[[S]]
// CHECK: %[[FULLEND:.*]] = arith.addi %[[FIRSTKEY]], %[[C1]]
// Tiles with kept elements are rounded outwards, so are those with masked ones.
// CHECK: %[[MASKED0:.*]] = arith.floordivsi %[[FULLEND]], %[[C8]]
// CHECK: %[[MASKED:.*]] = arith.maxsi %[[MASKED0]], %[[C0]]
// CHECK: %[[FULL:.*]] = arith.minsi %[[MASKED]], %[[N]]
// CHECK: %[[KEPT:.*]] = arith.minsi %[[KEPTTILES]], %[[N]]
// CHECK: %[[PARTIAL:.*]] = arith.subi %[[KEPT]], %[[MASKED]]
// CHECK: %[[COUNT:.*]] = arith.maxsi %[[PARTIAL]], %[[C0]]
// CHECK: %[[NUMFULL:.*]] = arith.maxsi %[[FULL]], %[[C0]]
// CHECK: %[[FIRST:.*]] = scf.for %[[T:.*]] = %[[C0]] to %[[COUNT]] step %[[C1]] iter_args(%{{.*}} = %[[LOW]])
// CHECK: %[[TILE:.*]] = arith.addi %[[MASKED]], %[[T]]
// CHECK: %[[J0:.*]] = arith.muli %[[TILE]], %[[C8]]
// CHECK: tile.map(%{{.*}}) at(%{{.*}} = %[[R0]], %{{.*}} = %[[J0]])
// CHECK: arith.cmpi sle
// CHECK: arith.select
// CHECK: } {tile.visit = "partial"}
// CHECK: %[[SECOND:.*]] = scf.for %[[T:.*]] = %[[C0]] to %[[NUMFULL]] step %[[C1]] iter_args(%[[M:.*]] = %[[FIRST]])
// CHECK-NEXT: %[[J0:.*]] = arith.muli %[[T]], %[[C8]]
// CHECK-NEXT: %[[TILE:.*]] = tile.load %{{.*}}[%[[R0]], %[[J0]]]
// CHECK-NEXT: tile.reduce max rows %[[TILE]], %[[M]]
// CHECK: } {tile.visit = "full"}
// CHECK-NOT: scf.for
// CHECK: tile.store %[[SECOND]]
tile.kernel @causal(%r0: index, %x: memref<?x?xf32>, %n: index, %shift: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %last = arith.addi %i, %shift : i32
      %keep = arith.cmpi sle, %j, %last : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A window is a conjunction: i - 5 < j <= i. Tiles at both ends are partial,
// and the loop over them goes from the lower ones to the upper ones.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @window(
// CHECK-SAME: %[[R0:[^:]*]]: index, %{{[^:]*}}: memref<?x?xf32>, %[[N:[^:]*]]: index)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[LOWER:.*]] = arith.constant -4 : index
// CHECK: %[[ENDROW:.*]] = arith.minsi
// CHECK: %[[LASTROW:.*]] = arith.subi %[[ENDROW]]
// CHECK: %[[FIRSTKEY:.*]] = arith.addi %[[R0]], %[[LOWER]]
// A tile without rows has no keys, although rounding would find some.
// CHECK: %[[SOME:.*]] = arith.cmpi sle, %[[FIRSTKEY]], %[[LASTROW]]
// CHECK: %[[BEGIN0:.*]] = arith.floordivsi %[[FIRSTKEY]], %[[C8]]
// CHECK: %[[END0:.*]] = arith.ceildivsi %[[ENDROW]], %[[C8]]
// CHECK: %[[END:.*]] = arith.select %[[SOME]], %[[END0]], %[[C0]]
// Keys are masked before what the last row sees and after what the first does.
// CHECK: %[[BEFORE:.*]] = arith.ceildivsi
// CHECK: %[[AFTER:.*]] = arith.floordivsi
// CHECK: %[[COUNT:.*]] = arith.addi %[[BELOW:.*]], %{{.*}} : index
// CHECK: scf.for %[[T:.*]] = %[[C0]] to %[[COUNT]] step
// CHECK: %[[PAST:.*]] = arith.subi %[[T]], %[[BELOW]]
// CHECK: %[[UPPER:.*]] = arith.addi %{{.*}}, %[[PAST]]
// CHECK: %[[LOWERTILE:.*]] = arith.addi %{{.*}}, %[[T]]
// CHECK: %[[FIRST:.*]] = arith.cmpi slt, %[[T]], %[[BELOW]]
// CHECK: arith.select %[[FIRST]], %[[LOWERTILE]], %[[UPPER]]
// CHECK: } {tile.visit = "partial"}
// CHECK: scf.for
// CHECK-NOT: arith.cmpi
// CHECK: } {tile.visit = "full"}
tile.kernel @window(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c5 = arith.constant 5 : i32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %near = arith.subi %i, %c5 : i32
      %lower = arith.cmpi sgt, %j, %near : i32
      %upper = arith.cmpi sle, %j, %i : i32
      %keep = arith.andi %lower, %upper : i1
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Rows of four heads are packed: the query of row r is r / 4, in the mask and
// in the bounds, and the view has four rows for each query.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @packed(
// CHECK-SAME: %[[R0:[^:]*]]: index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK: %[[QUERIES:.*]] = memref.dim
// CHECK: %[[ROWS:.*]] = arith.muli %[[QUERIES]], %[[C4]]
// CHECK: %[[ENDROW:.*]] = arith.minsi %{{.*}}, %[[ROWS]]
// CHECK: %[[LASTROW:.*]] = arith.subi %[[ENDROW]], %[[C1]]
// CHECK: %[[FIRSTQUERY:.*]] = arith.divui %[[R0]], %[[C4]]
// CHECK: %[[LASTQUERY:.*]] = arith.divui %[[LASTROW]], %[[C4]]
// CHECK: %[[KEPTEND:.*]] = arith.addi %[[LASTQUERY]], %[[C1]]
// CHECK: arith.ceildivsi %[[KEPTEND]]
// CHECK: %[[FULLEND:.*]] = arith.addi %[[FIRSTQUERY]], %[[C1]]
// CHECK: arith.floordivsi %[[FULLEND]]
tile.kernel @packed(%r0: index, %x: memref<4x?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c4 = arith.constant 4 : i32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[%c0 : 4, rows, cols] : memref<4x?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %query = arith.divui %i, %c4 : i32
      %keep = arith.cmpi sle, %j, %query : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// The end of the keys: the same for all rows. Every spelling of a bound is
// understood.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @keys(
// CHECK-SAME: %{{[^:]*}}: index, %{{[^:]*}}: memref<?x?xf32>, %[[N:[^:]*]]: index, %[[KEYS:[^:]*]]: i32)
// CHECK: %[[K:.*]] = arith.index_cast %[[KEYS]] : i32 to index
// CHECK: arith.ceildivsi %[[K]]
// CHECK: arith.floordivsi %[[K]]
// CHECK: tile.visit = "partial"
// CHECK: tile.visit = "full"
tile.kernel @keys(%r0: index, %x: memref<?x?xf32>, %n: index, %keys: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sgt, %keys, %j : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// What is not understood is visited with the mask; the rest of the
// conjunction still bounds the loop.

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}part of the mask is not a comparison of key, query and constants; tiles that it leaves empty are visited, and those that it keeps whole run mask code
// CHECK-LABEL: tile.kernel @opaque(
// CHECK-SAME: %{{[^:]*}}: index, %{{[^:]*}}: memref<?x?xf32>, %[[N:[^:]*]]: index, %{{[^:]*}}: memref<?xi1>, %[[KEYS:[^:]*]]: i32)
// CHECK: %[[K:.*]] = arith.index_cast %[[KEYS]] : i32 to index
// CHECK: %[[TILES:.*]] = arith.ceildivsi %[[K]]
// CHECK: %[[LAST:.*]] = arith.minsi %[[TILES]], %[[N]]
// CHECK: %[[COUNT:.*]] = arith.maxsi %[[LAST]]
// CHECK: %[[ALL:.*]] = scf.for {{.*}} to %[[COUNT]] step
// CHECK: memref.load
// CHECK: arith.select
// CHECK: } {tile.visit = "partial"}
// CHECK-NOT: scf.for
// CHECK: tile.store %[[ALL]]
tile.kernel @opaque(%r0: index, %x: memref<?x?xf32>, %n: index, %table: memref<?xi1>, %keys: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %at = arith.index_cast %j : i32 to index
      %allowed = memref.load %table[%at] : memref<?xi1>
      %inside = arith.cmpi slt, %j, %keys : i32
      %keep = arith.andi %allowed, %inside : i1
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A condition on the query alone keeps all keys or none: tiles are empty if it
// holds for no row, and full if it holds for all.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @query_only(
// CHECK-SAME: %[[R0:[^:]*]]: index, %{{[^:]*}}: memref<?x?xf32>, %[[N:[^:]*]]: index, %[[LIMIT:[^:]*]]: i32)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK: %[[LASTROW:.*]] = arith.subi %{{.*}}, %{{.*}}
// CHECK: %[[L:.*]] = arith.index_cast %[[LIMIT]]
// CHECK: %[[L1:.*]] = arith.addi %[[L]]
// CHECK: %[[FIRST:.*]] = arith.maxsi %[[L1]], %[[R0]]
// CHECK: %[[SOMEKEPT:.*]] = arith.cmpi sle, %[[FIRST]], %[[LASTROW]]
// CHECK: arith.select %[[SOMEKEPT]], %[[N]], %[[C0]]
// CHECK: %[[LAST:.*]] = arith.minsi %[[L]], %[[LASTROW]]
// CHECK: %[[SOMEMASKED:.*]] = arith.cmpi sle, %[[R0]], %[[LAST]]
// CHECK: arith.select %[[SOMEMASKED]], %[[N]], %[[C0]]
// CHECK: } {tile.visit = "partial"}
// CHECK: } {tile.visit = "full"}
tile.kernel @query_only(%r0: index, %x: memref<?x?xf32>, %n: index, %keys: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sgt, %i, %keys : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A loop that stores its scores would leave those of skipped tiles undefined.

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}the loop writes to memory; all tiles are visited
// CHECK-LABEL: tile.kernel @stores(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @stores(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    tile.store %masked, %X[%r0, %j0] : !score, !view
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A minimum of -inf is not neutral.

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}a tile without keys may change what the loop carries; all tiles are visited
// CHECK-LABEL: tile.kernel @minimum(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @minimum(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce min rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Nor is a sum of exp2(-inf + 1): only x - m is known to stay -inf.

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}a tile without keys may change what the loop carries; all tiles are visited
// CHECK-LABEL: tile.kernel @other_sum(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @other_sum(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %p = tile.map(%a = %masked) : (!score) -> !score {
      %d = arith.negf %a : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %m1 = tile.reduce add rows %p, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A maximum that does not start from the carried one forgets it.

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}a tile without keys may change what the loop carries; all tiles are visited
// CHECK-LABEL: tile.kernel @no_init(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @no_init(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked : (!score) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Two masks: which one would bound the loop?

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}two masks in one loop; all tiles are visited
// CHECK-LABEL: tile.kernel @two_masks(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @two_masks(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %again = tile.map(%a = %masked) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sge, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %again, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A select with another value is no mask, and a loop without a mask is no
// missed opportunity: no remark.

// CHECK-LABEL: tile.kernel @no_mask(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @no_mask(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %lowest : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Columns that do not start at t times the size of a tile.

// CHECK-LABEL: tile.kernel @other_columns(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @other_columns(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c1 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Every second tile only.

// CHECK-LABEL: tile.kernel @step_two(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @step_two(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c2 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Coordinates that start elsewhere than the rows of the view: its end does not
// bound them.

// CHECK-LABEL: tile.kernel @other_rows(
// CHECK-NOT: arith.minsi
// CHECK: scf.for {{.*}} to %{{.*}} step
// CHECK-NOT: tile.visit
// CHECK: tile.return
tile.kernel @other_rows(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %n, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A bound that changes from tile to tile.

// REMARK: remark: [Missed] tile-bound | Category:attn.bound{{.*}}part of the mask is not a comparison
// CHECK-LABEL: tile.kernel @changing_term(
// CHECK: scf.for
// CHECK: arith.select
// CHECK: } {tile.visit = "partial"}
// CHECK-NOT: scf.for
tile.kernel @changing_term(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %limit = arith.index_cast %t : index to i32
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi slt, %j, %limit : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// The loop of the online softmax: a tile of -inf keeps the maximum, scales
// the sums by 1 and adds 0.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @online(
// CHECK: %[[FIRST:.*]]:3 = scf.for
// CHECK: } {tile.visit = "partial"}
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %[[FIRST]]#0, %{{.*}} = %[[FIRST]]#1, %{{.*}} = %[[FIRST]]#2)
// CHECK-NOT: arith.select
// CHECK: } {tile.visit = "full"}
tile.kernel @online(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max, %sum, %out = scf.for %t = %c0 to %n step %c1
      iter_args(%m = %low, %l = %low, %acc = %low) -> (!row, !row, !row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    %alpha = tile.map(%a = %m, %b = %m1) : (!row, !row) -> !row {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %p = tile.map(%a = %masked, %b = %m1) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l0 = tile.map(%a = %l, %b = %alpha) : (!row, !row) -> !row {
      %y = arith.mulf %a, %b : f32
      tile.yield %y : f32
    }
    %l1 = tile.reduce add rows %p, %l0 : (!score, !row) -> !row
    %acc0 = tile.map(%a = %acc, %b = %alpha) : (!row, !row) -> !row {
      %y = arith.mulf %b, %a : f32
      tile.yield %y : f32
    }
    %v = tile.load %X[%j0, %c0] : !view -> !tile.tile<8x1xf32>
    %acc1 = tile.dot %p, %v, %acc0 : (!score, !tile.tile<8x1xf32>, !row) -> !row
    scf.yield %m1, %l1, %acc1 : !row, !row, !row
  }
  tile.store %sum, %X[%r0, %c0] : !row, !view
  tile.store %out, %X[%r0, %c0] : !row, !view
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Chunks: a quotient of the row is monotone, so that its ends bound it.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @chunk(
// CHECK-SAME: %[[R0:[^:]*]]: index
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C100:.*]] = arith.constant 100 : index
// CHECK: %[[LASTROW:.*]] = arith.subi
// CHECK: %[[FIRST:.*]] = arith.floordivsi %[[R0]], %[[C100]]
// CHECK: %[[BEGIN:.*]] = arith.muli %[[FIRST]], %[[C100]]
// CHECK: %[[LAST:.*]] = arith.floordivsi %[[LASTROW]], %[[C100]]
// CHECK: %[[LASTBEGIN:.*]] = arith.muli %[[LAST]], %[[C100]]
// CHECK: arith.floordivsi %[[BEGIN]], %[[C8]]
// CHECK: %[[END:.*]] = arith.addi %[[LASTBEGIN]], %[[C100]]
// CHECK: arith.ceildivsi %[[END]], %[[C8]]
tile.kernel @chunk(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c100 = arith.constant 100 : i32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %chunk = arith.floordivsi %i, %c100 : i32
      %begin = arith.muli %chunk, %c100 : i32
      %end = arith.addi %begin, %c100 : i32
      %after = arith.cmpi sle, %begin, %j : i32
      %before = arith.cmpi slt, %j, %end : i32
      %keep = arith.andi %after, %before : i1
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// The two loops of memory-efficient attention. In the second one the row
// maximum comes from before the loop; a tile of -inf adds 0 to both sums, so
// that empty tiles are skipped there, too.

// REMARK-COUNT-2: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @two_loops(
// CHECK: %[[PARTIALMAX:.*]] = scf.for
// CHECK: tile.reduce max rows
// CHECK: } {tile.visit = "partial"}
// CHECK: %[[MAX:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[PARTIALMAX]])
// CHECK-NOT: arith.select
// CHECK: } {tile.visit = "full"}
// CHECK: %[[PARTIAL:.*]]:2 = scf.for
// CHECK: %[[MASKED:.*]] = tile.map{{.*}} at(
// CHECK: arith.cmpi sle
// CHECK: tile.map(%{{.*}} = %[[MASKED]], %{{.*}} = %[[MAX]])
// CHECK: } {tile.visit = "partial"}
// CHECK: %[[SUMS:.*]]:2 = scf.for {{.*}} iter_args(%{{.*}} = %[[PARTIAL]]#0, %{{.*}} = %[[PARTIAL]]#1)
// CHECK-NOT: arith.select
// CHECK: %[[S:.*]] = tile.load
// CHECK: tile.map(%{{.*}} = %[[S]], %{{.*}} = %[[MAX]])
// CHECK: } {tile.visit = "full"}
// CHECK-NOT: scf.for
// CHECK: tile.store %[[SUMS]]#0
tile.kernel @two_loops(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %f0 = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  %zero = tile.map() : () -> !row { tile.yield %f0 : f32 }
  %out, %sum = scf.for %t = %c0 to %n step %c1
      iter_args(%acc = %zero, %l = %zero) -> (!row, !row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %p = tile.map(%a = %masked, %b = %max) : (!score, !row) -> !score {
      %d = arith.subf %a, %b : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %l1 = tile.reduce add rows %p, %l : (!score, !row) -> !row
    %v = tile.load %X[%j0, %c0] : !view -> !tile.tile<8x1xf32>
    %acc1 = tile.dot %p, %v, %acc : (!score, !tile.tile<8x1xf32>, !row) -> !row
    scf.yield %acc1, %l1 : !row, !row
  }
  tile.store %out, %X[%r0, %c0] : !row, !view
  tile.store %sum, %X[%r0, %c1] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// The first tokens, and a window: two intervals are kept, the second one from
// where the first one ends. Both loops visit pieces of both.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @sinks(
// CHECK-DAG: %[[BEGIN:.*]] = arith.maxsi %[[END:.*]], %{{.*}} : index
// CHECK: scf.for %[[T:[^ ]*]] = {{.*}} -> (!tile.tile<16x1xf32>)
// CHECK: arith.cmpi slt, %[[T]],
// CHECK: } {tile.visit = "partial"}
// CHECK: scf.for %[[T:[^ ]*]] =
// CHECK: arith.cmpi slt, %[[T]],
// CHECK: } {tile.visit = "full"}
tile.kernel @sinks(%r0: index, %x: memref<?x?xf32>, %n: index, %first: i32, %width: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %i0 = arith.constant 0 : i32
      %distance = arith.subi %i, %j : i32
      %past = arith.cmpi sge, %distance, %i0 : i32
      %near = arith.cmpi sle, %distance, %width : i32
      %start = arith.cmpi slt, %j, %first : i32
      %some = arith.ori %near, %start : i1
      %keep = arith.andi %past, %some : i1
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Nothing is kept and nothing is visited.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @never(
// CHECK: %[[LOW:.*]] = tile.map()
// CHECK-NOT: scf.for
// CHECK: tile.store %[[LOW]]
tile.kernel @never(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %past = arith.cmpi slt, %j, %i : i32
      %no = arith.constant false
      %keep = arith.andi %past, %no : i1
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// What is kept on either side of the diagonal is everything, but which tiles
// the diagonal cuts is not simplified.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @always(
// CHECK: tile.visit = "full"
tile.kernel @always(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %past = arith.cmpi slt, %j, %i : i32
      %yes = arith.constant true
      %not = arith.xori %past, %yes : i1
      %keep = arith.ori %past, %not : i1
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A number for each row: the least and the largest of the tile's rows.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @lengths(
// CHECK-SAME: %[[R0:[^:]*]]: index, %{{[^:]*}}: memref<?x?xf32>, %[[N:[^:]*]]: index, %[[LENGTHS:[^:]*]]: memref<?xi32>)
// CHECK: %[[FIRST:.*]] = memref.load %[[LENGTHS]][%[[R0]]]
// CHECK: %[[F:.*]] = arith.index_cast %[[FIRST]]
// CHECK: %[[ENDS:.*]]:2 = scf.for %{{.*}} iter_args(%[[LEAST:.*]] = %[[F]], %[[MOST:.*]] = %[[F]])
// CHECK: arith.minsi %[[LEAST]]
// CHECK: arith.maxsi %[[MOST]]
// CHECK: arith.ceildivsi %[[ENDS]]#1
// CHECK: arith.floordivsi %{{.*}}#0
// CHECK: tile.visit = "partial"
// CHECK: tile.visit = "full"
tile.kernel @lengths(%r0: index, %x: memref<?x?xf32>, %n: index, %lengths: memref<?xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %row = arith.index_cast %i : i32 to index
      %length = memref.load %lengths[%row] : memref<?xi32>
      %keep = arith.cmpi slt, %j, %length : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Quotients of the row and of the key.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}empty key tiles are skipped; full ones run without the mask
// CHECK-LABEL: tile.kernel @same_chunk(
// CHECK-SAME: %[[R0:[^:]*]]: index
// CHECK-DAG: %[[C50:.*]] = arith.constant 50 : index
// CHECK: %[[MINE:.*]] = arith.floordivsi %[[R0]], %[[C50]]
// CHECK: arith.muli %[[MINE]], %[[C50]]
// CHECK: tile.visit = "partial"
// CHECK: tile.visit = "full"
tile.kernel @same_chunk(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %c50 = arith.constant 50 : i32
      %mine = arith.divui %i, %c50 : i32
      %its = arith.divui %j, %c50 : i32
      %keep = arith.cmpi eq, %mine, %its : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A number for each key is compared with that of its row, of which the least
// and the largest are found first. Binary search in the sorted tables gives the
// first tile with one that is large enough, and the last one with one that is
// small enough.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}key tiles are skipped, or run without the mask, by the least and the largest number of each; none is missed if the numbers are sorted
// CHECK-LABEL: tile.kernel @documents(
// CHECK-SAME: %[[IDS:[^:]*]]: memref<?xi32>, %[[LEAST:[^:]*]]: memref<?x?xi32>, %[[MOST:[^:]*]]: memref<?x?xi32>)
// CHECK: %[[MINE:.*]]:2 = scf.for
// CHECK: %[[NEXT:.*]] = arith.addi %[[MINE]]#1
// CHECK: scf.while
// CHECK: memref.load %[[LEAST]]
// CHECK: arith.cmpi sle, %[[NEXT]],
// CHECK: scf.while
// CHECK: memref.load %[[MOST]]
// CHECK: arith.cmpi sle, %[[MINE]]#0,
// CHECK: tile.visit = "partial"
// CHECK: tile.visit = "full"
tile.kernel @documents(%r0: index, %x: memref<?x?xf32>, %n: index, %ids: memref<?xi32>, %least: memref<?x?xi32>, %most: memref<?x?xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %j0 = arith.muli %t, %c8 : index
    %s = tile.load %X[%r0, %j0] : !view -> !score
    %masked = tile.map(%a = %s) at(%i = %r0, %j = %j0) : (!score) -> !score {
      %query = arith.index_cast %i : i32 to index
      %key = arith.index_cast %j : i32 to index
      %mine = memref.load %ids[%query] : memref<?xi32>
      %its = memref.load %ids[%key] {tile.envelopes = array<i64: 4, 5>} : memref<?xi32>
      %keep = arith.cmpi eq, %mine, %its : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}

// -----

!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// A mask that is false is gone, and so is the loop.

// REMARK: remark: [Passed] tile-bound | Category:attn.bound{{.*}}the mask keeps nothing; no key tile is visited
// CHECK-LABEL: tile.kernel @never(
// CHECK: %[[LOW:.*]] = tile.map()
// CHECK-NOT: scf.for
// CHECK: tile.store %[[LOW]]
tile.kernel @never(%r0: index, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %lowest = arith.constant 0xFF7FFFFF : f32
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %low = tile.map() : () -> !row { tile.yield %lowest : f32 }
  %max = scf.for %t = %c0 to %n step %c1 iter_args(%m = %low) -> (!row) {
    %masked = tile.map() : () -> !score { tile.yield %empty : f32 }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !tile.view<f32>
  tile.return
}
