// The pipeline from attention to vectors: its options and what is left at the
// end.

// RUN: attn-opt %s --attn-pipeline | FileCheck %s --check-prefixes=CHECK,FLASH -DLANES=16
// RUN: attn-opt %s --attn-pipeline="isa=avx2" | FileCheck %s --check-prefixes=CHECK,FLASH -DLANES=8
// RUN: attn-opt %s --attn-pipeline="target=cpu isa=avx2 algorithm=memory-efficient" \
// RUN:   | FileCheck %s --check-prefixes=CHECK,MEMORY -DLANES=8
// RUN: attn-opt %s --pass-pipeline="builtin.module(attn-pipeline{isa=avx512 algorithm=standard})" \
// RUN:   | FileCheck %s --check-prefixes=CHECK,STANDARD -DLANES=16

// RUN: not attn-opt %s --attn-pipeline=lanes=4 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: no such option lanes
// RUN: not attn-opt %s --attn-pipeline=isa=sse 2>&1 | FileCheck %s --check-prefix=ISA
// ISA: for the --isa option: Cannot find option named 'sse'!
// RUN: not attn-opt %s --attn-pipeline=target=tpu 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: for the --target option: Cannot find option named 'tpu'!
// RUN: not attn-opt %s --attn-pipeline=algorithm=fast 2>&1 | FileCheck %s --check-prefix=ALGORITHM
// ALGORITHM: error: unknown algorithm 'fast'; allowed are standard, memory-efficient and flash

// CHECK-NOT: {{attn.attention|tile.kernel|tile.group|!tile}}
// FLASH: attn.algorithm = "flash"
// MEMORY: attn.algorithm = "memory-efficient"
// STANDARD: attn.algorithm = "standard"
// CHECK: tile.launch
// CHECK-NOT: {{attn.attention|tile.kernel|tile.group|!tile}}
// CHECK: vector.fma {{.*}} : vector<[[LANES]]xf32>
// CHECK-NOT: {{attn.attention|tile.kernel|tile.group|!tile}}
func.func @attend(%q: tensor<?x4x?x16xf32>, %k: tensor<?x1x?x16xf32>)
    -> tensor<?x4x?x16xf32> {
  %o = attn.attention %q, %k, %k mask(#attn.causal)
      : (tensor<?x4x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}
