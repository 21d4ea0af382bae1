// What applying a batch of entries changed, and what a reader can wait for. One vocabulary for blocking queries, push
// streams and whatever else reads the change log.
#pragma once
#include "runtime/base/duration.hpp"
#include "runtime/base/ids.hpp"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

// What can be waited for. The byte is part of no file; the order may change.
enum class topic_kind : uint8_t {
  kv_key,           // key: that key's entry was set or deleted
  kv_prefix,        // key: any key that starts with it (only ever waited for, never published)
  nodes,            // key "": the set of nodes or any node
  node,             // key = node name, lower case: that node's record, its services or its checks
  services,         // key "": the set of services or their tags (catalog/services)
  service,          // key = service name, lower case: what /health/service and /catalog/service show of it
  connect_service,  // key = destination service name, lower case: proxies for it or native instances
  checks,           // key "": any check (health/state)
  gateway,          // reserved
  sessions,         // key "": any session
  coordinates,      // key "": any node's coordinate
  queries,          // key "": any prepared query
};

struct topic {
  topic_kind kind = topic_kind::kv_key;
  std::string key;
  bool operator==(const topic&) const = default;
};

// A key whose holder's session was invalidated: nobody may lock it for so long. Kept by each server in memory, by its own
// clock, since apply knows no time.
struct released_lock {
  std::string key;
  nanos delay{0};
};

// The topics that the entries up to `index` touched, each once (kv_key for every changed or deleted key). A recursive
// delete lists every key that it removed; a restored snapshot sets `everything`.
struct change_set {
  raft_index index;
  std::vector<topic> topics;
  bool everything = false;
  std::vector<released_lock> released;
};

} // namespace actord
