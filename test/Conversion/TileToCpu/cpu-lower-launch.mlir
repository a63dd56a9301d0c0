// Kernels and entries get the calling convention of attn/Runtime/CpuAbi.h.

// RUN: attn-opt %s --cpu-lower-launch --split-input-file --verify-diagnostics \
// RUN:   | attn-opt --split-input-file | FileCheck %s

// A task takes (args, work, arena). args[0] is the first argument after the
// work index; the arena becomes a memref of the size the kernel asked for.

// CHECK-LABEL: func.func private @kernel(
// CHECK-SAME: %[[ARGS:[^:]*]]: !llvm.ptr, %[[WORK:[^:]*]]: i64, %[[ARENA:[^:]*]]: !llvm.ptr)
// CHECK-DAG: %[[W:.*]] = arith.index_cast %[[WORK]] : i64 to index
// CHECK-DAG: %[[AT0:.*]] = llvm.getelementptr %[[ARGS]][0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK-DAG: %[[P0:.*]] = llvm.load %[[AT0]] : !llvm.ptr -> !llvm.ptr
// CHECK-DAG: llvm.load %[[P0]] : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
// CHECK-DAG: %[[AT1:.*]] = llvm.getelementptr %[[ARGS]][1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK-DAG: %[[P1:.*]] = llvm.load %[[AT1]] : !llvm.ptr -> !llvm.ptr
// CHECK-DAG: %[[S:.*]] = llvm.load %[[P1]] : !llvm.ptr -> f32
// CHECK-DAG: llvm.insertvalue %[[ARENA]], %{{.*}}[1]
// CHECK: memref.store %[[S]], %{{.*}}[%[[W]]] : memref<?xf32>
// CHECK-NEXT: memref.load %{{.*}} : memref<128xi8>
// CHECK: return
func.func private @kernel(%work: index, %x: memref<?xf32>, %s: f32,
                          %arena: memref<128xi8>)
    attributes {cpu.arena_bytes = 128 : i64} {
  memref.store %s, %x[%work] : memref<?xf32>
  %0 = memref.load %arena[%work] : memref<128xi8>
  return
}

// An entry takes (host, args). A launch passes the host's first field, the
// task, pointers to the arguments, their count of tasks and the arena's bytes
// to the function in the host's second field.

// CHECK-LABEL: func.func @entry(
// CHECK-SAME: %[[HOST:[^:]*]]: !llvm.ptr, %[[ARGS:[^:]*]]: !llvm.ptr)
// CHECK: llvm.getelementptr %[[ARGS]][0]
// CHECK: llvm.getelementptr %[[ARGS]][1]
// CHECK: %[[TWO:.*]] = llvm.mlir.constant(2 : i64) : i64
// CHECK: %[[POINTERS:.*]] = llvm.alloca %[[TWO]] x !llvm.ptr
// CHECK: %[[X:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
// CHECK: %[[SLOT0:.*]] = llvm.getelementptr %[[POINTERS]][0]
// CHECK: llvm.store %[[X]], %[[SLOT0]]
// CHECK: %[[S:.*]] = llvm.alloca %{{.*}} x f32
// CHECK: %[[SLOT1:.*]] = llvm.getelementptr %[[POINTERS]][1]
// CHECK: llvm.store %[[S]], %[[SLOT1]]
// CHECK: %[[SELFAT:.*]] = llvm.getelementptr %[[HOST]][0]
// CHECK: %[[SELF:.*]] = llvm.load %[[SELFAT]]
// CHECK: %[[LAUNCHAT:.*]] = llvm.getelementptr %[[HOST]][1]
// CHECK: %[[LAUNCH:.*]] = llvm.load %[[LAUNCHAT]]
// CHECK: %[[TASK:.*]] = {{.*}} @kernel : (!llvm.ptr, i64, !llvm.ptr) -> ()
// CHECK: %[[TASKPOINTER:.*]] = builtin.unrealized_conversion_cast %[[TASK]]
// CHECK: %[[N:.*]] = arith.index_cast %{{.*}} : index to i64
// CHECK: %[[BYTES:.*]] = llvm.mlir.constant(128 : i64) : i64
// CHECK: llvm.call %[[LAUNCH]](%[[SELF]], %[[TASKPOINTER]], %[[POINTERS]], %[[N]], %[[BYTES]])
// CHECK-NOT: tile.launch
// CHECK: return
func.func @entry(%x: memref<?xf32> {attn.name = "x"}, %s: f32) {
  %n = arith.constant 7 : index
  tile.launch @kernel[%n](%x, %s) : memref<?xf32>, f32
  return
}

// A function that returns a number takes the arguments only, and does not
// read those that it does not need.

// CHECK-LABEL: func.func @query(
// CHECK-SAME: %[[ARGS:[^:]*]]: !llvm.ptr) -> index
// CHECK-NEXT: %[[AT:.*]] = llvm.getelementptr %[[ARGS]][1]
// CHECK-NEXT: %[[P:.*]] = llvm.load %[[AT]]
// CHECK-NEXT: llvm.load %[[P]] : !llvm.ptr -> i64
// CHECK-NOT: llvm.getelementptr
// CHECK: return
func.func @query(%x: memref<?xf32>, %n: index) -> index {
  return %n : index
}

// CHECK: func.func private @external(memref<?xf32>)
func.func private @external(memref<?xf32>)

// -----

tile.kernel @kernel(%work: index, %s: f32) {
  tile.return
}

func.func @entry(%n: index, %s: f32) {
  // expected-error@+1 {{launches @kernel, which convert-tile-to-cpu has not made}}
  tile.launch @kernel[%n](%s) : f32
  return
}

// -----

// expected-error@+1 {{has the attribute cpu.arena_bytes of a kernel, but does not take a work index first and an arena of static size last, or has results}}
func.func private @kernel(%work: i64, %arena: memref<128xi8>)
    attributes {cpu.arena_bytes = 128 : i64} {
  return
}

// -----

// expected-error@+1 {{has the attribute cpu.arena_bytes of a kernel, but does not take a work index first and an arena of static size last, or has results}}
func.func private @kernel(%work: index) attributes {cpu.arena_bytes = 128 : i64} {
  return
}

// -----

func.func private @kernel(%work: index, %arena: memref<128xi8>)
    attributes {cpu.arena_bytes = 128 : i64} {
  return
}

func.func @nested(%n: index, %c: i1) {
  scf.if %c {
    // expected-error@+1 {{'tile.launch' op must be directly in a function without results}}
    tile.launch @kernel[%n]()
  }
  return
}

func.func @query(%n: index) -> index {
  // expected-error@+1 {{'tile.launch' op must be directly in a function without results}}
  tile.launch @kernel[%n]()
  return %n : index
}
