// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-pad-columns))' --split-input-file --verify-diagnostics

tile.kernel @sum(%work: index, %o: memref<?x40xf32>) {
  %c0 = arith.constant 0 : index
  %O = tile.view %o[rows, cols] : memref<?x40xf32>
  %t = tile.load %O[%work, %c0] : !tile.view<f32> -> !tile.tile<64x40xf32>
  // expected-error@+1 {{reduces a tile whose columns are no multiple of 16 and cannot be padded}}
  %m = tile.reduce add rows %t : (!tile.tile<64x40xf32>) -> !tile.tile<64x1xf32>
  tile.return
}
