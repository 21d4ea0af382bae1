// Which rows of the catalog the arguments of a call keep, and in which order.
#pragma once
#include "actors/coordinate/core/near.hpp"
#include "runtime/base/equal_fold.hpp"
#include "runtime/base/text_hash.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/rpc_requests.hpp"
#include "storage/state/read_view.hpp"

namespace actord::endpoints {

struct folded_hash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const noexcept;
};
struct folded_equal {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return equal_fold(a, b); }
};

bool has_node_meta(const string_table& wanted, const string_table& meta);

// Which tags an instance has to have, in any case. Made once for all instances, since both lists may be long; it shows what it was made of.
class tag_choice {
public:
  explicit tag_choice(const rpc::service_request& q);
  // Of a prepared query: one that begins with "!" must not be there.
  explicit tag_choice(const string_slice& wanted);
  bool takes_all() const { return with_.empty() && without_.empty(); }
  bool takes(const string_slice& tags) const;

private:
  void want(std::string_view tag) { with_.emplace(tag, with_.size()); }
  bool takes_looking_up(const string_slice& tags) const;
  std::unordered_map<std::string, size_t, folded_hash, folded_equal> with_; // and a number of each
  std::unordered_set<std::string, folded_hash, folded_equal> without_;
};

// Nearest to the request's source first, by the node's name; does nothing when it names no node.
template <class Row, class NameOf> void sort_near(const rpc::query_source& source, const read_view& view, std::vector<Row>& all, NameOf&& name_of) {
  if (source.node.empty() || all.size() < 2) return;
  query_meta ignored; // a place that changes wakes nobody up
  coordinate::sort_by_distance(all, coordinate::proximity(source.node, view.coordinates({}, ignored)), name_of);
}

} // namespace actord::endpoints
