// Causal attention as in Llama 3 8B: 32 query heads share 8 key and value heads
// of dimension 128, in bf16.
func.func @causal(%q: tensor<?x32x?x128xbf16>, %k: tensor<?x8x?x128xbf16>,
                  %v: tensor<?x8x?x128xbf16>) -> tensor<?x32x?x128xbf16> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x32x?x128xbf16>, tensor<?x8x?x128xbf16>,
         tensor<?x8x?x128xbf16>)
     -> tensor<?x32x?x128xbf16>
  return %o : tensor<?x32x?x128xbf16>
}
