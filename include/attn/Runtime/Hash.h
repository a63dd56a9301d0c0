//===- Hash.h - Hashes for cache keys and checksums -------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// XXH3 with 128 bits (xxhash.com), for cache keys and against accidental
// damage.  It is not a cryptographic hash: it does not protect against somebody
// who constructs a collision.
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_RUNTIME_HASH_H
#define ATTN_RUNTIME_HASH_H

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace attn {

/// 128 bits, most significant byte first.
using Digest = std::array<uint8_t, 16>;

/// Hash of a sequence of fields.  The length of each field counts, so that
/// {"ab", "c"} and {"a", "bc"} differ.
Digest hash128(std::initializer_list<std::string_view> fields);

/// Hash of the bytes alone: XXH3-128 as every implementation computes it.
Digest hashBytes(std::string_view bytes);

/// hash128 as 32 lower-case hexadecimal digits.
std::string hashHex(std::initializer_list<std::string_view> fields);

} // namespace attn

#endif // ATTN_RUNTIME_HASH_H
