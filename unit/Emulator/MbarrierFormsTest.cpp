//===- MbarrierFormsTest.cpp - Spellings of mbarrier instructions ---------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestKernel.h"

#include <gtest/gtest.h>

using namespace attn::emulator;
using namespace attn::test;

namespace {

/// %r0, %d10 and %d11: the address of an mbarrier that expects `count`
/// arrivals, with 32 and 64 bits, and as a generic address. %d12 is that of the
/// data behind it. Buffer 0 is a word.
TestKernel kernelOf(const std::string &count, const std::string &body,
                    uint32_t threads = 128) {
  TestKernel kernel;
  kernel.threads = threads;
  kernel.body = R"(
    mov.u32 %r0, shared;
    cvt.u64.u32 %d10, %r0;
    cvta.shared.u64 %d11, %d10;
    @%is0 mbarrier.init.shared.b64 [%r0], )" +
                count + ";\nbar.sync 0;\n" + body;
  kernel.buffers = {bytesOf({0})};
  return kernel;
}

/// Of one thread; the words that it leaves in %r1, %r2 ..., as hex digits, or
/// as they are if there is one.
uint32_t resultOf(const std::string &count, const std::string &body,
                  unsigned words = 1) {
  std::string text = body;
  for (unsigned n = words; n > 1; --n)
    text += "shl.b32 %r" + std::to_string(n) + ", %r" + std::to_string(n) +
            ", " + std::to_string(4 * (n - 1)) + ";\nor.b32 %r1, %r1, %r" +
            std::to_string(n) + ";\n";
  TestKernel kernel = kernelOf(count, text + "st.global.b32 [%b0], %r1;\n", 1);
  expectSilent(kernel, 2);
  return wordsOf(kernel.buffers[0])[0];
}

/// Puts 1 or 0 into %r of this number: whether the phase of a parity is over.
std::string test(unsigned number, const std::string &parity) {
  const std::string name = "%r" + std::to_string(number);
  return "mbarrier.test_wait.parity.shared.b64 %p0, [%r0], " + parity +
         ";\nselp.u32 " + name + ", 1, 0, %p0;\n";
}

//===----------------------------------------------------------------------===//
// What orders
//===----------------------------------------------------------------------===//

/// Every thread stores its number, arrives, waits and reads another's.
TestKernel meeting(const std::string &arrive, const std::string &wait) {
  return kernelOf("128", R"(
    shl.b32 %r1, %thread, 2;
    add.u32 %r1, %r0, %r1;
    st.shared.u32 [%r1+64], %thread;
)" + arrive + "\nwait:\n" + wait +
                             R"(
    @!%p0 bra wait;
    add.u32 %r2, %thread, 33;
    rem.u32 %r2, %r2, 128;
    shl.b32 %r2, %r2, 2;
    add.u32 %r2, %r0, %r2;
    ld.shared.u32 %r3, [%r2+64];
    red.global.add.u32 [%b0], %r3;
)");
}

/// A space and an address in it.
struct Place {
  std::string space, address;
};
const Place places[] = {{".shared", "[%r0]"},
                        {".shared::cta", "[%d10]"},
                        {".shared", "[shared]"},
                        {"", "[%d11]"}};

std::string arriveAt(const Place &place, const std::string &semantics,
                     const std::string &operands = "") {
  return "mbarrier.arrive" + semantics + place.space + ".b64 %d0, " +
         place.address + operands + ";";
}

struct WaitForm {
  const char *name;  ///< "try_wait.parity"
  const char *value; ///< a state or a parity
  const char *hint;  ///< how long, at most
};
const WaitForm waits[] = {
    {"test_wait", "%d0", ""},     {"test_wait.parity", "0", ""},
    {"try_wait", "%d0", ""},      {"try_wait", "%d0", ", 100"},
    {"try_wait.parity", "0", ""}, {"try_wait.parity", "%r20", ", %r21"}};

std::string waitAt(const Place &place, const WaitForm &form,
                   const std::string &semantics) {
  return "mov.u32 %r20, 0;\nmov.u32 %r21, 1000;\nmbarrier." +
         std::string(form.name) + semantics + place.space + ".b64 %p0, " +
         place.address + ", " + form.value + form.hint + ";";
}

void expectMeeting(const std::string &arrive, const std::string &wait) {
  TestKernel kernel = meeting(arrive, wait);
  expectSilent(kernel, 2);
  EXPECT_EQ(wordsOf(kernel.buffers[0])[0], 127u * 128 / 2) << arrive << "\n"
                                                           << wait;
}

TEST(MbarrierForms, ReleasesAndAcquires) {
  const std::string arrive = arriveAt(places[0], "");
  for (const std::string semantics : {"", ".release.cta", ".release.cluster"})
    for (const Place &place : places) {
      expectMeeting(arriveAt(place, semantics),
                    waitAt(places[0], waits[0], ""));
      expectMeeting(arriveAt(place, semantics, ", 1"),
                    waitAt(places[0], waits[4], ""));
    }
  for (const WaitForm &form : waits)
    for (const std::string semantics : {"", ".acquire.cta", ".acquire.cluster"})
      for (const Place &place : places)
        expectMeeting(arrive, waitAt(place, form, semantics));
}

TEST(MbarrierForms, RelaxedOnesOrderNothing) {
  const std::string arrive = arriveAt(places[0], "");
  for (const std::string semantics : {".relaxed.cta", ".relaxed.cluster"}) {
    expectAmongReports(meeting(arriveAt(places[0], semantics),
                               waitAt(places[0], waits[4], "")),
                       ReportKind::race, "", 1);
    for (const WaitForm &form : waits)
      expectAmongReports(meeting(arrive, waitAt(places[1], form, semantics)),
                         ReportKind::race, "", 1);
  }
}

/// An arrival whose state nobody gets.
TEST(MbarrierForms, ArrivalsInTheCluster) {
  const WaitForm &wait = waits[4];
  for (const char *address : {"[%r0]", "[%d10]", "[shared]"})
    for (const std::string name : {"arrive", "arrive_drop"})
      for (const std::string semantics :
           {"", ".release.cta", ".release.cluster"})
        expectMeeting("mbarrier." + name + semantics +
                          ".shared::cluster.b64 _, " + address +
                          (semantics.empty() ? ";" : ", 1;"),
                      waitAt(places[0], wait, ""));
  expectAmongReports(
      meeting("mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%r0];",
              waitAt(places[0], wait, "")),
      ReportKind::race, "", 1);
  TestKernel kernel =
      kernelOf("1", "mbarrier.arrive.shared::cluster.b64 %d0, [%r0];");
  auto result = run(kernel);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find("there is no state: '_' is expected"),
            std::string::npos)
      << result.error();
  // Bytes, too.
  for (const std::string name : {"arrive", "arrive_drop"})
    EXPECT_EQ(resultOf("1",
                       "mbarrier." + name +
                           ".expect_tx.release.cluster.shared::cluster.b64 _, "
                           "[%r0], 32;\n" +
                           test(1, "0") +
                           "mbarrier.complete_tx.relaxed.cluster"
                           ".shared::cluster.b64 [%r0], 32;\n" +
                           test(2, "0"),
                       2),
              0x10u);
  EXPECT_EQ(resultOf("1",
                     "mbarrier.expect_tx.relaxed.cluster.shared::cluster"
                     ".b64 [%r0], 16;\n"
                     "mbarrier.arrive.shared::cluster.b64 _, [%r0];\n" +
                         test(1, "0") +
                         "mbarrier.complete_tx.shared::cluster.b64 [%r0], "
                         "16;\n" +
                         test(2, "0"),
                     2),
            0x10u);
}

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

/// pending_count of the state that an instruction returns.
std::string pending(unsigned number, const std::string &instruction) {
  return "mbarrier." + instruction + ";\nmbarrier.pending_count.b64 %r" +
         std::to_string(number) + ", %d0;\n";
}

TEST(MbarrierForms, StatesHoldWhatWasPendingBefore) {
  EXPECT_EQ(resultOf("7",
                     pending(1, "arrive.shared.b64 %d0, [%r0]") +
                         pending(2, "arrive.noComplete.shared.b64 %d0, [%r0], "
                                    "2") +
                         pending(3, "arrive.release.cta.shared.b64 %d0, "
                                    "[%r0], 3") +
                         // The last one of the phase, then one of the next.
                         pending(4, "arrive.shared::cta.b64 %d0, [%d10]") +
                         pending(5, "arrive.b64 %d0, [%d11]"),
                     5),
            0x71467u);
  EXPECT_EQ(resultOf("1048575", pending(1, "arrive.noComplete.release.cta"
                                           ".shared.b64 %d0, [%r0], 1048574")),
            1048575u);
  EXPECT_EQ(resultOf("1048575",
                     "mbarrier.arrive.shared.b64 _, [%r0], 1048574;\n" +
                         test(1, "0") +
                         "mbarrier.arrive.shared.b64 %d0, [%r0];\n" +
                         test(2, "0") +
                         "mbarrier.test_wait.shared.b64 %p0, [%r0], %d0;\n"
                         "selp.u32 %r3, 1, 0, %p0;\n",
                     3),
            0x110u);
}

TEST(MbarrierForms, DropsTakeFromLaterPhases) {
  // A wait for a phase by its parity comes after one for the phase before.
  const std::string wait =
      "mbarrier.test_wait.parity.shared.b64 %p0, [%r0], 0;\n";
  // 3 of 7 are gone from the second phase on.
  EXPECT_EQ(resultOf("7",
                     pending(1, "arrive_drop.shared.b64 %d0, [%r0], 2") +
                         pending(2, "arrive_drop.release.cta.shared::cta.b64 "
                                    "%d0, [%r0]") +
                         pending(3, "arrive.shared.b64 %d0, [%r0], 4") + wait +
                         pending(4, "arrive.shared.b64 %d0, [%r0], 3") +
                         test(5, "1") +
                         pending(6, "arrive.shared.b64 %d0, [%r0]") +
                         test(7, "1"),
                     7),
            0x1104457u);
  // With .noComplete, which must leave something.
  EXPECT_EQ(resultOf("6",
                     pending(1, "arrive_drop.noComplete.shared.b64 %d0, [%r0], "
                                "4") +
                         pending(2, "arrive_drop.noComplete.release.cta.b64 "
                                    "%d0, [%d11], 1") +
                         test(3, "0") +
                         pending(4, "arrive.shared.b64 %d0, [%r0]") + wait +
                         pending(5, "arrive.shared.b64 %d0, [%r0]") +
                         test(6, "1"),
                     6),
            0x111026u);
  expectReport(kernelOf("2",
                        "mbarrier.arrive_drop.noComplete.shared.b64 %d0, "
                        "[%r0], 2;\n",
                        1),
               ReportKind::mbarrier, ".noComplete", 1);
}

TEST(MbarrierForms, DropsThatExpectBytes) {
  // The bytes are expected first: the phase stays open. It counts once.
  for (const char *semantics : {"", ".release.cta", ".release.cluster",
                                ".relaxed.cta", ".relaxed.cluster"})
    EXPECT_EQ(
        resultOf("2",
                 pending(1, "arrive_drop.expect_tx" + std::string(semantics) +
                                ".shared.b64 %d0, [%r0], 16") +
                     pending(2, "arrive.shared.b64 %d0, [%r0]") + test(3, "0") +
                     "mbarrier.complete_tx.shared.b64 [%r0], 16;\n" +
                     test(4, "0") + pending(5, "arrive.shared.b64 %d0, [%r0]") +
                     test(6, "1"),
                 6),
        0x111012u)
        << semantics;
}

//===----------------------------------------------------------------------===//
// Waits that fail
//===----------------------------------------------------------------------===//

TEST(MbarrierForms, TryWaitsGiveUp) {
  for (const WaitForm &form : waits) {
    if (std::string(form.name).compare(0, 3, "try") != 0)
      continue;
    std::string wait = waitAt(places[0], form, ".acquire.cta");
    EXPECT_EQ(resultOf("2",
                       "mbarrier.arrive.shared.b64 %d0, [%r0];\n" + wait +
                           "selp.u32 %r1, 1, 2, %p0;\n"
                           "mbarrier.arrive.shared.b64 _, [%r0];\n" +
                           wait + "selp.u32 %r2, 1, 2, %p0;\n",
                       2),
              0x12u)
        << wait;
  }
}

TEST(MbarrierForms, TestsOfStatesReturnAtOnce) {
  EXPECT_EQ(
      resultOf("2",
               "mbarrier.arrive.shared.b64 %d0, [%r0];\n"
               "mbarrier.test_wait.shared.b64 %p0, [%r0], %d0;\n"
               "selp.u32 %r1, 1, 2, %p0;\n"
               "mbarrier.arrive.shared.b64 %d1, [%r0];\n"
               "mbarrier.test_wait.acquire.cluster.b64 %p0, [%d11], %d0;\n"
               "selp.u32 %r2, 1, 2, %p0;\n"
               "mbarrier.test_wait.relaxed.cta.shared.b64 %p0, [%r0], "
               "%d1;\n"
               "selp.u32 %r3, 1, 2, %p0;\n",
               3),
      0x112u);
}

//===----------------------------------------------------------------------===//
// Many
//===----------------------------------------------------------------------===//

/// A thread initialises so many mbarriers, uses each, and waits for it.
TestKernel many(unsigned count, bool invalidates) {
  return kernelOf("1",
                  R"(
    mov.u32 %r1, 1;
again:
    mad.lo.u32 %r2, %r1, 8, %r0;
    mbarrier.init.shared.b64 [%r2], 1;
    mbarrier.arrive.shared.b64 _, [%r2];
    mbarrier.try_wait.parity.shared.b64 %p0, [%r2], 0;
    selp.u32 %r3, 1, 0, %p0;
    red.global.add.u32 [%b0], %r3;
)" + std::string(invalidates ? "mbarrier.inval.shared.b64 [%r2];\n" : "") +
                      "add.u32 %r1, %r1, 1;\nsetp.lt.u32 %p1, %r1, " +
                      std::to_string(count) + ";\n@%p1 bra again;\n",
                  1);
}

TEST(MbarrierForms, SixtyFourInACta) {
  for (bool invalidates : {false, true}) {
    TestKernel most = many(64, invalidates);
    expectSilent(most, 1);
    EXPECT_EQ(wordsOf(most.buffers[0])[0], 63u);
    TestKernel more = many(65, invalidates);
    expectReport(more, ReportKind::limit, "more than 64 mbarriers", 1);
    more.options = LaunchOptions::unchecked();
    expectReport(more, ReportKind::limit, "more than 64 mbarriers", 1);
  }
  // One after the other at one place, there may be any number.
  TestKernel reused = kernelOf("1", R"(
    mov.u32 %r1, 0;
again:
    mbarrier.arrive.shared.b64 _, [%r0];
    mbarrier.inval.shared.b64 [%r0];
    mbarrier.init.shared.b64 [%r0], 1;
    add.u32 %r1, %r1, 1;
    setp.lt.u32 %p1, %r1, 100;
    @%p1 bra again;
    st.global.b32 [%b0], %r1;
)",
                               1);
  expectSilent(reused, 1);
  EXPECT_EQ(wordsOf(reused.buffers[0])[0], 100u);
}

} // namespace
