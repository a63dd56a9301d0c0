// Each rule of the verifiers and parsers of the attn dialect.

// RUN: attn-opt %s --split-input-file --verify-diagnostics

// Rank.
func.func @f(%q: tensor<4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{query must have the 4 dimensions [batch, heads, sequence, head_dim], but is 'tensor<4x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Rank of another operand.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16x1xf32>) {
  // expected-error@+1 {{value must have the 4 dimensions [batch, heads, sequence, head_dim], but is 'tensor<?x4x?x16x1xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16x1xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dynamic heads.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x?x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the number of heads and the head dimension of key must be static, but it is 'tensor<?x?x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dynamic head dimension.
func.func @f(%q: tensor<?x4x?x?xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the number of heads and the head dimension of query must be static, but it is 'tensor<?x4x?x?xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x?xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// More heads than 2^16.
func.func @f(%q: tensor<?x65537x?x16xf32>, %k: tensor<?x1x?x16xf32>) {
  // expected-error@+1 {{query has more than 65536 heads, or a head dimension of more than 65536: 'tensor<?x65537x?x16xf32>'}}
  attn.attention %q, %k, %k
      : (tensor<?x65537x?x16xf32>, tensor<?x1x?x16xf32>, tensor<?x1x?x16xf32>)
     -> tensor<?x65537x?x16xf32>
  return
}

// -----

// A head dimension of more than 2^16.
func.func @f(%q: tensor<?x4x?x16xf32>, %v: tensor<?x4x?x65537xf32>) {
  // expected-error@+1 {{value has more than 65536 heads, or a head dimension of more than 65536: 'tensor<?x4x?x65537xf32>'}}
  attn.attention %q, %q, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x65537xf32>)
     -> tensor<?x4x?x65537xf32>
  return
}

// -----

// An encoding.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32, "rows">) {
  // expected-error@+1 {{key must not have an encoding, but is 'tensor<?x4x?x16xf32, "rows">'}}
  attn.attention %q, %k, %q
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32, "rows">, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// No heads: the group size would be 4 / 0.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x0x?x16xf32>,
             %v: tensor<?x0x?x16xf32>) {
  // expected-error@+1 {{key must have at least one head and a head dimension of at least 1, but is 'tensor<?x0x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x0x?x16xf32>, tensor<?x0x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// No columns.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x0xf32>) {
  // expected-error@+1 {{value must have at least one head and a head dimension of at least 1, but is 'tensor<?x4x?x0xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x0xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Element type.
func.func @f(%q: tensor<?x4x?x16xf64>, %k: tensor<?x4x?x16xf64>,
             %v: tensor<?x4x?x16xf64>) {
  // expected-error@+1 {{query has element type 'f64'; allowed are f32, f16 and bf16}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf64>, tensor<?x4x?x16xf64>, tensor<?x4x?x16xf64>)
     -> tensor<?x4x?x16xf64>
  return
}

// -----

// Mixed element types.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16xf16>) {
  // expected-error@+1 {{query, key and value must have the same element type, but have 'f32', 'f32' and 'f16'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf16>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Batch of query and key.
func.func @f(%q: tensor<2x4x?x16xf32>, %k: tensor<3x4x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{query, key and value must have the same batch size, but are 'tensor<2x4x?x16xf32>', 'tensor<3x4x?x16xf32>' and 'tensor<?x4x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<2x4x?x16xf32>, tensor<3x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<2x4x?x16xf32>
  return
}

// -----

// Batch of query and value.
func.func @f(%q: tensor<2x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<3x4x?x16xf32>) {
  // expected-error@+1 {{must have the same batch size, but are 'tensor<2x4x?x16xf32>', 'tensor<?x4x?x16xf32>' and 'tensor<3x4x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<2x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<3x4x?x16xf32>)
     -> tensor<2x4x?x16xf32>
  return
}

// -----

// Batch of key and value.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<2x4x?x16xf32>,
             %v: tensor<3x4x?x16xf32>) {
  // expected-error@+1 {{must have the same batch size, but are 'tensor<?x4x?x16xf32>', 'tensor<2x4x?x16xf32>' and 'tensor<3x4x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<2x4x?x16xf32>, tensor<3x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// KV heads.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{key has 2 heads and value has 4; they must have the same number}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Groups.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x3x?x16xf32>,
             %v: tensor<?x3x?x16xf32>) {
  // expected-error@+1 {{query has 4 heads, which is not a multiple of the 3 heads of key and value}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x3x?x16xf32>, tensor<?x3x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// More KV heads than query heads.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x8x?x16xf32>,
             %v: tensor<?x8x?x16xf32>) {
  // expected-error@+1 {{query has 4 heads, which is not a multiple of the 8 heads of key and value}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x8x?x16xf32>, tensor<?x8x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Head dimension.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x8xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{query has head dimension 16 and key has 8; they must be equal}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x8xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Keys.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x5x16xf32>,
             %v: tensor<?x4x6x16xf32>) {
  // expected-error@+1 {{key has 5 rows and value has 6; they must have the same sequence length}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x5x16xf32>, tensor<?x4x6x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Columns of the output.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x8xf32>) {
  // expected-error@+1 {{the output must have type 'tensor<?x4x?x8xf32>' (the query's shape with the head dimension of value), but is 'tensor<?x4x?x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x8xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Rows of the output: those of the query, not of the key.
func.func @f(%q: tensor<?x4x5x16xf32>, %k: tensor<?x4x7x16xf32>,
             %v: tensor<?x4x7x16xf32>) {
  // expected-error@+1 {{the output must have type 'tensor<?x4x5x16xf32>' (the query's shape with the head dimension of value), but is 'tensor<?x4x7x16xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x5x16xf32>, tensor<?x4x7x16xf32>, tensor<?x4x7x16xf32>)
     -> tensor<?x4x7x16xf32>
  return
}

// -----

// Element type of the output.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the output must have type 'tensor<?x4x?x16xf32>' (the query's shape with the head dimension of value), but is 'tensor<?x4x?x16xf16>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf16>
  return
}

// -----

// Log-sum-exp: heads of the query.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
             %v: tensor<?x2x?x16xf32>) {
  // expected-error@+1 {{the log-sum-exp must have type 'tensor<?x4x?xf32>', but is 'tensor<?x2x?xf32>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
     -> (tensor<?x4x?x16xf32>, tensor<?x2x?xf32>)
  return
}

// -----

// Log-sum-exp: f32.
func.func @f(%q: tensor<?x4x?x16xf16>, %k: tensor<?x4x?x16xf16>,
             %v: tensor<?x4x?x16xf16>) {
  // expected-error@+1 {{the log-sum-exp must have type 'tensor<?x4x?xf32>', but is 'tensor<?x4x?xf16>'}}
  attn.attention %q, %k, %v
      : (tensor<?x4x?x16xf16>, tensor<?x4x?x16xf16>, tensor<?x4x?x16xf16>)
     -> (tensor<?x4x?x16xf16>, tensor<?x4x?xf16>)
  return
}

// -----

// Infinite scale.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{scale must be finite}}
  attn.attention %q, %k, %v scale(0x7FF0000000000000)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Scale that is NaN.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>,
             %v: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{scale must be finite}}
  attn.attention %q, %k, %v scale(0x7FF8000000000000)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Not a tensor.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: f32) {
  // expected-error@+1 {{operand #0 must be ranked tensor of any type values, but got 'f32'}}
  attn.attention %x, %q, %q
      : (f32, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// An attribute that is no mask.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{mask takes a mask, such as #attn.causal, got "causal"}}
  attn.attention %q, %q, %q mask("causal")
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A mask that does not exist.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{unknown attribute `diagonal` in dialect `attn`}}
  attn.attention %q, %q, %q mask(#attn.diagonal)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A clause twice.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{`scale` clause can appear at most once}}
  attn.attention %q, %q, %q scale(0.5) scale(0.25)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Arguments of score_mod.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: f32) {
  // expected-error@+1 {{score_mod takes 5 arguments (score, batch, head, query, key), got 4}}
  attn.attention %q, %q, %q score_mod (%b, %h, %i, %j) { attn.yield %x : f32 }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Arguments of mask_mod.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  // expected-error@+1 {{mask_mod takes 4 arguments (batch, head, query, key), got 5}}
  attn.attention %q, %q, %q mask_mod (%s, %b, %h, %i, %j) { attn.yield %x : i1 }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// The order of the regions.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  attn.attention %q, %q, %q
      // expected-error@+1 {{expected ':'}}
      mask_mod (%b, %h, %i, %j) { attn.yield %x : i1 }
      score_mod (%s, %b, %h, %i, %j) { attn.yield %s : f32 }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Types of the arguments, which the syntax implies.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  // expected-error@+1 {{mask_mod must have the arguments ('index', 'index', 'index', 'index'), but has ('index', 'index', 'index', 'i32')}}
  "attn.attention"(%q, %q, %q) ({}, {
  ^bb0(%b: index, %h: index, %i: index, %j: i32):
    attn.yield %x : i1
  }) {operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Two blocks.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  // expected-error@+1 {{mask_mod must be a single block}}
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    cf.br ^next
  ^next:
    attn.yield %x : i1
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// An empty block.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{empty block: expect at least a terminator}}
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {}
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Another terminator.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{score_mod must end with attn.yield}}
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {
    llvm.unreachable
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// What score_mod yields.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {
    // expected-error@+1 {{score_mod must yield 'f32', but yields 'index'}}
    attn.yield %i : index
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// What mask_mod yields.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i8) {
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    // expected-error@+1 {{mask_mod must yield 'i1', but yields 'i8'}}
    attn.yield %x : i8
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A side effect.
func.func @f(%q: tensor<?x4x?x16xf32>, %m: memref<?xf32>) {
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {
    // expected-error@+1 {{'memref.store' op is not allowed in score_mod, which may hold elementwise operations of arith and math, tensor.extract, tensor.dim and attn.length}}
    memref.store %s, %m[%i] : memref<?xf32>
    attn.yield %s : f32
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Memory that is read: someone else may write to it.
func.func @f(%q: tensor<?x4x?x16xf32>, %m: memref<?xi1>) {
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    // expected-error@+1 {{'memref.load' op is not allowed in mask_mod, which may hold elementwise operations of arith and math, tensor.extract, tensor.dim and attn.length}}
    %keep = memref.load %m[%i] : memref<?xi1>
    attn.yield %keep : i1
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A call, of which the effects are not known.
func.func private @g(f32) -> f32

func.func @f(%q: tensor<?x4x?x16xf32>) {
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {
    // expected-error@+1 {{'func.call' op is not allowed in score_mod, which may hold elementwise operations of arith and math, tensor.extract, tensor.dim and attn.length}}
    %r = func.call @g(%s) : (f32) -> f32
    attn.yield %r : f32
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A region.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {
    // expected-error@+1 {{'scf.if' op is not allowed in score_mod, which may hold elementwise operations of arith and math, tensor.extract, tensor.dim and attn.length}}
    %r = scf.if %x -> f32 {
      scf.yield %s : f32
    } else {
      scf.yield %s : f32
    }
    attn.yield %r : f32
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Values that are no scalars.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  attn.attention %q, %q, %q score_mod (%s, %b, %h, %i, %j) {
    // expected-error@+1 {{'arith.constant' op is not allowed in score_mod, which computes on scalars, but the operation gives 'vector<4xf32>'}}
    %r = arith.constant dense<0.0> : vector<4xf32>
    attn.yield %s : f32
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Scalars of another dialect.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    // expected-error@+1 {{'index.cmp' op is not allowed in mask_mod, which may hold elementwise operations of arith and math, tensor.extract, tensor.dim and attn.length}}
    %keep = index.cmp sle(%j, %i)
    attn.yield %keep : i1
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Another operation of tensor.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    // expected-error@+1 {{'tensor.rank' op is not allowed in mask_mod, which may hold elementwise operations of arith and math, tensor.extract, tensor.dim and attn.length}}
    %rank = tensor.rank %q : tensor<?x4x?x16xf32>
    attn.yield %x : i1
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// attn.length elsewhere.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{'attn.length' op expects parent op 'attn.attention'}}
  %n = attn.length key : index
  return
}

// -----

// A length that does not exist.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    // expected-error@+2 {{expected one of [query, key] for which length, got: value}}
    // expected-error@+1 {{invalid value for property which, expected which length}}
    %n = attn.length value : index
    attn.yield %x : i1
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A length is an index.
func.func @f(%q: tensor<?x4x?x16xf32>, %x: i1) {
  attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
    // expected-error@+1 {{invalid kind of type specified: expected builtin.index, but found 'i32'}}
    %n = attn.length key : i32
    attn.yield %x : i1
  }
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// attn.yield elsewhere.
func.func @f(%x: f32) {
  // expected-error@+1 {{'attn.yield' op expects parent op 'attn.attention'}}
  attn.yield %x : f32
}

// -----

// Numbers of masks.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the left side of a window is -1; allowed are 0 to 536870911 and ?}}
  attn.attention %q, %q, %q mask(#attn.window<left = -1>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// The largest number is 2^29 - 1.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the right side of a window is 536870912; allowed are 0 to 536870911 and ?}}
  attn.attention %q, %q, %q mask(#attn.window<left = 3, right = 536870912>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A side that does not exist.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{a window has the sides left and right, got up}}
  attn.attention %q, %q, %q mask(#attn.window<up = 3>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// The order of sides.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{left comes first, and each side once at most}}
  attn.attention %q, %q, %q mask(#attn.window<right = 3, left = 3>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A negative prefix.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the length of a prefix is -2; allowed are 0 to 536870911 and ?}}
  attn.attention %q, %q, %q mask(#attn.prefix<-2>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A negative number of global positions.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the number of global positions is -2; allowed are 0 to 536870911 and ?}}
  attn.attention %q, %q, %q mask(#attn.global<-2>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dilation by 0.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the dilation is 0; allowed are 1 to 536870911 and ?}}
  attn.attention %q, %q, %q mask(#attn.dilated<0>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Chunks of no keys.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the size of a chunk is 0; allowed are 1 to 536870911 and ?}}
  attn.attention %q, %q, %q mask(#attn.chunk<0>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// Members that are no masks.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{all_of takes masks, such as #attn.causal, got 1 : i32}}
  attn.attention %q, %q, %q mask(#attn.all_of<[1 : i32]>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A score among masks.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{any_of takes masks, such as #attn.causal, got #attn.alibi}}
  attn.attention %q, %q, %q mask(#attn.any_of<[#attn.alibi]>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// What is negated is no mask.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{not takes masks, such as #attn.causal, got "causal"}}
  attn.attention %q, %q, %q mask(#attn.not<"causal">)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A missing run-time value.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the mask has 1 numbers that are given at run time (?), but 0 values}}
  attn.attention %q, %q, %q mask(#attn.window<left = ?>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A run-time value too many.
func.func @f(%q: tensor<?x4x?x16xf32>, %n: index) {
  // expected-error@+1 {{the mask has 0 numbers that are given at run time (?), but 1 values}}
  attn.attention %q, %q, %q mask(#attn.causal)[%n]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A missing run-time value of a score.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the score functions have 1 numbers that are given at run time (?), but 0 values}}
  attn.attention %q, %q, %q score(#attn.softcap<?>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A cap of 0.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the cap is 0.000000e+00; allowed are 1e-30 to 1e30 and ?}}
  attn.attention %q, %q, %q score(#attn.softcap<0.0>)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A mask among scores.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{score takes score functions, such as #attn.softcap<50.0>, got #attn.causal}}
  attn.attention %q, %q, %q score([#attn.alibi, #attn.causal])
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// A run-time value of another type.
func.func @f(%q: tensor<?x4x?x16xf32>, %n: i32) {
  // expected-error@+2 {{expects different type than prior uses: 'index' vs 'i32'}}
  // expected-note@-2 {{prior use here}}
  attn.attention %q, %q, %q mask(#attn.prefix<?>)[%n]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

// The type.
func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+2 {{the type must be (query, key, value) -> output or (query, key, value) -> (output, log-sum-exp), got '(tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>'}}
  attn.attention %q, %q, %q
      : (tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// attn.combine: rank of the outputs.
func.func @f(%outputs: tensor<?x4x?x16xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{outputs must have the 5 dimensions [parts, batch, heads, queries, value_dim], but is 'tensor<?x4x?x16xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x4x?x16xf32>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Rank of the log-sum-exps.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x4x?xf32>) {
  // expected-error@+1 {{lses must have the 4 dimensions [parts, batch, heads, queries], but is 'tensor<?x4x?xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x4x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// An encoding.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x4x?xf32, "rows">) {
  // expected-error@+1 {{lses must not have an encoding, but is 'tensor<?x?x4x?xf32, "rows">'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x4x?xf32, "rows">) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dynamic heads.
func.func @f(%outputs: tensor<?x?x?x?x16xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{the number of heads and value_dim of outputs must be static, but it is 'tensor<?x?x?x?x16xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x?x?x16xf32>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dynamic value_dim.
func.func @f(%outputs: tensor<?x?x4x?x?xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{the number of heads and value_dim of outputs must be static, but it is 'tensor<?x?x4x?x?xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x?xf32>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// No heads.
func.func @f(%outputs: tensor<?x?x0x?x16xf32>, %lses: tensor<?x?x0x?xf32>) {
  // expected-error@+1 {{the number of heads and value_dim of outputs must be between 1 and 65536, but it is 'tensor<?x?x0x?x16xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x0x?x16xf32>, tensor<?x?x0x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// A value_dim of more than 2^16.
func.func @f(%outputs: tensor<?x?x4x?x65537xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{the number of heads and value_dim of outputs must be between 1 and 65536, but it is 'tensor<?x?x4x?x65537xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x65537xf32>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Element type of the outputs.
func.func @f(%outputs: tensor<?x?x4x?x16xf64>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{outputs has element type 'f64'; allowed are f32, f16 and bf16}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf64>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Element type of the log-sum-exps.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x4x?xbf16>) {
  // expected-error@+1 {{lses has element type 'bf16'; allowed is f32}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x4x?xbf16>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Heads.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x2x?xf32>) {
  // expected-error@+1 {{outputs and lses must have the same parts, batch, heads and queries, but are 'tensor<?x?x4x?x16xf32>' and 'tensor<?x?x2x?xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x2x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Dynamic heads of one.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x?x?xf32>) {
  // expected-error@+1 {{outputs and lses must have the same parts, batch, heads and queries, but are 'tensor<?x?x4x?x16xf32>' and 'tensor<?x?x?x?xf32>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x?x?xf32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Parts.
func.func @f(%outputs: tensor<2x3x4x5x16xf32>, %lses: tensor<3x3x4x5xf32>) {
  // expected-error@+1 {{outputs and lses must have the same parts, batch, heads and queries, but are 'tensor<2x3x4x5x16xf32>' and 'tensor<3x3x4x5xf32>'}}
  attn.combine %outputs, %lses : (tensor<2x3x4x5x16xf32>, tensor<3x3x4x5xf32>) -> tensor<3x4x5x16xf32>
  return
}

// -----

// Batch.
func.func @f(%outputs: tensor<2x3x4x5x16xf32>, %lses: tensor<2x2x4x5xf32>) {
  // expected-error@+1 {{outputs and lses must have the same parts, batch, heads and queries, but are 'tensor<2x3x4x5x16xf32>' and 'tensor<2x2x4x5xf32>'}}
  attn.combine %outputs, %lses : (tensor<2x3x4x5x16xf32>, tensor<2x2x4x5xf32>) -> tensor<3x4x5x16xf32>
  return
}

// -----

// Queries.
func.func @f(%outputs: tensor<2x3x4x5x16xf32>, %lses: tensor<2x3x4x6xf32>) {
  // expected-error@+1 {{outputs and lses must have the same parts, batch, heads and queries, but are 'tensor<2x3x4x5x16xf32>' and 'tensor<2x3x4x6xf32>'}}
  attn.combine %outputs, %lses : (tensor<2x3x4x5x16xf32>, tensor<2x3x4x6xf32>) -> tensor<3x4x5x16xf32>
  return
}

// -----

// Element type of the output.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{the output has element type 'i8'; allowed are f32, f16 and bf16}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x16xi8>
  return
}

// -----

// Shape of the output.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{the output must have type 'tensor<?x4x?x16xbf16>' (the shape of outputs without the parts), but is 'tensor<?x4x?x8xbf16>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x4x?xf32>) -> tensor<?x4x?x8xbf16>
  return
}

// -----

// Type of the log-sum-exp.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{the log-sum-exp must have type 'tensor<?x4x?xf32>', but is 'tensor<?x4x?xbf16>'}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x4x?xf32>) -> (tensor<?x4x?x16xf32>, tensor<?x4x?xbf16>)
  return
}

// -----

// Number of results.
func.func @f(%outputs: tensor<?x?x4x?x16xf32>, %lses: tensor<?x?x4x?xf32>) {
  // expected-error@+1 {{'attn.combine' op result group starting at #1 requires 0 or 1 element, but found 2}}
  attn.combine %outputs, %lses : (tensor<?x?x4x?x16xf32>, tensor<?x?x4x?xf32>) -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>, tensor<?x4x?x16xf32>)
  return
}
