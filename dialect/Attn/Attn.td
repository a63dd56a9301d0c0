//===- Attn.td - The attn dialect --------------------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTN_TD
#define ATTN_DIALECT_ATTN_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

include "dialect/Attn/AttnAttrs.td"

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;

def Attn_AttentionOp : Attn_Op<"attention", [
    Pure, AttrSizedOperandSegments, AttrSizedResultSegments,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames",
                                                 "getAsmResultNames"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "Scaled dot-product attention";
  let description = [{
    For every batch `b`, query head `h` and query `i`, with KV head
    `g = h floordiv (Hq / Hkv)`:

    ```
    s[j]   = score_mod(score(scale * dot(query[b, h, i, :], key[b, g, j, :])))
    s[j]   = -inf where mask or mask_mod does not keep (b, h, i, j)
    lse    = log(exp(sinks[h]) + sum over j of exp(s[j]))
    output = sum over j of exp(s[j] - lse) * value[b, g, j, :]
    ```

    | operand | shape |
    |---|---|
    | query | `[batch, query_heads, queries, head_dim]` |
    | key   | `[batch, kv_heads, keys, head_dim]` |
    | value | `[batch, kv_heads, keys, value_dim]` |
    | sinks | `[query_heads]`, in `f32`; without them, their term is left out |
    | block_offsets | `[1 or batch, 1 or query_heads, block_rows + 1]`, in `i32` |
    | block_columns | `[listed_blocks]`, in `i32` |
    | block_full | `[listed_blocks]`, in `i8`, not 0 is true |

    The head counts decide between MHA (equal), MQA (one KV head) and GQA
    (`query_heads` a multiple of `kv_heads`). Head counts and head dimensions
    are static; batch and sequence lengths may be dynamic. `scale` is
    `1 / sqrt(head_dim)` unless given. `output` has the query's shape with
    `value_dim` columns; the optional second result is the natural-log
    log-sum-exp `[batch, query_heads, queries]` in `f32`. A query that keeps no
    key has output 0 and log-sum-exp -inf.

    `mask` is an attribute that implements `MaskAttrInterface`. `mask_mod` is a
    region over the coordinates of one score that yields `true` to keep it.
    Both must keep a score for it to count. `score` is one attribute that
    implements `ScoreAttrInterface`, or a list of them, applied in order to the
    scaled score (natural-log units). `score_mod` is a region over the result
    and its coordinates. Regions hold scalar operations without side effects
    and may use values from outside.

    `sinks` are logits, one for each query head, that take part in the softmax
    like the score of one more key that has no value and that all queries keep
    (natural-log units; neither scale nor score functions change them). With
    one, a query that keeps no key has output 0 and the sink as log-sum-exp. A
    sink of -inf is none. (GPT-OSS; "softmax one" of Miller 2023 is a sink of
    0.) Of attentions that `attn.combine` merges, one at most may have sinks.

    `dropout(%p, %seed, %offset)` drops each weight of a value with the
    probability `%p` (`f32`) and multiplies the others by `1 / (1 - %p)`. The
    log-sum-exp is that without dropout. Which ones are dropped follows from
    `%seed` and `%offset` (`i64`) and the coordinates of the score alone, by
    Philox4x32-10 (Salmon et al. 2011): all devices, algorithms and tile sizes
    drop the same ones. docs/semantics.md has the formula.

    `block_mask(%offsets, %columns) block_size [128, 64]` keeps scores by
    blocks of 128 queries and 64 keys, which are counted from query 0 and key
    0: a score is in block row `i floordiv 128` and block column
    `j floordiv 64`. Block row `r` of `(b, h)` keeps the block columns
    `columns[offsets[b, h, r] .. offsets[b, h, r + 1] - 1]`, in any order;
    repeating one changes nothing. A third operand, `%full`, marks those blocks
    that are kept as a whole: `mask` and `mask_mod` are not applied to them. In
    other blocks that are listed, those must keep a score, too. Block sizes are
    multiples of 16, at most 4096. Numbers that are out of range list nothing;
    docs/semantics.md has the rules. The types of the two or three tensors
    follow that of `value`. The optional last result, `status`, a
    `tensor<1xi32>`, is the number of block rows with a number that is out of
    range, or 0.

    A `?` in an attribute takes an operand, in brackets behind the attribute:
    `index` values for masks, `f32` values for scores, in the order of the `?`.

    Examples: a causal window whose size is known at run time, with capped
    scores; learned sinks; dropout; a block mask that all batch entries and heads
    share; and a bias of its own in 32 query heads in 8 groups:

    ```mlir
    %o = attn.attention %q, %k, %v
      mask(#attn.all_of<[#attn.causal, #attn.window<left = ?>]>)[%w]
      score(#attn.softcap<50.0>)
      : (tensor<?x16x?x256xf32>, tensor<?x8x?x256xf32>, tensor<?x8x?x256xf32>)
     -> tensor<?x16x?x256xf32>

    %o = attn.attention %q, %k, %v mask(#attn.causal) sinks(%logits)
      : (tensor<?x64x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>)
     -> tensor<?x64x?x64xf32>

    %o, %lse = attn.attention %q, %k, %v dropout(%p, %seed, %offset)
      : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>)
     -> (tensor<?x12x?x64xf32>, tensor<?x12x?xf32>)

    %o = attn.attention %q, %k, %v mask(#attn.causal)
      block_mask(%offsets, %columns, %full) block_size [128, 64]
      : (tensor<?x32x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>, tensor<?xi8>)
     -> tensor<?x32x?x64xf32>

    %o, %lse = attn.attention %q, %k, %v mask(#attn.causal) scale(0.125)
      score_mod (%s, %b, %h, %i, %j) {
        %slope = tensor.extract %slopes[%h] : tensor<32xf32>
        %d = arith.subi %j, %i : index
        %n = arith.index_cast %d : index to i32
        %f = arith.sitofp %n : i32 to f32
        %bias = arith.mulf %slope, %f : f32
        %r = arith.addf %s, %bias : f32
        attn.yield %r : f32
      }
      : (tensor<?x32x?x64xf32>, tensor<?x8x?x64xf32>, tensor<?x8x?x64xf32>)
     -> (tensor<?x32x?x64xf32>, tensor<?x32x?xf32>)
    ```
  }];
  let arguments = (ins
    AnyRankedTensor:$query,
    AnyRankedTensor:$key,
    AnyRankedTensor:$value,
    Variadic<Index>:$mask_operands,
    Variadic<F32>:$score_operands,
    Optional<AnyRankedTensor>:$sinks,
    Optional<F32>:$dropout_probability,
    Optional<I64>:$dropout_seed,
    Optional<I64>:$dropout_offset,
    Optional<AnyRankedTensor>:$block_offsets,
    Optional<AnyRankedTensor>:$block_columns,
    Optional<AnyRankedTensor>:$block_full,
    OptionalAttr<Attn_MaskAttrInterface>:$mask,
    OptionalAttr<Attn_ScoreArrayAttr>:$score,
    OptionalAttr<F64Attr>:$scale,
    OptionalAttr<DenseI64ArrayAttr>:$block_size);
  let results = (outs AnyRankedTensor:$output, Optional<AnyRankedTensor>:$lse,
                      Optional<AnyRankedTensor>:$status);
  let regions = (region AnyRegion:$score_mod, AnyRegion:$mask_mod);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    oilist(`mask` `(` custom<Mask>($mask, $mask_operands)
         | `score` `(` custom<Scores>($score, $score_operands)
         | `scale` `(` $scale `)`
         | `sinks` `(` $sinks `)`
         | `dropout` `(` custom<Dropout>($dropout_probability, $dropout_seed,
                                         $dropout_offset) `)`
         | `block_mask` `(` custom<BlockMask>($block_offsets, $block_columns,
                                              $block_full) `)`
           `block_size` custom<BlockSize>($block_size))
    custom<ScoreMod>($score_mod) custom<MaskMod>($mask_mod)
    attr-dict `:` custom<AttentionType>(type($query), type($key), type($value),
                                        ref($sinks), type($sinks),
                                        ref($block_offsets),
                                        type($block_offsets),
                                        type($block_columns),
                                        ref($block_full), type($block_full),
                                        type($output), type($lse),
                                        type($status))
  }];
  let hasCanonicalizer = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The factor of the dot product: `scale`, or 1 / sqrt(head_dim).
    double getScaleValue();
    int64_t getQueryHeads() { return getQuery().getType().getDimSize(1); }
    int64_t getKvHeads() { return getKey().getType().getDimSize(1); }
    /// Queries and keys of a block of the block mask, which there must be.
    int64_t getQueryBlock() { return (*getBlockSize())[0]; }
    int64_t getKeyBlock() { return (*getBlockSize())[1]; }
    /// Query heads that share one KV head.
    int64_t getGroupSize() { return getQueryHeads() / getKvHeads(); }
    int64_t getHeadDim() { return getQuery().getType().getDimSize(3); }
    int64_t getValueDim() { return getValue().getType().getDimSize(3); }
  }];
}

def Attn_CombineOp : Attn_Op<"combine", [
    Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "Merges attention over parts of the keys by their log-sum-exp";
  let description = [{
    The keys of a sequence may be attended to in parts, each with an
    `attn.attention` of its own: splits of a long cache, a prefix that many
    sequences share, the keys that each device holds. Their outputs and
    log-sum-exps are all that is needed for attention over all keys. For every
    batch `b`, head `h` and query `i`:

    ```
    lse    = log(sum over p of exp(lses[p, b, h, i]))
    output = sum over p of exp(lses[p, b, h, i] - lse) * outputs[p, b, h, i, :]
    ```

    This is how FlashAttention (Dao et al. 2022) adds up blocks of keys and
    Flash-Decoding (Dao et al. 2023) splits of them.

    | operand or result | shape | element type |
    |---|---|---|
    | outputs | `[parts, batch, heads, queries, value_dim]` | `f32`, `f16` or `bf16` |
    | lses    | `[parts, batch, heads, queries]` | `f32`, natural logarithm |
    | output  | `[batch, heads, queries, value_dim]` | `f32`, `f16` or `bf16` |
    | lse     | `[batch, heads, queries]`, may be left out | `f32`, natural logarithm |

    `heads` and `value_dim` are static, the other sizes may be dynamic. Parts
    are best kept in `f32`; `output` may be narrower than `outputs`.

    A part whose log-sum-exp is -inf has seen no key: it counts for nothing,
    whatever its output holds, NaN included. A row in which all parts are such
    has output 0 and log-sum-exp -inf. A log-sum-exp of NaN or +inf makes the
    output and the log-sum-exp of its row NaN.

    Example: two parts or more, computed in `f32`, for a model in `bf16`:

    ```mlir
    %o, %lse = attn.combine %outputs, %lses
      : (tensor<?x?x32x?x128xf32>, tensor<?x?x32x?xf32>)
     -> (tensor<?x32x?x128xbf16>, tensor<?x32x?xf32>)
    ```
  }];
  let arguments = (ins AnyRankedTensor:$outputs, AnyRankedTensor:$lses);
  let results = (outs AnyRankedTensor:$output, Optional<AnyRankedTensor>:$lse);
  let assemblyFormat = [{
    $outputs `,` $lses attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeads() { return getOutputs().getType().getDimSize(2); }
    int64_t getValueDim() { return getOutputs().getType().getDimSize(4); }
  }];
}

def Attn_LengthKind : I32Enum<"LengthKind", "which length", [
    I32EnumCase<"query", 0>, I32EnumCase<"key", 1>]> {
  let cppNamespace = "::mlir::attn";
}

def Attn_LengthOp : Attn_Op<"length", [Pure, HasParent<"AttentionOp">]> {
  let summary = "Number of queries or keys of the sequence a score belongs to";
  let description = [{
    Inside a region of `attn.attention`: the number of queries or of keys of
    the batch entry at hand. Masks that count from the end of a sequence need
    it.

    ```mlir
    mask_mod (%b, %h, %i, %j) {             // causal, aligned bottom-right
      %nq = attn.length query : index
      %nk = attn.length key : index
      %d = arith.subi %nk, %nq : index
      %last = arith.addi %i, %d : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
    ```
  }];
  let arguments = (ins EnumProp<Attn_LengthKind>:$which);
  let results = (outs Index:$length);
  let assemblyFormat = "$which attr-dict `:` type($length)";
}

def Attn_YieldOp : Attn_Op<"yield", [
    Pure, Terminator, ReturnLike, HasParent<"AttentionOp">]> {
  let summary = "Ends a score_mod or mask_mod region";
  let description = [{
    ```mlir
    attn.yield %keep : i1
    ```
  }];
  let arguments = (ins AnyType:$result);
  let assemblyFormat = "$result attr-dict `:` type($result)";
}

#endif // ATTN_DIALECT_ATTN_TD
