// Every error of attn-run says what was given and what is allowed.

// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-run
// DEFINE: %{npy} = %python %S/Inputs/npy.py
// RUN: rm -rf %t && split-file %s %t
// RUN: %{npy} write %t/kv.npy 1x1x8x32
// RUN: %{npy} write %t/rank3.npy 1x8x32
// RUN: %{npy} write %t/dim.npy 1x1x8x64
// RUN: head -c 500 %t/kv.npy > %t/truncated.npy
// RUN: head -c 30 %t/kv.npy > %t/header.npy
// RUN: echo hello > %t/text.npy

// The command line.
// RUN: %{fails} %t/good.mlir --device=tpu | FileCheck %s --check-prefix=DEVICE
// DEVICE: --device: unknown device 'tpu'; allowed are cpu, emulator and cuda
// RUN: %{fails} %t/good.mlir --target=sm_9 | FileCheck %s --check-prefix=TARGET
// TARGET: --target: 'sm_9' is not a GPU target; expected a name such as sm_80 or sm_90a
// RUN: %{fails} %t/good.mlir --device=emulator | FileCheck %s --check-prefix=MLIR
// MLIR: error: 'tile.dot' op multiplies tiles of 'f32'; on a GPU the tensors must be bf16 or f16 (f32 runs on the CPU)
// RUN: %{fails} %t/good.mlir --algorithm=fast | FileCheck %s --check-prefix=ALGORITHM
// ALGORITHM: --algorithm: unknown algorithm 'fast'; allowed are standard, memory-efficient, flash and flash-decoding
// RUN: %{fails} %t/good.mlir --fast | FileCheck %s --check-prefix=FLAG
// FLAG: unexpected argument '--fast'; see attn-run --help
// RUN: %{fails} %t/good.mlir --repeat=many | FileCheck %s --check-prefix=REPEAT
// REPEAT: --repeat: 'many' is not allowed; allowed are integers from 1 to 2147483647
// RUN: %{fails} %t/good.mlir --threads=-1 | FileCheck %s --check-prefix=THREADS
// THREADS: --threads: '-1' is not allowed; allowed are integers from 1 to 2147483647
// RUN: %{fails} --json | FileCheck %s --check-prefix=NOTHING
// NOTHING: input is required; see attn-run --help
// RUN: %{fails} %t/good.mlir --cpu=pentium9 | FileCheck %s --check-prefix=CPU
// CPU: unknown CPU 'pentium9'
// RUN: %{fails} %t/good.mlir --cpu-features=+warp-drive | FileCheck %s --check-prefix=FEATURES
// FEATURES: unknown CPU feature '+warp-drive'
// Code that this machine could not run is not started.  No machine of today
// has FMA4.
// RUN: %{fails} %t/good.mlir --cpu-features=+fma4 | FileCheck %s --check-prefix=HOST
// HOST: this machine ({{.*}}) lacks fma4{{.*}}, which code for '{{.*}}' may use; compile it for this machine

// The module.
// RUN: %{fails} %t/missing.mlir | FileCheck %s --check-prefix=MISSING
// MISSING: cannot read '{{.*}}missing.mlir': No such file or directory
// RUN: %{fails} %t | FileCheck %s --check-prefix=DIRECTORY
// DIRECTORY: cannot read '{{.*}}': Is a directory
// RUN: %{fails} %t/syntax.mlir | FileCheck %s --check-prefix=SYNTAX
// SYNTAX: syntax.mlir:1:{{[0-9]+}}: error:
// RUN: %{fails} %t/good.mlir --function=three | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: there is no function 'three'; '{{.*}}good.mlir' has 'one' and 'two'
// RUN: %{fails} %t/good.mlir | FileCheck %s --check-prefix=CHOOSE
// CHOOSE: choose a function with --function=NAME; '{{.*}}good.mlir' has 'one' and 'two'

// Packages.
// RUN: attn-compile %t/good.mlir --emit=package -o %t/good.attnpkg
// RUN: attn-compile %t/good.mlir --emit=package --cpu-features=+fma4 -o %t/fma4.attnpkg
// RUN: head -c 1000 %t/good.attnpkg > %t/truncated.attnpkg
// RUN: %{fails} %t/good.attnpkg | FileCheck %s --check-prefix=CHOOSE-PACKAGE
// CHOOSE-PACKAGE: choose a function with --function=NAME; '{{.*}}good.attnpkg' has 'one' and 'two'
// RUN: %{fails} %t/good.attnpkg --check | FileCheck %s --check-prefix=CHECK-PACKAGE
// CHECK-PACKAGE: '{{.*}}good.attnpkg' is a package, which does not hold what the reference of --check reads: run the module in MLIR
// RUN: %{fails} %t/good.attnpkg --tile-q=64 | FileCheck %s --check-prefix=COMPILED
// COMPILED: '{{.*}}good.attnpkg' is a package, which has been compiled already: --algorithm, --cpu,
// RUN: %{fails} %t/fma4.attnpkg | FileCheck %s --check-prefix=HOST-PACKAGE
// HOST-PACKAGE: '{{.*}}fma4.attnpkg': this machine ({{.*}}) lacks fma4{{.*}}, which code for '
// RUN: %{fails} %t/truncated.attnpkg | FileCheck %s --check-prefix=DAMAGED
// DAMAGED: '{{.*}}truncated.attnpkg' is a damaged package: {{.*}}; compile it again

// Inputs: how many, what they are, and whether they fit.
// DEFINE: %{one} = %{fails} %t/good.mlir --function=one
// RUN: %{one} --inputs=%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=COUNT
// COUNT: --inputs has 2 items, but 'one' takes 3: query tensor<?x2x?x32xf32>, key tensor<?x1x?x32xf32>, value tensor<?x1x?x32xf32>
// RUN: %{one} --inputs=random:1x2x8x32,%t/none.npy,%t/kv.npy | FileCheck %s --check-prefix=NOFILE
// NOFILE: input 2 'key' of 'one': cannot open '{{.*}}none.npy': No such file or directory
// RUN: %{one} --inputs=rand:1x2x8x32,%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=KIND
// KIND: input 1 'query' of 'one': cannot open 'rand:1x2x8x32': No such file or directory; allowed are FILE.npy, random:SHAPE[:SEED], zeros:SHAPE, ones:SHAPE, range:SHAPE[:N], multiples:SHAPE:N, integers:SHAPE:N, and a number for a scalar
// RUN: %{one} --inputs=random:1x2,,%t/kv.npy | FileCheck %s --check-prefix=RANK2
// RANK2: input 1 'query' of 'one': the rank is 2 (shape [1, 2]), expected 4 for tensor<?x2x?x32xf32>
// RUN: %{one} --inputs=random:1x2x8x32,,%t/kv.npy | FileCheck %s --check-prefix=EMPTY
// EMPTY: input 2 'key' of 'one': it is empty; allowed are FILE.npy
// RUN: %{one} --inputs=random:1x2x-8x32,%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=SIZES
// SIZES: input 1 'query' of 'one': '1x2x-8x32' is not a shape; allowed are sizes from 0 on, separated by 'x'
// RUN: %{one} --inputs=random:1x2x8x32:me,%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=SEED
// SEED: input 1 'query' of 'one': ':me' does not belong to 'random:SHAPE'; allowed is random:SHAPE:SEED, where SEED is an integer from 0 on
// RUN: %{one} --inputs=random:1x2x9999999999x9999999999,%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=HUGE
// HUGE: input 1 'query' of 'one': {{.*}}63 bits
// RUN: %{one} --inputs=random:1x2x8x32,%t/rank3.npy,%t/kv.npy | FileCheck %s --check-prefix=RANK
// RANK: input 2 'key' of 'one': the rank is 3 (shape [1, 8, 32]), expected 4 for tensor<?x1x?x32xf32>
// RUN: %{one} --inputs=random:1x2x8x32,%t/dim.npy,%t/kv.npy | FileCheck %s --check-prefix=DIM
// DIM: argument 2 'key' of 'one': dimension 3 is 64, expected 32
// RUN: %{one} --inputs=random:1x4x8x32,%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=HEADS
// HEADS: argument 1 'query' of 'one': dimension 1 is 4, expected 2
// RUN: %{one} --inputs=random:3x2x8x32,%t/kv.npy,%t/kv.npy | FileCheck %s --check-prefix=BATCH
// BATCH: argument 2 'key' of 'one': dimension 0 is 1, expected 3, equal to query[0]
// RUN: %{one} --inputs=random:1x2x8x32,random:1x1x9x32,%t/kv.npy | FileCheck %s --check-prefix=KEYS
// KEYS: argument 3 'value' of 'one': dimension 2 is 8, expected 9, equal to key[2]
// RUN: %{one} --inputs=random:1x2x8x32,%t/truncated.npy,%t/kv.npy | FileCheck %s --check-prefix=TRUNCATED
// TRUNCATED: input 2 'key' of 'one': '{{.*}}truncated.npy' is truncated: it has 372 bytes of data, expected 1024 for shape [1, 1, 8, 32] of f4
// RUN: %{one} --inputs=random:1x2x8x32,%t/header.npy,%t/kv.npy | FileCheck %s --check-prefix=HEADER
// HEADER: input 2 'key' of 'one': '{{.*}}header.npy' is truncated in its header
// RUN: %{one} --inputs=random:1x2x8x32,%t/text.npy,%t/kv.npy | FileCheck %s --check-prefix=TEXT
// TEXT: input 2 'key' of 'one': '{{.*}}text.npy' is not a .npy file

// Scalars.
// DEFINE: %{two} = %{fails} %t/good.mlir --function=two --inputs=ones:1x1x8x32,ones:1x1x8x32,ones:1x1x8x32
// RUN: %{two},%t/kv.npy | FileCheck %s --check-prefix=SCALAR
// SCALAR: input 4 'arg3' of 'two': expected a 0-d array for a scalar, found shape [1, 1, 8, 32]
// RUN: %{two},1e30 | FileCheck %s --check-prefix=RANGE
// RANGE: input 4 'arg3' of 'two': element 0 is {{.*}}, which does not fit in index

// A mask that reads beyond the end of a captured tensor is not run.
// RUN: %{fails} %t/lengths.mlir --inputs=ones:2x1x8x32,ones:1 | FileCheck %s --check-prefix=BOUNDS
// BOUNDS: lengths.mlir:4:{{[0-9]+}}: 'tensor.extract': index out of bounds

// Outputs.
// DEFINE: %{output} = %{fails} %t/good.mlir --function=one --inputs=ones:1x2x8x32,%t/kv.npy,%t/kv.npy --outputs=%t
// RUN: %{output}/a.npy,b.npy | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: --outputs has 2 items, but 'one' has 1 result
// RUN: %{output}/none/a.npy | FileCheck %s --check-prefix=UNWRITABLE
// UNWRITABLE: cannot create '{{.*}}none/a.npy': No such file or directory

// What results should be.
// DEFINE: %{expect} = %{fails} %t/good.mlir --function=one --inputs=ones:1x2x8x32,%t/kv.npy,%t/kv.npy --expect=%t
// RUN: %{expect}/kv.npy,b.npy | FileCheck %s --check-prefix=EXPECTS
// EXPECTS: --expect has 2 items, but 'one' has 1 result
// RUN: %{expect}/none.npy | FileCheck %s --check-prefix=EXPECTFILE
// EXPECTFILE: --expect, result 1 'output' of 'one': cannot open '{{.*}}none.npy': No such file or directory
// RUN: %{expect}/kv.npy | FileCheck %s --check-prefix=EXPECTSHAPE
// EXPECTSHAPE: --expect, result 1 'output' of 'one': '{{.*}}kv.npy' has the shape [1, 1, 8, 32], but the result has [1, 2, 8, 32]
// RUN: %{expect}/kv.npy --tolerance=-1 | FileCheck %s --check-prefix=TOLERANCE
// TOLERANCE: --tolerance: '-1' is not allowed; allowed are numbers from 0 on, such as 1e-5
// RUN: %{one} --tolerance=1e-3 | FileCheck %s --check-prefix=ALONE
// ALONE: --tolerance requires --expect

//--- good.mlir
func.func @one(%q: tensor<?x2x?x32xf32>, %k: tensor<?x1x?x32xf32>,
               %v: tensor<?x1x?x32xf32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x2x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}

func.func @two(%q: tensor<?x1x?x32xf32>, %k: tensor<?x1x?x32xf32>,
               %v: tensor<?x1x?x32xf32>, %last: index) -> tensor<?x1x?x32xf32> {
  %o = attn.attention %q, %k, %v
      mask_mod (%b, %h, %i, %j) {
        %keep = arith.cmpi sle, %j, %last : index
        attn.yield %keep : i1
      }
      : (tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x1x?x32xf32>
  return %o : tensor<?x1x?x32xf32>
}

//--- lengths.mlir
func.func @attend(%q: tensor<?x1x?x32xf32>, %lengths: tensor<?xi32>)
    -> tensor<?x1x?x32xf32> {
  %o = attn.attention %q, %q, %q mask_mod (%b, %h, %i, %j) {
        %length = tensor.extract %lengths[%b] : tensor<?xi32>
        %last = arith.index_cast %length : i32 to index
        %keep = arith.cmpi slt, %j, %last : index
        attn.yield %keep : i1
      }
      : (tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x1x?x32xf32>
  return %o : tensor<?x1x?x32xf32>
}

//--- syntax.mlir
func.func @attend(
