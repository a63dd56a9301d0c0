//===- Module.cpp - Modules that are ready to run -------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emulator.h"

#include "Memory.h"
#include "Program.h"

#include <cstring>

using namespace attn;
using namespace attn::emulator;

Module::Module() = default;
Module::Module(Module &&) = default;
Module &Module::operator=(Module &&) = default;
Module::~Module() = default;

/// Gives the variables of the module memory with their initial values.
static Result<VariableAddresses> placeVariables(const ptx::Module &module,
                                                Memory &memory) {
  VariableAddresses addresses;
  for (const ptx::Variable &variable : module.variables) {
    if (variable.space != ptx::Space::global &&
        variable.space != ptx::Space::constant)
      continue;
    if (variable.isExternal)
      return failure("line " + std::to_string(variable.line) + ": '" +
                     variable.name +
                     "' is extern, and no other module can define it");
    void *data =
        memory.allocate(variable.bytes, variable.name, variable.alignment);
    if (!data)
      return failure("line " + std::to_string(variable.line) +
                     ": there is no memory for the " +
                     std::to_string(variable.bytes) + " bytes of '" +
                     variable.name + "'");
    std::memset(data, 0, variable.bytes);
    std::memcpy(data, variable.initial.data(), variable.initial.size());
    memory.markInitialized(data, variable.bytes);
    addresses[variable.name] = reinterpret_cast<uint64_t>(data);
  }
  for (const ptx::Variable &variable : module.variables)
    for (const auto &relocation : variable.relocations) {
      auto target = addresses.find(relocation.symbol);
      if (target == addresses.end())
        return failure("line " + std::to_string(variable.line) + ": '" +
                       variable.name + "' is initialised with '" +
                       relocation.symbol +
                       "', which is no global or constant variable");
      uint64_t address =
          (target->second + static_cast<uint64_t>(relocation.addend)) >>
          relocation.shift;
      std::memcpy(reinterpret_cast<uint8_t *>(addresses[variable.name]) +
                      relocation.offset,
                  &address, static_cast<size_t>(relocation.bytes));
    }
  for (const ptx::Variable &variable : module.variables)
    if (variable.space == ptx::Space::constant)
      memory.find(addresses[variable.name])->isConstant = true;
  return addresses;
}

Result<Module> Module::parse(std::string_view text) {
  Result<ptx::Module> parsed = ptx::parse(text);
  if (!parsed)
    return parsed.takeFailure();
  Module module;
  module.module = std::make_unique<ptx::Module>(std::move(*parsed));
  module.variables = std::make_unique<Memory>();
  module.lines = std::make_unique<std::vector<std::string>>();
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    size_t first = line.find_first_not_of(" \t\r");
    size_t last = line.find_last_not_of(" \t\r");
    module.lines->emplace_back(first == line.npos
                                   ? std::string_view()
                                   : line.substr(first, last - first + 1));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  Result<VariableAddresses> addresses =
      placeVariables(*module.module, *module.variables);
  if (!addresses)
    return addresses.takeFailure();
  for (const ptx::Function &function : module.module->functions) {
    if (!function.isKernel || !function.hasBody)
      continue;
    Result<std::unique_ptr<Program>> program =
        decode(*module.module, function, *addresses);
    if (!program)
      return program.takeFailure();
    (*program)->lines = module.lines.get();
    (*program)->variables = module.variables.get();
    module.programs.push_back(std::move(*program));
  }
  return module;
}

std::vector<std::string> Module::kernelNames() const {
  std::vector<std::string> names;
  for (const auto &program : programs)
    names.push_back(program->function->name);
  return names;
}

int Module::sm() const { return module->sm; }

Result<const Program *> Module::find(std::string_view kernel) const {
  for (const auto &program : programs)
    if (program->function->name == kernel)
      return static_cast<const Program *>(program.get());
  std::string known;
  for (const auto &program : programs)
    known += (known.empty() ? "'" : ", '") + program->function->name + "'";
  return failure("the module has no kernel '" + std::string(kernel) + "'; " +
                 (known.empty() ? "it has none" : "it has " + known));
}
