// Tiles without keys are skipped with dropout as well: what is left of weights
// that are 0 is 0.

// RUN: attn-opt %s --attn-expand-variant --attn-tile="tile-q=16 tile-kv=8" \
// RUN:   | attn-opt --pass-pipeline="builtin.module(tile.kernel(tile-bound))" \
// RUN:   | FileCheck %s

// CHECK-LABEL: tile.kernel private @causal_attention(
// CHECK: scf.for
// CHECK:   arith.mului_extended
// CHECK: } {tile.visit = "partial"}
// CHECK: scf.for
// CHECK:   arith.mului_extended
// CHECK: } {tile.visit = "full"}
func.func @causal(%q: tensor<?x1x?x16xf32>, %p: f32, %seed: i64, %offset: i64)
    -> tensor<?x1x?x16xf32> {
  %o = attn.attention %q, %q, %q mask(#attn.causal)
      dropout(%p, %seed, %offset)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return %o : tensor<?x1x?x16xf32>
}
