// Reading the state: one LMDB read transaction, a consistent picture of all tables at one Raft index. Whoever parsed a
// request opens a view, answers, and lets it go; it is never held while waiting. A `reader` belongs to one thread at a
// time and keeps its transaction slot, so that opening a view costs about a microsecond.
//
// Every query takes a query_meta: it raises `index` to the X-Consul-Index of the answer by Consul's rules
// (semantics.md) and, when topics is not null, adds what to wait for.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/changes.hpp"
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace actord {

class state_store;
class read_view;

// What it shows. Who asks for one includes that family of records.
struct kv_entry;                                                         // storage/model/kv_entry.hpp
struct node_record; struct node_service; struct health_check;            // storage/model/catalog.hpp
struct node_services; struct check_service_node; struct service_node;
struct session_record;                                                   // storage/model/session.hpp
struct coordinate_record;                                                // storage/model/coordinate.hpp
struct prepared_query;                                                   // storage/model/prepared_query.hpp
struct autopilot_config;                                                 // storage/model/autopilot.hpp
struct txn_request; struct txn_response;                                 // storage/command/commands.hpp

// Which checks come with an instance. deciding: one of each kind that tells whether it may be offered, and with which weight; those that pass
// tell nothing. An instance has all checks of its node, so that all of all instances are their product.
enum class which_checks : uint8_t { none, deciding, all };

struct query_meta {
  uint64_t index = 0;
  std::vector<topic>* topics = nullptr;
};

class reader {
public:
  explicit reader(state_store& store) : reader(&store) {}
  explicit reader(state_store* store); // null on a client agent, which has no state: its views show nothing
  ~reader();
  reader(const reader&) = delete;
  reader& operator=(const reader&) = delete;
  // At most one view of a reader is open at a time.
  read_view open();
  bool has_store() const;

private:
  friend class read_view;
  struct impl;
  std::unique_ptr<impl> impl_;
};

// Whether every operation only reads (verbs get, get-tree, check-*): such a transaction needs no log entry.
bool is_read_only(const txn_request& r);

class read_view {
public:
  read_view(read_view&&) noexcept;
  ~read_view(); // gives the transaction back
  raft_index applied_index() const;

  // A read that failed (no reader to be had, no memory, a damaged page) makes the view show nothing from then on, which
  // looks like absence. Whoever made an answer or a decision of a view asks once, before it counts.
  bool failed() const;
  const error& failure() const; // errc::none while every read went well

  // ---- key/value ----
  // `out` is overwritten; false when the key is absent. An absent key's index is Consul's: the KV table's, of tombstones too.
  bool kv_get(std::string_view key, kv_entry& out, query_meta& meta) const;
  // Ascending by key; the entry is valid during the call only; return false to stop.
  void kv_list(std::string_view prefix, query_meta& meta, const std::function<bool(const kv_entry&)>& f) const;
  // Keys under the prefix, folded at the separator when it is not empty ("a/b/"). No values are touched.
  std::vector<std::string> kv_keys(std::string_view prefix, std::string_view separator, query_meta& meta) const;

  // ---- catalog ---- names are matched without regard to case, as Consul does
  std::vector<node_record> nodes(query_meta& meta) const;
  std::optional<node_record> node(std::string_view name, query_meta& meta) const;
  // By name, or by a node id's unique prefix (at least two characters) when no name matches.
  std::optional<node_services> services_of_node(std::string_view name_or_id, query_meta& meta) const;
  // Service name → the sorted union of its instances' tags. `only` filters nodes (node-meta) and may be empty.
  std::map<std::string, std::vector<std::string>> services(query_meta& meta, const std::function<bool(const node_record&)>& only = {}) const;
  // Instances with their nodes. connect: mesh-capable endpoints for the name instead.
  std::vector<check_service_node> service_instances(std::string_view service, query_meta& meta, bool connect = false, which_checks which = which_checks::all) const;
  bool service_exists(std::string_view service) const;
  std::vector<health_check> checks_of_node(std::string_view node, query_meta& meta) const;
  std::vector<health_check> checks_of_service(std::string_view service, query_meta& meta) const;
  std::vector<health_check> checks_in_state(std::string_view state, query_meta& meta) const; // "any" for all
  // Nodes (first) or services that have this address, for DNS PTR.
  std::optional<node_record> node_by_address(std::string_view address) const;
  std::optional<service_node> service_by_address(std::string_view address) const;

  // ---- sessions ---- of one id (an error when it can be none or could not be read), of a node, or with "" all
  result<std::optional<session_record>> session(std::string_view id, query_meta& meta) const;
  std::vector<session_record> sessions(std::string_view node, query_meta& meta) const;

  // ---- prepared queries ---- all; of one id (an error when it can be none); and what a name or an id stands for: a query, or one that a
  // template was filled in for (query_rules.hpp). `segment` is of the agent that asks.
  std::vector<prepared_query> queries(query_meta& meta) const;
  result<std::optional<prepared_query>> query(std::string_view id, query_meta& meta) const;
  result<std::optional<prepared_query>> resolve_query(std::string_view name_or_id, std::string_view segment) const;

  // ---- coordinates ---- of a node in every segment, or with "" of all nodes
  std::vector<coordinate_record> coordinates(std::string_view node, query_meta& meta) const;

  // ---- autopilot ---- none before the first leader has written the defaults of its own configuration
  std::optional<autopilot_config> autopilot(query_meta& meta) const;

  // The index that a query's answer would have, without computing the answer: what an answer cache checks.
  uint64_t kv_key_index(std::string_view key) const;
  uint64_t service_index(std::string_view service) const;  // catalog/service, health/service
  uint64_t table_index(std::string_view table) const;      // "nodes", "services", "checks", "kvs" …; max of several: call twice

  // A transaction of read operations only (is_read_only), on this view. An operation that would write is an error in the answer.
  txn_response read_txn(const txn_request& r) const;

private:
  friend class reader;
  friend struct view_access; // storage/state's own
  struct impl;
  explicit read_view(impl* i);
  impl* impl_ = nullptr;
};

} // namespace actord
