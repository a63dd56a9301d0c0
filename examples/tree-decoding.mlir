// Speculative decoding with a tree of drafts (SpecInfer, Miao et al. 2023; Medusa,
// Cai et al. 2024): the last keys are those of the drafted tokens, several for each
// position, and a draft sees the whole context and its own ancestors.
//
// %ancestors has a row for each draft and a column for each: not 0 where the
// column's draft is the row's or one that it follows.  The keys of the context are
// visited without mask code.
//
//   attn-run examples/tree-decoding.mlir --check --inputs=random:1x32x63x128,random:1x8x1024x128,random:1x8x1024x128,integers:63x63:2

func.func @verify(%q: tensor<?x32x?x128xf32>, %k: tensor<?x8x?x128xf32>,
                  %v: tensor<?x8x?x128xf32>,
                  %ancestors: tensor<?x?xi32> {attn.name = "ancestors"})
    -> tensor<?x32x?x128xf32> {
  %zero = arith.constant 0 : i32
  %o = attn.attention %q, %k, %v
      mask_mod (%b, %h, %i, %j) {
        %queries = attn.length query : index
        %keys = attn.length key : index
        %context = arith.subi %keys, %queries : index
        %is_context = arith.cmpi slt, %j, %context : index

        // Of no meaning in the context, but inside of the tensor.
        %draft = arith.subi %j, %context : index
        %c0 = arith.constant 0 : index
        %column = arith.maxsi %draft, %c0 : index
        %related = tensor.extract %ancestors[%i, %column] : tensor<?x?xi32>
        %is_ancestor = arith.cmpi ne, %related, %zero : i32

        %keep = arith.ori %is_context, %is_ancestor : i1
        attn.yield %keep : i1
      }
      : (tensor<?x32x?x128xf32>, tensor<?x8x?x128xf32>, tensor<?x8x?x128xf32>)
     -> tensor<?x32x?x128xf32>
  return %o : tensor<?x32x?x128xf32>
}
