//===- Scope.cpp - Names of registers, labels and variables ---------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scope.h"

#include <algorithm>

using namespace attn;
using namespace attn::emulator::ptx;

std::optional<std::pair<std::string_view, int>>
emulator::ptx::splitNumber(std::string_view name) {
  constexpr size_t maxDigits = 7; // more than a range ever has
  size_t digits = 0;
  int number = 0, power = 1;
  for (; digits < std::min(name.size(), maxDigits); ++digits, power *= 10) {
    char c = name[name.size() - 1 - digits];
    if (c < '0' || c > '9')
      break;
    number += (c - '0') * power;
  }
  size_t length = name.size() - digits;
  if (digits == 0 || (digits > 1 && name[length] == '0'))
    return std::nullopt;
  return std::make_pair(name.substr(0, length), number);
}

std::optional<Name> Scope::find(std::string_view name) const {
  if (!ranges.empty()) {
    if (auto split = splitNumber(name)) {
      auto range = ranges.find(split->first);
      if (range != ranges.end() && split->second < range->second.count) {
        Name reg = range->second.first;
        reg.index += split->second * reg.lanes;
        return reg;
      }
    }
  }
  auto it = names.find(name);
  if (it == names.end())
    return std::nullopt;
  return it->second;
}

bool Scope::declare(std::string_view name, Name what) {
  if (find(name))
    return false;
  names.emplace(name, what);
  if (auto split = splitNumber(name)) {
    auto [it, isNew] = numbered.emplace(*split);
    if (!isNew)
      it->second = std::min(it->second, split->second);
  }
  return true;
}

bool Scope::declareRange(std::string_view prefix, int count, Name first) {
  auto smallest = numbered.find(prefix);
  if (smallest != numbered.end() && smallest->second < count)
    return false;
  return ranges.emplace(prefix, Range{first, count}).second;
}
