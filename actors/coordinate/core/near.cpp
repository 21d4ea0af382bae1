#include "actors/coordinate/core/near.hpp"
#include "actors/coordinate/core/record.hpp"
#include <limits>

namespace actord::coordinate {

namespace {

using by_segment = std::map<std::string, coordinate, std::less<>>;

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

by_segment places_of(std::string_view node, const std::vector<coordinate_record>& all) {
  by_segment out;
  for (auto& r : all)
    if (lower(r.node) == node)
      if (auto c = from_record(r.coord)) out[r.segment] = *c;
  return out;
}

// A node in one segment only is measured in that one; servers are in all of them.
std::optional<nanos> between(const by_segment& a, const by_segment& b) {
  std::string segment;
  if (a.size() == 1) segment = a.begin()->first;
  if (b.size() == 1) segment = b.begin()->first;
  auto from = a.find(segment), to = b.find(segment);
  if (from == a.end() || to == b.end()) return {};
  return distance(from->second, to->second);
}

} // namespace

proximity::proximity(std::string_view from, const std::vector<coordinate_record>& all) {
  for (auto& r : all)
    if (auto c = from_record(r.coord)) all_[lower(r.node)][r.segment] = *c;
  if (auto at = all_.find(lower(from)); at != all_.end()) from_ = at->second;
}

double proximity::rtt(std::string_view node) const {
  auto at = all_.find(lower(node));
  auto d = at == all_.end() ? std::nullopt : between(from_, at->second);
  return d ? std::chrono::duration<double>(*d).count() : std::numeric_limits<double>::infinity();
}

std::optional<nanos> rtt_between(std::string_view a, std::string_view b, const std::vector<coordinate_record>& all) {
  return between(places_of(lower(a), all), places_of(lower(b), all));
}

} // namespace actord::coordinate
