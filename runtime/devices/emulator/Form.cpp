//===- Form.cpp - The spellings of instructions ---------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Form.h"

#include <algorithm>
#include <unordered_map>

using namespace attn;
using namespace attn::emulator;

namespace {

/// A part of a spelling: alternatives, each a list of modifiers with their
/// dots.
struct Group {
  std::vector<std::string_view> alternatives;
  bool isOptional = false;
  bool isLiteral = false; ///< chooses nothing
};

std::vector<Group> groupsOf(std::string_view spelling) {
  std::vector<Group> groups;
  while (!spelling.empty()) {
    Group group;
    if (spelling[0] == '[' || spelling[0] == '<') {
      group.isOptional = spelling[0] == '[';
      size_t end = spelling.find(group.isOptional ? ']' : '>');
      std::string_view inner = spelling.substr(1, end - 1);
      spelling.remove_prefix(end + 1);
      while (true) {
        size_t bar = inner.find('|');
        group.alternatives.push_back(inner.substr(0, bar));
        if (bar == std::string_view::npos)
          break;
        inner.remove_prefix(bar + 1);
      }
    } else {
      size_t end = spelling.find_first_of("[<");
      group.isLiteral = true;
      group.alternatives.push_back(spelling.substr(0, end));
      spelling.remove_prefix(std::min(end, spelling.size()));
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

/// True if `text` begins with whole modifiers `prefix`.
bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix &&
         (text.size() == prefix.size() || text[prefix.size()] == '.');
}

/// Matches groups from `n` on; `furthest` is the shortest rest that any attempt
/// left over.
bool matchGroups(const std::vector<Group> &groups, size_t n,
                 std::string_view text, std::vector<std::string_view> &choices,
                 size_t &furthest) {
  furthest = std::min(furthest, text.size());
  if (n == groups.size())
    return text.empty();
  const Group &group = groups[n];
  for (std::string_view alternative : group.alternatives) {
    if (!startsWith(text, alternative))
      continue;
    if (!group.isLiteral)
      choices.push_back(text.substr(0, alternative.size()));
    if (matchGroups(groups, n + 1, text.substr(alternative.size()), choices,
                    furthest))
      return true;
    if (!group.isLiteral)
      choices.pop_back();
  }
  if (!group.isOptional)
    return false;
  choices.emplace_back();
  if (matchGroups(groups, n + 1, text, choices, furthest))
    return true;
  choices.pop_back();
  return false;
}

/// "add" of "add.s32", and of "add[.sat].s32".
std::string_view baseOf(std::string_view text) {
  return text.substr(0, text.find_first_of(".[<"));
}

struct Table {
  std::vector<Form> forms;
  std::vector<std::vector<Group>> groups;
  std::unordered_map<std::string_view, std::vector<size_t>> byBase;

  Table() {
    for (auto family :
         {moveForms, integerForms, bitForms, floatForms, halfForms,
          convertForms, compareForms, controlForms, memoryForms, atomicForms,
          copyForms, warpForms, matrixForms, mmaForms, barrierForms,
          mbarrierForms, bulkForms, wgmmaForms})
      for (const Form &form : family())
        forms.push_back(form);
    for (size_t n = 0; n < forms.size(); ++n) {
      groups.push_back(groupsOf(forms[n].spelling));
      byBase[baseOf(forms[n].spelling)].push_back(n);
    }
  }
};

const Table &table() {
  static const Table table;
  return table;
}

} // namespace

const std::vector<Form> &attn::emulator::allForms() { return table().forms; }

Result<Match> attn::emulator::matchForm(std::string_view opcode) {
  const Table &all = table();
  auto found = all.byBase.find(baseOf(opcode));
  if (found == all.byBase.end())
    return failure("unknown instruction '" + std::string(baseOf(opcode)) + "'");
  size_t furthest = opcode.size();
  for (size_t n : found->second) {
    Match match;
    match.form = &all.forms[n];
    if (matchGroups(all.groups[n], 0, opcode, match.choices, furthest))
      return match;
  }
  std::string rest(opcode.substr(opcode.size() - furthest));
  std::string message =
      rest.empty()
          ? "'" + std::string(opcode) + "' lacks a modifier"
          : "'" + std::string(opcode) + "' is not known from '" + rest + "' on";
  message += "; known are ";
  size_t shown = 0;
  for (size_t n : found->second)
    if (shown++ < 4)
      message += (shown > 1 ? ", " : "") + std::string(all.forms[n].spelling);
  return failure(message + (shown > 4 ? ", ..." : ""));
}

std::vector<Match> attn::emulator::expand(const Form &form) {
  std::vector<Match> matches(1);
  matches[0].form = &form;
  for (const Group &group : groupsOf(form.spelling)) {
    if (group.isLiteral)
      continue;
    std::vector<Match> next;
    for (const Match &match : matches) {
      for (std::string_view alternative : group.alternatives) {
        next.push_back(match);
        next.back().choices.push_back(alternative);
      }
      if (group.isOptional) {
        next.push_back(match);
        next.back().choices.emplace_back();
      }
    }
    matches = std::move(next);
  }
  return matches;
}

std::string attn::emulator::spell(const Match &match) {
  std::string text;
  size_t choice = 0;
  for (const Group &group : groupsOf(match.form->spelling))
    text += group.isLiteral ? group.alternatives[0] : match.choices[choice++];
  return text;
}
