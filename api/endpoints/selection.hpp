// Which rows of the catalog the arguments of a call keep, and in which order.
#pragma once
#include "actors/coordinate/core/near.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/rpc_requests.hpp"
#include "storage/state/read_view.hpp"

namespace actord::endpoints {

bool has_node_meta(const string_table& wanted, const string_table& meta);
bool has_tags(const rpc::service_request& q, const string_slice& tags); // in any case

// Nearest to the request's source first, by the node's name; does nothing when it names no node.
template <class Row, class NameOf> void sort_near(const rpc::query_source& source, const read_view& view, std::vector<Row>& all, NameOf&& name_of) {
  if (source.node.empty() || all.size() < 2) return;
  query_meta ignored; // a place that changes wakes nobody up
  coordinate::sort_by_distance(all, coordinate::proximity(source.node, view.coordinates({}, ignored)), name_of);
}

} // namespace actord::endpoints
