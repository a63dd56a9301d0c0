// Every error of attn-compile says what was given and what is allowed.

// DEFINE: %{fails} = %python %S/Inputs/fails.py attn-compile
// RUN: rm -rf %t && split-file %s %t

// RUN: %{fails} %t/good.mlir --target=tpu --emit=llvm | FileCheck %s --check-prefix=TARGET
// TARGET: --target: unknown target 'tpu'; allowed are cpu, sm_80
// RUN: %{fails} %t/good.mlir --emit=asm | FileCheck %s --check-prefix=EMIT
// EMIT: --emit: unknown kind 'asm'; allowed are tile, warp, thread, cuda, ptx, cubin, llvm, object and package
// RUN: %{fails} %t/good.mlir --emit=llvm --algorithm=fast | FileCheck %s --check-prefix=ALGORITHM
// ALGORITHM: --algorithm: unknown algorithm 'fast'; allowed are standard, memory-efficient, flash and flash-decoding
// RUN: %{fails} %t/good.mlir --emit=llvm --fast | FileCheck %s --check-prefix=FLAG
// FLAG: unexpected argument '--fast'; see attn-compile --help
// RUN: %{fails} | FileCheck %s --check-prefix=NOTHING
// NOTHING: input is required; see attn-compile --help
// RUN: %{fails} %t/good.mlir --emit=llvm --tile-q=0 | FileCheck %s --check-prefix=TILE
// TILE: --tile-q: '0' is not allowed; allowed are integers from 1 to 2147483647
// RUN: %{fails} %t/good.mlir --emit=llvm --tile-kv=1 | FileCheck %s --check-prefix=TILE-KV
// TILE-KV: a key tile of 1 rows; allowed are 2 to 1024
// RUN: %{fails} %t/good.mlir --emit=llvm --cpu=pentium9 | FileCheck %s --check-prefix=CPU
// CPU: unknown CPU 'pentium9'
// RUN: %{fails} %t/good.mlir --emit=llvm --cpu-features=+warp-drive | FileCheck %s --check-prefix=FEATURES
// FEATURES: unknown CPU feature '+warp-drive'

// RUN: %{fails} %t/good.mlir --emit=object | FileCheck %s --check-prefix=STDOUT
// STDOUT: --emit=object writes a binary file: give its name with -o FILE
// RUN: %{fails} %t/good.mlir --emit=package | FileCheck %s --check-prefix=STDOUT2
// STDOUT2: --emit=package writes a binary file: give its name with -o FILE
// RUN: %{fails} %t/good.mlir --emit=object -o %t/none/out.so | FileCheck %s --check-prefix=UNWRITABLE
// UNWRITABLE: cannot write '{{.*}}out.so': No such file or directory

// RUN: %{fails} %t/missing.mlir --emit=llvm | FileCheck %s --check-prefix=MISSING
// MISSING: cannot read '{{.*}}missing.mlir': No such file or directory
// RUN: %{fails} %t --emit=llvm | FileCheck %s --check-prefix=DIRECTORY
// DIRECTORY: cannot read '{{.*}}': Is a directory

// RUN: %{fails} %t/syntax.mlir --emit=llvm | FileCheck %s --check-prefix=SYNTAX
// SYNTAX: syntax.mlir:3:{{[0-9]+}}: error: expected
// RUN: %{fails} %t/heads.mlir --emit=object -o %t/heads.so | FileCheck %s --check-prefix=HEADS
// HEADS: heads.mlir:3:{{[0-9]+}}: error: {{.*}}query has 4 heads, which is not a multiple of the 3 heads of key and value
// RUN: not ls %t/heads.so
// RUN: %{fails} %t/none.mlir --emit=llvm | FileCheck %s --check-prefix=NONE
// NONE: {{.*}}none.mlir: the module has no function with attn.attention

//--- good.mlir
func.func @attend(%q: tensor<?x2x?x32xf32>, %k: tensor<?x1x?x32xf32>,
                  %v: tensor<?x1x?x32xf32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x2x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}

//--- none.mlir
func.func @other(%x: f32) -> f32 {
  return %x : f32
}

//--- syntax.mlir
func.func @attend(%q: tensor<?x2x?x32xf32>) -> tensor<?x2x?x32xf32> {
  // Key and value are missing.
  %o = attn.attention %q : (tensor<?x2x?x32xf32>) -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}

//--- heads.mlir
func.func @attend(%q: tensor<?x4x?x32xf32>, %k: tensor<?x3x?x32xf32>,
                  %v: tensor<?x3x?x32xf32>) -> tensor<?x4x?x32xf32> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x4x?x32xf32>, tensor<?x3x?x32xf32>, tensor<?x3x?x32xf32>)
     -> tensor<?x4x?x32xf32>
  return %o : tensor<?x4x?x32xf32>
}
