// Block-sparse FlashAttention with the heads of Llama 3 8B: 32 query heads share 8
// key and value heads, head dimension 128, causal.  For each head and each block
// of 128 queries somebody has chosen blocks of 128 keys that matter, such as those
// with the highest estimated weight (MInference, Jiang et al. 2024; XAttention, Xu
// et al. 2025); all others are left out.
//
// %columns has the numbers of the chosen blocks, list after list; the list of
// head h and block of queries r is columns[offsets[0, h, r]] up to but not
// including columns[offsets[0, h, r + 1]].  attn::BlockMask in attn/attn.h makes
// both from a mask, a predicate or scores.  Here each list has two random blocks.
//
//   attn-run examples/block-sparse.mlir --check --inputs=random:1x32x1024x128,random:1x8x1024x128,random:1x8x1024x128,multiples:1x32x9:2,integers:16:8

func.func @prefill(%q: tensor<?x32x?x128xf32>, %k: tensor<?x8x?x128xf32>,
                   %v: tensor<?x8x?x128xf32>,
                   %offsets: tensor<1x32x?xi32> {attn.name = "offsets"},
                   %columns: tensor<?xi32> {attn.name = "columns"})
    -> tensor<?x32x?x128xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      block_mask(%offsets, %columns) block_size [128, 128]
      : (tensor<?x32x?x128xf32>, tensor<?x8x?x128xf32>, tensor<?x8x?x128xf32>,
         tensor<1x32x?xi32>, tensor<?xi32>)
     -> tensor<?x32x?x128xf32>
  return %o : tensor<?x32x?x128xf32>
}
