// Coordinate updates between two proposals: the last one of a node and segment counts (Consul's coordinate_endpoint.go).
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/error.hpp"
#include "storage/model/coordinate.hpp"
#include <map>
#include <string>
#include <vector>

namespace actord::coordinate {

inline constexpr size_t batch_size = 128, max_batches = 5; // per period

class update_batch {
public:
  // Consul's words for a coordinate that cannot be one of ours; an update without a coordinate is accepted and forgotten.
  status hear(const coordinate_record& where);
  // At most max_batches lists; `dropped`: how many updates were too many.
  std::vector<std::vector<coordinate_record>> take(size_t& dropped);
  size_t size() const { return heard_.size(); }

private:
  std::map<std::pair<std::string, std::string>, coordinate_record> heard_; // by node and segment
};

// How long until a node tells its place again, before chance adds up to as much: so that all together send no more than
// `per_second`, but no node more often than `least`.
nanos update_interval(size_t members, double per_second, nanos least);

} // namespace actord::coordinate
