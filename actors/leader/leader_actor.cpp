#include "actors/leader/leader_actor.hpp"
#include "actors/leader/core/reconcile.hpp"
#include "actors/leader/core/tombstones.hpp"
#include "runtime/base/broken_rule.hpp"
#include "runtime/base/log.hpp"
#include "storage/command/commands.hpp"
#include "storage/state/store.hpp"
#include <arpa/inet.h>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <optional>

namespace actord {

namespace {

using namespace std::chrono_literals;
using leader::standing;

constexpr std::string_view subsystem = "agent.leader";
constexpr auto poll_at_start = 20ms, poll = 250ms;  // until somebody leads; afterwards
constexpr nanos walk_interval = 60s, patience = 15s; // for one batch
constexpr nanos retry_interval = 1s;                 // after the state could not be read
constexpr nanos second_walk = 2s;                    // after the first one of a leader
constexpr size_t max_waiting = 65536, batch_size = 256;
constexpr const char* consul_version = "1.8.7";

std::string raw_ip(const std::string& text) {
  char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return {bytes, 4};
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {bytes, 16};
  return {};
}

// This server as its own pool shows it: it need not wait for its pool to register itself.
members::member own_member(const node_config& c) {
  members::member m;
  m.name = c.node_name;
  m.at = {raw_ip(c.advertise_addr), static_cast<uint16_t>(c.port_serf_lan)};
  m.tags = {{"role", "consul"}, {"dc", c.datacenter}, {"segment", ""}, {"id", c.node_id}, {"vsn", std::to_string(c.protocol)}, {"build", std::string(consul_version) + ":"},
            {"port", std::to_string(c.port_server)}, {"raft_vsn", "3"}};
  m.status = members::member_status::alive;
  m.vsn = {1, 5, 2, 2, 5, 4};
  return m;
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

struct leader_state {
  static inline const char* name = "leader";
  using pointer = leader_handle::stateful_pointer<leader_state>;
  struct event {
    members::member who;
    standing how;
    bool unknown = false; // gossip does not know it: only its name counts
  };

  leader_state(pointer p) : self(p) {}
  pointer self;
  leader_deps deps;
  std::unique_ptr<reader> views;
  std::unique_ptr<leader::reconcile> core;
  std::string datacenter;
  members::member own;
  uint64_t led_term = 0; // 0: does not lead
  bool has_walked = false; // since it leads
  nanos walk_at{0}, sent_at{0}, unread_until{0};
  std::deque<event> waiting;
  std::map<uint64_t, std::string> under_way; // by proposal; what is being done, for the log
  uint64_t next_id = 1;
  std::shared_ptr<const pool_view> first_seen; // only where members_are_current is broken
  leader::tombstones graves;
  std::map<uint64_t, uint64_t> reaping; // by proposal; up to which index

  nanos now() const { return std::chrono::duration_cast<nanos>(self->clock().now().time_since_epoch()); }

  void tick() {
    const bool known = deps.status->leader.load() || deps.status->known_leader.load();
    self->delayed_send(self, known ? poll : poll_at_start, leader_ticked{});
    const auto term = deps.status->leader.load() ? std::max<uint64_t>(deps.status->term.load(), 1) : 0;
    if (term != led_term) term == 0 ? step_down() : take_over(term);
    if (led_term == 0) return;
    if (!under_way.empty() && now() - sent_at > patience) under_way.clear(); // the next walk sees what became of it
    if (now() >= walk_at) walk();
    carry_out();
    reap_tombstones();
  }

  void step_down() {
    led_term = 0;
    waiting.clear();
    under_way.clear();
  }

  void take_over(uint64_t term) {
    led_term = term;
    waiting.clear();
    under_way.clear();
    core->lead_anew();
    graves.lead_anew();
    reaping.clear();
    has_walked = false;
    const auto view = deps.members ? deps.members->look() : std::make_shared<const pool_view>();
    const auto* seen = view->find(own.name);
    waiting.push_back({seen ? *seen : own, standing::alive});
    walk_at = broken(rule::leader_walks) ? nanos::max() : now();
    if (!deps.lan) return;
    self->request(deps.lan, caf::infinite, pool_fire{"consul:new-leader", own.name, false})
        .then([](const agent_done& d) { if (d.failure.code != errc::none) log::err(subsystem, "failed to broadcast the new leader: error=\"{}\"", d.failure.text); },
              [](const caf::error&) {});
  }

  void news(pool_news& n) {
    if (led_term == 0 || n.wan) return;
    for (auto& m : n.members) {
      if (waiting.size() >= max_waiting) {
        waiting.clear();
        walk_at = now();
        break;
      }
      auto how = leader::standing_after(m.change);
      if (broken(rule::failed_stay) && how == standing::failed) how = standing::left;
      if (broken(rule::left_go) && how == standing::left) continue;
      waiting.push_back({std::move(m.who), how});
    }
    carry_out();
  }

  // All members, then those nodes of the catalog that are none.
  void walk() {
    // Who joined in the moment of the election was told to nobody who led, and may not have been on the board at the first walk.
    walk_at = now() + (std::exchange(has_walked, true) ? walk_interval : second_walk);
    query_meta ignored;
    std::vector<std::string> checked;
    if (deps.lan) {
      auto catalog = views->open();
      for (auto& c : catalog.checks_in_state(health_any, ignored))
        if (c.check_id == leader::serf_check_id) checked.push_back(c.node);
      if (catalog.failed()) {
        walk_at = now() + retry_interval;
        return unread(catalog.failure());
      }
    }
    if (waiting.size() > max_waiting) waiting.clear(); // the walk sees them all
    auto view = deps.members ? deps.members->look() : std::make_shared<const pool_view>();
    if (broken(rule::members_are_current)) view = first_seen = first_seen ? first_seen : view;
    std::set<std::string> known{lower(own.name)};
    for (auto& m : view->members) {
      known.insert(lower(m.name));
      if (broken(rule::left_go) && leader::standing_of(m) == standing::left) continue;
      waiting.push_back({m, leader::standing_of(m)});
    }
    if (!deps.lan) return;
    for (auto& node : core->forgotten(known, checked, now())) {
      members::member m;
      m.name = node;
      waiting.push_back({std::move(m), standing::reaped, true});
    }
  }

  // Whoever is compared with a catalog that cannot be read would be registered again or taken away: nothing is done for a while.
  void unread(const error& why) {
    log::err(subsystem, "failed to reconcile: error=\"{}\"", why.text);
    unread_until = now() + retry_interval;
  }

  std::optional<leader::node_picture> look_at(const std::string& node) {
    leader::node_picture c;
    query_meta ignored;
    auto view = views->open();
    c.node = view.node(node, ignored);
    if (c.node) {
      if (auto all = view.services_of_node(node, ignored)) c.services = std::move(all->services);
      c.checks = view.checks_of_node(node, ignored);
    }
    if (!view.failed()) return c;
    unread(view.failure());
    return {};
  }

  // One batch at a time, so that each event is compared with what those before it have done; and for the same reason no
  // node twice in a batch.
  void carry_out() {
    if (led_term == 0 || !under_way.empty() || now() < unread_until) return;
    proposals p;
    std::set<std::string> touched;
    while (!waiting.empty() && p.batch.size() < batch_size) {
      auto& e = waiting.front();
      if (touched.contains(lower(e.who.name))) break;
      const auto picture = look_at(e.who.name);
      if (!picture) break;
      auto step = e.unknown ? core->forget(e.who.name, *picture) : core->settle(e.who, e.how, *picture);
      if (step.any()) touched.insert(lower(e.who.name));
      waiting.pop_front();
      if (!step.raft_id.empty() && !(deps.members && leader::lives_on(deps.members->look()->members, step.node, step.raft_id))) leave_raft(step);
      if (!step.add && !step.remove) continue;
      log::info(subsystem, "{} member={}", step.why, step.node);
      under_way.emplace(next_id, step.node);
      p.batch.push_back({next_id++, step.add ? encode_command(command_kind::catalog_register, *step.add)
                                             : encode_command(command_kind::catalog_deregister, *step.remove)});
    }
    if (p.batch.empty()) return;
    p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(self);
    sent_at = now();
    caf::anon_send(caf::actor_cast<leader_line>(deps.router), leader_proposals{led_term, std::move(p)});
  }

  void reap_tombstones() {
    if (!graves.look_due(now())) return;
    {
      auto view = views->open();
      const auto newest = view.table_index("tombstones");
      if (view.failed()) return;
      graves.observe(newest, now());
    }
    const auto upto = graves.due(now());
    if (upto == 0) return;
    proposals p;
    reaping.clear(); // one at a time: what nobody answered is proposed again
    reaping.emplace(next_id, upto);
    p.batch.push_back({next_id++, encode_command(command_kind::tombstone_reap, tombstone_request{datacenter, "reap", upto})});
    p.reply_to = caf::actor_cast<caf::strong_actor_ptr>(self);
    caf::anon_send(caf::actor_cast<leader_line>(deps.router), leader_proposals{led_term, std::move(p)});
  }

  void leave_raft(const leader::step& step) {
    membership_change c;
    c.what = membership_change::kind::remove;
    c.id = step.raft_id;
    self->request(deps.router, caf::infinite, c)
        .then([node = step.node, id = step.raft_id](const apply_outcome& o) {
          const auto& failure = o.result.failure;
          if (failure.code == errc::none) log::info(subsystem, "removed server from Raft: server={} id={}", node, id);
          else if (failure.text.find("was not found") == std::string::npos) log::err(subsystem, "failed to remove server from Raft: server={} error=\"{}\"", node, failure.text);
        }, [](const caf::error&) {});
  }

  void done(const proposals_done& d) {
    for (auto& o : d.outcomes) {
      if (auto reap = reaping.find(o.id); reap != reaping.end() && o.result.failure.code == errc::none) graves.reaped(reap->second);
      auto at = under_way.find(o.id);
      if (at == under_way.end()) continue;
      if (o.result.failure.code != errc::none) log::err(subsystem, "failed to reconcile member: member={} error=\"{}\"", at->second, o.result.failure.text);
      under_way.erase(at);
    }
    if (under_way.empty()) carry_out();
  }
};

leader_handle::behavior_type leader_behavior(leader_state::pointer self, const node_config& config, leader_deps deps) {
  auto* s = &self->state;
  s->deps = std::move(deps);
  s->views = std::make_unique<reader>(*s->deps.store);
  s->own = own_member(config);
  s->datacenter = config.datacenter;
  s->core = std::make_unique<leader::reconcile>(leader::reconcile_options{config.datacenter, config.node_name});
  if (s->deps.lan) self->send(s->deps.lan, pool_subscribe{caf::actor_cast<caf::strong_actor_ptr>(self)});
  self->send(self, leader_ticked{});
  return {
      [s](leader_ticked) { s->tick(); },
      [s](pool_news& n) { s->news(n); },
      [s](const proposals_done& d) { s->done(d); },
  };
}

} // namespace

leader_handle spawn_leader_actor(caf::actor_system& system, const node_config& config, leader_deps deps) {
  return system.spawn(leader_behavior, config, std::move(deps));
}

} // namespace actord
