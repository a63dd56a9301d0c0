//===- AcceptanceTest.cpp - Every form, shown to ptxas --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tables of the emulator hold no invented syntax: ptxas assembles every
// spelling of every form for the target that the form names, and rejects it for
// the target before and in versions of PTX before the form's.
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"

#include "runtime/devices/emulator/Decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>

using namespace attn;
using namespace attn::emulator;
using namespace attn::test;

namespace {

/// A target that ptxas knows, and the version of PTX that brought it.
struct Target {
  int sm;
  bool archSpecific;
  int version;

  std::string name() const {
    return "sm_" + std::to_string(sm) + (archSpecific ? "a" : "");
  }
};
/// In the order in which instructions came.
const std::vector<Target> targets = {
    {75, false, 63},  {80, false, 70}, {86, false, 71},  {87, false, 74},
    {88, false, 74},  {89, false, 78}, {90, false, 78},  {90, true, 80},
    {100, false, 86}, {100, true, 86}, {103, false, 88}, {120, false, 87}};

/// The versions of PTX since the first of these targets.
const std::vector<int> versions = {63, 64, 65, 70, 71, 72, 73, 74, 75, 76, 77,
                                   78, 80, 81, 82, 83, 84, 85, 86, 87, 88, 90};
const int newest = versions.back();

/// The first target that has the form.
size_t firstTarget(const Form &form) {
  size_t n = 0;
  while (
      n + 1 < targets.size() &&
      (targets[n].sm < form.sm || targets[n].archSpecific != form.archSpecific))
    ++n;
  return n;
}

std::string letterOf(std::string_view type) {
  Type parsed = typeOf(type);
  if (parsed.kind == Type::predicate)
    return "p";
  return parsed.width == 64 ? "d" : parsed.width == 32 ? "r" : "h";
}

/// Operands with the registers of the chosen types for %$nm.
std::string operandsOf(const Match &match) {
  std::string text = match.form->operands;
  for (size_t at = text.find("%$"); at != std::string::npos;
       at = text.find("%$", at)) {
    size_t group = static_cast<size_t>(text[at + 2] - '0');
    text.replace(at + 1, 2, letterOf(match[group]));
  }
  return text;
}

/// The kernel of such lines; the first of them is line firstLine.
constexpr int firstLine = 18;
std::string kernelOf(const std::vector<std::string> &lines,
                     const std::string &target, int version) {
  std::string text = ".version " + std::to_string(version / 10) + "." +
                     std::to_string(version % 10) + "\n.target " + target +
                     "\n.address_size 64\n"
                     ".global .align 128 .b8 global_[4096];\n"
                     ".func function() { ret; }\n"
                     ".func callee_(.param .align 16 .b8 x[64]) { ret; }\n"
                     ".visible .entry kernel(.param .b64 parameter)\n"
                     "{\n"
                     ".reg .pred %p<10>;\n"
                     ".reg .b16 %h<10>;\n"
                     ".reg .b32 %r<300>;\n"
                     ".reg .b64 %d<10>;\n"
                     ".shared .align 1024 .b8 shared[4096];\n"
                     ".local .align 16 .b8 local_[4096];\n"
                     ".param .align 16 .b8 param_[64];\n"
                     "targets: .branchtargets here;\n"
                     "// The lines begin here.\n";
  for (const std::string &line : lines)
    text += line + "\n";
  return text + "here:\nret;\n}\n";
}

/// A spelling with its operands.
struct Sample {
  const Form *form;
  std::string line;
};

/// All spellings, by what `key` says of the form.
template <typename Key>
std::map<std::invoke_result_t<Key, const Form &>, std::vector<Sample>>
makeSamples(Key key) {
  std::map<std::invoke_result_t<Key, const Form &>, std::vector<Sample>>
      samples;
  for (const Form &form : allForms())
    for (const Match &match : expand(form))
      samples[key(form)].push_back(
          {&form, spell(match) + " " + operandsOf(match) + ";"});
  return samples;
}

/// What ptxas says of each, empty if it accepts it.
std::vector<std::string> answers(const std::vector<Sample> &samples,
                                 const Target &target, int version) {
  std::vector<std::string> lines, messages(samples.size());
  for (const Sample &sample : samples)
    lines.push_back(sample.line);
  auto errors =
      ptxasErrors(kernelOf(lines, target.name(), version), target.name());
  EXPECT_TRUE(errors) << errors.error();
  if (errors)
    for (const PtxasLine &error : *errors)
      messages.at(static_cast<size_t>(error.line - firstLine)) = error.message;
  return messages;
}

/// Fails for the first spelling of each form of which ptxas does not say what
/// is expected.
void expectAnswers(const std::vector<Sample> &samples, const Target &target,
                   int version, bool accepts) {
  std::vector<std::string> messages = answers(samples, target, version);
  std::set<const Form *> reported;
  for (size_t n = 0; n < samples.size(); ++n)
    if (messages[n].empty() != accepts &&
        reported.insert(samples[n].form).second)
      ADD_FAILURE() << samples[n].form->spelling << "\n  " << samples[n].line
                    << "\n  for " << target.name() << " and version " << version
                    << (accepts ? " is rejected: " : " is accepted")
                    << messages[n];
}

/// For the first target that has it.
TEST(Acceptance, EverySpellingExists) {
  size_t count = 0;
  for (const auto &[first, samples] : makeSamples(firstTarget)) {
    expectAnswers(samples, targets[first], newest, /*accepts=*/true);
    count += samples.size();
  }
  RecordProperty("spellings", std::to_string(count));
  EXPECT_GT(count, 10000u);
}

/// For sm_90a that is sm_90.
TEST(Acceptance, NothingExistsBeforeItsTarget) {
  for (const auto &[first, samples] : makeSamples(firstTarget))
    if (first > 0)
      expectAnswers(samples, targets[first - 1], newest, /*accepts=*/false);
}

/// For wgmma, which only sm_90a has.
TEST(Acceptance, WhatIsGoneDoesNotExistLater) {
  std::vector<Sample> gone;
  for (const auto &[isGone, samples] :
       makeSamples([](const Form &form) { return form.isGone; }))
    if (isGone)
      gone = samples;
  EXPECT_GT(gone.size(), 100u);
  expectAnswers(gone, Target{100, true, 86}, newest, /*accepts=*/false);
}

/// The decoder refuses modules with an older version than the form's, so that
/// must not be too new.
TEST(Acceptance, NothingExistsBeforeItsVersion) {
  auto key = [](const Form &form) {
    return std::pair(firstTarget(form), form.ptxVersion);
  };
  for (const auto &[place, samples] : makeSamples(key)) {
    const Target &target = targets[place.first];
    auto after =
        std::lower_bound(versions.begin(), versions.end(), place.second);
    // What is as old as the target cannot be tried.
    if (after != versions.begin() && *(after - 1) >= target.version)
      expectAnswers(samples, target, *(after - 1), /*accepts=*/false);
  }
}

/// Every form is found by the spellings that it makes.
TEST(Acceptance, SpellingsMatchTheirForms) {
  for (const Form &form : allForms())
    for (const Match &match : expand(form)) {
      std::string opcode = spell(match);
      auto found = matchForm(opcode);
      ASSERT_TRUE(found) << found.error();
      // Another form may hold the same spelling with other operands.
      EXPECT_EQ(spell(*found), opcode);
      EXPECT_EQ(found->form->decode, form.decode) << opcode;
    }
}

} // namespace
