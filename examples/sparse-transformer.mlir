// Sparse Transformer (Child et al. 2019), strided attention: half of the heads see
// the last 128 tokens, the others every 128th token before their own.
//
//   attn-run examples/sparse-transformer.mlir --check --inputs=random:1x8x1024x64,random:1x8x1024x64,random:1x8x1024x64

func.func @generate(%q: tensor<?x8x?x64xf32>, %k: tensor<?x8x?x64xf32>,
                    %v: tensor<?x8x?x64xf32>) -> tensor<?x8x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %stride = arith.constant 128 : index
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      mask_mod (%b, %h, %i, %j) {
        %distance = arith.subi %i, %j : index
        %recent = arith.cmpi slt, %distance, %stride : index
        %rest = arith.remsi %distance, %stride : index
        %aligned = arith.cmpi eq, %rest, %c0 : index
        %is_local = arith.cmpi slt, %h, %c4 : index
        %keep = arith.select %is_local, %recent, %aligned : i1
        attn.yield %keep : i1
      }
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>)
     -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
