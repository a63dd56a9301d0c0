//===- DLPack.cpp - Tensors of other libraries ----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The structures are declared after dlpack.h of DLPack 1.0
// (github.com/dmlc/dlpack, Copyright (c) 2017 by Contributors, Apache License
// 2.0), whose binary interface is stable within major version 1: Debian 12 has
// the header of version 0.6, without DLManagedTensorVersioned.
//
//===----------------------------------------------------------------------===//

#include "Handles.h"

#include <algorithm>

using namespace attn;
using namespace attn::api;

namespace {
enum DeviceType : int32_t { kDLCPU = 1, kDLCUDAHost = 3, kDLROCMHost = 11 };
enum TypeCode : uint8_t {
  kDLInt = 0,
  kDLFloat = 2,
  kDLBfloat = 4,
  kDLBool = 6
};

struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};

struct DLTensor {
  void *data;
  int32_t deviceType, deviceId;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; // in elements; null: contiguous, row major
  uint64_t byteOffset;
};

struct DLPackVersion {
  uint32_t major, minor;
};
} // namespace

struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(DLManagedTensor *self);
};

struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(DLManagedTensorVersioned *self);
  uint64_t flags;
  DLTensor dl_tensor;
};

static Result<attn_type> convertType(DLDataType type) {
  struct {
    uint8_t code, bits;
    attn_type type;
  } known[] = {{kDLFloat, 32, ATTN_F32},   {kDLFloat, 16, ATTN_F16},
               {kDLBfloat, 16, ATTN_BF16}, {kDLFloat, 64, ATTN_F64},
               {kDLInt, 8, ATTN_I8},       {kDLInt, 32, ATTN_I32},
               {kDLInt, 64, ATTN_I64},     {kDLBool, 8, ATTN_I1}};
  for (const auto &candidate : known)
    if (type.lanes == 1 && candidate.code == type.code &&
        candidate.bits == type.bits)
      return candidate.type;
  return failure("the DLPack tensor has elements of code " +
                 std::to_string(type.code) + ", " + std::to_string(type.bits) +
                 " bits and " + std::to_string(type.lanes) +
                 " lanes; allowed are one lane of float16, float32, float64, "
                 "bfloat16, int8, int32, int64 and bool");
}

static Status convert(const DLTensor &given, attn_tensor &tensor) {
  if (given.deviceType != kDLCPU && given.deviceType != kDLCUDAHost &&
      given.deviceType != kDLROCMHost)
    return failure("the DLPack tensor is on a device of type " +
                   std::to_string(given.deviceType) +
                   "; allowed is memory of the host (1, 3 and 11)");
  if (given.ndim < 0 || given.ndim > ATTN_MAX_RANK)
    return failure("the DLPack tensor has " + std::to_string(given.ndim) +
                   " dimensions; allowed are 0 to " +
                   std::to_string(ATTN_MAX_RANK));
  if (given.ndim > 0 && !given.shape)
    return failure("the DLPack tensor has no shape");
  Result<attn_type> type = convertType(given.dtype);
  if (!type)
    return type.takeFailure();
  char *data = static_cast<char *>(given.data);
  tensor = attn_tensor_make(data ? data + given.byteOffset : nullptr, *type,
                            given.ndim, given.shape);
  if (given.strides)
    std::copy_n(given.strides, given.ndim, tensor.strides);
  return Status::success();
}

attn_tensor attn_tensor_make(void *data, attn_type type, int32_t rank,
                             const int64_t *shape) {
  attn_tensor tensor{data, type, rank, {}, {}};
  int64_t stride = 1;
  for (int32_t i = std::min<int32_t>(rank, ATTN_MAX_RANK); i-- > 0;) {
    tensor.shape[i] = shape[i];
    tensor.strides[i] = stride;
    // What does not fit is refused by every kernel.
    if (__builtin_mul_overflow(stride, std::max<int64_t>(shape[i], 1), &stride))
      stride = INT64_MAX;
  }
  return tensor;
}

attn_status
attn_tensor_from_dlpack(const struct DLManagedTensorVersioned *managed,
                        attn_tensor *tensor, attn_error **error) {
  return guardedCall(error, [&] {
    if (!managed || !tensor)
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "attn_tensor_from_dlpack: 'managed' or 'tensor' is null");
    if (managed->version.major != 1)
      return fail(error, ATTN_ERROR_ARGUMENTS,
                  "the tensor is of DLPack " +
                      std::to_string(managed->version.major) + "." +
                      std::to_string(managed->version.minor) +
                      "; this version reads 1.x");
    if (Status status = convert(managed->dl_tensor, *tensor); !status)
      return fail(error, status.takeFailure(), ATTN_ERROR_ARGUMENTS);
    return ATTN_OK;
  });
}

attn_status
attn_tensor_from_dlpack_legacy(const struct DLManagedTensor *managed,
                               attn_tensor *tensor, attn_error **error) {
  return guardedCall(error, [&] {
    if (!managed || !tensor)
      return fail(
          error, ATTN_ERROR_ARGUMENTS,
          "attn_tensor_from_dlpack_legacy: 'managed' or 'tensor' is null");
    if (Status status = convert(managed->dl_tensor, *tensor); !status)
      return fail(error, status.takeFailure(), ATTN_ERROR_ARGUMENTS);
    return ATTN_OK;
  });
}
