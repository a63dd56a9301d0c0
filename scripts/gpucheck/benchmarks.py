"""What scripts/gpu-check times."""

LENGTHS = (512, 1024, 2048, 4096, 8192, 16384)
# As in the papers on FlashAttention: 16384 tokens in sequences of each length.
TOKENS = 16384


def _prefill(heads, kv_heads, head_dim, causal):
    mask = "causal" if causal else "full"
    kind = "gqa" if heads != kv_heads else "mha"
    return {"name": f"prefill_{mask}_{kind}_h{heads}kv{kv_heads}_d{head_dim}",
            "entry": "attention", "algorithm": "flash", "heads": heads,
            "kv_heads": kv_heads, "head_dim": head_dim, "causal": causal,
            "shapes": [[TOKENS // length, length, length]
                       for length in LENGTHS],
            "small_shapes": [[1, 65, 65]]}


def _decode(algorithm):
    return {"name": f"decode_{algorithm.replace('-', '_')}_gqa_h32kv8_d128",
            "entry": "attention", "algorithm": algorithm, "heads": 32,
            "kv_heads": 8, "head_dim": 128, "causal": False,
            "shapes": [[32, 1, 4096], [1, 1, 16384]],
            "small_shapes": [[2, 1, 130]]}


def benchmarks():
    """Each with its shapes [batch, queries, keys], all in bf16.

    Model width 2048 in heads of 64 and 128, and the heads of Llama 3 8B; small
    shapes are for the emulator.
    """
    made = [_prefill(2048 // dim, 2048 // dim, dim, causal)
            for dim in (64, 128) for causal in (True, False)]
    made += [_prefill(32, 8, 128, causal) for causal in (True, False)]
    return made + [_decode("flash"), _decode("flash-decoding")]


def module_text(benchmark):
    """The module, with dynamic batch and lengths and without the LSE."""
    def tensor(heads):
        return f"tensor<?x{heads}x?x{benchmark['head_dim']}xbf16>"
    query, key = tensor(benchmark["heads"]), tensor(benchmark["kv_heads"])
    mask = " mask(#attn.causal)" if benchmark["causal"] else ""
    return (f"func.func @attention(%query: {query}, %key: {key}, "
            f"%value: {key}) -> {query} {{\n"
            f"  %output = attn.attention %query, %key, %value{mask}\n"
            f"    : ({query}, {key}, {key}) -> {query}\n"
            f"  return %output : {query}\n}}\n")
