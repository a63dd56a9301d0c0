// Each message of attn-tile about what it cannot lower.

// RUN: attn-opt %s --attn-tile --split-input-file --verify-diagnostics
// RUN: not attn-opt %s --attn-tile=algorithm=fast --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ALGORITHM
// RUN: not attn-opt %s --attn-tile=tile-q=0 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TILE-Q
// RUN: not attn-opt %s --attn-tile=tile-kv=-1 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TILE-KV
// RUN: not attn-opt %s --attn-tile=tile-q=4097 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TILE-LIMIT
// RUN: not attn-opt %s --attn-tile=tile-k=1 --split-input-file 2>&1 \
// RUN:   | FileCheck %s --check-prefix=OPTION

// ALGORITHM: error: unknown algorithm 'fast'; allowed are standard, memory-efficient and flash
// TILE-Q: error: tile sizes must be between 1 and 4096, got tile-q=0 tile-kv=64
// TILE-KV: error: tile sizes must be between 1 and 4096, got tile-q=64 tile-kv=-1
// TILE-LIMIT: error: tile sizes must be between 1 and 4096, got tile-q=4097 tile-kv=64
// OPTION: no such option tile-k

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> !t {
  // expected-error@+1 {{still has a mask or score attribute; run attn-expand-variant first}}
  %o = attn.attention %q, %q, %q mask(#attn.causal) : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> !t {
  %k = tensor.empty() : tensor<1x4x8x16xf32>
  %c = tensor.cast %k : tensor<1x4x8x16xf32> to !t
  // expected-error@+1 {{query, key and value must be arguments of the function}}
  %o = attn.attention %q, %c, %q : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> !t {
  %sinks = arith.constant dense<0.0> : tensor<4xf32>
  // expected-error@+1 {{query, key, value and sinks must be arguments of the function}}
  %o = attn.attention %q, %q, %q sinks(%sinks) : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> !t {
  %0 = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  // expected-error@+1 {{is the second attention or combination in function 'f'; attn-tile takes one in a function}}
  %1 = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  return %1 : !t
}

// -----

!t = tensor<?x4x?x16xf32>

// expected-error@+1 {{a function with attn.attention must be a single block}}
func.func @f(%q: !t) -> !t {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  cf.br ^next
^next:
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> (!t, !t) {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  // expected-error@+1 {{a function with attn.attention must return its results and nothing else}}
  return %o, %q : !t, !t
}

// -----

!t = tensor<?x4x?x16xf32>

// An attention in a region is not the function's.
func.func @f(%q: !t, %c: i1) -> !t {
  %r = scf.if %c -> !t {
    %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
    scf.yield %o : !t
  } else {
    scf.yield %q : !t
  }
  // expected-error@+1 {{a function with attn.attention must return its results and nothing else}}
  return %r : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> (!t, !t) {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  // expected-error@+1 {{returns a result of attn.attention twice}}
  return %o, %o : !t, !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> tensor<?x4x?xf32> {
  %o, %lse = attn.attention %q, %q, %q : (!t, !t, !t) -> (!t, tensor<?x4x?xf32>)
  // expected-error@+1 {{must return the output of attn.attention}}
  return %lse : tensor<?x4x?xf32>
}

// -----

!t = tensor<?x4x?x16xf32>

// expected-error@+1 {{takes an argument of type 'vector<4xf32>'; allowed are ranked tensors and scalars}}
func.func @f(%q: !t, %bias: vector<4xf32>) -> !t {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

// expected-error@+1 {{takes an argument of type 'tensor<*xf32>'; allowed are ranked tensors and scalars}}
func.func @f(%q: !t, %bias: tensor<*xf32>) -> !t {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> !t {
  // expected-error@+1 {{a value used in score_mod, mask_mod or dropout must be an argument of the function, or computed from arguments by operations of arith and math, tensor.extract and tensor.dim}}
  %slopes = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %o = attn.attention %q, %q, %q
      score_mod (%s, %b, %h, %i, %j) {
        %r = tensor.extract %slopes[%h] : tensor<4xf32>
        attn.yield %r : f32
      } : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func private @seed() -> f32

func.func @f(%q: !t) -> !t {
  // expected-error@+1 {{has side effects; a function with attn.attention may hold only that and operations without side effects}}
  %seed = call @seed() : () -> f32
  %twice = arith.addf %seed, %seed : f32
  %o = attn.attention %q, %q, %q
      score_mod (%s, %b, %h, %i, %j) { attn.yield %twice : f32 }
      : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

// Effects that the attention does not need are not dropped either.
func.func @f(%q: !t, %m: memref<f32>, %x: f32) -> !t {
  // expected-error@+1 {{has side effects; a function with attn.attention may hold only that and operations without side effects}}
  memref.store %x, %m[] : memref<f32>
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

func.func @f(%q: !t) -> !t {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  // expected-error@+1 {{a function with attn.attention must end with func.return}}
  llvm.unreachable
}

// -----

!t = tensor<?x4x?x16xf32>

// expected-error@+1 {{a function with attn.attention becomes an entry of the runtime and cannot be called from other functions}}
func.func @f(%q: !t) -> !t {
  %o = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  return %o : !t
}

func.func @caller(%q: !t) -> !t {
  %o = call @f(%q) : (!t) -> !t
  return %o : !t
}

// -----

!t = tensor<?x4x?x16xf32>

// A combination counts, too.
func.func @f(%q: !t, %p: tensor<2x?x4x?x16xf32>, %l: tensor<2x?x4x?xf32>) -> !t {
  %0 = attn.attention %q, %q, %q : (!t, !t, !t) -> !t
  // expected-error@+1 {{'attn.combine' op is the second attention or combination in function 'f'; attn-tile takes one in a function}}
  %1 = attn.combine %p, %l : (tensor<2x?x4x?x16xf32>, tensor<2x?x4x?xf32>) -> !t
  return %1 : !t
}

// -----

!o = tensor<2x?x4x?x16xf32>
!l = tensor<2x?x4x?xf32>

func.func @f(%p: !o, %n: index) -> tensor<?x4x?x16xf32> {
  %l = tensor.empty(%n, %n) : !l
  // expected-error@+1 {{outputs and lses must be arguments of the function}}
  %0 = attn.combine %p, %l : (!o, !l) -> tensor<?x4x?x16xf32>
  return %0 : tensor<?x4x?x16xf32>
}

// -----

!o = tensor<2x?x4x?x16xf32>
!l = tensor<2x?x4x?xf32>

func.func @f(%p: !o, %l: !l) -> tensor<?x4x?xf32> {
  %0, %lse = attn.combine %p, %l : (!o, !l) -> (tensor<?x4x?x16xf32>, tensor<?x4x?xf32>)
  // expected-error@+1 {{must return the output of attn.combine}}
  return %lse : tensor<?x4x?xf32>
}
