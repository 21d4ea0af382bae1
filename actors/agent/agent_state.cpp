#include "actors/agent/agent_state.hpp"
#include "actors/messages/client_messages.hpp"
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

constexpr nanos quiet_before_write = 150ms; // files wait for a pause in the registrations…
constexpr nanos longest_before_write = 2s;  // …but not longer
constexpr nanos journal_sync_delay = 5ms;   // for check states, which nobody waits for
constexpr nanos answer_patience = 30s;      // then a batch counts as failed
constexpr nanos most_leave_time = 20s;      // two broadcasts of at most 5 s, and 3 s for the news to spread
constexpr nanos leader_poll = 25ms, server_poll = 1s, leader_patience = 5s;
constexpr nanos between_batches = 10ms; // to the catalog: the first goes at once, a stream of registrations shares Raft entries

int64_t unix_now() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

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
  s.meta["non_voter"] = config.non_voting_server ? "true" : "false";
  s.meta["raft_version"] = std::to_string(config.raft_protocol);
  s.meta["serf_protocol_current"] = "2";
  s.meta["serf_protocol_min"] = "1";
  s.meta["serf_protocol_max"] = "5";
  s.meta["version"] = consul_version;
  return me;
}

nanos agent_state::now() const { return std::chrono::duration_cast<nanos>(self_->clock().now().time_since_epoch()); }

node_identity agent_state::own_identity() const {
  auto me = identity_of(config_);
  if (deps_.cluster.lan) me.server.reset(); // the leader registers the members of the pool, this one among them
  return me;
}

error agent_state::begin(const node_config& config, agent_deps deps) {
  config_ = config;
  deps_ = std::move(deps);
  if (!deps_.board) deps_.board = std::make_shared<agent_board>();
  std::random_device entropy;
  const uint64_t seed = (uint64_t{entropy()} << 32) | entropy();
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
  if (!config.data_dir.empty()) {
    auto opened = journal::open(config.data_dir);
    if (opened) {
      journal_ = std::make_unique<journal>(std::move(*opened));
      persister_ = self_->spawn<caf::detached + caf::linked>(persister, config.data_dir, me);
    } else log::err("agent", "Registrations will not be kept: error=\"{}\"", opened.err().text);
  }
  if (deps_.start_checks) {
    auto started = deps_.start_checks(self_->system(), me, seed + 2);
    if (started) health_ = std::move(*started);
    else log::err("agent", "Checks will not run: error=\"{}\"", started.err().text);
  }

  // Whoever does not start must not touch what is kept: it would miss what it was kept for.
  if (auto e = load_file_services(config); e.code != errc::none) return e;
  if (journal_) restore_services(config.data_dir, *local_);
  if (auto e = load_file_checks(config); e.code != errc::none) return e;
  if (journal_) restore_checks(config.data_dir, *local_, now(), unix_now());
  (void)perform_effects();
  return {};
}

agent_state::~agent_state() {
  health_.reset(); // first: nothing may run or report any more
  // What only the journal holds goes into its files, so that a stopped node leaves Consul's layout behind. Not while
  // the persister may still write older contents; the journal has it all then.
  if (journal_ && !persister_busy_) {
    std::vector<file_change> rest;
    for (auto& [path, content] : unwritten_) rest.push_back({path, std::move(content)});
    if (apply_changes(config_.data_dir, rest)) journal_->settled(sequence_);
  }
}

// ---- requests ---------------------------------------------------------------------------------------------------

agent_done agent_state::finish(error e) {
  error kept = perform_effects();
  return {e.code != errc::none ? std::move(e) : std::move(kept)};
}

caf::result<agent_done> agent_state::add_service(service_add& m) {
  registration fresh{m.service.id.empty() ? m.service.name : m.service.id, false};
  if (local_->services().contains(fresh.id)) fresh.id.clear();
  error e = local_->add_service(m.service, source::api, m.token, m.replace_existing_checks, now());
  if (e.code != errc::none) return finish(std::move(e));
  error kept = perform_effects();
  if (kept.code != errc::none) undo(fresh);
  return when_durable({std::move(kept)}, std::move(fresh));
}
agent_done agent_state::remove_service(const service_remove& m) { return finish(local_->remove_service(m.id)); }
caf::result<agent_done> agent_state::add_check(check_add& m) {
  registration fresh{m.check.id.empty() ? m.check.name : m.check.id, true};
  if (local_->checks().contains(fresh.id)) fresh.id.clear();
  error e = local_->add_check(m.check, source::api, m.token, now());
  if (e.code != errc::none) return finish(std::move(e));
  error kept = perform_effects();
  if (kept.code != errc::none) undo(fresh);
  return when_durable({std::move(kept)}, std::move(fresh));
}
agent_done agent_state::remove_check(const check_remove& m) { return finish(local_->remove_check(m.id)); }
agent_done agent_state::update_ttl(check_ttl_update& m) {
  return finish(local_->ttl_update(m.id, m.status, std::move(m.output), now(), unix_now()));
}
agent_done agent_state::set_maintenance(const maintenance_set& m) {
  return finish(m.node ? local_->set_node_maintenance(m.enable, m.reason) : local_->set_service_maintenance(m.service_id, m.enable, m.reason));
}

error agent_state::load_file_services(const node_config& config) {
  std::vector<service_definition> services;
  for (auto& text : config.services) {
    service_definition d;
    if (auto s = from_json(service_to_api_json(text), d, {.allow_unknown = true}); !s)
      return {errc::internal, "Failed to register service at " + text.where() + ": " + s.err().text};
    services.push_back(std::move(d));
  }
  return local_->replace_file_services(services, now());
}

error agent_state::load_file_checks(const node_config& config) {
  std::vector<check_registration> checks;
  for (auto& text : config.checks) {
    check_registration c;
    if (auto s = from_json(check_to_api_json(text), c, {.allow_unknown = true}); !s)
      return {errc::internal, "Failed to register check at " + text.where() + ": " + s.err().text};
    checks.push_back(std::move(c));
  }
  return local_->replace_file_checks(checks, now());
}

agent_done agent_state::reload() {
  log::info("agent", "Reloading configuration...");
  if (!deps_.reload) return {};
  auto fresh = deps_.reload();
  if (!fresh) {
    log::err("agent", "Failed to reload configs: error=\"{}\"", fresh.err().text);
    return {fresh.err()};
  }
  error e = load_file_services(*fresh);
  if (e.code != errc::none) e.text.insert(0, "Failed reloading services: ");
  error of_checks = load_file_checks(*fresh);
  if (e.code == errc::none && of_checks.code != errc::none) {
    e = std::move(of_checks);
    e.text.insert(0, "Failed reloading checks: ");
  }
  config_.services = fresh->services;
  config_.checks = fresh->checks;
  if (config_.node_meta != fresh->node_meta) {
    config_.node_meta = fresh->node_meta;
    deps_.board->put_node_meta(config_.node_meta);
    sync_->change_identity(own_identity());
  }
  return finish(std::move(e));
}

// As Consul does: out of the pool of servers, then out of our own; whoever asked is answered when that is over.
caf::result<agent_done> agent_state::leave() {
  log::info("agent", "Leaving: the agent stops");
  auto promise = self_->make_response_promise<agent_done>();
  auto stop = [this, promise]() mutable {
    promise.deliver(agent_done{});
    // After the answer is out: a stopping front would cut it off.
    if (deps_.stop_node) self_->delayed_send(self_, 50ms, agent_ticked{~uint64_t{0}});
  };
  auto leave_then = [this](const pool_handle& pool, std::function<void()> then) {
    if (!pool) return then();
    self_->request(pool, most_leave_time, pool_leave{}).then([then](const agent_done&) { then(); }, [then](const caf::error&) { then(); });
  };
  leave_then(deps_.cluster.wan, [this, leave_then, stop] { leave_then(deps_.cluster.lan, stop); });
  return promise;
}

caf::result<agent_done> agent_state::watch_service(service_watch& m) {
  auto it = local_->services().find(m.id);
  if (m.wait.count() <= 0 || it == local_->services().end() || content_hash(*it->second.record) != m.hash) return agent_done{};
  auto promise = self_->make_response_promise<agent_done>();
  waiters_.push_back({std::move(m.id), std::move(m.hash), now() + m.wait, promise});
  arm(now());
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
  for (auto& o : m.outcomes) {
    const bool done = o.result.failure.code == errc::none, blocked = o.result.failure.code == errc::permission;
    if (!done) log::warn("agent", "Syncing the catalog {}: error=\"{}\"", blocked ? "is blocked by ACLs" : "failed", o.result.failure.text);
    // What ACLs forbid counts as done until the next comparison: trying again at once would not help.
    sync_->finished(*local_, o.id, done || blocked, t);
    if (blocked) (void)sync_->drain_log();
  }
  for (auto& line : sync_->drain_log()) log::info("agent", "{}", line);
  (void)perform_effects();
}

void agent_state::ticked(uint64_t generation) {
  if (generation == ~uint64_t{0}) return deps_.stop_node();
  if (generation == agent_compares_soon) {
    sync_->compare_soon(now());
    return arm(now());
  }
  if (generation != generation_) return;
  armed_for_ = nanos::max();
  const nanos t = now();
  local_->tick(t);
  look_at_remote_aliases(t);
  (void)perform_effects();
}

void agent_state::files_settled(uint64_t sequence) {
  persister_busy_ = false;
  if (journal_) journal_->settled(sequence);
  (void)perform_effects();
}

// ---- effects ----------------------------------------------------------------------------------------------------

error agent_state::perform_effects() {
  std::vector<file_change> files;
  for (auto& e : local_->drain()) perform(e, files);
  error kept;
  if (!files.empty() && journal_) kept = keep(std::move(files));
  const nanos t = now();
  publish();
  wake_waiters(t);
  write_files(t);
  synchronize(t);
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
      if (health_ && check == local_->checks().end()) caf::anon_send(caf::actor_cast<caf::actor>(health_->address()), check_stop{e.id});
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
    case effect_kind::save_check_state:
      if (check != local_->checks().end()) files.push_back({check_state_path(e.id), check_state_file(*check->second.record, e.expires)});
      break;
    case effect_kind::catalog_differs: break; // synchronize() looks
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
  std::erase_if(waiters_, [&](waiter& w) {
    if (t < w.until && local_->changed_services.contains(w.id)) {
      auto it = local_->services().find(w.id);
      if (it != local_->services().end() && content_hash(*it->second.record) == w.hash) return false;
    } else if (t < w.until) return false;
    w.promise.deliver(agent_done{});
    return true;
  });
  local_->changed_services.clear();
}

error agent_state::keep(std::vector<file_change> files) {
  const nanos t = now();
  sequence_ += files.size();
  error failure;
  if (auto s = journal_->append(files, sequence_); !s) {
    failure = s.err();
    log::err("agent", "Failed to keep a registration: error=\"{}\"", failure.text);
  }
  else if (journal_failed_) failure = sync_journal(); // what nobody waits for is told, too
  for (auto& f : files) unwritten_[f.path] = std::move(f.content);
  if (journal_sync_at_.count() == 0) journal_sync_at_ = t + journal_sync_delay;
  if (write_at_.count() == 0) oldest_unwritten_ = t;
  write_at_ = std::min(t + quiet_before_write, oldest_unwritten_ + longest_before_write);
  return failure;
}

caf::result<agent_done> agent_state::when_durable(agent_done d, registration fresh) {
  if (d.failure.code != errc::none || !journal_ || journal_->synced()) return d;
  auto promise = self_->make_response_promise<agent_done>();
  if (unsynced_.empty()) self_->send(self_, journal_flush{}); // behind every registration that waits in the mailbox
  unsynced_.push_back({promise, std::move(fresh)});
  return promise;
}

void agent_state::flush_journal() {
  agent_done done{sync_journal()};
  auto waiting = std::move(unsynced_);
  unsynced_.clear();
  for (auto& w : waiting) {
    if (done.failure.code != errc::none) undo(w.fresh);
    w.promise.deliver(done);
  }
}

error agent_state::sync_journal() {
  journal_sync_at_ = nanos(0);
  auto s = journal_->sync();
  journal_failed_ = !s;
  if (s) return {};
  log::err("agent", "Failed to keep a registration: error=\"{}\"", s.err().text);
  return s.err();
}

// What would not survive a restart is not registered; what was there before stays with its new face.
void agent_state::undo(const registration& fresh) {
  if (fresh.id.empty()) return;
  const error e = fresh.is_check ? local_->remove_check(fresh.id) : local_->remove_service(fresh.id);
  if (e.code == errc::none) (void)perform_effects();
}

void agent_state::write_files(nanos t) {
  if (!journal_) return;
  if (journal_sync_at_.count() != 0 && t >= journal_sync_at_) {
    (void)sync_journal();
  }
  if (write_at_.count() == 0 || t < write_at_ || persister_busy_) return;
  write_at_ = nanos(0);
  persister_busy_ = true;
  files_write w{{}, sequence_};
  w.changes.reserve(unwritten_.size());
  for (auto& [path, content] : unwritten_) w.changes.push_back({path, std::move(content)});
  unwritten_.clear();
  caf::anon_send(persister_, std::move(w));
}

void agent_state::compare_with_catalog(nanos t) {
  if (asks_servers()) return compare_remotely(t);
  if (!views_) return sync_->compare(*local_, {}, t); // nothing is known of the catalog: tell it everything
  catalog_picture picture;
  query_meta meta;
  auto view = views_->open();
  picture.node = view.node(config_.node_name, meta);
  if (auto all = view.services_of_node(config_.node_name, meta); all && picture.node) picture.services = std::move(all->services);
  picture.checks = view.checks_of_node(config_.node_name, meta);
  sync_->compare(*local_, picture, t);
}

// Nothing is told to a catalog that nobody leads. And a server lets the leader register its node first, so that clients
// see the indexes in Consul's order; not for ever, since the leader may not see it in its pool.
bool agent_state::may_synchronize(nanos t) {
  if (!deps_.status || !(deps_.status->leader || deps_.status->known_leader)) return false;
  if (node_there_ || !config_.server || !deps_.cluster.lan || !views_) return true;
  if (led_since_.count() == 0) led_since_ = t;
  query_meta ignored;
  node_there_ = t - led_since_ > leader_patience || views_->open().node(config_.node_name, ignored).has_value();
  return node_there_;
}

void agent_state::synchronize(nanos t) {
  const bool led = may_synchronize(t);
  if (sent_at_.count() != 0 && t - sent_at_ > answer_patience) sync_->give_up(*local_, t);
  if (!led || comparing_ || !sync_->may_send(t) || t < last_sent_ + between_batches) return;
  if (sync_->full_sync_due(t)) compare_with_catalog(t);
  if (comparing_) return;
  (void)local_->drain(); // marks only
  if (!sync_->has_work(*local_)) return;
  proposals p;
  for (auto& c : sync_->take_batch(*local_))
    p.batch.push_back({c.number, c.add ? encode_command(command_kind::catalog_register, *c.add)
                                       : encode_command(command_kind::catalog_deregister, *c.remove)});
  if (p.batch.empty()) return;
  p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(self_);
  sent_at_ = last_sent_ = t;
  caf::anon_send(deps_.router, std::move(p));
}

// Aliases of another node's service (or of a node as a whole) read the catalog, every other second.
void agent_state::look_at_remote_aliases(nanos t) {
  if (t < alias_at_) return;
  alias_at_ = t + 2s;
  if (asks_servers()) return look_at_aliases_remotely();
  if (!views_) return;
  for (auto& a : local_->remote_aliases()) {
    auto view = views_->open();
    query_meta meta;
    catalog_picture there;
    if (auto all = view.services_of_node(a.node, meta)) there.services = std::move(all->services);
    there.checks = view.checks_of_node(a.node, meta);
    settle_alias(a, there, t);
  }
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
  nanos next = std::min(local_->next_deadline(), sync_->next_deadline(*local_));
  const bool led = may_synchronize(t);
  if (comparing_ && next <= t) next = t + answer_patience;
  if (!led && next <= t) next = t + (asks_servers() ? server_poll : leader_poll);
  if (next <= t) next = last_sent_ + between_batches;
  for (auto at : {journal_sync_at_, persister_busy_ ? nanos(0) : write_at_})
    if (at.count() != 0) next = std::min(next, at);
  for (auto& w : waiters_) next = std::min(next, w.until);
  if (!sync_->may_send(t)) next = std::min(next, std::max(sent_at_ + answer_patience, t + 1s));
  if (!local_->remote_aliases().empty()) next = std::min(next, alias_at_);
  if (next == nanos::max() || next >= armed_for_) return;
  next = std::max(next, t + 1ms);
  armed_for_ = next;
  self_->delayed_send(self_, next - t, agent_ticked{++generation_});
}

} // namespace actord::agent
