// What handlers of writes have in common.
#pragma once
#include "api/http/handlers/refusal.hpp"
#include "storage/command/apply_result.hpp"

namespace actord::http {

// Options and the datacenter are fine; false when the request was answered.
inline bool may_write(exchange& x) {
  query_options o;
  if (!x.options(o)) return false;
  if (o.datacenter.empty() || o.datacenter == x.env.config.datacenter) return true;
  x.out.text(500, as_server(x.env, "No path to datacenter"));
  return false;
}

// {"ID":"…"}: of what was made.
inline void say_id(const apply_result& r, response& out) {
  auto w = out.begin_json();
  w.begin_object();
  w.plain_key("ID");
  w.string(r.body);
  w.end_object();
}

} // namespace actord::http
