#include "actors/agent/core/content_hash.hpp"
#include "actors/agent/agent_state.hpp"
#include "actors/messages/client_messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/json_codec.hpp"
#include "runtime/base/log.hpp"
#include "runtime/config/definition_schema.hpp"
#include "storage/command/commands.hpp"
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <random>

namespace actord::agent {

using namespace std::chrono_literals;

namespace {

constexpr nanos answer_patience = 30s;      // then a batch counts as failed
constexpr nanos leader_poll = 25ms, server_poll = 1s, leader_patience = 5s;
constexpr nanos between_batches = 10ms; // to the catalog, when nobody waits: many news of checks share a Raft entry
constexpr nanos applied_poll = 1ms;     // on a follower
constexpr uint64_t config_was_read = ~uint64_t{0} - 2; // a tick's number

uint64_t fresh_seed() {
  std::random_device entropy;
  return (uint64_t{entropy()} << 32) | entropy();
}

error unreadable(error e) {
  log::err("agent", "Registrations that were kept could not be read. Nothing was changed, neither on the disk nor in the catalog: see to the "
                    "owner and mode of what is named below, to the limit of open files and to the disk, then start the agent again");
  return e;
}

} // namespace

node_identity identity_of(const node_config& config) {
  node_identity me;
  me.id = config.node_id;
  me.name = config.node_name;
  me.address = config.advertise_addr;
  me.datacenter = config.datacenter;
  me.tagged_addresses.set = me.meta.set = true;
  for (auto& [k, v] : config.tagged_addresses) me.tagged_addresses[k] = v;
  for (auto& [k, v] : config.node_meta) me.meta[k] = v;
  me.meta["consul-network-segment"] = config.segment;
  if (!config.server) return me;
  node_service& s = me.server.emplace();
  s.id = s.service = consul_service_id;
  s.tags.set = true;
  s.port = config.port_server;
  s.weights = service_weights{};
  s.meta.set = true;
  s.meta["non_voter"] = "false";
  s.meta["raft_version"] = "3";
  s.meta["serf_protocol_current"] = "2";
  s.meta["serf_protocol_min"] = "1";
  s.meta["serf_protocol_max"] = "5";
  s.meta["version"] = consul_version;
  return me;
}

nanos agent_state::now() const { return std::chrono::duration_cast<nanos>(self_->clock().now().time_since_epoch()); }

int64_t agent_state::unix_now() const {
  if (deps_.simulated) return deps_.simulated->unix_now();
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

node_identity agent_state::own_identity() const {
  auto me = identity_of(config_);
  if (deps_.cluster.lan) me.server.reset(); // the leader registers the members of the pool, this one among them
  return me;
}

error agent_state::begin(const node_config& config, agent_deps deps) {
  config_ = config;
  deps_ = std::move(deps);
  if (!deps_.board) deps_.board = std::make_shared<agent_board>();
  const uint64_t seed = deps_.simulated ? deps_.simulated->seed : fresh_seed();
  local_state_options o;
  o.node_name = config.node_name;
  o.remote_scripts = config.enable_script_checks;
  o.local_scripts = config.enable_local_script_checks;
  o.sidecar_min_port = config.sidecar_min_port;
  o.sidecar_max_port = config.sidecar_max_port;
  o.output_max_size = config.check_output_max_size;
  o.discard_output = config.discard_check_output;
  o.check_update_interval = config.check_update_interval;
  o.deregister_after_min = config.check_deregister_interval_min;
  o.reap_interval = config.check_reap_interval;
  local_ = std::make_unique<local_state>(std::move(o), prng(seed));
  anti_entropy_options a;
  a.full_interval = config.ae_interval;
  a.compare_output = config.check_update_interval.count() == 0;
  if (!config.server) a.batch_commands = 256; // each is a call of its own
  deps_.board->put_node_meta(config.node_meta);
  sync_ = std::make_unique<anti_entropy>(own_identity(), a, prng(seed + 1));
  if (deps_.store) views_ = std::make_unique<reader>(*deps_.store);

  const auto me = caf::actor_cast<caf::strong_actor_ptr>(self_);
  if (deps_.start_checks) {
    auto started = deps_.start_checks(self_->system(), me, seed + 2);
    if (!started) return {started.err().code, "Failed to start checks: " + started.err().text};
    health_ = std::move(*started);
  }
  if (auto e = restore(config); e.code != errc::none) return e;
  if (journal_) persister_ = deps_.simulated ? self_->spawn<caf::linked>(persister, config.data_dir, me) : self_->spawn<caf::detached + caf::linked>(persister, config.data_dir, me);
  (void)perform_effects();
  return {};
}

// Whoever does not start must not touch what is kept: it would miss what it was kept for. And what is kept and cannot be read is
// not nothing: nobody may tell the catalog so. On a full disk all of it can be read; what cannot be kept then is refused.
error agent_state::restore(const node_config& config) {
  const bool keeps = !config.data_dir.empty();
  restored_files found;
  if (keeps) {
    auto read = journal::read(config.data_dir, unwritten_, [self = self_] { return self->clock().now(); });
    if (!read) return unreadable({read.err().code, "Failed reading the registration journal: " + read.err().text});
    journal_ = std::make_unique<journal>(std::move(*read));
  }
  const auto defined = read_definitions(config);
  if (!defined) return defined.err();
  if (auto e = local_->replace_file_services(defined->services, now()); e.code != errc::none) return e;
  if (keeps)
    if (auto s = restore_services(config.data_dir, unwritten_, *local_, found); !s) return unreadable(s.err());
  if (auto e = local_->replace_file_checks(defined->checks, now()); e.code != errc::none) return e;
  if (!keeps) return {};
  if (auto s = restore_checks(config.data_dir, unwritten_, *local_, now(), unix_now(), found); !s) return unreadable(s.err());
  if (auto& e = local_->restore_refused(); e.code != errc::none) return e;
  if (auto s = journal_->ready(); !s) {
    if (s.err().code != errc::storage_full) return {s.err().code, "Failed to open the registration journal: " + s.err().text};
    log::err("agent", "Nothing can be registered until there is room on the disk: error=\"{}\"", s.err().text);
  }
  restored_ = true;
  unusable_ = std::move(found.unusable);
  local_->may_be_lost = [this](bool is_check, const std::string& id) {
    if (id == (is_check ? serf_health_id : consul_service_id)) return false; // the leader's
    return journal_->was_damaged() || unusable_.contains(is_check ? check_path(id) : service_path(id));
  };
  if (!unwritten_.empty()) write_at_ = oldest_unwritten_ = now();
  else journal_->settled(journal_->last_number()); // files of an earlier run that say nothing new
  if (!found.obsolete.empty()) (void)keep(std::move(found.obsolete));
  return {};
}

agent_state::~agent_state() {
  health_.reset(); // first: nothing may run or report any more
  // What only the journal holds goes into its files, so that a stopped node leaves Consul's layout behind. Not while
  // the persister may still write older contents; the journal has it all then.
  if (restored_ && !persister_busy_) {
    std::vector<file_change> rest;
    for (auto& [path, content] : unwritten_) rest.push_back({path, std::move(content)});
    if (journal_->sync() && write_durably(config_.data_dir, rest)) journal_->settled(journal_->last_number());
  }
}

// ---- requests ---------------------------------------------------------------------------------------------------

agent_done agent_state::finish(error e) {
  flush_soon();
  error kept = perform_effects();
  return {e.code != errc::none ? std::move(e) : std::move(kept)};
}

caf::result<agent_done> agent_state::add_service(service_add& m) {
  if (auto refused = ready_to_keep(); refused.code != errc::none) return agent_done{std::move(refused)};
  registration fresh{m.service.id.empty() ? m.service.name : m.service.id, false};
  if (local_->services().contains(fresh.id)) fresh.id.clear();
  error e = local_->add_service(m.service, source::api, m.token, m.replace_existing_checks, now());
  if (e.code != errc::none) return finish(std::move(e));
  flush_soon();
  error kept = perform_effects();
  if (kept.code != errc::none) undo(fresh);
  return when_settled({std::move(kept)}, std::move(fresh));
}
agent_done agent_state::remove_service(const service_remove& m) {
  if (auto refused = ready_to_keep(); refused.code != errc::none) return {std::move(refused)};
  return finish(local_->remove_service(m.id));
}
caf::result<agent_done> agent_state::add_check(check_add& m) {
  if (auto refused = ready_to_keep(); refused.code != errc::none) return agent_done{std::move(refused)};
  registration fresh{m.check.id.empty() ? m.check.name : m.check.id, true};
  if (local_->checks().contains(fresh.id)) fresh.id.clear();
  error e = local_->add_check(m.check, source::api, m.token, now());
  if (e.code != errc::none) return finish(std::move(e));
  flush_soon();
  error kept = perform_effects();
  if (kept.code != errc::none) undo(fresh);
  return when_settled({std::move(kept)}, std::move(fresh));
}
agent_done agent_state::remove_check(const check_remove& m) {
  if (auto refused = ready_to_keep(); refused.code != errc::none) return {std::move(refused)};
  return finish(local_->remove_check(m.id));
}
agent_done agent_state::update_ttl(check_ttl_update& m) {
  if (auto refused = ready_to_keep(); refused.code != errc::none) return {std::move(refused)};
  return finish(local_->ttl_update(m.id, m.status, std::move(m.output), now(), unix_now()));
}
agent_done agent_state::set_maintenance(const maintenance_set& m) {
  if (auto refused = ready_to_keep(); refused.code != errc::none) return {std::move(refused)};
  return finish(m.node ? local_->set_node_maintenance(m.enable, m.reason) : local_->set_service_maintenance(m.service_id, m.enable, m.reason));
}

result<agent_state::definitions> agent_state::read_definitions(const node_config& config) {
  definitions d;
  for (auto& text : config.services) {
    if (auto s = from_json(service_to_api_json(text), d.services.emplace_back(), {.allow_unknown = true}); !s)
      return error{errc::internal, "Failed to register service at " + text.where() + ": " + s.err().text};
  }
  for (auto& text : config.checks) {
    if (auto s = from_json(check_to_api_json(text), d.checks.emplace_back(), {.allow_unknown = true}); !s)
      return error{errc::internal, "Failed to register check at " + text.where() + ": " + s.err().text};
  }
  return d;
}

// Reading may wait for name servers, so it is not waited for. Who asks meanwhile may mean what was written since: it is read once more.
caf::result<agent_done> agent_state::reload() {
  log::info("agent", "Reloading configuration...");
  if (!deps_.reload) return when_settled({});
  auto promise = self_->make_response_promise<agent_done>();
  const bool idle = reloading_.empty();
  (idle ? reloading_ : reload_again_).push_back(promise);
  if (idle) read_config();
  return promise;
}

void agent_state::read_config() {
  const auto weak = caf::actor_cast<caf::actor_addr>(self_);
  auto found = config_found_ = std::make_shared<std::optional<new_config>>();
  deps_.reload([weak, found](new_config c) {
    *found = std::move(c);
    if (auto to = caf::actor_cast<caf::actor>(weak)) caf::anon_send(to, agent_ticked{config_was_read}); // and nobody touches it any more here
  });
}

caf::result<agent_done> agent_state::watch_service(service_watch& m) {
  if (m.wait.count() <= 0 || m.hash.empty() || hash_of(m.id) != m.hash) return agent_done{};
  auto promise = self_->make_response_promise<agent_done>();
  const nanos t = now();
  waiting_.emplace(++waited_, promise);
  waiters_.add(waited_, std::move(m.id), std::move(m.hash), t + m.wait);
  answer_waiters(waiters_.take_over(t));
  arm(t);
  return promise;
}

// ---- news -------------------------------------------------------------------------------------------------------

void agent_state::checks_ran(check_results& m) {
  const nanos t = now();
  for (auto& r : m.results) {
    if (auto it = local_->checks().find(r.id); it != local_->checks().end() && it->second.record->status != r.status) {
      if (r.status == health_critical) log::warn("agent", "Check is now critical: check={}", r.id);
      else log::debug("agent", "Check status updated: check={} status={}", r.id, r.status);
    }
    local_->check_ran(r.id, r.status, r.output, t);
  }
  (void)perform_effects();
}

void agent_state::catalog_answered(const proposals_done& m) {
  const nanos t = now();
  uint64_t index = 0;
  for (auto& o : m.outcomes) {
    index = std::max(index, o.result.index);
    const bool done = o.result.failure.code == errc::none, blocked = o.result.failure.code == errc::permission;
    if (!done) log::warn("agent", "Syncing the catalog {}: error=\"{}\"", blocked ? "is blocked by ACLs" : "failed", o.result.failure.text);
    // What ACLs forbid counts as done until the next comparison: trying again at once would not help.
    sync_->finished(*local_, o.id, done || blocked, t);
    if (blocked) (void)sync_->drain_log();
  }
  sync_->batch_took(t - sent_at_);
  catalog_told(index);
  deliver();
  for (auto& line : sync_->drain_log()) log::info("agent", "{}", line);
  (void)perform_effects();
}

void agent_state::ticked(uint64_t generation) {
  if (generation == config_was_read) return config_read();
  if (generation == agent_compares_soon) {
    sync_->compare_soon(now());
    return arm(now());
  }
  if (generation != generation_) return;
  armed_for_ = nanos::max();
  const nanos t = now();
  local_->tick(t);
  look_at_remote_aliases(t);
  answers_.tick(t);
  look_at_applied();
  (void)perform_effects();
  deliver();
}

// ---- effects ----------------------------------------------------------------------------------------------------

error agent_state::perform_effects() {
  asked_for_ = std::exchange(local_->untold, {});
  auto effects = local_->drain();
  // Alone, a change is told before anything else is done about it: the servers take longest.
  if (std::exchange(alone_, false)) synchronize(now(), true);
  std::vector<file_change> files;
  for (auto& e : effects) perform(e, files);
  error kept;
  if (!files.empty() && journal_) kept = keep(std::move(files));
  const nanos t = now();
  publish();
  wake_waiters(t);
  write_files(t);
  if (!flush_due_) synchronize(t, answers_.wait_for_catalog());
  arm(t);
  return kept;
}

void agent_state::perform(effect& e, std::vector<file_change>& files) {
  auto check = local_->checks().find(e.id);
  auto service = local_->services().find(e.id);
  switch (e.kind) {
    case effect_kind::run_check:
      if (health_ && check != local_->checks().end())
        caf::anon_send(caf::actor_cast<caf::actor>(health_->address()), check_start{e.id, check->second.how});
      break;
    case effect_kind::stop_check:
      if (health_ && (check == local_->checks().end() || !is_run(check->second))) caf::anon_send(caf::actor_cast<caf::actor>(health_->address()), check_stop{e.id});
      break;
    case effect_kind::save_service:
      if (service != local_->services().end()) files.push_back({service_path(e.id), service_file(service->second)});
      break;
    case effect_kind::forget_service: files.push_back({service_path(e.id), std::nullopt}); break;
    case effect_kind::save_check:
      if (check != local_->checks().end()) files.push_back({check_path(e.id), check_file(check->second)});
      break;
    case effect_kind::forget_check:
      files.push_back({check_path(e.id), std::nullopt});
      files.push_back({check_state_path(e.id), std::nullopt});
      break;
    case effect_kind::forget_check_definition: files.push_back({check_path(e.id), std::nullopt}); break;
    case effect_kind::save_check_state:
      if (broken(rule::ttl_state_kept)) break;
      if (check != local_->checks().end()) {
        file_change f{check_state_path(e.id), check_state_file(*check->second.record, e.expires)};
        // Said again within the same second: the journal has it, or is about to.
        auto same = unwritten_.find(f.path);
        if (!journal_lacks_ && same != unwritten_.end() && same->second == f.content) break;
        files.push_back(std::move(f));
      }
      break;
    case effect_kind::log_info: log::info("agent", "{}", e.text); break;
    case effect_kind::log_warn: log::warn("agent", "{}", e.text); break;
  }
}

void agent_state::publish() {
  for (auto& id : local_->changed_services) {
    auto it = local_->services().find(id);
    deps_.board->put_service(id, it == local_->services().end() ? nullptr : it->second.record);
  }
  for (auto& id : local_->changed_checks) {
    auto it = local_->checks().find(id);
    deps_.board->put_check(id, it == local_->checks().end() ? nullptr : it->second.record);
  }
  local_->changed_checks.clear();
}

void agent_state::wake_waiters(nanos t) {
  answer_waiters(waiters_.take_over(t));
  for (auto& id : local_->changed_services) {
    if (waiters_.waits_for(id)) answer_waiters(waiters_.take_changed(id, hash_of(id)));
    if (!waiters_.waits_for(id)) hashes_.erase(id);
  }
  local_->changed_services.clear();
}

void agent_state::answer_waiters(const std::vector<uint64_t>& over) {
  for (const auto number : over)
    if (auto node = waiting_.extract(number)) node.mapped().deliver(agent_done{});
}

const std::string& agent_state::hash_of(const std::string& service_id) {
  static const std::string none;
  const auto it = local_->services().find(service_id);
  if (it == local_->services().end()) return none;
  auto& known = hashes_[service_id];
  if (known.of != it->second.record) known = {it->second.record, content_hash(*it->second.record)};
  return known.hash;
}

// A registration whose file does not parse is still one: whatever the catalog has of it stays, until it is registered again. Of a
// damaged journal nobody knows whose registrations it lost: nothing that the catalog has of this node is taken back in this run.
void agent_state::leave_out_unusable(catalog_picture& p) const {
  if (journal_ && journal_->was_damaged()) {
    std::erase_if(p.checks, [&](auto& c) { return c.check_id != serf_health_id && !local_->checks().contains(c.check_id) && !local_->removed_checks.contains(c.check_id); });
    std::erase_if(p.services, [&](auto& s) { return s.id != consul_service_id && !local_->services().contains(s.id) && !local_->removed_services.contains(s.id); });
    return;
  }
  if (unusable_.empty()) return;
  std::erase_if(p.checks, [&](auto& c) {
    return !local_->checks().contains(c.check_id) && !local_->removed_checks.contains(c.check_id) && (unusable_.contains(check_path(c.check_id)) || unusable_.contains(service_path(c.service_id)));
  });
  std::erase_if(p.services, [&](auto& s) { return !local_->services().contains(s.id) && !local_->removed_services.contains(s.id) && unusable_.contains(service_path(s.id)); });
}

void agent_state::compare_with_catalog(nanos t) {
  if (asks_servers()) return compare_remotely(t);
  if (!views_) return compared({}, t); // nothing is known of the catalog: tell it everything
  catalog_picture picture;
  query_meta meta;
  auto view = views_->open();
  picture.node = view.node(config_.node_name, meta);
  if (auto all = view.services_of_node(config_.node_name, meta); all && picture.node) picture.services = std::move(all->services);
  picture.checks = view.checks_of_node(config_.node_name, meta);
  if (view.failed()) {
    log::err("agent.anti_entropy", "failed to sync remote state: error=\"{}\"", view.failure().text);
    return sync_->compare_failed(t);
  }
  leave_out_unusable(picture);
  compared(picture, t);
}

void agent_state::compared(const catalog_picture& picture, nanos t) {
  sync_->compare(*local_, picture, t);
  local_->untold.clear(); // differences that nobody waits for
  answers_.compared(*local_);
}

// Nothing is told to a catalog that nobody leads, nor by who leaves: the leader takes it out when the pool says so, and what is told
// after that would bring it back for good. And a server lets the leader register its node first, so that clients
// see the indexes in Consul's order; not for ever, since the leader may not see it in its pool.
bool agent_state::may_synchronize(nanos t) {
  const bool leaving = deps_.leaving && *deps_.leaving && !broken(rule::leaver_is_silent);
  if (leaving || !knows_leader() || deps_.status->catching_up) return false; // what the state lacks then, the catalog may have
  if (node_there_ || !config_.server || !deps_.cluster.lan || !views_) return true;
  if (led_since_.count() == 0) led_since_ = t;
  query_meta ignored;
  node_there_ = t - led_since_ > leader_patience || views_->open().node(config_.node_name, ignored).has_value();
  return node_there_;
}

void agent_state::synchronize(nanos t, bool somebody_waits) {
  const bool led = may_synchronize(t);
  answers_.servers_there(led, t);
  if (sent_at_.count() != 0 && t - sent_at_ > answer_patience) sync_->give_up(*local_, t);
  if (!led || comparing_ || !sync_->may_send(t) || (t < last_sent_ + between_batches && !somebody_waits)) return;
  // Nothing goes out before the first comparison: what was kept would undo what others said of it. Whoever waits does not wait for its time.
  if (sync_->full_sync_due(t) || (somebody_waits && !sync_->knows_catalog())) compare_with_catalog(t);
  if (comparing_ || !sync_->knows_catalog()) return;
  (void)local_->drain(); // marks only
  if (!sync_->has_work(*local_)) return;
  const auto batch = sync_->take_batch(*local_);
  if (batch.empty()) return;
  sent_at_ = last_sent_ = t;
  if (asks_servers()) return tell_servers(batch);
  proposals p;
  for (auto& c : batch)
    p.batch.push_back({c.number, c.add ? encode_command(command_kind::catalog_register, *c.add)
                                       : encode_command(command_kind::catalog_deregister, *c.remove)});
  p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(self_);
  caf::anon_send(deps_.router, std::move(p));
}

// Aliases of another node's service (or of a node as a whole) read the catalog, every other second.
void agent_state::look_at_remote_aliases(nanos t) {
  if (t < alias_at_) return;
  alias_at_ = t + 2s;
  if (asks_servers()) return look_at_aliases_remotely();
  if (!local_->has_remote_aliases() || !views_ || deps_.status->catching_up) return;
  for (auto& [node, aliases] : aliases_by_node()) {
    auto view = views_->open();
    query_meta meta;
    catalog_picture there;
    if (auto all = view.services_of_node(node, meta)) there.services = std::move(all->services);
    there.checks = view.checks_of_node(node, meta);
    if (view.failed()) continue;
    for (auto& a : aliases) settle_alias(a, there, t);
  }
}

std::map<std::string, std::vector<local_state::remote_alias>> agent_state::aliases_by_node() const {
  std::map<std::string, std::vector<local_state::remote_alias>> by_node;
  for (auto& a : local_->remote_aliases()) by_node[a.node].push_back(a);
  return by_node;
}

void agent_state::settle_alias(const local_state::remote_alias& a, const catalog_picture& of_node, nanos t) {
  alias_verdict v{std::string(health_passing), "No checks found."};
  bool service_there = a.service.empty();
  for (auto& s : of_node.services) service_there |= s.id == a.service;
  if (!service_there) v = {std::string(health_critical), "Service " + a.service + " could not be found on node " + a.node};
  for (auto& c : of_node.checks) {
    if (v.status == health_critical) break;
    if (c.check_id == a.check_id || (!c.service_id.empty() && c.service_id != a.service)) continue;
    if (c.status == health_critical || (c.status == health_warning && v.status == health_passing))
      v = {c.status, "Aliased check \"" + c.name + "\" failing: " + c.output};
    else if (v.status == health_passing) v.output = "All checks passing.";
  }
  local_->alias_saw(a.check_id, v, t);
}

void agent_state::arm(nanos t) {
  if (flush_due_) return; // and comes here again
  // What waits for servers puts off nothing else.
  nanos of_catalog = sync_->next_deadline(*local_);
  const bool led = may_synchronize(t);
  if (comparing_ && of_catalog <= t) of_catalog = t + answer_patience;
  if (!led && of_catalog <= t) of_catalog = t + (asks_servers() ? server_poll : leader_poll);
  if (of_catalog <= t) of_catalog = last_sent_ + between_batches;
  nanos next = std::min(local_->next_deadline(), of_catalog);
  for (auto at : {journal_sync_at_, persister_busy_ ? nanos(0) : write_at_})
    if (at.count() != 0) next = std::min(next, at);
  next = std::min({next, waiters_.next_deadline(), answers_.next_deadline()});
  if (!told_ahead_.empty()) next = std::min(next, t + applied_poll);
  if (!sync_->may_send(t)) next = std::min(next, std::max(sent_at_ + answer_patience, t + 1s));
  if (local_->has_remote_aliases()) next = std::min(next, alias_at_);
  if (next == nanos::max() || next >= armed_for_) return;
  next = std::max(next, t + 1ms);
  armed_for_ = next;
  self_->delayed_send(self_, next - t, agent_ticked{++generation_});
}

} // namespace actord::agent
