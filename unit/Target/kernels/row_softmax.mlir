// Each row of a bf16 matrix becomes its softmax, in f32: a warp a row.  A lane
// has every 32nd element of at most 256, twice: the scores are in registers.
// Also writes the natural logarithm of the sum of exponentials.
// Grid ceil(rows / 4), 128 threads.

gpu.module @kernels {
  gpu.func @row_softmax(
      %in: memref<?x?xbf16, strided<[?, 1], offset: ?>> {attn.name = "scores_in"},
      %out: memref<?x?xf32, strided<[?, 1], offset: ?>> {attn.name = "softmax_out"},
      %lse: memref<?xf32, strided<[?], offset: ?>> {attn.name = "lse_out"},
      %columns: index {attn.name = "columns", attn.range = array<i64: 0, 256>})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %c32 = arith.constant 32 : index
    %c0_i32 = arith.constant 0 : i32
    %c1_i32 = arith.constant 1 : i32
    %c32_i32 = arith.constant 32 : i32
    %width = arith.constant 32 : i32
    %lowest = arith.constant 0xFF800000 : f32
    %zero = arith.constant 0.0 : f32
    %log2e = arith.constant 1.44269502 : f32
    %ln2 = arith.constant 0.693147182 : f32
    %rows = memref.dim %in, %c0 : memref<?x?xbf16, strided<[?, 1], offset: ?>>
    %thread = gpu.thread_id x
    %block = gpu.block_id x
    %lane = arith.remui %thread, %c32 {attn.name = "lane"} : index
    %warp = arith.divui %thread, %c32 {attn.name = "warp"} : index
    %0 = arith.muli %block, %c4 : index
    %row = arith.addi %0, %warp {attn.name = "row"} : index
    %exists = arith.cmpi slt, %row, %rows : index
    scf.if %exists {
      %scores = memref.alloca() {attn.name = "scores", attn.comment = "The row, in registers; what is past its end is -inf."}
          : memref<8xf32, #gpu.address_space<private>>
      %max = scf.for %i = %c0 to %c8 step %c1 iter_args(%m = %lowest) -> (f32) {
        %1 = arith.muli %i, %c32 : index
        %column = arith.addi %1, %lane {attn.name = "column"} : index
        %inside = arith.cmpi slt, %column, %columns : index
        %x = scf.if %inside -> (f32) {
          %bits = memref.load %in[%row, %column] : memref<?x?xbf16, strided<[?, 1], offset: ?>>
          %wide = arith.extf %bits : bf16 to f32
          scf.yield %wide : f32
        } else {
          scf.yield %lowest : f32
        } {attn.name = "score"}
        memref.store %x, %scores[%i] : memref<8xf32, #gpu.address_space<private>>
        %next = arith.maximumf %m, %x : f32
        scf.yield %next : f32
      } {attn.unroll, attn.name = "row_max"}
      // The maximum over the lanes, by a loop that is not unrolled.
      %all:2 = scf.while (%distance = %c1_i32, %m = %max) : (i32, f32) -> (i32, f32) {
        %more = arith.cmpi slt, %distance, %c32_i32 : i32
        scf.condition(%more) %distance, %m : i32, f32
      } do {
      ^bb0(%distance: i32, %m: f32):
        %other, %valid = gpu.shuffle xor %m, %distance, %width : f32
        %next = arith.maximumf %m, %other : f32
        %twice = arith.shli %distance, %c1_i32 : i32
        scf.yield %twice, %next : i32, f32
      } attributes {attn.name = ["distance", "warp_max"], attn.comment = "The maximum over all lanes."}
      %scaled = arith.mulf %all#1, %log2e : f32
      %shift = arith.negf %scaled {attn.name = "shift"} : f32
      %sum = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %zero) -> (f32) {
        %x = memref.load %scores[%i] : memref<8xf32, #gpu.address_space<private>>
        %e = math.fma %x, %log2e, %shift : f32
        %p = math.exp2 %e {attn.name = "p"} : f32
        memref.store %p, %scores[%i] : memref<8xf32, #gpu.address_space<private>>
        %next = arith.addf %s, %p : f32
        scf.yield %next : f32
      } {attn.unroll, attn.name = "row_sum"}
      %d16 = arith.constant 16 : i32
      %d8 = arith.constant 8 : i32
      %d4 = arith.constant 4 : i32
      %d2 = arith.constant 2 : i32
      %o16, %v16 = gpu.shuffle xor %sum, %d16, %width : f32
      %s16 = arith.addf %sum, %o16 : f32
      %o8, %v8 = gpu.shuffle xor %s16, %d8, %width : f32
      %s8 = arith.addf %s16, %o8 : f32
      %o4, %v4 = gpu.shuffle xor %s8, %d4, %width : f32
      %s4 = arith.addf %s8, %o4 : f32
      %o2, %v2 = gpu.shuffle xor %s4, %d2, %width : f32
      %s2 = arith.addf %s4, %o2 : f32
      %o1, %v1 = gpu.shuffle xor %s2, %c1_i32, %width : f32
      %total = arith.addf %s2, %o1 {attn.name = "total"} : f32
      scf.for %i = %c0 to %c8 step %c1 {
        %1 = arith.muli %i, %c32 : index
        %column = arith.addi %1, %lane {attn.name = "column"} : index
        %inside = arith.cmpi slt, %column, %columns : index
        scf.if %inside {
          %p = memref.load %scores[%i] : memref<8xf32, #gpu.address_space<private>>
          %q = arith.divf %p, %total : f32
          memref.store %q, %out[%row, %column] : memref<?x?xf32, strided<[?, 1], offset: ?>>
        }
      } {attn.unroll}
      %first = arith.cmpi eq, %lane, %c0 : index
      scf.if %first {
        %log = math.log2 %total : f32
        %log_e = arith.mulf %log, %ln2 : f32
        %result = arith.addf %log_e, %all#1 : f32
        memref.store %result, %lse[%row] : memref<?xf32, strided<[?], offset: ?>>
      }
    }
    gpu.return
  }
}
