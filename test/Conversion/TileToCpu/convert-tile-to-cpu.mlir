// Groups become loop nests over vectors of rows, loads and stores transpose.

// RUN: attn-opt %s --split-input-file \
// RUN:   --convert-tile-to-cpu="vector-width=4 row-vectors=2 registers=7" \
// RUN:   --canonicalize --cse | attn-opt --split-input-file | FileCheck %s

!view = !tile.view<f32>

// A product of 8x3 and the transpose of 5x3: one block of two vectors of rows,
// as many columns at a time as there are registers for their sums, which is 2,
// and the fifth column on its own. The first operand
// and the result are in the arena, transposed; the second is read in place.

// CHECK-LABEL: func.func private @dot(
// CHECK-SAME: %[[ARENA:[^:]*]]: memref<448xi8>) attributes {cpu.arena_bytes = 448 : i64} {
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<4xf32>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG: %[[RESULT:.*]] = memref.view %[[ARENA]]{{.*}} to memref<5x8xf32>
// CHECK-DAG: %[[A:.*]] = memref.view %[[ARENA]][%[[C64]]][] : {{.*}} to memref<3x8xf32>
// CHECK: %[[B:.*]] = scf.if {{.*}} -> (memref<5x3xf32, strided<[?, 1], offset: ?>>) {
// CHECK: memref.subview %{{.*}}[%{{.*}}, 0] [5, 3] [1, 1]
// CHECK: } else {
// What is outside of the tensor is copied as 0.
// CHECK: memref.reinterpret_cast %{{.*}} sizes: [5, 3], strides: [3, 1]
// CHECK: scf.for %[[N:.*]] = %[[C0]] to %[[C4]] step %[[C2]] {
// CHECK-NEXT: %[[N1:.*]] = arith.addi %[[N]], %[[C1]]
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[N]], %[[C2]]
// CHECK-NEXT: %[[ACC:.*]]:4 = scf.for %[[K:.*]] = %[[C0]] to %[[C3]] step %[[C1]] iter_args(%[[S0:.*]] = %[[ZERO]], %[[S1:.*]] = %[[ZERO]], %[[S2:.*]] = %[[ZERO]], %[[S3:.*]] = %[[ZERO]])
// A row of the next columns' operand is requested early.
// CHECK-NEXT: %[[ROW:.*]] = arith.addi %[[NEXT]], %[[K]]
// CHECK-NEXT: memref.prefetch %[[B]][%[[ROW]], %[[C0]]], read, locality<3>, data
// CHECK-NEXT: %[[A0:.*]] = vector.load %[[A]][%[[K]], %[[C0]]]
// CHECK-NEXT: %[[A1:.*]] = vector.load %[[A]][%[[K]], %[[C4]]]
// CHECK-NEXT: %[[B0:.*]] = memref.load %[[B]][%[[N]], %[[K]]]
// CHECK-NEXT: %[[V0:.*]] = vector.broadcast %[[B0]]
// CHECK-NEXT: vector.fma %[[A0]], %[[V0]], %[[S0]]
// CHECK-NEXT: vector.fma %[[A1]], %[[V0]], %[[S1]]
// CHECK-NEXT: %[[B1:.*]] = memref.load %[[B]][%[[N1]], %[[K]]]
// CHECK-NEXT: %[[V1:.*]] = vector.broadcast %[[B1]]
// CHECK-NEXT: vector.fma %[[A0]], %[[V1]], %[[S2]]
// CHECK-NEXT: vector.fma %[[A1]], %[[V1]], %[[S3]]
// CHECK-NEXT: scf.yield
// CHECK-NEXT: }
// CHECK-NEXT: vector.store %[[ACC]]#0, %[[RESULT]][%[[N]], %[[C0]]]
// CHECK-NEXT: vector.store %[[ACC]]#1, %[[RESULT]][%[[N]], %[[C4]]]
// CHECK-NEXT: vector.store %[[ACC]]#2, %[[RESULT]][%[[N1]], %[[C0]]]
// CHECK-NEXT: vector.store %[[ACC]]#3, %[[RESULT]][%[[N1]], %[[C4]]]
// CHECK-NEXT: }
// CHECK-NEXT: %[[LAST:.*]]:2 = scf.for
// CHECK: vector.store %[[LAST]]#0, %[[RESULT]][%[[C4]], %[[C0]]]
// CHECK-NEXT: vector.store %[[LAST]]#1, %[[RESULT]][%[[C4]], %[[C4]]]
tile.kernel @dot(%r0: index, %q: memref<?x3xf32>, %k: memref<?x3xf32>,
                 %o: memref<?x5xf32>) {
  %c0 = arith.constant 0 : index
  %Q = tile.view %q[rows, cols] : memref<?x3xf32>
  %K = tile.view %k[rows, cols] : memref<?x3xf32>
  %O = tile.view %o[rows, cols] : memref<?x5xf32>
  %a = tile.load %Q[%r0, %c0] : !view -> !tile.tile<8x3xf32>
  %b = tile.load %K[%r0, %c0] : !view -> !tile.tile<5x3xf32>
  %s = tile.group {
    %0 = tile.dot %a, %b transpose_b
        : (!tile.tile<8x3xf32>, !tile.tile<5x3xf32>) -> !tile.tile<8x5xf32>
    tile.yield %0 : !tile.tile<8x5xf32>
  } : !tile.tile<8x5xf32>
  tile.store %s, %O[%r0, %c0] : !tile.tile<8x5xf32>, !view
  tile.return
}

// -----

!view = !tile.view<f32>

// A square inside of the tensor is transposed in registers; the rest goes
// element by element, and what is outside reads as 0 and is not written.

// CHECK-LABEL: func.func private @move(
// CHECK-SAME: %[[R0:[^:]*]]: index, %[[X:[^:]*]]: memref<?x4xf32>, %{{[^:]*}}: memref<128xi8>)
// CHECK-DAG: %[[F0:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK: %[[T:.*]] = memref.view
// CHECK: %[[ROWS:.*]] = memref.dim %[[X]]
// CHECK: %[[END:.*]] = arith.addi %[[R0]], %[[C4]]
// CHECK: %[[INSIDE:.*]] = arith.cmpi sle, %[[END]], %[[ROWS]]
// CHECK: scf.if %[[INSIDE]] {
// CHECK: vector.load %[[X]][%[[R0]], %[[C0]]]
// CHECK: %[[R3:.*]] = arith.addi %[[R0]], %[[C3]]
// CHECK: vector.load %[[X]][%[[R3]], %[[C0]]]
// CHECK-COUNT-8: vector.shuffle
// CHECK: vector.store %{{.*}}, %[[T]][%[[C0]], %[[C0]]]
// CHECK: vector.store %{{.*}}, %[[T]][%[[C3]], %[[C0]]]
// CHECK: } else {
// CHECK: scf.for %[[R:.*]] = %[[C0]] to %[[C4]]
// CHECK: %[[ROW:.*]] = arith.addi %[[R0]], %[[R]]
// CHECK: arith.cmpi slt, %[[ROW]], %[[ROWS]]
// CHECK: %[[ELEMENT:.*]] = scf.if
// CHECK: memref.load %[[X]]
// CHECK: } else {
// CHECK-NEXT: scf.yield %[[F0]]
// CHECK: memref.store %[[ELEMENT]], %[[T]][%{{.*}}, %[[R]]]
// CHECK: scf.if %{{.*}} {
// CHECK-COUNT-4: vector.load %[[T]]
// CHECK-COUNT-8: vector.shuffle
// CHECK-COUNT-4: vector.store %{{.*}}, %[[X]]
// CHECK: } else {
// CHECK: scf.if
// CHECK-NEXT: memref.store %{{.*}}, %[[X]]
tile.kernel @move(%r0: index, %x: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %X = tile.view %x[rows, cols] : memref<?x4xf32>
  %a = tile.load %X[%r0, %c0] : !view -> !tile.tile<4x4xf32>
  tile.store %a, %X[%r0, %c0] : !tile.tile<4x4xf32>, !view
  tile.return
}

// -----

!view = !tile.view<f32>

// A row of a packed view is position row / 2 of head 3 + row mod 2, and there
// are twice as many rows as positions.

// CHECK-LABEL: func.func private @packed(
// CHECK-SAME: %[[R0:[^:]*]]: index, %[[X:[^:]*]]: memref<8x?x4xf32>
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
// CHECK: %[[POSITIONS:.*]] = memref.dim %[[X]]
// CHECK: %[[ROWS:.*]] = arith.muli %[[POSITIONS]], %[[C2]]
// CHECK: arith.cmpi sle, %{{.*}}, %[[ROWS]]
// CHECK: %[[POSITION:.*]] = arith.divui %[[R0]], %[[C2]]
// CHECK: %[[MEMBER:.*]] = arith.remui %[[R0]], %[[C2]]
// CHECK: %[[HEAD:.*]] = arith.addi %[[MEMBER]], %[[C3]]
// CHECK: vector.load %[[X]][%[[HEAD]], %[[POSITION]], %{{.*}}]
tile.kernel @packed(%r0: index, %x: memref<8x?x4xf32>, %y: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %X = tile.view %x[%c3 : 2, rows, cols] : memref<8x?x4xf32>
  %Y = tile.view %y[rows, cols] : memref<?x4xf32>
  %a = tile.load %X[%r0, %c0] : !view -> !tile.tile<4x4xf32>
  tile.store %a, %Y[%r0, %c0] : !tile.tile<4x4xf32>, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!s = !tile.tile<4x2xf32>
!row = !tile.tile<4x1xf32>

// A sweep over two columns that carries the maximum of four rows. Coordinates
// are a vector of rows and one column; memory that depends on the row is read
// lane by lane.

// CHECK-LABEL: func.func private @sweep(
// CHECK-SAME: %[[R0:[^:]*]]: index, %{{[^:]*}}: memref<?x2xf32>, %[[BIAS:[^:]*]]: memref<?xf32>
// CHECK-DAG: %[[LANES:.*]] = arith.constant dense<[0, 1, 2, 3]> : vector<4xi32>
// CHECK-DAG: %[[EMPTY:.*]] = arith.constant dense<0xFF800000> : vector<4xf32>
// CHECK: %[[FIRST:.*]] = arith.index_cast %[[R0]] : index to i32
// CHECK: %[[REPEATED:.*]] = vector.broadcast %[[FIRST]] : i32 to vector<4xi32>
// CHECK: %[[I:.*]] = arith.addi %[[REPEATED]], %[[LANES]]
// CHECK: %[[MAX:.*]] = scf.for %[[C:.*]] = {{.*}} iter_args(%[[OLD:.*]] = %[[EMPTY]])
// CHECK: %[[X:.*]] = vector.load %{{.*}}[%[[C]], %{{.*}}]
// CHECK: %[[J:.*]] = arith.index_cast %{{.*}} : index to i32
// CHECK: %[[AT:.*]] = arith.index_cast %[[I]] : vector<4xi32> to vector<4xindex>
// CHECK-COUNT-4: memref.load %[[BIAS]]
// CHECK: %[[BIASES:.*]] = vector.from_elements
// CHECK: %[[SCORE:.*]] = arith.addf %[[X]], %[[BIASES]]
// CHECK: %[[JS:.*]] = vector.broadcast %[[J]] : i32 to vector<4xi32>
// CHECK: %[[KEEP:.*]] = arith.cmpi sle, %[[JS]], %[[I]]
// CHECK: %[[MASKED:.*]] = arith.select %[[KEEP]], %[[SCORE]], %[[EMPTY]]
// CHECK: %[[BETTER:.*]] = arith.cmpf ogt, %[[MASKED]], %[[OLD]]
// CHECK: %[[NEW:.*]] = arith.select %[[BETTER]], %[[MASKED]], %[[OLD]]
// CHECK: scf.yield %[[NEW]]
// CHECK: vector.store %[[MAX]]
tile.kernel @sweep(%r0: index, %x: memref<?x2xf32>, %bias: memref<?xf32>,
                   %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %empty = arith.constant 0xFF800000 : f32
  %X = tile.view %x[rows, cols] : memref<?x2xf32>
  %Y = tile.view %y[rows] : memref<?xf32>
  %s = tile.load %X[%r0, %c0] : !view -> !s
  %m = tile.group {
    %0 = tile.map(%a = %s) at(%i = %r0, %j = %c0) : (!s) -> !s {
      %at = arith.index_cast %i : i32 to index
      %b = memref.load %bias[%at] : memref<?xf32>
      %score = arith.addf %a, %b : f32
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %score, %empty : f32
      tile.yield %r : f32
    }
    %1 = tile.reduce max rows %0 : (!s) -> !row
    tile.yield %1 : !row
  } : !row
  tile.store %m, %Y[%r0, %c0] : !row, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!s = !tile.tile<4x2xf32>

// A carried tile is updated where it is, without a copy, and the arena's
// counters of partial and full tiles are in its header.

// CHECK-LABEL: func.func private @carried(
// CHECK-SAME: %[[N:[^:]*]]: index, %{{[^:]*}}: memref<?x2xf32>, %[[ARENA:[^:]*]]: memref<128xi8>)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i64
// CHECK-DAG: %[[TILE:.*]] = memref.view %[[ARENA]]{{.*}} to memref<2x4xf32>
// CHECK: scf.for %{{.*}} to %[[N]] step %{{.*}} {
// CHECK-NEXT: %[[COUNTERS:.*]] = memref.view %[[ARENA]][%[[C0]]][] : {{.*}} to memref<8xi64>
// CHECK-NEXT: %[[OLD:.*]] = memref.load %[[COUNTERS]][%[[C1]]]
// CHECK-NEXT: %[[NEW:.*]] = arith.addi %[[OLD]], %[[ONE]]
// CHECK-NEXT: memref.store %[[NEW]], %[[COUNTERS]][%[[C1]]]
// CHECK-NEXT: scf.for %[[C:.*]] = %[[C0]]
// CHECK-NEXT: %[[A:.*]] = vector.load %[[TILE]][%[[C]], %[[C0]]]
// CHECK-NEXT: %[[B:.*]] = arith.addf %[[A]], %[[A]]
// CHECK-NEXT: vector.store %[[B]], %[[TILE]][%[[C]], %[[C0]]]
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK-NEXT: scf.for %{{.*}} to %[[N]] step %{{.*}} {
// CHECK-NEXT: %[[PARTIAL:.*]] = memref.view %[[ARENA]][%[[C0]]][]
// CHECK-NEXT: memref.load %[[PARTIAL]][%[[C0]]] : memref<8xi64>
tile.kernel @carried(%n: index, %x: memref<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x2xf32>
  %s = tile.load %X[%c0, %c0] : !view -> !s
  %r = scf.for %t = %c0 to %n step %c1 iter_args(%carried = %s) -> (!s) {
    %next = tile.group {
      %0 = tile.map(%a = %carried) : (!s) -> !s {
        %b = arith.addf %a, %a : f32
        tile.yield %b : f32
      }
      tile.yield %0 : !s
    } : !s
    scf.yield %next : !s
  } {tile.visit = "full"}
  scf.for %t = %c0 to %n step %c1 {
  } {tile.visit = "partial"}
  tile.store %r, %X[%c0, %c0] : !s, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!s = !tile.tile<4x2xf32>

// The old tile is still needed: the next one is computed elsewhere and copied.

// CHECK-LABEL: func.func private @copied(
// CHECK-DAG: %[[OLD:.*]] = memref.view {{.*}}[%c64][] : {{.*}} to memref<2x4xf32>
// CHECK-DAG: %[[NEW:.*]] = memref.view {{.*}}[%c128][] : {{.*}} to memref<2x4xf32>
// CHECK: vector.store %{{.*}}, %[[NEW]]
// CHECK: memref.load %[[OLD]]
// CHECK: %[[V:.*]] = vector.load %[[NEW]]
// CHECK-NEXT: vector.store %[[V]], %[[OLD]]
tile.kernel @copied(%n: index, %x: memref<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x2xf32>
  %s = tile.load %X[%c0, %c0] : !view -> !s
  %r = scf.for %t = %c0 to %n step %c1 iter_args(%carried = %s) -> (!s) {
    %next = tile.group {
      %0 = tile.map(%a = %carried) : (!s) -> !s {
        %b = arith.addf %a, %a : f32
        tile.yield %b : f32
      }
      tile.yield %0 : !s
    } : !s
    tile.store %carried, %X[%t, %c0] : !s, !view
    scf.yield %next : !s
  }
  tile.store %r, %X[%c0, %c0] : !s, !view
  tile.return
}

// -----

// Memory that is narrower than the tiles: what is loaded is extended, what is
// stored is rounded, as vectors and element by element. A product reads the
// copy in f32, not the memory.

// CHECK-LABEL: func.func private @narrow(
// CHECK-SAME: %[[R0:[^:]*]]: index, %[[X:[^:]*]]: memref<?x4xbf16>, %[[Y:[^:]*]]: memref<?x4xbf16>, %{{[^:]*}}: memref<128xi8>)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[T:.*]] = memref.view {{.*}} to memref<4x4xf32>
// CHECK: scf.if
// CHECK: %[[ROW0:.*]] = vector.load %[[X]][%[[R0]], %{{.*}}] : memref<?x4xbf16>, vector<4xbf16>
// CHECK-NEXT: arith.extf %[[ROW0]] : vector<4xbf16> to vector<4xf32>
// CHECK-COUNT-3: arith.extf %{{.*}} : vector<4xbf16> to vector<4xf32>
// CHECK-COUNT-8: vector.shuffle {{.*}} : vector<4xf32>, vector<4xf32>
// CHECK: vector.store %{{.*}}, %[[T]]
// CHECK: } else {
// CHECK: %[[ELEMENT:.*]] = scf.if
// CHECK-NEXT: %[[NARROW:.*]] = memref.load %[[X]]
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[NARROW]] : bf16 to f32
// CHECK-NEXT: scf.yield %[[WIDE]]
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[ZERO]]
// CHECK: memref.store %[[ELEMENT]], %[[T]]
// CHECK: scf.if
// CHECK-COUNT-8: vector.shuffle {{.*}} : vector<4xf32>, vector<4xf32>
// CHECK: %[[ROUNDED:.*]] = arith.truncf %{{.*}} : vector<4xf32> to vector<4xbf16>
// CHECK-NEXT: vector.store %[[ROUNDED]], %[[Y]][%[[R0]], %{{.*}}] : memref<?x4xbf16>, vector<4xbf16>
// CHECK-COUNT-3: arith.truncf %{{.*}} : vector<4xf32> to vector<4xbf16>
// CHECK: } else {
// CHECK: %[[ELEMENT:.*]] = memref.load %[[T]]
// CHECK-NEXT: %[[ROUNDED:.*]] = arith.truncf %[[ELEMENT]] : f32 to bf16
// CHECK-NEXT: scf.if
// CHECK-NEXT: memref.store %[[ROUNDED]], %[[Y]]
tile.kernel @narrow(%r0: index, %x: memref<?x4xbf16>, %y: memref<?x4xbf16>) {
  %c0 = arith.constant 0 : index
  %X = tile.view %x[rows, cols] : memref<?x4xbf16>
  %Y = tile.view %y[rows, cols] : memref<?x4xbf16>
  %a = tile.load %X[%r0, %c0] : !tile.view<bf16> -> !tile.tile<4x4xf32>
  tile.store %a, %Y[%r0, %c0] : !tile.tile<4x4xf32>, !tile.view<bf16>
  tile.return
}

// -----

// CHECK-LABEL: func.func private @narrow_dot(
// CHECK-SAME: %[[K:[^:]*]]: memref<?x3xbf16>
// CHECK-NOT: scf.if {{.*}} -> (memref
// CHECK: %[[COPY:.*]] = memref.reinterpret_cast {{.*}} to memref<5x3xf32>
// CHECK: %[[NARROW:.*]] = memref.load %[[K]]
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[NARROW]] : bf16 to f32
// CHECK-NEXT: scf.yield %[[WIDE]]
// CHECK: memref.store %{{.*}}, %[[COPY]]
// CHECK-NOT: %[[K]]
// CHECK: %[[B:.*]] = memref.load %[[COPY]]
// CHECK-NEXT: %[[BS:.*]] = vector.broadcast %[[B]] : f32 to vector<4xf32>
// CHECK-NEXT: vector.fma %{{.*}}, %[[BS]]
// CHECK-NOT: %[[K]]
// CHECK: return
tile.kernel @narrow_dot(%r0: index, %q: memref<?x3xf32>, %k: memref<?x3xbf16>,
                        %o: memref<?x5xf32>) {
  %c0 = arith.constant 0 : index
  %Q = tile.view %q[rows, cols] : memref<?x3xf32>
  %K = tile.view %k[rows, cols] : memref<?x3xbf16>
  %O = tile.view %o[rows, cols] : memref<?x5xf32>
  %a = tile.load %Q[%r0, %c0] : !tile.view<f32> -> !tile.tile<8x3xf32>
  %b = tile.load %K[%r0, %c0] : !tile.view<bf16> -> !tile.tile<5x3xf32>
  %s = tile.group {
    %0 = tile.dot %a, %b transpose_b
        : (!tile.tile<8x3xf32>, !tile.tile<5x3xf32>) -> !tile.tile<8x5xf32>
    tile.yield %0 : !tile.tile<8x5xf32>
  } : !tile.tile<8x5xf32>
  tile.store %s, %O[%r0, %c0] : !tile.tile<8x5xf32>, !tile.view<f32>
  tile.return
}
