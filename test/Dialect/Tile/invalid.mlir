// Each rule of the verifiers and parsers of the tile dialect.

// RUN: attn-opt %s --split-input-file --verify-diagnostics

// Types

// expected-error@+1 {{a tile has two dimensions, got 1}}
func.func private @f(!tile.tile<4xf32>)

// -----

// expected-error@+1 {{a tile has two dimensions, got 3}}
func.func private @f(!tile.tile<4x4x4xf32>)

// -----

// expected-error@+1 {{a tile has at least one row and one column, got 0x4}}
func.func private @f(!tile.tile<0x4xf32>)

// -----

// expected-error@+1 {{a tile has at least one row and one column, got 4x0}}
func.func private @f(!tile.tile<4x0xf32>)

// -----

// expected-error@+1 {{expected static shape}}
func.func private @f(!tile.tile<?x4xf32>)

// -----

// expected-error@+1 {{a tile holds integers or floats, not 'index'}}
func.func private @f(!tile.tile<4x4xindex>)

// -----

// expected-error@+1 {{a tile holds integers or floats, not 'vector<4xf32>'}}
func.func private @f(!tile.tile<4x4xvector<4xf32>>)

// -----

// tile.kernel and tile.launch

// expected-error@+1 {{has no results, but its type gives 1}}
tile.kernel @k(%work: index) -> index {
  tile.return
}

// -----

// expected-error@+1 {{must have the work index, of type index, as its first argument}}
tile.kernel @k() {
  tile.return
}

// -----

// expected-error@+1 {{must have the work index, of type index, as its first argument}}
tile.kernel @k(%x: memref<4xf32>, %work: index) {
  tile.return
}

// -----

// expected-error@+1 {{takes memrefs and scalars, not 'tensor<4xf32>'}}
tile.kernel @k(%work: index, %x: tensor<4xf32>) {
  tile.return
}

// -----

// expected-error@+1 {{takes memrefs and scalars, not 'memref<*xf32>'}}
tile.kernel @k(%work: index, %x: memref<*xf32>) {
  tile.return
}

// -----

// A tile is no argument: where would it be?
// expected-error@+1 {{takes memrefs and scalars, not '!tile.tile<4x4xf32>'}}
tile.kernel @k(%work: index, %x: !tile.tile<4x4xf32>) {
  tile.return
}

// -----

// A kernel is never only declared.
// expected-error@+1 {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
tile.kernel private @k(index)

// -----

// expected-error@+1 {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
tile.kernel @k(%work: index) {
  cf.br ^next
^next:
  tile.return
}

// -----

// expected-error@+1 {{empty block: expect at least a terminator}}
tile.kernel @k(%work: index) {
}

// -----

%x = arith.constant 1.0 : f32
// expected-note@+1 {{required by region isolation constraints}}
tile.kernel @k(%work: index) {
  // expected-error@+1 {{using value defined outside the region}}
  %0 = arith.addf %x, %x : f32
  tile.return
}

// -----

func.func @f() {
  // expected-error@+1 {{'tile.return' op expects parent op 'tile.kernel'}}
  tile.return
}

// -----

func.func @f(%x: f32) {
  // expected-error@+1 {{'tile.yield' op expects parent op to be one of 'tile.map, tile.group'}}
  tile.yield %x : f32
}

// -----

func.func @f(%n: index, %x: f32) {
  // expected-error@+1 {{there is no tile.kernel @k}}
  tile.launch @k[%n](%x) : f32
  return
}

// -----

memref.global @k : memref<4xf32>

func.func @f(%n: index, %x: f32) {
  // expected-error@+1 {{there is no tile.kernel @k}}
  tile.launch @k[%n](%x) : f32
  return
}

// -----

tile.kernel @k(%work: index, %x: f32, %y: i32) {
  tile.return
}

// The work index is not passed.
func.func @f(%n: index, %x: f32, %y: i32) {
  // expected-error@+1 {{kernel @k takes ('f32', 'i32'), but is launched with ('index', 'f32', 'i32')}}
  tile.launch @k[%n](%n, %x, %y) : index, f32, i32
  return
}

// -----

tile.kernel @k(%work: index, %x: f32, %y: i32) {
  tile.return
}

func.func @f(%n: index, %x: f32, %y: i32) {
  // expected-error@+1 {{kernel @k takes ('f32', 'i32'), but is launched with ('f32')}}
  tile.launch @k[%n](%x) : f32
  return
}

// -----

// tile.view

func.func @f(%x: memref<?x?x4xf32>, %i: index) {
  // expected-error@+1 {{the view has 2 entries for a memref with 3 dimensions}}
  %0 = tile.view %x[rows, cols] : memref<?x?x4xf32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>, %i: index) {
  // expected-error@+1 {{the view has 3 entries for a memref with 2 dimensions}}
  %0 = tile.view %x[%i, rows, cols] : memref<?x4xf32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>, %i: index) {
  // expected-error@+1 {{one dimension must be 'rows'}}
  %0 = tile.view %x[%i, cols] : memref<?x4xf32>
  return
}

// -----

func.func @f(%x: memref<f32>) {
  // expected-error@+1 {{one dimension must be 'rows'}}
  %0 = tile.view %x[] : memref<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{only one dimension can be 'row}}
  %0 = tile.view %x[rows, rows] : memref<?x4xf32>
  return
}

// -----

func.func @f(%x: memref<?x?x4xf32>) {
  // expected-error@+1 {{only one dimension can be 'col}}
  %0 = tile.view %x[rows, cols, cols] : memref<?x?x4xf32>
  return
}

// -----

func.func @f(%x: memref<?x?x4xf32>, %i: index) {
  // expected-error@+1 {{only one dimension can be 'group}}
  %0 = tile.view %x[%i : 2, %i : 2, rows] : memref<?x?x4xf32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>, %i: index) {
  // expected-error@+1 {{the group must be at least 1, got 0}}
  %0 = tile.view %x[%i : 0, rows] : memref<?x4xf32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>, %i: index) {
  // expected-error@+1 {{the group must be at least 1, got -2}}
  %0 = tile.view %x[%i : -2, rows] : memref<?x4xf32>
  return
}

// -----

// Only a fixed dimension can be packed.
func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{expected ']'}}
  %0 = tile.view %x[rows : 4, cols] : memref<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{invalid kind of type specified: expected builtin.memref, but found 'tensor<?x4xf32>'}}
  %0 = tile.view %x[rows, cols] : tensor<?x4xf32>
  return
}

// -----

// The rest of the rules cannot be broken in the custom syntax.
func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{the view has elements of type 'f16', the memref of type 'f32'}}
  %0 = "tile.view"(%x) <{row_dim = 0 : i64, col_dim = 1 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f16>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{rows, cols and the group must be different dimensions of 'memref<?x4xf32>'}}
  %0 = "tile.view"(%x) <{row_dim = 2 : i64, col_dim = 1 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{rows, cols and the group must be different dimensions of 'memref<?x4xf32>'}}
  %0 = "tile.view"(%x) <{row_dim = -1 : i64, col_dim = 1 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{rows, cols and the group must be different dimensions of 'memref<?x4xf32>'}}
  %0 = "tile.view"(%x) <{row_dim = 0 : i64, col_dim = 2 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{rows, cols and the group must be different dimensions of 'memref<?x4xf32>'}}
  %0 = "tile.view"(%x) <{row_dim = 1 : i64, col_dim = 1 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>, %i: index) {
  // expected-error@+1 {{rows, cols and the group must be different dimensions of 'memref<?x4xf32>'}}
  %0 = "tile.view"(%x, %i)
      <{row_dim = 0 : i64, group_dim = 2 : i64, group = 2 : i64}>
      : (memref<?x4xf32>, index) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x?x4xf32>) {
  // expected-error@+1 {{has 0 fixed indices, but 'memref<?x?x4xf32>' needs 1}}
  %0 = "tile.view"(%x) <{row_dim = 1 : i64, col_dim = 2 : i64}>
      : (memref<?x?x4xf32>) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>, %i: index) {
  // expected-error@+1 {{has 2 fixed indices, but 'memref<?x4xf32>' needs 1}}
  %0 = "tile.view"(%x, %i, %i) <{row_dim = 1 : i64}>
      : (memref<?x4xf32>, index, index) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{the group must be in a fixed dimension}}
  %0 = "tile.view"(%x) <{row_dim = 0 : i64, col_dim = 1 : i64, group_dim = 1 : i64, group = 2 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<?x4xf32>) {
  // expected-error@+1 {{a group needs the dimension that it is in}}
  %0 = "tile.view"(%x) <{row_dim = 0 : i64, col_dim = 1 : i64, group = 2 : i64}>
      : (memref<?x4xf32>) -> !tile.view<f32>
  return
}

// -----

// tile.load and tile.store

func.func @f(%x: !tile.view<f32>, %i: index) {
  // expected-error@+1 {{'tile.load' op the tile has elements of type 'f16', the view of type 'f32'}}
  %0 = tile.load %x[%i, %i] : !tile.view<f32> -> !tile.tile<4x4xf16>
  return
}

// -----

func.func @f(%x: !tile.view<f32>, %t: !tile.tile<4x4xi32>, %i: index) {
  // expected-error@+1 {{'tile.store' op the tile has elements of type 'i32', the view of type 'f32'}}
  tile.store %t, %x[%i, %i] : !tile.tile<4x4xi32>, !tile.view<f32>
  return
}

// -----

func.func @f(%x: memref<4x4xf32>, %i: index) {
  // expected-error@+1 {{operand #0 must be A 2-D window into memory, but got 'memref<4x4xf32>'}}
  %0 = tile.load %x[%i, %i] : memref<4x4xf32> -> !tile.tile<4x4xf32>
  return
}

// -----

// tile.dot

func.func @f(%a: !tile.tile<2x3xf32>, %b: !tile.tile<5x3xf32>) {
  // expected-error@+1 {{multiplies 2x3 with 5x3; the inner sizes must be equal}}
  %0 = tile.dot %a, %b
      : (!tile.tile<2x3xf32>, !tile.tile<5x3xf32>) -> !tile.tile<2x5xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xf32>, %b: !tile.tile<3x5xf32>) {
  // expected-error@+1 {{multiplies 2x3 with 5x3; the inner sizes must be equal}}
  %0 = tile.dot %a, %b transpose_b
      : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>) -> !tile.tile<2x5xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xf32>, %b: !tile.tile<3x5xf32>) {
  // expected-error@+1 {{multiplies 3x2 with 3x5; the inner sizes must be equal}}
  %0 = tile.dot %a, %b transpose_a
      : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>) -> !tile.tile<2x5xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xf32>, %b: !tile.tile<3x5xf32>) {
  // expected-error@+1 {{the product is 2x5, but the result is '!tile.tile<3x5xf32>'}}
  %0 = tile.dot %a, %b
      : (!tile.tile<2x3xf32>, !tile.tile<3x5xf32>) -> !tile.tile<3x5xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xf32>, %b: !tile.tile<5x3xf32>) {
  // expected-error@+1 {{the product is 2x5, but the result is '!tile.tile<2x3xf32>'}}
  %0 = tile.dot %a, %b transpose_b
      : (!tile.tile<2x3xf32>, !tile.tile<5x3xf32>) -> !tile.tile<2x3xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xf16>, %b: !tile.tile<3x5xf16>,
             %c: !tile.tile<2x5xf16>) {
  // expected-error@+1 {{the accumulator must have the result's type '!tile.tile<2x5xf32>', but is '!tile.tile<2x5xf16>'}}
  %0 = tile.dot %a, %b, %c
      : (!tile.tile<2x3xf16>, !tile.tile<3x5xf16>, !tile.tile<2x5xf16>)
     -> !tile.tile<2x5xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xf32>, %b: !tile.tile<3x5xi32>) {
  // expected-error@+1 {{multiplies '!tile.tile<2x3xf32>' with '!tile.tile<3x5xi32>' to '!tile.tile<2x5xf32>'; all must hold floats, or all integers}}
  %0 = tile.dot %a, %b
      : (!tile.tile<2x3xf32>, !tile.tile<3x5xi32>) -> !tile.tile<2x5xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<2x3xi8>, %b: !tile.tile<3x5xi8>) {
  // expected-error@+1 {{multiplies '!tile.tile<2x3xi8>' with '!tile.tile<3x5xi8>' to '!tile.tile<2x5xf32>'; all must hold floats, or all integers}}
  %0 = tile.dot %a, %b
      : (!tile.tile<2x3xi8>, !tile.tile<3x5xi8>) -> !tile.tile<2x5xf32>
  return
}

// -----

// tile.map

func.func @f(%a: !tile.tile<2x8xf32>) {
  // expected-error@+1 {{an input of type '!tile.tile<2x8xf32>' cannot be repeated to '!tile.tile<4x8xf32>'}}
  %0 = tile.map(%x = %a) : (!tile.tile<2x8xf32>) -> !tile.tile<4x8xf32> {
    tile.yield %x : f32
  }
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{an input of type '!tile.tile<4x8xf32>' cannot be repeated to '!tile.tile<4x1xf32>'}}
  %0 = tile.map(%x = %a) : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32> {
    tile.yield %x : f32
  }
  return
}

// -----

func.func @f(%a: f32) {
  // expected-error@+1 {{input 0 must be a tile, not 'f32'}}
  %0 = tile.map(%x = %a) : (f32) -> !tile.tile<4x4xf32> {
    tile.yield %x : f32
  }
  return
}

// -----

func.func @f(%a: !tile.tile<4x4xf32>) {
  // expected-error@+1 {{number of operands and types do not match: got 1 operands and 0 types}}
  %0 = tile.map(%x = %a) : () -> !tile.tile<4x4xf32> {
    tile.yield %x : f32
  }
  return
}

// -----

func.func @f(%i: index, %c: f32) {
  // expected-error@+1 {{at(...) takes a row and a column, got 1 values}}
  %0 = tile.map() at(%r = %i) : () -> !tile.tile<4x4xf32> {
    tile.yield %c : f32
  }
  return
}

// -----

func.func @f(%i: index, %c: f32) {
  // expected-error@+1 {{takes a row and a column as origin, got 1 values}}
  %0 = "tile.map"(%i) <{operandSegmentSizes = array<i32: 0, 1>}> ({
  ^bb0(%r: i32):
    tile.yield %c : f32
  }) : (index) -> !tile.tile<4x4xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x4xf32>) {
  // expected-error@+1 {{the region must have the arguments ('f32'), but has ('f64')}}
  %0 = "tile.map"(%a) <{operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%x: f64):
    %y = arith.truncf %x : f64 to f32
    tile.yield %y : f32
  }) : (!tile.tile<4x4xf32>) -> !tile.tile<4x4xf32>
  return
}

// -----

// Coordinates are i32.
func.func @f(%i: index, %c: f32) {
  // expected-error@+1 {{the region must have the arguments ('i32', 'i32'), but has ('index', 'index')}}
  %0 = "tile.map"(%i, %i) <{operandSegmentSizes = array<i32: 0, 2>}> ({
  ^bb0(%r: index, %col: index):
    tile.yield %c : f32
  }) : (index, index) -> !tile.tile<4x4xf32>
  return
}

// -----

func.func @f(%c: f64) {
  // expected-error@+1 {{the region must yield one value of type 'f32'}}
  %0 = tile.map() : () -> !tile.tile<4x4xf32> {
    tile.yield %c : f64
  }
  return
}

// -----

func.func @f(%c: f32) {
  // expected-error@+1 {{the region must yield one value of type 'f32'}}
  %0 = tile.map() : () -> !tile.tile<4x4xf32> {
    tile.yield %c, %c : f32, f32
  }
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{the region must yield one value of type 'f32'}}
  %0 = tile.map() : () -> !tile.tile<4x4xf32> {
    tile.yield
  }
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{the region must yield one value of type 'f32'}}
  %0 = tile.map() : () -> !tile.tile<4x4xf32> {
    llvm.unreachable
  }
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
  %0 = tile.map() : () -> !tile.tile<4x4xf32> {
  }
  return
}

// -----

func.func @f(%c: f32) {
  // expected-error@+1 {{'tile.map' op requires one result}}
  %0:2 = tile.map() : () -> (!tile.tile<4x4xf32>, !tile.tile<4x4xf32>) {
    tile.yield %c : f32
  }
  return
}

// -----

func.func @f(%a: !tile.tile<4x4xf32>, %m: memref<f32>) {
  %0 = tile.map(%x = %a) : (!tile.tile<4x4xf32>) -> !tile.tile<4x4xf32> {
    // expected-error@+1 {{'memref.store' op is not allowed in tile.map, which holds operations without regions and side effects, and memref.load}}
    memref.store %x, %m[] : memref<f32>
    tile.yield %x : f32
  }
  return
}

// -----

func.func @f(%a: !tile.tile<4x4xf32>, %c: i1) {
  %0 = tile.map(%x = %a) : (!tile.tile<4x4xf32>) -> !tile.tile<4x4xf32> {
    // expected-error@+1 {{'scf.if' op is not allowed in tile.map, which holds operations without regions and side effects, and memref.load}}
    %y = scf.if %c -> f32 {
      scf.yield %x : f32
    } else {
      scf.yield %x : f32
    }
    tile.yield %y : f32
  }
  return
}

// -----

// A call, of which the effects are not known.
func.func private @g(f32) -> f32

func.func @f(%a: !tile.tile<4x4xf32>) {
  %0 = tile.map(%x = %a) : (!tile.tile<4x4xf32>) -> !tile.tile<4x4xf32> {
    // expected-error@+1 {{'func.call' op is not allowed in tile.map, which holds operations without regions and side effects, and memref.load}}
    %y = func.call @g(%x) : (f32) -> f32
    tile.yield %y : f32
  }
  return
}

// -----

// tile.reduce

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{reduces '!tile.tile<4x8xf32>' to '!tile.tile<4x1xf32>', but the result is '!tile.tile<1x8xf32>'}}
  %0 = tile.reduce max rows %a : (!tile.tile<4x8xf32>) -> !tile.tile<1x8xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{reduces '!tile.tile<4x8xf32>' to '!tile.tile<1x8xf32>', but the result is '!tile.tile<4x1xf32>'}}
  %0 = tile.reduce max cols %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{reduces '!tile.tile<4x8xf32>' to '!tile.tile<1x1xf32>', but the result is '!tile.tile<4x1xf32>'}}
  %0 = tile.reduce max all %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{reduces '!tile.tile<4x8xf32>' to '!tile.tile<4x1xf32>', but the result is '!tile.tile<4x1xf64>'}}
  %0 = tile.reduce add rows %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf64>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>, %c: !tile.tile<1x8xf32>) {
  // expected-error@+1 {{the initial value must be '!tile.tile<4x1xf32>', but is '!tile.tile<1x8xf32>'}}
  %0 = tile.reduce add rows %a, %c
      : (!tile.tile<4x8xf32>, !tile.tile<1x8xf32>) -> !tile.tile<4x1xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+2 {{expected one of [max, min, add] for how elements combine, got: mul}}
  // expected-error@+1 {{invalid value for property kind, expected how elements combine}}
  %0 = tile.reduce mul rows %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+2 {{expected one of [rows, cols, all] for what gets one result, got: both}}
  // expected-error@+1 {{invalid value for property axis, expected what gets one result}}
  %0 = tile.reduce add both %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
  return
}

// -----

// tile.group

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{must yield its results, of types ('!tile.tile<4x1xf32>')}}
  %0 = tile.group {
    %m = tile.reduce max all %a : (!tile.tile<4x8xf32>) -> !tile.tile<1x1xf32>
    tile.yield %m : !tile.tile<1x1xf32>
  } : !tile.tile<4x1xf32>
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{must yield its results, of types ('!tile.tile<4x1xf32>')}}
  %0 = tile.group {
    tile.yield
  } : !tile.tile<4x1xf32>
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{must yield its results, of types ()}}
  tile.group {
    llvm.unreachable
  }
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{expects a non-empty block}}
  tile.group {
  }
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{must yield each of its results once, and only tiles that it computes}}
  %0:2 = tile.group {
    %m = tile.reduce max rows %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
    tile.yield %m, %m : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
  } : !tile.tile<4x1xf32>, !tile.tile<4x1xf32>
  return
}

// -----

func.func @f(%a: !tile.tile<4x8xf32>) {
  // expected-error@+1 {{must yield each of its results once, and only tiles that it computes}}
  %0 = tile.group {
    %m = tile.reduce max rows %a : (!tile.tile<4x8xf32>) -> !tile.tile<4x1xf32>
    tile.yield %a : !tile.tile<4x8xf32>
  } : !tile.tile<4x8xf32>
  return
}

// -----

func.func @f() {
  // expected-error@+1 {{must hold at least one operation}}
  tile.group {
    tile.yield
  }
  return
}

// -----

// Data is moved outside of groups.
func.func @f(%x: !tile.view<f32>, %i: index) {
  %0 = tile.group {
    // expected-error@+1 {{'tile.load' op is not allowed in tile.group, which holds tile.dot, tile.map and tile.reduce only}}
    %t = tile.load %x[%i, %i] : !tile.view<f32> -> !tile.tile<4x4xf32>
    tile.yield %t : !tile.tile<4x4xf32>
  } : !tile.tile<4x4xf32>
  return
}
