//===- Tile.td - The tile dialect --------------------------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_TILE_TD
#define ATTN_DIALECT_TILE_TD

include "dialect/Tile/TileTypes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Kernel, launch and terminators
//===----------------------------------------------------------------------===//

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_KernelOp : Tile_Op<"kernel", [
    IsolatedFromAbove, FunctionOpInterface, OpAsmOpInterface]> {
  let summary = "The work of one task";
  let description = [{
    A function without results that `tile.launch` runs once for every work
    index. The first argument is the work index; the others are memrefs and
    scalars. Tasks of one launch may run at the same time and in any order, and
    start roughly in the order of their index.

    `tile_q` and `tile_kv` are the rows of a query tile and of a key tile.

    ```mlir
    tile.kernel @k(%work: index, %x: memref<?x64xf32>)
        attributes {tile_kv = 64 : i64, tile_q = 64 : i64} {
      ...
      tile.return
    }
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    TypeAttrOf<FunctionType>:$function_type,
    OptionalAttr<DictArrayAttr>:$arg_attrs,
    OptionalAttr<DictArrayAttr>:$res_attrs,
    OptionalAttr<StrAttr>:$sym_visibility,
    OptionalAttr<I64Attr>:$tile_q,
    OptionalAttr<I64Attr>:$tile_kv);
  let regions = (region SizedRegion<1>:$body);
  let builders = [
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::TypeRange":$arguments)>
  ];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::ArrayRef<::mlir::Type> getArgumentTypes() {
      return getFunctionType().getInputs();
    }
    ::mlir::ArrayRef<::mlir::Type> getResultTypes() { return {}; }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    ::mlir::Value getWork() { return getBody().getArgument(0); }
  }];
}

def Tile_ReturnOp : Tile_Op<"return", [
    Pure, Terminator, ReturnLike, HasParent<"KernelOp">]> {
  let summary = "Ends a kernel";
  let description = [{
    ```mlir
    tile.return
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_YieldOp : Tile_Op<"yield", [
    Pure, Terminator, ReturnLike, ParentOneOf<["MapOp", "GroupOp"]>]> {
  let summary = "Ends the region of a tile.map or tile.group";
  let description = [{
    ```mlir
    tile.yield %r : f32
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

def Tile_LaunchOp : Tile_Op<"launch", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel for every work index";
  let description = [{
    Runs `kernel` for the work indices `0 .. count - 1` and waits for all of
    them.

    ```mlir
    tile.launch @k[%n](%q, %k, %o) : memref<...>, memref<...>, memref<...>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Index:$count,
                       Variadic<AnyType>:$arguments);
  let assemblyFormat = [{
    $kernel `[` $count `]` `` `(` $arguments `)` attr-dict
    (`:` type($arguments)^)?
  }];
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

def Tile_ViewOp : Tile_Op<"view", [Pure]> {
  let summary = "Lays rows and columns over a memref";
  let description = [{
    The list has one entry for each dimension of the memref:

    | entry | meaning |
    |---|---|
    | `%x` | this dimension is fixed at index `%x` |
    | `rows` | the row runs along this dimension |
    | `cols` | the column runs along this dimension |
    | `%x : G` | this dimension is at index `%x + row mod G`, and the dimension of `rows` at `row floordiv G` |

    The last form packs the rows of G heads, so that G query heads that share
    a KV head fill one tile: row `r` is position `r / G` of head `x + r % G`.
    Without `cols` the view has one column. Rows and columns beyond the
    extent of their dimension are outside of the view.

    ```mlir
    // Keys of KV head %g; queries of its four query heads; their log-sum-exp.
    %K = tile.view %k[%b, %g, rows, cols]     : memref<?x8x?x128xf32>
    %Q = tile.view %q[%b, %h : 4, rows, cols] : memref<?x32x?x128xf32>
    %L = tile.view %lse[%b, %h : 4, rows]     : memref<?x32x?xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$source, Variadic<Index>:$fixed,
                       I64Attr:$row_dim, OptionalAttr<I64Attr>:$col_dim,
                       OptionalAttr<I64Attr>:$group_dim,
                       DefaultValuedAttr<I64Attr, "1">:$group);
  let results = (outs Tile_ViewType:$view);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The memref indices of element (row, col), which must be inside.
    ::llvm::SmallVector<::mlir::Value> getIndices(
        ::mlir::OpBuilder &builder, ::mlir::Location loc, ::mlir::Value row,
        ::mlir::Value col);
    /// The number of rows (positions times group) and of columns.
    ::mlir::Value getNumRows(::mlir::OpBuilder &builder, ::mlir::Location loc);
    ::mlir::Value getNumCols(::mlir::OpBuilder &builder, ::mlir::Location loc);
    /// The number of columns if it is static.
    std::optional<int64_t> getStaticNumCols();
  }];
}

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "Reads a tile; what is outside of the view reads as zero";
  let description = [{
    ```mlir
    %k = tile.load %K[%j, %c0] : !tile.view<f32> -> !tile.tile<64x128xf32>
    ```

    A view may hold a narrower floating-point type than the tile; its elements
    are extended.
  }];
  let arguments = (ins Tile_ViewType:$view, Index:$row, Index:$col);
  let results = (outs Tile_TileType:$tile);
  let assemblyFormat = [{
    $view `[` $row `,` $col `]` attr-dict `:` qualified(type($view)) `->`
    qualified(type($tile))
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "Writes a tile; what is outside of the view is dropped";
  let description = [{
    ```mlir
    tile.store %o, %O[%r, %c0] : !tile.tile<64x128xf32>, !tile.view<f32>
    ```

    A view may hold a narrower floating-point type than the tile; elements are
    rounded to nearest, ties to even.
  }];
  let arguments = (ins Tile_TileType:$tile, Tile_ViewType:$view, Index:$row,
                       Index:$col);
  let assemblyFormat = [{
    $tile `,` $view `[` $row `,` $col `]` attr-dict `:`
    qualified(type($tile)) `,` qualified(type($view))
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Computation
//===----------------------------------------------------------------------===//

def Tile_DotOp : Tile_Op<"dot", [Pure]> {
  let summary = "Matrix product of two tiles";
  let description = [{
    `a * b`, or `accumulator + a * b`. `transpose_a` and `transpose_b` say that
    an operand is given transposed. The product is accumulated in the element
    type of the result.

    ```mlir
    // scores: 64x128 times the transpose of 32x128
    %s = tile.dot %q, %k transpose_b : (!tile.tile<64x128xf32>,
        !tile.tile<32x128xf32>) -> !tile.tile<64x32xf32>
    %o = tile.dot %p, %v, %acc : (!tile.tile<64x32xf32>,
        !tile.tile<32x128xf32>, !tile.tile<64x128xf32>) -> !tile.tile<64x128xf32>
    ```
  }];
  let arguments = (ins Tile_TileType:$a, Tile_TileType:$b,
                       Optional<Tile_TileType>:$accumulator,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = [{
    $a `,` $b (`,` $accumulator^)? (`transpose_a` $transpose_a^)?
    (`transpose_b` $transpose_b^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Tile_MapOp : Tile_Op<"map", [
    Pure, AttrSizedOperandSegments, SingleBlock]> {
  let summary = "Applies a scalar function to every element";
  let description = [{
    The region computes one element of the result from the elements of the
    inputs at the same place; an input with one row or one column is repeated.
    With `at(%i = %r0, %j = %c0)` the region also gets the row and column of
    its element as `i32`, counted from `%r0` and `%c0`. The region may use
    scalars and memrefs from outside, must not write, and has no loops.

    ```mlir
    %p = tile.map(%x = %s, %y = %m) : (!tile.tile<64x32xf32>,
        !tile.tile<64x1xf32>) -> !tile.tile<64x32xf32> {
      %d = arith.subf %x, %y : f32
      %e = math.exp2 %d : f32
      tile.yield %e : f32
    }
    %masked = tile.map(%x = %s) at(%i = %r0, %j = %c0)
        : (!tile.tile<64x32xf32>) -> !tile.tile<64x32xf32> {
      %keep = arith.cmpi sle, %j, %i : i32
      %r = arith.select %keep, %x, %neg_inf : f32
      tile.yield %r : f32
    }
    %zero = tile.map() : () -> !tile.tile<64x1xf32> {
      tile.yield %c0_f32 : f32
    }
    ```
  }];
  let arguments = (ins Variadic<Tile_TileType>:$inputs,
                       Variadic<Index>:$origin);
  let results = (outs Tile_TileType:$result);
  let regions = (region SizedRegion<1>:$body);
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::ValueRange":$inputs,
      "::mlir::ValueRange":$origin,
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>
  ];
  let skipDefaultBuilders = 1;
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDeclaration = [{
    bool hasIndices() { return !getOrigin().empty(); }
    ::mlir::Block *getBlock() { return &getBody().front(); }
    ::mlir::Value getYielded();
    /// The region's row and column, if it has them.
    ::mlir::BlockArgument getRowIndex() {
      return getBlock()->getArgument(getInputs().size());
    }
    ::mlir::BlockArgument getColIndex() {
      return getBlock()->getArgument(getInputs().size() + 1);
    }
  }];
}

def Tile_ReduceKind : I32Enum<"ReduceKind", "how elements combine", [
    I32EnumCase<"max", 0>, I32EnumCase<"min", 1>,
    I32EnumCase<"add", 2>]> {
  let cppNamespace = "::mlir::tile";
}
def Tile_ReduceAxis : I32Enum<"ReduceAxis", "what gets one result", [
    I32EnumCase<"rows", 0>, I32EnumCase<"cols", 1>,
    I32EnumCase<"all", 2>]> {
  let cppNamespace = "::mlir::tile";
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "Combines the elements of each row, each column, or all";
  let description = [{
    `rows` gives one value for each row, `cols` one for each column, `all` a
    single one. With a second operand the result is combined with it. The
    order of combination is not specified. `max` and `min` pass over NaN.

    ```mlir
    %m1 = tile.reduce max rows %s, %m : (!tile.tile<64x32xf32>,
        !tile.tile<64x1xf32>) -> !tile.tile<64x1xf32>
    ```
  }];
  let arguments = (ins EnumProp<Tile_ReduceKind>:$kind,
                       EnumProp<Tile_ReduceAxis>:$axis,
                       Tile_TileType:$input, Optional<Tile_TileType>:$init);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = [{
    $kind $axis $input (`,` $init^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Schedule
//===----------------------------------------------------------------------===//

def Tile_GroupOp : Tile_Op<"group", [
    RecursiveMemoryEffects, SingleBlock, NoRegionArguments]> {
  let summary = "Tile operations that share one loop nest";
  let description = [{
    A schedule decision: the operations inside are computed element by element
    in one sweep, without storing the tiles between them. Results are the tiles
    that are used outside.

    ```mlir
    %p, %l1 = tile.group {
      %p = tile.map(%x = %s, %y = %m) ...
      %l1 = tile.reduce add rows %p, %l ...
      tile.yield %p, %l1 : !tile.tile<64x32xf32>, !tile.tile<64x1xf32>
    } : !tile.tile<64x32xf32>, !tile.tile<64x1xf32>
    ```
  }];
  let results = (outs Variadic<Tile_TileType>:$tiles);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$body attr-dict (`:` qualified(type($tiles))^)?";
  let hasVerifier = 1;
}

#endif // ATTN_DIALECT_TILE_TD
