"""PyTorch's attention, timed beside ours: SDPA and FlexAttention."""

import warnings

from . import Problem

# FlexAttention compiles anew for each length, which takes many seconds.
FLEX_LENGTHS = (1024, 4096, 16384)


class Peers:
    """PyTorch on the first GPU."""

    def __init__(self):
        try:
            import torch
            import torch._dynamo
            from torch.nn import attention
            from torch.nn.attention import flex_attention
        except Exception as error:  # A broken installation raises anything.
            raise Problem("PyTorch cannot be imported by this python3, so that "
                          f"there are no times of it: {error}") from None
        if not torch.cuda.is_available():
            raise Problem(f"PyTorch {torch.__version__} sees no GPU, so that "
                          "there are no times of it")
        warnings.simplefilter("ignore")
        self.torch, self.attention, self.flex = torch, attention, flex_attention
        torch.set_grad_enabled(False)
        torch.manual_seed(1)
        # Without this, lengths from the ninth on would not be compiled.
        for limit in ("recompile_limit", "cache_size_limit"):
            if hasattr(torch._dynamo.config, limit):
                setattr(torch._dynamo.config, limit, 1000)
        self.compiled = torch.compile(flex_attention.flex_attention,
                                      dynamic=False)
        self.info = {"version": torch.__version__, "cuda": torch.version.cuda,
                     "cudnn": torch.backends.cudnn.version()}

    def random(self, shape):
        return self.torch.randn(shape, device="cuda",
                                dtype=self.torch.bfloat16)

    def empty(self, shape):
        return self.torch.full(shape, float("nan"), device="cuda",
                               dtype=self.torch.bfloat16)

    def _sdpa(self, backend, query, key, value, causal):
        sdpa = self.torch.nn.functional.scaled_dot_product_attention
        gqa = query.shape[1] != key.shape[1]

        def launch():
            with self.attention.sdpa_kernel([backend]):
                return sdpa(query, key, value, is_causal=causal,
                            enable_gqa=gqa)
        return launch

    def _flex(self, query, key, value, causal):
        gqa, mask = query.shape[1] != key.shape[1], None
        if causal:
            mask = self.flex.create_block_mask(
                lambda b, h, i, j: i >= j, None, None, query.shape[2],
                key.shape[2], device="cuda")
        return lambda: self.compiled(query, key, value, block_mask=mask,
                                     enable_gqa=gqa)

    def launches(self, query, key, value, causal):
        """Functions by name, and sentences by name for those that fail."""
        backends = self.attention.SDPBackend
        makers = {
            "pytorch_flash": lambda: self._sdpa(
                backends.FLASH_ATTENTION, query, key, value, causal),
            "pytorch_cudnn": lambda: self._sdpa(
                backends.CUDNN_ATTENTION, query, key, value, causal)}
        failed = {}
        if key.shape[2] in FLEX_LENGTHS:
            makers["pytorch_flex"] = lambda: self._flex(query, key, value,
                                                        causal)
        else:
            failed["pytorch_flex"] = ("not timed at this length, because it "
                                      "compiles anew for each one")
        launches, results = {}, {}
        for name, make in makers.items():
            try:
                launch = make()
                results[name] = launch()
                self.torch.cuda.synchronize()
                launches[name] = launch
            except Exception as error:  # What it raises is up to PyTorch.
                failed[name] = " ".join(str(error).split())[:300]
        return launches, results, failed

    def difference(self, one, other):
        return (one.float() - other.float()).abs().max().item()
