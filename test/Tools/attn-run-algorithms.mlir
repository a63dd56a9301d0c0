// The three algorithms give the same result; only `standard` keeps all scores.

// DEFINE: %{inputs} = --inputs=random:1x2x100x64,random:1x1x100x64,random:1x1x100x64
// DEFINE: %{larger} = --inputs=random:1x2x200x64,random:1x1x200x64,random:1x1x200x64
// DEFINE: %{run} = attn-run %s --json --check --repeat=1 --threads=1

// 4 bytes for each of 2 x 100 x 100 scores, and of 2 x 200 x 200.
// RUN: %{run} --algorithm=standard %{inputs} | FileCheck %s --check-prefix=STANDARD
// RUN: %{run} --algorithm=standard %{larger} | FileCheck %s --check-prefix=LARGER
// STANDARD: "algorithm":"standard",{{.*}}"workspace_bytes":80000,{{.*}}"passed":true
// LARGER: "algorithm":"standard",{{.*}}"workspace_bytes":320000,{{.*}}"passed":true

// RUN: %{run} --algorithm=memory-efficient %{inputs} | FileCheck %s --check-prefix=EFFICIENT
// EFFICIENT: "algorithm":"memory-efficient",{{.*}}"workspace_bytes":0,{{.*}}"passed":true

// RUN: %{run} --algorithm=flash %{inputs} | FileCheck %s --check-prefix=FLASH
// FLASH: "algorithm":"flash",{{.*}}"workspace_bytes":0,{{.*}}"passed":true

func.func @attend(%q: tensor<?x2x?x64xf32>, %k: tensor<?x1x?x64xf32>,
                  %v: tensor<?x1x?x64xf32>)
    -> (tensor<?x2x?x64xf32>, tensor<?x2x?xf32>) {
  %o, %lse = attn.attention %q, %k, %v
      : (tensor<?x2x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>)
     -> (tensor<?x2x?x64xf32>, tensor<?x2x?xf32>)
  return %o, %lse : tensor<?x2x?x64xf32>, tensor<?x2x?xf32>
}
