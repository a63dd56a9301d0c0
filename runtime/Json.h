//===- Json.h - JSON that was written by somebody else ----------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses manifests without trust.  nlohmann::json prints and copies values by
// recursion, so that deep nesting would overflow the stack.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_JSON_H
#define ATTN_RUNTIME_JSON_H

#include "attn/Support/Result.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace attn {

/// Parses a text; an error says what is wrong, such as "is not JSON: ...".
inline Result<nlohmann::json> parseJson(std::string_view text) {
  constexpr int maxDepth = 32;
  // The parser takes a NUL for the end of the text.
  if (text.find('\0') != std::string_view::npos)
    return failure("is not JSON: it holds a NUL");
  bool isDeep = false;
  auto callback = [&](int depth, nlohmann::json::parse_event_t,
                      nlohmann::json &) {
    isDeep |= depth > maxDepth;
    return depth <= maxDepth;
  };
  try {
    auto root = nlohmann::json::parse(text.begin(), text.end(), callback);
    if (isDeep)
      return failure("is nested more than " + std::to_string(maxDepth) +
                     " levels deep");
    return root;
  } catch (const nlohmann::json::exception &exception) {
    return failure(std::string("is not JSON: ") + exception.what());
  }
}

/// An integer of at most 63 bits: a larger unsigned one would become negative.
inline bool isInteger(const nlohmann::json &value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() ||
          value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
}

} // namespace attn

#endif // ATTN_RUNTIME_JSON_H
