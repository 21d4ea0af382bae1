// The state of the agent's actor: wires the cores to files, runs and the router.
#pragma once
#include "actors/agent/agent_actor.hpp"
#include "actors/agent/core/anti_entropy.hpp"
#include "actors/agent/core/pending_answers.hpp"
#include "actors/agent/core/service_waiters.hpp"
#include "actors/agent/registration_files.hpp"
#include "actors/messages/agent_messages.hpp"
#include "actors/messages/messages.hpp"
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <map>
#include <optional>

namespace actord::agent {

// What the persister works on. It leaves in `changes` what is not on the disk, with the reason; the agent looks when it hears
// journal_settled, and not before.
struct files_batch {
  std::vector<file_change> changes;
  error failure;
};
// To the persister: these files, durably, then journal_settled.
struct files_write {
  std::shared_ptr<files_batch> batch;
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
  caf::result<agent_done> reload();
  caf::result<agent_done> watch_service(service_watch& m);
  struct registration { std::string id; bool is_check; }; // an empty id: nothing to undo
  // agent_answers.cpp: the answer to a change, at once when it failed, else when the journal is on the disk and the catalog shows it.
  caf::result<agent_done> when_settled(agent_done d, registration fresh = {});
  void settle(const caf::typed_response_promise<agent_done>& promise, const std::vector<catalog_change>& changes, registration fresh);
  void flush();
  void checks_ran(check_results& m);
  void catalog_answered(const proposals_done& m);
  void ticked(uint64_t generation);
  void files_settled(uint64_t sequence);

private:
  static constexpr size_t most_waiters = 16384;
  struct known_hash {
    std::shared_ptr<const node_service> of;
    std::string hash;
  };
  struct asked {
    caf::typed_response_promise<agent_done> promise;
    registration fresh;
  };
  void read_config();
  void config_read();
  agent_done apply(const new_config& c);
  void flush_soon();
  void deliver();
  void catalog_told(uint64_t index);
  void look_at_applied();
  bool knows_leader() const { return deps_.status && (deps_.status->leader || deps_.status->known_leader); }
  error restore(const node_config& config); // what the configuration has and what was kept
  error ready_to_keep();                    // what cannot be kept is refused before it changes anything
  error keep_all_again();                   // in a data directory that is made again
  error sync_journal();
  void undo(const registration& fresh);
  agent_done finish(error e); // perform_effects, then the answer
  error perform_effects(); // says when something could not be kept on disk
  void perform(effect& e, std::vector<file_change>& files);
  void publish();
  error keep(std::vector<file_change> files);
  void write_files(nanos now);
  void leave_out_unusable(catalog_picture& p) const;
  void synchronize(nanos now, bool somebody_waits); // for what is told
  bool may_synchronize(nanos now);
  void compare_with_catalog(nanos now);
  void compared(const catalog_picture& picture, nanos now);
  // remote_catalog.cpp: a client agent asks servers what the catalog knows, and tells them what is registered here.
  bool asks_servers() const { return !views_ && deps_.cluster.rpc; }
  void fetch_picture(const std::string& node, std::function<void(result<catalog_picture>)> then);
  void tell_servers(const std::vector<catalog_command>& batch);
  void compare_remotely(nanos now);
  void look_at_aliases_remotely();
  void settle_alias(const local_state::remote_alias& a, const catalog_picture& of_node, nanos now);
  void look_at_remote_aliases(nanos now);
  std::map<std::string, std::vector<local_state::remote_alias>> aliases_by_node() const;
  void wake_waiters(nanos now);
  void answer_waiters(const std::vector<uint64_t>& over);
  const std::string& hash_of(const std::string& service_id); // "" when there is none
  void arm(nanos now);
  nanos now() const;
  int64_t unix_now() const;
  node_identity own_identity() const;
  struct definitions {
    std::vector<service_definition> services;
    std::vector<check_registration> checks;
  };
  static result<definitions> read_definitions(const node_config& config);

  agent_self self_;
  node_config config_;
  agent_deps deps_;
  std::unique_ptr<local_state> local_;
  std::unique_ptr<anti_entropy> sync_;
  std::unique_ptr<journal> journal_;
  caf::actor persister_;
  std::unique_ptr<check_runner> health_;
  std::unique_ptr<reader> views_;
  service_waiters waiters_{most_waiters};
  std::map<uint64_t, caf::typed_response_promise<agent_done>> waiting_; // by their numbers there
  uint64_t waited_ = 0;
  std::map<std::string, known_hash> hashes_; // of services that somebody waits for: of a large one it is work

  bool restored_ = false;       // all that was kept is known; nothing on the disk is touched before
  pending_files unwritten_;     // in the journal, not yet in its file
  std::set<std::string, std::less<>> unusable_; // files of registrations that do not parse: what they were is not known
  std::shared_ptr<files_batch> batch_;          // the persister's, while it is busy
  bool persister_busy_ = false;
  nanos write_at_{0}, oldest_unwritten_{0}, journal_sync_at_{0}; // 0: nothing to do
  nanos write_again_at_{0}, write_back_off_{0};                  // after files could not be written
  pending_answers answers_;
  std::vector<caf::typed_response_promise<agent_done>> reloading_, reload_again_; // the latter came while the configuration was read
  std::shared_ptr<std::optional<new_config>> config_found_;  // by the reading under way
  std::map<uint64_t, asked> asked_;          // by ticket of answers_
  std::vector<catalog_change> asked_for_;    // what the request at hand changed
  std::vector<std::pair<uint64_t, std::vector<catalog_change>>> told_ahead_; // applied by the leader up to that index, not here yet
  bool alone_ = false;                       // nothing else waits in the mailbox
  bool flush_due_ = false;                   // comes behind what waits in the mailbox
  bool journal_failed_ = false;    // its last sync did
  bool folder_gone_ = false;       // and not yet made again
  bool journal_lacks_ = false;     // something in unwritten_ stands in no journal
  nanos sent_at_{0}, last_sent_{0}, alias_at_{0}, led_since_{0};
  bool node_there_ = false; // in the catalog, or not waited for any more
  nanos armed_for_ = nanos::max();
  uint64_t generation_ = 0;
  bool comparing_ = false, looking_ = false; // servers were asked and have not answered
};

struct persister_state {
  static inline const char* name = "persister";
};
using persister_self = caf::stateful_actor<persister_state>*;
caf::behavior persister(persister_self self, std::string data_dir, caf::strong_actor_ptr agent);
node_identity identity_of(const node_config& config);

} // namespace actord::agent

ACTORD_LOCAL_MESSAGE(actord::agent::files_write)
