//===- Passes.td - Conversions out of the tile dialect -----*- tablegen -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_CONVERSION_PASSES_TD
#define ATTN_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def CpuWidenTilesPass : Pass<"cpu-widen-tiles", "::mlir::tile::KernelOp"> {
  let summary = "Compute in f32 what is stored in 16 bits";
  let description = [{
    Loads of bf16 and f16 tiles that are only multiplied extend their elements
    to f32, and stores round f32 tiles, so that everything between is f32.

    With `bf16-dot=true` products stay where the CPU has an instruction for
    them: of bf16 tiles whose inner size is even. An f32 first operand, the
    probabilities, is rounded to bf16.

    Before:
    ```mlir
    %k = tile.load %K[%j, %c0] : !tile.view<bf16> -> !tile.tile<64x128xbf16>
    %s = tile.dot %q, %k transpose_b
    %n = tile.map(%a = %o) { arith.truncf %a : f32 to bf16 }
    tile.store %n, %O[%r, %c0] : !tile.tile<64x128xbf16>, !tile.view<bf16>
    ```
    After:
    ```mlir
    %k = tile.load %K[%j, %c0] : !tile.view<bf16> -> !tile.tile<64x128xf32>
    %s = tile.dot %q, %k transpose_b
    tile.store %o, %O[%r, %c0] : !tile.tile<64x128xf32>, !tile.view<bf16>
    ```

    Preconditions: none; other uses of 16-bit tiles are left alone. Numerics:
    exact; with `bf16-dot` probabilities are rounded to bf16.
  }];
  let options = [
    Option<"bf16Dot", "bf16-dot", "bool", /*default=*/"false",
           "leave products of bf16 tiles to dot instructions">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def CpuGroupTilesPass : Pass<"cpu-group-tiles", "::mlir::tile::KernelOp"> {
  let summary = "Say which tile operations share a loop nest on a CPU";
  let description = [{
    Wraps the computing operations of a kernel in `tile.group`s:

    * a product with what is cheap around it: maps that prepare its
      accumulator, masks on its result, row reductions of its result;
    * the remaining maps and row reductions, as far as they sweep over the
      same elements. Exponentials are always here, because their constants
      would push accumulators out of registers.

    Before:
    ```mlir
    %s = tile.dot %q, %k transpose_b
    %m1 = tile.reduce max rows %s, %m
    %p = tile.map(%a = %s, %b = %m1) { exp2(a - b) }
    ```
    After:
    ```mlir
    %s, %m1 = tile.group {
      %s = tile.dot %q, %k transpose_b
      %m1 = tile.reduce max rows %s, %m
      tile.yield %s, %m1
    }
    %p = tile.group { tile.map ... }
    ```

    Preconditions: none. Numerics: exact.
  }];
}

def ConvertTileToCpuPass : Pass<"convert-tile-to-cpu", "::mlir::ModuleOp"> {
  let summary = "Lower tile kernels to loops over native vectors";
  let description = [{
    Each kernel becomes a function with the scratch arena of the running worker
    as its last argument. Tiles are held transposed in the arena, so that the
    lanes of a vector are query rows and row statistics need no horizontal
    operation. In a product the first operand is read as vectors of rows; the
    second is read in its natural layout, one element broadcast at a time,
    straight from the tensor, with the lines that come next prefetched. A tile
    that reaches beyond its tensor is first copied to the arena with zeros, and
    so is one that is narrower in memory.

    Products of two bf16 tiles use AVX-512's dot products of pairs. Pairs lie
    along the inner dimension: tiles of bf16 are held as
    `[columns / 2][rows][2]`, and a second operand that is not transposed is
    first copied as `[rows / 2][columns][2]`.

    `vector-width` is the number of f32 lanes. A register tile of a product is
    `row-vectors` vectors of rows (fewer if the tile has fewer) times as many
    columns as fit into `registers` vector registers.

    Before:
    ```mlir
    %s = tile.group { %0 = tile.dot %q, %k transpose_b ... }
    ```
    After:
    ```mlir
    scf.for %n = %c0 to %c60 step %c6 {
      %acc:24 = scf.for %d = %c0 to %c128 step %c1 iter_args(...) {
        %q0 = vector.load %q[%d, %c0] : ..., vector<16xf32>
        %k0 = memref.load %k[%n, %d]
        %b0 = vector.broadcast %k0 : f32 to vector<16xf32>
        %f0 = vector.fma %q0, %b0, %a0 : vector<16xf32>
        ...
      }
      vector.store %acc#0, %s[%n, %c0] : ...
    }
    ```

    Preconditions: `cpu-group-tiles` has run; f32 tiles; the rows of a tile
    are a multiple of `vector-width`; the second operand of a product is
    loaded from memory. Numerics: products are multiplied and added in f32, fused
    where the CPU can.
  }];
  let options = [
    Option<"vectorWidth", "vector-width", "int64_t", /*default=*/"16",
           "f32 lanes of a native vector">,
    Option<"rowVectors", "row-vectors", "int64_t", /*default=*/"4",
           "vectors of rows in a register tile">,
    Option<"registers", "registers", "int64_t", /*default=*/"32",
           "vector registers">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::mlir::x86vector::X86VectorDialect"];
}

def CpuExpandMathPass : Pass<"cpu-expand-math"> {
  let summary = "Write math functions on f32 as arithmetic";
  let description = [{
    Replaces `math.exp2` and `math.exp` by range reduction and a polynomial of
    degree 5, and the other functions of the math dialect by upstream's
    polynomial approximations, so that no call to a math library is left.
    `exp2(-inf)` is exactly 0 and NaN stays NaN. Subnormal arguments of `log` and
    `log2` are scaled first, because upstream takes them for the smallest normal
    number.

    `avx512=true` uses the AVX-512 instructions that take the fraction of a
    number and that multiply by a power of two; otherwise the exponent is added
    as an integer.

    Before:
    ```mlir
    %e = math.exp2 %x : vector<16xf32>
    ```
    After (`avx512=true`, shortened):
    ```mlir
    %f = llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"(%x, ...)
    %p = ... five math.fma ...
    %e = llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%p, %x, ...)
    ```

    Preconditions: none. Numerics: `exp2` and `exp` have a relative error below
    2e-7, and results below the smallest normal number may be flushed to 0. The
    bounds of all functions are in `unit/EndToEnd/MathTest.cpp`.
  }];
  let options = [
    Option<"avx512", "avx512", "bool", /*default=*/"false",
           "use AVX-512's vreduceps and vscalefps for vectors of 16 lanes">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def CpuLowerLaunchPass : Pass<"cpu-lower-launch", "::mlir::ModuleOp"> {
  let summary = "Give kernels and entries the calling convention of the runtime";
  let description = [{
    Functions take pointers to their arguments, as `attn/Runtime/CpuAbi.h`
    declares: a task is `(args, work, arena)`, an entry `(host, args)`, and a
    launch calls the host's `launch` service.

    Before:
    ```mlir
    func.func private @k(%work: index, %x: memref<?xf32>, %arena: memref<?xi8>)
    func.func @f(%x: memref<?xf32>) { tile.launch @k[%n](%x) : ... }
    ```
    After:
    ```mlir
    func.func private @k(%args: !llvm.ptr, %work: i64, %arena: !llvm.ptr)
    func.func @f(%host: !llvm.ptr, %args: !llvm.ptr) {
      ...
      llvm.call %launch(%self, %task, %pointers, %n, %arena_bytes)
    }
    ```

    Preconditions: `convert-tile-to-cpu` has run. Numerics: exact.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::func::FuncDialect"];
}

#endif // ATTN_CONVERSION_PASSES_TD
