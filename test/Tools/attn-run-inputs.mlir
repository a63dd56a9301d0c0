// Where attn-run takes inputs from, and how it chooses a function.

// DEFINE: %{npy} = %python %S/Inputs/npy.py
// RUN: rm -rf %t && mkdir %t
// RUN: %{npy} write %t/v.npy 1x2x50x32 3
// RUN: %{npy} write %t/window.npy scalar 7

// With zero queries every key has the same weight.
// RUN: attn-run %s --function=window --repeat=1 --check \
// RUN:   --inputs=zeros:1x2x40x32,random:1x2x50x32,%t/v.npy,%t/window.npy \
// RUN:   --outputs=%t/o.npy,%t/lse.npy
// RUN: %{npy} show %t/o.npy | FileCheck %s --check-prefix=THREES
// THREES: min 3 max 3

// Each row keeps 7 keys: log(7).
// RUN: %{npy} show %t/lse.npy | FileCheck %s --check-prefix=SEVEN
// SEVEN: min 1.94591 max 1.94591

// A number is a scalar; window = 1 keeps one key, whose score is 0.
// RUN: attn-run %s --function=window --repeat=1 --check \
// RUN:   --inputs=zeros:1x2x40x32,ones:1x2x50x32,ones:1x2x50x32,1 \
// RUN:   --outputs=%t/o.npy,%t/lse.npy
// RUN: %{npy} show %t/lse.npy | FileCheck %s --check-prefix=ZERO
// ZERO: min 0 max 0

// The seed of a random input is its position, from 0, unless it is given.
// RUN: attn-run %s --function=plain --repeat=1 --outputs=%t/a.npy \
// RUN:   --inputs=random:2x1x8x32,random:2x1x8x32,random:2x1x8x32
// RUN: attn-run %s --function=plain --repeat=1 --outputs=%t/b.npy \
// RUN:   --inputs=random:2x1x8x32:0,random:2x1x8x32:1,random:2x1x8x32:2
// RUN: attn-run %s --function=plain --repeat=1 --outputs=%t/c.npy \
// RUN:   --inputs=random:2x1x8x32,random:2x1x8x32,random:2x1x8x32:9
// RUN: %{npy} same %t/a.npy %t/b.npy
// RUN: not %{npy} same %t/a.npy %t/c.npy

// No queries, no keys, no batch.
// RUN: attn-run %s --function=plain --repeat=1 --check \
// RUN:   --inputs=random:2x1x0x32,random:2x1x8x32,random:2x1x8x32
// RUN: attn-run %s --function=plain --repeat=1 --check --outputs=%t/empty.npy \
// RUN:   --inputs=random:2x1x8x32,random:2x1x0x32,random:2x1x0x32
// RUN: %{npy} show %t/empty.npy | FileCheck %s --check-prefix=ZERO
// RUN: attn-run %s --function=plain --repeat=1 --check \
// RUN:   --inputs=random:0x1x8x32,random:0x1x8x32,random:0x1x8x32

// The module may come from standard input.
// RUN: attn-run - --function=plain --repeat=1 --check \
// RUN:   --inputs=ones:1x1x8x32,ones:1x1x8x32,ones:1x1x8x32 < %s

func.func @plain(%q: tensor<?x1x?x32xf32>, %k: tensor<?x1x?x32xf32>,
                 %v: tensor<?x1x?x32xf32>) -> tensor<?x1x?x32xf32> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x1x?x32xf32>
  return %o : tensor<?x1x?x32xf32>
}

// Keeps `window` keys of each query, up to its own position.
func.func @window(%q: tensor<?x2x?x32xf32>, %k: tensor<?x2x?x32xf32>,
                  %v: tensor<?x2x?x32xf32>, %window: index)
    -> (tensor<?x2x?x32xf32>, tensor<?x2x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v mask(#attn.causal)
      mask_mod (%b, %h, %i, %j) {
        %nq = attn.length query : index
        %nk = attn.length key : index
        %shift = arith.subi %nk, %nq : index
        %last = arith.addi %i, %shift : index
        %first = arith.subi %last, %window : index
        %keep = arith.cmpi sgt, %j, %first : index
        attn.yield %keep : i1
      }
      : (tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
     -> (tensor<?x2x?x32xf32>, tensor<?x2x?xf32>)
  return %o, %lse : tensor<?x2x?x32xf32>, tensor<?x2x?xf32>
}
