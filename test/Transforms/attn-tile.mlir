// Each algorithm has its kernels, launches and workspace.

// RUN: attn-opt %s --split-input-file --attn-tile="tile-q=16 tile-kv=8" \
// RUN:   | attn-opt --split-input-file | FileCheck %s --check-prefixes=CHECK,FLASH
// RUN: attn-opt %s --split-input-file \
// RUN:   --attn-tile="tile-q=16 tile-kv=8 algorithm=memory-efficient" \
// RUN:   | attn-opt --split-input-file | FileCheck %s --check-prefixes=CHECK,MEMORY
// RUN: attn-opt %s --split-input-file \
// RUN:   --attn-tile="tile-q=16 tile-kv=8 algorithm=standard" \
// RUN:   | attn-opt --split-input-file | FileCheck %s --check-prefixes=CHECK,STANDARD

// Four query heads on each of two KV heads, and both results. What a caller
// must know is in attributes.

// CHECK-LABEL: func.func @both(
// CHECK-SAME: memref<?x8x?x16xf32, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "query", attn.role = "input"}
// CHECK-SAME: memref<?x2x?x16xf32, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "key", attn.role = "input"}
// CHECK-SAME: memref<?x2x?x24xf32, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "value", attn.role = "input"}
// CHECK-SAME: memref<?x8x?x24xf32, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "output", attn.role = "output", attn.shape = ["query[0]", 8, "query[2]", 24]}
// CHECK-SAME: memref<?x8x?xf32, strided<[?, ?, 1], offset: ?>> {attn.name = "lse", attn.role = "output", attn.shape = ["query[0]", 8, "query[2]"]}
// CHECK-SAME: memref<?xi8> {attn.name = "workspace", attn.role = "workspace"})
// FLASH-SAME: attn.algorithm = "flash"
// MEMORY-SAME: attn.algorithm = "memory-efficient"
// STANDARD-SAME: attn.algorithm = "standard"
// CHECK-SAME: attn.equal_dims = {{\[\[}}"query[0]", "key[0]", "value[0]"], ["key[2]", "value[2]"]]
// CHECK-SAME: attn.tile_kv = 8 : i64, attn.tile_q = 16 : i64
// FLASH-COUNT-1: tile.launch @both_attention
// MEMORY-COUNT-1: tile.launch @both_attention
// STANDARD: memref.view {{.*}} to memref<?x2x?x?xf32>
// STANDARD: tile.launch @both_scores
// STANDARD: tile.launch @both_softmax
// STANDARD: tile.launch @both_values
// CHECK-NOT: tile.launch
// CHECK: return

// CHECK-LABEL: func.func @both_workspace(
// FLASH: %[[BYTES:.*]] = arith.constant 0 : index
// MEMORY: %[[BYTES:.*]] = arith.constant 0 : index
// STANDARD-COUNT-4: %[[BYTES:.*]] = arith.muli
// CHECK-NEXT: return %[[BYTES]] : index

// FLASH-LABEL: tile.kernel private @both_attention(
// FLASH-SAME: attributes {tile_kv = 8 : i64, tile_q = 16 : i64}
// FLASH: tile.view %{{.*}}[%{{.*}}, %{{.*}} : 4, rows, cols] : memref<?x8x?x16xf32
// FLASH: tile.view %{{.*}}[%{{.*}}, %{{.*}}, rows, cols] : memref<?x2x?x16xf32
// FLASH: tile.view %{{.*}}[%{{.*}}, %{{.*}}, rows, cols] : memref<?x2x?x24xf32
// FLASH: tile.view %{{.*}}[%{{.*}}, %{{.*}} : 4, rows, cols] : memref<?x8x?x24xf32
// FLASH: scf.for {{.*}} -> (!tile.tile<16x1xf32>, !tile.tile<16x24xf32>, !tile.tile<16x1xf32>)
// FLASH: tile.dot {{.*}} transpose_b
// FLASH: tile.reduce max rows
// FLASH: tile.reduce add rows
// FLASH: tile.dot
// FLASH-NOT: scf.for
// FLASH: tile.store {{.*}} : !tile.tile<16x24xf32>
// FLASH: %[[LSE:.*]] = tile.view %{{.*}}[%{{.*}}, %{{.*}} : 4, rows] : memref<?x8x?xf32
// FLASH: tile.store %{{.*}}, %[[LSE]][{{.*}}] : !tile.tile<16x1xf32>
// FLASH: tile.return
// FLASH-NOT: tile.kernel

// MEMORY-LABEL: tile.kernel private @both_attention(
// MEMORY: scf.for {{.*}} -> (!tile.tile<16x1xf32>) {
// MEMORY: tile.reduce max rows
// MEMORY: scf.for {{.*}} -> (!tile.tile<16x24xf32>, !tile.tile<16x1xf32>) {
// MEMORY: tile.reduce add rows
// MEMORY-NOT: scf.for
// MEMORY: tile.return
// MEMORY-NOT: tile.kernel

// STANDARD-LABEL: tile.kernel private @both_scores(
// STANDARD: tile.store {{.*}} : !tile.tile<16x8xf32>
// STANDARD: tile.return
// STANDARD-LABEL: tile.kernel private @both_softmax(
// STANDARD: tile.reduce max rows
// STANDARD: tile.reduce add rows
// STANDARD: tile.store {{.*}} : !tile.tile<16x8xf32>
// STANDARD: tile.store {{.*}} : !tile.tile<16x1xf32>
// STANDARD: tile.return
// STANDARD-LABEL: tile.kernel private @both_values(
// STANDARD: tile.dot
// STANDARD: tile.store {{.*}} : !tile.tile<16x24xf32>
// STANDARD: tile.return
func.func @both(%q: tensor<?x8x?x16xf32>, %k: tensor<?x2x?x16xf32>,
                %v: tensor<?x2x?x24xf32>)
    -> (tensor<?x8x?x24xf32>, tensor<?x8x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v
      : (tensor<?x8x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x24xf32>)
     -> (tensor<?x8x?x24xf32>, tensor<?x8x?xf32>)
  return %o, %lse : tensor<?x8x?x24xf32>, tensor<?x8x?xf32>
}

// -----

// The results in the other order, names that the user gave, one head and
// static sizes: heads are not packed, and a shape needs no query.

// CHECK-LABEL: func.func @named(
// CHECK-SAME: attn.name = "Q", attn.role = "input"
// CHECK-SAME: attn.name = "lse", attn.role = "output", attn.shape = [2, 1, "Q[2]"]
// CHECK-SAME: attn.name = "output", attn.role = "output", attn.shape = [2, 1, "Q[2]", 16]
// CHECK-SAME: attn.equal_dims = {{\[\[}}"Q[0]", "Q[0]", "Q[0]"], ["Q[2]", "Q[2]"]]
// CHECK-NOT: rows : {{[0-9]}}
// CHECK-NOT: : 1, rows
func.func @named(%q: tensor<2x1x?x16xf32> {attn.name = "Q"})
    -> (tensor<2x1x?xf32>, tensor<2x1x?x16xf32>) {
  %o, %lse = attn.attention %q, %q, %q
      : (tensor<2x1x?x16xf32>, tensor<2x1x?x16xf32>, tensor<2x1x?x16xf32>)
     -> (tensor<2x1x?x16xf32>, tensor<2x1x?xf32>)
  return %lse, %o : tensor<2x1x?xf32>, tensor<2x1x?x16xf32>
}

// -----

// Scores are in log2 units: 1/sqrt(16) * log2(e). Keys beyond the last one
// are masked even without a mask.

// FLASH-LABEL: tile.kernel private @plain_attention
// FLASH: %[[KEYS:.*]] = arith.index_cast %{{.*}} : index to i32
// FLASH: tile.map(%[[X:.*]] = %{{.*}}) at(%{{.*}} = %{{.*}}, %[[J:.*]] = %{{.*}}) : (!tile.tile<16x8xf32>)
// FLASH: %[[SCALE:.*]] = arith.constant 0.360673755 : f32
// FLASH: %[[SCORE:.*]] = arith.mulf %[[X]], %[[SCALE]] : f32
// FLASH: %[[KEEP:.*]] = arith.cmpi slt, %[[J]], %[[KEYS]] : i32
// FLASH: %[[EMPTY:.*]] = arith.constant 0xFF800000 : f32
// FLASH: arith.select %[[KEEP]], %[[SCORE]], %[[EMPTY]] : f32
func.func @plain(%q: tensor<?x1x?x16xf32>, %k: tensor<?x1x?x16xf32>)
    -> tensor<?x1x?x16xf32> {
  %o = attn.attention %q, %k, %k
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return %o : tensor<?x1x?x16xf32>
}

// -----

// score_mod sees the scaled score in natural units and the coordinates of a
// packed row: query row / 4 of head first + row mod 4. Tensors are read where
// they are, in the kernel, and never outside of their bounds; scalars from
// outside are computed once, and saturated to the range of coordinates.

// FLASH-LABEL: func.func @mods(
// FLASH-SAME: {attn.name = "arg1", attn.role = "input"}
// FLASH-SAME: {attn.name = "window", attn.role = "input"}
// FLASH: tile.launch @mods_attention
// FLASH-LABEL: tile.kernel private @mods_attention(
// FLASH: %[[DOUBLE:.*]] = arith.addi %[[WINDOW:.*]], %[[WINDOW]] : index
// FLASH: %[[ATLEAST:.*]] = arith.maxsi %[[DOUBLE]]
// FLASH: %[[ATMOST:.*]] = arith.minsi %[[ATLEAST]]
// FLASH: %[[LIMIT:.*]] = arith.index_cast %[[ATMOST]] : index to i32
// FLASH: tile.map(%[[X:.*]] = %{{.*}}) at(%[[I:.*]] = %{{.*}}, %[[J:.*]] = %{{.*}}) : (!tile.tile<16x8xf32>)
// FLASH: %[[GROUP:.*]] = arith.constant 4 : i32
// FLASH: %[[QUERY:.*]] = arith.divui %[[I]], %[[GROUP]] : i32
// FLASH: %[[MEMBER:.*]] = arith.remui %[[I]], %[[GROUP]] : i32
// FLASH: %[[HEAD:.*]] = arith.addi %{{.*}}, %[[MEMBER]] : i32
// FLASH: %[[SCALE:.*]] = arith.constant 5.000000e-01 : f32
// FLASH: %[[SCORE:.*]] = arith.mulf %[[X]], %[[SCALE]] : f32
// FLASH: %[[H:.*]] = arith.index_cast %[[HEAD]] : i32 to index
// FLASH: %[[LAST:.*]] = arith.subi
// FLASH: %[[H0:.*]] = arith.minsi %[[H]], %[[LAST]]
// FLASH: %[[H1:.*]] = arith.maxsi %[[H0]]
// FLASH: %[[SLOPE:.*]] = memref.load %{{.*}}[%[[H1]]]
// FLASH: %[[BIASED:.*]] = arith.addf %[[SCORE]], %[[SLOPE]] : f32
// FLASH: %[[INSIDE:.*]] = arith.cmpi slt, %[[J]], %{{.*}} : i32
// FLASH: %[[D:.*]] = arith.subi %[[QUERY]], %[[J]] : i32
// FLASH: %[[NEAR:.*]] = arith.cmpi slt, %[[D]], %[[LIMIT]] : i32
// FLASH: %[[KEEP:.*]] = arith.andi %[[NEAR]], %[[INSIDE]] : i1
// FLASH: arith.select %[[KEEP]], %[[BIASED]]
// Scores of a region are in natural units: they become binary after the
// subtraction.
// FLASH: tile.map(%[[M0:.*]] = %{{.*}}, %[[M1:.*]] = %{{.*}}) : (!tile.tile<16x1xf32>, !tile.tile<16x1xf32>)
// FLASH-NEXT: %[[DOWN:.*]] = arith.subf %[[M0]], %[[M1]] : f32
// FLASH-NEXT: %[[LOG2E:.*]] = arith.constant 1.44269502 : f32
// FLASH-NEXT: %[[LOG2:.*]] = arith.mulf %[[DOWN]], %[[LOG2E]] : f32
// FLASH-NEXT: math.exp2 %[[LOG2]]
func.func @mods(%q: tensor<?x4x?x16xf32>, %slopes: tensor<4xf32>,
                %k: tensor<?x1x?x16xf32>, %window: index {attn.name = "window"})
    -> tensor<?x4x?x16xf32> {
  %double = arith.addi %window, %window : index
  %o = attn.attention %q, %k, %k scale(0.5)
      score_mod (%s, %b, %h, %i, %j) {
        %slope = tensor.extract %slopes[%h] : tensor<4xf32>
        %r = arith.addf %s, %slope : f32
        attn.yield %r : f32
      }
      mask_mod (%b, %h, %i, %j) {
        %d = arith.subi %i, %j : index
        %keep = arith.cmpi slt, %d, %double : index
        attn.yield %keep : i1
      }
      : (tensor<?x4x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// -----

// Index arithmetic that may not fit in 32 bits is done in 64.

// FLASH-LABEL: tile.kernel private @wide_attention(
// FLASH: tile.map(%{{.*}}) at(%[[I:.*]] = %{{.*}}, %[[J:.*]] = %{{.*}}) : (!tile.tile<16x8xf32>)
// FLASH: %[[I64:.*]] = arith.extsi %[[I]] : i32 to i64
// FLASH: %[[J64:.*]] = arith.extsi %[[J]] : i32 to i64
// FLASH: %[[WINDOW:.*]] = arith.constant 4294967296 : i64
// FLASH: %[[END:.*]] = arith.addi %[[I64]], %[[WINDOW]] : i64
// FLASH: arith.cmpi slt, %[[J64]], %[[END]] : i64
func.func @wide(%q: tensor<?x1x?x16xf32>) -> tensor<?x1x?x16xf32> {
  %o = attn.attention %q, %q, %q
      mask_mod (%b, %h, %i, %j) {
        %window = arith.constant 4294967296 : index
        %end = arith.addi %i, %window : index
        %keep = arith.cmpi slt, %j, %end : index
        attn.yield %keep : i1
      }
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return %o : tensor<?x1x?x16xf32>
}

// -----

// Elements of 16 bits: tiles are loaded as they are, products are f32, and so
// are the weights; the output is rounded once, in a map of its own. The
// log-sum-exp stays f32.

// FLASH-LABEL: func.func @bf16(
// FLASH-SAME: memref<?x1x?x16xbf16, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "query", attn.role = "input"}
// FLASH-SAME: memref<?x1x?x16xbf16, strided<[?, ?, ?, 1], offset: ?>> {attn.name = "output", attn.role = "output"
// FLASH-SAME: memref<?x1x?xf32, strided<[?, ?, 1], offset: ?>> {attn.name = "lse", attn.role = "output"
// FLASH-LABEL: tile.kernel private @bf16_attention(
// FLASH: %[[Q:.*]] = tile.load {{.*}} : !tile.view<bf16> -> !tile.tile<16x16xbf16>
// FLASH: scf.for {{.*}} -> (!tile.tile<16x1xf32>, !tile.tile<16x16xf32>, !tile.tile<16x1xf32>)
// FLASH: %[[K:.*]] = tile.load {{.*}} : !tile.view<bf16> -> !tile.tile<8x16xbf16>
// FLASH: tile.dot %[[Q]], %[[K]] transpose_b : (!tile.tile<16x16xbf16>, !tile.tile<8x16xbf16>) -> !tile.tile<16x8xf32>
// FLASH: %[[V:.*]] = tile.load {{.*}} : !tile.view<bf16> -> !tile.tile<8x16xbf16>
// FLASH: tile.dot %{{.*}}, %[[V]], %{{.*}} : (!tile.tile<16x8xf32>, !tile.tile<8x16xbf16>, !tile.tile<16x16xf32>) -> !tile.tile<16x16xf32>
// FLASH-NOT: arith.truncf
// FLASH: %[[ROUNDED:.*]] = tile.map(%[[X:.*]] = %{{.*}}) : (!tile.tile<16x16xf32>) -> !tile.tile<16x16xbf16> {
// FLASH-NEXT: %[[R:.*]] = arith.truncf %[[X]] : f32 to bf16
// FLASH-NEXT: tile.yield %[[R]] : bf16
// FLASH: tile.store %[[ROUNDED]], {{.*}} : !tile.tile<16x16xbf16>, !tile.view<bf16>
// FLASH-NOT: arith.truncf
// FLASH: tile.store {{.*}} : !tile.tile<16x1xf32>, !tile.view<f32>
func.func @bf16(%q: tensor<?x1x?x16xbf16>, %k: tensor<?x1x?x16xbf16>)
    -> (tensor<?x1x?x16xbf16>, tensor<?x1x?xf32>) {
  %o, %lse = attn.attention %q, %k, %k
      : (tensor<?x1x?x16xbf16>, tensor<?x1x?x16xbf16>, tensor<?x1x?x16xbf16>)
     -> (tensor<?x1x?x16xbf16>, tensor<?x1x?xf32>)
  return %o, %lse : tensor<?x1x?x16xbf16>, tensor<?x1x?xf32>
}

// -----

// Other functions are left as they are.

// CHECK-LABEL: func.func @other(
// CHECK-SAME: tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT: return
// CHECK: func.func private @external(tensor<4xf32>)
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
func.func private @external(tensor<4xf32>)
