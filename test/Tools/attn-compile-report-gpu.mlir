// --report on a GPU: what the machine code needs, and what the cost model says.

// RUN: attn-compile %s --report --target=sm_80 -o %t
// RUN: FileCheck %s < %t
// CHECK: flash, for sm_80 (A100-SXM4-80GB)
// CHECK-NEXT: cubin              {{[1-9][0-9]+}} bytes
// CHECK-NEXT: compile time       {{[0-9]+\.[0-9][0-9]}} s, of which nvrtc {{[1-9][0-9]?}} %
// CHECK: @attend_attention
// CHECK-NEXT: tiles            128 rows x 64 keys
// CHECK-NEXT: code             {{[1-9][0-9]+}} instructions
// CHECK-NEXT: threads          128
// CHECK-NEXT: registers        {{[1-9][0-9]+}}
// CHECK-NEXT: spills           0 stores, 0 loads, 0 bytes of stack
// CHECK-NEXT: shared memory    0 bytes static, 49152 dynamic
// CHECK-NEXT: occupancy        {{[2-3]}} thread blocks on a multiprocessor, {{[0-9]+}} % of its warps; limited by {{registers|shared memory}}

// A warp has 32 of the rows: 2 x 8 x 4 products of 16 x 8 x 16 for the scores, as
// many for the output and 2 x 4 for the sums. Keys and values have 16384 bytes,
// and one load moves 512; 8 more are its queries, if they are not in registers.
// CHECK-NEXT: key tile         136 tensor-core instructions of a warp, {{32|40}} loads of fragments
// CHECK-NEXT: prediction       {{[1-9][0-9]+}} TFLOP/s without a mask, {{[1-9][0-9]+}} TFLOP/s causal (4 x 4096 tokens, 32 heads)
// CHECK-NEXT: bound            tensor cores; tensor cores {{[0-9]+}} %, exponentials {{[0-9]+}} %, FP32 {{[0-9]+}} %, integers and comparisons {{[0-9]+}} %, shared memory {{[0-9]+}} %, issue slots {{[0-9]+}} %, memory {{[0-9]+}} %

// Three kernels, which the model knows nothing about.
// RUN: attn-compile %s --report --target=sm_120 --algorithm=standard \
// RUN:   | FileCheck %s --check-prefix=STANDARD
// STANDARD: standard, for sm_120 (RTX 5090)
// STANDARD: @attend_scores
// STANDARD: registers
// STANDARD: @attend_softmax
// STANDARD: registers
// STANDARD: @attend_values
// STANDARD: registers
// STANDARD-NOT: prediction

// A remark says which schedule was chosen, over what, and what does not fit.
// RUN: attn-compile %s --emit=tile --target=sm_80 -o %t \
// RUN:   --remarks-filter=attn.schedule 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK: :[[#@LINE+13]]:8: remark: [Passed] gpu-schedule | Category:attn.schedule
// REMARK-SAME: 128 rows x 64 keys, 4 warps, 2 stages, queries in {{[a-z ]+}}: predicted for A100-SXM4-80GB are {{[0-9]+}} TFLOP/s, bound by {{[a-z ]+}}; for
// REMARK-SAME: 64x64 with 4 warps and 2 stages {{[0-9]+}} TFLOP/s
// REMARK-SAME: not 128x128 with 4 warps and 2 stages, which needs about {{[0-9]+}} registers

// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-compile
// RUN: %{fails} %s --report --target=sm_80 --codegen=llvm | FileCheck %s --check-prefix=LLVM
// LLVM: --report reads machine code, which --codegen=llvm does not write; leave it out
// RUN: %{fails} %s --report --target=sm_80 '--remarks-filter=(' | FileCheck %s --check-prefix=REGEX
// REGEX: remarks are chosen by '(', which is no regular expression: parentheses not balanced

func.func @attend(%q: tensor<?x4x?x64xbf16>, %k: tensor<?x2x?x64xbf16>,
                  %v: tensor<?x2x?x64xbf16>) -> tensor<?x4x?x64xbf16> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x4x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>)
     -> tensor<?x4x?x64xbf16>
  return %o : tensor<?x4x?x64xbf16>
}
