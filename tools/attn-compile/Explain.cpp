//===- Explain.cpp - What the algorithms cost -----------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the tile plan of each algorithm and prints a table.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-compile/Explain.h"

#include "tools/attn-compile/ThreadLevel.h"

#include "attn/Analysis/IoComplexity.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <numeric>

namespace attn::tool {

using mlir::tile::Sweep;
using mlir::tile::TensorTraffic;
using mlir::tile::TilePlan;
using mlir::tile::Visit;

namespace {
/// One algorithm.
struct Column {
  std::string algorithm;
  PlannedEntry entry;
  int64_t arenaBytes = 0;
  /// Bytes between memory and the chip of the device.
  int64_t memoryBytes = 0;
};
} // namespace

/// Three or four digits with a unit: "4.29 G".
static std::string scaled(double value, const char *unit) {
  const char *prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  int prefix = 0;
  while (value >= 999.5 && prefix < 6) {
    value /= 1000;
    ++prefix;
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(prefix == 0     ? "%.0f"
                                                 : value < 9.995 ? "%.2f"
                                                 : value < 99.95 ? "%.1f"
                                                                 : "%.0f",
                                                 value)
                                 << ' ' << prefixes[prefix] << unit;
  return text;
}

static std::string seconds(double value) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (value >= 1)
    out << llvm::format("%.2f s", value);
  else if (value >= 1e-3)
    out << llvm::format("%.2f ms", value * 1e3);
  else
    out << llvm::format("%.2f us", value * 1e6);
  return text;
}

static std::string decimal(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.2f", value);
  return text;
}

/// Bytes that a device moves. A head's inputs and scores are read again and
/// again, one task after the other; if they fit on chip beside a task's tiles,
/// only the first time counts.
static int64_t memoryBytesOf(const Column &column, int64_t heads,
                             const DeviceModel &device) {
  const TilePlan &plan = column.entry.plan;
  double perHead = column.arenaBytes;
  for (const TensorTraffic &tensor : plan.tensors)
    perHead += static_cast<double>(tensor.bytes) / heads;
  int64_t bytes = 0;
  for (const TensorTraffic &tensor : plan.tensors)
    bytes += perHead <= device.onChip
                 ? std::min(tensor.movedBytes(), tensor.bytes)
                 : tensor.movedBytes();
  return bytes;
}

static Lengths defaultLengths(mlir::attn::AttentionOp op) {
  auto sizeOf = [](mlir::Value operand, unsigned dim, int64_t otherwise) {
    auto type = mlir::cast<mlir::RankedTensorType>(operand.getType());
    return type.isDynamicDim(dim) ? otherwise : type.getDimSize(dim);
  };
  return {sizeOf(op.getQuery(), 0, 1), sizeOf(op.getQuery(), 2, 1024),
          sizeOf(op.getKey(), 2, 1024)};
}

namespace {
/// A table of text: a row's name and a cell for each algorithm.
class Table {
public:
  explicit Table(llvm::raw_ostream &out) : out(out) {}
  template <typename Fn>
  void row(llvm::StringRef name, const std::vector<Column> &columns, Fn cell) {
    out << llvm::left_justify(name, 34);
    for (const Column &column : columns)
      out << llvm::right_justify(cell(column), 18);
    out << '\n';
  }

private:
  llvm::raw_ostream &out;
};
} // namespace

static void printPlan(llvm::raw_ostream &out, const Column &column) {
  const TilePlan &plan = column.entry.plan;
  out << column.algorithm << ": tiles of " << column.entry.tileQ << " rows x "
      << column.entry.tileKv << " keys\n";
  for (const auto &launch : plan.launches)
    out << "  @" << launch.kernel << ": " << launch.tasks << " tasks, "
        << scaled(launch.flops, "FLOP") << ", reads "
        << scaled(launch.loadedBytes, "B") << ", writes "
        << scaled(launch.storedBytes, "B") << '\n';
  int64_t pass = 0;
  for (const Sweep &sweep : plan.sweeps) {
    int64_t partial = sweep.count(Visit::partial),
            full = sweep.count(Visit::full);
    out << "  pass " << ++pass << " of the keys, in @" << sweep.kernel
        << ": of " << sweep.visits.size() << " tiles, " << partial
        << " with mask code, " << full << " without, "
        << sweep.visits.size() - partial - full << " skipped\n";
  }
}

Result<std::string> explain(const std::string &text, const std::string &name,
                            const CompileOptions &options,
                            const std::optional<Lengths> &given,
                            const NamedValues &values,
                            const DeviceModel &device) {
  Result<std::unique_ptr<Variant>> made = Variant::create(text, name, "");
  if (!made)
    return made.takeFailure();
  Variant &variant = **made;
  mlir::attn::AttentionOp op = variant.getOp();
  Lengths lengths = given ? *given : defaultLengths(op);
  Result<std::vector<reference::Array>> inputs =
      variant.inputsFor(lengths, values);
  if (!inputs)
    return inputs.takeFailure();

  int64_t heads = lengths.batch * op.getKvHeads();
  std::vector<Column> columns;
  for (const char *algorithm :
       {"standard", "memory-efficient", "flash", "flash-decoding"}) {
    CompileOptions one = options;
    one.algorithm = algorithm;
    Result<PlannedEntry> entry = variant.plan(one, *inputs);
    if (!entry)
      return entry.takeFailure();
    Result<std::vector<FunctionShape>> functions =
        inspectThreadLevel(text, name, one);
    if (!functions)
      return functions.takeFailure();
    Column column{algorithm, *std::move(entry)};
    for (const auto &launch : column.entry.plan.launches)
      for (const FunctionShape &function : *functions)
        if (function.name == launch.kernel)
          column.arenaBytes = std::max(column.arenaBytes, function.arenaBytes);
    column.memoryBytes = memoryBytesOf(column, heads, device);
    columns.push_back(std::move(column));
  }

  mlir::Type element = op.getQuery().getType().getElementType();
  int64_t elementBytes = (element.getIntOrFloatBitWidth() + 7) / 8;
  double peak = element.isF32() ? device.peakF32 : device.peak16;
  std::string result;
  llvm::raw_string_ostream out(result);
  out << variant.getFunction().getName() << ": batch " << lengths.batch << ", "
      << lengths.queries << " queries, " << lengths.keys << " keys, "
      << op.getKvHeads() * op.getGroupSize() << " heads on " << op.getKvHeads()
      << ", head dimensions " << op.getHeadDim() << " and " << op.getValueDim()
      << ", " << element << '\n';
  out << "device model " << device.name << ": " << scaled(peak, "FLOP/s")
      << ", " << scaled(device.bandwidth, "B/s") << ", "
      << static_cast<int64_t>(device.onChip / 1024) << " KiB on chip\n";
  llvm::Expected<std::vector<int64_t>> kept =
      reference::keptCounts(variant.getFunction(), *inputs);
  if (kept) {
    int64_t scores = std::accumulate(kept->begin(), kept->end(), int64_t(0));
    out << "the mask keeps " << scores << " of "
        << int64_t(kept->size()) * lengths.keys << " scores: "
        << scaled(2.0 * (op.getHeadDim() + op.getValueDim()) * scores, "FLOP")
        << " are needed\n";
  } else {
    // A mask that reads a tensor can be bounded, but not counted, without it.
    llvm::consumeError(kept.takeError());
  }
  out << '\n';

  Table table(out);
  table.row("", columns, [](const Column &c) { return c.algorithm; });
  table.row("FLOPs of products", columns,
            [](const Column &c) { return scaled(c.entry.plan.flops(), ""); });
  table.row("exponentials", columns, [](const Column &c) {
    return scaled(c.entry.plan.exponentials(), "");
  });
  table.row("bytes moved to and from tiles", columns, [](const Column &c) {
    return scaled(c.entry.plan.movedBytes(), "B");
  });
  std::vector<std::string> tensors;
  for (const Column &column : columns)
    for (const TensorTraffic &tensor : column.entry.plan.tensors)
      if (!llvm::is_contained(tensors, tensor.name))
        tensors.push_back(tensor.name);
  for (const std::string &tensor : tensors)
    table.row("  " + tensor, columns, [&](const Column &c) -> std::string {
      for (const TensorTraffic &item : c.entry.plan.tensors)
        if (item.name == tensor)
          return scaled(item.movedBytes(), "B");
      return "-";
    });
  table.row("  of these from memory", columns,
            [](const Column &c) { return scaled(c.memoryBytes, "B"); });
  table.row("extra memory (workspace)", columns, [](const Column &c) {
    return scaled(c.entry.plan.workspaceBytes, "B");
  });
  table.row("on-chip memory of a task", columns,
            [](const Column &c) { return scaled(c.arenaBytes, "B"); });
  table.row("intensity, FLOP per byte", columns, [](const Column &c) {
    return c.memoryBytes == 0
               ? std::string("-")
               : decimal(static_cast<double>(c.entry.plan.flops()) /
                         c.memoryBytes);
  });
  auto compute = [&](const Column &c) { return c.entry.plan.flops() / peak; };
  auto memory = [&](const Column &c) {
    return c.memoryBytes / device.bandwidth;
  };
  table.row("roofline time", columns, [&](const Column &c) {
    return seconds(std::max(compute(c), memory(c)));
  });
  table.row("limited by", columns, [&](const Column &c) -> std::string {
    return compute(c) >= memory(c) ? "compute" : "memory";
  });

  // Formulas and counts of one head, in elements.
  double rows = static_cast<double>(lengths.queries) * op.getGroupSize();
  auto problemOf = [&](const Column &c) {
    return IoProblem{rows, static_cast<double>(lengths.keys),
                     static_cast<double>(op.getHeadDim()),
                     static_cast<double>(c.arenaBytes) / elementBytes};
  };
  bool isDecoding = rows <= columns.back().entry.tileQ;
  // A second launch combines the splits of a task.
  auto splits = [&](const Column &c) -> int64_t {
    const auto &launches = c.entry.plan.launches;
    bool combines = c.algorithm == "flash-decoding" && launches.size() == 2;
    return combines
               ? launches[0].tasks / std::max<int64_t>(launches[1].tasks, 1)
               : 1;
  };
  auto formula = [&](const Column &c) {
    return c.algorithm == "standard" ? standardIo(problemOf(c))
           : isDecoding              ? decodingIo(problemOf(c), splits(c))
                                     : flashIo(problemOf(c));
  };
  auto counted = [&](const Column &c) {
    return static_cast<double>(c.entry.plan.movedBytes()) / elementBytes /
           heads;
  };
  out << "\nIO complexity, in elements of one KV head; N is queries (of all "
         "heads of a\ngroup) or keys, d the head dimension, M what is on "
         "chip\n";
  table.row("formula", columns, [&](const Column &c) -> std::string {
    return c.algorithm == "standard" ? "N d + N^2"
           : isDecoding
               ? (c.algorithm == "flash-decoding" ? "N d + s d" : "N d")
               : "N^2 d^2 / M";
  });
  table.row("  its value", columns,
            [&](const Column &c) { return scaled(formula(c), ""); });
  table.row("  counted", columns,
            [&](const Column &c) { return scaled(counted(c), ""); });
  table.row("  ratio", columns,
            [&](const Column &c) { return decimal(counted(c) / formula(c)); });

  out << "\nTile plan\n";
  for (const Column &column : columns)
    printPlan(out, column);
  return result;
}

} // namespace attn::tool
