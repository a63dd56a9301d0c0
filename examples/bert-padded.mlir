// BERT base on a batch of sentences that were padded to one length, one layer's
// attention: 12 heads of dimension 64; nobody sees what comes behind the end of a
// sentence.
//
// %lengths has the number of tokens of each sentence.  Key tiles behind the end are
// not visited.
//
//   attn-run examples/bert-padded.mlir --check --inputs=random:4x12x512x64,random:4x12x512x64,random:4x12x512x64,integers:4:512

func.func @encode(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>,
                  %lengths: tensor<?xi32> {attn.name = "lengths"})
    -> tensor<?x12x?x64xf32> {
  %o = attn.attention %q, %k, %v
      mask_mod (%b, %h, %i, %j) {
        %length = tensor.extract %lengths[%b] : tensor<?xi32>
        %end = arith.index_cast %length : i32 to index
        %keep = arith.cmpi slt, %j, %end : index
        attn.yield %keep : i1
      }
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
