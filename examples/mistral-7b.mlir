// Mistral 7B v0.1 (Jiang et al. 2023), one layer's attention: 32 query heads
// share 8 key and value heads, head dimension 128, causal with a sliding
// window: a token sees itself and the 4095 tokens before it, 4096 in all.  Keys
// that the window of a whole tile has left behind are never read.
//
//   attn-run examples/mistral-7b.mlir --check --inputs=random:1x32x512x128,random:1x8x512x128,random:1x8x512x128

func.func @prefill(%q: tensor<?x32x?x128xbf16>, %k: tensor<?x8x?x128xbf16>,
                   %v: tensor<?x8x?x128xbf16>) -> tensor<?x32x?x128xbf16> {
  %o = attn.attention %q, %k, %v mask(#attn.window<left = 4095, right = 0>)
      : (tensor<?x32x?x128xbf16>, tensor<?x8x?x128xbf16>,
         tensor<?x8x?x128xbf16>)
     -> tensor<?x32x?x128xbf16>
  return %o : tensor<?x32x?x128xbf16>
}
