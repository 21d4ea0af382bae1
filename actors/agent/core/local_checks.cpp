// The running half of local_state: statuses, TTLs, outputs held back, aliases, the reaper.
#include "actors/agent/core/local_state.hpp"
#include "actors/agent/core/service_rules.hpp"
#include "runtime/base/broken_rule.hpp"
#include <algorithm>

namespace actord::agent {

error local_state::ttl_update(const std::string& id, std::string_view status, std::string output, nanos now, int64_t unix_now) {
  if (!valid_check_status(status)) return {errc::bad_request, "Invalid check status: '" + std::string(status) + "'"};
  auto it = checks_.find(id);
  if (it == checks_.end() || it->second.record->type != "ttl")
    return {errc::internal, "CheckID \"" + id + "\" does not have associated TTL"};
  local_check& c = it->second;
  const auto cap = static_cast<size_t>(c.how->output_max_size > 0 ? std::min(c.how->output_max_size, o_.output_max_size) : o_.output_max_size);
  if (output.size() > cap) {
    const size_t total = output.size();
    output.resize(cap);
    output += " ... (captured " + std::to_string(cap) + " of " + std::to_string(total) + " bytes)";
  }
  ttl_deadlines_.erase({c.ttl_deadline.count(), id});
  if (!broken(rule::ttl_begins_anew)) c.ttl_deadline = std::max(now + c.how->ttl, nanos(1));
  ttl_deadlines_.insert({c.ttl_deadline.count(), id});
  c.last_ttl_output = output;
  set_status(c, status, output, now);
  still_untold(true, id);
  emit(effect_kind::save_check_state, id, std::move(output), unix_now + std::chrono::duration_cast<std::chrono::seconds>(c.how->ttl).count());
  settle_aliases(now);
  return {};
}

void local_state::save_all(nanos now, int64_t unix_now) {
  for (auto& [id, s] : services_)
    if (s.from == source::api) emit(effect_kind::save_service, id);
  for (auto& [id, c] : checks_) {
    if (c.from != source::file) emit(effect_kind::save_check, id);
    if (c.record->type == "ttl" && c.ttl_deadline > now)
      emit(effect_kind::save_check_state, id, c.last_ttl_output, unix_now + std::chrono::duration_cast<std::chrono::seconds>(c.ttl_deadline - now).count());
  }
}

void local_state::check_ran(const std::string& id, std::string_view status, std::string_view output, nanos now) {
  auto it = checks_.find(id);
  // It may have become another kind of check while it ran.
  if (it == checks_.end() || !is_run(it->second)) return;
  set_status(it->second, status, std::string(output), now);
  settle_aliases(now);
}

void local_state::alias_saw(const std::string& check_id, const alias_verdict& v, nanos now) {
  auto it = checks_.find(check_id);
  if (it == checks_.end() || it->second.record->type != "alias") return;
  set_status(it->second, v.status, v.output, now);
  settle_aliases(now);
}

void local_state::set_status(local_check& c, std::string_view status, std::string output, nanos now) {
  if (o_.discard_output) output.clear();
  const health_check& was = *c.record;
  if (status != health_critical) c.critical_since = nanos(-1);
  else if (c.critical_since.count() < 0) c.critical_since = now; // its registration counts for nothing: what failed may be back
  if (was.status == status && was.output == output) return;
  const bool status_changed = was.status != status;
  const std::string id = was.check_id;
  auto next = std::make_shared<health_check>(was);
  next->status = status;
  next->output = std::move(output);
  c.record = std::move(next);
  changed_checks.insert(id);
  // New words for the same status may wait: the catalog's readers wake up for statuses (Consul's deferred sync, half to
  // one and a half of the interval, so that agents do not all write at once).
  if (!status_changed && o_.check_update_interval.count() > 0 && c.in_sync) {
    if (c.output_held_until.count() == 0) {
      const auto interval = static_cast<uint64_t>(o_.check_update_interval.count());
      c.output_held_until = now + nanos(static_cast<int64_t>(interval / 2 + random_.below(interval)));
      held_outputs_.insert({c.output_held_until.count(), id});
    }
  } else {
    held_outputs_.erase({c.output_held_until.count(), id});
    c.output_held_until = nanos(0);
    mark_check(id, false);
  }
  followers_look(c.record->service_id, now);
}

// ---- time -------------------------------------------------------------------------------------------------------

nanos local_state::next_deadline() const {
  if (!restless_aliases_.empty()) return last_now_;
  nanos next = nanos::max();
  if (!ttl_deadlines_.empty()) next = std::min(next, nanos(ttl_deadlines_.begin()->first));
  if (!held_outputs_.empty()) next = std::min(next, nanos(held_outputs_.begin()->first));
  if (!reapable_.empty()) next = std::min(next, next_reap_);
  return next;
}

void local_state::tick(nanos now) {
  while (!ttl_deadlines_.empty() && ttl_deadlines_.begin()->first <= now.count()) {
    const std::string id = ttl_deadlines_.begin()->second;
    ttl_deadlines_.erase(ttl_deadlines_.begin());
    local_check& c = checks_.find(id)->second;
    // Stays a TTL check (its deadline is not zero) though nothing can expire until the next update.
    emit(effect_kind::log_warn, id, "Check missed TTL, is now critical: check=" + id);
    set_status(c, health_critical,
               c.last_ttl_output.empty() ? "TTL expired" : "TTL expired (last output before timeout follows): " + c.last_ttl_output, now);
  }
  while (!held_outputs_.empty() && held_outputs_.begin()->first <= now.count()) {
    const std::string id = held_outputs_.begin()->second;
    held_outputs_.erase(held_outputs_.begin());
    checks_.find(id)->second.output_held_until = nanos(0);
    mark_check(id, false);
  }
  const bool in_portions = !restless_aliases_.empty();
  if (now >= next_reap_) reap(now);
  if (in_portions) settle_some_aliases(now);
  else settle_aliases(now);
}

void local_state::reap(nanos now) {
  next_reap_ = now + o_.reap_interval;
  std::vector<std::pair<std::string, std::string>> overdue; // service, check
  for (auto& id : reapable_) {
    const local_check& c = checks_.find(id)->second;
    const nanos patience = std::max(c.how->deregister_critical_service_after, o_.deregister_after_min);
    if (c.critical_since.count() >= 0 && now - c.critical_since > patience) overdue.emplace_back(c.record->service_id, id);
  }
  for (auto& [service, check] : overdue)
    if (services_.contains(service)) {
      emit(effect_kind::log_info, service,
           "Check for service has been critical for too long; deregistered service: service=" + service + " check=" + check);
      (void)remove_service(service);
    }
}

// ---- aliases ----------------------------------------------------------------------------------------------------

std::vector<local_state::remote_alias> local_state::remote_aliases() const {
  std::vector<remote_alias> out;
  for (auto& id : remote_aliases_) {
    auto& how = *checks_.find(id)->second.how;
    out.push_back({id, how.alias_node, how.alias_service});
  }
  return out;
}

void local_state::followers_look(const std::string& service_id, nanos) {
  if (followers_.empty()) return;
  if (service_id.empty()) // a check of the node concerns whoever follows anything on it
    for (auto& [service, all] : followers_) restless_aliases_.insert(all.begin(), all.end());
  else if (auto f = followers_.find(service_id); f != followers_.end()) restless_aliases_.insert(f->second.begin(), f->second.end());
}

// Takes the worst of the followed service's and the node's checks. An alias that belongs to the node does not look at
// such aliases (itself among them): with Consul it would never leave critical.
size_t local_state::follow(const std::string& alias_id, nanos now) {
  auto it = checks_.find(alias_id);
  if (it == checks_.end() || !it->second.how) return 0;
  size_t looks = 0;
  const std::string target = it->second.how->alias_service;
  const bool of_node = it->second.record->service_id.empty();
  std::string status(health_passing), output = "No checks found.";
  auto look = [&](const std::string& of) {
    auto* ids = checks_of(of);
    if (!ids) return;
    for (auto& id : *ids) {
      ++looks;
      const health_check& c = *checks_.find(id)->second.record;
      if (status == health_critical) return;
      if (id == alias_id || (of_node && of.empty() && c.type == "alias")) continue;
      if (c.status == health_critical || (c.status == health_warning && status == health_passing)) {
        status = c.status;
        output = "Aliased check \"" + c.name + "\" failing: " + c.output;
      } else if (status == health_passing) output = "All checks passing.";
    }
  };
  if (!target.empty() && !services_.contains(target)) {
    status = health_critical;
    output = "Service " + target + " could not be found on node ";
  } else {
    look("");
    if (!target.empty()) look(target);
  }
  set_status(it->second, status, std::move(output), now);
  return looks;
}

void local_state::settle_aliases(nanos now) {
  // Aliases of aliases settle in a few rounds; a ring of them may not keep us here.
  alias_rounds_ = 4 * checks_.size() + 16;
  settle_some_aliases(now);
}

// Thousands of aliases may each look at thousands of checks: what is left after so many looks has its time a little later.
void local_state::settle_some_aliases(nanos now) {
  constexpr size_t looks_at_once = 20000;
  last_now_ = now = std::max(now, last_now_);
  for (size_t looks = 0; alias_rounds_ > 0 && !restless_aliases_.empty(); --alias_rounds_) {
    if (looks > looks_at_once) return;
    const std::string id = *restless_aliases_.begin();
    restless_aliases_.erase(restless_aliases_.begin());
    looks += 1 + follow(id, now);
  }
  restless_aliases_.clear();
}

} // namespace actord::agent
