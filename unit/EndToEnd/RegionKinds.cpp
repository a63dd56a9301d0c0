//===- RegionKinds.cpp - Masks and score functions of the cases -----------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RegionKinds.h"

#include <cstdio>
#include <cstdlib>

using namespace attn::testing;

static const std::vector<RegionKind> masks = {
    {"full", "", "", {}},
    {"causal", "#attn.causal", "", {}},
    {"sliding",
     "#attn.all_of<[#attn.causal, #attn.window<left = ?>]>)[%window]",
     "",
     {"window"}},
    {"longformer",
     "#attn.any_of<[#attn.window<left = 40, right = 40>, #attn.global<3>]>",
     "",
     {}},
    {"chunked", "#attn.all_of<[#attn.causal, #attn.chunk<50>]>", "", {}},
    // The last `window` keys up to the query's own position.
    {"window",
     "",
     R"(
      %nq = attn.length query : index
      %nk = attn.length key : index
      %shift = arith.subi %nk, %nq : index
      %last = arith.addi %i, %shift : index
      %distance = arith.subi %last, %j : index
      %zero = arith.constant 0 : index
      %past = arith.cmpi sge, %distance, %zero : index
      %near = arith.cmpi sle, %distance, %window : index
      %keep = arith.andi %past, %near : i1
      attn.yield %keep : i1)",
     {"window"}},
    // Queries see the keys of their own document; some are in none.
    {"document",
     "",
     R"(
      %mine = tensor.extract %query_ids[%b, %i] : tensor<?x?xi32>
      %its = tensor.extract %key_ids[%b, %j] : tensor<?x?xi32>
      %keep = arith.cmpi eq, %mine, %its : i32
      attn.yield %keep : i1)",
     {"query_ids", "key_ids"}},
    // Rows of one tile that belong to different heads differ in their keys.
    {"headwindow",
     "",
     R"(
      %width = tensor.extract %windows[%h] : tensor<$Hxi32>
      %difference = arith.subi %i, %j : index
      %narrow = arith.index_cast %difference : index to i32
      %distance = math.absi %narrow : i32
      %keep = arith.cmpi sle, %distance, %width : i32
      attn.yield %keep : i1)",
     {"windows"}},
    {"prefix",
     "",
     R"(
      %early = arith.cmpi slt, %j, %prefix : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.ori %early, %past : i1
      attn.yield %keep : i1)",
     {"prefix"}},
    // Every third row is empty, in the middle of tiles.
    {"gaps",
     "",
     R"(
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %row = arith.remui %i, %c3 : index
      %column = arith.remui %j, %c2 : index
      %some = arith.cmpi ne, %row, %c1 : index
      %even = arith.cmpi ne, %column, %c1 : index
      %keep = arith.andi %some, %even : i1
      attn.yield %keep : i1)",
     {}},

    {"never",
     "",
     R"(
      %no = arith.constant false
      attn.yield %no : i1)",
     {}},
    {"always",
     "",
     R"(
      %yes = arith.constant true
      attn.yield %yes : i1)",
     {}},
    {"band",
     "",
     R"(
      %difference = arith.subi %i, %j : index
      %narrow = arith.index_cast %difference : index to i32
      %distance = math.absi %narrow : i32
      %keep = arith.cmpi sle, %distance, %band : i32
      attn.yield %keep : i1)",
     {"band"}},
    // An attribute and a region: both must keep a key.
    {"dilated",
     "#attn.causal",
     R"(
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      %sum = arith.addi %i, %j : index
      %rest = arith.remui %sum, %c3 : index
      %keep = arith.cmpi ne, %rest, %c0 : index
      attn.yield %keep : i1)",
     {}},
    // Causal, aligned top-left, but for the first batch entry, which sees all.
    {"perbatch",
     "",
     R"(
      %c0 = arith.constant 0 : index
      %first = arith.cmpi eq, %b, %c0 : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.ori %first, %past : i1
      attn.yield %keep : i1)",
     {}},
    // A window of 2^40 is none.
    {"unlimited",
     "",
     R"(
      %distance = arith.subi %i, %j : index
      %keep = arith.cmpi sle, %distance, %unlimited : index
      attn.yield %keep : i1)",
     {"unlimited"}},
    // Values beyond 2^32 that come from coordinates.
    {"hash",
     "",
     R"(
      %c0 = arith.constant 0 : index
      %c7 = arith.constant 7 : index
      %factor = arith.constant 123456789 : index
      %product = arith.muli %i, %factor : index
      %sum = arith.addi %product, %j : index
      %rest = arith.remui %sum, %c7 : index
      %keep = arith.cmpi ne, %rest, %c0 : index
      attn.yield %keep : i1)",
     {}},
    // A number of keys for each query.
    {"lengths",
     "",
     R"(
      %length = tensor.extract %lengths[%b, %i] : tensor<?x?xi32>
      %end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1)",
     {"lengths"}},
    // A bit for each pair.
    {"table",
     "",
     R"(
      %keep = tensor.extract %table[%i, %j] : tensor<?x?xi1>
      attn.yield %keep : i1)",
     {"table"}},
    // Heads have tables of their own, and windows that are kept as well.
    {"headtable",
     "#attn.prefix<190>",
     R"(
      %zero = arith.constant 0 : i8
      %read = tensor.extract %tables[%h, %i, %j] : tensor<$Hx?x?xi8>
      %listed = arith.cmpi ne, %read, %zero : i8
      %width = tensor.extract %windows[%h] : tensor<$Hxi32>
      %difference = arith.subi %i, %j : index
      %narrow = arith.index_cast %difference : index to i32
      %distance = math.absi %narrow : i32
      %near = arith.cmpi sle, %distance, %width : i32
      %keep = arith.ori %near, %listed : i1
      attn.yield %keep : i1)",
     {"tables", "windows"}},
    // Blocks of 32 queries and 24 keys, some of which are causal.
    {"blocktable",
     "",
     R"(
      %c32 = arith.constant 32 : index
      %c24 = arith.constant 24 : index
      %row = arith.divui %i, %c32 : index
      %column = arith.divui %j, %c24 : index
      %read = tensor.extract %kinds[%b, %row, %column] : tensor<?x?x?xi32>
      %one = arith.constant 1 : i32
      %whole = arith.cmpi sgt, %read, %one : i32
      %part = arith.cmpi eq, %read, %one : i32
      %past = arith.cmpi sle, %j, %i : index
      %both = arith.andi %past, %part : i1
      %keep = arith.ori %whole, %both : i1
      attn.yield %keep : i1)",
     {"kinds"}},
    {"dilation",
     "#attn.all_of<[#attn.window<left = 90, right = 60>, #attn.dilated<3>]>",
     "",
     {}},
    {"prefixlm",
     "#attn.any_of<[#attn.prefix<?>, #attn.causal]>)[%prefix]",
     "",
     {"prefix"}},
    {"forward", "#attn.window<right = 30>", "", {}},
    {"notself", "#attn.not<#attn.window<left = 0, right = 0>>", "", {}},
    {"prefixonly", "#attn.prefix<70>", "", {}},
    {"chunks", "#attn.chunk<?>)[%window]", "", {"window"}},
    // The mirror image of causal: queries see the keys from their own on.
    {"anticausal",
     "",
     R"(
      %keep = arith.cmpi sge, %j, %i : index
      attn.yield %keep : i1)",
     {}},
};

static const std::vector<RegionKind> scores = {
    {"plain", "", "", {}},
    {"softcapalibi",
     "[#attn.softcap<?>, #attn.alibi])[%cap]",
     "",
     {"cap"},
     /*keepsZero=*/false},
    {"alibi",
     "",
     R"(
      %slope = tensor.extract %slopes[%h] : tensor<$Hxf32>
      %difference = arith.subi %j, %i : index
      %narrow = arith.index_cast %difference : index to i32
      %distance = math.absi %narrow : i32
      %number = arith.sitofp %distance : i32 to f32
      %bias = arith.mulf %slope, %number : f32
      %r = arith.subf %s, %bias : f32
      attn.yield %r : f32)",
     {"slopes"}},
    {"softcap",
     "",
     R"(
      %ratio = arith.divf %s, %cap : f32
      %t = math.tanh %ratio : f32
      %r = arith.mulf %t, %cap : f32
      attn.yield %r : f32)",
     {"cap"}},
    {"silu",
     "",
     R"(
      %one = arith.constant 1.0 : f32
      %minus = arith.negf %s : f32
      %e = math.exp %minus : f32
      %d = arith.addf %e, %one : f32
      %r = arith.divf %s, %d : f32
      attn.yield %r : f32)",
     {}},

    // A score of -inf is a masked key.
    {"minusinf",
     "",
     R"(
      %c0 = arith.constant 0 : index
      %c3 = arith.constant 3 : index
      %inf = arith.constant 0xFF800000 : f32
      %sum = arith.addi %i, %j : index
      %rest = arith.remui %sum, %c3 : index
      %drop = arith.cmpi ne, %rest, %c0 : index
      %r = arith.select %drop, %inf, %s : f32
      attn.yield %r : f32)",
     {}},
    {"cap50", "#attn.softcap<50.0>", "", {}},
    {"slopes", "#attn.alibi", "", {}, /*keepsZero=*/false},
    {"square",
     "",
     R"(
      %half = arith.constant 0.5 : f32
      %s2 = arith.mulf %s, %s : f32
      %r = arith.mulf %s2, %half : f32
      attn.yield %r : f32)",
     {}},
};

static const RegionKind *find(const std::vector<RegionKind> &kinds,
                              const std::string &name) {
  for (const RegionKind &kind : kinds)
    if (name == kind.name)
      return &kind;
  std::fprintf(stderr, "the case table has no '%s'\n", name.c_str());
  std::abort();
}

const RegionKind *attn::testing::findMask(const std::string &name) {
  return find(masks, name);
}

const RegionKind *attn::testing::findScore(const std::string &name) {
  return find(scores, name);
}
