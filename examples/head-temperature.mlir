// A learned temperature for each head, as a score_mod that no attribute covers:
// score * sigmoid(temperature[h]).  A large value leaves the scores of a head
// as they are, a small one lets it look at all keys alike.
//
// It is not from one model.  Temperatures learned for each head are in XCiT
// (El-Nouby et al. 2021), where they are a factor, and in Swin Transformer V2
// (Liu et al. 2022), where the factor is their exponential.  Here a sigmoid
// keeps the factor between 0 and 1.
//
//   attn-run examples/head-temperature.mlir --check --inputs=random:1x12x512x64,random:1x12x512x64,random:1x12x512x64,random:12

func.func @attend(%q: tensor<?x12x?x64xf32>, %k: tensor<?x12x?x64xf32>,
                  %v: tensor<?x12x?x64xf32>,
                  %temperature: tensor<12xf32> {attn.name = "temperature"})
    -> tensor<?x12x?x64xf32> {
  %one = arith.constant 1.0 : f32
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      score_mod (%s, %b, %h, %i, %j) {
        %t = tensor.extract %temperature[%h] : tensor<12xf32>
        %negative = arith.negf %t : f32
        %exp = math.exp %negative : f32
        %denominator = arith.addf %one, %exp : f32
        %sigmoid = arith.divf %one, %denominator : f32
        %r = arith.mulf %s, %sigmoid : f32
        attn.yield %r : f32
      }
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> tensor<?x12x?x64xf32>
  return %o : tensor<?x12x?x64xf32>
}
