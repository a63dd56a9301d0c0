// Made for the tests of the parser: operands of sm_90a. It computes nothing.
using u32 = unsigned;
using u64 = unsigned long long;
__device__ u32 address(const void *p) {
  return (u32)__cvta_generic_to_shared(p);
}
__global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(128)
    bulk(const __grid_constant__ int4 map, float *out, int n) {
  extern __shared__ __align__(1024) char memory[];
  __shared__ u64 barrier;
  u32 full = address(&barrier), tile = address(memory);
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(full), "r"(1));
    asm volatile("fence.mbarrier_init.release.cluster;");
    asm volatile(
        "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full),
        "r"(16384));
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier:"
                 ":complete_tx::bytes"
                 " [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(tile),
                 "l"(&map), "r"(0), "r"(n), "r"(2), "r"(full)
                 : "memory");
  }
  asm volatile(
      "{\n.reg .pred done;\nagain:\nmbarrier.try_wait.parity.shared::cta.b64 "
      "done, [%0], %1, %2;\n"
      "@done bra over;\nbra again;\nover:\n}" ::"r"(full),
      "r"(0), "n"(10000000)
      : "memory");
  u32 elected;
  asm volatile(
      "{\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\nselp.u32 %0, 1, 0, p;\n}"
      : "=r"(elected));
  asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
  float d[4];
  u64 a = tile >> 4 | 1ull << 62, b = a + 64;
  asm volatile("wgmma.fence.sync.aligned;");
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %6, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {%0, %1, "
               "%2, %3}, %4, %5, p, 1, 1, 0, 0;\n}"
               : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
               : "l"(a), "l"(b), "r"(0));
  asm volatile(
      "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;");
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" ::"r"(tile),
      "r"(n), "r"(n + 1));
  asm volatile("fence.proxy.async.shared::cta;\nbarrier.sync 1, 128;");
  if (elected) {
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, "
                 "{%1, %2}], [%3];" ::"l"(&map),
                 "r"(0), "r"(n), "r"(tile)
                 : "memory");
    asm volatile(
        "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;");
  }
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait."
               "acquire.aligned;");
  *reinterpret_cast<float4 *>(out + 4 * threadIdx.x) =
      make_float4(d[0], d[1], d[2], d[3]);
}
