// MPT-7B (MosaicML 2023), one layer's attention: 32 heads of dimension 128,
// each with its own keys and values, causal.  Instead of position embeddings it
// has ALiBi (Press et al. 2022): scores fall linearly with the distance of the
// key, in head h (from 0) with the slope 2^(-(h + 1) / 4).
//
//   attn-run examples/mpt-7b.mlir --check --inputs=random:1x32x512x128,random:1x32x512x128,random:1x32x512x128

func.func @prefill(%q: tensor<?x32x?x128xbf16>, %k: tensor<?x32x?x128xbf16>,
                   %v: tensor<?x32x?x128xbf16>) -> tensor<?x32x?x128xbf16> {
  %o = attn.attention %q, %k, %v mask(#attn.causal) score(#attn.alibi)
      : (tensor<?x32x?x128xbf16>, tensor<?x32x?x128xbf16>,
         tensor<?x32x?x128xbf16>)
     -> tensor<?x32x?x128xbf16>
  return %o : tensor<?x32x?x128xbf16>
}
