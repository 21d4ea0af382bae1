#include "actors/coordinate/core/update_batch.hpp"
#include "actors/coordinate/core/types.hpp"
#include <cmath>

namespace actord::coordinate {

namespace {
constexpr size_t max_kept = 65536; // names are the senders'; what is more than can be proposed is dropped anyway
}

status update_batch::hear(const coordinate_record& where) {
  auto& c = where.coord;
  if (c.vec.empty()) return {};
  bool valid = std::isfinite(c.error) && std::isfinite(c.adjustment) && std::isfinite(c.height);
  for (double x : c.vec) valid = valid && std::isfinite(x);
  if (!valid) return error{errc::internal, "invalid coordinate"};
  if (c.vec.size() != dimensions) return error{errc::internal, "incompatible coordinate"};
  std::pair key(where.node, where.segment);
  if (heard_.size() < max_kept || heard_.contains(key)) heard_[std::move(key)] = where;
  return {};
}

std::vector<std::vector<coordinate_record>> update_batch::take(size_t& dropped) {
  std::vector<std::vector<coordinate_record>> out;
  dropped = 0;
  for (auto& [key, where] : heard_) {
    if (out.empty() || out.back().size() == batch_size) {
      if (out.size() == max_batches) {
        ++dropped;
        continue;
      }
      out.emplace_back();
    }
    out.back().push_back(std::move(where));
  }
  heard_.clear();
  return out;
}

nanos update_interval(size_t members, double per_second, nanos least) {
  if (!(per_second > 0)) return least;
  const auto seconds = static_cast<double>(members) / per_second;
  return std::max(least, nanos(static_cast<int64_t>(std::min(seconds, 1e6) * 1e9)));
}

} // namespace actord::coordinate
