//===- Prelude.cpp - What stands before the kernels -----------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of functions.
//
//===----------------------------------------------------------------------===//

#include "Prelude.h"

#include "mlir/Dialect/LLVMIR/LLVMTypes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"

using namespace mlir;
using namespace attn;
using namespace attn::cuda;

namespace {
struct Function {
  llvm::StringLiteral name;
  /// Types and functions that it needs, separated by spaces.
  llvm::StringLiteral needs;
  /// Behind DEVICE.
  llvm::StringLiteral text;
};
} // namespace

// In the order in which they are printed: what is needed comes first.
static const Function kFunctions[] = {
    // 16-bit floats are kept as bits; arithmetic is in f32.
    {"bf16_to_float", "bf16", R"(float bf16_to_float(bf16 x) {
  return __int_as_float((int)((u32)x << 16));
})"},
    {"float_to_bf16", "bf16", R"(bf16 float_to_bf16(float x) {
  bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return y;
})"},
    {"f16_to_float", "f16", R"(float f16_to_float(f16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
  return y;
})"},
    {"float_to_f16", "f16", R"(f16 float_to_f16(float x) {
  f16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return y;
})"},
    {"pack_bf16x2", "b16x2", R"(b16x2 pack_bf16x2(float low, float high) {
  b16x2 y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
})"},
    {"pack_f16x2", "b16x2", R"(b16x2 pack_f16x2(float low, float high) {
  b16x2 y;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
})"},
    {"pack_b16", "b16x2",
     R"(b16x2 pack_b16(unsigned short low, unsigned short high) {
  return (u32)low | (u32)high << 16;
})"},
    {"low_half", "b16x2", R"(unsigned short low_half(b16x2 pair) {
  return (unsigned short)pair;
})"},
    {"high_half", "b16x2", R"(unsigned short high_half(b16x2 pair) {
  return (unsigned short)(pair >> 16);
})"},

    // Integer division that does not round towards zero.
    {"ceildivs", "", R"(long long ceildivs(long long a, long long b) {
  return a / b + (a % b != 0 && (a < 0) == (b < 0));
})"},
    {"ceildivu", "u64", R"(u64 ceildivu(u64 a, u64 b) {
  return a / b + (a % b != 0);
})"},
    {"floordivs", "", R"(long long floordivs(long long a, long long b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
})"},

    // No code, but nobody sees that it is the same number in each turn.
    {"in_turn", "", R"(int in_turn(int x, int turn) {
  asm("" : "+r"(x) : "r"(turn));
  return x;
})"},

    // Approximations of one instruction.
    {"ex2_approx", "", R"(float ex2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
})"},
    {"lg2_approx", "", R"(float lg2_approx(float x) {
  float y;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
})"},
    {"tanh_approx", "", R"(float tanh_approx(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
})"},
    {"rsqrt_approx", "", R"(float rsqrt_approx(float x) {
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
})"},
    {"sin_approx", "", R"(float sin_approx(float x) {
  float y;
  asm("sin.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
})"},
    {"cos_approx", "", R"(float cos_approx(float x) {
  float y;
  asm("cos.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
})"},
    {"div_approx", "", R"(float div_approx(float a, float b) {
  float y;
  asm("div.full.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
})"},

    // NaN if an operand is; fmaxf and fminf give the other operand.
    {"max_nan", "", R"(float max_nan(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
})"},
    {"min_nan", "", R"(float min_nan(float a, float b) {
  float y;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
})"},
    {"is_nan_pair", "", R"(bool is_nan_pair(float a, float b) {
  return a != a || b != b;
})"},
    {"is_equal_or_nan", "", R"(bool is_equal_or_nan(float a, float b) {
  return !(a < b || a > b);
})"},

    // Addresses in the window of shared memory.
    {"shared_address", "u32", R"(u32 shared_address(const void *shared) {
  return (u32)__cvta_generic_to_shared(shared);
})"},

    // Asynchronous copies; the bytes that are not read become 0.
    {"cp_async_16", "shared_address",
     R"(void cp_async_16(void *to, const void *from, int read_bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :: "r"(shared_address(to)), "l"(from), "r"(read_bytes)
               : "memory");
})"},
    {"cp_async_ca_16", "shared_address",
     R"(void cp_async_ca_16(void *to, const void *from, int read_bytes = 16) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;"
               :: "r"(shared_address(to)), "l"(from), "r"(read_bytes)
               : "memory");
})"},
    {"cp_async_ca_8", "shared_address",
     R"(void cp_async_ca_8(void *to, const void *from, int read_bytes = 8) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;"
               :: "r"(shared_address(to)), "l"(from), "r"(read_bytes)
               : "memory");
})"},
    {"cp_async_ca_4", "shared_address",
     R"(void cp_async_ca_4(void *to, const void *from, int read_bytes = 4) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
               :: "r"(shared_address(to)), "l"(from), "r"(read_bytes)
               : "memory");
})"},
    {"cp_async_commit", "", R"(void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
})"},
    {"cp_async_wait", "",
     R"(template <int pending> DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" :: "n"(pending) : "memory");
})"},

    // 8x8 blocks of 16-bit elements; lane 8i + r gives row r of block i.
    {"ldmatrix_x1", "shared_address", R"(b16x2 ldmatrix_x1(const void *row) {
  b16x2 y;
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
               : "=r"(y) : "r"(shared_address(row)) : "memory");
  return y;
})"},
    {"ldmatrix_x1_trans", "shared_address",
     R"(b16x2 ldmatrix_x1_trans(const void *row) {
  b16x2 y;
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
               : "=r"(y) : "r"(shared_address(row)) : "memory");
  return y;
})"},
    {"ldmatrix_x2", "shared_address b16x4",
     R"(b16x4 ldmatrix_x2(const void *row) {
  b16x4 y;
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(y.v[0]), "=r"(y.v[1])
               : "r"(shared_address(row)) : "memory");
  return y;
})"},
    {"ldmatrix_x2_trans", "shared_address b16x4",
     R"(b16x4 ldmatrix_x2_trans(const void *row) {
  b16x4 y;
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(y.v[0]), "=r"(y.v[1])
               : "r"(shared_address(row)) : "memory");
  return y;
})"},
    {"ldmatrix_x4", "shared_address b16x8",
     R"(b16x8 ldmatrix_x4(const void *row) {
  b16x8 y;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
               "{%0, %1, %2, %3}, [%4];"
               : "=r"(y.v[0]), "=r"(y.v[1]), "=r"(y.v[2]), "=r"(y.v[3])
               : "r"(shared_address(row)) : "memory");
  return y;
})"},
    {"ldmatrix_x4_trans", "shared_address b16x8",
     R"(b16x8 ldmatrix_x4_trans(const void *row) {
  b16x8 y;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 "
               "{%0, %1, %2, %3}, [%4];"
               : "=r"(y.v[0]), "=r"(y.v[1]), "=r"(y.v[2]), "=r"(y.v[3])
               : "r"(shared_address(row)) : "memory");
  return y;
})"},

    // c += a b with a 16x16, b 16x8 and c 16x8: of words, and of blocks of two
    // arrays whose last dimension is the half of the rows.
    {"mma_m16n8k16_bf16", "u32",
     R"(void mma_m16n8k16_bf16(float *c, u32 a0, u32 a1, u32 a2, u32 a3,
                              u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
})"},
    {"mma_bf16", "b16x2",
     R"(void mma_bf16(float (&c)[2][2], const b16x2 (*a)[2], b16x2 b0,
                     b16x2 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[1][0]), "+f"(c[1][1])
               : "r"(a[0][0]), "r"(a[0][1]), "r"(a[1][0]), "r"(a[1][1]),
                 "r"(b0), "r"(b1));
})"},
    {"mma_m16n8k16_f16", "u32",
     R"(void mma_m16n8k16_f16(float *c, u32 a0, u32 a1, u32 a2, u32 a3,
                             u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
})"},
    {"mma_f16", "b16x2",
     R"(void mma_f16(float (&c)[2][2], const b16x2 (*a)[2], b16x2 b0,
                    b16x2 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[1][0]), "+f"(c[1][1])
               : "r"(a[0][0]), "r"(a[0][1]), "r"(a[1][0]), "r"(a[1][1]),
                 "r"(b0), "r"(b1));
})"},
};

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

bool cuda::is16BitFloat(Type type) { return type.isF16() || type.isBF16(); }

/// The results of nvvm.mma.sync are a struct of equal scalars.
static LLVM::LLVMStructType asUniformStruct(Type type) {
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structType || structType.getBody().empty() ||
      !llvm::all_equal(structType.getBody()))
    return {};
  return structType;
}

int64_t cuda::countElements(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements();
  if (auto structType = asUniformStruct(type))
    return structType.getBody().size();
  return 1;
}

Type cuda::getElementType(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getElementType();
  if (auto structType = asUniformStruct(type))
    return structType.getBody().front();
  return type;
}

int64_t cuda::countParts(Type type) {
  int64_t count = countElements(type);
  if (is16BitFloat(getElementType(type)) && count % 2 == 0)
    count /= 2;
  return count == 1 ? 0 : count;
}

bool cuda::hasAccessor(MemRefType type) {
  auto [strides, offset] = type.getStridesAndOffset();
  return !strides.empty() && ShapedType::isDynamic(offset) &&
         strides.back() == 1 &&
         llvm::all_of(ArrayRef(strides).drop_back(), ShapedType::isDynamic);
}

/// The name of a scalar type in names of vectors and tensors.
static std::string shortName(Type type) {
  if (type.isBF16())
    return "bf16";
  if (type.isF16())
    return "f16";
  if (type.isF32())
    return "f32";
  if (type.isF64())
    return "f64";
  if (type.isIndex())
    return "i64";
  if (isa<IntegerType>(type))
    return "i" + std::to_string(type.getIntOrFloatBitWidth());
  return "";
}

std::string Prelude::typeOf(Type type, bool isWide) {
  Type element = getElementType(type);
  int64_t count = countElements(type);
  if (auto vector = dyn_cast<VectorType>(type); vector && vector.isScalable())
    return "";
  std::string scalar;
  if (element.isBF16() || element.isF16()) {
    scalar = shortName(element);
    scalars[scalar] = "unsigned short";
  } else if (element.isF32()) {
    scalar = "float";
  } else if (element.isIndex()) {
    scalar = isWide ? "long long" : "int";
  } else if (auto integer = dyn_cast<IntegerType>(element)) {
    scalar = llvm::StringSwitch<std::string>(std::to_string(integer.getWidth()))
                 .Case("1", "bool")
                 .Case("8", "signed char")
                 .Case("16", "short")
                 .Case("32", "int")
                 .Case("64", "long long")
                 .Default("");
  }
  if (scalar.empty() || count == 1)
    return scalar;

  // A register vector. Pairs of 16-bit floats lie in one word.
  bool isPairs = is16BitFloat(element);
  if (isPairs) {
    if (count % 2 != 0)
      return "";
    scalars["u32"] = "unsigned int";
    scalars["b16x2"] = "u32";
    if (count == 2)
      return "b16x2";
    scalar = "b16x2";
  }
  int64_t parts = countParts(type);
  std::string name =
      (isPairs ? "b16" : shortName(element)) + "x" + std::to_string(count);
  int64_t bytes = isPairs || element.isF32() || element.isInteger(32) ? 4
                  : element.isInteger(64) || element.isIndex()        ? 8
                  : element.isInteger(16)                             ? 2
                                                                      : 1;
  // As large as one access can be.
  int64_t alignment =
      std::min<int64_t>(llvm::bit_ceil<uint64_t>(parts * bytes), 16);
  vectors[name] = ("struct __attribute__((may_alias)) __align__(" +
                   llvm::Twine(alignment) + ") " + name + " {\n  " + scalar +
                   " v[" + llvm::Twine(parts) + "];\n};\n")
                      .str();
  return name;
}

std::string Prelude::tensorOf(MemRefType type) {
  int64_t rank = type.getRank();
  std::string element = typeOf(type.getElementType());
  std::string name =
      "Tensor" + std::to_string(rank) + "_" + shortName(type.getElementType());
  std::string body = "  " + element + " *allocated, *data;\n  long long offset";
  if (rank > 0)
    body += (", sizes[" + llvm::Twine(rank) + "], strides[" +
             llvm::Twine(rank) + "]")
                .str();
  body += ";\n";
  if (rank > 0) {
    // Used where the innermost stride is 1.
    std::string parameters, sum;
    for (int64_t i = 0; i < rank; ++i) {
      std::string n = std::to_string(i);
      std::string index = rank <= 6 ? std::string(1, char('i' + i)) : "i" + n;
      parameters += (i ? ", " : "") + std::string("long long ") + index;
      sum += " + " + index + (i + 1 < rank ? " * strides[" + n + "]" : "");
    }
    body += "  DEVICE int size(int i) const { return (int)sizes[i]; }\n";
    body += "  DEVICE\n  " + element + " *at(" + parameters +
            ") const {\n    return data + offset" + sum + ";\n  }\n";
  }
  tensors[name] = "struct " + name + " {\n" + body + "};\n";
  return name;
}

//===----------------------------------------------------------------------===//
// Use and printing
//===----------------------------------------------------------------------===//

llvm::StringRef Prelude::use(llvm::StringRef name) {
  const Function *function = llvm::find_if(
      kFunctions, [&](const Function &entry) { return entry.name == name; });
  assert(function != std::end(kFunctions) && "not in the table");
  if (!functions.insert(name).second)
    return name;
  llvm::SmallVector<llvm::StringRef> needs;
  llvm::StringRef(function->needs).split(needs, ' ', -1, /*KeepEmpty=*/false);
  for (llvm::StringRef need : needs) {
    if (need == "bf16" || need == "f16")
      scalars[need.str()] = "unsigned short";
    else if (need == "u64")
      scalars["u64"] = "unsigned long long";
    else if (need == "b16x4")
      vectors[need.str()] = "struct __attribute__((may_alias)) __align__(8) "
                            "b16x4 {\n  b16x2 v[2];\n};\n";
    else if (need == "b16x8")
      vectors[need.str()] = "struct __attribute__((may_alias)) __align__(16) "
                            "b16x8 {\n  b16x2 v[4];\n};\n";
    else if (need == "b16x2")
      scalars["b16x2"] = "u32";
    else if (need != "u32")
      use(need);
  }
  if (name.starts_with("ldmatrix"))
    scalars["b16x2"] = "u32";
  scalars["u32"] = "unsigned int";
  return name;
}

void Prelude::useUnsigned(llvm::StringRef type) {
  scalars[type.str()] = type == "u64" ? "unsigned long long" : "unsigned int";
}

bool Prelude::isReserved(llvm::StringRef name) {
  static const llvm::StringSet<> words = {
      // of C++ and CUDA, as far as somebody might name a value so
      "auto", "bool", "break", "case", "char", "class", "const", "continue",
      "default", "delete", "do", "double", "else", "enum", "extern", "false",
      "float", "for", "goto", "if", "inline", "int", "long", "new", "operator",
      "private", "public", "return", "short", "signed", "sizeof", "static",
      "struct", "switch", "template", "this", "true", "typedef", "union",
      "unsigned", "void", "volatile", "while", "and", "or", "xor", "not", "asm",
      "export", "register", "using", "min", "max", "abs", "threadIdx",
      "blockIdx", "blockDim", "gridDim", "warpSize",
      // of the prelude
      "shared", "bf16", "f16", "u32", "u64", "b16x2", "UNROLL", "DEVICE"};
  if (words.contains(name) || name.starts_with("__") ||
      name.starts_with("Tensor"))
    return true;
  return llvm::any_of(kFunctions, [&](const Function &function) {
    return function.name == name;
  });
}

std::string Prelude::str() const {
  std::string text;
  if (hasUnrolled)
    text += "#define UNROLL(i, n) \\\n"
            "  _Pragma(\"unroll\") for (int i = 0; i < n; ++i)\n";
  if (!functions.empty() || !tensors.empty())
    text += "#define DEVICE __device__ __forceinline__\n";
  if (!text.empty())
    text += "\n";
  for (const char *name : {"u32", "u64", "bf16", "f16", "b16x2"})
    if (auto it = scalars.find(name); it != scalars.end())
      text += "typedef " + it->second + " " + name + ";" +
              (it->second == "unsigned short" ? " // the bits\n" : "\n");
  for (const auto *declarations : {&vectors, &tensors})
    for (const auto &[name, declaration] : *declarations)
      text += "\n" + declaration;
  for (const Function &function : kFunctions)
    if (functions.contains(function.name)) {
      bool isTemplate = llvm::StringRef(function.text).starts_with("template");
      text += (llvm::Twine("\n") + (isTemplate ? "" : "DEVICE ") +
               function.text + "\n")
                  .str();
    }
  return text;
}
