// Each rule of the clause block_mask of attn.attention.

// RUN: attn-opt %s --split-input-file --verify-diagnostics

// Its parts belong together.
func.func @f(%q: tensor<?x4x?x16xf32>, %offsets: tensor<1x1x?xi32>) {
  // expected-error@+1 {{block_mask takes offsets, columns and a block size, and may take flags of full blocks; given were offsets, no columns, no block size and no flags}}
  "attn.attention"(%q, %q, %q, %offsets)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}>
      ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>, %full: tensor<?xi8>) {
  // expected-error@+1 {{given were no offsets, no columns, no block size and flags}}
  "attn.attention"(%q, %q, %q, %full)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1>, resultSegmentSizes = array<i32: 1, 0, 0>}>
      ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<?xi8>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{given were no offsets, no columns, a block size and no flags}}
  "attn.attention"(%q, %q, %q)
      <{block_size = array<i64: 64, 64>,
        operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0>, resultSegmentSizes = array<i32: 1, 0, 0>}>
      ({}, {})
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
      -> tensor<?x4x?x16xf32>
  return
}

// -----

// The same in the usual syntax.
func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+2 {{expected 'block_size'}}
  attn.attention %q, %q, %q block_mask(%o, %c)
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// The types of its operands are in the type.
func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>) {
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 64]
      // expected-error@+1 {{the type must be (query, key, value, offsets, columns) -> output or (query, key, value, offsets, columns) -> (output, log-sum-exp), and may have a status as the last result, got}}
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
     -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>, %f: tensor<?xi8>) {
  attn.attention %q, %q, %q block_mask(%o, %c, %f) block_size [64, 64]
      // expected-error@+1 {{the type must be (query, key, value, offsets, columns, full) -> output}}
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Number of sizes.
func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+1 {{block_size must have two numbers, the queries and the keys of a block, but has 1}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Sizes.
func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+1 {{the queries of a block must be a multiple of 16 between 16 and 4096, but are 40}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [40, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+1 {{the keys of a block must be a multiple of 16 between 16 and 4096, but are 0}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 0]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+1 {{the keys of a block must be a multiple of 16 between 16 and 4096, but are 8192}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 8192]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Types of the tensors.
func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<?xi32>, %c: tensor<?xi32>) {
  // expected-error@+1 {{the offsets of block_mask must be [1 or batch, 1 or query heads, block rows + 1] of 'i32', without an encoding, but are 'tensor<?xi32>'}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi64>) {
  // expected-error@+1 {{the columns of block_mask must be [listed blocks] of 'i32', without an encoding, but are 'tensor<?xi64>'}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi64>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<?xi32>, %f: tensor<?xi1>) {
  // expected-error@+1 {{the flags of block_mask must be [listed blocks] of 'i8', without an encoding, but are 'tensor<?xi1>'}}
  attn.attention %q, %q, %q block_mask(%o, %c, %f) block_size [64, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<?xi32>, tensor<?xi1>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Batch and heads of the offsets.
func.func @f(%q: tensor<3x4x?x16xf32>, %o: tensor<2x1x?xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+1 {{dimension 0 of the offsets must be 1 or the batch size, but the offsets are 'tensor<2x1x?xi32>' and the query is 'tensor<3x4x?x16xf32>'}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 64]
      : (tensor<3x4x?x16xf32>, tensor<3x4x?x16xf32>, tensor<3x4x?x16xf32>,
         tensor<2x1x?xi32>, tensor<?xi32>) -> tensor<3x4x?x16xf32>
  return
}

// -----

// A mask for each KV head is none for each query head.
func.func @f(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
             %o: tensor<?x2x?xi32>, %c: tensor<?xi32>) {
  // expected-error@+1 {{dimension 1 of the offsets must be 1 or the number of query heads, but the offsets are 'tensor<?x2x?xi32>' and the query is 'tensor<?x4x?x16xf32>'}}
  attn.attention %q, %k, %k block_mask(%o, %c) block_size [64, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>,
         tensor<?x2x?xi32>, tensor<?xi32>) -> tensor<?x4x?x16xf32>
  return
}

// -----

// Block rows.
func.func @f(%q: tensor<?x4x130x16xf32>, %o: tensor<1x1x3xi32>,
             %c: tensor<?xi32>) {
  // expected-error@+1 {{the offsets must have 4 numbers for the 3 block rows of 130 queries in blocks of 64, but are 'tensor<1x1x3xi32>'}}
  attn.attention %q, %q, %q block_mask(%o, %c) block_size [64, 64]
      : (tensor<?x4x130x16xf32>, tensor<?x4x130x16xf32>,
         tensor<?x4x130x16xf32>, tensor<1x1x3xi32>, tensor<?xi32>)
     -> tensor<?x4x130x16xf32>
  return
}

// -----

// A flag for each column.
func.func @f(%q: tensor<?x4x?x16xf32>, %o: tensor<1x1x?xi32>,
             %c: tensor<7xi32>, %f: tensor<8xi8>) {
  // expected-error@+1 {{columns and full must have the same length, but are 'tensor<7xi32>' and 'tensor<8xi8>'}}
  attn.attention %q, %q, %q block_mask(%o, %c, %f) block_size [64, 64]
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<1x1x?xi32>, tensor<7xi32>, tensor<8xi8>) -> tensor<?x4x?x16xf32>
  return
}

// -----

func.func @status_without_blocks(%q: tensor<?x4x?x16xf32>) {
  // expected-error@+1 {{the status is that of a block mask and must have type 'tensor<1xi32>', but there is no block mask for type 'tensor<1xi32>'}}
  %o, %status = attn.attention %q, %q, %q
    : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>)
   -> (tensor<?x4x?x16xf32>, tensor<1xi32>)
  return
}

// -----

func.func @status_of_rows(%q: tensor<?x4x?x16xf32>, %offsets: tensor<1x1x?xi32>,
                          %columns: tensor<?xi32>) {
  // expected-error@+1 {{the status is that of a block mask and must have type 'tensor<1xi32>', but has type 'tensor<?xi32>'}}
  %o, %lse, %status = attn.attention %q, %q, %q
    block_mask(%offsets, %columns) block_size [16, 16]
    : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
       tensor<1x1x?xi32>, tensor<?xi32>)
   -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>, tensor<?xi32>)
  return
}
