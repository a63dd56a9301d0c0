// Products of bf16 pairs, for CPUs on which they are faster than those of f32.

// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(cpu-widen-tiles{bf16-dot=true},canonicalize))" \
// RUN:   | attn-opt | FileCheck %s --check-prefix=WIDEN
// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(cpu-widen-tiles{bf16-dot=true},canonicalize,cpu-group-tiles),convert-tile-to-cpu{row-vectors=1 registers=8},canonicalize,cse)" \
// RUN:   | attn-opt | FileCheck %s

!view = !tile.view<bf16>

// Both operands stay bf16; the probabilities are rounded.
// WIDEN-LABEL: tile.kernel @pairs(
// WIDEN: %[[Q:.*]] = tile.load {{.*}} -> !tile.tile<16x32xbf16>
// WIDEN: %[[K:.*]] = tile.load {{.*}} -> !tile.tile<4x32xbf16>
// WIDEN: %[[S:.*]] = tile.dot %[[Q]], %[[K]] transpose_b
// WIDEN: %[[V:.*]] = tile.load {{.*}} -> !tile.tile<4x16xbf16>
// WIDEN: %[[P:.*]] = tile.map(%[[E:.*]] = %[[S]]) : {{.*}} -> !tile.tile<16x4xbf16> {
// WIDEN-NEXT: arith.truncf %[[E]] : f32 to bf16
// WIDEN: tile.dot %[[P]], %[[V]]

// An odd inner size has no pairs.
// WIDEN-LABEL: tile.kernel @odd(
// WIDEN: tile.load {{.*}} -> !tile.tile<16x33xf32>
// WIDEN: tile.load {{.*}} -> !tile.tile<4x33xf32>

// CHECK-LABEL: func.func private @pairs(
// CHECK-DAG: %[[QT:.*]] = memref.view {{.*}} to memref<16x32xbf16>
// CHECK-DAG: %[[PT:.*]] = memref.view {{.*}} to memref<2x32xbf16>
// The query is packed by transposing pairs as words.
// CHECK: vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
// CHECK: vector.store %{{.*}}, %[[QT]]{{.*}} vector<32xbf16>
// Keys are read where they are, a pair at a time.
// CHECK: scf.for
// CHECK: %[[LANES:.*]] = vector.load %[[QT]]
// CHECK: %[[PAIR:.*]] = vector.load {{.*}}, vector<2xbf16>
// CHECK: %[[WORD:.*]] = vector.bitcast %[[PAIR]] : vector<2xbf16> to vector<1xi32>
// CHECK: %[[SCALAR:.*]] = vector.extract %[[WORD]][0]
// CHECK: %[[WORDS:.*]] = vector.broadcast %[[SCALAR]] : i32 to vector<16xi32>
// CHECK: %[[REPEATED:.*]] = vector.bitcast %[[WORDS]] : vector<16xi32> to vector<32xbf16>
// CHECK: x86vector.avx512.dot %{{.*}}, %[[LANES]], %[[REPEATED]]
// Probabilities are rounded and stored in pairs of columns.
// CHECK: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: %[[BOTH:.*]] = vector.interleave
// CHECK: vector.store %[[BOTH]], %[[PT]]
// Values are copied in pairs of rows.
// CHECK: vector.interleave %{{.*}}, %{{.*}} : vector<16xbf16> -> vector<32xbf16>
// CHECK: x86vector.avx512.dot
tile.kernel @pairs(%r0: index, %x: memref<?x32xbf16, strided<[?, 1]>>,
                   %y: memref<?x16xbf16, strided<[?, 1]>>,
                   %o: memref<?x16xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %X = tile.view %x[rows, cols] : memref<?x32xbf16, strided<[?, 1]>>
  %Y = tile.view %y[rows, cols] : memref<?x16xbf16, strided<[?, 1]>>
  %O = tile.view %o[rows, cols] : memref<?x16xf32, strided<[?, 1]>>
  %q = tile.load %X[%r0, %c0] : !view -> !tile.tile<16x32xbf16>
  %k = tile.load %X[%c0, %c0] : !view -> !tile.tile<4x32xbf16>
  %s = tile.dot %q, %k transpose_b : (!tile.tile<16x32xbf16>, !tile.tile<4x32xbf16>) -> !tile.tile<16x4xf32>
  %v = tile.load %Y[%c0, %c0] : !view -> !tile.tile<4x16xbf16>
  %r = tile.dot %s, %v : (!tile.tile<16x4xf32>, !tile.tile<4x16xbf16>) -> !tile.tile<16x16xf32>
  tile.store %r, %O[%r0, %c0] : !tile.tile<16x16xf32>, !tile.view<f32>
  tile.return
}

// CHECK-LABEL: func.func private @odd(
// CHECK-NOT: x86vector
tile.kernel @odd(%r0: index, %x: memref<?x33xbf16>, %o: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  %X = tile.view %x[rows, cols] : memref<?x33xbf16>
  %O = tile.view %o[rows, cols] : memref<?x4xf32>
  %q = tile.load %X[%r0, %c0] : !view -> !tile.tile<16x33xbf16>
  %k = tile.load %X[%c0, %c0] : !view -> !tile.tile<4x33xbf16>
  %s = tile.dot %q, %k transpose_b : (!tile.tile<16x33xbf16>, !tile.tile<4x33xbf16>) -> !tile.tile<16x4xf32>
  tile.store %s, %O[%r0, %c0] : !tile.tile<16x4xf32>, !tile.view<f32>
  tile.return
}
