// RUN: attn-translate --attn-to-cuda %s | FileCheck %s

// CHECK: typedef u32 b16x2;
// CHECK: struct __attribute__((may_alias)) __align__(16) f32x4 {
// CHECK-NEXT:   float v[4];
// CHECK-NEXT: };

gpu.module @kernels {
  // CHECK-LABEL: registers(
  gpu.func @registers(%in: memref<?xf32> {attn.name = "in"}, %out: memref<?xbf16> {attn.name = "out"},
                      %words: memref<?xi32> {attn.name = "words"}) kernel {
    %c0 = arith.constant 0 : index
    %two = arith.constant dense<2.0> : vector<4xf32>
    // CHECK: f32x4 x = *(const f32x4 *)in.data;
    %x = vector.load %in[%c0] {attn.name = "x"} : memref<?xf32>, vector<4xf32>
    // CHECK: f32x4 y;
    // CHECK-NEXT: UNROLL(e, 4)
    // CHECK-NEXT:   y.v[e] = x.v[e] * 2.0f;
    %y = arith.mulf %x, %two {attn.name = "y"} : vector<4xf32>
    // Two numbers are rounded at once.
    // CHECK: b16x4 rounded =
    // CHECK-NEXT: b16x4{{[{][{]}}pack_bf16x2(y.v[0], y.v[1]), pack_bf16x2(y.v[2], y.v[3])
    %rounded = arith.truncf %y {attn.name = "rounded"} : vector<4xf32> to vector<4xbf16>
    // CHECK: *(b16x4 *)out.data = rounded;
    vector.store %rounded, %out[%c0] : memref<?xbf16>, vector<4xbf16>
    // CHECK: *(b16x2 *)out.data = pack_bf16x2(y.v[3], y.v[0]);
    %y0 = vector.extract %y[0] : f32 from vector<4xf32>
    %y3 = vector.extract %y[3] : f32 from vector<4xf32>
    %pair = vector.from_elements %y3, %y0 : vector<2xf32>
    %packed = arith.truncf %pair : vector<2xf32> to vector<2xbf16>
    vector.store %packed, %out[%c0] : memref<?xbf16>, vector<2xbf16>
    // A pair is a word.
    // CHECK: words.data[0] = (int)rounded.v[1];
    %as_words = vector.bitcast %rounded : vector<4xbf16> to vector<2xi32>
    %word = vector.extract %as_words[1] : i32 from vector<2xi32>
    memref.store %word, %words[%c0] : memref<?xi32>
    // CHECK: in.data[0] = bf16_to_float(high_half(rounded.v[0]));
    %element = vector.extract %rounded[1] : bf16 from vector<4xbf16>
    %wide = arith.extf %element : bf16 to f32
    memref.store %wide, %in[%c0] : memref<?xf32>
    gpu.return
  }

  // Long vectors are computed in loops.
  // CHECK-LABEL: loops(
  gpu.func @loops(%in: memref<?xbf16> {attn.name = "in"}, %out: memref<?xf32> {attn.name = "out"}) kernel {
    %c0 = arith.constant 0 : index
    %x = vector.load %in[%c0] {attn.name = "x"} : memref<?xbf16>, vector<8xbf16>
    // CHECK: f32x8 y;
    // CHECK-NEXT: UNROLL(e, 8)
    // CHECK-NEXT:   y.v[e] =
    // CHECK-NEXT:     bf16_to_float(e % 2 ? high_half(x.v[e / 2]) : low_half(x.v[e / 2]));
    %y = arith.extf %x {attn.name = "y"} : vector<8xbf16> to vector<8xf32>
    // CHECK: f32x8 z = y;
    // CHECK-NEXT: z.v[2] = y.v[5];
    %y5 = vector.extract %y[5] : f32 from vector<8xf32>
    %z = vector.insert %y5, %y [2] {attn.name = "z"} : f32 into vector<8xf32>
    vector.store %z, %out[%c0] : memref<?xf32>, vector<8xf32>
    gpu.return
  }
}
