// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

// Names are unique where they are seen, and none is a word of C++; comments
// stand before what they are about.

gpu.module @kernels {
  // CHECK-LABEL: names(
  // CHECK-SAME: Tensor1_f32 while_2, float x
  gpu.func @names(%out: memref<?xf32> {attn.name = "while"}, %x: f32 {attn.name = "x"}) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    // CHECK-NEXT: // Twice the number, in a sentence that is too long for one line of eighty
    // CHECK-NEXT: // columns.
    // CHECK-NEXT: float x_2 = x + x;
    %y = arith.addf %x, %x {attn.name = "x", attn.comment = "Twice the number, in a sentence that is too long for one line of eighty columns."} : f32
    // CHECK: for (int i = 0; i < 2; ++i) {
    // CHECK:   for (int j = 0; j < 2; ++j) {
    // CHECK:     float square = x_2 * x_2;
    scf.for %i = %c0 to %c2 step %c1 {
      scf.for %j = %c0 to %c2 step %c1 {
        %z = arith.mulf %y, %y {attn.name = "square"} : f32
        memref.store %z, %out[%j] : memref<?xf32>
      }
    }
    // A name ends with its block.
    // CHECK: for (int i = 0; i < 2; ++i) {
    // CHECK:   float square = max_nan(x_2, x);
    scf.for %i = %c0 to %c2 step %c1 {
      %z = arith.maximumf %y, %x {attn.name = "square"} : f32
      memref.store %z, %out[%i] : memref<?xf32>
    }
    gpu.return
  }
}
