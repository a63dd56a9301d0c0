//===- MathTest.cpp - Errors of the math functions of kernels -------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles functions of the math dialect as kernels are compiled, vectors and
// scalars, with AVX-512 and with AVX2, and measures their errors against long
// double.
//
//===----------------------------------------------------------------------===//

#include "attn/InitAll.h"
#include "attn/Runtime/CpuAbi.h"
#include "attn/Target/Cpu/Codegen.h"
#include "attn/Target/Cpu/Pipeline.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <unistd.h>

using namespace attn;

namespace {

//===----------------------------------------------------------------------===//
// Compiled functions
//===----------------------------------------------------------------------===//

/// A function with its operation, as MLIR text; $V stands for the type of the
/// argument and $R for that of the result.
struct Code {
  const char *name;
  const char *op;
  const char *from = "f32";
  const char *to = "f32";
};

const Code codes[] = {
    {"exp2", "math.exp2 %x : $V"},
    {"exp", "math.exp %x : $V"},
    {"tanh", "math.tanh %x : $V"},
    {"log", "math.log %x : $V"},
    {"log2", "math.log2 %x : $V"},
    {"log1p", "math.log1p %x : $V"},
    {"expm1", "math.expm1 %x : $V"},
    {"sin", "math.sin %x : $V"},
    {"cos", "math.cos %x : $V"},
    {"erf", "math.erf %x : $V"},
    {"rsqrt", "math.rsqrt %x : $V"},
    {"sqrt", "math.sqrt %x : $V"},
    {"to_bf16", "arith.truncf %x : $V to $R", "f32", "bf16"},
    {"to_f16", "arith.truncf %x : $V to $R", "f32", "f16"},
    {"from_bf16", "arith.extf %x : $V to $R", "bf16", "f32"},
    {"from_f16", "arith.extf %x : $V to $R", "f16", "f32"},
};

/// One way to compile all of them.
struct Variant {
  const char *name;
  /// For createCpuTargetMachine.
  const char *features;
  bool isVector;
};

const Variant variants[] = {{"avx512", "", true},
                            {"avx512_scalar", "", false},
                            {"avx2", "-avx512f", true},
                            {"avx2_scalar", "-avx512f", false}};

bool isSupported(const Variant &variant) {
#if defined(__x86_64__)
  return *variant.features || __builtin_cpu_supports("avx512f");
#else
  return false;
#endif
}

void replaceAll(std::string &text, const std::string &what,
                const std::string &with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos;
       at += with.size())
    text.replace(at, what.size(), with);
}

/// A function for each code that maps the elements of one memref to another.
/// The size is a multiple of `width`; 1 means scalars.
std::string moduleText(int64_t width) {
  std::string text;
  for (const Code &code : codes) {
    std::string function = R"(
func.func @$NAME(%in: memref<?x$FROM>, %out: memref<?x$TO>) {
  %c0 = arith.constant 0 : index
  %width = arith.constant $WIDTH : index
  %n = memref.dim %in, %c0 : memref<?x$FROM>
  scf.for %i = %c0 to %n step %width {
    %x = $LOAD
    %y = $OP
    $STORE
  }
  return
}
)";
    bool isVector = width > 1;
    auto type = [&](const char *element) {
      return isVector ? "vector<$WIDTHx" + std::string(element) + ">"
                      : std::string(element);
    };
    replaceAll(function, "$LOAD",
               isVector ? "vector.load %in[%i] : memref<?x$FROM>, $V"
                        : "memref.load %in[%i] : memref<?x$FROM>");
    replaceAll(function, "$STORE",
               isVector ? "vector.store %y, %out[%i] : memref<?x$TO>, $R"
                        : "memref.store %y, %out[%i] : memref<?x$TO>");
    replaceAll(function, "$OP", code.op);
    replaceAll(function, "$V", type(code.from));
    replaceAll(function, "$R", type(code.to));
    replaceAll(function, "$FROM", code.from);
    replaceAll(function, "$TO", code.to);
    replaceAll(function, "$NAME", code.name);
    replaceAll(function, "$WIDTH", std::to_string(width));
    text += function;
  }
  return text;
}

/// A memref of rank 1, as attn/Runtime/CpuAbi.h describes it.
struct Descriptor {
  void *allocated, *aligned;
  int64_t offset, size, stride;
};

Result<void *> load(const std::string &bytes) {
  std::string path = ::testing::TempDir() + "attn_math_XXXXXX";
  int file = mkstemp(path.data());
  if (file < 0)
    return failure("cannot create " + path);
  close(file);
  std::ofstream(path, std::ios::binary) << bytes;
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  unlink(path.c_str());
  if (!handle)
    return failure(dlerror());
  return handle;
}

Result<void *> compileAndLoad(const Variant &variant) {
  auto machine = createCpuTargetMachine("", variant.features);
  if (!machine)
    return machine.takeFailure();
  Result<CpuTargetInfo> target = selectCpuTarget(**machine);
  if (!target)
    return target.takeFailure();
  mlir::DialectRegistry registry;
  registerAllAttnDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(
          moduleText(variant.isVector ? target->vectorWidth : 1), &context);
  if (!module)
    return failure("the module could not be parsed");
  mlir::PassManager manager(&context);
  buildLlvmStage(manager, {"flash", *target});
  if (mlir::failed(manager.run(*module)))
    return failure("lowering failed");
  llvm::LLVMContext llvmContext;
  auto translated = translateToLlvm(*module, llvmContext, **machine, "{}");
  if (!translated)
    return translated.takeFailure();
  Result<std::string> object = emitSharedObject(**translated, **machine);
  if (!object)
    return object.takeFailure();
  return load(*object);
}

/// The results of a function; null after a failure, which has been reported.
template <typename To, typename From>
std::vector<To> call(const Variant &variant, const std::string &name,
                     std::vector<From> in) {
  static std::map<std::string, void *> handles;
  void *&handle = handles[variant.name];
  if (!handle) {
    Result<void *> loaded = compileAndLoad(variant);
    if (!loaded) {
      ADD_FAILURE() << variant.name << ": " << loaded.error();
      return {};
    }
    handle = *loaded;
  }
  auto entry = reinterpret_cast<attn_cpu_entry>(dlsym(handle, name.c_str()));
  if (!entry) {
    ADD_FAILURE() << variant.name << ": no function " << name;
    return {};
  }
  size_t size = in.size(), padded = (size + 63) / 64 * 64;
  in.resize(padded);
  std::vector<To> out(padded);
  Descriptor from = {in.data(), in.data(), 0, int64_t(padded), 1};
  Descriptor to = {out.data(), out.data(), 0, int64_t(padded), 1};
  void *arguments[] = {&from, &to};
  entry(/*host=*/nullptr, arguments);
  out.resize(size);
  return out;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// All exponents and both signs: zero, subnormal and normal numbers, infinity
/// and NaN, each exponent with the ends and the middle of its mantissas and
/// `perExponent` random ones.
std::vector<float> sampleFloats(int perExponent) {
  std::mt19937 random(20261121);
  std::vector<float> values;
  for (uint32_t signAndExponent = 0; signAndExponent < 512; ++signAndExponent) {
    auto add = [&](uint32_t mantissa) {
      uint32_t bits = signAndExponent << 23 | (mantissa & 0x7fffff);
      values.push_back(llvm::bit_cast<float>(bits));
    };
    for (uint32_t mantissa : {0x000000, 0x000001, 0x000002, 0x3fffff, 0x400000,
                              0x400001, 0x7ffffe, 0x7fffff})
      add(mantissa);
    for (int n = 0; n < perExponent; ++n)
      add(random());
  }
  return values;
}

/// The distance of f32 numbers around `exact`.
long double ulp(long double exact) {
  int exponent = exact == 0 ? -126 : std::max(std::ilogb(exact), -126);
  return std::ldexp(1.0L, std::min(exponent, 127) - 23);
}

/// |actual - exact| in ulps, with infinity as 2^128; infinite where NaN or an
/// infinity is demanded and not given.
long double errorInUlps(float actual, long double exact) {
  const long double failed = std::numeric_limits<long double>::infinity();
  const long double infinity = 0x1p128L;
  if (std::isnan(exact) || std::isnan(actual))
    return std::isnan(exact) && std::isnan(actual) ? 0 : failed;
  if (std::isinf(exact))
    return actual == exact ? 0 : failed;
  exact = std::max(std::min(exact, infinity), -infinity);
  long double value =
      std::isinf(actual) ? std::copysign(infinity, actual) : actual;
  return std::fabs(value - exact) / ulp(exact);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

using Exact = long double (*)(long double);

struct Function {
  const char *name;
  Exact exact;
  /// Either bound is enough. The absolute one is for results that may be
  /// flushed to 0, and for periodic functions near their zeros.
  double maxUlps;
  double maxAbsError = 0;
  /// Larger finite arguments have no bound.
  double maxArgument = std::numeric_limits<double>::infinity();
};

std::ostream &operator<<(std::ostream &stream, const Function &function) {
  return stream << function.name;
}

constexpr double smallestNormal = 0x1p-126;

const Function functions[] = {
    {"exp2", static_cast<Exact>(std::exp2), 3, smallestNormal},
    {"exp", static_cast<Exact>(std::exp), 3, smallestNormal},
    {"tanh", static_cast<Exact>(std::tanh), 4.5},
    {"log", static_cast<Exact>(std::log), 1.5},
    {"log2", static_cast<Exact>(std::log2), 2},
    {"log1p", static_cast<Exact>(std::log1p), 2.5},
    {"expm1", static_cast<Exact>(std::expm1), 3},
    // Upstream reduces arguments without extra precision.
    {"sin", static_cast<Exact>(std::sin), 3, 1e-6, 10},
    {"cos", static_cast<Exact>(std::cos), 3, 1e-6, 10},
    {"erf", static_cast<Exact>(std::erf), 4.5},
    {"rsqrt", [](long double x) { return 1 / std::sqrt(x); }, 1.5},
    {"sqrt", static_cast<Exact>(std::sqrt), 0.5},
};

class MathFunction : public ::testing::TestWithParam<Function> {};

TEST_P(MathFunction, ErrorIsBounded) {
  const Function &function = GetParam();
  std::vector<float> in = sampleFloats(/*perExponent=*/3000);
  std::vector<long double> exact;
  for (float x : in)
    exact.push_back(function.exact(x));
  for (const Variant &variant : variants) {
    if (!isSupported(variant))
      continue;
    std::vector<float> out = call<float>(variant, function.name, in);
    ASSERT_EQ(out.size(), in.size());
    size_t worst = 0;
    long double largest = 0;
    for (size_t n = 0; n < in.size(); ++n) {
      if (std::isfinite(in[n]) && std::fabs(in[n]) > function.maxArgument)
        continue;
      long double error = errorInUlps(out[n], exact[n]);
      if (error > largest &&
          !(std::fabs(out[n] - exact[n]) <= function.maxAbsError)) {
        largest = error;
        worst = n;
      }
    }
    RecordProperty(variant.name, std::to_string(double(largest)));
    EXPECT_LE(largest, function.maxUlps)
        << variant.name << ": " << function.name << "(" << std::hexfloat
        << in[worst] << ") is " << out[worst] << ", expected "
        << double(exact[worst]);
  }
}

std::string nameOf(const ::testing::TestParamInfo<Function> &info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Math, MathFunction, ::testing::ValuesIn(functions),
                         nameOf);

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

uint32_t bitsOf(const llvm::APFloat &value) {
  return value.bitcastToAPInt().getZExtValue();
}

llvm::APFloat converted(llvm::APFloat value,
                        const llvm::fltSemantics &semantics) {
  bool losesInfo;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return value;
}

/// All f32 numbers that are sampled are rounded to nearest even.
void expectRounding(const char *name, const llvm::fltSemantics &semantics) {
  std::vector<float> in = sampleFloats(/*perExponent=*/3000);
  // Ties, and their neighbours.
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    llvm::APFloat narrow(semantics, llvm::APInt(16, bits));
    uint32_t next = bitsOf(converted(
        llvm::APFloat(semantics, llvm::APInt(16, (bits + 1) & 0xffff)),
        llvm::APFloat::IEEEsingle()));
    uint32_t this32 = bitsOf(converted(narrow, llvm::APFloat::IEEEsingle()));
    uint32_t middle = this32 + (next - this32) / 2;
    for (uint32_t near : {middle - 1, middle, middle + 1})
      in.push_back(llvm::bit_cast<float>(near));
  }
  for (const Variant &variant : variants) {
    if (!isSupported(variant))
      continue;
    std::vector<uint16_t> out = call<uint16_t>(variant, name, in);
    ASSERT_EQ(out.size(), in.size());
    for (size_t n = 0; n < in.size(); ++n) {
      llvm::APFloat expected = converted(llvm::APFloat(in[n]), semantics);
      llvm::APFloat actual(semantics, llvm::APInt(16, out[n]));
      ASSERT_TRUE(expected.isNaN() ? actual.isNaN()
                                   : out[n] == bitsOf(expected))
          << variant.name << ": " << name << " of 0x" << std::hex
          << llvm::bit_cast<uint32_t>(in[n]) << " is 0x" << out[n]
          << ", expected 0x" << bitsOf(expected);
    }
  }
}

/// All numbers of 16 bits are extended exactly.
void expectExtension(const char *name, const llvm::fltSemantics &semantics) {
  std::vector<uint16_t> in;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    in.push_back(bits);
  for (const Variant &variant : variants) {
    if (!isSupported(variant))
      continue;
    std::vector<float> out = call<float>(variant, name, in);
    ASSERT_EQ(out.size(), in.size());
    for (size_t n = 0; n < in.size(); ++n) {
      llvm::APFloat narrow(semantics, llvm::APInt(16, in[n]));
      uint32_t expected =
          bitsOf(converted(narrow, llvm::APFloat::IEEEsingle()));
      ASSERT_TRUE(narrow.isNaN() ? std::isnan(out[n])
                                 : llvm::bit_cast<uint32_t>(out[n]) == expected)
          << variant.name << ": " << name << " of 0x" << std::hex << in[n]
          << " is 0x" << llvm::bit_cast<uint32_t>(out[n]) << ", expected 0x"
          << expected;
    }
  }
}

TEST(MathConversion, RoundsToNearestEven) {
  expectRounding("to_bf16", llvm::APFloat::BFloat());
  expectRounding("to_f16", llvm::APFloat::IEEEhalf());
}

TEST(MathConversion, ExtendsExactly) {
  expectExtension("from_bf16", llvm::APFloat::BFloat());
  expectExtension("from_f16", llvm::APFloat::IEEEhalf());
}

} // namespace
