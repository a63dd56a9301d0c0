//===- AttnAttrs.td - The dialect, masks and scores --------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_ATTNATTRS_TD
#define ATTN_DIALECT_ATTNATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

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
// Interfaces
//===----------------------------------------------------------------------===//

def Attn_MaskAttrInterface : AttrInterface<"MaskAttrInterface"> {
  let cppNamespace = "::mlir::attn";
  let description = [{
    A mask that can be written as an attribute of `attn.attention`. It is sugar
    for a `mask_mod` region: `attn-expand-variant` asks the attribute for the
    region's operations, and no later pass sees the attribute.
  }];
  let methods = [
    InterfaceMethod<"The number of `?`, each of which takes an `index` value.",
      "unsigned", "getNumRunTimeValues", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/"return 0;">,
    InterfaceMethod<[{
        Emits the operations that decide whether a score is kept, and returns
        the `i1` result. `coordinates` are the `index` values batch, query
        head, query position and key position; `values` are those of the `?`.
        The insertion point is inside a region of `attn.attention`, so
        `attn.length` may be used.
      }],
      "::mlir::Value", "buildKeep",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$coordinates, "::mlir::ValueRange":$values)>
  ];
}

def Attn_ScoreAttrInterface : AttrInterface<"ScoreAttrInterface"> {
  let cppNamespace = "::mlir::attn";
  let description = [{
    A function of a score that can be written as an attribute of
    `attn.attention`. It is sugar for a `score_mod` region.
  }];
  let methods = [
    InterfaceMethod<"The number of `?`, each of which takes an `f32` value.",
      "unsigned", "getNumRunTimeValues", (ins), /*methodBody=*/"",
      /*defaultImplementation=*/"return 0;">,
    InterfaceMethod<[{
        Emits the operations of the function and returns its `f32` result.
        `score`, `coordinates` and `values` are as for a mask; `queryHeads` is
        the number of query heads.
      }],
      "::mlir::Value", "buildScore",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::Value":$score, "::mlir::ValueRange":$coordinates,
           "::mlir::ValueRange":$values, "int64_t":$queryHeads)>
  ];
}

def Attn_ScoreArrayAttr
    : TypedArrayAttrBase<Attn_ScoreAttrInterface, "list of score functions">;

class Attn_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Attn_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

/// A mask without parameters that takes run-time values.
class Attn_Mask<string name, string attrMnemonic>
    : Attn_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<Attn_MaskAttrInterface>]>;

/// A mask with one number, which may be `?`.
class Attn_MaskWithNumber<string name, string attrMnemonic>
    : Attn_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<Attn_MaskAttrInterface,
                                    ["getNumRunTimeValues"]>]> {
  let parameters = (ins "int64_t":$number);
  let assemblyFormat = "`<` custom<NumberOrRunTime>($number) `>`";
  let genVerifyDecl = 1;
}

/// A mask made of other masks.
class Attn_MaskOfMasks<string name, string attrMnemonic>
    : Attn_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<Attn_MaskAttrInterface,
                                    ["getNumRunTimeValues"]>]> {
  let genVerifyDecl = 1;
}

class Attn_Score<string name, string attrMnemonic, list<string> methods = []>
    : Attn_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<Attn_ScoreAttrInterface, methods>]>;

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

// In all of them `p` is the position of query `i` among the keys, aligned
// bottom-right: p = i + Skv - Sq.

def Attn_CausalAttr : Attn_Mask<"Causal", "causal"> {
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

def Attn_WindowAttr : Attn_MaskOfMasks<"Window", "window"> {
  let summary = "Query i sees the keys near its own position";
  let description = [{
    With `p = i + Skv - Sq`, query `i` keeps key `j` if
    `p - left <= j <= p + right`. A side that is left out is unlimited. Mistral's
    window of 4096 keys, the query's own included, has `left = 4095`
    (Beltagy et al. 2020; Jiang et al. 2023).

    ```mlir
    mask(#attn.window<left = 256, right = 256>)
    mask(#attn.all_of<[#attn.causal, #attn.window<left = ?>]>)[%w]
    ```
  }];
  let parameters = (ins
    OptionalParameter<"int64_t", "::mlir::attn::kUnlimited">:$left,
    OptionalParameter<"int64_t", "::mlir::attn::kUnlimited">:$right);
  let hasCustomAssemblyFormat = 1;
}

def Attn_PrefixAttr : Attn_MaskWithNumber<"Prefix", "prefix"> {
  let summary = "All queries see the first n keys";
  let description = [{
    Keeps key `j` if `j < n`. With `causal` it makes a prefix language model:

    ```mlir
    mask(#attn.any_of<[#attn.prefix<?>, #attn.causal]>)[%n]
    ```
  }];
}

def Attn_GlobalAttr : Attn_MaskWithNumber<"Global", "global"> {
  let summary = "The first n positions see all keys and are seen by all queries";
  let description = [{
    Keeps key `j` for query `i` if `i + Skv - Sq < n` or `j < n`: the global
    tokens of Longformer (Beltagy et al. 2020), placed at the beginning.

    ```mlir
    mask(#attn.any_of<[#attn.window<left = 256, right = 256>, #attn.global<1>]>)
    ```
  }];
}

def Attn_DilatedAttr : Attn_MaskWithNumber<"Dilated", "dilated"> {
  let summary = "Query i sees every d-th key, counted from its own position";
  let description = [{
    Keeps key `j` if `i + Skv - Sq - j` is a multiple of `d` (Longformer's
    dilation). The number is at least 1; a run-time value below 1 counts as 1.

    ```mlir
    mask(#attn.all_of<[#attn.window<left = 510, right = 510>, #attn.dilated<2>]>)
    ```
  }];
}

def Attn_ChunkAttr : Attn_MaskWithNumber<"Chunk", "chunk"> {
  let summary = "Query i sees the keys of its own chunk";
  let description = [{
    Keys are cut into chunks of `n`. With `p = i + Skv - Sq`, query `i` keeps
    key `j` if `p floordiv n == j floordiv n` (the local layers of Llama 4). The
    number is at least 1; a run-time value below 1 counts as 1.

    ```mlir
    mask(#attn.all_of<[#attn.causal, #attn.chunk<8192>]>)
    ```
  }];
}

def Attn_AllOfAttr : Attn_MaskOfMasks<"AllOf", "all_of"> {
  let summary = "Keeps what all of several masks keep";
  let description = [{
    ```mlir
    mask(#attn.all_of<[#attn.causal, #attn.window<left = 4095>]>)
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$masks);
  let assemblyFormat = "`<` `[` $masks `]` `>`";
}

def Attn_AnyOfAttr : Attn_MaskOfMasks<"AnyOf", "any_of"> {
  let summary = "Keeps what one of several masks keeps";
  let description = [{
    ```mlir
    mask(#attn.any_of<[#attn.causal, #attn.prefix<64>]>)
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::Attribute">:$masks);
  let assemblyFormat = "`<` `[` $masks `]` `>`";
}

def Attn_NotAttr : Attn_MaskOfMasks<"Not", "not"> {
  let summary = "Keeps what a mask does not keep";
  let description = [{
    Keys beyond the end of a sequence stay masked.

    ```mlir
    mask(#attn.not<#attn.window<left = 0, right = 0>>)   // all but itself
    ```
  }];
  let parameters = (ins "::mlir::Attribute":$mask);
  let assemblyFormat = "`<` $mask `>`";
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

def Attn_SoftcapAttr : Attn_Score<"Softcap", "softcap",
                                  ["getNumRunTimeValues"]> {
  let summary = "Keeps scores between -cap and cap, smoothly";
  let description = [{
    `cap * tanh(score / cap)`, as in Gemma 2. The cap is greater than 0.

    ```mlir
    score(#attn.softcap<50.0>)
    score(#attn.softcap<?>)[%cap]
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$cap);
  let assemblyFormat = "`<` custom<CapOrRunTime>($cap) `>`";
  let genVerifyDecl = 1;
}

def Attn_AlibiAttr : Attn_Score<"Alibi", "alibi"> {
  let summary = "A bias that falls linearly with the distance";
  let description = [{
    `score - slope[h] * |i + Skv - Sq - j|` (Press et al. 2022). With `H` query
    heads, a power of two, the slope of head `h` is `2^(-8 (h + 1) / H)`. For
    any other `H`, with `n` the power of two below it, the first `n` heads have
    the slopes of `n` heads, and the others have every second slope of `2 n`
    heads, beginning with the first.

    ```mlir
    %o = attn.attention %q, %k, %v mask(#attn.causal) score(#attn.alibi) : ...
    ```
  }];
}

#endif // ATTN_DIALECT_ATTNATTRS_TD
