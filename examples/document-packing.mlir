// Documents of different lengths, packed into one sequence for training: a token
// sees the tokens before it in its own document.
//
// %documents has the number of the document of each token.  The numbers are
// sorted here, as they are when documents follow each other; then only the tiles
// along the diagonal that hold a document are visited, for any lengths that are
// given at run time.  No mask is in memory, see docs/masks.md.
//
//   attn-run examples/document-packing.mlir --check --inputs=random:1x8x2048x64,random:1x2x2048x64,random:1x2x2048x64,range:1x2048:300

func.func @train(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                 %v: tensor<?x2x?x64xf32>,
                 %documents: tensor<?x?xi32> {attn.name = "documents"})
    -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v mask(#attn.causal)
      mask_mod (%b, %h, %i, %j) {
        %mine = tensor.extract %documents[%b, %i] : tensor<?x?xi32>
        %its = tensor.extract %documents[%b, %j] : tensor<?x?xi32>
        %keep = arith.cmpi eq, %mine, %its : i32
        attn.yield %keep : i1
      }
      : (tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
     -> (tensor<?x8x?x64xf32>, tensor<?x8x?xf32>)
  return %o, %lse : tensor<?x8x?x64xf32>, tensor<?x8x?xf32>
}
