// attn.combine becomes one kernel with a loop over the parts.

// RUN: attn-opt %s --split-input-file --attn-tile | attn-opt --split-input-file \
// RUN:   | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-tile=tile-q=8 \
// RUN:   | FileCheck %s --check-prefix=SMALL

// What a caller must know is in attributes.

// CHECK-LABEL: func.func @both(
// CHECK-SAME: memref<?x?x4x?x24xf16, strided<[?, ?, ?, ?, 1], offset: ?>> {attn.name = "outputs", attn.role = "input"}
// CHECK-SAME: memref<?x?x4x?xf32, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "lses", attn.role = "input"}
// CHECK-SAME: memref<?x4x?x24xbf16, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "output", attn.role = "output", attn.shape = ["outputs[1]", 4, "outputs[3]", 24]}
// CHECK-SAME: memref<?x4x?xf32, strided<[?, ?, 1], offset: ?>> {attn.name = "lse", attn.role = "output", attn.shape = ["outputs[1]", 4, "outputs[3]"]}
// CHECK-SAME: memref<?xi8> {attn.name = "workspace", attn.role = "workspace"})
// CHECK-SAME: attn.algorithm = "combine"
// CHECK-SAME: attn.equal_dims = {{\[\[}}"outputs[0]", "lses[0]"], ["outputs[1]", "lses[1]"], ["outputs[3]", "lses[3]"]]
// CHECK-SAME: attn.tile_kv = 1 : i64, attn.tile_q = 16 : i64
// CHECK: tile.launch @both_combine[%{{.*}}](%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) :
// CHECK-NEXT: return

// CHECK-LABEL: func.func @both_workspace(
// CHECK: %[[BYTES:.*]] = arith.constant 0 : index
// CHECK-NEXT: return %[[BYTES]] : index

// The loads extend, the store rounds.

// CHECK-LABEL: tile.kernel private @both_combine(
// CHECK-SAME: attributes {tile_q = 16 : i64}
// CHECK: %[[PARTS:.*]] = memref.dim %arg1, %c0
// CHECK: scf.for %[[P:.*]] = %{{.*}} to %[[PARTS]] {{.*}} -> (!tile.tile<16x24xf32>, !tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
// CHECK: %[[LSES:.*]] = tile.view %{{.*}}[%[[P]], %{{.*}}, %{{.*}} : 4, rows] : memref<?x?x4x?xf32
// CHECK: %[[LSE:.*]] = tile.load %[[LSES]][{{.*}}] : !tile.view<f32> -> !tile.tile<16x1xf32>
// CHECK: tile.view %{{.*}}[%[[P]], %{{.*}}, %{{.*}} : 4, rows, cols] : memref<?x?x4x?x24xf16
// CHECK: %[[PART:.*]] = tile.load {{.*}} : !tile.view<f16> -> !tile.tile<16x24xf32>
// An empty part is left out, whatever it holds.
// CHECK: tile.map(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %[[PART]], %{{.*}} = %{{.*}}, %[[L:.*]] = %[[LSE]])
// CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[L]], %{{.*}}
// CHECK: arith.select %[[EMPTY]]
// CHECK: scf.yield
// CHECK: tile.store %{{.*}} : !tile.tile<16x24xf32>, !tile.view<bf16>
// CHECK: tile.store %{{.*}} : !tile.tile<16x1xf32>, !tile.view<f32>
// CHECK: tile.return

// SMALL: attn.tile_q = 8 : i64
// SMALL: tile.kernel private @both_combine({{.*}} attributes {tile_q = 8 : i64}

func.func @both(%outputs: tensor<?x?x4x?x24xf16>, %lses: tensor<?x?x4x?xf32>)
    -> (tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>) {
  %o, %lse = attn.combine %outputs, %lses
      : (tensor<?x?x4x?x24xf16>, tensor<?x?x4x?xf32>)
     -> (tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>)
  return %o, %lse : tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>
}

// -----

// Names and order are the function's; without the log-sum-exp there is one
// store.

// CHECK-LABEL: func.func @named(
// CHECK-SAME: memref<3x?x1xf32, strided<[?, ?, 1], offset: ?>> {attn.name = "unused"
// CHECK-SAME: attn.name = "sums"
// CHECK-SAME: attn.name = "outputs"
// CHECK-SAME: attn.shape = ["outputs[1]", 1, 7, 24]
// CHECK-SAME: attn.equal_dims = {{\[\[}}"outputs[0]", "sums[0]"], ["outputs[1]", "sums[1]"], ["outputs[3]", "sums[3]"]]

// CHECK-LABEL: tile.kernel private @named_combine(
// CHECK: tile.view %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}, rows, cols] : memref<?x?x1x7x24xf32
// CHECK-COUNT-1: tile.store
// CHECK-NOT: tile.store

func.func @named(%unused: tensor<3x?x1xf32> {attn.name = "unused"},
                 %lses: tensor<2x?x1x?xf32> {attn.name = "sums"},
                 %outputs: tensor<?x?x1x7x24xf32>) -> tensor<?x1x7x24xf32> {
  %o, %lse = attn.combine %outputs, %lses
      : (tensor<?x?x1x7x24xf32>, tensor<2x?x1x?xf32>)
     -> (tensor<?x1x7x24xf32>, tensor<?x1x7xf32>)
  return %o : tensor<?x1x7x24xf32>
}
