// RUN: attn-translate --attn-to-cuda --split-input-file --verify-diagnostics %s

gpu.module @kernels {
  gpu.func @unknown_op(%out: memref<?xf32>, %x: f32) kernel {
    %c0 = arith.constant 0 : index
    // expected-error@+1 {{'math.erf' op cannot be printed as CUDA C++}}
    %0 = math.erf %x : f32
    memref.store %0, %out[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @unknown_effect(%out: memref<?xf32>) kernel {
    %c0 = arith.constant 0 : index
    %x = arith.constant 1.0 : f32
    // expected-error@+1 {{'memref.atomic_rmw' op cannot be printed as CUDA C++}}
    %0 = memref.atomic_rmw addf %x, %out[%c0] : (f32, memref<?xf32>) -> f32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @bf16_arithmetic(%out: memref<?xbf16>) kernel {
    %c0 = arith.constant 0 : index
    %x = memref.load %out[%c0] : memref<?xbf16>
    // expected-error@+1 {{floating-point arithmetic is in f32 only}}
    %0 = arith.addf %x, %x : bf16
    memref.store %0, %out[%c0] : memref<?xbf16>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @f64(%out: memref<?xf32>, %x: f32) kernel {
    %c0 = arith.constant 0 : index
    // expected-error@+1 {{it makes a value of a type that has no counterpart}}
    %0 = arith.extf %x : f32 to f64
    %1 = arith.truncf %0 : f64 to f32
    memref.store %1, %out[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error@+1 {{an argument is neither a memref nor index, i32, i64 or f32}}
  gpu.func @argument(%x: f64) kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error@+1 {{an argument is no tensor in global memory}}
  gpu.func @space(%x: memref<4xf32, #gpu.address_space<workgroup>>) kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @shuffle(%out: memref<?xf32>, %x: f32) kernel {
    %c0 = arith.constant 0 : index
    %c16 = arith.constant 16 : i32
    // expected-error@+1 {{shuffles are xor or idx, of f32, i32 or i64, over 32 lanes}}
    %0, %1 = gpu.shuffle xor %x, %c16, %c16 : f32
    memref.store %0, %out[%c0] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @read_write(%out: memref<?xi32>, %a: i32) kernel {
    // expected-error@+1 {{operands that are read and written}}
    nvvm.inline_ptx "add.u32 $0, $0, 1;" rw(%a : i32)
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error@+1 {{a module holds kernels}}
  memref.global "private" @table : memref<4xf32>
}
