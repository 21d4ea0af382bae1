#include "actors/agent/core/local_state.hpp"
#include "actors/agent/core/service_rules.hpp"
#include <algorithm>
#include <cctype>

namespace actord::agent {

namespace {
constexpr std::string_view default_node_reason =
    "Maintenance mode is enabled for this node, but no reason was provided. This is a default message.";
constexpr std::string_view default_service_reason =
    "Maintenance mode is enabled for this service, but no reason was provided. This is a default message.";

bool is_local_alias(const local_check& c) {
  return c.how && c.record->type == "alias" && c.how->alias_node.empty();
}
bool is_remote_alias(const local_check& c) {
  return c.how && c.record->type == "alias" && !c.how->alias_node.empty();
}
} // namespace

local_state::local_state(local_state_options o, prng random) : o_(std::move(o)), random_(random) {}

void local_state::emit(effect_kind k, std::string id, std::string text, int64_t expires) {
  effects_.push_back({k, std::move(id), std::move(text), expires});
}

std::vector<effect> local_state::drain() { return std::exchange(effects_, {}); }

const std::set<std::string, std::less<>>* local_state::checks_of(std::string_view service) const {
  auto it = checks_by_service_.find(service);
  return it == checks_by_service_.end() ? nullptr : &it->second;
}

// ---- services ---------------------------------------------------------------------------------------------------

void local_state::warn_about_dns(const node_service& s) {
  auto dns_safe = [](std::string_view n) {
    return !n.empty() && std::all_of(n.begin(), n.end(), [](unsigned char c) { return std::isalnum(c) || c == '-'; });
  };
  if (!dns_safe(s.service))
    emit(effect_kind::log_warn, s.id,
         "Service name will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.: service=" + s.service);
  else if (s.service.size() > 63)
    emit(effect_kind::log_warn, s.id,
         "Service name will not be discoverable via DNS due to it being too long. Valid lengths are between 1 and 63 bytes.: service=" + s.service);
}

void local_state::put_service(node_service s, source from, const std::string& token) {
  const std::string id = s.id;
  auto& slot = services_[id];
  slot.record = std::make_shared<const node_service>(std::move(s));
  slot.token = token;
  slot.from = from;
  changed_services.insert(id);
  removed_services.erase(id);
  mark_service(id, false);
}

void local_state::mark_service(const std::string& id, bool in_sync) {
  auto it = services_.find(id);
  if (it == services_.end()) return;
  it->second.in_sync = in_sync;
  if (in_sync) dirty_services.erase(id);
  else {
    it->second.version = ++changes_;
    dirty_services.insert(id);
    untold.push_back({false, id, changes_});
  }
}

// Asked for again: whoever asks waits for it as well.
void local_state::still_untold(bool is_check, const std::string& id) {
  const bool untold_yet = is_check ? dirty_checks.contains(id) || removed_checks.contains(id) : removed_services.contains(id);
  if (untold_yet) untold.push_back({is_check, id, changes_});
}

void local_state::mark_check(const std::string& id, bool in_sync) {
  auto it = checks_.find(id);
  if (it == checks_.end()) return;
  it->second.in_sync = in_sync;
  if (in_sync) dirty_checks.erase(id);
  else {
    it->second.version = ++changes_;
    dirty_checks.insert(id);
    untold.push_back({true, id, changes_});
  }
}

void local_state::adopt_tags(const std::string& service, const string_slice& tags) {
  auto it = services_.find(service);
  if (it == services_.end() || it->second.record->tags == tags) return;
  auto next = std::make_shared<node_service>(*it->second.record);
  next->tags = tags;
  it->second.record = std::move(next);
  changed_services.insert(service);
}

error local_state::may_run(const check_registration& c, source from) const {
  if (c.script_args.empty()) return {};
  if (from == source::api && !o_.remote_scripts)
    return {errc::internal, "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"};
  if (from == source::file && !o_.local_scripts && !o_.remote_scripts)
    return {errc::internal, "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"};
  return {};
}

// An id has one owner: who takes it over in silence leaves the other without a check, and so healthy. Consul lets it happen.
error local_state::may_own(const std::string& check_id, const std::string& service) const {
  auto it = checks_.find(check_id);
  if (it == checks_.end() || it->second.record->service_id == service) return {};
  return id_taken(check_id, it->second.record->service_id, service);
}

error local_state::prepare_sidecar(const service_definition& d, const node_service& parent, service_definition& side,
                                   std::vector<check_registration>& checks) const {
  side = complete_sidecar(d, parent);
  auto old = services_.find(side.id);
  if (side.port == 0 && old != services_.end() && old->second.record->locally_registered_as_sidecar) side.port = old->second.record->port;
  if (side.port == 0) {
    std::set<int64_t> used;
    for (auto& [id, s] : services_) used.insert(s.record->port);
    for (int p = o_.sidecar_min_port; p > 0 && p <= o_.sidecar_max_port && side.port == 0; ++p)
      if (!used.contains(p)) side.port = p;
    if (side.port == 0)
      return {errc::internal, "Bad request: none left in the configured range [" + std::to_string(o_.sidecar_min_port) + ", " +
                                  std::to_string(o_.sidecar_max_port) + "]"};
  }
  checks = agent::checks_of(side);
  for (auto& c : checks)
    if (auto s = validate_check(c); !s) return {errc::internal, "Bad request: Invalid check in sidecar_service: " + s.err().text};
  if (checks.empty()) checks = default_sidecar_checks(instance_of(side), parent.id);
  if (auto s = validate_service(side); !s) return s.err();
  return {};
}

error local_state::add_service(const service_definition& d, source from, const std::string& token, bool replace_checks, nanos now) {
  error e = add_service_and_sidecar(d, from, token, replace_checks, now);
  settle_aliases(now);
  return e;
}

// Before anything is changed: the ids of all checks that the registration brings.
error local_state::may_own_all(const node_service& own, const std::vector<check_registration>& checks, const node_service* side,
                               const std::vector<check_registration>& side_checks) const {
  const auto ids = check_ids(own, checks);
  for (auto& id : ids)
    if (auto e = may_own(id, own.id); e.code != errc::none) return e;
  if (!side) return {};
  const std::set<std::string_view> brought(ids.begin(), ids.end());
  for (auto& id : check_ids(*side, side_checks)) {
    if (brought.contains(id)) return id_taken(id, own.id, side->id);
    if (auto e = may_own(id, side->id); e.code != errc::none) return e;
  }
  return {};
}

error local_state::add_service_and_sidecar(const service_definition& d, source from, const std::string& token, bool replace_checks, nanos now) {
  if (auto s = from == source::file ? validate_file_service(d) : validate_service(d); !s) return s.err();
  const node_service own = instance_of(d);
  const auto checks = agent::checks_of(d);
  for (auto& c : checks)
    if (auto e = may_run(c, from); e.code != errc::none) return e;
  service_definition side;
  std::vector<check_registration> side_checks;
  const bool has_side = d.connect && d.connect->sidecar_service;
  if (has_side) {
    if (auto e = prepare_sidecar(d, own, side, side_checks); e.code != errc::none) return e;
    for (auto& c : side_checks)
      if (auto e = may_run(c, from); e.code != errc::none) return e;
  }
  node_service beside = has_side ? instance_of(side) : node_service{};
  beside.locally_registered_as_sidecar = true;
  if (auto e = may_own_all(own, checks, has_side ? &beside : nullptr, side_checks); e.code != errc::none) return e;
  if (auto e = add_with_checks(own, checks, from, token, replace_checks, now); e.code != errc::none) return e;
  if (!has_side) return {};
  return add_with_checks(beside, side_checks, from, side.token.empty() ? token : side.token, replace_checks, now);
}

error local_state::add_with_checks(const node_service& s, const std::vector<check_registration>& checks, source from,
                                   const std::string& token, bool replace_checks, nanos now) {
  warn_about_dns(s);
  put_service(s, from, token);
  if (from == source::api) emit(effect_kind::save_service, s.id);
  else emit(effect_kind::forget_service, s.id);
  const auto ids = check_ids(s, checks);
  for (size_t i = 0; i < checks.size(); ++i) {
    const check_registration& c = checks[i];
    health_check record;
    record.check_id = ids[i];
    record.name = c.name.empty() ? "Service '" + s.service + "' check" : c.name;
    record.status = c.status.empty() ? health_critical : std::string_view(c.status);
    record.notes = c.notes;
    record.service_id = s.id;
    record.service_name = s.service;
    record.service_tags = s.tags;
    if (auto e = put_check(std::move(record), c, from, token, now); e.code != errc::none) return e;
  }
  const std::set<std::string_view> brought(ids.begin(), ids.end());
  if (replace_checks)
    if (auto* mine = checks_of(s.id)) {
      const auto all = *mine;
      for (auto& id : all) {
        const auto& other = checks_.at(id);
        // A file replaces what it defined, and nothing else.
        const bool theirs = from == source::file && (other.from != source::file || other.stands_alone);
        if (!brought.contains(id) && !theirs && !id.starts_with(service_maintenance_prefix)) drop_check(id);
      }
    }
  if (followers_.contains(s.id)) followers_look(s.id, now);
  return {};
}

void local_state::drop_service(const std::string& id) {
  auto it = services_.find(id);
  if (it == services_.end()) return;
  const bool from_api = it->second.from != source::file;
  if (auto* mine = checks_of(id)) {
    const auto all = *mine;
    for (auto& c : all) drop_check(c);
  }
  services_.erase(it);
  changed_services.insert(id);
  dirty_services.erase(id);
  removed_services.insert(id);
  untold.push_back({false, id, ++changes_});
  if (from_api) emit(effect_kind::forget_service, id);
  emit(effect_kind::log_info, id, "Deregistered service: service=" + id);
  if (auto f = followers_.find(id); f != followers_.end()) restless_aliases_.insert(f->second.begin(), f->second.end());
}

error local_state::remove_service(const std::string& id) {
  if (id.empty()) return {errc::internal, "ServiceID missing"};
  if (services_.contains(id)) drop_service(id);
  else if (!drop_lost(false, id)) {
    emit(effect_kind::log_warn, id, "Failed to deregister service: service=" + id + " error=\"Service does not exist\"");
    still_untold(false, id);
    return {};
  }
  const std::string side = id + "-sidecar-proxy";
  if (auto it = services_.find(side); it != services_.end() && it->second.record->locally_registered_as_sidecar) drop_service(side);
  settle_aliases(last_now_);
  return {};
}

bool local_state::drop_lost(bool is_check, const std::string& id) {
  if (!may_be_lost || !may_be_lost(is_check, id)) return false;
  if (is_check) removed_checks.try_emplace(id); // whose it was is not known
  else removed_services.insert(id);
  untold.push_back({is_check, id, ++changes_});
  emit(is_check ? effect_kind::forget_check : effect_kind::forget_service, id);
  const std::string what = is_check ? "check" : "service";
  emit(effect_kind::log_info, id, "Deregistered " + what + ", of which nothing could be read: " + what + "=" + id);
  return true;
}

bool local_state::restore_service(node_service s, std::string token, bool from_file_source) {
  if (s.id.empty()) s.id = s.service;
  if (s.service.empty() || services_.contains(s.id)) return false;
  if (!s.weights) s.weights = service_weights{};
  put_service(std::move(s), from_file_source ? source::file : source::api, token);
  return true;
}

// ---- checks -----------------------------------------------------------------------------------------------------

error local_state::add_check(const check_registration& c, source from, const std::string& token, nanos now) {
  if (auto s = from == source::file ? validate_file_check(c) : validate_standalone_check(c); !s) return s.err();
  health_check record;
  record.check_id = c.id.empty() ? c.name : c.id;
  record.name = c.name;
  record.status = c.status.empty() ? health_critical : std::string_view(c.status);
  record.notes = c.notes;
  record.service_id = c.service_id;
  const std::string id = record.check_id;
  if (auto e = may_own(id, c.service_id); e.code != errc::none) return e;
  error e = put_check(std::move(record), c, from, token, now);
  if (auto it = checks_.find(id); it != checks_.end() && e.code == errc::none) it->second.stands_alone = from == source::file;
  settle_aliases(now);
  return e;
}

error local_state::put_check(health_check record, check_registration how, source from, const std::string& token, nanos now) {
  if (auto e = may_run(how, from); e.code != errc::none) return e;
  if (!record.service_id.empty()) {
    auto s = services_.find(record.service_id);
    if (s == services_.end()) return {errc::internal, "ServiceID \"" + record.service_id + "\" does not exist"};
    record.service_name = s->second.record->service;
    record.service_tags = s->second.record->tags;
  }
  record.type = check_kind(how);
  const std::string id = record.check_id;
  // Whoever registers it again, and as what: what is known of the check stays, even against an initial status, as in Consul.
  if (auto old = checks_.find(id); old != checks_.end()) {
    record.status = old->second.record->status;
    record.output = old->second.record->output;
  } else if (auto kept = learned_.find(id); kept != learned_.end()) {
    record.status = kept->second->status;
    record.output = kept->second->output;
  }
  if (record.type != "ttl" && record.type != "alias" && how.interval < std::chrono::seconds(1)) how.interval = std::chrono::seconds(1);
  store_check(std::move(record), std::make_shared<const check_registration>(std::move(how)), from, token, now);
  emit(from == source::file ? effect_kind::forget_check_definition : effect_kind::save_check, id);
  return {};
}

void local_state::store_check(health_check record, std::shared_ptr<const check_registration> how, source from, const std::string& token, nanos now) {
  const std::string id = record.check_id;
  record.node = o_.node_name;
  local_check before;
  if (auto old = checks_.find(id); old != checks_.end()) {
    before = std::move(old->second);
    if (before.ttl_deadline.count() != 0) --ttl_checks_, ttl_deadlines_.erase({before.ttl_deadline.count(), id});
    held_outputs_.erase({before.output_held_until.count(), id});
    checks_by_service_[before.record->service_id].erase(id);
    if (is_local_alias(before)) followers_[before.how->alias_service].erase(id);
    if (before.record->service_id != record.service_id) removed_checks[id] = before.record->service_id;
  }
  auto& c = checks_[id];
  c = {};
  c.version = before.version;
  c.how = std::move(how);
  c.token = token;
  c.from = from;
  if (c.how && c.how->deregister_critical_service_after.count() > 0 && !record.service_id.empty()) reapable_.insert(id);
  else reapable_.erase(id);
  if (record.type == "ttl") {
    ++ttl_checks_;
    // Zero stands for "no TTL", hence at least one.
    c.ttl_deadline = std::max(now + c.how->ttl, nanos(1));
    ttl_deadlines_.insert({c.ttl_deadline.count(), id});
  }
  const std::string service = record.service_id;
  c.record = std::make_shared<const health_check>(std::move(record));
  if (is_remote_alias(c)) remote_aliases_.insert(id);
  else remote_aliases_.erase(id);
  checks_by_service_[service].insert(id);
  removed_checks.erase(id);
  changed_checks.insert(id);
  mark_check(id, false);
  if (is_local_alias(c)) {
    followers_[c.how->alias_service].insert(id);
    restless_aliases_.insert(id);
  } else if (is_run(c)) emit(effect_kind::run_check, id);
  if (before.record && is_run(before) && !is_run(c)) emit(effect_kind::stop_check, id);
  followers_look(service, now);
}

void local_state::drop_check(const std::string& id) {
  auto it = checks_.find(id);
  if (it == checks_.end()) return;
  local_check gone = std::move(it->second);
  checks_.erase(it);
  changed_checks.insert(id);
  const std::string service = gone.record->service_id;
  checks_by_service_[service].erase(id);
  if (checks_by_service_[service].empty()) checks_by_service_.erase(service);
  if (gone.ttl_deadline.count() != 0) --ttl_checks_, ttl_deadlines_.erase({gone.ttl_deadline.count(), id});
  held_outputs_.erase({gone.output_held_until.count(), id});
  reapable_.erase(id);
  remote_aliases_.erase(id);
  if (is_local_alias(gone)) followers_[gone.how->alias_service].erase(id);
  restless_aliases_.erase(id);
  dirty_checks.erase(id);
  removed_checks[id] = service;
  if (is_run(gone)) emit(effect_kind::stop_check, id);
  untold.push_back({true, id, ++changes_});
  if (gone.from != source::file) emit(effect_kind::forget_check, id);
  if (service.empty())
    for (auto& [s, all] : followers_) restless_aliases_.insert(all.begin(), all.end());
  else if (auto f = followers_.find(service); f != followers_.end()) restless_aliases_.insert(f->second.begin(), f->second.end());
}

error local_state::remove_check(const std::string& id) {
  if (id.empty()) return {errc::internal, "CheckID missing"};
  if (checks_.contains(id)) drop_check(id);
  else if (!drop_lost(true, id)) still_untold(true, id);
  settle_aliases(last_now_);
  return {};
}

bool local_state::restore_check(health_check c, boxed<check_registration> how, std::string token, source from, nanos now) {
  if (c.check_id.empty() || (!c.service_id.empty() && !services_.contains(c.service_id))) return false;
  if (auto there = checks_.find(c.check_id); there != checks_.end()) {
    const std::string& owner = there->second.record->service_id;
    if (owner == c.service_id) return false;
    // Of a file, which came later: it may not take what was promised. The kept one stays where it is, and nobody starts.
    if (restore_refused_.code == errc::none) {
      restore_refused_ = id_taken(c.check_id, c.service_id, owner);
      restore_refused_.text.insert(0, "Failed to register check '" + there->second.record->name + "': ");
    }
    return true;
  }
  if (how && may_run(*how, from).code != errc::none) return false;
  if (how) {
    if (!validate_check(*how)) return false;
    c.type = check_kind(*how);
    c.status = health_critical; // nothing is known about now; only a TTL's own state file may say better
    c.output.clear();
    if (how->interval.count() > 0 && how->interval < std::chrono::seconds(1)) how->interval = std::chrono::seconds(1);
  } else if (c.type == "ttl") {
    c.type.clear(); // whose time is not known, so nobody can say anything of it, as with Consul
  }
  store_check(std::move(c), how ? std::make_shared<const check_registration>(*how) : nullptr, from, token, now);
  return true;
}

void local_state::restore_check_state(const std::string& id, std::string_view status, std::string_view output) {
  auto it = checks_.find(id);
  if (it == checks_.end() || it->second.record->type != "ttl" || !valid_check_status(status)) return;
  it->second.last_ttl_output = output;
  set_status(it->second, status, std::string(output), last_now_);
}

// ---- maintenance ------------------------------------------------------------------------------------------------

void local_state::add_maintenance(std::string_view id, const node_service* of, std::string_view name, std::string reason) {
  health_check c;
  c.check_id = id;
  c.name = name;
  c.notes = std::move(reason);
  c.status = health_critical;
  c.type = "maintenance";
  if (of) {
    c.service_id = of->id;
    c.service_name = of->service;
    c.service_tags = of->tags;
  }
  store_check(std::move(c), nullptr, source::self, "", nanos(0));
  emit(effect_kind::save_check, std::string(id));
}

error local_state::set_node_maintenance(bool on, std::string_view reason) {
  const std::string id(node_maintenance_id);
  if (on == checks_.contains(id)) {
    if (on || !drop_lost(true, id)) still_untold(true, id);
    return {};
  }
  if (on) {
    add_maintenance(id, nullptr, "Node Maintenance Mode", std::string(reason.empty() ? default_node_reason : reason));
    emit(effect_kind::log_info, id, "Node entered maintenance mode");
  } else {
    drop_check(id);
    emit(effect_kind::log_info, id, "Node left maintenance mode");
  }
  settle_aliases(last_now_);
  return {};
}

error local_state::set_service_maintenance(const std::string& service, bool on, std::string_view reason) {
  auto it = services_.find(service);
  if (it == services_.end()) return {errc::not_found, "No service registered with ID \"" + service + "\""};
  const std::string id = std::string(service_maintenance_prefix) + service;
  if (on == checks_.contains(id)) {
    if (on || !drop_lost(true, id)) still_untold(true, id);
    return {};
  }
  if (on) {
    add_maintenance(id, it->second.record.get(), "Service Maintenance Mode", std::string(reason.empty() ? default_service_reason : reason));
    emit(effect_kind::log_info, id, "Service entered maintenance mode: service=" + service);
  } else {
    drop_check(id);
    emit(effect_kind::log_info, id, "Service left maintenance mode: service=" + service);
  }
  settle_aliases(last_now_);
  return {};
}

// ---- files ------------------------------------------------------------------------------------------------------

namespace {

// Consul's words for a definition in a file that does not hold.
error of_service(const service_definition& d, error e) {
  constexpr std::string_view invalid = "Invalid check: ";
  const bool check = e.text.starts_with(invalid);
  if (check) e.text.erase(0, invalid.size());
  e.text = (check ? "Failed to validate checks for service \"" : "Failed to register service \"") + d.name + "\": " + e.text;
  return e;
}
error of_check(const check_registration& c, error e) {
  e.text = "Failed to register check '" + c.name + "': " + e.text;
  return e;
}

} // namespace

error local_state::replace_file_services(const std::vector<service_definition>& services, nanos now) {
  error first;
  std::set<std::string> before;
  for (auto& [id, s] : services_) if (s.from == source::file) before.insert(id);
  for (auto& d : services) {
    const node_service own = instance_of(d);
    if (auto e = add_service(d, source::file, d.token, true, now); e.code != errc::none && first.code == errc::none) first = of_service(d, std::move(e));
    before.erase(own.id);
    if (d.connect && d.connect->sidecar_service) before.erase(own.id + "-sidecar-proxy");
  }
  for (auto& id : before) drop_service(id);
  settle_aliases(now);
  return first;
}

error local_state::replace_file_checks(const std::vector<check_registration>& checks, nanos now) {
  error first;
  std::set<std::string> before;
  for (auto& [id, c] : checks_) if (c.from == source::file && c.stands_alone) before.insert(id);
  for (auto& c : checks) {
    before.erase(c.id.empty() ? c.name : c.id);
    if (auto e = add_check(c, source::file, c.token, now); e.code != errc::none && first.code == errc::none) first = of_check(c, std::move(e));
  }
  for (auto& id : before) drop_check(id);
  learned_.clear();
  settle_aliases(now);
  return first;
}

void local_state::release_file_checks(const std::vector<service_definition>& services, const std::vector<check_registration>& checks) {
  std::map<std::string, std::string> owners; // check → service
  auto owns = [&](const node_service& s, const std::vector<check_registration>& all) {
    for (auto& id : check_ids(s, all)) owners.try_emplace(id, s.id);
  };
  for (auto& d : services) {
    const node_service own = instance_of(d);
    owns(own, agent::checks_of(d));
    if (!d.connect || !d.connect->sidecar_service) continue;
    const service_definition side = complete_sidecar(d, own);
    const node_service beside = instance_of(side);
    const auto given = agent::checks_of(side);
    owns(beside, given.empty() ? default_sidecar_checks(beside, own.id) : given);
  }
  for (auto& c : checks) owners.try_emplace(c.id.empty() ? c.name : c.id, c.service_id);
  std::vector<std::string> moved;
  for (auto& [id, c] : checks_) {
    auto to = c.from == source::file ? owners.find(id) : owners.end();
    if (to != owners.end() && to->second != c.record->service_id) moved.push_back(id);
  }
  for (auto& id : moved) {
    learned_[id] = checks_.at(id).record;
    drop_check(id);
  }
}

} // namespace actord::agent
