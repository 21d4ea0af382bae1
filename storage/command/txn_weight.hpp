// About how many bytes a transaction's results have: whether telling them is much work.
#pragma once
#include "storage/command/commands.hpp"
#include "storage/model/weight.hpp"

namespace actord {

inline size_t weight_of_results(const txn_response& t) {
  size_t bytes = 0;
  for (auto& r : t.results) {
    if (r.kv) bytes += weight_of(*r.kv);
    if (r.node) bytes += weight_of(*r.node);
    if (r.service) bytes += weight_of(*r.service);
    if (r.check) bytes += weight_of(*r.check);
  }
  return bytes;
}

} // namespace actord
