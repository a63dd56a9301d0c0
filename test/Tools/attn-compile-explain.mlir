// --explain counts what each algorithm computes, moves and needs.

// RUN: attn-compile %s --explain=2:256:512 --tile-q=32 --tile-kv=32 --cpu=x86-64-v3 | FileCheck %s
// CHECK: attend: batch 2, 256 queries, 512 keys, 4 heads on 2, head dimensions 64 and 64, f32
// CHECK: device model genoa-core: 117 GFLOP/s, 29.5 GB/s, 1024 KiB on chip
// CHECK: the mask keeps 787456 of 1048576 scores: 202 MFLOP are needed
// CHECK: standard {{[ ]*}}memory-efficient {{[ ]*}}flash {{[ ]*}}flash-decoding
// CHECK: FLOPs of products {{[ ]*}}268 M {{[ ]*}}315 M {{[ ]*}}210 M
// CHECK: bytes moved to and from tiles
// CHECK: query {{[ ]*}}524 kB {{[ ]*}}524 kB {{[ ]*}}524 kB
// CHECK: workspace {{[ ]*}}25.2 MB {{[ ]*}}- {{[ ]*}}-
// CHECK: of these from memory
// CHECK: extra memory (workspace) {{[ ]*}}4.19 MB {{[ ]*}}0 B {{[ ]*}}0 B
// CHECK: on-chip memory of a task
// CHECK: intensity, FLOP per byte
// CHECK: roofline time
// CHECK: limited by
// CHECK: formula {{[ ]*}}N d + N^2 {{[ ]*}}N^2 d^2 / M {{[ ]*}}N^2 d^2 / M
// CHECK: counted
// CHECK: ratio
// CHECK: standard: tiles of 32 rows x 32 keys
// CHECK: @attend_scores: 64 tasks
// CHECK: @attend_softmax: 64 tasks, 0 FLOP
// CHECK: @attend_values: 64 tasks
// CHECK: pass 1 of the keys, in @attend_scores: of 1024 tiles, 1024 with mask code, 0 without, 0 skipped
// CHECK: memory-efficient:
// CHECK: pass 2 of the keys, in @attend_attention
// CHECK: flash: tiles of 32 rows x 32 keys
// CHECK: @attend_attention: 64 tasks, 210 MFLOP
// CHECK: pass 1 of the keys, in @attend_attention: of 1024 tiles, 64 with mask code, 736 without, 224 skipped
// CHECK-NOT: pass 2
// CHECK: flash-decoding: tiles of 32 rows x 32 keys
// CHECK: @attend_attention_split: 64 tasks
// CHECK: @attend_attention_combine: 64 tasks, 0 FLOP

// Without lengths: 1024 of each. The module may follow, as after any flag.
// RUN: attn-compile --explain %s | FileCheck %s --check-prefix=DEFAULT
// DEFAULT: attend: batch 1, 1024 queries, 1024 keys

// A single query reads each key once.
// RUN: attn-compile %s --explain=1:1:4096 | FileCheck %s --check-prefix=DECODE
// DECODE: formula {{[ ]*}}N d + N^2 {{[ ]*}}N d {{[ ]*}}N d {{[ ]*}}N d + s d
// DECODE: ratio {{[ ]*}}{{[0-9.]+}} {{[ ]*}}3.00 {{[ ]*}}2.00 {{[ ]*}}{{[0-9.]+}}

// What fits on chip is moved once: everything on a device with much of it.
// RUN: attn-compile %s --explain=1:1024:1024 --cpu=x86-64-v3 --device-model=this-cpu \
// RUN:   --peak-gflops=100 --bandwidth-gbs=10 --on-chip-kib=1000000 \
// RUN:   | FileCheck %s --check-prefix=THISCPU
// THISCPU: device model this-cpu: 100 GFLOP/s, 10.0 GB/s, 1000000 KiB on chip
// THISCPU: of these from memory {{[ ]*}}19.9 MB {{[ ]*}}3.15 MB {{[ ]*}}3.15 MB
// THISCPU: roofline time {{[ ]*}}10.74 ms
// RUN: attn-compile %s --explain --device-model=h200 | FileCheck %s --check-prefix=H200
// H200: device model h200: 67.0 TFLOP/s, 4.80 TB/s, 228 KiB on chip

// Bad input.
// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-compile
// RUN: %{fails} %s --explain=1:2 | FileCheck %s --check-prefix=LENGTHS
// LENGTHS: --explain: '{{.*}}' is not of the form B:Sq:Skv
// RUN: %{fails} %s --explain --device-model=abacus | FileCheck %s --check-prefix=DEVICE
// DEVICE: unknown device model 'abacus'; allowed are a100, h100, h200, genoa-core and this-cpu
// RUN: %{fails} %s --explain --device-model=this-cpu --peak-gflops=1 | FileCheck %s --check-prefix=MISSING
// MISSING: --device-model=this-cpu needs --peak-gflops, --bandwidth-gbs and --on-chip-kib
// RUN: %{fails} %s --explain --device-model=h100 --peak-gflops=1 | FileCheck %s --check-prefix=EXTRA
// EXTRA: describe --device-model=this-cpu; the numbers of 'h100' are known
// RUN: %{fails} %s --explain --device-model=this-cpu --peak-gflops=-1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: '-1' is not allowed; allowed are positive numbers
// RUN: %{fails} %s --explain --value=x=1 | FileCheck %s --check-prefix=VALUE
// VALUE: --value: 'attend' has no scalar argument 'x'
// RUN: %{fails} %s --explain=1:1000000:1000000 | FileCheck %s --check-prefix=HUGE
// HUGE: error: {{.*}}choose shorter lengths or larger tiles
// RUN: %{fails} %S/none.mlir --explain | FileCheck %s --check-prefix=NONE
// NONE: cannot read '{{.*}}none.mlir': No such file or directory

func.func @attend(%q: tensor<?x4x?x64xf32>, %k: tensor<?x2x?x64xf32>,
                  %v: tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>)
     -> tensor<?x4x?x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
