// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: spaces(
  gpu.func @spaces(%in: memref<?x?xbf16, strided<[?, 1], offset: ?>> {attn.name = "in"},
                   %stage: index {attn.name = "stage", attn.range = array<i64: 0, 1>})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c8 = arith.constant 8 : index
    %c1024 = arith.constant 1024 : index
    // CHECK: extern __shared__ __align__(1024) unsigned char shared[];
    // CHECK: int thread = threadIdx.x;
    %thread = gpu.thread_id x
    %shared = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    // CHECK: bf16 *ring = (bf16 *)(shared + 1024);
    %ring = memref.view %shared[%c1024][] {attn.name = "ring"}
        : memref<?xi8, #gpu.address_space<workgroup>> to memref<2x64x8xbf16, #gpu.address_space<workgroup>>
    // CHECK: bf16 *keys = ring + (int)stage * 512;
    %keys = memref.subview %ring[%stage, 0, 0] [1, 64, 8] [1, 1, 1] {attn.name = "keys"}
        : memref<2x64x8xbf16, #gpu.address_space<workgroup>>
        to memref<64x8xbf16, strided<[8, 1], offset: ?>, #gpu.address_space<workgroup>>
    // Eight elements of 16 bits are one access.
    // CHECK: b16x8 row = *(const b16x8 *)in.at(thread, 0);
    %row = vector.load %in[%thread, %c0] {attn.name = "row"}
        : memref<?x?xbf16, strided<[?, 1], offset: ?>>, vector<8xbf16>
    // CHECK: *(b16x8 *)&keys[thread * 8] = row;
    vector.store %row, %keys[%thread, %c0]
        : memref<64x8xbf16, strided<[8, 1], offset: ?>, #gpu.address_space<workgroup>>, vector<8xbf16>
    // CHECK: __syncthreads();
    gpu.barrier
    // CHECK: float sums[2][8];
    %sums = memref.alloca() {attn.name = "sums"} : memref<2x8xf32, #gpu.address_space<private>>
    // A load is not moved over a store that may change what it reads.
    // CHECK: float [[OLD:.*]] = sums[1][3];
    // CHECK-NEXT: sums[1][3] = bf16_to_float(ring[thread * 8 + 515]);
    // CHECK-NEXT: sums[0][0] = sums[1][3] - [[OLD]];
    %before = memref.load %sums[%c1, %c3] : memref<2x8xf32, #gpu.address_space<private>>
    %0 = memref.load %ring[%c1, %thread, %c3] : memref<2x64x8xbf16, #gpu.address_space<workgroup>>
    %1 = arith.extf %0 : bf16 to f32
    memref.store %1, %sums[%c1, %c3] : memref<2x8xf32, #gpu.address_space<private>>
    %2 = memref.load %sums[%c1, %c3] : memref<2x8xf32, #gpu.address_space<private>>
    %3 = arith.subf %2, %before : f32
    memref.store %3, %sums[%c0, %c0] : memref<2x8xf32, #gpu.address_space<private>>
    gpu.return
  }

  // Views of tensors are pointers with strides of their own.
  // CHECK-LABEL: views(
  gpu.func @views(%in: memref<?x?xf32, strided<[?, 1], offset: ?>> {attn.name = "in"},
                  %n: index {attn.name = "n"}) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    // CHECK: float *column = in.at(0, n);
    %column = memref.subview %in[0, %n] [8, 1] [1, 1] {attn.name = "column"}
        : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<8xf32, strided<[?], offset: ?>>
    // CHECK: float *flat = in.data + in.offset;
    %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %in
        : memref<?x?xf32, strided<[?, 1], offset: ?>> -> memref<f32>, index, index, index, index, index
    %flat = memref.reinterpret_cast %base to offset: [%offset], sizes: [%sizes#1], strides: [%strides#0] {attn.name = "flat"}
        : memref<f32> to memref<?xf32, strided<[?], offset: ?>>
    // CHECK: column[in.strides[0]] = flat[n * in.strides[0]];
    %0 = memref.load %flat[%n] : memref<?xf32, strided<[?], offset: ?>>
    memref.store %0, %column[%c1] : memref<8xf32, strided<[?], offset: ?>>
    gpu.return
  }

  // A pointer that a loop moves. Nobody asks how much is left.
  // CHECK-LABEL: moves(
  gpu.func @moves(%in: memref<?x?xf32, strided<[?, 1], offset: ?>> {attn.name = "in"},
                  %n: index {attn.name = "n"}) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %rows = memref.dim %in, %c0 : memref<?x?xf32, strided<[?, 1], offset: ?>>
    // CHECK: float *rows = in.at(0, n);
    %left0 = arith.subi %rows, %n : index
    %rows0 = memref.subview %in[0, %n] [%left0, 4] [1, 1] {attn.name = "rows"}
        : memref<?x?xf32, strided<[?, 1], offset: ?>> to memref<?x4xf32, strided<[?, 1], offset: ?>>
    // CHECK-NEXT: #pragma unroll 1
    // CHECK-NEXT: for (long long i = 0; i < n; ++i) {
    %end = scf.for %i = %c0 to %n step %c1 iter_args(%at = %rows0) -> (memref<?x4xf32, strided<[?, 1], offset: ?>>) {
      // CHECK-NEXT: rows[i * in.strides[0] + 1] = rows[1];
      %x = memref.load %at[%c0, %c1] : memref<?x4xf32, strided<[?, 1], offset: ?>>
      memref.store %x, %at[%i, %c1] : memref<?x4xf32, strided<[?, 1], offset: ?>>
      // CHECK-NEXT: rows += 8 * in.strides[0];
      %left = memref.dim %at, %c0 : memref<?x4xf32, strided<[?, 1], offset: ?>>
      %left1 = arith.subi %left, %c8 : index
      %next = memref.subview %at[8, 0] [%left1, 4] [1, 1]
          : memref<?x4xf32, strided<[?, 1], offset: ?>> to memref<?x4xf32, strided<[?, 1], offset: ?>>
      scf.yield %next : memref<?x4xf32, strided<[?, 1], offset: ?>>
    }
    // CHECK-NEXT: }
    // CHECK-NEXT: }
    gpu.return
  }
}
