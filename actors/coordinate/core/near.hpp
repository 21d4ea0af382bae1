// Sorting by distance from a node (?near=; Consul's agent/consul/rtt.go in effect).
#pragma once
#include "actors/coordinate/core/types.hpp"
#include "storage/model/coordinate.hpp"
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord::coordinate {

// Where everybody is, seen from one node.
class proximity {
public:
  proximity(std::string_view from, const std::vector<coordinate_record>& all);
  bool known() const { return !from_.empty(); } // where we look from; else nothing can be sorted
  double rtt(std::string_view node) const;      // seconds; infinite for a node that nobody knows the place of

private:
  using by_segment = std::map<std::string, coordinate, std::less<>>;
  std::map<std::string, by_segment, std::less<>> all_; // by node, lower case
  by_segment from_;
};

// The round-trip time between two nodes, each with a coordinate per segment; nothing when they share none.
std::optional<nanos> rtt_between(std::string_view a, std::string_view b, const std::vector<coordinate_record>& all);

// Nearest first; rows of equal distance stay in their order, and those of unknown places come last.
template <class Row, class NameOf> void sort_by_distance(std::vector<Row>& rows, const proximity& p, NameOf&& name_of) {
  if (!p.known()) return;
  std::vector<std::pair<double, size_t>> order;
  order.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) order.emplace_back(p.rtt(name_of(rows[i])), i);
  std::sort(order.begin(), order.end());
  std::vector<Row> sorted;
  sorted.reserve(rows.size());
  for (auto& [rtt, i] : order) sorted.push_back(std::move(rows[i]));
  rows = std::move(sorted);
}

} // namespace actord::coordinate
