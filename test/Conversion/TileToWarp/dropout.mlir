// With dropout, sums are those of all weights: neither the rounded ones, which
// are what is left of them, nor a test of these can take their place.

// RUN: attn-opt %s --attn-tile="tile-q=64 tile-kv=32" --canonicalize --cse \
// RUN:   | attn-opt --pass-pipeline="builtin.module(tile.kernel(convert-tile-to-warp{warps=4},warp-row-sum,warp-lazy-rescale))" \
// RUN:   | FileCheck %s --implicit-check-not=warp.row_sum --implicit-check-not=warp.reaches_two

// CHECK-LABEL: tile.kernel private @f_attention(
// CHECK: scf.for
// CHECK: tile.reduce add rows %[[P:[0-9]+]],
// CHECK: %[[SOME:.*]] = tile.map(%{{.*}} = %[[P]]) at
// CHECK: %[[ROUNDED:.*]] = tile.map(%{{.*}} = %[[SOME]])
// CHECK-NEXT: arith.truncf
// CHECK: warp.dot %[[ROUNDED]]
func.func @f(%q: tensor<?x1x?x64xbf16>, %p: f32, %seed: i64, %offset: i64)
    -> tensor<?x1x?x64xbf16> {
  %o = attn.attention %q, %q, %q dropout(%p, %seed, %offset)
      : (tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>)
     -> tensor<?x1x?x64xbf16>
  return %o : tensor<?x1x?x64xbf16>
}
