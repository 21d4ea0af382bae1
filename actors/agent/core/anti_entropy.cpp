#include "actors/agent/core/anti_entropy.hpp"
#include "runtime/base/broken_rule.hpp"
#include <algorithm>
#include <cmath>
#include <set>

namespace actord::agent {

namespace {

bool same_service(const node_service& mine, const node_service& theirs) {
  node_service a = mine, b = theirs;
  a.create_index = a.modify_index = b.create_index = b.modify_index = 0;
  a.locally_registered_as_sidecar = b.locally_registered_as_sidecar = false;
  return a == b;
}

// A service check's copy of the service's name and tags is the catalog's business, not a difference.
bool same_check(const health_check& mine, const health_check& theirs, bool with_output) {
  return mine.check_id == theirs.check_id && mine.name == theirs.name && mine.status == theirs.status && mine.notes == theirs.notes &&
         mine.service_id == theirs.service_id && mine.type == theirs.type && mine.definition == theirs.definition &&
         (!with_output || mine.output == theirs.output);
}

// About the bytes that it takes in a command.
size_t weight_of(const health_check& c) {
  size_t n = 256 + c.check_id.size() + c.name.size() + c.notes.size() + c.output.size() + c.definition.http.size() + c.definition.body.size();
  for (auto& tag : c.service_tags) n += tag.size() + 8;
  return n;
}

} // namespace

anti_entropy::anti_entropy(node_identity self, anti_entropy_options o, prng random) : self_(std::move(self)), o_(o), random_(random) {}

health_check anti_entropy::serf_health() const {
  health_check c;
  c.node = self_.name;
  c.check_id = serf_health_id;
  c.name = "Serf Health Status";
  c.status = health_passing;
  c.output = "Agent alive and reachable";
  return c;
}

register_request anti_entropy::base() const {
  register_request r;
  r.datacenter = self_.datacenter;
  r.id = self_.id;
  r.node = self_.name;
  r.address = self_.address;
  r.tagged_addresses = self_.tagged_addresses;
  r.node_meta = self_.meta;
  r.skip_node_update = true;
  return r;
}

bool anti_entropy::has_work(const local_state& s) const {
  return !node_in_sync_ || !s.dirty_services.empty() || !s.dirty_checks.empty() || !s.removed_services.empty() || !s.removed_checks.empty();
}

void anti_entropy::add_command(std::vector<catalog_command>& out, catalog_command c, sent s) {
  c.number = ++numbers_;
  s.upto = upto_;
  in_flight_.emplace(c.number, std::move(s));
  out.push_back(std::move(c));
}

std::vector<catalog_command> anti_entropy::take_batch(local_state& s) {
  std::vector<catalog_command> out;
  if (!in_flight_.empty()) return out;
  upto_ = s.changes();
  if (!node_in_sync_) send_node(out);
  // Services before checks, as Consul goes about it.
  send_service_removals(s, out);
  send_services(s, out);
  send_check_removals(s, out);
  send_checks(s, out);
  batch_failed_ = false;
  batch_had_ = out.size();
  return out;
}

void anti_entropy::batch_took(nanos time) {
  using namespace std::chrono_literals;
  if (!in_flight_.empty() || batch_had_ == 0) return;
  const auto had = std::exchange(batch_had_, 0);
  if (time > 500ms) batch_most_ = std::max(std::min(o_.least_batch, batch_most_), std::min(batch_most_, had) / 2);
  else if (time < 100ms) batch_most_ = std::min(o_.batch_commands, batch_most_ * 2);
}

// In two commands, as a leader of Consul's and the agent after it: first that the member is there, with what a server
// stands for, leaving alone what is known of the node; then the node's own addresses and metadata. Clients see the
// indexes of both.
void anti_entropy::send_node(std::vector<catalog_command>& out) {
  if (self_.server) {
    catalog_command member;
    auto& r = member.add.emplace();
    r = base();
    r.tagged_addresses = {};
    r.node_meta = {};
    r.service = self_.server;
    r.check = serf_health();
    add_command(out, std::move(member), {});
  }
  catalog_command c;
  auto& r = c.add.emplace();
  r = base();
  r.skip_node_update = false;
  sent what;
  what.node = true;
  add_command(out, std::move(c), std::move(what));
}

void anti_entropy::send_service_removals(local_state& s, std::vector<catalog_command>& out) {
  for (auto& id : s.removed_services) {
    if (out.size() >= batch_most_) return;
    catalog_command c;
    auto& r = c.remove.emplace();
    r.datacenter = self_.datacenter;
    r.node = self_.name;
    r.service_id = id;
    sent what;
    what.removed_service = id;
    for (auto& [check, service] : s.removed_checks)
      if (service == id) what.removed_checks.push_back(check); // they go with the service
    add_command(out, std::move(c), std::move(what));
  }
}

void anti_entropy::send_check_removals(local_state& s, std::vector<catalog_command>& out) {
  for (auto& [id, service] : s.removed_checks) {
    if (out.size() >= batch_most_) return;
    if (s.removed_services.contains(service)) continue;
    catalog_command c;
    auto& r = c.remove.emplace();
    r.datacenter = self_.datacenter;
    r.node = self_.name;
    r.check_id = id;
    sent what;
    what.removed_checks.push_back(id);
    add_command(out, std::move(c), std::move(what));
  }
}

void anti_entropy::send_services(local_state& s, std::vector<catalog_command>& out) {
  for (auto& id : s.dirty_services) {
    if (out.size() >= batch_most_) return;
    const local_service& local = s.services().find(id)->second;
    catalog_command c;
    auto& r = c.add.emplace();
    r = base();
    r.service = *local.record;
    r.token = local.token;
    sent what;
    what.service = id;
    what.service_version = local.version;
    std::vector<const local_check*> news;
    if (auto* checks = s.checks_of(id))
      for (auto& check : *checks) {
        const local_check& k = s.checks().find(check)->second;
        if (!k.in_sync && k.token == local.token) news.push_back(&k);
      }
    // With all its checks, so that it is never seen healthier than it is. Where these are more than a command holds, what is not passing
    // goes with it and the others follow.
    size_t bytes = 0;
    for (auto* k : news) bytes += weight_of(*k->record);
    if (bytes > o_.command_bytes)
      std::stable_partition(news.begin(), news.end(), [](auto* k) { return k->record->status != health_passing; });
    bytes = 0;
    for (auto* k : news) {
      if ((bytes += weight_of(*k->record)) > o_.command_bytes && !r.checks.empty()) break;
      what.checks.emplace_back(k->record->check_id, k->version);
      r.checks.push_back(*k->record);
    }
    if (r.checks.size() == 1) { // as Consul does: a single check travels alone
      r.check = std::move(r.checks.front());
      r.checks.clear();
    }
    add_command(out, std::move(c), std::move(what));
  }
}

void anti_entropy::send_checks(local_state& s, std::vector<catalog_command>& out) {
  std::set<std::string, std::less<>> on_their_way;
  for (auto& [number, what] : in_flight_)
    for (auto& [id, version] : what.checks) on_their_way.insert(id);
  // The rest, one command per service (or the node) and token.
  std::map<std::pair<std::string, std::string>, std::vector<const local_check*>> groups;
  for (auto& id : s.dirty_checks)
    if (!on_their_way.contains(id)) {
      const local_check& k = s.checks().find(id)->second;
      groups[{k.record->service_id, k.token}].push_back(&k);
    }
  for (auto& [key, group] : groups)
    for (size_t at = 0; at < group.size();) {
      if (out.size() >= batch_most_) return;
      catalog_command c;
      auto& r = c.add.emplace();
      r = base();
      r.token = key.second;
      sent what;
      for (size_t bytes = 0; at < group.size() && r.checks.size() < 64; ++at) {
        if ((bytes += weight_of(*group[at]->record)) > o_.command_bytes && !r.checks.empty()) break;
        r.checks.push_back(*group[at]->record);
        what.checks.emplace_back(group[at]->record->check_id, group[at]->version);
      }
      if (r.checks.size() == 1) {
        r.check = std::move(r.checks.front());
        r.checks.clear();
      }
      add_command(out, std::move(c), std::move(what));
    }
}

void anti_entropy::finished(local_state& s, uint64_t number, bool done, nanos now) {
  auto it = in_flight_.find(number);
  if (it == in_flight_.end()) return;
  const sent what = std::move(it->second);
  in_flight_.erase(it);
  if (!done) {
    if (!batch_failed_) {
      backoff_ = backoff_.count() == 0 ? o_.retry_min : std::min(backoff_ * 2, o_.retry_max);
      retry_at_ = now + backoff_;
      // A refused registration may come from a wrong idea of the catalog (a node that somebody removed).
      full_at_ = std::min(full_at_, retry_at_);
    }
    batch_failed_ = true;
    return;
  }
  if (!batch_failed_) backoff_ = nanos(0);
  note_told(what);
  if (what.node) {
    node_in_sync_ = true;
    log_.push_back("Synced node info");
  }
  if (!what.service.empty())
    if (auto l = s.services().find(what.service); l != s.services().end() && l->second.version == what.service_version) {
      s.mark_service(what.service, true);
      log_.push_back("Synced service: service=" + what.service);
    }
  for (auto& [id, version] : what.checks)
    if (auto c = s.checks().find(id); c != s.checks().end() && c->second.version == version) {
      s.mark_check(id, true);
      if (what.service.empty()) log_.push_back("Synced check: check=" + id);
    }
  // What came back meanwhile under the same id was put on the dirty lists again and is not removed from them here.
  if (!what.removed_service.empty()) {
    s.removed_services.erase(what.removed_service);
    log_.push_back("Deregistered service: service=" + what.removed_service);
  }
  for (auto& id : what.removed_checks) {
    s.removed_checks.erase(id);
    if (what.removed_service.empty()) log_.push_back("Deregistered check: check=" + id);
  }
}

void anti_entropy::note_told(const sent& what) {
  for (auto* id : {&what.service, &what.removed_service})
    if (!id->empty()) told_.push_back({false, *id, what.upto});
  for (auto& [id, version] : what.checks) told_.push_back({true, id, what.upto});
  for (auto& id : what.removed_checks) told_.push_back({true, id, what.upto});
}

std::vector<catalog_change> anti_entropy::drain_told() { return std::exchange(told_, {}); }

void anti_entropy::give_up(local_state& s, nanos now) {
  while (!in_flight_.empty()) finished(s, in_flight_.begin()->first, false, now);
}

void anti_entropy::compare_node(const catalog_picture& remote) {
  node_in_sync_ = remote.node && remote.node->id == self_.id && remote.node->address == self_.address &&
                  remote.node->tagged_addresses == self_.tagged_addresses && remote.node->meta == self_.meta;
  if (!node_in_sync_ || !self_.server) return;
  auto server = std::find_if(remote.services.begin(), remote.services.end(), [&](auto& x) { return x.id == self_.server->id; });
  auto health = std::find_if(remote.checks.begin(), remote.checks.end(), [&](auto& x) { return x.check_id == serf_health_id; });
  node_in_sync_ = server != remote.services.end() && same_service(*self_.server, *server) && health != remote.checks.end() &&
                  same_check(serf_health(), *health, true);
}

int64_t anti_entropy::scale_of(size_t members) {
  if (members <= 128) return 1;
  return static_cast<int64_t>(std::ceil(std::log2(static_cast<double>(members)) - 7)) + 1;
}

void anti_entropy::compare_soon(nanos now) {
  constexpr uint64_t stagger = 3000000000;
  full_at_ = std::min(full_at_, now + nanos(static_cast<int64_t>(random_.below(stagger * static_cast<uint64_t>(scale_)))));
}

void anti_entropy::compare_failed(nanos now) {
  constexpr uint64_t wait = 15000000000;
  full_at_ = now + nanos(static_cast<int64_t>(wait + random_.below(wait * static_cast<uint64_t>(scale_))));
  if (compared_) return;
  backoff_ = backoff_.count() == 0 ? o_.retry_min : std::min(backoff_ * 2, o_.retry_max); // for whoever registers meanwhile
  retry_at_ = now + backoff_;
}

void anti_entropy::compare(local_state& s, const catalog_picture& remote, nanos now) {
  const auto interval = static_cast<uint64_t>(o_.full_interval.count());
  full_at_ = now + nanos(static_cast<int64_t>(interval + random_.below(interval * static_cast<uint64_t>(scale_))));
  compared_ = true;
  compare_node(remote);
  std::set<std::string, std::less<>> seen;
  for (auto& theirs : remote.services) {
    seen.insert(theirs.id);
    auto mine = s.services().find(theirs.id);
    if (mine == s.services().end()) {
      if (theirs.id != consul_service_id && !broken(rule::aliens_go)) s.removed_services.insert(theirs.id);
      continue;
    }
    if (mine->second.record->enable_tag_override) s.adopt_tags(theirs.id, theirs.tags);
    const bool same = same_service(*mine->second.record, theirs);
    if (same != mine->second.in_sync) s.mark_service(theirs.id, same);
  }
  for (auto& [id, mine] : s.services())
    if (!seen.contains(id) && mine.in_sync) s.mark_service(id, false);
  std::erase_if(s.removed_services, [&](auto& id) { return !seen.contains(id); });

  std::set<std::string, std::less<>> seen_checks;
  for (auto& theirs : remote.checks) {
    seen_checks.insert(theirs.check_id);
    auto mine = s.checks().find(theirs.check_id);
    if (mine == s.checks().end()) {
      if (theirs.check_id != serf_health_id) s.removed_checks[theirs.check_id] = theirs.service_id;
      continue;
    }
    const bool with_output = o_.compare_output || !mine->second.in_sync;
    const bool same = same_check(*mine->second.record, theirs, with_output);
    if (same != mine->second.in_sync) s.mark_check(theirs.check_id, same);
  }
  for (auto& [id, mine] : s.checks())
    if (!seen_checks.contains(id) && mine.in_sync) s.mark_check(id, false);
  std::erase_if(s.removed_checks, [&](auto& c) { return !seen_checks.contains(c.first); });
}

nanos anti_entropy::next_deadline(const local_state& s) const {
  nanos next = full_at_;
  if (compared_ && in_flight_.empty() && has_work(s)) next = std::min(next, retry_at_);
  return next;
}

std::vector<std::string> anti_entropy::drain_log() { return std::exchange(log_, {}); }

void anti_entropy::change_identity(node_identity self) {
  self_ = std::move(self);
  node_in_sync_ = false;
}

} // namespace actord::agent
