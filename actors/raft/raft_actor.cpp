#include "actors/raft/raft_actor.hpp"
#include "actors/raft/core/raft_core.hpp"
#include "actors/raft/log_writer_actor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "storage/raft_log/log_store.hpp"
#include <caf/actor_cast.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <unordered_map>

namespace actord {
namespace {

// The core reads old entries back through this.
class disk_reader : public raft::log_reader {
public:
  explicit disk_reader(log_store& s) : store_(s) {}
  result<raft_term> term(raft_index at) override { return store_.term(at); }
  result<std::vector<raft::entry>> entries(raft_index lo, raft_index hi, size_t max_bytes) override {
    auto stored = store_.entries(lo, hi, max_bytes);
    if (!stored) return stored.err();
    std::vector<raft::entry> out;
    out.reserve(stored->size());
    for (auto& e : *stored)
      out.push_back({e.index, e.term, static_cast<raft::entry_kind>(e.kind), 0, std::make_shared<const std::string>(std::move(e.payload))});
    return out;
  }

private:
  log_store& store_;
};

error refusal(raft::reject_reason why) {
  switch (why) {
  case raft::reject_reason::lost_leadership: return {errc::unknown_outcome, "leadership lost while committing log"};
  case raft::reject_reason::overloaded: return {errc::internal, "timed out enqueuing operation"};
  case raft::reject_reason::too_large: return {errc::too_large, "command is too large for the log"};
  case raft::reject_reason::halted: return {errc::internal, "raft has halted: the log could not be read"};
  default: return {errc::no_leader, "No cluster leader"};
  }
}

struct raft_state {
  static inline const char* name = "raft";
  using pointer = raft_handle::stateful_pointer<raft_state>;

  raft_state(pointer p) : self(p) {}

  struct origin {
    uint64_t id = 0;
    caf::strong_actor_ptr reply_to;                                // of proposals
    std::optional<caf::typed_response_promise<apply_outcome>> one; // of propose_one
    std::chrono::steady_clock::time_point since;                   // when it was proposed
  };

  pointer self;
  log_store* store = nullptr;
  std::unique_ptr<disk_reader> disk;
  std::unique_ptr<raft::raft_core> core;
  raft_setup setup;
  std::shared_ptr<node_status> status;
  log_writer_handle writer;
  state_handle state;
  std::unordered_map<uint64_t, origin> origins; // by cookie
  std::unordered_map<uint64_t, caf::typed_response_promise<apply_outcome>> ones; // handed to the state actor under this id
  uint64_t next_cookie = 1;
  raft_index leader_from; // the no-op of our term
  error stalled;          // the log writer's last failure, while it lasts
  uint64_t last_write = 0;
  telemetry::series& proposed = telemetry::counter("raft.apply");
  telemetry::series& commit_time = telemetry::sample("raft.commitTime"); // ms

  void start(state_handle s) {
    state = std::move(s);
    writer = spawn_log_writer(self->system(), *store, raft_handle{self}, setup.detached_writer);
    self->link_to(writer);
    arm();
    perform_effects();
  }

  void arm() { self->delayed_send(self, setup.tick, raft_ticked{}); }

  // ---- proposals -----------------------------------------------------------------------------------------------
  void propose(std::string command, origin o) {
    auto cookie = next_cookie++;
    proposed.add();
    origins.emplace(cookie, std::move(o));
    core->propose(std::move(command), cookie); // a refusal comes out by drain()
  }

  void propose_batch(proposals& p) {
    if (stalled.code != errc::none) {
      proposals_done done;
      for (auto& one : p.batch) {
        done.outcomes.push_back({one.id, {}});
        done.outcomes.back().result.failure = stalled;
      }
      caf::anon_send(caf::actor_cast<caf::actor>(p.reply_to), std::move(done));
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    for (auto& one : p.batch) propose(std::move(one.command), {one.id, p.reply_to, {}, now});
    perform_effects();
  }

  void finish(origin& o, apply_result r) {
    if (o.one) o.one->deliver(apply_outcome{std::move(r)});
    else if (o.reply_to) caf::anon_send(caf::actor_cast<caf::actor>(o.reply_to), proposals_done{{{o.id, std::move(r)}}});
  }

  // Outcomes of propose_one come back from the state actor as if we were an I/O thread.
  void done(proposals_done& d) {
    for (auto& outcome : d.outcomes) {
      auto at = ones.find(outcome.id);
      if (at == ones.end()) continue;
      at->second.deliver(apply_outcome{std::move(outcome.result)});
      ones.erase(at);
    }
  }

  // ---- effects ---------------------------------------------------------------------------------------------------
  void perform_effects() {
    while (core->has_ready()) {
      auto r = core->drain();
      if (r.write_id != 0) send_write(r);
      if (!r.committed.empty()) send_committed(r.committed);
      for (auto& x : r.rejected) {
        auto at = origins.find(x.cookie);
        if (at == origins.end()) continue;
        auto o = std::move(at->second);
        origins.erase(at);
        apply_result out;
        out.failure = refusal(x.reason);
        finish(o, std::move(out));
      }
      if (r.role) note_role(*r.role);
      if (r.fault) log::err("agent.server.raft", "halted: error=\"{}\"", r.fault->text);
    }
    status->commit.store(core->commit_index().v, std::memory_order_relaxed);
    status->term.store(core->term().v, std::memory_order_relaxed);
  }

  void send_write(raft::ready& r) {
    log_write w;
    w.write_id = last_write = r.write_id;
    if (r.restore) w.restore.emplace(r.restore->index, r.restore->term);
    if (r.hard) w.hard.emplace(r.hard->term, r.hard->vote);
    w.append.reserve(r.append.size());
    for (auto& e : r.append) w.append.push_back({e.index, e.term, static_cast<uint8_t>(e.kind), e.payload});
    self->send(writer, std::move(w));
  }

  void send_committed(std::vector<raft::entry>& committed) {
    entries_committed out;
    out.entries.reserve(committed.size());
    const auto now = std::chrono::steady_clock::now();
    for (auto& e : committed) {
      committed_entry c;
      c.index = e.index;
      if (e.kind == raft::entry_kind::command) c.command = std::move(e.payload);
      if (e.cookie != 0) {
        if (auto at = origins.find(e.cookie); at != origins.end()) {
          commit_time.record(std::chrono::duration<double, std::milli>(now - at->second.since).count());
          c.id = at->second.id;
          c.reply_to = std::move(at->second.reply_to);
          if (at->second.one) {
            c.id = e.cookie;
            c.reply_to = caf::actor_cast<caf::strong_actor_ptr>(self);
            ones.emplace(e.cookie, std::move(*at->second.one));
          }
          origins.erase(at);
        }
      }
      out.entries.push_back(std::move(c));
    }
    self->send(state, std::move(out));
  }

  void note_role(const raft::role_change& r) {
    status->known_leader.store(!r.leader.empty());
    if (r.role != raft::role::leader) {
      status->leader.store(false);
      return;
    }
    leader_from = core->last_index();
    log::info("agent.server.raft", "entering leader state: term={}", r.term.v);
    applied(raft_index{status->applied.load()});
  }

  void applied(raft_index upto) {
    if (core->is_leader() && upto >= leader_from && !status->leader.exchange(true)) {
      log::info("agent.server", "cluster leadership acquired");
      log::info("agent.server", "New leader elected: payload={}", setup.advertise);
    }
  }

  leader_info info() const {
    leader_info out;
    if (!core->leader().empty()) out.address = setup.advertise;
    out.term = core->term().v;
    out.peers = {setup.advertise};
    auto number = [](uint64_t n) { return std::to_string(n); };
    out.stats = {
        {"applied_index", number(status->applied.load())},
        {"commit_index", number(core->commit_index().v)},
        {"fsm_pending", number(core->commit_index().v - std::min(core->commit_index().v, status->applied.load()))},
        {"last_contact", "0"},
        {"last_log_index", number(core->last_index().v)},
        {"last_log_term", number(core->term().v)},
        {"last_snapshot_index", number(store->compacted().first.v)},
        {"last_snapshot_term", number(store->compacted().second.v)},
        {"num_peers", number(setup.options.members.voters.size() - 1)},
        {"state", core->is_leader() ? "Leader" : core->role() == raft::role::follower ? "Follower" : "Candidate"},
        {"term", number(core->term().v)},
    };
    return out;
  }
};

// What the actor is made of; opened by whoever spawns it, so that a bad log is an error to the caller.
struct raft_parts {
  log_store* store;
  std::unique_ptr<disk_reader> disk;
  std::unique_ptr<raft::raft_core> core;
  raft_setup setup;
  std::shared_ptr<node_status> status;
};

raft_handle::behavior_type raft_behavior(raft_state::pointer self, std::shared_ptr<raft_parts> parts) {
  auto& s = self->state;
  s.store = parts->store;
  s.disk = std::move(parts->disk);
  s.core = std::move(parts->core);
  s.setup = std::move(parts->setup);
  s.status = std::move(parts->status);
  return {
      [self](proposals& p) { self->state.propose_batch(p); },
      [self](propose_one& p) -> caf::result<apply_outcome> {
        auto promise = self->make_response_promise<apply_outcome>();
        if (self->state.stalled.code != errc::none) {
          apply_outcome out;
          out.result.failure = self->state.stalled;
          promise.deliver(std::move(out));
        } else {
          self->state.propose(std::move(p.command), {0, nullptr, promise, std::chrono::steady_clock::now()});
          self->state.perform_effects();
        }
        return promise;
      },
      [self](leader_query) -> caf::result<leader_info> { return self->state.info(); },
      [self](proposals_done& d) { self->state.done(d); },
      [self](raft_attach& a) { self->state.start(std::move(a.state)); },
      [self](raft_ticked) {
        self->state.arm();
        self->state.core->tick();
        self->state.perform_effects();
      },
      [self](log_written& w) {
        self->state.stalled = std::move(w.failure);
        if (w.write_id == 0) return;
        self->state.core->synced(w.write_id);
        self->state.perform_effects();
      },
      [self](const entries_applied& a) {
        self->state.core->applied(a.upto);
        self->state.applied(a.upto);
        self->state.perform_effects();
      },
      [self](const log_cut_wanted& c) { self->send(self->state.writer, log_cut{c.upto}); },
      [self](const log_was_cut& c) { self->state.core->compacted({c.upto, c.term}); },
  };
}

} // namespace

result<raft_handle> spawn_raft_actor(caf::actor_system& system, log_store& log, raft_index applied, raft_setup setup, std::shared_ptr<node_status> status) {
  raft::stored_state stored;
  auto [term, vote] = log.hard_state();
  auto [cut_index, cut_term] = log.compacted();
  stored.hard = {term, vote};
  stored.compacted = {cut_index, cut_term};
  stored.last = log.last_index();
  stored.applied = applied;
  auto disk = std::make_unique<disk_reader>(log);
  auto core = raft::raft_core::open(setup.options, stored, *disk, prng(setup.seed));
  if (!core) return core.err();
  return system.spawn(raft_behavior, std::make_shared<raft_parts>(raft_parts{&log, std::move(disk), std::move(*core), std::move(setup), std::move(status)}));
}

} // namespace actord
