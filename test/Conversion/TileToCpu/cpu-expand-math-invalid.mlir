// What has no expansion would be a call of a library: kernels make none.

// RUN: attn-opt %s --cpu-expand-math --verify-diagnostics

func.func @no_expansion(%x: vector<16xf32>) -> vector<16xf32> {
  // expected-error@+1 {{'math.log10' op on 'vector<16xf32>' has no expansion for a CPU}}
  %0 = math.log10 %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// Only f32 is written as arithmetic.
func.func @other_types(%x: f64, %y: vector<4xf64>) -> (f64, vector<4xf64>) {
  // expected-error@+1 {{'math.exp2' op on 'f64' has no expansion for a CPU}}
  %0 = math.exp2 %x : f64
  // expected-error@+1 {{'math.exp' op on 'vector<4xf64>' has no expansion for a CPU}}
  %1 = math.exp %y : vector<4xf64>
  return %0, %1 : f64, vector<4xf64>
}
