// CATALOGUE of replicated commands: what the Raft log says happened. A command's bytes are one number and the msgpack of
// its record, the same as in Consul's log and snapshots. Numbers are Consul's, are only appended and never reused.
// Apply is deterministic: whoever proposes a command has chosen every id and time that it carries.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/model/autopilot.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/coordinate.hpp"
#include "storage/model/kv_entry.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/model/session.hpp"

namespace actord {

enum class command_kind : uint8_t {
  catalog_register = 0,   // register_request
  catalog_deregister = 1, // deregister_request
  kv = 2,                 // kv_request
  session = 3,            // session_request
  tombstone_reap = 5,     // tombstone_request
  coordinate_batch_update = 6, // list_of<coordinate_record>
  prepared_query = 7,     // query_request
  txn = 8,                // txn_request
  autopilot_set = 9,      // autopilot_request
  // Never in the log: what the leader answers itself when it is proposed. Consul numbers what is to be skipped from 128.
  session_renew = 200,    // session_renewal
};

// Verbs of kv_request and of KV operations in a transaction.
inline constexpr std::string_view kv_set = "set", kv_delete = "delete", kv_delete_cas = "delete-cas",
                                  kv_delete_tree = "delete-tree", kv_cas = "cas", kv_lock = "lock",
                                  kv_unlock = "unlock", kv_get = "get", kv_get_tree = "get-tree",
                                  kv_check_index = "check-index", kv_check_session = "check-session",
                                  kv_check_not_exists = "check-not-exists";

struct kv_request {
  std::string datacenter, op;
  kv_entry entry; // modify_index carries the expected index of cas and delete-cas
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("DirEnt", s.entry);
    v("Token", s.token);
  }
};

struct tombstone_request { // forget tombstones up to this index
  std::string datacenter, op = "reap";
  uint64_t reap_index = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("ReapIndex", s.reap_index);
  }
};

struct txn_kv_op {
  std::string verb;
  kv_entry entry;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Verb", s.verb);
    v("DirEnt", s.entry);
  }
};
struct txn_node_op { // verbs get set cas delete delete-cas; node.modify_index is the expected index
  std::string verb;
  node_record node;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Verb", s.verb);
    v("Node", s.node);
  }
};
struct txn_service_op {
  std::string verb, node;
  node_service service;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Verb", s.verb);
    v("Node", s.node);
    v("Service", s.service);
  }
};
struct txn_check_op {
  std::string verb;
  health_check check;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Verb", s.verb);
    v("Check", s.check);
  }
};
struct txn_op { // exactly one is set
  boxed<txn_kv_op> kv;
  boxed<txn_node_op> node;
  boxed<txn_service_op> service;
  boxed<txn_check_op> check;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("KV", s.kv);
    v("Node", s.node);
    v("Service", s.service);
    v("Check", s.check);
  }
};
struct txn_request {
  std::string datacenter;
  list_of<txn_op> ops;
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Ops", s.ops);
    v("Token", s.token);
  }
};

struct txn_result { // exactly one is set; kv.value is empty except after get and get-tree
  boxed<kv_entry> kv;
  boxed<node_record> node;
  boxed<node_service> service;
  boxed<health_check> check;
};
struct txn_error {
  uint64_t op_index = 0;
  std::string what;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("OpIndex", s.op_index);
    v("What", s.what);
  }
};
struct txn_response {
  std::vector<txn_result> results;
  std::vector<txn_error> errors; // not empty: nothing was applied
};

struct autopilot_request {
  std::string datacenter;
  autopilot_config config; // modify_index is the expected index when cas is set, 0 for none yet
  bool cas = false;
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Config", s.config);
    v("CAS", s.cas);
    v("Token", s.token);
  }
};

struct query_request {
  std::string datacenter, op; // query_rules.hpp; of a deletion only the id counts
  boxed<prepared_query> query;
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("Query", s.query);
    v("Token", s.token);
  }
};

struct session_request {
  std::string datacenter, op; // create, destroy
  session_record session;     // destroy: only the id counts
  std::string token;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Datacenter", s.datacenter);
    v("Op", s.op);
    v("Session", s.session);
    v("Token", s.token);
  }
};
inline constexpr std::string_view session_create = "create", session_destroy = "destroy";

struct session_renewal {
  std::string id;
  template <class V, class Self> static void fields(V&& v, Self& s) { v("ID", s.id); }
};

// The command's bytes, as they go into the log.
template <class Record> std::string encode_command(command_kind kind, const Record& r) {
  std::string out(1, static_cast<char>(kind));
  msgpack_encode(out, r);
  return out;
}
// The hot one, without building the record: kv set/delete/cas…
std::string encode_kv_command(std::string_view op, std::string_view key, std::string_view value, uint64_t flags = 0,
                              uint64_t cas_index = 0, std::string_view session = {});

} // namespace actord
