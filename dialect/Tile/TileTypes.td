//===- TileTypes.td - The types of the tile dialect --------*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_DIALECT_TILETYPES_TD
#define ATTN_DIALECT_TILETYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::mlir::tile";
  let summary = "Kernels over 2-D tiles: which tiles, in which order";
  let description = [{
    A `tile.kernel` is the work of one task (a CPU task or a GPU thread block)
    on tiles that are SSA values. Six operations do the work: `tile.view`,
    `tile.load`, `tile.store` move data, `tile.dot`, `tile.map` and
    `tile.reduce` compute. Loops between tiles are `scf.for`; loops inside a
    tile belong to the conversions. A tile has no layout and no place in
    memory, and nothing in this dialect knows a device.
  }];
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Tile_Type<string name, string typeMnemonic>
    : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Tile_TileType : Tile_Type<"Tile", "tile"> {
  let summary = "A 2-D value of static size";
  let description = [{
    A matrix of `rows x cols` elements. A value per row is `tile<Rx1xf32>`, a
    value per column `tile<1xCxf32>`.

    A conversion to a device gives tiles a layout, an attribute of that device's
    dialect that says where their elements are. What `tile.map` and
    `tile.reduce` combine has one layout.

    ```mlir
    !tile.tile<64x128xf32>
    !tile.tile<64x128xf32, #warp.mma<4>>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols, "Type":$elementType,
                        OptionalParameter<"Attribute">:$layout);
  let builders = [
    TypeBuilder<(ins "int64_t":$rows, "int64_t":$cols, "Type":$elementType), [{
      return $_get($_ctxt, rows, cols, elementType, Attribute());
    }]>
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tile_ViewType : Tile_Type<"View", "view"> {
  let summary = "A 2-D window into memory";
  let description = [{
    Rows and columns laid over a memref by `tile.view`. The number of rows and
    columns is known at run time only.

    ```mlir
    !tile.view<f32>
    ```
  }];
  let parameters = (ins "Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
}

#endif // ATTN_DIALECT_TILETYPES_TD
