// Falcon-7B, one layer's attention: all 71 query heads share one key and value
// head (multi-query attention), head dimension 64, causal.
//
//   attn-run examples/falcon.mlir --check --inputs=random:1x71x512x64,random:1x1x512x64,random:1x1x512x64

func.func @prefill(%q: tensor<?x71x?x64xf32>, %k: tensor<?x1x?x64xf32>,
                   %v: tensor<?x1x?x64xf32>) -> tensor<?x71x?x64xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x71x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>)
     -> tensor<?x71x?x64xf32>
  return %o : tensor<?x71x?x64xf32>
}
