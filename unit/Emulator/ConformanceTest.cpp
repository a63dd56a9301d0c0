//===- ConformanceTest.cpp - Tests of the emulator by the corpus ----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator against what GPUs have computed (the committed vectors) and
// against what the PTX ISA tells; and that both comparisons would notice.
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"
#include "conformance/Vectors.h"

#include "runtime/devices/emulator/Form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

using namespace attn;
using namespace attn::conformance;

namespace {

/// "tma" of "tma.load.2d.sw128.bf16".
std::string familyOf(const Case &given) {
  return given.name.substr(0, given.name.find('.'));
}

std::vector<std::string> families() {
  std::vector<std::string> names;
  for (const Case &one : allCases())
    if (std::find(names.begin(), names.end(), familyOf(one)) == names.end())
      names.push_back(familyOf(one));
  return names;
}

std::vector<const Case *> casesOf(const std::string &family) {
  std::vector<const Case *> cases;
  for (const Case &one : allCases())
    if (familyOf(one) == family)
      cases.push_back(&one);
  return cases;
}

class ConformanceFamily : public testing::TestWithParam<std::string> {};

std::string testName(const testing::TestParamInfo<std::string> &info) {
  std::string name = info.param;
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}

INSTANTIATE_TEST_SUITE_P(Conformance, ConformanceFamily,
                         testing::ValuesIn(families()), testName);

//===----------------------------------------------------------------------===//
// The corpus
//===----------------------------------------------------------------------===//

/// No reports of any check, and the numbers of the PTX ISA.
TEST_P(ConformanceFamily, EmulatorFollowsTheIsa) {
  std::unique_ptr<Device> device = makeEmulatorDevice();
  for (const Case *one : casesOf(GetParam())) {
    SCOPED_TRACE(one->name);
    Problem problem = one->make();
    Result<std::string> output = device->run(*one, problem);
    if (!output) {
      ADD_FAILURE() << output.error();
      continue;
    }
    if (!problem.expected)
      continue;
    std::string expected = problem.expected();
    ASSERT_EQ(expected.size(), problem.initialOutput.size());
    Comparison comparison =
        compare(problem, expected, *output, "the PTX ISA", "the emulator");
    EXPECT_EQ(comparison.differing, 0u) << comparison.first;
    // A kernel that leaves the output alone tests nothing.
    EXPECT_NE(expected, problem.initialOutput);
  }
}

/// Asynchronous work at other times, warps in other orders.
TEST_P(ConformanceFamily, EmulatorIsTheSameInEveryMode) {
  emulator::LaunchOptions lazy;
  std::vector<emulator::LaunchOptions> others(3);
  others[0].async = emulator::AsyncMode::eager;
  others[1].async = others[2].async = emulator::AsyncMode::random;
  others[1].seed = 1;
  others[2].seed = 2;
  others[2].spuriousTryWaits = 2;
  const std::set<std::string> asynchronous = {"cp-async", "bulk",  "mbarrier",
                                              "tma",      "wgmma", "atomic"};
  if (!asynchronous.count(GetParam()))
    GTEST_SKIP() << "nothing here is asynchronous";
  for (const Case *one : casesOf(GetParam())) {
    Problem problem = one->make();
    Result<std::string> wanted = makeEmulatorDevice(lazy)->run(*one, problem);
    ASSERT_TRUE(wanted) << one->name << ": " << wanted.error();
    for (const emulator::LaunchOptions &options : others) {
      Result<std::string> output =
          makeEmulatorDevice(options)->run(*one, problem);
      ASSERT_TRUE(output) << one->name << ": " << output.error();
      EXPECT_EQ(*output, *wanted) << one->name;
    }
  }
}

/// The kernels of all cases for a target, with numbers after their names.
std::string moduleOf(const std::vector<const Case *> &cases) {
  std::string module = header(cases.front()->target);
  for (size_t i = 0; i < cases.size(); ++i) {
    std::string ptx = cases[i]->make().ptx;
    std::string head = header(cases[i]->target);
    EXPECT_EQ(ptx.compare(0, head.size(), head), 0) << cases[i]->name;
    std::string body = ptx.substr(head.size());
    size_t at = body.find(".entry kernel(");
    EXPECT_NE(at, std::string::npos) << cases[i]->name;
    body.insert(at + 13, "_" + std::to_string(i));
    module += body;
  }
  return module;
}

TEST_P(ConformanceFamily, PtxasAcceptsIt) {
  std::map<std::string, std::vector<const Case *>> byTarget;
  for (const Case *one : casesOf(GetParam()))
    byTarget[header(one->target)].push_back(one);
  for (const auto &[head, cases] : byTarget) {
    std::string target = cases.front()->target.name();
    Result<test::PtxasOutput> all = test::runPtxas(moduleOf(cases), target);
    ASSERT_TRUE(all) << all.error();
    if (!all->cubin.empty())
      continue;
    // Which of them?
    for (const Case *one : cases) {
      Result<test::PtxasOutput> output =
          test::runPtxas(one->make().ptx, target);
      ASSERT_TRUE(output) << output.error();
      EXPECT_FALSE(output->cubin.empty()) << one->name << ": " << output->log;
    }
  }
}

TEST(Conformance, NamesAreUnique) {
  std::set<std::string> names;
  for (const Case &one : allCases()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_EQ(one.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                         "0123456789._-"),
              std::string::npos)
        << one.name;
  }
}

/// Shapes of wgmma without N, and satfinite where it always stands.
std::string withoutColumns(std::string spelling) {
  size_t n = spelling.find(".m64n");
  if (n != std::string::npos)
    spelling.erase(n + 4, spelling.find('k', n) - n - 4);
  size_t satfinite = spelling.find(".satfinite");
  if (satfinite != std::string::npos)
    spelling.erase(satfinite, 10);
  return spelling;
}

TEST(Conformance, EveryProductOfTheTablesHasACase) {
  std::string text;
  std::set<std::string> used;
  for (const Case &one : allCases()) {
    if (familyOf(one) != "mma" && familyOf(one) != "wgmma")
      continue;
    std::string ptx = one.make().ptx;
    for (const char *name : {"mma.sync.", "wgmma.mma_async."})
      for (size_t at = ptx.find(name); at != std::string::npos;
           at = ptx.find(name, at + 1))
        used.insert(withoutColumns(ptx.substr(at, ptx.find(' ', at) - at)));
  }
  for (const auto &forms : {emulator::mmaForms(), emulator::wgmmaForms()})
    for (const emulator::Form &form : forms)
      for (const emulator::Match &match : emulator::expand(form)) {
        std::string spelling = emulator::spell(match);
        bool isProduct = spelling.find("mma.sync.") == 0 ||
                         spelling.find("wgmma.mma_async.") == 0;
        EXPECT_TRUE(!isProduct || used.count(withoutColumns(spelling)))
            << spelling;
      }
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

TEST(ConformanceVectors, Committed) {
  std::error_code error;
  size_t count = 0;
  for (const auto &entry :
       std::filesystem::directory_iterator(ATTN_CONFORMANCE_VECTORS, error)) {
    if (entry.path().extension() != ".bin")
      continue;
    SCOPED_TRACE(entry.path().filename().string());
    ++count;
    EXPECT_LT(entry.file_size(), 3u << 20);
    Result<Vectors> vectors = readVectors(entry.path().string());
    ASSERT_TRUE(vectors) << vectors.error();
    Result<Replay> result = replay(*vectors, *makeEmulatorDevice());
    ASSERT_TRUE(result) << result.error();
    EXPECT_GT(result->compared, 0u);
    for (const std::string &difference : result->differences)
      ADD_FAILURE() << difference;
  }
  if (!count)
    GTEST_SKIP() << "there are no vectors of a GPU yet";
}

/// Vectors that the emulator made of some cases.
Vectors vectorsOf(const std::string &filter) {
  return record(*makeEmulatorDevice(), casesCalled(filter));
}

Vector &vectorCalled(Vectors &vectors, const std::string &name) {
  auto found =
      std::find_if(vectors.vectors.begin(), vectors.vectors.end(),
                   [&](const Vector &one) { return one.name == name; });
  EXPECT_NE(found, vectors.vectors.end()) << name;
  return *found;
}

TEST(ConformanceVectors, AreReplayed) {
  Vectors vectors = vectorsOf("bits.");
  for (const Vector &vector : vectors.vectors)
    EXPECT_FALSE(vector.failed) << vector.name << ": " << vector.bytes;
  Result<Vectors> read = decodeVectors(encodeVectors(vectors));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->device.name, "the emulator");
  EXPECT_EQ(read->device.computeCapability, 90);
  EXPECT_EQ(read->date, vectors.date);
  Result<Replay> result = replay(*read, *makeEmulatorDevice(), "bits.");
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(result->compared, vectors.vectors.size());
  EXPECT_EQ(result->differences, std::vector<std::string>());
  EXPECT_EQ(result->missing, std::vector<std::string>());
}

TEST(ConformanceVectors, AreFiles) {
  std::string path = testing::TempDir() + "conformance.bin";
  Vectors vectors = vectorsOf("movmatrix");
  ASSERT_TRUE(writeVectors(path, vectors));
  Result<Vectors> read = readVectors(path);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->vectors.size(), 1u);
  std::ofstream(path) << "something else";
  EXPECT_EQ(readVectors(path).error(),
            "'" + path +
                "': these are no conformance vectors: they do not begin with "
                "'attn-conformance'");
  std::filesystem::remove(path);
  EXPECT_EQ(readVectors(path).error(), "cannot read '" + path + "'");
  EXPECT_EQ(fileNameFor({"NVIDIA H200 (80GB)", 90, ""}),
            "nvidia-h200-80gb-90.bin");
}

TEST(ConformanceVectors, NameAChangedByte) {
  // Kept as it is.
  Vectors vectors = vectorsOf("mma.m16n8k8.f16.f16.f16");
  ASSERT_EQ(vectors.vectors.size(), 1u);
  vectors.vectors[0].bytes[6] ^= 1;
  Result<Replay> result =
      replay(vectors, *makeEmulatorDevice(), vectors.vectors[0].name);
  ASSERT_TRUE(result) << result.error();
  ASSERT_EQ(result->differences.size(), 1u);
  const std::string &first = result->differences[0];
  EXPECT_EQ(first.find("mma.m16n8k8.f16.f16.f16: 1 of 512 elements differ, "
                       "first 'd0', row 0, column 3 (lane 1) of warp 0: the "
                       "emulator has 0x"),
            0u)
      << first;

  // Kept as hashes: the elements around are named.
  vectors = vectorsOf("wgmma.ss.f32.bf16.bf16.n8");
  ASSERT_EQ(vectors.vectors.size(), 1u);
  vectors.vectors[0].bytes[2 * 4] ^= 1;
  result = replay(vectors, *makeEmulatorDevice(), vectors.vectors[0].name);
  ASSERT_TRUE(result) << result.error();
  ASSERT_EQ(result->differences.size(), 1u);
  EXPECT_EQ(result->differences[0],
            "wgmma.ss.f32.bf16.bf16.n8: 128 of 512 elements differ, first from "
            "'d', row 8, column 0 (register 2 of thread 0) to 'd', row 63, "
            "column 6 (register 2 of thread 127): the emulator has another "
            "hash than the emulator");
}

TEST(ConformanceVectors, SayWhatTheIsaTells) {
  // A device that is wrong in one element: the hashes tell the place.
  class WrongDevice : public Device {
  public:
    const DeviceInfo &info() const override { return emulator->info(); }
    Result<std::string> run(const Case &given,
                            const Problem &problem) override {
      Result<std::string> output = emulator->run(given, problem);
      if (output)
        (*output)[512 + 5 * 4] ^= 1;
      return output;
    }
    std::unique_ptr<Device> emulator = makeEmulatorDevice();
  } wrong;
  Vectors vectors = vectorsOf("wgmma.ss.f32.bf16.bf16.n8");
  Result<Replay> result = replay(vectors, wrong, vectors.vectors[0].name);
  ASSERT_TRUE(result) << result.error();
  ASSERT_EQ(result->differences.size(), 1u);
  const std::string &text = result->differences[0];
  EXPECT_NE(text.find("; in 'd', row 1, column 3 (register 1 of thread 5) the "
                      "PTX ISA tells 0x"),
            std::string::npos)
      << text;
}

TEST(ConformanceVectors, AreRefused) {
  Vectors vectors = vectorsOf("bits.logic");
  ASSERT_EQ(vectors.vectors.size(), 3u);
  std::string bytes = encodeVectors(vectors);
  auto errorOf = [](const std::string &bytes) {
    Result<Vectors> read = decodeVectors(bytes);
    return read ? std::string("none") : read.error();
  };
  std::string other = bytes;
  other.replace(other.find(" 1\n"), 2, " 7");
  EXPECT_EQ(errorOf(other),
            "the vectors have format version 7, but this program reads "
            "version 1; write them again with scripts/gpu-conformance");
  // At any place.
  for (size_t size = 0; size < bytes.size(); size += 97) {
    std::string error = errorOf(bytes.substr(0, size));
    EXPECT_TRUE(error.find("truncated") != std::string::npos ||
                error.find("no conformance vectors") != std::string::npos)
        << size << ": " << error;
  }
  other = bytes;
  other[other.size() - 30] ^= 1;
  EXPECT_EQ(errorOf(other),
            "the vectors are damaged: their bytes do not have the hash that "
            "was written with them");
  EXPECT_NE(errorOf(bytes + "more"), "none");

  auto replayError = [](const Vectors &vectors) {
    Result<Replay> result = replay(vectors, *makeEmulatorDevice());
    return result ? std::string("none") : result.error();
  };
  Vectors changed = vectors;
  changed.vectors[1].hash ^= 1;
  EXPECT_EQ(replayError(changed),
            "the vectors of the emulator are of " + vectors.date +
                ", and case 'bits.logic.b32' has changed since; write them "
                "again with scripts/gpu-conformance");
  changed = vectors;
  changed.vectors[1].name = "bits.no-more";
  EXPECT_EQ(replayError(changed),
            "the vectors of the emulator are of " + vectors.date +
                ", and case 'bits.no-more' was removed since; write them "
                "again with scripts/gpu-conformance");
}

TEST(ConformanceVectors, KnowWhatIsMissing) {
  Vectors vectors = vectorsOf("bits.logic");
  vectors.vectors.erase(vectors.vectors.begin() + 1);
  vectors.vectors[0].failed = true;
  vectors.vectors[0].bytes = "CUDA_ERROR_INVALID_PTX";
  Result<Replay> result = replay(vectors, *makeEmulatorDevice(), "bits.logic");
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(result->compared, 1u);
  EXPECT_EQ(result->failedThere, 1u);
  EXPECT_EQ(result->missing, std::vector<std::string>{"bits.logic.b32"});
}

TEST(ConformanceVectors, AreSmall) {
  size_t bytes = 0;
  for (const Case &one : allCases()) {
    Problem problem = one.make();
    bytes += one.name.size() + 15 + keep(problem, problem.initialOutput).size();
  }
  EXPECT_LT(bytes, 2u << 20);
}

//===----------------------------------------------------------------------===//
// The way to a GPU
//===----------------------------------------------------------------------===//

/// Opens the emulated driver; the name of its library is that of NVIDIA's, and
/// the device gets the same one. Null if a real one is open.
void *openEmulatedDriver() {
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD))
    return nullptr;
  return dlopen(ATTN_TEST_DRIVER, RTLD_NOW);
}

class ConformanceDriver : public testing::Test {
protected:
  void SetUp() override {
    driver = openEmulatedDriver();
    if (!driver)
      GTEST_SKIP() << "another driver is open in this process";
  }
  void TearDown() override {
    for (const char *name : names)
      unsetenv(name);
    if (driver)
      dlclose(driver);
  }
  /// Records the cases of 'bits.logic' while b32 goes wrong in some way.
  Vectors recordWith(const char *name, int patience = 30) {
    names.push_back(name);
    setenv(name, "not.b32", 1);
    auto device = makeCudaDevice(patience);
    EXPECT_TRUE(device) << device.error();
    return record(**device, casesCalled("bits.logic"));
  }
  /// b32 failed so, and the others have their results.
  void expectFailure(Vectors &vectors, const std::string &message) {
    ASSERT_EQ(vectors.vectors.size(), 3u);
    for (const Vector &vector : vectors.vectors)
      EXPECT_EQ(vector.failed, vector.name == "bits.logic.b32")
          << vector.name << ": " << vector.bytes;
    EXPECT_EQ(vectorCalled(vectors, "bits.logic.b32").bytes, message);
    Result<Replay> result =
        replay(vectors, *makeEmulatorDevice(), "bits.logic");
    ASSERT_TRUE(result) << result.error();
    EXPECT_EQ(result->compared, 2u);
    EXPECT_EQ(result->differences, std::vector<std::string>());
  }

  void *driver = nullptr;
  std::vector<const char *> names;
};

TEST_F(ConformanceDriver, RunsCases) {
  auto device = makeCudaDevice();
  ASSERT_TRUE(device) << device.error();
  EXPECT_EQ((*device)->info().name, "Emulated GPU");
  EXPECT_EQ((*device)->info().computeCapability, 90);
  EXPECT_EQ((*device)->info().driver, "CUDA 13.0");
  // With tensor maps in the input and in the output.
  for (const char *filter : {"bits.", "tma.load.3d", "tma.store.2d"}) {
    Vectors vectors = record(**device, casesCalled(filter));
    for (const Vector &vector : vectors.vectors)
      EXPECT_FALSE(vector.failed) << vector.name << ": " << vector.bytes;
    Result<Replay> result = replay(vectors, *makeEmulatorDevice(), filter);
    ASSERT_TRUE(result) << result.error();
    EXPECT_GT(result->compared, 3u);
    EXPECT_EQ(result->differences, std::vector<std::string>());
  }
}

TEST_F(ConformanceDriver, GoesOnAfterAKernelThatFails) {
  Vectors vectors = recordWith("ATTN_EMULATED_DRIVER_FAILS");
  expectFailure(vectors, "the kernel: CUDA_ERROR_ILLEGAL_ADDRESS (700), said "
                         "by the emulated driver");
}

TEST_F(ConformanceDriver, GoesOnAfterAProcessThatDies) {
  Vectors vectors = recordWith("ATTN_EMULATED_DRIVER_DIES");
  expectFailure(vectors, "the process that ran the kernel ended");
}

TEST_F(ConformanceDriver, GoesOnAfterAKernelThatHangs) {
  Vectors vectors = recordWith("ATTN_EMULATED_DRIVER_HANGS", 2);
  expectFailure(vectors, "the kernel did not end within 2 s");
}

TEST(ConformanceNoDriver, IsSaid) {
  if (void *driver = dlopen("libcuda.so.1", RTLD_NOW)) {
    dlclose(driver);
    GTEST_SKIP() << "there is a driver";
  }
  auto device = makeCudaDevice();
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().find("there is no NVIDIA driver: "), 0u)
      << device.error();
}

} // namespace
