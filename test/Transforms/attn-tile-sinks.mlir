// Sinks take part in the softmax once, when all keys have been seen.

// RUN: attn-opt %s --attn-tile="tile-q=16 tile-kv=8" | attn-opt \
// RUN:   | FileCheck %s --check-prefixes=CHECK,FLASH
// RUN: attn-opt %s --attn-tile="tile-q=16 tile-kv=8 algorithm=standard" \
// RUN:   | FileCheck %s --check-prefix=STANDARD
// RUN: attn-opt %s --attn-tile="tile-q=16 tile-kv=8" --tile-split-kv \
// RUN:   --canonicalize | FileCheck %s --check-prefix=SPLIT

// A group has two heads, so that row r has the sink of head %first + r % 2. In
// base 2 scores have the factor log2(e).

// CHECK-LABEL: func.func @group(
// CHECK-SAME: memref<4xf32, strided<[1], offset: ?>> {attn.name = "sinks", attn.role = "input"}
// CHECK-LABEL: tile.kernel private @group_attention(
// FLASH: %[[KEYS:.*]]:3 = scf.for
// FLASH-NOT: memref.load
// FLASH: scf.yield
// CHECK: %[[SINK:.*]] = tile.map() at(%[[ROW:.*]] = %{{.*}}, %{{.*}} = %{{.*}}) : () -> !tile.tile<16x1xf32> {
// CHECK:   %[[MEMBER:.*]] = arith.remui %[[ROW]], %c2_i32 : i32
// CHECK:   %[[OFFSET:.*]] = arith.index_cast %[[MEMBER]]
// CHECK:   %[[HEAD:.*]] = arith.addi %{{.*}}, %[[OFFSET]] : index
// CHECK:   %[[LOGIT:.*]] = memref.load %{{.*}}[%[[HEAD]]] : memref<4xf32
// CHECK:   %[[BINARY:.*]] = arith.mulf %[[LOGIT]], %{{.*}} : f32
// CHECK:   tile.yield %[[BINARY]]
// The larger one of the two is the maximum.
// CHECK: %[[MAX:.*]] = tile.map({{.*}} = %[[KEYS]]#0, {{.*}} = %[[SINK]])
// CHECK:   arith.cmpf ogt
// CHECK: %[[WEIGHT:.*]] = tile.map({{.*}} = %[[KEYS]]#0, {{.*}} = %[[MAX]])
// CHECK:   math.exp2
// CHECK: %[[TERM:.*]] = tile.map({{.*}} = %[[SINK]], {{.*}} = %[[MAX]])
// CHECK:   math.exp2
// CHECK: %[[SUM:.*]] = tile.map({{.*}} = %[[KEYS]]#2, {{.*}} = %[[WEIGHT]], {{.*}} = %[[TERM]])
// The output and the log-sum-exp are those with the sink.
// CHECK: %[[INVERSE:.*]] = tile.map({{.*}} = %[[SUM]])
// CHECK:   arith.divf
// CHECK: %[[FACTOR:.*]] = tile.map({{.*}} = %[[INVERSE]], {{.*}} = %[[WEIGHT]])
// CHECK: tile.map({{.*}} = %[[KEYS]]#1, {{.*}} = %[[FACTOR]])
// CHECK: tile.map({{.*}} = %[[MAX]], {{.*}} = %[[SUM]])
// CHECK:   math.log2

// Only the kernel that normalises the scores knows them.
// STANDARD: tile.launch @group_scores[{{.*}}]({{[^,]*}}, {{[^,]*}}, {{[^,]*}}) :
// STANDARD: tile.launch @group_softmax[{{.*}}]({{.*}}) : {{.*}}, memref<4xf32
// STANDARD-LABEL: tile.kernel private @group_softmax
// STANDARD: memref.load
// STANDARD-LABEL: tile.kernel private @group_values
// STANDARD-NOT: memref.load
// STANDARD: tile.return

// And only the one that combines the splits.
// SPLIT-LABEL: tile.kernel private @group_attention_split
// SPLIT-NOT: memref.load
// SPLIT-LABEL: tile.kernel private @group_attention_combine
// SPLIT: memref.load
// SPLIT: tile.return
func.func @group(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
                 %logits: tensor<4xf32> {attn.name = "sinks"})
    -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>) {
  %o, %lse = attn.attention %q, %k, %k sinks(%logits)
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
     -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>)
  return %o, %lse : tensor<?x4x?x16xf32>, tensor<?x4x?xf32>
}

// One head: no division. A score_mod has natural units, and so has the sink,
// whose argument has a name without being given one.

// FLASH-LABEL: func.func @natural(
// FLASH-SAME: {attn.name = "sinks", attn.role = "input"}
// FLASH-LABEL: tile.kernel private @natural_attention(
// FLASH: %[[SINK:.*]] = tile.map() at
// FLASH-NEXT: %[[LOGIT:.*]] = memref.load %{{.*}}[%{{.*}}] : memref<1xf32
// FLASH-NEXT: tile.yield %[[LOGIT]]
func.func @natural(%q: tensor<?x1x?x16xf32>, %logits: tensor<1xf32>)
    -> tensor<?x1x?x16xf32> {
  %o = attn.attention %q, %q, %q sinks(%logits)
      score_mod (%s, %b, %h, %i, %j) {
        %r = math.absf %s : f32
        attn.yield %r : f32
      }
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return %o : tensor<?x1x?x16xf32>
}
