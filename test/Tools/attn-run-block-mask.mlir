// A device's lists of blocks may hold anything: what is out of range lists
// nothing, and the status counts the block rows where that is so. --check
// compares it with the reference's.

// DEFINE: %{run} = attn-run %s --check --repeat=1
// DEFINE: %{tensors} = random:2x4x100x64,random:2x2x130x64,random:2x2x130x64
// RUN: %{run} --inputs=%{tensors},multiples:1x4x5:3,integers:12:3,ones:12 | FileCheck %s
// RUN: %{run} --inputs=%{tensors},multiples:1x4x5:3,integers:12:9,ones:12 | FileCheck %s
// RUN: %{run} --inputs=%{tensors},integers:2x1x5:20,integers:12:3,integers:12:2 | FileCheck %s
// RUN: %{run} --inputs=%{tensors},integers:1x4x5:20,integers:12:9,zeros:12 | FileCheck %s
// CHECK: check PASS

// On the emulator.
// RUN: sed -E 's/(x64x)f32/\1bf16/g' %s | attn-run - --device=emulator --check --repeat=1 \
// RUN:   --inputs=%{tensors},integers:1x4x5:20,integers:12:9,integers:12:2 | FileCheck %s

// What the host can see is an error.
// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-run %s
// RUN: %{fails} --inputs=%{tensors},multiples:1x4x4:3,integers:12:3,ones:12 | FileCheck %s --check-prefix=ROWS
// ROWS: argument 4 'block_offsets' of 'block': dimension 2 is 4, expected 5 (query[2] / 32 rounded up + 1)
// RUN: %{fails} --inputs=%{tensors},multiples:3x4x5:3,integers:12:3,ones:12 | FileCheck %s --check-prefix=BATCH
// BATCH: argument 4 'block_offsets' of 'block': dimension 0 is 3, expected 1 or 2 (query[0])
// RUN: %{fails} --inputs=%{tensors},multiples:1x2x5:3,integers:12:3,ones:12 | FileCheck %s --check-prefix=HEADS
// HEADS: argument 4 'block_offsets' of 'block': dimension 1 is 2, expected 1 or 4 (query[1])
// RUN: %{fails} --inputs=%{tensors},multiples:1x4x5:3,integers:12:3,ones:11 | FileCheck %s --check-prefix=FLAGS
// FLAGS: argument 6 'block_full' of 'block': dimension 0 is 11, expected 12, equal to block_columns[0]

!q = tensor<?x4x?x64xf32>
!k = tensor<?x2x?x64xf32>
func.func @block(%q: !q, %k: !k, %v: !k, %offsets: tensor<?x?x?xi32>,
                 %columns: tensor<?xi32>, %full: tensor<?xi8>)
    -> (!q, tensor<1xi32>) {
  %o, %status = attn.attention %q, %k, %v mask(#attn.causal)
      block_mask(%offsets, %columns, %full) block_size [32, 48]
      : (!q, !k, !k, tensor<?x?x?xi32>, tensor<?xi32>, tensor<?xi8>)
     -> (!q, tensor<1xi32>)
  return %o, %status : !q, tensor<1xi32>
}
