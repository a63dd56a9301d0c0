// Combinations of masks are folded where the text alone says that they keep
// the same keys.

// RUN: attn-opt %s --canonicalize | FileCheck %s

!t = tensor<?x1x?x16xf32>

// A window without keys to the right and without an end to the left.
// CHECK-LABEL: func.func @window
func.func @window(%q: !t) -> (!t, !t, !t) {
  // CHECK: mask(#attn.causal) :
  %0 = attn.attention %q, %q, %q mask(#attn.window<right = 0>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.window<left = 0, right = 0>) :
  %1 = attn.attention %q, %q, %q mask(#attn.window<left = 0, right = 0>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.window<right = 1>) :
  %2 = attn.attention %q, %q, %q mask(#attn.window<right = 1>) : (!t, !t, !t) -> !t
  return %0, %1, %2 : !t, !t, !t
}

// Nested combinations of the same kind are one.
// CHECK-LABEL: func.func @nested
func.func @nested(%q: !t) -> (!t, !t, !t) {
  // CHECK: mask(#attn.any_of<[#attn.prefix<1>, #attn.chunk<2>, #attn.dilated<3>]>) :
  %0 = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.prefix<1>, #attn.any_of<[#attn.chunk<2>, #attn.any_of<[#attn.dilated<3>]>]>]>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.all_of<[#attn.chunk<2>, #attn.dilated<3>, #attn.prefix<1>]>) :
  %1 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.all_of<[#attn.chunk<2>, #attn.dilated<3>]>, #attn.prefix<1>]>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.all_of<[#attn.any_of<[#attn.chunk<2>, #attn.dilated<3>]>, #attn.prefix<1>]>) :
  %2 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.any_of<[#attn.chunk<2>, #attn.dilated<3>]>, #attn.prefix<1>]>) : (!t, !t, !t) -> !t
  return %0, %1, %2 : !t, !t, !t
}

// A mask that is given twice counts once, and a combination of one is that
// one.
// CHECK-LABEL: func.func @repeated
func.func @repeated(%q: !t) -> (!t, !t, !t) {
  // CHECK: mask(#attn.any_of<[#attn.chunk<2>, #attn.prefix<1>]>) :
  %0 = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.chunk<2>, #attn.prefix<1>, #attn.chunk<2>]>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.chunk<2>) :
  %1 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.chunk<2>, #attn.chunk<2>]>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.prefix<1>) :
  %2 = attn.attention %q, %q, %q mask(#attn.any_of<[#attn.prefix<1>]>) : (!t, !t, !t) -> !t
  return %0, %1, %2 : !t, !t, !t
}

// not of not, also where the inner one appears by folding.
// CHECK-LABEL: func.func @not
func.func @not(%q: !t) -> (!t, !t, !t) {
  // CHECK: mask(#attn.chunk<2>) :
  %0 = attn.attention %q, %q, %q
      mask(#attn.not<#attn.not<#attn.chunk<2>>>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.prefix<1>) :
  %1 = attn.attention %q, %q, %q
      mask(#attn.not<#attn.any_of<[#attn.not<#attn.prefix<1>>]>>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.not<#attn.causal>) :
  %2 = attn.attention %q, %q, %q
      mask(#attn.not<#attn.window<right = 0>>) : (!t, !t, !t) -> !t
  return %0, %1, %2 : !t, !t, !t
}

// Next to a causal mask in all_of, limits to the right of the query's own
// position say nothing.
// CHECK-LABEL: func.func @causal
func.func @causal(%q: !t) -> (!t, !t, !t, !t) {
  // CHECK: mask(#attn.all_of<[#attn.causal, #attn.window<left = 4095>]>) :
  %0 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.causal, #attn.window<left = 4095, right = 3>]>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.causal) :
  %1 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.window<right = 8>, #attn.causal]>) : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.all_of<[#attn.window<left = 5>, #attn.causal]>) :
  %2 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.window<left = 5, right = 0>, #attn.window<right = 0>]>) : (!t, !t, !t) -> !t
  // In any_of they do.
  // CHECK: mask(#attn.any_of<[#attn.causal, #attn.window<left = 4095, right = 3>]>) :
  %3 = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.causal, #attn.window<left = 4095, right = 3>]>) : (!t, !t, !t) -> !t
  return %0, %1, %2, %3 : !t, !t, !t, !t
}

// Two equal `?` may be different numbers, so that they are all kept, in the
// order of their operands.
// CHECK-LABEL: func.func @run_time
// CHECK-SAME: %[[A:[^:]*]]: index, %[[B:[^:]*]]: index, %[[C:[^:]*]]: index
func.func @run_time(%q: !t, %a: index, %b: index, %c: index) -> (!t, !t, !t, !t) {
  // CHECK: mask(#attn.any_of<[#attn.chunk<?>, #attn.prefix<1>, #attn.chunk<?>]>)[%[[B]], %[[A]]] :
  %0 = attn.attention %q, %q, %q
      mask(#attn.any_of<[#attn.chunk<?>, #attn.prefix<1>, #attn.chunk<?>, #attn.prefix<1>]>)[%b, %a] : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.all_of<[#attn.prefix<?>, #attn.chunk<?>, #attn.dilated<?>]>)[%[[C]], %[[A]], %[[B]]] :
  %1 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.prefix<?>, #attn.all_of<[#attn.chunk<?>, #attn.dilated<?>]>]>)[%c, %a, %b] : (!t, !t, !t) -> !t
  // A limit to the right that is not known may be negative.
  // CHECK: mask(#attn.all_of<[#attn.causal, #attn.window<right = ?>, #attn.window<left = ?>]>)[%[[A]], %[[B]]] :
  %2 = attn.attention %q, %q, %q
      mask(#attn.all_of<[#attn.causal, #attn.window<right = ?>, #attn.window<left = ?, right = 3>]>)[%a, %b] : (!t, !t, !t) -> !t
  // CHECK: mask(#attn.window<left = ?, right = ?>)[%[[A]], %[[B]]] :
  %3 = attn.attention %q, %q, %q
      mask(#attn.not<#attn.not<#attn.window<left = ?, right = ?>>>)[%a, %b] : (!t, !t, !t) -> !t
  return %0, %1, %2, %3 : !t, !t, !t, !t
}
