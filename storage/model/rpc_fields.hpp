// What the requests and answers of Consul's RPC have in common (actors/rpc/wire.md, Calls). A record with one of these
// writes its fields among its own: Consul flattens them into one map.
#pragma once
#include "runtime/base/fields.hpp"

namespace actord::rpc {

struct read_options { // Consul's QueryOptions
  bool allow_stale = false;
  std::string filter;
  nanos max_age{0};
  nanos max_query_time{0};
  nanos max_stale_duration{0};
  uint64_t min_query_index = 0;
  bool must_revalidate = false, require_consistent = false;
  nanos stale_if_error{0};
  std::string token;
  bool use_cache = false;
  bool operator==(const read_options&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Token", s.token);
    v("MinQueryIndex", s.min_query_index);
    v("MaxQueryTime", s.max_query_time);
    v("AllowStale", s.allow_stale);
    v("RequireConsistent", s.require_consistent);
    v("UseCache", s.use_cache);
    v("MaxStaleDuration", s.max_stale_duration);
    v("MaxAge", s.max_age);
    v("MustRevalidate", s.must_revalidate);
    v("StaleIfError", s.stale_if_error);
    v("Filter", s.filter);
  }
};

struct reply_meta { // Consul's QueryMeta
  uint64_t index = 0;
  nanos last_contact{0}; // since the server heard of a leader, when the answer may be stale
  bool known_leader = false;
  std::string consistency_level;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Index", s.index);
    v("LastContact", s.last_contact, {.numeric = true});
    v("KnownLeader", s.known_leader);
    v("ConsistencyLevel", s.consistency_level);
  }
};

struct query_source { // near which node an answer is to be sorted
  std::string datacenter, segment, node, ip;
  bool operator==(const query_source&) const = default;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Segment", s.segment);
    v("Node", s.node);
    v("Ip", s.ip);
  }
};

// No fields: 80.
struct nothing {
  template <class V, class Self> static void fields(V&&, Self&) {}
};

} // namespace actord::rpc
