// CATALOGUE of the state's tables. Names are on disk: appended, never reused. `lower` is ASCII lower case, because Consul
// matches names of nodes, services and checks without regard to case; parts of keys are joined by lmdb::append_part.
#pragma once
#include "storage/lmdb/key_codec.hpp"
#include "storage/lmdb/table.hpp"
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace actord::state {

struct tables {
  lmdb::table meta;              // "applied" → u64 and its check value; "format" → u64; digests (digest_record.hpp); "level" → u64
  lmdb::table index;             // lower(index name) → u64, index name as written: "kvs", "nodes", "service.web" …
  lmdb::table kvs;               // key → kv_record.hpp
  lmdb::table tombstones;        // key → u64, the index of the deletion
  lmdb::table nodes;             // lower(node) → node_record
  lmdb::table node_ids;          // lower(node id) → lower(node)
  lmdb::table services;          // lower(node), lower(service id) → node_service
  lmdb::table service_instances; // lower(service name), lower(node), lower(service id)
  lmdb::table connect;           // lower(destination name), lower(node), lower(service id)
  lmdb::table tags;              // service name, "" → u64 instances; service name, "t", tag → u64 instances with the tag
  lmdb::table checks;            // lower(node), lower(check id) → health_check
  lmdb::table node_service_checks; // lower(node), lower(service id) or "", lower(check id)
  lmdb::table service_checks;    // lower(service name), lower(node), lower(check id)
  lmdb::table state_checks;      // status, lower(node), lower(check id)
  lmdb::table addresses;         // address, "n" or "s", lower(node), lower(service id)
  lmdb::table autopilot;         // "config" → autopilot_config
  lmdb::table coordinates;       // lower(node), lower(segment) → coordinate_record
  lmdb::table sessions;          // lower(session id) → session_record
  lmdb::table node_sessions;     // lower(node), lower(session id)
  lmdb::table session_checks;    // lower(node), lower(check id), lower(session id)
  lmdb::table kv_sessions;       // lower(session id), key: the keys that it holds
  lmdb::table lock_delays;       // key → lock_delays.cpp: keys that wait for their lock delay
  lmdb::table queries;           // lower(query id) → prepared_query
  lmdb::table query_names;       // lower(name) → lower(query id)
  lmdb::table query_prefixes;    // "p", lower(name) of a template → lower(query id)
  lmdb::table query_sessions;    // lower(session id), lower(query id)

  // Calls f(name, table) for each; the one list that opening and tests share.
  template <class F> void each(F&& f) {
    const std::array<std::pair<const char*, lmdb::table*>, 26> all{{{"meta", &meta}, {"index", &index}, {"kvs", &kvs},
        {"tombstones", &tombstones}, {"nodes", &nodes}, {"node_ids", &node_ids}, {"services", &services},
        {"service_instances", &service_instances}, {"connect", &connect}, {"tags", &tags}, {"checks", &checks},
        {"node_service_checks", &node_service_checks}, {"service_checks", &service_checks},
        {"state_checks", &state_checks}, {"addresses", &addresses},
        {"autopilot", &autopilot}, {"coordinates", &coordinates}, {"sessions", &sessions},
        {"node_sessions", &node_sessions}, {"session_checks", &session_checks}, {"kv_sessions", &kv_sessions},
        {"lock_delays", &lock_delays}, {"queries", &queries}, {"query_names", &query_names},
        {"query_prefixes", &query_prefixes}, {"query_sessions", &query_sessions}}};
    for (auto& [name, table] : all) f(name, *table);
  }
};

inline std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

inline uint64_t load_number(std::string_view v) {
  if (v.size() < 8) lmdb::raise_corrupt("a number of the state");
  return lmdb::load_be64(v.data());
}
inline uint64_t get_number(const lmdb::transaction& txn, const lmdb::table& t, std::string_view key) {
  std::string_view v;
  return lmdb::get(txn, t, key, v) ? load_number(v) : 0;
}
inline void put_number(lmdb::transaction& txn, const lmdb::table& t, std::string_view key, uint64_t n) {
  lmdb::store_be64(lmdb::reserve(txn, t, key, 8), n);
}

} // namespace actord::state
