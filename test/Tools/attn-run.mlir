// What attn-run prints and writes.

// DEFINE: %{inputs} = --inputs=random:1x4x100x32,random:1x2x100x32,random:1x2x100x32
// DEFINE: %{npy} = %python %S/Inputs/npy.py
// RUN: rm -rf %t && mkdir %t

// RUN: attn-run %s --device=cpu %{inputs} --repeat=3 --threads=1 --check \
// RUN:   --tile-q=64 --tile-kv=64 --outputs=%t/o.npy,%t/lse.npy \
// RUN:   | FileCheck %s --check-prefix=TEXT
// TEXT: attend: flash, tiles of 64 x 64, on cpu ({{.+}}), 1 thread
// TEXT: compile {{.*}}s
// TEXT: time {{.*}}s median, {{.*}}s minimum of 3
// TEXT: speed {{.*}} TFLOP/s, {{.*}} GB/s
// TEXT: memory 151.6 KiB of inputs and outputs, 0 B of workspace, {{.*}} of scratch
// TEXT: tiles 12 visited (8 partial, 4 full), 16 in total
// TEXT: check PASS: max abs error {{.*}}, row-relative error {{.*}}, LSE error {{.*}}; allowed 1e-05

// RUN: %{npy} show %t/o.npy | FileCheck %s --check-prefix=OUTPUT
// OUTPUT: f4 (1, 4, 100, 32) min -{{.*}} max {{.*}}
// RUN: %{npy} show %t/lse.npy | FileCheck %s --check-prefix=LSE
// LSE: f4 (1, 4, 100) min {{.*}} max {{.*}}

// Runs repeat bit by bit, with any number of threads.  An empty name skips a
// result.
// RUN: attn-run %s %{inputs} --threads=2 --tile-q=64 --tile-kv=64 \
// RUN:   --outputs=%t/again.npy
// RUN: %{npy} same %t/o.npy %t/again.npy
// RUN: attn-run %s %{inputs} --tile-q=64 --tile-kv=64 --outputs=,%t/again.npy
// RUN: %{npy} same %t/lse.npy %t/again.npy

// 4 heads keep 100 * 101 / 2 keys each: 2 * (32 + 32) * 4 * 5050 operations.
// Tiles of 64 x 64: see visitedTiles in attn/Reference/Reference.h.
// RUN: attn-run %s %{inputs} --json --check --threads=2 --tile-q=64 \
// RUN:   --tile-kv=64 --repeat=2 | %python -m json.tool \
// RUN:   | FileCheck %s --check-prefix=JSON
//      JSON: "function": "attend",
// JSON-NEXT: "device": "cpu",
// JSON-NEXT: "target": "cpu",
// JSON-NEXT: "cpu": "{{.+}}",
// JSON-NEXT: "algorithm": "flash",
// JSON-NEXT: "tile_q": 64,
// JSON-NEXT: "tile_kv": 64,
// JSON-NEXT: "threads": 2,
// JSON-NEXT: "compile_s": {{[0-9.e-]+}},
// JSON-NEXT: "backend_s": {{[0-9.e-]+}},
// JSON-NEXT: "cache": "{{cold|disk}}",
// JSON-NEXT: "repeat": 2,
// JSON-NEXT: "median_s": {{[0-9.e-]+}},
// JSON-NEXT: "min_s": {{[0-9.e-]+}},
// JSON-NEXT: "flops": 2585600,
// JSON-NEXT: "bytes": 155200,
// JSON-NEXT: "workspace_bytes": 0,
// JSON-NEXT: "arena_bytes": {{[0-9]+}},
// JSON-NEXT: "tiles": {
// JSON-NEXT:   "visited": 12,
// JSON-NEXT:   "partial": 8,
// JSON-NEXT:   "full": 4,
// JSON-NEXT:   "total": 16
// JSON-NEXT: },
// JSON-NEXT: "check": {
// JSON-NEXT:   "passed": true,
// JSON-NEXT:   "max_abs_error": {{[0-9.e-]+}},
// JSON-NEXT:   "max_row_relative_error": {{[0-9.e-]+}},
// JSON-NEXT:   "lse_error": {{[0-9.e-]+}}

// A result that differs from the reference: scores of 3e41 overflow in f32.
// RUN: %{npy} write %t/q.npy 1x4x8x32 1e20
// RUN: %{npy} write %t/k.npy 1x2x8x32 1e20
// DEFINE: %{large} = --inputs=%t/q.npy,%t/k.npy,ones:1x2x8x32
// RUN: not attn-run %s %{large} --check 2>&1 | FileCheck %s --check-prefix=FAIL
// FAIL-DAG: check FAIL: max abs error inf, row-relative error inf, LSE error inf; allowed 1e-05
// FAIL-DAG: attn-run: error: the result differs from the reference by more than the criterion allows
// RUN: not attn-run %s %{large} --check --json | FileCheck %s --check-prefix=JSONFAIL
// JSONFAIL: "check":{"passed":false,"max_abs_error":null,"max_row_relative_error":null,"lse_error":null}

// Results that are given in advance, here by the first run of this test.
// DEFINE: %{tiled} = attn-run %s --repeat=1 --tile-q=64 --tile-kv=64
// RUN: %{tiled} %{inputs} --expect=%t/o.npy,%t/lse.npy --tolerance=0 \
// RUN:   | FileCheck %s --check-prefix=EXPECT
//      EXPECT: expect PASS: output, max abs difference 0; allowed 0
// EXPECT-NEXT: expect PASS: lse, max abs difference 0; allowed 0

// With other values, and with an empty name that skips a result.
// DEFINE: %{others} = --inputs=random:1x4x100x32:7,random:1x2x100x32,random:1x2x100x32
// RUN: not %{tiled} %{others} --expect=,%t/lse.npy 2>&1 \
// RUN:   | FileCheck %s --check-prefix=UNEXPECTED --implicit-check-not="expect PASS"
// UNEXPECTED-DAG: expect {{FAIL}}: lse, max abs difference {{[0-9.]+}}; allowed 1e-05
// UNEXPECTED-DAG: attn-run: error: a result differs from what --expect gives by more than the tolerance
// RUN: %{tiled} %{others} --expect=,%t/lse.npy --tolerance=1e3 --json \
// RUN:   | FileCheck %s --check-prefix=EXPECTJSON
// EXPECTJSON: "expect":[{"result":"lse","passed":true,"max_abs_difference":{{[0-9.]+}},"tolerance":1000.0}]

// Infinities and NaNs are no numbers that a tolerance could cover.
// RUN: %{npy} write %t/ones.npy 1x4x8x32 1
// RUN: not attn-run %s %{large} --repeat=1 --expect=%t/ones.npy \
// RUN:   --tolerance=1e300 2>&1 | FileCheck %s --check-prefix=INFINITE
// INFINITE: expect {{FAIL}}: output, max abs difference inf; allowed 1e+300

// RUN: attn-run --help | FileCheck %s --check-prefix=HELP
// HELP: attn-run [OPTIONS] input
// HELP-DAG: --device NAME
// HELP-DAG: --inputs LIST
// HELP-DAG: --expect LIST
// HELP-DAG: --tolerance X=1e-05
// HELP: Example:
// HELP-NEXT: attn-run examples/bert.mlir

func.func @attend(%q: tensor<?x4x?x32xf32>, %k: tensor<?x2x?x32xf32>,
                  %v: tensor<?x2x?x32xf32>)
    -> (tensor<?x4x?x32xf32>, tensor<?x4x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x32xf32>)
     -> (tensor<?x4x?x32xf32>, tensor<?x4x?xf32>)
  return %o, %lse : tensor<?x4x?x32xf32>, tensor<?x4x?xf32>
}
