// GPT-2 small (Radford et al. 2019) in training, one layer's attention: 12 heads of
// dimension 64, causal, and a tenth of the attention weights is dropped.
//
// What is dropped follows from %seed and %offset; the same two give the same
// weights on every device.  A training step takes an offset of its own.
//
//   attn-run examples/gpt2-training.mlir --check --inputs=random:4x12x1024x64,random:4x12x1024x64,random:4x12x1024x64,0.1,2019,0

func.func @train(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                 %v: tensor<?x12x?x64xf32>,
                 %probability: f32 {attn.name = "probability"},
                 %seed: i64 {attn.name = "seed"},
                 %offset: i64 {attn.name = "offset"})
    -> (tensor<?x12x?x64xf32>, tensor<?x12x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v mask(#attn.causal)
      dropout(%probability, %seed, %offset)
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> (tensor<?x12x?x64xf32>, tensor<?x12x?xf32>)
  return %o, %lse : tensor<?x12x?x64xf32>, tensor<?x12x?xf32>
}
