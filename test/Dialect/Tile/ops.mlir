// Every form of the syntax of the tile dialect is printed as it was written.

// RUN: attn-opt %s | attn-opt | FileCheck %s

// CHECK-LABEL: tile.kernel @bare(%{{.*}}: index) {
// CHECK-NEXT: tile.return
tile.kernel @bare(%work: index) {
  tile.return
}

// CHECK-LABEL: tile.kernel private @attributes(
// CHECK-SAME: %{{.*}}: index, %{{.*}}: memref<?x64xf32> {attn.name = "x"}, %{{.*}}: f32, %{{.*}}: i1, %{{.*}}: index)
// CHECK-SAME: attributes {tile_kv = 32 : i64, tile_q = 64 : i64} {
// CHECK-NEXT: tile.return {note = "kept"}
tile.kernel private @attributes(%work: index,
                                %x: memref<?x64xf32> {attn.name = "x"},
                                %a: f32, %b: i1, %c: index)
    attributes {tile_q = 64 : i64, tile_kv = 32 : i64} {
  tile.return {note = "kept"}
}

// CHECK-LABEL: func.func @launch(
// CHECK-SAME: %[[N:[^:]*]]: index, %[[X:[^:]*]]: memref<?x64xf32>, %[[A:[^:]*]]: f32, %[[B:[^:]*]]: i1)
func.func @launch(%n: index, %x: memref<?x64xf32>, %a: f32, %b: i1) {
  // CHECK-NEXT: tile.launch @attributes[%[[N]]]{{ ?}}(%[[X]], %[[A]], %[[B]], %[[N]]) : memref<?x64xf32>, f32, i1, index
  tile.launch @attributes[%n](%x, %a, %b, %n)
      : memref<?x64xf32>, f32, i1, index
  // CHECK-NEXT: tile.launch @attributes[%[[N]]]{{ ?}}(%[[X]], %[[A]], %[[B]], %[[N]]) {note = "kept"} :
  tile.launch @attributes[%n](%x, %a, %b, %n) {note = "kept"}
      : memref<?x64xf32>, f32, i1, index
  return
}

// The entries of a view in each order, with and without cols and group.
// CHECK-LABEL: tile.kernel @views(
// CHECK-SAME: %[[W:[^:]*]]: index, %[[Q:[^:]*]]: memref<?x8x?x64xf32>, %[[L:[^:]*]]: memref<?x8x?xf32>, %[[V:[^:]*]]: memref<?xbf16>)
tile.kernel @views(%w: index, %q: memref<?x8x?x64xf32>, %l: memref<?x8x?xf32>,
                   %v: memref<?xbf16>) {
  // CHECK: %[[C1:.*]] = arith.constant 1
  %c1 = arith.constant 1 : index
  // CHECK-NEXT: tile.view %[[Q]][%[[W]], %[[C1]], rows, cols] : memref<?x8x?x64xf32>
  %0 = tile.view %q[%w, %c1, rows, cols] : memref<?x8x?x64xf32>
  // CHECK-NEXT: tile.view %[[Q]][%[[W]], %[[C1]] : 4, rows, cols] : memref<?x8x?x64xf32>
  %1 = tile.view %q[%w, %c1 : 4, rows, cols] : memref<?x8x?x64xf32>
  // CHECK-NEXT: tile.view %[[Q]][%[[W]], cols, %[[C1]], rows] : memref<?x8x?x64xf32>
  %2 = tile.view %q[%w, cols, %c1, rows] : memref<?x8x?x64xf32>
  // CHECK-NEXT: tile.view %[[Q]][rows, %[[W]], cols, %[[C1]] : 64] : memref<?x8x?x64xf32>
  %3 = tile.view %q[rows, %w, cols, %c1 : 64] : memref<?x8x?x64xf32>
  // CHECK-NEXT: tile.view %[[L]][%[[W]], %[[C1]] : 1, rows] : memref<?x8x?xf32>
  %4 = tile.view %l[%w, %c1 : 1, rows] : memref<?x8x?xf32>
  // CHECK-NEXT: tile.view %[[V]][rows] {note = "kept"} : memref<?xbf16>
  %5 = tile.view %v[rows] {note = "kept"} : memref<?xbf16>
  // The type of a view is that of the elements.
  // CHECK-NEXT: tile.load %{{.*}}[%[[W]], %[[C1]]] : !tile.view<bf16> -> !tile.tile<4x1xbf16>
  %6 = tile.load %5[%w, %c1] : !tile.view<bf16> -> !tile.tile<4x1xbf16>
  tile.return
}

// CHECK-LABEL: tile.kernel @memory(
// CHECK-SAME: %[[W:[^:]*]]: index
tile.kernel @memory(%w: index, %x: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  // CHECK: %[[VIEW:.*]] = tile.view
  %view = tile.view %x[rows, cols] : memref<?x64xf32>
  // CHECK-NEXT: %[[TILE:.*]] = tile.load %[[VIEW]][%[[W]], %{{.*}}] {note = "kept"} : !tile.view<f32> -> !tile.tile<16x64xf32>
  %t = tile.load %view[%w, %c0] {note = "kept"}
      : !tile.view<f32> -> !tile.tile<16x64xf32>
  // CHECK-NEXT: tile.store %[[TILE]], %[[VIEW]][%[[W]], %{{.*}}] {note = "kept"} : !tile.tile<16x64xf32>, !tile.view<f32>
  tile.store %t, %view[%w, %c0] {note = "kept"}
      : !tile.tile<16x64xf32>, !tile.view<f32>
  tile.return
}

// Both operands may be given transposed; the sizes tell the forms apart.
// CHECK-LABEL: func.func @dot
func.func @dot(%a: !tile.tile<2x3xf32>, %at: !tile.tile<3x2xf32>,
               %b: !tile.tile<3x5xf32>, %bt: !tile.tile<5x3xf32>,
               %c: !tile.tile<2x5xf32>) {
  // CHECK: tile.dot %{{[^,]*}}, %{{[^, ]*}} : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>) -> !tile.tile<2x5xf32>
  %0 = tile.dot %a, %b
      : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>) -> !tile.tile<2x5xf32>
  // CHECK-NEXT: tile.dot %{{[^,]*}}, %{{[^, ]*}}, %{{[^, ]*}} : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>, !tile.tile<2x5xf32>)
  %1 = tile.dot %a, %b, %c
      : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>, !tile.tile<2x5xf32>)
     -> !tile.tile<2x5xf32>
  // CHECK-NEXT: tile.dot %{{[^,]*}}, %{{[^, ]*}} transpose_b : (!tile.tile<2x3xf32>, !tile.tile<5x3xf32>)
  %2 = tile.dot %a, %bt transpose_b
      : (!tile.tile<2x3xf32>, !tile.tile<5x3xf32>) -> !tile.tile<2x5xf32>
  // CHECK-NEXT: tile.dot %{{[^,]*}}, %{{[^, ]*}} transpose_a : (!tile.tile<3x2xf32>, !tile.tile<3x5xf32>)
  %3 = tile.dot %at, %b transpose_a
      : (!tile.tile<3x2xf32>, !tile.tile<3x5xf32>) -> !tile.tile<2x5xf32>
  // CHECK-NEXT: tile.dot %{{[^,]*}}, %{{[^, ]*}}, %{{[^, ]*}} transpose_a transpose_b {note = "kept"} : (!tile.tile<3x2xf32>, !tile.tile<5x3xf32>, !tile.tile<2x5xf32>)
  %4 = tile.dot %at, %bt, %c transpose_a transpose_b {note = "kept"}
      : (!tile.tile<3x2xf32>, !tile.tile<5x3xf32>, !tile.tile<2x5xf32>)
     -> !tile.tile<2x5xf32>
  return
}

// CHECK-LABEL: func.func @map(
// CHECK-SAME: %[[S:[^:]*]]: !tile.tile<4x8xf32>, %[[R:[^:]*]]: !tile.tile<4x1xf32>, %[[N:[^:]*]]: !tile.tile<1x8xi32>, %[[I:[^:]*]]: index, %[[J:[^:]*]]: index, %[[X:[^:]*]]: f32)
func.func @map(%s: !tile.tile<4x8xf32>, %r: !tile.tile<4x1xf32>,
               %n: !tile.tile<1x8xi32>, %i: index, %j: index, %x: f32) {
  // CHECK: tile.map() : () -> !tile.tile<4x8xf32> {
  // CHECK-NEXT: tile.yield %[[X]] : f32
  %0 = tile.map() : () -> !tile.tile<4x8xf32> {
    tile.yield %x : f32
  }
  // One row and one column are repeated; the result may have another type.
  // CHECK: tile.map(%[[A:[^ ]*]] = %[[S]], %[[B:[^ ]*]] = %[[R]], %[[C:[^ ]*]] = %[[N]]) : (!tile.tile<4x8xf32>, !tile.tile<4x1xf32>, !tile.tile<1x8xi32>) -> !tile.tile<4x8xi32> {
  // CHECK-NEXT: %[[LESS:.*]] = arith.cmpf olt, %[[A]], %[[B]] : f32
  // CHECK-NEXT: %[[ONE:.*]] = arith.extui %[[LESS]] : i1 to i32
  // CHECK-NEXT: %[[SUM:.*]] = arith.addi %[[ONE]], %[[C]] : i32
  // CHECK-NEXT: tile.yield %[[SUM]] : i32
  %1 = tile.map(%a = %s, %b = %r, %c = %n)
      : (!tile.tile<4x8xf32>, !tile.tile<4x1xf32>, !tile.tile<1x8xi32>)
     -> !tile.tile<4x8xi32> {
    %less = arith.cmpf olt, %a, %b : f32
    %one = arith.extui %less : i1 to i32
    %sum = arith.addi %one, %c : i32
    tile.yield %sum : i32
  }
  // CHECK: tile.map() at(%[[ROW:[^ ]*]] = %[[I]], %[[COL:[^ ]*]] = %[[J]]) : () -> !tile.tile<4x8xi1> {
  // CHECK-NEXT: arith.cmpi sle, %[[COL]], %[[ROW]] : i32
  %2 = tile.map() at(%row = %i, %col = %j) : () -> !tile.tile<4x8xi1> {
    %keep = arith.cmpi sle, %col, %row : i32
    tile.yield %keep : i1
  }
  // CHECK: tile.map(%[[Y:[^ ]*]] = %[[S]]) at(%{{[^ ]*}} = %[[I]], %{{[^ ]*}} = %[[J]]) attributes {note = "kept"} : (!tile.tile<4x8xf32>) -> !tile.tile<4x8xf32> {
  // CHECK-NEXT: tile.yield %[[Y]] : f32
  %3 = tile.map(%y = %s) at(%row = %i, %col = %j) attributes {note = "kept"}
      : (!tile.tile<4x8xf32>) -> !tile.tile<4x8xf32> {
    tile.yield %y : f32
  }
  return
}

// CHECK-LABEL: func.func @reduce
func.func @reduce(%s: !tile.tile<4x8xf32>, %r: !tile.tile<4x1xf32>,
                  %c: !tile.tile<1x8xf32>) {
  // CHECK: tile.reduce max rows %{{[^,]*}}, %{{.*}} : (!tile.tile<4x8xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x1xf32>
  %0 = tile.reduce max rows %s, %r
      : (!tile.tile<4x8xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x1xf32>
  // CHECK-NEXT: tile.reduce min cols %{{[^,]*}}, %{{.*}} : (!tile.tile<4x8xf32>, !tile.tile<1x8xf32>) -> !tile.tile<1x8xf32>
  %1 = tile.reduce min cols %s, %c
      : (!tile.tile<4x8xf32>, !tile.tile<1x8xf32>) -> !tile.tile<1x8xf32>
  // CHECK-NEXT: tile.reduce add all %{{[^,]*}} {note = "kept"} : (!tile.tile<4x8xf32>) -> !tile.tile<1x1xf32>
  %2 = tile.reduce add all %s {note = "kept"}
      : (!tile.tile<4x8xf32>) -> !tile.tile<1x1xf32>
  return
}

// CHECK-LABEL: func.func @group
func.func @group(%s: !tile.tile<4x8xf32>) {
  // CHECK: %[[TILES:.*]]:2 = tile.group {
  // CHECK-NEXT: %[[DOUBLE:.*]] = tile.map
  // CHECK: %[[SUM:.*]] = tile.reduce add rows %[[DOUBLE]]
  // CHECK-NEXT: tile.yield %[[DOUBLE]], %[[SUM]] : !tile.tile<4x8xf32>, !tile.tile<4x1xf32>
  // CHECK-NEXT: } {note = "kept"} : !tile.tile<4x8xf32>, !tile.tile<4x1xf32>
  %p, %l = tile.group {
    %double = tile.map(%a = %s) : (!tile.tile<4x8xf32>) -> !tile.tile<4x8xf32> {
      %d = arith.addf %a, %a : f32
      tile.yield %d : f32
    }
    %sum = tile.reduce add rows %double
        : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
    tile.yield %double, %sum : !tile.tile<4x8xf32>, !tile.tile<4x1xf32>
  } {note = "kept"} : !tile.tile<4x8xf32>, !tile.tile<4x1xf32>
  // A group of which nothing is used.
  // CHECK: tile.group {
  // CHECK-NEXT: tile.reduce
  // CHECK-NEXT: tile.yield
  // CHECK-NEXT: }
  // CHECK-NEXT: tile.reduce add rows %[[TILES]]#0, %[[TILES]]#1
  tile.group {
    %0 = tile.reduce max all %s : (!tile.tile<4x8xf32>) -> !tile.tile<1x1xf32>
    tile.yield
  }
  %1 = tile.reduce add rows %p, %l
      : (!tile.tile<4x8xf32>, !tile.tile<4x1xf32>) -> !tile.tile<4x1xf32>
  return
}

// CHECK-LABEL: func.func private @types(!tile.tile<1x1xi1>, !tile.tile<4x8xbf16>, !tile.view<f16>)
func.func private @types(!tile.tile<1x1xi1>, !tile.tile<4x8xbf16>,
                         !tile.view<f16>)
