// The levels at which attn-compile can stop.

// RUN: rm -rf %t && mkdir %t
// RUN: attn-compile %s --target=cpu --emit=tile -o - | FileCheck %s --check-prefix=TILE
// TILE: func.func @attend(
// TILE: tile.launch @attend_attention
// TILE: tile.kernel private @attend_attention
// TILE: tile.dot

// Loops and vectors instead of tiles; only the launch is left.
// RUN: attn-compile %s --target=cpu --emit=thread | FileCheck %s \
// RUN:   --check-prefix=THREAD --implicit-check-not=tile.kernel \
// RUN:   --implicit-check-not=tile.dot
// THREAD: tile.launch @attend_attention
// THREAD: func.func private @attend_attention
// THREAD: scf.for
// THREAD: vector.fma

// RUN: attn-compile %s --emit=llvm -o %t/llvm.ll
// RUN: FileCheck %s --check-prefix=LLVM < %t/llvm.ll
// LLVM: @attn_manifest
// LLVM: define {{.*}}@attend(

// RUN: attn-compile - --emit=object -o %t/object.so < %s
// RUN: %python -c "import ctypes; print(ctypes.c_char.in_dll(ctypes.CDLL(r'%t/object.so'), 'attn_manifest').value)" \
// RUN:   | FileCheck %s --check-prefix=OBJECT
// OBJECT: b'{'

// A package holds the same object and says what it is without being loaded.
// RUN: attn-compile %s --emit=package -o %t/kernel.attnpkg
// RUN: head -c 7 %t/kernel.attnpkg | FileCheck %s --check-prefix=MAGIC
// MAGIC: ATTNPKG
// RUN: %python -c "b = open(r'%t/kernel.attnpkg', 'rb').read(); print(b[40:40 + int.from_bytes(b[16:24], 'little')].decode())" \
// RUN:   | FileCheck %s --check-prefix=PACKAGE
// PACKAGE: {"compiler":"attn-mlir {{.*}}","format":1,"key":"{{[0-9a-f]+}}","payloads":[{"kind":"object","manifest":{
// PACKAGE-SAME: "name":"attend"
// PACKAGE-SAME: "requires":[{{.*}}"avx2"
// PACKAGE-SAME: "offset":{{[0-9]+}},"size":{{[0-9]+}}}]}

// What a level shows depends on the algorithm.
// RUN: attn-compile %s --emit=tile --algorithm=standard | FileCheck %s --check-prefix=STANDARD
// STANDARD: tile.launch @attend_scores
// STANDARD: tile.launch @attend_softmax
// STANDARD: tile.launch @attend_values

// RUN: attn-compile %s --emit=llvm --cpu=x86-64-v3 | FileCheck %s --check-prefix=CPU
// CPU: "target-cpu"="x86-64-v3"

// RUN: attn-compile --help | FileCheck %s --check-prefix=HELP
// HELP: attn-compile [OPTIONS] input
// HELP: --emit KIND
// HELP: Example:
// RUN: attn-compile --version | FileCheck %s --check-prefix=VERSION
// VERSION: attn-mlir {{[0-9.]+}} (LLVM 22.{{.*}})

func.func @attend(%q: tensor<?x2x?x32xf32>, %k: tensor<?x1x?x32xf32>,
                  %v: tensor<?x1x?x32xf32>) -> tensor<?x2x?x32xf32> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x2x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x2x?x32xf32>
  return %o : tensor<?x2x?x32xf32>
}
