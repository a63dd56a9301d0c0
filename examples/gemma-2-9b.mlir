// Gemma 2 9B (Gemma Team 2024), one layer's attention: 16 query heads share 8
// key and value heads, head dimension 256, scale 1 / sqrt(256), causal, and
// scores that tanh keeps between -50 and 50.
//
// Every second layer has a sliding window of 4096 tokens, and the others have
// none.  One kernel serves both: the window is an argument.  %left is 4095 in a
// local layer; in a global one it is 8191 or more, as the context is 8192.
//
//   attn-run examples/gemma-2-9b.mlir --check --inputs=random:1x16x512x256,random:1x8x512x256,random:1x8x512x256,4095

func.func @prefill(%q: tensor<?x16x?x256xbf16>, %k: tensor<?x8x?x256xbf16>,
                   %v: tensor<?x8x?x256xbf16>,
                   %left: index {attn.name = "left"})
    -> tensor<?x16x?x256xbf16> {
  %o = attn.attention %q, %k, %v
      mask(#attn.all_of<[#attn.causal, #attn.window<left = ?>]>)[%left]
      score(#attn.softcap<50.0>) scale(0.0625)
      : (tensor<?x16x?x256xbf16>, tensor<?x8x?x256xbf16>,
         tensor<?x8x?x256xbf16>)
     -> tensor<?x16x?x256xbf16>
  return %o : tensor<?x16x?x256xbf16>
}
