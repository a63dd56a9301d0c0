// RUN: attn-translate --attn-to-ptx --split-input-file --verify-diagnostics %s

gpu.module @kernels {
  gpu.func @unknown_function(%out: memref<?xf32>, %x: f32) kernel {
    %c0 = arith.constant 0 : index
    // expected-error@+1 {{'math.erf' op has no lowering to PTX}}
    %0 = math.erf %x : f32
    memref.store %0, %out[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @bounds(%out: memref<?xf32>, %x: f32, %n: index) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    // expected-error@+1 {{is to be unrolled, but its bounds are not constants}}
    scf.for %i = %c0 to %n step %c1 {
      memref.store %x, %out[%i] : memref<?xf32>
    } {attn.unroll}
    gpu.return
  }
}
