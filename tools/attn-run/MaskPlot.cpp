//===- MaskPlot.cpp - A picture of masks and tiles ------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One panel for each set of heads whose tiles are alike.  Shapes of one class
// are one path, so that a picture stays small; where there are more tiles than
// a reader can tell apart, a cell of the picture stands for several.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/MaskPlot.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <algorithm>

namespace attn::tool {

using mlir::tile::Sweep;
using mlir::tile::Visit;
using reference::TileKind;
using reference::TileMap;

namespace {
/// How a cell of the picture is filled, and what the kernel does there.
enum Fill { fillEmpty, fillPartial, fillFull, numFills };
enum Mark { markNone, markPartial, markFull, markWaste, markWrong, numMarks };

/// Heads that are drawn as one.
struct Panel {
  int64_t batch, kvHead, alike = 0;
};

class Plotter {
public:
  Plotter(const TileMap &map, const PlannedEntry &planned)
      : map(map), planned(planned) {}

  MaskFindings count() const;
  std::vector<Panel> findPanels(size_t most, int64_t &left) const;
  std::string draw(Variant &variant,
                   const std::vector<reference::Array> &inputs,
                   const std::string &algorithm, std::string &error) const;

private:
  struct Pair {
    TileKind kind;
    /// Over all passes.
    bool always = true, ever = false, isUnmasked = false, isMasked = false;
  };
  Pair at(int64_t b, int64_t g, int64_t q, int64_t k) const;
  Mark markOf(const Pair &pair) const;
  void drawPanel(llvm::raw_ostream &out, const Panel &panel, int64_t rows,
                 int64_t keys, double width, double height,
                 const std::vector<std::vector<uint8_t>> &elements) const;

  const TileMap &map;
  const PlannedEntry &planned;
};
} // namespace

Plotter::Pair Plotter::at(int64_t b, int64_t g, int64_t q, int64_t k) const {
  Pair pair{map.at(b, g, q, k)};
  pair.always = !planned.plan.sweeps.empty();
  for (const Sweep &sweep : planned.plan.sweeps) {
    Visit visit = sweep.at(b, g, q, k);
    pair.always &= visit != Visit::none;
    pair.ever |= visit != Visit::none;
    pair.isUnmasked |= visit == Visit::full;
    pair.isMasked |= visit == Visit::partial;
  }
  return pair;
}

Mark Plotter::markOf(const Pair &pair) const {
  bool isEmpty = pair.kind == TileKind::empty;
  if ((!isEmpty && !pair.always) ||
      (pair.isUnmasked && pair.kind != TileKind::full))
    return markWrong;
  if (isEmpty)
    return pair.ever ? markWaste : markNone;
  return pair.isMasked ? markPartial : markFull;
}

MaskFindings Plotter::count() const {
  MaskFindings findings;
  findings.total = map.kinds.size();
  findings.empty = map.count(TileKind::empty);
  findings.partial = map.count(TileKind::partial);
  findings.full = map.count(TileKind::full);
  for (const Sweep &sweep : planned.plan.sweeps)
    findings.repeated += sweep.repeats;
  for (int64_t b = 0; b < map.batches; ++b)
    for (int64_t g = 0; g < map.kvHeads; ++g)
      for (int64_t q = 0; q < map.queryTiles; ++q)
        for (int64_t k = 0; k < map.keyTiles; ++k) {
          Pair pair = at(b, g, q, k);
          bool isEmpty = pair.kind == TileKind::empty;
          findings.visitedPartial += pair.isMasked;
          findings.visitedFull += pair.ever && !pair.isMasked;
          findings.wasted += isEmpty && pair.ever;
          findings.maskedFull += pair.kind == TileKind::full && pair.isMasked;
          findings.missing += !isEmpty && !pair.always;
          findings.unmasked += pair.isUnmasked && pair.kind != TileKind::full;
        }
  return findings;
}

/// The first `most` sets of heads that differ; `left` is how many heads belong
/// to further ones.
std::vector<Panel> Plotter::findPanels(size_t most, int64_t &left) const {
  std::vector<Panel> panels;
  left = 0;
  auto isAlike = [&](const Panel &panel, int64_t b, int64_t g) {
    for (int64_t q = 0; q < map.queryTiles; ++q)
      for (int64_t k = 0; k < map.keyTiles; ++k) {
        Pair one = at(panel.batch, panel.kvHead, q, k), other = at(b, g, q, k);
        if (one.kind != other.kind || markOf(one) != markOf(other))
          return false;
      }
    return true;
  };
  for (int64_t b = 0; b < map.batches; ++b)
    for (int64_t g = 0; g < map.kvHeads; ++g) {
      auto found =
          std::find_if(panels.begin(), panels.end(), [&](const Panel &panel) {
            return isAlike(panel, b, g);
          });
      if (found != panels.end())
        ++found->alike;
      else if (panels.size() < most)
        panels.push_back({b, g, 1});
      else
        ++left;
    }
  return panels;
}

//===----------------------------------------------------------------------===//
// SVG
//===----------------------------------------------------------------------===//

/// With up to a tenth of a unit.
static std::string number(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.1f", value);
  if (text.size() > 2 && llvm::StringRef(text).ends_with(".0"))
    text.resize(text.size() - 2);
  return text;
}

static std::string escape(llvm::StringRef text) {
  std::string escaped;
  llvm::raw_string_ostream out(escaped);
  llvm::printHTMLEscaped(text, out);
  return escaped;
}

static void addBox(std::string &path, double x, double y, double width,
                   double height) {
  path += "M" + number(x) + " " + number(y) + "h" + number(width) + "v" +
          number(height) + "h-" + number(width) + "z";
}

static void printPath(llvm::raw_ostream &out, llvm::StringRef style,
                      const std::string &path) {
  if (!path.empty())
    out << "<path class=\"" << style << "\" d=\"" << path << "\"/>\n";
}

static void printText(llvm::raw_ostream &out, double x, double y,
                      llvm::StringRef style, const std::string &text) {
  out << "<text class=\"" << style << "\" x=\"" << number(x) << "\" y=\""
      << number(y) << "\">" << escape(text) << "</text>\n";
}

static constexpr const char *kStyle = R"(<style>
svg { background: #ffffff; color: #1f2328; }
text { font: 13px system-ui, sans-serif; fill: currentColor; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 11px; opacity: 0.75; }
.bad { font-weight: 600; fill: #c62828; }
.warn { font-weight: 600; fill: #9a6700; }
.empty { fill: #e9ebee; } .partial { fill: #a9cdf2; } .full { fill: #4c8fd6; }
.element { fill: #1b5fa8; }
.grid { fill: none; stroke: #ffffff; stroke-width: 0.7; }
.visit-partial { fill: #f28c28; } .visit-full { fill: #d8f3dc; }
.waste { fill: #e5b800; } .wrong { fill: #d62828; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; color: #e6edf3; }
  .bad { fill: #ff7b72; } .warn { fill: #e3b341; }
  .empty { fill: #22272e; } .partial { fill: #2d5480; } .full { fill: #3f86d1; }
  .element { fill: #79b8ff; }
  .grid { stroke: #0d1117; }
}
</style>
)";
static constexpr const char *kFillNames[numFills] = {"empty", "partial",
                                                     "full"};
static constexpr const char *kMarkNames[numMarks] = {
    "", "visit-partial", "visit-full", "waste", "wrong"};

/// At most so many cells in each direction.
static constexpr int64_t kMaxCells = 128;
/// Elements are drawn up to so many rows and keys.
static constexpr int64_t kMaxElements = 256;

void Plotter::drawPanel(
    llvm::raw_ostream &out, const Panel &panel, int64_t rows, int64_t keys,
    double width, double height,
    const std::vector<std::vector<uint8_t>> &elements) const {
  int64_t stepQ = (map.queryTiles + kMaxCells - 1) / kMaxCells,
          stepK = (map.keyTiles + kMaxCells - 1) / kMaxCells;
  std::string fills[numFills], marks[numMarks], grid;
  auto xOf = [&](int64_t key) { return width * std::min(key, keys) / keys; };
  auto yOf = [&](int64_t row) { return height * std::min(row, rows) / rows; };
  for (int64_t q = 0; q < map.queryTiles; q += stepQ) {
    double y = yOf(q * planned.tileQ),
           bottom = yOf((q + stepQ) * planned.tileQ);
    // Neighbours that look alike are one box.
    double begin = 0;
    Fill open = numFills;
    auto close = [&](double x, Fill next) {
      if (open != next && open != numFills)
        addBox(fills[open], begin, y, x - begin, bottom - y);
      if (open != next)
        begin = x;
      open = next;
    };
    for (int64_t k = 0; k < map.keyTiles; k += stepK) {
      double x = xOf(k * planned.tileKv),
             right = xOf((k + stepK) * planned.tileKv);
      bool anyOther = false, allFull = true;
      Mark mark = markNone;
      for (int64_t i = q; i < std::min(q + stepQ, map.queryTiles); ++i)
        for (int64_t j = k; j < std::min(k + stepK, map.keyTiles); ++j) {
          Pair pair = at(panel.batch, panel.kvHead, i, j);
          anyOther |= pair.kind != TileKind::empty;
          allFull &= pair.kind == TileKind::full;
          // Of several, the one that a reader must not miss.
          Mark other = markOf(pair);
          auto rank = [](Mark m) {
            constexpr int ranks[numMarks] = {0, 2, 1, 3, 4};
            return ranks[m];
          };
          if (rank(other) > rank(mark))
            mark = other;
        }
      close(x, !anyOther ? fillEmpty : allFull ? fillFull : fillPartial);
      double size = std::min({(right - x) * 0.35, (bottom - y) * 0.35, 7.0});
      if (mark != markNone)
        addBox(marks[mark], (x + right - size) / 2, (y + bottom - size) / 2,
               size, size);
    }
    close(width, numFills);
    if (q != 0)
      grid += "M0 " + number(y) + "h" + number(width);
  }
  for (int64_t k = stepK; k < map.keyTiles; k += stepK)
    grid += "M" + number(xOf(k * planned.tileKv)) + " 0v" + number(height);

  for (int fill = 0; fill < numFills; ++fill)
    printPath(out, kFillNames[fill], fills[fill]);
  // Runs of kept scores, tile by tile: only partial tiles need them.
  std::string kept;
  for (size_t row = 0; row < elements.size(); ++row)
    for (int64_t k = 0; k < map.keyTiles; ++k) {
      if (map.at(panel.batch, panel.kvHead, row / planned.tileQ, k) !=
          TileKind::partial)
        continue;
      int64_t end = std::min((k + 1) * planned.tileKv, keys);
      for (int64_t j = k * planned.tileKv; j < end; ++j) {
        int64_t begin = j;
        while (j < end && elements[row][j])
          ++j;
        if (j > begin)
          addBox(kept, xOf(begin), yOf(row), xOf(j) - xOf(begin),
                 yOf(row + 1) - yOf(row));
      }
    }
  printPath(out, "element", kept);
  printPath(out, "grid", grid);
  for (int mark = 1; mark < numMarks; ++mark)
    printPath(out, kMarkNames[mark], marks[mark]);
}

/// "1 tile" or "2 tiles".
static std::string plural(int64_t count, const std::string &what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string Plotter::draw(Variant &variant,
                          const std::vector<reference::Array> &inputs,
                          const std::string &algorithm,
                          std::string &error) const {
  mlir::attn::AttentionOp op = variant.getOp();
  auto shapeOf = [&](mlir::Value operand) -> const std::vector<int64_t> & {
    return inputs[mlir::cast<mlir::BlockArgument>(operand).getArgNumber()]
        .shape;
  };
  int64_t queries = shapeOf(op.getQuery())[2], keys = shapeOf(op.getKey())[2];
  int64_t group = op.getGroupSize(), rows = queries * group;
  int64_t left = 0;
  std::vector<Panel> panels =
      rows == 0 || keys == 0 ? std::vector<Panel>() : findPanels(4, left);
  MaskFindings findings = count();

  constexpr double side = 480, margin = 56, legend = 330;
  double scale = side / std::max<int64_t>({queries, keys, 1});
  double width = std::max(keys * scale, 24.0),
         height = std::max(queries * scale, 24.0);
  double panelHeight = height + 70;
  double totalWidth = margin + std::max(width, 120.0) + 40 + legend;
  double totalHeight =
      std::max(70 + panelHeight * panels.size() + (left ? 24 : 0), 420.0);

  std::string svg;
  llvm::raw_string_ostream out(svg);
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 "
      << number(totalWidth) << " " << number(totalHeight) << "\" width=\""
      << number(totalWidth) << "\" height=\"" << number(totalHeight)
      << "\" role=\"img\">\n"
      << kStyle;
  printText(out, 16, 26, "title",
            variant.getFunction().getName().str() + ": " +
                std::to_string(queries) + " queries x " + std::to_string(keys) +
                " keys");
  printText(out, 16, 44, "small",
            algorithm + ", tiles of " + std::to_string(planned.tileQ) +
                " rows x " + std::to_string(planned.tileKv) + " keys" +
                (group == 1 ? ""
                            : "; a row is a query of one of " +
                                  std::to_string(group) + " heads"));

  double y = 70;
  for (const Panel &panel : panels) {
    std::vector<std::vector<uint8_t>> elements;
    if (rows <= kMaxElements && keys <= kMaxElements)
      if (llvm::Error failed = reference::forEachMaskRow(
              variant.getFunction(), inputs, panel.batch, panel.kvHead,
              [&](int64_t, llvm::ArrayRef<uint8_t> keep) {
                elements.emplace_back(keep.begin(), keep.end());
              })) {
        error = llvm::toString(std::move(failed));
        return "";
      }
    printText(out, margin, y + 12, "",
              "batch " + std::to_string(panel.batch) + ", KV head " +
                  std::to_string(panel.kvHead) +
                  (panel.alike == 1
                       ? ""
                       : " and " + std::to_string(panel.alike - 1) + " alike"));
    out << "<g transform=\"translate(" << number(margin) << " "
        << number(y + 34) << ")\">\n";
    drawPanel(out, panel, rows, keys, width, height, elements);
    out << "</g>\n";
    printText(out, margin, y + 29, "small",
              "keys 0 ... " + std::to_string(keys - 1));
    printText(out, 8, y + 46, "small", "query 0");
    printText(out, 8, y + 32 + height, "small", std::to_string(queries - 1));
    y += panelHeight;
  }
  if (left)
    printText(out, margin, y + 12, "",
              plural(left, "more head") + " with other tiles");

  double x = margin + std::max(width, 120.0) + 40;
  y = 96;
  auto line = [&](llvm::StringRef swatch, llvm::StringRef style,
                  const std::string &text) {
    if (!swatch.empty())
      out << "<rect class=\"" << swatch << "\" x=\"" << number(x) << "\" y=\""
          << number(y - 11) << "\" width=\"13\" height=\"13\"/>\n";
    printText(out, x + (swatch.empty() ? 0 : 20), y, style, text);
    y += 21;
  };
  auto tiles = [](int64_t count) { return std::to_string(count) + " "; };
  line("", "title", "Tiles, all batches and heads");
  line("", "", tiles(findings.total) + "in all");
  line("empty", "", tiles(findings.empty) + "empty: no score is kept");
  line("partial", "", tiles(findings.partial) + "partial");
  line("full", "", tiles(findings.full) + "full: every score is kept");
  if (rows <= kMaxElements && keys <= kMaxElements)
    line("element", "", "a kept score in a partial tile");
  y += 8;
  line("", "title", "What the kernel visits");
  line("visit-partial", "", tiles(findings.visitedPartial) + "with mask code");
  line("visit-full", "", tiles(findings.visitedFull) + "without");
  y += 8;
  if (findings.missing)
    line("wrong", "bad",
         "error: " + tiles(findings.missing) + "not empty, but not visited");
  if (findings.unmasked)
    line("wrong", "bad",
         "error: " + tiles(findings.unmasked) + "not full, but without mask");
  if (findings.repeated)
    line("", "bad", "error: " + tiles(findings.repeated) + "visited twice");
  if (findings.wasted)
    line("waste", "warn",
         "not tight: " + tiles(findings.wasted) + "empty, but visited");
  if (findings.maskedFull)
    line("", "warn",
         "not tight: " + tiles(findings.maskedFull) + "full, with mask code");
  if (!findings.isWrong() && findings.isTight())
    line("", "", "Tight: no empty tile is visited, and");
  if (!findings.isWrong() && findings.isTight())
    line("", "", "only partial ones have mask code.");
  out << "</svg>\n";
  return svg;
}

Result<MaskPlot> plotMask(Variant &variant, const CompileOptions &options,
                          const std::vector<reference::Array> &inputs) {
  Result<PlannedEntry> planned = variant.plan(options, inputs);
  if (!planned)
    return planned.takeFailure();
  llvm::Expected<TileMap> map = reference::classifyTiles(
      variant.getFunction(), inputs, planned->tileQ, planned->tileKv);
  if (!map)
    return failure(llvm::toString(map.takeError()));
  Plotter plotter(*map, *planned);
  MaskPlot plot;
  plot.findings = plotter.count();
  std::string error;
  plot.svg = plotter.draw(variant, inputs, options.algorithm, error);
  if (!error.empty())
    return failure(error);
  return plot;
}

} // namespace attn::tool
