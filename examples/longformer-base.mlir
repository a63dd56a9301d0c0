// Longformer base 4096 (Beltagy et al. 2020), one layer's attention: 12 heads
// of dimension 64.  A token sees 256 tokens on each side (attention_window is
// 512), and a few global tokens at the beginning see all tokens and are seen by
// all: one, <s>, for classification, the question's for question answering.
//
// %globals is how many there are.  Longformer computes queries, keys and values
// for the rows of global tokens by linear maps of their own; this is the
// attention of one set of them.
//
//   attn-run examples/longformer-base.mlir --check --inputs=random:1x12x1024x64,random:1x12x1024x64,random:1x12x1024x64,1

func.func @encode(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>,
                  %globals: index {attn.name = "globals"})
    -> tensor<?x12x?x64xf32> {
  %o = attn.attention %q, %k, %v
      mask(#attn.any_of<[#attn.window<left = 256, right = 256>,
                         #attn.global<?>]>)[%globals]
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
