// With --lineinfo, PTX and cubins say which lines of the CUDA C++ they are from.

// RUN: rm -rf %t && mkdir %t && cp %s %t/in.mlir
// RUN: attn-compile %t/in.mlir --target=sm_80 --emit=ptx --lineinfo -o %t/lines.ptx
// RUN: FileCheck %s < %t/lines.ptx
// CHECK-DAG: .loc	1 [[#]] [[#]]
// CHECK-DAG: .file	1 "{{.*}}in.mlir.cu"
// RUN: attn-compile %t/in.mlir --target=sm_80 --emit=ptx -o - | FileCheck %s --check-prefix=NONE --implicit-check-not=.loc
// NONE: .target sm_80

// The line of an instruction is the one that holds it.
// RUN: attn-compile %t/in.mlir --target=sm_80 --emit=cuda -o %t/in.mlir.cu
// RUN: %python %S/Inputs/lines.py %t/lines.ptx %t/in.mlir.cu mma.sync | FileCheck %s --check-prefix=LINES
// LINES: mma.sync: {{[1-9][0-9]*}} of the lines hold it, 0 do not

// RUN: attn-compile %t/in.mlir --target=sm_80 --emit=cubin --lineinfo -o %t/lines.cubin
// RUN: attn-compile %t/in.mlir --target=sm_80 --emit=cubin -o %t/none.cubin
// RUN: grep -q nv_debug_line_sass %t/lines.cubin
// RUN: not grep -q nv_debug_line_sass %t/none.cubin

// RUN: not attn-compile %t/in.mlir --target=sm_80 --codegen=llvm --emit=ptx --lineinfo -o - 2>&1 | FileCheck %s --check-prefix=LLVM
// LLVM: attn-compile: error: the code generator 'llvm' writes no line information; 'cuda' does

// It is another kernel for the cache.
// DEFINE: %{run} = env ATTN_CACHE_DIR=%t/cache attn-run %s --device=emulator --json --repeat=1 --inputs=ones:1x2x1x64,ones:1x1x1x64,ones:1x1x1x64
// RUN: %{run} | FileCheck %s --check-prefix=COLD
// RUN: %{run} --lineinfo | FileCheck %s --check-prefix=COLD
// RUN: %{run} --lineinfo | FileCheck %s --check-prefix=DISK
// COLD: "cache":"cold"
// DISK: "cache":"disk"

func.func @attention(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x1x?x64xbf16>, %v: tensor<?x1x?x64xbf16>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x2x?x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}
