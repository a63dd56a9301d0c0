// Masks that have no bounds are tested tile by tile, in kernels of their own.

// RUN: attn-opt %s --split-input-file --attn-expand-variant \
// RUN:   --attn-tile="tile-q=16 tile-kv=8" --canonicalize --cse \
// RUN:   --tile-list-tiles --canonicalize --cse | attn-opt --split-input-file \
// RUN:   | FileCheck %s
// RUN: attn-opt %s --split-input-file --attn-expand-variant \
// RUN:   --attn-tile="tile-q=16 tile-kv=8" --canonicalize --cse \
// RUN:   --tile-list-tiles --remark-policy=all --remark-format=emitRemark \
// RUN:   --remarks-filter=attn.bound 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark:
// RUN: attn-opt %s --split-input-file --attn-expand-variant \
// RUN:   --attn-tile="tile-q=16 tile-kv=8 algorithm=memory-efficient" \
// RUN:   --canonicalize --cse --tile-list-tiles --canonicalize --cse \
// RUN:   | FileCheck %s --check-prefix=TWICE

// A tree is read for each pair of query and key; causal is not. Batch entries
// and heads have the same mask: a row for each query tile is enough.

// REMARK: remark: [Passed] tile-list-tiles | Category:attn.bound{{.*}}the mask is tested for each key tile of each query tile before the kernel runs (queries: every 1, keys: every 1); empty key tiles are skipped, full ones run without the mask
// CHECK-LABEL: func.func @tree(
// CHECK: %[[QUERY_TILES:.*]] = arith.ceildivui
// CHECK: %[[TASKS:.*]] = arith.muli %{{.*}}, %[[QUERY_TILES]]
// CHECK: %[[KEY_TILES:.*]] = arith.ceildivui
// CHECK: %[[WIDTH:.*]] = arith.addi %[[KEY_TILES]], %c2
// CHECK: %[[KINDS:.*]] = memref.view %{{.*}}[%c0][%[[QUERY_TILES]], %[[KEY_TILES]]] : memref<?xi8> to memref<?x?xi8>
// CHECK: %[[PAIRS:.*]] = arith.muli %[[QUERY_TILES]], %[[KEY_TILES]]
// CHECK: %[[LISTS:.*]] = memref.view %{{.*}}[%{{.*}}][%[[QUERY_TILES]], %[[WIDTH]]] : memref<?xi8> to memref<?x?xi32>
// The mask needs lengths and the tree.
// CHECK: tile.launch @tree_attention_tiles0[%[[PAIRS]]](%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[KINDS]])
// CHECK: tile.launch @tree_attention_tiles0_lists[%[[QUERY_TILES]]](%[[KINDS]], %[[LISTS]])
// CHECK: tile.launch @tree_attention[%[[TASKS]]]({{.*}}, %[[LISTS]])

// CHECK-LABEL: tile.kernel private @tree_attention_tiles0(
// CHECK-SAME: %[[WORK:[^:]*]]: index, {{.*}}, %[[TREE:[^:]*]]: memref<?x?xi8, strided<[?, 1], offset: ?>>, %[[KINDS:[^:]*]]: memref<?x?xi8>)
// CHECK: %[[TILES:.*]] = memref.dim %[[KINDS]], %c1
// CHECK: %[[TILE:.*]] = arith.remui %[[WORK]], %[[TILES]]
// CHECK: %[[ROW:.*]] = arith.divui %[[WORK]], %[[TILES]]
// Tiles that causal leaves empty are not looked at.
// CHECK: %[[KIND:.*]] = scf.if %{{.*}} -> (i8)
// Queries until one keeps a key.
// CHECK: %[[ANY:.*]]:2 = scf.while (%[[I:.*]] = %{{.*}}, %[[FOUND:.*]] = %false)
// CHECK: scf.for
// CHECK: memref.load %[[TREE]]
// CHECK: arith.cmpi ne
// CHECK: scf.if %[[ANY]]#1 -> (i8)
// And until one drops a key.
// CHECK: scf.while
// CHECK: memref.load %[[TREE]]
// CHECK: arith.cmpi eq
// CHECK: arith.select %{{.*}}, %c1_i8, %c2_i8
// CHECK: memref.store %[[KIND]], %[[KINDS]][%[[ROW]], %[[TILE]]]

// Partial tiles from the front, full ones from the end.
// CHECK-LABEL: tile.kernel private @tree_attention_tiles0_lists(
// CHECK-SAME: %[[ROW:[^:]*]]: index, %[[KINDS:[^:]*]]: memref<?x?xi8>, %[[LISTS:[^:]*]]: memref<?x?xi32>)
// CHECK: %[[TILES:.*]] = memref.dim %[[KINDS]], %c1
// CHECK: %[[COUNTS:.*]]:2 = scf.for %[[TILE:.*]] = %c0 to %[[TILES]] step %c1 iter_args(%[[PARTIAL:.*]] = %c0, %[[FULL:.*]] = %c0)
// CHECK: %[[LAST:.*]] = arith.addi %[[TILES]], %c1
// CHECK: %[[NEXT:.*]] = arith.addi %[[PARTIAL]], %c2
// CHECK: arith.cmpi eq, %{{.*}}, %c1_i8
// CHECK: memref.store %{{.*}}, %[[LISTS]][%[[ROW]], %[[NEXT]]]
// CHECK: %[[NEXT:.*]] = arith.subi %[[LAST]], %[[FULL]]
// CHECK: arith.cmpi eq, %{{.*}}, %c2_i8
// CHECK: memref.store %{{.*}}, %[[LISTS]][%[[ROW]], %[[NEXT]]]
// CHECK: memref.store %{{.*}}, %[[LISTS]][%[[ROW]], %c0]
// CHECK: memref.store %{{.*}}, %[[LISTS]][%[[ROW]], %c1]

// Two loops over the lists.
// CHECK-LABEL: tile.kernel private @tree_attention(
// CHECK-SAME: %[[WORK:[^:]*]]: index, {{.*}}, %[[LISTS:[^:]*]]: memref<?x?xi32>)
// CHECK: %[[ROW:.*]] = arith.remui %[[WORK]]
// CHECK: memref.load %[[LISTS]][%[[ROW]], %c0]
// CHECK: scf.for %[[T:.*]] = %c0
// CHECK: %[[LAST:.*]] = arith.addi %{{.*}}, %c-1
// CHECK: %[[PLACE:.*]] = arith.addi %[[T]], %c2
// CHECK: %[[PLACE_THAT_IS:.*]] = arith.minsi %[[PLACE]], %[[LAST]]
// CHECK: memref.load %[[LISTS]][%[[ROW]], %[[PLACE_THAT_IS]]]
// CHECK: arith.cmpi ne
// CHECK: {tile.visit = "partial"}
// CHECK: memref.load %[[LISTS]][%[[ROW]], %c1]
// CHECK: scf.for %[[T:.*]] = %c0
// CHECK: %[[PLACE:.*]] = arith.subi %{{.*}}, %[[T]]
// CHECK: %[[PLACE_THAT_IS:.*]] = arith.maxsi %[[PLACE]], %c0
// CHECK: memref.load %[[LISTS]][%[[ROW]], %[[PLACE_THAT_IS]]]
// CHECK-NOT: arith.cmpi ne
// CHECK: {tile.visit = "full"}

// The pass for the maximum and the one for the sum share lists.
// TWICE-LABEL: func.func @tree(
// TWICE-COUNT-3: tile.launch
// TWICE-NOT: tile.launch
// TWICE-LABEL: tile.kernel private @tree_attention(
// TWICE-COUNT-4: tile.visit
!t = tensor<?x4x?x16xf32>
func.func @tree(%q: !t, %k: !t, %tree: tensor<?x?xi8>) -> !t {
  %o = attn.attention %q, %k, %k mask(#attn.causal)
    mask_mod (%b, %h, %i, %j) {
      %read = tensor.extract %tree[%i, %j] : tensor<?x?xi8>
      %zero = arith.constant 0 : i8
      %keep = arith.cmpi ne, %read, %zero : i8
      attn.yield %keep : i1
    } : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

// A block mask of each head, in groups of two: one number for each block of 32
// queries and 64 keys, for both heads. A key tile is in one block.

// REMARK: remark: [Passed] tile-list-tiles | Category:attn.bound{{.*}}(queries: every 32, keys: every 64)
// CHECK-LABEL: tile.kernel private @blocks_attention_tiles0(
// CHECK-SAME: %[[TABLE:[^:]*]]: memref<?x?x?x?xi32>, %{{[^:]*}}: memref<?x?xi8>)
// CHECK: %[[TILE:.*]] = arith.remui
// CHECK: scf.if
// CHECK: %[[FIRST:.*]] = arith.floordivsi %[[FIRST_QUERY:.*]], %c32
// CHECK: scf.while (%[[BLOCK:.*]] = %[[FIRST]],
// CHECK: do
// CHECK: %[[QUERY:.*]] = arith.muli %{{.*}}, %c32
// CHECK: %[[INSIDE:.*]] = arith.maxsi %[[QUERY]], %[[FIRST_QUERY]]
// CHECK: scf.for %[[HEAD:.*]] = %c0 to %c2 step %c1
// CHECK-NOT: scf.for
// CHECK: memref.load %[[TABLE]]
// CHECK: arith.cmpi ne, %{{.*}}, %c0_i32
// CHECK: arith.cmpi eq, %{{.*}}, %c0_i32
// CHECK: tile.return
// No mask code is left in the second loop.
// CHECK-LABEL: tile.kernel private @blocks_attention(
// CHECK: scf.for
// CHECK: memref.load %{{.*}} : memref<?x?x?x?xi32>
// CHECK: {tile.visit = "partial"}
// CHECK: scf.for
// CHECK-NOT: memref<?x?x?x?xi32>
// CHECK: {tile.visit = "full"}
!q = tensor<?x4x?x16xf32>
!k = tensor<?x2x?x16xf32>
func.func @blocks(%q: !q, %k: !k, %offsets: tensor<1x4x?xi32>,
                  %columns: tensor<?xi32>) -> !q {
  %o = attn.attention %q, %k, %k block_mask(%offsets, %columns) block_size [32, 64]
    : (!q, !k, !k, tensor<1x4x?xi32>, tensor<?xi32>) -> !q
  return %o : !q
}

// -----

// Each batch entry has a mask, which its heads share: a row for each query tile
// of a batch entry.

// REMARK: remark: [Passed] tile-list-tiles
// CHECK-LABEL: func.func @batch(
// CHECK: tile.launch @batch_attention_tiles0[
// CHECK-LABEL: tile.kernel private @batch_attention(
// CHECK-SAME: %[[WORK:[^:]*]]: index
// CHECK: %[[QUERY_TILES:.*]] = arith.ceildivui
// CHECK: %[[QUERY_TILE:.*]] = arith.remui %[[WORK]], %[[QUERY_TILES]]
// CHECK: %[[REST:.*]] = arith.divui %[[WORK]], %[[QUERY_TILES]]
// CHECK: %[[BATCH:.*]] = arith.divui %[[REST]], %c4
// CHECK: %[[FIRST:.*]] = arith.muli %[[BATCH]], %[[QUERY_TILES]]
// CHECK: %[[ROW:.*]] = arith.addi %[[QUERY_TILE]], %[[FIRST]]
// CHECK: memref.load %{{.*}}[%[[ROW]], %c0] : memref<?x?xi32>
!t = tensor<?x4x?x16xf32>
func.func @batch(%q: !t, %k: !t, %keeps: tensor<?x?x?xi1>) -> !t {
  %o = attn.attention %q, %k, %k
    mask_mod (%b, %h, %i, %j) {
      %keep = tensor.extract %keeps[%b, %i, %j] : tensor<?x?x?xi1>
      attn.yield %keep : i1
    } : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

// A bit for each key, the same for all queries, heads and batch entries: one
// row.

// REMARK: remark: [Passed] tile-list-tiles | Category:attn.bound{{.*}}(queries: one element, keys: every 1)
// CHECK-LABEL: func.func @keys(
// CHECK: tile.launch @keys_attention_tiles0_lists[%c1]
// CHECK-LABEL: tile.kernel private @keys_attention(
// CHECK: memref.load %{{.*}}[%c0, %c0] : memref<?x?xi32>
!t = tensor<?x4x?x16xf32>
func.func @keys(%q: !t, %k: !t, %keeps: tensor<?xi1>) -> !t {
  %o = attn.attention %q, %k, %k
    mask_mod (%b, %h, %i, %j) {
      %keep = tensor.extract %keeps[%j] : tensor<?xi1>
      attn.yield %keep : i1
    } : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

// Bounds say all about a window.

// CHECK-LABEL: func.func @window(
// CHECK-COUNT-1: tile.launch
// CHECK-NOT: tile.launch
// CHECK-NOT: tile.visit
!t = tensor<?x4x?x16xf32>
func.func @window(%q: !t, %k: !t) -> !t {
  %o = attn.attention %q, %k, %k mask(#attn.window<left = 64>) : (!t, !t, !t) -> !t
  return %o : !t
}
