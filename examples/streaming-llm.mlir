// StreamingLLM (Xiao et al. 2023): the first tokens of a sequence are kept, and of
// the others the last ones.  Llama 2 7B: 32 heads of dimension 128.
//
// %first is 4 in the paper, %left one less than the size of the window.  Both are
// given for each call.  The cache holds all keys here, and only the tiles of the
// first tokens and of the window are read.
//
//   attn-run examples/streaming-llm.mlir --check --inputs=random:1x32x512x128,random:1x32x512x128,random:1x32x512x128,4,127

func.func @decode(%q: tensor<?x32x?x128xf32>, %k: tensor<?x32x?x128xf32>,
                  %v: tensor<?x32x?x128xf32>,
                  %first: index {attn.name = "first"},
                  %left: index {attn.name = "left"})
    -> tensor<?x32x?x128xf32> {
  %o = attn.attention %q, %k, %v
      mask(#attn.all_of<[#attn.causal,
                         #attn.any_of<[#attn.prefix<?>,
                                       #attn.window<left = ?>]>]>)[%first, %left]
      : (tensor<?x32x?x128xf32>, tensor<?x32x?x128xf32>, tensor<?x32x?x128xf32>)
     -> tensor<?x32x?x128xf32>
  return %o : tensor<?x32x?x128xf32>
}
