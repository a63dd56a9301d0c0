// RUN: attn-opt %s | attn-opt | FileCheck %s

// The types and operations of the warp dialect.

!shared = !tile.tile<64x128xbf16, #warp.swizzle<128>>
!operand = !tile.tile<64x128xbf16, #warp.mma<4>>
!scores = !tile.tile<64x64xf32, #warp.mma<4>>

// CHECK-LABEL: tile.kernel @keys
tile.kernel @keys(%work: index, %k: memref<?x128xbf16>, %more: i1) {
  %c0 = arith.constant 0 : index
  %K = tile.view %k[rows, cols] : memref<?x128xbf16>
  // CHECK: %[[CHANNEL:.*]] = warp.channel : !warp.channel<2 x !tile.tile<64x128xbf16, #warp.swizzle<128>>>
  %channel = warp.channel : !warp.channel<2 x !shared>
  // CHECK: warp.put %{{.*}}[%{{.*}}, %{{.*}}], %[[CHANNEL]][%{{.*}}] : !tile.view<bf16>, !warp.channel
  warp.put %K[%work, %c0], %channel[%c0] : !tile.view<bf16>, !warp.channel<2 x !shared>
  // CHECK: warp.put {{.*}} if %{{.*}} : !tile.view<bf16>, !warp.channel
  warp.put %K[%work, %c0], %channel[%work] if %more : !tile.view<bf16>, !warp.channel<2 x !shared>
  // CHECK: %[[QUERY:.*]] = warp.take %[[CHANNEL]][%{{.*}}] in_flight 1 : !warp.channel
  %query = warp.take %channel[%c0] in_flight 1 : !warp.channel<2 x !shared>
  // CHECK: %[[KEY:.*]] = warp.take %[[CHANNEL]][%{{.*}}] : !warp.channel
  %key = warp.take %channel[%work] : !warp.channel<2 x !shared>
  // CHECK: %[[OPERAND:.*]] = warp.read %[[QUERY]] : !tile.tile<64x128xbf16, #warp.swizzle<128>> -> !tile.tile<64x128xbf16, #warp.mma<4>>
  %q = warp.read %query : !shared -> !operand
  // CHECK: warp.release %[[CHANNEL]][%{{.*}}] : !warp.channel
  warp.release %channel[%c0] : !warp.channel<2 x !shared>
  // CHECK: %[[PENDING:.*]] = warp.dot %[[OPERAND]], %[[KEY]] transpose_b : (!tile.tile<64x128xbf16, #warp.mma<4>>, !tile.tile<64x128xbf16, #warp.swizzle<128>>) -> !warp.pending<!tile.tile<64x64xf32, #warp.mma<4>>>
  %pending = warp.dot %q, %key transpose_b : (!operand, !shared) -> !warp.pending<!scores>
  // CHECK: %[[SCORES:.*]] = warp.await %[[PENDING]] : !warp.pending
  %s = warp.await %pending : !warp.pending<!scores>
  // CHECK: warp.dot %[[OPERAND]], %[[KEY]], %[[SCORES]] transpose_b
  %sum = warp.dot %q, %key, %s transpose_b : (!operand, !shared, !scores) -> !warp.pending<!scores>
  // Maps and reductions keep the layout.
  // CHECK: tile.reduce max rows {{.*}} : (!tile.tile<64x64xf32, #warp.mma<4>>) -> !tile.tile<64x1xf32, #warp.mma<4>>
  %m = tile.reduce max rows %s : (!scores) -> !tile.tile<64x1xf32, #warp.mma<4>>
  tile.return
}
