// Llama 4 Scout (Meta 2025), the attention of a local layer, three of every
// four: 40 query heads share 8 key and value heads, head dimension 128, causal
// within chunks of 8192 tokens.  A chunk's first token sees only itself.
//
//   attn-run examples/llama-4-scout.mlir --check --inputs=random:1x40x512x128,random:1x8x512x128,random:1x8x512x128

func.func @prefill(%q: tensor<?x40x?x128xbf16>, %k: tensor<?x8x?x128xbf16>,
                   %v: tensor<?x8x?x128xbf16>) -> tensor<?x40x?x128xbf16> {
  %o = attn.attention %q, %k, %v
      mask(#attn.all_of<[#attn.causal, #attn.chunk<8192>]>)
      : (tensor<?x40x?x128xbf16>, tensor<?x8x?x128xbf16>,
         tensor<?x8x?x128xbf16>)
     -> tensor<?x40x?x128xbf16>
  return %o : tensor<?x40x?x128xbf16>
}
