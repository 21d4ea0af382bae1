// A view whose answers come from Consul's servers by RPC (actors/rpc/wire.md), for one request of a client agent. It
// holds the answers that it was given; a call that has none yet is noted as needed and shows nothing. Who answers the
// request runs it once, makes the calls that were needed, and runs it again, until nothing is needed.
//
// Sends nothing itself and belongs to one thread.
#pragma once
#include "storage/state/read_view_source.hpp"

namespace actord {

// How the calls are made: what a query's options become (actors/rpc/wire.md, Calls).
struct remote_options {
  std::string datacenter, token;
  bool allow_stale = false, require_consistent = false;
  uint64_t min_index = 0; // the first call waits until its index is above this
  nanos max_query_time{0};
  std::vector<std::pair<std::string, std::string>> node_meta; // the servers filter by these
  std::string near;                                           // a node: answers are sorted by its distance; "" for none
};

// The fields that every reply to a read has.
struct remote_meta {
  uint64_t index = 0;
  bool known_leader = false;
  nanos last_contact{0};
};

class remote_view : public view_source {
public:
  explicit remote_view(remote_options o) : o_(std::move(o)) {}

  struct call {
    std::string method;
    std::string arguments; // msgpack, complete
    bool waits = false;    // a blocking query
  };
  // Calls that the last run needed and that were not handed out before. None: its output counts.
  std::vector<std::pair<size_t, call>> take_needed();
  void answered(size_t number, std::string body);
  bool complete() const; // every call that was needed has an answer
  // Of the call that decides about the answer's index, which is the first; none before it was answered.
  const std::optional<remote_meta>& decisive() const { return decisive_; }
  size_t calls() const { return calls_.size(); }
  size_t bytes() const; // of all answers
  void ask_leader(); // forgets all answers: the stale ones were too old
  const remote_options& options() const { return o_; }

  const error& failure() const override { return failure_; }
  bool kv_get(std::string_view key, kv_entry& out, query_meta& meta) override;
  void kv_list(std::string_view prefix, query_meta& meta, const std::function<bool(const kv_entry&)>& f) override;
  std::vector<std::string> kv_keys(std::string_view prefix, std::string_view separator, query_meta& meta) override;
  std::vector<node_record> nodes(query_meta& meta) override;
  std::optional<node_record> node(std::string_view name, query_meta& meta) override;
  std::optional<node_services> services_of_node(std::string_view name_or_id, query_meta& meta) override;
  std::map<std::string, std::vector<std::string>> services(query_meta& meta, const std::function<bool(const node_record&)>& only) override;
  std::vector<check_service_node> service_instances(std::string_view service, query_meta& meta, bool connect, bool with_checks) override;
  bool service_exists(std::string_view service) override;
  std::vector<health_check> checks_of_node(std::string_view node, query_meta& meta) override;
  std::vector<health_check> checks_of_service(std::string_view service, query_meta& meta) override;
  std::vector<health_check> checks_in_state(std::string_view state, query_meta& meta) override;
  std::optional<node_record> node_by_address(std::string_view address) override;
  std::optional<service_node> service_by_address(std::string_view address) override;
  result<std::optional<session_record>> session(std::string_view id, query_meta& meta) override;
  std::vector<session_record> sessions(std::string_view node, query_meta& meta) override;
  std::vector<coordinate_record> coordinates(std::string_view node, query_meta& meta) override;
  std::optional<autopilot_config> autopilot(query_meta& meta) override;

private:
  struct held {
    call what;
    std::string key; // method and what distinguishes its arguments
    bool sent = false, has_answer = false;
    std::string body;
  };
  struct field { // of a call's arguments
    std::string_view name;
    std::variant<std::string_view, bool> value;
  };
  const std::string* ask(std::string_view method, std::initializer_list<field> fields);
  template <class T> list_of<T> list(std::string_view method, std::initializer_list<field> fields, std::string_view name, query_meta& meta);
  std::string arguments(std::initializer_list<field> fields, bool decisive) const;
  void fail(std::string text);
  void malformed(); // the answer that was asked for last

  remote_options o_;
  std::vector<held> calls_;
  size_t current_ = 0; // the call that was asked last
  std::optional<remote_meta> decisive_;
  error failure_; // an answer that does not decode, too many calls
};

// The reply's meta fields; false when it is no map.
bool parse_remote_meta(std::string_view body, remote_meta& out);

} // namespace actord
