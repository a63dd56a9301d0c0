// Functions of the math dialect become arithmetic.

// RUN: attn-opt %s --cpu-expand-math | attn-opt | FileCheck %s --check-prefixes=CHECK,INTEGER
// RUN: attn-opt %s --cpu-expand-math=avx512=true | attn-opt \
// RUN:   | FileCheck %s --check-prefixes=CHECK,AVX512

// 2^x = 2^n * 2^f: the integer below, a polynomial of degree 5 in f, and the power of two.
// CHECK-LABEL: func.func @exp2(
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// From -127 on the power of two is 0, which makes exp2(-inf) exact.
// INTEGER-DAG: %[[LOWEST:.*]] = arith.constant dense<-1.270000e+02> : vector<16xf32>
// INTEGER-DAG: %[[HIGHEST:.*]] = arith.constant dense<1.280000e+02> : vector<16xf32>
// INTEGER: %[[LOW:.*]] = arith.cmpf ogt, %[[LOWEST]], %[[X]]
// INTEGER: %[[ATLEAST:.*]] = arith.select %[[LOW]], %[[LOWEST]], %[[X]]
// INTEGER: %[[HIGH:.*]] = arith.cmpf olt, %[[HIGHEST]], %[[ATLEAST]]
// INTEGER: %[[Y:.*]] = arith.select %[[HIGH]], %[[HIGHEST]], %[[ATLEAST]]
// INTEGER: %[[N:.*]] = math.floor %[[Y]]
// INTEGER: %[[F:.*]] = arith.subf %[[Y]], %[[N]]
// AVX512: %[[F:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"(%[[X]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: math.fma %{{.*}}, %[[F]], %{{.*}} : vector<16xf32>
// CHECK-COUNT-3: math.fma {{.*}} : vector<16xf32>
// CHECK: %[[P:.*]] = math.fma {{.*}} : vector<16xf32>
// AVX512-NOT: arith
// AVX512: %[[R:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%[[P]], %[[X]], %{{.*}}, %{{.*}}, %{{.*}})
// INTEGER: arith.bitcast %{{.*}} : vector<16xf32> to vector<16xi32>
// INTEGER: arith.shli
// INTEGER: %[[POWER:.*]] = arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
// INTEGER: %[[R:.*]] = arith.mulf %[[P]], %[[POWER]]
// CHECK: return %[[R]]
func.func @exp2(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp2 %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// e^x: the remainder by n * ln(2) in two parts.
// CHECK-LABEL: func.func @exp(
// CHECK-SAME: %[[X:.*]]: vector<16xf32>
// CHECK-DAG: %[[HI:.*]] = arith.constant dense<-0.693359375> : vector<16xf32>
// CHECK-DAG: %[[LO:.*]] = arith.constant dense<2.12194442E-4> : vector<16xf32>
// CHECK-DAG: %[[LOG2E:.*]] = arith.constant dense<1.44269502> : vector<16xf32>
// Between numbers whose remainder is exact, also with AVX-512, where only the
// results of subnormal numbers need a lower limit.
// INTEGER-DAG: arith.constant dense<-8.800000e+01> : vector<16xf32>
// AVX512-DAG: arith.constant dense<-1.050000e+02> : vector<16xf32>
// CHECK: arith.select
// CHECK: %[[X:.*]] = arith.select
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[LOG2E]]
// CHECK: %[[N:.*]] = math.floor %[[Y]]
// CHECK: %[[R0:.*]] = math.fma %[[N]], %[[HI]], %[[X]]
// CHECK: %[[R1:.*]] = math.fma %[[N]], %[[LO]], %[[R0]]
// CHECK: arith.mulf %[[R1]], %[[LOG2E]]
// CHECK-NOT: math.exp
// AVX512: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// INTEGER: arith.shli
// CHECK: return
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.exp %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// A subnormal number is multiplied by 2^24 before, and 24 is taken off after.
// CHECK-LABEL: func.func @log2(
// CHECK-SAME: %[[X:.*]]: f32
// CHECK-DAG: %[[SMALLEST:.*]] = arith.constant 1.17549435E-38 : f32
// CHECK-DAG: %[[FACTOR:.*]] = arith.constant 0x4B800000 : f32
// CHECK-DAG: %[[SHIFT:.*]] = arith.constant 2.400000e+01 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[SCALED:.*]] = arith.mulf %[[X]], %[[FACTOR]]
// CHECK: %[[SMALL:.*]] = arith.cmpf olt, %[[X]], %[[SMALLEST]]
// CHECK: arith.select %[[SMALL]], %[[SCALED]], %[[X]]
// CHECK: %[[TAKEN:.*]] = arith.select %{{.*}}, %[[SHIFT]], %[[ZERO]]
// CHECK: %[[R:.*]] = arith.subf %{{.*}}, %[[TAKEN]]
// CHECK: return %[[R]]
func.func @log2(%x: f32) -> f32 {
  %0 = math.log2 %x : f32
  return %0 : f32
}

// The instruction takes 16 lanes only.
// CHECK-LABEL: func.func @other_widths(
// CHECK-NOT: call_intrinsic
// CHECK-NOT: math.exp
// CHECK: arith.shli %{{.*}} : vector<8xi32>
// CHECK: arith.shli %{{.*}} : i32
// CHECK-NOT: math.exp
// CHECK: return
func.func @other_widths(%x: vector<8xf32>, %y: f32) -> (vector<8xf32>, f32) {
  %0 = math.exp2 %x : vector<8xf32>
  %1 = math.exp2 %y : f32
  return %0, %1 : vector<8xf32>, f32
}

// CHECK-LABEL: func.func @others(
// CHECK-NOT: math.{{log|tanh|sin|cos|erf|powf|exp}}
// CHECK: return
func.func @others(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.log2 %x : vector<16xf32>
  %1 = math.tanh %0 : vector<16xf32>
  %2 = math.sin %1 : vector<16xf32>
  %3 = math.cos %2 : vector<16xf32>
  %4 = math.erf %3 : vector<16xf32>
  %5 = math.log %4 : vector<16xf32>
  %6 = math.log1p %5 : vector<16xf32>
  %7 = math.expm1 %6 : vector<16xf32>
  return %7 : vector<16xf32>
}

// Instructions of the CPU stay.
// CHECK-LABEL: func.func @instructions(
// CHECK: math.sqrt %{{.*}} : f64
// CHECK: math.absf %{{.*}} : f64
// CHECK: return
func.func @instructions(%x: f64) -> f64 {
  %0 = math.sqrt %x : f64
  %1 = math.absf %0 : f64
  return %1 : f64
}
