//===- Cubin.cpp - What a cubin says about its kernels --------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVIDIA documents neither the sections .nv.* nor the instructions; what is
// read here was found by comparing cubins with what ptxas -v and nvdisasm print
// about them, which the tests go on doing.  Nothing in a file is trusted: every
// section is known to lie within the file before its contents are looked at.
//
//===----------------------------------------------------------------------===//

#include "attn/Runtime/Cubin.h"
#include "Guard.h"

#include <cstring>
#include <elf.h>
#include <iterator>
#include <unordered_map>
#include <utility>

using namespace attn;

namespace {
struct Section {
  Elf64_Shdr header;
  std::string_view name;
  /// Empty for sections that are not in the file.
  std::string_view contents;
};

/// One entry of a section .nv.info or .nv.compat.
struct Attribute {
  /// As ptxas's and nvdisasm's output tell their meanings.
  enum Code : uint8_t {
    frameSize = 0x11,        // u32 symbol, u32 bytes
    minStackSize = 0x12,     // u32 symbol, u32 bytes
    cbankParamSize = 0x19,   // u16 bytes
    regCount = 0x2f,         // u32 symbol, u32 registers
    numBarriers = 0x4c,      // u8 number
    annotations = 0x55,      // pairs of u32: what, offset of an instruction
    compatArchSpecific = 0x9 // of .nv.compat: u8, 1 for sm_90a
  };
  enum Format : uint8_t { none = 1, byte = 2, half = 3, sized = 4 };
  uint8_t code;
  /// Of formats byte and half.
  uint16_t value = 0;
  /// Of format sized.
  std::string_view bytes;
};
} // namespace

/// An annotation of a load or store that only exists because registers are few.
static constexpr uint32_t spillAnnotation = 1;

/// sh_flags of code with ABI 7: bits 20 to 26.
static int64_t barriersOfFlags(uint64_t flags) { return flags >> 20 & 0x7f; }

static constexpr size_t instructionBytes = 16;
/// What sm_90 and newer take of each CTA's shared memory.
static constexpr uint64_t systemSharedBytes = 1024;
/// The symbol is a kernel: a flag in st_other.
static constexpr unsigned char stoCudaEntry = 0x10;
static constexpr uint32_t shtCudaInfo = SHT_LOPROC;

/// Reads a value; false if it is not within the bytes.
template <typename T>
static bool read(std::string_view bytes, uint64_t offset, T &value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T))
    return false;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return true;
}

/// A part of the bytes; false if it is not within them.
static bool slice(std::string_view bytes, uint64_t offset, uint64_t size,
                  std::string_view &part) {
  if (offset > bytes.size() || bytes.size() - offset < size)
    return false;
  part = bytes.substr(offset, size);
  return true;
}

/// The string of a string table that begins at `offset`.
static bool readName(std::string_view table, uint64_t offset,
                     std::string_view &name) {
  size_t end = table.find('\0', offset);
  return end != std::string_view::npos &&
         slice(table, offset, end - offset, name);
}

/// Reads all attributes; false if the section ends within one or holds one of
/// an unknown format.
static bool readAttributes(std::string_view bytes,
                           std::vector<Attribute> &attributes) {
  while (!bytes.empty()) {
    struct {
      uint8_t format, code;
      uint16_t value;
    } head;
    if (!read(bytes, 0, head) || head.format < Attribute::none ||
        head.format > Attribute::sized)
      return false;
    bytes.remove_prefix(sizeof(head));
    Attribute attribute{head.code, head.value, {}};
    if (head.format == Attribute::byte)
      attribute.value &= 0xff;
    if (head.format == Attribute::sized) {
      if (!slice(bytes, 0, head.value, attribute.bytes))
        return false;
      bytes.remove_prefix(head.value);
    }
    attributes.push_back(attribute);
  }
  return true;
}

namespace {
class CubinReader {
public:
  CubinReader(std::string_view bytes, const std::string &origin)
      : bytes(bytes), origin(origin) {}

  Result<Cubin> run();

private:
  /// What .nv.info says about a symbol.
  struct SymbolInfo {
    int64_t registers = -1, frame = 0, stack = -1;
  };

  Failure damaged(const std::string &what) const {
    return failure(origin + " is a damaged cubin: " + what);
  }
  Status readHeader();
  Status readSections();
  Status readGlobalInfo();
  Status readSymbols();
  Status readKernel(std::string_view name, uint32_t symbol, uint32_t text);
  Status readCode(std::string_view code, CubinKernel &kernel);
  Status readSpills(std::string_view annotations, std::string_view code,
                    CubinKernel &kernel);

  const Section *find(const std::string &name) const {
    auto found = byName.find(name);
    return found == byName.end() ? nullptr : &sections[found->second];
  }

  std::string_view bytes;
  const std::string &origin;
  Elf64_Ehdr header;
  unsigned sm = 0;
  std::vector<Section> sections;
  std::unordered_map<std::string_view, size_t> byName;
  std::vector<SymbolInfo> symbolInfos;
  std::vector<bool> isRead; // of the sections: the code of a kernel
  Cubin cubin;
};
} // namespace

Status CubinReader::readHeader() {
  auto notCubin = [&](const std::string &what) {
    return failure(origin + " is not a cubin: " + what +
                   "; ptxas and nvrtc write cubins");
  };
  if (bytes.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG))
    return notCubin("it does not begin as an ELF file");
  if (!read(bytes, 0, header))
    return damaged("it has " + std::to_string(bytes.size()) +
                   " bytes, fewer than an ELF header");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_CUDA)
    return notCubin("it is an ELF file for machine " +
                    std::to_string(header.e_machine) +
                    ", and cubins are 64-bit little-endian ELF files for "
                    "machine " +
                    std::to_string(EM_CUDA));
  if (header.e_type == ET_REL)
    return failure(origin + " is a relocatable cubin, whose kernels are not "
                            "final; make it without -c or -rdc");
  if (header.e_type != ET_EXEC)
    return damaged("its ELF type is " + std::to_string(header.e_type) +
                   ", expected " + std::to_string(ET_EXEC));

  // ABI 7: of CUDA 12 up to sm_90; 8: of CUDA 13, and from sm_100 on.
  unsigned abi = header.e_ident[EI_ABIVERSION];
  if (abi != 7 && abi != 8)
    return failure(origin + " has version " + std::to_string(abi) +
                   " of the cubin ABI; versions 7 and 8 can be read, which "
                   "CUDA 12 and 13 write");
  sm = abi == 7 ? header.e_flags & 0xff : header.e_flags >> 8 & 0xff;
  if (sm < 70)
    return failure(origin + " is for sm_" + std::to_string(sm) +
                   "; cubins for sm_70 and newer can be read");
  cubin.architecture = "sm_" + std::to_string(sm);
  if (header.e_flags & (abi == 7 ? 0x800 : 0x8))
    cubin.architecture += 'a';
  return Status::success();
}

Status CubinReader::readSections() {
  std::string_view table;
  if (!slice(bytes, header.e_phoff,
             uint64_t(header.e_phnum) * header.e_phentsize, table))
    return damaged("its program headers reach beyond its end");
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0)
    return damaged("it has no section headers of " +
                   std::to_string(sizeof(Elf64_Shdr)) + " bytes");
  if (!slice(bytes, header.e_shoff,
             uint64_t(header.e_shnum) * sizeof(Elf64_Shdr), table))
    return damaged("its section headers reach beyond its end");
  sections.resize(header.e_shnum);
  for (size_t i = 0; i < sections.size(); ++i) {
    Section &section = sections[i];
    read(table, i * sizeof(Elf64_Shdr), section.header);
    bool isInFile = section.header.sh_type != SHT_NOBITS &&
                    section.header.sh_type != SHT_NULL;
    if (isInFile && !slice(bytes, section.header.sh_offset,
                           section.header.sh_size, section.contents))
      return damaged("section " + std::to_string(i) +
                     " reaches beyond its end");
  }
  if (header.e_shstrndx >= sections.size())
    return damaged("it has no section names");
  std::string_view names = sections[header.e_shstrndx].contents;
  for (size_t i = 0; i < sections.size(); ++i) {
    if (!readName(names, sections[i].header.sh_name, sections[i].name))
      return damaged("section " + std::to_string(i) + " has no name");
    byName.emplace(sections[i].name, i);
  }
  isRead.resize(sections.size());
  return Status::success();
}

/// Reads what stands in .nv.info about all functions, and in .nv.compat.
Status CubinReader::readGlobalInfo() {
  std::vector<Attribute> attributes;
  if (const Section *section = find(".nv.compat")) {
    if (!readAttributes(section->contents, attributes))
      return damaged("section .nv.compat cannot be read");
    for (const Attribute &attribute : attributes)
      if (attribute.code == Attribute::compatArchSpecific &&
          attribute.value == 1 && cubin.architecture.back() != 'a')
        cubin.architecture += 'a';
    attributes.clear();
  }
  const Section *section = find(".nv.info");
  if (section && !readAttributes(section->contents, attributes))
    return damaged("section .nv.info cannot be read");
  for (const Attribute &attribute : attributes) {
    struct {
      uint32_t symbol, value;
    } pair;
    switch (attribute.code) {
    case Attribute::regCount:
    case Attribute::frameSize:
    case Attribute::minStackSize:
      if (!read(attribute.bytes, 0, pair) || pair.symbol >= symbolInfos.size())
        return damaged("section .nv.info is about a symbol that is not there");
      SymbolInfo &info = symbolInfos[pair.symbol];
      (attribute.code == Attribute::regCount    ? info.registers
       : attribute.code == Attribute::frameSize ? info.frame
                                                : info.stack) = pair.value;
    }
  }
  return Status::success();
}

Status CubinReader::readSymbols() {
  const Section *symbols = find(".symtab");
  if (!symbols)
    return damaged("it has no symbols");
  if (symbols->header.sh_link >= sections.size())
    return damaged("its symbols have no names");
  std::string_view names = sections[symbols->header.sh_link].contents;
  uint32_t count = symbols->contents.size() / sizeof(Elf64_Sym);
  symbolInfos.resize(count);
  if (Status status = readGlobalInfo(); !status)
    return status;
  for (uint32_t i = 0; i < count; ++i) {
    Elf64_Sym symbol;
    read(symbols->contents, i * sizeof(Elf64_Sym), symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
        !(symbol.st_other & stoCudaEntry))
      continue;
    std::string_view name;
    if (!readName(names, symbol.st_name, name))
      return damaged("symbol " + std::to_string(i) + " has no name");
    if (Status status = readKernel(name, i, symbol.st_shndx); !status)
      return status;
  }
  return Status::success();
}

Status CubinReader::readKernel(std::string_view name, uint32_t symbol,
                               uint32_t text) {
  CubinKernel kernel;
  kernel.name = name;
  std::string quoted = "kernel '" + kernel.name + "'";
  if (text >= sections.size() || sections[text].name != ".text." + kernel.name)
    return damaged(quoted + " has no code");
  // Else a small file could ask for much work.
  if (isRead[text])
    return damaged(quoted + " is there twice");
  isRead[text] = true;

  const SymbolInfo &info = symbolInfos[symbol];
  if (info.registers < 0)
    return damaged("nothing says how many registers " + quoted + " has");
  kernel.registers = info.registers;
  kernel.stackFrame = info.frame;
  kernel.stack = info.stack < 0 ? info.frame : info.stack;

  std::string_view code = sections[text].contents;
  if (Status status = readCode(code, kernel); !status)
    return status;

  if (header.e_ident[EI_ABIVERSION] == 7)
    kernel.barriers = barriersOfFlags(sections[text].header.sh_flags);
  std::vector<Attribute> attributes;
  const Section *own = find(".nv.info." + kernel.name);
  if (own && (own->header.sh_type != shtCudaInfo ||
              !readAttributes(own->contents, attributes)))
    return damaged("section '" + std::string(own->name) + "' cannot be read");
  for (const Attribute &attribute : attributes) {
    if (attribute.code == Attribute::cbankParamSize)
      kernel.parameters = attribute.value;
    else if (attribute.code == Attribute::numBarriers)
      kernel.barriers = attribute.value;
    else if (attribute.code == Attribute::annotations)
      if (Status status = readSpills(attribute.bytes, code, kernel); !status)
        return status;
  }

  if (const Section *shared = find(".nv.shared." + kernel.name)) {
    uint64_t size = shared->header.sh_size;
    uint64_t reserved = find(".nv.shared.reserved.0") ? systemSharedBytes : 0;
    if (size < reserved || size > UINT32_MAX)
      return damaged(quoted + " has " + std::to_string(size) +
                     " bytes of shared memory");
    kernel.sharedMemory = static_cast<int64_t>(size - reserved);
    kernel.reservedSharedMemory = static_cast<int64_t>(reserved);
  }
  cubin.kernels.push_back(std::move(kernel));
  return Status::success();
}

/// The lowest 12 bits of the instruction at `offset`, which is in the code.
static unsigned opcodeAt(std::string_view code, size_t offset) {
  uint16_t low = 0;
  read(code, offset, low);
  return low & 0xfff;
}

Status CubinReader::readCode(std::string_view code, CubinKernel &kernel) {
  if (code.empty() || code.size() % instructionBytes != 0)
    return damaged("the code of kernel '" + kernel.name + "' has " +
                   std::to_string(code.size()) +
                   " bytes, and instructions have " +
                   std::to_string(instructionBytes));
  int64_t counts[1 << 12] = {};
  for (size_t offset = 0; offset < code.size(); offset += instructionBytes)
    ++counts[opcodeAt(code, offset)];
  for (unsigned opcode = 0; opcode < std::size(counts); ++opcode) {
    if (counts[opcode] == 0)
      continue;
    std::string name(sassMnemonic(opcode, sm));
    if (name.empty()) {
      constexpr char digits[] = "0123456789abcdef";
      name = {'0', 'x', digits[opcode >> 8], digits[opcode >> 4 & 15],
              digits[opcode & 15]};
    }
    kernel.opcodes[name] += counts[opcode];
  }
  kernel.instructions = static_cast<int64_t>(code.size() / instructionBytes);
  return Status::success();
}

/// Bytes that a load or store moves for a thread.
static int64_t accessBytes(std::string_view code, size_t offset) {
  // Bits 73 to 75: u8, s8, u16, s16, 32, 64, 128 bits.
  constexpr int64_t bytes[] = {1, 1, 2, 2, 4, 8, 16, 0};
  uint64_t high = 0;
  read(code, offset + 8, high);
  return bytes[high >> 9 & 7];
}

Status CubinReader::readSpills(std::string_view annotations,
                               std::string_view code, CubinKernel &kernel) {
  struct {
    uint32_t kind, offset;
  } annotation;
  for (size_t at = 0; read(annotations, at, annotation);
       at += sizeof(annotation)) {
    if (annotation.kind != spillAnnotation)
      continue;
    if (annotation.offset % instructionBytes != 0 ||
        annotation.offset >= code.size())
      return damaged("an annotation of kernel '" + kernel.name +
                     "' is about no instruction");
    // Moves of a value on its way there are annotated, too.
    std::string_view name = sassMnemonic(opcodeAt(code, annotation.offset), sm);
    SpillCount *count = name == "STL"   ? &kernel.spillStores
                        : name == "LDL" ? &kernel.spillLoads
                                        : nullptr;
    if (!count)
      continue;
    ++count->instructions;
    count->bytes += accessBytes(code, annotation.offset);
  }
  return Status::success();
}

Result<Cubin> CubinReader::run() {
  for (Status (CubinReader::*step)() :
       {&CubinReader::readHeader, &CubinReader::readSections,
        &CubinReader::readSymbols})
    if (Status status = (this->*step)(); !status)
      return status.takeFailure();
  return std::move(cubin);
}

Result<Cubin> attn::readCubin(std::string_view bytes,
                              const std::string &origin) {
  return guarded([&] { return CubinReader(bytes, origin).run(); });
}
