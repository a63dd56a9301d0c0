//===- Peak.h - The machine's FMA peak --------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel's speed is measured against: the f32 FMA throughput of the very
// machine and moment.  Two independent measurements check each other: the peak
// loop should reach at least 95 % of
//   clock (measureClockGHz) x 2 x lanes (isaLanes) x FMA ports (1 or 2).
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_BENCH_PEAK_H
#define ATTN_BENCH_PEAK_H

namespace attn::bench {

/// Vector instructions to measure: AVX2 with FMA, or AVX-512.
enum class Isa { avx2, avx512 };

/// Whether this machine has them.
bool isaSupported(Isa isa);
/// f32 lanes of a vector: 8 or 16.
int isaLanes(Isa isa);

/// GFLOP/s (an FMA counts 2) of `threads` threads that do nothing but
/// independent f32 FMAs in registers, the best of `samples` of about 20 ms;
/// 0 if the machine has no such instructions or no such threads.
double measureFmaPeak(Isa isa, int threads, int samples = 15);

/// The clock of one core in GHz under a single chain of dependent FMAs, taking
/// their latency as 4 cycles; 0 if the machine has no such instructions.  A
/// core whose FMAs take longer reads too low, and a peak above
/// clock x 2 x lanes x ports is the sign of that: such a reading checks
/// nothing. Seen with 256-bit FMAs on an Intel Xeon with AMX (about 4.8
/// cycles); its 512-bit FMAs take 4.
double measureClockGHz(Isa isa);

/// Keeps `threads` cores busy.  Virtual cores that have been idle may run
/// slowly for seconds, so that several threads should be measured after this
/// only.
void spinCores(int threads, double seconds);

} // namespace attn::bench

#endif // ATTN_BENCH_PEAK_H
