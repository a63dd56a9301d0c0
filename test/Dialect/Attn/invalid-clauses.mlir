// Each rule of the operand clauses of attn.attention. The type of sinks is not
// written in their clause, so that only other syntax can break it.

// RUN: attn-opt %s --split-input-file --verify-diagnostics

// Number of sinks.
func.func @f(%q: tensor<?x4x?x16xf32>, %sinks: tensor<2xf32>) {
  // expected-error@+1 {{sinks must have type 'tensor<4xf32>' (a logit for each query head), but have 'tensor<2xf32>'}}
  "attn.attention"(%q, %q, %q, %sinks)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}> ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<2xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Element type of sinks.
func.func @f(%q: tensor<?x4x?x16xbf16>, %sinks: tensor<4xbf16>) {
  // expected-error@+1 {{sinks must have type 'tensor<4xf32>' (a logit for each query head), but have 'tensor<4xbf16>'}}
  "attn.attention"(%q, %q, %q, %sinks)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}> ({}, {})
      : (tensor<?x4x?x16xbf16>, tensor<?x4x?x16xbf16>, tensor<?x4x?x16xbf16>,
         tensor<4xbf16>) -> tensor<?x4x?x16xbf16>
  return
}

// -----

// The same in the usual syntax.
// expected-note@+1 {{prior use here}}
func.func @f(%q: tensor<?x4x?x16xf32>, %sinks: tensor<8xf32>) {
  // expected-error@+1 {{use of value '%sinks' expects different type than prior uses: 'tensor<4xf32>' vs 'tensor<8xf32>'}}
  attn.attention %q, %q, %q sinks(%sinks)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dropout without an offset.
func.func @f(%q: tensor<?x4x?x16xf32>, %p: f32, %seed: i64) {
  // expected-error@+1 {{dropout takes a probability, a seed and an offset, but 2 of the three were given}}
  "attn.attention"(%q, %q, %q, %p, %seed)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}> ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, f32,
         i64) -> tensor<?x4x?x16xf32>
  return
}

// -----

// The same in the usual syntax.
func.func @f(%q: tensor<?x4x?x16xf32>, %p: f32, %seed: i64) {
  // expected-error@+1 {{expected ','}}
  attn.attention %q, %q, %q dropout(%p, %seed)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Type of the probability.
func.func @f(%q: tensor<?x4x?x16xf32>, %p: f64, %seed: i64) {
  // expected-error@+1 {{operand #3 must be 32-bit float, but got 'f64'}}
  "attn.attention"(%q, %q, %q, %p, %seed, %seed)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}> ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, f64,
         i64, i64) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Type of the seed.
func.func @f(%q: tensor<?x4x?x16xf32>, %p: f32, %seed: i32, %offset: i64) {
  // expected-error@+1 {{operand #4 must be 64-bit signless integer, but got 'i32'}}
  "attn.attention"(%q, %q, %q, %p, %seed, %offset)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}> ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, f32,
         i32, i64) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Type of the offset.
func.func @f(%q: tensor<?x4x?x16xf32>, %p: f32, %seed: i64, %offset: index) {
  // expected-error@+1 {{operand #5 must be 64-bit signless integer, but got 'index'}}
  "attn.attention"(%q, %q, %q, %p, %seed, %offset)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}> ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, f32,
         i64, index) -> tensor<?x4x?x16xf32>
  return
}
