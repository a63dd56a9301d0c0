// Llama 3 8B, decoding for many sequences that begin with the same prompt: 32
// query heads in 8 groups, head dimension 128. The keys of the prompt are
// computed once, kept once, and read once for all sequences.
//
// Attention over all keys of a sequence is attention over the prompt and over
// its own keys, merged by the log-sum-exps (attn.combine):
//
//   1. @prefix: the new tokens of all sequences are the queries of one batch
//      entry (query [1, 32, sequences * tokens, 128]). All keys of the prompt
//      come before all of them, so that there is no mask.
//   2. @suffix: each sequence attends to its own keys.
//   3. @merge: parts are the results of both, [2, sequences, 32, tokens, 128].
//
// Kernels take strides, so that @prefix and @suffix write directly into the two
// parts that @merge reads, and nothing is copied. One token of each of 64
// sequences:
//
//   attn-run shared-prefix.mlir --function=prefix --check
//     --inputs=random:1x32x64x128,random:1x8x4096x128,random:1x8x4096x128
//   attn-run shared-prefix.mlir --function=suffix --check
//     --inputs=random:64x32x1x128,random:64x8x100x128,random:64x8x100x128
//   attn-run shared-prefix.mlir --function=merge --check
//     --inputs=random:2x64x32x1x128,random:2x64x32x1

!prompt = tensor<1x8x?x128xf32>

func.func @prefix(%q: tensor<1x32x?x128xf32>, %k: !prompt, %v: !prompt)
    -> (tensor<1x32x?x128xf32>, tensor<1x32x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v
      : (tensor<1x32x?x128xf32>, !prompt, !prompt)
     -> (tensor<1x32x?x128xf32>, tensor<1x32x?xf32>)
  return %o, %lse : tensor<1x32x?x128xf32>, tensor<1x32x?xf32>
}

!query = tensor<?x32x?x128xf32>
!own = tensor<?x8x?x128xf32>

func.func @suffix(%q: !query, %k: !own, %v: !own)
    -> (!query, tensor<?x32x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v mask(#attn.causal)
      : (!query, !own, !own) -> (!query, tensor<?x32x?xf32>)
  return %o, %lse : !query, tensor<?x32x?xf32>
}

!outputs = tensor<2x?x32x?x128xf32>
!lses = tensor<2x?x32x?xf32>

func.func @merge(%outputs: !outputs, %lses: !lses) -> !query {
  %o = attn.combine %outputs, %lses : (!outputs, !lses) -> !query
  return %o : !query
}
