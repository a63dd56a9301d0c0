// all-MiniLM-L6-v2, a sentence encoder (Reimers and Gurevych 2019, Wang et al.
// 2020), one layer's attention: 12 heads of dimension 32, and no mask: every
// token sees every other one.  The scale is 1 / sqrt(32).
//
// test/data/minilm holds what each of its six layers reads and writes for one
// sentence; with it, this compares the first layer with the model:
//
//   cd test/data/minilm
//   attn-run ../../../examples/minilm.mlir --inputs=layer0-query.npy,layer0-key.npy,layer0-value.npy --expect=layer0-output.npy

func.func @encode(%q: tensor<?x12x?x32xf32>, %k: tensor<?x12x?x32xf32>,
                  %v: tensor<?x12x?x32xf32>) -> tensor<?x12x?x32xf32> {
  %o = attn.attention %q, %k, %v scale(0.17677669529663687)
      : (tensor<?x12x?x32xf32>, tensor<?x12x?x32xf32>, tensor<?x12x?x32xf32>)
     -> tensor<?x12x?x32xf32>
  return %o : tensor<?x12x?x32xf32>
}
