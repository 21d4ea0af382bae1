// The vocabulary of the agent's core: what a registration came from, what is kept of it, what has to be done about it.
// Times are nanoseconds of one monotonic clock whose zero does not matter; the caller's clock, handed in.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/agent.hpp"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace actord::agent {

inline constexpr std::string_view node_maintenance_id = "_node_maintenance", service_maintenance_prefix = "_service_maintenance:",
                                  serf_health_id = "serfHealth", consul_service_id = "consul";

// Who registered it: an API call (kept in the data directory), a configuration file (read again at each start and
// reload), or the agent itself (maintenance; kept in the data directory).
enum class source : uint8_t { api, file, self };

struct local_service {
  std::shared_ptr<const node_service> record;
  std::string token;
  source from = source::api;
  uint64_t version = 0; // of the last change, no other has the same: tells an answer about an older one from one about this
  bool in_sync = false;
};

struct local_check {
  std::shared_ptr<const health_check> record;
  std::shared_ptr<const check_registration> how; // null: maintenance, nobody runs it
  std::string token;
  source from = source::api;
  bool stands_alone = false; // of a file: defined beside its service, not in it
  uint64_t version = 0;
  bool in_sync = false;
  nanos critical_since{-1};  // by a result since it was registered last; -1: none, or it was another one
  nanos ttl_deadline{0};     // 0: no TTL
  nanos output_held_until{0}; // 0: nothing is held back
  std::string last_ttl_output;
};

// Somebody else than the agent itself finds out how it stands.
inline bool is_run(const local_check& c) { return c.how && c.record->type != "ttl" && c.record->type != "alias"; }

// What the owner of a local_state has to do, in this order.
enum class effect_kind : uint8_t {
  run_check,          // start (or start again) to run the check
  stop_check,         // stop running it; it may be gone
  save_service,       // write its file
  forget_service,     // remove its file
  save_check,
  forget_check,       // and its state file
  forget_check_definition, // its file: a configuration file has it; the state file stays
  save_check_state,   // `expires` says until when the state is worth something
  log_info,           // `text`
  log_warn
};
struct effect {
  effect_kind kind;
  std::string id;
  std::string text;
  int64_t expires = 0; // Unix seconds
};

// Of a service or a check: something that the catalog has to be told, or was. Later changes, of whatever, have higher numbers.
struct catalog_change {
  bool is_check = false;
  std::string id;
  uint64_t number = 0;
};

// What this node is in the catalog.
struct node_identity {
  std::string id, name, address, datacenter;
  string_table tagged_addresses, meta;
  boxed<node_service> server; // a server's own `consul` service; nil on a client
};

} // namespace actord::agent
