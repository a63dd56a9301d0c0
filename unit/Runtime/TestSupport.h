//===- TestSupport.h - Payloads and folders for the tests -------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ATTN_UNIT_RUNTIME_TESTSUPPORT_H
#define ATTN_UNIT_RUNTIME_TESTSUPPORT_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace attn::test {

/// A folder that vanishes with the object.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "attn-test.XXXXXX").string();
    path = mkdtemp(name.data()) ? name : "";
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  std::string path;
};

inline void writeBytes(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Compiles C code, with the ABI's header included, to a shared object without
/// undefined symbols; returns the object's bytes, empty if that fails.
inline std::string compilePayload(const std::string &code) {
  TemporaryFolder folder;
  writeBytes(folder / "payload.c",
             "#include \"attn/Runtime/CpuAbi.h\"\n" + code);
  std::string command = std::string(ATTN_TEST_CC) +
                        " -O1 -shared -fPIC -nostdlib -Wl,-z,defs -I " +
                        ATTN_TEST_INCLUDE + " " + (folder / "payload.c") +
                        " -o " + (folder / "payload.so");
  return std::system(command.c_str()) == 0 ? readBytes(folder / "payload.so")
                                           : "";
}

/// C code of a manifest with the given entries.
inline std::string manifestCode(const std::string &entries,
                                const std::string &format = "1") {
  std::string json =
      "{\"format\": " + format +
      ", \"compiler\": \"test\", \"target\": {\"triple\": \"t\", \"cpu\": "
      "\"c\", \"features\": \"\"}, \"entries\": [" +
      entries + "]}";
  std::string escaped;
  for (char c : json)
    escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
  return "const char attn_manifest[] = \"" + escaped + "\";\n";
}

} // namespace attn::test

#endif // ATTN_UNIT_RUNTIME_TESTSUPPORT_H
