//===- Passes.td - Passes on attn and tile -----------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_TRANSFORMS_PASSES_TD
#define ATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnExpandVariantPass : Pass<"attn-expand-variant"> {
  let summary = "Write mask and score attributes as regions";
  let description = [{
    Replaces the `mask` attribute of every `attn.attention` by operations in
    its `mask_mod` region, ANDed with the region that is already there, and the
    `score` attributes by operations at the beginning of its `score_mod` region.
    Values of a `?` become values from outside of the region. After this pass a
    variant is described by regions only.

    Before:
    ```mlir
    %o = attn.attention %q, %k, %v mask(#attn.causal) : ...
    ```
    After:
    ```mlir
    %o = attn.attention %q, %k, %v mask_mod (%b, %h, %i, %j) {
      %nq = attn.length query : index
      %nk = attn.length key : index
      %shift = arith.subi %nk, %nq : index
      %last = arith.addi %i, %shift : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    } : ...
    ```

    Preconditions: none. Numerics: exact.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def AttnTilePass : Pass<"attn-tile", "::mlir::ModuleOp"> {
  let summary = "Turn attention on tensors into tile kernels and their launch";
  let description = [{
    Each function with an `attn.attention` or an `attn.combine` becomes one or
    more `tile.kernel`s and a function that launches them. Tensors become strided memrefs whose
    innermost dimension is contiguous; results become destination arguments,
    followed by a workspace. A second function `<name>_workspace` returns the
    size of the workspace in bytes.

    | `algorithm` | kernels | workspace |
    |---|---|---|
    | `standard` | scores; softmax; P times V | all scores, O(queries x keys) |
    | `memory-efficient` | one: a loop for the row maxima, a loop for P times V | none |
    | `flash` | one loop, by `tile-online-softmax` | none |

    Sinks are added to maxima and sums behind the loops over the keys. Dropout
    is a map on P behind the sum of its rows; in `standard`, where P is stored.
    A block mask adds a kernel in front, `<name>_blocks`, with a task for each
    block row: it turns the lists into a table of all blocks in the workspace (0
    not listed, 1 listed, 2 full), in which scores look up their block.

    One task does the queries of one query tile for all heads that share a KV
    head: row `r` is query `r / G` of head `r % G`. Tasks of one KV head follow
    each other, so that its keys and values stay in cache, the last query tile
    first, because a causal mask gives it the most work.

    Before:
    ```mlir
    func.func @f(%q: tensor<?x8x?x64xf32>, ...) -> tensor<?x8x?x64xf32> {
      %o = attn.attention %q, %k, %v mask_mod ... : ...
      return %o : tensor<?x8x?x64xf32>
    }
    ```
    After (`memory-efficient`, shortened):
    ```mlir
    tile.kernel @f_attention(%work: index, %query: memref<...>, ...) {
      %q = tile.load %Q[%r0, %c0]
      %m = scf.for %t = %c0 to %tiles step %c1 iter_args(%max = %lowest) {
        %s = tile.dot %q, %k transpose_b     %x = tile.map(%s) at(...) {...}
        %max1 = tile.reduce max rows %x, %max
        scf.yield %max1
      }
      %acc, %l = scf.for %t = ... { ... %p = tile.map(%x, %m) {exp2} ... }
      tile.store %o, %O[%r0, %c0]
      tile.return
    }
    func.func @f(%query: memref<...>, ..., %output: memref<...>,
                 %workspace: memref<?xi8>) {
      tile.launch @f_attention[%n](%query, %key, %value, %output)
      return
    }
    ```

    An `attn.combine` becomes one kernel without workspace, whatever the
    algorithm: a loop over the parts that carries the maximum of their
    log-sum-exp, and sums of outputs and weights that are multiplied by
    `exp(old - new)` when the maximum grows. A task does at most 16 rows, packed
    over all heads; rows have nothing in common that larger tiles would save.

    ```mlir
    tile.kernel @f_combine(%work: index, %outputs: memref<...>, %lses: ...) {
      %acc, %m, %l = scf.for %p = %c0 to %parts step %c1 ... {
        %lse = tile.load %Lp[%r0, %c0]       %m1 = tile.map(%lse, %m) {max}
        %alpha = tile.map(%m, %m1) {exp}     %w = tile.map(%lse, %m1) {exp}
        %o = tile.load %Op[%r0, %c0]
        %acc1 = tile.map(%acc, %alpha, %o, %w, %lse) {acc * alpha + o * w}
        %l1 = tile.map(%l, %alpha, %w) {l * alpha + w}
      }
      ...
    }
    ```

    Preconditions: `attn-expand-variant` has run; a function holds at most one
    `attn.attention` or `attn.combine`, whose operands are arguments and whose
    results are returned. Numerics: scores are kept in log2 units (the
    scale is multiplied by log2(e)) and exponentials are base 2. Those of a
    score region stay in natural units; differences to the maximum are
    multiplied by log2(e), because a large score would lose bits.
  }];
  let options = [
    Option<"algorithm", "algorithm", "std::string", /*default=*/"\"flash\"",
           "standard, memory-efficient or flash">,
    Option<"tileQ", "tile-q", "int64_t", /*default=*/"64",
           "rows of a query tile">,
    Option<"tileKv", "tile-kv", "int64_t", /*default=*/"64",
           "rows of a key tile">,
    Option<"unmaskedTileKv", "unmasked-tile-kv", "int64_t", /*default=*/"0",
           "rows of a key tile if there is no mask; 0: as tile-kv">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::tile::TileDialect"];
}

def TileOnlineSoftmaxPass
    : Pass<"tile-online-softmax", "::mlir::tile::KernelOp"> {
  let summary = "Fuse the row-maximum loop with the loop that uses the maximum";
  let description = [{
    A loop that computes a row maximum `m` followed by a loop over the same
    tiles that accumulates sums of `exp2(x - m)` becomes one loop that carries
    the running maximum. When the maximum grows from `m` to `m1`, every sum is
    first multiplied by `exp2(m - m1)` (Milakov and Gimelshein 2018;
    FlashAttention, algorithm 1).

    Before:
    ```mlir
    %m = scf.for ... iter_args(%max = %low) { ... tile.reduce max rows %x, %max }
    %l = scf.for ... iter_args(%sum = %zero) {
      %p = tile.map(%a = %x, %b = %m) { exp2(a - b) }
      %sum1 = tile.reduce add rows %p, %sum
    }
    ```
    After:
    ```mlir
    %m, %l = scf.for ... iter_args(%max = %low, %sum = %zero) {
      %max1 = tile.reduce max rows %x, %max
      %alpha = tile.map(%a = %max, %b = %max1) { exp2(a - b) }
      %scaled = tile.map(%a = %sum, %b = %alpha) { a * b }
      %p = tile.map(%a = %x, %b = %max1) { exp2(a - b) }
      %sum1 = tile.reduce add rows %p, %scaled
    }
    ```

    Preconditions: the second loop uses the maximum only in maps
    `exp2(x - m)`, and its carried values are sums (`tile.reduce add rows` or
    the accumulator of `tile.dot`) of those, or of some of them: a map `c ? p :
    0` may lie between, if `c` does not depend on `p`. A pair that does not fit
    is left alone with a remark. Numerics: reassociates the sums.
  }];
}

def TileHoistScalePass : Pass<"tile-hoist-scale", "::mlir::tile::KernelOp"> {
  let summary = "Multiply the query tile by the scale instead of every score";
  let description = [{
    If the map on a product `q * k` begins by multiplying it with a constant,
    the constant is applied to `q` outside of the loop.

    Before:
    ```mlir
    scf.for ... {
      %s = tile.dot %q, %k transpose_b
      %x = tile.map(%a = %s) at(...) { a * scale, mask }
    }
    ```
    After:
    ```mlir
    %scaled = tile.map(%a = %q) { a * scale }
    scf.for ... {
      %s = tile.dot %scaled, %k transpose_b
      %x = tile.map(%a = %s) at(...) { mask }
    }
    ```

    Preconditions: f32 operands. Numerics: rounds the scaled query instead of
    the scaled score.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def TileDeferScalePass : Pass<"tile-defer-scale", "::mlir::tile::KernelOp"> {
  let summary = "Scale the maximum and the exponent instead of the scores";
  let description = [{
    If scores end with a multiplication by a positive constant and their row
    maximum is taken, the maximum is taken of what is not yet multiplied. The
    multiplication goes to where scores are used, beside a subtraction that it
    is fused with.

    Before:
    ```mlir
    %s = tile.map(%a = %dot) { a * scale, mask }
    %m1 = tile.reduce max rows %s, %m
    %p = tile.map(%a = %s, %b = %m1) { exp2(a - b) }
    ```
    After:
    ```mlir
    %s = tile.map(%a = %dot) { mask }
    %r = tile.reduce max rows %s
    %m1 = tile.map(%a = %r, %b = %m) { max(b, a * scale) }
    %p = tile.map(%a = %s, %b = %m1) { exp2(a * scale - b) }
    ```

    Preconditions: none; other scores are left alone. Numerics: the maximum is
    the same to the bit; the exponent is rounded once instead of twice.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def TilePadColumnsPass : Pass<"tile-pad-columns", "::mlir::tile::KernelOp"> {
  let summary = "Round the columns of tiles up to what instructions take";
  let description = [{
    Every tile with more than one column, and every operand of a product that is
    loaded, gets a multiple of `multiple` columns.
    Loads fill the new ones with zeros, because they are outside of the view,
    and stores leave them out for the same reason.

    Before:
    ```mlir
    %q = tile.load %query[%i, %c0] : !tile.view<bf16> -> !tile.tile<64x40xbf16>
    ```
    After, with `multiple=16`:
    ```mlir
    %q = tile.load %query[%i, %c0] : !tile.view<bf16> -> !tile.tile<64x48xbf16>
    ```

    Preconditions: no product with one column, and no reduction of a tile that
    is padded; tiles of scores have a multiple already. Numerics: none, zeros are added to products.
  }];
  let options = [
    Option<"multiple", "multiple", "int64_t", /*default=*/"16",
           "what the number of columns becomes a multiple of">];
}

def TileSummarizeKeysPass : Pass<"tile-summarize-keys", "::mlir::ModuleOp"> {
  let summary = "Compute the least and the largest number of key tiles";
  let description = [{
    For masks that read an integer of memory at the key index, such as the
    number of the document that a key belongs to. Adds two launches before the
    kernel. The first one finds the least and the largest number of each key
    tile, the second one replaces them by the least number of the tile and all
    after it and by the largest of the tile and all before it. These are sorted
    whatever the numbers are, so that `tile-bound` finds by binary search where
    the tiles begin and end that may hold a number of a range; if the numbers
    are sorted themselves, these are the tiles that do.

    The tables are in the workspace: two integers for each key tile. The kernel
    takes them as further arguments, and the attribute `tile.envelopes` of a
    `memref.load` in the mask has their numbers.

    Before:
    ```mlir
    tile.launch @k[%n](%ids) : memref<?x?xi32>
    ```
    After:
    ```mlir
    tile.launch @k_keys0_ranges[%tiles](%ids, %least, %most) : ...
    tile.launch @k_keys0_envelopes[%rows](%ids, %least, %most) : ...
    tile.launch @k[%n](%ids, %least, %most) : ...
    ```

    Preconditions: the launch is in an entry with a function NAME_workspace.
    Other indices than that of the key do not depend on the element. Numerics:
    none.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def TileListTilesPass : Pass<"tile-list-tiles", "::mlir::ModuleOp"> {
  let summary = "List the key tiles of masks that have no bounds";
  let description = [{
    For masks that `tile-bound` does not understand as a whole, such as those
    that read a number for each pair of query and key, a block mask or a tree,
    and for those with many intervals. Adds two launches before the kernel. The
    first one has a task for each pair of a query tile and a key tile, and
    decides whether the tile is empty, partial or full. What is understood of
    the mask is compared with the tile; what is not is evaluated for its
    elements, query after query until there is an answer, and once for each
    block if it reads quotients of the indices. The second one writes the
    numbers of partial and full tiles into a list for each query tile. The loop
    becomes two loops over the list, as by `tile-bound`.

    The lists are in the workspace: five bytes for each pair of tiles. Heads and
    batch entries share them if the mask does not depend on them.

    Before:
    ```mlir
    tile.launch @k[%n](%q, ..., %tree)
    // in @k
    %r = scf.for %t = %c0 to %tiles step %c1 ... {
      %x = tile.map(%a = %s) at(%i = %r0, %j = %j0) { select(tree[i, j], a, -inf) }
    }
    ```
    After:
    ```mlir
    tile.launch @k_tiles0[%pairs](%tree, %kinds)
    tile.launch @k_tiles0_lists[%rows](%kinds, %lists)
    tile.launch @k[%n](%q, ..., %tree, %lists)
    // in @k
    %num_partial = memref.load %lists[%row, %c0]
    %r = scf.for %t = %c0 to %num_partial step %c1 ... {
      %key_tile = memref.load %lists[%row, %t + 2]
      %x = tile.map(%a = %s) at(%i = %r0, %j = %j0) { select(tree[i, j], a, -inf) }
    } {tile.visit = "partial"}
    // and one over full tiles, without the mask
    ```

    Preconditions: those of `tile-bound`; the launch is in an entry with a
    function NAME_workspace; the number of key tiles is the same for all tasks.
    Other loops are left to `tile-bound`. Numerics: changes the order in which
    tiles are added up.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

def TileBoundPass : Pass<"tile-bound", "::mlir::tile::KernelOp"> {
  let summary = "Visit only the key tiles that the mask leaves, and split them";
  let description = [{
    Derives from the mask in a KV loop which key tiles are empty, partial or
    full for the query tile at hand. The loop becomes two loops: one over the
    partial tiles with the mask, one over the full tiles without. Empty tiles
    are not visited. The bounds are a few integer operations before the loops;
    there is no mask in memory.

    The mask is the condition of `select %keep, %score, -inf` at the end of the
    map on the scores. Boolean combinations of comparisons between the key
    index, the query index and values that do not change in the loop are exact
    (docs/masks.md). What is not understood is visited with the mask, and a
    remark says so.

    Before:
    ```mlir
    %r = scf.for %t = %c0 to %tiles step %c1 ... {
      %x = tile.map(%a = %s) at(%i = %r0, %j = %j0) { select(j <= i, a, -inf) }
    }
    ```
    After:
    ```mlir
    %r = scf.for %t = %c0 to %num_partial step %c1 ... {
      %key_tile = arith.addi %t, %first_partial
      %x = tile.map(%a = %s) at(%i = %r0, %j = %j0) { select(j <= i, a, -inf) }
    } {tile.visit = "partial"}
    %r2 = scf.for %t = %c0 to %num_full step %c1 iter_args(%r) ... {
      // no mask
    } {tile.visit = "full"}
    ```

    Preconditions: skipping a tile whose scores are all -inf must not change
    what the loop carries; the pass proves this by evaluating the body with
    -inf scores, and leaves the loop alone with a remark if it cannot.
    Numerics: changes the order in which tiles are added up.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def TileSplitKvPass : Pass<"tile-split-kv", "::mlir::ModuleOp"> {
  let summary = "Let several tasks share the keys of a query tile";
  let description = [{
    With few query tiles, as in decoding, there are too few tasks to keep all
    cores busy. Each task becomes several, its splits, which each visit a part
    of the key tiles and leave the row maxima, sums and products with V in the
    workspace; a second kernel combines them (Flash-Decoding, Dao et al. 2023).

    The number of splits follows from the sizes at run time, and not from the
    number of threads, so that results do not depend on that: as many as give
    `min-tasks` tasks, but no more than leave `min-tiles` key tiles of all keys
    to each. Splits share the tiles that the mask leaves, evenly.

    Before:
    ```mlir
    tile.launch @f_attention[%n](%query, ...)
    ```
    After:
    ```mlir
    %count = arith.muli %n, %splits
    %m = memref.view %workspace[...]  ...
    tile.launch @f_attention_split[%count](%query, ..., %splits, %m, %acc, %l)
    tile.launch @f_attention_combine[%n](%query, ..., %splits, %m, %acc, %l)
    ```

    Preconditions: kernels as `tile-online-softmax` leaves them, before or after
    `tile-bound`; other kernels are left alone with a remark. Numerics:
    reassociates the sums.
  }];
  let options = [
    Option<"minTasks", "min-tasks", "int64_t", /*default=*/"64",
           "tasks that are wanted at least">,
    Option<"minTiles", "min-tiles", "int64_t", /*default=*/"4",
           "key tiles of a split, at least">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

#endif // ATTN_TRANSFORMS_PASSES_TD
