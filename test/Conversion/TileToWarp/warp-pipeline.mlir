// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(warp-pipeline),canonicalize,cse)' | FileCheck %s

// Copies run one turn ahead; a take leaves the other copy of the turn in flight.

!tile = !tile.tile<64x64xbf16, #warp.swizzle<128>>

// CHECK-LABEL: tile.kernel @two
tile.kernel @two(%work: index, %k: memref<?x64xbf16>, %v: memref<?x64xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %K = tile.view %k[rows, cols] : memref<?x64xbf16>
  %V = tile.view %v[rows, cols] : memref<?x64xbf16>
  // CHECK: %[[KEYS:.*]] = warp.channel
  %keys = warp.channel : !warp.channel<2 x !tile>
  // CHECK: %[[VALUES:.*]] = warp.channel
  %values = warp.channel : !warp.channel<2 x !tile>
  // CHECK: %[[SOME:.*]] = arith.cmpi sgt, %{{.*}}, %c0
  // CHECK: warp.put %{{.*}}[%c0, %c0], %[[KEYS]][%c0] if %[[SOME]]
  // CHECK: warp.put %{{.*}}[%c0, %c0], %[[VALUES]][%c0] if %[[SOME]]
  // CHECK: scf.for %[[T:.*]] = %c0 to
  scf.for %t = %c0 to %n step %c1 {
    %j = arith.muli %t, %c64 : index
    // CHECK-DAG: %[[MORE:.*]] = arith.cmpi slt, %[[T]], %{{.*}}
    // CHECK-DAG: %[[KEY:.*]] = warp.take %[[KEYS]][%[[T]]] in_flight 1
    // CHECK-DAG: %[[NEXT:.*]] = arith.addi %[[T]], %c1
    // CHECK-DAG: %[[ROW:.*]] = arith.muli %[[NEXT]], %c64
    // CHECK: warp.put %{{.*}}[%[[ROW]], %c0], %[[KEYS]][%[[NEXT]]] if %[[MORE]]
    warp.put %K[%j, %c0], %keys[%t] : !tile.view<bf16>, !warp.channel<2 x !tile>
    %key = warp.take %keys[%t] : !warp.channel<2 x !tile>
    // CHECK: warp.release %[[KEYS]][%[[T]]]
    warp.release %keys[%t] : !warp.channel<2 x !tile>
    // CHECK: %[[VALUE:.*]] = warp.take %[[VALUES]][%[[T]]] in_flight 1
    // CHECK: warp.put %{{.*}}[%[[ROW]], %c0], %[[VALUES]][%[[NEXT]]] if %[[MORE]]
    warp.put %V[%j, %c0], %values[%t] : !tile.view<bf16>, !warp.channel<2 x !tile>
    %value = warp.take %values[%t] : !warp.channel<2 x !tile>
    warp.release %values[%t] : !warp.channel<2 x !tile>
  }
  tile.return
}

// With one stage there is nothing to run ahead into.

// CHECK-LABEL: tile.kernel @one
tile.kernel @one(%work: index, %k: memref<?x64xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %K = tile.view %k[rows, cols] : memref<?x64xbf16>
  %keys = warp.channel : !warp.channel<1 x !tile>
  // CHECK-NOT: warp.put
  // CHECK: scf.for
  scf.for %t = %c0 to %n step %c1 {
    // CHECK: warp.put
    warp.put %K[%t, %c0], %keys[%t] : !tile.view<bf16>, !warp.channel<1 x !tile>
    // CHECK: warp.take %{{.*}}[%{{.*}}] :
    %key = warp.take %keys[%t] : !warp.channel<1 x !tile>
    warp.release %keys[%t] : !warp.channel<1 x !tile>
  }
  tile.return
}
