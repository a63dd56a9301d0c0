//===- Host.cpp - What the CPU of this machine offers ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On x86-64 the table maps LLVM's names to bits of CPUID, as Intel's Software
// Developer's Manual (volume 2, CPUID) and AMD's Programmer's Manual (volume 3,
// appendix E) number them.  On AArch64 the kernel reports them.
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Host.h"
#include "Guard.h"

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

using namespace attn;

#if defined(__x86_64__)

namespace {
/// The registers that hold a CPUID leaf, in the order of Leaf::words.
enum Register { eax, ebx, ecx, edx };

struct Leaf {
  uint32_t words[4] = {};

  /// All zero if the processor does not have the leaf.
  static Leaf read(uint32_t leaf, uint32_t subleaf) {
    Leaf result;
    uint32_t *w = result.words;
    if (!__get_cpuid_count(leaf, subleaf, &w[eax], &w[ebx], &w[ecx], &w[edx]))
      return Leaf();
    return result;
  }
};

/// Registers that the operating system must save and restore.
enum class State { none, avx, avx512, apx };

struct Feature {
  std::string_view name;
  uint32_t leaf, subleaf;
  Register word;
  int bit;
  State state;
};
} // namespace

static constexpr uint32_t amdLeaf = 0x80000001;

static constexpr Feature features[] = {
    {"sse", 1, 0, edx, 25, State::none},
    {"sse2", 1, 0, edx, 26, State::none},
    {"sse3", 1, 0, ecx, 0, State::none},
    {"ssse3", 1, 0, ecx, 9, State::none},
    {"sse4.1", 1, 0, ecx, 19, State::none},
    {"sse4.2", 1, 0, ecx, 20, State::none},
    {"sse4a", amdLeaf, 0, ecx, 6, State::none},
    {"popcnt", 1, 0, ecx, 23, State::none},
    {"movbe", 1, 0, ecx, 22, State::none},
    {"lzcnt", amdLeaf, 0, ecx, 5, State::none},
    {"bmi", 7, 0, ebx, 3, State::none},
    {"bmi2", 7, 0, ebx, 8, State::none},
    {"tbm", amdLeaf, 0, ecx, 21, State::none},
    {"gfni", 7, 0, ecx, 8, State::none},
    {"avx", 1, 0, ecx, 28, State::avx},
    {"f16c", 1, 0, ecx, 29, State::avx},
    {"fma", 1, 0, ecx, 12, State::avx},
    {"fma4", amdLeaf, 0, ecx, 16, State::avx},
    {"xop", amdLeaf, 0, ecx, 11, State::avx},
    {"avx2", 7, 0, ebx, 5, State::avx},
    {"avxvnni", 7, 1, eax, 4, State::avx},
    {"avxifma", 7, 1, eax, 23, State::avx},
    {"avxvnniint8", 7, 1, edx, 4, State::avx},
    {"avxneconvert", 7, 1, edx, 5, State::avx},
    {"avxvnniint16", 7, 1, edx, 10, State::avx},
    {"avx512f", 7, 0, ebx, 16, State::avx512},
    {"avx512dq", 7, 0, ebx, 17, State::avx512},
    {"avx512ifma", 7, 0, ebx, 21, State::avx512},
    {"avx512cd", 7, 0, ebx, 28, State::avx512},
    {"avx512bw", 7, 0, ebx, 30, State::avx512},
    {"avx512vl", 7, 0, ebx, 31, State::avx512},
    {"avx512vbmi", 7, 0, ecx, 1, State::avx512},
    {"avx512vbmi2", 7, 0, ecx, 6, State::avx512},
    {"avx512vnni", 7, 0, ecx, 11, State::avx512},
    {"avx512bitalg", 7, 0, ecx, 12, State::avx512},
    {"avx512vpopcntdq", 7, 0, ecx, 14, State::avx512},
    {"avx512vp2intersect", 7, 0, edx, 8, State::avx512},
    {"avx512fp16", 7, 0, edx, 23, State::avx512},
    {"avx512bf16", 7, 1, eax, 5, State::avx512},
    // The bit says that there is AVX10; leaf 0x24 says which version.
    {"avx10.1", 7, 1, edx, 19, State::avx512},
    {"avx10.2", 7, 1, edx, 19, State::avx512},
    {"egpr", 7, 1, edx, 21, State::apx},
    {"ndd", 7, 1, edx, 21, State::apx},
};

/// The registers that the operating system saves: XCR0.
static uint64_t savedState() {
  constexpr uint32_t osxsave = 1u << 27;
  if (!(Leaf::read(1, 0).words[ecx] & osxsave))
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t(high) << 32) | low;
}

static bool isSaved(State state, uint64_t saved) {
  uint64_t needed = 0;
  switch (state) {
  case State::none:
    break;
  case State::avx:
    needed = 0x6; // XMM, YMM
    break;
  case State::avx512:
    needed = 0xe6; // and the mask registers, ZMM 0 to 15, ZMM 16 to 31
    break;
  case State::apx:
    needed = uint64_t(1) << 19;
    break;
  }
  return (saved & needed) == needed;
}

static bool detect(const Feature &feature, uint64_t saved) {
  Leaf leaf = Leaf::read(feature.leaf, feature.subleaf);
  if (!(leaf.words[feature.word] >> feature.bit & 1) ||
      !isSaved(feature.state, saved))
    return false;
  if (feature.name.substr(0, 6) == "avx10.")
    return Leaf::read(0x24, 0).words[ebx] % 256 >=
           uint32_t(feature.name.back() - '0');
  return true;
}

static std::vector<std::string_view> detectFeatures() {
  uint64_t saved = savedState();
  std::vector<std::string_view> found;
  for (const Feature &feature : features)
    if (detect(feature, saved))
      found.push_back(feature.name);
  return found;
}

static void appendWord(std::string &text, uint32_t word) {
  for (int shift = 0; shift < 32; shift += 8)
    if (char c = static_cast<char>(word >> shift & 0xff))
      text += c;
}

std::string attn::hostCpuName() {
  std::string name;
  for (uint32_t leaf = 0x80000002; leaf <= 0x80000004; ++leaf)
    for (uint32_t word : Leaf::read(leaf, 0).words)
      appendWord(name, word);
  size_t begin = name.find_first_not_of(' ');
  if (begin == std::string::npos)
    return "unnamed x86-64";
  return name.substr(begin, name.find_last_not_of(' ') - begin + 1);
}

/// Vendor, family, model and stepping.
static std::string modelText() {
  Leaf vendor = Leaf::read(0, 0);
  std::string text = "x86-64 ";
  for (Register word : {ebx, edx, ecx})
    appendWord(text, vendor.words[word]);
  return text + " " + std::to_string(Leaf::read(1, 0).words[eax]);
}

#elif defined(__aarch64__)

namespace {
struct Feature {
  std::string_view name;
  unsigned long vector;
  int bit;
};
} // namespace

// Bits of <asm/hwcap.h>, which older systems have in part only.
static constexpr Feature features[] = {
    {"fp-armv8", AT_HWCAP, 0}, {"neon", AT_HWCAP, 1},
    {"aes", AT_HWCAP, 3},      {"crc", AT_HWCAP, 7},
    {"lse", AT_HWCAP, 8},      {"fullfp16", AT_HWCAP, 10},
    {"rdm", AT_HWCAP, 12},     {"dotprod", AT_HWCAP, 20},
    {"sve", AT_HWCAP, 22},     {"fp16fml", AT_HWCAP, 23},
    {"sve2", AT_HWCAP2, 1},    {"i8mm", AT_HWCAP2, 13},
    {"bf16", AT_HWCAP2, 14},
};

static std::vector<std::string_view> detectFeatures() {
  std::vector<std::string_view> found;
  for (const Feature &feature : features)
    if (getauxval(feature.vector) >> feature.bit & 1)
      found.push_back(feature.name);
  return found;
}

std::string attn::hostCpuName() { return "AArch64"; }
static std::string modelText() { return "aarch64"; }

#else
#error "the CPU runtime is for x86-64 and AArch64"
#endif

static const std::vector<std::string_view> &hostFeatures() {
  static const std::vector<std::string_view> found = detectFeatures();
  return found;
}

const std::vector<std::string_view> &attn::knownCpuFeatures() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> names;
    for (const Feature &feature : features)
      names.push_back(feature.name);
    return names;
  }();
  return names;
}

bool attn::hostHasFeature(std::string_view name) {
  const std::vector<std::string_view> &found = hostFeatures();
  return std::find(found.begin(), found.end(), name) != found.end();
}

std::string attn::hostIdentity() {
  std::string text = modelText();
  for (std::string_view feature : hostFeatures())
    text += " " + std::string(feature);
  return text;
}

Status attn::checkHostFeatures(const std::vector<std::string> &features,
                               const std::string &cpu) {
  return guarded([&]() -> Status {
    std::vector<std::string> missing;
    for (const std::string &feature : features)
      if (!hostHasFeature(feature))
        missing.push_back(feature);
    if (missing.empty())
      return Status::success();
    std::sort(missing.begin(), missing.end());
    std::string names;
    for (size_t i = 0; i < missing.size(); ++i)
      names += (i == 0                    ? ""
                : i + 1 == missing.size() ? " and "
                                          : ", ") +
               missing[i];
    return failure("this machine (" + hostCpuName() + ") lacks " + names +
                   ", which code for '" + cpu +
                   "' may use; compile it for this machine, or for a CPU "
                   "without (--cpu and --cpu-features of attn-compile and "
                   "attn-run)");
  });
}
