// What convert-tile-to-warp refuses.
// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(convert-tile-to-warp{warps=4 stages=2}))' -split-input-file -verify-diagnostics

tile.kernel @rows(%work: index, %x: f32) {
  // expected-error@+1 {{makes '!tile.tile<48x64xf32, #warp.mma<4>>'; the rows of a tile must be a multiple of 64, 16 for each of 4 warps}}
  %t = tile.map() : () -> !tile.tile<48x64xf32> {
    tile.yield %x : f32
  }
  tile.return
}

// -----

tile.kernel @columns(%work: index, %x: f32) {
  // expected-error@+1 {{the columns of a tile must be a multiple of 8}}
  %t = tile.map() : () -> !tile.tile<64x12xf32> {
    tile.yield %x : f32
  }
  tile.return
}

// -----

tile.kernel @type(%work: index, %q: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %Q = tile.view %q[rows, cols] : memref<?x64xf32>
  %t = tile.load %Q[%work, %c0] : !tile.view<f32> -> !tile.tile<64x64xf32>
  // expected-error@+1 {{multiplies tiles of 'f32'; on a GPU the tensors must be bf16 or f16 (f32 runs on the CPU)}}
  %s = tile.dot %t, %t transpose_b : (!tile.tile<64x64xf32>, !tile.tile<64x64xf32>) -> !tile.tile<64x64xf32>
  tile.return
}

// -----

tile.kernel @operand(%work: index, %q: memref<?x64xbf16>, %x: bf16) {
  %c0 = arith.constant 0 : index
  %Q = tile.view %q[rows, cols] : memref<?x64xbf16>
  %t = tile.load %Q[%work, %c0] : !tile.view<bf16> -> !tile.tile<64x64xbf16>
  %y = tile.map() : () -> !tile.tile<64x64xbf16> {
    tile.yield %x : bf16
  }
  // expected-error@+1 {{must multiply a tile with one that is loaded from memory}}
  %s = tile.dot %t, %y : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<64x64xf32>
  tile.return
}

// -----

tile.kernel @extended(%work: index, %q: memref<?x64xf8E4M3FN>) {
  %c0 = arith.constant 0 : index
  %Q = tile.view %q[rows, cols] : memref<?x64xf8E4M3FN>
  // expected-error@+1 {{extends 'f8E4M3FN' to 'f16' on its way to a product}}
  %t = tile.load %Q[%work, %c0] : !tile.view<f8E4M3FN> -> !tile.tile<64x64xf16>
  %s = tile.dot %t, %t transpose_b : (!tile.tile<64x64xf16>, !tile.tile<64x64xf16>) -> !tile.tile<64x64xf32>
  tile.return
}

// -----

tile.kernel @step(%work: index, %q: memref<?x64xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %Q = tile.view %q[rows, cols] : memref<?x64xbf16>
  // expected-error@+1 {{must count in steps of 1}}
  scf.for %t = %c0 to %n step %c2 {
    %k = tile.load %Q[%t, %c0] : !tile.view<bf16> -> !tile.tile<64x64xbf16>
    %s = tile.dot %k, %k transpose_b : (!tile.tile<64x64xbf16>, !tile.tile<64x64xbf16>) -> !tile.tile<64x64xf32>
  }
  tile.return
}
