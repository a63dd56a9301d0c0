// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

!tile = memref<16x64xbf16, #gpu.address_space<workgroup>>
!shared = memref<?xi8, #gpu.address_space<workgroup>>
!tensor = memref<?x?xbf16, strided<[?, 1], offset: ?>>

gpu.module @kernels {
  // CHECK-LABEL: threads(
  gpu.func @threads(%out: memref<?xf32> {attn.name = "out"}, %x: f32 {attn.name = "x"})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    // CHECK: int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    %lane = gpu.lane_id
    %warp = gpu.subgroup_id : index
    %two = arith.constant 2 : i32
    %width = arith.constant 32 : i32
    // CHECK: float other = __shfl_xor_sync(0xffffffff, x, 2);
    %other, %valid = gpu.shuffle xor %x, %two, %width : f32
    // CHECK: __syncwarp(-1);
    %all = arith.constant -1 : i32
    nvvm.bar.warp.sync %all : i32
    // CHECK: out.data[lane + warp] = other;
    %i = arith.addi %lane, %warp : index
    memref.store %other, %out[%i] : memref<?xf32>
    gpu.return
  }

  // CHECK-LABEL: copies(
  gpu.func @copies(%in: !tensor {attn.name = "in"}, %row: index {attn.name = "row"}) kernel {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %shared = gpu.dynamic_shared_memory : !shared
    %tile = memref.view %shared[%c0][] {attn.name = "tile"} : !shared to !tile
    %rows = memref.dim %in, %c0 : !tensor
    %inside = arith.cmpi slt, %row, %rows : index
    %count = arith.select %inside, %c8, %c0 : index
    // CHECK: cp_async_16(tile, in.at(row, 0), row < in.size(0) ? 16 : 0);
    %t = nvgpu.device_async_copy %in[%row, %c0], %tile[%c0, %c0], 8, %count {bypassL1} : !tensor to !tile
    // CHECK-NEXT: cp_async_ca_4(&tile[8], in.at(row, 8));
    %u = nvgpu.device_async_copy %in[%row, %c8], %tile[%c0, %c8], 2 : !tensor to !tile
    // CHECK-NEXT: cp_async_commit();
    %group = nvgpu.device_async_create_group %t, %u
    // CHECK-NEXT: cp_async_wait<1>();
    nvgpu.device_async_wait %group {numGroups = 1 : i32}
    gpu.return
  }

  // A product on an array is one call.
  // CHECK-LABEL: products(
  gpu.func @products(%n: index {attn.name = "n", attn.range = array<i64: 0, 1>}) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %zero = arith.constant 0.0 : f32
    %shared = gpu.dynamic_shared_memory : !shared
    %tile = memref.view %shared[%c0][] {attn.name = "tile"} : !shared to !tile
    %sums = memref.alloca() {attn.name = "sums"} : memref<2x4xf32, #gpu.address_space<private>>
    // CHECK: b16x8 a = ldmatrix_x4(tile);
    %a = nvgpu.ldmatrix %tile[%c0, %c0] {numTiles = 4 : i32, transpose = false, attn.name = "a"} : !tile -> vector<4x2xbf16>
    // CHECK: b16x4 b = ldmatrix_x2_trans(&tile[64]);
    %b = nvgpu.ldmatrix %tile[%c1, %c0] {numTiles = 2 : i32, transpose = true, attn.name = "b"} : !tile -> vector<2x2xbf16>
    %a0 = vector.extract %a[0] : vector<2xbf16> from vector<4x2xbf16>
    %a1 = vector.extract %a[1] : vector<2xbf16> from vector<4x2xbf16>
    %a2 = vector.extract %a[2] : vector<2xbf16> from vector<4x2xbf16>
    %a3 = vector.extract %a[3] : vector<2xbf16> from vector<4x2xbf16>
    %b0 = vector.extract %b[0] : vector<2xbf16> from vector<2x2xbf16>
    %b1 = vector.extract %b[1] : vector<2xbf16> from vector<2x2xbf16>
    %a0w = llvm.bitcast %a0 : vector<2xbf16> to i32
    %a1w = llvm.bitcast %a1 : vector<2xbf16> to i32
    %a2w = llvm.bitcast %a2 : vector<2xbf16> to i32
    %a3w = llvm.bitcast %a3 : vector<2xbf16> to i32
    %b0w = llvm.bitcast %b0 : vector<2xbf16> to i32
    %b1w = llvm.bitcast %b1 : vector<2xbf16> to i32
    %s0 = memref.load %sums[%n, %c0] : memref<2x4xf32, #gpu.address_space<private>>
    %s1 = memref.load %sums[%n, %c1] : memref<2x4xf32, #gpu.address_space<private>>
    %s2 = memref.load %sums[%n, %c2] : memref<2x4xf32, #gpu.address_space<private>>
    %s3 = memref.load %sums[%n, %c3] : memref<2x4xf32, #gpu.address_space<private>>
    // CHECK: mma_m16n8k16_bf16(sums[(int)n], a.v[0], a.v[1], a.v[2], a.v[3], b.v[0],
    // CHECK-NEXT: b.v[1]);
    %d = nvvm.mma.sync A[%a0w, %a1w, %a2w, %a3w] B[%b0w, %b1w] C[%s0, %s1, %s2, %s3]
        {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
         multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
         shape = #nvvm.shape<m = 16, n = 8, k = 16>}
        : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
    %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
    %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
    %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
    memref.store %d0, %sums[%n, %c0] : memref<2x4xf32, #gpu.address_space<private>>
    memref.store %d1, %sums[%n, %c1] : memref<2x4xf32, #gpu.address_space<private>>
    memref.store %d2, %sums[%n, %c2] : memref<2x4xf32, #gpu.address_space<private>>
    memref.store %d3, %sums[%n, %c3] : memref<2x4xf32, #gpu.address_space<private>>
    // Otherwise the accumulators are copied.
    // CHECK: f32x4 e = f32x4{{[{][{]}}0.0f, 0.0f, 0.0f, 0.0f}};
    // CHECK-NEXT: mma_m16n8k16_bf16(e.v,
    %e = nvvm.mma.sync A[%a0w, %a1w, %a2w, %a3w] B[%b0w, %b1w] C[%zero, %zero, %zero, %zero]
        {attn.name = "e", layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
         multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
         shape = #nvvm.shape<m = 16, n = 8, k = 16>}
        : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    // CHECK: sums[1][2] = e.v[3];
    %e3 = llvm.extractvalue %e[3] : !llvm.struct<(f32, f32, f32, f32)>
    memref.store %e3, %sums[%c1, %c2] : memref<2x4xf32, #gpu.address_space<private>>
    gpu.return
  }

  // So is one on a block of an array whose first operand is two blocks of
  // another one, whose pairs are words.
  // CHECK-LABEL: blocks(
  gpu.func @blocks(%b: i32 {attn.name = "b"}) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    // CHECK: b16x2 weights[8][2];
    %weights = memref.alloca() {attn.name = "weights"} : memref<1x8x2x2xbf16, #gpu.address_space<private>>
    // CHECK-NEXT: float sums[2][2][2];
    %sums = memref.alloca() {attn.name = "sums"} : memref<1x2x2x2xf32, #gpu.address_space<private>>
    %ones = arith.constant dense<1.0> : vector<2xbf16>
    // CHECK-NEXT: weights[7][1] = 0x3f803f80;
    %c7 = arith.constant 7 : index
    vector.store %ones, %weights[%c0, %c7, %c1, %c0] : memref<1x8x2x2xbf16, #gpu.address_space<private>>, vector<2xbf16>
    // CHECK-NEXT: UNROLL(i, 4) mma_bf16(sums[1], &weights[i * 2], b, 0x3f803f80);
    scf.for %i = %c0 to %c4 step %c1 {
      %k = arith.muli %i, %c2 : index
      %k1 = arith.addi %k, %c1 : index
      %a0 = vector.load %weights[%c0, %k, %c0, %c0] : memref<1x8x2x2xbf16, #gpu.address_space<private>>, vector<2xbf16>
      %a1 = vector.load %weights[%c0, %k, %c1, %c0] : memref<1x8x2x2xbf16, #gpu.address_space<private>>, vector<2xbf16>
      %a2 = vector.load %weights[%c0, %k1, %c0, %c0] : memref<1x8x2x2xbf16, #gpu.address_space<private>>, vector<2xbf16>
      %a3 = vector.load %weights[%c0, %k1, %c1, %c0] : memref<1x8x2x2xbf16, #gpu.address_space<private>>, vector<2xbf16>
      %a0w = llvm.bitcast %a0 : vector<2xbf16> to i32
      %a1w = llvm.bitcast %a1 : vector<2xbf16> to i32
      %a2w = llvm.bitcast %a2 : vector<2xbf16> to i32
      %a3w = llvm.bitcast %a3 : vector<2xbf16> to i32
      %b1 = llvm.bitcast %ones : vector<2xbf16> to i32
      %s0 = memref.load %sums[%c0, %c1, %c0, %c0] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      %s1 = memref.load %sums[%c0, %c1, %c0, %c1] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      %s2 = memref.load %sums[%c0, %c1, %c1, %c0] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      %s3 = memref.load %sums[%c0, %c1, %c1, %c1] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      %d = nvvm.mma.sync A[%a0w, %a1w, %a2w, %a3w] B[%b, %b1] C[%s0, %s1, %s2, %s3]
          {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
           multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>,
           shape = #nvvm.shape<m = 16, n = 8, k = 16>}
          : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
      %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
      %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
      %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
      %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
      memref.store %d0, %sums[%c0, %c1, %c0, %c0] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      memref.store %d1, %sums[%c0, %c1, %c0, %c1] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      memref.store %d2, %sums[%c0, %c1, %c1, %c0] : memref<1x2x2x2xf32, #gpu.address_space<private>>
      memref.store %d3, %sums[%c0, %c1, %c1, %c1] : memref<1x2x2x2xf32, #gpu.address_space<private>>
    } {attn.unroll}
    gpu.return
  }

  // CHECK-LABEL: inline_ptx(
  gpu.func @inline_ptx(%out: memref<?xi32> {attn.name = "out"}, %a: i32 {attn.name = "a"}) kernel {
    %c0 = arith.constant 0 : index
    // CHECK: int clock;
    // CHECK-NEXT: asm volatile("mov.u32 %0, %%clock; // %1" : "=r"(clock) : "r"(a) : "memory");
    %clock = nvvm.inline_ptx "mov.u32 $0, %clock; // $1" ro(%a : i32) {attn.name = "clock"} -> i32
    memref.store %clock, %out[%c0] : memref<?xi32>
    gpu.return
  }
}
