// RUN: attn-opt %s --pass-pipeline='builtin.module(gpu.module(gpu.func(thread-carry-addresses)),canonicalize,cse)' | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @advances
  // CHECK-SAME: (%[[KEYS:.*]]: memref<?x64xbf16>, %[[ROWS:.*]]: index, %[[N:.*]]: index, %[[COL:.*]]: index, %[[LANE:.*]]: index)
  gpu.func @advances(%keys: memref<?x64xbf16>, %rows: index, %n: index, %col: index, %lane: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c32 = arith.constant 32 : index
    %c4096 = arith.constant 4096 : index
    // What the first turn has. Tile 3 is in the second stage.
    // CHECK-DAG: %[[FROM0:.*]] = memref.subview %[[KEYS]][96, %[[COL]]]
    // CHECK-DAG: %[[START:.*]] = arith.xori %[[LANE]], %{{.*}} : index
    // CHECK-DAG: %[[AT0:.*]] = arith.index_cast %[[START]] : index to i32
    // CHECK: scf.for {{.*}} iter_args(%[[FROM:.*]] = %[[FROM0]], %[[AT:.*]] = %[[AT0]])
    scf.for %t = %c0 to %n step %c1 {
      // CHECK: %[[OFFSET:.*]] = arith.index_cast %[[AT]]
      // CHECK: memref.load %[[FROM]][%[[OFFSET]], %{{.*}}]
      %tile = arith.addi %t, %c3 : index
      %row = arith.muli %tile, %c32 : index
      %left = arith.subi %rows, %row : index
      %from = memref.subview %keys[%row, %col] [%left, 8] [1, 1]
        : memref<?x64xbf16> to memref<?x8xbf16, strided<[64, 1], offset: ?>>
      %stage = arith.remui %tile, %c2 : index
      %start = arith.muli %stage, %c4096 : index
      %at = arith.xori %lane, %start {attn.name = "at"} : index
      %x = memref.load %from[%at, %c0] : memref<?x8xbf16, strided<[64, 1], offset: ?>>
      memref.store %x, %keys[%c0, %at] : memref<?x64xbf16>
      // CHECK: %[[NEXT:.*]] = memref.subview %[[FROM]][32, 0]
      // CHECK: %[[TOGGLED:.*]] = arith.xori %[[AT]], %c4096_i32
      // CHECK: scf.yield %[[NEXT]], %[[TOGGLED]]
    } {attn.iv = "tile"}
    // CHECK: attn.iv = "tile", attn.name = ["address", "at"]
    gpu.return
  }

  // Rows of a table have no constant distance, and of three stages none is the
  // other of two.

  // CHECK-LABEL: gpu.func @stays
  gpu.func @stays(%keys: memref<?x64xbf16>, %rows: index, %n: index, %table: memref<?xindex>, %lane: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c4096 = arith.constant 4096 : index
    // CHECK: scf.for
    // CHECK-NOT: iter_args
    scf.for %t = %c0 to %n step %c1 {
      %row = memref.load %table[%t] : memref<?xindex>
      %left = arith.subi %rows, %row : index
      %from = memref.subview %keys[%row, 0] [%left, 8] [1, 1]
        : memref<?x64xbf16> to memref<?x8xbf16, strided<[64, 1], offset: ?>>
      %stage = arith.remui %t, %c3 : index
      %start = arith.muli %stage, %c4096 : index
      %at = arith.xori %lane, %start : index
      %x = memref.load %from[%at, %c0] : memref<?x8xbf16, strided<[64, 1], offset: ?>>
      memref.store %x, %keys[%c0, %at] : memref<?x64xbf16>
    }
    // CHECK: gpu.return
    gpu.return
  }
}
