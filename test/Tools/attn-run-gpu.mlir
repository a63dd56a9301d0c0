// A module on the emulator, by both code generators, against the reference.

// RUN: attn-run %s --device=emulator --no-cache --check --repeat=1 --inputs=random:1x2x37x64,random:1x1x70x64:2,random:1x1x70x64:3 | FileCheck %s
// RUN: attn-run %s --device=emulator --codegen=llvm --check --repeat=1 --inputs=random:1x2x37x64,random:1x1x70x64:2,random:1x1x70x64:3 | FileCheck %s

// CHECK: attention: flash, tiles of 128 x 64, on emulator
// CHECK: compile{{.*}}s, of which {{.*}}s in the back end
// CHECK: of workspace{{$}}
// CHECK: tiles not counted on a GPU, 2 in total
// CHECK: check PASS

// RUN: attn-run %s --device=emulator --json --repeat=1 --inputs=random:1x2x37x64,random:1x1x70x64:2,random:1x1x70x64:3 | FileCheck %s --check-prefix=JSON
// JSON: "arena_bytes":null,"tiles":{"visited":null,"partial":null,"full":null,"total":2}

// Other targets are compiled for only.

// RUN: attn-compile %s --target=sm_120 --emit=ptx -o - | FileCheck %s --check-prefix=PTX
// PTX: .target sm_120
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32

func.func @attention(%q: tensor<?x2x?x64xbf16>, %k: tensor<?x1x?x64xbf16>, %v: tensor<?x1x?x64xbf16>) -> tensor<?x2x?x64xbf16> {
  %o = attn.attention %q, %k, %v mask(#attn.causal)
      : (tensor<?x2x?x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>) -> tensor<?x2x?x64xbf16>
  return %o : tensor<?x2x?x64xbf16>
}
