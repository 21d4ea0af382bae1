// Keeps the catalog equal to what is registered here (Consul's anti-entropy): changes go out at once, many together; from
// time to time all is compared, drift repaired and what nobody here knows removed. A server's own node, its `consul`
// service and the serfHealth check belong to the node and are kept as well. Decides only: commands come out of
// take_batch(), their fate goes in by finished().
#pragma once
#include "actors/agent/core/local_state.hpp"
#include <optional>

namespace actord::agent {

// One command for the catalog. Exactly one of the two is set.
struct catalog_command {
  uint64_t number = 0; // comes back in finished()
  boxed<register_request> add;
  boxed<deregister_request> remove;
};

// This node as the catalog shows it.
struct catalog_picture {
  std::optional<node_record> node;
  std::vector<node_service> services;
  std::vector<health_check> checks;
};

struct anti_entropy_options {
  nanos full_interval = std::chrono::minutes(1); // between comparisons, plus up to as much again by chance
  nanos retry_min = std::chrono::milliseconds(50), retry_max = std::chrono::seconds(15);
  bool compare_output = false; // check_update_interval is 0
  size_t batch_commands = 2048;
  size_t least_batch = 128; // where the servers take long for each
  size_t command_bytes = 1 << 20; // of checks, about; the log takes 8 MiB
};

class anti_entropy {
public:
  anti_entropy(node_identity self, anti_entropy_options o, prng random);

  // Nothing is sent while a batch is under way or before the time to retry.
  bool may_send(nanos now) const { return in_flight_.empty() && now >= retry_at_; }
  bool has_work(const local_state& s) const;
  std::vector<catalog_command> take_batch(local_state& s);
  // One outcome per command of the batch. `refused`: the state said no (or there was no leader); it is tried again.
  void finished(local_state& s, uint64_t number, bool done, nanos now);

  // How long the last batch took until now: one that took long is followed by smaller ones, since others' writes wait behind it.
  void batch_took(nanos time);

  // What the catalog was told since the last call, and up to which of our changes.
  std::vector<catalog_change> drain_told();

  // Nobody answered for too long: what is under way counts as failed. Later answers are ignored.
  void give_up(local_state& s, nanos now);

  bool full_sync_due(nanos now) const { return now >= full_at_; }
  // On a client agent, whose comparisons ask servers: `members` of the LAN pool make all of them slower together.
  void scale(size_t members) { scale_ = scale_of(members); }
  void compare_soon(nanos now);   // servers came or have a new leader: within 3 s, times the scale
  void compare_failed(nanos now); // no server answered: again in 15 to 30 s
  // Whether it was ever compared. Before, what was kept says nothing of what the catalog has, tags that others set among it.
  bool knows_catalog() const { return compared_; }
  static int64_t scale_of(size_t members); // 1 up to 128, then one more for each doubling
  // Marks what differs; the next batches repair it.
  void compare(local_state& s, const catalog_picture& remote, nanos now);

  // When something is to be done without any news: the retry or the next comparison.
  nanos next_deadline(const local_state& s) const;
  // What has been done since the last call, for the log ("Synced service: service=x").
  std::vector<std::string> drain_log();
  void change_identity(node_identity self);

private:
  struct sent { // what a command said, and in which version
    bool node = false;
    std::string service;
    uint64_t service_version = 0;
    std::vector<std::pair<std::string, uint64_t>> checks;
    std::string removed_service;
    std::vector<std::string> removed_checks;
    uint64_t upto = 0; // of our changes, the last that it knew
  };
  register_request base() const;
  void add_command(std::vector<catalog_command>& out, catalog_command c, sent s);
  void note_told(const sent& what);
  void send_node(std::vector<catalog_command>& out);
  void send_service_removals(local_state& s, std::vector<catalog_command>& out);
  void send_check_removals(local_state& s, std::vector<catalog_command>& out);
  void send_services(local_state& s, std::vector<catalog_command>& out);
  void send_checks(local_state& s, std::vector<catalog_command>& out);
  void compare_node(const catalog_picture& remote);
  health_check serf_health() const;

  node_identity self_;
  anti_entropy_options o_;
  prng random_;
  bool node_in_sync_ = false, compared_ = false;
  std::map<uint64_t, sent> in_flight_;
  uint64_t numbers_ = 0, upto_ = 0;
  size_t batch_most_ = o_.batch_commands, batch_had_ = 0;
  std::vector<catalog_change> told_;
  nanos retry_at_{0}, full_at_{0}, backoff_{0};
  int64_t scale_ = 1;
  bool batch_failed_ = false;
  std::vector<std::string> log_;
};

} // namespace actord::agent
