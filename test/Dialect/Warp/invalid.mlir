// Each rule of the verifiers of the warp dialect.
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{a tile is divided among 1 to 16 warps, got 0}}
func.func private @warps(!tile.tile<64x64xf32, #warp.mma<0>>)

// -----

// expected-error@+1 {{a slab has rows of 32, 64 or 128 bytes, got 48}}
func.func private @slab(!tile.tile<64x64xbf16, #warp.swizzle<48>>)

// -----

// expected-error@+1 {{a channel has at least one stage, got 0}}
func.func private @stages(!warp.channel<0 x !tile.tile<64x64xbf16, #warp.swizzle<128>>>)

// -----

// expected-error@+1 {{a channel holds tiles with a #warp.swizzle layout, got}}
func.func private @registers(!warp.channel<2 x !tile.tile<64x64xbf16, #warp.mma<4>>>)

// -----

// expected-error@+1 {{do not fill slabs of 128 bytes}}
func.func private @columns(!warp.channel<2 x !tile.tile<64x80xbf16, #warp.swizzle<128>>>)

// -----

// expected-error@+1 {{are no multiple of 8, the rows of a pattern}}
func.func private @rows(!warp.channel<2 x !tile.tile<60x64xbf16, #warp.swizzle<128>>>)

// -----

// expected-error@+1 {{a product is in registers, with a #warp.mma layout, got}}
func.func private @pending(!warp.pending<!tile.tile<64x64xf32>>)

// -----

!shared = !tile.tile<64x64xbf16, #warp.swizzle<128>>
tile.kernel @put(%work: index, %k: memref<?x64xf32>) {
  %K = tile.view %k[rows, cols] : memref<?x64xf32>
  %channel = warp.channel : !warp.channel<2 x !shared>
  // expected-error@+1 {{copies bytes, but the view holds 'f32' and the channel 'bf16'}}
  warp.put %K[%work, %work], %channel[%work] : !tile.view<f32>, !warp.channel<2 x !shared>
  tile.return
}

// -----

!shared = !tile.tile<64x64xbf16, #warp.swizzle<128>>
tile.kernel @take(%work: index) {
  %channel = warp.channel : !warp.channel<2 x !shared>
  // expected-error@+1 {{cannot leave -1 puts in flight}}
  %k = warp.take %channel[%work] in_flight -1 : !warp.channel<2 x !shared>
  tile.return
}

// -----

!shared = !tile.tile<64x64xbf16, #warp.swizzle<128>>
tile.kernel @read(%work: index) {
  %channel = warp.channel : !warp.channel<2 x !shared>
  %k = warp.take %channel[%work] : !warp.channel<2 x !shared>
  // expected-error@+1 {{cannot change}}
  %q = warp.read %k : !shared -> !tile.tile<64x32xbf16, #warp.mma<4>>
  tile.return
}

// -----

!shared = !tile.tile<64x64xbf16, #warp.swizzle<128>>
tile.kernel @place(%work: index) {
  %channel = warp.channel : !warp.channel<2 x !shared>
  %k = warp.take %channel[%work] : !warp.channel<2 x !shared>
  %r = warp.read %k : !shared -> !tile.tile<64x64xbf16, #warp.mma<2>>
  // expected-error@+1 {{multiplies a tile in shared memory, or in registers of the result's layout, with one in shared memory}}
  %s = warp.dot %r, %k : (!tile.tile<64x64xbf16, #warp.mma<2>>, !shared) -> !warp.pending<!tile.tile<64x64xf32, #warp.mma<4>>>
  tile.return
}

// -----

!shared = !tile.tile<64x64xbf16, #warp.swizzle<128>>
!operand = !tile.tile<64x64xbf16, #warp.mma<4>>
tile.kernel @sizes(%work: index) {
  %channel = warp.channel : !warp.channel<2 x !shared>
  %k = warp.take %channel[%work] : !warp.channel<2 x !shared>
  %q = warp.read %k : !shared -> !operand
  // expected-error@+1 {{multiplies 64x64 with 64x64 to 64x32}}
  %s = warp.dot %q, %k : (!operand, !shared) -> !warp.pending<!tile.tile<64x32xf32, #warp.mma<4>>>
  tile.return
}

// -----

!shared = !tile.tile<64x64xbf16, #warp.swizzle<128>>
!operand = !tile.tile<64x64xf16, #warp.mma<4>>
tile.kernel @types(%work: index, %x: f16) {
  %q = tile.map() : () -> !operand {
    tile.yield %x : f16
  }
  %channel = warp.channel : !warp.channel<2 x !shared>
  %k = warp.take %channel[%work] : !warp.channel<2 x !shared>
  // expected-error@+1 {{multiplies tiles of bf16 or of f16 to f32}}
  %s = warp.dot %q, %k : (!operand, !shared) -> !warp.pending<!tile.tile<64x64xf32, #warp.mma<4>>>
  tile.return
}

// -----

tile.kernel @layouts(%work: index, %value: f32) {
  %s = tile.map() : () -> !tile.tile<64x64xf32, #warp.mma<4>> {
    tile.yield %value : f32
  }
  // expected-error@+1 {{the layouts of the input '!tile.tile<64x64xf32, #warp.mma<4>>' and of the result '!tile.tile<64x64xf32>' differ}}
  %t = tile.map(%x = %s) : (!tile.tile<64x64xf32, #warp.mma<4>>) -> !tile.tile<64x64xf32> {
    tile.yield %x : f32
  }
  tile.return
}

// -----

!rows = !tile.tile<64x1xf32, #warp.mma<4>>
!scores = !tile.tile<64x32xf32, #warp.mma<4>>
tile.kernel @sum(%work: index) {
  %zero = arith.constant 0.0 : f32
  %l = tile.map() : () -> !rows {
    tile.yield %zero : f32
  }
  %p = tile.map() : () -> !scores {
    tile.yield %zero : f32
  }
  // expected-error@+1 {{adds rows of bf16 or f16 in registers to one column of f32 of the same layout}}
  %s = warp.row_sum %p, %l : !scores, !rows
  tile.return
}

// -----

!scores = !tile.tile<64x32xf32, #warp.mma<4>>
tile.kernel @reaches_two(%work: index) {
  %zero = arith.constant 0.0 : f32
  %p = tile.map() : () -> !scores {
    tile.yield %zero : f32
  }
  // expected-error@+1 {{looks at matrices of bf16 or f16 in registers, got '!tile.tile<64x32xf32, #warp.mma<4>>'}}
  %s = warp.reaches_two %p : !scores
  tile.return
}
