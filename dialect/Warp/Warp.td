//===- Warp.td - The warp dialect --------------------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_WARP_TD
#define ATTN_DIALECT_WARP_TD

include "dialect/Tile/TileTypes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Warp_Dialect : Dialect {
  let name = "warp";
  let cppNamespace = "::mlir::warp";
  let summary = "The schedule of a kernel on a GPU";
  let description = [{
    A `tile.kernel` in which every tile has a place. `#warp.mma` spreads a tile
    over the registers of warps, `#warp.swizzle` puts it into shared memory.
    `tile.map`, `tile.reduce`, `tile.load` and `tile.store` work on tiles in
    registers as before; the operations of this dialect move tiles through
    shared memory and multiply them.

    A channel is a ring of tiles in shared memory: `warp.put` begins to fill a
    stage, `warp.take` waits for it, `warp.release` gives it back. A product is
    pending until `warp.await`.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::tile::TileDialect"];
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

class Warp_Attr<string name, string attrMnemonic>
    : AttrDef<Warp_Dialect, name> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

def Warp_MmaAttr : Warp_Attr<"Mma", "mma"> {
  let summary = "A tile in the registers of warps, as mma accumulates it";
  let description = [{
    The rows are divided evenly among `warps`, in order; each warp has blocks of
    16 rows and 8 columns, the accumulators of `mma.m16n8k16`. In a block, lane
    `l` holds rows `l / 4` and `l / 4 + 8`, and in each the columns
    `2 (l mod 4)` and the next (PTX ISA, "Matrix fragments for mma.m16n8k16").
    Two blocks side by side are a fragment of a 16-bit first operand as well.

    A tile of one column has one value for each row, the same in the four lanes
    that share the row; a tile of one row likewise for each column.

    ```mlir
    !tile.tile<64x128xf32, #warp.mma<4>>
    ```
  }];
  let parameters = (ins "int64_t":$warps);
  let assemblyFormat = "`<` $warps `>`";
}

def Warp_SwizzleAttr : Warp_Attr<"Swizzle", "swizzle"> {
  let summary = "A tile in shared memory, in swizzled slabs";
  let description = [{
    The columns are cut into slabs of `bytes` (32, 64 or 128). A slab has its
    rows one after another; in row `r` the 16-byte chunk `c` is at place
    `c xor (r * bytes / 128) mod (bytes / 16)`, so that the eight rows that
    `ldmatrix` reads at once are in different banks. It is what TMA writes with
    a swizzle of `bytes`.

    ```mlir
    !tile.tile<64x128xbf16, #warp.swizzle<128>>
    ```
  }];
  let parameters = (ins "int64_t":$bytes);
  let assemblyFormat = "`<` $bytes `>`";
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Warp_Type<string name, string typeMnemonic>
    : TypeDef<Warp_Dialect, name> {
  let mnemonic = typeMnemonic;
  let genVerifyDecl = 1;
}

def Warp_ChannelType : Warp_Type<"Channel", "channel"> {
  let summary = "A ring of tiles in shared memory";
  let description = [{
    ```mlir
    !warp.channel<2 x !tile.tile<64x128xbf16, #warp.swizzle<128>>>
    ```
  }];
  let parameters = (ins "int64_t":$stages, "::mlir::tile::TileType":$tile);
  let assemblyFormat = "`<` $stages `x` qualified($tile) `>`";
}

def Warp_PendingType : Warp_Type<"Pending", "pending"> {
  let summary = "A product that may be under way";
  let description = [{
    Only `warp.await` gives the tile, so that nothing can touch accumulators
    while the hardware writes them.

    ```mlir
    !warp.pending<!tile.tile<64x64xf32, #warp.mma<4>>>
    ```
  }];
  let parameters = (ins "::mlir::tile::TileType":$tile);
  let assemblyFormat = "`<` qualified($tile) `>`";
}

//===----------------------------------------------------------------------===//
// Channels
//===----------------------------------------------------------------------===//

class Warp_Op<string mnemonic, list<Trait> traits = []>
    : Op<Warp_Dialect, mnemonic, traits>;

def Warp_ChannelOp : Warp_Op<"channel", [MemoryEffects<[MemAlloc]>]> {
  let summary = "Makes a channel";
  let description = [{
    Its shared memory is the kernel's to its end.

    ```mlir
    %K = warp.channel : !warp.channel<2 x !tile.tile<64x128xbf16, #warp.swizzle<128>>>
    ```
  }];
  let results = (outs Warp_ChannelType:$channel);
  let assemblyFormat = "attr-dict `:` qualified(type($channel))";
}

def Warp_PutOp : Warp_Op<"put", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Begins to copy a tile into a channel";
  let description = [{
    Copies the tile of a view that begins at (row, column) into stage
    `number mod stages`; what is outside of the view becomes zero. With `if` and
    a false condition nothing is copied, and the number is not used up.

    The stage must have been released if a tile was in it. Tiles are put in the
    order of their numbers, without gaps.

    `in_bounds` promises that all rows of the tile are in the view, unless the
    condition is false.

    ```mlir
    warp.put %view[%row, %col], %K[%n] if %more in_bounds
        : !tile.view<bf16>, !warp.channel<...>
    ```
  }];
  let arguments = (ins Tile_ViewType:$view, Index:$row, Index:$col,
                       Warp_ChannelType:$channel, Index:$number,
                       Optional<I1>:$condition, UnitAttr:$in_bounds);
  let assemblyFormat = [{
    $view `[` $row `,` $col `]` `,` $channel `[` $number `]`
    (`if` $condition^)? (`in_bounds` $in_bounds^)? attr-dict `:` qualified(type($view)) `,`
    qualified(type($channel))
  }];
  let hasVerifier = 1;
}

def Warp_TakeOp : Warp_Op<"take", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Waits for a tile of a channel";
  let description = [{
    Waits until the tile of this number is there, for all warps. `in_flight`
    says how many puts, into any channel, have come after that of this tile;
    they may still be under way.

    ```mlir
    %k = warp.take %K[%n] in_flight 1 : !warp.channel<...>
    ```
  }];
  let arguments = (ins Warp_ChannelType:$channel, Index:$number,
                       DefaultValuedAttr<I64Attr, "0">:$in_flight);
  let results = (outs Tile_TileType:$tile);
  let builders = [OpBuilder<(ins "::mlir::Value":$channel,
                                 "::mlir::Value":$number,
                                 CArg<"int64_t", "0">:$inFlight)>];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Warp_ReleaseOp : Warp_Op<"release", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Gives a stage back";
  let description = [{
    Nobody reads the tile of this number any more; its stage may be filled.

    ```mlir
    warp.release %K[%n] : !warp.channel<...>
    ```
  }];
  let arguments = (ins Warp_ChannelType:$channel, Index:$number);
  let assemblyFormat = [{
    $channel `[` $number `]` attr-dict `:` qualified(type($channel))
  }];
}

def Warp_ReadOp : Warp_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "Copies a tile from shared memory to registers";
  let description = [{
    ```mlir
    %r = warp.read %t : !tile.tile<64x128xbf16, #warp.swizzle<128>>
        -> !tile.tile<64x128xbf16, #warp.mma<4>>
    ```
  }];
  let arguments = (ins Tile_TileType:$source);
  let results = (outs Tile_TileType:$tile);
  let assemblyFormat = [{
    $source attr-dict `:` qualified(type($source)) `->` qualified(type($tile))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def Warp_DotOp : Warp_Op<"dot", [MemoryEffects<[MemRead]>]> {
  let summary = "Begins a product on the tensor cores";
  let description = [{
    `a * b`, or `accumulator + a * b`, of 16-bit tiles with f32 sums; `b` is in
    shared memory, `a` there or in registers. `transpose_b` says that `b` is given
    transposed.

    ```mlir
    %s = warp.dot %q, %k transpose_b
        : (!tile.tile<64x128xbf16, #warp.mma<4>>,
           !tile.tile<64x128xbf16, #warp.swizzle<128>>)
       -> !warp.pending<!tile.tile<64x64xf32, #warp.mma<4>>>
    ```
  }];
  let arguments = (ins Tile_TileType:$a, Tile_TileType:$b,
                       Optional<Tile_TileType>:$accumulator,
                       UnitAttr:$transpose_b);
  let results = (outs Warp_PendingType:$product);
  let assemblyFormat = [{
    $a `,` $b (`,` $accumulator^)? (`transpose_b` $transpose_b^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Warp_AwaitOp : Warp_Op<"await", [MemoryEffects<[MemRead]>]> {
  let summary = "Waits for a product";
  let description = [{
    ```mlir
    %t = warp.await %s : !warp.pending<!tile.tile<64x64xf32, #warp.mma<4>>>
    ```
  }];
  let arguments = (ins Warp_PendingType:$product);
  let results = (outs Tile_TileType:$tile);
  let builders = [OpBuilder<(ins "::mlir::Value":$product)>];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

def Warp_RowSumOp : Warp_Op<"row_sum", [
    Pure, AllTypesMatch<["init", "sum"]>]> {
  let summary = "Sums of rows on the tensor cores";
  let description = [{
    `init` plus the sum of each row of a 16-bit tile, in f32: its product with
    ones. All lanes of a row have the sum, without exchanging anything.

    ```mlir
    %l1 = warp.row_sum %p, %l
        : !tile.tile<64x128xbf16, #warp.mma<4>>, !tile.tile<64x1xf32, #warp.mma<4>>
    ```
  }];
  let arguments = (ins Tile_TileType:$input, Tile_TileType:$init);
  let results = (outs Tile_TileType:$sum);
  let assemblyFormat = [{
    $input `,` $init attr-dict `:` qualified(type($input)) `,`
    qualified(type($init))
  }];
  let hasVerifier = 1;
}

def Warp_ReachesTwoOp : Warp_Op<"reaches_two", [Pure]> {
  let summary = "Whether a warp has an element of two or more";
  let description = [{
    True if the magnitude of an element that a thread of the warp has is at
    least two, or is no number. The same in all threads of a warp; warps have
    results of their own. It costs less than a maximum: in 16-bit formats these
    are the elements with the highest bit of the exponent.

    ```mlir
    %large = warp.reaches_two %p : !tile.tile<64x64xbf16, #warp.mma<4>>
    ```
  }];
  let arguments = (ins Tile_TileType:$tile);
  let results = (outs I1:$result);
  let assemblyFormat = "$tile attr-dict `:` qualified(type($tile))";
  let hasVerifier = 1;
}

#endif // ATTN_DIALECT_WARP_TD
