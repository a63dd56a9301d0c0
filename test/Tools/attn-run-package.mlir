// attn-run runs packages, which hold no attention op: what only that tells is
// left out.

// DEFINE: %{inputs} = --inputs=random:2x2x33x32,random:2x1x40x32,random:2x1x40x32
// RUN: rm -rf %t && mkdir %t
// RUN: attn-compile %s --emit=package -o %t/kernel.attnpkg
// RUN: attn-run %t/kernel.attnpkg %{inputs} --outputs=%t/package.npy --repeat=1 \
// RUN:   | FileCheck %s --check-prefix=TEXT
// TEXT: attend: flash, tiles of
// TEXT: compile {{.*}}, from a package
// TEXT: speed {{[^/]*}} GB/s
// TEXT: tiles {{[0-9]+}} visited ({{[0-9]+}} partial, {{[0-9]+}} full){{$}}
// RUN: attn-run %t/kernel.attnpkg %{inputs} --json --repeat=1 \
// RUN:   | FileCheck %s --check-prefix=JSON
// JSON: "flops":null
// JSON-SAME: "total":null

// The result is that of the module.
// RUN: attn-run %s %{inputs} --outputs=%t/module.npy --repeat=1
// RUN: cmp %t/package.npy %t/module.npy

func.func @attend(%q: tensor<?x2x?x32xf32>, %k: tensor<?x1x?x32xf32>,
                  %v: tensor<?x1x?x32xf32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x2x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
