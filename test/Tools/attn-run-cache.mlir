// Kernels come from the cache when module, options and target are those of an
// earlier run.

// DEFINE: %{inputs} = --inputs=ones:1x1x8x32,ones:1x1x8x32,ones:1x1x8x32
// DEFINE: %{run} = env ATTN_CACHE_DIR=%t/cache attn-run %s --json --repeat=1 %{inputs}
// RUN: rm -rf %t && mkdir %t

// RUN: %{run} | FileCheck %s --check-prefix=COLD
// RUN: %{run} | FileCheck %s --check-prefix=DISK
// RUN: %{run} --no-cache | FileCheck %s --check-prefix=COLD
// RUN: %{run} --algorithm=standard | FileCheck %s --check-prefix=COLD
// RUN: %{run} --algorithm=standard --check | FileCheck %s --check-prefix=DISK
// RUN: %{run} --tile-kv=32 | FileCheck %s --check-prefix=COLD
// COLD: "cache":"cold"
// DISK: "cache":"disk"

// Comments and layout make another request, but not another kernel.
// RUN: sed 's|//.*||; s|  *| |g' %s > %t/short.mlir
// RUN: env ATTN_CACHE_DIR=%t/cache attn-run %t/short.mlir --json --repeat=1 \
// RUN:   %{inputs} | FileCheck %s --check-prefix=DISK

// A damaged file is compiled again.
// RUN: %python -c "import glob; [open(f, 'r+b').write(b'damaged') for f in glob.glob(r'%t/cache/*.attnpkg')]"
// RUN: %{run} | FileCheck %s --check-prefix=COLD
// RUN: %{run} | FileCheck %s --check-prefix=DISK

// Without a usable directory everything still works.
// RUN: echo > %t/file
// RUN: env ATTN_CACHE_DIR=%t/file attn-run %s --json --repeat=1 %{inputs} \
// RUN:   2> %t/note | FileCheck %s --check-prefix=COLD
// RUN: FileCheck %s --check-prefix=NOTE < %t/note
// NOTE: attn-run: note: compiled kernels are kept in memory only: the cache directory '{{.*}}file' is not a directory

// What the cache keeps are packages that attn-run takes as well.
// RUN: env ATTN_CACHE_DIR=%t/one attn-run %s --json --repeat=1 %{inputs}
// RUN: mv %t/one/*.attnpkg %t/kernel.attnpkg
// RUN: attn-run %t/kernel.attnpkg --json --repeat=1 %{inputs} \
// RUN:   | FileCheck %s --check-prefix=PACKAGE
// PACKAGE: "cache":"package"

func.func @attend(%q: tensor<?x1x?x32xf32>, %k: tensor<?x1x?x32xf32>,
                  %v: tensor<?x1x?x32xf32>) -> tensor<?x1x?x32xf32> {
  %o = attn.attention %q, %k, %v
      : (tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>, tensor<?x1x?x32xf32>)
     -> tensor<?x1x?x32xf32>
  return %o : tensor<?x1x?x32xf32>
}
