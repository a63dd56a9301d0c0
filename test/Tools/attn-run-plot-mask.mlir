// --plot-mask draws what the mask leaves of each tile, by the reference, and
// what the kernel visits, by its index arithmetic.  Nothing is run.

// RUN: rm -rf %t && split-file %s %t

// A window that moves with the query is tight: the kernel visits the partial
// and full tiles, and no other.
// RUN: attn-run %t/window.mlir --plot-mask=%t/window.svg --shape=2:100:100 \
// RUN:   --value=window=40 --tile-q=16 --tile-kv=16 | FileCheck %s --check-prefix=WINDOW
// WINDOW: tiles       364: 216 empty, 84 partial, 64 full
// WINDOW-NEXT: visited     84 with mask code, 64 without
// WINDOW-NOT: not tight
// RUN: FileCheck %s --check-prefix=SVG < %t/window.svg
// SVG: <svg xmlns="http://www.w3.org/2000/svg" viewBox=
// SVG: @media (prefers-color-scheme: dark)
// SVG: window: 100 queries x 100 keys
// SVG: flash, tiles of 16 rows x 16 keys; a row is a query of one of 2 heads
// SVG: batch 0, KV head 0 and 3 alike
// SVG: <path class="empty"
// SVG: <path class="partial"
// SVG: <path class="full"
// SVG: <path class="element"
// SVG: <path class="visit-partial"
// SVG: <path class="visit-full"
// SVG: 216 empty: no score is kept
// SVG: 84 with mask code
// SVG: Tight: no empty tile is visited, and
// SVG: </svg>
// RUN: %python -c "import xml.dom.minidom; xml.dom.minidom.parse(r'%t/window.svg')"

// The value of the window is a run-time value: another one, another picture.
// RUN: attn-run %t/window.mlir --plot-mask=%t/other.svg --shape=2:100:100 \
// RUN:   --value=window=0 --tile-q=16 --tile-kv=16 | FileCheck %s --check-prefix=ZERO
// ZERO: visited     52 with mask code, 0 without

// Lengths and values may come from inputs.
// RUN: attn-run %t/window.mlir --plot-mask=%t/inputs.svg --tile-q=16 --tile-kv=16 \
// RUN:   --inputs=zeros:2x4x100x64,zeros:2x2x100x64,zeros:2x2x100x64,40 \
// RUN:   | FileCheck %s --check-prefix=WINDOW
// RUN: cmp %t/window.svg %t/inputs.svg

// The kernel's own counters, from a run, say the same.
// RUN: attn-run %examples/llama3-8b.mlir --plot-mask=%t/llama.svg --shape=1:200:300 \
// RUN:   --cpu=x86-64-v3 | FileCheck %s --check-prefix=LLAMA
// LLAMA: tiles       520: 120 empty, 128 partial, 272 full
// LLAMA: visited     128 with mask code, 272 without
// RUN: attn-run %examples/llama3-8b.mlir --json --repeat=1 --cpu=x86-64-v3 \
// RUN:   --inputs=random:1x32x200x128,random:1x8x300x128,random:1x8x300x128 \
// RUN:   | FileCheck %s --check-prefix=COUNTERS
// COUNTERS: "tiles":{"visited":400,"partial":128,"full":272,"total":520}

// A rest may be anything, so that all tiles are visited: correct, but not
// tight. Heads with other masks have panels of their own.
// RUN: attn-run %t/heads.mlir --plot-mask=%t/heads.svg --shape=1:128:128 \
// RUN:   | FileCheck %s --check-prefix=HEADS
// HEADS: not tight   {{[1-9][0-9]*}} empty tiles are visited
// RUN: FileCheck %s --check-prefix=PANELS < %t/heads.svg
// PANELS: batch 0, KV head 0<
// PANELS: batch 0, KV head 1<
// PANELS: <path class="waste"
// PANELS: not tight: {{[0-9]+}} empty, but visited

// Standard attention visits every tile in each of its passes.
// RUN: attn-run %examples/llama3-8b.mlir --plot-mask=%t/standard.svg --shape=1:256:256 \
// RUN:   --algorithm=standard --tile-q=64 --tile-kv=64 | FileCheck %s --check-prefix=STANDARD
// STANDARD: tiles       512: 192 empty, 128 partial, 192 full
// STANDARD: visited     512 with mask code, 0 without
// STANDARD: not tight   192 empty tiles are visited, 192 full ones have mask code

// Long sequences: a cell stands for many tiles, and the file stays small.
// RUN: attn-run %examples/llama3-8b.mlir --plot-mask=%t/long.svg --shape=1:8192:8192
// RUN: %python -c "import os; assert os.path.getsize(r'%t/long.svg') < 1000000"
// RUN: %python -c "import xml.dom.minidom; xml.dom.minidom.parse(r'%t/long.svg')"

// Queries without any key, and a single one.
// RUN: attn-run %examples/llama3-8b.mlir --plot-mask=- --shape=1:300:2 | FileCheck %s --check-prefix=FEW
// FEW: prefill: 300 queries x 2 keys
// RUN: attn-run %examples/llama3-8b.mlir --plot-mask=- --shape=1:1:1 | FileCheck %s --check-prefix=ONE
// ONE: prefill: 1 queries x 1 keys

// Bad input.
// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-run
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg | FileCheck %s --check-prefix=NOLENGTHS
// NOLENGTHS: --plot-mask needs lengths: --shape=B:Sq:Skv or --inputs
// RUN: %{fails} %t/window.mlir --shape=1:2:3 | FileCheck %s --check-prefix=NOPLOT
// NOPLOT: --shape gives the lengths of --plot-mask; to run a kernel, give --inputs
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:2:3 --inputs=1 | FileCheck %s --check-prefix=BOTH
// BOTH: --shape and --inputs both give lengths
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:2 | FileCheck %s --check-prefix=SHAPE
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:0:2 | FileCheck %s --check-prefix=SHAPE
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:2:3:4 | FileCheck %s --check-prefix=SHAPE
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:2:9999999999 | FileCheck %s --check-prefix=SHAPE
// SHAPE: --shape: '1:{{.*}}' is not of the form B:Sq:Skv; allowed are three integers from 1 to 2147483647
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:9:9 | FileCheck %s --check-prefix=VALUE
// VALUE: error: {{.*}}argument 'window' decides which tiles are visited, but its value was not given
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:9:9 --value=windw=3 | FileCheck %s --check-prefix=NAME
// NAME: --value: 'window' has no scalar argument 'windw'; it has window
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:9:9 --value=window | FileCheck %s --check-prefix=FORM
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:9:9 --value=window=x | FileCheck %s --check-prefix=FORM
// FORM: --value: 'window{{.*}}' is not of the form NAME=NUMBER
// RUN: %{fails} %t/window.mlir --plot-mask=%t/none/x.svg --shape=1:9:9 --value=window=3 | FileCheck %s --check-prefix=WRITE
// WRITE: cannot write '{{.*}}x.svg': No such file or directory
// RUN: %{fails} %t/window.mlir --plot-mask=%t/x.svg --shape=1:1000000:1000000 --value=window=3 | FileCheck %s --check-prefix=HUGE
// HUGE: choose shorter
// RUN: %{fails} %t/static.mlir --plot-mask=%t/x.svg --shape=1:9:9 | FileCheck %s --check-prefix=STATIC
// STATIC: argument 'query' has the static size 64 in dimension 2, but the lengths 1:9:9 ask for 9
// RUN: %{fails} %t/static.mlir --plot-mask=%t/x.svg --shape=1:64:64 --function=g | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: there is no function 'g'; '{{.*}}static.mlir' has 'static'
// RUN: not ls %t/x.svg

//--- window.mlir
!q = tensor<?x4x?x64xf32>
!k = tensor<?x2x?x64xf32>
func.func @window(%q: !q, %k: !k, %v: !k,
                  %w: index {attn.name = "window"}) -> !q {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
    mask_mod (%b, %h, %i, %j) {
      %d = arith.subi %i, %j : index
      %keep = arith.cmpi sle, %d, %w : index
      attn.yield %keep : i1
    } : (!q, !k, !k) -> !q
  return %o : !q
}

//--- heads.mlir
!t = tensor<?x2x?x64xf32>
func.func @heads(%q: !t, %k: !t, %v: !t) -> !t {
  %o = attn.attention %q, %k, %v
    mask_mod (%b, %h, %i, %j) {
      %c64 = arith.constant 64 : index
      %c128 = arith.constant 128 : index
      %rest = arith.remui %j, %c128 : index
      %half = arith.divui %rest, %c64 : index
      %keep = arith.cmpi eq, %half, %h : index
      attn.yield %keep : i1
    } : (!t, !t, !t) -> !t
  return %o : !t
}

//--- static.mlir
!t = tensor<1x2x64x64xf32>
func.func @static(%q: !t, %k: !t, %v: !t) -> !t {
  %o = attn.attention %q, %k, %v : (!t, !t, !t) -> !t
  return %o : !t
}
