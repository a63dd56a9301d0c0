// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

gpu.module @kernels {
  // Indices are of 32 bits where their range is known to fit.
  // CHECK-LABEL: widths(
  gpu.func @widths(%in: memref<?x?xf32, strided<[?, 1], offset: ?>> {attn.name = "in"},
                   %any: index {attn.name = "any"},
                   %small: index {attn.name = "small", attn.range = array<i64: 0, 100>})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c64 = arith.constant 64 : index
    %zero = arith.constant 0.0 : f32
    // CHECK: int thread = threadIdx.x, row = (thread >> 3) + (thread & 7) * 64;
    %thread = gpu.thread_id x
    %rows = memref.dim %in, %c0 : memref<?x?xf32, strided<[?, 1], offset: ?>>
    // Shifts and masks where nothing is negative.
    %0 = arith.divui %thread, %c8 : index
    %1 = arith.remui %thread, %c8 : index
    %2 = arith.muli %1, %c64 : index
    %row = arith.addi %0, %2 {attn.name = "row"} : index
    // CHECK: int tiles = (in.size(0) + 63) >> 6;
    %tiles = arith.ceildivui %rows, %c64 {attn.name = "tiles"} : index
    // CHECK: long long far = any * 64;
    %far = arith.muli %any, %c64 {attn.name = "far"} : index
    // CHECK: int near = (int)small * 64;
    %near = arith.muli %small, %c64 {attn.name = "near"} : index
    // CHECK: long long square = (long long)tiles * tiles;
    %square = arith.muli %tiles, %tiles {attn.name = "square"} : index
    // CHECK: if (row < far && near < square)
    %3 = arith.cmpi slt, %row, %far : index
    %4 = arith.cmpi slt, %near, %square : index
    %5 = arith.andi %3, %4 : i1
    scf.if %5 {
      memref.store %zero, %in[%row, %c0] : memref<?x?xf32, strided<[?, 1], offset: ?>>
    }
    gpu.return
  }

  // Both words of a product of words.
  // CHECK-LABEL: product(
  gpu.func @product(%out: memref<?xi32, strided<[1], offset: ?>> {attn.name = "out"},
                    %a: i32 {attn.name = "a"}, %b: i32 {attn.name = "b"})
      kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %factor = arith.constant -766435501 : i32
    // CHECK: int low = (int)((u32)a * 3528531795u);
    // CHECK: int high = (int)__umulhi((u32)a, 3528531795u);
    %low, %high = arith.mului_extended %a, %factor : i32
    // One that nobody needs is left out.
    // CHECK-NEXT: int high_2 = (int)__umulhi((u32)a, (u32)b);
    %low2, %high2 = arith.mului_extended %a, %b : i32
    %sum = arith.xori %low, %high : i32
    %all = arith.xori %sum, %high2 : i32
    memref.store %all, %out[%c0] : memref<?xi32, strided<[1], offset: ?>>
    memref.store %high2, %out[%c1] : memref<?xi32, strided<[1], offset: ?>>
    gpu.return
  }

  // i32 wraps around: on the unsigned type, unless it cannot.
  // CHECK-LABEL: integers(
  gpu.func @integers(%out: memref<?xi32> {attn.name = "out"}, %a: i32 {attn.name = "a"},
                     %b: i32 {attn.name = "b"}) kernel {
    %c0 = arith.constant 0 : index
    // CHECK: out.data[0] = (int)((u32)a + (u32)b);
    %0 = arith.addi %a, %b : i32
    memref.store %0, %out[%c0] : memref<?xi32>
    // CHECK-NEXT: out.data[0] = a + b;
    %1 = arith.addi %a, %b overflow<nsw> : i32
    memref.store %1, %out[%c0] : memref<?xi32>
    // CHECK-NEXT: out.data[0] = (int)((u32)a / (u32)b);
    %2 = arith.divui %a, %b : i32
    memref.store %2, %out[%c0] : memref<?xi32>
    // CHECK-NEXT: out.data[0] = (int)floordivs(a, b);
    %3 = arith.floordivsi %a, %b : i32
    memref.store %3, %out[%c0] : memref<?xi32>
    // CHECK-NEXT: out.data[0] = (u32)a < (u32)b ? max(a, b) : a ^ b;
    %4 = arith.cmpi ult, %a, %b : i32
    %5 = arith.maxsi %a, %b : i32
    %6 = arith.xori %a, %b : i32
    %7 = arith.select %4, %5, %6 : i32
    memref.store %7, %out[%c0] : memref<?xi32>
    gpu.return
  }

  // CHECK-LABEL: floats(
  gpu.func @floats(%out: memref<?xf32> {attn.name = "out"}, %x: f32 {attn.name = "x"},
                   %y: f32 {attn.name = "y"}) kernel {
    %c0 = arith.constant 0 : index
    %lowest = arith.constant 0xFF800000 : f32
    %third = arith.constant 0.333333343 : f32
    // CHECK: out.data[0] = (x - (y - 0.33333334f)) * -x;
    %0 = arith.subf %y, %third : f32
    %1 = arith.subf %x, %0 : f32
    %2 = arith.negf %x : f32
    %3 = arith.mulf %1, %2 : f32
    memref.store %3, %out[%c0] : memref<?xf32>
    // NaN, or the other operand.
    // CHECK-NEXT: out.data[0] = max_nan(fmaxf(x, __int_as_float(0xff800000)), y);
    %4 = arith.maxnumf %x, %lowest : f32
    %5 = arith.maximumf %4, %y : f32
    memref.store %5, %out[%c0] : memref<?xf32>
    // CHECK-NEXT: out.data[0] = x < y ? x : x <= y ? 1e-09f : y;
    %6 = arith.cmpf olt, %x, %y : f32
    %7 = arith.cmpf ugt, %x, %y : f32
    %small = arith.constant 1.0e-9 : f32
    %8 = arith.select %7, %y, %small : f32
    %9 = arith.select %6, %x, %8 : f32
    memref.store %9, %out[%c0] : memref<?xf32>
    // CHECK-NEXT: out.data[0] = div_approx(bf16_to_float(float_to_bf16(x)), y);
    %10 = arith.truncf %x : f32 to bf16
    %11 = arith.extf %10 : bf16 to f32
    %12 = arith.divf %11, %y fastmath<arcp> : f32
    memref.store %12, %out[%c0] : memref<?xf32>
    gpu.return
  }

  // CHECK-LABEL: functions(
  gpu.func @functions(%out: memref<?xf32> {attn.name = "out"}, %x: f32 {attn.name = "x"}) kernel {
    %c0 = arith.constant 0 : index
    // CHECK: out.data[0] = ex2_approx(lg2_approx(tanh_approx(x)));
    %0 = math.tanh %x : f32
    %1 = math.log2 %0 : f32
    %2 = math.exp2 %1 : f32
    memref.store %2, %out[%c0] : memref<?xf32>
    // CHECK-NEXT: out.data[0] = ex2_approx(x * 1.442695f) + lg2_approx(x) * 0.6931472f;
    %3 = math.exp %x : f32
    %4 = math.log %x : f32
    %5 = arith.addf %3, %4 : f32
    memref.store %5, %out[%c0] : memref<?xf32>
    // CHECK-NEXT: out.data[0] = fmaf(sqrtf(x), fabsf(x), rsqrt_approx(x));
    %6 = math.sqrt %x : f32
    %7 = math.absf %x : f32
    %8 = math.rsqrt %x : f32
    %9 = math.fma %6, %7, %8 : f32
    memref.store %9, %out[%c0] : memref<?xf32>
    // CHECK-NEXT: out.data[0] = fmaf(x, x, x);
    %10 = arith.mulf %x, %x fastmath<contract> : f32
    %11 = arith.addf %10, %x fastmath<contract> : f32
    memref.store %11, %out[%c0] : memref<?xf32>
    // The angle is reduced first.
    // CHECK-NEXT: float [[TURNS:.*]] = -rintf(x * 0.15915494f);
    // CHECK-NEXT: out.data[0] =
    // CHECK-NEXT: sin_approx(fmaf([[TURNS]], -1.7484555e-07f, fmaf([[TURNS]], 6.2831855f, x)));
    %12 = math.sin %x : f32
    memref.store %12, %out[%c0] : memref<?xf32>
    gpu.return
  }
}
