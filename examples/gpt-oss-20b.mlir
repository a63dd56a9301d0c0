// GPT-OSS 20B (OpenAI 2025), one layer's attention: 64 query heads share 8 key
// and value heads, head dimension 64, causal, with an attention sink: each query
// head has learned a logit that takes part in the softmax and has no value, so
// that a head can look at nothing.
//
// Every second layer has a sliding window of 128 tokens, a token itself
// included, and the others have none.  One kernel serves both: the window is an
// argument.  %left is 127 in a layer with a window; in one without it is the
// length of the context or more.
//
//   attn-run examples/gpt-oss-20b.mlir --check --inputs=random:1x64x512x64,random:1x8x512x64,random:1x8x512x64,127,random:64

func.func @prefill(%q: tensor<?x64x?x64xbf16>, %k: tensor<?x8x?x64xbf16>,
                   %v: tensor<?x8x?x64xbf16>,
                   %left: index {attn.name = "left"},
                   %sinks: tensor<64xf32> {attn.name = "sinks"})
    -> tensor<?x64x?x64xbf16> {
  %o = attn.attention %q, %k, %v
      mask(#attn.all_of<[#attn.causal, #attn.window<left = ?>]>)[%left]
      sinks(%sinks)
      : (tensor<?x64x?x64xbf16>, tensor<?x8x?x64xbf16>,
         tensor<?x8x?x64xbf16>)
     -> tensor<?x64x?x64xbf16>
  return %o : tensor<?x64x?x64xbf16>
}
