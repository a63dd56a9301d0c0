// The mask attribute becomes a mask_mod region.

// RUN: attn-opt %s --attn-expand-variant | attn-opt | FileCheck %s

!tensor = tensor<?x4x?x16xf32>

// Bottom-right: the last query sees the last key, however many there are.
// CHECK-LABEL: func.func @causal
func.func @causal(%q: !tensor, %k: !tensor) -> !tensor {
  // CHECK-NOT: causal
  // CHECK: attn.attention {{.*}} scale(5.000000e-01) mask_mod (%b, %h, %i, %j) {
  // CHECK-DAG: %[[QUERIES:.*]] = attn.length query
  // CHECK-DAG: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]] : index
  // CHECK: %[[LAST:.*]] = arith.addi %i, %[[SHIFT]] : index
  // CHECK: %[[KEEP:.*]] = arith.cmpi sle, %j, %[[LAST]] : index
  // CHECK: attn.yield %[[KEEP]] : i1
  // CHECK: return
  %o = attn.attention %q, %k, %k mask(#attn.causal) scale(0.5)
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// Both the attribute and the region must keep a score.
// CHECK-LABEL: func.func @both
func.func @both(%q: !tensor, %sink: index) -> !tensor {
  // CHECK-NOT: causal
  // CHECK: score_mod (%s, %b, %h, %i, %j) {
  // CHECK-NEXT: attn.yield %s : f32
  // CHECK-NEXT: } mask_mod (%b, %h, %i, %j) {
  // CHECK-NEXT: %[[OWN:.*]] = arith.cmpi slt, %j, %{{.*}} : index
  // CHECK: %[[CAUSAL:.*]] = arith.cmpi sle, %j, %{{.*}} : index
  // CHECK-NEXT: %[[KEEP:.*]] = arith.andi %[[CAUSAL]], %[[OWN]] : i1
  // CHECK-NEXT: attn.yield %[[KEEP]] : i1
  // CHECK-NEXT: }
  %o = attn.attention %q, %q, %q mask(#attn.causal)
      score_mod (%s, %b, %h, %i, %j) { attn.yield %s : f32 }
      mask_mod (%b, %h, %i, %j) {
        %keep = arith.cmpi slt, %j, %sink : index
        attn.yield %keep : i1
      }
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// CHECK-LABEL: func.func @nothing
func.func @nothing(%q: !tensor) -> !tensor {
  // CHECK-NEXT: attn.attention
  // CHECK-NOT: mask_mod
  // CHECK-NEXT: return
  %o = attn.attention %q, %q, %q : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}
