// PaliGemma 3B (Beyer et al. 2024), one layer's attention of its language
// model, Gemma 2B: 8 query heads share one key and value head, head dimension
// 256, scale 1 / sqrt(256).  The mask is that of a prefix language model: all
// tokens see the whole prefix, which is the image (256 tokens at 224 x 224
// pixels) and the prompt, and what the model writes is causal.
//
// %prefix is the length of the prefix, the same for the whole batch.
//
//   attn-run examples/paligemma.mlir --check --inputs=random:1x8x384x256,random:1x1x384x256,random:1x1x384x256,272

func.func @prefill(%q: tensor<?x8x?x256xbf16>, %k: tensor<?x1x?x256xbf16>,
                   %v: tensor<?x1x?x256xbf16>,
                   %prefix: index {attn.name = "prefix"})
    -> tensor<?x8x?x256xbf16> {
  %o = attn.attention %q, %k, %v
      mask(#attn.any_of<[#attn.prefix<?>, #attn.causal]>)[%prefix]
      scale(0.0625)
      : (tensor<?x8x?x256xbf16>, tensor<?x1x?x256xbf16>,
         tensor<?x1x?x256xbf16>)
     -> tensor<?x8x?x256xbf16>
  return %o : tensor<?x8x?x256xbf16>
}
