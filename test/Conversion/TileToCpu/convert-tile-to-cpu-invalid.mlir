// Each message of convert-tile-to-cpu about what it cannot lower.

// RUN: attn-opt %s --convert-tile-to-cpu=vector-width=4 --split-input-file \
// RUN:   --verify-diagnostics
// RUN: not attn-opt %s --convert-tile-to-cpu=vector-width=6 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=WIDTH
// RUN: not attn-opt %s --convert-tile-to-cpu=vector-width=1 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=SCALAR
// RUN: not attn-opt %s --convert-tile-to-cpu=row-vectors=0 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ROWS
// RUN: not attn-opt %s --convert-tile-to-cpu=registers=-1 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REGISTERS

// WIDTH: error: vector-width must be a power of two and at least 2, and row-vectors and registers at least 1; got vector-width=6 row-vectors=4 registers=32
// SCALAR: error: vector-width must be a power of two and at least 2, {{.*}}; got vector-width=1 row-vectors=4 registers=32
// ROWS: error: {{.*}} row-vectors and registers at least 1; got vector-width=16 row-vectors=0 registers=32
// REGISTERS: error: {{.*}} row-vectors and registers at least 1; got vector-width=16 row-vectors=4 registers=-1

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @not_grouped(%w: index, %x: memref<?x?xf32>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  // expected-error@+1 {{'tile.reduce' op is not in a tile.group; run cpu-group-tiles before convert-tile-to-cpu}}
  %m = tile.reduce max rows %a : (!t) -> !tile.tile<4x1xf32>
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @carries_scalar(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  // expected-error@+1 {{'scf.for' op carries a value of type 'index'; convert-tile-to-cpu supports tiles}}
  %n = scf.for %t = %c1 to %w step %c1 iter_args(%i = %w) -> (index) {
    %b = tile.load %X[%i, %w] : !view -> !t
    scf.yield %i : index
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @condition(%w: index, %x: memref<?x?xf32>, %c: i1) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  // expected-error@+1 {{'scf.if' op is not supported in a kernel by convert-tile-to-cpu}}
  scf.if %c {
    tile.store %a, %X[%w, %w] : !t, !view
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @unknown_view(%w: index, %x: memref<?x?xf32>, %c: i1) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %Y = arith.select %c, %X, %X : !view
  // expected-error@+1 {{'tile.store' op must have a view made by tile.view}}
  tile.store %a, %Y[%w, %w] : !t, !view
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @reduces_columns(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %m = tile.group {
    // expected-error@+1 {{'tile.reduce' op reduces along cols; convert-tile-to-cpu supports rows}}
    %0 = tile.reduce max cols %a : (!t) -> !tile.tile<1x4xf32>
    tile.yield %0 : !tile.tile<1x4xf32>
  } : !tile.tile<1x4xf32>
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @two_products(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !t
  tile.group {
    %0 = tile.dot %a, %b : (!t, !t) -> !t
    // expected-error@+1 {{'tile.dot' op is the second product of a group}}
    %1 = tile.dot %a, %b : (!t, !t) -> !t
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @transposed_a(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !t
  tile.group {
    // expected-error@+1 {{'tile.dot' op must have a first operand that is not transposed and a second operand that is loaded from memory}}
    %0 = tile.dot %a, %b transpose_a : (!t, !t) -> !t
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @a_of_the_group(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !t
  tile.group {
    %p = tile.map(%y = %a) : (!t) -> !t { tile.yield %y : f32 }
    // expected-error@+1 {{'tile.dot' op must have a first operand that is not transposed and a second operand that is loaded from memory}}
    %0 = tile.dot %p, %b : (!t, !t) -> !t
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @b_computed(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.group {
    %0 = tile.map(%y = %a) : (!t) -> !t { tile.yield %y : f32 }
    tile.yield %0 : !t
  } : !t
  tile.group {
    // expected-error@+1 {{'tile.dot' op must have a first operand that is not transposed and a second operand that is loaded from memory}}
    %0 = tile.dot %a, %b : (!t, !t) -> !t
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @element_type(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  tile.group {
    // expected-error@+1 {{'tile.map' op computes '!tile.tile<4x4xi1>'; convert-tile-to-cpu supports f32}}
    %0 = tile.map(%y = %a) : (!t) -> !tile.tile<4x4xi1> {
      %nan = arith.cmpf uno, %y, %y : f32
      tile.yield %nan : i1
    }
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @repeats_a_row(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !tile.tile<1x4xf32>
  tile.group {
    // expected-error@+1 {{'tile.map' op repeats the row of '!tile.tile<1x4xf32>', which is not supported on a CPU}}
    %0 = tile.map(%y = %a, %z = %b) : (!t, !tile.tile<1x4xf32>) -> !t {
      %r = arith.addf %y, %z : f32
      tile.yield %r : f32
    }
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @other_rows(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !tile.tile<8x4xf32>
  tile.group {
    %0 = tile.reduce max rows %a : (!t) -> !tile.tile<4x1xf32>
    // expected-error@+1 {{'tile.reduce' op has another number of rows than its group}}
    %1 = tile.reduce max rows %b : (!tile.tile<8x4xf32>) -> !tile.tile<8x1xf32>
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @width(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !tile.tile<6x4xf32>
  // expected-error@+1 {{'tile.group' op has tiles with 6 rows, which is not a multiple of the vector width 4}}
  tile.group {
    %0 = tile.reduce max rows %b : (!tile.tile<6x4xf32>) -> !tile.tile<6x1xf32>
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!row = !tile.tile<4x1xf32>

tile.kernel @no_vector_form(%w: index, %x: memref<?xf32>) {
  %X = tile.view %x[rows] : memref<?xf32>
  %a = tile.load %X[%w, %w] : !view -> !row
  tile.group {
    %0 = tile.map(%y = %a) : (!row) -> !row {
      // expected-error@+1 {{'llvm.intr.sin' op has no vector form; score_mod and mask_mod may use elementwise operations of arith and math, and tensor.extract}}
      %r = llvm.intr.sin(%y) : (f32) -> f32
      tile.yield %r : f32
    }
    tile.yield
  }
  tile.return
}

// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @swaps(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%c1, %w] : !view -> !t
  // expected-error@+1 {{'scf.for' op yields one of its arguments in the place of another, which is not supported}}
  %r:2 = scf.for %t = %c1 to %w step %c1 iter_args(%p = %a, %q = %b) -> (!t, !t) {
    scf.yield %q, %p : !t, !t
  }
  tile.return
}


// -----

!view = !tile.view<f32>
!t = !tile.tile<6x4xf32>

tile.kernel @carries_rows(%w: index, %x: memref<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  // expected-error@+1 {{'scf.for' op carries '!tile.tile<6x4xf32>', whose rows are not a multiple of the vector width 4}}
  %r = scf.for %t = %c1 to %w step %c1 iter_args(%p = %a) -> (!t) {
    scf.yield %p : !t
  }
  tile.return
}


// -----

!view = !tile.view<f32>
!t = !tile.tile<8192x8193xf32>

// expected-error@+1 {{'tile.kernel' op needs 268468288 bytes of scratch for its tiles; at most 268435456 are allowed, so use smaller tiles or head dimensions}}
tile.kernel @arena(%w: index, %x: memref<?x?xf32>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  tile.store %a, %X[%w, %w] : !t, !view
  tile.return
}


// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @memory_space(%w: index, %x: memref<?x?xf32, 1>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32, 1>
  // expected-error@+1 {{'tile.load' op accesses 'memref<?x?xf32, 1>'; convert-tile-to-cpu supports strided memrefs in the default memory space}}
  %a = tile.load %X[%w, %w] : !view -> !t
  tile.store %a, %X[%w, %w] : !t, !view
  tile.return
}


// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @layout(%w: index, %x: memref<?x?xf32, affine_map<(i, j) -> (i + j mod 2, j)>>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32, affine_map<(i, j) -> (i + j mod 2, j)>>
  // expected-error@+1 {{convert-tile-to-cpu supports strided memrefs in the default memory space}}
  %a = tile.load %X[%w, %w] : !view -> !t
  tile.store %a, %X[%w, %w] : !t, !view
  tile.return
}


// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>
!row = !tile.tile<4x1xf32>

tile.kernel @one_column(%w: index, %x: memref<?x?xf32>) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  %b = tile.load %X[%w, %w] : !view -> !row
  %r = tile.group {
    // expected-error@+1 {{'tile.dot' op has a single column, which another operation of its group uses; convert-tile-to-cpu supports that for two columns and more}}
    %0 = tile.dot %a, %b : (!t, !row) -> !row
    %1 = tile.map(%y = %0) : (!row) -> !row { tile.yield %y : f32 }
    tile.yield %1 : !row
  } : !row
  tile.return
}


// -----

!view = !tile.view<f32>
!t = !tile.tile<4x4xf32>

tile.kernel @selects_tile(%w: index, %x: memref<?x?xf32>, %c: i1) {
  %X = tile.view %x[rows, cols] : memref<?x?xf32>
  %a = tile.load %X[%w, %w] : !view -> !t
  // expected-error@+1 {{'arith.select' op is not supported in a kernel by convert-tile-to-cpu}}
  %b = arith.select %c, %a, %a : !t
  tile.return
}
