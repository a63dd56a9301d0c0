// Each rule of the operand clauses of attn.attention. The type of sinks is not
// written in their clause, so that only other syntax can break it.

// RUN: attn-opt %s --split-input-file --verify-diagnostics

// Number of sinks.
func.func @f(%q: tensor<?x4x?x16xf32>, %sinks: tensor<2xf32>) {
  // expected-error@+1 {{sinks must have type 'tensor<4xf32>' (a logit for each query head), but have 'tensor<2xf32>'}}
  "attn.attention"(%q, %q, %q, %sinks)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<2xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Element type of sinks.
func.func @f(%q: tensor<?x4x?x16xbf16>, %sinks: tensor<4xbf16>) {
  // expected-error@+1 {{sinks must have type 'tensor<4xf32>' (a logit for each query head), but have 'tensor<4xbf16>'}}
  "attn.attention"(%q, %q, %q, %sinks)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}> ({}, {})
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
