"""Times a benchmark on one shape, beside PyTorch, and checks some rows."""

import array
import math
import random
from operator import mul

from .attn import Memory, make_tensor
from .cases import package_of
from .clocks import measure_in_turn, summarize
from .tensors import decode, encode, row_major

# Numbers that are repeated to fill a tensor: no multiple of a row, so that no
# two rows nearby are the same.
PERIOD = 1000003


def kept_scores(benchmark, shape):
    """Pairs of a query and a key that the mask keeps, in one head."""
    _, queries, keys = shape
    if not benchmark["causal"]:
        return queries * keys
    # Aligned at the bottom right, as docs/semantics.md says.
    return sum(min(max(i + keys - queries + 1, 0), keys)
               for i in range(queries))


def operations(benchmark, shape):
    """2 (Dk + Dv) for each score that is kept, as attn-run counts."""
    return (4 * benchmark["head_dim"] * benchmark["heads"] * shape[0] *
            kept_scores(benchmark, shape))


def bytes_moved(benchmark, shape):
    """Query, key, value and output, each once."""
    batch, queries, keys = shape
    rows = 2 * queries * benchmark["heads"] + 2 * keys * benchmark["kv_heads"]
    return 2 * batch * rows * benchmark["head_dim"]


class OwnTensors:
    """Query, key, value and output in memory of the runtime."""

    _block = None

    def __init__(self, engine, shapes):
        if OwnTensors._block is None:
            gauss = random.Random(1).gauss
            OwnTensors._block = encode(
                "bf16", [gauss(0, 1) for _ in range(PERIOD)])
        self.memories = []
        for number, shape in enumerate(shapes):
            size = 2 * math.prod(shape)
            memory = Memory(engine, size)
            if number < 3:
                begin = 2 * 12345 * number
                copies = (begin + size) // len(self._block) + 1
                memory.write((self._block * copies)[begin:begin + size])
            else:
                memory.write(b"\xff" * size)
            self.memories.append(memory)
        self.addresses = [memory.address for memory in self.memories]

    def free(self):
        for memory in self.memories:
            memory.free()


class PeerTensors:
    """The same in memory of PyTorch, which both can use."""

    def __init__(self, peers, shapes):
        self.tensors = [peers.random(shape) for shape in shapes[:3]]
        self.tensors.append(peers.empty(shapes[3]))
        self.addresses = [tensor.data_ptr() for tensor in self.tensors]

    def free(self):
        self.tensors = []


def rounded(values):
    """Rounded to bf16, to nearest even."""
    bits = array.array("I", array.array("f", values).tobytes())
    for n, word in enumerate(bits):
        bits[n] = (word + 0x7fff + ((word >> 16) & 1)) & 0xffff0000
    return array.array("f", bits.tobytes()).tolist()


def attention_row(query, key, value, keys, dim, narrow):
    """A row of the output in float64; if `narrow`, as plain attention in bf16
    computes it, with P and the output rounded."""
    scale = dim ** -0.5
    scores = [scale * sum(map(mul, query, key[j * dim:(j + 1) * dim]))
              for j in range(keys)]
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = sum(weights)
    if narrow:
        weights = rounded([weight / total for weight in weights])
        total = 1.0
    row = [sum(map(mul, weights, value[d:keys * dim:dim])) / total
           for d in range(dim)]
    return rounded(row) if narrow else row


def check_rows(benchmark, shape, read):
    """Compares the first, the last and some other row with float64.

    `read(tensor, offset, number)` gives elements of query, key, value or
    output. The criterion is that of docs/semantics.md over these rows.
    """
    batch, queries, keys = shape
    heads, dim = benchmark["heads"], benchmark["head_dim"]
    group = heads // benchmark["kv_heads"]
    choose = random.Random(queries).randrange
    places = sorted({(0, 0, 0), (batch - 1, heads - 1, queries - 1),
                     (choose(batch), choose(heads), choose(queries))})
    worst = yardstick = 0.0
    for b, h, i in places:
        row = ((b * heads + h) * queries + i) * dim
        head = (b * benchmark["kv_heads"] + h // group) * keys * dim
        kept = (min(max(i + keys - queries + 1, 0), keys)
                if benchmark["causal"] else keys)
        operands = (read(0, row, dim), read(1, head, kept * dim),
                    read(2, head, kept * dim), kept, dim)
        exact = attention_row(*operands, narrow=False)
        plain = attention_row(*operands, narrow=True)
        for x, p, e in zip(read(3, row, dim), plain, exact):
            error = abs(x - e)
            worst = max(worst, error if error == error else math.inf)
            yardstick = max(yardstick, abs(p - e))
    tolerance = 2 * yardstick + 1e-5
    return {"rows": len(places), "max_abs_error": worst,
            "tolerance": tolerance, "passed": worst <= tolerance}


def rates(summary, flops, moved, is_gpu):
    """Adds what a GPU's time means; the emulator's means nothing."""
    if is_gpu:
        summary["tflop_per_s"] = flops / summary["median_s"] * 1e-12
        summary["gb_per_s"] = moved / summary["median_s"] * 1e-9
    return summary


def time_shape(pack, benchmark, shape, engine, target, timer, peers, effort):
    """Times one shape. `peers` may be None; `effort` is (rounds, seconds)."""
    batch, queries, keys = shape
    dim, is_gpu = benchmark["head_dim"], engine.device == "cuda"
    query_shape = [batch, benchmark["heads"], queries, dim]
    key_shape = [batch, benchmark["kv_heads"], keys, dim]
    shapes = [query_shape, key_shape, key_shape, query_shape]
    tensors = PeerTensors(peers, shapes) if peers else OwnTensors(engine,
                                                                  shapes)
    kernel = engine.load(package_of(pack, benchmark, target),
                         benchmark["entry"])
    call = kernel.bind([make_tensor(address, "bf16", one, row_major(one))
                        for address, one in zip(tensors.addresses, shapes)],
                       shape)

    def read(tensor, offset, number):
        data = Memory.read_at(engine, tensors.addresses[tensor] + 2 * offset,
                              2 * number)
        return decode("bf16", data)

    flops, moved = operations(benchmark, shape), bytes_moved(benchmark, shape)
    result = {"name": benchmark["name"], "batch": batch, "queries": queries,
              "keys": keys, "heads": benchmark["heads"],
              "kv_heads": benchmark["kv_heads"], "head_dim": dim,
              "causal": benchmark["causal"], "type": "bf16",
              "algorithm": benchmark["algorithm"], "target": target,
              "flops": flops, "bytes": moved, "workspace_bytes": call.bytes}
    try:
        call.launch()
        result["check"] = check_rows(benchmark, shape, read)
        launches = {"ours": call.launch_on if is_gpu else call.launch}
        others, failed = {}, {}
        if peers:
            # PyTorch aligns a causal mask at the top left; with as many
            # queries as keys, as here, both are the same.
            causal = benchmark["causal"] and queries > 1
            made, others, failed = peers.launches(*tensors.tensors[:3], causal)
            launches.update(made)
        samples = measure_in_turn(timer, launches, *effort)
        for name, rounds in samples.items():
            result[name] = rates(summarize(rounds), flops, moved, is_gpu)
        for name, other in others.items():
            result[name]["max_abs_difference_to_ours"] = peers.difference(
                tensors.tensors[3], other)
        for name, sentence in failed.items():
            result[name] = {"skipped": sentence}
        return result
    finally:
        call.free()
        kernel.free()
        tensors.free()
