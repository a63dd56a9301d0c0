// Longformer large for character-level language models (Beltagy et al. 2020,
// section 4.1): a causal window of %width keys, which in some heads is dilated so
// that it reaches further, and global tokens.
//
// %dilations has a number for each head, 1 for those that see all keys of their
// window.
//
//   attn-run examples/longformer-large.mlir --check --inputs=random:1x8x1024x64,random:1x8x1024x64,random:1x8x1024x64,ones:8,64,1

func.func @generate(%q: tensor<?x8x?x64xf32>, %k: tensor<?x8x?x64xf32>,
                    %v: tensor<?x8x?x64xf32>,
                    %dilations: tensor<8xi32> {attn.name = "dilations"},
                    %width: index {attn.name = "width"},
                    %globals: index {attn.name = "globals"})
    -> tensor<?x8x?x64xf32> {
  %c0 = arith.constant 0 : index
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      mask_mod (%b, %h, %i, %j) {
        %given = tensor.extract %dilations[%h] : tensor<8xi32>
        %dilation = arith.index_cast %given : i32 to index
        %distance = arith.subi %i, %j : index
        %step = arith.divsi %distance, %dilation : index
        %rest = arith.remsi %distance, %dilation : index
        %near = arith.cmpi slt, %step, %width : index
        %aligned = arith.cmpi eq, %rest, %c0 : index
        %in_window = arith.andi %near, %aligned : i1

        %is_global = arith.cmpi slt, %j, %globals : index
        %keep = arith.ori %in_window, %is_global : i1
        attn.yield %keep : i1
      }
      : (tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>)
     -> tensor<?x8x?x64xf32>
  return %o : tensor<?x8x?x64xf32>
}
