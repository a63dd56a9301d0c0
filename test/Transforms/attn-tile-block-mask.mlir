// A kernel of its own turns the lists of blocks into a table, where the others
// look blocks up.

// RUN: attn-opt %s --attn-expand-variant --attn-tile="tile-q=16 tile-kv=8" \
// RUN:   --canonicalize --cse | attn-opt | FileCheck %s
// RUN: attn-opt %s --attn-expand-variant \
// RUN:   --attn-tile="tile-q=16 tile-kv=8 algorithm=standard" --canonicalize \
// RUN:   | FileCheck %s --check-prefix=STANDARD

// CHECK-LABEL: func.func @group(
// CHECK-SAME: attn.name = "block_offsets"
// CHECK-SAME: attn.name = "block_columns"
// CHECK-SAME: attn.name = "block_full"
// CHECK-SAME: attn.equal_dims = {{.*}}["block_columns[0]", "block_full[0]"]
// CHECK: %[[VIEW:.*]] = memref.view
// CHECK: %[[CAST:.*]] = memref.cast %[[VIEW]]
// CHECK: %[[FAULTS:.*]] = memref.view {{.*}} to memref<?xi32>
// CHECK: tile.launch @group_blocks[%{{.*}}](%{{.*}}, %{{.*}}, %{{.*}}, %[[CAST]], %[[FAULTS]])
// CHECK-NOT: tile.launch @group_blocks_status
// CHECK: tile.launch @group_attention[%{{.*}}]({{.*}}%[[CAST]])

// The size of the table is that of the workspace.
// CHECK-LABEL: func.func @group_workspace(
// CHECK: arith.ceildivui
// CHECK: return

// CHECK-LABEL: tile.kernel private @group_blocks(
// CHECK-SAME: %[[WORK:[a-z0-9]+]]: index, %[[OFFSETS:[a-z0-9]+]]: memref<1x4x?xi32, {{.*}}>, %[[COLUMNS:[a-z0-9]+]]: memref<?xi32, {{.*}}>, %[[FULL:[a-z0-9]+]]: memref<?xi8, {{.*}}>, %[[TABLE:[a-z0-9]+]]: memref<?x?x?x?xi32>, %[[FAULTS:[a-z0-9]+]]: memref<?xi32>)
// The row of the table is empty at first.
// CHECK: scf.for
// CHECK-NEXT: memref.store %c0_i32, %[[TABLE]]
// Offsets are brought into the range of columns.
// CHECK: %[[FAULT:.*]] = scf.if
// CHECK: memref.load %[[OFFSETS]]
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: memref.load %[[OFFSETS]]
// CHECK: scf.for
// CHECK: memref.load %[[COLUMNS]]
// Columns that are not there are left out.
// CHECK: scf.if
// CHECK: memref.load %[[FULL]]
// CHECK: arith.select %{{.*}}, %c2_i32, %c1_i32
// CHECK: arith.maxsi
// CHECK: memref.store
// A list that several rows share has its faults once.
// CHECK: arith.andi %[[FAULT]]
// CHECK: memref.store %{{.*}}, %[[FAULTS]][%[[WORK]]]
// CHECK: tile.return

// CHECK-LABEL: tile.kernel private @group_attention(
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: memref<?x?x?x?xi32>)
// CHECK: tile.dot
// CHECK: tile.map
// Row r of a group of two heads is query r / 2 of head r % 2.
// CHECK: %[[QUERY:.*]] = arith.divui %{{.*}}, %c2_i32
// CHECK: %[[MASK:.*]] = arith.cmpi sle
// CHECK: arith.divui %[[QUERY]], %c32_i32
// CHECK: arith.divui %{{.*}}, %c64_i32
// CHECK: %[[KIND:.*]] = memref.load %[[TABLE]]
// CHECK: %[[LISTED:.*]] = arith.cmpi ne, %[[KIND]], %c0_i32
// CHECK: %[[BOTH:.*]] = arith.andi %[[MASK]], %[[LISTED]]
// CHECK: %[[IS_FULL:.*]] = arith.cmpi eq, %[[KIND]], %c2_i32
// CHECK: %[[KEPT:.*]] = arith.ori %[[BOTH]], %[[IS_FULL]]
// CHECK: arith.andi %[[KEPT]]

// Scores that are stored have the mask already.
// STANDARD-LABEL: func.func @group(
// STANDARD: tile.launch @group_blocks
// STANDARD: tile.launch @group_scores
// STANDARD: tile.launch @group_softmax
// STANDARD: tile.launch @group_values
// STANDARD-LABEL: tile.kernel private @group_scores(
// STANDARD-SAME: memref<?x?x?x?xi32>
// STANDARD-LABEL: tile.kernel private @group_softmax(
// STANDARD-NOT: memref<?x?x?x?xi32>
// STANDARD-LABEL: tile.kernel private @group_values(
func.func @group(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
                 %offsets: tensor<1x4x?xi32>, %columns: tensor<?xi32>,
                 %full: tensor<?xi8>) -> tensor<?x4x?x16xf32> {
  %o = attn.attention %q, %k, %k mask(#attn.causal)
      block_mask(%offsets, %columns, %full) block_size [32, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>,
         tensor<1x4x?xi32>, tensor<?xi32>, tensor<?xi8>)
     -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// The status adds up faults.
// CHECK-LABEL: func.func @counted(
// CHECK-SAME: %[[STATUS:[a-z0-9]+]]: memref<1xi32, {{[^>]*>>?}} {attn.name = "status", attn.role = "output", attn.shape = [1]}
// CHECK: %[[FAULTS:.*]] = memref.view {{.*}} to memref<?xi32>
// CHECK: tile.launch @counted_blocks[
// CHECK: tile.launch @counted_blocks_status[%c1](%[[FAULTS]], %[[STATUS]])
// CHECK-LABEL: tile.kernel private @counted_blocks_status(
// CHECK: %[[SUM:.*]] = scf.for
// CHECK: memref.store %[[SUM]], %{{.*}}[%c0]
func.func @counted(%q: tensor<?x4x?x16xf32>, %offsets: tensor<1x1x?xi32>,
                   %columns: tensor<?xi32>)
    -> (tensor<?x4x?x16xf32>, tensor<1xi32>) {
  %o, %status = attn.attention %q, %q, %q
      block_mask(%offsets, %columns) block_size [32, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>)
     -> (tensor<?x4x?x16xf32>, tensor<1xi32>)
  return %o, %status : tensor<?x4x?x16xf32>, tensor<1xi32>
}
