// Every form of the syntax of the attn dialect is printed as it was written.

// RUN: attn-opt %s | attn-opt | FileCheck %s

// Without anything optional. Static and dynamic sizes, MHA.
// CHECK-LABEL: func.func @plain
func.func @plain(%q: tensor<2x4x5x16xf32>, %k: tensor<?x4x?x16xf32>,
                 %v: tensor<?x4x7x24xf32>) -> tensor<2x4x5x24xf32> {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x4x5x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x7x24xf32>) -> tensor<2x4x5x24xf32>
  %o = attn.attention %q, %k, %v
      : (tensor<2x4x5x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x7x24xf32>)
     -> tensor<2x4x5x24xf32>
  return %o : tensor<2x4x5x24xf32>
}

// Both results have names of their own, and the log-sum-exp is f32 whatever
// the element type is.
// CHECK-LABEL: func.func @lse
func.func @lse(%q: tensor<?x4x?x16xbf16>, %k: tensor<?x2x?x16xbf16>)
    -> (tensor<?x4x?x16xbf16>, tensor<?x4x?xf32>) {
  // CHECK: %[[OUTPUT:output]], %[[LSE:lse]] = attn.attention
  // CHECK-SAME: -> (tensor<?x4x?x16xbf16>, tensor<?x4x?xf32>)
  %o, %l = attn.attention %q, %k, %k
      : (tensor<?x4x?x16xbf16>, tensor<?x2x?x16xbf16>, tensor<?x2x?x16xbf16>)
     -> (tensor<?x4x?x16xbf16>, tensor<?x4x?xf32>)
  // CHECK: return %[[OUTPUT]], %[[LSE]]
  return %o, %l : tensor<?x4x?x16xbf16>, tensor<?x4x?xf32>
}

// CHECK-LABEL: func.func @f16
func.func @f16(%q: tensor<?x1x?x16xf16>) -> tensor<?x1x?x16xf16> {
  // CHECK: attn.attention {{.*}} -> tensor<?x1x?x16xf16>
  %o = attn.attention %q, %q, %q
      : (tensor<?x1x?x16xf16>, tensor<?x1x?x16xf16>, tensor<?x1x?x16xf16>)
     -> tensor<?x1x?x16xf16>
  return %o : tensor<?x1x?x16xf16>
}

// The clauses in either order; they are printed mask first.
// CHECK-LABEL: func.func @clauses
func.func @clauses(%q: tensor<?x1x?x16xf32>) {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} mask(#attn.causal) scale(1.250000e-01) : (
  %0 = attn.attention %q, %q, %q mask(#attn.causal) scale(0.125)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} mask(#attn.causal) scale(-2.000000e+00) : (
  %1 = attn.attention %q, %q, %q scale(-2.0) mask(#attn.causal)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} scale(0.000000e+00) {note = "kept"} : (
  %2 = attn.attention %q, %q, %q scale(0.0) {note = "kept"}
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return
}

// Sinks have a logit for each query head; their type follows from the query's.
// CHECK-LABEL: func.func @sinks
func.func @sinks(%q: tensor<?x4x?x16xbf16>, %k: tensor<?x2x?x16xbf16>,
                 %logits: tensor<4xf32>) {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} mask(#attn.causal) sinks(%{{.*}}) : (tensor<?x4x?x16xbf16>, tensor<?x2x?x16xbf16>, tensor<?x2x?x16xbf16>) -> tensor<?x4x?x16xbf16>
  %0 = attn.attention %q, %k, %k sinks(%logits) mask(#attn.causal)
      : (tensor<?x4x?x16xbf16>, tensor<?x2x?x16xbf16>, tensor<?x2x?x16xbf16>)
     -> tensor<?x4x?x16xbf16>
  return
}

// The clauses of operands in any order; the types of these three are known.
// CHECK-LABEL: func.func @dropout
func.func @dropout(%q: tensor<?x4x?x16xf32>, %logits: tensor<4xf32>, %p: f32,
                   %seed: i64) {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} sinks(%{{.*}}) dropout(%[[P:.*]], %[[SEED:.*]], %[[SEED]]) : (
  %0 = attn.attention %q, %q, %q dropout(%p, %seed, %seed) sinks(%logits)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// The types of a block mask follow that of the value.
// CHECK-LABEL: func.func @block_mask
func.func @block_mask(%q: tensor<3x4x130x16xf32>, %shared: tensor<1x1x?xi32>,
                      %each: tensor<3x4x3xi32>, %columns: tensor<?xi32>,
                      %full: tensor<?xi8>) {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} block_mask(%{{.*}}, %{{.*}}) block_size [128, 64] : (tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>, tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<3x4x130x16xf32>
  %0 = attn.attention %q, %q, %q block_mask(%shared, %columns)
      block_size [128, 64]
      : (tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>,
         tensor<3x4x130x16xf32>, tensor<1x1x?xi32>, tensor<?xi32>)
     -> tensor<3x4x130x16xf32>
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} mask(#attn.causal) block_mask(%[[EACH:.*]], %[[COLUMNS:.*]], %[[FULL:.*]]) block_size [128, 16] mask_mod
  // CHECK: } : (tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>, tensor<3x4x3xi32>, tensor<?xi32>, tensor<?xi8>) -> (tensor<3x4x130x16xf32>, tensor<3x4x130xf32>)
  %1, %2 = attn.attention %q, %q, %q
      block_mask(%each, %columns, %full) block_size [128, 16] mask(#attn.causal)
      mask_mod (%b, %h, %i, %j) {
        %keep = arith.cmpi ne, %i, %j : index
        attn.yield %keep : i1
      }
      : (tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>,
         tensor<3x4x130x16xf32>, tensor<3x4x3xi32>, tensor<?xi32>,
         tensor<?xi8>) -> (tensor<3x4x130x16xf32>, tensor<3x4x130xf32>)
  // The status comes last, with a log-sum-exp or without.
  // CHECK: %{{.*}}, %{{.*}} = attn.attention {{.*}} -> (tensor<3x4x130x16xf32>, tensor<1xi32>)
  %3, %4 = attn.attention %q, %q, %q block_mask(%shared, %columns)
      block_size [128, 64]
      : (tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>,
         tensor<3x4x130x16xf32>, tensor<1x1x?xi32>, tensor<?xi32>)
     -> (tensor<3x4x130x16xf32>, tensor<1xi32>)
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = attn.attention {{.*}} -> (tensor<3x4x130x16xf32>, tensor<3x4x130xf32>, tensor<1xi32>)
  %5, %6, %7 = attn.attention %q, %q, %q block_mask(%shared, %columns)
      block_size [128, 64]
      : (tensor<3x4x130x16xf32>, tensor<3x4x130x16xf32>,
         tensor<3x4x130x16xf32>, tensor<1x1x?xi32>, tensor<?xi32>)
     -> (tensor<3x4x130x16xf32>, tensor<3x4x130xf32>, tensor<1xi32>)
  return
}

// Arguments of regions are printed under their names in the semantics, and
// values from outside may be used.
// CHECK-LABEL: func.func @score_mod
func.func @score_mod(%q: tensor<?x4x?x16xf32>, %slopes: tensor<4xf32>)
    -> tensor<?x4x?x16xf32> {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} score_mod (%s, %b, %h, %i, %j) {
  // CHECK-NEXT: %[[SLOPE:.*]] = tensor.extract %{{.*}}[%h]
  // CHECK-NEXT: %[[SUM:.*]] = arith.addf %s, %[[SLOPE]] : f32
  // CHECK-NEXT: attn.yield %[[SUM]] : f32
  // CHECK-NEXT: } : (
  %o = attn.attention %q, %q, %q
      score_mod (%score, %batch, %head, %query, %key) {
        %slope = tensor.extract %slopes[%head] : tensor<4xf32>
        %sum = arith.addf %score, %slope : f32
        attn.yield %sum : f32
      }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// CHECK-LABEL: func.func @mask_mod
func.func @mask_mod(%q: tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32> {
  // CHECK: attn.attention %{{.*}}, %{{.*}}, %{{.*}} mask_mod (%b, %h, %i, %j) {
  // CHECK-NEXT: %[[QUERIES:.*]] = attn.length query : index
  // CHECK-NEXT: %[[KEYS:.*]] = attn.length key : index
  // CHECK-NEXT: %[[DIFFERENCE:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK-NEXT: %[[LAST:.*]] = arith.addi %i, %[[DIFFERENCE]]
  // CHECK-NEXT: %[[KEEP:.*]] = arith.cmpi sle, %j, %[[LAST]]
  // CHECK-NEXT: attn.yield %[[KEEP]] : i1
  // CHECK-NEXT: } : (
  %o = attn.attention %q, %q, %q
      mask_mod (%b, %h, %i, %j) {
        %nq = attn.length query : index
        %nk = attn.length key : index
        %d = arith.subi %nk, %nq : index
        %last = arith.addi %i, %d : index
        %keep = arith.cmpi sle, %j, %last : index
        attn.yield %keep : i1
      }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return %o : tensor<?x4x?x16xf32>
}

// Everything at once.
// CHECK-LABEL: func.func @all
func.func @all(%q: tensor<?x4x?x16xf32>, %keep: i1)
    -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>) {
  // CHECK: %output, %lse = attn.attention %{{.*}}, %{{.*}}, %{{.*}} mask(#attn.causal) scale(5.000000e-01)
  // CHECK-SAME: score_mod (%s, %b, %h, %i, %j) {
  // CHECK-NEXT: attn.yield %s : f32
  // CHECK-NEXT: } mask_mod (%b, %h, %i, %j) {
  // CHECK-NEXT: attn.yield %{{.*}} : i1
  // CHECK-NEXT: } : (
  %o, %l = attn.attention %q, %q, %q mask(#attn.causal) scale(0.5)
      score_mod (%s, %b, %h, %i, %j) { attn.yield %s : f32 }
      mask_mod (%b, %h, %i, %j) { attn.yield %keep : i1 }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>)
  return %o, %l : tensor<?x4x?x16xf32>, tensor<?x4x?xf32>
}

// CHECK-LABEL: func.func @combine
func.func @combine(%outputs: tensor<?x?x4x?x24xf32>, %lses: tensor<?x?x4x?xf32>)
    -> (tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>) {
  // CHECK: %output, %lse = attn.combine %{{.*}}, %{{.*}} : (tensor<?x?x4x?x24xf32>, tensor<?x?x4x?xf32>) -> (tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>)
  %o, %l = attn.combine %outputs, %lses
      : (tensor<?x?x4x?x24xf32>, tensor<?x?x4x?xf32>)
     -> (tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>)
  return %o, %l : tensor<?x4x?x24xbf16>, tensor<?x4x?xf32>
}

// One result; sizes that only one of the operands knows.
// CHECK-LABEL: func.func @combine_output
func.func @combine_output(%outputs: tensor<2x?x1x8x24xf16>,
                          %lses: tensor<?x3x1x?xf32>) -> tensor<?x1x8x24xf16> {
  // CHECK: %output = attn.combine %{{.*}}, %{{.*}} {keep} : (tensor<2x?x1x8x24xf16>, tensor<?x3x1x?xf32>) -> tensor<?x1x8x24xf16>
  %o = attn.combine %outputs, %lses {keep}
      : (tensor<2x?x1x8x24xf16>, tensor<?x3x1x?xf32>) -> tensor<?x1x8x24xf16>
  return %o : tensor<?x1x8x24xf16>
}

// Masks with numbers in the text. A side of a window that is left out is not
// printed.
// CHECK-LABEL: func.func @masks
func.func @masks(%q: tensor<?x1x?x16xf32>) {
  // CHECK: mask(#attn.window<left = 4095, right = 0>) : (
  %0 = attn.attention %q, %q, %q mask(#attn.window<left = 4095, right = 0>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.window<left = 0>) : (
  %1 = attn.attention %q, %q, %q mask(#attn.window<left = 0>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.window<right = 7>) : (
  %2 = attn.attention %q, %q, %q mask(#attn.window<right = 7>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.prefix<0>) : (
  %3 = attn.attention %q, %q, %q mask(#attn.prefix<0>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.global<3>) : (
  %4 = attn.attention %q, %q, %q mask(#attn.global<3>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.dilated<2>) : (
  %5 = attn.attention %q, %q, %q mask(#attn.dilated<2>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.chunk<8192>) : (
  %6 = attn.attention %q, %q, %q mask(#attn.chunk<8192>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.any_of<[#attn.prefix<4>, #attn.all_of<[#attn.causal, #attn.not<#attn.dilated<3>>]>]>) : (
  %7 = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.prefix<4>, #attn.all_of<[#attn.causal, #attn.not<#attn.dilated<3>>]>]>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return
}

// Numbers that are operands, in the order of the `?`.
// CHECK-LABEL: func.func @run_time_masks
// CHECK-SAME: %[[A:[^:]*]]: index, %[[B:[^:]*]]: index
func.func @run_time_masks(%q: tensor<?x1x?x16xf32>, %a: index, %b: index) {
  // CHECK: mask(#attn.window<left = ?, right = ?>)[%[[A]], %[[B]]] : (
  %0 = attn.attention %q, %q, %q mask(#attn.window<left = ?, right = ?>)[%a, %b]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.window<left = 2, right = ?>)[%[[B]]] : (
  %1 = attn.attention %q, %q, %q mask(#attn.window<left = 2, right = ?>)[%b]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.window<left = ?>)[%[[A]]] : (
  %2 = attn.attention %q, %q, %q mask(#attn.window<left = ?>)[%a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.prefix<?>)[%[[A]]] : (
  %3 = attn.attention %q, %q, %q mask(#attn.prefix<?>)[%a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.global<?>)[%[[A]]] : (
  %4 = attn.attention %q, %q, %q mask(#attn.global<?>)[%a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.dilated<?>)[%[[A]]] : (
  %5 = attn.attention %q, %q, %q mask(#attn.dilated<?>)[%a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.chunk<?>)[%[[A]]] : (
  %6 = attn.attention %q, %q, %q mask(#attn.chunk<?>)[%a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: mask(#attn.any_of<[#attn.not<#attn.chunk<?>>, #attn.all_of<[#attn.causal, #attn.prefix<?>]>]>)[%[[B]], %[[A]]] : (
  %7 = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.not<#attn.chunk<?>>, #attn.all_of<[#attn.causal, #attn.prefix<?>]>]>)[%b, %a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return
}

// Scores: one, or several in a list.
// CHECK-LABEL: func.func @scores
// CHECK-SAME: %[[W:[^:]*]]: index, %[[A:[^:]*]]: f32, %[[B:[^:]*]]: f32
func.func @scores(%q: tensor<?x1x?x16xf32>, %w: index, %a: f32, %b: f32) {
  // CHECK: score(#attn.softcap<5.000000e+01>) : (
  %0 = attn.attention %q, %q, %q score(#attn.softcap<50.0>)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: score(#attn.alibi) : (
  %1 = attn.attention %q, %q, %q score(#attn.alibi)
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: score(#attn.softcap<?>)[%[[A]]] : (
  %2 = attn.attention %q, %q, %q score(#attn.softcap<?>)[%a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // CHECK: score([#attn.softcap<?>, #attn.alibi, #attn.softcap<2.500000e+00>, #attn.softcap<?>])[%[[B]], %[[A]]] : (
  %3 = attn.attention %q, %q, %q
      score([#attn.softcap<?>, #attn.alibi, #attn.softcap<2.5>, #attn.softcap<?>])[%b, %a]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  // Operands of the mask are not those of the score.
  // CHECK: mask(#attn.prefix<?>)[%[[W]]] score(#attn.softcap<?>)[%[[A]]] scale(5.000000e-01) : (
  %4 = attn.attention %q, %q, %q score(#attn.softcap<?>)[%a] scale(0.5) mask(#attn.prefix<?>)[%w]
      : (tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x1x?x16xf32>
  return
}
