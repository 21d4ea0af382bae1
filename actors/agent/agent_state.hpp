// The state of the agent's actor: wires the cores to files, runs and the router.
#pragma once
#include "actors/agent/agent_actor.hpp"
#include "actors/agent/core/anti_entropy.hpp"
#include "actors/agent/registration_files.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>

namespace actord::agent {

// To the persister: these files, then sync, then journal_settled.
struct files_write {
  std::vector<file_change> changes;
  uint64_t sequence = 0;
};

class agent_state;
using agent_self = agent_handle::stateful_pointer<agent_state>;

class agent_state {
public:
  static inline const char* name = "agent";
  explicit agent_state(agent_self self) : self_(self) {}
  ~agent_state();
  error begin(const node_config& config, agent_deps deps);

  caf::result<agent_done> add_service(service_add& m);
  agent_done remove_service(const service_remove& m);
  caf::result<agent_done> add_check(check_add& m);
  agent_done remove_check(const check_remove& m);
  agent_done update_ttl(check_ttl_update& m);
  agent_done set_maintenance(const maintenance_set& m);
  agent_done reload();
  caf::result<agent_done> leave();
  caf::result<agent_done> watch_service(service_watch& m);
  struct registration { std::string id; bool is_check; }; // an empty id: nothing to undo
  // The answer to a registration: at once when it failed or wrote nothing, else when the journal is on the disk.
  caf::result<agent_done> when_durable(agent_done d, registration fresh = {});
  void flush_journal();
  void checks_ran(check_results& m);
  void catalog_answered(const proposals_done& m);
  void ticked(uint64_t generation);
  void files_settled(uint64_t sequence);

private:
  struct waiter {
    std::string id, hash;
    nanos until;
    caf::typed_response_promise<agent_done> promise;
  };
  struct unsynced {
    caf::typed_response_promise<agent_done> promise;
    registration fresh;
  };
  error sync_journal();
  void undo(const registration& fresh);
  agent_done finish(error e); // perform_effects, then the answer
  error perform_effects(); // says when something could not be kept on disk
  void perform(effect& e, std::vector<file_change>& files);
  void publish();
  error keep(std::vector<file_change> files);
  void write_files(nanos now);
  void synchronize(nanos now);
  bool may_synchronize(nanos now);
  void compare_with_catalog(nanos now);
  // remote_catalog.cpp: a client agent asks servers what the catalog knows.
  bool asks_servers() const { return !views_ && deps_.cluster.rpc; }
  void fetch_picture(const std::string& node, std::function<void(result<catalog_picture>)> then);
  void compare_remotely(nanos now);
  void look_at_aliases_remotely();
  void settle_alias(const local_state::remote_alias& a, const catalog_picture& of_node, nanos now);
  void look_at_remote_aliases(nanos now);
  void wake_waiters(nanos now);
  void arm(nanos now);
  nanos now() const;
  node_identity own_identity() const;
  error load_file_services(const node_config& config);
  error load_file_checks(const node_config& config);

  agent_self self_;
  node_config config_;
  agent_deps deps_;
  std::unique_ptr<local_state> local_;
  std::unique_ptr<anti_entropy> sync_;
  std::unique_ptr<journal> journal_;
  caf::actor persister_;
  std::unique_ptr<check_runner> health_;
  std::unique_ptr<reader> views_;
  std::vector<waiter> waiters_;

  std::map<std::string, std::optional<std::string>> unwritten_; // path → content: in the journal, not yet in its file
  uint64_t sequence_ = 0;       // of the newest file change
  bool persister_busy_ = false;
  nanos write_at_{0}, oldest_unwritten_{0}, journal_sync_at_{0}; // 0: nothing to do
  std::vector<unsynced> unsynced_; // wait for the journal's sync
  bool journal_failed_ = false;    // its last sync did
  nanos sent_at_{0}, last_sent_{0}, alias_at_{0}, led_since_{0};
  bool node_there_ = false; // in the catalog, or not waited for any more
  nanos armed_for_ = nanos::max();
  uint64_t generation_ = 0;
  bool comparing_ = false, looking_ = false; // servers were asked and have not answered
};

caf::behavior persister(caf::event_based_actor* self, std::string data_dir, caf::strong_actor_ptr agent);
node_identity identity_of(const node_config& config);

} // namespace actord::agent

ACTORD_LOCAL_MESSAGE(actord::agent::files_write)
