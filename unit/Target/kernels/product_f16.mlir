// C = A B for f16 matrices of 64x64, C in f16: cp.async into swizzled tiles,
// ldmatrix, mma.sync.  Rows of A from `rows` on count as 0.  A warp computes 16
// rows.  Grid 1, 128 threads, 16384 bytes of shared memory.

gpu.module @kernels {
  gpu.func @product_f16(
      %a: memref<?x?xf16, strided<[?, 1], offset: ?>> {attn.name = "a"},
      %b: memref<?x?xf16, strided<[?, 1], offset: ?>> {attn.name = "b"},
      %c: memref<?x?xf16, strided<[?, 1], offset: ?>> {attn.name = "c"},
      %rows: i32 {attn.name = "rows"})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>,
                         attn.shared_bytes = 16384 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %c8192 = arith.constant 8192 : index
    %zero = arith.constant 0.0 : f32
    %thread = gpu.thread_id x
    %lane = gpu.lane_id
    %warp = arith.divui %thread, %c32 {attn.name = "warp"} : index
    %row_limit = arith.index_cast %rows : i32 to index
    %shared = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %at = memref.view %shared[%c0][] {attn.name = "a_tile"} : memref<?xi8, #gpu.address_space<workgroup>> to memref<64x64xf16, #gpu.address_space<workgroup>>
    %bt = memref.view %shared[%c8192][] {attn.name = "b_tile"} : memref<?xi8, #gpu.address_space<workgroup>> to memref<64x64xf16, #gpu.address_space<workgroup>>
    scf.for %part = %c0 to %c4 step %c1 {
      %0 = arith.divui %thread, %c8 : index
      %1 = arith.muli %part, %c16 : index
      %row = arith.addi %0, %1 {attn.name = "row"} : index
      %chunk = arith.remui %thread, %c8 : index
      %column = arith.muli %chunk, %c8 {attn.name = "column"} : index
      %2 = arith.remui %row, %c8 : index
      %3 = arith.xori %chunk, %2 : index
      %swizzled = arith.muli %3, %c8 {attn.name = "swizzled"} : index
      %inside = arith.cmpi slt, %row, %row_limit : index
      %count = arith.select %inside, %c8, %c0 : index
      %t0 = nvgpu.device_async_copy %a[%row, %column], %at[%row, %swizzled], 8, %count {bypassL1} : memref<?x?xf16, strided<[?, 1], offset: ?>> to memref<64x64xf16, #gpu.address_space<workgroup>>
      %t1 = nvgpu.device_async_copy %b[%row, %column], %bt[%row, %swizzled], 8 {bypassL1} : memref<?x?xf16, strided<[?, 1], offset: ?>> to memref<64x64xf16, #gpu.address_space<workgroup>>
    } {attn.unroll, attn.iv = "part", attn.comment = "Both matrices into shared memory; chunks of 16 bytes are permuted within a row."}
    %group = nvgpu.device_async_create_group
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    gpu.barrier

    %sums = memref.alloca() {attn.name = "sums"} : memref<8x4xf32, #gpu.address_space<private>>
    scf.for %n = %c0 to %c8 step %c1 {
      scf.for %e = %c0 to %c4 step %c1 {
        memref.store %zero, %sums[%n, %e] : memref<8x4xf32, #gpu.address_space<private>>
      } {attn.unroll, attn.iv = "e"}
    } {attn.unroll, attn.iv = "n"}
    %first_row = arith.muli %warp, %c16 {attn.name = "first_row"} : index
    %lane8 = arith.remui %lane, %c8 : index
    %lane16 = arith.remui %lane, %c16 {attn.name = "lane16"} : index
    %lane_half = arith.divui %lane, %c16 {attn.name = "lane_half"} : index
    scf.for %k = %c0 to %c4 step %c1 {
      %0 = arith.muli %k, %c2 : index
      %chunk = arith.addi %0, %lane_half : index
      %1 = arith.xori %chunk, %lane8 : index
      %column = arith.muli %1, %c8 : index
      %row = arith.addi %first_row, %lane16 : index
      %a_fragment = nvgpu.ldmatrix %at[%row, %column] {numTiles = 4 : i32, transpose = false, attn.name = "a_fragment"} : memref<64x64xf16, #gpu.address_space<workgroup>> -> vector<4x2xf16>
      %ah0 = vector.extract %a_fragment[0] : vector<2xf16> from vector<4x2xf16>
      %ah1 = vector.extract %a_fragment[1] : vector<2xf16> from vector<4x2xf16>
      %ah2 = vector.extract %a_fragment[2] : vector<2xf16> from vector<4x2xf16>
      %ah3 = vector.extract %a_fragment[3] : vector<2xf16> from vector<4x2xf16>
      scf.for %pair = %c0 to %c4 step %c1 {
        %2 = arith.muli %k, %c16 : index
        %b_row = arith.addi %2, %lane16 : index
        %n = arith.muli %pair, %c2 {attn.name = "n"} : index
        %n1 = arith.addi %n, %c1 {attn.name = "n1"} : index
        %3 = arith.addi %n, %lane_half : index
        %4 = arith.xori %3, %lane8 : index
        %b_column = arith.muli %4, %c8 : index
        %b_fragment = nvgpu.ldmatrix %bt[%b_row, %b_column] {numTiles = 4 : i32, transpose = true, attn.name = "b_fragment"} : memref<64x64xf16, #gpu.address_space<workgroup>> -> vector<4x2xf16>
        %bh0 = vector.extract %b_fragment[0] : vector<2xf16> from vector<4x2xf16>
        %bh1 = vector.extract %b_fragment[1] : vector<2xf16> from vector<4x2xf16>
        %bh2 = vector.extract %b_fragment[2] : vector<2xf16> from vector<4x2xf16>
        %bh3 = vector.extract %b_fragment[3] : vector<2xf16> from vector<4x2xf16>
        %cx0 = memref.load %sums[%n, %c0] : memref<8x4xf32, #gpu.address_space<private>>
        %cx1 = memref.load %sums[%n, %c1] : memref<8x4xf32, #gpu.address_space<private>>
        %cx2 = memref.load %sums[%n, %c2] : memref<8x4xf32, #gpu.address_space<private>>
        %cx3 = memref.load %sums[%n, %c3] : memref<8x4xf32, #gpu.address_space<private>>
        %dx = nvvm.mma.sync A[%ah0, %ah1, %ah2, %ah3] B[%bh0, %bh1] C[%cx0, %cx1, %cx2, %cx3]
            {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
            : (vector<2xf16>, vector<2xf16>, f32) -> !llvm.struct<(f32, f32, f32, f32)>
        %rx0 = llvm.extractvalue %dx[0] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %rx0, %sums[%n, %c0] : memref<8x4xf32, #gpu.address_space<private>>
        %rx1 = llvm.extractvalue %dx[1] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %rx1, %sums[%n, %c1] : memref<8x4xf32, #gpu.address_space<private>>
        %rx2 = llvm.extractvalue %dx[2] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %rx2, %sums[%n, %c2] : memref<8x4xf32, #gpu.address_space<private>>
        %rx3 = llvm.extractvalue %dx[3] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %rx3, %sums[%n, %c3] : memref<8x4xf32, #gpu.address_space<private>>
        %cy0 = memref.load %sums[%n1, %c0] : memref<8x4xf32, #gpu.address_space<private>>
        %cy1 = memref.load %sums[%n1, %c1] : memref<8x4xf32, #gpu.address_space<private>>
        %cy2 = memref.load %sums[%n1, %c2] : memref<8x4xf32, #gpu.address_space<private>>
        %cy3 = memref.load %sums[%n1, %c3] : memref<8x4xf32, #gpu.address_space<private>>
        %dy = nvvm.mma.sync A[%ah0, %ah1, %ah2, %ah3] B[%bh2, %bh3] C[%cy0, %cy1, %cy2, %cy3]
            {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
            : (vector<2xf16>, vector<2xf16>, f32) -> !llvm.struct<(f32, f32, f32, f32)>
        %ry0 = llvm.extractvalue %dy[0] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %ry0, %sums[%n1, %c0] : memref<8x4xf32, #gpu.address_space<private>>
        %ry1 = llvm.extractvalue %dy[1] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %ry1, %sums[%n1, %c1] : memref<8x4xf32, #gpu.address_space<private>>
        %ry2 = llvm.extractvalue %dy[2] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %ry2, %sums[%n1, %c2] : memref<8x4xf32, #gpu.address_space<private>>
        %ry3 = llvm.extractvalue %dy[3] : !llvm.struct<(f32, f32, f32, f32)>
        memref.store %ry3, %sums[%n1, %c3] : memref<8x4xf32, #gpu.address_space<private>>
      } {attn.unroll, attn.iv = "pair"}
    } {attn.unroll, attn.iv = "k", attn.comment = "C = A B, 16 columns of A at a time."}

    %quad = arith.remui %lane, %c4 {attn.name = "quad"} : index
    %group_row = arith.divui %lane, %c4 {attn.name = "group"} : index
    scf.for %n = %c0 to %c8 step %c1 {
      scf.for %half = %c0 to %c2 step %c1 {
        %0 = arith.muli %half, %c8 : index
        %1 = arith.addi %group_row, %0 : index
        %row = arith.addi %first_row, %1 {attn.name = "row"} : index
        %2 = arith.muli %n, %c8 : index
        %3 = arith.muli %quad, %c2 : index
        %column = arith.addi %2, %3 {attn.name = "column"} : index
        %4 = arith.muli %half, %c2 : index
        %5 = arith.addi %4, %c1 : index
        %x = memref.load %sums[%n, %4] : memref<8x4xf32, #gpu.address_space<private>>
        %y = memref.load %sums[%n, %5] : memref<8x4xf32, #gpu.address_space<private>>
        %v = vector.from_elements %x, %y : vector<2xf32>
        %h = arith.truncf %v : vector<2xf32> to vector<2xf16>
        vector.store %h, %c[%row, %column] : memref<?x?xf16, strided<[?, 1], offset: ?>>, vector<2xf16>
      } {attn.unroll, attn.iv = "half"}
    } {attn.unroll, attn.iv = "n"}
    gpu.return
  }
}
