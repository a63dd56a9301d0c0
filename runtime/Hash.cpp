//===- Hash.cpp - Hashes for cache keys and checksums ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Hash.h"

#include <cstring>

// Header-only, so that the runtime needs no further library.
#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace attn;

static Digest toDigest(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Digest digest;
  static_assert(sizeof(canonical.digest) == sizeof(digest));
  std::memcpy(digest.data(), canonical.digest, sizeof(digest));
  return digest;
}

Digest attn::hash128(std::initializer_list<std::string_view> fields) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_128bits_reset(&state);
  for (std::string_view field : fields) {
    uint64_t length = field.size();
    XXH3_128bits_update(&state, &length, sizeof(length));
    if (length)
      XXH3_128bits_update(&state, field.data(), field.size());
  }
  return toDigest(XXH3_128bits_digest(&state));
}

Digest attn::hashBytes(std::string_view bytes) {
  return toDigest(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string attn::hashHex(std::initializer_list<std::string_view> fields) {
  std::string text;
  for (uint8_t byte : hash128(fields)) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}
