// The services and checks registered with this agent: who asked for them, how the checks stand, what of it the catalog
// does not know yet. Decides; owns nothing outside: files, runs and catalog writes come out of drain(). All times are the
// caller's monotonic clock, `unix_now` is seconds since the epoch (it is written into state files).
#pragma once
#include "actors/agent/core/types.hpp"
#include "runtime/base/prng.hpp"
#include <functional>
#include <map>
#include <set>

namespace actord::agent {

struct local_state_options {
  std::string node_name;
  bool remote_scripts = false; // scripts from the API
  bool local_scripts = false;  // scripts from files
  int sidecar_min_port = 21000, sidecar_max_port = 21255;
  int64_t output_max_size = 4096;                     // bytes
  bool discard_output = false;
  nanos check_update_interval = std::chrono::minutes(5); // 0: every new output goes to the catalog
  nanos deregister_after_min = std::chrono::minutes(1);
  nanos reap_interval = std::chrono::seconds(30);
};

// What the state of a remote node's or service's checks is, for aliases that follow it: "" while unknown.
struct alias_verdict {
  std::string status, output;
};

class local_state {
public:
  using service_map = std::map<std::string, local_service, std::less<>>;
  using check_map = std::map<std::string, local_check, std::less<>>;
  struct remote_alias { std::string check_id, node, service; };

  local_state(local_state_options o, prng random);

  // ---- registering; the error is Consul's, errc::none is success ----
  error add_service(const service_definition& d, source from, const std::string& token, bool replace_checks, nanos now);
  error add_check(const check_registration& c, source from, const std::string& token, nanos now);
  error remove_service(const std::string& id);
  error remove_check(const std::string& id);
  error ttl_update(const std::string& id, std::string_view status, std::string output, nanos now, int64_t unix_now);
  error set_node_maintenance(bool on, std::string_view reason);
  error set_service_maintenance(const std::string& service, bool on, std::string_view reason);

  // ---- from the data directory: no file is written, a known id keeps what it has ----
  bool restore_service(node_service s, std::string token, bool from_file_source);
  bool restore_check(health_check c, boxed<check_registration> how, std::string token, source from, nanos now);
  // A check of a file has the id of one that was kept for another owner: the agent must not start.
  const error& restore_refused() const { return restore_refused_; }
  void restore_check_state(const std::string& id, std::string_view status, std::string_view output);

  // Services and checks from configuration files as they are now: those that went are removed, those that came are added,
  // checks that stay keep their state. The first error is returned, the rest is still done.
  error replace_file_services(const std::vector<service_definition>& services, nanos now);
  error replace_file_checks(const std::vector<check_registration>& checks, nanos now);
  // Before both of these at a reload: a check that the files give to another owner leaves the one it had, and what is known of
  // it waits for the new one.
  void release_file_checks(const std::vector<service_definition>& services, const std::vector<check_registration>& checks);
  // Refuses an id that another service's check, or one of the node, has.
  error may_own(const std::string& check_id, const std::string& service) const;

  // Asked for an id that is not known here and is to go all the same: may it have been registered, and what was kept of it
  // cannot be read? Then its file goes, and the catalog is told.
  std::function<bool(bool is_check, const std::string& id)> may_be_lost;

  // All that is kept is to be written anew.
  void save_all(nanos now, int64_t unix_now);

  void discard_output(bool discard) { o_.discard_output = discard; } // of checks, from now on

  // ---- running ----
  void check_ran(const std::string& id, std::string_view status, std::string_view output, nanos now);
  void alias_saw(const std::string& check_id, const alias_verdict& v, nanos now);
  void tick(nanos now);              // TTLs that expired, outputs held long enough, services critical for too long
  nanos next_deadline() const;       // when tick has something to do; nanos::max() for never

  std::vector<effect> drain();

  // ---- reading ----
  const service_map& services() const { return services_; }
  const check_map& checks() const { return checks_; }
  std::vector<remote_alias> remote_aliases() const;
  bool has_remote_aliases() const { return !remote_aliases_.empty(); }
  size_t ttl_checks() const { return ttl_checks_; }
  // Ids whose visible record changed or went since they were last cleared, for whoever publishes them.
  std::set<std::string, std::less<>> changed_services, changed_checks;

  // ---- what the catalog does not know (anti_entropy works on these) ----
  std::set<std::string, std::less<>> dirty_services, dirty_checks;                // changed here
  std::set<std::string, std::less<>> removed_services;                            // gone here, there in the catalog
  std::map<std::string, std::string, std::less<>> removed_checks;                 // check id → service id
  std::vector<catalog_change> untold; // of all these what came since it was last cleared
  uint64_t changes() const { return changes_; } // the number of the last
  void mark_service(const std::string& id, bool in_sync);
  void mark_check(const std::string& id, bool in_sync);
  void adopt_tags(const std::string& service, const string_slice& tags); // enable_tag_override: the catalog's tags count
  const std::set<std::string, std::less<>>* checks_of(std::string_view service) const;

private:
  void emit(effect_kind k, std::string id, std::string text = {}, int64_t expires = 0);
  void still_untold(bool is_check, const std::string& id);
  bool drop_lost(bool is_check, const std::string& id); // false: it was none
  void put_service(node_service s, source from, const std::string& token);
  error put_check(health_check record, check_registration how, source from, const std::string& token, nanos now);
  void store_check(health_check record, std::shared_ptr<const check_registration> how, source from, const std::string& token, nanos now);
  void drop_check(const std::string& id);
  void drop_service(const std::string& id);
  void set_status(local_check& c, std::string_view status, std::string output, nanos now);
  void add_maintenance(std::string_view id, const node_service* of, std::string_view name, std::string reason);
  error prepare_sidecar(const service_definition& d, const node_service& parent, service_definition& side,
                        std::vector<check_registration>& checks) const;
  error add_with_checks(const node_service& s, const std::vector<check_registration>& checks, source from, const std::string& token,
                        bool replace_checks, nanos now);
  error add_service_and_sidecar(const service_definition& d, source from, const std::string& token, bool replace_checks, nanos now);
  error may_run(const check_registration& c, source from) const;
  error may_own_all(const node_service& own, const std::vector<check_registration>& checks, const node_service* side,
                    const std::vector<check_registration>& side_checks) const;
  void warn_about_dns(const node_service& s);
  size_t follow(const std::string& alias_id, nanos now); // how many checks it looked at
  void followers_look(const std::string& service_id, nanos now);
  void settle_aliases(nanos now);
  void settle_some_aliases(nanos now);
  void reap(nanos now);

  local_state_options o_;
  prng random_;
  service_map services_;
  check_map checks_;
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> checks_by_service_; // "" for the node's own
  std::map<std::string, std::set<std::string, std::less<>>, std::less<>> followers_;         // service → local alias checks
  std::set<std::string, std::less<>> restless_aliases_; // have to look again
  std::set<std::string, std::less<>> remote_aliases_;
  size_t alias_rounds_ = 0;                             // that they may still take
  std::set<std::pair<int64_t, std::string>> ttl_deadlines_, held_outputs_;
  std::set<std::string, std::less<>> reapable_; // critical checks with deregister_critical_service_after
  std::map<std::string, std::shared_ptr<const health_check>, std::less<>> learned_; // of checks on their way to another owner
  error restore_refused_;
  nanos next_reap_{0}, last_now_{0};
  size_t ttl_checks_ = 0;
  uint64_t changes_ = 0;
  std::vector<effect> effects_;
};

} // namespace actord::agent
