//===- LaunchProgramTest.cpp - Arithmetic of launches ---------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/LaunchProgram.h"
#include "attn/Runtime/GpuTarget.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace attn;

namespace {
/// query tensor<?x?xbf16>, window index, scale f32, count i32, and an output.
ManifestEntry makeEntry() {
  ManifestEntry entry;
  entry.name = "prefill";
  auto add = [&](const char *name, ElementType type, bool isTensor,
                 bool isOutput = false) {
    ManifestArgument argument;
    argument.name = name;
    argument.type = type;
    argument.isTensor = isTensor;
    argument.isOutput = isOutput;
    if (isTensor)
      argument.shape = {ManifestArgument::dynamic, ManifestArgument::dynamic};
    entry.arguments.push_back(argument);
  };
  add("query", ElementType::bf16, true);
  add("window", ElementType::index, false);
  add("scale", ElementType::f32, false);
  add("count", ElementType::i32, false);
  add("out", ElementType::bf16, true, true);
  return entry;
}

/// Arguments of that entry.
struct Call {
  int64_t query[7] = {0x1000, 0x1000, 0, 6, 128, 200, 1};
  int64_t window = -5;
  int64_t scale = 0;
  int64_t count = 0;
  int64_t out[7] = {0x2000, 0x2000, 0, 6, 128, 128, 1};
  void *words[5] = {query, &window, &scale, &count, out};

  Call() {
    float half = 0.5f;
    std::memcpy(&scale, &half, sizeof(half));
    int32_t minusTwo = -2;
    std::memcpy(&count, &minusTwo, sizeof(minusTwo));
  }
};

Result<LaunchProgram> parse(const std::string &text) {
  return LaunchProgram::parse(text, makeEntry());
}

/// A program of these values that launches nothing.
std::string valuesOnly(const std::string &values) {
  return R"({"values": [)" + values + R"(], "workspace": 0, "launches": []})";
}

/// A program with one launch.
std::string withLaunch(const std::string &values, const std::string &launch,
                       int workspace = 0) {
  return R"({"values": [)" + values + R"(], "workspace": )" +
         std::to_string(workspace) + R"(, "launches": [{)" + launch + "}]}";
}

/// The number of the last value, or the text of the error of its use as the
/// size of the workspace.
std::string evaluate(const std::string &values) {
  size_t count = 0, depth = 0;
  for (char c : values) {
    count += c == '[' && depth == 0;
    depth += c == '[';
    depth -= c == ']';
  }
  auto program = parse(R"({"values": [)" + values + R"(], "workspace": )" +
                       std::to_string(count - 1) + R"(, "launches": []})");
  if (!program)
    return program.error();
  Call call;
  LaunchValues results;
  program->evaluate(call.words, results);
  if (results.isInvalid[count - 1])
    return program->workspaceBytes(results).error();
  return std::to_string(results.numbers[count - 1]);
}

std::string binary(const char *operation, int64_t a, int64_t b) {
  return evaluate("[\"const\", " + std::to_string(a) + "], [\"const\", " +
                  std::to_string(b) + "], [\"" + operation + "\", 0, 1]");
}

constexpr int64_t least = INT64_MIN, most = INT64_MAX;

TEST(LaunchProgram, ReadsArguments) {
  EXPECT_EQ(evaluate(R"(["dim", 0, 0])"), "6");
  EXPECT_EQ(evaluate(R"(["dim", 0, 1])"), "128");
  EXPECT_EQ(evaluate(R"(["stride", 0, 0])"), "200");
  EXPECT_EQ(evaluate(R"(["stride", 4, 0])"), "128");
  EXPECT_EQ(evaluate(R"(["scalar", 1])"), "-5");
  EXPECT_EQ(evaluate(R"(["scalar", 3])"), "-2") << "sign of an i32";
}

TEST(LaunchProgram, ComputesAllOperations) {
  EXPECT_EQ(binary("add", 2, 3), "5");
  EXPECT_EQ(binary("sub", 2, 3), "-1");
  EXPECT_EQ(binary("mul", -2, 3), "-6");
  EXPECT_EQ(binary("divs", -7, 2), "-3");
  EXPECT_EQ(binary("rems", -7, 2), "-1");
  EXPECT_EQ(binary("floordivs", -7, 2), "-4");
  EXPECT_EQ(binary("floordivs", 7, -2), "-4");
  EXPECT_EQ(binary("floordivs", -8, 2), "-4");
  EXPECT_EQ(binary("floordivs", 7, 2), "3");
  EXPECT_EQ(binary("floordivs", -7, -2), "3");
  EXPECT_EQ(binary("ceildivs", 7, -2), "-3");
  EXPECT_EQ(binary("ceildivs", -7, 2), "-3");
  EXPECT_EQ(binary("ceildivs", 7, 2), "4");
  EXPECT_EQ(binary("ceildivs", -7, -2), "4");
  EXPECT_EQ(binary("ceildivs", 8, 2), "4");
  EXPECT_EQ(binary("ceildivu", 7, 2), "4");
  EXPECT_EQ(binary("divu", -2, 4), std::to_string((uint64_t(0) - 2) / 4));
  EXPECT_EQ(binary("remu", -1, 4), "3");
  EXPECT_EQ(binary("mins", -1, 4), "-1");
  EXPECT_EQ(binary("maxs", -1, 4), "4");
  EXPECT_EQ(binary("minu", -1, 4), "4");
  EXPECT_EQ(binary("maxu", -1, 4), "-1");
  EXPECT_EQ(binary("and", 12, 10), "8");
  EXPECT_EQ(binary("or", 12, 10), "14");
  EXPECT_EQ(binary("xor", 12, 10), "6");
  EXPECT_EQ(binary("shl", 3, 4), "48");
  EXPECT_EQ(binary("shl", -1, 63), std::to_string(least));
  EXPECT_EQ(binary("shrs", -16, 2), "-4");
  EXPECT_EQ(binary("shru", -1, 60), "15");
  EXPECT_EQ(binary("eq", 3, 3) + binary("ne", 3, 3) + binary("lts", -1, 1) +
                binary("les", 1, 1) + binary("gts", -1, 1) +
                binary("ges", -1, 1) + binary("ltu", -1, 1) +
                binary("leu", 1, 1) + binary("gtu", -1, 1) +
                binary("geu", -1, 1),
            "1011000111");
  EXPECT_EQ(evaluate(R"(["const", 1], ["const", 7], ["const", 9],)"
                     R"(["select", 0, 1, 2])"),
            "7");
  EXPECT_EQ(evaluate(R"(["const", 0], ["const", 7], ["const", 9],)"
                     R"(["select", 0, 1, 2])"),
            "9");
}

TEST(LaunchProgram, FindsWhatDoesNotFit) {
  auto expectError = [](const std::string &text, const std::string &reason) {
    EXPECT_NE(text.find(reason), std::string::npos) << text;
  };
  const char *tooLarge = "does not fit in 63 bits";
  expectError(binary("add", most, 1), tooLarge);
  expectError(binary("sub", least, 1), tooLarge);
  expectError(binary("mul", most, 2), tooLarge);
  expectError(binary("divs", least, -1), tooLarge);
  expectError(binary("rems", least, -1), tooLarge);
  expectError(binary("floordivs", least, -1), tooLarge);
  expectError(binary("ceildivs", least, -1), tooLarge);
  expectError(binary("divu", -1, 1), tooLarge);
  expectError(binary("ceildivu", -1, 1), tooLarge);
  expectError(binary("shl", 1, 63), tooLarge);
  EXPECT_EQ(binary("add", most, 0), std::to_string(most));
  for (const char *operation :
       {"divs", "divu", "rems", "remu", "ceildivs", "ceildivu", "floordivs"})
    EXPECT_EQ(binary(operation, 5, 0),
              std::string("'prefill': the size of the workspace cannot be "
                          "computed from these sizes: value 2 of the launch "
                          "program, ") +
                  operation + " of 5 and 0, divides by zero");
  for (const char *operation : {"shl", "shrs", "shru"})
    for (int64_t by : {int64_t(-1), int64_t(64), least})
      expectError(binary(operation, 5, by), "shifts by more than 63 bits");
}

// As the host code does, which the compiler has put behind a condition.
TEST(LaunchProgram, MindsOnlyWhatIsUsed) {
  const std::string values =
      R"(["const", 0], ["const", 5], ["divs", 1, 0], ["add", 1, 2],)"
      R"(["select", 0, 3, 1])";
  EXPECT_EQ(evaluate(values), "5");
  EXPECT_NE(evaluate(values + R"(, ["sub", 2, 1])").find("value 2"),
            std::string::npos);
  EXPECT_NE(evaluate(values + R"(, ["select", 3, 0, 1])").find("value 2"),
            std::string::npos);
  Call call;
  LaunchValues results;
  const std::string rest = R"(, "block": 32, "shared": 0, "arguments": [])";
  auto skipped =
      parse(withLaunch(values, R"("kernel": "k", "grid": 3, "if": 0)" + rest));
  ASSERT_TRUE(skipped) << skipped.error();
  skipped->evaluate(call.words, results);
  ASSERT_TRUE(skipped->gridOf(0, results));
  EXPECT_EQ(*skipped->gridOf(0, results), 0);
  auto used =
      parse(withLaunch(values, R"("kernel": "k", "grid": 3, "if": 1)" + rest));
  ASSERT_TRUE(used) << used.error();
  used->evaluate(call.words, results);
  EXPECT_EQ(used->gridOf(0, results).error(),
            "'prefill': the grid of launch 0 ('k') cannot be computed from "
            "these sizes: value 2 of the launch program, divs of 5 and 0, "
            "divides by zero");
  auto condition =
      parse(withLaunch(values, R"("kernel": "k", "grid": 1, "if": 3)" + rest));
  ASSERT_TRUE(condition) << condition.error();
  condition->evaluate(call.words, results);
  EXPECT_NE(
      condition->gridOf(0, results).error().find("the condition of launch 0"),
      std::string::npos);
}

TEST(LaunchProgram, ChecksSizesOfGridAndWorkspace) {
  Call call;
  LaunchValues results;
  for (auto [value, fits] : {std::pair<int64_t, bool>{0, true},
                             {1, true},
                             {LaunchProgram::maxExtent, true},
                             {LaunchProgram::maxExtent + 1, false},
                             {-1, false}}) {
    auto program = parse(withLaunch(
        "[\"const\", " + std::to_string(value) + "]",
        R"("kernel": "k", "grid": 0, "block": 1, "shared": 0, "arguments": [])"));
    ASSERT_TRUE(program) << program.error();
    program->evaluate(call.words, results);
    EXPECT_EQ(static_cast<bool>(program->gridOf(0, results)), fits) << value;
    EXPECT_EQ(static_cast<bool>(program->workspaceBytes(results)), value >= 0);
  }
}

TEST(LaunchProgram, WritesParameters) {
  auto program = parse(withLaunch(
      R"(["const", 1024], ["const", 64], ["const", 8], ["const", 1],)"
      R"(["const", -7])",
      R"("kernel": "k", "grid": 1, "block": 128, "shared": 4096,
         "arguments": [{"argument": 3}, {"argument": 2}, {"argument": 0},
                       {"value": 4, "type": "i32"},
                       {"value": 4, "type": "index"},
                       {"workspace": 1, "sizes": [2], "strides": [3]}])"));
  ASSERT_TRUE(program) << program.error();
  const LaunchProgram::Launch &launch = program->launches()[0];
  EXPECT_EQ(launch.kernel, "k");
  EXPECT_EQ(launch.block, 128);
  EXPECT_EQ(launch.sharedBytes, 4096);
  // i32, f32, 7 words, i32, padding, i64, 5 words.
  ASSERT_EQ(launch.parameterBytes, 4u + 4 + 56 + 4 + 4 + 8 + 40);
  Call call;
  LaunchValues results;
  program->evaluate(call.words, results);
  std::vector<unsigned char> buffer(launch.parameterBytes, 0xEE);
  Status status = program->writeParameters(0, call.words, results,
                                           reinterpret_cast<void *>(0x100),
                                           1024, buffer.data());
  ASSERT_TRUE(status) << status.error();
  auto at = [&](size_t offset, auto value) {
    std::memcpy(&value, buffer.data() + offset, sizeof(value));
    return value;
  };
  EXPECT_EQ(at(0, int32_t()), -2);
  EXPECT_EQ(at(4, float()), 0.5f);
  for (size_t i = 0; i < 7; ++i)
    EXPECT_EQ(at(8 + 8 * i, int64_t()), call.query[i]) << i;
  EXPECT_EQ(at(64, int32_t()), -7);
  EXPECT_EQ(at(68, int32_t()), 0) << "padding is not what lay there";
  EXPECT_EQ(at(72, int64_t()), -7);
  int64_t workspace[5] = {0x140, 0x140, 0, 8, 1};
  for (size_t i = 0; i < 5; ++i)
    EXPECT_EQ(at(80 + 8 * i, int64_t()), workspace[i]) << i;

  status = program->writeParameters(0, call.words, results, nullptr, 63,
                                    buffer.data());
  EXPECT_EQ(status.error(), "'prefill': parameter 5 of launch 0 ('k') lies at "
                            "byte 64 of the workspace, which has 63");
}

TEST(LaunchProgram, ChecksParameters) {
  Call call;
  LaunchValues results;
  unsigned char buffer[256];
  auto write = [&](const std::string &values, const std::string &parameter) {
    auto program = parse(withLaunch(
        values, R"("kernel": "k", "grid": 0, "block": 1, "shared": 0,)"
                R"("arguments": [)" +
                    parameter + "]"));
    if (!program)
      return program.error();
    program->evaluate(call.words, results);
    return program->writeParameters(0, call.words, results, nullptr, 10, buffer)
        .error();
  };
  EXPECT_EQ(write(R"(["const", 2147483648])", R"({"value": 0, "type": "i32"})"),
            "'prefill': parameter 0 of launch 0 ('k') is 2147483648 for these "
            "sizes, which does not fit in i32");
  EXPECT_EQ(write(R"(["const", 2147483648])", R"({"value": 0, "type": "i64"})"),
            "");
  EXPECT_NE(write(R"(["const", -1])",
                  R"({"workspace": 0, "sizes": [], "strides": []})")
                .find("lies at byte -1"),
            std::string::npos);
  EXPECT_NE(write(R"(["const", 0], ["divs", 0, 0])",
                  R"({"workspace": 0, "sizes": [1], "strides": [0]})")
                .find("parameter 0 of launch 0 ('k') cannot be computed"),
            std::string::npos);
}

TEST(LaunchProgram, ExplainsBadPrograms) {
  auto expectError = [](const std::string &text, const std::string &reason) {
    auto program = parse(text);
    ASSERT_FALSE(program) << text;
    EXPECT_EQ(program.error().find("the launch program"), 0u)
        << program.error();
    EXPECT_NE(program.error().find(reason), std::string::npos)
        << program.error();
  };
  expectError("{", "is not JSON");
  expectError("[]", "expected an object, found []");
  expectError(R"({"workspace": 0, "launches": []})", "values: must be a list");
  expectError(R"({"values": [], "workspace": 0, "launches": []})",
              "'workspace' is 0, but there are no values before it");
  expectError(R"({"values": [["const", 1]], "launches": []})",
              "has no member 'workspace'");
  expectError(R"({"values": [["const", 1]], "workspace": 0})",
              "launches: must be a list");
  expectError(R"({"values": [["const", 1]], "workspace": 0, "launches": [],)"
              R"("extra": 1})",
              "unknown member 'extra'; allowed are 'values', 'workspace', "
              "'launches'");
  expectError(valuesOnly("7"), "values[0]: expected a list that begins with an "
                               "operation, such as [\"add\", 0, 1], found 7");
  expectError(valuesOnly("[]"), "values[0]: expected a list");
  expectError(valuesOnly(R"(["pow", 0, 1])"),
              "values[0]: there is no operation 'pow'; allowed are dim, ");
  expectError(valuesOnly(R"(["const", 1], ["add", 0])"),
              "values[1]: 'add' takes 2 operands, found 1");
  expectError(valuesOnly(R"(["const", 1], ["add", 0, 1])"),
              "values[1]: operand 2 of 'add' is 1, but the values before it "
              "are 0 to 0");
  expectError(valuesOnly(R"(["const", 1], ["add", 0, -1])"), "is -1, but");
  expectError(valuesOnly(R"(["const", 1.5])"),
              "a constant must be a 64-bit integer, found 1.5");
  expectError(valuesOnly(R"(["const", 9223372036854775808])"),
              "a constant must be a 64-bit integer");
  expectError(valuesOnly(R"(["dim", 9, 0])"),
              "values[0]: the argument is 9, but 'prefill' has 5, counted from "
              "0");
  expectError(valuesOnly(R"(["dim", 0, 2])"),
              "there is no dimension 2 of 'query', which has rank 2");
  expectError(valuesOnly(R"(["stride", 1, 0])"),
              "there is no dimension 0 of 'window', which has rank 0");
  expectError(valuesOnly(R"(["scalar", 0])"),
              "'query' is a tensor; expected an integer");
  expectError(valuesOnly(R"(["scalar", 2])"),
              "'scale' is a scalar of type f32; expected an integer");
  std::string many = R"(["const", 0])";
  for (size_t i = 0; i < LaunchProgram::maxValues; ++i)
    many += R"(, ["const", 0])";
  expectError(valuesOnly(many), "there are 4097; at most 4096 are allowed");

  const std::string one = R"(["const", 1])";
  auto expectLaunchError = [&](const std::string &launch,
                               const std::string &reason) {
    expectError(withLaunch(one, launch), "launches[0]" + reason);
  };
  expectLaunchError("", ": 'kernel' must be the name of a kernel");
  expectLaunchError(R"("kernel": "")", ": 'kernel' must be");
  expectLaunchError(R"("kernel": "k")", ": has no member 'grid'");
  expectLaunchError(R"("kernel": "k", "grid": 1)", ": 'grid' is 1, but");
  expectLaunchError(R"("kernel": "k", "grid": 0)", ": has no member 'block'");
  expectLaunchError(R"("kernel": "k", "grid": 0, "block": 0)",
                    ": 'block' is 0, expected an integer from 1 to 1024");
  expectLaunchError(R"("kernel": "k", "grid": 0, "block": 1025)",
                    ": 'block' is 1025");
  expectLaunchError(R"("kernel": "k", "grid": 0, "block": 1, "shared": 232449)",
                    ": 'shared' is 232449, expected an integer from 0 to "
                    "232448");
  const std::string launch =
      R"("kernel": "k", "grid": 0, "block": 1, "shared": 0)";
  expectLaunchError(launch, ": 'arguments' must be a list");
  expectLaunchError(launch + R"(, "if": 1, "arguments": [])", ": 'if' is 1");
  expectLaunchError(launch + R"(, "cluster": 2, "arguments": [])",
                    ": unknown member 'cluster'");
  auto expectParameterError = [&](const std::string &parameter,
                                  const std::string &reason) {
    expectLaunchError(launch + R"(, "arguments": [)" + parameter + "]",
                      ".arguments[0]: " + reason);
  };
  expectParameterError("3", "expected an object with 'argument', 'value' or "
                            "'workspace', found 3");
  expectParameterError(R"({"argument": 5})", "the argument is 5, but");
  expectParameterError(R"({"value": 0})", "'type' is missing; allowed are");
  expectParameterError(R"({"value": 0, "type": "f32"})",
                       "'type' is \"f32\"; allowed are");
  expectParameterError(R"({"value": 3, "type": "i32"})", "'value' is 3, but");
  expectParameterError(R"({"workspace": 0, "sizes": [0]})",
                       "'strides' must be a list of values");
  expectParameterError(R"({"workspace": 0, "sizes": [0], "strides": []})",
                       "there are 1 sizes and 0 strides; expected equally "
                       "many");
  expectParameterError(R"({"workspace": 0, "sizes": [4], "strides": [0]})",
                       "an item of 'sizes' is 4, but");
  std::string tensors = R"({"argument": 0})";
  for (int i = 1; i < 74; ++i)
    tensors += R"(, {"argument": 0})";
  expectLaunchError(launch + R"(, "arguments": [)" + tensors + "]",
                    ": the parameters have 4144 bytes; a kernel takes at most "
                    "4096");
}

// Random arithmetic gives a number or an error, never undefined behaviour.
TEST(LaunchProgram, SurvivesAnyNumbers) {
  const char *operations[] = {
      "add",  "sub",      "mul",      "divs",      "divu", "rems",
      "remu", "ceildivs", "ceildivu", "floordivs", "mins", "maxs",
      "minu", "maxu",     "shl",      "shrs",      "shru", "lts"};
  const int64_t numbers[] = {least, least + 1, -64, -2, -1,       0,   1,
                             2,     3,         63,  64, most - 1, most};
  for (const char *operation : operations)
    for (int64_t a : numbers)
      for (int64_t b : numbers)
        EXPECT_FALSE(binary(operation, a, b).empty());
}

TEST(GpuTarget, KnowsWhereCodeRuns) {
  auto parse = [](const char *name) { return *GpuTarget::parse(name); };
  for (const char *name : {"sm_80", "sm_90a", "sm_100f", "sm_121"})
    EXPECT_EQ(parse(name).name(), name);
  EXPECT_EQ(parse("sm_90a").virtualName(), "compute_90a");
  for (const char *name : {"", "sm_", "sm_8", "sm_80b", "80", "sm_-80",
                           "compute_80", "sm_80aa", "sm_99999999999"})
    EXPECT_FALSE(GpuTarget::parse(name)) << name;
  EXPECT_EQ(GpuTarget::parse("gfx90a").error(),
            "'gfx90a' is not a GPU target; expected a name such as sm_80 or "
            "sm_90a");

  EXPECT_TRUE(parse("sm_80").runsBinaryOn(80));
  EXPECT_TRUE(parse("sm_80").runsBinaryOn(86));
  EXPECT_TRUE(parse("sm_80").runsBinaryOn(89));
  EXPECT_FALSE(parse("sm_86").runsBinaryOn(80));
  EXPECT_FALSE(parse("sm_80").runsBinaryOn(90));
  EXPECT_FALSE(parse("sm_90").runsBinaryOn(100));
  EXPECT_TRUE(parse("sm_90a").runsBinaryOn(90));
  EXPECT_FALSE(parse("sm_100a").runsBinaryOn(103));
  EXPECT_TRUE(parse("sm_100f").runsBinaryOn(103));
  EXPECT_FALSE(parse("sm_100f").runsBinaryOn(120));
  EXPECT_TRUE(parse("sm_80").runsPtxOn(80));
  EXPECT_TRUE(parse("sm_80").runsPtxOn(120));
  EXPECT_FALSE(parse("sm_86").runsPtxOn(80));
  EXPECT_TRUE(parse("sm_90a").runsPtxOn(90));
  EXPECT_FALSE(parse("sm_90a").runsPtxOn(100));
  EXPECT_TRUE(parse("sm_100f").runsPtxOn(103));
  EXPECT_FALSE(parse("sm_100f").runsPtxOn(120));
  EXPECT_EQ(parse("sm_80").runsBinaryOn(90).error(),
            "its cubin for sm_80 runs on compute capability 8.0 to 8.9");
  EXPECT_EQ(parse("sm_90a").runsPtxOn(100).error(),
            "its PTX for sm_90a runs on compute capability 9.0 only");
}
} // namespace
