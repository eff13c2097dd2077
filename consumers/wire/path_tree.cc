#include "consumers/wire/path_tree.h"

namespace offerstream {

void TextTable::Add(std::string_view text, std::uint16_t value) {
  if (Find(text) != kNone) return;
  if (cells_.empty() || (size_ + 1) * 2 > cells_.size()) {
    std::vector<Cell> old = std::move(cells_);
    cells_.assign(old.empty() ? 8 : old.size() * 2, Cell{});
    mask_ = cells_.size() - 1;
    size_ = 0;
    for (Cell& cell : old) {
      if (cell.value != kNone) Add(cell.text, cell.value);
    }
  }
  std::size_t i = Hash(text) & mask_;
  while (cells_[i].value != kNone) i = (i + 1) & mask_;
  cells_[i] = {std::string(text), value};
  ++size_;
}

PathTree::Child& PathTree::ChildOf(std::uint16_t node, std::string_view key) {
  Node& at = nodes_[node];
  std::uint16_t child = at.keys.Find(key);
  if (child == TextTable::kNone) {
    child = static_cast<std::uint16_t>(at.children.size());
    at.keys.Add(key, child);
    at.children.emplace_back();
  }
  return at.children[child];
}

std::uint16_t PathTree::Add(const FieldPath& path) {
  const auto at = known_.find(path);
  if (at != known_.end()) return at->second;
  const auto slot = static_cast<std::uint16_t>(slots_++);
  known_.emplace(path, slot);
  // The root itself is no field: its slot stays absent.
  std::uint16_t node = path.envelope ? kEnvelopeRoot : kEventRoot;
  for (std::size_t i = 0; i < path.keys.size(); ++i) {
    if (i + 1 == path.keys.size()) {
      ChildOf(node, path.keys[i]).slot = slot;
      break;
    }
    if (ChildOf(node, path.keys[i]).node == kNone) {
      nodes_.emplace_back();
      ChildOf(node, path.keys[i]).node = static_cast<std::uint16_t>(nodes_.size() - 1);
    }
    node = ChildOf(node, path.keys[i]).node;
  }
  return slot;
}

void PathTree::LinkEventRoot(std::string_view key) { ChildOf(kEnvelopeRoot, key).node = kEventRoot; }

}  // namespace offerstream
