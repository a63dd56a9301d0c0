// The keys of a query tile are shared by several tasks; a second kernel
// combines what they leave in the workspace.

// RUN: attn-opt %s \
// RUN:   --pass-pipeline="builtin.module(attn-expand-variant,attn-tile,tile.kernel(tile-hoist-scale),canonicalize,cse,tile.kernel(tile-bound),canonicalize,cse,tile-split-kv{min-tasks=32 min-tiles=2},canonicalize,cse)" \
// RUN:   --split-input-file | attn-opt --split-input-file | FileCheck %s
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(attn-expand-variant,attn-tile{algorithm=memory-efficient},tile-split-kv)" \
// RUN:   --remark-policy=all --remark-format=emitRemark \
// RUN:   --remarks-filter=attn.split 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:

// Two loops that do not continue each other cannot be cut.
// REMARK: remark: [Missed] tile-split-kv | Category:attn.split{{.*}}the kernel is not split: its loops do not continue each other (run tile-online-softmax first)

// As many splits as give 32 tasks, but at least 2 tiles of 64 keys to each.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[K:[^ ]*]]: memref<?x2x?x16xf32, {{[^>]*}}>> {attn.name = "key"
// CHECK-SAME: attn.algorithm = "flash-decoding"
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK: %[[KEYS:.*]] = memref.dim %[[K]], %{{.*}}
// CHECK: %[[MOST:.*]] = arith.divui %[[KEYS]], %[[C128]]
// CHECK: %[[WANTED:.*]] = arith.ceildivui %[[C32]]
// CHECK: %[[FEW:.*]] = arith.minui %[[WANTED]], %[[MOST]]
// CHECK: %[[SPLITS:.*]] = arith.maxui %[[FEW]], %{{.*}}
// CHECK: %[[COUNT:.*]] = arith.muli %[[TASKS:.*]], %[[SPLITS]]
// The row maximum, the output and the sum of each split.
// CHECK-COUNT-3: memref.view
// CHECK: tile.launch @decode_attention_split[%[[COUNT]]]
// CHECK: tile.launch @decode_attention_combine[%[[TASKS]]]

// The size of the workspace follows from the same sizes.
// CHECK-LABEL: func.func @decode_workspace(
// CHECK: arith.ceildivui
// CHECK: return %{{.*}} : index

// Split s of n takes the visited tiles from s * total / n on, whatever loop
// they are in.
// CHECK-LABEL: tile.kernel private @decode_attention_split(
// CHECK-SAME: %[[WORK:[^ ]*]]: index, {{.*}} %[[N:[^ ]*]]: index, %[[MAXES:[^ ]*]]: memref<?x?xf32>, %[[OUTS:[^ ]*]]: memref<?x?xf32>, %[[SUMS:[^ ]*]]: memref<?x?xf32>)
// CHECK: %[[S:.*]] = arith.remui %[[WORK]], %[[N]]
// CHECK: %[[TASK:.*]] = arith.divui %[[WORK]], %[[N]]
// CHECK: %[[SHARE:.*]] = arith.muli %[[S]], %[[TOTAL:.*]] : index
// CHECK: arith.divui %[[SHARE]], %[[N]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[S]]
// CHECK: %[[SHARE:.*]] = arith.muli %[[NEXT]], %[[TOTAL]]
// CHECK: arith.divui %[[SHARE]], %[[N]]
// CHECK: %[[PARTIAL:.*]]:3 = scf.for
// CHECK: {tile.visit = "partial"}
// CHECK: %[[R:.*]]:3 = scf.for {{.*}} iter_args({{.*}}%[[PARTIAL]]#0{{.*}}%[[PARTIAL]]#1{{.*}}%[[PARTIAL]]#2
// CHECK: {tile.visit = "full"}
// CHECK-COUNT-3: tile.store %[[R]]#
// CHECK-NEXT: tile.return

// Splits are scaled to the larger maximum and added; the end of the old kernel
// follows.
// CHECK-LABEL: tile.kernel private @decode_attention_combine(
// CHECK-SAME: %[[WORK:[^ ]*]]: index, {{.*}} %[[N:[^ ]*]]: index, %{{[^ ]*}}: memref<?x?xf32>, %{{[^ ]*}}: memref<?x?xf32>, %{{[^ ]*}}: memref<?x?xf32>)
// CHECK-NOT: tile.dot
// CHECK: %[[ALL:.*]]:3 = scf.for %{{.*}} = %{{.*}} to %[[N]] step %{{.*}} iter_args(%[[MAX:[^ ]*]] = {{.*}}, %[[OUT:[^ ]*]] = {{.*}}, %[[SUM:[^ ]*]] =
// CHECK: %[[MAX1:.*]] = tile.load
// CHECK: %[[OUT1:.*]] = tile.load
// CHECK: %[[SUM1:.*]] = tile.load
// CHECK: %[[M:.*]] = tile.map(%{{.*}} = %[[MAX]], %{{.*}} = %[[MAX1]])
// CHECK: %[[W:.*]] = tile.map(%{{.*}} = %[[MAX]], %{{.*}} = %[[M]])
// CHECK: math.exp2
// CHECK: %[[W1:.*]] = tile.map(%{{.*}} = %[[MAX1]], %{{.*}} = %[[M]])
// CHECK: math.exp2
// CHECK: tile.map(%{{.*}} = %[[OUT]], %{{.*}} = %[[W]], %{{.*}} = %[[OUT1]], %{{.*}} = %[[W1]])
// CHECK: tile.map(%{{.*}} = %[[SUM]], %{{.*}} = %[[W]], %{{.*}} = %[[SUM1]], %{{.*}} = %[[W1]])
// CHECK: scf.yield %[[M]]
// CHECK-NOT: scf.for
// CHECK: tile.store
func.func @decode(%q: tensor<?x8x?x16xf32>, %k: tensor<?x2x?x16xf32>,
                  %v: tensor<?x2x?x16xf32>) -> tensor<?x8x?x16xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x8x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
     -> tensor<?x8x?x16xf32>
  return %o : tensor<?x8x?x16xf32>
}
