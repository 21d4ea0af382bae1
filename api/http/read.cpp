#include "api/http/write.hpp"

namespace actord::http {

rpc::read_options options_of(const query_options& o) {
  rpc::read_options r;
  r.allow_stale = o.mode == consistency::stale;
  r.require_consistent = o.mode == consistency::consistent;
  r.filter = o.filter;
  r.max_query_time = o.wait;
  r.max_stale_duration = o.max_stale;
  r.min_query_index = o.min_index;
  r.token = o.token;
  return r;
}

void fill_source(const environment& env, const query_options& o, rpc::query_source& source, std::string_view datacenter) {
  if (o.near.empty()) return;
  source.datacenter = datacenter;
  source.node = o.near == "_agent" ? std::string_view(env.config.node_name) : o.near;
}

void show_id(const std::string& id, std::string_view, response& out) {
  auto w = out.begin_json();
  w.begin_object();
  w.plain_key("ID");
  w.string(id);
  w.end_object();
}

} // namespace actord::http
