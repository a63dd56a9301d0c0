// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

// Results of loops and conditions are variables; unrolled loops and others.

gpu.module @kernels {
  // CHECK-LABEL: loops(
  gpu.func @loops(%out: memref<?xf32> {attn.name = "out"}, %n: index {attn.name = "n"},
                  %x: f32 {attn.name = "x"}) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %one = arith.constant 1.0 : f32
    // The number of turns may be anything: the variable takes 64 bits.
    // CHECK: float sum = 1.0f;
    // CHECK-NEXT: #pragma unroll 1
    // CHECK-NEXT: for (long long i = 0; i < n; i += 2) {
    // CHECK-NEXT:   float inner = sum;
    // CHECK-NEXT:   UNROLL(step, 8) inner = inner * x + 1.0f;
    // CHECK-NEXT:   sum = inner;
    // CHECK-NEXT: }
    %sum = scf.for %i = %c0 to %n step %c2 iter_args(%s = %one) -> f32 {
      %inner = scf.for %j = %c0 to %c8 step %c1 iter_args(%t = %s) -> f32 {
        %0 = arith.mulf %t, %x : f32
        %1 = arith.addf %0, %one : f32
        scf.yield %1 : f32
      } {attn.unroll, attn.iv = "step", attn.name = "inner"}
      scf.yield %inner : f32
    } {attn.name = "sum"}
    // A factor leaves a loop.
    // CHECK-NEXT: #pragma unroll 4
    // CHECK-NEXT: for (int i = 0; i < 8; ++i)
    // CHECK-NEXT:   out.data[i] = x;
    scf.for %i = %c0 to %c8 step %c1 {
      memref.store %x, %out[%i] : memref<?xf32>
    } {attn.unroll = 4 : i64}
    memref.store %sum, %out[%c0] : memref<?xf32>
    gpu.return
  }

  // Yields that read each other's variables.
  // CHECK-LABEL: swapped(
  gpu.func @swapped(%out: memref<?xf32> {attn.name = "out"}, %x: f32, %y: f32) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    // CHECK: float left = arg1, right = arg2;
    // CHECK: for (
    // CHECK-NEXT: float next_left = right;
    // CHECK-NEXT: float next_right = left;
    // CHECK-NEXT: left = next_left;
    // CHECK-NEXT: right = next_right;
    %r:2 = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %x, %b = %y) -> (f32, f32) {
      scf.yield %b, %a : f32, f32
    } {attn.name = ["left", "right"]}
    // CHECK: out.data[0] = left - right;
    %d = arith.subf %r#0, %r#1 : f32
    memref.store %d, %out[%c0] : memref<?xf32>
    gpu.return
  }

  // CHECK-LABEL: conditions(
  gpu.func @conditions(%out: memref<?xf32> {attn.name = "out"}, %n: i32 {attn.name = "n"}) kernel {
    %c0 = arith.constant 0 : index
    %c0_i32 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    // CHECK: float y;
    // CHECK-NEXT: if (n < 5) {
    // CHECK-NEXT:   y = 1.0f;
    // CHECK-NEXT: } else {
    // CHECK-NEXT:   y = out.data[0];
    // CHECK-NEXT: }
    %less = arith.cmpi slt, %n, %c5 : i32
    %y = scf.if %less -> f32 {
      scf.yield %one : f32
    } else {
      %old = memref.load %out[%c0] : memref<?xf32>
      scf.yield %old : f32
    } {attn.name = "y"}

    // CHECK: int count = n;
    // CHECK-NEXT: #pragma unroll 1
    // CHECK-NEXT: while (count > 5) {
    // CHECK-NEXT:   count = count >> 1;
    // CHECK-NEXT: }
    %count = scf.while (%k = %n) : (i32) -> i32 {
      %more = arith.cmpi sgt, %k, %c5 : i32
      scf.condition(%more) %k : i32
    } do {
    ^bb0(%k: i32):
      %half = arith.shrsi %k, %c1 : i32
      scf.yield %half : i32
    } attributes {attn.name = "count"}

    // What is passed on is not the state.
    // CHECK: int state = count;
    // CHECK-NEXT: float z;
    // CHECK: while (true) {
    // CHECK-NEXT:   z = (float)state;
    // CHECK-NEXT:   if (!(state > 0))
    // CHECK-NEXT:     break;
    // CHECK-NEXT:   out.data[0] = z;
    // CHECK-NEXT:   state = (int)z >> 1;
    // CHECK-NEXT: }
    %z = scf.while (%k = %count) : (i32) -> f32 {
      %float = arith.sitofp %k : i32 to f32
      %more = arith.cmpi sgt, %k, %c0_i32 : i32
      scf.condition(%more) %float : f32
    } do {
    ^bb0(%float: f32):
      memref.store %float, %out[%c0] : memref<?xf32>
      %less_one = arith.fptosi %float : f32 to i32
      %next = arith.shrsi %less_one, %c1 : i32
      scf.yield %next : i32
    } attributes {attn.name = "z"}
    %sum = arith.addf %y, %z : f32
    memref.store %sum, %out[%c0] : memref<?xf32>
    gpu.return
  }
}
