// RUN: attn-translate --attn-to-ptx %s | FileCheck %s

// One parameter for each word; unrolled loops leave registers; instructions
// that LLVM would look for in libdevice.

// CHECK: .target sm_80
// CHECK-NOT: .extern .func
// CHECK: .entry exponentials(
// CHECK-COUNT-5: .param .u64
// CHECK: .param .u32
// CHECK: .param .f32
// CHECK: .minnctapersm 2
// CHECK-NOT: .local
// CHECK-COUNT-4: ex2.approx.ftz.f32
// CHECK-NOT: ex2.approx

gpu.module @kernels {
  gpu.func @exponentials(%out: memref<?xf32>, %n: i32, %x: f32)
      kernel attributes {known_block_size = array<i32: 128, 1, 1>, attn.min_blocks = 2 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %array = memref.alloca() : memref<4xf32, #gpu.address_space<private>>
    scf.for %i = %c0 to %c4 step %c1 {
      %0 = arith.index_cast %i : index to i32
      %1 = arith.muli %0, %n : i32
      %2 = arith.sitofp %1 : i32 to f32
      %3 = arith.mulf %2, %x : f32
      %4 = math.exp2 %3 : f32
      memref.store %4, %array[%i] : memref<4xf32, #gpu.address_space<private>>
    } {attn.unroll}
    scf.for %i = %c0 to %c4 step %c1 {
      %0 = memref.load %array[%i] : memref<4xf32, #gpu.address_space<private>>
      memref.store %0, %out[%i] : memref<?xf32>
    } {attn.unroll}
    gpu.return
  }
}
