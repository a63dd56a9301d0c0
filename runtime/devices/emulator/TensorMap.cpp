//===- TensorMap.cpp - What TMA is told about a tensor --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules are those in the comment above cuTensorMapEncodeTiled in cuda.h.
//
//===----------------------------------------------------------------------===//

#include "TensorMap.h"

#include "Report.h"

#include <cstddef>
#include <cstring>
#include <dlfcn.h>
#include <string>

using namespace attn;
using namespace attn::emulator;

using Description = TensorMapDescription;

namespace {
struct TypeInfo {
  const char *name;
  uint32_t bytes;
  bool isFloat;
};
} // namespace

/// By TensorMapType.
static constexpr TypeInfo types[] = {
    {"u8", 1, false},     {"u16", 2, false},    {"u32", 4, false},
    {"s32", 4, false},    {"u64", 8, false},    {"s64", 8, false},
    {"f16", 2, true},     {"f32", 4, true},     {"f64", 8, true},
    {"bf16", 2, true},    {"f32_ftz", 4, true}, {"tf32", 4, true},
    {"tf32_ftz", 4, true}};

static const TypeInfo *infoOf(TensorMapType type) {
  auto number = static_cast<uint32_t>(type);
  return number < std::size(types) ? &types[number] : nullptr;
}

uint32_t emulator::bytesOf(TensorMapType type) {
  const TypeInfo *info = infoOf(type);
  return info ? info->bytes : 0;
}

const char *emulator::nameOf(TensorMapType type) {
  const TypeInfo *info = infoOf(type);
  return info ? info->name : "unknown";
}

bool emulator::isFloat(TensorMapType type) {
  const TypeInfo *info = infoOf(type);
  return info && info->isFloat;
}

/// "u8, u16, ... and tf32_ftz".
static std::string typeNames() {
  std::string names;
  for (const TypeInfo &info : types)
    names += (names.empty()                  ? ""
              : &info == std::end(types) - 1 ? " and "
                                             : ", ") +
             std::string(info.name);
  return names;
}

Result<TensorMapType> emulator::tensorMapTypeCalled(std::string_view name) {
  for (uint32_t i = 0; i < std::size(types); ++i)
    if (types[i].name == name)
      return static_cast<TensorMapType>(i);
  return failure("tensor map: unknown data type '" + std::string(name) +
                 "'; allowed are " + typeNames());
}

//===----------------------------------------------------------------------===//
// The rules
//===----------------------------------------------------------------------===//

static Failure wrong(const std::string &what) {
  return failure("tensor map: " + what);
}

/// An enumeration that was given as a number which it does not have.
template <typename Enum>
static Status checkEnum(Enum value, Enum last, const char *name) {
  if (value <= last)
    return Status::success();
  return wrong(std::string(name) + " is " +
               std::to_string(static_cast<uint32_t>(value)) +
               "; allowed are 0 to " +
               std::to_string(static_cast<uint32_t>(last)));
}

static Status checkKinds(const Description &given) {
  if (!infoOf(given.type)) {
    auto number = static_cast<uint32_t>(given.type);
    return wrong("data type is " + std::to_string(number) +
                 (number < 16 ? ", a packed type of 4 or 6 bits" : "") +
                 "; allowed are " + typeNames() + ", 0 to 12");
  }
  for (const Status &status :
       {checkEnum(given.interleave, TensorMapInterleave::of32Bytes,
                  "interleave"),
        checkEnum(given.swizzle, TensorMapSwizzle::of128Bytes, "swizzle"),
        checkEnum(given.l2Promotion, TensorMapL2Promotion::to256Bytes,
                  "L2 promotion"),
        checkEnum(given.fill, TensorMapFill::nan, "fill")})
    if (!status)
      return status;
  if (given.interleave == TensorMapInterleave::of32Bytes &&
      given.swizzle != TensorMapSwizzle::of32Bytes)
    return wrong("swizzle is " + std::to_string(bytesOf(given.swizzle)) +
                 " bytes with an interleave of 32 bytes, which needs a swizzle "
                 "of 32 bytes");
  if (given.fill == TensorMapFill::nan && !isFloat(given.type))
    return wrong(std::string("fill is NaN and the data type ") +
                 infoOf(given.type)->name +
                 "; NaN is allowed for floating-point types");
  return Status::success();
}

static Status checkTensor(const Description &given) {
  bool isInterleaved = given.interleave != TensorMapInterleave::none;
  uint32_t leastRank = isInterleaved ? 3 : 1;
  if (given.rank < leastRank || given.rank > Description::maxRank)
    return wrong("rank is " + std::to_string(given.rank) + "; allowed are " +
                 std::to_string(leastRank) + " to " +
                 std::to_string(Description::maxRank) +
                 (isInterleaved ? " in an interleaved layout" : ""));

  uint64_t unit = given.interleave == TensorMapInterleave::of32Bytes ? 32 : 16;
  std::string multiple = "must be a multiple of " + std::to_string(unit) +
                         " bytes" +
                         (unit == 32 ? " with an interleave of 32 bytes" : "");
  auto address = reinterpret_cast<uint64_t>(given.base);
  if (address % unit != 0)
    return wrong("base address is " + hex(address) + "; it " + multiple);
  for (uint32_t i = 0; i < given.rank; ++i)
    if (given.dims[i] < 1 || given.dims[i] > uint64_t(1) << 32)
      return wrong("dimension " + std::to_string(i) + " has " +
                   std::to_string(given.dims[i]) +
                   " elements; allowed are 1 to 4294967296");
  for (uint32_t i = 1; i < given.rank; ++i) {
    uint64_t stride = given.strides[i - 1];
    if (stride % unit != 0 || stride >= uint64_t(1) << 40)
      return wrong("stride of dimension " + std::to_string(i) + " is " +
                   std::to_string(stride) + " bytes; it " + multiple +
                   " and less than 1099511627776");
  }
  return Status::success();
}

static Status checkBox(const Description &given) {
  for (uint32_t i = 0; i < given.rank; ++i) {
    if (given.box[i] < 1 || given.box[i] > 256)
      return wrong("box has " + std::to_string(given.box[i]) +
                   " elements in dimension " + std::to_string(i) +
                   "; allowed are 1 to 256");
    if (given.elementStrides[i] < 1 || given.elementStrides[i] > 8)
      return wrong("element stride of dimension " + std::to_string(i) + " is " +
                   std::to_string(given.elementStrides[i]) +
                   "; allowed are 1 to 8");
  }
  if (given.interleave != TensorMapInterleave::none)
    return Status::success();
  uint32_t bytes = bytesOf(given.type), rowBytes = given.box[0] * bytes;
  std::string row = "rows of the box have " + std::to_string(rowBytes) +
                    " bytes (" + std::to_string(given.box[0]) +
                    " elements of " + std::to_string(bytes) + ")";
  if (rowBytes % 16 != 0)
    return wrong(row + "; it must be a multiple of 16 bytes");
  uint32_t span = bytesOf(given.swizzle);
  if (span != 0 && rowBytes > span)
    return wrong(row + "; with a swizzle of " + std::to_string(span) +
                 " bytes at most " + std::to_string(span) + " are allowed");
  return Status::success();
}

static Status check(const Description &given) {
  for (Status (*rules)(const Description &) :
       {checkKinds, checkTensor, checkBox})
    if (Status status = rules(given); !status)
      return status;
  return Status::success();
}

//===----------------------------------------------------------------------===//
// For the emulator
//===----------------------------------------------------------------------===//

namespace {
/// The contents of an emulator's tensor map.  The limits of the numbers make
/// them fit.
struct Encoded {
  char magic[8];
  uint32_t version;
  uint8_t type, rank, interleave, swizzle;
  uint8_t l2Promotion, fill;
  uint8_t boxLess1[Description::maxRank];
  uint8_t elementStrides[Description::maxRank];
  uint32_t dimsLess1[Description::maxRank];
  uint64_t base;
  uint64_t strides[Description::maxRank - 1];
  uint64_t reserved[4];
  /// Of all that stands before: kernels may scribble over a tensor map.
  uint64_t checksum;
};
} // namespace
static_assert(sizeof(Encoded) == sizeof(TensorMapBits));
static_assert(sizeof(TensorMapBits) == 128);

static constexpr char mapMagic[] = "ATTNTMAP";
static constexpr uint32_t mapVersion = 1;

/// FNV-1a.
static uint64_t checksumOf(const Encoded &encoded) {
  uint8_t bytes[offsetof(Encoded, checksum)];
  std::memcpy(bytes, &encoded, sizeof(bytes));
  uint64_t hash = 0xcbf29ce484222325;
  for (uint8_t byte : bytes)
    hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

static TensorMapBits encode(const Description &given) {
  Encoded encoded;
  std::memset(&encoded, 0, sizeof(encoded));
  std::memcpy(encoded.magic, mapMagic, sizeof(encoded.magic));
  encoded.version = mapVersion;
  encoded.type = static_cast<uint8_t>(given.type);
  encoded.rank = static_cast<uint8_t>(given.rank);
  encoded.interleave = static_cast<uint8_t>(given.interleave);
  encoded.swizzle = static_cast<uint8_t>(given.swizzle);
  encoded.l2Promotion = static_cast<uint8_t>(given.l2Promotion);
  encoded.fill = static_cast<uint8_t>(given.fill);
  encoded.base = reinterpret_cast<uint64_t>(given.base);
  for (uint32_t i = 0; i < given.rank; ++i) {
    encoded.dimsLess1[i] = static_cast<uint32_t>(given.dims[i] - 1);
    encoded.boxLess1[i] = static_cast<uint8_t>(given.box[i] - 1);
    encoded.elementStrides[i] = static_cast<uint8_t>(given.elementStrides[i]);
    if (i > 0)
      encoded.strides[i - 1] = given.strides[i - 1];
  }
  encoded.checksum = checksumOf(encoded);
  TensorMapBits bits;
  std::memcpy(&bits, &encoded, sizeof(bits));
  return bits;
}

Result<TensorMapDescription> emulator::decodeTiled(const TensorMapBits &bits) {
  Encoded encoded;
  std::memcpy(&encoded, &bits, sizeof(encoded));
  if (std::memcmp(encoded.magic, mapMagic, sizeof(encoded.magic)) != 0)
    return wrong("these 128 bytes are none; encodeTiled makes them");
  if (encoded.version != mapVersion)
    return wrong("version is " + std::to_string(encoded.version) +
                 ", but this emulator reads version " +
                 std::to_string(mapVersion));
  if (encoded.checksum != checksumOf(encoded))
    return wrong("its bytes were changed after encodeTiled made them");
  Description read;
  read.type = static_cast<TensorMapType>(encoded.type);
  read.rank = encoded.rank;
  read.base = reinterpret_cast<void *>(encoded.base);
  read.interleave = static_cast<TensorMapInterleave>(encoded.interleave);
  read.swizzle = static_cast<TensorMapSwizzle>(encoded.swizzle);
  read.l2Promotion = static_cast<TensorMapL2Promotion>(encoded.l2Promotion);
  read.fill = static_cast<TensorMapFill>(encoded.fill);
  for (uint32_t i = 0; i < read.rank && i < Description::maxRank; ++i) {
    read.dims[i] = uint64_t(encoded.dimsLess1[i]) + 1;
    read.box[i] = encoded.boxLess1[i] + 1u;
    read.elementStrides[i] = encoded.elementStrides[i];
    if (i > 0)
      read.strides[i - 1] = encoded.strides[i - 1];
  }
  // A checksum is no proof: the emulator relies on the rules.
  if (Status status = check(read); !status)
    return status.takeFailure();
  return read;
}

//===----------------------------------------------------------------------===//
// For a GPU
//===----------------------------------------------------------------------===//

namespace {
/// The functions of the driver that are used; cuda.h is not needed to build.
struct Driver {
  int (*init)(unsigned flags) = nullptr;
  int (*getErrorName)(int error, const char **name) = nullptr;
  int (*encodeTiled)(void *map, uint32_t type, uint32_t rank, void *base,
                     const uint64_t *dims, const uint64_t *strides,
                     const uint32_t *box, const uint32_t *elementStrides,
                     uint32_t interleave, uint32_t swizzle,
                     uint32_t l2Promotion, uint32_t fill) = nullptr;

  static Result<Driver> open();
};
} // namespace

Result<Driver> Driver::open() {
  // Stays open: a process does not lose its driver.
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return wrong("a real one is made by NVIDIA's driver, which cannot be "
                 "opened: " +
                 std::string(reason ? reason : "libcuda.so.1"));
  }
  Driver driver;
  auto resolve = [&](auto &function, const char *name) {
    void *symbol = dlsym(library, name);
    std::memcpy(&function, &symbol, sizeof(symbol));
    return symbol != nullptr;
  };
  if (!resolve(driver.init, "cuInit") ||
      !resolve(driver.getErrorName, "cuGetErrorName") ||
      !resolve(driver.encodeTiled, "cuTensorMapEncodeTiled"))
    return wrong("NVIDIA's driver has no cuTensorMapEncodeTiled; it is in "
                 "drivers for CUDA 12.0 and newer");
  return driver;
}

static Result<TensorMapBits> encodeByDriver(const Description &given) {
  Result<Driver> driver = Driver::open();
  if (!driver)
    return driver.takeFailure();
  auto complain = [&](const char *function, int error) {
    const char *name = nullptr;
    if (driver->getErrorName(error, &name) != 0 || !name)
      name = "an unknown error";
    return wrong(std::string(function) + " of NVIDIA's driver answers " + name +
                 " (" + std::to_string(error) + ")");
  };
  if (int error = driver->init(0))
    return complain("cuInit", error);
  // cuda.h aligns its structure so since CUDA 13.
  alignas(128) TensorMapBits bits;
  if (int error = driver->encodeTiled(
          &bits, static_cast<uint32_t>(given.type), given.rank, given.base,
          given.dims, given.strides, given.box, given.elementStrides,
          static_cast<uint32_t>(given.interleave),
          static_cast<uint32_t>(given.swizzle),
          static_cast<uint32_t>(given.l2Promotion),
          static_cast<uint32_t>(given.fill)))
    return complain("cuTensorMapEncodeTiled", error);
  return bits;
}

Result<TensorMapBits> emulator::encodeTiled(const Description &description,
                                            TensorMapReader reader) {
  if (Status status = check(description); !status)
    return status.takeFailure();
  if (reader == TensorMapReader::cuda)
    return encodeByDriver(description);
  return encode(description);
}
