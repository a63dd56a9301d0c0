// --report says what the code generator made.

// RUN: attn-compile %s --report --cpu=x86-64-v4 | FileCheck %s
// CHECK: flash, for x86-64-v4 (avx512)
// CHECK: shared object      {{[0-9]+}} bytes
// CHECK: libcalls           none
// CHECK: @attend{{$}}
// CHECK: @attend_attention
// CHECK-NEXT: tiles            64 rows x 64 keys
// CHECK-NEXT: code             {{[0-9]+}} bytes, {{[0-9]+}} instructions
// CHECK-NEXT: arena            {{[0-9]+}} bytes a worker
// CHECK-NEXT: register tile    {{[0-9]+}} accumulators of 16 lanes, 32 registers
// CHECK-NEXT: vectors          up to 512 bits
// CHECK-NEXT: vector spills    {{[0-9]+}} stores, {{[0-9]+}} loads
// CHECK-NEXT: scalar spills    {{[0-9]+}} stores, {{[0-9]+}} loads

// RUN: attn-compile %s --report --cpu=x86-64-v3 --algorithm=standard -o %t
// RUN: FileCheck %s --check-prefix=STANDARD < %t
// STANDARD: standard, for x86-64-v3 (avx2)
// STANDARD: @attend_scores
// STANDARD: register tile    {{[0-9]+}} accumulators of 8 lanes, 16 registers
// STANDARD: vectors          up to 256 bits
// STANDARD: @attend_softmax
// STANDARD: @attend_values

// Both tables, one after the other.
// RUN: attn-compile %s --report --explain | FileCheck %s --check-prefix=BOTH
// BOTH: Tile plan
// BOTH: libcalls           none

// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-compile
// RUN: %{fails} %s --report --cpu=pentium9 | FileCheck %s --check-prefix=CPU
// CPU: unknown CPU 'pentium9'
// RUN: %{fails} %s --report --tile-q=1000 | FileCheck %s --check-prefix=TILE
// TILE: a query tile of 1000 rows

func.func @attend(%q: tensor<?x4x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                  %v: tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
     -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
