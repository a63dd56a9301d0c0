// BERT base, one layer's attention: 12 heads of dimension 64, each with its own
// keys and values (multi-head attention), and no mask: every token sees every
// other one.
//
//   attn-run examples/bert.mlir --check --inputs=random:1x12x512x64,random:1x12x512x64,random:1x12x512x64

func.func @encode(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>) -> tensor<?x12x?x64xf32> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
