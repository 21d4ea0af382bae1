// Which rows of the catalog a request keeps.
#pragma once
#include "actors/coordinate/core/near.hpp"
#include "api/consul_rpc/call.hpp"
#include "api/http/core/filter.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/rpc_requests.hpp"
#include "storage/state/read_view.hpp"
#include <algorithm>

namespace actord::consul_rpc {

bool has_node_meta(const string_table& wanted, const string_table& meta);
bool has_tags(const rpc::service_request& q, const string_slice& tags); // in any case
service_node flat(const check_service_node& n);
list_of<check_service_node> instances_of(const std::string& service, look& at, bool connect); // with their checks

// Drops what the expression does not match; the error is Consul's text. As in Consul an empty list is nil, but [] once it was
// filtered.
template <class Record> status keep_matching(const std::string& expression, list_of<Record>& rows) {
  rows.set = !rows.empty() || !expression.empty();
  if (expression.empty()) return {};
  auto f = filter::compile<Record>(expression);
  if (!f) return f.err();
  std::erase_if(rows, [&](const Record& r) { return !f->matches(r); });
  return {};
}

// Nearest to the request's source first, by the node's name; does nothing when it names no node.
template <class Row, class NameOf> void sort_near(const rpc::query_source& source, const read_view& view, std::vector<Row>& rows, NameOf&& name_of) {
  query_meta ignored; // a place that changes wakes nobody up
  if (!source.node.empty() && rows.size() > 1)
    coordinate::sort_by_distance(rows, coordinate::proximity(source.node, view.coordinates({}, ignored)), name_of);
}

} // namespace actord::consul_rpc
