// Llama-3 8B, one layer's attention: 32 query heads share 8 key and value heads
// (grouped-query attention, groups of 4), head dimension 128, causal.
//
// Batch and sequence lengths are dynamic: one compilation serves all of them,
// and because the causal mask is aligned bottom-right, also a prompt that
// continues an earlier one (fewer queries than keys).  %lse is the natural-log
// log-sum-exp of each row, which training and merging of partial results need.
//
//   attn-run examples/llama3-8b.mlir --check --inputs=random:1x32x1024x128,random:1x8x1024x128,random:1x8x1024x128

func.func @prefill(%q: tensor<?x32x?x128xf32>, %k: tensor<?x8x?x128xf32>,
                   %v: tensor<?x8x?x128xf32>)
    -> (tensor<?x32x?x128xf32>, tensor<?x32x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x32x?x128xf32>, tensor<?x8x?x128xf32>, tensor<?x8x?x128xf32>)
     -> (tensor<?x32x?x128xf32>, tensor<?x32x?xf32>)
  return %o, %lse : tensor<?x32x?x128xf32>, tensor<?x32x?xf32>
}
