// A bias for each pair of query and key, which all batch entries and heads share:
// what PyTorch's scaled_dot_product_attention calls attn_mask.
//
// A dimension that is not there is broadcast; for a bias of each head the tensor
// has one more dimension and the index %h.  A bias of -inf masks the pair.
//
//   attn-run examples/dense-bias.mlir --check --inputs=random:1x12x512x64,random:1x12x512x64,random:1x12x512x64,random:512x512

func.func @attend(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>,
                  %bias: tensor<?x?xf32> {attn.name = "bias"})
    -> tensor<?x12x?x64xf32> {
  %o = attn.attention %q, %k, %v
      score_mod (%s, %b, %h, %i, %j) {
        %value = tensor.extract %bias[%i, %j] : tensor<?x?xf32>
        %r = arith.addf %s, %value : f32
        attn.yield %r : f32
      }
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
