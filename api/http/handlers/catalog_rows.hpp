// What the catalog and health endpoints have in common: which rows a request keeps, and Consul's habits of showing
// them (lists that are never null).
#pragma once
#include "actors/coordinate/core/near.hpp"
#include "api/http/core/filter.hpp"
#include "api/http/handlers/refusal.hpp"
#include "storage/model/catalog.hpp"

namespace actord::http {

bool has_node_meta(const query_options& o, const string_table& meta); // every ?node-meta= holds
bool has_tags(const query& q, const string_slice& tags);              // every ?tag= is there, in any case

// Compiles ?filter= for a record; false when it was bad (answered).
template <class Record> bool compile_filter(query& q, filter& out) {
  auto f = filter::compile<Record>(q.options.filter);
  if (!f) {
    q.out.fail({f.err().code, q.options.mode == consistency::stale ? as_server(q.env, f.err().text) : as_leader(q.env, f.err().text)});
    return false;
  }
  out = *f;
  return true;
}

// ?near=: rows nearest first, by their node's name. Does nothing when it is not asked for, nor on a client agent, which gets
// them sorted.
coordinate::proximity proximity_of(const query& q);
template <class Row, class NameOf> void sort_near(const query& q, std::vector<Row>& rows, NameOf&& name_of) {
  if (!q.options.near.empty() && q.env.config.server && rows.size() > 1) coordinate::sort_by_distance(rows, proximity_of(q), name_of);
}

// null → [] and default weights, as Consul's handlers do before they answer.
void tidy(node_service& s);
void tidy(health_check& c);
service_node flat(const check_service_node& n);

template <class T> void write_list(query& q, const std::vector<T>& rows) {
  auto w = q.out.begin_json();
  w.begin_array();
  for (auto& r : rows) json_encode(w, r);
  w.end_array();
}

} // namespace actord::http
