//===- ScopeTest.cpp - Scopes of strong accesses and fences ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What has the scope of the CTA orders nothing between CTAs.
//
//===----------------------------------------------------------------------===//

#include "PtxKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

PtxKernel two(const std::string &text) {
  PtxKernel kernel{text, 64, 2};
  kernel.options.uninitialized = false;
  return kernel;
}

TEST(Scopes, AtomicsOfTwoCtas) {
  for (const char *scope : {"", ".gpu", ".sys"})
    expectSilent(two(std::string("red.relaxed") + (*scope ? scope : ".gpu") +
                     ".global.add.u32 [%out], 1;\natom" +
                     (*scope ? ".relaxed" : "") + scope +
                     ".global.add.u32 %r0, [%out], 1;\n"));
  const char *reach = "the scope .cta does not reach that far";
  for (const char *scope : {".cta", ".cluster"}) {
    const std::string add =
        std::string("atom.relaxed") + scope + ".global.add.u32 %r0, [%out], 1;";
    expectReport(two(add), ReportKind::race, reach);
    // One of both is enough.
    expectReport(two("setp.eq.u32 %p1, %cta, 0;\n@%p1 " + add +
                     "\n@!%p1 red.relaxed.gpu.global.add.u32 [%out], 1;\n"),
                 ReportKind::race, reach);
    // Within a CTA they are good.
    PtxKernel alone = two(add);
    alone.ctas = 1;
    expectSilent(alone);
  }
  expectReport(two("setp.eq.u32 %p1, %cta, 0;\n"
                   "@%p1 ld.relaxed.cta.global.b32 %r0, [%out];\n"
                   "@!%p1 st.relaxed.gpu.global.b32 [%out], 1;\n"),
               ReportKind::race, reach);
}

/// CTA 0 hands data to CTA 1.
PtxKernel handOver(const std::string &give, const std::string &take) {
  return two("setp.eq.u32 %p0, %cta, 0;\nsetp.eq.u32 %p1, %thread, 0;\n"
             "@!%p0 bra second;\nst.global.b32 [%lout], %thread;\nbar.sync 0;\n"
             "@!%p1 bra done;\n" +
             give + "bra done;\nsecond:\n@!%p1 bra wait;\n" + take +
             "wait:\nbar.sync 0;\nmul.wide.u32 %d0, %thread, 16;\n"
             "add.u64 %d0, %d0, %out;\nld.global.b32 %r9, [%d0];\ndone:\n");
}

TEST(Scopes, ReleasesAndAcquiresOfTwoCtas) {
  const std::string flag = "[%out+4000]";
  auto release = [&](const std::string &scope) {
    return "red.release" + scope + ".global.add.u32 " + flag + ", 1;\n";
  };
  auto acquire = [&](const std::string &scope) {
    return "atom.acquire" + scope + ".global.add.u32 %r2, " + flag + ", 0;\n";
  };
  auto fenceAnd = [&](const std::string &fence) {
    return fence + ";\nst.relaxed.gpu.global.b32 " + flag + ", 1;\n";
  };
  auto andFence = [&](const std::string &fence) {
    return "ld.relaxed.gpu.global.b32 %r2, " + flag + ";\n" + fence + ";\n";
  };
  const char *what = "no release and acquire order the two";
  expectSilent(handOver(release(".gpu"), acquire(".gpu")));
  expectReport(handOver(release(".cta"), acquire(".gpu")), ReportKind::race,
               what);
  expectReport(handOver(release(".gpu"), acquire(".cta")), ReportKind::race,
               what);
  for (const char *fence :
       {"fence.acq_rel.gpu", "fence.acq_rel.sys", "fence.sc.gpu",
        "fence.sc.sys", "membar.gl", "membar.sys"}) {
    expectSilent(handOver(fenceAnd(fence), acquire(".gpu")));
    expectSilent(handOver(release(".gpu"), andFence(fence)));
  }
  // The other ones do not reach another CTA, or are of proxies.
  for (const char *fence :
       {"fence.acq_rel.cta", "fence.sc.cta", "fence.acq_rel.cluster",
        "fence.sc.cluster", "membar.cta", "fence.proxy.alias",
        "membar.proxy.alias", "fence.proxy.async"}) {
    expectReport(handOver(fenceAnd(fence), acquire(".gpu")), ReportKind::race,
                 what);
    expectReport(handOver(release(".gpu"), andFence(fence)), ReportKind::race,
                 what);
  }
}

TEST(Scopes, FencesOfOneDirection) {
  const std::string flag = "[%out+4000]";
  const std::string write = ";\nst.relaxed.gpu.global.b32 " + flag + ", 1;\n",
                    read = "ld.relaxed.gpu.global.b32 %r2, " + flag + ";\n";
  for (const std::string scope : {".gpu", ".sys"}) {
    const std::string release = "fence.release" + scope,
                      acquire = "fence.acquire" + scope;
    expectSilent(handOver(release + write, read + acquire + ";\n"));
    expectReport(handOver(acquire + write, read + acquire + ";\n"),
                 ReportKind::race, "no release and acquire order the two");
    expectReport(handOver(release + write, read + release + ";\n"),
                 ReportKind::race, "no release and acquire order the two");
  }
}

TEST(Scopes, OfTheCtaWithinIt) {
  // Warp 0 hands data to warp 1, which waits for it.
  auto kernel = [](const std::string &give, const std::string &take) {
    PtxKernel kernel = two(
        "setp.eq.u32 %p0, %thread, 0;\nsetp.eq.u32 %p1, %thread, 32;\n"
        "@%p0 st.volatile.global.b32 [%out+2048], 0;\nbar.sync 0;\n"
        "@!%p0 bra other;\nst.global.b32 [%out], 7;\n" +
        give + "other:\n@!%p1 bra done;\nspin:\n" + take +
        "setp.ne.u32 %p2, %r0, 1;\n@%p2 bra spin;\nld.global.b32 %r1, [%out];\n"
        "done:\n");
    kernel.ctas = 1;
    return kernel;
  };
  for (const char *scope : {".cta", ".cluster", ".gpu", ".sys"}) {
    const std::string of = scope;
    expectSilent(kernel("st.release" + of + ".global.b32 [%out+2048], 1;\n",
                        "ld.acquire" + of + ".global.b32 %r0, [%out+2048];\n"));
    const std::string set = "st.relaxed" + of + ".global.b32 [%out+2048], 1;\n",
                      get =
                          "ld.relaxed" + of + ".global.b32 %r0, [%out+2048];\n";
    for (const std::string order : {".acq_rel", ".sc", ""})
      expectSilent(kernel("fence" + order + of + ";\n" + set,
                          get + "fence" + order + of + ";\n"));
    expectSilent(kernel("fence.release" + of + ";\n" + set,
                        get + "fence.acquire" + of + ";\n"));
    expectReport(kernel("fence.acquire" + of + ";\n" + set,
                        get + "fence.acquire" + of + ";\n"),
                 ReportKind::race, "another warp");
    expectReport(kernel("fence.release" + of + ";\n" + set,
                        get + "fence.release" + of + ";\n"),
                 ReportKind::race, "another warp");
  }
  // A fence of the CTA and an access of the GPU, and the other way round.
  expectSilent(kernel("membar.cta;\nst.volatile.global.b32 [%out+2048], 1;\n",
                      "ld.acquire.gpu.global.b32 %r0, [%out+2048];\n"));
  expectReport(kernel("st.volatile.global.b32 [%out+2048], 1;\n",
                      "ld.acquire.gpu.global.b32 %r0, [%out+2048];\n"),
               ReportKind::race, "another warp");
}

} // namespace
