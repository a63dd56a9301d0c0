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

//===----------------------------------------------------------------------===//
// GPU
//===----------------------------------------------------------------------===//

def ConvertTileToWarpPass
    : Pass<"convert-tile-to-warp", "::mlir::tile::KernelOp"> {
  let summary = "Give the tiles of a kernel places on a GPU";
  let description = [{
    Every tile gets a layout. What a product reads from memory goes through a
    channel; the second operand stays in shared memory, the first one is read
    into registers. All other tiles are in registers, spread over the warps as
    tensor cores accumulate them; probabilities are rounded to the type of the
    values they are multiplied with.

    Before:
    ```mlir
    %k = tile.load %K[%j, %c0] : !tile.view<bf16> -> !tile.tile<64x128xbf16>
    %s = tile.dot %q, %k transpose_b
    ```
    After:
    ```mlir
    warp.put %K[%j, %c0], %channel[%n]
    %k = warp.take %channel[%n]
    %p = warp.dot %q, %k transpose_b
    %s = warp.await %p
    warp.release %channel[%n]
    ```

    Preconditions: bounded kernels; the tensors are bf16 or f16; query tiles
    have a multiple of 16 rows for each warp. Numerics: products accumulate in
    f32; probabilities are rounded.
  }];
  let options = [
    Option<"warps", "warps", "int64_t", /*default=*/"4",
           "warps of a thread block">,
    Option<"stages", "stages", "int64_t", /*default=*/"2",
           "tiles of keys, and of values, in shared memory">,
    Option<"queryInRegisters", "query-in-registers", "bool",
           /*default=*/"true",
           "read queries from shared memory once, not for every tile">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::warp::WarpDialect"];
}

def WarpLazyRescalePass : Pass<"warp-lazy-rescale", "::mlir::tile::KernelOp"> {
  let summary = "Look for new maxima only where a probability is too large";
  let description = [{
    The online softmax computes the probabilities of a key tile with the maximum
    that it has, instead of looking for a new one first. Where a warp gets one of
    two or more, it computes them again with new maxima, and what was added up
    follows these. That is rare: a new maximum is the largest score plus
    `headroom`, so that later scores may exceed it by as much and one more.
    Probabilities are then rounded where they are computed.

    Before:
    ```mlir
    %r = tile.reduce max rows %s
    %m1 = tile.map(%r, %m) { max }
    %alpha = tile.map(%a = %m, %b = %m1) { exp2(a - b) }
    %o1 = tile.map(%a = %o, %b = %alpha) { a * b }
    %p = tile.map(%a = %s, %b = %m1) { exp2(a - b) }
    %w = tile.map(%a = %p) { round }
    ```
    After:
    ```mlir
    %w0 = tile.map(%a = %s, %b = %m) { round(exp2(a - b)) }
    %large = warp.reaches_two %w0
    %m1, %w, %o1 = scf.if %large {
      %r = tile.reduce max rows %s
      %m0 = tile.map(%r, %m) { max }
      %m1 = tile.map(%a = %m0, %b = %m) { a > b ? a + headroom : b }
      %alpha = tile.map(%a = %m, %b = %m1) { exp2(a - b) }
      yield %m1, tile.map(%a = %s, %b = %m1) { round(exp2(a - b)) },
            tile.map(%a = %o, %b = %alpha) { a * b }
    } else {
      yield %m, %w0, %o
    }
    ```

    Preconditions: what convert-tile-to-warp makes, after warp-row-sum; other
    loops are left alone, such as those with dropout, where a probability that is
    too large may have been dropped from the product but not from the sum. Numerics: none but rounding, because the last division
    takes the maximum out again. Of f16, probabilities below two to the
    `half-headroom` - 14 times the largest one lose bits.
  }];
  let options = [
    Option<"headroom", "headroom", "float", /*default=*/"7.0f",
           "what is added to a maximum in base two, of bf16">,
    Option<"halfHeadroom", "half-headroom", "float", /*default=*/"3.0f",
           "the same of f16, which has a smaller range">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::warp::WarpDialect"];
}

def WarpRowSumPass : Pass<"warp-row-sum", "::mlir::tile::KernelOp"> {
  let summary = "Add up probabilities on the tensor cores";
  let description = [{
    Sums of rows of a tile that is also rounded for a product are taken of the
    rounded tile, by the tensor cores. The sum costs one instruction for 16
    columns of 16 rows, and no exchange between lanes.

    Before:
    ```mlir
    %l1 = tile.reduce add rows %p, %l
    %r = tile.map(%p) { round }
    ```
    After:
    ```mlir
    %r = tile.map(%p) { round }
    %l1 = warp.row_sum %r, %l
    ```

    Preconditions: what convert-tile-to-warp makes. Numerics: the output is
    divided by the sum of what was multiplied, so that its weights add up to
    one. The sum itself, and with it a log-sum-exp, has the error of the
    rounding: up to 0.4 % in bf16 if all probabilities are alike.
  }];
  let dependentDialects = ["::mlir::warp::WarpDialect"];
}

def WarpPipelinePass : Pass<"warp-pipeline", "::mlir::tile::KernelOp"> {
  let summary = "Begin copies before their tiles are needed";
  let description = [{
    In loops, moves each `warp.put` ahead by one iteration less than its channel
    has stages, with the first ones before the loop, so that copies and products
    run at the same time.

    Before:
    ```mlir
    scf.for %t = %c0 to %n step %c1 {
      warp.put %K[%j, %c0], %channel[%t]
      %k = warp.take %channel[%t]
      ...
    }
    ```
    After, with two stages:
    ```mlir
    warp.put %K[%j0, %c0], %channel[%c0] if %some
    scf.for %t = %c0 to %n step %c1 {
      %k = warp.take %channel[%t]
      warp.put %K[%j1, %c0], %channel[%t1] if %more
      ...
    }
    ```

    Preconditions: what convert-tile-to-warp makes. Numerics: none.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def ConvertWarpToNvvmPass
    : Pass<"convert-warp-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Lower kernels to the code of one thread";
  let description = [{
    Every kernel becomes a `gpu.func` in a `gpu.module`. A tile in registers is
    a private array, and loops over it are to be unrolled (`attn.unroll`); a
    channel is a part of the dynamic shared memory (`attn.shared_bytes`). This is
    the sm_80 family: copies are groups of `cp.async`, products `ldmatrix` and
    `mma.sync`.

    Before:
    ```mlir
    %p = warp.dot %q, %k transpose_b
    %s = warp.await %p
    ```
    After:
    ```mlir
    scf.for %step = %c0 to %c8 step %c1 {
      scf.for %columns = %c0 to %c4 step %c1 {
        %b = nvgpu.ldmatrix %channel[%stage, %offset]
        %sums = nvvm.mma.sync A[...] B[...] C[...]
        ...
      } {attn.unroll}
    } {attn.unroll}
    ```

    Preconditions: what convert-tile-to-warp makes. Numerics: none.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::nvgpu::NVGPUDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ThreadCarryAddressesPass
    : Pass<"thread-carry-addresses", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Let the addresses of a loop advance with it";
  let description = [{
    What is left of a tensor from some rows on, if these move by the same number
    in each turn of a loop, is carried from turn to turn, and so is an offset into a channel of two
    stages, which changes between two values. Compilers of CUDA would compute
    both anew, because products of 64 bits and remainders do not simplify.
    Loops that are unrolled are left alone.

    Before:
    ```mlir
    scf.for %t = %c0 to %n step %c1 {
      %row = arith.muli %t, %c64
      %left = arith.subi %rows, %row
      %from = memref.subview %keys[%row, %col] [%left, 128] [1, 1]
      %stage = arith.remui %t, %c2
      %start = arith.muli %stage, %c8192
      %at = arith.xori %lane, %start
    }
    ```
    After:
    ```mlir
    %from0 = memref.subview %keys[0, %col] [%rows, 128] [1, 1]
    scf.for %t = %c0 to %n step %c1 iter_args(%from = %from0, %at = %lane) {
      %left = memref.dim %from, %c0
      %left1 = arith.subi %left, %c64
      %from1 = memref.subview %from[64, 0] [%left1, 128] [1, 1]
      %at1 = arith.xori %at, %c8192
      scf.yield %from1, %at1
    }
    ```

    Preconditions: what convert-warp-to-nvvm makes. Numerics: none.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect"];
}

#endif // ATTN_CONVERSION_PASSES_TD
