//===- Peak.h - The machine's FMA peak --------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel's speed is measured against: the f32 FMA throughput of the very
// machine and moment. A core's clock depends on what it just did, and changes
// within milliseconds, so that samples are short and taken next to the kernel.
// Two measurements check each other: the peak loop should reach at least 95 %
// of clock x 2 x lanes x FMA ports.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_PEAK_H
#define ATTN_BENCH_PEAK_H

#include <cstdint>

namespace attn::bench {

/// Vector instructions to measure: AVX2 with FMA, AVX-512, or AVX-512's dot
/// products of bf16 pairs.
enum class Isa { avx2, avx512, avx512bf16 };

/// Whether this machine has them.
bool isaSupported(Isa isa);
/// Multiply-adds of an instruction: 8, 16 or 32.
int isaLanes(Isa isa);

/// Samples the peak of this machine.
class PeakSampler {
public:
  /// Finds out how long the loops must run. All samples are 0 if the machine
  /// has no such instructions.
  PeakSampler(Isa isa, int threads);

  /// GFLOP/s (a multiply-add counts 2) of `threads` threads that do nothing but
  /// independent FMAs or dot products in registers, for about 4 ms.
  double samplePeak() const;

  /// The clock of one core in GHz under vector load, for about 1 ms: a chain of
  /// dependent integer multiplications, of 3 cycles each, with FMAs beside it.
  double sampleClock() const;

private:
  Isa isa;
  int threads;
  int64_t peakIterations = 0, clockIterations = 0;
};

/// Keeps `threads` cores busy.  Virtual cores that have been idle may run
/// slowly for seconds, so that several threads should be measured after this
/// only.
void spinCores(int threads, double seconds);

} // namespace attn::bench

#endif // ATTN_BENCH_PEAK_H
