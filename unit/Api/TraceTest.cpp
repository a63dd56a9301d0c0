//===- TraceTest.cpp - The MLIR of specifications -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApiTestSupport.h"

#include <gtest/gtest.h>

using namespace attn;

static Attention small() {
  Attention spec;
  spec.heads = 4;
  spec.kvHeads = 2;
  spec.headDim = 64;
  return spec;
}

static std::string textOf(const Attention &spec) {
  Result<std::string> text = spec.text();
  return text ? *text : text.error().text();
}

/// The operations of the only region.
static std::string regionOf(const Attention &spec) {
  std::string text = textOf(spec);
  size_t begin = text.find(") {\n", text.find("_mod")) + 4,
         end = text.find("    }\n", begin);
  return text.substr(begin, end - begin);
}

TEST(TraceTest, dense) {
  Attention spec = small();
  EXPECT_EQ(textOf(spec),
            "func.func @attention(%query: tensor<?x4x?x64xf32> {attn.name = "
            "\"query\"}, %key: tensor<?x2x?x64xf32> {attn.name = \"key\"}, "
            "%value: tensor<?x2x?x64xf32> {attn.name = \"value\"}) -> "
            "tensor<?x4x?x64xf32> {\n"
            "  %o = attn.attention %query, %key, %value\n"
            "      : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, "
            "tensor<?x2x?x64xf32>) -> tensor<?x4x?x64xf32>\n"
            "  return %o : tensor<?x4x?x64xf32>\n"
            "}\n");
}

TEST(TraceTest, typesLseScaleAndValueDim) {
  Attention spec = small();
  spec.type = bf16;
  spec.valueDim = 128;
  spec.lse = true;
  spec.scale = 0.125;
  spec.name = "prefill";
  std::string text = textOf(spec);
  EXPECT_NE(text.find("func.func @prefill("), std::string::npos);
  EXPECT_NE(text.find("scale(1.25000000000000000e-01)"), std::string::npos);
  EXPECT_NE(text.find("%o, %lse = attn.attention"), std::string::npos);
  EXPECT_NE(text.find("%value: tensor<?x2x?x128xbf16>"), std::string::npos);
  EXPECT_NE(text.find("-> (tensor<?x4x?x128xbf16>, tensor<?x4x?xf32>)"),
            std::string::npos);
  EXPECT_NE(text.find("return %o, %lse : tensor<?x4x?x128xbf16>, "
                      "tensor<?x4x?xf32>\n"),
            std::string::npos);
}

TEST(TraceTest, sinksAndDropout) {
  Attention spec = small();
  spec.mask = window(value("w"));
  spec.sinks = value("logits");
  spec.dropout = Dropout{value("p"), value("seed"), value("s")};
  std::string text = textOf(spec);
  EXPECT_NE(text.find("%w: index {attn.name = \"w\"}, "
                      "%logits: tensor<4xf32> {attn.name = \"logits\"}, "
                      "%p: f32 {attn.name = \"p\"}, "
                      "%seed: i64 {attn.name = \"seed\"}, "
                      "%s_: i64 {attn.name = \"s\"})"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(" mask(#attn.window<left = ?>)[%w] sinks(%logits) "
                      "dropout(%p, %seed, %s_)\n"),
            std::string::npos)
      << text;

  // A name stands for one value.
  spec.dropout->offset = value("p");
  EXPECT_NE(textOf(spec).find("'p' is used as f32 and as i64"),
            std::string::npos);
}

TEST(TraceTest, masks) {
  EXPECT_EQ(causal().text(), "#attn.causal");
  EXPECT_EQ(window(4095, 0).text(), "#attn.window<left = 4095, right = 0>");
  EXPECT_EQ(window(value("w")).text(), "#attn.window<left = ?>");
  EXPECT_EQ((causal() && window(7) && prefix(3)).text(),
            "#attn.all_of<[#attn.causal, #attn.window<left = 7>, "
            "#attn.prefix<3>]>");
  Mask mixed =
      (causal() || global(value("g"))) && !dilated(2) && chunk(value("c"));
  EXPECT_EQ(mixed.text(),
            "#attn.all_of<[#attn.any_of<[#attn.causal, #attn.global<?>]>, "
            "#attn.not<#attn.dilated<2>>, #attn.chunk<?>]>");
  EXPECT_EQ(mixed.values(), (std::vector<std::string>{"g", "c"}));
}

TEST(TraceTest, valuesOfMasksAndScores) {
  Attention spec = small();
  spec.mask = causal() && window(value("window"), value("ahead"));
  spec.scores = {softcap(value("cap")), alibi(), softcap(50.0)};
  std::string text = textOf(spec);
  EXPECT_NE(text.find("mask(#attn.all_of<[#attn.causal, #attn.window<left = ?, "
                      "right = ?>]>)[%window, %ahead] "
                      "score([#attn.softcap<?>, #attn.alibi, "
                      "#attn.softcap<5.00000000e+01>])[%cap]"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(", %window: index {attn.name = \"window\"}, %ahead: "
                      "index {attn.name = \"ahead\"}, %cap: f32 {attn.name = "
                      "\"cap\"})"),
            std::string::npos)
      << text;
}

TEST(TraceTest, scoreMod) {
  Attention spec = small();
  spec.scoreMod = [](Score s, At at) {
    return 50.f * tanh(s / value("cap")) +
           table("slopes", {4}, f32)[at.head] * toFloat(at.key - at.query);
  };
  EXPECT_EQ(regionOf(spec),
            "      %0 = arith.constant 5.00000000e+01 : f32\n"
            "      %1 = arith.divf %s, %cap : f32\n"
            "      %2 = math.tanh %1 : f32\n"
            "      %3 = arith.mulf %0, %2 : f32\n"
            "      %4 = tensor.extract %slopes[%h] : tensor<4xf32>\n"
            "      %5 = arith.subi %j, %i : index\n"
            "      %6 = arith.index_cast %5 : index to i32\n"
            "      %7 = arith.sitofp %6 : i32 to f32\n"
            "      %8 = arith.mulf %4, %7 : f32\n"
            "      %9 = arith.addf %3, %8 : f32\n"
            "      attn.yield %9 : f32\n");
  std::string text = textOf(spec);
  EXPECT_NE(text.find("%cap: f32 {attn.name = \"cap\"}, %slopes: "
                      "tensor<4xf32> {attn.name = \"slopes\"}"),
            std::string::npos)
      << text;
}

TEST(TraceTest, maskMod) {
  Attention spec = small();
  spec.maskMod = [](At at) {
    return (at.key <= at.query + at.keyLength - at.queryLength &&
            at.key % 3 != value("rest")) ||
           !(at.batch == 0);
  };
  EXPECT_EQ(regionOf(spec), "      %nk = attn.length key : index\n"
                            "      %0 = arith.addi %i, %nk : index\n"
                            "      %nq = attn.length query : index\n"
                            "      %1 = arith.subi %0, %nq : index\n"
                            "      %2 = arith.cmpi sle, %j, %1 : index\n"
                            "      %3 = arith.constant 3 : index\n"
                            "      %4 = arith.remsi %j, %3 : index\n"
                            "      %5 = arith.cmpi ne, %4, %rest : index\n"
                            "      %6 = arith.andi %2, %5 : i1\n"
                            "      %7 = arith.constant 0 : index\n"
                            "      %8 = arith.cmpi eq, %b, %7 : index\n"
                            "      %9 = arith.constant true\n"
                            "      %10 = arith.xori %8, %9 : i1\n"
                            "      %11 = arith.ori %6, %10 : i1\n"
                            "      attn.yield %11 : i1\n");
}

TEST(TraceTest, everyFunction) {
  Attention spec = small();
  spec.scoreMod = [](Score s, At at) {
    Float x = exp(s) + exp2(s) - log(s) * sqrt(s) / (sin(s) + cos(s));
    x += min(s, max(abs(s), -s));
    x = select((s < 0.5 && s >= -1) || s == 0, x, -INFINITY);
    Int n = select(at.key > 4, abs(at.key), min(at.query, max(at.head, 2)));
    Int m = toInt(s) * n / 3 - at.batch;
    return x + toFloat(m) + table("t", {-1, 7}, bf16)(at.key, n);
  };
  std::string region = regionOf(spec);
  for (const char *operation : {"math.exp %",
                                "math.exp2 %",
                                "math.log %",
                                "math.sqrt %",
                                "math.sin %",
                                "math.cos %",
                                "math.absf %",
                                "arith.negf %",
                                "arith.minimumf %",
                                "arith.maximumf %",
                                "arith.select %",
                                "arith.cmpf olt, %",
                                "arith.cmpf oge, %",
                                "arith.cmpf oeq, %",
                                "0xFF800000 : f32",
                                "arith.minsi %",
                                "arith.maxsi %",
                                "arith.fptosi %",
                                "i32 to index",
                                "arith.muli %",
                                "arith.divsi %",
                                "arith.sitofp %",
                                "tensor.extract %t[%j, %",
                                "tensor<?x7xbf16>",
                                "arith.extf %",
                                "bf16 to f32"})
    EXPECT_NE(region.find(operation), std::string::npos) << operation;
}

TEST(TraceTest, problemsAreNamed) {
  Attention spec = small();
  spec.heads = 0;
  EXPECT_EQ(textOf(spec), "arguments error: Attention::heads is 0, expected at "
                          "least 1");
  spec = small();
  spec.mask = window(value("2x"));
  EXPECT_NE(textOf(spec).find("'2x' cannot be the name of a value"),
            std::string::npos);
  spec = small();
  spec.mask = window(value("key"));
  EXPECT_NE(textOf(spec).find("cannot be called 'key'"), std::string::npos);
  spec = small();
  spec.mask = window(value("x"));
  spec.scoreMod = [](Score s, At) { return s * value("x"); };
  EXPECT_NE(textOf(spec).find("'x' is used as index and as f32"),
            std::string::npos);
  spec = small();
  Float leaked = 0.f;
  spec.scoreMod = [&leaked](Score s, At) { return leaked = s; };
  spec.maskMod = [&leaked](At) { return leaked > 0.f; };
  EXPECT_NE(textOf(spec).find("maskMod uses the score"), std::string::npos);
  spec = small();
  spec.scoreMod = [](Score s, At at) -> Float {
    return s + table("t", {4, 4}, f32)[at.head];
  };
  EXPECT_NE(textOf(spec).find("the table 't' has 2 dimensions, but got 1"),
            std::string::npos);
}

TEST(TraceTest, sharedExpressionsAreWrittenOnce) {
  Attention spec = small();
  Float half = 0.5f; // may also be made outside
  spec.scoreMod = [half](Score s, At) {
    Float x = s * half;
    return x + x * half;
  };
  EXPECT_EQ(regionOf(spec), "      %0 = arith.constant 5.00000000e-01 : f32\n"
                            "      %1 = arith.mulf %s, %0 : f32\n"
                            "      %2 = arith.mulf %1, %0 : f32\n"
                            "      %3 = arith.addf %1, %2 : f32\n"
                            "      attn.yield %3 : f32\n");
}

TEST(TraceTest, namesOfCoordinatesMayBeUsed) {
  Attention spec = small();
  spec.scoreMod = [](Score s, At) { return s * value("h"); };
  std::string text = textOf(spec);
  EXPECT_NE(text.find("%h_: f32 {attn.name = \"h\"}"), std::string::npos);
  EXPECT_NE(text.find("arith.mulf %s, %h_ : f32"), std::string::npos);
}
