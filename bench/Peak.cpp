//===- Peak.cpp - The machine's FMA peak ----------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "bench/Peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

using namespace attn::bench;

namespace {
using Clock = std::chrono::steady_clock;
/// Runs `iterations` of a loop of FMAs.
using Loop = void (*)(int64_t iterations);

/// Independent chains of the peak loop: a latency of 4 cycles and 2 ports need
/// at least 8.
constexpr int64_t chains = 14;
/// Dependent integer multiplications per iteration of the clock loop, and
/// their latency on x86 CPUs with AVX2.
constexpr int64_t chainLength = 16;
constexpr int64_t multiplyLatency = 3;
} // namespace

static double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

#if defined(__x86_64__)

// Assembly, because compilers spill, reorder or fold such loops. Each chain
// computes x = a * x + b with a = 15/16 and b = 1, so that values stay normal.
#define ATTN_PEAK_FMA(reg, x)                                                  \
  "vfmadd213ps %%" reg "15, %%" reg "14, %%" reg x "\n\t"
#define ATTN_PEAK_START(reg)                                                   \
  "vbroadcastss %[a], %%" reg "14\n\t"                                         \
  "vbroadcastss %[b], %%" reg "15\n\t"
#define ATTN_PEAK_ZERO(x) "vxorps %%xmm" x ", %%xmm" x ", %%xmm" x "\n\t"
#define ATTN_PEAK_END                                                          \
  "dec %[n]\n\t"                                                               \
  "jnz 1b\n\t"                                                                 \
  "vzeroupper"
#define ATTN_PEAK_OPERANDS                                                     \
  [n] "+r"(iterations)                                                         \
      : [a] "m"(factor), [b] "m"(addend)                                       \
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",  \
        "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define ATTN_PEAK_ALL(M)                                                       \
  M("0")                                                                       \
  M("1")                                                                       \
  M("2")                                                                       \
  M("3")                                                                       \
  M("4") M("5") M("6") M("7") M("8") M("9") M("10") M("11") M("12") M("13")
// A link of the clock loop. FMAs run beside it, so that the clock is that of a
// core under vector load.
#define ATTN_CHAIN_LINK "imul %[p], %[p]\n\t"
#define ATTN_PEAK_LOOPS(name, isa, reg)                                        \
  __attribute__((target(isa), noinline)) static void name##Peak(               \
      int64_t iterations) {                                                    \
    float factor = 0.9375f, addend = 1.0f;                                     \
    asm volatile(                                                              \
        ATTN_PEAK_START(reg) ATTN_PEAK_ALL(                                    \
            ATTN_PEAK_ZERO) ".p2align 6\n1:\n\t" ATTN_PEAK_ALL(name##Fma)      \
            ATTN_PEAK_END                                                      \
        : ATTN_PEAK_OPERANDS);                                                 \
  }                                                                            \
  __attribute__((target(isa), noinline)) static void name##Chain(              \
      int64_t iterations) {                                                    \
    float factor = 0.9375f, addend = 1.0f;                                     \
    int64_t product = 3;                                                       \
    asm volatile(                                                              \
        ATTN_PEAK_START(reg) ATTN_PEAK_ALL(                                    \
            ATTN_PEAK_ZERO) ".p2align 6\n1:\n\t"                               \
                            ".rept 4\n\t" ATTN_CHAIN_LINK name##Fma("0")       \
                                ATTN_CHAIN_LINK name##Fma("1")                 \
                                    ATTN_CHAIN_LINK name##Fma("2")             \
                                        ATTN_CHAIN_LINK name##Fma(             \
                                            "3") ".endr\n\t" ATTN_PEAK_END     \
        : [p] "+r"(product), ATTN_PEAK_OPERANDS);                              \
  }
#define avx2Fma(x) ATTN_PEAK_FMA("ymm", x)
#define avx512Fma(x) ATTN_PEAK_FMA("zmm", x)
// Two products of bf16 in each lane.
#define avx512bf16Fma(x) "vdpbf16ps %%zmm15, %%zmm14, %%zmm" x "\n\t"
static_assert(chainLength == 16 && chains == 14, "as in the loops");

ATTN_PEAK_LOOPS(avx2, "avx2,fma", "ymm")
ATTN_PEAK_LOOPS(avx512, "avx512f", "zmm")
ATTN_PEAK_LOOPS(avx512bf16, "avx512bf16", "zmm")

bool attn::bench::isaSupported(Isa isa) {
  if (isa == Isa::avx512bf16)
    return __builtin_cpu_supports("avx512bf16");
  if (isa == Isa::avx512)
    return __builtin_cpu_supports("avx512f");
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static Loop peakLoop(Isa isa) {
  return isa == Isa::avx512bf16 ? avx512bf16Peak
         : isa == Isa::avx512   ? avx512Peak
                                : avx2Peak;
}

static Loop chainLoop(Isa isa) {
  return isa == Isa::avx512bf16 ? avx512bf16Chain
         : isa == Isa::avx512   ? avx512Chain
                                : avx2Chain;
}

#else

bool attn::bench::isaSupported(Isa) { return false; }
static Loop peakLoop(Isa) { return nullptr; }
static Loop chainLoop(Isa) { return nullptr; }

#endif

int attn::bench::isaLanes(Isa isa) {
  return isa == Isa::avx512bf16 ? 32 : isa == Isa::avx512 ? 16 : 8;
}

/// Runs a function on `threads` threads that start together, and returns the
/// seconds until the last one has finished; 0 if they cannot be had.
template <typename Function>
static double runTogether(int threads, Function function) {
  std::atomic<int> waiting{0};
  std::atomic<bool> go{false}, giveUp{false};
  auto body = [&] {
    waiting.fetch_add(1);
    while (!go.load(std::memory_order_acquire))
      ;
    if (!giveUp.load())
      function();
  };
  std::vector<std::thread> others;
  try {
    for (int i = 1; i < threads; ++i)
      others.emplace_back(body);
  } catch (const std::exception &) {
    giveUp = true;
  }
  while (waiting.load() < static_cast<int>(others.size()))
    std::this_thread::yield();
  Clock::time_point start = Clock::now();
  go.store(true, std::memory_order_release);
  if (!giveUp)
    function();
  for (std::thread &other : others)
    other.join();
  return giveUp ? 0 : seconds(Clock::now() - start);
}

/// Iterations that take about `wanted` seconds.
static int64_t calibrate(Loop loop, double wanted) {
  for (int64_t iterations = 1 << 12;; iterations *= 2) {
    Clock::time_point start = Clock::now();
    loop(iterations);
    double elapsed = seconds(Clock::now() - start);
    if (elapsed >= 0.5 * wanted || iterations >= 1 << 30)
      return iterations;
  }
}

PeakSampler::PeakSampler(Isa isa, int threads) : isa(isa), threads(threads) {
  constexpr double peakSeconds = 0.004, clockSeconds = 0.001;
  if (!isaSupported(isa) || threads < 1)
    return;
  peakIterations = calibrate(peakLoop(isa), peakSeconds);
  clockIterations = calibrate(chainLoop(isa), clockSeconds);
}

double PeakSampler::samplePeak() const {
  if (peakIterations == 0)
    return 0;
  double time = runTogether(threads, [&] { peakLoop(isa)(peakIterations); });
  return time <= 0 ? 0
                   : double(peakIterations) / time * threads * chains * 2 *
                         isaLanes(isa) * 1e-9;
}

double PeakSampler::sampleClock() const {
  if (clockIterations == 0)
    return 0;
  double time = runTogether(1, [&] { chainLoop(isa)(clockIterations); });
  return double(clockIterations) / time * chainLength * multiplyLatency * 1e-9;
}

void attn::bench::spinCores(int threads, double duration) {
  runTogether(threads, [&] {
    Clock::time_point end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(duration));
    while (Clock::now() < end)
      ;
  });
}
