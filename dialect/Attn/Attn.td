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

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::mlir::attn";
  let summary = "Attention as mathematics: which attention is wanted";
  let description = [{
    The `attn` dialect says *what* is computed, on tensors with value
    semantics, and nothing about how: no tiles, no memory layout, no device.

    Logical shapes are `[batch, heads, sequence, head_dim]`. The order of
    operations, the units of a score and the meaning of an empty row are given
    in [the semantics page](../semantics.md).
  }];
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

def Attn_MaskAttrInterface : AttrInterface<"MaskAttrInterface"> {
  let cppNamespace = "::mlir::attn";
  let description = [{
    A mask that can be written as an attribute of `attn.attention`. It is sugar
    for a `mask_mod` region: `attn-expand-variant` asks the attribute for the
    region's operations, and no later pass sees the attribute.
  }];
  let methods = [
    InterfaceMethod<
      /*description=*/[{
        Emits the operations that decide whether a score is kept, and returns
        the `i1` result. `coordinates` are the `index` values batch, query
        head, query position and key position. The insertion point is inside
        a region of `attn.attention`, so `attn.length` may be used.
      }],
      /*retTy=*/"::mlir::Value",
      /*methodName=*/"buildKeep",
      /*args=*/(ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
                    "::mlir::ValueRange":$coordinates)>
  ];
}

class Attn_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Attn_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Attn_CausalAttr : Attn_Attr<"Causal", "causal", [
    DeclareAttrInterfaceMethods<Attn_MaskAttrInterface, ["buildKeep"]>]> {
  let summary = "Query i sees the keys up to its own position";
  let description = [{
    Causal masking, aligned bottom-right: the last query sees all keys. Query
    `i` of `Sq` keeps key `j` of `Skv` if `j <= i + Skv - Sq`. With
    `Sq > Skv` the first `Sq - Skv` queries see no key at all.

    ```mlir
    %o = attn.attention %q, %k, %v mask(#attn.causal) : ...
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, traits>;

def Attn_AttentionOp : Attn_Op<"attention", [
    Pure,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames",
                                                 "getAsmResultNames"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                              ["reifyResultShapes"]>]> {
  let summary = "Scaled dot-product attention";
  let description = [{
    For every batch `b`, query head `h` and query `i`, with KV head
    `g = h floordiv (Hq / Hkv)`:

    ```
    s[j]   = score_mod(scale * dot(query[b, h, i, :], key[b, g, j, :]))
    s[j]   = -inf where mask or mask_mod does not keep (b, h, i, j)
    lse    = log(sum over j of exp(s[j]))
    output = sum over j of exp(s[j] - lse) * value[b, g, j, :]
    ```

    | operand | shape |
    |---|---|
    | query | `[batch, query_heads, queries, head_dim]` |
    | key   | `[batch, kv_heads, keys, head_dim]` |
    | value | `[batch, kv_heads, keys, value_dim]` |

    The head counts decide between MHA (equal), MQA (one KV head) and GQA
    (`query_heads` a multiple of `kv_heads`). Head counts and head dimensions
    are static; batch and sequence lengths may be dynamic. `scale` is
    `1 / sqrt(head_dim)` unless given. `output` has the query's shape with
    `value_dim` columns; the optional second result is the natural-log
    log-sum-exp `[batch, query_heads, queries]` in `f32`. A query that keeps no
    key has output 0 and log-sum-exp -inf.

    `mask` is an attribute that implements `MaskAttrInterface`. `mask_mod` is a
    region over the coordinates of one score that yields `true` to keep it.
    Both must keep a score for it to count. `score_mod` is a region over the
    scaled score (natural-log units) and its coordinates. Regions hold scalar
    operations without side effects and may use values from outside.

    Example, causal attention with ALiBi, 32 query heads in 8 groups:

    ```mlir
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
    OptionalAttr<Attn_MaskAttrInterface>:$mask,
    OptionalAttr<F64Attr>:$scale);
  let results = (outs AnyRankedTensor:$output, Optional<AnyRankedTensor>:$lse);
  let regions = (region AnyRegion:$score_mod, AnyRegion:$mask_mod);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    oilist(`mask` `(` $mask `)` | `scale` `(` $scale `)`)
    custom<ScoreMod>($score_mod) custom<MaskMod>($mask_mod)
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The factor of the dot product: `scale`, or 1 / sqrt(head_dim).
    double getScaleValue();
    int64_t getQueryHeads() { return getQuery().getType().getDimSize(1); }
    int64_t getKvHeads() { return getKey().getType().getDimSize(1); }
    /// Query heads that share one KV head.
    int64_t getGroupSize() { return getQueryHeads() / getKvHeads(); }
    int64_t getHeadDim() { return getQuery().getType().getDimSize(3); }
    int64_t getValueDim() { return getValue().getType().getDimSize(3); }
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
