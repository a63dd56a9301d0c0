// Weights are dropped between their sum and their product with the values.

// RUN: attn-opt %s --attn-tile="tile-q=16 tile-kv=8" --canonicalize | attn-opt \
// RUN:   | FileCheck %s --check-prefixes=CHECK,FLASH
// RUN: attn-opt %s --attn-tile="tile-q=16 tile-kv=8 algorithm=standard" \
// RUN:   --canonicalize | FileCheck %s --check-prefix=STANDARD

// What is the same for all scores comes first.

// CHECK-LABEL: tile.kernel private @group_attention(
// CHECK-SAME: %{{.*}}: f32, %{{.*}}: i64, %{{.*}}: i64)
// The key of the random numbers: seed + offset * 2^64 / golden ratio.
// CHECK: %[[STEP:.*]] = arith.muli %{{.*}}, %c-7046029254386353131_i64 : i64
// CHECK: %[[KEY:.*]] = arith.addi %{{.*}}, %[[STEP]] : i64
// CHECK: %[[UPPER:.*]] = arith.shrui %[[KEY]], %c32_i64 : i64
// CHECK: %[[KEY0:.*]] = arith.trunci %[[KEY]] : i64 to i32
// CHECK: %[[KEY1:.*]] = arith.trunci %[[UPPER]] : i64 to i32
// The least word that is kept: p * 2^32.
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: %[[THRESHOLD:.*]] = arith.fptoui %[[SCALED]] : f32 to i32

// FLASH-COUNT-1: scf.for
// FLASH: tile.reduce add rows %[[P:[0-9]+]],
// FLASH: %[[SOME:.*]] = tile.map(%[[X:.*]] = %[[P]]) at(%[[ROW:.*]] = %{{.*}}, %[[COL:.*]] = %{{.*}})
// Row r of a group of two heads is query r / 2 of head r % 2.
// FLASH:   %[[QUERY:.*]] = arith.divui %[[ROW]], %c2_i32
// FLASH:   %[[MEMBER:.*]] = arith.remui %[[ROW]], %c2_i32
// FLASH:   %[[HEAD:.*]] = arith.addi %{{.*}}, %[[MEMBER]] : i32
// Four columns share a counter. The first of ten rounds:
// FLASH:   %[[BLOCK:.*]] = arith.shrui %[[COL]], %c2_i32
// FLASH:   %[[LOW0:.*]], %[[HIGH0:.*]] = arith.mului_extended %[[BLOCK]], %c-766435501_i32
// FLASH:   %[[LOW1:.*]], %[[HIGH1:.*]] = arith.mului_extended %[[HEAD]], %c-845247145_i32
// FLASH:   %[[MIXED0:.*]] = arith.xori %[[HIGH1]], %[[QUERY]]
// FLASH:   arith.xori %[[MIXED0]], %[[KEY0]]
// FLASH:   %[[MIXED1:.*]] = arith.xori %[[HIGH0]], %{{.*}}
// FLASH:   arith.xori %[[MIXED1]], %[[KEY1]]
// FLASH-COUNT-18: arith.mului_extended
// FLASH:   %[[KEEP:.*]] = arith.cmpi uge, %{{.*}}, %[[THRESHOLD]] : i32
// FLASH:   %[[R:.*]] = arith.select %[[KEEP]], %[[X]], %{{.*}} : f32
// FLASH:   tile.yield %[[R]]
// FLASH: tile.dot %[[SOME]]
// FLASH-NOT: tile.dot
// FLASH: tile.return

// Where scores are stored, the weights are dropped when they are normalised.
// STANDARD-LABEL: tile.kernel private @group_scores(
// STANDARD-NOT: fptoui
// STANDARD-LABEL: tile.kernel private @group_softmax(
// STANDARD-COUNT-2: arith.divf
// STANDARD: math.exp2
// STANDARD: %[[NORMALISED:[0-9]+]] = tile.map(%{{[a-z0-9]+}} = %{{[0-9]+}}, %{{[a-z0-9]+}} = %{{[0-9]+}})
// STANDARD-NEXT: arith.mulf
// STANDARD: %[[SOME:[0-9]+]] = tile.map(%{{[a-z0-9]+}} = %[[NORMALISED]]) at
// STANDARD: tile.store %[[SOME]]
// STANDARD-LABEL: tile.kernel private @group_values(
// STANDARD-NOT: fptoui
// STANDARD: tile.return
func.func @group(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>, %p: f32,
                 %seed: i64, %offset: i64) -> tensor<?x4x?x16xf32> {
  %o = attn.attention %q, %k, %k dropout(%p, %seed, %offset)
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// The three may be computed from arguments.

// FLASH-LABEL: tile.kernel private @computed_attention(
// FLASH: %[[LAYER:.*]] = arith.addi %{{.*}}, %c7_i64 : i64
// FLASH: arith.muli %[[LAYER]], %c-7046029254386353131_i64
func.func @computed(%q: tensor<?x1x?x16xf32>, %p: f32, %seed: i64,
                    %offset: i64) -> tensor<?x1x?x16xf32> {
  %c7 = arith.constant 7 : i64
  %layer = arith.addi %offset, %c7 : i64
  %o = attn.attention %q, %q, %q dropout(%p, %seed, %layer)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return %o : tensor<?x1x?x16xf32>
}
