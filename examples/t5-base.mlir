// T5 base (Raffel et al. 2020), one encoder layer's attention: 12 heads of
// dimension 64, bidirectional, scores not scaled, and a learned bias for the
// relative position of key and query.
//
// %bias has a row for each of 32 buckets and a column for each head.  Buckets 0
// to 15 are for keys at or before the query, 16 to 31 for keys after it.  Of
// each half, the first 8 are for distances 0 to 7, and the others grow
// logarithmically up to distance 128, from which on all share the last:
//
//   bucket = 8 + floor(8 * log(distance / 8) / log(128 / 8))
//          = 2 + floor(log2(distance^2)), at most 15
//
// Without a scale, scores of random inputs are large and the softmax picks few
// keys; T5 learns queries of the size that suits.
//
//   attn-run examples/t5-base.mlir --inputs=random:1x12x512x64,random:1x12x512x64,random:1x12x512x64,random:32x12

func.func @encode(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>,
                  %bias: tensor<32x12xf32> {attn.name = "bias"})
    -> tensor<?x12x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c127 = arith.constant 127 : index
  %half = arith.constant 0.5 : f32
  %o = attn.attention %q, %k, %v scale(1.0)
      score_mod (%s, %b, %h, %i, %j) {
        %relative = arith.subi %j, %i : index
        %distance = math.absi %relative : index

        // From 127 on the bucket is the last.  Half of one is added so that the
        // logarithm of a power of two never comes out below the integer.
        %near = arith.minsi %distance, %c127 : index
        %square = arith.muli %near, %near : index
        %int = arith.index_cast %square : index to i32
        %float = arith.sitofp %int : i32 to f32
        %above = arith.addf %float, %half : f32
        %log = math.log2 %above : f32
        %floor = math.floor %log : f32
        %doublings = arith.fptosi %floor : f32 to i32
        %steps = arith.index_cast %doublings : i32 to index
        %logarithmic = arith.addi %steps, %c2 : index

        %exact = arith.cmpi slt, %distance, %c8 : index
        %within = arith.select %exact, %distance, %logarithmic : index
        %after = arith.cmpi sgt, %relative, %c0 : index
        %first = arith.select %after, %c16, %c0 : index
        %bucket = arith.addi %first, %within : index

        %value = tensor.extract %bias[%bucket, %h] : tensor<32x12xf32>
        %r = arith.addf %s, %value : f32
        attn.yield %r : f32
      }
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
