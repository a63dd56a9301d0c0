// Made for the tests of the parser: most of the language in a small kernel.
#include <cstdio>
struct Pair {
  int a;
  double b;
};
__constant__ float table[4] = {1.f, 2.5f, -3.f, 0.1f};
__device__ int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
__device__ const char *names[2] = {"one", "two"};
__device__ int *pointer = &matrix[1][1];
extern __shared__ float4 dynamicMemory[];
__device__ __noinline__ Pair make(int a, double b) { return {a + 1, b}; }
__global__ void __launch_bounds__(128, 2) language(float *out, Pair p, int n) {
  __shared__ int tile[128];
  int t = threadIdx.x;
  tile[t] = n;
  __syncthreads();
  Pair r = make(n, p.b);
  int sum = r.a;
  if (n == 6)
    printf("t = %d\n", t);
  float local[16];
  for (int i = 0; i < n; i++)
    local[i & 15] = i * table[i & 3];
  for (int i = 0; i < 2; i++)
    asm volatile("{\n.reg .pred p;\n.reg .b32 r<2>;\nL1: mov.u32 r0, %0;\n"
                 "setp.eq.s32 p, r0, 3;\n@!p bra L1;\nadd.s32 %0, r0, 1;\n}"
                 : "+r"(sum));
  out[t] = sum + tile[127 - t] + local[n & 15] + dynamicMemory[t].y +
           matrix[n & 1][2] + names[n & 1][0] + *pointer + (float)r.b;
}
