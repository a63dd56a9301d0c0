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

/// A manifest with the given entries and `required` features, "\"avx2\"".
inline std::string manifestText(const std::string &entries,
                                const std::string &format = "1",
                                const std::string &required = "") {
  return "{\"format\": " + format +
         ", \"compiler\": \"test\", \"target\": {\"triple\": \"t\", \"cpu\": "
         "\"c\", \"features\": \"\", \"requires\": [" +
         required + "]}, \"entries\": [" + entries + "]}";
}

/// C code that exports a manifest.
inline std::string manifestCode(const std::string &entries,
                                const std::string &format = "1",
                                const std::string &required = "") {
  std::string escaped;
  for (char c : manifestText(entries, format, required))
    escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
  return "const char attn_manifest[] = \"" + escaped + "\";\n";
}

/// An entry without arguments that computes nothing, and its code.
inline std::string emptyEntry(const std::string &name) {
  return "{\"name\": \"" + name +
         "\", \"algorithm\": \"flash\", \"tile_q\": 1, \"tile_kv\": 1, "
         "\"arguments\": [], \"dims\": []}";
}
inline std::string emptyCode(const std::string &name) {
  return "void " + name +
         "(const attn_cpu_host *host, void *const *args) {}\nint64_t " + name +
         "_workspace(void *const *args) { return 0; }\n";
}

/// Restores an environment variable.
class ScopedVariable {
public:
  ScopedVariable(const char *name, const char *value) : name(name) {
    if (const char *old = std::getenv(name)) {
      before = old;
      wasSet = true;
    }
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~ScopedVariable() {
    wasSet ? setenv(name, before.c_str(), 1) : unsetenv(name);
  }

private:
  const char *name;
  std::string before;
  bool wasSet = false;
};

} // namespace attn::test

#endif // ATTN_UNIT_RUNTIME_TESTSUPPORT_H
