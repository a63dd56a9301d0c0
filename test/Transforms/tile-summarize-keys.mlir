// RUN: attn-opt %s --split-input-file --tile-summarize-keys --canonicalize --cse | FileCheck %s
// RUN: attn-opt %s --split-input-file --tile-summarize-keys \
// RUN:   --remark-policy=all --remark-format=emitRemark \
// RUN:   --remarks-filter=attn.bound 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:

!view = !tile.view<f32>
!row = !tile.tile<16x1xf32>
!score = !tile.tile<16x8xf32>

// Two launches before the one whose mask reads a number for each key. Their
// tables are behind what the workspace already holds.

// REMARK: remark: [Passed] tile-summarize-keys | Category:attn.bound{{.*}}the mask reads a number for each key; the least and the largest of each key tile are computed first
// CHECK-LABEL: func.func @entry(
// CHECK-SAME: %{{[^:]*}}: memref<?x?xf32>, %[[IDS:[^:]*]]: memref<?x?xi32>, %{{[^:]*}}: index, %[[WORKSPACE:[^:]*]]: memref<?xi8>)
// CHECK-DAG: %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK: %[[ROWS:.*]] = memref.dim %[[IDS]], %c0
// CHECK: %[[KEYS:.*]] = memref.dim %[[IDS]], %c1
// CHECK: %[[TILES:.*]] = arith.ceildivui %[[KEYS]], %[[C8]]
// CHECK: %[[LEAST:.*]] = memref.view %[[WORKSPACE]][%[[C128]]][%[[ROWS]], %[[TILES]]] : memref<?xi8> to memref<?x?xi32>
// CHECK: %[[MOST:.*]] = memref.view %[[WORKSPACE]][%{{.*}}][%[[ROWS]], %[[TILES]]]
// CHECK: %[[ALL:.*]] = arith.muli %[[ROWS]], %[[TILES]]
// CHECK: tile.launch @k_keys0_ranges[%[[ALL]]](%[[IDS]], %[[LEAST]], %[[MOST]])
// CHECK: tile.launch @k_keys0_envelopes[%{{.*}}](%[[IDS]], %[[LEAST]], %[[MOST]])
// CHECK: tile.launch @k[%{{.*}}](%{{.*}}, %[[IDS]], %{{.*}}, %[[LEAST]], %[[MOST]])
func.func @entry(%x: memref<?x?xf32>, %ids: memref<?x?xi32>, %n: index, %workspace: memref<?xi8>) {
  tile.launch @k[%n](%x, %ids, %n) : memref<?x?xf32>, memref<?x?xi32>, index
  return
}

// The workspace grows from 100 bytes.

// CHECK-LABEL: func.func @entry_workspace(
// CHECK: arith.constant 128 : index
// CHECK: arith.addi
// CHECK: return
func.func @entry_workspace(%x: memref<?x?xf32>, %ids: memref<?x?xi32>, %n: index) -> index {
  %c100 = arith.constant 100 : index
  return %c100 : index
}

// The least and the largest of a tile.

// CHECK-LABEL: tile.kernel private @k_keys0_ranges(
// CHECK-SAME: %[[WORK:[^:]*]]: index, %[[IDS:[^:]*]]: memref<?x?xi32>, %[[LEAST:[^:]*]]: memref<?x?xi32>, %[[MOST:[^:]*]]: memref<?x?xi32>)
// CHECK: %[[TILE:.*]] = arith.remui %[[WORK]], %[[TILES:.*]] : index
// CHECK: %[[ROW:.*]] = arith.divui %[[WORK]], %[[TILES]]
// CHECK: %[[RANGE:.*]]:2 = scf.for %[[J:[^ ]*]] = {{.*}} iter_args(%[[L:.*]] = %{{.*}}, %[[M:.*]] = %{{.*}})
// CHECK: memref.load %[[IDS]][%{{.*}}, %[[J]]]
// CHECK: arith.minsi %[[L]]
// CHECK: arith.maxsi %[[M]]
// CHECK: memref.store %{{.*}}, %[[LEAST]][%[[ROW]], %[[TILE]]]
// CHECK: memref.store %{{.*}}, %[[MOST]][%[[ROW]], %[[TILE]]]

// The largest so far from the first tile on, the least so far from the last.

// CHECK-LABEL: tile.kernel private @k_keys0_envelopes(
// CHECK-SAME: %[[ROW:[^:]*]]: index, %{{[^:]*}}: memref<?x?xi32>, %[[LEAST:[^:]*]]: memref<?x?xi32>, %[[MOST:[^:]*]]: memref<?x?xi32>)
// CHECK: %[[LAST:.*]] = arith.subi
// CHECK: scf.for %[[T:[^ ]*]] =
// CHECK: memref.load %[[MOST]][%[[ROW]], %[[T]]]
// CHECK: arith.maxsi
// CHECK: memref.store %{{.*}}, %[[MOST]][%[[ROW]], %[[T]]]
// CHECK: %[[BACK:.*]] = arith.subi %[[LAST]], %[[T]]
// CHECK: memref.load %[[LEAST]][%[[ROW]], %[[BACK]]]
// CHECK: arith.minsi
// CHECK: memref.store %{{.*}}, %[[LEAST]][%[[ROW]], %[[BACK]]]

// CHECK-LABEL: tile.kernel private @k(
// CHECK-SAME: index, %{{[^:]*}}: memref<?x?xi32>, %{{[^:]*}}: memref<?x?xi32>)
// CHECK: memref.load {{.*}} {tile.envelopes = array<i64: 4, 5>}
tile.kernel private @k(%r0: index, %x: memref<?x?xf32>, %ids: memref<?x?xi32>, %n: index) {
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
      %key = arith.index_cast %j : i32 to index
      %its = memref.load %ids[%c0, %key] : memref<?x?xi32>
      %keep = arith.cmpi sle, %its, %i : i32
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

// A number for each pair of query and key has no such table.

// CHECK-LABEL: func.func @pairs(
// CHECK-COUNT-1: tile.launch
// CHECK-NOT: tile.launch
func.func @pairs(%x: memref<?x?xf32>, %ids: memref<?x?xi32>, %n: index, %workspace: memref<?xi8>) {
  tile.launch @k[%n](%x, %ids, %n) : memref<?x?xf32>, memref<?x?xi32>, index
  return
}
func.func @pairs_workspace(%x: memref<?x?xf32>, %ids: memref<?x?xi32>, %n: index) -> index {
  %c0 = arith.constant 0 : index
  return %c0 : index
}
// CHECK-NOT: tile.envelopes
tile.kernel private @k(%r0: index, %x: memref<?x?xf32>, %ids: memref<?x?xi32>, %n: index) {
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
      %its = memref.load %ids[%query, %key] : memref<?x?xi32>
      %keep = arith.cmpi sle, %its, %i : i32
      %r = arith.select %keep, %a, %empty : f32
      tile.yield %r : f32
    }
    %m1 = tile.reduce max rows %masked, %m : (!score, !row) -> !row
    scf.yield %m1 : !row
  }
  tile.store %max, %X[%r0, %c0] : !row, !view
  tile.return
}
