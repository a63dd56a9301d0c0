// Mask and score attributes become regions.

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

// With p for the query's own position: p - left <= j <= p + right.
// CHECK-LABEL: func.func @window(
// CHECK-SAME: %[[LEFT:[^:]*]]: index
// CHECK-SAME: %[[RIGHT:[^:]*]]: index
func.func @window(%q: !tensor, %left: index, %right: index) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK: %[[QUERIES:.*]] = attn.length query
  // CHECK: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK: %[[FIRST:.*]] = arith.subi %[[P]], %[[LEFT]]
  // CHECK: %[[AFTER:.*]] = arith.cmpi sle, %[[FIRST]], %j
  // CHECK: %[[LAST:.*]] = arith.addi %[[P]], %[[RIGHT]]
  // CHECK: %[[BEFORE:.*]] = arith.cmpi sle, %j, %[[LAST]]
  // CHECK: %[[KEEP:.*]] = arith.andi %[[AFTER]], %[[BEFORE]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.window<left = ?, right = ?>)[%left, %right]
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// A side that is left out is not compared with.
// CHECK-LABEL: func.func @left(
func.func @left(%q: !tensor) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK: %[[QUERIES:.*]] = attn.length query
  // CHECK: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK: %[[C5:.*]] = arith.constant 5
  // CHECK: %[[FIRST:.*]] = arith.subi %[[P]], %[[C5]]
  // CHECK: %[[KEEP:.*]] = arith.cmpi sle, %[[FIRST]], %j
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.window<left = 5>)
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// CHECK-LABEL: func.func @right(
func.func @right(%q: !tensor) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK: %[[QUERIES:.*]] = attn.length query
  // CHECK: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK: %[[C5:.*]] = arith.constant 5
  // CHECK: %[[LAST:.*]] = arith.addi %[[P]], %[[C5]]
  // CHECK: %[[KEEP:.*]] = arith.cmpi sle, %j, %[[LAST]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.window<right = 5>)
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// A prefix does not ask for the query.
// CHECK-LABEL: func.func @prefix(
// CHECK-SAME: %[[N:[^:]*]]: index
func.func @prefix(%q: !tensor, %n: index) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK-NEXT: %[[KEEP:.*]] = arith.cmpi slt, %j, %[[N]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.prefix<?>)[%n]
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// CHECK-LABEL: func.func @global(
// CHECK-SAME: %[[N:[^:]*]]: index
func.func @global(%q: !tensor, %n: index) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK-DAG: %[[SEEN:.*]] = arith.cmpi slt, %j, %[[N]]
  // CHECK-DAG: %[[QUERIES:.*]] = attn.length query
  // CHECK-DAG: %[[KEYS:.*]] = attn.length key
  // CHECK-DAG: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK-DAG: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK-DAG: %[[SEES:.*]] = arith.cmpi slt, %[[P]], %[[N]]
  // CHECK: %[[KEEP:.*]] = arith.ori %[[SEES]], %[[SEEN]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.global<?>)[%n]
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// A number that is given at run time is at least 1.
// CHECK-LABEL: func.func @dilated(
// CHECK-SAME: %[[N:[^:]*]]: index
func.func @dilated(%q: !tensor, %n: index) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK: %[[QUERIES:.*]] = attn.length query
  // CHECK: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK: %[[DISTANCE:.*]] = arith.subi %[[P]], %j
  // CHECK: %[[C1:.*]] = arith.constant 1
  // CHECK: %[[STEP:.*]] = arith.maxsi %[[N]], %[[C1]]
  // CHECK: %[[REST:.*]] = arith.remsi %[[DISTANCE]], %[[STEP]]
  // CHECK: %[[C0:.*]] = arith.constant 0
  // CHECK: %[[KEEP:.*]] = arith.cmpi eq, %[[REST]], %[[C0]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.dilated<?>)[%n]
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// Two comparisons, which bounds follow from, and not two quotients. A number in
// the text is at least 1 anyway.
// CHECK-LABEL: func.func @chunk(
func.func @chunk(%q: !tensor) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK: %[[SIZE:.*]] = arith.constant 100
  // CHECK: %[[QUERIES:.*]] = attn.length query
  // CHECK: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK: %[[NUMBER:.*]] = arith.floordivsi %[[P]], %[[SIZE]]
  // CHECK: %[[BEGIN:.*]] = arith.muli %[[NUMBER]], %[[SIZE]]
  // CHECK-DAG: %[[END:.*]] = arith.addi %[[BEGIN]], %[[SIZE]]
  // CHECK-DAG: %[[BEFORE:.*]] = arith.cmpi slt, %j, %[[END]]
  // CHECK-DAG: %[[AFTER:.*]] = arith.cmpi sle, %[[BEGIN]], %j
  // CHECK: %[[KEEP:.*]] = arith.andi %[[AFTER]], %[[BEFORE]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.chunk<100>)
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// Members are combined from left to right, each with its own operands.
// CHECK-LABEL: func.func @combined(
// CHECK-SAME: %[[A:[^:]*]]: index
// CHECK-SAME: %[[B:[^:]*]]: index
// CHECK-SAME: %[[C:[^:]*]]: index
func.func @combined(%q: !tensor, %a: index, %b: index, %c: index) -> !tensor {
  // CHECK: mask_mod (%b, %h, %i, %j) {
  // CHECK: %[[INA:.*]] = arith.cmpi slt, %j, %[[A]]
  // CHECK: %[[INB:.*]] = arith.cmpi slt, %j, %[[B]]
  // CHECK: %[[INC:.*]] = arith.cmpi slt, %j, %[[C]]
  // CHECK: %[[TRUE:.*]] = arith.constant true
  // CHECK: %[[NOTC:.*]] = arith.xori %[[INC]], %[[TRUE]]
  // CHECK: %[[ALL:.*]] = arith.andi %[[INB]], %[[NOTC]]
  // CHECK: %[[TWO:.*]] = arith.ori %[[INA]], %[[ALL]]
  // CHECK: %[[C7:.*]] = arith.constant 7
  // CHECK: %[[IN7:.*]] = arith.cmpi slt, %j, %[[C7]]
  // CHECK: %[[KEEP:.*]] = arith.ori %[[TWO]], %[[IN7]]
  // CHECK: attn.yield %[[KEEP]]
  %o = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.prefix<?>, #attn.all_of<[#attn.prefix<?>, #attn.not<#attn.prefix<?>>]>, #attn.prefix<7>]>)[%a, %b, %c]
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// cap * tanh(score / cap); several functions are applied in their order, and
// before the score_mod that is already there.
// CHECK-LABEL: func.func @softcap(
// CHECK-SAME: %[[CAP:[^:]*]]: f32
func.func @softcap(%q: !tensor, %cap: f32) -> !tensor {
  // CHECK: score_mod (%s, %b, %h, %i, %j) {
  // CHECK-NEXT: %[[ONE:.*]] = arith.constant 1.000000e+00
  // CHECK-NEXT: %[[RECIPROCAL:.*]] = arith.divf %[[ONE]], %[[CAP]]
  // CHECK-NEXT: %[[RATIO:.*]] = arith.mulf %s, %[[RECIPROCAL]]
  // CHECK-NEXT: %[[TANH:.*]] = math.tanh %[[RATIO]]
  // CHECK-NEXT: %[[FIRST:.*]] = arith.mulf %[[TANH]], %[[CAP]]
  // CHECK-NEXT: %[[CAP2:.*]] = arith.constant 5.000000e+01
  // CHECK-NEXT: %[[RECIPROCAL2:.*]] = arith.constant 2.000000e-02
  // CHECK-NEXT: %[[RATIO2:.*]] = arith.mulf %[[FIRST]], %[[RECIPROCAL2]]
  // CHECK-NEXT: %[[TANH2:.*]] = math.tanh %[[RATIO2]]
  // CHECK-NEXT: %[[SECOND:.*]] = arith.mulf %[[TANH2]], %[[CAP2]]
  // CHECK-NEXT: %[[R:.*]] = arith.negf %[[SECOND]]
  // CHECK-NEXT: attn.yield %[[R]]
  // CHECK-NEXT: }
  %o = attn.attention %q, %q, %q
      score([#attn.softcap<?>, #attn.softcap<50.0>])[%cap]
      score_mod (%s, %b, %h, %i, %j) {
        %r = arith.negf %s : f32
        attn.yield %r : f32
      }
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// With 4 heads, a power of two, the slope of head h is 2^(-2 h - 2).
// CHECK-LABEL: func.func @alibi(
func.func @alibi(%q: !tensor) -> !tensor {
  // CHECK: score_mod (%s, %b, %h, %i, %j) {
  // CHECK: %[[QUERIES:.*]] = attn.length query
  // CHECK: %[[KEYS:.*]] = attn.length key
  // CHECK: %[[SHIFT:.*]] = arith.subi %[[KEYS]], %[[QUERIES]]
  // CHECK: %[[P:.*]] = arith.addi %i, %[[SHIFT]]
  // CHECK: %[[DIFFERENCE:.*]] = arith.subi %[[P]], %j
  // CHECK: %[[I32:.*]] = arith.index_cast %[[DIFFERENCE]]
  // CHECK: %[[F32:.*]] = arith.sitofp %[[I32]]
  // CHECK: %[[DISTANCE:.*]] = math.absf %[[F32]]
  // CHECK: %[[H32:.*]] = arith.index_cast %h
  // CHECK: %[[H:.*]] = arith.sitofp %[[H32]]
  // CHECK: %[[STEP:.*]] = arith.constant -2.000000e+00
  // CHECK: %[[STEPS:.*]] = arith.mulf %[[H]], %[[STEP]]
  // CHECK: %[[FIRST:.*]] = arith.constant -2.000000e+00
  // CHECK: %[[EXPONENT:.*]] = arith.addf %[[STEPS]], %[[FIRST]]
  // CHECK-NEXT: %[[SLOPE:.*]] = math.exp2 %[[EXPONENT]]
  // CHECK: %[[BIAS:.*]] = arith.mulf %[[SLOPE]], %[[DISTANCE]]
  // CHECK: %[[R:.*]] = arith.subf %s, %[[BIAS]]
  // CHECK: attn.yield %[[R]]
  %o = attn.attention %q, %q, %q score(#attn.alibi)
      : (!tensor, !tensor, !tensor) -> !tensor
  return %o : !tensor
}

// With 6 heads: those of 4 heads, then 2^-1 and 2^-3, which are every second
// one of 8 heads.
// CHECK-LABEL: func.func @alibi6(
func.func @alibi6(%q: tensor<?x6x?x16xf32>) -> tensor<?x6x?x16xf32> {
  // CHECK: %[[FIRST:.*]] = arith.addf %{{.*}}, %{{.*}}
  // CHECK: %[[STEPS:.*]] = arith.mulf %{{.*}}, %{{.*}}
  // CHECK: %[[SHIFT:.*]] = arith.constant 7.000000e+00
  // CHECK: %[[BEYOND:.*]] = arith.addf %[[STEPS]], %[[SHIFT]]
  // CHECK: %[[C4:.*]] = arith.constant 4 : index
  // CHECK: %[[IS:.*]] = arith.cmpi slt, %h, %[[C4]]
  // CHECK: %[[EXPONENT:.*]] = arith.select %[[IS]], %[[FIRST]], %[[BEYOND]]
  // CHECK: math.exp2 %[[EXPONENT]]
  %o = attn.attention %q, %q, %q score(#attn.alibi)
      : (tensor<?x6x?x16xf32>, tensor<?x6x?x16xf32>, tensor<?x6x?x16xf32>)
     -> tensor<?x6x?x16xf32>
  return %o : tensor<?x6x?x16xf32>
}
