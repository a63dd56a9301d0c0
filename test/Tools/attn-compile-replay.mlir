// A mistake of the compiler leaves a folder with what repeats it.

// DEFINE: %{refuse} = env ATTN_REPLAY_DIR=%t/replay ATTN_NVRTC=%fake-nvrtc
// DEFINE: %{compile} = attn-compile %s --target=sm_80 --tile-kv=32 --emit=cubin -o %t/out.cubin
// RUN: rm -rf %t && mkdir %t

// RUN: %{refuse} not %{compile} 2> %t/error
// RUN: FileCheck %s --check-prefix=ERROR < %t/error
// ERROR: attn-compile: error: nvrtc 13.0 could not compile {{.*}}attn-compile-replay.mlir.cu for sm_80: NVRTC_ERROR_COMPILATION; what repeats this is in '{{.*}}/replay/[[KEY:[0-9a-f]+]]' (run its file 'command')
// ERROR-NEXT: kernel.cu(1): error: this compiler is a fake

// RUN: ls %t/replay/* | FileCheck %s --check-prefix=FILES
// FILES: command
// FILES-NEXT: error.txt
// FILES-NEXT: kernel.cu
// FILES-NEXT: module.mlir
// FILES-NEXT: nvrtc.log
// FILES-NEXT: options.json
// FILES-NEXT: versions.json
// RUN: diff %s %t/replay/*/module.mlir
// RUN: attn-compile %s --target=sm_80 --tile-kv=32 --emit=cuda -o %t/kernel.cu
// RUN: diff %t/kernel.cu %t/replay/*/kernel.cu
// RUN: FileCheck %s --check-prefix=LOG < %t/replay/*/nvrtc.log
// LOG: kernel.cu(1): error: this compiler is a fake
// RUN: FileCheck %s --check-prefix=TEXT < %t/replay/*/error.txt
// TEXT: nvrtc 13.0 could not compile
// RUN: FileCheck %s --check-prefix=OPTIONS < %t/replay/*/options.json
// OPTIONS-DAG: "emit": "cubin"
// OPTIONS-DAG: "target": "sm_80"
// OPTIONS-DAG: "tile-kv": "32"
// OPTIONS-DAG: "algorithm": "flash"
// RUN: FileCheck %s --check-prefix=VERSIONS < %t/replay/*/versions.json
// VERSIONS-DAG: "compiler": "attn-mlir {{.*}}"
// VERSIONS-DAG: "llvm": "22.
// VERSIONS-DAG: "nvrtc": 13000

// With the real nvrtc the command works, with the fake it fails as before.
// RUN: sh %t/replay/*/command %t/again.cubin
// RUN: %{compile}
// RUN: attn-cubin-info %t/again.cubin | FileCheck %s --check-prefix=INFO
// INFO: sm_80
// RUN: %{refuse} not sh %t/replay/*/command 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ERROR-AGAIN
// ERROR-AGAIN: nvrtc 13.0 could not compile module.mlir.cu for sm_80

// The same mistake has one folder.
// RUN: ls %t/replay | count 1
// RUN: %{refuse} not %{compile} --stages=2 2>&1 | FileCheck %s --check-prefix=SECOND
// SECOND: what repeats this is in
// RUN: ls %t/replay | count 2

// Without a variable it is in the cache directory; "none" is nowhere.
// RUN: env ATTN_CACHE_DIR=%t/cache ATTN_NVRTC=%fake-nvrtc not %{compile} 2>&1 \
// RUN:   | FileCheck %s --check-prefix=DEFAULT
// DEFAULT: what repeats this is in '{{.*}}/cache/replay/
// RUN: ls %t/cache/replay | count 1
// RUN: env ATTN_REPLAY_DIR=none ATTN_NVRTC=%fake-nvrtc not %{compile} 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NOWHERE --implicit-check-not=repeats
// NOWHERE: nvrtc 13.0 could not compile

// What cannot be written hides nothing.
// RUN: env ATTN_REPLAY_DIR=%t/error ATTN_NVRTC=%fake-nvrtc not %{compile} 2>&1 \
// RUN:   | FileCheck %s --check-prefix=UNWRITABLE
// UNWRITABLE: nvrtc 13.0 could not compile {{.*}}; what repeats this could not be written to '{{.*}}/error/{{.*}}': Not a directory
// UNWRITABLE-NEXT: this compiler is a fake

// So does what fails before there is CUDA C++.
// RUN: sed 's|mask(#attn.causal)|score_mod (%x, %b, %h, %i, %j) { %r = math.erf %x : f32 attn.yield %r : f32 }|' %s > %t/erf.mlir
// RUN: env ATTN_REPLAY_DIR=%t/erf not attn-compile %t/erf.mlir --target=sm_80 \
// RUN:   --emit=package -o %t/out 2>&1 | FileCheck %s --check-prefix=ERF
// ERF: erf.mlir:[[#]]:[[#]]: error: 'math.erf' op cannot be printed as CUDA C++; what repeats this is in
// RUN: ls %t/erf/* | FileCheck %s --check-prefix=FEW
// FEW: command
// FEW-NEXT: error.txt
// FEW-NEXT: module.mlir
// FEW-NEXT: options.json
// FEW-NEXT: versions.json
// RUN: env ATTN_REPLAY_DIR=none not sh %t/erf/*/command 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ERF-AGAIN
// ERF-AGAIN: module.mlir:[[#]]:[[#]]: error: 'math.erf' op cannot be printed as CUDA C++

// Mistakes of users leave nothing.
// DEFINE: %{user} = env ATTN_REPLAY_DIR=%t/user not attn-compile
// RUN: sed s/bf16/f32/g %s > %t/f32.mlir
// RUN: %{user} %t/f32.mlir --target=sm_80 --emit=cubin -o %t/out 2>&1 \
// RUN:   | FileCheck %s --check-prefix=F32 --implicit-check-not=note:
// F32: f32.mlir:[[#]]:[[#]]: error: {{.*}}f32
// RUN: sed s/attn.causal/attn.casual/ %s > %t/invalid.mlir
// RUN: %{user} %t/invalid.mlir --target=sm_80 --emit=cubin -o %t/out
// RUN: %{user} %s --target=sm_80 --emit=cubin --warps=3 -o %t/out
// RUN: env ATTN_NVRTC=/nowhere ATTN_REPLAY_DIR=%t/user not %{compile}
// RUN: not ls %t/user

func.func @attention(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x1x?x64xbf16>, %v: tensor<?x1x?x64xbf16>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x2x?x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}
