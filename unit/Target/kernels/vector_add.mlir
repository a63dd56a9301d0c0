// c = a + b for f32 vectors of any length: four elements a thread, one by one
// at the end.  Grid ceil(length / 512), 128 threads.

gpu.module @kernels {
  gpu.func @vector_add(
      %a: memref<?xf32> {attn.name = "a"}, %b: memref<?xf32> {attn.name = "b"},
      %c: memref<?xf32> {attn.name = "c"}, %scale: f32 {attn.name = "scale"})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>,
                         attn.min_blocks = 2 : i64} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c128 = arith.constant 128 : index
    %length = memref.dim %a, %c0 : memref<?xf32>
    %block = gpu.block_id x
    %thread = gpu.thread_id x
    %0 = arith.muli %block, %c128 : index
    %1 = arith.addi %0, %thread : index
    %first = arith.muli %1, %c4 {attn.name = "first"} : index
    %end = arith.addi %first, %c4 : index
    %whole = arith.cmpi sle, %end, %length : index
    scf.if %whole {
      %x = vector.load %a[%first] {attn.name = "x"} : memref<?xf32>, vector<4xf32>
      %y = vector.load %b[%first] {attn.name = "y"} : memref<?xf32>, vector<4xf32>
      %s = vector.broadcast %scale : f32 to vector<4xf32>
      %xs = arith.mulf %x, %s : vector<4xf32>
      %sum = arith.addf %xs, %y {attn.name = "sum"} : vector<4xf32>
      vector.store %sum, %c[%first] : memref<?xf32>, vector<4xf32>
    } else {
      scf.for %i = %first to %length step %c1 {
        %x = memref.load %a[%i] : memref<?xf32>
        %y = memref.load %b[%i] : memref<?xf32>
        %xs = arith.mulf %x, %scale : f32
        %sum = arith.addf %xs, %y : f32
        memref.store %sum, %c[%i] : memref<?xf32>
      } {attn.comment = "The ragged end."}
    }
    gpu.return
  }
}
