// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

// Parameters are the words of their descriptors; the launch bounds say how many
// threads and CTAs there are.

// CHECK: typedef unsigned short bf16; // the bits
// CHECK-NOT: #include
// CHECK: struct Tensor3_bf16 {
// CHECK-NEXT:   bf16 *allocated, *data;
// CHECK-NEXT:   long long offset, sizes[3], strides[3];
// CHECK-NEXT:   DEVICE int size(int i) const { return (int)sizes[i]; }
// CHECK-NEXT:   DEVICE
// CHECK-NEXT:   bf16 *at(long long i, long long j, long long k) const {
// CHECK-NEXT:     return data + offset + i * strides[0] + j * strides[1] + k;
// CHECK-NEXT:   }
// CHECK-NEXT: };

// CHECK: extern "C" __global__ void __launch_bounds__(128, 2)
// CHECK-NEXT: copy(Tensor3_bf16 query, Tensor1_f32 lse, long long arg2, int rows,
// CHECK-NEXT:     float scale) {
// CHECK-NEXT:   int block = blockIdx.x;
// CHECK-NEXT:   *query.at(block, 0, rows) = *query.at(arg2, 0, 0);
// CHECK-NEXT:   lse.data[block] = scale;

gpu.module @kernels {
  gpu.func @copy(
      %query: memref<?x4x?xbf16, strided<[?, ?, 1], offset: ?>> {attn.name = "query"},
      %lse: memref<?xf32> {attn.name = "lse"}, %first: index,
      %rows: i32 {attn.name = "rows"}, %scale: f32 {attn.name = "scale"})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>,
                         attn.min_blocks = 2 : i64} {
    %c0 = arith.constant 0 : index
    %block = gpu.block_id x
    %last = arith.index_cast %rows : i32 to index
    %0 = memref.load %query[%first, %c0, %c0] : memref<?x4x?xbf16, strided<[?, ?, 1], offset: ?>>
    memref.store %0, %query[%block, %c0, %last] : memref<?x4x?xbf16, strided<[?, ?, 1], offset: ?>>
    memref.store %scale, %lse[%block] : memref<?xf32>
    gpu.return
  }
}
